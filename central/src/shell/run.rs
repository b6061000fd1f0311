//! `hypocaust-central run`: one replica of the centre, everything of it put together, and taken apart again on a signal.
//!
//! Any number of replicas share one folder of data. Each has an id of its own, whose lock it holds while it lives: a lease
//! that names it is then surely of an earlier life of itself, which is over.

use super::audit::{self, Audit};
use super::foreseeing;
use super::host::{self, Connections, Ends};
use super::leader::{Ended, Handle, leader};
use super::metrics::Metrics;
use super::replay::{Replayed, replay};
use super::subagents;
use crate::api::{self, Gate};
use crate::bus::{self, Bus};
use crate::domain::{Domain, Judges};
use crate::election::Replica;
use crate::journal::sqlite::Sqlite;
use crate::users::Users;
use crate::{ambient, telemetry};
use hypocaust_protocols::model::Fleet;
use hypocaust_protocols::mqtt::{self, Settings};
use hypocaust_protocols::process::{self, Lock, Unlocked, stop_signal};
use hypocaust_protocols::wire::{PRIMARY_HOST, SigningKey, key_from_hex};
use hypocaust_protocols::{files, kafka, ports};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

/// What `run` is asked for.
pub struct Options {
    pub fleet: PathBuf,
    pub data: PathBuf,
    /// `mqtt://host:port`.
    pub mqtt: String,
    /// Kafka's bootstrap, `host:port`; TLS comes from the environment.
    pub kafka: String,
    pub listen: SocketAddr,
    /// This replica's id; host name and port unless said.
    pub replica: Option<String>,
    /// Where others reach it, a URL; that of `listen` unless said.
    pub address: Option<String>,
}

/// Tasks of sub-agents on their way to Kafka; one that finds no room is not asked.
const TASKS: usize = 256;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn explained<E: std::error::Error + Send + Sync + 'static>(what: String) -> impl FnOnce(E) -> Failure {
    move |error| format!("{what}: {error}").into()
}

/// The centre's key, made at the first start; the public half lies beside it for the edges.
fn signing_key(data: &Path) -> Result<SigningKey, Failure> {
    let secret = data.join("centre.key");
    let text = match std::fs::read_to_string(&secret) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let bytes: [u8; 32] = ambient::random().map_err(explained("no random bytes for a key".into()))?;
            let text = hex::encode(bytes);
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&secret)
                .map_err(explained(format!("cannot write {}", secret.display())))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            text
        }
        Err(error) => return Err(format!("cannot read {}: {error}", secret.display()).into()),
    };
    let key = key_from_hex(&text).map_err(explained(secret.display().to_string()))?;
    let public = data.join("centre.pub");
    std::fs::write(&public, hex::encode(key.verifying_key().to_bytes()))
        .map_err(explained(format!("cannot write {}", public.display())))?;
    Ok(key)
}

/// How long replicas that start together wait for each other.
const TURN: Duration = Duration::from_secs(20);

/// One replica after the other makes what is not there yet: the key, the tables.
async fn turn(data: &Path) -> Result<Lock, Failure> {
    let path = data.join("setup.lock");
    let until = ambient::monotonic() + TURN;
    loop {
        match process::lock(&path) {
            Ok(lock) => return Ok(lock),
            Err(Unlocked::Held(_)) if ambient::monotonic() < until => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(format!("cannot set up {}: {error}", data.display()).into()),
        }
    }
}

/// Who this replica is. Its id becomes the name of a file.
fn replica(options: &Options, listens: SocketAddr) -> Result<Replica, Failure> {
    let id = match &options.replica {
        Some(id) => id.clone(),
        None => {
            let named = std::fs::read_to_string("/proc/sys/kernel/hostname");
            let host = named.map_err(explained("this machine's name cannot be read; give --replica".into()))?;
            format!("{}-{}", host.trim(), listens.port())
        }
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if id.is_empty() || id.len() > 100 || id.starts_with('.') || !id.chars().all(fits) {
        return Err(format!("'{id}' is no id of a replica: write letters, digits, '-', '_' and '.' (--replica)").into());
    }
    let address = match &options.address {
        Some(address) if address.starts_with("http://") || address.starts_with("https://") => address.clone(),
        Some(address) => {
            return Err(format!("'{address}' is no address: write a URL such as http://centre-1:8080").into());
        }
        None if listens.ip().is_unspecified() => {
            return Err(format!("nobody is reached at {listens}: say with --address where this replica is").into());
        }
        None => format!("http://{listens}"),
    };
    Ok(Replica { id, address })
}

/// The listener finds a dead broker within seconds, because a replica that does not reach the plants shall not lead; the
/// speaker is patient, because the broker publishes its will when it is not.
fn connections(host: &str, port: u16, fleet: &Fleet, me: &Replica) -> Connections {
    let name = |what| format!("{PRIMARY_HOST}-{}-{}-{what}", fleet.id, me.id);
    let mut listener = Settings::new(host, port, name("listener"));
    listener.keep_alive = Duration::from_secs(2);
    listener.silence = Duration::from_secs(5);
    let mut speaker = Settings::new(host, port, name("speaker"));
    // An edge acts on its own after seconds without the centre; waiting longer than that for a broker would be the cause.
    for settings in [&mut listener, &mut speaker] {
        settings.backoff_max = Duration::from_secs_f64(fleet.limits.hold_after_s);
    }
    Connections { listener, speaker }
}

/// Runs until a signal, or until this replica cannot go on with its journal.
pub async fn run(options: Options) -> Result<(), Failure> {
    let fleet = Arc::new(files::load(&options.fleet)?);
    let (host, port) = mqtt::broker(&options.mqtt)?;
    let kafka = kafka::Settings::new(&options.kafka, "hypocaust-central", kafka::Tls::from_environment()?)?;
    std::fs::create_dir_all(&options.data).map_err(explained(format!("cannot make {}", options.data.display())))?;
    let listener = ports::listen(options.listen, "console and API (--listen)")?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(explained("cannot listen".into()))?;
    let listens = listener.local_addr().map_err(explained("cannot tell where it listens".into()))?;
    let me = replica(&options, listens)?;
    let _alone = process::lock(&options.data.join(format!("replica-{}.lock", me.id))).map_err(explained(format!(
        "replica '{}' of {} is at work (--replica)",
        me.id,
        options.data.display()
    )))?;
    let setting_up = turn(&options.data).await?;
    let key = signing_key(&options.data)?;
    let journal = options.data.join("journal.db");
    let store = Sqlite::open(&journal, &fleet.id).await?;
    let history = telemetry::Sqlite::open(&options.data.join("history.db")).await?;
    let users = Users::open(&options.data.join("users.db")).await?;
    drop(setting_up);
    let Replayed { state, verifier } =
        replay(&store, &fleet.id, []).await.map_err(explained("this centre does not start on its journal".into()))?;
    let head = verifier.head();

    let (outgoing, commands) = mpsc::channel(1024);
    let (leave, leaves) = mpsc::channel(1);
    let domain = Domain::following(Arc::clone(&fleet), key, Judges::ours(), me.id.clone(), state, head);
    let metrics = Metrics::new(&fleet);
    let (leader, handle, term) = leader(domain, verifier.clone(), store.clone(), me.clone(), outgoing, metrics.clone());
    let (ask, asked) = mpsc::channel(TASKS);
    let (foresight, wanted) = mpsc::channel(1);
    let mut leading = tokio::spawn(leader.asking(ask).foreseeing(foresight).run());
    let foreseeing = tokio::spawn(foreseeing::run(history.clone(), wanted, handle.clone()));
    let gate = Gate::new(users, Arc::new(ambient::now));
    let published = Sqlite::open_read_only(&journal).await?;
    let used = bus::Use { metrics: metrics.clone(), gate: gate.clone(), term: term.clone() };
    let (mut bus, forward, durable) = Bus::start(kafka.clone(), Arc::clone(&fleet), history.clone(), published, used)?;
    let mut hosting = {
        let (fleet, metrics) = (Arc::clone(&fleet), metrics.clone());
        let connections = connections(&host, port, &fleet, &me);
        let ends = Ends { leader: handle.clone(), term, commands, leaves, forward, durable, gate: gate.clone() };
        tokio::spawn(async move { host::run(&fleet, connections, ends, metrics).await })
    };
    let advised = tokio::spawn(subagents::run(kafka, bus.producer(), asked, handle.clone()));
    let health = tokio::spawn(watch(gate.clone(), handle.clone()));
    let audit = Audit::new(fleet.id.clone(), verifier);
    let auditing = tokio::spawn(audit::watch(journal, audit, metrics.clone(), gate.clone()));
    let app = api::router(gate, Arc::clone(&fleet), history, store, handle.clone(), metrics);
    let mut serving =
        tokio::spawn(
            async move { axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await },
        );
    tracing::info!(console = %listens, replica = %me.id, address = %me.address, %head, "the centre runs");
    let outcome = tokio::select! {
        () = stop_signal() => {
            hand_over(&handle, &leave).await;
            Ok(())
        }
        why = cause(&mut leading, async {
            tokio::select! {
                ended = &mut hosting => match ended {
                    Ok(Ok(())) => "the MQTT host ended".to_owned(),
                    Ok(Err(error)) => format!("the MQTT host ended: {error}"),
                    Err(error) => format!("the MQTT host's task ended: {error}"),
                },
                why = bus.ended() => format!("the bus ended: {why}"),
                ended = &mut serving => format!("the HTTP service ended: {ended:?}"),
            }
        }) => Err(why),
    };
    for task in [
        advised.abort_handle(),
        foreseeing.abort_handle(),
        auditing.abort_handle(),
        health.abort_handle(),
        serving.abort_handle(),
        hosting.abort_handle(),
        leading.abort_handle(),
    ] {
        task.abort();
    }
    outcome.map_err(Into::into)
}

/// How long the domain has for its own reason, once another part has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why this replica ends. What lives by the domain ends with it and may be seen to have ended before the domain itself; so
/// the domain's own reason goes before that of any other part.
async fn cause(leading: &mut JoinHandle<Ended>, other: impl Future<Output = String>) -> String {
    let domain = |ended: Result<Ended, JoinError>| match ended {
        Ok(ended @ Ended::Journal(_)) => ended.to_string(),
        Ok(Ended::Unheld) => "the domain lost its last holder".to_owned(),
        Err(error) => format!("the domain's task ended: {error}"),
    };
    let noticed = tokio::select! {
        biased;
        ended = &mut *leading => return domain(ended),
        why = other => why,
    };
    match tokio::time::timeout(LAST_WORDS, leading).await {
        Ok(ended) => domain(ended),
        Err(_) => noticed,
    }
}

/// Gives lease and place up, so that another replica leads before any edge notices. Whoever wants this process to end
/// does not wait for ever.
async fn hand_over(leader: &Handle, leave: &mpsc::Sender<host::Leave>) {
    let over = async {
        if leader.leave().await.is_err() {
            return;
        }
        let (left, has_left) = tokio::sync::oneshot::channel();
        if leave.send(left).await.is_ok() {
            let _ = has_left.await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(4), over).await.is_err() {
        tracing::warn!("the lease could not be handed over in time");
    }
}

/// Reports the domain's health to the gate every second. A replica that follows is as ready to be read as the one that
/// leads, once it has found out who does; that nobody leads for a while takes nothing away from what it can show.
async fn watch(gate: Gate, leader: Handle) {
    let mut placed = false;
    loop {
        let asked = leader.ask(|domain, _| {
            let leader = domain.leader().map(|l| format!("{} at {}", l.id, l.address));
            (domain.leads(), leader, domain.epoch(), domain.head())
        });
        match tokio::time::timeout(Duration::from_secs(2), asked).await {
            Ok(Ok((leads, leader, epoch, head))) => {
                placed |= leads || leader.is_some();
                let role = match (leads, leader) {
                    (true, _) => format!("leader of epoch {epoch}"),
                    (false, Some(leader)) => format!("follower of {leader}, epoch {epoch}"),
                    (false, None) => "follower; nobody leads".to_owned(),
                };
                gate.report("leader", placed, format!("{role}; journal at {head}"));
            }
            Ok(Err(gone)) => gate.report("leader", false, gone.to_string()),
            Err(_) => gate.report("leader", false, "the domain has not answered for 2 s"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_domains_own_reason_goes_before_that_of_whoever_noticed() {
        let host = || async { "the MQTT host ended: the domain of this centre has ended".to_owned() };
        // The journal ends the domain, and the host sees its channel closed before the domain's task is over.
        let mut leading = tokio::spawn(async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ended::Journal("entry 7 is not what was read".to_owned())
        });
        let why = cause(&mut leading, host()).await;
        assert_eq!(why, "this centre cannot go on with its journal: entry 7 is not what was read");

        // Both at once.
        let mut leading = tokio::spawn(async { Ended::Journal("entry 8".to_owned()) });
        while !leading.is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(cause(&mut leading, host()).await.contains("entry 8"));

        // A part that ends by itself has its own reason.
        let mut leading = tokio::spawn(std::future::pending());
        assert_eq!(cause(&mut leading, async { "the bus ended: full".to_owned() }).await, "the bus ended: full");
    }
}
