//! `GET /api/v1/alarms` and `POST /api/v1/alarms/{id}/acknowledge`: what asks for a person, and that one has taken note.

use super::request::{Body, NoQuery, time};
use super::{Problem, fleet, matrix, plain, routes::Routes, scope};
use crate::domain::alarms::{Acknowledgement, AlarmView};
use crate::shell::leader::Handle;
use crate::users::Session;
use axum::extract::{Path, State};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The routes below `/api/v1`.
pub fn routes(leader: Handle) -> Router {
    Routes::new().on(&matrix::ALARMS, alarms).on(&matrix::ACKNOWLEDGE, acknowledge).with_state(leader)
}

/// Alarms that stand or were not taken note of: what asks for a person first, then by priority, then the newest first.
#[derive(Serialize, ToSchema)]
struct AlarmsView {
    alarms: Vec<AlarmView>,
}

#[utoipa::path(get, path = "/api/v1/alarms", responses((status = 200, body = AlarmsView)))]
async fn alarms(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    _: NoQuery,
) -> Result<Json<Value>, Problem> {
    let alarms = leader.ask(|domain, _| domain.alarm_views()).await?;
    Ok(Json(plain(AlarmsView { alarms: scope::alarms(alarms, &session.plants) })))
}

/// Which raising of the alarm is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// When the alarm was raised that was seen, as the list has it. One that was raised anew since is not taken note of.
    #[schema(format = DateTime)]
    raised: String,
}

/// It is in the journal who has taken note.
#[derive(Serialize, ToSchema)]
struct Acknowledged {
    id: String,
}

/// An alarm that is normal again leaves the list with this; acknowledged twice it stays what it is.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/acknowledge", params(("id" = String, Path)), request_body = Seen,
    responses((status = 200, body = Acknowledged)))]
async fn acknowledge(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    _: NoQuery,
    Body(seen): Body<Seen>,
) -> Result<Json<Value>, Problem> {
    scope::noted(&session, &id)?;
    let raised = time("raised", &seen.raised)?;
    match leader.acknowledge(Acknowledgement { user: session.user, alarm: id, raised }).await? {
        Ok(id) => Ok(Json(plain(Acknowledged { id }))),
        Err(rejection) => Err(fleet::refused(&rejection)),
    }
}
