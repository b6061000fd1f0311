//! What is on its way from MQTT to Kafka. Pure.
//!
//! Bounded by samples, so that an outage of Kafka costs this process a known amount of memory; what finds no room stays
//! with its edge. An entry that comes again while it is on its way is not sent a second time.

use hypocaust_protocols::model::PlantId;
use std::collections::BTreeMap;

/// Samples that may be on their way; at some 120 bytes each within the client's own bound of 32 MB.
pub const SAMPLES: usize = 200_000;

/// An entry's name for ever: plant, boot, seq.
pub type Key = (PlantId, u64, u64);

/// May an entry go?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Admitted,
    /// It is on its way already.
    UnderWay,
    /// So much is on its way that this one has to come again.
    Full,
}

#[derive(Debug)]
pub struct Flight {
    limit: usize,
    samples: usize,
    entries: BTreeMap<Key, usize>,
}

impl Flight {
    /// At most so many samples are on their way, and at least one entry, however big.
    pub fn new(limit: usize) -> Self {
        Self { limit, samples: 0, entries: BTreeMap::new() }
    }

    pub fn admit(&mut self, key: &Key, samples: usize) -> Admission {
        if self.entries.contains_key(key) {
            return Admission::UnderWay;
        }
        if !self.entries.is_empty() && self.samples + samples > self.limit {
            return Admission::Full;
        }
        self.samples += samples;
        self.entries.insert(key.clone(), samples);
        Admission::Admitted
    }

    /// It is delivered, or given up.
    pub fn landed(&mut self, key: &Key) {
        if let Some(samples) = self.entries.remove(key) {
            self.samples -= samples;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn key(seq: u64) -> Key {
        (PlantId::new("north").unwrap(), 1, seq)
    }

    #[test]
    fn it_is_bounded_and_no_entry_is_too_big_for_ever() {
        let mut flight = Flight::new(10);
        assert_eq!(flight.admit(&key(1), 50), Admission::Admitted);
        assert_eq!(flight.admit(&key(1), 50), Admission::UnderWay);
        assert_eq!(flight.admit(&key(2), 1), Admission::Full);
        flight.landed(&key(1));
        flight.landed(&key(1));
        assert_eq!(flight.admit(&key(2), 10), Admission::Admitted);
        assert_eq!(flight.admit(&key(3), 1), Admission::Full);
    }

    proptest! {
        #[test]
        fn it_holds_what_was_admitted_and_has_not_landed(steps in prop::collection::vec((any::<bool>(), 0u64..20, 0usize..8), 0..200)) {
            let mut flight = Flight::new(30);
            let mut held: BTreeSet<(u64, usize)> = BTreeSet::new();
            for (lands, seq, samples) in steps {
                let of = held.iter().find(|(s, _)| *s == seq).copied();
                let sum: usize = held.iter().map(|h| h.1).sum();
                prop_assert!(sum <= 30);
                if lands {
                    flight.landed(&key(seq));
                    if let Some(of) = of { held.remove(&of); }
                } else {
                    let wanted = match of {
                        Some(_) => Admission::UnderWay,
                        None if !held.is_empty() && sum + samples > 30 => Admission::Full,
                        None => { held.insert((seq, samples)); Admission::Admitted }
                    };
                    prop_assert_eq!(flight.admit(&key(seq), samples), wanted);
                }
            }
        }
    }
}
