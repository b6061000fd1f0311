//! OPC UA, judged by asyncua and node-opcua: as clients they see what the API shows, as servers they do to the edge's
//! driver what servers and networks do.

#![expect(clippy::disallowed_methods, reason = "measures the running programs")]

use super::counts::rows;
use super::shared::{Shared, at_rest, changed_fleet, demo, say, tell_at_once, turn};
use hypocaust_edge::core::Input;
use hypocaust_edge::core::image::Image;
use hypocaust_edge::shell::device::{self, Driver, Job};
use hypocaust_edge::shell::opcua::certificates;
use hypocaust_edge::shell::run::ToCore;
use hypocaust_protocols::model::{Device, Fleet, Millis, Plant, Tag, TagId, Tick};
use hypocaust_protocols::wire::{Entry, SigningKey};
use hypocaust_tests::harness::opcua::{Asked, Identity, Judge, Server, Wire, client};
use hypocaust_tests::harness::{Demo, Options, block_on, free_port, program, run, runs, small_fleet, text, wait_until};
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

fn plant(id: &str) -> (Fleet, Plant) {
    let fleet = hypocaust_protocols::files::load(&small_fleet()).unwrap();
    let plant = fleet.plant(id).unwrap().clone();
    (fleet, plant)
}

fn opc_ua_of(demo: &Demo, plant: &str) -> String {
    let endpoints = demo.endpoints();
    let plants = endpoints["plants"].as_array().unwrap();
    plants.iter().find(|p| p["id"] == plant).unwrap()["opcua"][0].as_str().unwrap().to_owned()
}

/// Every tag of each plant's second device, read by the judge over an encrypted session, is what the API shows; nobody
/// gets in without a certificate that the device knows, and nothing is written that may not be.
fn reads_what_the_api_shows(judge: Judge) {
    let demo = demo();
    let folder = tempfile::tempdir().unwrap();
    let who = Identity::new(folder.path(), &format!("{judge:?}").to_lowercase());
    let writes = [("hp1.state", "u16", 4.0), ("store.flow-sp", "f32", 99.0), ("store.flow-sp", "f64", 0.0)];
    agrees(&demo, judge, &who, "north", &writes);
    agrees(
        &demo,
        judge,
        &who,
        "south",
        &[("wh1.state", "u16", 4.0), ("line.cap-sp", "f32", 99.0), ("nobody", "f32", 1.0)],
    );
    tells_the_same_time(&demo, judge, &who, "north", "halls.served");
    tells_the_same_time(&demo, judge, &who, "south", "offices.served");
}

fn agrees(demo: &Shared, judge: Judge, who: &Identity, id: &str, writes: &[(&str, &str, f64)]) {
    let (_, plant) = plant(id);
    let device = plant.device(&format!("{id}.plc2")).unwrap();
    let certificates = demo.data.join("certificates").join(device.id.as_str());
    let server_certificate = certificates.join("own/certificate.der");
    let url = opc_ua_of(demo, id);
    // The counter changes every second and is nobody's measurement.
    let counter = device.watchdog.as_ref().map(|w| &w.counter);
    let mut left: Vec<_> = plant.tags.iter().filter(|t| t.device == device.id && Some(&t.id) != counter).collect();
    let all = left.len();
    let asked = Asked {
        url: &url,
        namespace: &device.opc_ua().unwrap().namespace,
        server_certificate: &server_certificate,
        secure: true,
        reads: &[],
        writes,
    };
    let stranger = client(judge, who, &asked);
    assert!(stranger.is_err(), "a client that nobody trusts got in: {stranger:?}");
    std::fs::copy(who.pki.own_certificate(), certificates.join("trusted").join(format!("{judge:?}.der"))).unwrap();
    // The simulated device looks at its files twice a second.
    std::thread::sleep(Duration::from_millis(1_500));
    let open = client(judge, who, &Asked { secure: false, writes: &[], ..asked });
    assert!(open.is_err(), "there is an endpoint without encryption: {open:?}");

    let mut differ = Vec::new();
    for _ in 0..20 {
        let nodes: Vec<&str> = left.iter().map(|t| t.address.node().unwrap()).collect();
        let shown = || left.iter().map(|t| demo.tag(t.id.as_str())).collect::<Vec<Value>>();
        let before = shown();
        let answer =
            client(judge, who, &Asked { reads: &nodes, ..asked }).unwrap_or_else(|why| panic!("{judge:?}: {why}"));
        std::thread::sleep(Duration::from_millis(900));
        let after = shown();
        // Not writable, out of bounds, of another type or not there: each refused by the device.
        let refused = answer["refused"].as_object().unwrap();
        assert!(writes.iter().all(|(node, ..)| refused.contains_key(*node)), "{answer}");
        assert_eq!(answer["written"], json!({}), "{answer}");
        differ.clear();
        let mut still = Vec::new();
        for ((tag, node), (before, after)) in left.iter().zip(&nodes).zip(before.iter().zip(&after)) {
            let value = answer["values"][node].as_f64().unwrap() * tag.scale + tag.shift;
            let fits = before["value"].as_f64().zip(after["value"].as_f64()).is_some_and(|(from, to)| {
                let slack = tag.deadband + 1e-6;
                (from.min(to) - slack..=from.max(to) + slack).contains(&value)
            });
            if !fits || after["quality"] != "good" {
                differ.push(format!("{}: {judge:?} {value}, API {before} before and {after} after", tag.id));
                still.push(*tag);
            }
        }
        left = still;
        if left.is_empty() {
            say(&format!("{judge:?} and the API agree on {all} tags of {url}"));
            return;
        }
    }
    panic!("{differ:#?}");
}

#[test]
fn asyncua_reads_what_the_api_shows() {
    reads_what_the_api_shows(Judge::Asyncua);
}

#[test]
fn node_opcua_reads_what_the_api_shows() {
    reads_what_the_api_shows(Judge::NodeOpcua);
}

/// A change of a value that stands still since: what it became, when by the device's own word, and when by the API.
#[derive(Debug, Clone, Copy)]
struct Change {
    level: f64,
    device: Millis,
    api: Millis,
}

/// Has every change its own time, to the millisecond, in the API and first in the history (`rows`: milliseconds since 1970
/// and the value)? A later one is right only where the edge had told of the old value after the device had the new one: then
/// order within the tag goes first. That happens every five seconds, so that most changes have their own. Each level is
/// shown once. How many changes have their own time.
fn same_times(changes: &[Change], rows: &[(i64, f64)]) -> Result<usize, String> {
    let mut exact = 0;
    for change in changes {
        let Change { level, device, api } = *change;
        let mine = |row: &&(i64, f64)| (row.1 - level).abs() < 1e-6;
        let told =
            rows.iter().find(mine).map(|row| row.0).ok_or_else(|| format!("{change:?} is not in the history"))?;
        if !rows.iter().filter(mine).any(|row| row.0 == api.0) {
            return Err(format!("{change:?}: the API shows another time than the history, first {told}"));
        }
        let old_after = rows.iter().any(|row| !mine(&row) && (device.0..=told).contains(&row.0));
        match told {
            told if told == device.0 => exact += 1,
            told if told > device.0 && old_after => {}
            told => return Err(format!("{change:?}: the history has it first at {told}")),
        }
    }
    if 2 * exact > changes.len() { Ok(exact) } else { Err(format!("{exact} of {changes:?} have their own time")) }
}

#[test]
fn a_shifted_source_time_is_noticed() {
    let change = |level, device: i64, api| Change { level, device: Millis(device), api: Millis(api) };
    // The second one was told late, after the old value had been told anew; it stands for longer than its silence.
    let rows = [(900, 1.0), (1_000, 2.0), (6_900, 2.0), (7_000, 2.5), (12_000, 2.5), (12_500, 3.0)];
    let changes = |shift: i64| {
        [change(2.0, 1_000 + shift, 1_000), change(2.5, 6_850, 7_000), change(3.0, 12_500 + shift, 12_500)]
    };
    assert_eq!(same_times(&changes(0), &rows), Ok(2));
    for shift in [-3_600_000, -1, 1, 3_600_000] {
        assert!(same_times(&changes(shift), &rows).is_err(), "{shift} ms");
    }
    let late = [change(2.5, 6_950, 7_000)];
    same_times(&late, &rows).expect_err("the old value was told before the device had the new one");
    same_times(&[change(2.0, 1_000, 1_001)], &rows).expect_err("the API shows what nobody told");
    same_times(&[change(9.0, 1_000, 1_000)], &rows).expect_err("it is nowhere");
}

/// Every value that changes and then stands still has one source time: the one that the judge reads at the device is the one
/// that the API and the history have. A sensor that sticks is such a value. It sticks at another number before, because a
/// subscription may give a value that changes anew within its sampling interval the end of that interval for a time.
fn tells_the_same_time(demo: &Shared, judge: Judge, who: &Identity, plant_id: &str, local: &str) {
    /// Levels around the first, which is not judged: they differ by more than the deadband and come once each.
    const LEVELS: [i8; 8] = [-1, 1, -2, 2, -3, 3, -4, 4];
    const LEVEL_MW: f64 = 0.02;
    let (_, plant) = plant(plant_id);
    let tag = plant.tag(&format!("{plant_id}.{local}")).unwrap();
    let device = plant.device(tag.device.as_str()).unwrap();
    let node = tag.address.node().unwrap();
    let asked = Asked {
        url: &opc_ua_of(demo, plant_id),
        namespace: &device.opc_ua().unwrap().namespace,
        server_certificate: &demo.data.join("certificates").join(device.id.as_str()).join("own/certificate.der"),
        secure: true,
        reads: &[node],
        writes: &[],
    };
    let began = demo.tag(tag.id.as_str())["value"].as_f64().unwrap();
    let near = (began * 100.0).round() / 100.0;
    let time = |text: &Value| text.as_str().and_then(Millis::from_rfc3339).unwrap_or_else(|| panic!("no time: {text}"));
    let stick = |level: f64| {
        demo.inject(plant_id, &["stick", local, &format!("{level:.2}")]);
        let shown = wait_until("the API shows where the sensor sticks", Duration::from_secs(30), || {
            let shown = demo.tag(tag.id.as_str());
            let there = shown["value"].as_f64().is_some_and(|v| (v - level).abs() < 1e-6);
            if there && shown["quality"] == "good" { Ok(shown) } else { Err(shown.to_string()) }
        });
        time(&shown.0["source_time"])
    };
    let from = stick(near);
    let mut changes = Vec::new();
    for level in LEVELS {
        // It stands still for some samplings, so that the next change is one of its own.
        std::thread::sleep(Duration::from_millis(500));
        let level = near + LEVEL_MW * f64::from(level);
        let api = stick(level);
        let answer = client(judge, who, &asked).unwrap_or_else(|why| panic!("{judge:?}: {why}"));
        changes.push(Change { level, device: time(&answer["times"][node]), api });
    }
    demo.inject(plant_id, &["restore", local]);
    let (rows, _) = wait_until("the history has the last change", Duration::from_secs(60), || {
        let rows = rows(demo, tag.id.as_str(), from.0);
        let last = changes.last().map_or(0.0, |c| c.level);
        if rows.iter().any(|row| (row.1 - last).abs() < 1e-6) { Ok(rows) } else { Err("not yet") }
    });
    let exact = same_times(&changes, &rows).unwrap_or_else(|why| panic!("{}, {judge:?}: {why}\n{rows:?}", tag.id));
    // The control, on what was really read: a device whose clock is a millisecond off.
    for shift in [-1, 1] {
        let shifted: Vec<_> = changes.iter().map(|c| Change { device: Millis(c.device.0 + shift), ..*c }).collect();
        same_times(&shifted, &rows).expect_err("the clock is off");
    }
    say(&format!(
        "{judge:?}, API and history have the same source time of {exact} of {} changes of {}; the others came after the \
         old value had been told anew",
        changes.len(),
        tag.id
    ));
}

/// A device without encryption is served so, and read so by its edge, where the plant's file says in words why; the device
/// of another plant beside it is as closed as ever.
#[test]
fn an_endpoint_without_encryption_is_there_where_the_file_says_why_and_nowhere_else() {
    let _turn = turn();
    let open = "security = \"none\"\nunprotected_because = \"a bench on a network of its own\"";
    let fleet = changed_fleet("plants/south.toml", &[("security = \"sign-and-encrypt\"", open)]);
    let demo = Demo::start(Options { fleet: fleet.path().to_owned(), ..Options::default() });
    wait_until("the demo is at rest", Duration::from_secs(60), || at_rest(&demo));
    let folder = tempfile::tempdir().unwrap();
    let who = Identity::new(folder.path(), "passer-by");
    for judge in [Judge::Asyncua, Judge::NodeOpcua] {
        for (id, node, served) in [("south", "wh1.state", true), ("north", "hp1.state", false)] {
            let (_, plant) = plant(id);
            let device = plant.device(&format!("{id}.plc2")).unwrap();
            let certificate = demo.data.join("certificates").join(device.id.as_str()).join("own/certificate.der");
            let answer = client(
                judge,
                &who,
                &Asked {
                    url: &opc_ua_of(&demo, id),
                    namespace: &device.opc_ua().unwrap().namespace,
                    server_certificate: &certificate,
                    secure: false,
                    reads: &[node],
                    writes: &[],
                },
            );
            match answer {
                Ok(answer) => {
                    assert!(served, "{id} says nothing of an endpoint without encryption, and {judge:?} got {answer}");
                    let shown = demo.tag(&format!("{id}.{node}"));
                    assert_eq!(shown["quality"], "good", "{shown}");
                    assert_eq!(shown["value"].as_f64(), answer["values"][node].as_f64(), "{shown}");
                }
                Err(why) => assert!(!served, "{judge:?} does not get in without encryption: {why}"),
            }
        }
    }
}

/// The verbs of the edge, on the running demo: `probe`, `browse`, `trust`.
#[test]
fn probe_browse_and_trust_answer() {
    let demo = demo();
    let (_, plant) = plant("north");
    let data = demo.data.join("edge/north");
    let overrides = demo.data.join("devices.json");
    let verb = |words: &[&str]| {
        let mut command = program("hypocaust-edge");
        command.args(words).arg("--data").arg(&data).args(["--plant", "north", "--json"]);
        if words[0] != "trust" {
            command.arg("--fleet").arg(small_fleet()).arg("--endpoints").arg(&overrides);
        }
        let output = run(&mut command, Duration::from_secs(30));
        assert!(output.status.success(), "{words:?}: {}", text(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let probed = verb(&["probe", "plc2"]);
    let own = plant.tags.iter().filter(|t| t.device.as_str() == "north.plc2").count();
    assert_eq!(probed.as_array().unwrap().iter().filter(|p| p["value"].is_number()).count(), own, "{probed}");
    let found = verb(&["browse", "plc2"]);
    let tags = found.as_array().unwrap().iter().filter(|f| f["tag"].is_string()).count();
    assert_eq!(tags, own, "{found}");
    let setpoint = found.as_array().unwrap().iter().find(|f| f["tag"] == "north.store.flow-sp").unwrap();
    assert_eq!((&setpoint["kind"], &setpoint["writable"]), (&json!("Float"), &json!(true)), "{setpoint}");
    let trusted = verb(&["trust"]);
    assert!(trusted.as_array().unwrap().iter().any(|c| c["trusted"] == true), "{trusted}");
}

const HEAT: &str = "north.chp1.heat";
const SETPOINT: &str = "north.chp1.load-sp";
const UNCERTAIN_LAST_USABLE: u32 = 0x4090_0000;

/// The numbers that are set at the server only rise. So a good one that falls is an old one, and one above the last that
/// was set was never there.
struct Rising(f64);

impl Rising {
    fn take(&mut self, good: f64, most: f64) -> Option<String> {
        let best = self.0;
        self.0 = best.max(good);
        (good < best || good > most + 1e-9).then(|| format!("{good} after {best}, at most {most} was set"))
    }
}

#[test]
fn an_old_value_and_an_invented_one_are_noticed() {
    let mut rising = Rising(0.0);
    assert_eq!([rising.take(0.001, 0.002), rising.take(0.002, 0.002), rising.take(0.002, 0.003)], [None, None, None]);
    assert!(rising.take(0.001, 0.003).is_some(), "old");
    assert!(rising.take(0.004, 0.003).is_some(), "invented");
}

/// The nodes of a device as a judge's server takes them.
fn nodes_of(plant: &Plant, device: &Device) -> Value {
    let node = |t: &Tag| {
        json!({
            "node": t.address.node(), "type": t.data_type.name(), "writable": t.writable,
            "value": if t.id.as_str() == HEAT { 1.0 } else { 0.0 },
        })
    };
    plant.tags.iter().filter(|t| t.device == device.id).map(node).collect()
}

/// The edge's driver between a judge's server and an image that checks every value.
struct Bench {
    server: Option<Server>,
    who: Identity,
    judge: Judge,
    port: u16,
    namespace: String,
    nodes: Value,
    wire: Wire,
    jobs: mpsc::Sender<Job>,
    image: Arc<Mutex<Image>>,
    /// The last number that was set, in thousandths.
    is: Arc<AtomicU64>,
    ends: Arc<Mutex<Vec<Result<f64, String>>>>,
    wrong: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

fn millis(at: Instant) -> u64 {
    at.elapsed().as_millis() as u64
}

impl Bench {
    fn start(judge: Judge) -> Self {
        let (fleet, plant) = plant("north");
        let device = plant.device("north.plc2").unwrap().clone();
        let folder = tempfile::tempdir().unwrap();
        let who = Identity::new(folder.path(), "server");
        let nodes = nodes_of(&plant, &device);
        let port = free_port();
        let wire = Wire::to(port);
        let data = folder.path().join("edge");
        let pki = certificates(&data, "north").unwrap();
        pki.import(&who.pki.own_certificate()).unwrap();
        let counter = device::unset();
        counter.store(1, Ordering::Relaxed);
        let address = format!("127.0.0.1:{}", wire.port);
        let scan = &fleet.limits.scan;
        let driver = Driver::new(&plant, &device, &address, scan, counter, Some(&data)).unwrap();
        let (jobs, receiver) = mpsc::channel(16);
        let (to_core, mut from_driver) = mpsc::channel(1024);
        hypocaust_tests::harness::spawn(driver.run(receiver, to_core));
        let image = Arc::new(Mutex::new(Image::new(&plant, scan, Millis(0))));
        let (is, ends, wrong) =
            (Arc::new(AtomicU64::new(1)), Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (seen, latest, results, mistakes) = (image.clone(), is.clone(), ends.clone(), wrong.clone());
        hypocaust_tests::harness::spawn(async move {
            let began = Instant::now();
            let heat: TagId = HEAT.parse().unwrap();
            let mut rising = Rising(0.0);
            while let Some(ToCore::Input(input)) = from_driver.recv().await {
                let mut image = seen.lock().unwrap();
                let at = (Millis(i64::try_from(millis(began)).unwrap() + 1), Tick(millis(began) + 1));
                match input {
                    Input::Reads { values, .. } => {
                        values.into_iter().for_each(|(tag, read)| image.read(at.0, at.1, &tag, read))
                    }
                    Input::DeviceLost { device, reason, .. } => image.lost(at.0, &device, &reason),
                    Input::WriteDone { result, .. } => results.lock().unwrap().push(result),
                    _ => {}
                }
                if let Some(good) = image.good(&heat) {
                    let most = latest.load(Ordering::SeqCst) as f64 / 1000.0;
                    mistakes.lock().unwrap().extend(rising.take(good, most));
                }
            }
        });
        let namespace = device.opc_ua().unwrap().namespace.clone();
        Self { server: None, who, judge, port, namespace, nodes, wire, jobs, image, is, ends, wrong, folder }
    }

    fn serve(&mut self, shift: u32) {
        let level = self.is.load(Ordering::SeqCst) as f64;
        for node in self.nodes.as_array_mut().unwrap() {
            if node["node"] == "chp1.heat" {
                node["value"] = json!(level);
            }
        }
        self.server = None;
        self.server = Some(Server::start(self.judge, &self.who, self.port, &self.namespace, shift, &self.nodes));
    }

    fn good(&self) -> Option<f64> {
        self.image.lock().unwrap().good(&HEAT.parse().unwrap())
    }

    /// Something new at the server.
    fn rise(&mut self) -> f64 {
        let next = self.is.fetch_add(1, Ordering::SeqCst) + 1;
        self.server.as_mut().expect("a server").set("chp1.heat", next as f64);
        next as f64 / 1000.0
    }

    /// What is set at the server arrives, and only that.
    fn follows(&mut self, after: &str) {
        let began = Instant::now();
        let wanted = self.rise();
        wait_until(&format!("the value after {after}"), Duration::from_secs(60), || match self.good() {
            Some(good) if (good - wanted).abs() < 1e-9 => Ok(()),
            other => Err(format!("{other:?}, {wanted} is set")),
        });
        say(&format!("{:?}: after {after} the edge sees again within {} ms", self.judge, millis(began)));
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "after {after}: {wrong:?}");
    }

    /// Nothing is good for as long as nothing can be known.
    fn blind(&self, during: &str) {
        let began = Instant::now();
        wait_until(&format!("nothing good during {during}"), Duration::from_secs(15), || match self.good() {
            None => Ok(()),
            Some(good) => Err(format!("{good} is still called good")),
        });
        say(&format!("{:?}: {during} is noticed after {} ms", self.judge, millis(began)));
    }

    /// `hypocaust-edge trust` beside the running driver: the certificates after it.
    fn trust(&self, words: &[&str]) -> Vec<Value> {
        let mut command = program("hypocaust-edge");
        command
            .arg("trust")
            .args(words)
            .args(["--plant", "north", "--json", "--data"])
            .arg(self.folder.path().join("edge"));
        let output = run(&mut command, Duration::from_secs(30));
        assert!(output.status.success(), "{words:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn write(&self, value: f64) -> Result<f64, String> {
        let job = Job { write: 1, setpoint: SETPOINT.parse().unwrap(), value };
        self.jobs.blocking_send(job).unwrap();
        wait_until("the end of a write", Duration::from_secs(10), || self.ends.lock().unwrap().pop().ok_or("not yet")).0
    }
}

/// Waits for most of its time and starts no demo, so that it needs no turn.
fn edge_lives_through(judge: Judge) {
    tell_at_once();
    let mut bench = Bench::start(judge);
    bench.serve(0);
    bench.follows("the start");

    assert_eq!(bench.write(2.5), Ok(2.5), "read back");
    assert_eq!(bench.server.as_mut().unwrap().get("chp1.load-sp"), 2.5, "and there");
    wait_until("the watchdog counter at the server", Duration::from_secs(10), || {
        match bench.server.as_mut().unwrap().get("counter") {
            counter if counter > 0.0 => Ok(()),
            counter => Err(format!("{counter}")),
        }
    });

    let uncertain = json!({ "status": { "water.temperature": UNCERTAIN_LAST_USABLE } });
    bench.server.as_mut().unwrap().order(&uncertain);
    let water: TagId = "north.water.temperature".parse().unwrap();
    wait_until("the server's own status", Duration::from_secs(10), || {
        let quality = bench.image.lock().unwrap().quality(&water);
        if quality.name() == "uncertain" { Ok(()) } else { Err(format!("{quality:?}")) }
    });

    bench.server = None;
    bench.blind("a dead server");
    assert!(bench.write(3.0).is_err(), "a write to nobody");
    bench.serve(0);
    bench.follows("kill and restart");

    bench.serve(3);
    bench.follows("another index of the namespace");

    bench.wire.cut();
    bench.follows("a reset connection");

    bench.server.as_ref().unwrap().signal("-STOP");
    bench.blind("a paused server");
    bench.server.as_ref().unwrap().signal("-CONT");
    bench.follows("the pause");

    bench.wire.hold();
    bench.blind("a dead wire");
    bench.wire.cut();
    bench.wire.pass();
    bench.follows("the dead wire");

    bench.server.as_mut().unwrap().order(&json!({ "drop": true }));
    bench.follows("a subscription that the server has deleted");

    let folder = bench.folder.path().to_owned();
    bench.who = Identity::new(&folder, "renewed");
    bench.serve(0);
    bench.blind("a certificate that nobody trusts");
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(bench.good(), None, "it was let in by itself");
    let unknown: Vec<Value> = bench.trust(&[]).into_iter().filter(|c| c["trusted"] == false).collect();
    assert_eq!(unknown.len(), 1, "it is kept, to be looked at: {unknown:?}");
    let thumbprint = unknown[0]["thumbprint"].as_str().unwrap();
    let trusted = |list: Vec<Value>| list.iter().find(|c| c["thumbprint"] == thumbprint).map(|c| c["trusted"] == true);
    assert_eq!(trusted(bench.trust(&[thumbprint])), Some(true));
    bench.follows("the new certificate was trusted");

    assert_ne!(trusted(bench.trust(&[thumbprint, "--revoke"])), Some(true));
    bench.wire.cut();
    bench.blind("a certificate that is trusted no more");
    let file = bench.who.pki.own_certificate();
    assert_eq!(trusted(bench.trust(&["--file", file.to_str().unwrap()])), Some(true));
    bench.follows("its file was trusted");
}

#[test]
fn the_edge_lives_through_what_asyncua_does() {
    edge_lives_through(Judge::Asyncua);
}

#[test]
fn the_edge_lives_through_what_node_opcua_does() {
    edge_lives_through(Judge::NodeOpcua);
}

/// A program that ends with the test, however that ends.
struct Ends(std::process::Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The last good value of a tag in an edge's spool, read as SQL.
fn last_spooled(data: &std::path::Path, tag: &str) -> Result<f64, String> {
    use sqlx::{ConnectOptions, Row, sqlite::SqliteConnectOptions};
    let options = SqliteConnectOptions::new().filename(data.join("spool.db")).read_only(true);
    let rows = block_on(async {
        let mut spool = options.connect().await.map_err(|e| e.to_string())?;
        let all = sqlx::query("select body from spool order by boot desc, seq desc").fetch_all(&mut spool).await;
        all.map_err(|e| e.to_string())
    })?;
    let samples = rows.iter().flat_map(|row| {
        let entry: Entry = serde_json::from_str(row.get::<&str, _>(0)).expect("a spooled entry");
        entry.samples.into_iter().filter(|s| s.tag.as_str() == tag).collect::<Vec<_>>()
    });
    let samples: Vec<_> = samples.collect();
    samples.first().and_then(|s| s.good()).ok_or_else(|| format!("{} entries, {:?}", rows.len(), samples.first()))
}

/// `hypocaust-edge run` itself at a server of others: it finds it by the fleet's files, gets in by its own certificate, reads,
/// keeps what it read on its disk while there is no broker, writes its counter, and finds the server again. Needs no turn either.
fn the_edge_program_reads_and_writes(judge: Judge) {
    tell_at_once();
    let (_, plant) = plant("north");
    let device = plant.device("north.plc2").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("edge");
    let who = Identity::new(folder.path(), "server");
    certificates(&data, "north").unwrap().import(&who.pki.own_certificate()).unwrap();
    let (port, nobody, metrics) = (free_port(), free_port(), free_port());
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let at = |port: u16| format!("127.0.0.1:{port}");
    let endpoints = file("devices.json", json!({ "north.plc1": at(nobody), "north.plc2": at(port) }).to_string());
    // Of a centre that never calls.
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    let key = file("centre.pub", key.as_bytes().iter().map(|b| format!("{b:02x}")).collect());
    let mut edge = program("hypocaust-edge");
    edge.args(["run", "--plant", "north", "--mqtt", &format!("mqtt://{}", at(nobody)), "--metrics", &at(metrics)]);
    edge.arg("--fleet").arg(small_fleet()).arg("--data").arg(&data).arg("--endpoints").arg(&endpoints);
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let edge = edge.arg("--key").arg(&key).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
    let edge = Ends(edge.unwrap());

    let nodes = nodes_of(&plant, device);
    let serve = || Server::start(judge, &who, port, &device.opc_ua().unwrap().namespace, 0, &nodes);
    let sees = |server: &mut Server, level: f64| {
        server.set("chp1.heat", level);
        let (_, took) = wait_until("the edge has spooled what the server shows", Duration::from_secs(60), || {
            assert!(
                runs(edge.0.id()),
                "the edge ended: {}",
                std::fs::read_to_string(folder.path().join("log")).unwrap()
            );
            let good = last_spooled(&data, HEAT)?;
            if (good - level / 1000.0).abs() < 1e-9 { Ok(()) } else { Err(format!("{good}")) }
        });
        wait_until("the watchdog counter at the server", Duration::from_secs(10), || match server.get("counter") {
            counter if counter > 0.0 => Ok(()),
            counter => Err(format!("{counter}")),
        });
        say(&format!(
            "{judge:?}: hypocaust-edge run has {level} of {HEAT} on its disk after {:.1} s",
            took.as_secs_f64()
        ));
    };
    let mut server = serve();
    sees(&mut server, 1_500.0);
    sees(&mut server, 2_500.0);
    drop(server);
    sees(&mut serve(), 3_500.0);
}

#[test]
fn the_edge_program_works_with_a_server_of_asyncua() {
    the_edge_program_reads_and_writes(Judge::Asyncua);
}

#[test]
fn the_edge_program_works_with_a_server_of_node_opcua() {
    the_edge_program_reads_and_writes(Judge::NodeOpcua);
}
