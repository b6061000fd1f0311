//! The database that all replicas of the centre share: journal and lease.

use hypocaust_central::election::{self, Lease};
use hypocaust_central::journal::{Draft, Entry, Error, Head, Memory};

/// What the world needs of it; a test puts another in its place that lacks a promise.
pub trait Database {
    fn append(&mut self, expected: &Head, epoch: u64, drafts: Vec<Draft>) -> Result<Head, Error>;
    fn entries(&self) -> Vec<Entry>;
    fn entries_from(&self, seq: u64) -> Vec<Entry>;
    fn lease(&self) -> Option<Lease>;
    fn swap(&mut self, seen: Option<&Lease>, next: &Lease) -> Result<bool, election::Error>;
}

impl Database for Memory {
    fn append(&mut self, expected: &Head, epoch: u64, drafts: Vec<Draft>) -> Result<Head, Error> {
        self.append_now(expected, epoch, drafts)
    }
    fn entries(&self) -> Vec<Entry> {
        Memory::entries(self)
    }
    fn entries_from(&self, seq: u64) -> Vec<Entry> {
        Memory::entries_from(self, seq)
    }
    fn lease(&self) -> Option<Lease> {
        self.lease_now()
    }
    fn swap(&mut self, seen: Option<&Lease>, next: &Lease) -> Result<bool, election::Error> {
        self.swap_now(seen, next)
    }
}
