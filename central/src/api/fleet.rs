//! Routes that ask the domain: fleet, plants, tags, dispatch, commands.

use super::live;
use super::problem::ProblemView;
use super::{NoQuery, Problem, asked, plain};
use crate::domain::view::{CommandView, DispatchView, FleetView, PlantView, TagView};
use crate::domain::{Rejection, Request};
use crate::shell::leader::{Gone, Handle};
use crate::users::Session;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use hypocaust_protocols::model::{PlantId, TagId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// The routes below `/api/v1`. Needs a runtime, for the task that looks for the live pages.
pub fn routes(leader: Handle) -> Router {
    let live = Router::new().route("/live", get(live::open)).with_state(live::Looks::begin(leader.clone()));
    Router::new()
        .route("/fleet", get(fleet))
        .route("/plants/{id}", get(plant))
        .route("/tags", get(tags))
        .route("/dispatch/latest", get(latest))
        .route("/commands", post(command))
        .route("/commands/{id}", get(outcome))
        .with_state(leader)
        .merge(live)
}

impl From<Gone> for Problem {
    fn from(gone: Gone) -> Problem {
        Problem::unavailable(&gone)
    }
}

#[utoipa::path(get, path = "/api/v1/fleet", responses((status = 200, body = FleetView), (status = "4XX", body = ProblemView)))]
async fn fleet(State(leader): State<Handle>, _: NoQuery) -> Result<Json<Value>, Problem> {
    Ok(Json(leader.ask(|domain, now| plain(domain.fleet_view(now))).await?))
}

#[utoipa::path(get, path = "/api/v1/plants/{id}", params(("id" = String, Path)),
    responses((status = 200, body = PlantView), (status = "4XX", body = ProblemView)))]
async fn plant(State(leader): State<Handle>, Path(id): Path<String>, _: NoQuery) -> Result<Json<Value>, Problem> {
    let wanted = id.clone();
    let view = leader.ask(move |domain, now| domain.plant_view(&wanted, now).map(plain)).await?;
    view.map(Json).ok_or_else(|| Problem::not_found(format!("There is no plant '{id}'; GET /api/v1/fleet lists them.")))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    plant: Option<String>,
    prefix: Option<String>,
}

/// Tags as they were last heard of.
#[derive(Serialize, ToSchema)]
struct TagsView {
    tags: Vec<TagView>,
}

#[utoipa::path(get, path = "/api/v1/tags", params(Which), responses((status = 200, body = TagsView), (status = "4XX", body = ProblemView)))]
async fn tags(
    State(leader): State<Handle>,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let which = asked(query)?;
    let tags = leader
        .ask(move |domain, now| {
            let prefix = which.prefix.unwrap_or_default();
            plain(TagsView { tags: domain.tag_views(which.plant.as_deref(), &prefix, now) })
        })
        .await?;
    Ok(Json(tags))
}

#[utoipa::path(get, path = "/api/v1/dispatch/latest", responses((status = 200, body = DispatchView), (status = "4XX", body = ProblemView)))]
async fn latest(State(leader): State<Handle>, _: NoQuery) -> Result<Json<Value>, Problem> {
    let view = leader.ask(|domain, _| domain.dispatch_view().map(plain)).await?;
    view.map(Json).ok_or_else(|| Problem::not_found("Nothing has been dispatched yet."))
}

/// The command is journaled and on its way.
#[derive(Serialize, ToSchema)]
struct Accepted {
    id: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    plant: String,
    setpoint: String,
    value: f64,
    reason: String,
}

#[utoipa::path(post, path = "/api/v1/commands", request_body = Wish,
    params(("Idempotency-Key" = String, Header, description = "New for each command; the same for its repetition")),
    responses((status = 202, body = Accepted), (status = "4XX", body = ProblemView)))]
async fn command(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    _: NoQuery,
    body: Result<Json<Wish>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    if !session.role.may_command() {
        return Err(Problem::forbidden("Commands need the role operator or one above it."));
    }
    let key = headers.get("idempotency-key").and_then(|k| k.to_str().ok()).filter(|k| !k.is_empty());
    let key = key.ok_or_else(|| Problem::invalid("Send an Idempotency-Key header, new for each command."))?;
    let wish = body.map_err(|e| Problem::invalid(e.body_text()))?.0;
    let request = Request {
        user: session.user,
        idempotency_key: key.to_owned(),
        plant: PlantId::new(&wish.plant).map_err(|e| Problem::invalid(e.to_string()))?,
        setpoint: TagId::new(&wish.setpoint).map_err(|e| Problem::invalid(e.to_string()))?,
        value: wish.value,
        reason: wish.reason,
    };
    match leader.operate(request).await? {
        Ok(id) => Ok((StatusCode::ACCEPTED, Json(plain(Accepted { id })))),
        Err(rejection) => Err(refused(&rejection)),
    }
}

fn refused(rejection: &Rejection) -> Problem {
    let status = match rejection {
        Rejection::NoPlant(_) | Rejection::NoSetpoint { .. } | Rejection::NoAlarm(_) => StatusCode::NOT_FOUND,
        Rejection::OutOfBounds { .. } | Rejection::Watchdog(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Rejection::KeyReused => StatusCode::CONFLICT,
        Rejection::NotLinked(_) | Rejection::NotLeading(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, rejection.code(), "The command is refused", rejection.to_string())
}

#[utoipa::path(get, path = "/api/v1/commands/{id}", params(("id" = String, Path)),
    responses((status = 200, body = CommandView), (status = "4XX", body = ProblemView)))]
async fn outcome(State(leader): State<Handle>, Path(id): Path<String>, _: NoQuery) -> Result<Json<Value>, Problem> {
    let wanted = id.clone();
    let view = leader.ask(move |domain, _| domain.command_view(&wanted).map(plain)).await?;
    view.map(Json).ok_or_else(|| Problem::not_found(format!("There is no command '{id}'.")))
}
