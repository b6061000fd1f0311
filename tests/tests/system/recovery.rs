//! `kill -9` of each process, five times, while values flow through Apache Kafka: everything comes back, no sample is lost or
//! doubled, and the journal verifies. Counted by readers that are no part of the programs: the history's tables read as SQL,
//! confluent-kafka, and the simulator's own log of register writes and shown values.

use super::bus::the_topic_has_all;
use super::counts::{
    Blind, OnDrop, Reader, SENSOR, every_shown_value_is_stored, history, judged, milliseconds, move_sensor,
    nothing_doubled, nothing_lost, now, rows, shown, spooled,
};
use super::shared::{Shared, at_rest, demo, say};
use hypocaust_tests::harness::{Demo, Process, block_on, program, run, runs, signal, text, wait_until};
use nix::sys::signal::Signal;
use serde_json::json;
use sqlx::Row;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A register that this test moves, to see each value that stays in the history.
const SETPOINT: &str = "north.tracing.cap-sp";
/// A value in the register is read within this time (scan 0.5 s, retries 1 s each) when nothing is being killed.
const READ_WITHIN_MS: i64 = 4000;
/// A program that runs again reads, or is read, within this time, whatever else is just being started on two cores.
const READS_AGAIN_MS: i64 = 5_000;
/// What the history must not be able to lose unnoticed: the end of a life, as long as this.
const TAIL_MS: i64 = 5_000;

/// An operator's command, seen through to its end. Where dispatch has moved the setpoint a moment before, it is asked for again.
fn set(demo: &Shared, value: f64, key: &str) {
    let body = json!({"plant": "north", "setpoint": SETPOINT, "value": value, "reason": "recovery test"});
    let ask = |time: u32| {
        let key = format!("{key}-{time}");
        let (status, answer) =
            demo.call(reqwest::Method::POST, "/api/v1/commands", Some(&body), &[("Idempotency-Key", key.as_str())]);
        assert_eq!(status, 202, "{answer}");
        answer["id"].as_str().expect("a command has an id").to_owned()
    };
    let (mut id, mut times) = (ask(0), 0);
    wait_until(&format!("{SETPOINT} = {value} is done"), Duration::from_secs(15), || {
        let answer = demo.try_get(&format!("/api/v1/commands/{id}"))?;
        if answer["state"] == "refused" {
            assert!(answer["refusal"]["gate"] == "rate" && times < 3, "{answer}");
            times += 1;
            id = ask(times);
        }
        if answer["state"] == "done" { Ok(()) } else { Err(answer.to_string()) }
    });
}

/// The same program at the same place, perhaps started again.
fn same(a: &Process, b: &Process) -> bool {
    (&a.name, &a.plant, &a.replica) == (&b.name, &b.plant, &b.replica)
}

fn kill_and_recover(demo: &Shared, victim: &Process) -> (i64, i64) {
    let killed = now();
    signal(victim.pid, Signal::SIGKILL);
    wait_until(&format!("{victim} is dead"), Duration::from_secs(5), || {
        if runs(victim.pid) { Err("it runs") } else { Ok(()) }
    });
    wait_until(&format!("{victim} runs again"), Duration::from_secs(40), || {
        let again = demo.processes().into_iter().any(|p| same(&p, victim) && p.pid != victim.pid);
        if again { Ok(()) } else { Err("not in endpoints.json") }
    });
    // What the centre shows in the first moments is from before: links and modes take up to 5 s to be missed.
    std::thread::sleep(Duration::from_secs(6));
    let (_, rest) = wait_until(&format!("all is well after {victim} was killed"), Duration::from_secs(240), || {
        at_rest(demo)?;
        spooled(demo)
    });
    say(&format!("kill -9 {victim}: at rest again within {:.1} s of its restart", 6.0 + rest.as_secs_f64()));
    (killed, now())
}

/// Is the sensor read by this program, or shown by it?
fn reads_the_sensor(process: &Process) -> Option<Reader> {
    match process.name.as_str() {
        "hypocaust-sim" => Some(Reader::Plants),
        "hypocaust-edge" if process.plant.as_deref() == Some("north") => Some(Reader::Edge),
        _ => None,
    }
}

/// Kills all of them, one right after the other has begun to run again, without waiting for what they do to settle. From
/// when to when the sensor could not be read for it.
fn kill_in_a_row(demo: &Shared, victims: &[Process], round: usize) -> Vec<Blind> {
    let from = now();
    let mut blind = Vec::new();
    for i in 0..victims.len() {
        let wanted = &victims[(i + round) % victims.len()];
        let find = || demo.processes().into_iter().find(|p| same(p, wanted)).ok_or("it does not run");
        let (victim, _) = wait_until(&format!("{wanted} runs"), Duration::from_secs(40), find);
        let killed = now();
        signal(victim.pid, Signal::SIGKILL);
        wait_until(&format!("{victim} runs again"), Duration::from_secs(40), || match find() {
            Ok(p) if p.pid != victim.pid => Ok(()),
            _ => Err("not in endpoints.json"),
        });
        blind.extend(reads_the_sensor(wanted).map(|whose| Blind {
            whose,
            from: killed,
            until: now() + READS_AGAIN_MS,
        }));
    }
    std::thread::sleep(Duration::from_secs(6));
    wait_until(&format!("all is well after round {round}"), Duration::from_secs(240), || {
        at_rest(demo)?;
        spooled(demo)
    });
    say(&format!(
        "round {round}: {} programs killed in a row, at rest after {:.1} s",
        victims.len(),
        (now() - from) as f64 / 1e3
    ));
    blind
}

/// Had the end of a life of the edge been lost, the count above would say so: with the rows of those seconds taken out, it
/// fails, but where the sensor was shown to nobody just then.
fn a_lost_tail_would_be_noticed(demo: &Shared, from: i64, blind: &[Blind]) {
    let (shown, rows) = (shown(demo, from), rows(demo, SENSOR, from));
    let deaths: Vec<&Blind> = blind.iter().filter(|b| b.whose == Reader::Edge).collect();
    let noticed = |death: &&&Blind| {
        let tail = |at: i64| (death.from - TAIL_MS..=death.from).contains(&at);
        let others: Vec<(i64, f64)> = rows.iter().filter(|(at, _)| !tail(*at)).copied().collect();
        judged(&shown, &others, blind).is_err()
    };
    let many = deaths.iter().filter(noticed).count();
    assert!(many >= 3, "of {} lives of the edge only {many} had an end that was counted", deaths.len());
    say(&format!("the last {TAIL_MS} ms of {many} of {} lives of the edge would be missed", deaths.len()));
}

/// Every value that stayed in the register long enough to be read is in the history, by the simulator's own log.
fn every_lasting_value_is_stored(demo: &Shared, from: i64, outages: &[(i64, i64)]) {
    let writes: Vec<_> = demo
        .register_writes()
        .into_iter()
        .filter(|w| w.tag == SETPOINT)
        .map(|w| (milliseconds(&w.time), w.value))
        .filter(|(time, _)| *time >= from)
        .collect();
    let mut history = history(demo);
    let query = "select time, value from sample join tag on tag.id = sample.tag where tag.name = ?1 and quality = 'good' order by time";
    let rows = block_on(sqlx::query(query).bind(SETPOINT).fetch_all(&mut history)).expect("the history has samples");
    let stored: Vec<(i64, f64)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    let end = now();
    let mut lasting = 0;
    for (i, (time, value)) in writes.iter().enumerate() {
        let until = writes.get(i + 1).map_or(end, |next| next.0);
        let readable = until.min(time + READ_WITHIN_MS);
        let disturbed = outages.iter().any(|(killed, well)| *killed < readable && time < well);
        if until - time < READ_WITHIN_MS || disturbed {
            continue;
        }
        lasting += 1;
        // By exception: what does not differ from the last report by the deadband (0.005 MW) is not reported again.
        let known = stored.iter().rev().find(|(at, _)| *at <= readable);
        assert!(
            known.is_some_and(|(_, last)| (last - value).abs() <= 0.005 + 1e-6),
            "{value} stood in the register from {time} to {until}, the history's latest by {readable} is {known:?}"
        );
    }
    assert!(lasting >= 5, "only {lasting} of {} writes lasted: this proves too little", writes.len());
    say(&format!("{lasting} lasting values of {SETPOINT} in the simulator's log, all in the history"));
}

#[test]
fn killing_each_process_five_times_loses_and_doubles_nothing() {
    let demo = demo();
    let from = now();
    let (mut outages, mut blind) = (Vec::new(), Vec::new());
    let victims = demo.processes();
    assert_eq!(victims.len(), 7, "broker, plants, sub-agents, two centres, two edges: {victims:?}");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| move_sensor(&demo, &stop));
        // Also when something below panics: the scope waits for the mover.
        let _stops = OnDrop(&stop);
        for (i, wanted) in victims.iter().enumerate() {
            set(&demo, if i % 2 == 0 { 1.6 } else { 1.8 }, &format!("recovery-{from}-{i}"));
            // `done` is said of the first step; the velocity limit takes 4 s for the way, and the value then has to last.
            std::thread::sleep(Duration::from_secs(10));
            let victim = demo.processes().into_iter().find(|p| same(p, wanted)).expect("it runs again");
            let outage = kill_and_recover(&demo, &victim);
            outages.push(outage);
            blind.extend(reads_the_sensor(wanted).map(|whose| Blind { whose, from: outage.0, until: outage.1 }));
        }
        // Four times more, so close together that one is down while the next comes up.
        for round in 1..=4 {
            let unread = kill_in_a_row(&demo, &victims, round);
            outages.extend(unread.iter().map(|b| (b.from, b.until)));
            blind.extend(unread);
        }
    });
    demo.inject("north", &["restore", "x1.flow"]);
    // Every entry that was written before now must get there; the centre commits every 250 ms.
    wait_until("the spools are empty but for what flows", Duration::from_secs(30), || spooled(&demo));
    let boots = nothing_lost(&demo);
    let north = boots.keys().filter(|(plant, _)| plant == "north").count();
    assert!(north >= 6, "the edge of north was killed, five times: {boots:?}");
    nothing_doubled(&demo);
    every_lasting_value_is_stored(&demo, from, &outages);
    every_shown_value_is_stored(&demo, from, &blind, 20);
    a_lost_tail_would_be_noticed(&demo, from, &blind);
    the_topic_has_all(&demo, &boots, from, &blind);
    assert_eq!(demo.metric("gl_audit_chain_valid", &[]), Some(1.0));
    the_journal_is_the_one_that_the_edges_know(&demo);
}

/// The journal verifies against the head that each edge keeps on a disk of its own.
pub fn the_journal_is_the_one_that_the_edges_know(demo: &Demo) {
    let mut verify = program("hypocaust-central");
    verify.args(["journal", "verify", "--data"]).arg(demo.data.join("central"));
    for plant in ["north", "south"] {
        let mut status = program("hypocaust-edge");
        status.args(["status", "--json", "--data"]).arg(demo.data.join("edge").join(plant));
        let output = run(&mut status, Duration::from_secs(10));
        assert!(output.status.success(), "{}", text(&output));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("status --json is JSON");
        let anchor = &report["anchor"];
        let seq = anchor["seq"].as_u64().filter(|seq| *seq > 0).unwrap_or_else(|| panic!("no anchor in {report}"));
        verify.arg("--anchor").arg(format!("{seq}:{}", anchor["hash"].as_str().expect("an anchor has a hash")));
    }
    let output = run(&mut verify, Duration::from_secs(60));
    assert!(output.status.success(), "{}", text(&output));
    say(text(&output).trim());
}
