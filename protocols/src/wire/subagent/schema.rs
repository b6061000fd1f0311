//! The messages as an AsyncAPI 3 document with their JSON Schemas, seen from a sub-agent: it *sends* on the coordination
//! topic and *receives* its tasks.

use super::{COORDINATION, Heartbeat, Kind, Register, Report, Task};
use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Schemas by name, with those that they use.
struct Schemas(Map<String, Value>);

impl Schemas {
    fn add<T: ToSchema + PartialSchema>(&mut self, schema: Option<&'static str>) {
        let mut used: Vec<(String, RefOr<Schema>)> = Vec::new();
        T::schemas(&mut used);
        used.push((T::name().into_owned(), T::schema()));
        for (name, schema) in used {
            let value = serde_json::to_value(schema).expect("a schema has a JSON form");
            self.0.entry(name).or_insert(value);
        }
        if let (Some(schema), Some(own)) = (schema, self.0.get_mut(T::name().as_ref())) {
            own["properties"]["schema"] = json!({ "const": schema });
        }
    }
}

fn message(name: &str, schema: &str, summary: &str) -> Value {
    json!({
        "name": schema,
        "summary": summary,
        "contentType": "application/json",
        "payload": { "$ref": format!("#/components/schemas/{name}") },
    })
}

/// The document.
pub fn document() -> Value {
    let mut schemas = Schemas(Map::new());
    schemas.add::<Task>(Some(Task::SCHEMA));
    schemas.add::<Register>(Some(Register::SCHEMA));
    schemas.add::<Heartbeat>(Some(Heartbeat::SCHEMA));
    schemas.add::<Report>(Some(Report::SCHEMA));
    let kinds: Map<String, Value> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let outputs = kind
                .outputs()
                .iter()
                .map(|o| json!({ "name": o.name, "unit": o.unit, "min": o.min, "max": o.max, "required": o.required }));
            let outputs: Vec<Value> = outputs.collect();
            (kind.name().to_owned(), json!({ "agent": kind.agent(), "outputs": outputs }))
        })
        .collect();
    let send = |name: &str| {
        json!({
            "action": "send",
            "channel": { "$ref": "#/channels/coordination" },
            "messages": [{ "$ref": format!("#/channels/coordination/messages/{name}") }],
        })
    };
    let by = |name: &str| json!({ "$ref": format!("#/components/messages/{name}") });
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sub-agents of Hypocaust",
            "version": "1.0.0",
            "description": "What a sub-agent and the centre say to each other over Kafka. docs/subagents.md tells how to write one.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "coordination": {
                "address": COORDINATION,
                "description": "The record's key is the agent's id, so that the messages of one agent stay in order.",
                "messages": { "register": by("register"), "heartbeat": by("heartbeat"), "result": by("result") },
            },
            "tasks": {
                "address": "agent.gl-{number}",
                "description": "A topic for each agent.",
                "parameters": { "number": { "description": "Three digits of the agent's id, 002 to 100." } },
                "messages": { "task": by("task") },
            },
        },
        "operations": {
            "register": send("register"),
            "beat": send("heartbeat"),
            "answer": send("result"),
            "work": {
                "action": "receive",
                "channel": { "$ref": "#/channels/tasks" },
                "messages": [{ "$ref": "#/channels/tasks/messages/task" }],
            },
        },
        "components": {
            "messages": {
                "task": message("Task", Task::SCHEMA, "What an agent is asked."),
                "register": message("Register", Register::SCHEMA, "An agent is there; before each heartbeat."),
                "heartbeat": message("Heartbeat", Heartbeat::SCHEMA, "An agent lives; every 10 s."),
                "result": message("Report", Report::SCHEMA, "What came of a task."),
            },
            "schemas": schemas.0,
        },
        "x-kinds": kinds,
    })
}
