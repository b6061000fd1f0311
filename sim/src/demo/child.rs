//! One supervised process: started, watched, restarted with back-off, stopped, and never left behind.
//!
//! Every child has a process group of its own, so that Ctrl-C at the terminal reaches only the supervisor, which then
//! stops them in order; and a parent-death signal (`setpriv --pdeathsig`, part of every Debian), so that the kernel ends
//! them when the supervisor itself is killed. That signal follows the thread that forked: the supervisor runs on one.
//! A child of a child is found through the group.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// The first wait before a restart, doubled each time up to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// A child that ran so long has recovered: its back-off begins anew.
const SETTLED: Duration = Duration::from_secs(30);
/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// How to start it.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The program's name, as in `endpoints.json`.
    pub name: String,
    pub plant: Option<String>,
    /// Which of several that do the same.
    pub replica: Option<String>,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub log: PathBuf,
    /// Children of a lower stage are stopped first.
    pub stage: u8,
    /// Does it need the certificates of OPC UA?
    pub certificates: bool,
}

impl Spec {
    #[must_use]
    pub fn label(&self) -> String {
        match self.plant.as_ref().or(self.replica.as_ref()) {
            Some(which) => format!("{} ({which})", self.name),
            None => self.name.clone(),
        }
    }
}

/// What happened to the child with this index.
#[derive(Debug)]
pub enum Event {
    Started {
        index: usize,
        pid: u32,
    },
    /// It ended although nobody asked it to (or could not be started), and is started again after `wait`.
    Died {
        index: usize,
        why: String,
        wait: Duration,
    },
}

fn spawn(spec: &Spec) -> io::Result<Child> {
    let log: File = OpenOptions::new().create(true).append(true).open(&spec.log)?;
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(&spec.program)
        .args(&spec.args)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
}

/// Keeps the child running until `stop` reaches its stage; returns when nothing of it is left.
#[expect(clippy::disallowed_methods, reason = "a supervisor is a shell: it measures how long a child ran")]
pub async fn supervise(index: usize, spec: Spec, events: mpsc::UnboundedSender<Event>, mut stop: watch::Receiver<u8>) {
    let mut wait = BACKOFF.0;
    let stopping = |stop: &watch::Receiver<u8>| *stop.borrow() >= spec.stage;
    while !stopping(&stop) {
        let began = Instant::now();
        let why = match spawn(&spec) {
            Err(error) => format!("cannot be started: {}: {error}", spec.program.display()),
            Ok(mut child) => {
                let pid = child.id().unwrap_or_default();
                // Nobody listens any more only when the supervisor is on its way out, which `stop` says as well.
                let _ = events.send(Event::Started { index, pid });
                let ended = loop {
                    tokio::select! {
                        status = child.wait() => break Some(status),
                        changed = stop.changed() => if changed.is_err() || stopping(&stop) { break None },
                    }
                };
                match ended {
                    None => return end(&mut child, pid).await,
                    Some(Ok(status)) => {
                        sweep(pid);
                        status.to_string()
                    }
                    Some(Err(error)) => format!("cannot be watched: {error}"),
                }
            }
        };
        if began.elapsed() >= SETTLED {
            wait = BACKOFF.0;
        }
        let _ = events.send(Event::Died { index, why, wait });
        tokio::select! {
            () = sleep(wait) => {}
            _ = stop.changed() => {}
        }
        wait = (wait * 2).min(BACKOFF.1);
    }
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX))
}

/// Ends what there is of the child's group: what it has left, or the child itself, which is then started again.
pub fn sweep(pid: u32) {
    if pid > 1 {
        // ESRCH is the wish fulfilled: the group is empty.
        let _ = killpg(pid_of(pid), Signal::SIGKILL);
    }
}

async fn end(child: &mut Child, pid: u32) {
    if pid > 1 {
        // A stopped process does not act on SIGTERM until it continues.
        let _ = kill(pid_of(pid), Signal::SIGTERM);
        let _ = kill(pid_of(pid), Signal::SIGCONT);
    }
    if timeout(GRACE, child.wait()).await.is_err() {
        sweep(pid);
        let _ = child.wait().await;
    }
    sweep(pid);
}
