//! Movement, judged by highspy: how little a schedule has to move against the previous one while cost rises by 0.1 % at most.
//! `tests/judges/optimizer_highspy_movement.py` builds that stage from what the format says of `previous`.

use hypocaust_optimizer::generate::{Recipe, generate};
use hypocaust_optimizer::{Case, Options, Solution, check, solve};

use crate::by_others::{AGREE, disagreement, judged};
use crate::by_others_rare::odd;
use crate::solved;

/// A figure in 0 to 1 that looks like chance and is the same each time.
fn share(seed: usize) -> f64 {
    (seed * 7919 % 1009) as f64 / 1009.0
}

/// The case with a previous schedule in which most units and consumers are somewhere, and some are not named.
fn after_something(case: &Case, seed: usize) -> Case {
    let mut case = case.clone();
    let units = case.units.iter().map(|unit| (&unit.id, unit.heat_max.at(0)));
    let demands = case.demands.iter().map(|demand| (&demand.id, 1.2 * demand.heat.at(0)));
    let all = units.chain(demands).enumerate();
    let named = all.filter(|(i, _)| share(seed + 31 * i) > 0.2);
    case.previous = Some(named.map(|(i, (id, most))| (id.clone(), most * share(seed + 17 * i + 5))).collect());
    case
}

fn movement(solution: &Solution) -> f64 {
    solution.stages.iter().find(|stage| stage.name == "movement").expect("a stage of movement").value
}

/// Small odd cases and days of generated fleets, in shortage and without.
fn cases() -> Vec<Case> {
    let mut cases = odd(150);
    for (plants, steps, seed) in [(1, 1, 3), (2, 8, 1), (4, 12, 2)] {
        for conflict in [false, true] {
            cases.push(generate(Recipe { conflict, ..Recipe::new(plants, steps, seed) }).unwrap());
        }
    }
    cases.iter().enumerate().map(|(seed, case)| after_something(case, seed)).collect()
}

#[test]
fn highspy_finds_no_calmer_schedule_at_that_cost() {
    let cases = cases();
    let verdicts = judged("highspy_movement", &cases);
    let (mut moved, mut impossible, mut short) = (0, 0, 0);
    for (case, verdict) in cases.iter().zip(&verdicts) {
        let ours = solved(case);
        if crate::gave(&ours) {
            assert_eq!(verdict["infeasible"], true, "{}: {:?} to ours", case.name, ours.slacks);
            impossible += 1;
            continue;
        }
        let cost = verdict["stages"]["cost"].as_f64().unwrap_or_else(|| panic!("{}: {verdict}", case.name));
        assert!(disagreement(cost, ours.cost) <= AGREE, "{}: cost {cost}, ours {}", case.name, ours.cost);
        let (said, mine) = (verdict["movement"].as_f64().unwrap(), movement(&ours));
        assert!(disagreement(said, mine) <= AGREE, "{}: movement {said}, ours {mine}", case.name);
        // What the stage is worth: the schedule of the cost stage alone would have moved more.
        let restless = solve(&Case { previous: None, ..case.clone() }, &Options::default()).unwrap();
        moved += usize::from(changes(case, &restless) > 1.001 * mine + 1e-3);
        short += usize::from(ours.unserved_mwh.values().any(|mwh| *mwh > 1e-3));
    }
    assert!(moved >= 30 && impossible >= 10 && short >= 30, "{moved} {impossible} {short}");
}

/// By how much a schedule changes setpoints, MW.
fn changes(case: &Case, schedule: &Solution) -> f64 {
    let previous = case.previous.as_ref().unwrap();
    let units = case.units.iter().map(|unit| (previous.get(&unit.id).copied(), &schedule.units[&unit.id].heat));
    let demands = case.demands.iter().map(|demand| {
        let before = previous.get(&demand.id).map(|served| (demand.heat.at(0) - served).max(0.0));
        (before, &schedule.demands[&demand.id].unserved)
    });
    let one = |(before, series): (Option<f64>, &Vec<f64>)| {
        let first = before.map_or(0.0, |mw| (series[0] - mw).abs());
        first + series.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f64>()
    };
    units.chain(demands).map(one).sum()
}

/// The schedule itself moves by what its stage says, not only the program's own columns.
#[test]
fn a_schedule_moves_by_what_its_stage_says() {
    for case in cases().iter().filter(|case| !case.name.starts_with("odd")) {
        let ours = solved(case);
        assert!(disagreement(changes(case, &ours), movement(&ours)) <= AGREE, "{}", case.name);
    }
}

/// The judge's judge: a previous schedule that is a little otherwise, names one less, or twice the money, is seen.
#[test]
fn movement_that_is_otherwise_is_seen() {
    let case = after_something(&generate(Recipe { conflict: true, ..Recipe::new(2, 8, 1) }).unwrap(), 4);
    let first = |case: &Case, of_unit: bool| {
        let named = case.previous.iter().flatten().map(|(id, _)| id.clone());
        let mut named = named.filter(|id| case.units.iter().any(|unit| unit.id == *id) == of_unit);
        named.next().expect("one that is named")
    };
    let mut cases = vec![case.clone(); 4];
    let (unit, demand) = (first(&case, true), first(&case, false));
    *cases[1].previous.as_mut().unwrap().get_mut(&unit).unwrap() += 0.1;
    *cases[2].previous.as_mut().unwrap().get_mut(&demand).unwrap() -= 0.1;
    cases[3].previous.as_mut().unwrap().remove(&unit);
    let said: Vec<f64> =
        judged("highspy_movement", &cases).iter().map(|verdict| verdict["movement"].as_f64().unwrap()).collect();
    for (case, said) in cases.iter().zip(&said) {
        assert!(disagreement(*said, movement(&solved(case))) <= AGREE, "{}: {said}", case.name);
    }
    for (other, what) in said[1..].iter().zip(["a unit", "a demand", "one that is not named"]) {
        assert!(disagreement(*other, said[0]) > 100.0 * AGREE, "{what}: {other} as before");
    }
    let generous = solve(&case, &Options { movement_cost: 2e-3, ..Options::default() }).unwrap();
    assert!(disagreement(movement(&generous), said[0]) > 100.0 * AGREE);
    // A schedule that spends more than was asked for is refused.
    assert!(!check(&case, &generous).passed);
}
