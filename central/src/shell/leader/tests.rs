//! A replica from its beginning to its end: it leads, follows, is superseded, and is told apart from a broken one.

use super::*;
use crate::domain::view::DispatchView;
use crate::domain::{Judges, Mode, State, Status};
use crate::election::Lease;
use crate::journal::{self, Draft, Head, Memory};
use hypocaust_protocols::model::{Fleet, Quality, Sample, Tag, Tick};
use hypocaust_protocols::wire::{Entry, SigningKey};
use std::path::Path;
use std::sync::{Arc, Mutex};

fn fleet() -> Arc<Fleet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"))
}

struct Replicated {
    handle: Handle,
    term: Term,
    ended: tokio::task::JoinHandle<Ended>,
    _outgoing: mpsc::Receiver<Outgoing>,
}

/// A replica of this name on a journal that others may use too.
async fn replica<S: Store + Leases + 'static>(name: &str, journal: &Arc<S>) -> Replicated {
    let fleet = fleet();
    let (outgoing, _outgoing) = mpsc::channel(1024);
    let metrics = Metrics::new(&fleet);
    let tail = Verifier::new(&fleet.id, []);
    let (state, head) = (State::fold([]), Head::genesis(&fleet.id));
    let me = Replica { id: name.into(), address: format!("http://{name}:8080") };
    let key = SigningKey::from_bytes(&[3; 32]);
    let domain = Domain::following(fleet, key, Judges::ours(), name.into(), state, head);
    let (leader, handle, term) = leader(domain, tail, Arc::clone(journal), me, outgoing, metrics);
    let ended = tokio::spawn(leader.run());
    handle.reach(true).await.expect("it runs");
    Replicated { handle, term, ended, _outgoing }
}

impl Replicated {
    async fn leads(&self) {
        while !self.handle.ask(|domain, _| domain.leads()).await.expect("it runs") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    /// What it shows of the leader, and up to where it has the journal.
    async fn shows(&self) -> (Option<String>, u64, Head) {
        let asked = self.handle.ask(|d, now| (d.fleet_view(now).leader, d.epoch(), d.head()));
        asked.await.expect("it runs")
    }
    async fn operate(&self) -> Rejection {
        let request = Request {
            user: "ann".into(),
            idempotency_key: "k".into(),
            plant: PlantId::new("north").expect("an id"),
            setpoint: "north.b2.load-sp".parse().expect("an id"),
            value: 4.0,
            reason: "a try".into(),
        };
        self.handle.operate(request).await.expect("an answer").expect_err("no edge is linked")
    }
    async fn acknowledge(&self) -> Rejection {
        let what = Acknowledgement { user: "ann".into(), alarm: "trip:north.b2".into(), raised: Millis(1) };
        self.handle.acknowledge(what).await.expect("an answer").expect_err("there is no alarm")
    }
}

/// Every edge comes with a value for each of its tags; the first dispatch.
pub async fn alive(handle: &Handle, fleet: &Fleet) -> DispatchView {
    for plant in &fleet.plants {
        let status = Status {
            boot: 1,
            tick: Tick(1),
            mode: Some(Mode::Remote),
            trips: None,
            devices: None,
            spool: None,
            anchor: None,
        };
        handle.give(Input::EdgeBirth { plant: plant.id.clone(), status }).await.expect("it leads");
        for device in &plant.devices {
            let sample = |t: &Tag| Sample { tag: t.id.clone(), time: now(), value: Some(1.0), quality: Quality::Good };
            let samples = plant.tags.iter().filter(|t| t.device == device.id).map(sample).collect();
            let entry = Entry { boot: 1, seq: 0, device: device.id.clone(), samples };
            handle.give(Input::Samples { plant: plant.id.clone(), entry }).await.expect("it leads");
        }
    }
    loop {
        if let Some(view) = handle.ask(|domain, _| domain.dispatch_view()).await.expect("it leads") {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn journal() -> Arc<Memory> {
    Arc::new(Memory::new(&fleet().id))
}

#[tokio::test]
async fn its_beginning_is_in_the_journal_and_a_command_to_a_silent_plant_is_refused() {
    let journal = journal();
    let only = replica("only", &journal).await;
    only.leads().await;
    assert!(only.shows().await.2.seq >= 1, "its beginning is journaled");
    let begun = &journal.entries()[0];
    assert_eq!((begun.kind.as_str(), begun.body.as_str()), ("started", r#"{"epoch":1,"replica":"only"}"#));
    assert_eq!(only.operate().await.code(), "GL-E-NOT-LINKED");
    let Replicated { handle, ended, .. } = only;
    drop(handle);
    assert!(matches!(ended.await, Ok(Ended::Unheld)));
}

#[tokio::test]
async fn another_follows_the_journal_names_the_leader_and_leads_when_that_leaves() {
    let journal = journal();
    let first = replica("first", &journal).await;
    first.leads().await;
    let second = replica("second", &journal).await;
    while second.shows().await.2.seq == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (leader, epoch, head) = second.shows().await;
    assert_eq!((leader.as_deref(), epoch, head.seq), (Some("first"), 1, journal.entries().len() as u64));
    assert_eq!((first.term.epoch(), second.term.epoch()), (Some(1), None));
    for refused in [second.operate().await, second.acknowledge().await] {
        assert_eq!(refused.code(), "GL-E-NOT-LEADING");
        assert!(refused.to_string().contains("http://first:8080"), "{refused}");
    }
    assert_eq!(first.acknowledge().await.code(), "GL-E-NO-ALARM");
    first.handle.leave().await.expect("it runs");
    assert_eq!(first.term.epoch(), None);
    second.leads().await;
    assert_eq!(second.term.epoch(), Some(2));
    while first.shows().await.0.as_deref() != Some("second") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(first.operate().await.code(), "GL-E-NOT-LEADING");
}

/// A journal whose next append takes so long.
struct Slow {
    journal: Arc<Memory>,
    next_append: Mutex<Duration>,
}

impl Store for Slow {
    async fn append(&self, expected: &Head, epoch: u64, drafts: Vec<Draft>) -> Result<Head, journal::Error> {
        let stored = self.journal.append(expected, epoch, drafts).await;
        let wait = std::mem::take(&mut *self.next_append.lock().expect("nobody panics with it"));
        tokio::time::sleep(wait).await;
        stored
    }
    async fn read(&self, from: u64, limit: usize) -> Result<Vec<journal::Entry>, journal::Error> {
        self.journal.read(from, limit).await
    }
    async fn head(&self) -> Result<Head, journal::Error> {
        self.journal.head().await
    }
    async fn epoch(&self) -> Result<u64, journal::Error> {
        self.journal.epoch().await
    }
}

impl Leases for Slow {
    async fn lease(&self) -> Result<Option<Lease>, election::Error> {
        self.journal.lease().await
    }
    async fn swap(&self, seen: Option<&Lease>, next: &Lease) -> Result<bool, election::Error> {
        self.journal.swap(seen, next).await
    }
}

/// A replica whose first append takes longer than its lease, at the moment at which its entry is stored.
async fn stuck(journal: &Arc<Memory>) -> Replicated {
    let wait = Duration::from_secs_f64(fleet().limits.hold_after_s);
    let slow = Slow { journal: Arc::clone(journal), next_append: Mutex::new(wait) };
    let only = replica("only", &Arc::new(slow)).await;
    while journal.entries().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(only.term.epoch(), Some(1));
    only
}

fn whole(journal: &Memory) {
    let mut verifier = Verifier::new(&fleet().id, []);
    journal.entries().iter().try_for_each(|entry| verifier.step(entry)).expect("a whole journal");
}

#[tokio::test]
async fn a_lease_that_runs_out_during_an_append_is_renewed_where_nobody_has_taken_it() {
    let journal = journal();
    let only = stuck(&journal).await;
    only.term.ends(1).await;
    only.leads().await;
    only.term.begins().await;
    assert_eq!(only.term.epoch(), Some(1), "nobody has led meanwhile, so it goes on");
    whole(&journal);
    assert!(!only.ended.is_finished());
}

#[tokio::test]
async fn a_lease_that_is_taken_during_an_append_leaves_the_journal_whole() {
    let journal = journal();
    let only = stuck(&journal).await;
    let holder = Replica { id: "other".into(), address: "http://other".into() };
    let seen = journal.lease_now();
    let next = Lease { epoch: 2, holder, renewals: 0, given_up: true, length_ms: 3_000 };
    assert!(journal.swap_now(seen.as_ref(), &next).expect("a higher epoch"));
    while only.term.epoch() != Some(3) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    only.leads().await;
    assert_eq!(only.term.epoch(), Some(3), "it read what it wrote, and leads anew");
    whole(&journal);
    assert!(!only.ended.is_finished());
}

#[tokio::test]
async fn a_leader_whose_epoch_was_superseded_steps_back_and_reads_what_the_other_wrote() {
    let journal = journal();
    let old = replica("old", &journal).await;
    old.leads().await;
    // Somebody takes its lease, as another replica does after a pause, and writes.
    let mut seen = journal.lease_now();
    let holder = Replica { id: "new".into(), address: "http://new".into() };
    let next = Lease { epoch: 9, holder, renewals: 0, given_up: false, length_ms: 3_000 };
    while !journal.swap_now(seen.as_ref(), &next).expect("a higher epoch") {
        seen = journal.lease_now();
    }
    let draft = Draft { time: now(), kind: "started".into(), schema: 1, body: r#"{"epoch":9}"#.into() };
    let head = journal.entries().last().map(crate::journal::Entry::head).expect("the old one began");
    let head = journal.append_now(&head, 9, vec![draft]).expect("it leads");
    while old.shows().await.2 != head {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(old.term.epoch(), None);
    while old.shows().await.0.as_deref() != Some("new") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(old.shows().await.1, 9);
    assert_eq!(journal.entries().len() as u64, head.seq, "the old one has written nothing more");
}

#[tokio::test]
async fn a_dispatch_says_how_long_its_solve_took() {
    let journal = journal();
    let Replicated { handle, .. } = &replica("only", &journal).await;
    let view = alive(handle, &fleet()).await;
    assert_eq!(view.source, "optimal");
    assert!(view.solve_ms.is_some_and(|ms| ms > 0.0), "{:?}", view.solve_ms);
}

#[tokio::test]
async fn a_journal_that_is_not_the_one_it_has_read_ends_it() {
    let journal = journal();
    // Of a kind that this version does not know.
    let strange = Draft { time: Millis(1), kind: "sung".into(), schema: 1, body: "{}".into() };
    journal.append_now(&Head::genesis(&fleet().id), 1, vec![strange]).expect("an empty journal");
    let reader = replica("reader", &journal).await;
    assert!(matches!(reader.ended.await, Ok(Ended::Journal(why)) if why.contains("sung")));
}
