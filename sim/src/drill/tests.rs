//! The judges on traces made by hand: each sees what it is there to see.

use super::judge::{Verdict, judge};
use super::measure::{self, spans};
use super::page::Page;
use super::trace::{Draw, Moment, Trace};
use super::{cli, page};
use crate::physics::Consumer;
use hypocaust_central::domain::schedule::Short;
use hypocaust_central::domain::{Event, Origin, Schedule};
use hypocaust_protocols::model::{Class, ConsumerId, Fleet, Millis, PerClass, SourceId, SourceState};
use std::path::Path;

const FRONT: &str = r#"+++
id = "made-up"
alarm = "none"
severity = "P4"
escalation = []
go_no_go = []
procedures = []
[drill]
fleet = "small"
seed = 1
start_hour = 10
settle_s = 0
run_s = 200
tolerance_mw = 0.05
[[drill.fault]]
at_s = 10
do = "trip north.b1"
[[drill.fault]]
at_s = 60
do = "restore north.b1"
"#;

/// A page that expects this alone.
fn page(expect: &str) -> (Page, Fleet) {
    let runbooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
    let text = format!("{FRONT}[[drill.expect]]\n{expect}\n+++\n# Made up\n");
    match page::read("made-up.md", &text, |name| cli::find(&runbooks, None, name)) {
        Ok(read) => read,
        Err(error) => panic!("{error}"),
    }
}

/// Everybody served and every source on, for 200 s.
fn peace(fleet: &Fleet) -> Trace {
    let consumers: Vec<Draw> = fleet
        .consumers()
        .map(|(_, c)| {
            let asked = Consumer::profile(c, 10.0);
            Draw { asked, served: asked, cap: if c.shed.is_some() { 20.0 } else { f64::INFINITY } }
        })
        .collect();
    let moment =
        |at| Moment { at, sources: fleet.sources().map(|_| SourceState::On).collect(), consumers: consumers.clone() };
    Trace { moments: (0..=2000).map(|i| moment(i * 100)).collect(), events: Vec::new(), zero: Millis(0) }
}

/// Changes what a consumer draws from one second up to another.
fn draw(fleet: &Fleet, trace: &mut Trace, id: &str, (from_s, to_s): (i64, i64), change: impl Fn(&mut Draw)) {
    let i = fleet.consumers().position(|(_, c)| c.id.as_str() == id).expect("a consumer of the fleet");
    let during = trace.moments.iter_mut().filter(|m| (from_s * 1000..to_s * 1000).contains(&m.at));
    during.for_each(|m| change(&mut m.consumers[i]));
}

fn shed_to(mw: f64) -> impl Fn(&mut Draw) {
    move |d| (d.cap, d.served) = (mw, mw.min(d.asked))
}

fn stop(fleet: &Fleet, trace: &mut Trace, id: &str, (from_s, to_s): (i64, i64)) {
    let i = fleet.sources().position(|(_, s)| s.id.as_str() == id).expect("a source of the fleet");
    let during = trace.moments.iter_mut().filter(|m| (from_s * 1000..to_s * 1000).contains(&m.at));
    during.for_each(|m| m.sources[i] = SourceState::Purge);
}

/// The verdict on the only expectation.
fn verdict(expect: &str, happens: impl Fn(&Fleet, &mut Trace)) -> Verdict {
    let (page, fleet) = page(expect);
    let mut trace = peace(&fleet);
    happens(&fleet, &mut trace);
    judge(&fleet, &page.drill, &trace).remove(0)
}

#[test]
fn a_cap_is_lowered_in_time_or_late_or_never() {
    let expect = "what = \"shed production\"\nby_s = 12";
    let lowered = |at| move |f: &Fleet, t: &mut Trace| draw(f, t, "north.mill", (at, 100), shed_to(1.0));
    assert!(verdict(expect, lowered(11)).met);
    let late = verdict(expect, lowered(13));
    assert_eq!((late.met, late.measured_s), (false, Some(13.0)));
    let other = verdict(expect, |f, t| draw(f, t, "south.offices", (11, 100), shed_to(0.0)));
    assert!(!other.met && other.measured_s.is_none() && other.seen.contains("no cap"), "{other:?}");
    let toothless = verdict(expect, |f, t| draw(f, t, "north.mill", (11, 100), |d| d.cap = 15.0));
    assert!(toothless.met && toothless.seen.contains("no cap of this class ever fell below"), "{toothless:?}");
    let before = verdict(expect, |f, t| draw(f, t, "north.mill", (0, 100), shed_to(1.0)));
    assert!(!before.met, "it was down before anything happened: {before:?}");
}

/// A schedule that leaves these consumers that many MW short.
fn schedule(short: &[(&str, f64)]) -> Event {
    let short = short.iter().map(|(id, mw)| Short {
        consumer: ConsumerId::new(id).expect("an id"),
        class: Class::Production,
        asked_mw: *mw,
        served_mw: 0.0,
        heat_at: None,
    });
    Event::Scheduled {
        schedule: Box::new(Schedule {
            time: Millis(0),
            origin: Origin::Optimal,
            setpoints: Vec::new(),
            unserved_mw: PerClass::default(),
            unserved_mwh: PerClass::default(),
            short: short.collect(),
            cost: None,
            prices: Default::default(),
            binding: Vec::new(),
            certificate: None,
            solve_ms: None,
            proven: false,
            trips: Vec::new(),
            window: None,
            told_by: Default::default(),
            why: Vec::new(),
        }),
    }
}

#[test]
fn shedding_is_done_when_the_caps_withhold_what_is_wanted_by_then() {
    let expect = "what = \"shed-done\"\nby_s = 40";
    // The paper machine asks for some 6.5 MW.
    let withhold = |mill: f64| {
        move |f: &Fleet, t: &mut Trace| {
            t.events = vec![(11_000, schedule(&[("north.mill", 5.0)])), (50_000, schedule(&[("north.mill", 1.0)]))];
            draw(f, t, "north.mill", (20, 200), shed_to(mill));
        }
    };
    let done = verdict(expect, withhold(1.0));
    assert_eq!((done.met, done.measured_s), (true, Some(20.0)));
    let half = verdict(expect, withhold(4.0));
    assert_eq!((half.met, half.measured_s), (false, Some(50.0)), "by 50 s less is wanted: {half:?}");
    assert!(half.seen.contains("of 5.00 MW"), "{half:?}");
    let other = verdict(expect, |f, t| {
        withhold(9.0)(f, t);
        draw(f, t, "south.offices", (20, 200), shed_to(0.0));
    });
    assert!(!other.met && other.measured_s.is_none(), "nobody asked for the offices' heat: {other:?}");
    let unasked = verdict(expect, |f, t| draw(f, t, "north.mill", (20, 200), shed_to(0.0)));
    assert!(!unasked.met && unasked.seen.contains("no schedule"), "{unasked:?}");
}

#[test]
fn heat_to_a_lower_class_is_seen_on_the_same_header_only() {
    let expect = "what = \"sheds-in-order\"";
    let short = |f: &Fleet, t: &mut Trace, mill: f64| {
        draw(f, t, "north.dairy", (20, 60), shed_to(1.0));
        draw(f, t, "north.mill", (20, 60), shed_to(mill));
    };
    assert!(
        verdict(expect, |f, t| {
            short(f, t, 0.0);
            draw(f, t, "north.tracing", (20, 60), shed_to(0.0));
        })
        .met
    );
    let wrong = verdict(expect, |f, t| {
        short(f, t, 2.0);
        draw(f, t, "north.tracing", (20, 60), shed_to(0.0));
    });
    assert!(!wrong.met && wrong.longest_s == Some(40.0), "{wrong:?}");
    assert!(wrong.seen.contains("north.dairy") && wrong.seen.contains("north.mill"), "{wrong:?}");
    let elsewhere = verdict(expect, |f, t| draw(f, t, "north.mill", (20, 60), shed_to(2.0)));
    assert!(elsewhere.met, "the halls on hot water are not on the mill's header: {elsewhere:?}");
    let nobody = verdict(expect, |_, _| ());
    assert!(!nobody.met && nobody.seen.contains("nobody was shed"), "{nobody:?}");
}

#[test]
fn life_safety_may_miss_heat_for_a_reaction_and_no_longer() {
    let expect = "what = \"life-safety-whole\"";
    let missing =
        |until| move |f: &Fleet, t: &mut Trace| draw(f, t, "north.ward", (20, until), |d| d.served = d.asked - 0.3);
    assert!(verdict(expect, |_, _| ()).met);
    let brief = verdict(expect, missing(24));
    assert!(brief.met && brief.longest_s == Some(4.0) && brief.worst_mw == Some(0.3), "{brief:?}");
    // Two scans, the trip's delay and 4 s of travel are 5.5 s.
    let long = verdict(expect, missing(26));
    assert!(!long.met && long.allowed_s == Some(5.5) && long.seen.contains("north.ward"), "{long:?}");
    let lower = verdict(expect, |f, t| draw(f, t, "north.mill", (20, 90), shed_to(0.0)));
    assert!(lower.met);
}

#[test]
fn a_source_is_back_only_when_it_stays() {
    let expect = "what = \"restarted north.b1\"\nby_s = 150";
    let back = verdict(expect, |f, t| stop(f, t, "north.b1", (10, 140)));
    assert_eq!((back.met, back.measured_s), (true, Some(140.0)));
    let again = verdict(expect, |f, t| {
        stop(f, t, "north.b1", (10, 140));
        stop(f, t, "north.b1", (145, 160));
    });
    assert_eq!((again.met, again.measured_s), (false, Some(160.0)));
    let gone = verdict(expect, |f, t| stop(f, t, "north.b1", (10, 300)));
    assert!(!gone.met && gone.seen.contains("not on at the end"), "{gone:?}");
    let never = verdict(expect, |_, _| ());
    assert!(!never.met && never.seen.contains("never stood still"), "{never:?}");
}

#[test]
fn all_are_served_when_the_last_one_is() {
    let expect = "what = \"all-served\"\nby_s = 100";
    let short = |until| move |f: &Fleet, t: &mut Trace| draw(f, t, "south.offices", (20, until), shed_to(0.0));
    assert!(verdict(expect, short(90)).met);
    assert_eq!(verdict(expect, short(110)).measured_s, Some(110.0));
    let still = verdict(expect, |f, t| {
        short(110)(f, t);
        draw(f, t, "north.mill", (20, 300), shed_to(0.0));
    });
    assert!(!still.met && still.seen.contains("north.mill was short at the end"), "{still:?}");
}

#[test]
fn a_deadline_counts_from_the_shortage_and_through_a_moment_of_heat() {
    let (page, mut fleet) = page("what = \"deadlines-kept\"");
    fleet.limits.restore_min = [10.0, 30.0, 60.0, 1.0, 0.0];
    let judged = |spells: &[(i64, i64)]| {
        let mut trace = peace(&fleet);
        spells.iter().for_each(|spell| draw(&fleet, &mut trace, "north.mill", *spell, shed_to(0.0)));
        draw(&fleet, &mut trace, "south.offices", (10, 190), shed_to(0.0));
        judge(&fleet, &page.drill, &trace).remove(0)
    };
    let kept = judged(&[(20, 80)]);
    assert!(kept.met && kept.longest_s == Some(60.0), "best effort has no deadline: {kept:?}");
    assert!(!judged(&[(20, 81)]).met);
    let flicker = judged(&[(20, 50), (55, 85)]);
    assert!(!flicker.met && flicker.longest_s == Some(65.0), "{flicker:?}");
    assert!(judged(&[(20, 50), (120, 160)]).met);
}

#[test]
fn the_first_promise_after_the_cause_is_gone_is_held_against_the_truth() {
    let expect = "what = \"predicted north.b1\"\nwithin_s = 5";
    let promise = |made_s: i64, heat_s: i64| {
        let source = SourceId::new("north.b1").expect("an id");
        let phase = hypocaust_central::domain::event::Phase::Requested;
        let heat_at = Some(Millis(heat_s * 1000));
        (made_s * 1000, Event::RestorationMoved { source, phase, heat_at })
    };
    let told = |all: Vec<(i64, Event)>| {
        verdict(expect, move |f, t| {
            stop(f, t, "north.b1", (10, 140));
            t.events.clone_from(&all);
        })
    };
    let near = told(vec![promise(20, 30), promise(61, 144), promise(100, 170)]);
    assert_eq!((near.met, near.predicted_s, near.off_s), (true, Some(144.0), Some(4.0)));
    let far = told(vec![promise(61, 130), promise(100, 140)]);
    assert_eq!((far.met, far.off_s), (false, Some(-10.0)));
    let none = told(vec![promise(20, 140)]);
    assert!(!none.met && none.seen.contains("promised no time"), "{none:?}");
}

#[test]
fn spells_with_little_between_are_one_and_the_last_may_be_open() {
    let (_, fleet) = page("what = \"life-safety-whole\"");
    let trace = peace(&fleet);
    let held = |i: usize| (100..200).contains(&i) || (250..300).contains(&i) || i >= 1990;
    let found = |gap| spans(&trace, gap, held).iter().map(|s| (s.from, s.to, s.open)).collect::<Vec<_>>();
    assert_eq!(found(0), [(10_000, 20_000, false), (25_000, 30_000, false), (199_000, 200_000, true)]);
    assert_eq!(found(5_001), [(10_000, 30_000, false), (199_000, 200_000, true)]);
    assert_eq!(measure::over_at(&spans(&trace, 0, held)), None);
    assert_eq!(measure::over_at(&[]), Some(0));
}
