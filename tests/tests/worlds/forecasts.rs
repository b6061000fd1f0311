//! GL-069 in the world: an agent that knows of a peak which neither the past nor a profile knows of. Dispatch plans for what
//! it told and fills a store before the peak; what comes too late or is no forecast it refuses, and what the agent takes
//! back it drops. With each of these mechanisms gone, the check says so.

use crate::fleet;
use hypocaust_central::domain::forecast::Basis;
use hypocaust_central::domain::subagents::{Asked, Refused, admit};
use hypocaust_central::domain::{Domain, Effect, Input, Judges};
use hypocaust_protocols::model::Millis;
use hypocaust_protocols::wire::subagent::{Coordination, Kind, Number, Outcome, Report, Task, Time};
use hypocaust_sim::world::{Centre, Happening, Makers, World};
use hypocaust_tests::forecasts::used;
use hypocaust_tests::share::Share;
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
/// The world's wall clock when it begins.
const BEGINS: Millis = Millis(1_767_225_600_000);
/// Minutes of the world from which on and up to which the halls ask for more than the units of their water make.
const PEAK: std::ops::Range<i64> = 60..180;
const PEAK_MW: f64 = 14.0;
const HALLS_MW: f64 = 5.0;
/// From then on it cannot tell what the dairy will ask for.
const KNOWS_THE_DAIRY_MIN: i64 = 20;
/// The agent is asked about each consumer every quarter of an hour.
const LENGTH_MIN: i64 = 50;

/// The halls have a peak; of the mill it tells nonsense, of the dairy nothing after a while; of the others that they go on.
fn forecaster(task: &Task, now: Time) -> Report {
    let minute = |hour: i64| task.issued.0.since(BEGINS) / MINUTE_MS + 60 * hour;
    let number = |name: &str| task.inputs.get(name).and_then(|n| n.value);
    let (Some(asked), Some(hours)) = (number("asked"), number("hours")) else {
        return says(task, now, Err("it is not known what is asked for now".into()));
    };
    if task.subject == "north.dairy" && minute(0) >= KNOWS_THE_DAIRY_MIN {
        return says(task, now, Err("nobody has said what the dairy will make".into()));
    }
    let mut values = BTreeMap::new();
    for hour in 0..hours as i64 {
        let mw = match task.subject.as_str() {
            "north.halls" if PEAK.contains(&(minute(hour) + 30)) => PEAK_MW,
            "north.halls" => HALLS_MW,
            _ => asked,
        };
        let most = if task.subject == "north.mill" { 1e9 } else { 1.1 * mw };
        for (what, mw) in [("expected", mw), ("lower", 0.9 * mw), ("upper", most)] {
            values.insert(format!("{hour}.{what}"), Number::good(mw, "MW"));
        }
    }
    says(task, now, Ok(values))
}

fn says(task: &Task, time: Time, told: Result<BTreeMap<String, Number>, String>) -> Report {
    let (outcome, values, reason) = match told {
        Ok(values) => (Outcome::Done, values, None),
        Err(why) => (Outcome::CannotTell, BTreeMap::new(), Some(why)),
    };
    let (schema, agent, task) = (Report::SCHEMA.to_owned(), task.agent, task.id.clone());
    Report { schema, time, agent, task, outcome, values, reason }
}

fn world(makers: Makers) -> World {
    World::new(fleet(), 6, 10.0, makers)
}

/// A world with the forecaster, and a crash of its centre; what the check says of it.
fn judged(makers: Makers) -> (World, Result<Share, String>) {
    let mut world = world(Makers { forecaster: Some(forecaster), ..makers });
    world.run(35 * MINUTE_MS);
    world.happen(&Happening::CentreCrash { down_ms: 4_000 });
    world.run((LENGTH_MIN - 35) * MINUTE_MS);
    let share = used(&world);
    (world, share)
}

fn stored_mwh(world: &World) -> f64 {
    let stores = &world.plants.physics.storages;
    stores.iter().find(|s| s.spec.id.as_str() == "north.store").expect("north has a store").energy
}

#[test]
fn dispatch_plans_for_what_the_agent_tells_and_fills_a_store_before_a_peak() {
    let (told, share) = judged(Makers::default());
    let share = share.expect("what was told in time is used, and nothing else");
    assert!(share.judged > 1_000 && share.left_out < share.judged / 10, "{share:?}");
    // Something of each kind came, so that there was something to refuse.
    let came = |is: &dyn Fn(&Task, &Report, Millis) -> bool| {
        told.told().iter().filter(|t| is(&t.task, &t.report, t.at)).count()
    };
    let late = came(&|task, report, at| report.outcome == Outcome::Done && at > task.deadline.0);
    let nonsense = came(&|task, _, at| task.subject == "north.mill" && at <= task.deadline.0);
    let taken_back = came(&|_, report, _| report.outcome == Outcome::CannotTell);
    assert!(late > 0 && nonsense > 0 && taken_back > 0, "late {late}, nonsense {nonsense}, taken back {taken_back}");
    let plan = told.plan().expect("somebody leads");
    let basis = |consumer: &str| plan.bases.iter().find(|(id, _)| id.as_str() == consumer).map(|(_, basis)| *basis);
    assert_eq!(
        [basis("north.halls"), basis("north.mill"), basis("north.dairy")].map(|b| b == Some(Basis::Agent)),
        [true, false, false]
    );
    // The last step of the horizon is far from what is asked for now and after the peak.
    let halls = &plan.solution.demands["north.halls"];
    let asked: Vec<f64> = halls.served.iter().zip(&halls.unserved).map(|(served, lacks)| served + lacks).collect();
    let (most, last) = (asked.iter().copied().fold(0.0, f64::max), asked[asked.len() - 1]);
    // The first hour's mean gives way to what is measured, and steps lie across the hours: not all of the peak is left.
    assert!(most > HALLS_MW + 0.8 * (PEAK_MW - HALLS_MW) && (last - HALLS_MW).abs() < 0.2, "{asked:?}");

    // The same world where nobody tells of the peak.
    let mut silent = world(Makers { agents: true, ..Makers::default() });
    silent.run(LENGTH_MIN * MINUTE_MS);
    let (filled, left) = (stored_mwh(&told), stored_mwh(&silent));
    assert!(filled > left + 2.0, "{filled:.1} MWh with the forecast and {left:.1} without");
    assert!(used(&silent).expect("nothing was told").judged == 0);
}

#[test]
fn a_centre_that_takes_late_forecasts_is_found() {
    fn patient(asked: &Asked, report: &Report, _: Millis) -> Result<(), Refused> {
        admit(asked, report, asked.issued)
    }
    let makers = Makers {
        centre: |fleet, key, epoch, state, head| {
            Box::new(Domain::new(fleet, key, Judges { admit: patient, ..Judges::ours() }, epoch, state, head))
        },
        ..Makers::default()
    };
    let wrong = judged(makers).1.unwrap_err();
    assert!(wrong.contains("after its deadline"), "{wrong}");
}

#[test]
fn a_centre_that_takes_nonsense_is_found() {
    fn credulous(asked: &Asked, report: &Report, now: Millis) -> Result<(), Refused> {
        match admit(asked, report, now) {
            Err(Refused::Invalid(_)) => Ok(()),
            other => other,
        }
    }
    let makers = Makers {
        centre: |fleet, key, epoch, state, head| {
            Box::new(Domain::new(fleet, key, Judges { admit: credulous, ..Judges::ours() }, epoch, state, head))
        },
        ..Makers::default()
    };
    let wrong = judged(makers).1.unwrap_err();
    assert!(wrong.contains("is no forecast"), "{wrong}");
}

/// A centre to which other answers come than the agent gives.
struct Bent(Domain, fn(&mut Report) -> bool);

impl Centre for Bent {
    fn handle(&mut self, now: Millis, mut input: Input) -> Vec<Effect> {
        if let Input::Subagent { message: Coordination::Report(report) } = &mut input
            && report.agent == Kind::DemandForecast.agent()
            && !(self.1)(report)
        {
            return Vec::new();
        }
        self.0.handle(now, input)
    }
    fn domain(&self) -> &Domain {
        &self.0
    }
    fn domain_mut(&mut self) -> &mut Domain {
        &mut self.0
    }
}

#[test]
fn a_centre_that_does_not_hear_what_is_taken_back_is_found() {
    let makers = Makers {
        centre: |fleet, key, epoch, state, head| {
            let domain = Domain::new(fleet, key, Judges::ours(), epoch, state, head);
            Box::new(Bent(domain, |report| report.outcome != Outcome::CannotTell))
        },
        ..Makers::default()
    };
    let wrong = judged(makers).1.unwrap_err();
    assert!(wrong.contains("was taken back"), "{wrong}");
}

#[test]
fn a_centre_that_makes_nothing_of_a_forecast_is_found() {
    let makers = Makers {
        centre: |fleet, key, epoch, state, head| {
            let domain = Domain::new(fleet, key, Judges::ours(), epoch, state, head);
            // Of the first three hours alone, which ends before the horizon does.
            Box::new(Bent(domain, |report| {
                report.values.retain(|name, _| ["0.", "1.", "2."].iter().any(|hour| name.starts_with(hour)));
                true
            }))
        },
        ..Makers::default()
    };
    let wrong = judged(makers).1.unwrap_err();
    assert!(wrong.contains("was told and is not used"), "{wrong}");
}
