//! Orders on their way: operators' requests, what is sent again, what is given up.
//!
//! An order's id never comes again (epoch, place in the journal, number in its event), and an edge acts once on an id and
//! gives its first answer again for a repeated one. So an order without an answer is simply sent again, until its time to
//! live is over; then it is journaled as expired (it never left) or unknown (it left), never assumed to be done.

use super::event::{Event, Order, Person};
use super::image::Image;
use super::input::{Rejection, Request};
use super::state::{OrderState, State, key};
use hypocaust_protocols::files::nearest;
use hypocaust_protocols::model::{Fleet, Millis, PlantId};
use hypocaust_protocols::wire::{Action, Outcome, Writer};
use std::collections::BTreeMap;

/// Without an answer for this long an order is sent again.
pub const ASK_AGAIN_MS: i64 = 2_000;

/// What an operator's request leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    New(Event),
    /// The same request came before under this order.
    Before(String),
}

/// May this request become an order? The edge's gate decides again, by itself.
pub fn operator(fleet: &Fleet, image: &Image, state: &State, request: &Request) -> Result<Accepted, Rejection> {
    let Request { user, idempotency_key, plant, setpoint, value, reason } = request;
    if let Some(tracked) = state.keys.get(&key(user, idempotency_key)).and_then(|id| state.orders.get(id)) {
        let same = tracked.order.plant == *plant
            && tracked.order.text == *reason
            && tracked.order.action == (Action::Set { setpoint: setpoint.clone(), value: *value });
        return if same { Ok(Accepted::Before(tracked.order.id.clone())) } else { Err(Rejection::KeyReused) };
    }
    let spec = fleet.plant(plant.as_str()).ok_or_else(|| Rejection::NoPlant(plant.clone()))?;
    let Some(bounds) = spec.setpoint(setpoint.as_str()) else {
        let names = spec.setpoints.iter().map(|s| s.tag.as_str());
        let nearest = match nearest(setpoint.as_str(), names) {
            Some(name) => format!("did you mean '{name}'?"),
            None => "GET /plants/{id} names those that it has".to_owned(),
        };
        return Err(Rejection::NoSetpoint { plant: plant.clone(), setpoint: setpoint.clone(), nearest });
    };
    if spec.devices.iter().any(|d| d.watchdog.as_ref().is_some_and(|w| w.counter == *setpoint)) {
        return Err(Rejection::Watchdog(setpoint.clone()));
    }
    if !value.is_finite() || *value < bounds.min || *value > bounds.max {
        return Err(Rejection::OutOfBounds {
            setpoint: setpoint.clone(),
            value: value.to_string(),
            min: bounds.min.to_string(),
            max: bounds.max.to_string(),
        });
    }
    if !image.linked(plant) {
        return Err(Rejection::NotLinked(plant.clone()));
    }
    let order = Order {
        id: String::new(),
        plant: plant.clone(),
        writer: Writer::Operator,
        action: Action::Set { setpoint: setpoint.clone(), value: *value },
        reason: 0,
        text: reason.clone(),
        by: Some(Person { user: user.clone(), idempotency_key: idempotency_key.clone() }),
    };
    Ok(Accepted::New(Event::Ordered { orders: vec![order] }))
}

/// What an edge's answer means; `None`: it says nothing new.
pub fn outcome(state: &State, plant: &PlantId, outcome: &Outcome) -> Option<Event> {
    match state.orders.get(&outcome.id) {
        // An answer that comes after the order was given up still says what really happened.
        Some(t) if t.order.plant == *plant => {
            matches!(t.state, OrderState::Issued | OrderState::Unknown | OrderState::Expired)
                .then(|| Event::Answered { id: outcome.id.clone(), verdict: outcome.verdict.clone() })
        }
        _ => Some(Event::Stranger { plant: plant.clone(), outcome: outcome.clone() }),
    }
}

/// Orders whose time to live is over. `sent`: when each was last sent by this leader.
pub fn given_up(fleet: &Fleet, state: &State, sent: &BTreeMap<String, Millis>, now: Millis) -> Vec<Event> {
    let ttl = (fleet.limits.command_ttl_s * 1000.0) as i64;
    state
        .pending()
        .into_iter()
        .filter(|t| now.since(t.issued) > ttl)
        .map(|t| {
            // One that a former leader issued may have been sent by it.
            let sent = sent.contains_key(&t.order.id) || !t.order.id.starts_with(&format!("{}-", state.epoch));
            Event::Unanswered { id: t.order.id.clone(), sent }
        })
        .collect()
}
