//! One step of a schedule without a solver: what every class gets, from where, over which mains.

use crate::case::{Case, Storage};
use crate::formulate::{marginal_cost_outside_connections, ramp_range};
use crate::greedy::{DUST, Plan, declare, foreseen};
use crate::solution::{SlackKind, Solution};

/// Price of heat from a store, above that of every source: a store is a reserve.
const RESERVE: f64 = 1e9;

/// Where heat comes from.
#[derive(Clone, Copy)]
enum Source {
    /// Heat that is at the header already because a unit cannot make less.
    Forced(usize),
    Unit(usize),
    Store(usize),
}

/// Where a header's heat goes next on its way to the consumer's header: the link, whether forward, the header there;
/// and the share of the heat that arrives in the end. The consumer's own header has no hop.
#[derive(Clone, Copy)]
struct Way {
    hop: Option<(usize, bool, usize)>,
    arriving: f64,
}

/// What does not change within a step, looked up once.
struct Map {
    units: Vec<usize>,
    storages: Vec<usize>,
    links: Vec<(usize, usize)>,
    /// By unit: connections, and what a MW of its heat adds to their net draw.
    draws: Vec<Vec<(usize, f64)>>,
    /// By connection: whether a unit feeds it.
    fed: Vec<bool>,
    /// By connection: what a MWh drawn costs with its emissions, and what one fed out earns.
    prices: Vec<(f64, f64)>,
    /// By unit: what a MWh of its heat costs besides its connections.
    outside: Vec<f64>,
}

impl Map {
    fn new(case: &Case, t: usize) -> Self {
        // `validate` has seen to it that every header named is there.
        let header = |id: &str| case.headers.iter().position(|header| header.id == id).unwrap_or(0);
        let draws: Vec<Vec<(usize, f64)>> = (0..case.units.len())
            .map(|u| (0..case.connections.len()).map(|c| (c, draw(case, u, c, t))).filter(|(_, d)| *d != 0.0).collect())
            .collect();
        let mut fed = vec![false; case.connections.len()];
        for &(c, draw) in draws.iter().flatten() {
            fed[c] |= draw < 0.0;
        }
        Self {
            units: case.units.iter().map(|unit| header(&unit.header)).collect(),
            storages: case.storages.iter().map(|storage| header(&storage.header)).collect(),
            links: case.links.iter().map(|link| (header(&link.from), header(&link.to))).collect(),
            draws,
            fed,
            prices: case
                .connections
                .iter()
                .map(|connection| {
                    let carrier = case.carriers.iter().find(|carrier| carrier.id == connection.carrier);
                    carrier.map_or((0.0, 0.0), |carrier| {
                        let emissions = carrier.co2_t_per_mwh * case.co2_price.at(t);
                        (carrier.buying(t) + emissions, carrier.selling(t))
                    })
                })
                .collect(),
            outside: case.units.iter().map(|unit| marginal_cost_outside_connections(case, unit, t)).collect(),
        }
    }
}

/// What a MW of the unit's heat adds to the net draw of a connection.
fn draw(case: &Case, u: usize, c: usize, t: usize) -> f64 {
    let (unit, connection) = (&case.units[u], &case.connections[c]);
    if unit.plant != connection.plant {
        return 0.0;
    }
    let takes = if unit.carrier.as_ref() == Some(&connection.carrier) { unit.input_per_heat(t) } else { 0.0 };
    let electric = case.carriers.iter().any(|carrier| carrier.id == connection.carrier && carrier.is_power());
    takes - if electric { unit.power_per_heat(t) } else { 0.0 }
}

pub struct Step<'a> {
    case: &'a Case,
    map: Map,
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
    /// MW that each store is meant to give, offered before any source is raised.
    meant: Vec<f64>,
    served: Vec<f64>,
    uncovered_loss: Vec<f64>,
    known: Vec<Option<f64>>,
    /// Whether a push gave back room on a connection.
    freed: bool,
}

impl<'a> Step<'a> {
    pub fn new(case: &'a Case, t: usize, last: &[Option<f64>], content: &[f64]) -> Self {
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
            map: Map::new(case, t),
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
            meant: vec![0.0; case.storages.len()],
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

    /// MW of heat that the unit can add now.
    fn room(&self, u: usize, ceiling: f64) -> f64 {
        let mut room = ceiling - self.heat[u];
        for &(c, draw) in &self.map.draws[u] {
            let connection = &self.case.connections[c];
            let left = if draw > 0.0 {
                connection.max_import.at(self.t) - self.net[c]
            } else {
                connection.max_export.at(self.t) + self.net[c]
            };
            room = room.min(left / draw.abs());
        }
        room.max(0.0)
    }

    fn make(&mut self, u: usize, mw: f64) {
        self.heat[u] += mw;
        for &(c, draw) in &self.map.draws[u] {
            self.net[c] += mw * draw;
            // Power made is room for drawing, and power drawn is room for making.
            self.freed |= self.map.fed[c];
        }
    }

    /// What the unit's next MWh costs.
    fn marginal_cost(&self, u: usize) -> f64 {
        let mut cost = self.map.outside[u];
        for &(c, draw) in &self.map.draws[u] {
            let (buying, selling) = self.map.prices[c];
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
        let mut kept = self.kept(storage, s);
        for later in self.t + 1..self.case.time.steps {
            let hours = self.case.time.hours(later);
            kept = kept * (1.0 - storage.loss_per_h).powf(hours)
                - hours * storage.discharge_max.at(later) / storage.discharge_eff;
        }
        let excess = (kept - goal).max(0.0) * storage.discharge_eff / self.hours;
        excess.min(storage.discharge_max.at(self.t)).min(self.kept(storage, s) * storage.discharge_eff / self.hours)
    }

    /// Raises what units have to make to what a plan has them make, as far as they can, and means stores to give what it
    /// has them give. Says what the units had to make before.
    pub fn follow(&mut self, plan: &Plan) -> Vec<f64> {
        for (s, storage) in self.case.storages.iter().enumerate() {
            let given = (self.kept(storage, s) - plan.content[s].unwrap_or(f64::INFINITY)) / self.hours;
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

    /// Charges stores up to what a plan has them hold at the end of the step.
    pub fn charge(&mut self, plan: &Plan) {
        for (s, storage) in self.case.storages.iter().enumerate() {
            if let Some(goal) = plan.content[s] {
                self.charge_to(s, storage, goal);
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
            for &(c, draw) in &self.map.draws[u] {
                let connection = &self.case.connections[c];
                let left = if draw > 0.0 {
                    connection.max_export.at(self.t) + self.net[c]
                } else {
                    connection.max_import.at(self.t) - self.net[c]
                };
                less = less.min(left / draw.abs());
            }
            if less > DUST {
                self.make(u, -less);
                self.surplus[header] -= less;
            }
        }
    }

    /// Fixed losses and must-serve heat, then the classes from the top.
    pub fn serve(&mut self) {
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
        // Heat that a CHP unit makes for a lower class frees power, which may be heat for a higher one: look again.
        let mut next = 0;
        while let Some(&d) = order.get(next) {
            self.freed = false;
            self.served[d] += self.bring(self.header(&self.case.demands[d].header), self.missing(d), true);
            if !self.freed {
                next += 1;
            } else if order[..next].iter().any(|&above| self.missing(above) > DUST) {
                next = 0;
            }
        }
    }

    fn missing(&self, d: usize) -> f64 {
        self.case.demands[d].heat.at(self.t) - self.served[d]
    }

    /// Fills stores up to the level that they are to end at, from sources with room left.
    pub fn refill(&mut self) {
        for s in 0..self.case.storages.len() {
            let storage = &self.case.storages[s];
            self.charge_to(s, storage, storage.final_mwh().unwrap_or(storage.initial_mwh));
        }
    }

    fn charge_to(&mut self, s: usize, storage: &Storage, goal: f64) {
        if self.discharge[s] > 0.0 {
            return;
        }
        let lacking = (goal - self.kept(storage, s)) / (self.hours * storage.charge_eff);
        let wanted = lacking.min(storage.charge_max.at(self.t));
        self.charge[s] = self.bring_all(self.map.storages[s], wanted, false);
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
        if wanted <= DUST {
            return 0.0;
        }
        let mut ways = self.ways(to);
        while wanted - came > DUST {
            let Some((source, from, room)) = self.cheapest(&ways, stores) else {
                break;
            };
            let Some(way) = ways[from] else { break };
            let sent = room.min((wanted - came) / way.arriving);
            let flow = sent * way.arriving;
            let filled = self.send(&ways, from, sent);
            match source {
                Source::Forced(header) => self.surplus[header] -= sent,
                Source::Unit(u) => self.make(u, sent),
                Source::Store(s) => self.discharge[s] += sent,
            }
            came += flow;
            if self.freed {
                break;
            }
            // Ways stay what they are until a link on one of them is full.
            if filled {
                ways = self.ways(to);
            }
        }
        came.min(wanted.max(0.0))
    }

    /// The cheapest source, its header, and MW that it can send.
    fn cheapest(&self, ways: &[Option<Way>], stores: bool) -> Option<(Source, usize, f64)> {
        let mut best: Option<(f64, Source, usize, f64)> = None;
        let mut offer = |price: f64, source: Source, header: usize, room: f64| {
            let Some(way) = ways[header] else { return };
            let price = price / way.arriving;
            if room > DUST && best.as_ref().is_none_or(|(least, ..)| price < *least) {
                let room = room.min(self.carried(ways, header));
                if room > DUST {
                    best = Some((price, source, header, room));
                }
            }
        };
        for (h, surplus) in self.surplus.iter().enumerate() {
            // What is there already is taken from the nearest: the price is divided by what arrives, so multiply twice.
            let arriving = ways[h].map_or(1.0, |way| way.arriving);
            offer(-RESERVE * arriving.powi(2), Source::Forced(h), h, *surplus);
        }
        for (u, &header) in self.map.units.iter().enumerate() {
            if ways[header].is_some() {
                offer(self.marginal_cost(u), Source::Unit(u), header, self.room(u, self.ceiling[u]));
            }
        }
        if stores {
            for (s, storage) in self.case.storages.iter().enumerate() {
                let held = self.kept(storage, s) * storage.discharge_eff / self.hours;
                let room = held.min(storage.discharge_max.at(self.t)) - self.discharge[s];
                let meant = room.min(self.meant[s] - self.discharge[s]);
                let arriving = ways[self.map.storages[s]].map_or(1.0, |way| way.arriving);
                offer(-0.5 * RESERVE * arriving.powi(2), Source::Store(s), self.map.storages[s], meant);
                offer(RESERVE, Source::Store(s), self.map.storages[s], room);
            }
        }
        best.map(|(_, source, header, room)| (source, header, room))
    }

    /// MW at the sending end that the way from a header can still carry.
    fn carried(&self, ways: &[Option<Way>], mut header: usize) -> f64 {
        let (mut share, mut least) = (1.0, f64::INFINITY);
        while let Some((l, forward, next)) = ways[header].and_then(|way| way.hop) {
            least = f64::min(least, self.spare(l, forward) / share);
            share *= 1.0 - self.case.links[l].loss_frac;
            header = next;
        }
        least
    }

    /// Books a flow on the links of a way, and says whether one of them is full now.
    fn send(&mut self, ways: &[Option<Way>], mut header: usize, mut flow: f64) -> bool {
        let mut filled = false;
        while let Some((l, forward, next)) = ways[header].and_then(|way| way.hop) {
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

    fn spare(&self, l: usize, forward: bool) -> f64 {
        let link = &self.case.links[l];
        if link.delay_steps > 0 {
            // What is sent now serves nobody now.
            return 0.0;
        }
        if forward { link.cap.at(self.t) - self.forward[l] } else { link.cap_reverse.at(self.t) - self.reverse[l] }
    }

    /// The way with the least loss from every header to `to` over links with room (Bellman and Ford).
    fn ways(&self, to: usize) -> Vec<Option<Way>> {
        let mut ways: Vec<Option<Way>> = vec![None; self.case.headers.len()];
        ways[to] = Some(Way { hop: None, arriving: 1.0 });
        let mut open: Vec<(usize, bool, usize, usize, f64)> = Vec::with_capacity(2 * self.map.links.len());
        for (l, &(from, onto)) in self.map.links.iter().enumerate() {
            let kept = 1.0 - self.case.links[l].loss_frac;
            for (sender, receiver, forward) in [(from, onto, true), (onto, from, false)] {
                if self.spare(l, forward) > DUST {
                    open.push((l, forward, sender, receiver, kept));
                }
            }
        }
        let mut better = true;
        while better {
            better = false;
            for &(l, forward, sender, receiver, kept) in &open {
                let Some(rest) = ways[receiver] else { continue };
                let arriving = rest.arriving * kept;
                // Strictly more, so that no way runs in a circle.
                let more = ways[sender].is_none_or(|way| arriving > way.arriving);
                if more && arriving > DUST {
                    ways[sender] = Some(Way { hop: Some((l, forward, receiver)), arriving });
                    better = true;
                }
            }
        }
        ways
    }

    /// A unit with segments was planned at the draw of full load; it takes what its curve says.
    fn settle_inputs(&mut self) {
        for u in 0..self.heat.len() {
            let unit = &self.case.units[u];
            if unit.segments.is_some() {
                let heat = self.heat[u];
                let less = heat * unit.input_per_heat(self.t) - unit.input_on_line(self.t, heat);
                let draws = self.map.draws[u].iter().filter(|(_, draw)| *draw > 0.0);
                for &(c, _) in draws {
                    self.net[c] -= less;
                }
            }
        }
    }

    pub fn record(mut self, solution: &mut Solution, content: &mut [f64], last: &mut [Option<f64>]) {
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
            declare(solution, case, SlackKind::MustRun, &unit.id, t, must);
            if let (Some(before), Some((least, _))) = (self.known[u], ramp_range(unit, t, self.hours)) {
                declare(solution, case, SlackKind::RampDown, &unit.id, t, before + least - heat);
            }
            if let Some(series) = solution.units.get_mut(&unit.id) {
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
