//! The judge must find what is wrong with a result: each mutation here breaks one thing, and the fault must name it.

use hypocaust_optimizer::case::{Case, ChpMode, Final, Initial, Link, Reserve, Segment, Unit, UnitKind, Vertex};
use hypocaust_optimizer::generate::{Recipe, generate};
use hypocaust_optimizer::solution::{Rule, Slack, SlackKind, Status};
use hypocaust_optimizer::{Solution, check, greedy};

use crate::{bench, small, solved, trap};

fn found(what: &str, mutate: impl Fn(&mut Solution)) {
    let case = bench();
    let mut solution = solved(&case);
    mutate(&mut solution);
    let verdict = check(&case, &solution);
    assert!(!verdict.passed, "{what}: not found");
    assert!(verdict.faults.iter().any(|fault| fault.contains(what)), "{what} is not among {:#?}", verdict.faults);
}

#[test]
fn every_mutation_is_found() {
    found("unit p0.b1 heat", |s| s.units.get_mut("p0.b1").unwrap().heat[3] = 99.0);
    found("unit p0.b1 heat", |s| s.units.get_mut("p0.b1").unwrap().heat[3] = f64::NAN);
    found("unit p0.chp power", |s| s.units.get_mut("p0.chp").unwrap().power[0] += 0.1);
    found("unit p0.b2 ramp", |s| s.units.get_mut("p0.b2").unwrap().heat[5] = 0.0);
    found("header p0.s balance", |s| s.units.get_mut("p0.b1").unwrap().heat[3] -= 0.01);
    found("connection p0.el balance", |s| s.connections.get_mut("p0.el").unwrap().import[2] += 0.01);
    found("connection p0.gas import", |s| s.connections.get_mut("p0.gas").unwrap().import[2] = 1e3);
    found("storage p0.tank content", |s| s.storages.get_mut("p0.tank").unwrap().energy[4] += 0.01);
    found("storage p0.tank final level", |s| *s.storages.get_mut("p0.tank").unwrap().energy.last_mut().unwrap() -= 1.0);
    found("link p0.letdown reverse", |s| s.links.get_mut("p0.letdown").unwrap().reverse[0] = 0.5);
    found("demand p0.life-safety sum", |s| s.demands.get_mut("p0.life-safety").unwrap().unserved[0] = 0.1);
    found("class production unserved total", |s| *s.unserved_mwh.get_mut("production").unwrap() = 0.0);
    found("stage production", |s| {
        s.stages.iter_mut().find(|stage| stage.name == "production").unwrap().value -= 1.0;
    });
    found("cost against the cost stage", |s| s.cost -= 1.0);
    found("schedule cost", |s| s.schedule_cost += 1.0);
    found("certificate", |s| s.certificate.gap = Some(1e-6));
    found("certificate", |s| s.certificate.dual = None);
    found("vent", |s| s.vents.get_mut("p0.s").unwrap()[0] = -1.0);
    found("0 values for 24 steps", |s| {
        s.units.remove("p0.b1");
    });
}

/// One who takes what another gives would pay for it, and nobody gives what is not there.
#[test]
fn what_gives_less_than_nothing_or_is_of_nobody_is_found() {
    for (amount, owner, what) in [(-1.0, "p0.tank", "slack FinalShort of p0.tank"), (0.0, "nobody", "of nobody")] {
        found(what, |s| {
            let amount = vec![amount; 24];
            s.slacks.push(Slack { kind: SlackKind::FinalShort, owner: owner.into(), amount });
        });
    }
}

#[test]
fn a_movement_that_is_not_the_schedules_is_found() {
    let mut case = bench();
    case.previous = Some(case.units.iter().map(|unit| (unit.id.clone(), 0.5)).collect());
    let mut solution = solved(&case);
    solution.stages.iter_mut().find(|stage| stage.name == "movement").unwrap().value = 999.0;
    let faults = check(&case, &solution).faults;
    assert!(faults.iter().any(|fault| fault.contains("stage movement")), "{faults:#?}");
}

#[test]
fn shedding_the_wrong_class_is_found() {
    let case = bench();
    let mut solution = solved(&case);
    // Give a served consumer's heat to nobody and a lower one's to it: take from life safety what production lacks.
    let (t, header, missing) = case
        .demands
        .iter()
        .find_map(|demand| {
            let series = &solution.demands[&demand.id];
            let t = series.unserved.iter().position(|mw| *mw > 0.1)?;
            Some((t, demand.header.clone(), series.unserved[t].min(0.1)))
        })
        .expect("the sample is short");
    let id = |class: &str| {
        let found = case.demands.iter().find(|d| d.header == header && d.class == class);
        found.map(|demand| demand.id.clone())
    };
    let higher = case.classes[..3].iter().find_map(|class| id(class)).expect("a higher class is at the header");
    let lower = case
        .demands
        .iter()
        .find(|demand| demand.header == header && solution.demands[&demand.id].unserved[t] > 0.05)
        .map(|demand| demand.id.clone())
        .unwrap();
    let give = |solution: &mut Solution, id: &str, mw: f64| {
        let series = solution.demands.get_mut(id).unwrap();
        series.served[t] += mw;
        series.unserved[t] -= mw;
    };
    give(&mut solution, &higher, -missing);
    give(&mut solution, &lower, missing);
    let verdict = check(&case, &solution);
    assert!(verdict.faults.iter().any(|fault| fault.starts_with("priority")), "{:#?}", verdict.faults);
    assert!(!verdict.faults.iter().any(|fault| fault.contains("balance")), "{:#?}", verdict.faults);
}

/// A short case in which every field of a result has something in it: a curve, an extraction turbine, a region that
/// must run, a delayed and a plain link, two stores, reserve that lacks, a class that is short, a final level out of
/// reach.
fn everything() -> Case {
    let mut case = small::empty(3);
    case.time.step_minutes = vec![60.0, 60.0, 60.0].into();
    case.headers[0].reserve = Some(Reserve { mw: 6.0.into(), minutes: 10.0, price: 20.0 });
    case.connections.push(small::grid(6.0, 4.0, 0.5));
    let mut curve = small::boiler("curve", 6.0, 50.0);
    curve.efficiency = None;
    let piece = |heat: f64, per_heat: f64| Segment { heat, input_per_heat: per_heat.into() };
    curve.segments = Some(vec![piece(3.0, 1.1), piece(3.0, 1.2)]);
    (curve.ramp_up_per_h, curve.ramp_down_per_h) = (Some(3.0), Some(3.0));
    curve.initial = Some(Initial::making(2.0));
    let mut turbine = Unit::new("turbine", UnitKind::Chp, "p", "a", 4.0);
    (turbine.carrier, turbine.mode) = (Some("gas".into()), Some(ChpMode::Extraction));
    (turbine.condensing_eff, turbine.power_loss) = (Some(0.4.into()), Some(0.2.into()));
    (turbine.power_to_heat, turbine.power_max) = (Some(0.5.into()), Some(3.0.into()));
    let mut region = Unit::new("region", UnitKind::Chp, "p", "b", 3.0);
    (region.carrier, region.mode) = (Some("gas".into()), Some(ChpMode::Region));
    let vertex = |heat: f64, power: f64, fuel: f64| Vertex { heat, power, fuel };
    region.region = Some(vec![vertex(0.0, 0.5, 1.5), vertex(3.0, 1.0, 5.0), vertex(3.0, 0.6, 4.3)]);
    region.must_run = Some(1.0.into());
    let mut pump = Unit::new("pump", UnitKind::HeatPump, "p", "b", 2.0);
    (pump.carrier, pump.cop) = (Some("power".into()), Some(3.0.into()));
    case.units = vec![curve, turbine, region, pump, small::electric("electric", 2.0)];
    let mut delayed = small::main(1.5);
    (delayed.delay_steps, delayed.credit_per_mwh) = (1, Some(30.0));
    (delayed.forward_before, delayed.reverse_before) = (vec![1.0], vec![0.0]);
    let plain =
        Link { id: "plain".into(), cap: 1.0.into(), loss_frac: 0.1, fixed_loss: 0.2.into(), ..small::main(1.0) };
    case.links = vec![delayed, plain];
    case.storages = vec![small::store(8.0, 2.0), small::store(4.0, 1.0)];
    case.storages[0].r#final = Final::Mwh(8.0);
    case.storages[0].charge_max = 1.0.into();
    case.storages[1].id = "worth".into();
    (case.storages[1].r#final, case.storages[1].loss_per_h) = (Final::Value { value_per_mwh: 30.0 }, 0.05);
    case.demands = vec![small::demand("a", vec![2.0, 4.0, 7.0]), small::demand("b", vec![9.0, 12.0, 14.0])];
    case.demands[0].class = "life-safety".into();
    case
}

/// Every number in a JSON value, by its pointer.
pub fn numbers(value: &serde_json::Value, at: String, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Number(_) => found.push(at),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| numbers(item, format!("{at}/{i}"), found));
        }
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(key, item)| numbers(item, format!("{at}/{key}"), found));
        }
        _ => {}
    }
}

/// A schedule that keeps every limit and every order, dressed up as an optimum with all that an optimum comes with.
fn dearer() -> (Case, Solution, Solution) {
    let case = generate(Recipe::new(4, 24, 1)).unwrap();
    let best = solved(&case);
    let mut dear = greedy(&case).unwrap();
    assert!(check(&case, &dear).passed && dear.unserved_mwh.values().all(|mwh| *mwh < 1e-7));
    assert!(dear.cost > 1.001 * best.cost, "{} and {}", dear.cost, best.cost);
    dear.status = Status::Optimal;
    (dear.stages, dear.certificate, dear.proofs) = (best.stages.clone(), best.certificate, best.proofs.clone());
    dear.stages.iter_mut().filter(|stage| stage.name == "cost").for_each(|stage| stage.value = dear.cost);
    (case, best, dear)
}

#[test]
fn a_schedule_that_is_dearer_than_the_best_is_found_by_its_duals_alone() {
    let (case, best, dear) = dearer();
    let verdict = check(&case, &dear);
    assert_eq!(verdict.faults.len(), 1, "{:#?}", verdict.faults);
    assert!(verdict.faults[0].contains("its duals prove"), "{:#?}", verdict.faults);
    // What it is said to cost is no way out.
    let mut denied = dear.clone();
    denied.cost = best.cost;
    assert!(!check(&case, &denied).passed);
    // No dual saves it: a wrong one proves less. Every second series is made larger, smaller, and nothing at all.
    let mut tried = 0;
    for (rule, owner) in series(&dear).into_iter().step_by(2) {
        for factor in [0.0, 0.5, 2.0, -1.0] {
            let mut other = dear.clone();
            scale(&mut other, rule, &owner, factor);
            assert!(!check(&case, &other).passed, "{rule:?} of {owner} times {factor} proves too much");
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn a_wrong_dual_proves_nothing() {
    for case in [bench(), everything()] {
        let best = solved(&case);
        let mut refused = 0;
        for (rule, owner) in series(&best) {
            let of_cost = best.proofs.last().unwrap();
            let largest = of_cost.duals[&rule][&owner].iter().fold(0.0_f64, |most, dual| most.max(dual.abs()));
            if rule != Rule::Balance || largest < 1.0 {
                continue;
            }
            for factor in [0.0, 2.0, -1.0, f64::NAN] {
                let mut wrong = best.clone();
                scale(&mut wrong, rule, &owner, factor);
                let verdict = check(&case, &wrong);
                assert!(!verdict.passed, "{}: {rule:?} of {owner} times {factor}", case.name);
                assert!(verdict.faults.iter().all(|fault| fault.starts_with("stage cost")), "{:#?}", verdict.faults);
                refused += 1;
            }
        }
        assert!(refused > 0, "{}: no price of heat to change", case.name);
        // A proof may not be missing, whichever stage it is of.
        for proof in 0..best.proofs.len() {
            let mut silent = best.clone();
            silent.proofs.remove(proof);
            let verdict = check(&case, &silent);
            assert!(verdict.faults.iter().any(|fault| fault.contains("no duals prove it")), "{:#?}", verdict.faults);
        }
    }
}

/// Rule and owner of every series that proves the cost.
fn series(solution: &Solution) -> Vec<(Rule, String)> {
    let of_cost = solution.proofs.last().unwrap();
    assert_eq!(of_cost.stage, "cost");
    let owners = of_cost.duals.iter().flat_map(|(rule, owners)| owners.keys().map(|owner| (*rule, owner.clone())));
    owners.collect()
}

fn scale(solution: &mut Solution, rule: Rule, owner: &str, factor: f64) {
    let duals = &mut solution.proofs.last_mut().unwrap().duals;
    let series = duals.get_mut(&rule).and_then(|owners| owners.get_mut(owner)).unwrap();
    series.iter_mut().for_each(|dual| *dual *= factor);
}

/// What is no claim about the schedule: who solved it, in what first solve, and what the duals say, which `explain`
/// answers for. Duals that prove are evidence: others may prove the same, and those that do not are refused above.
const ELSEWHERE: [&str; 5] = ["/solver/", "/objective_weighted", "/prices/", "/binding/", "/proofs/"];

#[test]
fn no_number_of_a_result_can_be_changed() {
    for (case, solution) in [everything(), trap()].map(|case| {
        let solution = solved(&case);
        (case, solution)
    }) {
        let whole = serde_json::to_value(&solution).unwrap();
        let mut pointers = Vec::new();
        numbers(&whole, String::new(), &mut pointers);
        pointers.retain(|pointer| !ELSEWHERE.iter().any(|part| pointer.starts_with(part)));
        assert!(pointers.len() > 20, "{pointers:?}");
        for pointer in pointers {
            let value = whole.pointer(&pointer).and_then(serde_json::Value::as_f64).unwrap();
            for sign in [1.0, -1.0] {
                // A margin may be anything up to what ramp and capacity leave, and a residual anything below its limit.
                let far = pointer.contains("/reserve/") || pointer.starts_with("/certificate/");
                if far && sign < 0.0 {
                    continue;
                }
                let wrong = value + sign * if far { 50.0 } else { 0.01 * (1.0 + value.abs()) };
                let mut changed = whole.clone();
                *changed.pointer_mut(&pointer).unwrap() = wrong.into();
                let changed: Solution = serde_json::from_value(changed).unwrap();
                assert!(!check(&case, &changed).passed, "{}: {pointer} may be {wrong} instead of {value}", case.name);
            }
        }
    }
}

#[test]
fn no_part_of_a_result_can_be_left_out() {
    let case = everything();
    let whole = serde_json::to_value(solved(&case)).unwrap();
    for part in ["units", "connections", "links", "storages", "demands", "vents", "reserve_short", "unserved_mwh"] {
        let ids: Vec<String> = whole[part].as_object().unwrap().keys().cloned().collect();
        assert!(!ids.is_empty(), "{part}");
        for id in ids {
            let mut changed = whole.clone();
            changed[part].as_object_mut().unwrap().remove(&id);
            let changed: Solution = serde_json::from_value(changed).unwrap();
            assert!(!check(&case, &changed).passed, "{part} of {id} may be missing");
        }
    }
}

#[test]
fn the_case_for_mutations_has_everything_in_it() {
    let solution = solved(&everything());
    assert!(solution.unserved_mwh["production"] > 0.1, "{:?}", solution.unserved_mwh);
    assert!(!solution.slacks.is_empty());
    assert!(solution.reserve_short["a"].iter().any(|mw| *mw > 0.1));
    assert!(solution.units.values().all(|unit| unit.heat.iter().any(|mw| *mw > 0.0)), "{:?}", solution.units);
    assert!(solution.links.values().all(|link| link.forward.iter().any(|mw| *mw > 0.0)), "{:?}", solution.links);
}
