//! Where the judges' Python lies; a file of its own because the optimizer's tests read it too, without the rest of this crate.

use std::path::PathBuf;

/// The Python of the judges' environment.
#[must_use]
pub fn python() -> PathBuf {
    let folder = std::env::var_os("HYPOCAUST_VENV").map(PathBuf::from).unwrap_or_else(|| {
        let home = || PathBuf::from(std::env::var_os("HOME").expect("a user has a home")).join(".cache");
        std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("hypocaust/venv")
    });
    let python = folder.join("bin/python");
    assert!(python.is_file(), "{} is missing: run `make setup`, or `make test`, which does", python.display());
    python
}
