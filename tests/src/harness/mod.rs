//! The real programs under test: a whole demo in a folder of its own, on free loopback ports, ended even when a test
//! fails.
//!
//! [`Demo`] starts `hypocaust-sim demo --ports auto` and knows what `endpoints.json` says. It is started through
//! `setpriv --pdeathsig` from a thread that lives as long as the test binary, so that it ends with the binary however
//! that ends, and the demo's own children end with the demo. [`modbus`] is an independent reader of registers, [`opcua`]
//! runs clients and servers by others: they share no line with the drivers that are judged. Every wait is bounded and says what it waited for.

#![expect(clippy::disallowed_methods, reason = "system tests measure real programs by the real clock")]

pub mod held;
pub mod kafka;
pub mod modbus;
pub mod opcua;
mod python;
pub mod schema;

pub use python::python;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

/// From the start of the demo to `endpoints.json`; the issue asks for 10 s on an idle machine, tests may share theirs.
const READY_WITHIN: Duration = Duration::from_secs(60);

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().expect("a runtime needs only threads"));

/// Runs a future to its end on the runtime that all tests share.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// Lets a future run beside the tests.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    RUNTIME.spawn(future);
}

/// A port of loopback that nobody listens on now.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// The folder with the programs, which is the one above this test binary's.
#[must_use]
pub fn programs() -> PathBuf {
    let exe = std::env::current_exe().expect("a test knows where it lies");
    let folder = exe.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST").to_owned();
    for name in ["hypocaust-sim", "hypocaust-central", "hypocaust-edge", "hypocaust-optimizer"] {
        assert!(
            folder.join(name).is_file(),
            "{} is missing: run `make build`, or `make test`, which does",
            folder.join(name).display()
        );
    }
    folder
}

/// CPU seconds that a process has used; NaN when there is no such process.
#[must_use]
pub fn cpu_s(pid: u32) -> f64 {
    /// Clock ticks a second in `/proc/PID/stat`; 100 on every Linux that Debian builds.
    const TICKS_PER_S: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name in brackets: state is field 0, user time 11, system time 12.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / TICKS_PER_S
}

/// What a process holds in memory, in MB; NaN when there is no such process.
#[must_use]
pub fn resident_mb(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kb| kb / 1024.0)
}

/// A program of ours, ready to be given its verb.
#[must_use]
pub fn program(name: &str) -> Command {
    Command::new(programs().join(name))
}

/// The checkout.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the workspace").to_owned()
}

#[must_use]
pub fn small_fleet() -> PathBuf {
    root().join("deploy/fleets/small")
}

/// Looks until the probe gives something; the probe's last reason is told when it never does.
pub fn wait_until<T, E: Display>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<T, E>,
) -> (T, Duration) {
    let began = Instant::now();
    loop {
        match probe() {
            Ok(value) => return (value, began.elapsed()),
            Err(why) if began.elapsed() > limit => panic!("{what}: not within {limit:?}; last: {why}"),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Runs to the end, within `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
    let pid = child.id();
    let (done, wait) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let late = wait.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        if late {
            signal(pid, nix::sys::signal::Signal::SIGKILL);
        }
        late
    });
    child.stdin.take();
    let output = child.wait_with_output().expect("the output of a child can be read");
    drop(done);
    let late = watchdog.join().expect("the watchdog does not panic");
    assert!(!late, "{command:?} did not end within {limit:?}: {}", text(&output));
    output
}

/// Both streams, for messages.
#[must_use]
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("process ids are small"));
    // The process may have ended by itself, which whoever sent the signal wanted.
    let _ = nix::sys::signal::kill(pid, signal);
}

#[must_use]
pub fn runs(pid: u32) -> bool {
    // A zombie is no running process, it only waits to be asked.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
}

#[derive(Debug, Clone)]
pub struct Options {
    pub fleet: PathBuf,
    pub speed: f64,
    /// Of the demo: settings of its programs.
    pub environment: Vec<(String, String)>,
    /// Its folder; none: one of its own, which goes with it.
    pub data: Option<PathBuf>,
    /// Start anew in it.
    pub clean: bool,
    /// How long it may take to be ready.
    pub ready_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            fleet: small_fleet(),
            speed: 1.0,
            environment: Vec::new(),
            data: None,
            clean: false,
            ready_within: READY_WITHIN,
        }
    }
}

/// A process as `endpoints.json` names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub name: String,
    pub plant: Option<String>,
    /// Which of several that do the same.
    pub replica: Option<String>,
    pub pid: u32,
}

impl Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.plant.as_ref().or(self.replica.as_ref()) {
            Some(which) => write!(f, "{} ({which})", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A running demo.
pub struct Demo {
    /// Of the supervisor.
    pub pid: u32,
    pub data: PathBuf,
    pub options: Options,
    pub ready_after: Duration,
    /// Ends when the supervisor has.
    ended: std::sync::Mutex<mpsc::Receiver<()>>,
    token: String,
    http: reqwest::Client,
    console: String,
    folder: Option<tempfile::TempDir>,
}

impl Demo {
    /// Starts and waits until it is ready.
    #[must_use]
    pub fn start(options: Options) -> Self {
        let folder =
            tempfile::Builder::new().prefix("hypocaust-test-").tempdir().expect("a temporary folder can be made");
        let data = options.data.clone().unwrap_or_else(|| folder.path().join("demo"));
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM", "--"])
            .arg(programs().join("hypocaust-sim"))
            .args(["demo", "--ports", "auto", "--speed", &options.speed.to_string()])
            .arg("--fleet")
            .arg(&options.fleet)
            .arg("--data")
            .arg(&data)
            .args(options.clean.then_some("--clean"))
            .envs(options.environment.iter().cloned())
            .stdin(Stdio::null())
            // A group of its own, as a terminal gives it.
            .process_group(0)
            .stdout(output(folder.path(), "stdout"))
            .stderr(output(folder.path(), "stderr"));
        // The death signal follows the thread that forked; this one ends with the demo or with the test binary.
        let (started, start) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let mut child = command.spawn().expect("setpriv is part of every Debian");
            started.send(child.id()).expect("the starter waits");
            let _ = child.wait();
            let _ = end.send(());
        });
        let pid = start.recv().expect("the demo starts");
        let mut demo = Self {
            pid,
            data,
            options,
            ready_after: Duration::ZERO,
            ended: std::sync::Mutex::new(ended),
            token: String::new(),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(10))
                .build()
                .expect("a plain client"),
            console: String::new(),
            folder: Some(folder),
        };
        let began = Instant::now();
        while !demo.data.join("endpoints.json").is_file() {
            assert!(runs(pid), "the demo ended before it was ready:\n{}", demo.said());
            let within = demo.options.ready_within;
            assert!(began.elapsed() < within, "the demo is not ready after {within:?}:\n{}", demo.said());
            std::thread::sleep(Duration::from_millis(50));
        }
        demo.ready_after = began.elapsed();
        demo.console = demo.endpoints()["console"].as_str().expect("console is a text").to_owned();
        demo.sign_in();
        demo
    }

    fn sign_in(&mut self) {
        let login = self.endpoints()["login"].clone();
        let (status, session) = self.call(reqwest::Method::POST, "/api/v1/session", Some(&login), &[]);
        assert_eq!(status, 200, "signing in as {login}: {session}");
        self.token = session["token"].as_str().expect("a session has a token").to_owned();
    }

    /// What the supervisor has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        let Some(folder) = &self.folder else { return String::new() };
        ["stdout", "stderr"]
            .map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default())
            .join("\n")
    }

    /// What a program has logged so far; by the name of its file (`edge-north`).
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        let file = self.data.join("log").join(format!("{name}.log"));
        std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
    }

    #[must_use]
    pub fn endpoints(&self) -> Value {
        let text = std::fs::read_to_string(self.data.join("endpoints.json")).expect("a ready demo has endpoints.json");
        serde_json::from_str(&text).expect("endpoints.json is JSON, whole at any time")
    }

    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        self.endpoints()["processes"]
            .as_array()
            .expect("processes is a list")
            .iter()
            .map(|p| Process {
                name: p["name"].as_str().expect("a process has a name").into(),
                plant: p["plant"].as_str().map(Into::into),
                replica: p["replica"].as_str().map(Into::into),
                pid: u32::try_from(p["pid"].as_u64().expect("a process has a pid")).expect("process ids are small"),
            })
            .collect()
    }

    #[must_use]
    pub fn pid_of(&self, name: &str) -> u32 {
        self.processes().into_iter().find(|p| p.name == name).unwrap_or_else(|| panic!("{name} does not run")).pid
    }

    /// Of every replica.
    #[must_use]
    pub fn consoles(&self) -> Vec<String> {
        let endpoints = self.endpoints();
        let consoles = endpoints["consoles"].as_array().expect("consoles is a list");
        consoles.iter().map(|c| c.as_str().expect("a console is a text").to_owned()).collect()
    }

    #[must_use]
    pub fn console(&self) -> &str {
        &self.console
    }

    /// `host:port` of the broker.
    #[must_use]
    pub fn mqtt(&self) -> (String, u16) {
        let url = self.endpoints()["mqtt"].as_str().expect("mqtt is a text").to_owned();
        let (host, port) = url.trim_start_matches("mqtt://").rsplit_once(':').expect("host:port");
        (host.into(), port.parse().expect("a port"))
    }

    /// Bootstrap of the bus.
    #[must_use]
    pub fn kafka(&self) -> String {
        self.endpoints()["kafka"].as_str().expect("kafka is a text").to_owned()
    }

    /// Device id -> `host:port`.
    #[must_use]
    pub fn devices(&self) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.data.join("devices.json")).expect("a demo writes devices.json");
        serde_json::from_str(&text).expect("device id -> address")
    }

    /// One request with the session's token; status and body (null when it is not JSON).
    pub fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        self.try_call(method, path, body, headers).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    pub fn try_call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<(u16, Value), String> {
        let answer = self.try_call_at(&self.console, method.clone(), path, body, headers)?;
        // Another replica leads: the request goes there, as every client's has to.
        match answer.1["leader"].as_str() {
            Some(leader) if answer.0 == 421 => self.try_call_at(leader, method, path, body, headers),
            _ => Ok(answer),
        }
    }

    /// The same of a certain replica, by the address of its console.
    pub fn try_call_at(
        &self,
        console: &str,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<(u16, Value), String> {
        let mut request = self.http.request(method, format!("{console}{path}")).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        block_on(async {
            let answer = request.send().await.map_err(|e| e.to_string())?;
            let status = answer.status().as_u16();
            let text = answer.text().await.map_err(|e| e.to_string())?;
            Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
        })
    }

    /// GET that must succeed.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        self.try_get(path).unwrap_or_else(|why| panic!("{why}"))
    }

    pub fn try_get(&self, path: &str) -> Result<Value, String> {
        match self.try_call(reqwest::Method::GET, path, None, &[]) {
            Ok((200, body)) => Ok(body),
            Ok((status, body)) => Err(format!("GET {path}: {status} {body}")),
            Err(why) => Err(format!("GET {path}: {why}")),
        }
    }

    /// GET at a certain replica, by the address of its console.
    pub fn try_get_at(&self, console: &str, path: &str) -> Result<Value, String> {
        match self.try_call_at(console, reqwest::Method::GET, path, None, &[]) {
            Ok((200, body)) => Ok(body),
            Ok((status, body)) => Err(format!("GET {console}{path}: {status} {body}")),
            Err(why) => Err(format!("GET {console}{path}: {why}")),
        }
    }

    /// A tag as the API shows it.
    #[must_use]
    pub fn tag(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/v1/tags?prefix={id}"));
        let tags = answer["tags"].as_array().expect("tags is a list");
        tags.iter().find(|t| t["id"] == id).unwrap_or_else(|| panic!("the API shows no tag {id}: {answer}")).clone()
    }

    /// Sum of a metric over the series whose labels contain `labels`; `None` when there is none.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        sum_of(&self.metrics(None)?, name, labels)
    }

    /// What the replica that leads, or the edge of a plant, shows to Prometheus.
    pub fn metrics(&self, edge: Option<&str>) -> Option<String> {
        let Some(plant) = edge else { return self.text(&format!("{}/metrics", self.leading())) };
        let endpoints = self.endpoints();
        let plants = endpoints["plants"].as_array().expect("plants is a list");
        let plant = plants.iter().find(|p| p["id"] == plant).expect("the plant exists");
        self.text(plant["metrics"].as_str().expect("metrics is a text"))
    }

    /// The console of the replica that leads; the first one's while nobody does.
    #[must_use]
    pub fn leading(&self) -> String {
        let fleet = self.try_get("/api/v1/fleet").unwrap_or_default();
        fleet["leader_address"].as_str().unwrap_or(&self.console).to_owned()
    }

    /// The same as [`Demo::metric`] of an edge's own.
    pub fn edge_metric(&self, plant: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        sum_of(&self.metrics(Some(plant))?, name, labels)
    }

    fn text(&self, url: &str) -> Option<String> {
        block_on(async { self.http.get(url).send().await.ok()?.text().await.ok() })
    }

    /// `hypocaust-sim inject` on this demo's simulator; must succeed.
    pub fn inject(&self, plant: &str, words: &[&str]) {
        if let Err(said) = self.try_inject(plant, words) {
            panic!("inject {words:?} at {plant}: {said}");
        }
    }

    /// The same where the simulator may be dead; what the program said then.
    pub fn try_inject(&self, plant: &str, words: &[&str]) -> Result<(), String> {
        let control = self.endpoints()["control"].as_str().expect("control is a text").to_owned();
        let mut command = program("hypocaust-sim");
        command.args(["inject", "--control", &control, "--plant", plant]).args(words);
        let output = run(&mut command, Duration::from_secs(10));
        if output.status.success() { Ok(()) } else { Err(text(&output)) }
    }

    /// Every accepted register write, from the simulator's own log: (milliseconds since 1970, tag, value).
    #[must_use]
    pub fn register_writes(&self) -> Vec<RegisterWrite> {
        self.simulator_log()
    }

    /// Every sensor that was made to stick, from the same log.
    #[must_use]
    pub fn stuck_sensors(&self) -> Vec<Stuck> {
        self.simulator_log()
    }

    /// The lines of this kind.
    fn simulator_log<T: serde::de::DeserializeOwned>(&self) -> Vec<T> {
        let text = std::fs::read_to_string(self.data.join("register-writes.jsonl")).unwrap_or_default();
        // The last line may be half written, also where the simulator was killed.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn ends_within(&self, limit: Duration) -> bool {
        self.ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv_timeout(limit).is_ok()
    }

    /// Ctrl-C, which a terminal sends to the whole group, the children too; waits for the end.
    pub fn stop(&self) {
        let group = nix::unistd::Pid::from_raw(i32::try_from(self.pid).expect("a process id"));
        // It may have ended by itself, which is what is wanted.
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGINT);
        if !self.ends_within(Duration::from_secs(30)) && runs(self.pid) {
            signal(self.pid, nix::sys::signal::Signal::SIGKILL);
            panic!("the demo did not stop within 30 s of SIGINT:\n{}", self.said());
        }
    }
}

/// A line of the simulator's log: a sensor that was made to stick.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Stuck {
    pub time: String,
    pub fault: StuckAt,
}

#[derive(Debug, Clone, serde::Deserialize)]
pub struct StuckAt {
    pub name: String,
    pub value: f64,
}

/// A line of the simulator's log: a register that was written.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct RegisterWrite {
    pub time: String,
    pub tag: String,
    pub value: f64,
}

fn output(folder: &Path, name: &str) -> Stdio {
    std::fs::File::create(folder.join(name)).expect("a file in a fresh folder can be made").into()
}

/// Of a text in Prometheus' format.
fn sum_of(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut sum = None;
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let (series_name, rest) = series.split_once('{').unwrap_or((series, ""));
        let fits = series_name == name && labels.iter().all(|(k, v)| rest.contains(&format!("{k}=\"{v}\"")));
        if let (true, Ok(value)) = (fits, value.parse::<f64>()) {
            sum = Some(sum.unwrap_or(0.0) + value);
        }
    }
    sum
}

impl Drop for Demo {
    fn drop(&mut self) {
        if runs(self.pid) {
            signal(self.pid, nix::sys::signal::Signal::SIGTERM);
            if !self.ends_within(Duration::from_secs(20)) {
                signal(self.pid, nix::sys::signal::Signal::SIGKILL);
            }
        }
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            let _ = writeln!(std::io::stderr(), "the demo's folder is kept: {}", folder.keep().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_their_labels() {
        let text =
            "# HELP a x\na{plant=\"n\",gate=\"age\"} 2\na{plant=\"n\",gate=\"epoch\"} 3\na_b{plant=\"n\"} 7\nb 1.5\n";
        assert_eq!(sum_of(text, "a", &[("plant", "n")]), Some(5.0));
        assert_eq!(sum_of(text, "a", &[("gate", "age")]), Some(2.0));
        assert_eq!(sum_of(text, "b", &[]), Some(1.5));
        assert_eq!(sum_of(text, "c", &[]), None);
    }
}
