//! A case around a schedule: nobody is served worse than the schedule serves them, and one thing at a time is changed.
//!
//! Every question changes bounds or costs, solves from the basis at hand, certifies, and puts things back.

use crate::case::Case;
use crate::error::Error;
use crate::explain::{Price, Relief, Short, duals};
use crate::formulate::{Formulation, Part};
use crate::problem::{Answer, Problem};
use crate::solution::{Binding, SlackKind, Solution, beyond_setpoints};
use crate::solve::{Level, Options, levels};
use crate::solver::{Outcome, Solver};

/// MW (or MWh) that a bound taken from a schedule is widened by: the schedule's own rounding.
const ROUNDING: f64 = 1e-8;

/// How much of a thing is one more; of a content, MWh.
const ONE_MW: f64 = 1.0;

/// See the module. States of a commitment are the schedule's own in all answers.
pub struct Around<'a> {
    case: &'a Case,
    solution: &'a Solution,
    formulation: Formulation,
    /// The stages above cost.
    levels: Vec<Level>,
    /// With the economic costs, and what is unserved bounded by the schedule's.
    problem: Problem,
    solver: Solver,
    /// Cost of the best schedule within these bounds.
    cost: f64,
    stage: String,
}

impl<'a> Around<'a> {
    /// Bounds what is unserved, and the physical slacks, by what the schedule has of them.
    pub fn new(case: &'a Case, solution: &'a Solution, iteration_limit: i32) -> Result<Self, Error> {
        let formulation = Formulation::as_decided(case, solution);
        let mut problem = formulation.problem.clone();
        for (column, &(part, owner, t)) in formulation.names.iter().enumerate() {
            let held = match part {
                Part::Shed => {
                    let demand = &case.demands[owner];
                    let unserved = solution
                        .demands
                        .get(&demand.id)
                        .and_then(|series| series.unserved.get(t))
                        .copied()
                        .unwrap_or(0.0);
                    unserved - gives(solution, SlackKind::MustServe, &demand.id, t)
                }
                Part::Slack(kind) => gives(solution, kind, crate::extract::owner_id(case, kind, owner), t),
                _ => continue,
            };
            problem.upper[column] = problem.upper[column].min(held.max(0.0) + ROUNDING);
        }
        // A ramp that no data makes give has no slack of its own; a schedule without a solver may break it all the same.
        for (row, (u, t)) in formulation.ramps() {
            if formulation.find(Part::Slack(SlackKind::RampDown), u, t).is_none() {
                problem.row_lower[row] -= gives(solution, SlackKind::RampDown, &case.units[u].id, t);
            }
        }
        let levels = levels(case, &formulation, &Options::default());
        let solver = Solver::new(&problem, iteration_limit)?;
        let mut around =
            Self { case, solution, formulation, levels, problem, solver, cost: 0.0, stage: "explanation".to_owned() };
        let problem = around.problem.clone();
        let Some(answer) = around.ask(&problem)? else {
            let outcome = "the schedule does not belong to the case: nothing serves everybody as it does";
            return Err(Error::Stage { stage: around.stage, outcome });
        };
        around.cost = problem.objective(&answer.x);
        Ok(around)
    }

    /// The optimum of a changed problem, certified, or nothing where it has none.
    fn ask(&mut self, problem: &Problem) -> Result<Option<Answer>, Error> {
        self.solver.update(problem)?;
        let mut answer = self.solver.run()?;
        if answer.0 == Outcome::Optimal && !problem.certify(&answer.1).passed() || answer.0 != Outcome::Optimal {
            self.solver.clear()?;
            answer = self.solver.run()?;
        }
        match answer {
            (Outcome::Optimal, answer) => {
                let found = problem.certify(&answer);
                if found.passed() {
                    Ok(Some(answer))
                } else {
                    let (primal, dual, gap) = (found.primal, found.dual, found.gap);
                    Err(Error::Certificate { stage: self.stage.clone(), primal, dual, gap })
                }
            }
            (Outcome::Other("infeasible" | "unbounded or infeasible"), _) => Ok(None),
            (Outcome::Other(outcome), _) => Err(Error::Stage { stage: self.stage.clone(), outcome }),
        }
    }

    /// What one MW more at a header costs in a step, and what one MW less saves.
    pub fn price(&mut self, header: usize, t: usize) -> Result<Price, Error> {
        let row = self.formulation.balance(header, t);
        let hours = self.formulation.hours[t];
        let mut side = |sign: f64| -> Result<(Problem, Option<f64>), Error> {
            let mut problem = self.problem.clone();
            problem.row_lower[row] += sign * ONE_MW;
            problem.row_upper[row] += sign * ONE_MW;
            let answer = self.ask(&problem)?;
            let cost = answer.map(|answer| sign * (problem.objective(&answer.x) - self.cost) / (hours * ONE_MW));
            Ok((problem, cost))
        };
        let (_, down) = side(-1.0)?;
        let (more, up) = side(1.0)?;
        let taken = if up.is_none() { self.taken(more)? } else { None };
        Ok(Price { header: self.case.headers[header].id.clone(), step: t, up, down, taken })
    }

    /// The lowest class that can give what a problem lacks, and how many MWh it would lose.
    fn taken(&mut self, mut problem: Problem) -> Result<Option<(String, f64)>, Error> {
        for class in self.case.classes.iter().rev() {
            let Some(k) = self.stage(class) else { continue };
            let has = |&(column, hours): &(usize, f64)| hours * (self.problem.upper[column] - ROUNDING).max(0.0);
            let now: f64 = self.levels[k].columns.iter().map(has).sum();
            self.free(&mut problem, &self.levels[k..=k]);
            problem.minimise_only(self.levels[k].columns.iter().copied());
            if let Some(answer) = self.ask(&problem)? {
                return Ok(Some((class.clone(), problem.objective(&answer.x) - now)));
            }
        }
        Ok(None)
    }

    /// Which of the stages above cost is called so.
    fn stage(&self, name: &str) -> Option<usize> {
        self.levels.iter().position(|level| level.name == name)
    }

    /// Columns of all that a demand may lack, with their hours.
    fn unserved(&self, d: usize) -> Vec<(usize, f64)> {
        let hours = &self.formulation.hours;
        let lacks = |part: Part| matches!(part, Part::Shed | Part::Slack(SlackKind::MustServe));
        let names = self.formulation.names.iter().enumerate();
        names
            .filter(|(_, (part, owner, _))| lacks(*part) && *owner == d)
            .map(|(column, &(.., t))| (column, hours[t]))
            .collect()
    }

    /// Does a demand lack heat that no shed setpoint reaches?
    fn lacks_beyond(&self, d: usize) -> bool {
        let id = &self.case.demands[d].id;
        (0..self.case.time.steps).any(|t| gives(self.solution, SlackKind::MustServe, id, t) > super::MATTERS)
    }

    /// What one MW more of a limit that binds saves: MWh of its class with nobody above it served worse, or money in the
    /// first step.
    pub fn worth(&mut self, binding: &Binding) -> Result<f64, Error> {
        let mut problem = self.problem.clone();
        let steps = if let Some(k) = self.stage(&binding.stage) {
            self.free(&mut problem, &self.levels[k..]);
            problem.minimise_only(self.levels[k].columns.iter().copied());
            self.case.time.steps
        } else {
            1
        };
        let Some(answer) = self.ask(&problem)? else {
            return Ok(0.0);
        };
        self.relief(&problem, &answer, &binding.owner, &binding.limit, steps)
    }

    /// Lets these stages be served worse than the schedule serves them, as they may be when one above is minimised.
    fn free(&self, problem: &mut Problem, levels: &[Level]) {
        for &(column, _) in levels.iter().flat_map(|level| &level.columns) {
            problem.upper[column] = self.formulation.problem.upper[column];
        }
    }

    /// By how much the optimum of a problem falls where one MW more of a limit is to be had wherever it binds.
    fn relief(
        &mut self,
        problem: &Problem,
        answer: &Answer,
        owner: &str,
        limit: &str,
        steps: usize,
    ) -> Result<f64, Error> {
        let mut wider = problem.clone();
        let mut found = false;
        for (column, &name) in self.formulation.names.iter().enumerate() {
            let at_limit = answer.x[column] > self.formulation.problem.upper[column] - 1e-7;
            let own = at_limit && !self.formulation.is_off(name);
            if name.2 < steps && own && duals::limit_of(self.case, name) == Some((owner, limit)) {
                wider.upper[column] += ONE_MW;
                found = true;
            }
        }
        for (row, &name) in self.formulation.rules.iter().enumerate().filter(|(_, name)| name.2 < steps) {
            for upper in [true, false] {
                if duals::limit_of_row(self.case, &self.formulation, name, upper) != Some((owner, limit)) {
                    continue;
                }
                let activity: f64 = problem.entries(row).map(|(column, value)| value * answer.x[column]).sum();
                if upper && activity > problem.row_upper[row] - 1e-7 {
                    wider.row_upper[row] += ONE_MW;
                    found = true;
                } else if !upper && activity < problem.row_lower[row] + 1e-7 {
                    wider.row_lower[row] -= ONE_MW;
                    found = true;
                }
            }
        }
        if !found {
            return Ok(0.0);
        }
        let better = self.ask(&wider)?;
        Ok(better.map_or(0.0, |better| problem.objective(&answer.x) - problem.objective(&better.x)))
    }

    /// Why a demand is short: it alone is minimised with everybody else served as they are, which says what is to be had at
    /// once; then with the stages below its own free, since a limit that lets their heat come to it would help as well, and the
    /// limits of that are asked one by one.
    pub fn short(&mut self, d: usize, mwh: f64, limits: usize) -> Result<Short, Error> {
        let demand = &self.case.demands[d];
        let unserved = &self.solution.demands[&demand.id].unserved;
        let least = 1e-6;
        let from = unserved.iter().position(|mw| *mw > least).unwrap_or(0);
        let to = unserved.iter().rposition(|mw| *mw > least).map_or(0, |t| t + 1);
        let mut problem = self.problem.clone();
        problem.minimise_only(self.unserved(d));
        let mut short = Short {
            demand: demand.id.clone(),
            class: demand.class.clone(),
            mwh,
            peak_mw: unserved.iter().copied().fold(0.0, f64::max),
            from,
            to,
            avoidable_mwh: 0.0,
            limits: Vec::new(),
        };
        let Some(answer) = self.ask(&problem)? else {
            return Ok(short);
        };
        let avoidable = mwh - problem.objective(&answer.x);
        short.avoidable_mwh = if avoidable > super::MATTERS { avoidable } else { 0.0 };
        let stage = if self.lacks_beyond(d) { beyond_setpoints(&demand.class) } else { demand.class.clone() };
        let below = self.stage(&stage).map_or(self.levels.len(), |k| k + 1);
        self.free(&mut problem, &self.levels[below..]);
        let Some(answer) = self.ask(&problem)? else {
            return Ok(short);
        };
        for binding in duals::class(self.case, &self.formulation, &problem, &answer, &demand.class) {
            if short.limits.len() == limits {
                break;
            }
            let steps = self.case.time.steps;
            let gives_mwh = self.relief(&problem, &answer, &binding.owner, &binding.limit, steps)?;
            if gives_mwh > super::MATTERS {
                let Binding { owner, limit, step, .. } = binding;
                short.limits.push(Relief { owner, limit, step, gives_mwh });
            }
        }
        short.limits.sort_by(|a, b| b.gives_mwh.total_cmp(&a.gives_mwh));
        Ok(short)
    }
}

fn gives(solution: &Solution, kind: SlackKind, owner: &str, t: usize) -> f64 {
    let of_owner = solution.slacks.iter().filter(|slack| slack.kind == kind && slack.owner == owner);
    of_owner.filter_map(|slack| slack.amount.get(t)).sum()
}
