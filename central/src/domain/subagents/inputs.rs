//! What an agent is told: the present values of its subject, each with its unit and quality.
//!
//! A value that may not be used now travels without its number and with the reason. What the file does not measure is not
//! among the inputs; the agent then says what it lacks.

use super::super::case::{efficiency, unit_cap};
use super::super::forecast;
use super::super::image::Image;
use hypocaust_protocols::model::{
    Conversion, Fleet, Header, HeaderId, Meter, Millis, Plant, PlantId, Price, Source, SourceKind, SourceState, TagId,
    Unit,
};
use hypocaust_protocols::wire::subagent::{Kind, Number};
use std::collections::BTreeMap;

type Inputs = BTreeMap<String, Number>;

/// What this kind of task is asked about.
pub fn subjects(fleet: &Fleet, kind: Kind) -> Vec<(&PlantId, String)> {
    let boilers = |needed: &'static [Meter]| {
        let has = move |s: &Source| s.kind == SourceKind::Boiler && needed.iter().all(|m| s.meters.contains_key(m));
        fleet.sources().filter(move |(_, s)| has(s)).map(|(p, s)| (&p.id, s.id.to_string())).collect()
    };
    match kind {
        Kind::BoilerEfficiency => boilers(&[Meter::Fuel, Meter::Stack, Meter::O2]),
        Kind::FlueGas => boilers(&[Meter::Stack, Meter::O2]),
        Kind::DemandForecast => fleet.consumers().map(|(p, c)| (&p.id, c.id.to_string())).collect(),
        Kind::HeatLoad => {
            let fed = |plant: &Plant, header: &Header| plant.sources.iter().any(|s| s.header == header.id);
            let headers = fleet.plants.iter().flat_map(|p| p.headers.iter().map(move |h| (p, h)));
            headers.filter(|(p, h)| fed(p, h)).map(|(p, h)| (&p.id, h.id.to_string())).collect()
        }
    }
}

/// The inputs of one task; `subject` is one of [`subjects`].
pub fn inputs(fleet: &Fleet, image: &Image, kind: Kind, subject: &str, now: Millis) -> Inputs {
    let look = Look { fleet, image, now };
    match (kind, fleet.source(subject), fleet.header(subject)) {
        (Kind::BoilerEfficiency, Some((plant, source)), _) => look.boiler(plant, source),
        (Kind::FlueGas, Some((plant, source)), _) => {
            look.meters(plant, source, &[Meter::O2, Meter::Co2, Meter::Co, Meter::Nox, Meter::Stack, Meter::Air])
        }
        (Kind::HeatLoad, _, Some(header)) => look.header(header),
        (Kind::DemandForecast, ..) => look.consumer(subject),
        _ => Inputs::new(),
    }
}

struct Look<'l> {
    fleet: &'l Fleet,
    image: &'l Image,
    now: Millis,
}

impl Look<'_> {
    fn number(&self, plant: &Plant, tag: &TagId) -> Number {
        let unit = plant.tag(tag.as_str()).map_or("1", |t| t.unit.symbol());
        let quality = self.image.quality(self.fleet, &plant.id, tag, self.now);
        Number::measured(self.image.tags.get(tag).and_then(|s| s.value), unit, &quality)
    }

    fn meters(&self, plant: &Plant, source: &Source, which: &[Meter]) -> Inputs {
        let found = which.iter().filter_map(|m| Some((m.name().to_owned(), self.number(plant, source.meters.get(m)?))));
        found.collect()
    }

    fn boiler(&self, plant: &Plant, source: &Source) -> Inputs {
        let mut inputs = self.meters(plant, source, &Meter::ALL);
        inputs.remove(Meter::Nox.name());
        inputs.insert("heat".into(), self.number(plant, &source.heat));
        inputs.insert("heat-max".into(), Number::good(source.heat_max_mw, "MW"));
        let lhv = source.carrier.as_ref().and_then(|c| self.fleet.carrier(c.as_str())).and_then(|c| c.lhv_mj_per_nm3);
        if let Some(lhv) = lhv {
            inputs.insert("lhv".into(), Number::good(lhv, "MJ/Nm3"));
        }
        inputs
    }

    fn consumer(&self, id: &str) -> Inputs {
        let Some((plant, consumer)) = self.fleet.consumers().find(|(_, c)| c.id.as_str() == id) else {
            return Inputs::new();
        };
        let hours = Number::good(forecast::told_hours(self.fleet) as f64, "1");
        Inputs::from([("asked".to_owned(), self.number(plant, &consumer.asked)), ("hours".to_owned(), hours)])
    }

    fn header(&self, header: &Header) -> Inputs {
        let Some(plant) = self.fleet.plant_of(header.id.as_str()) else { return Inputs::new() };
        let mut inputs = Inputs::from([("demand".to_owned(), self.demand(plant, &header.id))]);
        for source in plant.sources.iter().filter(|s| s.header == header.id) {
            self.unit(plant, source, &mut inputs);
        }
        inputs
    }

    fn unit(&self, plant: &Plant, source: &Source, inputs: &mut Inputs) {
        let name = source.id.as_str().split_once('.').map_or(source.id.as_str(), |(_, local)| local);
        let mut put = |what: &str, number: Number| inputs.insert(format!("{name}.{what}"), number);
        put("load", self.number(plant, &source.heat));
        let state = self.number(plant, &source.state);
        let on = state.value.map(|v| f64::from(u8::from(SourceState::from_word(v) == Some(SourceState::On))));
        put("available", Number { value: on, unit: "1".into(), ..state });
        // As dispatch loads it while nothing is short.
        let cap = unit_cap(source, self.fleet.limits.unit_load_max, false);
        put("min", Number::good(source.heat_min_mw.min(cap), "MW"));
        put("cap", Number::good(cap, "MW"));
        let (yields, credit) = match &source.conversion {
            Conversion::Efficiency(points) => (self.efficiency(plant, source, points), 0.0),
            Conversion::Cop(cop) => (Ok(*cop), 0.0),
            Conversion::Cogeneration { heat_eff, power_eff } => {
                (Ok(*heat_eff), power_eff / heat_eff * self.power_price())
            }
            Conversion::Free => (Ok(1.0), 0.0),
        };
        put("efficiency", yields.map_or_else(|why| Number::bad("%", why), |share| Number::good(100.0 * share, "%")));
        put("price", Number::good(self.price(source), "EUR/MWh"));
        put("other", Number::good(source.var_om - credit, "EUR/MWh"));
    }

    /// Heat over fuel by the meters, where the boiler is warm and has both: the curve is of a clean boiler. The file's
    /// `curve` serves where its fuel is not measured, where it is off, and below its least load. Meters that are there and
    /// may not be used now, or that contradict each other, leave no efficiency: the error says which and why.
    fn efficiency(&self, plant: &Plant, source: &Source, curve: &[(f64, f64)]) -> Result<f64, String> {
        let of_file = |mw: f64| efficiency(curve, mw / source.heat_max_mw);
        let load = self.metered(plant, &source.heat);
        let state = self.image.good(self.fleet, &source.state, self.now).and_then(SourceState::from_word);
        if state.is_some_and(|state| state != SourceState::On) {
            return Ok(of_file(load.unwrap_or(0.0)));
        }
        let load = load?;
        let Some((tag, mw_per_unit)) = self.fuel(plant, source).filter(|_| load >= source.heat_min_mw) else {
            return Ok(of_file(load));
        };
        let fuel = self.metered(plant, tag)? * mw_per_unit;
        let measured = load / fuel;
        if (0.3..1.15).contains(&measured) {
            Ok(measured)
        } else {
            Err(format!("{}, {tag}: {load:.2} MW of heat from {fuel:.2} MW of fuel", source.heat))
        }
    }

    /// The meter of what a source burns, and how many MW one unit of it is.
    fn fuel<'s>(&self, plant: &Plant, source: &'s Source) -> Option<(&'s TagId, f64)> {
        let tag = source.meters.get(&Meter::Fuel)?;
        let mw_per_unit = match plant.tag(tag.as_str())?.unit {
            Unit::Megawatt => 1.0,
            _ => self.fleet.carrier(source.carrier.as_ref()?.as_str())?.lhv_mj_per_nm3? / 3_600.0,
        };
        Some((tag, mw_per_unit))
    }

    /// The number of a tag, or which one may not be used now and why.
    fn metered(&self, owner: &Plant, tag: &TagId) -> Result<f64, String> {
        self.image.good(self.fleet, tag, self.now).ok_or_else(|| {
            let quality = self.image.quality(self.fleet, &owner.id, tag, self.now);
            format!("{tag}: {}", quality.reason().map_or("not-read", |r| r.name()))
        })
    }

    /// EUR per MWh of what the source takes in, its CO2 included.
    fn price(&self, source: &Source) -> f64 {
        let Some(carrier) = source.carrier.as_ref().and_then(|c| self.fleet.carrier(c.as_str())) else { return 0.0 };
        let buy = match carrier.price {
            Price::One(price) => price,
            Price::BuySell { buy, .. } => buy,
        };
        buy + carrier.co2_t_per_mwh * self.fleet.co2_price
    }

    /// What power is sold for, EUR/MWh; the carrier with a selling price of its own.
    fn power_price(&self) -> f64 {
        let sells = self.fleet.carriers.iter().find_map(|c| match c.price {
            Price::BuySell { sell, .. } => Some(sell),
            Price::One(_) => None,
        });
        sells.unwrap_or(0.0)
    }

    /// What the sources of a header must give: what its consumers ask for, and what leaves by mains, less what stores
    /// give.
    fn demand(&self, plant: &Plant, header: &HeaderId) -> Number {
        let mut terms: Vec<(&Plant, &TagId, f64)> = Vec::new();
        terms.extend(plant.consumers.iter().filter(|c| c.header == *header).map(|c| (plant, &c.asked, 1.0)));
        terms.extend(plant.storages.iter().filter(|s| s.header == *header).map(|s| (plant, &s.heat, -1.0)));
        let mut sum = 0.0;
        for main in self.fleet.mains.iter().filter(|m| m.ends_at(header)) {
            let Some((owner, _)) = self.fleet.tag(main.flow.as_str()) else { continue };
            // Flow is measured where it is sent; the other end gets it less its loss.
            let flow = self.image.good(self.fleet, &main.flow, self.now).unwrap_or(0.0);
            let sends = (flow >= 0.0) == (main.from == *header);
            let sign = if main.from == *header { 1.0 } else { -1.0 };
            terms.push((owner, &main.flow, if sends { sign } else { sign * (1.0 - main.loss_fraction) }));
            if self.image.held(&main.open) != Some(0.0) {
                sum += main.fixed_loss_mw / 2.0;
            }
        }
        for (owner, tag, factor) in terms {
            match self.metered(owner, tag) {
                Ok(value) => sum += factor * value,
                Err(why) => return Number::bad("MW", why),
            }
        }
        Number::good(sum.max(0.0), "MW")
    }
}
