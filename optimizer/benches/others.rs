//! Our process against others' on the same generated cases: `make bench-optimizer`.
//!
//! Each tool is a process of its own that reads the case file, builds the problem, solves it and prints what it found: ours
//! with every strict stage, PyPSA and oemof.solph with the weighted sum, highspy (numpy in front of HiGHS) with the weighted
//! sum and with every stage. What is compared is processor time, and as ratios within one round in which all run after
//! each other; the figure is the median of the rounds. A machine that is busy makes all of them slower alike. All must agree on
//! the optimum, else there is nothing to compare. It judges nothing else: a figure depends on the machine.
//!
//! Each size is asked twice, without a conflict of priorities and with one (`--calm`: without alone). In a conflict weights
//! shed the wrong class, so only those are asked there that can walk the stages: ours and highspy, whose weighted solve is
//! the one linear program that all stages are held against. A tool that is not done within the limit has no figure, and is
//! not asked for larger cases.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures elapsed time")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::Parser;
use hypocaust_optimizer::Options;
use hypocaust_optimizer::formulate::Formulation;
use hypocaust_optimizer::generate::{Recipe, generate};
use hypocaust_optimizer::picture::{Curve, growth};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde_json::Value;

#[path = "../../tests/src/harness/python.rs"]
mod python;

const OURS: &str = env!("CARGO_BIN_EXE_hypocaust-optimizer");

#[derive(Parser)]
struct Arguments {
    /// Sizes in plants, with commas.
    #[arg(long, value_delimiter = ',', default_value = "4,20,100")]
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
    /// Leave the cases with a conflict of priorities out.
    #[arg(long)]
    calm: bool,
    /// Seconds by the clock after which a tool is ended.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Where to draw how the processes grow.
    #[arg(long, value_name = "SVG")]
    picture: Option<PathBuf>,
    /// What `cargo bench` passes on.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A tool, with the label of its figures.
#[derive(Clone, Copy, PartialEq)]
enum Tool {
    Ours,
    Pypsa,
    Solph,
    HighspyWeighted,
    HighspyStages,
}

const TOOLS: [(Tool, &str); 5] = [
    (Tool::Ours, "ours, all stages"),
    (Tool::Pypsa, "PyPSA, weighted"),
    (Tool::Solph, "oemof.solph, weighted"),
    (Tool::HighspyWeighted, "highspy, weighted"),
    (Tool::HighspyStages, "highspy, all stages"),
];

impl Tool {
    /// Whether it can tell which class goes short in a conflict, or is what those that can are held against.
    fn knows_conflicts(self) -> bool {
        !matches!(self, Tool::Pypsa | Tool::Solph)
    }

    /// Ended by `timeout` after the limit.
    fn command(self, case: &Path, limit_s: u32) -> Command {
        let mut command = Command::new("timeout");
        command.arg(limit_s.to_string());
        if self == Tool::Ours {
            command.arg(OURS).arg("solve").arg(case).arg("--json");
            return command;
        }
        let script = match self {
            Tool::Pypsa => "pypsa",
            Tool::Solph => "solph",
            _ => "highspy",
        };
        let weights = Options::default().weights.map(|weight| weight.to_string()).join(",");
        command.arg(python::python());
        command.arg(format!("{}/../tests/judges/optimizer_{script}.py", env!("CARGO_MANIFEST_DIR")));
        command.args(["--weights", &weights]);
        if self == Tool::HighspyWeighted {
            command.arg("--weighted-only");
        }
        command.arg(case);
        command
    }
}

/// Seconds of processor and of the clock, and the weighted optimum.
#[derive(Clone, Copy)]
struct Run {
    cpu_s: f64,
    wall_s: f64,
    objective: f64,
}

/// Processor seconds of all children that have ended.
fn children_s() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel tells what children used");
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a benchmark")]
    let micros = (usage.user_time() + usage.system_time()).num_microseconds() as f64;
    micros * 1e-6
}

/// What `timeout` ends with where it had to end the tool.
const TOO_LATE: i32 = 124;

/// Nothing where the tool is not done within the limit.
fn run(tool: Tool, case: &Path, limit_s: u32) -> Option<Run> {
    let (before, begun) = (children_s(), Instant::now());
    let output = tool.command(case, limit_s).output().expect("the tool can be started");
    let (cpu_s, wall_s) = (children_s() - before, begun.elapsed().as_secs_f64());
    if output.status.code() == Some(TOO_LATE) {
        return None;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    let line = printed.lines().find(|line| line.starts_with('{')).expect("a result");
    let result: Value = serde_json::from_str(line).expect("JSON");
    Some(Run { cpu_s, wall_s, objective: result["objective_weighted"].as_f64().expect("an optimum") })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
    let _ = std::io::stdout().flush();
}

/// What every round of one size took, by tool; a tool that is left out has none.
struct Size {
    plants: usize,
    steps: usize,
    conflict: bool,
    columns: usize,
    runs: Vec<(Tool, Vec<Run>)>,
}

impl Size {
    fn of(&self, tool: Tool, what: fn(&Run) -> f64) -> Option<f64> {
        let runs = &self.runs.iter().find(|(of, _)| *of == tool)?.1;
        Some(median(runs.iter().map(what).collect()))
    }

    /// How many times our processor time a tool takes, round by round.
    fn ratio(&self, tool: Tool) -> Option<f64> {
        let ours = &self.runs.iter().find(|(of, _)| *of == Tool::Ours)?.1;
        let theirs = &self.runs.iter().find(|(of, _)| *of == tool)?.1;
        Some(median(theirs.iter().zip(ours).map(|(their, our)| their.cpu_s / our.cpu_s).collect()))
    }
}

/// `late`: tools that were not done within the limit, and with how many columns.
fn measured(arguments: &Arguments, folder: &Path, recipe: Recipe, late: &mut Vec<(Tool, usize)>) -> Size {
    let Recipe { plants, steps, conflict, .. } = recipe;
    let case = generate(recipe).expect("a size that can be generated");
    let path = folder.join(format!("{}.json", case.name));
    std::fs::write(&path, serde_json::to_string(&case).expect("JSON")).expect("a file");
    let columns = Formulation::new(&case).problem.columns();
    let mut runs: Vec<(Tool, Vec<Run>)> = TOOLS
        .iter()
        .filter(|(tool, _)| !conflict || tool.knows_conflicts())
        .filter(|(tool, _)| !late.iter().any(|(other, most)| other == tool && columns >= *most))
        .map(|(tool, _)| (*tool, Vec::new()))
        .collect();
    for _ in 0..arguments.rounds {
        runs.retain_mut(|(tool, taken)| match run(*tool, &path, arguments.limit) {
            Some(run) => {
                taken.push(run);
                true
            }
            None => {
                assert!(*tool != Tool::Ours, "{}: not done within {} s", case.name, arguments.limit);
                late.push((*tool, columns));
                false
            }
        });
    }
    let ours = runs[0].1[0].objective;
    for run in runs.iter().flat_map(|(_, runs)| runs) {
        let far = (run.objective - ours).abs() / (1.0 + ours.abs());
        assert!(far <= 1e-6, "{}: {} is not our {ours}", case.name, run.objective);
    }
    Size { plants, steps, conflict, columns, runs }
}

fn figure(value: Option<f64>, digits: usize, unit: &str) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}{unit}"))
}

fn main() {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir().expect("a temporary folder");
    say("Processor seconds of one process; in brackets how many times ours.\n");
    say(
        "| plants x steps | columns | ours, all stages | PyPSA | oemof.solph | highspy, weighted | highspy, all stages | wall: ours, PyPSA |",
    );
    say("|---|---|---|---|---|---|---|---|");
    let (mut sizes, mut late) = (Vec::new(), Vec::new());
    for &plants in &arguments.plants {
        let of_size = arguments.steps.iter().flat_map(|&steps| [(steps, false), (steps, true)]);
        for (steps, conflict) in of_size.filter(|(_, conflict)| !(arguments.calm && *conflict)) {
            let recipe = Recipe { conflict, ..Recipe::new(plants, steps, arguments.seed) };
            let size = measured(&arguments, folder.path(), recipe, &mut late);
            let cpu = |tool| size.of(tool, |run| run.cpu_s);
            let other = |tool| match (cpu(tool), size.ratio(tool)) {
                (Some(s), Some(ratio)) => format!("{s:.2} ({ratio:.0}x)"),
                _ => "-".to_owned(),
            };
            // Against numpy in front of the same solver the difference is small and wants its digits.
            let near = |tool| format!("{} ({})", figure(cpu(tool), 2, ""), figure(size.ratio(tool), 1, "x"));
            say(&format!(
                "| {} x {}{} | {} | {} | {} | {} | {} | {} | {}, {} |",
                size.plants,
                size.steps,
                if size.conflict { ", conflict" } else { "" },
                size.columns,
                figure(cpu(Tool::Ours), 3, ""),
                other(Tool::Pypsa),
                other(Tool::Solph),
                near(Tool::HighspyWeighted),
                near(Tool::HighspyStages),
                figure(size.of(Tool::Ours, |run| run.wall_s), 3, ""),
                figure(size.of(Tool::Pypsa, |run| run.wall_s), 2, "")
            ));
            sizes.push(size);
        }
    }
    if let Some(path) = &arguments.picture {
        let curves: Vec<Curve> = TOOLS
            .iter()
            .map(|(tool, label)| {
                #[expect(clippy::cast_precision_loss, reason = "columns of a case")]
                let mut points: Vec<(f64, f64)> = sizes
                    .iter()
                    .filter(|size| !size.conflict)
                    .filter_map(|size| Some((size.columns as f64, size.of(*tool, |run| run.cpu_s)?)))
                    .collect();
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                Curve { label: (*label).to_owned(), points }
            })
            .collect();
        let picture = growth("processor time of one solve as a process", "columns of the linear program", &curves);
        std::fs::write(path, picture).expect("the picture's file");
    }
    say("\nWithin one process, milliseconds:\n");
    let listed = |sizes: &[usize]| sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let ended = Command::new(OURS)
        .args(["bench", "--plants", &listed(&arguments.plants), "--steps", &listed(&arguments.steps)])
        .args(["--seed", &arguments.seed.to_string(), "--rounds", &arguments.rounds.to_string()])
        .status()
        .expect("our program can be started");
    assert!(ended.success());
}
