//! The supervisor of OPC UA sessions against a server that flaps and one that falls silent, and both without the rule
//! that is meant for them: then the check must find what the rule prevents.

use hypocaust_protocols::model::Tick;
use hypocaust_protocols::opcua::{Heard, Order, Settings, Supervisor};

const TIMEOUT_MS: u64 = 30_000;

/// The most sessions that a server keeps at once when each of ours is cut after so long.
fn most_kept(settings: Settings, stands_ms: u64) -> usize {
    let mut supervisor = Supervisor::new(settings);
    let (mut begun, mut cut_at, mut most) = (Vec::new(), None, 0);
    for now in (0..600_000).step_by(50) {
        if cut_at.is_some_and(|at| now >= at) {
            cut_at = None;
            supervisor.heard(Tick(now), Heard::Doubt("reset".into()));
        }
        if supervisor.tick(Tick(now)) == Order::Open {
            begun.push(now);
            supervisor.heard(Tick(now), Heard::SessionBegun);
            supervisor.heard(Tick(now), Heard::Opened { keep_alive_ms: 1_000 });
            cut_at = Some(now + stands_ms);
        }
        supervisor.heard(Tick(now), Heard::Published);
        most = most.max(begun.iter().filter(|at| now - **at <= TIMEOUT_MS).count());
    }
    most
}

#[test]
fn sessions_pile_up_only_without_the_limit() {
    // A session that stands for longer than the longest wait is no reason to wait longer for the next.
    assert!(most_kept(Settings::default(), 5_500) <= 5);
    let unlimited = Settings { most_sessions: usize::MAX, ..Settings::default() };
    assert!(most_kept(unlimited, 5_500) > 5, "the check would not find a pile");
}

/// Does it still believe in a subscription that has said nothing for ten minutes, though reads are answered?
fn believes_silence(settings: Settings) -> bool {
    let mut supervisor = Supervisor::new(settings);
    assert_eq!(supervisor.tick(Tick(0)), Order::Open);
    supervisor.heard(Tick(0), Heard::SessionBegun);
    supervisor.heard(Tick(0), Heard::Opened { keep_alive_ms: 1_000 });
    for now in (100..600_000).step_by(100) {
        match supervisor.tick(Tick(now)) {
            Order::Discard(_) => return false,
            Order::ReadAll => {
                supervisor.heard(Tick(now), Heard::ReadAll);
            }
            Order::Wait | Order::Open => {}
        }
    }
    true
}

#[test]
fn silence_is_believed_only_without_the_watchdog() {
    assert!(!believes_silence(Settings::default()));
    assert!(believes_silence(Settings { silence_ms: u64::MAX, ..Settings::default() }), "the check would not find it");
}
