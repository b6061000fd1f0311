//! The same cases, read from their JSON and built anew with PyPSA, oemof.solph and numpy in front of HiGHS by code that shares
//! nothing with ours (`tests/judges/optimizer_*.py`): they agree on the weighted optimum, and numpy's strict stages with ours.

use std::process::Command;

use hypocaust_optimizer::case::Final;
use hypocaust_optimizer::generate::{Recipe, generate};
use hypocaust_optimizer::{Case, Options, Solution};
use serde_json::Value;

use crate::{bench, solved, trap};

#[path = "../../../tests/src/harness/python.rs"]
mod python;

/// Relative to 1 + the figure.
pub const AGREE: f64 = 1e-6;

/// What a judge says of each case.
pub fn judged(tool: &str, cases: &[Case]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("{}/../tests/judges/optimizer_{tool}.py", env!("CARGO_MANIFEST_DIR"));
    let weights = Options::default().weights.map(|weight| weight.to_string()).join(",");
    let mut command = Command::new(python::python());
    command.args([&script, "--weights", &weights]);
    for (i, case) in cases.iter().enumerate() {
        let path = folder.path().join(format!("{i}.json"));
        std::fs::write(&path, serde_json::to_string(case).unwrap()).unwrap();
        command.arg(path);
    }
    let output = command.output().expect("the judges' Python can be started");
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    // HiGHS prints a banner of its own between the lines.
    let verdicts: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(verdicts.len(), cases.len(), "{tool}");
    verdicts
}

pub fn disagreement(said: f64, ours: f64) -> f64 {
    let far = (said - ours).abs() / (1.0 + ours.abs());
    if far.is_nan() { f64::INFINITY } else { far }
}

fn generated(plants: usize, steps: usize, seed: u64, conflict: bool, summer: bool) -> Case {
    generate(Recipe { conflict, summer, ..Recipe::new(plants, steps, seed) }).unwrap()
}

/// The anchors, generated cases of both seasons with and without conflict, and cases with the rarer terms.
fn cases() -> Vec<Case> {
    let mut cases = vec![
        bench(),
        trap(),
        generated(1, 1, 3, false, false),
        generated(3, 8, 1, false, false),
        generated(4, 24, 2, false, true),
        generated(2, 1, 1, true, false),
        generated(4, 24, 1, true, false),
        generated(8, 8, 5, true, true),
    ];
    let mut graded = generated(2, 6, 7, false, false);
    graded.name = "a graded grid".to_owned();
    graded.time.step_minutes = vec![5.0, 5.0, 10.0, 10.0, 30.0, 60.0].into();
    cases.push(graded);
    let mut rare = generated(3, 6, 9, true, false);
    rare.name = "must run, what cannot be shed, final levels, no way home".to_owned();
    rare.units[0].must_run = Some(rare.units[0].heat_min.clone());
    rare.units[0].availability = vec![1.0, 1.0, 0.9, 0.9, 1.0, 1.0].into();
    rare.connections[0].max_import = 100.0.into();
    for demand in &mut rare.demands {
        demand.sheddable = Some(0.6.into());
    }
    rare.connections.iter_mut().for_each(|connection| connection.max_import = 100.0.into());
    rare.storages[0].r#final = Final::Mwh(rare.storages[0].initial_mwh * 1.1);
    rare.storages[1].loss_per_h = 0.2;
    rare.links.last_mut().unwrap().cap_reverse = 0.0.into();
    cases.push(rare);
    cases
}

/// Whatever the tool, its weighted optimum is ours.
fn agrees(tool: &str) -> Vec<(Case, Solution, Value)> {
    let cases = cases();
    let verdicts = judged(tool, &cases);
    let mut all = Vec::new();
    for (case, verdict) in cases.into_iter().zip(verdicts) {
        let ours = solved(&case);
        // A judge has no physical slack: where it finds an optimum, none is needed.
        assert!(ours.slacks.is_empty(), "{}: {:?}", case.name, ours.slacks);
        let said = verdict["objective_weighted"].as_f64().unwrap();
        let objective = ours.objective_weighted.unwrap();
        assert!(disagreement(said, objective) <= AGREE, "{tool}, {}: {said}, ours {objective}", case.name);
        all.push((case, ours, verdict));
    }
    all
}

#[test]
fn pypsa_agrees() {
    agrees("pypsa");
}

#[test]
fn oemof_solph_agrees() {
    agrees("solph");
}

#[test]
fn highspy_agrees_on_every_strict_stage() {
    for (case, ours, verdict) in agrees("highspy") {
        let stages = verdict["stages"].as_object().unwrap();
        for class in &case.classes {
            let said = stages[class].as_f64().unwrap();
            let mwh = ours.unserved_mwh[class];
            assert!(disagreement(said, mwh) <= AGREE, "{}, {class}: {said} MWh, ours {mwh}", case.name);
        }
        let said = stages["cost"].as_f64().unwrap();
        assert!(disagreement(said, ours.cost) <= AGREE, "{}: cost {said}, ours {}", case.name, ours.cost);
    }
}

/// The judges' judge: one yield that is a thousandth off is seen by all three.
#[test]
fn another_problem_is_told_from_ours() {
    let case = generated(2, 4, 1, false, false);
    let ours = solved(&case).objective_weighted.unwrap();
    let mut other = case.clone();
    let boiler = &mut other.units[0];
    boiler.efficiency = Some((boiler.efficiency.as_ref().unwrap().at(0) * 1.001).into());
    for tool in ["pypsa", "solph", "highspy"] {
        let said: Vec<f64> = judged(tool, &[case.clone(), other.clone()])
            .iter()
            .map(|verdict| verdict["objective_weighted"].as_f64().unwrap())
            .collect();
        assert!(disagreement(said[0], ours) <= AGREE, "{tool}");
        assert!(disagreement(said[1], ours) > 10.0 * AGREE, "{tool} sees no difference");
    }
}

/// Weights alone shed a higher class for a lower one in the generated conflicts; else they would prove nothing.
#[test]
fn a_generated_conflict_is_one() {
    for (plants, steps) in [(1, 1), (4, 24), (8, 8)] {
        let case = generated(plants, steps, 1, true, false);
        let verdict = judged("highspy", std::slice::from_ref(&case)).remove(0);
        let ours = solved(&case);
        let first = case.classes.iter().find_map(|class| {
            let weighted = verdict["unserved_weighted"][class].as_f64().unwrap();
            ((weighted - ours.unserved_mwh[class]).abs() > 1e-3).then_some((class, weighted))
        });
        let (class, weighted) = first.expect("the weighted solve sheds as the strict one");
        assert!(weighted > ours.unserved_mwh[class] + 0.1, "{}: {class} {weighted}", case.name);
    }
}
