//! The plants that a user may see and command.

use hypocaust_protocols::model::PlantId;
use std::collections::BTreeSet;
use std::fmt;

/// All plants, those of tomorrow too, or only these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Every,
    Only(BTreeSet<PlantId>),
}

impl Scope {
    pub fn covers(&self, plant: &str) -> bool {
        match self {
            Scope::Every => true,
            Scope::Only(plants) => plants.contains(plant),
        }
    }

    /// The same of a thing that stands in a plant, by the first part of its id. What the fleet itself owns, such as a
    /// main between plants, is nobody's who is limited.
    pub fn covers_thing(&self, id: &str) -> bool {
        self.covers(id.split('.').next().unwrap_or_default())
    }

    /// As it is stored: the ids with a blank in between; nothing for every plant.
    pub(super) fn stored(&self) -> Option<String> {
        match self {
            Scope::Every => None,
            Scope::Only(plants) => Some(plants.iter().map(PlantId::as_str).collect::<Vec<_>>().join(" ")),
        }
    }

    pub(super) fn read(stored: Option<&str>) -> Result<Scope, String> {
        let Some(text) = stored else { return Ok(Scope::Every) };
        let plants = text.split_whitespace().map(|id| PlantId::new(id).map_err(|e| e.to_string()));
        plants.collect::<Result<_, _>>().map(Scope::Only)
    }

    /// For a list: null, or the ids.
    pub fn listed(&self) -> Option<Vec<String>> {
        match self {
            Scope::Every => None,
            Scope::Only(plants) => Some(plants.iter().map(ToString::to_string).collect()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Every => f.write_str("all plants"),
            Scope::Only(plants) if plants.is_empty() => f.write_str("no plant"),
            Scope::Only(plants) => f.write_str(&plants.iter().map(PlantId::as_str).collect::<Vec<_>>().join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_scope_covers_its_plants_and_what_stands_in_them() {
        let north = Scope::Only(BTreeSet::from([PlantId::new("north").unwrap()]));
        assert!(north.covers("north") && !north.covers("south") && !north.covers("nort"));
        assert!(north.covers_thing("north.b1.heat"));
        for other in ["south.b1.heat", "northern.b1", "n-s", "", ".north"] {
            assert!(!north.covers_thing(other), "{other}");
        }
        assert!(Scope::Every.covers("east") && Scope::Every.covers_thing("n-s"));
    }

    #[test]
    fn it_comes_back_as_it_was_stored_and_nonsense_is_no_scope() {
        let two = Scope::Only(["north", "south"].map(|id| PlantId::new(id).unwrap()).into());
        for scope in [Scope::Every, Scope::Only(BTreeSet::new()), two] {
            assert_eq!(Scope::read(scope.stored().as_deref()), Ok(scope));
        }
        assert!(Scope::read(Some("North")).is_err());
    }
}
