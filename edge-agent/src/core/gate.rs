//! The write gate: nothing reaches a device without it.
//!
//! For every writer, the first refusal stands: SIS deny-list, then allow-list and absolute bounds (refused, never
//! clamped), then interlock. For every writer but fail-safe, then: an active alarm on the setpoint, velocity (which
//! slows, it never refuses), and the rate of writes. The fail-safe lane moves only in the declared safe direction, at its
//! own velocity; alarms and rates do not hold it up, because a trip raises alarms and shedding must not wait for them.

use super::admit::refusal;
use super::alarms::Alarms;
use super::image::Image;
use hypocaust_protocols::model::{
    Address, DataType, Device, Direction, Fleet, Limits, Link, Plant, Setpoint, SetpointId, Tag, Unit,
};
use hypocaust_protocols::wire::{Refusal, Writer};

/// The deny-list's word on a tag; it goes before any other, also for tags that are no setpoints.
pub(super) fn denied(device: &Device, tag: &Tag) -> Option<Refusal> {
    let within = match (&device.link, &tag.address) {
        (Link::ModbusTcp(link), Address::Register(at)) => {
            let (first, last) = (at.offset, at.offset.saturating_add(tag.data_type.registers() - 1));
            let denied = link.sis_deny.iter().find(|d| d.table == at.table && first <= d.last && d.first <= last)?;
            format!("{}:{}-{}", denied.table, denied.first, denied.last)
        }
        (Link::OpcUa(link), Address::Node(node)) => {
            let prefix = link.sis_deny.iter().find(|prefix| node.starts_with(prefix.as_str()))?;
            format!("node:{prefix}*")
        }
        // No fleet that passed its check has such a tag; nobody knows what a write to it would move.
        _ => format!("what {} cannot have", device.id),
    };
    let reason =
        format!("{} lies at {}, within {within}, which belongs to safety and is never written", tag.id, tag.address);
    Some(refusal("deny-list", reason))
}

/// Everything that the gate needs to know of one setpoint, looked up once.
#[derive(Debug, Clone)]
pub struct Guarded {
    pub setpoint: Setpoint,
    pub tag: Tag,
    /// Why the deny-list or the allow-list forbids any write, if one does.
    forbidden: Option<Refusal>,
    /// Units per second in normal running; infinite for flags, which have no travel.
    velocity: f64,
    fail_safe_velocity: f64,
    /// The most that one unit is loaded with in normal running, where this is a source's setpoint.
    unit_load: Option<f64>,
}

impl Guarded {
    /// `None` when the plant has no such setpoint, or its tag is missing.
    pub fn new(fleet: &Fleet, plant: &Plant, id: &SetpointId) -> Option<Self> {
        let setpoint = plant.setpoint(id.as_str())?.clone();
        let tag = plant.tag(id.as_str())?.clone();
        let flag = tag.data_type == DataType::Bool;
        let velocity =
            if flag { f64::INFINITY } else { setpoint.velocity_per_s.min(unit_velocity(&fleet.limits, tag.unit)) };
        let fail_safe_velocity = if flag { f64::INFINITY } else { setpoint.fail_safe_velocity_per_s };
        let source = plant.sources.iter().find(|s| s.setpoint == *id);
        let unit_load = source.map(|s| fleet.limits.unit_load_max * s.heat_max_mw);
        let mut guarded = Self { setpoint, tag, forbidden: None, velocity, fail_safe_velocity, unit_load };
        guarded.forbidden = guarded.forbids(plant);
        Some(guarded)
    }

    fn forbids(&self, plant: &Plant) -> Option<Refusal> {
        let tag = &self.tag;
        let Some(device) = plant.device(tag.device.as_str()) else {
            return Some(refusal(
                "allow-list",
                format!("{} is on {}, which this plant does not have", tag.id, tag.device),
            ));
        };
        if let Some(denied) = denied(device, tag) {
            return Some(denied);
        }
        if !tag.writable {
            return Some(refusal("allow-list", format!("{} is not writable in the plant's file", tag.id)));
        }
        if device.watchdog.as_ref().is_some_and(|w| w.counter == tag.id) {
            return Some(refusal(
                "allow-list",
                format!("{} is the watchdog counter of {}; only the edge writes it", tag.id, device.id),
            ));
        }
        None
    }

    /// The part for every writer: deny-list, allow-list, bounds, interlock.
    pub fn absolute(&self, value: f64, image: &Image) -> Result<(), Refusal> {
        if let Some(refusal) = &self.forbidden {
            return Err(refusal.clone());
        }
        let Setpoint { min, max, tag, .. } = &self.setpoint;
        let unit = self.tag.unit.symbol();
        if !value.is_finite() || value < *min || value > *max {
            return Err(refusal(
                "bounds",
                format!("{value} {unit} is outside of {min} to {max} {unit}, the bounds of {tag}"),
            ));
        }
        self.interlock(image)
    }

    fn interlock(&self, image: &Image) -> Result<(), Refusal> {
        let Some(interlock) = &self.setpoint.interlock else { return Ok(()) };
        let says = match image.good(&interlock.tag) {
            Some(value) if value == interlock.equals => return Ok(()),
            Some(value) => format!("reads {value}"),
            None => "is not good".to_owned(),
        };
        Err(refusal(
            "interlock",
            format!(
                "{} may be written only while {} reads {}; it {says}",
                self.setpoint.tag, interlock.tag, interlock.equals
            ),
        ))
    }

    /// The whole gate but velocity and rate, which need the history that the arbiter keeps.
    pub fn judge(&self, writer: Writer, value: f64, image: &Image, alarms: &Alarms) -> Result<(), Refusal> {
        self.absolute(value, image)?;
        if writer == Writer::FailSafe {
            return Ok(());
        }
        // Beyond it only dispatch goes (and its procedures), when the upper classes would be short otherwise.
        if let (Writer::Operator | Writer::SubAgent, Some(most)) = (writer, self.unit_load)
            && value > most + self.resolution()
        {
            return Err(refusal(
                "bounds",
                format!(
                    "{value} MW is beyond {most} MW, the most that one unit is loaded with in normal running; when the upper \
                     classes would be short otherwise, dispatch goes to the proven rating by itself"
                ),
            ));
        }
        match alarms.blocking(&self.setpoint.tag) {
            Some(alarm) => Err(refusal("alarm", format!("the alarm {alarm} stands and blocks {}", self.setpoint.tag))),
            None => Ok(()),
        }
    }

    /// The next value on the way from `from` to `target` after `dt_ms`; `None`: nothing is to be written.
    pub fn step(&self, writer: Writer, from: f64, target: f64, dt_ms: u64) -> Option<f64> {
        let fail_safe = writer == Writer::FailSafe;
        let velocity = if fail_safe { self.fail_safe_velocity } else { self.velocity };
        if fail_safe && !self.is_safer(target, from) {
            return None;
        }
        // A flag has no travel however short the time: infinity times nothing would not be a number.
        let reach = if velocity.is_finite() { velocity * dt_ms as f64 / 1000.0 } else { f64::INFINITY };
        // A rest that the register cannot tell is gone with the step before it.
        let last = (target - from).abs() <= reach + self.resolution();
        let next = if last { target } else { from + reach.copysign(target - from) };
        // Where the plant stands outside of the bounds, the first step is onto the bound: what is written is always within.
        let next = next.clamp(self.setpoint.min, self.setpoint.max);
        (!fail_safe || self.is_safer(next, from)).then_some(next)
    }

    /// Would the fail-safe lane move from `from` to `value`? Where nobody knows where the setpoint stands (`None`), it is
    /// refused only what it would not be moved to from anywhere within the bounds.
    ///
    /// # Errors
    /// The refusal of a move that is not in the safe direction. In the scan nothing is refused so: [`step`](Self::step)
    /// has nothing to write then.
    pub fn direction(&self, from: Option<f64>, value: f64) -> Result<(), Refusal> {
        let Setpoint { tag, safe_direction, .. } = &self.setpoint;
        let furthest = self.setpoint.furthest_from_safe();
        let (way, beyond) = match safe_direction {
            Direction::Down => ("down", "below"),
            Direction::Up => ("up", "above"),
        };
        if self.is_safer(value, from.unwrap_or(furthest)) {
            return Ok(());
        }
        let unit = self.tag.unit.symbol();
        let stands = match from {
            Some(from) => format!("{from} {unit}, where it stands"),
            None => format!("{furthest} {unit}, the furthest that it can stand from safe"),
        };
        Err(refusal(
            "bounds",
            format!("the fail-safe lane moves {tag} only {way}, and {value} {unit} is not {beyond} {stands}"),
        ))
    }

    /// Does `value` lie further in the safe direction than `than`, by more than the register can tell?
    pub fn is_safer(&self, value: f64, than: f64) -> bool {
        match self.setpoint.safe_direction {
            Direction::Down => value < than - self.resolution(),
            Direction::Up => value > than + self.resolution(),
        }
    }

    /// The safer of two values.
    pub fn safer(&self, a: f64, b: f64) -> f64 {
        match self.setpoint.safe_direction {
            Direction::Down => a.min(b),
            Direction::Up => a.max(b),
        }
    }

    /// Two values closer than this are the same in the register.
    pub fn resolution(&self) -> f64 {
        match self.tag.data_type {
            DataType::F32 | DataType::F64 => (1e-5 * self.setpoint.max.abs().max(self.setpoint.min.abs())).max(1e-9),
            _ => 0.5 * self.tag.scale.abs(),
        }
    }

    /// Does the read-back confirm what was written?
    pub fn confirms(&self, written: f64, readback: f64) -> bool {
        (written - readback).abs() <= 1.01 * self.resolution()
    }
}

fn unit_velocity(limits: &Limits, unit: Unit) -> f64 {
    match unit {
        Unit::DegreeCelsius => limits.velocity.temperature_c_per_s,
        Unit::Bar => limits.velocity.pressure_bar_per_s,
        Unit::CubicMetrePerHour => limits.velocity.flow_m3h_per_s,
        Unit::Percent => limits.velocity.percent_per_s,
        Unit::Megawatt
        | Unit::MegawattHour
        | Unit::TonnePerHour
        | Unit::NormCubicMetrePerHour
        | Unit::PartsPerMillion
        | Unit::One => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::{north, tag, wall};
    use hypocaust_protocols::model::{Interlock, Registers, Table, Tick};
    use proptest::prelude::*;

    fn guarded(edit: impl Fn(&mut Plant)) -> (Guarded, Image, Alarms) {
        let (fleet, mut plant) = north();
        edit(&mut plant);
        let image = Image::new(&plant, &fleet.limits.scan, wall(0));
        let alarms = Alarms::new(&plant.alarms);
        (Guarded::new(&fleet, &plant, &tag("north.b1.load-sp")).unwrap(), image, alarms)
    }

    fn gate(result: Result<(), Refusal>) -> String {
        result.map_or_else(|r| r.gate, |()| "pass".into())
    }

    #[test]
    fn a_flag_arrives_at_once_however_short_the_time() {
        let (fleet, plant) = north();
        let flag = Guarded::new(&fleet, &plant, &tag("north.chp1.start")).unwrap();
        for (from, target) in [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0)] {
            for dt_ms in [0, 1, 500, u64::MAX] {
                assert_eq!(flag.step(Writer::Dispatch, from, target, dt_ms), Some(target), "{from} {target} {dt_ms}");
            }
        }
    }

    #[test]
    fn the_first_refusal_stands() {
        let deny = |p: &mut Plant| {
            let Link::ModbusTcp(link) = &mut p.devices[0].link else { panic!("plc1 speaks Modbus") };
            link.sis_deny.push(Registers { table: Table::Holding, first: 101, last: 101 });
        };
        let lock = |p: &mut Plant| {
            let sp = p.setpoints.iter_mut().find(|s| s.tag.as_str() == "north.b1.load-sp").unwrap();
            sp.interlock = Some(Interlock { tag: tag("north.x1.open"), equals: 1.0 });
        };
        let (g, image, alarms) = guarded(|_| ());
        assert_eq!(gate(g.judge(Writer::Dispatch, 5.0, &image, &alarms)), "pass");
        for out in [-0.001, 12.001, f64::NAN, f64::INFINITY] {
            assert_eq!(gate(g.judge(Writer::Dispatch, out, &image, &alarms)), "bounds");
            assert_eq!(gate(g.judge(Writer::FailSafe, out, &image, &alarms)), "bounds");
        }
        // The second register of the setpoint touches the deny-list; that comes before bounds.
        let (g, image, alarms) = guarded(deny);
        assert_eq!(gate(g.judge(Writer::FailSafe, 50.0, &image, &alarms)), "deny-list");
        let (g, mut image, alarms) = guarded(lock);
        assert_eq!(gate(g.judge(Writer::FailSafe, 5.0, &image, &alarms)), "interlock");
        assert_eq!(gate(g.judge(Writer::FailSafe, 50.0, &image, &alarms)), "bounds");
        image.read(wall(0), Tick(0), &tag("north.x1.open"), Ok(0.0));
        assert_eq!(gate(g.judge(Writer::Operator, 5.0, &image, &alarms)), "interlock");
        image.read(wall(0), Tick(0), &tag("north.x1.open"), Ok(1.0));
        assert_eq!(gate(g.judge(Writer::Operator, 5.0, &image, &alarms)), "pass");
        let (g, image, alarms) = guarded(|p| p.tags.iter_mut().for_each(|t| t.writable = false));
        assert_eq!(gate(g.judge(Writer::FailSafe, 5.0, &image, &alarms)), "allow-list");
    }

    #[test]
    fn an_alarm_blocks_everyone_but_fail_safe() {
        let (g, mut image, mut alarms) = guarded(|_| ());
        for at in [0, 1000] {
            image.read(wall(at), Tick(at), &tag("north.steam.pressure"), Ok(12.8));
            alarms.scan(&image, Tick(at));
        }
        assert_eq!(gate(g.judge(Writer::Operator, 5.0, &image, &alarms)), "alarm");
        assert_eq!(gate(g.judge(Writer::FailSafe, 5.0, &image, &alarms)), "pass");
    }

    #[test]
    fn the_counter_is_nobodys() {
        let (fleet, plant) = north();
        let image = Image::new(&plant, &fleet.limits.scan, wall(0));
        let g = Guarded::new(&fleet, &plant, &tag("north.plc1.counter")).unwrap();
        assert_eq!(gate(g.absolute(1.0, &image)), "allow-list");
    }

    #[test]
    fn velocity_slows_and_flags_have_none() {
        let (g, ..) = guarded(|_| ());
        assert_eq!(g.step(Writer::Dispatch, 5.0, 6.0, 500), Some(5.12)); // 0.24 MW/s
        assert_eq!(g.step(Writer::Dispatch, 5.0, 4.0, 500), Some(4.88));
        assert_eq!(g.step(Writer::FailSafe, 5.0, 6.0, 500), Some(5.6)); // 1.2 MW/s
        assert_eq!(g.step(Writer::FailSafe, 5.0, 4.0, 500), None); // safe is up
        assert_eq!(g.step(Writer::Dispatch, 5.0, 5.0, 500), Some(5.0));
        let (fleet, plant) = north();
        let start = Guarded::new(&fleet, &plant, &tag("north.b1.start")).unwrap();
        assert_eq!(start.step(Writer::Dispatch, 0.0, 1.0, 100), Some(1.0));
    }

    #[test]
    fn fail_safe_is_refused_what_it_would_not_move() {
        let (fleet, plant) = north();
        let cap = Guarded::new(&fleet, &plant, &tag("north.mill.cap-sp")).unwrap(); // 0 to 12 MW, safe is down
        let load = Guarded::new(&fleet, &plant, &tag("north.b1.load-sp")).unwrap(); // 0 to 12 MW, safe is up
        let rows = [
            (&cap, Some(5.0), 2.0, true),
            (&cap, Some(2.0), 5.0, false),
            (&cap, Some(2.0), 2.0, false), // it stands there
            (&cap, None, 2.0, true),
            (&cap, None, 12.0, false), // from nowhere within the bounds is this the safe way
            (&load, Some(5.0), 2.0, false),
            (&load, Some(2.0), 5.0, true),
            (&load, None, 0.0, false),
        ];
        for (guarded, from, value, moves) in rows {
            assert_eq!(guarded.direction(from, value).is_ok(), moves, "{} {from:?} {value}", guarded.setpoint.tag);
            if let Some(from) = from {
                assert_eq!(guarded.step(Writer::FailSafe, from, value, 500).is_some(), moves, "the lane itself");
            }
        }
        let refused = cap.direction(Some(2.0), 5.0).unwrap_err();
        assert!(refused.reason.contains("only down") && refused.reason.contains("not below 2 MW"), "{refused:?}");
    }

    proptest! {
        #[test]
        fn a_step_stays_in_bounds_and_fail_safe_never_turns(
            which in 2usize..17, from in -30f64..30.0, target in -30f64..30.0, dt in 0u64..5000,
        ) {
            let (fleet, plant) = north();
            let setpoint = &plant.setpoints[which];
            let g = Guarded::new(&fleet, &plant, &setpoint.tag).unwrap();
            for writer in [Writer::FailSafe, Writer::Dispatch] {
                let Some(next) = g.step(writer, from, target, dt) else { continue };
                prop_assert!(next >= setpoint.min && next <= setpoint.max);
                if writer == Writer::FailSafe {
                    prop_assert!(g.is_safer(next, from));
                }
            }
        }
    }
}
