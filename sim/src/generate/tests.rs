use super::plan::{RESERVE, TURNED_DOWN, USABLE};
use super::*;
use crate::world::{Makers, World};
use hypocaust_protocols::model::{Class, Fleet, Meter, StartedBy};
use std::collections::BTreeSet;
use std::sync::Arc;

fn generated(plants: u32, seed: u64) -> Fleet {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(plants, seed, OPCUA_EVERY, &folder.path().join("fleet"))
        .unwrap_or_else(|error| panic!("{plants} plants, seed {seed}: {error}"))
}

#[test]
fn every_size_passes_its_check() {
    for plants in (1..=20).chain([MOST_PLANTS]) {
        let fleet = generated(plants, u64::from(plants));
        assert_eq!(fleet.plants.len() as u32, plants);
    }
}

/// As many devices on OPC UA as were asked for, on whichever plants; those of the others are as they would be without.
#[test]
fn some_plants_have_a_device_on_opc_ua_and_their_flue_gas_is_measured() {
    for (every, devices) in [(0, 0), (1, 12), (5, 3), (12, 1), (40, 1)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let fleet = write(12, 3, every, &folder.path().join("fleet")).expect("a fleet that passes its check");
        let found = fleet.plants.iter().flat_map(|p| &p.devices).filter(|d| d.opc_ua().is_some()).count();
        assert_eq!(found, devices, "one in {every}");
        let mut asked = 0;
        for header in fleet.plants.iter().flat_map(|p| &p.headers) {
            let (_, swing) = fleet.source(header.swing.as_str()).expect("checked");
            let needed = [Meter::O2, Meter::Co, Meter::Stack, Meter::Air, Meter::Fuel];
            assert!(needed.iter().all(|m| swing.meters.contains_key(m)), "{}", swing.id);
            asked += 1;
        }
        let others = fleet.sources().filter(|(_, s)| !s.meters.is_empty()).count();
        assert_eq!(others, asked, "one analyser a header");
    }
    let modbus = files(7, 3, 0).expect("seven plants");
    let some = files(7, 3, 5).expect("seven plants");
    let differ: Vec<&String> = modbus.iter().zip(&some).filter(|(a, b)| a != b).map(|(a, _)| &a.0).collect();
    assert_eq!(differ.len(), 3, "the fleet's own file, the first plant and the sixth: {differ:?}");
}

#[test]
fn a_seed_is_a_fleet_and_another_is_another() {
    let texts = |seed| files(7, seed, OPCUA_EVERY).expect("seven plants");
    assert_eq!(texts(3), texts(3));
    assert_ne!(texts(3), texts(4));
}

#[test]
fn only_so_many_and_only_into_an_empty_folder() {
    assert!(matches!(files(0, 1, 0), Err(Error::Plants(0))));
    assert!(matches!(files(MOST_PLANTS + 1, 1, 0), Err(Error::Plants(_))));
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("notes.txt"), "mine").expect("a file");
    assert!(matches!(write(1, 1, 0, folder.path()), Err(Error::NotEmpty(_))));
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing was written");
}

#[test]
fn the_heat_is_there_with_a_reserve_and_can_be_turned_down() {
    for seed in 1..=10 {
        let fleet = generated(20, seed);
        for plant in &fleet.plants {
            for header in &plant.headers {
                let drawn = |sign: f64| -> f64 {
                    let own = plant.consumers.iter().filter(|c| c.header == header.id);
                    own.map(|c| c.heat_mw * (1.0 + sign * c.swing_share)).sum()
                };
                let on = || plant.sources.iter().filter(|s| s.header == header.id && s.initially_on);
                let able: f64 = on().map(|s| USABLE * s.heat_max_mw).sum();
                assert!(able >= RESERVE * drawn(1.0) - 1e-6, "{}: {able} MW for {}", header.id, drawn(1.0));
                let least: f64 = on().map(|s| s.heat_min_mw).sum();
                // The gas boilers that had to be added for the peak may take some of the room below.
                assert!(
                    least <= (TURNED_DOWN + 0.25) * drawn(-1.0),
                    "{}: {least} MW at least for {}",
                    header.id,
                    drawn(-1.0)
                );
                let swing = plant.source(header.swing.as_str()).expect("checked");
                assert!(swing.initially_on && swing.started_by == StartedBy::Hypocaust, "{}", header.id);
            }
        }
    }
}

#[test]
fn addresses_are_their_own_and_below_the_ports_that_a_system_hands_out() {
    let fleet = generated(MOST_PLANTS, 9);
    let mut seen = BTreeSet::new();
    for device in fleet.plants.iter().flat_map(|p| &p.devices) {
        let port: u16 = device.endpoint().rsplit(':').next().and_then(|p| p.parse().ok()).expect("a port");
        assert!((20_000..32_768).contains(&port), "{}", device.endpoint());
        assert!(seen.insert(port), "{} is taken twice", device.endpoint());
    }
}

#[test]
fn kinds_and_classes_are_mixed() {
    let fleet = generated(6, 2);
    let kinds: BTreeSet<String> = fleet.sources().map(|(_, s)| format!("{:?}", s.kind)).collect();
    let classes: BTreeSet<Class> = fleet.consumers().map(|(_, c)| c.class).collect();
    assert!(kinds.len() >= 3, "{kinds:?}");
    assert_eq!(classes.len(), 5);
    assert!(fleet.plants.iter().any(|p| p.headers.len() == 3) && fleet.plants.iter().any(|p| p.headers.len() == 2));
}

#[test]
fn a_generated_fleet_runs_and_dispatch_leaves_nobody_short() {
    let fleet = Arc::new(generated(3, 5));
    let mut world = World::new(Arc::clone(&fleet), 5, 10.0, Makers { agents: true, ..Makers::default() });
    world.run(240_000);
    let (state, _) = world.state().expect("a leader");
    let (_, schedule) = state.schedule.as_ref().expect("a schedule");
    assert_eq!(schedule.origin.name(), "optimal");
    // What GL-002 and GL-018 are asked of each header's boiler, they answer.
    let done: BTreeSet<(&str, &str)> = world
        .advice
        .values()
        .flat_map(|(_, kept)| kept.values.keys().map(|value| (kept.asked.subject.as_str(), value.as_str())))
        .collect();
    for header in fleet.plants.iter().flat_map(|p| &p.headers) {
        for value in ["stack-loss", "efficiency-input-output"] {
            assert!(done.contains(&(header.swing.as_str(), value)), "no {value} of {}", header.swing);
        }
    }
    let physics = &world.plants.physics;
    let short: f64 = physics.consumers.iter().map(|c| (c.asked - c.served).max(0.0)).sum();
    assert!(short < 0.2, "{short} MW are missing at rest");
    for header in &physics.headers {
        assert!(
            header.value > header.spec.low && header.value < header.spec.high,
            "{} is at {}",
            header.spec.id,
            header.value
        );
    }
}
