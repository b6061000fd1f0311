//! Messages of the bus: JSON whose member `schema` says what it is. Pure.
//!
//! What comes from the bus was written by anybody who may write there: a message that is not as it says is an [`Error`]
//! with its reason, never a panic. Members that this version does not know are passed over, so that a newer writer can
//! add some.

use super::Entry;
use crate::model::{BadReason, DeviceId, InvalidId, Millis, PlantId, Quality, Sample, TagId, Value};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Names of the topics that the centre writes.
pub mod topic {
    /// [`super::Telemetry`], keyed by plant, so that a plant's entries keep their order.
    pub const TELEMETRY: &str = "heat.telemetry";
    /// Every schedule, keyed by fleet.
    pub const DISPATCH: &str = "heat.dispatch";
    /// Every entry of the journal, keyed by fleet.
    pub const AUDIT: &str = "heat.audit";
}

/// The `schema` of [`Telemetry`].
pub const TELEMETRY_SCHEMA: &str = "telemetry/1";

/// The largest number that every reader of JSON and every store of ours keeps whole.
const MOST: u64 = (1 << 53) - 1;

/// The times that RFC 3339 can say: the years 1 to 9999.
const TIMES: RangeInclusive<i64> = -62_135_596_800_000..=253_402_207_199_999;

/// Why a message is not what its topic promises.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("it is not JSON of this form: {0}")]
    Form(#[from] serde_json::Error),
    #[error("its schema is '{found}'; this reader knows '{known}'")]
    Schema { found: String, known: &'static str },
    #[error(transparent)]
    Id(#[from] InvalidId),
    #[error("its {what} is {found}; write a number from {least} to {MOST}")]
    Number { what: &'static str, found: u64, least: u64 },
    #[error("'{0}' is no time; write it like 2026-01-31T12:00:00.000Z")]
    Time(String),
    #[error("tag {tag}: {why}")]
    Sample { tag: String, why: String },
}

/// One entry of an edge's spool on its way to the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    pub plant: PlantId,
    pub entry: Entry,
    /// It comes out of a backlog: later values of these tags may have come before.
    pub historical: bool,
}

#[derive(Serialize, Deserialize)]
struct Raw {
    schema: String,
    plant: String,
    edge: String,
    boot: u64,
    seq: u64,
    device: String,
    historical: bool,
    samples: Vec<RawSample>,
}

#[derive(Serialize, Deserialize)]
struct RawSample {
    tag: String,
    time: String,
    value: Value,
    quality: String,
    reason: Option<String>,
}

impl Telemetry {
    /// The message. A number that JSON cannot say (NaN, infinity) goes as null, and then it is not good; a time beyond the
    /// years that RFC 3339 has goes as the nearest that it has. An entry is never held back for what is in it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Entry { boot, seq, device, samples } = &self.entry;
        let raw = Raw {
            schema: TELEMETRY_SCHEMA.into(),
            plant: self.plant.to_string(),
            // An edge is the Sparkplug node of its plant and has the plant's id.
            edge: self.plant.to_string(),
            boot: *boot,
            seq: *seq,
            device: device.to_string(),
            historical: self.historical,
            samples: samples.iter().map(RawSample::from).collect(),
        };
        serde_json::to_vec(&raw).expect("plain data always has a JSON form")
    }

    /// What the message says, or why it cannot be believed.
    pub fn decode(message: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Named {
            schema: String,
        }
        let other = |found| Error::Schema { found, known: TELEMETRY_SCHEMA };
        let raw: Raw = serde_json::from_slice(message).map_err(|error| match serde_json::from_slice(message) {
            Ok(Named { schema }) if schema != TELEMETRY_SCHEMA => other(schema),
            _ => Error::Form(error),
        })?;
        if raw.schema != TELEMETRY_SCHEMA {
            return Err(other(raw.schema));
        }
        let number = |what, found, least| match found {
            found if (least..=MOST).contains(&found) => Ok(found),
            found => Err(Error::Number { what, found, least }),
        };
        Ok(Self {
            plant: PlantId::new(&raw.plant)?,
            entry: Entry {
                boot: number("boot", raw.boot, 0)?,
                seq: number("seq", raw.seq, 1)?,
                device: DeviceId::new(&raw.device)?,
                samples: raw.samples.into_iter().map(RawSample::read).collect::<Result<_, _>>()?,
            },
            historical: raw.historical,
        })
    }
}

impl From<&Sample> for RawSample {
    fn from(sample: &Sample) -> Self {
        let value = sample.value.filter(|v| v.is_finite());
        let quality = match &sample.quality {
            Quality::Good if value.is_none() => &Quality::Bad(BadReason::NotANumber),
            other => other,
        };
        Self {
            tag: sample.tag.to_string(),
            time: Millis(sample.time.0.clamp(*TIMES.start(), *TIMES.end())).rfc3339(),
            value,
            quality: quality.name().into(),
            reason: quality.reason().map(|r| r.name().into()),
        }
    }
}

impl RawSample {
    fn read(self) -> Result<Sample, Error> {
        let Self { tag, time, value, quality, reason } = self;
        let wrong = |why: String| Error::Sample { tag: tag.clone(), why };
        let reason = reason
            .map(|name| BadReason::from_name(&name).ok_or_else(|| wrong(format!("'{name}' is no reason"))))
            .transpose()?;
        let quality = match (quality.as_str(), reason) {
            ("good", None) if value.is_none() => return Err(wrong("a good value is a number, not null".into())),
            ("good", None) => Quality::Good,
            ("uncertain", Some(reason)) => Quality::Uncertain(reason),
            ("bad", Some(reason)) => Quality::Bad(reason),
            ("good", Some(_)) => return Err(wrong("a good value has no reason; leave it null".into())),
            ("uncertain" | "bad", None) => return Err(wrong(format!("'{quality}' wants its reason"))),
            _ => return Err(wrong(format!("'{quality}' is no quality; write good, uncertain or bad"))),
        };
        let at: jiff::Timestamp = time.parse().map_err(|_| Error::Time(time.clone()))?;
        Ok(Sample { tag: TagId::new(&tag)?, time: Millis(at.as_millisecond()), value, quality })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn quality() -> impl Strategy<Value = (Value, Quality)> {
        use BadReason::*;
        let reason =
            prop::sample::select(vec![NotRead, NoConnection, DeviceError, OutOfRange, NotANumber, Stale, EdgeLost]);
        let number = any::<f64>().prop_filter("JSON says finite numbers only", |v| v.is_finite());
        (prop::option::of(number), 0..3u8, reason).prop_map(|(value, kind, reason)| match (kind, value) {
            (0, Some(_)) => (value, Quality::Good),
            (1, _) => (value, Quality::Uncertain(reason)),
            _ => (value, Quality::Bad(reason)),
        })
    }

    prop_compose! {
        fn telemetry()(
            plant in "[a-z][a-z0-9]{0,8}",
            (boot, seq) in (0..=MOST, 1..=MOST),
            historical: bool,
            samples in prop::collection::vec(("[a-z]{1,4}(\\.[a-z0-9]{1,4}){0,2}", TIMES, quality()), 0..20),
        ) -> Telemetry {
            let samples = samples.into_iter().map(|(tag, time, (value, quality))| Sample {
                tag: TagId::new(&tag).unwrap(), time: Millis(time), value, quality,
            }).collect();
            let device = DeviceId::new(&format!("{plant}.plc1")).unwrap();
            let entry = Entry { boot, seq, device, samples };
            Telemetry { plant: PlantId::new(&plant).unwrap(), entry, historical }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(message in telemetry()) {
            prop_assert_eq!(Telemetry::decode(&message.encode()).unwrap(), message);
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes in telemetry().prop_map(|m| m.encode()), at: prop::sample::Index, with: u8) {
            let at = at.index(bytes.len());
            bytes[at] = with;
            let _ = Telemetry::decode(&bytes);
            let _ = Telemetry::decode(&bytes[..at]);
        }
    }

    fn good() -> serde_json::Value {
        json!({"schema": "telemetry/1", "plant": "north", "edge": "north", "boot": 7, "seq": 3, "device": "north.plc1",
        "historical": false, "samples": [
            {"tag": "north.b1.heat", "time": "2026-01-31T12:00:00.250Z", "value": 4.5, "quality": "good", "reason": null},
            {"tag": "north.b1.flow", "time": "2026-01-31T12:00:00.250Z", "value": null, "quality": "bad", "reason": "no-connection"},
        ]})
    }

    #[test]
    fn the_message_is_the_one_that_is_published() {
        let read = Telemetry::decode(good().to_string().as_bytes()).unwrap();
        assert_eq!(read.entry.samples[0].time, Millis(1_769_860_800_250));
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&read.encode()).unwrap(), good());
    }

    #[test]
    fn what_is_not_as_it_says_is_told() {
        let said = |path: &str, value: serde_json::Value| {
            let mut message = good();
            *message.pointer_mut(path).unwrap() = value;
            Telemetry::decode(message.to_string().as_bytes()).unwrap_err().to_string()
        };
        for (path, value, words) in [
            ("/schema", json!("telemetry/2"), "'telemetry/2'"),
            ("/seq", json!(0), "its seq is 0"),
            ("/seq", json!(u64::MAX), "its seq is 18446744073709551615"),
            ("/plant", json!("North Plant"), "'North Plant' is not an id"),
            ("/samples/0/time", json!("yesterday"), "'yesterday' is no time"),
            ("/samples/0/value", json!(null), "not null"),
            ("/samples/0/value", json!("4.5"), "invalid type"),
            ("/samples/0/reason", json!("stale"), "leave it null"),
            ("/samples/1/reason", json!(null), "wants its reason"),
            ("/samples/1/reason", json!("tired"), "'tired' is no reason"),
            ("/samples/1/quality", json!("fine"), "'fine' is no quality"),
        ] {
            let said = said(path, value.clone());
            assert!(said.contains(words), "{path} = {value}: {said}");
        }
        for bytes in [&b""[..], b"null", b"[]", b"\xff\xfe", b"{\"schema\":1}"] {
            assert!(matches!(Telemetry::decode(bytes), Err(Error::Form(_))), "{bytes:?}");
        }
    }

    #[test]
    fn a_number_that_json_cannot_say_is_not_good() {
        let mut message = Telemetry::decode(good().to_string().as_bytes()).unwrap();
        message.entry.samples[0].value = Some(f64::NAN);
        let read = Telemetry::decode(&message.encode()).unwrap();
        assert_eq!(read.entry.samples[0].quality, Quality::Bad(BadReason::NotANumber));
        assert_eq!(read.entry.samples[0].value, None);
    }
}
