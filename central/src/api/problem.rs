//! Errors as RFC 9457 problems, each with a code.

use super::guard::COOKIE;
use super::matrix::{Rule, Who};
use crate::election::Replica;
use crate::users::Session;
use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of RFC 9457.
pub const PROBLEM: &str = "application/problem+json";

/// What is answered instead of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub title: &'static str,
    pub detail: String,
    /// A header that belongs to the status.
    with: Option<Box<(HeaderName, HeaderValue)>>,
    /// Where the leader is, when the request has to go there.
    pub leader: Option<String>,
}

impl Problem {
    pub fn unauthenticated(detail: &str) -> Problem {
        let how = HeaderValue::from_static("Bearer realm=\"hypocaust\"");
        Problem::new(StatusCode::UNAUTHORIZED, "GL-E-API-UNAUTHENTICATED", "Not signed in", detail)
            .with(header::WWW_AUTHENTICATE, how)
    }
    /// The role does not suffice.
    pub fn forbidden(session: &Session, rule: &Rule) -> Problem {
        let needs = match rule.who {
            Who::Role(least) => format!("the role {least} or one above it"),
            Who::Anybody | Who::Loopback => "nothing".to_owned(),
        };
        let Session { user, role, .. } = session;
        let detail = format!("{} {} needs {needs}; '{user}' is {role}.", rule.verb.name(), rule.path);
        Problem::new(StatusCode::FORBIDDEN, "GL-E-RBAC-DENIED", "Not allowed to this role", detail)
    }
    /// The plant is not the caller's.
    pub fn isolated(session: &Session, plant: &str) -> Problem {
        let Session { user, plants, .. } = session;
        let detail = format!("'{plant}' is not among the plants of '{user}': {plants}.");
        Problem::new(StatusCode::FORBIDDEN, "GL-E-TENANT-ISOLATION", "Not your plant", detail)
    }
    /// The answer would tell of all plants.
    pub fn of_all_plants(session: &Session) -> Problem {
        let Session { user, plants, .. } = session;
        let detail = format!("This tells of all plants; '{user}' may see {plants}.");
        Problem::new(StatusCode::FORBIDDEN, "GL-E-TENANT-ISOLATION", "Not your plants alone", detail)
    }
    /// A page of another site uses the cookie of somebody who is signed in here.
    pub fn foreign() -> Problem {
        let detail = format!(
            "The page that asks is not of this host. Show the token as 'Authorization: Bearer', not as the cookie {COOKIE}."
        );
        Problem::new(StatusCode::FORBIDDEN, "GL-E-API-ORIGIN", "Asked by a foreign page", detail)
    }
    /// Another method than those of the path.
    pub fn method(allowed: &str) -> Problem {
        let detail = format!("This route knows {allowed}; GET /api/v1/openapi.json describes it.");
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let problem = Problem::new(status, "GL-E-API-INVALID", "Another method", detail);
        match HeaderValue::from_str(allowed) {
            Ok(allowed) => problem.with(header::ALLOW, allowed),
            Err(_) => problem,
        }
    }
    pub fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "GL-E-API-INVALID", "The request is not valid", detail)
    }
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "GL-E-API-NOT-FOUND", "There is no such thing", detail)
    }
    /// Come again after so many seconds.
    pub fn too_many(why: &str, seconds: u64) -> Problem {
        let detail = format!("{why} Try again in {seconds} s.");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "GL-E-API-RATE-LIMIT", "Too many tries", detail)
            .with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }
    /// The cause goes to the log, not to the client.
    pub fn unavailable(cause: &dyn std::error::Error) -> Problem {
        tracing::error!(error = %cause, "a request failed");
        let detail = "The centre's store did not answer; its log says why.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "GL-E-API-UNAVAILABLE", "A store failed", detail)
    }
    /// An error that the framework made itself (a path that is no text, a handshake that is none) says what it is like
    /// all others; those are plain text.
    pub fn instead_of(answer: Response) -> Response {
        let status = answer.status();
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.contains("json") || !(status.is_client_error() || status.is_server_error()) {
            return answer;
        }
        if status.is_server_error() {
            tracing::error!(%status, "a request met an error of ours");
            let detail = "The centre made a mistake; its log says more.";
            return Problem::new(status, "GL-E-INTERNAL", "A mistake of ours", detail).into_response();
        }
        let title = status.canonical_reason().unwrap_or("The request is not valid");
        let detail = "The request is not as this route needs it; GET /api/v1/openapi.json describes it.";
        Problem::new(status, "GL-E-API-INVALID", title, detail).into_response()
    }
    pub fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, title, detail: detail.into(), with: None, leader: None }
    }
    fn with(self, name: HeaderName, value: HeaderValue) -> Problem {
        Problem { with: Some(Box::new((name, value))), ..self }
    }
    /// It has to be sent to the replica that leads. RFC 9110, 15.5.20: not from here, but over another connection.
    pub fn elsewhere(leader: &Replica, detail: String) -> Problem {
        let status = StatusCode::MISDIRECTED_REQUEST;
        let problem = Problem::new(status, "GL-E-NOT-LEADING", "Another replica leads", detail);
        Problem { leader: Some(leader.address.clone()), ..problem }
    }
}

/// A problem of RFC 9457; `code` is explained in docs/error-codes.md.
#[derive(Serialize, ToSchema)]
pub struct ProblemView {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// What is wrong here, and what to do instead.
    detail: String,
    code: &'static str,
    /// With GL-E-NOT-LEADING: the address of the replica that leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<String>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem { status, code, title, detail, with, leader } = self;
        let view = ProblemView { kind: "about:blank", title, status: status.as_u16(), detail, code, leader };
        let mut response = (status, Json(view)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        response.headers_mut().extend(with.map(|header| *header));
        response
    }
}
