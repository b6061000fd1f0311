//! What a trace shows: who was short and for how long, what stood still, what the centre promised and how near it came.

use super::expect::Promised;
use super::page::Drill;
use super::trace::{Draw, Trace};
use crate::fault::Fault;
use hypocaust_central::domain::Event;
use hypocaust_protocols::model::{Fleet, SourceState};

/// Heat that is back for less than this and then gone again was not back, ms.
const BACK_MS: i64 = 60_000;

/// A stretch of time in which something held, ms; `to` is the first moment in which it no longer did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    pub from: i64,
    pub to: i64,
    /// It held to the end of the drill, so how long it would have lasted is not known.
    pub open: bool,
}

impl Span {
    pub fn length(&self) -> i64 {
        self.to - self.from
    }
}

/// The stretches in which `holds`; those with less than `gap` between them are one.
pub fn spans(trace: &Trace, gap: i64, holds: impl Fn(usize) -> bool) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    let mut open = false;
    for (i, moment) in trace.moments.iter().enumerate() {
        let now = holds(i);
        match (open, now) {
            (false, true) => match found.last_mut() {
                Some(last) if moment.at - last.to < gap => last.open = true,
                _ => found.push(Span { from: moment.at, to: moment.at, open: true }),
            },
            (true, false) => {
                if let Some(last) = found.last_mut() {
                    (last.to, last.open) = (moment.at, false);
                }
            }
            _ => {}
        }
        open = now;
    }
    if let (Some(last), Some(end)) = (found.last_mut().filter(|s| s.open), trace.moments.last()) {
        last.to = end.at;
    }
    found
}

/// The longest of them, in ms.
pub fn longest(spans: &[Span]) -> i64 {
    spans.iter().map(Span::length).max().unwrap_or(0)
}

/// When each consumer missed more than the drill's tolerance.
pub fn shortages(drill: &Drill, trace: &Trace, consumer: usize) -> Vec<Span> {
    spans(trace, BACK_MS, |i| trace.moments[i].consumers[consumer].missed() > drill.tolerance_mw)
}

/// When a source that had been on was not.
pub fn standstills(trace: &Trace, source: usize) -> Vec<Span> {
    let on = |i: usize| trace.moments[i].sources[source] == SourceState::On;
    let first = (0..trace.moments.len()).find(|i| on(*i)).unwrap_or(trace.moments.len());
    spans(trace, 0, |i| i > first && !on(i))
}

/// The moment from which nothing of this holds any more; `None`: it held at the end. Zero where it never did.
pub fn over_at(spans: &[Span]) -> Option<i64> {
    spans.last().map_or(Some(0), |last| (!last.open).then_some(last.to))
}

/// The first moment at or after `from` for which this is true.
pub fn first(trace: &Trace, from: i64, is_so: impl Fn(&[Draw]) -> bool) -> Option<i64> {
    trace.moments.iter().find(|m| m.at >= from && is_so(&m.consumers)).map(|m| m.at)
}

/// The moment of the first fault.
pub fn struck(drill: &Drill) -> i64 {
    drill.faults.first().map_or(0, |f| f.at)
}

/// From when a promise counts: the last cause is gone, or, where nothing is mended, the first fault.
pub fn mended(drill: &Drill) -> i64 {
    let mend = drill.faults.iter().rev().find(|f| matches!(f.fault, Fault::Restore { .. }));
    mend.map_or(struck(drill), |f| f.at)
}

/// A time at which the centre said that heat would be there, and when it said so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Promise {
    pub made: i64,
    pub heat_at: i64,
}

/// Every promise since the cause was gone, oldest first.
pub fn promises(drill: &Drill, trace: &Trace, of: &Promised) -> Vec<Promise> {
    let told = |event: &Event| match (event, of) {
        (
            Event::RestorationOpened { source, heat_at, .. } | Event::RestorationMoved { source, heat_at, .. },
            Promised::Source(id),
        ) if source == id => *heat_at,
        (Event::Scheduled { schedule }, Promised::Consumer(id)) => {
            schedule.short.iter().find(|s| s.consumer == *id).and_then(|s| s.heat_at)
        }
        _ => None,
    };
    let since = mended(drill);
    let later = trace.events.iter().filter(|(at, _)| *at >= since);
    later.filter_map(|(at, e)| Some(Promise { made: *at, heat_at: trace.time(told(e)?) })).collect()
}

/// How long the programs need from a loss to caps that stand where they are wanted, ms: a scan sees it, the trip's delay
/// goes by, the next scan acts, and the slowest cap travels its span at fail-safe velocity.
pub fn reaction(fleet: &Fleet) -> i64 {
    let mut scan = 0;
    let mut delay = 0;
    for plant in &fleet.plants {
        for trip in &plant.trips {
            delay = delay.max(trip.on_delay_ms as i64);
            let tags = trip.tags.iter().filter_map(|id| plant.tag(id.as_str()));
            scan = tags.map(|t| fleet.limits.scan[t.scan].period_ms as i64).fold(scan, i64::max);
        }
    }
    let caps = fleet.consumers().filter_map(|(_, c)| fleet.setpoint(c.shed.as_ref()?.setpoint.as_str()));
    let travel = caps.map(|(_, s)| ((s.max - s.min) / s.fail_safe_velocity_per_s * 1000.0).ceil() as i64).max();
    2 * scan + delay + travel.unwrap_or(0)
}
