//! Writing to the bus.

use super::{Error, Settings, Words};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// A message that Kafka has not taken after this time is given up, and whoever sent it is told.
pub const GIVEN_UP: Duration = Duration::from_secs(20);
/// What may be on its way: beyond that [`Error::Full`].
const BUFFER_KBYTES: &str = "32768";
const BUFFER_MESSAGES: &str = "100000";

/// Where a message lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    pub partition: i32,
    pub offset: i64,
}

/// Writes; cheap to clone. Idempotent, and a message counts as delivered when all replicas in step have it. Messages of
/// one key keep the order in which they were handed over, unless one of them is given up.
#[derive(Clone)]
pub struct Producer {
    settings: Arc<Settings>,
    inner: Arc<RwLock<FutureProducer<Words>>>,
    words: Words,
}

/// A message on its way. Dropping it does not take the message back.
pub struct Delivery {
    future: DeliveryFuture,
    topic: String,
    producer: Producer,
}

impl Producer {
    /// Connects on its own; an error here is one of the settings.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let words = Words::default();
        let inner = connect(settings, &words).map_err(Error::Client)?;
        Ok(Self { settings: Arc::new(settings.clone()), inner: Arc::new(RwLock::new(inner)), words })
    }

    fn inner(&self) -> FutureProducer<Words> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands a message over. Never waits: it is on its way, or the reason why not is given at once.
    pub fn send(&self, topic: &str, key: &str, payload: &[u8]) -> Result<Delivery, Error> {
        let record = FutureRecord::to(topic).key(key).payload(payload);
        match self.inner().send_result(record) {
            Ok(future) => Ok(Delivery { future, topic: topic.to_owned(), producer: self.clone() }),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Err(Error::Full),
            Err((error, _)) => {
                self.renew_when_fatal();
                Err(undelivered(topic.to_owned(), &error))
            }
        }
    }

    /// Hands a message over and waits until Kafka has it, or has not taken it in 20 s.
    pub async fn deliver(&self, topic: &str, key: &str, payload: &[u8]) -> Result<At, Error> {
        self.send(topic, key, payload)?.done().await
    }

    /// Waits until everything that was handed over is delivered or given up, no longer than this.
    pub async fn flush(&self, within: Duration) {
        let inner = self.inner();
        // What it could not do in that time is told to whoever holds the deliveries.
        let _ = super::blocking(move || inner.flush(within)).await;
    }

    /// The cluster's id, as [`super::Consumer::incarnation`] has it.
    pub async fn incarnation(&self) -> Result<String, Error> {
        let inner = self.inner();
        self.settings.incarnation(move || super::id(inner.client())).await
    }

    /// What was last said about the brokers; it may be over since.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.words.last()
    }

    /// An idempotent writer whose numbering the brokers no longer accept (their data was lost) never sends again; a new
    /// one begins anew. What the old one had is told as undelivered.
    fn renew_when_fatal(&self) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, why)) = inner.client().fatal_error() {
            tracing::warn!(%code, %why, "the writer to Kafka is made anew");
            match connect(&self.settings, &self.words) {
                Ok(fresh) => *inner = fresh,
                Err(error) => tracing::error!(%error, "no new writer to Kafka; tried again with the next message"),
            }
        }
    }
}

fn connect(settings: &Settings, words: &Words) -> Result<FutureProducer<Words>, KafkaError> {
    settings
        .config()
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", GIVEN_UP.as_millis().to_string())
        .set("queue.buffering.max.kbytes", BUFFER_KBYTES)
        .set("queue.buffering.max.messages", BUFFER_MESSAGES)
        .set("linger.ms", "5")
        .set("compression.type", "lz4")
        .create_with_context(words.clone())
}

fn undelivered(topic: String, error: &KafkaError) -> Error {
    use RDKafkaErrorCode::{MessageBatchTooLarge, MessageSizeTooLarge};
    let why = error.to_string();
    match error {
        KafkaError::MessageProduction(MessageSizeTooLarge | MessageBatchTooLarge) => Error::TooBig { topic, why },
        _ => Error::Undelivered { topic, why },
    }
}

impl Delivery {
    /// Waits until Kafka has it, or has not taken it in 20 s.
    pub async fn done(self) -> Result<At, Error> {
        let Self { future, topic, producer } = self;
        let error = match future.await {
            Ok(Ok(at)) => return Ok(At { partition: at.partition, offset: at.offset }),
            Ok(Err((error, _))) => undelivered(topic, &error),
            Err(_) => Error::Undelivered { topic, why: "its writer was made anew before it was delivered".to_owned() },
        };
        producer.renew_when_fatal();
        Err(error)
    }
}
