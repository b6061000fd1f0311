//! The bus between the leader and the history: a log for each plant, read by whoever leads, the rows and the offset behind
//! them stored as one.
//!
//! It can be down, slow, and lose or repeat what is sent to it, as long as it has not said that it keeps it. What it keeps
//! it gives to every reader that asks, from whichever offset.

use super::history::History;
use hypocaust_protocols::model::PlantId;
use hypocaust_protocols::wire::Entry;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// How the bus is now. Shares are 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BusWeather {
    /// It takes and gives nothing.
    pub down: bool,
    /// Records that are lost on their way to it.
    pub loss: f64,
    /// Records that it keeps twice, because their sender did not hear that they were kept.
    pub repeat: f64,
    /// How long one is under way to it.
    pub delay_ms: i64,
}

impl BusWeather {
    pub const FAIR: BusWeather = BusWeather { down: false, loss: 0.0, repeat: 0.0, delay_ms: 0 };
}

/// Records that a reader takes at a time.
const BATCH: usize = 50;

type Record = (Entry, u64);

pub struct Bus {
    rng: ChaCha8Rng,
    pub weather: BusWeather,
    logs: BTreeMap<PlantId, Vec<Record>>,
    /// Under way, by arrival.
    sent: BTreeMap<(i64, u64), (PlantId, Record)>,
    /// When the last record of a plant arrives: within a log the order of sending holds.
    last: BTreeMap<PlantId, i64>,
    serial: u64,
    /// Where the next reader begins; stored with the rows.
    marks: BTreeMap<PlantId, usize>,
}

impl Bus {
    pub fn new(seed: u64) -> Self {
        Self {
            // Apart from the streams of the physics, the network and the faults.
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x000b_0500_0b05),
            weather: BusWeather::FAIR,
            logs: BTreeMap::new(),
            sent: BTreeMap::new(),
            last: BTreeMap::new(),
            serial: 0,
            marks: BTreeMap::new(),
        }
    }

    fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && f64::from(self.rng.next_u32()) < share * f64::from(u32::MAX)
    }

    /// The leader sends an entry. One that is lost is lost: its edge keeps it until it is acknowledged.
    pub fn send(&mut self, now: i64, plant: &PlantId, entry: Entry, round: u64) {
        if self.weather.down || self.chance(self.weather.loss) {
            return;
        }
        let copies = 1 + u64::from(self.chance(self.weather.repeat));
        for _ in 0..copies {
            self.serial += 1;
            let last = self.last.entry(plant.clone()).or_default();
            let at = (now + self.weather.delay_ms).max(*last);
            *last = at;
            self.sent.insert((at, self.serial), (plant.clone(), (entry.clone(), round)));
        }
    }

    /// What has arrived is kept.
    pub fn step(&mut self, now: i64) {
        while let Some(first) = self.sent.first_entry().filter(|e| e.key().0 <= now) {
            let (plant, record) = first.remove();
            self.logs.entry(plant).or_default().push(record);
        }
    }

    /// A reader stores the next records of each log with the offset behind them. `dies`: it ends after it stored and before
    /// the offset was, so that the next one reads the same again.
    pub fn read(&mut self, history: &mut dyn History, dies: bool) {
        if self.weather.down {
            return;
        }
        for (plant, log) in &self.logs {
            let mark = self.marks.entry(plant.clone()).or_default();
            let batch: Vec<Record> = log.iter().skip(*mark).take(BATCH).cloned().collect();
            let next = *mark + batch.len();
            for (entry, round) in batch {
                history.store(plant, entry, round);
            }
            if !dies {
                *mark = next;
            }
        }
    }
}
