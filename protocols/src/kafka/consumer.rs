//! Reading from the bus.

use super::{Error, PATIENCE, Settings, Words, blocking};
use crate::model::Millis;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Where reading of a partition begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The oldest that is kept.
    Beginning,
    /// What is written from now on.
    End,
    /// This offset; the oldest that is kept when there is none such.
    At(i64),
}

/// A message and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub payload: Vec<u8>,
    /// When it was written, by its writer's clock or the broker's.
    pub time: Option<Millis>,
}

/// Reads partitions that its owner names, from offsets that its owner keeps. It joins no group and commits nothing; the
/// group's name is only what a broker with rights wants to see.
#[derive(Clone)]
pub struct Consumer {
    settings: Arc<Settings>,
    inner: Arc<StreamConsumer<Words>>,
    words: Words,
}

impl Consumer {
    /// Connects on its own; an error here is one of the settings.
    pub fn new(settings: &Settings, group: &str) -> Result<Self, Error> {
        let words = Words::default();
        let inner = settings
            .config()
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            // What lies read ahead in memory, of all partitions together.
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.queue.backoff.ms", "50")
            .set("fetch.error.backoff.ms", "200")
            .create_with_context(words.clone())
            .map_err(Error::Client)?;
        Ok(Self { settings: Arc::new(settings.clone()), inner: Arc::new(inner), words })
    }

    /// The cluster's id: the incarnation within which its offsets mean something.
    pub async fn incarnation(&self) -> Result<String, Error> {
        let inner = Arc::clone(&self.inner);
        self.settings.incarnation(move || super::id(inner.client())).await
    }

    /// Of each partition of a topic the offsets that are kept: first, and one beyond the last. Empty: no such topic.
    pub async fn kept(&self, topic: &str) -> Result<BTreeMap<i32, Range<i64>>, Error> {
        let (inner, name) = (Arc::clone(&self.inner), topic.to_owned());
        let answer = blocking(move || {
            let known = inner.fetch_metadata(Some(&name), PATIENCE)?;
            let partitions = known.topics().iter().filter(|t| t.name() == name).flat_map(|t| t.partitions());
            partitions
                .map(|p| {
                    let (first, end) = inner.fetch_watermarks(&name, p.id(), PATIENCE)?;
                    Ok((p.id(), first..end))
                })
                .collect::<Result<_, KafkaError>>()
        });
        answer.await.map_err(self.settings.silent("what it keeps"))
    }

    /// Reads these partitions from now on, and no others.
    pub async fn follow(&self, from: &[(&str, i32, Start)]) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        let mut ends = BTreeMap::new();
        for (topic, partition, start) in from {
            let offset = match start {
                Start::Beginning => Offset::Beginning,
                Start::At(offset) => Offset::Offset(*offset),
                // Looked up now: left to the client, the end would be that of whenever it first reaches the broker.
                Start::End => {
                    if !ends.contains_key(topic) {
                        ends.insert(*topic, self.kept(topic).await?);
                    }
                    ends[topic].get(partition).map_or(Offset::Beginning, |kept| Offset::Offset(kept.end))
                }
            };
            list.add_partition_offset(topic, *partition, offset).map_err(Error::Assign)?;
        }
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.assign(&list)).await.map_err(Error::Assign)
    }

    /// Reads all partitions of these topics from now on, and no others.
    pub async fn follow_all(&self, topics: &[&str], start: Start) -> Result<(), Error> {
        let mut from = Vec::new();
        for topic in topics {
            let kept = self.kept(topic).await?;
            if kept.is_empty() {
                return Err(Error::Topic { topic: (*topic).to_owned(), why: "nobody has made it".into() });
            }
            from.extend(kept.into_iter().map(|(partition, kept)| {
                let start = if start == Start::End { Start::At(kept.end) } else { start };
                (*topic, partition, start)
            }));
        }
        self.follow(&from).await
    }

    /// The next message; waits as long as there is none. A future that is dropped loses none.
    pub async fn receive(&self) -> Result<Record, Error> {
        loop {
            match self.inner.recv().await {
                Ok(message) => {
                    return Ok(Record {
                        topic: message.topic().to_owned(),
                        partition: message.partition(),
                        offset: message.offset(),
                        key: message.key().map(<[u8]>::to_vec),
                        payload: message.payload().unwrap_or_default().to_vec(),
                        time: message.timestamp().to_millis().map(Millis),
                    });
                }
                Err(error) if passes(&error) => {
                    tracing::debug!(%error, "kafka: reading goes on by itself");
                    self.words.say(error.to_string());
                }
                Err(error) => return Err(Error::Read(error)),
            }
        }
    }

    /// What was last said about the brokers; it may be over since.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.words.last()
    }
}

/// The client itself goes on after these: a broker is away, or the group (in which nobody takes part) is not to be had.
fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::*;
    match error {
        KafkaError::MessageConsumption(code) => matches!(
            code,
            BrokerTransportFailure
                | AllBrokersDown
                | Resolve
                | OperationTimedOut
                | RequestTimedOut
                | NotLeaderForPartition
                | LeaderNotAvailable
                | CoordinatorNotAvailable
                | NotCoordinator
                | CoordinatorLoadInProgress
                | GroupAuthorizationFailed
                | NetworkException
                | NoError
        ),
        KafkaError::PartitionEOF(_) => true,
        _ => false,
    }
}
