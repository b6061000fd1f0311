//! The vocabulary: ids, quantities, time, quality, samples, priority classes and the checked fleet.
//!
//! Everything here is plain data with checked constructors. A [`Fleet`] that exists has passed every check of
//! [`crate::files`], so its readers never look a name up in vain.

mod class;
mod fleet;
mod id;
mod limits;
mod measure;
mod measured;
mod meters;
pub mod mimic;
mod plant;
mod quantity;
mod sample;
mod time;

pub use class::{Class, PerClass};
pub use fleet::{Carrier, Fleet, Horizon, Main, Price};
pub use id::*;
pub use limits::{Limits, ScanClass, SubagentLimits, Velocity};
pub use measure::{Measure, Quantity, SITE};
pub use meters::{Meter, Meters};
pub use plant::*;
pub use quantity::*;
pub use sample::{BadReason, Quality, Reading, Sample, Value};
pub use time::{Millis, Tick};
