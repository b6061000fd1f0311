//! From the journal to `heat.audit`, and of it the schedules to `heat.dispatch`; what that is, [`super::publishing`] says.
//!
//! The journal on disk is the only source, so a crash loses nothing; the mark moves after Kafka has a page, so a crash
//! repeats at most one page. Both topics have one partition: the order is the journal's.

use super::health::{Health, Part};
use super::publishing::{Message, Publishing, instead, messages};
use crate::journal::{Entry, Store};
use crate::shell::metrics::{Metrics, Outcome};
use crate::shell::term::Term;
use crate::telemetry::History;
use hypocaust_protocols::kafka::{self, Producer, Settings};
use hypocaust_protocols::model::FleetId;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Entries that are on their way at a time.
const PAGE: usize = 200;
/// How often the journal is asked for more.
const PACE: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_secs(1);

pub struct Publisher<H, J> {
    pub settings: Settings,
    pub fleet: FleetId,
    pub producer: Producer,
    pub journal: J,
    pub history: Arc<H>,
    pub metrics: Metrics,
    pub health: Health,
    pub term: Term,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Bus(#[from] kafka::Error),
    #[error("the journal cannot be read: {0}")]
    Journal(#[from] crate::journal::Error),
    #[error(transparent)]
    History(#[from] crate::telemetry::Error),
    #[error("the cluster is another one than before")]
    Changed,
}

impl<H: History, J: Store> Publisher<H, J> {
    pub async fn run(self) {
        loop {
            let epoch = self.term.begins().await;
            let Err(ended) = tokio::select! {
                ended = self.session() => ended,
                () = self.term.ends(epoch) => continue,
            };
            self.health.report(Part::Publishing, Err(ended.to_string()));
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn session(&self) -> Result<Infallible, Ended> {
        kafka::ensure(&self.settings, &super::topics()).await?;
        let incarnation = self.producer.incarnation().await?;
        let marks = self.history.marks(&incarnation).await?;
        let mut publishing = Publishing::begin(&incarnation, &marks);
        tracing::info!(%incarnation, next = publishing.next(), "publishing the journal");
        loop {
            let page = self.journal.read(publishing.next(), PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.seq) else {
                tokio::time::sleep(PACE).await;
                continue;
            };
            match self.together(&page).await {
                // Which of them is too big, a verdict on a batch does not say.
                Err(Ended::Bus(kafka::Error::TooBig { .. })) => self.one_by_one(&page).await?,
                done => done?,
            }
            let mark = publishing.published(last, &self.producer.incarnation().await?).ok_or(Ended::Changed)?;
            self.history.store(&[], &[mark]).await?;
            self.health.report(Part::Publishing, Ok(()));
        }
    }

    /// Hands over a page and waits until Kafka has all of it.
    async fn together(&self, page: &[Entry]) -> Result<(), Ended> {
        let mut deliveries = Vec::new();
        let mut refused = Ok(());
        for Message { topic, text } in page.iter().flat_map(|entry| messages(&self.fleet, entry)) {
            match self.producer.send(topic, self.fleet.as_str(), text.as_bytes()) {
                Ok(delivery) => deliveries.push((topic, delivery)),
                Err(error) => {
                    // What is behind it must not be there before it.
                    refused = Err(error.into());
                    break;
                }
            }
        }
        for (topic, delivery) in deliveries {
            self.counted(topic, delivery.done().await)?;
        }
        refused
    }

    /// Each message after the one before it is there, and what is too big named instead of said.
    async fn one_by_one(&self, page: &[Entry]) -> Result<(), Ended> {
        for entry in page {
            for message in messages(&self.fleet, entry) {
                match self.deliver(&message).await {
                    Err(kafka::Error::TooBig { .. }) => self.omit(entry, &message).await?,
                    outcome => self.counted(message.topic, outcome)?,
                }
            }
        }
        Ok(())
    }

    async fn omit(&self, entry: &Entry, message: &Message) -> Result<(), Ended> {
        let (seq, kind, bytes, topic) = (entry.seq, &entry.kind, message.text.len(), message.topic);
        tracing::warn!(seq, kind, bytes, topic, "too big for Kafka; published is where the API has it");
        self.deliver(&instead(&self.fleet, entry, message)).await?;
        self.metrics.on_bus(topic, Outcome::Omitted);
        Ok(())
    }

    async fn deliver(&self, Message { topic, text }: &Message) -> Result<kafka::At, kafka::Error> {
        self.producer.deliver(topic, self.fleet.as_str(), text.as_bytes()).await
    }

    /// One that is too big does not count: it comes again, or what is in its place.
    fn counted(&self, topic: &'static str, outcome: Result<kafka::At, kafka::Error>) -> Result<(), Ended> {
        match &outcome {
            Ok(_) => self.metrics.on_bus(topic, Outcome::Delivered),
            Err(kafka::Error::TooBig { .. }) => {}
            Err(_) => self.metrics.on_bus(topic, Outcome::Failed),
        }
        outcome?;
        Ok(())
    }
}
