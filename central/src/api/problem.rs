//! Errors as RFC 9457 problems, each with a code.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of RFC 9457.
const PROBLEM: &str = "application/problem+json";

/// What is answered instead of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub title: &'static str,
    pub detail: String,
}

impl Problem {
    pub fn unauthenticated(detail: &str) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "GL-E-API-UNAUTHENTICATED", "Not signed in", detail)
    }
    pub fn forbidden(detail: &str) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "GL-E-RBAC-DENIED", "Not allowed to this role", detail)
    }
    pub fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "GL-E-API-INVALID", "The request is not valid", detail)
    }
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "GL-E-API-NOT-FOUND", "There is no such thing", detail)
    }
    pub fn too_many(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "GL-E-API-RATE-LIMIT", "Too many tries", detail)
    }
    /// The cause goes to the log, not to the client.
    pub fn unavailable(cause: &dyn std::error::Error) -> Problem {
        tracing::error!(error = %cause, "a request failed");
        let detail = "The centre's store did not answer; its log says why.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "GL-E-API-UNAVAILABLE", "A store failed", detail)
    }
    /// An error that the router made itself (a wrong method, a body that is too large) says what it is like all others.
    pub fn instead_of(answer: Response) -> Response {
        let status = answer.status();
        let ours = answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM);
        if ours || !(status.is_client_error() || status.is_server_error()) {
            return answer;
        }
        let detail = match status {
            StatusCode::METHOD_NOT_ALLOWED => "This route knows other methods; GET /api/v1/openapi.json names them.",
            StatusCode::PAYLOAD_TOO_LARGE => "The body is larger than any request of this API needs to be.",
            _ => "The request is not as this route needs it; GET /api/v1/openapi.json describes it.",
        };
        let title = status.canonical_reason().unwrap_or("The request is not valid");
        let mut problem = Problem::new(status, "GL-E-API-INVALID", title, detail).into_response();
        if let Some(allowed) = answer.headers().get(header::ALLOW) {
            problem.headers_mut().insert(header::ALLOW, allowed.clone());
        }
        problem
    }
    pub fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, title, detail: detail.into() }
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
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem { status, code, title, detail } = self;
        let view = ProblemView { kind: "about:blank", title, status: status.as_u16(), detail, code };
        let mut response = (status, Json(view)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        response
    }
}
