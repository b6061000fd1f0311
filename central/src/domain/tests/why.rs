//! What people are told of the limits that hold a class back.

use super::*;
use hypocaust_optimizer::solution::Binding;

fn said(owner: &str, worth: f64) -> String {
    said_of("heat_max", owner, worth)
}

/// What is said while north.b1 is tripped, comfort lacks 2.4 MWh over the horizon, and 1 MW more of this limit of `owner` is
/// worth `worth` MWh by the dual.
fn said_of(limit: &str, owner: &str, worth: f64) -> String {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    let stage = Class::Comfort.name().into();
    let binding = Binding { stage, owner: owner.into(), limit: limit.into(), step: 0, worth };
    let trips = vec![TripId::new("north.b1-lost").unwrap()];
    let mut schedule = Schedule { binding: vec![binding], trips, ..b.schedule().clone() };
    schedule.unserved_mw[Class::Comfort] = 1.0;
    schedule.unserved_mwh[Class::Comfort] = 2.4;
    schedule.unserved_mwh[Class::Production] = 50.0;
    explain::why(&small(), None, &schedule, None).join(" ")
}

#[test]
fn what_is_tripped_is_not_held_back_by_its_capacity_and_what_runs_at_it_is() {
    let lost = said("north.b1", 2.0);
    assert!(
        lost.contains("The trip of north.b1 holds comfort back; 1 MW from it would save at most 2.00 MWh."),
        "{lost}"
    );
    assert!(!lost.contains("The available heat of"), "{lost}");
    let runs = said("south.b1", 2.0);
    assert!(
        runs.contains("The available heat of south.b1 holds comfort back; 1 MW more would save at most 2.00 MWh."),
        "{runs}"
    );
}

/// A content is in MWh, and of what a store is to keep less would help.
#[test]
fn what_a_store_holds_is_told_in_mwh() {
    let full = said_of("capacity_mwh", "north.store", 0.9);
    assert!(
        full.contains("The content of north.store holds comfort back; 1 MWh more would save at most 0.90"),
        "{full}"
    );
    let kept = said_of("final", "north.store", 0.9);
    assert!(kept.contains("The level at the end of north.store holds comfort back; 1 MWh less would save"), "{kept}");
}

#[test]
fn nobody_is_promised_more_heat_than_the_class_lacks() {
    let runs = said("south.b1", 24.0);
    assert!(runs.contains("1 MW more would save at most 2.40 MWh."), "{runs}");
    let lost = said("north.b1", 24.0);
    assert!(lost.contains("1 MW from it would save at most 2.40 MWh."), "{lost}");
}
