//! One reading of `heat.telemetry`: what is gathered, when it is stored and with which marks, and until when the cluster is
//! the one that is read. Pure.
//!
//! ```text
//!  gathers --(full, or COMMIT_MS after its first message)--> a transaction is due --stored--> gathers
//!                                                              |           ^
//!                                                              +- failed --+ the same again after PAUSE_MS
//! ```
//!
//! * It is of one incarnation of the cluster and begins behind what the marks of that incarnation say is stored.
//! * A mark stands in the transaction of the messages before it, and in no other.
//! * While a transaction is due nothing more is taken: what the history does not take is not overtaken, and what waits is
//!   bounded by the client's buffer.
//! * It is over when the cluster was away, is another one or has other partitions. The next one begins from the stored
//!   marks, so what was read and not stored is read again.

use super::gather::Batch;
use crate::telemetry::{Arrived, Fate, Mark};
use hypocaust_protocols::kafka::{Record, Start};
use hypocaust_protocols::model::{Fleet, PlantId};
use hypocaust_protocols::wire::Range;
use hypocaust_protocols::wire::record::topic;
use std::collections::{BTreeMap, BTreeSet};
use std::ops;
use std::sync::Arc;

/// Messages of one transaction: stored after this time at the latest.
const COMMIT_MS: u64 = 250;
/// Before a history that failed is tried again.
const PAUSE_MS: u64 = 1_000;

/// Of each partition the offsets that the cluster keeps.
pub type Kept = BTreeMap<i32, ops::Range<i64>>;

/// What is stored as one, or not at all.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub entries: Arc<Vec<Arrived>>,
    pub marks: Vec<Mark>,
}

/// What an answer of the cluster means for the reading. `None` is said by silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// It does not answer, and why.
    Away(String),
    /// It is the same, and keeps so many messages that are not stored.
    Behind(u64),
    /// The reading is over.
    Over,
}

#[derive(Debug)]
pub struct Reading {
    incarnation: String,
    parts: BTreeSet<i32>,
    /// By partition: the offset behind what is stored.
    next: BTreeMap<i32, i64>,
    away: bool,
    batch: Batch,
    /// When what is gathered, or what failed, is to be stored.
    at: Option<u64>,
    due: Option<Transaction>,
}

impl Reading {
    /// And the offset from which each partition is read: its mark, or its beginning.
    pub fn begin(incarnation: &str, kept: &Kept, marks: &[Mark]) -> (Self, Vec<(&'static str, i32, Start)>) {
        let ours = marks.iter().filter(|m| m.incarnation == incarnation && m.stream == topic::TELEMETRY);
        let next: BTreeMap<i32, i64> = ours.map(|m| (m.part, m.next)).collect();
        let start = |part| next.get(part).map_or(Start::Beginning, |next| Start::At(*next));
        let starts = kept.keys().map(|part| (topic::TELEMETRY, *part, start(part))).collect();
        let reading = Self {
            incarnation: incarnation.to_owned(),
            parts: kept.keys().copied().collect(),
            next,
            away: false,
            batch: Batch::default(),
            at: None,
            due: None,
        };
        (reading, starts)
    }

    /// Is the next message taken now?
    pub fn takes(&self) -> bool {
        self.due.is_none() && !self.batch.is_full()
    }

    /// A message, where [`Self::takes`] says so. The words are why it could not be read: it is passed over, because it will
    /// not be better when it is read again.
    pub fn take(&mut self, now: u64, record: &Record, fleet: &Fleet) -> Result<(), String> {
        self.at.get_or_insert(now + COMMIT_MS);
        self.batch.take(record, fleet)
    }

    /// When [`Self::due`] is to be asked, if nothing is taken until then.
    pub fn at(&self) -> Option<u64> {
        if self.due.is_none() && self.batch.is_full() { Some(0) } else { self.at }
    }

    /// What is to be stored now. It is the same until [`Self::stored`] is told.
    pub fn due(&mut self, now: u64) -> Option<Transaction> {
        if self.at().is_none_or(|at| now < at) {
            return None;
        }
        let (incarnation, batch) = (&self.incarnation, &mut self.batch);
        let due = self.due.get_or_insert_with(|| {
            let batch = std::mem::take(batch);
            let marks = batch.marks(incarnation, topic::TELEMETRY);
            Transaction { entries: Arc::new(batch.entries), marks }
        });
        Some(due.clone())
    }

    /// The history did not take it: the same again, later. Nothing of it is acknowledged, so nothing is lost.
    pub fn failed(&mut self, now: u64) {
        self.at = Some(now + PAUSE_MS);
    }

    /// The history has what was due, with these fates.
    pub fn stored(&mut self, fates: &[Fate]) -> Stored {
        self.at = None;
        let Some(Transaction { entries, marks }) = self.due.take() else { return Stored::default() };
        self.next.extend(marks.iter().map(|mark| (mark.part, mark.next)));
        let mut stored = Stored::default();
        for (Arrived { plant, entry }, fate) in entries.iter().zip(fates) {
            stored.fates.push((plant.clone(), entry.samples.len(), *fate));
            stored.boots.entry(plant.clone()).or_default().insert(entry.boot);
        }
        stored
    }

    /// The cluster was asked who it is and what it keeps.
    pub fn probed(&mut self, answer: Result<(String, Kept), String>) -> Probed {
        match answer {
            Err(why) => {
                self.away = true;
                Probed::Away(why)
            }
            Ok((incarnation, kept)) => {
                let same = incarnation == self.incarnation && kept.keys().eq(&self.parts);
                if self.away || !same { Probed::Over } else { Probed::Behind(self.lag(&kept)) }
            }
        }
    }

    /// Messages that are kept and not stored yet. What the cluster dropped before it was read is not waited for: it was not
    /// acknowledged, and comes again.
    fn lag(&self, kept: &Kept) -> u64 {
        let behind = |(part, kept): (&i32, &ops::Range<i64>)| {
            let next = self.next.get(part).map_or(kept.start, |next| kept.start.max(*next));
            u64::try_from(kept.end - next).unwrap_or(0)
        };
        kept.iter().map(behind).sum()
    }
}

/// What became of a transaction.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Of each entry its plant, how many samples, and its fate.
    pub fates: Vec<(PlantId, usize, Fate)>,
    boots: BTreeMap<PlantId, BTreeSet<u64>>,
}

impl Stored {
    /// The plants whose edges hear of it.
    pub fn plants(&self) -> impl Iterator<Item = &PlantId> {
        self.boots.keys()
    }

    /// Of a plant's ledger what its edge is told that it may forget: all of the boots that were touched, so that an
    /// acknowledgement which was lost is made good by the next.
    pub fn forget(&self, plant: &PlantId, mut ledger: Vec<Range>) -> Vec<Range> {
        ledger.retain(|range| self.boots.get(plant).is_some_and(|boots| boots.contains(&range.boot)));
        ledger
    }
}

#[cfg(test)]
mod tests {
    use super::super::gather::tests::{fleet, record};
    use super::*;

    fn mark(incarnation: &str, stream: &str, part: i32, next: i64) -> Mark {
        Mark { incarnation: incarnation.into(), stream: stream.into(), part, next }
    }

    fn kept() -> Kept {
        Kept::from([(0, 2..10), (1, 0..0), (2, 5..9)])
    }

    #[test]
    fn it_begins_where_the_mark_of_this_stream_and_incarnation_stands() {
        let marks = [mark("i", "heat.telemetry", 0, 7), mark("i", "journal", 1, 3), mark("h", "heat.telemetry", 2, 8)];
        let (mut reading, starts) = Reading::begin("i", &kept(), &marks);
        let starts: Vec<(i32, Start)> = starts.into_iter().map(|(_, part, start)| (part, start)).collect();
        assert_eq!(starts, [(0, Start::At(7)), (1, Start::Beginning), (2, Start::Beginning)]);
        assert_eq!(reading.probed(Ok(("i".into(), kept()))), Probed::Behind(3 + 4));
        let (mut behind, _) = Reading::begin("i", &kept(), &[mark("i", "heat.telemetry", 0, 1)]);
        let wanted = Probed::Behind(8 + 4);
        assert_eq!(behind.probed(Ok(("i".into(), kept()))), wanted, "what is no longer kept is not waited for");
        let (mut beyond, _) = Reading::begin("i", &kept(), &[mark("i", "heat.telemetry", 0, 99)]);
        assert_eq!(beyond.probed(Ok(("i".into(), kept()))), Probed::Behind(4));
    }

    #[test]
    fn it_is_over_when_the_cluster_was_away_is_another_or_is_laid_out_anew() {
        let begun = || Reading::begin("i", &kept(), &[]).0;
        assert_eq!(begun().probed(Ok(("j".into(), kept()))), Probed::Over);
        assert_eq!(begun().probed(Ok(("i".into(), Kept::from([(0, 2..10)])))), Probed::Over);
        let mut reading = begun();
        assert_eq!(reading.probed(Err("away".into())), Probed::Away("away".into()));
        assert_eq!(reading.probed(Ok(("i".into(), kept()))), Probed::Over);
    }

    #[test]
    fn what_is_gathered_is_stored_as_one_with_its_marks_and_again_until_it_is() {
        let fleet = fleet();
        let (mut reading, _) = Reading::begin("i", &kept(), &[]);
        assert_eq!((reading.at(), reading.due(5).is_none()), (None, true));
        reading.take(10, &record(0, 7, "north"), &fleet).unwrap();
        reading.take(100, &record(0, 8, "north"), &fleet).unwrap();
        assert!(reading.due(10 + COMMIT_MS - 1).is_none() && reading.takes());
        assert_eq!(reading.at(), Some(10 + COMMIT_MS));
        let due = reading.due(10 + COMMIT_MS).expect("its time has come");
        assert_eq!((due.entries.len(), due.marks.as_slice()), (2, [mark("i", "heat.telemetry", 0, 9)].as_slice()));
        assert!(!reading.takes(), "what is not stored is not overtaken");
        reading.failed(300);
        assert!(reading.due(300 + PAUSE_MS - 1).is_none());
        assert_eq!(reading.due(300 + PAUSE_MS).expect("the same again").entries, due.entries);
        assert_eq!(reading.probed(Ok(("i".into(), kept()))), Probed::Behind(8 + 4), "nothing is stored yet");
        let stored = reading.stored(&[Fate::Stored, Fate::Duplicate]);
        assert_eq!(stored.fates.iter().map(|f| f.2).collect::<Vec<_>>(), [Fate::Stored, Fate::Duplicate]);
        assert_eq!(reading.probed(Ok(("i".into(), kept()))), Probed::Behind(1 + 4));
        assert!(reading.takes() && reading.at().is_none());
        // Of the ledger the edge hears what was touched.
        let north: PlantId = "north".parse().unwrap();
        let range = |boot| Range { boot, first: 1, last: 9 };
        assert_eq!(stored.forget(&north, vec![range(1), range(2)]), [range(1)]);
        assert_eq!(stored.plants().collect::<Vec<_>>(), [&north]);
    }

    #[test]
    fn a_full_batch_is_due_at_once() {
        let fleet = fleet();
        let (mut reading, _) = Reading::begin("i", &kept(), &[]);
        let mut taken = 0;
        while reading.takes() {
            reading.take(1_000, &record(0, taken, "north"), &fleet).unwrap();
            taken += 1;
        }
        assert_eq!(reading.due(1_000).expect("full").entries.len() as i64, taken);
    }
}
