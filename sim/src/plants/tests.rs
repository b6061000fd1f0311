use super::*;
use crate::fault::Fault;
use hypocaust_protocols::modbus::Client;
use std::path::Path;

fn fleet() -> Arc<Fleet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"))
}

fn options(log: Option<PathBuf>) -> Options {
    let free = |id: &str| (id.to_owned(), "127.0.0.1:0".to_owned());
    Options {
        speed: 1.0,
        seed: 1,
        start_hour: 10.0,
        endpoints: fleet().plants.iter().flat_map(|p| &p.devices).map(|d| free(d.id.as_str())).collect(),
        control: "127.0.0.1:0".parse().expect("an address"),
        log,
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
    let mut plc2 = client(&ready, "north.plc2", 7);
    plc2.read(Table::Input, 100, 2).await.expect("it answers");
    assert!(matches!(tell(Fault::Silence { name: "plc2".into() }).await, Reply::Done(_)));
    assert!(!plc2.read(Table::Input, 100, 2).await.expect_err("silent").is_exception());
    tell(Fault::Restore { name: "plc2".into() }).await;
    plc2.read(Table::Input, 100, 2).await.expect("it answers again");
    let Reply::Refused(why) = tell(Fault::Trip { name: "b9".into() }).await else { panic!("no such source") };
    assert!(why.contains("b9"), "{why}");
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
}
