//! Bringing a lost source back, step by step, with the time at which heat can be expected.
//!
//! ```text
//!            cause gone            released               burner management agrees
//!  Waiting ------------> Resetting --------> Requested --------------------------> Starting --> closed: restored
//!     ^                                       |     ^                                 |
//!     |          trips again, locks out       |     | an hour's starts are used       |
//!     +---------------------------------------+-- Resting ----------------------------+
//! ```
//! The burner management starts burners; this asks it to, and no oftener than the source allows. A lockout is a person's
//! to reset, and a source that only operators start is waited for. Nothing is asked of an edge that takes no orders, and a
//! start that was refused does not count as one. Everything here looks at what *is* (the state word,
//! the trips latched at the edge), so a restoration goes on by itself after a change of leader.

use super::alarms;
use super::event::{Cause, Ending, Event, Order, Phase};
use super::image::{Image, Mode};
use super::state::{HOUR_MS, OrderState, Restoration, State};
use hypocaust_protocols::model::{
    Class, Fleet, Millis, Plant, SetpointId, Source, SourceState, StartedBy, Trip, TripId,
};
use hypocaust_protocols::wire::{Action, Writer};

/// How long the burner management may take to leave `off` before it is asked again, and a reset before it is repeated.
const REPEAT_MS: i64 = 20_000;
/// A start that an edge has refused is asked for again after this time.
const REFUSED_REST_MS: i64 = 60_000;
/// A trip is not released before the samples that belong to it can have arrived.
const SETTLE_MS: i64 = 2_000;
/// A prediction that moves less is not worth an entry in the journal.
const PREDICTION_MS: i64 = 30_000;
/// A shortage that passes within this time is not escalated.
const ESCALATE_AFTER_MS: i64 = 30_000;

/// May Hypocaust ask for its start?
fn startable(source: &Source) -> bool {
    source.started_by == StartedBy::Hypocaust && source.start_request.is_some()
}

/// Seconds until the source can give heat, `None` where that is not known: it stands still and nobody starts it, or
/// its cause is not gone.
pub fn heat_in_s(image: &Image, state: &State, source: &Source, now: Millis) -> Option<f64> {
    let phase = state.restorations.get(&source.id).map(|r| &r.phase);
    ready_in_s(image, source, phase, now)
}

fn ready_in_s(image: &Image, source: &Source, phase: Option<&Phase>, now: Millis) -> Option<f64> {
    let (at, since) = image.states.get(&source.id)?;
    let total = source.start.total_s();
    let elapsed = now.since(*since) as f64 / 1000.0;
    let left = |before: f64, own: f64| Some(total - before - elapsed.min(own));
    match at {
        SourceState::On => Some(0.0),
        SourceState::Purge => left(0.0, source.start.purge_s),
        SourceState::LightOff => left(source.start.purge_s, source.start.light_off_s),
        SourceState::WarmUp => left(total - source.start.warm_up_s, source.start.warm_up_s),
        SourceState::Off if startable(source) => match phase? {
            Phase::Resetting | Phase::Requested | Phase::Starting { .. } => Some(total),
            Phase::Resting { until } => Some(until.since(now).max(0) as f64 / 1000.0 + total),
            Phase::Waiting { .. } => None,
        },
        SourceState::Off | SourceState::Tripped | SourceState::Lockout => None,
    }
}

fn heat_at(image: &Image, source: &Source, phase: &Phase, now: Millis) -> Option<Millis> {
    ready_in_s(image, source, Some(phase), now).map(|s| now.plus((s * 1000.0) as i64))
}

fn latched<'a>(image: &'a Image, plant: &'a Plant, source: &'a Source) -> impl Iterator<Item = &'a Trip> {
    let trips = image.edges.get(&plant.id).map(|e| &e.trips);
    plant.trips.iter().filter(move |t| t.source == source.id && trips.is_some_and(|set| set.contains(&t.id)))
}

/// May the trip's condition still hold, by what the centre sees? A flag that cannot be seen votes for it: that nothing is
/// heard of a cause does not say that the cause is gone.
fn stands(fleet: &Fleet, image: &Image, trip: &Trip, now: Millis) -> bool {
    let votes = trip.tags.iter().filter(|t| image.good(fleet, t, now).is_none_or(|v| trip.condition.holds(v))).count();
    votes >= trip.votes
}

/// Is heat short somewhere, so that a source that stands still should run?
fn needed(state: &State) -> bool {
    !state.shortages.is_empty()
}

/// What is to be done for every source now.
pub fn decide(fleet: &Fleet, image: &Image, state: &State, now: Millis) -> Vec<Event> {
    let mut events = Vec::new();
    for (plant, source) in fleet.sources() {
        if !image.linked(&plant.id) {
            continue;
        }
        let Some(at) = image.source_state(source) else { continue };
        let trip: Option<&Trip> = latched(image, plant, source).next();
        match state.restorations.get(&source.id) {
            None => events.extend(open(plant, source, at, trip, state)),
            Some(r) => advance(fleet, image, state, now, (plant, source), (at, trip), r, &mut events),
        }
    }
    events
}

fn open(plant: &Plant, source: &Source, at: SourceState, trip: Option<&Trip>, state: &State) -> Vec<Event> {
    let down = matches!(at, SourceState::Tripped | SourceState::Lockout);
    let cause = if down || trip.is_some() {
        Cause::Trip
    } else if at == SourceState::Off && startable(source) && needed(state) {
        Cause::Standby
    } else {
        return Vec::new();
    };
    let phase = Phase::Waiting { locked_out: at == SourceState::Lockout };
    let mut events = vec![Event::RestorationOpened { source: source.id.clone(), cause, phase, heat_at: None }];
    if cause == Cause::Trip {
        let text = format!("{} has tripped: {:.1} MW of heat are lost", source.id, source.heat_max_mw);
        let page = alarms::page_of_trip(plant, &source.id);
        events.extend(alarms::raise(state, &alarms::trip(&source.id), 1, page, text));
    }
    events
}

fn order(plant: &Plant, action: Action, text: String) -> Event {
    let order = Order {
        id: String::new(),
        plant: plant.id.clone(),
        writer: Writer::Procedure,
        action,
        reason: 0,
        text,
        by: None,
    };
    Event::Ordered { orders: vec![order] }
}

#[expect(clippy::too_many_arguments, reason = "everything that a step may look at, once")]
fn advance(
    fleet: &Fleet,
    image: &Image,
    state: &State,
    now: Millis,
    (plant, source): (&Plant, &Source),
    (at, trip): (SourceState, Option<&Trip>),
    r: &Restoration,
    events: &mut Vec<Event>,
) {
    use SourceState::*;
    let waited = now.since(r.since);
    let listens = image.edges.get(&plant.id).is_some_and(|edge| edge.mode == Mode::Remote);
    let mut action = None;
    let phase = match at {
        Tripped | Lockout => Phase::Waiting { locked_out: at == Lockout },
        _ if let Some(trip) = trip => {
            if now.since(r.opened) < SETTLE_MS || stands(fleet, image, trip, now) {
                Phase::Waiting { locked_out: false }
            } else if !listens {
                r.phase.clone()
            } else {
                if r.phase != Phase::Resetting || waited > REPEAT_MS && !reset_pending(state, &trip.id) {
                    action = Some((
                        Action::ResetTrip { trip: trip.id.clone() },
                        format!("the cause of {} is gone", trip.id),
                    ));
                }
                Phase::Resetting
            }
        }
        On => {
            let took_s = now.since(r.opened) as f64 / 1000.0;
            events.push(Event::RestorationClosed { source: source.id.clone(), ending: Ending::Restored, took_s });
            events.extend(alarms::clear(state, &alarms::trip(&source.id)));
            return;
        }
        Purge | LightOff | WarmUp => Phase::Starting { state: at },
        Off if !startable(source) => Phase::Waiting { locked_out: false },
        Off if r.cause == Cause::Standby && !needed(state) => {
            let took_s = now.since(r.opened) as f64 / 1000.0;
            events.push(Event::RestorationClosed { source: source.id.clone(), ending: Ending::NotNeeded, took_s });
            return;
        }
        Off if !listens => r.phase.clone(),
        Off => start(fleet, image, state, now, source, r, &mut action),
    };
    let at_time = heat_at(image, source, &phase, now);
    let moved = match (r.heat_at, at_time) {
        (Some(a), Some(b)) => a.since(b).abs() > PREDICTION_MS,
        (a, b) => a.is_some() != b.is_some(),
    };
    let asked_again = phase == Phase::Requested && action.is_some();
    if phase != r.phase || moved || asked_again {
        events.push(Event::RestorationMoved { source: source.id.clone(), phase, heat_at: at_time });
    }
    if let Some((action, text)) = action {
        events.push(order(plant, action, text));
    }
}

fn reset_pending(state: &State, trip: &TripId) -> bool {
    state.pending().iter().any(|t| matches!(&t.order.action, Action::ResetTrip { trip: id } if id == trip))
}

/// The next phase of a source that stands still and may be asked to start.
fn start(
    fleet: &Fleet,
    image: &Image,
    state: &State,
    now: Millis,
    source: &Source,
    r: &Restoration,
    action: &mut Option<(Action, String)>,
) -> Phase {
    let Some(setpoint) = source.start_request.clone() else { return r.phase.clone() };
    let pending =
        state.pending().iter().any(|t| matches!(&t.order.action, Action::Set { setpoint: s, .. } if *s == setpoint));
    if pending {
        return r.phase.clone();
    }
    if refused_lately(state, &setpoint, now) {
        return r.phase.clone();
    }
    let starts = state.starts.get(&setpoint).into_iter().flatten().filter(|start| now.since(start.at) < HOUR_MS);
    let recent: Vec<Millis> = starts.map(|start| start.at).collect();
    if recent.last().is_some_and(|at| now.since(*at) < REPEAT_MS) {
        return r.phase.clone();
    }
    if recent.len() >= source.starts_per_hour as usize {
        let until = recent.first().map_or(now, |t| t.plus(HOUR_MS));
        return Phase::Resting { until };
    }
    // A start is asked for by the change from 0 to 1, so a request that still stands is taken back first.
    if image.good(fleet, &setpoint, now) == Some(1.0) && r.phase != Phase::Requested {
        // It may be taken back already and only not have been seen.
        if state.wanted.get(&setpoint).is_some_and(|w| w.value == 0.0 && now.since(w.at) < REPEAT_MS) {
            return r.phase.clone();
        }
        *action = Some((Action::Set { setpoint, value: 0.0 }, "take the old start request back".into()));
        return r.phase.clone();
    }
    *action = Some((Action::Set { setpoint, value: 1.0 }, format!("start {} again", source.id)));
    Phase::Requested
}

/// Has the edge refused a start a short time ago?
fn refused_lately(state: &State, setpoint: &SetpointId, now: Millis) -> bool {
    let start = |action: &Action| matches!(action, Action::Set { setpoint: s, value: 1.0 } if s == setpoint);
    state.orders.values().any(|t| {
        matches!(t.state, OrderState::Refused { .. }) && now.since(t.issued) < REFUSED_REST_MS && start(&t.order.action)
    })
}

/// What a source that does not run waits for, and who has to do something about it; for people. `None`: it runs, or
/// nobody needs it.
pub fn in_words(image: &Image, state: &State, plant: &Plant, source: &Source) -> Option<String> {
    let phase = &state.restorations.get(&source.id)?.phase;
    let stands = image.source_state(source) == Some(SourceState::Off);
    Some(match phase {
        Phase::Waiting { locked_out: true } => "locked out: a person resets its burner management".into(),
        Phase::Waiting { .. } if !stands => "tripped: its cause still stands".into(),
        Phase::Waiting { .. } => {
            if let Some(trip) = latched(image, plant, source).next() {
                format!("{} is latched: its cause may still stand", trip.id)
            } else if !startable(source) {
                "needed, and Hypocaust does not start it: operators do".into()
            } else {
                "its edge takes no orders".into()
            }
        }
        Phase::Resetting => "its cause is gone: the latched trip is being released".into(),
        Phase::Requested => "its burner management has been asked to start".into(),
        Phase::Starting { state } => format!("on its way up: {}", state.name()),
        Phase::Resting { until } => {
            format!("rests until {}: it is started {} times an hour at most", until.rfc3339(), source.starts_per_hour)
        }
    })
}

/// When the heat of this class must be back.
pub fn deadline(fleet: &Fleet, class: Class, since: Millis) -> Option<Millis> {
    let minutes = fleet.limits.restore_min[class as usize];
    (minutes > 0.0).then(|| since.plus((minutes * 60_000.0) as i64))
}

/// Tells people of every consumer whose heat will not be back in time, once, and takes the alarm back when it is.
pub fn escalate(fleet: &Fleet, state: &State, now: Millis) -> Vec<Event> {
    let mut events = Vec::new();
    let Some((_, schedule)) = &state.schedule else { return events };
    for short in &schedule.short {
        let Some(shortage) = state.shortages.get(&short.consumer) else { continue };
        if shortage.escalated || now.since(shortage.since) < ESCALATE_AFTER_MS {
            continue;
        }
        // What dispatch would not move a setpoint for is nothing to call somebody for.
        if short.asked_mw - short.served_mw <= fleet.limits.movement_share * short.asked_mw {
            continue;
        }
        let Some(deadline) = deadline(fleet, short.class, shortage.since) else { continue };
        if short.heat_at.is_some_and(|at| at <= deadline) && now <= deadline {
            continue;
        }
        events.push(Event::Escalated {
            consumer: short.consumer.clone(),
            class: short.class,
            deadline,
            heat_at: short.heat_at,
        });
        // The page of a tripped source says what to do about a consumer that waits too long.
        let runbook = fleet.plants.iter().flat_map(|p| &p.trips).map(|t| t.runbook.clone()).next();
        let when = short.heat_at.map_or("not within the horizon".to_owned(), |at| format!("at {}", at.rfc3339()));
        let text = format!(
            "{} ({}) misses {:.2} MW; due by {}, expected {when}",
            short.consumer,
            short.class,
            short.asked_mw - short.served_mw,
            deadline.rfc3339(),
        );
        events.extend(alarms::raise(state, &alarms::deadline(&short.consumer), 1, runbook, text));
    }
    for id in state.alarms.keys() {
        if alarms::late_consumer(id).is_some_and(|consumer| !state.shortages.contains_key(consumer)) {
            events.extend(alarms::clear(state, id));
        }
    }
    events
}
