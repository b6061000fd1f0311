//! From the fleet and the image to the case that the optimizer solves.
//!
//! The case says what *is*, not what dispatch would like: a source that stands still has nothing to give until its
//! start-up can be through, a main that is closed carries nothing, and a plant that cannot be reached stays as it was
//! last seen ([`absent`]). Three things are added to the plain picture:
//!
//! * The fleet's grid is made finer where it must be ([`super::grid`]).
//! * Steam and hot water in a header are a small store between `low` and where they stand. It may be used up in ten
//!   minutes at the fastest, which bridges the noise of the demand but no loss. A header that has sunk below the middle
//!   of that span is filled again, at once and before all where it has sunk below `low`, unless those who draw there
//!   say otherwise, since people draw less there too; one that stands clearly above its nominal value gives the excess away
//!   first, and where heat is short any excess at once.
//! * Demand is what is asked for now, and from there on what is expected ([`super::forecast`]).

mod absent;

use super::forecast::{self, Basis, Expected, Said, Steps};
use super::grid;
use super::image::Image;
use super::restoration;
use super::state::State;
use hypocaust_optimizer::Series;
use hypocaust_optimizer::case::{
    self, Case, ChpMode, Demand, Final, FinalWord, Initial, Link, SCHEMA, Time, Unit, UnitKind,
};
use hypocaust_protocols::model::{
    Class, Consumer, ConsumerId, Conversion, Fleet, Header, HeaderId, Main, Medium, Millis, Plant, PlantId, Price,
    Source, SourceKind, SourceState, TagId, TripId,
};
use hypocaust_protocols::wire::Loss;
use std::collections::BTreeMap;

/// Hours in which a header's own content may be used, or is filled up again.
const INVENTORY_H: f64 = 1.0 / 6.0;
/// Hours in which what stands above the nominal value is used where heat is short, and in which a header is brought back to
/// its lower limit.
const AT_ONCE_H: f64 = 1.0 / 120.0;
/// Share of what a consumer may draw that it can lack and still be called whole.
const WHOLE: f64 = 0.02;
/// Marks the case's parts that stand for a header's content...
const INVENTORY: &str = "inventory:";
/// ...and for what comes or goes by a main that nobody can move.
const MAIN: &str = "main:";

/// Is this id of a case that of a thing of the fleet? The others stand for what is beside them.
pub fn is_of_fleet(id: &str) -> bool {
    ![INVENTORY, MAIN].iter().any(|mark| id.starts_with(mark))
}

/// A sentence about a case for people, who know of no such parts and call consumers by their names.
pub fn in_words(sentence: &str, names: &BTreeMap<ConsumerId, String>) -> String {
    let called = |word: &str| {
        let id = word.trim_end_matches(['.', ',', ':', ';']);
        names.get(id).map_or_else(|| word.to_owned(), |name| format!("{name}{}", &word[id.len()..]))
    };
    let mut said = sentence.split(' ').map(called).collect::<Vec<_>>().join(" ");
    for (mark, first, within) in
        [(INVENTORY, "The content of ", "the content of "), (MAIN, "The unreached main ", "the unreached main ")]
    {
        if let Some(rest) = said.strip_prefix(mark) {
            said = format!("{first}{rest}");
        }
        said = said.replace(mark, within);
    }
    said
}

/// A case and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    pub case: Case,
    /// Its moment: the first step begins here.
    pub at: Millis,
    /// Units may go to their proven rating.
    pub proven: bool,
    share: f64,
    pub trips: Vec<TripId>,
    pub window: Option<(Millis, Millis)>,
    /// What each consumer's demand rests on...
    pub bases: BTreeMap<ConsumerId, Basis>,
    /// ...and up to when the past went that was looked at.
    pub past_until: Option<Millis>,
    /// Of those whose demand rests on a sub-agent, the task that it answered.
    pub told_by: BTreeMap<ConsumerId, String>,
}

impl Built {
    /// The most that a source may be loaded to.
    pub fn unit_cap(&self, source: &Source) -> f64 {
        unit_cap(source, self.share, self.proven)
    }
    /// When each step begins, ms from now; the end of the last one is not in it.
    pub fn step_starts(&self) -> Vec<i64> {
        let minutes: Vec<f64> = (0..self.case.time.steps).map(|t| self.case.time.step_minutes.at(t)).collect();
        Steps::new(self.at, &minutes).starts().iter().map(|m| (m * 60_000.0) as i64).collect()
    }
}

/// The most that a source may be loaded to, MW: this share of its nameplate, or its proven rating.
pub(super) fn unit_cap(source: &Source, share: f64, proven: bool) -> f64 {
    if proven { source.proven_mw } else { (share * source.heat_max_mw).min(source.proven_mw) }
}

/// What is to be decided with a case.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// What everybody does now.
    Dispatch,
    /// What each edge would do alone while nothing is lost: from there the losses are solved.
    Base,
    /// What each edge does alone once this is lost. The case has the same things as its base; what is lost stands at zero.
    Loss(&'a Loss),
}

/// What is asked of a case.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub purpose: Purpose<'a>,
    pub proven: bool,
}

impl<'a> Asked<'a> {
    fn loss(self) -> Option<&'a Loss> {
        match self.purpose {
            Purpose::Loss(loss) => Some(loss),
            Purpose::Dispatch | Purpose::Base => None,
        }
    }
    /// Only what an edge can do alone.
    fn alone(self) -> bool {
        !matches!(self.purpose, Purpose::Dispatch)
    }
}

/// What a case is made of: the plants as they are, what was decided, and what the past says of the hours to come.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub image: &'a Image,
    pub state: &'a State,
    pub said: Said<'a>,
}

struct Builder<'a> {
    fleet: &'a Fleet,
    image: &'a Image,
    state: &'a State,
    now: Millis,
    asked: Asked<'a>,
    starts: Vec<f64>,
    expected: BTreeMap<&'a ConsumerId, Expected>,
}

/// Builds the case of this moment.
pub fn build(fleet: &Fleet, seen: Seen<'_>, now: Millis, asked: Asked<'_>) -> Built {
    let Seen { image, state, said } = seen;
    let minutes = if asked.alone() { grid::coarse(fleet) } else { grid::dispatch(fleet, image, state, now) };
    let steps = Steps::new(now, &minutes);
    let expected: BTreeMap<&ConsumerId, Expected> =
        fleet.consumers().map(|of| (&of.1.id, forecast::expect(image, said, of, &steps))).collect();
    let told = |(id, expected): (&&ConsumerId, &Expected)| {
        let told = said.told?.get(*id).filter(|_| expected.basis == Basis::Agent)?;
        Some(((*id).clone(), told.task.clone()))
    };
    let told_by = expected.iter().filter_map(told).collect();
    let bases = expected.iter().map(|(id, expected)| ((*id).clone(), expected.basis)).collect();
    let time = Time { start: now.rfc3339(), steps: minutes.len(), step_minutes: minutes.into() };
    let starts = steps.starts().to_vec();
    let builder = Builder { fleet, image, state, now, asked, starts, expected };
    Built {
        case: builder.case(time),
        at: now,
        proven: asked.proven,
        share: fleet.limits.unit_load_max,
        trips: image.trips(),
        window: image.window(),
        bases,
        past_until: said.past.map(|f| f.until),
        told_by,
    }
}

impl Builder<'_> {
    fn plants(&self) -> impl Iterator<Item = &Plant> {
        self.fleet.plants.iter().filter(|p| self.image.known(self.fleet, p, self.now))
    }

    fn lost_header(&self, header: &str) -> bool {
        matches!(self.asked.loss(), Some(Loss::Header(h)) if h.as_str() == header)
    }

    fn case(&self, time: Time) -> Case {
        let fleet = self.fleet;
        let mut case = Case {
            schema: SCHEMA.into(),
            name: format!("{} {}", fleet.id, self.now.rfc3339()),
            source: None,
            time,
            classes: Class::ALL.iter().map(|c| c.name().to_owned()).collect(),
            co2_price: fleet.co2_price.into(),
            carriers: fleet.carriers.iter().map(carrier).collect(),
            plants: self.plants().map(|p| case::Plant { id: p.id.to_string() }).collect(),
            headers: Vec::new(),
            connections: Vec::new(),
            units: Vec::new(),
            storages: Vec::new(),
            links: Vec::new(),
            demands: Vec::new(),
            previous: None,
            expect: None,
        };
        for plant in self.plants() {
            for header in &plant.headers {
                case.headers.push(case::Header {
                    id: header.id.to_string(),
                    plant: plant.id.to_string(),
                    medium: if header.medium == Medium::Steam { "steam" } else { "hot-water" }.into(),
                    reserve: None,
                });
            }
            for c in &plant.connections {
                case.connections.push(case::Connection {
                    id: c.id.to_string(),
                    plant: plant.id.to_string(),
                    carrier: c.carrier.to_string(),
                    max_import: c.max_import_mw.into(),
                    max_export: c.max_export_mw.into(),
                    base_load: c.base_load_mw.into(),
                });
            }
            case.units.extend(plant.sources.iter().map(|s| self.unit(plant, s)));
            case.demands.extend(plant.consumers.iter().map(|c| self.demand(c)));
            case.storages.extend(plant.storages.iter().filter_map(|s| self.storage(plant, s)));
            plant.headers.iter().for_each(|h| self.inventory(&mut case, plant, h));
        }
        for main in &fleet.mains {
            if self.is_fixed(main) {
                self.ends(&mut case, main);
            } else {
                case.links.push(self.link(main));
            }
        }
        case.previous = self.previous(&case);
        case
    }

    fn unit(&self, plant: &Plant, source: &Source) -> Unit {
        let kind = match source.kind {
            SourceKind::Boiler => UnitKind::Boiler,
            SourceKind::Chp => UnitKind::Chp,
            SourceKind::HeatPump => UnitKind::HeatPump,
            SourceKind::ElectricBoiler => UnitKind::ElectricBoiler,
            SourceKind::WasteHeat => UnitKind::WasteHeat,
        };
        let mut unit = Unit::new(
            source.id.as_str(),
            kind,
            plant.id.as_str(),
            source.header.as_str(),
            source.heat_max_mw.max(source.proven_mw),
        );
        let heat = self.image.held(&source.heat).unwrap_or(0.0).max(0.0);
        unit.carrier = source.carrier.as_ref().filter(|_| kind != UnitKind::WasteHeat).map(ToString::to_string);
        unit.heat_min = source.heat_min_mw.into();
        unit.var_om = source.var_om.into();
        unit.start_cost = source.start_cost_eur;
        match &source.conversion {
            Conversion::Efficiency(points) => {
                unit.efficiency = Some(efficiency(points, heat / source.heat_max_mw).into());
            }
            Conversion::Cop(cop) => unit.cop = Some((*cop).into()),
            Conversion::Cogeneration { heat_eff, power_eff } => {
                unit.mode = Some(ChpMode::Backpressure);
                unit.heat_eff = Some((*heat_eff).into());
                unit.power_eff = Some((*power_eff).into());
            }
            Conversion::Free => {}
        }
        let top = unit.heat_max.at(0);
        let lost = self.lost_header(source.header.as_str())
            || matches!(self.asked.loss(), Some(Loss::Source(id)) if *id == source.id);
        let on = self.image.source_state(source) == Some(SourceState::On);
        if lost {
            unit.availability = 0.0.into();
        } else if !self.image.linked(&plant.id) {
            // Nobody can move it: it goes on with what it makes.
            let held = if on { heat.min(top) } else { 0.0 };
            unit.availability = (held / top).into();
            unit.must_run = Some(held.into());
        } else {
            let ramp_per_min = source.ramp_mw_per_min;
            unit.ramp_up_per_h = Some(ramp_per_min * 60.0);
            unit.ramp_down_per_h = Some(ramp_per_min * 60.0);
            let cap = unit_cap(source, self.fleet.limits.unit_load_max, self.asked.proven);
            let from_min = restoration::heat_in_s(self.image, self.state, source, self.now).map(|s| s / 60.0);
            let share = |start: &f64| match from_min {
                Some(from) if *start + 1e-9 >= from => {
                    // A unit above its cap comes down by its ramp, it does not jump.
                    let coming_down = if on { heat - ramp_per_min * start } else { 0.0 };
                    cap.max(coming_down.min(top)) / top
                }
                _ => 0.0,
            };
            unit.availability = Series::Steps(self.starts.iter().map(share).collect());
            if on {
                unit.initial = Some(Initial::making(heat.min(top)));
                unit.must_run = Some(source.heat_min_mw.min(cap).into());
            }
        }
        unit
    }

    fn demand(&self, consumer: &Consumer) -> Demand {
        let heat: Vec<f64> = if self.lost_header(consumer.header.as_str()) {
            // Nothing that is decided brings it heat, so nobody gives any up for it.
            vec![0.0; self.starts.len()]
        } else {
            self.expected.get(&consumer.id).map(|expected| expected.mw.clone()).unwrap_or_default()
        };
        let sheddable = match &consumer.shed {
            Some(shed) => heat.iter().map(|h| (h - shed.turndown_mw).max(0.0)).collect(),
            None => vec![0.0; heat.len()],
        };
        Demand {
            id: consumer.id.to_string(),
            header: consumer.header.to_string(),
            class: consumer.class.name().into(),
            heat: heat.into(),
            sheddable: Some(sheddable.into()),
        }
    }

    /// Is heat short, or would it be?
    fn is_short(&self) -> bool {
        self.asked.alone() || !self.image.trips().is_empty() || !self.state.shortages.is_empty()
    }

    fn storage(&self, plant: &Plant, s: &hypocaust_protocols::model::Storage) -> Option<case::Storage> {
        // A store whose content is unknown can promise nothing.
        let level = self.image.good(self.fleet, &s.level, self.now).filter(|_| self.image.linked(&plant.id))?;
        let left = if self.lost_header(s.header.as_str()) { 0.0 } else { 1.0 };
        Some(case::Storage {
            id: s.id.to_string(),
            header: s.header.to_string(),
            capacity_mwh: s.capacity_mwh,
            charge_max: (left * s.charge_max_mw).into(),
            discharge_max: (left * s.discharge_max_mw).into(),
            charge_eff: s.charge_eff,
            discharge_eff: s.discharge_eff,
            loss_per_h: s.loss_per_h,
            initial_mwh: level.clamp(0.0, s.capacity_mwh),
            // In order it keeps what it has, up to half, for the next loss; while heat is short it is there to be used.
            r#final: if self.is_short() {
                Final::Word(FinalWord::Free)
            } else {
                Final::Mwh(level.clamp(0.0, s.capacity_mwh / 2.0))
            },
        })
    }

    fn lost_main(&self, main: &Main) -> bool {
        let at = |end: &HeaderId, plant: &PlantId| self.fleet.plant_of(end.as_str()).is_some_and(|p| p.id == *plant);
        match self.asked.loss() {
            Some(Loss::Main(id)) => *id == main.id,
            Some(Loss::Header(h)) => *h == main.from || *h == main.to,
            Some(Loss::Island(plant)) => at(&main.from, plant) != at(&main.to, plant),
            _ => false,
        }
    }

    /// A main that somebody can move.
    fn link(&self, main: &Main) -> Link {
        let closed = self.image.held(&main.open) == Some(0.0);
        let flow = self.image.held(&main.flow).unwrap_or(0.0);
        let (cap, reverse) = if closed || self.lost_main(main) {
            (0.0, 0.0)
        } else if self.asked.alone() {
            // An edge alone may only turn a main down.
            (flow.clamp(0.0, main.cap_mw), (-flow).clamp(0.0, main.cap_reverse_mw))
        } else {
            (main.cap_mw, main.cap_reverse_mw)
        };
        Link {
            id: main.id.to_string(),
            from: main.from.to_string(),
            to: main.to.to_string(),
            cap: cap.into(),
            cap_reverse: reverse.into(),
            loss_frac: main.loss_fraction,
            fixed_loss: if closed { 0.0 } else { main.fixed_loss_mw }.into(),
            ..Link::default()
        }
    }

    /// Do those who draw here say otherwise than a meter that shows less than `low`? Below it everybody draws less than they
    /// ask for and may. Where all who are seen draw what they should, the meter is wrong, and nobody is to give up heat for
    /// it. Those without a cap are asked first: the draw of others lags behind a cap that is just being opened.
    fn is_contradicted(&self, plant: &Plant, header: &Header) -> bool {
        let good = |tag: &TagId| self.image.good(self.fleet, tag, self.now);
        let here = || plant.consumers.iter().filter(|c| c.header == header.id);
        let capped = here().all(|c| c.shed.is_some());
        let mut whole = here().filter(|c| capped || c.shed.is_none()).filter_map(|consumer| {
            let (asked, served) = (good(&consumer.asked)?, good(&consumer.served)?);
            let may = consumer.shed.as_ref().and_then(|shed| good(&shed.setpoint)).map_or(asked, |cap| cap.min(asked));
            let deadband = plant.tag(consumer.asked.as_str()).map_or(0.0, |tag| tag.deadband);
            Some(may - served <= (2.0 * deadband).max(WHOLE * may))
        });
        whole.next().is_some_and(|first| first && whole.all(|whole| whole))
    }

    fn inventory(&self, case: &mut Case, plant: &Plant, header: &Header) {
        if !self.image.linked(&plant.id) {
            return;
        }
        let left = if self.lost_header(header.id.as_str()) { 0.0 } else { 1.0 };
        let Some(shown) = self.image.good(self.fleet, &header.process_value, self.now) else { return };
        let value = if shown < header.low && self.is_contradicted(plant, header) { header.low } else { shown };
        let id = format!("{INVENTORY}{}", header.id);
        let mwh = |span: f64| (span * header.capacity_mwh).max(0.0);
        let middle = (header.low + header.nominal) / 2.0;
        let upper = header.nominal + (header.high - header.nominal) / 4.0;
        // Of each step: does it begin within so many hours? And MW, so that this much is through by then.
        let within = |hours: f64| self.starts.iter().map(move |start| if *start < hours * 60.0 { left } else { 0.0 });
        let soon = |mwh: f64, hours: f64| within(hours).map(move |share| share * mwh / hours);
        let content = mwh(value.min(header.nominal) - header.low);
        // While heat is short what is above the nominal value goes first: its swing source makes less as long as it is there.
        // It is gone in half a minute, so a contingency table, which serves for longer, cannot rest on it.
        let first = self.is_short() && !self.asked.alone();
        let excess = if first { mwh(value.min(upper) - header.nominal) } else { 0.0 };
        if content > 0.0 {
            let discharge = soon(excess, AT_ONCE_H).map(|mw| mw + left * content / INVENTORY_H).collect();
            case.storages.push(case::Storage {
                id: id.clone(),
                header: header.id.to_string(),
                capacity_mwh: mwh(header.nominal - header.low).max(content) + excess,
                charge_max: (left * content / INVENTORY_H).into(),
                discharge_max: Series::Steps(discharge),
                charge_eff: 1.0,
                discharge_eff: 1.0,
                loss_per_h: 0.0,
                initial_mwh: content + excess,
                r#final: Final::Mwh(content),
            });
        }
        if value < middle {
            // Below `low` everybody draws less than they should, whatever their class: then it is theirs before all.
            let theirs = plant.consumers.iter().filter(|c| c.header == header.id && value < header.low);
            let class = theirs.map(|c| c.class).fold(Class::ProductSafety, Class::min);
            let lifted = soon(mwh(middle - value.max(header.low)), INVENTORY_H);
            let at_once = soon(mwh(header.low - value), AT_ONCE_H);
            case.demands.push(Demand {
                id,
                header: header.id.to_string(),
                class: class.name().into(),
                heat: Series::Steps(lifted.zip(at_once).map(|(a, b)| a + b).collect()),
                sheddable: None,
            });
        } else if value > upper {
            let most = mwh(value - upper) / INVENTORY_H;
            let mut unit = Unit::new(&id, UnitKind::WasteHeat, plant.id.as_str(), header.id.as_str(), most);
            unit.availability = Series::Steps(within(INVENTORY_H).collect());
            case.units.push(unit);
        }
    }

    /// What is set at present, for the stage that keeps setpoints calm.
    fn previous(&self, case: &Case) -> Option<BTreeMap<String, f64>> {
        let heat =
            self.fleet.sources().filter_map(|(_, s)| Some((s.id.to_string(), self.image.held(&s.heat)?.max(0.0))));
        let served =
            self.fleet.consumers().filter_map(|(_, c)| Some((c.id.to_string(), self.image.held(&c.served)?.max(0.0))));
        let known = |id: &String| case.units.iter().any(|u| u.id == *id) || case.demands.iter().any(|d| d.id == *id);
        Some(heat.chain(served).filter(|(id, _)| known(id)).collect())
    }
}

fn carrier(c: &hypocaust_protocols::model::Carrier) -> case::Carrier {
    let (price, buy, sell) = match c.price {
        Price::One(p) => (Some(p.into()), None, None),
        Price::BuySell { buy, sell } => (None, Some(buy.into()), Some(sell.into())),
    };
    case::Carrier { id: c.id.to_string(), price, buy, sell, co2_t_per_mwh: c.co2_t_per_mwh }
}

/// Linear between the points, flat beyond them.
pub(super) fn efficiency(points: &[(f64, f64)], share: f64) -> f64 {
    let after = points.partition_point(|p| p.0 < share);
    match (after.checked_sub(1).and_then(|i| points.get(i)), points.get(after)) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (share - a.0) / (b.0 - a.0),
        (Some(only), None) | (None, Some(only)) => only.1,
        (None, None) => 1.0,
    }
}
