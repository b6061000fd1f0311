use super::plan::{RESERVE, TURNED_DOWN, USABLE};
use super::*;
use crate::world::{Makers, World};
use hypocaust_protocols::model::{Class, Fleet, StartedBy};
use std::collections::BTreeSet;
use std::sync::Arc;

fn generated(plants: u32, seed: u64) -> Fleet {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(plants, seed, &folder.path().join("fleet"))
        .unwrap_or_else(|error| panic!("{plants} plants, seed {seed}: {error}"))
}

#[test]
fn every_size_passes_its_check() {
    for plants in (1..=20).chain([MOST_PLANTS]) {
        let fleet = generated(plants, u64::from(plants));
        assert_eq!(fleet.plants.len() as u32, plants);
    }
}

#[test]
fn a_seed_is_a_fleet_and_another_is_another() {
    let texts = |seed| files(7, seed).expect("seven plants");
    assert_eq!(texts(3), texts(3));
    assert_ne!(texts(3), texts(4));
}

#[test]
fn only_so_many_and_only_into_an_empty_folder() {
    assert!(matches!(files(0, 1), Err(Error::Plants(0))));
    assert!(matches!(files(MOST_PLANTS + 1, 1), Err(Error::Plants(_))));
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("notes.txt"), "mine").expect("a file");
    assert!(matches!(write(1, 1, folder.path()), Err(Error::NotEmpty(_))));
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
    let mut world = World::new(Arc::clone(&fleet), 5, 10.0, Makers::default());
    world.run(240_000);
    let (state, _) = world.state().expect("a leader");
    let (_, schedule) = state.schedule.as_ref().expect("a schedule");
    assert_eq!(schedule.origin.name(), "optimal");
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
