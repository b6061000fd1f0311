//! The demo starts, tells where everything is, refuses what it must, and leaves nothing behind.

use super::bus::others_read_it;
use super::shared::{demo, say, turn};
use hypocaust_tests::harness::{Demo, Options, program, root, run, runs, signal, small_fleet, text, wait_until};
use nix::sys::signal::Signal;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

fn all_pids(demo: &Demo) -> Vec<u32> {
    demo.processes().iter().map(|p| p.pid).collect()
}

fn all_gone(pids: &[u32]) -> Result<(), String> {
    let left: Vec<_> = pids.iter().filter(|pid| runs(**pid)).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("still running: {left:?}")) }
}

#[test]
fn a_demo_becomes_ready_and_leaves_nothing_behind() {
    let _turn = turn();
    let demo = Demo::start(Options::default());
    // How fast is a figure of `make bench-loop`.
    say(&format!("ready after {:.1} s", demo.ready_after.as_secs_f64()));
    let said = demo.said();
    let pids = all_pids(&demo);
    assert_eq!(pids.len(), 7, "broker, plants, sub-agents, two centres and two edges: {:?}", demo.processes());
    for needle in [demo.console(), "password", "Ctrl-C"] {
        assert!(said.contains(needle), "the demo does not say {needle:?}:\n{said}");
    }

    // The same folder twice.
    let mut second = program("hypocaust-sim");
    second.args(["demo", "--ports", "auto", "--fleet"]).arg(small_fleet()).arg("--data").arg(&demo.data);
    let refused = run(&mut second, Duration::from_secs(10));
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    assert!(text(&refused).contains(&format!("process {}", demo.pid)), "{}", text(&refused));

    // A replica under the name of one that is at work.
    let (host, port) = demo.mqtt();
    let mut second = program("hypocaust-central");
    second.args(["run", "--replica", "1", "--listen", "127.0.0.1:0", "--mqtt", &format!("mqtt://{host}:{port}")]);
    second.args(["--kafka", &demo.kafka(), "--fleet"]);
    let refused = run(second.arg(small_fleet()).arg("--data").arg(demo.data.join("central")), Duration::from_secs(10));
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    let centre = demo.pid_of("hypocaust-central");
    assert!(text(&refused).contains(&format!("process {centre} works on it")), "{}", text(&refused));

    demo.stop();
    all_gone(&pids).unwrap();
    assert!(!demo.data.join("endpoints.json").exists(), "endpoints.json outlived the demo");
    assert!(demo.said().contains("nothing is left running"), "{}", demo.said());

    // Another fleet on the same folder: told before anything is started.
    let logged = demo.log("central");
    let mut other = program("hypocaust-sim");
    other.args(["demo", "--ports", "auto", "--fleet"]).arg(root().join("deploy/fleets/four"));
    let refused = run(other.arg("--data").arg(&demo.data), Duration::from_secs(10));
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    for needle in ["data of fleet 'small'", "'four'", "--clean", "--data"] {
        assert!(text(&refused).contains(needle), "{needle} is not said: {}", text(&refused));
    }
    assert_eq!(demo.log("central"), logged, "a centre was started");
}

#[test]
fn a_killed_supervisor_leaves_nothing_behind() {
    let _turn = turn();
    let demo = Demo::start(Options::default());
    let pids = all_pids(&demo);
    signal(demo.pid, Signal::SIGKILL);
    wait_until("the kernel ends the children", Duration::from_secs(5), || all_gone(&pids));
}

/// The lines of state that a demo has said: second of the day, and the rest.
fn state_lines(demo: &Demo) -> Vec<(i64, String)> {
    let line = |line: &str| {
        let (clock, rest) = line.split_once(' ')?;
        let mut parts = clock.strip_suffix('Z')?.splitn(3, ':').map(|part| part.parse::<i64>());
        let (Some(Ok(h)), Some(Ok(m)), Some(Ok(s))) = (parts.next(), parts.next(), parts.next()) else { return None };
        (rest.contains("north") && rest.contains("south")).then(|| (3600 * h + 60 * m + s, rest.to_owned()))
    };
    demo.said().lines().filter_map(line).collect()
}

#[test]
fn a_demo_says_a_line_of_state_a_minute() {
    let demo = demo();
    let (lines, _) = wait_until("three lines of state", Duration::from_secs(200), || {
        let lines = state_lines(&demo);
        if lines.len() >= 3 { Ok(lines) } else { Err(format!("{lines:?}")) }
    });
    for pair in lines.windows(2) {
        let apart = (pair[1].0 - pair[0].0).rem_euclid(86_400);
        // A centre that is being killed by another test may take the seconds that a request may take to be missed.
        assert!((50..=80).contains(&apart), "{pair:?}");
    }
    let (_, line) = lines.last().expect("three");
    assert!(line.contains("MW"), "{line}");
    say(&format!("a line of state, one of {}: {line}", lines.len()));
}

/// Seq and epoch of the journal's head.
fn head(demo: &Demo) -> (u64, u64) {
    let fleet = demo.get("/api/v1/fleet");
    let seq = demo.get("/api/v1/journal/head")["seq"].as_u64().expect("a head has a seq");
    (seq, fleet["epoch"].as_u64().expect("the fleet has an epoch"))
}

fn source(demo: &Demo, id: &str) -> Result<serde_json::Value, String> {
    let plant = demo.try_get("/api/v1/plants/south")?;
    let sources = plant["sources"].as_array().ok_or("no sources")?;
    sources.iter().find(|s| s["id"] == id).cloned().ok_or_else(|| format!("no {id} in {plant}"))
}

#[test]
fn a_demo_goes_on_where_it_was_or_starts_anew_and_runs_a_thousand_times_faster() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = Some(folder.path().join("demo"));
    let first = Demo::start(Options { speed: 1000.0, data: data.clone(), ..Options::default() });
    others_read_it(&first);
    // Purge, light-off and warm-up take 315 s of the plant's time.
    first.inject("south", &["trip", "b1"]);
    let state = |wanted: &str| {
        let b1 = source(&first, "south.b1")?;
        if b1["state"] == wanted { Ok(()) } else { Err(b1.to_string()) }
    };
    wait_until("the boiler has tripped", Duration::from_secs(20), || state("tripped"));
    first.inject("south", &["restore", "b1"]);
    let (_, took) = wait_until("it is on again", Duration::from_secs(60), || state("on"));
    say(&format!("speed 1000: a boiler is asked for, purged, lit and warmed up in {:.1} s", took.as_secs_f64()));
    let before = head(&first);
    first.stop();

    let second = Demo::start(Options { data: data.clone(), ..Options::default() });
    let after = head(&second);
    assert!(after.0 > before.0 && after.1 > before.1, "the journal went on: {before:?}, {after:?}");
    let password = second.endpoints()["login"]["password"].clone();
    second.stop();

    let third = Demo::start(Options { data, clean: true, ..Options::default() });
    let anew = head(&third);
    assert!(anew.0 < after.0 && anew.1 < after.1, "nothing is left of the old journal: {after:?}, {anew:?}");
    assert_ne!(third.endpoints()["login"]["password"], password, "nor of the first user");
    third.stop();

    // `make` has a word for it.
    let said = |clean: &str| {
        let mut make = Command::new("make");
        let output = run(make.args(["-n", "demo", clean]).current_dir(root()), Duration::from_secs(10));
        assert!(output.status.success(), "{}", text(&output));
        text(&output).contains("--clean")
    };
    assert!(said("CLEAN=1") && !said("CLEAN=0") && !said("CLEAN="));
}

#[test]
fn a_taken_port_is_an_error_that_names_its_holder() {
    let _turn = turn();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let mut command = program("hypocaust-sim");
    command.args(["demo", "--port", &port.to_string(), "--fleet"]).arg(small_fleet());
    command.arg("--data").arg(folder.path().join("demo"));
    let output = run(&mut command, Duration::from_secs(10));
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let said = text(&output);
    let me = std::process::id();
    assert!(said.contains(&format!("127.0.0.1:{port}")) && said.contains(&format!("process {me} (")), "{said}");
}

#[test]
fn a_folder_that_no_demo_made_is_neither_used_nor_cleaned() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("thesis.txt");
    std::fs::write(&precious, "years of work").unwrap();
    let mut command = program("hypocaust-sim");
    command.args(["demo", "--clean", "--ports", "auto", "--fleet"]).arg(small_fleet()).arg("--data").arg(folder.path());
    let output = run(&mut command, Duration::from_secs(10));
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("no demo made it"), "{}", text(&output));
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "years of work");
}
