//! `generate`: a case of any size on stdout.

use hypocaust_optimizer::generate::{Recipe, generate};

use super::progress::Progress;
use super::{Failure, print_json};

#[derive(clap::Args)]
pub struct Arguments {
    /// How many plants, from 1 to 1000.
    #[arg(long)]
    plants: usize,
    /// How many steps of a quarter of an hour, from 1 to 1000.
    #[arg(long)]
    steps: usize,
    /// The same seed gives the same case.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// With a conflict of priorities, in which weights alone shed a higher class for a lower one.
    #[arg(long)]
    conflict: bool,
    /// A summer day instead of a winter day.
    #[arg(long)]
    summer: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let &Arguments { plants, steps, seed, conflict, summer } = arguments;
    let _shown = Progress::new("generating", 1);
    let case = generate(Recipe { plants, steps, seed, summer, conflict });
    print_json(&case.map_err(|error| Failure(2, error.to_string()))?)
}
