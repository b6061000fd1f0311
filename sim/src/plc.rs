//! The PLCs of the simulated plants: registers and nodes in front of the physics, and the little logic that keeps a plant safe
//! when nobody supervises it.
//!
//! Promises
//! * A read shows the physics as it is now, through the faults that were injected (stuck or drifting sensors).
//! * A write is taken only to a writable tag, whole, within the tag's limits; anything else is refused and changes
//!   nothing.
//! * The supervisor is watched: a device whose counter has not changed for its watchdog's time falls back to local
//!   control. Until the counter moves again its mains close to zero flow, its stores rest, and its sources hold the load
//!   they have, or what their own header needs when it falls below its low limit. Caps stay where they are: opening them
//!   without anybody who knows what is left would put comfort above people.
//! * Firing stops above 98 % of a header's high limit whoever asked for it.

use crate::physics::{Enterprise, shows};
use crate::signal::{Signal, signals};
use hypocaust_protocols::modbus::codec::Layout;
use hypocaust_protocols::model::{DataType, Device, DeviceId, Fleet, Register, Table, Tag, TagId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why a request is refused, with the code of the Modbus standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    IllegalAddress = 2,
    IllegalValue = 3,
}

/// What can be wrong with a sensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SensorFault {
    Stuck { value: f64 },
    Drifting { per_minute: f64, since_ms: i64 },
}

/// A register write that was accepted.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Written {
    pub elapsed_ms: i64,
    pub tag: TagId,
    pub value: f64,
}

struct Watched {
    device: DeviceId,
    counter: TagId,
    timeout_ms: i64,
    last_change_ms: i64,
    fallen_back: bool,
}

/// All PLCs of a fleet before its physics.
pub struct Plants {
    fleet: Arc<Fleet>,
    pub physics: Enterprise,
    signals: BTreeMap<TagId, Signal>,
    memory: BTreeMap<TagId, f64>,
    sensor_faults: BTreeMap<TagId, SensorFault>,
    silenced: BTreeSet<DeviceId>,
    watched: Vec<Watched>,
    /// The clock of the watchdogs: real time, however fast the physics runs.
    clock_ms: i64,
}

impl Plants {
    pub fn new(fleet: Arc<Fleet>, physics: Enterprise) -> Self {
        let watched = fleet
            .plants
            .iter()
            .flat_map(|p| &p.devices)
            .filter_map(|d| {
                let w = d.watchdog.as_ref()?;
                Some(Watched {
                    device: d.id.clone(),
                    counter: w.counter.clone(),
                    timeout_ms: w.timeout_ms as i64,
                    last_change_ms: 0,
                    fallen_back: false,
                })
            })
            .collect();
        let mut plants = Self {
            signals: signals(&fleet),
            physics,
            memory: BTreeMap::new(),
            sensor_faults: BTreeMap::new(),
            silenced: BTreeSet::new(),
            watched,
            clock_ms: 0,
            fleet,
        };
        // Caps begin released: at the upper bound of their setpoints.
        for plant in &plants.fleet.plants {
            for setpoint in &plant.setpoints {
                if let Some(Signal::Cap(i)) = plants.signals.get(&setpoint.tag) {
                    plants.physics.consumers[*i].cap = setpoint.max;
                }
            }
        }
        plants
    }

    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// Moves the watchdogs by `real_ms` and the physics by `physics_ms`, in steps that keep it stable.
    pub fn step(&mut self, real_ms: i64, physics_ms: i64) {
        self.clock_ms += real_ms;
        self.watch();
        let mut left = physics_ms;
        while left > 0 {
            let dt = left.min(200);
            self.protect();
            self.physics.step(dt);
            left -= dt;
        }
    }

    fn watch(&mut self) {
        for watched in &mut self.watched {
            watched.fallen_back = self.clock_ms - watched.last_change_ms > watched.timeout_ms;
        }
        for i in 0..self.watched.len() {
            if self.watched[i].fallen_back {
                let device = self.watched[i].device.clone();
                self.fall_back(&device);
            }
        }
    }

    fn fall_back(&mut self, device: &DeviceId) {
        let own: Vec<Signal> = self.tags_of(device).filter_map(|t| self.signals.get(&t.id).copied()).collect();
        for signal in own {
            match signal {
                Signal::MainSetpoint(i) => self.physics.mains[i].setpoint = 0.0,
                Signal::StoreSetpoint(i) => self.physics.storages[i].setpoint = 0.0,
                Signal::SourceSetpoint(i) => {
                    let source = &self.physics.sources[i];
                    let header = &self.physics.headers[source.header];
                    if source.swing || header.value < header.spec.low {
                        self.physics.sources[i].setpoint = self.physics.sources[i].spec.proven_mw;
                    }
                }
                _ => {}
            }
        }
    }

    /// Overpressure protection: above 98 % of `high` the fuel is shut, whoever asked for it, and opens again half-way
    /// back to nominal. Setpoints stay what they were: the register shows what was asked for, the heat what is made.
    fn protect(&mut self) {
        for source in &mut self.physics.sources {
            let header = &self.physics.headers[source.header];
            let limit = 0.98 * header.spec.high;
            let release = (header.spec.nominal + limit) / 2.0;
            source.cut = header.value > limit || source.cut && header.value > release;
        }
    }

    /// Is this device on local control because its counter stands still?
    pub fn has_fallen_back(&self, device: &str) -> bool {
        self.watched.iter().any(|w| w.device.as_str() == device && w.fallen_back)
    }

    pub fn silence(&mut self, device: &DeviceId, silent: bool) {
        if silent {
            self.silenced.insert(device.clone());
        } else {
            self.silenced.remove(device);
        }
    }

    /// A silenced device answers nothing.
    pub fn is_silent(&self, device: &DeviceId) -> bool {
        self.silenced.contains(device)
    }

    pub fn has_sensor_fault(&self, tag: &TagId) -> bool {
        self.sensor_faults.contains_key(tag)
    }

    pub fn set_sensor_fault(&mut self, tag: &TagId, fault: Option<SensorFault>) {
        match fault {
            Some(fault) => self.sensor_faults.insert(tag.clone(), fault),
            None => self.sensor_faults.remove(tag),
        };
    }

    fn tags_of<'p>(&'p self, device: &'p DeviceId) -> impl Iterator<Item = &'p Tag> {
        self.fleet.plants.iter().flat_map(|p| &p.tags).filter(move |t| t.device == *device)
    }

    fn registers_of<'p>(&'p self, device: &'p DeviceId) -> impl Iterator<Item = (&'p Tag, &'p Register)> {
        self.tags_of(device).filter_map(|t| Some((t, t.address.register()?)))
    }

    fn device(&self, device: &str) -> Option<&Device> {
        self.fleet.plants.iter().flat_map(|p| &p.devices).find(|d| d.id.as_str() == device)
    }

    /// The physical value behind a tag, in its unit, before any sensor fault.
    pub fn truth(&self, tag: &TagId) -> f64 {
        let e = &self.physics;
        match self.signals.get(tag).copied().unwrap_or(Signal::Memory) {
            Signal::HeaderValue(i) => e.headers[i].value,
            Signal::SourceHeat(i) => e.sources[i].heat,
            Signal::SourceState(i) => f64::from(e.sources[i].state as u8),
            Signal::SourceSetpoint(i) => e.sources[i].setpoint,
            Signal::StartRequest(i) => f64::from(u8::from(e.sources[i].requested)),
            Signal::Tripped(i) => {
                use hypocaust_protocols::model::SourceState::{Lockout, Tripped};
                f64::from(u8::from(matches!(e.sources[i].state, Tripped | Lockout)))
            }
            Signal::Meter(i, meter) => e.sources[i].meter(meter, &e.headers[e.sources[i].header]),
            Signal::StoreLevel(i) => e.storages[i].energy,
            Signal::StoreHeat(i) => e.storages[i].heat,
            Signal::StoreSetpoint(i) => e.storages[i].setpoint,
            Signal::Asked(i) => e.consumers[i].asked,
            Signal::Served(i) => e.consumers[i].served,
            Signal::Cap(i) => e.consumers[i].cap,
            Signal::MainFlow(i) => e.mains[i].flow,
            Signal::MainSetpoint(i) => e.mains[i].setpoint,
            Signal::MainOpen(i) => f64::from(u8::from(e.mains[i].open)),
            Signal::Measured(piece, quantity) => {
                shows(e, piece, quantity).expect("a checked fleet measures only what its equipment has")
            }
            Signal::Memory => self.memory.get(tag).copied().unwrap_or(0.0),
        }
    }

    /// What the device shows for a tag.
    pub fn shown(&self, tag: &Tag) -> f64 {
        match self.sensor_faults.get(&tag.id) {
            Some(SensorFault::Stuck { value }) => *value,
            Some(SensorFault::Drifting { per_minute, since_ms }) => {
                self.truth(&tag.id) + per_minute * (self.clock_ms - since_ms) as f64 / 60_000.0
            }
            None => self.truth(&tag.id),
        }
    }

    pub fn clock_ms(&self) -> i64 {
        self.clock_ms
    }

    /// Registers (or bits as 0 and 1) as a Modbus master sees them. Holes between tags read as zero, as in most PLCs;
    /// beyond the last tag there is nothing.
    pub fn read(&self, device: &str, table: Table, offset: u16, count: u16) -> Result<Vec<u16>, Exception> {
        let device = self.device(device).ok_or(Exception::IllegalAddress)?;
        let end = usize::from(offset) + usize::from(count);
        let mut words = vec![0u16; usize::from(count)];
        let mut last = 0;
        for (tag, at) in self.registers_of(&device.id).filter(|(_, at)| at.table == table) {
            let first = usize::from(at.offset);
            let length = usize::from(tag.data_type.registers());
            last = last.max(first + length);
            if first >= end || first + length <= usize::from(offset) {
                continue;
            }
            for (i, word) in self.encoded(tag, at).into_iter().enumerate() {
                if let Some(slot) = (first + i).checked_sub(usize::from(offset)).and_then(|at| words.get_mut(at)) {
                    // Bits of one status word come from several tags.
                    *slot |= word;
                }
            }
        }
        if end > last { Err(Exception::IllegalAddress) } else { Ok(words) }
    }

    /// What a client reads of a node, before scale and shift.
    pub fn read_node(&self, device: &str, node: &str) -> Result<f64, Exception> {
        let device = self.device(device).ok_or(Exception::IllegalAddress)?;
        let tag = self.tags_of(&device.id).find(|t| t.address.node() == Some(node)).ok_or(Exception::IllegalAddress)?;
        let raw = if tag.data_type == DataType::Bool { f64::from(self.raw(tag) != 0.0) } else { self.raw(tag) };
        Ok(Layout::new(tag.data_type).nearest(raw).unwrap_or(0.0))
    }

    /// The raw number of a tag; one that its type cannot hold is shown as the nearest that it can.
    fn raw(&self, tag: &Tag) -> f64 {
        let raw = (self.shown(tag) - tag.shift) / tag.scale;
        let (low, high) = raw_range(tag.data_type);
        if matches!(tag.data_type, DataType::F32 | DataType::F64) { raw } else { raw.round().clamp(low, high) }
    }

    fn encoded(&self, tag: &Tag, at: &Register) -> Vec<u16> {
        if let Some(bit) = at.bit {
            return vec![u16::from(self.raw(tag) != 0.0) << bit];
        }
        let words = Layout::of(tag, at).encode(self.raw(tag));
        words.unwrap_or_else(|_| vec![0; usize::from(tag.data_type.registers())])
    }

    /// A write of whole tags, starting at `offset`. Nothing is changed unless all of it can be.
    pub fn write(&mut self, device: &str, table: Table, offset: u16, words: &[u16]) -> Result<Vec<Written>, Exception> {
        let device = self.device(device).ok_or(Exception::IllegalAddress)?.id.clone();
        let mut moves = Vec::new();
        let mut at = usize::from(offset);
        let end = at + words.len();
        while at < end {
            let (tag, register) = self
                .registers_of(&device)
                .find(|(t, r)| r.table == table && usize::from(r.offset) == at && t.writable)
                .ok_or(Exception::IllegalAddress)?;
            let length = usize::from(tag.data_type.registers());
            let from = at - usize::from(offset);
            let raw = words.get(from..from + length).ok_or(Exception::IllegalAddress)?;
            let raw = Layout::of(tag, register).decode(raw).map_err(|_| Exception::IllegalValue)?;
            let value = accepted(tag, raw)?;
            moves.push((tag.id.clone(), value));
            at += length;
        }
        Ok(moves.into_iter().map(|(tag, value)| self.written(tag, value)).collect())
    }

    /// A write of one node, before scale and shift.
    pub fn write_node(&mut self, device: &str, node: &str, raw: f64) -> Result<Written, Exception> {
        let device = self.device(device).ok_or(Exception::IllegalAddress)?;
        let tag = self
            .tags_of(&device.id)
            .find(|t| t.address.node() == Some(node) && t.writable)
            .ok_or(Exception::IllegalAddress)?;
        let (id, value) = (tag.id.clone(), accepted(tag, raw)?);
        Ok(self.written(id, value))
    }

    fn written(&mut self, tag: TagId, value: f64) -> Written {
        self.set(&tag, value);
        Written { elapsed_ms: self.clock_ms, tag, value }
    }

    fn set(&mut self, tag: &TagId, value: f64) {
        let e = &mut self.physics;
        match self.signals.get(tag).copied().unwrap_or(Signal::Memory) {
            Signal::SourceSetpoint(i) => e.sources[i].setpoint = value,
            Signal::StartRequest(i) => e.sources[i].requested = value != 0.0,
            Signal::StoreSetpoint(i) => e.storages[i].setpoint = value,
            Signal::Cap(i) => e.consumers[i].cap = value,
            Signal::MainSetpoint(i) => e.mains[i].setpoint = value,
            _ => {
                let before = self.memory.insert(tag.clone(), value);
                if before != Some(value)
                    && let Some(watched) = self.watched.iter_mut().find(|w| w.counter == *tag)
                {
                    watched.last_change_ms = self.clock_ms;
                }
            }
        }
    }
}

/// The value of a raw number that a master wants to write.
fn accepted(tag: &Tag, raw: f64) -> Result<f64, Exception> {
    let value = raw * tag.scale + tag.shift;
    // A bound that a 32-bit float cannot hold exactly must still be reachable.
    let slack = 1e-6 * (tag.max - tag.min);
    if (tag.min - slack..=tag.max + slack).contains(&value) { Ok(value) } else { Err(Exception::IllegalValue) }
}

fn raw_range(data_type: DataType) -> (f64, f64) {
    match data_type {
        DataType::Bool => (0.0, 1.0),
        DataType::U16 => (0.0, f64::from(u16::MAX)),
        DataType::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        DataType::U32 => (0.0, f64::from(u32::MAX)),
        DataType::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        // Beyond 2^53 a float has no unit steps.
        DataType::U64 => (0.0, 9e15),
        DataType::I64 => (-9e15, 9e15),
        DataType::F32 | DataType::F64 => (f64::MIN, f64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hypocaust_protocols::model::Address;
    use std::path::Path;

    fn plants() -> Plants {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
        let fleet = Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"));
        let physics = Enterprise::new(&fleet, 1, 10.0);
        Plants::new(fleet, physics)
    }

    #[test]
    fn every_tag_reads_back_as_what_it_shows() {
        let mut p = plants();
        p.step(1000, 60_000);
        let fleet = Arc::clone(&p.fleet);
        for tag in fleet.plants.iter().flat_map(|x| &x.tags) {
            let device = tag.device.as_str();
            let raw = match &tag.address {
                Address::Register(at) => {
                    let words = p.read(device, at.table, at.offset, tag.data_type.registers()).expect("its registers");
                    Layout::of(tag, at).decode(&words).expect("a number")
                }
                Address::Node(node) => p.read_node(device, node).expect("a tag's node"),
            };
            let value = raw * tag.scale + tag.shift;
            // A 32-bit float has 24 bits of a number.
            let float = (6e-8 * value.abs()).max(1e-5);
            let step = if matches!(tag.data_type, DataType::F32 | DataType::F64) { float } else { tag.scale };
            assert!((value - p.shown(tag)).abs() <= step, "{}: {value} for {}", tag.id, p.shown(tag));
        }
    }

    #[test]
    fn a_write_moves_the_physics_or_is_refused_whole() {
        let mut p = plants();
        let tag = p.fleet.tag("north.mill.cap-sp").expect("the tag").1.clone();
        let at = *tag.address.register().expect("plc1 speaks Modbus");
        let words = Layout::of(&tag, &at).encode(2.5).expect("encodes");
        let written = p.write("north.plc1", Table::Holding, at.offset, &words).expect("accepted");
        assert_eq!(written.len(), 1);
        p.step(0, 60_000);
        assert!((p.truth(&TagId::new("north.mill.served").expect("an id")) - 2.5).abs() < 0.01);
        assert_eq!(p.write("north.plc1", Table::Holding, 900, &[1]), Err(Exception::IllegalAddress));
        let beyond = Layout::of(&tag, &at).encode(99.0).expect("encodes");
        assert_eq!(p.write("north.plc1", Table::Holding, at.offset, &beyond), Err(Exception::IllegalValue));
        assert_eq!(p.write("north.plc1", Table::Holding, at.offset, &words[..1]), Err(Exception::IllegalAddress));
        assert!((p.truth(&tag.id) - 2.5).abs() < 1e-6, "refused writes change nothing");
        assert_eq!(p.read("north.plc1", Table::Input, 2000, 1), Err(Exception::IllegalAddress));
    }

    #[test]
    fn a_counter_that_stops_is_noticed_and_one_that_moves_is_enough() {
        let mut p = plants();
        for count in 1..20u16 {
            p.write("north.plc1", Table::Holding, 0, &[count]).expect("the counter");
            p.step(1000, 1000);
        }
        assert!(!p.has_fallen_back("north.plc1"));
        assert!(p.has_fallen_back("north.plc2"), "nobody counted there");
        p.physics.mains[0].setpoint = 3.0;
        p.step(5001, 1000);
        assert!(p.has_fallen_back("north.plc1"));
        assert_eq!(p.physics.mains[0].setpoint, 0.0);
        p.write("north.plc1", Table::Holding, 0, &[77]).expect("the counter");
        p.step(1000, 1000);
        assert!(!p.has_fallen_back("north.plc1"));
    }

    #[test]
    fn on_local_control_the_plant_keeps_itself_warm() {
        let mut p = plants();
        p.physics.storages[0].setpoint = 2.0;
        p.physics.consumers[3].cap = 1.5;
        let source = |p: &Plants, id: &str| {
            p.physics.sources.iter().position(|s| s.spec.id.as_str() == id).expect("a source of the sample fleet")
        };
        let (b1, b2) = (source(&p, "north.b1"), source(&p, "north.b2"));
        (p.physics.sources[b1].setpoint, p.physics.sources[b2].setpoint) = (5.0, 3.0);
        // Nobody counts.
        p.step(5_001, 1_000);
        assert!(p.has_fallen_back("north.plc1") && p.has_fallen_back("north.plc2"));
        assert_eq!(p.physics.storages[0].setpoint, 0.0, "a store rests");
        assert_eq!(
            p.physics.sources[b1].setpoint, p.physics.sources[b1].spec.proven_mw,
            "the swing source has its band"
        );
        assert_eq!(p.physics.sources[b2].setpoint, 3.0, "another holds what it had");
        assert_eq!(p.physics.consumers[3].cap, 1.5, "caps stay");
        let header = p.physics.sources[b2].header;
        p.physics.headers[header].value = p.physics.headers[header].spec.low - 0.5;
        p.step(1_000, 100);
        assert_eq!(p.physics.sources[b2].setpoint, p.physics.sources[b2].spec.proven_mw, "a low header needs it");
    }

    #[test]
    fn the_high_limit_shuts_the_fuel_and_leaves_the_setpoint() {
        let mut p = plants();
        let b2 = p.physics.sources.iter().position(|s| s.spec.id.as_str() == "north.b2").expect("the source");
        p.physics.sources[b2].setpoint = 8.0;
        for consumer in &mut p.physics.consumers {
            consumer.cap = 0.0;
        }
        let mut highest: f64 = 0.0;
        let mut cut = false;
        for _ in 0..3600 {
            p.step(0, 1000);
            highest = highest.max(p.physics.headers[p.physics.sources[b2].header].value);
            cut |= p.physics.sources[b2].cut;
        }
        assert!(cut && highest > 12.7, "the limit was reached: {highest} bar");
        assert_eq!(p.physics.sources[b2].setpoint, 8.0);
        for consumer in &mut p.physics.consumers {
            consumer.cap = 20.0;
        }
        p.step(0, 1_200_000);
        assert!(!p.physics.sources[b2].cut && p.physics.sources[b2].heat > 5.0, "it fires again");
    }

    #[test]
    fn sensor_faults_show_and_go() {
        let mut p = plants();
        let tag = p.fleet.tag("north.steam.pressure").expect("the tag").1.clone();
        p.set_sensor_fault(&tag.id, Some(SensorFault::Stuck { value: 3.0 }));
        assert_eq!(p.shown(&tag), 3.0);
        p.set_sensor_fault(&tag.id, Some(SensorFault::Drifting { per_minute: 1.0, since_ms: 0 }));
        p.step(120_000, 0);
        assert!((p.shown(&tag) - 12.0).abs() < 1e-9);
        p.set_sensor_fault(&tag.id, None);
        assert!((p.shown(&tag) - 10.0).abs() < 1e-9);
    }
}
