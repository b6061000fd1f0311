//! The JSON Schemas of a case file and of a result, for editors and for programs that write the one and read the other.
//!
//! A schema says what one value tells: fields, their types, of a case their bounds. That ids point somewhere and that
//! series are as long as the horizon only `validate` knows of a case, and `check` of a result; whatever a schema refuses,
//! the reader refuses too (`tests/suite/schema.rs` and `tests/suite/result_schema.rs` hold the two together, field by
//! field).

mod case;
mod result;

pub use case::case;
pub use result::result;

use serde_json::{Map, Value, json};

/// Draft 7, which the editors know, as for the fleet's files.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// A field of a table.
struct Field {
    name: &'static str,
    value: Value,
    needed: bool,
}

fn needed(name: &'static str, about: &str, value: Value) -> Field {
    Field { name, value: described(value, about), needed: true }
}

fn optional(name: &'static str, about: &str, value: Value) -> Field {
    Field { name, value: described(value, about), needed: false }
}

fn described(mut value: Value, about: &str) -> Value {
    if let Value::Object(map) = &mut value {
        map.insert("description".to_owned(), json!(about));
    }
    value
}

fn text() -> Value {
    json!({ "type": "string" })
}

/// A number within bounds; either may be missing.
fn number(least: Option<f64>, most: Option<f64>) -> Value {
    let mut schema = Map::from_iter([("type".to_owned(), json!("number"))]);
    schema.extend(least.map(|least| ("minimum".to_owned(), json!(least))));
    schema.extend(most.map(|most| ("maximum".to_owned(), json!(most))));
    Value::Object(schema)
}

fn above_zero() -> Value {
    json!({ "type": "number", "exclusiveMinimum": 0 })
}

/// A number that holds in every step, or one per step.
fn series(least: Option<f64>, most: Option<f64>) -> Value {
    let one = number(least, most);
    json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
}

fn or_null(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn table(fields: Vec<Field>) -> Value {
    let needed: Vec<&str> = fields.iter().filter(|field| field.needed).map(|field| field.name).collect();
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), field.value.clone())).collect();
    json!({ "type": "object", "additionalProperties": false, "required": needed, "properties": properties })
}

fn list(fields: Vec<Field>) -> Value {
    json!({ "type": "array", "items": table(fields) })
}

/// A file of this shape.
fn document(title: &str, fields: Vec<Field>) -> Value {
    let mut schema = Map::from_iter([("$schema".to_owned(), json!(DRAFT)), ("title".to_owned(), json!(title))]);
    if let Value::Object(rest) = table(fields) {
        schema.extend(rest);
    }
    Value::Object(schema)
}
