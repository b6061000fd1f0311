//! The journal verifies and leads to the leader's state, and one leader leads; a rewritten journal, a state that is not the
//! journal's and a leader of an old epoch are found.

use crate::fleet;
use hypocaust_central::domain::state::OrderState;
use hypocaust_central::domain::{Domain, Effect, Input, Judges, State};
use hypocaust_central::journal::Head;
use hypocaust_protocols::model::{Fleet, Millis, PlantId};
use hypocaust_protocols::wire::{Action, SigningKey};
use hypocaust_sim::fault::Fault;
use hypocaust_sim::world::{Centre, Happening, Makers, World};
use hypocaust_tests::{checks, leaders};
use std::sync::Arc;

/// A centre that holds an order for done as soon as it is sent: its state moves without an entry.
struct Sanguine(Domain, State);

impl Sanguine {
    fn make(fleet: Arc<Fleet>, key: SigningKey, epoch: u64, state: State, head: Head) -> Box<dyn Centre> {
        let domain = Domain::new(fleet, key, Judges::ours(), epoch, state, head);
        let state = domain.state().clone();
        Box::new(Sanguine(domain, state))
    }
}

impl Centre for Sanguine {
    fn handle(&mut self, now: Millis, input: Input) -> Vec<Effect> {
        let effects = self.0.handle(now, input);
        self.1 = self.0.state().clone();
        for order in self.1.orders.values_mut() {
            if let (OrderState::Issued, Action::Set { value, .. }) = (&order.state, &order.order.action) {
                order.state = OrderState::Done { readback: *value };
            }
        }
        effects
    }
    fn domain(&self) -> &Domain {
        &self.0
    }
    fn domain_mut(&mut self) -> &mut Domain {
        &mut self.0
    }
    fn state(&self) -> &State {
        &self.1
    }
}

/// Up to the moment at which orders are under way: a boiler has tripped, and the consumers are shed.
fn ordering(makers: Makers) -> World {
    let mut world = World::new(fleet(), 4, 10.0, makers);
    world.run(60_000);
    let south = PlantId::new("south").expect("an id");
    world.happen(&Happening::Plant(south, Fault::Trip { name: "south.b1".into() }));
    let under_way = |world: &World| {
        let replayed = world.replayed().expect("a journal");
        replayed.orders.values().any(|o| o.state == OrderState::Issued && matches!(o.order.action, Action::Set { .. }))
    };
    while !under_way(&world) {
        assert!(world.now < 120_000, "nothing was ordered, so this shows nothing");
        world.run(100);
    }
    world
}

#[test]
fn a_state_to_which_the_journal_does_not_lead_is_found() {
    for centres in [1, 2] {
        let world = ordering(Makers { centres, ..Makers::default() });
        checks::journal(&world).and_then(|_| leaders::agreed(&world)).expect("the state is the journal's fold");
        let world = ordering(Makers { centres, centre: Sanguine::make, ..Makers::default() });
        let wrong = checks::journal(&world).unwrap_err();
        assert!(wrong.contains("a replay of the journal leads to another state"), "{wrong}");
        let wrong = leaders::agreed(&world).unwrap_err();
        assert!(wrong.contains("has another state than the journal leads to"), "{wrong}");
    }
}

#[test]
fn a_changed_journal_is_found() {
    let mut world = World::new(fleet(), 4, 10.0, Makers::default());
    world.run(30_000);
    checks::journal(&world).expect("as it was written it is whole");
    let mut entries = world.journal.entries();
    assert!(entries.len() > 3, "nothing was decided");
    let forged = hypocaust_central::journal::Memory::new(&world.fleet.id);
    entries[1].time.0 += 1;
    for e in entries {
        let draft = hypocaust_central::journal::Draft { time: e.time, kind: e.kind, schema: e.schema, body: e.body };
        let head =
            forged.entries().last().map_or(hypocaust_central::journal::Head::genesis(&world.fleet.id), |e| e.head());
        forged.append_now(&head, e.epoch, vec![draft]).expect("it follows its own head");
    }
    world.journal = Box::new(forged);
    assert!(
        checks::journal(&world).is_err(),
        "a rewritten history with good hashes must differ from the leader's head"
    );
}

/// A leader that crashes once and comes back.
fn crashed(makers: Makers) -> World {
    let mut world = World::new(fleet(), 4, 10.0, makers);
    world.run(30_000);
    world.happen(&Happening::CentreCrash { down_ms: 2_000 });
    world.run(30_000);
    world
}

#[test]
fn a_leader_steps_down_for_a_higher_epoch_alone() {
    checks::leaders(&crashed(Makers::default())).expect("each leader has an epoch above those before it");
    let centre = |fleet, key, epoch: u64, state, head| {
        let backwards = 10u64.saturating_sub(epoch);
        Box::new(Domain::new(fleet, key, Judges::ours(), backwards, state, head))
            as Box<dyn hypocaust_sim::world::Centre>
    };
    let down = checks::leaders(&crashed(Makers { centre, ..Makers::default() })).unwrap_err();
    assert!(down.contains("epoch"), "{down}");
}
