//! Wrong input from outside: every program answers with the right exit code and a sentence that helps.

use hypocaust_tests::harness::{program, run, small_fleet, text};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

fn call(name: &str, args: &[&str]) -> Output {
    run(program(name).args(args), Duration::from_secs(20))
}

#[track_caller]
fn says(output: &Output, code: i32, needles: &[&str]) {
    let said = text(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for needle in needles {
        assert!(said.contains(needle), "it does not say {needle:?}:\n{said}");
    }
}

/// The small fleet with `from` replaced by `to` in one file.
fn changed(file: &str, from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("plants")).unwrap();
    for name in ["fleet.toml", "plants/north.toml", "plants/south.toml"] {
        let mut text = std::fs::read_to_string(small_fleet().join(name)).unwrap();
        if name == file {
            assert!(text.contains(from), "{file} has no {from:?} any more: this test must follow it");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn wrong_usage_is_2_and_names_what_is_wrong() {
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge", "hypocaust-optimizer"] {
        says(&call(name, &["frobnicate"]), 2, &["frobnicate", "--help"]);
    }
    says(&call("hypocaust-sim", &["plants", "x", "--spede", "3"]), 2, &["--spede"]);
    says(&call("hypocaust-edge", &["run"]), 2, &["--plant"]);
    says(&call("hypocaust-sim", &["demo", "--port", "99999"]), 2, &["99999"]);
}

#[test]
fn what_cannot_be_tried_is_3() {
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"] {
        says(&call(name, &["check", "/nowhere/at/all"]), 3, &["/nowhere/at/all", "fleet.toml"]);
    }
    says(&call("hypocaust-optimizer", &["solve", "/nowhere/case.json"]), 3, &["/nowhere/case.json"]);
    says(&call("hypocaust-central", &["journal", "verify", "--data", "/nowhere/at/all"]), 3, &["/nowhere/at/all"]);
    // Port 1 is nobody's control socket.
    let inject = ["inject", "--control", "127.0.0.1:1", "--plant", "north", "trip", "b1"];
    says(&call("hypocaust-sim", &inject), 3, &["127.0.0.1:1"]);
}

#[test]
fn a_wrong_fleet_is_1_with_file_line_and_what_to_write() {
    let folder = changed("plants/north.toml", "class = \"production\"", "class = \"prodution\"");
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"] {
        says(&call(name, &["check", shown(folder.path())]), 1, &["plants/north.toml:", "prodution", "production"]);
    }
    let data = folder.path().join("data");
    let demo = ["demo", "--ports", "auto", "--fleet", shown(folder.path()), "--data", shown(&data)];
    says(&call("hypocaust-sim", &demo), 1, &["plants/north.toml:", "prodution"]);
}

#[test]
fn the_small_fleet_passes_every_program() {
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"] {
        says(&call(name, &["check", shown(&small_fleet())]), 0, &[]);
    }
}
