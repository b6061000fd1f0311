//! On and off: hand-made cases for each rule, every pattern of states enumerated on small random ones, and the judge.

use std::collections::BTreeMap;

use hypocaust_optimizer::case::{Case, Initial, Outage, Segment, Unit, Vertex};
use hypocaust_optimizer::generate::{Recipe, generate};
use hypocaust_optimizer::{Options, Solution, check, commit, hand_over, schedule_states, solve};
use proptest::prelude::*;

use crate::small::{boiler, demand, electric, empty, grid};
use crate::{near, solved};

/// Options that leave no gap, so that a figure can be computed by hand.
pub fn exact() -> Options {
    Options { commitment_gap: 1e-7, ..Options::default() }
}

pub fn committed(case: &Case) -> Solution {
    let solution = commit(case, &exact()).unwrap();
    let verdict = check(case, &solution);
    assert!(verdict.passed, "{:#?}", verdict.faults);
    let commitment = solution.commitment.as_ref().unwrap();
    assert!(commitment.finished, "{commitment:?} {:?}", solution.stages);
    solution
}

fn states(solution: &Solution, unit: &str) -> Vec<bool> {
    solution.units[unit].on.clone()
}

fn off() -> Option<Initial> {
    Some(Initial { heat_mw: 0.0, on: Some(false), hours: None })
}

fn on(heat_mw: f64, hours: Option<f64>) -> Option<Initial> {
    Some(Initial { heat_mw, on: Some(true), hours })
}

fn with_minimum(per_mwh: f64) -> Unit {
    let mut unit = boiler("u", 10.0, per_mwh);
    unit.heat_min = 2.0.into();
    unit
}

#[test]
fn a_minimum_stable_load_makes_the_dear_unit_the_cheap_one() {
    let mut case = empty(1);
    case.units = vec![boiler("cheap", 10.0, 50.0), boiler("dear", 10.0, 60.0)];
    case.units[0].heat_min = 4.0.into();
    case.demands.push(demand("a", 2.0));
    // A linear program has the cheap one make 2 MW, which it cannot: at its least of 4 it would cost 200.
    near(solved(&case).cost, 100.0, 1e-6);
    let solution = committed(&case);
    near(solution.cost, 120.0, 1e-6);
    assert_eq!(states(&solution, "cheap"), [false]);
    near(solution.commitment.unwrap().relaxed_cost, 100.0, 1e-6);
    // The next MW comes from the unit that runs.
    near(solution.prices["a"][0], 60.0, 1e-6);
}

#[test]
fn a_dear_start_is_waited_out_at_minimum_load_and_a_cheap_one_is_not() {
    let mut case = empty(3);
    case.units = vec![with_minimum(50.0)];
    case.units[0].initial = off();
    case.demands.push(demand("a", vec![5.0, 0.0, 5.0]));
    case.units[0].start_cost = 300.0;
    let solution = committed(&case);
    assert_eq!(states(&solution, "u"), [true, true, true]);
    near(solution.cost, (5.0 + 2.0 + 5.0) * 50.0 + 300.0, 1e-6);
    case.units[0].start_cost = 60.0;
    let solution = committed(&case);
    assert_eq!(states(&solution, "u"), [true, false, true]);
    near(solution.cost, 10.0 * 50.0 + 2.0 * 60.0, 1e-6);
    // A unit that is on already, and one of which nobody knows, need not start in the first step.
    for initial in [on(5.0, None), None] {
        case.units[0].initial = initial;
        near(committed(&case).cost, 10.0 * 50.0 + 60.0, 1e-6);
    }
}

#[test]
fn a_unit_that_could_not_come_back_in_time_does_not_stop() {
    let mut case = empty(3);
    case.units = vec![with_minimum(50.0)];
    case.units[0].initial = on(5.0, None);
    case.units[0].min_down_h = 2.0;
    case.demands.push(demand("a", vec![5.0, 0.0, 5.0]));
    let solution = committed(&case);
    assert_eq!(states(&solution, "u"), [true, true, true]);
    near(solution.unserved_mwh["production"], 0.0, 1e-9);
    // One that stopped half an hour ago comes back in the third half hour at the earliest.
    case.time.step_minutes = 30.0.into();
    case.units[0].initial = Some(Initial { heat_mw: 0.0, on: Some(false), hours: Some(0.5) });
    case.demands[0].heat = 5.0.into();
    case.units[0].min_down_h = 1.5;
    let solution = committed(&case);
    assert_eq!(states(&solution, "u"), [false, false, true]);
    near(solution.unserved_mwh["production"], 5.0, 1e-6);
}

#[test]
fn a_minimum_up_time_counts_from_before_the_horizon_and_within_it() {
    let mut case = empty(3);
    case.units = vec![with_minimum(50.0)];
    case.units[0].min_up_h = 3.0;
    case.units[0].initial = on(2.0, Some(1.0));
    case.demands.push(demand("a", 0.0));
    let solution = committed(&case);
    assert_eq!(states(&solution, "u"), [true, true, false]);
    near(solution.cost, 4.0 * 50.0, 1e-6);
    case.units[0].initial = off();
    case.demands[0].heat = vec![3.0, 0.0, 0.0].into();
    let solution = committed(&case);
    assert_eq!(states(&solution, "u"), [true, true, true]);
    near(solution.cost, (3.0 + 2.0 + 2.0) * 50.0, 1e-6);
    // An outage does not ask for how long it has run.
    case.units[0].initial = on(2.0, Some(1.0));
    case.units[0].outages = vec![Outage { from_step: 1, to_step: 2, available: 0.0 }];
    let solution = committed(&case);
    assert_eq!(states(&solution, "u"), [true, false, false]);
}

#[test]
fn a_start_and_a_stop_have_ramps_of_their_own() {
    let mut case = empty(3);
    case.units = vec![with_minimum(50.0)];
    case.units[0].initial = off();
    (case.units[0].start_max, case.units[0].ramp_up_per_h) = (Some(3.0), Some(4.0));
    case.demands.push(demand("a", 10.0));
    let solution = committed(&case);
    for (mw, wanted) in solution.units["u"].heat.iter().zip([3.0, 7.0, 10.0]) {
        near(*mw, wanted, 1e-6);
    }
    // Without a limit of its own a start goes up by one ramp.
    case.units[0].start_max = None;
    near(committed(&case).units["u"].heat[0], 4.0, 1e-6);
    // From 10 MW it cannot stop at once: it goes down to 3 first, for which the heat is vented.
    case.units[0].initial = on(10.0, None);
    (case.units[0].stop_max, case.units[0].ramp_down_per_h) = (Some(3.0), Some(4.0));
    case.demands[0].heat = vec![10.0, 0.0, 0.0].into();
    let solution = committed(&case);
    assert_eq!(states(&solution, "u"), [true, true, true]);
    near(solution.cost, (10.0 + 6.0 + 2.0) * 50.0, 1e-6);
}

#[test]
fn a_region_is_stood_in_or_left_and_nothing_between() {
    let mut case = empty(1);
    case.connections.push(grid(20.0, 20.0, 0.0));
    let mut unit = Unit::new("r", hypocaust_optimizer::case::UnitKind::Chp, "p", "a", 20.0);
    unit.carrier = Some("gas".into());
    unit.mode = Some(hypocaust_optimizer::case::ChpMode::Region);
    let vertex = |heat: f64, power: f64, fuel: f64| Vertex { heat, power, fuel };
    unit.region =
        Some(vec![vertex(0.0, 2.0, 6.0), vertex(0.0, 6.0, 15.0), vertex(8.0, 4.0, 15.0), vertex(8.0, 3.0, 13.0)]);
    case.units = vec![unit, boiler("b", 10.0, 70.0)];
    case.demands.push(demand("a", 4.0));
    // Halfway to standstill it would cost 6.5 x 40 - 1.5 x 30 = 215; in the region 9.5 x 40 - 2.5 x 30 = 305; the boiler
    // costs 280.
    near(solved(&case).cost, 215.0, 1e-6);
    near(committed(&case).cost, 280.0, 1e-6);
    case.demands[0].heat = 8.0.into();
    near(committed(&case).cost, 13.0 * 40.0 - 3.0 * 30.0, 1e-6);
}

/// A boiler whose first 4 MW take 1.5 MW of gas each and whose further 6 MW take 1 each: 60 and 40 per MWh.
pub fn bent() -> Unit {
    let mut unit = boiler("bent", 10.0, 50.0);
    let piece = |heat: f64, per_heat: f64| Segment { heat, input_per_heat: per_heat.into() };
    (unit.efficiency, unit.segments) = (None, Some(vec![piece(4.0, 1.5), piece(6.0, 1.0)]));
    unit
}

#[test]
fn a_curve_that_is_not_convex_is_climbed_from_below() {
    let mut case = empty(1);
    case.units = vec![bent(), boiler("straight", 10.0, 50.0)];
    let cost_and_piece = |case: &Case| {
        let solution = committed(case);
        (solution.cost, solution.units["bent"].piece[0], solution)
    };
    // The cheap piece would make 3 MW for 120; nobody is there before the dear one is full.
    case.demands.push(demand("a", 3.0));
    let (cost, _, solution) = cost_and_piece(&case);
    near(cost, 150.0, 1e-6);
    near(solution.commitment.unwrap().relaxed_cost, 3.0 * 48.0, 1e-6);
    // From 8 MW on it is the cheaper one; the next MW is one of the cheap piece.
    case.demands[0].heat = 9.0.into();
    let (cost, piece, solution) = cost_and_piece(&case);
    near(cost, 4.0 * 60.0 + 5.0 * 40.0, 1e-6);
    assert_eq!(piece, 1);
    near(solution.units["bent"].input[0], 4.0 * 1.5 + 5.0, 1e-6);
    near(solution.prices["a"][0], 40.0, 1e-6);
    // Alone it is on its first piece.
    case.units.truncate(1);
    case.demands[0].heat = 3.0.into();
    let (cost, piece, _) = cost_and_piece(&case);
    near(cost, 180.0, 1e-6);
    assert_eq!(piece, 0);
}

#[test]
fn a_convex_curve_is_followed_where_burning_more_would_pay() {
    let mut case = empty(2);
    let mut curve = electric("curve", 10.0);
    let piece = |heat: f64, per_heat: f64| Segment { heat, input_per_heat: per_heat.into() };
    (curve.efficiency, curve.segments) = (None, Some(vec![piece(4.0, 1.0), piece(6.0, 1.5)]));
    case.units.push(curve);
    case.connections.push(grid(20.0, 0.0, 0.0));
    case.demands.push(demand("a", 3.0));
    // Paid for at 20 it makes what is asked for; at less than nothing all that it can, which is 6 MW, and vents what is left.
    // They take 7 MW; the second piece alone would take 9.
    (case.carriers[1].buy, case.carriers[1].sell) = (Some(vec![20.0, -5.0].into()), Some(vec![10.0, -6.0].into()));
    case.units[0].heat_max = vec![10.0, 6.0].into();
    assert!(matches!(solve(&case, &Options::default()), Err(hypocaust_optimizer::Error::Curve { step: 1, .. })));
    let solution = committed(&case);
    near(solution.cost, 3.0 * 20.0 - 7.0 * 5.0, 1e-6);
    near(solution.units["curve"].input[1], 7.0, 1e-6);
    assert_eq!(solution.units["curve"].piece, [0, 1]);
    // Paid for throughout, nothing is decided.
    case.carriers[1].buy = Some(20.0.into());
    let solution = commit(&case, &exact()).unwrap();
    assert!(check(&case, &solution).passed && solution.units["curve"].piece.is_empty());
    // Power that nobody takes is worth less than nothing at any price: 6 MW of the region's must go through the boiler.
    let mut region = Unit::new("r", hypocaust_optimizer::case::UnitKind::Chp, "p", "b", 1.0);
    region.carrier = Some("gas".into());
    region.mode = Some(hypocaust_optimizer::case::ChpMode::Region);
    region.must_run = Some(1.0.into());
    region.region = Some(vec![Vertex { heat: 1.0, power: 6.0, fuel: 10.0 }]);
    case.units.push(region);
    (case.units[0].heat_max, case.units[0].var_om) = (10.0.into(), 1.0.into());
    let solution = committed(&case);
    // Burnt in their order, 4 MW on the first piece and 2 on the second make 4 + 2 / 1.5 MW of heat.
    near(solution.units["curve"].heat[0], 4.0 + 2.0 / 1.5, 1e-6);
    assert_eq!(solution.units["curve"].piece, [1, 1]);
}

#[test]
fn fuel_at_no_load_is_a_short_steep_piece() {
    let mut case = empty(3);
    // 1 MW of gas while it is on, and 1 MW for each MW of heat: 40 and 40 per MWh, from a least load of 0.01 MW on.
    let mut idle = boiler("idle", 10.0, 50.0);
    let piece = |heat: f64, per_heat: f64| Segment { heat, input_per_heat: per_heat.into() };
    (idle.efficiency, idle.segments) = (None, Some(vec![piece(0.01, 101.0), piece(9.99, 1.0)]));
    idle.heat_min = 0.01.into();
    case.units = vec![idle, boiler("other", 10.0, 60.0)];
    case.demands.push(demand("a", vec![1.0, 5.0, 1.0]));
    // For 1 MW 80 against 60, for 5 MW 240 against 300.
    let solution = committed(&case);
    assert_eq!(states(&solution, "idle"), [false, true, false]);
    near(solution.cost, 60.0 + 240.0 + 60.0, 1e-6);
}

/// The judge says so where a good schedule is changed like this.
#[track_caller]
pub fn finds(case: &Case, good: &Solution, what: &str, mutate: &dyn Fn(&mut Solution)) {
    let mut wrong = good.clone();
    mutate(&mut wrong);
    let faults = check(case, &wrong).faults;
    assert!(faults.iter().any(|fault| fault.contains(what)), "{what} is not among {faults:#?}");
}

#[test]
fn a_wrong_piece_is_found_by_the_judge() {
    let mut case = empty(1);
    case.units = vec![bent(), boiler("straight", 10.0, 50.0)];
    case.demands.push(demand("a", 9.0));
    let good = committed(&case);
    let found = |what: &str, mutate: &dyn Fn(&mut Solution)| finds(&case, &good, what, mutate);
    let bent = |solution: &mut Solution| solution.units.get_mut("bent").cloned().unwrap();
    let put = |solution: &mut Solution, series| solution.units.insert("bent".into(), series);
    found("unit bent piece", &|s| {
        let mut series = bent(s);
        series.piece[0] = 0;
        put(s, series);
    });
    found("unit bent piece", &|s| {
        let mut series = bent(s);
        series.piece[0] = 2;
        put(s, series);
    });
    found("pieces of unit bent", &|s| {
        let mut series = bent(s);
        series.piece.push(1);
        put(s, series);
    });
    // As the relaxation would have it.
    found("unit bent input", &|s| {
        let mut series = bent(s);
        series.input[0] = 9.0;
        put(s, series);
    });
}

#[test]
fn a_class_that_no_states_can_serve_is_proved_so() {
    let mut case = empty(1);
    case.connections.push(grid(3.0, 0.0, 0.0));
    case.units = vec![electric("e", 10.0)];
    case.units[0].heat_min = 4.0.into();
    case.demands.push(demand("a", 3.0));
    // In part on it would serve all; in truth its least load is more than the grid gives.
    near(solved(&case).unserved_mwh["production"], 0.0, 1e-9);
    let solution = committed(&case);
    near(solution.unserved_mwh["production"], 3.0, 1e-6);
    let bounds = solution.commitment.unwrap().stages;
    near(bounds.iter().find(|bound| bound.stage == "production").unwrap().least, 3.0, 1e-5);
}

#[test]
fn a_start_is_never_dearer_than_a_class() {
    let mut case = empty(1);
    case.units = vec![boiler("u", 20.0, 50.0)];
    case.units[0].heat_min = 10.0.into();
    case.storages.push(crate::small::store(5.0, 5.0));
    case.demands.push(demand("a", 5.01));
    // The weighted search sheds 0.01 MWh at 30,000 rather than make 10 MWh at 50; the class has a search of its own.
    let solution = committed(&case);
    near(solution.unserved_mwh["production"], 0.0, 1e-7);
    near(solution.cost, 500.0, 1e-6);
}

#[test]
fn reserve_is_kept_by_units_that_run() {
    let mut case = empty(1);
    case.headers[0].reserve = Some(hypocaust_optimizer::case::Reserve { mw: 3.0.into(), minutes: 15.0, price: 200.0 });
    case.units = vec![boiler("one", 5.0, 50.0), boiler("two", 5.0, 60.0)];
    for unit in &mut case.units {
        unit.heat_min = 1.0.into();
        unit.ramp_up_per_h = Some(8.0);
        unit.start_cost = 30.0;
        unit.initial = off();
    }
    case.demands.push(demand("a", 4.0));
    // One alone keeps 1 MW and lacks 2, for 400; the second costs a start and 1 MWh at 60 instead of 50.
    let solution = committed(&case);
    assert_eq!((states(&solution, "one"), states(&solution, "two")), (vec![true], vec![true]));
    near(solution.cost, 3.0 * 50.0 + 60.0 + 60.0, 1e-6);
    // At a price of 10 it is not worth it.
    if let Some(reserve) = &mut case.headers[0].reserve {
        reserve.price = 10.0;
    }
    let solution = committed(&case);
    assert_eq!(states(&solution, "two"), [false]);
    near(solution.cost, 4.0 * 50.0 + 30.0 + 20.0, 1e-6);
}

#[test]
fn states_are_handed_over_from_window_to_window() {
    let mut case = empty(3);
    case.units = vec![with_minimum(50.0)];
    case.units[0].min_up_h = 5.0;
    case.units[0].initial = off();
    case.demands.push(demand("a", vec![0.0, 3.0, 3.0]));
    let solution = committed(&case);
    assert_eq!(states(&solution, "u"), [false, true, true]);
    let now = hand_over(&case, &solution, 3)["u"];
    assert_eq!((now.on, now.hours), (Some(true), Some(2.0)));
    near(now.heat_mw, 3.0, 1e-6);
    // After one step it is off, for as long as it was before and an hour more: nobody knows how long that was.
    let now = hand_over(&case, &solution, 1)["u"];
    assert_eq!((now.on, now.hours, now.heat_mw), (Some(false), None, 0.0));
    // The next window has nothing to heat, and three hours of the minimum time are left.
    case.units[0].initial = Some(hand_over(&case, &solution, 3)["u"]);
    case.demands[0].heat = 0.0.into();
    let solution = committed(&case);
    assert_eq!(states(&solution, "u"), [true, true, true]);
    let now = hand_over(&case, &solution, 3)["u"];
    assert_eq!((now.on, now.hours), (Some(true), Some(5.0)));
    case.units[0].initial = Some(now);
    assert_eq!(states(&committed(&case), "u"), [false, false, false]);
}

/// Six hours of a winter day with starts that cost and minimum times.
fn with_starts(steps: usize) -> Case {
    let mut case = generate(Recipe::new(2, steps, 3)).unwrap();
    for unit in &mut case.units {
        unit.start_cost = 200.0;
        unit.min_up_h = 4.0;
        unit.min_down_h = 3.0;
    }
    case
}

#[test]
fn the_node_limit_is_kept_and_said() {
    let case = with_starts(6);
    let options = Options { node_limit: 0, commitment_gap: 0.0, ..Options::default() };
    let solution = commit(&case, &options).unwrap();
    let verdict = check(&case, &solution);
    assert!(verdict.passed, "{:#?}", verdict.faults);
    let commitment = solution.commitment.unwrap();
    assert!(!commitment.finished, "{commitment:?}");
    // With nodes to look at it is, and it is no dearer; the bound was one.
    let options = Options { commitment_gap: 0.0, ..Options::default() };
    let proven = commit(&case, &options).unwrap();
    assert!(proven.commitment.as_ref().unwrap().finished, "{:?}", proven.commitment);
    assert!(commitment.cost_bound <= proven.cost + 1e-6 && proven.cost <= solution.cost + 1e-6);
}

#[test]
fn a_day_with_a_shortage_is_committed_within_the_gap() {
    let mut case = with_starts(12);
    // Not even the relaxation serves all.
    case.demands.iter_mut().for_each(|demand| demand.heat = 40.0.into());
    let solution = commit(&case, &Options::default()).unwrap();
    let verdict = check(&case, &solution);
    assert!(verdict.passed, "{:#?}", verdict.faults);
    let commitment = solution.commitment.clone().unwrap();
    assert!(commitment.finished, "{commitment:?}");
    let linear = solve(&case, &Options::default()).unwrap();
    assert!(linear.unserved_mwh["comfort"] > 1.0);
    for class in &case.classes {
        assert!(solution.unserved_mwh[class] >= linear.unserved_mwh[class] - 1e-6);
    }
}

#[test]
fn wrong_states_are_found_by_the_judge() {
    let mut case = empty(4);
    case.units = vec![with_minimum(50.0), boiler("b", 20.0, 90.0)];
    let unit = &mut case.units[0];
    (unit.min_up_h, unit.min_down_h, unit.start_cost) = (2.0, 2.0, 10.0);
    (unit.start_max, unit.ramp_up_per_h, unit.stop_max) = (Some(4.0), Some(5.0), Some(4.0));
    unit.initial = on(4.0, Some(1.0));
    case.demands.push(demand("a", vec![3.0, 0.0, 0.0, 8.0]));
    let good = committed(&case);
    let found = |what: &str, mutate: &dyn Fn(&mut Solution)| finds(&case, &good, what, mutate);
    assert_eq!(states(&good, "u"), [true, false, false, true]);
    let unit = |solution: &mut Solution, on: [bool; 4], heat: [f64; 4]| {
        let series = solution.units.get_mut("u").unwrap();
        (series.on, series.heat) = (on.to_vec(), heat.to_vec());
    };
    found("unit u while on", &|s| unit(s, [true, true, false, true], [3.0, 1.0, 0.0, 4.0]));
    found("unit u while on", &|s| unit(s, [true, false, false, true], [3.0, 1.0, 0.0, 4.0]));
    found("unit u minimum up time", &|s| unit(s, [false; 4], [0.0; 4]));
    found("minimum up time", &|s| unit(s, [true, false, true, false], [3.0, 0.0, 3.0, 0.0]));
    found("unit u minimum down time", &|s| unit(s, [true, false, true, true], [3.0, 0.0, 3.0, 4.0]));
    found("unit u start", &|s| unit(s, [true, false, false, true], [3.0, 0.0, 0.0, 5.0]));
    found("unit u stop", &|s| unit(s, [true, false, false, true], [6.0, 0.0, 0.0, 4.0]));
    found("unit u ramp", &|s| unit(s, [true, true, false, true], [2.0, 8.0, 0.0, 4.0]));
    found("schedule cost", &|s| unit(s, [true, true, true, true], [3.0, 0.0, 0.0, 4.0]));
    found("states of unit u", &|s| s.units.get_mut("u").unwrap().on.truncate(2));
    found("commitment gap", &|s| s.commitment.as_mut().unwrap().gap = 0.1);
    found("commitment bound of cost", &|s| s.commitment.as_mut().unwrap().cost_bound += 50.0);
    found("commitment bound of production", &|s| {
        s.commitment.as_mut().unwrap().stages.iter_mut().for_each(|bound| bound.least = 1.0);
    });
    found("where the search is said to be finished", &|s| {
        s.commitment.as_mut().unwrap().stages.iter_mut().for_each(|bound| bound.least = -1.0);
    });
}

const STEPS: usize = 4;

fn small_case() -> impl Strategy<Value = Case> {
    let unit = (2.0..8.0_f64, 0.0..1.0_f64, 36.0..90.0_f64, 0.0..200.0_f64, 0..4_usize, 0..4_usize);
    let more = (prop::option::of(1.0..6.0_f64), prop::option::of(1.0..6.0_f64), 0..4_usize, prop::bool::weighted(0.2));
    let units = prop::collection::vec((unit, more), 2);
    (units, prop::collection::vec(0.0..10.0_f64, STEPS), 4.0..12.0_f64).prop_map(|(units, heat, import)| {
        let mut case = empty(STEPS);
        case.connections.push(grid(import, 0.0, 0.0));
        for (i, ((max, least, per_mwh, start, up, down), (rise, fall, initial, out))) in units.into_iter().enumerate() {
            let id = format!("u{i}");
            let mut unit = if i == 0 { boiler(&id, max, per_mwh) } else { electric(&id, max) };
            unit.heat_min = (0.1 + 0.8 * least * max).into();
            unit.start_cost = start;
            (unit.min_up_h, unit.min_down_h) = (up as f64, down as f64);
            (unit.ramp_up_per_h, unit.ramp_down_per_h) = (rise, fall);
            unit.initial = match initial {
                0 => None,
                1 => off(),
                2 => Some(Initial { heat_mw: 0.0, on: Some(false), hours: Some(1.0) }),
                _ => on(max / 2.0, Some(1.0)),
            };
            if out {
                unit.outages = vec![Outage { from_step: 2, to_step: 3, available: 0.0 }];
            }
            case.units.push(unit);
        }
        case.demands.push(demand("a", heat));
        case.storages.push(crate::small::store(5.0, 2.0));
        case
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_pattern_of_states_is_better(case in small_case()) {
        let chosen = committed(&case);
        let mut best: Option<Solution> = None;
        for pattern in 0..1_u32 << (2 * STEPS) {
            let of = |u: usize| (0..STEPS).map(|t| pattern >> (u * STEPS + t) & 1 == 1).collect::<Vec<bool>>();
            let states: BTreeMap<String, Vec<bool>> = [("u0".to_owned(), of(0)), ("u1".to_owned(), of(1))].into();
            // Patterns that break a rule have no schedule.
            let Ok(solution) = schedule_states(&case, &states, &Options::default()) else { continue };
            let verdict = check(&case, &solution);
            prop_assert!(verdict.passed, "{:#?}", verdict.faults);
            let better = best.as_ref().is_none_or(|best| {
                let differs = solution.stages.iter().zip(&best.stages).find(|(a, b)| (a.value - b.value).abs() > 1e-6 * (1.0 + b.value.abs()));
                differs.is_some_and(|(a, b)| a.value < b.value)
            });
            if better {
                best = Some(solution);
            }
        }
        let best = best.unwrap();
        for (chosen, best) in chosen.stages.iter().zip(&best.stages) {
            prop_assert!((chosen.value - best.value).abs() < 1e-5 * (1.0 + best.value.abs()), "{}: {} is chosen, {} is best", best.name, chosen.value, best.value);
        }
    }
}

/// Where no unit has a state, the linear program is its own bound, in cost and in every class.
#[test]
fn where_nothing_is_to_be_decided_the_bounds_are_met() {
    let case = crate::trap();
    assert!(case.units.iter().all(|unit| !unit.commits()));
    let committed = commit(&case, &Options::default()).unwrap();
    let found = committed.commitment.as_ref().unwrap();
    assert!(found.finished, "{found:?}");
    near(committed.unserved_mwh["product-safety"], 4.0, 1e-6);
    assert!(found.stages.iter().zip(&committed.stages).all(|(bound, stage)| stage.value <= bound.least + 1e-6));
    near(found.cost_bound, committed.cost, 1e-4);
    assert!(check(&case, &committed).passed);
}
