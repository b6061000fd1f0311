//! Heat dispatch: a rolling linear program with strict priorities, checked by code of its own.
//!
//! The crate is pure: a case goes in, a schedule with its evidence comes out, and nothing here reads a clock, a file or
//! a random number (the program in `main.rs` does that for it).
//!
//! `case` with `conversion`, `terminal` and `series` is the file format, `validate` what must hold of it, `solution` the
//! result. `formulate` makes a `problem` of a case, `solver` finds its optimum (the wrapper of a library), `solve` walks the
//! stages, `commit` decides on and off before it does, `extract` and `explain` turn the answer into a schedule and its
//! reasons. `check` judges any schedule by code that shares only the types; `greedy` makes one without a solver, or
//! repairs one, for when there is no optimum in time; `forecast` says what will be asked for; `loss` makes the cases of
//! failures, `generate` cases of any size.
//! `session` solves window after window and `contingency` loss after loss, each from where another solve stood
//! (`basis`). `schema` describes a case, `picture` draws a schedule.

pub mod basis;
pub mod case;
pub mod check;
pub mod commit;
pub mod contingency;
pub mod conversion;
pub mod error;
pub mod explain;
mod extract;
pub mod forecast;
pub mod formulate;
pub mod generate;
pub mod greedy;
pub mod loss;
pub mod picture;
pub mod problem;
pub mod schema;
pub mod series;
pub mod session;
pub mod solution;
pub mod solve;
pub mod solver;
pub mod terminal;
pub mod validate;
mod written;

pub use case::Case;
pub use check::{Verdict, check};
pub use commit::{commit, hand_over, schedule_states};
pub use contingency::Base;
pub use error::Error;
pub use explain::{Explanation, explain};
pub use greedy::{Earlier, greedy, repair, repair_later};
pub use loss::{Loss, lose, losses};
pub use series::Series;
pub use session::Session;
pub use solution::Solution;
pub use solve::{Options, solve};
