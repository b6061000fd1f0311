//! `bench`: what the optimizer takes on generated cases of growing size, on this machine and in this process.
//!
//! Every figure is the median of the rounds. What is compared (all stages against one linear program, a conflict against
//! none) is measured alternately in the same round, so that a machine that is busy with other things is so for both.

use hypocaust_optimizer::case::Initial;
use hypocaust_optimizer::formulate::{Formulation, Part};
use hypocaust_optimizer::generate::{Recipe, generate};
use hypocaust_optimizer::solver::Solver;
use hypocaust_optimizer::{Base, Case, Error, Options, Session, Solution, greedy, losses, solve};
use serde_json::Value;

use super::progress::Progress;
use super::{Failure, print_json, say, timed};

#[derive(clap::Args)]
pub struct Arguments {
    /// Sizes in plants, with commas.
    #[arg(long, value_delimiter = ',', default_value = "4,20")]
    plants: Vec<usize>,
    /// Sizes in steps, with commas.
    #[arg(long, value_delimiter = ',', default_value = "1,24,96")]
    steps: Vec<usize>,
    /// Of the generated cases.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Repetitions, of which the median is taken.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Also every single loss of the cases with at most so many columns.
    #[arg(long, default_value_t = 15_000)]
    losses_to: usize,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// What one size takes, in milliseconds.
#[derive(serde::Serialize)]
struct Row {
    plants: usize,
    steps: usize,
    columns: usize,
    rows: usize,
    /// Formulating, and one weighted linear program from nothing.
    one_lp_ms: f64,
    /// `solve`, where nobody is short.
    stages_ms: f64,
    /// As `one_lp_ms`, in the case with a conflict.
    conflict_one_lp_ms: f64,
    /// `solve` of that case.
    conflict_stages_ms: f64,
    /// Medians of the ratios of each round.
    stages_to_one_lp: f64,
    conflict_stages_to_one_lp: f64,
    /// A session's next solve, with the window moved by one step and the state that the last schedule led to.
    rolling_ms: f64,
    /// Without a solver.
    greedy_ms: f64,
    /// How much more the greedy schedule costs than the optimum, where both serve everybody.
    greedy_extra_cost: Option<f64>,
    /// How many single losses, all of them on one core, and as many as the target counts at 20 plants and 24 steps: what
    /// those take is in proportion.
    losses: Option<usize>,
    losses_ms: Option<f64>,
    of_97_ms: Option<f64>,
}

/// The target for the losses of 20 plants over 24 steps counts this many, and is a second.
const TARGET_LOSSES: f64 = 97.0;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sizes: Vec<(usize, usize)> =
        arguments.plants.iter().flat_map(|&plants| arguments.steps.iter().map(move |&steps| (plants, steps))).collect();
    let mut rows = Vec::new();
    {
        let shown = Progress::new("sizes", sizes.len());
        for (plants, steps) in sizes {
            rows.push(measured(arguments, Recipe::new(plants, steps, arguments.seed))?);
            shown.step();
        }
    }
    if arguments.json {
        return print_json(&rows);
    }
    say!(
        "{:>13} {:>9} {:>9} {:>9} {:>6} {:>12} {:>12} {:>6} {:>9} {:>10} {:>8} {:>14} {:>10}",
        "plants, steps",
        "columns",
        "one LP",
        "stages",
        "ratio",
        "conflict LP",
        "with stages",
        "ratio",
        "rolling",
        "greedy",
        "dearer",
        "losses",
        "97 of them"
    );
    for row in &rows {
        let dearer = row.greedy_extra_cost.map_or("-".to_owned(), |share| format!("{:.1} %", share * 100.0));
        let losses = match (row.losses, row.losses_ms) {
            (Some(count), Some(ms)) => format!("{count}: {ms:.0} ms"),
            _ => "-".to_owned(),
        };
        let of_97 = row.of_97_ms.map_or("-".to_owned(), |ms| format!("{ms:.0} ms"));
        say!(
            "{:>13} {:>9} {:>6.1} ms {:>6.1} ms {:>6.2} {:>9.1} ms {:>9.1} ms {:>6.2} {:>6.1} ms {:>7.2} ms {dearer:>8} {losses:>14} {of_97:>10}",
            format!("{} x {}", row.plants, row.steps),
            row.columns,
            row.one_lp_ms,
            row.stages_ms,
            row.stages_to_one_lp,
            row.conflict_one_lp_ms,
            row.conflict_stages_ms,
            row.conflict_stages_to_one_lp,
            row.rolling_ms,
            row.greedy_ms
        );
    }
    Ok(())
}

fn measured(arguments: &Arguments, recipe: Recipe) -> Result<Row, Failure> {
    let made = |recipe| generate(recipe).map_err(|error| Failure(2, error.to_string()));
    let (calm, conflict) = (made(recipe)?, made(Recipe { conflict: true, ..recipe })?);
    let formulation = Formulation::new(&calm);
    let options = Options::default();
    let longer = made(Recipe { steps: recipe.steps + 1, ..recipe })?;
    let first = window(&longer, 0, recipe.steps)?;
    let mut taken: [Vec<f64>; 6] = Default::default();
    let (mut ratio, mut conflict_ratio) = (Vec::new(), Vec::new());
    let mut greedy_extra_cost = None;
    for _ in 0..arguments.rounds {
        let mut of = |at: usize, ms: f64| taken[at].push(ms);
        let (lp, done) = timed(|| one_lp(&calm, &options));
        done?;
        let (stages, best) = timed(|| solve(&calm, &options));
        let best = best?;
        let (conflict_lp, done) = timed(|| one_lp(&conflict, &options));
        done?;
        let (conflict_stages, done) = timed(|| solve(&conflict, &options));
        done?;
        let (by_priority, fallback) = timed(|| greedy(&calm));
        let fallback = fallback?;
        let mut session = Session::new(options.clone());
        let before = session.solve(&first, 0.0)?;
        let mut next = window(&longer, 1, recipe.steps)?;
        carry_over(&before, &mut next);
        let (rolling, done) = timed(|| session.solve(&next, first.time.hours(0)));
        done?;
        for (at, ms) in [lp, stages, conflict_lp, conflict_stages, by_priority, rolling].into_iter().enumerate() {
            of(at, ms);
        }
        ratio.push(stages / lp);
        conflict_ratio.push(conflict_stages / conflict_lp);
        let serves = |unserved: f64| unserved < 1e-3;
        if serves(best.unserved_mwh.values().sum()) && serves(fallback.unserved_mwh.values().sum()) {
            greedy_extra_cost = Some(fallback.cost / best.cost - 1.0);
        }
    }
    let (mut lost, mut losses_ms) = (None, None);
    if formulation.problem.columns() <= arguments.losses_to {
        let losses = losses(&calm);
        let base = Base::new(calm.clone(), options)?;
        let (ms, done) = timed(|| losses.iter().try_for_each(|loss| base.after(loss).map(drop)));
        done?;
        (lost, losses_ms) = (Some(losses.len()), Some(ms));
    }
    #[expect(clippy::cast_precision_loss, reason = "losses of a case")]
    let of_97_ms = losses_ms.zip(lost).map(|(ms, count): (f64, usize)| ms * TARGET_LOSSES / count.max(1) as f64);
    let [one_lp_ms, stages_ms, conflict_one_lp_ms, conflict_stages_ms, greedy_ms, rolling_ms] = taken.map(median);
    Ok(Row {
        plants: recipe.plants,
        steps: recipe.steps,
        columns: formulation.problem.columns(),
        rows: formulation.problem.rows(),
        one_lp_ms,
        stages_ms,
        conflict_one_lp_ms,
        conflict_stages_ms,
        stages_to_one_lp: median(ratio),
        conflict_stages_to_one_lp: median(conflict_ratio),
        rolling_ms,
        greedy_ms,
        greedy_extra_cost,
        losses: lost,
        losses_ms,
        of_97_ms,
    })
}

/// So many steps of a case from a step on. In a generated case whatever has a number per step varies in time.
fn window(case: &Case, from: usize, steps: usize) -> Result<Case, Failure> {
    fn cut(value: &mut Value, of: usize, from: usize, steps: usize) {
        match value {
            Value::Array(items) if items.len() == of && items.iter().all(Value::is_number) => {
                *items = items[from..from + steps].to_vec();
            }
            Value::Array(items) => items.iter_mut().for_each(|item| cut(item, of, from, steps)),
            Value::Object(map) => map.values_mut().for_each(|item| cut(item, of, from, steps)),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(case).map_err(|error| Failure(3, error.to_string()))?;
    cut(&mut value, case.time.steps, from, steps);
    value["time"]["steps"] = steps.into();
    serde_json::from_value(value).map_err(|error| Failure(3, error.to_string()))
}

/// What a schedule leads to after its first step is where the next window begins.
fn carry_over(before: &Solution, case: &mut Case) {
    for unit in case.units.iter_mut().filter(|unit| unit.initial.is_some()) {
        unit.initial = before.units.get(&unit.id).map(|series| Initial::making(series.heat[0]));
    }
    for storage in &mut case.storages {
        if let Some(series) = before.storages.get(&storage.id) {
            storage.initial_mwh = series.energy[0];
        }
    }
}

/// What everything is measured against: the case formulated, and one linear program with weights solved from nothing.
fn one_lp(case: &Case, options: &Options) -> Result<(), Error> {
    let mut formulation = Formulation::new(case);
    for (column, &(part, owner, t)) in formulation.names.iter().enumerate() {
        if part == Part::Shed {
            let rank = case.rank(&case.demands[owner].class).unwrap_or(0);
            formulation.problem.cost[column] += options.weights[rank.min(4)] * formulation.hours[t];
        }
    }
    let (_, answer) = Solver::new(&formulation.problem, options.iteration_limit)?.run()?;
    std::hint::black_box(answer);
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
