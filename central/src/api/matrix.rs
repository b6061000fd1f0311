//! Who may ask what: the one table of routes, roles and plants, from which the guards are made.
//!
//! A row says which method and path it is about, who may call it, what it has to do with plants, and which problems it
//! may answer with of its own. The rest follows from the row: [`super::guard`] lets in by it, the paths of the router
//! come from it, the OpenAPI document takes security and problems from it, docs/access.md shows it, and a test walks
//! every row as every role.
//!
//! # A new route
//! 1. Write its row in [`rules!`] below. Without it there is nothing to mount the handler on.
//! 2. Mount it: `Routes::new().on(&matrix::NAME, handler)`.
//! 3. Give the handler `#[utoipa::path(…)]` with its parameters, body and good answers, problems left out, and list it in
//!    `openapi.rs`.
//! 4. Where plants are [`Plants::Named`] or [`Plants::Own`], take `Extension<Session>` and hold what is asked against
//!    `session.plants` (`super::scope` has the words for it).
//! 5. Give it a probe in `walk.rs` and its line in docs/access.md. The tests ask for both.
//!
//! What is mounted without a row is closed to everybody.

use crate::users::Role;
use axum::http::Method;
use axum::routing::MethodFilter;

/// The methods of this API. HEAD comes with GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Delete => "DELETE",
        }
    }
    pub fn filter(self) -> MethodFilter {
        match self {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Put => MethodFilter::PUT,
            Verb::Delete => MethodFilter::DELETE,
        }
    }
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Without a session.
    Anybody,
    /// Whoever is on this machine, and every session.
    Loopback,
    /// A session of this role or one above it.
    Role(Role),
}

/// What a route has to do with plants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plants {
    /// Nothing that it tells or does belongs to a plant.
    None,
    /// The request names a plant or a thing in it; one that is not the caller's is refused.
    Named,
    /// The answer holds what belongs to the caller's plants and leaves out the rest.
    Own,
    /// It tells of all plants at once, so it is for those who may see all of them.
    All,
}

/// A row of the matrix.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: &'static str,
    pub verb: Verb,
    /// As the router has it, with `{parameters}`.
    pub path: &'static str,
    pub who: Who,
    pub plants: Plants,
    /// Statuses of problems that do not follow from the rest of the row.
    pub problems: &'static [u16],
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $verb:ident $path:literal, $who:expr, $plants:ident, $problems:expr;)*) => {
        $($(#[$doc])* pub static $name: Rule = Rule {
            name: stringify!($name), verb: Verb::$verb, path: $path, who: $who, plants: Plants::$plants, problems: &$problems,
        };)*
        /// Every row.
        pub static ALL: &[&Rule] = &[$(&$name),*];
    };
}

use Role::{Operator, Viewer};
use Who::{Anybody, Loopback, Role as At};

rules! {
    SIGN_IN: Post "/api/v1/session", Anybody, None, [401, 429, 503];
    SIGN_OUT: Delete "/api/v1/session", At(Viewer), None, [];
    HEALTH_LIVE: Get "/api/v1/health/live", Anybody, None, [];
    HEALTH_READY: Get "/api/v1/health/ready", Anybody, None, [];
    /// Health at the root is for whoever watches processes.
    ROOT_LIVE: Get "/health/live", Anybody, None, [];
    ROOT_READY: Get "/health/ready", Anybody, None, [];
    METRICS: Get "/metrics", Loopback, All, [503];
    OPENAPI: Get "/api/v1/openapi.json", At(Viewer), None, [];
    FLEET: Get "/api/v1/fleet", At(Viewer), Own, [];
    PLANT: Get "/api/v1/plants/{id}", At(Viewer), Named, [404];
    /// The drawing of a plant.
    MIMIC: Get "/api/v1/plants/{id}/mimic", At(Viewer), Named, [404];
    TAGS: Get "/api/v1/tags", At(Viewer), Own, [404];
    HISTORY: Get "/api/v1/history", At(Viewer), Named, [404];
    DISPATCH_LATEST: Get "/api/v1/dispatch/latest", At(Viewer), Own, [404];
    /// The horizon behind the schedule in force.
    DISPATCH_PLAN: Get "/api/v1/dispatch/plan", At(Viewer), Own, [404, 421];
    /// Why it is as it is.
    DISPATCH_EXPLANATION: Get "/api/v1/dispatch/explanation", At(Viewer), All, [404, 409, 421];
    DISPATCH: Get "/api/v1/dispatch/{seq}", At(Viewer), Own, [404];
    /// What was ordered last.
    ORDERS: Get "/api/v1/commands", At(Viewer), Own, [];
    COMMAND: Post "/api/v1/commands", At(Operator), Named, [404, 409, 421, 422];
    COMMAND_STATE: Get "/api/v1/commands/{id}", At(Viewer), Named, [404];
    JOURNAL: Get "/api/v1/journal", At(Viewer), All, [];
    JOURNAL_HEAD: Get "/api/v1/journal/head", At(Viewer), None, [];
    /// What asks for a person, and that somebody has taken note.
    ALARMS: Get "/api/v1/alarms", At(Viewer), Own, [];
    ACKNOWLEDGE: Post "/api/v1/alarms/{id}/acknowledge", At(Operator), Named, [404, 409, 421];
    /// The page that an alarm names.
    RUNBOOK: Get "/api/v1/runbooks/{id}", At(Viewer), None, [404];
    SUBAGENTS: Get "/api/v1/subagents", At(Viewer), Own, [];
    LIVE: Get "/api/v1/live", At(Viewer), Own, [426];
}

impl Rule {
    /// The row of a request by its method and the path that the router matched. A HEAD is a GET without its body.
    pub fn find(method: &Method, path: &str) -> Option<&'static Rule> {
        let fits = |rule: &Rule| rule.verb.name() == method.as_str() || (method == Method::HEAD && rule.has_head());
        ALL.iter().copied().find(|rule| rule.path == path && fits(rule))
    }

    /// A socket has no head.
    pub fn has_head(&self) -> bool {
        self.verb == Verb::Get && *self != LIVE
    }

    /// The methods of a path, as `Allow` has them; empty for a path that has no row.
    pub fn allowed(path: &str) -> String {
        let rules = ALL.iter().filter(|rule| rule.path == path);
        let names = rules.flat_map(|rule| [Some(rule.verb.name()), rule.has_head().then_some("HEAD")]);
        names.flatten().collect::<Vec<_>>().join(", ")
    }

    /// May this role call it? Plants apart.
    pub fn admits(&self, role: Role) -> bool {
        match self.who {
            Who::Anybody | Who::Loopback => true,
            Who::Role(least) => role >= least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_and_a_path_have_one_row() {
        for (n, rule) in ALL.iter().enumerate() {
            assert!(
                !ALL[n + 1..].iter().any(|other| (other.verb, other.path) == (rule.verb, rule.path)),
                "{} has two rows",
                rule.path
            );
            assert!(rule.problems.iter().all(|status| (400..600).contains(status)), "{rule:?}");
        }
        assert_eq!(Rule::find(&Method::HEAD, "/api/v1/fleet"), Some(&FLEET));
        assert_eq!(Rule::find(&Method::POST, "/api/v1/fleet"), None);
        assert_eq!(Rule::allowed("/api/v1/session"), "POST, DELETE");
    }

    /// There is one way to mount a route, and it asks for a row.
    #[test]
    fn no_route_is_mounted_around_the_matrix() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
        let mut looked = 0;
        for file in std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()) {
            let text = std::fs::read_to_string(&file).unwrap();
            let program = text.split("#[cfg(test)]").next().unwrap();
            looked += 1;
            if ["routes.rs", "walk.rs", "tests.rs", "matrix.rs"].iter().any(|name| file.ends_with(name)) {
                continue;
            }
            for around in [".route(", ".route_service(", ".nest(", ".nest_service("] {
                assert!(!program.contains(around), "{}: mount it with Routes::on, not with {around}…)", file.display());
            }
        }
        assert!(looked > 10, "only {looked} files");
    }

    /// The table of docs/access.md is this one.
    #[test]
    fn the_page_for_those_who_run_the_centre_shows_the_same_matrix() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/access.md");
        let page = std::fs::read_to_string(page).unwrap();
        let rows: Vec<&str> = page
            .lines()
            .filter(|l| ["| GET", "| POST", "| PUT", "| DELETE"].iter().any(|v| l.starts_with(v)))
            .collect();
        for rule in ALL {
            let who = match rule.who {
                Who::Anybody => "anybody".to_owned(),
                Who::Loopback => "this machine, viewer".to_owned(),
                Who::Role(role) => role.to_string(),
            };
            let plants = match rule.plants {
                Plants::None => "-",
                Plants::Named => "named",
                Plants::Own => "own",
                Plants::All => "all",
            };
            let row = format!("| {} `{}` | {who} | {plants} |", rule.verb.name(), rule.path);
            assert!(rows.iter().any(|found| found.starts_with(&row)), "docs/access.md lacks this row:\n{row}");
        }
        assert_eq!(rows.len(), ALL.len(), "docs/access.md has rows that are no routes");
    }
}
