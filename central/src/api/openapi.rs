//! `openapi.json`: what this API is, made from the very types and handlers that answer.

use super::{fleet, stores};
use axum::Json;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{HttpMethod, OpenApi, RefOr, Required, ResponseBuilder, Schema};
use utoipa::{Modify, OpenApi as _};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Hypocaust", description = "The centre's API. Times are RFC 3339 in UTC with milliseconds."),
    paths(
        super::sign_in,
        super::sign_out,
        super::live,
        super::ready,
        super::scrape,
        serve,
        fleet::fleet,
        fleet::plant,
        fleet::tags,
        fleet::latest,
        fleet::command,
        fleet::outcome,
        stores::read_history,
        stores::read_journal,
        stores::read_head,
        stores::read_dispatch,
    ),
    modifiers(&Completed),
    security(("bearer" = []), ("cookie" = []))
)]
struct Document;

/// What cannot be said beside a type or a handler.
struct Completed;

impl Modify for Completed {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        for schema in components.schemas.values_mut() {
            // Every field of an answer is always written, as null where it is not known; every field of a request is
            // asked for.
            if let RefOr::T(Schema::Object(object)) = schema {
                object.required = object.properties.keys().cloned().collect();
            }
        }
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(super::COOKIE));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
        // An upgrade is no answer with a body, so its handler has nothing to derive this from.
        let upgrade =
            ParameterBuilder::new().name("Upgrade").parameter_in(ParameterIn::Header).required(Required::True);
        let live = OperationBuilder::new()
            .description(Some("WebSocket: a snapshot of what the console shows, then what changes, and a beat."))
            .parameter(upgrade)
            .response("101", ResponseBuilder::new().description("A WebSocket").build())
            .build();
        document.paths.paths.insert("/api/v1/live".into(), PathItem::new(HttpMethod::Get, live));
    }
}

/// The document itself.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, body = serde_json::Value)))]
pub async fn serve(_: super::NoQuery) -> Json<OpenApi> {
    Json(document())
}

pub fn document() -> OpenApi {
    Document::openapi()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths and methods of this crate's routes as the source has them: `.route("/x", get(…).delete(…))`.
    fn routed() -> Vec<(String, String)> {
        let mut found = Vec::new();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
        for file in std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()) {
            if file.ends_with("tests.rs") || file.ends_with("openapi.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            for part in text.split(".route(\"").skip(1) {
                let (path, rest) = part.split_once("\", ").unwrap();
                // Up to the next route or the end of the statement.
                let rest = rest.split(".route(").next().unwrap().split([';', '\n']).next().unwrap();
                for method in ["get", "post", "put", "patch", "delete"] {
                    if rest.contains(&format!("{method}(")) {
                        found.push((path.to_owned(), method.to_owned()));
                    }
                }
            }
        }
        found
    }

    #[test]
    fn every_route_of_the_router_is_in_the_document_and_none_besides() {
        let document = serde_json::to_value(document()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let routed = routed();
        assert!(routed.len() >= 16, "{routed:?}");
        for (path, method) in &routed {
            let known = |full: &str| paths.get(full).is_some_and(|p| p.get(method).is_some());
            assert!(known(&format!("/api/v1{path}")) || known(path), "{method} {path} is not in the document");
        }
        for (path, item) in paths {
            for method in item.as_object().unwrap().keys().filter(|k| k.chars().all(char::is_lowercase)) {
                let short = path.strip_prefix("/api/v1").unwrap_or(path);
                assert!(routed.iter().any(|(p, m)| p == short && m == method), "{method} {path} is no route");
            }
        }
    }
}
