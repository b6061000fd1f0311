//! Quantities of equipment that dispatch does not need and people look at: valve positions, flows, temperatures, meters.
//!
//! What dispatch reads of a source or a consumer is named there (`heat`, `asked`); what a tag shows beyond that it says
//! itself, `measures = "b1.water-level"`: the equipment, and one of these.

use super::{Fleet, Medium, Plant, SourceKind, Unit};
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// Heat made, of the nameplate.
    Load,
    /// How far the control valve is open: of a burner's fuel, a consumer's supply, a main.
    Valve,
    /// Steam or water.
    Flow,
    /// At the outlet of a source, at the inlet of a consumer.
    Pressure,
    SteamTemperature,
    /// What goes out hot: of a source on a loop, at the top of a store.
    SupplyTemperature,
    /// What comes back: of a loop, a source, a consumer, at the bottom of a store.
    ReturnTemperature,
    /// Electric: made by a cogeneration unit, taken by a heat pump or an electric boiler.
    Power,
    /// In a boiler's drum or shell.
    WaterLevel,
    /// A meter that counts up.
    Energy,
    /// How full a store is.
    Charge,
    /// Outdoors, of the site.
    AmbientTemperature,
}

impl Quantity {
    pub const ALL: [Quantity; 12] = [
        Quantity::Load,
        Quantity::Valve,
        Quantity::Flow,
        Quantity::Pressure,
        Quantity::SteamTemperature,
        Quantity::SupplyTemperature,
        Quantity::ReturnTemperature,
        Quantity::Power,
        Quantity::WaterLevel,
        Quantity::Energy,
        Quantity::Charge,
        Quantity::AmbientTemperature,
    ];

    /// As files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::Load => "load",
            Quantity::Valve => "valve",
            Quantity::Flow => "flow",
            Quantity::Pressure => "pressure",
            Quantity::SteamTemperature => "steam-temperature",
            Quantity::SupplyTemperature => "supply-temperature",
            Quantity::ReturnTemperature => "return-temperature",
            Quantity::Power => "power",
            Quantity::WaterLevel => "water-level",
            Quantity::Energy => "energy",
            Quantity::Charge => "charge",
            Quantity::AmbientTemperature => "ambient-temperature",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|q| q.name() == name)
    }
}

/// The name by which a plant itself is measured.
pub const SITE: &str = "site";

/// What a tag measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// The equipment's id, `plant.b1`; `plant.site` for the plant itself.
    pub of: String,
    pub quantity: Quantity,
}

/// A piece of equipment, by what can be measured at it.
enum Piece {
    Header(Medium),
    Source(SourceKind, Medium),
    Storage,
    Consumer(Medium),
    Main,
    Site,
}

impl Fleet {
    /// The unit of what this measures; `None` where the equipment has no such quantity. An error: there is no such
    /// equipment in the plant, and these there are.
    pub fn measurable<'f>(&'f self, plant: &'f Plant, measure: &Measure) -> Result<Option<Unit>, Vec<&'f str>> {
        let piece = self.piece(plant, &measure.of).ok_or_else(|| self.pieces(plant))?;
        use Medium::{HotWater, Steam};
        use Quantity::*;
        Ok(match (measure.quantity, piece) {
            (Load, Piece::Source(..)) => Some(Unit::Percent),
            (Valve, Piece::Source(SourceKind::Boiler, _) | Piece::Consumer(_) | Piece::Main) => Some(Unit::Percent),
            (Flow, Piece::Header(Steam) | Piece::Source(_, Steam) | Piece::Consumer(Steam)) => Some(Unit::TonnePerHour),
            (Flow, Piece::Header(HotWater) | Piece::Source(_, HotWater) | Piece::Consumer(HotWater)) => {
                Some(Unit::CubicMetrePerHour)
            }
            (Pressure, Piece::Source(_, Steam) | Piece::Consumer(Steam)) => Some(Unit::Bar),
            (SteamTemperature, Piece::Header(Steam)) => Some(Unit::DegreeCelsius),
            (SupplyTemperature, Piece::Source(_, HotWater) | Piece::Storage) => Some(Unit::DegreeCelsius),
            (
                ReturnTemperature,
                Piece::Header(HotWater) | Piece::Source(_, HotWater) | Piece::Consumer(HotWater) | Piece::Storage,
            ) => Some(Unit::DegreeCelsius),
            (Power, Piece::Source(SourceKind::Chp | SourceKind::HeatPump | SourceKind::ElectricBoiler, _)) => {
                Some(Unit::Megawatt)
            }
            (WaterLevel, Piece::Source(SourceKind::Boiler | SourceKind::ElectricBoiler, Steam)) => Some(Unit::Percent),
            (Energy, Piece::Source(..) | Piece::Consumer(_) | Piece::Main) => Some(Unit::MegawattHour),
            (Charge, Piece::Storage) => Some(Unit::Percent),
            (AmbientTemperature, Piece::Site) => Some(Unit::DegreeCelsius),
            _ => None,
        })
    }

    fn piece(&self, plant: &Plant, of: &str) -> Option<Piece> {
        let medium = |header: &str| plant.headers.iter().find(|h| h.id.as_str() == header).map(|h| h.medium);
        if of.strip_prefix(plant.id.as_str()) == Some(".site") {
            return Some(Piece::Site);
        }
        if let Some(medium) = medium(of) {
            return Some(Piece::Header(medium));
        }
        if let Some(source) = plant.source(of) {
            return Some(Piece::Source(source.kind, medium(source.header.as_str())?));
        }
        if let Some(consumer) = plant.consumers.iter().find(|c| c.id.as_str() == of) {
            return Some(Piece::Consumer(medium(consumer.header.as_str())?));
        }
        if plant.storages.iter().any(|s| s.id.as_str() == of) {
            return Some(Piece::Storage);
        }
        self.main_of(plant, of).map(|_| Piece::Main)
    }

    /// A main by the id under which this plant knows it: its own, or one between plants by its tags' names.
    pub fn main_of(&self, plant: &Plant, of: &str) -> Option<usize> {
        let local = of.strip_prefix(plant.id.as_str()).and_then(|rest| rest.strip_prefix('.'));
        let ends = |m: &super::Main| [&m.from, &m.to].iter().any(|h| plant.headers.iter().any(|p| p.id == **h));
        self.mains.iter().position(|m| m.id.as_str() == of || Some(m.id.as_str()) == local && ends(m))
    }

    fn pieces<'f>(&'f self, plant: &'f Plant) -> Vec<&'f str> {
        let headers = plant.headers.iter().map(|h| h.id.as_str());
        let sources = plant.sources.iter().map(|s| s.id.as_str());
        let others = plant.consumers.iter().map(|c| c.id.as_str()).chain(plant.storages.iter().map(|s| s.id.as_str()));
        headers.chain(sources).chain(others).chain(self.mains.iter().map(|m| m.id.as_str())).collect()
    }
}
