//! `hypocaust-central user`: its answers, its exit codes, and what it changes in a running centre.

use super::shared::demo;
use hypocaust_tests::harness::{Demo, block_on, program, small_fleet, text};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

const GOOD: &str = "correct horse";

/// Runs the verb; a password goes to standard input.
fn user(data: &Path, words: &[&str], input: &str) -> Output {
    let mut command = program("hypocaust-central");
    command.arg("user").args(words).arg("--data").arg(data).env_remove("HYPOCAUST_FLEET");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Whoever refuses before it asks does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn says(output: &Output, code: i32, needles: &[&str]) {
    let said = text(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for needle in needles {
        assert!(said.contains(needle), "it does not say {needle:?}:\n{said}");
    }
    assert!(!said.contains(GOOD), "it says the password:\n{said}");
}

fn listed(data: &Path) -> Value {
    let output = user(data, &["list", "--json"], "");
    assert!(output.status.success(), "{}", text(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn users_are_added_changed_and_removed_with_the_right_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("central");
    let fleet = small_fleet();
    let fleet = fleet.to_str().unwrap();
    // Nothing is made by asking.
    for words in
        [&["list"][..], &["remove", "ada"], &["role", "ada", "viewer"], &["tokens"], &["token", "ada", "--days", "1"]]
    {
        says(&user(&data, words, ""), 3, &["users.db", "user add"]);
    }
    assert!(!data.exists());

    says(
        &user(&data, &["add", "ada", "--role", "operator"], &format!("{GOOD}\nmore")),
        0,
        &["ada", "operator", "all plants"],
    );
    says(&user(&data, &["add", "ada", "--role", "viewer"], GOOD), 1, &["'ada' already"]);
    says(&user(&data, &["add", "bob", "--role", "viewer"], "short"), 1, &["5 characters", "10"]);
    says(&user(&data, &["add", "bob", "--role", "viewer"], ""), 1, &["0 characters"]);
    says(&user(&data, &["add", "margaret", "--role", "viewer"], "Margaret1984"), 1, &["user's name"]);
    says(&user(&data, &["add", "Bob", "--role", "viewer"], GOOD), 1, &["'Bob'", "a-z"]);
    says(&user(&data, &["add", "bob", "--role", "admin"], GOOD), 2, &["admin", "safety-officer", "administrator"]);
    says(&user(&data, &["add", "bob"], GOOD), 2, &["--role"]);
    // A password is no argument.
    assert_eq!(user(&data, &["add", "bob", "--role", "viewer", "--password", "x"], "").status.code(), Some(2));
    assert_eq!(user(&data, &["add", "bob", "x", "--role", "viewer"], "").status.code(), Some(2));
    let limited = ["add", "nora", "--role", "operator", "--plants", "nort", "--fleet", fleet];
    says(&user(&data, &limited, GOOD), 1, &["nort", "did you mean 'north'?"]);
    says(&user(&data, &["add", "nora", "--role", "operator", "--plants", "north"], GOOD), 2, &["--fleet"]);
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{GOOD}\n")).unwrap();
    let from_file =
        ["add", "nora", "--role", "operator", "--plants", "north,south", "--fleet", fleet, "--password-file"];
    says(&user(&data, &[&from_file[..], &[file.to_str().unwrap()]].concat(), ""), 0, &["north,south"]);
    says(&user(&data, &["password", "nora", "--password-file", "/nowhere/it"], ""), 3, &["/nowhere/it"]);
    says(&user(&data, &["plants", "nora"], ""), 2, &["--all"]);
    says(&user(&data, &["plants", "nora", "--plants", "north", "--fleet", fleet], ""), 0, &["north"]);
    says(&user(&data, &["role", "nora", "engineer"], ""), 0, &["engineer"]);
    says(&user(&data, &["role", "eve", "engineer"], ""), 1, &["eve"]);
    let nora =
        |plants: Value| json!({ "name": "nora", "role": "engineer", "plants": plants, "password": true, "tokens": 0 });
    assert_eq!(listed(&data)[1], nora(json!(["north"])));
    says(&user(&data, &["plants", "nora", "--all"], ""), 0, &["all plants"]);
    assert_eq!(listed(&data)[1], nora(Value::Null));
    says(&user(&data, &["remove", "nora"], ""), 0, &["nora"]);
    says(&user(&data, &["remove", "nora"], ""), 1, &["nora"]);
    assert_eq!(listed(&data).as_array().unwrap().len(), 1);
}

#[test]
fn a_machines_token_is_shown_once_and_can_be_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    says(&user(data, &["add", "scada", "--role", "viewer", "--machine"], ""), 0, &["machine", "user token scada"]);
    for days in ["0", "367", "many"] {
        assert_eq!(user(data, &["token", "scada", "--days", days], "").status.code(), Some(2), "{days}");
    }
    says(&user(data, &["token", "eve", "--days", "1"], ""), 1, &["eve"]);
    let made = user(data, &["token", "scada", "--days", "90", "--label", "trend wall"], "");
    assert!(made.status.success(), "{}", text(&made));
    let token = String::from_utf8(made.stdout).unwrap();
    assert_eq!(token.trim().len(), 70, "the token alone is on standard output: {token}");
    let tokens = user(data, &["tokens", "--json"], "");
    let list: Value = serde_json::from_slice(&tokens.stdout).unwrap();
    let id = list[0]["id"].as_str().unwrap();
    assert_eq!((&list[0]["user"], &list[0]["label"]), (&json!("scada"), &json!("trend wall")));
    assert!(!text(&tokens).contains(token.trim()) && !text(&tokens).contains(&token.trim()[6..]));
    says(&user(data, &["revoke", "scada", "00000000"], ""), 1, &["00000000", "user tokens scada"]);
    says(&user(data, &["revoke", "scada", id], ""), 0, &[id]);
    assert_eq!(String::from_utf8(user(data, &["tokens", "scada"], "").stdout).unwrap(), "");
}

/// Signs in, or the problem's code.
fn sign_in(demo: &Demo, name: &str, password: &str) -> Result<String, String> {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request =
        http.post(format!("{}/api/v1/session", demo.console())).json(&json!({ "user": name, "password": password }));
    let answer: Value = block_on(async { request.send().await.unwrap().json().await.unwrap() });
    match answer["token"].as_str() {
        Some(token) => Ok(token.to_owned()),
        None => Err(answer["code"].as_str().unwrap_or_default().to_owned()),
    }
}

/// A GET with this token: status and body.
fn get(demo: &Demo, token: &str, path: &str) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.get(format!("{}/api/v1{path}", demo.console())).bearer_auth(token);
    block_on(async {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    })
}

#[test]
fn what_the_verb_changes_holds_at_once_in_a_running_centre() {
    let demo = demo();
    let data = demo.data.join("central");
    let fleet = demo.options.fleet.to_str().unwrap().to_owned();
    let done = |words: &[&str], input: &str| says(&user(&data, words, input), 0, &[]);
    // Left over from a run that failed.
    let _ = user(&data, &["remove", "visitor"], "");
    done(&["add", "visitor", "--role", "viewer"], GOOD);
    assert_eq!(sign_in(&demo, "visitor", "wrong horse"), Err("GL-E-API-UNAUTHENTICATED".into()));
    let token = sign_in(&demo, "visitor", GOOD).expect("a user that was just added");
    assert_eq!(get(&demo, &token, "/fleet").1["plants"].as_array().unwrap().len(), 2);
    done(&["plants", "visitor", "--plants", "south", "--fleet", &fleet], "");
    assert_eq!(get(&demo, &token, "/fleet").1["plants"].as_array().unwrap().len(), 1);
    let (status, problem) = get(&demo, &token, "/plants/north");
    assert_eq!((status, problem["code"].as_str()), (403, Some("GL-E-TENANT-ISOLATION")), "{problem}");
    assert_eq!(get(&demo, &token, "/journal").0, 403);
    done(&["password", "visitor"], "another horse");
    assert_eq!(get(&demo, &token, "/fleet").0, 401, "a new password ends the sessions");
    let token = sign_in(&demo, "visitor", "another horse").expect("the new password");
    done(&["remove", "visitor"], "");
    assert_eq!(get(&demo, &token, "/fleet").0, 401);
    assert_eq!(sign_in(&demo, "visitor", "another horse"), Err("GL-E-API-UNAUTHENTICATED".into()));
    // Nothing of it is in the log but that it happened.
    let log = demo.log("central");
    assert!(log.contains("security") && log.contains("a sign-in failed") && log.contains("visitor"), "{log}");
    for secret in [GOOD, "another horse", "wrong horse", token.as_str()] {
        assert!(!log.contains(secret), "the log holds {secret:?}");
    }
}
