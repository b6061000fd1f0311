//! The language that every program of Hypocaust shares.
//!
//! * [`model`]: what an enterprise is made of (ids, quantities, tags, samples, setpoints, classes, the fleet).
//! * [`files`]: how a fleet folder becomes a checked [`model::Fleet`], with every mistake reported at once.
//! * [`wire`]: what travels between centre and edge (signed commands, contingency tables, telemetry entries, ranges).
//! * [`sparkplug`]: Sparkplug B as two pure session machines; `mqtt` (feature) carries it.
//! * [`modbus`]: read planning and register codecs, pure; the client (feature `modbus`) adds the sockets.
//! * [`answer`]: how a program answers, and what it does when nobody reads on.
//! * [`opcua`]: when an OPC UA session is trusted and what a status means, pure; feature `opcua` adds sessions, values and
//!   certificates.
//!
//! * `kafka` (feature): the bus, as writer and as reader, and a small cluster within the process.
//! * `metrics` (feature): the names of what programs measure, and how they show it.
//! * `process` (feature): how a program is asked to end; `ports`: where it listens, and who does so already.
//!
//! Model, wire and codecs are pure and compile without an async runtime. Nothing here depends on another crate of ours.

pub mod answer;
pub mod files;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod modbus;
pub mod model;
#[cfg(feature = "mqtt")]
pub mod mqtt;
pub mod opcua;
#[cfg(feature = "process")]
pub mod ports;
#[cfg(feature = "process")]
pub mod process;
pub mod sparkplug;
pub mod wire;
