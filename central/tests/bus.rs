//! The centre's bus on the in-process cluster: an edge that keeps what is not acknowledged and sends it again, a cluster
//! that is lost with everything in it, a centre that is started anew. Every sample is in the history once.

use hypocaust_central::ambient::monotonic;
use hypocaust_central::api::Gate;
use hypocaust_central::bus::{Bus, Durable, Forward, Use, topics};
use hypocaust_central::journal::{self, Draft, Head, Store};
use hypocaust_central::shell::metrics::Metrics;
use hypocaust_central::shell::term::{Held, Term};
use hypocaust_central::telemetry::{self, Arrived, Error, Fate, History, Mark, Mean, Point, Sqlite};
use hypocaust_central::users::Users;
use hypocaust_protocols::kafka::in_process::Cluster;
use hypocaust_protocols::kafka::{Consumer, Settings, Start};
use hypocaust_protocols::model::{Fleet, Millis, PlantId, Quality, Sample, TagId};
use hypocaust_protocols::wire::{Entry, Range};
use hypocaust_protocols::{files, metrics};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

const WITHIN: Duration = Duration::from_secs(30);
const TAG: &str = "north.b1.heat";

fn fleet() -> Arc<Fleet> {
    Arc::new(files::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small")).expect("it is right"))
}

fn north() -> PlantId {
    PlantId::new("north").expect("an id")
}

fn entry(seq: u64, samples: usize) -> Entry {
    let tag = TagId::new(TAG).expect("an id");
    let at = Millis(1_000 * seq as i64);
    let sample = |n: usize| Sample {
        tag: tag.clone(),
        time: at.plus(n as i64),
        value: Some(seq as f64),
        quality: Quality::Good,
    };
    Entry { boot: 7, seq, device: "north.plc1".parse().expect("an id"), samples: (0..samples).map(sample).collect() }
}

/// A centre's bus, as it is started.
struct Centre {
    forward: Forward,
    durable: mpsc::Receiver<Durable>,
    metrics: Metrics,
    /// It leads as long as this is kept.
    _term: watch::Sender<Option<Held>>,
    _bus: Bus,
}

async fn centre<H: History + 'static>(
    bootstrap: &str,
    history: H,
    journal: &journal::sqlite::Sqlite,
    folder: &Path,
) -> Centre {
    let fleet = fleet();
    let metrics = Metrics::new(&fleet);
    let users = Users::open(&folder.join("users.db")).await.expect("a fresh folder");
    let gate = Gate::new(users, Arc::new(|| Millis(0)));
    let settings = Settings::new(bootstrap, "test", None).expect("host:port");
    let (tell, term) = Term::new();
    tell.send_replace(Some(Held { epoch: 1, until: monotonic() + Duration::from_secs(3600) }));
    let used = Use { metrics: metrics.clone(), gate, term };
    let (bus, forward, durable) =
        Bus::start(settings, fleet, history, journal.clone(), used).expect("the settings are right");
    Centre { forward, durable, metrics, _term: tell, _bus: bus }
}

/// An edge: keeps each entry until it is acknowledged.
struct Edge {
    spool: BTreeSet<u64>,
}

impl Edge {
    fn write(&mut self, seqs: std::ops::RangeInclusive<u64>) {
        self.spool.extend(seqs);
    }

    /// Sends all that it has.
    fn send(&self, centre: &Centre) {
        for seq in &self.spool {
            centre.forward.take(north(), entry(*seq, 3), true);
        }
    }

    /// Forgets what it is told, until at most so many are left.
    async fn forget(&mut self, centre: &mut Centre, left: usize) -> Result<(), String> {
        let told = async {
            while self.spool.len() > left {
                let (plant, ranges) = centre.durable.recv().await.expect("the bus lives");
                assert_eq!(plant, north());
                self.spool.retain(|seq| !ranges.iter().any(|r| r.contains(7, *seq)));
            }
        };
        tokio::time::timeout(WITHIN, told).await.map_err(|_| format!("not acknowledged: {:?}", self.spool.len()))
    }
}

/// What must be in the history when `last` entries were acknowledged.
async fn all_are_there_once<H: History>(history: &H, last: u64) -> Result<(), String> {
    let tag = TagId::new(TAG).expect("an id");
    let points = history.read(&tag, Millis(0), Millis(i64::MAX)).await.map_err(|e| e.to_string())?;
    let times: BTreeSet<i64> = points.iter().map(|p| p.time.0).collect();
    let wanted: BTreeSet<i64> = (1..=last as i64).flat_map(|seq| (0..3).map(move |n| 1_000 * seq + n)).collect();
    match (wanted.difference(&times).next(), points.len() - times.len()) {
        (Some(lost), _) => Err(format!("the sample of {lost} is lost")),
        (None, doubled @ 1..) => Err(format!("{doubled} samples are doubled")),
        (None, 0) => Ok(()),
    }
}

/// The story, on a history of this kind.
async fn story<H: History + Clone + 'static>(history: H, folder: &Path) -> Result<(), String> {
    let journal =
        journal::sqlite::Sqlite::open(&folder.join("journal.db"), &fleet().id).await.map_err(|e| e.to_string())?;
    let drafts = (0..30).map(|n| Draft { time: Millis(n), kind: "k".into(), schema: 1, body: "{}".into() }).collect();
    journal.append(&Head::genesis(&fleet().id), 1, drafts).await.map_err(|e| e.to_string())?;
    let mut edge = Edge { spool: BTreeSet::new() };

    let cluster = Cluster::start(&topics()).map_err(|e| e.to_string())?;
    let mut first = centre(&cluster.bootstrap(), history.clone(), &journal, folder).await;
    edge.write(1..=300);
    edge.send(&first);
    edge.forget(&mut first, 0).await?;
    // The acknowledgement of these is lost, and so they come again; the centre is started anew on the same cluster.
    edge.write(201..=300);
    edge.write(301..=400);
    drop(first);
    let mut second = centre(&cluster.bootstrap(), history.clone(), &journal, folder).await;
    edge.send(&second);
    edge.forget(&mut second, 0).await?;
    // Some are on their way when centre and cluster are lost; the new cluster knows nothing and counts from zero.
    edge.write(401..=500);
    edge.send(&second);
    drop(second);
    drop(cluster);
    let cluster = Cluster::start(&topics()).map_err(|e| e.to_string())?;
    let mut third = centre(&cluster.bootstrap(), history.clone(), &journal, folder).await;
    edge.write(350..=600);
    edge.send(&third);
    edge.forget(&mut third, 0).await?;
    all_are_there_once(&history, 600).await?;

    // The journal is on the new cluster, whole and in order.
    let settings = Settings::new(&cluster.bootstrap(), "test", None).map_err(|e| e.to_string())?;
    let reader = Consumer::new(&settings, "test").map_err(|e| e.to_string())?;
    reader.follow_all(&["heat.audit"], Start::Beginning).await.map_err(|e| e.to_string())?;
    for seq in 1..=30 {
        let next = tokio::time::timeout(WITHIN, reader.receive()).await.map_err(|_| format!("no entry {seq}"))?;
        let record = next.map_err(|e| e.to_string())?;
        let entry: serde_json::Value = serde_json::from_slice(&record.payload).map_err(|e| e.to_string())?;
        if entry["seq"] != seq || record.key.as_deref() != Some(b"small") {
            return Err(format!("wanted entry {seq}: {entry}"));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_is_there_once_whatever_is_lost_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let history = Sqlite::open(&folder.path().join("history.db")).await.unwrap();
    assert_eq!(story(history, folder.path()).await, Ok(()));
}

/// A history without one of its mechanisms, for the controls.
#[derive(Clone)]
struct Lacking {
    inner: Sqlite,
    /// What is stored and not only said to be: every entry, or every second one.
    keeps: fn(u64) -> bool,
    /// Stored under another boot each time: the ledger never finds a double.
    no_ledger: bool,
    round: Arc<AtomicU64>,
}

impl History for Lacking {
    async fn store(&self, batch: &[Arrived], marks: &[Mark]) -> Result<Vec<Fate>, Error> {
        let round = self.round.fetch_add(u64::from(self.no_ledger), Ordering::Relaxed);
        let kept: Vec<Arrived> = batch
            .iter()
            .filter(|a| (self.keeps)(a.entry.seq))
            .map(|a| Arrived { plant: a.plant.clone(), entry: Entry { boot: 7 + 1_000 * round, ..a.entry.clone() } })
            .collect();
        self.inner.store(&kept, marks).await?;
        Ok(vec![Fate::Stored; batch.len()])
    }
    async fn marks(&self, incarnation: &str) -> Result<Vec<Mark>, Error> {
        self.inner.marks(incarnation).await
    }
    async fn ranges(&self, plant: &PlantId) -> Result<Vec<Range>, Error> {
        if self.no_ledger {
            return Ok(self.inner.ranges(plant).await?.into_iter().map(|r| Range { boot: 7, ..r }).collect());
        }
        Ok(vec![Range { boot: 7, first: 1, last: 600 }])
    }
    async fn means(&self, tag: &TagId, from: Millis, to: Millis) -> Result<Vec<Mean>, Error> {
        self.inner.means(tag, from, to).await
    }
    async fn read(&self, tag: &TagId, from: Millis, to: Millis) -> Result<Vec<Point>, Error> {
        self.inner.read(tag, from, to).await
    }
}

async fn lacking(keeps: fn(u64) -> bool, no_ledger: bool) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let inner = telemetry::Sqlite::open(&folder.path().join("history.db")).await.unwrap();
    story(Lacking { inner, keeps, no_ledger, round: Arc::default() }, folder.path()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_ledger_samples_are_doubled_and_without_storing_they_are_lost() {
    let doubled = lacking(|_| true, true).await.expect_err("doubles must be seen");
    assert!(doubled.contains("are doubled"), "{doubled}");
    let lost = lacking(|seq| seq % 2 == 0, false).await.expect_err("a loss must be seen");
    assert!(lost.contains("is lost"), "{lost}");
}

/// Of north, what a metric counts.
fn counted(centre: &Centre, name: &str) -> f64 {
    let text = metrics::text(&centre.metrics.counted()).unwrap();
    let line = text.lines().find(|l| l.starts_with(&format!("{name}{{plant=\"north\"}}"))).expect("it is counted");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nobody_takes_it_what_is_on_its_way_is_bounded_and_the_rest_stays_with_the_edge() {
    let folder = tempfile::tempdir().unwrap();
    let history = Sqlite::open(&folder.path().join("history.db")).await.unwrap();
    let journal = journal::sqlite::Sqlite::open(&folder.path().join("journal.db"), &fleet().id).await.unwrap();
    // The port of a service that no machine runs any more.
    let centre = centre("127.0.0.1:1", history, &journal, folder.path()).await;
    for seq in 1..=3_000 {
        centre.forward.take(north(), entry(seq, 100), false);
    }
    let deferred = counted(&centre, "gl_001_samples_deferred_total");
    assert!((100_000.0..300_000.0).contains(&deferred), "{deferred} of 300000 samples stay with the edge");
    for seq in 1..=100 {
        centre.forward.take(north(), entry(seq, 100), true);
    }
    let repeated = counted(&centre, "gl_001_samples_duplicate_total");
    assert_eq!(repeated, 10_000.0, "what is on its way is not sent again");
}
