//! The solver's wrapper, its certificate and its warm starts on one small problem whose optimum is public: afiro of the Netlib
//! collection, 27 rows, 32 columns. `netlib` has the others.

use hypocaust_optimizer::problem::Problem;
use hypocaust_optimizer::solver::{Outcome, Solver};

/// Costs by column; all other columns cost nothing.
const COSTS: &[(usize, f64)] = &[(1, -0.4), (12, -0.32), (16, -0.6), (28, -0.48), (31, 10.0)];

/// Whether it is an equality (else an upper bound), right-hand side, entries.
type Row = (bool, f64, &'static [(usize, f64)]);

const ROWS: &[Row] = &[
    (true, 0.0, &[(0, -1.0), (1, 1.0), (2, 1.0)]),
    (true, 0.0, &[(0, -1.06), (3, 1.0)]),
    (false, 80.0, &[(0, 1.0)]),
    (false, 0.0, &[(1, -1.0), (12, 1.4)]),
    (true, 0.0, &[(4, -1.0), (5, -1.0), (6, -1.0), (7, -1.0), (12, 1.0), (13, 1.0)]),
    (true, 0.0, &[(4, -1.06), (5, -1.06), (6, -0.96), (7, -0.86), (14, 1.0)]),
    (false, 80.0, &[(4, 1.0), (8, -1.0)]),
    (false, 0.0, &[(5, 1.0), (9, -1.0)]),
    (false, 0.0, &[(6, 1.0), (10, -1.0)]),
    (false, 0.0, &[(7, 1.0), (11, -1.0)]),
    (true, 0.0, &[(15, -1.0), (16, 1.0), (17, 1.0), (18, 1.0)]),
    (true, 0.0, &[(15, -0.43), (19, 1.0)]),
    (false, 500.0, &[(15, 1.0)]),
    (false, 0.0, &[(16, -1.0), (28, 1.4)]),
    (true, 0.0, &[(20, -0.43), (21, -0.43), (22, -0.39), (23, -0.37), (30, 1.0)]),
    (true, 44.0, &[(20, 1.0), (21, 1.0), (22, 1.0), (23, 1.0), (28, -1.0), (29, 1.0), (31, 1.0)]),
    (false, 500.0, &[(20, 1.0), (24, -1.0)]),
    (false, 0.0, &[(21, 1.0), (25, -1.0)]),
    (false, 0.0, &[(22, 1.0), (26, -1.0)]),
    (false, 0.0, &[(23, 1.0), (27, -1.0)]),
    (
        false,
        0.0,
        &[
            (8, 2.364),
            (9, 2.386),
            (10, 2.408),
            (11, 2.429),
            (18, -1.0),
            (24, 2.191),
            (25, 2.219),
            (26, 2.249),
            (27, 2.279),
        ],
    ),
    (false, 0.0, &[(2, -1.0), (15, 0.109)]),
    (false, 0.0, &[(13, -1.0), (20, 0.109), (21, 0.108), (22, 0.108), (23, 0.107)]),
    (false, 0.0, &[(0, 0.301), (17, -1.0)]),
    (false, 0.0, &[(4, 0.301), (5, 0.313), (6, 0.313), (7, 0.326), (29, -1.0)]),
    (false, 310.0, &[(3, 1.0), (19, 1.0)]),
    (false, 300.0, &[(14, 1.0), (30, 1.0)]),
];

fn afiro() -> Problem {
    let mut problem = Problem::default();
    for column in 0..32 {
        let cost = COSTS.iter().find(|(of, _)| *of == column).map_or(0.0, |(_, cost)| *cost);
        problem.column(cost, 0.0, f64::INFINITY);
    }
    for &(equal, level, entries) in ROWS {
        problem.row(if equal { level } else { f64::NEG_INFINITY }, level, entries);
    }
    problem
}

#[test]
fn afiro_has_its_published_optimum() {
    let problem = afiro();
    let (outcome, answer) = Solver::new(&problem, 1_000_000).unwrap().run().unwrap();
    assert_eq!(outcome, Outcome::Optimal);
    crate::near(problem.objective(&answer.x), -464.753_142_9, 1e-6);
    assert!(problem.certify(&answer).passed());
}

#[test]
fn a_wrong_answer_fails_its_certificate() {
    let problem = afiro();
    let (_, answer) = Solver::new(&problem, 1_000_000).unwrap().run().unwrap();
    for spoil in 0..answer.x.len() {
        let mut wrong = answer.clone();
        wrong.x[spoil] -= 1.0 + 2.0 * wrong.x[spoil].abs();
        assert!(problem.certify(&wrong).primal > 1e-3, "column {spoil}");
    }
    // A feasible point that is not the best has a gap, whatever duals it comes with.
    let mut lazy = answer.clone();
    lazy.x.fill(0.0);
    assert!(!problem.certify(&lazy).passed());
    let mut wrong = answer;
    wrong.y.fill(0.0);
    assert!(!problem.certify(&wrong).passed());
}

#[test]
fn a_changed_problem_is_solved_from_the_basis_at_hand() {
    let mut problem = afiro();
    let mut solver = Solver::new(&problem, 1_000_000).unwrap();
    let (_, before) = solver.run().unwrap();
    let cold = solver.iterations();
    // A new column that is paid to exist, held by a new row, and a tighter bound on an old one.
    let extra = problem.column(-1.0, 0.0, f64::INFINITY);
    problem.row(f64::NEG_INFINITY, 3.0, &[(extra, 1.0), (0, 0.01)]);
    problem.upper[0] = before.x[0] / 2.0;
    solver.update(&problem).unwrap();
    let (outcome, warm) = solver.run().unwrap();
    assert_eq!(outcome, Outcome::Optimal);
    assert!(problem.certify(&warm).passed());
    assert!(solver.iterations() - cold < cold.max(10), "{} then {}", cold, solver.iterations());
    let (_, again) = Solver::new(&problem, 1_000_000).unwrap().run().unwrap();
    crate::near(problem.objective(&warm.x), problem.objective(&again.x), 1e-6);
}
