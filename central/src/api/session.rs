//! Signing in and out.
//!
//! Every try is counted before its password is looked at (`users::Limit`), and one that is not let through is told when
//! to come again. A wrong password and a name that there is not get the same answer after the same work. What happened is
//! in the log under the target `security`; a name that there is not is left out there, because now and then it is a
//! password that was typed into the wrong field. None of it is in the journal: a stranger could fill that.

use super::guard::{self, COOKIE, Gate};
use super::request::{Body, NoQuery};
use super::{Problem, matrix, routes::Routes};
use crate::ambient;
use crate::users::{self, Refused, Session, SignIn, Source, Token, Why};
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The target of log lines about who came in and who did not.
const SECURITY: &str = "security";

pub fn routes(gate: Gate) -> Router {
    Routes::new().on(&matrix::SIGN_IN, sign_in).on(&matrix::SIGN_OUT, sign_out).with_state(gate)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    user: String,
    password: String,
}

/// An open session.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    /// To be shown as `Authorization: Bearer`; the cookie holds the same.
    token: String,
    #[schema(format = DateTime)]
    expires: String,
}

/// The cookie's header. `Secure` where the browser came by TLS, which a proxy in front of this centre says.
fn cookie(token: &str, seconds: i64, headers: &HeaderMap) -> String {
    let tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if tls { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}

#[utoipa::path(post, path = "/api/v1/session", request_body = Credentials, responses((status = 200, body = SessionView,
    headers(("Set-Cookie" = String, description = "The token, out of reach of scripts and of other sites")))))]
pub async fn sign_in(
    State(gate): State<Gate>,
    _: NoQuery,
    extensions: Extensions,
    headers: HeaderMap,
    Body(Credentials { user, password }): Body<Credentials>,
) -> Result<Response, Problem> {
    let (now, source) = (gate.now(), Source::of(guard::peer(&extensions)));
    let lock = gate.limit().attempt(&user, source, now).map_err(too_many)?;
    let token = Token::new(ambient::random().map_err(|e| Problem::unavailable(&e))?);
    let session = match gate.users.sign_in(&user, &password, now, &token).await {
        Ok(SignIn::Open(session)) => session,
        Ok(tried) => {
            let name = if tried == SignIn::WrongPassword { user.as_str() } else { "a name that there is not" };
            tracing::warn!(target: SECURITY, user = name, %source, "a sign-in failed");
            if let Some(ms) = lock {
                tracing::warn!(target: SECURITY, user = name, %source, seconds = ms / 1000, "signing in is locked");
            }
            return Err(Problem::unauthenticated("User or password is wrong."));
        }
        Err(error) => {
            gate.limit().not_tried(&user, source);
            return Err(match error {
                users::Error::Busy => Problem::too_many("Too many sign in at this moment.", 1),
                error => Problem::unavailable(&error),
            });
        }
    };
    gate.limit().succeeded(&user, source, now);
    tracing::info!(target: SECURITY, user, role = %session.role, %source, "signed in");
    let seconds = (session.expires.0 - now.0) / 1000;
    let body = SessionView { token: token.as_str().to_owned(), expires: session.expires.rfc3339() };
    Ok(([(header::SET_COOKIE, cookie(token.as_str(), seconds, &headers))], Json(body)).into_response())
}

fn too_many(refused: Refused) -> Problem {
    let seconds = refused.wait_ms.max(0) as u64 / 1000 + 1;
    let why = match refused.why {
        Why::Source => "Too many tries to sign in from this address.",
        Why::Name => "Too many tries to sign in under this name.",
        Why::Locked => "Too many failures in a row of this name from this address.",
    };
    Problem::too_many(why, seconds)
}

#[utoipa::path(delete, path = "/api/v1/session", responses((status = 204, description = "The session is over",
    headers(("Set-Cookie" = String, description = "The cookie is taken back")))))]
pub async fn sign_out(
    State(gate): State<Gate>,
    Extension(session): Extension<Session>,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if session.machine {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "GL-E-RBAC-DENIED",
            "A token is no session",
            "A machine's token ends by itself or by `hypocaust-central user revoke`, not by signing out.",
        ));
    }
    if let Some((token, _)) = guard::token(&headers) {
        gate.users.sign_out(token).await.map_err(|e| Problem::unavailable(&e))?;
    }
    tracing::info!(target: SECURITY, user = session.user, "signed out");
    let gone = HeaderValue::from_str(&cookie("", 0, &headers)).map_err(|e| Problem::unavailable(&e))?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}
