//! What the past says of the hours to come, and what a schedule makes of it.

use super::*;
use crate::domain::forecast::{Basis, SLOT_MS, Said, Steps, expect};
use hypocaust_optimizer::Solution;
use hypocaust_protocols::wire::subagent::{AgentId, Heartbeat, Kind, Number, Outcome, Register, Report, Task, Time};

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
    let said = Said { past: Some(&old), told: None };
    let basis = |ms| expect(b.domain.image(), said, halls, &at(ms)).basis;
    assert_eq!((basis(0), basis(2 * 3_600_000)), (Basis::History, Basis::History));
    assert_eq!(basis(3 * 3_600_000), Basis::Profile);
}

/// The sub-agent that forecasts registers and beats.
fn forecaster(b: &mut Bench) -> AgentId {
    let (agent, time) = (Kind::DemandForecast.agent(), Time(b.now));
    let register = Register {
        schema: Register::SCHEMA.into(),
        time,
        agent,
        version: "1".into(),
        capabilities: vec![Kind::DemandForecast.name().into()],
    };
    let beat = Heartbeat { schema: Heartbeat::SCHEMA.into(), time, agent, boot: 1, success_ratio: 1.0 };
    for message in [Coordination::Heartbeat(beat), Coordination::Register(register)] {
        b.input(Input::Subagent { message });
    }
    b.seconds(2);
    agent
}

/// The task about the halls that has been asked last.
fn task(b: &Bench) -> Task {
    b.tasks.iter().rev().find(|t| t.subject == "north.halls").expect("it is asked").clone()
}

/// What somebody does to the values of an answer.
type Change = fn(&mut BTreeMap<String, Number>);

/// Its answer: 14 MW for two hours from noon, else 4, a band of 1 MW, changed by somebody.
fn tells(b: &mut Bench, change: impl Fn(&mut BTreeMap<String, Number>)) -> String {
    let task = task(b);
    let mut values = BTreeMap::new();
    for hour in 0..task.inputs["hours"].value.expect("a number") as i64 {
        let at = task.issued.0.plus(hour * 3_600_000);
        let mw = if (11.5..13.5).contains(&self::hour(at)) { 14.0 } else { 4.0 };
        for (name, mw) in [("expected", mw), ("lower", mw - 1.0), ("upper", mw + 1.0)] {
            values.insert(format!("{hour}.{name}"), Number::good(mw, "MW"));
        }
    }
    change(&mut values);
    reports(b, &task, Outcome::Done, values);
    task.id
}

fn reports(b: &mut Bench, task: &Task, outcome: Outcome, values: BTreeMap<String, Number>) {
    let reason = (outcome != Outcome::Done).then(|| "the weather service is away".to_owned());
    let (schema, time, task, agent) = (Report::SCHEMA.into(), Time(b.now), task.id.clone(), task.agent);
    let report = Report { schema, time, agent, task, outcome, values, reason };
    let message = Coordination::read(&Coordination::Report(report).record()).expect("as it comes over the bus");
    b.input(Input::Subagent { message });
}

#[test]
fn a_sub_agent_that_knows_of_a_peak_has_the_store_filled_before_it() {
    // The past says nothing at all, and the profile of the file knows no peak.
    let mut b = with(|_, _| None);
    let agent = forecaster(&mut b);
    assert_eq!(basis(&b, "north.halls"), Basis::Profile);
    assert_eq!(task(&b).inputs["asked"], Number::good(b.tags["north.halls.asked"], "MW"));
    let told = tells(&mut b, |_| {});
    b.seconds(10);
    assert_eq!((basis(&b, "north.halls"), basis(&b, "north.mill")), (Basis::Agent, Basis::Profile));
    let peak = asked(&b, "north.halls").into_iter().fold(0.0, f64::max);
    assert!((peak - 14.0).abs() < 0.1, "{peak}");
    assert!(fullest(&plan(&b).solution) > 4.0, "{:?}", plan(&b).solution.storages["north.store"].energy);
    // The decision says on whose word it rests, in the journal too.
    let told_by: Vec<(&str, &str)> = b.schedule().told_by.iter().map(|(c, t)| (c.as_str(), t.as_str())).collect();
    assert_eq!(told_by, [("north.halls", told.as_str())]);
    assert_eq!(&State::fold(&b.recorded()), b.domain.state());
    // It begins with what is asked for now all the same.
    b.tags.insert(id("north.halls.asked"), 6.0);
    b.seconds(10);
    assert!((asked(&b, "north.halls")[0] - 6.0).abs() < 1e-6);
    // An agent that is gone is believed no more.
    b.seconds(40);
    assert_eq!(b.domain.state().subagents[&agent].standing, subagents::Standing::Removed);
    assert_eq!((basis(&b, "north.halls"), b.schedule().told_by.len()), (Basis::Profile, 0));
}

/// A quarter of an hour passes, and the agent is asked again about the halls: the task.
fn asked_again(b: &mut Bench) -> Task {
    let before = task(b).id;
    b.now = b.now.plus(15 * 60_000);
    forecaster(b);
    let task = task(b);
    assert_ne!(task.id, before);
    of_the_others_it_knows_nothing(b);
    task
}

fn of_the_others_it_knows_nothing(b: &mut Bench) {
    let round = task(b).correlation;
    let others = |t: &&Task| t.correlation == round && t.subject != "north.halls";
    for task in b.tasks.iter().filter(others).cloned().collect::<Vec<_>>() {
        reports(b, &task, Outcome::CannotTell, BTreeMap::new());
    }
}

#[test]
fn an_agent_that_cannot_tell_any_more_takes_back_what_it_told() {
    let mut b = with(|_, _| None);
    forecaster(&mut b);
    of_the_others_it_knows_nothing(&mut b);
    tells(&mut b, |_| {});
    b.seconds(10);
    assert_eq!(basis(&b, "north.halls"), Basis::Agent);
    // It does not answer, or fails: what it told serves on.
    asked_again(&mut b);
    b.seconds(10);
    assert_eq!(basis(&b, "north.halls"), Basis::Agent);
    let task = asked_again(&mut b);
    reports(&mut b, &task, Outcome::Failed, BTreeMap::new());
    b.seconds(10);
    assert_eq!(basis(&b, "north.halls"), Basis::Agent);
    let task = asked_again(&mut b);
    reports(&mut b, &task, Outcome::CannotTell, BTreeMap::new());
    b.seconds(10);
    assert_eq!((basis(&b, "north.halls"), b.schedule().told_by.len()), (Basis::Profile, 0));
    // Until it can again.
    asked_again(&mut b);
    tells(&mut b, |_| {});
    b.seconds(10);
    assert_eq!(basis(&b, "north.halls"), Basis::Agent);
}

#[test]
fn it_goes_before_the_past_and_where_it_is_no_forecast_the_past_serves() {
    let spoilt: [(&str, Change); 5] = [
        ("no good '3.upper'", |v| {
            let upper = v.remove("3.upper").expect("it is there");
            v.insert("x.upper".into(), upper);
        }),
        ("step 5: 9 to", |v| drop(v.insert("5.lower".into(), Number::good(9.0, "MW")))),
        ("each hour has three", |v| drop(v.insert("x.expected".into(), Number::good(4.0, "MW")))),
        ("in '%'", |v| drop(v.insert("0.expected".into(), Number::good(4.0, "%")))),
        ("outside of 0", |v| drop(v.insert("0.upper".into(), Number::good(1e9, "MW")))),
    ];
    for (words, change) in spoilt {
        let mut b = with(|tag, at| heated_at_noon(tag, at).map(|_| 4.0));
        let agent = forecaster(&mut b);
        tells(&mut b, change);
        let view = b.domain.subagents_view(b.now);
        let view = view.subagents.into_iter().find(|s| s.id == agent.to_string()).expect("a view");
        let failure = view.last_failure.expect("a failure");
        assert_eq!(failure.code, "GL-E-AGENT-OUTPUT-INVALID");
        assert!(failure.reason.contains(words), "{words}: {}", failure.reason);
        b.seconds(10);
        assert_eq!(basis(&b, "north.halls"), Basis::History, "{words}");
    }
    let mut b = with(|tag, at| heated_at_noon(tag, at).map(|_| 4.0));
    forecaster(&mut b);
    tells(&mut b, |_| {});
    b.seconds(10);
    assert_eq!(basis(&b, "north.halls"), Basis::Agent);
    // One that tells of three hours does not reach to the end of the horizon.
    let mut b = with(|tag, at| heated_at_noon(tag, at).map(|_| 4.0));
    forecaster(&mut b);
    tells(&mut b, |v| v.retain(|name, _| ["0.", "1.", "2."].iter().any(|hour| name.starts_with(hour))));
    b.seconds(10);
    assert_eq!(basis(&b, "north.halls"), Basis::History);
}

#[test]
fn who_is_worth_a_margin_is_planned_for_up_to_the_end_of_the_band() {
    let of = |share: f64| {
        let mut b = with(|_, _| None);
        let mut fleet = Fleet::clone(&b.fleet);
        let consumers = fleet.plants.iter_mut().flat_map(|p| &mut p.consumers);
        consumers.filter(|c| c.id.as_str() == "north.halls").for_each(|c| c.margin_share = share);
        b.fleet = Arc::new(fleet);
        b.domain.fleet = Arc::clone(&b.fleet);
        forecaster(&mut b);
        tells(&mut b, |_| {});
        b.seconds(10);
        assert_eq!(basis(&b, "north.halls"), Basis::Agent);
        let plan = plan(&b);
        let made = plan.solution.units.values().flat_map(|unit| unit.heat.iter().enumerate());
        (asked(&b, "north.halls"), made.map(|(t, mw)| mw * plan.case.time.hours(t)).sum::<f64>())
    };
    let ((expected, made), (robust, more_made)) = (of(0.0), of(0.5));
    // Now nothing more is asked for than is measured, later half of the megawatt to the upper end.
    assert!((robust[0] - expected[0]).abs() < 1e-9);
    for (more, less) in robust.iter().zip(&expected).skip(1) {
        assert!((more - less - 0.5).abs() < 1e-6, "{robust:?} {expected:?}");
    }
    // And it is made: half a megawatt over most of five hours.
    assert!(more_made > made + 1.5, "{more_made} MWh and {made}");
}
