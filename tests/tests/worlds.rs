//! The real cores in the simulated world, under random faults from a seed.
//!
//! `HYPOCAUST_SEED=n` runs one seed again. Each check has a negative control: with its mechanism swapped out, it fails.

use hypocaust_protocols::model::Fleet;
use std::path::Path;
use std::sync::Arc;

mod worlds {
    pub mod bus;
    pub mod commands;
    pub mod forecasts;
    pub mod four;
    pub mod heat;
    pub mod journal;
    pub mod leaders;
    pub mod samples;
    pub mod seeds;
    pub mod subagents;
}

/// The sample fleet.
fn fleet() -> Arc<Fleet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"))
}
