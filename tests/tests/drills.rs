//! Every runbook says of itself what its drill shows, and a drill sees a mechanism that is missing.

use hypocaust_edge::core::{Birth, Core, Effect, Input, Memory, Now};
use hypocaust_protocols::model::{Fleet, PlantId};
use hypocaust_protocols::wire::VerifyingKey;
use hypocaust_sim::drill::report::{BANNER, FIGURES};
use hypocaust_sim::drill::{self, Page, Report, cli};
use hypocaust_sim::world::{EdgeNode, Makers};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn runbooks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks")
}

/// The page in this text, and its fleet.
fn read(name: &str, text: &str) -> (Page, Arc<Fleet>) {
    let read = drill::read(name, text, |fleet| cli::find(&runbooks(), None, fleet));
    let (page, fleet) = read.unwrap_or_else(|e| panic!("{e}"));
    (page, Arc::new(fleet))
}

fn source_tripped() -> String {
    std::fs::read_to_string(runbooks().join("source-tripped.md")).expect("the first runbook")
}

/// The first runbook with `from` replaced by `to`, run with these cores.
fn run(changes: &[(&str, &str)], makers: Makers) -> Report {
    let mut text = source_tripped();
    for (from, to) in changes {
        assert!(text.contains(from), "the runbook no longer holds {from:?}");
        text = text.replacen(from, to, 1);
    }
    let (page, fleet) = read("source-tripped.md", &text);
    drill::run(&fleet, &page, makers).expect("its journal can be read")
}

fn met(report: &Report, what: &str) -> bool {
    report.expectations.iter().find(|v| v.what == what).unwrap_or_else(|| panic!("{what} is not expected")).met
}

#[test]
fn every_page_says_what_its_drill_shows() {
    let (mut ran, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(runbooks()).expect("the runbooks") {
        let path = entry.expect("an entry of the folder").path();
        if path.extension().is_none_or(|e| e != "md") {
            continue;
        }
        let (page, fleet) = read(&path.display().to_string(), &std::fs::read_to_string(&path).expect("a runbook"));
        let report = drill::run(&fleet, &page, Makers::default()).expect("its journal can be read");
        let says = page.text.lines().filter(|l| l.starts_with(BANNER) || l.starts_with(FIGURES));
        let (says, so) = (says.collect::<Vec<_>>().join("\n"), report.banner().join("\n"));
        if says != so {
            wrong.push(format!("{} says:\n{says}\nIt should say:\n{so}\n{}", path.display(), report.text()));
        }
        ran += 1;
    }
    assert!(ran > 0, "there is no runbook");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A page that is named at 3 a.m. has to be there, and be the page of that name. `check` cannot know where a fleet's pages
/// lie; those of the sample fleets lie here.
#[test]
fn every_page_that_a_sample_fleet_names_is_there() {
    let mut named = std::collections::BTreeSet::new();
    for fleet in ["small", "four"] {
        let folder = runbooks().join("../deploy/fleets").join(fleet);
        for plant in hypocaust_protocols::files::load(&folder).expect("a sample fleet is right").plants {
            named.extend(plant.trips.into_iter().map(|t| t.runbook));
            named.extend(plant.alarms.into_iter().map(|a| a.runbook));
        }
    }
    assert!(!named.is_empty());
    for id in named {
        let path = runbooks().join(format!("{id}.md"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(read(&path.display().to_string(), &text).0.id, id.as_str());
    }
}

#[test]
fn the_same_drill_gives_the_same_line() {
    let text = source_tripped();
    let expects = text.find("[[drill.expect]]").expect("an expectation")..text.rfind("+++").expect("the end");
    let shed = "[[drill.expect]]\nwhat = \"shed production\"\nby_s = 2\n";
    let changes = [(&text[expects], shed), ("run_s = 1500", "run_s = 90"), ("at_s = 300", "at_s = 60")];
    let line = run(&changes, Makers::default()).line();
    assert_eq!(line, run(&changes, Makers::default()).line());
    assert!(line.starts_with(r#"{"schema":"drill/1","runbook":"source-tripped","#) && line.ends_with("}\n"), "{line}");
    assert_eq!(line.matches('\n').count(), 1, "one line a drill");
    assert!(!line.contains("\"at\":"), "no date but the caller's: {line}");
}

#[test]
fn a_deadline_that_nobody_can_keep_is_missed() {
    // The boiler's start alone takes until 615 s.
    let report = run(&[("by_s = 645", "by_s = 500")], Makers::default());
    assert!(!report.met() && !met(&report, "restarted north.b1"));
    let text = report.text();
    assert!(text.contains("MISSED  restarted north.b1") && text.contains("by 500 s"), "{text}");
}

/// An edge whose writes to caps reach nobody, and otherwise the real one.
struct Toothless(Core);

impl EdgeNode for Toothless {
    fn handle(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let mut effects = self.0.handle(now, input);
        effects.retain(|e| !matches!(e, Effect::Write { setpoint, .. } if setpoint.as_str().ends_with(".cap-sp")));
        effects
    }
    fn birth(&mut self, now: Now) -> Birth {
        self.0.birth(now)
    }
}

#[test]
fn without_shedding_people_go_short_and_the_drill_sees_it() {
    let edge = |fleet: Arc<Fleet>, plant: &PlantId, key: VerifyingKey, boot: u64, memory: Memory, now: Now| {
        Some(Box::new(Toothless(Core::new(fleet, plant, key, boot, memory, now)?)) as Box<dyn EdgeNode>)
    };
    let report = run(&[], Makers { edge, ..Makers::default() });
    for what in ["shed production", "shed comfort", "shed-done", "sheds-in-order", "life-safety-whole"] {
        assert!(!met(&report, what), "{what} is met by an edge that sheds nothing:\n{}", report.text());
    }
}
