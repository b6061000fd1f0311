//! The edge's decisions, one scan at a time: read all, decide once, write all.
//!
//! [`Core::handle`] is the only entry. It never blocks, fails or reads a clock; what it wants done it returns as
//! [`Effect`]s, to be performed in order. [`Effect::Persist`] comes before the writes that depend on it: what was promised
//! to the centre (highest epoch, answers, latched trips) is on disk before a register moves.
//!
//! Invariants
//! - every write has passed [`gate`], the fail-safe lane's too, and one write per setpoint is under way at most;
//! - a trip is acted on in the same call that latched it, in every mode;
//! - a value that is not good decides nothing.

pub mod admit;
pub mod alarms;
pub mod arbiter;
pub mod balance;
pub mod contingency;
mod event;
pub mod gate;
pub mod image;
mod local;
pub mod modes;
pub mod report;
mod scan;
#[cfg(test)]
pub(crate) mod tests;
pub mod trips;

pub use arbiter::Hold;
pub use event::Event;
pub use modes::Mode;

use admit::{Admission, Door, refusal};
use alarms::Alarms;
use arbiter::Arbiter;
use balance::View;
use contingency::Contingencies;
use hypocaust_protocols::model::{
    BadReason, DeviceId, Fleet, Limits, Millis, Plant, PlantId, Reading, Sample, SetpointId, TagId, Tick, TripId,
};
use hypocaust_protocols::wire::{
    Action, Command, Entry, Outcome, Range, Signed, Verdict, VerifyingKey, Writer, metric,
};
use image::Image;
use modes::Modes;
use report::Reporter;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use trips::Trips;

/// When something happens: the wall clock for people and samples, the tick for every decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    pub wall: Millis,
    pub tick: Tick,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Time passed; every 100 ms or so.
    Tick,
    /// What one scan of one device saw.
    Reads {
        device: DeviceId,
        values: Vec<(TagId, Reading)>,
    },
    /// The device gave no answer in all its tries.
    DeviceLost {
        device: DeviceId,
        reason: BadReason,
        detail: String,
    },
    /// The end of an [`Effect::Write`]: the value read back, or why there is none. Reads of the same device that began
    /// before the write come before this.
    WriteDone {
        write: u64,
        result: Result<f64, String>,
    },
    /// The Sparkplug session is up (births are sent) or over.
    Link(bool),
    Command(Signed),
    Beat(Signed),
    Table(Signed),
    /// The centre has these entries on disk.
    Durable(Vec<Range>),
    /// What the spool holds.
    Spooled {
        entries: u64,
        oldest_ms: u64,
    },
}

/// The value of one of the node's own metrics.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    Number(u64),
    Text(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Put this on disk before anything after it.
    Persist(Memory),
    /// Write a setpoint, read it back, answer with [`Input::WriteDone`].
    Write { write: u64, device: DeviceId, setpoint: SetpointId, value: f64 },
    /// The watchdog counter of a device.
    Counter { device: DeviceId, tag: TagId, value: u16 },
    /// Keep until the centre has it.
    Spool(Entry),
    /// The centre has them.
    Forget(Vec<Range>),
    /// Send now if the link is up; else drop it, the next birth carries the state.
    Publish { name: &'static str, value: NodeValue },
    /// Something that people shall be able to read later.
    Event(Event),
}

/// The latest head of the centre's journal that was heard of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    pub seq: u64,
    pub hash: String,
}

/// An answer that was given, kept to be given again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// What the command asked for, so that another one under its id is told from a repetition.
    pub essence: String,
    pub outcome: Outcome,
}

/// What survives a restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The highest epoch seen.
    pub epoch: u64,
    pub anchor: Option<Anchor>,
    pub latched: Vec<TripId>,
    pub answered: Vec<Remembered>,
}

/// All present values, for a birth.
#[derive(Debug, Clone, PartialEq)]
pub struct Birth {
    pub node: Vec<(&'static str, NodeValue)>,
    /// Each device, why it does not answer, and its tags.
    pub devices: Vec<(DeviceId, Option<String>, Vec<Sample>)>,
}

/// What people ask an edge about itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    pub plant: PlantId,
    pub boot: u64,
    pub tick: Tick,
    pub mode: Mode,
    pub link: bool,
    pub epoch: u64,
    pub anchor: Option<Anchor>,
    pub trips: Vec<String>,
    pub alarms: Vec<String>,
    pub devices: BTreeMap<DeviceId, Option<String>>,
    /// Setpoints that the fail-safe lane holds, and why.
    pub held: Vec<(SetpointId, String, f64)>,
    pub refusals: BTreeMap<String, u64>,
    pub table_valid: bool,
    /// Heat of all sources; `None`: one of them cannot be seen.
    pub heat_mw: Option<f64>,
    /// What each class asks for and does not get; `None`: nobody can say.
    pub unserved_mw: BTreeMap<&'static str, Option<f64>>,
}

pub struct Core {
    fleet: Arc<Fleet>,
    plant: Arc<Plant>,
    boot: u64,
    image: Image,
    reporter: Reporter,
    alarms: Alarms,
    trips: Trips,
    door: Door,
    arbiter: Arbiter,
    contingencies: Contingencies,
    modes: Modes,
    link: bool,
    /// Why a device does not answer; `None`: it does.
    devices: BTreeMap<DeviceId, Option<String>>,
    closed_mains: Vec<hypocaust_protocols::model::MainId>,
    /// Entries and the age of the oldest, as the shell last said.
    spool: (u64, u64),
    counter: u16,
    counted: Option<Tick>,
    balanced: Tick,
    refusals: BTreeMap<String, u64>,
    told: Told,
    /// Reused between calls.
    out: Vec<Effect>,
    remember: bool,
}

/// What was last published of the state, so that only changes are.
#[derive(Debug, Clone, Default, PartialEq)]
struct Told {
    mode: Option<Mode>,
    trips: Option<String>,
    devices: Option<String>,
    anchor: Option<String>,
    spool: Option<(u64, u64)>,
}

impl Core {
    /// `boot` is higher than that of every earlier start of this edge; `memory` is what the last [`Effect::Persist`] held.
    /// `None` when the fleet has no such plant.
    pub fn new(
        fleet: Arc<Fleet>,
        plant: &PlantId,
        key: VerifyingKey,
        boot: u64,
        memory: Memory,
        now: Now,
    ) -> Option<Self> {
        let plant = Arc::new(fleet.plant(plant.as_str())?.clone());
        let limits = &fleet.limits;
        Some(Self {
            image: Image::new(&plant, &limits.scan, now.wall),
            reporter: Reporter::new(&plant, boot),
            alarms: Alarms::new(&plant.alarms),
            trips: Trips::new(&plant.trips, &memory.latched),
            door: Door::new(plant.id.clone(), key, boot, limits, &memory),
            arbiter: Arbiter::new(&fleet, &plant),
            contingencies: Contingencies::new(limits.table_ttl_s),
            modes: Modes::new(limits, now.tick),
            link: false,
            devices: plant.devices.iter().map(|d| (d.id.clone(), Some(BadReason::NotRead.name().to_owned()))).collect(),
            closed_mains: Vec::new(),
            spool: (0, 0),
            counter: 0,
            counted: None,
            balanced: now.tick,
            refusals: BTreeMap::new(),
            told: Told::default(),
            out: Vec::new(),
            remember: false,
            boot,
            plant,
            fleet,
        })
    }

    /// One input, and everything that follows from it at once.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Effect> {
        match input {
            Input::Tick => self.tick(now),
            Input::Reads { device, values } => self.reads(now, &device, values),
            Input::DeviceLost { device, reason, detail } => self.device_lost(now, &device, &reason, detail),
            Input::WriteDone { write, result } => self.write_done(now, write, result),
            Input::Link(up) => {
                self.link = up;
                // The birth carried all of it as it was when it was made. What has changed since, a trip perhaps, nobody
                // would tell; so all of it is told once more.
                self.told = Told::default();
            }
            Input::Command(signed) => self.command(now, &signed),
            Input::Beat(signed) => self.beat(now, &signed),
            Input::Table(signed) => self.table(now, &signed),
            Input::Durable(ranges) => self.forget(ranges),
            Input::Spooled { entries, oldest_ms } => self.spool = (entries, oldest_ms),
        }
        self.act(now);
        self.tell();
        if std::mem::take(&mut self.remember) {
            let memory = self.memory();
            self.out.insert(0, Effect::Persist(memory));
        }
        std::mem::take(&mut self.out)
    }

    fn limits(&self) -> &Limits {
        &self.fleet.limits
    }

    fn view(&self) -> View<'_> {
        View { fleet: &self.fleet, plant: &self.plant, image: &self.image, trips: &self.trips }
    }

    fn event(&mut self, event: Event) {
        self.out.push(Effect::Event(event));
    }

    fn forget(&mut self, ranges: Vec<Range>) {
        let ranges: Vec<Range> = ranges.into_iter().filter(|r| r.first <= r.last && r.boot <= self.boot).collect();
        if !ranges.is_empty() {
            self.out.push(Effect::Forget(ranges));
        }
    }

    fn write_done(&mut self, now: Now, write: u64, result: Result<f64, String>) {
        let Some(done) = self.arbiter.done(now.wall, now.tick, write, result, &mut self.image) else { return };
        if let Some(refusal) = done.trouble {
            self.event(Event::WriteFailed { setpoint: done.setpoint, refusal });
        }
        if let Some((id, verdict)) = done.answer {
            self.answer(now, &id, verdict);
        }
    }

    /// Answers a command that the door let in.
    fn answer(&mut self, now: Now, id: &str, verdict: Verdict) {
        if let Some(outcome) = self.door.answer(id, verdict, now.tick) {
            self.remember = true;
            self.send(outcome);
        }
    }

    fn send(&mut self, outcome: Outcome) {
        if let Verdict::Refused(refusal) = &outcome.verdict {
            *self.refusals.entry(refusal.gate.clone()).or_default() += 1;
            self.event(Event::Refused { id: outcome.id.clone(), refusal: refusal.clone() });
        }
        self.publish(metric::OUTCOME, text(&outcome));
    }

    fn publish(&mut self, name: &'static str, value: NodeValue) {
        self.out.push(Effect::Publish { name, value });
    }

    fn command(&mut self, now: Now, signed: &Signed) {
        let epoch = self.door.epoch();
        match self.door.command(signed, now.tick) {
            Admission::Accepted(command) => {
                self.remember |= self.door.epoch() != epoch;
                self.carry_out(now, command);
            }
            Admission::Answer(outcome) => self.send(outcome),
            Admission::UnderWay => {}
        }
    }

    fn carry_out(&mut self, now: Now, command: Command) {
        match command.action {
            Action::ResetTrip { trip } => {
                let verdict = match self.trips.reset(&trip) {
                    Ok(()) => {
                        self.arbiter.release(&Hold::Trip(trip.clone()));
                        self.event(Event::TripReset { trip });
                        Verdict::Done { readback: 0.0 }
                    }
                    Err(reason) => Verdict::Refused(refusal("trip", reason)),
                };
                self.answer(now, &command.id, verdict);
            }
            Action::Set { setpoint, value } => {
                let mode = self.modes.mode();
                if matches!(mode, Mode::Autonomous | Mode::Fallback) && command.writer > Writer::Operator {
                    let reason = format!(
                        "the edge is in {}; the centre leads again after {} beats in a row",
                        mode.name(),
                        self.limits().reentry_beats
                    );
                    return self.answer(now, &command.id, Verdict::Refused(refusal("arbitration", reason)));
                }
                let until = Tick(command.tick.0.saturating_add(command.ttl_ms));
                let id = Some(command.id.clone());
                let asked =
                    self.arbiter.ask(now.tick, until, command.writer, &setpoint, value, id, &self.image, &self.alarms);
                match asked {
                    Ok(superseded) => {
                        if let Some((id, verdict)) = superseded {
                            self.answer(now, &id, verdict);
                        }
                    }
                    Err(refused) => self.answer(now, &command.id, Verdict::Refused(refused)),
                }
            }
        }
    }

    fn memory(&self) -> Memory {
        Memory {
            epoch: self.door.epoch(),
            anchor: self.door.head().cloned(),
            latched: self.trips.latched().cloned().collect(),
            answered: self.door.answered().cloned().collect(),
        }
    }
}

/// A value as the JSON text of a metric.
fn text(value: &impl Serialize) -> NodeValue {
    NodeValue::Text(serde_json::to_string(value).expect("wire types are plain data and always have a JSON form"))
}
