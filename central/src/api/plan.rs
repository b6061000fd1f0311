//! `GET /api/v1/dispatch/plan` and `/explanation`: the horizon behind the schedule in force, and why it is so.
//!
//! Both are kept by the replica that leads and by no other; one that follows names it. An explanation is a number of
//! warm solves, so it is made when somebody asks, once for each schedule, on a thread that may take its time.

use super::request::NoQuery;
use super::{Problem, matrix, plain, routes::Routes};
use crate::domain::forecast::Basis;
use crate::domain::{Domain, Plan, case};
use crate::shell::leader::Handle;
use crate::users::{Scope, Session};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json, Router};
use hypocaust_optimizer::explain::{Change, Extent, Price, Short, Worth};
use hypocaust_optimizer::{Case, Explanation, explain};
use hypocaust_protocols::model::{ConsumerId, Millis};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use utoipa::ToSchema;

/// The explanation that was made last, by its schedule's entry. Whoever asks while one is made waits for it.
type Last = Arc<Mutex<Option<(u64, Arc<Explanation>)>>>;

/// The routes below `/api/v1`.
pub fn routes(leader: Handle) -> Router {
    let explained = (leader.clone(), Last::default());
    Routes::new()
        .on(&matrix::DISPATCH_PLAN, plan)
        .with_state(leader)
        .merge(Routes::new().on(&matrix::DISPATCH_EXPLANATION, explanation).with_state(explained))
}

/// The horizon behind the schedule in force. Every list has one value a step, MW unless it says otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanView {
    /// The journal's entry of the schedule.
    seq: u64,
    /// When the first step begins.
    time: String,
    /// Up to when the past went that the demand of those with the basis `history` rests on.
    past_until: Option<String>,
    /// Length of each step, minutes.
    step_minutes: Vec<f64>,
    /// Heat of each source.
    sources: BTreeMap<String, Vec<f64>>,
    stores: BTreeMap<String, PlannedStore>,
    /// From the beginning of each main to its end; negative the other way.
    mains: BTreeMap<String, Vec<f64>>,
    consumers: BTreeMap<String, PlannedConsumer>,
    /// Of one MWh more at each header; empty where the schedule was made without the solver. One of the prices between
    /// the two sides that the explanation has.
    prices: BTreeMap<String, Vec<f64>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PlannedStore {
    /// Heat that it gives; negative where it is filled.
    heat: Vec<f64>,
    /// MWh at the end of each step.
    content: Vec<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PlannedConsumer {
    /// What `asked` rests on beyond the first step.
    basis: Option<Basis>,
    asked: Vec<f64>,
    served: Vec<f64>,
}

fn difference(of: &[f64], less: &[f64]) -> Vec<f64> {
    of.iter().zip(less).map(|(a, b)| a - b).collect()
}

/// The part of these plants. What the case has beside the fleet's things (headers' own content, mains that nobody can move)
/// is left out. Pure.
fn view(plan: &Plan, plants: &Scope) -> PlanView {
    let seen = |id: &str| case::is_of_fleet(id) && plants.covers_thing(id);
    let Plan { seq, at, case, solution, bases, past_until } = plan;
    let of = |id: &String| id.clone();
    PlanView {
        seq: *seq,
        time: at.rfc3339(),
        past_until: past_until.map(Millis::rfc3339),
        step_minutes: (0..case.time.steps).map(|t| case.time.step_minutes.at(t)).collect(),
        sources: solution.units.iter().filter(|(id, _)| seen(id)).map(|(id, s)| (of(id), s.heat.clone())).collect(),
        stores: solution
            .storages
            .iter()
            .filter(|(id, _)| seen(id))
            .map(|(id, s)| {
                (of(id), PlannedStore { heat: difference(&s.discharge, &s.charge), content: s.energy.clone() })
            })
            .collect(),
        mains: case
            .links
            .iter()
            .filter(|link| plants.covers_thing(&link.from) || plants.covers_thing(&link.to))
            .filter_map(|link| {
                let series = solution.links.get(&link.id)?;
                Some((link.id.clone(), difference(&series.forward, &series.reverse)))
            })
            .collect(),
        consumers: solution
            .demands
            .iter()
            .filter(|(id, _)| seen(id))
            .map(|(id, s)| {
                let asked = s.served.iter().zip(&s.unserved).map(|(served, lacks)| served + lacks).collect();
                (of(id), PlannedConsumer { basis: bases.get(id.as_str()).copied(), asked, served: s.served.clone() })
            })
            .collect(),
        prices: solution.prices.iter().filter(|(id, _)| seen(id)).map(|(id, p)| (of(id), p.clone())).collect(),
    }
}

type Plans = (Arc<Plan>, Option<Arc<Plan>>);

/// What people call the consumers.
type Names = BTreeMap<ConsumerId, String>;

/// The plans of this replica, if it leads.
fn kept(domain: &Domain) -> Result<Plans, Problem> {
    if let Some(plans) = domain.plan() {
        return Ok(plans);
    }
    Err(match domain.leader().filter(|_| !domain.leads()) {
        Some(leader) => {
            let detail = format!("Replica '{}' leads and keeps the plan; ask {}.", leader.id, leader.address);
            Problem::elsewhere(leader, detail)
        }
        None => Problem::not_found(
            "There is no plan: nothing has been planned yet, or the schedule in force holds every setpoint as it is.",
        ),
    })
}

#[utoipa::path(get, path = "/api/v1/dispatch/plan", responses((status = 200, body = PlanView)))]
pub async fn plan(
    State(leader): State<Handle>,
    Extension(session): Extension<Session>,
    _: NoQuery,
) -> Result<Json<Value>, Problem> {
    let (plan, _) = leader.ask(|domain, _| kept(domain)).await??;
    Ok(Json(plain(view(&plan, &session.plants))))
}

/// Why the schedule in force is as it is. In `owner`, `inventory:` before a header's id is the header's own content, and
/// `main:` before a main's id one that nobody can move, because a plant at it is out of reach.
#[derive(Serialize, ToSchema)]
pub struct ExplanationView {
    /// The journal's entry of the schedule.
    seq: u64,
    /// What heat costs at each header now, from both sides.
    prices: Vec<Price>,
    /// Who is short, and why.
    short: Vec<Short>,
    /// How many more are.
    further_short: usize,
    /// What one MW more of each limit that binds is worth.
    worth: Vec<Worth>,
    /// Since the schedule before.
    changes: Vec<Change>,
    /// The same for a person.
    sentences: Vec<String>,
}

#[utoipa::path(get, path = "/api/v1/dispatch/explanation", responses((status = 200, body = ExplanationView)))]
pub async fn explanation(State((leader, last)): State<(Handle, Last)>, _: NoQuery) -> Result<Json<Value>, Problem> {
    let asked = leader.ask(|domain, _| {
        let names = domain.fleet().consumers().map(|(_, c)| (c.id.clone(), c.name.clone())).collect();
        kept(domain).map(|plans| (plans, names))
    });
    let ((plan, before), names): (Plans, Names) = asked.await??;
    let mut last = last.lock().await;
    let known = last.as_ref().filter(|(seq, _)| *seq == plan.seq).map(|(_, explanation)| Arc::clone(explanation));
    let seq = plan.seq;
    let explanation = match known {
        Some(explanation) => explanation,
        None => {
            let made = tokio::task::spawn_blocking(move || explained(&plan, before.as_deref(), &names)).await;
            let made = made.map_err(|error| unexplained(seq, &error))?;
            let explanation = Arc::new(made.map_err(|error| unexplained(seq, &error))?);
            *last = Some((seq, Arc::clone(&explanation)));
            explanation
        }
    };
    let Explanation { prices, short, further_short, worth, changes, sentences } = Explanation::clone(&explanation);
    Ok(Json(plain(ExplanationView { seq, prices, short, further_short, worth, changes, sentences })))
}

/// The schedule stands as it is; what would explain it has no answer.
fn unexplained(seq: u64, error: &dyn std::error::Error) -> Problem {
    tracing::warn!(%error, seq, "a schedule cannot be explained");
    let detail = format!("The schedule of entry {seq} stands, but cannot be explained: {error}. Ask for the next one.");
    Problem::new(StatusCode::CONFLICT, "GL-E-UNEXPLAINED", "No explanation", detail)
}

/// A case bears its moment in its name, and what it costs is compared by that name: under its own, each schedule's cost
/// would be new and the one before it gone.
fn unnamed(plan: &Plan) -> Case {
    Case { name: "the schedule".into(), ..plan.case.clone() }
}

fn explained(plan: &Plan, before: Option<&Plan>, names: &Names) -> Result<Explanation, hypocaust_optimizer::Error> {
    let earlier = before.map(|b| (unnamed(b), &b.solution));
    let before = earlier.as_ref().map(|(case, solution)| (case, *solution));
    let mut all = explain(&unnamed(plan), &plan.solution, before, Extent::default())?;
    for sentence in &mut all.sentences {
        *sentence = case::in_words(sentence, names);
    }
    Ok(all)
}
