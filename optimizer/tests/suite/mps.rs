//! Reads a linear program in MPS, as far as the Netlib collection needs it: names without spaces, one right-hand side, one set
//! of bounds, no ranges. What it does not know it refuses, for it would be another problem.

use std::collections::HashMap;

use hypocaust_optimizer::problem::Problem;

/// A row as it is gathered: lower and upper bound, entries.
type Row = (f64, f64, Vec<(usize, f64)>);

/// The program of a file. Rows that cost nothing and bind nothing are dropped, and so is a constant of the objective, as the
/// collection's table does.
pub fn read(text: &str) -> Problem {
    let mut problem = Problem::default();
    let (mut section, mut objective) = (String::new(), None::<String>);
    let (mut rows, mut senses): (Vec<Row>, Vec<char>) = (Vec::new(), Vec::new());
    // A row without a number is free.
    let (mut row_of, mut column_of) = (HashMap::<String, Option<usize>>::new(), HashMap::<String, usize>::new());
    // STANDGUB has lines with primes, which group columns for another method and are no part of the program (Netlib's readme).
    for line in text.lines().filter(|line| !line.starts_with('*') && !line.contains('\'') && !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if !line.starts_with(' ') {
            section = fields[0].to_owned();
            assert!(["NAME", "ROWS", "COLUMNS", "RHS", "BOUNDS", "ENDATA"].contains(&fields[0]), "{line}");
            continue;
        }
        match section.as_str() {
            "ROWS" => {
                let (sense, name) = (fields[0], fields[1].to_owned());
                let at = (sense != "N").then_some(rows.len());
                if at.is_none() && objective.is_none() {
                    objective = Some(name.clone());
                }
                assert!(row_of.insert(name, at).is_none(), "a row twice: {line}");
                if at.is_some() {
                    let (least, most) = match sense {
                        "E" => (0.0, 0.0),
                        "L" => (f64::NEG_INFINITY, 0.0),
                        "G" => (0.0, f64::INFINITY),
                        _ => panic!("no kind of row: {line}"),
                    };
                    rows.push((least, most, Vec::new()));
                    senses.push(sense.chars().next().unwrap());
                }
            }
            "COLUMNS" => {
                let column =
                    *column_of.entry(fields[0].to_owned()).or_insert_with(|| problem.column(0.0, 0.0, f64::INFINITY));
                for pair in fields[1..].chunks(2) {
                    match row_of[pair[0]] {
                        Some(row) => rows[row].2.push((column, number(pair[1]))),
                        None if objective.as_deref() == Some(pair[0]) => problem.cost[column] = number(pair[1]),
                        None => {}
                    }
                }
            }
            "RHS" => {
                for pair in fields[1..].chunks(2) {
                    if let Some(row) = row_of[pair[0]] {
                        let level = number(pair[1]);
                        if senses[row] != 'G' {
                            rows[row].1 = level;
                        }
                        if senses[row] != 'L' {
                            rows[row].0 = level;
                        }
                    }
                }
            }
            "BOUNDS" => {
                let column = column_of[fields[2]];
                let (lower, upper) = (&mut problem.lower[column], &mut problem.upper[column]);
                match fields[0] {
                    "FR" => *lower = f64::NEG_INFINITY,
                    "MI" => *lower = f64::NEG_INFINITY,
                    "LO" => *lower = number(fields[3]),
                    "FX" => (*lower, *upper) = (number(fields[3]), number(fields[3])),
                    "UP" => {
                        *upper = number(fields[3]);
                        // Readers do not agree on what is below a negative bound.
                        assert!(*upper >= *lower, "{line}");
                    }
                    _ => panic!("no kind of bound: {line}"),
                }
            }
            _ => panic!("nowhere: {line}"),
        }
    }
    assert_eq!(section, "ENDATA", "the file is cut off");
    for (least, most, entries) in rows {
        problem.row(least, most, &entries);
    }
    problem
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}
