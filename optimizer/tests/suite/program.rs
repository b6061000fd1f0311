//! The program: its verbs, what they print, and how they end (0 it is so, 1 it is not, 2 wrong usage, 3 not tried).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hypocaust_optimizer::case::Segment;
use hypocaust_optimizer::generate::{Recipe, generate};
use hypocaust_optimizer::{Case, Solution};
use serde_json::Value;
use tempfile::TempDir;

use crate::small::{demand, electric, empty, grid};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hypocaust-optimizer"))
        .args(arguments)
        .output()
        .expect("the program can be started")
}

/// What a run printed, having ended as it should.
fn ended(arguments: &[&str], code: i32) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    // Answers go to stdout; what went wrong goes to stderr and says so.
    assert_eq!(code == 0, !said.contains("hypocaust-optimizer: ") && !said.contains("error: "), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&ended(arguments, 0)).unwrap()
}

/// A folder with a case in it, and the path of the case.
fn folder(recipe: Recipe) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.json");
    std::fs::write(&path, serde_json::to_string(&generate(recipe).unwrap()).unwrap()).unwrap();
    (folder, path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn generate_prints_the_case_of_the_library() {
    let said = ended(&["generate", "--plants", "2", "--steps", "3", "--seed", "5", "--conflict", "--summer"], 0);
    let recipe = Recipe { summer: true, conflict: true, ..Recipe::new(2, 3, 5) };
    assert_eq!(Case::from_json(&said).unwrap(), generate(recipe).unwrap());
    ended(&["generate", "--plants", "0", "--steps", "3"], 2);
    ended(&["generate", "--plants", "many"], 2);
}

#[test]
fn solve_draws_check_accepts_and_refuses() {
    let (folder, case) = folder(Recipe { conflict: true, ..Recipe::new(2, 4, 1) });
    let (picture, result) = (folder.path().join("plot.svg"), folder.path().join("result.json"));
    let printed = ended(&["solve", text(&case), "--json", "--plot", text(&picture)], 0);
    let mut solution: Solution = serde_json::from_str(&printed).unwrap();
    assert!(solution.solver.ms.is_some());
    let drawn = std::fs::read_to_string(&picture).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("unserved"));
    std::fs::write(&result, &printed).unwrap();
    assert_eq!(json(&["check", text(&case), text(&result), "--json"])["passed"], true);
    assert!(ended(&["check", text(&case), text(&result)], 0).starts_with("the result holds"));
    solution.cost -= 1.0;
    std::fs::write(&result, serde_json::to_string(&solution).unwrap()).unwrap();
    assert!(ended(&["check", text(&case), text(&result)], 1).contains("cost"));
    assert!(ended(&["solve", text(&case)], 0).contains("certificate"));
    assert!(ended(&["solve", text(&case), "--greedy"], 0).contains("Greedy"));
}

#[test]
fn check_judges_a_case_alone_and_the_schemas_are_printed() {
    let (folder, case) = folder(Recipe::new(1, 1, 1));
    assert!(ended(&["check", text(&case)], 0).contains("in order"));
    assert_eq!(json(&["check", "--schema"])["title"], "a heat dispatch problem; MW, MWh, prices per MWh");
    assert_eq!(json(&["solve", "--schema"])["properties"]["schema"]["const"], "heatresult/1");
    ended(&["solve", text(&case), "--schema"], 2);
    let wrong = folder.path().join("wrong.json");
    std::fs::write(&wrong, std::fs::read_to_string(&case).unwrap().replace("\"co2_price\":78.0", "\"co2_price\":-1"))
        .unwrap();
    ended(&["check", text(&wrong)], 1);
    let said = String::from_utf8(run(&["check", text(&wrong)]).stderr).unwrap();
    assert!(said.contains("co2_price: -1 is out of range"), "{said}");
    ended(&["check", text(&folder.path().join("none.json"))], 3);
    ended(&["check"], 2);
}

#[test]
fn explain_says_and_shows_what_the_library_says() {
    let (folder, case) = folder(Recipe { conflict: true, ..Recipe::new(2, 4, 1) });
    let result = folder.path().join("result.json");
    std::fs::write(&result, ended(&["solve", text(&case), "--json"], 0)).unwrap();
    let all = json(&["explain", text(&case), "--result", text(&result), "--json"]);
    let sentences: Vec<&str> = all["sentences"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(ended(&["explain", text(&case)], 0).lines().collect::<Vec<_>>(), sentences);
    assert!(sentences[0].starts_with("There is not enough heat"));
    let (_other, calm) = self::folder(Recipe::new(2, 4, 1));
    let since = json(&["explain", text(&case), "--since", text(&calm), "--json"]);
    assert!(!since["changes"].as_array().unwrap().is_empty());
    // A result of another case explains nothing.
    ended(&["explain", text(&calm), "--result", text(&result)], 1);
}

#[test]
fn n1_has_a_row_for_every_loss() {
    let (_folder, case) = folder(Recipe::new(2, 2, 1));
    let losses = hypocaust_optimizer::losses(&generate(Recipe::new(2, 2, 1)).unwrap());
    let rows = json(&["n1", text(&case), "--json"]);
    let named: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["loss"].as_str().unwrap()).collect();
    let wanted: Vec<String> = losses.iter().map(ToString::to_string).collect();
    assert_eq!(named, wanted);
    assert_eq!(ended(&["n1", text(&case)], 0).lines().count(), losses.len() + 1);
}

/// Without its plain electric boiler this plant would burn power on the dear piece of the other first, for which it is paid: no
/// schedule of a plant, which its row says. The others are there.
#[test]
fn a_loss_that_cannot_be_solved_says_so_and_leaves_the_others() {
    let mut case = empty(1);
    let mut curve = electric("curve", 7.0);
    let piece = |heat: f64, per_heat: f64| Segment { heat, input_per_heat: per_heat.into() };
    (curve.efficiency, curve.segments) = (None, Some(vec![piece(4.0, 1.1), piece(3.0, 1.25), piece(2.0, 1.5)]));
    case.units = vec![electric("plain", 10.0), curve];
    case.connections.push(grid(10.0, 0.0, 0.0));
    case.carriers[1].buy = Some((-5.0).into());
    case.carriers[1].sell = Some((-6.0).into());
    case.demands.push(demand("a", 10.0));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.json");
    std::fs::write(&path, serde_json::to_string(&case).unwrap()).unwrap();
    let rows: Value = serde_json::from_str(&ended(&["n1", text(&path), "--json"], 3)).unwrap();
    let row = |loss: &str| rows.as_array().unwrap().iter().find(|row| row["loss"] == loss).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), hypocaust_optimizer::losses(&case).len());
    assert!(row("unit plain")["error"].as_str().unwrap().contains("pieces of its curve out of order"), "{rows}");
    assert!(row("unit plain")["cost"].is_null());
    assert_eq!(row("unit curve")["unserved_mwh"]["production"], 0.0);
    assert!(row("unit curve")["error"].is_null());
    let table = ended(&["n1", text(&path)], 3);
    let line = |loss: &str| table.lines().find(|line| line.starts_with(loss)).unwrap();
    assert!(line("unit plain").contains("could not be solved: unit curve would take"), "{table}");
    assert!(line("unit curve").contains("-50.00"), "{table}");
    let said = String::from_utf8(run(&["n1", text(&path)]).stderr).unwrap();
    assert!(said.contains("1 of 4 losses could not be solved: unit plain"), "{said}");
}

#[test]
fn n1_solves_the_losses_that_are_named_two_at_once_among_them() {
    let (_folder, path) = folder(Recipe::new(2, 2, 1));
    let case = generate(Recipe::new(2, 2, 1)).unwrap();
    let pair = "unit p0.b1 and header p1.s";
    let rows = json(&["n1", text(&path), "--lose", "header p1.s", "--lose", pair, "--json"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["loss"].as_str().unwrap()).collect::<Vec<_>>(), ["header p1.s", pair]);
    let after = hypocaust_optimizer::lose(&case, &hypocaust_optimizer::Loss::named(&case, pair).unwrap());
    let alone = hypocaust_optimizer::solve(&after, &hypocaust_optimizer::Options::default()).unwrap();
    for class in &case.classes {
        let told = rows[1]["unserved_mwh"][class].as_f64().unwrap();
        assert!((told - alone.unserved_mwh[class]).abs() < 1e-6, "{class}: {told}");
    }
    ended(&["n1", text(&path), "--lose", "unit nobody"], 2);
    let said = String::from_utf8(run(&["n1", text(&path), "--lose", "unit nobody"]).stderr).unwrap();
    assert!(said.contains("there is no unit nobody in the case"), "{said}");
}

#[test]
fn bench_has_a_row_for_every_size() {
    let rows = json(&["bench", "--plants", "1,2", "--steps", "1,4", "--rounds", "1", "--json"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        for figure in
            ["one_lp_ms", "stages_ms", "conflict_stages_ms", "stages_to_one_lp", "rolling_ms", "greedy_ms", "losses_ms"]
        {
            assert!(row[figure].as_f64().unwrap() > 0.0, "{figure}: {row}");
        }
        let each = row["losses_ms"].as_f64().unwrap() / row["losses"].as_f64().unwrap();
        assert!((row["of_97_ms"].as_f64().unwrap() - 97.0 * each).abs() < 1e-6, "{row}");
    }
    assert_eq!(ended(&["bench", "--plants", "1", "--steps", "1", "--rounds", "1"], 0).lines().count(), 2);
    ended(&["bench", "--plants", "0"], 2);
    ended(&["bench", "--rounds", "0"], 2);
}

#[test]
fn what_lasts_longer_than_a_second_says_how_far_it_is() {
    let output = run(&["bench", "--plants", "20", "--steps", "24", "--rounds", "3"]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("sizes, 1 s"), "{said}");
}
