//! What the centre decided or took notice of, as the journal keeps it.
//!
//! Every kind has a schema number; a reader that meets a higher one than it knows refuses the journal rather than
//! guess. Fields are only added with a default, otherwise the number rises.

use super::image::Mode;
use super::schedule::{Origin, Schedule};
use crate::journal::{Draft, Entry, Head};
use hypocaust_protocols::model::{Class, ConsumerId, Millis, PlantId, RunbookId, SourceId, SourceState};
use hypocaust_protocols::wire::subagent::AgentId;
use hypocaust_protocols::wire::{Action, Contingency, Loss, Outcome, Verdict, Writer};
use serde::{Deserialize, Serialize};

/// One request to one edge, before it is signed. Its tick and time to live are added on each sending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub id: String,
    pub plant: PlantId,
    pub writer: Writer,
    pub action: Action,
    /// Journal `seq` of the decision behind it.
    pub reason: u64,
    /// Why, for people.
    pub text: String,
    /// Who asked for it, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
}

/// A person's request: who, and the key under which a repeated request is the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub user: String,
    pub idempotency_key: String,
}

/// Why a source is being brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It tripped.
    Trip,
    /// It stood still and its heat is needed.
    Standby,
}

/// How far a restoration is; see [`super::restoration`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "at")]
pub enum Phase {
    /// The cause is there, or a person must reset the burner management.
    Waiting { locked_out: bool },
    /// The latched trip at the edge is being released.
    Resetting,
    /// The burner management has been asked to start.
    Requested,
    /// It goes through its start-up sequence.
    Starting { state: SourceState },
    /// As many starts as an hour allows have been asked for.
    Resting { until: Millis },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The source is on.
    Restored,
    /// Its heat is no longer asked for.
    NotNeeded,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "body")]
pub enum Event {
    /// A leader began.
    Started {
        epoch: u64,
        /// Its replica; entries of a version with one replica name none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replica: Option<String>,
    },
    /// An edge knows a later head than this journal has: entries were lost with a restored database.
    Forked {
        plant: PlantId,
        ours: Head,
        theirs: Head,
    },
    EdgeLinked {
        plant: PlantId,
        boot: u64,
        mode: Mode,
    },
    EdgeLost {
        plant: PlantId,
    },
    EdgeMode {
        plant: PlantId,
        mode: Mode,
    },
    SourceChanged {
        source: SourceId,
        from: Option<SourceState>,
        to: SourceState,
    },
    Scheduled {
        schedule: Box<Schedule>,
    },
    /// A schedule that was not used or could not be made, and why.
    ScheduleRefused {
        /// The solve of its cycle.
        solve: u64,
        /// The rung of the ladder that was tried; entries that name none are of the solver's own schedule.
        #[serde(default = "of_the_solver")]
        origin: Origin,
        reason: String,
    },
    Ordered {
        orders: Vec<Order>,
    },
    Answered {
        id: String,
        verdict: Verdict,
    },
    /// No answer within the time to live. `sent`: it did leave, so whether it was done is unknown.
    Unanswered {
        id: String,
        sent: bool,
    },
    /// An edge answered to something that this journal never ordered.
    Stranger {
        plant: PlantId,
        outcome: Outcome,
    },
    TableIssued {
        plant: PlantId,
        contingencies: Vec<Contingency>,
    },
    /// A row of the contingency tables that the check refused or that could not be made, and why: told once until it can be
    /// again. The table keeps the row that it had, where it had one.
    LossRefused {
        lost: Loss,
        reason: String,
    },
    RestorationOpened {
        source: SourceId,
        cause: Cause,
        phase: Phase,
        heat_at: Option<Millis>,
    },
    RestorationMoved {
        source: SourceId,
        phase: Phase,
        heat_at: Option<Millis>,
    },
    RestorationClosed {
        source: SourceId,
        ending: Ending,
        took_s: f64,
    },
    /// A consumer will not have its heat back within its class's deadline.
    Escalated {
        consumer: ConsumerId,
        class: Class,
        deadline: Millis,
        heat_at: Option<Millis>,
    },
    AlarmRaised {
        alarm: String,
        priority: u8,
        runbook: Option<RunbookId>,
        text: String,
    },
    AlarmCleared {
        alarm: String,
    },
    AlarmAcknowledged {
        alarm: String,
        user: String,
    },
    /// A sub-agent belongs to the fleet's, anew or with another version.
    SubagentRegistered {
        agent: AgentId,
        version: String,
        capabilities: Vec<String>,
    },
    /// A start of a member that was not seen before.
    SubagentStarted {
        agent: AgentId,
        boot: u64,
    },
    SubagentDegraded {
        agent: AgentId,
        why: String,
    },
    SubagentRecovered {
        agent: AgentId,
    },
    SubagentRemoved {
        agent: AgentId,
        why: String,
    },
}

fn of_the_solver() -> Origin {
    Origin::Optimal
}

/// An event with its place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub seq: u64,
    pub epoch: u64,
    pub time: Millis,
    pub event: Event,
}

/// Why an entry cannot be read as an event.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "entry {seq} is of kind '{kind}', schema {schema}, which this version does not know; use the version that wrote it"
    )]
    Unknown { seq: u64, kind: String, schema: u32 },
    #[error("entry {seq} of kind '{kind}' has a body that is not of its schema")]
    Body { seq: u64, kind: String, source: serde_json::Error },
}

impl Error {
    /// The entry that cannot be read.
    pub fn seq(&self) -> u64 {
        match self {
            Error::Unknown { seq, .. } | Error::Body { seq, .. } => *seq,
        }
    }
}

/// The schema number of every kind of this version.
const SCHEMA: u32 = 1;

const KINDS: [&str; 26] = [
    "started",
    "forked",
    "edge-linked",
    "edge-lost",
    "edge-mode",
    "source-changed",
    "scheduled",
    "schedule-refused",
    "ordered",
    "answered",
    "unanswered",
    "stranger",
    "table-issued",
    "loss-refused",
    "restoration-opened",
    "restoration-moved",
    "restoration-closed",
    "escalated",
    "alarm-raised",
    "alarm-cleared",
    "alarm-acknowledged",
    "subagent-registered",
    "subagent-started",
    "subagent-degraded",
    "subagent-recovered",
    "subagent-removed",
];

impl Event {
    /// The event as the journal takes it.
    pub fn draft(&self, time: Millis) -> Draft {
        let mut value = serde_json::to_value(self).expect("events are plain data and always have a JSON form");
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        Draft { time, kind, schema: SCHEMA, body: value["body"].take().to_string() }
    }

    /// The event of an entry.
    pub fn read(entry: &Entry) -> Result<Recorded, Error> {
        let kind = entry.kind.clone();
        if entry.schema != SCHEMA || !KINDS.contains(&entry.kind.as_str()) {
            return Err(Error::Unknown { seq: entry.seq, kind, schema: entry.schema });
        }
        let body = |source| Error::Body { seq: entry.seq, kind: entry.kind.clone(), source };
        let inner: serde_json::Value = serde_json::from_str(&entry.body).map_err(body)?;
        let event = serde_json::from_value(serde_json::json!({ "kind": kind, "body": inner })).map_err(body)?;
        Ok(Recorded { seq: entry.seq, epoch: entry.epoch, time: entry.time, event })
    }
}
