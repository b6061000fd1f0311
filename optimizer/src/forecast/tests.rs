//! Weeks of a plant that works in shifts, rests at weekends, and is a little different each day.

use super::*;
use crate::generate::SplitMix;

const SLOT: u32 = 60;
const DAY: usize = 24;

/// What a weekday's hour asks for.
fn shape(slot: usize) -> f64 {
    let (day, hour) = (slot / DAY % 7, slot % DAY);
    let shift = if (6..18).contains(&hour) { 10.0 } else { 4.0 };
    match day {
        5 => 3.0 + 0.2 * shift,
        6 => 3.0,
        _ => shift,
    }
}

fn history(slots: usize, mw: impl FnMut(usize) -> f64) -> History {
    History { begins_min: 0, step_min: SLOT, mw: (0..slots).map(mw).map(Some).collect(), holidays: BTreeSet::new() }
}

/// Days that are up to a fifth larger or smaller as a whole, and noise of 3 %.
fn noisy(slots: usize, seed: u64) -> Vec<f64> {
    let mut noise = SplitMix::new(seed, 0);
    let days: Vec<f64> = (0..=slots / DAY).map(|day| SplitMix::new(seed, 1 + day as u64).between(0.8, 1.2)).collect();
    (0..slots).map(|slot| shape(slot) * days[slot / DAY] * noise.between(0.97, 1.03)).collect()
}

fn hours(count: usize) -> Vec<f64> {
    vec![60.0; count]
}

fn off(forecast: &[f64], truth: &[f64]) -> f64 {
    forecast.iter().zip(truth).map(|(mw, truth)| (mw - truth).abs()).sum::<f64>() / truth.len() as f64
}

#[test]
fn what_repeats_is_foreseen_to_the_last_digit() {
    for now in [28 * DAY, 28 * DAY + 7, 32 * DAY + 20, 33 * DAY + 5] {
        let forecast = baseline(&history(now, shape), &hours(48)).unwrap();
        let truth: Vec<f64> = (now..now + 48).map(shape).collect();
        assert!(off(&forecast.mw, &truth) < 1e-9, "{now}: {:?}", forecast.mw);
        assert!(off(&forecast.lower, &truth) < 1e-9 && off(&forecast.upper, &truth) < 1e-9, "{now}");
        assert_eq!(forecast.clone().checked(48), Ok(forecast));
    }
}

#[test]
fn a_day_that_is_larger_is_seen_in_the_morning_and_forgotten_by_the_next() {
    let now = 28 * DAY + 10;
    let today = |slot: usize| shape(slot) * if slot >= 28 * DAY { 1.3 } else { 1.0 };
    let forecast = baseline(&history(now, today), &hours(40)).unwrap();
    // Nine tenths of it within the hour, nothing of it a day and a half later.
    assert!((forecast.mw[0] / shape(now) - 1.0) > 0.25, "{:?}", forecast.mw);
    assert!((forecast.mw[39] / shape(now + 39) - 1.0).abs() < 0.01, "{:?}", forecast.mw);
    // A meter that shows ten times as much is not believed beyond the double.
    let wild = |slot: usize| shape(slot) * if slot >= 28 * DAY { 10.0 } else { 1.0 };
    assert!(baseline(&history(now, wild), &hours(1)).unwrap().mw[0] <= 2.0 * shape(now));
}

/// Against two plainer ones, over 60 days: the same time of similar days without a correction, and what is drawn now.
#[test]
fn it_is_nearer_than_either_half_of_it() {
    let all = noisy(100 * DAY, 3);
    let (mut corrected, mut uncorrected) = (0.0, 0.0);
    let (mut a_day, mut held) = (0.0, 0.0);
    for day in 36..96 {
        let now = day * DAY + 11;
        let seen = history(now, |slot| all[slot]);
        let truth = &all[now..now + 6];
        let past = Past::new(&seen).unwrap();
        let plain: Vec<f64> = (0..6).map(|lead| past.expected(now, lead, 1.0).unwrap().0).collect();
        let forecast = baseline(&seen, &hours(24)).unwrap().mw;
        // The correction is for the hours ahead, before it has faded.
        corrected += off(&forecast[..6], truth);
        uncorrected += off(&plain, truth);
        a_day += off(&forecast, &all[now..now + 24]);
        held += off(&[all[now - 1]; 24], &all[now..now + 24]);
    }
    assert!(corrected < 0.8 * uncorrected, "{corrected} against {uncorrected}");
    assert!(a_day < 0.5 * held, "{a_day} against {held}");
}

#[test]
fn eight_times_in_ten_the_truth_is_within_the_band() {
    let all = noisy(120 * DAY, 8);
    let (mut within, mut above, mut count) = (0, 0, 0);
    for origin in 0..80 {
        let now = 40 * DAY + origin * DAY + (origin * 5) % DAY;
        if now + 24 > all.len() {
            break;
        }
        let forecast = baseline(&history(now, |slot| all[slot]), &hours(24)).unwrap();
        for lead in 0..24 {
            within += usize::from((forecast.lower[lead]..=forecast.upper[lead]).contains(&all[now + lead]));
            above += usize::from(all[now + lead] > forecast.upper[lead]);
            count += 1;
        }
    }
    let (within, above) = (within as f64 / count as f64, above as f64 / count as f64);
    assert!((0.72..0.88).contains(&within), "{within}");
    // A robust plan for the upper end is short one time in ten, not one in two.
    assert!((0.04..0.16).contains(&above), "{above}");
}

#[test]
fn steps_of_other_lengths_are_means_over_the_hours_that_they_cover() {
    let now = 28 * DAY + 5;
    let seen = history(now, shape);
    // Half an hour before six and after it: the shift begins in the middle of the third step.
    let forecast = baseline(&seen, &[15.0, 15.0, 60.0, 120.0]).unwrap();
    assert_eq!(forecast.mw, [4.0, 4.0, 7.0, 10.0]);
}

#[test]
fn holidays_are_sundays() {
    let now = 28 * DAY;
    let mut seen = history(now, shape);
    assert_eq!(baseline(&seen, &hours(12)).unwrap().mw[10], 10.0);
    seen.holidays.insert(28);
    assert_eq!(baseline(&seen, &hours(12)).unwrap().mw[10], 3.0);
}

#[test]
fn gaps_and_a_short_past_widen_the_band_and_stop_nothing() {
    // Two hours of a first day: it goes on as it is, within what was seen.
    let young = baseline(&history(2, |slot| 5.0 + slot as f64), &hours(3)).unwrap();
    assert_eq!((young.mw[0], young.lower[0], young.upper[0]), (6.0, 5.0, 6.0));
    // Two days: the range of the one similar day.
    let two = baseline(&history(2 * DAY, shape), &hours(24)).unwrap();
    assert_eq!(two.mw, (2 * DAY..3 * DAY).map(shape).collect::<Vec<_>>());
    // A third of all values missing, and a meter that shows what is no number.
    let mut gappy = history(28 * DAY, shape);
    for (slot, mw) in gappy.mw.iter_mut().enumerate() {
        match slot % 6 {
            0 => *mw = None,
            1 => *mw = Some(f64::NAN),
            _ => {}
        }
    }
    let forecast = baseline(&gappy, &hours(48)).unwrap().checked(48).unwrap();
    assert!(off(&forecast.mw, &(28 * DAY..30 * DAY).map(shape).collect::<Vec<_>>()) < 1.5, "{:?}", forecast.mw);
}

#[test]
fn what_cannot_be_forecast_is_refused() {
    assert_eq!(baseline(&history(0, shape), &hours(1)), Err(Error::Empty));
    let odd = History { step_min: 7, ..history(9, shape) };
    assert_eq!(baseline(&odd, &hours(1)), Err(Error::Step(7)));
    assert_eq!(
        Error::Step(7).to_string(),
        "steps of 7 minutes do not divide a day; give means over 5, 15 or 60 minutes"
    );
    assert_eq!(baseline(&history(9, shape), &[60.0, 0.0]), Err(Error::Horizon { step: 1, minutes: 0.0 }));
}

#[test]
fn a_forecast_from_elsewhere_is_checked() {
    let good = Forecast { mw: vec![2.0, 3.0], lower: vec![1.0, 3.0], upper: vec![4.0, 3.5] };
    assert_eq!(good.clone().checked(2), Ok(good.clone()));
    assert_eq!(good.robust(0.5), [3.0, 3.25]);
    assert_eq!(good.robust(7.0), good.upper);
    assert_eq!(good.clone().checked(3), Err(Error::Length { series: "mw", found: 2, steps: 3 }));
    let crossed = Forecast { lower: vec![2.5, 3.0], ..good.clone() };
    assert_eq!(crossed.checked(2), Err(Error::Band { step: 0, mw: 2.0, lower: 2.5, upper: 4.0 }));
    let nonsense = Forecast { mw: vec![2.0, f64::NAN], ..good.clone() };
    assert!(matches!(nonsense.checked(2), Err(Error::Band { step: 1, .. })));
    let negative = Forecast { lower: vec![-1.0, 3.0], ..good };
    assert!(matches!(negative.checked(2), Err(Error::Band { step: 0, .. })));
}

#[test]
fn it_is_worth_as_many_similar_days_as_stand_behind_its_thinnest_step() {
    // Three weeks and a Friday noon: six workdays, which is as many as count, and three Saturdays.
    let friday_noon = 25 * DAY + 12;
    assert_eq!(similar_days(&history(friday_noon, shape), 6), Ok(6));
    assert_eq!(similar_days(&history(friday_noon, shape), 13), Ok(3));
    assert_eq!(similar_days(&history(5, shape), 6), Ok(0));
}

#[test]
fn over_other_steps_it_is_their_mean_and_beyond_its_end_nothing() {
    let forecast = Forecast { mw: vec![1.0, 2.0, 4.0], lower: vec![0.0; 3], upper: vec![5.0; 3] };
    let over = forecast.over(&[0.5, 1.5, 3.0]).unwrap();
    assert_eq!(over.mw, [1.5, (0.5 * 2.0 + 4.0) / 1.5]);
    assert_eq!((over.lower, over.upper), (vec![0.0; 2], vec![5.0; 2]));
    assert_eq!(forecast.over(&[-0.1, 1.0]), None);
    assert_eq!(forecast.over(&[2.0, 3.1]), None);
    assert_eq!(forecast.over(&[1.0, 1.0]), None);
}

#[test]
fn it_begins_with_what_is_asked_for_now_and_forgets_that_within_the_hours() {
    let forecast = Forecast { mw: vec![4.0, 4.0, 9.0], lower: vec![3.0, 3.0, 8.0], upper: vec![5.0, 5.0, 9.5] };
    let now = forecast.beginning_with(6.0, &[0.0, 0.5, 5.0]);
    assert_eq!((now.lower[0], now.mw[0], now.upper[0]), (5.0, 6.0, 7.0));
    assert!((now.mw[1] - (4.0 + 2.0 / std::f64::consts::E)).abs() < 1e-9, "{now:?}");
    assert!((now.mw[2] - 9.0).abs() < 1e-3, "{now:?}");
    // Nobody asks for less than nothing.
    let still = forecast.beginning_with(0.0, &[0.0, 0.5, 5.0]);
    assert_eq!((still.lower[0], still.mw[0]), (0.0, 0.0));
    assert!(still.checked(3).is_ok());
}
