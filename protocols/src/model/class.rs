//! The five priority classes of heat, strict in this order.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Priority class of a consumer. `Ord` follows urgency: `LifeSafety` is the smallest and is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// People: sterilisation, shelter heat, breathing-air heating. Restored within 10 min.
    LifeSafety,
    /// Pasteurisers, sterile lines, reactors that must not cool. 30 min.
    ProductSafety,
    /// Freeze protection, gland steam, furnace hold temperature. 60 min.
    EquipmentProtection,
    /// Output. 240 min.
    Production,
    /// Space heating. Best effort.
    Comfort,
}

impl Class {
    /// All classes, highest first.
    pub const ALL: [Class; 5] =
        [Class::LifeSafety, Class::ProductSafety, Class::EquipmentProtection, Class::Production, Class::Comfort];

    /// 1 for life safety to 5 for comfort.
    pub fn rank(self) -> u8 {
        self as u8 + 1
    }
    /// The name in files and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Class::LifeSafety => "life-safety",
            Class::ProductSafety => "product-safety",
            Class::EquipmentProtection => "equipment-protection",
            Class::Production => "production",
            Class::Comfort => "comfort",
        }
    }
    /// The class of this name.
    pub fn from_name(name: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|c| c.name() == name)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One value for each class, highest first.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PerClass<T>(pub [T; 5]);

impl<T> PerClass<T> {
    /// Each class with its value, highest first.
    pub fn iter(&self) -> impl Iterator<Item = (Class, &T)> {
        Class::ALL.into_iter().zip(self.0.iter())
    }
}
impl<T> std::ops::Index<Class> for PerClass<T> {
    type Output = T;
    fn index(&self, class: Class) -> &T {
        &self.0[class as usize]
    }
}
impl<T> std::ops::IndexMut<Class> for PerClass<T> {
    fn index_mut(&mut self, class: Class) -> &mut T {
        &mut self.0[class as usize]
    }
}
