//! From a schedule to orders, and the ladder when there is no fresh one.
//!
//! optimal -> last good, fitted to what is now -> greedy -> hold. A rung is left only with its reason in the journal,
//! each one that was tried with its own, and nothing leaves that the independent check refuses. Orders are few: what
//! moves less than a share of its span is not sent, a setpoint is not written oftener than the edge's rate limit lets
//! through, and one that was refused rests for a while. One that only met somebody above dispatch does not rest: an
//! order that overtakes the beat which ends a shed would otherwise leave the consumer shed for half a minute more.

use super::case::Built;
use super::event::Order;
use super::image::{Image, Mode};
use super::schedule::{NOTHING_MW, Origin, Schedule, Target, from_solution};
use super::state::{OrderState, State};
use super::subagents::{self, Asked, Refused};
use hypocaust_optimizer::{Case, Earlier, Solution};
use hypocaust_protocols::model::{Direction, Fleet, Millis, PerClass};
use hypocaust_protocols::wire::subagent::Report;
use hypocaust_protocols::wire::{Action, Writer};

/// A value that the plant does not show although it was ordered is ordered again after this time.
const INSIST_MS: i64 = 30_000;
/// A refused order is not repeated before this time is over...
const REFUSED_REST_MS: i64 = 30_000;
/// ...but for one that this gate of the edge refused: somebody above dispatch had the setpoint at that moment.
const PASSING_GATE: &str = "arbitration";
/// After it was on its own a plant is brought back over this time...
const REENTRY_MS: i64 = 60_000;
/// ...in steps of at most this share of a setpoint's span, against its safe direction.
const REENTRY_STEP: f64 = 0.1;

/// The judges outside of the solver and of the sub-agents: one that refuses wrong schedules, one that makes a plain one,
/// one that refuses answers.
#[derive(Debug, Clone, Copy)]
pub struct Judges {
    /// Why this solution must not be used.
    pub check: fn(&Case, &Solution) -> Result<(), String>,
    /// Without the solver: the last good plan fitted to this case where there is one, otherwise by priority and marginal
    /// cost. An error says why there is none.
    pub plain: fn(&Case, Option<Earlier<'_>>) -> Result<Solution, String>,
    /// Why this answer of a sub-agent does not count.
    pub admit: fn(&Asked, &Report, Millis) -> Result<(), Refused>,
}

impl Judges {
    /// The optimizer's own check and greedy schedule, and the registry's own rules.
    pub fn ours() -> Judges {
        Judges {
            check: |case, solution| {
                let verdict = hypocaust_optimizer::check(case, solution);
                if verdict.passed { Ok(()) } else { Err(verdict.faults.join("; ")) }
            },
            plain: |case, earlier| {
                let made = match earlier {
                    Some(earlier) => hypocaust_optimizer::repair_later(case, earlier),
                    None => hypocaust_optimizer::greedy(case),
                };
                made.map_err(|e| e.to_string())
            },
            admit: subagents::admit,
        }
    }
}

/// Is enough known for a schedule? The first one of a leadership waits for every plant, for one period at the most, since
/// mains from plants that are about to be heard of would be missed. `begun` is when the first plant was known.
pub fn ready(fleet: &Fleet, image: &Image, first: bool, begun: &mut Option<Millis>, now: Millis) -> bool {
    if !fleet.plants.iter().any(|p| image.known(fleet, p, now) && image.linked(&p.id)) {
        return false;
    }
    let waited = now.since(*begun.get_or_insert(now)) as f64 / 1000.0;
    !first || waited >= fleet.limits.dispatch_period_s || fleet.plants.iter().all(|p| image.known(fleet, p, now))
}

/// Are classes 1 to 3 short in the first step, so that units may be asked for their proven rating?
pub fn upper_classes_short(fleet: &Fleet, solution: &Solution) -> bool {
    fleet.consumers().any(|(_, c)| {
        c.class.rank() <= 3
            && solution
                .demands
                .get(c.id.as_str())
                .and_then(|s| s.unserved.first())
                .is_some_and(|unserved| *unserved > NOTHING_MW)
    })
}

/// Where the ladder was left below a fresh optimum.
pub struct Fallback {
    pub schedule: Schedule,
    /// What the schedule was made from; none where setpoints are held.
    pub solution: Option<Solution>,
    /// The rungs above it that were tried, from the top, and why each was not taken.
    pub refused: Vec<(Origin, String)>,
}

/// The next rung below a fresh optimum. `good`: the last good plan, where there is one that may still be used.
pub fn fallback(
    fleet: &Fleet,
    image: &Image,
    state: &State,
    built: &Built,
    (judges, good): (&Judges, Option<Earlier<'_>>),
    now: Millis,
) -> Fallback {
    let mut refused = Vec::new();
    let rungs = [good.map(|good| (Origin::LastGood, Some(good))), Some((Origin::Greedy, None))];
    for (origin, earlier) in rungs.into_iter().flatten() {
        let made = (judges.plain)(&built.case, earlier).map_err(|why| format!("No schedule could be made ({why})"));
        let checked = made.and_then(|solution| match (judges.check)(&built.case, &solution) {
            Ok(()) => Ok(solution),
            Err(why) => Err(format!("The check refused the {} schedule ({why})", origin.name())),
        });
        match checked {
            Ok(solution) => {
                let schedule = Schedule { origin, ..from_solution(fleet, image, built, &solution, now) };
                return Fallback { schedule, solution: Some(solution), refused };
            }
            Err(reason) => refused.push((origin, reason)),
        }
    }
    let hold = Schedule {
        time: now,
        origin: Origin::Hold,
        setpoints: Vec::new(),
        unserved_mw: PerClass::default(),
        unserved_mwh: PerClass::default(),
        short: state.schedule.as_ref().map(|(_, s)| s.short.clone()).unwrap_or_default(),
        cost: None,
        prices: Default::default(),
        binding: Vec::new(),
        certificate: None,
        solve_ms: None,
        proven: false,
        trips: built.trips.clone(),
        window: built.window,
        told_by: built.told_by.clone(),
        why: Vec::new(),
    };
    Fallback { schedule: hold, solution: None, refused }
}

/// The orders that bring the plants from where they are to the schedule.
pub fn orders(fleet: &Fleet, image: &Image, state: &State, schedule: &Schedule, now: Millis) -> Vec<Order> {
    schedule
        .setpoints
        .iter()
        .filter_map(|target| {
            let value = due(fleet, image, state, target, now)?;
            Some(Order {
                id: String::new(),
                plant: target.plant.clone(),
                writer: Writer::Dispatch,
                action: Action::Set { setpoint: target.setpoint.clone(), value },
                reason: 0,
                text: format!("{} schedule", schedule.origin.name()),
                by: None,
            })
        })
        .collect()
}

/// The value to order for this target now, if any.
fn due(fleet: &Fleet, image: &Image, state: &State, target: &Target, now: Millis) -> Option<f64> {
    let edge = image.edges.get(&target.plant).filter(|e| e.link && e.mode == Mode::Remote)?;
    let (_, spec) = fleet.setpoint(target.setpoint.as_str())?;
    let span = spec.max - spec.min;
    let least = fleet.limits.movement_share * span;
    let shown = image.good(fleet, &target.setpoint, now);
    let mut value = target.value;
    if let (Some(since), Some(shown)) = (edge.remote_since, shown)
        && now.since(since) < REENTRY_MS
    {
        // Gradual is the way back, never the way into safety: what must be shed now is shed at once.
        value = match spec.safe_direction {
            Direction::Down => value.min(shown + REENTRY_STEP * span),
            Direction::Up => value.max(shown - REENTRY_STEP * span),
        };
    }
    let differs = |other: f64| {
        (value - other).abs() > least || at_end(value, spec.min, spec.max) && (value - other).abs() > least / 10.0
    };
    let off = shown.is_none_or(differs);
    let Some(wanted) = state.wanted.get(&target.setpoint) else {
        return off.then_some(value);
    };
    let age = now.since(wanted.at);
    let last = state.orders.get(&wanted.order).map(|t| &t.state);
    if let Some(OrderState::Refused { refusal }) = last
        && refusal.gate == PASSING_GATE
    {
        // Nothing was moved, so the edge's rate limit has not counted it either.
        return (off || differs(wanted.value)).then_some(value);
    }
    let spacing = (60_000.0 / f64::from(fleet.limits.writes_per_minute.max(1))) as i64;
    if age < spacing {
        return None;
    }
    match last {
        Some(OrderState::Issued) => None,
        Some(OrderState::Refused { .. }) if age < REFUSED_REST_MS && !differs(wanted.value) => None,
        // It was done, perhaps slowly by the velocity limit: the plant may still be on its way.
        Some(OrderState::Done { .. }) if !differs(wanted.value) && age < INSIST_MS => None,
        _ => (off || differs(wanted.value)).then_some(value),
    }
}

/// Fully open and fully shut are meant exactly: a cap that is released by 99 % still caps.
fn at_end(value: f64, min: f64, max: f64) -> bool {
    value == min || value == max
}
