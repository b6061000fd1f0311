//! A schedule without a solver: step by step, class by class, the cheapest source that can reach the consumer.
//!
//! It is the fallback when no optimum is to be had, so it depends on nothing that could fail. It keeps every physical
//! limit (or names the slack), and priorities: a class is given everything that can reach it before a lower one is
//! looked at. It looks ahead only to ramp a unit down before a foreseen
//! outage: stores are a reserve, drawn on only where a consumer would go short and filled
//! again from what is left over.

use crate::case::{Case, Storage};
use crate::error::Error;
use crate::extract;
use crate::formulate::{marginal_cost_outside_connections, ramp_range};
use crate::solution::{
    ConnectionSeries, DemandSeries, LinkSeries, Slack, SlackKind, Solution, SolverInfo, Stage, Status, StorageSeries,
    UnitSeries,
};

/// MW below which a push is not worth making.
const DUST: f64 = 1e-9;

/// Price of heat from a store, above that of every source: a store is a reserve.
const RESERVE: f64 = 1e9;

/// Makes a schedule by priority and marginal cost.
///
/// # Errors
/// `Error::Invalid` where the case makes no sense.
pub fn greedy(case: &Case) -> Result<Solution, Error> {
    case.validate()?;
    let mut solution = extract::empty(case);
    prepare(case, &mut solution);
    let mut content: Vec<f64> = case.storages.iter().map(|storage| storage.initial_mwh).collect();
    let mut last: Vec<Option<f64>> =
        case.units.iter().map(|unit| unit.initial.map(|initial| initial.heat_mw)).collect();
    for t in 0..case.time.steps {
        let mut step = Step::new(case, t, &last, &content);
        step.force();
        step.serve();
        step.refill();
        step.record(&mut solution, &mut content, &mut last);
    }
    for (s, storage) in case.storages.iter().enumerate() {
        if let Some(mwh) = storage.final_mwh() {
            let t = case.time.steps - 1;
            declare(&mut solution, case, SlackKind::FinalShort, &storage.id, t, mwh - content[s]);
            declare(&mut solution, case, SlackKind::FinalOver, &storage.id, t, content[s] - mwh);
        }
    }
    extract::settle(case, &mut solution);
    solution.status = Status::Greedy;
    solution.cost = solution.schedule_cost;
    solution.stages = case
        .classes
        .iter()
        .map(|class| (class.clone(), solution.unserved_mwh[class]))
        .chain([("cost".to_owned(), solution.cost)])
        .map(|(name, value)| Stage { name, value, solved: false })
        .collect();
    solution.solver = SolverInfo {
        name: "greedy".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..SolverInfo::default()
    };
    let verdict = crate::check::check(case, &solution);
    solution.certificate.primal = verdict.residual;
    solution.certificate.passed = verdict.passed;
    Ok(solution)
}

fn prepare(case: &Case, solution: &mut Solution) {
    for unit in &case.units {
        solution.units.insert(unit.id.clone(), UnitSeries::default());
    }
    for connection in &case.connections {
        solution.connections.insert(connection.id.clone(), ConnectionSeries::default());
    }
    for link in &case.links {
        solution.links.insert(link.id.clone(), LinkSeries::default());
    }
    for storage in &case.storages {
        solution.storages.insert(storage.id.clone(), StorageSeries::default());
    }
    for demand in &case.demands {
        solution.demands.insert(demand.id.clone(), DemandSeries::default());
    }
    for header in &case.headers {
        solution.vents.insert(header.id.clone(), Vec::new());
    }
}

fn declare(solution: &mut Solution, case: &Case, kind: SlackKind, owner: &str, t: usize, amount: f64) {
    if amount <= DUST {
        return;
    }
    let known = solution.slacks.iter().position(|slack| slack.kind == kind && slack.owner == owner);
    let at = known.unwrap_or_else(|| {
        solution.slacks.push(Slack { kind, owner: owner.to_owned(), amount: vec![0.0; case.time.steps] });
        solution.slacks.len() - 1
    });
    solution.slacks[at].amount[t] = amount;
}

/// MW from which a unit can still ramp down in time to every lower capacity that is foreseen.
fn foreseen(case: &Case, u: usize, t: usize) -> f64 {
    let unit = &case.units[u];
    let Some(ramp) = unit.ramp_down_per_h else {
        return unit.capacity(t);
    };
    let (mut most, mut way_down) = (unit.capacity(t), 0.0);
    for later in t + 1..case.time.steps {
        way_down += ramp * case.time.hours(later);
        most = most.min(unit.capacity(later) + way_down);
    }
    most
}

/// Where heat comes from.
#[derive(Clone, Copy)]
enum Source {
    /// Heat that is at the header already because a unit cannot make less.
    Forced(usize),
    Unit(usize),
    Store(usize),
}

/// A way from a header to the consumer's: links with their direction (true is forward), in flow order, and the share
/// of the heat that arrives.
#[derive(Clone)]
struct Way {
    links: Vec<(usize, bool)>,
    arriving: f64,
}

struct Step<'a> {
    case: &'a Case,
    t: usize,
    hours: f64,
    heat: Vec<f64>,
    floor: Vec<f64>,
    ceiling: Vec<f64>,
    /// Net draw of each connection.
    net: Vec<f64>,
    /// Forced heat not used yet, by header.
    surplus: Vec<f64>,
    forward: Vec<f64>,
    reverse: Vec<f64>,
    charge: Vec<f64>,
    discharge: Vec<f64>,
    content: Vec<f64>,
    served: Vec<f64>,
    uncovered_loss: Vec<f64>,
    known: Vec<Option<f64>>,
    /// Whether a push gave back room on a connection.
    freed: bool,
}

impl<'a> Step<'a> {
    fn new(case: &'a Case, t: usize, last: &[Option<f64>], content: &[f64]) -> Self {
        let hours = case.time.hours(t);
        let (mut floor, mut ceiling) = (Vec::new(), Vec::new());
        for (u, unit) in case.units.iter().enumerate() {
            let capacity = unit.capacity(t);
            let (mut low, mut high) = (0.0_f64, foreseen(case, u, t));
            if let (Some(before), Some((least, most))) = (last[u], ramp_range(unit, t, hours)) {
                low = (before + least).clamp(0.0, capacity);
                high = (before + most).min(high).clamp(low, capacity);
            }
            floor.push(low.max(unit.floor(t)).min(high));
            ceiling.push(high);
        }
        Self {
            case,
            t,
            hours,
            heat: vec![0.0; case.units.len()],
            floor,
            ceiling,
            net: case.connections.iter().map(|connection| connection.base_load.at(t)).collect(),
            surplus: vec![0.0; case.headers.len()],
            forward: vec![0.0; case.links.len()],
            reverse: vec![0.0; case.links.len()],
            charge: vec![0.0; case.storages.len()],
            discharge: vec![0.0; case.storages.len()],
            content: content.to_vec(),
            served: vec![0.0; case.demands.len()],
            uncovered_loss: vec![0.0; case.headers.len()],
            known: last.to_vec(),
            freed: false,
        }
    }

    fn header(&self, id: &str) -> usize {
        // `validate` has seen to it that every header named is there.
        self.case.headers.iter().position(|header| header.id == id).unwrap_or(0)
    }

    /// What a MW of the unit's heat adds to the net draw of a connection.
    fn draw(&self, u: usize, c: usize) -> f64 {
        let (unit, connection) = (&self.case.units[u], &self.case.connections[c]);
        if unit.plant != connection.plant {
            return 0.0;
        }
        let takes = if unit.carrier.as_ref() == Some(&connection.carrier) { unit.input_per_heat(self.t) } else { 0.0 };
        let electric = self.case.carriers.iter().any(|carrier| carrier.id == connection.carrier && carrier.is_power());
        takes - if electric { unit.power_per_heat(self.t) } else { 0.0 }
    }

    /// MW of heat that the unit can add now.
    fn room(&self, u: usize, ceiling: f64) -> f64 {
        let mut room = ceiling - self.heat[u];
        for (c, connection) in self.case.connections.iter().enumerate() {
            let draw = self.draw(u, c);
            if draw > 0.0 {
                room = room.min((connection.max_import.at(self.t) - self.net[c]) / draw);
            } else if draw < 0.0 {
                room = room.min((connection.max_export.at(self.t) + self.net[c]) / -draw);
            }
        }
        room.max(0.0)
    }

    fn make(&mut self, u: usize, mw: f64) {
        self.heat[u] += mw;
        for c in 0..self.net.len() {
            let draw = self.draw(u, c);
            self.net[c] += mw * draw;
            self.freed |= draw < 0.0;
        }
    }

    /// What the unit's next MWh costs.
    fn marginal_cost(&self, u: usize) -> f64 {
        let unit = &self.case.units[u];
        let mut cost = marginal_cost_outside_connections(self.case, unit, self.t);
        for (c, connection) in self.case.connections.iter().enumerate() {
            let draw = self.draw(u, c);
            if let Some(carrier) = self.case.carriers.iter().find(|carrier| carrier.id == connection.carrier) {
                let buying = carrier.buying(self.t) + carrier.co2_t_per_mwh * self.case.co2_price.at(self.t);
                // What is made saves a purchase first, and is sold beyond that.
                let exporting = draw < 0.0 && self.net[c] <= DUST;
                cost += draw * if exporting { carrier.selling(self.t) } else { buying };
            }
        }
        cost
    }

    /// Heat that units cannot help making.
    fn force(&mut self) {
        for u in 0..self.heat.len() {
            let mw = self.room(u, self.floor[u]);
            self.make(u, mw);
            let header = self.header(&self.case.units[u].header);
            self.surplus[header] += mw;
        }
    }

    /// Fixed losses and must-serve heat, then the classes from the top.
    fn serve(&mut self) {
        for h in 0..self.case.headers.len() {
            let id = &self.case.headers[h].id;
            let loss: f64 = self
                .case
                .links
                .iter()
                .filter(|link| link.from == *id || link.to == *id)
                .map(|link| link.fixed_loss.at(self.t) / 2.0)
                .sum();
            self.uncovered_loss[h] = loss - self.bring_all(h, loss, true);
        }
        for d in 0..self.case.demands.len() {
            let demand = &self.case.demands[d];
            let must = demand.heat.at(self.t) - demand.sheddable_mw(self.t);
            self.served[d] += self.bring_all(self.header(&demand.header), must, true);
        }
        let mut order: Vec<usize> = (0..self.case.demands.len()).collect();
        order.sort_by_key(|&d| {
            let class = &self.case.demands[d].class;
            self.case.classes.iter().position(|known| known == class)
        });
        // Heat that a CHP unit makes for a lower class frees power, which may be heat for a higher one: begin again.
        let mut next = 0;
        while let Some(&d) = order.get(next) {
            let demand = &self.case.demands[d];
            let rest = demand.heat.at(self.t) - self.served[d];
            self.freed = false;
            self.served[d] += self.bring(self.header(&demand.header), rest, true);
            next = if self.freed { 0 } else { next + 1 };
        }
    }

    /// Fills stores up to the level that they are to end at, from sources with room left.
    fn refill(&mut self) {
        for s in 0..self.case.storages.len() {
            let storage = &self.case.storages[s];
            if self.discharge[s] > 0.0 {
                continue;
            }
            let goal = storage.final_mwh().unwrap_or(storage.initial_mwh);
            let lacking = (goal - self.kept(storage, s)) / (self.hours * storage.charge_eff);
            let wanted = lacking.min(storage.charge_max.at(self.t));
            self.charge[s] = self.bring_all(self.header(&storage.header), wanted, false);
        }
    }

    fn kept(&self, storage: &Storage, s: usize) -> f64 {
        self.content[s] * (1.0 - storage.loss_per_h).powf(self.hours)
    }

    /// Brings what can come.
    fn bring_all(&mut self, to: usize, wanted: f64, stores: bool) -> f64 {
        let mut came = 0.0;
        loop {
            self.freed = false;
            came += self.bring(to, wanted - came, stores);
            if !self.freed {
                return came;
            }
        }
    }

    /// Brings up to `wanted` MW to a header from the cheapest sources that reach it, and says how much came. Stops after
    /// a push that gave back room on a connection, so that the caller can look at higher classes again.
    fn bring(&mut self, to: usize, wanted: f64, stores: bool) -> f64 {
        let mut came = 0.0;
        while wanted - came > DUST {
            let Some((source, way, room)) = self.cheapest(to, stores) else {
                break;
            };
            let sent = room.min((wanted - came) / way.arriving);
            let mut flow = sent;
            for &(l, forward) in &way.links {
                if forward {
                    self.forward[l] += flow;
                } else {
                    self.reverse[l] += flow;
                }
                flow *= 1.0 - self.case.links[l].loss_frac;
            }
            match source {
                Source::Forced(header) => self.surplus[header] -= sent,
                Source::Unit(u) => self.make(u, sent),
                Source::Store(s) => self.discharge[s] += sent,
            }
            came += flow;
            if self.freed {
                break;
            }
        }
        came.min(wanted.max(0.0))
    }

    fn cheapest(&self, to: usize, stores: bool) -> Option<(Source, Way, f64)> {
        let mut best: Option<(f64, Source, Way, f64)> = None;
        for (h, way) in self.ways(to).into_iter().enumerate() {
            let Some(way) = way else { continue };
            let carried = self.carried(&way);
            let mut offer = |price: f64, source: Source, room: f64| {
                let price = price / way.arriving;
                let room = room.min(carried);
                if room > DUST && best.as_ref().is_none_or(|(least, ..)| price < *least) {
                    best = Some((price, source, way.clone(), room));
                }
            };
            offer(-RESERVE, Source::Forced(h), self.surplus[h]);
            let id = &self.case.headers[h].id;
            for (u, unit) in self.case.units.iter().enumerate() {
                if unit.header == *id {
                    offer(self.marginal_cost(u), Source::Unit(u), self.room(u, self.ceiling[u]));
                }
            }
            for (s, storage) in self.case.storages.iter().enumerate() {
                if stores && storage.header == *id {
                    let held = self.kept(storage, s) * storage.discharge_eff / self.hours;
                    let room = held.min(storage.discharge_max.at(self.t)) - self.discharge[s];
                    offer(RESERVE, Source::Store(s), room);
                }
            }
        }
        best.map(|(_, source, way, room)| (source, way, room))
    }

    /// MW at the sending end that a way can still carry.
    fn carried(&self, way: &Way) -> f64 {
        let (mut share, mut least) = (1.0, f64::INFINITY);
        for &(l, forward) in &way.links {
            least = f64::min(least, self.spare(l, forward) / share);
            share *= 1.0 - self.case.links[l].loss_frac;
        }
        least
    }

    fn spare(&self, l: usize, forward: bool) -> f64 {
        let link = &self.case.links[l];
        if forward { link.cap.at(self.t) - self.forward[l] } else { link.cap_reverse.at(self.t) - self.reverse[l] }
    }

    /// The way with the least loss from every header to `to` over links with room (Bellman and Ford).
    fn ways(&self, to: usize) -> Vec<Option<Way>> {
        let mut ways: Vec<Option<Way>> = vec![None; self.case.headers.len()];
        ways[to] = Some(Way { links: Vec::new(), arriving: 1.0 });
        for _ in 1..self.case.headers.len() {
            for (l, link) in self.case.links.iter().enumerate() {
                let (from, onto) = (self.header(&link.from), self.header(&link.to));
                for (sender, receiver, forward) in [(from, onto, true), (onto, from, false)] {
                    let Some(rest) = ways[receiver].clone() else { continue };
                    let arriving = rest.arriving * (1.0 - link.loss_frac);
                    let better = ways[sender].as_ref().is_none_or(|way| arriving > way.arriving);
                    if better && arriving > DUST && self.spare(l, forward) > DUST {
                        let mut links = vec![(l, forward)];
                        links.extend(rest.links);
                        ways[sender] = Some(Way { links, arriving });
                    }
                }
            }
        }
        ways
    }

    fn record(self, solution: &mut Solution, content: &mut [f64], last: &mut [Option<f64>]) {
        let (case, t) = (self.case, self.t);
        for (u, unit) in case.units.iter().enumerate() {
            let heat = self.heat[u];
            let must = unit.floor(t) - heat;
            declare(solution, case, SlackKind::MustRun, &unit.id, t, must);
            if let (Some(before), Some((least, _))) = (self.known[u], ramp_range(unit, t, self.hours)) {
                declare(solution, case, SlackKind::RampDown, &unit.id, t, before + least - heat);
            }
            if let Some(series) = solution.units.get_mut(&unit.id) {
                series.heat.push(heat);
                series.power.push(heat * unit.power_per_heat(t));
            }
            last[u] = Some(heat);
        }
        for (c, connection) in case.connections.iter().enumerate() {
            let import = self.net[c].max(0.0);
            let beyond = import - connection.max_import.at(t);
            declare(solution, case, SlackKind::BaseLoad, &connection.id, t, beyond);
            if let Some(series) = solution.connections.get_mut(&connection.id) {
                series.import.push(import - beyond.max(0.0));
                series.export.push((-self.net[c]).max(0.0));
            }
        }
        for (l, link) in case.links.iter().enumerate() {
            if let Some(series) = solution.links.get_mut(&link.id) {
                series.forward.push(self.forward[l]);
                series.reverse.push(self.reverse[l]);
            }
        }
        for (s, storage) in case.storages.iter().enumerate() {
            let flows = self.charge[s] * storage.charge_eff - self.discharge[s] / storage.discharge_eff;
            content[s] = (self.kept(storage, s) + self.hours * flows).clamp(0.0, storage.capacity_mwh);
            if let Some(series) = solution.storages.get_mut(&storage.id) {
                series.charge.push(self.charge[s]);
                series.discharge.push(self.discharge[s]);
                series.energy.push(content[s]);
            }
        }
        for (h, header) in case.headers.iter().enumerate() {
            declare(solution, case, SlackKind::FixedLoss, &header.id, t, self.uncovered_loss[h]);
            if let Some(series) = solution.vents.get_mut(&header.id) {
                series.push(self.surplus[h].max(0.0));
            }
        }
        for (d, demand) in case.demands.iter().enumerate() {
            let unserved = (demand.heat.at(t) - self.served[d]).max(0.0);
            let beyond = unserved - demand.sheddable_mw(t);
            declare(solution, case, SlackKind::MustServe, &demand.id, t, beyond);
            if let Some(series) = solution.demands.get_mut(&demand.id) {
                series.served.push(self.served[d]);
                series.unserved.push(unserved);
            }
        }
    }
}
