//! The real-looking fleet of four plants: whole at rest, and in the order of classes when its biggest boiler is gone.

use crate::worlds::heat::heat;
use hypocaust_protocols::model::{DeviceId, Fleet, SourceKind};
use hypocaust_sim::fault::Fault;
use hypocaust_sim::world::{Happening, Makers, World};
use hypocaust_tests::heat::{Look, NOTHING_MW, watched};
use std::path::Path;
use std::sync::Arc;

const TRIP_AT: i64 = 180_000;

fn four() -> Arc<Fleet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/four");
    Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"))
}

/// Some time at rest, then the biggest boiler that runs trips.
fn lost(until: i64) -> (World, Vec<Look>) {
    let fleet = four();
    let runs = fleet.sources().filter(|(_, s)| s.kind == SourceKind::Boiler && s.initially_on);
    let (plant, boiler) = runs.max_by(|a, b| a.1.heat_max_mw.total_cmp(&b.1.heat_max_mw)).expect("a boiler runs");
    let trip = Happening::Plant(plant.id.clone(), Fault::Trip { name: boiler.id.to_string() });
    let mut world = World::new(Arc::clone(&fleet), 4, 10.0, Makers::default());
    let looks = watched(&mut world, &[(TRIP_AT, trip)], until, |_| ());
    (world, looks)
}

#[test]
fn four_plants_are_whole_at_rest_and_lose_their_biggest_boiler_in_order() {
    let (world, looks) = lost(600_000);
    let (_, schedule) = world.state().expect("a leader").0.schedule.as_ref().expect("a schedule");
    assert_eq!(schedule.origin.name(), "optimal");
    // The first minute opens the main that the dairy lives on.
    for look in looks.iter().filter(|l| (60_000..TRIP_AT).contains(&l.at)) {
        assert!(look.short[4] <= NOTHING_MW, "{:?} is missing at rest, at {} ms", look.short, look.at);
    }
    let worst = looks.iter().map(|l| l.short[4]).fold(0.0, f64::max);
    assert!(worst > 3.0, "{worst} MW missing at most: this boiler was not needed, so this shows nothing");
    for look in &looks {
        assert!(look.short[0] <= NOTHING_MW, "life safety lacks {} MW at {} ms", look.short[0], look.at);
    }
    heat(&world, &looks).unwrap_or_else(|wrong| panic!("{wrong}"));
    let standby =
        world.plants.physics.sources.iter().find(|s| s.spec.id.as_str() == "mill.b2").expect("the standby boiler");
    assert!(standby.is_on(), "it was asked for, purged, lit and warmed up: {:?}", standby.state);
}

#[test]
fn a_healthy_start_raises_no_alarm() {
    // At once, and where the edges have to wait for their devices, as sessions take their time.
    for devices_take_ms in [0, 1_000, 3_000] {
        let fleet = four();
        let mut world = World::new(Arc::clone(&fleet), 4, 10.0, Makers::default());
        let late =
            |name: &DeviceId| (Fault::Silence { name: name.to_string() }, Fault::Restore { name: name.to_string() });
        let devices = fleet.plants.iter().flat_map(|p| p.devices.iter().map(|d| (p.id.clone(), late(&d.id))));
        let (silent, found): (Vec<_>, Vec<_>) = devices.map(|(p, (s, r))| ((p.clone(), s), (p, r))).unzip();
        silent.into_iter().for_each(|(plant, fault)| world.happen(&Happening::Plant(plant, fault)));
        world.run(devices_take_ms);
        found.into_iter().for_each(|(plant, fault)| world.happen(&Happening::Plant(plant, fault)));
        world.run(60_000);
        let (state, _) = world.state().expect("a leader");
        assert_eq!(state.schedule.as_ref().map(|(_, s)| s.origin.name()), Some("optimal"));
        let alarms = world.journal.entries().into_iter().filter(|e| e.kind == "alarm-raised");
        let alarms: Vec<String> = alarms.map(|e| e.body).collect();
        assert!(alarms.is_empty(), "devices that take {devices_take_ms} ms: {alarms:?}");
    }
}
