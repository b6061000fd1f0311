//! The database that all replicas of the centre share: journal and lease.

use hypocaust_central::election::{self, Lease};
use hypocaust_central::journal::{Draft, Entry, Error, Head, Memory};

/// What the world needs of it; a test puts another in its place that lacks a promise, and says only what is otherwise there.
pub trait Database {
    /// The real one.
    fn memory(&self) -> &Memory;
    fn append(&mut self, expected: &Head, epoch: u64, drafts: Vec<Draft>) -> Result<Head, Error> {
        self.memory().append_now(expected, epoch, drafts)
    }
    fn entries(&self) -> Vec<Entry> {
        self.memory().entries()
    }
    fn entries_from(&self, seq: u64) -> Vec<Entry> {
        self.memory().entries_from(seq)
    }
    fn lease(&self) -> Option<Lease> {
        self.memory().lease_now()
    }
    fn swap(&mut self, seen: Option<&Lease>, next: &Lease) -> Result<bool, election::Error> {
        self.memory().swap_now(seen, next)
    }
}

impl Database for Memory {
    fn memory(&self) -> &Memory {
        self
    }
}
