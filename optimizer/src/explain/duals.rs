//! What the duals of a solve say: the price of heat at a header, and the limits that hold a result back.

use std::collections::BTreeMap;

use crate::case::{Case, Link};
use crate::formulate::{Formulation, Name, Part, RowName, Rule};
use crate::problem::{Answer, Problem};
use crate::solution::Binding;

/// How many limits of one stage are worth a reader's time.
const SHOWN: usize = 8;

/// A worth below this (money or MWh per MW) explains nothing.
const NEGLIGIBLE: f64 = 1e-6;

/// Limits that are rows.
pub const RAMP_UP: &str = "ramp_up_per_h";
pub const RAMP_DOWN: &str = "ramp_down_per_h";
pub const START_MAX: &str = "start_max";
pub const STOP_MAX: &str = "stop_max";
/// The level that a store must have at the end. It holds back those who would have the heat, so less of it helps.
pub const FINAL: &str = "final";

/// Which one more of a limit it is whose worth is told.
#[must_use]
pub fn one_more(limit: &str) -> &'static str {
    match limit {
        "capacity_mwh" => "MWh more",
        FINAL => "MWh less",
        _ => "MW more",
    }
}

/// Whose limit a row is on its upper or lower side, and its name in the case. What a unit may change by from step to step has
/// another name where it starts or stops there; one that is off is held by nothing.
#[must_use]
pub fn limit_of_row<'c>(
    case: &'c Case,
    formulation: &Formulation,
    (rule, owner, t): RowName,
    upper: bool,
) -> Option<(&'c str, &'static str)> {
    let is = |part: Part| formulation.find(part, owner, t).is_some_and(|state| formulation.problem.lower[state] > 0.5);
    let limit = match rule {
        Rule::Ramp if upper => RAMP_UP,
        Rule::Ramp => RAMP_DOWN,
        Rule::Rise if upper && is(Part::Start) => START_MAX,
        Rule::Rise if upper && is(Part::On) => RAMP_UP,
        Rule::Fall if upper && is(Part::Stop) => STOP_MAX,
        Rule::Fall if upper && is(Part::On) => RAMP_DOWN,
        Rule::Final if !upper => return Some((&case.storages[owner].id, FINAL)),
        _ => return None,
    };
    Some((&case.units[owner].id, limit))
}

/// Whose limit the upper bound of a column is, and its name in the case.
#[must_use]
pub fn limit_of(case: &Case, (part, owner, _): Name) -> Option<(&str, &'static str)> {
    let (id, limit) = match part {
        Part::Heat => (&case.units[owner].id, "heat_max"),
        Part::Import => (&case.connections[owner].id, "max_import"),
        Part::Export => (&case.connections[owner].id, "max_export"),
        Part::Forward => (&case.links[owner].id, "cap"),
        // A way that is closed for good in one direction alone is none.
        Part::Reverse if one_way(&case.links[owner]) => return None,
        Part::Reverse => (&case.links[owner].id, "cap_reverse"),
        Part::Charge => (&case.storages[owner].id, "charge_max"),
        Part::Discharge => (&case.storages[owner].id, "discharge_max"),
        Part::Energy => (&case.storages[owner].id, "capacity_mwh"),
        Part::On | Part::Start | Part::Stop | Part::Filled(_) => return None,
        Part::Segment(_) | Part::Power | Part::Vertex(_) | Part::Reserve | Part::ReserveShort => return None,
        Part::Vent | Part::Shed | Part::Slack(_) => return None,
    };
    Some((id, limit))
}

fn one_way(link: &Link) -> bool {
    link.cap_reverse.written().iter().all(|cap| *cap <= 0.0) && link.cap.written().iter().any(|cap| *cap > 0.0)
}

/// Price of a MWh more at each header in each step: the balance row's dual is per MW held for the step.
#[must_use]
pub fn prices(case: &Case, formulation: &Formulation, answer: &Answer) -> BTreeMap<String, Vec<f64>> {
    let mut prices: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (h, header) in case.headers.iter().enumerate() {
        let of_header = formulation
            .hours
            .iter()
            .enumerate()
            .map(|(t, hours)| answer.y[formulation.balance(h, t)] / hours)
            .collect();
        prices.insert(header.id.clone(), of_header);
    }
    prices
}

/// The limits that keep a class (or the physical stage) from being smaller, over all steps.
#[must_use]
pub fn class(case: &Case, formulation: &Formulation, problem: &Problem, answer: &Answer, stage: &str) -> Vec<Binding> {
    limits(case, formulation, problem, answer, stage, formulation.hours.len())
}

/// The limits that cost money in the first step, which is the one that is dispatched.
#[must_use]
pub fn cost(case: &Case, formulation: &Formulation, problem: &Problem, answer: &Answer) -> Vec<Binding> {
    limits(case, formulation, problem, answer, "cost", 1)
}

fn limits(
    case: &Case,
    formulation: &Formulation,
    problem: &Problem,
    answer: &Answer,
    stage: &str,
    steps: usize,
) -> Vec<Binding> {
    // By owner and limit: first step, and what a MW more in every step would be worth.
    let mut found: BTreeMap<(String, &'static str), (usize, f64)> = BTreeMap::new();
    let mut note = |owner: &str, limit: &'static str, t: usize, worth: f64| {
        if worth > NEGLIGIBLE {
            let entry = found.entry((owner.to_owned(), limit)).or_insert((t, 0.0));
            entry.0 = entry.0.min(t);
            entry.1 += worth;
        }
    };
    let reduced = problem.reduced_costs(&answer.y);
    for (column, &(part, owner, t)) in formulation.names.iter().enumerate() {
        // A column that an earlier stage fixed is not held by its own limit.
        let own = formulation.problem.upper[column];
        if t >= steps || (answer.x[column] - own).abs() > 1e-7 * (1.0 + own.abs()) {
            continue;
        }
        let name = (part, owner, t);
        let Some((id, limit)) = limit_of(case, name).filter(|_| !formulation.is_off(name)) else {
            continue;
        };
        note(id, limit, t, -reduced[column]);
    }
    for (row, &name) in formulation.rules.iter().enumerate() {
        let (dual, t) = (answer.y[row], name.2);
        if t < steps
            && dual.abs() > NEGLIGIBLE
            && let Some((id, limit)) = limit_of_row(case, formulation, name, dual < 0.0)
        {
            note(id, limit, t, dual.abs());
        }
    }
    let mut binding: Vec<Binding> = found
        .into_iter()
        .map(|((owner, limit), (step, worth))| Binding {
            stage: stage.to_owned(),
            owner,
            limit: limit.to_owned(),
            step,
            worth,
        })
        .collect();
    // Ties keep the order of the map, by owner and limit.
    binding.sort_by(|a, b| b.worth.total_cmp(&a.worth));
    binding.truncate(SHOWN);
    binding
}
