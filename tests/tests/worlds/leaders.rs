//! One leader an epoch, nothing accepted is lost, nothing stale is let in, somebody leads; with a lease that anybody gets, a
//! journal that does not fence, an edge that takes any epoch, or a lease that never ends, that is seen.

use crate::fleet;
use crate::worlds::commands::Open;
use hypocaust_central::election::{self, Lease};
use hypocaust_central::journal::{Draft, Entry, Error, Head, Memory};
use hypocaust_protocols::model::{FleetId, Limits, PlantId};
use hypocaust_sim::fault::Fault;
use hypocaust_sim::world::{BusWeather, Database, Happening, Makers, Trouble, Whom, World};
use hypocaust_tests::{checks, leaders};

fn replicated(makers: Makers) -> World {
    World::new(fleet(), 8, 10.0, Makers { centres: 2, ..makers })
}

fn leads(world: &World) -> Option<(usize, u64)> {
    world.record.led.last().map(|(_, replica, epoch)| (*replica, *epoch))
}

/// How long after `trouble` has begun another replica leads, ms.
fn taken_over_after(trouble: Trouble) -> i64 {
    let mut world = replicated(Makers::default());
    world.run(60_000);
    let (first, epoch) = leads(&world).expect("somebody leads");
    world.happen(&Happening::Centre(Whom::Leader, trouble));
    world.run(60_000);
    leaders::all(&world).expect("all is well");
    checks::samples(&world).expect("no sample is lost or doubled");
    let next = world.record.led.iter().find(|l| l.2 > epoch).expect("another leads");
    assert_ne!(next.1, first, "the same one leads again");
    // One that is to be stopped as it sends goes on until it does.
    next.0 - world.record.stopped.first().map_or(60_000, |(at, _)| *at)
}

/// From the moment at which the leader's process, its database or its broker is gone.
#[test]
fn whatever_happens_to_the_leader_another_leads_within_10_s() {
    for trouble in [
        Trouble::Crash { down_ms: 20_000 },
        Trouble::NoDatabase { ms: 20_000, answers_lost: false },
        Trouble::NoDatabase { ms: 20_000, answers_lost: true },
        Trouble::Pause { ms: 20_000 },
    ] {
        let after = taken_over_after(trouble.clone());
        assert!(after <= 5_000, "{trouble:?}: {after} ms");
    }
    // A broker's silence is missed after 5 s; then the leader has as long as a lease to find it again.
    let after = taken_over_after(Trouble::NoBroker { ms: 30_000 });
    assert!(after <= 10_000, "{after} ms");
}

#[test]
fn a_leader_that_misses_one_plant_goes_on_for_the_others() {
    let mut world = replicated(Makers::default());
    world.run(60_000);
    let before = leads(&world);
    let plant = PlantId::new("north").expect("an id");
    world.happen(&Happening::Centre(Whom::Leader, Trouble::NoPlant { plant: plant.clone(), ms: 20_000 }));
    world.run(10_000);
    assert!(!world.leads(&plant) && world.leads(&PlantId::new("south").expect("an id")));
    world.run(60_000);
    assert_eq!(leads(&world), before);
    leaders::all(&world).expect("all is well");
}

/// A lease of which everybody gets the one that they ask for, because nobody sees another's; and a copy of the journal from
/// before anybody wrote, for those who start: so often it is still read.
struct Blind(Memory, std::cell::Cell<u32>);

impl Database for Blind {
    fn memory(&self) -> &Memory {
        &self.0
    }
    fn entries(&self) -> Vec<Entry> {
        match self.1.get() {
            0 => self.0.entries(),
            more => {
                self.1.set(more - 1);
                Vec::new()
            }
        }
    }
    fn lease(&self) -> Option<Lease> {
        None
    }
    fn swap(&mut self, _: Option<&Lease>, _: &Lease) -> Result<bool, election::Error> {
        Ok(true)
    }
}

#[test]
fn an_epoch_that_is_given_out_twice_is_found() {
    // A start reads it three times.
    let database =
        |fleet: &FleetId| -> Box<dyn Database> { Box::new(Blind(Memory::new(fleet), std::cell::Cell::new(6))) };
    let mut world = replicated(Makers { database, ..Makers::default() });
    world.run(10_000);
    let wrong = leaders::one_each(&world).unwrap_err();
    assert!(wrong.contains("epoch 1"), "{wrong}");
}

/// Two leases where there should be one: each replica keeps its own for ever, with an epoch of its own. The journal below
/// either fences, or believes whoever writes.
struct Split {
    journal: Memory,
    fleet: FleetId,
    given: u64,
    fences: bool,
}

impl Split {
    fn make(fleet: &FleetId, fences: bool) -> Box<dyn Database> {
        Box::new(Split { journal: Memory::new(fleet), fleet: fleet.clone(), given: 0, fences })
    }
}

impl Database for Split {
    fn memory(&self) -> &Memory {
        &self.journal
    }
    fn append(&mut self, expected: &Head, epoch: u64, drafts: Vec<Draft>) -> Result<Head, Error> {
        if !self.fences && self.journal.entries().last().is_some_and(|e| e.head() != *expected) {
            // What the writer does not know of it throws away, and the rest it takes for its own.
            let kept = self.journal.entries().into_iter().take_while(|e| e.seq <= expected.seq);
            let journal = Memory::new(&self.fleet);
            for e in kept {
                let head = journal.entries().last().map_or(Head::genesis(&self.fleet), Entry::head);
                let draft = Draft { time: e.time, kind: e.kind, schema: e.schema, body: e.body };
                journal.append_now(&head, e.epoch, vec![draft])?;
            }
            self.journal = journal;
        }
        self.journal.append_now(expected, epoch, drafts)
    }
    fn lease(&self) -> Option<Lease> {
        None
    }
    fn swap(&mut self, _: Option<&Lease>, next: &Lease) -> Result<bool, election::Error> {
        if next.renewals == 0 {
            if next.epoch <= self.given {
                return Err(election::Error::NotAbove { epoch: next.epoch, highest: self.given });
            }
            self.given = next.epoch;
        }
        Ok(true)
    }
}

#[test]
fn with_two_leases_the_fence_alone_keeps_what_was_accepted_and_without_it_something_is_lost() {
    let database = |fleet: &FleetId| Split::make(fleet, true);
    let mut world = replicated(Makers { database, ..Makers::default() });
    world.run(60_000);
    assert!(world.record.led.len() > 2, "two that both hold a lease unseat each other");
    leaders::one_each(&world).and_then(|()| leaders::accepted_survive(&world)).expect("the journal fences");
    leaders::stale_refused(&world).expect("and so do the edges");
    let database = |fleet: &FleetId| Split::make(fleet, false);
    let mut world = replicated(Makers { database, ..Makers::default() });
    world.run(60_000);
    let wrong = leaders::accepted_survive(&world).unwrap_err();
    assert!(wrong.contains("was accepted and is not in the journal"), "{wrong}");
}

/// A leader that is stopped while it sends the commands that a trip leads to, and woken when another leads.
fn woken(makers: Makers) -> World {
    let mut world = replicated(makers);
    world.run(60_000);
    let south = PlantId::new("south").expect("an id");
    world.happen(&Happening::Plant(south, Fault::Trip { name: "south.b1".into() }));
    world.happen(&Happening::Centre(Whom::Leader, Trouble::Pause { ms: 8_000 }));
    world.run(40_000);
    world
}

#[test]
fn what_a_woken_leader_had_under_way_is_refused_and_an_edge_that_takes_any_epoch_is_found() {
    let world = woken(Makers::default());
    let late = |what: &str| world.stale.iter().filter(|s| s.what == what).count();
    assert!(late("command") > 0, "nothing stale was under way, so this shows nothing: {:?}", world.stale);
    leaders::all(&world).expect("all of it is refused");
    let world = woken(Makers { edge: Open::<1>::make, ..Makers::default() });
    let wrong = leaders::stale_refused(&world).unwrap_err();
    assert!(wrong.contains("let in a command"), "{wrong}");
}

/// A lease that seems to be renewed whenever it is looked at.
struct Restless(Memory, std::cell::Cell<u64>);

impl Database for Restless {
    fn memory(&self) -> &Memory {
        &self.0
    }
    fn lease(&self) -> Option<Lease> {
        self.1.set(self.1.get() + 1);
        self.0.lease_now().map(|lease| Lease { renewals: lease.renewals + self.1.get(), ..lease })
    }
}

#[test]
fn a_lease_that_never_ends_leaves_the_fleet_without_a_leader_and_is_found() {
    let database =
        |fleet: &FleetId| -> Box<dyn Database> { Box::new(Restless(Memory::new(fleet), std::cell::Cell::new(0))) };
    let mut world = replicated(Makers { database, ..Makers::default() });
    world.run(30_000);
    world.happen(&Happening::Centre(Whom::Leader, Trouble::Crash { down_ms: 60_000 }));
    world.run(30_000);
    assert!(leaders::led(&world).unwrap_err().contains("nobody led"));
}

#[test]
fn a_bus_that_is_lost_slow_or_repeats_loses_and_doubles_nothing() {
    for weather in [
        BusWeather { down: true, ..BusWeather::FAIR },
        BusWeather { delay_ms: 8_000, ..BusWeather::FAIR },
        BusWeather { loss: 0.2, repeat: 0.3, ..BusWeather::FAIR },
    ] {
        let mut world = replicated(Makers::default());
        world.run(30_000);
        world.happen(&Happening::Bus(weather));
        world.run(30_000);
        let dispatched = world.record.accepted.iter().filter(|e| e.kind == "scheduled").count();
        world.run(15_000);
        let after = world.record.accepted.iter().filter(|e| e.kind == "scheduled").count();
        assert!(after > dispatched, "dispatch goes on without the bus");
        world.happen(&Happening::Bus(BusWeather::FAIR));
        world.run(90_000);
        checks::samples(&world).unwrap_or_else(|wrong| panic!("{weather:?}: {wrong}"));
    }
}

/// A database whose appends take so long, ms at least and at most, for a time.
fn slow(makers: Makers, took: (i64, i64), for_ms: i64) -> World {
    let mut world = replicated(makers);
    world.run(30_000);
    world.happen(&Happening::AppendsTake(took));
    world.run(for_ms);
    world.happen(&Happening::AppendsTake((0, 0)));
    world.run(60_000);
    world
}

#[test]
fn an_append_that_outlives_its_lease_is_not_acted_on_and_a_leader_that_does_is_found() {
    // Longer than the longest lease.
    let (took, for_ms) = ((1_000, 12_000), 180_000);
    let world = slow(Makers::default(), took, for_ms);
    assert!(world.record.outlived > 3 && world.record.led.len() > 3, "too little ran out: {:?}", world.record.led);
    leaders::all(&world).expect("what was decided before is left undone");
    checks::journal(&world).expect("the journal is whole, whatever was stored late");
    assert!(world.state().is_some(), "somebody leads in the end");
    // A leader that believes in its leadership until somebody tells it otherwise.
    let may_act = |election: &election::Election, _: u64| election.leads(0);
    let wrong = leaders::within_the_lease(&slow(Makers { may_act, ..Makers::default() }, took, for_ms)).unwrap_err();
    assert!(wrong.contains("after its lease had run out"), "{wrong}");
}

#[test]
fn a_slow_database_moves_leadership_once_at_most_and_a_lease_that_stays_short_is_found() {
    let (took, for_ms) = ((500, 4_500), 240_000);
    let world = slow(Makers::default(), took, for_ms);
    leaders::all(&world).expect("all is well");
    leaders::steady(&world, 1).expect("a lease lasts as long as appends take");
    let timing = |limits: &Limits| {
        let timing = election::Timing::of(limits);
        election::Timing { longest_ms: timing.lease_ms, ..timing }
    };
    let world = slow(Makers { timing, ..Makers::default() }, took, for_ms);
    let wrong = leaders::steady(&world, 1).unwrap_err();
    assert!(wrong.contains("changes of leader"), "{wrong}");
}

/// A journal that shows the others something else than what was stored in it.
struct Forger(Memory);

impl Database for Forger {
    fn memory(&self) -> &Memory {
        &self.0
    }
    fn entries_from(&self, seq: u64) -> Vec<Entry> {
        let mut entries = self.0.entries_from(seq);
        entries.iter_mut().filter(|e| e.seq > 5).for_each(|e| e.body.push(' '));
        entries
    }
}

#[test]
fn a_replica_that_ends_for_a_journal_which_is_not_the_one_it_knew_is_told() {
    let database = |fleet: &FleetId| -> Box<dyn Database> { Box::new(Forger(Memory::new(fleet))) };
    let mut world = replicated(Makers { database, ..Makers::default() });
    world.run(30_000);
    let wrong = leaders::none_ended(&world).unwrap_err();
    assert!(wrong.contains("the process of replica"), "{wrong}");
}
