//! `n1`: the case after every single loss, or after those that are named, two at once among them. Losses are spread over the
//! cores that there are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hypocaust_optimizer::{Base, Error, Loss, Options, losses};

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

/// What a loss leads to.
#[derive(serde::Serialize)]
struct Row {
    loss: String,
    unserved_mwh: BTreeMap<String, f64>,
    cost: f64,
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
        all(&base, &losses, &shown)?
    };
    if arguments.json {
        return print_json(&rows);
    }
    say!("{:<32} {:>12}  MWh unserved: {}", "loss", "cost", case.classes.join(", "));
    for row in &rows {
        let classes: Vec<String> = case.classes.iter().map(|class| format!("{:.3}", row.unserved_mwh[class])).collect();
        say!("{:<32} {:>12.2}  {}", row.loss, row.cost, classes.join(", "));
    }
    Ok(())
}

/// Every loss, from where the undisturbed case stood; in order, whichever core has worked it out.
fn all(base: &Base, losses: &[Loss], shown: &Progress) -> Result<Vec<Row>, Error> {
    let next = AtomicUsize::new(0);
    let rows: Mutex<Vec<Option<Result<Row, Error>>>> = Mutex::new(losses.iter().map(|_| None).collect());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(losses.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(loss) = losses.get(at) else { break };
                    let row = base.after(loss).map(|solution| Row {
                        loss: loss.to_string(),
                        unserved_mwh: solution.unserved_mwh,
                        cost: solution.cost,
                    });
                    rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[at] = Some(row);
                    shown.step();
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    rows.into_iter().flatten().collect()
}
