//! A file of ours as JSON, read with the place of the first thing that cannot be read: the path of a field, and where there is no
//! field to name, as where a file ends too early, its line and column.

use serde::de::DeserializeOwned;

use crate::error::Error;

/// Reads one value of a format, and nothing may come after it.
pub(crate) fn read<T: DeserializeOwned>(text: &str, schema: &'static str) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let source = error.into_inner();
        Error::Parse { schema, path: place(&path, &source), source }
    })?;
    json.end().map_err(|source| Error::Parse { schema, path: "end of the file".to_owned(), source })?;
    Ok(value)
}

/// A path is of use as far as it is known: a question mark stands in it for what was not read to its end.
fn place(path: &str, source: &serde_json::Error) -> String {
    let known = path.split('?').next().unwrap_or_default().trim_end_matches('.');
    let at = format!("line {} column {}", source.line(), source.column());
    match (source.is_eof(), known) {
        (true, "") => format!("{at}: the file ends before it is whole"),
        (true, known) => format!("{at}: the file ends in the middle of {known}"),
        (false, "") => at,
        (false, known) => known.to_owned(),
    }
}
