//! The bus: Apache Kafka by `rdkafka`, or librdkafka's small cluster in this process, with the same client code.
//!
//! * [`Settings`]: where it is and, for mutual TLS, which files say who we are.
//! * [`Producer`]: hands messages over without ever waiting, and tells of each what became of it.
//! * [`Consumer`]: reads from offsets that its owner keeps; nothing is committed to the broker.
//! * [`ensure`]: the topics that must be there.
//! * [`in_process`]: a cluster for one machine and demos. It forgets everything when it ends, and of each partition what
//!   is beyond 5 MB or 100,000 messages.
//!
//! An offset means something only within one *incarnation* of a cluster, which is the cluster's id: whoever stores an
//! offset stores the incarnation with it, and one that is of another incarnation is no offset.
//!
//! A broker that is away is not an error of a client: the client connects by itself when it is back. What is said about
//! it meanwhile goes to the log at `debug`, repeated as it is, and the last words are kept for whoever shows health
//! ([`Producer::trouble`], [`Consumer::trouble`]).

pub mod conformance;
mod consumer;
pub mod in_process;
mod producer;

pub use consumer::{Consumer, Record, Start};
pub use producer::{At, Delivery, GIVEN_UP, Producer};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A question to the cluster is given up after this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the bus did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("'{0}' names no Kafka: write host:port, several with commas between, such as 127.0.0.1:9092")]
    Bootstrap(String),
    #[error("Kafka by TLS wants all of {}, {} and {}; {missing} is not set", Tls::CA, Tls::CERTIFICATE, Tls::KEY)]
    HalfTls { missing: &'static str },
    #[error("the file {path} that {variable} names cannot be read: {source}")]
    File { variable: &'static str, path: String, source: std::io::Error },
    #[error("the Kafka client cannot be made: {0}")]
    Client(KafkaError),
    #[error("Kafka at {bootstrap} does not answer {what}: {why}")]
    Silent { bootstrap: String, what: &'static str, why: String },
    #[error("topic {topic} is not there and cannot be made: {why}; make it, or allow this client to create topics")]
    Topic { topic: String, why: String },
    #[error("the offsets from which to read cannot be set: {0}")]
    Assign(KafkaError),
    #[error("reading from Kafka failed: {0}")]
    Read(KafkaError),
    /// So much is on its way already that nothing more is taken: try later.
    #[error("the client's buffer is full: Kafka does not take what was sent before")]
    Full,
    /// It will not be taken however often it is sent. A broker says so of a whole batch, of which one message may be it.
    #[error("a message for {topic} is bigger than Kafka takes, or was sent in a batch with one: {why}")]
    TooBig { topic: String, why: String },
    #[error("a message for {topic} was not delivered: {why}")]
    Undelivered { topic: String, why: String },
}

/// The files of mutual TLS, PEM each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Who may sign the brokers' certificates.
    pub ca: PathBuf,
    /// Ours, with the chain behind it.
    pub certificate: PathBuf,
    /// Its key, not encrypted; its file belongs to this program's user alone.
    pub key: PathBuf,
}

impl Tls {
    pub const CA: &str = "HYPOCAUST_KAFKA_CA";
    pub const CERTIFICATE: &str = "HYPOCAUST_KAFKA_CERTIFICATE";
    pub const KEY: &str = "HYPOCAUST_KAFKA_KEY";

    /// From the environment: all three variables name readable files, or none is set and there is no TLS.
    pub fn from_environment() -> Result<Option<Self>, Error> {
        Self::from_variables(|name| std::env::var_os(name).map(PathBuf::from))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Option<Self>, Error> {
        let named = [Self::CA, Self::CERTIFICATE, Self::KEY].map(|name| (name, variable(name)));
        if named.iter().all(|(_, path)| path.is_none()) {
            return Ok(None);
        }
        let [ca, certificate, key] = named.map(|(variable, path)| {
            let path = path.ok_or(Error::HalfTls { missing: variable })?;
            // Read here, because librdkafka says only that some file is wrong.
            std::fs::read(&path).map_err(|source| Error::File {
                variable,
                path: path.display().to_string(),
                source,
            })?;
            Ok::<_, Error>(path)
        });
        Ok(Some(Self { ca: ca?, certificate: certificate?, key: key? }))
    }
}

/// Where the bus is, and as whom we come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    bootstrap: String,
    client: String,
    tls: Option<Tls>,
}

impl Settings {
    /// `bootstrap`: `host:port`, several with commas between. `client`: this program's name in the broker's log.
    pub fn new(bootstrap: &str, client: &str, tls: Option<Tls>) -> Result<Self, Error> {
        let broker = |text: &str| {
            let (host, port) = text.rsplit_once(':')?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            (!host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()).then_some(())
        };
        if !bootstrap.split(',').all(|text| broker(text.trim()).is_some()) {
            return Err(Error::Bootstrap(bootstrap.to_owned()));
        }
        Ok(Self { bootstrap: bootstrap.to_owned(), client: client.to_owned(), tls })
    }

    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// What writers and readers have in common.
    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", &self.client)
            .set("log.connection.close", "false")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", "10000")
            .set("socket.connection.setup.timeout.ms", "5000")
            // A broker that is back is found within seconds.
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "2000");
        if self.bootstrap.contains("localhost") {
            // It resolves to both families, and a broker that listens on one of them is then found half of the time.
            config.set("broker.address.family", "v4");
        }
        if let Some(tls) = &self.tls {
            config
                .set("security.protocol", "ssl")
                .set("ssl.ca.location", tls.ca.to_string_lossy())
                .set("ssl.certificate.location", tls.certificate.to_string_lossy())
                .set("ssl.key.location", tls.key.to_string_lossy());
        }
        config
    }

    async fn incarnation(
        &self,
        ask: impl FnOnce() -> Result<Option<String>, KafkaError> + Send + 'static,
    ) -> Result<String, Error> {
        let answer = blocking(ask).await.map_err(self.silent("who it is"))?;
        let nameless =
            || Error::Silent { bootstrap: self.bootstrap.clone(), what: "who it is", why: "it has no id".to_owned() };
        answer.ok_or_else(nameless)
    }

    fn silent(&self, what: &'static str) -> impl FnOnce(KafkaError) -> Error {
        let bootstrap = self.bootstrap.clone();
        move |error| Error::Silent { bootstrap, what, why: error.to_string() }
    }
}

/// The last that a client said about its brokers.
#[derive(Debug, Clone, Default)]
struct Words(Arc<Mutex<Option<String>>>);

impl Words {
    fn say(&self, words: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }
    fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Words {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(?level, facility, "kafka: {line}");
    }
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka");
        self.say(reason.to_owned());
    }
}

impl ConsumerContext for Words {}

/// A topic that has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    /// If it is made here; a topic that is there is left as it is.
    pub partitions: i32,
}

impl Topic {
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        Self { name: name.into(), partitions }
    }
}

/// Sees to it that these topics are there, with the broker's own default of replicas where one is made. (The in-process
/// cluster makes a topic that it was not started with, with 4 partitions whatever is asked for.)
pub async fn ensure(settings: &Settings, topics: &[Topic]) -> Result<(), Error> {
    let admin: AdminClient<Words> = settings.config().create_with_context(Words::default()).map_err(Error::Client)?;
    let admin = Arc::new(admin);
    let known = {
        let admin = Arc::clone(&admin);
        // All of them: to ask for one by name makes it on a broker that makes topics by itself.
        blocking(move || admin.inner().fetch_metadata(None, PATIENCE))
            .await
            .map_err(settings.silent("which topics it has"))?
    };
    let there: Vec<&str> =
        known.topics().iter().filter(|t| t.error().is_none()).map(rdkafka::metadata::MetadataTopic::name).collect();
    let missing: Vec<NewTopic<'_>> = topics
        .iter()
        .filter(|topic| !there.contains(&topic.name.as_str()))
        .map(|topic| NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(-1)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if admin.inner().fetch_cluster_id(PATIENCE).is_some_and(|id| id.starts_with(in_process::ID)) {
        // It cannot be asked to make one, and makes a topic when it is first asked about it.
        for name in missing.iter().map(|t| t.name.to_owned()) {
            let admin = Arc::clone(&admin);
            let asked = blocking(move || admin.inner().fetch_metadata(Some(&name), PATIENCE).map(drop));
            asked.await.map_err(settings.silent("for a topic"))?;
        }
        return Ok(());
    }
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let made = admin.create_topics(&missing, &options).await.map_err(|error| Error::Topic {
        topic: missing.iter().map(|t| t.name).collect::<Vec<_>>().join(", "),
        why: error.to_string(),
    })?;
    for outcome in made {
        match outcome {
            // Somebody else made it in the meantime.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(Error::Topic { topic, why: code.to_string() }),
        }
    }
    Ok(())
}

/// The id of a client's cluster; blocks.
fn id<C: ClientContext>(client: &Client<C>) -> Result<Option<String>, KafkaError> {
    // What a client remembers is renewed by metadata.
    client.fetch_metadata(None, PATIENCE)?;
    Ok(client.fetch_cluster_id(PATIENCE))
}

/// librdkafka's questions to a cluster block; they are asked on a thread that may.
async fn blocking<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(ask).await {
        Ok(answer) => answer,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootstrap_is_hosts_with_ports() {
        for good in ["127.0.0.1:9092", "kafka-1:9092,kafka-2:9092", "[::1]:9092", "a:1, b:2"] {
            assert!(Settings::new(good, "t", None).is_ok(), "{good}");
        }
        for bad in ["", "kafka", "kafka:port", ":9092", "kafka:9092,", "kafka://a:9092", "a:99999"] {
            let said = Settings::new(bad, "t", None).unwrap_err().to_string();
            assert!(said.contains("write host:port"), "{bad}: {said}");
        }
    }

    #[test]
    fn tls_is_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("some.pem");
        std::fs::write(&file, "x").unwrap();
        let with = |names: &'static [&'static str], path: PathBuf| {
            Tls::from_variables(move |name| names.contains(&name).then(|| path.clone()))
        };
        assert_eq!(with(&[], file.clone()).unwrap(), None);
        assert!(with(&[Tls::CA, Tls::CERTIFICATE, Tls::KEY], file.clone()).unwrap().is_some());
        let said = with(&[Tls::CA, Tls::KEY], file).unwrap_err().to_string();
        assert!(said.ends_with("HYPOCAUST_KAFKA_CERTIFICATE is not set"), "{said}");
        let said = with(&[Tls::CA, Tls::CERTIFICATE, Tls::KEY], "/nowhere.pem".into()).unwrap_err().to_string();
        assert!(said.contains("/nowhere.pem") && said.contains("HYPOCAUST_KAFKA_CA"), "{said}");
    }
}
