//! Heat dispatch: a rolling linear program with strict priorities, checked by code of its own.
//!
//! The crate is pure: a case goes in, a schedule with its evidence comes out, and nothing here reads a clock, a file or
//! a random number (the program in `main.rs` does that for it). `case` and `series` are the file format, `validate`
//! says what is wrong with a case, `solution` is the result.

pub mod case;
pub mod error;
pub mod series;
pub mod solution;
pub mod validate;

pub use case::Case;
pub use error::Error;
pub use series::Series;
pub use solution::Solution;
