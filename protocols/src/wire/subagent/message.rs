//! The messages as types, and how a text becomes one of them.

use super::{AgentId, Kind};
use crate::model::{Millis, PlantId, Quality};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// A record larger than this is no message of ours.
const LARGEST: usize = 256 * 1024;
/// Values of one answer, and letters of a text that somebody else wrote.
const MOST_VALUES: usize = 256;
const LONGEST_TEXT: usize = 1_000;

/// Why a record is not a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a record of {0} bytes is no message; {LARGEST} are the most")]
    Large(usize),
    #[error("the record is not JSON: {0}")]
    Json(serde_json::Error),
    #[error("the message has no `schema`; write one of {0}")]
    NoSchema(&'static str),
    #[error("the schema \"{found}\" is not known here; write one of {known}")]
    Schema { found: String, known: &'static str },
    #[error("the message is not of its schema {schema}: {source}")]
    Body { schema: &'static str, source: serde_json::Error },
    #[error("`{field}` of the message {schema}: {why}")]
    Value { schema: &'static str, field: String, why: String },
}

/// An instant, RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Millis);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = || serde::de::Error::custom(format!("'{text}' is no time; write 2026-01-31T12:00:00.000Z"));
        Millis::from_rfc3339(&text).map(Time).ok_or_else(wrong)
    }
}

/// May a number be used?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    Good,
    Uncertain,
    Bad,
}

/// A number with its unit and quality, as input and as result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// Null where there is none, which is never `good`.
    pub value: Option<f64>,
    pub unit: String,
    pub quality: Mark,
    /// Why it is not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Number {
    pub fn good(value: f64, unit: &str) -> Number {
        Number { value: Some(value), unit: unit.to_owned(), quality: Mark::Good, reason: None }
    }

    pub fn bad(unit: &str, reason: impl Into<String>) -> Number {
        Number { value: None, unit: unit.to_owned(), quality: Mark::Bad, reason: Some(reason.into()) }
    }

    /// A value of telemetry. Only a good one keeps its number: what is bad does not travel on as one.
    pub fn measured(value: Option<f64>, unit: &str, quality: &Quality) -> Number {
        let mark = match quality {
            Quality::Good if value.is_some() => Mark::Good,
            Quality::Uncertain(_) if value.is_some() => Mark::Uncertain,
            _ => Mark::Bad,
        };
        let reason = quality.reason().map(|r| r.name().to_owned());
        let value = value.filter(|_| mark != Mark::Bad);
        Number { value, unit: unit.to_owned(), quality: mark, reason }
    }

    fn wrong(&self) -> Option<&'static str> {
        match (self.value, self.quality) {
            (Some(value), _) if !value.is_finite() => Some("the value is not finite"),
            (None, Mark::Good | Mark::Uncertain) => Some("a value that is null is `bad`, with its reason"),
            _ if self.unit.is_empty() || self.unit.len() > 16 => {
                Some("a unit has 1 to 16 letters; a bare number has \"1\"")
            }
            _ => None,
        }
    }
}

/// What an agent is asked, on its own topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// `task/1`.
    pub schema: String,
    /// Never comes again.
    pub id: String,
    /// The same for all tasks of one round.
    pub correlation: String,
    /// What led to it: `journal/N`, the latest entry of the centre's journal when it was asked.
    pub causation: String,
    pub agent: AgentId,
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub plant: PlantId,
    /// Of the leader that asks.
    pub epoch: u64,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = "date-time"))]
    pub issued: Time,
    /// An answer that the centre gets later is not used.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = "date-time"))]
    pub deadline: Time,
    pub kind: Kind,
    /// What it is about: the id of a source, of a header or of a consumer.
    pub subject: String,
    pub inputs: BTreeMap<String, Number>,
}

/// An agent is there, with this version. Sent before each [`Heartbeat`]: a centre that has removed it, or never heard of it
/// because it did not listen yet, takes it in within a beat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// `register/1`.
    pub schema: String,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = "date-time"))]
    pub time: Time,
    pub agent: AgentId,
    pub version: String,
    /// Kinds of tasks that it answers.
    pub capabilities: Vec<String>,
}

/// An agent lives; every 10 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// `heartbeat/1`.
    pub schema: String,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = "date-time"))]
    pub time: Time,
    pub agent: AgentId,
    /// Of one start of the agent; a later start has a higher one (milliseconds since 1970 will do).
    pub boot: u64,
    /// Share of its latest tasks that it answered without an error of its own, 0 to 1.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 1))]
    pub success_ratio: f64,
}

/// What came of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The values are the answer.
    Done,
    /// The inputs do not allow an answer; `reason` says which and why. No failure of the agent.
    CannotTell,
    /// The agent failed; `reason` says how.
    Failed,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::CannotTell => "cannot-tell",
            Outcome::Failed => "failed",
        }
    }
}

/// An answer, `result/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// `result/1`.
    pub schema: String,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = "date-time"))]
    pub time: Time,
    pub agent: AgentId,
    /// The task's id.
    pub task: String,
    pub outcome: Outcome,
    pub values: BTreeMap<String, Number>,
    /// Null when it is `done`.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A message on [`super::COORDINATION`].
#[derive(Debug, Clone, PartialEq)]
pub enum Coordination {
    Register(Register),
    Heartbeat(Heartbeat),
    Report(Report),
}

fn schema_of(record: &[u8], known: &'static str) -> Result<(String, serde_json::Value), Error> {
    if record.len() > LARGEST {
        return Err(Error::Large(record.len()));
    }
    let value: serde_json::Value = serde_json::from_slice(record).map_err(Error::Json)?;
    let found = value.get("schema").and_then(|s| s.as_str()).ok_or(Error::NoSchema(known))?.to_owned();
    Ok((found, value))
}

/// Reads again from the text, so that a fault is told with its place.
fn body<T: DeserializeOwned>(record: &[u8], schema: &'static str) -> Result<T, Error> {
    serde_json::from_slice(record).map_err(|source| Error::Body { schema, source })
}

fn numbers(schema: &'static str, field: &str, values: &BTreeMap<String, Number>) -> Result<(), Error> {
    let fault = |field: String, why: String| Err(Error::Value { schema, field, why });
    if values.len() > MOST_VALUES {
        return fault(field.to_owned(), format!("{} values; {MOST_VALUES} are the most", values.len()));
    }
    for (name, number) in values {
        if name.is_empty() || name.len() > 160 {
            return fault(
                field.to_owned(),
                format!("a name has 1 to 160 letters, and '{name:.20}' has {}", name.len()),
            );
        }
        if let Some(why) = number.wrong() {
            return fault(format!("{field}.{name}"), why.to_owned());
        }
    }
    Ok(())
}

fn text(schema: &'static str, field: &str, text: &str, empty: bool) -> Result<(), Error> {
    if (empty || !text.is_empty()) && text.len() <= LONGEST_TEXT {
        return Ok(());
    }
    let why = format!("a text of {} bytes; write 1 to {LONGEST_TEXT}", text.len());
    Err(Error::Value { schema, field: field.to_owned(), why })
}

impl Task {
    pub const SCHEMA: &str = "task/1";

    /// The task in this record.
    pub fn read(record: &[u8]) -> Result<Task, Error> {
        let (found, _) = schema_of(record, Task::SCHEMA)?;
        if found != Task::SCHEMA {
            return Err(Error::Schema { found, known: Task::SCHEMA });
        }
        let task: Task = body(record, Task::SCHEMA)?;
        text(Task::SCHEMA, "id", &task.id, false)?;
        numbers(Task::SCHEMA, "inputs", &task.inputs)?;
        Ok(task)
    }

    /// The record of it.
    pub fn record(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a task is plain data and always has a JSON form")
    }

    /// An input that may be used.
    pub fn good(&self, name: &str) -> Option<f64> {
        self.inputs.get(name).filter(|n| n.quality == Mark::Good)?.value
    }
}

const KNOWN: &str = "register/1, heartbeat/1, result/1";

impl Register {
    pub const SCHEMA: &str = "register/1";
}

impl Heartbeat {
    pub const SCHEMA: &str = "heartbeat/1";
}

impl Report {
    pub const SCHEMA: &str = "result/1";
}

impl Coordination {
    pub fn agent(&self) -> AgentId {
        match self {
            Coordination::Register(m) => m.agent,
            Coordination::Heartbeat(m) => m.agent,
            Coordination::Report(m) => m.agent,
        }
    }

    /// The message in this record.
    pub fn read(record: &[u8]) -> Result<Coordination, Error> {
        let (found, _) = schema_of(record, KNOWN)?;
        match found.as_str() {
            Register::SCHEMA => {
                let register: Register = body(record, Register::SCHEMA)?;
                text(Register::SCHEMA, "version", &register.version, false)?;
                for capability in &register.capabilities {
                    text(Register::SCHEMA, "capabilities", capability, false)?;
                }
                if register.capabilities.len() > MOST_VALUES {
                    let why = format!("{} of them; {MOST_VALUES} are the most", register.capabilities.len());
                    return Err(Error::Value { schema: Register::SCHEMA, field: "capabilities".into(), why });
                }
                Ok(Coordination::Register(register))
            }
            Heartbeat::SCHEMA => {
                let beat: Heartbeat = body(record, Heartbeat::SCHEMA)?;
                if !(0.0..=1.0).contains(&beat.success_ratio) {
                    let why = format!("{}; write a share from 0 to 1", beat.success_ratio);
                    return Err(Error::Value { schema: Heartbeat::SCHEMA, field: "success_ratio".into(), why });
                }
                Ok(Coordination::Heartbeat(beat))
            }
            Report::SCHEMA => {
                let report: Report = body(record, Report::SCHEMA)?;
                text(Report::SCHEMA, "task", &report.task, false)?;
                text(
                    Report::SCHEMA,
                    "reason",
                    report.reason.as_deref().unwrap_or_default(),
                    report.outcome == Outcome::Done,
                )?;
                numbers(Report::SCHEMA, "values", &report.values)?;
                if report.outcome == Outcome::Done && report.values.is_empty() {
                    let why =
                        "an answer that is done has values; without them it is `cannot-tell`, with a reason".into();
                    return Err(Error::Value { schema: Report::SCHEMA, field: "values".into(), why });
                }
                Ok(Coordination::Report(report))
            }
            _ => Err(Error::Schema { found, known: KNOWN }),
        }
    }

    /// The record of it.
    pub fn record(&self) -> Vec<u8> {
        let written = match self {
            Coordination::Register(m) => serde_json::to_vec(m),
            Coordination::Heartbeat(m) => serde_json::to_vec(m),
            Coordination::Report(m) => serde_json::to_vec(m),
        };
        written.expect("a message is plain data and always has a JSON form")
    }
}
