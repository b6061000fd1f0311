//! `/live`: the state of the plants to a browser. A snapshot first, then what changed, four times a second at most, and
//! every second a beat that comes from the domain's own task: a centre that is stuck does not beat.

use super::fleet::look;
use crate::shell::leader::Handle;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two looks at the domain.
const LOOK: Duration = Duration::from_millis(250);
/// Looks between two beats.
const BEAT: u64 = 4;

pub(super) async fn open(State(leader): State<Handle>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| feed(socket, leader))
}

async fn feed(mut socket: WebSocket, leader: Handle) {
    let mut every = tokio::time::interval(LOOK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Look::default();
    for looks in 0u64.. {
        tokio::select! {
            _ = every.tick() => {}
            message = socket.recv() => match message {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => continue,
            },
        }
        let Ok((time, now)) = leader.ask(|domain, now| (now.rfc3339(), look(domain, now))).await else { return };
        let mut frames = Vec::new();
        if let Some(change) = last.changes(now, looks == 0) {
            frames.push(change);
        }
        if looks % BEAT == 0 {
            frames.push(json!({ "type": "beat", "time": time, "seq": looks }));
        }
        for frame in frames {
            if socket.send(Message::text(frame.to_string())).await.is_err() {
                return;
            }
        }
    }
}

/// Everything that a console shows, at one moment.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub fleet: Value,
    pub plants: BTreeMap<String, Value>,
    pub tags: BTreeMap<String, Value>,
    pub dispatch: Value,
    pub data_age_s: f64,
}

impl Look {
    /// What is new in `now`, as a frame; all of it for a snapshot. Afterwards `self` is `now`.
    fn changes(&mut self, now: Look, snapshot: bool) -> Option<Value> {
        let mut frame = serde_json::Map::new();
        if snapshot || now.fleet != self.fleet {
            frame.insert("fleet".into(), now.fleet.clone());
        }
        let news = |old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>| -> BTreeMap<String, Value> {
            new.iter()
                .filter(|(id, v)| snapshot || old.get(*id) != Some(*v))
                .map(|(id, v)| (id.clone(), v.clone()))
                .collect()
        };
        let plants = news(&self.plants, &now.plants);
        if !plants.is_empty() {
            frame.insert("plants".into(), json!(plants));
        }
        let tags = news(&self.tags, &now.tags);
        if !tags.is_empty() {
            frame.insert("tags".into(), json!(tags.into_values().collect::<Vec<_>>()));
        }
        if snapshot || now.dispatch != self.dispatch {
            frame.insert("dispatch".into(), now.dispatch.clone());
        }
        if snapshot {
            frame.insert("data_age_s".into(), json!(now.data_age_s));
        }
        *self = now;
        if frame.is_empty() {
            return None;
        }
        frame.insert("type".into(), json!(if snapshot { "snapshot" } else { "update" }));
        Some(Value::Object(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_whole_and_an_update_holds_only_what_changed() {
        let tags = |a: i32, b: i32| BTreeMap::from([("a".into(), json!(a)), ("b".into(), json!(b))]);
        let mut last = Look::default();
        let first = last.changes(Look { tags: tags(1, 2), ..Look::default() }, true).expect("a snapshot");
        assert_eq!(first["tags"], json!([1, 2]));
        let second = last.changes(Look { tags: tags(1, 3), ..Look::default() }, false).expect("an update");
        assert_eq!(second, json!({ "type": "update", "tags": [3] }));
        assert!(last.changes(Look { tags: tags(1, 3), ..Look::default() }, false).is_none());
    }
}
