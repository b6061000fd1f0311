//! The console in a real browser, on the running demo.

use super::failover::settled;
use super::shared::{demo, say};
use hypocaust_tests::harness::{program, root, run, text};
use std::process::Command;
use std::time::Duration;

#[test]
fn every_page_lives_flags_a_frozen_centre_and_shows_a_changed_register() {
    let demo = demo();
    // Plans and commands are the leader's; which replica leads depends on who was killed before.
    let leader = settled(&demo);
    let endpoints = demo.endpoints();
    let control = endpoints["control"].as_str().unwrap();
    let sim = program("hypocaust-sim");
    let inject = format!("{} inject --control {control} --plant north", sim.get_program().to_str().unwrap());
    // A sensor that sticks at a value of its own: the cell must show just that.
    let change = format!("{inject} stick water.temperature 88.25");
    // A register as any Modbus client writes it: the cap of a consumer, 16 bit twice, high word first.
    let plc1 = demo.devices()["north.plc1"].clone();
    let (host, port) = plc1.rsplit_once(':').unwrap();
    let register = format!("mbpoll -m tcp -p {port} -a 1 -0 -1 -q -r 110 -t 4:float -B {host} 1.875");
    let mut command = Command::new("node");
    command
        .arg(root().join("central/console/e2e/run.mjs"))
        .env("HYPOCAUST_CONSOLE", &leader.console)
        .env("HYPOCAUST_USER", endpoints["login"]["user"].as_str().unwrap())
        .env("HYPOCAUST_PASSWORD", endpoints["login"]["password"].as_str().unwrap())
        .env("HYPOCAUST_CHANGE_CMD", change)
        .env("HYPOCAUST_CHANGE_TAG", "north.water.temperature")
        .env("HYPOCAUST_CHANGE_EXPECT", "88.25")
        .env("HYPOCAUST_REGISTER_CMD", register)
        .env("HYPOCAUST_REGISTER_TAG", "north.tracing.cap-sp")
        .env("HYPOCAUST_REGISTER_EXPECT", "1.875")
        .env("HYPOCAUST_ALARM_CMD", format!("{inject} trip b2"))
        .env("HYPOCAUST_CLEAR_CMD", format!("{inject} restore b2"))
        .env("HYPOCAUST_CENTRAL_PID", leader.process.pid.to_string());
    let output = run(&mut command, Duration::from_secs(600));
    demo.inject("north", &["restore", "water.temperature"]);
    demo.inject("north", &["restore", "b2"]);
    let said = text(&output);
    for line in said.lines() {
        say(line);
    }
    assert!(output.status.success(), "the page's tests failed:\n{said}");
}
