//! `/metrics` (Prometheus), `/status` (JSON, for `hypocaust-edge status`) and `/health/live` on a loopback address.
//!
//! The figures are made at each scrape of the core's last status and of what the shell's tasks have counted.

use crate::core::{Mode, Status};
use crate::uplink::Unsent;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use hypocaust_protocols::metrics::{self as catalogue, Figures};
use hypocaust_protocols::model::PlantId;
use hypocaust_protocols::ports;
use hypocaust_protocols::wire::GATES;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Why samples are lost where the spool's limit is met.
const SPOOL_FULL: &str = "spool-full";

/// What the tasks tell about themselves.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    plant: PlantId,
    status: Mutex<Option<Status>>,
    /// Entries in the spool and the age of the oldest, ms; `None` before it was looked at.
    spool: Mutex<Option<(u64, u64)>>,
    spooled: AtomicU64,
    /// By reason; each is there from the start.
    dropped: Mutex<BTreeMap<&'static str, u64>>,
    disk_ok: AtomicBool,
}

impl Shared {
    pub fn new(plant: PlantId) -> Self {
        let reasons = Unsent::ALL.into_iter().map(Unsent::name).chain([SPOOL_FULL]);
        Self(Arc::new(Inner {
            plant,
            status: Mutex::new(None),
            spool: Mutex::new(None),
            spooled: AtomicU64::new(0),
            dropped: Mutex::new(reasons.map(|reason| (reason, 0)).collect()),
            disk_ok: AtomicBool::new(true),
        }))
    }

    pub fn status(&self, status: Status) {
        *self.0.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }
    pub fn spooled(&self, samples: usize) {
        self.0.spooled.fetch_add(samples as u64, Ordering::Relaxed);
    }
    /// Samples that the spool had no room for any more.
    pub fn dropped(&self, samples: u64) {
        self.drop_for(SPOOL_FULL, samples);
    }
    /// Samples that were set aside.
    pub fn set_aside(&self, reason: Unsent, samples: u64) {
        self.drop_for(reason.name(), samples);
    }
    fn drop_for(&self, reason: &'static str, samples: u64) {
        *self.0.dropped.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += samples;
    }
    pub fn fill(&self, entries: u64, oldest_ms: u64) {
        *self.0.spool.lock().unwrap_or_else(PoisonError::into_inner) = Some((entries, oldest_ms));
    }
    pub fn disk_failed(&self) {
        self.0.disk_ok.store(false, Ordering::Relaxed);
    }
    pub fn disk_works(&self) {
        self.0.disk_ok.store(true, Ordering::Relaxed);
    }

    fn last(&self) -> Option<Status> {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn figures(&self) -> Figures {
        let inner = &self.0;
        let plant = inner.plant.as_str();
        let mut figures = Figures::default();
        figures.set(&catalogue::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
        figures.set(&catalogue::SPOOLED, &[plant], inner.spooled.load(Ordering::Relaxed) as f64);
        for (reason, samples) in inner.dropped.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            figures.set(&catalogue::DROPPED, &[plant, reason], *samples as f64);
        }
        figures.flag(&catalogue::DISK_OK, &[plant], inner.disk_ok.load(Ordering::Relaxed));
        if let Some((entries, oldest_ms)) = *inner.spool.lock().unwrap_or_else(PoisonError::into_inner) {
            figures.set(&catalogue::SPOOL_ENTRIES, &[plant], entries as f64);
            figures.set(&catalogue::SPOOL_OLDEST, &[plant], oldest_ms as f64 / 1000.0);
        }
        let Some(status) = self.last() else { return figures };
        for (device, trouble) in &status.devices {
            figures.flag(&catalogue::DEVICE_UP, &[plant, device.as_str()], trouble.is_none());
        }
        for mode in Mode::ALL {
            figures.flag(&catalogue::EDGE_MODE, &[plant, mode.name()], mode == status.mode);
        }
        for gate in GATES {
            figures.set(&catalogue::REFUSALS, &[plant, gate], 0.0);
        }
        for (gate, count) in &status.refusals {
            figures.set(&catalogue::REFUSALS, &[plant, gate], *count as f64);
        }
        if let Some(heat) = status.heat_mw {
            figures.set(&catalogue::HEAT, &[plant], heat);
        }
        for (class, unserved) in &status.unserved_mw {
            if let Some(unserved) = unserved {
                figures.set(&catalogue::UNSERVED, &[plant, class], *unserved);
            }
        }
        figures.flag(&catalogue::LINK_UP, &[plant], status.link);
        figures.set(&catalogue::EDGE_ALARMS, &[plant], status.alarms.len() as f64);
        figures.set(&catalogue::EDGE_TRIPS, &[plant], status.trips.len() as f64);
        figures.set(&catalogue::EPOCH, &[], status.epoch as f64);
        figures
    }
}

async fn metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, (StatusCode, String)> {
    let text = catalogue::text(&shared.figures().gather());
    let text = text.map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
}

async fn status(State(shared): State<Shared>) -> Result<Json<Status>, (StatusCode, String)> {
    let missing = || (StatusCode::SERVICE_UNAVAILABLE, format!("{} has not decided anything yet", shared.0.plant));
    shared.last().map(Json).ok_or_else(missing)
}

/// Binds before it returns, so that a taken port is an error of the start.
pub async fn serve(address: SocketAddr, shared: Shared) -> Result<(), String> {
    let listener = ports::listen(address, "figures and status (--metrics)").map_err(|e| e.to_string())?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|e| e.to_string())?;
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
