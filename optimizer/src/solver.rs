//! HiGHS behind a safe wrapper; the only file that names the solver, and the only one with unsafe code.
//!
//! One object holds one model and its basis, so that a changed cost or bound is a warm start. The traps that the
//! wrapper closes: `threads` must be 1 in every object of a process; any change clears the answer, so `run` reads it
//! at once; time limits count all runs of an object, so none is set and the limit is in iterations, which a replay
//! repeats. Every call's status is looked at.

#![expect(
    unsafe_code,
    reason = "HiGHS has a C interface; every pointer handed over here is of a slice whose length was checked"
)]

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use crate::basis::{Stand, Start};
use crate::error::Error;
use crate::problem::{Answer, Problem, small};

/// The seed of every solve: the same case gives the same answer.
pub const SEED: i32 = 0;

/// The name that results carry.
pub const NAME: &str = "HiGHS";

/// The stand of a column at its lower bound.
pub const AT_LOWER: Stand = highs_sys::kHighsBasisStatusLower;

/// The stand of a row that binds nothing, or of a column between its bounds.
pub const BASIC: Stand = highs_sys::kHighsBasisStatusBasic;

/// One solver with one model.
pub struct Solver {
    object: NonNull<c_void>,
    columns: usize,
    rows: usize,
    entries: usize,
    iterations: u64,
}

/// What branch and bound found.
#[derive(Clone, Debug)]
pub struct Integral {
    /// The best point, by column; none where the node limit came before the first one.
    pub x: Option<Vec<f64>>,
    /// Nothing can be below this.
    pub bound: f64,
    /// Nodes that were looked at.
    pub nodes: u64,
    /// Whether the gap was reached; otherwise the node limit ended the search.
    pub finished: bool,
}

/// Which simplex method a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// For a run from nothing.
    Dual,
    /// For a run from where another program stood: under other bounds its optimum is too cheap, never too dear, so
    /// feasibility is all that has to be found. The way is weighed by a frame of reference (Devex): exact weights of a
    /// basis that is not that of the slacks cost a solve for each row, more than all the steps that are left.
    Warm,
    /// For a run from a point that is allowed still, under other costs: it never leaves what is allowed. From such a
    /// point the dual method walks back to the beginning; it took thirty times the steps.
    Primal,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an optimum.
    Optimal,
    /// Without, for the reason given.
    Other(&'static str),
}

/// Version of the solver.
#[must_use]
pub fn version() -> String {
    // SAFETY: the function returns a pointer to a string constant of the library.
    unsafe { CStr::from_ptr(highs_sys::Highs_version()) }.to_string_lossy().into_owned()
}

impl Solver {
    /// A solver that holds `problem`.
    ///
    /// # Errors
    /// `Error::Call` where HiGHS refuses an option or the model.
    pub fn new(problem: &Problem, iteration_limit: i32) -> Result<Self, Error> {
        // SAFETY: creates an object that `drop` destroys.
        let object = NonNull::new(unsafe { highs_sys::Highs_create() })
            .ok_or(Error::Call { call: "Highs_create", status: highs_sys::STATUS_ERROR })?;
        let mut solver = Self { object, columns: 0, rows: 0, entries: 0, iterations: 0 };
        solver.option_bool(c"output_flag", false)?;
        solver.option_int(c"threads", 1)?;
        solver.option_int(c"random_seed", SEED)?;
        solver.option_int(c"simplex_iteration_limit", iteration_limit)?;
        // The defaults, 1e-7, leave residuals at the very limit that the certificate allows.
        solver.tolerance(1e-9)?;
        solver.pass(problem)?;
        Ok(solver)
    }

    /// Simplex iterations of all runs.
    #[must_use]
    pub fn iterations(&self) -> u64 {
        self.iterations
    }

    fn pass(&mut self, problem: &Problem) -> Result<(), Error> {
        // SAFETY: all slices live through the call; `Problem` keeps them at the lengths that its counts say.
        let status = unsafe {
            highs_sys::Highs_passLp(
                self.object.as_ptr(),
                small(problem.columns()),
                small(problem.rows()),
                small(problem.index.len()),
                highs_sys::MATRIX_FORMAT_ROW_WISE,
                highs_sys::OBJECTIVE_SENSE_MINIMIZE,
                0.0,
                problem.cost.as_ptr(),
                problem.lower.as_ptr(),
                problem.upper.as_ptr(),
                problem.row_lower.as_ptr(),
                problem.row_upper.as_ptr(),
                problem.starts.as_ptr(),
                problem.index.as_ptr(),
                problem.value.as_ptr(),
            )
        };
        accepted("Highs_passLp", status)?;
        self.columns = problem.columns();
        self.rows = problem.rows();
        self.entries = problem.index.len();
        Ok(())
    }

    /// Takes over costs and bounds of `problem`, and the columns and rows that it has gained at its end. New columns
    /// may have entries in new rows only. The basis stays.
    ///
    /// # Errors
    /// `Error::Call` where HiGHS refuses.
    pub fn update(&mut self, problem: &Problem) -> Result<(), Error> {
        let new_columns = problem.columns() - self.columns;
        if new_columns > 0 {
            let none = vec![0_i32; new_columns];
            // SAFETY: the slices begin at `columns` and are `new_columns` long; there are no entries to read.
            let status = unsafe {
                highs_sys::Highs_addCols(
                    self.object.as_ptr(),
                    small(new_columns),
                    problem.cost[self.columns..].as_ptr(),
                    problem.lower[self.columns..].as_ptr(),
                    problem.upper[self.columns..].as_ptr(),
                    0,
                    none.as_ptr(),
                    problem.index.as_ptr(),
                    problem.value.as_ptr(),
                )
            };
            accepted("Highs_addCols", status)?;
            self.columns = problem.columns();
        }
        let new_rows = problem.rows() - self.rows;
        if new_rows > 0 {
            let base = problem.starts[self.rows];
            let starts: Vec<i32> = problem.starts[self.rows..].iter().map(|start| start - base).collect();
            // SAFETY: the slices begin at the first new row and first new entry and end with the problem's.
            let status = unsafe {
                highs_sys::Highs_addRows(
                    self.object.as_ptr(),
                    small(new_rows),
                    problem.row_lower[self.rows..].as_ptr(),
                    problem.row_upper[self.rows..].as_ptr(),
                    small(problem.index.len() - self.entries),
                    starts.as_ptr(),
                    problem.index[self.entries..].as_ptr(),
                    problem.value[self.entries..].as_ptr(),
                )
            };
            accepted("Highs_addRows", status)?;
            self.rows = problem.rows();
            self.entries = problem.index.len();
        }
        // SAFETY: the slices have one entry per column and per row, which the object has just been brought to.
        let (cost, columns, rows) = unsafe {
            let object = self.object.as_ptr();
            (
                highs_sys::Highs_changeColsCostByRange(object, 0, small(self.columns) - 1, problem.cost.as_ptr()),
                highs_sys::Highs_changeColsBoundsByRange(
                    object,
                    0,
                    small(self.columns) - 1,
                    problem.lower.as_ptr(),
                    problem.upper.as_ptr(),
                ),
                if self.rows == 0 {
                    highs_sys::STATUS_OK
                } else {
                    highs_sys::Highs_changeRowsBoundsByRange(
                        object,
                        0,
                        small(self.rows) - 1,
                        problem.row_lower.as_ptr(),
                        problem.row_upper.as_ptr(),
                    )
                },
            )
        };
        accepted("Highs_changeColsCostByRange", cost)?;
        accepted("Highs_changeColsBoundsByRange", columns)?;
        accepted("Highs_changeRowsBoundsByRange", rows)
    }

    /// Starts the next run from here. HiGHS completes or mends what is no basis.
    ///
    /// # Errors
    /// `Error::Call` where the start is not of the model's size, or HiGHS refuses it.
    pub fn begin_at(&mut self, start: &Start) -> Result<(), Error> {
        if !start.fits(self.columns, self.rows) {
            return Err(Error::Call { call: "Highs_setBasis", status: highs_sys::STATUS_ERROR });
        }
        // SAFETY: both slices were just found to be as long as the model has columns and rows.
        accepted("Highs_setBasis", unsafe {
            highs_sys::Highs_setBasis(self.object.as_ptr(), start.columns.as_ptr(), start.rows.as_ptr())
        })
    }

    /// Where the last run ended.
    ///
    /// # Errors
    /// `Error::Call` where there is no basis to read.
    pub fn stands(&self) -> Result<Start, Error> {
        let mut start = Start { columns: vec![0; self.columns], rows: vec![0; self.rows] };
        // SAFETY: both targets are as long as the model has columns or rows.
        let status = unsafe {
            highs_sys::Highs_getBasis(self.object.as_ptr(), start.columns.as_mut_ptr(), start.rows.as_mut_ptr())
        };
        accepted("Highs_getBasis", status)?;
        Ok(start)
    }

    /// Row duals of the basis at hand under other costs (by column), or nothing where there is no basis: what a run
    /// would say if no step were left to take, for the price of one solve with the basis. Only `Problem::certify` tells
    /// whether they prove anything.
    ///
    /// # Errors
    /// `Error::Call` where HiGHS has a basis and fails all the same.
    pub fn duals_under(&mut self, cost: &[f64]) -> Result<Option<Vec<f64>>, Error> {
        let mut basic = vec![0_i32; self.rows];
        if self.rows == 0 || cost.len() != self.columns {
            return Ok(None);
        }
        // SAFETY: the target has one entry per row, of which each has one basic variable.
        let status = unsafe { highs_sys::Highs_getBasicVariables(self.object.as_ptr(), basic.as_mut_ptr()) };
        if accepted("Highs_getBasicVariables", status).is_err() {
            return Ok(None);
        }
        // A basic row has a negative number and costs nothing.
        let costs = basic.iter().map(|&column| usize::try_from(column).map_or(0.0, |column| cost[column]));
        let costs: Vec<f64> = costs.collect();
        let mut duals = vec![0.0; self.rows];
        // SAFETY: costs and target have one entry per row; where the counts of entries are null, none are written.
        let status = unsafe {
            highs_sys::Highs_getBasisTransposeSolve(
                self.object.as_ptr(),
                costs.as_ptr(),
                duals.as_mut_ptr(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        accepted("Highs_getBasisTransposeSolve", status)?;
        Ok(Some(duals))
    }

    /// Solves with some columns integral until the best point is within `gap` (relative) of the bound or so many nodes
    /// were looked at. The object is of no use for linear programs afterwards. No first point is handed over: HiGHS
    /// was seen to give one back as an optimum that was none, with a bound far below it.
    ///
    /// # Errors
    /// `Error::Call` where HiGHS fails rather than ends, `Error::Stage` where there is no point.
    pub fn branch(&mut self, stage: &str, integral: &[usize], gap: f64, nodes: i32) -> Result<Integral, Error> {
        self.option_float(c"mip_rel_gap", gap)?;
        self.option_float(c"mip_abs_gap", 1e-6)?;
        self.option_int(c"mip_max_nodes", nodes)?;
        let columns: Vec<i32> = integral.iter().map(|&column| small(column)).collect();
        let kinds = vec![highs_sys::VAR_TYPE_INTEGER; columns.len()];
        // SAFETY: both slices are as long as is said, and every column is one of the model's.
        let status = unsafe {
            highs_sys::Highs_changeColsIntegralityBySet(
                self.object.as_ptr(),
                small(columns.len()),
                columns.as_ptr(),
                kinds.as_ptr(),
            )
        };
        accepted("Highs_changeColsIntegralityBySet", status)?;
        // SAFETY: the object is alive.
        accepted("Highs_run", unsafe { highs_sys::Highs_run(self.object.as_ptr()) })?;
        // SAFETY: the object is alive.
        let status = unsafe { highs_sys::Highs_getModelStatus(self.object.as_ptr()) };
        let (mut kind, mut count, mut bound) = (0, 0_i64, 0.0);
        // SAFETY: names are C strings; targets are of the widths that the interface says for these three.
        let read = unsafe {
            let object = self.object.as_ptr();
            [
                highs_sys::Highs_getIntInfoValue(object, c"primal_solution_status".as_ptr(), &raw mut kind),
                highs_sys::Highs_getInt64InfoValue(object, c"mip_node_count".as_ptr(), &raw mut count),
                highs_sys::Highs_getDoubleInfoValue(object, c"mip_dual_bound".as_ptr(), &raw mut bound),
            ]
        };
        for status in read {
            accepted("Highs_getInfoValue", status)?;
        }
        let limited = status == highs_sys::MODEL_STATUS_REACHED_SOLUTION_LIMIT;
        let x = if kind == highs_sys::SOLUTION_STATUS_FEASIBLE {
            Some(self.point()?.x)
        } else if limited {
            None
        } else {
            let outcome = if status == highs_sys::MODEL_STATUS_INFEASIBLE { "infeasible" } else { "no verdict" };
            return Err(Error::Stage { stage: stage.to_owned(), outcome });
        };
        let finished = status == highs_sys::MODEL_STATUS_OPTIMAL;
        Ok(Integral { x, bound, nodes: u64::try_from(count).unwrap_or(0), finished })
    }

    /// Chooses the method of the runs to come.
    ///
    /// # Errors
    /// `Error::Call` where HiGHS refuses.
    pub fn by(&mut self, method: Method) -> Result<(), Error> {
        // The solver's own numbers: 1 is the dual method on one core, 4 the primal one; weights by the solver's choice,
        // which is exact ones, or 1 for those of Devex.
        let (strategy, weights) = match method {
            Method::Dual => (1, -1),
            Method::Warm => (1, 1),
            Method::Primal => (4, -1),
        };
        self.option_int(c"simplex_strategy", strategy)?;
        self.option_int(c"simplex_dual_edge_weight_strategy", weights)
    }

    /// Makes the runs to come as tolerant as HiGHS is by itself (1e-7), and leaves out its presolve. Where figures are
    /// next to nothing presolve sums up what it forgives, and calls a program infeasible that has points; whether the
    /// answer is near enough is the certificate's to say.
    ///
    /// # Errors
    /// `Error::Call` where HiGHS refuses.
    pub fn forgive(&mut self) -> Result<(), Error> {
        // SAFETY: the object is alive; name and value are C strings.
        accepted("Highs_setStringOptionValue", unsafe {
            highs_sys::Highs_setStringOptionValue(self.object.as_ptr(), c"presolve".as_ptr(), c"off".as_ptr())
        })?;
        self.tolerance(1e-7)
    }

    fn tolerance(&mut self, within: f64) -> Result<(), Error> {
        self.option_float(c"primal_feasibility_tolerance", within)?;
        self.option_float(c"dual_feasibility_tolerance", within)
    }

    /// Forgets basis and answer, so that the next run is cold.
    ///
    /// # Errors
    /// `Error::Call` where HiGHS refuses.
    pub fn clear(&mut self) -> Result<(), Error> {
        // SAFETY: the object is alive.
        accepted("Highs_clearSolver", unsafe { highs_sys::Highs_clearSolver(self.object.as_ptr()) })
    }

    /// Solves and reads the answer, which is empty unless the outcome is `Optimal`.
    ///
    /// # Errors
    /// `Error::Call` where HiGHS fails rather than ends.
    pub fn run(&mut self) -> Result<(Outcome, Answer), Error> {
        // SAFETY: the object is alive.
        accepted("Highs_run", unsafe { highs_sys::Highs_run(self.object.as_ptr()) })?;
        let mut count = 0;
        // SAFETY: the name is a C string and the target an integer of the interface's width.
        let status = unsafe {
            highs_sys::Highs_getIntInfoValue(self.object.as_ptr(), c"simplex_iteration_count".as_ptr(), &raw mut count)
        };
        accepted("Highs_getIntInfoValue", status)?;
        self.iterations += u64::try_from(count).unwrap_or(0);
        // SAFETY: the object is alive.
        let status = unsafe { highs_sys::Highs_getModelStatus(self.object.as_ptr()) };
        let outcome = match status {
            highs_sys::MODEL_STATUS_OPTIMAL | highs_sys::MODEL_STATUS_MODEL_EMPTY => Outcome::Optimal,
            highs_sys::MODEL_STATUS_INFEASIBLE => Outcome::Other("infeasible"),
            highs_sys::MODEL_STATUS_UNBOUNDED => Outcome::Other("unbounded"),
            highs_sys::MODEL_STATUS_UNBOUNDED_OR_INFEASIBLE => Outcome::Other("unbounded or infeasible"),
            highs_sys::MODEL_STATUS_REACHED_ITERATION_LIMIT => Outcome::Other("the iteration limit is reached"),
            _ => Outcome::Other("no verdict"),
        };
        if outcome != Outcome::Optimal {
            // There may be no point to read: HiGHS refuses to give one where it stopped early.
            return Ok((outcome, Answer::default()));
        }
        Ok((outcome, self.point()?))
    }

    fn point(&self) -> Result<Answer, Error> {
        let mut answer = Answer { x: vec![0.0; self.columns], y: vec![0.0; self.rows] };
        let mut reduced = vec![0.0; self.columns];
        let mut activity = vec![0.0; self.rows];
        // SAFETY: the four targets are as long as the model has columns or rows.
        let status = unsafe {
            highs_sys::Highs_getSolution(
                self.object.as_ptr(),
                answer.x.as_mut_ptr(),
                reduced.as_mut_ptr(),
                activity.as_mut_ptr(),
                answer.y.as_mut_ptr(),
            )
        };
        accepted("Highs_getSolution", status)?;
        Ok(answer)
    }

    fn option_bool(&mut self, name: &CStr, value: bool) -> Result<(), Error> {
        // SAFETY: the object is alive and the name is a C string.
        accepted("Highs_setBoolOptionValue", unsafe {
            highs_sys::Highs_setBoolOptionValue(self.object.as_ptr(), name.as_ptr(), i32::from(value))
        })
    }

    fn option_int(&mut self, name: &CStr, value: i32) -> Result<(), Error> {
        // SAFETY: as above.
        accepted("Highs_setIntOptionValue", unsafe {
            highs_sys::Highs_setIntOptionValue(self.object.as_ptr(), name.as_ptr(), value)
        })
    }

    fn option_float(&mut self, name: &CStr, value: f64) -> Result<(), Error> {
        // SAFETY: as above.
        accepted("Highs_setDoubleOptionValue", unsafe {
            highs_sys::Highs_setDoubleOptionValue(self.object.as_ptr(), name.as_ptr(), value)
        })
    }
}

impl Drop for Solver {
    fn drop(&mut self) {
        // SAFETY: the object was made by `Highs_create` and is destroyed once.
        unsafe { highs_sys::Highs_destroy(self.object.as_ptr()) }
    }
}

/// A warning is no refusal: HiGHS gives one where it drops a negligible matrix entry or stops at a limit.
fn accepted(call: &'static str, status: i32) -> Result<(), Error> {
    if status == highs_sys::STATUS_OK || status == highs_sys::STATUS_WARNING {
        Ok(())
    } else {
        Err(Error::Call { call, status })
    }
}
