//! Spooled samples and the ranges by which they are acknowledged.

use crate::model::{DeviceId, Sample};
use serde::{Deserialize, Serialize};

/// A batch of samples of one device, named for ever by (edge, boot, seq). One entry is one Sparkplug message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The boot in which it was written; boots of one edge only rise.
    pub boot: u64,
    /// Counts up from 1 within a boot, without holes.
    pub seq: u64,
    pub device: DeviceId,
    pub samples: Vec<Sample>,
}

/// Entries `first..=last` of one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub boot: u64,
    pub first: u64,
    pub last: u64,
}

impl Range {
    pub fn contains(&self, boot: u64, seq: u64) -> bool {
        self.boot == boot && self.first <= seq && seq <= self.last
    }
}

/// Adds one entry to sorted, disjoint, non-touching ranges and keeps them so. False: it was in already.
pub fn add_to_ranges(ranges: &mut Vec<Range>, boot: u64, seq: u64) -> bool {
    let at = ranges.partition_point(|r| (r.boot, r.first) <= (boot, seq));
    if at > 0 && ranges[at - 1].contains(boot, seq) {
        return false;
    }
    let joins_before = at > 0 && ranges[at - 1].boot == boot && ranges[at - 1].last + 1 == seq;
    let joins_after = at < ranges.len() && ranges[at].boot == boot && seq + 1 == ranges[at].first;
    match (joins_before, joins_after) {
        (true, true) => {
            ranges[at - 1].last = ranges[at].last;
            ranges.remove(at);
        }
        (true, false) => ranges[at - 1].last = seq,
        (false, true) => ranges[at].first = seq,
        (false, false) => ranges.insert(at, Range { boot, first: seq, last: seq }),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn ranges_hold_exactly_what_was_added(adds in prop::collection::vec((1u64..3, 1u64..30), 0..80)) {
            let mut ranges = Vec::new();
            let mut set = BTreeSet::new();
            for (boot, seq) in adds {
                prop_assert_eq!(add_to_ranges(&mut ranges, boot, seq), set.insert((boot, seq)));
            }
            let held: BTreeSet<_> = ranges.iter().flat_map(|r| (r.first..=r.last).map(|s| (r.boot, s))).collect();
            prop_assert_eq!(held, set);
            for pair in ranges.windows(2) {
                prop_assert!(pair[0].boot < pair[1].boot || pair[0].last + 1 < pair[1].first);
            }
        }
    }
}
