//! Trips: the loss of a source as its own tags tell it.
//!
//! A trip needs `votes` of its tags to fulfil the condition for the whole on-delay. A bad value is never a trip and
//! never the end of one: its tag's last verdict stands, and an event says that the plant is guarded by a memory. A trip
//! latches: it stands until it is reset with the condition gone.

use super::image::Image;
use hypocaust_protocols::model::{BadReason, SourceId, TagId, Tick, Trip, TripId};

#[derive(Debug, Clone)]
struct Watched {
    trip: Trip,
    /// The last verdict of each tag, and whether it is a memory.
    verdicts: Vec<(bool, bool)>,
    since: Option<Tick>,
    latched: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Latched {
        trip: TripId,
        source: SourceId,
    },
    /// The tag is bad: its last verdict holds.
    Blind {
        trip: TripId,
        tag: TagId,
    },
    Seeing {
        trip: TripId,
        tag: TagId,
    },
}

#[derive(Debug, Clone)]
pub struct Trips {
    all: Vec<Watched>,
}

impl Trips {
    /// `latched`: those that stood when the edge was last stopped. They are known already and act on nothing again.
    pub fn new(trips: &[Trip], latched: &[TripId]) -> Self {
        let watch = |trip: &Trip| Watched {
            verdicts: vec![(false, false); trip.tags.len()],
            since: None,
            latched: latched.contains(&trip.id),
            trip: trip.clone(),
        };
        Self { all: trips.iter().map(watch).collect() }
    }

    /// Looks at every trip once.
    pub fn scan(&mut self, image: &Image, tick: Tick) -> Vec<Change> {
        let mut changes = Vec::new();
        for watched in &mut self.all {
            for (tag, verdict) in watched.trip.tags.iter().zip(&mut watched.verdicts) {
                let id = || (watched.trip.id.clone(), tag.clone());
                match image.good(tag) {
                    Some(value) => {
                        if verdict.1 {
                            let (trip, tag) = id();
                            changes.push(Change::Seeing { trip, tag });
                        }
                        *verdict = (watched.trip.condition.holds(value), false);
                    }
                    // Before the first scan there is nothing to have lost.
                    None if !verdict.1 && image.quality(tag).reason() != Some(&BadReason::NotRead) => {
                        verdict.1 = true;
                        let (trip, tag) = id();
                        changes.push(Change::Blind { trip, tag });
                    }
                    None => {}
                }
            }
            if watched.holds() {
                let since = *watched.since.get_or_insert(tick);
                if !watched.latched && tick.since(since) >= watched.trip.on_delay_ms {
                    watched.latched = true;
                    changes
                        .push(Change::Latched { trip: watched.trip.id.clone(), source: watched.trip.source.clone() });
                }
            } else {
                watched.since = None;
            }
        }
        changes
    }

    /// Unlatches; the error says why not.
    pub fn reset(&mut self, trip: &TripId) -> Result<(), String> {
        let Some(watched) = self.all.iter_mut().find(|w| &w.trip.id == trip) else {
            let known: Vec<&str> = self.all.iter().map(|w| w.trip.id.as_str()).collect();
            return Err(format!("this plant has no trip {trip}; it has {}", known.join(", ")));
        };
        if let Some((tag, _)) = watched.trip.tags.iter().zip(&watched.verdicts).find(|(_, v)| v.1) {
            return Err(format!("{trip}: {tag} is bad, so that nobody can say that its condition is gone"));
        }
        if watched.holds() {
            return Err(format!("{trip}: its condition still holds; it can be reset when the cause is gone"));
        }
        watched.latched = false;
        Ok(())
    }

    pub fn latched(&self) -> impl Iterator<Item = &TripId> {
        self.all.iter().filter(|w| w.latched).map(|w| &w.trip.id)
    }

    /// Is this source tripped, or about to be (its condition holds within the on-delay)?
    pub fn suspects(&self, source: &SourceId) -> bool {
        self.all.iter().any(|w| &w.trip.source == source && (w.latched || w.since.is_some()))
    }
}

impl Watched {
    fn holds(&self) -> bool {
        self.verdicts.iter().filter(|v| v.0).count() >= self.trip.votes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::{north, tag, wall};

    /// b1-lost: two of three, 500 ms. One scan a row: the three flame-lost flags (x: bad) and whether it is latched.
    #[test]
    fn cycle_table() {
        let (fleet, plant) = north();
        let mut image = Image::new(&plant, &fleet.limits.scan, wall(0));
        let mut trips = Trips::new(&plant.trips, &[]);
        let table = [
            (0, "000", false),
            (500, "100", false),  // one of three
            (1000, "110", false), // two, delay begins
            (1400, "100", false), // gone before the delay
            (1500, "011", false), // begins anew
            (1999, "011", false),
            (2000, "0xx", true), // bad holds the last verdict, and the delay is over
            (2500, "000", true), // latched
        ];
        for (at, flags, latched) in table {
            for (name, flag) in ["a", "b", "c"].iter().zip(flags.chars()) {
                let read = flag.to_digit(2).map(f64::from).ok_or(BadReason::DeviceError);
                image.read(wall(at), Tick(at), &tag(&format!("north.b1.flame-lost-{name}")), read);
            }
            trips.scan(&image, Tick(at));
            assert_eq!(trips.latched().count() == 1, latched, "at {at}");
        }
        let id = TripId::new("north.b1-lost").unwrap();
        assert_eq!(trips.reset(&id), Ok(()));
        assert_eq!(trips.latched().count(), 0);
    }

    #[test]
    fn bad_quality_alone_never_trips_and_a_standing_condition_is_not_reset() {
        let (fleet, plant) = north();
        let mut image = Image::new(&plant, &fleet.limits.scan, wall(0));
        let mut trips = Trips::new(&plant.trips, &[]);
        let lost = tag("north.b2.tripped");
        for at in 0..20 {
            image.read(wall(at * 500), Tick(at * 500), &lost, Err(BadReason::NoConnection));
            let changes = trips.scan(&image, Tick(at * 500));
            let blind = Change::Blind { trip: TripId::new("north.b2-lost").unwrap(), tag: lost.clone() };
            assert_eq!(changes, if at == 0 { vec![blind] } else { vec![] });
        }
        image.read(wall(10_000), Tick(10_000), &lost, Ok(1.0));
        trips.scan(&image, Tick(10_000));
        trips.scan(&image, Tick(10_500));
        let id = TripId::new("north.b2-lost").unwrap();
        assert!(trips.latched().any(|t| *t == id));
        assert!(trips.reset(&id).unwrap_err().contains("still holds"));
    }
}
