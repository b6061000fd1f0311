//! The journal verifies, and one leader leads; a rewritten journal and a leader of an old epoch are found.

use crate::fleet;
use hypocaust_central::domain::{Domain, Judges};
use hypocaust_sim::world::{Happening, Makers, World};
use hypocaust_tests::checks;

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
