//! The journal: every decision of the centre, append-only and chained by hashes.
//!
//! An [`Entry`] is a header (seq, hash of its predecessor, epoch, time, kind, schema, hash of the body) and a body, a
//! JSON text. Header and body are hashed apart, so that a body can be withheld and the chain still be verified. The
//! chain begins at [`Head::genesis`], which contains the fleet's id: the journal of another fleet never continues this
//! one. A chain alone does not show that its end was cut off; whoever keeps an older [`Head`] elsewhere (each edge does)
//! can, see [`verify()`].
//!
//! [`Store`] is the port behind which a database keeps it. Framing, verification and the in-memory store are pure.

pub mod conformance;
mod entry;
mod memory;
pub mod sqlite;
mod verify;

pub use entry::{Draft, Entry, Hash, Head};
pub use memory::Memory;
pub use verify::{Broken, Verifier, verify};

use std::future::Future;

/// Why the journal did not do what was asked. Whoever gets anything but `Unavailable` on an append is no longer the
/// one leader and must stop to act.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the journal stands at {actual}, not at {expected} as the writer believes: somebody else has appended")]
    Moved { expected: Head, actual: Head },
    #[error("epoch {epoch} may not append: epoch {highest} has been at work or was given out")]
    Fenced { epoch: u64, highest: u64 },
    /// Nothing is known about whether it was stored; read the head before anything else.
    #[error("the journal's store failed in {step}")]
    Unavailable { step: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

/// Where the journal is kept. Two real stores implement it besides [`Memory`]; [`conformance::suite`] runs on each.
///
/// * **Order**: entries are read back in the order of their `seq`, which rises from 1 without holes.
/// * **Atomicity**: the drafts of one append are all stored, or none; of two appends that expect the same head one wins.
/// * **Durability**: when `append` has returned, the entries survive the loss of power.
/// * **Fencing**: an epoch below the highest that has appended or that its [`crate::election::Lease`] has given out may
///   not append.
pub trait Store: Send + Sync {
    /// Chains the drafts to `expected` and stores them; the new head. No drafts: the present head, if it is `expected`.
    fn append(
        &self,
        expected: &Head,
        epoch: u64,
        drafts: Vec<Draft>,
    ) -> impl Future<Output = Result<Head, Error>> + Send;

    /// Up to `limit` entries from `from` (a seq) on.
    fn read(&self, from: u64, limit: usize) -> impl Future<Output = Result<Vec<Entry>, Error>> + Send;

    /// The last entry's head, or genesis.
    fn head(&self) -> impl Future<Output = Result<Head, Error>> + Send;

    /// The highest epoch that has appended, 0 in an empty journal.
    fn epoch(&self) -> impl Future<Output = Result<u64, Error>> + Send;
}

impl<S: Store> Store for std::sync::Arc<S> {
    fn append(
        &self,
        expected: &Head,
        epoch: u64,
        drafts: Vec<Draft>,
    ) -> impl Future<Output = Result<Head, Error>> + Send {
        S::append(self, expected, epoch, drafts)
    }
    fn read(&self, from: u64, limit: usize) -> impl Future<Output = Result<Vec<Entry>, Error>> + Send {
        S::read(self, from, limit)
    }
    fn head(&self) -> impl Future<Output = Result<Head, Error>> + Send {
        S::head(self)
    }
    fn epoch(&self) -> impl Future<Output = Result<u64, Error>> + Send {
        S::epoch(self)
    }
}
