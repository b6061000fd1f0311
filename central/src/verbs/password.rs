//! Where a password comes from: a prompt, a file or standard input, and never an argument, which every user of the
//! machine can read.

use super::{Failure, untried};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin};
use std::path::PathBuf;

/// No password is that long; a file that is was meant for something else.
const MOST: u64 = 64 * 1024;

#[derive(clap::Args)]
pub struct From {
    /// A file whose first line is the password; '-' is standard input. Without it the password is asked for, or is the
    /// first line of standard input where that is no terminal.
    #[arg(long)]
    password_file: Option<PathBuf>,
}

impl From {
    /// The password for `name`.
    pub fn read(self, name: &str) -> Result<String, Failure> {
        match self.password_file.filter(|path| path.as_os_str() != "-") {
            Some(path) => {
                let cannot = |error| untried(format!("cannot read {}: {error}", path.display()));
                let file = std::fs::File::open(&path).map_err(cannot)?;
                first_line(file).map_err(cannot)
            }
            None if stdin().is_terminal() => prompted(name),
            None => first_line(stdin()).map_err(|error| untried(format!("cannot read standard input: {error}"))),
        }
    }
}

fn first_line(source: impl Read) -> std::io::Result<String> {
    let mut line = String::new();
    std::io::BufReader::new(source.take(MOST)).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks twice, so that a slip does not become the password.
fn prompted(name: &str) -> Result<String, Failure> {
    let _quiet = Quiet::begin().map_err(|error| untried(format!("cannot hide the password: {error}")))?;
    let ask = |what: String| -> Result<String, Failure> {
        let answer =
            write!(stderr(), "{what}").and_then(|()| stderr().flush()).and_then(|()| first_line(stdin().lock()));
        let answer = answer.map_err(|error| untried(format!("cannot ask for the password: {error}")));
        eprintln!();
        answer
    };
    let once = ask(format!("Password for '{name}': "))?;
    let again = ask("Once more: ".to_owned())?;
    if once == again { Ok(once) } else { Err(Failure::No("the two passwords differ; nothing was changed".into())) }
}

/// The terminal does not show what is typed until this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> nix::Result<Quiet> {
        let before = tcgetattr(stdin())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(stdin(), SetArg::TCSAFLUSH, &quiet)?;
        Ok(Quiet(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // The terminal may be gone; then there is nothing to show either.
        let _ = tcsetattr(stdin(), SetArg::TCSAFLUSH, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_counts_and_only_its_end_is_cut() {
        for (text, wanted) in [("secret\nmore\n", "secret"), (" a b \r\n", " a b "), ("", ""), ("no end", "no end")] {
            assert_eq!(first_line(text.as_bytes()).unwrap(), wanted);
        }
    }
}
