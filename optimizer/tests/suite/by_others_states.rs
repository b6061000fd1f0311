//! On and off, judged by others: highspy's branch and bound over a program of its own (`tests/judges/optimizer_highspy_states.py`:
//! states of the plainest kind, every stage strictly from the top, no gap), and PyPSA's unit commitment where nothing is short.
//! Neither has a physical limit that gives, so that what has no states to them has to be what ours says a limit for.

use hypocaust_optimizer::case::{ChpMode, Initial, Segment, Unit, UnitKind};
use hypocaust_optimizer::{Case, Options, Solution, check, commit, solve};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::by_others::{AGREE, disagreement, judged};
use crate::random;
use crate::small::{boiler, demand, electric, empty, grid};

/// MWh of a stage below which nothing had to give.
const NOTHING: f64 = 1e-7;

/// A gap that is none in what is compared, and no less than the tolerances of a search.
const EXACT: f64 = 3e-7;

/// Ours, within so much of the best cost.
fn committed(case: &Case, gap: f64) -> Solution {
    let options = Options { commitment_gap: gap, ..Options::default() };
    let solution = commit(case, &options).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let verdict = check(case, &solution);
    assert!(verdict.passed, "{}: {:#?}", case.name, verdict.faults);
    solution
}

fn said(case: &Case, verdict: &Value, stage: &str) -> f64 {
    verdict["stages"][stage].as_f64().unwrap_or_else(|| panic!("{}: {verdict} to the judge", case.name))
}

/// Every class, as MWh, and cost.
fn agrees(case: &Case, ours: &Solution, verdict: &Value) {
    for (stage, mine) in
        ours.unserved_mwh.iter().map(|(class, mwh)| (class.as_str(), *mwh)).chain([("cost", ours.cost)])
    {
        let theirs = said(case, verdict, stage);
        assert!(disagreement(theirs, mine) <= AGREE, "{}, {stage}: {theirs}, ours {mine}", case.name);
    }
}

/// A unit with states, in the hours of the random cases' grids.
fn with_states(unit: Unit) -> impl Strategy<Value = Unit> {
    let hours = || prop_oneof![2 => Just(0.0), 1 => Just(0.25), 1 => Just(0.5), 1 => Just(1.0)];
    let ramp = || prop::option::weighted(0.4, 0.5..9.0_f64);
    let before = (0..4_usize, prop::option::of(hours()), 0.0..1.0_f64);
    let least = prop::option::weighted(0.7, 0.05..0.9_f64);
    let bends = prop::bool::ANY;
    (least, 0.0..300.0_f64, hours(), hours(), ramp(), ramp(), (before, bends)).prop_map(
        move |(least, start_cost, min_up_h, min_down_h, start_max, stop_max, ((before, hours, load), bends))| {
            let full = unit.heat_max.at(0);
            let least = least.map_or(0.0, |share| share * full);
            let initial = match before {
                0 => None,
                1 => Some(Initial { heat_mw: 0.0, on: Some(false), hours }),
                _ => Some(Initial { heat_mw: least + load * (full - least), on: Some(true), hours }),
            };
            let heat_min = least.into();
            let mut segments = unit.segments.clone();
            if bends && let Some(pieces) = &mut segments {
                pieces.reverse();
            }
            // Power is at less than nothing in one of the hours.
            let mut efficiency = unit.efficiency.clone();
            if bends && unit.kind == UnitKind::ElectricBoiler {
                let pieces = [1.02, 1.3].map(|per: f64| Segment { heat: full / 2.0, input_per_heat: per.into() });
                (efficiency, segments) = (None, Some(pieces.to_vec()));
            }
            Unit {
                efficiency,
                segments,
                heat_min,
                start_cost,
                min_up_h,
                min_down_h,
                start_max,
                stop_max,
                initial,
                ..unit.clone()
            }
        },
    )
}

/// Cases that are odd in every way and have states besides, the same ones each time.
fn odd(count: usize) -> Vec<Case> {
    let mut runner = TestRunner::deterministic();
    let strategy = random::case().prop_flat_map(|case| {
        let units: Vec<_> = case.units.iter().cloned().map(with_states).collect();
        (Just(case), units)
    });
    (0..count)
        .map(|i| {
            let (case, units) = strategy.new_tree(&mut runner).expect("a case").current();
            let mut case = Case { name: format!("odd {i}"), units, ..case };
            // Most of them are let off what no states could keep: a quarter is enough of those.
            if i % 4 > 0 {
                case.demands.iter_mut().for_each(|demand| demand.sheddable = None);
                case.links.iter_mut().for_each(|link| link.fixed_loss = 0.0.into());
                case.connections.iter_mut().for_each(|connection| connection.base_load = 0.0.into());
            }
            case
        })
        .collect()
}

/// What of the rules of states a case has.
fn rules(case: &Case, ours: &Solution) -> Vec<&'static str> {
    let mut rules = Vec::new();
    let mut has = |name: &'static str, there: bool| rules.extend(there.then_some(name));
    let any = |of: fn(&Unit) -> bool| case.units.iter().any(of);
    let begins = |unit: &Unit, runs: bool| unit.initial.is_some_and(|now| now.runs() == runs && now.hours.is_some());
    has("a minimum load", any(|unit| unit.heat_min.at(0) > 0.0));
    has("a minimum time up", any(|unit| unit.min_up_h > 0.25));
    has("a minimum time down", any(|unit| unit.min_down_h > 0.25));
    has("on for some hours", case.units.iter().any(|unit| begins(unit, true) && unit.min_up_h > 0.0));
    has("off for some hours", case.units.iter().any(|unit| begins(unit, false) && unit.min_down_h > 0.0));
    has("a ramp of its own at the start", any(|unit| unit.start_max.is_some()));
    has("a ramp of its own at the stop", any(|unit| unit.stop_max.is_some()));
    has("an outage", any(|unit| !unit.outages.is_empty() && unit.min_up_h > 0.0));
    has("a curve that is not convex", any(Unit::bends));
    let ordered = |unit: &Unit| !unit.bends() && !ours.units[&unit.id].piece.is_empty();
    has("a convex curve that more would pay on", case.units.iter().any(ordered));
    has("a region", any(|unit| unit.region.is_some()));
    has("an extraction turbine", any(|unit| unit.mode == Some(ChpMode::Extraction)));
    has("a reserve", case.headers.iter().any(|header| header.reserve.is_some()));
    has("a shortage", ours.unserved_mwh.values().any(|mwh| *mwh > 1e-3));
    let convex = |unit: &Unit| {
        let (bends, mut unit) = (unit.bends(), unit.clone());
        if let Some(now) = &mut unit.initial {
            now.on = None;
        }
        if let Some(pieces) = unit.segments.as_mut().filter(|_| bends) {
            pieces.reverse();
        }
        unit
    };
    // What a linear program makes of it: a curve is turned round, as it would be climbed, and nothing is on or off.
    let linear = Case { units: case.units.iter().map(convex).collect(), ..case.clone() };
    let Ok(linear) = solve(&linear, &Options::default()) else {
        assert!(case.units.iter().any(|unit| unit.kind == UnitKind::ElectricBoiler && unit.segments.is_some()));
        return rules;
    };
    let dearer = disagreement(linear.cost, ours.cost) > 1e-3;
    let worse = case.classes.iter().any(|class| ours.unserved_mwh[class] > linear.unserved_mwh[class] + 1e-3);
    has("states that cost heat", worse);
    has("states that cost money", dearer && !worse);
    rules
}

#[test]
fn highspy_finds_no_better_states_in_any_stage() {
    let cases = odd(120);
    let verdicts = judged("highspy_states", &cases);
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    let mut unproven = Vec::new();
    for (case, verdict) in cases.iter().zip(&verdicts) {
        let ours = committed(case, EXACT);
        if crate::gave(&ours) {
            assert_eq!(verdict["infeasible"], true, "{}: {:?} to ours, {verdict} to highspy", case.name, ours.slacks);
            *seen.entry("what cannot be kept").or_default() += 1;
            continue;
        }
        assert!(verdict["infeasible"].is_null(), "{}: no states to highspy, {:?}", case.name, ours.stages);
        agrees(case, &ours, verdict);
        if !ours.commitment.as_ref().unwrap().finished {
            // The answer is right, as was just seen; the tolerances of a search may leave a bound that is short of it.
            unproven.push(case.name.as_str());
        }
        for rule in rules(case, &ours) {
            *seen.entry(rule).or_default() += 1;
        }
        // With the gap that `commit` has by itself: within what it says, and no bound above what there is.
        let ours = committed(case, Options::default().commitment_gap);
        for class in &case.classes {
            let (theirs, mine) = (said(case, verdict, class), ours.unserved_mwh[class]);
            assert!(disagreement(theirs, mine) <= AGREE, "{}, {class}: {theirs}, ours {mine}", case.name);
        }
        let (theirs, commitment) = (said(case, verdict, "cost"), ours.commitment.as_ref().unwrap());
        let dust = AGREE * (1.0 + theirs.abs());
        assert!(ours.cost >= theirs - dust, "{}: {theirs}, and ours is cheaper: {}", case.name, ours.cost);
        assert!(commitment.cost_bound <= theirs + dust, "{}: {theirs}, bound {}", case.name, commitment.cost_bound);
        let most = theirs + commitment.gap * (1.0 + ours.cost.abs()) + dust;
        assert!(ours.cost <= most, "{}: {theirs}, ours {} at a gap of {}", case.name, ours.cost, commitment.gap);
    }
    assert!(seen.len() == 17 && seen.values().all(|count| *count >= 3), "{seen:?}");
    assert!(unproven.len() <= 3, "{unproven:?}");
}

/// A large boiler that runs, one for peaks that stands, and power for what they leave: three days of eight hours in which,
/// together, every rule of states binds.
fn days() -> Vec<Case> {
    let days = [
        (8.0, [7.0, 2.5, 12.5, 5.5, 10.0, 0.5, 2.0, 12.5]),
        (4.5, [0.5, 1.0, 0.0, 1.0, 0.0, 6.5, 0.5, 2.0]),
        (8.0, [8.0, 13.0, 10.0, 14.0, 14.0, 10.0, 10.0, 10.0]),
    ];
    let day = |(now, heat): (f64, [f64; 8])| {
        let mut case = empty(8);
        case.connections.push(grid(60.0, 0.0, 0.0));
        let mut base = boiler("base", 10.0, 50.0);
        (base.heat_min, base.start_cost, base.min_up_h, base.min_down_h) = (4.0.into(), 100.0, 3.0, 2.0);
        (base.ramp_up_per_h, base.ramp_down_per_h) = (Some(3.0), Some(3.0));
        (base.start_max, base.stop_max) = (Some(5.0), Some(5.0));
        base.initial = Some(Initial { heat_mw: now, on: Some(true), hours: Some(1.0) });
        let mut peak = boiler("peak", 8.0, 70.0);
        (peak.heat_min, peak.start_cost, peak.min_up_h, peak.min_down_h) = (2.0.into(), 60.0, 2.0, 3.0);
        (peak.start_max, peak.stop_max) = (Some(4.0), Some(4.0));
        peak.initial = Some(Initial { heat_mw: 0.0, on: Some(false), hours: Some(1.0) });
        let mut last = electric("last", 10.0);
        last.efficiency = Some(0.4.into());
        case.units = vec![base, peak, last];
        case.demands.push(demand("a", heat.to_vec()));
        case
    };
    days.into_iter().map(day).collect()
}

fn before(unit: &mut Unit, heat_mw: f64, on: bool, hours: f64) {
    unit.initial = Some(Initial { heat_mw, on: Some(on), hours: Some(hours) });
}

/// A way to have one rule of a unit otherwise.
type Change = (&'static str, usize, fn(&mut Unit));

const CHANGES: [Change; 17] = [
    ("cost of a start", 0, |unit| unit.start_cost += 1.0),
    ("an hour more up", 0, |unit| unit.min_up_h += 1.0),
    ("an hour more down", 0, |unit| unit.min_down_h += 1.0),
    ("the other an hour more up", 1, |unit| unit.min_up_h += 1.0),
    ("left by a stop", 0, |unit| unit.stop_max = Some(4.5)),
    ("off for an hour more", 1, |unit| before(unit, 0.0, false, 2.0)),
    ("cost of the other start", 1, |unit| unit.start_cost += 1.0),
    ("minimum load", 0, |unit| unit.heat_min = 4.1.into()),
    ("the other an hour more down", 1, |unit| unit.min_down_h += 1.0),
    ("reached by a start", 0, |unit| unit.start_max = Some(4.5)),
    ("reached by the other start", 1, |unit| unit.start_max = Some(3.5)),
    ("left by the other stop", 1, |unit| unit.stop_max = Some(3.5)),
    ("ramp upwards", 0, |unit| unit.ramp_up_per_h = Some(2.8)),
    ("ramp downwards", 0, |unit| unit.ramp_down_per_h = Some(2.8)),
    ("heat of now", 0, |unit| before(unit, 4.0, true, 1.0)),
    ("on for an hour more", 0, |unit| before(unit, unit.initial.unwrap().heat_mw, true, 2.0)),
    ("on instead of off", 1, |unit| before(unit, 0.0, true, 1.0)),
];

/// The days, then each with one rule otherwise: day by day, and change by change.
fn days_and_changes() -> Vec<Case> {
    let mut cases = days();
    for (name, unit, change) in CHANGES {
        cases.extend(days().into_iter().map(|mut case| {
            case.name = name.to_owned();
            change(&mut case.units[unit]);
            case
        }));
    }
    cases
}

/// Every rule that is otherwise must be seen on one of the days, by what a judge says of each case.
fn all_are_seen(cases: &[Case], said: &[f64]) {
    let count = days().len();
    let blind: Vec<&str> = (count..cases.len())
        .step_by(count)
        .filter(|&first| (0..count).all(|day| disagreement(said[first + day], said[day]) <= 10.0 * AGREE))
        .map(|first| cases[first].name.as_str())
        .collect();
    assert!(blind.is_empty(), "not seen: {blind:?}");
}

/// The judge's judge: a start that costs one more or a time that is an hour longer is seen, and seen as ours sees it.
#[test]
fn a_rule_of_states_that_is_otherwise_is_seen() {
    let cases = days_and_changes();
    let verdicts = judged("highspy_states", &cases);
    for (case, verdict) in cases.iter().zip(&verdicts) {
        agrees(case, &committed(case, EXACT), verdict);
    }
    let costs: Vec<f64> = cases.iter().zip(&verdicts).map(|(case, verdict)| said(case, verdict, "cost")).collect();
    all_are_seen(&cases, &costs);
}

/// PyPSA's own commitment, where nothing is short: its weighted optimum is the cost.
#[test]
fn pypsa_commits_as_ours_does() {
    // It takes a second for each case and many on a busy machine: the days, and three of the changes.
    let count = days().len();
    let cases: Vec<Case> = days_and_changes().into_iter().take(4 * count).collect();
    let verdicts = judged("pypsa_states", &cases);
    let costs: Vec<f64> = verdicts.iter().map(|verdict| verdict["objective_weighted"].as_f64().unwrap()).collect();
    for (case, cost) in cases.iter().zip(&costs) {
        let ours = committed(case, EXACT);
        assert!(ours.unserved_mwh.values().all(|mwh| *mwh < NOTHING), "{}: {:?}", case.name, ours.unserved_mwh);
        assert!(disagreement(*cost, ours.cost) <= AGREE, "{}: {cost}, ours {}", case.name, ours.cost);
    }
    all_are_seen(&cases, &costs);
}
