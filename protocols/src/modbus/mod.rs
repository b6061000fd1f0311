//! Modbus: which registers to read together ([`plan`]), what their bits mean ([`codec`]), and a client that returns
//! a value only when it is surely the answer to the question asked ([`client`], feature `modbus`).
//!
//! Offsets are those of the protocol (from 0), never the "4xxxx" numbers of manuals.

#[cfg(feature = "modbus")]
pub mod client;
pub mod codec;
#[cfg(feature = "modbus")]
mod guarded;
pub mod plan;

#[cfg(feature = "modbus")]
pub use client::{Client, RegisterWrite};
pub use codec::{DataType, Layout, WordOrder};
pub use plan::{Item, Limits, Request, Table};
