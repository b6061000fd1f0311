use super::*;
use hypocaust_protocols::model::{Meter, SourceState};
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

/// The boiler, settled at this load with this trim and fouling.
fn boiler(load: f64, trim: f64, fouling: f64) -> (Enterprise, usize) {
    let mut e = small();
    let at = e.sources.iter().position(|s| s.spec.id.as_str() == "north.b2").expect("a boiler of the sample fleet");
    e.sources[at].setpoint = load;
    let flue = e.sources[at].flue.as_mut().expect("a boiler has flue gas");
    (flue.trim, flue.fouling) = (trim, fouling);
    run(&mut e, 1800);
    (e, at)
}

fn shown(e: &Enterprise, at: usize, meter: Meter) -> f64 {
    e.sources[at].meter(meter, &e.headers[e.sources[at].header])
}

#[test]
fn a_clean_boiler_burns_as_its_curve_says_and_its_gas_leaves_believably_warm() {
    for (load, efficiency) in [(1.6, 0.885), (3.2, 0.905), (4.8, 0.915), (6.4, 0.918), (8.0, 0.915)] {
        let (e, at) = boiler(load, 0.0, 0.0);
        let b2 = &e.sources[at];
        assert!((b2.heat / b2.intake() - efficiency).abs() < 1e-4, "{} of {load} MW", b2.heat / b2.intake());
        let (stack, o2, co2) = (shown(&e, at, Meter::Stack), shown(&e, at, Meter::O2), shown(&e, at, Meter::Co2));
        assert!((150.0..230.0).contains(&stack), "{stack} degC at {load} MW");
        assert!((2.5..8.0).contains(&o2) && (7.0..11.0).contains(&co2), "{o2} % and {co2} % at {load} MW");
        assert!(shown(&e, at, Meter::Co) < 20.0 && (10.0..60.0).contains(&shown(&e, at, Meter::Nox)));
        // Nm3/h by the heating value of the fleet file, t/h by the enthalpies.
        assert!((shown(&e, at, Meter::Fuel) - b2.intake() * 100.0).abs() < 1e-6);
        let per_tonne = b2.heat / shown(&e, at, Meter::Steam) * 3600.0;
        assert!((2330.0..2350.0).contains(&per_tonne), "{per_tonne} kJ/kg from 105 degC to steam of 10 bar");
    }
}

#[test]
fn the_books_of_fuel_are_balanced_at_every_trim_and_fouling() {
    for (trim, fouling) in [(0.0, 0.0), (0.2, 0.0), (0.0, 0.2), (0.3, 0.1), (-0.13, 0.0)] {
        let (e, at) = boiler(6.4, trim, fouling);
        let flue = e.sources[at].flue.as_ref().expect("a boiler");
        let (warm, unburnt) = flue.losses(0.8, flue.stack);
        let radiation = 0.0113 * 8f64.powf(0.7) / (6.4 / 0.918);
        let left = 1.0 - e.sources[at].heat / e.sources[at].intake() - warm - unburnt - radiation;
        assert!(left.abs() < 1e-4, "{left} of the fuel is unaccounted for at trim {trim}, fouling {fouling}");
    }
}

#[test]
fn more_air_dirt_and_want_of_air_each_cost_fuel_in_their_own_way() {
    let (clean, at) = boiler(6.4, 0.0, 0.0);
    let fuel = |e: &Enterprise| shown(e, at, Meter::Fuel);
    let (airy, _) = boiler(6.4, 0.3, 0.0);
    assert!(shown(&airy, at, Meter::O2) > shown(&clean, at, Meter::O2) + 3.0 && fuel(&airy) > 1.01 * fuel(&clean));
    let (dirty, _) = boiler(6.4, 0.0, 0.1);
    let warmer = shown(&dirty, at, Meter::Stack) - shown(&clean, at, Meter::Stack);
    assert!((15.0..60.0).contains(&warmer) && fuel(&dirty) > 1.005 * fuel(&clean), "{warmer} K");
    assert!((shown(&dirty, at, Meter::O2) - shown(&clean, at, Meter::O2)).abs() < 1e-9, "dirt changes no air");
    // CO rises by orders of magnitude over a few points of air.
    let co = |trim| shown(&boiler(6.4, trim, 0.0).0, at, Meter::Co);
    let (a, b, c) = (co(-0.10), co(-0.14), co(-0.18));
    assert!(a < 200.0 && b > 3.0 * a && c > 3.0 * b, "{a}, {b}, {c} ppm");
    assert!(fuel(&boiler(6.4, -0.18, 0.0).0) > fuel(&boiler(6.4, -0.10, 0.0).0), "CO costs more than the air saves");
}

#[test]
fn without_a_fire_the_instruments_show_air_and_the_stack_cools() {
    let (mut e, at) = boiler(6.4, 0.0, 0.0);
    let warm = shown(&e, at, Meter::Stack);
    e.sources[at].requested = false;
    run(&mut e, 120);
    assert!((shown(&e, at, Meter::O2) - 20.95).abs() < 0.01 && shown(&e, at, Meter::Co2) < 0.01);
    assert_eq!(shown(&e, at, Meter::Fuel), 0.0);
    let cooler = shown(&e, at, Meter::Stack);
    assert!(cooler < warm && cooler > warm - 20.0, "{warm} to {cooler} degC within two minutes");
}
