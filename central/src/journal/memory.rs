//! A journal in memory: for the simulated world and for tests, with all that a store promises but surviving its process.

use super::{Draft, Entry, Error, Head, Store};
use hypocaust_protocols::model::FleetId;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub struct Memory {
    genesis: Head,
    entries: Mutex<Vec<Entry>>,
}

impl Memory {
    pub fn new(fleet: &FleetId) -> Memory {
        Memory { genesis: Head::genesis(fleet), entries: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // An append pushes whole batches only, so what a panicking thread left behind is whole too.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Store::append`] for a caller without an async runtime.
    pub fn append_now(&self, expected: &Head, epoch: u64, drafts: Vec<Draft>) -> Result<Head, Error> {
        let mut entries = self.lock();
        let actual = entries.last().map_or(self.genesis, Entry::head);
        let highest = entries.last().map_or(0, |e| e.epoch);
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
        self.lock().clone()
    }
}

impl Store for Memory {
    async fn append(&self, expected: &Head, epoch: u64, drafts: Vec<Draft>) -> Result<Head, Error> {
        self.append_now(expected, epoch, drafts)
    }
    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        Ok(self.lock().iter().filter(|e| e.seq >= from).take(limit).cloned().collect())
    }
    async fn head(&self) -> Result<Head, Error> {
        Ok(self.lock().last().map_or(self.genesis, Entry::head))
    }
    async fn epoch(&self) -> Result<u64, Error> {
        Ok(self.lock().last().map_or(0, |e| e.epoch))
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
}
