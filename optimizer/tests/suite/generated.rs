//! What the generator promises of its cases.

use hypocaust_optimizer::generate::{Error, Recipe, generate};
use hypocaust_optimizer::{Case, Options};

use crate::solved;

fn case(recipe: Recipe) -> Case {
    let case = generate(recipe).unwrap();
    case.validate().unwrap();
    case
}

#[test]
fn an_ordinary_case_serves_everybody() {
    for seed in 0..12 {
        for (plants, steps) in [(1, 1), (2, 5), (5, 12)] {
            for summer in [false, true] {
                let case = case(Recipe { summer, ..Recipe::new(plants, steps, seed) });
                let solution = solved(&case);
                assert!(solution.slacks.is_empty(), "{}: {:?}", case.name, solution.slacks);
                let unserved: f64 = solution.unserved_mwh.values().sum();
                assert!(unserved < 1e-6, "{}: {:?}", case.name, solution.unserved_mwh);
            }
        }
    }
    let day = case(Recipe::new(3, 96, 1));
    assert!(solved(&day).unserved_mwh.values().all(|mwh| *mwh < 1e-6));
}

/// The strict schedule's weighted sum is above the weighted optimum only where weights would have shed a higher class for
/// more of a lower one.
#[test]
fn in_a_conflict_weights_are_wrong_and_priorities_hold() {
    for seed in 0..4 {
        for (plants, steps) in [(1, 1), (2, 12), (8, 8), (20, 24)] {
            for summer in [false, true] {
                let case = case(Recipe { summer, conflict: true, ..Recipe::new(plants, steps, seed) });
                let solution = solved(&case);
                assert!(solution.slacks.is_empty(), "{}: {:?}", case.name, solution.slacks);
                let shed: f64 = case
                    .classes
                    .iter()
                    .zip(Options::default().weights)
                    .map(|(class, weight)| weight * solution.unserved_mwh[class])
                    .sum();
                let (strict, weighted) = (solution.cost + shed, solution.objective_weighted.unwrap());
                assert!(strict > weighted * 1.001, "{}: {strict} against {weighted}", case.name);
                // What only the contested power can make of the highest class is made.
                assert!(solution.unserved_mwh["life-safety"] < 1e-6, "{}", case.name);
            }
        }
    }
}

#[test]
fn the_same_recipe_gives_the_same_case_and_a_plant_stays_itself_in_a_larger_fleet() {
    let (small, large) = (case(Recipe::new(3, 4, 11)), case(Recipe::new(9, 4, 11)));
    assert_eq!(small, case(Recipe::new(3, 4, 11)));
    assert_ne!(small.units, case(Recipe::new(3, 4, 12)).units);
    assert_eq!(small.units, large.units[..small.units.len()]);
    assert_eq!(small.demands, large.demands[..small.demands.len()]);
    // The very figures, so that a benchmark of one version can be set against another's.
    insta::assert_snapshot!(serde_json::to_string(&case(Recipe::new(1, 2, 1))).unwrap());
}

#[test]
fn all_five_classes_and_all_kinds_of_source_occur() {
    let case = case(Recipe::new(20, 1, 1));
    let kinds: std::collections::BTreeSet<String> = case.units.iter().map(|unit| format!("{:?}", unit.kind)).collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    for class in &case.classes {
        assert!(case.demands.iter().any(|demand| demand.class == *class), "{class}");
    }
}

#[test]
fn sizes_beyond_the_bounds_are_refused() {
    assert_eq!(generate(Recipe::new(0, 1, 1)), Err(Error::Plants(0)));
    assert_eq!(generate(Recipe::new(1, 1001, 1)), Err(Error::Steps(1001)));
    assert_eq!(Error::Plants(0).to_string(), "0 plants cannot be generated: write a number from 1 to 1000");
}
