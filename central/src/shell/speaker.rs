//! The connection by which the leader speaks: its will says that the primary host is offline, and only it carries
//! commands. A replica that follows has none.
//!
//! When a leadership ends, the speaker falls silent at once but stays connected until the next leader is heard, so that
//! the broker does not tell the edges in between that the primary host is gone; if none comes within [`STAYS`], it says
//! so itself.

use crate::ambient::{monotonic, now};
use hypocaust_protocols::mqtt::{self, Event, Opening, Session, Settings};
use hypocaust_protocols::sparkplug::{Host, Publish};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Several times what another replica needs to take a lease that was given up, and to connect.
pub const STAYS: Duration = Duration::from_secs(5);

pub struct Speaker {
    host: Arc<Mutex<Host>>,
    events: mpsc::Receiver<Event>,
    session: Option<Session>,
    /// Since when it has no right to speak.
    silent_since: Option<Instant>,
}

impl Speaker {
    /// Begins to connect; [`Speaker::event`] gets it online.
    pub fn begin(host: Arc<Mutex<Host>>, settings: Settings) -> Result<Speaker, String> {
        let for_wills = Arc::clone(&host);
        let opening = move || {
            let host = for_wills.lock().unwrap_or_else(PoisonError::into_inner);
            let token = host.session_time(now().0);
            Ok(Opening { will: Some(host.will(token).into()), token })
        };
        Ok(Speaker { host, events: mqtt::start(settings, opening)?, session: None, silent_since: None })
    }

    /// The next thing that happens to the connection.
    pub async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Takes it in. A connection that comes up says that the primary host is online.
    pub async fn take(&mut self, event: Event) {
        match event {
            Event::Connected { session, token } => {
                if self.silent_since.is_none() {
                    let state = self.held().speaking(token);
                    // A publish that fails is a session that is over, which the next event says.
                    let _ = session.send(state).await;
                    tracing::info!("this replica speaks to the plants");
                }
                self.session = Some(session);
            }
            Event::Disconnected { reason } => {
                if self.session.take().is_some() {
                    tracing::warn!(%reason, "the connection for commands is lost");
                }
                self.held().silent();
            }
            Event::Message { .. } => {}
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Host> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes in the session of this moment or not at all.
    pub async fn send(&self, publish: Publish) {
        if let (Some(session), None) = (&self.session, self.silent_since) {
            let _ = session.send(publish).await;
        }
    }

    /// It may not speak any more.
    pub fn hush(&mut self) {
        self.silent_since.get_or_insert_with(monotonic);
    }

    pub fn is_hushed(&self) -> bool {
        self.silent_since.is_some()
    }

    /// Has nobody taken its place for so long that it has to say that there is no primary host?
    pub fn overstays(&self, patience: Duration) -> bool {
        self.silent_since.is_some_and(|since| monotonic().duration_since(since) >= patience)
    }

    /// The clean end. `successor`: another replica is the primary host now; otherwise the edges are told that there is none.
    pub async fn end(mut self, successor: bool) {
        let offline = self.held().silent();
        let Some(session) = self.session.take() else { return };
        if let (Some(offline), false) = (offline, successor) {
            let _ = session.send(offline).await;
        }
        let _ = session.disconnect().await;
        // What was queued goes out before the connection's task says that it is over.
        let over = async { while !matches!(self.events.recv().await, None | Some(Event::Disconnected { .. })) {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), over).await;
    }
}
