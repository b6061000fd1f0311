//! From a case to a linear program (optimizer.md, "Formulation", without commitment, segments and delays).
//!
//! Every column is non-negative and has a `Name`: what it is, whose, and in which step. Flows are MW, stores MWh, so
//! costs are price times hours. The columns of `Part::Shed` are what the class stages minimise, those of `Part::Slack`
//! what the physical stage does; with them no case is infeasible. Slacks exist only where the data can need one, so an
//! ordinary case carries none.

use std::collections::BTreeMap;

use crate::case::{Case, Unit};
use crate::problem::Problem;
use crate::solution::SlackKind;

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Heat of a unit.
    Heat,
    /// Draw of a connection.
    Import,
    /// Feed of a connection.
    Export,
    /// Flow of a link from `from`.
    Forward,
    /// Flow of a link from `to`.
    Reverse,
    /// Into a store.
    Charge,
    /// Out of a store.
    Discharge,
    /// Content of a store at the end of the step.
    Energy,
    /// Heat thrown away at a header.
    Vent,
    /// What a demand is shed.
    Shed,
    /// A physical limit that gives.
    Slack(SlackKind),
}

/// Part, number of its owner in the case's list, step.
pub type Name = (Part, usize, usize);

/// A ramp row: its unit and step.
pub type Ramp = (usize, usize);

/// The program of a case, and how to find things in it.
pub struct Formulation {
    /// With the economic costs in `cost`.
    pub problem: Problem,
    /// Names of the columns, in order.
    pub names: Vec<Name>,
    /// Column of a name.
    pub columns: BTreeMap<Name, usize>,
    /// Balance row of a header and step.
    pub balance: BTreeMap<(usize, usize), usize>,
    /// Ramp rows by row number.
    pub ramps: BTreeMap<usize, Ramp>,
    /// Hours of the steps.
    pub hours: Vec<f64>,
}

impl Formulation {
    /// Formulates a case that passed `validate`.
    #[must_use]
    pub fn new(case: &Case) -> Self {
        let mut this = Self {
            problem: Problem::default(),
            names: Vec::new(),
            columns: BTreeMap::new(),
            balance: BTreeMap::new(),
            ramps: BTreeMap::new(),
            hours: (0..case.time.steps).map(|t| case.time.hours(t)).collect(),
        };
        for t in 0..case.time.steps {
            this.step_columns(case, t);
        }
        for t in 0..case.time.steps {
            for h in 0..case.headers.len() {
                this.balance_row(case, h, t);
            }
            for c in 0..case.connections.len() {
                this.connection_row(case, c, t);
            }
            for (u, unit) in case.units.iter().enumerate() {
                this.ramp_row(u, unit, t);
                let floor = unit.floor(t);
                if floor > 0.0 {
                    let slack = this.slack(SlackKind::MustRun, u, t, floor);
                    let heat = this.columns[&(Part::Heat, u, t)];
                    this.problem.row(floor, f64::INFINITY, &[(heat, 1.0), (slack, 1.0)]);
                }
            }
            for s in 0..case.storages.len() {
                this.storage_rows(case, s, t);
            }
        }
        this
    }

    /// The column of a name, where the case has one.
    #[must_use]
    pub fn find(&self, part: Part, owner: usize, t: usize) -> Option<usize> {
        self.columns.get(&(part, owner, t)).copied()
    }

    fn add(&mut self, name: Name, cost: f64, upper: f64) -> usize {
        let column = self.problem.column(cost, 0.0, upper);
        self.names.push(name);
        self.columns.insert(name, column);
        column
    }

    fn slack(&mut self, kind: SlackKind, owner: usize, t: usize, upper: f64) -> usize {
        self.add((Part::Slack(kind), owner, t), 0.0, upper)
    }

    fn step_columns(&mut self, case: &Case, t: usize) {
        let h = self.hours[t];
        for (u, unit) in case.units.iter().enumerate() {
            let cost = h * marginal_cost_outside_connections(case, unit, t);
            self.add((Part::Heat, u, t), cost, unit.capacity(t));
        }
        for (c, connection) in case.connections.iter().enumerate() {
            let carrier = case.carriers.iter().find(|carrier| carrier.id == connection.carrier);
            let (buy, sell) = carrier.map_or((0.0, 0.0), |carrier| {
                (carrier.buying(t) + carrier.co2_t_per_mwh * case.co2_price.at(t), carrier.selling(t))
            });
            self.add((Part::Import, c, t), h * buy, connection.max_import.at(t));
            self.add((Part::Export, c, t), -h * sell, connection.max_export.at(t));
        }
        for (l, link) in case.links.iter().enumerate() {
            self.add((Part::Forward, l, t), 0.0, link.cap.at(t));
            self.add((Part::Reverse, l, t), 0.0, link.cap_reverse.at(t));
        }
        for (s, storage) in case.storages.iter().enumerate() {
            self.add((Part::Charge, s, t), 0.0, storage.charge_max.at(t));
            self.add((Part::Discharge, s, t), 0.0, storage.discharge_max.at(t));
            self.add((Part::Energy, s, t), 0.0, storage.capacity_mwh);
        }
        for header in 0..case.headers.len() {
            self.add((Part::Vent, header, t), 0.0, f64::INFINITY);
        }
        for (d, demand) in case.demands.iter().enumerate() {
            self.add((Part::Shed, d, t), 0.0, demand.sheddable_mw(t));
        }
    }

    fn balance_row(&mut self, case: &Case, header: usize, t: usize) {
        let id = &case.headers[header].id;
        let mut entries = vec![(self.columns[&(Part::Vent, header, t)], -1.0)];
        let mut asked = 0.0;
        for (u, unit) in case.units.iter().enumerate() {
            if unit.header == *id {
                entries.push((self.columns[&(Part::Heat, u, t)], 1.0));
            }
        }
        let mut fixed_loss = 0.0;
        for (l, link) in case.links.iter().enumerate() {
            let arriving = 1.0 - link.loss_frac;
            let forward = self.columns[&(Part::Forward, l, t)];
            let reverse = self.columns[&(Part::Reverse, l, t)];
            if link.from == *id {
                entries.extend([(forward, -1.0), (reverse, arriving)]);
                fixed_loss += link.fixed_loss.at(t) / 2.0;
            } else if link.to == *id {
                entries.extend([(forward, arriving), (reverse, -1.0)]);
                fixed_loss += link.fixed_loss.at(t) / 2.0;
            }
        }
        for (s, storage) in case.storages.iter().enumerate() {
            if storage.header == *id {
                entries.push((self.columns[&(Part::Discharge, s, t)], 1.0));
                entries.push((self.columns[&(Part::Charge, s, t)], -1.0));
            }
        }
        for (d, demand) in case.demands.iter().enumerate() {
            if demand.header == *id {
                asked += demand.heat.at(t);
                entries.push((self.columns[&(Part::Shed, d, t)], 1.0));
                let must = demand.heat.at(t) - demand.sheddable_mw(t);
                if must > 0.0 {
                    entries.push((self.slack(SlackKind::MustServe, d, t, must), 1.0));
                }
            }
        }
        if fixed_loss > 0.0 {
            entries.push((self.slack(SlackKind::FixedLoss, header, t, fixed_loss), 1.0));
        }
        let level = asked + fixed_loss;
        let row = self.problem.row(level, level, &entries);
        self.balance.insert((header, t), row);
    }

    fn connection_row(&mut self, case: &Case, c: usize, t: usize) {
        let connection = &case.connections[c];
        let mut entries = vec![(self.columns[&(Part::Import, c, t)], 1.0), (self.columns[&(Part::Export, c, t)], -1.0)];
        let power = case.carriers.iter().any(|carrier| carrier.id == connection.carrier && carrier.is_power());
        for (u, unit) in case.units.iter().enumerate() {
            if unit.plant == connection.plant {
                let mut per_heat = 0.0;
                if unit.carrier.as_ref() == Some(&connection.carrier) {
                    per_heat -= unit.input_per_heat(t);
                }
                if power {
                    per_heat += unit.power_per_heat(t);
                }
                if per_heat != 0.0 {
                    entries.push((self.columns[&(Part::Heat, u, t)], per_heat));
                }
            }
        }
        let base = connection.base_load.at(t);
        if base > 0.0 {
            entries.push((self.slack(SlackKind::BaseLoad, c, t, base), 1.0));
        }
        self.problem.row(base, base, &entries);
    }

    fn ramp_row(&mut self, u: usize, unit: &Unit, t: usize) {
        let Some((least, most)) = ramp_range(unit, t, self.hours[t]) else {
            return;
        };
        let mut entries = vec![(self.columns[&(Part::Heat, u, t)], 1.0)];
        let mut base = 0.0;
        if t > 0 {
            entries.push((self.columns[&(Part::Heat, u, t - 1)], -1.0));
        } else {
            base = unit.initial.map_or(0.0, |initial| initial.heat_mw);
        }
        // Only heat that a unit makes now can force heat upon a later step.
        if least.is_finite() && unit.initial.is_some_and(|initial| initial.heat_mw > 0.0) {
            entries.push((self.slack(SlackKind::RampDown, u, t, f64::INFINITY), 1.0));
        }
        let row = self.problem.row(base + least, base + most, &entries);
        self.ramps.insert(row, (u, t));
    }

    fn storage_rows(&mut self, case: &Case, s: usize, t: usize) {
        let storage = &case.storages[s];
        let h = self.hours[t];
        let kept = (1.0 - storage.loss_per_h).powf(h);
        let energy = self.columns[&(Part::Energy, s, t)];
        let mut entries = vec![
            (energy, 1.0),
            (self.columns[&(Part::Charge, s, t)], -h * storage.charge_eff),
            (self.columns[&(Part::Discharge, s, t)], h / storage.discharge_eff),
        ];
        let mut level = 0.0;
        if t > 0 {
            entries.push((self.columns[&(Part::Energy, s, t - 1)], -kept));
        } else {
            level = kept * storage.initial_mwh;
        }
        self.problem.row(level, level, &entries);
        if t + 1 == case.time.steps
            && let Some(mwh) = storage.final_mwh()
        {
            let short = self.slack(SlackKind::FinalShort, s, t, storage.capacity_mwh);
            let over = self.slack(SlackKind::FinalOver, s, t, storage.capacity_mwh);
            self.problem.row(mwh, mwh, &[(energy, 1.0), (short, 1.0), (over, -1.0)]);
        }
    }
}

/// By how much a unit's heat may change into step `t`, or `None` where nothing limits it. The first step is limited only
/// where the present heat is known, and there a capacity below it is a forced outage, which is no ramp: the way down
/// widens by what was lost. A fall inside the horizon is foreseen, so the unit must be ramped down before it; the
/// published figures of the sample cases are reached only so.
#[must_use]
pub fn ramp_range(unit: &Unit, t: usize, hours: f64) -> Option<(f64, f64)> {
    let lost = match (t, unit.initial) {
        (0, None) => return None,
        (0, Some(initial)) => (initial.heat_mw - unit.capacity(0)).max(0.0),
        _ => 0.0,
    };
    let least = unit.ramp_down_per_h.map_or(f64::NEG_INFINITY, |ramp| -ramp * hours - lost);
    let most = unit.ramp_up_per_h.map_or(f64::INFINITY, |ramp| ramp * hours);
    (least.is_finite() || most.is_finite()).then_some((least, most))
}

/// Cost of a MWh of a unit's heat that no connection accounts for: its own upkeep, and the carrier where the plant has
/// no connection for it (a wood chip store, say).
#[must_use]
pub fn marginal_cost_outside_connections(case: &Case, unit: &Unit, t: usize) -> f64 {
    let mut cost = unit.var_om.at(t);
    if let Some(id) = &unit.carrier {
        let connected =
            case.connections.iter().any(|connection| connection.plant == unit.plant && connection.carrier == *id);
        if !connected && let Some(carrier) = case.carriers.iter().find(|carrier| carrier.id == *id) {
            let price = carrier.buying(t) + carrier.co2_t_per_mwh * case.co2_price.at(t);
            cost += price * unit.input_per_heat(t);
        }
    }
    cost
}
