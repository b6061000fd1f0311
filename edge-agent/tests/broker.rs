//! The real program against a real Mosquitto, a PLC of a few lines, and the Sparkplug host machine that the centre uses.

mod system {
    pub mod bench;
    pub mod plc;
}

use hypocaust_protocols::model::Tick;
use hypocaust_protocols::wire::{Action, Command, Signed, SigningKey, Verdict, Writer, metric};
use std::sync::atomic::Ordering;
use std::time::Duration;
use system::bench::{Bench, key};

fn command(bench: &Bench, id: &str, value: f64) -> Command {
    Command {
        id: id.into(),
        plant: "north".parse().unwrap(),
        writer: Writer::Operator,
        action: Action::Set { setpoint: "north.mill.cap-sp".parse().unwrap(), value },
        epoch: 3,
        boot: bench.boot(),
        tick: Tick(bench.tick()),
        ttl_ms: 8000,
        reason: 1,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_keeps_every_entry_over_kills_and_obeys_only_the_centre() {
    let mut bench = Bench::start().await;

    // Births carry what the registers show.
    bench.until("births", |b| b.value("north.steam.pressure") == Some(10.0)).await;
    bench.plc.wiggle(20.0);
    bench.until("live entries", |b| b.live.len() >= 4).await;
    let first_boot = bench.boot();

    // Nothing was acknowledged: after a kill everything of the old boot comes again, as history.
    bench.plc.wiggle(30.0);
    bench.until("more entries", |b| b.live.len() >= 8).await;
    bench.kill_edge();
    bench.start_edge();
    let old: Vec<_> = bench.live.union(&bench.historical).copied().collect();
    bench.historical.clear();
    bench.until("a new boot", |b| b.boot() > first_boot).await;
    bench.until("the backlog", |b| old.iter().all(|key| b.historical.contains(key))).await;
    bench.no_holes(first_boot);

    // What is acknowledged is forgotten, exactly that.
    bench.acknowledge_everything = true;
    bench.until("an empty spool", |b| b.spool_entries() == Some(0)).await;

    // Beats bring it under the centre's lead, and a signed command into the register.
    bench.beats = true;
    bench.until("remote", |b| b.mode() == Some("remote")).await;
    let before = bench.plc.f32(112);
    assert_eq!(before, 12.0);
    let good = Signed::seal(metric::COMMAND, &command(&bench, "c-good", 11.9), &key());
    let forged = Signed::seal(metric::COMMAND, &command(&bench, "c-forged", 1.0), &SigningKey::from_bytes(&[1; 32]));
    bench.send(metric::COMMAND, &forged).await;
    bench.until("a refusal", |b| b.outcomes.len() == 1).await;
    assert!(matches!(&bench.outcomes[0].verdict, Verdict::Refused(r) if r.gate == "signature"));
    assert_eq!(bench.plc.f32(112), 12.0);
    bench.send(metric::COMMAND, &good).await;
    bench.until("an answer", |b| b.outcomes.len() == 2).await;
    assert!(matches!(bench.outcomes[1].verdict, Verdict::Done { .. }), "{:?}", bench.outcomes[1]);
    assert!((bench.plc.f32(112) - 11.9).abs() < 1e-3, "{}", bench.plc.f32(112));

    // The same again, after a restart of the edge: the first answer, and no second write.
    bench.kill_edge();
    let boot = bench.boot();
    bench.start_edge();
    bench.until("a third boot", |b| b.boot() > boot).await;
    let writes = bench.plc.writes_at(112);
    bench.send(metric::COMMAND, &good).await;
    bench.until("the first answer again", |b| b.outcomes.len() == 3).await;
    assert_eq!(bench.outcomes[2], bench.outcomes[1]);
    assert_eq!(bench.plc.writes_at(112), writes);

    // The broker goes and comes: what was spooled meanwhile arrives, nothing is missing.
    bench.acknowledge_everything = false;
    bench.restart_broker(Duration::from_secs(2)).await;
    bench.plc.wiggle(40.0);
    let sessions = bench.births;
    bench.until("a new session", |b| b.births > sessions).await;
    bench.plc.wiggle(50.0);
    let seen = bench.live.len() + bench.historical.len();
    bench.until("entries after it", |b| b.live.len() + b.historical.len() > seen + 2).await;
    let boot = bench.boot();
    bench.until("no holes", |b| b.has_no_holes(boot)).await;

    // The counter that the PLC watches moves all the time.
    let counter = bench.plc.u16(0);
    bench.until("the watchdog counter", |b| b.plc.u16(0) > counter + 1).await;

    // A clean stop says goodbye.
    let deaths = bench.deaths;
    let code = bench.stop_edge().await;
    assert_eq!(code, Some(0));
    bench.until("the death certificate", |b| b.deaths > deaths).await;
}

/// The modes in their order, each after the time at least that the fleet's file promises for it: `hold_after_s` 5,
/// `autonomous_after_s` 30, `reentry_beats` 5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_beats_the_program_holds_then_acts_alone_and_beats_bring_it_back() {
    const HOLD: Duration = Duration::from_secs(5);
    const AUTONOMOUS: Duration = Duration::from_secs(30);
    let mut bench = Bench::start().await;
    let entered = |b: &Bench| b.modes.last().expect("a mode").1;
    bench.until("its start, in which it has heard nobody", |b| b.mode() == Some("holding")).await;
    bench.beats = true;
    bench.until("remote", |b| b.mode() == Some("remote")).await;
    assert!(bench.beats_sent.0 >= 5, "led after {} beats", bench.beats_sent.0);

    bench.beats = false;
    let last_beat = bench.beats_sent.1;
    bench.until("holding", |b| b.mode() == Some("holding")).await;
    assert!(entered(&bench) - last_beat >= HOLD, "it held after {:?}", entered(&bench) - last_beat);
    bench.until("autonomous", |b| b.mode() == Some("autonomous")).await;
    assert!(entered(&bench) - last_beat >= AUTONOMOUS, "it was alone after {:?}", entered(&bench) - last_beat);

    // Blind, it does not go on as if it saw; beats alone do not bring it back from there.
    bench.plc.silent.store(true, Ordering::Relaxed);
    let blind = system::bench::clock();
    bench.until("fallback", |b| b.mode() == Some("fallback")).await;
    assert!(entered(&bench) - blind >= HOLD, "it fell back after {:?}", entered(&bench) - blind);
    bench.beats = true;
    let sent = bench.beats_sent.0;
    bench.until("more beats than it takes otherwise", |b| b.beats_sent.0 >= sent + 8).await;
    assert_eq!(bench.mode(), Some("fallback"));
    bench.plc.silent.store(false, Ordering::Relaxed);
    let seeing = system::bench::clock();
    bench.until("remote again", |b| b.mode() == Some("remote")).await;
    assert!(entered(&bench) - seeing >= HOLD, "it trusted its eyes after {:?}", entered(&bench) - seeing);

    // Each mode was there once and in this order.
    let told: Vec<&str> = bench.modes.iter().map(|(mode, _)| mode.as_str()).collect();
    let back = ["holding", "remote", "holding", "autonomous", "fallback", "autonomous", "remote"];
    assert_eq!(told, back);
    assert_eq!(bench.stop_edge().await, Some(0));
}
