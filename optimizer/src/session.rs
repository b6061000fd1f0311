//! Rolling dispatch: window after window, each solved from where the last one stood.
//!
//! A session keeps the basis of its last first solve and the names of its columns and rows. What comes is a whole case:
//! new measurements, forecasts, prices, outages and a window that has moved are all new figures of the same plant. A
//! plant that has changed as well (a unit more, a link less) is no error; what has no past starts without one.
//!
//! The promise is that the stages of a schedule are those of a cold solve: the basis is a hint, every answer is certified
//! from the problem alone, and one that fails is solved again cold. The schedule itself may be another of the equal ones,
//! because optima are degenerate. A session reads no clock; its limit is in iterations, so the same cases in the same
//! order give the same schedules.

use crate::basis::Basis;
use crate::case::Case;
use crate::error::Error;
use crate::formulate::Formulation;
use crate::solution::Solution;
use crate::solve::{Options, walk};

/// The memory of a rolling dispatch.
#[derive(Clone, Debug, Default)]
pub struct Session {
    options: Options,
    basis: Option<Basis>,
}

impl Session {
    /// A session that has solved nothing yet: its first solve is cold.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, basis: None }
    }

    /// Solves the next case. Its window begins `moved_h` hours after that of the last one; 0 is the same window with new
    /// figures.
    ///
    /// # Errors
    /// Those of `solve`. After one the session still has what it knew before.
    pub fn solve(&mut self, case: &Case, moved_h: f64) -> Result<Solution, Error> {
        case.validate_linear()?;
        let formulation = Formulation::new(case);
        let start = self.basis.as_ref().map(|basis| basis.start(&formulation, moved_h));
        let walked = walk(case, &formulation, &self.options, start.as_ref())?;
        self.basis = Some(Basis::of(&formulation, &walked.start));
        Ok(walked.solution)
    }

    /// Forgets what it knows, so that the next solve is cold.
    pub fn forget(&mut self) {
        self.basis = None;
    }
}
