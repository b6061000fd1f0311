//! The program around the optimizer: reads files, times the solve, prints a table or JSON. Exit codes: 0 it is so,
//! 1 it is not (the case is wrong, the result does not hold), 2 wrong usage, 3 it could not be tried.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hypocaust_optimizer::{Case, Error, Options, Solution, check, greedy, lose, losses, solve};

/// Heat dispatch with strict priorities.
#[derive(Parser)]
#[command(name = "hypocaust-optimizer", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Find the best schedule of a case.
    Solve {
        /// A file in `heatcase/1`.
        case: PathBuf,
        /// Print the whole result as JSON.
        #[arg(long)]
        json: bool,
        /// By priority and marginal cost, without the solver.
        #[arg(long)]
        greedy: bool,
    },
    /// Judge a result against its case, by code that shares nothing with the solver.
    Check {
        /// A file in `heatcase/1`.
        case: PathBuf,
        /// What `solve --json` printed.
        result: PathBuf,
        /// Print the verdict as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Solve the case for every single loss: source, link, header, plant islanded.
    N1 {
        /// A file in `heatcase/1`.
        case: PathBuf,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Prints a line. A reader that has gone away (`| head`) is no failure of ours, where `println!` would panic.
macro_rules! say {
    ($($part:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($part)*);
    }};
}

/// Why the program ends without a good answer: what to say, and the exit code.
struct Failure(u8, String);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Parse { .. } | Error::Invalid(_) => 1,
            _ => 3,
        };
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        Self(code, text)
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Solve { case, json, greedy } => run_solve(&case, json, greedy),
        Verb::Check { case, result, json } => run_check(&case, &result, json),
        Verb::N1 { case, json } => run_n1(&case, json),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, text)) => {
            eprintln!("hypocaust-optimizer: {text}");
            ExitCode::from(code)
        }
    }
}

fn run_solve(path: &Path, json: bool, by_priority: bool) -> Result<(), Failure> {
    let case = read_case(path)?;
    #[expect(clippy::disallowed_methods, reason = "the program times the pure solve for its user")]
    let begun = std::time::Instant::now();
    let mut solution = if by_priority { greedy(&case)? } else { solve(&case, &Options::default())? };
    solution.solver.ms = Some(begun.elapsed().as_secs_f64() * 1e3);
    if json {
        print_json(&solution)?;
    } else {
        print_table(&case, &solution);
    }
    let verdict = check(&case, &solution);
    if verdict.passed {
        Ok(())
    } else {
        Err(Failure(1, format!("the schedule does not pass the check: {}", verdict.faults.join("; "))))
    }
}

fn run_check(case: &Path, result: &Path, json: bool) -> Result<(), Failure> {
    let case = read_case(case)?;
    let text = read(result)?;
    let solution: Solution = serde_json::from_str(&text)
        .map_err(|error| Failure(1, format!("{}: this is no result of solve --json: {error}", result.display())))?;
    let verdict = check(&case, &solution);
    if json {
        print_json(&verdict)?;
    } else if verdict.passed {
        say!("the result holds; largest residual {:.1e}", verdict.residual);
    } else {
        say!("the result does not hold:");
        for fault in &verdict.faults {
            say!("  {fault}");
        }
    }
    if verdict.passed { Ok(()) } else { Err(Failure(1, format!("{} faults", verdict.faults.len()))) }
}

fn run_n1(path: &Path, json: bool) -> Result<(), Failure> {
    let case = read_case(path)?;
    let mut rows = Vec::new();
    for loss in losses(&case) {
        let solution = solve(&lose(&case, &loss), &Options::default())?;
        rows.push((loss.to_string(), solution.unserved_mwh, solution.cost));
    }
    if json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(loss, unserved, cost)| serde_json::json!({"loss": loss, "unserved_mwh": unserved, "cost": cost}))
            .collect();
        return print_json(&rows);
    }
    say!("{:<32} {:>12}  MWh unserved: {}", "loss", "cost", case.classes.join(", "));
    for (loss, unserved, cost) in &rows {
        let classes: Vec<String> = case.classes.iter().map(|class| format!("{:.3}", unserved[class])).collect();
        say!("{loss:<32} {cost:>12.2}  {}", classes.join(", "));
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure(3, format!("{}: {error}", path.display())))
}

fn read_case(path: &Path) -> Result<Case, Failure> {
    Case::from_json(&read(path)?).map_err(|error| {
        let Failure(code, text) = error.into();
        Failure(code, format!("{}: {text}", path.display()))
    })
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure(3, format!("cannot write the result: {error}")))?;
    say!("{text}");
    Ok(())
}

fn print_table(case: &Case, solution: &Solution) {
    say!("{}: {:?}, cost {:.2}", solution.name, solution.status, solution.cost);
    for class in &case.classes {
        say!("  unserved {:<24} {:>14.7} MWh", class, solution.unserved_mwh[class]);
    }
    for slack in &solution.slacks {
        say!("  limit that gave: {:?} of {}", slack.kind, slack.owner);
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
}
