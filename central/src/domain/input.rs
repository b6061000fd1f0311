//! What goes into the domain and what comes out.

use super::alarms::Acknowledgement;
use super::forecast::{Forecasts, Wanted};
use super::image::Mode;
use crate::election::Replica;
use crate::journal::{Draft, Head};
use hypocaust_optimizer::{Case, Solution};
use hypocaust_protocols::model::{DeviceId, Millis, PlantId, SetpointId, Tick, TripId};
use hypocaust_protocols::wire::subagent::{Coordination, Task};
use hypocaust_protocols::wire::{Entry, Outcome, Signed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much an edge keeps that is not acknowledged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spool {
    pub entries: u64,
    pub oldest_ms: u64,
}

/// What an edge says about itself; `None`: not in this message.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub boot: u64,
    pub tick: Tick,
    pub mode: Option<Mode>,
    pub trips: Option<Vec<TripId>>,
    pub devices: Option<BTreeMap<DeviceId, Option<String>>>,
    pub spool: Option<Spool>,
    /// The highest epoch and the latest head that the edge knows.
    pub anchor: Option<(u64, Option<Head>)>,
}

/// What became of a solve.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Solution(Box<Solution>),
    /// It ended with an error.
    Failed(String),
    /// It was not done within the hard limit of the wall clock.
    Late,
}

/// A person's request to move a setpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub user: String,
    pub idempotency_key: String,
    pub plant: PlantId,
    pub setpoint: SetpointId,
    pub value: f64,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Time has passed; every 100 to 1000 ms.
    Clock,
    EdgeBirth {
        plant: PlantId,
        status: Status,
    },
    EdgeDeath {
        plant: PlantId,
    },
    EdgeStatus {
        plant: PlantId,
        status: Status,
    },
    Samples {
        plant: PlantId,
        entry: Entry,
    },
    Outcome {
        plant: PlantId,
        outcome: Outcome,
    },
    Solved {
        id: u64,
        answer: Answer,
    },
    /// What [`Effect::Foresee`] asked for.
    Foreseen {
        forecasts: Box<Forecasts>,
    },
    /// The append that was asked for is stored; this is the journal's head now.
    Appended {
        head: Head,
    },
    /// It is not, and may never be: this leader is at its end.
    AppendFailed {
        reason: String,
    },
    /// `request` comes back in [`Effect::Reply`].
    Operator {
        request: u64,
        what: Request,
    },
    Acknowledge {
        request: u64,
        what: Acknowledgement,
    },
    /// A sub-agent registers, beats or answers.
    Subagent {
        message: Coordination,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Append and come back with [`Input::Appended`]. There is never more than one outstanding.
    Append { expected: Head, epoch: u64, drafts: Vec<Draft> },
    /// Solve the case of this moment and come back with [`Input::Solved`].
    Solve { id: u64, at: Millis, case: Box<Case> },
    /// Solve the base of this moment, then each loss from there, and come back with [`Input::Solved`] for each of them.
    SolveLosses { at: Millis, base: Box<Case>, losses: Vec<(u64, Box<Case>)> },
    /// Forecast from the history and come back with [`Input::Foreseen`]; where that cannot be, not at all.
    Foresee { wanted: Box<Wanted> },
    /// Publish to an edge as a node command of this metric.
    Send { plant: PlantId, metric: &'static str, signed: Signed },
    /// The answer to an operator, after the decision is stored: the id of the command or the name of the alarm.
    Reply { request: u64, result: Result<String, Rejection> },
    /// Publish to the topic of the sub-agent that is asked.
    Task { task: Box<Task> },
    /// Stop leading: nothing more will be sent.
    StepDown { reason: String },
}

impl Effect {
    /// May only the leader of this moment carry it out? Whoever does asks for each such effect anew whether this replica
    /// still leads: an append before it may have taken longer than the lease. An answer, a task of advice and the end of
    /// a leadership harm nobody.
    pub fn needs_the_lease(&self) -> bool {
        match self {
            Effect::Append { .. } | Effect::Solve { .. } | Effect::SolveLosses { .. } | Effect::Send { .. } => true,
            Effect::Foresee { .. } | Effect::Reply { .. } | Effect::Task { .. } | Effect::StepDown { .. } => false,
        }
    }
}

/// Why a request is refused before it becomes a decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("there is no plant '{0}'")]
    NoPlant(PlantId),
    #[error("plant '{plant}' has no setpoint '{setpoint}'; {nearest}")]
    NoSetpoint { plant: PlantId, setpoint: SetpointId, nearest: String },
    #[error("{value} is outside of {min} to {max} for '{setpoint}'; write a value within these bounds")]
    OutOfBounds { setpoint: SetpointId, value: String, min: String, max: String },
    #[error("'{0}' is the counter of a device's watchdog; only the edge writes it")]
    Watchdog(SetpointId),
    #[error("the edge of plant '{0}' is not connected; the command would not arrive. Try again when its link is up")]
    NotLinked(PlantId),
    #[error("the idempotency key was used for another request; write a new key")]
    KeyReused,
    #[error("there is no alarm '{0}' to acknowledge")]
    NoAlarm(String),
    #[error("the alarm '{alarm}' was raised anew at {}; look at that one and acknowledge it", .raised.rfc3339())]
    RaisedAnew { alarm: String, raised: Millis },
    #[error("this centre does not lead: {0}")]
    NotLeading(String),
    #[error("replica '{}' of the centre leads; send it to {}", .0.id, .0.address)]
    Elsewhere(Replica),
}

impl Rejection {
    /// The `GL-E-…` code of the API.
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::NoPlant(_) => "GL-E-NO-PLANT",
            Rejection::NoSetpoint { .. } => "GL-E-NO-SETPOINT",
            Rejection::OutOfBounds { .. } => "GL-E-PARAM-RANGE",
            Rejection::Watchdog(_) => "GL-E-WATCHDOG",
            Rejection::NotLinked(_) => "GL-E-NOT-LINKED",
            Rejection::KeyReused => "GL-E-KEY-REUSED",
            Rejection::NoAlarm(_) => "GL-E-NO-ALARM",
            Rejection::RaisedAnew { .. } => "GL-E-ALARM-ANEW",
            Rejection::NotLeading(_) | Rejection::Elsewhere(_) => "GL-E-NOT-LEADING",
        }
    }
}
