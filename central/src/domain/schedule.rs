//! From a solution to the setpoints of the next cycle.
//!
//! A schedule says what every setpoint should be now. Three rules turn megawatts into setpoints: a swing source gets the
//! upper end of its band (its own controller finds the load), a consumer that is served whole gets its cap released,
//! and a source that does not run gets nothing.

use super::case::{Built, is_of_fleet};
use super::image::Image;
use hypocaust_optimizer::solution::{Binding, Certificate, Solution, Status};
use hypocaust_protocols::model::{
    Class, Consumer, ConsumerId, Fleet, HeaderId, Millis, PerClass, PlantId, SetpointId, SourceState, TripId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The rung of the ladder that a schedule stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    Optimal,
    LastGood,
    Greedy,
    /// Nothing is sent; setpoints stay.
    Hold,
}

impl Origin {
    pub const ALL: [Origin; 4] = [Origin::Optimal, Origin::LastGood, Origin::Greedy, Origin::Hold];

    pub fn name(self) -> &'static str {
        match self {
            Origin::Optimal => "optimal",
            Origin::LastGood => "last-good",
            Origin::Greedy => "greedy",
            Origin::Hold => "hold",
        }
    }
}

/// What a setpoint should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub plant: PlantId,
    pub setpoint: SetpointId,
    pub value: f64,
}

/// A consumer that does not get what it asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Short {
    pub consumer: ConsumerId,
    pub class: Class,
    pub asked_mw: f64,
    pub served_mw: f64,
    /// Since when it can be whole again, where the horizon shows it.
    pub heat_at: Option<Millis>,
}

/// The decision of one cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    pub time: Millis,
    pub origin: Origin,
    pub setpoints: Vec<Target>,
    /// Now, by class.
    pub unserved_mw: PerClass<f64>,
    /// Over the horizon, by class.
    pub unserved_mwh: PerClass<f64>,
    pub short: Vec<Short>,
    pub cost: Option<f64>,
    /// Shadow price of heat by header in the first step.
    pub prices: BTreeMap<HeaderId, f64>,
    pub binding: Vec<Binding>,
    pub certificate: Option<Certificate>,
    /// Elapsed time of the solve, as the shell measured it.
    pub solve_ms: Option<f64>,
    /// Units may go to their proven rating, because classes 1 to 3 were short without.
    pub proven: bool,
    /// Trips that it takes into account.
    pub trips: Vec<TripId>,
    /// The telemetry that it rests on: oldest and newest receipt.
    pub window: Option<(Millis, Millis)>,
    /// Of each consumer whose demand in the hours to come a sub-agent told, the task that it answered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told_by: BTreeMap<ConsumerId, String>,
    pub why: Vec<String>,
}

/// Below this a difference of MW is the solver's rounding.
pub const NOTHING_MW: f64 = 0.005;

/// Least of what a consumer may be capped to.
fn cap_of(fleet: &Fleet, consumer: &Consumer, served: f64, asked: f64) -> Option<(SetpointId, f64)> {
    let shed = consumer.shed.as_ref()?;
    let (_, setpoint) = fleet.setpoint(shed.setpoint.as_str())?;
    let value = if asked - served < NOTHING_MW { setpoint.max } else { served.max(shed.turndown_mw) };
    Some((shed.setpoint.clone(), value))
}

/// The setpoints of a solution's first step.
pub fn targets(fleet: &Fleet, image: &Image, built: &Built, solution: &Solution) -> Vec<Target> {
    let mut found: Vec<(SetpointId, f64)> = Vec::new();
    for (plant, source) in fleet.sources() {
        let Some(series) = solution.units.get(source.id.as_str()) else { continue };
        if image.source_state(source) != Some(SourceState::On) {
            continue;
        }
        let swing = plant.headers.iter().any(|h| h.swing == source.id);
        let cap = built.unit_cap(source);
        let value = if swing { cap } else { first(&series.heat).clamp(source.heat_min_mw.min(cap), cap) };
        found.push((source.setpoint.clone(), value));
    }
    for (_, consumer) in fleet.consumers() {
        let Some(series) = solution.demands.get(consumer.id.as_str()) else { continue };
        let (served, unserved) = (first(&series.served), first(&series.unserved));
        found.extend(cap_of(fleet, consumer, served, served + unserved));
    }
    for main in &fleet.mains {
        if let Some(series) = solution.links.get(main.id.as_str()) {
            found.push((main.setpoint.clone(), first(&series.forward) - first(&series.reverse)));
        }
    }
    for storage in fleet.plants.iter().flat_map(|p| &p.storages) {
        if let Some(series) = solution.storages.get(storage.id.as_str()) {
            found.push((storage.setpoint.clone(), first(&series.discharge) - first(&series.charge)));
        }
    }
    found
        .into_iter()
        .filter_map(|(id, value)| {
            let (plant, setpoint) = fleet.setpoint(id.as_str())?;
            // Rounding of the solver must not make an order that the edge has to refuse as out of bounds.
            let value = (value * 1000.0).round() / 1000.0;
            Some(Target { plant: plant.id.clone(), setpoint: id, value: value.clamp(setpoint.min, setpoint.max) })
        })
        .collect()
}

fn first(series: &[f64]) -> f64 {
    series.first().copied().unwrap_or(0.0)
}

/// A schedule's heat jumps at the beginning of a step, the plant's gets there along its ramp: a promise is for the end of
/// the step, or for this long after its beginning where it is longer.
const ALONG_RAMP_MS: i64 = 60_000;

/// Who is short now, and when each can be whole again: in the step after the last in which something is missing.
pub fn shorts(fleet: &Fleet, now: Millis, built: &Built, solution: &Solution) -> Vec<Short> {
    let starts = built.step_starts();
    let reached = |step: usize| {
        let start = *starts.get(step)?;
        let length = starts.get(step + 1).map_or(ALONG_RAMP_MS, |next| next - start);
        Some(now.plus(start + length.min(ALONG_RAMP_MS)))
    };
    fleet
        .consumers()
        .filter_map(|(_, consumer)| {
            let series = solution.demands.get(consumer.id.as_str())?;
            let (served, unserved) = (first(&series.served), first(&series.unserved));
            if unserved < NOTHING_MW {
                return None;
            }
            let last = series.unserved.iter().rposition(|u| *u >= NOTHING_MW)?;
            Some(Short {
                consumer: consumer.id.clone(),
                class: consumer.class,
                asked_mw: served + unserved,
                served_mw: served,
                heat_at: reached(last + 1),
            })
        })
        .collect()
}

/// Is this limit worth telling people of? What dispatch keeps for itself is not, nor a main that runs one way only.
fn tells(fleet: &Fleet, binding: &Binding) -> bool {
    let one_way = |id: &str| fleet.mains.iter().any(|m| m.id.as_str() == id && m.cap_reverse_mw == 0.0);
    is_of_fleet(&binding.owner) && !(binding.limit == "cap_reverse" && one_way(&binding.owner))
}

/// The schedule of a solution that has passed its check.
pub fn from_solution(fleet: &Fleet, image: &Image, built: &Built, solution: &Solution, now: Millis) -> Schedule {
    let short = shorts(fleet, now, built, solution);
    let mut unserved_mw = PerClass::<f64>::default();
    for s in &short {
        unserved_mw[s.class] += s.asked_mw - s.served_mw;
    }
    let mut unserved_mwh = PerClass::<f64>::default();
    for (_, consumer) in fleet.consumers() {
        if let Some(series) = solution.demands.get(consumer.id.as_str()) {
            let sum: f64 = series.unserved.iter().enumerate().map(|(t, u)| u * built.case.time.hours(t)).sum();
            unserved_mwh[consumer.class] += sum;
        }
    }
    Schedule {
        time: now,
        origin: if solution.status == Status::Optimal { Origin::Optimal } else { Origin::Greedy },
        setpoints: targets(fleet, image, built, solution),
        unserved_mw,
        unserved_mwh,
        short,
        cost: Some(solution.schedule_cost),
        prices: solution
            .prices
            .iter()
            .filter_map(|(id, series)| Some((HeaderId::new(id).ok()?, *series.first()?)))
            .collect(),
        binding: solution.binding.iter().filter(|b| tells(fleet, b)).take(12).cloned().collect(),
        certificate: Some(solution.certificate),
        solve_ms: solution.solver.ms,
        proven: built.proven,
        trips: built.trips.clone(),
        window: built.window,
        told_by: built.told_by.clone(),
        why: Vec::new(),
    }
}
