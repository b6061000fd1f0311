//! The real programs together, judged from outside: real sockets, a real broker, real processes that are killed.
//!
//! Needs what `make setup` installs (Mosquitto, Apache Kafka, mbpoll, pymodbus, asyncua, node-opcua, confluent-kafka, kcat, Chromium, Node) and the programs built; `make test`
//! sees to both. Tests share one demo where they leave it as they found it, and run one after the other: each takes
//! [`system::shared`].

mod system {
    pub mod bus;
    pub mod cli;
    pub mod console;
    pub mod contract;
    pub mod counts;
    pub mod failover;
    pub mod judges;
    pub mod lifecycle;
    pub mod opcua;
    pub mod recovery;
    pub mod refusals;
    pub mod schemathesis;
    pub mod shared;
    pub mod subagents;
    pub mod tour;
    pub mod users;
}
