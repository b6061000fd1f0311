//! OPC UA: when a session is trusted and thrown away ([`supervisor`]), what a status says about a value ([`status`]),
//! which of two readings is the later ([`latest`]), and, with feature `opcua`, what it takes to talk: values ([`value`]), certificates ([`pki`]) and sessions ([`session`]).
//!
//! The library has codec, cryptography and the services; its own recovery is not used, because after a fault its session
//! looks healthy and shows nothing new. So a session here lives until the first doubt, and its end is final.

pub mod latest;
#[cfg(feature = "opcua")]
pub mod pki;
#[cfg(feature = "opcua")]
pub mod session;
pub mod status;
pub mod supervisor;
#[cfg(feature = "opcua")]
pub mod value;

pub use latest::Latest;
pub use supervisor::{Failure, Heard, Order, Settings, Supervisor};
