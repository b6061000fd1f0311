//! No command from an old epoch, expired, repeated or unsigned has an effect; with each of those checks gone, one has.

use crate::fleet;
use hypocaust_edge::core::{Birth, Core, Effect, Input, Memory, NodeValue, Now};
use hypocaust_protocols::model::{Fleet, PlantId, SetpointId};
use hypocaust_protocols::wire::{Action, Command, Outcome, Signed, SigningKey, VerifyingKey, Writer, metric};
use hypocaust_sim::world::{EdgeNode, Makers, Message, World};
use hypocaust_tests::checks::{self, Forged};
use hypocaust_tests::faults::Dice;
use std::sync::Arc;

/// What is wrong with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Signature,
    Epoch,
    Age,
    Repeated,
}

impl Wrong {
    const ALL: [Wrong; 4] = [Wrong::Signature, Wrong::Epoch, Wrong::Age, Wrong::Repeated];

    fn name(self) -> &'static str {
        match self {
            Wrong::Signature => "signed by somebody else",
            Wrong::Epoch => "of an old epoch",
            Wrong::Age => "expired",
            Wrong::Repeated => "repeated",
        }
    }
}

/// How far back the tick of an expired command lies, beyond any time to live.
const EXPIRED_MS: u64 = 12_000;
/// So many of the last commands an attacker has kept.
const LISTENED: usize = 8;

/// Somebody who can publish to the edges and now and then does.
pub struct Attacker {
    dice: Dice,
    next: i64,
    pub forged: Vec<Forged>,
    /// How many rightful commands it has sent once more.
    pub repeated: usize,
}

impl Attacker {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(!seed);
        Self { next: dice.between(20_000, 60_000), dice, forged: Vec::new(), repeated: 0 }
    }

    /// Sends a command that is all right but for one thing, when it is time.
    pub fn try_one(&mut self, world: &mut World) {
        if world.now < self.next {
            return;
        }
        self.next = world.now + self.dice.between(5_000, 60_000);
        if self.dice.below(4) == 0 {
            return self.repeat(world);
        }
        let fleet = Arc::clone(&world.fleet);
        let plant = &fleet.plants[self.dice.below(fleet.plants.len())];
        let caps: Vec<&SetpointId> = plant.consumers.iter().filter_map(|c| Some(&c.shed.as_ref()?.setpoint)).collect();
        let setpoint = caps[self.dice.below(caps.len())];
        let wrong = match Wrong::ALL[self.dice.below(3)] {
            // An edge that has just started has no tick that is long past.
            // One that has heard nobody yet knows no epoch.
            Wrong::Epoch if world.known_epoch(&plant.id) == 0 => Wrong::Signature,
            Wrong::Age if world.stamp(&plant.id).is_none_or(|(_, tick)| tick.0 < 2 * EXPIRED_MS) => Wrong::Signature,
            any => any,
        };
        let n = self.forged.len() as f64;
        let spec = plant.setpoint(setpoint.as_str()).expect("a shed setpoint of this plant");
        // Five digits, where dispatch sends three.
        let mark = spec.min + 0.30037 + 0.0137 * n;
        self.send(world, &plant.id, setpoint, mark, wrong);
    }

    /// Sends once more, to the letter, one of the last commands of the centre; `checks::repeats` sees what becomes of it.
    pub fn repeat(&mut self, world: &mut World) {
        let last = world.commands.len().min(LISTENED);
        if last == 0 {
            return;
        }
        let (_, plant, signed) = world.commands[world.commands.len() - 1 - self.dice.below(last)].clone();
        post(world, &plant, signed);
        self.repeated += 1;
    }

    fn send(&mut self, world: &mut World, plant: &PlantId, setpoint: &SetpointId, mark: f64, wrong: Wrong) {
        let id = format!("forged-{}", self.forged.len());
        let mut command = order(world, id.clone(), plant, setpoint, mark);
        let mut key = world.key.clone();
        match wrong {
            Wrong::Signature => key = SigningKey::from_bytes(&[9; 32]),
            Wrong::Epoch => command.epoch = world.known_epoch(plant).saturating_sub(1),
            Wrong::Age => command.tick.0 = command.tick.0.saturating_sub(EXPIRED_MS),
            Wrong::Repeated => {}
        }
        let from = world.now;
        self.forged.push(Forged { id, what: wrong.name(), setpoint: setpoint.clone(), mark, from });
        post(world, plant, Signed::seal(metric::COMMAND, &command, &key));
    }
}

/// An operator's order as the leader of this moment would send it.
fn order(world: &World, id: String, plant: &PlantId, setpoint: &SetpointId, value: f64) -> Command {
    let (boot, tick) = world.stamp(plant).expect("a plant of the fleet");
    let action = Action::Set { setpoint: setpoint.clone(), value };
    let (writer, epoch) = (Writer::Operator, world.epoch());
    Command { id, plant: plant.clone(), writer, action, epoch, boot, tick, ttl_ms: 5_000, reason: 1 }
}

fn post(world: &mut World, plant: &PlantId, signed: Signed) {
    world.network.send(world.now, Message::ToEdge(plant.clone(), Input::Command(signed)));
}

/// An edge that does not mind one thing about a command: it is mended before the real core sees it.
pub struct Open<const WRONG: usize> {
    core: Core,
    key: SigningKey,
    boot: u64,
    count: u64,
    epoch: u64,
}

impl<const WRONG: usize> Open<WRONG> {
    fn mended(&mut self, now: Now, signed: Signed) -> Signed {
        let rightful = signed.open::<Command>(metric::COMMAND, &self.key.verifying_key());
        let Ok(mut c) = serde_json::from_str::<Command>(&signed.body) else { return signed };
        let wrong = Wrong::ALL[WRONG];
        if rightful.is_err() && wrong != Wrong::Signature {
            return signed;
        }
        self.epoch = self.epoch.max(c.epoch);
        match wrong {
            Wrong::Signature => {}
            Wrong::Epoch => c.epoch = self.epoch,
            Wrong::Age => (c.boot, c.tick) = (self.boot, now.tick),
            Wrong::Repeated => {
                self.count += 1;
                c.id = format!("{}#{}", c.id, self.count);
            }
        }
        Signed::seal(metric::COMMAND, &c, &self.key)
    }

    pub fn make(
        fleet: Arc<Fleet>,
        plant: &PlantId,
        key: VerifyingKey,
        boot: u64,
        memory: Memory,
        now: Now,
    ) -> Option<Box<dyn EdgeNode>> {
        let core = Core::new(fleet, plant, key, boot, memory, now)?;
        // The key of the simulated centre, which a door that stands open has no need of.
        let key = SigningKey::from_bytes(&[7; 32]);
        Some(Box::new(Self { core, key, boot, count: 0, epoch: 0 }))
    }
}

impl<const WRONG: usize> EdgeNode for Open<WRONG> {
    fn handle(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let input = match input {
            Input::Command(signed) => Input::Command(self.mended(now, signed)),
            other => other,
        };
        let mut effects = self.core.handle(now, input);
        effects.iter_mut().for_each(named_as_sent);
        effects
    }
    fn birth(&mut self, now: Now) -> Birth {
        self.core.birth(now)
    }
}

/// The outcome of a command that was let in under a new id, under the one that it came with.
fn named_as_sent(effect: &mut Effect) {
    let Effect::Publish { name: metric::OUTCOME, value: NodeValue::Text(text) } = effect else { return };
    let Ok(mut outcome) = serde_json::from_str::<Outcome>(text) else { return };
    if let Some((id, _)) = outcome.id.split_once('#') {
        outcome.id = id.to_owned();
        *text = serde_json::to_string(&outcome).expect("an outcome has a JSON form");
    }
}

/// A world in which a command that is wrong in this way comes to the north, again and again.
fn attacked(wrong: Wrong, makers: Makers) -> (World, Vec<Forged>) {
    let mut world = World::new(fleet(), 6, 10.0, makers);
    world.run(60_000);
    let plant = PlantId::new("north").expect("an id");
    let setpoint = SetpointId::new("north.halls.cap-sp").expect("an id");
    let mut attacker = Attacker::new(6);
    for n in 0..4 {
        let mark = 7.50037 + 0.01 * f64::from(n);
        if wrong == Wrong::Repeated {
            let id = format!("good-{n}");
            let key = world.key.clone();
            let good = Signed::seal(metric::COMMAND, &order(&world, id.clone(), &plant, &setpoint, mark), &key);
            post(&mut world, &plant, good.clone());
            world.run(2_000);
            // Another rightful one moves the setpoint away; the first is young enough still.
            let other = order(&world, format!("other-{n}"), &plant, &setpoint, 6.9);
            post(&mut world, &plant, Signed::seal(metric::COMMAND, &other, &key));
            world.run(2_000);
            let from = world.now;
            attacker.forged.push(Forged { id, what: wrong.name(), setpoint: setpoint.clone(), mark, from });
            post(&mut world, &plant, good);
        } else {
            attacker.send(&mut world, &plant, &setpoint, mark, wrong);
        }
        world.run(15_000);
    }
    (world, attacker.forged)
}

fn shown<const WRONG: usize>() {
    let wrong = Wrong::ALL[WRONG];
    let (world, forged) = attacked(wrong, Makers::default());
    checks::commands(&world, &forged).expect("the door is shut");
    let (world, forged) = attacked(wrong, Makers { edge: Open::<WRONG>::make, ..Makers::default() });
    assert!(checks::commands(&world, &forged).is_err(), "a command that is {} must be seen to act", wrong.name());
}

#[test]
fn a_wrong_signature_has_no_effect() {
    shown::<0>();
}

#[test]
fn an_old_epoch_has_no_effect() {
    shown::<1>();
}

#[test]
fn an_expired_command_has_no_effect() {
    shown::<2>();
}

#[test]
fn a_repeated_command_has_no_effect() {
    shown::<3>();
}

/// A world in which somebody sends the centre's own commands once more, every few seconds.
fn echoed(makers: Makers) -> World {
    let mut world = World::new(fleet(), 6, 10.0, makers);
    world.run(30_000);
    let mut attacker = Attacker::new(6);
    for _ in 0..60 {
        attacker.repeat(&mut world);
        world.run(1_500);
    }
    assert!(attacker.repeated > 30, "the centre gave nothing to repeat");
    world
}

#[test]
fn what_the_centre_said_once_is_done_once() {
    checks::repeats(&echoed(Makers::default())).expect("an id is known for ever");
    let wrong = checks::repeats(&echoed(Makers { edge: Open::<3>::make, ..Makers::default() })).unwrap_err();
    assert!(wrong.contains("again"), "{wrong}");
}

/// In its first minutes dispatch takes a fleet from where it was found to where it should be.
#[test]
fn a_minute_has_no_more_writes_than_the_limits_say() {
    let written = |makers| {
        let mut world = World::new(fleet(), 6, 10.0, makers);
        world.run(120_000);
        checks::rates(&world, &[])
    };
    assert!(written(Makers::default()).expect("ten at most").judged > 0, "nothing moved");
    let hurried = Makers {
        // It was told of a limit of ten times as many.
        edge: |fleet, plant, key, boot, memory, now| {
            let mut fleet = Fleet::clone(&fleet);
            fleet.limits.writes_per_minute *= 10;
            (Makers::default().edge)(Arc::new(fleet), plant, key, boot, memory, now)
        },
        ..Makers::default()
    };
    let wrong = written(hurried).expect_err("a step each scan is seen");
    assert!(wrong.contains("11 times"), "{wrong}");
}

#[test]
fn a_rightful_command_has_one() {
    let mut world = World::new(fleet(), 6, 10.0, Makers::default());
    world.run(60_000);
    let plant = PlantId::new("north").expect("an id");
    let setpoint = SetpointId::new("north.halls.cap-sp").expect("an id");
    let key = world.key.clone();
    let good = Signed::seal(metric::COMMAND, &order(&world, "good".into(), &plant, &setpoint, 7.5), &key);
    post(&mut world, &plant, good);
    world.run(4_000);
    assert!(world.writes.iter().any(|w| w.setpoint == setpoint && (w.value - 7.5).abs() < 1e-5));
}
