//! The published schema and the reader say the same of a result, as far as one value tells; and what leaves the optimizer
//! fits it.

use std::collections::BTreeSet;

use hypocaust_optimizer::generate::{Recipe, generate};
use hypocaust_optimizer::{Case, Options, Solution, commit, greedy, schema, solve};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::schema::fields::{fields, table};
use crate::schema::{faults, published};
use crate::small::{boiler, demand, empty};

fn validator() -> Validator {
    jsonschema::validator_for(&schema::result()).expect("the schema is a JSON Schema")
}

fn refused_by_reader(result: &Value) -> bool {
    serde_json::from_str::<Solution>(&result.to_string()).is_err()
}

/// A result in which every field of the format is written: of a small commitment in which somebody is short, with the fields
/// of other results beside them.
fn whole() -> Value {
    let mut case = empty(2);
    case.units = vec![boiler("u", 5.0, 50.0)];
    case.units[0].heat_min = 2.0.into();
    case.demands.push(demand("a", vec![3.0, 6.0]));
    let solution = commit(&case, &Options::default()).unwrap();
    let mut result = serde_json::to_value(&solution).unwrap();
    let series = json!([0.0, 1.0]);
    result["units"]["u"]["reserve"] = series.clone();
    result["units"]["u"]["weights"] = json!([[0.5, 0.5], [1.0, 0.0]]);
    result["reserve_short"] = json!({ "a": series });
    result["connections"] = json!({ "el": { "import": series, "export": series } });
    result["links"] = json!({ "main": { "forward": series, "reverse": series } });
    result["storages"] = json!({ "tank": { "charge": series, "discharge": series, "energy": series } });
    result["slacks"] = json!([{ "kind": "must-run", "owner": "u", "amount": series }]);
    result["solver"]["ms"] = json!(1.5);
    result
}

#[test]
fn the_published_copy_is_what_the_code_says() {
    let copy = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/schemas/heatresult.schema.json");
    published::is_current(copy, &schema::result());
}

/// Of every way to a result: stages, commitment, without a solver; with every kind of unit, in plenty and in shortage, with
/// limits that gave.
#[test]
fn whatever_leaves_the_optimizer_fits() {
    let validator = validator();
    let options = Options::default();
    let mut cases: Vec<Case> = vec![crate::bench(), crate::trap()];
    cases.push(serde_json::from_value(crate::schema::whole()).unwrap());
    for conflict in [false, true] {
        cases.push(generate(Recipe { conflict, ..Recipe::new(3, 4, 3) }).unwrap());
    }
    let mut stuck = empty(1);
    stuck.units = vec![boiler("u", 5.0, 50.0)];
    stuck.demands.push(demand("a", 8.0));
    stuck.demands[0].sheddable = Some(1.0.into());
    cases.push(stuck);
    let (mut gave, mut short) = (0, 0);
    for case in &cases {
        let mut results = vec![solve(case, &options).unwrap(), greedy(case).unwrap()];
        if case.time.steps < 5 && case.units.len() < 30 {
            results.push(commit(case, &options).unwrap());
        }
        for result in results {
            gave += result.slacks.len();
            short += usize::from(result.unserved_mwh.values().sum::<f64>() > 0.1);
            let written = serde_json::to_value(&result).unwrap();
            let wrong = faults(&validator, &written);
            assert!(wrong.is_empty(), "{}: {wrong:#?}", case.name);
            assert!(!refused_by_reader(&written));
        }
    }
    assert!(gave > 1 && short > 2, "{gave} {short}");
}

/// Tables whose keys are ids, so that any key may be there.
fn by_id(path: &[String]) -> bool {
    match path {
        [list] => {
            ["unserved_mwh", "units", "connections", "links", "storages", "demands", "vents", "reserve_short", "prices"]
                .contains(&list.as_str())
        }
        [proofs, _, duals, _] | [_, proofs, _, duals, _] => proofs == "proofs" && duals == "duals",
        _ => false,
    }
}

#[test]
fn what_is_broken_in_a_result_is_refused_by_both() {
    let (whole, validator) = (whole(), validator());
    assert!(faults(&validator, &whole).is_empty() && !refused_by_reader(&whole), "{:?}", faults(&validator, &whole));
    let paths = fields(&whole, &[]);
    assert!(paths.len() > 70, "{}", paths.len());
    for path in &paths {
        let (key, parent) = path.split_last().expect("a field has a name");
        let shown = path.join(".");
        let change = |how: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut changed = whole.clone();
            how(table(&mut changed, parent));
            (validator.is_valid(&changed), refused_by_reader(&changed))
        };
        for other in [json!("yes"), json!(true), json!([["yes"]])] {
            let same = std::mem::discriminant(&table(&mut whole.clone(), parent)[key.as_str()]);
            if same == std::mem::discriminant(&other) && !other.is_array() {
                continue;
            }
            let (fits, refused) = change(&|t| {
                t.insert(key.clone(), other.clone());
            });
            assert!(!fits && refused, "{shown} as {other}: fits {fits}, refused {refused}");
        }
        if !by_id(parent) {
            let (fits, refused) = change(&|t| {
                let value = t[key.as_str()].clone();
                t.insert(format!("{key}x"), value);
            });
            assert!(!fits && refused, "{shown}x beside {shown}: fits {fits}, refused {refused}");
        }
        let (fits, refused) = change(&|t| {
            t.remove(key);
        });
        assert_eq!(!fits, refused, "{shown} missing: fits {fits}, refused {refused}");
    }
}

/// What serde says that it expects where it finds another word, against the schema's.
#[test]
fn the_schema_has_every_word_of_the_reader() {
    let schema = schema::result();
    let (properties, whole) = (&schema["properties"], whole());
    let known = |changed: &Value| -> BTreeSet<String> {
        let text = serde_json::from_str::<Solution>(&changed.to_string()).unwrap_err().to_string();
        // "unknown variant `x`, expected one of `a`, `b` at line 1".
        text.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    };
    let words = |value: &Value| -> BTreeSet<String> {
        value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let mut changed = whole.clone();
    changed["status"] = json!("nobody says so");
    assert_eq!(known(&changed), words(&properties["status"]["enum"]));
    let mut changed = whole.clone();
    changed["slacks"][0]["kind"] = json!("nobody says so");
    assert_eq!(known(&changed), words(&properties["slacks"]["items"]["properties"]["kind"]["enum"]));
    let mut changed = whole;
    changed["proofs"][0]["duals"] = json!({ "nobody says so": {} });
    let rules = properties["proofs"]["items"]["properties"]["duals"]["properties"].as_object().unwrap();
    assert_eq!(known(&changed), rules.keys().cloned().collect());
}

/// A field that the reader knows and the schema does not would be refused by whoever reads by the schema; serde names them all.
#[test]
fn the_schema_has_every_field_of_the_reader() {
    let (schema, whole) = (schema::result(), whole());
    let places: [(&[&str], &str); 15] = [
        (&[], ""),
        (&["stages", "0"], "/properties/stages/items"),
        (&["units", "u"], "/properties/units/additionalProperties"),
        (&["connections", "el"], "/properties/connections/additionalProperties"),
        (&["links", "main"], "/properties/links/additionalProperties"),
        (&["storages", "tank"], "/properties/storages/additionalProperties"),
        (&["demands", "d.a"], "/properties/demands/additionalProperties"),
        (&["slacks", "0"], "/properties/slacks/items"),
        (&["binding", "0"], "/properties/binding/items"),
        (&["certificate"], "/properties/certificate"),
        (&["proofs", "0"], "/properties/proofs/items"),
        (&["commitment"], "/properties/commitment/anyOf/0"),
        (&["commitment", "stages", "0"], "/properties/commitment/anyOf/0/properties/stages/items"),
        (&["commitment", "proofs", "0"], "/properties/commitment/anyOf/0/properties/proofs/items"),
        (&["solver"], "/properties/solver"),
    ];
    for (path, of) in places {
        let mut changed = whole.clone();
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        table(&mut changed, &path).insert("nobody knows this".to_owned(), json!(1));
        let text = serde_json::from_str::<Solution>(&changed.to_string()).unwrap_err().to_string();
        let known: BTreeSet<&str> = text.split('`').skip(3).step_by(2).collect();
        let described = schema.pointer(of).unwrap()["properties"].as_object().unwrap();
        assert_eq!(known, described.keys().map(String::as_str).collect(), "{path:?}: {text}");
    }
}
