//! What stands between the domain and the world: thin, and each part pure as far as it can be.
//!
//! * [`translate`]: Sparkplug events as inputs of the domain.

pub mod translate;
