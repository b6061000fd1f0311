//! What is proved of a commitment: the bound of its relaxation, stage by stage, from the duals that the result carries. A bound
//! that is too high, duals that prove less, dearer states and the bound of another stage must each be found, and no duals,
//! however wrong, may prove more than is true.

use std::collections::BTreeMap;

use hypocaust_optimizer::case::{ChpMode, Initial, Unit, UnitKind, Vertex};
use hypocaust_optimizer::solution::{Proof, Rule};
use hypocaust_optimizer::{Case, Options, Solution, check, schedule_states};

use crate::commitment::{bent, committed, exact, finds};
use crate::judge::numbers;
use crate::small::{boiler, demand, electric, empty, grid};

/// Six hours in which two classes are short, states cost heat and money, and every rule of states has a row: a boiler with
/// times and ramps of its own, one with a curve that is not convex, a region, and one that can never run.
fn short() -> Case {
    let mut case = empty(6);
    case.connections.push(grid(1.5, 20.0, 0.0));
    let mut base = boiler("base", 10.0, 50.0);
    (base.heat_min, base.start_cost, base.min_up_h, base.min_down_h) = (4.0.into(), 100.0, 3.0, 2.0);
    (base.ramp_up_per_h, base.ramp_down_per_h) = (Some(3.0), Some(3.0));
    (base.start_max, base.stop_max) = (Some(5.0), Some(5.0));
    base.initial = Some(Initial { heat_mw: 0.0, on: Some(false), hours: Some(1.0) });
    let mut region = Unit::new("region", UnitKind::Chp, "p", "a", 4.0);
    (region.carrier, region.mode, region.start_cost) = (Some("gas".into()), Some(ChpMode::Region), 30.0);
    let vertex = |heat: f64, power: f64, fuel: f64| Vertex { heat, power, fuel };
    region.region = Some(vec![vertex(1.0, 1.0, 3.0), vertex(4.0, 2.0, 8.0), vertex(4.0, 1.5, 7.0)]);
    let mut curve = bent();
    (curve.id, curve.heat_max, curve.heat_min) = ("curve".into(), 6.0.into(), 5.0.into());
    // Its least load is more than the grid and the region give: only in part it could be on.
    let mut electric = electric("electric", 10.0);
    electric.heat_min = 4.0.into();
    case.units = vec![base, curve, region, electric];
    case.demands =
        vec![demand("a", vec![4.0, 3.5, 9.0, 25.0, 2.0, 3.0]), demand("a", vec![3.0, 1.0, 2.0, 9.0, 1.0, 0.5])];
    (case.demands[0].class, case.demands[1].id) = ("life-safety".into(), "other".into());
    case
}

fn of_stage<'a>(solution: &'a mut Solution, stage: &str) -> &'a mut Proof {
    let proofs = &mut solution.commitment.as_mut().unwrap().proofs;
    proofs.iter_mut().find(|proof| proof.stage == stage).unwrap_or_else(|| panic!("no proof of {stage}"))
}

/// The stages that have duals: of the case above two classes and cost.
fn proved(solution: &Solution) -> Vec<String> {
    let stages: Vec<String> =
        solution.commitment.as_ref().unwrap().proofs.iter().map(|proof| proof.stage.clone()).collect();
    assert_eq!(stages.last().unwrap(), "cost");
    stages
}

#[test]
fn the_case_has_what_there_is_to_prove() {
    let case = short();
    let solution = committed(&case);
    assert_eq!(proved(&solution).len(), 3, "{:?}", solution.stages);
    let rules: Vec<Rule> =
        solution.commitment.iter().flat_map(|it| &it.proofs).flat_map(|p| p.duals.keys().copied()).collect();
    for rule in [Rule::State, Rule::MinDown, Rule::MostWhileOn, Rule::Fall, Rule::Order, Rule::Above, Rule::Weights] {
        assert!(rules.contains(&rule), "{rule:?} has no dual: {rules:?}");
    }
    let bounds = check(&case, &solution).bounds;
    // The relaxation is short of the best states, in a class and in cost, and is no nothing.
    let looser: Vec<&str> =
        bounds.iter().filter(|bound| bound.gap() > 1e-3).map(|bound| bound.stage.as_str()).collect();
    assert!(looser.contains(&"cost") && looser.len() > 1, "{bounds:#?}");
    assert!(bounds.iter().any(|bound| bound.stage != "cost" && bound.proven > 0.1), "{bounds:#?}");
}

#[test]
fn a_bound_that_is_too_high_is_found() {
    let case = short();
    let good = committed(&case);
    for stage in proved(&good) {
        finds(&case, &good, "the duals of the relaxation prove", &|s| {
            let (cost, commitment) = (s.cost, s.commitment.as_mut().unwrap());
            let higher = |bound: f64, most: f64| (bound + 1e-4 * (1.0 + bound.abs())).min(most);
            // With all that belongs to it.
            if stage == "cost" {
                commitment.relaxed_cost = higher(commitment.relaxed_cost, cost);
                commitment.relaxed_gap = (cost - commitment.relaxed_cost) / (1.0 + cost.abs());
                return;
            }
            let bound = commitment.stages.iter_mut().find(|bound| bound.stage == stage).unwrap();
            assert!(bound.relaxed < bound.least, "{stage} has no room for a bound that is too high");
            bound.relaxed = higher(bound.relaxed, bound.least);
        });
    }
}

/// Every series of duals is made nothing, half, double, and turned round: where less follows the judge says so, and nothing
/// proves more than there is. The searches that left no gap say what there is.
#[test]
fn a_wrong_dual_proves_less_and_is_found() {
    let case = short();
    let good = committed(&case);
    let (mut refused, mut tried) = (BTreeMap::<Rule, usize>::new(), 0);
    for stage in proved(&good) {
        let series = of_stage(&mut good.clone(), &stage).duals.clone();
        for (rule, owners) in series {
            for owner in owners.keys() {
                for factor in [0.0, 0.5, 2.0, -1.0, f64::NAN] {
                    let mut wrong = good.clone();
                    let duals =
                        of_stage(&mut wrong, &stage).duals.get_mut(&rule).and_then(|it| it.get_mut(owner)).unwrap();
                    duals.iter_mut().for_each(|dual| *dual *= factor);
                    let verdict = check(&case, &wrong);
                    let bound = verdict.bounds.iter().find(|bound| bound.stage == stage).unwrap();
                    let within = 1e-6 * (1.0 + bound.value.abs());
                    let what = format!("{rule:?} of {owner} in {stage} times {factor}: {bound:?}");
                    assert!(bound.proven.is_nan() || bound.proven <= bound.value + within, "{what} proves too much");
                    let said = good.commitment.as_ref().unwrap();
                    let of_class = said.stages.iter().find(|it| it.stage == stage).map(|it| it.relaxed);
                    let falls = bound.proven.is_nan() || bound.proven < of_class.unwrap_or(said.relaxed_cost) - within;
                    let found = verdict.faults.iter().any(|fault| {
                        fault.contains(&format!("bound of {stage}: "))
                            && fault.contains("the duals of the relaxation prove")
                    });
                    assert_eq!(falls, found, "{what} {:#?}", verdict.faults);
                    assert_eq!(verdict.passed, !found, "{what} {:#?}", verdict.faults);
                    tried += 1;
                    *refused.entry(rule).or_default() += usize::from(found);
                }
            }
        }
    }
    assert!(tried > 100, "{tried}");
    for rule in [Rule::Balance, Rule::State, Rule::MinDown, Rule::MostWhileOn, Rule::Order, Rule::Above] {
        assert!(refused.get(&rule).is_some_and(|count| *count > 0), "no change of {rule:?} is seen: {refused:?}");
    }
}

#[test]
fn dearer_states_have_the_gap_that_is_theirs() {
    let case = short();
    // As good in every class: the region changes nothing there when it runs for longer.
    let mut straight = case.clone();
    straight.units.remove(1);
    let best_of_it = committed(&straight);
    let states = |s: &Solution, unit: &str| s.units[unit].on.clone();
    let of = |pattern: u32| (0..6).map(|t| pattern >> t & 1 == 1).collect::<Vec<bool>>();
    let dear = (0..64_u32).rev().find_map(|pattern| {
        let states = [("base".to_owned(), states(&best_of_it, "base")), ("region".to_owned(), of(pattern))].into();
        let other = schedule_states(&straight, &states, &exact()).ok()?;
        let above =
            |s: &Solution| s.stages.iter().filter(|it| it.name != "cost").map(|it| it.value).collect::<Vec<_>>();
        let as_good = above(&other).iter().zip(above(&best_of_it)).all(|(a, b)| (a - b).abs() < 1e-6);
        (as_good && other.cost > best_of_it.cost + 1.0).then_some(other)
    });
    let mut dear = dear.expect("dearer states that serve as much");
    dear.commitment.clone_from(&best_of_it.commitment);
    // With the other's figures it is found, and with those that a search might say as well: what is proven has not grown.
    finds(&straight, &dear, "commitment gap", &|_| {});
    finds(&straight, &dear, "commitment relaxed gap", &|s| {
        let commitment = s.commitment.as_mut().unwrap();
        (commitment.cost_bound, commitment.gap) = (s.cost, 0.0);
    });
    let dressed = |proven: bool| {
        let mut dressed = dear.clone();
        let commitment = dressed.commitment.as_mut().unwrap();
        (commitment.cost_bound, commitment.gap) = (dear.cost, 0.0);
        if proven {
            (commitment.relaxed_cost, commitment.relaxed_gap) = (dear.cost, 0.0);
        } else {
            commitment.relaxed_gap = (dear.cost - commitment.relaxed_cost) / (1.0 + dear.cost.abs());
        }
        dressed
    };
    finds(&straight, &dressed(true), "the duals of the relaxation prove", &|_| {});
    // Said truly, a wider gap is proven, and only the search's word says otherwise.
    let verdict = check(&straight, &dressed(false));
    assert!(verdict.passed, "{:#?}", verdict.faults);
    let of_cost = verdict.bounds.last().unwrap();
    assert!(
        of_cost.gap() > best_of_it.commitment.unwrap().relaxed_gap + 1e-3 && of_cost.said == dear.cost,
        "{of_cost:?}"
    );
}

#[test]
fn the_bound_of_another_stage_is_none() {
    let case = short();
    let good = committed(&case);
    let stages = proved(&good);
    for stage in &stages {
        // Duals of MWh prove no money, nor the other way round: another's under its name; none; no bound at all.
        finds(&case, &good, "the duals of the relaxation prove", &|s| {
            let other = if stage == "cost" { &stages[0] } else { "cost" };
            let theirs = of_stage(s, other).duals.clone();
            of_stage(s, stage).duals = theirs;
        });
        finds(&case, &good, "the duals of the relaxation prove", &|s| {
            s.commitment.as_mut().unwrap().proofs.retain(|proof| proof.stage != *stage);
        });
        if stage != "cost" {
            let missing = format!("commitment bound of {stage} is missing");
            finds(&case, &good, &missing, &|s| {
                s.commitment.as_mut().unwrap().stages.retain(|bound| bound.stage != *stage);
            });
        }
    }
    finds(&case, &good, "commitment bound of", &|s| {
        let bounds = &mut s.commitment.as_mut().unwrap().stages;
        let [a, b] = [&stages[0], &stages[1]].map(|stage| bounds.iter().position(|it| it.stage == *stage).unwrap());
        let name = std::mem::replace(&mut bounds[a].stage, stages[1].clone());
        bounds[b].stage = name;
    });
    finds(&case, &good, "unit base has no states in a commitment", &|s| s.units.get_mut("base").unwrap().on.clear());
}

#[test]
fn no_figure_of_a_commitment_can_be_changed() {
    let case = short();
    let whole = serde_json::to_value(committed(&case)).unwrap();
    let mut pointers = Vec::new();
    numbers(&whole["commitment"], "/commitment".to_owned(), &mut pointers);
    // How long it took is no claim about the schedule, and what duals prove is seen to above.
    pointers.retain(|at| !at.starts_with("/commitment/proofs") && at != "/commitment/nodes");
    assert!(pointers.len() > 8, "{pointers:?}");
    for pointer in pointers {
        let value = whole.pointer(&pointer).and_then(serde_json::Value::as_f64).unwrap();
        for sign in [1.0, -1.0] {
            // To claim less than is proved is no wrong claim.
            if pointer.ends_with("/relaxed") && sign < 0.0 {
                continue;
            }
            let mut changed = whole.clone();
            *changed.pointer_mut(&pointer).unwrap() = (value + sign * 0.01 * (1.0 + value.abs())).into();
            let changed: Solution = serde_json::from_value(changed).unwrap();
            assert!(!check(&case, &changed).passed, "{pointer} may be other than {value}");
        }
    }
}

/// With the gap that a search may leave there are two figures, and the one that is proven is never the nearer.
#[test]
fn what_is_proven_is_never_nearer_than_what_is_said() {
    let case = short();
    let best = committed(&case);
    let options = Options { node_limit: 0, commitment_gap: 0.5, ..Options::default() };
    let hasty = hypocaust_optimizer::commit(&case, &options).unwrap();
    let verdict = check(&case, &hasty);
    assert!(verdict.passed, "{:#?}", verdict.faults);
    for bound in &verdict.bounds {
        assert!(bound.proven <= bound.said + 1e-6 * (1.0 + bound.said.abs()), "{bound:?}");
    }
    let commitment = hasty.commitment.unwrap();
    assert!(commitment.relaxed_gap >= commitment.gap && commitment.relaxed_gap > 0.0, "{commitment:?}");
    let serves_as_much = hasty.stages.iter().zip(&best.stages).take(5).all(|(a, b)| (a.value - b.value).abs() < 1e-6);
    assert!(!serves_as_much || commitment.relaxed_cost <= best.cost + 1e-6);
}
