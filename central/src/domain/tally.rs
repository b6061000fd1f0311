//! What a leader has journaled since it began, counted for whoever watches it from outside. No decision rests on it.

use super::event::{Event, Recorded};
use super::schedule::Origin;
use super::state::State;
use hypocaust_protocols::model::PlantId;
use hypocaust_protocols::wire::{Refusal, Verdict};
use std::collections::BTreeMap;

/// Counts that only rise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    pub schedules: BTreeMap<Origin, u64>,
    /// Orders that were done, were refused, never left, or left and were not answered.
    pub done: u64,
    pub refused: u64,
    pub expired: u64,
    pub unknown: u64,
    /// Refusals of orders and of strangers' commands, by the gate that refused.
    pub refusals: BTreeMap<(PlantId, String), u64>,
}

impl Tally {
    /// Counts an event. `state` has it applied already.
    pub fn count(&mut self, state: &State, recorded: &Recorded) {
        match &recorded.event {
            Event::Scheduled { schedule } => *self.schedules.entry(schedule.origin).or_default() += 1,
            Event::Answered { id, verdict } => match verdict {
                Verdict::Done { .. } => self.done += 1,
                Verdict::Refused(refusal) => {
                    self.refused += 1;
                    if let Some(tracked) = state.orders.get(id) {
                        self.refusal(&tracked.order.plant, refusal);
                    }
                }
            },
            Event::Unanswered { sent: true, .. } => self.unknown += 1,
            Event::Unanswered { sent: false, .. } => self.expired += 1,
            Event::Stranger { plant, outcome } => {
                if let Verdict::Refused(refusal) = &outcome.verdict {
                    self.refusal(plant, refusal);
                }
            }
            _ => {}
        }
    }

    fn refusal(&mut self, plant: &PlantId, refusal: &Refusal) {
        *self.refusals.entry((plant.clone(), refusal.gate.clone())).or_default() += 1;
    }
}
