use super::*;
use crate::model::{BadReason, Millis, PlantId, Quality};
use proptest::prelude::*;
use serde_json::{Value, json};

const TIME: &str = "2026-01-31T12:00:00.250Z";

fn register() -> Value {
    json!({"schema": "register/1", "time": TIME, "agent": "GL-018", "version": "1.2", "capabilities": ["flue-gas"]})
}

fn beat() -> Value {
    json!({"schema": "heartbeat/1", "time": TIME, "agent": "GL-002", "boot": 7, "success_ratio": 0.5})
}

fn report() -> Value {
    json!({"schema": "result/1", "time": TIME, "agent": "GL-100", "task": "3-9", "outcome": "done",
        "values": {"stack-loss": {"value": 8.2, "unit": "%", "quality": "good"}}, "reason": null})
}

fn task() -> Value {
    json!({"schema": "task/1", "id": "3-9", "correlation": "3-9", "causation": "journal/12", "agent": "GL-018",
        "plant": "north", "epoch": 3, "issued": TIME, "deadline": TIME, "kind": "flue-gas", "subject": "north.b1",
        "inputs": {"o2": {"value": 3.1, "unit": "%", "quality": "good"},
            "co": {"value": null, "unit": "ppm", "quality": "bad", "reason": "device-error"}}})
}

fn read(message: &Value) -> Result<Coordination, String> {
    Coordination::read(message.to_string().as_bytes()).map_err(|e| e.to_string())
}

/// The message with one of its fields changed, or taken out.
fn with(mut message: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let object = message.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(key.to_owned(), value),
        None => object.remove(key),
    };
    message
}

#[test]
fn ids_are_of_sub_agents_alone() {
    for good in ["GL-002", "GL-018", "GL-100"] {
        assert_eq!(good.parse::<AgentId>().unwrap().to_string(), good);
    }
    for bad in ["GL-001", "GL-101", "GL-2", "gl-002", "GL-0002", "GL-1OO", "", "GL-+12"] {
        assert!(bad.parse::<AgentId>().is_err(), "{bad}");
    }
    assert_eq!("GL-023".parse::<AgentId>().unwrap().topic(), "agent.gl-023");
    assert_eq!(AgentId::all().count(), 99);
}

#[test]
fn each_message_is_read_as_the_contract_has_it_and_written_as_it_was() {
    for message in [register(), beat(), report()] {
        let read = read(&message).unwrap();
        let again: Value = serde_json::from_slice(&read.record()).unwrap();
        assert_eq!(again, message);
    }
    let read = Task::read(task().to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&read.record()).unwrap(), task());
    assert_eq!((read.good("o2"), read.good("co"), read.good("nox")), (Some(3.1), None, None));
    assert_eq!(read.issued.0, Millis(1_769_860_800_250));
}

#[test]
fn what_is_no_message_is_answered_with_its_place() {
    let cases = [
        (json!({"agent": "GL-002"}), "has no `schema`"),
        (
            with(beat(), "/schema", Some(json!("heartbeat/2"))),
            "\"heartbeat/2\" is not known here; write one of register/1",
        ),
        (with(beat(), "/boot", None), "missing field `boot`"),
        (with(beat(), "/mood", Some(json!("fine"))), "unknown field `mood`"),
        (with(beat(), "/agent", Some(json!("GL-001"))), "'GL-001' is no sub-agent"),
        (with(beat(), "/boot", Some(json!(-1))), "invalid value: integer `-1`"),
        (with(beat(), "/success_ratio", Some(json!(1.5))), "`success_ratio` of the message heartbeat/1: 1.5"),
        (with(beat(), "/time", Some(json!("yesterday"))), "'yesterday' is no time"),
        (with(register(), "/version", Some(json!(""))), "`version` of the message register/1"),
        (with(report(), "/outcome", Some(json!("maybe"))), "unknown variant `maybe`"),
        (with(report(), "/values/stack-loss/value", Some(json!(null))), "`values.stack-loss` of the message result/1"),
        (with(report(), "/values/stack-loss/unit", Some(json!(""))), "a unit has 1 to 16 letters"),
        (with(report(), "/values/stack-loss/quality", Some(json!("fair"))), "unknown variant `fair`"),
        (with(report(), "/values", Some(json!({}))), "an answer that is done has values"),
        (with(report(), "/outcome", Some(json!("cannot-tell"))), "`reason` of the message result/1"),
    ];
    for (message, words) in cases {
        let said = read(&message).expect_err(&message.to_string());
        assert!(said.contains(words), "{message}: {said}");
    }
    for text in ["", "{", "[1]", "null", "\u{feff}{}"] {
        assert!(Coordination::read(text.as_bytes()).is_err(), "{text}");
    }
    let large = with(register(), "/version", Some(json!("x".repeat(300_000))));
    assert!(read(&large).expect_err("too large").contains("bytes is no message"));
    // 1e999 is JSON and no number of ours.
    let huge = report().to_string().replace("8.2", "1e999");
    assert!(Coordination::read(huge.as_bytes()).is_err());
    for (field, value) in [("/kind", json!("alchemy")), ("/plant", json!("NORTH")), ("/epoch", json!("3"))] {
        assert!(Task::read(with(task(), field, Some(value)).to_string().as_bytes()).is_err(), "{field}");
    }
}

#[test]
fn only_what_may_be_used_travels_as_a_number() {
    let number = |quality: &Quality| Number::measured(Some(3.0), "%", quality);
    assert_eq!(number(&Quality::Good), Number::good(3.0, "%"));
    let stale = number(&Quality::Bad(BadReason::Stale));
    assert_eq!((stale.value, stale.quality, stale.reason.as_deref()), (None, Mark::Bad, Some("stale")));
    let doubtful = number(&Quality::Uncertain(BadReason::OutOfRange));
    assert_eq!((doubtful.value, doubtful.quality), (Some(3.0), Mark::Uncertain));
    assert_eq!(Number::measured(None, "%", &Quality::Good).quality, Mark::Bad);
}

#[test]
fn every_kind_has_an_agent_of_its_own_and_bounds_that_hold_something() {
    for kind in Kind::ALL {
        assert_eq!(Kind::of(kind.agent()), Some(kind));
        assert!(kind.outputs().iter().all(|o| o.min < o.max) && kind.outputs().iter().any(|o| o.required));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
    assert_eq!(Kind::HeatLoad.output("b1.load").unwrap().unit, "MW");
    assert_eq!(Kind::HeatLoad.output("b1.colour"), None);
    assert_eq!(Kind::of("GL-099".parse().unwrap()), None);
}

fn number() -> impl Strategy<Value = Number> {
    (any::<f64>(), "[a-zA-Z%/0-9]{1,16}", 0..3u8, prop::option::of(".{0,20}")).prop_map(
        |(value, unit, mark, reason)| {
            let quality = [Mark::Good, Mark::Uncertain, Mark::Bad][usize::from(mark)];
            let value = Some(value).filter(|v| v.is_finite());
            Number { value, unit, quality: if value.is_some() { quality } else { Mark::Bad }, reason }
        },
    )
}

fn time() -> impl Strategy<Value = Time> {
    (0..4_000_000_000_000i64).prop_map(|ms| Time(Millis(ms)))
}

fn agent() -> impl Strategy<Value = AgentId> {
    (2..=100u8).prop_map(|n| AgentId::new(n).unwrap())
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back_the_same(
        time in time(),
        agent in agent(),
        boot in any::<u64>(),
        success_ratio in 0.0..=1.0f64,
        values in prop::collection::btree_map("[a-z0-9.-]{1,20}", number(), 1..8),
        reason in prop::option::of("[a-z ]{1,40}"),
        version in "[0-9.]{1,10}",
    ) {
        let messages = [
            Coordination::Register(Register {
                schema: Register::SCHEMA.into(), time, agent, version, capabilities: vec!["a".into()],
            }),
            Coordination::Heartbeat(Heartbeat { schema: Heartbeat::SCHEMA.into(), time, agent, boot, success_ratio }),
            Coordination::Report(Report {
                schema: Report::SCHEMA.into(), time, agent, task: "1-1".into(), outcome: Outcome::Done,
                values: values.clone(), reason,
            }),
        ];
        for message in messages {
            let back = Coordination::read(&message.record()).unwrap();
            prop_assert_eq!(back.agent(), agent);
            prop_assert_eq!(back, message);
        }
        let task = Task {
            schema: Task::SCHEMA.into(), id: "1-1".into(), correlation: "c".into(), causation: "journal/1".into(), agent,
            plant: PlantId::new("north").unwrap(), epoch: boot, issued: time, deadline: time, kind: Kind::FlueGas,
            subject: "north.b1".into(), inputs: values,
        };
        prop_assert_eq!(Task::read(&task.record()).unwrap(), task);
    }

    #[test]
    fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..300) {
        let _ = Coordination::read(&bytes);
        let whole = report().to_string();
        let _ = Coordination::read(&whole.as_bytes()[..cut.min(whole.len())]);
        let _ = Task::read(&bytes);
    }
}
