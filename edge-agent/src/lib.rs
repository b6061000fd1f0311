//! The edge agent: beside each plant's PLCs, it reads them, guards every write, keeps samples until the centre has them,
//! and acts on its own when something is lost or nobody leads.
//!
//! * [`core`]: the decisions. Synchronous, pure: inputs and the time in, effects out.
//! * [`uplink`]: the core's words as Sparkplug metrics and back, pure too.
//! * [`shell`]: Modbus, MQTT, SQLite and HTTP around them.

pub mod core;
pub mod shell;
pub mod uplink;
