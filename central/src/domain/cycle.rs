//! The dispatch cycle: when a case is asked to be solved, and what becomes of the answer.
//!
//! A cycle is one solve, or two where classes 1 to 3 are short and units may go to their proven rating. The losses of the
//! contingency tables are asked for behind it, never while it is under way. What the check refuses or nobody answers in
//! time leads to the next rung of the ladder ([`super::dispatch`]).

use super::case::{self, Asked, Built, Purpose};
use super::forecast::{Said, Told};
use super::plan::Plan;
use super::schedule::{self, Origin};
use super::*;
use hypocaust_protocols::model::ConsumerId;
use hypocaust_protocols::wire::subagent::Kind;

impl Domain {
    pub(super) fn solved(&mut self, id: u64, answer: Answer, now: Millis) {
        if let Some((loss, built, _)) = self.losses.remove(&id) {
            let solution = match answer {
                Answer::Solution(solution) => match (self.judges.check)(&built.case, &solution) {
                    Ok(()) => solution,
                    Err(why) => {
                        return self.ahead.refused(loss, format!("The check refused the solver's moves ({why})"));
                    }
                },
                Answer::Failed(why) => return self.ahead.refused(loss, format!("The solve failed ({why})")),
                // It is asked for again; on a busy machine that is nothing to tell.
                Answer::Late => return,
            };
            let fleet = Arc::clone(&self.fleet);
            if !built.proven && dispatch::upper_classes_short(&fleet, &solution) {
                return self.losses_due.push((loss, true));
            }
            self.ahead.solved(&fleet, &self.image, &loss, &built, &solution, now);
        } else if self.cycle.as_ref().is_some_and(|c| c.id == id)
            && let Some(cycle) = self.cycle.take()
        {
            self.waiting.push_back(Waiting::Solved(answer, Box::new(cycle.built)));
        }
    }

    /// A dispatch solve has ended: its schedule, or the next rung of the ladder.
    pub(super) fn take_answer(
        &mut self,
        answer: Answer,
        built: &Built,
        now: Millis,
        events: &mut Vec<Event>,
        out: &mut Vec<Effect>,
    ) {
        let fleet = Arc::clone(&self.fleet);
        let solve = self.next_solve - 1;
        let fresh = match answer {
            Answer::Solution(solution) => match (self.judges.check)(&built.case, &solution) {
                Ok(()) => {
                    if !built.proven && dispatch::upper_classes_short(&fleet, &solution) {
                        return self.ask(now, true, out);
                    }
                    Ok((schedule::from_solution(&fleet, &self.image, built, &solution, now), Some(*solution)))
                }
                Err(why) => {
                    let reason = format!("The check refused the solver's schedule ({why})");
                    events.push(Event::ScheduleRefused { solve, origin: Origin::Optimal, reason: reason.clone() });
                    Err(reason)
                }
            },
            Answer::Failed(why) => Err(format!("The solve failed ({why})")),
            Answer::Late => Err(format!("The solve was not done within {} s", fleet.limits.solve_limit_s)),
        };
        let (mut schedule, solution, reason) = match fresh {
            Ok((schedule, solution)) => (schedule, solution, None),
            Err(reason) => {
                let good = self.plans.good(now, (fleet.limits.table_ttl_s * 1000.0) as i64);
                let judges = (&self.judges, good);
                let fallback = dispatch::fallback(&fleet, &self.image, &self.state, built, judges, now);
                let refused = fallback.refused.into_iter();
                events.extend(refused.map(|(origin, reason)| Event::ScheduleRefused { solve, origin, reason }));
                (fallback.schedule, fallback.solution, Some(reason))
            }
        };
        let planned = |solution| Plan {
            seq: 0,
            at: built.at,
            case: built.case.clone(),
            solution,
            bases: built.bases.clone(),
            past_until: built.past_until,
        };
        self.plans.made(solution.map(planned));
        let before = self.state.schedule.as_ref().map(|(_, s)| s);
        schedule.why = explain::why(&fleet, before, &schedule, reason.as_deref());
        match (&reason, schedule.origin) {
            (Some(reason), _) => {
                let text = format!("{reason}; see the schedule");
                events.extend(alarms::raise(&self.state, alarms::DISPATCH_FAILING, 1, None, text));
            }
            (None, _) => events.extend(alarms::clear(&self.state, alarms::DISPATCH_FAILING)),
        }
        if schedule.proven {
            let text = "units are asked for their proven rating, because classes 1 to 3 are short otherwise".into();
            events.extend(alarms::raise(&self.state, alarms::PROVEN_RATING, 2, None, text));
        } else if schedule.origin == Origin::Optimal {
            events.extend(alarms::clear(&self.state, alarms::PROVEN_RATING));
        }
        let orders = dispatch::orders(&fleet, &self.image, &self.state, &schedule, now);
        events.push(Event::Scheduled { schedule: Box::new(schedule) });
        if !orders.is_empty() {
            events.push(Event::Ordered { orders });
        }
        // Those that are under way from the cycle before are not asked for twice.
        if self.losses.is_empty() {
            let due = self.ahead.due(&fleet, &self.image, now);
            self.losses_due = due.into_iter().map(|loss| (loss, false)).collect();
        }
    }

    pub(super) fn dispatch_cycle(&mut self, now: Millis, out: &mut Vec<Effect>) {
        let period = (self.fleet.limits.dispatch_period_s * 1000.0) as i64;
        // The shell reports a late solve; should even that be lost, the cycle must not stand still for ever.
        let lost_ms = (self.fleet.limits.solve_limit_s * 2000.0) as i64;
        if let Some(cycle) = self.cycle.take_if(|c| now.since(c.asked) > lost_ms) {
            self.waiting.push_back(Waiting::Solved(Answer::Late, Box::new(cycle.built)));
        }
        self.losses.retain(|_, (_, _, asked)| now.since(*asked) <= lost_ms);
        let first = self.last_cycle.is_none();
        let ready = dispatch::ready(&self.fleet, &self.image, first, &mut self.plants_known, now);
        let age = self.last_cycle.map_or(i64::MAX, |last| now.since(last));
        let due = age >= period || self.urgent && age >= URGENT_SPACING_MS;
        let busy = self.cycle.is_some() || self.waiting.iter().any(|w| matches!(w, Waiting::Solved(..)));
        if ready && due && !busy {
            self.urgent = false;
            self.last_cycle = Some(now);
            self.ask(now, false, out);
        } else if !busy {
            self.ask_losses(now, out);
        }
    }

    fn next_id(&mut self) -> u64 {
        self.next_solve += 1;
        self.next_solve - 1
    }

    fn ask(&mut self, now: Millis, proven: bool, out: &mut Vec<Effect>) {
        let built = self.build(now, Purpose::Dispatch, proven, &self.told());
        let id = self.next_id();
        out.push(Effect::Solve { id, at: now, case: Box::new(built.case.clone()) });
        self.cycle = Some(Cycle { id, built, asked: now });
    }

    fn ask_losses(&mut self, now: Millis, out: &mut Vec<Effect>) {
        let due = std::mem::take(&mut self.losses_due);
        if due.is_empty() {
            return;
        }
        let told = self.told();
        let base = Box::new(self.build(now, Purpose::Base, false, &told).case);
        let mut losses = Vec::with_capacity(due.len());
        for (loss, proven) in due {
            let built = self.build(now, Purpose::Loss(&loss), proven, &told);
            let id = self.next_id();
            losses.push((id, Box::new(built.case.clone())));
            self.losses.insert(id, (loss, built, now));
        }
        out.push(Effect::SolveLosses { at: now, base, losses });
    }

    /// What sub-agents have told of the hours to come.
    fn told(&self) -> BTreeMap<ConsumerId, Told> {
        let kept = self.subagents.good(&self.state, Kind::DemandForecast);
        let told = kept.filter_map(|kept| {
            let consumer = ConsumerId::new(&kept.asked.subject).ok()?;
            let (task, from) = (kept.asked.id.clone(), kept.asked.issued);
            Some((consumer, Told { task, from, forecast: forecast::told(&kept.values).ok()? }))
        });
        told.collect()
    }

    fn build(&self, now: Millis, purpose: Purpose<'_>, proven: bool, told: &BTreeMap<ConsumerId, Told>) -> Built {
        let said = Said { past: self.foreseen.as_deref(), told: Some(told) };
        let seen = case::Seen { image: &self.image, state: &self.state, said };
        case::build(&self.fleet, seen, now, Asked { purpose, proven })
    }
}
