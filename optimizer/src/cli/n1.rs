//! `n1`: the case after every single loss, or after those that are named, two at once among them. Losses are spread over the
//! cores that there are. One that cannot be solved says so in its row, and the program ends with 3 after the others.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hypocaust_optimizer::{Base, Error, Loss, Options, Solution, losses};

use super::progress::Progress;
use super::{Failure, print_json, read_case, say};

#[derive(clap::Args)]
pub struct Arguments {
    /// A file in `heatcase/1`.
    case: PathBuf,
    /// Instead of every single loss this one, as the table names it: "unit p0.b1", "link l0", "header p0.s", "plant p1
    /// islanded", or two at once with "and" between; may be repeated.
    #[arg(long, value_name = "LOSS")]
    lose: Vec<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// What a loss leads to, or why nobody knows.
#[derive(serde::Serialize)]
struct Row {
    loss: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Outcome {
    Solved { unserved_mwh: BTreeMap<String, f64>, cost: f64 },
    Unsolved { error: String },
}

impl From<Result<Solution, Error>> for Outcome {
    fn from(solved: Result<Solution, Error>) -> Self {
        match solved {
            Ok(Solution { unserved_mwh, cost, .. }) => Self::Solved { unserved_mwh, cost },
            Err(error) => Self::Unsolved { error: Failure::from(error).1 },
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let case = read_case(&arguments.case)?;
    let named = arguments.lose.iter().map(|text| Loss::named(&case, text));
    let named = named.collect::<Result<Vec<Loss>, _>>().map_err(|error| Failure(2, error.to_string()))?;
    let base = {
        let _shown = Progress::new("solving the case without a loss", 1);
        Base::new(case, Options::default())?
    };
    let case = base.case();
    let losses = if named.is_empty() { losses(case) } else { named };
    let rows = {
        let shown = Progress::new("losses", losses.len());
        all(&base, &losses, &shown)
    };
    if arguments.json {
        print_json(&rows)?;
    } else {
        table(&case.classes, &rows)?;
    }
    let unsolved: Vec<&str> = rows
        .iter()
        .filter(|row| matches!(row.outcome, Outcome::Unsolved { .. }))
        .map(|row| row.loss.as_str())
        .collect();
    if unsolved.is_empty() {
        return Ok(());
    }
    Err(Failure(3, format!("{} of {} losses could not be solved: {}", unsolved.len(), rows.len(), unsolved.join(", "))))
}

fn table(classes: &[String], rows: &[Row]) -> Result<(), Failure> {
    say!("{:<32} {:>12}  MWh unserved: {}", "loss", "cost", classes.join(", "));
    for row in rows {
        match &row.outcome {
            Outcome::Solved { unserved_mwh, cost } => {
                let by_class: Vec<String> = classes.iter().map(|class| format!("{:.3}", unserved_mwh[class])).collect();
                say!("{:<32} {cost:>12.2}  {}", row.loss, by_class.join(", "));
            }
            Outcome::Unsolved { error } => say!("{:<32} {:>12}  could not be solved: {error}", row.loss, "-"),
        }
    }
    Ok(())
}

/// Every loss, from where the undisturbed case stood; in order, whichever core has worked it out.
fn all(base: &Base, losses: &[Loss], shown: &Progress) -> Vec<Row> {
    let next = AtomicUsize::new(0);
    let rows: Mutex<Vec<Option<Row>>> = Mutex::new(losses.iter().map(|_| None).collect());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(losses.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(loss) = losses.get(at) else { break };
                    let row = Row { loss: loss.to_string(), outcome: base.after(loss).into() };
                    rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[at] = Some(row);
                    shown.step();
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    rows.into_iter().flatten().collect()
}
