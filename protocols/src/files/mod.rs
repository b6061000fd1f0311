//! Fleet folders: raw TOML in, a checked [`Fleet`] out, or every mistake at once.
//!
//! `fleet.toml` holds what is common (prices, horizon, mains between plants, limits), `plants/<plant>.toml` one plant each,
//! and `mimics/<plant>.toml`, where there is one, the places of that plant's drawing.
//! Ids inside a plant file are written without the plant's name and get it here (`b1.heat` becomes `north.b1.heat`); the
//! fleet file writes them in full. A field with a default says so in the file's documentation; there are three:
//! `scale` (1), `shift` (0) and `word_order` (`abcd`).
//!
//! Reading keeps going after a mistake. Nothing wrong is ever replaced by a default: as long as the report is not empty
//! there is no fleet.

mod check;
mod checks;
mod device;
mod fleet;
mod mimic;
mod plant;
mod reader;
mod report;
mod schema;
mod suggest;

pub use check::{Checked, check};
pub use reader::{At, Form, Reader, parse};
pub use report::{Finding, Report};
pub use schema::{Document, schema};
pub use suggest::nearest;

use crate::model::Fleet;
use std::path::{Path, PathBuf};

/// Why a folder could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {path}: {source}; a fleet is a folder with fleet.toml and plants/*.toml")]
    Unreadable { path: String, source: std::io::Error },
    /// A file of a fleet instead of its folder, or some other file.
    #[error("{path} is a file, and a fleet is a folder with fleet.toml and plants/*.toml{}", instead(.folder))]
    NoFolder {
        path: String,
        /// The folder that it is a file of, where it is one.
        folder: Option<String>,
    },
    /// The files were read and are wrong.
    #[error("{n} in the fleet's files\n{report}", n = .report.count())]
    Mistakes { report: Box<Report> },
}

fn instead(folder: &Option<String>) -> String {
    folder.as_ref().map_or_else(String::new, |folder| format!("; write {folder} instead"))
}

/// The folder of the fleet that a file belongs to, if it stands where a fleet's files stand.
fn folder_of(file: &Path) -> Option<PathBuf> {
    let shown = |folder: &Path| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
    let beside = file.parent()?;
    let above = ["plants", "mimics"].iter().any(|part| beside.ends_with(part)).then(|| beside.parent()).flatten();
    let fleet = shown(above.unwrap_or(beside));
    fleet.join("fleet.toml").is_file().then_some(fleet)
}

/// The files of a folder, so that the checking itself touches no disk: (name, bytes), `fleet.toml` first.
fn gather(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    if folder.is_file() {
        let fleet = folder_of(folder).map(|fleet| fleet.display().to_string());
        return Err(Error::NoFolder { path: folder.display().to_string(), folder: fleet });
    }
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path)
            .map(|bytes| (name.to_owned(), bytes))
            .map_err(|source| Error::Unreadable { path: path.display().to_string(), source })
    };
    let mut files = vec![read("fleet.toml")?];
    for part in ["plants", "mimics"] {
        let inside = folder.join(part);
        let listing = match std::fs::read_dir(&inside) {
            // Drawings are computed for a fleet that has no folder of them.
            Err(error) if part == "mimics" && error.kind() == std::io::ErrorKind::NotFound => continue,
            listing => listing.map_err(|source| Error::Unreadable { path: inside.display().to_string(), source })?,
        };
        let mut names: Vec<String> = listing
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".toml"))
            .collect();
        names.sort();
        for name in names {
            files.push(read(&format!("{part}/{name}"))?);
        }
    }
    Ok(files)
}

/// Reads and checks a fleet folder.
pub fn load(folder: &Path) -> Result<Fleet, Error> {
    let files = gather(folder)?;
    fleet::build(folder, &files, &|path| path.is_file()).map_err(|report| Error::Mistakes { report: Box::new(report) })
}
