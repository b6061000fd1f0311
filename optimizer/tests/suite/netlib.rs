//! The solver's wrapper against the Netlib collection (Gay, "Electronic mail distribution of linear programming test
//! problems", 1985): those problems that come with the solver's own sources, which cargo has fetched to build it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use hypocaust_optimizer::problem::{Answer, Problem};
use hypocaust_optimizer::solver::{Method, Outcome, Solver};

use crate::mps;

/// The table gives eleven digits.
const AGREE: f64 = 1e-9;

/// Name; rows and columns; the optimum. From the table in Netlib's `lp/data/readme`, or where its notes give a better value
/// for that (80BAU3B, ETAMACRO, GREENBEA, PEROLD, SCRS8), theirs. STANDGUB is STANDATA with marks that mean nothing here.
const PUBLISHED: [(&str, usize, usize, f64); 16] = [
    ("25fv47", 821, 1571, 5.501_845_888_3e3),
    ("80bau3b", 2262, 9799, 9.872_241_924_1e5),
    ("adlittle", 56, 97, 2.254_949_631_6e5),
    ("afiro", 27, 32, -4.647_531_428_6e2),
    ("bandm", 305, 472, -1.586_280_184_5e2),
    ("e226", 223, 282, -1.875_192_906_6e1),
    ("etamacro", 400, 688, -7.557_152_333_7e2),
    ("greenbea", 2392, 5405, -7.255_524_813_0e7),
    ("israel", 174, 142, -8.966_448_218_6e5),
    ("perold", 625, 1376, -9.380_755_278_2e3),
    ("scrs8", 490, 1169, 9.042_969_538_0e2),
    ("shell", 536, 1775, 1.208_825_346_0e9),
    ("stair", 356, 467, -2.512_669_511_9e2),
    ("standata", 359, 1075, 1.257_699_500_0e3),
    ("standgub", 359, 1075, 1.257_699_500_0e3),
    ("standmps", 467, 1075, 1.406_017_500_0e3),
];

/// From the collection's problems that have no allowed point (`lp/infeas`).
const INFEASIBLE: [&str; 9] =
    ["bgetam", "box1", "cplex1", "ex72a", "galenet", "klein1", "refinery", "vol1", "woodinfe"];

/// Where cargo keeps the solver's sources.
static INSTANCES: LazyLock<PathBuf> = LazyLock::new(|| {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = ["metadata", "--format-version", "1", "--locked", "--manifest-path"];
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(cargo).args(asked).arg(manifest).output().expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|package| package["name"] == "highs-sys").expect("the solver is a dependency");
    let manifest = PathBuf::from(package["manifest_path"].as_str().expect("a path"));
    manifest.parent().expect("a manifest lies in a folder").join("HiGHS/check/instances")
});

fn problem(name: &str) -> Problem {
    let path = INSTANCES.join(format!("{name}.mps"));
    mps::read(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn solver(problem: &Problem) -> Solver {
    Solver::new(problem, 1_000_000).expect("the solver takes the problem")
}

/// Relative distance, with figures below 1 as they are.
fn apart(value: f64, published: f64) -> f64 {
    (value - published).abs() / (1.0 + published.abs())
}

#[test]
fn every_problem_has_its_published_optimum_by_every_method() {
    for (name, rows, columns, published) in PUBLISHED {
        let problem = problem(name);
        assert_eq!((problem.rows(), problem.columns()), (rows, columns), "{name}");
        let mut first = solver(&problem);
        let (outcome, answer) = first.run().unwrap();
        assert_eq!(outcome, Outcome::Optimal, "{name}");
        let found = problem.objective(&answer.x);
        assert!(apart(found, published) < AGREE, "{name}: {found}, published {published}");
        assert!(problem.certify(&answer).passed(), "{name}: {:?}", problem.certify(&answer));

        // The duals of the basis at hand are those of the optimum.
        let duals = first.duals_under(&problem.cost).unwrap().expect("there is a basis");
        let proven = problem.certify(&Answer { x: answer.x.clone(), y: duals });
        assert!(proven.passed(), "{name}: {proven:?}");

        // From where it stands another solver has nothing left to do.
        let mut other = solver(&problem);
        other.begin_at(&first.stands().unwrap()).unwrap();
        other.by(Method::Warm).unwrap();
        let (outcome, again) = other.run().unwrap();
        assert_eq!((outcome, other.iterations()), (Outcome::Optimal, 0), "{name}");
        assert!(apart(problem.objective(&again.x), published) < AGREE, "{name}, warm");

        let mut primal = solver(&problem);
        primal.by(Method::Primal).unwrap();
        let (outcome, answer) = primal.run().unwrap();
        assert_eq!(outcome, Outcome::Optimal, "{name}, primal");
        assert!(apart(problem.objective(&answer.x), published) < AGREE, "{name}, primal");
    }
}

/// The judge's judge: one figure that is a thousandth off is another optimum, wherever it binds.
#[test]
fn another_problem_has_another_optimum() {
    for (name, .., published) in PUBLISHED {
        let mut problem = problem(name);
        let (_, answer) = solver(&problem).run().unwrap();
        let counts = |&column: &usize| (problem.cost[column] * answer.x[column]).abs() > 1e-3 * published.abs();
        let column = (0..problem.columns()).find(counts).expect("a column that costs something");
        problem.cost[column] *= 1.001;
        let (_, other) = solver(&problem).run().unwrap();
        let found = problem.objective(&other.x);
        assert!(apart(found, published) > AGREE, "{name}: {found}");
    }
}

#[test]
fn what_cannot_be_is_said_to_be_so() {
    for name in INFEASIBLE {
        let problem = problem(name);
        let (outcome, answer) = solver(&problem).run().unwrap();
        assert!(matches!(outcome, Outcome::Other("infeasible")), "{name}: {outcome:?}");
        assert!(answer.x.is_empty(), "{name}");
    }
}
