//! Documents that are made from the code and published as files.

use std::path::Path;

/// The file at `path`, seen from the crate whose test this is, says what the code says. With `INSTA_UPDATE=always` it is
/// written anew, with the other snapshots.
pub fn is_current(path: impl AsRef<Path>, document: &serde_json::Value) {
    let path = path.as_ref();
    let text = format!("{document:#}\n");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always") {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of copies");
        std::fs::write(path, &text).expect("a copy");
    }
    let copy = std::fs::read_to_string(path).unwrap_or_default();
    assert!(copy == text, "{} is old: run this test with INSTA_UPDATE=always", path.display());
}
