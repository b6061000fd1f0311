//! Wrong input from outside: every program answers with the right exit code and a sentence that helps.

use hypocaust_central::domain::Event;
use hypocaust_central::journal::sqlite::Sqlite;
use hypocaust_central::journal::{Head, Store};
use hypocaust_protocols::model::{FleetId, Millis, PlantId};
use hypocaust_protocols::wire::Mode;
use hypocaust_tests::harness::{block_on, program, root, run, small_fleet, text};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::ops::Range;
use std::path::Path;
use std::process::{Output, Stdio};
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

/// Verbs, arguments and options in a help text without a word of what they are: what stands in brackets is clap's own.
fn wordless(help: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in help.lines() {
        let indent = line.len() - line.trim_start().len();
        match entries.last_mut() {
            // The words of an entry stand beside it or, further in, below it.
            Some(last) if indent >= 10 => last.push_str(line),
            _ if (2..10).contains(&indent) => entries.push(line.to_owned()),
            _ => {}
        }
    }
    let says_nothing = |entry: &String| {
        let mut depth = 0;
        let outside = entry.chars().filter(|c| {
            depth += i32::from(*c == '[') - i32::from(*c == ']');
            depth == 0 && *c != ']'
        });
        let outside: String = outside.collect();
        let is_word = |word: &str| word.starts_with(char::is_alphabetic) || word.starts_with('`');
        let named = usize::from(entry.trim_start().starts_with(char::is_alphabetic));
        outside.split_whitespace().filter(|word| is_word(word)).count() <= named
    };
    entries.into_iter().filter(says_nothing).collect()
}

fn look_for_words(name: &str, verbs: &[&str], seen: &mut usize) {
    let help = call(name, &[verbs, &["-h"]].concat());
    let help = String::from_utf8(help.stdout).unwrap();
    assert_eq!(wordless(&help), Vec::<String>::new(), "{name} {}", verbs.join(" "));
    *seen += 1;
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let below: Vec<&str> = below.filter_map(|line| line.split_whitespace().next()).collect();
    for verb in below.into_iter().filter(|verb| *verb != "help") {
        look_for_words(name, &[verbs, &[verb]].concat(), seen);
    }
}

#[test]
fn every_verb_and_option_has_words_in_the_help() {
    let spoilt = "Options:\n      --json             \n      --seed <SEED>  [default: 1]\n  -h, --help  Print help\n";
    assert_eq!(wordless(spoilt).len(), 2, "the check itself must see what has none");
    let mut seen = 0;
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge", "hypocaust-optimizer"] {
        look_for_words(name, &[], &mut seen);
    }
    assert!(seen > 30, "only {seen} help texts were read");
}

#[test]
fn wrong_usage_is_2_and_names_what_is_wrong() {
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge", "hypocaust-optimizer"] {
        says(&call(name, &["frobnicate"]), 2, &["frobnicate", "--help"]);
    }
    says(&call("hypocaust-sim", &["plants", "x", "--spede", "3"]), 2, &["--spede"]);
    says(&call("hypocaust-edge", &["run"]), 2, &["--plant"]);
    says(&call("hypocaust-sim", &["demo", "--port", "99999"]), 2, &["99999"]);
    for speed in ["0", "nan", "-3", "fast", "1001"] {
        says(&call("hypocaust-sim", &["demo", "--speed", speed]), 2, &[speed, "1 to 1000"]);
    }
    says(&call("hypocaust-sim", &["demo", "--port", "0"]), 2, &["'0'", "--ports auto"]);
    let fleet = ["--fleet", "x", "--plant", "north"];
    let none: [(&str, &str, &[&str]); 4] = [
        ("hypocaust-central", "--plants", &["capacity"]),
        ("hypocaust-central", "--limit", &["journal", "show", "--data", "x"]),
        ("hypocaust-central", "--from", &["journal", "show", "--data", "x"]),
        ("hypocaust-edge", "--most", &[&["browse", "plc1"], &fleet[..]].concat()),
    ];
    for (name, option, args) in none {
        says(&call(name, &[args, &[option, "0"]].concat()), 2, &[option, "0 is not in 1.."]);
    }
}

#[test]
fn who_holds_a_taken_port_is_named() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let (fleet, key) = (small_fleet(), folder.path().join("centre.pub"));
    std::fs::write(&key, "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29").unwrap();
    let place = ["run", "--mqtt", "mqtt://127.0.0.1:1", "--fleet", shown(&fleet), "--data", shown(folder.path())];
    let centre = ["--kafka", "127.0.0.1:1", "--listen", &taken];
    let edge = ["--plant", "north", "--key", shown(&key), "--metrics", &taken];
    for (name, args, option) in [("hypocaust-central", &centre[..], "--listen"), ("hypocaust-edge", &edge, "--metrics")]
    {
        let named = format!("is taken by process {}", std::process::id());
        says(&call(name, &[&place[..], args].concat()), 3, &[&taken, option, &named]);
    }
}

#[test]
fn what_cannot_be_tried_is_3() {
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"] {
        says(&call(name, &["check", "/nowhere/at/all"]), 3, &["/nowhere/at/all", "fleet.toml"]);
    }
    // A file of a fleet is no fleet; what is its folder is said.
    let (fleet, plain) = (small_fleet(), root().join("Cargo.toml"));
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"] {
        for file in ["fleet.toml", "plants/north.toml"] {
            let file = fleet.join(file);
            let checked = call(name, &["check", shown(&file)]);
            says(&checked, 3, &[shown(&file), "is a file", &format!("write {} instead", fleet.display())]);
        }
        let checked = call(name, &["check", shown(&plain)]);
        says(&checked, 3, &["is a file, and a fleet is a folder with fleet.toml"]);
        assert!(!text(&checked).contains("instead"), "{}", text(&checked));
    }
    says(&call("hypocaust-optimizer", &["solve", "/nowhere/case.json"]), 3, &["/nowhere/case.json", "generate"]);
    let none = root().join("optimizer/tests/cases/none.json");
    says(&call("hypocaust-optimizer", &["check", shown(&none)]), 3, &["none.json", "cannot read", "a case"]);
    let usage = call("hypocaust-sim", &["inject", "trip", "b1"]);
    says(&usage, 2, &["--plant", "[--control <HOST:PORT>]"]);
    says(&call("hypocaust-central", &["journal", "verify", "--data", "/nowhere/at/all"]), 3, &["/nowhere/at/all"]);
    let nowhere = ["status", "--data", "/nowhere/at/all"];
    says(&call("hypocaust-edge", &nowhere), 3, &["there is no state.db in /nowhere/at/all", "--data", "edge/PLANT"]);
    // Port 1 is nobody's control socket.
    let inject = ["inject", "--control", "127.0.0.1:1", "--plant", "north", "trip", "b1"];
    says(&call("hypocaust-sim", &inject), 3, &["127.0.0.1:1"]);
}

#[test]
fn a_wrong_fleet_is_1_with_file_line_and_what_to_write() {
    let folder = changed("plants/north.toml", "class = \"production\"", "class = \"prodution\"");
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"] {
        let checked = call(name, &["check", shown(folder.path())]);
        says(&checked, 1, &["plants/north.toml:", "prodution", "production", "1 mistake"]);
        assert!(!text(&checked).contains("1 mistakes"), "{}", text(&checked));
    }
    let data = folder.path().join("data");
    let demo = ["demo", "--ports", "auto", "--fleet", shown(folder.path()), "--data", shown(&data)];
    says(&call("hypocaust-sim", &demo), 1, &["plants/north.toml:", "prodution"]);
}

/// Nobody listens at port 1.
#[test]
fn a_demo_whose_kafka_is_away_says_so_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (fleet, data) = (small_fleet(), folder.path().join("data"));
    let demo = ["demo", "--ports", "auto", "--fleet", shown(&fleet), "--data", shown(&data)];
    let output = call("hypocaust-sim", &[&demo[..], &["--kafka", "127.0.0.1:1"]].concat());
    says(&output, 3, &["Kafka is not reachable at 127.0.0.1:1", "refused", "--kafka"]);
}

/// The first runbook in a folder of its own, cut down to half a minute in which production is shed by `by_s`.
fn runbook(folder: &Path, by_s: &str) -> std::path::PathBuf {
    let page = std::fs::read_to_string(small_fleet().join("../../../runbooks/source-tripped.md")).unwrap();
    let (from, to) = (page.find("[drill]").expect("a drill"), page.rfind("+++").expect("an end"));
    let drill = format!(
        "[drill]\nfleet = \"small\"\nseed = 1\nstart_hour = 10\nsettle_s = 40\nrun_s = 20\ntolerance_mw = 0.05\n\
         [[drill.fault]]\nat_s = 1\ndo = \"trip north.b1\"\n\
         [[drill.expect]]\nwhat = \"shed production\"\nby_s = {by_s}\n"
    );
    let path = folder.join("source-tripped.md");
    std::fs::write(&path, format!("{}{drill}{}", &page[..from], &page[to..])).unwrap();
    path
}

#[test]
fn a_drill_is_met_or_missed_and_leaves_a_line_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (fleet, log) = (small_fleet(), folder.path().join("log/source-tripped.jsonl"));
    let drill = |by_s: &str, more: &[&str]| {
        let page = runbook(folder.path(), by_s);
        call("hypocaust-sim", &[&["drill", shown(&page), "--fleet", shown(&fleet)], more].concat())
    };
    says(&drill("10", &["--at", "2026-01-31T08:00:00Z"]), 0, &["met     shed production", "1 of 1 expectations met"]);
    // One scan alone is 0.5 s.
    says(&drill("1.2", &[]), 1, &["MISSED  shed production", "by 1.2 s", "missed: 0 of 1"]);
    let json = drill("1.2", &["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("the report as JSON");
    let lines: Vec<serde_json::Value> = std::fs::read_to_string(&log)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    assert_eq!(lines.iter().map(|l| l["result"].as_str().unwrap()).collect::<Vec<_>>(), ["met", "missed", "missed"]);
    assert_eq!(lines[0]["at"], "2026-01-31T08:00:00Z");
    assert_eq!(lines[1], lines[2], "the same drill gives the same line");
    assert_eq!(report, lines[2]);
}

#[test]
fn a_drill_that_cannot_be_run_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let page = runbook(folder.path(), "\"soon\"");
    let fleet = small_fleet();
    let with = ["drill", shown(&page), "--fleet", shown(&fleet)];
    says(&call("hypocaust-sim", &with), 1, &["source-tripped.md:", "`by_s`"]);
    says(&call("hypocaust-sim", &["drill"]), 2, &["RUNBOOK"]);
    says(&call("hypocaust-sim", &["drill", shown(&page), "--at", "yesterday"]), 2, &["yesterday", "RFC 3339"]);
    says(&call("hypocaust-sim", &["drill", "/nowhere/page.md"]), 3, &["/nowhere/page.md"]);
    let page = runbook(folder.path(), "5");
    // There is no ../deploy/fleets beside a folder of its own.
    says(&call("hypocaust-sim", &["drill", shown(&page)]), 3, &["`small`", "deploy/fleets/small", "--fleet FOLDER"]);
    let with = ["drill", shown(&page), "--fleet", shown(&fleet), "--log", "/proc/no/log"];
    says(&call("hypocaust-sim", &with), 3, &["/proc/no/log", "--log"]);
}

#[test]
fn the_small_fleet_passes_every_program() {
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"] {
        says(&call(name, &["check", shown(&small_fleet())]), 0, &[]);
    }
}

/// An ordinary user on a machine that lacks everything: what is missing is named, and nothing is tried.
#[test]
fn set_up_without_rights_names_what_is_missing() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    // Nothing is installed, and the user is nobody special; whoever calls apt-get is found out.
    for (name, body) in [("dpkg-query", "exit 1"), ("id", "echo 1000"), ("apt-get", "touch \"$0.called\"")] {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{body}\n")).expect("a script can be written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("and made executable");
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("there is a PATH"));
    let mut command = std::process::Command::new(hypocaust_tests::harness::root().join("deploy/setup.sh"));
    let output = run(command.arg("test").env("PATH", path), Duration::from_secs(30));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let said = text(&output);
    for package in ["apt-get install", "mosquitto", "cmake", "mbpoll", "chromium"] {
        assert!(said.contains(package), "{package} is not named: {said}");
    }
    assert!(!folder.path().join("apt-get.called").exists(), "it must not try to install anything");
}

#[test]
fn every_program_checks_a_fleet_in_one_shape() {
    let wrong = changed("plants/north.toml", "class = \"production\"", "class = \"prodution\"");
    for (folder, code) in [(small_fleet(), 0), (wrong.path().to_owned(), 1)] {
        let answers = ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"].map(|name| {
            let output = call(name, &["check", shown(&folder), "--json"]);
            assert_eq!(output.status.code(), Some(code), "{name}: {}", text(&output));
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        });
        assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
        let fields: Vec<&str> = answers[0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["fleet", "mistakes", "ok", "plants", "tags"]);
        assert_eq!(answers[0]["ok"], code == 0);
        if code == 1 {
            let mistake = &answers[0]["mistakes"][0];
            assert_eq!(mistake["file"], "plants/north.toml");
            assert!(mistake["line"].as_u64() > Some(1) && mistake["help"].as_str().unwrap().contains("production"));
        }
    }
}

#[test]
fn every_program_prints_the_schemas_that_are_published() {
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"] {
        for document in ["fleet", "plant"] {
            let output = call(name, &["check", "--schema", document]);
            assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output));
            let published = small_fleet().join(format!("../../schemas/{document}.schema.json"));
            assert_eq!(output.stdout, std::fs::read(published).unwrap(), "{name} check --schema {document}");
        }
        let both: Value = serde_json::from_slice(&call(name, &["check", "--schema"]).stdout).unwrap();
        assert!(both["definitions"]["fleet"].is_object() && both["definitions"]["plant"].is_object());
        says(&call(name, &["check", "--schema", "flet"]), 2, &["flet", "fleet, plant, both"]);
    }
}

#[test]
fn a_generated_fleet_passes_check_and_no_folder_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("fleet");
    let generate =
        |plants: &str| call("hypocaust-sim", &["generate", "--plants", plants, "--out", shown(&out), "--json"]);
    let output = generate("3");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["fleet"], &summary["plants"]), (&json!("generated-3"), &json!(3)));
    says(&call("hypocaust-edge", &["check", shown(&out)]), 0, &["generated-3", "3 plants"]);
    says(&generate("3"), 2, &["is not empty"]);
    says(&generate("0"), 2, &["1 to 100"]);
}

/// A data folder with a journal in which an edge came with these boots, and its head.
fn journal(boots: Range<u64>) -> (tempfile::TempDir, Head) {
    let folder = tempfile::tempdir().unwrap();
    let fleet = FleetId::new("small").unwrap();
    let linked = |boot| Event::EdgeLinked { plant: PlantId::new("north").unwrap(), boot, mode: Mode::Remote };
    let drafts = boots.map(|boot| linked(boot).draft(Millis(1))).collect();
    let head = block_on(async {
        let store = Sqlite::open(&folder.path().join("journal.db"), &fleet).await.unwrap();
        store.append(&Head::genesis(&fleet), 1, drafts).await.unwrap()
    });
    (folder, head)
}

/// Runs SQL on a journal's file, as somebody with access to the machine could.
fn tamper(folder: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(folder.join("journal.db"));
    block_on(async {
        let mut connection = options.connect().await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

fn verify(folder: &Path, anchors: &[&Head]) -> (Option<i32>, Value) {
    let mut command = program("hypocaust-central");
    command.args(["journal", "verify", "--json", "--data"]).arg(folder);
    anchors.iter().for_each(|head| {
        command.args(["--anchor", &head.to_string()]);
    });
    let output = run(&mut command, Duration::from_secs(20));
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output))))
}

#[test]
fn a_journal_that_was_cut_or_written_anew_is_found_by_an_anchor_and_not_without() {
    let (folder, head) = journal(0..50);
    let (code, whole) = verify(folder.path(), &[&head]);
    assert_eq!((code, &whole["head"]), (Some(0), &json!(head)), "{whole}");
    assert_eq!(whole["state"].as_str().map(str::len), Some(64), "the state is folded too: {whole}");

    tamper(folder.path(), "delete from journal where seq > 40");
    let (code, cut) = verify(folder.path(), &[]);
    assert_eq!((code, &cut["head"]["seq"]), (Some(0), &json!(40)), "a chain alone does not show its lost end: {cut}");
    assert_ne!(cut["state"], whole["state"]);
    let (code, cut) = verify(folder.path(), &[&head]);
    assert_eq!((code, &cut["seq"], &cut["code"]), (Some(1), &json!(41), &json!("GL-E-AUDIT-CHAIN-BROKEN")), "{cut}");

    // Another journal of the same length, chained rightly from its beginning.
    let (other, _) = journal(100..150);
    assert_eq!(verify(other.path(), &[]).0, Some(0));
    let (code, anew) = verify(other.path(), &[&head]);
    assert_eq!((code, &anew["seq"]), (Some(1), &json!(50)), "{anew}");
    assert!(anew["what"].as_str().unwrap().contains("rewritten"), "{anew}");

    // The same anchor in the file that the data folder may hold.
    std::fs::write(other.path().join("anchor"), head.to_string()).unwrap();
    assert_eq!(verify(other.path(), &[]).0, Some(1));
    std::fs::write(other.path().join("anchor"), "50:abc").unwrap();
    let shown = other.path().to_str().unwrap();
    says(&call("hypocaust-central", &["journal", "verify", "--data", shown]), 3, &["anchor", "SEQ:HASH"]);
    says(&call("hypocaust-central", &["journal", "verify", "--data", shown, "--anchor", "x"]), 2, &["SEQ:HASH"]);
}

#[test]
fn a_changed_entry_is_named() {
    let (folder, _) = journal(0..20);
    tamper(folder.path(), "update journal set body = cast('{\"boot\":1}' as blob) where seq = 7");
    let (code, broken) = verify(folder.path(), &[]);
    assert_eq!((code, &broken["seq"]), (Some(1), &json!(7)), "{broken}");
}

/// A view that counts to ten million with each page of entries stands for a slow disk; more than a second is told by the
/// database's client, to whoever asks for its log.
#[test]
fn a_slow_database_is_no_news_for_who_verifies_a_journal() {
    let (folder, _) = journal(0..20);
    tamper(folder.path(), "alter table journal rename to entries");
    tamper(
        folder.path(),
        "create view journal as select * from entries where (with recursive c(n) as \
         (select 1 union all select n + 1 from c where n < 10000000) select count(*) from c) > 0",
    );
    let verify = |log: &str| {
        let mut command = program("hypocaust-central");
        command.args(["journal", "verify", "--data"]).arg(folder.path());
        if log.is_empty() {
            command.env_remove("RUST_LOG")
        } else {
            command.env("RUST_LOG", log)
        };
        let output = run(&mut command, Duration::from_secs(120));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(verify(""), "");
    let told = verify("warn");
    assert!(told.contains("slow statement"), "the statement was not slow, so nothing is shown: {told:?}");
}

#[test]
fn a_reader_that_has_read_enough_ends_the_answer_quietly() {
    // More than a pipe holds, so that the program writes after its reader has gone.
    let (folder, _) = journal(0..5000);
    let mut command = program("hypocaust-central");
    command.args(["journal", "export", "--data"]).arg(folder.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(first.contains("\"seq\":1"), "{first}");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(text(&output), "");
}

/// What the program ends with and says on standard error when its answer goes to `to`.
fn answering(to: impl Into<Stdio>, name: &str, args: &[&str]) -> (Option<i32>, String) {
    let child = program(name).args(args).stdout(to).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), text(&output))
}

/// A pipe that nobody reads from the beginning on, and a full disk: the first changes no verdict of any program, with the
/// second there is none.
#[test]
fn an_answer_that_nobody_reads_changes_no_verdict_and_one_that_cannot_be_written_is_3() {
    let folder = tempfile::tempdir().unwrap();
    let small = small_fleet();
    let fleet = shown(&small);
    let wrong = changed("plants/north.toml", "class = \"production\"", "class = \"prodution\"");
    let made = call("hypocaust-optimizer", &["generate", "--plants", "1", "--steps", "2"]);
    let case = folder.path().join("case.json");
    std::fs::write(&case, &made.stdout).unwrap();
    let case = shown(&case);
    let place = ["--fleet", fleet, "--plant", "north"];
    let simulate = [&["simulate-write", "mill.cap-sp", "5"], &place[..]].concat();
    let drawing = ["mimic", fleet, "--plant", "north"];
    let rows: [(&str, &[&str], i32); 17] = [
        ("hypocaust-sim", &["plants", fleet, "--map"], 0),
        ("hypocaust-sim", &["check", "--schema"], 0),
        ("hypocaust-sim", &["check", fleet, "--json"], 0),
        ("hypocaust-sim", &["check", shown(wrong.path())], 1),
        ("hypocaust-sim", &["subagents", "--schema"], 0),
        ("hypocaust-edge", &["check", "--schema"], 0),
        ("hypocaust-edge", &["check", fleet], 0),
        ("hypocaust-edge", &["check", shown(wrong.path()), "--json"], 1),
        ("hypocaust-edge", &simulate, 0),
        ("hypocaust-central", &["check", "--schema"], 0),
        ("hypocaust-central", &["check", shown(wrong.path())], 1),
        ("hypocaust-central", &["capacity", "--plants", "4"], 0),
        ("hypocaust-central", &drawing, 0),
        ("hypocaust-optimizer", &["check", "--schema"], 0),
        ("hypocaust-optimizer", &["solve", case], 0),
        ("hypocaust-optimizer", &["explain", case, "--json"], 0),
        ("hypocaust-optimizer", &["n1", case], 0),
    ];
    for (name, args, code) in rows {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (ended, said) = answering(writer, name, args);
        assert_eq!(ended, Some(code), "{name} {args:?}: {said}");
        assert!(!said.contains("panicked"), "{name} {args:?}: {said}");
        // The optimizer tells there how far it is, on a machine that lets it wait.
        let quiet = said.is_empty() || code == 1 || name == "hypocaust-optimizer";
        assert!(quiet, "{name} {args:?} is not quiet: {said}");

        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (ended, said) = answering(full, name, args);
        assert_eq!(ended, Some(3), "{name} {args:?}: {said}");
        assert!(said.contains("cannot write to standard output"), "{name} {args:?}: {said}");
    }
}

/// `2>&1 | head`: where nobody reads either, the exit code is all that is left, and it is the right one.
#[test]
fn a_complaint_that_nobody_reads_leaves_the_exit_code() {
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let args = ["check", "/nowhere/at/all"];
        let mut child = program(name).args(args).stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(3), "{name}");
    }
}

/// mill.cap-sp goes from 0 to 12 MW and is safe downwards; x1.flow-sp gets an interlock in the file; an alarm blocks b1.load-sp.
#[test]
fn a_simulated_write_is_refused_by_direction_and_names_what_it_assumes() {
    let flow = "{ tag = \"x1.flow-sp\", ";
    let with = format!("{flow}interlock = {{ tag = \"x1.open\", equals = 1 }}, ");
    let folder = changed("plants/north.toml", flow, &with);
    let simulate = |args: &[&str]| {
        let place = ["--fleet", shown(folder.path()), "--plant", "north"];
        let call = |more: &[&str]| call("hypocaust-edge", &[&["simulate-write"], args, &place[..], more].concat());
        let (said, json) = (call(&[]), call(&["--json"]));
        assert_eq!(said.status.code(), json.status.code(), "{args:?}");
        let report: Value = serde_json::from_slice(&json.stdout).unwrap_or_else(|_| panic!("{}", text(&json)));
        let assumed = report["assumptions"].as_array().expect("a list of assumptions");
        for a in assumed {
            assert!(text(&said).contains(a["that"].as_str().unwrap()), "{args:?} keeps {a} back: {}", text(&said));
        }
        let kinds: Vec<String> = assumed.iter().map(|a| a["what"].as_str().unwrap().to_owned()).collect();
        (said, report["refusal"]["reason"].as_str().map(str::to_owned), kinds)
    };
    let fail_safe = ["--writer", "fail-safe"];
    let lane = |args: &[&str]| simulate(&[args, &fail_safe[..]].concat());

    let (said, reason, assumed) = lane(&["mill.cap-sp", "5", "--from", "2"]);
    says(&said, 1, &["only down", "5 MW is not below 2 MW"]);
    assert!(reason.is_some_and(|r| r.contains("only down")) && assumed.is_empty(), "{assumed:?}");
    says(&lane(&["mill.cap-sp", "12"]).0, 1, &["only down", "12 MW"]);
    says(&lane(&["b1.load-sp", "2", "--from", "5"]).0, 1, &["only up"]);

    let (said, reason, assumed) = lane(&["mill.cap-sp", "2"]);
    says(&said, 0, &["allowed", "assumed: north.mill.cap-sp stands above 2 MW"]);
    assert_eq!((reason, assumed), (None, vec!["present-value".to_owned()]));
    let (said, _, assumed) = lane(&["mill.cap-sp", "2", "--from", "5"]);
    says(&said, 0, &["allowed; the movement takes 1.0 s"]);
    assert!(assumed.is_empty(), "{assumed:?}");
    assert_eq!(lane(&["x1.flow-sp", "1", "--from", "2"]).2, ["interlock"]);

    let (said, _, assumed) = simulate(&["x1.flow-sp", "1"]);
    says(&said, 0, &["its interlock north.x1.open reads 1"]);
    assert_eq!(assumed, ["interlock", "rate", "arbitration"]);
    assert_eq!(simulate(&["b1.load-sp", "5"]).2, ["alarm", "rate", "arbitration"]);
    let (said, _, assumed) = simulate(&["b1.load-sp", "50"]);
    says(&said, 1, &["bounds"]);
    assert!(assumed.is_empty(), "a refusal rests on nothing: {assumed:?}");
}

/// Nobody listens at port 1: the device is told once, not by each of its tags.
#[test]
fn a_device_that_does_not_answer_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let endpoints = folder.path().join("endpoints.json");
    std::fs::write(&endpoints, r#"{"north.plc1": "127.0.0.1:1"}"#).unwrap();
    let fleet = small_fleet();
    let place = ["--fleet", shown(&fleet), "--plant", "north", "--endpoints", shown(&endpoints)];
    let output = call("hypocaust-edge", &[&["probe", "plc1"], &place[..]].concat());
    says(&output, 3, &["plc1 shows none of its"]);
    assert_eq!((output.stdout.len(), text(&output).matches("127.0.0.1:1").count()), (0, 1), "{}", text(&output));
}
