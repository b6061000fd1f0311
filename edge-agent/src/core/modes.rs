//! Who decides, beside the contingency table, which acts in every mode.

use hypocaust_protocols::model::{Limits, Tick};
pub use hypocaust_protocols::wire::Mode;

/// ```text
///              no beat for hold_after              no beat for autonomous_after
///   remote ----------------------------> holding ------------------------------> autonomous
///     ^                                   ^  |                                    |    ^
///     |        reentry_beats in a row     |  |                   a header's value |    | all headers seen
///     +-----------------------------------+  |                   is not to be seen|    | for hold_after
///     |                                      |                                    v    |
///     +--------------------------------------+----- (never from here) ---------- fallback
///     +------------------- reentry_beats in a row ------------------ autonomous
/// ```
/// An edge starts in `holding`: it has heard nobody yet. From `fallback` the way back leads through `autonomous`.
/// Going back moves nothing by itself; the velocity limits make what the centre then asks for gradual.
#[derive(Debug, Clone)]
pub struct Modes {
    mode: Mode,
    hold_after_ms: u64,
    autonomous_after_ms: u64,
    reentry_beats: u32,
    last_beat: Tick,
    in_a_row: u32,
    /// Since when all headers (true) or not all (false) have been seen.
    sight: (bool, Tick),
}

impl Modes {
    pub fn new(limits: &Limits, start: Tick) -> Self {
        Self {
            mode: Mode::Holding,
            hold_after_ms: (limits.hold_after_s * 1000.0) as u64,
            autonomous_after_ms: (limits.autonomous_after_s * 1000.0) as u64,
            reentry_beats: limits.reentry_beats,
            last_beat: start,
            in_a_row: 0,
            sight: (true, start),
        }
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// A beat of the leader that was let in.
    pub fn beat(&mut self, tick: Tick) -> Option<(Mode, Mode)> {
        let gap = tick.since(self.last_beat);
        self.in_a_row = if gap < self.hold_after_ms { self.in_a_row.saturating_add(1) } else { 1 };
        self.last_beat = tick;
        if matches!(self.mode, Mode::Holding | Mode::Autonomous) && self.in_a_row >= self.reentry_beats {
            return self.go(Mode::Remote);
        }
        None
    }

    /// Time passed; `sees` tells whether every header's process value is good.
    pub fn tick(&mut self, tick: Tick, sees: bool) -> Option<(Mode, Mode)> {
        if sees != self.sight.0 {
            self.sight = (sees, tick);
        }
        let silent = tick.since(self.last_beat);
        let sight_for = tick.since(self.sight.1);
        match self.mode {
            Mode::Remote if silent >= self.hold_after_ms => {
                self.in_a_row = 0;
                self.go(Mode::Holding)
            }
            Mode::Holding if silent >= self.autonomous_after_ms => self.go(Mode::Autonomous),
            Mode::Autonomous if !sees && sight_for >= self.hold_after_ms => self.go(Mode::Fallback),
            Mode::Fallback if sees && sight_for >= self.hold_after_ms => self.go(Mode::Autonomous),
            _ => None,
        }
    }

    fn go(&mut self, to: Mode) -> Option<(Mode, Mode)> {
        let from = std::mem::replace(&mut self.mode, to);
        Some((from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::north;

    /// One row a change: (tick, beat?, headers seen?) and the mode after it.
    #[test]
    fn cycle_table() {
        let (fleet, _) = north();
        let mut modes = Modes::new(&fleet.limits, Tick(0));
        let mut rows: Vec<(u64, bool, bool, Mode)> = vec![(100, false, true, Mode::Holding)];
        rows.extend((1..5).map(|i| (i * 1000, true, true, Mode::Holding)));
        rows.extend([
            (5000, true, true, Mode::Remote), // the fifth beat in a row
            (9999, false, true, Mode::Remote),
            (10_000, false, true, Mode::Holding), // 5 s without
            (11_000, true, true, Mode::Holding),  // one beat is not a leader
            (40_999, false, true, Mode::Holding),
            (41_000, false, true, Mode::Autonomous),
            (42_000, false, false, Mode::Autonomous),
            (47_000, false, false, Mode::Fallback), // blind for 5 s
            (48_000, true, false, Mode::Fallback),
            (49_000, true, true, Mode::Fallback),
            (50_000, true, true, Mode::Fallback),
            (51_000, true, true, Mode::Fallback),
            (52_000, true, true, Mode::Fallback),
            (53_000, true, true, Mode::Fallback), // beats alone do not bring it back from here
            (54_000, false, true, Mode::Autonomous),
            (54_500, true, true, Mode::Remote),
        ]);
        for (at, beat, sees, mode) in rows {
            if beat {
                modes.beat(Tick(at));
            }
            modes.tick(Tick(at), sees);
            assert_eq!(modes.mode(), mode, "at {at}");
        }
    }
}
