//! Sub-agents in the world: the reference agents answer the real centre over a bus that delays, loses and repeats, while they
//! crash and the centre crashes. No answer that is older than its deadline is used, whatever happens.

use crate::fleet;
use hypocaust_central::domain::subagents::{Asked, Refused, admit};
use hypocaust_central::domain::{Domain, Effect, Image, Input, Judges, State};
use hypocaust_central::journal::Head;
use hypocaust_protocols::model::{Fleet, Millis};
use hypocaust_protocols::wire::SigningKey;
use hypocaust_protocols::wire::subagent::{Coordination, Heartbeat, Kind, Outcome, Register, Report, Task, Time};
use hypocaust_sim::subagents;
use hypocaust_sim::world::{Centre, Happening, Makers, World};
use hypocaust_tests::checks;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was seen of the answers that the centre used.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Task, subject, how many ms after the deadline.
    used: BTreeMap<String, (String, i64)>,
    stack_losses: BTreeMap<String, f64>,
    counts: BTreeMap<&'static str, u64>,
}

thread_local! {
    /// A maker of centres is a plain function, so what its centres see is kept beside it.
    static SEEN: RefCell<Seen> = RefCell::default();
}

/// The centre, and behind a bad bus its agents.
struct Advised {
    domain: Domain,
    /// What is on its way, by when it comes.
    bus: BTreeMap<(i64, u64), Way>,
    random: u64,
    sent: u64,
    /// Until when each agent is down, and its boot.
    agents: BTreeMap<Kind, (i64, u64)>,
    /// The boot under which each has registered last.
    said: BTreeMap<Kind, u64>,
    last_beat: i64,
}

enum Way {
    ToAgent(Box<Task>),
    ToCentre(Coordination),
}

impl Advised {
    fn new(domain: Domain, seed: u64) -> Advised {
        let agents = Kind::ALL.map(|kind| (kind, (0, 1))).into();
        Advised { domain, bus: BTreeMap::new(), random: seed, sent: 0, agents, said: BTreeMap::new(), last_beat: 0 }
    }

    /// SplitMix64, from 0 to below `n`.
    fn below(&mut self, n: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    /// On the bus: lost, late, or twice.
    fn send(&mut self, now: i64, make: impl Fn() -> Way) {
        let times = match self.below(20) {
            0 => 0,
            1 | 2 => 2,
            _ => 1,
        };
        for _ in 0..times {
            let late = if self.below(5) == 0 { self.below(9_000) } else { self.below(400) };
            self.sent += 1;
            self.bus.insert((now + late as i64, self.sent), make());
        }
    }

    fn tell(&mut self, now: i64, message: Coordination) {
        self.send(now, || Way::ToCentre(message.clone()));
    }

    fn agents(&mut self, now: i64) {
        let beat = now - self.last_beat >= 10_000;
        if beat {
            self.last_beat = now;
        }
        for kind in Kind::ALL {
            let (down_until, boot) = self.agents[&kind];
            // One that has come back says so at once.
            let back = self.said.get(&kind) != Some(&boot);
            if down_until > now || !(beat || back) {
                continue;
            }
            if beat && self.below(4) == 0 {
                // Restarted at once by whoever watches it, or gone for long.
                let short = self.below(2) == 0;
                let down = 500 + self.below(if short { 4_000 } else { 60_000 }) as i64;
                self.agents.insert(kind, (now + down, boot + 1));
                continue;
            }
            self.said.insert(kind, boot);
            let (time, agent) = (Time(Millis(now)), kind.agent());
            let capabilities = vec![kind.name().to_owned()];
            let schema = Register::SCHEMA.to_owned();
            self.tell(now, Coordination::Register(Register { schema, time, agent, version: "1".into(), capabilities }));
            let schema = Heartbeat::SCHEMA.to_owned();
            self.tell(now, Coordination::Heartbeat(Heartbeat { schema, time, agent, boot, success_ratio: 1.0 }));
        }
    }

    fn deliver(&mut self, now: Millis, out: &mut Vec<Effect>) {
        while let Some(first) = self.bus.first_entry().filter(|e| e.key().0 <= now.0) {
            match first.remove() {
                Way::ToCentre(message) => out.extend(self.domain.handle(now, Input::Subagent { message })),
                Way::ToAgent(task) if self.agents[&task.kind].0 <= now.0 => {
                    let report = subagents::report(&task, subagents::answer(&task), Time(now));
                    self.tell(now.0, Coordination::Report(report));
                }
                Way::ToAgent(_) => {}
            }
        }
    }
}

impl Centre for Advised {
    fn handle(&mut self, now: Millis, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        self.agents(now.0);
        self.deliver(now, &mut out);
        out.extend(self.domain.handle(now, input));
        let tasks: Vec<Task> = out
            .iter()
            .filter_map(|e| match e {
                Effect::Task { task } => Some((**task).clone()),
                _ => None,
            })
            .collect();
        out.retain(|e| !matches!(e, Effect::Task { .. }));
        for task in tasks {
            self.send(now.0, || Way::ToAgent(Box::new(task.clone())));
        }
        SEEN.with_borrow_mut(|seen| {
            for kept in self.domain.subagents().kept() {
                let late = kept.at.since(kept.asked.deadline);
                seen.used.entry(kept.asked.id.clone()).or_insert((kept.asked.subject.clone(), late));
                if let (Outcome::Done, Some(loss)) = (kept.outcome, kept.values.get("stack-loss")) {
                    seen.stack_losses.extend(loss.value.map(|loss| (kept.asked.id.clone(), loss)));
                }
            }
            seen.counts = BTreeMap::new();
            for ((_, outcome), count) in self.domain.subagents().counts() {
                *seen.counts.entry(outcome).or_default() += count;
            }
        });
        out
    }
    fn inherit(&mut self, image: Image) {
        self.domain.inherit(image);
    }
    fn state(&self) -> &State {
        self.domain.state()
    }
    fn head(&self) -> Head {
        self.domain.head()
    }
}

fn advised(
    fleet: Arc<Fleet>,
    key: SigningKey,
    judges: Judges,
    epoch: u64,
    state: State,
    head: Head,
) -> Box<dyn Centre> {
    Box::new(Advised::new(Domain::new(fleet, key, judges, epoch, state, head), 11 * epoch))
}

/// Three minutes, with a crash of the centre in the middle.
fn run(makers: Makers) -> (World, Seen) {
    SEEN.set(Seen::default());
    let mut world = World::new(fleet(), 5, 10.0, makers);
    world.run(100_000);
    let before = SEEN.with_borrow(|seen| seen.counts.clone());
    world.happen(&Happening::CentreCrash { down_ms: 4_000 });
    world.run(80_000);
    let mut seen = SEEN.take();
    for (outcome, count) in before {
        *seen.counts.entry(outcome).or_default() += count;
    }
    (world, seen)
}

#[test]
fn no_answer_older_than_its_deadline_is_used() {
    let makers = Makers {
        centre: |fleet, key, epoch, state, head| advised(fleet, key, Judges::ours(), epoch, state, head),
        ..Makers::default()
    };
    let (world, seen) = run(makers);
    let late: Vec<_> = seen.used.iter().filter(|(_, (_, late))| *late > 0).collect();
    assert!(late.is_empty(), "{late:?}");
    // The bus was bad enough to show it, and the agents did compute from what the plants showed.
    for outcome in ["done", "late", "timeout", "duplicate", "crash"] {
        assert!(seen.counts.get(outcome).is_some_and(|n| *n > 0), "no {outcome}: {:?}", seen.counts);
    }
    assert!(seen.used.len() > 40, "{} answers", seen.used.len());
    let subjects: BTreeSet<&str> = seen.used.values().map(|(subject, _)| subject.as_str()).collect();
    assert!(["north.b1", "north.b2", "south.b1", "north.steam"].iter().all(|s| subjects.contains(s)), "{subjects:?}");
    assert!(
        !seen.stack_losses.is_empty() && seen.stack_losses.values().all(|l| (5.0..12.0).contains(l)),
        "{:?}",
        seen.stack_losses
    );
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
            advised(fleet, key, Judges { admit: patient, ..Judges::ours() }, epoch, state, head)
        },
        ..Makers::default()
    };
    let (_, seen) = run(makers);
    assert!(seen.used.values().any(|(_, late)| *late > 0), "the check above would not see it: {:?}", seen.counts);
}
