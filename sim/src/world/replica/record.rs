//! What the world writes down of its replicas for the checks: who led and acted, and what ended.

use hypocaust_central::journal::Entry as Record;
use std::collections::{BTreeMap, BTreeSet};

/// A process that acted as leader: its replica and which of its lives.
pub type Actor = (usize, u32);

/// A replica whose process has ended because the journal was not the one that it knew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub at: i64,
    pub replica: usize,
    pub why: String,
}

/// Something that only a leader may do, done after the lease had run out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    pub at: i64,
    pub replica: usize,
    pub epoch: u64,
    /// How long after the end of the lease.
    pub late_ms: i64,
}

/// Who led and acted, for the checks.
#[derive(Default)]
pub struct Leaderships {
    /// By epoch, who appended or commanded in it.
    pub actors: BTreeMap<u64, BTreeSet<Actor>>,
    /// Every entry whose storing was acknowledged.
    pub accepted: Vec<Record>,
    /// Leaderships in their order: when, which replica, which epoch.
    pub led: Vec<(i64, usize, u64)>,
    /// When a process was stopped, which is later than it was asked for ([`Trouble::Pause`]), and which replica.
    pub stopped: Vec<(i64, usize)>,
    /// Processes that have ended by themselves.
    pub ended: Vec<Ended>,
    pub overdue: Vec<Overdue>,
    /// Appends during which the lease of their leader ran out.
    pub outlived: usize,
    /// When the lease of an epoch runs out unless it is renewed, as the database knows it.
    pub(in crate::world) leases: BTreeMap<u64, i64>,
    /// The longest time for which nobody led although somebody could have, ms.
    pub longest_idle: i64,
    pub(super) idle: i64,
}
