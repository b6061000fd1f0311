//! `/metrics` (Prometheus), `/status` (JSON, for `hypocaust-edge status`) and `/health/live` on a loopback address.

use crate::core::{Mode, Status};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use hypocaust_protocols::model::PlantId;
use prometheus::{Encoder, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// What the tasks tell about themselves.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    plant: PlantId,
    status: Mutex<Option<Status>>,
    registry: Registry,
    spool_entries: IntGauge,
    spool_oldest: IntGauge,
    samples: IntCounter,
    dropped: IntCounter,
    disk_ok: IntGauge,
    device_up: IntGaugeVec,
    link_up: IntGauge,
    mode: IntGaugeVec,
    refusals: IntGaugeVec,
    alarms: IntGauge,
    trips: IntGauge,
    epoch: IntGauge,
}

impl Shared {
    /// Names and labels are fixed here, so that registering cannot fail at run time for any input.
    pub fn new(plant: PlantId) -> Self {
        let registry = Registry::new();
        let opts = |name: &str, help: &str| Opts::new(name, help).const_label("plant", plant.as_str());
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::with_opts(opts(name, help)).expect("a fixed metric name is valid");
            registry.register(Box::new(gauge.clone())).expect("each metric is registered once");
            gauge
        };
        let vector = |name: &str, help: &str, label: &str| {
            let gauge = IntGaugeVec::new(opts(name, help), &[label]).expect("a fixed metric name is valid");
            registry.register(Box::new(gauge.clone())).expect("each metric is registered once");
            gauge
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::with_opts(opts(name, help)).expect("a fixed metric name is valid");
            registry.register(Box::new(counter.clone())).expect("each metric is registered once");
            counter
        };
        vector("gl_001_build_info", "1, with the version", "version")
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        let inner = Inner {
            status: Mutex::new(None),
            spool_entries: gauge("gl_001_spool_entries", "Entries that the centre has not acknowledged"),
            spool_oldest: gauge("gl_001_spool_oldest_seconds", "Age of the oldest of them"),
            samples: counter("gl_001_samples_spooled_total", "Samples given to the spool"),
            dropped: counter("gl_001_spool_entries_dropped_total", "Entries lost because the spool was full"),
            disk_ok: gauge("gl_001_edge_disk_ok", "1 while spool and state can be written"),
            device_up: vector("gl_001_device_up", "1 while the device answers", "device"),
            link_up: gauge("gl_001_edge_link_up", "1 while the centre hears this edge"),
            mode: vector("gl_001_edge_mode", "1 for the mode that the edge is in", "mode"),
            refusals: vector("gl_001_write_refusals_total", "Refusals by the gate that refused", "gate"),
            alarms: gauge("gl_001_edge_alarms_active", "Alarms that stand"),
            trips: gauge("gl_001_edge_trips_latched", "Trips that are latched, and mains that are closed"),
            epoch: gauge("gl_001_epoch", "Highest epoch of a leader seen"),
            registry: registry.clone(),
            plant,
        };
        inner.disk_ok.set(1);
        Self(Arc::new(inner))
    }

    pub fn status(&self, status: Status) {
        *self.0.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }
    pub fn spooled(&self, samples: usize) {
        self.0.samples.inc_by(samples as u64);
    }
    pub fn dropped(&self, entries: u64) {
        self.0.dropped.inc_by(entries);
    }
    pub fn fill(&self, entries: u64, oldest_ms: u64) {
        self.0.spool_entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.0.spool_oldest.set(i64::try_from(oldest_ms / 1000).unwrap_or(i64::MAX));
    }
    pub fn disk_failed(&self) {
        self.0.disk_ok.set(0);
    }
    pub fn disk_works(&self) {
        self.0.disk_ok.set(1);
    }

    fn last(&self) -> Option<Status> {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn text(&self) -> Result<String, prometheus::Error> {
        let inner = &self.0;
        if let Some(status) = self.last() {
            for (device, reason) in &status.devices {
                inner.device_up.with_label_values(&[device.as_str()]).set(i64::from(reason.is_none()));
            }
            for mode in Mode::ALL {
                inner.mode.with_label_values(&[mode.name()]).set(i64::from(mode == status.mode));
            }
            for (gate, count) in &status.refusals {
                inner.refusals.with_label_values(&[gate.as_str()]).set(i64::try_from(*count).unwrap_or(i64::MAX));
            }
            inner.link_up.set(i64::from(status.link));
            inner.alarms.set(i64::try_from(status.alarms.len()).unwrap_or(i64::MAX));
            inner.trips.set(i64::try_from(status.trips.len()).unwrap_or(i64::MAX));
            inner.epoch.set(i64::try_from(status.epoch).unwrap_or(i64::MAX));
        }
        let mut bytes = Vec::new();
        TextEncoder::new().encode(&inner.registry.gather(), &mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

async fn metrics(State(shared): State<Shared>) -> Result<String, (StatusCode, String)> {
    shared.text().map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
}

async fn status(State(shared): State<Shared>) -> Result<Json<Status>, (StatusCode, String)> {
    let missing = || (StatusCode::SERVICE_UNAVAILABLE, format!("{} has not decided anything yet", shared.0.plant));
    shared.last().map(Json).ok_or_else(missing)
}

/// Binds before it returns, so that a taken port is an error of the start.
pub async fn serve(address: SocketAddr, shared: Shared) -> Result<(), String> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|e| format!("cannot serve metrics on {address}: {e}; name another address with --metrics"))?;
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .route("/health/live", get(|| async { "ok" }))
        .with_state(shared);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the metrics server ended");
        }
    });
    Ok(())
}
