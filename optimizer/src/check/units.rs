//! What the judge asks of each unit: limits, conversion, ramps, must-run, and the reserve of its header.

use crate::case::{ChpMode, Unit, UnitKind};
use crate::solution::{SlackKind, UnitSeries};

use super::Judge;
use super::places::Places;

impl Judge<'_> {
    pub(super) fn units(&mut self, places: &Places<'_>) {
        for (unit, series) in self.case.units.iter().zip(&places.units) {
            let mut last = unit.initial.map(|initial| initial.heat_mw);
            for t in 0..self.case.time.steps {
                let (heat, h) = (series.heat[t], self.case.time.hours(t));
                let capacity = unit.heat_max.at(t) * share(unit, t);
                self.within(format_args!("unit {} heat", unit.id), t, heat, 0.0, capacity);
                self.converts(unit, series, t);
                if let Some(must) = &unit.must_run {
                    let least = must.at(t).min(unit.capacity(t)) - self.gives(SlackKind::MustRun, &unit.id, t);
                    self.within(format_args!("unit {} must run", unit.id), t, heat, least, f64::INFINITY);
                }
                // A unit with states rises and falls by rules of its own.
                if let Some(before) = last.filter(|_| series.on.is_empty()) {
                    // What a forced outage takes at once is no ramp; what availability loses later is foreseen.
                    let outage = match t {
                        0 => (before - unit.capacity(t)).max(0.0),
                        _ if unit.outages.iter().any(|outage| outage.from_step == t) => f64::INFINITY,
                        _ => 0.0,
                    };
                    let gives = self.gives(SlackKind::RampDown, &unit.id, t);
                    let down = unit.ramp_down_per_h.map_or(f64::INFINITY, |ramp| ramp * h + outage + gives);
                    let up = unit.ramp_up_per_h.map_or(f64::INFINITY, |ramp| ramp * h);
                    self.within(format_args!("unit {} ramp", unit.id), t, heat, before - down, before + up);
                }
                last = Some(heat);
            }
        }
    }

    /// Carrier and power against heat.
    fn converts(&mut self, unit: &Unit, series: &UnitSeries, t: usize) {
        let (heat, power, input) = (series.heat[t], series.power[t], series.input[t]);
        let id = &unit.id;
        let figure = |series: &Option<crate::Series>| series.as_ref().map_or(f64::NAN, |series| series.at(t));
        match (unit.kind, unit.mode, &unit.segments) {
            (UnitKind::Chp, Some(ChpMode::Region), _) => self.mixes(unit, series, t),
            (UnitKind::Chp, Some(ChpMode::Extraction), _) => {
                let condensing = power + figure(&unit.power_loss) * heat;
                let least = figure(&unit.power_to_heat) * heat;
                self.within(format_args!("unit {id} power"), t, power, least, f64::INFINITY);
                let most = figure(&unit.power_max) * share(unit, t);
                self.within(format_args!("unit {} turbine", unit.id), t, condensing, 0.0, most);
                self.equal(format_args!("unit {id} input"), t, input, condensing / figure(&unit.condensing_eff));
            }
            (UnitKind::Chp, _, _) => {
                let fuel = heat / figure(&unit.heat_eff);
                self.equal(format_args!("unit {id} power"), t, power, fuel * figure(&unit.power_eff));
                self.equal(format_args!("unit {id} input"), t, input, fuel);
            }
            (_, _, Some(segments)) => {
                self.equal(format_args!("unit {id} power"), t, power, 0.0);
                let (mut begins, mut curve) = (0.0, 0.0);
                for segment in segments {
                    curve += (heat - begins).clamp(0.0, segment.heat) * segment.input_per_heat.at(t);
                    begins += segment.heat;
                }
                self.equal(format_args!("unit {id} input"), t, input, curve);
            }
            (kind, _, None) => {
                self.equal(format_args!("unit {id} power"), t, power, 0.0);
                let takes = match kind {
                    UnitKind::HeatPump => heat / figure(&unit.cop),
                    UnitKind::WasteHeat => 0.0,
                    _ => heat / figure(&unit.efficiency),
                };
                self.equal(format_args!("unit {id} input"), t, input, takes);
            }
        }
    }

    /// Heat, power and fuel are a mixture of the region's vertices; the weights are in the result.
    fn mixes(&mut self, unit: &Unit, series: &UnitSeries, t: usize) {
        let vertices = unit.region.as_deref().unwrap_or_default();
        let Some(weights) = series.weights.get(t).filter(|weights| weights.len() == vertices.len()) else {
            self.fault(format!("unit {}, step {t}: no weight for each vertex of its region", unit.id));
            return;
        };
        let weights = weights.clone();
        let mut sums = [0.0; 4];
        for (weight, vertex) in weights.iter().zip(vertices) {
            self.within(format_args!("unit {} weight", unit.id), t, *weight, 0.0, 1.0);
            for (sum, part) in sums.iter_mut().zip([1.0, vertex.heat, vertex.power, vertex.fuel]) {
                *sum += weight * part;
            }
        }
        let stands = share(unit, t) <= 0.0;
        let hottest = vertices.iter().fold(0.0_f64, |most, vertex| most.max(vertex.heat));
        let gives = self.gives(SlackKind::MustRun, &unit.id, t) / hottest;
        let on = series.on.get(t).copied();
        let stands = stands || on == Some(false);
        let least = if (unit.must_run.is_some() || on == Some(true)) && !stands { 1.0 - gives } else { 0.0 };
        self.within(format_args!("unit {} region", unit.id), t, sums[0], least, if stands { 0.0 } else { 1.0 });
        for (what, said, sum) in [
            ("heat of its region", series.heat[t], sums[1]),
            ("power", series.power[t], sums[2]),
            ("input", series.input[t], sums[3]),
        ] {
            self.equal(format_args!("unit {} {what}", unit.id), t, said, sum);
        }
    }

    /// Margins that units keep, against what headers ask for.
    pub(super) fn reserves(&mut self, places: &Places<'_>) {
        let (case, solution) = (self.case, self.solution);
        for (h, header) in case.headers.iter().enumerate() {
            let Some(reserve) = &header.reserve else {
                continue;
            };
            for t in 0..case.time.steps {
                let mut kept = 0.0;
                for &u in &places.units_at[h] {
                    let (unit, series) = (&case.units[u], places.units[u]);
                    let margin = series.reserve[t];
                    let quick = unit.ramp_up_per_h.map_or(f64::INFINITY, |ramp| ramp * reserve.minutes / 60.0);
                    let runs = series.on.get(t).copied().unwrap_or(true);
                    let room = if runs { unit.capacity(t) - series.heat[t] } else { 0.0 };
                    self.within(format_args!("unit {} reserve", unit.id), t, margin, 0.0, quick.min(room.max(0.0)));
                    kept += margin;
                }
                let short = solution.reserve_short[&header.id][t];
                self.within(format_args!("header {} reserve short", header.id), t, short, 0.0, reserve.mw.at(t));
                let asked = reserve.mw.at(t);
                self.within(format_args!("header {} reserve", header.id), t, kept + short, asked, f64::INFINITY);
            }
        }
    }
}

/// Share of a unit that is there: its availability, and of that what the worst outage leaves.
pub fn share(unit: &Unit, t: usize) -> f64 {
    let mut left = 1.0_f64;
    for outage in &unit.outages {
        if (outage.from_step..outage.to_step).contains(&t) {
            left = left.min(outage.available);
        }
    }
    unit.availability.at(t) * left
}
