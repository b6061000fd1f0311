//! The program around the optimizer: reads files, times the solve, prints a table or JSON. Exit codes: 0 it is so,
//! 1 it is not (the case is wrong, the result does not hold), 2 wrong usage, 3 it could not be tried. Answers go to
//! stdout, all else to stderr.

mod cli;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hypocaust_protocols::answer::tell;

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
    Solve(cli::solve::Arguments),
    /// Judge a case, and a result against it, by code that shares nothing with the solver.
    Check(cli::check::Arguments),
    /// Say why a schedule is as it is: prices from both sides, who is short and why, what one MW more is worth.
    Explain(cli::explain::Arguments),
    /// Solve the case for every single loss (source, link, header, plant islanded), or for named ones, two at once among them.
    N1(cli::n1::Arguments),
    /// Write a case of any size: the same recipe gives the same case.
    Generate(cli::generate::Arguments),
    /// Time the optimizer on generated cases; `make bench-optimizer` sets it against other tools.
    Bench(cli::bench::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Solve(arguments) => cli::solve::run(&arguments),
        Verb::Check(arguments) => cli::check::run(&arguments),
        Verb::Explain(arguments) => cli::explain::run(&arguments),
        Verb::N1(arguments) => cli::n1::run(&arguments),
        Verb::Generate(arguments) => cli::generate::run(&arguments),
        Verb::Bench(arguments) => cli::bench::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(cli::Failure(code, text)) => {
            tell(format_args!("hypocaust-optimizer: {text}"));
            ExitCode::from(code)
        }
    }
}
