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

/// A file of the bundle. The page may load nothing from anywhere else.
pub fn serve(uri: &Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"),
    );
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
