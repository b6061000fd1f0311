//! The centre on the bus: telemetry through it into the history, schedules and journal out on it.
//!
//! ```text
//!  MQTT host -> Forward --> heat.telemetry --> reader -> history: rows, ledger, mark, one transaction
//!     ^           (never waits)                              |
//!     +------------------- durable ranges <------------------+
//!  journal on disk -> publisher --> heat.dispatch, heat.audit
//! ```
//!
//! Promises
//! * **Nothing here is in the leader's way.** It takes its image from MQTT and its orders go out by MQTT; while Kafka is
//!   away or slow, dispatch neither stops nor waits.
//! * **Nothing is lost.** An edge forgets an entry only when the history has it. One that Kafka did not take, and one that
//!   Kafka lost, is not acknowledged: the edge keeps it and sends it again within a minute ([`Forward`] bounds what is on
//!   its way meanwhile, so the edge's disk is the buffer of an outage, never this process' memory).
//! * **Nothing is doubled.** The ledger drops what comes twice, from wherever it comes twice: an edge that repeats, a
//!   writer that repeats, a cluster that forgot its offsets, two centres that read at once. The marks only say where to
//!   read on.
//! * **What was decided is published, in order, at least once.** `heat.dispatch` and `heat.audit` are derived from the
//!   journal and a mark that is moved after Kafka has them; a crash in between repeats some, which readers drop by `seq`.
//!   What is too big for Kafka is named there instead of said ([`publishing`]).
//! * **What is decided is pure.** [`Flight`] (what may go, and what is on its way), [`Reading`] (what is stored when, with
//!   which mark), [`publishing`] and [`Health`] know no socket and no clock; the world runs the first two and the last as they
//!   are, on a cluster that is away, slow, loses, repeats or is another one.
//!
//! These tasks run in every replica and work in the one that leads: whoever reads is then the one that hears the edges and
//! can acknowledge. Should two read at once, around the end of a leadership, each row is still stored once (see
//! [`crate::telemetry::History`]).

mod flight;
mod forward;
mod gather;
mod health;
mod publish;
pub mod publishing;
mod read;
mod reading;

pub use flight::{Admission, Flight, Key, SAMPLES};
pub use forward::Forward;
pub use health::{Health, Part, Verdict};
pub use reading::{Kept, Probed, Reading, Stored, Transaction};

use crate::api::Gate;
use crate::journal::Store;
use crate::shell::metrics::Metrics;
use crate::shell::term::Term;
use crate::telemetry::History;
use hypocaust_protocols::kafka::{self, Producer, Settings, Topic};
use hypocaust_protocols::model::{Fleet, PlantId};
use hypocaust_protocols::wire::Range;
use hypocaust_protocols::wire::record::topic;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What an edge may forget.
pub type Durable = (PlantId, Vec<Range>);

/// Partitions of `heat.telemetry` where it is made here: plants are spread over them, and so over those who read.
const PARTITIONS: i32 = 12;

/// The topics that the centre writes. One partition where the order of all messages counts.
#[must_use]
pub fn topics() -> Vec<Topic> {
    vec![Topic::new(topic::TELEMETRY, PARTITIONS), Topic::new(topic::DISPATCH, 1), Topic::new(topic::AUDIT, 1)]
}

/// Who uses the bus, and whom it tells.
pub struct Use {
    pub metrics: Metrics,
    pub gate: Gate,
    /// The right of this replica to act.
    pub term: Term,
}

/// The tasks of the bus; they end with it.
pub struct Bus {
    producer: Producer,
    tasks: JoinSet<()>,
}

impl Bus {
    /// Starts them; an error is one of the settings, never of a broker that is away. `journal`: a reader of its own, so
    /// that no page of it stands in the way of an append. The receiver gets what edges may be told to forget.
    pub fn start<H: History + 'static, J: Store + 'static>(
        settings: Settings,
        fleet: Arc<Fleet>,
        history: H,
        journal: J,
        Use { metrics, gate, term }: Use,
    ) -> Result<(Bus, Forward, mpsc::Receiver<Durable>), kafka::Error> {
        let producer = Producer::new(&settings)?;
        let health = Health::default();
        let history = Arc::new(history);
        let (acknowledge, durable) = mpsc::channel(64);
        let mut tasks = JoinSet::new();
        let (forward, landings) = Forward::new(producer.clone(), metrics.clone(), health.clone());
        tasks.spawn(landings);
        let reader = read::Reader {
            settings: settings.clone(),
            fleet: Arc::clone(&fleet),
            history: Arc::clone(&history),
            acknowledge,
            metrics: metrics.clone(),
            health: health.clone(),
            term: term.clone(),
        };
        tasks.spawn(reader.run());
        let publisher = publish::Publisher {
            settings,
            fleet: fleet.id.clone(),
            producer: producer.clone(),
            journal,
            history,
            metrics: metrics.clone(),
            health: health.clone(),
            term: term.clone(),
        };
        tasks.spawn(publisher.run());
        tasks.spawn(health.watch(gate, metrics, term));
        Ok((Bus { producer, tasks }, forward, durable))
    }

    /// Waits until one of its tasks has ended, which none does by itself while the host lives: why.
    pub async fn ended(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Err(error)) => error.to_string(),
            Some(Ok(())) | None => "nobody listens to it any more".to_owned(),
        }
    }

    /// The writer, for others of this process that publish.
    #[must_use]
    pub fn producer(&self) -> Producer {
        self.producer.clone()
    }
}
