//! One step of a schedule without a solver: what every class gets, from where, over which mains.

use super::map::{Figures, Map};
use super::offers::{Offers, Source};
use super::search::Search;
use super::{DUST, Made, Plan, foreseen};
use crate::case::{Case, Demand, Storage};
use crate::formulate::ramp_range;
use crate::solution::SlackKind;

pub struct Step<'a> {
    pub(super) case: &'a Case,
    pub(super) map: &'a Map,
    pub(super) now: Figures,
    t: usize,
    pub(super) hours: f64,
    pub(super) heat: Vec<f64>,
    floor: Vec<f64>,
    pub(super) ceiling: Vec<f64>,
    /// Net draw of each connection.
    net: Vec<f64>,
    /// Forced heat not used yet, by header.
    pub(super) surplus: Vec<f64>,
    forward: Vec<f64>,
    reverse: Vec<f64>,
    charge: Vec<f64>,
    pub(super) discharge: Vec<f64>,
    /// MW that each store is meant to give, offered before any source is raised.
    pub(super) meant: Vec<f64>,
    /// MWh that each store has to hold at the end of the step...
    needed: Vec<f64>,
    /// ...which counts for what setpoints can shed alone.
    keeping: bool,
    served: Vec<f64>,
    uncovered_loss: Vec<f64>,
    known: Vec<Option<f64>>,
    /// Whether a push gave back room on a connection.
    freed: bool,
    /// The units by what they ask, from the first push on.
    pub(super) offers: Option<Offers>,
}

impl<'a> Step<'a> {
    pub fn new(case: &'a Case, map: &'a Map, t: usize, last: &[Option<f64>], content: &[f64]) -> Self {
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
            map,
            now: Figures::new(case, map, t, content),
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
            meant: vec![0.0; case.storages.len()],
            needed: vec![0.0; case.storages.len()],
            keeping: false,
            served: vec![0.0; case.demands.len()],
            uncovered_loss: vec![0.0; case.headers.len()],
            known: last.to_vec(),
            freed: false,
            offers: None,
        }
    }

    /// MW of heat that the unit can add now.
    pub(super) fn room(&self, u: usize, ceiling: f64) -> f64 {
        let mut room = ceiling - self.heat[u];
        for &(c, draw) in self.now.draws(u) {
            let (most_drawn, most_fed) = self.now.limits[c];
            let left = if draw > 0.0 { most_drawn - self.net[c] } else { most_fed + self.net[c] };
            room = room.min(left / draw.abs());
        }
        room.max(0.0)
    }

    fn make(&mut self, u: usize, mw: f64) {
        self.heat[u] += mw;
        for i in 0..self.now.draws(u).len() {
            let (c, draw) = self.now.draws(u)[i];
            let sold = self.net[c] <= DUST;
            self.net[c] += mw * draw;
            if !self.now.feeders[c].is_empty() {
                // Power made is room for drawing, and power drawn is room for making.
                self.freed = true;
                self.ask_again(c, sold != (self.net[c] <= DUST));
            }
        }
    }

    /// Looks again at the units of a connection, and at what those ask that feed it where what they make saves a purchase now
    /// and was sold before, or the other way.
    fn ask_again(&mut self, c: usize, otherwise: bool) {
        if let Some(mut offers) = self.offers.take() {
            for &u in &self.map.units_of[c] {
                if otherwise {
                    offers.ask(u, self.marginal_cost(u));
                }
                offers.again(u);
            }
            self.offers = Some(offers);
        }
    }

    /// MW that a store can still give.
    pub(super) fn left_in(&self, s: usize) -> f64 {
        let storage = &self.case.storages[s];
        let needed = if self.keeping { self.needed[s] } else { 0.0 };
        let held = (self.now.kept[s] - needed).max(0.0) * storage.discharge_eff / self.hours;
        held.min(storage.discharge_max.at(self.t)) - self.discharge[s]
    }

    /// What the unit's next MWh costs.
    pub(super) fn marginal_cost(&self, u: usize) -> f64 {
        let mut cost = self.now.outside[u];
        for &(c, draw) in self.now.draws(u) {
            let (buying, selling) = self.now.prices[c];
            // What is made saves a purchase first, and is sold beyond that.
            let exporting = draw < 0.0 && self.net[c] <= DUST;
            cost += draw * if exporting { selling } else { buying };
        }
        cost
    }

    /// Heat that units cannot help making, and heat that was sent before the horizon.
    pub fn force(&mut self) {
        for (l, &(from, to)) in self.map.links.iter().enumerate() {
            let link = &self.case.links[l];
            self.surplus[to] += (1.0 - link.loss_frac) * link.forward_known(self.t);
            self.surplus[from] += (1.0 - link.loss_frac) * link.reverse_known(self.t);
        }
        for u in 0..self.heat.len() {
            let mw = self.room(u, self.floor[u]);
            self.make(u, mw);
            let header = self.map.units[u];
            self.surplus[header] += mw;
        }
        for s in 0..self.case.storages.len() {
            let mw = self.overfull(s);
            self.discharge[s] += mw;
            self.surplus[self.map.storages[s]] += mw;
        }
    }

    /// MW that a store has to give now, wanted or not, because it could not come down to its final level later.
    fn overfull(&self, s: usize) -> f64 {
        let storage = &self.case.storages[s];
        let Some(goal) = storage.final_mwh() else {
            return 0.0;
        };
        let mut kept = self.now.kept[s];
        for later in self.t + 1..self.case.time.steps {
            if kept <= goal {
                // It falls on its own from here.
                return 0.0;
            }
            let hours = self.case.time.hours(later);
            kept = kept * (1.0 - storage.loss_per_h).powf(hours)
                - hours * storage.discharge_max.at(later) / storage.discharge_eff;
        }
        let excess = (kept - goal).max(0.0) * storage.discharge_eff / self.hours;
        excess.min(storage.discharge_max.at(self.t)).min(self.now.kept[s] * storage.discharge_eff / self.hours)
    }

    /// Raises what units have to make to what a plan has them make, as far as they can, and means stores to give what it
    /// has them give. Says what the units had to make before.
    pub fn follow(&mut self, plan: &Plan) -> Vec<f64> {
        for (s, storage) in self.case.storages.iter().enumerate() {
            let given = (self.now.kept[s] - plan.content[s].unwrap_or(f64::INFINITY)) / self.hours;
            self.meant[s] = (given * storage.discharge_eff).clamp(0.0, storage.discharge_max.at(self.t));
        }
        let raised: Vec<f64> = plan
            .heat
            .iter()
            .enumerate()
            .map(|(u, mw)| mw.unwrap_or(0.0).clamp(self.floor[u], self.ceiling[u]))
            .collect();
        std::mem::replace(&mut self.floor, raised)
    }

    /// Has stores hold so many MWh at the end of the step, before what setpoints can shed is served.
    pub fn keep(&mut self, needed: &[f64]) {
        self.needed.copy_from_slice(needed);
    }

    /// Charges stores up to what a plan has them hold at the end of the step.
    pub fn charge(&mut self, search: &mut Search, plan: &Plan) {
        for (s, storage) in self.case.storages.iter().enumerate() {
            if let Some(goal) = plan.content[s] {
                self.charge_to(search, s, storage, goal);
            }
        }
    }

    /// Takes units back, the dearest first, where what they make is more than anybody takes.
    pub fn trim(&mut self, floor: &[f64]) {
        let mut order: Vec<usize> = (0..self.heat.len()).collect();
        order.sort_by(|&a, &b| self.marginal_cost(b).total_cmp(&self.marginal_cost(a)));
        for u in order {
            let header = self.map.units[u];
            let mut less = self.surplus[header].min(self.heat[u] - floor[u]);
            for &(c, draw) in self.now.draws(u) {
                let (most_drawn, most_fed) = self.now.limits[c];
                let left = if draw > 0.0 { most_fed + self.net[c] } else { most_drawn - self.net[c] };
                less = less.min(left / draw.abs());
            }
            if less > DUST {
                self.make(u, -less);
                self.surplus[header] -= less;
            }
        }
    }

    /// Fixed losses, then by class what no setpoint sheds, then what stores have to hold, then the classes.
    pub fn serve(&mut self, search: &mut Search) {
        for h in 0..self.case.headers.len() {
            let ends = self.map.ends[h].iter();
            let loss: f64 = ends.map(|&l| self.case.links[l].fixed_loss.at(self.t) / 2.0).sum();
            self.uncovered_loss[h] = loss - self.bring_all(search, h, loss, true);
        }
        let t = self.t;
        self.serve_up_to(search, |demand| demand.heat.at(t) - demand.sheddable_mw(t));
        self.keeping = true;
        for (s, storage) in self.case.storages.iter().enumerate() {
            self.charge_to(search, s, storage, self.needed[s]);
        }
        self.serve_up_to(search, |demand| demand.heat.at(t));
    }

    /// Brings each demand so many MW, from the highest class down.
    fn serve_up_to(&mut self, search: &mut Search, most: impl Fn(&Demand) -> f64) {
        let order = &self.map.ranked;
        // Heat that a CHP unit makes for a lower class frees power, which may be heat for a higher one: look again.
        let mut next = 0;
        while let Some(&d) = order.get(next) {
            let missing = |this: &Self, d: usize| most(&this.case.demands[d]) - this.served[d];
            self.freed = false;
            self.served[d] += self.bring(search, self.map.demands[d], missing(self, d), true);
            if !self.freed {
                next += 1;
            } else if order[..next].iter().any(|&above| missing(self, above) > DUST) {
                next = 0;
            }
        }
    }

    /// Fills stores up to the level that they are to end at, from sources with room left.
    pub fn refill(&mut self, search: &mut Search) {
        for s in 0..self.case.storages.len() {
            let storage = &self.case.storages[s];
            self.charge_to(search, s, storage, storage.final_mwh().unwrap_or(storage.initial_mwh));
        }
    }

    fn charge_to(&mut self, search: &mut Search, s: usize, storage: &Storage, goal: f64) {
        if self.discharge[s] > 0.0 {
            return;
        }
        let lacking = (goal - self.now.kept[s]) / (self.hours * storage.charge_eff);
        let wanted = lacking.min(storage.charge_max.at(self.t)) - self.charge[s];
        self.charge[s] += self.bring_all(search, self.map.storages[s], wanted, false);
    }

    /// Brings what can come.
    fn bring_all(&mut self, search: &mut Search, to: usize, wanted: f64, stores: bool) -> f64 {
        let mut came = 0.0;
        loop {
            self.freed = false;
            came += self.bring(search, to, wanted - came, stores);
            if !self.freed {
                return came;
            }
        }
    }

    /// Brings up to `wanted` MW to a header from the cheapest sources that reach it, and says how much came. Stops after
    /// a push that gave back room on a connection, so that the caller can look at higher classes again.
    pub(super) fn bring(&mut self, search: &mut Search, to: usize, wanted: f64, stores: bool) -> f64 {
        let mut came = 0.0;
        if wanted <= DUST {
            return 0.0;
        }
        search.begin(to);
        while wanted - came > DUST {
            let Some((source, from, room)) = self.cheapest(search, stores) else {
                break;
            };
            let arriving = search.way(from).arriving;
            let sent = room.min((wanted - came) / arriving);
            let filled = self.send(search, from, sent);
            match source {
                Source::Forced(header) => self.surplus[header] -= sent,
                Source::Unit(u) => self.make(u, sent),
                Source::Store(s) => self.discharge[s] += sent,
            }
            came += sent * arriving;
            if self.freed {
                break;
            }
            // Ways stay what they are until a link on one of them is full.
            if filled {
                search.begin(to);
            }
        }
        came.min(wanted.max(0.0))
    }

    /// MW at the sending end that the way from a header can still carry.
    pub(super) fn carried(&self, search: &Search, mut header: usize) -> f64 {
        let (mut share, mut least) = (1.0, f64::INFINITY);
        while let Some((l, forward, next)) = search.way(header).hop {
            least = f64::min(least, self.spare(l, forward) / share);
            share *= 1.0 - self.case.links[l].loss_frac;
            header = next;
        }
        least
    }

    /// Books a flow on the links of a way, and says whether one of them is full now.
    fn send(&mut self, search: &Search, mut header: usize, mut flow: f64) -> bool {
        let mut filled = false;
        while let Some((l, forward, next)) = search.way(header).hop {
            if forward {
                self.forward[l] += flow;
            } else {
                self.reverse[l] += flow;
            }
            filled |= self.spare(l, forward) <= DUST;
            flow *= 1.0 - self.case.links[l].loss_frac;
            header = next;
        }
        filled
    }

    /// MW that a link without a delay can still take.
    pub(super) fn spare(&self, l: usize, forward: bool) -> f64 {
        let link = &self.case.links[l];
        if forward { link.cap.at(self.t) - self.forward[l] } else { link.cap_reverse.at(self.t) - self.reverse[l] }
    }

    /// A unit with segments was planned at the draw of full load; it takes what its curve says.
    fn settle_inputs(&mut self) {
        for u in 0..self.heat.len() {
            let unit = &self.case.units[u];
            if unit.segments.is_some() {
                let heat = self.heat[u];
                let less = heat * unit.input_per_heat(self.t) - unit.input_on_line(self.t, heat);
                for &(c, draw) in self.now.draws(u) {
                    self.net[c] -= if draw > 0.0 { less } else { 0.0 };
                }
            }
        }
    }

    pub fn record(mut self, made: &mut Made, content: &mut [f64], last: &mut [Option<f64>]) {
        let (case, t) = (self.case, self.t);
        self.settle_inputs();
        for (u, unit) in case.units.iter().enumerate() {
            let heat = self.heat[u];
            let mut must = unit.floor(t) - heat;
            if let Some(hottest) = unit.hottest()
                && unit.must_run.is_some()
                && unit.available(t) > 0.0
            {
                // On its way from standstill to the hottest vertex a unit is outside its region.
                must = must.max(hottest.heat - heat);
            }
            made.declare(case, SlackKind::MustRun, &unit.id, t, must);
            if let (Some(before), Some((least, _))) = (self.known[u], ramp_range(unit, t, self.hours)) {
                made.declare(case, SlackKind::RampDown, &unit.id, t, before + least - heat);
            }
            let series = &mut made.units[u];
            series.heat.push(heat);
            series.power.push(heat * unit.power_per_heat(t));
            series.input.push(unit.input_on_line(t, heat));
            if let Some(hottest) = unit.hottest() {
                let mut weights: Vec<f64> = vec![0.0; unit.vertices().len()];
                if let Some(at) = unit.vertices().iter().position(|vertex| *vertex == hottest) {
                    weights[at] = heat / hottest.heat;
                }
                series.weights.push(weights);
            }
            last[u] = Some(heat);
        }
        for (c, connection) in case.connections.iter().enumerate() {
            let import = self.net[c].max(0.0);
            let beyond = import - connection.max_import.at(t);
            made.declare(case, SlackKind::BaseLoad, &connection.id, t, beyond);
            made.connections[c].import.push(import - beyond.max(0.0));
            made.connections[c].export.push((-self.net[c]).max(0.0));
        }
        for (l, series) in made.links.iter_mut().enumerate() {
            series.forward.push(self.forward[l]);
            series.reverse.push(self.reverse[l]);
        }
        for (s, storage) in case.storages.iter().enumerate() {
            let flows = self.charge[s] * storage.charge_eff - self.discharge[s] / storage.discharge_eff;
            content[s] = (self.now.kept[s] + self.hours * flows).clamp(0.0, storage.capacity_mwh);
            let series = &mut made.storages[s];
            series.charge.push(self.charge[s]);
            series.discharge.push(self.discharge[s]);
            series.energy.push(content[s]);
        }
        for (h, header) in case.headers.iter().enumerate() {
            made.declare(case, SlackKind::FixedLoss, &header.id, t, self.uncovered_loss[h]);
            made.vents[h].push(self.surplus[h].max(0.0));
        }
        for (d, demand) in case.demands.iter().enumerate() {
            let unserved = (demand.heat.at(t) - self.served[d]).max(0.0);
            let beyond = unserved - demand.sheddable_mw(t);
            made.declare(case, SlackKind::MustServe, &demand.id, t, beyond);
            made.demands[d].served.push(self.served[d]);
            made.demands[d].unserved.push(unserved);
        }
    }
}
