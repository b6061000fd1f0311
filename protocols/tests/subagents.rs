//! The published document of the sub-agents' messages is the code's, and jsonschema, a validator by others, takes and refuses by
//! it what the code takes and refuses.
#![cfg(feature = "schema")]

use hypocaust_protocols::wire::subagent::{Coordination, Task, document};
use serde_json::{Value, json};

#[path = "../../tests/src/harness/published.rs"]
mod published;

const TIME: &str = "2026-01-31T12:00:00.250Z";

#[test]
fn the_published_copy_is_what_the_code_says() {
    published::is_current(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/subagents.asyncapi.json"), &document());
}

fn messages() -> Vec<Value> {
    let values = json!({"stack-loss": {"value": 8.2, "unit": "%", "quality": "good"}});
    let inputs = json!({"o2": {"value": 3.1, "unit": "%", "quality": "good"},
        "co": {"value": null, "unit": "ppm", "quality": "bad", "reason": "device-error"}});
    vec![
        json!({"schema": "register/1", "time": TIME, "agent": "GL-018", "version": "1.2", "capabilities": ["flue-gas"]}),
        json!({"schema": "heartbeat/1", "time": TIME, "agent": "GL-002", "boot": 7, "success_ratio": 0.5}),
        json!({"schema": "result/1", "time": TIME, "agent": "GL-100", "task": "3-9", "outcome": "done", "values": values,
            "reason": null}),
        json!({"schema": "task/1", "id": "3-9", "correlation": "c", "causation": "journal/12", "agent": "GL-018",
            "plant": "north", "epoch": 3, "issued": TIME, "deadline": TIME, "kind": "flue-gas", "subject": "north.b1",
            "inputs": inputs}),
    ]
}

fn fits(message: &Value) -> bool {
    let document = document();
    let all = document["components"]["messages"].as_object().unwrap();
    let payload = all.values().find(|m| m["name"] == message["schema"]).map(|m| m["payload"]["$ref"].clone());
    let Some(payload) = payload else { return false };
    let schema = json!({"$ref": payload, "components": document["components"]});
    jsonschema::validator_for(&schema).unwrap_or_else(|e| panic!("no schema: {e}")).is_valid(message)
}

fn taken(message: &Value) -> bool {
    let record = message.to_string();
    if message["schema"] == "task/1" {
        Task::read(record.as_bytes()).is_ok()
    } else {
        Coordination::read(record.as_bytes()).is_ok()
    }
}

#[test]
fn the_schemas_take_what_the_code_takes_and_no_field_more_or_less() {
    for message in messages() {
        assert!(fits(&message) && taken(&message), "{message}");
        for key in message.as_object().unwrap().keys() {
            let mut without = message.clone();
            without.as_object_mut().unwrap().remove(key);
            assert_eq!(fits(&without), taken(&without), "{message} without {key}");
            let mut other = message.clone();
            other[key] = json!([[]]);
            assert!(!fits(&other) && !taken(&other), "{message} with a list for {key}");
            let mut more = message.clone();
            more[format!("{key}x")] = json!(1);
            assert!(!fits(&more) && !taken(&more), "{message} with {key}x");
        }
    }
    for agent in ["GL-001", "GL-101", "gl-002"] {
        let mut wrong = messages().swap_remove(1);
        wrong["agent"] = json!(agent);
        assert!(!fits(&wrong) && !taken(&wrong), "{agent}");
    }
}
