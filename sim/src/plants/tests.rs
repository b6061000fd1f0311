use super::*;
use crate::fault::Fault;
use ::opcua::types::{StatusCode, Variant};
use hypocaust_protocols::modbus::Client;
use hypocaust_protocols::model::Millis;
use hypocaust_protocols::opcua::Failure;
use hypocaust_protocols::opcua::pki::Pki;
use hypocaust_protocols::opcua::session::{self, Event, Opened, Target, WriteError};
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

fn fleet() -> Arc<Fleet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"))
}

/// Keys of the simulated devices: made once, because each takes its time.
static CERTIFICATES: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fn options(log: Option<PathBuf>) -> Options {
    let free = |id: &str| (id.to_owned(), "127.0.0.1:0".to_owned());
    Options {
        speed: 1.0,
        seed: 1,
        start_hour: 10.0,
        endpoints: fleet().plants.iter().flat_map(|p| &p.devices).map(|d| free(d.id.as_str())).collect(),
        control: "127.0.0.1:0".parse().expect("an address"),
        log,
        certificates: Some(CERTIFICATES.path().to_owned()),
    }
}

fn client(ready: &Ready, device: &str, unit: u8) -> Client {
    Client::new(ready.devices[device].to_string(), unit, Duration::from_millis(300), 1)
}

#[tokio::test]
async fn registers_are_served_written_logged_and_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("writes.jsonl");
    let (ready, _tasks) = start(fleet(), options(Some(log.clone()))).expect("started");
    let mut plc1 = client(&ready, "north.plc1", 1);
    let words = plc1.read(Table::Input, 100, 2).await.expect("the pressure");
    let bar = f32::from_bits(u32::from(words[0]) << 16 | u32::from(words[1]));
    assert!((bar - 10.0).abs() < 0.2, "{bar} bar");
    plc1.write_registers(0, &[42]).await.expect("the counter is writable");
    assert_eq!(plc1.read(Table::Holding, 0, 1).await.expect("read back"), [42]);
    assert!(plc1.write_registers(900, &[1]).await.expect_err("no such register").is_exception());
    assert!(client(&ready, "north.plc1", 9).read(Table::Input, 100, 2).await.expect_err("no such unit").is_exception());
    let lines = std::fs::read_to_string(log).expect("the log");
    assert_eq!(lines.lines().count(), 1, "only what was accepted: {lines}");
    let line: serde_json::Value = serde_json::from_str(&lines).expect("JSON");
    assert_eq!((&line["tag"], &line["value"]), (&"north.plc1.counter".into(), &42.0.into()));
}

#[tokio::test]
async fn faults_come_through_the_control_socket_and_silence_hangs_requests() {
    let (ready, _tasks) = start(fleet(), options(None)).expect("started");
    let control = ready.control;
    let tell = |fault: Fault| async move { ask(control, "north", &fault).await.expect("a reply") };
    let mut plc1 = client(&ready, "north.plc1", 1);
    plc1.read(Table::Input, 100, 2).await.expect("it answers");
    assert!(matches!(tell(Fault::Silence { name: "plc1".into() }).await, Reply::Done(_)));
    assert!(!plc1.read(Table::Input, 100, 2).await.expect_err("silent").is_exception());
    tell(Fault::Restore { name: "plc1".into() }).await;
    plc1.read(Table::Input, 100, 2).await.expect("it answers again");
    let Reply::Refused(why) = tell(Fault::Trip { name: "b9".into() }).await else { panic!("no such source") };
    assert!(why.contains("b9"), "{why}");
}

/// A client of the north's second device, with its own certificate.
async fn session(ready: &Ready, pki: &Pki) -> Result<Opened, Failure> {
    let fleet = fleet();
    let device = fleet.plants[0].device("north.plc2").expect("the device");
    let link = device.opc_ua().expect("it speaks OPC UA").clone();
    let target = Target {
        endpoint: link.endpoint_at(&ready.devices["north.plc2"].to_string()),
        link,
        name: "test".into(),
        uri: "urn:test".into(),
        password: None,
        timeout: Duration::from_secs(2),
        nodes: ["water.temperature", "counter", "store.flow-sp", "hp1.state", "nobody"].map(String::from).to_vec(),
    };
    session::open(&target, pki, &AtomicBool::new(false), Millis(jiff_now())).await
}

#[expect(clippy::disallowed_methods, reason = "certificates are judged by the clock")]
fn jiff_now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[tokio::test]
async fn nodes_are_served_to_those_who_are_trusted_written_logged_and_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("writes.jsonl");
    let (ready, _tasks) = start(fleet(), options(Some(log.clone()))).expect("started");
    let pki = Pki::open(&folder.path().join("pki"), "test", "urn:test", &[]).expect("a key pair");
    let Err(Failure::Refused(why)) = session(&ready, &pki).await else { panic!("the client does not know the server") };
    assert!(why.contains("not trusted") && why.contains("hypocaust-edge trust"), "{why}");
    let rejected = pki.list().expect("a list").remove(0).thumbprint;
    pki.trust(&rejected).expect("trusted");
    let Err(Failure::Refused(why)) = session(&ready, &pki).await else { panic!("the server does not know the client") };
    assert!(why.contains("certificate.der"), "{why}");
    let server = CERTIFICATES.path().join("north.plc2/trusted/anything.der");
    std::fs::copy(pki.own_certificate(), server).expect("copied");
    // The server looks at its files twice a second.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let opened = session(&ready, &pki).await.map_err(|f| f.detail().to_owned()).expect("both know each other");
    let f32_of = |data: &session::DataValue| match data.value {
        Some(Variant::Float(x)) => x,
        ref other => panic!("{other:?}"),
    };
    let temperature = f32_of(&opened.values[0]);
    assert!((temperature - 85.0).abs() < 3.0, "{temperature} degC");
    assert!(opened.values[0].source_timestamp.is_some());
    assert_eq!(opened.values[4].status(), StatusCode::BadNodeIdUnknown);
    assert!(opened.session.unmonitored(4).is_some() && opened.session.unmonitored(0).is_none());
    let mut session = opened.session;
    let back = session.write(2, Variant::Float(1.5)).await.expect("a setpoint");
    assert_eq!(f32_of(&back), 1.5);
    let refused = [
        session.write(2, Variant::Float(9.0)).await,
        session.write(2, Variant::Double(1.0)).await,
        session.write(3, Variant::UInt16(4)).await,
        session.write(4, Variant::UInt16(4)).await,
    ];
    assert!(refused.iter().all(|r| matches!(r, Err(WriteError::Refused(_)))), "{refused:?}");
    let lines = std::fs::read_to_string(log).expect("the log");
    assert_eq!(lines.lines().count(), 1, "only what was accepted: {lines}");
    let (mut moved, mut lives) = (false, 0);
    for _ in 0..100 {
        match tokio::time::timeout(Duration::from_secs(3), session.next()).await.expect("it says that it lives") {
            Event::Value(0, data) => moved |= f32_of(&data) != temperature,
            Event::Published => lives += 1,
            Event::Over(why) => panic!("{why}"),
            Event::Value(..) => {}
        }
        if moved && lives > 2 {
            break;
        }
    }
    assert!(moved && lives > 2, "the subscription shows what changes");
    let tell = |fault: Fault| async move { ask(ready.control, "north", &fault).await.expect("a reply") };
    tell(Fault::Silence { name: "plc2".into() }).await;
    // The server looks every 20 ms whether it is silenced.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(session.read_all().await.is_err(), "silent");
    while session.try_next().is_some() {}
    assert!(tokio::time::timeout(Duration::from_secs(1), session.next()).await.is_err(), "nothing is published either");
    tell(Fault::Restore { name: "plc2".into() }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(session.read_all().await.is_ok(), "it answers again");
    session.close().await;
}

#[tokio::test]
async fn a_taken_port_and_an_open_control_socket_stop_the_start() {
    let (ready, _tasks) = start(fleet(), options(None)).expect("started");
    let mut second = options(None);
    second.endpoints.insert("north.plc1".into(), ready.devices["north.plc1"].to_string());
    let error = start(fleet(), second).expect_err("taken").to_string();
    assert!(error.contains(&format!("north.plc1 is taken by process {}", std::process::id())), "{error}");
    let open = Options { control: "0.0.0.0:0".parse().expect("an address"), ..options(None) };
    assert!(matches!(start(fleet(), open), Err(Error::OpenControl(_))));
}

#[test]
fn the_map_has_a_line_for_every_tag() {
    let fleet = fleet();
    let csv = map(&fleet);
    assert_eq!(csv.lines().count(), 1 + fleet.plants.iter().map(|p| p.tags.len()).sum::<usize>());
    assert!(csv.lines().all(|line| line.matches(',').count() == 14), "{csv}");
    let b2 = csv.lines().find(|l| l.contains(",north.b2.heat,")).expect("the tag");
    assert!(b2.starts_with("north,north.plc1,modbus-tcp,input:105,u32,cdab,MW,north.b2.heat,false,0.001,"), "{b2}");
    let chp = csv.lines().find(|l| l.contains(",north.chp1.heat,")).expect("the tag");
    let expected = "north,north.plc2,opc-ua,node:chp1.heat,i32,,MW,north.chp1.heat,false,0.001,0,,opc.tcp://127.0.0.1:5021,,urn:hypocaust:north:plc2";
    assert_eq!(chp, expected);
}
