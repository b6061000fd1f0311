//! What the duals of a result prove, worked out anew: no schedule of the case has less in a stage than this one has.
//!
//! For any duals, cost less what the rows must bring at them is a bound below every schedule (weak duality): a wrong
//! dual proves less, never more. So a schedule that keeps every limit and is dearer than the best has no duals that save
//! it. A stage that is proved shrinks the program to the schedules that are as good in it: what has a dual stands at one
//! bound in all of them.
//!
//! Given its states, so much is proved of a committed schedule too. How good the states are is proved by the duals of a
//! relaxation: its program has the states as columns, and the stages above the one that is proved are held where the
//! schedule has them, by a row each. That a search found a better bound is its word and stays so (`Verdict::bounds`).

use crate::problem::Problem;
use crate::solution::{Proof, Status};

use super::places::Places;
use super::program::Program;
use super::{Judge, Proven};

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
        for (name, columns) in program.above_cost() {
            let value = self.value_of(name);
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

    fn value_of(&self, name: &str) -> Option<f64> {
        self.solution.stages.iter().find(|stage| stage.name == name).map(|stage| stage.value)
    }

    /// The bounds of a commitment, stage by stage: what the duals of its relaxation prove, and what is said.
    pub(super) fn bounds(&mut self, places: &Places<'_>) {
        let (case, solution) = (self.case, self.solution);
        let Some(commitment) = &solution.commitment else {
            return;
        };
        for unit in case.units.iter().filter(|unit| unit.commits()) {
            if solution.units.get(&unit.id).is_some_and(|series| series.on.is_empty()) {
                self.fault(format!("unit {} has no states in a commitment", unit.id));
            }
        }
        let mut program = Program::relaxed(case, places);
        let economic = program.problem.cost.clone();
        for (name, columns) in program.above_cost() {
            let bound = commitment.stages.iter().find(|bound| bound.stage == name);
            let value = self.value_of(name).unwrap_or(f64::NAN);
            let (relaxed, said) = match bound {
                Some(bound) => (bound.relaxed, bound.least),
                // A case without a limit that gives need not say so.
                None if columns.is_empty() => continue,
                None => {
                    self.fault(format!("commitment bound of {name} is missing"));
                    continue;
                }
            };
            program.problem.minimise_only(columns.iter().copied());
            let proven = if value <= NOTHING { 0.0 } else { bound_of(&program, &commitment.proofs, name) };
            self.bounded(name, Proven { stage: name.to_owned(), value, proven, said }, relaxed);
            if commitment.finished {
                self.equal(
                    format_args!("commitment bound of {name}, where the search is said to be finished"),
                    0,
                    said,
                    value,
                );
            }
            if value <= NOTHING {
                columns.iter().for_each(|&(column, _)| program.problem.upper[column] = 0.0);
            } else {
                program.at_most(name, value, &columns);
            }
        }
        program.problem.cost = economic;
        let proven = bound_of(&program, &commitment.proofs, "cost");
        let (value, said) = (solution.cost, commitment.cost_bound);
        self.bounded("cost", Proven { stage: "cost".to_owned(), value, proven, said }, commitment.relaxed_cost);
        for (what, said, bound) in [
            ("commitment gap", commitment.gap, commitment.cost_bound),
            ("commitment relaxed gap", commitment.relaxed_gap, commitment.relaxed_cost),
        ] {
            let gap = (value - bound).max(0.0) / (1.0 + value.abs());
            // Not `equal`: its tolerance is relative to 1, and a gap is small.
            if (said - gap).abs() > 1e-9 || said.is_nan() {
                self.fault(format!("{what}: {said} is said, {gap} is between cost and bound"));
            }
        }
    }

    /// What is said to be proven of a stage is, and lies below what the search says, as that does below the schedule.
    fn bounded(&mut self, name: &str, bound: Proven, relaxed: f64) {
        let Proven { value, proven, said, .. } = bound;
        let what = format!("commitment bound of {name}");
        self.within(format_args!("{what}"), 0, said, f64::NEG_INFINITY, value);
        self.within(format_args!("{what} by the search"), 0, said, relaxed, f64::INFINITY);
        let missed = relaxed - proven;
        if missed.is_nan() || missed > MISSES * (1.0 + value.abs()) {
            self.fault(format!(
                "{what}: {relaxed} is said to be proven, and the duals of the relaxation prove {proven}"
            ));
        }
        self.verdict.bounds.push(bound);
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

/// What the duals that are given for a stage prove of it: nothing where there are none.
fn bound_of(program: &Program<'_>, proofs: &[Proof], stage: &str) -> f64 {
    let proof = proofs.iter().find(|proof| proof.stage == stage);
    proof.map_or(f64::NEG_INFINITY, |proof| shrink(&mut program.problem.clone(), &duals(program, proof)))
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
