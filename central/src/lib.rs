//! The centre: what decides ([`domain`], pure), what it decided ([`journal`]), which replica decides ([`election`], pure),
//! what it is told ([`telemetry`], over the [`bus`]), and the shells that connect them to brokers, databases and browsers.

pub mod ambient;
pub mod api;
pub mod bus;
pub mod capacity;
pub mod domain;
pub mod election;
pub mod journal;
pub mod mimic;
pub mod shell;
pub mod solver;
pub mod telemetry;
pub mod users;
