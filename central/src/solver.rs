//! What the solves of one replica remember of each other. Pure: it is handed the moment of each case.
//!
//! Two memories, so that neither waits for the other. [`Rolling`] solves the cases of the cycle, each from where the one
//! before it stood. [`Bases`] solves what each plant would do alone, and the losses are solved from there: each is a pure
//! function of the base, so that whoever calls may spread them over threads. Both are hints: every stage of an answer is
//! that of a solve without a past, and one that fails warm is solved again cold.

use crate::domain::Answer;
use hypocaust_optimizer::{Base, Case, Error, Options, Session, Solution};
use hypocaust_protocols::model::Millis;
use std::sync::Arc;

/// The memory of the cycle.
#[derive(Debug, Clone, Default)]
pub struct Rolling {
    session: Session,
    /// The moment of the case that it stands at.
    at: Option<Millis>,
}

impl Rolling {
    /// Solves the case of this moment.
    ///
    /// # Errors
    /// Those of the optimizer; what was known before is still known.
    pub fn solve(&mut self, at: Millis, case: &Case) -> Result<Solution, Error> {
        let solution = self.session.solve(case, self.at.map_or(0.0, |last| at.hours_since(last)))?;
        self.at = Some(at);
        Ok(solution)
    }
}

/// The memory of the losses.
#[derive(Debug, Clone, Default)]
pub struct Bases {
    last: Option<(Millis, Arc<Base>)>,
}

impl Bases {
    /// Solves the base of this moment, from which its losses are solved ([`Base::solve`]).
    ///
    /// # Errors
    /// Those of the optimizer; the base before it stays.
    pub fn stand(&mut self, at: Millis, case: Case) -> Result<Arc<Base>, Error> {
        let base = Arc::new(match &self.last {
            Some((last, base)) => base.next(case, at.hours_since(*last))?,
            None => Base::new(case, Options::default())?,
        });
        self.last = Some((at, Arc::clone(&base)));
        Ok(base)
    }

    /// A loss; by itself where its base has failed.
    ///
    /// # Errors
    /// Those of the optimizer.
    pub fn loss(base: Option<&Base>, case: &Case) -> Result<Solution, Error> {
        match base {
            Some(base) => base.solve(case),
            None => hypocaust_optimizer::solve(case, &Options::default()),
        }
    }
}

/// What became of a solve that ended in time.
impl From<Result<Solution, Error>> for Answer {
    fn from(solved: Result<Solution, Error>) -> Answer {
        match solved {
            Ok(solution) => Answer::Solution(Box::new(solution)),
            Err(error) => Answer::Failed(error.to_string()),
        }
    }
}
