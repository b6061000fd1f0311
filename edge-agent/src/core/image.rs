//! The process image: the last value of every tag with its time and quality, and nothing that is older than it says.
//!
//! A value enters through [`Image::read`] only. It turns bad when its device is lost, when it is outside the tag's
//! limits, when it is no number, or when nothing has confirmed it for longer than its scan class allows. The last good
//! number stays apart ([`Image::last_good`]): only the fail-safe lane looks at it, to know which way is safe.

use hypocaust_protocols::model::{
    BadReason, Device, DeviceId, Millis, Plant, Quality, Sample, ScanClass, TagId, Tick, Value,
};
use std::collections::BTreeMap;

/// Share of a tag's span by which a value may lie beyond a bound and still be at it: what the seven digits of an `f32` and
/// the product with a scale can lose, and far below what any sensor resolves.
const BOUND_ROUNDING: f64 = 1e-6;

#[derive(Debug, Clone)]
struct Point {
    tag: TagId,
    min: f64,
    max: f64,
    stale_after_ms: u64,
    value: Value,
    quality: Quality,
    time: Millis,
    seen: Tick,
    last_good: Option<f64>,
}

#[derive(Debug, Clone)]
pub struct Image {
    points: Vec<Point>,
    index: BTreeMap<TagId, usize>,
    devices: BTreeMap<DeviceId, Vec<usize>>,
}

impl Image {
    /// Everything unread.
    pub fn new(plant: &Plant, scan: &[ScanClass], wall: Millis) -> Self {
        let mut image = Self { points: Vec::new(), index: BTreeMap::new(), devices: BTreeMap::new() };
        for device in &plant.devices {
            image.devices.insert(device.id.clone(), Vec::new());
        }
        for tag in &plant.tags {
            // Three scans may be missed, and the last of them may take the device's worst transaction.
            let worst = plant.device(tag.device.as_str()).map_or(0, Device::worst_transaction_ms);
            let period = scan.get(tag.scan).map_or(0, |class| class.period_ms);
            // A register has fewer digits than the file: 1.6 MW comes as 1.6000000238 and is at its bound, not beyond it.
            let rounding = (tag.max - tag.min) * BOUND_ROUNDING;
            let at = image.points.len();
            image.index.insert(tag.id.clone(), at);
            image.devices.entry(tag.device.clone()).or_default().push(at);
            image.points.push(Point {
                tag: tag.id.clone(),
                min: tag.min - rounding,
                max: tag.max + rounding,
                stale_after_ms: period.saturating_mul(3).saturating_add(worst),
                value: None,
                quality: Quality::Bad(BadReason::NotRead),
                time: wall,
                seen: Tick(0),
                last_good: None,
            });
        }
        image
    }

    /// Takes what a scan (or the read-back of a write) saw of one tag. Tags that the plant does not have are ignored.
    pub fn read(&mut self, wall: Millis, tick: Tick, tag: &TagId, result: Result<f64, BadReason>) {
        let Some(point) = self.index.get(tag).and_then(|at| self.points.get_mut(*at)) else { return };
        point.time = wall;
        point.seen = tick;
        (point.value, point.quality) = match result {
            Ok(value) if !value.is_finite() => (None, Quality::Bad(BadReason::NotANumber)),
            Ok(value) if value < point.min || value > point.max => (Some(value), Quality::Bad(BadReason::OutOfRange)),
            Ok(value) => {
                point.last_good = Some(value);
                (Some(value), Quality::Good)
            }
            Err(reason) => (None, Quality::Bad(reason)),
        };
    }

    /// Nothing of this device can be trusted any more.
    pub fn lost(&mut self, wall: Millis, device: &DeviceId, reason: &BadReason) {
        for at in self.devices.get(device).into_iter().flatten() {
            let point = &mut self.points[*at];
            if point.quality != Quality::Bad(reason.clone()) {
                point.quality = Quality::Bad(reason.clone());
                point.time = wall;
            }
        }
    }

    /// Lets good values go stale.
    pub fn age(&mut self, wall: Millis, tick: Tick) {
        for point in &mut self.points {
            if point.quality.is_good() && tick.since(point.seen) > point.stale_after_ms {
                point.quality = Quality::Bad(BadReason::Stale);
                point.time = wall;
            }
        }
    }

    fn point(&self, tag: &TagId) -> Option<&Point> {
        self.index.get(tag).map(|at| &self.points[*at])
    }

    /// The number, only when it may be used.
    pub fn good(&self, tag: &TagId) -> Option<f64> {
        self.point(tag).filter(|p| p.quality.is_good()).and_then(|p| p.value)
    }

    /// The last number that was good, however old.
    pub fn last_good(&self, tag: &TagId) -> Option<f64> {
        self.point(tag).and_then(|p| p.last_good)
    }

    pub fn quality(&self, tag: &TagId) -> Quality {
        self.point(tag).map_or(Quality::Bad(BadReason::NotRead), |p| p.quality.clone())
    }

    /// How many tags there are; [`Image::sample`] takes indices below it.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The tags of one device, as indices.
    pub fn of_device(&self, device: &DeviceId) -> &[usize] {
        self.devices.get(device).map_or(&[], Vec::as_slice)
    }

    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        self.devices.keys()
    }

    pub(super) fn value_at(&self, at: usize) -> (Value, &Quality) {
        (self.points[at].value, &self.points[at].quality)
    }

    /// What the tag of this index is now.
    pub fn sample(&self, at: usize) -> Sample {
        let point = &self.points[at];
        Sample { tag: point.tag.clone(), time: point.time, value: point.value, quality: point.quality.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::{north, tag, wall};

    #[test]
    fn a_value_at_its_bound_is_good_in_the_digits_of_its_register_and_one_beyond_it_is_not() {
        let (fleet, plant) = north();
        let cap = tag("north.dairy.cap-sp");
        for (max, beyond) in [(1.6, 1.600_01), (5.0, 5.000_01)] {
            let mut plant = plant.clone();
            plant.tags.iter_mut().filter(|t| t.id == cap).for_each(|t| t.max = max);
            let mut image = Image::new(&plant, &fleet.limits.scan, wall(0));
            // As a device holds it that has single precision only.
            image.read(wall(1), Tick(1), &cap, Ok(f64::from(max as f32)));
            assert!(image.good(&cap).is_some(), "{max}");
            image.read(wall(2), Tick(2), &cap, Ok(beyond));
            assert_eq!(image.quality(&cap), Quality::Bad(BadReason::OutOfRange), "{beyond}");
        }
    }
}
