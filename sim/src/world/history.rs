//! The history in memory: what was stored, in the order of storing, and the ledger that keeps it single.

use hypocaust_protocols::model::PlantId;
use hypocaust_protocols::wire::{Entry, Range, add_to_ranges};
use std::collections::BTreeMap;

/// Where entries end up.
pub trait History {
    /// Stores an entry unless it is in already.
    fn store(&mut self, plant: &PlantId, entry: Entry, round: u64);
    fn ranges(&self, plant: &PlantId) -> Vec<Range>;
    fn rows(&self) -> &[(PlantId, Entry, u64)];
}

#[derive(Debug, Default)]
pub struct Ledgered {
    ledger: BTreeMap<PlantId, Vec<Range>>,
    rows: Vec<(PlantId, Entry, u64)>,
}

impl History for Ledgered {
    fn store(&mut self, plant: &PlantId, entry: Entry, round: u64) {
        if add_to_ranges(self.ledger.entry(plant.clone()).or_default(), entry.boot, entry.seq) {
            self.rows.push((plant.clone(), entry, round));
        }
    }
    fn ranges(&self, plant: &PlantId) -> Vec<Range> {
        self.ledger.get(plant).cloned().unwrap_or_default()
    }
    fn rows(&self) -> &[(PlantId, Entry, u64)] {
        &self.rows
    }
}
