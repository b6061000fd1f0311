//! The MQTT shell against a broker made of bytes (one that falls silent, one that cuts), and, where Mosquitto is
//! installed by the harness, the whole Sparkplug path over a real broker.
#![cfg(feature = "mqtt")]

use hypocaust_protocols::mqtt::{self, Event, Opening, Session, Settings, Will};
use hypocaust_protocols::sparkplug::edge::{DeviceBirth, Reaction};
use hypocaust_protocols::sparkplug::{EdgeNode, Host, Metric, Value, host};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;

const NOW: i64 = 1_700_000_000_000;
const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

fn settings(port: u16, id: &str) -> Settings {
    Settings {
        keep_alive: Duration::from_secs(1),
        silence: Duration::from_millis(1500),
        backoff_min: Duration::from_millis(20),
        ..Settings::new("127.0.0.1", port, id)
    }
}

fn counted() -> impl FnMut() -> Result<Opening, String> + Send + 'static {
    let count = AtomicI64::new(0);
    move || Ok(Opening { will: None, token: count.fetch_add(1, Ordering::SeqCst) })
}

async fn next(events: &mut Receiver<Event>) -> Event {
    tokio::time::timeout(Duration::from_secs(10), events.recv())
        .await
        .expect("an event in time")
        .expect("still running")
}

async fn session(events: &mut Receiver<Event>) -> (Session, i64) {
    loop {
        if let Event::Connected { session, token } = next(events).await {
            return (session, token);
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut connect = [0; 512];
    let read = stream.read(&mut connect).await.unwrap();
    assert_eq!(connect[0], 0x10, "CONNECT comes first, {read} bytes came");
    stream.write_all(&CONNACK).await.unwrap();
    stream
}

#[tokio::test]
async fn a_broker_that_falls_silent_is_left_and_a_new_session_begins() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut events = mqtt::start(settings(listener.local_addr().unwrap().port(), "edge"), counted()).unwrap();
    let _held_open = accept(&listener).await;
    assert_eq!(session(&mut events).await.1, 0);
    match next(&mut events).await {
        Event::Disconnected { reason } => assert!(reason.contains("silent"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let _again = accept(&listener).await;
    assert_eq!(session(&mut events).await.1, 1, "the opening is made anew for each connection");
}

#[tokio::test]
async fn nothing_of_an_old_session_is_sent_in_the_new_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut events = mqtt::start(settings(listener.local_addr().unwrap().port(), "edge"), counted()).unwrap();
    let stream = accept(&listener).await;
    let (old, _) = session(&mut events).await;
    for _ in 0..100 {
        old.publish("old", vec![0; 4096], 1, false).await.unwrap();
    }
    drop(stream);
    let mut stream = accept(&listener).await;
    let (new, _) = session(&mut events).await;
    assert!(old.publish("old", vec![], 0, false).await.is_err());
    new.publish("new", vec![1], 0, false).await.unwrap();
    let mut bytes: Vec<u8> = Vec::new();
    while !bytes.windows(3).any(|three| three == b"new") {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(2), stream.read(&mut buffer)).await.unwrap().unwrap();
        bytes.extend(&buffer[..read]);
    }
    assert!(!bytes.windows(3).any(|three| three == b"old"), "a message of the old session reached the new one");
}

#[tokio::test]
async fn no_broker_and_no_bdseq_are_reported_with_their_reason_and_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut events = mqtt::start(settings(port, "edge"), || Err("disk full".into())).unwrap();
    for _ in 0..2 {
        let event = next(&mut events).await;
        assert!(matches!(&event, Event::Disconnected { reason } if reason.contains("disk full")), "{event:?}");
    }
    let mut events = mqtt::start(settings(port, "edge"), counted()).unwrap();
    for _ in 0..2 {
        let event = next(&mut events).await;
        assert!(matches!(&event, Event::Disconnected { reason } if reason.contains("cannot connect")), "{event:?}");
    }
    let short = Settings { silence: Duration::from_secs(1), ..settings(port, "edge") };
    assert!(mqtt::start(short, counted()).unwrap_err().contains("twice the keep-alive"));
}

/// Stopped when dropped, so that a failing test leaves nothing running.
struct Mosquitto {
    process: Child,
    port: u16,
    _config: tempfile::TempDir,
}

impl Mosquitto {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let config = tempfile::tempdir().unwrap();
        let file = config.path().join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
        std::fs::write(&file, text).unwrap();
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let process = Command::new("mosquitto")
            .env("PATH", path)
            .args(["-c".as_ref(), file.as_os_str()])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("mosquitto is installed (apt-get install mosquitto)");
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { process, port, _config: config }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn subscribe(session: &Session, filters: Vec<(String, u8)>) {
    for (filter, qos) in filters {
        session.subscribe(&filter, qos).await.unwrap();
    }
}

/// Feeds the host from its connection until it reports an event that is wanted.
async fn until(
    host: &mut Host,
    session: &Session,
    events: &mut Receiver<Event>,
    wanted: impl Fn(&host::Event) -> bool,
) -> host::Event {
    loop {
        let Event::Message { topic, payload, .. } = next(events).await else { panic!("the host lost its broker") };
        let (happened, publishes) = host.on_message(&topic, &payload, NOW);
        for publish in publishes {
            session.send(publish).await.unwrap();
        }
        if let Some(event) = happened.into_iter().find(&wanted) {
            return event;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_mosquitto_birth_data_command_and_death_reach_the_other_side() {
    let broker = Mosquitto::start().await;
    let mut edge = EdgeNode::new("Fleet", "North", "hypocaust").unwrap();
    let node = edge.clone();
    let mut bd_seq = 6;
    let mut edge_events = mqtt::start(settings(broker.port, "North"), move || {
        bd_seq += 1;
        Ok(Opening { will: Some(Will::from(node.will(bd_seq as u64, NOW))), token: bd_seq })
    })
    .unwrap();
    let (edge_session, bd_seq) = session(&mut edge_events).await;
    edge.connected(bd_seq as u64);
    subscribe(&edge_session, edge.subscriptions()).await;

    let mut host = Host::new("Fleet", "hypocaust").unwrap();
    let host_will = host.will(NOW);
    let mut host_events = mqtt::start(settings(broker.port, "host"), move || {
        Ok(Opening { will: Some(host_will.clone().into()), token: NOW })
    })
    .unwrap();
    let (host_session, session_time) = session(&mut host_events).await;
    subscribe(&host_session, host.subscriptions()).await;
    host_session.send(host.connected(session_time, NOW)).await.unwrap();

    let Event::Message { topic, payload, .. } = next(&mut edge_events).await else { panic!("no STATE") };
    assert_eq!(edge.on_message(&topic, &payload, NOW), [Reaction::BirthWanted]);
    let metrics: Vec<Metric> = (0..20_000)
        .map(|i| Metric::new(format!("Boiler/T{i}"), NOW, Value::Double(f64::from(i))).unit("degC"))
        .collect();
    let births = edge.birth(NOW, &[], &[DeviceBirth { device: "Boiler".into(), metrics: metrics.clone() }]).unwrap();
    assert!(
        births[1].payload.len() > 1 << 20,
        "a birth beyond 1 MiB has to pass, this has {}",
        births[1].payload.len()
    );
    for publish in births {
        edge_session.send(publish).await.unwrap();
    }
    let born =
        until(&mut host, &host_session, &mut host_events, |e| matches!(e, host::Event::DeviceBirth { .. })).await;
    assert_eq!(
        born,
        host::Event::DeviceBirth { node: "North".into(), device: "Boiler".into(), metrics: metrics.clone() }
    );

    let value = metrics[77].clone().historical(true).entry(5);
    let data = edge.device_data(NOW, "Boiler", std::slice::from_ref(&value), None).unwrap();
    edge_session.send(data).await.unwrap();
    let got = until(&mut host, &host_session, &mut host_events, |e| matches!(e, host::Event::Data { .. })).await;
    assert!(matches!(&got, host::Event::Data { metrics, .. } if metrics == &[value]), "{got:?}");

    let command = Metric::new("Hypocaust/Command", NOW, Value::Bytes(vec![1, 2, 3]));
    host_session.send(host.node_command("North", NOW, std::slice::from_ref(&command))).await.unwrap();
    let Event::Message { topic, payload, .. } = next(&mut edge_events).await else { panic!("no command") };
    assert_eq!(edge.on_message(&topic, &payload, NOW), [Reaction::NodeCommand(vec![command])]);

    // The edge dies without a word: the broker speaks its will, with the number of this session.
    drop(edge_events);
    let died = until(&mut host, &host_session, &mut host_events, |e| matches!(e, host::Event::NodeDeath { .. })).await;
    assert_eq!(died, host::Event::NodeDeath { node: "North".into(), bd_seq: 7 });
}
