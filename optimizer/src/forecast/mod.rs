//! A plain forecast of what a consumer asks for: the same time of similar days, corrected by how today has gone so far,
//! with a band that earlier forecasts of the same kind would have kept.
//!
//! * The profile of a moment is the median of what was drawn at that time of day on the latest days of the same kind
//!   (workdays, Saturdays, Sundays and holidays).
//! * The level of today is what was drawn in the last hours against the profile of those hours; what it is off fades with
//!   the lead time, because tomorrow is a day like others again.
//! * The band of a lead time are the 10 and 90 % quantiles of the errors that this forecast would have made from earlier
//!   moments, each knowing what was known then. Where there is too little past for that, it is the range of the similar
//!   days.
//! * [`Forecast::robust`] takes a share of the way to the upper end: the margin that a class is worth.
//!
//! It is a baseline to be measured against, and a stand-in: a [`Forecast`] may come from anywhere (a sub-agent with the
//! weather, say), and [`Forecast::checked`] says whether it can be used. Nothing here reads a clock: the present is the end
//! of the history.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Days of the same kind whose median is the profile.
const SIMILAR: usize = 6;

/// Days back that are looked at for them: five Sundays.
pub const REACH_DAYS: usize = 35;

/// Hours before the present from which the level of today is taken.
const LEVEL_HOURS: f64 = 3.0;

/// Hours after which a third of the level's deviation is left.
const FADING_HOURS: f64 = 6.0;

/// Hours after which a third is left of what the present is off. The level of the last hours is in the forecast already, so
/// this is what the last minutes brought.
const NEAR_HOURS: f64 = 0.5;

/// How far the level may correct, either way: beyond that the meter or the day is not what it was.
const LEVEL_MOST: f64 = 2.0;

/// Earlier moments from which forecasts are made to see their errors: so many, six hours apart.
const REHEARSALS: usize = 80;
const REHEARSAL_HOURS: f64 = 6.0;

/// Quantiles of the band need at least so many errors.
const ENOUGH: usize = 10;

/// Share of the errors below the band, and above it.
const TAIL: f64 = 0.1;

const DAY_MINUTES: i64 = 24 * 60;

/// Why there is no forecast.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The samples are not laid out by days.
    #[error("steps of {0} minutes do not divide a day; give means over 5, 15 or 60 minutes")]
    Step(u32),
    /// Nothing was ever seen.
    #[error("no value in the history; a forecast needs at least one")]
    Empty,
    /// A step of the horizon makes no sense.
    #[error("step {step} lasts {minutes} minutes; give a number above 0")]
    Horizon {
        /// Counted from 0.
        step: usize,
        /// As given.
        minutes: f64,
    },
    /// A forecast of another's that does not fit.
    #[error("the forecast has {found} values of {series}, the horizon has {steps} steps")]
    Length {
        /// `mw`, `lower` or `upper`.
        series: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be.
        steps: usize,
    },
    /// A forecast of another's that makes no sense.
    #[error("step {step}: {lower} to {upper} around {mw}; give finite numbers with 0 <= lower <= mw <= upper")]
    Band {
        /// Counted from 0.
        step: usize,
        /// As given.
        mw: f64,
        /// As given.
        lower: f64,
        /// As given.
        upper: f64,
    },
}

/// What was drawn, up to now.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Minutes from midnight of any Monday (of the place's own time) to the first value.
    pub begins_min: i64,
    /// Minutes that each value is the mean of; divides a day.
    pub step_min: u32,
    /// MW, oldest first, without a gap; `None` where nothing good was measured. The present is the end of the last.
    pub mw: Vec<Option<f64>>,
    /// Days that are like Sundays, counted from that Monday.
    pub holidays: BTreeSet<i64>,
}

/// What will be asked for in each step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// MW that are expected.
    pub mw: Vec<f64>,
    /// MW that one time in ten is not reached.
    pub lower: Vec<f64>,
    /// MW that one time in ten is exceeded.
    pub upper: Vec<f64>,
}

impl Forecast {
    /// The forecast, if it can be used for so many steps. For those that come from elsewhere.
    ///
    /// # Errors
    /// `Error::Length` and `Error::Band`, for the first step that is wrong.
    pub fn checked(self, steps: usize) -> Result<Self, Error> {
        for (series, values) in [("mw", &self.mw), ("lower", &self.lower), ("upper", &self.upper)] {
            if values.len() != steps {
                return Err(Error::Length { series, found: values.len(), steps });
            }
        }
        for (step, ((&mw, &lower), &upper)) in self.mw.iter().zip(&self.lower).zip(&self.upper).enumerate() {
            // Written so that a NaN fails.
            if !(0.0 <= lower && lower <= mw && mw <= upper && upper.is_finite()) {
                return Err(Error::Band { step, mw, lower, upper });
            }
        }
        Ok(self)
    }

    /// What to plan for: the expected, and a share of the way from there to the upper end of the band (0 is none of it, 1
    /// all). Life safety is worth the whole band; comfort is worth none.
    #[must_use]
    pub fn robust(&self, share: f64) -> Vec<f64> {
        let share = share.clamp(0.0, 1.0);
        self.mw.iter().zip(&self.upper).map(|(mw, upper)| mw + share * (upper - mw)).collect()
    }

    /// Means over other steps. `places`, which rise, are where they begin and where the last ends, counted in steps of this
    /// forecast from its beginning; `None` where they leave it.
    #[must_use]
    pub fn over(&self, places: &[f64]) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "steps of a horizon of days")]
        let end = self.mw.len() as f64;
        let within =
            places.first().is_some_and(|first| *first >= 0.0) && places.last().is_some_and(|last| *last <= end);
        if !within || !places.windows(2).all(|step| step[0] < step[1]) {
            return None;
        }
        let means = |of: &[f64]| places.windows(2).map(|step| mean_over(step[0], step[1], |slot| of[slot])).collect();
        Some(Self { mw: means(&self.mw), lower: means(&self.lower), upper: means(&self.upper) })
    }

    /// Corrected to what is asked for now, which the first step then is: what it is off holds for the next minutes and
    /// fades. `hours`: from now to the beginning of each step.
    #[must_use]
    pub fn beginning_with(&self, now_mw: f64, hours: &[f64]) -> Self {
        let off = self.mw.first().map_or(0.0, |first| now_mw - first);
        let shifted = |values: &[f64]| {
            values.iter().zip(hours).map(|(mw, hours)| (mw + off * (-hours / NEAR_HOURS).exp()).max(0.0)).collect()
        };
        Self { mw: shifted(&self.mw), lower: shifted(&self.lower), upper: shifted(&self.upper) }
    }
}

/// Forecasts the steps that follow the history, of so many minutes each.
///
/// # Errors
/// `Error::Step`, `Error::Empty`, `Error::Horizon`.
pub fn baseline(history: &History, step_minutes: &[f64]) -> Result<Forecast, Error> {
    let past = Past::new(history)?;
    let mut ends = vec![0.0];
    for (step, &minutes) in step_minutes.iter().enumerate() {
        if !(minutes > 0.0 && minutes.is_finite()) {
            return Err(Error::Horizon { step, minutes });
        }
        ends.push(ends[step] + minutes / f64::from(history.step_min));
    }
    let last = ends.last().copied().unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "slots of a horizon of days")]
    let slots = last.ceil() as usize;
    let bands = past.bands(slots);
    let mut forecast = Forecast::default();
    for step in ends.windows(2) {
        let mean = |of: fn(&Band) -> f64| mean_over(step[0], step[1], |slot| of(&bands[slot]));
        forecast.mw.push(mean(|band| band.mw));
        forecast.lower.push(mean(|band| band.lower));
        forecast.upper.push(mean(|band| band.upper));
    }
    Ok(forecast)
}

/// How many similar days stand at least behind each of so many steps that follow the history: what the forecast is worth.
///
/// # Errors
/// `Error::Step`, `Error::Empty`.
pub fn similar_days(history: &History, steps: usize) -> Result<usize, Error> {
    let past = Past::new(history)?;
    let now = history.mw.len();
    Ok((now..now + steps).map(|slot| past.similar(slot, now).len()).min().unwrap_or(0))
}

/// Mean of what holds in slots over a stretch that need not begin or end with one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "slots of a horizon of days"
)]
fn mean_over(from: f64, to: f64, of: impl Fn(usize) -> f64) -> f64 {
    let (first, beyond) = (from.floor() as usize, (to.ceil() as usize).max(from.floor() as usize + 1));
    let (mut sum, mut weight) = (0.0, 0.0);
    for slot in first..beyond {
        let overlap = (to.min(slot as f64 + 1.0) - from.max(slot as f64)).max(0.0);
        sum += overlap * of(slot);
        weight += overlap;
    }
    if weight > 0.0 { sum / weight } else { of(first) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Day {
    Work,
    Saturday,
    Sunday,
}

#[derive(Clone, Copy)]
struct Band {
    mw: f64,
    lower: f64,
    upper: f64,
}

/// The history with what is worked out once. Slots are numbered from the first value; those of the future go on from there.
struct Past<'a> {
    history: &'a History,
    slots_per_day: usize,
    hours_per_slot: f64,
    /// The last value that was seen at all.
    held: f64,
}

impl<'a> Past<'a> {
    fn new(history: &'a History) -> Result<Self, Error> {
        let step = i64::from(history.step_min);
        if step == 0 || DAY_MINUTES % step != 0 {
            return Err(Error::Step(history.step_min));
        }
        let held = history.mw.iter().rev().find_map(|mw| mw.filter(|mw| mw.is_finite())).ok_or(Error::Empty)?;
        Ok(Self {
            history,
            slots_per_day: usize::try_from(DAY_MINUTES / step).unwrap_or(1),
            hours_per_slot: f64::from(history.step_min) / 60.0,
            held: held.max(0.0),
        })
    }

    fn seen(&self, slot: usize) -> Option<f64> {
        self.history.mw.get(slot).copied().flatten().filter(|mw| mw.is_finite()).map(|mw| mw.max(0.0))
    }

    fn day(&self, slot: usize) -> Day {
        let minutes = i64::try_from(slot).unwrap_or(0) * i64::from(self.history.step_min) + self.history.begins_min;
        let day = minutes.div_euclid(DAY_MINUTES);
        match day.rem_euclid(7) {
            _ if self.history.holidays.contains(&day) => Day::Sunday,
            5 => Day::Saturday,
            6 => Day::Sunday,
            _ => Day::Work,
        }
    }

    /// What was drawn at this time of the latest similar days, of what was known at the slot `known`.
    fn similar(&self, slot: usize, known: usize) -> Vec<f64> {
        let kind = self.day(slot);
        (1..=REACH_DAYS)
            .map_while(|days| slot.checked_sub(days * self.slots_per_day))
            .filter(|&then| then < known && self.day(then) == kind)
            .filter_map(|then| self.seen(then))
            .take(SIMILAR)
            .collect()
    }

    /// How much more than usual is drawn at the slot `known`; 1 where too little is known.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "slots of three hours")]
    fn level(&self, known: usize) -> f64 {
        let hours = (LEVEL_HOURS / self.hours_per_slot).ceil() as usize;
        let (mut drawn, mut usual, mut count) = (0.0, 0.0, 0);
        for slot in known.saturating_sub(hours)..known {
            if let (Some(seen), Some(profile)) = (self.seen(slot), median(self.similar(slot, known))) {
                drawn += seen;
                usual += profile;
                count += 1;
            }
        }
        if 2 * count < hours || usual <= 1e-9 { 1.0 } else { (drawn / usual).clamp(1.0 / LEVEL_MOST, LEVEL_MOST) }
    }

    /// What is expected `lead` slots after what is known, and the similar days behind it.
    #[expect(clippy::cast_precision_loss, reason = "slots of a horizon of days")]
    fn expected(&self, known: usize, lead: usize, level: f64) -> Option<(f64, Vec<f64>)> {
        let similar = self.similar(known + lead, known);
        let profile = median(similar.clone())?;
        let left = (-(lead as f64 + 0.5) * self.hours_per_slot / FADING_HOURS).exp();
        Some((profile * (1.0 + (level - 1.0) * left), similar))
    }

    /// Errors that the forecast would have made from earlier moments, by lead.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "slots of six hours")]
    fn errors(&self, slots: usize) -> Vec<Vec<f64>> {
        let apart = ((REHEARSAL_HOURS / self.hours_per_slot).round() as usize).max(1);
        let now = self.history.mw.len();
        let mut errors = vec![Vec::new(); slots];
        for known in (1..=REHEARSALS).map_while(|back| now.checked_sub(back * apart)) {
            let level = self.level(known);
            for (lead, of_lead) in errors.iter_mut().enumerate().take(now - known) {
                if let (Some(seen), Some((expected, _))) = (self.seen(known + lead), self.expected(known, lead, level))
                {
                    of_lead.push(seen - expected);
                }
            }
        }
        errors
    }

    fn bands(&self, slots: usize) -> Vec<Band> {
        let now = self.history.mw.len();
        let level = self.level(now);
        let errors = self.errors(slots);
        let range = |values: &[f64]| {
            values.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), mw| (least.min(*mw), most.max(*mw)))
        };
        let everything: Vec<f64> = (0..now).filter_map(|slot| self.seen(slot)).collect();
        errors
            .into_iter()
            .enumerate()
            .map(|(lead, mut errors)| {
                let Some((mw, similar)) = self.expected(now, lead, level) else {
                    // No similar day yet: it goes on as it is, within all that was ever seen.
                    let (lower, upper) = range(&everything);
                    return Band { mw: self.held, lower: lower.min(self.held), upper: upper.max(self.held) };
                };
                let (lower, upper) = if errors.len() >= ENOUGH {
                    errors.sort_by(f64::total_cmp);
                    (mw + quantile(&errors, TAIL), mw + quantile(&errors, 1.0 - TAIL))
                } else {
                    range(&similar)
                };
                Band { mw, lower: lower.clamp(0.0, mw), upper: upper.max(mw) }
            })
            .collect()
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| quantile(&values, 0.5))
}

/// Between the two nearest of sorted values; they must not be empty.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place among a few dozen values"
)]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    sorted[below] + (at - at.floor()) * (sorted[above] - sorted[below])
}
