//! From the point that the solver found to a schedule. Rounding dust (1e-9 MW) below zero or above a limit is swept here,
//! and here only.

use std::collections::{BTreeMap, HashSet};

use crate::case::Case;
use crate::formulate::{Flow, Formulation, Part};
use crate::solution::{
    Certificate, ConnectionSeries, DemandSeries, LinkSeries, Proof, Rule, SCHEMA, Slack, SlackKind, Solution,
    SolverInfo, Status, StorageSeries, UnitSeries,
};

/// MW or MWh that are rounding.
const DUST: f64 = 1e-9;

/// The schedule of a point; stages, prices and evidence are the caller's to fill in.
#[must_use]
pub fn schedule(case: &Case, formulation: &Formulation, x: &[f64]) -> Solution {
    let steps = 0..case.time.steps;
    let at = |part: Part, owner: usize, t: usize| -> f64 {
        let Some(column) = formulation.find(part, owner, t) else {
            return 0.0;
        };
        let (value, most) = (x[column], formulation.problem.upper[column]);
        match value {
            _ if value < DUST => 0.0,
            // A store must not be said to hold more than fits in: the next window would begin with it.
            _ if value > most && value - most < DUST * (1.0 + most) => most,
            _ => value,
        }
    };
    let series = |part: Part, owner: usize| -> Vec<f64> { steps.clone().map(|t| at(part, owner, t)).collect() };

    let asking: HashSet<&str> =
        case.headers.iter().filter(|header| header.reserve.is_some()).map(|header| header.id.as_str()).collect();
    let mut solution = empty(case);
    for (u, unit) in case.units.iter().enumerate() {
        let flow = |of: fn(&Flow) -> f64| -> Vec<f64> {
            let sum = |t: usize| formulation.flows[t][u].iter().map(|flow| of(flow) * x[flow.column].max(0.0)).sum();
            steps.clone().map(sum).map(|mw: f64| if mw < 1e-9 { 0.0 } else { mw }).collect()
        };
        let weigh = |t: usize| (0..unit.vertices().len()).map(|k| at(Part::vertex(k), u, t)).collect();
        let on = |t: usize| formulation.find(Part::On, u, t).is_some_and(|column| x[column] > 0.5);
        let pieces = unit.segments.as_ref().map_or(0, Vec::len);
        let full = |t: usize, k: &usize| formulation.find(Part::filled(*k), u, t).is_some_and(|column| x[column] > 0.5);
        let piece = |t: usize| (1..pieces).filter(|k| full(t, k)).count();
        let ordered = formulation.find(Part::filled(1), u, 0).is_some();
        let decided = formulation.find(Part::On, u, 0).is_some();
        let asked = asking.contains(unit.header.as_str());
        let of_unit = UnitSeries {
            heat: series(Part::Heat, u),
            power: flow(|flow| flow.power),
            input: flow(|flow| flow.input),
            reserve: if asked { series(Part::Reserve, u) } else { Vec::new() },
            on: if decided { steps.clone().map(on).collect() } else { Vec::new() },
            piece: if ordered { steps.clone().map(piece).collect() } else { Vec::new() },
            weights: if unit.vertices().is_empty() { Vec::new() } else { steps.clone().map(weigh).collect() },
        };
        solution.units.insert(unit.id.clone(), of_unit);
    }
    for (c, connection) in case.connections.iter().enumerate() {
        let flows = ConnectionSeries { import: series(Part::Import, c), export: series(Part::Export, c) };
        solution.connections.insert(connection.id.clone(), flows);
    }
    for (l, link) in case.links.iter().enumerate() {
        let flows = LinkSeries { forward: series(Part::Forward, l), reverse: series(Part::Reverse, l) };
        solution.links.insert(link.id.clone(), flows);
    }
    for (s, storage) in case.storages.iter().enumerate() {
        let flows = StorageSeries {
            charge: series(Part::Charge, s),
            discharge: series(Part::Discharge, s),
            energy: series(Part::Energy, s),
        };
        solution.storages.insert(storage.id.clone(), flows);
    }
    for (h, header) in case.headers.iter().enumerate() {
        solution.vents.insert(header.id.clone(), series(Part::Vent, h));
        if header.reserve.is_some() {
            solution.reserve_short.insert(header.id.clone(), series(Part::ReserveShort, h));
        }
    }
    for (d, demand) in case.demands.iter().enumerate() {
        let unserved: Vec<f64> =
            steps.clone().map(|t| at(Part::Shed, d, t) + at(Part::Slack(SlackKind::MustServe), d, t)).collect();
        let served = unserved.iter().enumerate().map(|(t, unserved)| (demand.heat.at(t) - unserved).max(0.0)).collect();
        solution.demands.insert(demand.id.clone(), DemandSeries { served, unserved });
    }
    solution.slacks = slacks(case, formulation, x);
    untangle(case, &mut solution);
    follow_curves(case, &mut solution);
    settle(case, &mut solution);
    solution
}

/// The duals of a stage, by rule and owner. What holds of states alone is left out: they are given.
#[must_use]
pub fn proof(case: &Case, formulation: &Formulation, stage: &str, duals: &[f64]) -> Proof {
    let mut proof = relaxed_proof(case, formulation, stage, duals);
    proof.duals.retain(|rule, _| !matches!(rule, Rule::State | Rule::Order | Rule::MinUp | Rule::MinDown));
    proof
}

/// The same where states are columns like others.
#[must_use]
pub fn relaxed_proof(case: &Case, formulation: &Formulation, stage: &str, duals: &[f64]) -> Proof {
    let mut proof = Proof { stage: stage.to_owned(), duals: BTreeMap::new() };
    let mut ordered = vec![0; case.units.len()];
    for (&(rule, owner, t), &dual) in formulation.rules.iter().zip(duals) {
        let (mut at, mut length) = (t, case.time.steps);
        if rule == Rule::Order {
            // Unit by unit these rows come step by step and piece by piece.
            at = ordered[owner];
            ordered[owner] += 1;
            length *= 2 * case.units[owner].segments.as_ref().map_or(0, |pieces| pieces.len().saturating_sub(1));
        }
        let id = match rule {
            _ if dual == 0.0 => continue,
            Rule::Balance | Rule::Reserve => &case.headers[owner].id,
            Rule::Connection | Rule::MadeHere => &case.connections[owner].id,
            Rule::Content | Rule::Final => &case.storages[owner].id,
            _ => &case.units[owner].id,
        };
        let of_rule = proof.duals.entry(rule).or_default();
        of_rule.entry(id.clone()).or_insert_with(|| vec![0.0; length])[at] = dual;
    }
    proof
}

/// A result without any series.
#[must_use]
pub fn empty(case: &Case) -> Solution {
    Solution {
        schema: SCHEMA.to_owned(),
        name: case.name.clone(),
        status: Status::Greedy,
        objective_weighted: None,
        stages: Vec::new(),
        cost: 0.0,
        schedule_cost: 0.0,
        unserved_mwh: BTreeMap::new(),
        units: BTreeMap::new(),
        connections: BTreeMap::new(),
        links: BTreeMap::new(),
        storages: BTreeMap::new(),
        demands: BTreeMap::new(),
        vents: BTreeMap::new(),
        reserve_short: BTreeMap::new(),
        prices: BTreeMap::new(),
        slacks: Vec::new(),
        binding: Vec::new(),
        certificate: Certificate::default(),
        proofs: Vec::new(),
        commitment: None,
        solver: SolverInfo::default(),
    }
}

/// Sums up the series: unserved heat by class and what the schedule costs.
pub fn settle(case: &Case, solution: &mut Solution) {
    solution.unserved_mwh = case.classes.iter().map(|class| (class.clone(), 0.0)).collect();
    for demand in &case.demands {
        let Some(series) = solution.demands.get(&demand.id) else {
            continue;
        };
        let mwh: f64 = series.unserved.iter().enumerate().map(|(t, mw)| mw * case.time.hours(t)).sum();
        *solution.unserved_mwh.entry(demand.class.clone()).or_default() += mwh;
    }
    solution.schedule_cost = crate::check::cost_of(case, solution);
}

/// Takes out of the point what costs nothing and means nothing: a store that charges and discharges at once, a link
/// that carries both ways. What the back and forth lost is vented instead, at the end where it would have arrived, so
/// every balance and the cost stay.
fn untangle(case: &Case, solution: &mut Solution) {
    for storage in &case.storages {
        let (Some(series), Some(vents)) =
            (solution.storages.get_mut(&storage.id), solution.vents.get_mut(&storage.header))
        else {
            continue;
        };
        for (t, vent) in vents.iter_mut().enumerate() {
            let (charge, discharge) = (series.charge[t], series.discharge[t]);
            if charge > 0.0 && discharge > 0.0 {
                let stored = charge * storage.charge_eff - discharge / storage.discharge_eff;
                series.charge[t] = (stored / storage.charge_eff).max(0.0);
                series.discharge[t] = (-stored * storage.discharge_eff).max(0.0);
                *vent += (charge - discharge) - (series.charge[t] - series.discharge[t]);
            }
        }
    }
    for link in case.links.iter().filter(|link| link.delay_steps == 0) {
        let Some(series) = solution.links.get_mut(&link.id) else {
            continue;
        };
        let arriving = 1.0 - link.loss_frac;
        for t in 0..case.time.steps {
            let (forward, reverse) = (series.forward[t], series.reverse[t]);
            if forward > 0.0 && reverse > 0.0 {
                let (less, header) = if forward >= reverse { (reverse, &link.to) } else { (forward, &link.from) };
                if forward >= reverse {
                    (series.forward[t], series.reverse[t]) = (forward - arriving * reverse, 0.0);
                } else {
                    (series.forward[t], series.reverse[t]) = (0.0, reverse - arriving * forward);
                }
                if let Some(vents) = solution.vents.get_mut(header) {
                    vents[t] += less * (1.0 - arriving * arriving);
                }
            }
        }
    }
}

/// Takes the pieces of a curve in their order where the point does not: the movement stage may spend a little, and does
/// not care on what. Less of the carrier is drawn then, at no higher cost; where that would cost more, or nothing is
/// drawn that could be less, the point is left as it is.
fn follow_curves(case: &Case, solution: &mut Solution) {
    for unit in case.units.iter().filter(|unit| unit.segments.is_some()) {
        let (Some(series), Some(id)) = (solution.units.get_mut(&unit.id), &unit.carrier) else {
            continue;
        };
        let price = case.carriers.iter().find(|carrier| carrier.id == *id);
        let connection = case.connections.iter().find(|c| c.plant == unit.plant && c.carrier == *id);
        for t in 0..case.time.steps {
            let less = series.input[t] - unit.input_on_line(t, series.heat[t]);
            let worth = price.map_or(0.0, |p| p.buying(t) + p.co2_t_per_mwh * case.co2_price.at(t));
            if less <= 0.0 || worth < 0.0 {
                continue;
            }
            if let Some(connection) = connection {
                match solution.connections.get_mut(&connection.id) {
                    Some(flows) if flows.import[t] >= less => flows.import[t] -= less,
                    _ => continue,
                }
            }
            series.input[t] -= less;
        }
    }
}

/// Gives every unit of a header that asks for reserve the margin that its heat leaves, and says what the header lacks.
pub fn keep_margins(case: &Case, solution: &mut Solution) {
    for header in &case.headers {
        let Some(reserve) = &header.reserve else {
            continue;
        };
        let mut short: Vec<f64> = (0..case.time.steps).map(|t| reserve.mw.at(t)).collect();
        for unit in case.units.iter().filter(|unit| unit.header == header.id) {
            let Some(series) = solution.units.get_mut(&unit.id) else {
                continue;
            };
            let quick = unit.ramp_up_per_h.map_or(f64::INFINITY, |ramp| ramp * reserve.minutes / 60.0);
            for (t, short) in short.iter_mut().enumerate() {
                let heat = series.heat.get(t).copied().unwrap_or(0.0);
                let margin = quick.min(unit.capacity(t) - heat).max(0.0);
                series.reserve.push(margin);
                *short = (*short - margin).max(0.0);
            }
        }
        solution.reserve_short.insert(header.id.clone(), short);
    }
}

fn slacks(case: &Case, formulation: &Formulation, x: &[f64]) -> Vec<Slack> {
    let mut found: BTreeMap<(SlackKind, usize), Vec<f64>> = BTreeMap::new();
    for (column, &(part, owner, t)) in formulation.names.iter().enumerate() {
        if let Part::Slack(kind) = part
            && x[column] > 1e-9
        {
            found.entry((kind, owner)).or_insert_with(|| vec![0.0; case.time.steps])[t] = x[column];
        }
    }
    found
        .into_iter()
        .map(|((kind, owner), amount)| Slack { kind, owner: owner_id(case, kind, owner).to_owned(), amount })
        .collect()
}

/// Whose slack it is.
pub(crate) fn owner_id(case: &Case, kind: SlackKind, owner: usize) -> &str {
    match kind {
        SlackKind::RampDown | SlackKind::MustRun => &case.units[owner].id,
        SlackKind::FinalShort | SlackKind::FinalOver => &case.storages[owner].id,
        SlackKind::FixedLoss => &case.headers[owner].id,
        SlackKind::BaseLoad => &case.connections[owner].id,
        SlackKind::MustServe => &case.demands[owner].id,
    }
}
