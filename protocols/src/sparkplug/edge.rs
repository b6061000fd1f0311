//! The session of one edge node, as a machine without I/O.
//!
//! ```text
//!              connected(bdSeq)            STATE online           birth()
//!   Offline ------------------> Waiting --------------> Wanted ----------> Born
//!      ^                           ^                                        |
//!      +------ disconnected() -----+------------- STATE offline ------------+  (NDEATH, then disconnect)
//! ```
//!
//! The caller: raises `bdSeq` on disk, connects with [`EdgeNode::will`] of that number, subscribes to
//! [`EdgeNode::subscriptions`], feeds every message to [`EdgeNode::on_message`] and performs what comes back in order.
//! [`Reaction::BirthWanted`] is answered by [`EdgeNode::birth`] with the present values of everything: births are
//! whole or not at all. Data of a metric that no birth listed is refused, because a host would have no alias for it.

use super::metric::{Metric, Value};
use super::payload::{self, Payload};
use super::state::HostState;
use super::topic::{NodeMessage, Topic, check_id};
use super::{Error, Publish};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the metric that ties a death to its birth.
pub const BD_SEQ: &str = "bdSeq";
/// The command metric that asks for new births.
pub const REBIRTH: &str = "Node Control/Rebirth";

#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    /// Call [`EdgeNode::birth`] now with all present values.
    BirthWanted,
    Publish(Publish),
    /// End this connection (after the publishes before it) and connect anew with a higher `bdSeq`.
    Disconnect,
    /// Metrics of a node command other than rebirth.
    NodeCommand(Vec<Metric>),
    /// A device command. Hypocaust writes only by signed node commands; this is for the journal of refusals.
    DeviceCommand {
        device: String,
        metrics: Vec<Metric>,
    },
    /// Something came that cannot be read; it changes nothing.
    Malformed {
        topic: String,
        error: Error,
    },
}

/// A device as it is born: its id and every metric that its data may later name.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceBirth {
    pub device: String,
    pub metrics: Vec<Metric>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Offline,
    Waiting,
    Wanted,
    Born,
}

/// The empty device id stands for the node itself in the alias map: no real device has it ([`check_id`]).
const NODE: &str = "";

#[derive(Debug, Clone)]
pub struct EdgeNode {
    group: String,
    node: String,
    primary_host: String,
    phase: Phase,
    bd_seq: u64,
    seq: u8,
    host_timestamp: Option<i64>,
    /// Aliases stay the same for the life of this machine, over rebirths and reconnects.
    aliases: BTreeMap<(String, String), u64>,
    born: BTreeSet<String>,
}

impl EdgeNode {
    pub fn new(group: &str, node: &str, primary_host: &str) -> Result<Self, Error> {
        check_id("group id", group)?;
        check_id("edge node id", node)?;
        check_id("host id", primary_host)?;
        Ok(Self {
            group: group.into(),
            node: node.into(),
            primary_host: primary_host.into(),
            phase: Phase::Offline,
            bd_seq: 0,
            seq: 0,
            host_timestamp: None,
            aliases: BTreeMap::new(),
            born: BTreeSet::new(),
        })
    }

    /// The death certificate that is handed to the broker with CONNECT, at QoS 1 and not retained. `bd_seq` is the
    /// number that the caller has just written to disk; on the wire it is modulo 256, as the specification has it.
    #[must_use]
    pub fn will(&self, bd_seq: u64, now: i64) -> Publish {
        let payload = Payload {
            timestamp: u64::try_from(now).ok(),
            metrics: vec![bd_seq_metric(bd_seq, now)],
            ..Payload::default()
        };
        Publish {
            topic: Topic::node(&self.group, NodeMessage::Death, &self.node).to_string(),
            payload: payload.bytes(),
            qos: 1,
            retain: false,
        }
    }

    /// Topic filters with their QoS, to subscribe to after each connect, commands first, so that a rebirth request
    /// that answers our birth is never missed.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<(String, u8)> {
        vec![
            (Topic::node(&self.group, NodeMessage::Command, &self.node).to_string(), 1),
            (Topic::device(&self.group, NodeMessage::Command, &self.node, "+").to_string(), 1),
            (Topic::state(&self.primary_host).to_string(), 1),
        ]
    }

    /// The broker accepted the connection whose will carries `bd_seq`.
    pub fn connected(&mut self, bd_seq: u64) {
        self.bd_seq = bd_seq;
        self.phase = Phase::Waiting;
        self.host_timestamp = None;
        self.born.clear();
    }

    pub fn disconnected(&mut self) {
        self.phase = Phase::Offline;
        self.born.clear();
    }

    /// True between births and the end of the session: data may be published.
    #[must_use]
    pub fn is_born(&self) -> bool {
        self.phase == Phase::Born
    }

    pub fn on_message(&mut self, topic: &str, bytes: &[u8], now: i64) -> Vec<Reaction> {
        match self.read(topic, bytes, now) {
            Ok(reactions) => reactions,
            Err(error) => vec![Reaction::Malformed { topic: topic.into(), error }],
        }
    }

    fn read(&mut self, topic: &str, bytes: &[u8], now: i64) -> Result<Vec<Reaction>, Error> {
        if self.phase == Phase::Offline {
            return Ok(Vec::new());
        }
        match Topic::parse(topic)? {
            Topic::State { host } if host == self.primary_host => Ok(self.on_state(HostState::read(bytes)?, now)),
            Topic::Node { group, message: NodeMessage::Command, node } if group == self.group && node == self.node => {
                Ok(self.on_node_command(&Payload::read(bytes)?, now))
            }
            Topic::Device { group, message: NodeMessage::Command, node, device }
                if group == self.group && node == self.node =>
            {
                let metrics = self.named(&device, &Payload::read(bytes)?, now);
                Ok(vec![Reaction::DeviceCommand { device, metrics }])
            }
            _ => Ok(Vec::new()),
        }
    }

    fn on_state(&mut self, state: HostState, now: i64) -> Vec<Reaction> {
        // The will of an earlier session of the host may arrive late; it says nothing about the present one.
        if self.host_timestamp.is_some_and(|seen| state.timestamp < seen) {
            return Vec::new();
        }
        self.host_timestamp = Some(state.timestamp);
        match (state.online, self.phase) {
            (true, Phase::Waiting) => {
                self.phase = Phase::Wanted;
                vec![Reaction::BirthWanted]
            }
            (false, Phase::Wanted) => {
                self.phase = Phase::Waiting;
                Vec::new()
            }
            (false, Phase::Born) => self.leave(now),
            _ => Vec::new(),
        }
    }

    fn on_node_command(&mut self, payload: &Payload, now: i64) -> Vec<Reaction> {
        let (rebirth, others): (Vec<_>, Vec<_>) =
            self.named(NODE, payload, now).into_iter().partition(|metric| metric.name == REBIRTH);
        let mut reactions = Vec::new();
        if !others.is_empty() {
            reactions.push(Reaction::NodeCommand(others));
        }
        if self.phase == Phase::Born && rebirth.iter().any(|metric| metric.value == Value::Bool(true)) {
            self.phase = Phase::Wanted;
            self.born.clear();
            reactions.push(Reaction::BirthWanted);
        }
        reactions
    }

    /// Ends the session of its own will: the death certificate first, since a clean DISCONNECT keeps the broker from
    /// publishing it.
    pub fn leave(&mut self, now: i64) -> Vec<Reaction> {
        let was_born = self.phase == Phase::Born;
        self.disconnected();
        let mut reactions = Vec::new();
        if was_born {
            reactions.push(Reaction::Publish(self.will(self.bd_seq, now)));
        }
        reactions.push(Reaction::Disconnect);
        reactions
    }

    /// NBIRTH and a DBIRTH for each device. Refused while the primary host is not known to be online; refused whole
    /// when an id is unfit for a topic or a name appears twice.
    pub fn birth(&mut self, now: i64, node: &[Metric], devices: &[DeviceBirth]) -> Result<Vec<Publish>, Error> {
        if !matches!(self.phase, Phase::Wanted | Phase::Born) {
            return Err(self.not_born());
        }
        check_once(NODE, node)?;
        for birth in devices {
            check_id("device id", &birth.device)?;
            check_once(&birth.device, &birth.metrics)?;
        }
        self.born.clear();
        self.seq = 0;
        self.phase = Phase::Born;
        let mut own =
            vec![bd_seq_metric(self.bd_seq, now), Metric::new(REBIRTH, now, Value::Bool(false)).to_wire(None, true)];
        own.extend(self.birth_metrics(NODE, node));
        self.born.insert(NODE.into());
        let topic = Topic::node(&self.group, NodeMessage::Birth, &self.node);
        let mut out = vec![self.publish(&topic, now, own, None)];
        for birth in devices {
            out.push(self.device_birth(now, birth)?);
        }
        Ok(out)
    }

    /// DBIRTH of one device: at the node's birth, or later when the device comes back or gains metrics.
    pub fn device_birth(&mut self, now: i64, birth: &DeviceBirth) -> Result<Publish, Error> {
        if !self.is_born() {
            return Err(self.not_born());
        }
        check_id("device id", &birth.device)?;
        check_once(&birth.device, &birth.metrics)?;
        let metrics = self.birth_metrics(&birth.device, &birth.metrics);
        self.born.insert(birth.device.clone());
        let topic = Topic::device(&self.group, NodeMessage::Birth, &self.node, &birth.device);
        Ok(self.publish(&topic, now, metrics, None))
    }

    /// DDEATH: the device is lost, everything it last said is stale.
    pub fn device_death(&mut self, now: i64, device: &str) -> Result<Publish, Error> {
        if !self.is_born() {
            return Err(self.not_born());
        }
        if !self.born.remove(device) {
            return Err(Error::UnknownDevice { device: device.into() });
        }
        let topic = Topic::device(&self.group, NodeMessage::Death, &self.node, device);
        Ok(self.publish(&topic, now, Vec::new(), None))
    }

    /// DDATA. `body` goes into the payload's free field as it is (the range of spool entries, the edge's tick).
    pub fn device_data(
        &mut self,
        now: i64,
        device: &str,
        metrics: &[Metric],
        body: Option<Vec<u8>>,
    ) -> Result<Publish, Error> {
        let topic = Topic::device(&self.group, NodeMessage::Data, &self.node, device);
        self.data(&topic, now, device, metrics, body)
    }

    /// NDATA: the node's own metrics.
    pub fn node_data(&mut self, now: i64, metrics: &[Metric], body: Option<Vec<u8>>) -> Result<Publish, Error> {
        let topic = Topic::node(&self.group, NodeMessage::Data, &self.node);
        self.data(&topic, now, NODE, metrics, body)
    }

    fn data(
        &mut self,
        topic: &Topic,
        now: i64,
        device: &str,
        metrics: &[Metric],
        body: Option<Vec<u8>>,
    ) -> Result<Publish, Error> {
        if !self.is_born() {
            return Err(self.not_born());
        }
        if !self.born.contains(device) {
            return Err(Error::UnknownDevice { device: device.into() });
        }
        let mut wire = Vec::with_capacity(metrics.len());
        for metric in metrics {
            let key = (device.to_owned(), metric.name.clone());
            let alias = self.aliases.get(&key).copied();
            let alias = alias.ok_or(Error::UnknownMetric { device: key.0, metric: key.1 })?;
            wire.push(metric.to_wire(Some(alias), false));
        }
        Ok(self.publish(topic, now, wire, body))
    }

    fn birth_metrics(&mut self, device: &str, metrics: &[Metric]) -> Vec<payload::Metric> {
        metrics
            .iter()
            .map(|metric| {
                let next = self.aliases.len() as u64 + 1;
                let alias = *self.aliases.entry((device.to_owned(), metric.name.clone())).or_insert(next);
                metric.to_wire(Some(alias), true)
            })
            .collect()
    }

    fn publish(&mut self, topic: &Topic, now: i64, metrics: Vec<payload::Metric>, body: Option<Vec<u8>>) -> Publish {
        let seq = self.seq;
        self.seq = seq.wrapping_add(1);
        let payload =
            Payload { timestamp: u64::try_from(now).ok(), metrics, seq: Some(u64::from(seq)), uuid: None, body };
        Publish { topic: topic.to_string(), payload: payload.bytes(), qos: 0, retain: false }
    }

    /// A command's metrics by name or by the alias of the birth; one that has neither a known alias nor a name is dropped.
    fn named(&self, device: &str, payload: &Payload, now: i64) -> Vec<Metric> {
        let by_alias = |alias: u64| {
            self.aliases
                .iter()
                .find(|((owner, _), a)| owner == device && **a == alias)
                .map(|((_, name), _)| name.clone())
        };
        payload
            .metrics
            .iter()
            .filter_map(|wire| {
                let name = wire.name.clone().or_else(|| wire.alias.and_then(by_alias))?;
                Some(Metric::from_wire(name, wire, None, now))
            })
            .collect()
    }

    fn not_born(&self) -> Error {
        Error::NotBorn { node: self.node.clone() }
    }
}

fn check_once(device: &str, metrics: &[Metric]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    let reserved = |name: &str| device == NODE && (name == BD_SEQ || name == REBIRTH);
    match metrics.iter().find(|metric| !seen.insert(metric.name.as_str()) || reserved(&metric.name)) {
        Some(metric) => Err(Error::TwiceInBirth { device: device.into(), metric: metric.name.clone() }),
        None => Ok(()),
    }
}

fn bd_seq_metric(bd_seq: u64, now: i64) -> payload::Metric {
    Metric::new(BD_SEQ, now, Value::UInt(bd_seq % 256)).to_wire(None, true)
}
