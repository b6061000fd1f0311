//! Has a replica that has just begun heard the plants yet? Before that it shows tags that nobody has read, and whoever
//! passes requests on should not choose it. Pure.
//!
//! A plant that runs is born again within a moment of being asked. One that is down must not keep a centre out of use for
//! ever, so it is waited for as long as [`PATIENCE_MS`]. What is lost later is an edge that is lost, which pages and alarms
//! tell of; the verdict does not go back to bad for it.

use crate::api::Check;
use hypocaust_protocols::model::Millis;
use std::collections::BTreeSet;

/// How long births are waited for, ms from when the broker was reached. A replica asks for one again after 5 s.
pub const PATIENCE_MS: i64 = 10_000;

/// The plants that have not been heard yet.
#[derive(Debug)]
pub struct Births {
    awaited: BTreeSet<String>,
    /// The broker has been reached since then.
    reached: Option<Millis>,
    over: bool,
}

impl Births {
    /// Nothing has been heard of these plants.
    pub fn awaited<'p>(plants: impl IntoIterator<Item = &'p str>) -> Births {
        Births { awaited: plants.into_iter().map(str::to_owned).collect(), reached: None, over: false }
    }

    /// The broker is reached from now on.
    pub fn reached(&mut self, now: Millis) {
        self.reached = Some(now);
    }

    /// The broker is reached no more.
    pub fn unreached(&mut self) {
        self.reached = None;
    }

    /// A plant was born.
    pub fn born(&mut self, plant: &str) {
        self.awaited.remove(plant);
    }

    /// Well once each plant has been born, or once the wait for the others is over; from then on for good.
    pub fn check(&mut self, now: Millis) -> Check {
        // A clock that was set back does not make the wait longer.
        let waits = |since: Millis| (0..PATIENCE_MS).contains(&now.since(since));
        self.over |= self.awaited.is_empty() || self.reached.is_some_and(|since| !waits(since));
        let names = self.awaited.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let detail = match (self.awaited.is_empty(), self.over) {
            (true, _) => "each has been heard".to_owned(),
            (false, true) => format!("not heard since this replica began, and not waited for any more: {names}"),
            (false, false) => format!("not heard yet: {names}"),
        };
        Check { ok: self.over, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict at this second.
    fn at(births: &mut Births, second: i64) -> (bool, String) {
        let Check { ok, detail } = births.check(Millis(1_000 * second));
        (ok, detail)
    }

    fn reached(second: i64) -> Births {
        let mut births = Births::awaited(["north", "south"]);
        births.reached(Millis(1_000 * second));
        births
    }

    #[test]
    fn it_is_well_once_each_plant_has_been_born() {
        let mut births = reached(100);
        assert_eq!(at(&mut births, 100), (false, "not heard yet: north, south".into()));
        births.born("south");
        births.born("elsewhere");
        assert_eq!(at(&mut births, 101), (false, "not heard yet: north".into()));
        births.born("north");
        assert_eq!(at(&mut births, 101), (true, "each has been heard".into()));
        births.unreached();
        assert!(at(&mut births, 102).0, "the broker has a verdict of its own");
    }

    #[test]
    fn a_plant_that_is_down_is_waited_for_as_long_as_said() {
        let mut births = reached(100);
        births.born("north");
        assert!(!at(&mut births, 109).0);
        let (ok, detail) = at(&mut births, 110);
        assert!(ok && detail.ends_with("not waited for any more: south"), "{detail}");
        // Another connection begins no other wait.
        births.unreached();
        births.reached(Millis(200_000));
        assert!(at(&mut births, 200).0);
        births.born("south");
        assert_eq!(at(&mut births, 201), (true, "each has been heard".into()));
        // A clock that is set back by an hour holds nobody up.
        assert!(at(&mut reached(3_700), 100).0);
    }

    #[test]
    fn while_the_broker_is_not_reached_nobody_is_waited_for_in_vain() {
        let mut births = Births::awaited(["north"]);
        assert!(!at(&mut births, 1_000).0);
        births.reached(Millis(1_000_000));
        assert!(!at(&mut births, 1_005).0);
        births.unreached();
        assert!(!at(&mut births, 1_060).0, "it was reached for less than that");
        births.reached(Millis(1_060_000));
        assert!(!at(&mut births, 1_069).0);
        assert!(at(&mut births, 1_070).0);
    }
}
