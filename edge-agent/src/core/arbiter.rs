//! Who moves a setpoint, and the way there.
//!
//! Each setpoint has one lane. Fail-safe > operator > procedure > dispatch > sub-agent: a *hold* of the fail-safe lane
//! shuts everyone else out until it is released; another writer keeps the setpoint from lower ones for as long as its
//! command lives and its movement lasts. A value is approached in steps, as the velocity allows, one write at a time; the
//! command is answered after its first write has been read back, the rest of the way is telemetry.
//!
//! A minute has few writes (`writes_per_minute`), whoever makes them but the fail-safe lane, which takes a step each scan. So
//! a step of all others is as long as those writes are apart, and it is written at its beginning: a setpoint is not behind
//! the ramp that its velocity describes, and ahead of it by one step at most. What is less than a step, the end of a way or
//! a small correction, is written as soon as the time since the last write allows that much.
//!
//! A hold takes the place of a movement, which waits beneath it. When the hold is handed over to the centre, the movement
//! goes on, and so does what the centre asks for next: as long as that leads the safe way and not beyond the held value, at
//! the fail-safe velocity. Otherwise a centre that takes over within the second would stop a shed half way, above what the
//! consumer draws, and believe the order done.
//!
//! Where the setpoint stands is what the image last read of it, never what was once asked for.

use super::admit::refusal;
use super::alarms::Alarms;
use super::gate::{self, Guarded};
use super::image::Image;
use hypocaust_protocols::model::{
    BadReason, DeviceId, Fleet, HeaderId, Limits, MainId, Millis, Plant, SetpointId, TagId, Tick, TripId,
};
use hypocaust_protocols::wire::{Refusal, Verdict, Writer};
use std::collections::{BTreeMap, VecDeque};

/// How long after a hand-over movements keep the pace of the fail-safe lane: the way of the slowest setpoint, and the
/// centre's next cycle.
const PACE_MS: u64 = 15_000;

/// Why the fail-safe lane holds a setpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// A source's trip; released when the centre's schedule knows of it.
    Trip(TripId),
    /// A main that carries nothing any more; released in the same way.
    Main(MainId),
    /// Local balancing of this header.
    Balance(HeaderId),
    /// The edge does not see its headers.
    Fallback,
}

#[derive(Debug, Clone)]
struct Pending {
    writer: Writer,
    target: f64,
    /// The command that waits for an answer.
    command: Option<String>,
    written: bool,
}

#[derive(Debug, Clone)]
struct Flight {
    write: u64,
    value: f64,
    fail_safe: bool,
    command: Option<String>,
}

#[derive(Debug, Clone)]
struct Lane {
    guarded: Guarded,
    holds: BTreeMap<Hold, f64>,
    /// The value of a hold that was handed over: movements towards it keep its pace until this tick.
    handed: Option<(f64, Tick)>,
    pending: Option<Pending>,
    flight: Option<Flight>,
    last_write: Option<Tick>,
    /// When moves were accepted.
    accepted: Minute,
    /// When somebody else than the fail-safe lane wrote.
    written: Minute,
    /// A writer keeps it from lower ones until then.
    kept: Option<(Writer, Tick)>,
}

/// When something happened within the last minute.
#[derive(Debug, Clone, Default)]
struct Minute(VecDeque<Tick>);

impl Minute {
    fn count(&mut self, now: Tick) -> usize {
        while self.0.front().is_some_and(|t| now.since(*t) >= 60_000) {
            self.0.pop_front();
        }
        self.0.len()
    }

    /// How long ago it last happened, ms; without end where it is not known to have.
    fn since_last(&self, now: Tick) -> u64 {
        self.0.back().map_or(u64::MAX, |t| now.since(*t))
    }
}

/// How often a setpoint is written.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// A step of the fail-safe lane, ms: a fastest scan, so that each is seen in the image before the next.
    scan_ms: u64,
    /// A step of everybody else, ms.
    step_ms: u64,
    spacing_ms: u64,
    per_minute: usize,
}

/// A write to perform.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub write: u64,
    pub device: DeviceId,
    pub setpoint: SetpointId,
    pub value: f64,
    pub writer: Writer,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    pub setpoint: SetpointId,
    /// The command to answer.
    pub answer: Option<(String, Verdict)>,
    /// What went wrong, for the event list.
    pub trouble: Option<Refusal>,
}

#[derive(Debug, Clone)]
pub struct Arbiter {
    lanes: BTreeMap<SetpointId, Lane>,
    /// Tags of the safety system, which are no setpoints and have a refusal of their own.
    denied: BTreeMap<TagId, Refusal>,
    next_write: u64,
    pace: Pace,
}

impl Arbiter {
    pub fn new(fleet: &Fleet, plant: &Plant) -> Self {
        let Limits { scan, write_spacing_ms, writes_per_minute, .. } = &fleet.limits;
        let lane = |guarded| Lane {
            guarded,
            holds: BTreeMap::new(),
            handed: None,
            pending: None,
            flight: None,
            last_write: None,
            accepted: Minute::default(),
            written: Minute::default(),
            kept: None,
        };
        let lanes = plant
            .setpoints
            .iter()
            .filter_map(|s| Some((s.tag.clone(), lane(Guarded::new(fleet, plant, &s.tag)?))))
            .collect();
        let denied = plant
            .tags
            .iter()
            .filter_map(|t| Some((t.id.clone(), gate::denied(plant.device(t.device.as_str())?, t)?)))
            .collect();
        let scan_ms = scan.iter().map(|c| c.period_ms).min().unwrap_or(*write_spacing_ms).max(*write_spacing_ms);
        let apart_ms = 60_000_u64.div_ceil(u64::from(*writes_per_minute).max(1));
        let pace = Pace {
            scan_ms,
            step_ms: apart_ms.max(scan_ms),
            spacing_ms: *write_spacing_ms,
            per_minute: *writes_per_minute as usize,
        };
        Self { lanes, denied, next_write: 1, pace }
    }

    fn lane(&mut self, setpoint: &SetpointId) -> Result<&mut Lane, Refusal> {
        let denied = self.denied.get(setpoint);
        self.lanes.get_mut(setpoint).ok_or_else(|| {
            denied.cloned().unwrap_or_else(|| {
                refusal(
                    "allow-list",
                    format!("{setpoint} is no setpoint of this plant; only setpoints of its file are written"),
                )
            })
        })
    }

    /// A writer other than fail-safe asks for a value. `Ok` carries the command that lost its place and its answer.
    #[allow(clippy::too_many_arguments, reason = "one row of facts about one request; a struct would name them twice")]
    pub fn ask(
        &mut self,
        now: Tick,
        until: Tick,
        writer: Writer,
        setpoint: &SetpointId,
        value: f64,
        command: Option<String>,
        image: &Image,
        alarms: &Alarms,
    ) -> Result<Option<(String, Verdict)>, Refusal> {
        let pace = self.pace;
        let lane = self.lane(setpoint)?;
        lane.guarded.absolute(value, image)?;
        lane.free_for(writer, now)?;
        lane.guarded.judge(writer, value, image, alarms)?;
        lane.rate(now, pace)?;
        lane.accepted.0.push_back(now);
        lane.kept = Some((writer, until));
        let last = lane.pending.replace(Pending { writer, target: value, command, written: false });
        Ok(last.and_then(|p| p.command).map(|id| {
            let reason = format!("a newer request to {setpoint} took its place before it was written");
            (id, Verdict::Refused(refusal("arbitration", reason)))
        }))
    }

    /// The fail-safe lane takes a setpoint. Refused outside of the absolute rules, as for everyone. A lower writer's
    /// request that nothing was written of is answered as refused; one that was answered already waits beneath the hold.
    pub fn hold(
        &mut self,
        hold: Hold,
        setpoint: &SetpointId,
        value: f64,
        image: &Image,
    ) -> Result<Option<(String, Verdict)>, Refusal> {
        let lane = self.lane(setpoint)?;
        lane.guarded.absolute(value, image)?;
        let safest = lane.holds.get(&hold).map_or(value, |held| lane.guarded.safer(*held, value));
        lane.holds.insert(hold.clone(), safest);
        let lost = lane.pending.take_if(|p| !p.written);
        Ok(lost.and_then(|p| p.command).map(|id| {
            let reason = format!("the fail-safe lane took {setpoint} ({})", hold.name());
            (id, Verdict::Refused(refusal("arbitration", reason)))
        }))
    }

    /// Ends a hold everywhere, as its cause is gone; the setpoints stay where they are until somebody moves them.
    pub fn release(&mut self, hold: &Hold) -> bool {
        self.lanes.values_mut().fold(false, |any, lane| lane.holds.remove(hold).is_some() | any)
    }

    /// Ends a hold everywhere, as the centre takes over while its cause stands.
    pub fn hand_over(&mut self, now: Tick, hold: &Hold) -> bool {
        self.lanes.values_mut().fold(false, |any, lane| {
            let held = lane.holds.remove(hold);
            lane.handed = held.map(|value| (value, Tick(now.0 + PACE_MS))).or(lane.handed);
            held.is_some() | any
        })
    }

    /// Ends all holds on one setpoint: local balancing gives heat back.
    pub fn free(&mut self, setpoint: &SetpointId) {
        if let Some(lane) = self.lanes.get_mut(setpoint) {
            lane.holds.clear();
            lane.handed = None;
        }
    }

    /// Movements of normal writers stop where they are: nobody leads any more. Waiting commands get their answer.
    pub fn halt(&mut self) -> Vec<(String, Verdict)> {
        let mut answers = Vec::new();
        for (setpoint, lane) in &mut self.lanes {
            lane.kept = None;
            if let Some(id) = lane.pending.take().and_then(|p| p.command) {
                let reason = format!("the edge stopped hearing the centre before it wrote {setpoint}");
                answers.push((id, Verdict::Refused(refusal("arbitration", reason))));
            }
        }
        answers
    }

    pub fn holds(&self) -> impl Iterator<Item = (&SetpointId, &Hold, f64)> {
        self.lanes.iter().flat_map(|(id, lane)| lane.holds.iter().map(move |(hold, value)| (id, hold, *value)))
    }

    pub fn guarded(&self, setpoint: &SetpointId) -> Option<&Guarded> {
        self.lanes.get(setpoint).map(|l| &l.guarded)
    }

    /// The writes that are due. Each is in flight until [`Arbiter::done`].
    pub fn step(&mut self, now: Tick, image: &Image, alarms: &Alarms) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for (setpoint, lane) in &mut self.lanes {
            if lane.flight.is_some() || (lane.holds.is_empty() && lane.pending.is_none()) {
                continue;
            }
            let Some((writer, value, command)) = lane.next(now, self.pace, image, alarms) else { continue };
            let write = self.next_write;
            self.next_write += 1;
            lane.last_write = Some(now);
            lane.flight = Some(Flight { write, value, fail_safe: writer == Writer::FailSafe, command });
            let device = lane.guarded.tag.device.clone();
            wanted.push(Wanted { write, device, setpoint: setpoint.clone(), value, writer });
        }
        wanted
    }

    /// A write came back: with what was read back, or why it failed. The image learns of it before anything is decided.
    pub fn done(
        &mut self,
        wall: Millis,
        now: Tick,
        write: u64,
        result: Result<f64, String>,
        image: &mut Image,
    ) -> Option<Done> {
        let (setpoint, lane) =
            self.lanes.iter_mut().find(|(_, lane)| lane.flight.as_ref().is_some_and(|f| f.write == write))?;
        let flight = lane.flight.take()?;
        let outcome = match result {
            Ok(readback) => {
                image.read(wall, now, setpoint, Ok(readback));
                if lane.guarded.confirms(flight.value, readback) {
                    Ok(readback)
                } else {
                    Err(refusal(
                        "read-back",
                        format!("{} was written to {setpoint}, {readback} was read back", flight.value),
                    ))
                }
            }
            Err(reason) => {
                // It may have been written all the same: until it is read again nobody knows where it stands.
                image.read(wall, now, setpoint, Err(BadReason::DeviceError));
                Err(refusal("device", format!("{setpoint} could not be written: {reason}")))
            }
        };
        if outcome.is_err() && !flight.fail_safe {
            lane.pending = None;
        }
        let trouble = outcome.as_ref().err().cloned();
        let verdict = outcome.map_or_else(Verdict::Refused, |readback| Verdict::Done { readback });
        Some(Done { setpoint: setpoint.clone(), answer: flight.command.map(|id| (id, verdict)), trouble })
    }
}

impl Lane {
    fn free_for(&self, writer: Writer, now: Tick) -> Result<(), Refusal> {
        let id = &self.guarded.setpoint.tag;
        if let Some(hold) = self.holds.keys().next() {
            return Err(refusal("arbitration", format!("the fail-safe lane holds {id} ({})", hold.name())));
        }
        let moving = self.pending.as_ref().map(|p| p.writer);
        let keeping = self.kept.filter(|(_, until)| now <= *until).map(|(w, _)| w);
        match moving.into_iter().chain(keeping).min() {
            Some(higher) if higher < writer => {
                Err(refusal("arbitration", format!("{id} is with {higher:?}, which stands above {writer:?}")))
            }
            _ => Ok(()),
        }
    }

    fn rate(&mut self, now: Tick, pace: Pace) -> Result<(), Refusal> {
        let id = &self.guarded.setpoint.tag;
        let Pace { spacing_ms, per_minute, .. } = pace;
        if self.accepted.count(now) >= per_minute {
            return Err(refusal(
                "rate",
                format!("{id} has been moved {per_minute} times within a minute, which is the limit"),
            ));
        }
        let since = self.accepted.since_last(now);
        if since < spacing_ms {
            return Err(refusal("rate", format!("{id} was moved {since} ms ago; {spacing_ms} ms is the least")));
        }
        Ok(())
    }

    /// The value to write now, if any.
    fn next(&mut self, now: Tick, pace: Pace, image: &Image, alarms: &Alarms) -> Option<(Writer, f64, Option<String>)> {
        let id = &self.guarded.setpoint.tag;
        let since_any = self.last_write.map_or(u64::MAX, |t| now.since(t));
        if !self.holds.is_empty() {
            if since_any < pace.scan_ms {
                return None;
            }
            // Where it was last seen; without that nobody can say which way is safe.
            let from = image.last_good(id)?;
            let target = self.holds.values().copied().reduce(|a, b| self.guarded.safer(a, b))?;
            self.guarded.judge(Writer::FailSafe, target, image, alarms).ok()?;
            let value = self.guarded.step(Writer::FailSafe, from, target, pace.scan_ms)?;
            return Some((Writer::FailSafe, value, None));
        }
        let pending = self.pending.as_mut()?;
        // An interlock or an alarm on the way stops the movement for as long as it stands.
        self.guarded.judge(pending.writer, pending.target, image, alarms).ok()?;
        let from = image.good(id)?;
        let handed = self.handed.filter(|(_, until)| now <= *until).map(|(held, _)| held);
        let no_further = |held| if self.guarded.safer(held, pending.target) == held { pending.target } else { held };
        let handed = handed.map(no_further).filter(|target| self.guarded.is_safer(*target, from));
        let value = if let Some(target) = handed {
            if pending.written && since_any < pace.scan_ms {
                return None;
            }
            self.guarded.step(Writer::FailSafe, from, target, pace.scan_ms.min(since_any))?
        } else {
            let since = self.written.since_last(now);
            let value = self.guarded.step(pending.writer, from, pending.target, pace.step_ms.min(since))?;
            let too_short = since < pace.step_ms && value != pending.target;
            if too_short || since < pace.spacing_ms || self.written.count(now) >= pace.per_minute {
                return None;
            }
            self.written.0.push_back(now);
            value
        };
        let (writer, command) = (pending.writer, pending.command.take());
        pending.written = true;
        if (value - pending.target).abs() < self.guarded.resolution() {
            self.pending = None;
        }
        Some((writer, value, command))
    }
}

impl Hold {
    pub fn name(&self) -> String {
        match self {
            Hold::Trip(trip) => format!("trip {trip}"),
            Hold::Main(main) => format!("main {main} closed"),
            Hold::Balance(header) => format!("local balance of {header}"),
            Hold::Fallback => "fallback".into(),
        }
    }
}
