//! Two hundred seeds of random misfortune, and two hundred further ones in which replicas, bus and sub-agents have theirs; every
//! check on each.

use crate::fleet;
use crate::worlds::commands::Attacker;
use crate::worlds::heat::heat;
use hypocaust_sim::world::{Happening, Makers, World};
use hypocaust_tests::checks;
use hypocaust_tests::faults::{schedule, spine_schedule};
use hypocaust_tests::heat::{Latest, Look, looked, watched};
use hypocaust_tests::leaders;
use hypocaust_tests::share::{Least, Shares, enough};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
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

/// What must hold of every world; how much of it each check had before it, and how late a shortage was.
fn judge(lived: &Lived) -> Result<(Shares, Latest), String> {
    let Lived { world, happened, looks, attacker } = lived;
    let mut shares = Shares::from([
        ("entries of the journal", checks::journal(world)?),
        ("spooled entries", checks::samples(world)?),
        ("messages of the bus", checks::bus(world)?),
        ("forged commands", checks::commands(world, &attacker.forged)?),
        ("commands done", checks::repeats(world)?),
        ("writes that were not the safe way", checks::rates(world, happened)?),
        ("trips", checks::trips(world, happened)?),
        ("closed mains", checks::mains(world, happened)?),
        ("answers of sub-agents", checks::advice(world)?),
    ]);
    shares.extend(leaders::all(world)?);
    let latest = heat(world, looks)?;
    shares.extend(looked(looks));
    Ok((shares, latest))
}

/// All that was decided and done in a world, in one number: two builds of which every seed ends in the same one behave alike.
fn mark(lived: &Lived) -> u64 {
    let mut mark = DefaultHasher::new();
    let Lived { world, looks, .. } = lived;
    world.journal.entries().last().map(|e| e.head().to_string()).hash(&mut mark);
    format!("{:?}{:?}{:?}{looks:?}", world.writes, world.outcomes, world.events).hash(&mut mark);
    world.history.rows().len().hash(&mut mark);
    mark.finish()
}

/// How much there was to judge.
#[derive(Default)]
struct Judged {
    /// By seed.
    marks: BTreeMap<u64, u64>,
    shares: Shares,
    /// Of all worlds in which a shortage was late at all, and by seed.
    latest: BTreeMap<u64, Latest>,
    repeated: usize,
    /// Answers of sub-agents that came too late.
    late: usize,
}

impl Judged {
    fn add(&mut self, seed: u64, lived: &Lived, shares: &Shares, latest: Latest) {
        self.marks.insert(seed, mark(lived));
        if latest != Latest::default() {
            self.latest.insert(seed, latest);
        }
        shares.iter().for_each(|(check, share)| *self.shares.entry(check).or_default() += *share);
        self.repeated += lived.attacker.repeated;
        self.late += lived.world.late_answers();
    }
}

const fn least(check: &'static str, per_world: f64, share: f64) -> Least {
    Least { check, per_world, share }
}

/// What the check of heat must have judged: of the looks in which somebody is short.
pub const LEAST_HEAT: [Least; 4] = [
    least("looks with a shortage", 20.0, 0.8),
    least("such looks while dispatch led", 10.0, 0.5),
    least("such looks that the order did not force", 1.0, 0.004),
    least("such looks that the bound did not force", 1.0, 0.004),
];

/// The same of all other checks.
const LEAST: [Least; 10] = [
    least("entries of the journal", 100.0, 1.0),
    least("accepted entries", 100.0, 1.0),
    least("spooled entries", 1000.0, 0.95),
    least("messages of the bus", 1000.0, 1.0),
    least("forged commands", 4.0, 0.4),
    least("commands done", 20.0, 1.0),
    least("writes that were not the safe way", 20.0, 0.2),
    least("leaderships", 1.0, 1.0),
    least("trips", 0.2, 0.3),
    least("closed mains", 0.05, 0.4),
];

/// What is wrong with this world, and what happened in it.
fn verdict(
    seed: u64,
    live: fn(u64, i64) -> Lived,
    also: fn(&World) -> Result<(), String>,
    judged: &Mutex<Judged>,
) -> Option<String> {
    let lived = live(seed, LENGTH_MS);
    let wrong = match judge(&lived).and_then(|found| also(&lived.world).map(|()| found)) {
        Ok((shares, latest)) => {
            judged.lock().expect("no world panicked").add(seed, &lived, &shares, latest);
            return None;
        }
        Err(wrong) => wrong,
    };
    let story: Vec<String> =
        lived.happened.iter().map(|(at, what)| format!("    {:>6.1} s {what:?}", *at as f64 / 1e3)).collect();
    Some(format!("HYPOCAUST_SEED={seed}: {wrong}\n{}", story.join("\n")))
}

fn in_all(
    usual: RangeInclusive<u64>,
    live: fn(u64, i64) -> Lived,
    also: fn(&World) -> Result<(), String>,
    replicated: &[Least],
) {
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
    let Judged { marks, shares, latest, repeated, late } = judged.into_inner().expect("no world panicked");
    println!("{} worlds, {repeated} repeated commands, {late} answers of sub-agents too late", all.len());
    for (check, share) in &shares {
        println!("{:>12} {check}, {} more left out", share.judged, share.left_out);
    }
    let s = |ms: i64| ms as f64 / 1e3;
    println!("{} worlds in which a shortage was late:", latest.len());
    latest.iter().for_each(|(seed, l)| println!("    of {seed}: {:.1} of {:.1} s", s(l.late_ms), s(l.of_ms)));
    let mut whole = DefaultHasher::new();
    marks.hash(&mut whole);
    println!("mark of all their ends: {:016x}", whole.finish());
    // A handful of seeds may happen to have no trip; many may not.
    let few = all.len() < 50;
    if few {
        marks.iter().for_each(|(seed, mark)| println!("    of {seed}: {mark:016x}"));
    }
    assert!(failed.is_empty(), "{} of {} worlds:\n{}", failed.len(), all.len(), failed.join("\n"));
    let least = [LEAST.as_slice(), &LEAST_HEAT, replicated].concat();
    let enough = enough(&shares, all.len(), &least);
    assert!(few || enough.is_ok() && repeated > 0, "too little to judge: {enough:?}, {repeated} repeated commands");
    assert!(few || replicated.is_empty() || late >= all.len(), "{late} answers came too late: too little to judge");
}

#[test]
fn in_every_world_heat_journal_samples_and_commands_are_right() {
    // With one replica there is nobody who could depose it.
    in_all(SEEDS, lived, checks::leaders, &[]);
}

#[test]
fn in_every_replicated_world_all_of_it_and_one_leader_an_epoch() {
    let least = [
        least("answers of sub-agents", 10.0, 1.0),
        least("leaderships", 1.5, 1.0),
        least("stale messages", 0.02, 1.0),
        least("appends that outlived a lease", 0.64, 1.0),
    ];
    in_all(FURTHER, lived_replicated, |_| Ok(()), &least);
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
