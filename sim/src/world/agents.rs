//! Sub-agents in the world: the code that the reference programs run, and a forecaster where a test has one, answer whoever
//! leads, over a part of the bus that delays, loses and repeats, while the agents crash.

use crate::subagents;
use hypocaust_protocols::model::Millis;
use hypocaust_protocols::wire::subagent::{Coordination, Heartbeat, Kind, Register, Report, Task, Time};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// How often each says that it is there.
const BEAT_MS: i64 = 10_000;

/// What an agent makes of a task, and when.
pub type Answers = fn(&Task, Time) -> Report;

/// A forecast, or that there is none, as it came to the centre.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub at: Millis,
    pub task: Task,
    pub report: Report,
}

enum Way {
    ToAgent(Box<Task>),
    /// And what it answers, where it is an answer.
    ToCentre(Coordination, Option<Box<Task>>),
}

/// One that was started at the time; its `boot` counts up.
struct Agent {
    answers: Answers,
    down_until: i64,
    boot: u64,
    /// The boot under which it has registered last.
    said: Option<u64>,
}

pub struct Agents {
    rng: ChaCha8Rng,
    agents: BTreeMap<Kind, Agent>,
    /// What is on its way, by when it comes.
    bus: BTreeMap<(i64, u64), Way>,
    sent: u64,
    last_beat: i64,
    /// Answers that came to the centre after their deadline.
    pub late: usize,
    /// Answers of the forecaster.
    pub told: Vec<Told>,
}

fn reference(task: &Task, now: Time) -> Report {
    subagents::report(task, subagents::answer(task), now)
}

impl Agents {
    /// The reference agents, and one that forecasts.
    pub fn new(seed: u64, forecaster: Option<Answers>) -> Self {
        let references = subagents::KINDS.map(|kind| (kind, reference as Answers));
        let all = references.into_iter().chain(forecaster.map(|answers| (Kind::DemandForecast, answers)));
        Self {
            // Apart from the streams of the physics, the network, the faults and the rest of the bus.
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x00ad_0715_e000),
            agents: all.map(|(kind, answers)| (kind, Agent { answers, down_until: 0, boot: 1, said: None })).collect(),
            bus: BTreeMap::new(),
            sent: 0,
            last_beat: 0,
            late: 0,
            told: Vec::new(),
        }
    }

    /// From 0 to below `n`.
    fn below(&mut self, n: u32) -> u32 {
        self.rng.next_u32() % n
    }

    /// On the bus: lost, late, or twice.
    fn send(&mut self, now: Millis, make: impl Fn() -> Way) {
        let copies = match self.below(20) {
            0 => 0,
            1 | 2 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let late = if self.below(5) == 0 { self.below(9_000) } else { self.below(400) };
            self.sent += 1;
            self.bus.insert((now.0 + i64::from(late), self.sent), make());
        }
    }

    fn tell(&mut self, now: Millis, message: Coordination, answers: Option<Box<Task>>) {
        self.send(now, || Way::ToCentre(message.clone(), answers.clone()));
    }

    /// A leader asks.
    pub fn ask(&mut self, now: Millis, task: Task) {
        self.send(now, || Way::ToAgent(Box::new(task.clone())));
    }

    /// One step, where the bus is not down; what comes to the centre in it.
    pub fn step(&mut self, now: Millis) -> Vec<Coordination> {
        let beat = now.0 - self.last_beat >= BEAT_MS;
        if beat {
            self.last_beat = now.0;
        }
        let kinds: Vec<Kind> = self.agents.keys().copied().collect();
        for kind in kinds {
            self.live(now, kind, beat);
        }
        let mut came = Vec::new();
        while let Some(first) = self.bus.first_entry().filter(|e| e.key().0 <= now.0) {
            match first.remove() {
                Way::ToCentre(message, task) => {
                    self.late += usize::from(task.as_ref().is_some_and(|task| now > task.deadline.0));
                    if let (Coordination::Report(report), Some(task)) = (&message, task)
                        && task.kind == Kind::DemandForecast
                    {
                        self.told.push(Told { at: now, task: *task, report: report.clone() });
                    }
                    came.push(message);
                }
                Way::ToAgent(task) => {
                    let there = self.agents.get(&task.kind).filter(|agent| agent.down_until <= now.0);
                    if let Some(agent) = there {
                        let report = (agent.answers)(&task, Time(now));
                        self.tell(now, Coordination::Report(report), Some(task));
                    }
                }
            }
        }
        came
    }

    /// It beats, or crashes instead. One that has come back says so at once.
    fn live(&mut self, now: Millis, kind: Kind, beat: bool) {
        let Agent { answers, down_until, boot, said } = self.agents[&kind];
        if down_until > now.0 || !(beat || said != Some(boot)) {
            return;
        }
        if beat && self.below(4) == 0 {
            // Restarted at once by whoever watches it, or gone for long.
            let longest = if self.below(2) == 0 { 4_000 } else { 60_000 };
            let down_until = now.0 + 500 + i64::from(self.below(longest));
            self.agents.insert(kind, Agent { answers, down_until, boot: boot + 1, said });
            return;
        }
        self.agents.insert(kind, Agent { answers, down_until, boot, said: Some(boot) });
        let (time, agent) = (Time(now), kind.agent());
        let capabilities = vec![kind.name().to_owned()];
        let schema = Register::SCHEMA.to_owned();
        self.tell(
            now,
            Coordination::Register(Register { schema, time, agent, version: "1".into(), capabilities }),
            None,
        );
        let schema = Heartbeat::SCHEMA.to_owned();
        self.tell(now, Coordination::Heartbeat(Heartbeat { schema, time, agent, boot, success_ratio: 1.0 }), None);
    }
}
