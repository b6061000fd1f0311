//! Apache Kafka, the real one: one node in KRaft mode on free loopback ports, ended even when a test fails.
//!
//! Its jars are what `make setup` copied out of Maven Central. With [`Kafka::secured`] it speaks TLS only, asks every
//! client for a certificate and allows what its access rules allow, as in production; whose certificate says
//! `CN=admin` may do everything.

use super::{run, runs, signal, text, wait_until};
use nix::sys::signal::Signal;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

/// A JVM on a busy machine of two cores.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A broker.
pub struct Kafka {
    folder: tempfile::TempDir,
    port: u16,
    tls: bool,
    /// Process and its end; none while it is dead.
    process: Mutex<Option<(u32, mpsc::Receiver<()>)>>,
}

fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a user has a home")).join(".cache");
    std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("hypocaust/kafka/libs")
}

fn java() -> Command {
    let libs = cache();
    assert!(libs.is_dir(), "{} is missing: run `make setup`, or `make test`, which does", libs.display());
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-Xms256m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]);
    command.arg("-cp").arg(libs.join("*"));
    command
}

fn free_ports() -> [u16; 2] {
    // Both are held until both are known.
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.map(|listener| listener.local_addr().expect("its address").port())
}

impl Kafka {
    /// In the clear, for whoever comes.
    #[must_use]
    pub fn start() -> Self {
        Self::configured(false)
    }

    /// By mutual TLS, and only what is allowed. Certificates by [`Kafka::certificate`].
    #[must_use]
    pub fn secured() -> Self {
        Self::configured(true)
    }

    fn configured(tls: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("hypocaust-kafka-").tempdir().expect("a temporary folder");
        let [port, controller] = free_ports();
        let kafka = Self { folder, port, tls, process: Mutex::default() };
        let listener = if tls { "SSL" } else { "PLAINTEXT" };
        let mut lines = vec![
            "process.roles=broker,controller".to_owned(),
            "node.id=1".into(),
            format!("controller.quorum.voters=1@127.0.0.1:{controller}"),
            format!("listeners={listener}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"),
            "controller.listener.names=CONTROLLER".into(),
            format!("inter.broker.listener.name={listener}"),
            "offsets.topic.replication.factor=1".into(),
            "transaction.state.log.replication.factor=1".into(),
            "transaction.state.log.min.isr=1".into(),
            "group.initial.rebalance.delay.ms=0".into(),
            "auto.create.topics.enable=false".into(),
            format!("log.dirs={}", kafka.path("data").display()),
        ];
        if tls {
            kafka.authority();
            let broker = kafka.certificate("broker");
            lines.extend([
                "listener.security.protocol.map=SSL:SSL,CONTROLLER:PLAINTEXT".to_owned(),
                "ssl.keystore.type=PEM".into(),
                format!("ssl.keystore.location={}", broker.store.display()),
                "ssl.truststore.type=PEM".into(),
                format!("ssl.truststore.location={}", broker.ca.display()),
                "ssl.client.auth=required".into(),
                "ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/,DEFAULT".into(),
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".into(),
                // The controller's listener is in the clear on loopback; it belongs to this one process.
                "super.users=User:admin;User:broker;User:ANONYMOUS".into(),
            ]);
        }
        let properties = kafka.path("server.properties");
        std::fs::write(&properties, lines.join("\n") + "\n").expect("a file in a fresh folder can be written");
        let id = run(java().args(["kafka.tools.StorageTool", "random-uuid"]), STARTS_WITHIN);
        assert!(id.status.success(), "{}", text(&id));
        let id = String::from_utf8(id.stdout).expect("an id is ASCII");
        let mut format = java();
        format.args(["kafka.tools.StorageTool", "format", "-t", id.trim(), "-c"]).arg(&properties);
        let formatted = run(&mut format, STARTS_WITHIN);
        assert!(formatted.status.success(), "{}", text(&formatted));
        kafka.run();
        kafka
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it again where it was, with what it had.
    pub fn run(&self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).expect("a log can be made");
        let mut server = java();
        server.arg("kafka.Kafka").arg(self.path("server.properties"));
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(server.get_program()).args(server.get_args());
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file has handles")).stderr(log).process_group(0);
        // The death signal follows the thread that forked; this one ends with the broker or with the test binary.
        let (started, start) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let mut child = command.spawn().expect("setpriv is part of every Debian");
            let _ = started.send(child.id());
            let _ = child.wait();
            let _ = end.send(());
        });
        let pid = start.recv().expect("the broker starts");
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some((pid, ended));
        wait_until("Kafka listens", STARTS_WITHIN, || {
            assert!(runs(pid), "Kafka ended at its start:\n{}", self.log());
            std::net::TcpStream::connect(("127.0.0.1", self.port)).map(drop)
        });
    }

    /// `kill -9`; returns when it is dead.
    pub fn kill(&self) {
        self.end(Signal::SIGKILL);
    }

    fn end(&self, how: Signal) {
        let Some((pid, ended)) = self.process.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        signal(pid, how);
        if ended.recv_timeout(Duration::from_secs(20)).is_err() {
            signal(pid, Signal::SIGKILL);
        }
    }

    /// Of its process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|p| p.0)
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn openssl(&self, args: &[&str]) {
        let output = run(Command::new("openssl").args(args).current_dir(self.folder.path()), Duration::from_secs(20));
        assert!(output.status.success(), "openssl {args:?}: {}", text(&output));
    }

    fn authority(&self) {
        let subject = ["-subj", "/CN=hypocaust-tests"];
        let key =
            ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem"];
        self.openssl(&[&key[..], &subject[..]].concat());
    }

    /// A certificate of this name by the authority that this broker trusts.
    #[must_use]
    pub fn certificate(&self, name: &str) -> Certificate {
        assert!(self.tls, "this broker speaks no TLS");
        let file = |suffix: &str| format!("{name}.{suffix}");
        std::fs::write(self.path(&file("ext")), "subjectAltName=IP:127.0.0.1,DNS:localhost\n")
            .expect("it can be written");
        let request = ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", &file("key"), "-out", &file("csr"), "-subj"];
        self.openssl(&[&request[..], &[&format!("/CN={name}")]].concat());
        let signed = ["x509", "-req", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
        let files = ["-in", &file("csr"), "-extfile", &file("ext"), "-out", &file("pem")];
        self.openssl(&[&signed[..], &files[..]].concat());
        // Java wants the key and then the chain in one file.
        let both = ["key", "pem"].map(|s| std::fs::read_to_string(self.path(&file(s))).expect("openssl wrote it"));
        std::fs::write(self.path(&file("store")), both.concat()).expect("it can be written");
        Certificate {
            ca: self.path("ca.pem"),
            certificate: self.path(&file("pem")),
            key: self.path(&file("key")),
            store: self.path(&file("store")),
        }
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.end(Signal::SIGTERM);
    }
}

/// PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    store: PathBuf,
}

impl Certificate {
    /// As our programs take them.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        use hypocaust_protocols::kafka::Tls;
        let path = |path: &Path| path.display().to_string();
        vec![
            (Tls::CA.into(), path(&self.ca)),
            (Tls::CERTIFICATE.into(), path(&self.certificate)),
            (Tls::KEY.into(), path(&self.key)),
        ]
    }
}
