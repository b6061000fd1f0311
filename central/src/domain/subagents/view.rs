//! The sub-agents as the API shows them: all of the catalogue, those that were never seen as `unknown`.

use super::super::Domain;
use super::{Kept, Registry, Standing};
use crate::domain::State;
use hypocaust_protocols::model::Millis;
use hypocaust_protocols::wire::subagent::{AgentId, Listed, Mark, catalogue};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An answer is stale when as many rounds have passed without a new one, or its agent is gone.
const FRESH_PERIODS: i64 = 3;

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SubagentsView {
    pub subagents: Vec<SubagentView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NumberView {
    pub value: Option<f64>,
    pub unit: String,
    /// `good`, `uncertain` or `bad`.
    pub quality: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ResultView {
    pub time: String,
    pub plant: String,
    /// The source or header that it is about.
    pub subject: String,
    /// `done`, `cannot-tell` or `failed`.
    pub outcome: &'static str,
    pub values: BTreeMap<String, NumberView>,
    pub reason: Option<String>,
    /// Too old to stand for the present, or its agent is not healthy.
    pub stale: bool,
    pub age_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FailureView {
    pub time: String,
    pub task: String,
    /// A code of `docs/error-codes.md`, such as `GL-E-AGENT-TIMEOUT`.
    pub code: &'static str,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SubagentView {
    pub id: String,
    pub name: &'static str,
    pub group: &'static str,
    /// `healthy`, `degraded`, `removed`, or `unknown`: never seen.
    pub state: &'static str,
    /// Since when it stands so, and why it is not healthy.
    pub since: Option<String>,
    pub why: Option<String>,
    pub version: Option<String>,
    pub capabilities: Vec<String>,
    pub registered: Option<String>,
    pub last_heartbeat: Option<String>,
    pub success_ratio: Option<f64>,
    /// The latest answer of all subjects.
    pub last_result: Option<ResultView>,
    /// The latest answer about each subject; where that is none, the last good one is shown, stale.
    pub results: Vec<ResultView>,
    /// The latest task that ended without an answer that counts.
    pub last_failure: Option<FailureView>,
}

fn mark(quality: Mark) -> &'static str {
    match quality {
        Mark::Good => "good",
        Mark::Uncertain => "uncertain",
        Mark::Bad => "bad",
    }
}

fn result(kept: &Kept, listed: &Listed, well: bool, now: Millis) -> ResultView {
    let age_ms = now.since(kept.at);
    let number = |n: &hypocaust_protocols::wire::subagent::Number| NumberView {
        value: n.value,
        unit: n.unit.clone(),
        quality: mark(n.quality),
    };
    ResultView {
        time: kept.at.rfc3339(),
        plant: kept.asked.plant.to_string(),
        subject: kept.asked.subject.clone(),
        outcome: kept.outcome.name(),
        values: kept.values.iter().map(|(name, n)| (name.clone(), number(n))).collect(),
        reason: kept.reason.clone(),
        stale: !well || age_ms > FRESH_PERIODS * i64::from(listed.period_s) * 1000,
        age_ms,
    }
}

impl Registry {
    fn view(&self, state: &State, listed: &'static Listed, now: Millis) -> SubagentView {
        let member = state.subagents.get(&listed.id);
        let well = member.is_some_and(|m| m.standing == Standing::Healthy);
        let heard = self.heard.get(&listed.id);
        let beat = heard.and_then(|h| h.beat.as_ref());
        let mut results: Vec<&Kept> = self.of(listed.id).collect();
        results.sort_by_key(|k| std::cmp::Reverse(k.at));
        let results: Vec<ResultView> = results.into_iter().map(|k| result(k, listed, well, now)).collect();
        SubagentView {
            id: listed.id.to_string(),
            name: listed.name,
            group: listed.group,
            state: member.map_or("unknown", |m| m.standing.name()),
            since: member.map(|m| m.since.rfc3339()),
            why: member.and_then(|m| m.why.clone()),
            version: member.map(|m| m.version.clone()),
            capabilities: member.map(|m| m.capabilities.clone()).unwrap_or_default(),
            registered: member.map(|m| m.registered.rfc3339()),
            last_heartbeat: beat.map(|(at, _)| at.rfc3339()),
            success_ratio: beat.map(|(_, b)| b.success_ratio),
            last_result: results.first().cloned(),
            results,
            last_failure: heard.and_then(|h| h.failure.as_ref()).map(|f| FailureView {
                time: f.time.rfc3339(),
                task: f.task.clone(),
                code: f.code,
                reason: f.reason.clone(),
            }),
        }
    }

    /// The latest answers of an agent. A failure of its own does not hide the last good one.
    fn of(&self, agent: AgentId) -> impl Iterator<Item = &Kept> {
        let of = move |(a, _): &(AgentId, String)| *a == agent;
        self.latest.iter().filter(move |(key, _)| of(key)).map(|(key, latest)| match latest.outcome {
            hypocaust_protocols::wire::subagent::Outcome::Failed => self.good.get(key).unwrap_or(latest),
            _ => latest,
        })
    }
}

impl Domain {
    /// All sub-agents of the catalogue.
    pub fn subagents_view(&self, now: Millis) -> SubagentsView {
        let one = |listed| self.subagents().view(self.state(), listed, now);
        SubagentsView { subagents: catalogue().iter().map(one).collect() }
    }
}
