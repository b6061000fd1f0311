//! Every row of the matrix, walked as everybody: without a session, with one that is over, forged or of a removed user,
//! with each role, with a machine's token, limited to one plant; with every other method, and with what no client should
//! send. What is answered has to be what row and document say.
//!
//! The controls put one route in front of the service whose guard is missing, or whose handler forgets the plants: the
//! walk finds both.

use super::matrix::{self, Plants, Rule, Who};
use super::tests::{Centre, PASSWORD, call, centre, serve};
use super::{guard, openapi};
use crate::users::{Issued, Role, SESSION_MS, Scope, Token};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use hypocaust_protocols::model::{Millis, PlantId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// A request that is as it should be. `other` is the same about a plant that is not north, where it names one.
struct Probe {
    path: String,
    other: Option<String>,
    body: Option<Value>,
    other_body: Option<Value>,
    headers: &'static str,
}

impl Probe {
    fn at(path: &str) -> Probe {
        Probe { path: path.into(), other: None, body: None, other_body: None, headers: "" }
    }
    fn or(self, other: &str) -> Probe {
        Probe { other: Some(other.into()), ..self }
    }
    fn body(&self) -> String {
        self.body.as_ref().map(Value::to_string).unwrap_or_default()
    }
}

/// What the walk knows of the running centre.
struct Walk<'a> {
    at: SocketAddr,
    document: Value,
    codes: String,
    /// A command to south that was accepted.
    command: &'a str,
    found: Vec<String>,
}

impl Walk<'_> {
    fn probe(&self, rule: &Rule) -> Probe {
        let day = "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z";
        let wish = |plant: &str, setpoint: &str| {
            Some(json!({ "plant": plant, "setpoint": setpoint, "value": 1.0, "reason": "a walk" }))
        };
        match rule.name {
            "SIGN_IN" => Probe { body: Some(json!({ "user": "ada", "password": PASSWORD })), ..Probe::at(rule.path) },
            "PLANT" => Probe::at("/api/v1/plants/north").or("/api/v1/plants/south"),
            "MIMIC" => Probe::at("/api/v1/plants/north/mimic").or("/api/v1/plants/south/mimic"),
            "RUNBOOK" => Probe::at("/api/v1/runbooks/source-tripped"),
            "TAGS" => Probe::at("/api/v1/tags").or("/api/v1/tags?plant=south"),
            "HISTORY" => Probe::at(&format!("/api/v1/history?tag=north.b1.heat&{day}"))
                .or(&format!("/api/v1/history?tag=south.b1.heat&{day}")),
            "ORDERS" => Probe::at("/api/v1/commands").or("/api/v1/commands?plant=south"),
            "COMMAND" => Probe {
                body: wish("north", "north.b2.load-sp"),
                other_body: wish("south", "south.b1.load-sp"),
                headers: "Idempotency-Key: walk\r\n",
                ..Probe::at(rule.path).or(rule.path)
            },
            "COMMAND_STATE" => Probe::at("/api/v1/commands/1-1-9").or(&format!("/api/v1/commands/{}", self.command)),
            "DISPATCH" => Probe::at("/api/v1/dispatch/1"),
            "ACKNOWLEDGE" => Probe {
                body: Some(json!({ "raised": "2026-01-01T00:00:00.000Z" })),
                other_body: Some(json!({ "raised": "2026-01-01T00:00:00.000Z" })),
                ..Probe::at("/api/v1/alarms/trip:north.b1/acknowledge").or("/api/v1/alarms/trip:south.b1/acknowledge")
            },
            "SIGN_OUT"
            | "HEALTH_LIVE"
            | "HEALTH_READY"
            | "ROOT_LIVE"
            | "ROOT_READY"
            | "METRICS"
            | "OPENAPI"
            | "FLEET"
            | "DISPATCH_LATEST"
            | "DISPATCH_PLAN"
            | "DISPATCH_EXPLANATION"
            | "JOURNAL"
            | "JOURNAL_HEAD"
            | "ALARMS"
            | "SUBAGENTS"
            | "LIVE" => Probe::at(rule.path),
            name => panic!("give the walk a probe for {name}: a request that is as it should be"),
        }
    }

    fn finding(&mut self, what: String) {
        self.found.push(what);
    }

    /// Sends, and holds the answer against the document. `rule`: the row that answers, `None` for a method without one.
    async fn send(
        &mut self,
        rule: Option<&Rule>,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> (u16, String) {
        let (status, answer) = call(self.at, method, path, headers, body).await;
        let shown: String = format!("{method} {path} {headers:?} {body:?}: {status}").chars().take(300).collect();
        let (head, content) = answer.split_once("\r\n\r\n").unwrap();
        if status >= 500 && status != 503 {
            self.finding(format!("{shown}: an error of ours"));
        }
        if let Some(rule) = rule {
            let verb = rule.verb.name().to_lowercase();
            let told = &self.document["paths"][rule.path][verb]["responses"][status.to_string()];
            if !told.is_object() && status != 101 {
                self.finding(format!("{shown}: the document does not know this status"));
            }
        }
        // Health is told in its own shape when it is bad.
        let health = rule.is_some_and(|r| r.path.contains("/health/"));
        if status >= 400 && !health && method != "HEAD" {
            let problem: Value = serde_json::from_str(content).unwrap_or_default();
            let code = problem["code"].as_str().unwrap_or("none");
            let whole = head.to_lowercase().contains("content-type: application/problem+json")
                && problem["status"] == status
                && problem["detail"].as_str().is_some_and(|d| d.len() > 15)
                && self.codes.contains(&format!("| {code} |"));
            if !whole {
                self.finding(format!("{shown}: no whole problem: {content}"));
            }
        }
        (status, answer)
    }

    async fn expect(&mut self, rule: &Rule, who: &str, headers: &str, wanted: &[u16], code: &str) {
        let probe = self.probe(rule);
        let headers = format!("{headers}{}", probe.headers);
        let (status, answer) = self.send(Some(rule), rule.verb.name(), &probe.path, &headers, &probe.body()).await;
        if !wanted.contains(&status) || !answer.contains(code) {
            self.finding(format!("{} {} {who}: {status}, not {wanted:?} {code}", rule.verb.name(), rule.path));
        }
    }

    /// Is the request let in, whatever becomes of it then?
    async fn let_in(&mut self, rule: &Rule, who: &str, headers: &str) {
        let probe = self.probe(rule);
        let headers = format!("{headers}{}", probe.headers);
        let (status, _) = self.send(Some(rule), rule.verb.name(), &probe.path, &headers, &probe.body()).await;
        if [401, 403, 405, 429].contains(&status) {
            self.finding(format!("{} {} {who}: refused with {status}", rule.verb.name(), rule.path));
        }
    }

    /// Another plant's things, asked for by somebody who is limited to north.
    async fn limited(&mut self, rule: &Rule, north: &str) {
        let probe = self.probe(rule);
        let headers = format!("{north}{}", probe.headers);
        let verb = rule.verb.name();
        match rule.plants {
            Plants::None => {}
            Plants::All => {
                self.expect(rule, "limited to north", north, &[403], "GL-E-TENANT-ISOLATION").await;
                return;
            }
            Plants::Named | Plants::Own => {
                if rule.plants == Plants::Named && probe.other.is_none() {
                    self.finding(format!("{verb} {}: the probe names no other plant", rule.path));
                }
                if let Some(other) = &probe.other {
                    let body = probe.other_body.as_ref().map(Value::to_string).unwrap_or_default();
                    let (status, answer) = self.send(Some(rule), verb, other, &headers, &body).await;
                    if status != 403 || !answer.contains("GL-E-TENANT-ISOLATION") {
                        self.finding(format!("{verb} {other} limited to north: {status}"));
                    }
                }
            }
        }
        let (status, answer) = self.send(Some(rule), verb, &probe.path, &headers, &probe.body()).await;
        if status == 403 && rule.who != Who::Role(Role::Operator) && rule.name != "SIGN_OUT" {
            self.finding(format!("{verb} {} limited to north, asking for north: 403", rule.path));
        }
        if rule.plants == Plants::Own && answer.contains("south") {
            self.finding(format!("{verb} {} limited to north tells of south: {answer}", rule.path));
        }
    }

    /// Methods that the path does not know.
    async fn methods(&mut self, rule: &Rule, administrator: &str) {
        let path = self.probe(rule).path;
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"] {
            if Rule::allowed(rule.path).split(", ").any(|known| known == method) {
                continue;
            }
            let (status, _) = self.send(None, method, &path, "", "").await;
            if status != 401 {
                self.finding(format!("{method} {path} without a session: {status}, not 401"));
            }
            let (status, answer) = self.send(None, method, &path, administrator, "").await;
            let allow = format!("allow: {}\r\n", Rule::allowed(rule.path));
            if status != 405 || !answer.contains(&allow) {
                self.finding(format!("{method} {path}: {status} without {allow:?}"));
            }
        }
        if rule.has_head() {
            let (status, _) = self.send(Some(rule), "GET", &path, administrator, "").await;
            let (head, answer) = self.send(Some(rule), "HEAD", &path, administrator, "").await;
            if status != head || !answer.ends_with("\r\n\r\n") {
                self.finding(format!("HEAD {path}: {head}, GET {status}, or a body"));
            }
        }
    }

    /// What no client should send: refused in a way that the document knows.
    async fn malformed(&mut self, rule: &Rule, administrator: &str) {
        let probe = self.probe(rule);
        let verb = rule.verb.name();
        let headers = format!("{administrator}{}", probe.headers);
        let glue = if probe.path.contains('?') { '&' } else { '?' };
        let (status, _) =
            self.send(Some(rule), verb, &format!("{}{glue}x=1", probe.path), &headers, &probe.body()).await;
        if status != 400 {
            self.finding(format!("{verb} {} takes a parameter that it does not know: {status}", rule.path));
        }
        let values = ["", "%FF", "%00", "-1", "1.5", "99999999999999999999", "NaN", "..%2F..", "%F0%9F%94%A5", "a%20b"];
        for value in values.map(str::to_owned).into_iter().chain(["a".repeat(3000)]) {
            if let Some((before, rest)) = rule.path.split_once('{') {
                let after = rest.split_once('}').map_or("", |(_, after)| after);
                let path = format!("{before}{value}{after}");
                let (status, _) = self.send(Some(rule), verb, &path, &headers, &probe.body()).await;
                if status < 400 && !value.is_empty() {
                    self.finding(format!("{verb} {path}: {status}"));
                }
            }
            let operation = &self.document["paths"][rule.path][verb.to_lowercase()];
            let names: Vec<String> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|p| p["in"] == "query")
                .map(|p| p["name"].as_str().unwrap().to_owned())
                .collect();
            for name in names {
                let path = format!("{}?{name}={value}", rule.path);
                self.send(Some(rule), verb, &path, &headers, "").await;
                let twice = format!("{path}&{name}={value}");
                let (status, _) = self.send(Some(rule), verb, &twice, &headers, "").await;
                if status != 400 {
                    self.finding(format!("{verb} {twice}: {status}, a parameter that comes twice"));
                }
            }
        }
        if let Some(body) = &probe.body {
            self.bodies(rule, &probe.path, body, &headers).await;
        }
    }

    async fn bodies(&mut self, rule: &Rule, path: &str, body: &Value, headers: &str) {
        let verb = rule.verb.name();
        let fields: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        let mut wrong: Vec<String> =
            ["", "null", "[]", "{", "{}", "1", "\"x\"", "{\"x\":1}", "\u{0}"].map(str::to_owned).into();
        wrong.push(format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)));
        let mut change = |field: &str, value: Option<Value>| {
            let mut other = body.as_object().unwrap().clone();
            match value {
                Some(value) => other.insert(field.to_owned(), value),
                None => other.remove(field),
            };
            wrong.push(Value::from(other).to_string());
        };
        change("unknown", Some(json!(1)));
        for field in &fields {
            for value in [None, Some(Value::Null), Some(json!([])), Some(json!({}))] {
                change(field, value);
            }
        }
        wrong.push(body.to_string().replacen('{', &format!("{{\"{0}\":{1},", fields[0], body[&fields[0]]), 1));
        for text in wrong {
            let json = format!("{headers}Content-Type: application/json\r\n");
            let (status, _) = self.send(Some(rule), verb, path, &json, &text).await;
            if status != 400 {
                self.finding(format!("{verb} {path} takes {text:.60}: {status}"));
            }
        }
        for (more, text, wanted) in [
            ("Content-Type: text/plain\r\n", body.to_string(), 415),
            ("Content-Type: application/x-www-form-urlencoded\r\n", "a=b".into(), 415),
            ("Content-Type: application/json\r\n", "x".repeat(70_000), 413),
        ] {
            let (status, _) = self.send(Some(rule), verb, path, &format!("{headers}{more}"), &text).await;
            if status != wanted {
                self.finding(format!("{verb} {path} with {more:?}: {status}, not {wanted}"));
            }
        }
    }
}

/// What the walk finds at this address.
async fn walk(centre: &Centre, at: SocketAddr, name: &str) -> Vec<String> {
    let (now, over) = (centre.time(), Millis(centre.time().0 - SESSION_MS));
    let called = |who: &str| format!("{who}-{name}");
    let mut roles = Vec::new();
    for role in Role::ALL {
        roles.push((role, centre.user(&called(role.name()), role, Scope::Every, now).await));
    }
    let administrator = roles.last().unwrap().1.clone();
    let expired = centre.user(&called("late"), Role::Administrator, Scope::Every, over).await;
    let removed = centre.user(&called("gone"), Role::Administrator, Scope::Every, now).await;
    centre.gate.users.remove(&called("gone")).await.unwrap();
    let north = Scope::Only([PlantId::new("north").unwrap()].into());
    let north = centre.user(&called("north"), Role::Administrator, north, now).await;
    let token = Token::of_machine(crate::ambient::random().unwrap());
    let issued =
        Issued { id: called("t"), user: called("viewer"), label: String::new(), made: now, expires: Millis(now.0 + 1) };
    centre.gate.users.issue(&issued, &token).await.unwrap();
    let machine = format!("Authorization: Bearer {}\r\n", token.as_str());

    let wish =
        json!({ "plant": "south", "setpoint": "south.b1.load-sp", "value": 1.0, "reason": "a walk" }).to_string();
    let headers = format!("{administrator}Idempotency-Key: {name}\r\n");
    let (status, answer) = centre.call("POST", "/api/v1/commands", &headers, &wish).await;
    assert_eq!(status, 202, "{answer}");
    let command = answer.split(r#""id":""#).nth(1).unwrap().split('"').next().unwrap();

    let codes = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/error-codes.md");
    let codes = std::fs::read_to_string(codes).unwrap();
    let document = serde_json::to_value(openapi::document()).unwrap();
    let mut walk = Walk { at, document, codes, command, found: Vec::new() };
    let forged = format!("Authorization: Bearer {}\r\n", "0f".repeat(32));
    let garbage = "Authorization: Bearer ü\r\nCookie: hypocaust_session=;;=\r\n";
    // Signing out ends the session that it is asked with, so it comes last.
    let (last, first): (Vec<&Rule>, Vec<&Rule>) = matrix::ALL.iter().copied().partition(|r| r.name == "SIGN_OUT");
    for rule in first.into_iter().chain(last) {
        if rule.who != Who::Anybody {
            let nobody = [
                ("without", ""),
                ("expired", &expired),
                ("of a removed user", &removed),
                ("forged", &forged),
                ("garbage", garbage),
            ];
            for (who, headers) in nobody {
                walk.expect(rule, who, headers, &[401], "GL-E-API-UNAUTHENTICATED").await;
            }
            walk.methods(rule, &administrator).await;
            walk.limited(rule, &north).await;
            walk.malformed(rule, &administrator).await;
            for (role, headers) in &roles {
                match rule.admits(*role) {
                    true => walk.let_in(rule, role.name(), headers).await,
                    false => walk.expect(rule, role.name(), headers, &[403], "GL-E-RBAC-DENIED").await,
                }
            }
            match rule.name == "SIGN_OUT" || !rule.admits(Role::Viewer) {
                true => walk.expect(rule, "a machine", &machine, &[403], "GL-E-RBAC-DENIED").await,
                false => walk.let_in(rule, "a machine", &machine).await,
            }
        } else {
            walk.methods(rule, &administrator).await;
            walk.malformed(rule, "").await;
            let (status, _) = {
                let probe = walk.probe(rule);
                walk.send(Some(rule), rule.verb.name(), &probe.path, "", &probe.body()).await
            };
            if [401, 403, 405].contains(&status) {
                walk.finding(format!("{} {}: {status} to anybody", rule.verb.name(), rule.path));
            }
        }
    }
    walk.found
}

#[tokio::test]
async fn every_route_answers_everybody_as_its_row_says() {
    let centre = centre().await;
    centre.alive().await;
    let found = walk(&centre, centre.at, "real").await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The controls: a route whose guard is missing, and one whose handler forgets whose plants they are.
#[tokio::test]
async fn the_walk_finds_a_route_without_its_guard_and_one_that_forgets_the_plants() {
    let centre = centre().await;
    centre.alive().await;
    let open = Router::new()
        .route(matrix::JOURNAL_HEAD.path, get(async || axum::Json(json!({ "seq": 1, "hash": "" }))))
        .fallback_service(centre.service.clone());
    let handle = centre.handle.clone();
    let whole =
        get(async move || axum::Json(handle.ask(|domain, now| super::plain(domain.fleet_view(now))).await.unwrap()));
    let forgetful = Router::new()
        .route(matrix::FLEET.path, whole)
        .layer(from_fn_with_state(centre.gate.clone(), guard::guard))
        .fallback_service(centre.service.clone());
    for (service, route, said) in
        [(open, &matrix::JOURNAL_HEAD, "without: 200"), (forgetful, &matrix::FLEET, "tells of south")]
    {
        let found = walk(&centre, serve(service).await, &route.name.to_lowercase().replace('_', "-")).await;
        assert!(found.iter().any(|f| f.contains(route.path) && f.contains(said)), "not found: {found:?}");
        let routes: BTreeSet<bool> = found.iter().map(|f| f.contains(route.path)).collect();
        assert_eq!(routes, BTreeSet::from([true]), "found besides: {found:?}");
    }
}

#[tokio::test]
async fn a_route_that_has_no_row_is_closed_to_everybody() {
    let centre = centre().await;
    let service = Router::new()
        .route("/api/v1/secret", get(async || "secret"))
        .layer(from_fn_with_state(centre.gate.clone(), guard::guard));
    let at = serve(service).await;
    let bearer = centre.user("root", Role::Administrator, Scope::Every, centre.time()).await;
    let (status, answer) = call(at, "GET", "/api/v1/secret", &bearer, "").await;
    assert!(status == 403 && answer.contains("GL-E-RBAC-DENIED") && !answer.contains("secret\r\n"), "{answer}");
    assert_eq!(call(at, "GET", "/api/v1/secret", "", "").await.0, 401);
}
