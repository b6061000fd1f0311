//! The metrics of Hypocaust: which there are, what they mean, and how a program shows them to Prometheus.
//!
//! Names, labels and meanings stand here once; an edge and the centre serve those of them that they know about, the same
//! name for the same thing. Labels are bounded: plants, devices and classes are the fleet's, gates and reasons are
//! words of the code. What is not known is not shown: a plant that cannot be heard has no heat, rather than none.
//!
//! [`Figures`] are made anew for each scrape out of what a program knows at that moment. What only exists as it happens
//! (a duration, an arrival) is counted in a registry by [`counter`] and [`histogram`].

use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, Encoder, GaugeVec, Histogram, HistogramOpts, IntCounterVec, Opts, Registry, TextEncoder};
use std::collections::BTreeMap;

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    /// Only rises while a program runs.
    Counter,
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

macro_rules! catalogue {
    ($($id:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub const $id: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*
        /// All there are.
        pub const ALL: &[&Metric] = &[$(&$id),*];
    };
}

catalogue! {
    BUILD_INFO Gauge "gl_001_build_info" ["version"] "1, with the program's version.";
    LEADER Gauge "gl_001_leader" [] "1 while this centre leads: its beginning is journaled and no append failed.";
    EPOCH Gauge "gl_001_epoch" [] "The leader's epoch; at an edge the highest that it has seen.";
    INGESTED Counter "gl_001_samples_ingested_total" ["plant"] "Samples that came from an edge in named entries.";
    STORED Counter "gl_001_samples_stored_total" ["plant"] "Samples committed to the history.";
    DUPLICATE Counter "gl_001_samples_duplicate_total" ["plant"]
        "Samples that came again and were in the history already, or on their way there.";
    DROPPED Counter "gl_001_samples_dropped_total" ["plant", "reason"]
        "Samples that will never be in the history: at the edge spool-full, and set aside in its spool unknown-device, unknown-tag, unreadable; at the centre unreadable.";
    DEFERRED Counter "gl_001_samples_deferred_total" ["plant"]
        "Samples that came and that Kafka did not take; their edge keeps them and sends them again.";
    BUS_UP Gauge "gl_001_bus_up" [] "1 while Kafka answers and takes what the centre writes.";
    BUS_LAG Gauge "gl_001_bus_lag_messages" []
        "Messages of heat.telemetry that the history does not have yet; absent while Kafka does not answer.";
    BUS_MESSAGES Counter "gl_001_bus_messages_total" ["topic", "outcome"]
        "Messages of the centre on the bus: delivered, failed (Kafka did not take it in time), omitted (too big for Kafka: a message that names it is there in its place), unreadable (found on the topic and passed over).";
    SPOOL_ENTRIES Gauge "gl_001_spool_entries" ["plant"]
        "Entries in the edge's spool that the centre has not acknowledged.";
    SPOOL_OLDEST Gauge "gl_001_spool_oldest_seconds" ["plant"] "Age of the oldest of them, 0 when there is none.";
    TELEMETRY_AGE Gauge "gl_001_telemetry_age_seconds" ["plant"]
        "Time since the newest value of the plant was measured, by its source time; absent before the first.";
    DEVICE_UP Gauge "gl_001_device_up" ["plant", "device"]
        "1 while the device answers its edge; absent while the edge cannot be heard.";
    LINK_UP Gauge "gl_001_edge_link_up" ["plant"] "1 while the centre and the edge hear each other.";
    EDGE_MODE Gauge "gl_001_edge_mode" ["plant", "mode"]
        "1 for the mode that the edge is in; absent while it cannot be heard.";
    HEAT Gauge "gl_001_heat_megawatts" ["plant"]
        "Heat of all sources of the plant, as measured; absent while one of them cannot be seen.";
    UNSERVED Gauge "gl_001_unserved_megawatts" ["plant", "class"]
        "Heat that the visible consumers of the class ask for and do not get; absent where none of them is short and some cannot be seen.";
    CYCLE Histogram "gl_001_dispatch_cycle_seconds" []
        "From the snapshot of a dispatch cycle to its setpoints on their way.";
    SOLVE Histogram "gl_001_solve_seconds" []
        "From the order to solve a dispatch cycle to the answer; a late one counts when it is given up.";
    DISPATCH Counter "gl_001_dispatch_total" ["source"] "Schedules journaled, by the rung of the ladder they stand on.";
    COMMANDS Counter "gl_001_commands_total" ["outcome"]
        "Commands that came to an end; one that was unknown or expired counts again when its answer comes late.";
    REFUSALS Counter "gl_001_write_refusals_total" ["plant", "gate"]
        "Refusals by the gate that refused; at the centre those of its own orders and, while it leads, each answer of an edge to somebody else's command.";
    JOURNAL Counter "gl_001_journal_entries_total" [] "Entries in the journal.";
    CHAIN_VALID Gauge "gl_audit_chain_valid" []
        "1 while the journal verifies; 0 when an entry was changed, removed or cannot be read.";
    ALARMS Gauge "gl_001_alarms" ["priority", "state"]
        "Alarms that stand or wait to be acknowledged, by priority (1: act at once, 2: soon) and state.";
    SUBAGENTS Gauge "gl_001_subagents" ["state"] "Sub-agents of the catalogue by their standing; unknown: never registered.";
    SUBAGENT_TASKS Counter "gl_001_subagent_tasks_total" ["agent", "outcome"]
        "Tasks by how they ended (done, cannot-tell, failed, timeout, crash) and answers that were not used by the reason.";
    SPOOLED Counter "gl_001_samples_spooled_total" ["plant"] "Samples that the edge gave to its spool.";
    DISK_OK Gauge "gl_001_edge_disk_ok" ["plant"] "1 while the edge can write its spool and its state.";
    EDGE_ALARMS Gauge "gl_001_edge_alarms_active" ["plant"] "Alarms that stand at the edge.";
    EDGE_TRIPS Gauge "gl_001_edge_trips_latched" ["plant"] "Trips that the edge has latched, and mains that are closed.";
}

fn opts(metric: &Metric) -> Opts {
    Opts::new(metric.name, metric.help)
}

/// Counts from now on, in this registry.
pub fn counter(registry: &Registry, metric: &Metric) -> IntCounterVec {
    let counter = IntCounterVec::new(opts(metric), metric.labels).expect("the catalogue's names are valid");
    registry.register(Box::new(counter.clone())).expect("each metric is registered once");
    counter
}

/// Observes from now on, in this registry. Only for metrics without labels.
pub fn histogram(registry: &Registry, metric: &Metric, buckets: &[f64]) -> Histogram {
    let opts = HistogramOpts { common_opts: opts(metric), buckets: buckets.to_vec() };
    let histogram = Histogram::with_opts(opts).expect("the catalogue's names are valid");
    registry.register(Box::new(histogram.clone())).expect("each metric is registered once");
    histogram
}

/// Gauges and counters of one moment.
#[derive(Default)]
pub struct Figures {
    registry: Registry,
    gauges: BTreeMap<&'static str, GaugeVec>,
    counters: BTreeMap<&'static str, CounterVec>,
}

impl Figures {
    /// Shows a value, or adds it where the metric counts; `labels` in the catalogue's order.
    pub fn set(&mut self, metric: &'static Metric, labels: &[&str], value: f64) {
        let registry = &self.registry;
        match metric.kind {
            Kind::Counter => {
                let counter = self.counters.entry(metric.name).or_insert_with(|| {
                    let made = CounterVec::new(opts(metric), metric.labels).expect("the catalogue's names are valid");
                    registry.register(Box::new(made.clone())).expect("each metric is registered once");
                    made
                });
                counter.with_label_values(labels).inc_by(value.max(0.0));
            }
            Kind::Gauge | Kind::Histogram => {
                let gauge = self.gauges.entry(metric.name).or_insert_with(|| {
                    let made = GaugeVec::new(opts(metric), metric.labels).expect("the catalogue's names are valid");
                    registry.register(Box::new(made.clone())).expect("each metric is registered once");
                    made
                });
                gauge.with_label_values(labels).set(value);
            }
        }
    }

    /// Shows 1 or 0.
    pub fn flag(&mut self, metric: &'static Metric, labels: &[&str], is: bool) {
        self.set(metric, labels, f64::from(u8::from(is)));
    }

    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

/// Prometheus' text of these.
pub fn text(families: &[MetricFamily]) -> Result<String, prometheus::Error> {
    let mut bytes = Vec::new();
    TextEncoder::new().encode(families, &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_catalogue_can_be_shown_under_its_name_and_labels() {
        let registry = Registry::new();
        let mut figures = Figures::default();
        for metric in ALL {
            match metric.kind {
                Kind::Histogram => histogram(&registry, metric, &[1.0]).observe(0.5),
                _ => figures.set(metric, &vec!["x"; metric.labels.len()], 2.0),
            }
        }
        let mut families = figures.gather();
        families.extend(registry.gather());
        let text = text(&families).unwrap();
        for metric in ALL {
            let kind = format!("{:?}", metric.kind).to_lowercase();
            assert!(text.contains(&format!("# TYPE {} {kind}\n", metric.name)), "{} in {text}", metric.name);
            assert!(text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)), "{} in {text}", metric.name);
        }
        assert!(text.contains("gl_001_device_up{device=\"x\",plant=\"x\"} 2\n"), "{text}");
    }
}
