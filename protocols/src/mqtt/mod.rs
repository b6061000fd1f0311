//! A connection to an MQTT 3.1.1 broker that never carries one session into the next.
//!
//! Every connection has a client and an event loop of its own (`rumqttc` v4): what was queued for an old one dies with
//! it. [`start`] runs them one after the other and reports by [`Event`]s; the right to publish comes with
//! [`Event::Connected`] as a [`Session`] and ends with it: a publish on a session that is over is an error, never a
//! message in the next session.
//!
//! A broker that stops reading or answering is found by a watchdog on what *comes in*: pings go out every
//! `keep_alive`, so silence of more than `silence` means that the connection is dead, whatever TCP believes.
//!
//! Reading never waits for the program: when `BACKLOG` events lie unread the session is ended with that reason, rather
//! than letting pings and publishes wait behind a slow reader (which may itself be waiting to publish).

use rumqttc::{AsyncClient, EventLoop, LastWill, MqttOptions, Outgoing, Packet, QoS};
use std::time::Duration;
use tokio::sync::mpsc;

/// The largest message either way: births of a whole plant fit many times over.
const MAX_PACKET: usize = 4 * 1024 * 1024;
/// Publishes that may wait for the socket; further ones wait in the caller.
const OUTGOING: usize = 256;
/// Events that may lie unread before the session is ended.
const BACKLOG: usize = 16_384;

#[derive(Debug, Clone)]
pub struct Settings {
    pub host: String,
    pub port: u16,
    /// Unique at the broker: a second client of the same id throws the first one out.
    pub client_id: String,
    pub credentials: Option<(String, String)>,
    /// Pings go out this often; whole seconds, at least one.
    pub keep_alive: Duration,
    /// Nothing received for so long ends the connection; more than `keep_alive`.
    pub silence: Duration,
    /// For TCP, CONNECT and CONNACK together.
    pub connect_timeout: Duration,
    /// The first wait after a connection ended; doubled each time until `backoff_max`, begun anew after a success.
    pub backoff_min: Duration,
    pub backoff_max: Duration,
}

impl Settings {
    /// Pings every 5 s, dead after 11 s of silence, waits of 0.5 to 15 s.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, client_id: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            client_id: client_id.into(),
            credentials: None,
            keep_alive: Duration::from_secs(5),
            silence: Duration::from_secs(11),
            connect_timeout: Duration::from_secs(5),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(15),
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.client_id.is_empty() {
            return Err("the MQTT client id is empty: give it one that no other client of the broker has".into());
        }
        if self.keep_alive < Duration::from_secs(1) {
            return Err(format!("an MQTT keep-alive of {:?} is too short: write 1 s or more", self.keep_alive));
        }
        if self.silence <= self.keep_alive {
            return Err(format!(
                "MQTT silence of {:?} is not longer than the keep-alive of {:?}: write at least twice the keep-alive",
                self.silence, self.keep_alive
            ));
        }
        Ok(())
    }
}

/// Host and port of `mqtt://host:port`, or what to write instead.
pub fn broker(url: &str) -> Result<(String, u16), String> {
    let wrong = || format!("'{url}' is no broker: write mqtt://host:port, such as mqtt://127.0.0.1:1883");
    let rest = url.strip_prefix("mqtt://").ok_or_else(wrong)?;
    let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or_else(wrong)?;
    if host.is_empty() {
        return Err(wrong());
    }
    Ok((host.to_owned(), port.parse().map_err(|_| wrong())?))
}

/// What the broker publishes when this connection dies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
}

impl From<crate::sparkplug::Publish> for Will {
    fn from(publish: crate::sparkplug::Publish) -> Self {
        let crate::sparkplug::Publish { topic, payload, qos, retain } = publish;
        Self { topic, payload, qos, retain }
    }
}

/// Made anew for each attempt to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub will: Option<Will>,
    /// Comes back in [`Event::Connected`]: the `bdSeq` of an edge, the session time of a host.
    pub token: i64,
}

#[derive(Debug)]
pub enum Event {
    Connected {
        session: Session,
        token: i64,
    },
    /// Also after each failed attempt to connect, so that the reason can be shown.
    Disconnected {
        reason: String,
    },
    Message {
        topic: String,
        payload: Vec<u8>,
        retain: bool,
    },
}

/// The session that this was meant for is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the MQTT session is over")]
pub struct Closed;

/// The right to send in one connection.
#[derive(Debug, Clone)]
pub struct Session {
    client: AsyncClient,
}

impl Session {
    /// Hands the message to the connection, in order. `Ok` means that it is on its way, not that it arrived.
    pub async fn publish(&self, topic: &str, payload: Vec<u8>, qos: u8, retain: bool) -> Result<(), Closed> {
        self.client.publish(topic, quality(qos), retain, payload).await.map_err(|_| Closed)
    }

    /// Publishes what a Sparkplug machine returned.
    pub async fn send(&self, publish: crate::sparkplug::Publish) -> Result<(), Closed> {
        self.publish(&publish.topic, publish.payload, publish.qos, publish.retain).await
    }

    pub async fn subscribe(&self, filter: &str, qos: u8) -> Result<(), Closed> {
        self.client.subscribe(filter, quality(qos)).await.map_err(|_| Closed)
    }

    /// A clean end after everything published before: the broker drops the will. A new connection follows, unless the
    /// receiver of events is dropped.
    pub async fn disconnect(&self) -> Result<(), Closed> {
        self.client.disconnect().await.map_err(|_| Closed)
    }
}

fn quality(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

/// Runs connections until the receiver is dropped (the broker then publishes the will, as for any lost connection).
/// `opening` is asked before each attempt; an error from it (a `bdSeq` that could not be written) is reported and no
/// attempt is made. Must be called within a tokio runtime.
pub fn start(
    settings: Settings,
    opening: impl FnMut() -> Result<Opening, String> + Send + 'static,
) -> Result<mpsc::Receiver<Event>, String> {
    settings.check()?;
    let (events, receiver) = mpsc::channel(BACKLOG);
    tokio::spawn(run(settings, opening, events));
    Ok(receiver)
}

async fn run(
    settings: Settings,
    mut opening: impl FnMut() -> Result<Opening, String> + Send,
    events: mpsc::Sender<Event>,
) {
    let mut wait = settings.backoff_min;
    loop {
        let (reason, was_connected) = match opening() {
            Ok(opening) => one_session(&settings, opening, &events).await,
            Err(reason) => (format!("cannot prepare a session: {reason}"), false),
        };
        tracing::debug!(%reason, "mqtt: session over");
        // The event loop is gone by now, so that a reader that waits to publish is let go and can take this.
        if events.send(Event::Disconnected { reason }).await.is_err() {
            return;
        }
        if was_connected {
            wait = settings.backoff_min;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = events.closed() => return,
        }
        wait = (wait * 2).min(settings.backoff_max);
    }
}

fn connection(settings: &Settings, will: Option<Will>) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(&settings.client_id, &settings.host, settings.port);
    options.set_keep_alive(settings.keep_alive);
    options.set_clean_session(true);
    options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
    if let Some((user, password)) = &settings.credentials {
        options.set_credentials(user, password);
    }
    if let Some(will) = will {
        options.set_last_will(LastWill::new(will.topic, will.payload, quality(will.qos), will.retain));
    }
    let (client, mut event_loop) = AsyncClient::new(options, OUTGOING);
    event_loop.network_options.set_tcp_nodelay(true);
    (client, event_loop)
}

/// Why the session ended, and whether there was one.
async fn one_session(settings: &Settings, opening: Opening, events: &mpsc::Sender<Event>) -> (String, bool) {
    let (client, mut event_loop) = connection(settings, opening.will);
    match tokio::time::timeout(settings.connect_timeout, event_loop.poll()).await {
        Err(_) => {
            return (format!("no connection within {:?}", settings.connect_timeout), false);
        }
        Ok(Err(error)) => return (format!("cannot connect: {error}"), false),
        Ok(Ok(_)) => {}
    }
    if events.send(Event::Connected { session: Session { client }, token: opening.token }).await.is_err() {
        return ("nobody listens any more".into(), true);
    }
    let silent = tokio::time::sleep(settings.silence);
    tokio::pin!(silent);
    loop {
        let polled = tokio::select! {
            polled = event_loop.poll() => polled,
            () = &mut silent => return (format!("the broker was silent for {:?}", settings.silence), true),
            () = events.closed() => return ("nobody listens any more".into(), true),
        };
        match polled {
            Ok(rumqttc::Event::Incoming(packet)) => {
                silent.set(tokio::time::sleep(settings.silence));
                if let Packet::Publish(publish) = packet {
                    let message = Event::Message {
                        topic: publish.topic,
                        payload: publish.payload.to_vec(),
                        retain: publish.retain,
                    };
                    if events.try_send(message).is_err() {
                        return (format!("{BACKLOG} messages lay unread"), true);
                    }
                }
            }
            Ok(rumqttc::Event::Outgoing(Outgoing::Disconnect)) => {
                return ("disconnected as asked".into(), true);
            }
            Ok(rumqttc::Event::Outgoing(_)) => {}
            Err(error) => return (error.to_string(), true),
        }
    }
}
