//! What varies in time: the shapes of demand, the price of power, the yield of heat pumps and of waste heat.

use std::f64::consts::TAU;
use std::ops::Range;

use crate::generate::random::SplitMix;
use crate::generate::{Recipe, round};
use crate::series::Series;

/// Length of a step.
pub const STEP_MINUTES: f64 = 15.0;

/// The hour of the day at which a horizon begins: before the morning's rise.
const FIRST_HOUR: f64 = 5.0;

/// Time of a case.
pub struct Weather {
    recipe: Recipe,
}

impl Weather {
    pub fn new(recipe: Recipe) -> Self {
        Self { recipe }
    }

    /// Of the first step.
    pub fn start(&self) -> &'static str {
        if self.recipe.summer { "2026-07-13T05:00:00Z" } else { "2026-01-12T05:00:00Z" }
    }

    /// The steps in which a conflict lasts: the middle half, and all of a horizon too short to have one.
    pub fn conflict(&self) -> Range<usize> {
        let steps = self.recipe.steps;
        if !self.recipe.conflict {
            0..0
        } else if steps < 4 {
            0..steps
        } else {
            steps / 4..steps - steps / 4
        }
    }

    /// Hours from the beginning to the conflict, where there is one.
    pub fn hours_to_conflict(&self) -> Option<f64> {
        let conflict = self.conflict();
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand steps")]
        (!conflict.is_empty()).then_some(conflict.start as f64 * STEP_MINUTES / 60.0)
    }

    /// A series of a function of the hour of the day and the step.
    pub fn series(&self, mut of: impl FnMut(f64, usize) -> f64) -> Series {
        let at = |t: usize| {
            #[expect(clippy::cast_precision_loss, reason = "at most a thousand steps")]
            let hour = FIRST_HOUR + t as f64 * STEP_MINUTES / 60.0;
            (hour % 24.0, t)
        };
        let values: Vec<f64> = (0..self.recipe.steps).map(at).map(|(hour, t)| round(of(hour, t))).collect();
        values.into()
    }

    /// One value within the conflict, another outside of it; a single number where there is none.
    pub fn unless_conflict(&self, usual: f64, curtailed: f64) -> Series {
        let conflict = self.conflict();
        if conflict.is_empty() {
            return round(usual).into();
        }
        self.series(|_, t| if conflict.contains(&t) { curtailed } else { usual })
    }

    /// What a MWh costs and what it earns: two peaks a day, in summer a hollow at noon that goes below zero. A sale never
    /// earns what a purchase costs.
    pub fn power_prices(&self) -> (Series, Series) {
        let mut draw = SplitMix::new(self.recipe.seed, 2_000_000);
        let summer = self.recipe.summer;
        let buy = self.series(|hour, _| {
            let peaks = 22.0 * bump(hour, 8.0, 2.0) + 30.0 * bump(hour, 19.0, 2.5);
            let sun = if summer { 95.0 * bump(hour, 13.0, 2.5) } else { 8.0 * bump(hour, 13.0, 2.0) };
            88.0 + peaks - sun + draw.between(-4.0, 4.0)
        });
        let sell: Vec<f64> = buy.written().iter().map(|price| round(price - 0.2 * price.abs() - 8.0)).collect();
        (buy, sell.into())
    }

    /// Heat for rooms and taps relative to its winter peak.
    pub fn comfort(&self, hour: f64) -> f64 {
        let daily = 0.72 + 0.28 * bump(hour, 7.0, 2.5) + 0.18 * bump(hour, 19.5, 3.0);
        daily.min(1.0) * if self.recipe.summer { 0.12 } else { 1.0 }
    }

    /// Heat for production relative to its peak; a plant's shift begins at an hour of its own.
    pub fn production(&self, hour: f64, shift: f64) -> f64 {
        let day = 1.0 / (1.0 + (-(hour - shift) * 2.0).exp()) - 1.0 / (1.0 + (-(hour - shift - 15.0) * 2.0).exp());
        (0.6 + 0.4 * day) * if self.recipe.summer { 0.55 } else { 1.0 }
    }

    /// Coefficient of performance relative to the day's mean: the source is warmer in the afternoon.
    pub fn warmth(hour: f64) -> f64 {
        1.0 + 0.04 * ((hour - 9.0) / 24.0 * TAU).sin()
    }
}

/// A bell of height 1 around an hour of the day.
fn bump(hour: f64, at: f64, width: f64) -> f64 {
    let away = (hour - at + 12.0).rem_euclid(24.0) - 12.0;
    (-(away / width).powi(2)).exp()
}
