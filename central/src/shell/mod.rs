//! What stands between the domain and the world: thin, and each part pure as far as it can be.
//!
//! * [`audit`]: the journal verified while the centre runs.
//! * [`births`]: whether the plants have been heard yet.
//! * [`foreseeing`]: forecasts from the history.
//! * [`host`]: the MQTT side.
//! * [`leader`]: the one task that owns the domain, and stands for election with it.
//! * [`metrics`]: what it shows to Prometheus.
//! * [`replay`]: the journal verified and folded into the state.
//! * [`run`]: all of it put together.
//! * [`solving`]: the threads that solve.
//! * [`speaker`]: the connection that only the leader has.
//! * [`subagents`]: their side of the bus.
//! * [`term`]: the right to act, shared by the tasks.
//! * [`translate`]: Sparkplug events as inputs of the domain.

pub mod audit;
pub mod births;
pub mod foreseeing;
pub mod host;
pub mod leader;
pub mod metrics;
pub mod replay;
pub mod run;
pub mod solving;
pub mod speaker;
pub mod subagents;
pub mod term;
pub mod translate;
