//! On and off states of units: three columns per unit and step (on, start, stop) and the rows that tie them to heat; and the
//! order of the pieces of a curve that is not convex.
//!
//! The rows are those of the tight three-binary formulation of unit commitment (Morales-España, Latorre and Ramos, IEEE
//! Trans. Power Systems 28 (2013) 4897; minimum times after Rajan and Takriti, IBM RC23628 (2005)): only `on` has to be
//! integral, start and stop follow. Minimum times are in hours, so a graded grid is none of their business. A forced
//! outage stops a unit whatever its minimum times; the state before the horizon is data (`initial`), and a unit without
//! it begins in the state that suits best, at no start cost.

use std::collections::BTreeSet;

use crate::case::{Case, Segment, Unit};
use crate::solution::{SlackKind, Solution};

use super::{Formulation, Name, Part, Rule};

impl Formulation {
    pub(super) fn state_columns(&mut self, case: &Case) {
        for (u, unit) in case.units.iter().enumerate().filter(|(_, unit)| unit.commits()) {
            let mut stands = true;
            for t in 0..case.time.steps {
                // A unit that has nothing to give is off.
                let there = if unit.capacity(t) > 0.0 { 1.0 } else { 0.0 };
                let on = self.add((Part::On, u, t), 0.0, there);
                // Without a known state before it, the first step is no start and no stop.
                let changes = if t == 0 && unit.initial.is_none() { 0.0 } else { 1.0 };
                self.add((Part::Start, u, t), unit.start_cost, changes);
                self.add((Part::Stop, u, t), 0.0, changes);
                stands &= there > 0.0;
                if let Some((runs, hours)) = unit.initial.and_then(|now| Some((now.runs(), now.hours?))) {
                    let begins = begin(&self.hours, t) + hours;
                    if runs && begins + HAIR < unit.min_up_h && stands {
                        self.problem.lower[on] = 1.0;
                    }
                    if !runs && begins + HAIR < unit.min_down_h {
                        self.problem.upper[on] = 0.0;
                    }
                }
            }
        }
    }

    /// Where a curve is not convex a linear program would fill the later, cheaper piece first: a 0 or 1 for each piece but
    /// the first says whether it may be used, which takes that the one before it is full (the incremental model of
    /// piecewise linear functions: Markowitz and Manne, Econometrica 25 (1957) 84). A convex curve needs it where burning more
    /// than it says would pay.
    pub(super) fn order_columns(&mut self, case: &Case, ordered: &BTreeSet<String>) {
        for (u, unit) in case.units.iter().enumerate() {
            if !unit.bends() && !ordered.contains(&unit.id) {
                continue;
            }
            for t in 0..case.time.steps {
                for k in 1..unit.segments.as_ref().map_or(0, Vec::len) {
                    self.add((Part::filled(k), u, t), 0.0, 1.0);
                }
            }
        }
    }

    pub(super) fn order_rows(&mut self, segments: &[Segment], u: usize, t: usize) {
        for (k, pair) in segments.windows(2).enumerate() {
            let Some(filled) = self.find(Part::filled(k + 1), u, t) else {
                return;
            };
            let (before, here) = (self.at(Part::segment(k), u, t), self.at(Part::segment(k + 1), u, t));
            self.row((Rule::Order, u, t), 0.0, f64::INFINITY, &[(before, 1.0), (filled, -pair[0].heat)]);
            self.row((Rule::Order, u, t), f64::NEG_INFINITY, 0.0, &[(here, 1.0), (filled, -pair[1].heat)]);
        }
    }

    pub(super) fn state_rows(&mut self, unit: &Unit, u: usize, t: usize) {
        let of = |this: &Self, part: Part| this.at(part, u, t);
        let (on, start, stop, heat) =
            (of(self, Part::On), of(self, Part::Start), of(self, Part::Stop), of(self, Part::Heat));
        let before = t.checked_sub(1).map(|t| self.at(Part::On, u, t));
        let runs = unit.initial.is_some_and(|initial| initial.runs());
        let was_on = if runs && t == 0 { 1.0 } else { 0.0 };
        if before.is_some() || unit.initial.is_some() {
            let mut entries = vec![(on, 1.0), (start, -1.0), (stop, 1.0)];
            entries.extend(before.map(|before| (before, -1.0)));
            self.row((Rule::State, u, t), was_on, was_on, &entries);
        }
        let (capacity, least) = (unit.capacity(t), unit.least(t));
        let mut entries = vec![(heat, 1.0), (on, -capacity)];
        entries.extend(self.find(Part::Reserve, u, t).map(|reserve| (reserve, 1.0)));
        self.row((Rule::MostWhileOn, u, t), f64::NEG_INFINITY, 0.0, &entries);
        if least > 0.0 {
            let slack = self.must_run_slack(u, t, least);
            self.row((Rule::LeastWhileOn, u, t), 0.0, f64::INFINITY, &[(heat, 1.0), (slack, 1.0), (on, -least)]);
        }
        self.minimum_times(unit, u, t);
        self.rise_and_fall(unit, u, t);
    }

    /// Every start within the minimum time up to now means on, every stop within the minimum time down to now means off.
    fn minimum_times(&mut self, unit: &Unit, u: usize, t: usize) {
        let now = begin(&self.hours, t);
        let window = |this: &Self, part: Part, length: f64| -> Vec<(usize, f64)> {
            let near = |then: usize| then == t || now - begin(&this.hours, then) + HAIR < length;
            // What an outage stopped owes nobody the rest of its time.
            let recent = (0..=t).rev().take_while(|&then| near(then) && (part == Part::Stop || !unit.is_out(then)));
            recent.map(|then| (this.at(part, u, then), 1.0)).collect()
        };
        let on = self.at(Part::On, u, t);
        if !unit.is_out(t) {
            let mut entries = window(self, Part::Start, unit.min_up_h);
            entries.push((on, -1.0));
            self.row((Rule::MinUp, u, t), f64::NEG_INFINITY, 0.0, &entries);
        }
        let mut entries = window(self, Part::Stop, unit.min_down_h);
        entries.push((on, 1.0));
        self.row((Rule::MinDown, u, t), f64::NEG_INFINITY, 1.0, &entries);
    }

    /// Ramps while on, and what a start may reach and a stop may leave.
    fn rise_and_fall(&mut self, unit: &Unit, u: usize, t: usize) {
        let hours = self.hours[t];
        let column = |this: &Self, part: Part, t: usize| this.at(part, u, t);
        let heat = column(self, Part::Heat, t);
        let measured = match (t, unit.initial) {
            (0, None) => return,
            (0, Some(initial)) => Some((initial.heat_mw, initial.runs())),
            _ => None,
        };
        let up = unit.ramp_up_per_h.map(|ramp| ramp * hours);
        if up.is_some() || unit.start_max.is_some() {
            // Without a ramp anything within capacity is reached from on.
            let ramp = up.unwrap_or_else(|| unit.capacity(t));
            let reached = unit.start_max.unwrap_or(ramp.max(unit.least(t)));
            let mut entries = vec![(heat, 1.0), (column(self, Part::Start, t), -reached)];
            let mut most = 0.0;
            match measured {
                Some((mw, runs)) => most += mw + if runs { ramp } else { 0.0 },
                None => {
                    entries.push((column(self, Part::Heat, t - 1), -1.0));
                    entries.push((column(self, Part::On, t - 1), -ramp));
                }
            }
            self.row((Rule::Rise, u, t), f64::NEG_INFINITY, most, &entries);
        }
        let down = unit.ramp_down_per_h.map(|ramp| ramp * hours);
        if (down.is_some() || unit.stop_max.is_some()) && (t == 0 || !unit.trips(t)) {
            let ceiling = match measured {
                Some((mw, _)) => mw,
                None => unit.capacity(t - 1),
            };
            let ramp = down.unwrap_or(ceiling);
            let left = unit.stop_max.unwrap_or(ramp.max(unit.least(t.saturating_sub(1))));
            let mut entries =
                vec![(heat, -1.0), (column(self, Part::On, t), -ramp), (column(self, Part::Stop, t), -left)];
            let mut most = 0.0;
            match measured {
                // What an outage takes at once is no ramp.
                Some((mw, _)) => most = (mw - unit.capacity(t)).max(0.0) - mw,
                None => entries.push((column(self, Part::Heat, t - 1), 1.0)),
            }
            if unit.initial.is_some_and(|initial| initial.heat_mw > 0.0) {
                entries.push((self.slack(SlackKind::RampDown, u, t, f64::INFINITY), -1.0));
            }
            self.row((Rule::Fall, u, t), f64::NEG_INFINITY, most, &entries);
        }
    }

    /// Turns a limit into one that holds only while the unit is on, where it has states: the limit moves into the row.
    pub(super) fn unless_on(&self, u: usize, t: usize, most: f64, entries: &mut Vec<(usize, f64)>) -> f64 {
        match self.find(Part::On, u, t) {
            Some(on) => {
                entries.push((on, -most));
                0.0
            }
            None => most,
        }
    }

    /// The linear program of a schedule's own states and pieces, where it has decided any; else that of the case.
    #[must_use]
    pub fn as_decided(case: &Case, solution: &Solution) -> Self {
        if !solution.decides() {
            return Self::new(case);
        }
        let by_piece = solution.units.iter().filter(|(_, series)| !series.piece.is_empty());
        let mut this = Self::with_states(case, &by_piece.map(|(id, _)| id.clone()).collect());
        let decided = |&(part, u, t): &Name| {
            let series = case.units.get(u).and_then(|unit| solution.units.get(&unit.id));
            let yes = series.is_some_and(|series| match part {
                Part::On => series.on.get(t) == Some(&true),
                Part::Filled(k) => series.piece.get(t).is_some_and(|&piece| usize::from(k) <= piece),
                _ => false,
            });
            f64::from(u8::from(yes))
        };
        let x: Vec<f64> = this.names.iter().map(decided).collect();
        this.fix_states(case, &x);
        this
    }

    /// Whether a column is the heat of a unit whose state is to be off: no capacity of it would help.
    #[must_use]
    pub fn is_off(&self, (part, u, t): Name) -> bool {
        part == Part::Heat && self.find(Part::On, u, t).is_some_and(|on| self.problem.upper[on] <= 0.5)
    }

    /// The columns that have to be integral.
    #[must_use]
    pub fn integral(&self) -> Vec<usize> {
        let whole = self.names.iter().enumerate().filter(|(_, name)| matches!(name.0, Part::On | Part::Filled(_)));
        whole.map(|(column, _)| column).collect()
    }

    /// Fixes the states and the order of pieces at those of a point, so that what is left is a linear program. Limits that
    /// held while on become plain bounds of the heat, where prices and explanations look for them.
    pub fn fix_states(&mut self, case: &Case, x: &[f64]) {
        let was_on = |this: &Self, u: usize, t: usize| match t.checked_sub(1) {
            Some(before) => this.find(Part::On, u, before).is_some_and(|column| x[column] > 0.5),
            None => case.units[u].initial.is_some_and(|initial| initial.runs()),
        };
        for (column, (part, u, t)) in self.names.clone().into_iter().enumerate() {
            let known = t > 0 || case.units.get(u).is_some_and(|unit| unit.initial.is_some());
            let value = match part {
                Part::On | Part::Filled(_) => x[column] > 0.5,
                Part::Start | Part::Stop => {
                    let on = self.find(Part::On, u, t).is_some_and(|column| x[column] > 0.5);
                    let before = was_on(self, u, t);
                    known && if part == Part::Start { on && !before } else { before && !on }
                }
                _ => continue,
            };
            let value = if value { 1.0 } else { 0.0 };
            (self.problem.lower[column], self.problem.upper[column]) = (value, value);
            if part == Part::On {
                let heat = self.at(Part::Heat, u, t);
                self.problem.upper[heat] = value * case.units[u].capacity(t);
            }
        }
        for (row, &(rule, u, t)) in self.rules.iter().enumerate() {
            if rule == Rule::MostWhileOn && self.find(Part::Reserve, u, t).is_none() {
                self.problem.row_upper[row] = f64::INFINITY;
            }
        }
    }
}

/// Two hours that differ by less are one.
const HAIR: f64 = 1e-9;

/// Hours from the beginning of the horizon to that of step `t`.
fn begin(hours: &[f64], t: usize) -> f64 {
    hours[..t].iter().sum()
}
