//! An OPC UA device: its session under a supervisor, its values as they come, its writes with read-back, its watchdog
//! counter.
//!
//! When a session is opened and thrown away, [`Supervisor`] decides. While one stands, what has changed goes to the core
//! at once, and at the pace of each scan class all values go again, because the subscription has said that they still
//! hold. From the first doubt on the device is lost: nothing that was known of it is good until a new session has read
//! everything again.

use super::clock::{self, Clock};
use super::device::{Counter, Job, counter_value};
use super::run::ToCore;
use crate::core::Input;
use hypocaust_protocols::model::{BadReason, Device, OpcUa, Plant, Quality, Reading, ScanClass, Tag, TagId};
use hypocaust_protocols::opcua::pki::{self, Pki};
use hypocaust_protocols::opcua::session::{self, Browsed, Event, Opened, Session, Target, WriteError};
use hypocaust_protocols::opcua::{Failure, Heard, Latest, Order, Settings, Supervisor, value};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Events that are taken together before the core hears of them.
const BATCH: usize = 10_000;
/// How often a driver that was not let in looks whether the password has changed.
const LOOK_MS: u64 = 5_000;

/// The certificates of a plant's edge, below its data folder. Made at the first start.
pub fn certificates(data: &Path, plant: &str) -> Result<Pki, pki::Error> {
    Pki::open(&data.join("opcua"), &format!("Hypocaust edge {plant}"), &application(plant), &[])
}

/// The URI in the certificate of a plant's edge.
fn application(plant: &str) -> String {
    format!("urn:hypocaust:edge:{plant}")
}

/// The tags of one scan class, by their place.
struct Class {
    period_ms: u64,
    due: u64,
    tags: Vec<usize>,
}

pub struct Driver {
    device: Device,
    pki: Pki,
    /// Without the password, which is read at each attempt.
    target: Target,
    password: PathBuf,
    tags: Vec<Tag>,
    classes: Vec<Class>,
    counter: Counter,
    counter_at: Option<usize>,
    counted: Option<u16>,
    clock: Clock,
}

/// An attempt on its way.
struct Opening {
    task: JoinHandle<Result<Opened, Failure>>,
    begun: Arc<AtomicBool>,
    told: bool,
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A session that stands, and what it has shown.
struct Live {
    session: Session,
    latest: Latest,
}

/// The core has ended, and so does the driver.
struct CoreGone;

struct Running {
    driver: Driver,
    supervisor: Supervisor,
    opening: Option<Opening>,
    live: Option<Live>,
    core: mpsc::Sender<ToCore>,
    why_not: String,
    /// Of a driver that was not let in: with which password, and when it looks again.
    refused_with: Option<(Option<String>, u64)>,
}

impl Driver {
    pub fn new(
        plant: &Plant,
        device: &Device,
        link: &OpcUa,
        address: &str,
        scan: &[ScanClass],
        counter: Counter,
        data: &Path,
    ) -> Result<Self, String> {
        let pki = certificates(data, plant.id.as_str()).map_err(|e| format!("certificates of {}: {e}", plant.id))?;
        let tags: Vec<Tag> = plant.tags.iter().filter(|t| t.device == device.id).cloned().collect();
        let nodes = tags.iter().map(|t| t.address.node().unwrap_or_default().to_owned()).collect();
        let classes = scan.iter().enumerate().map(|(index, class)| Class {
            period_ms: class.period_ms.max(1),
            due: 0,
            tags: (0..tags.len()).filter(|at| tags[*at].scan == index).collect(),
        });
        let watched = device.watchdog.as_ref().map(|w| &w.counter);
        Ok(Self {
            device: device.clone(),
            password: data.join("opcua").join("passwords").join(device.id.as_str()),
            pki,
            target: Target {
                link: link.clone(),
                endpoint: link.endpoint_at(address),
                name: format!("Hypocaust edge {}", plant.id),
                uri: application(plant.id.as_str()),
                password: None,
                timeout: Duration::from_millis(device.worst_transaction_ms()),
                nodes,
            },
            classes: classes.collect(),
            counter,
            counter_at: watched.and_then(|id| tags.iter().position(|t| t.id == *id)),
            counted: None,
            tags,
            clock: Clock::start(),
        })
    }

    /// Runs until the core is gone.
    pub async fn run(self, mut jobs: mpsc::Receiver<Job>, core: mpsc::Sender<ToCore>) {
        let mut running = Running {
            driver: self,
            supervisor: Supervisor::new(Settings::default()),
            opening: None,
            live: None,
            core,
            why_not: "no session yet".to_owned(),
            refused_with: None,
        };
        let mut beat = interval(Duration::from_millis(100));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                biased;
                job = jobs.recv() => match job {
                    Some(job) => running.write(job).await,
                    None => Err(CoreGone),
                },
                opened = finished(&mut running.opening) => running.opened(opened).await,
                event = next(&mut running.live) => running.events(event).await,
                _ = beat.tick() => running.beat().await,
            };
            if done.is_err() {
                break;
            }
        }
        if let Some(live) = running.live.take() {
            live.session.close().await;
        }
    }

    /// The password for the user of the file, if it names one; the error says where to put it.
    fn password(&self) -> Result<Option<String>, String> {
        if self.target.link.user.is_none() {
            return Ok(None);
        }
        let shown = self.password.display();
        match std::fs::read_to_string(&self.password) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned())),
            Err(e) => Err(format!("no password for {}: write it to {shown} (0600): {e}", self.device.id)),
        }
    }

    fn target(&self) -> Result<Target, Failure> {
        let password = self.password().map_err(Failure::NotLetIn)?;
        Ok(Target { password, ..self.target.clone() })
    }

    async fn open_once(&self, nodes: bool) -> Result<Opened, String> {
        let mut target = self.target().map_err(|f| f.detail().to_owned())?;
        if !nodes {
            target.nodes.clear();
        }
        let begun = AtomicBool::new(false);
        session::open(&target, &self.pki, &begun, clock::wall()).await.map_err(|f| f.detail().to_owned())
    }

    /// Everything once, for `probe`.
    pub async fn probe(&mut self) -> Vec<(TagId, Result<f64, String>)> {
        let opened = match self.open_once(true).await {
            Ok(opened) => opened,
            Err(why) => return self.tags.iter().map(|t| (t.id.clone(), Err(why.clone()))).collect(),
        };
        let mut all = Vec::with_capacity(self.tags.len());
        for (at, (tag, data)) in self.tags.iter().zip(&opened.values).enumerate() {
            let (reading, why) = value::reading(tag, data);
            let node = &self.target.nodes[at];
            let shown = match (reading.value, reading.quality) {
                (Some(number), Quality::Good) => Ok(number),
                (_, quality) => Err(format!("node {node}: {}", why.unwrap_or_else(|| format!("{quality:?}")))),
            };
            let shown = match opened.session.unmonitored(at) {
                Some(why) => shown.and(Err(format!("node {node} cannot be subscribed: {why}"))),
                None => shown,
            };
            all.push((tag.id.clone(), shown));
        }
        opened.session.close().await;
        all
    }

    /// The tag that this variable is.
    pub fn tag_at(&self, variable: &Browsed) -> Option<TagId> {
        let own = variable.by_name && variable.namespace == self.target.link.namespace;
        let at = self.target.nodes.iter().position(|node| own && *node == variable.node)?;
        Some(self.tags[at].id.clone())
    }

    /// The variables of the server, for `browse`.
    pub async fn browse(&self, most: usize) -> Result<Vec<Browsed>, String> {
        let opened = self.open_once(false).await?;
        let found = opened.session.browse(most).await;
        opened.session.close().await;
        found
    }
}

async fn finished(opening: &mut Option<Opening>) -> Result<Opened, Failure> {
    let Some(running) = opening else { return std::future::pending().await };
    let result = (&mut running.task).await;
    result.unwrap_or_else(|panic| Err(Failure::Unreachable(format!("opening the session failed: {panic}"))))
}

async fn next(live: &mut Option<Live>) -> Event {
    match live {
        Some(live) => live.session.next().await,
        None => std::future::pending().await,
    }
}

impl Running {
    async fn send(&self, input: Input) -> Result<(), CoreGone> {
        self.core.send(ToCore::Input(input)).await.map_err(|_| CoreGone)
    }

    /// What the supervisor makes of something.
    async fn heard(&mut self, what: Heard) -> Result<(), CoreGone> {
        let order = self.supervisor.heard(self.driver.clock.tick(), what);
        self.obey(order).await
    }

    /// Boxed, because reading may end in a doubt and a doubt is obeyed.
    fn obey(&mut self, order: Order) -> Pin<Box<dyn Future<Output = Result<(), CoreGone>> + Send + '_>> {
        Box::pin(async move {
            match order {
                Order::Wait => Ok(()),
                Order::Open => {
                    self.open();
                    Ok(())
                }
                Order::ReadAll => self.read_all().await,
                Order::Discard(why) => self.discard(why).await,
            }
        })
    }

    async fn discard(&mut self, why: String) -> Result<(), CoreGone> {
        self.opening = None;
        if let Some(live) = self.live.take() {
            // The server may still hear us, and then it need not keep a session that nobody uses.
            tokio::spawn(live.session.close());
        }
        self.driver.counted = None;
        if self.why_not != why {
            tracing::warn!(device = %self.driver.device.id, %why, "the OPC UA session is thrown away");
        }
        self.why_not.clone_from(&why);
        let device = self.driver.device.id.clone();
        self.send(Input::DeviceLost { device, reason: BadReason::NoConnection, detail: why }).await
    }

    fn open(&mut self) {
        let begun = Arc::new(AtomicBool::new(false));
        let (target, pki, flag) = (self.driver.target(), self.driver.pki.clone(), begun.clone());
        let task = tokio::spawn(async move { session::open(&target?, &pki, &flag, clock::wall()).await });
        self.opening = Some(Opening { task, begun, told: false });
    }

    /// Sessions count from when the server may hold them, also those that never came to stand.
    fn count_begun(&mut self) {
        if let Some(opening) = self.opening.as_mut().filter(|o| !o.told && o.begun.load(Ordering::Relaxed)) {
            opening.told = true;
            self.supervisor.heard(self.driver.clock.tick(), Heard::SessionBegun);
        }
    }

    async fn opened(&mut self, result: Result<Opened, Failure>) -> Result<(), CoreGone> {
        self.count_begun();
        self.opening = None;
        let Opened { session, values, keep_alive } = match result {
            Ok(opened) => opened,
            Err(failure) => {
                if let Failure::NotLetIn(_) = &failure {
                    let again = self.driver.clock.tick().0 + LOOK_MS;
                    self.refused_with = Some((self.driver.password().ok().flatten(), again));
                }
                return self.heard(Heard::Failed(failure)).await;
            }
        };
        for (at, tag) in self.driver.tags.iter().enumerate() {
            if let Some(why) = session.unmonitored(at) {
                tracing::warn!(tag = %tag.id, node = %tag.address, why, "a node cannot be subscribed");
            }
        }
        tracing::info!(device = %self.driver.device.id, endpoint = %self.driver.target.endpoint, "an OPC UA session stands");
        self.why_not.clear();
        self.live = Some(Live { session, latest: Latest::new(self.driver.tags.len()) });
        self.refused_with = None;
        let keep_alive_ms = u64::try_from(keep_alive.as_millis()).unwrap_or(u64::MAX);
        self.heard(Heard::Opened { keep_alive_ms }).await?;
        self.take_all(&values).await
    }

    /// Every node was read.
    async fn take_all(&mut self, values: &[session::DataValue]) -> Result<(), CoreGone> {
        let Some(live) = &mut self.live else { return Ok(()) };
        let mut appeared = None;
        for (at, (tag, data)) in self.driver.tags.iter().zip(values).enumerate() {
            let (reading, _) = value::reading(tag, data);
            if reading.quality.is_good() && live.session.unmonitored(at).is_some() {
                appeared = Some(format!("{} can be read now and is not subscribed", tag.address));
            }
            live.latest.take(at, reading);
        }
        let all: Vec<usize> = (0..self.driver.tags.len()).collect();
        self.tell(&all).await?;
        match appeared {
            Some(why) => self.heard(Heard::Doubt(why)).await,
            None => Ok(()),
        }
    }

    /// Tells the core what is known of these tags.
    async fn tell(&self, which: &[usize]) -> Result<(), CoreGone> {
        let Some(live) = &self.live else { return Ok(()) };
        let known = |at: &usize| Some((self.driver.tags.get(*at)?.id.clone(), live.latest.get(*at)?.clone()));
        let values: Vec<(TagId, Reading)> = which.iter().filter_map(known).collect();
        if values.is_empty() {
            return Ok(());
        }
        self.send(Input::Reads { device: self.driver.device.id.clone(), values }).await
    }

    /// This event and all that have come with it.
    async fn events(&mut self, first: Event) -> Result<(), CoreGone> {
        let mut changed = Vec::new();
        let (mut published, mut over) = (false, None);
        let mut event = Some(first);
        while let Some(one) = event {
            match one {
                Event::Value(at, data) => {
                    if let (Some(tag), Some(live)) = (self.driver.tags.get(at), &mut self.live)
                        && live.latest.take(at, value::reading(tag, &data).0)
                    {
                        changed.push(at);
                    }
                }
                Event::Published => published = true,
                Event::Over(why) => over = Some(why),
            }
            event = if over.is_none() && changed.len() < BATCH {
                self.live.as_mut().and_then(|live| live.session.try_next())
            } else {
                None
            };
        }
        changed.sort_unstable();
        changed.dedup();
        self.tell(&changed).await?;
        if published {
            self.heard(Heard::Published).await?;
        }
        match over {
            Some(why) => self.heard(Heard::Doubt(why)).await,
            None => Ok(()),
        }
    }

    async fn read_all(&mut self) -> Result<(), CoreGone> {
        let Some(live) = &self.live else { return Ok(()) };
        match live.session.read_all().await {
            Ok(values) => {
                self.heard(Heard::ReadAll).await?;
                self.take_all(&values).await
            }
            Err(why) => self.heard(Heard::Doubt(why)).await,
        }
    }

    async fn beat(&mut self) -> Result<(), CoreGone> {
        let now = self.driver.clock.tick();
        self.count_begun();
        if let Some((with, again)) = &mut self.refused_with
            && now.0 >= *again
        {
            *again = now.0 + LOOK_MS;
            let is = self.driver.password().ok().flatten();
            if is != *with {
                self.refused_with = None;
                self.heard(Heard::NewCredentials).await?;
            }
        }
        let order = self.supervisor.tick(now);
        self.obey(order).await?;
        self.count().await?;
        if self.live.is_none() {
            return Ok(());
        }
        for at in 0..self.driver.classes.len() {
            let class = &mut self.driver.classes[at];
            if now.0 >= class.due {
                class.due = now.0 + class.period_ms;
                let tags = class.tags.clone();
                self.tell(&tags).await?;
            }
        }
        Ok(())
    }

    /// Writes the counter if the core has moved it.
    async fn count(&mut self) -> Result<(), CoreGone> {
        let (Some(at), Some(live)) = (self.driver.counter_at, &self.live) else { return Ok(()) };
        let Some(count) = counter_value(&self.driver.counter).filter(|v| Some(*v) != self.driver.counted) else {
            return Ok(());
        };
        let Ok(number) = value::variant(self.driver.tags[at].data_type, f64::from(count)) else { return Ok(()) };
        match live.session.put(at, number).await {
            Ok(()) => {
                self.driver.counted = Some(count);
                Ok(())
            }
            Err(WriteError::Refused(why)) => {
                tracing::debug!(device = %self.driver.device.id, %why, "the watchdog counter was not written");
                self.driver.counted = Some(count);
                Ok(())
            }
            Err(WriteError::Lost(why)) => self.heard(Heard::Doubt(format!("the watchdog counter: {why}"))).await,
        }
    }

    async fn write(&mut self, job: Job) -> Result<(), CoreGone> {
        let (result, doubt) = self.written(&job).await;
        self.send(Input::WriteDone { write: job.write, result }).await?;
        match doubt {
            Some(why) => self.heard(Heard::Doubt(why)).await,
            None => Ok(()),
        }
    }

    /// The value read back, or why there is none; and whether the session is in doubt for it.
    async fn written(&mut self, job: &Job) -> (Result<f64, String>, Option<String>) {
        let device = &self.driver.device.id;
        let Some(at) = self.driver.tags.iter().position(|t| t.id == job.setpoint && t.writable) else {
            return (Err(format!("{} is not writable on {device}", job.setpoint)), None);
        };
        let Some(live) = &mut self.live else { return (Err(format!("{device}: {}", self.why_not)), None) };
        let tag = &self.driver.tags[at];
        let number = match value::variant(tag.data_type, (job.value - tag.shift) / tag.scale) {
            Ok(number) => number,
            Err(error) => return (Err(error.to_string()), None),
        };
        match live.session.write(at, number).await {
            Ok(data) => {
                let (reading, why) = value::reading(tag, &data);
                live.latest.take(at, reading.clone());
                match (reading.value, reading.quality) {
                    (Some(back), Quality::Good) => (Ok(back), None),
                    (_, quality) => {
                        (Err(format!("read-back: {}", why.unwrap_or_else(|| format!("{quality:?}")))), None)
                    }
                }
            }
            Err(WriteError::Refused(why)) => (Err(why), None),
            Err(WriteError::Lost(why)) => (Err(why.clone()), Some(why)),
        }
    }
}
