//! `hypocaust-sim drill`: finds the fleet, runs the drill, prints the report, appends the line.
//!
//! Exit codes: 0 every expectation met; 1 one missed, or mistakes in the page or its fleet; 2 wrong usage; 3 a file could
//! not be read or written. The log is opened before the drill runs, so that no drill is run in vain.

use super::page::{self, NoFleet};
use crate::world::Makers;
use hypocaust_protocols::answer::{say, tell, unless_unread};
use hypocaust_protocols::files;
use hypocaust_protocols::model::Fleet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Args, Debug)]
pub struct Options {
    /// The runbook, a Markdown file with TOML front matter.
    runbook: PathBuf,
    /// The fleet's folder. Without it the fleet is found by its name, in ../deploy/fleets beside the runbook's folder.
    #[arg(long)]
    fleet: Option<PathBuf>,
    /// Append the report to this file, one line of JSON a drill. Without it: log/<id>.jsonl beside the runbook.
    #[arg(long)]
    log: Option<PathBuf>,
    /// A date to stand in the log's line, such as 2026-01-31T08:00:00Z. Without it there is none: the drill runs under a
    /// virtual clock, and the same tree gives the same line.
    #[arg(long, value_parser = date)]
    at: Option<String>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

fn date(text: &str) -> Result<String, String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("write a time of RFC 3339, such as 2026-01-31T08:00:00Z".into()),
    }
}

/// Why there is no report.
enum Stop {
    /// Mistakes in a file that a person wrote.
    Mistakes(String, Vec<files::Finding>),
    Untried(String),
}

pub fn run(options: &Options) -> ExitCode {
    match drill(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Stop::Mistakes(text, findings)) => {
            tell(format_args!("error: {text}"));
            if !options.json {
                return ExitCode::FAILURE;
            }
            let findings = serde_json::to_string_pretty(&findings).expect("findings have a JSON form");
            crate::answered(findings, ExitCode::FAILURE)
        }
        Err(Stop::Untried(text)) => {
            tell(format_args!("error: {text}"));
            ExitCode::from(3)
        }
    }
}

fn drill(options: &Options) -> Result<bool, Stop> {
    let path = &options.runbook;
    let text = std::fs::read_to_string(path).map_err(|e| {
        Stop::Untried(format!(
            "cannot read {}: {e}; a runbook is a Markdown file such as runbooks/source-tripped.md",
            path.display()
        ))
    })?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = path.display().to_string();
    let (page, fleet) = page::read(&shown, &text, |name| find(folder, options.fleet.as_deref(), name)).map_err(stop)?;
    let (log, mut file) =
        open(options.log.clone().unwrap_or_else(|| folder.join("log").join(format!("{}.jsonl", page.id))))?;
    tell(format_args!("running {} s of the world; its clock is virtual", (page.drill.settle + page.drill.run) / 1000));
    let mut report =
        super::run(&Arc::new(fleet), &page, Makers::default()).map_err(|e| Stop::Untried(crate::chain(&e)))?;
    report.at.clone_from(&options.at);
    let said = if options.json {
        say(serde_json::to_string_pretty(&report).expect("a report has a JSON form"))
    } else {
        say(report.text().trim_end())
    };
    if options.fleet.is_none() {
        for line in report.banner().iter().filter(|line| !page.text.lines().any(|l| l == *line)) {
            tell(format_args!(
                "warning: the page does not say of its drill what is so; it should have this line:\n{line}"
            ));
        }
    }
    file.write_all(report.line().as_bytes())
        .map_err(|e| Stop::Untried(format!("the drill ran, but cannot write to {}: {e}", log.display())))?;
    unless_unread(said).map_err(|unsaid| Stop::Untried(unsaid.to_string()))?;
    Ok(report.met())
}

fn stop(error: page::Error) -> Stop {
    let text = error.to_string();
    match error {
        page::Error::Mistakes { report, .. } | page::Error::Fleet(files::Error::Mistakes { report }) => {
            Stop::Mistakes(text, report.findings())
        }
        page::Error::Fleet(_) | page::Error::NoneKept { .. } => Stop::Untried(text),
    }
}

/// The fleet of this name, or the one in the folder that was given.
pub fn find(runbooks: &Path, given: Option<&Path>, name: &str) -> Result<Fleet, NoFleet> {
    if let Some(given) = given {
        return files::load(given).map_err(NoFleet::Wrong);
    }
    let fleets = runbooks.join("../deploy/fleets");
    let folder = fleets.join(name);
    if folder.is_dir() {
        return files::load(&folder).map_err(NoFleet::Wrong);
    }
    let listing = std::fs::read_dir(&fleets).map(|all| {
        let names = all.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| fleets.join(name).join("fleet.toml").is_file()).collect::<Vec<_>>()
    });
    match listing {
        Ok(mut names) => {
            names.sort();
            Err(NoFleet::Unknown(names))
        }
        Err(_) => Err(NoFleet::NoneKept(folder)),
    }
}

fn open(path: PathBuf) -> Result<(PathBuf, File), Stop> {
    let made = match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(folder) => std::fs::create_dir_all(folder),
        None => Ok(()),
    };
    let file = made.and_then(|()| OpenOptions::new().create(true).append(true).open(&path));
    match file {
        Ok(file) => Ok((path, file)),
        Err(e) => {
            Err(Stop::Untried(format!("cannot write the log {}: {e}; choose another file with --log", path.display())))
        }
    }
}
