//! What instruments show besides the heat: valve positions, flows, temperatures, meters. Nothing here acts back on the
//! plants; each figure follows from their state by a formula with its source, or by an order of magnitude that says so.

use super::Enterprise;
use hypocaust_protocols::model::{Conversion, Medium, Quantity, SourceKind};

/// A piece of equipment, by its index in [`Enterprise`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    Header(usize),
    Source(usize),
    Storage(usize),
    Consumer(usize),
    Main(usize),
    Site,
}

/// Steam for a megawatt, t/h: from feedwater of 105 degC (440 kJ/kg) to saturated steam (2,780 kJ/kg within 1 % from 4 to
/// 30 bar, IAPWS-IF97).
const STEAM_T_PER_MWH: f64 = 3.6 / (2.780 - 0.440);
/// Water that carries a megawatt over one kelvin, m3/h: 4.19 kJ/(kg K) at 970 kg/m3.
const WATER_M3_K_PER_MWH: f64 = 3600.0 / (4.19 * 0.970);
/// Between supply and return at full load, K: what radiator circuits and process coils are laid out for (order of magnitude).
const SPREAD_K: f64 = 30.0;
/// Share of a store's height that the layer between hot and cold takes (order of magnitude).
const THERMOCLINE: f64 = 0.15;
/// A burner's valve is laid out for a boiler that has lost some efficiency (order of magnitude).
const LEAST_EFFICIENT: f64 = 0.85;
/// Flow at the open valve over flow at the almost closed one, of an equal-percentage trim (IEC 60534-2-4).
const RANGEABILITY: f64 = 50.0;

/// What the instrument shows, in the unit that [`Fleet::measurable`](hypocaust_protocols::model::Fleet::measurable) gives;
/// `None` where that gives none.
pub fn shows(e: &Enterprise, piece: Piece, quantity: Quantity) -> Option<f64> {
    match piece {
        Piece::Header(i) => header(e, i, quantity),
        Piece::Source(i) => source(e, i, quantity),
        Piece::Storage(i) => storage(e, i, quantity),
        Piece::Consumer(i) => consumer(e, i, quantity),
        Piece::Main(i) => main(e, i, quantity),
        // A mild day, warmest at three in the afternoon (order of magnitude).
        Piece::Site => {
            let warmth = ((e.hour() - 15.0) / 24.0 * std::f64::consts::TAU).cos();
            (quantity == Quantity::AmbientTemperature).then_some(8.0 + 5.0 * warmth)
        }
    }
}

/// Boiling point at a gauge pressure, degC: Antoine's equation, water from 99 to 374 degC (A 8.14019, B 1810.94, C 244.485;
/// mmHg). Within 1 K of IAPWS-IF97 from 3 to 30 bar.
pub fn boiling_point(bar: f64) -> f64 {
    let mmhg = (bar + 1.013_25).max(0.1) * 750.062;
    1810.94 / (8.14019 - mmhg.log10()) - 244.485
}

/// Position of an equal-percentage valve for a share of its full flow, %.
fn position(share: f64) -> f64 {
    100.0 * (1.0 + share.max(1e-6).ln() / RANGEABILITY.ln()).clamp(0.0, 1.0)
}

fn header(e: &Enterprise, i: usize, quantity: Quantity) -> Option<f64> {
    let header = &e.headers[i];
    let own = || (0..e.consumers.len()).filter(move |c| e.consumers[*c].header == i);
    let drawn: f64 = own().map(|c| e.consumers[c].served).sum();
    Some(match (quantity, header.spec.medium) {
        (Quantity::SteamTemperature, Medium::Steam) => boiling_point(header.value),
        (Quantity::Flow, Medium::Steam) => drawn * STEAM_T_PER_MWH,
        (Quantity::Flow, Medium::HotWater) => own().filter_map(|c| consumer(e, c, Quantity::Flow)).sum(),
        // The mixture of what the consumers send back.
        (Quantity::ReturnTemperature, Medium::HotWater) => {
            let flow: f64 = own().filter_map(|c| consumer(e, c, Quantity::Flow)).sum();
            header.value - if flow > 0.0 { drawn * WATER_M3_K_PER_MWH / flow } else { 0.0 }
        }
        _ => return None,
    })
}

fn source(e: &Enterprise, i: usize, quantity: Quantity) -> Option<f64> {
    let source = &e.sources[i];
    let header = &e.headers[source.header];
    let (kind, share) = (source.spec.kind, source.heat / source.spec.heat_max_mw);
    Some(match (quantity, header.spec.medium) {
        (Quantity::Load, _) => 100.0 * share,
        (Quantity::Valve, _) if kind == SourceKind::Boiler => {
            let most = source.spec.heat_max_mw / LEAST_EFFICIENT;
            if source.intake() > 0.0 { position(source.intake() / most) } else { 0.0 }
        }
        (Quantity::Flow, Medium::Steam) => source.heat.max(0.0) * STEAM_T_PER_MWH,
        // A pump of fixed speed: the spread follows the load.
        (Quantity::Flow, Medium::HotWater) if source.is_on() => source.spec.heat_max_mw * WATER_M3_K_PER_MWH / SPREAD_K,
        (Quantity::Flow, Medium::HotWater) => 0.0,
        // The pipe to the header takes 2 % of the pressure at full flow (order of magnitude).
        (Quantity::Pressure, Medium::Steam) => header.value + 0.02 * header.spec.nominal * share * share,
        (Quantity::SupplyTemperature, Medium::HotWater) => header.value,
        (Quantity::ReturnTemperature, Medium::HotWater) => header.value - SPREAD_K * share.max(0.0),
        (Quantity::Power, _) => match (kind, &source.spec.conversion) {
            (_, Conversion::Cogeneration { power_eff, .. }) => source.intake() * power_eff,
            (SourceKind::HeatPump | SourceKind::ElectricBoiler, _) => source.intake(),
            _ => return None,
        },
        // One-element control leaves an offset with the load, and bubbles swell as the pressure falls (orders of magnitude).
        (Quantity::WaterLevel, Medium::Steam) if matches!(kind, SourceKind::Boiler | SourceKind::ElectricBoiler) => {
            let fall = (header.spec.nominal - header.value) / header.spec.nominal;
            (50.0 - 6.0 * share + 40.0 * fall).clamp(0.0, 100.0)
        }
        (Quantity::Energy, _) => source.energy,
        _ => return None,
    })
}

fn storage(e: &Enterprise, i: usize, quantity: Quantity) -> Option<f64> {
    let storage = &e.storages[i];
    let full = storage.energy / storage.spec.capacity_mwh;
    let hot = e.headers[storage.header].spec.nominal;
    // Hot water above cold: an end is warm as far as the layer between them has passed it.
    let end = |height: f64| hot - SPREAD_K * (1.0 - ((full - height) / THERMOCLINE).clamp(0.0, 1.0));
    Some(match quantity {
        Quantity::SupplyTemperature => end(0.0),
        Quantity::ReturnTemperature => end(1.0 - THERMOCLINE),
        Quantity::Charge => 100.0 * full,
        _ => return None,
    })
}

fn consumer(e: &Enterprise, i: usize, quantity: Quantity) -> Option<f64> {
    let consumer = &e.consumers[i];
    let header = &e.headers[consumer.header];
    let most = consumer.spec.heat_mw * (1.0 + consumer.spec.swing_share);
    let share = if most > 0.0 { consumer.served / most } else { 0.0 };
    // A surface that is throttled takes more out of each cubic metre (order of magnitude).
    let spread = SPREAD_K * (1.2 - 0.2 * share);
    Some(match (quantity, header.spec.medium) {
        // The valve is laid out a third above the day's peak (order of magnitude).
        (Quantity::Valve, _) => position(share / 1.33),
        (Quantity::Flow, Medium::Steam) => consumer.served * STEAM_T_PER_MWH,
        (Quantity::Flow, Medium::HotWater) => consumer.served * WATER_M3_K_PER_MWH / spread,
        (Quantity::Pressure, Medium::Steam) => header.value - 0.03 * header.spec.nominal * share * share,
        (Quantity::ReturnTemperature, Medium::HotWater) => header.value - spread,
        (Quantity::Energy, _) => consumer.energy,
        _ => return None,
    })
}

fn main(e: &Enterprise, i: usize, quantity: Quantity) -> Option<f64> {
    let main = &e.mains[i];
    Some(match quantity {
        Quantity::Valve if main.flow.abs() > 0.0 => {
            position(main.flow.abs() / main.spec.cap_mw.max(main.spec.cap_reverse_mw))
        }
        Quantity::Valve => 0.0,
        Quantity::Energy => main.energy,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, inject};
    use crate::plc::Plants;
    use hypocaust_protocols::model::{Fleet, Measure};
    use std::path::Path;
    use std::sync::Arc;

    fn four() -> Arc<Fleet> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/four");
        Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"))
    }

    #[test]
    fn water_boils_as_the_steam_tables_say() {
        // IAPWS-IF97: gauge pressure, degC.
        for (bar, celsius) in [(3.0, 143.6), (4.0, 151.8), (10.0, 184.1), (16.0, 204.3), (25.0, 226.1), (30.0, 235.7)] {
            assert!((boiling_point(bar) - celsius).abs() < 1.0, "{bar} bar: {} for {celsius}", boiling_point(bar));
        }
    }

    /// What a fleet may measure is what the physics shows, no more and no less.
    #[test]
    fn every_quantity_that_check_lets_pass_is_shown() {
        let fleet = four();
        let e = Enterprise::new(&fleet, 1, 10.0);
        let mut shown = 0;
        for plant in &fleet.plants {
            let id = |list: &[String], i: usize| list[i].clone();
            let headers: Vec<String> = e.headers.iter().map(|h| h.spec.id.to_string()).collect();
            let sources: Vec<String> = e.sources.iter().map(|s| s.spec.id.to_string()).collect();
            let consumers: Vec<String> = e.consumers.iter().map(|c| c.spec.id.to_string()).collect();
            let storages: Vec<String> = e.storages.iter().map(|s| s.spec.id.to_string()).collect();
            let mut pieces = vec![(Piece::Site, format!("{}.site", plant.id))];
            pieces.extend((0..headers.len()).map(|i| (Piece::Header(i), id(&headers, i))));
            pieces.extend((0..sources.len()).map(|i| (Piece::Source(i), id(&sources, i))));
            pieces.extend((0..consumers.len()).map(|i| (Piece::Consumer(i), id(&consumers, i))));
            pieces.extend((0..storages.len()).map(|i| (Piece::Storage(i), id(&storages, i))));
            for (piece, of) in pieces.into_iter().filter(|(_, of)| of.split('.').next() == Some(plant.id.as_str())) {
                for quantity in Quantity::ALL {
                    let unit = fleet.measurable(plant, &Measure { of: of.clone(), quantity }).expect("equipment");
                    let value = shows(&e, piece, quantity);
                    assert_eq!(unit.is_some(), value.is_some(), "{of} {quantity:?}");
                    assert!(value.is_none_or(f64::is_finite), "{of} {quantity:?}: {value:?}");
                    shown += usize::from(value.is_some());
                }
            }
        }
        assert!(shown > 100, "{shown}");
    }

    /// No tag of the real-looking fleet is a constant or out of its range: each moves when its plant does.
    #[test]
    fn the_tags_of_the_four_plants_live_within_their_ranges() {
        let fleet = four();
        let mut plants = Plants::new(Arc::clone(&fleet), Enterprise::new(&fleet, 1, 6.0));
        let tags: Vec<_> = fleet.plants.iter().flat_map(|p| &p.tags).filter(|t| t.measures.is_some()).collect();
        let mut seen: Vec<(f64, f64)> = tags.iter().map(|_| (f64::INFINITY, f64::NEG_INFINITY)).collect();
        for minute in 0..180 {
            if minute == 60 {
                for source in fleet.sources().map(|(p, s)| (p.id.clone(), s.id.to_string())) {
                    let start = plants.physics.sources.iter_mut().find(|s| s.spec.id.as_str() == source.1);
                    start.expect("a source").requested = true;
                }
                for main in &mut plants.physics.mains {
                    main.setpoint = main.spec.cap_mw / 2.0;
                }
            }
            // Full, and empty.
            if minute == 30 || minute == 90 {
                for storage in &mut plants.physics.storages {
                    storage.energy = storage.spec.capacity_mwh * if minute == 30 { 0.95 } else { 0.05 };
                }
            }
            if minute == 120 {
                for (plant, source) in fleet.sources() {
                    let fault = Fault::Trip { name: source.id.to_string() };
                    inject(&mut plants, &fleet, plant.id.as_str(), &fault).expect("a source of the fleet");
                }
            }
            plants.step(0, 60_000);
            for (tag, seen) in tags.iter().zip(&mut seen) {
                let value = plants.truth(&tag.id);
                assert!((tag.min..=tag.max).contains(&value), "{} is {value} in minute {minute}", tag.id);
                *seen = (seen.0.min(value), seen.1.max(value));
            }
        }
        let stood: Vec<_> = tags.iter().zip(seen).filter(|(tag, (low, high))| high - low <= tag.deadband).collect();
        let stood: Vec<String> = stood.iter().map(|(tag, (low, _))| format!("{} at {low}", tag.id)).collect();
        assert!(stood.is_empty(), "these stood still: {stood:?}");
    }
}
