//! What stands at a plant. Sizes are shares of the plant's peak heat.

use crate::case::{Case, Connection, Demand, Final, FinalWord, Initial, Link, Storage, Unit, UnitKind};
use crate::generate::random::SplitMix;
use crate::generate::weather::Weather;
use crate::generate::{CLASSES, Recipe, round};
use crate::series::Series;

/// Share of the peak that each class asks for at an ordinary plant, and its header.
const SHARES: [(f64, &str); 5] = [(0.05, "s"), (0.18, "s"), (0.04, "w"), (0.4, "s"), (0.33, "w")];

/// Yield of an electric boiler.
const ELECTRIC: f64 = 0.985;

/// A plant before its series are drawn.
pub struct Site {
    pub number: usize,
    pub size_mw: f64,
    /// In a conflict: the higher class of the pair that contends for power here.
    pub pair: Option<usize>,
    draw: SplitMix,
}

impl Site {
    pub fn draw(recipe: Recipe, number: usize) -> Self {
        let mut draw = SplitMix::new(recipe.seed, number as u64);
        let size_mw = round(draw.between(20.0, 45.0));
        let contends = recipe.conflict && number.is_multiple_of(2);
        Self { number, size_mw, pair: contends.then_some(number / 2 % 4), draw }
    }

    fn id(&self, part: &str) -> String {
        format!("p{}.{part}", self.number)
    }

    fn share(&self, share: f64) -> f64 {
        round(self.size_mw * share)
    }

    pub fn build(&self, weather: &Weather, case: &mut Case) {
        let mut draw = self.draw.clone();
        let units = self.units(&mut draw, weather);
        self.connections(weather, &units, case);
        case.units.extend(units);
        self.stores(&mut draw, case);
        self.demands(&mut draw, weather, case);
        case.links.push(Link {
            id: self.id("letdown"),
            from: self.id("s"),
            to: self.id("w"),
            cap: self.share(0.5).into(),
            cap_reverse: 0.0.into(),
            loss_frac: 0.02,
            ..Link::default()
        });
    }

    fn unit(&self, part: &str, kind: UnitKind, header: &str, share: f64) -> Unit {
        let plant = format!("p{}", self.number);
        Unit::new(&self.id(part), kind, &plant, &self.id(header), self.share(share))
    }

    fn units(&self, draw: &mut SplitMix, weather: &Weather) -> Vec<Unit> {
        let contends = self.pair.is_some();
        let mut units = vec![self.gas_boiler(draw, weather)];
        let (biomass, cogeneration) = (draw.chance(0.8), draw.chance(0.5));
        if biomass || !cogeneration {
            units.push(self.biomass_boiler(draw, weather));
        }
        if cogeneration {
            units.push(self.cogeneration(draw, weather));
        }
        if draw.chance(0.4) || contends {
            let mut unit = self.unit("eb", UnitKind::ElectricBoiler, "s", 0.18);
            unit.carrier = Some("power".to_owned());
            unit.efficiency = Some(ELECTRIC.into());
            unit.var_om = 0.1.into();
            units.push(unit);
        }
        if draw.chance(0.85) || contends {
            units.push(self.heat_pump(draw, weather));
        }
        if draw.chance(0.7) {
            let mut unit = self.unit("wh", UnitKind::WasteHeat, "w", 0.08);
            let shift = draw.between(5.0, 8.0);
            unit.availability = weather.series(|hour, _| 0.9 * weather.production(hour, shift));
            unit.var_om = 0.05.into();
            units.push(unit);
        }
        units
    }

    /// What a unit makes now: a share of what it can, and no more than it can ramp down before its fuel is cut.
    fn now(unit: &Unit, share: f64, weather: &Weather) -> Initial {
        let usual = share * unit.heat_max.at(0);
        let ramp = unit.ramp_down_per_h.unwrap_or(f64::INFINITY);
        let down = weather.hours_to_conflict().map_or(f64::INFINITY, |hours| 0.95 * ramp * hours);
        Initial::making(round(usual.min(down)))
    }

    fn gas_boiler(&self, draw: &mut SplitMix, weather: &Weather) -> Unit {
        let mut unit = self.unit("b1", UnitKind::Boiler, "s", 0.75);
        let most = self.share(0.75);
        unit.carrier = Some("gas".to_owned());
        unit.efficiency = Some(round(draw.between(0.87, 0.92)).into());
        unit.heat_min = round(0.25 * most).into();
        (unit.ramp_up_per_h, unit.ramp_down_per_h) = (Some(round(1.6 * most)), Some(round(1.6 * most)));
        unit.start_cost = round(12.0 * most);
        unit.var_om = round(draw.between(0.35, 0.45)).into();
        unit.initial = Some(Self::now(&unit, 0.6, weather));
        unit
    }

    fn biomass_boiler(&self, draw: &mut SplitMix, weather: &Weather) -> Unit {
        let mut unit = self.unit("b2", UnitKind::Boiler, "s", 0.42);
        let most = self.share(0.42);
        unit.carrier = Some("biomass".to_owned());
        unit.efficiency = Some(round(draw.between(0.83, 0.87)).into());
        unit.heat_min = round(0.4 * most).into();
        (unit.ramp_up_per_h, unit.ramp_down_per_h) = (Some(round(0.35 * most)), Some(round(0.35 * most)));
        unit.start_cost = round(60.0 * most);
        unit.var_om = round(draw.between(0.8, 1.6)).into();
        unit.initial = Some(Self::now(&unit, 0.7, weather));
        if self.pair.is_some() {
            // Its fuel does not come through either.
            unit.availability = weather.unless_conflict(1.0, 0.0);
        }
        unit
    }

    fn cogeneration(&self, draw: &mut SplitMix, weather: &Weather) -> Unit {
        let mut unit = self.unit("chp", UnitKind::Chp, "s", 0.32);
        let most = self.share(0.32);
        unit.carrier = Some("gas".to_owned());
        unit.heat_eff = Some(round(draw.between(0.45, 0.5)).into());
        unit.power_eff = Some(round(draw.between(0.3, 0.33)).into());
        unit.heat_min = round(0.5 * most).into();
        (unit.ramp_up_per_h, unit.ramp_down_per_h) = (Some(round(0.9 * most)), Some(round(0.9 * most)));
        unit.start_cost = round(45.0 * most);
        unit.var_om = round(draw.between(1.3, 2.6)).into();
        unit.initial = Some(Self::now(&unit, 0.6, weather));
        unit
    }

    fn heat_pump(&self, draw: &mut SplitMix, weather: &Weather) -> Unit {
        let contends = self.pair.is_some();
        let share = if contends { 0.5 } else { 0.22 };
        let mut unit = self.unit("hp", UnitKind::HeatPump, "w", share);
        // Above 10/3 a class outweighs the next higher one by what its power buys.
        let cop = if contends { draw.between(3.8, 4.2) } else { draw.between(2.6, 3.2) };
        unit.carrier = Some("power".to_owned());
        unit.cop = Some(weather.series(|hour, _| cop * Weather::warmth(hour)));
        let ramp = round(2.0 * self.share(share));
        (unit.ramp_up_per_h, unit.ramp_down_per_h) = (Some(ramp), Some(ramp));
        unit.var_om = 0.4.into();
        unit
    }

    fn connections(&self, weather: &Weather, units: &[Unit], case: &mut Case) {
        let plant = format!("p{}", self.number);
        let gas: f64 = units
            .iter()
            .filter(|unit| unit.carrier.as_deref() == Some("gas"))
            .map(|unit| unit.heat_max.at(0) * unit.input_per_heat(0))
            .sum();
        let curtailed = if self.pair.is_some() { 0.0 } else { 0.35 * gas };
        let base = self.share(0.1);
        // In a conflict the contract is cut to what the higher class needs and a little: it could be served whole.
        let contended = base + 1.1 * self.share(HIGHER) / ELECTRIC;
        let usual = self.share(0.5).max(base + 0.2 * self.size_mw);
        case.connections.push(Connection {
            id: self.id("gas"),
            plant: plant.clone(),
            carrier: "gas".to_owned(),
            max_import: weather.unless_conflict(1.02 * gas, curtailed),
            max_export: 0.0.into(),
            base_load: 0.0.into(),
        });
        case.connections.push(Connection {
            id: self.id("el"),
            plant,
            carrier: "power".to_owned(),
            max_import: weather.unless_conflict(usual, if self.pair.is_some() { contended } else { usual }),
            max_export: self.share(0.25).into(),
            base_load: base.into(),
        });
    }

    fn stores(&self, draw: &mut SplitMix, case: &mut Case) {
        let hours = if self.pair.is_some() { 0.2 } else { 1.1 };
        let capacity_mwh = self.share(hours);
        case.storages.push(Storage {
            id: self.id("tank"),
            header: self.id("w"),
            capacity_mwh,
            charge_max: self.share(0.2).into(),
            discharge_max: self.share(0.25).into(),
            charge_eff: 0.985,
            discharge_eff: 0.985,
            loss_per_h: 0.0035,
            initial_mwh: round(0.5 * capacity_mwh),
            r#final: Final::Word(FinalWord::EqualInitial),
        });
        if draw.chance(0.25) && self.pair.is_none() {
            let capacity_mwh = self.share(0.1);
            case.storages.push(Storage {
                id: self.id("acc"),
                header: self.id("s"),
                capacity_mwh,
                charge_max: self.share(0.25).into(),
                discharge_max: self.share(0.4).into(),
                charge_eff: 0.95,
                discharge_eff: 0.95,
                loss_per_h: 0.02,
                initial_mwh: round(0.5 * capacity_mwh),
                r#final: Final::Word(FinalWord::EqualInitial),
            });
        }
    }

    fn demands(&self, draw: &mut SplitMix, weather: &Weather, case: &mut Case) {
        let shift = draw.between(5.0, 8.0);
        for (class, name) in CLASSES.iter().enumerate() {
            let (share, header) = self.asks(class);
            let peak = self.size_mw * share;
            let flat = self.pair.is_some_and(|pair| class == pair || class == pair + 1);
            let heat: Series = match class {
                // A contended class asks for the same at every hour, so that the contest lasts.
                _ if flat => round(peak).into(),
                0 | 2 => round(peak).into(),
                4 => weather.series(|hour, _| peak * weather.comfort(hour) * draw.between(0.98, 1.0)),
                _ => weather.series(|hour, _| peak * weather.production(hour, shift) * draw.between(0.97, 1.0)),
            };
            case.demands.push(Demand {
                id: self.id(name),
                header: self.id(header),
                class: (*name).to_owned(),
                heat,
                sheddable: None,
            });
        }
    }

    /// Share of the peak, and header, of a class.
    fn asks(&self, class: usize) -> (f64, &'static str) {
        match self.pair {
            Some(pair) if class == pair => (HIGHER, "s"),
            Some(pair) if class == pair + 1 => (LOWER, "w"),
            Some(_) => (0.03, "w"),
            None => SHARES[class],
        }
    }
}

/// Share of the peak that the higher class of a contending pair asks for, of steam.
const HIGHER: f64 = 0.12;

/// Share of the peak that the lower class of a contending pair asks for, of hot water.
const LOWER: f64 = 0.6;
