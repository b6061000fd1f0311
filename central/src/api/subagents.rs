//! `GET /api/v1/subagents`: who advises, how far each is believed, and what it last said.

use super::request::NoQuery;
use super::{Problem, matrix, plain, routes::Routes};
use crate::domain::subagents::SubagentsView;
use crate::shell::leader::Handle;
use crate::users::{Scope, Session};
use axum::extract::State;
use axum::{Extension, Json, Router};
use serde_json::Value;

/// The route below `/api/v1`.
pub fn routes(leader: Handle) -> Router {
    Routes::new().on(&matrix::SUBAGENTS, subagents).with_state(leader)
}

/// What agents said of the caller's plants. A failure names a task and not its plant: it is for those who may see all.
fn part(mut view: SubagentsView, plants: &Scope) -> SubagentsView {
    if *plants == Scope::Every {
        return view;
    }
    for agent in &mut view.subagents {
        agent.results.retain(|result| plants.covers(&result.plant));
        agent.last_result = agent.results.first().cloned();
        agent.last_failure = None;
    }
    view
}

#[utoipa::path(get, path = "/api/v1/subagents", responses((status = 200, body = SubagentsView)))]
async fn subagents(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    _: NoQuery,
) -> Result<Json<Value>, Problem> {
    let view = leader.ask(|domain, now| domain.subagents_view(now)).await?;
    Ok(Json(plain(part(view, &session.plants))))
}
