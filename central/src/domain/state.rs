//! The fold of the journal: everything that the centre has decided and must not forget.
//!
//! [`State::apply`] cannot fail and looks at nothing but the event, so that a replay of the journal gives the same state
//! to the last bit. Finished orders are kept up to a number, for the API; what is older stands in the journal.

use super::alarms::{self, Alarm};
use super::event::{Cause, Event, Order, Phase, Recorded};
use super::image::Mode;
use super::schedule::{Origin, Schedule};
use super::subagents::{Member, Standing};
use hypocaust_protocols::model::{ConsumerId, Millis, PlantId, SetpointId, SourceId, SourceState};
use hypocaust_protocols::wire::subagent::AgentId;
use hypocaust_protocols::wire::{Action, Contingency, Refusal, Verdict, Writer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Finished orders kept for those who ask what became of them.
const FINISHED_KEPT: usize = 2000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum OrderState {
    Issued,
    Done {
        readback: f64,
    },
    Refused {
        refusal: Refusal,
    },
    /// It never left, and will not.
    Expired,
    /// It left and was not answered.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tracked {
    pub order: Order,
    /// Place in the journal, by which orders have an age.
    pub seq: u64,
    pub issued: Millis,
    pub state: OrderState,
}

/// A source may be started so often in this time.
pub const HOUR_MS: i64 = 3_600_000;

/// A start that a procedure has asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    pub order: String,
    pub at: Millis,
}

/// The last value that was ordered for a setpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    pub value: f64,
    pub at: Millis,
    pub order: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restoration {
    pub source: SourceId,
    pub cause: Cause,
    pub opened: Millis,
    pub phase: Phase,
    /// When this phase began.
    pub since: Millis,
    /// When the source can give heat, as far as that is known.
    pub heat_at: Option<Millis>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issued {
    pub seq: u64,
    pub at: Millis,
    pub contingencies: Vec<Contingency>,
}

/// Since when a consumer has been short, and whether people were told that its deadline will be missed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shortage {
    pub since: Millis,
    pub escalated: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub seq: u64,
    pub epoch: u64,
    /// Linked edges as the journal knows them: boot and mode.
    pub edges: BTreeMap<PlantId, (u64, Mode)>,
    pub sources: BTreeMap<SourceId, SourceState>,
    /// The latest schedule and its place in the journal.
    pub schedule: Option<(u64, Schedule)>,
    pub orders: BTreeMap<String, Tracked>,
    pub wanted: BTreeMap<SetpointId, Wanted>,
    /// Idempotency key (with its user) -> order.
    pub keys: BTreeMap<String, String>,
    pub tables: BTreeMap<PlantId, Issued>,
    pub restorations: BTreeMap<SourceId, Restoration>,
    /// Starts that were asked for within the last hour.
    pub starts: BTreeMap<SetpointId, Vec<Start>>,
    pub shortages: BTreeMap<ConsumerId, Shortage>,
    pub alarms: BTreeMap<String, Alarm>,
    #[serde(default)]
    pub subagents: BTreeMap<AgentId, Member>,
}

impl State {
    /// The state that this journal leads to.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> State {
        let mut state = State::default();
        events.into_iter().for_each(|e| state.apply(e));
        state
    }

    /// SHA-256 of the whole state, hexadecimal: two replays of one journal lead to the same one, wherever they run.
    pub fn fingerprint(&self) -> String {
        let text = serde_json::to_string(self).expect("a state is plain data and always has a JSON form");
        hex::encode(Sha256::digest(text.as_bytes()))
    }

    /// Orders that wait for an answer, oldest first.
    pub fn pending(&self) -> Vec<&Tracked> {
        let mut found: Vec<_> = self.orders.values().filter(|t| t.state == OrderState::Issued).collect();
        found.sort_by_key(|t| (t.seq, t.order.id.clone()));
        found
    }

    pub fn alarm_stands(&self, id: &str) -> bool {
        self.alarms.get(id).is_some_and(|a| a.cleared.is_none())
    }

    pub fn apply(&mut self, recorded: &Recorded) {
        let Recorded { seq, epoch, time, event } = recorded;
        self.seq = *seq;
        self.epoch = *epoch;
        match event {
            Event::Started { .. } => {
                // The edges of a former leader's session are heard of anew.
                self.edges.clear();
            }
            Event::Forked { .. }
            | Event::ScheduleRefused { .. }
            | Event::LossRefused { .. }
            | Event::Stranger { .. } => {}
            Event::EdgeLinked { plant, boot, mode } => {
                self.edges.insert(plant.clone(), (*boot, *mode));
            }
            Event::EdgeLost { plant } => {
                self.edges.remove(plant);
            }
            Event::EdgeMode { plant, mode } => {
                if let Some(edge) = self.edges.get_mut(plant) {
                    edge.1 = *mode;
                }
            }
            Event::SourceChanged { source, to, .. } => {
                self.sources.insert(source.clone(), *to);
            }
            Event::Scheduled { schedule } => self.scheduled(*seq, *time, schedule),
            Event::Ordered { orders } => orders.iter().for_each(|o| self.ordered(*seq, *time, o)),
            Event::Answered { id, verdict } => {
                let state = match verdict {
                    Verdict::Done { readback } => OrderState::Done { readback: *readback },
                    Verdict::Refused(refusal) => OrderState::Refused { refusal: refusal.clone() },
                };
                self.finish(id, state);
            }
            Event::Unanswered { id, sent } => {
                self.finish(id, if *sent { OrderState::Unknown } else { OrderState::Expired });
            }
            Event::TableIssued { plant, contingencies } => {
                let issued = Issued { seq: *seq, at: *time, contingencies: contingencies.clone() };
                self.tables.insert(plant.clone(), issued);
            }
            Event::RestorationOpened { source, cause, phase, heat_at } => {
                let restoration = Restoration {
                    source: source.clone(),
                    cause: *cause,
                    opened: *time,
                    phase: phase.clone(),
                    since: *time,
                    heat_at: *heat_at,
                };
                self.restorations.insert(source.clone(), restoration);
            }
            Event::RestorationMoved { source, phase, heat_at } => {
                if let Some(r) = self.restorations.get_mut(source) {
                    if r.phase != *phase {
                        r.since = *time;
                    }
                    r.phase = phase.clone();
                    r.heat_at = *heat_at;
                }
            }
            Event::RestorationClosed { source, .. } => {
                self.restorations.remove(source);
            }
            Event::Escalated { consumer, .. } => {
                if let Some(shortage) = self.shortages.get_mut(consumer) {
                    shortage.escalated = true;
                }
            }
            Event::AlarmRaised { .. } | Event::AlarmCleared { .. } | Event::AlarmAcknowledged { .. } => {
                alarms::apply(&mut self.alarms, event, *time);
            }
            Event::SubagentRegistered { agent, version, capabilities } => {
                let member = Member {
                    standing: Standing::Healthy,
                    since: *time,
                    why: None,
                    registered: *time,
                    version: version.clone(),
                    capabilities: capabilities.clone(),
                    boot: self.subagents.get(agent).and_then(|m| m.boot),
                };
                self.subagents.insert(*agent, member);
            }
            Event::SubagentStarted { agent, boot } => {
                if let Some(member) = self.subagents.get_mut(agent) {
                    member.boot = Some(*boot);
                }
            }
            Event::SubagentDegraded { agent, why } => self.stands(*agent, Standing::Degraded, Some(why), *time),
            Event::SubagentRecovered { agent } => self.stands(*agent, Standing::Healthy, None, *time),
            Event::SubagentRemoved { agent, why } => self.stands(*agent, Standing::Removed, Some(why), *time),
        }
    }

    fn stands(&mut self, agent: AgentId, standing: Standing, why: Option<&String>, time: Millis) {
        if let Some(member) = self.subagents.get_mut(&agent) {
            (member.standing, member.since, member.why) = (standing, time, why.cloned());
        }
    }

    fn scheduled(&mut self, seq: u64, time: Millis, schedule: &Schedule) {
        if schedule.origin != Origin::Hold {
            self.shortages.retain(|c, _| schedule.short.iter().any(|s| s.consumer == *c));
            for short in &schedule.short {
                self.shortages.entry(short.consumer.clone()).or_insert(Shortage { since: time, escalated: false });
            }
        }
        self.schedule = Some((seq, schedule.clone()));
    }

    fn ordered(&mut self, seq: u64, time: Millis, order: &Order) {
        if let Action::Set { setpoint, value } = &order.action {
            let wanted = Wanted { value: *value, at: time, order: order.id.clone() };
            self.wanted.insert(setpoint.clone(), wanted);
            // A procedure sets nothing but requests of a start; the other value takes one back.
            if order.writer == Writer::Procedure && *value == 1.0 {
                let starts = self.starts.entry(setpoint.clone()).or_default();
                starts.retain(|start| time.since(start.at) < HOUR_MS);
                starts.push(Start { order: order.id.clone(), at: time });
            }
        }
        if let Some(person) = &order.by {
            self.keys.insert(key(&person.user, &person.idempotency_key), order.id.clone());
        }
        let tracked = Tracked { order: order.clone(), seq, issued: time, state: OrderState::Issued };
        self.orders.insert(order.id.clone(), tracked);
        if self.orders.len() > FINISHED_KEPT {
            self.forget_oldest();
        }
    }

    fn finish(&mut self, id: &str, state: OrderState) {
        let Some(tracked) = self.orders.get_mut(id) else { return };
        if let (OrderState::Refused { .. }, Action::Set { setpoint, .. }) = (&state, &tracked.order.action)
            && let Some(starts) = self.starts.get_mut(setpoint)
        {
            starts.retain(|start| start.order != id);
        }
        tracked.state = state;
    }

    /// Drops the older half of what is finished, so that it need not be done often.
    fn forget_oldest(&mut self) {
        let mut seqs: Vec<u64> =
            self.orders.values().filter(|t| t.state != OrderState::Issued).map(|t| t.seq).collect();
        seqs.sort_unstable();
        let Some(middle) = seqs.get(seqs.len() / 2).copied() else { return };
        self.orders.retain(|_, t| t.state == OrderState::Issued || t.seq > middle);
        let orders = &self.orders;
        self.keys.retain(|_, id| orders.contains_key(id));
    }
}

/// Under what an idempotency key is remembered: keys of two users never meet.
pub fn key(user: &str, idempotency_key: &str) -> String {
    format!("{user}\n{idempotency_key}")
}
