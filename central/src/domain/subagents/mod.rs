//! The sub-agents: who is there and fit to be asked, what they were asked, which answers count.
//!
//! ```text
//!              register                beat missed, share of successes, failures in a row
//!   unknown ------------> healthy <------------------------------------> degraded
//!                            ^  \                                            |
//!                   register |   +------- `missed_beats` beats missed -------+--> removed
//!                            +---------------------------------------------------------+
//! ```
//! **What is a decision.** Who belongs to the fleet's agents and in which standing decides whom the centre believes, so
//! registration, restart, degradation, recovery, removal and the alarm of a cascade are events of the journal. A
//! heartbeat is no decision, it only keeps a lease. A task and its answer are none either: an answer is advice that moves
//! nothing by itself, and a schedule that rests on one names its task in its own event
//! ([`super::Schedule::told_by`]). Three agents that are asked about ten subjects every ten seconds would write 90,000
//! entries a day in which nothing was decided. Tasks and how they end are counted instead, by agent and outcome.
//!
//! **What counts as an answer.** One that comes to a task of this leader, from the agent that was asked, before the
//! deadline *by the arrival here*, whole and within the bounds of its kind, and as the first. Everything else changes
//! nothing and is counted under its reason. Ids of tasks begin with the epoch, so an answer to a former leader is known.
//!
//! **Leases run by arrival**, never by an agent's clock. A new leader has heard nobody yet: every member has a whole lease
//! from the leader's beginning. A removed agent is not taken back because it beats, only because it registers.
//!
//! **Breaker.** After `breaker_failures` failures in a row an agent is asked nothing for `breaker_open_s`, then one task to
//! see. The last good answer stays, marked stale with its age; one that its agent cannot give any more does not.

mod answer;
mod inputs;
#[cfg(test)]
mod tests;
mod view;

pub use answer::{Asked, Refused, admit};
pub use view::{FailureView, NumberView, ResultView, SubagentView, SubagentsView};

use super::event::Event;
use super::image::Image;
use super::state::State;
use hypocaust_protocols::model::{Fleet, Millis, PlantId, RunbookId, SubagentLimits};
use hypocaust_protocols::wire::subagent::{
    AgentId, Coordination, Heartbeat, Kind, Number, Outcome, Register, Report, Task, Time, catalogue, listed,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Ended tasks that are remembered, so that what comes too late is told from what nobody asked.
const ENDED_KEPT: usize = 2_000;
/// The page for whoever is called by the alarm of a cascade.
const RUNBOOK: &str = "subagents-down";
/// How often it is looked for something to ask.
const LOOK_MS: i64 = 500;

/// How far the centre believes an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    Healthy,
    Degraded,
    Removed,
}

impl Standing {
    pub const ALL: [Standing; 3] = [Standing::Healthy, Standing::Degraded, Standing::Removed];

    pub fn name(self) -> &'static str {
        match self {
            Standing::Healthy => "healthy",
            Standing::Degraded => "degraded",
            Standing::Removed => "removed",
        }
    }
}

/// An agent as the journal knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub standing: Standing,
    /// Since when, and why it is not healthy.
    pub since: Millis,
    pub why: Option<String>,
    pub registered: Millis,
    pub version: String,
    pub capabilities: Vec<String>,
    /// Of its present start; `None` before its first heartbeat.
    pub boot: Option<u64>,
}

/// How a task ended without an answer that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub time: Millis,
    pub task: String,
    /// A code of `docs/error-codes.md`, such as `GL-E-AGENT-TIMEOUT`.
    pub code: &'static str,
    pub reason: String,
}

/// An answer that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub asked: Asked,
    /// When it came here.
    pub at: Millis,
    pub outcome: Outcome,
    pub values: BTreeMap<String, Number>,
    pub reason: Option<String>,
}

/// What this leader has heard of an agent.
#[derive(Debug, Clone, Default)]
struct Heard {
    register: Option<Register>,
    beat: Option<(Millis, Heartbeat)>,
    failures: u32,
    /// The breaker is open since then.
    open: Option<Millis>,
    failure: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Answered,
    /// Its deadline passed.
    Late,
    /// Its agent was restarted or removed.
    Lost,
}

/// What a leader knows of the agents besides the journal's state.
#[derive(Debug)]
pub struct Registry {
    admit: fn(&Asked, &Report, Millis) -> Result<(), Refused>,
    began: Option<Millis>,
    looked: Option<Millis>,
    heard: BTreeMap<AgentId, Heard>,
    open: BTreeMap<String, Asked>,
    ended: BTreeMap<u64, (Asked, End)>,
    next: u64,
    last_asked: BTreeMap<(AgentId, String), Millis>,
    /// The latest answer that counts, and the latest that was `done`, unless its agent has said since that it cannot tell.
    latest: BTreeMap<(AgentId, String), Kept>,
    good: BTreeMap<(AgentId, String), Kept>,
    counts: BTreeMap<(AgentId, &'static str), u64>,
}

impl Registry {
    /// `admit` says why an answer to this task does not count; see [`admit`].
    pub fn new(admit: fn(&Asked, &Report, Millis) -> Result<(), Refused>) -> Registry {
        Registry {
            admit,
            began: None,
            looked: None,
            heard: BTreeMap::new(),
            open: BTreeMap::new(),
            ended: BTreeMap::new(),
            next: 1,
            last_asked: BTreeMap::new(),
            latest: BTreeMap::new(),
            good: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// How tasks ended, by agent and outcome.
    pub fn counts(&self) -> &BTreeMap<(AgentId, &'static str), u64> {
        &self.counts
    }

    /// Every answer that counts and is kept, the latest of each subject.
    pub fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.latest.values()
    }

    /// The latest answers of this kind that were `done`, of a member that is not removed and has not said since that it
    /// cannot tell.
    pub fn good(&self, state: &State, kind: Kind) -> impl Iterator<Item = &Kept> {
        let agent = kind.agent();
        let there = state.subagents.get(&agent).is_some_and(|m| m.standing != Standing::Removed);
        self.good.iter().filter(move |((a, _), _)| there && *a == agent).map(|(_, kept)| kept)
    }

    fn count(&mut self, agent: AgentId, outcome: &'static str) {
        *self.counts.entry((agent, outcome)).or_default() += 1;
    }

    // ---- what comes in ----

    /// Takes a message of the coordination topic.
    pub fn hear(&mut self, state: &State, limits: &SubagentLimits, message: Coordination, epoch: u64, now: Millis) {
        match message {
            Coordination::Register(register) => {
                let agent = register.agent;
                self.heard.entry(agent).or_default().register = Some(register);
            }
            Coordination::Heartbeat(beat) => {
                let heard = self.heard.entry(beat.agent).or_default();
                let known =
                    heard.beat.as_ref().map(|(_, b)| b.boot).max(state.subagents.get(&beat.agent).and_then(|m| m.boot));
                // One of an earlier start was held back somewhere; that process is gone.
                if known.is_some_and(|boot| beat.boot < boot) {
                    return;
                }
                let (agent, restarted) = (beat.agent, known.is_some_and(|boot| beat.boot > boot));
                heard.beat = Some((now, beat));
                if restarted {
                    self.crashed(limits, agent, "the agent was started anew while it held the task", now);
                }
            }
            Coordination::Report(report) => self.answer(limits, report, epoch, now),
        }
    }

    fn answer(&mut self, limits: &SubagentLimits, report: Report, epoch: u64, now: Millis) {
        let agent = report.agent;
        match self.judged(&report, epoch, now) {
            Ok(asked) => {
                self.open.remove(&report.task);
                self.remember(asked.clone(), End::Answered);
                self.count(agent, report.outcome.name());
                let key = (agent, asked.subject.clone());
                let Report { outcome, values, reason, .. } = report;
                let kept = Kept { asked, at: now, outcome, values, reason };
                if outcome == Outcome::Failed {
                    let reason = kept.reason.clone().unwrap_or_default();
                    self.failed(limits, agent, kept.asked.id.clone(), "GL-E-AGENT-CRASH", reason, now);
                } else {
                    let heard = self.heard.entry(agent).or_default();
                    (heard.failures, heard.open) = (0, None);
                }
                match outcome {
                    Outcome::Done => drop(self.good.insert(key.clone(), kept.clone())),
                    // What it told before it does not stand by any more.
                    Outcome::CannotTell => drop(self.good.remove(&key)),
                    Outcome::Failed => {}
                }
                self.latest.insert(key, kept);
            }
            Err(refused) => {
                self.count(agent, refused.name());
                if let Refused::Invalid(why) = refused
                    && let Some(asked) = self.open.remove(&report.task)
                {
                    self.failed(limits, agent, asked.id.clone(), "GL-E-AGENT-OUTPUT-INVALID", why, now);
                    self.remember(asked, End::Answered);
                }
            }
        }
    }

    /// The task that this answers, or why it does not count.
    fn judged(&self, report: &Report, epoch: u64, now: Millis) -> Result<Asked, Refused> {
        let (of, number) = answer::parse(&report.task).ok_or(Refused::Unknown)?;
        if of < epoch {
            return Err(Refused::OldEpoch);
        }
        let asked = match self.open.get(&report.task) {
            Some(asked) => asked,
            None => match self.ended.get(&number).filter(|(a, _)| a.id == report.task) {
                Some((_, End::Answered)) => return Err(Refused::Duplicate),
                Some((_, End::Lost)) => return Err(Refused::Lost),
                Some((asked, End::Late)) => asked,
                None => return Err(Refused::Unknown),
            },
        };
        (self.admit)(asked, report, now)?;
        Ok(asked.clone())
    }

    fn remember(&mut self, asked: Asked, end: End) {
        if let Some((_, number)) = answer::parse(&asked.id) {
            self.ended.insert(number, (asked, end));
        }
        while self.ended.len() > ENDED_KEPT {
            self.ended.pop_first();
        }
    }

    fn failed(
        &mut self,
        limits: &SubagentLimits,
        agent: AgentId,
        task: String,
        code: &'static str,
        reason: String,
        now: Millis,
    ) {
        let heard = self.heard.entry(agent).or_default();
        heard.failures += 1;
        if heard.failures >= limits.breaker_failures {
            heard.open = Some(now);
        }
        heard.failure = Some(Failure { time: now, task, code, reason });
    }

    /// Ends every task that this agent holds: whoever held it is gone.
    fn crashed(&mut self, limits: &SubagentLimits, agent: AgentId, why: &str, now: Millis) {
        let ids: Vec<String> = self.open.values().filter(|a| a.agent == agent).map(|a| a.id.clone()).collect();
        for asked in ids.iter().filter_map(|id| self.open.remove(id)).collect::<Vec<_>>() {
            self.count(agent, "crash");
            self.failed(limits, agent, asked.id.clone(), "GL-E-AGENT-CRASH", why.to_owned(), now);
            self.remember(asked, End::Lost);
        }
    }

    /// Ends the tasks whose deadline has passed.
    pub fn sweep(&mut self, limits: &SubagentLimits, now: Millis) {
        let late: Vec<String> = self.open.values().filter(|a| now > a.deadline).map(|a| a.id.clone()).collect();
        for asked in late.iter().filter_map(|id| self.open.remove(id)).collect::<Vec<_>>() {
            self.count(asked.agent, "timeout");
            let why = format!("no answer within {} s", limits.answer_s);
            self.failed(limits, asked.agent, asked.id.clone(), "GL-E-AGENT-TIMEOUT", why, now);
            self.remember(asked, End::Late);
        }
    }

    // ---- who is there ----

    /// What is not as the journal has it: who came, was started anew, is doubtful, is well again, is gone.
    pub fn decide(&mut self, fleet: &Fleet, state: &State, now: Millis) -> Vec<Event> {
        let began = *self.began.get_or_insert(now);
        let limits = &fleet.limits.subagents;
        let mut events = Vec::new();
        for agent in AgentId::all() {
            let member = state.subagents.get(&agent);
            let removed = member.is_none_or(|m| m.standing == Standing::Removed);
            if let Some(register) = self.heard.get_mut(&agent).and_then(|h| h.register.take()) {
                let Register { version, capabilities, .. } = register;
                let same = member.is_some_and(|m| m.version == version && m.capabilities == capabilities);
                if removed || !same {
                    // Its lease begins now, whatever was heard of it before.
                    let heard = self.heard.entry(agent).or_default();
                    (heard.failures, heard.open) = (0, None);
                    events.push(Event::SubagentRegistered { agent, version, capabilities });
                    continue;
                }
            }
            let Some(member) = member.filter(|_| !removed) else { continue };
            if let Some((_, beat)) = self.heard.get(&agent).and_then(|h| h.beat.as_ref())
                && member.boot != Some(beat.boot)
            {
                events.push(Event::SubagentStarted { agent, boot: beat.boot });
            }
            match self.standing(limits, agent, member, began, now) {
                (Standing::Removed, why) => {
                    events.push(Event::SubagentRemoved { agent, why });
                    self.crashed(limits, agent, "the agent vanished while it held the task", now);
                }
                (Standing::Degraded, why) if member.standing == Standing::Healthy => {
                    events.push(Event::SubagentDegraded { agent, why });
                }
                (Standing::Healthy, _) if member.standing == Standing::Degraded => {
                    events.push(Event::SubagentRecovered { agent });
                }
                _ => {}
            }
        }
        events.extend(cascades(fleet, state, now));
        events
    }

    /// How a member stands now, and why not well.
    fn standing(
        &self,
        limits: &SubagentLimits,
        agent: AgentId,
        member: &Member,
        began: Millis,
        now: Millis,
    ) -> (Standing, String) {
        let heard = self.heard.get(&agent);
        let beat = heard.and_then(|h| h.beat.as_ref());
        let since = beat.map_or(began, |(at, _)| *at).max(member.registered).max(began);
        let (silent_s, beat_s) = (now.since(since) as f64 / 1000.0, limits.beat_s);
        if silent_s >= beat_s * f64::from(limits.missed_beats) {
            return (Standing::Removed, format!("no heartbeat for {silent_s:.0} s: {} missed", limits.missed_beats));
        }
        if silent_s >= 1.5 * beat_s {
            return (Standing::Degraded, format!("no heartbeat for {silent_s:.0} s, one comes every {beat_s} s"));
        }
        if let Some((_, beat)) = beat
            && beat.success_ratio < limits.success_share
        {
            let why = format!(
                "it did {:.0} % of its tasks well, {:.0} % are expected",
                100.0 * beat.success_ratio,
                100.0 * limits.success_share
            );
            return (Standing::Degraded, why);
        }
        if heard.is_some_and(|h| h.open.is_some()) {
            return (Standing::Degraded, format!("{} tasks in a row failed", limits.breaker_failures));
        }
        (Standing::Healthy, String::new())
    }

    // ---- what is asked ----

    /// The tasks that are due: of each healthy agent that the centre has a task for, one for each subject and period. A
    /// degraded one is asked a single task each `breaker_open_s`, to see.
    pub fn due(
        &mut self,
        fleet: &Fleet,
        image: &Image,
        state: &State,
        epoch: u64,
        head: u64,
        now: Millis,
    ) -> Vec<Task> {
        if self.looked.is_some_and(|at| now.since(at) < LOOK_MS) {
            return Vec::new();
        }
        self.looked = Some(now);
        let limits = &fleet.limits.subagents;
        let mut tasks = Vec::new();
        for kind in Kind::ALL {
            let agent = kind.agent();
            let Some(member) = state.subagents.get(&agent) else { continue };
            let try_again = match member.standing {
                Standing::Healthy => false,
                Standing::Degraded => true,
                Standing::Removed => continue,
            };
            if try_again && !self.may_try(limits, agent, now) {
                continue;
            }
            let correlation = format!("round-{epoch}-{}", self.next);
            for (plant, subject) in inputs::subjects(fleet, kind) {
                if !image.edges.contains_key(plant) || !self.is_due(agent, &subject, now) {
                    continue;
                }
                let inputs = inputs::inputs(fleet, image, kind, &subject, now);
                let asked = self.ask(limits, agent, kind, plant, subject, epoch, now);
                tasks.push(Task {
                    schema: Task::SCHEMA.to_owned(),
                    id: asked.id,
                    correlation: correlation.clone(),
                    causation: format!("journal/{head}"),
                    agent,
                    plant: plant.clone(),
                    epoch,
                    issued: Time(now),
                    deadline: Time(asked.deadline),
                    kind,
                    subject: asked.subject,
                    inputs,
                });
                if try_again {
                    break;
                }
            }
        }
        tasks
    }

    /// May a degraded agent be asked one task? Not while it holds one, nor before its breaker's time is over.
    fn may_try(&self, limits: &SubagentLimits, agent: AgentId, now: Millis) -> bool {
        let rest = (limits.breaker_open_s * 1000.0) as i64;
        let asked = self.last_asked.iter().filter(|((a, _), _)| *a == agent).map(|(_, at)| *at).max();
        let opened = self.heard.get(&agent).and_then(|h| h.open);
        self.open.values().all(|a| a.agent != agent) && asked.max(opened).is_none_or(|at| now.since(at) >= rest)
    }

    fn is_due(&self, agent: AgentId, subject: &str, now: Millis) -> bool {
        let period = i64::from(listed(agent).period_s) * 1000;
        let key = (agent, subject.to_owned());
        self.last_asked.get(&key).is_none_or(|at| now.since(*at) >= period)
            && !self.open.values().any(|a| a.agent == agent && a.subject == subject)
    }

    #[expect(clippy::too_many_arguments, reason = "what a task is made of, each once")]
    fn ask(
        &mut self,
        limits: &SubagentLimits,
        agent: AgentId,
        kind: Kind,
        plant: &PlantId,
        subject: String,
        epoch: u64,
        now: Millis,
    ) -> Asked {
        let deadline = now.plus((limits.answer_s * 1000.0) as i64);
        let id = answer::id(epoch, self.next);
        self.next += 1;
        let asked = Asked { id, agent, kind, plant: plant.clone(), subject, issued: now, deadline };
        self.last_asked.insert((agent, asked.subject.clone()), now);
        self.open.insert(asked.id.clone(), asked.clone());
        asked
    }
}

/// Several agents of one group that were removed within a short time are one failure, and one alarm; it goes when fewer
/// than that are gone.
fn cascades(fleet: &Fleet, state: &State, now: Millis) -> Vec<Event> {
    let limits = &fleet.limits.subagents;
    let window = (limits.cascade_within_s * 1000.0) as i64;
    let mut groups: BTreeMap<&'static str, (u32, Vec<Millis>)> = BTreeMap::new();
    for listed in catalogue() {
        let group = groups.entry(listed.group).or_default();
        if let Some(member) = state.subagents.get(&listed.id).filter(|m| m.standing == Standing::Removed) {
            group.0 += 1;
            group.1.push(member.since);
        }
    }
    let mut events = Vec::new();
    for (group, (gone, mut times)) in groups {
        let alarm = format!("subagents-down.{group}");
        let stands = state.alarm_stands(&alarm);
        times.sort_unstable();
        let many = limits.cascade_agents as usize;
        // Within the window of each other, and of now: an old failure does not begin again when a leader changes.
        let together = times.windows(many).any(|w| w[many - 1].since(w[0]) <= window && now.since(w[0]) <= 2 * window);
        if together && !stands {
            let runbook = RunbookId::new(RUNBOOK).expect("the file's name is an id");
            let text = format!(
                "{gone} sub-agents of the group {group} are gone, {many} of them within {} s of each other",
                limits.cascade_within_s
            );
            events.push(Event::AlarmRaised { alarm, priority: 2, runbook: Some(runbook), text });
        } else if stands && gone < limits.cascade_agents {
            events.push(Event::AlarmCleared { alarm });
        }
    }
    events
}
