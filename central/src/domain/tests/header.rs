//! What a header's own content is worth to dispatch: a store for some minutes, what is filled again, what goes first.

use super::*;
use crate::domain::{case, forecast};
use hypocaust_optimizer::case::{Demand, Storage};

/// South's header shows this many bar, with what that does to those who draw there; north's boiler is lost or not.
fn standing_at(bar: f64, lost: bool) -> Bench {
    let fleet = small();
    let low = fleet.header("south.steam").unwrap().low;
    let supply = ((bar - 0.8 * low) / (0.2 * low)).clamp(0.0, 1.0);
    showing(bar, supply, lost)
}

/// The same where consumers get this share of what they ask for.
fn showing(bar: f64, supply: f64, lost: bool) -> Bench {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    b.tags.insert(id("south.steam.pressure"), bar);
    for (_, c) in small().consumers().filter(|(plant, _)| plant.id.as_str() == "south") {
        b.tags.insert(c.served.clone(), supply * c.heat_mw);
    }
    if lost {
        b.trip_b1();
    }
    b.seconds(10);
    b
}

fn demand(b: &Bench) -> Option<Demand> {
    b.domain.plan().unwrap().0.case.demands.iter().find(|d| d.id == "inventory:south.steam").cloned()
}

fn store(b: &Bench) -> Option<Storage> {
    b.domain.plan().unwrap().0.case.storages.iter().find(|s| s.id == "inventory:south.steam").cloned()
}

/// MWh between these pressures.
fn mwh(from: f64, to: f64) -> f64 {
    (to - from) * small().header("south.steam").unwrap().capacity_mwh
}

#[test]
fn a_header_below_the_middle_of_its_span_is_filled_within_ten_minutes() {
    let filled = demand(&standing_at(9.0, false)).expect("below the middle, 9.25 bar");
    assert_eq!(filled.class, "product-safety");
    assert!((filled.heat.at(0) - mwh(9.0, 9.25) * 6.0).abs() < 1e-9, "{:?}", filled.heat);
    assert_eq!(demand(&standing_at(9.3, false)), None);
}

#[test]
fn a_header_below_its_lower_limit_is_filled_at_once_and_before_all_others() {
    let b = standing_at(8.0, false);
    let filled = demand(&b).expect("below the lower limit, 8.5 bar");
    assert_eq!(filled.class, "life-safety", "the clinic draws less there");
    let (at_once, lifted) = (mwh(8.0, 8.5) * 120.0, mwh(8.5, 9.25) * 6.0);
    assert!((filled.heat.at(0) - at_once - lifted).abs() < 1e-9, "{:?}", filled.heat);
    assert!((filled.heat.at(1) - lifted).abs() < 1e-9, "the next step begins later than that: {:?}", filled.heat);
    // For people others give way who had what they asked for.
    let short = |b: &Bench| -> f64 { b.schedule().unserved_mw.iter().map(|(_, mw)| mw).sum() };
    let before = standing_at(9.0, false);
    assert!(short(&b) > short(&before) + 1.0, "{} and {}", short(&b), short(&before));
    assert_eq!(store(&b), None, "there is nothing in it to be used");
}

#[test]
fn a_meter_that_shows_too_little_where_nobody_lacks_anything_takes_no_heat_from_people() {
    let as_if_at_low = |b: &Bench| {
        let filled = demand(b).expect("as if it stood at its lower limit");
        assert_eq!(filled.class, "product-safety");
        assert!((filled.heat.at(0) - mwh(8.5, 9.25) * 6.0).abs() < 1e-9, "{:?}", filled.heat);
    };
    let mut b = showing(2.8, 1.0, false);
    as_if_at_low(&b);
    // The draw of the line lags behind its cap, which is just being opened: that is no sign of a low header.
    b.tags.insert(id("south.line.served"), 2.0);
    b.seconds(10);
    as_if_at_low(&b);
    assert_eq!(demand(&showing(8.0, 0.7, false)).expect("they lack").class, "life-safety");
}

#[test]
fn where_nobody_who_draws_is_seen_the_meter_is_believed() {
    let mut b = showing(8.0, 0.7, false);
    b.unheard = small().consumers().flat_map(|(_, c)| [c.asked.clone(), c.served.clone()]).collect();
    b.seconds(20);
    assert_eq!(demand(&b).expect("it is low").class, "life-safety");
}

#[test]
fn a_table_does_not_rest_on_what_is_gone_in_half_a_minute() {
    let b = standing_at(10.5, true);
    let said = forecast::Said::default();
    let seen = case::Seen { image: b.domain.image(), state: b.domain.state(), said };
    let built = case::build(&b.fleet, seen, b.now, case::Asked { purpose: case::Purpose::Base, proven: false });
    let store = built.case.storages.into_iter().find(|s| s.id == "inventory:south.steam").expect("a store");
    assert!((store.initial_mwh - mwh(8.5, 10.0)).abs() < 1e-9);
    assert!((store.discharge_max.at(0) - mwh(8.5, 10.0) * 6.0).abs() < 1e-9);
}

#[test]
fn what_stands_above_the_nominal_value_goes_first_where_heat_is_short() {
    let calm = store(&standing_at(10.5, false)).expect("a store");
    assert!((calm.initial_mwh - mwh(8.5, 10.0)).abs() < 1e-9);
    assert!((calm.discharge_max.at(0) - mwh(8.5, 10.0) * 6.0).abs() < 1e-9);
    let short = store(&standing_at(10.5, true)).expect("a store");
    assert!((short.initial_mwh - mwh(8.5, 10.5)).abs() < 1e-9);
    assert!((short.discharge_max.at(0) - mwh(8.5, 10.0) * 6.0 - mwh(10.0, 10.5) * 120.0).abs() < 1e-9);
    assert!((short.discharge_max.at(1) - mwh(8.5, 10.0) * 6.0).abs() < 1e-9, "only at once");
}
