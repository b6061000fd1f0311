//! From the journal to `heat.audit`, and of it the schedules to `heat.dispatch`.
//!
//! The journal on disk is the only source, so a crash loses nothing; the mark moves after Kafka has a page, so a crash
//! repeats at most one page. Both topics have one partition: the order is the journal's.

use super::health::{Health, Part};
use crate::api::EntryView;
use crate::domain::{Event, view};
use crate::journal::{Entry, Store};
use crate::shell::metrics::{Metrics, Outcome};
use crate::shell::term::Term;
use crate::telemetry::{History, Mark};
use hypocaust_protocols::kafka::{self, Producer, Settings};
use hypocaust_protocols::model::FleetId;
use hypocaust_protocols::wire::record::topic;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Entries that are on their way at a time.
const PAGE: usize = 200;
/// How often the journal is asked for more.
const PACE: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_secs(1);
/// The mark's stream: the journal, as far as it is published.
const STREAM: &str = "journal";

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

/// A message of `heat.dispatch`: the schedule as `GET /api/v1/dispatch/{seq}` shows it.
#[derive(Debug, Serialize)]
struct Dispatch<'a> {
    schema: &'static str,
    fleet: &'a FleetId,
    epoch: u64,
    #[serde(flatten)]
    schedule: view::DispatchView,
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a view is plain data and always has a JSON form")
}

/// What is published of an entry: topic and text. Pure.
fn messages(fleet: &FleetId, entry: &Entry) -> Vec<(&'static str, String)> {
    let mut messages = vec![(topic::AUDIT, json(&EntryView::from(entry)))];
    // An entry that this version cannot read is no schedule that it can show; the audit has it as it is.
    if let Ok(recorded) = Event::read(entry)
        && let Event::Scheduled { schedule } = &recorded.event
    {
        let schedule = view::dispatch(entry.seq, schedule);
        let message = Dispatch { schema: "dispatch/1", fleet, epoch: entry.epoch, schedule };
        messages.push((topic::DISPATCH, json(&message)));
    }
    messages
}

impl<H: History, J: Store> Publisher<H, J> {
    pub async fn run(self) {
        loop {
            self.term.begins().await;
            let Err(ended) = tokio::select! {
                ended = self.session() => ended,
                () = self.term.ends() => continue,
            };
            self.health.report(Part::Publishing, Err(ended.to_string()));
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn session(&self) -> Result<Infallible, Ended> {
        kafka::ensure(&self.settings, &super::topics()).await?;
        let incarnation = self.producer.incarnation().await?;
        let marks = self.history.marks(&incarnation).await?;
        let mut next = marks.iter().find(|m| m.stream == STREAM).map_or(1, |m| m.next.unsigned_abs());
        tracing::info!(%incarnation, next, "publishing the journal");
        loop {
            let page = self.journal.read(next, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.seq) else {
                tokio::time::sleep(PACE).await;
                continue;
            };
            self.publish(&page).await?;
            if self.producer.incarnation().await? != incarnation {
                return Err(Ended::Changed);
            }
            next = last + 1;
            let mark = Mark { incarnation: incarnation.clone(), stream: STREAM.into(), part: 0, next: next as i64 };
            self.history.store(&[], &[mark]).await?;
            self.health.report(Part::Publishing, Ok(()));
        }
    }

    /// Hands over a page and waits until Kafka has all of it.
    async fn publish(&self, page: &[Entry]) -> Result<(), Ended> {
        let mut deliveries = Vec::new();
        for (topic, text) in page.iter().flat_map(|entry| messages(&self.fleet, entry)) {
            deliveries.push((topic, self.producer.send(topic, self.fleet.as_str(), text.as_bytes())?));
        }
        for (topic, delivery) in deliveries {
            let outcome = delivery.done().await;
            self.metrics.on_bus(topic, if outcome.is_ok() { Outcome::Delivered } else { Outcome::Failed });
            outcome?;
        }
        Ok(())
    }
}
