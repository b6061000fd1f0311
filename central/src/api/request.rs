//! What a request may hold: its parameters, its body, its times and names. What is not known is refused, never ignored.

use super::Problem;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use hypocaust_protocols::model::Millis;
use serde::de::DeserializeOwned;

/// No request of this API needs a longer body.
pub const LONGEST_BODY: usize = 64 * 1024;

/// The query of a route that has parameters.
pub fn asked<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
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

/// A body of JSON that is a `T` and says so.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        if !is_json(request.headers()) {
            let detail = "Send the body as JSON, with 'Content-Type: application/json'.";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "GL-E-API-INVALID", "The body is not JSON", detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let body = serde_json::from_slice(&bytes);
        body.map(Body).map_err(|e| Problem::invalid(format!("The body is not as it must be: {e}.")))
    }
}

fn unread(rejection: BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "GL-E-API-INVALID",
            "The body is too large",
            format!("No body may be longer than {LONGEST_BODY} bytes."),
        ),
        _ => Problem::invalid("The body did not arrive whole; send it again."),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// A time of RFC 3339. What only looks like one (a date alone, a name of a zone) is refused.
pub fn time(name: &str, text: &str) -> Result<Millis, Problem> {
    let invalid = |why: String| Problem::invalid(format!("'{name}' is no time: {why}"));
    if !is_rfc3339(text) {
        // A '+' in a query stands for a blank.
        let plus = if text.contains(' ') { ", and a '+' in it as %2B" } else { "" };
        return Err(invalid(format!("'{text}' is not of RFC 3339; write it like 2026-01-31T12:00:00.000Z{plus}.")));
    }
    let at: jiff::Timestamp = text.parse().map_err(|e| invalid(format!("{e}.")))?;
    Ok(Millis(at.as_millisecond()))
}

/// `date-time` of RFC 3339, section 5.6, by its form; whether there is such a day is for the calendar.
fn is_rfc3339(text: &str) -> bool {
    let fits = |text: &[u8], form: &[u8]| {
        text.len() == form.len()
            && text.iter().zip(form).all(|(c, f)| match f {
                b'9' => c.is_ascii_digit(),
                f => c.eq_ignore_ascii_case(f),
            })
    };
    let Some((whole, rest)) = text.as_bytes().split_at_checked("2026-01-31T12:00:00".len()) else { return false };
    let digits =
        rest.strip_prefix(b".").map_or(0, |fraction| fraction.iter().take_while(|c| c.is_ascii_digit()).count());
    let (fraction, zone) = rest.split_at(if digits > 0 { digits + 1 } else { 0 });
    fits(whole, b"9999-99-99T99:99:99")
        && fraction.len() <= 10
        && [b"Z".as_slice(), b"+99:99", b"-99:99"].iter().any(|form| fits(zone, form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_and_nothing_that_looks_like_it() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.5Z", 500),
            ("1970-01-01t00:00:01.123456789z", 1123),
            ("1970-01-01T01:00:00.000+01:00", 0),
            ("1969-12-31T23:00:00-01:00", 0),
        ] {
            assert_eq!(time("from", text).expect(text), Millis(ms), "{text}");
        }
        for text in [
            "",
            "0",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00Z",
            "1970-01-01T00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-02-30T00:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567890Z",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00Z[UTC]",
            "+1970-01-01T00:00:00Z",
            "1970-01-01T00:00:00Zä",
        ] {
            assert!(time("from", text).is_err(), "{text}");
        }
        let blank = time("from", "1970-01-01T00:00:00 01:00").unwrap_err();
        assert!(blank.detail.contains("%2B"), "{}", blank.detail);
    }
}
