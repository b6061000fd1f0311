//! What no single table can tell: names that point nowhere, registers and nodes used twice, headers that nothing feeds.

mod purpose;

use super::reader::{At, Form, Reader};
use super::report::Report;
use super::suggest::nearest;
use crate::model::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// An id of this fleet, its own or another's.
pub(super) const ID: Form = Form { pattern: ID_PATTERN, example: "a" };

/// What a name is the name of. Tags and setpoints say which units fit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Header,
    Source,
    Storage,
    Consumer,
    Main,
    Connection,
    Carrier,
    Device,
    Trip,
    Alarm,
    Tag(&'static [Unit]),
    Setpoint(&'static [Unit]),
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Header => "header",
            Kind::Source => "source",
            Kind::Storage => "storage",
            Kind::Consumer => "consumer",
            Kind::Main => "main",
            Kind::Connection => "connection",
            Kind::Carrier => "carrier",
            Kind::Device => "device",
            Kind::Trip => "trip",
            Kind::Alarm => "alarm",
            Kind::Tag(_) => "tag",
            Kind::Setpoint(_) => "setpoint",
        }
    }
}

#[derive(Clone)]
struct Place {
    file: usize,
    span: Range<usize>,
}

struct Reference {
    kind: Kind,
    id: String,
    place: Place,
    /// The field that it stands in, where the field makes the tag its own.
    role: Option<&'static str>,
    /// What it cannot be meant to name.
    never: Option<String>,
}

/// Fields that say what a tag *is*: a tag is the value of one thing. (Alarms, trips and interlocks only look at it.)
const ROLES: [&str; 22] = [
    "process_value",
    "heat",
    "state",
    "setpoint",
    "start_request",
    "level",
    "asked",
    "served",
    "shed_setpoint",
    "flow",
    "open",
    "counter",
    "o2",
    "co2",
    "co",
    "nox",
    "stack",
    "air",
    "fuel",
    "steam",
    "feedwater",
    "drum",
];

/// Every name that was given and every name that was used.
#[derive(Default)]
pub(super) struct Scope {
    defined: RefCell<BTreeMap<(&'static str, String), Place>>,
    references: RefCell<Vec<Reference>>,
}

impl Scope {
    /// An id from a text, or a mistake.
    pub fn id<T>(&self, r: &Reader<'_, '_>, text: At<String>, new: fn(&str) -> Result<T, InvalidId>) -> Option<T> {
        match new(&text.value) {
            Ok(id) => Some(id),
            Err(error) => {
                r.mistake(text.span, error.to_string(), "a name such as `b1` or `b1.heat`");
                None
            }
        }
    }

    pub fn define(&self, r: &Reader<'_, '_>, kind: Kind, id: &str, span: &Range<usize>) {
        let place = Place { file: r.file, span: span.clone() };
        let earlier = self.defined.borrow_mut().insert((kind.word(), id.to_owned()), place);
        if earlier.is_some() {
            r.mistake(
                span.clone(),
                format!("there is a second {} named `{id}`", kind.word()),
                "a name of its own for each",
            );
        }
    }

    /// The table's own `id`, qualified by the plant.
    pub fn own<T>(
        &self,
        r: &Reader<'_, '_>,
        kind: Kind,
        plant: Option<&str>,
        new: fn(&str) -> Result<T, InvalidId>,
    ) -> Option<T> {
        let mut text = r.text_like("id", &ID)?;
        text.value = qualify(plant, &text.value);
        self.define(r, kind, &text.value, &text.span);
        self.id(r, text, new)
    }

    /// A name of something else, qualified by the plant and looked up later.
    pub fn refer<T>(
        &self,
        r: &Reader<'_, '_>,
        key: &'static str,
        kind: Kind,
        plant: Option<&str>,
        new: fn(&str) -> Result<T, InvalidId>,
    ) -> Option<T> {
        let text = r.text_like(key, &ID)?;
        self.refer_as(r, text, kind, plant, new, Some(key))
    }

    pub fn opt_refer<T>(
        &self,
        r: &Reader<'_, '_>,
        key: &'static str,
        kind: Kind,
        plant: Option<&str>,
        new: fn(&str) -> Result<T, InvalidId>,
    ) -> Option<T> {
        let text = r.opt_text_like(key, &ID)?;
        self.refer_as(r, text, kind, plant, new, Some(key))
    }

    pub fn refer_text<T>(
        &self,
        r: &Reader<'_, '_>,
        text: At<String>,
        kind: Kind,
        plant: Option<&str>,
        new: fn(&str) -> Result<T, InvalidId>,
    ) -> Option<T> {
        self.refer_as(r, text, kind, plant, new, None)
    }

    fn refer_as<T>(
        &self,
        r: &Reader<'_, '_>,
        mut text: At<String>,
        kind: Kind,
        plant: Option<&str>,
        new: fn(&str) -> Result<T, InvalidId>,
        key: Option<&'static str>,
    ) -> Option<T> {
        text.value = qualify(plant, &text.value);
        let place = Place { file: r.file, span: text.span.clone() };
        let id = self.id(r, text.clone(), new)?;
        let value = matches!(kind, Kind::Tag(_) | Kind::Setpoint(_));
        let role = key.filter(|key| value && ROLES.contains(key));
        self.references.borrow_mut().push(Reference { kind, id: text.value, place, role, never: None });
        Some(id)
    }

    /// The two names that were used last are never the same thing: neither is proposed for the other.
    pub fn apart(&self) {
        if let [.., one, other] = self.references.borrow_mut().as_mut_slice() {
            one.never = Some(other.id.clone());
            other.never = Some(one.id.clone());
        }
    }

    /// Was anything within this plant given a name?
    fn knows(&self, plant: &str) -> bool {
        self.defined.borrow().keys().any(|(_, id)| id.split_once('.').is_some_and(|(of, _)| of == plant))
    }

    fn place(&self, kind: Kind, id: &str) -> Option<Place> {
        self.defined.borrow().get(&(kind.word(), id.to_owned())).cloned()
    }
}

fn qualify(plant: Option<&str>, id: &str) -> String {
    match plant {
        Some(plant) => format!("{plant}.{id}"),
        None => id.to_owned(),
    }
}

/// Files of which nothing could be used, each with a mistake of its own. What they would have named is missed by nobody.
#[derive(Default)]
pub(super) struct Unread {
    /// Is `fleet.toml` among them?
    pub fleet: bool,
    /// Plants, by the names of their files.
    pub plants: Vec<String>,
}

impl Unread {
    /// Would a thing of this kind and name stand there?
    fn holds(&self, scope: &Scope, kind: Kind, id: &str) -> bool {
        let plant = id.split_once('.').map_or(id, |(plant, _)| plant);
        matches!(kind, Kind::Carrier) && self.fleet || self.plants.iter().any(|p| p == plant) && !scope.knows(plant)
    }
}

/// Names that point nowhere, told also where other mistakes leave no fleet.
pub(super) fn names(scope: &Scope, unread: &Unread, report: &RefCell<Report>) {
    let defined = scope.defined.borrow();
    for Reference { kind, id, place, never, .. } in scope.references.borrow().iter() {
        let word = kind.word();
        if defined.contains_key(&(word, id.clone())) || unread.holds(scope, *kind, id) {
            continue;
        }
        let names = defined.keys().filter(|(w, id)| *w == word && never.as_ref() != Some(id));
        let names = names.map(|(_, id)| id.as_str());
        let help = match nearest(id, names) {
            Some(near) => format!("`{near}`, or describe that {word}"),
            None => format!("the id of a {word} that is described in this fleet"),
        };
        let message = format!("there is no {word} `{id}`");
        report.borrow_mut().mistake(place.file, place.span.clone(), message, help);
    }
}

struct Checker<'c> {
    fleet: &'c Fleet,
    scope: &'c Scope,
    report: &'c RefCell<Report>,
}

/// All cross checks but that of [`names`].
pub(super) fn check(fleet: &Fleet, scope: &Scope, report: &RefCell<Report>) {
    let checker = Checker { fleet, scope, report };
    checker.units();
    checker.roles();
    checker.addresses();
    checker.devices();
    checker.headers();
    checker.measures();
    checker.meters();
    checker.sheds();
    checker.watchdogs();
    checker.mains();
    checker.purposes();
}

impl Checker<'_> {
    fn say(&self, place: &Place, message: String, help: String) {
        self.report.borrow_mut().mistake(place.file, place.span.clone(), message, help);
    }

    fn units(&self) {
        for reference in self.scope.references.borrow().iter() {
            let (Kind::Tag(units) | Kind::Setpoint(units)) = reference.kind else { continue };
            let known = self.scope.place(reference.kind, &reference.id).is_some();
            if known
                && let Some((_, tag)) = self.fleet.tag(&reference.id)
                && !units.is_empty()
                && !units.contains(&tag.unit)
            {
                let wanted: Vec<&str> = units.iter().map(|u| u.symbol()).collect();
                self.say(
                    &reference.place,
                    format!("the unit of `{}` does not fit: it is in {}", reference.id, tag.unit.symbol()),
                    format!("a tag in {}", wanted.join(" or ")),
                );
            }
        }
    }

    /// No tag is the value of two things: what sheds one consumer must not shed another.
    fn roles(&self) {
        let mut taken: BTreeMap<&str, &'static str> = BTreeMap::new();
        let references = self.scope.references.borrow();
        for (reference, role) in references.iter().filter_map(|r| Some((r, r.role?))) {
            if let Some(earlier) = taken.insert(&reference.id, role) {
                let whose =
                    if earlier == role { "something else".to_owned() } else { format!("something (`{earlier}`)") };
                self.say(
                    &reference.place,
                    format!("`{}` is the `{role}` here and belongs to {whose} already", reference.id),
                    "a tag of its own for each".into(),
                );
            }
        }
    }

    /// No two devices answer at one endpoint under one unit or namespace; what a device watches is a counter of its own.
    fn devices(&self) {
        let mut taken: BTreeMap<(&str, String), &DeviceId> = BTreeMap::new();
        for plant in &self.fleet.plants {
            for device in &plant.devices {
                let Some(place) = self.scope.place(Kind::Device, device.id.as_str()) else { continue };
                let (within, field) = match &device.link {
                    Link::ModbusTcp(link) => (format!("unit {}", link.unit_id), "unit_id"),
                    Link::OpcUa(link) => (format!("the namespace {}", link.namespace), "namespace"),
                };
                if let Some(other) = taken.insert((device.endpoint(), within.clone()), &device.id) {
                    self.say(
                        &place,
                        format!(
                            "`{}` and `{other}` both are {within} at {}: one would get what is meant for the other",
                            device.id,
                            device.endpoint()
                        ),
                        format!("an `endpoint` or a `{field}` of its own for each"),
                    );
                }
                self.counter(plant, device, &place);
            }
        }
    }

    fn counter(&self, plant: &Plant, device: &Device, place: &Place) {
        let Some(tag) = device.watchdog.as_ref().and_then(|w| plant.tag(w.counter.as_str())) else { return };
        let held = tag.address.register().is_none_or(|r| r.table == Table::Holding);
        if tag.device != device.id || tag.data_type != DataType::U16 || !held {
            self.say(
                place,
                format!("the watchdog of `{}` counts in `{}`, which is no counter of its own", device.id, tag.id),
                "a tag of this device, of `type = \"u16\"`, in a holding register or a node".into(),
            );
        }
    }

    /// No two tags share a register or a node, except as different bits of one status word; nothing writable belongs to
    /// the safety system.
    fn addresses(&self) {
        for plant in &self.fleet.plants {
            let mut registers = BTreeMap::new();
            let mut nodes = BTreeMap::new();
            for tag in &plant.tags {
                let Some(place) = self.scope.place(Kind::Tag(&[]), tag.id.as_str()) else { continue };
                let denied = match &tag.address {
                    Address::Register(register) => {
                        self.shared_register(&mut registers, tag, register, &place);
                        self.denied_register(plant, tag, register)
                    }
                    Address::Node(node) => {
                        if let Some(other) = nodes.insert((tag.device.as_str(), node.as_str()), &tag.id) {
                            self.say(
                                &place,
                                format!("`{}` and `{other}` both are the node `{node}` of {}", tag.id, tag.device),
                                "a node of its own for each tag".into(),
                            );
                        }
                        let link = plant.device(tag.device.as_str()).and_then(Device::opc_ua);
                        link.is_some_and(|l| l.sis_deny.iter().any(|prefix| node.starts_with(prefix)))
                    }
                };
                if tag.writable && denied {
                    self.say(
                        &place,
                        format!("`{}` is writable and lies in a range of the safety system", tag.id),
                        "`writable = false`: Hypocaust never writes to a safety instrumented system".into(),
                    );
                }
            }
        }
    }

    fn shared_register<'t>(
        &self,
        used: &mut BTreeMap<(&'t str, Table, u32), (&'t TagId, Option<u8>)>,
        tag: &'t Tag,
        at: &Register,
        place: &Place,
    ) {
        let first = u32::from(at.offset);
        for register in first..first + u32::from(tag.data_type.registers()) {
            if let Some((other, bit)) = used.insert((tag.device.as_str(), at.table, register), (&tag.id, at.bit))
                && (bit.is_none() || at.bit.is_none() || bit == at.bit)
            {
                self.say(
                    place,
                    format!("`{}` and `{other}` both lie on {}:{register} of {}", tag.id, at.table.name(), tag.device),
                    "an address of its own for each tag".into(),
                );
                break;
            }
        }
    }

    fn denied_register(&self, plant: &Plant, tag: &Tag, at: &Register) -> bool {
        let first = u32::from(at.offset);
        let link = plant.device(tag.device.as_str()).and_then(Device::modbus);
        link.is_some_and(|link| {
            link.sis_deny.iter().any(|range| {
                range.table == at.table
                    && first <= u32::from(range.last)
                    && u32::from(range.first) < first + u32::from(tag.data_type.registers())
            })
        })
    }

    /// What a tag measures is there, has that quantity, and is not named by its equipment already.
    fn measures(&self) {
        let references = self.scope.references.borrow();
        for plant in &self.fleet.plants {
            for tag in &plant.tags {
                let Some(measure) = &tag.measures else { continue };
                let Some(place) = self.scope.place(Kind::Tag(&[]), tag.id.as_str()) else { continue };
                if let Some(role) = references.iter().find(|r| r.id == tag.id.as_str()).and_then(|r| r.role) {
                    self.say(
                        &place,
                        format!("`{}` is the `{role}` of something and says that it measures something", tag.id),
                        "no `measures`: the equipment says what it is".into(),
                    );
                }
                let (of, quantity) = (&measure.of, measure.quantity.name());
                match self.fleet.measurable(plant, measure) {
                    Err(names) => {
                        let near = nearest(of, names.into_iter());
                        let local = |id: &str| id.strip_prefix(&format!("{}.", plant.id)).unwrap_or(id).to_owned();
                        self.say(
                            &place,
                            format!("`{}` measures `{of}`, which is no equipment of this plant", tag.id),
                            near.map_or("the id of equipment that is described here".into(), |near| {
                                format!("`\"{}.{quantity}\"`", local(near))
                            }),
                        );
                    }
                    Ok(None) => self.say(
                        &place,
                        format!("`{of}` has no `{quantity}` to measure"),
                        "a quantity that this equipment has, or no `measures`".into(),
                    ),
                    Ok(Some(unit)) if unit != tag.unit => self.say(
                        &place,
                        format!("the `{quantity}` of `{of}` is no number in {}", tag.unit.symbol()),
                        format!("`unit = \"{}\"`", unit.symbol()),
                    ),
                    Ok(Some(_)) => {}
                }
            }
        }
    }

    fn headers(&self) {
        let fed: BTreeSet<&str> = self
            .fleet
            .plants
            .iter()
            .flat_map(|p| p.sources.iter().map(|s| s.header.as_str()))
            .chain(self.fleet.mains.iter().map(|m| m.to.as_str()))
            .chain(self.fleet.mains.iter().filter(|m| m.cap_reverse_mw > 0.0).map(|m| m.from.as_str()))
            .collect();
        for plant in &self.fleet.plants {
            for header in &plant.headers {
                let Some(place) = self.scope.place(Kind::Header, header.id.as_str()) else { continue };
                if !fed.contains(header.id.as_str()) {
                    self.say(
                        &place,
                        format!("the header `{}` is fed by nothing", header.id),
                        "a `[[source]]` with this header, or a main that ends here".into(),
                    );
                }
                if let Some(swing) = plant.source(header.swing.as_str())
                    && swing.header != header.id
                {
                    self.say(
                        &place,
                        format!(
                            "the swing source `{}` of `{}` feeds another header, `{}`",
                            swing.id, header.id, swing.header
                        ),
                        format!("a source whose header is `{}`", header.id),
                    );
                }
            }
        }
    }

    /// A gas meter needs the heating value of what it measures; steam and its drum belong to a steam header.
    fn meters(&self) {
        for (plant, source) in self.fleet.sources() {
            let Some(place) = self.scope.place(Kind::Source, source.id.as_str()) else { continue };
            let fuel = source.meters.get(&Meter::Fuel).and_then(|tag| plant.tag(tag.as_str()));
            let carrier = source.carrier.as_ref().and_then(|id| self.fleet.carrier(id.as_str()));
            if let (Some(tag), Some(carrier)) = (fuel, carrier)
                && tag.unit == Unit::NormCubicMetrePerHour
                && carrier.lhv_mj_per_nm3.is_none()
            {
                self.say(
                    &place,
                    format!("`{}` measures `{}` in Nm3/h, whose heating value is not known", tag.id, carrier.id),
                    format!("`lhv_mj_per_nm3 = …` at the carrier `{}` of fleet.toml, or a meter in MW", carrier.id),
                );
            }
            let water = self.fleet.header(source.header.as_str()).is_some_and(|h| h.medium == Medium::HotWater);
            if water && let Some(meter) = [Meter::Steam, Meter::Drum].iter().find(|m| source.meters.contains_key(m)) {
                self.say(
                    &place,
                    format!("`{}` has a `{}` and makes hot water", source.id, meter.name()),
                    "leave it out, or name a header of steam".into(),
                );
            }
        }
    }

    /// What sheds a consumer may be lowered when nothing else may be written any more.
    fn sheds(&self) {
        let references = self.scope.references.borrow();
        for reference in references.iter().filter(|r| r.role == Some("shed_setpoint")) {
            let Some((_, setpoint)) = self.fleet.setpoint(&reference.id) else { continue };
            if setpoint.safe_direction != Direction::Down {
                self.say(
                    &reference.place,
                    format!("`{}` sheds this consumer and is safe upwards: a trip could not lower it", reference.id),
                    "`safe_direction = \"down\"` at this setpoint, or another shed setpoint".into(),
                );
            }
        }
    }

    /// The counter comes more often than any device misses it, a slow transaction between.
    fn watchdogs(&self) {
        let counter_ms = self.fleet.limits.counter_s * 1000.0;
        for device in self.fleet.plants.iter().flat_map(|p| &p.devices) {
            let Some(watchdog) = &device.watchdog else { continue };
            let Some(place) = self.scope.place(Kind::Device, device.id.as_str()) else { continue };
            let worst = device.worst_transaction_ms();
            // One that a transaction alone outlasts has been told where it was read.
            if worst < watchdog.timeout_ms && counter_ms + worst as f64 > watchdog.timeout_ms as f64 {
                self.say(
                    &place,
                    format!(
                        "the watchdog of `{}` ({} ms) is shorter than the counter's period ({counter_ms} ms) and its worst transaction ({worst} ms)",
                        device.id, watchdog.timeout_ms
                    ),
                    "a longer `timeout_ms` of the watchdog, or a shorter `counter_s` in fleet.toml: else the PLC falls back while all is well".into(),
                );
            }
        }
    }

    /// Mains form no circle, whichever way they run: heat that can run in a ring has no price and no direction.
    fn mains(&self) {
        for (i, main) in self.fleet.mains.iter().enumerate() {
            let Some(path) = way(&self.fleet.mains[..i], main.to.as_str(), main.from.as_str()) else { continue };
            let Some(place) = self.scope.place(Kind::Main, main.id.as_str()) else { continue };
            let ring: Vec<&str> = path.iter().map(|m| m.id.as_str()).collect();
            self.say(
                &place,
                format!("the mains run in a circle: {} -> {} -> {}", main.id, ring.join(" -> "), main.id),
                "one main between two headers, with `cap_reverse_mw` where heat may flow both ways".into(),
            );
        }
    }
}

/// The mains that lead from one header to another, in either direction.
fn way<'m>(mains: &'m [Main], from: &str, to: &str) -> Option<Vec<&'m Main>> {
    let mut paths: Vec<(String, Vec<&Main>)> = vec![(from.to_owned(), Vec::new())];
    while let Some((end, path)) = paths.pop() {
        if end == to {
            return Some(path);
        }
        for next in mains.iter().filter(|m| !path.iter().any(|p| p.id == m.id)) {
            let far = match end.as_str() {
                end if end == next.from.as_str() => &next.to,
                end if end == next.to.as_str() => &next.from,
                _ => continue,
            };
            let mut longer = path.clone();
            longer.push(next);
            paths.push((far.to_string(), longer));
        }
    }
    None
}
