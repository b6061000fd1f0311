//! A quantity over the horizon: one number that holds in every step, or one number per step.
//!
//! The case file writes either form wherever a thing may vary in time. A series knows nothing of the horizon's
//! length; `validate` compares it, because only there is the path of the field known.

use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// One value for every step, or one per step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Series {
    /// The same in every step.
    Constant(f64),
    /// One value per step of the horizon.
    Steps(Vec<f64>),
}

impl Series {
    /// The value in step `t` (counted from 0). Beyond the end of an array the last value holds, and an empty array
    /// reads as zero; neither occurs in a case that passed `validate`.
    #[must_use]
    pub fn at(&self, t: usize) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Steps(values) => values.get(t).or_else(|| values.last()).copied().unwrap_or(0.0),
        }
    }

    /// Every number that is written down, for checks that hold for all of them.
    #[must_use]
    pub fn written(&self) -> &[f64] {
        match self {
            Self::Constant(value) => std::slice::from_ref(value),
            Self::Steps(values) => values,
        }
    }

    /// How many steps it gives, or `None` where one number holds for all.
    #[must_use]
    pub fn len_given(&self) -> Option<usize> {
        match self {
            Self::Constant(_) => None,
            Self::Steps(values) => Some(values.len()),
        }
    }
}

impl Default for Series {
    /// Nothing, in every step.
    fn default() -> Self {
        Self::Constant(0.0)
    }
}

impl From<f64> for Series {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl From<Vec<f64>> for Series {
    fn from(values: Vec<f64>) -> Self {
        Self::Steps(values)
    }
}

impl<'de> Deserialize<'de> for Series {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SeriesVisitor)
    }
}

struct SeriesVisitor;

impl<'de> Visitor<'de> for SeriesVisitor {
    type Value = Series;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a number, or an array with one number per step")
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Series, E> {
        if value.is_finite() { Ok(Series::Constant(value)) } else { Err(E::custom("not a finite number")) }
    }

    #[expect(clippy::cast_precision_loss, reason = "a case's quantities are far below 2^53")]
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Series, E> {
        Ok(Series::Constant(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "a case's quantities are far below 2^53")]
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Series, E> {
        Ok(Series::Constant(value as f64))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Series, A::Error> {
        let mut values: Vec<f64> = Vec::with_capacity(access.size_hint().unwrap_or(0));
        while let Some(value) = access.next_element::<f64>()? {
            if !value.is_finite() {
                return Err(A::Error::custom("not a finite number"));
            }
            values.push(value);
        }
        Ok(Series::Steps(values))
    }
}
