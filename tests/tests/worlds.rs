//! The real cores in the simulated world, under random faults from a seed.
//!
//! `HYPOCAUST_SEED=n` runs one seed again. Each check has a negative control: with its mechanism swapped out, it fails.

use hypocaust_edge::core::{Birth, Core, Effect, Input, Memory, Now};
use hypocaust_protocols::model::{Fleet, PlantId, TagId};
use hypocaust_protocols::wire::{Action, Command, Entry, Range, Signed, SigningKey, VerifyingKey, Writer, metric};
use hypocaust_sim::world::{EdgeNode, History, Ledgered, Makers, Message, World};
use hypocaust_tests::checks::{self, Forged};
use hypocaust_tests::faults::schedule;
use hypocaust_tests::heat::{self, Look, Watch};
use std::path::Path;
use std::sync::Arc;

const LENGTH_MS: i64 = 600_000;
const LOOK_MS: i64 = 500;
const SEEDS: u64 = 200;

fn fleet() -> Arc<Fleet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"))
}

fn seeds() -> Vec<u64> {
    match std::env::var("HYPOCAUST_SEED") {
        Ok(seed) => vec![seed.parse().expect("HYPOCAUST_SEED is a whole number")],
        Err(_) => (1..=SEEDS).collect(),
    }
}

/// A world of this seed at its end, and what was seen of its heat.
fn lived(seed: u64, length_ms: i64, makers: Makers) -> (World, Vec<Look>) {
    let fleet = fleet();
    let mut world = World::new(Arc::clone(&fleet), seed, (seed % 24) as f64, makers);
    let (mut watch, mut looks) = (Watch::new(&world), Vec::new());
    let mut run = |world: &mut World, until: i64| {
        while world.now < until {
            world.run(LOOK_MS.min(until - world.now));
            looks.push(watch.look(world));
        }
    };
    for (at, happening) in schedule(&fleet, seed, length_ms) {
        run(&mut world, at);
        world.happen(&happening);
    }
    run(&mut world, length_ms);
    (world, looks)
}

/// All that must hold of the heat in a world.
fn heat(world: &World, looks: &[Look]) -> Result<(), String> {
    heat::unforced(world, looks, |l| l.order).map_err(|e| format!("against the order: {e}"))?;
    heat::unforced(world, looks, |l| l.bound).map_err(|e| format!("against the bound: {e}"))
}

#[test]
fn in_every_world_heat_journal_and_samples_are_right() {
    let all = seeds();
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(all.len());
    let failed: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|w| {
                let mine: Vec<u64> = all.iter().copied().skip(w).step_by(workers).collect();
                scope.spawn(move || {
                    let judge = |seed: u64| {
                        let (world, looks) = lived(seed, LENGTH_MS, Makers::default());
                        let verdict = checks::journal(&world)
                            .and_then(|()| checks::samples(&world))
                            .and_then(|()| heat(&world, &looks));
                        verdict.err().map(|e| format!("HYPOCAUST_SEED={seed}: {e}"))
                    };
                    mine.into_iter().filter_map(judge).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().expect("a world panicked")).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_seed_repeats_exactly() {
    let ((a, _), (b, _)) = (lived(5, 180_000, Makers::default()), lived(5, 180_000, Makers::default()));
    assert_eq!(a.journal.entries(), b.journal.entries());
    assert_eq!(a.writes, b.writes);
    assert!(!a.writes.is_empty() && !a.commands.is_empty(), "nothing happened in it");
}

/// A history that does not look into its ledger.
#[derive(Default)]
struct Credulous {
    ledger: Ledgered,
    rows: Vec<(PlantId, Entry, u64)>,
}

impl History for Credulous {
    fn store(&mut self, plant: &PlantId, entry: Entry, round: u64) {
        self.ledger.store(plant, entry.clone(), round);
        self.rows.push((plant.clone(), entry, round));
    }
    fn ranges(&self, plant: &PlantId) -> Vec<Range> {
        self.ledger.ranges(plant)
    }
    fn rows(&self) -> &[(PlantId, Entry, u64)] {
        &self.rows
    }
}

/// An edge that forgets an entry as soon as it is sent, and otherwise the real one.
struct Forgetful(Core);

impl EdgeNode for Forgetful {
    fn handle(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let mut effects = self.0.handle(now, input);
        let sent: Vec<Range> = effects
            .iter()
            .filter_map(|e| match e {
                Effect::Spool(e) => Some(Range { boot: e.boot, first: e.seq, last: e.seq }),
                _ => None,
            })
            .collect();
        effects.push(Effect::Forget(sent));
        effects
    }
    fn birth(&self, now: Now) -> Birth {
        self.0.birth(now)
    }
}

/// A world in bad weather; loss and doubles are sure to happen.
fn stormy(makers: Makers) -> World {
    let mut world = World::new(fleet(), 3, 10.0, makers);
    world.network.weather = hypocaust_sim::world::Weather { loss: 0.05, duplicate: 0.1, delay_ms: (5, 800) };
    world.run(60_000);
    world.network.weather = hypocaust_sim::world::Weather::FAIR;
    world.run(60_000);
    world
}

#[test]
fn without_ledger_or_acknowledgement_the_samples_are_not_whole() {
    checks::samples(&stormy(Makers::default())).expect("with both they are");
    let twice = stormy(Makers { history: Box::<Credulous>::default(), ..Makers::default() });
    assert!(checks::samples(&twice).unwrap_err().contains("twice"));
    let edge = |fleet: Arc<Fleet>, plant: &PlantId, key: VerifyingKey, boot: u64, memory: Memory, now: Now| {
        Some(Box::new(Forgetful(Core::new(fleet, plant, key, boot, memory, now)?)) as Box<dyn EdgeNode>)
    };
    let lost = stormy(Makers { edge, ..Makers::default() });
    assert!(checks::samples(&lost).unwrap_err().contains("never arrived"));
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
    world.journal = forged;
    assert!(
        checks::journal(&world).is_err(),
        "a rewritten history with good hashes must differ from the leader's head"
    );
}

/// An edge whose door stands open: whatever comes is made a fresh, signed command of the present leader.
struct Open {
    core: Core,
    key: SigningKey,
    plant: PlantId,
    boot: u64,
    count: u64,
}

impl EdgeNode for Open {
    fn handle(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let input = match input {
            Input::Command(signed) => match serde_json::from_str::<Command>(&signed.body) {
                Ok(mut c) => {
                    self.count += 1;
                    (c.plant, c.epoch, c.boot, c.tick) = (self.plant.clone(), 1, self.boot, now.tick);
                    c.id = format!("{}#{}", c.id, self.count);
                    Input::Command(Signed::seal(metric::COMMAND, &c, &self.key))
                }
                Err(_) => Input::Command(signed),
            },
            other => other,
        };
        self.core.handle(now, input)
    }
    fn birth(&self, now: Now) -> Birth {
        self.core.birth(now)
    }
}

/// A world in which commands without right arrive at the north; what they were, and the values that only they ask for.
fn attacked(makers: Makers) -> (World, Vec<Forged>, Vec<(f64, i64)>) {
    let mut world = World::new(fleet(), 6, 10.0, makers);
    world.run(60_000);
    let plant = PlantId::new("north").expect("an id");
    let setpoint = TagId::new("north.halls.cap-sp").expect("an id");
    let (mut forged, mut marks) = (Vec::new(), Vec::new());
    let foreign = SigningKey::from_bytes(&[9; 32]);
    for n in 0..5 {
        let mark = |k: i64| 7.5 + 0.01 * f64::from(n) + k as f64 * 0.0011;
        // Each is fresh when it is sent but for what is wrong with it.
        let command = |world: &World, id: String, value: f64| {
            let (boot, tick) = world.stamp(&plant).expect("the fleet has a north");
            let (epoch, action) = (world.epoch(), Action::Set { setpoint: setpoint.clone(), value });
            Command {
                id,
                plant: plant.clone(),
                writer: Writer::Operator,
                action,
                epoch,
                boot,
                tick,
                ttl_ms: 5_000,
                reason: 1,
            }
        };
        let send = |world: &mut World, signed: Signed| {
            world.network.send(world.now, Message::ToEdge(plant.clone(), Input::Command(signed)));
            world.run(4_000);
        };
        let key = world.key.clone();
        let good = command(&world, format!("good-{n}"), mark(3));
        let repeated = Signed::seal(metric::COMMAND, &good, &key);
        marks.push((mark(3), world.now + 8_000));
        send(&mut world, repeated.clone());
        for (k, what) in ["unsigned", "of an old epoch", "expired"].into_iter().enumerate() {
            let mut c = command(&world, format!("forged-{k}-{n}"), mark(k as i64));
            let mut by = &key;
            match k {
                0 => by = &foreign,
                1 => c.epoch -= 1,
                _ => c.tick.0 -= 12_000,
            }
            marks.push((mark(k as i64), world.now));
            forged.push(Forged { id: c.id.clone(), what });
            let signed = Signed::seal(metric::COMMAND, &c, by);
            send(&mut world, signed);
        }
        world.run(15_000);
        world.network.send(world.now, Message::ToEdge(plant.clone(), Input::Command(repeated)));
        world.run(15_000);
    }
    (world, forged, marks)
}

#[test]
fn commands_without_right_have_no_effect() {
    let (world, forged, marks) = attacked(Makers::default());
    checks::commands(&world, &forged, &marks).expect("the door is shut");
    let rightful = |w: &&hypocaust_sim::world::Wrote| marks.iter().any(|(mark, _)| (w.value - mark).abs() < 1e-5);
    assert!(world.writes.iter().any(|w| rightful(&w)), "the rightful command had none either, so this shows nothing");
    let edge = |fleet: Arc<Fleet>, plant: &PlantId, key: VerifyingKey, boot: u64, memory: Memory, now: Now| {
        let core = Core::new(fleet, plant, key, boot, memory, now)?;
        let key = SigningKey::from_bytes(&[7; 32]);
        Some(Box::new(Open { core, key, plant: plant.clone(), boot, count: 0 }) as Box<dyn EdgeNode>)
    };
    let (world, forged, marks) = attacked(Makers { edge, ..Makers::default() });
    assert!(checks::commands(&world, &forged, &marks).is_err(), "with the door open they must be seen to act");
}
