//! A Modbus device: its connection, its planned reads, its writes with read-back, its watchdog counter.
//!
//! Everything goes through one task and one client, one request at a time, so that what is read before a write is told
//! before its end. Writes go before reads; the counter goes whenever the core has moved it, between the tries of a slow
//! request too. When the core stops, so does the counter, and the PLC falls back.

use super::device::{Counter, Job, chain, counter_value};
use super::run::ToCore;
use crate::core::Input;
use hypocaust_protocols::modbus::codec::Layout;
use hypocaust_protocols::modbus::plan::{self, Item, Limits, Request};
use hypocaust_protocols::modbus::{Client, RegisterWrite, client};
use hypocaust_protocols::model::{
    BadReason, Device, ModbusTcp, Plant, Reading, Register, ScanClass, Table, Tag, TagId,
};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// The reads of one scan class.
struct Class {
    requests: Vec<Request>,
    tags: Vec<(Tag, Register)>,
    period: Duration,
}

pub struct Driver {
    device: Device,
    client: Client,
    classes: Vec<Class>,
    writable: Vec<(Tag, Register)>,
    counter: Counter,
    counter_tag: Option<(Tag, Register)>,
    counted: Option<u16>,
}

/// What one class's reads gave.
pub enum Scan {
    Read(Vec<(TagId, Reading)>),
    Lost { reason: BadReason, detail: String },
}

impl Driver {
    /// The error names the tag that cannot be read by any request.
    pub fn new(
        plant: &Plant,
        device: &Device,
        link: &ModbusTcp,
        endpoint: &str,
        scan: &[ScanClass],
        counter: Counter,
    ) -> Result<Self, String> {
        let own = || plant.tags.iter().filter(|t| t.device == device.id).filter_map(with_register);
        let mut classes = Vec::new();
        for (index, class) in scan.iter().enumerate() {
            let tags: Vec<(Tag, Register)> = own().filter(|(t, _)| t.scan == index).collect();
            let item = |(t, at): &(Tag, Register)| Item { table: at.table, offset: at.offset, count: width(t, at) };
            let items: Vec<Item> = tags.iter().map(item).collect();
            let requests = plan::plan(&items, Limits::default()).map_err(|e| format!("{}: {e}", device.id))?;
            if !tags.is_empty() {
                classes.push(Class { requests, tags, period: Duration::from_millis(class.period_ms.max(1)) });
            }
        }
        let counter_tag = device.watchdog.as_ref().and_then(|w| plant.tag(w.counter.as_str()));
        let counter_tag = counter_tag.and_then(with_register);
        let timeout = Duration::from_millis(device.timeout_ms);
        let mut client = Client::new(endpoint.to_owned(), link.unit_id, timeout, device.tries);
        if let Some((tag, at)) = counter_tag.clone() {
            let counter = counter.clone();
            client.between_tries(move || Some(register_write(&tag, &at, counter_value(&counter)?)));
        }
        let writable = own().filter(|(t, _)| t.writable).collect();
        Ok(Self { device: device.clone(), client, classes, writable, counter, counter_tag, counted: None })
    }

    /// Runs until the core is gone.
    pub async fn run(mut self, mut jobs: mpsc::Receiver<Job>, core: mpsc::Sender<ToCore>) {
        let start = Instant::from_std(super::clock::monotonic());
        let mut due: Vec<Instant> = self.classes.iter().map(|_| start).collect();
        let mut beat = interval(Duration::from_millis(100));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                job = jobs.recv() => match job {
                    Some(job) => {
                        if !self.write(job, &core).await { return; }
                        continue;
                    }
                    None => return,
                },
                _ = beat.tick() => {}
            }
            self.count().await;
            for at in 0..self.classes.len() {
                let now = Instant::from_std(super::clock::monotonic());
                if due[at] > now {
                    continue;
                }
                // From now, not from when it was due: a slow device is not asked twice in a row to catch up.
                due[at] = now + self.classes[at].period;
                let input = match self.scan(at, &mut jobs, &core).await {
                    Some(Scan::Read(values)) => Input::Reads { device: self.device.id.clone(), values },
                    Some(Scan::Lost { reason, detail }) => {
                        // One class tells for all; the others need not wait for their time-outs too.
                        let pause = Instant::from_std(super::clock::monotonic())
                            + Duration::from_millis(self.device.timeout_ms);
                        due.iter_mut().for_each(|d| *d = (*d).max(pause));
                        Input::DeviceLost { device: self.device.id.clone(), reason, detail }
                    }
                    None => return,
                };
                if core.send(ToCore::Input(input)).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Everything once, for `probe`.
    pub async fn probe(&mut self) -> Vec<(TagId, Result<f64, String>)> {
        let mut all = Vec::new();
        for at in 0..self.classes.len() {
            for r in 0..self.classes[at].requests.len() {
                let result = self.request(at, r).await;
                let class = &self.classes[at];
                for &(tag, position) in &class.requests[r].items {
                    let (tag, at) = &class.tags[tag];
                    let value = match &result {
                        Ok(words) => decode(tag, at, words, position).map_err(|reason| reason.name().to_owned()),
                        Err(error) => Err(chain(error)),
                    };
                    all.push((tag.id.clone(), value));
                }
            }
        }
        all
    }

    async fn request(&mut self, at: usize, r: usize) -> Result<Vec<u16>, client::Error> {
        let Request { table, offset, count, .. } = self.classes[at].requests[r];
        self.client.read(table, offset, count).await
    }

    /// The reads of one class; writes that come meanwhile go between. `None`: the core is gone.
    async fn scan(&mut self, at: usize, jobs: &mut mpsc::Receiver<Job>, core: &mpsc::Sender<ToCore>) -> Option<Scan> {
        let mut values = Vec::with_capacity(self.classes[at].tags.len());
        for r in 0..self.classes[at].requests.len() {
            if let Ok(job) = jobs.try_recv() {
                // What was read before the write is told before its end.
                let read = std::mem::take(&mut values);
                if !read.is_empty() {
                    let input = Input::Reads { device: self.device.id.clone(), values: read };
                    core.send(ToCore::Input(input)).await.ok()?;
                }
                if !self.write(job, core).await {
                    return None;
                }
            }
            let result = self.request(at, r).await;
            let class = &self.classes[at];
            match result {
                Ok(words) => values.extend(class.requests[r].items.iter().map(|&(tag, position)| {
                    let (tag, at) = &class.tags[tag];
                    (tag.id.clone(), decode(tag, at, &words, position).into())
                })),
                Err(error) if error.is_exception() => {
                    tracing::warn!(device = %self.device.id, error = %chain(&error), "a read was refused by the device");
                    let bad = |&(tag, _): &(usize, usize)| {
                        (class.tags[tag].0.id.clone(), Reading::from(Err(BadReason::DeviceError)))
                    };
                    values.extend(class.requests[r].items.iter().map(bad));
                }
                Err(error) => {
                    return Some(Scan::Lost { reason: BadReason::NoConnection, detail: chain(&error) });
                }
            }
            self.count().await;
        }
        Some(Scan::Read(values))
    }

    /// Writes the counter if the core has moved it. A failure shows in the next read.
    async fn count(&mut self) {
        let Some((tag, at)) = &self.counter_tag else { return };
        let Some(value) = counter_value(&self.counter).filter(|v| Some(*v) != self.counted) else { return };
        let RegisterWrite { offset, values } = register_write(tag, at, value);
        match self.client.write_registers(offset, &values).await {
            Ok(()) => self.counted = Some(value),
            Err(error) => {
                tracing::debug!(device = %self.device.id, error = %chain(&error), "the watchdog counter was not written")
            }
        }
    }

    /// False: the core is gone.
    async fn write(&mut self, job: Job, core: &mpsc::Sender<ToCore>) -> bool {
        let result = self.written(&job).await;
        core.send(ToCore::Input(Input::WriteDone { write: job.write, result })).await.is_ok()
    }

    async fn written(&mut self, job: &Job) -> Result<f64, String> {
        let found = self.writable.iter().find(|(t, _)| t.id == job.setpoint).cloned();
        let (tag, at) = found.ok_or_else(|| format!("{} is not writable on {}", job.setpoint, self.device.id))?;
        let words = Layout::of(&tag, &at).encode((job.value - tag.shift) / tag.scale).map_err(|e| e.to_string())?;
        let done = match at.table {
            Table::Coil => self.client.write_coil(at.offset, words.first().is_some_and(|w| *w != 0)).await,
            _ => self.client.write_registers(at.offset, &words).await,
        };
        done.map_err(|e| chain(&e))?;
        let words = self
            .client
            .read(at.table, at.offset, width(&tag, &at))
            .await
            .map_err(|e| format!("read-back: {}", chain(&e)))?;
        decode(&tag, &at, &words, 0).map_err(|reason| format!("read-back: {reason}"))
    }
}

/// A tag of a Modbus device with its registers.
fn with_register(tag: &Tag) -> Option<(Tag, Register)> {
    Some((tag.clone(), *tag.address.register()?))
}

fn width(tag: &Tag, at: &Register) -> u16 {
    if at.table.is_bits() { 1 } else { tag.data_type.registers() }
}

/// The engineering value of a tag whose registers begin at `position`.
fn decode(tag: &Tag, at: &Register, words: &[u16], position: usize) -> Result<f64, BadReason> {
    let own = words.get(position..position + usize::from(width(tag, at))).ok_or(BadReason::DeviceError)?;
    match Layout::of(tag, at).decode(own) {
        Ok(raw) => Ok(raw * tag.scale + tag.shift),
        Err(_) => Err(BadReason::NotANumber),
    }
}

/// `check` makes sure that a counter is a `u16` in a holding register; what is sent is the plain number.
fn register_write(tag: &Tag, at: &Register, value: u16) -> RegisterWrite {
    let values = Layout::of(tag, at).encode(f64::from(value)).unwrap_or_else(|_| vec![value]);
    RegisterWrite { offset: at.offset, values }
}
