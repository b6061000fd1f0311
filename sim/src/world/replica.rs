//! One replica of the centre with what its shell would do: what goes wrong with it, what it hears, and the effects that it
//! carries out. How it comes to lead is [`standing`], what is written down of it is [`record`].

mod reader;
mod record;
mod standing;

pub(super) use reader::keep;
pub use record::{Actor, Ended, Leaderships, Overdue};

use super::history::means;
use super::nodes::Centre;
use super::requests::{Answer as Answered, Request};
use super::*;
use hypocaust_central::domain::{Answer, Effect, Input, forecast};
use hypocaust_central::election::{Effect as Said, Input as Heard, Replica};
use hypocaust_central::journal::{Entry as Record, Verifier};
use hypocaust_central::solver::{Bases, Rolling};
use hypocaust_edge::core::Input as EdgeInput;
use hypocaust_optimizer::Case;
use hypocaust_protocols::wire::metric;
use hypocaust_protocols::wire::subagent::Coordination;
use std::collections::VecDeque;

/// A broker that falls silent is missed after this time.
const SILENCE_MS: i64 = 5_000;
/// A replica that is to stop while it sends is stopped at the latest after this time.
const STALL_MS: i64 = 6_000;
/// Inputs that a stopped process finds when it wakes; the broker drops what is beyond.
const WAITING: usize = 500;
/// Inputs that wait for a replica which waits for its database; whoever brings more waits too.
const QUEUE: usize = 4096;

/// What goes wrong with one replica.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    Crash {
        down_ms: i64,
    },
    /// The process is stopped, as it sends commands if it does so soon, and later goes on where it was.
    Pause {
        ms: i64,
    },
    /// It cannot reach the database. `answers_lost`: what it sends still gets there at first, the answer does not.
    NoDatabase {
        ms: i64,
        answers_lost: bool,
    },
    NoBroker {
        ms: i64,
    },
    /// Nothing passes between it and this plant, either way.
    NoPlant {
        plant: PlantId,
        ms: i64,
    },
}

/// Which replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// The one that leads at that moment; the first one if none does.
    Leader,
    /// One that does not.
    Other,
}

/// What decides in it.
pub(super) enum Mind {
    Down,
    Following(Box<Domain>),
    Leading { epoch: u64, centre: Box<dyn Centre> },
}

pub(super) struct Node {
    me: Replica,
    /// Its monotonic clock began with this; no two agree.
    clock: u64,
    /// How often it was started.
    life: u32,
    pub mind: Mind,
    election: Election,
    tail: Verifier,
    pub starts_at: Option<i64>,
    /// When each is done.
    solves: Vec<(i64, Solve)>,
    rolling: Rolling,
    bases: Bases,
    paused_until: Option<i64>,
    /// Will be stopped as soon as it sends a command, and at that time at the latest, for so long.
    stalls: Option<(i64, i64)>,
    /// Handed to the network and not out when the process was stopped.
    outbox: Vec<Message>,
    inbox: VecDeque<Input>,
    /// The request to the database that it waits for.
    awaits: Option<Awaits>,
    /// What stands behind that.
    behind: Option<Behind>,
    /// What the last append has stored, until the domain has taken it.
    written: Vec<Record>,
    no_database: Option<i64>,
    answers_lost: bool,
    /// The same of the history.
    rows_lost: bool,
    reader: reader::Reader,
    no_broker: Option<(i64, i64)>,
    no_plant: BTreeMap<PlantId, i64>,
}

/// What a replica waits for in place.
struct Awaits {
    request: u64,
    /// By then it takes it that there is no answer; an append has no such time.
    patience: Option<i64>,
    /// Of its election, behind an answer about the lease.
    rest: standing::Rest,
}

/// Effects of the input that led to a wait, and inputs after it.
#[derive(Default)]
struct Behind {
    /// The leadership that has decided these effects.
    epoch: Option<u64>,
    effects: VecDeque<Effect>,
    inputs: VecDeque<Input>,
    /// The lease was asked for before the first of them.
    asked: bool,
}

/// What a replica was asked to solve.
enum Solve {
    Cycle(u64, Millis, Box<Case>),
    /// The base, and the losses from there.
    Losses(Millis, Box<Case>, Vec<(u64, Box<Case>)>),
    Late(Vec<u64>),
}

impl Solve {
    fn ids(&self) -> Vec<u64> {
        match self {
            Solve::Cycle(id, ..) => vec![*id],
            Solve::Losses(_, _, losses) => losses.iter().map(|(id, _)| *id).collect(),
            Solve::Late(ids) => ids.clone(),
        }
    }
}

impl Node {
    /// The answers of a solve that is done now.
    fn solved(&mut self, solve: Solve) -> Vec<(u64, Answer)> {
        match solve {
            Solve::Cycle(id, at, case) => vec![(id, self.rolling.solve(at, &case).into())],
            Solve::Losses(at, base, losses) => {
                let base = self.bases.stand(at, *base).ok();
                losses.into_iter().map(|(id, case)| (id, Bases::loss(base.as_deref(), &case).into())).collect()
            }
            Solve::Late(ids) => ids.into_iter().map(|id| (id, Answer::Late)).collect(),
        }
    }

    /// What this replica wrote it need not read, once its domain has taken it. A leadership that ended during the append
    /// has forgotten it, and reads it as what anybody wrote.
    fn keep_the_tail(&mut self) -> Result<(), String> {
        if self.state().is_some_and(|(_, head)| head != self.tail.head()) {
            let written = std::mem::take(&mut self.written);
            written.iter().try_for_each(|e| self.tail.step(e)).map_err(|broken| broken.to_string())?;
        }
        Ok(())
    }

    pub fn new(index: usize, fleet: &Fleet, timing: Timing, flight: Box<dyn Flying>) -> Self {
        let id = format!("c{}", index + 1);
        let me = Replica { address: format!("http://{id}"), id };
        // Clocks that differ by days.
        let clock = 86_400_000 * (3 * index as u64 + 1) + 137 * index as u64;
        Self {
            election: Election::new(me.clone(), timing, clock),
            me,
            clock,
            life: 0,
            mind: Mind::Down,
            tail: Verifier::new(&fleet.id, []),
            starts_at: Some(0),
            solves: Vec::new(),
            rolling: Rolling::default(),
            bases: Bases::default(),
            paused_until: None,
            stalls: None,
            outbox: Vec::new(),
            inbox: VecDeque::new(),
            awaits: None,
            behind: None,
            written: Vec::new(),
            no_database: None,
            answers_lost: false,
            rows_lost: false,
            reader: reader::Reader::new(flight),
            no_broker: None,
            no_plant: BTreeMap::new(),
        }
    }

    pub fn leading(&self) -> Option<(u64, &dyn Centre)> {
        match &self.mind {
            Mind::Leading { epoch, centre } => Some((*epoch, centre.as_ref())),
            _ => None,
        }
    }

    pub fn state(&self) -> Option<(&State, Head)> {
        match &self.mind {
            Mind::Down => None,
            Mind::Following(domain) => Some((domain.state(), domain.head())),
            Mind::Leading { centre, .. } => Some((centre.state(), centre.domain().head())),
        }
    }

    fn fit(&self) -> bool {
        !matches!(self.mind, Mind::Down)
            && self.paused_until.is_none()
            && !self.waits()
            && self.no_database.is_none()
            && self.no_broker.is_none()
    }

    /// Has it asked the database for something?
    pub fn waits(&self) -> bool {
        self.awaits.is_some()
    }

    /// Does what this replica sends reach the plant, and the other way round?
    pub fn reaches(&self, plant: &PlantId) -> bool {
        self.no_broker.is_none() && !self.no_plant.contains_key(plant)
    }
}

impl World {
    fn clock_of(&self, r: usize) -> u64 {
        self.replicas[r].clock + self.now as u64
    }

    /// The replica that leads and can act, if one does.
    pub(super) fn leader(&self) -> Option<usize> {
        let acts = |r: &usize| {
            let node = &self.replicas[*r];
            node.leading().is_some() && node.paused_until.is_none() && node.election.leads(self.clock_of(*r)).is_some()
        };
        (0..self.replicas.len()).find(acts)
    }

    pub(super) fn trouble(&mut self, whom: Whom, trouble: &Trouble) {
        let leader = self.leader().unwrap_or(0);
        let r = match whom {
            Whom::Leader => leader,
            Whom::Other => (leader + 1) % self.replicas.len(),
        };
        let now = self.now;
        self.record.idle = 0;
        let led = self.replicas[r].leading().is_some();
        let node = &mut self.replicas[r];
        match trouble {
            Trouble::Crash { down_ms } => {
                node.mind = Mind::Down;
                node.solves.clear();
                (node.rolling, node.bases) = Default::default();
                node.inbox.clear();
                node.outbox.clear();
                (node.paused_until, node.stalls) = (None, None);
                (node.awaits, node.behind) = (None, None);
                node.written.clear();
                node.reader = reader::Reader::new((self.flight)());
                self.bus.forget((r, node.life));
                node.starts_at = Some(now + down_ms);
                if led && self.replicas.len() > 1 {
                    self.primary_host(false);
                }
            }
            Trouble::Pause { ms } => node.stalls = Some((now + STALL_MS, *ms)),
            Trouble::NoDatabase { ms, answers_lost } => {
                node.no_database = Some(now + ms);
                (node.answers_lost, node.rows_lost) = (*answers_lost, *answers_lost);
            }
            Trouble::NoBroker { ms } => node.no_broker = Some((now, now + ms)),
            Trouble::NoPlant { plant, ms } => {
                node.no_plant.insert(plant.clone(), now + ms);
            }
        }
    }

    /// The broker tells the edges that the primary host is gone, or a new one tells them that it is there.
    fn primary_host(&mut self, online: bool) {
        let due = self.now + if online { 500 } else { 200 };
        for i in 0..self.sites.len() {
            if self.network.is_parted(&self.sites[i].plant) || self.sites[i].link == online {
                continue;
            }
            self.sites[i].link_due = Some((due, online));
            if !online {
                let plant = self.sites[i].plant.clone();
                self.deaths.push((due, plant));
            }
        }
    }

    /// One step of every replica.
    pub(super) fn centre_step(&mut self) {
        let now = self.now;
        let dead: Vec<PlantId> = self.deaths.iter().filter(|d| d.0 <= now).map(|d| d.1.clone()).collect();
        self.deaths.retain(|d| d.0 > now);
        for plant in dead {
            self.tell_all(&plant, &Input::EdgeDeath { plant: plant.clone() });
        }
        self.database_step();
        for r in 0..self.replicas.len() {
            self.replica_step(r);
        }
        self.agents_step();
        let leader = self.leader();
        let fit = self.replicas.iter().any(Node::fit);
        self.record.idle = if leader.is_none() && fit { self.record.idle + STEP_MS } else { 0 };
        self.record.longest_idle = self.record.longest_idle.max(self.record.idle);
        self.bus_step();
    }

    /// Whoever leads, or believes that it does, hears the agents.
    fn agents_step(&mut self) {
        let wall = self.wall();
        let Some(agents) = self.agents.as_mut().filter(|_| !self.bus.weather.down) else { return };
        for message in agents.step(wall) {
            for r in 0..self.replicas.len() {
                if self.replicas[r].leading().is_some() {
                    self.tell(r, Input::Subagent { message: message.clone() });
                }
            }
        }
    }

    fn replica_step(&mut self, r: usize) {
        self.mend(r);
        self.hear_of_database(r);
        if self.replicas[r].starts_at.is_some_and(|at| at <= self.now) && self.replicas[r].no_database.is_none() {
            self.start(r);
        }
        let node = &mut self.replicas[r];
        if matches!(node.mind, Mind::Down) || node.paused_until.is_some() || node.waits() {
            return;
        }
        if let Some((latest, ms)) = node.stalls
            && (latest <= self.now
                || node.outbox.iter().any(|m| matches!(m, Message::ToEdge(_, EdgeInput::Command(_)))))
        {
            node.stalls = None;
            node.paused_until = Some(self.now + ms);
            self.record.stopped.push((self.now, r));
            return;
        }
        let silent = node.no_broker.is_some_and(|(since, _)| self.now - since >= SILENCE_MS);
        if self.stand(r, Heard::Reach(!silent)) || self.stand(r, Heard::Tick) {
            return;
        }
        self.follow(r);
        let (done, waiting) = std::mem::take(&mut self.replicas[r].solves).into_iter().partition(|s| s.0 <= self.now);
        self.replicas[r].solves = waiting;
        for (_, solve) in done {
            for (id, answer) in self.replicas[r].solved(solve) {
                self.tell(r, Input::Solved { id, answer });
            }
        }
        self.tell(r, Input::Clock);
    }

    /// What was to last until now is over.
    fn mend(&mut self, r: usize) {
        let now = self.now;
        let node = &mut self.replicas[r];
        node.no_database = node.no_database.filter(|until| *until > now);
        node.no_plant.retain(|_, until| *until > now);
        let heard_again = node.no_broker.take_if(|(_, until)| *until <= now).is_some();
        let woken = node.paused_until.take_if(|until| *until <= now).is_some();
        if woken {
            // What lay in its socket goes out before it does anything; then it finds what came meanwhile.
            for message in std::mem::take(&mut self.replicas[r].outbox) {
                self.pass(r, message);
            }
            self.store_due(r, true);
            for input in std::mem::take(&mut self.replicas[r].inbox) {
                self.tell(r, input);
            }
        }
        if woken || heard_again {
            self.ask_for_births();
        }
    }

    fn ask_for_births(&mut self) {
        for site in self.sites.iter_mut().filter(|s| s.link) {
            // A host that starts asks every node to be born again.
            site.birth_due = Some(self.now + 300);
        }
    }

    /// Something from a plant, to every replica that hears it.
    pub(super) fn tell_all(&mut self, plant: &PlantId, input: &Input) {
        for r in 0..self.replicas.len() {
            if self.replicas[r].reaches(plant) {
                self.tell(r, input.clone());
            }
        }
    }

    fn tell(&mut self, r: usize, input: Input) {
        let node = &mut self.replicas[r];
        if node.paused_until.is_some() || node.waits() {
            if node.inbox.len() < if node.waits() { QUEUE } else { WAITING } {
                node.inbox.push_back(input);
            }
            return;
        }
        self.work(r, Behind { inputs: VecDeque::from([input]), ..Behind::default() });
    }

    /// The epoch in which this replica leads and may act.
    fn may_act(&self, r: usize) -> Option<u64> {
        let (epoch, _) = self.replicas[r].leading()?;
        (self.may_act)(&self.replicas[r].election, self.clock_of(r)).filter(|e| *e == epoch)
    }

    /// Effects and inputs in their order, until the database has to be waited for.
    fn work(&mut self, r: usize, mut behind: Behind) {
        let wall = self.wall();
        loop {
            while let Some(effect) = behind.effects.pop_front() {
                if effect.needs_the_lease() && self.may_act(r).is_none() {
                    if !behind.asked && self.stand(r, Heard::Tick) {
                        behind.effects.push_front(effect);
                        return self.put_behind(r, Behind { asked: true, ..behind });
                    }
                    behind.asked = false;
                    if self.may_act(r).is_none_or(|now_leads| Some(now_leads) != behind.epoch) {
                        continue;
                    }
                }
                behind.asked = false;
                if self.carry_out(r, effect, &mut behind.inputs) {
                    return self.put_behind(r, behind);
                }
            }
            let Some(input) = behind.inputs.pop_front() else { return };
            let renews = self.replicas[r].election.renews(self.clock_of(r));
            let asks = self.replicas[r].leading().is_some() && (self.may_act(r).is_none() || renews);
            if asks && !behind.asked && self.stand(r, Heard::Tick) {
                behind.inputs.push_front(input);
                return self.put_behind(r, Behind { asked: true, ..behind });
            }
            behind.asked = false;
            behind.epoch = self.replicas[r].leading().map(|(epoch, _)| epoch);
            let answer = matches!(&input, Input::Subagent { message: Coordination::Report(_) });
            behind.effects = match &mut self.replicas[r].mind {
                Mind::Down => return,
                Mind::Following(domain) => domain.handle(wall, input),
                Mind::Leading { centre, .. } => {
                    let effects = centre.handle(wall, input);
                    for kept in centre.domain().subagents().kept().filter(|_| answer) {
                        self.advice.entry(kept.asked.id.clone()).or_insert_with(|| (wall, kept.clone()));
                    }
                    effects
                }
            }
            .into();
            if let Err(why) = self.replicas[r].keep_the_tail() {
                return self.end(r, why);
            }
        }
    }

    fn put_behind(&mut self, r: usize, behind: Behind) {
        self.replicas[r].behind = Some(behind);
    }

    /// The database has answered, or was waited for long enough: what stood behind that goes on, and then what came
    /// meanwhile.
    fn hear_of_database(&mut self, r: usize) {
        let now = self.now;
        let node = &mut self.replicas[r];
        if node.paused_until.is_some() {
            return;
        }
        let Some(Awaits { request, patience, mut rest }) = node.awaits.take() else { return };
        let cut = node.no_database.is_some();
        match self.requests.answer(now, request) {
            Some(Answered::Append { entries, result }) => {
                let input = self.appended(r, entries, result, cut);
                let leads = Election::leads(&self.replicas[r].election, self.clock_of(r));
                self.record.outlived += usize::from(leads.is_none());
                self.replicas[r].behind.get_or_insert_default().inputs.push_back(input);
            }
            Some(Answered::Lease(_)) if cut => rest.heard.push_back(Heard::NoAnswer("the answer was lost".into())),
            Some(Answered::Lease(heard)) => rest.heard.push_back(heard),
            None if patience.is_some_and(|until| now >= until) => {
                rest.heard.push_back(Heard::NoAnswer("the lease's store did not answer in time".into()));
            }
            None => {
                node.awaits = Some(Awaits { request, patience, rest });
                return;
            }
        }
        if self.go_on_standing(r, rest) {
            return;
        }
        if let Some(behind) = self.replicas[r].behind.take() {
            self.work(r, behind);
        }
        for input in std::mem::take(&mut self.replicas[r].inbox) {
            self.tell(r, input);
        }
    }

    /// What the replica hears of an append that the database has seen.
    fn appended(&mut self, r: usize, entries: Vec<Record>, result: Result<Head, String>, cut: bool) -> Input {
        match result {
            Ok(_) if cut => Input::AppendFailed { reason: "the answer was lost".into() },
            Ok(head) => {
                self.replicas[r].written.clone_from(&entries);
                self.record.accepted.extend(entries);
                Input::Appended { head }
            }
            Err(reason) => Input::AppendFailed { reason },
        }
    }

    /// Something that needs the lease is done in this epoch: was there one?
    fn acts(&mut self, r: usize, epoch: u64) {
        let until = self.record.leases.get(&epoch).copied().unwrap_or(self.now + 1);
        if self.now >= until {
            self.record.overdue.push(Overdue { at: self.now, replica: r, epoch, late_ms: self.now - until });
        }
    }

    /// Does what an effect asks; true: an answer of the database is to be waited for.
    fn carry_out(&mut self, r: usize, effect: Effect, inputs: &mut VecDeque<Input>) -> bool {
        let actor = (r, self.replicas[r].life);
        match effect {
            Effect::Append { expected, epoch, drafts } => {
                self.acts(r, epoch);
                let node = &mut self.replicas[r];
                let cut = node.no_database.is_some();
                if cut && !std::mem::take(&mut node.answers_lost) {
                    inputs.push_back(Input::AppendFailed { reason: "the database does not answer".into() });
                    return false;
                }
                match self.ask_database(actor, Request::Append { expected, epoch, drafts }) {
                    Ok(Answered::Append { entries, result }) => {
                        inputs.push_back(self.appended(r, entries, result, cut))
                    }
                    Ok(Answered::Lease(_)) => unreachable!("an append is answered as one"),
                    Err(request) => {
                        let rest = standing::Rest::default();
                        self.replicas[r].awaits = Some(Awaits { request, patience: None, rest });
                        return true;
                    }
                }
            }
            Effect::Solve { id, at, case } => self.solve(r, Solve::Cycle(id, at, case)),
            Effect::SolveLosses { at, base, losses } => self.solve(r, Solve::Losses(at, base, losses)),
            Effect::Foresee { wanted } => {
                let means = means(self.history.rows(), &wanted);
                let past = |tag: &TagId| means.get(tag).cloned().unwrap_or_default();
                inputs.push_back(Input::Foreseen { forecasts: Box::new(forecast::foresee(&wanted, past)) });
            }
            Effect::Send { plant, metric: name, signed } => {
                let input = match name {
                    metric::COMMAND => {
                        let sealed: Option<Command> = serde_json::from_str(&signed.body).ok();
                        let epoch = sealed.map_or(0, |c| c.epoch);
                        self.acts(r, epoch);
                        self.record.actors.entry(epoch).or_default().insert(actor);
                        self.commands.push((self.now, plant.clone(), signed.clone()));
                        EdgeInput::Command(signed)
                    }
                    metric::BEAT => EdgeInput::Beat(signed),
                    _ => EdgeInput::Table(signed),
                };
                self.send_to_edge(r, plant, input);
            }
            Effect::Task { task } => {
                let wall = self.wall();
                // A task that the bus does not take is not asked, and ends by its deadline.
                if let Some(agents) = self.agents.as_mut().filter(|_| !self.bus.weather.down) {
                    agents.ask(wall, *task);
                }
            }
            Effect::Reply { .. } => {}
            Effect::StepDown { reason } => {
                self.stepped_down.push(reason.clone());
                return self.stand(r, Heard::Deposed { reason });
            }
        }
        false
    }

    /// As long as the world says it takes; one that takes too long is late.
    fn solve(&mut self, r: usize, solve: Solve) {
        let limit_ms = (self.fleet.limits.solve_limit_s * 1e3) as i64;
        let solve = if self.solve_ms <= limit_ms { solve } else { Solve::Late(solve.ids()) };
        self.replicas[r].solves.push((self.now + self.solve_ms.min(limit_ms), solve));
    }

    fn send_to_edge(&mut self, r: usize, plant: PlantId, input: EdgeInput) {
        let message = Message::ToEdge(plant, input);
        if self.replicas[r].stalls.is_some() {
            self.replicas[r].outbox.push(message);
            return;
        }
        self.pass(r, message);
    }

    fn pass(&mut self, r: usize, message: Message) {
        if let Message::ToEdge(plant, _) = &message
            && self.replicas[r].reaches(plant)
        {
            self.network.send(self.now, message);
        }
    }
}
