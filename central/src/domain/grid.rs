//! The time grid of a case: the fleet's own steps, finer where a promise is to be made.
//!
//! In order the fleet's grid is right: minutes first, hours last. While heat is short people want to know when it is
//! back, and a promise that is the beginning of a step counted from now moves along with the clock. So a shortage makes
//! the grid finer: steps of a minute at the beginning and after each source's return, and a step that begins exactly
//! when the source can give heat. That moment is a time of the plant, which does not move, and so does what follows from it.

use super::image::Image;
use super::restoration;
use super::state::State;
use hypocaust_protocols::model::{Fleet, Millis, SourceState};

/// Length of the first step, minutes: on a longer one a source could ramp up before the heat is missed.
const FIRST_STEP_MIN: f64 = 0.5;
/// Length of a fine step, minutes.
const FINE_MIN: f64 = 1.0;
/// Fine steps at the beginning, and after each return of a source. A boiler of the usual ramp (6 to 10 % a minute) is at
/// full load by then.
const FINE_STEPS: u32 = 16;
/// Boundaries nearer to each other than this are one, minutes.
const NEAR_MIN: f64 = 0.4;
/// Returns nearer to each other than this are one, minutes.
const TOGETHER_MIN: f64 = 0.1;

/// The fleet's grid with its first step cut short, minutes.
pub fn coarse(fleet: &Fleet) -> Vec<f64> {
    let mut minutes = fleet.horizon.step_minutes.clone();
    if minutes.first().is_some_and(|first| *first > FIRST_STEP_MIN) {
        minutes[0] -= FIRST_STEP_MIN;
        minutes.insert(0, FIRST_STEP_MIN);
    }
    minutes
}

/// The grid of a dispatch at this moment, minutes.
pub fn dispatch(fleet: &Fleet, image: &Image, state: &State, now: Millis) -> Vec<f64> {
    let minutes = coarse(fleet);
    if state.shortages.is_empty() && image.trips().is_empty() {
        return minutes;
    }
    let returns = fleet
        .sources()
        .filter(|(plant, source)| image.linked(&plant.id) && image.source_state(source) != Some(SourceState::On))
        .filter_map(|(_, source)| restoration::heat_in_s(image, state, source, now))
        .map(|seconds| seconds / 60.0)
        .collect::<Vec<_>>();
    refine(&minutes, &returns)
}

/// Cuts a grid at the returns and into fine steps at its beginning and behind each return. Its length stays.
fn refine(minutes: &[f64], returns: &[f64]) -> Vec<f64> {
    let end: f64 = minutes.iter().sum();
    let inside = |at: &f64| *at >= NEAR_MIN && *at <= end - NEAR_MIN;
    // The returns are kept as they are; of the other boundaries those that come too near to one kept before are left out.
    let mut kept: Vec<f64> = returns.iter().copied().filter(inside).collect();
    kept.extend([0.0, end]);
    let steps = |from: f64| (1..=FINE_STEPS).map(move |k| from + f64::from(k) * FINE_MIN);
    let fine = steps(0.0).chain(returns.iter().copied().flat_map(steps));
    let own = minutes.iter().scan(0.0, |at, step| {
        *at += step;
        Some(*at)
    });
    for at in own.chain(fine).filter(inside) {
        if kept.iter().all(|k| (k - at).abs() >= NEAR_MIN) {
            kept.push(at);
        }
    }
    kept.sort_by(f64::total_cmp);
    // Two sources that return almost together share a step, at the time of the later one.
    kept.reverse();
    kept.dedup_by(|b, a| *a - *b < TOGETHER_MIN);
    kept.reverse();
    kept.windows(2).map(|w| w[1] - w[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn starts(grid: &[f64]) -> Vec<f64> {
        grid.iter()
            .scan(0.0, |at, step| {
                *at += step;
                Some(*at - step)
            })
            .collect()
    }

    #[test]
    fn a_step_begins_when_the_source_can_give_heat_and_minutes_follow() {
        let fine = refine(&[0.5, 4.5, 5.0, 5.0, 60.0], &[21.3]);
        let starts = starts(&fine);
        let at = starts.iter().position(|s| (s - 21.3).abs() < 1e-9).expect("a step begins at the return");
        assert!((starts[at + 1] - 22.3).abs() < 1e-9 && (starts[at + 5] - 26.3).abs() < 1e-9, "{starts:?}");
        assert!((starts[1] - 0.5).abs() < 1e-9 && (starts[2] - 1.0).abs() < 1e-9, "{starts:?}");
    }

    proptest! {
        #[test]
        fn a_finer_grid_is_as_long_and_has_no_empty_step(
            minutes in prop::collection::vec(1.0..90.0f64, 1..20),
            returns in prop::collection::vec(0.0..700.0f64, 0..6),
        ) {
            let fine = refine(&minutes, &returns);
            let (before, after): (f64, f64) = (minutes.iter().sum(), fine.iter().sum());
            prop_assert!((before - after).abs() < 1e-6);
            prop_assert!(fine.iter().all(|step| *step >= TOGETHER_MIN - 1e-9));
            let starts = starts(&fine);
            for at in returns.iter().filter(|at| **at >= NEAR_MIN && **at <= before - NEAR_MIN) {
                prop_assert!(starts.iter().any(|s| *s - *at > -1e-9 && *s - *at < 6.0 * TOGETHER_MIN), "{at} in {starts:?}");
            }
        }
    }
}
