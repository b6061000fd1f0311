//! What outsiders hold on to, asked of the running programs: every call of the API with its shape, every metric with its
//! name, type and labels, and the verdict on the journal.

use super::shared::{Shared, at_rest, demo, say, turn};
use hypocaust_tests::harness::{Demo, Options, block_on, program, run, schema, text, wait_until};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Name, type and labels of what the centre serves.
const CENTRE: [(&str, &str, &[&str]); 23] = [
    ("gl_001_build_info", "gauge", &["version"]),
    ("gl_001_leader", "gauge", &[]),
    ("gl_001_epoch", "gauge", &[]),
    ("gl_001_samples_ingested_total", "counter", &["plant"]),
    ("gl_001_samples_stored_total", "counter", &["plant"]),
    ("gl_001_samples_duplicate_total", "counter", &["plant"]),
    ("gl_001_samples_dropped_total", "counter", &["plant", "reason"]),
    ("gl_001_spool_entries", "gauge", &["plant"]),
    ("gl_001_spool_oldest_seconds", "gauge", &["plant"]),
    ("gl_001_telemetry_age_seconds", "gauge", &["plant"]),
    ("gl_001_device_up", "gauge", &["plant", "device"]),
    ("gl_001_edge_link_up", "gauge", &["plant"]),
    ("gl_001_edge_mode", "gauge", &["plant", "mode"]),
    ("gl_001_heat_megawatts", "gauge", &["plant"]),
    ("gl_001_unserved_megawatts", "gauge", &["plant", "class"]),
    ("gl_001_dispatch_cycle_seconds", "histogram", &[]),
    ("gl_001_solve_seconds", "histogram", &[]),
    ("gl_001_dispatch_total", "counter", &["source"]),
    ("gl_001_commands_total", "counter", &["outcome"]),
    ("gl_001_write_refusals_total", "counter", &["plant", "gate"]),
    ("gl_001_journal_entries_total", "counter", &[]),
    ("gl_audit_chain_valid", "gauge", &[]),
    ("gl_001_alarms", "gauge", &["priority", "state"]),
];
/// An edge serves its own part of them.
const EDGE: [&str; 11] = [
    "gl_001_build_info",
    "gl_001_epoch",
    "gl_001_samples_dropped_total",
    "gl_001_spool_entries",
    "gl_001_spool_oldest_seconds",
    "gl_001_device_up",
    "gl_001_edge_link_up",
    "gl_001_edge_mode",
    "gl_001_heat_megawatts",
    "gl_001_unserved_megawatts",
    "gl_001_write_refusals_total",
];

/// Type, help and the label names of all series, by metric.
fn parsed(text: &str) -> BTreeMap<String, (String, String, BTreeSet<Vec<String>>)> {
    let mut found: BTreeMap<String, (String, String, BTreeSet<Vec<String>>)> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
            found.entry(name.into()).or_default().1 = help.into();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|l| l.split_once(' ')) {
            found.entry(name.into()).or_default().0 = kind.into();
        } else if let Some((series, _)) = line.rsplit_once(' ') {
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels.trim_end_matches('}').split(',').filter_map(|l| Some(l.split_once('=')?.0.to_owned()));
            let mut labels: Vec<String> = labels.filter(|l| l != "le").collect();
            labels.sort();
            let part = ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s));
            let name = part.filter(|base| found.contains_key(*base)).unwrap_or(name);
            found.entry(name.into()).or_default().2.insert(labels);
        }
    }
    found
}

fn has(text: &str, name: &str, kind: &str, labels: &[&str], who: &str) {
    let found = parsed(text);
    let (shown_kind, help, series) = found.get(name).unwrap_or_else(|| panic!("{who} serves no {name}:\n{text}"));
    assert_eq!(shown_kind, kind, "type of {name} at {who}");
    assert!(help.len() > 10, "{name} at {who} is not explained: {help:?}");
    let mut labels: Vec<String> = labels.iter().map(|l| (*l).to_owned()).collect();
    labels.sort();
    assert_eq!(series, &BTreeSet::from([labels]), "labels of {name} at {who}");
}

#[test]
fn the_metrics_are_those_of_the_contract_and_show_what_happens() {
    let demo = demo();
    let centre = demo.metrics(None).expect("the centre serves metrics on loopback");
    for (name, kind, labels) in CENTRE {
        has(&centre, name, kind, labels, "the centre");
    }
    for plant in ["north", "south"] {
        let text = demo.metrics(Some(plant)).expect("an edge serves metrics");
        for (name, kind, labels) in CENTRE.iter().filter(|m| EDGE.contains(&m.0)) {
            has(&text, name, kind, labels, plant);
        }
    }
    let value = |name: &str, labels: &[(&str, &str)]| {
        demo.metric(name, labels).unwrap_or_else(|| panic!("no {name} {labels:?} in {centre}"))
    };
    for plant in ["north", "south"] {
        let of = [("plant", plant)];
        wait_until("samples are stored", Duration::from_secs(30), || {
            let (came, stored) =
                (value("gl_001_samples_ingested_total", &of), value("gl_001_samples_stored_total", &of));
            if stored > 100.0 && came >= stored { Ok(()) } else { Err(format!("{stored} of {came} of {plant}")) }
        });
        assert_eq!(value("gl_001_edge_link_up", &of), 1.0);
        assert_eq!(value("gl_001_edge_mode", &of), 1.0, "one mode");
        assert_eq!(value("gl_001_edge_mode", &[("plant", plant), ("mode", "remote")]), 1.0);
        assert!(value("gl_001_telemetry_age_seconds", &of) < 30.0);
        let view = demo.get("/api/v1/fleet");
        let shown = view["plants"].as_array().unwrap().iter().find(|p| p["id"] == plant).unwrap();
        let heat = shown["heat_mw"].as_f64().unwrap();
        let figure = value("gl_001_heat_megawatts", &of);
        assert!((heat - figure).abs() < 0.2 * heat, "the API shows {heat} MW, the metrics {figure}");
        let measured = demo.edge_metric(plant, "gl_001_heat_megawatts", &[]).expect("the edge sees its sources");
        assert!((measured - figure).abs() < 0.2 * heat, "the edge measures {measured} MW, the centre shows {figure}");
    }
    let devices = demo.devices().len() as f64;
    wait_until("every device answers", Duration::from_secs(20), || {
        let up = value("gl_001_device_up", &[]);
        if up == devices {
            Ok(())
        } else {
            Err(demo.metrics(None).unwrap().lines().filter(|l| l.contains("device_up")).collect::<Vec<_>>().join("; "))
        }
    });
    assert_eq!(value("gl_001_leader", &[]), 1.0);
    assert_eq!(value("gl_audit_chain_valid", &[]), 1.0);
    // Schedules are counted by whoever hears of them, cycles by the leader that ran them: while one leads they rise alike.
    let both = || (value("gl_001_dispatch_total", &[]), value("gl_001_dispatch_cycle_seconds_count", &[]));
    let before = both();
    let ((scheduled, cycles), _) = wait_until("two more cycles", Duration::from_secs(30), || {
        let now = both();
        if now.1 >= before.1 + 2.0 { Ok(now) } else { Err(format!("{now:?} after {before:?}")) }
    });
    assert!((scheduled - before.0 - (cycles - before.1)).abs() <= 1.0, "{before:?}, then {scheduled}, {cycles}");
    assert!(value("gl_001_solve_seconds_count", &[]) >= cycles);
    wait_until("a command is done", Duration::from_secs(30), || {
        let done = value("gl_001_commands_total", &[("outcome", "done")]);
        if done >= 1.0 { Ok(()) } else { Err(format!("{done} are done")) }
    });
    let head = demo.get("/api/v1/journal/head")["seq"].as_f64().unwrap();
    assert!((value("gl_001_journal_entries_total", &[]) - head).abs() < 20.0);
    let mean = value("gl_001_dispatch_cycle_seconds_sum", &[]) / value("gl_001_dispatch_cycle_seconds_count", &[]);
    say(&format!("{cycles} dispatch cycles of {:.0} ms in the mean", mean * 1000.0));
}

#[expect(clippy::disallowed_methods, reason = "asks the running programs about the last minute")]
fn lately() -> (String, String) {
    let now = jiff::Timestamp::now();
    let ago = now - jiff::SignedDuration::from_secs(60);
    (format!("{ago:.3}"), format!("{now:.3}"))
}

/// RFC 3339 in UTC with milliseconds.
fn is_time(text: &str) -> bool {
    text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.' && text.parse::<jiff::Timestamp>().is_ok()
}

/// Everything that is named like a time is written like one.
fn times(value: &Value, place: &str, seen: &mut usize) {
    const NAMES: [&str; 9] = [
        "time",
        "expires",
        "source_time",
        "received_time",
        "heat_at",
        "predicted_restore",
        "raised",
        "cleared",
        "acknowledged_at",
    ];
    for (name, inner) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{name}");
        // The body of an entry is what was hashed, its numbers are milliseconds; a schema speaks of types.
        if NAMES.contains(&name.as_str()) && !inner.is_null() {
            assert!(inner.as_str().is_some_and(is_time), "{place}: {inner}");
            *seen += 1;
        } else if !["body", "properties"].contains(&name.as_str()) {
            times(inner, &place, seen);
        }
    }
    value.as_array().into_iter().flatten().for_each(|inner| times(inner, place, seen));
}

struct Judge<'a> {
    demo: &'a Shared,
    document: Value,
    judged: BTreeSet<String>,
    times: usize,
}

impl Judge<'_> {
    /// Calls, and compares the answer with the document and with the fields of the contract.
    fn call(
        &mut self,
        method: &str,
        route: &str,
        path: &str,
        body: Option<&Value>,
        key: &str,
        fields: &[&str],
    ) -> Value {
        let named = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let (status, answer) = self.demo.call(named, path, body, &[("Idempotency-Key", key)]);
        let operation = &self.document["paths"][route][method];
        let content = &operation["responses"][status.to_string()]["content"]["application/json"]["schema"];
        assert!(content.is_object(), "{method} {route} answers {status}, which the document does not know: {answer}");
        schema::fits(&self.document, content, &answer).unwrap_or_else(|why| panic!("{method} {path}: {why}"));
        let first = answer.as_array().map_or(&answer, |list| &list[0]);
        for field in fields {
            assert!(first.get(*field).is_some(), "{method} {path} has no {field}: {answer}");
        }
        times(&answer, path, &mut self.times);
        self.judged.insert(format!("{method} {route}"));
        answer
    }

    fn get(&mut self, route: &str, path: &str, fields: &[&str]) -> Value {
        self.call("get", route, path, None, "", fields)
    }
}

#[test]
fn every_call_answers_in_the_shape_of_the_contract_and_of_its_document() {
    let demo = demo();
    let document = demo.get("/api/v1/openapi.json");
    let mut judge = Judge { demo: &demo, document, judged: BTreeSet::new(), times: 0 };
    let j = &mut judge;
    let api = |rest: &str| format!("/api/v1{rest}");

    let fleet = j.get("/api/v1/fleet", "/api/v1/fleet", &["leader", "epoch", "plants"]);
    for field in ["id", "name", "mode", "link", "heat_mw", "demand_mw", "unserved_mw"] {
        assert!(fleet["plants"][0].get(field).is_some(), "{field} in {fleet}");
    }
    j.get(
        "/api/v1/plants/{id}",
        "/api/v1/plants/north",
        &["headers", "sources", "storages", "consumers", "devices", "setpoints"],
    );
    let tags = j.get("/api/v1/tags", "/api/v1/tags?plant=north&prefix=north.b1.h", &["tags"]);
    assert_eq!(tags["tags"].as_array().unwrap().len(), 1, "{tags}");
    for field in
        ["id", "plant", "device", "value", "unit", "quality", "reason", "source_time", "received_time", "age_ms"]
    {
        assert!(tags["tags"][0].get(field).is_some(), "{field} in {tags}");
    }
    // A sample is in the history once it has been over the bus.
    let (from, to) = lately();
    let path = api(&format!("/history?tag=north.b1.heat&from={from}&to={to}&points=50"));
    wait_until("the last minute is in the history", Duration::from_secs(15), || {
        let stored = j.demo.try_get(&path)?["samples"].as_array().map_or(0, Vec::len);
        if stored > 0 { Ok(()) } else { Err("no sample".to_owned()) }
    });
    let history = j.get("/api/v1/history", &path, &["tag", "unit", "samples"]);
    assert_eq!((&history["tag"], &history["unit"]), (&json!("north.b1.heat"), &json!("MW")));
    let samples = history["samples"].as_array().unwrap();
    assert!(!samples.is_empty() && samples.len() <= 50, "{history}");
    assert!(samples.iter().all(|s| is_time(s[0].as_str().unwrap())), "{history}");

    let parts = [
        "seq",
        "time",
        "status",
        "source",
        "cost",
        "unserved_mwh",
        "setpoints",
        "prices",
        "binding",
        "certificate",
        "solve_ms",
    ];
    let latest = j.get("/api/v1/dispatch/latest", "/api/v1/dispatch/latest", &parts);
    let of_seq = j.get("/api/v1/dispatch/{seq}", &api(&format!("/dispatch/{}", latest["seq"])), &parts);
    assert_eq!(of_seq, latest, "a schedule out of the journal is the one that was in force");
    assert!(!latest["setpoints"].as_array().unwrap().is_empty(), "{latest}");

    let parts = ["seq", "time", "step_minutes", "sources", "stores", "mains", "consumers", "prices"];
    let plan = j.get("/api/v1/dispatch/plan", "/api/v1/dispatch/plan", &parts);
    let steps = plan["step_minutes"].as_array().unwrap().len();
    let boiler = plan["sources"]["north.b1"].as_array().unwrap();
    assert!(boiler.len() == steps && boiler[0].as_f64().unwrap() > 0.1, "north.b1 makes heat: {plan}");
    let mw = |list: &Value| list.as_object().unwrap().values().map(|s| s[0].as_f64().unwrap()).sum::<f64>();
    let served: f64 = plan["consumers"].as_object().unwrap().values().map(|c| c["served"][0].as_f64().unwrap()).sum();
    assert!((mw(&plan["sources"]) - served).abs() < 0.3 * served, "what is made is what is served and lost: {plan}");
    let parts = ["seq", "prices", "short", "worth", "changes", "sentences"];
    let explanation = j.get("/api/v1/dispatch/explanation", "/api/v1/dispatch/explanation", &parts);
    assert!(!explanation["sentences"].as_array().unwrap().is_empty(), "{explanation}");
    assert!(explanation["seq"].as_u64() >= plan["seq"].as_u64(), "{explanation}");

    let wish = json!({ "plant": "north", "setpoint": "north.tracing.cap-sp", "value": 1.9, "reason": "contract" });
    let key = format!("contract-{}-{to}", std::process::id());
    let command = j.call("post", "/api/v1/commands", "/api/v1/commands", Some(&wish), &key, &["id"]);
    let again = j.call("post", "/api/v1/commands", "/api/v1/commands", Some(&wish), &key, &["id"]);
    assert_eq!(command, again, "a repeated key is the same command");
    let path = api(&format!("/commands/{}", command["id"].as_str().unwrap()));
    wait_until("the command is done", Duration::from_secs(15), || {
        // A replica that follows knows of it once it has read the leader's journal.
        j.demo.try_get(&path)?;
        let state = j.get("/api/v1/commands/{id}", &path, &["id", "state", "refusal", "readback"]);
        if state["state"] == "done" { Ok(()) } else { Err(state.to_string()) }
    });
    let parts = ["seq", "prev_hash", "hash", "epoch", "time", "kind", "schema", "body"];
    let entries = j.get("/api/v1/journal", "/api/v1/journal?from=2&limit=50", &parts);
    assert_eq!((entries[0]["seq"].as_u64(), entries[1]["prev_hash"].as_str()), (Some(2), entries[0]["hash"].as_str()));
    j.get("/api/v1/journal/head", "/api/v1/journal/head", &["seq", "hash"]);
    j.get("/api/v1/commands", "/api/v1/commands?plant=north", &["commands"]);
    j.get("/api/v1/plants/{id}/mimic", "/api/v1/plants/north/mimic", &[]);
    j.get("/api/v1/subagents", "/api/v1/subagents", &["subagents"]);
    // A source that trips raises an alarm; whoever takes note of it says which raising was seen.
    j.demo.inject("north", &["trip", "chp1"]);
    let (raised, _) = wait_until("the trip's alarm is raised", Duration::from_secs(20), || {
        let list = j.demo.try_get("/api/v1/alarms")?;
        let trip = list["alarms"].as_array().and_then(|all| all.iter().find(|a| a["id"] == "trip:north.chp1")).cloned();
        trip.filter(|a| a["state"] == "unacknowledged").ok_or_else(|| list.to_string())
    });
    for field in ["id", "plant", "priority", "state", "text", "runbook", "raised", "acknowledged_by"] {
        assert!(raised.get(field).is_some(), "{field} in {raised}");
    }
    let page = format!("/api/v1/runbooks/{}", raised["runbook"].as_str().expect("a trip names its page"));
    j.get("/api/v1/runbooks/{id}", &page, &["id", "text", "front_matter"]);
    let route = "/api/v1/alarms/{id}/acknowledge";
    let path = route.replace("{id}", "trip:north.chp1");
    let seen = json!({ "raised": raised["raised"] });
    j.call("post", route, &path, Some(&seen), "", &["id"]);
    let noted =
        |a: &Value| a["id"] == "trip:north.chp1" && a["state"] == "acknowledged" && a["acknowledged_by"].is_string();
    // The leader took note; a replica that follows shows it once it has read the leader's journal.
    wait_until("the acknowledgement is shown", Duration::from_secs(15), || {
        let list = j.get("/api/v1/alarms", "/api/v1/alarms", &["alarms"]);
        if list["alarms"].as_array().unwrap().iter().any(noted) { Ok(()) } else { Err(list.to_string()) }
    });
    j.demo.inject("north", &["restore", "chp1"]);
    for path in ["/api/v1/health/live", "/api/v1/health/ready"] {
        let health = j.get(path, path, &["status", "checks"]);
        let root = &path["/api/v1".len()..];
        assert_eq!(j.get(root, root, &["status", "checks"])["status"], health["status"], "at the root too");
    }
    let ready = demo.get("/health/ready");
    assert!(ready["checks"]["plants"]["ok"] == true && ready["checks"]["plants"]["detail"].is_string(), "{ready}");
    assert!(ready["checks"]["journal"]["ok"] == true && ready["checks"]["journal"]["detail"].is_string(), "{ready}");
    j.get("/api/v1/openapi.json", "/api/v1/openapi.json", &["openapi", "paths"]);
    let login = demo.endpoints()["login"].clone();
    j.call("post", "/api/v1/session", "/api/v1/session", Some(&login), "", &["token", "expires"]);
    assert!(j.times > 10, "only {} times were looked at", j.times);

    // Signing out has no body, the socket is no answer, and the metrics are no JSON; all else was called.
    for (route, item) in j.document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "delete"].iter().filter(|m| item.get(**m).is_some()) {
            let known = format!("{method} {route}");
            let apart = ["delete /api/v1/session", "get /api/v1/live", "get /metrics"].contains(&known.as_str());
            assert!(apart || j.judged.contains(&known), "{known} was not judged");
        }
    }
}

#[test]
fn a_refused_request_is_a_problem_with_a_code_and_moves_nothing() {
    let demo = demo();
    let wish =
        |value: f64| json!({ "plant": "north", "setpoint": "north.tracing.cap-sp", "value": value, "reason": "x" });
    let mut unknown = wish(1.8);
    unknown["force"] = json!(true);
    let mut nowhere = wish(1.8);
    nowhere["setpoint"] = json!("north.tracing.cap-ps");
    let mut east = wish(1.8);
    east["plant"] = json!("east");
    let head = demo.get("/api/v1/journal/head")["seq"].as_u64().unwrap();
    for (body, key, status, code, said) in [
        (unknown, "p1", 400, "GL-E-API-INVALID", "force"),
        (wish(1.8), "", 400, "GL-E-API-INVALID", "Idempotency-Key"),
        (wish(1e6), "p2", 422, "GL-E-PARAM-RANGE", "within"),
        (nowhere, "p3", 404, "GL-E-NO-SETPOINT", "north.tracing.cap-sp"),
        (east, "p4", 404, "GL-E-NO-PLANT", "east"),
    ] {
        let (got, problem) = demo.call(Method::POST, "/api/v1/commands", Some(&body), &[("Idempotency-Key", key)]);
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        for field in ["type", "title", "status"] {
            assert!(problem.get(field).is_some(), "{problem}");
        }
    }
    let entries = demo.get(&format!("/api/v1/journal?from={}&limit=1000", head + 1));
    let ordered = |e: &&Value| e["kind"] == "ordered" && e["body"]["orders"][0]["by"].is_object();
    assert_eq!(entries.as_array().unwrap().iter().filter(ordered).count(), 0, "{entries}");
}

#[test]
fn an_edited_journal_is_found_while_the_centre_runs() {
    let _turn = turn();
    let demo = Demo::start(Options::default());
    wait_until("the demo is at rest", Duration::from_secs(60), || at_rest(&demo));
    assert_eq!(demo.metric("gl_audit_chain_valid", &[]), Some(1.0));
    let file = demo.data.join("central/journal.db");
    let edit = "update journal set body = cast(replace(cast(body as text), '1', '2') as blob) where seq = 1";
    block_on(async {
        let mut connection = SqliteConnectOptions::new().filename(&file).connect().await.expect("the file is there");
        let done =
            sqlx::query(edit).execute(&mut connection).await.expect("a person with access to the file may write");
        assert_eq!(done.rows_affected(), 1);
        connection.close().await.expect("it closes");
    });
    let (_, took) =
        wait_until("the edit is found", Duration::from_secs(30), || match demo.metric("gl_audit_chain_valid", &[]) {
            Some(0.0) => Ok(()),
            other => Err(format!("gl_audit_chain_valid is {other:?}")),
        });
    let (status, health) = demo.call(Method::GET, "/health/ready", None, &[]);
    let journal = &health["checks"]["journal"];
    assert_eq!((status, &journal["ok"]), (503, &json!(false)), "{health}");
    assert!(journal["detail"].as_str().unwrap().contains("GL-E-AUDIT-CHAIN-BROKEN"), "{health}");
    let folder = demo.data.join("central");
    let mut verify = program("hypocaust-central");
    let output = run(verify.args(["journal", "verify", "--data"]).arg(&folder), Duration::from_secs(20));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("entry 1"), "{}", text(&output));
    say(&format!("an edited first entry was found after {:.1} s", took.as_secs_f64()));
}
