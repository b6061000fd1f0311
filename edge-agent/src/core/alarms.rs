//! Alarms: a condition over one tag that has held for its delay. A bad value neither raises nor clears one.

use super::image::Image;
use hypocaust_protocols::model::{Alarm, AlarmId, SetpointId, Tick};

#[derive(Debug, Clone)]
struct Watched {
    alarm: Alarm,
    /// Since when the condition has held.
    since: Option<Tick>,
    active: bool,
}

#[derive(Debug, Clone)]
pub struct Alarms {
    all: Vec<Watched>,
}

impl Alarms {
    pub fn new(alarms: &[Alarm]) -> Self {
        Self { all: alarms.iter().map(|a| Watched { alarm: a.clone(), since: None, active: false }).collect() }
    }

    /// Looks at every alarm once; returns those that came (true) or went (false).
    pub fn scan(&mut self, image: &Image, tick: Tick) -> Vec<(AlarmId, bool)> {
        let mut changed = Vec::new();
        for watched in &mut self.all {
            let Some(value) = image.good(&watched.alarm.tag) else { continue };
            let active = if watched.alarm.condition.holds(value) {
                let since = *watched.since.get_or_insert(tick);
                watched.active || tick.since(since) >= watched.alarm.on_delay_ms
            } else {
                watched.since = None;
                false
            };
            if active != watched.active {
                watched.active = active;
                changed.push((watched.alarm.id.clone(), active));
            }
        }
        changed
    }

    /// The active alarm that blocks normal writes of this setpoint.
    pub fn blocking(&self, setpoint: &SetpointId) -> Option<&AlarmId> {
        self.all.iter().find(|w| w.active && w.alarm.blocks.as_ref() == Some(setpoint)).map(|w| &w.alarm.id)
    }

    pub fn active(&self) -> impl Iterator<Item = &Alarm> {
        self.all.iter().filter(|w| w.active).map(|w| &w.alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::{north, tag, wall};
    use hypocaust_protocols::model::BadReason;

    /// steam-high: above 12.5 bar for 1000 ms.
    #[test]
    fn cycle_table() {
        let (fleet, plant) = north();
        let mut image = Image::new(&plant, &fleet.limits.scan, wall(0));
        let mut alarms = Alarms::new(&plant.alarms);
        let table: [(u64, Result<f64, BadReason>, bool); 7] = [
            (0, Ok(12.6), false),
            (500, Ok(12.4), false),
            (1000, Ok(12.6), false),
            (1999, Ok(12.6), false),
            (2000, Ok(12.6), true),
            (2500, Err(BadReason::DeviceError), true),
            (3000, Ok(12.4), false),
        ];
        for (at, read, active) in table {
            image.read(wall(at), Tick(at), &tag("north.steam.pressure"), read);
            alarms.scan(&image, Tick(at));
            assert_eq!(alarms.blocking(&tag("north.b1.load-sp")).is_some(), active, "at {at}");
        }
    }
}
