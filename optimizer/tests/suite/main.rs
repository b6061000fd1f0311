//! The optimizer against published figures, against its own judge, and against cases that nobody thought of.

mod by_others;
mod by_others_movement;
mod by_others_rare;
mod by_others_states;
mod commitment;
mod commitment_proved;
mod explained;
mod fallback;
mod format;
mod generated;
mod judge;
mod malformed;
mod mps;
mod netlib;
mod program;
mod random;
mod result_schema;
mod rolling;
mod schema;
mod small;
mod stages;
mod terms;
mod wrapper;

use hypocaust_optimizer::{Case, Options, Solution, check, solve};

/// The sample case whose figures optimizer.md states.
fn bench() -> Case {
    Case::from_json(include_str!("../cases/bench-p4-t24-s1.json")).expect("the sample is a case")
}

/// The smallest case in which weights shed the wrong class.
fn trap() -> Case {
    Case::from_json(include_str!("../cases/priority-trap.json")).expect("the sample is a case")
}

/// Solves and has the result judged.
fn solved(case: &Case) -> Solution {
    let solution = solve(case, &Options::default()).expect("a valid case has a schedule");
    let verdict = check(case, &solution);
    assert!(verdict.passed, "{}: {:#?}", case.name, verdict.faults);
    solution
}

/// Did something give that is in a stage before the classes?
fn gave(solution: &Solution) -> bool {
    let before = solution.stages.iter().take_while(|stage| !solution.unserved_mwh.contains_key(&stage.name));
    before.into_iter().any(|stage| stage.value > 1e-7)
}

fn near(value: f64, wanted: f64, within: f64) {
    assert!((value - wanted).abs() <= within, "{value} is not {wanted} within {within}");
}
