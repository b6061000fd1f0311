//! A lost source from its trip to its heat: what is asked of whom, when, and how often.

use super::*;

#[test]
fn a_tripped_source_is_brought_back_step_by_step() {
    use SourceState::*;
    let mut b = bench(Judges::ours());
    b.seconds(30);
    b.trip_b1();
    b.seconds(60);
    assert_eq!(b.phase("north.b1"), Some(Phase::Waiting { locked_out: false }));
    assert!(!b.commands.iter().any(|c| c.writer == Writer::Procedure), "nothing is asked for while the cause stands");

    b.b1_may_start();
    b.seconds(5);
    let asked: Vec<_> = b.commands.iter().filter(|c| c.writer == Writer::Procedure).map(|c| c.action.clone()).collect();
    assert_eq!(
        asked,
        [
            Action::ResetTrip { trip: TripId::new("north.b1-lost").unwrap() },
            Action::Set { setpoint: id("north.b1.start"), value: 1.0 },
        ]
    );
    assert_eq!(b.phase("north.b1"), Some(Phase::Requested));
    let predicted = b.domain.state().restorations["north.b1"].heat_at.expect("a prediction");
    for (state, s) in [(Purge, 60), (LightOff, 15), (WarmUp, 240)] {
        b.state_of("north.b1", state);
        b.seconds(s);
        assert_eq!(b.phase("north.b1"), Some(Phase::Starting { state }));
    }
    b.state_of("north.b1", On);
    b.seconds(2);
    assert_eq!(b.phase("north.b1"), None);
    assert!((b.now.since(predicted)).abs() < 20_000, "predicted {} s off", b.now.since(predicted) / 1000);
    assert!(!b.domain.state().alarm_stands("trip:north.b1"));
    b.seconds(600);
    assert!(b.schedule().short.is_empty(), "{:?}", b.schedule().why);
    assert!(b.domain.state().shortages.is_empty());
    assert_eq!(&State::fold(&b.recorded()), b.domain.state());
}

/// What the page says that this source waits for.
fn waits(b: &Bench, source: &str) -> Option<String> {
    let views = ["north", "south"].iter().filter_map(|p| b.domain.plant_view(p, b.now));
    views.flat_map(|v| v.sources).find(|s| s.id == source).expect("the source is shown").waits
}

#[test]
fn a_source_that_does_not_run_says_what_it_waits_for_and_who_acts() {
    let mut b = may_start(|_| {});
    let mut said = vec![waits(&b, "north.b2"), waits(&b, "north.b1")];
    b.seconds(5);
    said.push(waits(&b, "north.b1"));
    b.state_of("north.b1", SourceState::WarmUp);
    b.seconds(2);
    said.push(waits(&b, "north.b1"));
    b.state_of("north.b1", SourceState::Lockout);
    b.seconds(2);
    said.push(waits(&b, "north.b1"));
    let said: Vec<_> = said.iter().map(Option::as_deref).collect();
    assert_eq!(
        said,
        [
            None,
            Some("tripped: its cause still stands"),
            Some("its burner management has been asked to start"),
            Some("on its way up: warm-up"),
            Some("locked out: a person resets its burner management"),
        ]
    );
    let mut deaf = may_start(|b| b.mode = Mode::Autonomous);
    deaf.trips.clear();
    deaf.seconds(5);
    assert_eq!(waits(&deaf, "north.b1").as_deref(), Some("its edge takes no orders"));
}

/// North's first boiler is off with its cause gone, and its edge as `edges` makes it.
fn may_start(edges: impl Fn(&mut Bench)) -> Bench {
    let mut b = bench(Judges::ours());
    b.seconds(30);
    b.trip_b1();
    b.seconds(30);
    edges(&mut b);
    b.b1_may_start();
    b
}

fn starts(b: &Bench) -> usize {
    let start = Action::Set { setpoint: id("north.b1.start"), value: 1.0 };
    b.commands.iter().filter(|c| c.action == start).count()
}

#[test]
fn nothing_is_asked_of_an_edge_that_takes_no_orders() {
    let mut b = may_start(|b| b.mode = Mode::Autonomous);
    b.seconds(60);
    assert!(!b.commands.iter().any(|c| c.writer == Writer::Procedure), "neither a reset nor a start");
    b.mode = Mode::Remote;
    b.seconds(5);
    assert_eq!((starts(&b), b.phase("north.b1")), (1, Some(Phase::Requested)));
}

#[test]
fn a_start_that_was_refused_is_none_of_those_that_an_hour_allows() {
    let mut b = may_start(|b| b.no_starts = true);
    b.seconds(400);
    let allowed = b.fleet.sources().find(|(_, s)| s.id.as_str() == "north.b1").expect("it").1.starts_per_hour as usize;
    assert!(starts(&b) > allowed, "{} were asked for", starts(&b));
    assert!(starts(&b) <= 400 / 60 + 1, "a refused one is repeated after a minute: {}", starts(&b));
    assert_eq!(b.phase("north.b1"), Some(Phase::Requested), "it does not rest");
}

#[test]
fn an_old_start_request_is_taken_back_once() {
    let mut b = bench(Judges::ours());
    b.seconds(30);
    b.trip_b1();
    b.seconds(30);
    b.state_of("north.b1", SourceState::Off);
    b.b1_flames(0.0);
    // The register shows the old request for some seconds after it was taken back.
    b.seconds(8);
    let back = Action::Set { setpoint: id("north.b1.start"), value: 0.0 };
    assert_eq!(b.commands.iter().filter(|c| c.action == back).count(), 1);
    b.tags.insert(id("north.b1.start"), 0.0);
    b.seconds(3);
    assert_eq!(starts(&b), 1);
}

#[test]
fn a_trip_whose_flags_cannot_be_seen_is_not_released() {
    let mut b = bench(Judges::ours());
    b.seconds(10);
    b.trip_b1();
    b.seconds(3);
    b.unheard = ["a", "b", "c"].map(|t| id(&format!("north.b1.flame-lost-{t}"))).into();
    b.seconds(60);
    // The state word would allow the reset; the cause is what nobody can see.
    b.state_of("north.b1", SourceState::Off);
    b.tags.insert(id("north.b1.start"), 0.0);
    b.seconds(10);
    let resets = |b: &Bench| b.commands.iter().filter(|c| matches!(c.action, Action::ResetTrip { .. })).count();
    assert_eq!(resets(&b), 0, "released blindly");
    b.b1_flames(0.0);
    b.unheard.clear();
    b.seconds(5);
    assert_eq!(resets(&b), 1);
}

#[test]
fn while_a_source_comes_back_every_consumer_that_is_short_shows_when() {
    let mut b = bench(Judges::ours());
    b.seconds(30);
    b.trip_b1();
    b.seconds(20);
    b.b1_may_start();
    b.seconds(10);
    b.state_of("north.b1", SourceState::Purge);
    b.seconds(10);
    let views: Vec<_> = ["north", "south"].iter().filter_map(|p| b.domain.plant_view(p, b.now)).collect();
    let source = views[0].sources.iter().find(|s| s.id == "north.b1").unwrap();
    assert!(source.prediction.is_some(), "when the source gives heat");
    let short = &b.schedule().short;
    assert!(!short.is_empty(), "the loss of the biggest source must shed somebody");
    for s in short {
        let consumer = views.iter().flat_map(|v| &v.consumers).find(|c| c.id == s.consumer.as_str()).unwrap();
        let at = consumer.predicted_restore.as_deref().unwrap_or_else(|| panic!("{} shows no time", s.consumer));
        assert!(at > b.now.rfc3339().as_str(), "{} is to be back at {at}", s.consumer);
    }
}

#[test]
fn a_source_is_not_started_oftener_than_it_allows() {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    b.trip_b1();
    b.seconds(5);
    b.state_of("north.b1", SourceState::Off);
    b.tags.insert(id("north.b1.start"), 0.0);
    b.trips.clear();
    b.seconds(200);
    assert_eq!(starts(&b), 3, "starts_per_hour of the boiler, which never leaves off here");
    let Some(Phase::Resting { until }) = b.phase("north.b1") else { panic!("{:?}", b.phase("north.b1")) };
    let said = format!("rests until {}: it is started 3 times an hour at most", until.rfc3339());
    assert_eq!(waits(&b, "north.b1"), Some(said));
}
