//! What the verbs share: how they end, and how they answer.

pub mod journal;
pub mod password;
pub mod user;

use hypocaust_protocols::answer::{self, Unsaid};
use std::fmt::Display;

/// Why a verb did not answer "it is so".
pub enum Failure {
    /// It is not so (exit 1).
    No(String),
    /// It could not be found out (exit 3).
    Untried(String),
    /// Whoever read the answer has read enough, as `head` does. That is no failure (exit 0).
    Unread,
}

impl From<Unsaid> for Failure {
    fn from(unsaid: Unsaid) -> Self {
        match unsaid {
            Unsaid::Unread => Failure::Unread,
            unsaid => untried(unsaid),
        }
    }
}

pub fn untried(error: impl Display) -> Failure {
    Failure::Untried(error.to_string())
}

/// A line of the answer, on standard output.
pub fn say(line: impl Display) -> Result<(), Failure> {
    answer::say(line).map_err(Failure::from)
}
