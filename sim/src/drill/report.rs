//! The validation report of a drill: as one line of a log, as text for a person, and as what the page has to say of
//! itself.
//!
//! The world is deterministic and nothing here reads a clock, so the same tree gives the same line; a date stands in it
//! only where the caller gives one.

use super::expect::Promised;
use super::judge::{Verdict, judge, seconds};
use super::measure::{longest, over_at, promises, shortages, standstills};
use super::page::Page;
use super::trace::Trace;
use hypocaust_protocols::model::Fleet;
use serde::Serialize;
use std::fmt::Write;

pub const SCHEMA: &str = "drill/1";
/// How the page's verdict on its drill begins.
pub const BANNER: &str = "> Drill: ";
/// How its figures begin.
pub const FIGURES: &str = "> Figures of the drill: ";

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Done {
    pub at_s: f64,
    #[serde(rename = "do")]
    pub words: String,
}

/// What the centre promised since the cause was gone, s; how far the worst of it lay from the truth.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Promises {
    pub made: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_off_s: Option<f64>,
}

/// A source that stood still.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceBack {
    pub source: String,
    pub lost_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_s: Option<f64>,
    pub promised: Promises,
}

/// A consumer that missed heat.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConsumerBack {
    pub consumer: String,
    pub class: &'static str,
    pub short_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole_s: Option<f64>,
    pub longest_s: f64,
    pub worst_mw: f64,
    /// The class's deadline; absent: best effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_s: Option<f64>,
    pub promised: Promises,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub runbook: String,
    /// The caller's date, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    pub version: &'static str,
    pub fleet: String,
    pub seed: u64,
    pub start_hour: f64,
    pub settle_s: f64,
    pub run_s: f64,
    pub tolerance_mw: f64,
    pub faults: Vec<Done>,
    pub result: &'static str,
    pub expectations: Vec<Verdict>,
    pub sources: Vec<SourceBack>,
    pub consumers: Vec<ConsumerBack>,
}

/// The report of a drill that was lived through.
pub fn report(fleet: &Fleet, page: &Page, trace: &Trace) -> Report {
    let drill = &page.drill;
    let expectations = judge(fleet, drill, trace);
    let promised = |of: &Promised, truth: Option<i64>| {
        // What was promised for a time after the heat was there is not a promise any more.
        let all: Vec<_> =
            promises(drill, trace, of).into_iter().filter(|p| truth.is_none_or(|at| p.made <= at)).collect();
        let off = |at: i64| all.iter().map(|p| p.heat_at - at).max_by_key(|off| off.abs());
        Promises {
            made: all.len(),
            first_s: all.first().map(|p| seconds(p.heat_at)),
            last_s: all.last().map(|p| seconds(p.heat_at)),
            worst_off_s: truth.and_then(off).map(seconds),
        }
    };
    let sources = fleet.sources().enumerate().filter_map(|(i, (_, s))| {
        let spans = standstills(trace, i);
        let on = over_at(&spans);
        Some(SourceBack {
            source: s.id.to_string(),
            lost_s: seconds(spans.first()?.from),
            on_s: on.map(seconds),
            promised: promised(&Promised::Source(s.id.clone()), on),
        })
    });
    let consumers = fleet.consumers().enumerate().filter_map(|(i, (_, c))| {
        let spans = shortages(drill, trace, i);
        let whole = over_at(&spans);
        let worst = trace.moments.iter().map(|m| m.consumers[i].missed()).fold(0.0, f64::max);
        let minutes = fleet.limits.restore_min[c.class as usize];
        Some(ConsumerBack {
            consumer: c.id.to_string(),
            class: c.class.name(),
            short_s: seconds(spans.first()?.from),
            whole_s: whole.map(seconds),
            longest_s: seconds(longest(&spans)),
            worst_mw: (worst * 1000.0).round() / 1000.0,
            allowed_s: (minutes > 0.0).then_some(minutes * 60.0),
            promised: promised(&Promised::Consumer(c.id.clone()), whole),
        })
    });
    Report {
        schema: SCHEMA,
        runbook: page.id.clone(),
        at: None,
        version: env!("CARGO_PKG_VERSION"),
        fleet: fleet.id.to_string(),
        seed: drill.seed,
        start_hour: drill.start_hour,
        settle_s: seconds(drill.settle),
        run_s: seconds(drill.run),
        tolerance_mw: drill.tolerance_mw,
        faults: drill.faults.iter().map(|f| Done { at_s: seconds(f.at), words: f.words.clone() }).collect(),
        result: if expectations.iter().all(|v| v.met) { "met" } else { "missed" },
        expectations,
        sources: sources.collect(),
        consumers: consumers.collect(),
    }
}

/// A time in words, whole seconds from ten on: the page is not to change with every tenth.
fn short(seconds: f64) -> String {
    if seconds.abs() < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

fn or_never(time: Option<f64>) -> String {
    time.map_or("never".into(), |t| format!("{t:.1}"))
}

fn or_none(time: Option<f64>) -> String {
    time.map_or("-".into(), |t| format!("{t:.1}"))
}

impl Verdict {
    /// The figure that it was judged by.
    fn figure(&self) -> String {
        match self {
            Verdict { within_s: Some(within), off_s, .. } => match off_s {
                Some(off) => format!("off by {}, within {}", short(*off), short(*within)),
                None => format!("no figure, within {}", short(*within)),
            },
            Verdict { by_s: Some(by), measured_s, .. } => match measured_s {
                Some(at) => format!("{}, by {}", short(*at), short(*by)),
                None => format!("never, by {}", short(*by)),
            },
            Verdict { allowed_s: Some(allowed), longest_s: Some(longest), .. } => {
                format!("{} at most, allowed {}", short(*longest), short(*allowed))
            }
            _ => "nothing to measure".into(),
        }
    }
}

impl Report {
    pub fn met(&self) -> bool {
        self.expectations.iter().all(|v| v.met)
    }

    /// The line of the log, with its end.
    pub fn line(&self) -> String {
        format!("{}\n", serde_json::to_string(self).expect("a report is plain data and always has a JSON form"))
    }

    /// What the page says of itself: the verdict, for its head, and the figures, for its foot.
    pub fn banner(&self) -> [String; 2] {
        let list = |of: &mut dyn Iterator<Item = &Verdict>| {
            of.map(|v| format!("{} ({})", v.what, v.figure())).collect::<Vec<_>>().join("; ")
        };
        let count = self.expectations.iter().filter(|v| v.met).count();
        let (all, world) = (self.expectations.len(), "in the simulated world, not yet against the running programs");
        let head = if self.met() {
            format!("{BANNER}**met**, {count} of {all}, {world}.")
        } else {
            let missed = list(&mut self.expectations.iter().filter(|v| !v.met));
            format!("{BANNER}**missed**: {missed}. {count} of {all} met, {world}.")
        };
        [head, format!("{FIGURES}{}.", list(&mut self.expectations.iter()))]
    }

    /// The report for a person.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let Report { runbook, fleet, seed, settle_s, run_s, .. } = self;
        let _ =
            writeln!(out, "Drill of {runbook}: fleet {fleet}, seed {seed}, {run_s} s after {settle_s} s of settling");
        let _ = writeln!(out, "Seconds count from the end of settling.");
        for fault in &self.faults {
            let _ = writeln!(out, "  {:8.1}  {}", fault.at_s, fault.words);
        }
        let width = self.expectations.iter().map(|v| v.what.len()).max().unwrap_or(0);
        let _ = writeln!(out, "\nExpectations");
        for v in &self.expectations {
            let word = if v.met { "met   " } else { "MISSED" };
            let _ = write!(out, "  {word}  {:width$}  {}", v.what, v.figure());
            if let Some(predicted) = v.predicted_s {
                let _ = write!(out, "; predicted {predicted:.1} s");
                if let (Some(_), Some(at)) = (v.off_s, v.measured_s) {
                    let _ = write!(out, ", measured {at:.1} s");
                }
            }
            if let Some(worst) = v.worst_mw {
                let _ = write!(out, "; {worst:.3} MW at worst");
            }
            let _ = writeln!(out, "\n          {:width$}  {}", "", v.seen);
        }
        self.tables(&mut out);
        let met = self.expectations.iter().filter(|v| v.met).count();
        let _ = writeln!(out, "\n{}: {met} of {} expectations met", self.result, self.expectations.len());
        out
    }

    fn tables(&self, out: &mut String) {
        if !self.sources.is_empty() {
            let _ =
                writeln!(out, "\n{:20}{:>10}{:>10}{:>16}{:>12}", "Source", "lost", "on", "promised first", "worst off");
        }
        for s in &self.sources {
            let _ = writeln!(
                out,
                "{:20}{:>10.1}{:>10}{:>16}{:>12}",
                s.source,
                s.lost_s,
                or_never(s.on_s),
                or_none(s.promised.first_s),
                or_none(s.promised.worst_off_s)
            );
        }
        if !self.consumers.is_empty() {
            let _ = writeln!(
                out,
                "\n{:20}{:22}{:>10}{:>10}{:>10}{:>10}{:>10}{:>16}{:>12}",
                "Consumer", "class", "short", "whole", "longest", "allowed", "MW", "promised first", "worst off"
            );
        }
        for c in &self.consumers {
            let _ = writeln!(
                out,
                "{:20}{:22}{:>10.1}{:>10}{:>10.1}{:>10}{:>10.3}{:>16}{:>12}",
                c.consumer,
                c.class,
                c.short_s,
                or_never(c.whole_s),
                c.longest_s,
                c.allowed_s.map_or("-".into(), |s| format!("{s:.0}")),
                c.worst_mw,
                or_none(c.promised.first_s),
                or_none(c.promised.worst_off_s)
            );
        }
    }
}
