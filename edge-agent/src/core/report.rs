//! Report by exception: a value is sent when it left its deadband, when its quality changed, or when it has been silent
//! for as long as its tag allows. What one device shows in one scan becomes one [`Entry`], or several where it is more than a
//! message of the bus may hold; entries of a boot count up from 1 without holes, so that the centre's acknowledgement by
//! ranges means what it says.

use super::image::Image;
use hypocaust_protocols::model::{DeviceId, Plant, Quality, Tick, Value};
use hypocaust_protocols::wire::Entry;

/// Samples of an entry at most. Kafka takes messages of 1 MB, which is 500 bytes for each of them; with an id of the
/// longest kind in use a sample takes 130.
const MOST_SAMPLES: usize = 2_000;

#[derive(Debug, Clone)]
struct Rule {
    deadband: f64,
    max_silence_ms: u64,
    last: Option<(Value, Quality, Tick)>,
}

#[derive(Debug, Clone)]
pub struct Reporter {
    boot: u64,
    next_seq: u64,
    /// By the index of the image.
    rules: Vec<Rule>,
}

impl Reporter {
    pub fn new(plant: &Plant, boot: u64) -> Self {
        let rules = plant.tags.iter().map(|tag| Rule {
            deadband: tag.deadband,
            // Saturates for silences beyond what an edge lives for.
            max_silence_ms: (tag.max_silence_s * 1000.0) as u64,
            last: None,
        });
        Self { boot, next_seq: 1, rules: rules.collect() }
    }

    /// After a scan of this device: whatever is due.
    pub fn scanned(&mut self, image: &mut Image, device: &DeviceId, tick: Tick) -> Vec<Entry> {
        self.entries(image, device, tick, true)
    }

    /// Between scans: only changes of quality, which nobody shall wait for.
    pub fn quality(&mut self, image: &mut Image, device: &DeviceId, tick: Tick) -> Vec<Entry> {
        self.entries(image, device, tick, false)
    }

    fn entries(&mut self, image: &mut Image, device: &DeviceId, tick: Tick, values: bool) -> Vec<Entry> {
        let mut due = Vec::new();
        for &at in image.of_device(device) {
            let (value, quality) = image.value_at(at);
            let rule = &mut self.rules[at];
            if rule.is_due(value, quality, tick, values) {
                rule.last = Some((value, quality.clone(), tick));
                due.push(at);
            }
        }
        let mut samples: Vec<_> = due.into_iter().map(|at| image.tell(at)).collect();
        let mut entries = Vec::new();
        while !samples.is_empty() {
            let rest = samples.split_off(samples.len().min(MOST_SAMPLES));
            let seq = self.next_seq;
            self.next_seq += 1;
            entries.push(Entry { boot: self.boot, seq, device: device.clone(), samples });
            samples = rest;
        }
        entries
    }
}

impl Rule {
    fn is_due(&self, value: Value, quality: &Quality, tick: Tick, values: bool) -> bool {
        let Some((last_value, last_quality, at)) = &self.last else {
            // The first report waits for the first read, or for the device to be known as lost.
            return values || quality.reason() != Some(&hypocaust_protocols::model::BadReason::NotRead);
        };
        if quality != last_quality {
            return true;
        }
        if !values {
            return false;
        }
        let moved = match (value, last_value) {
            (Some(now), Some(then)) => {
                let distance = (now - then).abs();
                distance > 0.0 && distance >= self.deadband
            }
            (None, None) => false,
            _ => true,
        };
        moved || tick.since(*at) >= self.max_silence_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::{device, north, tag, wall};
    use hypocaust_protocols::model::BadReason;

    /// One scan a row: (tick, what was read) and whether an entry follows, with its sequence number.
    #[test]
    fn cycle_table() {
        let (fleet, plant) = north();
        let mut image = Image::new(&plant, &fleet.limits.scan, wall(0));
        let mut reporter = Reporter::new(&plant, 7);
        let pressure = tag("north.steam.pressure");
        let plc1 = device("north.plc1");
        let table: [(u64, Result<f64, BadReason>, Option<u64>); 9] = [
            (0, Ok(10.0), Some(1)),                       // first
            (500, Ok(10.0), None),                        // nothing new
            (1000, Ok(10.019), None),                     // inside the deadband of 0.02
            (1500, Ok(10.021), Some(2)),                  // left it
            (2000, Ok(25.0), Some(3)),                    // out of range: quality
            (2500, Err(BadReason::DeviceError), Some(4)), // another reason
            (3000, Ok(10.021), Some(5)),                  // good again
            (4_500, Ok(10.021), None),                    // quiet
            (8_000, Ok(10.021), Some(6)),                 // 5 s of silence
        ];
        for (tick, read, expected) in table {
            image.read(wall(tick), Tick(tick), &pressure, read);
            let entry = reporter.scanned(&mut image, &plc1, Tick(tick)).pop();
            // Other tags of the device were never read; they are in the first entry and in the one after 5 s.
            assert_eq!(entry.as_ref().map(|e| e.seq), expected, "at {tick}");
            if let Some(entry) = entry {
                assert_eq!(entry.boot, 7);
                assert!(entry.samples.iter().any(|s| s.tag == pressure), "at {tick}");
            }
        }
    }

    /// A device with more tags than a message of the bus may hold.
    #[test]
    fn what_is_too_much_for_one_message_becomes_several() {
        let (fleet, mut plant) = north();
        let like = plant.tag("north.steam.pressure").expect("the small fleet has it").clone();
        let before = plant.tags.iter().filter(|t| t.device == like.device).count();
        plant.tags.extend((0..5_000).map(|n| {
            let mut tag = like.clone();
            tag.id = super::super::tests::tag(&format!("north.steam.pressure-{n}"));
            tag
        }));
        let mut image = Image::new(&plant, &fleet.limits.scan, wall(0));
        let entries = Reporter::new(&plant, 7).scanned(&mut image, &like.device, Tick(0));
        assert_eq!(entries.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3]);
        let told: std::collections::BTreeSet<_> = entries.iter().flat_map(|e| &e.samples).map(|s| &s.tag).collect();
        assert_eq!(told.len(), before + 5_000, "each once");
        for entry in &entries {
            let message = serde_json::to_vec(entry).expect("an entry can be written");
            assert!(message.len() < 1_000_000 / 2, "{} bytes", message.len());
        }
    }
}
