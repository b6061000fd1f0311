//! What was journaled since this replica began, and the refusals that a leader does not journal because there are too many
//! of them, counted for whoever watches it from outside. No decision rests on it.

use super::event::{Event, Recorded};
use super::schedule::Origin;
use super::state::State;
use hypocaust_protocols::model::PlantId;
use hypocaust_protocols::wire::{GATES, Outcome, Refusal, Verdict};
use std::collections::BTreeMap;

/// Where an answer names no gate of ours: whoever can publish in an edge's name may write anything.
const NO_GATE: &str = "unknown";

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
    pub refusals: BTreeMap<(PlantId, &'static str), u64>,
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
            Event::Stranger { plant, outcome } => self.stranger(plant, outcome),
            _ => {}
        }
    }

    /// Counts an edge's answer to a command that no leader of ours sent.
    pub fn stranger(&mut self, plant: &PlantId, outcome: &Outcome) {
        if let Verdict::Refused(refusal) = &outcome.verdict {
            self.refusal(plant, refusal);
        }
    }

    fn refusal(&mut self, plant: &PlantId, refusal: &Refusal) {
        let gate = GATES.into_iter().find(|gate| *gate == refusal.gate).unwrap_or(NO_GATE);
        *self.refusals.entry((plant.clone(), gate)).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Order;
    use super::*;
    use hypocaust_protocols::model::{Millis, Tick};
    use hypocaust_protocols::wire::{Action, Writer};

    #[test]
    fn ends_of_orders_and_refusals_by_plant_and_gate_are_counted() {
        let north = PlantId::new("north").unwrap();
        let order = |id: &str| Order {
            id: id.into(),
            plant: north.clone(),
            writer: Writer::Dispatch,
            action: Action::Set { setpoint: "north.b1.load-sp".parse().unwrap(), value: 1.0 },
            reason: 1,
            text: String::new(),
            by: None,
        };
        let refused = || Verdict::Refused(Refusal::new("rate", "too often".into()));
        let events = [
            Event::Ordered { orders: ["a", "b", "c", "d"].map(order).to_vec() },
            Event::Answered { id: "a".into(), verdict: Verdict::Done { readback: 1.0 } },
            Event::Answered { id: "b".into(), verdict: refused() },
            Event::Unanswered { id: "c".into(), sent: true },
            Event::Unanswered { id: "d".into(), sent: false },
            Event::Answered { id: "c".into(), verdict: Verdict::Done { readback: 1.0 } },
            Event::Stranger {
                plant: north.clone(),
                outcome: Outcome { id: "x".into(), verdict: refused(), tick: Tick(1) },
            },
            Event::Stranger {
                plant: north.clone(),
                outcome: Outcome {
                    id: "y".into(),
                    verdict: Verdict::Refused(Refusal::new("made-up", "by nobody".into())),
                    tick: Tick(1),
                },
            },
        ];
        let (mut state, mut tally) = (State::default(), Tally::default());
        for (seq, event) in (1..).zip(events) {
            let recorded = Recorded { seq, epoch: 1, time: Millis(1), event };
            state.apply(&recorded);
            tally.count(&state, &recorded);
        }
        let Tally { done, refused, expired, unknown, refusals, schedules } = tally;
        assert_eq!((done, refused, expired, unknown, schedules.len()), (2, 1, 1, 1, 0));
        assert_eq!(refusals, BTreeMap::from([((north.clone(), "rate"), 2), ((north, NO_GATE), 1)]));
    }
}
