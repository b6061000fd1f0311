//! The core's words as Sparkplug metrics, and the centre's metrics as the core's inputs. Pure.
//!
//! Every DDATA carries, beside the tags, `Hypocaust/Entry` (`boot:seq`) and `Hypocaust/Tick`; so one message is one
//! spooled entry, and the centre always has a young tick to echo. Values out of a birth are the present state and belong
//! to no entry: a host takes them into its image and leaves them out of history.

use crate::core::{Birth, Input, NodeValue};
use hypocaust_protocols::model::{BadReason, Plant, Quality, Sample, Tick};
use hypocaust_protocols::sparkplug::edge::DeviceBirth;
use hypocaust_protocols::sparkplug::{self as sp, Metric, Value};
use hypocaust_protocols::wire::{Entry, Range, Signed, metric};

/// One of the node's own metrics.
pub fn node_metric(name: &str, value: &NodeValue, wall: i64) -> Metric {
    let value = match value {
        NodeValue::Number(n) => Value::UInt(*n),
        NodeValue::Text(t) => Value::Text(t.clone()),
    };
    Metric::new(name, wall, value)
}

fn sample_metric(sample: &Sample) -> Metric {
    let value = sample.value.map_or(Value::Null, Value::Double);
    let (quality, reason) = match &sample.quality {
        Quality::Good => (sp::Quality::Good, None),
        Quality::Uncertain(r) => (sp::Quality::Stale, Some(r.name().to_owned())),
        Quality::Bad(r @ BadReason::Stale) => (sp::Quality::Stale, Some(r.name().to_owned())),
        Quality::Bad(r) => (sp::Quality::Bad, Some(r.name().to_owned())),
    };
    Metric::new(sample.tag.as_str(), sample.time.0, value).quality(quality, reason)
}

/// A birth for [`hypocaust_protocols::sparkplug::EdgeNode::birth`].
pub fn births(birth: &Birth, plant: &Plant, tick: Tick, wall: i64) -> (Vec<Metric>, Vec<DeviceBirth>) {
    let node = birth.node.iter().map(|(name, value)| node_metric(name, value, wall)).collect();
    let devices = birth
        .devices
        .iter()
        .map(|(device, _, samples)| {
            let mut metrics = vec![
                Metric::new(metric::ENTRY, wall, Value::Text(String::new())),
                Metric::new(metric::TICK, wall, Value::UInt(tick.0)),
            ];
            metrics.extend(samples.iter().map(|sample| {
                let unit = plant.tag(sample.tag.as_str()).map_or("1", |t| t.unit.symbol());
                sample_metric(sample).unit(unit)
            }));
            DeviceBirth { device: device.to_string(), metrics }
        })
        .collect();
    (node, devices)
}

/// The metrics of one entry's DDATA.
pub fn entry_metrics(entry: &Entry, historical: bool, tick: Tick, wall: i64) -> Vec<Metric> {
    let mut metrics = vec![
        Metric::new(metric::ENTRY, wall, Value::Text(format!("{}:{}", entry.boot, entry.seq))),
        Metric::new(metric::TICK, wall, Value::UInt(tick.0)),
    ];
    metrics.extend(entry.samples.iter().map(|s| sample_metric(s).historical(historical).entry(entry.seq)));
    metrics
}

/// What a node command asks of the core; an `Err` names a metric that could not be read.
pub fn commands(metrics: &[Metric]) -> Vec<Result<Input, String>> {
    metrics.iter().filter_map(command).collect()
}

fn command(m: &Metric) -> Option<Result<Input, String>> {
    let body = match &m.value {
        Value::Text(text) => text.as_str(),
        _ => "",
    };
    let signed = |make: fn(Signed) -> Input| {
        serde_json::from_str::<Signed>(body).map(make).map_err(|e| format!("{} is not a signed text: {e}", m.name))
    };
    match m.name.as_str() {
        metric::COMMAND => Some(signed(Input::Command)),
        metric::BEAT => Some(signed(Input::Beat)),
        metric::TABLE => Some(signed(Input::Table)),
        metric::DURABLE => Some(
            serde_json::from_str::<Vec<Range>>(body)
                .map(Input::Durable)
                .map_err(|e| format!("{} is not a list of ranges: {e}", m.name)),
        ),
        // Other metrics in a node command are for other programs' nodes; nothing of ours is written by name.
        _ => None,
    }
}
