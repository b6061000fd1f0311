//! Routes that read the stores: the history and the journal.

use super::Problem;
use crate::journal::{Entry, Store};
use crate::telemetry::{History, thin};
use axum::extract::{Query, State, rejection::QueryRejection};
use axum::routing::get;
use axum::{Json, Router};
use hypocaust_protocols::model::{Millis, TagId};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The most points or entries of one answer.
const MOST: usize = 10_000;

pub fn routes<H: History + 'static, J: Store + 'static>(history: H, journal: J) -> Router {
    let tags = Router::new().route("/history", get(read_history::<H>)).with_state(Arc::new(history));
    let entries = Router::new()
        .route("/journal", get(read_journal::<J>))
        .route("/journal/head", get(read_head::<J>))
        .with_state(Arc::new(journal));
    tags.merge(entries)
}

pub(super) fn asked<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|q| q.0).map_err(|e| Problem::invalid(e.body_text()))
}

fn time(name: &str, text: &str) -> Result<Millis, Problem> {
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|e| Problem::invalid(format!("'{name}' is no time: {e}; write it like 2026-01-31T12:00:00.000Z")))?;
    Ok(Millis(at.as_millisecond()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    tag: String,
    from: String,
    to: String,
    points: Option<usize>,
}

async fn read_history<H: History>(
    State(history): State<Arc<H>>,
    query: Result<Query<Span>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let span = asked(query)?;
    let tag = TagId::new(&span.tag).map_err(|e| Problem::invalid(e.to_string()))?;
    let (from, to) = (time("from", &span.from)?, time("to", &span.to)?);
    let points = history.read(&tag, from, to).await.map_err(|e| Problem::unavailable(&e))?;
    let samples: Vec<Value> = thin(points, span.points.unwrap_or(MOST).min(MOST))
        .iter()
        .map(|p| json!([p.time.rfc3339(), p.value, p.quality.name()]))
        .collect();
    Ok(Json(json!({ "tag": tag.as_str(), "samples": samples })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default = "first")]
    from: u64,
    #[serde(default = "hundred")]
    limit: usize,
}
fn first() -> u64 {
    1
}
fn hundred() -> usize {
    100
}

async fn read_journal<J: Store>(
    State(journal): State<Arc<J>>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let page = asked(query)?;
    let entries = journal.read(page.from, page.limit.min(MOST)).await.map_err(|e| Problem::unavailable(&e))?;
    Ok(Json(entries.iter().map(shown).collect()))
}

/// An entry as clients see it. A body that is no JSON any more was tampered with: it is shown as the text that it is.
fn shown(e: &Entry) -> Value {
    let body = serde_json::from_str(&e.body).unwrap_or_else(|_| Value::from(e.body.clone()));
    json!({
        "seq": e.seq, "prev_hash": e.prev_hash, "hash": e.hash, "epoch": e.epoch,
        "time": e.time.rfc3339(), "kind": e.kind, "schema": e.schema, "body": body,
    })
}

async fn read_head<J: Store>(State(journal): State<Arc<J>>) -> Result<Json<Value>, Problem> {
    let head = journal.head().await.map_err(|e| Problem::unavailable(&e))?;
    Ok(Json(json!(head)))
}
