//! `solve`: the best schedule of a case.

use std::path::PathBuf;

use hypocaust_optimizer::{Case, Options, Solution, Verdict, check, commit, greedy, picture, schema, solve};

use super::progress::Progress;
use super::{Failure, print_json, read_case, say, timed, write};

#[derive(clap::Args)]
pub struct Arguments {
    /// A file in `heatcase/1`.
    #[arg(required_unless_present = "schema")]
    case: Option<PathBuf>,
    /// Print the whole result as JSON.
    #[arg(long)]
    json: bool,
    /// By priority and marginal cost, without the solver.
    #[arg(long)]
    greedy: bool,
    /// Decide which units are on as well: minimum loads, starts, minimum times.
    #[arg(long, conflicts_with = "greedy")]
    commit: bool,
    /// Draw the schedule: sources against demand, stores, price.
    #[arg(long, value_name = "SVG")]
    plot: Option<PathBuf>,
    /// Print the JSON Schema of a result instead, for programs that read what `--json` prints.
    #[arg(long, conflicts_with_all = ["case", "json", "greedy", "commit", "plot"])]
    schema: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(path) = arguments.case.as_ref().filter(|_| !arguments.schema) else {
        say!("{:#}", schema::result());
        return Ok(());
    };
    let case = read_case(path)?;
    let (ms, solved) = solved(&case, arguments);
    let (mut solution, verdict) = solved?;
    solution.solver.ms = Some(ms);
    if !verdict.passed {
        // Nothing leaves that does not hold.
        return Err(Failure(1, format!("the schedule does not pass the check: {}", verdict.faults.join("; "))));
    }
    if let Some(path) = &arguments.plot {
        write(path, &picture::schedule(&case, &solution))?;
    }
    if arguments.json { print_json(&solution) } else { print_table(&case, &solution) }
}

/// The schedule and what the judge says of it, and the milliseconds that the schedule took.
fn solved(case: &Case, arguments: &Arguments) -> (f64, Result<(Solution, Verdict), hypocaust_optimizer::Error>) {
    let _shown = Progress::new("solving", 1);
    let (ms, solution) = timed(|| match (arguments.greedy, arguments.commit) {
        (true, _) => greedy(case),
        (false, true) => commit(case, &Options::default()),
        (false, false) => solve(case, &Options::default()),
    });
    let judged = solution.map(|solution| {
        let verdict = check(case, &solution);
        (solution, verdict)
    });
    (ms, judged)
}

fn print_table(case: &Case, solution: &Solution) -> Result<(), Failure> {
    say!("{}: {:?}, cost {:.2}", solution.name, solution.status, solution.cost);
    for class in &case.classes {
        say!("  unserved {:<24} {:>14.7} MWh", class, solution.unserved_mwh[class]);
    }
    for slack in &solution.slacks {
        say!("  limit that gave: {:?} of {}", slack.kind, slack.owner);
    }
    if let Some(commitment) = &solution.commitment {
        let end = if commitment.finished { "finished" } else { "ended before its bounds met the schedule" };
        say!(
            "  states at most {:.2} % from the best as the relaxation proves, {:.2} % as the search says ({} nodes, {end})",
            100.0 * commitment.relaxed_gap,
            100.0 * commitment.gap,
            commitment.nodes
        );
    }
    say!("first step:");
    for (id, unit) in &solution.units {
        say!("  {:<33} {:>10.3} MW", id, unit.heat.first().copied().unwrap_or(0.0));
    }
    for (id, prices) in &solution.prices {
        say!("  price at {:<24} {:>10.2} per MWh", id, prices.first().copied().unwrap_or(0.0));
    }
    for binding in &solution.binding {
        say!(
            "  {} is limited by {} of {} (worth {:.3} per MW)",
            binding.stage,
            binding.limit,
            binding.owner,
            binding.worth
        );
    }
    let certificate = solution.certificate;
    say!(
        "certificate: primal {:.1e}, dual {:.1e}, gap {:.1e}; {} iterations, {:.1} ms",
        certificate.primal,
        certificate.dual.unwrap_or(f64::NAN),
        certificate.gap.unwrap_or(f64::NAN),
        solution.solver.iterations,
        solution.solver.ms.unwrap_or(0.0)
    );
    Ok(())
}
