//! How our own messages lie in Sparkplug metrics: one place for both ends.
//!
//! A spooled [`Entry`] is one DDATA: a metric per sample (name: the tag's id, timestamp: the source time) and the string
//! metric [`super::metric::ENTRY`], `boot:seq`, that names it and says whether it is backlog, beside the edge's present
//! [`super::metric::TICK`]. In a birth the name is empty: its values are the present state and belong to no entry.
//! A number is a Double; a sample without a number is null. Uncertain travels as stale with its reason, because Sparkplug
//! knows three qualities.

use super::{Entry, metric};
use crate::model::{BadReason, DeviceId, Millis, Quality, Sample, TagId, Tick};
use crate::sparkplug::metric::{Metric, Quality as Code, Value};

/// Why metrics are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the metric Hypocaust/Entry says \"{0}\" and not boot:seq")]
    Name(String),
    #[error("'{0}' is not the id of a tag or device")]
    Id(String),
}

/// A sample as a metric.
pub fn sample_to_metric(sample: &Sample) -> Metric {
    let value = sample.value.map_or(Value::Null, Value::Double);
    let code = match sample.quality {
        Quality::Good => Code::Good,
        Quality::Uncertain(_) | Quality::Bad(BadReason::Stale) => Code::Stale,
        Quality::Bad(_) => Code::Bad,
    };
    let reason = sample.quality.reason().map(|r| r.name().to_owned());
    Metric::new(sample.tag.as_str(), sample.time.0, value).quality(code, reason)
}

/// A metric as a sample. A reason that this version does not know makes the value bad, never good.
pub fn metric_to_sample(m: &Metric) -> Result<Sample, Error> {
    let tag = TagId::new(&m.name).map_err(|_| Error::Id(m.name.clone()))?;
    let reason = m.reason.as_deref().and_then(BadReason::from_name);
    let quality = match m.quality {
        Code::Good => Quality::Good,
        Code::Stale => match reason {
            None | Some(BadReason::Stale) => Quality::Bad(BadReason::Stale),
            Some(reason) => Quality::Uncertain(reason),
        },
        Code::Bad => Quality::Bad(reason.unwrap_or(BadReason::DeviceError)),
    };
    let value = m.value.number().filter(|x| x.is_finite());
    // A good quality without a number is a contradiction; what cannot be believed is bad.
    let quality = if value.is_none() && quality.is_good() { Quality::Bad(BadReason::NotANumber) } else { quality };
    Ok(Sample { tag, time: Millis(m.timestamp), value, quality })
}

/// What stands before the samples of a message: the entry's name, empty in a birth, and the edge's present tick.
fn preface(name: String, historical: bool, tick: Tick, wall: i64) -> [Metric; 2] {
    [
        Metric::new(metric::ENTRY, wall, Value::Text(name)).historical(historical),
        Metric::new(metric::TICK, wall, Value::UInt(tick.0)),
    ]
}

/// The preface of a device's birth.
pub fn birth_preface(tick: Tick, wall: i64) -> [Metric; 2] {
    preface(String::new(), false, tick, wall)
}

/// The metrics of one DDATA. `historical`: out of the backlog, see [`is_historical`].
pub fn entry_to_metrics(entry: &Entry, historical: bool, tick: Tick, wall: i64) -> Vec<Metric> {
    let samples = entry.samples.iter().map(|s| sample_to_metric(s).historical(historical).entry(entry.seq));
    preface(format!("{}:{}", entry.boot, entry.seq), historical, tick, wall).into_iter().chain(samples).collect()
}

/// Is this entry out of the backlog, so that it is history and not the present?
pub fn is_historical(metrics: &[Metric]) -> bool {
    metrics.iter().any(|m| m.name == metric::ENTRY && m.historical)
}

/// The entry that a DDATA of this device carries; `None` where it names none (births do not).
pub fn metrics_to_entry(device: &str, metrics: &[Metric]) -> Result<Option<Entry>, Error> {
    let Some(named) = metrics.iter().find(|m| m.name == metric::ENTRY) else { return Ok(None) };
    let Value::Text(text) = &named.value else { return Err(Error::Name(format!("{:?}", named.value))) };
    if text.is_empty() {
        // A birth declares the metric and names nothing.
        return Ok(None);
    }
    let (boot, seq) = text
        .split_once(':')
        .and_then(|(boot, seq)| Some((boot.parse().ok()?, seq.parse().ok()?)))
        .ok_or_else(|| Error::Name(text.clone()))?;
    let device = DeviceId::new(device).map_err(|_| Error::Id(device.to_owned()))?;
    let samples = samples(metrics)?;
    Ok(Some(Entry { boot, seq, device, samples }))
}

/// The samples among metrics, our own metrics left out.
pub fn samples(metrics: &[Metric]) -> Result<Vec<Sample>, Error> {
    metrics.iter().filter(|m| !m.name.contains('/')).map(metric_to_sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_the_way_through_metrics() {
        let tag = |t: &str| TagId::new(t).expect("an id");
        let sample = |t, value, quality| Sample { tag: tag(t), time: Millis(5), value, quality };
        let entry = Entry {
            boot: 7,
            seq: 9,
            device: DeviceId::new("p.d").expect("an id"),
            samples: vec![
                sample("p.a", Some(1.5), Quality::Good),
                sample("p.b", None, Quality::Bad(BadReason::NoConnection)),
                sample("p.c", Some(2.0), Quality::Uncertain(BadReason::OutOfRange)),
            ],
        };
        for historical in [false, true] {
            let metrics = entry_to_metrics(&entry, historical, Tick(3), 6);
            assert_eq!(metrics_to_entry("p.d", &metrics), Ok(Some(entry.clone())));
            assert_eq!(is_historical(&metrics), historical);
        }
        assert_eq!(metrics_to_entry("p.d", &birth_preface(Tick(3), 6)), Ok(None));
    }

    #[test]
    fn what_cannot_be_believed_is_bad() {
        let m = Metric::new("p.a", 1, Value::Null);
        assert_eq!(metric_to_sample(&m).map(|s| s.quality), Ok(Quality::Bad(BadReason::NotANumber)));
        assert!(metrics_to_entry("p.d", &[Metric::new(metric::ENTRY, 1, Value::Text("x".into()))]).is_err());
    }
}
