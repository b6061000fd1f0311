//! One file per verb, and what they share: reading, printing, failing, progress.

use std::path::Path;

use hypocaust_optimizer::{Case, Error, Solution};
use hypocaust_protocols::answer::Unsaid;

pub mod bench;
pub mod check;
pub mod explain;
pub mod generate;
pub mod n1;
mod progress;
pub mod solve;

/// Prints a line, and returns where it could not. The verdict stands however much of the answer was read.
macro_rules! say {
    ($($part:tt)*) => {{
        use hypocaust_protocols::answer;
        answer::unless_unread(answer::say(format_args!($($part)*)))?;
    }};
}
pub(crate) use say;

/// Why the program ends without a good answer: the exit code, and what to say.
pub struct Failure(pub u8, pub String);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Parse { .. } | Error::Invalid(_) => 1,
            _ => 3,
        };
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        Self(code, text)
    }
}

impl From<Unsaid> for Failure {
    fn from(unsaid: Unsaid) -> Self {
        Self(3, unsaid.to_string())
    }
}

/// Reads a file; `what` says what should stand in it, for whoever has named another one.
fn read(path: &Path, what: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure(3, format!("cannot read {}: {error}; {what}", path.display())))
}

fn read_case(path: &Path) -> Result<Case, Failure> {
    let what = "write the path of a case, a JSON file such as `hypocaust-optimizer generate` prints (`check --schema` prints its format)";
    Case::from_json(&read(path, what)?).map_err(|error| of_file(path, error))
}

fn read_result(path: &Path) -> Result<Solution, Failure> {
    let what = "write the path of a result, the JSON that `hypocaust-optimizer solve` prints (`solve --schema` prints its format)";
    Solution::from_json(&read(path, what)?).map_err(|error| of_file(path, error))
}

fn of_file(path: &Path, error: Error) -> Failure {
    let Failure(code, text) = error.into();
    Failure(code, format!("{}: {text}", path.display()))
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure(3, format!("cannot write the result: {error}")))?;
    say!("{text}");
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure(3, format!("{}: {error}", path.display())))
}

/// Milliseconds that something takes, and what it gives.
fn timed<T>(what: impl FnOnce() -> T) -> (f64, T) {
    #[expect(clippy::disallowed_methods, reason = "the program times the pure functions for its user")]
    let begun = std::time::Instant::now();
    let given = what();
    (begun.elapsed().as_secs_f64() * 1e3, given)
}
