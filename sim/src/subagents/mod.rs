//! Three reference sub-agents. Each is a function from a task to an answer; [`run`] is the shell that brings tasks and
//! takes answers over Kafka.
//!
//! * GL-002 `boiler_efficiency`: efficiency by the input-output and by the loss method, trim advice.
//! * GL-018 `flue_gas`: stack loss, excess air, recommended ratio.
//! * GL-023 `heat_load`: the load of a header over its units, marginal cost, what stays unmet.
//!
//! An answer is computed from good inputs alone. One that is missing, uncertain or bad, or that cannot be true beside the
//! others, leads to *cannot tell* with its name and the reason, never to a number.

mod boiler_efficiency;
mod combustion;
mod flue_gas;
mod heat_load;
mod shell;
#[cfg(test)]
mod tests;

pub use shell::{reference, run};

use hypocaust_protocols::wire::subagent::{Kind, Mark, Number, Outcome, Report, Task, Time};
use std::collections::BTreeMap;

/// What they answer. A demand forecast is for who knows more than the centre: what can be made of the past, it makes itself.
pub const KINDS: [Kind; 3] = [Kind::BoilerEfficiency, Kind::FlueGas, Kind::HeatLoad];

/// What an agent found, or why it cannot tell.
pub type Told = Result<BTreeMap<String, Number>, CannotTell>;

/// Why the inputs do not allow an answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CannotTell {
    #[error("the input '{0}' is missing")]
    Missing(String),
    #[error("the input '{name}' is {quality}: {reason}")]
    NotGood { name: String, quality: &'static str, reason: String },
    #[error("the input '{name}' is in '{unit}'; '{wanted}' is understood")]
    Unit { name: String, unit: String, wanted: &'static str },
    #[error("none of the reference agents answers tasks of the kind {0}")]
    Unasked(&'static str),
    #[error("{0}")]
    Untrue(String),
}

/// The answer to a task.
pub fn answer(task: &Task) -> Told {
    match task.kind {
        Kind::BoilerEfficiency => boiler_efficiency::answer(task),
        Kind::FlueGas => flue_gas::answer(task),
        Kind::HeatLoad => heat_load::answer(task),
        Kind::DemandForecast => Err(CannotTell::Unasked(task.kind.name())),
    }
}

/// The answer as a message.
pub fn report(task: &Task, told: Told, time: Time) -> Report {
    let (outcome, values, reason) = match told {
        Ok(values) => (Outcome::Done, values, None),
        Err(why) => (Outcome::CannotTell, BTreeMap::new(), Some(why.to_string())),
    };
    let (schema, agent, task) = (Report::SCHEMA.to_owned(), task.agent, task.id.clone());
    Report { schema, time, agent, task, outcome, values, reason }
}

/// A good input in this unit.
fn input(task: &Task, name: &str, unit: &'static str) -> Result<f64, CannotTell> {
    let number = task.inputs.get(name).ok_or_else(|| CannotTell::Missing(name.to_owned()))?;
    if number.unit != unit {
        return Err(CannotTell::Unit { name: name.to_owned(), unit: number.unit.clone(), wanted: unit });
    }
    let quality = match (number.quality, number.value) {
        (Mark::Good, Some(value)) => return Ok(value),
        (Mark::Uncertain, _) => "uncertain",
        _ => "bad",
    };
    let reason = number.reason.clone().unwrap_or_else(|| "no reason is given".to_owned());
    Err(CannotTell::NotGood { name: name.to_owned(), quality, reason })
}
