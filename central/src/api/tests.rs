use super::guard::COOKIE;
use super::*;
use crate::domain::{self, Domain, Input, Judges, Status};
use crate::election::Replica;
use crate::journal::Head;
use crate::shell::foreseeing;
use crate::telemetry::{Arrived, History};
use crate::users::{FIGURES, New, Role, SESSION_MS, Scope, SignIn, Token, Users};
use crate::{ambient, journal, telemetry};
use hypocaust_protocols::model::{Millis, PlantId, Quality, Sample, Tick};
use hypocaust_protocols::wire::{Entry, SigningKey};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const PASSWORD: &str = "correct horse";

pub struct Centre {
    pub at: SocketAddr,
    pub gate: Gate,
    pub service: Router,
    pub handle: Handle,
    now: Arc<AtomicI64>,
    fleet: Arc<Fleet>,
    _folder: tempfile::TempDir,
}

/// Serves on a free loopback port, without the peer's address: every caller is treated as one from outside.
pub async fn serve(service: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, service).await });
    at
}

/// A real service with a clock that stands still.
pub async fn centre() -> Centre {
    centre_after(&[]).await
}

/// The same, on a history that holds this.
async fn centre_after(past: &[Arrived]) -> Centre {
    let folder = tempfile::tempdir().unwrap();
    let users = Users::open(&folder.path().join("users.db")).await.unwrap();
    let ada = New { name: "ada", role: Role::Operator, plants: Scope::Every, password: Some(PASSWORD) };
    users.add(ada, [1; 16]).await.unwrap();
    let now = Arc::new(AtomicI64::new(2 * SESSION_MS));
    let clock = now.clone();
    let gate = Gate::new(users, Arc::new(move || Millis(clock.load(Ordering::SeqCst))));
    let history = telemetry::Sqlite::open(&folder.path().join("history.db")).await.unwrap();
    history.store(past, &[]).await.unwrap();
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    let fleet = Arc::new(hypocaust_protocols::files::load(&small).unwrap());
    let journal = journal::sqlite::Sqlite::open(&folder.path().join("journal.db"), &fleet.id).await.unwrap();
    let key = SigningKey::from_bytes(&[3; 32]);
    let head = Head::genesis(&fleet.id);
    let me = Replica { id: "only".into(), address: "http://only:8080".into() };
    let state = domain::State::fold([]);
    let domain = Domain::following(Arc::clone(&fleet), key, Judges::ours(), me.id.clone(), state, head);
    let metrics = Metrics::new(&fleet);
    let (outgoing, _nobody) = tokio::sync::mpsc::channel(16);
    let tail = journal::Verifier::new(&fleet.id, []);
    let (leader, handle, _) =
        crate::shell::leader::leader(domain, tail, journal.clone(), me, outgoing, metrics.clone());
    let (foresight, wanted) = tokio::sync::mpsc::channel(1);
    tokio::spawn(leader.foreseeing(foresight).run());
    tokio::spawn(foreseeing::run(history.clone(), wanted, handle.clone()));
    handle.reach(true).await.unwrap();
    while !handle.ask(|domain, _| domain.leads()).await.unwrap() {
        tokio::task::yield_now().await;
    }
    let service = router(gate.clone(), Arc::clone(&fleet), history, journal, handle.clone(), metrics);
    let at = serve(service.clone()).await;
    Centre { at, gate, service, handle, now, fleet, _folder: folder }
}

/// The status and the whole answer. A body is JSON unless the headers say otherwise.
pub async fn call(at: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let kind = match body.is_empty() || headers.to_lowercase().contains("content-type") {
        true => "",
        false => "Content-Type: application/json\r\n",
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Length: {}\r\n{kind}{headers}\r\n{body}",
        body.len()
    );
    // A body that is too long is not read to its end.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{method} {path}: {answer:?}");
    (answer[9..12].parse().unwrap(), answer)
}

impl Centre {
    pub async fn call(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        call(self.at, method, path, headers, body).await
    }

    pub fn time(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst))
    }

    /// A session of a new user, opened at `then`; the bearer's header.
    pub async fn user(&self, name: &str, role: Role, plants: Scope, then: Millis) -> String {
        let users = &self.gate.users;
        users.add(New { name, role, plants, password: Some(PASSWORD) }, [2; 16]).await.unwrap();
        let token = Token::new(ambient::random().unwrap());
        let opened = users.sign_in(name, PASSWORD, then, &token).await.unwrap();
        assert!(matches!(opened, SignIn::Open(_)), "{opened:?}");
        format!("Authorization: Bearer {}\r\n", token.as_str())
    }

    /// Every edge comes with a value for each of its tags; returns when heat has been dispatched.
    pub async fn alive(&self) {
        crate::shell::leader::tests::alive(&self.handle, &self.fleet).await;
    }

    async fn sign_in(&self, password: &str) -> (u16, String) {
        let body = format!(r#"{{"user":"ada","password":"{password}"}}"#);
        self.call("POST", "/api/v1/session", "", &body).await
    }
    async fn token(&self) -> String {
        let (status, answer) = self.sign_in(PASSWORD).await;
        assert_eq!(status, 200, "{answer}");
        answer.split(r#""token":""#).nth(1).unwrap()[..64].to_owned()
    }
}

const ROUTES: [(&str, &str); 9] = [
    ("DELETE", "/api/v1/session"),
    ("GET", "/api/v1/history?tag=north.b1.heat&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"),
    ("GET", "/api/v1/journal"),
    ("GET", "/api/v1/journal/head"),
    ("GET", "/api/v1/fleet"),
    ("GET", "/api/v1/tags"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v1/no-such-route"),
    ("GET", "/metrics"),
];

#[tokio::test]
async fn every_route_without_a_session_is_401_and_nothing_more() {
    let centre = centre().await;
    for headers in ["", "Authorization: Bearer 00\r\n", "Cookie: hypocaust_session=00\r\n"] {
        for (method, path) in ROUTES {
            let (status, answer) = centre.call(method, path, headers, "").await;
            assert_eq!(status, 401, "{method} {path} {headers}");
            assert!(answer.contains("application/problem+json") && answer.contains("GL-E-API-UNAUTHENTICATED"));
        }
    }
    assert_eq!(centre.call("GET", "/health/live", "", "").await.0, 200);
    assert!(centre.call("GET", "/", "", "").await.1.contains("Hypocaust"));
}

#[tokio::test]
async fn token_and_cookie_open_the_routes_until_the_session_ends() {
    let centre = centre().await;
    let token = centre.token().await;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let cookie = format!("Cookie: a=b; hypocaust_session={token}\r\n");
    for headers in [&bearer, &cookie] {
        for (method, path) in &ROUTES[1..] {
            let wanted = if path.ends_with("no-such-route") { 404 } else { 200 };
            assert_eq!(centre.call(method, path, headers, "").await.0, wanted, "{path}");
        }
    }
    centre.now.fetch_add(SESSION_MS, Ordering::SeqCst);
    assert_eq!(centre.call("GET", "/api/v1/journal", &bearer, "").await.0, 401);
    let bearer = format!("Authorization: Bearer {}\r\n", centre.token().await);
    assert_eq!(centre.call("DELETE", "/api/v1/session", &bearer, "").await.0, 204);
    assert_eq!(centre.call("GET", "/api/v1/journal", &bearer, "").await.0, 401);
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let answer = centre().await.sign_in(PASSWORD).await.1;
    assert!(answer.contains("HttpOnly; SameSite=Strict"), "{answer}");
}

#[tokio::test]
async fn wrong_passwords_run_into_the_lock_and_the_right_one_waits_too() {
    let centre = centre().await;
    for _ in 0..FIGURES.failures {
        let (status, answer) = centre.sign_in("wrong horse").await;
        assert!(status == 401 && answer.contains("www-authenticate: Bearer"), "{answer}");
    }
    let (status, answer) = centre.sign_in(PASSWORD).await;
    assert_eq!(status, 429);
    assert!(answer.contains("retry-after: 31\r\n") && answer.contains("GL-E-API-RATE-LIMIT"), "{answer}");
    // Under another name nothing is locked.
    assert_eq!(centre.call("POST", "/api/v1/session", "", r#"{"user":"eve","password":"x"}"#).await.0, 401);
    centre.now.fetch_add(FIGURES.lock_ms, Ordering::SeqCst);
    assert_eq!(centre.sign_in(PASSWORD).await.0, 200);
}

#[tokio::test]
async fn a_flood_of_sign_ins_from_one_address_is_cut_off_before_its_passwords_are_hashed() {
    let centre = centre().await;
    // Names that there are not cost a hash as well, so no more of these than the limit allows are made.
    let mut answers = std::collections::BTreeMap::new();
    for n in 0..FIGURES.by_source + 20 {
        let body = format!(r#"{{"user":"n{n}","password":"x"}}"#);
        *answers.entry(centre.call("POST", "/api/v1/session", "", &body).await.0).or_insert(0) += 1;
    }
    assert_eq!(answers, [(401, FIGURES.by_source), (429, 20)].into());
}

#[tokio::test]
async fn the_store_and_the_socket_are_closed_to_pages_of_other_sites() {
    let centre = centre().await;
    let token = centre.token().await;
    let cookie = format!("Cookie: {COOKIE}={token}\r\n");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (path, shown, origin, wanted) in [
        ("/api/v1/fleet", &cookie, "http://c", 200),
        ("/api/v1/fleet", &cookie, "http://evil.example", 403),
        ("/api/v1/fleet", &cookie, "null", 403),
        ("/api/v1/fleet", &bearer, "http://evil.example", 200),
        ("/api/v1/live", &cookie, "http://evil.example", 403),
        ("/api/v1/live", &bearer, "http://evil.example", 403),
    ] {
        let headers = format!("{shown}Origin: {origin}\r\n{}", if path.ends_with("live") { upgrade } else { "" });
        let (status, answer) = centre.call("GET", path, &headers, "").await;
        assert_eq!(status, wanted, "{path} {headers}: {answer}");
        assert!(status == 200 || answer.contains("GL-E-API-ORIGIN"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_answered_is_for_nobody_else() {
    let centre = centre().await;
    let answer = centre.call("GET", "/api/v1/fleet", "", "").await.1;
    for line in ["cache-control: no-store", "x-content-type-options: nosniff", "referrer-policy: no-referrer"] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
    let page = centre.call("GET", "/", "", "").await.1;
    for line in ["default-src 'none'", "frame-ancestors 'none'", "x-frame-options: DENY", "nosniff"] {
        assert!(page.contains(line), "{line}: {page}");
    }
    let script = page.lines().find(|l| l.starts_with("content-security-policy")).unwrap();
    let script = script.split(';').find(|part| part.contains("script-src")).unwrap();
    assert_eq!(script.trim(), "script-src 'self'");
}

#[tokio::test]
async fn the_cookie_is_for_tls_alone_where_a_proxy_says_that_the_browser_came_by_it() {
    let centre = centre().await;
    let body = format!(r#"{{"user":"ada","password":"{PASSWORD}"}}"#);
    let plain = centre.call("POST", "/api/v1/session", "", &body).await.1;
    let tls = centre.call("POST", "/api/v1/session", "X-Forwarded-Proto: https\r\n", &body).await.1;
    assert!(!plain.contains("Secure") && tls.contains("Max-Age=43200; Secure"), "{tls}");
}

#[tokio::test]
async fn unknown_fields_are_refused() {
    let centre = centre().await;
    let body = format!(r#"{{"user":"ada","password":"{PASSWORD}","role":"administrator"}}"#);
    let (status, answer) = centre.call("POST", "/api/v1/session", "", &body).await;
    assert!(status == 400 && answer.contains("GL-E-API-INVALID") && answer.contains("role"), "{answer}");
    let bearer = format!("Authorization: Bearer {}\r\n", centre.token().await);
    for path in [
        "/api/v1/journal?form=1",
        "/api/v1/journal?limit=10001",
        "/api/v1/history?tag=north.b1.heat&from=x&to=y",
        "/api/v1/history?tag=north.b1.heat&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "/api/v1/history?tag=north.b1.heat&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&points=0",
        "/api/v1/fleet?plant=north",
        "/api/v1/dispatch/latest?x=1",
        "/api/v1/dispatch/first",
    ] {
        let (status, answer) = centre.call("GET", path, &bearer, "").await;
        assert!(status == 400 && answer.contains("GL-E-API-INVALID"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn ready_needs_every_reported_part() {
    let centre = centre().await;
    let ready = async || centre.call("GET", "/health/ready", "", "").await.0;
    assert_eq!(ready().await, 503);
    centre.gate.report("journal", true, "open");
    assert_eq!(ready().await, 200);
    centre.gate.report("broker", false, "no connection");
    assert_eq!(ready().await, 503);
}

#[tokio::test]
async fn errors_of_the_router_are_problems_too() {
    let centre = centre().await;
    let bearer = format!("Authorization: Bearer {}\r\n", centre.token().await);
    let long = "x".repeat(100_000);
    for (method, path, body, wanted) in [
        ("PUT", "/api/v1/fleet", "", 405),
        ("POST", "/api/v1/session", long.as_str(), 413),
        ("OPTIONS", "/api/v1/fleet", "", 405),
        ("GET", "/api/v1/plants/%FF", "", 400),
        ("GET", "/api/v1/tags?plant=nort", "", 404),
        ("GET", "/api/v1/live", "", 400),
        ("GET", "/api/v1/nothing", "", 404),
        ("GET", "/api/v1/plants/east", "", 404),
        ("GET", "/api/v1/commands/1-2-3", "", 404),
        ("GET", "/api/v1/dispatch/latest", "", 404),
        ("GET", "/api/v1/dispatch/1", "", 404),
        ("GET", "/api/v1/dispatch/99", "", 404),
        ("GET", "/api/v1/history?tag=north.b1.haet&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", "", 404),
    ] {
        let (status, answer) = centre.call(method, path, &bearer, body).await;
        assert_eq!(status, wanted, "{method} {path}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.to_lowercase().contains("content-type: application/problem+json"), "{method} {path}: {head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(problem["code"].as_str().unwrap().starts_with("GL-E-"), "{problem}");
        assert_eq!(problem["status"], wanted);
        assert!(problem["detail"].as_str().unwrap().len() > 20, "{problem}");
    }
}

#[tokio::test]
async fn without_an_edge_the_metrics_show_no_heat_and_no_zero_for_it() {
    let centre = centre().await;
    let bearer = format!("Authorization: Bearer {}\r\n", centre.token().await);
    let (status, text) = centre.call("GET", "/metrics", &bearer, "").await;
    assert_eq!(status, 200);
    for line in [
        "gl_001_leader 1",
        "gl_001_epoch 1",
        "gl_001_journal_entries_total 1",
        "gl_001_edge_link_up{plant=\"north\"} 0",
        "gl_001_samples_stored_total{plant=\"south\"} 0",
        "gl_001_dispatch_total{source=\"last-good\"} 0",
        "gl_001_solve_seconds_count 0",
        // Nobody has verified this journal.
        "gl_audit_chain_valid 0",
    ] {
        assert!(text.lines().any(|l| l.trim() == line), "no {line:?} in {text}");
    }
    assert!(!text.contains("gl_001_heat_megawatts{") && !text.contains("gl_001_unserved_megawatts{"), "{text}");
}

/// Opens a live page.
async fn page(centre: &Centre, headers: &[(&str, String)]) -> tokio_tungstenite::WebSocketStream<TcpStream> {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let mut request = format!("ws://{}/api/v1/live", centre.at).into_client_request().unwrap();
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(centre.at).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

/// The next frame of a live page that is no ping; `None` when the connection is over.
async fn frame(
    socket: &mut tokio_tungstenite::WebSocketStream<TcpStream>,
) -> Option<tokio_tungstenite::tungstenite::Message> {
    use futures::StreamExt;
    tokio::time::timeout(std::time::Duration::from_secs(20), socket.next()).await.expect("a frame").and_then(Result::ok)
}

/// The close code of a page that ends.
async fn ended(socket: &mut tokio_tungstenite::WebSocketStream<TcpStream>) -> Option<u16> {
    use tokio_tungstenite::tungstenite::Message;
    loop {
        match frame(socket).await {
            Some(Message::Close(close)) => break close.map(|c| u16::from(c.code)),
            Some(_) => {}
            None => break None,
        }
    }
}

#[tokio::test]
async fn a_live_page_ends_with_its_session_its_user_and_its_password() {
    let centre = centre().await;
    for end in ["signed out", "expired", "another password", "removed"] {
        let token = centre.token().await;
        let origin = format!("http://{}", centre.at);
        let mut socket = page(&centre, &[("cookie", format!("{COOKIE}={token}")), ("origin", origin)]).await;
        let first = frame(&mut socket).await.expect("a live page");
        assert!(first.to_text().unwrap().contains(r#""type":"snapshot""#), "{first}");
        match end {
            "expired" => _ = centre.now.fetch_add(SESSION_MS, Ordering::SeqCst),
            "another password" => centre.gate.users.set_password("ada", PASSWORD, [9; 16]).await.unwrap(),
            "removed" => centre.gate.users.remove("ada").await.unwrap(),
            _ => {
                let bearer = format!("Authorization: Bearer {token}\r\n");
                assert_eq!(centre.call("DELETE", "/api/v1/session", &bearer, "").await.0, 204);
            }
        }
        assert_eq!(ended(&mut socket).await, Some(4401), "{end}");
    }
}

#[tokio::test]
async fn a_live_page_shows_the_plants_of_its_user_and_follows_a_change_of_them() {
    let centre = centre().await;
    centre.alive().await;
    let only = |id| Scope::Only([PlantId::new(id).unwrap()].into());
    let bearer = centre.user("nora", Role::Viewer, only("north"), centre.time()).await;
    let shown = bearer.trim_end().split_once(": ").unwrap().1.to_owned();
    let mut socket = page(&centre, &[("authorization", shown)]).await;
    let mut next = async |wanted: &str| loop {
        let text = frame(&mut socket).await.expect("a live page").to_text().unwrap().to_owned();
        if text.contains(&format!(r#""type":"{wanted}""#)) {
            break serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    };
    let first = next("snapshot").await;
    assert!(first["plants"]["north"].is_object() && first["plants"]["south"].is_null(), "{first}");
    let of = |frame: &serde_json::Value| -> std::collections::BTreeSet<String> {
        let tags = frame["tags"].as_array().unwrap().iter();
        tags.map(|t| t["plant"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((of(&first), first["fleet"]["plants"].as_array().unwrap().len()), (["north".to_owned()].into(), 1));
    assert!(!first["dispatch"].to_string().contains("south"), "{}", first["dispatch"]);
    centre.gate.users.set_plants("nora", &only("south")).await.unwrap();
    let anew = next("snapshot").await;
    assert_eq!(of(&anew), ["south".to_owned()].into());
}

#[tokio::test]
async fn a_key_is_one_command_of_one_user() {
    let centre = centre().await;
    centre.alive().await;
    let ada = format!("Authorization: Bearer {}\r\n", centre.token().await);
    let bob = centre.user("bob", Role::Operator, Scope::Every, centre.time()).await;
    let send = async |who: &str, key: &str, value: f64| {
        let body = format!(r#"{{"plant":"north","setpoint":"north.b2.load-sp","value":{value},"reason":"a try"}}"#);
        let headers = format!("{who}Idempotency-Key: {key}\r\n");
        let (status, answer) = centre.call("POST", "/api/v1/commands", &headers, &body).await;
        let body: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        (status, body["id"].as_str().or(body["code"].as_str()).unwrap().to_owned())
    };
    let (status, first) = send(&ada, "k1", 4.0).await;
    assert_eq!(status, 202, "{first}");
    assert_eq!(send(&ada, "k1", 4.0).await, (202, first.clone()), "a repetition is answered by the first one's id");
    assert_eq!(send(&ada, " k1 ", 4.0).await, (202, first.clone()));
    assert_eq!(send(&ada, "k1", 5.0).await, (409, "GL-E-KEY-REUSED".into()));
    for other in [send(&ada, "k2", 4.0).await, send(&bob, "k1", 4.0).await] {
        assert!(other.0 == 202 && other.1 != first, "{other:?}");
    }
    for key in ["", "ü", &"k".repeat(256), "a\r\nIdempotency-Key: b"] {
        assert_eq!(send(&ada, key, 4.0).await, (400, "GL-E-API-INVALID".into()), "{key}");
    }
    let body = r#"{"plant":"north","setpoint":"north.b2.load-sp","value":4,"reason":" "}"#;
    let (status, answer) =
        centre.call("POST", "/api/v1/commands", &format!("{ada}Idempotency-Key: k9\r\n"), body).await;
    assert!(status == 400 && answer.contains("reason"), "{answer}");
}

/// The centre is well, the plant is not there: that is no error of ours, and says which it is.
#[tokio::test]
async fn a_command_to_a_plant_that_is_not_linked_is_a_conflict() {
    let centre = centre().await;
    let ada = format!("Authorization: Bearer {}\r\nIdempotency-Key: k1\r\n", centre.token().await);
    let body = r#"{"plant":"north","setpoint":"north.b2.load-sp","value":4,"reason":"a try"}"#;
    let (status, answer) = centre.call("POST", "/api/v1/commands", &ada, body).await;
    assert_eq!(status, 409, "{answer}");
    let problem: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&"GL-E-NOT-LINKED".into(), &409.into()));
    assert!(problem["detail"].as_str().unwrap().contains("'north' is not connected"), "{problem}");
}

#[tokio::test]
async fn the_console_is_read_and_nothing_else() {
    let centre = centre().await;
    assert_eq!(centre.call("HEAD", "/", "", "").await.0, 200);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let (status, answer) = centre.call(method, "/", "", "").await;
        assert!(status == 405 && answer.contains("allow: GET, HEAD"), "{method}: {answer}");
    }
}

/// An edge that knows more of the journal than this centre: a fork, and an alarm of the whole. Returns when it stands.
async fn forked(centre: &Centre) -> String {
    let theirs = Head { seq: 5000, hash: Head::genesis(&centre.fleet.id).hash };
    let anchor = Some((1, Some(theirs)));
    let status = Status { boot: 1, tick: Tick(1), mode: None, trips: None, devices: None, spool: None, anchor };
    centre.handle.give(Input::EdgeStatus { plant: PlantId::new("north").unwrap(), status }).await.unwrap();
    loop {
        let alarms = centre.handle.ask(|domain, _| domain.alarm_views()).await.unwrap();
        if let Some(alarm) = alarms.iter().find(|a| a.id == "journal-fork") {
            break alarm.raised.clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_alarm_is_listed_taken_note_of_once_and_gone() {
    let centre = centre().await;
    let raised = forked(&centre).await;
    let ada = format!("Authorization: Bearer {}\r\n", centre.token().await);
    let only = Scope::Only([PlantId::new("north").unwrap()].into());
    let vic = centre.user("vic", Role::Viewer, Scope::Every, centre.time()).await;
    let nora = centre.user("nora", Role::Operator, only, centre.time()).await;
    let list = async |who: &str| {
        let (status, answer) = centre.call("GET", "/api/v1/alarms", who, "").await;
        assert_eq!(status, 200, "{answer}");
        let body: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        body["alarms"].as_array().unwrap().clone()
    };
    let note = async |who: &str, alarm: &str, raised: &str| {
        let path = format!("/api/v1/alarms/{alarm}/acknowledge");
        let (status, answer) = centre.call("POST", &path, who, &format!(r#"{{"raised":"{raised}"}}"#)).await;
        let body: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        (status, body["id"].as_str().or(body["code"].as_str()).unwrap().to_owned())
    };
    let seen = list(&vic).await;
    assert_eq!(
        (seen.len(), &seen[0]["state"], &seen[0]["runbook"]),
        (1, &"unacknowledged".into(), &None::<&str>.into())
    );
    assert_eq!(seen[0]["raised"], raised.as_str());
    assert!(list(&nora).await.is_empty(), "an alarm of the whole is for those who see all of it");
    for (who, alarm, at, wanted) in [
        (&vic, "journal-fork", raised.as_str(), (403, "GL-E-RBAC-DENIED")),
        (&nora, "journal-fork", &raised, (403, "GL-E-TENANT-ISOLATION")),
        (&nora, "trip:south.b1", &raised, (403, "GL-E-TENANT-ISOLATION")),
        (&nora, "trip:north.b1", &raised, (404, "GL-E-NO-ALARM")),
        (&ada, "nothing", &raised, (404, "GL-E-NO-ALARM")),
        (&ada, "journal-fork", "2026-01-01T00:00:00Z", (409, "GL-E-ALARM-ANEW")),
        (&ada, "journal-fork", "yesterday", (400, "GL-E-API-INVALID")),
    ] {
        assert_eq!(note(who, alarm, at).await, (wanted.0, wanted.1.to_owned()), "{alarm} {at}");
    }
    assert_eq!(list(&vic).await.len(), 1, "what is refused takes note of nothing");
    assert_eq!(note(&ada, "journal-fork", &raised).await, (200, "journal-fork".into()));
    assert!(list(&vic).await.is_empty());
    let (_, journal) = centre.call("GET", "/api/v1/journal?limit=100", &ada, "").await;
    assert!(journal.contains(r#""kind":"alarm-acknowledged""#) && journal.contains(r#""user":"ada""#), "{journal}");
}

#[tokio::test]
async fn a_replica_that_follows_shows_the_alarms_and_takes_note_of_none() {
    let centre = centre().await;
    let raised = forked(&centre).await;
    let ada = format!("Authorization: Bearer {}\r\n", centre.token().await);
    centre.handle.leave().await.unwrap();
    let body = format!(r#"{{"raised":"{raised}"}}"#);
    let (status, answer) = centre.call("POST", "/api/v1/alarms/journal-fork/acknowledge", &ada, &body).await;
    assert!(status == 503 && answer.contains("GL-E-NOT-LEADING"), "{answer}");
    let (status, answer) = centre.call("GET", "/api/v1/alarms", &ada, "").await;
    assert!(status == 200 && answer.contains("journal-fork"), "{answer}");
}

/// Five weeks in which the halls ask for 14 MW for two hours, two hours from now, and for 4 otherwise.
fn five_weeks() -> Vec<Arrived> {
    const HOUR_MS: i64 = 3_600_000;
    let now = ambient::now();
    let peak = 2 * HOUR_MS..4 * HOUR_MS;
    let asked = |time: Millis| if peak.contains(&time.since(now).rem_euclid(24 * HOUR_MS)) { 14.0 } else { 4.0 };
    let tag: hypocaust_protocols::model::TagId = "north.halls.asked".parse().unwrap();
    let sample = |time| Sample { tag: tag.clone(), time, value: Some(asked(time)), quality: Quality::Good };
    let times = (now.0 - 35 * 24 * HOUR_MS..now.0).step_by(450_000).map(Millis);
    let entry = Entry { boot: 9, seq: 1, device: "north.plc2".parse().unwrap(), samples: times.map(sample).collect() };
    vec![Arrived { plant: PlantId::new("north").unwrap(), entry }]
}

#[tokio::test]
async fn what_the_history_knows_of_the_hours_to_come_is_in_the_plan_which_says_so() {
    let halls = async |past: &[Arrived], basis: &str| {
        let centre = centre_after(past).await;
        centre.alive().await;
        let bearer = format!("Authorization: Bearer {}\r\n", centre.token().await);
        // The first plan may be made before the past is read.
        for _ in 0..600 {
            let (status, answer) = centre.call("GET", "/api/v1/dispatch/plan", &bearer, "").await;
            let body = answer.split("\r\n\r\n").nth(1).unwrap();
            let plan: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            let halls = &plan["consumers"]["north.halls"];
            if status == 200 && halls["basis"] == basis && plan["past_until"].is_string() {
                let asked = halls["asked"].as_array().unwrap().iter().map(|mw| mw.as_f64().unwrap());
                return asked.fold(0.0, f64::max);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("no plan rests on the {basis}");
    };
    let most = halls(&five_weeks(), "history").await;
    assert!((13.0..14.1).contains(&most), "{most}");
    // The file's profile knows of no peak: what is asked for now, 1 MW, and a little more in the morning.
    let most = halls(&[], "profile").await;
    assert!(most < 3.0, "{most}");
}
