//! A host: follows every edge node of one group and says what it may be believed.
//!
//! A node is judged by sequence and arrival alone. `seq` must rise by one with each message of a session; the first
//! message that does not fit makes the node *doubtful*: the message is not used (its aliases may be of another birth),
//! everything the node said before is stale ([`Event::NodeDoubtful`]), and a rebirth is asked for, again and again at
//! [`Host::REBIRTH_INTERVAL_MS`], until births arrive. Nothing is lost by that: what was not acknowledged is still in
//! the edge's spool. A death counts only when its `bdSeq` is that of the birth; the late will of an earlier connection
//! does not kill the present one.
//!
//! The caller connects with [`Host::will`], subscribes to [`Host::subscriptions`], publishes what [`Host::connected`]
//! returns, feeds every message to [`Host::on_message`] and calls [`Host::tick`] about once a second.
//!
//! A host may also *listen* first ([`Host::listening`]) and be the primary one later ([`Host::speaking`]), by another
//! connection whose will says that it is offline: it then goes on with every birth that it knows.

use super::edge::{BD_SEQ, REBIRTH};
use super::metric::{Metric, Value};
use super::payload::{self, Payload};
use super::state::HostState;
use super::topic::{NodeMessage, Topic, check_id};
use super::{Error, Publish};
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    NodeBirth {
        node: String,
        bd_seq: u64,
        metrics: Vec<Metric>,
    },
    DeviceBirth {
        node: String,
        device: String,
        metrics: Vec<Metric>,
    },
    /// `device` is `None` for the node's own metrics. `body` is the payload's free field.
    Data {
        node: String,
        device: Option<String>,
        metrics: Vec<Metric>,
        body: Option<Vec<u8>>,
    },
    DeviceDeath {
        node: String,
        device: String,
    },
    /// The node's session ended: everything it said is stale.
    NodeDeath {
        node: String,
        bd_seq: u64,
    },
    /// Something of the node was missed: everything it said is stale until its births come again.
    NodeDoubtful {
        node: String,
        reason: String,
    },
    /// Another session of this host id carries a later time: edges listen to that one. Connect again with a session
    /// time of at least `timestamp + 1`, or stand back.
    Overtaken {
        timestamp: i64,
    },
    /// What cannot be read changes nothing, and is counted.
    Malformed {
        topic: String,
        error: Error,
    },
}

#[derive(Debug, Default)]
struct Born {
    bd_seq: u64,
    next_seq: u8,
    /// alias -> (device, name, type declared at birth); the empty device is the node.
    aliases: HashMap<u64, (String, String, Option<u32>)>,
    devices: BTreeMap<String, ()>,
}

#[derive(Debug, Default)]
struct Node {
    /// `None`: unknown, dead or doubtful.
    born: Option<Born>,
    /// Ask for births until they come; a node that died properly is not asked, it will be born by itself.
    wants_birth: bool,
    /// When it was asked last.
    asked_ms: Option<i64>,
    /// Since when a birth is awaited that should come without asking.
    awaited_ms: Option<i64>,
}

#[derive(Debug)]
pub struct Host {
    group: String,
    host: String,
    listens: bool,
    session: Option<i64>,
    latest_state: i64,
    nodes: BTreeMap<String, Node>,
}

impl Host {
    /// A node gets no more than one rebirth request in this time.
    pub const REBIRTH_INTERVAL_MS: i64 = 5_000;

    pub fn new(group: &str, host: &str) -> Result<Self, Error> {
        check_id("group id", group)?;
        check_id("host id", host)?;
        Ok(Self {
            group: group.into(),
            host: host.into(),
            listens: false,
            session: None,
            latest_state: 0,
            nodes: BTreeMap::new(),
        })
    }

    /// A node of the fleet: it is asked for births when nothing of it is heard for a while after connecting.
    pub fn expect(&mut self, node: &str) -> Result<(), Error> {
        check_id("edge node id", node)?;
        self.nodes.entry(node.into()).or_default().wants_birth = true;
        Ok(())
    }

    /// The time to give the next session: now, or later than any session seen, for a clock that runs behind.
    #[must_use]
    pub fn session_time(&self, now: i64) -> i64 {
        now.max(self.latest_state.saturating_add(1))
    }

    /// STATE offline with the session's time, for CONNECT.
    #[must_use]
    pub fn will(&self, session_time: i64) -> Publish {
        self.state(HostState { online: false, timestamp: session_time })
    }

    #[must_use]
    pub fn subscriptions(&self) -> Vec<(String, u8)> {
        let mut filters = vec![(Topic::state(&self.host).to_string(), 1)];
        for message in ["NBIRTH", "NDEATH", "NDATA"] {
            filters.push((format!("spBv1.0/{}/{message}/+", self.group), 1));
        }
        for message in ["DBIRTH", "DDEATH", "DDATA"] {
            filters.push((format!("spBv1.0/{}/{message}/+/+", self.group), 1));
        }
        filters
    }

    /// The broker accepted the connection whose will carries `session_time`, and the subscriptions are made: says
    /// that the host is online.
    pub fn connected(&mut self, session_time: i64, now: i64) -> Publish {
        self.listening(now);
        self.speaking(session_time)
    }

    /// The connection that hears the nodes is up, and the subscriptions are made. Nobody is told of it.
    pub fn listening(&mut self, now: i64) {
        self.listens = true;
        for node in self.nodes.values_mut() {
            node.born = None;
            node.wants_birth = true;
            // Edges that waited for us give birth by themselves; they are asked only when they do not.
            node.awaited_ms = Some(now);
        }
    }

    /// The broker accepted the connection whose will carries `session_time`: says that the host is online.
    pub fn speaking(&mut self, session_time: i64) -> Publish {
        self.session = Some(session_time);
        self.latest_state = self.latest_state.max(session_time);
        self.state(HostState { online: true, timestamp: session_time })
    }

    /// It is the primary host no more. The publish that says so, for when nobody else has taken its place; nothing if
    /// it was not.
    pub fn silent(&mut self) -> Option<Publish> {
        let timestamp = self.session.take()?;
        Some(self.state(HostState { online: false, timestamp }))
    }

    /// The connection is gone. Every node is unheard of; whether that makes its values stale is the caller's rule.
    pub fn disconnected(&mut self) {
        self.session = None;
        self.deaf();
    }

    /// The connection that hears the nodes is gone.
    pub fn deaf(&mut self) {
        self.listens = false;
        for node in self.nodes.values_mut() {
            node.born = None;
        }
    }

    #[must_use]
    pub fn is_born(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|node| node.born.is_some())
    }

    /// Rebirth requests that are due.
    pub fn tick(&mut self, now: i64) -> Vec<Publish> {
        if !self.listens {
            return Vec::new();
        }
        let mut due = Vec::new();
        for (name, node) in &mut self.nodes {
            let lately = |at: Option<i64>| at.is_some_and(|at| (0..Self::REBIRTH_INTERVAL_MS).contains(&(now - at)));
            if node.wants_birth && !lately(node.asked_ms) && !lately(node.awaited_ms) {
                node.asked_ms = Some(now);
                due.push(name.clone());
            }
        }
        due.iter().map(|node| self.node_command(node, now, &[Metric::new(REBIRTH, now, Value::Bool(true))])).collect()
    }

    /// NCMD with these metrics. QoS 0 as the standard demands: an answer that does not come is asked for again.
    #[must_use]
    pub fn node_command(&self, node: &str, now: i64, metrics: &[Metric]) -> Publish {
        let payload = Payload {
            timestamp: u64::try_from(now).ok(),
            metrics: metrics.iter().map(|metric| metric.to_wire(None, false)).collect(),
            ..Payload::default()
        };
        Publish {
            topic: Topic::node(&self.group, NodeMessage::Command, node).to_string(),
            payload: payload.bytes(),
            qos: 0,
            retain: false,
        }
    }

    /// Reads one message that arrived at `now`.
    pub fn on_message(&mut self, topic: &str, bytes: &[u8], now: i64) -> (Vec<Event>, Vec<Publish>) {
        if !self.listens {
            return (Vec::new(), Vec::new());
        }
        let mut publishes = Vec::new();
        let events = match self.read(topic, bytes, now, &mut publishes) {
            Ok(events) => events,
            Err(error) => vec![Event::Malformed { topic: topic.into(), error }],
        };
        publishes.extend(self.tick(now));
        (events, publishes)
    }

    fn read(&mut self, topic: &str, bytes: &[u8], now: i64, out: &mut Vec<Publish>) -> Result<Vec<Event>, Error> {
        match Topic::parse(topic)? {
            Topic::State { host } if host == self.host => Ok(self.on_state(HostState::read(bytes)?, out)),
            Topic::Node { group, message, node } if group == self.group => {
                if message == NodeMessage::Command {
                    return Ok(Vec::new());
                }
                self.on_node(message, node, bytes, now)
            }
            Topic::Device { group, message, node, device } if group == self.group => {
                if message == NodeMessage::Command {
                    return Ok(Vec::new());
                }
                self.on_device(message, node, device, bytes, now)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn on_state(&mut self, state: HostState, out: &mut Vec<Publish>) -> Vec<Event> {
        self.latest_state = self.latest_state.max(state.timestamp);
        let Some(session) = self.session else {
            return Vec::new();
        };
        if state.timestamp > session {
            return vec![Event::Overtaken { timestamp: state.timestamp }];
        }
        if !state.online {
            // The will of our own earlier session came after our birth, and is what the broker now retains.
            out.push(self.state(HostState { online: true, timestamp: session }));
        }
        Vec::new()
    }

    fn on_node(&mut self, message: NodeMessage, name: String, bytes: &[u8], now: i64) -> Result<Vec<Event>, Error> {
        let payload = match Payload::read(bytes) {
            Ok(payload) => payload,
            Err(error) => return self.unreadable(name, error),
        };
        match message {
            NodeMessage::Birth => self.node_birth(name, &payload, now),
            NodeMessage::Death => self.node_death(name, &payload, now),
            _ => Ok(self.data(name, None, payload, now)),
        }
    }

    fn node_birth(&mut self, name: String, payload: &Payload, now: i64) -> Result<Vec<Event>, Error> {
        let (Some(seq), Some(bd_seq)) = (seq_of(payload), bd_seq_of(payload)) else {
            return self.unreadable(name, Error::Payload("NBIRTH without seq 0 to 255 or without bdSeq".into()));
        };
        let mut born = Born { bd_seq, next_seq: seq.wrapping_add(1), ..Born::default() };
        let metrics = match birth_metrics(&mut born, "", payload, now) {
            Ok(metrics) => metrics,
            Err(error) => return self.unreadable(name, error),
        };
        let node = self.nodes.entry(name.clone()).or_default();
        node.born = Some(born);
        node.wants_birth = false;
        Ok(vec![Event::NodeBirth { node: name, bd_seq, metrics }])
    }

    fn node_death(&mut self, name: String, payload: &Payload, now: i64) -> Result<Vec<Event>, Error> {
        let bd_seq = bd_seq_of(payload).ok_or(Error::Payload("NDEATH without bdSeq".into()))?;
        let node = self.nodes.entry(name.clone()).or_default();
        match &node.born {
            Some(born) if born.bd_seq == bd_seq => {
                node.born = None;
                node.wants_birth = false;
                Ok(vec![Event::NodeDeath { node: name, bd_seq }])
            }
            Some(_) => Ok(Vec::new()),
            // Dead or doubtful already; it comes back by a birth of its own, or is asked after a while.
            None => {
                node.awaited_ms = Some(now);
                Ok(Vec::new())
            }
        }
    }

    fn on_device(
        &mut self,
        message: NodeMessage,
        name: String,
        device: String,
        bytes: &[u8],
        now: i64,
    ) -> Result<Vec<Event>, Error> {
        let payload = match Payload::read(bytes) {
            Ok(payload) => payload,
            Err(error) => return self.unreadable(name, error),
        };
        if message == NodeMessage::Data {
            return Ok(self.data(name, Some(device), payload, now));
        }
        let born = match self.in_sequence(&name, &payload) {
            Ok(born) => born,
            Err(events) => return Ok(events),
        };
        if message == NodeMessage::Death {
            born.devices.remove(&device);
            return Ok(vec![Event::DeviceDeath { node: name, device }]);
        }
        match birth_metrics(born, &device, &payload, now) {
            Ok(metrics) => {
                born.devices.insert(device.clone(), ());
                Ok(vec![Event::DeviceBirth { node: name, device, metrics }])
            }
            Err(error) => self.unreadable(name, error),
        }
    }

    fn data(&mut self, name: String, device: Option<String>, payload: Payload, now: i64) -> Vec<Event> {
        let born = match self.in_sequence(&name, &payload) {
            Ok(born) => born,
            Err(events) => return events,
        };
        if let Some(device) = &device
            && !born.devices.contains_key(device)
        {
            let reason = format!("data of device {device:?}, which has no birth");
            return self.doubt(&name, reason);
        }
        let owner = device.as_deref().unwrap_or("");
        let mut metrics = Vec::with_capacity(payload.metrics.len());
        for wire in &payload.metrics {
            let known = wire.alias.and_then(|alias| born.aliases.get(&alias));
            match (known, &wire.name) {
                (Some((of, name, datatype)), None) if of == owner => {
                    metrics.push(Metric::from_wire(name.clone(), wire, *datatype, now));
                }
                (None, Some(name)) if wire.alias.is_none() => {
                    metrics.push(Metric::from_wire(name.clone(), wire, None, now));
                }
                (Some((of, born_name, datatype)), Some(name)) if of == owner && born_name == name => {
                    metrics.push(Metric::from_wire(name.clone(), wire, *datatype, now));
                }
                _ => {
                    let reason = format!("alias {:?} of {owner:?} is not of its birth", wire.alias);
                    return self.doubt(&name, reason);
                }
            }
        }
        vec![Event::Data { node: name, device, metrics, body: payload.body }]
    }

    /// The node's session if this message is the next one of it; the events of a doubt otherwise.
    fn in_sequence(&mut self, name: &str, payload: &Payload) -> Result<&mut Born, Vec<Event>> {
        let expected = self.nodes.get(name).and_then(|node| node.born.as_ref()).map(|born| born.next_seq);
        let Some(expected) = expected else {
            return Err(self.doubt(name, "no birth of it was seen".into()));
        };
        if seq_of(payload) != Some(expected) {
            return Err(self.doubt(name, format!("seq {expected} was due, {:?} came", payload.seq)));
        }
        match self.nodes.get_mut(name).and_then(|node| node.born.as_mut()) {
            Some(born) => {
                born.next_seq = expected.wrapping_add(1);
                Ok(born)
            }
            None => Err(Vec::new()),
        }
    }

    /// Reported once; asked for until births come. Who goes on without one gave birth before we listened, as to a replica that
    /// leads already, and will not do so again by itself.
    fn doubt(&mut self, name: &str, reason: String) -> Vec<Event> {
        let node = self.nodes.entry(name.into()).or_default();
        let was_known = node.born.take().is_some();
        node.wants_birth = true;
        node.awaited_ms = None;
        if was_known { vec![Event::NodeDoubtful { node: name.into(), reason }] } else { Vec::new() }
    }

    fn unreadable(&mut self, name: String, error: Error) -> Result<Vec<Event>, Error> {
        let events = self.doubt(&name, format!("unreadable message: {error}"));
        if events.is_empty() { Err(error) } else { Ok(events) }
    }

    fn state(&self, state: HostState) -> Publish {
        Publish { topic: Topic::state(&self.host).to_string(), payload: state.bytes(), qos: 1, retain: true }
    }
}

fn seq_of(payload: &Payload) -> Option<u8> {
    u8::try_from(payload.seq?).ok()
}

fn bd_seq_of(payload: &Payload) -> Option<u64> {
    let wire = payload.metrics.iter().find(|metric| metric.name.as_deref() == Some(BD_SEQ))?;
    match Metric::from_wire(BD_SEQ.into(), wire, None, 0).value {
        Value::UInt(bd_seq) => Some(bd_seq),
        Value::Int(bd_seq) => u64::try_from(bd_seq).ok(),
        _ => None,
    }
}

/// Takes the metrics and aliases of a birth; `bdSeq` and the rebirth switch are the protocol's own and are left out.
fn birth_metrics(born: &mut Born, device: &str, payload: &Payload, now: i64) -> Result<Vec<Metric>, Error> {
    born.aliases.retain(|_, (owner, _, _)| owner != device);
    let mut metrics = Vec::with_capacity(payload.metrics.len());
    for wire in &payload.metrics {
        let name = wire.name.clone().ok_or(Error::Payload("a birth holds a metric without a name".into()))?;
        register_alias(born, device, &name, wire)?;
        if device.is_empty() && (name == BD_SEQ || name == REBIRTH) {
            continue;
        }
        metrics.push(Metric::from_wire(name, wire, None, now));
    }
    Ok(metrics)
}

fn register_alias(born: &mut Born, device: &str, name: &str, wire: &payload::Metric) -> Result<(), Error> {
    let Some(alias) = wire.alias else {
        return Ok(());
    };
    let entry = (device.to_owned(), name.to_owned(), wire.datatype);
    match born.aliases.insert(alias, entry) {
        None => Ok(()),
        Some((owner, other, _)) => {
            Err(Error::Payload(format!("alias {alias} stands for both {owner:?}/{other:?} and {device:?}/{name:?}")))
        }
    }
}
