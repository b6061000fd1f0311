//! What the centre and its sub-agents say to each other over Kafka, as JSON, one message a record.
//!
//! ```text
//!  centre -- task/1 --> agent.gl-NNN         (a topic for each agent)
//!  agents -- register/1, heartbeat/1, result/1 --> agent.coordination   (key: the agent's id, so each stays in order)
//! ```
//! A message is taken whole or not at all: an unknown schema, a field that is missing, unknown or not of its type, a
//! number that is none, a `good` value without a number are [`Error`]s that name the place. Times are RFC 3339. What an
//! agent is asked ([`Kind`]) says which inputs it gets and what its answer may hold, with units and bounds.
//!
//! [`document`] makes an AsyncAPI document with the JSON Schemas of all messages out of the very types.

mod catalogue;
mod id;
mod kind;
mod message;
#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
mod tests;

pub use catalogue::{Listed, catalogue, listed};
pub use id::{AgentId, InvalidAgent};
pub use kind::{Kind, Output};
pub use message::{Coordination, Error, Heartbeat, Mark, Number, Outcome, Register, Report, Task, Time};
#[cfg(feature = "schema")]
pub use schema::document;

/// Where agents register, beat and answer.
pub const COORDINATION: &str = "agent.coordination";
