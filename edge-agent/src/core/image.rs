//! The process image: the last value of every tag with its time and quality, and nothing that is older than it says.
//!
//! A value enters through [`Image::read`] only. It turns bad when its device is lost, when it is outside the tag's
//! limits, when it is no number, or when nothing has confirmed it for longer than its scan class allows. The last good
//! number stays apart ([`Image::last_good`]): only the fail-safe lane looks at it, to know which way is safe.

use hypocaust_protocols::model::{
    BadReason, Device, DeviceId, Millis, Plant, Quality, Reading, Sample, ScanClass, TagId, Tick, Value,
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
    /// The time of the last sample that left this edge; before the first one, when the edge began.
    told: Millis,
    seen: Tick,
    last_good: Option<f64>,
}

impl Point {
    /// The time of a sample. Of a change, what the device's own clock says, if that can be: after everything that was
    /// told of the tag, and not in the future. A clock that is wrong would put the value before the loss of its device
    /// or after its next change, and whoever keeps the latest would keep the wrong one. A scan that has confirmed the old
    /// value and told nobody is no hindrance: the news of a change are some time on their way. That something still is as
    /// it was, is so at the time of the scan; a change that is older than what was told has the time of its arrival.
    fn when(&self, wall: Millis, source: Option<Millis>) -> Millis {
        source.filter(|source| self.told < *source && *source <= wall).unwrap_or(wall)
    }
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
                told: wall,
                seen: Tick(0),
                last_good: None,
            });
        }
        image
    }

    /// Takes what a scan (or the read-back of a write) saw of one tag. Tags that the plant does not have are ignored.
    pub fn read(&mut self, wall: Millis, tick: Tick, tag: &TagId, reading: impl Into<Reading>) {
        let Some(point) = self.index.get(tag).and_then(|at| self.points.get_mut(*at)) else { return };
        let Reading { value, quality, source } = reading.into();
        let (value, quality) = match (value, quality) {
            (_, Quality::Bad(reason)) => (None, Quality::Bad(reason)),
            (Some(value), _) if !value.is_finite() => (None, Quality::Bad(BadReason::NotANumber)),
            (Some(value), _) if value < point.min || value > point.max => {
                (Some(value), Quality::Bad(BadReason::OutOfRange))
            }
            (Some(value), quality) => (Some(value), quality),
            (None, _) => (None, Quality::Bad(BadReason::NotANumber)),
        };
        if let (Some(value), Quality::Good) = (value, &quality) {
            point.last_good = Some(value);
        }
        let changed = (value, &quality) != (point.value, &point.quality);
        point.time = point.when(wall, source.filter(|_| changed));
        point.seen = tick;
        (point.value, point.quality) = (value, quality);
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

    /// Lets good and uncertain values go stale.
    pub fn age(&mut self, wall: Millis, tick: Tick) {
        for point in &mut self.points {
            if !matches!(point.quality, Quality::Bad(_)) && tick.since(point.seen) > point.stale_after_ms {
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

    /// How many tags there are; [`Image::tell`] takes indices below it.
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

    /// What the tag of this index is now, for somebody else: no later sample of it is older than this one.
    pub fn tell(&mut self, at: usize) -> Sample {
        let point = &mut self.points[at];
        point.told = point.time;
        Sample { tag: point.tag.clone(), time: point.time, value: point.value, quality: point.quality.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::{north, tag, wall};

    #[test]
    fn a_change_has_the_devices_time_where_that_can_be() {
        let (fleet, plant) = north();
        let heat = tag("north.chp1.heat");
        let mut image = Image::new(&plant, &fleet.limits.scan, wall(0));
        let at_heat = image.index[&heat];
        const TOLD: bool = true;
        let table: [(u64, f64, Option<u64>, u64, bool); 9] = [
            (1_000, 1.0, Some(900), 900, TOLD),      // the device's own time
            (2_000, 1.0, Some(900), 2_000, !TOLD),   // still so: at the time of the scan
            (2_100, 2.0, Some(1_950), 1_950, TOLD),  // a change that the device had before that scan
            (3_000, 2.0, Some(1_950), 3_000, TOLD),  // still so, and somebody was told
            (3_100, 1.0, Some(2_950), 3_100, TOLD),  // a change from before what was told
            (4_000, 3.0, Some(1_000), 4_000, TOLD),  // its clock is behind
            (5_000, 4.0, Some(60_000), 5_000, TOLD), // in the future: its clock is ahead
            (6_000, 5.0, None, 6_000, TOLD),         // no time
            (7_000, 6.0, Some(6_000), 7_000, TOLD),  // not after the last
        ];
        for (at, value, source, expected, told) in table {
            let reading = Reading { value: Some(value), quality: Quality::Good, source: source.map(wall) };
            image.read(wall(at), Tick(at), &heat, reading);
            assert_eq!(image.points[at_heat].time, wall(expected), "at {at}");
            if told {
                assert_eq!(image.tell(at_heat).time, wall(expected), "at {at}");
            }
        }
    }

    #[test]
    fn what_the_device_calls_uncertain_decides_nothing() {
        let (fleet, plant) = north();
        let heat = tag("north.chp1.heat");
        let mut image = Image::new(&plant, &fleet.limits.scan, wall(0));
        image.read(wall(1), Tick(1), &heat, Ok(2.0));
        let uncertain = Quality::Uncertain(BadReason::Stale);
        let reading = |value, quality| Reading { value, quality, source: None };
        image.read(wall(2), Tick(2), &heat, reading(Some(3.0), uncertain.clone()));
        assert_eq!((image.good(&heat), image.quality(&heat), image.last_good(&heat)), (None, uncertain, Some(2.0)));
        image.read(wall(3), Tick(3), &heat, reading(Some(99.0), Quality::Uncertain(BadReason::Stale)));
        assert_eq!(image.quality(&heat), Quality::Bad(BadReason::OutOfRange), "the tag's own limits hold all the same");
        image.read(wall(4), Tick(4), &heat, reading(None, Quality::Good));
        assert_eq!((image.good(&heat), image.quality(&heat)), (None, Quality::Bad(BadReason::NotANumber)));
    }

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
