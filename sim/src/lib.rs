//! Simulated plants: physics behind PLCs behind real Modbus servers.
//!
//! * [`physics`]: the heat of all plants, pure, seeded and repeatable.
//! * [`signal`]: which physical thing a tag shows or moves.
//! * [`plc`]: registers, watchdog and protection in front of the physics, pure.

pub mod physics;
pub mod plc;
pub mod signal;
