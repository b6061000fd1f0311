//! The figures of operation, read from `[limits]` of `fleet.toml`. Code that needs one of them takes it from here; there
//! is no second place and no default.

use serde::{Deserialize, Serialize};

/// Every time span, rate and share that the programs decide by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Seconds between two dispatch cycles.
    pub dispatch_period_s: f64,
    /// Hard limit of one solve; beyond it the fallback is used.
    pub solve_limit_s: f64,
    /// Central beats to each edge this often.
    pub beat_s: f64,
    /// Without a beat for this long the edge holds its setpoints.
    pub hold_after_s: f64,
    /// Without a beat for this long the edge balances on its own.
    pub autonomous_after_s: f64,
    /// How many beats in a row bring an edge back to `remote`.
    pub reentry_beats: u32,
    /// The edge writes its counter to each device with a watchdog this often.
    pub counter_s: f64,
    /// Commands older than this by the edge's own tick are refused.
    pub command_ttl_s: f64,
    /// A contingency table older than this is not acted from; local priority rules are used instead.
    pub table_ttl_s: f64,
    /// Writes per minute on one setpoint by every writer but fail-safe, each step of a movement among them: steps are at
    /// least as far apart as these writes. Of more orders than that the last are refused.
    pub writes_per_minute: u32,
    /// Least time between two such writes, and two orders, on one setpoint.
    pub write_spacing_ms: u64,
    /// Normal velocity by unit, per second.
    pub velocity: Velocity,
    /// Load on one unit, share of nameplate, in normal running.
    pub unit_load_max: f64,
    /// A dispatch setpoint that moves less than this share of its span is not sent.
    pub movement_share: f64,
    /// Restored-within deadline by class, minutes, highest class first; 0: best effort.
    pub restore_min: [f64; 5],
    /// Telemetry older than this is stale: shown as such, and nothing is decided by it. Every tag is reported more often
    /// ([`Device::oldest_s`](super::Device::oldest_s)), which `check` makes sure of.
    pub data_age_s: f64,
    pub subagents: SubagentLimits,
    /// Scan classes.
    pub scan: Vec<ScanClass>,
}

/// How fast a setpoint may move in normal running, by its unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Velocity {
    pub temperature_c_per_s: f64,
    pub pressure_bar_per_s: f64,
    pub flow_m3h_per_s: f64,
    pub percent_per_s: f64,
}

/// A named period of reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanClass {
    pub name: String,
    pub period_ms: u64,
}

/// When a sub-agent counts as well, as doubtful, as gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubagentLimits {
    /// A sub-agent beats this often.
    pub beat_s: f64,
    /// After so many beats missed in a row it is removed.
    pub missed_beats: u32,
    /// A task that is not answered within this time has failed.
    pub answer_s: f64,
    /// Below this share of tasks done well it is degraded.
    pub success_share: f64,
    /// After so many failures in a row it is asked nothing...
    pub breaker_failures: u32,
    /// ...for this long, and then once, to see.
    pub breaker_open_s: f64,
    /// So many of one group removed...
    pub cascade_agents: u32,
    /// ...within this time are one failure, not many.
    pub cascade_within_s: f64,
}
