//! Sub-agents on the running programs: the reference agents compute from what the plants show, are paused and killed, and
//! are replaced by one in Python; that one also alone on Apache Kafka. What all of them say is held to the published document
//! by software of others.

use super::bus::read;
use super::shared::{Shared, demo, say, turn};
use hypocaust_protocols::kafka::in_process::Cluster;
use hypocaust_protocols::kafka::{Consumer, Producer, Record, Settings, Start, Topic, ensure};
use hypocaust_protocols::model::{Millis, PlantId};
use hypocaust_protocols::wire::subagent::{
    AgentId, COORDINATION, Coordination, Kind, Number, Outcome, Report, Task, Time,
};
use hypocaust_sim::subagents;
use hypocaust_tests::harness::kafka::Kafka;
use hypocaust_tests::harness::{block_on, program, python, root, run, runs, signal, text, wait_until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// The process of the reference agents, as `endpoints.json` names it.
const PROCESS: &str = "hypocaust-sim subagents";
/// As `[limits.subagents]` of the small fleet has it: a beat, and the silence after which an agent is gone.
const BEAT: Duration = Duration::from_secs(10);
const GONE: Duration = Duration::from_secs(30);

fn agent(demo: &Shared, id: &str) -> Result<Value, String> {
    let answer = demo.try_get("/api/v1/subagents")?;
    let all = answer["subagents"].as_array().ok_or_else(|| format!("no list in {answer}"))?;
    assert_eq!(all.len(), 99, "all of the catalogue");
    all.iter().find(|a| a["id"] == id).cloned().ok_or_else(|| format!("no {id}"))
}

fn stands(demo: &Shared, id: &str, state: &str) -> Result<(), String> {
    let agent = agent(demo, id)?;
    if agent["state"] == state { Ok(()) } else { Err(format!("{id} is {}: {}", agent["state"], agent["why"])) }
}

/// The latest answer about this subject.
fn about(demo: &Shared, id: &str, subject: &str) -> Result<Value, String> {
    let agent = agent(demo, id)?;
    let found = agent["results"].as_array().and_then(|all| all.iter().find(|r| r["subject"] == subject));
    found.cloned().ok_or_else(|| format!("{id} has said nothing of {subject}: {agent}"))
}

/// The same, if it is a present answer.
fn done(demo: &Shared, id: &str, subject: &str) -> Result<Value, String> {
    let result = about(demo, id, subject)?;
    if result["outcome"] == "done" && result["stale"] == false { Ok(result) } else { Err(result.to_string()) }
}

fn number(result: &Value, name: &str) -> f64 {
    result["values"][name]["value"].as_f64().unwrap_or_else(|| panic!("no {name} in {result}"))
}

fn wait<T>(what: &str, limit_s: u64, probe: impl FnMut() -> Result<T, String>) -> (T, Duration) {
    wait_until(what, Duration::from_secs(limit_s), probe)
}

/// All three reference agents are healthy and have answered. A boiler that an earlier test has tripped is on again.
fn all_answer(demo: &Shared) {
    for id in ["GL-002", "GL-018", "GL-023"] {
        wait(&format!("{id} is healthy"), 60, || stands(demo, id, "healthy"));
    }
    wait("all have answered", 240, || {
        done(demo, "GL-002", "north.b1")?;
        done(demo, "GL-018", "north.b1")?;
        done(demo, "GL-023", "north.steam")
    });
}

/// The seq of the journal's last entry.
fn head(demo: &Shared) -> u64 {
    demo.get("/api/v1/journal/head")["seq"].as_u64().expect("a head has a seq")
}

/// What the journal says of an agent after this entry: the kinds, in order.
fn journaled(demo: &Shared, id: &str, after: u64) -> Vec<String> {
    let entries = demo.get(&format!("/api/v1/journal?from={}&limit=10000", after + 1));
    let entries = entries.as_array().expect("the journal is a list");
    let of = entries.iter().filter(|e| e["kind"].as_str().is_some_and(|k| k.starts_with("subagent-")));
    of.filter(|e| e["body"]["agent"] == id).map(|e| e["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Holds so many seconds of messages to the published document, beside the test.
fn judge(bootstrap: &str, seconds: u32) -> JoinHandle<Value> {
    let mut judge = Command::new(python());
    judge.arg(root().join("tests/judges/subagents.py")).arg(bootstrap);
    judge.arg(root().join("docs/subagents.asyncapi.json")).arg(seconds.to_string());
    std::thread::spawn(move || {
        let output = run(&mut judge, Duration::from_secs(u64::from(seconds) + 60));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("the judge says {e}: {}", text(&output)))
    })
}

/// The agent in Python; it ends with the test, however that ends.
struct Python {
    child: Child,
    said: tempfile::NamedTempFile,
}

impl Python {
    fn start(bootstrap: &str) -> Python {
        let said = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        let stderr = said.reopen().expect("it can be opened again");
        let mut command = Command::new(python());
        command.arg(root().join("deploy/examples/subagent.py")).arg(bootstrap);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().expect("Python runs");
        Python { child, said }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.said.path()).unwrap_or_default()
    }

    /// Ends it as a supervisor does. What it has said left before it did.
    fn stop(mut self) {
        signal(self.child.id(), Signal::SIGTERM);
        wait("the Python agent ends", 20, || match self.child.try_wait() {
            Ok(Some(status)) if status.success() => Ok(()),
            other => Err(format!("{other:?}: {}", self.said())),
        });
        assert!(!self.said().contains("still in queue"), "{}", self.said());
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // Both fail only where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Siegert's formula for natural gas (1. BImSchV, annex 2) on the inputs of a task, %.
fn siegert(task: &Value) -> f64 {
    let input = |name: &str| task["inputs"][name]["value"].as_f64().unwrap_or_else(|| panic!("no {name} in {task}"));
    (input("stack") - input("air")) * (0.66 / (21.0 - input("o2")) + 0.009)
}

/// Each answer that lies on the bus, computed again from the inputs that lie beside it: how many of GL-018 there are.
fn every_stack_loss_follows_from_its_inputs(bootstrap: &str) -> usize {
    let tasks = read(bootstrap, "agent.gl-018");
    let tasks: BTreeMap<&str, &Value> =
        tasks.iter().map(|m| (m["value"]["id"].as_str().expect("a task has an id"), &m["value"])).collect();
    let said = read(bootstrap, COORDINATION);
    let results = said.iter().map(|m| &m["value"]).filter(|v| v["schema"] == "result/1" && v["agent"] == "GL-018");
    let mut judged = 0;
    for result in results {
        let task = tasks[result["task"].as_str().expect("a result names its task")];
        match result["outcome"].as_str() {
            Some("done") => {
                assert!(task["inputs"].as_object().unwrap().values().all(|n| n["quality"] == "good"), "{task}");
                let (theirs, ours) = (number(result, "stack-loss"), siegert(task));
                assert!((theirs - ours).abs() < 1e-9, "{theirs} for {ours}: {task}");
                judged += 1;
            }
            Some("cannot-tell") => assert!(result["values"] == json!({}) && !result["reason"].is_null(), "{result}"),
            other => panic!("{other:?}: {result}"),
        }
    }
    judged
}

#[test]
fn the_reference_agents_compute_from_what_the_plants_show() {
    let demo = demo();
    all_answer(&demo);
    let judged = judge(&demo.kafka(), 25);
    let (before, boiler) = (done(&demo, "GL-018", "north.b1").unwrap(), done(&demo, "GL-002", "north.b1").unwrap());
    let (io, losses) = (number(&boiler, "efficiency-input-output"), number(&boiler, "efficiency-losses"));
    assert!((80.0..96.0).contains(&io) && (io - losses).abs() < 3.0, "{io} and {losses} %");
    let load = done(&demo, "GL-023", "north.steam").unwrap();
    assert!(number(&load, "b1.load") > 0.0 && load["values"]["marginal-cost"]["unit"] == "EUR/MWh", "{load}");

    // A record that is no message: the judge finds it, the centre says so and does not take anybody in by it.
    let producer = Producer::new(&Settings::new(&demo.kafka(), "tests", None).unwrap()).unwrap();
    let bad =
        json!({ "schema": "register/1", "time": "2026-01-31T12:00:00.000Z", "agent": "GL-050", "capabilities": [] });
    let say_bad = || block_on(producer.deliver(COORDINATION, "GL-050", bad.to_string().as_bytes())).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    say_bad();

    // 0.3 of air ratio is 30 points of excess air; the load moves meanwhile, and with it the air curve of the burner.
    demo.inject("north", &["trim", "b1", "0.3"]);
    let (after, _) = wait("the flue gas shows the trim", 60, || {
        let now = done(&demo, "GL-018", "north.b1")?;
        let more = number(&now, "excess-air") - number(&before, "excess-air");
        if (22.0..38.0).contains(&more) { Ok(now) } else { Err(format!("{more} more: {now}")) }
    });
    assert!(number(&after, "recommended-air-ratio") <= 1.15 + 1e-9, "as little air as before is asked for: {after}");
    // Again, should the judge have been slow to listen.
    say_bad();
    // An analyser that draws air: no number, but the reason.
    demo.inject("north", &["stick", "b1.o2", "20.9"]);
    for id in ["GL-002", "GL-018"] {
        let (blind, _) = wait(&format!("{id} cannot tell"), 60, || {
            let result = about(&demo, id, "north.b1")?;
            if result["outcome"] == "cannot-tell" { Ok(result) } else { Err(result.to_string()) }
        });
        let reason = blind["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("20.9 %: there is no fire") && blind["values"] == json!({}), "{blind}");
    }
    demo.inject("north", &["restore", "b1.o2"]);
    demo.inject("north", &["restore", "b1"]);
    wait("and both can again", 60, || done(&demo, "GL-018", "north.b1").and(done(&demo, "GL-002", "north.b1")));
    let counted = demo.metric("gl_001_subagent_tasks_total", &[("agent", "GL-018"), ("outcome", "cannot-tell")]);
    assert!(counted.is_some_and(|n| n >= 1.0), "{counted:?}");
    assert!(demo.metric("gl_001_subagents", &[("state", "healthy")]).is_some_and(|n| n >= 3.0));

    let found = judged.join().expect("the judge runs");
    let counts = &found["counts"];
    for (schema, least) in [("task/1", 3), ("result/1", 3), ("register/1", 3), ("heartbeat/1", 3)] {
        assert!(counts[schema].as_i64().is_some_and(|n| n >= least), "{schema}: {found}");
    }
    let faults = found["faults"].as_array().expect("a list");
    let bad = |fault: &Value| {
        fault.as_str().is_some_and(|f| f.contains("register/1") && f.contains("\"version\" is a required"))
    };
    assert!(!faults.is_empty() && faults.iter().all(bad), "the bad one and nothing else: {found}");
    assert!(stands(&demo, "GL-050", "unknown").is_ok());
    let told = ["central", "central-2"].map(|log| demo.log(log)).concat();
    assert!(told.contains("GL-050") && told.contains("missing field `version`"), "the centre tells of it");
    let again = every_stack_loss_follows_from_its_inputs(&demo.kafka());
    say(&format!(
        "GL-018: stack loss {:.2} %, excess air {:.1} %, with a trim {:.2} and {:.1} %; {again} answers computed again; GL-002: {io:.2} and {losses:.2} %; 25 s of messages: {counts}",
        number(&before, "stack-loss"),
        number(&before, "excess-air"),
        number(&after, "stack-loss"),
        number(&after, "excess-air"),
    ));
}

#[test]
fn agents_that_are_paused_are_degraded_then_removed_and_come_back_by_themselves() {
    let demo = demo();
    all_answer(&demo);
    let (pid, from) = (demo.pid_of(PROCESS), head(&demo));
    signal(pid, Signal::SIGSTOP);
    let (_, degraded) = wait("they are degraded", 30, || stands(&demo, "GL-018", "degraded"));
    let last = about(&demo, "GL-018", "north.b1").unwrap();
    let (_, rest) = wait("they are removed", 40, || stands(&demo, "GL-018", "removed"));
    let removed = degraded + rest;
    let kept = about(&demo, "GL-018", "north.b1").unwrap();
    assert!(kept["stale"] == true && kept["values"] == last["values"], "the last good one, known to be old: {kept}");
    assert!(kept["age_ms"].as_i64().is_some_and(|ms| ms > 20_000), "{kept}");
    wait("the others are removed", 15, || stands(&demo, "GL-002", "removed").and(stands(&demo, "GL-023", "removed")));
    let failure = agent(&demo, "GL-018").unwrap()["last_failure"].clone();
    assert!(failure["code"].as_str().is_some_and(|c| c.starts_with("GL-E-AGENT-")), "{failure}");
    signal(pid, Signal::SIGCONT);
    let (_, back) = wait("they are back", 40, || stands(&demo, "GL-018", "healthy"));
    wait("they answer", 40, || done(&demo, "GL-018", "north.b1"));
    assert_eq!(demo.pid_of(PROCESS), pid, "it is the same process");
    let kinds = journaled(&demo, "GL-018", from);
    assert_eq!(kinds, ["subagent-degraded", "subagent-removed", "subagent-registered"]);
    // Late at most by a beat before, and by what a loaded machine takes.
    assert!(removed > GONE - BEAT && removed < GONE + BEAT, "{removed:?}");
    say(&format!(
        "agents paused: degraded after {degraded:.1?}, removed after {removed:.1?}, woken: back after {back:.1?}"
    ));
    wait("all are back", 40, || stands(&demo, "GL-002", "healthy").and(stands(&demo, "GL-023", "healthy")));
}

#[test]
fn an_agent_in_python_takes_the_place_of_one_and_killed_ones_are_started_anew() {
    let demo = demo();
    all_answer(&demo);
    let (reference, from) = (demo.pid_of(PROCESS), head(&demo));
    let judged = judge(&demo.kafka(), 30);
    // Only one may be GL-018. The later start is taken for a restart of the other.
    signal(reference, Signal::SIGSTOP);
    let python = Python::start(&demo.kafka());
    let (_, known) = wait("the Python agent is registered", 30, || {
        let agent = agent(&demo, "GL-018")?;
        let it = agent["state"] == "healthy" && agent["version"] == "python-1";
        if it { Ok(()) } else { Err(format!("{agent}: {}", python.said())) }
    });
    let (_, answered) = wait("its answers are used", 30, || {
        let result = done(&demo, "GL-018", "north.b1")?;
        // The other was paused before this one was started.
        let fresh =
            result["age_ms"].as_i64().is_some_and(|ms| u128::try_from(ms).is_ok_and(|ms| ms < known.as_millis()));
        if fresh { Ok(()) } else { Err(format!("{result}: {}", python.said())) }
    });
    demo.inject("north", &["stick", "b1.o2", "20.9"]);
    wait("it cannot tell", 40, || {
        let result = about(&demo, "GL-018", "north.b1")?;
        let told = result["outcome"] == "cannot-tell" && result["reason"].to_string().contains("there is no fire");
        if told { Ok(()) } else { Err(result.to_string()) }
    });
    demo.inject("north", &["restore", "b1.o2"]);
    wait("and can again", 40, || done(&demo, "GL-018", "north.b1"));
    let found = judged.join().expect("the judge runs");
    assert_eq!(found["faults"], json!([]), "{found}");
    for (schema, least) in [("task/1", 3), ("result/1", 3), ("register/1", 1), ("heartbeat/1", 1)] {
        assert!(found["counts"][schema].as_i64().is_some_and(|n| n >= least), "{schema}: {found}");
    }
    python.stop();
    let again = every_stack_loss_follows_from_its_inputs(&demo.kafka());

    signal(reference, Signal::SIGKILL);
    let (_, anew) = wait("the demo starts the agents anew", 30, || {
        let fresh = demo.processes().into_iter().find(|p| p.name == PROCESS && p.pid != reference);
        fresh.filter(|p| runs(p.pid)).map(drop).ok_or_else(|| "not in endpoints.json".to_owned())
    });
    wait("the Rust agent is GL-018 again", 40, || {
        let agent = agent(&demo, "GL-018")?;
        if agent["state"] == "healthy" && agent["version"] != "python-1" { Ok(()) } else { Err(agent.to_string()) }
    });
    let kinds = journaled(&demo, "GL-018", from);
    let of = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
    assert_eq!((of("subagent-registered"), of("subagent-started")), (2, 2), "Python and the new start: {kinds:?}");
    all_answer(&demo);
    say(&format!(
        "the Python agent: registered {known:.1?} after its start, first answer {:.1?}; {again} answers of GL-018 computed again; 30 s of messages: {}; agents killed: another process after {anew:.1?}",
        known + answered,
        found["counts"]
    ));
}

/// A task of GL-018, as the centre makes them.
fn task(id: &str, o2: Number) -> Task {
    let now = Millis(super::counts::now());
    let inputs = [("co", 20.0, "ppm"), ("stack", 160.0, "degC"), ("air", 20.0, "degC")];
    let mut inputs: BTreeMap<String, Number> =
        inputs.map(|(name, value, unit)| (name.to_owned(), Number::good(value, unit))).into();
    inputs.insert("o2".into(), o2);
    Task {
        schema: Task::SCHEMA.to_owned(),
        id: id.to_owned(),
        correlation: "round".into(),
        causation: "journal/1".into(),
        agent: Kind::FlueGas.agent(),
        plant: PlantId::new("north").unwrap(),
        epoch: 1,
        issued: Time(now),
        deadline: Time(now.plus(5_000)),
        kind: Kind::FlueGas,
        subject: "north.b1".into(),
        inputs,
    }
}

/// What the agent in Python says in this cluster, which does not know its topics when it starts.
async fn the_python_agent_answers(bootstrap: &str) {
    let agent: AgentId = Kind::FlueGas.agent();
    let settings = Settings::new(bootstrap, "tests", None).unwrap();
    let python = Python::start(bootstrap);
    tokio::time::sleep(Duration::from_secs(2)).await;
    ensure(&settings, &[Topic::new(COORDINATION, 1), Topic::new(agent.topic(), 1)]).await.unwrap();
    let (producer, consumer) = (Producer::new(&settings).unwrap(), Consumer::new(&settings, "tests").unwrap());
    // A broker knows of a new topic a moment after it was made.
    let mut tries = 0..50;
    while let Err(error) = consumer.follow_all(&[COORDINATION], Start::Beginning).await {
        tries.next().unwrap_or_else(|| panic!("{error}"));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let next = async || {
        let record = tokio::time::timeout(Duration::from_secs(30), consumer.receive()).await;
        let Record { key, payload, .. } = record.unwrap_or_else(|_| panic!("it is silent: {}", python.said())).unwrap();
        assert_eq!(key.as_deref(), Some(agent.to_string().as_bytes()));
        Coordination::read(&payload).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&payload)))
    };
    let Coordination::Register(register) = next().await else { panic!("it registers first") };
    assert_eq!((register.agent, register.capabilities), (agent, vec!["flue-gas".to_owned()]));
    // It listens by now, so this one is not missed.
    let asked = [task("1-1", Number::good(4.2, "%")), task("1-2", Number::bad("%", "device-silent"))];
    for task in &asked {
        producer.deliver(&agent.topic(), "GL-018", &task.record()).await.unwrap();
    }
    let mut answers: Vec<Report> = Vec::new();
    let mut beats = 0;
    while answers.len() < 2 {
        match next().await {
            Coordination::Report(report) => answers.push(report),
            Coordination::Heartbeat(beat) => beats += i32::from(beat.success_ratio == 1.0),
            Coordination::Register(_) => {}
        }
    }
    assert!(beats >= 1, "it beats at once");
    let theirs: BTreeMap<String, Report> = answers.into_iter().map(|a| (a.task.clone(), a)).collect();
    let ours = subagents::answer(&asked[0]).unwrap();
    let done = &theirs["1-1"];
    assert_eq!((done.outcome, done.values.len()), (Outcome::Done, ours.len()), "{done:?}");
    for (name, number) in &done.values {
        let (their, our) = (number.value.unwrap(), ours[name].value.unwrap());
        assert!(number.unit == ours[name].unit && (their - our).abs() < 1e-9, "{name}: {their} for {our}");
    }
    let blind = &theirs["1-2"];
    assert_eq!((blind.outcome, blind.values.len()), (Outcome::CannotTell, 0), "{blind:?}");
    assert!(blind.reason.as_deref().is_some_and(|why| why.contains("'o2' is bad: device-silent")), "{blind:?}");
    python.stop();
}

#[test]
fn the_python_agent_works_on_apache_kafka_and_on_the_cluster_of_the_demo() {
    let _turn = turn();
    let kafka = Kafka::start();
    block_on(the_python_agent_answers(&kafka.bootstrap()));
    drop(kafka);
    let cluster = Cluster::start(&[]).unwrap();
    block_on(the_python_agent_answers(&cluster.bootstrap()));
}

/// What AsyncAPI's own JSON Schema says of a document; nothing where it fits.
fn asyncapi(document: &Value) -> String {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), document.to_string()).expect("it can be written");
    let mut judge = Command::new(python());
    judge.arg(root().join("tests/judges/asyncapi.py")).arg(file.path());
    let output = run(&mut judge, Duration::from_secs(60));
    assert_eq!(output.status.code(), Some(i32::from(!output.stdout.is_empty())), "{}", text(&output));
    text(&output)
}

/// Every reference in a value.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_document_is_asyncapi_by_its_own_schema() {
    let output = run(program("hypocaust-sim").args(["subagents", "--schema"]), Duration::from_secs(10));
    let document: Value = serde_json::from_slice(&output.stdout).expect("the document is JSON");
    assert_eq!(asyncapi(&document), "");
    // The schema does not follow references.
    let references = references(&document);
    assert!(references.len() > 15, "{references:?}");
    for reference in references {
        assert!(reference.strip_prefix('#').and_then(|at| document.pointer(at)).is_some(), "{reference} leads nowhere");
    }
    let wrong: [(&str, Value, &str); 4] = [
        ("/info/title", json!(5), "/info/title: "),
        ("/operations/work/action", json!("get"), "/operations/work: "),
        ("/operations/beat/channel", json!({}), "/operations/beat: "),
        ("/components/messages/task/payload", json!(5), "/components/messages/task: "),
    ];
    for (at, value, place) in wrong {
        let mut document = document.clone();
        *document.pointer_mut(at).unwrap_or_else(|| panic!("no {at}")) = value;
        let said = asyncapi(&document);
        assert!(said.starts_with(place), "{at}: {said}");
    }
}
