//! A new bundle of the console is embedded by the next build, and so are the runbooks: each page of ../runbooks with its id.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=console/dist");
    println!("cargo::rerun-if-changed=../runbooks");
    let folder = Path::new(&var("CARGO_MANIFEST_DIR")).join("../runbooks");
    let listing = std::fs::read_dir(&folder).expect("the runbooks stand beside the centre");
    let mut pages: Vec<PathBuf> = listing.map(|entry| entry.expect("an entry of the runbooks").path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    let mut table = String::from("&[");
    for page in pages {
        let id = page.file_stem().and_then(|stem| stem.to_str()).expect("a runbook's name is an id");
        write!(table, "({id:?}, include_str!({:?})),", page.display().to_string()).expect("a string takes all");
    }
    table.push(']');
    std::fs::write(Path::new(&var("OUT_DIR")).join("runbooks.rs"), table).expect("the folder of the build");
}

fn var(name: &str) -> String {
    std::env::var(name).expect("cargo sets it")
}
