//! Sockets, disk and clocks around the core.
//!
//! ```text
//!   device tasks (one per device) --reads, ends of writes--> [ core task ] --entries--> spool task (disk)
//!        ^----------------writes, counter-------------------------|   ^                     | committed
//!                                                         in order|   |inputs               v
//!                                                          [ uplink task: Sparkplug session, backlog ] <--> broker
//! ```
//! The core task never waits for a device or the network: it hands on by bounded queues and, where one is full, says so
//! as a failed write (device) or leaves it to the backlog (uplink). The only thing that it waits for is its own small state
//! file, because an answer or an epoch must be on disk before it is acted on.

mod clock;
pub mod device;
mod endpoints;
pub mod inquire;
mod metrics;
mod modbus;
pub mod opcua;
pub mod run;
pub mod spool;
pub mod state;
mod uplink;

pub use endpoints::Endpoints;
