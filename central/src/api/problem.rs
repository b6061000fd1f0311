//! Errors as RFC 9457 problems, each with a code.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

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
        Problem::new(StatusCode::FORBIDDEN, "GL-E-API-FORBIDDEN", "Not allowed to this role", detail)
    }
    pub fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "GL-E-API-INVALID", "The request is not valid", detail)
    }
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "GL-E-API-NOT-FOUND", "There is no such thing", detail)
    }
    pub fn too_many(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "GL-E-API-RATE-LIMITED", "Too many tries", detail)
    }
    /// The cause goes to the log, not to the client.
    pub fn unavailable(cause: &dyn std::error::Error) -> Problem {
        tracing::error!(error = %cause, "a request failed");
        let detail = "The centre's store did not answer; its log says why.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "GL-E-API-UNAVAILABLE", "A store failed", detail)
    }
    pub fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, title, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": "about:blank", "title": self.title, "status": self.status.as_u16(),
            "detail": self.detail, "code": self.code,
        });
        let mut response = (self.status, body.to_string()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
