//! What comes and goes at a header beside all that is measured there.
//!
//! A header is one store of heat, so what its meters leave unexplained is what the mains bring or take that nobody
//! measures: `arrives = drawn + charged + gained - made - discharged`, in the mean of the last [`WINDOW_MS`]. That is all
//! a plant can know of a main whose own plant is out of reach: an edge that lives goes on with it, the controllers of a
//! dead one shut it, and nobody tells which.
//!
//! The mean is long enough that what deadbands leave open is small beside what a main carries (in the small fleet some
//! 0.3 MW), and starts anew whenever another main is measured or not: of the time before the mean would know nothing. While
//! a meter cannot be trusted, and until there is a whole mean again, the last one serves for [`HELD_MS`].

use super::image::Image;
use hypocaust_protocols::model::{Fleet, Header, HeaderId, Main, MainId, Millis, Plant};
use std::collections::{BTreeMap, VecDeque};

/// What a mean is taken over.
const WINDOW_MS: i64 = 30_000;
/// How long a mean serves while there is no other.
const HELD_MS: i64 = 300_000;
/// How often the meters are looked at...
const LOOK_MS: i64 = 1_000;
/// ...and after what pause between two looks what came between is not known.
const PAUSE_MS: i64 = 5_000;

/// The balances of all headers at which a main ends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Balances {
    looked: Option<Millis>,
    of: BTreeMap<HeaderId, Balance>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Balance {
    /// The mains that nothing was measured of.
    without: Vec<MainId>,
    points: VecDeque<Point>,
    /// The last mean, MW, and when it was taken.
    known: Option<(f64, Millis)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    at: Millis,
    /// What the header holds, MWh from an arbitrary zero.
    content: f64,
    /// What comes in by what is measured, less what goes out, MW.
    measured: f64,
}

impl Balances {
    /// Takes the meters of this moment.
    pub(super) fn look(&mut self, fleet: &Fleet, image: &Image, now: Millis) {
        if self.looked.is_some_and(|last| (0..LOOK_MS).contains(&now.since(last))) {
            return;
        }
        self.looked = Some(now);
        for plant in &fleet.plants {
            for header in &plant.headers {
                if !fleet.mains.iter().any(|m| m.ends_at(&header.id)) {
                    continue;
                }
                let without: Vec<MainId> = unmeasured(fleet, image, &header.id, now).map(|m| m.id.clone()).collect();
                let balance = self.of.entry(header.id.clone()).or_default();
                if balance.without != without {
                    *balance = Balance { without, ..Balance::default() };
                }
                balance.take(point(fleet, image, plant, header, now), now);
            }
        }
    }

    /// What these mains bring to this header, MW (negative: take), in the mean of the last half minute. `None`: it is not
    /// known, or it is that of other mains.
    pub fn brought(&self, header: &HeaderId, by: &[&MainId], now: Millis) -> Option<f64> {
        let balance = self.of.get(header).filter(|b| b.without.iter().eq(by.iter().copied()))?;
        let (mw, at) = balance.known?;
        (0..=HELD_MS).contains(&now.since(at)).then_some(mw)
    }
}

impl Balance {
    fn take(&mut self, point: Option<Point>, now: Millis) {
        let Some(point) = point else { return self.points.clear() };
        if self.points.back().is_some_and(|last| !follows(last, now)) {
            self.points.clear();
        }
        self.points.push_back(point);
        while self.points.get(1).is_some_and(|second| point.at.since(second.at) >= WINDOW_MS) {
            self.points.pop_front();
        }
        if let Some(mw) = self.mean() {
            self.known = Some((mw, now));
        }
    }

    fn mean(&self) -> Option<f64> {
        let (first, last) = (self.points.front()?, self.points.back()?);
        if last.at.since(first.at) < WINDOW_MS {
            return None;
        }
        let hours = |from: &Point, to: &Point| to.at.since(from.at) as f64 / 3.6e6;
        let pairs = self.points.iter().zip(self.points.iter().skip(1));
        let measured: f64 = pairs.map(|(a, b)| (a.measured + b.measured) / 2.0 * hours(a, b)).sum();
        Some((last.content - first.content - measured) / hours(first, last))
    }
}

/// Is it known what came between this point and now?
fn follows(last: &Point, now: Millis) -> bool {
    (0..=PAUSE_MS).contains(&now.since(last.at))
}

/// The meters of a header. `None`: one of them cannot be trusted.
fn point(fleet: &Fleet, image: &Image, plant: &Plant, header: &Header, now: Millis) -> Option<Point> {
    let good = |tag| image.good(fleet, tag, now);
    let mut measured = 0.0;
    for source in plant.sources.iter().filter(|s| s.header == header.id) {
        measured += good(&source.heat)?;
    }
    for storage in plant.storages.iter().filter(|s| s.header == header.id) {
        measured += good(&storage.heat)?;
    }
    for consumer in plant.consumers.iter().filter(|c| c.header == header.id) {
        measured -= good(&consumer.served)?;
    }
    for main in fleet.mains.iter().filter(|m| m.ends_at(&header.id)) {
        measured += good(&main.flow).map_or(0.0, |flow| brings(image, main, flow, &header.id));
    }
    Some(Point { at: now, content: good(&header.process_value)? * header.capacity_mwh, measured })
}

/// The mains of a header of which nothing is measured now.
pub(super) fn unmeasured<'a>(
    fleet: &'a Fleet,
    image: &'a Image,
    header: &'a HeaderId,
    now: Millis,
) -> impl Iterator<Item = &'a Main> {
    fleet.mains.iter().filter(move |m| m.ends_at(header) && image.good(fleet, &m.flow, now).is_none())
}

/// What a main that carries this brings to one of its ends, MW; negative: takes. Half of what it loses by standing hot is lost
/// at either end; a closed one does not stand hot.
pub(super) fn brings(image: &Image, main: &Main, flow: f64, header: &HeaderId) -> f64 {
    if image.held(&main.open) == Some(0.0) {
        return 0.0;
    }
    // Flow is measured where it is sent; the other end gets it less its loss.
    let here = if main.from == *header { -flow } else { flow };
    let kept = if here > 0.0 { 1.0 - main.loss_fraction } else { 1.0 };
    here * kept - main.fixed_loss_mw / 2.0
}
