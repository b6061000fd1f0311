//! The enterprise: plants, what joins them, what energy costs.

use super::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A checked fleet. Every id that one of its parts names exists in it.
#[derive(Debug, Clone, Serialize)]
pub struct Fleet {
    pub id: FleetId,
    pub name: String,
    /// The folder that it was read from.
    pub folder: PathBuf,
    pub carriers: Vec<Carrier>,
    pub horizon: Horizon,
    /// EUR per t of CO2.
    pub co2_price: f64,
    /// Mains between plants and, from the plant files, those within one (letdown stations, exchangers).
    pub mains: Vec<Main>,
    pub plants: Vec<Plant>,
    /// Where equipment stands in the drawings of those plants that have a file in `mimics/`.
    pub mimics: BTreeMap<PlantId, Vec<mimic::Place>>,
    pub limits: Limits,
}

/// Price per MWh: one for both directions (fuel) or one each (power).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Price {
    One(f64),
    BuySell { buy: f64, sell: f64 },
}

/// A fuel or power.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Carrier {
    pub id: CarrierId,
    pub price: Price,
    pub co2_t_per_mwh: f64,
    /// Lower heating value of a gas, MJ/Nm3: what turns a meter's Nm3/h into MW. `None` where nothing is metered so.
    pub lhv_mj_per_nm3: Option<f64>,
}

/// The graded grid that dispatch looks over: minutes first, hours last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Horizon {
    pub step_minutes: Vec<f64>,
}

/// Carries heat from one header to another; flow is positive in the direction `from` -> `to`, MW at the sending end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Main {
    pub id: MainId,
    pub from: HeaderId,
    pub to: HeaderId,
    pub cap_mw: f64,
    /// Largest flow against the direction; 0 where a check valve forbids it.
    pub cap_reverse_mw: f64,
    /// Share of the flow that is lost on the way.
    pub loss_fraction: f64,
    /// Standing loss, borne half by each end.
    pub fixed_loss_mw: f64,
    /// Flow measured, MW at the sending end.
    pub flow: TagId,
    /// Flow asked for, MW; a main without one is a pipe that finds its own flow and is not dispatched.
    pub setpoint: SetpointId,
    /// A flag that is 1 while the main is open; 0: closed, it carries nothing.
    pub open: TagId,
}

impl Main {
    /// Is this header one of its ends?
    pub fn ends_at(&self, header: &HeaderId) -> bool {
        self.from == *header || self.to == *header
    }
}

impl Fleet {
    pub fn plant(&self, id: &str) -> Option<&Plant> {
        self.plants.iter().find(|p| p.id.as_str() == id)
    }
    /// The plant that a qualified id (`plant.rest`) stands in.
    pub fn plant_of(&self, qualified: &str) -> Option<&Plant> {
        self.plant(qualified.split('.').next()?)
    }
    pub fn header(&self, id: &str) -> Option<&Header> {
        self.plants.iter().flat_map(|p| &p.headers).find(|h| h.id.as_str() == id)
    }
    pub fn tag(&self, id: &str) -> Option<(&Plant, &Tag)> {
        self.plants.iter().find_map(|p| p.tag(id).map(|t| (p, t)))
    }
    pub fn setpoint(&self, id: &str) -> Option<(&Plant, &Setpoint)> {
        self.plants.iter().find_map(|p| p.setpoint(id).map(|s| (p, s)))
    }
    pub fn source(&self, id: &str) -> Option<(&Plant, &Source)> {
        self.plants.iter().find_map(|p| p.sources.iter().find(|s| s.id.as_str() == id).map(|s| (p, s)))
    }
    pub fn consumers(&self) -> impl Iterator<Item = (&Plant, &Consumer)> {
        self.plants.iter().flat_map(|p| p.consumers.iter().map(move |c| (p, c)))
    }
    pub fn sources(&self) -> impl Iterator<Item = (&Plant, &Source)> {
        self.plants.iter().flat_map(|p| p.sources.iter().map(move |s| (p, s)))
    }
    /// Mains that touch this plant.
    pub fn mains_of<'a>(&'a self, plant: &'a Plant) -> impl Iterator<Item = &'a Main> {
        self.mains.iter().filter(|m| plant.has_header(&m.from) || plant.has_header(&m.to))
    }
    pub fn carrier(&self, id: &str) -> Option<&Carrier> {
        self.carriers.iter().find(|c| c.id.as_str() == id)
    }
}
