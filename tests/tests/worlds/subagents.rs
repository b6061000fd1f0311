//! Sub-agents in the world: the reference agents answer the real centre over a bus that delays, loses and repeats, while they
//! crash and the centre crashes. No answer that is older than its deadline is used, whatever happens.

use crate::fleet;
use hypocaust_central::domain::subagents::{Asked, Refused, admit};
use hypocaust_central::domain::{Domain, Judges};
use hypocaust_protocols::model::Millis;
use hypocaust_protocols::wire::subagent::{Outcome, Report};
use hypocaust_sim::world::{Happening, Makers, World};
use hypocaust_tests::checks;
use std::collections::{BTreeMap, BTreeSet};

/// Three minutes, with a crash of the centre in the middle; how the tasks of both leaderships ended.
fn run(makers: Makers) -> (World, BTreeMap<&'static str, u64>) {
    let mut world = World::new(fleet(), 5, 10.0, Makers { agents: true, ..makers });
    world.run(100_000);
    let mut counts = world.tasks();
    world.happen(&Happening::CentreCrash { down_ms: 4_000 });
    world.run(80_000);
    for (outcome, count) in world.tasks() {
        *counts.entry(outcome).or_default() += count;
    }
    (world, counts)
}

#[test]
fn no_answer_older_than_its_deadline_is_used() {
    let (world, counts) = run(Makers::default());
    checks::advice(&world).expect("what comes too late is refused");
    // The bus was bad enough to show it, and the agents did compute from what the plants showed.
    for outcome in ["done", "late", "timeout", "duplicate", "crash"] {
        assert!(counts.get(outcome).is_some_and(|n| *n > 0), "no {outcome}: {counts:?}");
    }
    let used: Vec<_> = world.advice.values().map(|(_, kept)| kept).collect();
    assert!(used.len() > 40, "{} answers", used.len());
    let subjects: BTreeSet<&str> = used.iter().map(|kept| kept.asked.subject.as_str()).collect();
    assert!(["north.b1", "north.b2", "south.b1", "north.steam"].iter().all(|s| subjects.contains(s)), "{subjects:?}");
    let done = used.iter().filter(|kept| kept.outcome == Outcome::Done);
    let losses: Vec<f64> = done.filter_map(|kept| kept.values.get("stack-loss")?.value).collect();
    assert!(!losses.is_empty() && losses.iter().all(|l| (5.0..12.0).contains(l)), "{losses:?}");
    let members = &world.replayed().expect("a journal").subagents;
    assert_eq!(members.len(), 3, "the membership is in the journal");
    checks::journal(&world).expect("it verifies and leads to the same state");
}

/// An admission that knows no deadline.
fn patient(asked: &Asked, report: &Report, _: Millis) -> Result<(), Refused> {
    admit(asked, report, asked.issued)
}

#[test]
fn a_registry_that_knows_no_deadline_uses_old_answers() {
    let makers = Makers {
        centre: |fleet, key, epoch, state, head| {
            Box::new(Domain::new(fleet, key, Judges { admit: patient, ..Judges::ours() }, epoch, state, head))
        },
        ..Makers::default()
    };
    let (world, counts) = run(makers);
    let wrong = checks::advice(&world).expect_err("the check above would not see it");
    assert!(wrong.contains("after its deadline"), "{wrong}: {counts:?}");
}
