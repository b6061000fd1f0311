//! The independent judge of a schedule. It shares types with the solver and nothing else: no row, no column, no
//! tolerance. Everything is recomputed from the case, the series of the result and the duals that it gives as proof.
//!
//! Checked: shapes and signs; unit, flow and store limits; conversion from carrier to heat and power; ramps; reserve;
//! header and connection balances, arrivals of delayed links, no bought power sold again; store dynamics and final
//! level, no store that charges and discharges at once; demand sums; unserved totals by class and the stages that claim
//! them; cost; the certificate's figures; strict priority by exchange (`priority`), which says of any schedule who was
//! served for whom; and of an optimal one that nothing better exists, stage by stage (`proof`, over the judge's own
//! `program`), given its states; and of states that were chosen the bound of a relaxation, by its duals, over a program that
//! has them as columns. The bound of a search is held to lie between that one and the schedule, and is no more than its word.
//! Movement is not proved: it chooses between schedules that are as good, within 0.1 % of the cost.

mod places;
mod priority;
mod program;
mod proof;
mod states;
mod units;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Arguments;

use crate::case::{Carrier, Case, Final, FinalWord, Link};
use crate::solution::{BEYOND_SETPOINTS, Slack, SlackKind, Solution, Status};

use places::Places;

/// Allowed residual, relative to 1 + the magnitude of the limit (MW, MWh, money).
const RESIDUAL: f64 = 1e-5;

/// What the judge says.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Verdict {
    /// Whether there is no fault.
    pub passed: bool,
    /// Every fault, each with owner and step.
    pub faults: Vec<String>,
    /// Largest relative residual that was met.
    pub residual: f64,
    /// Of a committed schedule, stage by stage, how good its states are.
    pub bounds: Vec<Proven>,
}

/// How far other states could be better in a stage, of those that are as good in the stages above it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Proven {
    /// A stage above cost, or `cost`.
    pub stage: String,
    /// What the schedule has, in the stage's unit.
    pub value: f64,
    /// What no schedule is below, worked out here from the duals of the relaxation.
    pub proven: f64,
    /// What the search says that none is below. Nobody but the solver knows.
    pub said: f64,
}

impl Proven {
    /// (value - proven) / (1 + |value|), which is zero where the states are proved to be the best.
    #[must_use]
    pub fn gap(&self) -> f64 {
        (self.value - self.proven).max(0.0) / (1.0 + self.value.abs())
    }
}

/// Judges a result against its case.
#[must_use]
pub fn check(case: &Case, solution: &Solution) -> Verdict {
    let mut judge = Judge { case, solution, verdict: Verdict::default() };
    if let Err(error) = case.validate() {
        judge.fault(error.to_string());
    } else if judge.shapes()
        && let Some(places) = Places::new(case, solution)
    {
        judge.units(&places);
        judge.reserves(&places);
        judge.states(&places);
        judge.pieces(&places);
        judge.flows(&places);
        judge.stores(&places);
        judge.connections(&places);
        judge.headers(&places);
        judge.demands(&places);
        judge.slacks();
        judge.totals(&places);
        judge.priority(&places);
        judge.evidence(&places);
        judge.proofs(&places);
        judge.bounds(&places);
    }
    judge.verdict.passed = judge.verdict.faults.is_empty();
    judge.verdict
}

/// What a schedule costs: carriers with emissions, upkeep and lacking reserve, less what is fed out, and less what heat
/// in stores and under way is worth at the end.
#[must_use]
pub fn cost_of(case: &Case, solution: &Solution) -> f64 {
    let carrier = |id: &str| case.carriers.iter().find(|carrier| carrier.id == id);
    let connected: HashSet<(&str, &str)> =
        case.connections.iter().map(|it| (it.plant.as_str(), it.carrier.as_str())).collect();
    let connections: Vec<_> = case
        .connections
        .iter()
        .filter_map(|it| Some((solution.connections.get(&it.id)?, carrier(&it.carrier))))
        .collect();
    let units: Vec<_> = case
        .units
        .iter()
        .filter_map(|unit| {
            let loose = unit.carrier.as_deref().filter(|id| !connected.contains(&(unit.plant.as_str(), *id)));
            Some((unit, solution.units.get(&unit.id)?, loose.and_then(carrier)))
        })
        .collect();
    let mut cost = 0.0;
    for t in 0..case.time.steps {
        let h = case.time.hours(t);
        let emitted = case.co2_price.at(t);
        for (series, carrier) in &connections {
            let (buy, sell) =
                carrier.map_or((0.0, 0.0), |it| (it.buying(t) + it.co2_t_per_mwh * emitted, it.selling(t)));
            cost += h * (buy * value(&series.import, t) - sell * value(&series.export, t));
        }
        for (unit, series, loose) in &units {
            cost += h * value(&series.heat, t) * unit.var_om.at(t);
            if states::starts(unit, series, t) {
                cost += unit.start_cost;
            }
            if let Some(carrier) = loose {
                cost += h * value(&series.input, t) * (carrier.buying(t) + carrier.co2_t_per_mwh * emitted);
            }
        }
        for header in &case.headers {
            if let (Some(reserve), Some(short)) = (&header.reserve, solution.reserve_short.get(&header.id)) {
                cost += h * reserve.price * value(short, t);
            }
        }
    }
    cost - worth_at_the_end(case, solution)
}

/// What is left when the horizon ends: in stores with a terminal value, and under way on links with a delay.
fn worth_at_the_end(case: &Case, solution: &Solution) -> f64 {
    let mut worth = 0.0;
    for storage in &case.storages {
        if let (Final::Value { value_per_mwh }, Some(series)) = (storage.r#final, solution.storages.get(&storage.id)) {
            worth += value_per_mwh * value(&series.energy, case.time.steps - 1);
        }
    }
    for link in &case.links {
        if let (Some(credit), Some(flow)) = (link.credit_per_mwh, solution.links.get(&link.id)) {
            for t in case.time.steps.saturating_sub(link.delay_steps)..case.time.steps {
                let sent = value(&flow.forward, t) + value(&flow.reverse, t);
                worth += credit * case.time.hours(t) * sent * (1.0 - link.loss_frac);
            }
        }
    }
    worth
}

fn value(series: &[f64], t: usize) -> f64 {
    series.get(t).copied().unwrap_or(f64::NAN)
}

/// What comes out of a link in a step: sent `delay_steps` before, in the horizon or as the data say.
fn arrives(link: &Link, sent: &[f64], before: &[f64], t: usize) -> f64 {
    let mw = if t < link.delay_steps { value(before, t) } else { value(sent, t - link.delay_steps) };
    mw * (1.0 - link.loss_frac)
}

struct Judge<'a> {
    case: &'a Case,
    solution: &'a Solution,
    verdict: Verdict,
}

impl Judge<'_> {
    fn fault(&mut self, what: String) {
        self.verdict.faults.push(what);
    }

    /// `least <= value <= most` within the tolerance; a NaN is a fault.
    fn within(&mut self, what: Arguments<'_>, t: usize, value: f64, least: f64, most: f64) {
        let below = if least.is_finite() { (least - value) / (1.0 + least.abs()) } else { 0.0 };
        let above = if most.is_finite() { (value - most) / (1.0 + most.abs()) } else { 0.0 };
        let residual = below.max(above).max(0.0);
        self.verdict.residual = self.verdict.residual.max(residual);
        if !value.is_finite() || residual > RESIDUAL {
            self.fault(format!("{what}, step {t}: {value} is not within {least} and {most}"));
        }
    }

    fn equal(&mut self, what: Arguments<'_>, t: usize, left: f64, right: f64) {
        self.within(what, t, left, right, right);
    }

    /// The MW or MWh by which an owner's limit is declared to give in a step.
    fn gives(&self, kind: SlackKind, owner: &str, t: usize) -> f64 {
        self.solution
            .slacks
            .iter()
            .filter(|slack| slack.kind == kind && slack.owner == owner)
            .map(|slack| value(&slack.amount, t).max(0.0))
            .sum()
    }

    fn shapes(&mut self) -> bool {
        let (case, solution) = (self.case, self.solution);
        let mut lengths: Vec<(String, usize)> = Vec::new();
        let mut want = |what: &str, id: &str, series: Option<Vec<usize>>| {
            for length in series.unwrap_or_else(|| vec![0]) {
                lengths.push((format!("{what} {id}"), length));
            }
        };
        for unit in &case.units {
            let series = solution.units.get(&unit.id);
            want("unit", &unit.id, series.map(|s| vec![s.heat.len(), s.power.len(), s.input.len()]));
            if let Some(on) = series.map(|s| s.on.len()).filter(|len| *len > 0) {
                want("states of unit", &unit.id, Some(vec![on]));
            }
            if let Some(pieces) = series.map(|s| s.piece.len()).filter(|len| *len > 0) {
                want("pieces of unit", &unit.id, Some(vec![pieces]));
            }
        }
        for connection in &case.connections {
            let series = solution.connections.get(&connection.id);
            want("connection", &connection.id, series.map(|s| vec![s.import.len(), s.export.len()]));
        }
        for link in &case.links {
            let series = solution.links.get(&link.id);
            want("link", &link.id, series.map(|s| vec![s.forward.len(), s.reverse.len()]));
        }
        for storage in &case.storages {
            let series = solution.storages.get(&storage.id);
            want("storage", &storage.id, series.map(|s| vec![s.charge.len(), s.discharge.len(), s.energy.len()]));
        }
        for demand in &case.demands {
            let series = solution.demands.get(&demand.id);
            want("demand", &demand.id, series.map(|s| vec![s.served.len(), s.unserved.len()]));
        }
        for header in &case.headers {
            let series = solution.vents.get(&header.id);
            want("vent", &header.id, series.map(|s| vec![s.len()]));
            if header.reserve.is_some() {
                want("reserve of", &header.id, solution.reserve_short.get(&header.id).map(|s| vec![s.len()]));
                for unit in case.units.iter().filter(|unit| unit.header == header.id) {
                    want("reserve of", &unit.id, solution.units.get(&unit.id).map(|s| vec![s.reserve.len()]));
                }
            }
        }
        for slack in &solution.slacks {
            want("slack of", &slack.owner, Some(vec![slack.amount.len()]));
        }
        for (what, length) in lengths {
            if length != case.time.steps {
                self.fault(format!("{what}: {length} values for {} steps", case.time.steps));
            }
        }
        self.verdict.faults.is_empty()
    }

    fn flows(&mut self, places: &Places<'_>) {
        for (link, series) in self.case.links.iter().zip(&places.links) {
            for t in 0..self.case.time.steps {
                self.within(format_args!("link {} forward", link.id), t, series.forward[t], 0.0, link.cap.at(t));
                let reverse = link.cap_reverse.at(t);
                self.within(format_args!("link {} reverse", link.id), t, series.reverse[t], 0.0, reverse);
            }
        }
    }

    fn stores(&mut self, places: &Places<'_>) {
        for (storage, series) in self.case.storages.iter().zip(&places.storages) {
            let id = &storage.id;
            let mut before = storage.initial_mwh;
            for t in 0..self.case.time.steps {
                let h = self.case.time.hours(t);
                self.within(format_args!("storage {id} charge"), t, series.charge[t], 0.0, storage.charge_max.at(t));
                let most = storage.discharge_max.at(t);
                self.within(format_args!("storage {id} discharge"), t, series.discharge[t], 0.0, most);
                let both = series.charge[t].min(series.discharge[t]);
                self.within(format_args!("storage {id} charge and discharge"), t, both, 0.0, 0.0);
                self.within(format_args!("storage {id} energy"), t, series.energy[t], 0.0, storage.capacity_mwh);
                let flows = series.charge[t] * storage.charge_eff - series.discharge[t] / storage.discharge_eff;
                let after = before * (1.0 - storage.loss_per_h).powf(h) + h * flows;
                self.equal(format_args!("storage {id} content"), t, series.energy[t], after);
                before = series.energy[t];
            }
            let level = match storage.r#final {
                Final::Mwh(mwh) => Some(mwh),
                Final::Word(FinalWord::EqualInitial) => Some(storage.initial_mwh),
                Final::Word(FinalWord::Free) | Final::Value { .. } => None,
            };
            if let Some(mwh) = level {
                let t = self.case.time.steps - 1;
                let least = mwh - self.gives(SlackKind::FinalShort, id, t);
                let most = mwh + self.gives(SlackKind::FinalOver, id, t);
                self.within(format_args!("storage {id} final level"), t, before, least, most);
            }
        }
    }

    fn connections(&mut self, places: &Places<'_>) {
        for (c, connection) in self.case.connections.iter().enumerate() {
            let (series, carrier) = (places.connections[c], places.carrier_of[c]);
            let id = &connection.id;
            let electric = carrier.is_some_and(Carrier::is_power);
            for t in 0..self.case.time.steps {
                self.within(
                    format_args!("connection {id} import"),
                    t,
                    series.import[t],
                    0.0,
                    connection.max_import.at(t),
                );
                self.within(
                    format_args!("connection {id} export"),
                    t,
                    series.export[t],
                    0.0,
                    connection.max_export.at(t),
                );
                let (mut used, mut made_here) = (connection.base_load.at(t), 0.0);
                for &u in &places.units_of[c] {
                    let (unit, made) = (&self.case.units[u], places.units[u]);
                    if unit.carrier.as_ref() == Some(&connection.carrier) {
                        used += made.input[t];
                    }
                    if electric {
                        used -= made.power[t];
                        made_here += made.power[t];
                    }
                }
                if carrier.is_some_and(|carrier| carrier.selling(t) > carrier.buying(t)) {
                    self.within(format_args!("connection {id} power made"), t, series.export[t], 0.0, made_here);
                }
                let gives = self.gives(SlackKind::BaseLoad, id, t);
                self.within(format_args!("connection {id} base load slack"), t, gives, 0.0, connection.base_load.at(t));
                let net = series.import[t] - series.export[t] + gives;
                self.equal(format_args!("connection {id} balance"), t, net, used);
            }
        }
    }

    fn headers(&mut self, places: &Places<'_>) {
        for (h, header) in self.case.headers.iter().enumerate() {
            for t in 0..self.case.time.steps {
                let vent = places.vents[h][t];
                self.within(format_args!("header {} vent", header.id), t, vent, 0.0, f64::INFINITY);
                let (mut into, mut out) = (0.0, vent);
                for &u in &places.units_at[h] {
                    into += places.units[u].heat[t];
                }
                for &s in &places.storages_at[h] {
                    into += places.storages[s].discharge[t];
                    out += places.storages[s].charge[t];
                }
                let mut losses = 0.0;
                for &(l, from) in &places.links_at[h] {
                    let (link, flow) = (&self.case.links[l], places.links[l]);
                    let (sent, comes, before) = if from {
                        (&flow.forward, &flow.reverse, &link.reverse_before)
                    } else {
                        (&flow.reverse, &flow.forward, &link.forward_before)
                    };
                    out += sent[t];
                    into += arrives(link, comes, before, t);
                    losses += 0.5 * link.fixed_loss.at(t);
                }
                let gives = self.gives(SlackKind::FixedLoss, &header.id, t);
                self.within(format_args!("header {} fixed loss slack", header.id), t, gives, 0.0, losses);
                out += losses - gives;
                for &d in &places.demands_at[h] {
                    out += places.demands[d].served[t];
                }
                self.equal(format_args!("header {} balance", header.id), t, into, out);
            }
        }
    }

    fn demands(&mut self, places: &Places<'_>) {
        for (demand, series) in self.case.demands.iter().zip(&places.demands) {
            let id = &demand.id;
            for t in 0..self.case.time.steps {
                let asked = demand.heat.at(t);
                self.within(format_args!("demand {id} served"), t, series.served[t], 0.0, asked);
                let most = demand.sheddable_mw(t) + self.gives(SlackKind::MustServe, id, t);
                self.within(format_args!("demand {id} unserved"), t, series.unserved[t], 0.0, most);
                let sum = series.served[t] + series.unserved[t];
                self.equal(format_args!("demand {id} sum"), t, sum, asked);
            }
        }
    }

    fn totals(&mut self, places: &Places<'_>) {
        for class in &self.case.classes {
            let mut mwh = 0.0;
            let demands = self.case.demands.iter().zip(&places.demands);
            for (_, series) in demands.filter(|(demand, _)| demand.class == *class) {
                for (t, unserved) in series.unserved.iter().enumerate() {
                    mwh += unserved * self.case.time.hours(t);
                }
            }
            let said = self.solution.unserved_mwh.get(class).copied().unwrap_or(f64::NAN);
            self.equal(format_args!("class {class} unserved total"), 0, said, mwh);
        }
        let cost = cost_of(self.case, self.solution);
        self.equal(format_args!("schedule cost"), 0, self.solution.schedule_cost, cost);
        let movable = 1e-3 * self.solution.cost.abs();
        let most = if self.case.previous.is_some() { self.solution.cost + movable } else { self.solution.cost };
        self.within(format_args!("cost against the cost stage"), 0, cost, self.solution.cost, most);
    }

    fn evidence(&mut self, places: &Places<'_>) {
        let certificate = self.solution.certificate;
        if self.solution.status == Status::Optimal {
            let figures = [Some(certificate.primal), certificate.dual, certificate.gap];
            // Written so that an absent figure and a NaN both fail.
            let sound = figures.iter().all(|figure| figure.is_some_and(|figure| figure <= 1e-7));
            if !sound || !certificate.passed {
                self.fault(format!("certificate does not hold: {certificate:?}"));
            }
            for stage in &self.solution.stages {
                let name = stage.name.as_str();
                let expected = match name {
                    "physical" => {
                        Some(self.given(|slack| !slack.kind.is_energy() && slack.kind != SlackKind::MustServe))
                    }
                    "final" => Some(self.given(|slack| slack.kind.is_energy())),
                    "cost" => Some(self.solution.cost),
                    "movement" => self.case.previous.as_ref().map(|previous| self.moved(places, previous)),
                    _ => name.strip_suffix(BEYOND_SETPOINTS).map(|class| self.beyond_setpoints(class)),
                };
                if let Some(expected) = expected {
                    self.equal(format_args!("stage {name}"), 0, stage.value, expected);
                }
                if let Some(mwh) = self.solution.unserved_mwh.get(name).copied() {
                    self.equal(format_args!("stage {name}"), 0, mwh, stage.value + self.beyond_setpoints(name));
                }
            }
        }
    }

    /// All that some of what may give gave: MW over their hours, MWh of final levels.
    fn given(&self, counts: impl Fn(&Slack) -> bool) -> f64 {
        let slacks = self.solution.slacks.iter().filter(|slack| counts(slack));
        let amounts = slacks.flat_map(|slack| {
            let hours = |t: usize| if slack.kind.is_energy() { 1.0 } else { self.case.time.hours(t) };
            slack.amount.iter().enumerate().map(move |(t, amount)| amount * hours(t))
        });
        amounts.sum()
    }

    /// What a class lacks of the heat that no shed setpoint reaches, MWh.
    fn beyond_setpoints(&self, class: &str) -> f64 {
        let of_class = |id: &str| self.case.demands.iter().any(|demand| demand.id == id && demand.class == class);
        self.given(|slack| slack.kind == SlackKind::MustServe && of_class(&slack.owner))
    }

    /// What gives is some limit of the case, and gives no less than nothing: one that took would pay for others.
    fn slacks(&mut self) {
        for slack in &self.solution.slacks {
            let owner = slack.owner.as_str();
            let known = match slack.kind {
                SlackKind::RampDown | SlackKind::MustRun => self.case.units.iter().any(|it| it.id == owner),
                SlackKind::FinalShort | SlackKind::FinalOver => self.case.storages.iter().any(|it| it.id == owner),
                SlackKind::FixedLoss => self.case.headers.iter().any(|it| it.id == owner),
                SlackKind::BaseLoad => self.case.connections.iter().any(|it| it.id == owner),
                SlackKind::MustServe => self.case.demands.iter().any(|it| it.id == owner),
            };
            if !known {
                self.fault(format!("slack {:?} of {owner}: there is no such thing in the case", slack.kind));
            }
            for (t, amount) in slack.amount.iter().enumerate() {
                self.within(format_args!("slack {:?} of {owner}", slack.kind), t, *amount, 0.0, f64::INFINITY);
            }
        }
    }

    /// By how much setpoints move against those before and from step to step, MW in all. What a consumer asks for more or
    /// less by itself is no movement.
    fn moved(&self, places: &Places<'_>, previous: &BTreeMap<String, f64>) -> f64 {
        let moves = |first: Option<f64>, series: &[f64]| -> f64 {
            let steps: f64 = series.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
            steps + first.zip(series.first()).map_or(0.0, |(before, now)| (now - before).abs())
        };
        let mut moved = 0.0;
        for (unit, series) in self.case.units.iter().zip(&places.units) {
            moved += moves(previous.get(&unit.id).copied(), &series.heat);
        }
        for (demand, series) in self.case.demands.iter().zip(&places.demands) {
            let shed = |(t, unserved): (usize, &f64)| unserved - self.gives(SlackKind::MustServe, &demand.id, t);
            let shed: Vec<f64> = series.unserved.iter().enumerate().map(shed).collect();
            let before = previous.get(&demand.id).map(|served| (demand.heat.at(0) - served).max(0.0));
            moved += moves(before, &shed);
        }
        moved
    }
}
