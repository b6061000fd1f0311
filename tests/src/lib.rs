//! Tests of the whole: the world under random faults, and the real programs against real servers.
//!
//! * [`checks`]: what must hold of every simulated world.
//! * [`clairvoyant`]: the most heat that anybody could have served.
//! * [`faults`]: what happens in it, from a seed.
//! * [`forecasts`]: what dispatch makes of a sub-agent that forecasts.
//! * [`heat`]: who goes short in it, against what the faults force.
//! * [`lateness`]: how long after a change it may still do so.
//! * [`leaders`]: who leads in it, and what is left of what leaders did.
//! * [`share`]: how much of it each check had before it.
//! * [`harness`]: the real programs, started and ended.

pub mod checks;
pub mod clairvoyant;
pub mod faults;
pub mod forecasts;
pub mod harness;
pub mod heat;
pub mod lateness;
pub mod leaders;
pub mod share;
