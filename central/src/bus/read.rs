//! From `heat.telemetry` into the history, and from the history back to the edges what they may forget. What is decided on
//! the way, [`Reading`] decides; here is who asks, waits and stores. A session is one reading.

use super::health::Health;
use super::reading::{Kept, Probed, Reading, Stored};
use super::{Durable, topics};
use crate::ambient::monotonic;
use crate::shell::metrics::{Metrics, Outcome};
use crate::shell::term::Term;
use crate::telemetry::{Fate, History};
use hypocaust_protocols::kafka::{self, Consumer, Settings};
use hypocaust_protocols::model::Fleet;
use hypocaust_protocols::wire::record::topic;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How often the cluster is asked whether it is there and what it keeps.
const PROBE: Duration = Duration::from_secs(2);
/// Before a new session.
const PAUSE: Duration = Duration::from_secs(1);

pub struct Reader<H> {
    pub settings: Settings,
    pub fleet: Arc<Fleet>,
    pub history: Arc<H>,
    pub acknowledge: mpsc::Sender<Durable>,
    pub metrics: Metrics,
    pub health: Health,
    pub term: Term,
}

/// What is read in a session, for the two who work at it.
struct Session {
    reading: Mutex<Reading>,
    began: Instant,
}

impl Session {
    fn reading(&self) -> MutexGuard<'_, Reading> {
        // Each change is one whole message, transaction or answer.
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(monotonic().duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Bus(#[from] kafka::Error),
    #[error(transparent)]
    History(#[from] crate::telemetry::Error),
    #[error("topic {0} is not there")]
    NoTopic(&'static str),
    #[error("the cluster was away, or is another one or laid out anew; reading goes on from the marks")]
    Changed,
    #[error("nobody acknowledges any more")]
    Unheard,
}

impl<H: History> Reader<H> {
    pub async fn run(self) {
        loop {
            let epoch = self.term.begins().await;
            let Err(ended) = tokio::select! {
                ended = self.session() => ended,
                () = self.term.ends(epoch) => continue,
            };
            match ended {
                Ended::Unheard => return,
                Ended::Changed => tracing::info!("{ended}"),
                ended => {
                    self.health.unread(ended.to_string());
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn session(&self) -> Result<Infallible, Ended> {
        kafka::ensure(&self.settings, &topics()).await?;
        let consumer = Consumer::new(&self.settings, "hypocaust-history")?;
        // A client that follows nothing: a broker answers a connection in order, and a reader's long poll (half a second
        // while nothing comes) would stand before each of a dozen questions.
        let asker = Consumer::new(&self.settings, "hypocaust-history")?;
        let (incarnation, kept) = ask(&asker).await?;
        if kept.is_empty() {
            return Err(Ended::NoTopic(topic::TELEMETRY));
        }
        let marks = self.history.marks(&incarnation).await?;
        let (reading, starts) = Reading::begin(&incarnation, &kept, &marks);
        consumer.follow(&starts).await?;
        tracing::info!(%incarnation, partitions = kept.len(), "reading {}", topic::TELEMETRY);
        let session = Session { reading: Mutex::new(reading), began: monotonic() };
        tokio::select! {
            ended = self.batches(&consumer, &session) => ended,
            ended = self.probe(&asker, &session) => ended,
        }
    }

    /// Asks the cluster again and again; ends when the session is no longer of it.
    async fn probe(&self, asker: &Consumer, session: &Session) -> Result<Infallible, Ended> {
        loop {
            let answer = ask(asker).await.map_err(|error| error.to_string());
            let probed = session.reading().probed(answer);
            self.health.probed(&probed);
            if probed == Probed::Over {
                return Err(Ended::Changed);
            }
            tokio::time::sleep(PROBE).await;
        }
    }

    async fn batches(&self, consumer: &Consumer, session: &Session) -> Result<Infallible, Ended> {
        loop {
            let (takes, at) = {
                let reading = session.reading();
                (reading.takes(), reading.at())
            };
            tokio::select! {
                record = consumer.receive(), if takes => {
                    let taken = session.reading().take(session.now(), &record?, &self.fleet);
                    if let Err(words) = taken {
                        self.metrics.on_bus(topic::TELEMETRY, Outcome::Unreadable);
                        tracing::warn!(%words, "a message of the bus could not be read");
                    }
                }
                () = until(at, session) => self.store(session).await?,
            }
        }
    }

    /// Stores what is due.
    async fn store(&self, session: &Session) -> Result<(), Ended> {
        let Some(due) = session.reading().due(session.now()) else { return Ok(()) };
        match self.history.store(&due.entries, &due.marks).await {
            Ok(fates) => {
                let stored = session.reading().stored(&fates);
                self.tell(stored).await
            }
            Err(error) => {
                tracing::error!(%error, "the history does not take telemetry; trying again");
                session.reading().failed(session.now());
                Ok(())
            }
        }
    }

    /// Counts what was stored and says what each edge may forget.
    async fn tell(&self, stored: Stored) -> Result<(), Ended> {
        for (plant, samples, fate) in &stored.fates {
            match fate {
                Fate::Stored => self.metrics.stored(plant, *samples),
                Fate::Duplicate => self.metrics.duplicate(plant, *samples),
            }
        }
        for plant in stored.plants() {
            match self.history.ranges(plant).await {
                Ok(ledger) => {
                    let told = (plant.clone(), stored.forget(plant, ledger));
                    self.acknowledge.send(told).await.map_err(|_| Ended::Unheard)?;
                }
                Err(error) => tracing::error!(%error, %plant, "cannot read what is stored; it is acknowledged later"),
            }
        }
        Ok(())
    }
}

/// Who the cluster is, and what it keeps.
async fn ask(asker: &Consumer) -> Result<(String, Kept), kafka::Error> {
    Ok((asker.incarnation().await?, asker.kept(topic::TELEMETRY).await?))
}

/// Waits for this time of the session's clock; without one, for ever.
async fn until(at: Option<u64>, session: &Session) {
    match at {
        Some(at) => tokio::time::sleep(Duration::from_millis(at.saturating_sub(session.now()))).await,
        None => std::future::pending().await,
    }
}
