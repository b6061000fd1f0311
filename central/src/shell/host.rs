//! The MQTT side of the centre: the one primary host of Sparkplug, as a task.
//!
//! Promises: what an edge says reaches the domain in the order in which it came; an entry goes to the bus without
//! anything waiting for that, and is acknowledged to its edge ([`metric::DURABLE`]) only after the history has it; a
//! command is published in the session of its moment or not at all (the domain asks again).

use super::leader::{Gone, Handle, Outgoing};
use super::metrics::Metrics;
use super::translate::Translator;
use crate::ambient::now;
use crate::bus::{Durable, Forward};
use hypocaust_protocols::model::{Fleet, PlantId};
use hypocaust_protocols::mqtt::{self, Opening, Session, Settings};
use hypocaust_protocols::sparkplug::{Host, Metric, Publish, Value};
use hypocaust_protocols::wire::{PRIMARY_HOST, metric};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

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

/// Runs the host until the leader is gone. `forward`: the way of entries to the history; `durable`: what came of it.
pub async fn run(
    fleet: &Fleet,
    settings: Settings,
    leader: Handle,
    mut commands: mpsc::Receiver<Outgoing>,
    forward: Forward,
    mut durable: mpsc::Receiver<Durable>,
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
                            forward.take(plant, entry, heard.historical);
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
