//! Commitment: which units are on, decided by a mixed-integer program; then everything else by the linear one.
//!
//! A minimum stable load, a start's cost, minimum times and the ramps of start and stop need states of 0 or 1
//! (`formulate::commitment`). Strict priority holds here too. The relaxation, in which a unit may be on in part, is
//! walked stage by stage first: no states can do better in a class than it does. One weighted search gives states; with
//! these fixed the linear program is walked as always, and so come prices, certificate and the schedule. A class that is
//! at the relaxation's value is proved minimal. One that is not has a search of its own, with the classes above it held,
//! and likewise the cost where the weighted bound leaves more than the gap. So the answer is optimal given its states,
//! and says how far any other states could be better.
//!
//! That a search found nothing better is its word. What anybody can work out anew is the bound of the relaxation, from its
//! duals: at the end each stage that is not at zero, and cost, is solved once more as a linear program in which the stages
//! above it are held where the schedule has them, and the result carries these duals (`Commitment::proofs`).
//!
//! A curve that is not convex is decided with the states: which of its pieces are full. One that is convex is followed by
//! itself unless its carrier is worth less than nothing, which only a schedule tells, since a plant may have power that it
//! cannot get rid of: where a schedule takes such pieces out of their order, all begins anew with their order decided too.
//!
//! The limits are a gap and a number of nodes; a caller who has a clock calls with fewer nodes. States are handed from
//! window to window by `hand_over`.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Case, Initial};
use crate::error::Error;
use crate::extract;
use crate::formulate::{Formulation, Part};
use crate::problem::Problem;
use crate::solution::{Bound, Commitment, Proof, Rule, Solution};
use crate::solve::{Level, NOTHING, Options, Walked, levels, optimum, walk, walk_anywhere};
use crate::solver::{BASIC, Integral, Solver};

/// Finds states and the best schedule given them.
///
/// # Errors
/// Those of `solve`. A node limit that comes before the first states is none: then every unit runs whenever it may.
pub fn commit(case: &Case, options: &Options) -> Result<Solution, Error> {
    case.validate()?;
    let mut ordered = BTreeSet::new();
    loop {
        let found = Search::new(case, options, &ordered)?.run();
        match found {
            // Nothing but the best schedule tells that burning more than a curve says would pay.
            Err(Error::Curve { unit, step }) if !ordered.insert(unit.clone()) => {
                return Err(Error::Curve { unit, step });
            }
            Err(Error::Curve { .. }) => {}
            found => return found,
        }
    }
}

/// The best schedule where the states are given: by unit id, one per step. Units that are not named are off, and every curve
/// must be convex.
///
/// # Errors
/// Those of `solve`; `Error::Stage` (infeasible) where the states break a minimum time, or have a unit on that is not
/// there.
pub fn schedule_states(
    case: &Case,
    states: &BTreeMap<String, Vec<bool>>,
    options: &Options,
) -> Result<Solution, Error> {
    case.validate_with_states()?;
    let mut formulation = Formulation::with_states(case, &BTreeSet::new());
    let mut x = vec![0.0; formulation.names.len()];
    for column in formulation.integral() {
        let (_, u, t) = formulation.names[column];
        let on = states.get(&case.units[u].id).and_then(|states| states.get(t)) == Some(&true);
        x[column] = if on { 1.0 } else { 0.0 };
        if x[column] < formulation.problem.lower[column] || x[column] > formulation.problem.upper[column] {
            return Err(Error::Stage { stage: "given states".to_owned(), outcome: "infeasible" });
        }
    }
    formulation.fix_states(case, &x);
    Ok(walk(case, &formulation, options, None)?.solution)
}

/// What each unit does after `steps` steps of a schedule: its heat, whether it is on, and for how long it has been. The
/// next window begins with it as `initial`.
#[must_use]
pub fn hand_over(case: &Case, solution: &Solution, steps: usize) -> BTreeMap<String, Initial> {
    let steps = steps.min(case.time.steps);
    let mut states = BTreeMap::new();
    for unit in &case.units {
        let Some(series) = solution.units.get(&unit.id) else {
            continue;
        };
        let Some(last) = steps.checked_sub(1) else {
            states.extend(unit.initial.map(|initial| (unit.id.clone(), initial)));
            continue;
        };
        let on_in = |t: usize| match series.on.get(t) {
            Some(on) => *on,
            None => series.heat.get(t).is_some_and(|mw| *mw > 0.0),
        };
        let on = on_in(last);
        let (mut since, mut hours) = (steps, 0.0);
        while since > 0 && on_in(since - 1) == on {
            since -= 1;
            hours += case.time.hours(since);
        }
        // The state may be older than the horizon; of unknown age it stays of unknown age.
        let hours = match (since, unit.initial) {
            (0, Some(initial)) if initial.runs() == on => initial.hours.map(|before| before + hours),
            (0, None) => None,
            _ => Some(hours),
        };
        let heat_mw = if on { series.heat.get(last).copied().unwrap_or(0.0) } else { 0.0 };
        // Of a unit without states its heat says all.
        states.insert(unit.id.clone(), Initial { heat_mw, on: unit.commits().then_some(on), hours });
    }
    states
}

struct Search<'a> {
    case: &'a Case,
    options: &'a Options,
    /// The units whose pieces are in their order by a decision though their curves are convex.
    ordered: &'a BTreeSet<String>,
    formulation: Formulation,
    integral: Vec<usize>,
    levels: Vec<Level>,
    relaxed: Walked,
    nodes: u64,
    finished: bool,
}

impl<'a> Search<'a> {
    fn new(case: &'a Case, options: &'a Options, ordered: &'a BTreeSet<String>) -> Result<Self, Error> {
        let formulation = Formulation::with_states(case, ordered);
        // The relaxation is asked for its stages only; calm setpoints are for the answer.
        let relaxed = walk_anywhere(&Case { previous: None, ..case.clone() }, &formulation, options, None)?;
        let (levels, integral) = (levels(case, &formulation, options), formulation.integral());
        Ok(Self { case, options, ordered, formulation, integral, levels, relaxed, nodes: 0, finished: true })
    }

    fn run(&mut self) -> Result<Solution, Error> {
        let mut problem = self.formulation.problem.clone();
        for level in &self.levels {
            level.weigh(&mut problem);
        }
        let weighted = self.branch("weighted commitment", &problem, self.options.commitment_gap)?;
        let states = weighted.x.unwrap_or_else(|| self.all_running());
        let mut best = self.settle(&states)?;
        let mut bounds = Vec::new();
        // Whether every stage so far is at the relaxation's value, so that the next one's is a bound too.
        let mut tight = true;
        for k in 0..self.levels.len() {
            let (value, relaxed) = (best.stages[k].value, self.relaxed.solution.stages[k].value);
            let least = if tight && value <= relaxed + within(relaxed) {
                relaxed
            } else if value <= NOTHING {
                0.0
            } else {
                let found = self.below(&best, k, CLASS_GAP)?;
                best = self.better_of(best, found.x)?;
                found.bound.max(0.0)
            };
            tight &= best.stages[k].value <= relaxed + within(relaxed);
            bounds.push(least);
        }
        let penalties: f64 =
            self.levels.iter().zip(&best.stages).map(|(level, stage)| level.weight * stage.value).sum();
        let relaxed = self.relaxed.solution.objective_weighted.unwrap_or(f64::NEG_INFINITY);
        let mut cost_bound = weighted.bound.max(relaxed) - penalties;
        if tight {
            cost_bound = cost_bound.max(self.relaxed.solution.cost);
        }
        if gap(best.cost, cost_bound) > self.options.commitment_gap {
            let found = self.below(&best, self.levels.len(), self.options.commitment_gap)?;
            cost_bound = cost_bound.max(found.bound);
            best = self.better_of(best, found.x)?;
        }
        let mut stages = Vec::new();
        let mut proofs = Vec::new();
        for (k, least) in bounds.into_iter().enumerate() {
            let value = best.stages[k].value;
            let relaxed = if value <= NOTHING { 0.0 } else { self.prove(&best, k, &mut proofs)?.clamp(0.0, value) };
            stages.push(Bound { stage: self.levels[k].name.clone(), least: least.max(relaxed).min(value), relaxed });
        }
        let relaxed_cost = self.prove(&best, self.levels.len(), &mut proofs)?.min(best.cost);
        let cost_bound = cost_bound.max(relaxed_cost).min(best.cost);
        let said = gap(best.cost, cost_bound);
        let at_bounds = stages.iter().zip(&best.stages).all(|(b, stage)| stage.value <= b.least + within(b.least));
        best.commitment = Some(Commitment {
            stages,
            cost_bound,
            gap: said,
            relaxed_cost,
            relaxed_gap: gap(best.cost, relaxed_cost),
            nodes: self.nodes,
            finished: self.finished && at_bounds && said <= self.options.commitment_gap,
            proofs,
        });
        Ok(best)
    }

    /// The least of stage `k`, or of cost where `k` is beyond the last, that the relaxation allows while the stages above it
    /// keep what the schedule has; and the duals that prove it.
    fn prove(&self, best: &Solution, k: usize, proofs: &mut Vec<Proof>) -> Result<f64, Error> {
        let name = self.levels.get(k).map_or("cost", |level| &level.name);
        let (formulation, above) = (&self.formulation, self.formulation.problem.rows());
        let mut refused = Error::Stage { stage: name.to_owned(), outcome: "infeasible" };
        for room in ROOMS {
            let mut problem = self.held(best, k, room);
            if let Some(level) = self.levels.get(k) {
                problem.minimise_only(level.columns.iter().copied());
            }
            let mut start = self.relaxed.start.clone();
            start.rows.resize(problem.rows(), BASIC);
            let answer = match optimum(problem.clone(), &format!("{name} relaxed"), self.options, Some(&start)) {
                Ok(answer) => answer,
                Err(error) => {
                    refused = error;
                    continue;
                }
            };
            let mut proof = extract::relaxed_proof(self.case, formulation, name, &answer.y);
            let mut least = problem.objective(&answer.x);
            let held = self.levels.iter().zip(&best.stages).take(k).filter(|(_, stage)| stage.value > NOTHING);
            for ((row, (level, stage)), dual) in (above..).zip(held).zip(&answer.y[above..]) {
                // The room that the solver was given is none of the schedule's.
                least += dual * (stage.value - problem.row_upper[row]);
                proof.duals.entry(Rule::Above).or_default().insert(level.name.clone(), vec![*dual]);
            }
            proofs.push(proof);
            return Ok(least);
        }
        Err(refused)
    }

    /// States that keep every rule without a search: a unit runs whenever it is there, has been off for long enough, and
    /// will be there for its minimum time; where its curve is not convex, on the first piece.
    fn all_running(&self) -> Vec<f64> {
        let (case, steps) = (self.case, self.case.time.steps);
        let mut x = vec![0.0; self.formulation.names.len()];
        for (u, unit) in case.units.iter().enumerate().filter(|(_, unit)| unit.commits()) {
            let there = |t: usize| unit.capacity(t) > 0.0;
            let mut on = unit.initial.is_none_or(|initial| initial.runs());
            let mut off_h = unit.initial.and_then(|initial| initial.hours).unwrap_or(f64::INFINITY);
            for t in 0..steps {
                let ends = (t..steps).find(|&later| !there(later));
                let stays_h: f64 = (t..ends.unwrap_or(steps)).map(|t| case.time.hours(t)).sum();
                // The end of the horizon and an outage cut no minimum time short.
                let long = ends.is_none_or(|end| unit.is_out(end) || stays_h + 1e-9 >= unit.min_up_h);
                let (was_on, first) = (on, t == 0 && unit.initial.is_none());
                on = there(t) && (if first { long } else { was_on || (long && off_h + 1e-9 >= unit.min_down_h) });
                off_h = if on { 0.0 } else { off_h + case.time.hours(t) };
                if let (true, Some(column)) = (on, self.formulation.find(Part::On, u, t)) {
                    x[column] = 1.0;
                }
            }
        }
        x
    }

    /// Searches for states with less in stage `k`, or in cost where `k` is beyond the last, while the stages above it keep
    /// what the schedule at hand has. That schedule is allowed there, so a search that says that nothing is has found the
    /// room too narrow for its tolerances: it is asked again with a wider one, and in the end proves nothing.
    fn below(&mut self, best: &Solution, k: usize, gap: f64) -> Result<Integral, Error> {
        let name = self.levels.get(k).map_or("cost", |level| &level.name);
        let name = format!("{name} commitment");
        for room in ROOMS {
            let mut problem = self.held(best, k, room);
            if let Some(level) = self.levels.get(k) {
                problem.minimise_only(level.columns.iter().copied());
            }
            match self.branch(&name, &problem, gap) {
                Err(Error::Stage { .. }) => {}
                found => return found,
            }
        }
        self.finished = false;
        Ok(Integral { x: None, bound: f64::NEG_INFINITY, nodes: 0, finished: false })
    }

    /// The program in which the stages above `k` keep the values of a schedule, with so much room relative to 1 + the value.
    fn held(&self, best: &Solution, k: usize, room: f64) -> Problem {
        let mut problem = self.formulation.problem.clone();
        for (level, stage) in self.levels.iter().zip(&best.stages).take(k) {
            if stage.value <= NOTHING {
                level.at_most(&mut problem, stage.value);
            } else {
                problem.row(f64::NEG_INFINITY, stage.value + room * (1.0 + stage.value), &level.columns);
            }
        }
        problem
    }

    fn branch(&mut self, stage: &str, problem: &Problem, gap: f64) -> Result<Integral, Error> {
        if self.integral.is_empty() {
            // Nothing is to be decided, so the optimum of the linear program is its own bound; the solver would give none.
            let answer = optimum(problem.clone(), stage, self.options, None)?;
            return Ok(Integral { bound: problem.objective(&answer.x), x: Some(answer.x), nodes: 0, finished: true });
        }
        let mut solver = Solver::new(problem, self.options.iteration_limit)?;
        let found = solver.branch(stage, &self.integral, gap, self.options.node_limit)?;
        self.nodes += found.nodes;
        // That the gap is reached is not taken on trust.
        let reached = found.x.as_ref().is_some_and(|x| {
            let objective = problem.objective(x);
            objective - found.bound <= gap * objective.abs() + within(objective)
        });
        self.finished &= found.finished && reached;
        Ok(found)
    }

    /// A schedule, or the one with the states that a search found, where that is better.
    fn better_of(&self, best: Solution, found: Option<Vec<f64>>) -> Result<Solution, Error> {
        let Some(x) = found else { return Ok(best) };
        let other = self.settle(&x)?;
        Ok(if better(&other, &best) { other } else { best })
    }

    /// The best schedule with the states of a point.
    fn settle(&self, x: &[f64]) -> Result<Solution, Error> {
        let mut fixed = Formulation::with_states(self.case, self.ordered);
        fixed.fix_states(self.case, x);
        Ok(walk(self.case, &fixed, self.options, Some(&self.relaxed.start))?.solution)
    }
}

/// A class is not to be sold for a gap.
const CLASS_GAP: f64 = 1e-7;

/// How much worse a stage above may be while one below it is searched, relative to 1 + its value, from the first try to the
/// last.
const ROOMS: [f64; 3] = [1e-7, 1e-6, 1e-5];

/// What two solves of a stage may differ by.
fn within(value: f64) -> f64 {
    1e-6 * (1.0 + value.abs())
}

fn gap(cost: f64, bound: f64) -> f64 {
    (cost - bound).max(0.0) / (1.0 + cost.abs())
}

/// Whether a schedule is better than another in the first stage in which they differ; movement does not count.
fn better(one: &Solution, other: &Solution) -> bool {
    for (a, b) in one.stages.iter().zip(&other.stages).filter(|(a, _)| a.name != "movement") {
        if (a.value - b.value).abs() > within(b.value) {
            return a.value < b.value;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search that says that nothing is allowed, against the schedule at hand, is no error and no proof.
    #[test]
    fn a_search_that_contradicts_the_schedule_at_hand_proves_nothing() {
        let text = include_str!("../tests/cases/priority-trap.json");
        let text = text.replacen("\"heat_max\":5.0", "\"heat_max\":5.0,\"heat_min\":0.5", 1);
        let case = Case::from_json(&text).unwrap();
        let options = Options::default();
        let ordered = BTreeSet::new();
        let mut search = Search::new(&case, &options, &ordered).unwrap();
        let mut best = search.relaxed.solution.clone();
        let cost = search.levels.len();
        let found = search.below(&best, cost, 1e-6).unwrap();
        assert!(found.x.is_some() && search.finished, "{found:?}");
        // Product safety is short whatever the states.
        best.stages.iter_mut().for_each(|stage| stage.value = 0.0);
        let found = search.below(&best, cost, 1e-6).unwrap();
        assert!(found.x.is_none() && found.bound == f64::NEG_INFINITY && !search.finished, "{found:?}");
    }
}
