//! `explain`: why a schedule is as it is.

use std::path::{Path, PathBuf};

use hypocaust_optimizer::explain::Extent;
use hypocaust_optimizer::{Case, Options, Solution, check, explain, solve};

use super::progress::Progress;
use super::{Failure, print_json, read_case, read_result, say};

#[derive(clap::Args)]
pub struct Arguments {
    /// A file in `heatcase/1`.
    case: PathBuf,
    /// What `solve --json` printed for it; without it the case is solved.
    #[arg(long)]
    result: Option<PathBuf>,
    /// An earlier case, to say what has changed since.
    #[arg(long, value_name = "CASE")]
    since: Option<PathBuf>,
    /// The result of the earlier case; without it that case is solved.
    #[arg(long, value_name = "RESULT", requires = "since")]
    since_result: Option<PathBuf>,
    /// Prices of so many steps from the first.
    #[arg(long, default_value_t = Extent::default().steps)]
    steps: usize,
    /// Look into so many consumers that are short.
    #[arg(long, default_value_t = Extent::default().short)]
    short: usize,
    /// Print data and sentences as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let shown = Progress::new("explaining", 1);
    let (case, solution) = read(&arguments.case, arguments.result.as_ref())?;
    let before = arguments.since.as_ref().map(|since| read(since, arguments.since_result.as_ref())).transpose()?;
    let extent = Extent { steps: arguments.steps, short: arguments.short, ..Extent::default() };
    let before = before.as_ref().map(|(case, solution)| (case, solution));
    let explanation = explain(&case, &solution, before, extent)?;
    drop(shown);
    if arguments.json {
        return print_json(&explanation);
    }
    for sentence in &explanation.sentences {
        say!("{sentence}");
    }
    Ok(())
}

/// A case and its schedule, which must hold: nothing is explained that is not so.
fn read(at: &Path, result: Option<&PathBuf>) -> Result<(Case, Solution), Failure> {
    let case = read_case(at)?;
    let (of, solution) = match result {
        Some(path) => (path.display(), read_result(path)?),
        None => (at.display(), solve(&case, &Options::default())?),
    };
    let verdict = check(&case, &solution);
    if verdict.passed {
        Ok((case, solution))
    } else {
        Err(Failure(1, format!("the schedule of {of} does not hold: {}", verdict.faults.join("; "))))
    }
}
