//! The Sparkplug session, owned by one task: births, live entries as they are committed, the backlog beside them.
//!
//! Live first: an entry that was committed after the births is sent at once. What the spool held before is the backlog;
//! it is sent in pages, flagged historical, and no further than a window ahead of what the centre has acknowledged. An entry
//! that is not acknowledged within `RESEND` is sent again as backlog; the centre drops doubles by its ledger.

use super::clock::{self, Clock};
use super::run::ToCore;
use super::spool::{Key, Spool};
use super::state::State;
use crate::core::{Birth, Input, NodeValue, Now};
use crate::uplink;
use hypocaust_protocols::model::{Fleet, Plant, Tick};
use hypocaust_protocols::mqtt::{self, Opening, Session, Settings};
use hypocaust_protocols::sparkplug::edge::Reaction;
use hypocaust_protocols::sparkplug::{EdgeNode, Publish};
use hypocaust_protocols::wire::sparkplug as mapping;
use hypocaust_protocols::wire::{Entry, PRIMARY_HOST};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Entries of the backlog in one page.
const PAGE: u32 = 100;
/// So many entries of the backlog may be sent and not acknowledged.
const WINDOW: u64 = 500;
/// Not acknowledged for so long: sent again.
const RESEND_MS: u64 = 30_000;

/// From the core task, in the order in which it happened.
#[derive(Debug)]
pub enum ToUplink {
    /// The answer to [`ToCore::BirthWanted`].
    Birth {
        birth: Box<Birth>,
        now: Now,
    },
    /// Committed just now.
    Entry(Entry),
    Node {
        name: &'static str,
        value: NodeValue,
    },
    /// Say goodbye and tell when it is said.
    Leave(oneshot::Sender<()>),
}

pub struct Uplink {
    pub plant: Arc<Plant>,
    pub node: EdgeNode,
    pub spool: Spool,
    pub clock: Clock,
    pub core: mpsc::Sender<ToCore>,
    session: Option<Session>,
    backlog: Backlog,
}

/// How far the backlog has been sent.
#[derive(Debug, Default)]
struct Backlog {
    /// Sent up to here; `None`: nothing is under way.
    at: Option<Key>,
    /// Belongs to the backlog up to here.
    until: Key,
    /// When a page was last sent or the last pass ended.
    last: Tick,
    /// The last live entry at certain times, so that old unacknowledged ones are found.
    marks: VecDeque<(Tick, Key)>,
    /// The last entry committed.
    newest: Key,
}

/// The connection's settings and the plant's node.
pub fn node(fleet: &Fleet, plant: &Plant) -> Result<EdgeNode, String> {
    EdgeNode::new(fleet.id.as_str(), plant.id.as_str(), PRIMARY_HOST).map_err(|e| e.to_string())
}

impl Uplink {
    pub fn new(
        plant: Arc<Plant>,
        node: EdgeNode,
        spool: Spool,
        clock: Clock,
        core: mpsc::Sender<ToCore>,
        newest: Key,
    ) -> Self {
        let backlog = Backlog { newest, ..Backlog::default() };
        Self { plant, node, spool, clock, core, session: None, backlog }
    }

    /// Runs until the core is gone or it has said goodbye.
    pub async fn run(
        mut self,
        settings: Settings,
        state: State,
        mut from_core: mpsc::Receiver<ToUplink>,
    ) -> Result<(), String> {
        // The will is made in the connection's own task, from the machine's ids; bdSeq is on disk before it is used.
        let machine = Arc::new(Mutex::new(self.node.clone()));
        let opening = move || {
            let handle = tokio::runtime::Handle::current();
            let bd_seq =
                tokio::task::block_in_place(|| handle.block_on(state.next_bd_seq())).map_err(|e| e.to_string())?;
            let node = machine.lock().map_err(|_| "the machine's lock is poisoned".to_owned())?;
            let will = node.will(bd_seq, clock::wall().0).into();
            Ok(Opening { will: Some(will), token: i64::try_from(bd_seq).unwrap_or(0) })
        };
        let mut events = mqtt::start(settings, opening)?;
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                message = from_core.recv() => match message {
                    Some(ToUplink::Leave(done)) => {
                        self.leave().await;
                        let _ = done.send(());
                        return Ok(());
                    }
                    Some(message) => self.outgoing(message).await,
                    None => return Ok(()),
                },
                event = events.recv() => match event {
                    Some(event) => self.event(event).await,
                    None => return Err("the MQTT task ended".into()),
                },
                _ = pace.tick() => self.drain().await,
            }
        }
    }

    async fn event(&mut self, event: mqtt::Event) {
        match event {
            mqtt::Event::Connected { session, token } => {
                self.node.connected(u64::try_from(token).unwrap_or(0));
                for (filter, qos) in self.node.subscriptions() {
                    // An error here is the session's end, which comes as an event.
                    let _ = session.subscribe(&filter, qos).await;
                }
                tracing::info!(bd_seq = token, "connected to the broker; waiting for the centre");
                self.session = Some(session);
            }
            mqtt::Event::Disconnected { reason } => {
                let was_up = self.session.take().is_some();
                self.node.disconnected();
                if was_up {
                    tracing::warn!(%reason, "the link to the broker is down; entries stay in the spool");
                    self.tell(Input::Link(false)).await;
                } else {
                    tracing::info!(%reason, "no link to the broker");
                }
            }
            mqtt::Event::Message { topic, payload, .. } => {
                let was_born = self.node.is_born();
                let reactions = self.node.on_message(&topic, &payload, clock::wall().0);
                for reaction in reactions {
                    self.react(reaction).await;
                }
                if was_born && !self.node.is_born() {
                    self.tell(Input::Link(false)).await;
                }
            }
        }
    }

    async fn react(&mut self, reaction: Reaction) {
        match reaction {
            Reaction::BirthWanted => {
                let _ = self.core.send(ToCore::BirthWanted).await;
            }
            Reaction::Publish(publish) => self.send(publish).await,
            Reaction::Disconnect => {
                if let Some(session) = self.session.take() {
                    let _ = session.disconnect().await;
                }
            }
            Reaction::NodeCommand(metrics) => {
                for command in uplink::commands(&metrics) {
                    match command {
                        Ok(input) => self.tell(input).await,
                        Err(reason) => tracing::warn!(%reason, "a node command was not read"),
                    }
                }
            }
            Reaction::DeviceCommand { device, .. } => {
                tracing::warn!(%device, "a device command was ignored: only signed node commands write");
            }
            Reaction::Malformed { topic, error } => tracing::warn!(%topic, %error, "a message was not read"),
        }
    }

    async fn tell(&mut self, input: Input) {
        let _ = self.core.send(ToCore::Input(input)).await;
    }

    /// An error is the session's end, which comes as an event; what was in it is in the spool.
    async fn send(&mut self, publish: Publish) {
        if let Some(session) = &self.session {
            let _ = session.send(publish).await;
        }
    }

    async fn outgoing(&mut self, message: ToUplink) {
        match message {
            ToUplink::Birth { birth, now } => {
                let (node, devices) = uplink::births(&birth, &self.plant, now.tick, now.wall.0);
                match self.node.birth(now.wall.0, &node, &devices) {
                    Ok(publishes) => {
                        for publish in publishes {
                            self.send(publish).await;
                        }
                        let devices = devices.len();
                        tracing::info!(devices, "born at the centre");
                        self.backlog.begin(self.clock.tick());
                        self.tell(Input::Link(true)).await;
                    }
                    // The centre went offline in the meantime: it will ask again.
                    Err(error) => tracing::info!(%error, "no birth"),
                }
            }
            ToUplink::Entry(entry) => {
                self.backlog.newest = (entry.boot, entry.seq);
                if self.node.is_born() {
                    self.entry(&entry, false).await;
                }
            }
            ToUplink::Node { name, value } => {
                if self.node.is_born() {
                    let wall = clock::wall().0;
                    match self.node.node_data(wall, &[uplink::node_metric(name, &value, wall)], None) {
                        Ok(publish) => self.send(publish).await,
                        Err(error) => tracing::error!(%error, "a node metric was not sent"),
                    }
                }
            }
            ToUplink::Leave(_) => {}
        }
    }

    async fn entry(&mut self, entry: &Entry, historical: bool) {
        let wall = clock::wall().0;
        let metrics = mapping::entry_to_metrics(entry, historical, self.clock.tick(), wall);
        match self.node.device_data(wall, entry.device.as_str(), &metrics, None) {
            Ok(publish) => self.send(publish).await,
            // Spooled under another fleet file: a tag or a device is gone. It stays in the spool, told each time.
            Err(error) => tracing::error!(%error, boot = entry.boot, seq = entry.seq, "an entry was not sent"),
        }
    }

    /// The next page of the backlog, if one is due.
    async fn drain(&mut self) {
        if !self.node.is_born() {
            return;
        }
        let tick = self.clock.tick();
        self.backlog.mark(tick);
        if let Err(error) = self.page(tick).await {
            tracing::error!(%error, "the backlog cannot be read");
        }
    }

    async fn page(&mut self, tick: Tick) -> Result<(), super::state::Error> {
        let Some(at) = self.backlog.at else {
            if let Some(until) = self.backlog.overdue(tick)
                && self.spool.count_until(until).await? > 0
            {
                self.backlog.at = Some((0, 0));
                self.backlog.until = until;
            }
            return Ok(());
        };
        if self.spool.count_until(at).await? > WINDOW {
            if tick.since(self.backlog.last) >= RESEND_MS {
                tracing::warn!("the centre acknowledges nothing of the backlog; sending it again from its beginning");
                self.backlog.at = Some((0, 0));
                self.backlog.last = tick;
            }
            return Ok(());
        }
        let page = self.spool.page(at, self.backlog.until, PAGE).await?;
        self.backlog.last = tick;
        match page.last() {
            Some(last) => self.backlog.at = Some((last.boot, last.seq)),
            None => self.backlog.at = None,
        }
        for entry in &page {
            self.entry(entry, true).await;
        }
        Ok(())
    }

    async fn leave(&mut self) {
        for reaction in self.node.leave(clock::wall().0) {
            self.react(reaction).await;
        }
        // The connection's own task writes what was queued; the process ends right after this.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

impl Backlog {
    /// A new session: all that was committed before it is backlog.
    fn begin(&mut self, tick: Tick) {
        self.at = Some((0, 0));
        self.until = self.newest;
        self.last = tick;
        self.marks.clear();
    }

    fn mark(&mut self, tick: Tick) {
        if self.marks.back().is_none_or(|(t, _)| tick.since(*t) >= 5_000) {
            self.marks.push_back((tick, self.newest));
        }
    }

    /// Up to where entries were sent at least `RESEND_MS` ago, once in that time.
    fn overdue(&mut self, tick: Tick) -> Option<Key> {
        if tick.since(self.last) < RESEND_MS {
            return None;
        }
        let mut found = None;
        while self.marks.front().is_some_and(|(t, _)| tick.since(*t) >= RESEND_MS) {
            found = self.marks.pop_front().map(|(_, key)| key);
        }
        if found.is_some() {
            self.last = tick;
        }
        found
    }
}
