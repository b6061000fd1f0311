//! The seeded network between the edges and the centre.
//!
//! Telemetry of one session stays in order, as on the one TCP connection that carries it; everything else may overtake.
//! Any message may be late, lost or doubled, and between partitioned ends nothing arrives.

use hypocaust_central::domain::Input as CentreInput;
use hypocaust_edge::core::Input as EdgeInput;
use hypocaust_protocols::model::PlantId;
use hypocaust_protocols::wire::Entry;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};

/// How bad it is now. Shares are 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    pub loss: f64,
    pub duplicate: f64,
    pub delay_ms: (i64, i64),
}

impl Weather {
    pub const FAIR: Weather = Weather { loss: 0.0, duplicate: 0.0, delay_ms: (5, 30) };
}

#[derive(Debug, Clone)]
pub enum Message {
    ToEdge(PlantId, EdgeInput),
    ToCentre(PlantId, CentreInput),
    /// One entry; `round` 0 is live, a backlog's rounds count up from 1.
    Telemetry(PlantId, Entry, u64),
}

impl Message {
    fn plant(&self) -> &PlantId {
        let (Message::ToEdge(plant, _) | Message::ToCentre(plant, _) | Message::Telemetry(plant, ..)) = self;
        plant
    }
}

pub struct Network {
    rng: ChaCha8Rng,
    pub weather: Weather,
    parted: BTreeSet<PlantId>,
    queue: BTreeMap<(i64, u64), Message>,
    /// When the last telemetry of a plant arrives, by live or backlog.
    last: BTreeMap<(PlantId, bool), i64>,
    serial: u64,
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            weather: Weather::FAIR,
            parted: BTreeSet::new(),
            queue: BTreeMap::new(),
            last: BTreeMap::new(),
            serial: 0,
        }
    }

    fn chance(&mut self, share: f64) -> bool {
        f64::from(self.rng.next_u32()) < share * f64::from(u32::MAX)
    }

    pub fn part(&mut self, plant: &PlantId, parted: bool) {
        if parted {
            self.parted.insert(plant.clone());
        } else {
            self.parted.remove(plant);
        }
    }

    pub fn is_parted(&self, plant: &PlantId) -> bool {
        self.parted.contains(plant)
    }

    /// Takes a message; false: it was lost.
    pub fn send(&mut self, now: i64, message: Message) -> bool {
        if self.is_parted(message.plant()) || self.chance(self.weather.loss) {
            return false;
        }
        let copies = 1 + u64::from(self.chance(self.weather.duplicate));
        for _ in 0..copies {
            let (least, most) = self.weather.delay_ms;
            let span = (most - least).max(0) as u64 + 1;
            let mut at = now + least + (u64::from(self.rng.next_u32()) % span) as i64;
            if let Message::Telemetry(plant, _, round) = &message {
                let last = self.last.entry((plant.clone(), *round == 0)).or_insert(at);
                at = at.max(*last);
                *last = at;
            }
            self.serial += 1;
            self.queue.insert((at, self.serial), message.clone());
        }
        true
    }

    /// The next message that has arrived by now.
    pub fn arrived(&mut self, now: i64) -> Option<Message> {
        loop {
            let entry = self.queue.first_entry()?;
            if entry.key().0 > now {
                return None;
            }
            let message = entry.remove();
            if !self.parted.contains(message.plant()) {
                return Some(message);
            }
        }
    }
}
