//! `hypocaust-edge run`: the core's own task, and the start and end of all others.

use super::clock::{self, Clock};
use super::device::{self, Driver, Job};
use super::endpoints::Endpoints;
use super::metrics::{self, Shared};
use super::spool::{self, Enforced, Spool};
use super::state::State;
use super::uplink::{self, ToUplink, Uplink};
use crate::core::{Core, Effect, Input};
use hypocaust_protocols::model::{DeviceId, Fleet, PlantId};
use hypocaust_protocols::mqtt::Settings;
use hypocaust_protocols::process::{self, stop_signal};
use hypocaust_protocols::wire::{Entry, Range, VerifyingKey};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

/// How often the core is told that time passes.
const TICK: Duration = Duration::from_millis(100);
/// Entries are committed in groups this far apart.
const COMMIT: Duration = Duration::from_millis(200);

pub struct Options {
    pub fleet: Arc<Fleet>,
    pub plant: PlantId,
    pub data: PathBuf,
    pub broker: (String, u16),
    pub endpoints: Endpoints,
    pub key: VerifyingKey,
    pub metrics: Option<SocketAddr>,
    pub spool_limit_bytes: u64,
}

#[derive(Debug)]
pub enum ToCore {
    Input(Input),
    /// The session wants births.
    BirthWanted,
    /// These are on disk.
    Committed(Vec<Entry>),
}

enum ToSpool {
    Add(Entry),
    Forget(Vec<Range>),
}

/// Where effects go.
struct Hands {
    state: State,
    devices: BTreeMap<DeviceId, (mpsc::Sender<Job>, device::Counter)>,
    spool: mpsc::UnboundedSender<ToSpool>,
    uplink: mpsc::Sender<ToUplink>,
    /// For writes that no device task takes.
    back: Vec<Input>,
}

/// Runs until SIGTERM or SIGINT; the error says what could not be begun.
pub async fn run(options: Options) -> Result<(), String> {
    let clock = Clock::start();
    std::fs::create_dir_all(&options.data).map_err(|e| format!("cannot make {}: {e}", options.data.display()))?;
    // Two edges on one spool would forget each other's entries.
    let _alone = process::lock(&options.data.join("edge.lock"))
        .map_err(|e| format!("{} is in use: {e}", options.data.display()))?;
    let state = State::open(&options.data).await.map_err(|e| e.to_string())?;
    let memory = state.memory().await.map_err(|e| e.to_string())?;
    let boot = state.next_boot(clock::wall()).await.map_err(|e| e.to_string())?;
    let spool = Spool::open(&options.data, options.spool_limit_bytes).await.map_err(|e| e.to_string())?;
    let newest = spool.last().await.map_err(|e| e.to_string())?.unwrap_or_default();
    let fleet = options.fleet.clone();
    let core = Core::new(fleet.clone(), &options.plant, options.key, boot, memory, clock.now())
        .ok_or_else(|| format!("the fleet has no plant '{}'", options.plant))?;
    let plant = Arc::new(fleet.plant(options.plant.as_str()).ok_or("the plant went missing")?.clone());

    let (to_core, from_all) = mpsc::channel(1024);
    let (to_uplink, from_core) = mpsc::channel(4096);
    let (to_spool, for_spool) = mpsc::unbounded_channel();
    let shared = Shared::new(options.plant.clone());
    if let Some(address) = options.metrics {
        metrics::serve(address, shared.clone()).await?;
    }
    let mut devices = BTreeMap::new();
    for device in &plant.devices {
        let counter = device::unset();
        let (jobs, receiver) = mpsc::channel(64);
        let address = options.endpoints.of(device);
        let data = Some(options.data.as_path());
        let driver = Driver::new(&plant, device, address, &fleet.limits.scan, counter.clone(), data)?;
        tokio::spawn(driver.run(receiver, to_core.clone()));
        devices.insert(device.id.clone(), (jobs, counter));
    }
    tokio::spawn(keep(spool.clone(), for_spool, to_core.clone(), shared.clone()));
    let shelf = spool.shelf().await.map_err(|e| e.to_string())?;
    if shelf.entries > 0 {
        let file = options.data.join(spool::FILE);
        tracing::warn!(entries = shelf.entries, file = %file.display(), "entries are set aside and never sent");
    }
    let client = format!("hypocaust-edge-{}-{}", fleet.id, plant.id);
    let settings = Settings::new(&options.broker.0, options.broker.1, client);
    let node = uplink::node(&fleet, &plant)?;
    let session = Uplink::new(plant.clone(), node, spool, clock, to_core, newest, shared.clone());
    let link = tokio::spawn(session.run(settings, state.clone(), from_core));

    tracing::info!(plant = %plant.id, boot, devices = plant.devices.len(), tags = plant.tags.len(), "the edge runs");
    let hands = Hands { state, devices, spool: to_spool, uplink: to_uplink, back: Vec::new() };
    decide(core, clock, hands, from_all, shared, link).await
}

/// The core's loop.
async fn decide(
    mut core: Core,
    clock: Clock,
    mut hands: Hands,
    mut inputs: mpsc::Receiver<ToCore>,
    shared: Shared,
    mut link: tokio::task::JoinHandle<Result<(), String>>,
) -> Result<(), String> {
    let mut time = tokio::time::interval(TICK);
    time.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stop = stop_signal();
    tokio::pin!(stop);
    loop {
        let input = tokio::select! {
            biased;
            () = &mut stop => break,
            ended = &mut link => return Err(match ended {
                Ok(Ok(())) => "the uplink ended".into(),
                Ok(Err(reason)) => reason,
                Err(panic) => format!("the uplink failed: {panic}"),
            }),
            _ = time.tick() => Input::Tick,
            message = inputs.recv() => match message {
                Some(ToCore::Input(input)) => input,
                Some(ToCore::BirthWanted) => {
                    let now = clock.now();
                    let birth = Box::new(core.birth(now));
                    hands.up(ToUplink::Birth { birth, now });
                    continue;
                }
                Some(ToCore::Committed(entries)) => {
                    entries.into_iter().for_each(|entry| hands.up(ToUplink::Entry(entry)));
                    continue;
                }
                None => return Err("every task of the edge ended".into()),
            },
        };
        let ticked = input == Input::Tick;
        let mut next = Some(input);
        while let Some(input) = next {
            let effects = core.handle(clock.now(), input);
            hands.perform(effects, &shared).await;
            next = hands.back.pop();
        }
        if ticked {
            shared.status(core.status(clock.now()));
        }
    }
    tracing::info!("stopping: saying goodbye to the centre");
    let (done, said) = oneshot::channel();
    hands.up(ToUplink::Leave(done));
    // A broker that hangs shall not keep the edge from ending; its own time-out then publishes the will.
    let _ = tokio::time::timeout(Duration::from_secs(3), said).await;
    // Device tasks end with their queues, and close what their devices keep for them.
    hands.devices.clear();
    tokio::time::sleep(COMMIT).await;
    Ok(())
}

impl Hands {
    /// In order, and a full queue is no reason to wait: what is spooled comes again as backlog, the state with the next
    /// birth.
    fn up(&mut self, message: ToUplink) {
        if self.uplink.try_send(message).is_err() {
            tracing::warn!("the uplink is busy; a message is left to the backlog");
        }
    }

    async fn perform(&mut self, effects: Vec<Effect>, shared: &Shared) {
        for effect in effects {
            match effect {
                Effect::Persist(memory) => {
                    if let Err(error) = self.state.persist(&memory).await {
                        // A broken disk must not keep a plant from shedding: go on, and say so loudly. What is at stake
                        // is the memory over a restart.
                        shared.disk_failed();
                        tracing::error!(%error, "what must survive a restart is NOT on disk");
                    }
                }
                Effect::Write { write, device, setpoint, value } => self.write(write, &device, setpoint, value),
                Effect::Counter { device, value, .. } => {
                    if let Some((_, counter)) = self.devices.get(&device) {
                        counter.store(u32::from(value), Ordering::Relaxed);
                    }
                }
                Effect::Spool(entry) => {
                    shared.spooled(entry.samples.len());
                    let _ = self.spool.send(ToSpool::Add(entry));
                }
                Effect::Forget(ranges) => {
                    let _ = self.spool.send(ToSpool::Forget(ranges));
                }
                Effect::Publish { name, value } => self.up(ToUplink::Node { name, value }),
                Effect::Event(event) => {
                    let text = serde_json::to_string(&event).unwrap_or_else(|_| format!("{event:?}"));
                    if event.is_trouble() {
                        tracing::warn!(target: "event", "{text}");
                    } else {
                        tracing::info!(target: "event", "{text}");
                    }
                }
            }
        }
    }

    fn write(&mut self, write: u64, device: &DeviceId, setpoint: hypocaust_protocols::model::SetpointId, value: f64) {
        let job = Job { write, setpoint, value };
        let taken = self.devices.get(device).is_some_and(|(jobs, _)| jobs.try_send(job).is_ok());
        if !taken {
            let result = Err(format!("{device} has too many writes waiting; it does not answer"));
            self.back.push(Input::WriteDone { write, result });
        }
    }
}

/// The spool's task: groups of entries to disk, then on their way; ranges away.
async fn keep(spool: Spool, mut orders: mpsc::UnboundedReceiver<ToSpool>, core: mpsc::Sender<ToCore>, shared: Shared) {
    let mut waiting: Vec<Entry> = Vec::new();
    let mut commit = tokio::time::interval(COMMIT);
    commit.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = tokio::time::interval(Duration::from_secs(2));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let result = tokio::select! {
            order = orders.recv() => match order {
                Some(ToSpool::Add(entry)) => { waiting.push(entry); continue; }
                Some(ToSpool::Forget(ranges)) => spool.forget(&ranges).await.map(|_| ()),
                None => break,
            },
            _ = commit.tick() => {
                if waiting.is_empty() { continue; }
                match spool.add(&waiting, clock::wall()).await {
                    Ok(()) => {
                        if core.send(ToCore::Committed(std::mem::take(&mut waiting))).await.is_err() { return; }
                        Ok(())
                    }
                    // They stay in memory and are tried again with the next group.
                    Err(error) => Err(error),
                }
            }
            _ = look.tick() => look_at(&spool, &core, &shared).await,
        };
        match result {
            Ok(()) => shared.disk_works(),
            Err(error) => {
                shared.disk_failed();
                tracing::error!(%error, waiting = waiting.len(), "the spool does not take entries");
            }
        }
    }
    if !waiting.is_empty()
        && let Err(error) = spool.add(&waiting, clock::wall()).await
    {
        tracing::error!(%error, lost = waiting.len(), "the last entries are lost");
    }
}

async fn look_at(spool: &Spool, core: &mpsc::Sender<ToCore>, shared: &Shared) -> Result<(), super::state::Error> {
    let Enforced { lost, aside, fill } = spool.enforce_limit().await?;
    if lost > 0 {
        shared.dropped(lost);
        tracing::error!(
            samples = lost,
            "the spool is at its limit: the OLDEST ENTRIES ARE LOST; restore the link or raise --spool-limit-mb"
        );
    }
    if aside > 0 {
        tracing::warn!(entries = aside, "the spool is at its limit: the oldest of what was set aside is deleted");
    }
    let age = fill.oldest.map_or(0, |oldest| u64::try_from(clock::wall().since(oldest)).unwrap_or(0));
    shared.fill(fill.entries, age);
    let _ = core.send(ToCore::Input(Input::Spooled { entries: fill.entries, oldest_ms: age })).await;
    Ok(())
}
