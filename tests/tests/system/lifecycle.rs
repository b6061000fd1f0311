//! The demo starts, tells where everything is, refuses what it must, and leaves nothing behind.

use super::shared::{say, turn};
use hypocaust_tests::harness::{Demo, Options, program, run, runs, signal, small_fleet, text, wait_until};
use nix::sys::signal::Signal;
use std::net::TcpListener;
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
}

#[test]
fn a_killed_supervisor_leaves_nothing_behind() {
    let _turn = turn();
    let demo = Demo::start(Options::default());
    let pids = all_pids(&demo);
    signal(demo.pid, Signal::SIGKILL);
    wait_until("the kernel ends the children", Duration::from_secs(5), || all_gone(&pids));
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
