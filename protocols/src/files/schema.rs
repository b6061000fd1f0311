//! JSON Schemas of the fleet's files, for editors.
//!
//! Nothing is described here: a [`Sketch`] notes what the readers of the files ask for (which key, of which shape, needed or
//! not, under which condition) when they are run without a file, see [`Reader::sketch`]. What a reader checks beyond one
//! table (names that point somewhere, bounds in order, registers used once) no schema says; whatever a schema refuses, the
//! reader refuses too.
//!
//! Draft 7, which the editors' TOML servers know.

use super::checks::Scope;
use super::reader::Reader;
use super::{fleet, plant};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The files of a fleet's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// `fleet.toml`.
    Fleet,
    /// `plants/*.toml`.
    Plant,
}

impl Document {
    pub const ALL: [Document; 2] = [Document::Fleet, Document::Plant];

    /// As `check --schema NAME` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Document::Fleet => "fleet",
            Document::Plant => "plant",
        }
    }

    /// The document of this name; any other name stands for both.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.name() == name)
    }

    /// What its reader asks for.
    fn sketch(self) -> Value {
        let scope = Scope::default();
        let (reader, sketch) = Reader::sketch(self.name());
        match self {
            Document::Fleet => {
                fleet::read_fleet(reader, &scope, Path::new(""));
            }
            Document::Plant => {
                plant::read(reader, &scope, "plants/a.toml", None, &[], Path::new(""), &|_| true);
            }
        }
        sketch.borrow().schema()
    }
}

/// The schema of one kind of file, or of both: one document that looks at the `schema` key to tell which.
pub fn schema(document: Option<Document>) -> Value {
    match document {
        Some(document) => headed(document.sketch()),
        None => {
            let definitions: Map<String, Value> =
                Document::ALL.into_iter().map(|d| (d.name().to_owned(), d.sketch())).collect();
            let is_fleet = definitions["fleet"]["properties"]["schema"].clone();
            headed(json!({
                "title": "a file of a fleet's folder",
                "type": "object",
                "if": { "properties": { "schema": is_fleet } },
                "then": { "$ref": "#/definitions/fleet" },
                "else": { "$ref": "#/definitions/plant" },
                "definitions": definitions,
            }))
        }
    }
}

fn headed(schema: Value) -> Value {
    let mut headed = Map::from_iter([("$schema".to_owned(), json!(DRAFT))]);
    if let Value::Object(rest) = schema {
        headed.extend(rest);
    }
    Value::Object(headed)
}

/// What a value must be, as far as one value tells.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    Text,
    /// A text of this form (a regular expression over all of it).
    Form(&'static str),
    /// A text of one of these forms.
    Forms(Vec<&'static str>),
    Choice(Vec<String>),
    Number {
        min: f64,
        max: f64,
    },
    Whole {
        min: u64,
        max: u64,
    },
    Flag,
    Numbers,
    Texts,
    Pairs,
    Table(Rc<RefCell<Sketch>>),
    Tables(Rc<RefCell<Sketch>>),
}

impl Shape {
    fn schema(&self) -> Value {
        match self {
            Shape::Text => json!({ "type": "string" }),
            Shape::Form(pattern) => json!({ "type": "string", "pattern": pattern }),
            Shape::Forms(patterns) => {
                let each: Vec<Value> = patterns.iter().map(|pattern| json!({ "pattern": pattern })).collect();
                json!({ "type": "string", "anyOf": each })
            }
            Shape::Choice(words) => json!({ "type": "string", "enum": words }),
            Shape::Number { min, max } => {
                let mut schema = json!({ "type": "number" });
                if min.is_finite() {
                    schema["minimum"] = json!(min);
                }
                if max.is_finite() {
                    schema["maximum"] = json!(max);
                }
                schema
            }
            Shape::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Shape::Flag => json!({ "type": "boolean" }),
            Shape::Numbers => json!({ "type": "array", "items": { "type": "number" } }),
            Shape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Shape::Pairs => json!({
                "type": "array",
                "items": { "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 },
            }),
            Shape::Table(sketch) => sketch.borrow().schema(),
            Shape::Tables(sketch) => json!({ "type": "array", "items": sketch.borrow().schema() }),
        }
    }
}

/// When a part of a table is asked for.
#[derive(Debug, Clone)]
pub(super) enum When {
    /// This key holds this word.
    Is(&'static str, String),
    /// This key holds a text of this form.
    Like(&'static str, &'static str),
    /// One of these keys is there.
    Given(Vec<&'static str>),
    /// None of them is.
    Missing(Vec<&'static str>),
}

impl When {
    fn schema(&self) -> Value {
        match self {
            When::Is(key, word) => json!({ "properties": { *key: { "const": word } }, "required": [key] }),
            When::Like(key, pattern) => json!({ "properties": { *key: { "pattern": pattern } }, "required": [key] }),
            When::Given(keys) => any(keys),
            When::Missing(keys) => json!({ "not": any(keys) }),
        }
    }
}

fn any(keys: &[&'static str]) -> Value {
    json!({ "anyOf": keys.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>() })
}

#[derive(Debug, Clone)]
struct Field {
    key: &'static str,
    shape: Shape,
    needed: bool,
}

/// The fields that are asked for together, and those that hang on a condition.
#[derive(Debug, Clone, Default)]
struct Part {
    fields: Vec<Field>,
    /// Conditions of which one holds, each with its part.
    cases: Vec<Vec<(When, Part)>>,
    rules: Vec<Value>,
}

/// One table, as its reader asks for it.
#[derive(Debug)]
pub(super) struct Sketch {
    what: &'static str,
    /// The part under way last.
    parts: Vec<Part>,
}

impl Sketch {
    pub fn new(what: &'static str) -> Self {
        Self { what, parts: vec![Part::default()] }
    }

    fn part(&mut self) -> &mut Part {
        self.parts.last_mut().expect("the table's own part is never taken away")
    }

    /// A key was asked for. One that is needed once is needed.
    pub fn note(&mut self, key: &'static str, shape: Shape, needed: bool) {
        let fields = &mut self.part().fields;
        match fields.iter_mut().find(|f| f.key == key) {
            Some(field) => field.needed |= needed,
            None => fields.push(Field { key, shape, needed }),
        }
    }

    /// Exactly one of these keys is there.
    pub fn one_of(&mut self, keys: &[&'static str]) {
        let each: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
        self.part().rules.push(json!({ "oneOf": each }));
    }

    /// All of these keys are there, or none.
    pub fn together(&mut self, keys: &[&'static str]) {
        let map: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), json!(keys))).collect();
        self.part().rules.push(json!({ "dependencies": map }));
    }

    /// What is noted until [`Self::end`] hangs on a condition.
    pub fn begin(&mut self) {
        self.parts.push(Part::default());
    }

    pub fn end(&mut self, when: When, first: bool) {
        let part = self.parts.pop().unwrap_or_default();
        let cases = &mut self.part().cases;
        match cases.last_mut() {
            Some(group) if !first => group.push((when, part)),
            _ => cases.push(vec![(when, part)]),
        }
    }

    fn schema(&self) -> Value {
        let part = &self.parts[0];
        let mut schema = json!({ "title": self.what, "type": "object", "additionalProperties": false });
        let mut properties = Map::new();
        for (key, shapes) in part.keys() {
            let mut all: Vec<Value> = shapes.iter().map(Shape::schema).collect();
            all.dedup();
            // Where the shape hangs on a condition, the condition's part says it.
            let shape = if all.len() == 1 { all.remove(0) } else { json!(true) };
            properties.insert(key.to_owned(), shape);
        }
        schema["properties"] = Value::Object(properties);
        part.conditions(&mut schema);
        schema
    }
}

impl Part {
    /// Every key that may be asked for, with its shapes.
    fn keys(&self) -> Vec<(&'static str, Vec<Shape>)> {
        let mut keys: Vec<(&'static str, Vec<Shape>)> = Vec::new();
        let mut add = |key, shapes: Vec<Shape>| match keys.iter_mut().find(|k| k.0 == key) {
            Some(found) => found.1.extend(shapes),
            None => keys.push((key, shapes)),
        };
        for field in &self.fields {
            add(field.key, vec![field.shape.clone()]);
        }
        for (_, part) in self.cases.iter().flatten() {
            for (key, shapes) in part.keys() {
                add(key, shapes);
            }
        }
        keys
    }

    /// What is needed, and what holds under the conditions.
    fn conditions(&self, schema: &mut Value) {
        let needed: Vec<&str> = self.fields.iter().filter(|f| f.needed).map(|f| f.key).collect();
        if !needed.is_empty() {
            schema["required"] = json!(needed);
        }
        let mut all = self.rules.clone();
        for group in &self.cases {
            let mut keys: Vec<&'static str> = group.iter().flat_map(|(_, p)| p.keys()).map(|k| k.0).collect();
            keys.sort_unstable();
            keys.dedup();
            for (when, part) in group {
                let own = part.keys();
                let mut then = json!({});
                let properties: Map<String, Value> = keys
                    .iter()
                    .map(|key| match own.iter().find(|k| k.0 == *key) {
                        Some((_, shapes)) => ((*key).to_owned(), shapes[0].schema()),
                        None => ((*key).to_owned(), json!(false)),
                    })
                    .collect();
                if !properties.is_empty() {
                    then["properties"] = Value::Object(properties);
                }
                part.conditions(&mut then);
                if then != json!({}) {
                    all.push(json!({ "if": when.schema(), "then": then }));
                }
            }
        }
        if !all.is_empty() {
            schema["allOf"] = Value::Array(all);
        }
    }
}
