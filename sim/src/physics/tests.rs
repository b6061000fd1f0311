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
    boiler_with(surface::Exchange::leaves, load, trim, fouling)
}

fn boiler_with(leaves: fn(&surface::Exchange) -> f64, load: f64, trim: f64, fouling: f64) -> (Enterprise, usize) {
    let mut e = small();
    let at = e.sources.iter().position(|s| s.spec.id.as_str() == "north.b2").expect("a boiler of the sample fleet");
    e.sources[at].setpoint = load;
    let flue = e.sources[at].flue.as_mut().expect("a boiler has flue gas");
    (flue.surface, flue.trim, flue.fouling) = (leaves, trim, fouling);
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
        let radiation = 0.0113 * 8f64.powf(0.7) / e.sources[at].intake();
        let left = 1.0 - e.sources[at].heat / e.sources[at].intake() - warm - unburnt - radiation;
        assert!(left.abs() < 1e-6, "{left} of the fuel is unaccounted for at trim {trim}, fouling {fouling}");
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

/// What a boiler's meters show, in their units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    pub o2: f64,
    pub stack: f64,
    pub co: f64,
    pub fuel: f64,
}

pub(crate) fn meters(e: &Enterprise, at: usize) -> Shown {
    let [o2, stack, co, fuel] = [Meter::O2, Meter::Stack, Meter::Co, Meter::Fuel].map(|m| shown(e, at, m));
    Shown { o2, stack, co, fuel }
}

/// Share of the fuel's heat that leaves with the warm gas, by the capacities of CO2, two H2O, N2 and what O2 is over, kJ/K a mol
/// of methane.
fn gas_loss(stack: f64, ratio: f64) -> f64 {
    gas_capacity(ratio) * (stack - 20.0) / 802.3
}

fn gas_capacity(ratio: f64) -> f64 {
    0.0403 + 2.0 * 0.0340 + ratio * 2.0 * 79.05 / 20.95 * 0.0292 + 2.0 * (ratio - 1.0) * 0.0300
}

/// What the boiler shows with this trim, from what it shows at its own air and the fuel of full fire: the formulas of the heating
/// surface written once more. The CO that comes with the trim is taken as given.
pub(crate) fn predicted(own: Shown, full: f64, trim: f64, co: f64) -> Shown {
    // 8.547 m3 of dry gas and 9.547 m3 of air a m3 of methane.
    let ratio = 1.0 + 8.547 / 9.547 * own.o2 / (20.95 - own.o2);
    let airy = ratio + trim;
    let o2 = 20.95 * (airy - 1.0) * 9.547 / (8.547 + (airy - 1.0) * 9.547);
    let flow = |fuel: f64, ratio: f64| gas_capacity(ratio) * fuel / (gas_capacity(1.15) * full);
    // Furnace: 1800 and 1050 degC at full fire; in kelvin 1 / (1 + M Bo^-0.6) of the flame leaves it.
    let furnace = |flow: f64, ratio: f64| {
        let flame = 20.0 + 1780.0 * gas_capacity(1.15) / gas_capacity(ratio) + 273.15;
        flame / (1.0 + (2073.15 / 1323.15 - 1.0) * (flow * (2073.15 / flame).powi(3)).powf(-0.6)) - 273.15
    };
    // Bank: feedwater of 105 degC, heat transfer with flow^0.6.
    let before = flow(own.fuel, ratio);
    let ntu = ((furnace(before, ratio) - 105.0) / (own.stack - 105.0)).ln();
    let co_loss = |co: f64, o2: f64| 283.0 / 802.3 * co / 1e4 / (11.70 * (1.0 - o2 / 20.95));
    // Heat and radiation are what they were, whatever burns for them.
    let kept = own.fuel * (1.0 - gas_loss(own.stack, ratio) - co_loss(own.co, own.o2));
    let (mut stack, mut fuel) = (own.stack, own.fuel);
    for _ in 0..40 {
        let after = flow(fuel, airy);
        stack = 105.0 + (furnace(after, airy) - 105.0) * (-ntu * (after / before).powf(-0.4)).exp();
        fuel = kept / (1.0 - gas_loss(stack, airy) - co_loss(co, o2));
    }
    Shown { o2, stack, co, fuel }
}

/// Perturbs the air and holds what the meters show then to what is predicted: O2 within 0.01 %, the stack within 0.5 K, stack loss
/// and fuel within 3 in ten thousand of the fuel.
fn air_moves_the_meters_as_predicted(leaves: fn(&surface::Exchange) -> f64) -> Result<(), String> {
    let (full, at) = boiler(8.0, 0.0, 0.0);
    for load in [2.4, 4.8, 6.4, 8.0] {
        for trim in [-0.08, 0.1, 0.2, 0.4] {
            let (own, is) =
                (meters(&boiler(load, 0.0, 0.0).0, at), meters(&boiler_with(leaves, load, trim, 0.0).0, at));
            let told = predicted(own, meters(&full, at).fuel, trim, is.co);
            let ratio = 1.0 + 8.547 / 9.547 * told.o2 / (20.95 - told.o2);
            let shows = [
                ("O2", is.o2, told.o2, 0.01),
                ("stack", is.stack, told.stack, 0.5),
                ("stack loss", gas_loss(is.stack, ratio), gas_loss(told.stack, ratio), 3e-4),
                ("fuel", is.fuel / own.fuel, told.fuel / own.fuel, 3e-4),
            ];
            for (what, shown, predicted, within) in shows {
                if (shown - predicted).abs() > within {
                    return Err(format!("{what} is {shown} for {predicted} at {load} MW and a trim of {trim}"));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn air_moves_oxygen_stack_loss_and_fuel_as_the_formulas_say() {
    air_moves_the_meters_as_predicted(surface::Exchange::leaves).expect("the surface of the simulator");
    // What air does is of the size that is seen in boiler houses: 5 to 25 K for four points of oxygen.
    let (clean, at) = boiler(6.4, 0.0, 0.0);
    let warmer = shown(&boiler(6.4, 0.3, 0.0).0, at, Meter::Stack) - shown(&clean, at, Meter::Stack);
    assert!((5.0..25.0).contains(&warmer), "{warmer} K");
}

#[test]
fn a_surface_that_air_does_not_move_is_noticed() {
    let wrong = air_moves_the_meters_as_predicted(|of| of.clean).expect_err("the check above would not see it");
    assert!(wrong.starts_with("stack is"), "{wrong}");
    // Nor does one pass whose bank does not feel the flow.
    let numb = |of: &surface::Exchange| surface::Exchange { now: of.design, ..*of }.leaves();
    air_moves_the_meters_as_predicted(numb).expect_err("gas that flows faster is cooled less");
}

#[test]
fn a_lit_burner_burns_its_low_fire_at_least_and_a_purge_burns_nothing() {
    let (mut e, at) = boiler(6.4, 0.0, 0.0);
    e.sources[at].requested = false;
    run(&mut e, 3600);
    e.sources[at].requested = true;
    let low = 1.6 / 0.885;
    let mut seen = Vec::new();
    for _ in 0..600 {
        let before = e.ledger.intake;
        run(&mut e, 1);
        let b2 = &e.sources[at];
        let fuel = shown(&e, at, Meter::Fuel);
        match b2.state {
            SourceState::Purge | SourceState::LightOff => assert_eq!(fuel, 0.0, "{:?}", b2.state),
            SourceState::WarmUp => {
                assert!((fuel - 100.0 * low).abs() < 1e-6 && b2.heat < 1e-9, "{fuel} Nm3/h, {} MW", b2.heat);
                assert!(e.ledger.intake - before >= low / 3600.0 - 1e-9, "the ledger has it");
            }
            _ => assert!(fuel >= 100.0 * low - 1e-6, "{fuel} Nm3/h when on"),
        }
        if seen.last() != Some(&b2.state) {
            seen.push(b2.state);
        }
    }
    assert_eq!(seen, [SourceState::Purge, SourceState::LightOff, SourceState::WarmUp, SourceState::On]);
    // The gas shows the fire, and the stack has warmed with it.
    assert!(shown(&e, at, Meter::O2) < 10.0 && shown(&e, at, Meter::Stack) > 100.0);
    // The high limit holds the fuel shut in the warm-up too.
    e.sources[at].requested = false;
    run(&mut e, 1);
    e.sources[at].requested = true;
    while e.sources[at].state != SourceState::WarmUp {
        run(&mut e, 1);
    }
    e.sources[at].cut = true;
    assert_eq!(e.sources[at].intake(), 0.0);
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
