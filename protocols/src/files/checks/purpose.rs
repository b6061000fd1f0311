//! Whether what is named can do what it is named for: a condition that its tag can fulfil, a trip that is measured and
//! whose votes are independent, a source that is fed with what it runs on and makes no more of it than there is, whose heat
//! can be read and whose loss is seen, a fail-safe value that is used.

use super::{Checker, Kind, Place};
use crate::model::*;

/// MWh that are made of a MWh of fuel at most, by its net calorific value: what condenses gives a tenth more.
const MOST_OF_FUEL: f64 = 1.1;

/// What a condition makes of a tag's whole range.
enum Fate {
    Never,
    Always,
    Either,
}

fn fate(condition: Condition, tag: &Tag) -> Fate {
    if tag.min > tag.max {
        // Bounds that are reversed have been told where they were read, and nothing follows from them.
        return Fate::Either;
    }
    let (never, always) = match condition {
        Condition::Above(limit) => (tag.max <= limit, tag.min > limit),
        Condition::Below(limit) => (tag.min >= limit, tag.max < limit),
        Condition::Equals(wanted) => (wanted < tag.min || wanted > tag.max, tag.min == tag.max && wanted == tag.min),
    };
    match (never, always) {
        (true, _) => Fate::Never,
        (_, true) => Fate::Always,
        _ => Fate::Either,
    }
}

/// What is wrong with a trip or an alarm whose condition never holds, and with one whose condition always does.
const COMES: &str = "can never come";
const STANDS: &str = "always stands";

fn words(condition: Condition) -> String {
    match condition {
        Condition::Above(limit) => format!("above {limit}"),
        Condition::Below(limit) => format!("below {limit}"),
        Condition::Equals(wanted) => format!("equal to {wanted}"),
    }
}

impl Checker<'_> {
    pub(super) fn purposes(&self) {
        for plant in &self.fleet.plants {
            plant.trips.iter().for_each(|trip| self.trip(plant, trip));
            for alarm in &plant.alarms {
                if let Some(place) = self.scope.place(Kind::Alarm, alarm.id.as_str()) {
                    let whose = format!("the alarm `{}`", alarm.id);
                    self.condition(&place, [&whose, COMES, STANDS], plant, &alarm.tag, alarm.condition);
                }
            }
            for setpoint in &plant.setpoints {
                let Some(interlock) = &setpoint.interlock else { continue };
                if let Some(place) = self.scope.place(Kind::Setpoint(&[]), setpoint.tag.as_str()) {
                    let whose = format!("the interlock of `{}`", setpoint.tag);
                    let wanted = Condition::Equals(interlock.equals);
                    self.condition(&place, [&whose, "never opens", "is always open"], plant, &interlock.tag, wanted);
                }
            }
            for source in &plant.sources {
                let Some(place) = self.scope.place(Kind::Source, source.id.as_str()) else { continue };
                self.feed(&place, source);
                self.yields(&place, plant, source);
                self.shows(&place, plant, source);
                self.watched(&place, plant, source);
            }
        }
        self.powers();
        self.idle();
    }

    /// A condition over a tag has to be open: what can never come is no protection, and what always holds blocks for ever.
    /// `said`: whose it is, and what is wrong where it never holds and where it always does.
    fn condition(&self, place: &Place, said: [&str; 3], plant: &Plant, tag: &TagId, condition: Condition) {
        let Some(tag) = plant.tag(tag.as_str()) else { return };
        let ([whose, never, always], wanted) = (said, words(condition));
        let what = match fate(condition, tag) {
            Fate::Never => format!("{whose} {never}: `{}` is never {wanted}", tag.id),
            Fate::Always => format!("{whose} {always}: `{}` is always {wanted}", tag.id),
            Fate::Either => return,
        };
        self.say(
            place,
            what,
            format!("a limit within the {} to {} of that tag; beyond them its value is bad", tag.min, tag.max),
        );
    }

    fn trip(&self, plant: &Plant, trip: &Trip) {
        let Some(place) = self.scope.place(Kind::Trip, trip.id.as_str()) else { return };
        let whose = format!("the trip `{}`", trip.id);
        for (n, id) in trip.tags.iter().enumerate() {
            if trip.tags[..n].contains(id) {
                self.say(
                    &place,
                    format!("`{id}` votes twice in {whose}: one fault would be a majority"),
                    "a tag of its own for each vote, from a sensor of its own".into(),
                );
                continue;
            }
            let Some(tag) = plant.tag(id.as_str()) else { continue };
            if tag.writable {
                self.say(
                    &place,
                    format!("{whose} looks at `{id}`, which is written from here: an order would be taken for a loss"),
                    "what the plant itself reads or reports, `writable = false`".into(),
                );
            }
            if let Some(first) = trip.tags.first().and_then(|first| plant.tag(first.as_str()))
                && first.unit != tag.unit
            {
                self.say(
                    &place,
                    format!(
                        "{whose} compares one number with `{}` in {} and `{id}` in {}",
                        first.id,
                        first.unit.symbol(),
                        tag.unit.symbol()
                    ),
                    "tags of one unit, or a trip for each".into(),
                );
            }
            self.condition(&place, [&whose, COMES, STANDS], plant, id, trip.condition);
        }
    }

    /// What runs on power takes a carrier that has a price in each direction; what is fired takes one that has not.
    fn feed(&self, place: &Place, source: &Source) {
        let carrier = source.carrier.as_ref().and_then(|id| self.fleet.carrier(id.as_str()));
        let Some(carrier) = carrier else { return };
        let electric = matches!(source.kind, SourceKind::HeatPump | SourceKind::ElectricBoiler);
        let help = match (electric, is_power(carrier)) {
            (true, false) => "the carrier that is power: the one with `buy` and `sell`",
            (false, true) => "a fuel, or `kind = \"electric-boiler\"` or `\"heat-pump\"`",
            _ => return,
        };
        let kind = if electric { "runs on power" } else { "is fired" };
        let what = if electric { "a fuel" } else { "power" };
        self.say(place, format!("`{}` {kind}, and its carrier `{}` is {what}", source.id, carrier.id), help.into());
    }

    /// The heat of a source can be read from standstill to full load.
    fn shows(&self, place: &Place, plant: &Plant, source: &Source) {
        let Some(tag) = plant.tag(source.heat.as_str()) else { return };
        let full = source.heat_max_mw;
        // Bounds that are reversed have been told where they were read.
        if tag.min > tag.max || (tag.min <= 0.0 && tag.max >= full) {
            return;
        }
        self.say(
            place,
            format!(
                "`{}` makes 0 to {full} MW, and its heat `{}` is good from {} to {} MW only: beyond that nobody sees it",
                source.id, tag.id, tag.min, tag.max
            ),
            format!("`min` of at most 0 and `max` of at least {full} at that tag, or a smaller `heat_max_mw`"),
        );
    }

    /// The edge acts on the loss of a source by its trip, and by nothing else.
    fn watched(&self, place: &Place, plant: &Plant, source: &Source) {
        if plant.trips.iter().any(|trip| trip.source == source.id) {
            return;
        }
        let local = source.id.as_str().strip_prefix(&format!("{}.", plant.id)).unwrap_or(source.id.as_str());
        self.say(
            place,
            format!("`{}` has no trip: nothing would be done about its loss before its header falls", source.id),
            format!("a `[[trip]]` with `source = \"{local}\"` and the tags that tell of its loss"),
        );
    }

    /// Where a plant is blind, loads, stores and caps go to their fail-safe values; what asks for a start and what is counted
    /// for a watchdog has no part in that.
    fn idle(&self) {
        let references = self.scope.references.borrow();
        for reference in references.iter().filter(|r| matches!(r.role, Some("start_request" | "counter"))) {
            let Some((_, setpoint)) = self.fleet.setpoint(&reference.id) else { continue };
            let Some(place) = self.scope.place(Kind::Setpoint(&[]), &reference.id) else { continue };
            if setpoint.fail_safe.is_some() {
                self.say(
                    &place,
                    format!("`{}` has a fail-safe value, to which nothing ever moves it", reference.id),
                    "no `fail_safe`: it is for loads, stores, mains and caps".into(),
                );
            }
        }
    }

    /// Nothing makes more heat and power than there is in what it takes, and somebody takes the power of an engine: dispatch has
    /// no plan for a fleet in which it is otherwise.
    fn yields(&self, place: &Place, plant: &Plant, source: &Source) {
        let id = &source.id;
        match &source.conversion {
            Conversion::Efficiency(points) if source.kind == SourceKind::ElectricBoiler => {
                if let Some((_, more)) = points.iter().find(|(_, efficiency)| *efficiency > 1.0) {
                    let said = format!("`{id}` makes {more} MWh of heat from a MWh of power");
                    self.say(place, said, "an efficiency of 1 at most, or `kind = \"heat-pump\"`".into());
                }
            }
            Conversion::Cogeneration { heat_eff, power_eff } => {
                let made = heat_eff + power_eff;
                if made > MOST_OF_FUEL + 1e-9 {
                    let said = format!("`{id}` makes {made:.2} MWh of heat and power from a MWh of fuel");
                    let help = format!("`heat_eff` and `power_eff` whose sum is at most {MOST_OF_FUEL}");
                    self.say(place, said, help);
                }
                let carrier = |c: &Connection| self.fleet.carrier(c.carrier.as_str());
                if !plant.connections.iter().filter_map(carrier).any(is_power) {
                    self.say(
                        place,
                        format!("`{id}` makes power, and `{}` has no connection that takes it", plant.id),
                        "a `[[connection]]` of the carrier with `buy` and `sell`; `max_export_mw = 0` where none is fed out"
                            .into(),
                    );
                }
            }
            _ => {}
        }
    }

    /// One carrier is power: what engines sell is sold there.
    fn powers(&self) {
        let mut powers = self.fleet.carriers.iter().filter(|c| is_power(c));
        let first = powers.next();
        for other in powers {
            let Some(place) = self.scope.place(Kind::Carrier, other.id.as_str()) else { continue };
            let known = first.map_or("another", |c| c.id.as_str());
            self.say(
                &place,
                format!("`{}` has `buy` and `sell`, which makes it power, and so has `{known}`", other.id),
                "`price = …` for a fuel; power is one carrier".into(),
            );
        }
    }
}

fn is_power(carrier: &Carrier) -> bool {
    matches!(carrier.price, Price::BuySell { .. })
}
