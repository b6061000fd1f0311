use super::*;
use hypocaust_protocols::model::SourceState;
use std::path::Path;

fn small() -> Enterprise {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    Enterprise::new(&hypocaust_protocols::files::load(&folder).expect("the sample fleet"), 1, 10.0)
}

fn source<'e>(e: &'e mut Enterprise, id: &str) -> &'e mut Source {
    e.sources.iter_mut().find(|s| s.spec.id.as_str() == id).expect("a source of the sample fleet")
}

fn header<'e>(e: &'e Enterprise, id: &str) -> &'e Header {
    e.headers.iter().find(|h| h.spec.id.as_str() == id).expect("a header of the sample fleet")
}

fn run(e: &mut Enterprise, seconds: i64) {
    for _ in 0..seconds * 5 {
        e.step(200);
    }
}

#[test]
fn energy_is_conserved_whatever_happens() {
    let mut e = small();
    let before = e.stored();
    run(&mut e, 600);
    source(&mut e, "north.b1").fault = true;
    e.mains[0].setpoint = 3.0;
    e.storages[0].setpoint = -2.0;
    run(&mut e, 900);
    e.storages[0].setpoint = 3.0;
    e.mains[1].open = false;
    source(&mut e, "north.b1").fault = false;
    run(&mut e, 900);
    let l = e.ledger;
    let gap = l.made - l.drawn - l.lost - l.vented - (e.stored() - before);
    assert!(gap.abs() < 1e-6 * l.made, "{gap} MWh of {} MWh are unaccounted for", l.made);
}

#[test]
fn the_swing_source_holds_its_header() {
    let mut e = small();
    run(&mut e, 3600);
    let value = header(&e, "north.steam").value;
    assert!((value - 10.0).abs() < 0.1, "north.steam at {value} bar");
}

#[test]
fn a_trip_starves_the_header_and_a_restart_brings_it_back() {
    let mut e = small();
    e.mains[0].setpoint = 3.0; // the south cannot carry its own demand
    run(&mut e, 300);
    source(&mut e, "south.b1").fault = true;
    run(&mut e, 300);
    assert_eq!(source(&mut e, "south.b1").state, SourceState::Tripped);
    let low = header(&e, "south.steam");
    assert!(low.supply() < 0.6, "draw falls with pressure, now {} bar", low.value);
    let b1 = source(&mut e, "south.b1");
    b1.fault = false;
    b1.reset();
    b1.requested = true;
    let mut seen = Vec::new();
    for _ in 0..1200 {
        run(&mut e, 1);
        let state = source(&mut e, "south.b1").state;
        if seen.last() != Some(&state) {
            seen.push(state);
        }
    }
    use SourceState::*;
    assert_eq!(seen, [Purge, LightOff, WarmUp, On]);
    let value = header(&e, "south.steam").value;
    assert!(value > 8.5, "recovered to {value} bar");
}

#[test]
fn failed_lightings_end_in_a_lockout_that_only_a_person_ends() {
    let mut e = small();
    let b2 = source(&mut e, "north.b2");
    b2.requested = false;
    run(&mut e, 1);
    let b2 = source(&mut e, "north.b2");
    b2.will_fail = 3;
    b2.requested = true;
    run(&mut e, 600);
    assert_eq!(source(&mut e, "north.b2").state, SourceState::Lockout);
    source(&mut e, "north.b2").requested = true;
    run(&mut e, 60);
    assert_eq!(source(&mut e, "north.b2").state, SourceState::Lockout, "a request does not reset");
    source(&mut e, "north.b2").reset();
    assert_eq!(source(&mut e, "north.b2").state, SourceState::Off);
}

#[test]
fn a_cap_sheds_and_the_same_seed_repeats() {
    let (mut a, mut b) = (small(), small());
    for e in [&mut a, &mut b] {
        e.consumers[3].cap = 1.0;
        run(e, 120);
    }
    assert!((a.consumers[3].served - 1.0).abs() < 0.01, "{} MW under a cap of 1 MW", a.consumers[3].served);
    assert_eq!(a.stored().to_bits(), b.stored().to_bits());
}

#[test]
fn a_trip_is_out_of_the_sequence_from_every_state() {
    for seconds in [1, 70, 80, 400] {
        let mut e = small();
        source(&mut e, "north.b2").requested = false;
        run(&mut e, 1);
        source(&mut e, "north.b2").requested = true;
        run(&mut e, seconds);
        source(&mut e, "north.b2").fault = true;
        run(&mut e, 1);
        assert_eq!(source(&mut e, "north.b2").state, SourceState::Tripped, "after {seconds} s");
    }
}

#[test]
fn a_request_during_a_fault_starts_nothing_later() {
    let mut e = small();
    source(&mut e, "north.b2").fault = true;
    run(&mut e, 1);
    source(&mut e, "north.b2").requested = true;
    run(&mut e, 1);
    source(&mut e, "north.b2").fault = false;
    run(&mut e, 5);
    assert_eq!(source(&mut e, "north.b2").state, SourceState::Tripped);
    source(&mut e, "north.b2").requested = true;
    run(&mut e, 1);
    assert_eq!(source(&mut e, "north.b2").state, SourceState::Purge);
}

#[test]
fn lightings_that_always_fail_lock_out_and_none_fail_by_default() {
    for (share, end) in [(1.0, SourceState::Lockout), (0.0, SourceState::On)] {
        let mut e = small();
        e.start_failure_share = share;
        source(&mut e, "north.b2").requested = false;
        run(&mut e, 1);
        source(&mut e, "north.b2").requested = true;
        run(&mut e, 600);
        assert_eq!(source(&mut e, "north.b2").state, end);
    }
}

#[test]
fn what_is_taken_in_follows_the_curves_of_efficiency() {
    let mut e = small();
    // A boiler at 40 and 80 % of its load, a heat pump, an engine, waste heat: 0.905, 0.918, COP 3.2, 0.44, nothing.
    for (load, efficiency) in [(3.2, 0.905), (6.4, 0.918)] {
        source(&mut e, "north.b2").setpoint = load;
        run(&mut e, 900);
        let b2 = source(&mut e, "north.b2");
        assert!((b2.intake() - load / efficiency).abs() < 1e-6, "{} MW for {load} MW", b2.intake());
    }
    for (id, factor) in [("north.hp1", 1.0 / 3.2), ("north.chp1", 1.0 / 0.44), ("south.wh1", 0.0)] {
        let s = source(&mut e, id);
        assert!(s.heat > 0.0 && (s.intake() - s.heat * factor).abs() < 0.02 * s.heat, "{id}: {} MW", s.intake());
    }
    let (before, now) = (e.ledger.intake, e.sources.iter().map(Source::intake).sum::<f64>());
    run(&mut e, 36);
    assert!((e.ledger.intake - before - now * 0.01).abs() < 0.001, "36 s are a hundredth of an hour");
}
