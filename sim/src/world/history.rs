//! The history in memory: what was stored, in the order of storing, and the ledger that keeps it single.

use super::replica::keep;
use hypocaust_central::domain::forecast::{SLOT_MS, Wanted};
use hypocaust_central::telemetry::{Fate, Mark};
use hypocaust_protocols::model::{Millis, PlantId, TagId};
use hypocaust_protocols::wire::{Entry, Range, add_to_ranges};
use std::collections::BTreeMap;

/// Where entries end up.
pub trait History {
    /// Stores an entry unless it is in already.
    fn store(&mut self, plant: &PlantId, entry: Entry, round: u64) -> Fate;
    /// How far the bus was read with what was just stored, in the same transaction.
    fn mark(&mut self, marks: &[Mark]);
    fn marks(&self, incarnation: &str) -> Vec<Mark>;
    fn ranges(&self, plant: &PlantId) -> Vec<Range>;
    fn rows(&self) -> &[(PlantId, Entry, u64)];
}

#[derive(Debug, Default)]
pub struct Ledgered {
    ledger: BTreeMap<PlantId, Vec<Range>>,
    rows: Vec<(PlantId, Entry, u64)>,
    marks: Vec<Mark>,
}

impl History for Ledgered {
    fn store(&mut self, plant: &PlantId, entry: Entry, round: u64) -> Fate {
        if !add_to_ranges(self.ledger.entry(plant.clone()).or_default(), entry.boot, entry.seq) {
            return Fate::Duplicate;
        }
        self.rows.push((plant.clone(), entry, round));
        Fate::Stored
    }
    fn mark(&mut self, marks: &[Mark]) {
        keep(&mut self.marks, marks);
    }
    fn marks(&self, incarnation: &str) -> Vec<Mark> {
        self.marks.iter().filter(|m| m.incarnation == incarnation).cloned().collect()
    }
    fn ranges(&self, plant: &PlantId) -> Vec<Range> {
        self.ledger.get(plant).cloned().unwrap_or_default()
    }
    fn rows(&self) -> &[(PlantId, Entry, u64)] {
        &self.rows
    }
}

/// What is wanted of the past: of each tag the mean of its good values over every slot, as a history gives it.
pub fn means(rows: &[(PlantId, Entry, u64)], wanted: &Wanted) -> BTreeMap<TagId, Vec<(Millis, f64)>> {
    let mut sums: BTreeMap<&TagId, BTreeMap<i64, (f64, f64)>> =
        wanted.consumers.iter().map(|(_, tag)| (tag, BTreeMap::new())).collect();
    for sample in rows.iter().flat_map(|(_, entry, _)| &entry.samples) {
        let within = sample.time >= wanted.from() && sample.time < wanted.until;
        if let (true, Some(value), Some(sums)) = (within, sample.good(), sums.get_mut(&sample.tag)) {
            let (sum, count) = sums.entry(sample.time.0.div_euclid(SLOT_MS)).or_default();
            *sum += value;
            *count += 1.0;
        }
    }
    let mean = |(slot, (sum, count)): (i64, (f64, f64))| (Millis(slot * SLOT_MS), sum / count);
    sums.into_iter().map(|(tag, slots)| (tag.clone(), slots.into_iter().map(mean).collect())).collect()
}
