//! What is published of the journal, from where, and how far that is done. Pure.
//!
//! Who reads `heat.audit` gets the journal by this rule: take the entry whose `seq` is the next, pass over every other. A
//! page that was not taken whole is published again whole, in order.
//!
//! An entry that Kafka does not take because it is too big (1 MB, or what its topic allows) holds nothing up: a message in
//! its place names it by all but its body, says under `omitted` how many bytes that would have been and where it is read.
//! Its `seq`, `prev_hash` and `hash` are there, so the chain has no hole. A schedule that is too big is told likewise on
//! `heat.dispatch`, under the schema `omitted/1`.

use crate::api::EntryView;
use crate::domain::{Event, view};
use crate::journal::Entry;
use crate::telemetry::Mark;
use hypocaust_protocols::model::FleetId;
use hypocaust_protocols::wire::record::topic;
use serde::Serialize;

/// The mark's stream: the journal, as far as it is published.
const STREAM: &str = "journal";

/// How far the journal is on one incarnation of the cluster.
#[derive(Debug)]
pub struct Publishing {
    incarnation: String,
    next: u64,
}

impl Publishing {
    /// From the mark of this incarnation; a cluster without one is given the whole journal.
    pub fn begin(incarnation: &str, marks: &[Mark]) -> Self {
        let mark = marks.iter().find(|m| m.incarnation == incarnation && m.stream == STREAM);
        Self { incarnation: incarnation.to_owned(), next: mark.map_or(1, |m| m.next.unsigned_abs()) }
    }

    /// The entry with which the next page begins.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// A cluster of this incarnation said that it has all messages of the page that ends with this entry: the mark to be
    /// stored. `None`: it is another one than before, so nothing is known of what it has.
    pub fn published(&mut self, last: u64, incarnation: &str) -> Option<Mark> {
        if incarnation != self.incarnation {
            return None;
        }
        self.next = last + 1;
        let next = i64::try_from(self.next).unwrap_or(i64::MAX);
        Some(Mark { incarnation: self.incarnation.clone(), stream: STREAM.into(), part: 0, next })
    }
}

/// What is published of an entry on one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: &'static str,
    pub text: String,
}

/// In place of what is too big.
#[derive(Debug, Serialize)]
struct Omitted {
    /// Of the message that was not taken.
    bytes: usize,
    /// Where the API has what it would have said.
    read: String,
}

/// A message of `heat.dispatch`: the schedule as `GET /api/v1/dispatch/{seq}` shows it.
#[derive(Debug, Serialize)]
struct Dispatch<'a, T> {
    schema: &'static str,
    fleet: &'a FleetId,
    epoch: u64,
    #[serde(flatten)]
    schedule: T,
}

#[derive(Debug, Serialize)]
struct OmittedSchedule {
    seq: u64,
    time: String,
    omitted: Omitted,
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a view is plain data and always has a JSON form")
}

/// All that is published of an entry.
pub fn messages(fleet: &FleetId, entry: &Entry) -> Vec<Message> {
    let mut messages = vec![Message { topic: topic::AUDIT, text: json(&EntryView::from(entry)) }];
    // An entry that this version cannot read is no schedule that it can show; the audit has it as it is.
    if let Ok(recorded) = Event::read(entry)
        && let Event::Scheduled { schedule } = &recorded.event
    {
        let schedule = view::dispatch(entry.seq, schedule);
        let text = json(&Dispatch { schema: "dispatch/1", fleet, epoch: entry.epoch, schedule });
        messages.push(Message { topic: topic::DISPATCH, text });
    }
    messages
}

/// What is published instead of one of these that is too big.
pub fn instead(fleet: &FleetId, entry: &Entry, too_big: &Message) -> Message {
    let bytes = too_big.text.len();
    let text = if too_big.topic == topic::AUDIT {
        let mut named = serde_json::to_value(EntryView::from(entry)).expect("a view always has a JSON form");
        let omitted = Omitted { bytes, read: format!("/api/v1/journal?from={}&limit=1", entry.seq) };
        if let Some(members) = named.as_object_mut() {
            members.remove("body");
            members.insert("omitted".into(), serde_json::json!(omitted));
        }
        named.to_string()
    } else {
        let omitted = Omitted { bytes, read: format!("/api/v1/dispatch/{}", entry.seq) };
        let schedule = OmittedSchedule { seq: entry.seq, time: entry.time.rfc3339(), omitted };
        json(&Dispatch { schema: "omitted/1", fleet, epoch: entry.epoch, schedule })
    };
    Message { topic: too_big.topic, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Draft, Head};
    use hypocaust_protocols::model::Millis;
    use serde_json::{Value, json};

    fn mark(incarnation: &str, next: i64) -> Mark {
        Mark { incarnation: incarnation.into(), stream: "journal".into(), part: 0, next }
    }

    #[test]
    fn it_goes_on_behind_the_mark_of_its_cluster_and_moves_it_behind_a_whole_page() {
        let marks = [mark("old", 90), mark("i", 7)];
        assert_eq!(Publishing::begin("new", &marks).next(), 1);
        let mut publishing = Publishing::begin("i", &marks);
        assert_eq!(publishing.next(), 7);
        assert_eq!(publishing.published(9, "new"), None);
        assert_eq!(publishing.next(), 7, "of another cluster nothing is known");
        assert_eq!(publishing.published(9, "i"), Some(mark("i", 10)));
        assert_eq!(publishing.next(), 10);
    }

    #[test]
    fn in_place_of_what_is_too_big_stands_all_of_it_but_its_body_and_where_that_is_read() {
        let fleet = FleetId::new("small").unwrap();
        let draft = Draft { time: Millis(0), kind: "k".into(), schema: 1, body: json!({"long": "x"}).to_string() };
        let entry = Entry::after(&Head::genesis(&fleet), 4, draft);
        let whole = messages(&fleet, &entry);
        assert_eq!(whole.len(), 1, "what is no schedule is on heat.audit alone");
        let mut wanted: Value = serde_json::from_str(&whole[0].text).unwrap();
        let instead = instead(&fleet, &entry, &whole[0]);
        assert_eq!(instead.topic, topic::AUDIT);
        assert_eq!(wanted.as_object_mut().unwrap().remove("body"), Some(json!({"long": "x"})));
        wanted["omitted"] = json!({"bytes": whole[0].text.len(), "read": "/api/v1/journal?from=1&limit=1"});
        assert_eq!(serde_json::from_str::<Value>(&instead.text).unwrap(), wanted);

        let schedule = Message { topic: topic::DISPATCH, text: "x".repeat(9) };
        let instead: Value = serde_json::from_str(&super::instead(&fleet, &entry, &schedule).text).unwrap();
        let omitted = json!({"bytes": 9, "read": "/api/v1/dispatch/1"});
        let time = Millis(0).rfc3339();
        let wanted =
            json!({"schema": "omitted/1", "fleet": "small", "epoch": 4, "seq": 1, "time": time, "omitted": omitted});
        assert_eq!(instead, wanted);
    }
}
