//! Schemathesis, by others, asks the running centre everything that its document allows and much that it forbids, and
//! holds each answer against the document: no error of ours, no status, media type, header or shape that is not told,
//! nothing taken that is not allowed, nothing answered without a session.
//!
//! The control gives it a document that does not tell all: it finds that.

use super::shared::{say, turn};
use hypocaust_tests::harness::{Demo, Options, program, python, root, run, text};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// How long it asks, in seconds.
const BUDGET: &str = "75";
/// Its own way through the cases; another one is tried by hand with `HYPOCAUST_SEED`.
const SEED: &str = "20261126";

/// A token for a machine that may do everything: signing in again and again would run into the limit.
fn token(demo: &Demo) -> String {
    let data = demo.data.join("central");
    let user = |words: &[&str]| {
        let mut command = program("hypocaust-central");
        let output = run(command.arg("user").args(words).arg("--data").arg(&data), Duration::from_secs(20));
        assert!(output.status.success(), "{words:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    user(&["add", "judge", "--role", "administrator", "--machine"]);
    user(&["token", "judge", "--days", "1"])
}

/// Lets it ask by this document.
fn judge(demo: &Demo, token: &str, document: &Value, folder: &Path, words: &[&str]) -> Output {
    let file = folder.join("openapi.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let mut command = Command::new(python().with_file_name("st"));
    command.arg("--config-file").arg(root().join("tests/judges/schemathesis.toml"));
    // The socket is no answer; the live pages' own tests look at it.
    command.args(["run", "--url", &demo.leading(), "--exclude-path", "/api/v1/live"]);
    command.args(["--header", &format!("Authorization: Bearer {token}"), "--checks", "all"]);
    command.args(["--no-shrink", "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off"]);
    run(command.args(words).arg(file).current_dir(folder), Duration::from_secs(300))
}

#[test]
fn schemathesis_finds_no_error_of_ours_and_nothing_that_the_document_does_not_tell() {
    let _turn = turn();
    let demo = Demo::start(Options::default());
    let token = token(&demo);
    let document = demo.get("/api/v1/openapi.json");
    let folder = tempfile::tempdir().unwrap();
    let seed = std::env::var("HYPOCAUST_SEED").unwrap_or_else(|_| SEED.into());
    let output = judge(&demo, &token, &document, folder.path(), &["--seed", &seed, "--max-time", BUDGET]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for line in said.lines().filter(|l| l.contains("generated") || l.contains("passed") || l.contains("tested")) {
        say(&format!("schemathesis: {}", line.trim()));
    }
    let ready = demo.get("/health/ready");
    assert_eq!(ready["status"], "ok", "the centre is as well as before: {ready}");

    // The control: a document that keeps back one answer.
    let mut silent = document;
    let answers = silent["paths"]["/api/v1/plants/{id}"]["get"]["responses"].as_object_mut().unwrap();
    answers.remove("404").expect("a plant that there is not is told of");
    let only = ["--seed", &seed, "--max-time", "15", "--include-path", "/api/v1/plants/{id}"];
    let output = judge(&demo, &token, &silent, folder.path(), &only);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("404"), "{}", text(&output));
}
