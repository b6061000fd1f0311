//! What is not a case: every field written wrongly is named with its path, and nothing that can be written makes the program
//! panic, whatever it is.

use std::fmt::Write as _;

use hypocaust_optimizer::{Case, Error, Options, Solution, check, greedy, solve};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::schema::fields::{fields, table};
use crate::schema::{KINDS, whole};

/// What is refused, with its path or paths.
fn refusal(case: &Value) -> Option<String> {
    match Case::from_json(&case.to_string()) {
        Ok(_) => None,
        Err(error @ Error::Parse { .. }) => {
            let source = std::error::Error::source(&error).unwrap().to_string();
            // Where in the text is of no use for a text that nobody has seen.
            let what = source.split(" at line ").next().unwrap_or_default().to_owned();
            Some(format!("{error}: {what}").replace("the file is no heatcase/1: at ", ""))
        }
        Err(Error::Invalid(mistakes)) => {
            Some(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n    "))
        }
        Err(other) => panic!("{other}"),
    }
}

/// As the reader writes a path.
fn shown(path: &[String]) -> String {
    path.iter().fold(String::new(), |mut text, part| {
        if part.parse::<usize>().is_ok() {
            let _ = write!(text, "[{part}]");
        } else {
            let _ = write!(text, "{}{part}", if text.is_empty() { "" } else { "." });
        }
        text
    })
}

/// Every field of every kind of table with a value of the wrong type, below its bounds, and as a name of nothing.
#[test]
fn every_bad_field_is_named_with_its_path() {
    let whole = whole();
    let paths = fields(&whole, &KINDS);
    let mut golden = String::new();
    for path in paths.iter().filter(|path| path[0] != "expect") {
        let (key, parent) = path.split_last().unwrap();
        let was = table(&mut whole.clone(), parent)[key.as_str()].clone();
        let other = if was.is_boolean() { json!("yes") } else { json!(true) };
        let mut values = vec![other.clone()];
        match &was {
            Value::Number(_) => values.extend([json!(-1), json!([1.0, 2.0, 3.0])]),
            Value::Array(items) if items.iter().all(Value::is_number) => values.extend([json!([-1, -1]), json!([1.0])]),
            Value::String(_) => values.push(json!("nothing")),
            _ => {}
        }
        for value in values {
            let mut changed = whole.clone();
            table(&mut changed, parent).insert(key.clone(), value.clone());
            let path = shown(path);
            if let Some(said) = refusal(&changed) {
                // The unit with the wrong kind is named at the figures that its kind does not have.
                let named = said.contains(&path) || said.contains(&shown(parent)) || value == json!("nothing");
                assert!(named, "{path} = {value}: {said}");
                let _ = writeln!(golden, "{path} = {value}\n    {said}");
            }
            assert!(value != other || refusal(&changed).is_some(), "{path} = {value} is taken");
        }
    }
    insta::assert_snapshot!(golden);
}

/// Where a file breaks off its end is named, and what it breaks off in the middle of, of a case and of a result.
#[test]
fn a_file_that_breaks_off_says_where() {
    let case = format!("{:#}", whole());
    let result = format!("{:#}", serde_json::to_value(crate::solved(&crate::trap())).unwrap());
    let said = |text: &str, result: bool| {
        let error = if result { Solution::from_json(text).unwrap_err() } else { Case::from_json(text).unwrap_err() };
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    };
    // After so many characters of the text from here on; nothing, within a list, a word, a number, before a field's value.
    let cuts = [
        ("", 0),
        ("\"steps\"", 4),
        ("\"units\": [", 30),
        ("\"classes\": [", 20),
        ("\"heat_max\":", 12),
        ("\"mode\"", 10),
    ];
    let mut golden = String::new();
    for (from, more) in cuts {
        let at = case.find(from).unwrap_or_else(|| panic!("{from} is not in the case"));
        let _ = writeln!(golden, "{}", said(&case[..at + more], false));
    }
    for from in ["\"certificate\": {", "\"duals\": {", "\"heat\": ["] {
        let at = result.find(from).unwrap_or_else(|| panic!("{from} is not in the result"));
        let _ = writeln!(golden, "{}", said(&result[..at + from.len()], true));
    }
    // What is no JSON, and what comes after a case.
    let _ = writeln!(golden, "{}", said("{\"schema\" 1}", false));
    let _ = writeln!(golden, "{}", said(&format!("{case}}}"), false));
    insta::assert_snapshot!(golden);
    for (text, result) in [(&case, false), (&result, true)] {
        for end in (0..text.len()).step_by(7).filter(|&end| text.is_char_boundary(end)) {
            let error = said(&text[..end], result);
            let lines = text[..end].matches('\n').count() + 1;
            let place = error.contains(&format!("at line {lines} column ")) && error.contains(": the file ends ");
            assert!(place && !error.contains('?'), "after {end}: {error}");
        }
    }
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![Just(-1.0), Just(0.0), Just(1e-300), Just(1e9), Just(1e300), Just(f64::MAX)].prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        prop_oneof![Just("p0"), Just("p1.s"), Just("gas"), Just("power"), Just("chp"), Just("free")]
            .prop_map(Value::from),
        prop::collection::vec(
            prop_oneof![Just(json!(1.0)), Just(json!(null)), Just(json!(-2.5)), Just(json!("x"))],
            0..4
        )
        .prop_map(Value::from),
        Just(json!({})),
        Just(json!({ "heat_mw": 1e12 })),
    ]
}

/// One thing done to a case: where (a draw among all places), what.
#[derive(Clone, Debug)]
enum Harm {
    Replace(prop::sample::Index, Value),
    Remove(prop::sample::Index),
    Add(prop::sample::Index, String, Value),
    Repeat(prop::sample::Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), odd()).prop_map(|(at, value)| Harm::Replace(at, value)),
        1 => at().prop_map(Harm::Remove),
        1 => (at(), "[a-z_]{1,8}", odd()).prop_map(|(at, key, value)| Harm::Add(at, key, value)),
        1 => at().prop_map(Harm::Repeat),
    ]
}

/// Every place of a value, as JSON pointers.
fn places(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| places(inner, format!("{at}/{key}"), out)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, inner)| places(inner, format!("{at}/{i}"), out)),
        _ => {}
    }
    out.push(at);
}

fn harmed(case: &mut Value, harm: Harm) {
    let mut all = Vec::new();
    places(case, String::new(), &mut all);
    match harm {
        Harm::Replace(at, value) => *case.pointer_mut(&all[at.index(all.len())]).unwrap() = value,
        Harm::Add(at, key, value) => {
            if let Some(map) = case.pointer_mut(&all[at.index(all.len())]).and_then(Value::as_object_mut) {
                map.insert(key, value);
            }
        }
        Harm::Remove(at) => {
            let (parent, last) = all[at.index(all.len())].rsplit_once('/').unwrap_or_default();
            match case.pointer_mut(parent) {
                Some(Value::Object(map)) => drop(map.remove(last)),
                Some(Value::Array(items)) => {
                    drop(last.parse().ok().filter(|i| *i < items.len()).map(|i| items.remove(i)))
                }
                _ => {}
            }
        }
        Harm::Repeat(at) => {
            if let Some(Value::Array(items)) = case.pointer_mut(&all[at.index(all.len())]) {
                let twice = items.first().cloned();
                items.extend(twice);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_malformed_case_makes_it_panic(harms in prop::collection::vec(harm(), 1..5), cut in any::<prop::sample::Index>(), whole_text in prop::bool::weighted(0.9)) {
        let mut case = whole();
        for harm in harms {
            harmed(&mut case, harm);
        }
        let mut text = case.to_string();
        if !whole_text {
            let mut at = cut.index(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.truncate(at);
        }
        // What is still a case, however odd its figures, has a schedule or an error; neither is a panic.
        if let Ok(case) = Case::from_json(&text) {
            if case.validate_linear().is_ok() {
                let _ = check(&case, &greedy(&case).unwrap());
            }
            let options = Options { iteration_limit: 20_000, ..Options::default() };
            if let Ok(solution) = solve(&case, &options) {
                let _ = check(&case, &solution);
            }
        }
    }
}
