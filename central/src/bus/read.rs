//! From `heat.telemetry` into the history, and from the history back to the edges what they may forget.
//!
//! A session reads one incarnation of the cluster. It ends, and a new one begins from the stored marks, when the cluster
//! was away or is another one or has other partitions than before; what was read and not stored is read again.

use super::gather::{Batch, lag, starts};
use super::health::{Health, Part};
use super::{Durable, topics};
use crate::shell::metrics::{Metrics, Outcome};
use crate::shell::term::Term;
use crate::telemetry::{Arrived, Fate, History};
use hypocaust_protocols::kafka::{self, Consumer, Settings};
use hypocaust_protocols::model::{Fleet, PlantId};
use hypocaust_protocols::wire::record::topic;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Entries of one transaction: stored after this time at the latest.
const COMMIT: Duration = Duration::from_millis(250);
/// How often the cluster is asked whether it is there and what it keeps.
const PROBE: Duration = Duration::from_secs(2);
/// Before a new session, and before the history is tried again.
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

/// By partition: the next offset to be stored.
type Next = Mutex<BTreeMap<i32, i64>>;

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
            self.term.begins().await;
            let Err(ended) = tokio::select! {
                ended = self.session() => ended,
                () = self.term.ends() => continue,
            };
            match ended {
                Ended::Unheard => return,
                Ended::Changed => tracing::info!("{ended}"),
                ended => {
                    self.health.lag(None);
                    self.health.report(Part::Reading, Err(ended.to_string()));
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
        let incarnation = asker.incarnation().await?;
        let kept = asker.kept(topic::TELEMETRY).await?;
        if kept.is_empty() {
            return Err(Ended::NoTopic(topic::TELEMETRY));
        }
        let marks = self.history.marks(&incarnation).await?;
        consumer.follow(&starts(topic::TELEMETRY, &kept, &marks)).await?;
        tracing::info!(%incarnation, partitions = kept.len(), "reading {}", topic::TELEMETRY);
        let marks = marks.into_iter().filter(|m| m.stream == topic::TELEMETRY);
        let next = Next::new(marks.map(|m| (m.part, m.next)).collect());
        let parts: BTreeSet<i32> = kept.keys().copied().collect();
        tokio::select! {
            ended = self.batches(&consumer, &incarnation, &next) => ended,
            ended = self.probe(&asker, &incarnation, &parts, &next) => ended,
        }
    }

    /// Asks the cluster again and again; ends when the session is no longer of it.
    async fn probe(
        &self,
        asker: &Consumer,
        incarnation: &str,
        parts: &BTreeSet<i32>,
        next: &Next,
    ) -> Result<Infallible, Ended> {
        let mut away = false;
        loop {
            let asked =
                async { Ok::<_, kafka::Error>((asker.incarnation().await?, asker.kept(topic::TELEMETRY).await?)) };
            match asked.await {
                Err(error) => {
                    away = true;
                    self.health.lag(None);
                    self.health.report(Part::Reading, Err(error.to_string()));
                }
                Ok((now, kept)) => {
                    let same = now == incarnation && kept.keys().eq(parts);
                    if away || !same {
                        return Err(Ended::Changed);
                    }
                    let behind = {
                        let next = next.lock().unwrap_or_else(PoisonError::into_inner);
                        lag(&kept, |part| next.get(&part).copied())
                    };
                    self.health.lag(Some(behind));
                    self.health.report(Part::Reading, Ok(()));
                }
            }
            tokio::time::sleep(PROBE).await;
        }
    }

    async fn batches(&self, consumer: &Consumer, incarnation: &str, next: &Next) -> Result<Infallible, Ended> {
        loop {
            let mut batch = Batch::default();
            batch.take(&consumer.receive().await?, &self.fleet);
            let until = tokio::time::sleep(COMMIT);
            tokio::pin!(until);
            while !batch.is_full() {
                tokio::select! {
                    record = consumer.receive() => batch.take(&record?, &self.fleet),
                    () = &mut until => break,
                }
            }
            for words in &batch.unreadable {
                self.metrics.on_bus(topic::TELEMETRY, Outcome::Unreadable);
                tracing::warn!(%words, "a message of the bus could not be read");
            }
            let marks = batch.marks(incarnation, topic::TELEMETRY);
            // A history that fails is tried again with the same batch: nothing is acknowledged, so nothing is lost.
            let fates = loop {
                match self.history.store(&batch.entries, &marks).await {
                    Ok(fates) => break fates,
                    Err(error) => {
                        tracing::error!(%error, "the history does not take telemetry; trying again");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            };
            next.lock().unwrap_or_else(PoisonError::into_inner).extend(marks.iter().map(|m| (m.part, m.next)));
            self.tell(batch.entries, fates).await?;
        }
    }

    /// Counts what was stored and says what each edge may forget.
    async fn tell(&self, entries: Vec<Arrived>, fates: Vec<Fate>) -> Result<(), Ended> {
        let mut touched: BTreeMap<PlantId, BTreeSet<u64>> = BTreeMap::new();
        for (Arrived { plant, entry }, fate) in entries.into_iter().zip(fates) {
            match fate {
                Fate::Stored => self.metrics.stored(&plant, entry.samples.len()),
                Fate::Duplicate => self.metrics.duplicate(&plant, entry.samples.len()),
            }
            touched.entry(plant).or_default().insert(entry.boot);
        }
        for (plant, boots) in touched {
            match self.history.ranges(&plant).await {
                Ok(mut ranges) => {
                    ranges.retain(|r| boots.contains(&r.boot));
                    self.acknowledge.send((plant, ranges)).await.map_err(|_| Ended::Unheard)?;
                }
                Err(error) => tracing::error!(%error, %plant, "cannot read what is stored; it is acknowledged later"),
            }
        }
        Ok(())
    }
}
