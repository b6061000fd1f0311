//! `n1`: the case after every single loss. Losses are spread over the cores that there are.

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
    let base = Base::new(read_case(&arguments.case)?, Options::default())?;
    let case = base.case();
    let losses = losses(case);
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
