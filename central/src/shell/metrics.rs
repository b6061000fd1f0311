//! What the centre shows to Prometheus.
//!
//! Two kinds of figures. Those that follow from the domain (links, modes, heat, what was journaled) are a view of it,
//! made anew at each scrape by [`of_domain`]. Those that exist only as they happen (arrivals, durations, the verdict on
//! the journal) are counted here where they happen. When the domain does not answer, its figures are absent and
//! `gl_001_leader` is 0; a scrape never waits for long.

use super::leader::Handle;
use crate::ambient::monotonic;
use crate::domain::alarms::Alarm;
use crate::domain::subagents::Standing;
use crate::domain::{Domain, Origin};
use hypocaust_protocols::metrics::{self as catalogue, Figures};
use hypocaust_protocols::model::{Fleet, Millis, Plant, PlantId, TagId};
use hypocaust_protocols::wire::subagent::catalogue as catalogue_of_subagents;
use hypocaust_protocols::wire::{GATES, Mode};
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, IntCounterVec, Registry};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The domain answers between two inputs, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Seconds; the limits that people are warned at (2, 3 and 5 s) are edges of buckets.
const CYCLE_BUCKETS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];
const SOLVE_BUCKETS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0];

/// What is counted as it happens. Cheap to clone; every task that counts has one.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    ingested: IntCounterVec,
    stored: IntCounterVec,
    duplicate: IntCounterVec,
    dropped: IntCounterVec,
    deferred: IntCounterVec,
    messages: IntCounterVec,
    cycle: Histogram,
    solve: Histogram,
    chain_valid: Arc<AtomicBool>,
    bus: Arc<Mutex<(bool, Option<u64>)>>,
}

/// What became of a message of the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    Failed,
    /// Too big; a message that names it is there in its place.
    Omitted,
    Unreadable,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Failed => "failed",
            Outcome::Omitted => "omitted",
            Outcome::Unreadable => "unreadable",
        }
    }
}

impl Metrics {
    /// Every series of the fleet's plants is there from the beginning, so that its first rise is seen as one. The chain
    /// counts as invalid until somebody has verified it.
    pub fn new(fleet: &Fleet) -> Metrics {
        let registry = Registry::new();
        let counter = |metric| catalogue::counter(&registry, metric);
        let metrics = Metrics {
            ingested: counter(&catalogue::INGESTED),
            stored: counter(&catalogue::STORED),
            duplicate: counter(&catalogue::DUPLICATE),
            dropped: counter(&catalogue::DROPPED),
            deferred: counter(&catalogue::DEFERRED),
            messages: counter(&catalogue::BUS_MESSAGES),
            cycle: catalogue::histogram(&registry, &catalogue::CYCLE, &CYCLE_BUCKETS),
            solve: catalogue::histogram(&registry, &catalogue::SOLVE, &SOLVE_BUCKETS),
            chain_valid: Arc::default(),
            bus: Arc::default(),
            registry,
        };
        for plant in fleet.plants.iter().map(|p| p.id.as_str()) {
            metrics.dropped.with_label_values(&[plant, "unreadable"]);
            for counter in [&metrics.ingested, &metrics.stored, &metrics.duplicate, &metrics.deferred] {
                counter.with_label_values(&[plant]);
            }
        }
        metrics
    }

    pub fn ingested(&self, plant: &PlantId, samples: usize) {
        self.ingested.with_label_values(&[plant.as_str()]).inc_by(samples as u64);
    }
    pub fn stored(&self, plant: &PlantId, samples: usize) {
        self.stored.with_label_values(&[plant.as_str()]).inc_by(samples as u64);
    }
    pub fn duplicate(&self, plant: &PlantId, samples: usize) {
        self.duplicate.with_label_values(&[plant.as_str()]).inc_by(samples as u64);
    }
    /// Samples that came and could not be read.
    pub fn unreadable(&self, plant: &PlantId, samples: usize) {
        self.dropped.with_label_values(&[plant.as_str(), "unreadable"]).inc_by(samples as u64);
    }
    /// Samples that stay with their edge for now.
    pub fn deferred(&self, plant: &PlantId, samples: usize) {
        self.deferred.with_label_values(&[plant.as_str()]).inc_by(samples as u64);
    }
    /// A message of the bus; `topic` is one of the centre's own.
    pub fn on_bus(&self, topic: &'static str, outcome: Outcome) {
        self.messages.with_label_values(&[topic, outcome.name()]).inc();
    }
    /// Is the bus well, and how far is reading behind?
    pub fn bus(&self, up: bool, lag: Option<u64>) {
        *self.bus.lock().unwrap_or_else(PoisonError::into_inner) = (up, lag);
    }
    /// The latest verdict on the journal.
    pub fn chain(&self, valid: bool) {
        self.chain_valid.store(valid, Ordering::Relaxed);
    }

    /// What was counted so far, without the figures of the domain.
    pub fn counted(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// All of it, as Prometheus reads it.
    pub async fn text(&self, leader: &Handle) -> Result<String, prometheus::Error> {
        let asked = tokio::time::timeout(PATIENCE, leader.ask(of_domain));
        let mut figures = match asked.await {
            Ok(Ok(figures)) => figures,
            Ok(Err(_)) | Err(_) => {
                let mut figures = Figures::default();
                figures.flag(&catalogue::LEADER, &[], false);
                figures
            }
        };
        figures.set(&catalogue::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
        figures.flag(&catalogue::CHAIN_VALID, &[], self.chain_valid.load(Ordering::Relaxed));
        let (up, lag) = *self.bus.lock().unwrap_or_else(PoisonError::into_inner);
        figures.flag(&catalogue::BUS_UP, &[], up);
        if let Some(lag) = lag {
            figures.set(&catalogue::BUS_LAG, &[], lag as f64);
        }
        let mut families = figures.gather();
        families.extend(self.counted());
        catalogue::text(&families)
    }
}

/// The figures that follow from the domain at this moment.
pub fn of_domain(domain: &Domain, now: Millis) -> Figures {
    let mut figures = Figures::default();
    figures.flag(&catalogue::LEADER, &[], domain.leads());
    figures.set(&catalogue::EPOCH, &[], domain.epoch() as f64);
    figures.set(&catalogue::JOURNAL, &[], domain.head().seq as f64);
    let tally = domain.tally();
    for origin in Origin::ALL {
        let count = tally.schedules.get(&origin).copied().unwrap_or(0);
        figures.set(&catalogue::DISPATCH, &[origin.name()], count as f64);
    }
    let outcomes =
        [("done", tally.done), ("refused", tally.refused), ("expired", tally.expired), ("unknown", tally.unknown)];
    for (outcome, count) in outcomes {
        figures.set(&catalogue::COMMANDS, &[outcome], count as f64);
    }
    for plant in &domain.fleet().plants {
        for gate in GATES {
            figures.set(&catalogue::REFUSALS, &[plant.id.as_str(), gate], 0.0);
        }
    }
    for ((plant, gate), count) in &tally.refusals {
        figures.set(&catalogue::REFUSALS, &[plant.as_str(), gate], *count as f64);
    }
    for plant in &domain.fleet().plants {
        of_plant(&mut figures, domain, plant, now);
    }
    of_alarms(&mut figures, domain);
    of_subagents(&mut figures, domain);
    figures
}

fn of_alarms(figures: &mut Figures, domain: &Domain) {
    for priority in Alarm::PRIORITIES {
        for state in Alarm::STATES {
            let these = |a: &&Alarm| a.priority == priority && a.state() == state;
            let count = domain.state().alarms.values().filter(these).count();
            figures.set(&catalogue::ALARMS, &[&priority.to_string(), state], count as f64);
        }
    }
}

fn of_subagents(figures: &mut Figures, domain: &Domain) {
    let members = &domain.state().subagents;
    for standing in Standing::ALL {
        let count = members.values().filter(|m| m.standing == standing).count();
        figures.set(&catalogue::SUBAGENTS, &[standing.name()], count as f64);
    }
    figures.set(&catalogue::SUBAGENTS, &["unknown"], (catalogue_of_subagents().len() - members.len()) as f64);
    for ((agent, outcome), count) in domain.subagents().counts() {
        figures.set(&catalogue::SUBAGENT_TASKS, &[agent.to_string().as_str(), outcome], *count as f64);
    }
}

fn of_plant(figures: &mut Figures, domain: &Domain, plant: &Plant, now: Millis) {
    let id = plant.id.as_str();
    let image = domain.image();
    let linked = image.edges.get(&plant.id).filter(|e| e.link);
    figures.flag(&catalogue::LINK_UP, &[id], linked.is_some());
    let newest = plant.tags.iter().filter_map(|t| image.tags.get(&t.id)).map(|s| s.source_time).max();
    if let Some(newest) = newest {
        figures.set(&catalogue::TELEMETRY_AGE, &[id], now.since(newest).max(0) as f64 / 1000.0);
    }
    let Some(edge) = linked else { return };
    for mode in Mode::ALL {
        figures.flag(&catalogue::EDGE_MODE, &[id, mode.name()], mode == edge.mode);
    }
    for device in &plant.devices {
        if let Some(trouble) = edge.devices.get(&device.id) {
            figures.flag(&catalogue::DEVICE_UP, &[id, device.id.as_str()], trouble.is_none());
        }
    }
    if let Some(spool) = edge.spool {
        figures.set(&catalogue::SPOOL_ENTRIES, &[id], spool.entries as f64);
        figures.set(&catalogue::SPOOL_OLDEST, &[id], spool.oldest_ms as f64 / 1000.0);
    }
    let good = |tag: &TagId| image.good(domain.fleet(), tag, now);
    if let Some(heat) = plant.heat_mw(good) {
        figures.set(&catalogue::HEAT, &[id], heat);
    }
    for (class, unserved) in plant.unserved_by_class(good).iter() {
        if let Some(unserved) = unserved {
            figures.set(&catalogue::UNSERVED, &[id, class.name()], *unserved);
        }
    }
}

/// The durations of the leader's work, for the task that does it.
pub struct Stopwatch {
    metrics: Metrics,
    solves: BTreeMap<u64, Instant>,
    cycle: Option<Instant>,
}

impl Stopwatch {
    pub fn new(metrics: Metrics) -> Stopwatch {
        Stopwatch { metrics, solves: BTreeMap::new(), cycle: None }
    }
    /// A solve of a dispatch cycle is ordered; a cycle may take two of them.
    pub fn ordered(&mut self, solve: u64) {
        let now = monotonic();
        self.solves.insert(solve, now);
        self.cycle.get_or_insert(now);
    }
    /// Its answer is there.
    pub fn answered(&mut self, solve: u64) {
        if let Some(began) = self.solves.remove(&solve) {
            self.metrics.solve.observe(began.elapsed().as_secs_f64());
        }
    }
    /// The cycle's schedule is journaled and its orders are on their way.
    pub fn dispatched(&mut self) {
        if let Some(began) = self.cycle.take() {
            self.metrics.cycle.observe(began.elapsed().as_secs_f64());
        }
    }
}
