//! A value with its time and its quality. A bad value never becomes a number in a decision: reading the number of a
//! sample goes through [`Sample::good`].

use super::{Millis, TagId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a value is not good.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadReason {
    /// Nothing has been read yet.
    NotRead,
    /// The device does not answer.
    NoConnection,
    /// The device answered with an exception or with something that is not an answer.
    DeviceError,
    /// The number is outside the tag's limits.
    OutOfRange,
    /// The number is not a number (NaN, infinity).
    NotANumber,
    /// The last value is older than its scan class allows.
    Stale,
    /// The edge that owns the tag is not connected.
    EdgeLost,
}

impl BadReason {
    /// The reason as the wire and the API spell it.
    pub fn name(&self) -> &'static str {
        match self {
            BadReason::NotRead => "not-read",
            BadReason::NoConnection => "no-connection",
            BadReason::DeviceError => "device-error",
            BadReason::OutOfRange => "out-of-range",
            BadReason::NotANumber => "not-a-number",
            BadReason::Stale => "stale",
            BadReason::EdgeLost => "edge-lost",
        }
    }
    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        use BadReason::*;
        [NotRead, NoConnection, DeviceError, OutOfRange, NotANumber, Stale, EdgeLost]
            .into_iter()
            .find(|r| r.name() == name)
    }
}

impl fmt::Display for BadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// May a value be used?
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    Good,
    /// Usable with care, with the reason.
    Uncertain(BadReason),
    /// Not to be used, with the reason.
    Bad(BadReason),
}

impl Quality {
    pub fn is_good(&self) -> bool {
        matches!(self, Quality::Good)
    }
    /// `good`, `uncertain` or `bad`.
    pub fn name(&self) -> &'static str {
        match self {
            Quality::Good => "good",
            Quality::Uncertain(_) => "uncertain",
            Quality::Bad(_) => "bad",
        }
    }
    pub fn reason(&self) -> Option<&BadReason> {
        match self {
            Quality::Good => None,
            Quality::Uncertain(r) | Quality::Bad(r) => Some(r),
        }
    }
}

/// The number of a sample, in the tag's unit. State words and flags are numbers too; `None` where none could be read.
pub type Value = Option<f64>;

/// What a device said of a tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// In the tag's unit; `None` where there is no number.
    pub value: Value,
    pub quality: Quality,
    /// When the device's own clock says that it was so, where the protocol carries that.
    pub source: Option<Millis>,
}

/// A protocol without qualities and times has read a number, or not.
impl From<Result<f64, BadReason>> for Reading {
    fn from(read: Result<f64, BadReason>) -> Self {
        match read {
            Ok(value) => Self { value: Some(value), quality: Quality::Good, source: None },
            Err(reason) => Self { value: None, quality: Quality::Bad(reason), source: None },
        }
    }
}

/// What a tag was at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub tag: TagId,
    /// When the device or the scan saw it (the edge's wall clock).
    pub time: Millis,
    pub value: Value,
    pub quality: Quality,
}

impl Sample {
    /// The number, only when it may be used.
    pub fn good(&self) -> Option<f64> {
        if self.quality.is_good() { self.value } else { None }
    }
}
