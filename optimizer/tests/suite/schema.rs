//! The published schema and the reader say the same of a case, as far as one value tells.

use std::collections::BTreeSet;

use hypocaust_optimizer::generate::{Recipe, generate};
use hypocaust_optimizer::{Case, schema};
use jsonschema::Validator;
use serde_json::{Value, json};

#[path = "../../../tests/src/harness/fields.rs"]
pub mod fields;
#[path = "../../../tests/src/harness/published.rs"]
pub mod published;
use fields::{fields, table};

/// By these a unit asks for different things.
pub const KINDS: [&str; 2] = ["kind", "mode"];

fn validator() -> Validator {
    jsonschema::validator_for(&schema::case()).expect("the schema is a JSON Schema")
}

/// What does not fit, and where.
pub fn faults(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

fn refused_by_reader(case: &Value) -> bool {
    Case::from_json(&case.to_string()).is_err()
}

/// A case in which every field of the format is written.
pub fn whole() -> Value {
    let mut case = serde_json::to_value(generate(Recipe::new(6, 2, 1)).unwrap()).unwrap();
    case["previous"] = json!({ "p0.b1": 3.0 });
    case["expect"] = json!({ "cost": 1.0 });
    case["units"][0]["must_run"] = json!([1.0, 0.5]);
    case["demands"][0]["sheddable"] = json!(0.2);
    case["headers"][0]["reserve"] = json!({ "mw": [1.0, 2.0], "minutes": 10.0, "price": 30.0 });
    case["units"][0]["initial"] = json!({ "heat_mw": 3.0, "on": true, "hours": 2.0 });
    case["units"][0]["outages"] = json!([{ "from_step": 1, "to_step": 2, "available": 0.5 }]);
    case["storages"][0]["final"] = json!({ "value_per_mwh": 12.0 });
    case["storages"][1]["final"] = json!(1.0);
    let link = &mut case["links"][0];
    (link["delay_steps"], link["credit_per_mwh"]) = (json!(1), json!(20.0));
    (link["forward_before"], link["reverse_before"]) = (json!([0.1]), json!([0.0]));
    let unit = |id: &str, kind: &str, figures: Value| {
        let mut unit =
            json!({ "id": id, "kind": kind, "plant": "p0", "carrier": "gas", "header": "p0.s", "heat_max": 4.0 });
        unit.as_object_mut().unwrap().extend(figures.as_object().unwrap().clone());
        unit
    };
    let more = [
        unit("curve", "boiler", json!({ "segments": [{ "heat": 4.0, "input_per_heat": [1.1, 1.2] }] })),
        unit(
            "turbine",
            "chp",
            json!({ "mode": "extraction", "condensing_eff": 0.4, "power_loss": 0.15, "power_to_heat": 0.5, "power_max": 5.0 }),
        ),
        unit(
            "region",
            "chp",
            json!({ "mode": "region", "region": [{ "heat": 4.0, "power": 2.0, "fuel": 8.0 }, { "heat": 0.0, "power": 1.0, "fuel": 3.0 }] }),
        ),
    ];
    case["units"].as_array_mut().unwrap().extend(more);
    case
}

#[test]
fn the_published_copy_is_what_the_code_says() {
    let copy = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/schemas/heatcase.schema.json");
    published::is_current(copy, &schema::case());
}

#[test]
fn every_sample_fits() {
    let validator = validator();
    let mut samples = vec![whole()];
    for text in [include_str!("../cases/bench-p4-t24-s1.json"), include_str!("../cases/priority-trap.json")] {
        samples.push(serde_json::from_str(text).unwrap());
    }
    for conflict in [false, true] {
        samples.push(serde_json::to_value(generate(Recipe { conflict, ..Recipe::new(5, 5, 3) }).unwrap()).unwrap());
    }
    for sample in samples {
        let wrong = faults(&validator, &sample);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", sample["name"]);
        assert!(!refused_by_reader(&sample));
    }
}

#[test]
fn what_is_broken_in_a_case_is_refused_by_both() {
    let (whole, validator) = (whole(), validator());
    let paths = fields(&whole, &KINDS);
    assert!(paths.len() > 80, "{}", paths.len());
    for path in paths.iter().filter(|path| path[0] != "expect" || path.len() == 1) {
        let (key, parent) = path.split_last().expect("a field has a name");
        let shown = path.join(".");
        let change = |how: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut changed = whole.clone();
            how(table(&mut changed, parent));
            (validator.is_valid(&changed), refused_by_reader(&changed))
        };
        if key != "expect" {
            let (fits, refused) = change(&|t| {
                // Only one field is a flag.
                let other = if t[key.as_str()].is_boolean() { json!("yes") } else { json!(true) };
                t.insert(key.clone(), other);
            });
            assert!(!fits && refused, "{shown} of another type: fits {fits}, refused {refused}");
        }
        // A key of `previous` is an id: another one is another unit, which no schema can know.
        if parent != ["previous"] {
            let (fits, refused) = change(&|t| {
                let value = t[key.as_str()].clone();
                t.insert(format!("{key}x"), value);
            });
            assert!(!fits && refused, "{shown}x beside {shown}: fits {fits}, refused {refused}");
        }
        let (fits, refused) = change(&|t| {
            t.remove(key);
        });
        assert!(fits || refused, "{shown} missing: the schema alone refuses it");
        assert!(!fits || !refused || beyond_one_table(&path[0], key), "{shown} missing: the reader alone refuses it");
        if let Some(number) = change_of_sign(&whole, path) {
            let (fits, refused) = change(&|t| {
                t.insert(key.clone(), number.clone());
            });
            assert_eq!(!fits, refused, "{shown} at {number}: fits {fits}, refused {refused}");
        }
    }
}

/// A number of the wrong sign in place of a number.
fn change_of_sign(whole: &Value, path: &[String]) -> Option<Value> {
    let value = path.iter().try_fold(whole, |at, part| match at {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })?;
    value.is_number().then(|| json!(-1))
}

/// Without these something else that is named is not there, or one number asks for another: no single table tells.
fn beyond_one_table(list: &str, key: &str) -> bool {
    match list {
        "carriers" => ["price", "buy", "sell"].contains(&key),
        "links" if ["delay_steps", "forward_before", "reverse_before", "credit_per_mwh"].contains(&key) => true,
        _ => ["connections", "links", "storages"].contains(&key),
    }
}

/// A field that the reader knows and the schema does not would be refused by editors; serde names them all.
#[test]
fn the_schema_has_every_field_of_the_reader() {
    let whole = whole();
    let schema = schema::case();
    let count = whole["units"].as_array().unwrap().len();
    let (curve, region) = ((count - 3).to_string(), (count - 1).to_string());
    let places: [(&str, &[&str]); 16] = [
        ("", &[]),
        ("time", &["time"]),
        ("carriers", &["carriers", "0"]),
        ("plants", &["plants", "0"]),
        ("headers", &["headers", "0"]),
        ("connections", &["connections", "0"]),
        ("units", &["units", "0"]),
        ("storages", &["storages", "0"]),
        ("links", &["links", "0"]),
        ("demands", &["demands", "0"]),
        ("initial", &["units", "0", "initial"]),
        ("outages", &["units", "0", "outages", "0"]),
        ("segments", &["units", &curve, "segments", "0"]),
        ("region", &["units", &region, "region", "0"]),
        ("reserve", &["headers", "0", "reserve"]),
        ("final", &["storages", "0", "final"]),
    ];
    for (name, path) in places {
        let mut changed = whole.clone();
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        table(&mut changed, &path).insert("nobody knows this".to_owned(), json!(1));
        let error = Case::from_json(&changed.to_string()).unwrap_err();
        let text = std::error::Error::source(&error).unwrap().to_string();
        // "unknown field `x`, expected one of `a`, `b` at line 1"; of a table with one field "expected `a`".
        let known: BTreeSet<&str> = text.split('`').skip(3).step_by(2).collect();
        let of = match name {
            "" => &schema["properties"],
            "time" => &schema["properties"]["time"]["properties"],
            "initial" => &schema["properties"]["units"]["items"]["properties"]["initial"]["anyOf"][0]["properties"],
            "outages" => &schema["properties"]["units"]["items"]["properties"]["outages"]["items"]["properties"],
            "segments" | "region" => {
                &schema["properties"]["units"]["items"]["properties"][name]["anyOf"][0]["items"]["properties"]
            }
            "reserve" => &schema["properties"]["headers"]["items"]["properties"]["reserve"]["anyOf"][0]["properties"],
            "final" => &schema["properties"]["storages"]["items"]["properties"]["final"]["anyOf"][2]["properties"],
            list => &schema["properties"][list]["items"]["properties"],
        };
        let described: BTreeSet<&str> = of.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known, described, "{name}: {text}");
    }
}
