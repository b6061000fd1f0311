//! What a number means where it stands for a state or a flag: an operator reads "warm-up" and "closed", never 3 and 0.

use hypocaust_protocols::model::{Condition, DataType, Fleet, Plant, SourceState};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Meaning {
    State,
    /// A main's or valve's way.
    Open,
    /// What the burner management is asked for.
    Start,
    /// A trip's tag, with what makes it one.
    Trip(Condition),
}

/// The tags of a plant whose numbers stand for words.
pub struct Words<'a>(BTreeMap<&'a str, Meaning>);

impl<'a> Words<'a> {
    pub fn of(fleet: &'a Fleet, plant: &'a Plant) -> Self {
        let mut meanings = BTreeMap::new();
        for trip in &plant.trips {
            meanings.extend(trip.tags.iter().map(|tag| (tag.as_str(), Meaning::Trip(trip.condition))));
        }
        for source in &plant.sources {
            meanings.insert(source.state.as_str(), Meaning::State);
            meanings.extend(source.start_request.as_ref().map(|tag| (tag.as_str(), Meaning::Start)));
        }
        meanings.extend(fleet.mains.iter().map(|main| (main.open.as_str(), Meaning::Open)));
        Self(meanings)
    }

    /// The word for this value; `None` where the number itself is what is meant. A trip that watches a measured number
    /// keeps its number.
    pub fn word(&self, tag: &str, data_type: DataType, value: f64) -> Option<&'static str> {
        let flag = data_type == DataType::Bool;
        let either = |yes, no| Some(if value == 0.0 { no } else { yes });
        match self.0.get(tag) {
            Some(Meaning::State) => Some(SourceState::from_word(value).map_or("no known state", SourceState::name)),
            Some(Meaning::Open) => either("open", "closed"),
            Some(Meaning::Start) => either("run", "stop"),
            Some(Meaning::Trip(condition)) if flag => Some(if condition.holds(value) { "trip" } else { "clear" }),
            None if flag => either("yes", "no"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn states_and_flags_are_words_and_measurements_are_none() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
        let fleet = hypocaust_protocols::files::load(&folder).expect("the sample fleet");
        let plant = fleet.plant("north").expect("north");
        let words = Words::of(&fleet, plant);
        let said = |tag: &str, value: f64| words.word(tag, plant.tag(tag).expect(tag).data_type, value);
        assert_eq!(said("north.b1.state", 3.0), Some("warm-up"));
        assert_eq!(said("north.b1.state", 9.0), Some("no known state"));
        assert_eq!((said("north.x1.open", 1.0), said("north.n-s.open", 0.0)), (Some("open"), Some("closed")));
        assert_eq!((said("north.b1.start", 1.0), said("north.b1.start", 0.0)), (Some("run"), Some("stop")));
        assert_eq!((said("north.b1.flame-lost-b", 1.0), said("north.b2.tripped", 0.0)), (Some("trip"), Some("clear")));
        assert_eq!((said("north.b1.heat", 1.0), said("north.plc1.counter", 1.0)), (None, None));
    }
}
