//! What travels between centre and edge, beside Sparkplug's own metrics: JSON inside a string metric. And what travels
//! between centre and sub-agents: JSON in Kafka ([`subagent`]).
//!
//! * [`Signed`]: a text and an Ed25519 signature over exactly that text; nothing that moves a valve travels without.
//! * [`Command`], [`Outcome`]: one write asked for, and what became of it.
//! * [`Beat`]: "the leader lives", every second; without it an edge holds and then acts on its own.
//! * [`Table`]: what the edge does at once when something credible is lost.
//! * [`Entry`], [`Range`]: a spooled batch of samples, and what the centre has stored of them.
//! * [`record`]: what travels on the bus.
//!
//! Age is measured by the edge's own [`Tick`]: the centre echoes the latest it saw, so a message that was held back
//! somewhere is old however the clocks stand.

mod command;
mod contingency;
mod mode;
pub mod record;
mod signed;
pub mod sparkplug;
pub mod subagent;
mod telemetry;

pub use command::{Action, Beat, Command, GATES, Outcome, Refusal, Verdict, Writer};
pub use contingency::{Contingency, Loss, Move, Table};
pub use mode::Mode;
pub use signed::{Error as SignatureError, Signed, key_from_hex, public_key_from_hex};
pub use telemetry::{Entry, Range, add_to_ranges};

pub use ed25519_dalek::{SigningKey, VerifyingKey};

/// The Sparkplug id of the centre: the primary host that every edge waits for.
pub const PRIMARY_HOST: &str = "hypocaust";

/// Names of Hypocaust's own metrics in Sparkplug. `edge` -> centre: boot, tick, mode, spool, entry, outcome, trips;
/// centre -> edge (node commands): durable, command, beat, table.
pub mod metric {
    /// UInt64: the edge's boot, see [`super::Entry`].
    pub const BOOT: &str = "Hypocaust/Boot";
    /// UInt64: the edge's tick when it sent the message.
    pub const TICK: &str = "Hypocaust/Tick";
    /// String: remote, holding, autonomous or fallback.
    pub const MODE: &str = "Hypocaust/Mode";
    /// String: JSON `{"entries","oldest_ms"}`.
    pub const SPOOL: &str = "Hypocaust/Spool";
    /// String `boot:seq` in every DDATA: which spooled entry this message carries.
    pub const ENTRY: &str = "Hypocaust/Entry";
    /// String: JSON [`super::Outcome`].
    pub const OUTCOME: &str = "Hypocaust/Outcome";
    /// String: JSON array of the ids of the trips that are latched.
    pub const TRIPS: &str = "Hypocaust/Trips";
    /// String: JSON `{"epoch","head"}`, the highest epoch and the latest journal head that the edge knows.
    pub const ANCHOR: &str = "Hypocaust/Anchor";
    /// String: JSON object device id -> null while it answers, or the reason why not.
    pub const DEVICES: &str = "Hypocaust/Devices";
    /// String: JSON array of [`super::Range`].
    pub const DURABLE: &str = "Hypocaust/Durable";
    /// String: JSON [`super::Signed`] of a [`super::Command`].
    pub const COMMAND: &str = "Hypocaust/Command";
    /// String: JSON [`super::Signed`] of a [`super::Beat`].
    pub const BEAT: &str = "Hypocaust/Beat";
    /// String: JSON [`super::Signed`] of a [`super::Table`].
    pub const TABLE: &str = "Hypocaust/Table";
}
