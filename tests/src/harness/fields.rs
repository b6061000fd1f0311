//! The fields of a document, for tests that break each of them; a file of its own because tests of other crates read it too,
//! without the rest of this one.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The path of every field, once for each kind of table that it stands in: tables that differ in one of the `kinds`, fields
/// by which they ask for different things, are of different kinds.
#[must_use]
pub fn fields(root: &Value, kinds: &[&str]) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    collect(root, kinds, &mut Vec::new(), &mut BTreeSet::new(), &mut out);
    out
}

fn collect(
    value: &Value,
    kinds: &[&str],
    at: &mut Vec<String>,
    seen: &mut BTreeSet<String>,
    out: &mut Vec<Vec<String>>,
) {
    match value {
        Value::Object(map) => {
            let word = |key: &&str| map.get(*key).and_then(Value::as_str).unwrap_or_default();
            let kind = kinds.iter().map(word).collect::<Vec<_>>().join(" ");
            for (key, inner) in map {
                at.push(key.clone());
                let names: Vec<&str> = at.iter().map(String::as_str).filter(|p| p.parse::<usize>().is_err()).collect();
                if seen.insert(format!("{} {kind}", names.join("."))) {
                    out.push(at.clone());
                }
                collect(inner, kinds, at, seen, out);
                at.pop();
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter().enumerate() {
                at.push(i.to_string());
                collect(inner, kinds, at, seen, out);
                at.pop();
            }
        }
        _ => {}
    }
}

/// The table at a path.
pub fn table<'v>(root: &'v mut Value, path: &[String]) -> &'v mut Map<String, Value> {
    let at = path.iter().fold(root, |at, part| match at {
        Value::Array(items) => &mut items[part.parse::<usize>().expect("an index")],
        other => &mut other[part.as_str()],
    });
    at.as_object_mut().expect("a table")
}
