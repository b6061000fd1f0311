//! What is refused, and what it says.

use hypocaust_optimizer::case::{ChpMode, Initial, Segment, Unit, UnitKind, Vertex};
use hypocaust_optimizer::{Base, Case, Options, Session, commit, greedy, hand_over, losses, solve};

use crate::small::{boiler, demand, electric, empty, grid};

fn refusal(from: &str, to: &str) -> String {
    let text = include_str!("../cases/priority-trap.json");
    assert!(text.contains(from), "the sample has no {from}");
    let error = Case::from_json(&text.replacen(from, to, 1)).unwrap_err();
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[test]
fn mistakes_are_named_with_their_path() {
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"kop\":4.0"), @r#"the file is no heatcase/1: at units[1].kop: unknown field `kop`, expected one of `id`, `kind`, `mode`, `plant`, `carrier`, `header`, `heat_max`, `heat_min`, `efficiency`, `segments`, `cop`, `heat_eff`, `power_eff`, `condensing_eff`, `power_loss`, `power_to_heat`, `power_max`, `region`, `ramp_up_per_h`, `ramp_down_per_h`, `start_cost`, `min_up_h`, `min_down_h`, `start_max`, `stop_max`, `availability`, `var_om`, `initial`, `must_run`, `outages` at line 1 column 667"#);
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":\"four\""), @r#"the file is no heatcase/1: at units[1].cop: invalid type: string "four", expected a number, or an array with one number per step at line 1 column 674"#);
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":[4.0,4.0]"), @r#"the case has 1 mistake: units[1].cop: 2 numbers for 1 steps; write one per step, or a single number"#);
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":NaN"), @r#"the file is no heatcase/1: at units[1].cop: expected value at line 1 column 669"#);
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":1e999"), @r#"the file is no heatcase/1: at units[1].cop: number out of range at line 1 column 673"#);
    insta::assert_snapshot!(refusal("\"class\":\"life-safety\"", "\"class\":\"lifesafety\""), @r#"the case has 1 mistake: demands[0].class: "lifesafety" is no class of this case; write one of ["life-safety", "product-safety", "equipment-protection", "production", "comfort"]"#);
    insta::assert_snapshot!(refusal("\"heat\":1.0", "\"heat\":-1.0"), @r#"the case has 1 mistake: demands[0].heat: -1 is out of range; write a number of at least 0"#);
}

/// Refusals of the trap with one thing added to its electric boiler.
fn of_unit(fields: &str) -> String {
    refusal("\"heat_max\":5.0,\"efficiency\":1.0", &format!("\"heat_max\":5.0,{fields}"))
}

#[test]
fn what_a_unit_may_have_beyond_its_efficiency_is_checked() {
    insta::assert_snapshot!(of_unit("\"segments\":[{\"heat\":3,\"input_per_heat\":1.2}],\"efficiency\":1.0"), @r#"the case has 2 mistakes: units[0].efficiency: is said by "segments" already; write one of the two; units[0].segments: they cover 3 MW, but heat_max is 5; write segments up to it"#);
    insta::assert_snapshot!(of_unit("\"segments\":[]"), @"the case has 1 mistake: units[0].segments: 0 segments; write 1 to 10000");
    insta::assert_snapshot!(of_unit("\"efficiency\":1.0,\"mode\":\"region\""), @"the case has 1 mistake: units[0].mode: belongs to CHP units only; leave it out");
    insta::assert_snapshot!(of_unit("\"efficiency\":1.0,\"power_loss\":0.2"), @"the case has 1 mistake: units[0].power_loss: means nothing for a unit of this kind; leave it out");
    insta::assert_snapshot!(of_unit("\"efficiency\":1.0,\"initial\":{\"heat_mw\":2,\"on\":false}"), @"the case has 1 mistake: units[0].initial.on: the unit is off, but makes 2 MW; write true, or a heat of 0");
    insta::assert_snapshot!(of_unit("\"efficiency\":1.0,\"outages\":[{\"from_step\":1,\"to_step\":1}]"), @"the case has 1 mistake: units[0].outages[0].to_step: 1 after a beginning in step 1; write a step above it and of at most 1");
}

/// A case may have it; a linear program may not, and whoever would make one says so.
#[test]
fn a_curve_that_is_not_convex_is_for_commit_alone() {
    let text = include_str!("../cases/priority-trap.json").replacen(
        "\"heat_max\":5.0,\"efficiency\":1.0",
        "\"heat_max\":5.0,\"segments\":[{\"heat\":3,\"input_per_heat\":1.2},{\"heat\":2,\"input_per_heat\":1.1}]",
        1,
    );
    let case = Case::from_json(&text).unwrap();
    let options = Options::default();
    insta::assert_snapshot!(solve(&case, &options).unwrap_err(), @"the case has 1 mistake: units[0].segments[1].input_per_heat: falls from 1.2 to 1.1 in step 0, so the curve is not convex there and a linear program would fill the later piece first; have it committed (`solve --commit`), or write pieces that do not become cheaper upwards, such as one chord for both");
    assert!(greedy(&case).is_err() && Session::new(options.clone()).solve(&case, 0.0).is_err());
    assert!(Base::new(case.clone(), options.clone()).is_err() && losses(&case).len() > 1);
    commit(&case, &options).unwrap();
}

#[test]
fn a_cogeneration_unit_needs_the_figures_of_its_mode() {
    let chp = |fields: &str| {
        let from = "\"kind\":\"heat_pump\",\"plant\":\"p\",\"carrier\":\"power\",\"header\":\"p.w\",\"heat_max\":10.0,\"cop\":4.0";
        let to = format!(
            "\"kind\":\"chp\",\"plant\":\"p\",\"carrier\":\"power\",\"header\":\"p.w\",\"heat_max\":10.0{fields}"
        );
        refusal(from, &to)
    };
    insta::assert_snapshot!(chp(""), @r#"the case has 3 mistakes: units[1].mode: missing; write "backpressure", "extraction" or "region"; units[1].heat_eff: missing; a unit of this kind needs "heat_eff"; units[1].power_eff: missing; a unit of this kind needs "power_eff""#);
    insta::assert_snapshot!(chp(",\"mode\":\"extraction\",\"condensing_eff\":0.4,\"power_to_heat\":0.5"), @r#"the case has 2 mistakes: units[1].power_loss: missing; a unit of this kind needs "power_loss"; units[1].power_max: missing; a unit of this kind needs "power_max""#);
    insta::assert_snapshot!(chp(",\"mode\":\"region\""), @"the case has 1 mistake: units[1].region: missing; write its vertices of heat, power and fuel");
    insta::assert_snapshot!(chp(",\"mode\":\"region\",\"region\":[{\"heat\":0,\"power\":0,\"fuel\":2},{\"heat\":-1,\"power\":0,\"fuel\":2}]"), @"the case has 2 mistakes: units[1].region[1].heat: -1 is out of range; write a number of at least 0; units[1].region: no vertex makes as much as 0.001 MW of heat; write the corners of the region");
}

/// What is wrong with a case of two hours in which this is the one unit.
fn of_one(unit: Unit) -> String {
    let mut case = empty(2);
    case.connections.push(grid(10.0, 10.0, 0.0));
    case.units.push(unit);
    case.demands.push(demand("a", 1.0));
    case.validate()
        .map_or_else(|error| error.to_string().replace("the case has 1 mistake: ", ""), |()| "none".to_owned())
}

fn with(mut unit: Unit, change: impl FnOnce(&mut Unit)) -> String {
    change(&mut unit);
    of_one(unit)
}

#[test]
fn nothing_makes_more_of_its_carrier_than_there_is_in_it() {
    let gas = |efficiency: f64| with(boiler("u", 4.0, 50.0), |unit| unit.efficiency = Some(efficiency.into()));
    insta::assert_snapshot!(gas(92.0), @"units[0].efficiency: 92 is out of range; write a number from 0.001 to 1.25");
    // What condenses gives more than the net calorific value.
    assert_eq!(gas(1.08), "none");
    let electric = |change: fn(&mut Unit)| with(electric("u", 4.0), change);
    insta::assert_snapshot!(electric(|unit| unit.efficiency = Some(vec![1.0, 1.05].into())), @"units[0].efficiency[1]: 1.05 is out of range; write a number from 0.001 to 1");
    let pump = |change: fn(&mut Unit)| {
        let mut unit = Unit::new("u", UnitKind::HeatPump, "p", "a", 4.0);
        (unit.carrier, unit.cop) = (Some("power".into()), Some(20.0.into()));
        with(unit, change)
    };
    assert_eq!(pump(|_| {}), "none");
    insta::assert_snapshot!(pump(|unit| unit.cop = Some(400.0.into())), @"units[0].cop: 400 is out of range; write a number from 0.001 to 50");
    // Of a curve it counts what is burnt up to each end: the second piece alone would be none.
    let curve = |first: f64, second: f64| {
        let piece = |per_heat: f64| Segment { heat: 2.0, input_per_heat: per_heat.into() };
        with(boiler("u", 4.0, 50.0), |unit| {
            (unit.efficiency, unit.segments) = (None, Some(vec![piece(first), piece(second)]));
        })
    };
    assert_eq!(curve(1.5, 0.7), "none");
    insta::assert_snapshot!(curve(0.9, 0.6), @"units[0].segments[1].input_per_heat: up to its end the unit makes 4 MW of 3 MW of its carrier in step 0; write so much that it makes at most 1.25 MWh of a MWh");
}

/// A back-pressure unit of 4 MW with a connection for its power.
fn engine(heat_eff: f64, power_eff: f64) -> Unit {
    let mut unit = Unit::new("u", UnitKind::Chp, "p", "a", 4.0);
    (unit.carrier, unit.heat_eff, unit.power_eff) = (Some("gas".into()), Some(heat_eff.into()), Some(power_eff.into()));
    unit
}

#[test]
fn heat_and_power_together_are_no_more_than_the_fuel() {
    assert_eq!(of_one(engine(0.6, 0.45)), "none");
    insta::assert_snapshot!(of_one(engine(0.9, 0.4)), @r#"units[0].heat_eff: with "power_eff" the unit makes 1.300 MWh of a MWh of fuel in step 0; write two whose sum is at most 1.25"#);
    insta::assert_snapshot!(of_one(engine(0.5, 1.4)), @"units[0].power_eff: 1.4 is out of range; write a number from 0 to 1");
    let turbine = |loss: f64| {
        let mut unit = engine(0.0, 0.0);
        (unit.heat_eff, unit.power_eff, unit.mode) = (None, None, Some(ChpMode::Extraction));
        (unit.condensing_eff, unit.power_loss) = (Some(0.45.into()), Some(loss.into()));
        (unit.power_to_heat, unit.power_max) = (Some(0.3.into()), Some(4.0.into()));
        of_one(unit)
    };
    assert_eq!(turbine(0.2), "none");
    insta::assert_snapshot!(turbine(0.1), @r#"units[0].power_loss: at its least power the unit makes more than 1.25 MWh of heat and power of a MWh of fuel in step 0; write a larger "power_loss" or "power_to_heat", or a smaller "condensing_eff""#);
    let mut unit = engine(0.0, 0.0);
    (unit.heat_eff, unit.power_eff, unit.mode) = (None, None, Some(ChpMode::Region));
    unit.region = Some(vec![Vertex { heat: 0.0, power: 1.0, fuel: 2.0 }, Vertex { heat: 4.0, power: 1.0, fuel: 2.0 }]);
    insta::assert_snapshot!(of_one(unit), @"units[0].region[1].fuel: 2 MW is too little for 5 MW of heat and power; write at least 4");
}

#[test]
fn somebody_takes_the_power_of_an_engine() {
    let mut case = empty(1);
    case.units.push(engine(0.5, 0.4));
    case.demands.push(demand("a", 4.0));
    insta::assert_snapshot!(case.validate().unwrap_err(), @r#"the case has 1 mistake: units[0].plant: "p" has no connection that takes the power of this unit; write one for the carrier with "buy" and "sell", with a "max_export" of 0 where nothing is fed out, or a boiler where power is of no account"#);
    case.connections.push(grid(10.0, 0.0, 0.0));
    case.validate().unwrap();
    // One that makes none asks for none.
    case.connections.clear();
    case.units[0].power_eff = Some(0.0.into());
    case.validate().unwrap();
}

#[test]
fn a_unit_stands_at_its_own_plant_and_makes_no_more_at_least_than_at_most() {
    let mut case = empty(1);
    case.plants.push(hypocaust_optimizer::case::Plant { id: "q".into() });
    case.units.push(Unit { plant: "q".into(), ..boiler("u", 4.0, 50.0) });
    insta::assert_snapshot!(case.validate().unwrap_err(), @r#"the case has 1 mistake: units[0].header: "a" is a header of plant "p", but the unit is one of "q"; write a header of its own plant, and a link from there where heat goes further"#);
    insta::assert_snapshot!(with(boiler("u", 4.0, 50.0), |unit| {
        (unit.heat_min, unit.heat_max) = (3.0.into(), vec![4.0, 2.0].into());
    }), @r#"units[0].heat_min: 3 is above heat_max, which is 2 in step 1; write at most that, and where the unit is not there say so by an "availability" of 0"#);
    insta::assert_snapshot!(with(boiler("u", 4.0, 50.0), |unit| unit.must_run = Some(5.0.into())), @r#"units[0].must_run: 5 is above heat_max, which is 4 in step 0; write at most that, and where the unit is not there say so by an "availability" of 0"#);
    // Of what is not there nothing is asked.
    assert_eq!(
        with(boiler("u", 4.0, 50.0), |unit| {
            (unit.must_run, unit.availability) = (Some(4.0.into()), vec![1.0, 0.0].into());
        }),
        "none"
    );
}

/// A linear program starts everything at once: what is off is for `commit`, or its start's length is written as availability.
#[test]
fn a_unit_that_is_off_is_for_commit_or_says_how_long_its_start_takes() {
    let mut case = empty(2);
    case.units.push(boiler("u", 4.0, 50.0));
    case.units[0].heat_min = 1.0.into();
    case.units[0].min_down_h = 2.0;
    case.units[0].initial = Some(Initial { heat_mw: 0.0, on: Some(false), hours: Some(1.0) });
    case.demands.push(demand("a", 3.0));
    let options = Options::default();
    insta::assert_snapshot!(solve(&case, &options).unwrap_err(), @r#"the case has 1 mistake: units[0].initial.on: the unit is off, and nothing says how long its start takes; write an "availability" of 0 for so many steps, or have its states decided (`solve --commit`), for which it needs a minimum load, a minimum time or a cost of its start"#);
    assert!(greedy(&case).is_err() && Session::new(options.clone()).solve(&case, 0.0).is_err());
    assert!(Base::new(case.clone(), options.clone()).is_err());
    // It has been off for one hour of two.
    let committed = commit(&case, &options).unwrap();
    assert_eq!(committed.units["u"].on, [false, true]);
    case.units[0].availability = vec![0.0, 1.0].into();
    assert!(crate::solved(&case).units["u"].heat[0] < 1e-9);
    greedy(&case).unwrap();
    // Without states nothing decides over it either; such a unit is handed over by its heat alone.
    case.units[0] = Unit { initial: case.units[0].initial, ..boiler("u", 4.0, 50.0) };
    assert!(commit(&case, &options).is_err());
    case.units[0].initial = None;
    case.demands[0].heat = 0.0.into();
    let idle = hand_over(&case, &commit(&case, &options).unwrap(), 2)["u"];
    assert_eq!((idle.heat_mw, idle.on), (0.0, None));
}

#[test]
fn delays_reserves_and_ends_of_stores_are_checked() {
    let with = |what: &str| refusal("\"demands\":[", &format!("{what},\"demands\":["));
    let link = |fields: &str| {
        with(&format!("\"links\":[{{\"id\":\"l\",\"from\":\"p.s\",\"to\":\"p.w\",\"cap\":1.0{fields}}}]"))
    };
    insta::assert_snapshot!(link(",\"delay_steps\":2,\"forward_before\":[1.0],\"reverse_before\":[0.0,-1.0]"), @"the case has 3 mistakes: links[0].forward_before: 1 numbers for a delay of 2 steps; write what was sent in each of them, oldest first; links[0].reverse_before[1]: -1 is out of range; write a number of at least 0; links[0].credit_per_mwh: missing; write what a MWh is worth that is under way when the horizon ends, be it 0");
    insta::assert_snapshot!(link(",\"credit_per_mwh\":2"), @r#"the case has 1 mistake: links[0].credit_per_mwh: nothing is under way on a link without delay; write "delay_steps", or leave it out"#);
    insta::assert_snapshot!(link(",\"delay_steps\":-1"), @"the file is no heatcase/1: at links[0].delay_steps: invalid value: integer `-1`, expected usize at line 1 column 743");
    let store = |end: &str| {
        let fields = "\"capacity_mwh\":1,\"charge_max\":1,\"discharge_max\":1,\"initial_mwh\":0";
        with(&format!("\"storages\":[{{\"id\":\"s\",\"header\":\"p.s\",{fields},\"final\":{end}}}]"))
    };
    insta::assert_snapshot!(store("\"full\""), @r#"the file is no heatcase/1: at storages[0].final: invalid value: string "full", expected "equal-initial", "free", a number of MWh, or {"value_per_mwh": money} at line 1 column 791"#);
    insta::assert_snapshot!(store("{\"value\":3}"), @"the file is no heatcase/1: at storages[0].final: unknown field `value`, expected `value_per_mwh` at line 1 column 793");
    insta::assert_snapshot!(store("{}"), @"the file is no heatcase/1: at storages[0].final: missing field `value_per_mwh` at line 1 column 787");
    insta::assert_snapshot!(store("2"), @"the case has 1 mistake: storages[0].final: 2 is out of range; write a number from 0 to 1");
    let reserve = "\"medium\":\"steam\",\"reserve\":{\"mw\":-1,\"minutes\":0,\"price\":-1}";
    insta::assert_snapshot!(refusal("\"medium\":\"steam\"", reserve), @"the case has 3 mistakes: headers[0].reserve.mw: -1 is out of range; write a number of at least 0; headers[0].reserve.minutes: 0 is out of range; write a number above 0; headers[0].reserve.price: -1 is out of range; write a number of at least 0");
}

#[test]
fn a_case_that_no_machine_could_hold_is_refused_at_once() {
    insta::assert_snapshot!(refusal("\"steps\":1", "\"steps\":1000000000000000000"), @"the case has 1 mistake: time.steps: more than 50000000 columns would come of it; write fewer steps");
}

/// By these names a result tells its stages: a class with one of them would be taken for that stage.
#[test]
fn a_class_is_not_called_as_a_stage_of_another_kind() {
    let called = |name: &str| refusal("\"comfort\"", &format!("{name:?}"));
    insta::assert_snapshot!(called("cost"), @r#"the case has 1 mistake: classes[4]: "cost" is the name of a stage of its own in a result; write another name"#);
    for name in ["physical", "final", "movement", "comfort beyond setpoints"] {
        assert!(called(name).contains("classes[4]"), "{name}");
    }
}

#[test]
fn when_it_begins_is_a_time() {
    let start = |time: &str| refusal("\"2026-01-12T00:00:00Z\"", &format!("{time:?}"));
    insta::assert_snapshot!(start("yesterday"), @r#"the case has 1 mistake: time.start: "yesterday" is no time in RFC 3339; write one such as "2026-01-31T12:00:00Z""#);
    for wrong in ["", "2026-01-12", "2026-13-12T00:00:00Z", "2026-01-12T00:00:00", "25:00"] {
        assert!(start(wrong).contains("time.start"), "{wrong}");
    }
    let zone = include_str!("../cases/priority-trap.json").replace("00:00:00Z", "01:00:00.5+01:00");
    Case::from_json(&zone).unwrap();
}

#[test]
fn a_case_without_a_header_is_none() {
    let mut case = crate::trap();
    (case.headers, case.units, case.demands) = (Vec::new(), Vec::new(), Vec::new());
    insta::assert_snapshot!(solve(&case, &Options::default()).unwrap_err(), @"the case has 1 mistake: headers: none; heat is balanced at one at least, so write one");
}

/// The solver takes a bound of 1e20 for none, and a step of no length makes every shortage nothing.
#[test]
fn figures_that_no_plant_has_are_typing_errors() {
    insta::assert_snapshot!(refusal("\"heat\":1.0", "\"heat\":1e300"), @"the case has 1 mistake: demands[0].heat: 1e300 is out of range; write a number of at most 1e9");
    insta::assert_snapshot!(refusal("\"heat\":1.0", "\"heat\":[1.1e9]"), @"the case has 1 mistake: demands[0].heat[0]: 1.1e9 is out of range; write a number of at most 1e9");
    insta::assert_snapshot!(refusal("\"step_minutes\":60", "\"step_minutes\":1e-300"), @"the case has 1 mistake: time.step_minutes: 1e-300 is out of range; write a number of at least 0.001");
    let large = include_str!("../cases/priority-trap.json").replacen("\"heat\":1.0", "\"heat\":1e9", 1);
    let case = Case::from_json(&large).unwrap();
    let short = crate::solved(&case).unserved_mwh["life-safety"];
    crate::near(short, 1e9 - 1.0, 1.0);
}

#[test]
fn every_mistake_is_reported_at_once() {
    let text = include_str!("../cases/priority-trap.json")
        .replace("\"carrier\":\"power\",\"header\":\"p.s\"", "\"carrier\":\"gas\",\"header\":\"p.x\"")
        .replace("\"max_import\":1.0", "\"max_import\":-1.0");
    let hypocaust_optimizer::Error::Invalid(mistakes) = Case::from_json(&text).unwrap_err() else {
        panic!("the file can be read");
    };
    let paths: Vec<&str> = mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
    assert_eq!(paths, ["connections[0].max_import", "units[0].header", "units[0].carrier"]);
}

#[test]
fn a_case_survives_writing_and_reading() {
    let case = crate::bench();
    let text = serde_json::to_string(&case).unwrap();
    assert_eq!(Case::from_json(&text).unwrap(), case);
}
