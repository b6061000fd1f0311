//! Which of the centre's replicas leads.
//!
//! All replicas share one database. In it lies one [`Lease`]: who leads, in which epoch, and how often that was renewed.
//! [`Leases`] is the port to it, compare-and-swap on one row; the journal's stores implement it, so that lease and fence
//! are of one transaction. [`Election`] is the machine that decides when to ask for it. Terms:
//!
//! * **epoch**: the number of a leadership. It only rises, nobody gets one twice, and it goes into every append, command
//!   and record of the bus.
//! * **lease**: good for its own [`Lease::length_ms`] after the *beginning* of its last renewal, by the holder's own
//!   monotonic clock. The length stands in it, written by the holder with each renewal. Another replica may take it when it
//!   has *itself* seen the same renewal for longer than that, by *its* own clock. No two clocks are ever compared; only
//!   their rates must agree to within a twentieth.
//!
//! How long a lease is follows from how long renewals take ([`Pace`]): short where all is calm, so that another leads
//! within seconds of a death, and longer where process or database are slow, so that leadership does not move because of
//! that alone. It is bounded such that another leads within twice the edges' patience (10 s in the sample fleets) even
//! then. A leader whose lease has run out does nothing more, but asks once for its renewal: if nobody has taken the lease
//! meanwhile, nobody has led meanwhile, and it goes on in its epoch; otherwise it stands back.
//!
//! The lease makes leadership live; what makes it safe is the fence. A journal refuses an append of a lower epoch than
//! the lease has given out, and an edge refuses a lower one than it has heard of. A leader that is paused for longer than
//! its lease finds, before it does anything, that it has run out ([`Election::leads`]). What it had handed to the network
//! before the pause cannot be taken back: it carries the old epoch and the edge's old tick, so that an edge that has heard
//! of the new leader refuses it, and any other edge takes only what is younger than its time to live by the edge's own
//! clock: a decision that stands in the journal and that the new leader knows of.

pub mod conformance;
mod machine;
mod pace;

pub use machine::{Effect, Election, Input};
pub use pace::{Pace, Timing};

use serde::{Deserialize, Serialize};
use std::future::Future;

/// One process of the centre.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Unique among all processes that share the database.
    pub id: String,
    /// Where people and programs reach it, as a URL.
    pub address: String,
}

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub epoch: u64,
    pub holder: Replica,
    /// Counts the renewals in this epoch, so that each is seen as one.
    pub renewals: u64,
    /// Its holder wants it no more: anybody may take it at once.
    pub given_up: bool,
    /// How long it is good after the beginning of its last renewal. 0: by a version that did not say; it is taken for the
    /// shortest one then.
    pub length_ms: u64,
}

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("epoch {epoch} was asked for, but epoch {highest} has been at work or was given out")]
    NotAbove { epoch: u64, highest: u64 },
    /// Nothing is known about whether it was stored.
    #[error("the lease's store failed in {step}")]
    Unavailable { step: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

/// Where the lease is kept: in the journal's own database. [`conformance::suite`] runs on each adapter.
///
/// * **Atomicity**: of two swaps that saw the same lease one wins.
/// * **Epochs rise**: a new holder or a new epoch needs one above every epoch that was given out or has appended.
/// * **Fencing**: from the moment at which a swap has given out an epoch, an append of a lower one is refused.
pub trait Leases: Send + Sync {
    /// The lease as it stands; `None`: nobody has ever led.
    fn lease(&self) -> impl Future<Output = Result<Option<Lease>, Error>> + Send;

    /// Puts `next` in the place of `seen`. False: `seen` is not what stands there, and nothing was changed.
    fn swap(&self, seen: Option<&Lease>, next: &Lease) -> impl Future<Output = Result<bool, Error>> + Send;
}

/// The rule of a swap, the same for every store: may `next` stand where `now` stands, when `highest` has appended?
pub fn judge(now: Option<&Lease>, seen: Option<&Lease>, next: &Lease, highest: u64) -> Result<bool, Error> {
    if now != seen {
        return Ok(false);
    }
    let goes_on = now.is_some_and(|l| l.epoch == next.epoch && l.holder.id == next.holder.id && !l.given_up);
    let highest = now.map_or(highest, |l| l.epoch.max(highest));
    if !goes_on && next.epoch <= highest {
        return Err(Error::NotAbove { epoch: next.epoch, highest });
    }
    Ok(true)
}

impl<S: Leases> Leases for std::sync::Arc<S> {
    fn lease(&self) -> impl Future<Output = Result<Option<Lease>, Error>> + Send {
        S::lease(self)
    }
    fn swap(&self, seen: Option<&Lease>, next: &Lease) -> impl Future<Output = Result<bool, Error>> + Send {
        S::swap(self, seen, next)
    }
}
