//! Tests of the whole: the world under random faults, and the real programs against real servers.
//!
//! * [`harness`]: the real programs, started and ended.

pub mod harness;
