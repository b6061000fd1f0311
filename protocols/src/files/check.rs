//! `check`, as every program that reads a fleet answers it: one shape for scripts, one text for people.

use super::{Error, Finding, load, report};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What `check --json` prints, on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Is there no mistake?
    pub ok: bool,
    /// The fleet's id; null when the files are wrong, because then there is no fleet.
    pub fleet: Option<String>,
    pub plants: usize,
    pub tags: usize,
    /// By file and line.
    pub mistakes: Vec<Finding>,
    /// The mistakes with the lines in which they stand, for people.
    #[serde(skip)]
    text: String,
}

/// Checks a fleet folder. An error: its files could not be read, so nothing is known about them.
pub fn check(folder: &Path) -> Result<Checked, Error> {
    match load(folder) {
        Ok(fleet) => Ok(Checked {
            ok: true,
            plants: fleet.plants.len(),
            tags: fleet.plants.iter().map(|p| p.tags.len()).sum(),
            fleet: Some(fleet.id.to_string()),
            mistakes: Vec::new(),
            text: String::new(),
        }),
        Err(error @ (Error::Unreadable { .. } | Error::NoFolder { .. })) => Err(error),
        Err(Error::Mistakes { report }) => Ok(Checked {
            ok: false,
            fleet: None,
            plants: 0,
            tags: 0,
            mistakes: report.findings(),
            text: Error::Mistakes { report }.to_string(),
        }),
    }
}

impl Checked {
    /// How many mistakes there are, in words.
    pub fn count(&self) -> String {
        report::count(self.mistakes.len())
    }

    /// The answer on standard output: for scripts or for people.
    pub fn answer(&self, json: bool) -> String {
        if json {
            serde_json::to_string(self).expect("findings are plain data and always have a JSON form")
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fleet {
            Some(fleet) => write!(f, "{fleet}: {} plants, {} tags, no mistakes", self.plants, self.tags),
            None => f.write_str(self.text.trim_end()),
        }
    }
}
