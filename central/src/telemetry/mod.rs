//! The history of the tags, stored exactly once.
//!
//! A spooled entry is named for ever by (plant, boot, seq). [`History`] keeps the rows and a ledger of the stored ranges
//! in one transaction: a repeated entry is dropped against the ledger, and the ledger is what the edge is told it may
//! forget. In the same transaction stands how far each partition of the bus has been read ([`Mark`]), so that reading
//! goes on behind exactly what is stored. Should a mark be lost or wrong, the ledger still keeps every entry to one row.

pub mod conformance;
mod sqlite;
mod thin;

pub use sqlite::Sqlite;
pub use thin::thin;

use hypocaust_protocols::model::{Millis, PlantId, Quality, TagId, Value};
use hypocaust_protocols::wire::{Entry, Range};
use std::future::Future;

#[derive(Debug, thiserror::Error)]
#[error("the telemetry history failed in {step}: {source}")]
pub struct Error {
    pub step: &'static str,
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// An entry and the plant whose edge sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    pub plant: PlantId,
    pub entry: Entry,
}

/// What became of one arrived entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Stored,
    /// It was in already.
    Duplicate,
}

/// How far a stream has been worked off: all before `next` is done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Of the cluster: offsets of another incarnation mean nothing.
    pub incarnation: String,
    pub stream: String,
    pub part: i32,
    pub next: i64,
}

/// One value of a tag's history.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub time: Millis,
    pub value: Value,
    pub quality: Quality,
}

/// Means are of stretches of this length, counted from 1970: a quarter of an hour.
pub const MEAN_MS: i64 = 15 * 60_000;

/// What a tag was over a quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// Where it begins.
    pub from: Millis,
    pub value: f64,
}

/// Where telemetry is kept. [`conformance::suite`] runs on each adapter.
///
/// * **Atomicity**: the rows of a batch, their ranges in the ledger and the marks are stored together, or none of them.
/// * **Exactly once**: an entry whose (plant, boot, seq) is in the ledger adds no rows. So two that read the bus at the
///   same time (a leader that was paused, and the one that leads since) store nothing twice.
/// * **A mark never goes back**: of two marks of one part the higher stands, whoever comes last.
/// * **Durability**: when `store` has returned, the batch survives the loss of power; only then may an edge forget it.
pub trait History: Send + Sync {
    /// Stores a batch and how far the bus was read with it; one fate per entry, in order.
    fn store(&self, batch: &[Arrived], marks: &[Mark]) -> impl Future<Output = Result<Vec<Fate>, Error>> + Send;

    /// All marks of an incarnation.
    fn marks(&self, incarnation: &str) -> impl Future<Output = Result<Vec<Mark>, Error>> + Send;

    /// The ledger of a plant: sorted, disjoint, non-touching.
    fn ranges(&self, plant: &PlantId) -> impl Future<Output = Result<Vec<Range>, Error>> + Send;

    /// Means of a tag's good values over the slots of [`MEAN_MS`] that begin within `from <= slot < to`, by time. A slot
    /// without a good value is left out. Every value counts the same: an edge repeats what is quiet, so that none stands
    /// for long.
    ///
    /// What this costs goes with the number of slots, not with that of the values: whoever is asked of a tag the first time
    /// sums up what there is, and from then on what is stored is added with it. So ask of few tags, and of those again.
    fn means(&self, tag: &TagId, from: Millis, to: Millis) -> impl Future<Output = Result<Vec<Mean>, Error>> + Send;

    /// All values of a tag with `from <= time < to`, by time.
    fn read(&self, tag: &TagId, from: Millis, to: Millis) -> impl Future<Output = Result<Vec<Point>, Error>> + Send;
}
