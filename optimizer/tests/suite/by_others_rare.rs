//! What generated fleets do not have, judged by highspy: curves in segments, extraction and region units, forced outages,
//! delayed mains, reserve, values of final contents. numpy builds the same cases from the description of the format
//! (`tests/judges/optimizer_highspy.py`); it has no physical limit that gives, so that what is infeasible to it has to be what
//! ours says a limit for.

use hypocaust_optimizer::case::{ChpMode, Final, Initial, Link, Outage, Reserve, Segment, Unit, UnitKind, Vertex};
use hypocaust_optimizer::{Case, Solution};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::by_others::{AGREE, disagreement, judged};
use crate::small::{boiler, demand, electric, empty, grid, store};
use crate::{random, solved};

/// Cases that are odd in every way, the same ones each time.
pub fn odd(count: usize) -> Vec<Case> {
    let mut runner = TestRunner::deterministic();
    let strategy = random::case();
    (0..count)
        .map(|i| {
            let mut case = strategy.new_tree(&mut runner).expect("a case").current();
            case.name = format!("odd {i}");
            case
        })
        .collect()
}

/// What a case has of the rarer terms.
fn terms(case: &Case) -> Vec<&'static str> {
    let mut terms = Vec::new();
    let mut has = |name: &'static str, there: bool| terms.extend(there.then_some(name));
    let units = &case.units;
    has("segments", units.iter().any(|unit| unit.segments.is_some()));
    has("extraction", units.iter().any(|unit| unit.mode == Some(ChpMode::Extraction)));
    has("region", units.iter().any(|unit| unit.mode == Some(ChpMode::Region)));
    has("a region that must run", units.iter().any(|unit| unit.region.is_some() && unit.must_run.is_some()));
    has("outage", units.iter().any(|unit| !unit.outages.is_empty()));
    let ramped =
        |unit: &&Unit| unit.ramp_down_per_h.is_some() && unit.outages.iter().any(|outage| outage.from_step > 0);
    has("an outage against a ramp", units.iter().any(|unit| ramped(&unit)));
    has("delay", case.links.iter().any(|link| link.delay_steps > 0));
    has("reserve", case.headers.iter().any(|header| header.reserve.is_some()));
    has("final value", case.storages.iter().any(|storage| matches!(storage.r#final, Final::Value { .. })));
    terms
}

/// Weighted optimum, every strict stage and cost; of a case in which nothing has to give.
fn agrees(case: &Case, ours: &Solution, verdict: &serde_json::Value) {
    let name = &case.name;
    assert!(verdict["infeasible"].is_null(), "{name}: infeasible to highspy, {:?}", ours.stages);
    let close = |what: &str, said: &serde_json::Value, mine: f64| {
        let said = said.as_f64().unwrap();
        assert!(disagreement(said, mine) <= AGREE, "{name}, {what}: {said}, ours {mine}");
    };
    close("weighted", &verdict["objective_weighted"], ours.objective_weighted.unwrap());
    for class in &case.classes {
        close(class, &verdict["stages"][class], ours.unserved_mwh[class]);
    }
    close("cost", &verdict["stages"]["cost"], ours.cost);
}

#[test]
fn highspy_agrees_on_odd_cases_and_on_what_cannot_be_kept() {
    let cases = odd(700);
    let verdicts = judged("highspy", &cases);
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for (case, verdict) in cases.iter().zip(&verdicts) {
        let ours = solved(case);
        let gave = crate::gave(&ours);
        if gave {
            assert_eq!(verdict["infeasible"], true, "{}: {:?} to ours, {verdict} to highspy", case.name, ours.slacks);
            *seen.entry("what cannot be kept").or_default() += 1;
        } else {
            agrees(case, &ours, verdict);
            for term in terms(case) {
                *seen.entry(term).or_default() += 1;
            }
        }
    }
    assert!(seen.len() == 10 && seen.values().all(|count| *count >= 5), "{seen:?}");
}

/// Four hours with one of each term, all of which bind.
fn every_term() -> Case {
    let mut case = empty(4);
    case.name = "every term".into();
    case.connections.push(grid(30.0, 30.0, 1.0));
    case.headers[0].reserve = Some(Reserve { mw: 3.0.into(), minutes: 15.0, price: 200.0 });
    let mut curve = boiler("curve", 10.0, 50.0);
    let piece = |heat: f64, per_heat: f64| Segment { heat, input_per_heat: per_heat.into() };
    (curve.efficiency, curve.segments) = (None, Some(vec![piece(4.0, 1.1), piece(4.0, 1.25), piece(2.0, 1.5)]));
    curve.ramp_up_per_h = Some(8.0);
    let mut turbine = Unit::new("turbine", UnitKind::Chp, "p", "a", 20.0);
    (turbine.carrier, turbine.mode) = (Some("gas".into()), Some(ChpMode::Extraction));
    (turbine.condensing_eff, turbine.power_loss) = (Some(0.4.into()), Some(0.2.into()));
    (turbine.power_to_heat, turbine.power_max) = (Some(0.5.into()), Some(5.0.into()));
    (turbine.ramp_up_per_h, turbine.ramp_down_per_h) = (Some(6.0), Some(2.0));
    turbine.initial = Some(Initial::making(5.0));
    turbine.outages = vec![Outage { from_step: 2, to_step: 3, available: 0.0 }];
    let mut region = Unit::new("region", UnitKind::Chp, "p", "b", 20.0);
    (region.carrier, region.mode, region.must_run) = (Some("gas".into()), Some(ChpMode::Region), Some(0.0.into()));
    let vertex = |heat: f64, power: f64, fuel: f64| Vertex { heat, power, fuel };
    region.region =
        Some(vec![vertex(0.0, 2.0, 6.0), vertex(0.0, 6.0, 15.0), vertex(8.0, 4.0, 15.0), vertex(8.0, 3.0, 13.0)]);
    case.units = vec![curve, turbine, region, electric("electric", 3.0)];
    case.links.push(Link {
        id: "main".into(),
        from: "a".into(),
        to: "b".into(),
        cap: 6.0.into(),
        loss_frac: 0.1,
        delay_steps: 1,
        forward_before: vec![2.0],
        reverse_before: vec![0.0],
        credit_per_mwh: Some(30.0),
        ..Link::default()
    });
    case.storages.push(store(10.0, 4.0));
    case.storages[0].r#final = Final::Value { value_per_mwh: 62.0 };
    case.demands = vec![demand("a", vec![9.0, 12.0, 10.0, 14.0]), demand("b", vec![9.0, 11.0, 12.0, 10.0])];
    case
}

/// A way to have one thing of a case otherwise.
type Change = (&'static str, fn(&mut Case));

const CHANGES: [Change; 12] = [
    ("slope of a segment", |case| {
        case.units[0].segments.as_mut().unwrap()[1].input_per_heat = 1.252.into();
    }),
    ("widths of segments", |case| {
        let pieces = case.units[0].segments.as_mut().unwrap();
        (pieces[0].heat, pieces[1].heat) = (3.9, 4.1);
    }),
    ("power lost per heat", |case| case.units[1].power_loss = Some(0.21.into())),
    ("power to heat", |case| case.units[1].power_to_heat = Some(0.51.into())),
    ("power at full load", |case| case.units[1].power_max = Some(4.0.into())),
    ("fuel of a vertex", |case| case.units[2].region.as_mut().unwrap()[3].fuel = 13.1),
    ("a region that need not run", |case| case.units[2].must_run = None),
    ("an outage an hour later", |case| {
        (case.units[1].outages[0].from_step, case.units[1].outages[0].to_step) = (3, 4);
    }),
    ("an outage that is foreseen", |case| {
        case.units[1].outages.clear();
        case.units[1].availability = vec![1.0, 1.0, 0.0, 1.0].into();
    }),
    ("a delay of two steps", |case| {
        let main = &mut case.links[0];
        (main.delay_steps, main.forward_before, main.reverse_before) = (2, vec![0.0, 2.0], vec![0.0, 0.0]);
    }),
    ("reserve", |case| case.headers[0].reserve.as_mut().unwrap().mw = 3.1.into()),
    ("value of the final content", |case| {
        case.storages[0].r#final = Final::Value { value_per_mwh: 63.0 };
    }),
];

/// The judge's judge: whatever is otherwise by a step or by a little is seen, and seen as ours sees it.
#[test]
fn a_term_that_is_otherwise_is_seen() {
    let case = every_term();
    let mut cases = vec![case.clone()];
    cases.extend(CHANGES.iter().map(|(name, change)| {
        let mut other = Case { name: (*name).to_owned(), ..case.clone() };
        change(&mut other);
        other
    }));
    let verdicts = judged("highspy", &cases);
    let ours = solved(&case);
    assert!(ours.slacks.is_empty(), "{:?}", ours.slacks);
    let mut blind = Vec::new();
    for (case, verdict) in cases.iter().zip(&verdicts) {
        agrees(case, &solved(case), verdict);
        let said = verdict["objective_weighted"].as_f64().unwrap();
        if case.name != "every term" && disagreement(said, ours.objective_weighted.unwrap()) <= 10.0 * AGREE {
            blind.push(&case.name);
        }
    }
    assert!(blind.is_empty(), "not seen: {blind:?}");
}
