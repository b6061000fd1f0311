//! The contingency table: decided by the centre ahead of time, carried out by the edge within one scan of a loss.

use crate::model::{HeaderId, MainId, PlantId, SetpointId, SourceId, Tick};
use serde::{Deserialize, Serialize};

/// A credible loss.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    Source(SourceId),
    Main(MainId),
    Header(HeaderId),
    /// The plant cut off from all others.
    Island(PlantId),
}

/// One setpoint to bring to a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    pub setpoint: SetpointId,
    pub value: f64,
}

/// What to do when something is lost: shedding from the lowest class up first, then help from other sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contingency {
    pub lost: Loss,
    pub moves: Vec<Move>,
}

/// All contingencies of one plant, newest epoch and tick win.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub plant: PlantId,
    pub epoch: u64,
    pub boot: u64,
    pub tick: Tick,
    pub ttl_ms: u64,
    /// Journal `seq` of the decision behind it.
    pub reason: u64,
    pub contingencies: Vec<Contingency>,
}
