//! What each consumer will ask for over the horizon, and what that rests on.
//!
//! * **Wanted**: every quarter of an hour, and when a leadership begins, the domain says of whom it wants to know what
//!   ([`Wanted`]). Whoever has the history gives the means of what was asked for over quarters of an hour; [`foresee`] makes
//!   [`Forecasts`] of them, outside of the leader's task, and they come back as an input. They are in the memory of one
//!   leadership, like the image: a schedule in the journal does not need them to be folded.
//! * **Told**: a sub-agent may know better, the weather or what will be made. Where one has answered a task of the kind
//!   `demand-forecast` ([`told`]), its forecast goes first.
//! * **Expected**: a case takes them for its steps, corrected to what is asked for now. In this order: what a sub-agent has
//!   told ([`Basis::Agent`]) where it reaches to the end of the horizon; the history's forecast ([`Basis::History`]) where
//!   it does, and the past has enough days like the hours ahead; the daily profile of the fleet's file
//!   ([`Basis::Profile`]); and for a plant out of reach, whose cap nobody can move, what it drew when it was last seen
//!   ([`Basis::Held`]).
//!
//! A consumer of which the fleet's file says so (`margin_share`) is planned for beyond what is expected, up to the upper end
//! of the forecast's band: a store is then filled for an hour that may be dearer than most. A profile has no band.
//!
//! Days are those of UTC, as `peak_hour` of the fleet's file is: when clocks are changed, people are an hour off until half
//! of the similar days know it. Holidays are not known.

use super::image::Image;
use crate::telemetry::MEAN_MS;
use hypocaust_optimizer::forecast::{self, Forecast, History, REACH_DAYS};
use hypocaust_protocols::model::{Consumer, ConsumerId, Fleet, Millis, Plant, TagId};
use hypocaust_protocols::wire::subagent::{Mark, Number};
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

/// Values of an answer are limited, and each hour has three.
const TOLD_MOST_HOURS: usize = 85;
const HOUR_MS: i64 = 3_600_000;

/// How many hours a sub-agent is to tell of: the horizon, and as long as an answer may serve after it was asked for. Beyond
/// what it tells the centre goes by itself.
pub fn told_hours(fleet: &Fleet) -> usize {
    let horizon_ms = (fleet.horizon.step_minutes.iter().sum::<f64>() * 60_000.0) as i64;
    let hours = (horizon_ms + SPARE_MS + HOUR_MS - 1) / HOUR_MS;
    usize::try_from(hours).unwrap_or(TOLD_MOST_HOURS).min(TOLD_MOST_HOURS)
}

/// The forecast in an answer of the kind `demand-forecast`: of each hour `N.expected`, `N.lower` and `N.upper`.
///
/// # Errors
/// What is wrong with it, for whoever wrote the agent.
pub fn told(values: &BTreeMap<String, Number>) -> Result<Forecast, String> {
    let hours = values.len() / 3;
    if hours == 0 || 3 * hours != values.len() {
        return Err(format!("the answer has {} values; each hour has three, and one hour is the least", values.len()));
    }
    let series = |what: &str| {
        let of = |hour: usize| {
            let name = format!("{hour}.{what}");
            let good = values.get(&name).filter(|number| number.quality == Mark::Good).and_then(|number| number.value);
            good.ok_or_else(|| {
                format!("the answer has {} values and no good '{name}'; each hour has three", values.len())
            })
        };
        (0..hours).map(of).collect::<Result<Vec<f64>, String>>()
    };
    let forecast = Forecast { mw: series("expected")?, lower: series("lower")?, upper: series("upper")? };
    forecast.checked(hours).map_err(|error| error.to_string())
}

/// What a sub-agent has told of a consumer.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The task that it answered.
    pub task: String,
    /// The first hour begins here.
    pub from: Millis,
    pub forecast: Forecast,
}

impl Told {
    /// Over the steps of a case that begins now. `None` where they reach beyond it.
    fn over(&self, steps: &Steps) -> Option<Forecast> {
        let hour = |minutes: &f64| (steps.now.since(self.from) as f64 + minutes * 60_000.0) / HOUR_MS as f64;
        self.forecast.over(&steps.places_min.iter().map(hour).collect::<Vec<f64>>())
    }
}

/// What an expectation rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// What a sub-agent has told.
    Agent,
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

/// What is said of the hours to come, by the past and by sub-agents.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    pub past: Option<&'a Forecasts>,
    pub told: Option<&'a BTreeMap<ConsumerId, Told>>,
}

/// What a consumer of a plant will ask for. In the first step it is what is asked for now.
pub fn expect(image: &Image, said: Said<'_>, (plant, consumer): (&Plant, &Consumer), steps: &Steps) -> Expected {
    let starts = steps.starts();
    if !image.linked(&plant.id) {
        let drew = image.held(&consumer.served).unwrap_or(consumer.heat_mw).max(0.0);
        return Expected { basis: Basis::Held, mw: vec![drew; starts.len()] };
    }
    let asked = image.held(&consumer.asked).unwrap_or(consumer.heat_mw).max(0.0);
    let by_agent = || Some((Basis::Agent, said.told?.get(&consumer.id)?.over(steps)?));
    let by_past = || Some((Basis::History, said.past?.over(&consumer.id, steps)?));
    if let Some((basis, foreseen)) = by_agent().or_else(by_past) {
        let hours: Vec<f64> = starts.iter().map(|minutes| minutes / 60.0).collect();
        let mut mw = foreseen.beginning_with(asked, &hours).robust(consumer.margin_share);
        // The margin is for what may come; what is asked for now is measured.
        if let Some(first) = mw.first_mut() {
            *first = asked;
        }
        return Expected { basis, mw };
    }
    let profile = |at: Millis| {
        let hour = (at.0.rem_euclid(DAY_MS)) as f64 / 3_600_000.0;
        1.0 + consumer.swing_share * ((hour - consumer.peak_hour) / 24.0 * std::f64::consts::TAU).cos()
    };
    let present = profile(steps.now).max(0.05);
    let then = |minutes: &f64| asked * profile(steps.now.plus((minutes * 60_000.0) as i64)) / present;
    Expected { basis: Basis::Profile, mw: starts.iter().map(then).collect() }
}
