//! The cluster that carries telemetry, as its clients meet it: partitions with offsets, an id that is another one when it
//! was lost with everything in it. What of it is ours runs in the replicas, as the programs have it (`replica::reader`).
//!
//! It can be down, slow, and lose or repeat what is sent to it. Whoever sent hears what became of it: it is kept, or given
//! up after the client's own patience.

use super::replica::Actor;
use hypocaust_central::bus::{Kept, Key};
use hypocaust_protocols::kafka::{GIVEN_UP, Record, Start};
use hypocaust_protocols::model::PlantId;
use hypocaust_protocols::wire::record::topic;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// How the bus is now. Shares are 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BusWeather {
    /// It takes, gives and answers nothing.
    pub down: bool,
    /// Messages that it does not take.
    pub loss: f64,
    /// Messages that it keeps twice, because their sender did not hear that they were kept.
    pub repeat: f64,
    /// How long one is under way to it.
    pub delay_ms: i64,
}

impl BusWeather {
    pub const FAIR: BusWeather = BusWeather { down: false, loss: 0.0, repeat: 0.0, delay_ms: 0 };
}

/// Fewer than the programs make, so that plants share them.
const PARTITIONS: i32 = 2;

/// A message on its way, or kept. `round` is how often its edge had begun to send its backlog: for the checks alone.
#[derive(Debug, Clone)]
pub struct Message {
    pub key: Key,
    pub payload: Vec<u8>,
    pub round: u64,
}

/// What became of messages, by their entries: kept, or why not.
type Outcomes = Vec<(Key, Result<(), String>)>;

struct Sent {
    by: Actor,
    message: Message,
    since: i64,
    lost: bool,
    copies: usize,
}

pub struct Bus {
    rng: ChaCha8Rng,
    pub weather: BusWeather,
    /// The cluster's id, by how many there were before it.
    id: fn(u64) -> String,
    pub generation: u64,
    /// With the time at which each was kept.
    logs: BTreeMap<i32, Vec<(i64, Message)>>,
    /// By when it arrives, and the order of sending.
    sent: BTreeMap<(i64, u64), Sent>,
    /// When the last message of a partition arrives: within one the order of sending holds.
    last: BTreeMap<i32, i64>,
    serial: u64,
    heard: BTreeMap<Actor, Outcomes>,
    /// In which cluster and where in it stood what the history has, its mark with it; and whether it may come once more.
    committed: BTreeMap<(u64, i32, i64), bool>,
    /// What its clients did that they promise not to do.
    pub wrong: Vec<String>,
}

fn partition(plant: &PlantId) -> i32 {
    plant.as_str().bytes().map(i32::from).sum::<i32>() % PARTITIONS
}

impl Bus {
    pub fn new(seed: u64, id: fn(u64) -> String) -> Self {
        Self {
            // Apart from the streams of the physics, the network and the faults.
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x000b_0500_0b05),
            weather: BusWeather::FAIR,
            id,
            generation: 0,
            logs: (0..PARTITIONS).map(|part| (part, Vec::new())).collect(),
            sent: BTreeMap::new(),
            last: BTreeMap::new(),
            serial: 0,
            heard: BTreeMap::new(),
            committed: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && f64::from(self.rng.next_u32()) < share * f64::from(u32::MAX)
    }

    /// It is gone with everything in it, and another one is in its place.
    pub fn replace(&mut self) {
        self.generation += 1;
        self.logs.values_mut().for_each(Vec::clear);
    }

    /// A client takes a message, to send it.
    pub fn send(&mut self, now: i64, by: Actor, message: Message) {
        let twice = self.sent.values().any(|sent| sent.by == by && sent.message.key == message.key);
        if twice {
            let (plant, boot, seq) = &message.key;
            self.wrong.push(format!("{plant}: {boot}:{seq} was sent while it was on its way already"));
        }
        let (lost, copies) = (self.chance(self.weather.loss), 1 + usize::from(self.chance(self.weather.repeat)));
        self.serial += 1;
        let last = self.last.entry(partition(&message.key.0)).or_default();
        let at = (now + self.weather.delay_ms).max(*last);
        *last = at;
        self.sent.insert((at, self.serial), Sent { by, message, since: now, lost, copies });
    }

    /// A process ends, and with it what its client had not sent.
    pub fn forget(&mut self, by: Actor) {
        self.heard.remove(&by);
        let down = self.weather.down;
        self.sent.retain(|_, sent| sent.by != by || !down && !sent.lost);
    }

    /// What has arrived is kept; what has waited for too long is given up.
    pub fn step(&mut self, now: i64) {
        let patience = i64::try_from(GIVEN_UP.as_millis()).unwrap_or(i64::MAX);
        let over = |at: i64, sent: &Sent, down: bool| {
            let stuck = down || sent.lost;
            if stuck { now - sent.since >= patience } else { at <= now }
        };
        let down = self.weather.down;
        let done: Vec<(i64, u64)> =
            self.sent.iter().filter(|((at, _), s)| over(*at, s, down)).map(|(k, _)| *k).collect();
        for id in done {
            let Some(Sent { by, message, lost, copies, .. }) = self.sent.remove(&id) else { continue };
            let outcome = if lost || down { Err("not taken in time".to_owned()) } else { Ok(()) };
            self.heard.entry(by).or_default().push((message.key.clone(), outcome.clone()));
            if outcome.is_ok() {
                let log = self.logs.entry(partition(&message.key.0)).or_default();
                log.extend(std::iter::repeat_n((now, message), copies));
            }
        }
    }

    /// What became of what this process sent, since it asked last.
    pub(super) fn heard(&mut self, by: Actor) -> Outcomes {
        self.heard.remove(&by).unwrap_or_default()
    }

    /// Who it is and what it keeps.
    pub fn asked(&self) -> Result<(String, Kept), String> {
        if self.weather.down {
            return Err("the cluster does not answer".into());
        }
        let kept = self.logs.iter().map(|(part, log)| (*part, 0..log.len() as i64)).collect();
        Ok(((self.id)(self.generation), kept))
    }

    /// Where reading begins, as a client has it: the oldest where there is no such offset.
    pub fn position(&self, part: i32, start: Start) -> i64 {
        let end = self.logs.get(&part).map_or(0, |log| log.len() as i64);
        match start {
            Start::At(offset) if (0..=end).contains(&offset) => offset,
            Start::End => end,
            Start::At(_) | Start::Beginning => 0,
        }
    }

    /// The message there, if one is.
    pub fn read(&self, part: i32, offset: i64) -> Option<(Record, u64)> {
        let log = self.logs.get(&part).filter(|_| !self.weather.down)?;
        let (_, message) = log.get(usize::try_from(offset).ok()?)?;
        let payload = message.payload.clone();
        let key = Some(message.key.0.to_string().into_bytes());
        let topic = topic::TELEMETRY.to_owned();
        Some((Record { topic, partition: part, offset, key, payload, time: None }, message.round))
    }

    /// The history has these places of the cluster, with a mark under this id. `twice`: another could be reading them
    /// before that mark stood, because their reader had been stopped, or they came before and the answer was lost.
    pub fn stored(&mut self, id: &str, places: impl Iterator<Item = (u64, i32, i64)>, twice: bool) {
        for place in places.filter(|place| (self.id)(place.0) == id) {
            let before = self.committed.insert(place, twice);
            if before == Some(false) && !twice {
                let (_, part, offset) = place;
                self.wrong.push(format!("message {offset} of partition {part} was stored again behind its own mark"));
            }
        }
    }

    /// What the cluster has kept since before this time and the history does not have, by partition and offset; and how
    /// much of it there is in all.
    pub fn unread(&self, before: i64) -> (Vec<(i32, i64)>, usize) {
        let places =
            self.logs.iter().flat_map(|(part, log)| (0..).zip(log).map(|(offset, (at, _))| (*part, offset, *at)));
        let old: Vec<(i32, i64)> = places.filter(|p| p.2 < before).map(|(part, offset, _)| (part, offset)).collect();
        let all = old.len();
        let missing = |(part, offset): &(i32, i64)| !self.committed.contains_key(&(self.generation, *part, *offset));
        (old.into_iter().filter(missing).collect(), all)
    }
}
