//! One device: its connection, its planned reads, its writes with read-back, its watchdog counter.
//!
//! Everything goes through one task and one client, one request at a time, so that what is read before a write is told
//! before its end. Writes go before reads; the counter goes whenever the core has moved it, between the tries of a slow
//! request too. When the core stops, so does the counter, and the PLC falls back.

use super::run::ToCore;
use crate::core::Input;
use hypocaust_protocols::modbus::codec::Layout;
use hypocaust_protocols::modbus::plan::{self, Item, Limits, Request};
use hypocaust_protocols::modbus::{Client, RegisterWrite, client};
use hypocaust_protocols::model::{BadReason, Device, Plant, ScanClass, SetpointId, Table, Tag, TagId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// A write that the core wants.
#[derive(Debug)]
pub struct Job {
    pub write: u64,
    pub setpoint: SetpointId,
    pub value: f64,
}

/// The counter as the core last set it; above `u16::MAX`: not set yet.
pub type Counter = Arc<AtomicU32>;

pub fn unset() -> Counter {
    Arc::new(AtomicU32::new(u32::MAX))
}

fn counter_value(counter: &AtomicU32) -> Option<u16> {
    u16::try_from(counter.load(Ordering::Relaxed)).ok()
}

/// The reads of one scan class.
struct Class {
    requests: Vec<Request>,
    tags: Vec<Tag>,
    period: Duration,
}

pub struct Driver {
    device: Device,
    client: Client,
    classes: Vec<Class>,
    writable: Vec<Tag>,
    counter: Counter,
    counter_tag: Option<Tag>,
    counted: Option<u16>,
}

/// What one class's reads gave.
pub enum Scan {
    Read(Vec<(TagId, Result<f64, BadReason>)>),
    Lost { reason: BadReason, detail: String },
}

impl Driver {
    /// The error names the tag that cannot be read by any request.
    pub fn new(
        plant: &Plant,
        device: &Device,
        endpoint: &str,
        scan: &[ScanClass],
        counter: Counter,
    ) -> Result<Self, String> {
        let own = || plant.tags.iter().filter(|t| t.device == device.id);
        let mut classes = Vec::new();
        for (index, class) in scan.iter().enumerate() {
            let tags: Vec<Tag> = own().filter(|t| t.scan == index).cloned().collect();
            let items: Vec<Item> =
                tags.iter().map(|t| Item { table: t.table, offset: t.offset, count: width(t) }).collect();
            let requests = plan::plan(&items, Limits::default()).map_err(|e| format!("{}: {e}", device.id))?;
            if !tags.is_empty() {
                classes.push(Class { requests, tags, period: Duration::from_millis(class.period_ms.max(1)) });
            }
        }
        let counter_tag = device.watchdog.as_ref().and_then(|w| plant.tag(w.counter.as_str())).cloned();
        let timeout = Duration::from_millis(device.timeout_ms);
        let mut client = Client::new(endpoint.to_owned(), device.unit_id, timeout, device.tries);
        if let Some(tag) = counter_tag.clone() {
            let counter = counter.clone();
            client.between_tries(move || Some(register_write(&tag, counter_value(&counter)?)));
        }
        let writable = own().filter(|t| t.writable).cloned().collect();
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
                    let tag = &class.tags[tag];
                    let value = match &result {
                        Ok(words) => decode(tag, words, position).map_err(|reason| reason.name().to_owned()),
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
                    let tag = &class.tags[tag];
                    (tag.id.clone(), decode(tag, &words, position))
                })),
                Err(error) if error.is_exception() => {
                    tracing::warn!(device = %self.device.id, error = %chain(&error), "a read was refused by the device");
                    let bad = |&(tag, _): &(usize, usize)| (class.tags[tag].id.clone(), Err(BadReason::DeviceError));
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
        let Some(tag) = &self.counter_tag else { return };
        let Some(value) = counter_value(&self.counter).filter(|v| Some(*v) != self.counted) else { return };
        let RegisterWrite { offset, values } = register_write(tag, value);
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
        let tag = self.writable.iter().find(|t| t.id == job.setpoint).cloned();
        let tag = tag.ok_or_else(|| format!("{} is not writable on {}", job.setpoint, self.device.id))?;
        let words = Layout::from(&tag).encode((job.value - tag.shift) / tag.scale).map_err(|e| e.to_string())?;
        let done = match tag.table {
            Table::Coil => self.client.write_coil(tag.offset, words.first().is_some_and(|w| *w != 0)).await,
            _ => self.client.write_registers(tag.offset, &words).await,
        };
        done.map_err(|e| chain(&e))?;
        let words = self
            .client
            .read(tag.table, tag.offset, width(&tag))
            .await
            .map_err(|e| format!("read-back: {}", chain(&e)))?;
        decode(&tag, &words, 0).map_err(|reason| format!("read-back: {reason}"))
    }
}

fn width(tag: &Tag) -> u16 {
    if tag.table.is_bits() { 1 } else { tag.data_type.registers() }
}

/// The engineering value of a tag whose registers begin at `position`.
fn decode(tag: &Tag, words: &[u16], position: usize) -> Result<f64, BadReason> {
    let own = words.get(position..position + usize::from(width(tag))).ok_or(BadReason::DeviceError)?;
    match Layout::from(tag).decode(own) {
        Ok(raw) => Ok(raw * tag.scale + tag.shift),
        Err(_) => Err(BadReason::NotANumber),
    }
}

/// `check` makes sure that a counter is a `u16` in a holding register; what is sent is the plain number.
fn register_write(tag: &Tag, value: u16) -> RegisterWrite {
    let values = Layout::from(tag).encode(f64::from(value)).unwrap_or_else(|_| vec![value]);
    RegisterWrite { offset: tag.offset, values }
}

/// An error with all its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
