//! The MQTT side of a replica, as a task.
//!
//! Every replica listens to the plants all the time, by a connection that nobody is told of; the one that leads is also
//! the primary host of Sparkplug, by a connection of its own ([`Speaker`]). So a replica that begins to lead has the
//! image already, and no edge has to be born again for it. All that a replica which follows ever publishes is the request
//! for a birth that it has missed.
//!
//! Promises: what an edge says reaches the domain in the order in which it came; an entry goes to the bus, by the replica
//! that leads alone and without anything waiting for that, and is acknowledged to its edge ([`metric::DURABLE`]) only after
//! the history has it; a command is published in the session of its moment, by a replica that leads at this moment, or not
//! at all (the domain asks again).

use super::births::Births;
use super::leader::{Gone, Handle, Outgoing};
use super::metrics::Metrics;
use super::speaker::{STAYS, Speaker};
use super::term::Term;
use super::translate::Translator;
use crate::ambient::now;
use crate::api::Gate;
use crate::bus::{Durable, Forward};
use hypocaust_protocols::model::{Fleet, PlantId};
use hypocaust_protocols::mqtt::{self, Opening, Session, Settings};
use hypocaust_protocols::sparkplug::{Host, Metric, Publish, Value, host};
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

/// The two connections' settings.
pub struct Connections {
    pub listener: Settings,
    pub speaker: Settings,
}

/// Asks the task to give its place up; the answer comes when it has.
pub type Leave = tokio::sync::oneshot::Sender<()>;

/// What ties the task to the others.
pub struct Ends {
    pub leader: Handle,
    pub term: Term,
    pub commands: mpsc::Receiver<Outgoing>,
    /// The way of entries to the history.
    pub forward: Forward,
    /// What came of it.
    pub durable: mpsc::Receiver<Durable>,
    pub leaves: mpsc::Receiver<Leave>,
    /// Told whether the broker is reached, and whether the plants have been heard.
    pub gate: Gate,
}

/// Runs the host until the domain is gone or it was asked to leave.
pub async fn run(fleet: &Fleet, connections: Connections, ends: Ends, metrics: Metrics) -> Result<(), Error> {
    let Ends { leader, mut term, mut commands, mut leaves, forward, mut durable, gate } = ends;
    gate.report("broker", false, "not reached yet");
    let mut births = Births::awaited(fleet.plants.iter().map(|p| p.id.as_str()));
    let tell = |births: &mut Births| {
        let check = births.check(now());
        gate.report("plants", check.ok, check.detail);
    };
    tell(&mut births);
    let mut host = Host::new(fleet.id.as_str(), PRIMARY_HOST).map_err(|e| Error::Group(e.to_string()))?;
    for plant in &fleet.plants {
        host.expect(plant.id.as_str()).map_err(|e| Error::Group(e.to_string()))?;
    }
    let host = Arc::new(Mutex::new(host));
    let silent = || Ok(Opening { will: None, token: 0 });
    let mut events = mqtt::start(connections.listener, silent).map_err(Error::Settings)?;
    let mut translator = Translator::default();
    let mut listener: Option<Session> = None;
    let mut speaker: Option<Speaker> = None;
    let mut leaving: Option<Leave> = None;
    let mut unreached = false;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        let mut overtaken = false;
        let requests: Vec<Publish> = tokio::select! {
            event = events.recv() => match event {
                None => return Err(Error::Settings("the connection's task ended".into())),
                Some(mqtt::Event::Connected { session: fresh, .. }) => {
                    let filters = held(&host).subscriptions();
                    for (filter, qos) in filters {
                        // A failed subscription is a session that is over, which the next event says.
                        let _ = fresh.subscribe(&filter, qos).await;
                    }
                    tracing::info!("connected to the broker");
                    gate.report("broker", true, "connected");
                    unreached = false;
                    listener = Some(fresh);
                    births.reached(now());
                    held(&host).listening(now().0);
                    leader.reach(true).await?;
                    Vec::new()
                }
                Some(mqtt::Event::Disconnected { reason }) => {
                    gate.report("broker", false, reason.to_string());
                    if listener.take().is_some() {
                        tracing::warn!(%reason, "the broker is lost");
                        leader.reach(false).await?;
                    } else if !std::mem::replace(&mut unreached, true) {
                        // Once: it is tried again and again.
                        tracing::warn!(%reason, "the broker cannot be reached; trying on");
                    }
                    births.unreached();
                    held(&host).deaf();
                    Vec::new()
                }
                Some(mqtt::Event::Message { topic, payload, .. }) => {
                    let (heard, requests) = held(&host).on_message(&topic, &payload, now().0);
                    for event in &heard {
                        if let host::Event::Overtaken { timestamp } = event {
                            tracing::info!(timestamp, "another replica is the primary host");
                            overtaken = true;
                            continue;
                        }
                        let heard = translator.hear(event);
                        for words in heard.unread {
                            tracing::warn!(%words, "a message could not be read");
                        }
                        let leads = term.epoch().is_some();
                        if let Some((plant, samples)) = heard.lost.filter(|_| leads) {
                            metrics.unreadable(&plant, samples);
                        }
                        if let Some((plant, entry)) = heard.entry.filter(|_| leads) {
                            metrics.ingested(&plant, entry.samples.len());
                            forward.take(plant, entry, heard.historical);
                        }
                        for input in heard.inputs {
                            leader.give(input).await?;
                        }
                        if let host::Event::NodeBirth { node, .. } = event {
                            births.born(node);
                        }
                    }
                    requests
                }
            },
            Some(event) = async { speaker.as_mut()?.event().await }, if speaker.is_some() => {
                if let Some(speaker) = &mut speaker {
                    speaker.take(event).await;
                }
                Vec::new()
            }
            told = term.changed() => if told { Vec::new() } else { return Err(Error::Gone(Gone)) },
            Some(Outgoing { plant, metric, signed }) = commands.recv() => {
                let text = serde_json::to_string(&signed).expect("a signed text has a JSON form");
                let publish = command(&host, &plant, metric, text);
                speak(&term, speaker.as_ref(), publish).await;
                Vec::new()
            }
            Some((plant, ranges)) = durable.recv() => {
                let text = serde_json::to_string(&ranges).expect("ranges have a JSON form");
                let publish = command(&host, &plant, metric::DURABLE, text);
                speak(&term, speaker.as_ref(), publish).await;
                Vec::new()
            }
            Some(leave) = leaves.recv() => {
                leaving = Some(leave);
                Vec::new()
            }
            _ = second.tick() => {
                tell(&mut births);
                held(&host).tick(now().0)
            }
        };
        if let Some(listener) = &listener {
            for request in requests {
                let _ = listener.send(request).await;
            }
        }
        let leads = term.epoch().is_some();
        if let (Some(speaking), false) = (&mut speaker, leads) {
            speaking.hush();
        }
        // One that leads although it was overtaken, or after it had fallen silent, connects anew with a later time.
        let patience = if leaving.is_some() { SOON } else { STAYS };
        let over = |s: &Speaker| overtaken || s.overstays(patience) || leads && s.is_hushed();
        if let Some(speaking) = speaker.take_if(|s| over(s)) {
            speaking.end(overtaken || leads).await;
        }
        if speaker.is_none() && leads && leaving.is_none() {
            let begun = Speaker::begin(Arc::clone(&host), connections.speaker.clone());
            speaker = Some(begun.map_err(Error::Settings)?);
        }
        if speaker.is_none()
            && let Some(left) = leaving.take()
        {
            let _ = left.send(());
            return Ok(());
        }
    }
}

/// How long a replica that ends waits for its successor: another looks at the lease twice a second.
const SOON: Duration = Duration::from_millis(1500);

/// Publishes to a plant, if this replica leads at this moment.
async fn speak(term: &Term, speaker: Option<&Speaker>, publish: Publish) {
    if let (Some(speaker), Some(_)) = (speaker, term.epoch()) {
        speaker.send(publish).await;
    }
}

fn command(host: &Mutex<Host>, plant: &PlantId, name: &str, text: String) -> Publish {
    let now = now().0;
    held(host).node_command(plant.as_str(), now, &[Metric::new(name, now, Value::Text(text))])
}
