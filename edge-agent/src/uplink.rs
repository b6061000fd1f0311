//! The core's words as Sparkplug metrics, and the centre's metrics as the core's inputs. Pure.
//!
//! How samples and entries lie in metrics is the wire's ([`mapping`]), the same for both ends.

use crate::core::{Birth, Input, NodeValue};
use hypocaust_protocols::model::{Plant, Tick};
use hypocaust_protocols::sparkplug::edge::DeviceBirth;
use hypocaust_protocols::sparkplug::{Metric, Value};
use hypocaust_protocols::wire::sparkplug as mapping;
use hypocaust_protocols::wire::{Range, Signed, metric};

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
