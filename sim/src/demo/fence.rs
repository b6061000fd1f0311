//! A replica of the centre that is stopped (SIGSTOP) in the middle of a transaction keeps all others from a database, for as
//! long as it is stopped: from the journal nobody else can lead. What it had begun can only be lost, since its lease runs out
//! meanwhile. Only whoever started it may end it, as a service manager ends one that misses its watchdog; the databases then
//! stand as if it had never begun.
//!
//! One that is stopped between two transactions keeps nobody from anything and is left alone: it finds out when it wakes.
//! So is one whose stop is shorter than a lease, and one beside which no other replica runs.

use hypocaust_central::election::Timing;
use hypocaust_central::journal::sqlite::{Writer, is_stopped, writer};
use hypocaust_protocols::model::Limits;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// What all replicas write.
const DATABASES: [&str; 3] = ["journal.db", "history.db", "users.db"];

/// Who is in the way of the others, and since when.
pub struct Fence {
    databases: Vec<PathBuf>,
    /// The shortest lease: who waits for longer could have led.
    patience: Duration,
    since: BTreeMap<u32, Instant>,
}

impl Fence {
    /// Of the databases in the centre's folder.
    #[must_use]
    pub fn new(folder: &Path, limits: &Limits) -> Fence {
        Fence {
            databases: DATABASES.map(|name| folder.join(name)).into(),
            patience: Duration::from_millis(Timing::of(limits).lease_ms),
            since: BTreeMap::new(),
        }
    }

    /// Those of these replicas, by process, that have been in the way for too long, each with the database it holds.
    #[must_use]
    pub fn look(&mut self, now: Instant, replicas: &[u32]) -> Vec<(u32, PathBuf)> {
        let stopped: Vec<u32> = replicas.iter().copied().filter(|pid| is_stopped(*pid)).collect();
        let waits = stopped.len() < replicas.len();
        // The kernel's list of locks is read only where somebody could be in it.
        let held = self.databases.iter().filter(|_| waits && !stopped.is_empty());
        let held = held.filter_map(|database| match writer(database)? {
            Writer { pid, stopped: true } if stopped.contains(&pid) => Some((pid, database.clone())),
            _ => None,
        });
        let held = held.collect();
        self.judge(now, held)
    }

    fn judge(&mut self, now: Instant, held: BTreeMap<u32, PathBuf>) -> Vec<(u32, PathBuf)> {
        self.since.retain(|pid, _| held.contains_key(pid));
        let mut lasts = |pid: &u32| now.duration_since(*self.since.entry(*pid).or_insert(now)) >= self.patience;
        held.into_iter().filter(|(pid, _)| lasts(pid)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence() -> Fence {
        Fence { databases: Vec::new(), patience: Duration::from_secs(3), since: BTreeMap::new() }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some moment to begin with")]
    fn only_who_holds_a_database_without_a_break_for_as_long_as_a_lease_is_ended() {
        let (mut fence, began) = (fence(), Instant::now());
        let at = |s: f64| began + Duration::from_secs_f64(s);
        let held =
            |pids: &[u32]| pids.iter().map(|pid| (*pid, PathBuf::from("journal.db"))).collect::<BTreeMap<_, _>>();
        let nobody: [u32; 0] = [];
        let mut ended = |s: f64, pids: &[u32]| -> Vec<u32> {
            fence.judge(at(s), held(pids)).into_iter().map(|(pid, _)| pid).collect()
        };
        assert_eq!(ended(0.0, &[7]), nobody);
        assert_eq!(ended(2.9, &[7, 8]), nobody);
        assert_eq!(ended(3.0, &[7, 8]), [7]);
        // Woken, and stopped again in another transaction: it has its time anew. The other has waited for long enough.
        assert_eq!(ended(5.8, &[8]), nobody);
        assert_eq!(ended(6.0, &[7, 8]), [8]);
        assert_eq!(ended(8.9, &[7]), nobody);
        assert_eq!(ended(9.0, &[7]), [7]);
    }
}
