//! Fleets of any size, for load tests and demos: the same seed gives the same files to the last byte.
//!
//! [`kinds`] is what is known of plants and sources, [`plan`] draws sizes and joins the plants by mains, [`text`] writes the
//! files as a person would. What comes out is checked like any other fleet before anybody is told that it is there.
//!
//! Promises
//! * Every header can carry its own demand at its daily peak with a reserve, by what runs at the beginning and by the share
//!   of the nameplate that dispatch may use; what runs can be turned down to the daily low.
//! * Mains form trees, so there are no circles.
//! * One plant in five, or as many as are asked for, has a device on OPC UA: it costs two key pairs at the first start. The gas boiler
//!   that holds a header has an analyser of its flue gas and a fuel meter, so that GL-002 and GL-018 are asked of it.
//! * No two devices share an address; every port lies on loopback, below those that a system hands out by itself.
//! * A folder that holds anything is left alone.

pub mod cli;
mod kinds;
mod plan;
mod text;

use hypocaust_protocols::files;
use hypocaust_protocols::model::Fleet;
use std::path::{Path, PathBuf};

/// Ports are given out for so many plants.
pub const MOST_PLANTS: u32 = 100;
/// One plant in so many has a device on OPC UA, unless it is said otherwise.
pub const OPCUA_EVERY: u32 = 5;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} plants cannot be generated: write a number from 1 to {MOST_PLANTS}")]
    Plants(u32),
    #[error("{} is not empty and is left as it is: name a folder that is not there yet", .0.display())]
    NotEmpty(PathBuf),
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    /// The generator has made a mistake.
    #[error("the fleet that was written to {} does not pass its check: {source}", folder.display())]
    Wrong { folder: PathBuf, source: files::Error },
}

/// The files of a fleet: (name, text), `fleet.toml` first. The schemas lie beside them, so that an editor finds them wherever
/// the folder stands.
pub fn files(plants: u32, seed: u64, opcua_every: u32) -> Result<Vec<(String, String)>, Error> {
    if !(1..=MOST_PLANTS).contains(&plants) {
        return Err(Error::Plants(plants));
    }
    let plan = plan::draw(plants, seed, opcua_every);
    let mut all = vec![("fleet.toml".to_owned(), text::fleet(&plan))];
    let numbered = plan.plants.iter().enumerate();
    all.extend(numbered.map(|(i, plant)| (format!("plants/{}.toml", plant.id), text::plant(&plan, i))));
    all.extend(files::Document::ALL.map(|document| {
        let schema = files::schema(Some(document));
        (format!("schemas/{}.schema.json", document.name()), format!("{schema:#}\n"))
    }));
    Ok(all)
}

/// Writes a fleet into a folder that is empty or not there, and reads it back.
pub fn write(plants: u32, seed: u64, opcua_every: u32, folder: &Path) -> Result<Fleet, Error> {
    let files = files(plants, seed, opcua_every)?;
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::NotEmpty(folder.to_owned()));
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    };
    for inside in ["plants", "schemas"].map(|name| folder.join(name)) {
        std::fs::create_dir_all(&inside).map_err(failed(&inside))?;
    }
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(failed(&path))?;
    }
    files::load(folder).map_err(|source| Error::Wrong { folder: folder.to_owned(), source })
}

#[cfg(test)]
mod tests;
