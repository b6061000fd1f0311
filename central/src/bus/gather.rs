//! Messages of the bus as one batch for the history. Pure.

use crate::telemetry::{Arrived, Mark};
use hypocaust_protocols::kafka::Record;
use hypocaust_protocols::model::Fleet;
use hypocaust_protocols::wire::record::Telemetry;
use std::collections::BTreeMap;

/// Messages and samples of one transaction.
const MESSAGES: usize = 2_000;
const SAMPLES: usize = 20_000;

/// A batch that grows.
#[derive(Debug, Default)]
pub struct Batch {
    pub entries: Vec<Arrived>,
    unreadable: usize,
    next: BTreeMap<i32, i64>,
    samples: usize,
}

impl Batch {
    /// Takes a message, or says why it cannot be read. The batch's mark stands behind it either way.
    pub fn take(&mut self, record: &Record, fleet: &Fleet) -> Result<(), String> {
        self.next.insert(record.partition, record.offset + 1);
        let read = match Telemetry::decode(&record.payload) {
            Ok(Telemetry { plant, .. }) if fleet.plant(plant.as_str()).is_none() => {
                Err(format!("the fleet has no plant '{plant}'"))
            }
            Ok(Telemetry { plant, entry, .. }) => Ok(Arrived { plant, entry }),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(arrived) => {
                self.samples += arrived.entry.samples.len();
                self.entries.push(arrived);
                Ok(())
            }
            Err(why) => {
                self.unreadable += 1;
                Err(format!("{}[{}]@{}: {why}", record.topic, record.partition, record.offset))
            }
        }
    }

    pub fn is_full(&self) -> bool {
        self.entries.len() + self.unreadable >= MESSAGES || self.samples >= SAMPLES
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use hypocaust_protocols::model::{DeviceId, Millis, PlantId, Quality, Sample};
    use hypocaust_protocols::wire::Entry;
    use std::path::Path;

    pub fn fleet() -> Fleet {
        hypocaust_protocols::files::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small")).unwrap()
    }

    pub fn record(partition: i32, offset: i64, plant: &str) -> Record {
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
        assert_eq!(batch.take(&record(0, 5, "north"), &fleet), Ok(()));
        let spoilt = Record { payload: b"{}".to_vec(), ..record(1, 7, "north") };
        let why = batch.take(&spoilt, &fleet).unwrap_err();
        assert!(why.starts_with("heat.telemetry[1]@7: "), "{why}");
        let why = batch.take(&record(0, 9, "atlantis"), &fleet).unwrap_err();
        assert!(why.contains("no plant 'atlantis'"), "{why}");
        assert_eq!(batch.entries.len(), 1);
        let marks: Vec<(i32, i64)> = batch.marks("i", "heat.telemetry").iter().map(|m| (m.part, m.next)).collect();
        assert_eq!(marks, [(0, 10), (1, 8)]);
    }

    #[test]
    fn a_batch_is_full_by_messages_or_by_samples() {
        let fleet = fleet();
        let mut batch = Batch::default();
        for offset in 0..MESSAGES as i64 {
            assert!(!batch.is_full());
            batch.take(&record(0, offset, "north"), &fleet).unwrap();
        }
        assert!(batch.is_full());
    }
}
