//! Commands, their outcomes, and the beat.

use crate::model::{PlantId, SetpointId, Tick, TripId};
use serde::{Deserialize, Serialize};

/// Who wants a setpoint moved. `Ord`: the smaller wins an arbitration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Writer {
    /// The edge itself, from trips, contingency table, local rules. Never comes over the wire.
    FailSafe,
    Operator,
    Procedure,
    Dispatch,
    SubAgent,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Move a setpoint to this value, in its unit.
    Set { setpoint: SetpointId, value: f64 },
    /// Unlatch a trip whose condition is gone.
    ResetTrip { trip: TripId },
}

/// One request to one edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Unique for ever; an edge acts once on an id.
    pub id: String,
    pub plant: PlantId,
    pub writer: Writer,
    pub action: Action,
    /// Epoch of the leader that issued it.
    pub epoch: u64,
    /// The boot and the latest tick of the edge that the centre had seen.
    pub boot: u64,
    pub tick: Tick,
    /// How long after `tick` it is void, ms.
    pub ttl_ms: u64,
    /// Journal `seq` of the decision behind it.
    pub reason: u64,
}

/// Everything that can refuse a command or a write at an edge.
pub const GATES: [&str; 15] = [
    "signature",
    "plant",
    "epoch",
    "age",
    "duplicate",
    "deny-list",
    "allow-list",
    "bounds",
    "interlock",
    "arbitration",
    "alarm",
    "rate",
    "device",
    "read-back",
    "trip",
];

/// What stood in the way, in the words of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// One of [`GATES`].
    pub gate: String,
    /// A `GL-E-…` code, see docs/error-codes.md.
    pub code: String,
    /// A sentence with the numbers in it.
    pub reason: String,
}

impl Refusal {
    /// A refusal by one of [`GATES`].
    pub fn new(gate: &str, reason: String) -> Refusal {
        let family = match gate {
            "device" | "read-back" => "WRITE",
            "signature" | "plant" | "epoch" | "age" | "duplicate" => "COMMAND",
            _ => "GATE",
        };
        Refusal { gate: gate.to_owned(), code: format!("GL-E-{family}-{}", gate.to_uppercase()), reason }
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    /// Written (perhaps slowed by the velocity limit) and read back as this value.
    Done {
        readback: f64,
    },
    Refused(Refusal),
}

/// The edge's answer. For a duplicate id the first answer is given again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The command's id; empty when the text was not a command at all (wrong signature).
    pub id: String,
    pub verdict: Verdict,
    pub tick: Tick,
}

/// Every second from the leader to each edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beat {
    pub plant: PlantId,
    pub epoch: u64,
    pub boot: u64,
    /// The latest tick that the centre had seen of this edge.
    pub tick: Tick,
    /// The journal's head, so that truncation is found: `seq` and hash (hex).
    pub head_seq: u64,
    pub head_hash: String,
    /// Trips (ids) that the centre's current schedule knows of; for them the contingency table's actions are released.
    pub trips_seen: Vec<TripId>,
}
