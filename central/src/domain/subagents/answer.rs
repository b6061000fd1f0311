//! Does an answer count?

use super::super::forecast;
use hypocaust_protocols::model::{Millis, PlantId};
use hypocaust_protocols::wire::subagent::{AgentId, Kind, Mark, Outcome, Report};

/// A task as the centre keeps it until its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub id: String,
    pub agent: AgentId,
    pub kind: Kind,
    pub plant: PlantId,
    pub subject: String,
    pub issued: Millis,
    pub deadline: Millis,
}

/// Why an answer changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Nobody asked this, or too long ago to be remembered.
    Unknown,
    /// A former leader asked it.
    OldEpoch,
    /// The task has its answer.
    Duplicate,
    /// Its agent was restarted or removed since.
    Lost,
    /// The deadline has passed.
    Late,
    /// Another agent was asked.
    Foreign,
    /// It is not of its kind, and how.
    Invalid(String),
}

impl Refused {
    pub const NAMES: [&str; 7] = ["unknown", "old-epoch", "duplicate", "lost", "late", "foreign", "invalid"];

    /// The label of the metric.
    pub fn name(&self) -> &'static str {
        match self {
            Refused::Unknown => "unknown",
            Refused::OldEpoch => "old-epoch",
            Refused::Duplicate => "duplicate",
            Refused::Lost => "lost",
            Refused::Late => "late",
            Refused::Foreign => "foreign",
            Refused::Invalid(_) => "invalid",
        }
    }
}

/// The id of a task: the epoch of the leader, and its number.
pub fn id(epoch: u64, number: u64) -> String {
    format!("{epoch}-{number}")
}

/// Epoch and number of an id.
pub fn parse(id: &str) -> Option<(u64, u64)> {
    let (epoch, number) = id.split_once('-')?;
    Some((epoch.parse().ok()?, number.parse().ok()?))
}

/// Does this answer to a task of this leader count, by its arrival now?
pub fn admit(asked: &Asked, report: &Report, now: Millis) -> Result<(), Refused> {
    if report.agent != asked.agent {
        return Err(Refused::Foreign);
    }
    if now > asked.deadline {
        return Err(Refused::Late);
    }
    if report.outcome == Outcome::Done { whole(asked.kind, report).map_err(Refused::Invalid) } else { Ok(()) }
}

/// Is everything there that its kind asks for, in its unit and within its bounds, and nothing else?
fn whole(kind: Kind, report: &Report) -> Result<(), String> {
    for (name, number) in &report.values {
        let Some(output) = kind.output(name) else {
            return Err(format!("'{name}' is no value of {}", kind.name()));
        };
        if number.unit != output.unit {
            return Err(format!("'{name}' is in '{}', not in '{}'", number.unit, output.unit));
        }
        match number.value {
            Some(value) if !(output.min..=output.max).contains(&value) => {
                return Err(format!("'{name}' is {value}, outside of {} to {}", output.min, output.max));
            }
            None if output.required || number.quality != Mark::Bad => return Err(format!("'{name}' has no number")),
            _ => {}
        }
    }
    let missing = kind
        .outputs()
        .iter()
        .filter(|o| o.required)
        .find(|o| !report.values.keys().any(|name| kind.output(name).is_some_and(|found| found.name == o.name)));
    missing.map_or(Ok(()), |o| Err(format!("the answer has no '{}'", o.name)))?;
    match kind {
        Kind::DemandForecast => forecast::told(&report.values).map(drop),
        Kind::BoilerEfficiency | Kind::FlueGas | Kind::HeatLoad => Ok(()),
    }
}
