//! Two hundred seeds of random misfortune, and two hundred further ones in which replicas, bus and sub-agents have theirs; every
//! check on each.

use crate::fleet;
use crate::worlds::commands::Attacker;
use crate::worlds::heat::heat;
use hypocaust_sim::fault::Fault;
use hypocaust_sim::world::{Happening, Makers, World};
use hypocaust_tests::checks;
use hypocaust_tests::faults::{schedule, spine_schedule};
use hypocaust_tests::heat::{Look, watched};
use hypocaust_tests::leaders;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

const LENGTH_MS: i64 = 600_000;
/// What the tests run; `HYPOCAUST_SEED=7` runs one, `HYPOCAUST_SEEDS=401..1400` more of them.
const SEEDS: RangeInclusive<u64> = 1..=200;
/// The same of the worlds with replicas.
const FURTHER: RangeInclusive<u64> = 201..=400;

fn seeds(usual: RangeInclusive<u64>) -> Vec<u64> {
    let named = |name| std::env::var(name).ok();
    let whole =
        |text: &str| text.trim().parse().unwrap_or_else(|_| panic!("{text:?} is no seed: write a whole number"));
    match (named("HYPOCAUST_SEED"), named("HYPOCAUST_SEEDS")) {
        (Some(seed), _) => vec![whole(&seed)],
        (None, Some(range)) => {
            let (first, last) = range.split_once("..").expect("HYPOCAUST_SEEDS is FIRST..LAST, such as 401..1400");
            (whole(first)..=whole(last)).collect()
        }
        (None, None) => usual.collect(),
    }
}

/// A world at its end, what happened and what was seen in it.
struct Lived {
    world: World,
    happened: Vec<(i64, Happening)>,
    looks: Vec<Look>,
    attacker: Attacker,
}

/// The world of this seed.
fn lived(seed: u64, length_ms: i64) -> Lived {
    let fleet = fleet();
    let mut world = World::new(Arc::clone(&fleet), seed, (seed % 24) as f64, Makers::default());
    let mut attacker = Attacker::new(seed);
    let happened = schedule(&fleet, seed, length_ms);
    let looks = watched(&mut world, &happened, length_ms, |world| attacker.try_one(world));
    Lived { world, happened, looks, attacker }
}

/// The same with two or three replicas of the centre, and with sub-agents.
fn lived_replicated(seed: u64, length_ms: i64) -> Lived {
    let fleet = fleet();
    let makers = Makers { centres: 2 + (seed % 2) as usize, agents: true, ..Makers::default() };
    let mut world = World::new(Arc::clone(&fleet), seed, (seed % 24) as f64, makers);
    let mut attacker = Attacker::new(seed);
    let happened = spine_schedule(&fleet, seed, length_ms);
    let looks = watched(&mut world, &happened, length_ms, |world| attacker.try_one(world));
    Lived { world, happened, looks, attacker }
}

/// What must hold of every world.
fn judge(lived: &Lived) -> Result<(), String> {
    let Lived { world, happened, looks, attacker } = lived;
    checks::journal(world)
        .and_then(|()| leaders::all(world))
        .and_then(|()| checks::samples(world))
        .and_then(|()| checks::commands(world, &attacker.forged))
        .and_then(|()| checks::repeats(world))
        .and_then(|()| checks::trips(world, happened))
        .and_then(|()| checks::mains(world, happened).map(drop))
        .and_then(|()| checks::advice(world))
        .and_then(|()| heat(world, looks))
}

/// How much there was to judge.
#[derive(Default, Clone, Copy)]
struct Judged {
    worlds: usize,
    trips: usize,
    forged: usize,
    repeated: usize,
    journaled: u64,
    mains: usize,
    /// Answers of sub-agents that were used, and that came too late.
    used: usize,
    late: usize,
}

impl Judged {
    fn add(&mut self, lived: &Lived) {
        self.worlds += 1;
        let trip = |(_, what): &&(i64, Happening)| matches!(what, Happening::Plant(_, Fault::Trip { .. }));
        self.trips += lived.happened.iter().filter(trip).count();
        self.forged += lived.attacker.forged.len();
        self.repeated += lived.attacker.repeated;
        self.journaled += lived.world.journal.entries().len() as u64;
        self.mains += checks::mains(&lived.world, &lived.happened).unwrap_or(0);
        self.used += lived.world.advice.len();
        self.late += lived.world.late_answers();
    }
}

/// What is wrong with this world, and what happened in it.
fn verdict(
    seed: u64,
    live: fn(u64, i64) -> Lived,
    also: fn(&World) -> Result<(), String>,
    judged: &Mutex<Judged>,
) -> Option<String> {
    let lived = live(seed, LENGTH_MS);
    judged.lock().expect("no world panicked").add(&lived);
    let wrong = judge(&lived).and_then(|()| also(&lived.world)).err()?;
    let story: Vec<String> =
        lived.happened.iter().map(|(at, what)| format!("    {:>6.1} s {what:?}", *at as f64 / 1e3)).collect();
    Some(format!("HYPOCAUST_SEED={seed}: {wrong}\n{}", story.join("\n")))
}

fn in_all(usual: RangeInclusive<u64>, live: fn(u64, i64) -> Lived, also: fn(&World) -> Result<(), String>) -> Judged {
    let all = seeds(usual);
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(all.len());
    let judged = Mutex::new(Judged::default());
    let failed: Vec<String> = std::thread::scope(|scope| {
        let judged = &judged;
        let threads: Vec<_> = (0..workers)
            .map(|w| {
                let mine: Vec<u64> = all.iter().copied().skip(w).step_by(workers).collect();
                scope.spawn(move || mine.into_iter().filter_map(|s| verdict(s, live, also, judged)).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().expect("a world panicked")).collect()
    });
    let judged = judged.into_inner().expect("no world panicked");
    let Judged { trips, mains, forged, repeated, journaled, used, late, .. } = judged;
    println!(
        "{} worlds: {trips} trips, {mains} closed mains, {forged} forged and {repeated} repeated commands, {journaled} entries, {used} answers of sub-agents used and {late} too late",
        all.len()
    );
    // A handful of seeds may happen to have no trip; many may not.
    let few = all.len() < 50;
    assert!(forged >= all.len() && journaled >= 100 * all.len() as u64, "{forged} forged, {journaled} entries");
    assert!(few || (trips >= all.len() / 4 && repeated > 0), "{trips} trips, {repeated} repeated: too little to judge");
    assert!(few || mains >= all.len() / 20, "{mains} closed mains: too little to judge");
    assert!(failed.is_empty(), "{} of {} worlds:\n{}", failed.len(), all.len(), failed.join("\n"));
    judged
}

#[test]
fn in_every_world_heat_journal_samples_and_commands_are_right() {
    // With one replica there is nobody who could depose it.
    in_all(SEEDS, lived, checks::leaders);
}

#[test]
fn in_every_replicated_world_all_of_it_and_one_leader_an_epoch() {
    let judged = in_all(FURTHER, lived_replicated, |_| Ok(()));
    let Judged { worlds, used, late, .. } = judged;
    assert!(used >= 10 * worlds && late >= worlds, "{used} answers used, {late} late: too little to judge");
}

#[test]
fn a_seed_repeats_exactly() {
    let (a, b) = (lived(5, 180_000).world, lived(5, 180_000).world);
    assert_eq!(a.journal.entries(), b.journal.entries());
    assert_eq!(a.writes, b.writes);
    assert!(!a.writes.is_empty() && !a.commands.is_empty(), "nothing happened in it");
}

#[test]
fn a_replicated_seed_repeats_exactly() {
    let (a, b) = (lived_replicated(5, 240_000).world, lived_replicated(5, 240_000).world);
    assert_eq!(a.journal.entries(), b.journal.entries());
    assert_eq!(a.record.led, b.record.led);
    assert_eq!(a.writes, b.writes);
    assert!(a.record.led.len() > 1 && !a.writes.is_empty(), "nobody followed anybody, or nothing was written");
}
