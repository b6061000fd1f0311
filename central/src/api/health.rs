//! How the centre is: for whoever watches processes, and for Prometheus.

use super::guard::{Check, Gate};
use super::request::NoQuery;
use super::{Problem, matrix, routes::Routes};
use crate::shell::leader::Handle;
use crate::shell::metrics::Metrics;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Health, at the root for whoever watches processes and below `/api/v1` like everything else.
pub fn routes(gate: Gate, metrics: Metrics, leader: Handle) -> Router {
    let scrape = Routes::new().on(&matrix::METRICS, scrape).with_state((metrics, leader));
    Routes::new()
        .on(&matrix::ROOT_LIVE, live)
        .on(&matrix::ROOT_READY, ready)
        .on(&matrix::HEALTH_LIVE, live)
        .on(&matrix::HEALTH_READY, ready)
        .with_state(gate)
        .merge(scrape)
}

/// How the centre is.
#[derive(Serialize, ToSchema)]
pub struct HealthView {
    status: &'static str,
    checks: BTreeMap<String, Check>,
}

/// It runs: whoever restarts dead processes need not.
#[utoipa::path(get, path = "/api/v1/health/live", responses((status = 200, body = HealthView)))]
pub async fn live(_: NoQuery) -> Json<HealthView> {
    Json(HealthView { status: "ok", checks: BTreeMap::new() })
}

/// It leads and its parts are well.
#[utoipa::path(get, path = "/api/v1/health/ready",
    responses((status = 200, body = HealthView), (status = 503, body = HealthView)))]
pub async fn ready(State(gate): State<Gate>, _: NoQuery) -> (StatusCode, Json<HealthView>) {
    let checks = gate.checks();
    let ok = !checks.is_empty() && checks.values().all(|c| c.ok);
    let (code, status) = if ok { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    (code, Json(HealthView { status, checks }))
}

#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn scrape(State((metrics, leader)): State<(Metrics, Handle)>, _: NoQuery) -> Result<Response, Problem> {
    let text = metrics.text(&leader).await.map_err(|e| Problem::unavailable(&e))?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}
