//! From the point that the solver found to a schedule. Rounding dust (1e-9 MW) becomes zero here, and here only.

use std::collections::BTreeMap;

use crate::case::Case;
use crate::formulate::{Formulation, Part};
use crate::solution::{
    Certificate, ConnectionSeries, DemandSeries, LinkSeries, SCHEMA, Slack, SlackKind, Solution, SolverInfo, Status,
    StorageSeries, UnitSeries,
};

/// Whether a slack is in MWh rather than MW.
#[must_use]
pub fn is_energy(kind: SlackKind) -> bool {
    matches!(kind, SlackKind::FinalShort | SlackKind::FinalOver)
}

/// The schedule of a point; stages, prices and evidence are the caller's to fill in.
#[must_use]
pub fn schedule(case: &Case, formulation: &Formulation, x: &[f64]) -> Solution {
    let steps = 0..case.time.steps;
    let at = |part: Part, owner: usize, t: usize| -> f64 {
        let value = formulation.find(part, owner, t).map_or(0.0, |column| x[column]);
        if value < 1e-9 { 0.0 } else { value }
    };
    let series = |part: Part, owner: usize| -> Vec<f64> { steps.clone().map(|t| at(part, owner, t)).collect() };

    let mut solution = empty(case);
    for (u, unit) in case.units.iter().enumerate() {
        let heat = series(Part::Heat, u);
        let power = heat.iter().enumerate().map(|(t, heat)| heat * unit.power_per_heat(t)).collect();
        solution.units.insert(unit.id.clone(), UnitSeries { heat, power });
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
    }
    for (d, demand) in case.demands.iter().enumerate() {
        let unserved: Vec<f64> =
            steps.clone().map(|t| at(Part::Shed, d, t) + at(Part::Slack(SlackKind::MustServe), d, t)).collect();
        let served = unserved.iter().enumerate().map(|(t, unserved)| (demand.heat.at(t) - unserved).max(0.0)).collect();
        solution.demands.insert(demand.id.clone(), DemandSeries { served, unserved });
    }
    solution.slacks = slacks(case, formulation, x);
    settle(case, &mut solution);
    solution
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
        prices: BTreeMap::new(),
        slacks: Vec::new(),
        binding: Vec::new(),
        certificate: Certificate::default(),
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

fn owner_id(case: &Case, kind: SlackKind, owner: usize) -> &str {
    match kind {
        SlackKind::RampDown | SlackKind::MustRun => &case.units[owner].id,
        SlackKind::FinalShort | SlackKind::FinalOver => &case.storages[owner].id,
        SlackKind::FixedLoss => &case.headers[owner].id,
        SlackKind::BaseLoad => &case.connections[owner].id,
        SlackKind::MustServe => &case.demands[owner].id,
    }
}
