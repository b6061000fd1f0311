//! The horizon behind the schedules of this leadership.
//!
//! The journal keeps what was decided for now. What was planned beyond, step by step, is for people who look (the
//! dispatch view, [`crate::api`]) and for the next rung of the ladder, which repairs the last good plan. It is worth no
//! entry: a leader begins without a plan, and the first cycle makes one.

use super::forecast::Basis;
use hypocaust_optimizer::solution::Status;
use hypocaust_optimizer::{Case, Earlier, Solution};
use hypocaust_protocols::model::{ConsumerId, Millis};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A case and its schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The journal's entry of the schedule.
    pub seq: u64,
    /// When the case was built: its first step begins here.
    pub at: Millis,
    pub case: Case,
    pub solution: Solution,
    /// What each consumer's demand rests on...
    pub bases: BTreeMap<ConsumerId, Basis>,
    /// ...and up to when the past went that was looked at.
    pub past_until: Option<Millis>,
}

/// The plans of one leadership.
#[derive(Debug, Default)]
pub struct Plans {
    /// Of the schedule that is on its way into the journal.
    under_way: Option<Plan>,
    latest: Option<Arc<Plan>>,
    before: Option<Arc<Plan>>,
    /// The latest that was solved to optimality.
    good: Option<Arc<Plan>>,
}

impl Plans {
    /// A schedule goes to the journal, with or without a plan behind it.
    pub fn made(&mut self, plan: Option<Plan>) {
        self.under_way = plan;
    }

    /// It is there.
    pub fn journaled(&mut self, seq: u64) {
        let Some(plan) = self.under_way.take() else {
            // Setpoints are held: there is no plan behind that.
            self.latest = None;
            return;
        };
        let plan = Arc::new(Plan { seq, ..plan });
        if plan.solution.status == Status::Optimal {
            self.good = Some(Arc::clone(&plan));
        }
        self.before = self.latest.replace(plan).or(self.before.take());
    }

    /// The plan in force, and the one before it.
    pub fn latest(&self) -> Option<(Arc<Plan>, Option<Arc<Plan>>)> {
        Some((Arc::clone(self.latest.as_ref()?), self.before.clone()))
    }

    /// The last good plan, unless it is older than this.
    pub fn good(&self, now: Millis, oldest_ms: i64) -> Option<Earlier<'_>> {
        let plan = self.good.as_ref().filter(|plan| now.since(plan.at) < oldest_ms)?;
        Some(Earlier { schedule: &plan.solution, time: &plan.case.time, age_h: now.hours_since(plan.at) })
    }
}
