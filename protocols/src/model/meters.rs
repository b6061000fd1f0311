//! What is measured at a source besides its heat and its state. Each is optional, and a tag of its own.

use super::{TagId, Unit};
use serde::Serialize;
use std::collections::BTreeMap;

/// A measured quantity of a source. In the plant file its name is the field of the source that names the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meter {
    /// Oxygen in the dry flue gas.
    O2,
    /// Carbon dioxide in the dry flue gas.
    Co2,
    /// Carbon monoxide in the dry flue gas, as measured.
    Co,
    /// Nitrogen oxides in the dry flue gas, as measured.
    Nox,
    /// Flue gas where it leaves the boiler, behind the last heating surface.
    Stack,
    /// Combustion air before the burner.
    Air,
    /// Fuel taken in.
    Fuel,
    /// Saturated steam given out.
    Steam,
    /// Feedwater of a steam boiler, return of a hot-water boiler.
    Feedwater,
    /// Gauge pressure in the drum of a steam boiler.
    Drum,
}

impl Meter {
    pub const ALL: [Meter; 10] = [
        Meter::O2,
        Meter::Co2,
        Meter::Co,
        Meter::Nox,
        Meter::Stack,
        Meter::Air,
        Meter::Fuel,
        Meter::Steam,
        Meter::Feedwater,
        Meter::Drum,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Meter::O2 => "o2",
            Meter::Co2 => "co2",
            Meter::Co => "co",
            Meter::Nox => "nox",
            Meter::Stack => "stack",
            Meter::Air => "air",
            Meter::Fuel => "fuel",
            Meter::Steam => "steam",
            Meter::Feedwater => "feedwater",
            Meter::Drum => "drum",
        }
    }

    /// Units in which its tag may be.
    pub fn units(self) -> &'static [Unit] {
        match self {
            Meter::O2 | Meter::Co2 => &[Unit::Percent],
            Meter::Co | Meter::Nox => &[Unit::PartsPerMillion],
            Meter::Stack | Meter::Air | Meter::Feedwater => &[Unit::DegreeCelsius],
            Meter::Fuel => &[Unit::NormCubicMetrePerHour, Unit::Megawatt],
            Meter::Steam => &[Unit::TonnePerHour],
            Meter::Drum => &[Unit::Bar],
        }
    }
}

/// The meters that a source has.
pub type Meters = BTreeMap<Meter, TagId>;
