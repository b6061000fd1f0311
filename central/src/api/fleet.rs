//! Routes that ask the domain: fleet, plants, tags, dispatch, commands.

use super::request::{Body, NoQuery, asked};
use super::{Problem, live, matrix, plain, routes::Routes, scope};
use crate::domain::view::{CommandView, DispatchView, FleetView, OrderView, PlantView, TagView};
use crate::domain::{Rejection, Request};
use crate::shell::leader::{Gone, Handle};
use crate::users::Session;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json, Router};
use hypocaust_protocols::files::nearest;
use hypocaust_protocols::model::{PlantId, TagId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Characters of a command's reason, which stands in the journal for ever.
const LONGEST_REASON: usize = 1000;
/// Characters of an idempotency key.
const LONGEST_KEY: usize = 255;

/// The routes below `/api/v1`. Needs a runtime, for the task that looks for the live pages.
pub fn routes(leader: Handle) -> Router {
    let looks = live::Looks::begin(leader.clone());
    Routes::new()
        .on(&matrix::FLEET, fleet)
        .on(&matrix::PLANT, plant)
        .on(&matrix::TAGS, tags)
        .on(&matrix::DISPATCH_LATEST, latest)
        .on(&matrix::ORDERS, orders)
        .on(&matrix::COMMAND, command)
        .on(&matrix::COMMAND_STATE, outcome)
        .with_state(leader)
        .merge(Routes::new().on(&matrix::LIVE, live::open).with_state(looks))
}

impl From<Gone> for Problem {
    fn from(gone: Gone) -> Problem {
        Problem::unavailable(&gone)
    }
}

#[utoipa::path(get, path = "/api/v1/fleet", responses((status = 200, body = FleetView)))]
async fn fleet(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    _: NoQuery,
) -> Result<Json<Value>, Problem> {
    let view = leader.ask(|domain, now| domain.fleet_view(now)).await?;
    Ok(Json(plain(scope::fleet(view, &session.plants))))
}

#[utoipa::path(get, path = "/api/v1/plants/{id}", params(("id" = String, Path)), responses((status = 200, body = PlantView)))]
async fn plant(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    _: NoQuery,
) -> Result<Json<Value>, Problem> {
    scope::within(&session, &id)?;
    let wanted = id.clone();
    let view = leader.ask(move |domain, now| domain.plant_view(&wanted, now).map(plain)).await?;
    view.map(Json).ok_or_else(|| Problem::not_found(format!("There is no plant '{id}'; GET /api/v1/fleet lists them.")))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only the tags of this plant.
    plant: Option<String>,
    /// Only tags whose id begins like this.
    prefix: Option<String>,
}

/// Tags as they were last heard of.
#[derive(Serialize, ToSchema)]
struct TagsView {
    tags: Vec<TagView>,
}

#[utoipa::path(get, path = "/api/v1/tags", params(Which), responses((status = 200, body = TagsView)))]
async fn tags(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let which = asked(query)?;
    if let Some(plant) = &which.plant {
        scope::within(&session, plant)?;
    }
    let tags = leader
        .ask(move |domain, now| {
            let plants = || domain.fleet().plants.iter().map(|p| p.id.as_str());
            if let Some(plant) = &which.plant
                && !plants().any(|id| id == plant)
            {
                let instead = nearest(plant, plants().filter(|id| session.plants.covers(id)));
                let instead = instead.map_or_else(String::new, |near| format!(" Did you mean '{near}'?"));
                let detail = format!("There is no plant '{plant}'; GET /api/v1/fleet lists them.{instead}");
                return Err(Problem::not_found(detail));
            }
            let mut tags = domain.tag_views(which.plant.as_deref(), which.prefix.as_deref().unwrap_or_default(), now);
            tags.retain(|tag| session.plants.covers(&tag.plant));
            Ok(plain(TagsView { tags }))
        })
        .await?;
    tags.map(Json)
}

#[utoipa::path(get, path = "/api/v1/dispatch/latest", responses((status = 200, body = DispatchView)))]
async fn latest(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    _: NoQuery,
) -> Result<Json<Value>, Problem> {
    let view = leader.ask(|domain, _| domain.dispatch_view()).await?;
    let view = view.ok_or_else(|| Problem::not_found("Nothing has been dispatched yet."))?;
    Ok(Json(plain(scope::dispatch(view, &session.plants))))
}

/// Orders of one answer, unless another number is asked for.
const ORDERS: usize = 50;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Aim {
    /// Only orders to this plant.
    plant: Option<String>,
    /// Only orders for this setpoint.
    setpoint: Option<String>,
    /// 50 unless said.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

/// What was ordered last, by people and by the centre itself, newest first. Older orders stand in the journal.
#[derive(Serialize, ToSchema)]
struct OrdersView {
    commands: Vec<OrderView>,
}

#[utoipa::path(get, path = "/api/v1/commands", params(Aim), responses((status = 200, body = OrdersView)))]
async fn orders(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    query: Result<Query<Aim>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Aim { plant, setpoint, limit } = asked(query)?;
    if let Some(plant) = &plant {
        scope::within(&session, plant)?;
    }
    let most = limit.unwrap_or(ORDERS);
    if !(1..=1_000).contains(&most) {
        return Err(Problem::invalid(format!("'limit' is {most}; write a number from 1 to 1000")));
    }
    let view = leader.ask(move |domain, _| {
        let seen = |id: &str| session.plants.covers(id) && plant.as_ref().is_none_or(|wanted| wanted == id);
        plain(OrdersView { commands: domain.order_views(seen, setpoint.as_deref(), most) })
    });
    Ok(Json(view.await?))
}

/// The command is journaled and on its way.
#[derive(Serialize, ToSchema)]
struct Accepted {
    id: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[schema(pattern = "^[a-z0-9][a-z0-9-]*([.][a-z0-9][a-z0-9-]*)*$", max_length = 80)]
    plant: String,
    #[schema(pattern = "^[a-z0-9][a-z0-9-]*([.][a-z0-9][a-z0-9-]*)*$", max_length = 80)]
    setpoint: String,
    value: f64,
    /// In words; it stands in the journal beside the command.
    #[schema(pattern = "[^\\s\\u0085]", max_length = 1000)]
    reason: String,
}

/// The key of a command, as its header has it.
fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let key = keys.next().and_then(|k| k.to_str().ok()).map(str::trim).filter(|k| !k.is_empty());
    match key {
        Some(key) if key.len() <= LONGEST_KEY && keys.next().is_none() => Ok(key.to_owned()),
        Some(_) => Err(Problem::invalid(format!("Send one Idempotency-Key of {LONGEST_KEY} characters at most."))),
        None => Err(Problem::invalid("Send an Idempotency-Key header of visible characters, new for each command.")),
    }
}

#[utoipa::path(post, path = "/api/v1/commands", request_body = Wish,
    params(("Idempotency-Key" = String, Header, pattern = "^[!-~]([ -~]*[!-~])?$", max_length = 255,
        description = "New for each command; the same for its repetition, which then is answered by the first one's id")),
    responses((status = 202, body = Accepted), (status = 409, body = super::problem::ProblemView, content_type = "application/problem+json",
        description = "GL-E-KEY-REUSED: the key was used for another request. GL-E-NOT-LINKED: the edge of the plant cannot be heard, so the command would not arrive.")))]
async fn command(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    _: NoQuery,
    Body(wish): Body<Wish>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let idempotency_key = idempotency_key(&headers)?;
    scope::within(&session, &wish.plant)?;
    let characters = wish.reason.trim_matches(blank).chars().count();
    if characters == 0 || wish.reason.chars().count() > LONGEST_REASON {
        let detail =
            format!("'reason' has {characters} characters; write 1 to {LONGEST_REASON}, they go to the journal.");
        return Err(Problem::invalid(detail));
    }
    let request = Request {
        user: session.user,
        idempotency_key,
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

/// What the pattern of `reason` in the document calls blank, in the dialects of ECMA 262 (U+FEFF) and Unicode (U+0085).
fn blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

pub(super) fn refused(rejection: &Rejection) -> Problem {
    let status = match rejection {
        Rejection::NoPlant(_) | Rejection::NoSetpoint { .. } | Rejection::NoAlarm(_) => StatusCode::NOT_FOUND,
        Rejection::OutOfBounds { .. } | Rejection::Watchdog(_) => StatusCode::UNPROCESSABLE_ENTITY,
        // A plant that cannot be heard is a state of the plant; the centre is well, and does not say otherwise by a 5xx.
        Rejection::KeyReused | Rejection::RaisedAnew { .. } | Rejection::NotLinked(_) => StatusCode::CONFLICT,
        Rejection::NotLeading(_) => StatusCode::SERVICE_UNAVAILABLE,
        Rejection::Elsewhere(leader) => return Problem::elsewhere(leader, rejection.to_string()),
    };
    Problem::new(status, rejection.code(), "The request is refused", rejection.to_string())
}

#[utoipa::path(get, path = "/api/v1/commands/{id}", params(("id" = String, Path)), responses((status = 200, body = CommandView)))]
async fn outcome(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    _: NoQuery,
) -> Result<Json<Value>, Problem> {
    let wanted = id.clone();
    let found =
        leader.ask(move |domain, _| Some((domain.command_plant(&wanted)?, domain.command_view(&wanted)?))).await?;
    let (plant, view) = found.ok_or_else(|| Problem::not_found(format!("There is no command '{id}'.")))?;
    scope::within(&session, plant.as_str())?;
    Ok(Json(plain(view)))
}
