//! `GET /api/v1/runbooks/{id}`: the page that an alarm names, as this build has it. What a drill of the page needs stands
//! apart, so that who is called reads what to do first.

use super::request::NoQuery;
use super::routes::Routes;
use super::{Problem, matrix};
use axum::extract::Path;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;

/// Id and text of every page in `runbooks/`, embedded at build time.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/runbooks.rs"));

/// The line above and below the front matter.
const FENCE: &str = "+++";

/// The route below `/api/v1`.
pub fn routes() -> Router {
    Routes::new().on(&matrix::RUNBOOK, runbook).with_state(())
}

/// A page for a person.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Runbook {
    id: String,
    /// Markdown.
    text: String,
    /// Alarm, severity, whom to call, and the drill behind the page, as TOML; null where the page has none.
    front_matter: Option<String>,
}

#[utoipa::path(get, path = "/api/v1/runbooks/{id}", params(("id" = String, Path)), responses((status = 200, body = Runbook)))]
async fn runbook(Path(id): Path<String>, _: NoQuery) -> Result<Json<Runbook>, Problem> {
    let found = PAGES.iter().find(|(page, _)| *page == id);
    found.map(|(_, whole)| Json(page(id.clone(), whole))).ok_or_else(|| {
        let known: Vec<&str> = PAGES.iter().map(|(page, _)| *page).collect();
        Problem::not_found(format!(
            "This centre has no runbook '{id}'; it has {}. Pages of a fleet's own stand where that fleet's files are kept.",
            known.join(", ")
        ))
    })
}

fn page(id: String, whole: &str) -> Runbook {
    let fenced = whole.strip_prefix(FENCE).and_then(|rest| rest.split_once(&format!("\n{FENCE}")));
    let (front_matter, text) = match fenced {
        Some((front, text)) => (Some(front.trim().to_owned()), text),
        None => (None, whole),
    };
    Runbook { id, text: text.trim().to_owned(), front_matter }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_folder_is_in_the_program_and_begins_with_its_title() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../runbooks");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".md")?.to_owned()))
            .collect();
        there.sort();
        assert!(there.len() > 1, "only {there:?}");
        assert_eq!(PAGES.iter().map(|(id, _)| *id).collect::<Vec<_>>(), there);
        for (id, whole) in PAGES {
            let page = page((*id).to_owned(), whole);
            assert!(page.text.starts_with("# "), "{id} begins with {:?}", page.text.lines().next());
            let front = page.front_matter.expect("a page of ours has front matter");
            assert!(front.starts_with(&format!("id = {id:?}")) && front.contains("[drill]"), "{front}");
            assert!(whole.contains(&page.text) && whole.contains(&front), "{id} is not what stands in the file");
        }
    }

    #[test]
    fn a_page_without_front_matter_is_all_text() {
        let plain = page("own".into(), "# Own\n\n+++ is no fence here\n");
        assert_eq!((plain.text.as_str(), plain.front_matter), ("# Own\n\n+++ is no fence here", None));
    }
}
