//! The bus: read by others, kept by Apache Kafka, and away for a while.

use super::counts::{
    Blind, OnDrop, SENSOR, every_shown_value_is_stored, judged, milliseconds, move_sensor, nothing_doubled,
    nothing_lost, now, shown, spooled,
};
use super::recovery::the_journal_is_the_one_that_the_edges_know;
use super::shared::{at_rest, demo, say, turn};
use hypocaust_central::api::Gate;
use hypocaust_central::bus::{Bus, Use};
use hypocaust_central::journal::{self, Draft, Head, Store};
use hypocaust_central::shell::metrics::Metrics;
use hypocaust_central::shell::term::{Held, Term};
use hypocaust_central::telemetry;
use hypocaust_central::users::Users;
use hypocaust_protocols::kafka::{Consumer, Settings, Start, conformance};
use hypocaust_protocols::model::Millis;
use hypocaust_tests::harness::kafka::{Certificate, Kafka};
use hypocaust_tests::harness::{
    Demo, Options, block_on, python, resident_mb, root, run, runs, signal, text, wait_until,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// A script of the judges, within a minute.
fn judge(script: &str, args: &[&str], environment: &[(String, String)]) -> Output {
    let mut command = Command::new(python());
    command.arg(root().join("tests/judges/kafka").join(script)).args(args).envs(environment.iter().cloned());
    run(&mut command, Duration::from_secs(60))
}

/// All that a topic keeps, as confluent-kafka reads it.
pub fn read(bootstrap: &str, topic: &str) -> Vec<Value> {
    let output = judge("read.py", &[bootstrap, topic], &[]);
    assert!(output.status.success(), "{topic}: {}", text(&output));
    let lines = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// An entry's name for ever.
fn name(message: &Value) -> (String, u64, u64) {
    let value = &message["value"];
    let number = |member: &str| value[member].as_u64().unwrap_or_else(|| panic!("no {member} in {value}"));
    (value["plant"].as_str().expect("plant is a text").to_owned(), number("boot"), number("seq"))
}

#[test]
fn apache_kafka_keeps_what_a_bus_promises() {
    let _turn = turn();
    let kafka = Kafka::start();
    let settings = Settings::new(&kafka.bootstrap(), "conformance", None).unwrap();
    assert_eq!(block_on(conformance::suite(&settings, "conformance", true)), Ok(()));
}

#[test]
fn confluent_kafka_and_kcat_read_telemetry_of_the_running_demo() {
    others_read_it(&demo());
}

/// confluent-kafka and kcat read what a running demo publishes, whichever bus it has.
pub fn others_read_it(demo: &Demo) {
    let bootstrap = demo.kafka();
    let telemetry = read(&bootstrap, "heat.telemetry");
    let plants: BTreeSet<&str> = telemetry.iter().map(|m| m["value"]["plant"].as_str().unwrap()).collect();
    assert_eq!(plants, BTreeSet::from(["north", "south"]));
    for message in &telemetry {
        assert_eq!((&message["value"]["schema"], &message["key"]), (&"telemetry/1".into(), &message["value"]["plant"]));
    }
    // What lies on the bus is what the API shows, once the history has read it from there.
    let samples = telemetry.iter().rev().flat_map(|m| m["value"]["samples"].as_array().unwrap());
    let mut judged = 0;
    for sample in samples.filter(|s| s["quality"] == "good").take(20) {
        let (tag, time) = (sample["tag"].as_str().unwrap(), sample["time"].as_str().unwrap());
        let after = hypocaust_protocols::model::Millis(milliseconds(time) + 1).rfc3339();
        wait_until("the history has what the bus has", Duration::from_secs(30), || {
            let shown = demo.try_get(&format!("/api/v1/history?tag={tag}&from={time}&to={after}"))?;
            let values = shown["samples"].as_array().ok_or("samples is no list")?;
            let there = values.iter().any(|v| v[1] == sample["value"] && v[2] == "good");
            if there { Ok(()) } else { Err(format!("{sample} is not in {shown}")) }
        });
        judged += 1;
    }
    assert_eq!(judged, 20);

    let mut kcat = Command::new("kcat");
    kcat.args(["-b", &bootstrap, "-C", "-t", "heat.telemetry", "-o", "beginning", "-e", "-q", "-f", "%k %s\\n"]);
    let output = run(&mut kcat, Duration::from_secs(60));
    assert!(output.status.success(), "{}", text(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    for line in lines.lines() {
        let (key, message) = line.split_once(' ').unwrap();
        let message: Value = serde_json::from_str(message).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(message["plant"], key);
    }
    let (ours, theirs) = (telemetry.len(), lines.lines().count());
    assert!(theirs >= 20, "kcat read only {theirs} messages");
    say(&format!(
        "confluent-kafka read {ours} messages of heat.telemetry, kcat {theirs}; 20 samples are as the API shows them"
    ));

    let audit = read(&bootstrap, "heat.audit");
    let entries: BTreeMap<u64, &Value> =
        audit.iter().map(|m| (m["value"]["seq"].as_u64().unwrap(), &m["value"])).collect();
    let (first, last) = (*entries.keys().next().unwrap(), *entries.keys().next_back().unwrap());
    assert_eq!(entries.len() as u64, last - first + 1, "the journal on the bus has no holes");
    let journal = demo.get(&format!("/api/v1/journal?from={}&limit=50", last.saturating_sub(49).max(first)));
    for entry in journal.as_array().unwrap().iter().filter(|e| e["seq"].as_u64().unwrap() <= last) {
        assert_eq!(entry, entries[&entry["seq"].as_u64().unwrap()]);
    }
    let dispatch = read(&bootstrap, "heat.dispatch");
    // One that was made since the journal was read is not in what was read of it.
    let known = |m: &&Value| m["value"]["seq"].as_u64().is_some_and(|seq| seq <= last);
    let mut latest = dispatch.iter().rev().find(known).expect("schedules are published")["value"].clone();
    assert_eq!((&latest["schema"], &latest["fleet"]), (&"dispatch/1".into(), &"small".into()));
    assert_eq!(latest["epoch"], entries[&latest["seq"].as_u64().unwrap()]["epoch"]);
    for member in ["schema", "fleet", "epoch"] {
        latest.as_object_mut().unwrap().remove(member);
    }
    assert_eq!(latest, demo.get(&format!("/api/v1/dispatch/{}", latest["seq"])));
    say(&format!(
        "heat.audit has entries {first} to {last} as the API shows them, heat.dispatch {} schedules",
        dispatch.len()
    ));
}

/// The check of this name in `/health/ready`.
fn check(demo: &Demo, name: &str) -> Result<Value, String> {
    let (_, body) = demo.try_call(reqwest::Method::GET, "/health/ready", None, &[])?;
    Ok(body["checks"][name].clone())
}

/// Half a minute of schedules, with the seq of the first and of the last.
fn dispatches(demo: &Demo, during: Duration) -> (u64, u64) {
    let latest = || demo.get("/api/v1/dispatch/latest")["seq"].as_u64().expect("a schedule has a seq");
    let first = latest();
    std::thread::sleep(during);
    (first, latest())
}

fn a_minute_without(kafka: &Kafka, demo: &Demo) {
    let centre = demo.pid_of("hypocaust-central");
    let before = resident_mb(centre);
    kafka.kill();
    #[expect(clippy::disallowed_methods, reason = "measures the running programs")]
    let killed = Instant::now();
    wait_until("the centre says that Kafka is away", Duration::from_secs(30), || {
        let bus = check(demo, "bus")?;
        if bus["ok"] == false { Ok(()) } else { Err(bus.to_string()) }
    });
    assert_eq!(demo.metric("gl_001_bus_up", &[]), Some(0.0));
    let (first, last) = dispatches(demo, Duration::from_secs(15));
    assert!(last >= first + 2, "dispatch stands still at rest: {first}, {last}");
    at_rest(demo).expect("without Kafka nobody is short of heat");
    let cycles = demo.metric("gl_001_dispatch_total", &[("source", "optimal")]).unwrap_or(0.0);

    demo.inject("north", &["trip", "b1"]);
    wait_until("the centre shows the trip", Duration::from_secs(15), || {
        let plant = demo.get("/api/v1/plants/north");
        let tripped = plant["sources"].as_array().unwrap().iter().any(|s| s["tripped"] == true);
        if tripped { Ok(()) } else { Err(plant["sources"].to_string()) }
    });
    let (first, last) = dispatches(demo, Duration::from_secs(12));
    assert!(last >= first + 2, "dispatch stands still after a trip: {first}, {last}");
    let optimal = demo.metric("gl_001_dispatch_total", &[("source", "optimal")]).unwrap_or(0.0) - cycles;
    assert!(optimal >= 2.0, "only {optimal} optimal schedules in the incident without Kafka");
    demo.inject("north", &["restore", "b1"]);
    std::thread::sleep(Duration::from_secs(60).saturating_sub(killed.elapsed()));
    let during = resident_mb(centre);
    let away = killed.elapsed();
    kafka.run();
    wait_until("the bus is well again", Duration::from_secs(60), || {
        let bus = check(demo, "bus")?;
        if bus["ok"] == true { Ok(()) } else { Err(bus.to_string()) }
    });
    let (_, drained) = wait_until("the spools are empty", Duration::from_secs(240), || spooled(demo));
    say(&format!(
        "Kafka away {:.0} s: {optimal} optimal schedules in the incident; spools empty {:.0} s after the bus was well; centre {before:.0} MB before, {during:.0} MB at the end of the outage",
        away.as_secs_f64(),
        drained.as_secs_f64()
    ));
    assert_eq!(demo.pid_of("hypocaust-central"), centre, "the centre lived through it");
}

fn kill_mosquitto(demo: &Demo) {
    let pid = demo.pid_of("mosquitto");
    signal(pid, Signal::SIGKILL);
    wait_until("mosquitto runs again", Duration::from_secs(40), || {
        let again = demo.processes().iter().any(|p| p.name == "mosquitto" && p.pid != pid && runs(p.pid));
        if again { Ok(()) } else { Err("not in endpoints.json") }
    });
    // What the centre shows in the first moments is from before.
    std::thread::sleep(Duration::from_secs(6));
    wait_until("both edges are linked", Duration::from_secs(60), || {
        let fleet = demo.try_get("/api/v1/fleet")?;
        let linked = fleet["plants"].as_array().is_some_and(|p| p.iter().all(|p| p["link"] == true));
        if linked { Ok(()) } else { Err(fleet.to_string()) }
    });
}

/// Every entry that the history has lies on the topic, and every value that the sensor showed lies there once, whatever
/// was repeated: counted by confluent-kafka and the simulator's log. `blind` as in [`every_shown_value_is_stored`].
pub fn the_topic_has_all(demo: &Demo, boots: &BTreeMap<(String, i64), i64>, from: i64, blind: &[Blind]) {
    let messages = read(&demo.kafka(), "heat.telemetry");
    let unique: BTreeMap<(String, u64, u64), &Value> = messages.iter().map(|m| (name(m), m)).collect();
    for ((plant, boot), last) in boots {
        for seq in 1..=u64::try_from(*last).unwrap() {
            let wanted = (plant.clone(), u64::try_from(*boot).unwrap(), seq);
            assert!(unique.contains_key(&wanted), "{wanted:?} is in the history and not on the topic");
        }
    }
    let mut values: Vec<(i64, f64)> = unique
        .values()
        .flat_map(|m| m["value"]["samples"].as_array().unwrap())
        .filter(|s| s["tag"] == SENSOR && s["quality"] == "good")
        .map(|s| (milliseconds(s["time"].as_str().unwrap()), s["value"].as_f64().unwrap()))
        .filter(|(at, _)| *at >= from)
        .collect();
    values.sort_by_key(|(at, _)| *at);
    let judged = judged(&shown(demo, from), &values, blind).unwrap_or_else(|wrong| panic!("on the topic: {wrong}"));
    say(&format!(
        "heat.telemetry: {} entries, {} of them more than once in {} messages; {} shown values, each once, {} cut by a death",
        unique.len(),
        messages.len() - unique.len(),
        messages.len(),
        judged.whole,
        judged.pieces
    ));
}

#[test]
fn a_minute_without_apache_kafka_and_five_broker_restarts_lose_and_double_nothing() {
    let demo = demo();
    assert_eq!(demo.kafka(), demo.apache().bootstrap());
    let from = now();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| move_sensor(&demo, &stop));
        let _stops = OnDrop(&stop);
        std::thread::sleep(Duration::from_secs(5));
        a_minute_without(demo.apache(), &demo);
        for _ in 0..5 {
            kill_mosquitto(&demo);
        }
        wait_until("all is well", Duration::from_secs(240), || at_rest(&demo).and_then(|()| spooled(&demo)));
    });
    demo.inject("north", &["restore", "x1.flow"]);
    std::thread::sleep(Duration::from_secs(2));
    wait_until("the spools are empty but for what flows", Duration::from_secs(60), || spooled(&demo));
    let boots = nothing_lost(&demo);
    nothing_doubled(&demo);
    every_shown_value_is_stored(&demo, from, &[], 20);
    the_topic_has_all(&demo, &boots, from, &[]);
    the_journal_is_the_one_that_the_edges_know(&demo);

    let head = demo.get("/api/v1/journal/head")["seq"].as_u64().unwrap();
    let seqs = || -> Vec<u64> {
        read(&demo.kafka(), "heat.audit").iter().map(|m| m["value"]["seq"].as_u64().unwrap()).collect()
    };
    let (audit, _) = wait_until("the journal is on the bus", Duration::from_secs(30), || {
        let audit = seqs();
        if audit.iter().max() >= Some(&head) { Ok(audit) } else { Err(format!("{:?} of {head}", audit.iter().max())) }
    });
    let unique: BTreeSet<u64> = audit.iter().copied().collect();
    assert!(unique.iter().copied().eq(1..=*unique.last().unwrap()), "heat.audit has holes");
    say(&format!("heat.audit: entries 1 to {}, {} repeated", unique.len(), audit.len() - unique.len()));
}

#[test]
fn certificates_and_rights_of_apache_kafka_let_each_do_its_own() {
    let _turn = turn();
    let kafka = Kafka::secured();
    let bootstrap = kafka.bootstrap();
    let allowed = judge("rights.py", &["allow", &bootstrap], &kafka.certificate("admin").environment());
    assert!(allowed.status.success(), "{}", text(&allowed));

    let mut environment = kafka.certificate("hypocaust-central").environment();
    environment.push(("HYPOCAUST_KAFKA".into(), bootstrap.clone()));
    let demo = Demo::start(Options { environment: environment.clone(), ..Options::default() });
    wait_until("telemetry goes through Kafka by TLS into the history", Duration::from_secs(60), || {
        let stored = demo.metric("gl_001_samples_stored_total", &[]).unwrap_or(0.0);
        let bus = check(&demo, "bus")?;
        if stored > 100.0 && bus["ok"] == true { Ok(()) } else { Err(format!("{stored} stored, {bus}")) }
    });
    let output = judge("read.py", &[&bootstrap, "heat.dispatch"], &environment);
    assert!(output.status.success() && !output.stdout.is_empty(), "{}", text(&output));

    let write = |topic: &str, certificate: &Certificate, shown: bool| {
        let shows = |name: &str| shown || name == hypocaust_protocols::kafka::Tls::CA;
        let environment: Vec<_> = certificate.environment().into_iter().filter(|(n, _)| shows(n)).collect();
        let output = judge("rights.py", &["write", &bootstrap, topic], &environment);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let agent = kafka.certificate("gl-002");
    assert_eq!(write("agent.coordination", &agent, true), "written");
    for topic in ["agent.gl-003", "heat.telemetry", "heat.dispatch", "heat.audit"] {
        assert_eq!(write(topic, &agent, true), "TOPIC_AUTHORIZATION_FAILED", "{topic}");
    }
    let nothing = write("agent.coordination", &agent, false);
    assert!(
        ["_MSG_TIMED_OUT", "_SSL", "nothing happened"].contains(&nothing.as_str()),
        "without a certificate: {nothing}"
    );
    say(&format!(
        "mutual TLS: the centre works, gl-002 writes its own, others' are refused; without a certificate: {nothing}"
    ));
    demo.stop();
}

/// A journal with entries of so many bytes each is published; what a reader of `heat.audit` gets by taking the next `seq` and
/// passing over all others: of each entry its body's length, or that of the message that Kafka did not take.
async fn published(bootstrap: &str, bytes: &[usize]) -> Vec<Result<usize, usize>> {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Arc::new(hypocaust_protocols::files::load(&root().join("deploy/fleets/small")).unwrap());
    let journal = journal::sqlite::Sqlite::open(&folder.path().join("journal.db"), &fleet.id).await.unwrap();
    // What no compression makes smaller: digits of a chaotic sequence.
    let mut state = 1_u64;
    let mut letters = |n: usize| -> String {
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'0' + u8::try_from((state >> 33) % 75).unwrap())
        };
        (0..n).map(|_| letter()).filter(|c| c.is_ascii_alphanumeric()).collect()
    };
    let bodies: Vec<String> = bytes.iter().map(|n| serde_json::json!({ "is": letters(*n) }).to_string()).collect();
    let draft = |body: &String| Draft { time: Millis(1), kind: "k".into(), schema: 1, body: body.clone() };
    journal.append(&Head::genesis(&fleet.id), 1, bodies.iter().map(draft).collect()).await.unwrap();
    let history = telemetry::Sqlite::open(&folder.path().join("history.db")).await.unwrap();
    let users = Users::open(&folder.path().join("users.db")).await.unwrap();
    let (tell, term) = Term::new();
    let until = hypocaust_central::ambient::monotonic() + Duration::from_secs(3600);
    tell.send_replace(Some(Held { epoch: 1, until }));
    let metrics = Metrics::new(&fleet);
    let used = Use { metrics: metrics.clone(), gate: Gate::new(users, Arc::new(|| Millis(0))), term };
    let settings = Settings::new(bootstrap, "test", None).unwrap();
    let _running = Bus::start(settings.clone(), Arc::clone(&fleet), history, journal, used).unwrap();

    let reader = Consumer::new(&settings, "test").unwrap();
    // The centre makes it.
    for _ in 0..100 {
        if !reader.kept("heat.audit").await.unwrap_or_default().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    reader.follow_all(&["heat.audit"], Start::Beginning).await.unwrap();
    let mut taken = Vec::new();
    while taken.len() < bodies.len() {
        let record = tokio::time::timeout(Duration::from_secs(60), reader.receive()).await;
        let record = record.unwrap_or_else(|_| panic!("only {taken:?} are published")).unwrap();
        let entry: Value = serde_json::from_slice(&record.payload).unwrap();
        if entry["seq"] != taken.len() as u64 + 1 {
            continue;
        }
        taken.push(match entry["omitted"]["bytes"].as_u64() {
            Some(bytes) => {
                assert_eq!(entry["body"], Value::Null);
                assert_eq!(entry["omitted"]["read"], format!("/api/v1/journal?from={}&limit=1", entry["seq"]));
                assert!(entry["hash"].is_string() && entry["prev_hash"].is_string(), "{entry}");
                Err(usize::try_from(bytes).unwrap())
            }
            None => {
                assert_eq!(entry["body"].to_string(), bodies[taken.len()]);
                Ok(entry["body"].to_string().len())
            }
        });
    }
    let text = hypocaust_protocols::metrics::text(&metrics.counted()).unwrap();
    let omitted = taken.iter().filter(|t| t.is_err()).count();
    let line = format!("gl_001_bus_messages_total{{outcome=\"omitted\",topic=\"heat.audit\"}} {omitted}");
    assert!(text.contains(&line), "{text}");
    taken
}

#[test]
fn an_entry_that_apache_kafka_does_not_take_is_named_on_the_bus_and_holds_nothing_up() {
    let _turn = turn();
    let kafka = Kafka::start();
    // Our client's own limit, with more behind it that is not too big.
    let taken = block_on(published(&kafka.bootstrap(), &[100, 2_000_000, 100, 900_000, 100]));
    let whole: Vec<bool> = taken.iter().map(Result::is_ok).collect();
    assert_eq!(whole, [true, false, true, true, true], "{taken:?}");
    // A limit of the topic, which only the broker knows; it refuses the whole batch.
    let kafka = Kafka::start();
    let made = judge("limited.py", &[&kafka.bootstrap(), "heat.audit", "20000"], &[]);
    assert!(made.status.success(), "{}", text(&made));
    let taken = block_on(published(&kafka.bootstrap(), &[100, 60_000, 100, 9_000, 200_000, 100]));
    let whole: Vec<bool> = taken.iter().map(Result::is_ok).collect();
    assert_eq!(whole, [true, false, true, true, false, true], "{taken:?}");
    say(&format!("Apache Kafka: entries of 2 MB and above a topic's own limit are named, the others whole: {taken:?}"));
}
