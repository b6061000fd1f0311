//! Values a second from MQTT through Apache Kafka into the history in SQLite: `make bench-ingest`.
//!
//! Real on this machine: Mosquitto, Apache Kafka, `hypocaust-central` with everything that it does besides (image,
//! dispatch, journal, publishing). The load comes from a generator that speaks as edges do: one Sparkplug session a plant,
//! births, one DDATA an entry with all tags of a device, entries named and counted without holes. It paces itself by the
//! clock and counts as stored what the centre acknowledges to be durable. It has no spool and no devices behind it, and
//! its plants show values that decide nothing. It judges nothing: figures depend on the machine.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures by the real clock")]

use hypocaust_protocols::model::{Fleet, Millis, Plant, Quality, Sample, Tick};
use hypocaust_protocols::mqtt::{self, Opening, Settings};
use hypocaust_protocols::sparkplug::edge::{DeviceBirth, Reaction};
use hypocaust_protocols::sparkplug::{EdgeNode, Metric, Value};
use hypocaust_protocols::wire::sparkplug as mapping;
use hypocaust_protocols::wire::{Entry, PRIMARY_HOST, Range, metric};
use hypocaust_tests::harness::kafka::Kafka;
use hypocaust_tests::harness::{block_on, cpu_s, program, resident_mb, small_fleet};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Values a second that are offered, one after the other.
const OFFERED: [u64; 4] = [2_000, 5_000, 10_000, 20_000];
const EACH: Duration = Duration::from_secs(20);
/// After an offer, for what is on its way.
const DRAIN: Duration = Duration::from_secs(40);

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

/// Ended with the benchmark.
struct Program(Child);

impl Program {
    fn start(name: &str, command: &Command, log: &std::path::Path) -> Self {
        let log = std::fs::File::create(log.join(format!("{name}.log"))).expect("a file in a fresh folder can be made");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Self(child.unwrap_or_else(|e| panic!("{name}: {e}")))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the generator and the benchmark share.
#[derive(Default)]
struct Counts {
    /// Values a second and plant that are to be sent.
    rate: AtomicU64,
    sent: AtomicU64,
    /// Values that the centre says are durable; by plant, because it says all that are of one.
    durable: Mutex<BTreeMap<String, u64>>,
    born: AtomicU64,
}

fn samples(plant: &Plant, device: &str, round: u64, wall: Millis) -> Vec<Sample> {
    let of_device = plant.tags.iter().filter(|t| t.device.as_str() == device);
    of_device
        .map(|tag| {
            // Within the tag's limits, and never twice the same.
            let value = tag.min + (tag.max - tag.min) * (0.3 + 0.001 * (round % 100) as f64);
            Sample { tag: tag.id.clone(), time: wall, value: Some(value), quality: Quality::Good }
        })
        .collect()
}

fn wall() -> Millis {
    Millis(jiff::Timestamp::now().as_millisecond())
}

/// One plant's edge.
async fn edge(fleet: Arc<Fleet>, plant: usize, port: u16, counts: Arc<Counts>) {
    let plant = &fleet.plants[plant];
    let mut node = EdgeNode::new(fleet.id.as_str(), plant.id.as_str(), PRIMARY_HOST).expect("ids of a fleet are valid");
    let will = node.clone();
    let mut events = mqtt::start(Settings::new("127.0.0.1", port, format!("bench-{}", plant.id)), move || {
        Ok(Opening { will: Some(will.will(1, wall().0).into()), token: 1 })
    })
    .expect("the settings are right");
    let boot = wall().0.unsigned_abs();
    let began = Instant::now();
    let tick = || Tick(began.elapsed().as_millis() as u64);
    let devices: Vec<String> = plant.devices.iter().map(|d| d.id.to_string()).collect();
    let (mut session, mut seq, mut owed) = (None, 0u64, 0.0);
    let mut last = Instant::now();
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            event = events.recv() => match event.expect("the connection's task lives") {
                mqtt::Event::Connected { session: fresh, .. } => {
                    node.connected(1);
                    for (filter, qos) in node.subscriptions() {
                        let _ = fresh.subscribe(&filter, qos).await;
                    }
                    session = Some(fresh);
                }
                mqtt::Event::Disconnected { reason } => {
                    say(&format!("{}: {reason}", plant.id));
                    node.disconnected();
                    session = None;
                }
                mqtt::Event::Message { topic, payload, .. } => {
                    for reaction in node.on_message(&topic, &payload, wall().0) {
                        match reaction {
                            Reaction::BirthWanted => {
                                let own = [
                                    Metric::new(metric::BOOT, wall().0, Value::UInt(boot)),
                                    Metric::new(metric::TICK, wall().0, Value::UInt(tick().0)),
                                    Metric::new(metric::MODE, wall().0, Value::Text("holding".into())),
                                ];
                                let births: Vec<DeviceBirth> = devices.iter().map(|device| {
                                    let mut metrics = mapping::birth_preface(tick(), wall().0).to_vec();
                                    metrics.extend(samples(plant, device, 0, wall()).iter().map(mapping::sample_to_metric));
                                    DeviceBirth { device: device.clone(), metrics }
                                }).collect();
                                for publish in node.birth(wall().0, &own, &births).expect("a birth is wanted") {
                                    let _ = session.as_ref().expect("connected").send(publish).await;
                                }
                                counts.born.fetch_add(1, Ordering::Relaxed);
                            }
                            Reaction::Publish(publish) => {
                                let _ = session.as_ref().expect("connected").send(publish).await;
                            }
                            Reaction::NodeCommand(metrics) => durable(&metrics, plant, &devices, &counts),
                            Reaction::Disconnect | Reaction::DeviceCommand { .. } | Reaction::Malformed { .. } => {}
                        }
                    }
                }
            },
            _ = pace.tick() => {
                owed += last.elapsed().as_secs_f64() * counts.rate.load(Ordering::Relaxed) as f64;
                last = Instant::now();
                let Some(session) = session.as_ref().filter(|_| node.is_born()) else { continue };
                while owed >= 1.0 {
                    seq += 1;
                    let device = &devices[seq as usize % devices.len()];
                    let samples = samples(plant, device, seq, wall());
                    owed -= samples.len() as f64;
                    counts.sent.fetch_add(samples.len() as u64, Ordering::Relaxed);
                    let entry = Entry { boot, seq, device: device.parse().expect("an id of the fleet"), samples };
                    let metrics = mapping::entry_to_metrics(&entry, false, tick(), wall().0);
                    let publish = node.device_data(wall().0, device, &metrics, None).expect("the device is born");
                    let _ = session.send(publish).await;
                }
            }
        }
    }
}

/// Counts what is acknowledged, by the devices' turns.
fn durable(metrics: &[Metric], plant: &Plant, devices: &[String], counts: &Counts) {
    for m in metrics.iter().filter(|m| m.name == metric::DURABLE) {
        let Value::Text(text) = &m.value else { continue };
        let ranges: Vec<Range> = serde_json::from_str(text).expect("the centre sends ranges");
        let entries: u64 = ranges.iter().map(|r| r.last - r.first + 1).sum();
        // Devices come in turn, so whole turns have all tags of the plant.
        let values = entries as f64 / devices.len() as f64 * plant.tags.len() as f64;
        counts.durable.lock().expect("nobody panics with it").insert(plant.id.to_string(), values as u64);
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let kafka = Kafka::start();
    let (mqtt_port, console) = (port(), port());
    let conf = folder.path().join("mosquitto.conf");
    std::fs::write(&conf, format!("listener {mqtt_port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"))
        .expect("a file in a fresh folder can be written");
    let mut mosquitto = Command::new("/usr/sbin/mosquitto");
    mosquitto.arg("-c").arg(&conf);
    let _broker = Program::start("mosquitto", &mosquitto, folder.path());
    let mut central = program("hypocaust-central");
    central.args(["run", "--mqtt", &format!("mqtt://127.0.0.1:{mqtt_port}"), "--kafka", &kafka.bootstrap()]);
    central.args(["--listen", &format!("127.0.0.1:{console}"), "--fleet"]).arg(small_fleet());
    central.arg("--data").arg(folder.path().join("central"));
    let central = Program::start("central", &central, folder.path());
    let fleet = Arc::new(hypocaust_protocols::files::load(&small_fleet()).expect("the sample fleet is right"));
    let counts = Arc::new(Counts::default());
    block_on(async {
        for plant in 0..fleet.plants.len() {
            tokio::spawn(edge(Arc::clone(&fleet), plant, mqtt_port, Arc::clone(&counts)));
        }
    });
    let began = Instant::now();
    while counts.born.load(Ordering::Relaxed) < fleet.plants.len() as u64 {
        assert!(began.elapsed() < Duration::from_secs(60), "no birth: {}", log(folder.path()));
        std::thread::sleep(Duration::from_millis(100));
    }
    let (pid, broker) = (central.0.id(), kafka.pid().expect("it runs"));
    say("values a second, MQTT -> Apache Kafka -> history in SQLite; load of a generator, all on this machine");
    for offered in OFFERED {
        let stored = || counts.durable.lock().expect("nobody panics with it").values().sum::<u64>();
        let sent = || counts.sent.load(Ordering::Relaxed);
        let (stored_before, sent_before, cpu) = (stored(), sent(), cpu_s(pid));
        counts.rate.store(offered / fleet.plants.len() as u64, Ordering::Relaxed);
        let began = Instant::now();
        std::thread::sleep(EACH);
        let (took, during) = (began.elapsed().as_secs_f64(), stored() - stored_before);
        counts.rate.store(0, Ordering::Relaxed);
        let busy = (cpu_s(pid) - cpu) / took * 100.0;
        let memory = resident_mb(pid);
        let sent_now = sent() - sent_before;
        let began = Instant::now();
        while stored() - stored_before + 200 < sent_now && began.elapsed() < DRAIN {
            std::thread::sleep(Duration::from_millis(100));
        }
        let all = if stored() - stored_before + 200 >= sent_now {
            format!("all durable {:.1} s later", began.elapsed().as_secs_f64())
        } else {
            format!("{} of {sent_now} durable after {DRAIN:?} more", stored() - stored_before)
        };
        say(&format!(
            "  offered {offered:>6}: sent {:>6.0}, stored {:>6.0} a second, {all}; central {busy:.0} % of a core, {memory:.0} MB; Kafka {:.0} MB",
            sent_now as f64 / took,
            during as f64 / took,
            resident_mb(broker)
        ));
    }
}

fn log(folder: &std::path::Path) -> String {
    std::fs::read_to_string(folder.join("central.log")).unwrap_or_default()
}
