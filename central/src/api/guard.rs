//! Who is let in: every request passes here before anything of it is looked at, and is judged by its row of the
//! [`super::matrix`].
//!
//! A request shows a token as `Authorization: Bearer` or as the cookie that signing in sets. A cookie is sent by a browser
//! whichever page asked for it, so such a request is let in only from a page of this centre: `SameSite` keeps other sites
//! out, and where an `Origin` is given it has to be this host. That holds for the WebSocket above all, which no browser
//! keeps to its own origin by itself.

use super::Problem;
use super::matrix::{self, Plants, Rule, Who};
use crate::users::{Limit, Session, Users};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hypocaust_protocols::model::Millis;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

pub const COOKIE: &str = "hypocaust_session";
/// What is said to whoever comes with a session that has ended.
pub const OVER: &str = "This session is over; sign in again.";

/// One line of `/health/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Check {
    pub ok: bool,
    pub detail: String,
}

/// What the gate and the health routes know. Cloned into every task that reports a [`Check`].
#[derive(Clone)]
pub struct Gate {
    pub(super) users: Users,
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

    pub(super) fn checks(&self) -> BTreeMap<String, Check> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn limit(&self) -> MutexGuard<'_, Limit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Millis {
        (self.clock)()
    }
}

/// The session that a request came in with, for a connection that outlives the request.
#[derive(Clone)]
pub(super) struct Admitted {
    gate: Gate,
    token: Arc<str>,
}

/// What has become of a session.
pub(super) enum Still {
    /// It is open, with the role and the plants that its user has now.
    Open(Session),
    Over,
    /// The store did not answer. That ends nobody's view: what it shows was allowed a second ago.
    Unknown,
}

impl Admitted {
    pub(super) async fn holds(&self) -> Still {
        match self.gate.users.session(&self.token, self.gate.now()).await {
            Ok(Some(session)) => Still::Open(session),
            Ok(None) => Still::Over,
            Err(error) => {
                tracing::error!(%error, "cannot ask whether a session still holds");
                Still::Unknown
            }
        }
    }
}

/// Where a request comes from; `None` where the service does not know its peers.
pub fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
}

/// Has a proxy passed it on? Then it comes from wherever, though the proxy may be on this machine.
fn passed_on(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-forwarded-proto", "via"].iter().any(|name| headers.contains_key(*name))
}

/// What is shown, and whether a browser shows it by itself.
pub fn token(headers: &HeaderMap) -> Option<(&str, bool)> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| {
        let (scheme, token) = v.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some((token.trim(), false))
    });
    bearer.or_else(|| {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
        let mut pairs = cookies.flat_map(|line| line.split(';'));
        pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('=')).map(|token| (token, true))
    })
}

/// Is it from a page of this very host, or from no page at all?
fn own_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_ascii_lowercase);
    let host = headers.get(header::HOST).and_then(text);
    let origin = text(origin).and_then(|o| o.split_once("://").map(|(_, host)| host.to_owned()));
    origin.is_some() && origin == host
}

/// The middleware around the whole service.
pub async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    if matched.is_none() && !(path == "/api" || path.starts_with("/api/")) {
        // A file of the console, or none.
        return next.run(request).await;
    }
    let answer = match admit(&gate, matched.as_deref(), request).await {
        Ok(request) => Problem::instead_of(next.run(request).await),
        Err(problem) => problem.into_response(),
    };
    private(answer)
}

/// The request with its session, or why it is not let in.
async fn admit(gate: &Gate, matched: Option<&str>, mut request: Request) -> Result<Request, Problem> {
    let rule = matched.and_then(|path| Rule::find(request.method(), path));
    let headers = request.headers();
    let open = match rule.map(|rule| rule.who) {
        Some(Who::Anybody) => true,
        Some(Who::Loopback) => peer(request.extensions()).is_some_and(|ip| ip.is_loopback()) && !passed_on(headers),
        Some(Who::Role(_)) | None => false,
    };
    if open {
        return Ok(request);
    }
    let Some((token, browser)) = token(headers) else {
        return Err(Problem::unauthenticated("Sign in with POST /api/v1/session."));
    };
    if (browser || rule == Some(&matrix::LIVE)) && !own_page(headers) {
        return Err(Problem::foreign());
    }
    let token: Arc<str> = token.into();
    let session = gate.users.session(&token, gate.now()).await.map_err(|e| Problem::unavailable(&e))?;
    let session = session.ok_or_else(|| Problem::unauthenticated(OVER))?;
    match (matched, rule) {
        // There is no such route, which the router says.
        (None, _) => {}
        (Some(path), None) => return Err(unlisted(path)),
        (_, Some(rule)) if !rule.admits(session.role) => return Err(Problem::forbidden(&session, rule)),
        (_, Some(rule)) if rule.plants == Plants::All && session.plants != crate::users::Scope::Every => {
            return Err(Problem::of_all_plants(&session));
        }
        (_, Some(_)) => {}
    }
    request.extensions_mut().insert(Admitted { gate: gate.clone(), token });
    request.extensions_mut().insert(session);
    Ok(request)
}

/// A path that the router knows, by a method that has no row: nobody may, whether the router has a handler or not.
fn unlisted(path: &str) -> Problem {
    let allowed = Rule::allowed(path);
    if allowed.is_empty() {
        tracing::error!(path, "a route was mounted that has no row in the matrix; it is closed to everybody");
        return Problem::new(
            StatusCode::FORBIDDEN,
            "GL-E-RBAC-DENIED",
            "Closed to everybody",
            "Nobody has said who may call this route.",
        );
    }
    Problem::method(&allowed)
}

/// Answers of the API are nobody else's: no cache keeps them, and no browser takes them for anything but what they are.
fn private(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_token_is_shown_in_a_header_or_in_the_cookie() {
        for (lines, wanted) in [
            (vec![], None),
            (vec![("authorization", "Bearer abc")], Some(("abc", false))),
            (vec![("authorization", "bearer  abc ")], Some(("abc", false))),
            (vec![("authorization", "Basic abc")], None),
            (vec![("authorization", "abc")], None),
            (vec![("cookie", "hypocaust_session=abc")], Some(("abc", true))),
            (vec![("cookie", "a=b; hypocaust_session=abc; c=d")], Some(("abc", true))),
            (vec![("cookie", "a=b"), ("cookie", "hypocaust_session=abc")], Some(("abc", true))),
            (vec![("cookie", "xhypocaust_session=abc; hypocaust_sessions=abc")], None),
            (vec![("cookie", "hypocaust_session=abc"), ("authorization", "Bearer def")], Some(("def", false))),
        ] {
            assert_eq!(token(&headers(&lines)), wanted, "{lines:?}");
        }
    }

    #[test]
    fn only_a_page_of_this_host_is_our_own() {
        for (lines, own) in [
            (vec![("host", "centre:8080")], true),
            (vec![("host", "centre:8080"), ("origin", "http://centre:8080")], true),
            (vec![("host", "Centre:8080"), ("origin", "https://centre:8080")], true),
            (vec![("host", "centre:8080"), ("origin", "http://centre")], false),
            (vec![("host", "centre:8080"), ("origin", "http://evil.example")], false),
            (vec![("host", "centre:8080"), ("origin", "null")], false),
            (vec![("origin", "http://centre:8080")], false),
        ] {
            assert_eq!(own_page(&headers(&lines)), own, "{lines:?}");
        }
    }
}
