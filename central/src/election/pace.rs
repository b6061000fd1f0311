//! How long a lease is, by how slowly it was renewed of late.
//!
//! A lease must outlast the time from the beginning of one renewal to the answer of the next. Everything that makes a
//! leader slow is in that one time: a process that was not given a processor, an append that it waited for, the lease's own
//! store. So that time is measured, and a lease is made as long as twice the slowest of late, within the bounds of
//! [`Timing`]. A replica that follows measures how late its looks are answered, so that it knows of a slow machine before
//! it leads, and takes over with the lease what its last holder had found out.

use hypocaust_protocols::model::Limits;

/// The times of an election, from the fleet's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The shortest lease: what is enough where all is calm.
    pub lease_ms: u64,
    /// The longest, whatever was slow.
    pub longest_ms: u64,
    /// It is renewed this often.
    pub renew_ms: u64,
    /// A replica that does not lead looks at it this often.
    pub look_ms: u64,
    /// A leader that has not reached the broker for so long lets another try.
    pub reach_ms: u64,
}

impl Timing {
    /// The shortest lease is two beats shorter than the edges' patience: another replica leads, and beats, before they
    /// hold. The longest is what lets another lead within twice that patience: two looks, the wait for the lease, and three
    /// beats in which those may come late and the new leader begins.
    pub fn of(limits: &Limits) -> Timing {
        let ms = |seconds: f64| (seconds * 1000.0) as u64;
        let (hold_ms, beat_ms) = (ms(limits.hold_after_s), ms(limits.beat_s));
        let look_ms = beat_ms / 2;
        let lease_ms = hold_ms.saturating_sub(2 * beat_ms).max(2 * beat_ms);
        let waits_ms = (2 * hold_ms).saturating_sub(2 * look_ms + 3 * beat_ms);
        // The inverse of what `patience_ms` adds.
        let longest_ms = (waits_ms * 20 / 21).max(lease_ms);
        Timing { lease_ms, longest_ms, renew_ms: beat_ms, look_ms, reach_ms: lease_ms }
    }

    /// What another replica waits for a lease of this length: the lease, and what two clocks may differ by in that time.
    /// The shortest is waited for at least.
    pub(super) fn patience_ms(self, length_ms: u64) -> u64 {
        let length_ms = length_ms.max(self.lease_ms);
        length_ms + length_ms / 20
    }
}

/// Of what was slow this part of the time since is forgotten: a second a minute.
const FORGETS: u64 = 60;

/// How slow renewals were of late, as one replica has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    slowest_ms: u64,
    seen_at: u64,
}

impl Pace {
    /// Nothing was slow yet.
    pub fn new(now: u64) -> Pace {
        Pace { slowest_ms: 0, seen_at: now }
    }

    /// A lease would have had to last so long. What no lease outlasts teaches nothing: a process that was stopped for a
    /// minute is not a slow one, and a longer lease would not have helped it.
    pub fn took(&mut self, now: u64, ms: u64, timing: Timing) {
        if ms < timing.longest_ms && ms >= self.slowest_ms(now) {
            *self = Pace { slowest_ms: ms, seen_at: now };
        }
    }

    /// The slowest of late, less what is forgotten of it.
    fn slowest_ms(&self, now: u64) -> u64 {
        self.slowest_ms.saturating_sub(now.saturating_sub(self.seen_at) / FORGETS)
    }

    /// The lease that is asked for now.
    pub fn length_ms(&self, now: u64, timing: Timing) -> u64 {
        (2 * self.slowest_ms(now)).clamp(timing.lease_ms, timing.longest_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn timing() -> Timing {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
        Timing::of(&hypocaust_protocols::files::load(&folder).expect("the sample fleet").limits)
    }

    #[test]
    fn of_the_sample_fleet_the_shortest_is_3_s_and_with_the_longest_another_leads_within_10_s() {
        let timing = timing();
        assert_eq!((timing.lease_ms, timing.renew_ms, timing.look_ms), (3_000, 1_000, 500));
        assert_eq!(timing.longest_ms, 5_714);
        assert!(2 * timing.look_ms + timing.patience_ms(timing.longest_ms) + 3 * timing.renew_ms <= 10_000);
    }

    #[test]
    fn it_grows_at_once_shrinks_by_two_seconds_a_minute_and_stays_within_its_bounds() {
        let timing = timing();
        let mut pace = Pace::new(7);
        assert_eq!(pace.length_ms(7, timing), 3_000);
        pace.took(10_000, 1_200, timing);
        assert_eq!(pace.length_ms(10_000, timing), 3_000, "what is usual leaves it as short as it may be");
        pace.took(20_000, 2_400, timing);
        assert_eq!(pace.length_ms(20_000, timing), 4_800);
        pace.took(21_000, 1_100, timing);
        assert_eq!(pace.length_ms(20_000 + 30_000, timing), 3_800, "one that was fast does not undo one that was slow");
        assert_eq!(pace.length_ms(20_000 + 60_000, timing), 3_000);
        pace.took(100_000, 5_000, timing);
        assert_eq!(pace.length_ms(100_000, timing), timing.longest_ms);
        assert_eq!(pace.length_ms(u64::MAX, timing), 3_000);
    }

    #[test]
    fn what_no_lease_outlasts_does_not_count() {
        let timing = timing();
        let mut pace = Pace::new(0);
        pace.took(60_000, 60_000, timing);
        assert_eq!(pace.length_ms(60_000, timing), 3_000);
    }

    #[test]
    fn a_lease_that_does_not_say_its_length_is_waited_for_as_the_shortest() {
        let timing = timing();
        assert_eq!(timing.patience_ms(0), 3_150);
        assert_eq!(timing.patience_ms(20_000), 21_000, "what stands there counts, also beyond one's own bounds");
    }
}
