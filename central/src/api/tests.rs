use super::*;
use crate::domain::{self, Domain, Judges};
use crate::journal::Head;
use crate::users::{Role, SESSION_MS, TRIES};
use hypocaust_protocols::wire::SigningKey;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PASSWORD: &str = "correct horse";

struct Centre {
    at: SocketAddr,
    gate: Gate,
    now: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

/// A real service on a free loopback port, with a clock that stands still.
async fn centre() -> Centre {
    let folder = tempfile::tempdir().unwrap();
    let users = Users::open(&folder.path().join("users.db")).await.unwrap();
    users.add("ada", Role::Operator, PASSWORD, [1; 16]).await.unwrap();
    let now = Arc::new(AtomicI64::new(1_000_000));
    let clock = now.clone();
    let gate = Gate::new(users, Arc::new(move || Millis(clock.load(Ordering::SeqCst))));
    let history = telemetry::Sqlite::open(&folder.path().join("history.db")).await.unwrap();
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    let fleet = Arc::new(hypocaust_protocols::files::load(&small).unwrap());
    let journal = journal::sqlite::Sqlite::open(&folder.path().join("journal.db"), &fleet.id).await.unwrap();
    let key = SigningKey::from_bytes(&[3; 32]);
    let head = Head::genesis(&fleet.id);
    let domain = Domain::new(Arc::clone(&fleet), key, Judges::ours(), 1, domain::State::fold([]), head);
    let metrics = Metrics::new(&fleet);
    let (outgoing, _nobody) = tokio::sync::mpsc::channel(16);
    let (leader, handle) = crate::shell::leader::leader(domain, journal.clone(), outgoing, metrics.clone());
    tokio::spawn(leader.run());
    while !handle.ask(|domain, _| domain.leads()).await.unwrap() {
        tokio::task::yield_now().await;
    }
    let service = router(gate.clone(), fleet, history, journal, handle, metrics);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    // Without the peer's address: every caller is treated as one from outside.
    tokio::spawn(async move { axum::serve(listener, service).await });
    Centre { at, gate, now, _folder: folder }
}

impl Centre {
    /// The status and the whole answer.
    async fn call(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        (answer[9..12].parse().unwrap(), answer)
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
async fn wrong_passwords_run_into_the_limit_and_the_right_one_waits_too() {
    let centre = centre().await;
    for _ in 0..TRIES {
        assert_eq!(centre.sign_in("wrong horse").await.0, 401);
    }
    let (status, answer) = centre.sign_in(PASSWORD).await;
    assert_eq!(status, 429);
    assert!(answer.contains("retry-after") && answer.contains("GL-E-API-RATE-LIMIT"));
    centre.now.fetch_add(WINDOW_MS, Ordering::SeqCst);
    assert_eq!(centre.sign_in(PASSWORD).await.0, 200);
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
    let long = "x".repeat(3_000_000);
    for (method, path, body, wanted) in [
        ("PUT", "/api/v1/fleet", "", 405),
        ("POST", "/api/v1/session", long.as_str(), 413),
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

/// The next frame of a live page that is no ping; `None` when the connection is over.
async fn frame(
    socket: &mut tokio_tungstenite::WebSocketStream<TcpStream>,
) -> Option<tokio_tungstenite::tungstenite::Message> {
    use futures::StreamExt;
    tokio::time::timeout(std::time::Duration::from_secs(20), socket.next()).await.expect("a frame").and_then(Result::ok)
}

#[tokio::test]
async fn a_live_page_ends_with_its_session() {
    use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
    let centre = centre().await;
    for end in ["signed out", "expired"] {
        let token = centre.token().await;
        let mut request = format!("ws://{}/api/v1/live", centre.at).into_client_request().unwrap();
        request.headers_mut().insert("cookie", format!("{COOKIE}={token}").parse().unwrap());
        let stream = TcpStream::connect(centre.at).await.unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        let first = frame(&mut socket).await.expect("a live page");
        assert!(first.to_text().unwrap().contains(r#""type":"snapshot""#), "{first}");
        match end {
            "expired" => _ = centre.now.fetch_add(SESSION_MS, Ordering::SeqCst),
            _ => {
                let bearer = format!("Authorization: Bearer {token}\r\n");
                assert_eq!(centre.call("DELETE", "/api/v1/session", &bearer, "").await.0, 204);
            }
        }
        let code = loop {
            match frame(&mut socket).await {
                Some(Message::Close(close)) => break close.map(|c| u16::from(c.code)),
                Some(_) => {}
                None => break None,
            }
        };
        assert_eq!(code, Some(4401), "{end}");
    }
}
