//! What must hold of a case before it is solved. Every mistake is reported at once, each with the path of the field,
//! what is wrong there, and what to write instead. Contradictions that a schedule could resolve by serving less are no
//! mistakes; a figure that makes no sense is.

mod conversion;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Display;

use hypocaust_protocols::model::Millis;

use crate::case::{Case, Final, Link, SCHEMA, Unit, UnitKind};
use crate::error::Error;
use crate::series::Series;
use crate::solution::{BEYOND_SETPOINTS, OTHER_STAGES};
use crate::written;

pub(crate) use conversion::{MOST_COP, MOST_OF_FUEL};

/// A hundred plants over a week of quarters of an hour have 1.6 million columns.
const MOST_COLUMNS: usize = 50_000_000;

/// No figure of a case is larger, whichever its sign: beyond this it is a typing error, and at some figure above it the
/// solver takes it for infinite.
const LARGEST: f64 = 1e9;

/// No step is shorter, in minutes: what is asked for in less is nothing in MWh, and nobody can be told to be short of it.
const SHORTEST: f64 = 1e-3;

/// One thing wrong with a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, as a JSON path.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path, self.what)
    }
}

impl Case {
    /// Reads a case and validates it.
    ///
    /// # Errors
    /// `Error::Parse` where the text is no `heatcase/1`, `Error::Invalid` where its figures make no sense.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let case: Self = written::read(text, SCHEMA)?;
        case.validate()?;
        Ok(case)
    }

    /// Everything that is wrong with the case.
    ///
    /// # Errors
    /// `Error::Invalid` with every mistake, in the order of the file.
    pub fn validate(&self) -> Result<(), Error> {
        self.looked_through(Program::Committed)
    }

    /// The same, and what only `commit` can decide: a curve that is not convex, a unit that is off and could be on.
    ///
    /// # Errors
    /// `Error::Invalid` with every mistake, in the order of the file.
    pub fn validate_linear(&self) -> Result<(), Error> {
        self.looked_through(Program::Linear)
    }

    /// The same where the states are given and nothing else is to be decided.
    pub(crate) fn validate_with_states(&self) -> Result<(), Error> {
        self.looked_through(Program::WithStates)
    }

    fn looked_through(&self, program: Program) -> Result<(), Error> {
        let mut found = Findings {
            program,
            steps: self.time.steps,
            plants: self.plants.iter().map(|plant| plant.id.as_str()).collect(),
            headers: self.headers.iter().map(|header| (header.id.as_str(), header.plant.as_str())).collect(),
            powered: self.powered(),
            mistakes: Vec::new(),
        };
        if self.beyond_measure() {
            // Looking at every step of it would take as long as solving it.
            found.say("time.steps", format!("more than {MOST_COLUMNS} columns would come of it; write fewer steps"));
            return Err(Error::Invalid(found.mistakes));
        }
        self.frame(&mut found);
        self.supply(&mut found);
        for (i, unit) in self.units.iter().enumerate() {
            self.unit(i, unit, &mut found);
        }
        self.stores_and_links(&mut found);
        self.consumers(&mut found);
        if found.mistakes.is_empty() { Ok(()) } else { Err(Error::Invalid(found.mistakes)) }
    }

    /// The plants with a connection that takes the power of their CHP units.
    fn powered(&self) -> HashSet<&str> {
        let power = |id: &str| self.carriers.iter().any(|carrier| carrier.id == id && carrier.is_power());
        let of_power = self.connections.iter().filter(|connection| power(&connection.carrier));
        of_power.map(|connection| connection.plant.as_str()).collect()
    }

    /// Whether its program would have more columns than the solver counts to with a matrix behind it.
    fn beyond_measure(&self) -> bool {
        let shapes = self.units.iter().map(|unit| {
            unit.segments.as_ref().map_or(0, Vec::len).saturating_add(unit.region.as_ref().map_or(0, Vec::len))
        });
        // At most so many per owner and step, slacks included.
        let per_step = shapes
            .chain([4 * self.units.len(), 3 * self.connections.len(), 2 * self.links.len(), 5 * self.storages.len()])
            .chain([3 * self.headers.len(), 2 * self.demands.len(), 1])
            .fold(0_usize, usize::saturating_add);
        per_step.saturating_mul(self.time.steps) > MOST_COLUMNS
    }

    fn frame(&self, found: &mut Findings<'_>) {
        if self.schema != SCHEMA {
            found.say("schema", format!("{:?} is not known; write {SCHEMA:?}", self.schema));
        }
        if self.time.steps == 0 {
            found.say("time.steps", "no steps; write at least 1");
        }
        if Millis::from_rfc3339(&self.time.start).is_none() {
            let what =
                format!("{:?} is no time in RFC 3339; write one such as \"2026-01-31T12:00:00Z\"", self.time.start);
            found.say("time.start", what);
        }
        found.series("time.step_minutes", &self.time.step_minutes, SHORTEST, f64::INFINITY);
        if self.classes.is_empty() || self.classes.len() > 5 {
            found.say("classes", format!("{} classes; write one to five, highest first", self.classes.len()));
        }
        found.unique("classes", self.classes.iter());
        let is_stage = |class: &str| OTHER_STAGES.contains(&class) || class.ends_with(BEYOND_SETPOINTS);
        for (i, class) in self.classes.iter().enumerate().filter(|(_, class)| is_stage(class)) {
            let what = format!("{class:?} is the name of a stage of its own in a result; write another name");
            found.say(format_args!("classes[{i}]"), what);
        }
        found.series("co2_price", &self.co2_price, 0.0, f64::INFINITY);
        found.unique("plants", self.plants.iter().map(|plant| &plant.id));
        if self.headers.is_empty() {
            found.say("headers", "none; heat is balanced at one at least, so write one");
        }
        found.unique("headers", self.headers.iter().map(|header| &header.id));
        for (i, header) in self.headers.iter().enumerate() {
            found.known_plant(format_args!("headers[{i}].plant"), &header.plant);
            if let Some(reserve) = &header.reserve {
                let path = format!("headers[{i}].reserve");
                found.series(format_args!("{path}.mw"), &reserve.mw, 0.0, f64::INFINITY);
                found.number(format_args!("{path}.minutes"), reserve.minutes, f64::MIN_POSITIVE, f64::INFINITY);
                found.number(format_args!("{path}.price"), reserve.price, 0.0, f64::INFINITY);
            }
        }
    }

    fn supply(&self, found: &mut Findings<'_>) {
        found.unique("carriers", self.carriers.iter().map(|carrier| &carrier.id));
        for (i, carrier) in self.carriers.iter().enumerate() {
            let path = format!("carriers[{i}]");
            match (&carrier.price, &carrier.buy, &carrier.sell) {
                (Some(price), None, None) => {
                    found.series(format_args!("{path}.price"), price, f64::NEG_INFINITY, f64::INFINITY);
                }
                (None, Some(buy), Some(sell)) => {
                    found.series(format_args!("{path}.buy"), buy, f64::NEG_INFINITY, f64::INFINITY);
                    found.series(format_args!("{path}.sell"), sell, f64::NEG_INFINITY, f64::INFINITY);
                }
                _ => found.say(&path, "write either \"price\", or \"buy\" and \"sell\""),
            }
            found.number(format_args!("{path}.co2_t_per_mwh"), carrier.co2_t_per_mwh, 0.0, f64::INFINITY);
        }
        let power = self.carriers.iter().filter(|carrier| carrier.is_power()).count();
        if power > 1 {
            found.say(
                "carriers",
                format!("{power} carriers have a selling price; only electricity has, so write at most one"),
            );
        }
        found.unique("connections", self.connections.iter().map(|connection| &connection.id));
        let mut seen = BTreeMap::new();
        for (i, connection) in self.connections.iter().enumerate() {
            let path = format!("connections[{i}]");
            found.known_plant(format_args!("{path}.plant"), &connection.plant);
            self.known_carrier(format_args!("{path}.carrier"), &connection.carrier, found);
            found.series(format_args!("{path}.max_import"), &connection.max_import, 0.0, f64::INFINITY);
            found.series(format_args!("{path}.max_export"), &connection.max_export, 0.0, f64::INFINITY);
            found.series(format_args!("{path}.base_load"), &connection.base_load, 0.0, f64::INFINITY);
            if let Some(first) = seen.insert((&connection.plant, &connection.carrier), i) {
                found.say(
                    &path,
                    format!("plant and carrier are those of connections[{first}]; write one connection for both"),
                );
            }
        }
    }

    fn unit(&self, i: usize, unit: &Unit, found: &mut Findings<'_>) {
        if i == 0 {
            found.unique("units", self.units.iter().map(|unit| &unit.id));
        }
        let path = format!("units[{i}]");
        found.known_plant(format_args!("{path}.plant"), &unit.plant);
        found.known_header(format_args!("{path}.header"), &unit.header);
        if let Some(&plant) = found.headers.get(unit.header.as_str())
            && plant != unit.plant
            && [plant, &unit.plant].iter().all(|id| found.plants.contains(id))
        {
            let what = format!(
                "{:?} is a header of plant {plant:?}, but the unit is one of {:?}; write a header of its own plant, and a link \
                 from there where heat goes further",
                unit.header, unit.plant
            );
            found.say(format_args!("{path}.header"), what);
        }
        match (&unit.carrier, unit.kind) {
            (Some(carrier), UnitKind::WasteHeat) => found.say(
                format_args!("{path}.carrier"),
                format!("waste heat takes no carrier, but {carrier:?} is given; write null"),
            ),
            (Some(carrier), _) => self.known_carrier(format_args!("{path}.carrier"), carrier, found),
            (None, UnitKind::WasteHeat) => {}
            (None, _) => found.say(format_args!("{path}.carrier"), "missing; write the carrier that it takes"),
        }
        found.series(format_args!("{path}.heat_max"), &unit.heat_max, 0.0, f64::INFINITY);
        found.series(format_args!("{path}.heat_min"), &unit.heat_min, 0.0, f64::INFINITY);
        found.not_above_full_load(format_args!("{path}.heat_min"), &unit.heat_min, unit);
        found.series(format_args!("{path}.availability"), &unit.availability, 0.0, 1.0);
        found.series(format_args!("{path}.var_om"), &unit.var_om, f64::NEG_INFINITY, f64::INFINITY);
        found.number(format_args!("{path}.start_cost"), unit.start_cost, 0.0, f64::INFINITY);
        found.number(format_args!("{path}.min_up_h"), unit.min_up_h, 0.0, f64::INFINITY);
        found.number(format_args!("{path}.min_down_h"), unit.min_down_h, 0.0, f64::INFINITY);
        for (name, most) in [("start_max", unit.start_max), ("stop_max", unit.stop_max)] {
            if let Some(most) = most {
                found.number(format_args!("{path}.{name}"), most, 0.0, f64::INFINITY);
            }
        }
        self.conversion(&path, unit, found);
        for (name, ramp) in [("ramp_up_per_h", unit.ramp_up_per_h), ("ramp_down_per_h", unit.ramp_down_per_h)] {
            if let Some(ramp) = ramp {
                found.number(format_args!("{path}.{name}"), ramp, 0.0, f64::INFINITY);
            }
        }
        if let Some(initial) = unit.initial {
            found.number(format_args!("{path}.initial.heat_mw"), initial.heat_mw, 0.0, f64::INFINITY);
            if initial.on == Some(false) && initial.heat_mw > 0.0 {
                let what = format!("the unit is off, but makes {} MW; write true, or a heat of 0", initial.heat_mw);
                found.say(format_args!("{path}.initial.on"), what);
            }
            // Nobody has said how long its start takes, and a linear program would have its heat at once.
            let decided = found.program != Program::Linear && unit.commits();
            if initial.on == Some(false) && initial.heat_mw <= 0.0 && !decided && unit.capacity(0) > 0.0 {
                let what = "the unit is off, and nothing says how long its start takes; write an \"availability\" of 0 for \
                            so many steps, or have its states decided (`solve --commit`), for which it needs a minimum \
                            load, a minimum time or a cost of its start";
                found.say(format_args!("{path}.initial.on"), what);
            }
            if let Some(hours) = initial.hours {
                found.number(format_args!("{path}.initial.hours"), hours, 0.0, f64::INFINITY);
            }
        }
        if let Some(must_run) = &unit.must_run {
            found.series(format_args!("{path}.must_run"), must_run, 0.0, f64::INFINITY);
            found.not_above_full_load(format_args!("{path}.must_run"), must_run, unit);
        }
        for (o, outage) in unit.outages.iter().enumerate() {
            let path = format!("{path}.outages[{o}]");
            if outage.to_step <= outage.from_step || outage.to_step > found.steps {
                let what = format!(
                    "{} after a beginning in step {}; write a step above it and of at most {}",
                    outage.to_step, outage.from_step, found.steps
                );
                found.say(format_args!("{path}.to_step"), what);
            }
            found.number(format_args!("{path}.available"), outage.available, 0.0, 1.0);
        }
    }

    fn stores_and_links(&self, found: &mut Findings<'_>) {
        found.unique("storages", self.storages.iter().map(|storage| &storage.id));
        for (i, storage) in self.storages.iter().enumerate() {
            let path = format!("storages[{i}]");
            found.known_header(format_args!("{path}.header"), &storage.header);
            found.number(format_args!("{path}.capacity_mwh"), storage.capacity_mwh, 0.0, f64::INFINITY);
            found.series(format_args!("{path}.charge_max"), &storage.charge_max, 0.0, f64::INFINITY);
            found.series(format_args!("{path}.discharge_max"), &storage.discharge_max, 0.0, f64::INFINITY);
            found.number(format_args!("{path}.charge_eff"), storage.charge_eff, 1e-3, 1.0);
            found.number(format_args!("{path}.discharge_eff"), storage.discharge_eff, 1e-3, 1.0);
            found.number(format_args!("{path}.loss_per_h"), storage.loss_per_h, 0.0, 1.0);
            found.number(format_args!("{path}.initial_mwh"), storage.initial_mwh, 0.0, storage.capacity_mwh);
            match storage.r#final {
                Final::Mwh(mwh) => found.number(format_args!("{path}.final"), mwh, 0.0, storage.capacity_mwh),
                Final::Value { value_per_mwh } => {
                    let path = format!("{path}.final.value_per_mwh");
                    found.number(&path, value_per_mwh, f64::NEG_INFINITY, f64::INFINITY);
                }
                Final::Word(_) => {}
            }
        }
        found.unique("links", self.links.iter().map(|link| &link.id));
        for (i, link) in self.links.iter().enumerate() {
            let path = format!("links[{i}]");
            found.known_header(format_args!("{path}.from"), &link.from);
            found.known_header(format_args!("{path}.to"), &link.to);
            if link.from == link.to {
                found.say(&path, "joins a header to itself; write two different headers");
            }
            found.series(format_args!("{path}.cap"), &link.cap, 0.0, f64::INFINITY);
            found.series(format_args!("{path}.cap_reverse"), &link.cap_reverse, 0.0, f64::INFINITY);
            found.number(format_args!("{path}.loss_frac"), link.loss_frac, 0.0, 1.0);
            found.series(format_args!("{path}.fixed_loss"), &link.fixed_loss, 0.0, f64::INFINITY);
            self.delay(&path, link, found);
        }
    }

    fn delay(&self, path: &str, link: &Link, found: &mut Findings<'_>) {
        for (name, before) in [("forward_before", &link.forward_before), ("reverse_before", &link.reverse_before)] {
            if before.len() != link.delay_steps {
                let what = format!(
                    "{} numbers for a delay of {} steps; write what was sent in each of them, oldest first",
                    before.len(),
                    link.delay_steps
                );
                found.say(format_args!("{path}.{name}"), what);
            }
            for (k, mw) in before.iter().enumerate() {
                found.number(format_args!("{path}.{name}[{k}]"), *mw, 0.0, f64::INFINITY);
            }
        }
        match (link.delay_steps, link.credit_per_mwh) {
            (0, None) => {}
            (0, Some(_)) => found.say(
                format_args!("{path}.credit_per_mwh"),
                "nothing is under way on a link without delay; write \"delay_steps\", or leave it out",
            ),
            (_, None) => found.say(
                format_args!("{path}.credit_per_mwh"),
                "missing; write what a MWh is worth that is under way when the horizon ends, be it 0",
            ),
            (_, Some(credit)) => {
                found.number(format_args!("{path}.credit_per_mwh"), credit, f64::NEG_INFINITY, f64::INFINITY);
            }
        }
        let minutes = self.time.step_minutes.written();
        if link.delay_steps > 0 && minutes.windows(2).any(|pair| pair[0] != pair[1]) {
            found.say(
                format_args!("{path}.delay_steps"),
                "a delay is counted in steps of one length, but step_minutes has several; write one length, or no delay",
            );
        }
    }

    fn consumers(&self, found: &mut Findings<'_>) {
        found.unique("demands", self.demands.iter().map(|demand| &demand.id));
        for (i, demand) in self.demands.iter().enumerate() {
            let path = format!("demands[{i}]");
            found.known_header(format_args!("{path}.header"), &demand.header);
            if !self.classes.contains(&demand.class) {
                found.say(
                    format_args!("{path}.class"),
                    format!("{:?} is no class of this case; write one of {:?}", demand.class, self.classes),
                );
            }
            found.series(format_args!("{path}.heat"), &demand.heat, 0.0, f64::INFINITY);
            if let Some(sheddable) = &demand.sheddable {
                found.series(format_args!("{path}.sheddable"), sheddable, 0.0, f64::INFINITY);
            }
        }
        for (id, mw) in self.previous.iter().flatten() {
            let path = format!("previous[{id:?}]");
            found.number(&path, *mw, 0.0, f64::INFINITY);
            let unit = self.units.iter().any(|unit| unit.id == *id);
            let demand = self.demands.iter().any(|demand| demand.id == *id);
            if unit == demand {
                found.say(&path, "must be the id of exactly one unit or demand; write such an id, or leave it out");
            }
        }
    }

    fn known_carrier(&self, path: impl Display, id: &str, found: &mut Findings<'_>) {
        if !self.carriers.iter().any(|carrier| carrier.id == id) {
            found.say(
                path,
                format!("{id:?} is no carrier of this case; write the id of one, or add it to \"carriers\""),
            );
        }
    }
}

/// What is to be made of the case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    /// Anything, since `commit` decides what a linear program cannot.
    Committed,
    /// A linear program in which every unit with states has those that are given.
    WithStates,
    /// A linear program without states.
    Linear,
}

/// What was found so far, and what there is to be named. Paths are written out only where something is wrong.
struct Findings<'a> {
    program: Program,
    steps: usize,
    plants: HashSet<&'a str>,
    /// Each with its plant.
    headers: HashMap<&'a str, &'a str>,
    /// Plants that can take power.
    powered: HashSet<&'a str>,
    mistakes: Vec<Mistake>,
}

impl Findings<'_> {
    fn known_plant(&mut self, path: impl Display, id: &str) {
        if !self.plants.contains(id) {
            self.say(path, format!("{id:?} is no plant of this case; write the id of one, or add it to \"plants\""));
        }
    }

    fn known_header(&mut self, path: impl Display, id: &str) {
        if !self.headers.contains_key(id) {
            self.say(path, format!("{id:?} is no header of this case; write the id of one, or add it to \"headers\""));
        }
    }

    fn say(&mut self, path: impl Display, what: impl Into<String>) {
        self.mistakes.push(Mistake { path: path.to_string(), what: what.into() });
    }

    fn number(&mut self, path: impl Display, value: f64, least: f64, most: f64) {
        if !value.is_finite() {
            self.say(path, format!("{value} is no finite number; write one"));
        } else if value < least || value > most {
            self.say(path, format!("{} is out of range; write {}", digits(value), range(least, most)));
        } else if value.abs() > LARGEST {
            let end = if value > 0.0 { "most " } else { "least -" };
            self.say(path, format!("{value:e} is out of range; write a number of at {end}{LARGEST:e}"));
        }
    }

    fn series(&mut self, path: impl Display, series: &Series, least: f64, most: f64) {
        if let Some(len) = series.len_given()
            && len != self.steps
        {
            self.say(&path, format!("{len} numbers for {} steps; write one per step, or a single number", self.steps));
        }
        let array = series.len_given().is_some();
        for (t, value) in series.written().iter().enumerate() {
            if array {
                self.number(format_args!("{path}[{t}]"), *value, least, most);
            } else {
                self.number(&path, *value, least, most);
            }
        }
    }

    /// What a unit makes at least is no more than what it makes at full load. Of what `availability` and outages leave it
    /// makes as much as there is, so only the rating counts.
    fn not_above_full_load(&mut self, path: impl Display, least: &Series, unit: &Unit) {
        let steps = least.written().len().max(unit.heat_max.written().len());
        if let Some(t) = (0..steps).find(|&t| least.at(t) > unit.heat_max.at(t)) {
            let what = format!(
                "{} is above heat_max, which is {} in step {t}; write at most that, and where the unit is not there say so \
                 by an \"availability\" of 0",
                digits(least.at(t)),
                digits(unit.heat_max.at(t))
            );
            self.say(path, what);
        }
    }

    fn unique<'a>(&mut self, path: &str, ids: impl Iterator<Item = &'a String>) {
        let mut seen = BTreeSet::new();
        for (i, id) in ids.enumerate() {
            if !seen.insert(id) {
                self.say(format_args!("{path}[{i}]"), format!("{id:?} is there twice; write an id of its own"));
            }
        }
    }
}

/// Written out where that is no flood of noughts.
fn digits(value: f64) -> String {
    if value == 0.0 || (1e-6..=1e12).contains(&value.abs()) { value.to_string() } else { format!("{value:e}") }
}

fn range(least: f64, most: f64) -> String {
    if most.is_finite() {
        format!("a number from {least} to {most}")
    } else if least == f64::MIN_POSITIVE {
        "a number above 0".to_owned()
    } else {
        format!("a number of at least {least}")
    }
}
