//! Each expectation against the trace: met, or missed and why.
//!
//! An expectation that had nothing to show is missed: a drill in which nobody was shed proves no order of shedding.

use super::expect::{Expect, Promised};
use super::measure::*;
use super::page::Drill;
use super::trace::{Draw, Trace};
use crate::physics::VALVE_LAG_S;
use hypocaust_central::domain::{Event, Schedule};
use hypocaust_protocols::model::{Class, ConsumerId, Fleet, SourceId};
use serde::Serialize;

/// The share of what the schedule withholds at which shedding counts as done; the rest is rounding and its next cycle.
const DONE_SHARE: f64 = 0.95;
/// A valve has come to rest after so many of its time constants (95 %).
const LAGS: f64 = 3.0;

/// Seconds, rounded to the world's step; that is how long words are measured here.
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn mw(value: f64) -> f64 {
    // Plus zero, so that a rounded trifle below zero is not written as -0.
    (value * 1000.0).round() / 1000.0 + 0.0
}

/// What became of one expectation. Seconds from the end of settling, but for lengths (`within`, `off`, `longest`).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Verdict {
    pub what: String,
    pub met: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_s: Option<f64>,
    /// Promise less truth: above zero, heat came sooner than was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_mw: Option<f64>,
    /// What was seen, and of a missed one the reason.
    pub seen: String,
}

/// Judges all expectations, in the order of the page.
pub fn judge(fleet: &Fleet, drill: &Drill, trace: &Trace) -> Vec<Verdict> {
    let bench = Bench { fleet, drill, trace };
    drill.expects.iter().map(|e| Verdict { what: e.to_string(), ..bench.verdict(e) }).collect()
}

struct Bench<'a> {
    fleet: &'a Fleet,
    drill: &'a Drill,
    trace: &'a Trace,
}

/// Something that had to happen by a time.
fn timed(measured: Option<i64>, by: i64, seen: String) -> Verdict {
    Verdict {
        met: measured.is_some_and(|at| at <= by),
        measured_s: measured.map(seconds),
        by_s: Some(seconds(by)),
        seen,
        ..Verdict::default()
    }
}

impl Bench<'_> {
    fn verdict(&self, expect: &Expect) -> Verdict {
        match expect {
            Expect::Shed { class, by } => self.shed(*class, *by),
            Expect::ShedDone { by } => self.shed_done(*by),
            Expect::ShedsInOrder => self.in_order(),
            Expect::LifeSafetyWhole => self.life_safety(),
            Expect::Restarted { source, by } => self.restarted(source, *by),
            Expect::AllServed { by } => self.all_served(*by),
            Expect::DeadlinesKept => self.deadlines(),
            Expect::Predicted { of, within } => self.predicted(of, *within),
        }
    }

    fn shed(&self, class: Class, by: i64) -> Verdict {
        let struck = struck(self.drill);
        let Some(before) = self.trace.moments.iter().rfind(|m| m.at <= struck) else {
            return timed(None, by, "the drill ended before its first fault".into());
        };
        let lowered = |now: &[Draw]| {
            self.fleet.consumers().enumerate().find_map(|(i, (_, c))| {
                let down = before.consumers[i].cap - now[i].cap > self.drill.tolerance_mw;
                (c.class == class && down).then_some(&c.id)
            })
        };
        let at = first(self.trace, struck, |now| lowered(now).is_some());
        let bites = first(self.trace, struck, |now| {
            self.fleet
                .consumers()
                .zip(now)
                .any(|((_, c), d)| c.class == class && d.withheld() > self.drill.tolerance_mw)
        });
        let who = at.and_then(|at| self.trace.moments.iter().find(|m| m.at == at)).and_then(|m| lowered(&m.consumers));
        let seen = match (who, bites) {
            (Some(id), Some(bites)) => {
                format!("{id} first; a cap of this class takes heat from {:.1} s on", seconds(bites))
            }
            (Some(id), None) => format!("{id}, but no cap of this class ever fell below what was asked for"),
            (None, _) => format!("no cap of class {class} was lowered"),
        };
        timed(at, by, seen)
    }

    fn shed_done(&self, by: i64) -> Verdict {
        let struck = struck(self.drill);
        let schedules: Vec<(i64, &Schedule)> = self
            .trace
            .events
            .iter()
            .filter_map(|(at, event)| match event {
                Event::Scheduled { schedule } if *at >= struck => Some((*at, &**schedule)),
                _ => None,
            })
            .collect();
        let Some((planned_at, planned)) = schedules.iter().find(|(_, s)| !s.short.is_empty()) else {
            return timed(None, by, "no schedule after the fault withheld heat from anybody".into());
        };
        let wanted = |schedule: &Schedule| schedule.short.iter().map(|s| s.asked_mw - s.served_mw).sum::<f64>();
        let withheld = |schedule: &Schedule, now: &[Draw]| -> f64 {
            let capped = |id: &ConsumerId| schedule.short.iter().any(|s| s.consumer == *id);
            self.fleet.consumers().zip(now).filter(|((_, c), _)| capped(&c.id)).map(|(_, d)| d.withheld()).sum()
        };
        // By the schedule of the moment: what the first one wants may be needed no more when others have taken over load.
        let at_the_time = |at: i64| schedules.iter().rfind(|(since, _)| *since <= at).map(|(_, s)| *s);
        let done = self
            .trace
            .moments
            .iter()
            .filter(|m| m.at >= *planned_at)
            .find(|m| at_the_time(m.at).is_some_and(|s| withheld(s, &m.consumers) >= DONE_SHARE * wanted(s)));
        let names: Vec<&str> = planned.short.iter().map(|s| s.consumer.as_str()).collect();
        let mut seen = format!(
            "the schedule of {:.1} s withholds {:.2} MW from {}",
            seconds(*planned_at),
            wanted(planned),
            names.join(", ")
        );
        if done.is_none_or(|m| m.at > by)
            && let Some(due) = self.trace.moments.iter().find(|m| m.at >= by)
            && let Some(schedule) = at_the_time(due.at)
        {
            let (is, should) = (withheld(schedule, &due.consumers), wanted(schedule));
            seen.push_str(&format!("; at {:.1} s the caps withheld {is:.2} of {should:.2} MW", seconds(by)));
        }
        timed(done.map(|m| m.at), by, seen)
    }

    /// Something that must never last longer than `allowed`.
    fn brief(&self, worst: Option<(i64, Span, String)>, allowed: i64, never: &str) -> Verdict {
        let longest = worst.as_ref().map_or(0, |w| w.0);
        let seen = match worst {
            Some((_, span, text)) => format!("{text}, from {:.1} s on", seconds(span.from)),
            None => never.to_owned(),
        };
        Verdict {
            met: longest <= allowed,
            longest_s: Some(seconds(longest)),
            allowed_s: Some(seconds(allowed)),
            seen,
            ..Verdict::default()
        }
    }

    fn in_order(&self) -> Verdict {
        let valve = (LAGS * VALVE_LAG_S * 1000.0) as i64;
        let cycle = (self.fleet.limits.dispatch_period_s * 1000.0) as i64;
        let tolerance = self.drill.tolerance_mw;
        let all: Vec<_> = self.fleet.consumers().map(|(_, c)| c).enumerate().collect();
        let mut worst: Option<(i64, Span, String)> = None;
        for (i, high) in &all {
            for (j, low) in all.iter().filter(|(_, c)| c.header == high.header && c.class > high.class) {
                let Some(shed) = &low.shed else { continue };
                let found = spans(self.trace, 0, |k| {
                    let now = &self.trace.moments[k].consumers;
                    now[*i].missed() > tolerance && now[*j].served > shed.turndown_mw + tolerance
                });
                let Some(span) = found.into_iter().max_by_key(Span::length) else { continue };
                if worst.as_ref().is_none_or(|w| span.length() > w.0) {
                    let text = format!("{} ({}) was short while {} ({}) drew", high.id, high.class, low.id, low.class);
                    worst = Some((span.length(), span, text));
                }
            }
        }
        let never = "nobody was short while a lower class on the same header drew";
        let mut verdict = self.brief(worst, reaction(self.fleet) + cycle + valve, never);
        let struck = struck(self.drill);
        let shed = first(self.trace, struck, |now| now.iter().any(|d| d.withheld() > tolerance));
        if shed.is_none() {
            verdict.met = false;
            verdict.seen = "nobody was shed, so no order was shown".into();
        }
        verdict
    }

    fn life_safety(&self) -> Verdict {
        let mut worst: Option<(i64, Span, String)> = None;
        let mut most = 0.0_f64;
        for (i, (_, c)) in self.fleet.consumers().enumerate().filter(|(_, (_, c))| c.class == Class::LifeSafety) {
            most = self.trace.moments.iter().map(|m| m.consumers[i].missed()).fold(most, f64::max);
            let found = spans(self.trace, 0, |k| self.trace.moments[k].consumers[i].missed() > self.drill.tolerance_mw);
            let Some(span) = found.into_iter().max_by_key(Span::length) else { continue };
            if worst.as_ref().is_none_or(|w| span.length() > w.0) {
                worst = Some((span.length(), span, format!("{} was short", c.id)));
            }
        }
        let never = format!("nobody of it ever missed more than {} MW", self.drill.tolerance_mw);
        Verdict { worst_mw: Some(mw(most)), ..self.brief(worst, reaction(self.fleet), &never) }
    }

    fn restarted(&self, source: &SourceId, by: i64) -> Verdict {
        let promise = promises(self.drill, self.trace, &Promised::Source(source.clone())).first().copied();
        let (at, seen) = match self.back(&Promised::Source(source.clone())) {
            Back::Never => (None, format!("{source} never stood still, so no restart was shown")),
            Back::NotYet => (None, format!("{source} was not on at the end")),
            Back::At(at) => (
                Some(at),
                match promise {
                    Some(p) => format!("promised at {:.1} s", seconds(p.made)),
                    None => "the centre promised no time".into(),
                },
            ),
        };
        Verdict { predicted_s: promise.map(|p| seconds(p.heat_at)), ..timed(at, by, seen) }
    }

    fn all_served(&self, by: i64) -> Verdict {
        let mut last: Option<(Option<i64>, &ConsumerId)> = None;
        for (i, (_, c)) in self.fleet.consumers().enumerate() {
            let spans = shortages(self.drill, self.trace, i);
            if spans.is_empty() {
                continue;
            }
            let whole = over_at(&spans);
            // `None` is the worst of all: still short.
            if last.is_none_or(|(worst, _)| worst.is_some() && (whole.is_none() || whole > worst)) {
                last = Some((whole, &c.id));
            }
        }
        match last {
            None => timed(Some(0), by, "nobody was ever short".into()),
            Some((None, id)) => timed(None, by, format!("{id} was short at the end")),
            Some((Some(at), id)) => timed(Some(at), by, format!("{id} last")),
        }
    }

    fn deadlines(&self) -> Verdict {
        // By the share of the deadline that was used, so that the nearest to a miss is shown.
        let mut worst: Option<(f64, i64, i64, String)> = None;
        for (i, (_, c)) in self.fleet.consumers().enumerate() {
            let allowed = (self.fleet.limits.restore_min[c.class as usize] * 60_000.0) as i64;
            let spans = shortages(self.drill, self.trace, i);
            let length = longest(&spans);
            if allowed <= 0 || spans.is_empty() {
                continue;
            }
            let share = length as f64 / allowed as f64;
            if worst.as_ref().is_none_or(|w| share > w.0) {
                let open = spans.iter().any(|s| s.open && s.length() == length);
                let until = if open { " and still was at the end" } else { "" };
                worst = Some((share, length, allowed, format!("{} ({}) was short longest{until}", c.id, c.class)));
            }
        }
        match worst {
            None => Verdict { met: true, seen: "nobody with a deadline was short".into(), ..Verdict::default() },
            Some((_, length, allowed, seen)) => Verdict {
                met: length <= allowed,
                longest_s: Some(seconds(length)),
                allowed_s: Some(seconds(allowed)),
                seen,
                ..Verdict::default()
            },
        }
    }

    fn predicted(&self, of: &Promised, within: i64) -> Verdict {
        let promise = promises(self.drill, self.trace, of).first().copied();
        let back = self.back(of);
        let measured = if let Back::At(at) = back { Some(at) } else { None };
        let off = promise.zip(measured).map(|(p, at)| p.heat_at - at);
        let seen = match (promise, back) {
            (_, Back::Never) => "it never missed heat, so nothing was promised for it".to_owned(),
            (None, _) => "the centre promised no time after the cause was gone".to_owned(),
            (Some(_), Back::NotYet) => "it had no heat at the end".to_owned(),
            (Some(p), Back::At(_)) => format!("promised at {:.1} s", seconds(p.made)),
        };
        Verdict {
            met: off.is_some_and(|off| off.abs() <= within),
            predicted_s: promise.map(|p| seconds(p.heat_at)),
            measured_s: measured.map(seconds),
            off_s: off.map(seconds),
            within_s: Some(seconds(within)),
            seen,
            ..Verdict::default()
        }
    }

    fn back(&self, of: &Promised) -> Back {
        let spans = match of {
            Promised::Source(id) => {
                let i = self.fleet.sources().position(|(_, s)| s.id == *id);
                i.map(|i| standstills(self.trace, i))
            }
            Promised::Consumer(id) => {
                let i = self.fleet.consumers().position(|(_, c)| c.id == *id);
                i.map(|i| shortages(self.drill, self.trace, i))
            }
        };
        match spans {
            Some(spans) if !spans.is_empty() => over_at(&spans).map_or(Back::NotYet, Back::At),
            _ => Back::Never,
        }
    }
}

/// When something that was gone was there again for good.
enum Back {
    Never,
    NotYet,
    At(i64),
}
