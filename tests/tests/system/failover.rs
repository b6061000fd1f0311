//! Two replicas of the centre: the leader is killed, stopped (in the middle of a transaction, too) and woken, asked to end,
//! again and again. Another leads within 10 s, whoever reads is served all the while, what the old one does afterwards has no
//! effect, and no sample is lost or doubled: by the history's tables, and by what the simulator's own log says that a sensor
//! showed all the while.

use super::bus::the_topic_has_all;
use super::counts::{
    OnDrop, every_shown_value_is_stored, milliseconds, move_sensor, nothing_doubled, nothing_lost, now, shown, spooled,
};
use super::recovery::the_journal_is_the_one_that_the_edges_know;
use super::shared::{Shared, at_rest, demo, say, turn};
use hypocaust_tests::harness::held::HeldWire;
use hypocaust_tests::harness::{Demo, Options, Process, RegisterWrite, free_port, programs, runs, signal, wait_until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::os::linux::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const WITHIN: Duration = Duration::from_secs(10);
/// A register that dispatch leaves alone while nobody is short.
const SETPOINT: &str = "north.tracing.cap-sp";
/// Where SQLite's write lock lies in the index of a write-ahead log ("WAL-mode file format", section 2.2).
const WRITE_LOCK: &str = "120 120";

/// The replica that leads.
#[derive(Debug, Clone)]
pub struct Leader {
    pub console: String,
    pub process: Process,
    epoch: u64,
}

/// By what each replica says of itself. An error: none does, or one does not answer.
fn leader(demo: &Demo, except: Option<&str>) -> Result<Leader, String> {
    for console in demo.consoles().into_iter().filter(|c| Some(c.as_str()) != except) {
        let fleet = demo.try_get_at(&console, "/api/v1/fleet")?;
        if fleet["leads"] != true {
            continue;
        }
        let id = fleet["leader"].as_str().ok_or_else(|| format!("it leads and names nobody: {fleet}"))?;
        let process = demo.processes().into_iter().find(|p| p.replica.as_deref() == Some(id));
        let process = process.ok_or_else(|| format!("no process is replica {id}"))?;
        let epoch = fleet["epoch"].as_u64().ok_or_else(|| format!("no epoch in {fleet}"))?;
        return Ok(Leader { console, process, epoch });
    }
    Err("no replica leads".into())
}

/// The same where some replicas may not answer.
fn leader_of_any(demo: &Demo) -> Result<Leader, String> {
    let consoles = demo.consoles();
    let found = consoles.iter().find_map(|dead| leader(demo, Some(dead)).ok());
    found.ok_or_else(|| "no replica that answers leads".into())
}

/// Everything linked and served, one leading and the other following it.
pub fn settled(demo: &Demo) -> Leader {
    let (found, _) = wait_until("one replica leads and all is well", Duration::from_secs(120), || {
        at_rest(demo)?;
        spooled(demo)?;
        let found = leader(demo, None)?;
        for console in demo.consoles() {
            let fleet = demo.try_get_at(&console, "/api/v1/fleet")?;
            if fleet["leader"] != json!(found.process.replica) || fleet["epoch"] != json!(found.epoch) {
                return Err(format!("{console} says {fleet}"));
            }
            demo.try_get_at(&console, "/health/ready")?;
        }
        Ok(found)
    });
    found
}

/// The console of a replica that is not the leader.
fn other(demo: &Demo, leader: &Leader) -> String {
    demo.consoles().into_iter().find(|c| *c != leader.console).expect("there are two")
}

/// Who reads at a console, again and again, until told to stop; how often, and the first failure.
fn read_on(demo: &Shared, console: &str, stop: &AtomicBool) -> Result<u32, String> {
    let mut times = 0;
    while !stop.load(Ordering::Relaxed) {
        for path in ["/api/v1/fleet", "/api/v1/tags?plant=north", "/api/v1/journal/head", "/health/live"] {
            demo.try_get_at(console, path)?;
        }
        times += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(times)
}

/// What `act` does to the leader, again and again, and how long it takes until another leads, whose readers are served
/// meanwhile.
#[expect(clippy::disallowed_methods, reason = "measures the running programs")]
fn another_leads(demo: &Shared, old: &Leader, mut act: impl FnMut()) -> (Leader, Duration) {
    let reader = other(demo, old);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| read_on(demo, &reader, &stop));
        let began = Instant::now();
        act();
        let mut looked = || loop {
            match leader(demo, Some(&old.console)) {
                Ok(new) => return Ok(new),
                Err(why) if began.elapsed() > Duration::from_secs(30) => return Err(why),
                Err(_) => {
                    std::thread::sleep(Duration::from_millis(20));
                    act();
                }
            }
        };
        let new = looked();
        let took = began.elapsed();
        stop.store(true, Ordering::Relaxed);
        let served = reading.join().expect("the reader does not panic").expect("readers are served all the while");
        let new = new.unwrap_or_else(|why| panic!("nobody leads after {took:?}: {why}"));
        assert!(took < WITHIN, "another leads only after {took:?}");
        assert!(new.epoch > old.epoch, "epoch {} after {}", new.epoch, old.epoch);
        assert!(served > 0, "nobody read");
        (new, took)
    })
}

fn edges_know(demo: &Demo, epoch: u64) -> Duration {
    let (_, took) = wait_until("every edge has heard of the new leader", Duration::from_secs(20), || {
        for plant in ["north", "south"] {
            let known = demo.edge_metric(plant, "gl_001_epoch", &[]);
            if known.is_none_or(|known| known < epoch as f64) {
                return Err(format!("{plant} knows {known:?}"));
            }
        }
        Ok(())
    });
    took
}

fn times() -> usize {
    std::env::var("HYPOCAUST_FAILOVERS").map_or(3, |n| n.parse().expect("HYPOCAUST_FAILOVERS is a whole number"))
}

fn summary(what: &str, took: &[Duration]) {
    let mut s: Vec<f64> = took.iter().map(Duration::as_secs_f64).collect();
    s.sort_by(f64::total_cmp);
    let (least, middle, most) = (s[0], s[s.len() / 2], s[s.len() - 1]);
    say(&format!("{what}: another leads after {least:.1} to {most:.1} s, median {middle:.1} s, of {} times", s.len()));
}

#[test]
fn a_write_to_a_replica_that_follows_names_the_leader_and_one_session_opens_all() {
    let demo = demo();
    let led = settled(&demo);
    let follower = other(&demo, &led);
    // The token is of the first console; each replica knows it.
    let body = json!({"plant": "north", "setpoint": SETPOINT, "value": 2.0, "reason": "to the wrong replica"});
    let key = [("Idempotency-Key", "wrong-replica")];
    let (status, problem) =
        demo.try_call_at(&follower, reqwest::Method::POST, "/api/v1/commands", Some(&body), &key).expect("an answer");
    assert_eq!((status, problem["code"].as_str()), (421, Some("GL-E-NOT-LEADING")), "{problem}");
    assert_eq!(problem["leader"].as_str(), Some(led.console.as_str()), "{problem}");
    let (status, taken) = demo
        .try_call_at(&led.console, reqwest::Method::POST, "/api/v1/commands", Some(&body), &key)
        .expect("an answer");
    assert_eq!(status, 202, "{taken}");
    // The follower reads of it in the journal.
    let id = taken["id"].as_str().expect("a command has an id").to_owned();
    wait_until("the follower knows of the command", Duration::from_secs(15), || {
        let answer = demo.try_get_at(&follower, &format!("/api/v1/commands/{id}"))?;
        if answer["state"] == "done" { Ok(()) } else { Err(answer.to_string()) }
    });
    // And what it shows of the plants is as young as the leader's, if it was started just now as soon as it has heard of
    // them: it asks for births that it missed.
    wait_until("the follower shows what the plants show", Duration::from_secs(15), || {
        let tags = demo.try_get_at(&follower, "/api/v1/tags?plant=north")?;
        let old = |t: &&Value| t["quality"] != "good" || t["age_ms"].as_i64().is_none_or(|age| age > 10_000);
        let old: Vec<&Value> = tags["tags"].as_array().ok_or("tags is no list")?.iter().filter(old).collect();
        if old.is_empty() { Ok(()) } else { Err(format!("{old:?}")) }
    });
}

/// A series of takeovers while a sensor moves; nothing is lost or doubled by them. Neither edge nor simulator dies in it, so
/// every value counts.
fn series(demo: &Shared, what: &str, mut takeover: impl FnMut(usize) -> Duration) {
    let from = now();
    let stop = AtomicBool::new(false);
    let took: Vec<Duration> = std::thread::scope(|scope| {
        scope.spawn(|| move_sensor(demo, &stop));
        let _stops = OnDrop(&stop);
        let took = (0..times()).map(&mut takeover).collect();
        settled(demo);
        // Where all of it was quick the sensor has hardly moved; the last value that it showed is not judged.
        wait_until("the sensor has shown a value a takeover", Duration::from_secs(60), || {
            let values = shown(demo, from).len();
            if values > times() { Ok(()) } else { Err(format!("{values} values")) }
        });
        took
    });
    demo.inject("north", &["restore", "x1.flow"]);
    std::thread::sleep(Duration::from_secs(2));
    wait_until("the spools are empty but for what flows", Duration::from_secs(60), || spooled(demo));
    summary(what, &took);
    let boots = nothing_lost(demo);
    nothing_doubled(demo);
    every_shown_value_is_stored(demo, from, &[], times());
    the_topic_has_all(demo, &boots, from, &[]);
    the_journal_is_the_one_that_the_edges_know(demo);
}

#[test]
fn a_leader_that_is_killed_is_followed_by_another_within_10_s() {
    let demo = demo();
    series(&demo, "the leader is killed", |_| {
        let old = settled(&demo);
        // One that is started again leads at once, by its own old lease; so it is killed as often as it comes up.
        let (new, after) = another_leads(&demo, &old, || {
            let again = demo.processes().into_iter().find(|p| p.replica == old.process.replica);
            signal(again.map_or(old.process.pid, |p| p.pid), Signal::SIGKILL);
        });
        let heard = edges_know(&demo, new.epoch);
        say(&format!(
            "killed {}: replica {} leads in epoch {} after {:.1} s, every edge has heard of it {:.1} s later",
            old.process,
            new.process.replica.as_deref().unwrap_or("?"),
            new.epoch,
            after.as_secs_f64(),
            heard.as_secs_f64()
        ));
        after
    });
}

#[test]
fn a_leader_that_is_killed_once_leads_again_by_its_own_lease() {
    let demo = demo();
    let old = settled(&demo);
    signal(old.process.pid, Signal::SIGKILL);
    let (new, after) = wait_until("a replica leads in a new epoch", WITHIN, || {
        let found = leader_of_any(&demo)?;
        if found.epoch > old.epoch { Ok(found) } else { Err(format!("epoch {}", found.epoch)) }
    });
    say(&format!(
        "killed {} once: {} leads in epoch {} after {:.1} s",
        old.process,
        new.process,
        new.epoch,
        after.as_secs_f64()
    ));
    settled(&demo);
}

#[test]
fn a_leader_that_is_asked_to_end_hands_over_at_once() {
    let demo = demo();
    series(&demo, "the leader is asked to end", |_| {
        let old = settled(&demo);
        let mut asked = false;
        let (new, after) = another_leads(&demo, &old, || {
            if !std::mem::replace(&mut asked, true) {
                signal(old.process.pid, Signal::SIGTERM);
            }
        });
        edges_know(&demo, new.epoch);
        say(&format!("asked {} to end: another leads after {:.1} s", old.process, after.as_secs_f64()));
        after
    });
}

/// Does this process hold the write lock of one of these of the centre's databases?
fn writes(demo: &Demo, pid: u32, databases: &[&str]) -> bool {
    let locks = std::fs::read_to_string("/proc/locks").expect("the kernel tells its locks");
    databases.iter().any(|database| {
        let index = demo.data.join(format!("central/{database}-shm"));
        let inode = std::fs::metadata(&index).expect("a database in use has its index").st_ino();
        let of = (format!(" WRITE {pid} "), format!(":{inode} {WRITE_LOCK}"));
        locks.lines().any(|line| line.contains(&of.0) && line.ends_with(&of.1))
    })
}

/// Stops it, and waits until the kernel has done so.
#[expect(clippy::disallowed_methods, reason = "measures the running programs")]
fn stop(pid: u32) {
    signal(pid, Signal::SIGSTOP);
    let began = Instant::now();
    let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    while !state().contains(") T ") {
        assert!(began.elapsed() < Duration::from_secs(2), "it is not stopped: {}", state());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Stops it between two of its transactions; how often it had to be woken for that. One that keeps the others from a database
/// is ended by whoever started it.
fn stop_between_writes(demo: &Demo, pid: u32) -> u32 {
    for woken in 0..100 {
        stop(pid);
        if !writes(demo, pid, &["journal.db", "history.db", "users.db"]) {
            return woken;
        }
        signal(pid, Signal::SIGCONT);
        std::thread::sleep(Duration::from_millis(30));
    }
    panic!("it writes all the time");
}

/// Stops it in the middle of a transaction of the journal; how often it was stopped too late and woken for that.
#[expect(clippy::disallowed_methods, reason = "measures the running programs")]
fn stop_in_a_transaction(demo: &Demo, pid: u32) -> u32 {
    let (began, mut woken) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(120) {
        if writes(demo, pid, &["journal.db"]) {
            stop(pid);
            if writes(demo, pid, &["journal.db"]) {
                return woken;
            }
            signal(pid, Signal::SIGCONT);
            woken += 1;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    panic!(
        "not once in {:?} was it in a transaction when it was stopped; {woken} times it was too late",
        began.elapsed()
    );
}

/// Only whoever started it ends it: while that one is stopped too, nobody leads. A demo of its own, since nobody watches over
/// it meanwhile.
#[test]
fn a_leader_that_is_stopped_in_a_transaction_is_ended_and_without_that_nobody_leads() {
    let _turn = turn();
    let demo = Demo::start(Options::default());
    let old = settled(&demo);
    let follower = other(&demo, &old);
    let n = demo.consoles().iter().position(|c| *c == follower).expect("it is one of them") + 1;
    let log = if n == 1 { "central".to_owned() } else { format!("central-{n}") };
    let pid = old.process.pid;
    // Whatever happens below, they shall not stay stopped.
    let _wakes = (Wakes(pid), Wakes(demo.pid));
    stop(demo.pid);
    let woken = stop_in_a_transaction(&demo, pid);
    let held = || writes(&demo, pid, &["journal.db"]);
    for _ in 0..WITHIN.as_secs() {
        std::thread::sleep(Duration::from_secs(1));
        let led = leader(&demo, Some(&old.console)).map(|new| new.epoch);
        assert!(led.is_err() && held(), "epoch {led:?} is led beside a transaction that is under way");
    }
    let why = format!("process {pid} is stopped in the middle of a transaction");
    assert!(demo.log(&log).contains(&why), "whoever waits for it does not say so: {why}");
    signal(demo.pid, Signal::SIGCONT);
    let (new, took) = wait_until("another leads", WITHIN, || leader(&demo, Some(&old.console)));
    assert!(!held() && !runs(pid), "it was ended");
    assert!(demo.said().contains(&format!("process {pid} of the centre is stopped")), "{}", demo.said());
    say(&format!(
        "stopped {} in a transaction (too late {woken} times): nobody leads within {} s while nobody ends it, and epoch {} \
         begins {:.1} s after somebody can",
        old.process,
        WITHIN.as_secs(),
        new.epoch,
        took.as_secs_f64()
    ));
}

#[test]
fn a_leader_that_is_stopped_in_a_transaction_is_followed_by_another_within_10_s() {
    let demo = demo();
    series(&demo, "the leader is stopped in a transaction", |_| {
        let old = settled(&demo);
        let _wakes = Wakes(old.process.pid);
        let _ = stop_in_a_transaction(&demo, old.process.pid);
        // From here on it has not led.
        let (new, after) = another_leads(&demo, &old, || {});
        edges_know(&demo, new.epoch);
        say(&format!("stopped {} in a transaction: another leads after {:.1} s", old.process, after.as_secs_f64()));
        after
    });
}

#[test]
fn a_leader_that_is_stopped_and_woken_changes_nothing() {
    let demo = demo();
    series(&demo, "the leader is stopped", |round| {
        let old = settled(&demo);
        let pid = old.process.pid;
        let refused = |gate: &str| -> f64 {
            let of = |plant| demo.edge_metric(plant, "gl_001_write_refusals_total", &[("gate", gate)]).unwrap_or(0.0);
            of("north") + of("south")
        };
        let (before, mut woken) = (refused("epoch"), 0);
        // Whatever happens below, it shall not stay stopped.
        let _wakes = Wakes(pid);
        let mut stopped = false;
        let (new, after) = another_leads(&demo, &old, || {
            if !std::mem::replace(&mut stopped, true) {
                woken = stop_between_writes(&demo, pid);
            }
        });
        edges_know(&demo, new.epoch);
        // A person who did not notice asks the stopped one; the kernel takes the request, and it finds it when it wakes.
        let mark = 1.0 + 0.0137 * (round + 1) as f64;
        let body = json!({"plant": "north", "setpoint": SETPOINT, "value": mark, "reason": "to one that is stopped"});
        let key = format!("stopped-{pid}-{round}");
        let answer = std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let headers = [("Idempotency-Key", key.as_str())];
                demo.try_call_at(&old.console, reqwest::Method::POST, "/api/v1/commands", Some(&body), &headers)
            });
            // Long enough in every second round for the broker to have missed it.
            std::thread::sleep(Duration::from_secs(if round % 2 == 0 { 2 } else { 8 }));
            signal(pid, Signal::SIGCONT);
            asking.join().expect("the caller does not panic")
        });
        let (status, problem) = answer.expect("the woken one answers");
        assert!(matches!(status, 421 | 503), "{status} {problem}");
        assert_eq!(problem["code"], "GL-E-NOT-LEADING", "{problem}");
        wait_until("the woken one knows who leads", Duration::from_secs(10), || {
            let fleet = demo.try_get_at(&old.console, "/api/v1/fleet")?;
            let knows = fleet["leads"] == false && fleet["leader"] == json!(new.process.replica);
            if knows { Ok(()) } else { Err(fleet.to_string()) }
        });
        std::thread::sleep(Duration::from_secs(3));
        let moved: Vec<_> =
            demo.register_writes().into_iter().filter(|w| w.tag == SETPOINT && w.value == mark).collect();
        assert!(moved.is_empty(), "the woken one moved a register: {moved:?}");
        only_epoch(&demo, &new);
        assert!(runs(pid), "it goes on as a follower");
        say(&format!(
            "stopped {}: another leads in epoch {} after {:.1} s; stopped anew {woken} times because it was writing; \
             woken, it was told no by {} and the edges refused {} messages of an old epoch",
            old.process,
            new.epoch,
            after.as_secs_f64(),
            status,
            refused("epoch") - before
        ));
        after
    });
}

/// A replica of a demo's centre that the demo knows nothing of: between it and the broker lies a wire of the test.
struct Apart {
    child: Child,
    console: String,
}

impl Apart {
    fn start(demo: &Demo, wire: &HeldWire) -> Apart {
        let listen = format!("127.0.0.1:{}", free_port());
        let log = std::fs::File::create(demo.data.join("log/central-apart.log")).expect("a file can be made");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(programs().join("hypocaust-central"))
            .args(["run", "--replica", "apart", "--listen", &listen, "--kafka", &demo.kafka()])
            .args(["--mqtt", &format!("mqtt://127.0.0.1:{}", wire.port)])
            .arg("--fleet")
            .arg(&demo.options.fleet)
            .arg("--data")
            .arg(demo.data.join("central"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("setpriv is part of every Debian");
        Apart { child, console: format!("http://{listen}") }
    }

    /// The epoch in which it leads.
    fn leads(&self, demo: &Demo) -> Result<u64, String> {
        let fleet = demo.try_get_at(&self.console, "/api/v1/fleet")?;
        if fleet["leads"] == true { fleet["epoch"].as_u64().ok_or("no epoch".into()) } else { Err(fleet.to_string()) }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks the others to end until this one leads; in which epoch.
fn let_lead(demo: &Demo, apart: &Apart) -> u64 {
    wait_until("it is ready", Duration::from_secs(60), || demo.try_get_at(&apart.console, "/health/ready"));
    let mut epoch = 0;
    for _ in 0..10 {
        let (led, _) = wait_until("somebody leads anew", Duration::from_secs(60), || {
            let led = match apart.leads(demo) {
                Ok(epoch) => (epoch, None),
                Err(_) => leader_of_any(demo).map(|led| (led.epoch, Some(led.process.pid)))?,
            };
            if led.0 > epoch { Ok(led) } else { Err("the one that was asked to end".to_owned()) }
        });
        let Some(pid) = led.1 else { return led.0 };
        epoch = led.0;
        signal(pid, Signal::SIGTERM);
    }
    panic!("the others are always first");
}

/// What a leader has sent is held up on its way, it is stopped, and another leads. Then it is woken, and what it had sent comes to
/// the edge after the other's commands.
#[test]
fn what_comes_of_a_stopped_leader_after_anothers_command_is_refused_for_its_epoch() {
    let _turn = turn();
    let demo = Demo::start(Options::default());
    settled(&demo);
    let wire = HeldWire::to(demo.mqtt().1);
    let apart = Apart::start(&demo, &wire);
    let epoch = let_lead(&demo, &apart);
    edges_know(&demo, epoch);
    wait_until("all is well under it", Duration::from_secs(60), || at_rest(&demo));
    let order = |console: &str, value: f64| {
        let body = json!({"plant": "north", "setpoint": SETPOINT, "value": value, "reason": "before and after"});
        let key = format!("held-{value}");
        let headers = [("Idempotency-Key", key.as_str())];
        let answer = demo.try_call_at(console, reqwest::Method::POST, "/api/v1/commands", Some(&body), &headers);
        let (status, taken) = answer.expect("an answer");
        assert_eq!(status, 202, "{taken}");
        taken["id"].as_str().expect("a command has an id").to_owned()
    };
    let (first, second) = (1.0137, 1.0411);

    wire.hold();
    let id = order(&apart.console, first);
    // It has handed it to its connection by then.
    std::thread::sleep(Duration::from_millis(500));
    let _wakes = Wakes(apart.child.id());
    stop_between_writes(&demo, apart.child.id());
    let (new, after) = wait_until("another leads", WITHIN, || {
        leader_of_any(&demo).ok().filter(|new| new.epoch > epoch).ok_or("nobody leads")
    });
    edges_know(&demo, new.epoch);
    let done = |id: &str| {
        wait_until("the order is done", Duration::from_secs(20), || {
            let answer = demo.try_get_at(&new.console, &format!("/api/v1/commands/{id}"))?;
            if answer["state"] == "done" { Ok(()) } else { Err(answer.to_string()) }
        });
    };
    // What the old one had decided stands in the journal: the new one sends it in its own epoch. Then a person thinks again.
    done(&id);
    // A setpoint is not moved twice at once.
    std::thread::sleep(Duration::from_secs(1));
    done(&order(&new.console, second));
    let refused = || demo.edge_metric("north", "gl_001_write_refusals_total", &[("gate", "epoch")]).unwrap_or(0.0);
    let (before, from) = (refused(), now());

    signal(apart.child.id(), Signal::SIGCONT);
    let packets = wire.release();
    wait_until("the edge has refused what came late", Duration::from_secs(10), || {
        let said = demo.log("edge-north");
        let mine = |line: &&str| line.contains(&id) && line.contains("epoch") && line.contains(&epoch.to_string());
        let told = said.lines().find(|line| line.contains("refused") && mine(line));
        if refused() > before { told.map(str::to_owned).ok_or("its log does not say so") } else { Err("not counted") }
    });
    std::thread::sleep(Duration::from_secs(3));
    let moved =
        |w: &RegisterWrite| w.tag == SETPOINT && (w.value - first).abs() < 1e-6 && milliseconds(&w.time) >= from;
    let moved: Vec<RegisterWrite> = demo.register_writes().into_iter().filter(moved).collect();
    assert!(moved.is_empty(), "what came late moved a register: {moved:?}");
    only_epoch(&demo, &new);
    let (woken, _) = wait_until("the woken one follows", Duration::from_secs(20), || {
        let fleet = demo.try_get_at(&apart.console, "/api/v1/fleet")?;
        if fleet["epoch"] == json!(new.epoch) { Ok(fleet) } else { Err(fleet.to_string()) }
    });
    assert_eq!(woken["leads"], false, "{woken}");
    say(&format!(
        "epoch {epoch} was stopped with {packets} packets on their way, epoch {} led after {:.1} s; the edge of north refused \
         {} messages of the old one, and no register moved",
        new.epoch,
        after.as_secs_f64(),
        refused() - before
    ));
}

struct Wakes(u32);

impl Drop for Wakes {
    fn drop(&mut self) {
        signal(self.0, Signal::SIGCONT);
    }
}

/// From the beginning of this leadership on every entry of the journal is of it.
fn only_epoch(demo: &Demo, leader: &Leader) {
    let head = demo.get("/api/v1/journal/head")["seq"].as_u64().expect("a head has a seq");
    let answer = demo.get(&format!("/api/v1/journal?from={}&limit=400", head.saturating_sub(399).max(1)));
    let entries = answer.as_array().or_else(|| answer["entries"].as_array()).expect("entries is a list").clone();
    let began = |e: &Value| e["kind"] == "started" && e["epoch"] == leader.epoch;
    let after: Vec<&Value> = entries.iter().skip_while(|e| !began(e)).collect();
    assert!(!after.is_empty(), "the beginning of epoch {} is not among the last entries", leader.epoch);
    let strange = after.iter().find(|e| e["epoch"] != leader.epoch);
    assert!(strange.is_none(), "an entry of another epoch after the beginning of {}: {strange:?}", leader.epoch);
}
