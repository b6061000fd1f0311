//! The bus of the replicas: the cluster is lost with everything in it, and a leader dies that had something on its way. With the
//! marks gone, offsets of another cluster taken for those of this one, or what is on its way forgotten, it is found.

use crate::fleet;
use hypocaust_central::bus::{Admission, Flight, Key, SAMPLES};
use hypocaust_central::telemetry::{Fate, Mark};
use hypocaust_protocols::model::PlantId;
use hypocaust_protocols::wire::{Entry, Range};
use hypocaust_sim::world::{BusWeather, Flying, Happening, History, Ledgered, Makers, Trouble, Whom, World};
use hypocaust_tests::checks;

const CRASH: Happening = Happening::Centre(Whom::Leader, Trouble::Crash { down_ms: 20_000 });

/// A leader dies, another one reads on; the cluster is away while an edge comes back, is lost, and has fewer
/// messages than the one before when a leader dies again.
fn troubled(makers: Makers) -> World {
    let mut world = World::new(fleet(), 3, 10.0, Makers { centres: 2, ..makers });
    world.run(40_000);
    world.happen(&CRASH);
    world.run(40_000);
    // Its edge sends again what the cluster has not taken yet.
    world.happen(&Happening::Bus(BusWeather { down: true, ..BusWeather::FAIR }));
    world.run(4_000);
    world.happen(&Happening::Part(world.fleet.plants[0].id.clone()));
    world.run(4_000);
    world.happen(&Happening::Heal(world.fleet.plants[0].id.clone()));
    world.run(4_000);
    world.happen(&Happening::Bus(BusWeather::FAIR));
    world.run(30_000);
    world.happen(&Happening::BusLost);
    world.run(20_000);
    world.happen(&CRASH);
    world.run(90_000);
    world
}

#[test]
fn a_lost_cluster_and_a_dead_reader_lose_and_repeat_nothing() {
    let world = troubled(Makers::default());
    checks::samples(&world).unwrap();
    let judged = checks::bus(&world).unwrap();
    assert!(judged.judged > 100, "{judged:?}");
}

/// A history whose transactions have no marks in them.
#[derive(Default)]
struct Markless(Ledgered);

impl History for Markless {
    fn store(&mut self, plant: &PlantId, entry: Entry, round: u64) -> Fate {
        self.0.store(plant, entry, round)
    }
    fn mark(&mut self, _: &[Mark]) {}
    fn marks(&self, _: &str) -> Vec<Mark> {
        Vec::new()
    }
    fn ranges(&self, plant: &PlantId) -> Vec<Range> {
        self.0.ranges(plant)
    }
    fn rows(&self) -> &[(PlantId, Entry, u64)] {
        self.0.rows()
    }
}

#[test]
fn without_marks_everything_is_read_again() {
    let world = troubled(Makers { history: Box::<Markless>::default(), ..Makers::default() });
    let wrong = checks::bus(&world).unwrap_err();
    assert!(wrong.contains("was stored again"), "{wrong}");
    checks::samples(&world).expect("the ledger keeps every entry to one row all the same");
}

#[test]
fn offsets_of_the_cluster_before_read_as_those_of_this_one_are_found() {
    let mut world = troubled(Makers { cluster: |_| "the only one".into(), ..Makers::default() });
    let wrong = checks::bus(&world).unwrap_err();
    assert!(wrong.contains("was never stored") || wrong.contains("was stored again"), "{wrong}");
    // Nothing is lost by it: what was passed over is not acknowledged.
    world.run(60_000);
    checks::samples(&world).unwrap();
}

/// It forgets what is on its way at once.
struct Forgetful(Flight);

impl Flying for Forgetful {
    fn admit(&mut self, key: &Key, samples: usize) -> Admission {
        let admission = self.0.admit(key, samples);
        self.0.landed(key);
        admission
    }
    fn landed(&mut self, _: &Key) {}
}

/// It never hears that something was given up.
struct Waiting(Flight);

impl Flying for Waiting {
    fn admit(&mut self, key: &Key, samples: usize) -> Admission {
        self.0.admit(key, samples)
    }
    fn landed(&mut self, _: &Key) {}
}

#[test]
fn a_forwarder_that_forgets_what_is_on_its_way_sends_it_twice_and_one_that_never_hears_of_it_never_again() {
    let twice = troubled(Makers { flight: || Box::new(Forgetful(Flight::new(SAMPLES))), ..Makers::default() });
    let wrong = checks::bus(&twice).unwrap_err();
    assert!(wrong.contains("on its way already"), "{wrong}");

    let long = |makers: Makers| {
        let mut world = World::new(fleet(), 3, 10.0, Makers { centres: 2, ..makers });
        world.run(30_000);
        world.happen(&Happening::Bus(BusWeather { down: true, ..BusWeather::FAIR }));
        world.run(30_000);
        let health = world.bus_health().expect("somebody leads");
        assert!(!health.ok && health.detail.contains("does not answer"), "{health:?}");
        world.happen(&Happening::Bus(BusWeather::FAIR));
        world.run(90_000);
        world
    };
    let world = long(Makers::default());
    checks::samples(&world).and_then(|_| checks::bus(&world)).unwrap();
    let never = long(Makers { flight: || Box::new(Waiting(Flight::new(SAMPLES))), ..Makers::default() });
    let wrong = checks::samples(&never).unwrap_err();
    assert!(wrong.contains("never arrived"), "{wrong}");
}
