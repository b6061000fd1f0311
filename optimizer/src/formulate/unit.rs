//! What is a unit's own: its columns, the shape of its conversion, ramps, must-run, margin.

use crate::case::{Case, Unit};
use crate::solution::SlackKind;

use super::layout::Layout;
use super::{Flow, Formulation, Part, Rule};

impl Formulation {
    /// Adds the unit's columns and says which of them draw its carrier and make its power.
    pub(super) fn unit_columns(&mut self, case: &Case, layout: &Layout, unit: &Unit, u: usize, t: usize) -> Vec<Flow> {
        let h = self.hours[t];
        let heat = self.add((Part::Heat, u, t), h * unit.var_om.at(t), unit.capacity(t));
        let mut flows = Vec::new();
        if let Some(segments) = &unit.segments {
            for (k, segment) in segments.iter().enumerate() {
                let column = self.add((Part::segment(k), u, t), 0.0, segment.heat);
                flows.push(Flow { column, input: segment.input_per_heat.at(t), power: 0.0 });
            }
        } else if let Some((efficiency, loss, _)) = unit.extraction(t) {
            let power = self.add((Part::Power, u, t), 0.0, f64::INFINITY);
            flows.push(Flow { column: power, input: 1.0 / efficiency, power: 1.0 });
            flows.push(Flow { column: heat, input: loss / efficiency, power: 0.0 });
        } else if unit.is_proportional() {
            flows.push(Flow { column: heat, input: unit.input_per_heat(t), power: unit.power_per_heat(t) });
        } else {
            for (k, vertex) in unit.vertices().iter().enumerate() {
                let column = self.add((Part::vertex(k), u, t), 0.0, f64::INFINITY);
                flows.push(Flow { column, input: vertex.fuel, power: vertex.power });
            }
        }
        if let Some(carrier) = layout.loose_carriers[u] {
            let carrier = &case.carriers[carrier];
            let price = carrier.buying(t) + carrier.co2_t_per_mwh * case.co2_price.at(t);
            for flow in &flows {
                self.problem.cost[flow.column] += h * price * flow.input;
            }
        }
        if layout.reserves[u] {
            let minutes = case.headers.iter().find(|header| header.id == unit.header);
            let minutes = minutes.and_then(|header| header.reserve.as_ref()).map_or(0.0, |reserve| reserve.minutes);
            let quick = unit.ramp_up_per_h.map_or(f64::INFINITY, |ramp| ramp * minutes / 60.0);
            self.add((Part::Reserve, u, t), 0.0, quick.min(unit.capacity(t)));
        }
        flows
    }

    pub(super) fn unit_rows(&mut self, unit: &Unit, u: usize, t: usize) {
        self.shape_rows(unit, u, t);
        self.must_run_rows(unit, u, t);
        if self.find(Part::On, u, t).is_some() {
            self.state_rows(unit, u, t);
            return;
        }
        self.ramp_row(u, unit, t);
        if let Some(reserve) = self.find(Part::Reserve, u, t) {
            let heat = self.at(Part::Heat, u, t);
            self.row((Rule::Margin, u, t), f64::NEG_INFINITY, unit.capacity(t), &[(heat, 1.0), (reserve, 1.0)]);
        }
    }

    fn shape_rows(&mut self, unit: &Unit, u: usize, t: usize) {
        let heat = self.at(Part::Heat, u, t);
        if let Some(segments) = &unit.segments {
            let mut entries = vec![(heat, -1.0)];
            entries.extend((0..segments.len()).map(|k| (self.at(Part::segment(k), u, t), 1.0)));
            self.row((Rule::Shape, u, t), 0.0, 0.0, &entries);
            self.order_rows(segments, u, t);
        } else if let Some((_, loss, ratio)) = unit.extraction(t) {
            let power = self.at(Part::Power, u, t);
            self.row((Rule::LeastPower, u, t), 0.0, f64::INFINITY, &[(power, 1.0), (heat, -ratio)]);
            let mut entries = vec![(power, 1.0), (heat, loss)];
            let most = self.unless_on(u, t, unit.turbine(t), &mut entries);
            self.row((Rule::Turbine, u, t), f64::NEG_INFINITY, most, &entries);
        } else if !unit.vertices().is_empty() {
            let weights: Vec<usize> = (0..unit.vertices().len()).map(|k| self.at(Part::vertex(k), u, t)).collect();
            let mut entries = vec![(heat, -1.0)];
            entries.extend(weights.iter().zip(unit.vertices()).map(|(&weight, vertex)| (weight, vertex.heat)));
            self.row((Rule::Shape, u, t), 0.0, 0.0, &entries);
            let most = if unit.available(t) > 0.0 { 1.0 } else { 0.0 };
            let mut entries: Vec<(usize, f64)> = weights.iter().map(|&weight| (weight, 1.0)).collect();
            let most = self.unless_on(u, t, most, &mut entries);
            self.row((Rule::Weights, u, t), f64::NEG_INFINITY, most, &entries);
        }
    }

    fn must_run_rows(&mut self, unit: &Unit, u: usize, t: usize) {
        let floor = unit.floor(t);
        if floor > 0.0 {
            let slack = self.slack(SlackKind::MustRun, u, t, floor);
            let heat = self.at(Part::Heat, u, t);
            self.row((Rule::MustRun, u, t), floor, f64::INFINITY, &[(heat, 1.0), (slack, 1.0)]);
        }
        // A region that must run, or is on, is left only by name: what lacks of the weights is counted in heat.
        let on = self.find(Part::On, u, t);
        if let Some(hottest) = unit.hottest()
            && (unit.must_run.is_some() || on.is_some())
            && unit.available(t) > 0.0
        {
            let slack = self.must_run_slack(u, t, hottest.heat);
            let mut entries = vec![(slack, 1.0 / hottest.heat)];
            entries.extend((0..unit.vertices().len()).map(|k| (self.at(Part::vertex(k), u, t), 1.0)));
            if unit.must_run.is_some() {
                self.row((Rule::InRegion, u, t), 1.0, f64::INFINITY, &entries);
            } else if let Some(on) = on {
                entries.push((on, -1.0));
                self.row((Rule::InRegion, u, t), 0.0, f64::INFINITY, &entries);
            }
        }
    }

    /// The slack of what a unit must make, which may be at least so much.
    pub(super) fn must_run_slack(&mut self, u: usize, t: usize, most: f64) -> usize {
        let known = self.find(Part::Slack(SlackKind::MustRun), u, t);
        let slack = known.unwrap_or_else(|| self.slack(SlackKind::MustRun, u, t, most));
        self.problem.upper[slack] = self.problem.upper[slack].max(most);
        slack
    }

    fn ramp_row(&mut self, u: usize, unit: &Unit, t: usize) {
        let Some((least, most)) = ramp_range(unit, t, self.hours[t]) else {
            return;
        };
        let mut entries = vec![(self.at(Part::Heat, u, t), 1.0)];
        let mut base = 0.0;
        if t > 0 {
            entries.push((self.at(Part::Heat, u, t - 1), -1.0));
        } else {
            base = unit.initial.map_or(0.0, |initial| initial.heat_mw);
        }
        // Only heat that a unit makes now can force heat upon a later step.
        if least.is_finite() && unit.initial.is_some_and(|initial| initial.heat_mw > 0.0) {
            entries.push((self.slack(SlackKind::RampDown, u, t, f64::INFINITY), 1.0));
        }
        self.row((Rule::Ramp, u, t), base + least, base + most, &entries);
    }
}

/// By how much a unit's heat may change into step `t`, or `None` where nothing limits it. The first step is limited only
/// where the present heat is known, and there a capacity below it is a forced outage, which is no ramp: the way down
/// widens by what was lost. A fall of availability inside the horizon is foreseen, so the unit must be ramped down
/// before it; the published figures of the sample cases are reached only so. An outage inside the horizon is not
/// foreseen by the unit: nothing limits its fall into the step in which the outage begins.
#[must_use]
pub fn ramp_range(unit: &Unit, t: usize, hours: f64) -> Option<(f64, f64)> {
    let lost = match (t, unit.initial) {
        (0, None) => return None,
        (0, Some(initial)) => (initial.heat_mw - unit.capacity(0)).max(0.0),
        _ if unit.trips(t) => f64::INFINITY,
        _ => 0.0,
    };
    let least = unit.ramp_down_per_h.map_or(f64::NEG_INFINITY, |ramp| -ramp * hours - lost);
    let most = unit.ramp_up_per_h.map_or(f64::INFINITY, |ramp| ramp * hours);
    (least.is_finite() || most.is_finite()).then_some((least, most))
}
