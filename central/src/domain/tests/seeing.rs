//! How long what was seen counts, and what is said of what is not.

use super::*;

#[test]
fn what_is_not_heard_of_goes_stale_at_the_data_age_and_not_before() {
    let mut b = bench(Judges::ours());
    b.seconds(3);
    let pressure = id("north.steam.pressure");
    b.unheard = vec![pressure.clone()];
    let good = |b: &Bench| b.domain.image().good(&b.fleet, &pressure, b.now);
    let limit = b.fleet.limits.data_age_s as u32;
    b.seconds(limit);
    assert!(good(&b).is_some(), "{limit} s are within the limit");
    b.second();
    assert_eq!(good(&b), None, "a decision no longer sees it");
    let shown = &b.domain.tag_views(Some("north"), pressure.as_str(), b.now)[0];
    assert_eq!((shown.quality, shown.reason), ("bad", Some("stale")), "and the page says so");
    b.unheard.clear();
    b.second();
    assert!(good(&b).is_some());
}

#[test]
fn heat_that_cannot_be_seen_is_not_shown_as_served() {
    let mut b = bench(Judges::ours());
    b.seconds(3);
    let shown = |b: &Bench, class: &str| b.domain.fleet_view(b.now).plants[0].unserved_mw[class];
    assert_eq!(shown(&b, "comfort"), Some(0.0));
    b.unheard = vec![id("north.halls.served")];
    b.seconds(20);
    assert_eq!(shown(&b, "comfort"), None);
    assert_eq!(shown(&b, "production"), Some(0.0), "another class is seen");
}

#[test]
fn a_bad_value_keeps_its_own_reason_however_long_ago_it_was_said() {
    let mut b = bench(Judges::ours());
    b.seconds(3);
    let pressure = id("north.steam.pressure");
    let samples =
        vec![Sample { tag: pressure.clone(), time: b.now, value: None, quality: Quality::Bad(BadReason::DeviceError) }];
    let device = b.fleet.tag(pressure.as_str()).unwrap().1.device.clone();
    let entry = wire::Entry { boot: b.boot, seq: 1, device, samples };
    b.input(Input::Samples { plant: PlantId::new("north").unwrap(), entry });
    b.unheard = vec![pressure.clone()];
    b.seconds(60);
    let shown = &b.domain.tag_views(Some("north"), pressure.as_str(), b.now)[0];
    assert_eq!((shown.quality, shown.reason), ("bad", Some("device-error")));
}
