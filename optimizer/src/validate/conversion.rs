//! What must hold of the way in which a unit turns its carrier into heat and power: which figures its kind and mode
//! need, that segments reach up to full load and, for a linear program, do not become cheaper upwards, that a region has heat
//! in it.

use crate::case::{Case, ChpMode, Segment, Unit, UnitKind, Vertex};

use super::Findings;
use crate::conversion::falls;

/// More pieces or vertices than any curve that was measured.
const MOST: usize = 10_000;

impl Case {
    pub(super) fn conversion(&self, path: &str, unit: &Unit, found: &mut Findings<'_>) {
        let mode = match (unit.kind, unit.mode) {
            (UnitKind::Chp, None) => {
                let what = "missing; write \"backpressure\", \"extraction\" or \"region\"";
                found.say(format_args!("{path}.mode"), what);
                Some(ChpMode::Backpressure)
            }
            (UnitKind::Chp, mode) => mode,
            (_, Some(_)) => {
                found.say(format_args!("{path}.mode"), "belongs to CHP units only; leave it out");
                None
            }
            (_, None) => None,
        };
        let by_segments = unit.segments.is_some()
            && matches!(unit.kind, UnitKind::Boiler | UnitKind::ElectricBoiler | UnitKind::HeatPump);
        let burner = matches!(unit.kind, UnitKind::Boiler | UnitKind::ElectricBoiler);
        let backpressure = mode == Some(ChpMode::Backpressure);
        let extraction = mode == Some(ChpMode::Extraction);
        // Name, value, whether it is needed, least, most. Below a thousandth an efficiency is a typing error, and its
        // inverse would spoil the scale of the matrix.
        let figures = [
            ("efficiency", &unit.efficiency, burner && !by_segments, 1e-3, 100.0),
            ("cop", &unit.cop, unit.kind == UnitKind::HeatPump && !by_segments, 1e-3, 100.0),
            ("heat_eff", &unit.heat_eff, backpressure, 1e-3, 100.0),
            ("power_eff", &unit.power_eff, backpressure, 0.0, 100.0),
            ("condensing_eff", &unit.condensing_eff, extraction, 1e-3, 100.0),
            ("power_loss", &unit.power_loss, extraction, 0.0, 100.0),
            ("power_to_heat", &unit.power_to_heat, extraction, 0.0, 100.0),
            ("power_max", &unit.power_max, extraction, 0.0, f64::INFINITY),
        ];
        for (name, value, needed, least, most) in figures {
            match value {
                Some(series) if needed => found.series(format_args!("{path}.{name}"), series, least, most),
                Some(_) if by_segments && matches!(name, "efficiency" | "cop") => {
                    found.say(format_args!("{path}.{name}"), "is said by \"segments\" already; write one of the two");
                }
                None if needed => {
                    found.say(format_args!("{path}.{name}"), format!("missing; a unit of this kind needs {name:?}"));
                }
                Some(_) => {
                    found.say(format_args!("{path}.{name}"), "means nothing for a unit of this kind; leave it out")
                }
                None => {}
            }
        }
        match (&unit.segments, by_segments) {
            (Some(segments), true) => self.segments(&format!("{path}.segments"), unit, segments, found),
            (Some(_), false) => {
                found.say(format_args!("{path}.segments"), "means nothing for a unit of this kind; leave it out");
            }
            (None, _) => {}
        }
        match (&unit.region, mode == Some(ChpMode::Region)) {
            (Some(region), true) => vertices(&format!("{path}.region"), region, found),
            (None, true) => {
                found.say(format_args!("{path}.region"), "missing; write its vertices of heat, power and fuel")
            }
            (Some(_), false) => {
                found.say(format_args!("{path}.region"), "belongs to CHP units of mode \"region\"; leave it out");
            }
            (None, false) => {}
        }
    }

    fn segments(&self, path: &str, unit: &Unit, segments: &[Segment], found: &mut Findings<'_>) {
        if segments.is_empty() || segments.len() > MOST {
            found.say(path, format!("{} segments; write 1 to {MOST}", segments.len()));
            return;
        }
        for (k, segment) in segments.iter().enumerate() {
            found.number(format_args!("{path}[{k}].heat"), segment.heat, f64::MIN_POSITIVE, f64::INFINITY);
            found.series(format_args!("{path}[{k}].input_per_heat"), &segment.input_per_heat, 1e-3, 1e3);
        }
        let reach: f64 = segments.iter().map(|segment| segment.heat).sum();
        let most = unit.heat_max.written().iter().fold(0.0_f64, |most, mw| most.max(*mw));
        if reach < most * (1.0 - 1e-9) {
            found.say(path, format!("they cover {reach} MW, but heat_max is {most}; write segments up to it"));
        }
        if !found.linear {
            return;
        }
        for (k, pair) in segments.windows(2).enumerate() {
            if let Some(t) = falls(&pair[0], &pair[1]) {
                let what = format!(
                    "falls from {} to {} in step {t}, so the curve is not convex there and a linear program would fill \
                     the later piece first; have it committed (`solve --commit`), or write pieces that do not become \
                     cheaper upwards, such as one chord for both",
                    pair[0].input_per_heat.at(t),
                    pair[1].input_per_heat.at(t)
                );
                found.say(format_args!("{path}[{}].input_per_heat", k + 1), what);
            }
        }
    }
}

fn vertices(path: &str, region: &[Vertex], found: &mut Findings<'_>) {
    if region.is_empty() || region.len() > MOST {
        found.say(path, format!("{} vertices; write 1 to {MOST}", region.len()));
        return;
    }
    for (k, vertex) in region.iter().enumerate() {
        for (name, value) in [("heat", vertex.heat), ("power", vertex.power), ("fuel", vertex.fuel)] {
            found.number(format_args!("{path}[{k}].{name}"), value, 0.0, f64::INFINITY);
        }
    }
    let hottest = region.iter().fold(0.0_f64, |most, vertex| most.max(vertex.heat));
    if hottest < 1e-3 {
        found.say(path, "no vertex makes as much as 0.001 MW of heat; write the corners of the region");
    }
}
