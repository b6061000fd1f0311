//! Where a solved program stood, by the names of its columns and rows, so that the next program can start from there.
//!
//! A later window, the case after a loss, and a case with new measurements have nearly the same columns and rows: each
//! takes over the stand of the one with its name, or, once the window has moved, of the step that lay at the same time.
//! What is new starts as in a program without a past. The solver repairs a start that is no basis, so no start can make
//! an answer wrong; it can only make it slow.

use crate::formulate::{Formulation, Index};

/// How a column or row stands in a basis; the solver's own code for it.
pub type Stand = i32;

/// Where a program's optimum stood.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    columns: Index,
    rows: Index,
    stands: Start,
    hours: Vec<f64>,
}

/// A start for the solver: a stand for each column and each row of one program.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// By column.
    pub columns: Vec<Stand>,
    /// By row.
    pub rows: Vec<Stand>,
}

impl Basis {
    /// What is known of a program and the stands of its columns and rows, in its order.
    #[must_use]
    pub fn of(formulation: &Formulation, start: &Start) -> Self {
        Self {
            columns: formulation.columns.clone(),
            rows: formulation.rows.clone(),
            stands: start.clone(),
            hours: formulation.hours.clone(),
        }
    }

    /// The start for a program whose window begins `moved_h` hours after this one's.
    #[must_use]
    pub fn start(&self, formulation: &Formulation, moved_h: f64) -> Start {
        let then = self.steps_then(&formulation.hours, moved_h);
        let columns = formulation.names.iter().map(|&(part, owner, t)| {
            // A column without a past is at its lower bound, a row without one is not in the way.
            let past = self.columns.find(part, owner, then[t]);
            past.map_or(crate::solver::AT_LOWER, |column| self.stands.columns[column])
        });
        let rows = formulation.rules.iter().map(|&(rule, owner, t)| {
            let past = self.rows.find(rule, owner, then[t]);
            past.map_or(crate::solver::BASIC, |row| self.stands.rows[row])
        });
        Start { columns: columns.collect(), rows: rows.collect() }
    }

    /// For each step of the new window the step of the old one that its middle lies in; beyond the end its last.
    fn steps_then(&self, hours: &[f64], moved_h: f64) -> Vec<usize> {
        let last = self.hours.len().saturating_sub(1);
        let mut begins = 0.0;
        hours
            .iter()
            .map(|h| {
                let middle = moved_h + begins + h / 2.0;
                begins += h;
                let mut ends = 0.0;
                self.hours
                    .iter()
                    .position(|h| {
                        ends += h;
                        middle < ends
                    })
                    .unwrap_or(last)
            })
            .collect()
    }
}

impl Start {
    /// Whether it is of the size of a program with so many columns and rows.
    #[must_use]
    pub fn fits(&self, columns: usize, rows: usize) -> bool {
        self.columns.len() == columns && self.rows.len() == rows
    }
}
