//! The last reading of every node of a session.
//!
//! Values come on two ways, by the subscription and by reads, and one may overtake the other: after a setpoint was written
//! and read back, a notification of what it was before may still be on its way. The device's own time tells which is the
//! later. A clock at the device that is set back by more than [`SET_BACK_MS`] is believed; until then its values wait.

use crate::model::Reading;

const SET_BACK_MS: i64 = 5_000;

#[derive(Debug, Clone)]
pub struct Latest(Vec<Option<Reading>>);

impl Latest {
    /// Nothing known of so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self(vec![None; nodes])
    }

    /// Takes a reading, unless it is older than what is known. False: it is.
    pub fn take(&mut self, at: usize, reading: Reading) -> bool {
        let Some(known) = self.0.get_mut(at) else { return false };
        let older = known.as_ref().and_then(|k| k.source).zip(reading.source).is_some_and(|(known, new)| {
            let back = known.since(new);
            back > 0 && back <= SET_BACK_MS
        });
        if !older {
            *known = Some(reading);
        }
        !older
    }

    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Reading> {
        self.0.get(at).and_then(Option::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Millis, Quality};

    #[test]
    fn what_was_overtaken_is_dropped() {
        let mut latest = Latest::new(1);
        let table = [
            (1.0, Some(10_000), true),
            (2.0, Some(10_500), true),  // the read-back of a write
            (1.0, Some(10_400), false), // a notification from before it
            (2.5, Some(10_500), true),  // in the same millisecond: the one that came later
            (3.0, None, true),          // a server that tells no times
            (4.0, Some(10_600), true),
            (5.0, Some(5_600), false),
            (6.0, Some(5_599), true), // its clock was set back
        ];
        for (value, source, taken) in table {
            let reading = Reading { value: Some(value), quality: Quality::Good, source: source.map(Millis) };
            assert_eq!(latest.take(0, reading), taken, "{value}");
            assert_eq!(latest.get(0).and_then(|r| r.value) == Some(value), taken);
        }
        let reading = Reading { value: Some(0.0), quality: Quality::Good, source: None };
        assert!(!latest.take(7, reading), "there is no such node");
    }
}
