//! A schedule without a solver: step by step, class by class, the cheapest source that can reach the consumer.
//!
//! It is the fallback when no optimum is to be had, so it depends on nothing that could fail. It keeps every physical
//! limit (or names the slack), and priorities: a class is given everything that can reach it before a lower one is
//! looked at. It looks ahead only to ramp a unit down before a foreseen outage: stores are a reserve, drawn on only where a
//! consumer would go short and filled again from what is left over. Where a store ends below its final level so, all is
//! made again, and what setpoints can shed is given no heat that the store could not get back in time.

mod map;
mod offers;
mod search;
mod step;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use map::Map;
use search::Search;
use step::Step;

use crate::case::{Case, Time};
use crate::error::Error;
use crate::extract;
use crate::solution::{
    ConnectionSeries, DemandSeries, LinkSeries, Slack, SlackKind, Solution, SolverInfo, Stage, Status, StorageSeries,
    UnitSeries,
};

/// MW below which a push is not worth making.
const DUST: f64 = 1e-9;

/// What an earlier schedule has a step be: MW of each unit, and MWh in each store at its end. What it does not say, or says
/// as no number, is absent.
struct Plan {
    heat: Vec<Option<f64>>,
    content: Vec<Option<f64>>,
}

/// An earlier schedule, on the grid that it was made for.
#[derive(Clone, Copy, Debug)]
pub struct Earlier<'a> {
    /// What it has units do and stores hold.
    pub schedule: &'a Solution,
    /// The grid of its case.
    pub time: &'a Time,
    /// Hours from the beginning of its first step to that of the new case's.
    pub age_h: f64,
}

impl Plan {
    fn of(case: &Case, schedule: &Solution, t: usize) -> Self {
        Self::made(case, schedule, |heat| heat.get(t).copied(), |energy| energy.get(t).copied())
    }

    /// What it has the time from `begins` to `ends` be, hours of the new case.
    fn later(case: &Case, earlier: &Earlier<'_>, begins: f64, ends: f64) -> Self {
        let Earlier { schedule, time, age_h } = earlier;
        let middle = time.step_at(age_h + (begins + ends) / 2.0);
        let end = time.step_at(age_h + ends);
        let content = |energy: &[f64]| {
            let (t, share) = end?;
            let after = *energy.get(t)?;
            // The content before the first step is not written down.
            let before = t.checked_sub(1).and_then(|t| energy.get(t)).copied().unwrap_or(after);
            Some(before + share * (after - before))
        };
        Self::made(case, schedule, |heat| heat.get(middle?.0).copied(), content)
    }

    fn made(
        case: &Case,
        schedule: &Solution,
        heat: impl Fn(&[f64]) -> Option<f64>,
        content: impl Fn(&[f64]) -> Option<f64>,
    ) -> Self {
        let heat = |id| heat(&schedule.units.get(id)?.heat).filter(|mw| mw.is_finite());
        let content = |id| content(&schedule.storages.get(id)?.energy).filter(|mwh| mwh.is_finite());
        Self {
            heat: case.units.iter().map(|unit| heat(&unit.id)).collect(),
            content: case
                .storages
                .iter()
                .map(|storage| content(&storage.id).map(|mwh| mwh.clamp(0.0, storage.capacity_mwh)))
                .collect(),
        }
    }
}

/// Makes a schedule by priority and marginal cost.
///
/// # Errors
/// `Error::Invalid` where the case makes no sense.
pub fn greedy(case: &Case) -> Result<Solution, Error> {
    case.validate_linear()?;
    Ok(made(case, "greedy", |_| None))
}

/// Makes any schedule feasible in another state: units go on as it has them and stores follow the content that it plans,
/// as far as the case lets them; what that leaves short is brought by priority and marginal cost, what nobody takes is
/// taken back. Where a schedule made by priority alone serves the classes better, or as well for less, that one is given:
/// a repaired schedule is never worse than `greedy`.
///
/// The schedule may be of another case, shorter, or nonsense: what it does not say of a unit or store is made anew. Its
/// first step is the case's first step; a caller that moves the window cuts off what has passed.
///
/// # Errors
/// `Error::Invalid` where the case makes no sense.
pub fn repair(case: &Case, schedule: &Solution) -> Result<Solution, Error> {
    case.validate_linear()?;
    Ok(repaired(case, |t| Plan::of(case, schedule, t)))
}

/// The same with a schedule whose window began earlier, on whatever grid: what lies before the case's first step is cut
/// off, and each step follows what was planned for its time.
///
/// # Errors
/// `Error::Invalid` where the case makes no sense.
pub fn repair_later(case: &Case, earlier: Earlier<'_>) -> Result<Solution, Error> {
    case.validate_linear()?;
    let mut ends = 0.0;
    let spans: Vec<(f64, f64)> = (0..case.time.steps)
        .map(|t| {
            let begins = ends;
            ends += case.time.hours(t);
            (begins, ends)
        })
        .collect();
    Ok(repaired(case, |t| Plan::later(case, &earlier, spans[t].0, spans[t].1)))
}

fn repaired(case: &Case, plan: impl Fn(usize) -> Plan) -> Solution {
    let followed = made(case, "repair", |t| Some(plan(t)));
    let anew = made(case, "repair", |_| None);
    if worse(&merits(case, &followed), &merits(case, &anew)) { anew } else { followed }
}

/// What one schedule is better than another by, the weightiest first: what gave, in the order of the stages, classes, cost.
fn merits(case: &Case, solution: &Solution) -> Vec<f64> {
    let gave = |counts: &dyn Fn(&Slack) -> bool| -> f64 {
        solution.slacks.iter().filter(|slack| counts(slack)).flat_map(|slack| &slack.amount).sum()
    };
    let of_class = |id: &str, class: &str| case.demands.iter().any(|demand| demand.id == id && demand.class == class);
    let physical = gave(&|slack| !slack.kind.is_energy() && slack.kind != SlackKind::MustServe);
    let beyond = |class: &String| gave(&|slack| slack.kind == SlackKind::MustServe && of_class(&slack.owner, class));
    let levels = gave(&|slack| slack.kind.is_energy());
    let classes = case.classes.iter().map(|class| solution.unserved_mwh[class]);
    let above = std::iter::once(physical).chain(case.classes.iter().map(beyond)).chain([levels]);
    above.chain(classes).chain([solution.cost]).collect()
}

/// Whether the first merit that differs is worse.
fn worse(these: &[f64], than: &[f64]) -> bool {
    let different = these.iter().zip(than).find(|(a, b)| (*a - *b).abs() > 1e-6 * (1.0 + b.abs()));
    different.is_some_and(|(a, b)| a > b)
}

/// How often all is made again at most to keep final levels: what one store keeps may be what filled another.
const AGAIN: usize = 3;

fn made(case: &Case, by: &str, plan: impl Fn(usize) -> Option<Plan>) -> Solution {
    let mut best = passed(case, &plan, None);
    for _ in 0..AGAIN {
        let Some(needed) = needed(case, &best) else { break };
        let other = passed(case, &plan, Some(&needed));
        if !worse(&merits(case, &best), &merits(case, &other)) {
            break;
        }
        best = other;
    }
    best.status = Status::Greedy;
    best.stages = case
        .classes
        .iter()
        .map(|class| (class.clone(), best.unserved_mwh[class]))
        .chain([("cost".to_owned(), best.cost)])
        .map(|(name, value)| Stage { name, value, solved: false })
        .collect();
    best.solver =
        SolverInfo { name: by.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), ..SolverInfo::default() };
    let verdict = crate::check::check(case, &best);
    best.certificate.primal = verdict.residual;
    best.certificate.passed = verdict.passed;
    best
}

/// By step and store the least MWh at its end from which the final level is reached with what the schedule charges after it;
/// nothing where no store ends too low.
fn needed(case: &Case, schedule: &Solution) -> Option<Vec<Vec<f64>>> {
    if !schedule.slacks.iter().any(|slack| slack.kind == SlackKind::FinalShort) {
        return None;
    }
    let mut needed = vec![vec![0.0; case.storages.len()]; case.time.steps];
    for (s, storage) in case.storages.iter().enumerate() {
        let (Some(mut level), Some(series)) = (storage.final_mwh(), schedule.storages.get(&storage.id)) else {
            continue;
        };
        for t in (0..case.time.steps).rev() {
            needed[t][s] = level;
            let hours = case.time.hours(t);
            let kept = (1.0 - storage.loss_per_h).powf(hours);
            let before = level - hours * storage.charge_eff * series.charge[t];
            // What keeps nothing needs nothing.
            level = if kept > 0.0 { (before / kept).clamp(0.0, storage.capacity_mwh) } else { 0.0 };
        }
    }
    Some(needed)
}

/// One pass over all steps, with stores kept at what is needed where that is said.
fn passed(case: &Case, plan: &impl Fn(usize) -> Option<Plan>, needed: Option<&Vec<Vec<f64>>>) -> Solution {
    let map = Map::new(case);
    let mut search = Search::new(case.headers.len());
    let mut made = Made::new(case);
    let mut content: Vec<f64> = case.storages.iter().map(|storage| storage.initial_mwh).collect();
    let mut last: Vec<Option<f64>> =
        case.units.iter().map(|unit| unit.initial.map(|initial| initial.heat_mw)).collect();
    for t in 0..case.time.steps {
        let mut step = Step::new(case, &map, t, &last, &content);
        if let Some(needed) = needed {
            step.keep(&needed[t]);
        }
        if let Some(plan) = plan(t) {
            let floor = step.follow(&plan);
            step.force();
            step.serve(&mut search);
            step.charge(&mut search, &plan);
            step.trim(&floor);
        } else {
            step.force();
            step.serve(&mut search);
            step.refill(&mut search);
        }
        step.record(&mut made, &mut content, &mut last);
    }
    for (s, storage) in case.storages.iter().enumerate() {
        if let Some(mwh) = storage.final_mwh() {
            let t = case.time.steps - 1;
            made.declare(case, SlackKind::FinalShort, &storage.id, t, mwh - content[s]);
            made.declare(case, SlackKind::FinalOver, &storage.id, t, content[s] - mwh);
        }
    }
    let mut solution = made.solution(case);
    extract::keep_margins(case, &mut solution);
    extract::settle(case, &mut solution);
    solution.cost = solution.schedule_cost;
    solution
}

/// What was made so far, by number in the case's lists.
struct Made {
    units: Vec<UnitSeries>,
    connections: Vec<ConnectionSeries>,
    links: Vec<LinkSeries>,
    storages: Vec<StorageSeries>,
    demands: Vec<DemandSeries>,
    vents: Vec<Vec<f64>>,
    slacks: Vec<Slack>,
}

impl Made {
    fn new(case: &Case) -> Self {
        Self {
            units: vec![UnitSeries::default(); case.units.len()],
            connections: vec![ConnectionSeries::default(); case.connections.len()],
            links: vec![LinkSeries::default(); case.links.len()],
            storages: vec![StorageSeries::default(); case.storages.len()],
            demands: vec![DemandSeries::default(); case.demands.len()],
            vents: vec![Vec::new(); case.headers.len()],
            slacks: Vec::new(),
        }
    }

    fn declare(&mut self, case: &Case, kind: SlackKind, owner: &str, t: usize, amount: f64) {
        if amount <= DUST {
            return;
        }
        let known = self.slacks.iter().position(|slack| slack.kind == kind && slack.owner == owner);
        let at = known.unwrap_or_else(|| {
            self.slacks.push(Slack { kind, owner: owner.to_owned(), amount: vec![0.0; case.time.steps] });
            self.slacks.len() - 1
        });
        self.slacks[at].amount[t] = amount;
    }

    fn solution(self, case: &Case) -> Solution {
        fn named<'c, S>(ids: impl Iterator<Item = &'c String>, series: Vec<S>) -> BTreeMap<String, S> {
            ids.cloned().zip(series).collect()
        }
        Solution {
            units: named(case.units.iter().map(|it| &it.id), self.units),
            connections: named(case.connections.iter().map(|it| &it.id), self.connections),
            links: named(case.links.iter().map(|it| &it.id), self.links),
            storages: named(case.storages.iter().map(|it| &it.id), self.storages),
            demands: named(case.demands.iter().map(|it| &it.id), self.demands),
            vents: named(case.headers.iter().map(|it| &it.id), self.vents),
            slacks: self.slacks,
            ..extract::empty(case)
        }
    }
}

/// MW from which a unit can still ramp down in time to every lower capacity that is foreseen.
fn foreseen(case: &Case, u: usize, t: usize) -> f64 {
    let unit = &case.units[u];
    let Some(ramp) = unit.ramp_down_per_h else {
        return unit.capacity(t);
    };
    let (mut most, mut way_down) = (unit.capacity(t), 0.0);
    for later in t + 1..case.time.steps {
        way_down += ramp * case.time.hours(later);
        if way_down >= most {
            break;
        }
        most = most.min(unit.capacity(later) + way_down);
    }
    most
}
