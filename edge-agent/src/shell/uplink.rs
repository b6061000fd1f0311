//! The Sparkplug session, owned by one task: births, live entries as they are committed, the backlog beside them.
//!
//! Live first: an entry that was committed after the births is sent at once. What the spool held before is the backlog;
//! it is sent in pages, flagged historical, and no further than a window ahead of what the centre has acknowledged. An entry
//! that is not acknowledged within `RESEND` is sent again as backlog; the centre drops doubles by its ledger.
//!
//! What the spool holds of a device or tag that the plant's file has no more, and what cannot be read, is set aside as the
//! backlog comes to it: counted, told once a device and reason, and in nobody's way. Of an entry with some unknown tags
//! the others are sent under its name.

use super::clock::{self, Clock};
use super::metrics::Shared;
use super::run::ToCore;
use super::spool::{Aside, Key, Slot, Spool};
use super::state::State;
use crate::core::{Birth, Input, NodeValue, Now};
use crate::uplink::{self, Sendable, Unsent};
use hypocaust_protocols::model::{DeviceId, Fleet, Plant, Tick};
use hypocaust_protocols::mqtt::{self, Opening, Session, Settings};
use hypocaust_protocols::sparkplug::edge::Reaction;
use hypocaust_protocols::sparkplug::{EdgeNode, Publish};
use hypocaust_protocols::wire::sparkplug as mapping;
use hypocaust_protocols::wire::{Entry, PRIMARY_HOST};
use std::collections::{BTreeSet, VecDeque};
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
    shared: Shared,
    /// Of whom it was told that something is set aside, and why; without a device where none could be read.
    told: BTreeSet<(Option<DeviceId>, Unsent)>,
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
        shared: Shared,
    ) -> Self {
        let backlog = Backlog { newest, ..Backlog::default() };
        Self { plant, node, spool, clock, core, session: None, backlog, shared, told: BTreeSet::new() }
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
            // What no birth lists was set aside before; what else there may be comes again with the backlog.
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
        match self.page(tick).await {
            Ok(page) => {
                for entry in &page {
                    self.entry(entry, true).await;
                }
            }
            Err(error) => tracing::error!(%error, "the backlog cannot be read"),
        }
    }

    /// What is to be sent of the next page, in order.
    async fn page(&mut self, tick: Tick) -> Result<Vec<Entry>, super::state::Error> {
        let Some(at) = self.backlog.at else {
            if let Some(until) = self.backlog.overdue(tick)
                && self.spool.count_until(until).await? > 0
            {
                self.backlog.at = Some((0, 0));
                self.backlog.until = until;
            }
            return Ok(Vec::new());
        };
        if self.spool.count_until(at).await? > WINDOW {
            if tick.since(self.backlog.last) >= RESEND_MS {
                tracing::warn!("the centre acknowledges nothing of the backlog; sending it again from its beginning");
                self.backlog.at = Some((0, 0));
                self.backlog.last = tick;
            }
            return Ok(Vec::new());
        }
        let page = self.spool.page(at, self.backlog.until, PAGE).await?;
        self.backlog.last = tick;
        self.backlog.at = page.last().map(|slot| slot.key);
        Ok(self.sift(page).await)
    }

    /// Sets aside what cannot be sent. A disk that does not take it keeps nothing else back: acknowledged entries make room.
    async fn sift(&mut self, page: Vec<Slot>) -> Vec<Entry> {
        let mut send = Vec::with_capacity(page.len());
        let mut aside = Vec::new();
        for Slot { key, entry } in page {
            match entry.map(|entry| uplink::sendable(entry, &self.plant)) {
                Ok(Sendable::Whole(entry)) => send.push(entry),
                Ok(Sendable::Part { known, rest }) => {
                    let device = Some(known.device.clone());
                    aside.push((device, None, Aside { key, reason: Unsent::UnknownTag, split: Some((known, rest)) }));
                }
                Ok(Sendable::Nothing(entry, reason)) => {
                    aside.push((Some(entry.device), None, Aside { key, reason, split: None }));
                }
                Err(why) => aside.push((None, Some(why), Aside { key, reason: Unsent::Unreadable, split: None })),
            }
        }
        if aside.is_empty() {
            return send;
        }
        let orders: Vec<Aside> = aside.iter().map(|(_, _, order)| order.clone()).collect();
        let samples = match self.spool.set_aside(&orders).await {
            Ok(samples) => samples,
            Err(error) => {
                tracing::error!(%error, "what cannot be sent is not set aside; it is tried with the next pass");
                return send;
            }
        };
        for ((device, why, Aside { key, reason, split }), samples) in aside.into_iter().zip(samples) {
            self.shared.set_aside(reason, samples);
            if self.told.insert((device.clone(), reason)) {
                let device = device.as_ref().map_or("", |d| d.as_str());
                let (boot, seq, reason, why) = (key.0, key.1, reason.name(), why.unwrap_or_default());
                tracing::error!(
                    device,
                    reason,
                    boot,
                    seq,
                    why,
                    "spooled samples cannot be sent and are set aside (table aside of spool.db); this is told once"
                );
            }
            // Where nothing was set aside the entry is gone from the spool: the centre has it.
            send.extend(split.filter(|_| samples > 0).map(|(known, _)| known));
        }
        send.sort_by_key(|entry| (entry.boot, entry.seq));
        send
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::{device, key, north, tag, wall};
    use crate::core::{Core, Memory};
    use hypocaust_protocols::metrics as catalogue;
    use hypocaust_protocols::model::{Millis, Quality, Sample};
    use hypocaust_protocols::sparkplug::HostState;
    use hypocaust_protocols::wire::Range;
    use std::path::Path;

    fn entry(seq: u64, of: &str, tags: &[&str]) -> Entry {
        let sample = |id: &&str| Sample { tag: tag(id), time: Millis(1), value: Some(1.0), quality: Quality::Good };
        Entry { boot: 1, seq, device: device(of), samples: tags.iter().map(sample).collect() }
    }

    /// The uplink of an edge that has begun again with today's file over this folder's spool, and is born.
    async fn reborn(folder: &Path) -> (Uplink, mpsc::Receiver<ToCore>) {
        let (fleet, plant) = north();
        let spool = Spool::open(folder, u64::MAX).await.unwrap();
        let newest = spool.last().await.unwrap().unwrap();
        let now = Now { wall: wall(0), tick: Tick(0) };
        let mut core = Core::new(fleet.clone(), &plant.id, key().verifying_key(), 2, Memory::default(), now).unwrap();
        let mut node = node(&fleet, &plant).unwrap();
        node.connected(0);
        let online = HostState { online: true, timestamp: 1 }.bytes();
        node.on_message(&format!("spBv1.0/STATE/{PRIMARY_HOST}"), &online, 1);
        let (to_core, from_all) = mpsc::channel(8);
        let shared = Shared::new(plant.id.clone());
        let mut uplink = Uplink::new(Arc::new(plant), node, spool, Clock::start(), to_core, newest, shared);
        uplink.outgoing(ToUplink::Birth { birth: Box::new(core.birth(now)), now }).await;
        assert!(uplink.node.is_born());
        (uplink, from_all)
    }

    /// One pass over the backlog while the centre acknowledges nothing; each entry is one that the births cover.
    async fn pass(uplink: &mut Uplink) -> Vec<Entry> {
        let mut sent = Vec::new();
        for _ in 0..20 {
            for entry in uplink.page(Tick(1)).await.unwrap() {
                let metrics = mapping::entry_to_metrics(&entry, true, Tick(1), 1);
                uplink.node.device_data(1, entry.device.as_str(), &metrics, None).unwrap();
                sent.push(entry);
            }
        }
        sent
    }

    fn dropped(uplink: &Uplink, reason: &str) -> String {
        let text = catalogue::text(&uplink.shared.figures().gather()).unwrap();
        let head = format!("gl_001_samples_dropped_total{{plant=\"north\",reason=\"{reason}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&head)).expect("every reason has its line").to_owned()
    }

    #[tokio::test]
    async fn what_a_renamed_device_left_behind_is_set_aside_and_eats_no_window() {
        let folder = tempfile::tempdir().unwrap();
        let before = Spool::open(folder.path(), u64::MAX).await.unwrap();
        // More than the window of a device that is no more; then of one whose tag is no more, and of whole ones.
        let mut all: Vec<Entry> =
            (1..=WINDOW + 100).map(|seq| entry(seq, "north.plc-old", &["north.b1.heat", "north.b2.heat"])).collect();
        all.push(entry(701, "north.plc1", &["north.b1.heat", "north.b1.old"]));
        all.push(entry(702, "north.plc1", &["north.b1.old"]));
        all.extend((703..=710).map(|seq| entry(seq, "north.plc1", &["north.b1.heat"])));
        before.add(&all, Millis(10)).await.unwrap();
        drop(before);

        let (mut uplink, _core) = reborn(folder.path()).await;
        let sent = pass(&mut uplink).await;
        assert_eq!(sent.iter().map(|e| e.seq).collect::<Vec<_>>(), [701, 703, 704, 705, 706, 707, 708, 709, 710]);
        assert_eq!(sent[0], entry(701, "north.plc1", &["north.b1.heat"]), "what is known of it, under its name");
        assert_eq!(uplink.spool.count_until((1, 710)).await.unwrap(), 9, "the window");
        assert_eq!(uplink.spool.fill().await.unwrap().entries, 9, "what the centre is told");
        assert_eq!(uplink.spool.shelf().await.unwrap().entries, 602);
        assert_eq!(dropped(&uplink, "unknown-device"), "1200");
        assert_eq!(dropped(&uplink, "unknown-tag"), "2");
        let told =
            [(Some(device("north.plc-old")), Unsent::UnknownDevice), (Some(device("north.plc1")), Unsent::UnknownTag)];
        assert_eq!(uplink.told, BTreeSet::from(told), "once each");

        // Sent again, nothing is counted again; acknowledged, nothing is left.
        uplink.backlog.begin(Tick(2));
        assert_eq!(pass(&mut uplink).await, sent);
        assert_eq!(dropped(&uplink, "unknown-tag"), "2");
        let ranges = [701, 703].map(|first| Range { boot: 1, first, last: if first == 701 { 701 } else { 710 } });
        assert_eq!(uplink.spool.forget(&ranges).await.unwrap(), 9);
        assert_eq!(uplink.spool.fill().await.unwrap().entries, 0);
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_read_is_set_aside_and_the_rest_of_its_page_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let before = Spool::open(folder.path(), u64::MAX).await.unwrap();
        let all: Vec<Entry> = (1..=3).map(|seq| entry(seq, "north.plc1", &["north.b1.heat"])).collect();
        before.add(&all, Millis(10)).await.unwrap();
        before.spoil((1, 2), b"{\"boot\":1,\"seq\":2").await;
        drop(before);

        let (mut uplink, _core) = reborn(folder.path()).await;
        assert_eq!(pass(&mut uplink).await.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(uplink.spool.shelf().await.unwrap().entries, 1);
        assert_eq!(uplink.spool.fill().await.unwrap().entries, 2);
        assert_eq!(dropped(&uplink, "unreadable"), "1");
        assert_eq!(uplink.told, BTreeSet::from([(None, Unsent::Unreadable)]));
    }
}
