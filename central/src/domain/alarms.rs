//! The centre's alarms: each asks a person to act. What they are called, the states of ISA-18.2 that they go through, and
//! what is decided about them.
//!
//! ```text
//!            raised                    acknowledged
//!   normal ----------> unacknowledged --------------> acknowledged
//!     ^                  | cleared  ^                     | cleared
//!     |                  v          | raised anew         |
//!     |         returned-to-normal-unacknowledged         |
//!     |                  | acknowledged                   |
//!     +------------------+--------------------------------+
//! ```
//! An alarm leaves the list when it is normal again *and* somebody has taken note of it, in whichever order. Who
//! acknowledges says which raising is meant: a click on what was seen a moment ago never takes note of what has come
//! since. What happened once (a fork of the journal) has nothing that could return to normal; it ends with the
//! acknowledgement.

use super::state::State;
use super::{Domain, Event, Rejection};
use hypocaust_protocols::model::{ConsumerId, Millis, Plant, RunbookId, SourceId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// No fresh schedule: dispatch is on a lower rung of its ladder.
pub const DISPATCH_FAILING: &str = "dispatch-failing";
/// Units are asked for more than 90 % of their nameplate.
pub const PROVEN_RATING: &str = "proven-rating";
/// Decisions were lost with a part of the journal.
pub const JOURNAL_FORK: &str = "journal-fork";
/// Alarms of what happened once.
const HAPPENED: [&str; 1] = [JOURNAL_FORK];
const DEADLINE: &str = "deadline:";

/// The trip of a source.
pub fn trip(source: &SourceId) -> String {
    format!("trip:{source}")
}

/// A consumer that will not have its heat back in time.
pub fn deadline(consumer: &ConsumerId) -> String {
    format!("{DEADLINE}{consumer}")
}

/// The consumer of such an alarm.
pub fn late_consumer(id: &str) -> Option<&str> {
    id.strip_prefix(DEADLINE)
}

/// The plant that an alarm is about, by its id; `None`: it is about the whole, or there can be no such alarm.
pub fn plant_of(id: &str) -> Option<&str> {
    id.split_once(':').and_then(|(_, thing)| thing.split('.').next())
}

/// The page for a source of this plant that has tripped: that of its own trip, or of any other, for they are about the
/// same.
pub fn page_of_trip(plant: &Plant, source: &SourceId) -> Option<RunbookId> {
    let own = plant.trips.iter().find(|t| t.source == *source);
    own.or(plant.trips.first()).map(|t| t.runbook.clone())
}

/// Who has taken note of an alarm, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub by: String,
    pub at: Millis,
}

/// An alarm that is not normal, or was not taken note of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// 1: act at once; 2: soon.
    pub priority: u8,
    /// The page that says what to do; there is not one for each yet, and a wrong one would mislead.
    pub runbook: Option<RunbookId>,
    pub text: String,
    pub raised: Millis,
    pub cleared: Option<Millis>,
    pub acknowledged: Option<Note>,
}

impl Alarm {
    /// The states of ISA-18.2 that an alarm here can have; one that is normal and acknowledged is kept no longer.
    pub const STATES: [&str; 3] = ["unacknowledged", "returned-to-normal-unacknowledged", "acknowledged"];
    /// 1: act at once; 2: soon.
    pub const PRIORITIES: [u8; 2] = [1, 2];

    fn rank(&self) -> usize {
        match (&self.acknowledged, self.cleared) {
            (None, None) => 0,
            (None, Some(_)) => 1,
            (Some(_), _) => 2,
        }
    }

    pub fn state(&self) -> &'static str {
        Self::STATES[self.rank()]
    }
}

/// What an event does to the alarms; those of other kinds do nothing to them.
pub fn apply(alarms: &mut BTreeMap<String, Alarm>, event: &Event, time: Millis) {
    match event {
        Event::AlarmRaised { alarm, priority, runbook, text } => {
            let (priority, runbook, text) = (*priority, runbook.clone(), text.clone());
            let raised = Alarm { priority, runbook, text, raised: time, cleared: None, acknowledged: None };
            alarms.insert(alarm.clone(), raised);
        }
        Event::AlarmCleared { alarm } => {
            if let Some(a) = alarms.get_mut(alarm) {
                a.cleared = Some(time);
            }
        }
        Event::AlarmAcknowledged { alarm, user } => {
            if let Some(a) = alarms.get_mut(alarm) {
                a.acknowledged = Some(Note { by: user.clone(), at: time });
            }
        }
        _ => return,
    }
    alarms.retain(|_, a| a.cleared.is_none() || a.acknowledged.is_none());
}

/// An alarm, unless it stands already.
pub fn raise(state: &State, alarm: &str, priority: u8, runbook: Option<RunbookId>, text: String) -> Option<Event> {
    (!state.alarm_stands(alarm)).then(|| Event::AlarmRaised { alarm: alarm.into(), priority, runbook, text })
}

/// Its end, if it stands.
pub fn clear(state: &State, alarm: &str) -> Option<Event> {
    state.alarm_stands(alarm).then(|| Event::AlarmCleared { alarm: alarm.into() })
}

/// A person has taken note of an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Acknowledgement {
    pub user: String,
    pub alarm: String,
    /// When the alarm was raised that the person has seen.
    pub raised: Millis,
}

/// What an acknowledgement leads to: nothing where somebody was faster.
///
/// # Errors
/// There is no such alarm, or it was raised anew since.
pub fn acknowledge(state: &State, what: &Acknowledgement) -> Result<Vec<Event>, Rejection> {
    let Acknowledgement { user, alarm, raised } = what;
    let known = state.alarms.get(alarm).ok_or_else(|| Rejection::NoAlarm(alarm.clone()))?;
    if known.raised != *raised {
        return Err(Rejection::RaisedAnew { alarm: alarm.clone(), raised: known.raised });
    }
    if known.acknowledged.is_some() {
        return Ok(Vec::new());
    }
    let mut events = vec![Event::AlarmAcknowledged { alarm: alarm.clone(), user: user.clone() }];
    if HAPPENED.contains(&alarm.as_str()) {
        events.extend(clear(state, alarm));
    }
    Ok(events)
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlarmView {
    pub id: String,
    /// The plant that it is about; null: the whole.
    pub plant: Option<String>,
    /// 1: act at once; 2: soon.
    pub priority: u8,
    /// As ISA-18.2 has it: `unacknowledged`, `returned-to-normal-unacknowledged` or `acknowledged`.
    pub state: &'static str,
    pub text: String,
    /// The page that says what to do.
    pub runbook: Option<String>,
    /// Since when; an acknowledgement names it.
    pub raised: String,
    /// When it was normal again; null while it stands.
    pub cleared: Option<String>,
    pub acknowledged_by: Option<String>,
    pub acknowledged_at: Option<String>,
}

impl Domain {
    /// What asks for a person first: unacknowledged before returned before acknowledged, then by priority, then the
    /// newest first.
    pub fn alarm_views(&self) -> Vec<AlarmView> {
        let mut found: Vec<_> = self.state.alarms.iter().collect();
        found.sort_by_key(|(id, a)| (a.rank(), a.priority, std::cmp::Reverse(a.raised), *id));
        found.into_iter().map(|(id, a)| view(id, a)).collect()
    }
}

fn view(id: &str, a: &Alarm) -> AlarmView {
    AlarmView {
        id: id.to_owned(),
        plant: plant_of(id).map(str::to_owned),
        priority: a.priority,
        state: a.state(),
        text: a.text.clone(),
        runbook: a.runbook.as_ref().map(ToString::to_string),
        raised: a.raised.rfc3339(),
        cleared: a.cleared.map(Millis::rfc3339),
        acknowledged_by: a.acknowledged.as_ref().map(|note| note.by.clone()),
        acknowledged_at: a.acknowledged.as_ref().map(|note| note.at.rfc3339()),
    }
}
