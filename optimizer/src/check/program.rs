//! The judge's own linear program of a case, written from what `solution::Rule` says of each row and from the case, so
//! that what duals prove can be worked out without the program that was solved. On and off states, and the pieces
//! of a curve that is not convex, are taken as the schedule has them; or, in the relaxation, may be anything between
//! (`decided`).

mod decided;

use crate::case::{Case, ChpMode, Unit, UnitKind};
use crate::problem::Problem;
use crate::solution::Rule;

use super::places::Places;
use super::units;

use decided::States;

/// Columns of one kind, by owner and step.
type Columns = Vec<Vec<usize>>;

/// MW of carrier and of power for each MW, or weight, of a column.
struct Draw {
    column: usize,
    input: f64,
    power: f64,
}

/// See the module.
pub struct Program<'a> {
    case: &'a Case,
    places: &'a Places<'a>,
    /// With what the columns cost.
    pub problem: Problem,
    /// Rule and owner of each row, and which of the owner's duals is its.
    pub rows: Vec<(Rule, &'a str, usize)>,
    /// What gives before all, with its hours; heat that no setpoint sheds, by class; final levels.
    physical: Vec<(usize, f64)>,
    beyond: Vec<Vec<(usize, f64)>>,
    levels: Vec<(usize, f64)>,
    /// By class: what may be shed, with its hours.
    shed: Vec<Vec<(usize, f64)>>,
    /// What the states cost, which are no columns here.
    pub starts: f64,
    heat: Columns,
    margin: Columns,
    draws: Vec<Vec<Vec<Draw>>>,
    /// By unit and step; nothing for a unit without states.
    states: Vec<Vec<States>>,
    relaxed: bool,
    must_run: Vec<Vec<Option<usize>>>,
}

impl<'a> Program<'a> {
    /// Writes it for a case that is valid and a schedule that has a series of the right length for everything.
    pub fn new(case: &'a Case, places: &'a Places<'a>) -> Self {
        Self::build(case, places, false)
    }

    /// The same with states and the order of pieces as columns: no schedule has less in it than its optimum, whatever its
    /// states.
    pub fn relaxed(case: &'a Case, places: &'a Places<'a>) -> Self {
        Self::build(case, places, true)
    }

    fn build(case: &'a Case, places: &'a Places<'a>, relaxed: bool) -> Self {
        let none = || vec![Vec::new(); case.units.len()];
        let mut this = Self {
            case,
            places,
            problem: Problem::default(),
            rows: Vec::new(),
            physical: Vec::new(),
            beyond: vec![Vec::new(); case.classes.len()],
            levels: Vec::new(),
            shed: vec![Vec::new(); case.classes.len()],
            starts: 0.0,
            heat: none(),
            margin: none(),
            draws: case.units.iter().map(|_| Vec::new()).collect(),
            states: vec![Vec::new(); case.units.len()],
            relaxed,
            must_run: case.units.iter().map(|_| vec![None; case.time.steps]).collect(),
        };
        for (u, unit) in case.units.iter().enumerate() {
            for t in 0..case.time.steps {
                this.decide(u, unit, t);
                this.unit_columns(u, unit, t);
            }
        }
        for (u, unit) in case.units.iter().enumerate() {
            for t in 0..case.time.steps {
                this.shape(u, unit, t);
                this.must_make(u, unit, t);
                match this.states[u].get(t).copied() {
                    Some(now) => this.with_states(u, unit, t, now),
                    None => this.ramp(u, unit, t),
                }
            }
        }
        let charged = this.stores();
        let sent = this.links();
        this.headers(&charged, &sent);
        this.connections();
        this
    }

    fn column(&mut self, cost: f64, upper: f64) -> usize {
        self.problem.column(cost, 0.0, upper)
    }

    fn row(&mut self, rule: Rule, owner: &'a str, t: usize, lower: f64, upper: f64, entries: &[(usize, f64)]) {
        self.rows.push((rule, owner, t));
        self.problem.row(lower, upper, entries);
    }

    /// The stages above cost: what each counts, with its hours.
    pub fn above_cost(&mut self) -> Vec<(&'a str, Vec<(usize, f64)>)> {
        let mut above = vec![("physical", std::mem::take(&mut self.physical))];
        let beyond = self.places.beyond.iter().map(String::as_str);
        above.extend(beyond.zip(std::mem::take(&mut self.beyond)));
        above.push(("final", std::mem::take(&mut self.levels)));
        let classes = self.case.classes.iter().map(String::as_str);
        above.extend(classes.zip(std::mem::take(&mut self.shed)));
        above
    }

    /// Allows a stage no more than this from here on.
    pub fn at_most(&mut self, stage: &'a str, value: f64, columns: &[(usize, f64)]) {
        self.row(Rule::Above, stage, 0, f64::NEG_INFINITY, value, columns);
    }

    fn slack(&mut self, hours: f64, upper: f64) -> usize {
        let column = self.column(0.0, upper);
        self.physical.push((column, hours));
        column
    }

    fn unit_columns(&mut self, u: usize, unit: &'a Unit, t: usize) {
        let case = self.case;
        let h = case.time.hours(t);
        let most = if self.is_off(u, t) { 0.0 } else { unit.capacity(t) };
        let heat = self.column(h * unit.var_om.at(t), most);
        self.heat[u].push(heat);
        let of = |series: &Option<crate::Series>| series.as_ref().map_or(f64::NAN, |series| series.at(t));
        let mut draws = Vec::new();
        match (unit.kind, unit.mode, &unit.segments) {
            (UnitKind::Chp, Some(ChpMode::Region), _) => {
                for vertex in unit.region.iter().flatten() {
                    let column = self.column(0.0, f64::INFINITY);
                    draws.push(Draw { column, input: vertex.fuel, power: vertex.power });
                }
            }
            (UnitKind::Chp, Some(ChpMode::Extraction), _) => {
                let column = self.column(0.0, f64::INFINITY);
                let per_power = 1.0 / of(&unit.condensing_eff);
                draws.push(Draw { column, input: per_power, power: 1.0 });
                draws.push(Draw { column: heat, input: of(&unit.power_loss) * per_power, power: 0.0 });
            }
            (UnitKind::Chp, _, _) => {
                let input = 1.0 / of(&unit.heat_eff);
                draws.push(Draw { column: heat, input, power: input * of(&unit.power_eff) });
            }
            (_, _, Some(segments)) => {
                // Which pieces are full, and which may not be used, is the schedule's, as its states are.
                let piece = self.places.units[u].piece.get(t).filter(|_| !self.relaxed);
                for (k, segment) in segments.iter().enumerate() {
                    let most = if piece.is_some_and(|&piece| k > piece) { 0.0 } else { segment.heat };
                    let column = self.column(0.0, most);
                    if piece.is_some_and(|&piece| k < piece) {
                        self.problem.lower[column] = segment.heat;
                    }
                    draws.push(Draw { column, input: segment.input_per_heat.at(t), power: 0.0 });
                }
            }
            (UnitKind::HeatPump, ..) => draws.push(Draw { column: heat, input: 1.0 / of(&unit.cop), power: 0.0 }),
            (UnitKind::WasteHeat, ..) => {}
            _ => draws.push(Draw { column: heat, input: 1.0 / of(&unit.efficiency), power: 0.0 }),
        }
        // A carrier without a connection at the plant is paid for at the unit.
        if let Some(carrier) = self.places.loose[u] {
            let price = carrier.buying(t) + carrier.co2_t_per_mwh * case.co2_price.at(t);
            for draw in &draws {
                self.problem.cost[draw.column] += h * price * draw.input;
            }
        }
        self.draws[u].push(draws);
        if let Some(reserve) = self.places.reserve_of[u] {
            let quick = unit.ramp_up_per_h.map_or(f64::INFINITY, |ramp| ramp * reserve.minutes / 60.0);
            let margin = self.column(0.0, quick.min(unit.capacity(t)));
            self.margin[u].push(margin);
        }
    }

    fn shape(&mut self, u: usize, unit: &'a Unit, t: usize) {
        let heat = self.heat[u][t];
        let pieces: Vec<usize> = self.draws[u][t].iter().map(|draw| draw.column).collect();
        let of = |series: &Option<crate::Series>| series.as_ref().map_or(f64::NAN, |series| series.at(t));
        match (unit.kind, unit.mode, &unit.segments) {
            (UnitKind::Chp, Some(ChpMode::Region), _) => {
                let vertices = unit.region.as_deref().unwrap_or_default();
                let mut entries = vec![(heat, -1.0)];
                entries.extend(pieces.iter().zip(vertices).map(|(&weight, vertex)| (weight, vertex.heat)));
                self.row(Rule::Shape, &unit.id, t, 0.0, 0.0, &entries);
                let most = if units::share(unit, t) > 0.0 { 1.0 } else { 0.0 };
                let mut entries: Vec<(usize, f64)> = pieces.iter().map(|&weight| (weight, 1.0)).collect();
                let most = self.while_on(u, t, most, &mut entries);
                self.row(Rule::Weights, &unit.id, t, f64::NEG_INFINITY, most, &entries);
            }
            (UnitKind::Chp, Some(ChpMode::Extraction), _) => {
                let power = pieces[0];
                let entries = [(power, 1.0), (heat, -of(&unit.power_to_heat))];
                self.row(Rule::LeastPower, &unit.id, t, 0.0, f64::INFINITY, &entries);
                let most = of(&unit.power_max) * units::share(unit, t);
                let mut entries = vec![(power, 1.0), (heat, of(&unit.power_loss))];
                let most = self.while_on(u, t, most, &mut entries);
                self.row(Rule::Turbine, &unit.id, t, f64::NEG_INFINITY, most, &entries);
            }
            (UnitKind::Chp, _, _) | (_, _, None) => {}
            (_, _, Some(_)) => {
                let mut entries = vec![(heat, -1.0)];
                entries.extend(pieces.iter().map(|&piece| (piece, 1.0)));
                self.row(Rule::Shape, &unit.id, t, 0.0, 0.0, &entries);
                self.order(u, unit, t, &pieces);
            }
        }
    }

    /// What a unit lacks of what it must make, MW; one column, whatever asks for it.
    fn lacks(&mut self, u: usize, t: usize, most: f64) -> usize {
        let known = self.must_run[u][t];
        let column = known.unwrap_or_else(|| self.slack(self.case.time.hours(t), most));
        self.must_run[u][t] = Some(column);
        self.problem.upper[column] = self.problem.upper[column].max(most);
        column
    }

    fn must_make(&mut self, u: usize, unit: &'a Unit, t: usize) {
        let heat = self.heat[u][t];
        let floor = unit.must_run.as_ref().map_or(0.0, |series| series.at(t).min(unit.capacity(t)));
        if floor > 0.0 {
            let lacks = self.lacks(u, t, floor);
            self.row(Rule::MustRun, &unit.id, t, floor, f64::INFINITY, &[(heat, 1.0), (lacks, 1.0)]);
        }
        let vertices = unit.vertices();
        let hottest = vertices.iter().fold(0.0_f64, |most, vertex| most.max(vertex.heat));
        let decided = !self.states[u].is_empty();
        if !vertices.is_empty() && (unit.must_run.is_some() || decided) && units::share(unit, t) > 0.0 {
            let lacks = self.lacks(u, t, hottest);
            let mut entries = vec![(lacks, 1.0 / hottest)];
            entries.extend(self.draws[u][t].iter().map(|draw| (draw.column, 1.0)));
            let least = if unit.must_run.is_some() { 1.0 } else { self.while_on(u, t, 1.0, &mut entries) };
            self.row(Rule::InRegion, &unit.id, t, least, f64::INFINITY, &entries);
        }
    }

    fn ramp(&mut self, u: usize, unit: &'a Unit, t: usize) {
        let (heat, h) = (self.heat[u][t], self.case.time.hours(t));
        if let Some(&margin) = self.margin[u].get(t) {
            let entries = [(heat, 1.0), (margin, 1.0)];
            self.row(Rule::Margin, &unit.id, t, f64::NEG_INFINITY, unit.capacity(t), &entries);
        }
        let before = match (t, unit.initial) {
            (0, None) => return,
            (0, Some(initial)) => initial.heat_mw,
            _ => 0.0,
        };
        let outage = match t {
            0 => (before - unit.capacity(0)).max(0.0),
            _ if unit.outages.iter().any(|outage| outage.from_step == t) => f64::INFINITY,
            _ => 0.0,
        };
        let least = unit.ramp_down_per_h.map_or(f64::NEG_INFINITY, |ramp| -ramp * h - outage);
        let most = unit.ramp_up_per_h.map_or(f64::INFINITY, |ramp| ramp * h);
        let mut entries = vec![(heat, 1.0)];
        if t > 0 {
            entries.push((self.heat[u][t - 1], -1.0));
        }
        if least.is_finite() && unit.initial.is_some_and(|initial| initial.heat_mw > 0.0) {
            entries.push((self.slack(h, f64::INFINITY), 1.0));
        }
        self.row(Rule::Ramp, &unit.id, t, before + least, before + most, &entries);
    }

    /// Says by store and step what comes out and what goes in.
    fn stores(&mut self) -> Vec<Vec<(usize, usize)>> {
        let case = self.case;
        let mut flows = Vec::new();
        for storage in &case.storages {
            let (mut of_store, mut last) = (Vec::new(), None);
            for t in 0..case.time.steps {
                let h = case.time.hours(t);
                let ends = t + 1 == case.time.steps;
                let charge = self.column(0.0, storage.charge_max.at(t));
                let discharge = self.column(0.0, storage.discharge_max.at(t));
                let worth = if ends { storage.final_value() } else { 0.0 };
                let energy = self.column(-worth, storage.capacity_mwh);
                let kept = (1.0 - storage.loss_per_h).powf(h);
                let mut entries =
                    vec![(energy, 1.0), (charge, -h * storage.charge_eff), (discharge, h / storage.discharge_eff)];
                let level = match last {
                    Some(before) => {
                        entries.push((before, -kept));
                        0.0
                    }
                    None => kept * storage.initial_mwh,
                };
                self.row(Rule::Content, &storage.id, t, level, level, &entries);
                if let (true, Some(mwh)) = (ends, storage.final_mwh()) {
                    let (short, over) =
                        (self.column(0.0, storage.capacity_mwh), self.column(0.0, storage.capacity_mwh));
                    self.levels.extend([(short, 1.0), (over, 1.0)]);
                    let entries = [(energy, 1.0), (short, 1.0), (over, -1.0)];
                    self.row(Rule::Final, &storage.id, t, mwh, mwh, &entries);
                }
                of_store.push((discharge, charge));
                last = Some(energy);
            }
            flows.push(of_store);
        }
        flows
    }

    /// Says by link and step what is sent forward and in reverse.
    fn links(&mut self) -> Vec<Vec<(usize, usize)>> {
        let case = self.case;
        let mut flows = Vec::new();
        for link in &case.links {
            let mut of_link = Vec::new();
            for t in 0..case.time.steps {
                let late = t + link.delay_steps >= case.time.steps;
                let credit = if late { link.credit_per_mwh.unwrap_or(0.0) } else { 0.0 };
                let earns = case.time.hours(t) * credit * (1.0 - link.loss_frac);
                of_link.push((self.column(-earns, link.cap.at(t)), self.column(-earns, link.cap_reverse.at(t))));
            }
            flows.push(of_link);
        }
        flows
    }

    fn headers(&mut self, stores: &[Vec<(usize, usize)>], links: &[Vec<(usize, usize)>]) {
        let case = self.case;
        let ranks: Vec<Option<usize>> = case.demands.iter().map(|demand| case.rank(&demand.class)).collect();
        for (at, header) in case.headers.iter().enumerate() {
            let places = self.places;
            for t in 0..case.time.steps {
                let h = case.time.hours(t);
                let mut entries = vec![(self.column(0.0, f64::INFINITY), -1.0)];
                let (mut level, mut losses) = (0.0, 0.0);
                entries.extend(places.units_at[at].iter().map(|&u| (self.heat[u][t], 1.0)));
                for &s in &places.storages_at[at] {
                    entries.extend([(stores[s][t].0, 1.0), (stores[s][t].1, -1.0)]);
                }
                for &(l, away) in &places.links_at[at] {
                    let (link, flows) = (&case.links[l], &links[l]);
                    let arriving = 1.0 - link.loss_frac;
                    let pick = |(forward, reverse): (usize, usize), away: bool| if away { forward } else { reverse };
                    entries.push((pick(flows[t], away), -1.0));
                    let known = if away { &link.reverse_before } else { &link.forward_before };
                    match t.checked_sub(link.delay_steps) {
                        Some(sent) => entries.push((pick(flows[sent], !away), arriving)),
                        None => level -= arriving * known.get(t).copied().unwrap_or(0.0),
                    }
                    losses += link.fixed_loss.at(t) / 2.0;
                }
                for &d in &places.demands_at[at] {
                    let demand = &case.demands[d];
                    let (asked, most) = (demand.heat.at(t), demand.sheddable_mw(t));
                    level += asked;
                    let shed = self.column(0.0, most);
                    entries.push((shed, 1.0));
                    if let Some(class) = ranks[d] {
                        self.shed[class].push((shed, h));
                    }
                    if let (Some(class), true) = (ranks[d], asked > most) {
                        let beyond = self.column(0.0, asked - most);
                        self.beyond[class].push((beyond, h));
                        entries.push((beyond, 1.0));
                    }
                }
                if losses > 0.0 {
                    entries.push((self.slack(h, losses), 1.0));
                }
                level += losses;
                self.row(Rule::Balance, &header.id, t, level, level, &entries);
                if let Some(reserve) = &header.reserve {
                    let asked = reserve.mw.at(t);
                    let mut entries = vec![(self.column(h * reserve.price, asked), 1.0)];
                    entries.extend(places.units_at[at].iter().map(|&u| (self.margin[u][t], 1.0)));
                    self.row(Rule::Reserve, &header.id, t, asked, f64::INFINITY, &entries);
                }
            }
        }
    }

    fn connections(&mut self) {
        let case = self.case;
        for (c, connection) in case.connections.iter().enumerate() {
            let carrier = self.places.carrier_of[c];
            for t in 0..case.time.steps {
                let h = case.time.hours(t);
                let (buy, sell) = carrier.map_or((0.0, 0.0), |carrier| {
                    (carrier.buying(t) + carrier.co2_t_per_mwh * case.co2_price.at(t), carrier.selling(t))
                });
                let import = self.column(h * buy, connection.max_import.at(t));
                let export = self.column(-h * sell, connection.max_export.at(t));
                let electric = carrier.is_some_and(crate::case::Carrier::is_power);
                let mut entries = vec![(import, 1.0), (export, -1.0)];
                let mut made = vec![(export, 1.0)];
                for &u in &self.places.units_of[c] {
                    let takes = case.units[u].carrier.as_ref() == Some(&connection.carrier);
                    for draw in &self.draws[u][t] {
                        let power = if electric { draw.power } else { 0.0 };
                        let net = power - if takes { draw.input } else { 0.0 };
                        entries.push((draw.column, net));
                        made.push((draw.column, -power));
                    }
                }
                let base = connection.base_load.at(t);
                if base > 0.0 {
                    entries.push((self.slack(h, base), 1.0));
                }
                self.row(Rule::Connection, &connection.id, t, base, base, &entries);
                if carrier.is_some_and(|carrier| carrier.selling(t) > carrier.buying(t)) {
                    self.row(Rule::MadeHere, &connection.id, t, f64::NEG_INFINITY, 0.0, &made);
                }
            }
        }
    }
}
