//! Broker, PLC, host and program, and what the host has seen. Everything is stopped when the bench is dropped.

use super::plc::Plc;
use hypocaust_protocols::model::{PlantId, Tick};
use hypocaust_protocols::mqtt::{self, Opening, Session, Settings};
use hypocaust_protocols::sparkplug::host::Event;
use hypocaust_protocols::sparkplug::{Host, Metric, Value};
use hypocaust_protocols::wire::{Beat, Outcome, Range, Signed, SigningKey, metric};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::Receiver;

pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

#[expect(clippy::disallowed_methods, reason = "a test of real programs lives in real time")]
fn wall() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

#[expect(clippy::disallowed_methods, reason = "a test of real programs lives in real time")]
pub fn clock() -> Instant {
    Instant::now()
}

pub struct Bench {
    folder: tempfile::TempDir,
    broker_port: u16,
    broker: Child,
    edge: Option<Child>,
    pub plc: Plc,
    host: Arc<Mutex<Host>>,
    events: Receiver<mqtt::Event>,
    session: Option<Session>,
    node: BTreeMap<String, Value>,
    tags: BTreeMap<String, Value>,
    pub live: BTreeSet<(u64, u64)>,
    pub historical: BTreeSet<(u64, u64)>,
    pub outcomes: Vec<Outcome>,
    pub births: usize,
    pub deaths: usize,
    pub acknowledge_everything: bool,
    pub beats: bool,
    beaten: i64,
    /// How many beats were sent, and when the last was.
    pub beats_sent: (u32, Instant),
    /// Each mode that was told, once for each change, and when.
    pub modes: Vec<(String, Instant)>,
}

impl Bench {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plc = Plc::default();
        // A plant in order: header values at nominal, no trip, caps open.
        plc.set_f32(4, 100, 10.0);
        plc.set_f32(3, 112, 12.0);
        plc.set(2, 103, 1);
        plc.set(2, 104, 1);
        let ports = [plc.serve(), plc.serve()];
        let ends = serde_json::json!({
            "north.plc1": format!("127.0.0.1:{}", ports[0]),
            "north.plc2": format!("127.0.0.1:{}", ports[1]),
        });
        std::fs::write(folder.path().join("ends.json"), ends.to_string()).unwrap();
        let public: String = key().verifying_key().as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        std::fs::write(folder.path().join("key"), public).unwrap();
        let broker_port = free_port();
        let broker = broker(folder.path(), broker_port);
        let host = Arc::new(Mutex::new(Host::new("small", "hypocaust").unwrap()));
        host.lock().unwrap().expect("north").unwrap();
        let mut settings = Settings::new("127.0.0.1", broker_port, "bench-host");
        settings.backoff_max = Duration::from_secs(1);
        let machine = host.clone();
        let opening = move || {
            let host = machine.lock().unwrap();
            let time = host.session_time(wall());
            Ok(Opening { will: Some(host.will(time).into()), token: time })
        };
        let events = mqtt::start(settings, opening).unwrap();
        let mut bench = Self {
            folder,
            broker_port,
            broker,
            edge: None,
            plc,
            host,
            events,
            session: None,
            node: BTreeMap::new(),
            tags: BTreeMap::new(),
            live: BTreeSet::new(),
            historical: BTreeSet::new(),
            outcomes: Vec::new(),
            births: 0,
            deaths: 0,
            acknowledge_everything: false,
            beats: false,
            beaten: 0,
            beats_sent: (0, clock()),
            modes: Vec::new(),
        };
        bench.start_edge();
        bench
    }

    pub fn start_edge(&mut self) {
        let fleet = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleets/modbus");
        let at = |name: &str| -> PathBuf { self.folder.path().join(name) };
        let log = std::fs::OpenOptions::new().create(true).append(true).open(at("edge.log")).unwrap();
        let edge = Command::new(env!("CARGO_BIN_EXE_hypocaust-edge"))
            .args(["run", "--plant", "north", "--mqtt", &format!("mqtt://127.0.0.1:{}", self.broker_port)])
            .args([Path::new("--fleet"), &fleet, Path::new("--data"), &at("data")])
            .args([Path::new("--endpoints"), &at("ends.json"), Path::new("--key"), &at("key")])
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        self.edge = Some(edge);
    }

    /// kill -9.
    pub fn kill_edge(&mut self) {
        if let Some(mut edge) = self.edge.take() {
            edge.kill().unwrap();
            edge.wait().unwrap();
        }
    }

    /// SIGTERM, and the exit code.
    pub async fn stop_edge(&mut self) -> Option<i32> {
        let mut edge = self.edge.take()?;
        let asked = Command::new("kill").args(["-TERM", &edge.id().to_string()]).status().unwrap();
        assert!(asked.success());
        for _ in 0..100 {
            if let Some(status) = edge.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        edge.kill().unwrap();
        edge.wait().unwrap();
        None
    }

    pub async fn restart_broker(&mut self, pause: Duration) {
        self.broker.kill().unwrap();
        self.broker.wait().unwrap();
        tokio::time::sleep(pause).await;
        self.broker = broker(self.folder.path(), self.broker_port);
    }

    /// Waits for it, 40 s at most, doing the host's work meanwhile.
    pub async fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let begun = wall();
        while !done(self) {
            if wall() - begun > 40_000 {
                let log = std::fs::read_to_string(self.folder.path().join("edge.log")).unwrap_or_default();
                panic!(
                    "no {what} within 40 s; node {:?}\nlive {:?}\nhistorical {:?}\n{log}",
                    self.node, self.live, self.historical
                );
            }
            if let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(50), self.events.recv()).await {
                self.event(event).await;
            }
            self.work().await;
        }
    }

    async fn event(&mut self, event: mqtt::Event) {
        match event {
            mqtt::Event::Connected { session, token } => {
                let filters = self.host.lock().unwrap().subscriptions();
                for (filter, qos) in filters {
                    session.subscribe(&filter, qos).await.unwrap();
                }
                let online = self.host.lock().unwrap().connected(token, wall());
                let _ = session.send(online).await;
                self.session = Some(session);
            }
            mqtt::Event::Disconnected { .. } => {
                self.session = None;
                self.host.lock().unwrap().disconnected();
            }
            mqtt::Event::Message { topic, payload, .. } => {
                let (events, publishes) = self.host.lock().unwrap().on_message(&topic, &payload, wall());
                for publish in publishes {
                    if let Some(session) = &self.session {
                        let _ = session.send(publish).await;
                    }
                }
                for event in events {
                    self.seen(event).await;
                }
            }
        }
    }

    async fn seen(&mut self, event: Event) {
        match event {
            Event::NodeBirth { metrics, .. } => {
                self.births += 1;
                self.node_metrics(metrics);
            }
            Event::DeviceBirth { metrics, .. } => self.tags.extend(metrics.into_iter().map(|m| (m.name, m.value))),
            Event::Data { device: None, metrics, .. } => self.node_metrics(metrics),
            Event::Data { device: Some(_), metrics, .. } => self.entry(metrics).await,
            Event::NodeDeath { .. } => self.deaths += 1,
            _ => {}
        }
    }

    fn node_metrics(&mut self, metrics: Vec<Metric>) {
        for m in metrics {
            if m.name == metric::OUTCOME
                && let Value::Text(text) = &m.value
                && !text.is_empty()
            {
                self.outcomes.push(serde_json::from_str(text).unwrap());
            }
            if m.name == metric::MODE
                && let Value::Text(mode) = &m.value
                && self.modes.last().is_none_or(|(last, _)| last != mode)
            {
                self.modes.push((mode.clone(), clock()));
            }
            self.node.insert(m.name, m.value);
        }
    }

    async fn entry(&mut self, metrics: Vec<Metric>) {
        let name = metrics.iter().find(|m| m.name == metric::ENTRY).map(|m| m.value.clone());
        let Some(Value::Text(name)) = name else { panic!("data without its entry") };
        let (boot, seq) = name.split_once(':').unwrap();
        let key = (boot.parse().unwrap(), seq.parse().unwrap());
        let historical = metrics.iter().any(|m| m.historical);
        if historical {
            self.historical.insert(key)
        } else {
            self.live.insert(key)
        };
        for m in metrics {
            if m.name == metric::TICK {
                self.node.insert(m.name, m.value);
            } else if !historical {
                self.tags.insert(m.name, m.value);
            }
        }
    }

    async fn work(&mut self) {
        let now = wall();
        let due = self.host.lock().unwrap().tick(now);
        for publish in due {
            if let Some(session) = &self.session {
                let _ = session.send(publish).await;
            }
        }
        if now - self.beaten < 1000 {
            return;
        }
        self.beaten = now;
        if self.beats && self.boot() > 0 {
            let beat = Beat {
                plant: PlantId::new("north").unwrap(),
                epoch: 3,
                boot: self.boot(),
                tick: Tick(self.tick()),
                head_seq: 1,
                head_hash: "00".into(),
                trips_seen: vec![],
            };
            self.beats_sent = (self.beats_sent.0 + 1, clock());
            self.send(metric::BEAT, &Signed::seal(metric::BEAT, &beat, &key())).await;
        }
        if self.acknowledge_everything {
            let all = self.live.iter().chain(&self.historical);
            let ranges: Vec<Range> = all.map(|(boot, seq)| Range { boot: *boot, first: *seq, last: *seq }).collect();
            self.send(metric::DURABLE, &ranges).await;
        }
    }

    /// A node command with one metric.
    pub async fn send(&mut self, name: &str, value: &impl Serialize) {
        let text = serde_json::to_string(value).unwrap();
        let metrics = [Metric::new(name, wall(), Value::Text(text))];
        let publish = self.host.lock().unwrap().node_command("north", wall(), &metrics);
        if let Some(session) = &self.session {
            let _ = session.send(publish).await;
        }
    }

    fn number(&self, name: &str) -> u64 {
        match self.node.get(name) {
            Some(Value::UInt(n)) => *n,
            _ => 0,
        }
    }
    pub fn boot(&self) -> u64 {
        self.number(metric::BOOT)
    }
    pub fn tick(&self) -> u64 {
        self.number(metric::TICK)
    }
    pub fn value(&self, tag: &str) -> Option<f64> {
        self.tags.get(tag).and_then(Value::number)
    }
    pub fn mode(&self) -> Option<&str> {
        match self.node.get(metric::MODE) {
            Some(Value::Text(mode)) => Some(mode),
            _ => None,
        }
    }
    pub fn spool_entries(&self) -> Option<u64> {
        let Some(Value::Text(text)) = self.node.get(metric::SPOOL) else { return None };
        serde_json::from_str::<serde_json::Value>(text).ok()?["entries"].as_u64()
    }

    /// Every entry of this boot from the first to the last that was seen.
    pub fn has_no_holes(&self, boot: u64) -> bool {
        let seqs: BTreeSet<u64> =
            self.live.iter().chain(&self.historical).filter(|k| k.0 == boot).map(|k| k.1).collect();
        seqs.last().is_some_and(|last| seqs.len() as u64 == *last)
    }
    pub fn no_holes(&self, boot: u64) {
        assert!(self.has_no_holes(boot), "live {:?}\nhistorical {:?}", self.live, self.historical);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.kill_edge();
        let _ = self.broker.kill();
        let _ = self.broker.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn broker(folder: &Path, port: u16) -> Child {
    let file = folder.join("mosquitto.conf");
    std::fs::write(&file, format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
    // Debian keeps it where not every PATH looks.
    let program = ["/usr/sbin/mosquitto", "mosquitto"].into_iter().find(|p| *p == "mosquitto" || Path::new(p).exists());
    Command::new(program.unwrap())
        .arg("-c")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test needs Mosquitto: apt-get install mosquitto")
}
