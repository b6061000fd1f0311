//! `/live`: the state of the plants to a browser. A snapshot first, then what changed, four times a second at most, and
//! every second a beat that comes from the domain's own task: a centre that is stuck does not beat.
//!
//! One look at the domain serves every open page ([`Looks`]), and nobody looks while none is open. A connection outlives
//! the request that opened it, so each asks every second whether its session still holds, and ends with it; whoever is
//! limited to some plants sees their part, and anew from a snapshot when those plants change.

use super::guard::{Admitted, OVER, Still};
use super::request::NoQuery;
use super::{plain, scope};
use crate::domain::Domain;
use crate::domain::alarms::AlarmView;
use crate::domain::view::{DispatchView, FleetView, TagView};
use crate::shell::leader::Handle;
use crate::users::{Scope, Session};
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use hypocaust_protocols::model::Millis;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Between two looks at the domain.
const LOOK: Duration = Duration::from_millis(250);
/// Looks between two beats.
const BEAT: u64 = 4;
/// Bytes of a message that a page may send.
const LONGEST_MESSAGE: usize = 4096;
/// The close code of a session that is over; from the range that RFC 6455 leaves to applications.
const SESSION_OVER: u16 = 4401;

pub(super) async fn open(
    State(looks): State<Looks>,
    Extension(admitted): Extension<Admitted>,
    Extension(session): Extension<Session>,
    _: NoQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    // A page has nothing to say; what it sends is read for the close alone.
    upgrade
        .max_message_size(LONGEST_MESSAGE)
        .on_upgrade(move |socket| feed(socket, looks.listen(), admitted, session.plants))
}

async fn feed(mut socket: WebSocket, mut moments: watch::Receiver<Latest>, admitted: Admitted, mut plants: Scope) {
    let mut last: Option<Arc<Moment>> = None;
    loop {
        tokio::select! {
            // An error is the end of whoever looks: no sender is left.
            changed = moments.changed() => if changed.is_err() { return },
            message = socket.recv() => match message {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => continue,
            },
        }
        let now = match &*moments.borrow_and_update() {
            Latest::Nothing => continue,
            Latest::Seen(moment) => Arc::clone(moment),
            Latest::Gone => return,
        };
        // A slow page may miss a look; the beat belongs to the next one that it takes.
        let beat = last.as_ref().is_none_or(|before| before.number / BEAT != now.number / BEAT);
        if beat {
            match admitted.holds().await {
                Still::Open(session) if session.plants != plants => (plants, last) = (session.plants, None),
                Still::Open(_) | Still::Unknown => {}
                Still::Over => {
                    let reason = OVER.into();
                    // The page may be gone already; its session is over in either case.
                    let _ = socket.send(Message::Close(Some(CloseFrame { code: SESSION_OVER, reason }))).await;
                    return;
                }
            }
        }
        let before = last.as_ref().map(|m| m.look.within(&plants));
        let changes = now.look.within(&plants).changes(before.as_deref());
        let mut frames: Vec<Value> = changes.into_iter().collect();
        if beat {
            frames.push(json!({ "type": "beat", "time": now.time, "seq": now.number }));
        }
        last = Some(now);
        for frame in frames {
            if socket.send(Message::text(frame.to_string())).await.is_err() {
                return;
            }
        }
    }
}

/// One look, with its number and the domain's time.
#[derive(Debug)]
pub(super) struct Moment {
    number: u64,
    time: String,
    look: Look,
}

#[derive(Debug, Clone)]
enum Latest {
    /// Nobody has looked yet.
    Nothing,
    Seen(Arc<Moment>),
    /// The leader has ended: there is nothing to look at any more.
    Gone,
}

/// The looks at the domain, shared by all who listen. Cheap to clone.
#[derive(Clone)]
pub struct Looks {
    moments: Arc<watch::Sender<Latest>>,
    wanted: Arc<Notify>,
}

impl Looks {
    /// Begins to look as soon as somebody listens. Needs a runtime; ends with the leader.
    pub fn begin(leader: Handle) -> Looks {
        let looks = Looks { moments: Arc::new(watch::Sender::new(Latest::Nothing)), wanted: Arc::new(Notify::new()) };
        tokio::spawn(looks.clone().run(leader));
        looks
    }

    /// What is seen from now on; what was seen before does not come.
    fn listen(&self) -> watch::Receiver<Latest> {
        let listener = self.moments.subscribe();
        self.wanted.notify_one();
        listener
    }

    async fn run(self, leader: Handle) {
        let mut every = tokio::time::interval(LOOK);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for number in 0u64.. {
            while self.moments.receiver_count() == 0 {
                self.wanted.notified().await;
            }
            every.tick().await;
            let seen = leader.ask(move |domain, now| (now.rfc3339(), Look::of(domain, now))).await;
            let Ok((time, look)) = seen else { break };
            self.moments.send_replace(Latest::Seen(Arc::new(Moment { number, time, look })));
        }
        self.moments.send_replace(Latest::Gone);
    }
}

/// Everything that a console shows, at one moment.
#[derive(Debug, Default, Clone)]
pub(super) struct Look {
    pub fleet: Option<FleetView>,
    pub plants: BTreeMap<String, Value>,
    /// In the order of their ids.
    pub tags: BTreeMap<String, TagView>,
    pub dispatch: Option<DispatchView>,
    pub alarms: Vec<AlarmView>,
}

impl Look {
    /// Everything at one moment.
    fn of(domain: &Domain, now: Millis) -> Look {
        let plants = domain.fleet().plants.iter();
        Look {
            fleet: Some(domain.fleet_view(now)),
            plants: plants.map(|p| (p.id.to_string(), plain(domain.plant_view(p.id.as_str(), now)))).collect(),
            tags: domain.tag_views(None, "", now).into_iter().map(|tag| (tag.id.clone(), tag)).collect(),
            dispatch: domain.dispatch_view(),
            alarms: domain.alarm_views(),
        }
    }

    /// What of it somebody with these plants may see.
    fn within(&self, plants: &Scope) -> Cow<'_, Look> {
        if *plants == Scope::Every {
            return Cow::Borrowed(self);
        }
        let mut part = self.clone();
        part.fleet = part.fleet.map(|fleet| scope::fleet(fleet, plants));
        part.plants.retain(|id, _| plants.covers(id));
        part.tags.retain(|_, tag| plants.covers(&tag.plant));
        part.alarms = scope::alarms(part.alarms, plants);
        part.dispatch = part.dispatch.map(|dispatch| scope::dispatch(dispatch, plants));
        Cow::Owned(part)
    }

    /// What is new since `before`, as a frame; all of it, as a snapshot, where there is no before.
    fn changes(&self, before: Option<&Look>) -> Option<Value> {
        let mut frame = serde_json::Map::new();
        if before.is_none_or(|b| b.fleet != self.fleet) {
            frame.insert("fleet".into(), plain(&self.fleet));
        }
        let plants: BTreeMap<_, _> =
            self.plants.iter().filter(|(id, now)| before.is_none_or(|b| b.plants.get(*id) != Some(*now))).collect();
        if !plants.is_empty() {
            frame.insert("plants".into(), json!(plants));
        }
        let same = |id: &String, now: &TagView| {
            before.is_some_and(|b| b.tags.get(id).is_some_and(|then| unchanged(then, now)))
        };
        let tags: Vec<&TagView> = self.tags.iter().filter(|(id, now)| !same(id, now)).map(|(_, now)| now).collect();
        if !tags.is_empty() {
            frame.insert("tags".into(), json!(tags));
        }
        if before.is_none_or(|b| b.dispatch != self.dispatch) {
            frame.insert("dispatch".into(), plain(&self.dispatch));
        }
        if before.is_none_or(|b| b.alarms != self.alarms) {
            frame.insert("alarms".into(), plain(&self.alarms));
        }
        if frame.is_empty() && before.is_some() {
            return None;
        }
        frame.insert("type".into(), json!(if before.is_some() { "update" } else { "snapshot" }));
        Some(Value::Object(frame))
    }
}

/// Is everything as it was but the age? A page carries the age on by itself; sent for its sake, every tag would be new in
/// every look.
fn unchanged(then: &TagView, now: &TagView) -> bool {
    let TagView { id, plant, device, value, word, unit, quality, reason, source_time, received_time, age_ms: _ } = then;
    (id, plant, device, value, word, unit) == (&now.id, &now.plant, &now.device, &now.value, &now.word, &now.unit)
        && (quality, reason) == (&now.quality, &now.reason)
        && (source_time, received_time) == (&now.source_time, &now.received_time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Domain, Judges, State};
    use crate::election::Replica;
    use crate::journal::{Head, Memory, Verifier};
    use crate::shell::leader::leader;
    use crate::shell::metrics::Metrics;
    use hypocaust_protocols::wire::SigningKey;
    use std::path::Path;
    use tokio::sync::mpsc;

    fn tag(id: &str, value: f64, age_ms: i64) -> (String, TagView) {
        let view = TagView {
            id: id.into(),
            plant: "p".into(),
            device: "p.d".into(),
            value: Some(value),
            word: None,
            unit: "MW",
            quality: "good",
            reason: None,
            source_time: None,
            received_time: None,
            age_ms: Some(age_ms),
        };
        (id.into(), view)
    }

    fn seen(a: f64, b: f64, age_ms: i64) -> Look {
        Look { tags: BTreeMap::from([tag("a", a, age_ms), tag("b", b, age_ms)]), ..Look::default() }
    }

    #[test]
    fn a_snapshot_is_whole_and_an_update_holds_only_what_changed() {
        let first = seen(1.0, 2.0, 0).changes(None).expect("a snapshot");
        assert_eq!((&first["type"], first["tags"].as_array().map(Vec::len)), (&json!("snapshot"), Some(2)));
        let second = seen(1.0, 3.0, 0).changes(Some(&seen(1.0, 2.0, 0))).expect("an update");
        assert_eq!((&second["type"], second["tags"].as_array().map(Vec::len)), (&json!("update"), Some(1)));
        assert_eq!((&second["tags"][0]["id"], &second["tags"][0]["value"]), (&json!("b"), &json!(3.0)));
        assert_eq!(second.get("fleet"), None);
    }

    #[test]
    fn a_value_that_only_grows_older_is_not_sent_again() {
        assert_eq!(seen(1.0, 2.0, 250).changes(Some(&seen(1.0, 2.0, 0))), None);
        let mut stale = seen(1.0, 2.0, 250);
        stale.tags.insert("b".into(), TagView { quality: "bad", ..tag("b", 2.0, 250).1 });
        let update = stale.changes(Some(&seen(1.0, 2.0, 0))).expect("a quality that changed");
        assert_eq!(update["tags"].as_array().map(Vec::len), Some(1));
    }

    fn looks() -> Looks {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
        let fleet = Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"));
        let (head, journal) = (Head::genesis(&fleet.id), Memory::new(&fleet.id));
        let key = SigningKey::from_bytes(&[3; 32]);
        let metrics = Metrics::new(&fleet);
        let tail = Verifier::new(&fleet.id, []);
        let domain = Domain::following(fleet, key, Judges::ours(), "only".into(), State::fold([]), head);
        let (outgoing, _) = mpsc::channel(16);
        let me = Replica { id: "only".into(), address: "http://only:8080".into() };
        let (leader, handle, _) = leader(domain, tail, journal, me, outgoing, metrics);
        tokio::spawn(leader.run());
        Looks::begin(handle)
    }

    async fn next(listener: &mut watch::Receiver<Latest>) -> Arc<Moment> {
        listener.changed().await.expect("somebody looks");
        match &*listener.borrow_and_update() {
            Latest::Seen(moment) => Arc::clone(moment),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn one_look_serves_every_page_and_nobody_looks_while_none_is_open() {
        let looks = looks();
        // However much time passes: nobody listens, so nobody looks.
        tokio::time::sleep(LOOK * 4).await;
        let mut pages: Vec<_> = (0..6).map(|_| looks.listen()).collect();
        for number in 0..5 {
            let mut same = Vec::new();
            for page in &mut pages {
                same.push(next(page).await);
            }
            assert!(same.iter().all(|m| Arc::ptr_eq(m, &same[0])), "each page had a look of its own");
            assert_eq!(same[0].number, number, "looks without anybody to look for");
        }
        drop(pages);
        tokio::time::sleep(LOOK * 8).await;
        // One look may have been under way when the last page closed.
        let resumed = next(&mut looks.listen()).await.number;
        assert!(resumed <= 6, "look {resumed}: most of them for nobody");
    }
}
