//! What the explanation says is so: each figure is a solve that can be done by hand or anew.

use hypocaust_optimizer::case::{Demand, Final, Initial, Link, Segment, Unit, UnitKind};
use hypocaust_optimizer::explain::{Extent, changes};
use hypocaust_optimizer::generate::{Recipe, generate};
use hypocaust_optimizer::{Case, Error, Explanation, Loss, Options, Solution, commit, explain, greedy, lose};
use proptest::prelude::*;

use crate::small::{boiler, demand, electric, empty, grid, main, store};
use crate::{bench, near, random, solved, trap};

fn explained(case: &Case, solution: &Solution) -> Explanation {
    explain(case, solution, None, Extent::default()).unwrap()
}

fn price<'a>(all: &'a Explanation, header: &str) -> &'a hypocaust_optimizer::explain::Price {
    all.prices.iter().find(|price| price.header == header).unwrap()
}

#[test]
fn a_price_has_two_sides_where_a_cheap_source_is_full() {
    let mut case = trap();
    case.demands.truncate(1);
    // Waste heat for nothing, just enough; the electric boiler at 100 per MWh for any more.
    case.units[1] = Unit::new("p.waste", UnitKind::WasteHeat, "p", "p.s", 1.0);
    let all = explained(&case, &solved(&case));
    let steam = price(&all, "p.s");
    near(steam.up.unwrap(), 100.0, 1e-6);
    near(steam.down.unwrap(), 0.0, 1e-6);
    assert_eq!(steam.taken, None);
}

#[test]
fn where_there_is_no_more_heat_it_is_said_who_would_give_it() {
    let case = trap();
    let all = explained(&case, &solved(&case));
    // All the power makes steam for life safety; product safety has nothing left to give.
    let steam = price(&all, "p.s");
    assert_eq!(steam.up, None);
    near(steam.down.unwrap(), 100.0, 1e-5);
    let (class, mwh) = steam.taken.as_ref().unwrap();
    assert_eq!(class, "life-safety");
    near(*mwh, 1.0, 1e-6);
    // A MW of water takes a quarter of the power.
    let (class, mwh) = price(&all, "p.w").taken.as_ref().unwrap();
    assert_eq!(class, "life-safety");
    near(*mwh, 0.25, 1e-6);
}

#[test]
fn a_shortage_names_the_limit_that_would_end_it() {
    let case = trap();
    let all = explained(&case, &solved(&case));
    let [short] = &all.short[..] else { panic!("one consumer is short: {:?}", all.short) };
    assert_eq!((short.demand.as_str(), short.from, short.to), ("p.product", 0, 1));
    near(short.mwh, 4.0, 1e-9);
    near(short.avoidable_mwh, 0.0, 0.0);
    let [relief] = &short.limits[..] else { panic!("one limit: {:?}", short.limits) };
    assert_eq!((relief.owner.as_str(), relief.limit.as_str()), ("p.el", "max_import"));
    near(relief.gives_mwh, 4.0, 1e-6);
    let of_class: Vec<_> = all.worth.iter().filter(|worth| worth.stage == "product-safety").collect();
    assert_eq!(of_class.len(), 1);
    near(of_class[0].saves, 4.0, 1e-6);
    insta::assert_snapshot!(all.sentences.join("\n"));
}

/// One that is lost is not held back by its capacity, and what runs at its capacity still is.
#[test]
fn a_unit_that_can_make_nothing_is_called_so() {
    let said = |lost: bool| {
        let mut case = empty(1);
        case.units = vec![boiler("b", 2.0, 50.0)];
        if lost {
            case.units[0].heat_max = 0.0.into();
        }
        case.demands.push(demand("a", 4.0));
        explained(&case, &solved(&case)).sentences.join("\n")
    };
    let lost = said(true);
    assert!(lost.contains("Held back by b, which can make no heat now (one MW more would give 1.00 MWh)."), "{lost}");
    assert!(lost.contains("One MW more of b, which can make no heat now, would give back 1.00 MWh"), "{lost}");
    assert!(!lost.contains("the capacity of b"), "{lost}");
    let full = said(false);
    assert!(full.contains("Held back by the capacity of b (one MW more would give 1.00 MWh)."), "{full}");
    assert!(!full.contains("no heat now"), "{full}");
}

/// A relief is a promise: the case with one MW more of the limit is solved from nothing and gives that much.
#[test]
fn one_mw_more_gives_what_it_was_said_to_give() {
    let case = generate(Recipe { conflict: true, ..Recipe::new(2, 4, 1) }).unwrap();
    let solution = solved(&case);
    let all = explained(&case, &solution);
    assert!(!all.short.is_empty());
    // Of the highest class that is short: what a lower one is promised, the higher one would take first.
    let first = &all.short[0].class;
    let mut kept = 0;
    for worth in all.worth.iter().filter(|worth| worth.limit == "max_import" && worth.stage == *first) {
        let mut more = case.clone();
        let connection = more.connections.iter_mut().find(|connection| connection.id == worth.owner).unwrap();
        // More in every step; where the limit does not bind it changes nothing, or helps further.
        let wider: Vec<f64> = (0..case.time.steps).map(|t| connection.max_import.at(t) + 1.0).collect();
        connection.max_import = wider.into();
        let saved = solution.unserved_mwh[&worth.stage] - solved(&more).unserved_mwh[&worth.stage];
        assert!(saved >= worth.saves - 1e-5, "{worth:?}: {saved}");
        kept += 1;
    }
    assert!(kept > 0, "{:?}", all.worth);
}

#[test]
fn what_could_be_had_at_once_is_called_so() {
    // A schedule made for half the contract, explained with the whole one.
    let case = trap();
    let mut poor = case.clone();
    poor.connections[0].max_import = 0.5.into();
    let all = explained(&case, &solved(&poor));
    let life = all.short.iter().find(|short| short.class == "life-safety").unwrap();
    near(life.avoidable_mwh, 0.5, 1e-5);
    assert!(all.sentences.iter().any(|said| said.contains("could be had at once")), "{:#?}", all.sentences);
}

/// What is off is off: a part of its least load is not heat that could be had.
#[test]
fn a_committed_schedule_is_explained_with_its_own_states() {
    let mut case = empty(1);
    case.connections.push(grid(3.0, 0.0, 0.0));
    case.units = vec![electric("e", 10.0)];
    case.units[0].heat_min = 4.0.into();
    case.demands.push(demand("a", 3.0));
    let solution = commit(&case, &Options::default()).unwrap();
    let all = explained(&case, &solution);
    near(all.short[0].mwh, 3.0, 1e-6);
    near(all.short[0].avoidable_mwh, 0.0, 1e-6);
    let mut stateless = solution.clone();
    stateless.units.get_mut("e").unwrap().on.clear();
    near(explained(&case, &stateless).short[0].avoidable_mwh, 3.0, 1e-6);
    // A boiler that cannot make so little is off, and the next MW is the other's.
    let mut case = empty(1);
    case.units = vec![boiler("cheap", 10.0, 50.0), boiler("dear", 10.0, 60.0)];
    case.units[0].heat_min = 4.0.into();
    case.demands.push(demand("a", 2.0));
    let solution = commit(&case, &Options::default()).unwrap();
    let all = explained(&case, &solution);
    near(price(&all, "a").up.unwrap(), 60.0, 1e-6);
    near(price(&all, "a").down.unwrap(), 60.0, 1e-6);
    assert!(all.worth.iter().all(|worth| worth.owner != "cheap"), "{:?}", all.worth);
    // And on which piece of its curve a unit is, is its own as well.
    let piece = |heat: f64, per_heat: f64| Segment { heat, input_per_heat: per_heat.into() };
    case.units = vec![boiler("bent", 10.0, 50.0), boiler("straight", 10.0, 70.0)];
    (case.units[0].efficiency, case.units[0].segments) = (None, Some(vec![piece(4.0, 1.5), piece(6.0, 1.0)]));
    for (heat, per_mwh) in [(2.0, 60.0), (9.0, 40.0)] {
        case.demands[0].heat = heat.into();
        let solution = commit(&case, &Options::default()).unwrap();
        near(price(&explained(&case, &solution), "a").up.unwrap(), per_mwh, 1e-6);
    }
}

/// The limits that a committed schedule of one boiler has for its one consumer, who is short: name and MWh.
fn held_back(case: &Case) -> (Vec<(String, f64)>, String) {
    let solution = commit(case, &Options::default()).unwrap();
    let all = explained(case, &solution);
    // What binds is named by the schedule itself as well.
    for relief in &all.short[0].limits {
        let known = solution.binding.iter().any(|it| it.owner == "u" && it.limit == relief.limit);
        assert!(known && relief.owner == "u", "{relief:?}: {:?}", solution.binding);
    }
    let limits = all.short[0].limits.iter().map(|relief| (relief.limit.clone(), relief.gives_mwh)).collect();
    (limits, all.sentences.join("\n"))
}

#[test]
fn ramps_starts_and_stops_of_a_committed_unit_are_named() {
    let mut case = empty(2);
    case.units = vec![boiler("u", 10.0, 50.0)];
    let running = Initial { heat_mw: 3.0, on: Some(true), hours: None };
    (case.units[0].heat_min, case.units[0].initial) = (1.0.into(), Some(running));
    case.units[0].ramp_up_per_h = Some(2.0);
    case.demands.push(demand("a", 10.0));
    // It makes 5 and 7 MW; a MW more in each hour is 1 in the first and 2 in the second.
    let (limits, said) = held_back(&case);
    assert_eq!(limits.len(), 1, "{limits:?}");
    assert_eq!(limits[0].0, "ramp_up_per_h");
    near(limits[0].1, 3.0, 1e-6);
    assert!(said.contains("Held back by the ramp upwards of u (one MW more would give 3.00 MWh)."), "{said}");
    // From standstill 4 and 6: a start that reaches a MW more gives it in both hours, the ramp in the second.
    case.units[0].initial = Some(Initial { heat_mw: 0.0, on: Some(false), hours: None });
    case.units[0].start_max = Some(4.0);
    let (limits, said) = held_back(&case);
    let names: Vec<&str> = limits.iter().map(|(limit, _)| limit.as_str()).collect();
    assert_eq!(names, ["start_max", "ramp_up_per_h"]);
    near(limits[0].1, 2.0, 1e-6);
    near(limits[1].1, 1.0, 1e-6);
    assert!(said.contains("Held back by the load after a start of u (one MW more would give 2.00 MWh)"), "{said}");
    // It has to stop into the second hour, and may do so from 3 MW.
    let unit = &mut case.units[0];
    (unit.initial, unit.start_max, unit.ramp_up_per_h) = (Some(running), None, None);
    (unit.availability, unit.stop_max) = (vec![1.0, 0.0].into(), Some(3.0));
    let (limits, said) = held_back(&case);
    near(limits.iter().find(|(limit, _)| limit == "stop_max").unwrap().1, 1.0, 1e-6);
    assert!(said.contains("the load before a stop of u (one MW more would give 1.00 MWh)"), "{said}");
    // On its way down from 10 MW heat is vented that costs 50.
    let unit = &mut case.units[0];
    (unit.initial, unit.availability) = (Some(Initial { heat_mw: 10.0, ..running }), 1.0.into());
    unit.ramp_down_per_h = Some(4.0);
    (case.demands[0].heat, case.time.steps) = (0.0.into(), 1);
    let all = explained(&case, &commit(&case, &Options::default()).unwrap());
    let [worth] = &all.worth[..] else { panic!("{:?}", all.worth) };
    assert_eq!((worth.stage.as_str(), worth.limit.as_str()), ("cost", "ramp_down_per_h"));
    near(worth.saves, 50.0, 1e-6);
}

#[test]
fn what_a_store_is_to_keep_holds_a_consumer_back() {
    let mut case = empty(2);
    case.storages.push(store(10.0, 6.0));
    case.storages[0].r#final = Final::Mwh(4.0);
    case.storages[0].discharge_eff = 0.9;
    case.demands.push(demand("a", 3.0));
    // 2 MWh may be drawn of 6, of which 1.8 arrive.
    let solution = solved(&case);
    let all = explained(&case, &solution);
    near(all.short[0].mwh, 4.2, 1e-6);
    let [relief] = &all.short[0].limits[..] else { panic!("{:?}", all.short) };
    assert_eq!((relief.owner.as_str(), relief.limit.as_str(), relief.step), ("tank", "final", 1));
    near(relief.gives_mwh, 0.9, 1e-6);
    let [worth] = &all.worth[..] else { panic!("{:?}", all.worth) };
    assert_eq!((worth.stage.as_str(), worth.limit.as_str()), ("production", "final"));
    let said = all.sentences.join("\n");
    assert!(said.contains("Held back by the level at the end of tank (one MWh less would give 0.90 MWh)."), "{said}");
    assert!(
        said.contains("One MWh less of the level at the end of tank would give back 0.90 MWh of production."),
        "{said}"
    );
    // A level that is free holds nobody back.
    case.storages[0].r#final = store(10.0, 6.0).r#final;
    let free = explained(&case, &solved(&case));
    assert!(free.short[0].limits.is_empty(), "{:?}", free.short);
}

#[test]
fn a_new_price_of_co2_is_a_cause() {
    let before = generate(Recipe::new(2, 4, 1)).unwrap();
    let mut after = before.clone();
    after.co2_price = (before.co2_price.at(0) + 40.0).into();
    let all = explain(&after, &solved(&after), Some((&before, &solved(&before))), Extent::default()).unwrap();
    let causes: Vec<_> = all.changes.iter().filter(|change| change.cause).collect();
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert_eq!((causes[0].owner.as_str(), causes[0].what.as_str()), ("CO2", "co2_price"));
    near(causes[0].by(), 40.0, 1e-9);
    let said = all.sentences.join("\n");
    assert!(said.contains("The price of CO2 goes up from 78.00 to 118.00."), "{said}");
}

#[test]
fn a_schedule_of_another_case_is_refused() {
    let mut case = trap();
    let mut solution = solved(&case);
    solution.demands.get_mut("p.product").unwrap().unserved[0] = 0.0;
    let Err(Error::Stage { outcome, .. }) = explain(&case, &solution, None, Extent::default()) else {
        panic!("nobody can be served so");
    };
    assert!(outcome.contains("does not belong to the case"));
    case.connections[0].max_import = f64::NAN.into();
    assert!(matches!(explain(&case, &solution, None, Extent::default()), Err(Error::Invalid(_))));
}

#[test]
fn what_changed_is_named_with_its_cause() {
    let before = generate(Recipe::new(2, 4, 1)).unwrap();
    let after = lose(&before, &Loss::Unit("p0.b1".to_owned()));
    let (old, now) = (solved(&before), solved(&after));
    let all = explain(&after, &now, Some((&before, &old)), Extent::default()).unwrap();
    assert_eq!(all.changes, changes(&before, &old, &after, &now));
    let causes: Vec<_> = all.changes.iter().filter(|change| change.cause).collect();
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert_eq!((causes[0].owner.as_str(), causes[0].what.as_str(), causes[0].now), ("p0.b1", "capacity", Some(0.0)));
    let boiler = all.changes.iter().find(|change| !change.cause && change.owner == "p0.b1").unwrap();
    near(boiler.before.unwrap(), old.units["p0.b1"].heat[0], 1e-9);
    assert!(all.sentences.iter().any(|said| said.starts_with("p0.b1 is lost")), "{:#?}", all.sentences);
    // Nothing has changed from a schedule to itself.
    assert!(changes(&before, &old, &before, &old).is_empty());
}

#[test]
fn a_long_list_is_cut_and_says_so() {
    let case = generate(Recipe { conflict: true, ..Recipe::new(4, 4, 1) }).unwrap();
    let solution = solved(&case);
    let all = explained(&case, &solution);
    let few = explain(&case, &solution, None, Extent { short: 1, steps: 2, ..Extent::default() }).unwrap();
    assert_eq!(few.short.len(), 1);
    assert_eq!(few.further_short + 1, all.short.len() + all.further_short);
    assert_eq!(few.prices.len(), 2 * case.headers.len());
    assert!(all.short.windows(2).all(|pair| case.rank(&pair[0].class) <= case.rank(&pair[1].class)));
}

/// Costs are convex: more never costs less than less saves, and the dual of the cost stage lies between the two. Where
/// somebody is short the face of the classes above has pinned what the dual could move, so there it says nothing.
fn sides_enclose_the_dual(case: &Case, solution: &Solution) {
    let all = explained(case, solution);
    let short = solution.stages.iter().any(|stage| stage.name != "cost" && stage.solved);
    for price in &all.prices {
        let dual = solution.prices[&price.header][price.step];
        let loose = 1e-4 * (1.0 + dual.abs());
        assert!(price.up.is_none() || price.down.is_none() || price.up >= price.down.map(|d| d - loose), "{price:?}");
        assert!(short || price.up.is_none_or(|up| up >= dual - loose), "{price:?}, dual {dual}");
        assert!(short || price.down.is_none_or(|down| down <= dual + loose), "{price:?}, dual {dual}");
    }
    for short in &all.short {
        near(short.avoidable_mwh, 0.0, 0.0);
    }
    assert!(!all.sentences.is_empty());
}

#[test]
fn the_sides_of_a_price_enclose_the_dual() {
    let case = bench();
    sides_enclose_the_dual(&case, &solved(&case));
    for conflict in [false, true] {
        let case = generate(Recipe { conflict, ..Recipe::new(3, 6, 4) }).unwrap();
        sides_enclose_the_dual(&case, &solved(&case));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_schedule_can_be_explained(case in random::case()) {
        sides_enclose_the_dual(&case, &solved(&case));
        // One without a solver too, though it knows no duals.
        let fallback = greedy(&case).unwrap();
        prop_assert!(!explained(&case, &fallback).sentences.is_empty());
    }
}

#[test]
fn a_limit_that_would_bring_the_heat_of_lower_classes_is_named() {
    let mut case = empty(1);
    case.units = vec![Unit { header: "b".into(), ..boiler("boiler", 5.0, 50.0) }];
    case.links = vec![Link { from: "b".into(), to: "a".into(), ..main(2.0) }];
    case.demands = vec![Demand { class: "life-safety".into(), ..demand("a", 5.0) }, demand("b", 5.0)];
    let all = explained(&case, &solved(&case));
    let ward = all.short.iter().find(|short| short.demand == "d.a").unwrap();
    near(ward.mwh, 3.0, 1e-6);
    assert_eq!(ward.limits.first().map(|limit| (limit.owner.as_str(), limit.limit.as_str())), Some(("main", "cap")));
    near(ward.limits[0].gives_mwh, 1.0, 1e-6);
    let said = all.sentences.join("\n");
    assert!(said.contains("Held back by the capacity of the main main"), "{said}");
    // What nobody may shed is explained as well, and nothing is called by a stage's name.
    case.demands[0].sheddable = Some(0.0.into());
    let said = explained(&case, &solved(&case)).sentences.join("\n");
    assert!(said.contains("Held back by the capacity of the main main"), "{said}");
    assert!(!said.contains("beyond setpoints"), "{said}");
}
