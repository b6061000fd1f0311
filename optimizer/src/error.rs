//! What can go wrong between a case and its schedule. Shortage is none of it: unserved heat is a result.

use crate::validate::Mistake;

/// Why there is no schedule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not of the format that it should be.
    #[error("the file is no {schema}: at {path}")]
    Parse {
        /// The format.
        schema: &'static str,
        /// JSON path of the first thing that could not be read, or line and column where a file breaks off.
        path: String,
        /// What serde says, with line and column.
        source: serde_json::Error,
    },
    /// The figures make no sense.
    #[error("the case has {} {}: {}", .0.len(), if .0.len() == 1 { "mistake" } else { "mistakes" }, listed(.0))]
    Invalid(Vec<Mistake>),
    /// The solver refused a call; the problem was not understood as it was meant.
    #[error("the solver refused {call} (status {status})")]
    Call {
        /// The function of its C interface.
        call: &'static str,
        /// What it returned.
        status: i32,
    },
    /// A stage ended without an optimum, cold and warm.
    #[error("stage {stage} ended without an optimum: {outcome}")]
    Stage {
        /// Name of the stage.
        stage: String,
        /// The solver's word for it.
        outcome: &'static str,
    },
    /// The best point of the linear program is none of the plant: more of a carrier is burnt than the curve says.
    #[error(
        "unit {unit} would take the pieces of its curve out of order in step {step}, because its carrier is worth less \
         than nothing there; have it committed (`solve --commit`), or write an \"efficiency\" or \"cop\" instead of \
         \"segments\""
    )]
    Curve {
        /// Id of the unit.
        unit: String,
        /// First step in which it would.
        step: usize,
    },
    /// The solver's answer does not hold up against the problem; nothing of it may be used.
    #[error("the answer of stage {stage} failed its certificate: primal {primal:.1e}, dual {dual:.1e}, gap {gap:.1e}")]
    Certificate {
        /// Name of the stage.
        stage: String,
        /// Largest violation of a bound or row.
        primal: f64,
        /// Largest dual of the wrong sign.
        dual: f64,
        /// Relative gap.
        gap: f64,
    },
}

fn listed(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("; ")
}
