//! Physical quantities as types, and the units that tags carry.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! quantities {
    ($($(#[$doc:meta])* $name:ident, $unit:literal);* $(;)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(f64);
        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0.0);
            /// The quantity, or `None` when the number is not finite.
            pub fn new(value: f64) -> Option<Self> { value.is_finite().then_some(Self(value)) }
            /// The bare number, in the unit of the type.
            pub fn get(self) -> f64 { self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{:.3} {}", self.0, $unit) }
        }
        impl std::ops::Add for $name { type Output = Self; fn add(self, o: Self) -> Self { Self(self.0 + o.0) } }
        impl std::ops::Sub for $name { type Output = Self; fn sub(self, o: Self) -> Self { Self(self.0 - o.0) } }
        impl std::ops::Mul<f64> for $name { type Output = Self; fn mul(self, k: f64) -> Self { Self(self.0 * k) } }
        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self { Self(all.map(|x| x.0).sum()) }
        }
    )*};
}

quantities! {
    /// Heat flow or electric power, MW.
    Megawatts, "MW";
    /// Energy, MWh.
    MegawattHours, "MWh";
    /// A temperature on the Celsius scale (not a difference: that is [`Kelvins`]).
    Celsius, "degC";
    /// A temperature difference.
    Kelvins, "K";
    /// Gauge pressure.
    Bar, "bar";
}

/// What a tag's number means. The file spells it as [`Unit::symbol`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unit {
    #[serde(rename = "MW")]
    Megawatt,
    #[serde(rename = "MWh")]
    MegawattHour,
    #[serde(rename = "degC")]
    DegreeCelsius,
    /// Gauge pressure.
    #[serde(rename = "bar")]
    Bar,
    #[serde(rename = "%")]
    Percent,
    #[serde(rename = "t/h")]
    TonnePerHour,
    #[serde(rename = "m3/h")]
    CubicMetrePerHour,
    /// A gas at 0 degC and 1.01325 bar.
    #[serde(rename = "Nm3/h")]
    NormCubicMetrePerHour,
    /// Parts per million by volume.
    #[serde(rename = "ppm")]
    PartsPerMillion,
    /// A state word, a flag or a count.
    #[serde(rename = "1")]
    One,
}

impl Unit {
    /// Every unit that a file may name.
    pub const ALL: [Unit; 10] = [
        Unit::Megawatt,
        Unit::MegawattHour,
        Unit::DegreeCelsius,
        Unit::Bar,
        Unit::Percent,
        Unit::TonnePerHour,
        Unit::CubicMetrePerHour,
        Unit::NormCubicMetrePerHour,
        Unit::PartsPerMillion,
        Unit::One,
    ];
    /// The unit as files and `engUnit` spell it.
    pub fn symbol(self) -> &'static str {
        match self {
            Unit::Megawatt => "MW",
            Unit::MegawattHour => "MWh",
            Unit::DegreeCelsius => "degC",
            Unit::Bar => "bar",
            Unit::Percent => "%",
            Unit::TonnePerHour => "t/h",
            Unit::CubicMetrePerHour => "m3/h",
            Unit::NormCubicMetrePerHour => "Nm3/h",
            Unit::PartsPerMillion => "ppm",
            Unit::One => "1",
        }
    }
    /// The unit of this symbol.
    pub fn from_symbol(text: &str) -> Option<Unit> {
        Unit::ALL.into_iter().find(|u| u.symbol() == text)
    }
}
