//! The world: physics and PLCs, one real edge core a plant, the replicas of the centre (each a real election and a real
//! domain) on one database, the real optimizer, and a faulty network and a faulty bus between them, in one thread under one
//! virtual clock. Everything comes from a seed, so a run can be repeated.
//!
//! The world stands where the shells stand: it scans and writes, keeps the spool, opens sessions, stores the journal and
//! the history. A crash takes everything of a program but what it had put on its disk.

mod agents;
mod bus;
mod database;
mod history;
mod network;
mod nodes;
mod replica;
mod requests;
mod run;
mod site;

pub use agents::{Answers, Told};
pub use bus::{Bus, BusWeather};
pub use database::Database;
pub use history::{History, Ledgered};
pub use network::{Message, Network, Weather};
pub use nodes::{Centre, EdgeNode, Flying};
pub use replica::{Actor, Ended, Leaderships, Overdue, Trouble, Whom};
pub use requests::Took;

use crate::fault::{Fault, inject};
use crate::physics::Enterprise;
use crate::plc::Plants;
use agents::Agents;
use hypocaust_central::bus::{Flight, SAMPLES};
use hypocaust_central::domain::subagents::Kept;
use hypocaust_central::domain::{Domain, Event, Judges, Mode, Plan, State};
use hypocaust_central::election::{Election, Timing};
use hypocaust_central::journal::{Head, Memory as Journal};
use hypocaust_edge::core::{Core, Memory, Now};
use hypocaust_protocols::model::{Fleet, FleetId, Limits, Millis, PlantId, TagId, Tick};
use hypocaust_protocols::wire::{Command, Entry, Outcome, Signed, SigningKey, VerifyingKey};
use requests::Requests;
use site::Site;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One step of the world.
pub const STEP_MS: i64 = 100;
/// How long a session takes to notice that the other end is gone (MQTT keep-alive).
const KEEP_ALIVE_MS: i64 = 3_000;
/// An entry without acknowledgement is sent again after this time.
const AGAIN_MS: i64 = 30_000;
/// Virtual time that a solve takes when nothing is wrong.
pub const SOLVE_MS: i64 = 200;

/// What happens to the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    Plant(PlantId, Fault),
    Part(PlantId),
    Heal(PlantId),
    Weather(Weather),
    EdgeCrash {
        plant: PlantId,
        down_ms: i64,
    },
    CentreCrash {
        down_ms: i64,
    },
    /// To one replica of the centre, and nothing else.
    Centre(Whom, Trouble),
    Bus(BusWeather),
    /// The cluster is lost with everything in it; another one is in its place.
    BusLost,
    /// From now on an append takes so long, and so does a look at the lease or a swap of it.
    AppendsTake(Took),
    /// From now on a solve takes so long; one beyond the limit ends at the limit, without an answer.
    SolvesTake {
        ms: i64,
    },
    /// From now on this share of lightings fails, 0 to 1.
    StartsFail {
        share: f64,
    },
}

/// Makes an edge that resumes from what was on its disk.
pub type MakeEdge = fn(Arc<Fleet>, &PlantId, VerifyingKey, u64, Memory, Now) -> Option<Box<dyn EdgeNode>>;
/// Makes a leader of this epoch from the fold of the journal.
pub type MakeCentre = fn(Arc<Fleet>, SigningKey, u64, State, Head) -> Box<dyn Centre>;

/// The epoch in which a replica may act at this moment of its clock, as its election has it.
pub type MayAct = fn(&Election, u64) -> Option<u64>;

/// How the cores are made; tests replace one to show that a check sees the difference.
pub struct Makers {
    pub edge: MakeEdge,
    pub centre: MakeCentre,
    pub history: Box<dyn History>,
    pub database: fn(&FleetId) -> Box<dyn Database>,
    pub flight: fn() -> Box<dyn Flying>,
    /// The id of the cluster before which there were so many.
    pub cluster: fn(u64) -> String,
    /// What a replica asks before it takes an input as a leader, and before each effect that needs the lease.
    pub may_act: MayAct,
    /// The times of the replicas' elections.
    pub timing: fn(&Limits) -> Timing,
    /// Replicas of the centre.
    pub centres: usize,
    /// Do the reference sub-agents run?
    pub agents: bool,
    /// A sub-agent that forecasts what consumers will ask for, beside the reference agents; no program of ours does.
    pub forecaster: Option<Answers>,
}

impl Default for Makers {
    fn default() -> Self {
        Self {
            edge: |fleet, plant, key, boot, memory, now| {
                Some(Box::new(Core::new(fleet, plant, key, boot, memory, now)?) as Box<dyn EdgeNode>)
            },
            centre: |fleet, key, epoch, state, head| {
                Box::new(Domain::new(fleet, key, Judges::ours(), epoch, state, head))
            },
            history: Box::<Ledgered>::default(),
            database: |fleet| Box::new(Journal::new(fleet)),
            flight: || Box::new(Flight::new(SAMPLES)),
            cluster: |generation| format!("cluster-{generation}"),
            may_act: Election::leads,
            timing: Timing::of,
            centres: 1,
            agents: false,
            forecaster: None,
        }
    }
}

/// A register that an edge wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrote {
    pub at: i64,
    pub setpoint: TagId,
    pub value: f64,
}

/// A message of a leader that had been superseded.
#[derive(Debug, Clone, PartialEq)]
pub struct Stale {
    pub at: i64,
    pub plant: PlantId,
    pub what: &'static str,
    pub epoch: u64,
    /// What the edge knew by then.
    pub known: u64,
    pub refused: bool,
}

pub struct World {
    pub fleet: Arc<Fleet>,
    pub plants: Plants,
    /// Milliseconds since the beginning.
    pub now: i64,
    pub journal: Box<dyn Database>,
    pub history: Box<dyn History>,
    pub bus: Bus,
    pub network: Network,
    pub key: SigningKey,
    /// Every entry that was ever put into a spool.
    pub spooled: Vec<(PlantId, Entry)>,
    pub writes: Vec<Wrote>,
    pub outcomes: Vec<(i64, PlantId, Outcome)>,
    /// Commands as they left the centre.
    pub commands: Vec<(i64, PlantId, Signed)>,
    pub stepped_down: Vec<String>,
    /// Contingency tables as they came to the edges.
    pub tables: Vec<(i64, PlantId, Signed)>,
    /// What the edges told.
    pub events: Vec<(i64, PlantId, hypocaust_edge::core::Event)>,
    make_edge: MakeEdge,
    make_centre: MakeCentre,
    flight: fn() -> Box<dyn Flying>,
    may_act: MayAct,
    timing: Timing,
    requests: Requests,
    solve_ms: i64,
    sites: Vec<Site>,
    replicas: Vec<replica::Node>,
    agents: Option<Agents>,
    /// Answers of sub-agents that a leader used, by their task, and when it was first seen to.
    pub advice: BTreeMap<String, (Millis, Kept)>,
    /// Who led and acted.
    pub record: Leaderships,
    /// Signed messages of a lower epoch than their edge knew, and what it did with them.
    pub stale: Vec<Stale>,
    deaths: Vec<(i64, PlantId)>,
}

impl World {
    pub fn new(fleet: Arc<Fleet>, seed: u64, start_hour: f64, makers: Makers) -> Self {
        let physics = Enterprise::new(&fleet, seed, start_hour);
        let timing = (makers.timing)(&fleet.limits);
        Self {
            plants: Plants::new(Arc::clone(&fleet), physics),
            now: 0,
            journal: (makers.database)(&fleet.id),
            history: makers.history,
            bus: Bus::new(seed, makers.cluster),
            network: Network::new(seed),
            // A key of the simulated world; it guards nothing real.
            key: SigningKey::from_bytes(&[7; 32]),
            spooled: Vec::new(),
            writes: Vec::new(),
            outcomes: Vec::new(),
            commands: Vec::new(),
            stepped_down: Vec::new(),
            tables: Vec::new(),
            events: Vec::new(),
            solve_ms: SOLVE_MS,
            make_edge: makers.edge,
            make_centre: makers.centre,
            flight: makers.flight,
            may_act: makers.may_act,
            timing,
            requests: Requests::new(seed),
            sites: fleet.plants.iter().map(|p| Site::new(p.id.clone())).collect(),
            replicas: (0..makers.centres.max(1))
                .map(|index| replica::Node::new(index, &fleet, timing, (makers.flight)()))
                .collect(),
            agents: (makers.agents || makers.forecaster.is_some()).then(|| Agents::new(seed, makers.forecaster)),
            advice: BTreeMap::new(),
            record: Leaderships::default(),
            stale: Vec::new(),
            deaths: Vec::new(),
            fleet,
        }
    }

    /// The wall clock: the world begins on 1 January 2026.
    pub fn wall(&self) -> Millis {
        Millis(1_767_225_600_000 + self.now)
    }

    fn edge_now(&self, i: usize) -> Now {
        Now { wall: self.wall(), tick: Tick((self.now - self.sites[i].booted_at).max(0) as u64) }
    }

    /// Boot and tick of an edge, as a command to it must carry them.
    pub fn stamp(&self, plant: &PlantId) -> Option<(u64, Tick)> {
        let i = self.sites.iter().position(|s| s.plant == *plant)?;
        Some((self.sites[i].boot, self.edge_now(i).tick))
    }

    /// The state of the leader that is at work.
    pub fn state(&self) -> Option<(&State, Head)> {
        let (_, centre) = self.replicas[self.leader()?].leading()?;
        Some((centre.state(), centre.domain().head()))
    }

    /// How the tasks of the present leader ended, by outcome.
    pub fn tasks(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        if let Some((_, centre)) = self.leader().and_then(|r| self.replicas[r].leading()) {
            for ((_, outcome), count) in centre.domain().subagents().counts() {
                *counts.entry(*outcome).or_default() += count;
            }
        }
        counts
    }

    /// Answers of sub-agents that came to the centre after their deadline.
    pub fn late_answers(&self) -> usize {
        self.agents.as_ref().map_or(0, |a| a.late)
    }

    /// What the forecaster has told, as it came.
    pub fn told(&self) -> &[Told] {
        self.agents.as_ref().map_or(&[], |a| &a.told)
    }

    /// The plan behind the schedule of the leader that is at work.
    pub fn plan(&self) -> Option<Arc<Plan>> {
        let (_, centre) = self.replicas[self.leader()?].leading()?;
        Some(centre.domain().plan()?.0)
    }

    /// State and head of every replica that is at work, whether it leads or follows.
    pub fn states(&self) -> Vec<(&State, Head)> {
        self.replicas.iter().filter_map(replica::Node::state).collect()
    }

    /// The latest epoch in which somebody has led.
    pub fn epoch(&self) -> u64 {
        self.record.led.last().map_or(0, |(_, _, epoch)| *epoch)
    }

    /// The highest epoch that this plant's edge has put on its disk.
    pub fn known_epoch(&self, plant: &PlantId) -> u64 {
        self.sites.iter().find(|s| s.plant == *plant).map_or(0, |s| s.memory.epoch)
    }

    /// Since when the leader has this plant in its hands: its edge takes orders. `None`: it has not.
    pub fn in_hand_since(&self, plant: &PlantId) -> Option<i64> {
        if !self.leads(plant) {
            return None;
        }
        let (_, centre) = self.replicas[self.leader()?].leading()?;
        let edge = centre.domain().image().edges.get(plant)?;
        let since = edge.remote_since.filter(|_| edge.mode == Mode::Remote)?;
        Some(since.since(self.wall()) + self.now)
    }

    /// How long a solve takes at this time, ms.
    pub fn solve_ms(&self) -> i64 {
        self.solve_ms
    }

    /// How long an append takes at this time at most, ms; the same for what is asked about the lease.
    pub fn append_ms(&self) -> i64 {
        self.requests.take.1
    }

    /// Is the edge of this plant at work?
    pub fn edge_runs(&self, plant: &PlantId) -> bool {
        self.sites.iter().any(|s| s.plant == *plant && s.node.is_some())
    }

    /// Does the centre reach this plant's edge: both at work, and a session between them? A leader that waits for its
    /// database is not at work.
    pub fn leads(&self, plant: &PlantId) -> bool {
        self.leader().is_some_and(|r| self.replicas[r].reaches(plant) && !self.replicas[r].waits())
            && self.sites.iter().any(|s| s.plant == *plant && s.node.is_some() && s.link)
    }

    pub fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Plant(plant, fault) => {
                inject(&mut self.plants, &self.fleet, plant.as_str(), fault)
                    .expect("a schedule of faults names what the fleet has");
            }
            Happening::Weather(weather) => self.network.weather = *weather,
            Happening::SolvesTake { ms } => self.solve_ms = *ms,
            Happening::StartsFail { share } => self.plants.physics.start_failure_share = *share,
            Happening::Part(plant) | Happening::Heal(plant) => {
                let parted = matches!(happening, Happening::Part(_));
                self.network.part(plant, parted);
                let due = self.now + if parted { KEEP_ALIVE_MS } else { 500 };
                if parted {
                    self.deaths.push((due, plant.clone()));
                }
                if let Some(site) = self.sites.iter_mut().find(|s| s.plant == *plant) {
                    site.link_due = Some((due, !parted));
                }
            }
            Happening::EdgeCrash { plant, down_ms } => {
                if let Some(site) = self.sites.iter_mut().find(|s| s.plant == *plant) {
                    site.node = None;
                    site.link = false;
                    site.link_due = None;
                    site.birth_due = None;
                    site.written.clear();
                    site.starts_at = Some(self.now + down_ms);
                    // The broker publishes the will.
                    self.deaths.push((self.now + KEEP_ALIVE_MS.min(*down_ms), plant.clone()));
                }
            }
            Happening::CentreCrash { down_ms } => self.trouble(Whom::Leader, &Trouble::Crash { down_ms: *down_ms }),
            Happening::Centre(whom, trouble) => self.trouble(*whom, trouble),
            Happening::Bus(weather) => self.bus.weather = *weather,
            Happening::BusLost => self.bus.replace(),
            Happening::AppendsTake(took) => self.requests.take = *took,
        }
    }

    /// The journal as events; its hashes are the journal's to verify.
    pub fn replayed(&self) -> Result<State, String> {
        let mut events = Vec::new();
        for entry in self.journal.entries() {
            events.push(Event::read(&entry).map_err(|e| e.to_string())?);
        }
        Ok(State::fold(&events))
    }
}
