//! A cluster of one broker within this process, librdkafka's own. Other processes of this machine can attach to it.
//!
//! It keeps everything in memory: when it ends all is forgotten, and of a partition the oldest beyond 5 MB or 100,000
//! messages. Its port is the system's choice. It knows no replicas, no TLS and no rights.

use super::{Error, Topic};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

/// How the id of every such cluster begins.
pub(super) const ID: &str = "mockCluster";

/// Runs as long as it lives.
pub struct Cluster {
    mock: MockCluster<'static, DefaultProducerContext>,
}

impl Cluster {
    /// Starts it with these topics. A topic that somebody writes to and that is not among them is made with 4 partitions.
    pub fn start(topics: &[Topic]) -> Result<Self, Error> {
        let mock = MockCluster::new(1).map_err(Error::Client)?;
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
