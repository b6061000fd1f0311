//! What must hold of the way in which a unit turns its carrier into heat and power: which figures its kind and mode
//! need, that nothing makes more of its carrier than there is in it, that the power of a CHP unit is taken by somebody, that
//! segments reach up to full load and, for a linear program, do not become cheaper upwards, that a region has heat in it.

use crate::case::{Case, ChpMode, Segment, Unit, UnitKind, Vertex};

use super::{Findings, Program};
use crate::conversion::falls;
use crate::series::Series;

/// More pieces or vertices than any curve that was measured.
const MOST: usize = 10_000;

/// MWh that are made of a MWh of fuel at most, heat and power together. Yields are of the net calorific value, so a flue gas
/// that condenses gives more than 1, but never more than the gross value is above the net one: 1.11 for natural gas, 1.18
/// for hydrogen, 1.25 for wood that is half water.
pub(crate) const MOST_OF_FUEL: f64 = 1.25;

/// MWh of heat that are made of a MWh of power at most: compressors of vapour over a few kelvin reach 30 or so.
pub(crate) const MOST_COP: f64 = 50.0;

/// Rounding of a sum.
const ROUNDED: f64 = 1.0 + 1e-9;

impl Case {
    pub(super) fn conversion(&self, path: &str, unit: &Unit, found: &mut Findings<'_>) {
        let told = found.mistakes.len();
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
        let most_made = most_of_carrier(unit.kind);
        // Name, value, whether it is needed, least, most. Below a thousandth an efficiency is a typing error, and its
        // inverse would spoil the scale of the matrix.
        let figures = [
            ("efficiency", &unit.efficiency, burner && !by_segments, 1e-3, most_made),
            ("cop", &unit.cop, unit.kind == UnitKind::HeatPump && !by_segments, 1e-3, most_made),
            ("heat_eff", &unit.heat_eff, backpressure, 1e-3, most_made),
            ("power_eff", &unit.power_eff, backpressure, 0.0, 1.0),
            ("condensing_eff", &unit.condensing_eff, extraction, 1e-3, 1.0),
            ("power_loss", &unit.power_loss, extraction, 0.0, 1.0),
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
        // Of figures that are out of range that has been told.
        if found.mistakes.len() == told {
            balance(path, unit, mode, found);
        }
        if makes_power(unit, mode)
            && found.plants.contains(unit.plant.as_str())
            && !found.powered.contains(unit.plant.as_str())
        {
            let what = format!(
                "{:?} has no connection that takes the power of this unit; write one for the carrier with \"buy\" and \
                 \"sell\", with a \"max_export\" of 0 where nothing is fed out, or a boiler where power is of no account",
                unit.plant
            );
            found.say(format_args!("{path}.plant"), what);
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
        let told = found.mistakes.len();
        for (k, segment) in segments.iter().enumerate() {
            found.number(format_args!("{path}[{k}].heat"), segment.heat, f64::MIN_POSITIVE, f64::INFINITY);
            found.series(format_args!("{path}[{k}].input_per_heat"), &segment.input_per_heat, 1e-3, 1e3);
        }
        let reach: f64 = segments.iter().map(|segment| segment.heat).sum();
        let most = unit.heat_max.written().iter().fold(0.0_f64, |most, mw| most.max(*mw));
        if reach < most * (1.0 - 1e-9) {
            found.say(path, format!("they cover {reach} MW, but heat_max is {most}; write segments up to it"));
        }
        if found.mistakes.len() == told {
            gives_no_more(path, unit, segments, found);
        }
        if found.program == Program::Committed {
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

/// MWh that are made of a MWh of its carrier at most.
fn most_of_carrier(kind: UnitKind) -> f64 {
    match kind {
        UnitKind::Boiler | UnitKind::Chp | UnitKind::WasteHeat => MOST_OF_FUEL,
        UnitKind::ElectricBoiler => 1.0,
        UnitKind::HeatPump => MOST_COP,
    }
}

/// Whether a CHP unit makes any power, as far as its figures are there.
fn makes_power(unit: &Unit, mode: Option<ChpMode>) -> bool {
    let some = |figure: &Option<Series>| figure.iter().flat_map(Series::written).any(|value| *value > 0.0);
    match mode {
        Some(ChpMode::Backpressure) => some(&unit.power_eff),
        Some(ChpMode::Extraction) => some(&unit.power_max),
        Some(ChpMode::Region) => unit.region.iter().flatten().any(|vertex| vertex.power > 0.0),
        None => false,
    }
}

/// Heat and power together are no more than there is in the fuel. An extraction unit makes most of it at its least power.
fn balance(path: &str, unit: &Unit, mode: Option<ChpMode>, found: &mut Findings<'_>) {
    let steps = |series: &[&Series]| 0..series.iter().map(|it| it.written().len()).max().unwrap_or(0);
    if mode == Some(ChpMode::Backpressure)
        && let (Some(heat), Some(power)) = (&unit.heat_eff, &unit.power_eff)
    {
        let made = |t: usize| heat.at(t) + power.at(t);
        if let Some(t) = steps(&[heat, power]).find(|&t| made(t) > MOST_OF_FUEL * ROUNDED) {
            let what = format!(
                "with \"power_eff\" the unit makes {:.3} MWh of a MWh of fuel in step {t}; write two whose sum is at most \
                 {MOST_OF_FUEL}",
                made(t)
            );
            found.say(format_args!("{path}.heat_eff"), what);
        }
    }
    if mode == Some(ChpMode::Extraction)
        && let (Some(efficiency), Some(loss), Some(ratio)) =
            (&unit.condensing_eff, &unit.power_loss, &unit.power_to_heat)
    {
        let made = |t: usize| efficiency.at(t) * (1.0 + ratio.at(t));
        let burnt = |t: usize| loss.at(t) + ratio.at(t);
        if let Some(t) = steps(&[efficiency, loss, ratio]).find(|&t| made(t) > MOST_OF_FUEL * burnt(t) * ROUNDED) {
            let what = format!(
                "at its least power the unit makes more than {MOST_OF_FUEL} MWh of heat and power of a MWh of fuel in step \
                 {t}; write a larger \"power_loss\" or \"power_to_heat\", or a smaller \"condensing_eff\""
            );
            found.say(format_args!("{path}.power_loss"), what);
        }
    }
}

/// At the end of no piece has a unit made more than there is in its carrier. A piece by itself may seem to, behind a steep
/// one of what is burnt at no load.
fn gives_no_more(path: &str, unit: &Unit, segments: &[Segment], found: &mut Findings<'_>) {
    let most = most_of_carrier(unit.kind);
    let steps = segments.iter().map(|segment| segment.input_per_heat.written().len()).max().unwrap_or(0);
    for t in 0..steps {
        let (mut heat, mut input) = (0.0, 0.0);
        for (k, segment) in segments.iter().enumerate() {
            heat += segment.heat;
            input += segment.heat * segment.input_per_heat.at(t);
            if heat > most * input * ROUNDED {
                let what = format!(
                    "up to its end the unit makes {heat} MW of {input} MW of its carrier in step {t}; write so much that it \
                     makes at most {most} MWh of a MWh"
                );
                found.say(format_args!("{path}[{k}].input_per_heat"), what);
                return;
            }
        }
    }
}

fn vertices(path: &str, region: &[Vertex], found: &mut Findings<'_>) {
    if region.is_empty() || region.len() > MOST {
        found.say(path, format!("{} vertices; write 1 to {MOST}", region.len()));
        return;
    }
    let told = found.mistakes.len();
    for (k, vertex) in region.iter().enumerate() {
        for (name, value) in [("heat", vertex.heat), ("power", vertex.power), ("fuel", vertex.fuel)] {
            found.number(format_args!("{path}[{k}].{name}"), value, 0.0, f64::INFINITY);
        }
    }
    let in_range = found.mistakes.len() == told;
    let made = |vertex: &Vertex| vertex.heat + vertex.power;
    let too_much = |vertex: &Vertex| made(vertex) > MOST_OF_FUEL * vertex.fuel * ROUNDED;
    for (k, vertex) in region.iter().enumerate().filter(|(_, vertex)| in_range && too_much(vertex)) {
        let least = made(vertex) / MOST_OF_FUEL;
        let what = format!(
            "{} MW is too little for {} MW of heat and power; write at least {least}",
            vertex.fuel,
            made(vertex)
        );
        found.say(format_args!("{path}[{k}].fuel"), what);
    }
    let hottest = region.iter().fold(0.0_f64, |most, vertex| most.max(vertex.heat));
    if hottest < 1e-3 {
        found.say(path, "no vertex makes as much as 0.001 MW of heat; write the corners of the region");
    }
}
