//! `openapi.json`: what this API is, made from the very types and handlers that answer, and from the rows of the matrix:
//! who may call, and which problems may come instead of an answer.

use super::guard::COOKIE;
use super::matrix::{self, Plants, Rule, Verb, Who};
use super::problem::{PROBLEM, ProblemView};
use super::routes::Routes;
use super::{alarms, fleet, health, mimic, plan, request, runbooks, session, stores, subagents};
use axum::http::StatusCode;
use axum::{Json, Router};
use std::collections::BTreeSet;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, HttpMethod, Object, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Schema, Type,
};
use utoipa::{Modify, OpenApi as _};

pub fn routes() -> Router {
    Routes::new().on(&matrix::OPENAPI, serve).with_state(())
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Hypocaust", description = "The centre's API. Times are RFC 3339 in UTC with milliseconds."),
    paths(
        session::sign_in,
        session::sign_out,
        health::live,
        health::ready,
        health::scrape,
        serve,
        fleet::fleet,
        fleet::plant,
        mimic::read,
        fleet::tags,
        fleet::latest,
        fleet::command,
        fleet::orders,
        fleet::outcome,
        plan::plan,
        plan::explanation,
        alarms::alarms,
        alarms::acknowledge,
        runbooks::runbook,
        subagents::subagents,
        stores::read_history,
        stores::read_journal,
        stores::read_head,
        stores::read_dispatch,
    ),
    components(schemas(ProblemView)),
    modifiers(&Completed),
    security(("bearer" = []), ("cookie" = []))
)]
struct Document;

/// What cannot be said beside a type or a handler.
struct Completed;

impl Modify for Completed {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, schema) in &mut components.schemas {
            // Every field of an answer is always written, as null where it is not known; every field of a request is
            // asked for. The one that is there only when it means something is a problem's leader.
            let always = |field: &&String| !(name == "ProblemView" && *field == "leader");
            if let RefOr::T(Schema::Object(object)) = schema {
                object.required = object.properties.keys().filter(always).cloned().collect();
            }
        }
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(COOKIE));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
        // An upgrade is no answer with a body, so its handler has nothing to derive this from.
        let upgrade =
            ParameterBuilder::new().name("Upgrade").parameter_in(ParameterIn::Header).required(Required::True);
        let live = OperationBuilder::new()
            .description(Some("WebSocket: a snapshot of what the console shows, then what changes, and a beat."))
            .parameter(upgrade)
            .response("101", ResponseBuilder::new().description("A WebSocket").build())
            .build();
        let paths = &mut document.paths.paths;
        paths.insert(matrix::LIVE.path.into(), PathItem::new(HttpMethod::Get, live));
        for (root, same) in [(&matrix::ROOT_LIVE, &matrix::HEALTH_LIVE), (&matrix::ROOT_READY, &matrix::HEALTH_READY)] {
            if let Some(item) = paths.get(same.path).cloned() {
                paths.insert(root.path.into(), item);
            }
        }
        for rule in matrix::ALL {
            let item = paths.get_mut(rule.path);
            if let Some(operation) = item.and_then(|item| of(item, rule.verb).as_mut()) {
                complete(operation, rule);
            }
        }
    }
}

fn of(item: &mut PathItem, verb: Verb) -> &mut Option<Operation> {
    match verb {
        Verb::Get => &mut item.get,
        Verb::Post => &mut item.post,
        Verb::Put => &mut item.put,
        Verb::Delete => &mut item.delete,
    }
}

/// The statuses of problems that a route may answer with: what follows from its row, and what the row adds.
fn problems(rule: &Rule, body: bool) -> BTreeSet<u16> {
    // Every route refuses parameters that it does not know.
    let mut all = BTreeSet::from([400]);
    all.extend(rule.problems);
    if body {
        all.extend([413, 415]);
    }
    // The role, the plant, a foreign page; and the store of the users may not answer.
    match rule.who {
        Who::Anybody => {}
        Who::Loopback | Who::Role(_) => all.extend([401, 403, 503]),
    }
    if rule.plants != Plants::None {
        all.insert(403);
    }
    all
}

fn complete(operation: &mut Operation, rule: &Rule) {
    let session = ["bearer", "cookie"].map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(scheme, []));
    operation.security = Some(match rule.who {
        Who::Anybody => vec![SecurityRequirement::default()],
        Who::Loopback => [SecurityRequirement::default()].into_iter().chain(session).collect(),
        Who::Role(_) => session.into(),
    });
    if let Who::Role(least) = rule.who {
        let needs = format!("Needs the role {least} or one above it.");
        let said = operation.description.take().map_or(needs.clone(), |said| format!("{said}\n\n{needs}"));
        operation.description = Some(said);
    }
    for status in problems(rule, operation.request_body.is_some()) {
        operation.responses.responses.entry(status.to_string()).or_insert_with(|| RefOr::T(problem(status)));
    }
}

fn problem(status: u16) -> Response {
    let title = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("A problem");
    let schema = Ref::from_schema_name("ProblemView");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let answer = ResponseBuilder::new().description(title).content(PROBLEM, content);
    let header = |kind, said: &str| {
        let mut header = Header::new(Object::with_type(kind));
        header.description = Some(said.into());
        header
    };
    match status {
        401 => answer.header("WWW-Authenticate", header(Type::String, "How a token is shown")),
        429 => answer.header("Retry-After", header(Type::Integer, "Seconds until the next try may be made")),
        _ => answer,
    }
    .build()
}

/// The document itself.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, body = serde_json::Value)))]
pub async fn serve(_: request::NoQuery) -> Json<OpenApi> {
    Json(document())
}

pub fn document() -> OpenApi {
    Document::openapi()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_matrix_is_in_the_document_and_none_besides() {
        let document = serde_json::to_value(document()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let mut told = BTreeSet::new();
        for (path, item) in paths {
            for method in ["get", "post", "put", "patch", "delete", "head", "options", "trace"] {
                if item.get(method).is_some() {
                    told.insert(format!("{} {path}", method.to_uppercase()));
                }
            }
        }
        let rows: BTreeSet<String> = matrix::ALL.iter().map(|r| format!("{} {}", r.verb.name(), r.path)).collect();
        assert_eq!(told, rows);
    }

    #[test]
    fn problems_are_told_with_their_media_type_and_their_headers() {
        let document = serde_json::to_value(document()).unwrap();
        let of = |path: &str, method: &str| document["paths"][path][method]["responses"].clone();
        let statuses =
            |path, method| -> Vec<String> { of(path, method).as_object().unwrap().keys().cloned().collect() };
        assert_eq!(statuses("/api/v1/session", "post"), ["200", "400", "401", "413", "415", "429", "503"]);
        assert_eq!(statuses("/api/v1/fleet", "get"), ["200", "400", "401", "403", "503"]);
        assert_eq!(
            statuses("/api/v1/commands", "post"),
            ["202", "400", "401", "403", "404", "409", "413", "415", "421", "422", "503"]
        );
        let session = of("/api/v1/session", "post");
        assert!(session["401"]["content"][PROBLEM]["schema"]["$ref"].as_str().unwrap().ends_with("/ProblemView"));
        assert!(session["429"]["headers"]["Retry-After"].is_object() && session["401"]["headers"].is_object());
        assert_eq!(document["paths"]["/api/v1/session"]["post"]["security"], serde_json::json!([{}]));
        assert!(document["components"]["schemas"]["ProblemView"]["properties"]["code"].is_object());
    }
}
