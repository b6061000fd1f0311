//! Names of things. An id is lower-case letters, digits and hyphens, in parts joined by dots; the first part of
//! everything that stands in a plant is the plant's id (`north.b1.load`), so ids are unique in the whole fleet.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not an id: use lower-case letters, digits and hyphens, parts joined by single dots, 80 characters at most"
)]
pub struct InvalidId(pub String);

/// What an id looks like, as a regular expression over all of it (its length is not in it).
pub const ID_PATTERN: &str = r"^[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*$";

fn valid(text: &str) -> bool {
    text.len() <= 80
        && !text.is_empty()
        && text.split('.').all(|part| {
            !part.is_empty()
                && !part.starts_with('-')
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id that this text spells, or why it is none.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                if valid(text) { Ok(Self(text.into())) } else { Err(InvalidId(text.to_owned())) }
            }
            /// The id as text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> { Self::new(&text) }
        }
        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> { Self::new(text) }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String { id.0.as_ref().to_owned() }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str { &self.0 }
        }
    )*};
}

ids! {
    /// The enterprise; the Sparkplug group.
    FleetId,
    /// A site; the Sparkplug edge node.
    PlantId,
    /// A PLC, DCS or meter that answers on a field protocol, `plant.device`.
    DeviceId,
    /// A signal, `plant.thing.what`; the Sparkplug metric.
    TagId,
    /// Where heat is collected and given out, `plant.header`.
    HeaderId,
    /// What makes heat, `plant.source`.
    SourceId,
    /// A thermal store, `plant.store`.
    StorageId,
    /// What draws heat, `plant.consumer`.
    ConsumerId,
    /// What carries heat from one header to another, `main` (fleet) or `plant.main`.
    MainId,
    /// A supply of fuel or power to a plant, `plant.connection`.
    ConnectionId,
    /// A fuel or power, priced by the fleet.
    CarrierId,
    /// A trip condition, `plant.trip`.
    TripId,
    /// An alarm, `plant.alarm`.
    AlarmId,
    /// A runbook's file name without ending.
    RunbookId,
}

/// A writable tag: setpoints share the name of the tag that they are written to and read back from.
pub type SetpointId = TagId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked() {
        for good in ["a", "north.b1.load-sp", "1a", "x.9"] {
            assert!(TagId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a..b", ".a", "a.", "a b", "-a", "ä"] {
            assert!(TagId::new(bad).is_err(), "{bad}");
        }
    }
}
