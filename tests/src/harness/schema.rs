//! Does a JSON value fit a schema of an OpenAPI 3.1 document? Of JSON Schema it knows what such a document of ours uses,
//! and refuses a keyword that it does not know rather than pass over it.

use serde_json::Value;

/// Words that say nothing about validity.
const SILENT: [&str; 6] = ["description", "title", "example", "format", "default", "minimum"];

/// The first thing about `value` that does not fit, with its place.
pub fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    at("", document, schema, value)
}

fn at(place: &str, document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let Some(schema) = schema.as_object() else { return Err(format!("{place}: {schema} is no schema")) };
    for (word, said) in schema {
        match word.as_str() {
            "$ref" => {
                let path = said.as_str().and_then(|r| r.strip_prefix('#')).ok_or_else(|| format!("{place}: {said}"))?;
                let found = document.pointer(path).ok_or_else(|| format!("{place}: the document has no {path}"))?;
                at(place, document, found, value)?;
            }
            "type" => {
                let allowed = said.as_array().cloned().unwrap_or_else(|| vec![said.clone()]);
                if !allowed.iter().any(|t| t.as_str().is_some_and(|t| is(value, t))) {
                    return Err(format!("{place}: {value} is not of type {said}"));
                }
            }
            "required" => {
                for name in said.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if value.is_object() && value.get(name).is_none() {
                        return Err(format!("{place}: '{name}' is missing in {value}"));
                    }
                }
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    match said.get(name) {
                        Some(schema) => at(&format!("{place}/{name}"), document, schema, inner)?,
                        None => return Err(format!("{place}: the document does not know '{name}'")),
                    }
                }
            }
            "additionalProperties" => {
                for (name, inner) in value.as_object().into_iter().flatten().filter(|_| said.is_object()) {
                    at(&format!("{place}/{name}"), document, said, inner)?;
                }
            }
            "items" => {
                if said != false {
                    for (n, inner) in value.as_array().into_iter().flatten().enumerate() {
                        at(&format!("{place}/{n}"), document, said, inner)?;
                    }
                }
            }
            "prefixItems" => {
                let (schemas, values) = (said.as_array().expect("a list"), value.as_array());
                if let Some(values) = values {
                    if values.len() != schemas.len() {
                        return Err(format!("{place}: {value} has not {} items", schemas.len()));
                    }
                    for (n, (schema, inner)) in schemas.iter().zip(values).enumerate() {
                        at(&format!("{place}/{n}"), document, schema, inner)?;
                    }
                }
            }
            "enum" => {
                if !said.as_array().is_some_and(|all| all.contains(value)) {
                    return Err(format!("{place}: {value} is none of {said}"));
                }
            }
            "oneOf" => {
                let tried: Vec<_> =
                    said.as_array().into_iter().flatten().map(|s| at(place, document, s, value)).collect();
                if tried.iter().filter(|t| t.is_ok()).count() != 1 {
                    return Err(format!("{place}: {value} fits not just one of {said}: {tried:?}"));
                }
            }
            "propertyNames" => {}
            word if SILENT.contains(&word) => {}
            word => return Err(format!("{place}: this judge does not know '{word}'")),
        }
    }
    Ok(())
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_refuses_what_does_not_fit() {
        let document = json!({ "components": { "schemas": { "Point": {
            "type": "object", "required": ["x"],
            "properties": { "x": { "type": ["number", "null"] }, "at": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Name" }] } },
        }, "Name": { "type": "string" } } } });
        let schema = json!({ "type": "array", "items": { "$ref": "#/components/schemas/Point" } });
        let judge =
            |value: Value| fits(&document, &schema, &value).map_err(|why| why.split(':').next().unwrap().to_owned());
        assert_eq!(judge(json!([{ "x": 1.5 }, { "x": null, "at": "here" }, { "x": 1, "at": null }])), Ok(()));
        assert_eq!(judge(json!({ "x": 1 })), Err(String::new()));
        assert_eq!(judge(json!([{ "x": "1" }])), Err("/0/x".into()));
        assert_eq!(judge(json!([{ "x": 1 }, {}])), Err("/1".into()), "a missing field");
        assert_eq!(judge(json!([{ "x": 1, "y": 2 }])), Err("/0".into()), "an unknown field");
        assert_eq!(judge(json!([{ "x": 1, "at": 3 }])), Err("/0/at".into()));
        assert!(fits(&document, &json!({ "allOf": [] }), &json!(1)).is_err(), "an unknown keyword");
    }
}
