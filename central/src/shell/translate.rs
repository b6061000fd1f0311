//! What a Sparkplug host hears, as inputs of the domain. Pure: it keeps only each edge's boot, which later messages of
//! the same session do not repeat.

use crate::domain::{Input, Mode, Spool, Status};
use crate::journal::{Hash, Head};
use hypocaust_protocols::model::{PlantId, Tick};
use hypocaust_protocols::sparkplug::host::Event;
use hypocaust_protocols::sparkplug::{Metric, Value};
use hypocaust_protocols::wire::sparkplug as mapping;
use hypocaust_protocols::wire::{Entry, metric};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What one event means.
#[derive(Debug, Default)]
pub struct Heard {
    pub inputs: Vec<Input>,
    /// An entry to be stored; a live one is in `inputs` too.
    pub entry: Option<(PlantId, Entry)>,
    /// That entry comes out of a backlog.
    pub historical: bool,
    /// What could not be read, in words.
    pub unread: Vec<String>,
    /// Samples of an entry that could not be read: they will never be in the history.
    pub lost: Option<(PlantId, usize)>,
}

/// The boots of the edges in their present sessions.
#[derive(Debug, Default)]
pub struct Translator {
    boots: BTreeMap<PlantId, (u64, Tick)>,
}

#[derive(Deserialize)]
struct Anchor {
    epoch: u64,
    head: Option<AnchorHead>,
}

#[derive(Deserialize)]
struct AnchorHead {
    seq: u64,
    hash: String,
}

fn text<'m>(metrics: &'m [Metric], name: &str) -> Option<&'m str> {
    metrics.iter().find(|m| m.name == name).and_then(|m| match &m.value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

fn number(metrics: &[Metric], name: &str) -> Option<u64> {
    metrics.iter().find(|m| m.name == name).and_then(|m| match m.value {
        Value::UInt(n) => Some(n),
        Value::Int(n) => u64::try_from(n).ok(),
        _ => None,
    })
}

impl Translator {
    /// The status in these metrics; `None` before the edge has said its boot.
    fn status(&mut self, plant: &PlantId, metrics: &[Metric], unread: &mut Vec<String>) -> Option<Status> {
        let known = self.boots.get(plant).copied();
        let boot = number(metrics, metric::BOOT).or(known.map(|k| k.0))?;
        let same_boot = known.filter(|k| k.0 == boot).map_or(Tick(0), |k| k.1);
        // A backlog repeats no tick, and a tick never goes back within a boot.
        let tick = number(metrics, metric::TICK).map_or(same_boot, Tick).max(same_boot);
        self.boots.insert(plant.clone(), (boot, tick));
        let mut json = |name: &'static str| -> Option<serde_json::Value> {
            let found = text(metrics, name)?;
            serde_json::from_str(found).map_err(|e| unread.push(format!("{plant}: {name} is not JSON: {e}"))).ok()
        };
        let trips = json(metric::TRIPS).and_then(|v| serde_json::from_value(v).ok());
        let devices = json(metric::DEVICES).and_then(|v| serde_json::from_value(v).ok());
        let spool = json(metric::SPOOL).and_then(|v| serde_json::from_value::<Spool>(v).ok());
        let anchor = json(metric::ANCHOR).and_then(|v| serde_json::from_value::<Anchor>(v).ok()).map(|a| {
            let head = a.head.and_then(|h| Some(Head { seq: h.seq, hash: Hash::from_hex(&h.hash)? }));
            (a.epoch, head)
        });
        let mode = text(metrics, metric::MODE).and_then(|name| {
            let mode = Mode::from_name(name);
            if mode.is_none() {
                unread.push(format!("{plant}: '{name}' is no mode"));
            }
            mode
        });
        Some(Status { boot, tick, mode, trips, devices, spool, anchor })
    }

    /// One event of the host.
    pub fn hear(&mut self, event: &Event) -> Heard {
        let mut heard = Heard::default();
        let plant = match event {
            Event::NodeBirth { node, .. }
            | Event::DeviceBirth { node, .. }
            | Event::Data { node, .. }
            | Event::DeviceDeath { node, .. }
            | Event::NodeDeath { node, .. }
            | Event::NodeDoubtful { node, .. } => node,
            // About this replica's own place, not about a plant.
            Event::Overtaken { .. } => return heard,
            Event::Malformed { topic, error } => {
                heard.unread.push(format!("{topic}: {error}"));
                return heard;
            }
        };
        let Ok(plant) = PlantId::new(plant) else {
            heard.unread.push(format!("'{plant}' is not the id of a plant"));
            return heard;
        };
        match event {
            Event::NodeBirth { metrics, .. } => {
                if let Some(status) = self.status(&plant, metrics, &mut heard.unread) {
                    heard.inputs.push(Input::EdgeBirth { plant, status });
                }
            }
            Event::DeviceBirth { metrics, device, .. } => self.samples(plant, device, metrics, &mut heard),
            Event::Data { device: Some(device), metrics, .. } => {
                if let Some(status) = self.status(&plant, metrics, &mut heard.unread) {
                    heard.inputs.push(Input::EdgeStatus { plant: plant.clone(), status });
                }
                self.samples(plant, device, metrics, &mut heard);
            }
            Event::Data { device: None, metrics, .. } => {
                if let Some(outcome) = text(metrics, metric::OUTCOME) {
                    match serde_json::from_str(outcome) {
                        Ok(outcome) => heard.inputs.push(Input::Outcome { plant: plant.clone(), outcome }),
                        Err(error) => heard.unread.push(format!("{plant}: an outcome cannot be read: {error}")),
                    }
                }
                if let Some(status) = self.status(&plant, metrics, &mut heard.unread) {
                    heard.inputs.push(Input::EdgeStatus { plant, status });
                }
            }
            Event::NodeDeath { .. } | Event::NodeDoubtful { .. } => heard.inputs.push(Input::EdgeDeath { plant }),
            Event::DeviceDeath { .. } | Event::Overtaken { .. } | Event::Malformed { .. } => {}
        }
        heard
    }

    /// Samples of a device: an entry to be kept, or the present state out of a birth, for the image alone.
    fn samples(&self, plant: PlantId, device: &str, metrics: &[Metric], heard: &mut Heard) {
        match mapping::metrics_to_entry(device, metrics) {
            Ok(Some(entry)) => {
                // A backlog is kept and does not touch the image: the present is newer.
                heard.historical = mapping::is_historical(metrics);
                if !heard.historical {
                    heard.inputs.push(Input::Samples { plant: plant.clone(), entry: entry.clone() });
                }
                heard.entry = Some((plant, entry));
            }
            Ok(None) => match (mapping::samples(metrics), device.parse(), self.boots.get(&plant)) {
                (Ok(samples), Ok(device), Some((boot, _))) => {
                    let entry = Entry { boot: *boot, seq: 0, device, samples };
                    heard.inputs.push(Input::Samples { plant, entry });
                }
                (Err(error), ..) => heard.unread.push(format!("{plant}: {error}")),
                _ => heard.unread.push(format!("{plant}: '{device}' is no device, or its node has no boot")),
            },
            Err(error) => {
                heard.unread.push(format!("{plant}: {error}"));
                let samples = metrics.iter().filter(|m| !m.name.contains('/')).count();
                heard.lost = Some((plant, samples));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hypocaust_protocols::model::{DeviceId, Millis, Quality, Sample, TagId};

    fn entry(seq: u64) -> Entry {
        let tag = TagId::new("north.b1.heat").expect("an id");
        let samples = vec![Sample { tag, time: Millis(1), value: Some(2.0), quality: Quality::Good }];
        Entry { boot: 4, seq, device: DeviceId::new("north.plc1").expect("an id"), samples }
    }

    fn data(historical: bool, tick: u64) -> Event {
        let metrics = mapping::entry_to_metrics(&entry(3), historical, Tick(tick), 1);
        Event::Data { node: "north".into(), device: Some("north.plc1".into()), metrics, body: None }
    }

    fn born() -> Translator {
        let mut translator = Translator::default();
        let metrics = vec![
            Metric::new(metric::BOOT, 1, Value::UInt(4)),
            Metric::new(metric::TICK, 1, Value::UInt(10)),
            Metric::new(metric::MODE, 1, Value::Text("holding".into())),
        ];
        let heard = translator.hear(&Event::NodeBirth { node: "north".into(), bd_seq: 0, metrics });
        assert!(matches!(&heard.inputs[..], [Input::EdgeBirth { status, .. }]
            if status.boot == 4 && status.tick == Tick(10) && status.mode == Some(Mode::Holding)));
        translator
    }

    #[test]
    fn live_data_moves_the_image_and_is_kept_and_backlog_is_only_kept() {
        let mut translator = born();
        let live = translator.hear(&data(false, 20));
        assert!(live.entry.is_some() && !live.historical);
        assert!(live.inputs.iter().any(|i| matches!(i, Input::Samples { .. })));
        let backlog = translator.hear(&data(true, 30));
        assert!(backlog.entry.is_some() && backlog.historical);
        assert!(!backlog.inputs.iter().any(|i| matches!(i, Input::Samples { .. })));
    }

    #[test]
    fn a_tick_never_goes_back_within_a_boot() {
        let mut translator = born();
        translator.hear(&data(false, 20));
        let late = translator.hear(&data(false, 15));
        assert!(matches!(&late.inputs[0], Input::EdgeStatus { status, .. } if status.tick == Tick(20)));
    }

    #[test]
    fn what_cannot_be_read_is_told_and_changes_nothing() {
        let mut translator = born();
        let metrics = vec![Metric::new(metric::OUTCOME, 1, Value::Text("{".into()))];
        let heard = translator.hear(&Event::Data { node: "north".into(), device: None, metrics, body: None });
        assert_eq!(heard.unread.len(), 1);
        assert!(!heard.inputs.iter().any(|i| matches!(i, Input::Outcome { .. })));
        let mut metrics = mapping::entry_to_metrics(&entry(4), false, Tick(30), 1);
        let named = metrics.iter_mut().find(|m| m.name == metric::ENTRY).expect("an entry is named");
        named.value = Value::Text("four".into());
        let device = Some("north.plc1".to_owned());
        let heard = translator.hear(&Event::Data { node: "north".into(), device, metrics, body: None });
        assert_eq!(heard.lost.map(|(plant, samples)| (plant.to_string(), samples)), Some(("north".to_owned(), 1)));
        assert!(heard.entry.is_none());
        let strange = Event::NodeDeath { node: "NOT AN ID".into(), bd_seq: 0 };
        let heard = translator.hear(&strange);
        assert!(heard.inputs.is_empty() && heard.unread.len() == 1);
    }
}
