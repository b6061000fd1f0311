//! OPC UA by others, asyncua and node-opcua: as clients of the simulated devices, and as servers for the edge. Keys and
//! certificates are made as every program of ours makes them.

use hypocaust_protocols::opcua::pki::{OWN_KEY, Pki};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Who judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    Asyncua,
    NodeOpcua,
}

impl Judge {
    /// Its script of this name, ready to run.
    fn command(self, script: &str) -> Command {
        let scripts = super::root().join("tests/judges");
        match self {
            Judge::Asyncua => {
                let mut command = Command::new(super::python());
                command.arg(scripts.join(format!("{script}.py")));
                command
            }
            Judge::NodeOpcua => {
                let mut command = Command::new("node");
                // The library still offers RSA PKCS1, of which newer versions of Node warn; Basic256Sha256 does not use it.
                command.arg("--security-revert=CVE-2023-46809").arg(scripts.join(format!("{script}.cjs")));
                command
            }
        }
    }
}

/// A key pair of a judge in a folder of its own.
pub struct Identity {
    pub pki: Pki,
    pub uri: String,
    scratch: PathBuf,
}

impl Identity {
    #[must_use]
    pub fn new(folder: &Path, name: &str) -> Self {
        let uri = format!("urn:judge:{name}");
        let hosts = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let pki = Pki::open(&folder.join(name), name, &uri, &hosts).expect("a key pair can be made");
        Self { pki, uri, scratch: folder.join(format!("{name}-scratch")) }
    }

    fn files(&self) -> Value {
        json!({
            "uri": self.uri, "certificate": self.pki.own_certificate(), "key": self.pki.folder().join(OWN_KEY),
            "scratch": self.scratch,
        })
    }
}

fn joined(mut first: Value, second: Value) -> Value {
    let (Value::Object(into), Value::Object(from)) = (&mut first, second) else { panic!("two objects") };
    into.extend(from);
    first
}

/// What a client is to do.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub url: &'a str,
    pub namespace: &'a str,
    pub server_certificate: &'a Path,
    pub secure: bool,
    pub reads: &'a [&'a str],
    /// Node, type, number.
    pub writes: &'a [(&'a str, &'a str, f64)],
}

/// A judge as client: its answer, or why it got no session.
pub fn client(judge: Judge, who: &Identity, asked: &Asked<'_>) -> Result<Value, String> {
    let writes: Vec<Value> =
        asked.writes.iter().map(|(node, kind, value)| json!({"node": node, "type": kind, "value": value})).collect();
    let order = json!({
        "url": asked.url, "namespace": asked.namespace, "server_certificate": asked.server_certificate,
        "secure": asked.secure, "reads": asked.reads, "writes": writes,
    });
    let mut child = judge
        .command("opcua_client")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{judge:?} cannot be run: {e}; `make setup` installs it"));
    let text = joined(order, who.files()).to_string();
    child.stdin.take().expect("it was asked for").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    if !output.status.success() {
        return Err(super::text(&output));
    }
    // The libraries talk on standard output too; the answer is the last line.
    let said = String::from_utf8_lossy(&output.stdout);
    let answer = said.trim_end().lines().last().unwrap_or_default();
    serde_json::from_str(answer).map_err(|e| format!("{e}: {}", super::text(&output)))
}

/// A judge as server.
pub struct Server {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// `nodes`: a list of `{"node","type","value","writable"}`. Waits until it listens.
    #[must_use]
    pub fn start(judge: Judge, who: &Identity, port: u16, namespace: &str, shift: u32, nodes: &Value) -> Self {
        let config = json!({ "port": port, "namespace": namespace, "shift": shift, "nodes": nodes });
        let log = who.scratch.with_extension("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        let mut child = judge
            .command("opcua_server")
            .arg(joined(config, who.files()).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|e| panic!("{judge:?} cannot be run: {e}; `make setup` installs it"));
        let orders = child.stdin.take().expect("it was asked for");
        let answers = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut server = Self { child, orders, answers };
        assert!(
            server.until("ready").is_some(),
            "{judge:?} does not start: {}",
            std::fs::read_to_string(log).unwrap_or_default()
        );
        server
    }

    /// The line before this word; `None`: it ended.
    fn until(&mut self, word: &str) -> Option<String> {
        let mut before = String::new();
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim() == word {
                return Some(before);
            }
            before = line;
        }
    }

    /// Carries out one order.
    pub fn order(&mut self, order: &Value) -> String {
        writeln!(self.orders, "{order}").expect("the judge's server reads");
        self.until("done").expect("the judge's server lives")
    }

    pub fn set(&mut self, node: &str, number: f64) {
        self.order(&json!({ "set": { node: number } }));
    }

    pub fn get(&mut self, node: &str) -> f64 {
        self.order(&json!({ "get": node })).trim().parse().expect("a number")
    }

    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(done.is_ok_and(|s| s.success()), "kill {name}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PASS: u8 = 0;
const HOLD: u8 = 1;

/// A wire that can be cut or go dead between an edge and a server.
pub struct Wire {
    pub port: u16,
    mode: Arc<AtomicU8>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    /// To this port of this machine, for as long as the process lives.
    #[must_use]
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let wire = Self { port, mode: Arc::default(), ends: Arc::default() };
        let (mode, ends) = (wire.mode.clone(), wire.ends.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (Ok(mut from), Ok(mut to), mode) = (from.try_clone(), to.try_clone(), mode.clone()) else {
                        return;
                    };
                    std::thread::spawn(move || carry(&mut from, &mut to, &mode));
                }
                ends.lock().unwrap_or_else(PoisonError::into_inner).extend([near, far]);
            }
        });
        wire
    }

    /// Nothing arrives any more, in either direction, and nobody is told.
    pub fn hold(&self) {
        self.mode.store(HOLD, Ordering::Relaxed);
    }

    pub fn pass(&self) {
        self.mode.store(PASS, Ordering::Relaxed);
    }

    /// Every connection ends.
    pub fn cut(&self) {
        for end in self.ends.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn carry(from: &mut TcpStream, to: &mut TcpStream, mode: &AtomicU8) {
    let mut bytes = [0u8; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        while mode.load(Ordering::Relaxed) == HOLD {
            std::thread::sleep(Duration::from_millis(20));
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
