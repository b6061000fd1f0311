//! The stages of a strict-priority solve.
//!
//! One weighted solve comes first: it is optimal outright where nothing is short, and a good basis where something is.
//! Then the stages are walked from the top: physical slacks, the classes, cost, movement. A stage that some point of
//! the face so far brings to zero is proved minimal and its columns are held there; otherwise it is minimised from
//! the warm basis and the problem shrinks to its optimal face (`Problem::fix_face`). The point at hand stays allowed from
//! stage to stage and only the costs change, so these solves are by the primal simplex method: some tens of steps, where
//! the dual one takes a thousand. Weights alone would be wrong: a heat pump can buy four units of a lower class with the
//! power that one unit of a higher class needs.
//!
//! Every solve is certified by `Problem::certify`; a warm answer that fails is solved again cold, a cold one that fails
//! with the solver's own tolerances and without its presolve, and one that fails then is an error. Nothing uncertified
//! leaves this file.

use crate::basis::Start;
use crate::case::{Case, Demand};
use crate::error::Error;
use crate::explain;
use crate::extract;
use crate::formulate::{Formulation, Part};
use crate::problem::{Answer, Evidence, Problem};
use crate::solution::{Binding, Certificate, SlackKind, Solution, SolverInfo, Stage, Status, beyond_setpoints};
use crate::solver::{self, Method, Outcome, Solver};

/// How to solve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Simplex iterations allowed in one solve. Not a time: a replay must end in the same place.
    pub iteration_limit: i32,
    /// Weights of the first solve per unserved MWh, highest class first.
    pub weights: [f64; 5],
    /// Share of the cost that the movement stage may spend.
    pub movement_cost: f64,
    /// Relative gap at which a commitment is good enough.
    pub commitment_gap: f64,
    /// Branch-and-bound nodes allowed in one stage of a commitment.
    pub node_limit: i32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            iteration_limit: 5_000_000,
            weights: [1e5, 3e4, 1e4, 3e3, 1e3],
            movement_cost: 1e-3,
            commitment_gap: 2e-3,
            node_limit: 20_000,
        }
    }
}

/// Weight of a physical slack in the first solve, above every class.
const PHYSICAL_WEIGHT: f64 = 1e6;

/// The same of a MWh that no shed setpoint reaches, by class, and of a final level.
const BEYOND_WEIGHTS: [f64; 5] = [8e5, 6e5, 5e5, 4e5, 3e5];
const FINAL_WEIGHT: f64 = 2e5;

/// MWh below which a stage counts as zero: the solver's own tolerance over a large case.
pub(crate) const NOTHING: f64 = 1e-7;

/// By how much a point may leave a bound, relative to 1 + |bound|, and be called allowed: what the solver allows itself.
const ALLOWED: f64 = 1e-9;

/// Finds the best schedule: unserved heat minimal class by class, then cost, then movement.
///
/// # Errors
/// `Error::Invalid` where the case makes no sense; the others where the solver fails. Shortage is no error.
pub fn solve(case: &Case, options: &Options) -> Result<Solution, Error> {
    case.validate_linear()?;
    Ok(walk(case, &Formulation::new(case), options, None)?.solution)
}

/// A schedule, and where the first solve stood.
pub(crate) struct Walked {
    pub solution: Solution,
    pub start: Start,
}

/// Walks the stages of a case that passed `validate`, from a start where there is one, to a schedule that follows every curve.
pub(crate) fn walk(
    case: &Case,
    formulation: &Formulation,
    options: &Options,
    start: Option<&Start>,
) -> Result<Walked, Error> {
    let walked = walk_anywhere(case, formulation, options, start)?;
    match out_of_order(case, &walked.solution) {
        Some((unit, step)) => Err(Error::Curve { unit, step }),
        None => Ok(walked),
    }
}

/// The same where what is asked for is the stages and no schedule.
pub(crate) fn walk_anywhere(
    case: &Case,
    formulation: &Formulation,
    options: &Options,
    start: Option<&Start>,
) -> Result<Walked, Error> {
    let economic = formulation.problem.cost.clone();
    let mut problem = formulation.problem.clone();
    let levels = levels(case, formulation, options);
    for level in &levels {
        level.weigh(&mut problem);
    }
    let mut run = Run::begin(problem, options)?;
    let method = run.begin_at(start)?;
    let mut answer = run.run("weighted", method)?;
    let objective_weighted = run.problem.objective(&answer.x);
    let stood = run.solver.stands()?;

    let mut stages = Vec::new();
    let mut binding: Vec<Binding> = Vec::new();
    let mut proofs = Vec::new();
    let mut walked = false;
    for level in &levels {
        let reached = level.value(&answer.x);
        if reached <= NOTHING {
            level.hold(&mut run.problem, &answer.x);
            stages.push(level.stage(reached.max(0.0), false));
            continue;
        }
        walked = true;
        run.problem.minimise_only(level.columns.iter().copied());
        let best = run.improve(&level.name, &answer)?;
        let value = level.value(&best.x);
        if value > NOTHING {
            binding.extend(explain::class(case, formulation, &run.problem, &best, &level.name));
            proofs.push(extract::proof(case, formulation, &level.name, &best.y));
            run.problem.fix_face(&best);
        } else {
            // Only the weights had shed it. Forbidding the shed is the same face as the duals give, and leaves the
            // duals of the stages below to say what limits them.
            level.hold(&mut run.problem, &best.x);
        }
        // The point at hand stays the witness for the stages below while what this stage allows has it as well.
        if run.problem.certify(&answer).primal > ALLOWED {
            answer = best;
        }
        stages.push(level.stage(value.max(0.0), true));
    }

    run.problem.cost.clone_from(&economic);
    if walked {
        answer = run.improve("cost", &answer)?;
    } else {
        // The weighted optimum sheds nothing, so its duals prove the cost optimal too, once nothing can be shed.
        run.evidence = run.evidence.worst(run.problem.certify(&answer));
        if !run.evidence.passed() {
            answer = run.solve("cost", Method::Primal)?;
        }
    }
    let cost = run.problem.objective(&answer.x);
    stages.push(Stage { name: "cost".to_owned(), value: cost, solved: walked });
    proofs.push(extract::proof(case, formulation, "cost", &answer.y));
    let prices = explain::prices(case, formulation, &answer);
    binding.extend(explain::cost(case, formulation, &run.problem, &answer));

    if let Some(previous) = &case.previous {
        let changes = run.add_movement(case, formulation, previous, cost, options.movement_cost);
        answer = run.improve_from("movement", &answer, &changes)?;
        stages.push(Stage { name: "movement".to_owned(), value: run.problem.objective(&answer.x), solved: true });
    }
    for (level, stage) in levels.iter().zip(&stages) {
        // A face that was fixed wrongly would let a later stage spoil an earlier one.
        let spoilt = level.value(&answer.x) - stage.value;
        if spoilt > 1e-6 * (1.0 + stage.value) {
            return Err(Error::Stage { stage: level.name.clone(), outcome: "a later stage made it worse" });
        }
    }

    let mut solution = extract::schedule(case, formulation, &answer.x);
    solution.status = Status::Optimal;
    solution.objective_weighted = Some(objective_weighted);
    solution.stages = stages;
    solution.cost = cost;
    solution.prices = prices;
    solution.binding = binding;
    solution.proofs = proofs;
    solution.certificate = Certificate {
        primal: run.evidence.primal,
        dual: Some(run.evidence.dual),
        gap: Some(run.evidence.gap),
        passed: run.evidence.passed(),
    };
    solution.solver = SolverInfo {
        name: solver::NAME.to_owned(),
        version: solver::version(),
        seed: solver::SEED,
        iterations: run.solver.iterations(),
        ms: None,
    };
    Ok(Walked { solution, start: stood })
}

/// The first unit and step in which a convex curve was not followed from below. A linear program fills the cheapest
/// piece first only while the carrier has a worth; where power costs less than nothing, burning more of it would pay.
fn out_of_order(case: &Case, solution: &Solution) -> Option<(String, usize)> {
    case.units.iter().filter(|unit| unit.segments.is_some()).find_map(|unit| {
        let series = solution.units.get(&unit.id)?;
        let burnt = series.heat.iter().zip(&series.input).enumerate();
        let mut more = burnt.filter(|&(t, (&heat, &input))| {
            let curve = unit.input_on_line(t, heat);
            input > curve + 1e-6 * (1.0 + curve)
        });
        more.next().map(|(t, _)| (unit.id.clone(), t))
    })
}

/// The optimum of one program, from a start where there is one.
pub(crate) fn optimum(
    problem: Problem,
    stage: &str,
    options: &Options,
    start: Option<&Start>,
) -> Result<Answer, Error> {
    let mut run = Run::begin(problem, options)?;
    let method = run.begin_at(start)?;
    run.run(stage, method)
}

/// What one stage above cost minimises: columns with their hours, and the weight of the first solve.
pub(crate) struct Level {
    pub name: String,
    pub columns: Vec<(usize, f64)>,
    pub weight: f64,
}

impl Level {
    /// Adds its weight to the costs.
    pub fn weigh(&self, problem: &mut Problem) {
        for &(column, hours) in &self.columns {
            problem.cost[column] += self.weight * hours;
        }
    }

    fn value(&self, x: &[f64]) -> f64 {
        self.columns.iter().map(|&(column, hours)| hours * x[column]).sum()
    }

    /// Allows in each of its columns no more than this much in all, which is next to nothing.
    pub fn at_most(&self, problem: &mut Problem, value: f64) {
        for &(column, hours) in &self.columns {
            problem.upper[column] = value / hours;
        }
    }

    /// Allows no more of it than a point has that has next to nothing. Its column is then at zero, or at the little that
    /// a consumer is short by who asks for what it was last given: forbidding that as well would leave no schedule.
    fn hold(&self, problem: &mut Problem, x: &[f64]) {
        for &(column, _) in &self.columns {
            problem.upper[column] = x[column].max(0.0);
        }
    }

    fn stage(&self, value: f64, solved: bool) -> Stage {
        Stage { name: self.name.clone(), value, solved }
    }
}

/// The stages above cost, in their order (`SlackKind` says why): of those that are no classes the ones that the case has.
pub(crate) fn levels(case: &Case, formulation: &Formulation, options: &Options) -> Vec<Level> {
    let level = |name: &str, weight: f64| Level { name: name.to_owned(), columns: Vec::new(), weight };
    let classes = || case.classes.iter().enumerate();
    let mut physical = level("physical", PHYSICAL_WEIGHT);
    let mut beyond: Vec<Level> =
        classes().map(|(k, name)| level(&beyond_setpoints(name), BEYOND_WEIGHTS[k.min(4)])).collect();
    let mut r#final = level("final", FINAL_WEIGHT);
    let mut shed: Vec<Level> = classes().map(|(k, name)| level(name, options.weights[k.min(4)])).collect();
    let rank = |demand: &Demand| case.rank(&demand.class).expect("a case that is solved was validated");
    let ranks: Vec<usize> = case.demands.iter().map(rank).collect();
    for (column, &(part, owner, t)) in formulation.names.iter().enumerate() {
        let hours = formulation.hours[t];
        match part {
            Part::Shed => shed[ranks[owner]].columns.push((column, hours)),
            Part::Slack(SlackKind::MustServe) => beyond[ranks[owner]].columns.push((column, hours)),
            // A final level is in MWh already.
            Part::Slack(kind) if kind.is_energy() => r#final.columns.push((column, 1.0)),
            Part::Slack(_) => physical.columns.push((column, hours)),
            _ => {}
        }
    }
    let others = std::iter::once(physical).chain(beyond).chain([r#final]).filter(|level| !level.columns.is_empty());
    others.chain(shed).collect()
}

/// A setpoint's change into a step: the column that is at least its size, and the rows that see to it.
struct Change {
    column: usize,
    /// The row that binds where the setpoint rises.
    up: usize,
    down: usize,
    now: usize,
    last: Option<usize>,
    base: f64,
}

impl Change {
    /// How far the setpoint moves at this point; negative: down.
    fn by(&self, x: &[f64]) -> f64 {
        x[self.now] - self.last.map_or(self.base, |last| x[last])
    }
}

struct Run {
    solver: Solver,
    problem: Problem,
    evidence: Evidence,
}

impl Run {
    fn begin(problem: Problem, options: &Options) -> Result<Self, Error> {
        let solver = Solver::new(&problem, options.iteration_limit)?;
        Ok(Self { solver, problem, evidence: Evidence::default() })
    }

    /// The method for the first run, from a start where there is one. A start that is refused costs its head start and no more.
    fn begin_at(&mut self, start: Option<&Start>) -> Result<Method, Error> {
        let Some(start) = start else { return Ok(Method::Dual) };
        if self.solver.begin_at(start).is_ok() {
            return Ok(Method::Warm);
        }
        self.solver.clear()?;
        Ok(Method::Dual)
    }

    /// The best point of the problem as it stands, given one that it allows. Often that is the best already, and the
    /// basis at hand proves it; a run that finds so would cost ten times as much.
    fn improve(&mut self, stage: &str, at: &Answer) -> Result<Answer, Error> {
        if let Some(y) = self.solver.duals_under(&self.problem.cost)? {
            let proven = Answer { x: at.x.clone(), y };
            let evidence = self.problem.certify(&proven);
            if evidence.passed() {
                self.evidence = self.evidence.worst(evidence);
                return Ok(proven);
            }
        }
        let solved = self.solve(stage, Method::Primal);
        if !matches!(solved, Err(Error::Stage { outcome: "infeasible", .. })) {
            return solved;
        }
        // The point at hand says otherwise: faces that were fixed to rounding leave it outside of some bounds by next to
        // nothing, which the solver adds up.
        self.problem.admit(&at.x);
        self.solve(stage, Method::Dual)
    }

    /// Solves the problem as it stands: warm, where that fails cold, and where that fails as well with more forgiveness,
    /// which then holds for the stages below too.
    fn solve(&mut self, stage: &str, method: Method) -> Result<Answer, Error> {
        self.solver.update(&self.problem)?;
        self.run(stage, method)
    }

    /// The same where the changes are new, each begun as the point at hand makes it. A start that is refused costs its head
    /// start and no more.
    fn improve_from(&mut self, stage: &str, at: &Answer, changes: &[Change]) -> Result<Answer, Error> {
        self.solver.update(&self.problem)?;
        let method = match self.begin_with(at, changes) {
            Ok(()) => Method::Primal,
            Err(_) => {
                self.solver.clear()?;
                Method::Dual
            }
        };
        self.run(stage, method)
    }

    /// Makes each change basic and lets its row in that direction bind: so the basis at hand stays that of an allowed
    /// point, from which the primal method walks on. As the solver takes new columns and rows by itself, at zero and not
    /// binding, the dual method would have to find all changes first: it took 138 steps where this takes 78.
    fn begin_with(&mut self, at: &Answer, changes: &[Change]) -> Result<(), Error> {
        let mut start = self.solver.stands()?;
        for change in changes {
            start.columns[change.column] = solver::BASIC;
            let binds = if change.by(&at.x) >= 0.0 { change.up } else { change.down };
            start.rows[binds] = solver::AT_LOWER;
        }
        self.solver.begin_at(&start)
    }

    /// The same where the solver has the problem already.
    fn run(&mut self, stage: &str, method: Method) -> Result<Answer, Error> {
        self.solver.by(method)?;
        let (mut outcome, mut answer) = self.solver.run()?;
        let mut evidence = self.problem.certify(&answer);
        for forgiving in [false, true] {
            if outcome == Outcome::Optimal && evidence.passed() {
                break;
            }
            self.solver.clear()?;
            self.solver.by(Method::Dual)?;
            if forgiving {
                self.solver.forgive()?;
            }
            (outcome, answer) = self.solver.run()?;
            evidence = self.problem.certify(&answer);
        }
        if let Outcome::Other(outcome) = outcome {
            return Err(Error::Stage { stage: stage.to_owned(), outcome });
        }
        if !evidence.passed() {
            return Err(Error::Certificate {
                stage: stage.to_owned(),
                primal: evidence.primal,
                dual: evidence.dual,
                gap: evidence.gap,
            });
        }
        self.evidence = self.evidence.worst(evidence);
        Ok(answer)
    }

    /// Adds one column per setpoint and step that is at least the setpoint's change, makes their sum the objective and
    /// the cost a row. Units and demands move; a demand's setpoint is what it is served, so its shedding counts.
    fn add_movement(
        &mut self,
        case: &Case,
        formulation: &Formulation,
        previous: &std::collections::BTreeMap<String, f64>,
        cost: f64,
        share: f64,
    ) -> Vec<Change> {
        let spend: Vec<(usize, f64)> = self.problem.cost.iter().copied().enumerate().collect();
        self.problem.row(f64::NEG_INFINITY, cost + share * cost.abs(), &spend);
        self.problem.cost.fill(0.0);
        let mut changes = Vec::new();
        let units = case.units.iter().enumerate().map(|(u, unit)| (Part::Heat, u, &unit.id));
        let demands = case.demands.iter().enumerate().map(|(d, demand)| (Part::Shed, d, &demand.id));
        for (part, owner, id) in units.chain(demands) {
            let before = previous.get(id).copied();
            for t in 0..formulation.hours.len() {
                let Some(now) = formulation.find(part, owner, t) else {
                    continue;
                };
                let last = t.checked_sub(1).and_then(|t| formulation.find(part, owner, t));
                // A change that is asked of the consumer itself, not of the shed setpoint, is no movement.
                let base = match (part, last, before) {
                    (_, Some(_), _) => 0.0,
                    (Part::Shed, None, Some(served)) => (case.demands[owner].heat.at(t) - served).max(0.0),
                    (_, None, Some(mw)) => mw,
                    (_, None, None) => continue,
                };
                let column = self.problem.column(1.0, 0.0, f64::INFINITY);
                let [up, down] = [1.0, -1.0].map(|sign| {
                    let mut entries = vec![(column, 1.0), (now, -sign)];
                    if let Some(last) = last {
                        entries.push((last, sign));
                    }
                    self.problem.row(-sign * base, f64::INFINITY, &entries)
                });
                changes.push(Change { column, up, down, now, last, base });
            }
        }
        changes
    }
}
