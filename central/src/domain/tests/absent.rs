//! What dispatch reckons with at a plant that it does not reach.

use super::*;

const SET: f64 = 3.0;

/// The small fleet, north out of reach while its sources were only on their way up, though its main was set to carry
/// [`SET`]; south asks for more than it can have. What it lacks by the schedule, MW.
fn lacks_without_north(open: f64) -> f64 {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    for (tag, value) in
        [("b1.heat", 0.3), ("b2.heat", 0.3), ("n-s.flow", 0.5), ("n-s.flow-sp", SET), ("n-s.open", open)]
    {
        b.tags.insert(id(&format!("north.{tag}")), value);
    }
    b.second();
    assert_eq!(b.domain.image().held(&id("north.n-s.flow-sp")), Some(SET));
    b.goes_away("north");
    b.tags.insert(id("south.line.asked"), 15.0);
    // A header without content: how much of that is used now and how much later would differ.
    b.tags.insert(id("south.steam.pressure"), b.fleet.header("south.steam").unwrap().low);
    b.seconds(10);
    let s = b.schedule();
    assert!(
        s.setpoints.iter().all(|t| t.plant.as_str() == "south" || t.setpoint.as_str() != "north.n-s.flow-sp"),
        "{:?}",
        s.setpoints
    );
    s.unserved_mw.iter().map(|(_, mw)| mw).sum()
}

#[test]
fn a_main_that_a_plant_out_of_reach_sets_goes_on_carrying_what_it_is_set_to() {
    let (carried, closed) = (lacks_without_north(1.0), lacks_without_north(0.0));
    let main = &small().mains[0];
    let arrives = SET * (1.0 - main.loss_fraction) - main.fixed_loss_mw / 2.0;
    assert!(carried > 1.0, "somebody is short all the same: {carried}");
    assert!((closed - carried - arrives).abs() < 0.02, "{closed} without it, {carried} with it, {arrives} arrive");
}

/// The small fleet, north out of reach with its main set to carry this, and half a minute later.
fn half_a_minute_without_north(set: f64, seconds: u32, south: impl Fn(&mut Bench)) -> Bench {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    for tag in ["north.n-s.flow", "north.n-s.flow-sp"] {
        b.tags.insert(id(tag), set);
    }
    b.second();
    b.goes_away("north");
    for _ in 0..seconds {
        south(&mut b);
        b.second();
    }
    b
}

/// So much comes to south's header beside its sources, and so much of it stays there: the line draws the rest.
fn comes(mw: f64, stays: f64) -> impl Fn(&mut Bench) {
    move |b| {
        let fleet = b.fleet.clone();
        let made: f64 = ["south.b1.heat", "south.wh1.heat"].map(|tag| b.tags[&id(tag)]).iter().sum();
        let others: f64 = ["clinic", "reactor", "tracing", "offices"]
            .map(|name| b.tags[&id(&format!("south.{name}.served"))])
            .iter()
            .sum();
        b.tags.insert(id("south.line.served"), made + mw - stays - others);
        let header = fleet.header("south.steam").unwrap();
        *b.tags.get_mut(&header.process_value).unwrap() += stays / 3600.0 / header.capacity_mwh;
    }
}

/// What the case says that the main brings to south; negative: takes.
fn reckoned(b: &Bench) -> f64 {
    let case = &b.domain.plan().expect("a plan").0.case;
    let brings = case.units.iter().find(|u| u.id == "main:n-s").map(|u| u.must_run.as_ref().unwrap().at(0));
    let takes = case.demands.iter().find(|d| d.id == "main:n-s").map(|d| -d.heat.at(0));
    brings.or(takes).unwrap_or(0.0)
}

#[test]
fn less_that_arrives_than_a_main_is_set_to_is_seen_by_the_balance_of_the_other_end() {
    let main = &small().mains[0];
    let standing = main.fixed_loss_mw / 2.0;
    let arrives = SET * (1.0 - main.loss_fraction) - standing;
    let after = |set, seconds, mw, stays| reckoned(&half_a_minute_without_north(set, seconds, comes(mw, stays)));
    for (mw, stays) in [(1.2, 0.0), (1.2, 0.6), (1.2, -2.0), (0.0, -1.5)] {
        let found = after(SET, 45, mw, stays);
        assert!((found - mw).abs() < 0.1, "{found} of {mw}, of which {stays} stays");
    }
    assert!((after(SET, 25, 1.2, 0.0) - arrives).abs() < 1e-9, "not half a minute yet");
    for more in [arrives, 5.0] {
        assert!((after(SET, 45, more, 0.0) - arrives).abs() < 0.1, "never more than is set");
    }
    assert_eq!(after(SET, 45, -1.0, 0.0), 0.0, "what is set to bring heat takes none");
    // The other way: what it is set to take is not there to be had as long as it is taken.
    let found = after(-SET, 45, -1.0, 0.0);
    assert!((found + 1.0).abs() < 0.1, "{found}");
    let found = after(-SET, 45, -5.0, 0.0);
    assert!((found + SET + standing).abs() < 0.1, "{found}");
}

#[test]
fn without_a_meter_that_can_be_trusted_there_is_only_what_a_main_is_set_to() {
    let b = half_a_minute_without_north(SET, 60, |b| {
        b.unheard = vec![id("south.offices.served")];
        comes(1.2, 0.0)(b);
    });
    let main = &small().mains[0];
    let arrives = SET * (1.0 - main.loss_fraction) - main.fixed_loss_mw / 2.0;
    assert!((reckoned(&b) - arrives).abs() < 1e-9, "{}", reckoned(&b));
}

#[test]
fn a_meter_that_is_missing_for_some_seconds_does_not_bring_back_what_was_seen_not_to_come() {
    let mut b = half_a_minute_without_north(SET, 60, comes(1.2, 0.0));
    for second in 0..40 {
        b.unheard = if second < 15 { vec![id("south.offices.served")] } else { vec![] };
        comes(1.2, 0.0)(&mut b);
        b.second();
        assert!((reckoned(&b) - 1.2).abs() < 0.1, "{} in second {second}", reckoned(&b));
    }
}

/// The small fleet, south out of reach after it drew all that it asked for, [`SET`] of it by the main that north sets.
fn without_south() -> Bench {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    for tag in ["north.n-s.flow", "north.n-s.flow-sp"] {
        b.tags.insert(id(tag), SET);
    }
    b.second();
    b.goes_away("south");
    b
}

fn set_to(b: &Bench) -> f64 {
    b.schedule().setpoints.iter().find(|t| t.setpoint.as_str() == "north.n-s.flow-sp").expect("north sets it").value
}

#[test]
fn comfort_at_a_plant_out_of_reach_stands_behind_upper_classes_that_are_reached() {
    let mut b = without_south();
    b.seconds(10);
    let before = set_to(&b);
    assert_eq!(b.schedule().short, []);
    b.trip_b1();
    b.tags.insert(id("north.mill.asked"), 12.0);
    b.seconds(10);
    let s = b.schedule();
    let lacks = |id: &str| s.short.iter().find(|s| s.consumer.as_str() == id).map_or(0.0, |s| s.asked_mw - s.served_mw);
    assert!(lacks("north.mill") > 0.5, "{:?}", s.short);
    assert!((lacks("south.offices") - 2.0).abs() < 0.01, "{:?}", s.short);
    assert!(set_to(&b) < before - 2.0, "{} after {before}", set_to(&b));
    let south =
        |c: &Command| matches!(&c.action, Action::Set { setpoint, .. } if setpoint.as_str() == "south.offices.cap");
    assert!(!b.commands.iter().any(south), "nobody there would take it");
}

#[test]
fn a_source_that_trips_as_its_plant_goes_out_of_reach_is_made_up_for_by_the_others() {
    let mut b = without_south();
    b.seconds(10);
    let before = set_to(&b);
    b.away = None;
    b.state_of("south.b1", SourceState::Tripped);
    b.tags.insert(id("south.b1.heat"), 0.0);
    b.second();
    b.goes_away("south");
    b.seconds(10);
    assert!(set_to(&b) > before + 2.0, "{} after {before}", set_to(&b));
}

#[test]
fn a_main_to_a_plant_that_was_never_seen_takes_what_it_is_seen_to_carry() {
    let mut b = bench(Judges::ours());
    b.away = Some(PlantId::new("south").unwrap());
    for tag in ["north.n-s.flow", "north.n-s.flow-sp"] {
        b.tags.insert(id(tag), SET);
    }
    b.seconds(20);
    let (plan, _) = b.domain.plan().expect("a plan");
    let taken = plan.case.demands.iter().find(|d| d.id == "main:n-s").expect("the main takes heat");
    let leaves = SET + small().mains[0].fixed_loss_mw / 2.0;
    assert!((taken.heat.at(0) - leaves).abs() < 1e-9, "{:?}", taken.heat);
    assert!(b.schedule().setpoints.iter().all(|t| t.setpoint.as_str() != "north.n-s.flow-sp"), "nobody plans it");
}

#[test]
fn a_sentence_about_a_case_names_what_stands_in_no_plant() {
    let names = small().consumers().map(|(_, c)| (c.id.clone(), c.name.clone())).collect();
    let said = |sentence: &str| case::in_words(sentence, &names);
    let line = &small().consumers().find(|(_, c)| c.id.as_str() == "south.line").unwrap().1.name.clone();
    assert_eq!(
        said("south.line lacks 1.0 MWh, as south.b1 is lost."),
        format!("{line} lacks 1.0 MWh, as south.b1 is lost.")
    );
    assert_eq!(said("inventory:south.steam is gone."), "The content of south.steam is gone.");
    assert_eq!(
        said("One MW more of main:n-s helps south.line."),
        format!("One MW more of the unreached main n-s helps {line}.")
    );
}
