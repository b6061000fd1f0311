//! A runbook: front matter between two lines `+++`, then the page for a person.
//!
//! The front matter is read as fleet files are: every mistake at once, each with its place and what to write instead.
//! Whatever the drill names is looked up in its fleet.

use super::expect::{self, Expect, ms, nowhere};
use crate::fault::{self, Fault};
use hypocaust_protocols::files::{self, At, Reader, Report};
use hypocaust_protocols::model::{Fleet, PlantId};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// What a drill does and wants to see. Times count from the end of settling.
#[derive(Debug, Clone, PartialEq)]
pub struct Drill {
    /// The name of a folder in `deploy/fleets`.
    pub fleet: String,
    pub seed: u64,
    /// Hour of the day (UTC) at which the world begins; demand follows it.
    pub start_hour: f64,
    /// How long the world runs before anything happens, ms.
    pub settle: i64,
    /// How long it runs after that, ms.
    pub run: i64,
    /// Heat that is missed by less than this is the lag of valves and the wandering of demand, MW.
    pub tolerance_mw: f64,
    /// In order of time.
    pub faults: Vec<Happens>,
    pub expects: Vec<Expect>,
}

/// A fault and its moment, ms.
#[derive(Debug, Clone, PartialEq)]
pub struct Happens {
    pub at: i64,
    /// As it stands in the page.
    pub words: String,
    pub plant: PlantId,
    pub fault: Fault,
}

/// A runbook that is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub id: String,
    pub alarm: String,
    pub severity: String,
    pub escalation: Vec<String>,
    pub go_no_go: Vec<String>,
    pub procedures: Vec<String>,
    pub drill: Drill,
    /// What stands below the front matter.
    pub text: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{n} in {name}\n{report}", n = .report.count())]
    Mistakes { name: String, report: Box<Report> },
    /// The drill's fleet is wrong; the page is not judged without it.
    #[error(transparent)]
    Fleet(files::Error),
    #[error(
        "the page's drill is of the fleet `{fleet}`, which is looked for in {folder}; no fleets are kept there: name the fleet's folder with --fleet FOLDER"
    )]
    NoneKept { fleet: String, folder: String },
}

/// Why a fleet was not found by its name.
pub enum NoFleet {
    /// There is none; there are these.
    Unknown(Vec<String>),
    /// No fleets are kept beside the page; it would stand in this folder.
    NoneKept(PathBuf),
    Wrong(files::Error),
}

/// Reads a runbook. `name` is its file as it is shown; `load` finds the fleet of this name.
pub fn read(name: &str, text: &str, load: impl FnOnce(&str) -> Result<Fleet, NoFleet>) -> Result<(Page, Fleet), Error> {
    let report = RefCell::new(Report::new());
    let file = report.borrow_mut().file(name, text);
    let read = match split(text) {
        Some((front, body)) => files::parse(&report, file, &front).map(|table| {
            let head = 0..text.find('\n').unwrap_or(text.len());
            let reader = Reader::new(file, "runbook", table.get_ref(), head, &report);
            read_page(reader, name, body, load)
        }),
        None => {
            let help = "a first line `+++`, TOML with a `[drill]` table, and another line `+++`";
            report.borrow_mut().mistake(file, 0..0, "this runbook has no front matter", help);
            None
        }
    };
    let report = report.into_inner();
    match read.transpose()?.flatten() {
        Some(read) if report.is_empty() => Ok(read),
        _ => Err(Error::Mistakes { name: name.to_owned(), report: Box::new(report) }),
    }
}

/// The front matter at its own place (the opening line blanked, so that every span fits the file), and what follows it.
fn split(text: &str) -> Option<(String, &str)> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().filter(|l| l.trim_end() == "+++")?;
    let mut end = first.len();
    for line in lines {
        if line.trim_end() == "+++" {
            return Some((format!("   {}", &text[3..end]), &text[end + line.len()..]));
        }
        end += line.len();
    }
    None
}

fn read_page(
    r: Reader<'_, '_>,
    name: &str,
    body: &str,
    load: impl FnOnce(&str) -> Result<Fleet, NoFleet>,
) -> Result<Option<(Page, Fleet)>, Error> {
    let id = r.text("id");
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str());
    if let (Some(id), Some(stem)) = (&id, stem)
        && id.value != stem
    {
        let message = format!("the runbook `{}` stands in a file that is named `{stem}`", id.value);
        r.mistake(id.span.clone(), message, format!("`id = \"{stem}\"`, or rename the file"));
    }
    let alarm = r.text("alarm");
    let severity = r.choice("severity", &["P0", "P1", "P2", "P3", "P4"].map(|level| (level, level)));
    let list = |key| r.texts(key).map(|all| all.into_iter().map(|t| t.value).collect::<Vec<_>>());
    let (escalation, go_no_go, procedures) = (list("escalation"), list("go_no_go"), list("procedures"));
    let drill = match r.table("drill", "drill") {
        Some(drill) => read_drill(drill, load)?,
        None => None,
    };
    r.finish();
    let page = || {
        let (drill, fleet) = drill?;
        let page = Page {
            id: id?.value,
            alarm: alarm?.value,
            severity: severity?.to_owned(),
            escalation: escalation?,
            go_no_go: go_no_go?,
            procedures: procedures?,
            drill,
            text: body.to_owned(),
        };
        Some((page, fleet))
    };
    Ok(page())
}

fn read_drill(
    r: Reader<'_, '_>,
    load: impl FnOnce(&str) -> Result<Fleet, NoFleet>,
) -> Result<Option<(Drill, Fleet)>, Error> {
    const DAY_S: f64 = 86_400.0;
    let name = r.text("fleet");
    let fleet = match &name {
        Some(name) if name.value.is_empty() || name.value.contains(['/', '\\', '.']) => {
            let help = "the name of a folder in deploy/fleets, such as \"small\"; `--fleet` takes any other folder";
            r.mistake(name.span.clone(), format!("`fleet` is \"{}\"", name.value), help);
            None
        }
        Some(name) => match load(&name.value) {
            Ok(fleet) => Some(fleet),
            Err(NoFleet::Wrong(error)) => return Err(Error::Fleet(error)),
            Err(NoFleet::NoneKept(folder)) => {
                return Err(Error::NoneKept { fleet: name.value.clone(), folder: folder.display().to_string() });
            }
            Err(NoFleet::Unknown(all)) => {
                nowhere(&r, name, "deploy/fleets", "fleet", &name.value, all.iter().map(String::as_str).collect());
                None
            }
        },
        None => None,
    };
    // Up to here a float counts without gaps.
    let seed = r.whole("seed", 0, 1 << 53);
    let start_hour = r.number_in("start_hour", 0.0, 24.0);
    let settle = r.number_in("settle_s", 0.0, DAY_S);
    let run = r.number_in("run_s", 1.0, DAY_S);
    let tolerance_mw = r.number_in("tolerance_mw", 0.0, f64::INFINITY);
    let last_s = run.unwrap_or(DAY_S);
    let tables = |key, what, example: &str| {
        let tables = r.tables(key, what);
        if tables.is_empty() {
            r.mistake(r.span.clone(), format!("this drill has no `[[drill.{key}]]`"), example);
        }
        tables
    };
    let tables_of_faults = tables("fault", "drill fault", "a table `[[drill.fault]]` with `at_s` and `do`");
    let written = tables_of_faults.len();
    let mut faults: Vec<Happens> =
        tables_of_faults.into_iter().filter_map(|f| read_fault(f, fleet.as_ref(), last_s)).collect();
    faults.sort_by_key(|f| f.at);
    // Which is the first is known only when all could be read.
    let first = faults.first().filter(|_| faults.len() == written);
    let first_s = first.map_or(0.0, |f| f.at as f64 / 1000.0);
    let mut expects: Vec<Expect> = Vec::new();
    for e in tables("expect", "drill expectation", "a table `[[drill.expect]]` with `what` and its time") {
        let span = e.span.clone();
        let Some(expect) = expect::read(e, fleet.as_ref(), (first_s, last_s)) else { continue };
        if expects.iter().any(|other| other.to_string() == expect.to_string()) {
            r.mistake(span, format!("`{expect}` is expected twice"), "one expectation of a kind");
        }
        expects.push(expect);
    }
    r.finish();
    let drill = || {
        let drill = Drill {
            fleet: name?.value,
            seed: seed?,
            start_hour: start_hour?,
            settle: ms(settle?),
            run: ms(run?),
            tolerance_mw: tolerance_mw?,
            faults,
            expects,
        };
        Some((drill, fleet?))
    };
    Ok(drill())
}

fn read_fault(r: Reader<'_, '_>, fleet: Option<&Fleet>, last_s: f64) -> Option<Happens> {
    let at = r.number_in("at_s", 0.0, last_s).map(ms);
    let found = r.text("do").and_then(|words| find_fault(&r, words, fleet));
    r.finish();
    let (words, plant, fault) = found?;
    Some(Happens { at: at?, words, plant, fault })
}

fn find_fault(r: &Reader<'_, '_>, words: At<String>, fleet: Option<&Fleet>) -> Option<(String, PlantId, Fault)> {
    let split: Vec<&str> = words.value.split_whitespace().collect();
    let Ok(fault) = Fault::parse(&split) else {
        let help = "`trip SOURCE`, `stick TAG VALUE`, `drift TAG PER_MINUTE`, `close MAIN`, `silence DEVICE` or \
                    `restore WHAT`, with names in full (`trip north.b1`)";
        r.mistake(words.span, format!("\"{}\" is no fault", words.value), help);
        return None;
    };
    match fault.plant(fleet?) {
        Ok(plant) => Some((words.value, plant.clone(), fault)),
        Err(fault::Error::Nowhere { what, name, all }) => {
            nowhere(r, &words, "the fleet", what, &name, all.iter().map(String::as_str).collect());
            None
        }
        Err(other) => unreachable!("only a name can be missing from a fleet: {other}"),
    }
}
