//! The console's bundle, embedded at build time.

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

#[derive(rust_embed::RustEmbed)]
#[folder = "console/dist"]
#[allow_missing = true]
struct Bundle;

const MISSING: &str = "<!doctype html><meta charset=utf-8><title>Hypocaust</title>\
<p>This build has no console. Run <code>make console</code>, build again, and start the centre again. \
The API under /api/v1 works.";

/// What the page may do: load from this host alone, talk to it alone, and stand in nobody's frame. Styles stand in the
/// markup here and there (a bar's length); scripts never do.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A file of the bundle.
pub fn serve(uri: &Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let kind = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    match Bundle::get(path) {
        Some(file) => (headers, file.data.into_owned()).into_response(),
        None if path == "index.html" => (headers, MISSING).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
