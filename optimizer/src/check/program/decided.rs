//! What of the judge's program depends on decisions: on and off states, and the order of the pieces of a curve. A decision is
//! a figure where it is the schedule's, and a column between 0 and 1 in the relaxation; every row is written once for both.

use crate::case::Unit;
use crate::solution::Rule;

use super::super::states::{self, HAIR};
use super::Program;

/// A state of 0 or 1.
#[derive(Clone, Copy)]
enum State {
    /// The schedule's.
    Known(f64),
    /// A column that may be anything between.
    Free(usize),
}

impl State {
    fn of(yes: bool) -> Self {
        Self::Known(if yes { 1.0 } else { 0.0 })
    }

    /// So much for each of it on the right of a row: of a figure what it comes to; a column goes to the left.
    fn on_the_right(self, factor: f64, entries: &mut Vec<(usize, f64)>) -> f64 {
        match self {
            Self::Known(value) => factor * value,
            Self::Free(column) => {
                entries.push((column, -factor));
                0.0
            }
        }
    }
}

/// Those of a unit in a step.
#[derive(Clone, Copy)]
pub(super) struct States {
    on: State,
    start: State,
    stop: State,
}

impl<'a> Program<'a> {
    /// Takes over, or leaves free, the states of a unit over which the schedule decided.
    pub(super) fn decide(&mut self, u: usize, unit: &'a Unit, t: usize) {
        let series = self.places.units[u];
        let Some(&on) = series.on.get(t) else {
            return;
        };
        let before = states::before(unit, series, t);
        let now = if self.relaxed {
            let (least, most) = self.may_be_on(unit, t);
            let on = self.problem.column(0.0, least, most);
            // Where nobody knows what was before the horizon, nothing starts or stops into it.
            let changes = if before.is_some() { 1.0 } else { 0.0 };
            let (start, stop) = (self.column(unit.start_cost, changes), self.column(0.0, changes));
            States { on: State::Free(on), start: State::Free(start), stop: State::Free(stop) }
        } else {
            let starts = on && before == Some(false);
            if starts {
                self.starts += unit.start_cost;
            }
            States { on: State::of(on), start: State::of(starts), stop: State::of(!on && before == Some(true)) }
        };
        self.states[u].push(now);
    }

    /// The least and the most that the state may be: off where nothing is there; what began before the horizon lasts for its
    /// minimum time, what runs no longer than something is there.
    fn may_be_on(&self, unit: &Unit, t: usize) -> (f64, f64) {
        let there = |t: usize| unit.capacity(t) > 0.0;
        let (mut least, mut most) = (0.0, if there(t) { 1.0 } else { 0.0 });
        if let (Some(runs), Some(age)) = (states::at_first(unit), unit.initial.and_then(|initial| initial.hours)) {
            let lasted = age + self.begins(t) + HAIR;
            if runs && lasted < unit.min_up_h && (0..=t).all(there) {
                least = 1.0;
            }
            if !runs && lasted < unit.min_down_h {
                most = 0.0;
            }
        }
        (least, most)
    }

    /// Hours from the beginning of the horizon to that of a step.
    fn begins(&self, t: usize) -> f64 {
        (0..t).map(|t| self.case.time.hours(t)).sum()
    }

    pub(super) fn is_off(&self, u: usize, t: usize) -> bool {
        self.states[u].get(t).is_some_and(|now| matches!(now.on, State::Known(on) if on < 0.5))
    }

    /// A limit that holds of a unit with states while it is on only: what is left of it on the right of its row.
    pub(super) fn while_on(&self, u: usize, t: usize, most: f64, entries: &mut Vec<(usize, f64)>) -> f64 {
        self.states[u].get(t).map_or(most, |now| now.on.on_the_right(most, entries))
    }

    fn was_on(&self, u: usize, unit: &Unit, t: usize) -> Option<State> {
        match t.checked_sub(1) {
            Some(last) => self.states[u].get(last).map(|states| states.on),
            None => states::at_first(unit).map(State::of),
        }
    }

    /// The rows of a unit with states in a step.
    pub(super) fn with_states(&mut self, u: usize, unit: &'a Unit, t: usize, now: States) {
        let heat = self.heat[u][t];
        let margin = self.margin[u].get(t).copied();
        // Without a margin a known state is in the bound of the heat.
        if margin.is_some() || self.relaxed {
            let mut entries = vec![(heat, 1.0)];
            entries.extend(margin.map(|margin| (margin, 1.0)));
            let most = now.on.on_the_right(unit.capacity(t), &mut entries);
            self.row(Rule::MostWhileOn, &unit.id, t, f64::NEG_INFINITY, most, &entries);
        }
        let stable = stable(unit, t);
        if stable > 0.0 {
            let lacks = self.lacks(u, t, stable);
            let mut entries = vec![(heat, 1.0), (lacks, 1.0)];
            let least = now.on.on_the_right(stable, &mut entries);
            self.row(Rule::LeastWhileOn, &unit.id, t, least, f64::INFINITY, &entries);
        }
        if self.relaxed {
            self.minimum_times(u, unit, t, now);
        }
        if let Some(was_on) = self.was_on(u, unit, t) {
            if self.relaxed {
                let mut entries = Vec::new();
                let parts = [(now.on, -1.0), (was_on, 1.0), (now.start, 1.0), (now.stop, -1.0)];
                let level: f64 = parts.map(|(state, factor)| state.on_the_right(factor, &mut entries)).iter().sum();
                self.row(Rule::State, &unit.id, t, level, level, &entries);
            }
            self.rise(u, unit, t, now, was_on);
            self.fall(u, unit, t, now);
        }
    }

    /// What started within the minimum time up is on, unless an outage stopped it since; what stopped within the minimum time
    /// down is off.
    fn minimum_times(&mut self, u: usize, unit: &'a Unit, t: usize, now: States) {
        let begins = self.begins(t);
        let recent = |least: f64, then: usize| then == t || begins - self.begins(then) + HAIR < least;
        let since_outage = (0..=t).rev().take_while(|&then| !states::is_out(unit, then)).last();
        let mut up = Vec::new();
        for then in since_outage.map_or(0..0, |first| first..t + 1).filter(|&then| recent(unit.min_up_h, then)) {
            self.states[u][then].start.on_the_right(-1.0, &mut up);
        }
        let mut down = Vec::new();
        for then in (0..=t).filter(|&then| recent(unit.min_down_h, then)) {
            self.states[u][then].stop.on_the_right(-1.0, &mut down);
        }
        if since_outage.is_some() {
            let most = now.on.on_the_right(1.0, &mut up);
            self.row(Rule::MinUp, &unit.id, t, f64::NEG_INFINITY, most, &up);
        }
        let most = 1.0 + now.on.on_the_right(-1.0, &mut down);
        self.row(Rule::MinDown, &unit.id, t, f64::NEG_INFINITY, most, &down);
    }

    /// MW before a step as far as they are known, and the column of the rest.
    fn before(&self, u: usize, unit: &Unit, t: usize) -> (f64, Option<usize>) {
        match t.checked_sub(1) {
            Some(last) => (0.0, Some(self.heat[u][last])),
            None => (unit.initial.map_or(0.0, |initial| initial.heat_mw), None),
        }
    }

    fn rise(&mut self, u: usize, unit: &'a Unit, t: usize, now: States, was_on: State) {
        let up = unit.ramp_up_per_h.map(|ramp| ramp * self.case.time.hours(t));
        if up.is_none() && unit.start_max.is_none() {
            return;
        }
        let ramp = up.unwrap_or(unit.capacity(t));
        let reached = unit.start_max.unwrap_or(ramp.max(stable(unit, t)));
        let (known, column) = self.before(u, unit, t);
        let mut entries = vec![(self.heat[u][t], 1.0)];
        entries.extend(column.map(|column| (column, -1.0)));
        let most = was_on.on_the_right(ramp, &mut entries) + now.start.on_the_right(reached, &mut entries);
        self.row(Rule::Rise, &unit.id, t, f64::NEG_INFINITY, known + most, &entries);
    }

    fn fall(&mut self, u: usize, unit: &'a Unit, t: usize, now: States) {
        let h = self.case.time.hours(t);
        let down = unit.ramp_down_per_h.map(|ramp| ramp * h);
        let trips = t > 0 && unit.outages.iter().any(|outage| outage.from_step == t);
        if (down.is_none() && unit.stop_max.is_none()) || trips {
            return;
        }
        let (known, column) = self.before(u, unit, t);
        let ceiling = if t > 0 { unit.capacity(t - 1) } else { known };
        let ramp = down.unwrap_or(ceiling);
        let left = unit.stop_max.unwrap_or(ramp.max(stable(unit, t.saturating_sub(1))));
        let outage = if t == 0 { (known - unit.capacity(t)).max(0.0) } else { 0.0 };
        let mut entries = vec![(self.heat[u][t], -1.0)];
        entries.extend(column.map(|column| (column, 1.0)));
        let most = now.on.on_the_right(ramp, &mut entries) + now.stop.on_the_right(left, &mut entries) + outage;
        if unit.initial.is_some_and(|initial| initial.heat_mw > 0.0) {
            entries.push((self.slack(h, f64::INFINITY), -1.0));
        }
        self.row(Rule::Fall, &unit.id, t, f64::NEG_INFINITY, most - known, &entries);
    }

    /// In the relaxation of a curve whose pieces were decided: each but the first is used as far as the one before it is full.
    pub(super) fn order(&mut self, u: usize, unit: &'a Unit, t: usize, pieces: &[usize]) {
        if !self.relaxed || self.places.units[u].piece.is_empty() {
            return;
        }
        let sizes = unit.segments.as_deref().unwrap_or_default();
        let mut number = 2 * pieces.len().saturating_sub(1) * t;
        for (here, size) in pieces.windows(2).zip(sizes.windows(2)) {
            let filled = self.column(0.0, 1.0);
            let (before, after) =
                ([(here[0], 1.0), (filled, -size[0].heat)], [(here[1], 1.0), (filled, -size[1].heat)]);
            self.row(Rule::Order, &unit.id, number, 0.0, f64::INFINITY, &before);
            self.row(Rule::Order, &unit.id, number + 1, f64::NEG_INFINITY, 0.0, &after);
            number += 2;
        }
    }
}

/// Least heat while on.
fn stable(unit: &Unit, t: usize) -> f64 {
    unit.heat_min.at(t).min(unit.capacity(t))
}
