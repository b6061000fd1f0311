//! Drills: a runbook's front matter says what happens and what must be seen and by when; the world shows whether it is.
//!
//! * [`page`] and [`expect`] read the front matter, with every mistake at once.
//! * [`trace`] lives through the drill in [`crate::world`]: the real cores, the physics, a virtual clock.
//! * [`measure`] and [`judge`] are pure: from the trace to what was met.
//! * [`report`]: the line of the log, the text, and what the page must say of itself.
//! * [`cli`]: files, standard output and exit codes.
//!
//! What is measured is the truth of the physics, not what some sensor showed or the centre believed. The same tree gives
//! the same report to the last digit. A drill against the running programs is another matter and is not built.

pub mod cli;
pub mod expect;
pub mod judge;
pub mod measure;
pub mod page;
pub mod report;
#[cfg(test)]
mod tests;
pub mod trace;

pub use page::{Page, read};
pub use report::Report;

use crate::world::Makers;
use hypocaust_protocols::model::Fleet;
use std::sync::Arc;

/// Runs the drill of a page with these cores.
pub fn run(fleet: &Arc<Fleet>, page: &Page, makers: Makers) -> Result<Report, trace::Unreadable> {
    let trace = trace::record(fleet, &page.drill, makers)?;
    Ok(report::report(fleet, page, &trace))
}
