//! What each consumer will ask for over the horizon, and what that rests on.
//!
//! * **Wanted**: every quarter of an hour, and when a leadership begins, the domain says of whom it wants to know what
//!   ([`Wanted`]). Whoever has the history gives the means of what was asked for over quarters of an hour; [`foresee`] makes
//!   [`Forecasts`] of them, outside of the leader's task, and they come back as an input. They are in the memory of one
//!   leadership, like the image: a schedule in the journal does not need them to be folded.
//! * **Expected**: a case takes them for its steps, corrected to what is asked for now. In this order: the history's
//!   forecast ([`Basis::History`]) where the past has enough days like the hours ahead and the forecast reaches to the end
//!   of the horizon; the daily profile of the fleet's file ([`Basis::Profile`]); and for a plant out of reach, whose cap
//!   nobody can move, what it drew when it was last seen ([`Basis::Held`]).
//!
//! Days are those of UTC, as `peak_hour` of the fleet's file is: when clocks are changed, people are an hour off until half
//! of the similar days know it. Holidays are not known.

use super::image::Image;
use crate::telemetry::MEAN_MS;
use hypocaust_optimizer::forecast::{self, Forecast, History, REACH_DAYS};
use hypocaust_protocols::model::{Consumer, ConsumerId, Fleet, Millis, Plant, TagId};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The past is cut into these, and so is the forecast. The history keeps means of the same stretches.
pub const SLOT_MS: i64 = MEAN_MS;
/// As the optimizer counts them.
const SLOT_MIN: u32 = (SLOT_MS / 60_000) as u32;
const DAY_MS: i64 = 24 * 3_600_000;
/// A slot is over for the history so long after its end: what the edges sent is stored by then.
const STORED_MS: i64 = 60_000;
/// A forecast that is not renewed serves so much longer than for one slot.
const SPARE_MS: i64 = 2 * 3_600_000;
/// Days of the same kind that each slot ahead must have behind it. One alone may be the day on which everything stood.
const ENOUGH_DAYS: usize = 2;
/// 1970-01-05 was a Monday; the optimizer counts from one.
const MONDAY_MS: i64 = 4 * DAY_MS;

/// What the domain wants to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The past goes up to here: the end of a slot.
    pub until: Millis,
    /// So many slots from there on.
    pub slots: usize,
    /// Each with the tag of what it asks for.
    pub consumers: Vec<(ConsumerId, TagId)>,
}

impl Wanted {
    /// What is older than this is not looked at.
    pub fn from(&self) -> Millis {
        self.until.plus(-(REACH_DAYS as i64) * DAY_MS)
    }
}

/// What is to be asked for now. `asked`: up to when it was asked last in this leadership.
pub fn due(fleet: &Fleet, asked: Option<Millis>, now: Millis) -> Option<Wanted> {
    let until = Millis((now.0 - STORED_MS).div_euclid(SLOT_MS) * SLOT_MS);
    if asked.is_some_and(|asked| asked >= until) {
        return None;
    }
    let horizon_ms = (fleet.horizon.step_minutes.iter().sum::<f64>() * 60_000.0) as i64;
    let slots = (horizon_ms + SLOT_MS + STORED_MS + SPARE_MS + SLOT_MS - 1) / SLOT_MS;
    let consumers = fleet.consumers().map(|(_, c)| (c.id.clone(), c.asked.clone())).collect();
    Some(Wanted { until, slots: slots as usize, consumers })
}

/// Of each consumer whose past says enough: slots from `until` on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forecasts {
    pub until: Millis,
    pub consumers: BTreeMap<ConsumerId, Forecast>,
}

/// Forecasts from the past. `past` gives of a tag the mean over each slot of which there is one: its beginning, and MW.
pub fn foresee(wanted: &Wanted, past: impl Fn(&TagId) -> Vec<(Millis, f64)>) -> Forecasts {
    let of = |(id, tag): &(ConsumerId, TagId)| Some((id.clone(), one(wanted, &past(tag))?));
    Forecasts { until: wanted.until, consumers: wanted.consumers.iter().filter_map(of).collect() }
}

fn one(wanted: &Wanted, means: &[(Millis, f64)]) -> Option<Forecast> {
    let within = || means.iter().filter(|(at, _)| *at >= wanted.from() && *at < wanted.until);
    let begins = within().map(|(at, _)| at.0.div_euclid(SLOT_MS) * SLOT_MS).min()?;
    let slots = usize::try_from((wanted.until.0 - begins) / SLOT_MS).ok()?;
    let mut mw = vec![None; slots];
    for (at, mean) in within() {
        let slot = usize::try_from((at.0 - begins) / SLOT_MS).ok()?;
        *mw.get_mut(slot)? = Some(*mean);
    }
    let begins_min = (begins - MONDAY_MS).div_euclid(60_000);
    let history = History { begins_min, step_min: SLOT_MIN, mw, holidays: BTreeSet::new() };
    if forecast::similar_days(&history, wanted.slots).ok()? < ENOUGH_DAYS {
        return None;
    }
    forecast::baseline(&history, &vec![f64::from(SLOT_MIN); wanted.slots]).ok()
}

impl Forecasts {
    /// Without those that make no sense.
    #[must_use]
    pub fn checked(mut self) -> Forecasts {
        self.consumers.retain(|_, f| f.clone().checked(f.mw.len()).is_ok());
        self
    }

    /// A consumer's, over the steps of a case that begins now. `None` where they reach beyond it.
    fn over(&self, consumer: &ConsumerId, steps: &Steps) -> Option<Forecast> {
        let slot = |minutes: f64| (steps.now.since(self.until) as f64 + minutes * 60_000.0) / SLOT_MS as f64;
        let places: Vec<f64> = steps.places_min.iter().map(|at| slot(*at)).collect();
        self.consumers.get(consumer)?.over(&places)
    }
}

/// The steps of a case.
#[derive(Debug)]
pub struct Steps {
    pub now: Millis,
    /// Minutes from now to the beginning of each, and to the end of the last.
    pub places_min: Vec<f64>,
}

impl Steps {
    pub fn new(now: Millis, minutes: &[f64]) -> Steps {
        let ends = minutes.iter().scan(0.0, |at, step| {
            *at += step;
            Some(*at)
        });
        Steps { now, places_min: std::iter::once(0.0).chain(ends).collect() }
    }
    /// Minutes from now to the beginning of each.
    pub fn starts(&self) -> &[f64] {
        self.places_min.split_last().map_or(&[], |(_, starts)| starts)
    }
}

/// What an expectation rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The same time of similar days.
    History,
    /// The daily profile of the fleet's file.
    Profile,
    /// What it drew when it was last seen.
    Held,
}

/// What a consumer is expected to ask for in each step.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    pub basis: Basis,
    pub mw: Vec<f64>,
}

/// What a consumer of a plant will ask for. In the first step it is what is asked for now.
pub fn expect(
    image: &Image,
    forecasts: Option<&Forecasts>,
    (plant, consumer): (&Plant, &Consumer),
    steps: &Steps,
) -> Expected {
    let starts = steps.starts();
    if !image.linked(&plant.id) {
        let drew = image.held(&consumer.served).unwrap_or(consumer.heat_mw).max(0.0);
        return Expected { basis: Basis::Held, mw: vec![drew; starts.len()] };
    }
    let asked = image.held(&consumer.asked).unwrap_or(consumer.heat_mw).max(0.0);
    if let Some(foreseen) = forecasts.and_then(|f| f.over(&consumer.id, steps)) {
        let hours: Vec<f64> = starts.iter().map(|minutes| minutes / 60.0).collect();
        return Expected { basis: Basis::History, mw: foreseen.beginning_with(asked, &hours).mw };
    }
    let profile = |at: Millis| {
        let hour = (at.0.rem_euclid(DAY_MS)) as f64 / 3_600_000.0;
        1.0 + consumer.swing_share * ((hour - consumer.peak_hour) / 24.0 * std::f64::consts::TAU).cos()
    };
    let present = profile(steps.now).max(0.05);
    let then = |minutes: &f64| asked * profile(steps.now.plus((minutes * 60_000.0) as i64)) / present;
    Expected { basis: Basis::Profile, mw: starts.iter().map(then).collect() }
}
