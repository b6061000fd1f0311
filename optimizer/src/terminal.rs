//! What a store is to hold when the horizon ends: a level, whatever is best, or a worth per MWh.

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::case::Storage;

/// The content of a store at the end of the horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Final {
    /// So many MWh.
    Mwh(f64),
    /// By a word.
    Word(FinalWord),
    /// Whatever is best, each MWh of it counted as so much money.
    Value {
        /// Money per MWh that is in the store.
        value_per_mwh: f64,
    },
}

/// The words for a final content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FinalWord {
    /// As at the beginning.
    EqualInitial,
    /// Whatever is best inside the horizon.
    Free,
}

impl Storage {
    /// MWh that it must hold at the end, where it must.
    #[must_use]
    pub fn final_mwh(&self) -> Option<f64> {
        match self.r#final {
            Final::Mwh(mwh) => Some(mwh),
            Final::Word(FinalWord::EqualInitial) => Some(self.initial_mwh),
            Final::Word(FinalWord::Free) | Final::Value { .. } => None,
        }
    }

    /// Money per MWh that it holds at the end; zero where only a level is asked, or nothing.
    #[must_use]
    pub fn final_value(&self) -> f64 {
        match self.r#final {
            Final::Value { value_per_mwh } => value_per_mwh,
            Final::Mwh(_) | Final::Word(_) => 0.0,
        }
    }
}

impl<'de> Deserialize<'de> for Final {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FinalVisitor)
    }
}

struct FinalVisitor;

impl<'de> Visitor<'de> for FinalVisitor {
    type Value = Final;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("\"equal-initial\", \"free\", a number of MWh, or {\"value_per_mwh\": money}")
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Final, E> {
        Ok(Final::Mwh(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "a store's content is far below 2^53")]
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Final, E> {
        Ok(Final::Mwh(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "a store's content is far below 2^53")]
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Final, E> {
        Ok(Final::Mwh(value as f64))
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Final, E> {
        match word {
            "equal-initial" => Ok(Final::Word(FinalWord::EqualInitial)),
            "free" => Ok(Final::Word(FinalWord::Free)),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Final, A::Error> {
        let mut worth = None;
        while let Some(key) = access.next_key::<String>()? {
            if key != "value_per_mwh" {
                return Err(A::Error::unknown_field(&key, &["value_per_mwh"]));
            }
            if worth.replace(access.next_value::<f64>()?).is_some() {
                return Err(A::Error::duplicate_field("value_per_mwh"));
            }
        }
        let value_per_mwh = worth.ok_or_else(|| A::Error::missing_field("value_per_mwh"))?;
        Ok(Final::Value { value_per_mwh })
    }
}
