//! `explain`: why a schedule is as it is.

use std::path::PathBuf;

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
    let _shown = Progress::new("explaining", 1);
    let (case, solution) = read(&arguments.case, arguments.result.as_ref())?;
    let before = arguments.since.as_ref().map(|since| read(since, arguments.since_result.as_ref())).transpose()?;
    let extent = Extent { steps: arguments.steps, short: arguments.short, ..Extent::default() };
    let before = before.as_ref().map(|(case, solution)| (case, solution));
    let explanation = explain(&case, &solution, before, extent)?;
    if arguments.json {
        return print_json(&explanation);
    }
    for sentence in &explanation.sentences {
        say!("{sentence}");
    }
    Ok(())
}

/// A case and its schedule, which must hold: nothing is explained that is not so.
fn read(case: &std::path::Path, result: Option<&PathBuf>) -> Result<(Case, Solution), Failure> {
    let case = read_case(case)?;
    let Some(path) = result else {
        let solution = solve(&case, &Options::default())?;
        return Ok((case, solution));
    };
    let solution = read_result(path)?;
    let verdict = check(&case, &solution);
    if verdict.passed {
        Ok((case, solution))
    } else {
        Err(Failure(1, format!("{} does not hold: {}", path.display(), verdict.faults.join("; "))))
    }
}
