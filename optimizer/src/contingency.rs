//! Losses solved from where the undisturbed case stood.
//!
//! A base is immutable and can be shared: `after` is a pure function of the base and the loss, so a caller may spread
//! the losses over as many threads as there are cores and gets the same answers in any order. Each stage is equal to
//! that of a cold solve of the lost case, as in a `Session`.

use crate::basis::Basis;
use crate::case::Case;
use crate::error::Error;
use crate::formulate::Formulation;
use crate::loss::{Loss, lose};
use crate::solution::Solution;
use crate::solve::{Options, walk};

/// A solved case from which losses are solved.
#[derive(Clone, Debug)]
pub struct Base {
    case: Case,
    options: Options,
    basis: Basis,
    solution: Solution,
}

impl Base {
    /// Solves the undisturbed case.
    ///
    /// # Errors
    /// Those of `solve`.
    pub fn new(case: Case, options: Options) -> Result<Self, Error> {
        Self::stand(case, options, None)
    }

    /// The base of a later moment, solved from where this one stands. Its window begins `moved_h` hours after this one's.
    ///
    /// # Errors
    /// Those of `solve`.
    pub fn next(&self, case: Case, moved_h: f64) -> Result<Self, Error> {
        Self::stand(case, self.options.clone(), Some((&self.basis, moved_h)))
    }

    fn stand(case: Case, options: Options, before: Option<(&Basis, f64)>) -> Result<Self, Error> {
        case.validate_linear()?;
        let formulation = Formulation::new(&case);
        let start = before.map(|(basis, moved_h)| basis.start(&formulation, moved_h));
        let walked = walk(&case, &formulation, &options, start.as_ref())?;
        let basis = Basis::of(&formulation, &walked.start);
        Ok(Self { case, options, basis, solution: walked.solution })
    }

    /// The case.
    #[must_use]
    pub fn case(&self) -> &Case {
        &self.case
    }

    /// The schedule while nothing is lost.
    #[must_use]
    pub fn solution(&self) -> &Solution {
        &self.solution
    }

    /// The schedule after a loss, a `Loss::Both` for two.
    ///
    /// # Errors
    /// Those of `solve`.
    pub fn after(&self, loss: &Loss) -> Result<Solution, Error> {
        self.walk(&lose(&self.case, loss))
    }

    /// The schedule of this base's window with other figures: a loss that the caller has made itself.
    ///
    /// # Errors
    /// Those of `solve`.
    pub fn solve(&self, case: &Case) -> Result<Solution, Error> {
        case.validate_linear()?;
        self.walk(case)
    }

    fn walk(&self, case: &Case) -> Result<Solution, Error> {
        let formulation = Formulation::new(case);
        let start = self.basis.start(&formulation, 0.0);
        Ok(walk(case, &formulation, &self.options, Some(&start))?.solution)
    }
}
