//! The heat of all plants of a fleet, as physics: what a control system sees and moves, and nothing of how it decides.
//!
//! Owns the state of sources, headers, stores, consumers and mains, and steps it by a few hundred milliseconds at a time.
//! Seeded and repeatable: the same fleet, seed and inputs give the same numbers to the last bit, at any speed.
//! Lumped models throughout: one energy balance per header, first-order lags, rate limits. Sign convention: heat into a
//! header is positive, a main's flow is positive from `from` to `to`, a store's heat is positive while it discharges.
//!
//! Sources of the models' forms
//! * header pressure from the energy balance, capacity as heat per bar or per K: Åström and Bell, "Drum-boiler dynamics",
//!   Automatica 36 (2000), eq. 5, with level dynamics left out;
//! * firing to heat as a first-order lag behind a rate limit: EN 12952-7 and common boiler-turbine models (IEEE Committee
//!   Report, "Dynamic models for fossil fueled steam units", 1991);
//! * draw falling with supply pressure: flow through a valve at falling difference, taken as a straight line to nothing
//!   at 80 % of the header's low limit.
//!
//! The numbers themselves (start-up times, ramps, efficiencies) stand in the fleet files with where they come from.

mod consumer;
mod flue;
mod header;
mod instruments;
mod main;
mod source;
mod storage;
mod surface;

pub use consumer::{Consumer, VALVE_LAG_S};
pub use flue::{Flue, Gas};
pub use header::Header;
pub use instruments::{Piece, boiling_point, shows};
pub use main::Main;
pub use source::Source;
pub use storage::Storage;

use hypocaust_protocols::model::{Fleet, Meter, Plant, Unit};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Energy that went through the plants since the beginning, MWh: what a conservation check adds up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ledger {
    /// Fuel and power that the sources took in for it.
    pub intake: f64,
    pub made: f64,
    pub drawn: f64,
    pub lost: f64,
    pub vented: f64,
}

/// All plants. Indices of sources, consumers and mains follow the fleet's order, plant after plant.
#[derive(Debug, Clone)]
pub struct Enterprise {
    pub headers: Vec<Header>,
    pub sources: Vec<Source>,
    pub storages: Vec<Storage>,
    pub consumers: Vec<Consumer>,
    pub mains: Vec<Main>,
    pub ledger: Ledger,
    /// Milliseconds since the beginning.
    pub elapsed_ms: i64,
    /// Share of lightings that fail by chance, 0 to 1; drawn from the seed.
    pub start_failure_share: f64,
    /// Hour of the day (UTC) at the beginning.
    start_hour: f64,
    rng: ChaCha8Rng,
}

impl Enterprise {
    /// The plants in steady running: sources that are `initially_on` carry the demand, every header at its nominal value.
    pub fn new(fleet: &Fleet, seed: u64, start_hour: f64) -> Self {
        let headers: Vec<Header> = fleet.plants.iter().flat_map(|p| &p.headers).map(Header::new).collect();
        let at = |id: &str| {
            headers.iter().position(|h| h.spec.id.as_str() == id).expect("a checked fleet names only headers it has")
        };
        let mut enterprise = Self {
            sources: fleet
                .sources()
                .map(|(plant, s)| {
                    let header = at(s.header.as_str());
                    let mut source = Source::new(s, header, headers[header].spec.swing == s.id);
                    source.fuel_per_mw = fuel_per_mw(fleet, plant, s);
                    source
                })
                .collect(),
            storages: fleet
                .plants
                .iter()
                .flat_map(|p| &p.storages)
                .map(|s| Storage::new(s, at(s.header.as_str())))
                .collect(),
            consumers: fleet.consumers().map(|(_, c)| Consumer::new(c, at(c.header.as_str()))).collect(),
            mains: fleet.mains.iter().map(|m| Main::new(m, at(m.from.as_str()), at(m.to.as_str()))).collect(),
            headers,
            ledger: Ledger::default(),
            elapsed_ms: 0,
            start_failure_share: 0.0,
            start_hour,
            rng: ChaCha8Rng::seed_from_u64(seed),
        };
        enterprise.settle();
        enterprise
    }

    /// Hour of the day, 0 to 24.
    pub fn hour(&self) -> f64 {
        (self.start_hour + self.elapsed_ms as f64 / 3_600_000.0).rem_euclid(24.0)
    }

    /// Shares the demand of each header over what runs on it, so that the simulation does not begin with a shock.
    fn settle(&mut self) {
        let hour = self.hour();
        for consumer in &mut self.consumers {
            consumer.begin(hour);
        }
        for header in 0..self.headers.len() {
            let demand: f64 = self.consumers.iter().filter(|c| c.header == header).map(|c| c.served).sum();
            let capacity: f64 =
                self.sources.iter().filter(|s| s.header == header && s.is_on()).map(|s| s.spec.heat_max_mw).sum();
            let share = if capacity > 0.0 { (demand / capacity).min(1.0) } else { 0.0 };
            for source in self.sources.iter_mut().filter(|s| s.header == header && s.is_on()) {
                source.begin(share, &self.headers[header]);
            }
        }
    }

    /// A number from -1 to 1, evenly spread.
    fn noise(&mut self) -> f64 {
        f64::from(self.rng.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0
    }

    /// Moves everything by `dt_ms` milliseconds; at most a second at a time keeps the balance stable.
    pub fn step(&mut self, dt_ms: i64) {
        let (dt_s, dt_h) = (dt_ms as f64 / 1e3, dt_ms as f64 / 3.6e6);
        let hour = self.hour();
        self.elapsed_ms += dt_ms;
        let mut balance = vec![0.0; self.headers.len()];
        for i in 0..self.consumers.len() {
            let noise = self.noise();
            let consumer = &mut self.consumers[i];
            let supply = self.headers[consumer.header].supply();
            consumer.step(dt_s, hour, supply, noise);
            balance[consumer.header] -= consumer.served;
            consumer.energy += consumer.served * dt_h;
            self.ledger.drawn += consumer.served * dt_h;
        }
        for main in &mut self.mains {
            let (from, to) = (self.headers[main.from].supply(), self.headers[main.to].supply());
            let ends = main.step(dt_s, from, to);
            main.energy += main.flow.abs() * dt_h;
            balance[main.from] += ends.at_from;
            balance[main.to] += ends.at_to;
            self.ledger.lost -= (ends.at_from + ends.at_to) * dt_h;
        }
        for storage in &mut self.storages {
            let before = storage.energy;
            storage.step(dt_h);
            balance[storage.header] += storage.heat;
            self.ledger.lost += (before - storage.energy) - storage.heat * dt_h;
        }
        for source in &mut self.sources {
            if self.start_failure_share > 0.0
                && source.lights_within(dt_s)
                && f64::from(self.rng.next_u32()) < self.start_failure_share * f64::from(u32::MAX)
            {
                source.will_fail = 1;
            }
            source.step(dt_s, &self.headers[source.header]);
            balance[source.header] += source.heat;
            self.ledger.intake += source.intake() * dt_h;
            source.energy += source.heat * dt_h;
            self.ledger.made += source.heat * dt_h;
        }
        for (header, balance) in self.headers.iter_mut().zip(balance) {
            self.ledger.vented += header.step(balance * dt_h);
        }
    }

    /// Heat that the headers and stores hold, MWh, from an arbitrary zero.
    pub fn stored(&self) -> f64 {
        self.headers.iter().map(|h| h.value * h.spec.capacity_mwh).sum::<f64>()
            + self.storages.iter().map(|s| s.energy).sum::<f64>()
    }
}

/// What the fuel meter of a source shows for one MW: Nm3/h by the lower heating value, or MW.
fn fuel_per_mw(fleet: &Fleet, plant: &Plant, source: &hypocaust_protocols::model::Source) -> f64 {
    let unit = source.meters.get(&Meter::Fuel).and_then(|tag| plant.tag(tag.as_str())).map(|tag| tag.unit);
    let carrier = source.carrier.as_ref().and_then(|id| fleet.carrier(id.as_str()));
    match (unit, carrier.and_then(|c| c.lhv_mj_per_nm3)) {
        (Some(Unit::NormCubicMetrePerHour), Some(lhv)) => 3_600.0 / lhv,
        _ => 1.0,
    }
}

#[cfg(test)]
pub(crate) mod tests;
