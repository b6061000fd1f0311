//! What the judge asks of on and off states: heat only while on and at least the minimum stable load then, ramps of
//! start and stop, minimum times, the state before the horizon.

use crate::case::Unit;
use crate::solution::{SlackKind, UnitSeries};

use super::Judge;
use super::places::Places;

/// Hours that are too few to count.
pub const HAIR: f64 = 1e-9;

/// Whether a unit with states starts in a step. A state before the horizon that nobody knows is no start.
pub fn starts(unit: &Unit, series: &UnitSeries, t: usize) -> bool {
    series.on.get(t) == Some(&true) && before(unit, series, t) == Some(false)
}

/// Whether it is on before a step; nothing where nobody knows.
pub fn before(unit: &Unit, series: &UnitSeries, t: usize) -> Option<bool> {
    match t.checked_sub(1) {
        Some(last) => series.on.get(last).copied(),
        None => at_first(unit),
    }
}

/// Whether it is on when the horizon begins; nothing where nobody knows.
pub fn at_first(unit: &Unit) -> Option<bool> {
    unit.initial.map(|initial| initial.on.unwrap_or(initial.heat_mw > 0.0))
}

/// Whether an outage takes all of it in a step.
pub fn is_out(unit: &Unit, t: usize) -> bool {
    let mut outages = unit.outages.iter();
    outages.any(|outage| (outage.from_step..outage.to_step).contains(&t) && outage.available <= 0.0)
}

impl Judge<'_> {
    pub(super) fn states(&mut self, places: &Places<'_>) {
        for (unit, series) in self.case.units.iter().zip(&places.units) {
            if series.on.is_empty() {
                continue;
            }
            for t in 0..self.case.time.steps {
                let capacity = unit.capacity(t);
                let (most, least) =
                    if series.on[t] { (capacity, unit.heat_min.at(t).min(capacity)) } else { (0.0, 0.0) };
                let least = least - self.gives(SlackKind::MustRun, &unit.id, t);
                self.within(format_args!("unit {} while on", unit.id), t, series.heat[t], least, most);
                self.within(format_args!("unit {} power while on", unit.id), t, series.power[t], 0.0, {
                    if series.on[t] { f64::INFINITY } else { 0.0 }
                });
                if series.on[t] && capacity <= 0.0 {
                    self.fault(format!("unit {}, step {t}: it is on, but nothing of it is there", unit.id));
                }
                self.changes(unit, series, t);
                self.keeps_time(unit, series, t);
            }
        }
    }

    /// A unit is on the piece of its curve that the result names.
    pub(super) fn pieces(&mut self, places: &Places<'_>) {
        for (unit, series) in self.case.units.iter().zip(&places.units) {
            let segments = unit.segments.as_deref().unwrap_or_default();
            for (t, &piece) in series.piece.iter().enumerate() {
                if piece >= segments.len() {
                    self.fault(format!("unit {} piece, step {t}: {piece} of {}", unit.id, segments.len()));
                    continue;
                }
                let begins: f64 = segments[..piece].iter().map(|segment| segment.heat).sum();
                let ends = begins + segments[piece].heat;
                self.within(format_args!("unit {} piece", unit.id), t, series.heat[t], begins, ends);
            }
        }
    }

    /// Ramps, or what a start may reach and a stop may leave.
    fn changes(&mut self, unit: &Unit, series: &UnitSeries, t: usize) {
        let h = self.case.time.hours(t);
        let Some(was_on) = before(unit, series, t) else {
            return;
        };
        let last = match t.checked_sub(1) {
            Some(last) => series.heat[last],
            None => unit.initial.map_or(0.0, |initial| initial.heat_mw),
        };
        let heat = series.heat[t];
        let least = |t: usize| unit.heat_min.at(t).min(unit.capacity(t));
        let (up, down) = (unit.ramp_up_per_h.map(|ramp| ramp * h), unit.ramp_down_per_h.map(|ramp| ramp * h));
        let rise = match (was_on, series.on[t]) {
            (false, true) => unit.start_max.or(up.map(|ramp| ramp.max(least(t)))),
            _ => up,
        };
        if let Some(rise) = rise {
            let what = if was_on { "ramp" } else { "start" };
            self.within(format_args!("unit {} {what}", unit.id), t, heat, f64::NEG_INFINITY, last + rise);
        }
        let fall = match (was_on, series.on[t]) {
            (true, false) => unit.stop_max.or(down.map(|ramp| ramp.max(least(t.saturating_sub(1))))),
            _ => down,
        };
        let outage = match t {
            0 => (last - unit.capacity(0)).max(0.0),
            _ if unit.outages.iter().any(|outage| outage.from_step == t) => f64::INFINITY,
            _ => 0.0,
        };
        if let Some(fall) = fall {
            let most = fall + outage + self.gives(SlackKind::RampDown, &unit.id, t);
            let what = if series.on[t] { "ramp" } else { "stop" };
            self.within(format_args!("unit {} {what}", unit.id), t, heat, last - most, f64::INFINITY);
        }
    }

    /// Minimum times: looks back from a step to the last change, which may lie before the horizon.
    fn keeps_time(&mut self, unit: &Unit, series: &UnitSeries, t: usize) {
        let changed = before(unit, series, t).is_some_and(|was_on| was_on != series.on[t]);
        if !changed {
            return;
        }
        let stops = !series.on[t];
        let gone = |t: usize| unit.capacity(t) <= 0.0;
        // For how long it had been in the state that ends here.
        let (mut hours, mut since) = (0.0, t);
        while since > 0 && series.on[since - 1] == stops {
            since -= 1;
            hours += self.case.time.hours(since);
        }
        let older = since == 0 && before(unit, series, 0) == Some(stops);
        if since == 0 {
            match unit.initial.and_then(|initial| initial.hours) {
                Some(before) if older => hours += before,
                // It changed at the very beginning, so its time began there.
                _ if unit.initial.is_some() && !older => {}
                // Of unknown age: long enough.
                _ => return,
            }
        }
        let (what, least) =
            if stops { ("minimum up time", unit.min_up_h) } else { ("minimum down time", unit.min_down_h) };
        // An outage stops a unit at any time, and what was running before the horizon stops where nothing is there.
        let excused = stops && (is_out(unit, t) || (older && gone(t)));
        if !excused && hours + HAIR < least {
            let id = &unit.id;
            self.fault(format!("unit {id} {what}, step {t}: the state ends after {hours} h of at least {least}"));
        }
    }
}
