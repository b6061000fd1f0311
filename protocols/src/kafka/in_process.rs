//! A cluster of one broker within this process, librdkafka's own. Other processes of this machine can attach to it.
//!
//! It keeps everything in memory: when it ends all is forgotten, and of a partition the oldest beyond 5 MB or 100,000
//! messages. Its port is the system's choice. It knows no replicas, no TLS and no rights.
//!
//! Its id, by which readers know that it is another cluster than before, is made of its address in memory. The place of
//! one that has ended may be given to the next, so an id that was used before in this process is not used again.

use super::{Error, Settings, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// How the id of every such cluster begins.
pub(super) const ID: &str = "mockCluster";

/// The ids that clusters of this process have had.
static USED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Runs as long as it lives.
pub struct Cluster {
    mock: MockCluster<'static, DefaultProducerContext>,
}

impl Cluster {
    /// Starts it with these topics. A topic that somebody writes to and that is not among them is made with 4 partitions.
    pub fn start(topics: &[Topic]) -> Result<Self, Error> {
        // Those whose place in memory is not new stay until one is found whose is.
        let mut passed_over = Vec::new();
        let mock = loop {
            let mock = MockCluster::new(1).map_err(Error::Client)?;
            if USED.lock().unwrap_or_else(PoisonError::into_inner).insert(id_at(&mock.bootstrap_servers())?) {
                break mock;
            }
            passed_over.push(mock);
        };
        for topic in topics {
            mock.create_topic(&topic.name, topic.partitions, 1)
                .map_err(|error| Error::Topic { topic: topic.name.clone(), why: error.to_string() })?;
        }
        Ok(Self { mock })
    }

    /// `host:port`, loopback.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        self.mock.bootstrap_servers()
    }
}

fn id_at(bootstrap: &str) -> Result<String, Error> {
    let settings = Settings::new(bootstrap, "hypocaust-in-process", None)?;
    let client: BaseConsumer = settings.config().create().map_err(Error::Client)?;
    let silent = |why: String| Error::Silent { bootstrap: bootstrap.to_owned(), what: "who it is", why };
    let id = super::id(client.client()).map_err(|error| silent(error.to_string()))?;
    id.ok_or_else(|| silent("it has no id".to_owned()))
}
