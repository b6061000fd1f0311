//! The schemas that editors read say what the reader says: a validator by others accepts every sample and refuses what the
//! reader refuses, as far as one table tells.

use hypocaust_protocols::files::{self, Document};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../tests/src/harness/fields.rs"]
mod fields;
#[path = "../../tests/src/harness/published.rs"]
mod published;
use fields::{fields, table};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn validator(document: Option<Document>) -> Validator {
    jsonschema::validator_for(&files::schema(document)).expect("the schema is a JSON Schema")
}

/// Every file of every sample fleet, with what it is.
fn samples() -> Vec<(PathBuf, Document)> {
    let listed = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths
    };
    let mut all = Vec::new();
    for fleet in listed(&deploy().join("fleets")) {
        all.push((fleet.join("fleet.toml"), Document::Fleet));
        all.extend(listed(&fleet.join("plants")).into_iter().map(|path| (path, Document::Plant)));
    }
    assert!(all.len() >= 3, "{all:?}");
    all
}

fn parsed(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("a sample");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_published_copies_are_what_the_code_says() {
    for document in Document::ALL {
        let copy = deploy().join(format!("schemas/{}.schema.json", document.name()));
        published::is_current(copy, &files::schema(Some(document)));
    }
}

#[test]
fn every_sample_fits_and_names_its_schema() {
    for (path, document) in samples() {
        let sample = parsed(&path);
        for schema in [Some(document), None] {
            let wrong: Vec<String> =
                validator(schema).iter_errors(&sample).map(|e| format!("{} at {}", e, e.instance_path())).collect();
            assert!(wrong.is_empty(), "{}: {wrong:#?}", path.display());
        }
        let text = fs::read_to_string(&path).expect("a sample");
        let named =
            text.lines().next().and_then(|line| line.strip_prefix("#:schema ")).expect("a first line that names it");
        let named = path.parent().expect("a folder").join(named);
        let wanted = deploy().join(format!("schemas/{}.schema.json", document.name()));
        assert_eq!(named.canonicalize().ok(), wanted.canonicalize().ok(), "{}", path.display());
    }
}

#[test]
fn the_schema_of_both_tells_them_apart() {
    let both = validator(None);
    let (fleet, plant) =
        (parsed(&deploy().join("fleets/small/fleet.toml")), parsed(&deploy().join("fleets/small/plants/north.toml")));
    let mut crossed = fleet.clone();
    crossed["schema"] = plant["schema"].clone();
    assert!(both.is_valid(&fleet) && both.is_valid(&plant) && !both.is_valid(&crossed));
}

/// What the reader says of the small fleet with this file in place of its own.
fn refused_by_reader(name: &str, changed: &Value) -> bool {
    let sample = deploy().join("fleets/small");
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("plants")).expect("a folder");
    for file in ["fleet.toml", "plants/north.toml", "plants/south.toml"] {
        let text = if file == name {
            toml::to_string(changed).expect("TOML")
        } else {
            fs::read_to_string(sample.join(file)).expect("a sample")
        };
        fs::write(folder.path().join(file), text).expect("a file");
    }
    files::load(folder.path()).is_err()
}

/// A value of another type.
fn other_type(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(12),
        Value::Bool(_) => json!("yes"),
        _ => json!("a text"),
    }
}

#[test]
fn what_is_broken_in_a_sample_is_refused_by_both() {
    for (name, document) in [
        ("fleet.toml", Document::Fleet),
        ("plants/north.toml", Document::Plant),
        ("plants/south.toml", Document::Plant),
    ] {
        let sample = parsed(&deploy().join("fleets/small").join(name));
        let validator = validator(Some(document));
        let paths = fields(&sample, &["kind", "protocol"]);
        assert!(paths.len() > 30);
        for path in paths {
            let (key, parent) = path.split_last().expect("a field has a name");
            let change = |how: &dyn Fn(&mut serde_json::Map<String, Value>)| {
                let mut changed = sample.clone();
                how(table(&mut changed, parent));
                (validator.is_valid(&changed), refused_by_reader(name, &changed))
            };
            let shown = path.join(".");
            let (fits, refused) = change(&|t| {
                let other = other_type(&t[key.as_str()]);
                t.insert(key.clone(), other);
            });
            assert!(!fits && refused, "{name} {shown} of another type: fits {fits}, refused {refused}");
            let (fits, refused) = change(&|t| {
                let value = t[key.as_str()].clone();
                t.insert(format!("{key}x"), value);
            });
            assert!(!fits && refused, "{name} {shown}x beside {shown}: fits {fits}, refused {refused}");
            // What may be missing is the reader's to say; the schema asks for the same.
            let (fits, refused) = change(&|t| {
                t.remove(key);
            });
            assert!(fits || refused, "{name} without {shown}: the schema alone refuses it");
            assert!(!fits || !refused || beyond_one_table(key), "{name} without {shown}: the reader alone refuses it");
        }
    }
}

/// Without these something else that is named is not there: no single table tells.
fn beyond_one_table(key: &str) -> bool {
    [
        "trip",
        "connection",
        "lhv_mj_per_nm3",
        "carrier",
        "header",
        "source",
        "device",
        "tags",
        "setpoints",
        "main",
        "scan",
        "velocity_per_s",
        "bit",
        "storage",
        "writable",
    ]
    .contains(&key)
}

#[test]
fn words_bounds_and_fields_that_hang_together_are_told_by_both() {
    let north = parsed(&deploy().join("fleets/small/plants/north.toml"));
    let fleet = parsed(&deploy().join("fleets/small/fleet.toml"));
    let plant_is = |what: &str, how: &dyn Fn(&mut Value)| {
        let mut changed = north.clone();
        how(&mut changed);
        assert!(!validator(Some(Document::Plant)).is_valid(&changed), "{what} fits the schema");
        assert!(refused_by_reader("plants/north.toml", &changed), "{what} passes the reader");
    };
    plant_is("a misspelt class", &|p| p["consumer"][0]["class"] = json!("life-safty"));
    plant_is("a misspelt kind", &|p| p["source"][0]["kind"] = json!("boilr"));
    plant_is("a unit nobody knows", &|p| p["tags"][2]["unit"] = json!("psi"));
    plant_is("a negative rating", &|p| p["source"][0]["heat_max_mw"] = json!(-1));
    plant_is("half a vote", &|p| p["trip"][0]["votes"] = json!(1.5));
    plant_is("an id in capitals", &|p| p["consumer"][0]["id"] = json!("Ward"));
    plant_is("a boiler with a COP", &|p| p["source"][0]["cop"] = json!(3.0));
    plant_is("a boiler with a curve and a number", &|p| p["source"][0]["efficiency"] = json!(0.9));
    plant_is("a heat pump with a curve", &|p| {
        let curve = p["source"][0]["efficiency_curve"].clone();
        let pump = p["source"].as_array_mut().and_then(|all| all.iter_mut().find(|s| s["kind"] == "heat-pump"));
        pump.expect("a heat pump")["efficiency_curve"] = curve;
    });
    plant_is("an alarm above and below", &|p| p["alarm"][0]["above"] = json!(20));
    plant_is("a turndown without a setpoint", &|p| p["consumer"][0]["turndown_mw"] = json!(0));
    let mut changed = fleet.clone();
    changed["carrier"][0]["buy"] = json!(40);
    assert!(!validator(Some(Document::Fleet)).is_valid(&changed), "a price and a buying price");
    assert!(refused_by_reader("fleet.toml", &changed));
}
