//! `hypocaust-central run`: everything put together, and taken apart again on a signal.

use super::audit::{self, Audit};
use super::host;
use super::leader::{Ended, leader};
use super::metrics::Metrics;
use super::replay::{Replayed, replay};
use crate::api::{self, Gate};
use crate::bus::Bus;
use crate::domain::{Domain, Judges};
use crate::journal::sqlite::Sqlite;
use crate::users::Users;
use crate::{ambient, telemetry};
use hypocaust_protocols::mqtt::{self, Settings};
use hypocaust_protocols::process::{self, stop_signal};
use hypocaust_protocols::wire::{PRIMARY_HOST, SigningKey, key_from_hex};
use hypocaust_protocols::{files, kafka};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What `run` is asked for.
pub struct Options {
    pub fleet: PathBuf,
    pub data: PathBuf,
    /// `mqtt://host:port`.
    pub mqtt: String,
    /// Kafka's bootstrap, `host:port`; TLS comes from the environment.
    pub kafka: String,
    pub listen: SocketAddr,
}

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

/// Runs until a signal, or until this centre may not lead any more.
pub async fn run(options: Options) -> Result<(), Failure> {
    let fleet = Arc::new(files::load(&options.fleet)?);
    let (host, port) = mqtt::broker(&options.mqtt)?;
    let kafka = kafka::Settings::new(&options.kafka, "hypocaust-central", kafka::Tls::from_environment()?)?;
    std::fs::create_dir_all(&options.data).map_err(explained(format!("cannot make {}", options.data.display())))?;
    // Two centres on one journal would unseat each other, one epoch after the other.
    let _alone = process::lock(&options.data.join("centre.lock"))
        .map_err(explained(format!("{} is in use", options.data.display())))?;
    let key = signing_key(&options.data)?;
    let journal = options.data.join("journal.db");
    let store = Sqlite::open(&journal, &fleet.id).await?;
    let history = telemetry::Sqlite::open(&options.data.join("history.db")).await?;
    let users = Users::open(&options.data.join("users.db")).await?;
    let Replayed { state, verifier } =
        replay(&store, &fleet.id, []).await.map_err(explained("this centre does not start on its journal".into()))?;
    let head = verifier.head();
    // Edges may know a higher epoch than a journal that was restored from a backup; the domain forks above theirs.
    let epoch = verifier.epoch() + 1;
    let listener = tokio::net::TcpListener::bind(options.listen)
        .await
        .map_err(explained(format!("cannot listen on {}", options.listen)))?;

    let (outgoing, commands) = mpsc::channel(1024);
    let domain = Domain::new(Arc::clone(&fleet), key, Judges::ours(), epoch, state, head);
    let metrics = Metrics::new(&fleet);
    let (leader, handle) = leader(domain, store.clone(), outgoing, metrics.clone());
    let mut leading = tokio::spawn(leader.run());
    let mut settings = Settings::new(host, port, format!("{}-{}", PRIMARY_HOST, fleet.id));
    // An edge acts on its own after seconds without the centre; waiting longer than that for a broker would be the cause.
    settings.backoff_max = Duration::from_secs_f64(fleet.limits.hold_after_s);
    let gate = Gate::new(users, Arc::new(ambient::now));
    let published = Sqlite::open_read_only(&journal).await?;
    let (mut bus, forward, durable) =
        Bus::start(kafka, Arc::clone(&fleet), history.clone(), published, metrics.clone(), gate.clone())?;
    let mut hosting = {
        let (fleet, handle, metrics) = (Arc::clone(&fleet), handle.clone(), metrics.clone());
        tokio::spawn(async move { host::run(&fleet, settings, handle, commands, forward, durable, metrics).await })
    };
    let health = tokio::spawn(watch(gate.clone(), handle.clone()));
    let audit = Audit::new(fleet.id.clone(), verifier);
    let auditing = tokio::spawn(audit::watch(journal, audit, metrics.clone(), gate.clone()));
    let app = api::router(gate, Arc::clone(&fleet), history, store, handle.clone(), metrics);
    let mut serving =
        tokio::spawn(
            async move { axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await },
        );
    tracing::info!(console = %options.listen, epoch, %head, "the centre runs");
    let outcome = tokio::select! {
        () = stop_signal() => Ok(()),
        ended = &mut leading => Err(match ended {
            Ok(ended @ Ended::SteppedDown(_)) => ended.to_string(),
            Ok(Ended::Unheld) => "the leader lost its last holder".to_owned(),
            Err(error) => format!("the leader's task ended: {error}"),
        }),
        ended = &mut hosting => Err(match ended {
            Ok(Ok(())) => "the MQTT host ended".to_owned(),
            Ok(Err(error)) => format!("the MQTT host ended: {error}"),
            Err(error) => format!("the MQTT host's task ended: {error}"),
        }),
        why = bus.ended() => Err(format!("the bus ended: {why}")),
        ended = &mut serving => Err(format!("the HTTP service ended: {ended:?}")),
    };
    for task in [
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

/// Reports the domain's health to the gate every second.
async fn watch(gate: Gate, leader: super::leader::Handle) {
    loop {
        let asked = leader.ask(|domain, _| (domain.leads(), domain.head()));
        match tokio::time::timeout(Duration::from_secs(2), asked).await {
            Ok(Ok((leads, head))) => gate.report("leader", leads, format!("journal at {head}")),
            Ok(Err(gone)) => gate.report("leader", false, gone.to_string()),
            Err(_) => gate.report("leader", false, "the domain has not answered for 2 s"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
