//! The HTTP API: what it lets in, and the routes that need only the stores.
//!
//! Everything under `/api/v1` passes [`gate`] and needs a session, except signing in: a route that is added is closed
//! until somebody opens it. Routes that need the domain come in as `more` and are guarded by the same gate; they find
//! the [`Session`] in the request's extensions.

mod console;
pub mod fleet;
mod live;
mod openapi;
mod problem;
mod stores;

pub use problem::Problem;
pub use stores::EntryView;

use crate::shell::leader::Handle;
use crate::shell::metrics::Metrics;
use crate::users::{Limit, Session, Token, Users, WINDOW_MS};
use crate::{ambient, journal, telemetry};
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hypocaust_protocols::model::{Fleet, Millis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;

const COOKIE: &str = "hypocaust_session";
/// What is said to whoever comes with a session that has ended.
const OVER: &str = "This session is over; sign in again.";

/// One line of `/health/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Check {
    pub ok: bool,
    pub detail: String,
}

/// What the gate and the health routes know. Cloned into every task that reports a [`Check`].
#[derive(Clone)]
pub struct Gate {
    users: Users,
    limit: Arc<Mutex<Limit>>,
    checks: Arc<Mutex<BTreeMap<String, Check>>>,
    clock: Arc<dyn Fn() -> Millis + Send + Sync>,
}

impl Gate {
    pub fn new(users: Users, clock: Arc<dyn Fn() -> Millis + Send + Sync>) -> Gate {
        Gate { users, limit: Arc::default(), checks: Arc::default(), clock }
    }
    /// Reports a part's health; `/health/ready` answers 200 while all are well and at least one has reported.
    pub fn report(&self, name: &str, ok: bool, detail: impl Into<String>) {
        let check = Check { ok, detail: detail.into() };
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), check);
    }
}

/// The session that a request came in with, for a connection that outlives the request.
#[derive(Clone)]
struct Admitted {
    gate: Gate,
    token: Arc<str>,
}

impl Admitted {
    /// Is it open still? A store that does not answer ends nobody's view: what it shows was allowed a second ago.
    async fn holds(&self) -> bool {
        match self.gate.users.session(&self.token, (self.gate.clock)()).await {
            Ok(session) => session.is_some(),
            Err(error) => {
                tracing::error!(%error, "cannot ask whether a session still holds");
                true
            }
        }
    }
}

/// The whole service. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: `/metrics` is open to
/// loopback only if the peer's address is known.
pub fn router<H, J>(gate: Gate, fleet: Arc<Fleet>, history: H, journal: J, leader: Handle, metrics: Metrics) -> Router
where
    H: telemetry::History + 'static,
    J: journal::Store + 'static,
{
    let api = Router::new()
        .route("/session", post(sign_in).delete(sign_out))
        .with_state(gate.clone())
        .merge(stores::routes(fleet, history, journal))
        .merge(fleet::routes(leader.clone()))
        .merge(health(gate.clone()))
        .route("/openapi.json", get(openapi::serve))
        .fallback(async || {
            Problem::not_found("There is no such route; GET /api/v1/openapi.json lists those there are.")
        });
    let root =
        Router::new().route("/metrics", get(async move || scrape(&metrics, &leader).await)).merge(health(gate.clone()));
    root.nest("/api/v1", api).fallback(async |uri: Uri| console::serve(&uri)).layer(from_fn_with_state(gate, guard))
}

/// Health, at the root for whoever watches processes and below `/api/v1` like everything else.
fn health(gate: Gate) -> Router {
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready)).with_state(gate)
}

/// A view as it goes out.
fn plain<T: Serialize>(value: T) -> serde_json::Value {
    serde_json::to_value(value).expect("a view is plain data and always has a JSON form")
}

/// The query of a route that has parameters.
fn asked<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|q| q.0).map_err(|e| Problem::invalid(e.body_text()))
}

/// A route that takes no parameters refuses every one, as all others refuse those that they do not know.
pub struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<NoQuery, Problem> {
        match parts.uri.query().filter(|q| !q.is_empty()) {
            None => Ok(NoQuery),
            Some(query) => Err(Problem::invalid(format!("This route takes no parameters; leave out '?{query}'."))),
        }
    }
}

fn open(method: &Method, path: &str, loopback: bool) -> bool {
    match path {
        "/api/v1/session" => method == Method::POST,
        "/api/v1/health/live" | "/api/v1/health/ready" => true,
        "/metrics" => loopback,
        path => !(path == "/api" || path.starts_with("/api/")),
    }
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    bearer.or_else(|| {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
        cookies.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
    })
}

async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let loopback = peer.is_some_and(|peer| peer.0.ip().is_loopback());
    let api = request.uri().path().starts_with("/api/");
    let problem = |answer: Response| if api { Problem::instead_of(answer) } else { answer };
    if open(request.method(), request.uri().path(), loopback) {
        return problem(next.run(request).await);
    }
    let Some(token) = token(request.headers()) else {
        return Problem::unauthenticated("Sign in with POST /api/v1/session.").into_response();
    };
    let admitted = Admitted { gate: gate.clone(), token: token.into() };
    match gate.users.session(token, (gate.clock)()).await {
        Ok(Some(session)) => {
            request.extensions_mut().insert(admitted);
            request.extensions_mut().insert(session);
            problem(next.run(request).await)
        }
        Ok(None) => Problem::unauthenticated(OVER).into_response(),
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    user: String,
    password: String,
}

/// An open session.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    token: String,
    expires: String,
}

#[utoipa::path(post, path = "/api/v1/session", security(()), request_body = Credentials,
    responses((status = 200, body = SessionView), (status = "4XX", body = problem::ProblemView)))]
async fn sign_in(State(gate): State<Gate>, body: Bytes) -> Result<Response, Problem> {
    let Credentials { user, password } =
        serde_json::from_slice(&body).map_err(|e| Problem::invalid(format!("The body is not as it must be: {e}")))?;
    let now = (gate.clock)();
    if let Err(wait) = gate.limit.lock().unwrap_or_else(PoisonError::into_inner).attempt(&user, now) {
        let seconds = wait.clamp(0, WINDOW_MS) as u64 / 1000 + 1;
        let mut answer = Problem::too_many(format!("Try again in {seconds} s.")).into_response();
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return Ok(answer);
    }
    let token = Token::new(ambient::random().map_err(|e| Problem::unavailable(&e))?);
    let session = gate.users.sign_in(&user, &password, now, &token).await.map_err(|e| Problem::unavailable(&e))?;
    let session: Session = session.ok_or_else(|| Problem::unauthenticated("User or password is wrong."))?;
    gate.limit.lock().unwrap_or_else(PoisonError::into_inner).succeeded(&user);
    let seconds = (session.expires.0 - now.0) / 1000;
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}", token.as_str());
    let body = SessionView { token: token.as_str().to_owned(), expires: session.expires.rfc3339() };
    Ok(([(header::SET_COOKIE, cookie)], Json(body)).into_response())
}

#[utoipa::path(delete, path = "/api/v1/session", responses((status = 204, description = "The session is over")))]
async fn sign_out(State(gate): State<Gate>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(token) = token(&headers) {
        gate.users.sign_out(token).await.map_err(|e| Problem::unavailable(&e))?;
    }
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// How the centre is.
#[derive(Serialize, ToSchema)]
pub struct HealthView {
    status: &'static str,
    checks: BTreeMap<String, Check>,
}

/// It runs: whoever restarts dead processes need not.
#[utoipa::path(get, path = "/api/v1/health/live", security(()), responses((status = 200, body = HealthView)))]
async fn live(_: NoQuery) -> Json<HealthView> {
    Json(HealthView { status: "ok", checks: BTreeMap::new() })
}

/// It leads and its parts are well.
#[utoipa::path(get, path = "/api/v1/health/ready", security(()),
    responses((status = 200, body = HealthView), (status = 503, body = HealthView)))]
async fn ready(State(gate): State<Gate>, _: NoQuery) -> (StatusCode, Json<HealthView>) {
    let checks = gate.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let ok = !checks.is_empty() && checks.values().all(|c| c.ok);
    let (code, status) = if ok { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    (code, Json(HealthView { status, checks }))
}

#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "text/plain")))]
async fn scrape(metrics: &Metrics, leader: &Handle) -> Result<Response, Problem> {
    let text = metrics.text(leader).await.map_err(|e| Problem::unavailable(&e))?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}

#[cfg(test)]
mod tests;
