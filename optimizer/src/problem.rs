//! A linear program as we hold it, and the evidence that an answer solves it.
//!
//! Minimise `cost . x` with `lower <= x <= upper` and `row_lower <= A x <= row_upper`; `A` is kept by rows. The solver
//! has a copy of its own. `certify` uses nothing that the solver says about its answer but the answer itself (`x` and
//! the row duals `y`): reduced costs, activities and both objectives are computed here, so a wrong answer of a warm
//! start cannot pass.

/// The evidence must be at most this (optimizer.md, target 5).
pub const TOLERANCE: f64 = 1e-7;

/// A linear program, by rows.
#[derive(Clone, Debug)]
pub struct Problem {
    /// By column.
    pub cost: Vec<f64>,
    /// By column.
    pub lower: Vec<f64>,
    /// By column; infinite where there is none.
    pub upper: Vec<f64>,
    /// By row; minus infinity where there is none.
    pub row_lower: Vec<f64>,
    /// By row.
    pub row_upper: Vec<f64>,
    /// Where each row begins in `index` and `value`; one longer than there are rows.
    pub starts: Vec<i32>,
    /// Column of each entry.
    pub index: Vec<i32>,
    /// Value of each entry.
    pub value: Vec<f64>,
}

impl Default for Problem {
    fn default() -> Self {
        Self {
            cost: Vec::new(),
            lower: Vec::new(),
            upper: Vec::new(),
            row_lower: Vec::new(),
            row_upper: Vec::new(),
            starts: vec![0],
            index: Vec::new(),
            value: Vec::new(),
        }
    }
}

/// A point and the duals of the rows.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// By column.
    pub x: Vec<f64>,
    /// By row: the change of the optimum per unit of the row's bound.
    pub y: Vec<f64>,
}

/// What `certify` found; see `solution::Certificate` for the meaning of its figures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    /// Largest violation of a bound or row, relative to 1 + |bound|.
    pub primal: f64,
    /// Largest dual that no bound supports, relative to 1 + the largest cost.
    pub dual: f64,
    /// |primal objective - dual objective| / (1 + |primal objective|).
    pub gap: f64,
}

impl Evidence {
    /// Whether everything is within tolerance (a NaN is not).
    #[must_use]
    pub fn passed(&self) -> bool {
        self.primal <= TOLERANCE && self.dual <= TOLERANCE && self.gap <= TOLERANCE
    }

    /// The worse of the two in every figure.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        Self { primal: self.primal.max(other.primal), dual: self.dual.max(other.dual), gap: self.gap.max(other.gap) }
    }
}

impl Problem {
    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.cost.len()
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.row_lower.len()
    }

    /// Adds a column without entries and says its number.
    pub fn column(&mut self, cost: f64, lower: f64, upper: f64) -> usize {
        self.cost.push(cost);
        self.lower.push(lower);
        self.upper.push(upper);
        self.cost.len() - 1
    }

    /// Adds a row and says its number. A column may appear once.
    pub fn row(&mut self, lower: f64, upper: f64, entries: &[(usize, f64)]) -> usize {
        for &(column, value) in entries {
            // Zero entries cost the factorisation and say nothing.
            if value != 0.0 {
                self.index.push(small(column));
                self.value.push(value);
            }
        }
        self.starts.push(small(self.index.len()));
        self.row_lower.push(lower);
        self.row_upper.push(upper);
        self.row_lower.len() - 1
    }

    /// The entries of a row.
    pub fn entries(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = big(self.starts[row])..big(self.starts[row + 1]);
        self.index[range.clone()].iter().zip(&self.value[range]).map(|(&column, &value)| (big(column), value))
    }

    /// Makes this the whole objective: so much for each unit of a column, and nothing for any other.
    pub fn minimise_only(&mut self, columns: impl IntoIterator<Item = (usize, f64)>) {
        self.cost.fill(0.0);
        for (column, cost) in columns {
            self.cost[column] = cost;
        }
    }

    /// Cost of a point.
    #[must_use]
    pub fn objective(&self, x: &[f64]) -> f64 {
        self.cost.iter().zip(x).map(|(c, x)| c * x).sum()
    }

    /// Reduced costs `cost - A' y`.
    #[must_use]
    pub fn reduced_costs(&self, y: &[f64]) -> Vec<f64> {
        let mut reduced = self.cost.clone();
        for (row, &dual) in y.iter().enumerate() {
            if dual != 0.0 {
                for (column, value) in self.entries(row) {
                    reduced[column] -= dual * value;
                }
            }
        }
        reduced
    }

    /// Judges an answer. One of the wrong shape gets infinite residuals.
    #[must_use]
    pub fn certify(&self, answer: &Answer) -> Evidence {
        if answer.x.len() != self.columns() || answer.y.len() != self.rows() {
            return Evidence { primal: f64::INFINITY, dual: f64::INFINITY, gap: f64::INFINITY };
        }
        let mut sums = Sums::default();
        let reduced = self.reduced_costs(&answer.y);
        for (j, &x) in answer.x.iter().enumerate() {
            sums.add(x, reduced[j], self.lower[j], self.upper[j]);
        }
        for (i, &y) in answer.y.iter().enumerate() {
            let activity = self.entries(i).map(|(j, value)| value * answer.x[j]).sum();
            sums.add(activity, y, self.row_lower[i], self.row_upper[i]);
        }
        let primal_objective = self.objective(&answer.x);
        let largest_cost = self.cost.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
        Evidence {
            primal: sums.violation,
            dual: sums.unsupported / (1.0 + largest_cost),
            gap: (primal_objective - sums.dual_objective).abs() / (1.0 + primal_objective.abs()),
        }
    }

    /// Shrinks the problem to its optimal face, given an optimum: a column or row whose dual is not zero sits at one
    /// bound in every optimum, so it is fixed there. Exact, where a row `objective <= optimum + epsilon` would sell the
    /// epsilon to the next stage.
    ///
    /// The optimum given stays allowed, whatever its duals say: they are right to rounding only, and a bound at which
    /// the point does not sit is none that the face has.
    pub fn fix_face(&mut self, answer: &Answer) {
        let reduced = self.reduced_costs(&answer.y);
        for (j, &dual) in reduced.iter().enumerate() {
            fix(dual, answer.x[j], &mut self.lower[j], &mut self.upper[j]);
        }
        for (i, &dual) in answer.y.iter().enumerate() {
            let activity = self.entries(i).map(|(j, value)| value * answer.x[j]).sum();
            fix(dual, activity, &mut self.row_lower[i], &mut self.row_upper[i]);
        }
    }

    /// Widens each bound that a point leaves by no more than `TOLERANCE` until the point keeps it. Whatever the solver
    /// forgives in one place then adds up nowhere: the point is a witness to the letter.
    pub fn admit(&mut self, x: &[f64]) {
        for (j, &value) in x.iter().enumerate() {
            admit(value, &mut self.lower[j], &mut self.upper[j]);
        }
        for i in 0..self.rows() {
            let activity = self.entries(i).map(|(j, value)| value * x[j]).sum();
            admit(activity, &mut self.row_lower[i], &mut self.row_upper[i]);
        }
    }
}

/// Duals nearer to zero than this are rounding: the solver works to 1e-9, and a stage's costs are hours, near one.
const FACE: f64 = 1e-8;

/// Is a value at a bound, as near as anything is judged?
fn at(value: f64, bound: f64) -> bool {
    bound.is_finite() && (value - bound).abs() <= TOLERANCE * (1.0 + bound.abs())
}

fn fix(dual: f64, value: f64, lower: &mut f64, upper: &mut f64) {
    if dual > FACE && at(value, *lower) {
        *upper = upper.min(lower.max(value));
    } else if dual < -FACE && at(value, *upper) {
        *lower = lower.max(upper.min(value));
    }
}

fn admit(value: f64, lower: &mut f64, upper: &mut f64) {
    if at(value, *lower) {
        *lower = lower.min(value);
    }
    if at(value, *upper) {
        *upper = upper.max(value);
    }
}

#[derive(Default)]
struct Sums {
    violation: f64,
    unsupported: f64,
    dual_objective: f64,
}

impl Sums {
    fn add(&mut self, value: f64, dual: f64, lower: f64, upper: f64) {
        let worse = |sums: &mut f64, candidate: f64| {
            // `max` would swallow a NaN; here it must win.
            if candidate > *sums || candidate.is_nan() {
                *sums = candidate;
            }
        };
        if lower.is_finite() {
            worse(&mut self.violation, (lower - value) / (1.0 + lower.abs()));
        }
        if upper.is_finite() {
            worse(&mut self.violation, (value - upper) / (1.0 + upper.abs()));
        }
        if value.is_nan() {
            self.violation = f64::NAN;
        }
        let bound = if dual > 0.0 { lower } else { upper };
        if bound.is_finite() {
            self.dual_objective += dual * bound;
        } else {
            worse(&mut self.unsupported, dual.abs());
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the solver counts in i32; `formulate` refuses a case whose matrix would not fit"
)]
pub(crate) fn small(count: usize) -> i32 {
    debug_assert!(i32::try_from(count).is_ok());
    count as i32
}

#[expect(clippy::cast_sign_loss, reason = "every count was made by `small` from a usize")]
fn big(count: i32) -> usize {
    count as usize
}
