//! A journal in memory: for the simulated world and for tests, with all that a store promises but surviving its process.

use super::{Draft, Entry, Error, Head, Store};
use crate::election::{self, Lease, Leases};
use hypocaust_protocols::model::FleetId;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub struct Memory {
    genesis: Head,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: Vec<Entry>,
    lease: Option<Lease>,
}

impl Memory {
    pub fn new(fleet: &FleetId) -> Memory {
        Memory { genesis: Head::genesis(fleet), kept: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // An append pushes whole batches only, so what a panicking thread left behind is whole too.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Store::append`] for a caller without an async runtime.
    pub fn append_now(&self, expected: &Head, epoch: u64, drafts: Vec<Draft>) -> Result<Head, Error> {
        let Kept { entries, lease } = &mut *self.lock();
        let actual = entries.last().map_or(self.genesis, Entry::head);
        let highest = entries.last().map_or(0, |e| e.epoch).max(lease.as_ref().map_or(0, |l| l.epoch));
        if epoch < highest {
            return Err(Error::Fenced { epoch, highest });
        }
        if actual != *expected {
            return Err(Error::Moved { expected: *expected, actual });
        }
        entries.extend(Entry::chain(expected, epoch, drafts));
        Ok(entries.last().map_or(self.genesis, Entry::head))
    }

    /// All entries.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// The entries from this seq on.
    pub fn entries_from(&self, seq: u64) -> Vec<Entry> {
        let kept = self.lock();
        let at = kept.entries.partition_point(|e| e.seq < seq);
        kept.entries[at..].to_vec()
    }

    /// [`Leases::lease`] for a caller without an async runtime.
    pub fn lease_now(&self) -> Option<Lease> {
        self.lock().lease.clone()
    }

    /// [`Leases::swap`] for a caller without an async runtime.
    pub fn swap_now(&self, seen: Option<&Lease>, next: &Lease) -> Result<bool, election::Error> {
        let Kept { entries, lease } = &mut *self.lock();
        let done = election::judge(lease.as_ref(), seen, next, entries.last().map_or(0, |e| e.epoch))?;
        if done {
            *lease = Some(next.clone());
        }
        Ok(done)
    }
}

impl Leases for Memory {
    async fn lease(&self) -> Result<Option<Lease>, election::Error> {
        Ok(self.lease_now())
    }
    async fn swap(&self, seen: Option<&Lease>, next: &Lease) -> Result<bool, election::Error> {
        self.swap_now(seen, next)
    }
}

impl Store for Memory {
    async fn append(&self, expected: &Head, epoch: u64, drafts: Vec<Draft>) -> Result<Head, Error> {
        self.append_now(expected, epoch, drafts)
    }
    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        Ok(self.lock().entries.iter().filter(|e| e.seq >= from).take(limit).cloned().collect())
    }
    async fn head(&self) -> Result<Head, Error> {
        Ok(self.lock().entries.last().map_or(self.genesis, Entry::head))
    }
    async fn epoch(&self) -> Result<u64, Error> {
        Ok(self.lock().entries.last().map_or(0, |e| e.epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_what_a_store_promises() {
        let fleet = FleetId::new("conformance").unwrap();
        let outcome = futures::executor::block_on(crate::journal::conformance::suite(&Memory::new(&fleet), &fleet));
        assert_eq!(outcome, Ok(()));
    }

    #[test]
    fn leadership_may_rest_on_it() {
        let fleet = FleetId::new("conformance").unwrap();
        let outcome = futures::executor::block_on(election::conformance::suite(&Memory::new(&fleet), &fleet));
        assert_eq!(outcome, Ok(()));
    }
}
