//! One case for each term of the formulation. Every figure is computed by hand; the arithmetic stands beside it.

use hypocaust_optimizer::case::{ChpMode, Final, Initial, Outage, Reserve, Segment, Unit, UnitKind, Vertex};
use hypocaust_optimizer::{Error, Options, Solution, check, greedy, solve};

use crate::small::{boiler, demand, electric, empty, grid, main, store};
use crate::{near, solved};

fn all_near(values: &[f64], wanted: &[f64]) {
    assert_eq!(values.len(), wanted.len());
    for (value, wanted) in values.iter().zip(wanted) {
        near(*value, *wanted, 1e-6);
    }
}

fn heat<'a>(solution: &'a Solution, unit: &str) -> &'a [f64] {
    &solution.units[unit].heat
}

/// The fallback has to keep the same limits.
fn greedy_holds(case: &hypocaust_optimizer::Case) -> Solution {
    let solution = greedy(case).unwrap();
    let verdict = check(case, &solution);
    assert!(verdict.passed, "{:#?}", verdict.faults);
    solution
}

#[test]
fn a_store_loses_heat_in_the_first_step_too() {
    let mut case = empty(1);
    case.storages.push(store(10.0, 5.0));
    case.storages[0].loss_per_h = 0.1;
    case.demands.push(demand("a", 5.0));
    // 5 MWh become 4.5 before any can be drawn.
    near(solved(&case).unserved_mwh["production"], 0.5, 1e-9);
    // In half an hour the share that stays is the root of 0.9; 2.5 MWh are asked, and what is left is worth something.
    case.storages[0].r#final = Final::Value { value_per_mwh: 1.0 };
    case.time.step_minutes = 30.0.into();
    near(solved(&case).storages["tank"].energy[0], 5.0 * 0.9_f64.sqrt() - 2.5, 1e-9);
}

#[test]
fn a_ramp_begins_at_the_measured_value() {
    let mut case = empty(2);
    case.time.step_minutes = 30.0.into();
    let mut unit = boiler("u", 10.0, 50.0);
    unit.ramp_up_per_h = Some(4.0);
    unit.initial = Some(Initial::making(2.0));
    case.units.push(unit);
    case.demands.push(demand("a", 10.0));
    let solution = solved(&case);
    all_near(heat(&solution, "u"), &[4.0, 6.0]);
    // 6 MW and 4 MW lack for half an hour each.
    near(solution.unserved_mwh["production"], 5.0, 1e-7);
}

#[test]
fn each_end_of_a_link_bears_half_of_its_fixed_loss() {
    let mut case = empty(1);
    let mut link = main(10.0);
    link.loss_frac = 0.1;
    link.fixed_loss = 0.4.into();
    case.links.push(link);
    case.units.push(boiler("u", 10.0, 50.0));
    case.demands.push(demand("b", 1.6));
    let solution = solved(&case);
    // At b: 0.9 f = 1.6 + 0.2. At a: heat = f + 0.2.
    all_near(&solution.links["main"].forward, &[2.0]);
    near(solution.cost, 2.2 * 50.0, 1e-7);
}

fn delayed() -> hypocaust_optimizer::Case {
    let mut case = empty(4);
    let mut link = main(5.0);
    link.delay_steps = 2;
    link.forward_before = vec![1.0, 2.0];
    link.reverse_before = vec![0.0, 0.0];
    link.credit_per_mwh = Some(10.0);
    case.links.push(link);
    case.units.push(boiler("u", 10.0, 50.0));
    case.demands.push(demand("b", 3.0));
    case
}

#[test]
fn heat_under_way_arrives_and_what_is_left_under_way_is_credited() {
    let mut case = delayed();
    let solution = solved(&case);
    // 1 and 2 MW arrive from before the horizon, then what is sent in its first two hours. A credit of 10 is not worth
    // heat that costs 50.
    all_near(&solution.links["main"].forward, &[3.0, 3.0, 0.0, 0.0]);
    near(solution.unserved_mwh["production"], 3.0, 1e-7);
    near(solution.cost, 6.0 * 50.0, 1e-6);
    // A credit of 60 is: the link is full in the last two hours, and a tenth of what is sent is lost.
    case.links[0].credit_per_mwh = Some(60.0);
    case.links[0].loss_frac = 0.1;
    let solution = solved(&case);
    // 3 MW arrive of 3.33 sent; 0.9 and 1.8 arrive from before.
    all_near(&solution.links["main"].forward, &[3.0 / 0.9, 3.0 / 0.9, 5.0, 5.0]);
    near(solution.unserved_mwh["production"], 2.1 + 1.2, 1e-7);
    near(solution.cost, (6.0 / 0.9 + 10.0) * 50.0 - 10.0 * 0.9 * 60.0, 1e-6);
    // Without a solver nothing is sent for later, but what is under way is used.
    let fallback = greedy_holds(&case);
    near(fallback.unserved_mwh["production"], 2.1 + 1.2 + 6.0, 1e-6);
}

#[test]
fn reverse_flow_is_delayed_too() {
    let mut case = delayed();
    case.units[0].header = "b".into();
    case.demands = vec![demand("a", 3.0)];
    (case.links[0].forward_before, case.links[0].reverse_before) = (vec![0.0; 2], vec![1.0, 2.0]);
    (case.links[0].cap, case.links[0].cap_reverse) = (0.0.into(), 5.0.into());
    let solution = solved(&case);
    all_near(&solution.links["main"].reverse, &[3.0, 3.0, 0.0, 0.0]);
    near(solution.cost, 6.0 * 50.0, 1e-6);
}

#[test]
fn an_outage_is_no_ramp_and_a_foreseen_fall_is_one() {
    let mut case = empty(4);
    let mut unit = boiler("u", 10.0, 50.0);
    unit.ramp_down_per_h = Some(4.0);
    unit.initial = Some(Initial::making(8.0));
    unit.outages = vec![Outage { from_step: 2, to_step: 3, available: 0.0 }];
    case.units = vec![unit, boiler("backup", 20.0, 100.0)];
    case.demands.push(demand("a", 8.0));
    let solution = solved(&case);
    all_near(heat(&solution, "u"), &[8.0, 8.0, 0.0, 8.0]);
    near(solution.cost, 24.0 * 50.0 + 8.0 * 100.0, 1e-6);
    greedy_holds(&case);
    // The same capacity, but foreseen: 4 MW at most in the hour before.
    case.units[0].outages.clear();
    case.units[0].availability = vec![1.0, 1.0, 0.0, 1.0].into();
    let solution = solved(&case);
    all_near(heat(&solution, "u"), &[8.0, 4.0, 0.0, 8.0]);
    near(solution.cost, 20.0 * 50.0 + 12.0 * 100.0, 1e-6);
    // An outage that is there when the horizon begins takes the measured heat at once, whatever the ramp.
    case.units[0].availability = vec![0.0, 0.0, 1.0, 1.0].into();
    let solution = solved(&case);
    assert!(solution.slacks.is_empty());
    all_near(heat(&solution, "u"), &[0.0, 0.0, 8.0, 8.0]);
}

#[test]
fn bought_power_is_not_sold_again_where_selling_pays_more() {
    let mut case = empty(1);
    case.carriers[1].buy = Some(50.0.into());
    case.carriers[1].sell = Some(80.0.into());
    case.connections.push(grid(10.0, 10.0, 1.0));
    let mut chp = Unit::new("chp", UnitKind::Chp, "p", "a", 4.0);
    chp.carrier = Some("gas".into());
    (chp.heat_eff, chp.power_eff) = (Some(0.5.into()), Some(0.25.into()));
    case.units.push(chp);
    case.demands.push(demand("a", 4.0));
    let solution = solved(&case);
    // 8 MW of gas make 4 of heat and 2 of power, all of it sold; the site's 1 MW is bought.
    all_near(&solution.connections["el"].export, &[2.0]);
    near(solution.cost, 8.0 * 40.0 + 1.0 * 50.0 - 2.0 * 80.0, 1e-6);
    greedy_holds(&case);
}

#[test]
fn at_a_negative_price_power_is_taken_and_heat_vented() {
    let mut case = empty(1);
    case.carriers[1].buy = Some((-20.0).into());
    case.carriers[1].sell = Some((-20.0).into());
    case.connections.push(grid(15.0, 0.0, 0.0));
    case.units.push(electric("e", 10.0));
    case.demands.push(demand("a", 4.0));
    let solution = solved(&case);
    near(solution.cost, -200.0, 1e-6);
    all_near(&solution.vents["a"], &[6.0]);
    greedy_holds(&case);
}

#[test]
fn nothing_asked_costs_nothing_and_nothing_there_serves_nothing() {
    let mut case = empty(2);
    case.units.push(boiler("u", 10.0, 50.0));
    case.demands.push(demand("a", 0.0));
    let solution = solved(&case);
    near(solution.cost, 0.0, 1e-9);
    near(solution.unserved_mwh["production"], 0.0, 1e-9);
    case.units[0].heat_max = 0.0.into();
    case.demands[0].heat = vec![1.0, 2.0].into();
    near(solved(&case).unserved_mwh["production"], 3.0, 1e-9);
    case.units[0].heat_max = 10.0.into();
    case.units[0].availability = vec![1.0, 0.0].into();
    near(solved(&case).unserved_mwh["production"], 2.0, 1e-9);
}

#[test]
fn a_header_that_is_cut_off_goes_without_and_the_other_does_not() {
    let mut case = empty(2);
    let mut link = main(10.0);
    link.cap = vec![10.0, 0.0].into();
    case.links.push(link);
    case.units.push(boiler("u", 10.0, 50.0));
    case.demands = vec![demand("a", 2.0), demand("b", 3.0)];
    let solution = solved(&case);
    all_near(&solution.demands["d.b"].served, &[3.0, 0.0]);
    all_near(&solution.demands["d.a"].served, &[2.0, 2.0]);
    near(solution.cost, 7.0 * 50.0, 1e-6);
}

#[test]
fn a_store_never_charges_and_discharges_at_once() {
    let mut case = empty(3);
    // More free heat than anybody wants: back and forth through the store costs nothing, and still it is not done.
    let mut waste = Unit::new("w", UnitKind::WasteHeat, "p", "a", 9.0);
    waste.must_run = Some(9.0.into());
    case.units.push(waste);
    case.storages.push(store(10.0, 10.0));
    (case.storages[0].charge_eff, case.storages[0].discharge_eff) = (0.8, 0.8);
    case.carriers[1].buy = Some((-20.0).into());
    case.carriers[1].sell = Some((-20.0).into());
    case.connections.push(grid(15.0, 0.0, 0.0));
    case.units.push(electric("e", 10.0));
    case.demands.push(demand("a", 2.0));
    let solution = solved(&case);
    let series = &solution.storages["tank"];
    for t in 0..3 {
        near(series.charge[t].min(series.discharge[t]), 0.0, 1e-9);
    }
    near(solution.cost, -600.0, 1e-6);
}

#[test]
fn a_curve_is_followed_piece_by_piece() {
    let mut case = empty(1);
    let mut unit = boiler("u", 10.0, 50.0);
    unit.efficiency = None;
    let piece = |heat: f64, per_heat: f64| Segment { heat, input_per_heat: per_heat.into() };
    unit.segments = Some(vec![piece(4.0, 1.1), piece(4.0, 1.25), piece(2.0, 1.5)]);
    case.units.push(unit);
    case.demands.push(demand("a", 7.0));
    let solution = solved(&case);
    // 4 MW at 1.1 and 3 MW at 1.25.
    near(solution.units["u"].input[0], 8.15, 1e-9);
    near(solution.cost, 8.15 * 40.0, 1e-6);
    // The next MW comes at 1.25.
    near(solution.prices["a"][0], 1.25 * 40.0, 1e-6);
    near(greedy_holds(&case).cost, 8.15 * 40.0, 1e-6);
    // The movement stage may spend a thousandth, but not on pieces that the boiler does not burn first.
    case.previous = Some([("u".to_owned(), 7.0)].into());
    near(solved(&case).units["u"].input[0], 8.15, 1e-9);
    case.previous = None;
    // On a grid, and with less than nothing to pay for its power, such a unit would burn more than its curve says.
    let unit = &mut case.units[0];
    (unit.kind, unit.carrier) = (UnitKind::ElectricBoiler, Some("power".into()));
    case.connections.push(grid(20.0, 0.0, 0.0));
    near(solved(&case).cost, 8.15 * 50.0, 1e-6);
    case.carriers[1].buy = Some((-5.0).into());
    case.carriers[1].sell = Some((-5.0).into());
    case.units[0].heat_max = 7.0.into();
    let error = solve(&case, &Options::default()).unwrap_err();
    assert!(matches!(&error, Error::Curve { unit, step: 0 } if unit == "u"), "{error}");
}

fn extraction() -> Unit {
    let mut unit = Unit::new("x", UnitKind::Chp, "p", "a", 20.0);
    unit.carrier = Some("gas".into());
    unit.mode = Some(ChpMode::Extraction);
    (unit.condensing_eff, unit.power_loss) = (Some(0.4.into()), Some(0.2.into()));
    (unit.power_to_heat, unit.power_max) = (Some(0.5.into()), Some(10.0.into()));
    unit
}

#[test]
fn an_extraction_turbine_makes_as_much_power_as_pays() {
    let mut case = empty(1);
    case.connections.push(grid(20.0, 20.0, 0.0));
    case.units.push(extraction());
    case.demands.push(demand("a", 5.0));
    // A MWh of power costs 40 / 0.4 = 100 of gas. At 30 as little as may be is made, 2.5 MW: (2.5 + 0.2 x 5) / 0.4.
    let solution = solved(&case);
    all_near(&solution.units["x"].power, &[2.5]);
    all_near(&solution.units["x"].input, &[8.75]);
    near(solution.cost, 8.75 * 40.0 - 2.5 * 30.0, 1e-6);
    near(greedy_holds(&case).cost, solution.cost, 1e-6);
    // At 110 the turbine is full: 10 - 0.2 x 5 MW from 25 MW of gas.
    case.carriers[1].buy = Some(120.0.into());
    case.carriers[1].sell = Some(110.0.into());
    let solution = solved(&case);
    all_near(&solution.units["x"].power, &[9.0]);
    near(solution.cost, 25.0 * 40.0 - 9.0 * 110.0, 1e-6);
    // It reaches 10 / (0.5 + 0.2) MW of heat, though heat_max is 20.
    case.demands[0].heat = 20.0.into();
    near(solved(&case).unserved_mwh["production"], 20.0 - 10.0 / 0.7, 1e-6);
    greedy_holds(&case);
}

fn region() -> Unit {
    let mut unit = Unit::new("r", UnitKind::Chp, "p", "a", 20.0);
    unit.carrier = Some("gas".into());
    unit.mode = Some(ChpMode::Region);
    let vertex = |heat: f64, power: f64, fuel: f64| Vertex { heat, power, fuel };
    unit.region =
        Some(vec![vertex(0.0, 2.0, 6.0), vertex(0.0, 6.0, 15.0), vertex(8.0, 4.0, 15.0), vertex(8.0, 3.0, 13.0)]);
    unit
}

#[test]
fn a_region_is_a_mixture_of_its_vertices() {
    let mut case = empty(1);
    case.connections.push(grid(20.0, 20.0, 0.0));
    case.units.push(region());
    case.demands.push(demand("a", 4.0));
    // Half of (8, 3, 13) and half of standstill: 6.5 MW of gas and 1.5 MW of power, where it need not run.
    let solution = solved(&case);
    all_near(&solution.units["r"].input, &[6.5]);
    near(solution.cost, 6.5 * 40.0 - 1.5 * 30.0, 1e-6);
    // Where it must, standstill is none of it: half of (0, 2, 6) instead.
    case.units[0].must_run = Some(0.0.into());
    let solution = solved(&case);
    assert!(solution.slacks.is_empty());
    all_near(&solution.units["r"].input, &[9.5]);
    all_near(&solution.units["r"].power, &[2.5]);
    near(solution.cost, 9.5 * 40.0 - 2.5 * 30.0, 1e-6);
    greedy_holds(&case);
    // An outage takes power as well as heat.
    case.units[0].outages = vec![Outage { from_step: 0, to_step: 1, available: 0.0 }];
    let solution = solved(&case);
    all_near(&solution.units["r"].power, &[0.0]);
    near(solution.unserved_mwh["production"], 4.0, 1e-9);
    greedy_holds(&case);
}

#[test]
fn a_region_that_must_run_and_cannot_gives_by_name() {
    let mut case = empty(1);
    // Nobody takes its power, so it cannot run.
    case.connections.push(grid(0.0, 0.0, 1.0));
    case.units.push(region());
    case.units[0].must_run = Some(0.0.into());
    case.demands.push(demand("a", 4.0));
    let solution = solved(&case);
    assert_eq!(solution.slacks.len(), 1, "{:?}", solution.slacks);
    assert_eq!(solution.slacks[0].owner, "r");
    // The site takes 1 MW, so half of (0, 2, 6) runs; the other half, counted in the largest heat of 8 MW, lacks.
    near(solution.slacks[0].amount[0], 4.0, 1e-6);
}

#[test]
fn reserve_moves_load_between_units_and_what_lacks_has_a_price() {
    let mut case = empty(1);
    case.headers[0].reserve = Some(Reserve { mw: 3.0.into(), minutes: 15.0, price: 200.0 });
    // Each can rise by 2 MW in a quarter of an hour.
    for (id, per_mwh) in [("cheap", 50.0), ("dear", 60.0)] {
        let mut unit = boiler(id, 5.0, per_mwh);
        unit.ramp_up_per_h = Some(8.0);
        case.units.push(unit);
    }
    case.demands.push(demand("a", 6.0));
    // 5 and 1 would keep 0 and 2 MW; 4 and 2 keep 1 and 2, for 10 more.
    let solution = solved(&case);
    all_near(heat(&solution, "cheap"), &[4.0]);
    near(solution.cost, 4.0 * 50.0 + 2.0 * 60.0, 1e-6);
    near(solution.reserve_short["a"][0], 0.0, 1e-9);
    near(solution.units["cheap"].reserve[0] + solution.units["dear"].reserve[0], 3.0, 1e-6);
    // With 8 MW of heat only 2 MW are left to keep.
    case.demands[0].heat = 8.0.into();
    let solution = solved(&case);
    near(solution.reserve_short["a"][0], 1.0, 1e-6);
    near(solution.cost, 5.0 * 50.0 + 3.0 * 60.0 + 200.0, 1e-6);
    greedy_holds(&case);
    // Reserve never takes heat from anybody: no class goes short for it.
    case.demands[0].heat = 10.0.into();
    let solution = solved(&case);
    near(solution.unserved_mwh["production"], 0.0, 1e-9);
    near(solution.reserve_short["a"][0], 3.0, 1e-6);
}

#[test]
fn a_store_ends_at_its_level_or_at_what_its_content_is_worth() {
    let mut case = empty(2);
    case.storages.push(store(10.0, 4.0));
    case.units.push(boiler("u", 6.0, 50.0));
    case.demands.push(demand("a", 1.0));
    // A MWh in the store is worth 45: none is made for it, and the 4 MWh are drawn on only for what would cost 50.
    case.storages[0].r#final = Final::Value { value_per_mwh: 45.0 };
    let solution = solved(&case);
    near(solution.storages["tank"].energy[1], 2.0, 1e-6);
    near(solution.cost, -2.0 * 45.0, 1e-6);
    // At 55 it is filled.
    case.storages[0].r#final = Final::Value { value_per_mwh: 55.0 };
    let solution = solved(&case);
    near(solution.storages["tank"].energy[1], 10.0, 1e-6);
    near(solution.cost, 8.0 * 50.0 - 10.0 * 55.0, 1e-6);
    case.storages[0].r#final = Final::Mwh(7.0);
    near(solved(&case).cost, 5.0 * 50.0, 1e-6);
    greedy_holds(&case);
}

#[test]
fn a_graded_grid_sees_a_deadline_between_quarters_of_an_hour() {
    let mut case = empty(3);
    case.time.step_minutes = vec![10.0, 20.0, 30.0].into();
    let mut unit = boiler("u", 10.0, 50.0);
    unit.ramp_up_per_h = Some(6.0);
    unit.initial = Some(Initial::making(0.0));
    case.units.push(unit);
    case.demands.push(demand("a", 6.0));
    let solution = solved(&case);
    // 6 MW per hour: 1 MW after 10 minutes, 2 more after 20, 3 more after 30.
    all_near(heat(&solution, "u"), &[1.0, 3.0, 6.0]);
    near(solution.unserved_mwh["production"], 5.0 / 6.0 + 3.0 / 3.0, 1e-6);
}

/// A point of a combined heat and power unit: power, heat, cost per hour.
type Costs = fn(f64, f64) -> f64;

/// The unit of test system 1 whose region has these corners of power and heat. Its cost is quadratic, so the region is
/// filled with a grid of vertices that holds the optimum.
fn quadratic(id: &str, corners: &[(f64, f64)], costs: Costs) -> Unit {
    let inside = |power: f64, heat: f64| {
        let mut turns = corners
            .iter()
            .zip(corners.iter().cycle().skip(1))
            .map(|(from, to)| (to.0 - from.0) * (heat - from.1) - (to.1 - from.1) * (power - from.0));
        turns.all(|turn| turn >= -1e-9)
    };
    let grid = (0..=50).flat_map(|p| (0..=36).map(move |h| (5.0 * f64::from(p), 5.0 * f64::from(h))));
    let points = corners.iter().copied().chain(grid.filter(|(power, heat)| inside(*power, *heat)));
    let mut unit = Unit::new(id, UnitKind::Chp, "p", "a", 180.0);
    unit.carrier = Some("money".into());
    unit.mode = Some(ChpMode::Region);
    unit.must_run = Some(0.0.into());
    unit.region = Some(points.map(|(power, heat)| Vertex { heat, power, fuel: costs(power, heat) }).collect());
    unit
}

#[test]
fn test_system_1_of_combined_heat_and_power_dispatch_has_its_published_cost() {
    // A power unit at 50 per MWh, two cogeneration units, a boiler at 23.4 per MWh; 200 MW of power, 115 MW of heat
    // (Guo, Henwood, van Ooijen 1996). The literature's best: 160 and 40 MW of power, 40 and 75 MW of heat, 9257.07.
    let mut case = empty(1);
    case.carriers[0] = hypocaust_optimizer::case::Carrier {
        id: "money".into(),
        price: Some(1.0.into()),
        ..hypocaust_optimizer::case::Carrier::default()
    };
    case.connections.push(grid(150.0, 0.0, 200.0));
    case.units.push(quadratic("first", &[(98.8, 0.0), (247.0, 0.0), (215.0, 180.0), (81.0, 104.8)], |p, h| {
        2650.0 + 14.5 * p + 0.0345 * p * p + 4.2 * h + 0.03 * h * h + 0.031 * p * h
    }));
    case.units.push(quadratic(
        "second",
        &[(44.0, 0.0), (125.8, 0.0), (125.8, 32.4), (110.2, 135.6), (40.0, 75.0), (44.0, 15.9)],
        |p, h| 1250.0 + 36.0 * p + 0.0435 * p * p + 0.6 * h + 0.027 * h * h + 0.011 * p * h,
    ));
    let mut unit = boiler("boiler", 2695.2, 23.4);
    (unit.carrier, unit.efficiency) = (Some("money".into()), Some((1.0 / 23.4).into()));
    case.units.push(unit);
    case.demands.push(demand("a", 115.0));
    let solution = solved(&case);
    near(solution.cost, 9257.075, 1e-4);
    near(solution.units["first"].power[0], 160.0, 1e-5);
    near(solution.units["second"].heat[0], 75.0, 1e-5);
    assert!(solution.slacks.is_empty());
}
