//! Routes that read the stores: the history and the journal, former schedules with it.

use super::request::{NoQuery, asked, time};
use super::{Problem, matrix, routes::Routes, scope};
use crate::domain::{Event, view};
use crate::journal::{Entry, Head, Store};
use crate::telemetry::{History, thin};
use crate::users::Session;
use axum::extract::{Path, Query, State, rejection::QueryRejection};
use axum::{Extension, Json, Router};
use hypocaust_protocols::files::nearest;
use hypocaust_protocols::model::{Fleet, TagId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::RangeInclusive;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Points or entries of one answer.
const MANY: RangeInclusive<usize> = 1..=10_000;
/// The highest number that an entry can have: what a database counts with.
const LAST: u64 = i64::MAX as u64;

pub fn routes<H: History + 'static, J: Store + 'static>(fleet: Arc<Fleet>, history: H, journal: J) -> Router {
    let tags = Routes::new().on(&matrix::HISTORY, read_history::<H>).with_state((fleet, Arc::new(history)));
    let entries = Routes::new()
        .on(&matrix::JOURNAL, read_journal::<J>)
        .on(&matrix::JOURNAL_HEAD, read_head::<J>)
        .on(&matrix::DISPATCH, read_dispatch::<J>)
        .with_state(Arc::new(journal));
    tags.merge(entries)
}

/// How many were asked for; more than there may be is said, not cut down.
fn many(name: &str, asked: usize) -> Result<usize, Problem> {
    if MANY.contains(&asked) {
        return Ok(asked);
    }
    let (least, most) = MANY.into_inner();
    Err(Problem::invalid(format!("'{name}' is {asked}; write a number from {least} to {most}")))
}

/// A number that an entry can have.
fn numbered(name: &str, seq: u64) -> Result<u64, Problem> {
    if seq <= LAST {
        return Ok(seq);
    }
    Err(Problem::invalid(format!("{name} is {seq}, and no journal counts so far; write a number up to {LAST}")))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Span {
    #[param(pattern = "^[a-z0-9][a-z0-9-]*([.][a-z0-9][a-z0-9-]*)*$", max_length = 80)]
    tag: String,
    /// RFC 3339; included.
    #[param(format = DateTime)]
    from: String,
    /// RFC 3339; excluded.
    #[param(format = DateTime)]
    to: String,
    /// At most so many samples, 10,000 unless said: of each slice of the span the lowest, the highest and the first that
    /// is not good.
    #[param(minimum = 1, maximum = 10_000)]
    points: Option<usize>,
}

#[derive(Serialize, ToSchema)]
pub struct HistoryView {
    tag: String,
    /// Null: the fleet has this tag no more.
    unit: Option<&'static str>,
    /// By time: RFC 3339, the value, its quality.
    #[schema(value_type = Vec<Vec<Value>>)]
    samples: Vec<(String, Option<f64>, &'static str)>,
}

#[utoipa::path(get, path = "/api/v1/history", params(Span),
    responses((status = 200, body = HistoryView)))]
pub async fn read_history<H: History>(
    State((fleet, history)): State<(Arc<Fleet>, Arc<H>)>,
    Extension(session): Extension<Session>,
    query: Result<Query<Span>, QueryRejection>,
) -> Result<Json<HistoryView>, Problem> {
    let span = asked(query)?;
    let tag = TagId::new(&span.tag).map_err(|e| Problem::invalid(e.to_string()))?;
    scope::holds(&session, tag.as_str())?;
    let (from, to) = (time("from", &span.from)?, time("to", &span.to)?);
    if to < from {
        return Err(Problem::invalid("'from' lies after 'to'; write the earlier time as 'from'"));
    }
    let most = many("points", span.points.unwrap_or(*MANY.end()))?;
    let points = history.read(&tag, from, to).await.map_err(|e| Problem::unavailable(&e))?;
    let unit = fleet.tag(tag.as_str()).map(|(_, t)| t.unit.symbol());
    if unit.is_none() && points.is_empty() {
        // A tag that the fleet once had keeps its history; one that nobody knows is a slip of the pen.
        let own = fleet.plants.iter().filter(|p| session.plants.covers(p.id.as_str()));
        let known = own.flat_map(|p| &p.tags).map(|t| t.id.as_str());
        let instead = nearest(tag.as_str(), known).map_or_else(
            || "GET /api/v1/tags lists those there are".to_owned(),
            |near| format!("did you mean '{near}'?"),
        );
        return Err(Problem::not_found(format!("There is no tag '{tag}'; {instead}.")));
    }
    let samples = thin(points, most).iter().map(|p| (p.time.rfc3339(), p.value, p.quality.name())).collect();
    Ok(Json(HistoryView { tag: tag.to_string(), unit, samples }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The first entry's number; 1 unless said.
    #[serde(default = "first")]
    #[param(minimum = 0)]
    from: u64,
    /// 100 unless said, 10,000 at most.
    #[serde(default = "hundred")]
    #[param(minimum = 1, maximum = 10_000)]
    limit: usize,
}
fn first() -> u64 {
    1
}
fn hundred() -> usize {
    100
}

/// An entry of the journal as clients see it.
#[derive(Serialize, ToSchema)]
pub struct EntryView {
    seq: u64,
    prev_hash: String,
    hash: String,
    epoch: u64,
    time: String,
    kind: String,
    schema: u32,
    /// As its kind and schema say. One that is no JSON any more was tampered with: it is shown as the text that it is.
    body: Value,
}

impl From<&Entry> for EntryView {
    fn from(e: &Entry) -> EntryView {
        EntryView {
            seq: e.seq,
            prev_hash: e.prev_hash.to_string(),
            hash: e.hash.to_string(),
            epoch: e.epoch,
            time: e.time.rfc3339(),
            kind: e.kind.clone(),
            schema: e.schema,
            body: serde_json::from_str(&e.body).unwrap_or_else(|_| Value::from(e.body.clone())),
        }
    }
}

#[utoipa::path(get, path = "/api/v1/journal", params(Page),
    responses((status = 200, body = Vec<EntryView>)))]
pub async fn read_journal<J: Store>(
    State(journal): State<Arc<J>>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Vec<EntryView>>, Problem> {
    let page = asked(query)?;
    let limit = many("limit", page.limit)?;
    let entries = journal.read(numbered("'from'", page.from)?, limit).await.map_err(|e| Problem::unavailable(&e))?;
    Ok(Json(entries.iter().map(EntryView::from).collect()))
}

/// Where the journal ends.
#[derive(Serialize, ToSchema)]
pub struct HeadView {
    seq: u64,
    hash: String,
}

#[utoipa::path(get, path = "/api/v1/journal/head",
    responses((status = 200, body = HeadView)))]
pub async fn read_head<J: Store>(State(journal): State<Arc<J>>, _: NoQuery) -> Result<Json<HeadView>, Problem> {
    let Head { seq, hash } = journal.head().await.map_err(|e| Problem::unavailable(&e))?;
    Ok(Json(HeadView { seq, hash: hash.to_string() }))
}

#[utoipa::path(get, path = "/api/v1/dispatch/{seq}", params(("seq" = u64, Path, description = "Its entry in the journal")),
    responses((status = 200, body = view::DispatchView)))]
pub async fn read_dispatch<J: Store>(
    State(journal): State<Arc<J>>,
    Extension(session): Extension<Session>,
    Path(wanted): Path<String>,
    _: NoQuery,
) -> Result<Json<view::DispatchView>, Problem> {
    let seq: u64 = wanted.parse().map_err(|_| {
        Problem::invalid(format!("'{wanted}' is no entry; write its number in the journal, or 'latest'"))
    })?;
    let seq = numbered("the entry", seq)?;
    let found = journal.read(seq, 1).await.map_err(|e| Problem::unavailable(&e))?;
    let Some(entry) = found.first().filter(|e| e.seq == seq) else {
        return Err(Problem::not_found(format!(
            "The journal has no entry {seq}; GET /api/v1/journal/head names the last."
        )));
    };
    let recorded = Event::read(entry).map_err(|e| Problem::unavailable(&e))?;
    match &recorded.event {
        Event::Scheduled { schedule } => Ok(Json(scope::dispatch(view::dispatch(seq, schedule), &session.plants))),
        _ => Err(Problem::not_found(format!(
            "Entry {seq} is of the kind '{}', no schedule; GET /api/v1/dispatch/latest names the latest one.",
            entry.kind
        ))),
    }
}
