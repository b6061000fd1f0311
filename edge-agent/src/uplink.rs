//! The core's words as Sparkplug metrics, and the centre's metrics as the core's inputs. Pure.
//!
//! How samples and entries lie in metrics is the wire's ([`mapping`]), the same for both ends.

use crate::core::{Birth, Input, NodeValue};
use hypocaust_protocols::model::{Plant, Tick};
use hypocaust_protocols::sparkplug::edge::DeviceBirth;
use hypocaust_protocols::sparkplug::{Metric, Value};
use hypocaust_protocols::wire::sparkplug as mapping;
use hypocaust_protocols::wire::{Entry, Range, Signed, metric};

/// One of the node's own metrics.
pub fn node_metric(name: &str, value: &NodeValue, wall: i64) -> Metric {
    let value = match value {
        NodeValue::Number(n) => Value::UInt(*n),
        NodeValue::Text(t) => Value::Text(t.clone()),
    };
    Metric::new(name, wall, value)
}

/// A birth for [`hypocaust_protocols::sparkplug::EdgeNode::birth`].
pub fn births(birth: &Birth, plant: &Plant, tick: Tick, wall: i64) -> (Vec<Metric>, Vec<DeviceBirth>) {
    let node = birth.node.iter().map(|(name, value)| node_metric(name, value, wall)).collect();
    let devices = birth
        .devices
        .iter()
        .map(|(device, _, samples)| {
            let mut metrics = mapping::birth_preface(tick, wall).to_vec();
            metrics.extend(samples.iter().map(|sample| {
                let unit = plant.tag(sample.tag.as_str()).map_or("1", |t| t.unit.symbol());
                mapping::sample_to_metric(sample).unit(unit)
            }));
            DeviceBirth { device: device.to_string(), metrics }
        })
        .collect();
    (node, devices)
}

/// Why samples out of the spool are never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsent {
    /// The plant's file has no such device any more.
    UnknownDevice,
    /// The device has no such tag any more.
    UnknownTag,
    /// What is on disk is no entry.
    Unreadable,
}

impl Unsent {
    pub const ALL: [Self; 3] = [Self::UnknownDevice, Self::UnknownTag, Self::Unreadable];

    /// As metrics and the spool's file name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownDevice => "unknown-device",
            Self::UnknownTag => "unknown-tag",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What of a spooled entry can be sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Sendable {
    Whole(Entry),
    /// Both carry the entry's name; the tags of `rest` are unknown.
    Part {
        known: Entry,
        rest: Entry,
    },
    Nothing(Entry, Unsent),
}

/// Parts an entry by what the births of this plant list: a tag counts only as one of the entry's own device.
#[must_use]
pub fn sendable(entry: Entry, plant: &Plant) -> Sendable {
    if plant.device(entry.device.as_str()).is_none() {
        return Sendable::Nothing(entry, Unsent::UnknownDevice);
    }
    let is_known = |tag: &str| plant.tag(tag).is_some_and(|t| t.device == entry.device);
    if entry.samples.iter().all(|s| is_known(s.tag.as_str())) {
        return Sendable::Whole(entry);
    }
    let (known, rest): (Vec<_>, Vec<_>) = entry.samples.iter().cloned().partition(|s| is_known(s.tag.as_str()));
    if known.is_empty() {
        return Sendable::Nothing(entry, Unsent::UnknownTag);
    }
    let with = |samples| Entry { samples, ..entry.clone() };
    Sendable::Part { known: with(known), rest: with(rest) }
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
