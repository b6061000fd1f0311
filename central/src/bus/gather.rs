//! Messages of the bus as one batch for the history. Pure.

use crate::telemetry::{Arrived, Mark};
use hypocaust_protocols::kafka::{Record, Start};
use hypocaust_protocols::model::Fleet;
use hypocaust_protocols::wire::record::Telemetry;
use std::collections::BTreeMap;
use std::ops::Range;

/// Messages and samples of one transaction.
const MESSAGES: usize = 2_000;
const SAMPLES: usize = 20_000;

/// A batch that grows.
#[derive(Debug, Default)]
pub struct Batch {
    pub entries: Vec<Arrived>,
    /// What could not be read, in words. It is passed over: it will not be better when it is read again.
    pub unreadable: Vec<String>,
    next: BTreeMap<i32, i64>,
    samples: usize,
}

impl Batch {
    pub fn take(&mut self, record: &Record, fleet: &Fleet) {
        self.next.insert(record.partition, record.offset + 1);
        let at = || format!("{}[{}]@{}", record.topic, record.partition, record.offset);
        match Telemetry::decode(&record.payload) {
            Err(error) => self.unreadable.push(format!("{}: {error}", at())),
            Ok(Telemetry { plant, .. }) if fleet.plant(plant.as_str()).is_none() => {
                self.unreadable.push(format!("{}: the fleet has no plant '{plant}'", at()));
            }
            Ok(Telemetry { plant, entry, .. }) => {
                self.samples += entry.samples.len();
                self.entries.push(Arrived { plant, entry });
            }
        }
    }

    pub fn is_full(&self) -> bool {
        self.entries.len() + self.unreadable.len() >= MESSAGES || self.samples >= SAMPLES
    }

    /// How far the stream is read when this batch is stored.
    pub fn marks(&self, incarnation: &str, stream: &str) -> Vec<Mark> {
        let mark = |(part, next): (&i32, &i64)| Mark {
            incarnation: incarnation.to_owned(),
            stream: stream.to_owned(),
            part: *part,
            next: *next,
        };
        self.next.iter().map(mark).collect()
    }
}

/// The offset from which each partition is read: its mark, or its beginning.
pub fn starts<'s>(stream: &'s str, kept: &BTreeMap<i32, Range<i64>>, marks: &[Mark]) -> Vec<(&'s str, i32, Start)> {
    let marked = |part| marks.iter().find(|m| m.stream == stream && m.part == part);
    kept.keys().map(|part| (stream, *part, marked(*part).map_or(Start::Beginning, |m| Start::At(m.next)))).collect()
}

/// Messages that are kept and not read yet. What the cluster dropped before it was read is not waited for: it was not
/// acknowledged, and comes again.
pub fn lag(kept: &BTreeMap<i32, Range<i64>>, next: impl Fn(i32) -> Option<i64>) -> u64 {
    kept.iter()
        .map(|(part, kept)| u64::try_from(kept.end - next(*part).unwrap_or(kept.start).max(kept.start)).unwrap_or(0))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hypocaust_protocols::model::{DeviceId, Millis, PlantId, Quality, Sample};
    use hypocaust_protocols::wire::Entry;
    use std::path::Path;

    fn fleet() -> Fleet {
        hypocaust_protocols::files::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small")).unwrap()
    }

    fn record(partition: i32, offset: i64, plant: &str) -> Record {
        let sample =
            Sample { tag: "north.b1.heat".parse().unwrap(), time: Millis(1), value: Some(1.0), quality: Quality::Good };
        let device = DeviceId::new("north.plc1").unwrap();
        let entry = Entry { boot: 1, seq: u64::try_from(offset).unwrap() + 1, device, samples: vec![sample] };
        let payload = Telemetry { plant: PlantId::new(plant).unwrap(), entry, historical: false }.encode();
        Record { topic: "heat.telemetry".into(), partition, offset, key: None, payload, time: None }
    }

    #[test]
    fn what_cannot_be_read_is_told_and_passed_over() {
        let fleet = fleet();
        let mut batch = Batch::default();
        batch.take(&record(0, 5, "north"), &fleet);
        batch.take(&Record { payload: b"{}".to_vec(), ..record(1, 7, "north") }, &fleet);
        batch.take(&record(0, 9, "atlantis"), &fleet);
        assert_eq!(batch.entries.len(), 1);
        assert!(batch.unreadable[0].starts_with("heat.telemetry[1]@7: "), "{:?}", batch.unreadable);
        assert!(batch.unreadable[1].contains("no plant 'atlantis'"), "{:?}", batch.unreadable);
        let marks: Vec<(i32, i64)> = batch.marks("i", "heat.telemetry").iter().map(|m| (m.part, m.next)).collect();
        assert_eq!(marks, [(0, 10), (1, 8)]);
    }

    #[test]
    fn reading_goes_on_where_the_mark_of_this_stream_stands() {
        let mark = |stream: &str, part, next| Mark { incarnation: "i".into(), stream: stream.into(), part, next };
        let kept = BTreeMap::from([(0, 2..10), (1, 0..0), (2, 5..9)]);
        let marks = [mark("s", 0, 7), mark("t", 1, 3)];
        let starts = starts("s", &kept, &marks);
        assert_eq!(starts, [("s", 0, Start::At(7)), ("s", 1, Start::Beginning), ("s", 2, Start::Beginning)]);
        let next = |part| marks.iter().find(|m| m.stream == "s" && m.part == part).map(|m| m.next);
        assert_eq!(lag(&kept, next), 3 + 4);
        assert_eq!(lag(&kept, |_| Some(1)), 8 + 4, "what is no longer kept is not waited for");
        assert_eq!(lag(&kept, |_| Some(99)), 0);
    }

    #[test]
    fn a_batch_is_full_by_messages_or_by_samples() {
        let fleet = fleet();
        let mut batch = Batch::default();
        for offset in 0..MESSAGES as i64 {
            assert!(!batch.is_full());
            batch.take(&record(0, offset, "north"), &fleet);
        }
        assert!(batch.is_full());
    }
}
