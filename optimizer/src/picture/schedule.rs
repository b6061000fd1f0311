//! A schedule: who makes the heat against what is asked, what the stores hold, what heat costs.

use crate::case::{Case, UnitKind};
use crate::picture::panel::{Axis, Panel, picture};
use crate::solution::Solution;

/// So many stores or headers get a line of their own; more are drawn as a sum or a band.
const LINES: usize = 6;

const COLOURS: [&str; LINES] = ["#3b6fb6", "#b65f3b", "#4f8a5b", "#8a5fa8", "#b69a3b", "#5a6b7b"];

/// From the cheapest to the dearest, more or less, so that the stack reads from the bottom.
const KINDS: [(UnitKind, &str, &str); 5] = [
    (UnitKind::WasteHeat, "waste heat", "#9fb8a0"),
    (UnitKind::HeatPump, "heat pumps", "#7fa8c9"),
    (UnitKind::Chp, "heat and power", "#b9a3c9"),
    (UnitKind::Boiler, "boilers", "#d9b38c"),
    (UnitKind::ElectricBoiler, "electric boilers", "#c9c38c"),
];

/// The picture of a schedule, 960 by 820, as SVG.
#[must_use]
pub fn schedule(case: &Case, solution: &Solution) -> String {
    let mut hours = vec![0.0];
    for t in 0..case.time.steps {
        hours.push(hours[t] + case.time.hours(t));
    }
    let time = Axis { least: 0.0, most: hours[case.time.steps].max(1e-3), logarithmic: false };
    let below = format!("hours from {}", case.time.start);
    let panels = [
        heat(case, solution, &hours, time, &below),
        stores(case, solution, &hours, time, &below),
        prices(solution, &hours, time, &below),
    ];
    picture(&format!("{}: cost {:.0}", case.name, solution.schedule_cost), 820.0, &panels)
}

/// The stairs of a series.
fn stairs(hours: &[f64], series: &[f64]) -> Vec<(f64, f64)> {
    series.iter().zip(hours.windows(2)).flat_map(|(value, step)| [(step[0], *value), (step[1], *value)]).collect()
}

fn sum<'a>(steps: usize, all: impl Iterator<Item = &'a Vec<f64>>) -> Vec<f64> {
    let mut total = vec![0.0; steps];
    for series in all {
        for (sum, value) in total.iter_mut().zip(series) {
            *sum += value;
        }
    }
    total
}

fn heat(case: &Case, solution: &Solution, hours: &[f64], time: Axis, below: &str) -> String {
    let steps = case.time.steps;
    let mut layers: Vec<(&str, &str, Vec<f64>)> = KINDS
        .iter()
        .map(|(kind, label, colour)| {
            let of_kind = case.units.iter().filter(|unit| unit.kind == *kind);
            (
                *label,
                *colour,
                sum(steps, of_kind.filter_map(|unit| solution.units.get(&unit.id)).map(|unit| &unit.heat)),
            )
        })
        .collect();
    layers.push(("out of stores", "#c98ca0", sum(steps, solution.storages.values().map(|store| &store.discharge))));
    let asked: Vec<f64> = (0..steps).map(|t| case.demands.iter().map(|demand| demand.heat.at(t)).sum()).collect();
    let served = sum(steps, solution.demands.values().map(|demand| &demand.served));
    let made = sum(steps, layers.iter().map(|(.., series)| series));
    let power = Axis::over(made.iter().chain(&asked).copied());
    let title = "heat, MW: what makes it, and what is asked (the rest of the stack charges stores and is lost)";
    let mut panel = Panel::new(title, below, time, power, 24.0, 376.0);
    let mut under = vec![0.0; steps];
    for (label, colour, series) in &layers {
        if series.iter().all(|mw| *mw <= 1e-9) {
            continue;
        }
        let over: Vec<f64> = under.iter().zip(series).map(|(a, b)| a + b).collect();
        panel.area(label, colour, &stairs(hours, &under), &stairs(hours, &over));
        under = over;
    }
    if asked.iter().zip(&served).any(|(asked, served)| asked - served > 1e-6) {
        panel.area("unserved", "#c0392b88", &stairs(hours, &served), &stairs(hours, &asked));
    }
    panel.line("asked", "#222", "", &stairs(hours, &asked));
    panel.done()
}

fn stores(case: &Case, solution: &Solution, hours: &[f64], time: Axis, below: &str) -> String {
    // The content at the beginning, then at the end of each step.
    let content = |id: &str, initial: f64| -> Vec<(f64, f64)> {
        let after = solution.storages.get(id).map_or(&[][..], |store| &store.energy);
        hours.iter().copied().zip(std::iter::once(initial).chain(after.iter().copied())).collect()
    };
    let each: Vec<(&str, Vec<(f64, f64)>)> =
        case.storages.iter().map(|store| (store.id.as_str(), content(&store.id, store.initial_mwh))).collect();
    let drawn: Vec<(&str, Vec<(f64, f64)>)> = if each.len() <= LINES {
        each
    } else {
        let total = (0..hours.len()).map(|i| (hours[i], each.iter().map(|(_, points)| points[i].1).sum())).collect();
        vec![("all stores", total)]
    };
    let energy = Axis::over(drawn.iter().flat_map(|(_, points)| points.iter().map(|point| point.1)));
    let mut panel = Panel::new("in the stores, MWh", below, time, energy, 400.0, 200.0);
    for ((id, points), colour) in drawn.iter().zip(COLOURS) {
        panel.line(id, colour, "", points);
    }
    panel.done()
}

fn prices(solution: &Solution, hours: &[f64], time: Axis, below: &str) -> String {
    let money = Axis::over(solution.prices.values().flatten().copied());
    let mut panel = Panel::new("price of heat, per MWh", below, time, money, 600.0, 210.0);
    if solution.prices.len() <= LINES {
        for ((header, series), colour) in solution.prices.iter().zip(COLOURS) {
            panel.line(header, colour, "", &stairs(hours, series));
        }
        return panel.done();
    }
    let at = |t: usize, of: fn(f64, f64) -> f64, from: f64| solution.prices.values().map(|s| s[t]).fold(from, of);
    let steps = hours.len() - 1;
    let least: Vec<f64> = (0..steps).map(|t| at(t, f64::min, f64::INFINITY)).collect();
    let most: Vec<f64> = (0..steps).map(|t| at(t, f64::max, f64::NEG_INFINITY)).collect();
    #[expect(clippy::cast_precision_loss, reason = "headers of a fleet")]
    let mean: Vec<f64> = (0..steps).map(|t| at(t, |a, b| a + b, 0.0) / solution.prices.len() as f64).collect();
    panel.area("lowest to highest", "#c9d6e6", &stairs(hours, &least), &stairs(hours, &most));
    panel.line("mean of the headers", COLOURS[0], "", &stairs(hours, &mean));
    panel.done()
}
