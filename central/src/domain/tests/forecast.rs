//! What the past says of the hours to come, and what a schedule makes of it.

use super::*;
use crate::domain::forecast::{Basis, SLOT_MS, Steps, expect};
use hypocaust_optimizer::Solution;

fn hour(at: Millis) -> f64 {
    (at.0.rem_euclid(86_400_000) as f64 + 0.5 * SLOT_MS as f64) / 3_600_000.0
}

/// Weeks in which the halls are heated up at noon, beyond what the units of the water can make.
fn heated_at_noon(tag: &TagId, at: Millis) -> Option<f64> {
    (tag.as_str() == "north.halls.asked").then(|| if (12.0..13.5).contains(&hour(at)) { 14.0 } else { 4.0 })
}

/// Two workdays of it are too few where one of the hours ahead has but one behind it.
fn since_yesterday(tag: &TagId, at: Millis) -> Option<f64> {
    heated_at_noon(tag, at).filter(|_| at.0 > 1_768_471_200_000 - 86_400_000 - 3_600_000)
}

fn with(past: fn(&TagId, Millis) -> Option<f64>) -> Bench {
    let mut b = bench(Judges::ours());
    b.past = past;
    // The store is all but empty.
    b.tags.insert(id("north.store.level"), 1.0);
    b.seconds(20);
    b
}

fn plan(b: &Bench) -> Arc<Plan> {
    b.domain.plan().expect("a plan").0
}

fn basis(b: &Bench, consumer: &str) -> Basis {
    plan(b).bases[consumer]
}

fn fullest(solution: &Solution) -> f64 {
    solution.storages["north.store"].energy.iter().copied().fold(0.0, f64::max)
}

fn asked(b: &Bench, consumer: &str) -> Vec<f64> {
    let series = &plan(b).solution.demands[consumer];
    series.served.iter().zip(&series.unserved).map(|(served, lacks)| served + lacks).collect()
}

#[test]
fn a_store_is_filled_before_a_peak_that_only_the_past_knows_of() {
    let b = with(heated_at_noon);
    assert_eq!((basis(&b, "north.halls"), basis(&b, "north.mill")), (Basis::History, Basis::Profile));
    let peak = asked(&b, "north.halls").into_iter().fold(0.0, f64::max);
    assert!((peak - 14.0).abs() < 0.1, "{peak}");
    assert!(fullest(&plan(&b).solution) > 4.0, "{:?}", plan(&b).solution.storages["north.store"].energy);
    assert!(b.schedule().unserved_mwh[Class::Comfort] < 0.01, "{:?}", b.schedule().why);
    // By the profile of the fleet's file nothing is coming, and nothing is put by.
    let b = with(|_, _| None);
    assert_eq!(basis(&b, "north.halls"), Basis::Profile);
    assert!(fullest(&plan(&b).solution) < 1.1, "{:?}", plan(&b).solution.storages["north.store"].energy);
}

#[test]
fn it_begins_with_what_is_asked_for_now_whatever_the_past_says() {
    let mut b = with(heated_at_noon);
    b.tags.insert(id("north.halls.asked"), 6.0);
    b.seconds(10);
    let asked = asked(&b, "north.halls");
    assert!((asked[0] - 6.0).abs() < 1e-6, "{asked:?}");
    // And ends with what the past says: two megawatts more hold for half an hour, not until the evening.
    assert!((asked[asked.len() - 1] - 4.0).abs() < 0.1, "{asked:?}");
}

#[test]
fn a_past_of_too_few_days_is_no_past() {
    let b = with(since_yesterday);
    assert_eq!(basis(&b, "north.halls"), Basis::Profile);
    assert!(b.domain.foreseen().is_some_and(|f| f.consumers.is_empty()));
}

#[test]
fn what_a_plant_out_of_reach_will_ask_for_is_what_it_drew() {
    let mut b = with(heated_at_noon);
    b.input(Input::EdgeDeath { plant: PlantId::new("north").unwrap() });
    for _ in 0..8 {
        b.now = b.now.plus(1_000);
        b.input(Input::Clock);
    }
    assert_eq!(basis(&b, "north.halls"), Basis::Held);
    assert!(asked(&b, "north.halls").iter().all(|mw| (mw - 4.0).abs() < 1e-6));
}

#[test]
fn it_is_asked_for_by_a_new_leader_and_every_quarter_of_an_hour() {
    let mut b = with(heated_at_noon);
    assert_eq!(b.foreseen, 1);
    let first = b.domain.foreseen().expect("a forecast").until;
    assert_eq!(first.0 % SLOT_MS, 0);
    assert!(b.now.since(first) >= 60_000 && b.now.since(first) < SLOT_MS + 60_000);
    b.seconds(15 * 60);
    assert_eq!(b.foreseen, 2);
    assert_eq!(b.domain.foreseen().expect("a forecast").until, first.plus(SLOT_MS));
    assert_eq!(plan(&b).past_until, Some(first.plus(SLOT_MS)));
    // One that was long on its way changes nothing, and one that makes no sense is left out.
    b.input(Input::Foreseen { forecasts: Box::default() });
    assert_eq!(b.domain.foreseen().expect("a forecast").until, first.plus(SLOT_MS));
    let mut wrong = b.domain.foreseen().expect("a forecast").clone();
    wrong.until = first.plus(2 * SLOT_MS);
    wrong.consumers.values_mut().for_each(|f| f.mw[3] = f64::NAN);
    b.input(Input::Foreseen { forecasts: Box::new(wrong) });
    assert!(b.domain.foreseen().is_some_and(|f| f.consumers.is_empty()));
    // It is not of the journal.
    assert_eq!(&State::fold(&b.recorded()), b.domain.state());
}

#[test]
fn one_that_is_not_renewed_serves_for_two_hours_and_then_the_profile() {
    let mut b = with(heated_at_noon);
    b.past = |_, _| None;
    let old = b.domain.foreseen().expect("a forecast").clone();
    let at = |ms| Steps::new(old.until.plus(ms), &b.fleet.horizon.step_minutes);
    let halls = b.fleet.consumers().find(|(_, c)| c.id.as_str() == "north.halls").expect("halls");
    let basis = |ms| expect(b.domain.image(), Some(&old), halls, &at(ms)).basis;
    assert_eq!((basis(0), basis(2 * 3_600_000)), (Basis::History, Basis::History));
    assert_eq!(basis(3 * 3_600_000), Basis::Profile);
}
