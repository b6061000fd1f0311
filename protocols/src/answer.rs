//! How every program of ours answers: on standard output, a line at a time; all else goes to standard error.
//!
//! Whoever reads the answer may have read enough before its end, as `head` has. That is no failure, and no panic as with
//! `println!`: the program stops talking, and ends with the verdict that it would have ended with. An answer that cannot
//! be written for any other reason (a full disk) has not been given, which is "could not be tried": exit 3.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Why a line was not said.
#[derive(Debug, thiserror::Error)]
pub enum Unsaid {
    /// The reader has gone; whatever else there would be to say reaches nobody.
    #[error("nobody reads the answer any more")]
    Unread,
    #[error("cannot write to standard output: {0}")]
    Unwritable(io::Error),
}

/// A line of the answer, on standard output.
///
/// # Errors
/// `Unread` ends the talking and is no failure, see [`unless_unread`]; `Unwritable` is one.
pub fn say(line: impl Display) -> Result<(), Unsaid> {
    let mut output = io::stdout().lock();
    spoken(writeln!(output, "{line}").and_then(|()| output.flush()))
}

fn spoken(written: io::Result<()>) -> Result<(), Unsaid> {
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Unsaid::Unread,
        _ => Unsaid::Unwritable(error),
    })
}

/// Of an answer whose verdict stands however much of it was read.
///
/// # Errors
/// Only `Unwritable`.
pub fn unless_unread(said: Result<(), Unsaid>) -> Result<(), Unsaid> {
    match said {
        Err(Unsaid::Unread) => Ok(()),
        said => said,
    }
}

/// A line on standard error. Where nobody reads it, there is nobody left to be told so.
pub fn tell(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reader_that_has_gone_is_no_failure() {
        let written = |kind: ErrorKind| unless_unread(spoken(Err(kind.into())));
        assert!(written(ErrorKind::BrokenPipe).is_ok());
        let Err(full) = written(ErrorKind::StorageFull) else { panic!("a full disk has taken the answer") };
        assert!(full.to_string().starts_with("cannot write to standard output"), "{full}");
    }
}
