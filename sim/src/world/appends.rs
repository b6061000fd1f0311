//! Appends on their way to the journal and back: a slow database takes its time to store one, and to say so.
//!
//! A leader waits for the answer in place, as the shell does: meanwhile it decides nothing, and its lease is not renewed. A
//! request that is on its way gets there, whatever becomes of who sent it; whether it is stored is the journal's to say.

use super::replica::Actor;
use super::*;
use hypocaust_central::journal::{Draft, Entry as Record};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// How long an append takes, ms: at least, at most.
pub type Took = (i64, i64);

/// An append on its way to the database.
struct Sent {
    stored_at: i64,
    answered_at: i64,
    by: Actor,
    expected: Head,
    epoch: u64,
    drafts: Vec<Draft>,
}

/// What became of one.
pub(super) struct Answered {
    pub by: Actor,
    pub entries: Vec<Record>,
    pub result: Result<Head, String>,
}

pub(super) struct Appends {
    rng: ChaCha8Rng,
    pub take: Took,
    sent: Vec<Sent>,
    /// Stored or refused, and not told yet.
    done: Vec<(i64, Answered)>,
}

impl Appends {
    pub fn new(seed: u64) -> Self {
        // Apart from the streams of the physics, the network, the faults, the bus and the agents.
        let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0000_da7a_ba5e);
        Self { rng, take: (0, 0), sent: Vec::new(), done: Vec::new() }
    }

    /// Takes no time at all?
    pub fn at_once(&self) -> bool {
        self.take.1 == 0
    }

    /// On its way; it is stored at some moment of the time that it takes.
    pub fn send(&mut self, now: i64, by: Actor, expected: Head, epoch: u64, drafts: Vec<Draft>) {
        let (least, most) = self.take;
        let took = least + i64::from(self.rng.next_u32()) % (most - least).max(1);
        let stored_at = now + i64::from(self.rng.next_u32()) % took.max(1);
        self.sent.push(Sent { stored_at, answered_at: now + took, by, expected, epoch, drafts });
    }

    /// What is answered to this process by now.
    pub fn answer(&mut self, now: i64, by: Actor) -> Option<Answered> {
        let at = self.done.iter().position(|(at, answered)| *at <= now && answered.by == by)?;
        Some(self.done.remove(at).1)
    }
}

impl World {
    /// What gets to the database by now is stored or refused, in the order of its arrival.
    pub(super) fn database_step(&mut self) {
        let now = self.now;
        let mut here: Vec<Sent> = self.appends.sent.extract_if(.., |s| s.stored_at <= now).collect();
        here.sort_by_key(|s| s.stored_at);
        for Sent { answered_at, by, expected, epoch, drafts, .. } in here {
            let (result, entries) = self.store(by, &expected, epoch, drafts);
            self.appends.done.push((answered_at, Answered { by, entries, result }));
        }
    }

    /// One append at the database: the new head and what is stored under it, or why it is refused.
    pub(super) fn store(
        &mut self,
        by: Actor,
        expected: &Head,
        epoch: u64,
        drafts: Vec<Draft>,
    ) -> (Result<Head, String>, Vec<Record>) {
        let entries = Record::chain(expected, epoch, drafts.clone());
        match self.journal.append(expected, epoch, drafts) {
            Ok(head) => {
                self.record.actors.entry(epoch).or_default().insert(by);
                (Ok(head), entries)
            }
            Err(error) => (Err(error.to_string()), Vec::new()),
        }
    }
}
