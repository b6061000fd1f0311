//! What dispatch makes of a sub-agent that forecasts: by what came to the centre, and by what each schedule in the journal
//! says that it rests on.

use crate::share::Share;
use hypocaust_central::domain::subagents::Standing;
use hypocaust_central::domain::{Event, State};
use hypocaust_protocols::model::{ConsumerId, Millis};
use hypocaust_protocols::wire::subagent::{Kind, Mark, Outcome, Report};
use hypocaust_sim::world::{Told, World};

/// A schedule is of the moment at which its case was built; so long before it what is heard may come too late for it.
const SOLVING_MS: i64 = 1_000;
const HOUR_MS: i64 = 3_600_000;
/// By the published bounds of the kind.
const MOST_MW: f64 = 10_000.0;

/// Each schedule rests on the latest forecast of a consumer that was whole, here before its deadline and not taken back
/// since, and on no other; and where such a one stands and reaches to the end of the horizon it does rest on it. Judged are
/// schedules by consumer; left out are forecasts that the centre had another reason not to count, such as an agent that was
/// started anew while it held the task.
pub fn used(world: &World) -> Result<Share, String> {
    let horizon_ms = (world.fleet.horizon.step_minutes.iter().sum::<f64>() * 60_000.0) as i64;
    // Is the agent there, and since when.
    let (mut state, mut agent) = (State::fold([]), (false, Millis(0)));
    let mut share = Share::default();
    for entry in world.journal.entries() {
        let recorded = Event::read(&entry).map_err(|e| e.to_string())?;
        state.apply(&recorded);
        let member = state.subagents.get(&Kind::DemandForecast.agent());
        let there = member.is_some_and(|m| m.standing != Standing::Removed);
        if there != agent.0 {
            agent = (there, entry.time);
        }
        let Event::Scheduled { schedule } = &recorded.event else { continue };
        let at = schedule.time;
        let for_long = at.since(agent.1) > SOLVING_MS;
        for (_, consumer) in world.fleet.consumers() {
            let stands = |by: Millis| standing(world, &consumer.id, entry.epoch, by);
            let (then, now) = (stands(at.plus(-SOLVING_MS)), stands(at));
            let rests_on = schedule.told_by.get(&consumer.id);
            if let Some(task) = rests_on {
                let of = |told: Option<&Told>| told.is_some_and(|told| told.task.id == *task);
                let gone = !agent.0 && for_long;
                if gone || !(of(then) || of(now)) {
                    let why = if gone { "its agent is gone".to_owned() } else { why_not(world, task) };
                    return Err(format!("the schedule of {at:?} rests on {task} about {}: {why}", consumer.id));
                }
                share += Share::of(1, 0);
                continue;
            }
            let (Some(then), Some(now)) = (then, now) else { continue };
            let reaches = sound(&now.report)
                .is_ok_and(|hours| now.task.issued.0.plus(hours as i64 * HOUR_MS) >= at.plus(horizon_ms));
            if then.task.id != now.task.id || !reaches || !agent.0 || !for_long {
                continue;
            }
            if world.advice.contains_key(&now.task.id) {
                return Err(format!("{} about {} was told and is not used at {at:?}", now.task.id, consumer.id));
            }
            share += Share::of(0, 1);
        }
    }
    Ok(share)
}

/// What a forecaster has told this leader of a consumer and not taken back by then.
fn standing<'w>(world: &'w World, consumer: &ConsumerId, epoch: u64, by: Millis) -> Option<&'w Told> {
    let mut stands = None;
    for told in world.told().iter().filter(|t| t.at <= by && t.task.epoch == epoch) {
        if told.task.subject != consumer.as_str() || told.at > told.task.deadline.0 {
            continue;
        }
        match told.report.outcome {
            // The first answer to a task counts.
            Outcome::Done if sound(&told.report).is_ok() => {
                if stands.is_none_or(|before: &Told| before.task.issued < told.task.issued) {
                    stands = Some(told);
                }
            }
            Outcome::CannotTell => stands = None,
            Outcome::Done | Outcome::Failed => {}
        }
    }
    stands
}

fn why_not(world: &World, task: &str) -> String {
    let Some(told) = world.told().iter().find(|t| t.task.id == task) else { return "nobody has told it".into() };
    let late = told.at.since(told.task.deadline.0);
    match sound(&told.report) {
        Err(why) => why,
        Ok(_) if late > 0 => format!("it came {late} ms after its deadline"),
        Ok(_) => "it was taken back, or another has come since".into(),
    }
}

/// The hours of a forecast; the error says why it is none.
fn sound(report: &Report) -> Result<usize, String> {
    let hours = report.values.len() / 3;
    for hour in 0..hours {
        let [lower, expected, upper] = ["lower", "expected", "upper"].map(|what| {
            let number = report.values.get(&format!("{hour}.{what}"));
            number.filter(|n| n.quality == Mark::Good && n.unit == "MW").and_then(|n| n.value).unwrap_or(f64::NAN)
        });
        if !(0.0 <= lower && lower <= expected && expected <= upper && upper <= MOST_MW) {
            return Err(format!("hour {hour} is no forecast: {lower} to {upper} around {expected}"));
        }
    }
    if hours == 0 || 3 * hours != report.values.len() {
        return Err(format!("it has {} values", report.values.len()));
    }
    Ok(hours)
}
