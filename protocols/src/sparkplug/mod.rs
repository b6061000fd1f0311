//! Sparkplug B, the part of it that Hypocaust speaks: payload, topics, and the two session machines.
//!
//! Terms are the specification's (Eclipse Sparkplug 3.0): an *edge node* owns *devices*, publishes *births* that list
//! every *metric* with its alias, then *data* by alias; a *primary host* publishes `STATE` and asks for a *rebirth*
//! when it missed something. Everything here is pure: bytes and a time in, bytes and events out. The MQTT client is
//! elsewhere (`mqtt`), and `bdSeq` is kept on disk by the caller, before it connects.
//!
//! Invariants
//! - One [`edge::EdgeNode`] owns `seq`; what it returns is published in that order by one task, or not at all.
//! - Nothing but births goes out before the primary host has said that it is online.
//! - A host judges a node by sequence and arrival; the node's clock is data, never a judge.
//! - A value whose quality is not known to be good is not good ([`metric::Quality`]).

pub mod edge;
pub mod host;
pub mod metric;
pub mod payload;
pub mod state;
pub mod topic;

#[cfg(test)]
mod tests;

pub use edge::EdgeNode;
pub use host::Host;
pub use metric::{Metric, Quality, Value};
pub use state::HostState;
pub use topic::Topic;

/// One message to publish. `qos` is 0 or 1, as MQTT has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
}

/// Why bytes or a call were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("topic {topic:?} is not a Sparkplug topic: {reason}")]
    Topic { topic: String, reason: &'static str },
    #[error("{what} {id:?} cannot be part of a topic: write an id without '/', '+', '#', not empty")]
    Id { what: &'static str, id: String },
    #[error("payload is not Sparkplug B: {0}")]
    Payload(String),
    #[error("STATE payload is not {{\"online\":true|false,\"timestamp\":ms}}: {0}")]
    State(String),
    #[error("{node} has no session: births come first, after the primary host is online")]
    NotBorn { node: String },
    #[error("device {device:?} was not in the birth: publish its birth first")]
    UnknownDevice { device: String },
    #[error("metric {metric:?} of {device:?} was not in the birth: publish a birth that has it first")]
    UnknownMetric { device: String, metric: String },
    #[error("metric {metric:?} of {device:?} appears twice in one birth: drop one of them")]
    TwiceInBirth { device: String, metric: String },
}
