//! What stands between the domain and the world: thin, and each part pure as far as it can be.
//!
//! * [`host`]: the MQTT side.
//! * [`leader`]: the one task that owns the domain.
//! * [`replay`]: the journal verified and folded into the state.
//! * [`run`]: all of it put together.
//! * [`translate`]: Sparkplug events as inputs of the domain.

pub mod host;
pub mod leader;
pub mod replay;
pub mod run;
pub mod translate;
