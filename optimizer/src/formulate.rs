//! From a case to a linear program (optimizer.md, "Formulation"), and with commitment to a mixed-integer one.
//!
//! Every column is non-negative and has a `Name`: what it is, whose, and in which step; every row has one too, so that
//! the basis of one program can be carried over to another (`basis`). Flows are MW, stores MWh, so costs are price times
//! hours. The columns of `Part::Shed` are what the class stages minimise, those of `Part::Slack` what the physical stage
//! does; with them no case is infeasible. Slacks exist only where the data can need one, so an ordinary case carries
//! none.
//!
//! Here are columns, balances, connections, stores and links; `unit` has what is a unit's own, `commitment` its on and
//! off states.

mod commitment;
mod index;
mod layout;
mod unit;

use std::collections::BTreeSet;

use crate::case::{Case, Unit};
use crate::problem::Problem;
pub use crate::solution::Rule;
use crate::solution::SlackKind;

pub use index::Index;
pub(crate) use layout::Layout;
pub use unit::ramp_range;

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Heat of a unit.
    Heat,
    /// Heat of a unit on one of its segments.
    Segment(u16),
    /// Whether the segments before this one are full, so that it may be used: 0 or 1.
    Filled(u16),
    /// Power of an extraction unit.
    Power,
    /// Weight of one vertex of a unit's region.
    Vertex(u16),
    /// Upward margin that a unit keeps for its header.
    Reserve,
    /// Margin that a header lacks.
    ReserveShort,
    /// Whether a unit is on: 0 or 1.
    On,
    /// Whether a unit starts in the step.
    Start,
    /// Whether a unit stops into the step.
    Stop,
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

impl Part {
    /// The segment with this number; `validate` allows fewer than would not fit.
    #[must_use]
    pub fn segment(k: usize) -> Self {
        Self::Segment(u16::try_from(k).unwrap_or(u16::MAX))
    }

    /// Whether the segment with this number may be used.
    #[must_use]
    pub fn filled(k: usize) -> Self {
        Self::Filled(u16::try_from(k).unwrap_or(u16::MAX))
    }

    /// The vertex with this number; `validate` allows fewer than would not fit.
    #[must_use]
    pub fn vertex(k: usize) -> Self {
        Self::Vertex(u16::try_from(k).unwrap_or(u16::MAX))
    }
}

/// Part, number of its owner in the case's list, step.
pub type Name = (Part, usize, usize);

/// Rule, number of its owner in the case's list, step.
pub type RowName = (Rule, usize, usize);

/// What a MW, or a weight, of a column draws of its unit's carrier and makes of power.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// Column.
    pub column: usize,
    /// MW of the carrier.
    pub input: f64,
    /// MW of electricity.
    pub power: f64,
}

/// A ramp row: its unit and step.
pub type Ramp = (usize, usize);

/// The program of a case, and how to find things in it.
pub struct Formulation {
    /// With the economic costs in `cost`.
    pub problem: Problem,
    /// Names of the columns, in order.
    pub names: Vec<Name>,
    /// Columns by name.
    pub columns: Index,
    /// Names of the rows, in order.
    pub rules: Vec<RowName>,
    /// Rows by name.
    pub rows: Index,
    /// By step and unit: the columns that draw its carrier and make its power.
    pub flows: Vec<Vec<Vec<Flow>>>,
    /// Hours of the steps.
    pub hours: Vec<f64>,
}

impl Formulation {
    /// Formulates a case that passed `validate`.
    #[must_use]
    pub fn new(case: &Case) -> Self {
        Self::build(case, None)
    }

    /// The same with states: a 0 or 1 for every unit and step over which commitment decides. Pieces are in their order by a
    /// decision where a curve is not convex, and where a unit is named here.
    #[must_use]
    pub fn with_states(case: &Case, ordered: &BTreeSet<String>) -> Self {
        Self::build(case, Some(ordered))
    }

    fn build(case: &Case, ordered: Option<&BTreeSet<String>>) -> Self {
        let layout = Layout::new(case);
        let mut this = Self {
            problem: Problem::default(),
            names: Vec::new(),
            columns: Index::new(case.time.steps),
            rules: Vec::new(),
            rows: Index::new(case.time.steps),
            flows: Vec::new(),
            hours: (0..case.time.steps).map(|t| case.time.hours(t)).collect(),
        };
        if let Some(ordered) = ordered {
            this.state_columns(case);
            this.order_columns(case, ordered);
        }
        for t in 0..case.time.steps {
            this.step_columns(case, &layout, t);
        }
        for t in 0..case.time.steps {
            for h in 0..case.headers.len() {
                this.balance_row(case, &layout, h, t);
                this.reserve_row(case, &layout, h, t);
            }
            for c in 0..case.connections.len() {
                this.connection_row(case, &layout, c, t);
            }
            for (u, unit) in case.units.iter().enumerate() {
                this.unit_rows(unit, u, t);
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
        self.columns.find(part, owner, t)
    }

    /// The row of a name, where the case has one.
    #[must_use]
    pub fn find_row(&self, rule: Rule, owner: usize, t: usize) -> Option<usize> {
        self.rows.find(rule, owner, t)
    }

    /// The balance row of a header, which has one in every step.
    #[must_use]
    pub fn balance(&self, header: usize, t: usize) -> usize {
        let row = self.find_row(Rule::Balance, header, t);
        row.unwrap_or_else(|| unreachable!("header {header} has no balance in step {t}"))
    }

    /// The ramp rows, each with its unit and step.
    pub fn ramps(&self) -> impl Iterator<Item = (usize, Ramp)> + '_ {
        let rules = self.rules.iter().enumerate();
        rules.filter_map(|(row, &(rule, u, t))| (rule == Rule::Ramp).then_some((row, (u, t))))
    }

    /// A column that every case has for its owner, or that was added for it before.
    fn at(&self, part: Part, owner: usize, t: usize) -> usize {
        self.find(part, owner, t).unwrap_or_else(|| unreachable!("{part:?} of {owner} in step {t} was not added"))
    }

    fn add(&mut self, name: Name, cost: f64, upper: f64) -> usize {
        let column = self.problem.column(cost, 0.0, upper);
        self.names.push(name);
        self.columns.insert(name.0, name.1, name.2, column);
        column
    }

    fn row(&mut self, name: RowName, lower: f64, upper: f64, entries: &[(usize, f64)]) -> usize {
        self.rules.push(name);
        let row = self.problem.row(lower, upper, entries);
        self.rows.insert(name.0, name.1, name.2, row);
        row
    }

    fn slack(&mut self, kind: SlackKind, owner: usize, t: usize, upper: f64) -> usize {
        self.add((Part::Slack(kind), owner, t), 0.0, upper)
    }

    fn step_columns(&mut self, case: &Case, layout: &Layout, t: usize) {
        let h = self.hours[t];
        let mut flows = Vec::with_capacity(case.units.len());
        for (u, unit) in case.units.iter().enumerate() {
            flows.push(self.unit_columns(case, layout, unit, u, t));
        }
        self.flows.push(flows);
        for (c, connection) in case.connections.iter().enumerate() {
            let (buy, sell) = layout.connection_carriers[c].map_or((0.0, 0.0), |carrier| {
                let carrier = &case.carriers[carrier];
                (carrier.buying(t) + carrier.co2_t_per_mwh * case.co2_price.at(t), carrier.selling(t))
            });
            self.add((Part::Import, c, t), h * buy, connection.max_import.at(t));
            self.add((Part::Export, c, t), -h * sell, connection.max_export.at(t));
        }
        for (l, link) in case.links.iter().enumerate() {
            // What is still under way at the end counts for what it is worth on arrival.
            let late = t + link.delay_steps >= case.time.steps;
            let credit = if late { link.credit_per_mwh.unwrap_or(0.0) * (1.0 - link.loss_frac) } else { 0.0 };
            self.add((Part::Forward, l, t), -h * credit, link.cap.at(t));
            self.add((Part::Reverse, l, t), -h * credit, link.cap_reverse.at(t));
        }
        for (s, storage) in case.storages.iter().enumerate() {
            let worth = if t + 1 == case.time.steps { storage.final_value() } else { 0.0 };
            self.add((Part::Charge, s, t), 0.0, storage.charge_max.at(t));
            self.add((Part::Discharge, s, t), 0.0, storage.discharge_max.at(t));
            self.add((Part::Energy, s, t), -worth, storage.capacity_mwh);
        }
        for (header, of) in case.headers.iter().enumerate() {
            self.add((Part::Vent, header, t), 0.0, f64::INFINITY);
            if let Some(reserve) = &of.reserve {
                self.add((Part::ReserveShort, header, t), h * reserve.price, reserve.mw.at(t));
            }
        }
        for (d, demand) in case.demands.iter().enumerate() {
            self.add((Part::Shed, d, t), 0.0, demand.sheddable_mw(t));
        }
    }

    fn balance_row(&mut self, case: &Case, layout: &Layout, header: usize, t: usize) {
        let mut entries = vec![(self.at(Part::Vent, header, t), -1.0)];
        let (mut asked, mut fixed_loss, mut known) = (0.0, 0.0, 0.0);
        for &u in &layout.units[header] {
            entries.push((self.at(Part::Heat, u, t), 1.0));
        }
        for &(l, from) in &layout.links[header] {
            let link = &case.links[l];
            let arriving = 1.0 - link.loss_frac;
            let (away, back) = if from { (Part::Forward, Part::Reverse) } else { (Part::Reverse, Part::Forward) };
            entries.push((self.at(away, l, t), -1.0));
            match t.checked_sub(link.delay_steps) {
                Some(sent) => entries.push((self.at(back, l, sent), arriving)),
                None => known += arriving * if from { link.reverse_known(t) } else { link.forward_known(t) },
            }
            fixed_loss += link.fixed_loss.at(t) / 2.0;
        }
        for &s in &layout.storages[header] {
            entries.push((self.at(Part::Discharge, s, t), 1.0));
            entries.push((self.at(Part::Charge, s, t), -1.0));
        }
        for &d in &layout.demands[header] {
            let demand = &case.demands[d];
            asked += demand.heat.at(t);
            entries.push((self.at(Part::Shed, d, t), 1.0));
            let must = demand.heat.at(t) - demand.sheddable_mw(t);
            if must > 0.0 {
                entries.push((self.slack(SlackKind::MustServe, d, t, must), 1.0));
            }
        }
        if fixed_loss > 0.0 {
            entries.push((self.slack(SlackKind::FixedLoss, header, t, fixed_loss), 1.0));
        }
        let level = asked + fixed_loss - known;
        self.row((Rule::Balance, header, t), level, level, &entries);
    }

    fn reserve_row(&mut self, case: &Case, layout: &Layout, header: usize, t: usize) {
        let Some(reserve) = &case.headers[header].reserve else {
            return;
        };
        let mut entries = vec![(self.at(Part::ReserveShort, header, t), 1.0)];
        entries.extend(layout.units[header].iter().map(|&u| (self.at(Part::Reserve, u, t), 1.0)));
        self.row((Rule::Reserve, header, t), reserve.mw.at(t), f64::INFINITY, &entries);
    }

    fn connection_row(&mut self, case: &Case, layout: &Layout, c: usize, t: usize) {
        let mut entries = vec![(self.at(Part::Import, c, t), 1.0), (self.at(Part::Export, c, t), -1.0)];
        for &(u, takes, gives) in &layout.feeds[c] {
            for flow in &self.flows[t][u] {
                let net = if gives { flow.power } else { 0.0 } - if takes { flow.input } else { 0.0 };
                if net != 0.0 {
                    entries.push((flow.column, net));
                }
            }
        }
        let base = case.connections[c].base_load.at(t);
        if base > 0.0 {
            entries.push((self.slack(SlackKind::BaseLoad, c, t, base), 1.0));
        }
        self.row((Rule::Connection, c, t), base, base, &entries);
        // Where selling pays more than buying costs, bought power must not be sold again.
        let carrier = layout.connection_carriers[c].map(|carrier| &case.carriers[carrier]);
        if carrier.is_some_and(|carrier| carrier.selling(t) > carrier.buying(t)) {
            let mut entries = vec![(self.at(Part::Export, c, t), 1.0)];
            for &(u, _, gives) in &layout.feeds[c] {
                let made = self.flows[t][u].iter().filter(|flow| gives && flow.power != 0.0);
                entries.extend(made.map(|flow| (flow.column, -flow.power)));
            }
            self.row((Rule::MadeHere, c, t), f64::NEG_INFINITY, 0.0, &entries);
        }
    }

    fn storage_rows(&mut self, case: &Case, s: usize, t: usize) {
        let storage = &case.storages[s];
        let h = self.hours[t];
        let kept = (1.0 - storage.loss_per_h).powf(h);
        let energy = self.at(Part::Energy, s, t);
        let mut entries = vec![
            (energy, 1.0),
            (self.at(Part::Charge, s, t), -h * storage.charge_eff),
            (self.at(Part::Discharge, s, t), h / storage.discharge_eff),
        ];
        let mut level = 0.0;
        if t > 0 {
            entries.push((self.at(Part::Energy, s, t - 1), -kept));
        } else {
            level = kept * storage.initial_mwh;
        }
        self.row((Rule::Content, s, t), level, level, &entries);
        if t + 1 == case.time.steps
            && let Some(mwh) = storage.final_mwh()
        {
            let short = self.slack(SlackKind::FinalShort, s, t, storage.capacity_mwh);
            let over = self.slack(SlackKind::FinalOver, s, t, storage.capacity_mwh);
            self.row((Rule::Final, s, t), mwh, mwh, &[(energy, 1.0), (short, 1.0), (over, -1.0)]);
        }
    }
}

/// Cost of a MWh of a unit's heat that no connection accounts for: its own upkeep, and the carrier where the plant has
/// no connection for it (a wood chip store, say), on the unit's line.
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
