//! The MQTT side of the centre: the one primary host of Sparkplug, as a task.
//!
//! Promises: what an edge says reaches the domain in the order in which it came; an entry is acknowledged to its edge
//! ([`metric::DURABLE`]) only after the history has it; a command is published in the session of its moment or not at
//! all (the domain asks again).

use super::leader::{Gone, Handle, Outgoing};
use super::metrics::Metrics;
use super::translate::Translator;
use crate::ambient::now;
use crate::telemetry::{Arrived, Fate, History};
use hypocaust_protocols::model::{Fleet, PlantId};
use hypocaust_protocols::mqtt::{self, Opening, Session, Settings};
use hypocaust_protocols::sparkplug::{Host, Metric, Publish, Value};
use hypocaust_protocols::wire::{PRIMARY_HOST, Range, metric};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Entries of one transaction: stored after this time, or when there are this many.
const COMMIT: Duration = Duration::from_millis(250);
const BATCH: usize = 1000;
/// Batches that may wait for the disk; beyond that reading from the broker waits.
const QUEUE: usize = 20_000;

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why the host ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the fleet's id cannot be a Sparkplug group: {0}")]
    Group(String),
    #[error("the broker's address is not usable: {0}")]
    Settings(String),
    #[error(transparent)]
    Gone(#[from] Gone),
}

/// Runs the host until the leader is gone.
pub async fn run<H: History + 'static>(
    fleet: &Fleet,
    settings: Settings,
    leader: Handle,
    mut commands: mpsc::Receiver<Outgoing>,
    history: Arc<H>,
    metrics: Metrics,
) -> Result<(), Error> {
    let mut host = Host::new(fleet.id.as_str(), PRIMARY_HOST).map_err(|e| Error::Group(e.to_string()))?;
    for plant in &fleet.plants {
        host.expect(plant.id.as_str()).map_err(|e| Error::Group(e.to_string()))?;
    }
    let host = Arc::new(Mutex::new(host));
    let for_wills = Arc::clone(&host);
    let opening = move || {
        let host = held(&for_wills);
        let token = host.session_time(now().0);
        Ok(Opening { will: Some(host.will(token).into()), token })
    };
    let mut events = mqtt::start(settings, opening).map_err(Error::Settings)?;
    let (arrivals, arrived) = mpsc::channel(QUEUE);
    let (acknowledge, mut durable) = mpsc::channel(64);
    tokio::spawn(store(arrived, acknowledge, history, metrics.clone()));
    let mut translator = Translator::default();
    let mut session: Option<Session> = None;
    let mut unreached = false;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        let publishes: Vec<Publish> = tokio::select! {
            event = events.recv() => match event {
                None => return Err(Error::Settings("the connection's task ended".into())),
                Some(mqtt::Event::Connected { session: fresh, token }) => {
                    let filters = held(&host).subscriptions();
                    for (filter, qos) in filters {
                        // A failed subscription is a session that is over, which the next event says.
                        let _ = fresh.subscribe(&filter, qos).await;
                    }
                    tracing::info!("connected to the broker");
                    unreached = false;
                    session = Some(fresh);
                    vec![held(&host).connected(token, now().0)]
                }
                Some(mqtt::Event::Disconnected { reason }) => {
                    if session.take().is_some() {
                        tracing::warn!(%reason, "the broker is lost");
                    } else if !std::mem::replace(&mut unreached, true) {
                        // Once: it is tried again and again.
                        tracing::warn!(%reason, "the broker cannot be reached; trying on");
                    }
                    held(&host).disconnected();
                    Vec::new()
                }
                Some(mqtt::Event::Message { topic, payload, .. }) => {
                    let (heard, publishes) = held(&host).on_message(&topic, &payload, now().0);
                    for event in &heard {
                        let heard = translator.hear(event);
                        for words in heard.unread {
                            tracing::warn!(%words, "a message could not be read");
                        }
                        if let Some((plant, samples)) = heard.lost {
                            metrics.unreadable(&plant, samples);
                        }
                        if let Some((plant, entry)) = heard.entry {
                            metrics.ingested(&plant, entry.samples.len());
                            let _ = arrivals.send(Arrived { plant, entry }).await;
                        }
                        for input in heard.inputs {
                            leader.give(input).await?;
                        }
                    }
                    publishes
                }
            },
            Some(Outgoing { plant, metric, signed }) = commands.recv() => {
                let text = serde_json::to_string(&signed).expect("a signed text has a JSON form");
                vec![command(&host, &plant, metric, text)]
            }
            Some((plant, ranges)) = durable.recv() => {
                let ranges: Vec<Range> = ranges;
                let text = serde_json::to_string(&ranges).expect("ranges have a JSON form");
                vec![command(&host, &plant, metric::DURABLE, text)]
            }
            _ = second.tick() => held(&host).tick(now().0),
        };
        if let Some(session) = &session {
            for publish in publishes {
                let _ = session.send(publish).await;
            }
        }
    }
}

fn command(host: &Mutex<Host>, plant: &PlantId, name: &str, text: String) -> Publish {
    let now = now().0;
    held(host).node_command(plant.as_str(), now, &[Metric::new(name, now, Value::Text(text))])
}

/// Stores what arrives in batches and says what each edge may forget. A history that fails is tried again with the same
/// batch: nothing is acknowledged, so nothing is lost, and the edges keep it.
async fn store<H: History>(
    mut arrived: mpsc::Receiver<Arrived>,
    acknowledge: mpsc::Sender<(PlantId, Vec<Range>)>,
    history: Arc<H>,
    metrics: Metrics,
) {
    let mut batch = Vec::new();
    while let Some(first) = arrived.recv().await {
        batch.push(first);
        let until = tokio::time::sleep(COMMIT);
        tokio::pin!(until);
        while batch.len() < BATCH {
            tokio::select! {
                next = arrived.recv() => match next {
                    Some(next) => batch.push(next),
                    None => break,
                },
                () = &mut until => break,
            }
        }
        let fates = loop {
            match history.store(&batch).await {
                Ok(fates) => break fates,
                Err(error) => {
                    tracing::error!(%error, "the history does not take telemetry; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        };
        let mut touched: BTreeMap<PlantId, BTreeSet<u64>> = BTreeMap::new();
        for (Arrived { plant, entry }, fate) in batch.drain(..).zip(fates) {
            match fate {
                Fate::Stored => metrics.stored(&plant, entry.samples.len()),
                Fate::Duplicate => metrics.duplicate(&plant, entry.samples.len()),
            }
            touched.entry(plant).or_default().insert(entry.boot);
        }
        for (plant, boots) in touched {
            match history.ranges(&plant).await {
                Ok(mut ranges) => {
                    ranges.retain(|r| boots.contains(&r.boot));
                    if acknowledge.send((plant, ranges)).await.is_err() {
                        return;
                    }
                }
                Err(error) => tracing::error!(%error, %plant, "cannot read what is stored; it is acknowledged later"),
            }
        }
    }
}
