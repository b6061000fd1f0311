//! The one place of the edge that reads clocks.

use crate::core::Now;
use hypocaust_protocols::model::{Millis, Tick};
use std::time::Instant;

/// The wall clock as it is; it may jump.
#[expect(clippy::disallowed_methods, reason = "the shell is where time comes in")]
pub fn wall() -> Millis {
    Millis(jiff::Timestamp::now().as_millisecond())
}

/// Ticks since this was made; never jumps.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the shell is where time comes in")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn tick(&self) -> Tick {
        Tick(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    pub fn now(&self) -> Now {
        Now { wall: wall(), tick: self.tick() }
    }
}

/// For timers.
#[expect(clippy::disallowed_methods, reason = "the shell is where time comes in")]
pub fn monotonic() -> Instant {
    Instant::now()
}
