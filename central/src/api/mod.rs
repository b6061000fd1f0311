//! The HTTP API: what it lets in, and what it answers.
//!
//! * [`matrix`]: who may ask what; **a new route begins there**, and its essay says how one is added.
//! * [`guard`]: the middleware that holds every request against its row.
//! * `session`, `health`, [`fleet`], `plan`, `stores`, `live`: the routes by what they ask.
//! * `request`, [`Problem`]: what may come in, and what is said where it is refused.
//! * `openapi`: the document, made from rows, handlers and types.
//!
//! Everything under `/api/v1` needs a session, except signing in and health: a route that is added is closed until its
//! row opens it. Handlers find the `Session` in the request's extensions.

mod alarms;
mod console;
pub mod fleet;
pub mod guard;
mod health;
mod live;
pub mod matrix;
mod mimic;
mod openapi;
mod plan;
mod problem;
mod request;
mod routes;
mod runbooks;
mod scope;
mod session;
mod stores;
mod subagents;

pub use guard::{Check, Gate};
pub use problem::Problem;
pub use stores::EntryView;

use crate::shell::leader::Handle;
use crate::shell::metrics::Metrics;
use crate::{journal, telemetry};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use hypocaust_protocols::model::Fleet;
use serde::Serialize;
use std::sync::Arc;

/// The whole service. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: `/metrics` is open to this
/// machine, and tries to sign in are counted by address, only if the peer's address is known.
pub fn router<H, J>(gate: Gate, fleet: Arc<Fleet>, history: H, journal: J, leader: Handle, metrics: Metrics) -> Router
where
    H: telemetry::History + 'static,
    J: journal::Store + 'static,
{
    session::routes(gate.clone())
        .merge(health::routes(gate.clone(), metrics, leader.clone()))
        .merge(openapi::routes())
        .merge(mimic::routes(&fleet))
        .merge(runbooks::routes())
        .merge(stores::routes(fleet, history, journal))
        .merge(fleet::routes(leader.clone()))
        .merge(plan::routes(leader.clone()))
        .merge(alarms::routes(leader.clone()))
        .merge(subagents::routes(leader))
        .fallback(async |method: Method, uri: Uri| elsewhere(&method, &uri))
        .layer(from_fn_with_state(gate, guard::guard))
        .layer(DefaultBodyLimit::max(request::LONGEST_BODY))
}

/// What is no route: a file of the console, or a slip of the pen.
fn elsewhere(method: &Method, uri: &Uri) -> Response {
    if uri.path() == "/api" || uri.path().starts_with("/api/") {
        return Problem::not_found("There is no such route; GET /api/v1/openapi.json lists those there are.")
            .into_response();
    }
    match *method {
        Method::GET | Method::HEAD => console::serve(uri),
        _ => Problem::method("GET, HEAD").into_response(),
    }
}

/// A view as it goes out.
fn plain<T: Serialize>(value: T) -> serde_json::Value {
    serde_json::to_value(value).expect("a view is plain data and always has a JSON form")
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;
