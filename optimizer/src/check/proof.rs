//! What the duals of a result prove, worked out anew: no schedule of the case has less in a stage than this one has.
//!
//! For any duals, cost less what the rows must bring at them is a bound below every schedule (weak duality): a wrong
//! dual proves less, never more. So a schedule that keeps every limit and is dearer than the best has no duals that save
//! it. A stage that is proved shrinks the program to the schedules that are as good in it: what has a dual stands at one
//! bound in all of them.

use crate::problem::Problem;
use crate::solution::{Proof, Status};

use super::Judge;
use super::places::Places;
use super::program::Program;

/// By how much a proof may miss what it proves, relative to 1 + its size.
const MISSES: f64 = 1e-6;

/// What a stage may have and still be at zero: the unit is MWh.
const NOTHING: f64 = 1e-7;

/// What may be unsupported, relative to the largest cost.
const UNSUPPORTED: f64 = 1e-7;

/// A dual below this is rounding.
const ROUNDING: f64 = 1e-8;

impl Judge<'_> {
    pub(super) fn proofs(&mut self, places: &Places<'_>) {
        if self.solution.status != Status::Optimal {
            return;
        }
        let mut program = Program::new(self.case, places);
        let economic = program.problem.cost.clone();
        let mut above: Vec<(&str, Vec<(usize, f64)>)> = vec![("physical", std::mem::take(&mut program.physical))];
        let classes = self.case.classes.iter().map(String::as_str);
        above.extend(classes.zip(std::mem::take(&mut program.shed)));
        for (name, columns) in above {
            let stage = self.solution.stages.iter().find(|stage| stage.name == name);
            let value = stage.map(|stage| stage.value);
            if value.is_none_or(|value| value <= NOTHING) {
                if value.is_none() && !columns.is_empty() {
                    self.fault(format!("stage {name} is missing"));
                }
                // Nothing is less than nothing.
                for (column, _) in columns {
                    program.problem.upper[column] = 0.0;
                }
                continue;
            }
            program.problem.minimise_only(columns);
            self.proves(&mut program, name, value.unwrap_or(f64::NAN), 0.0);
        }
        program.problem.cost = economic;
        let starts = program.starts;
        self.proves(&mut program, "cost", self.solution.cost, starts);
    }

    /// Holds a stage's value against what its duals prove, and shrinks the program to what they leave.
    fn proves(&mut self, program: &mut Program<'_>, stage: &str, value: f64, states_cost: f64) {
        let Some(proof) = self.solution.proofs.iter().find(|proof| proof.stage == stage) else {
            self.fault(format!("stage {stage} is said to be {value} at least, and no duals prove it"));
            return;
        };
        let duals = duals(program, proof);
        let least = states_cost + shrink(&mut program.problem, &duals);
        let missed = value - least;
        if missed.is_nan() || missed > MISSES * (1.0 + value.abs()) {
            self.fault(format!("stage {stage} is said to be {value} at least, and its duals prove {least}"));
        }
    }
}

/// The duals in the order of the rows; nothing for one that the proof does not name.
fn duals(program: &Program<'_>, proof: &Proof) -> Vec<f64> {
    let of = |&(rule, owner, t): &(_, &str, usize)| {
        proof.duals.get(&rule).and_then(|of_rule| of_rule.get(owner)?.get(t).copied()).unwrap_or(0.0)
    };
    program.rows.iter().map(of).collect()
}

/// The bound that duals prove, after which columns and rows stand where these duals hold them.
fn shrink(problem: &mut Problem, duals: &[f64]) -> f64 {
    let mut reduced = problem.cost.clone();
    let largest = problem.cost.iter().fold(1.0_f64, |most, cost| most.max(cost.abs()));
    let mut least = 0.0;
    let mut hold = |dual: f64, lower: &mut f64, upper: &mut f64| {
        let bound = if dual > 0.0 { *lower } else { *upper };
        if bound.is_finite() {
            least += dual * bound;
        } else if dual.abs() > UNSUPPORTED * largest || dual.is_nan() {
            // Without a bound nothing keeps such a column or row from making everything cheaper.
            least = f64::NEG_INFINITY;
        }
        if dual > ROUNDING && lower.is_finite() {
            *upper = *lower;
        } else if dual < -ROUNDING && upper.is_finite() {
            *lower = *upper;
        }
    };
    for (row, &dual) in duals.iter().enumerate() {
        for (column, value) in problem.entries(row) {
            reduced[column] -= dual * value;
        }
        hold(dual, &mut problem.row_lower[row], &mut problem.row_upper[row]);
    }
    for (column, &dual) in reduced.iter().enumerate() {
        hold(dual, &mut problem.lower[column], &mut problem.upper[column]);
    }
    least
}
