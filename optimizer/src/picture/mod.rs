//! Pictures as SVG, written by hand: a schedule ([`schedule`]) and how a benchmark grows ([`growth`]).
//!
//! A picture is a text that depends on its data alone, so it can be compared to the last byte. Times run to the right from
//! the first step, in hours; what holds for a step is drawn as a stair.

mod growth;
mod panel;
mod schedule;

pub use growth::{Curve, growth};
pub use schedule::schedule;
