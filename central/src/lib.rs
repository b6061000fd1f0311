//! The centre: what decides ([`domain`], pure), what it decided ([`journal`]), and the shells that connect both to
//! brokers, databases and browsers.

pub mod ambient;
pub mod api;
pub mod capacity;
pub mod domain;
pub mod journal;
pub mod mimic;
pub mod shell;
pub mod telemetry;
pub mod users;
