//! The reference sub-agents in the world: the code that the programs run answers whoever leads, over a part of the bus that
//! delays, loses and repeats, while the agents crash.

use crate::subagents;
use hypocaust_protocols::model::Millis;
use hypocaust_protocols::wire::subagent::{Coordination, Heartbeat, Kind, Register, Report, Task, Time};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// How often each says that it is there.
const BEAT_MS: i64 = 10_000;

enum Way {
    ToAgent(Box<Task>),
    /// Until when it is an answer, where it is one.
    ToCentre(Coordination, Option<Time>),
}

/// One that was started at the time; its `boot` counts up.
struct Agent {
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
}

impl Agents {
    pub fn new(seed: u64) -> Self {
        Self {
            // Apart from the streams of the physics, the network, the faults and the rest of the bus.
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x00ad_0715_e000),
            agents: subagents::KINDS.map(|kind| (kind, Agent { down_until: 0, boot: 1, said: None })).into(),
            bus: BTreeMap::new(),
            sent: 0,
            last_beat: 0,
            late: 0,
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

    fn tell(&mut self, now: Millis, message: Coordination, deadline: Option<Time>) {
        self.send(now, || Way::ToCentre(message.clone(), deadline));
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
        for kind in subagents::KINDS {
            self.live(now, kind, beat);
        }
        let mut came = Vec::new();
        while let Some(first) = self.bus.first_entry().filter(|e| e.key().0 <= now.0) {
            match first.remove() {
                Way::ToCentre(message, deadline) => {
                    self.late += usize::from(deadline.is_some_and(|deadline| now > deadline.0));
                    came.push(message);
                }
                Way::ToAgent(task) if self.agents[&task.kind].down_until <= now.0 => {
                    let report: Report = subagents::report(&task, subagents::answer(&task), Time(now));
                    self.tell(now, Coordination::Report(report), Some(task.deadline));
                }
                Way::ToAgent(_) => {}
            }
        }
        came
    }

    /// It beats, or crashes instead. One that has come back says so at once.
    fn live(&mut self, now: Millis, kind: Kind, beat: bool) {
        let Agent { down_until, boot, said } = self.agents[&kind];
        if down_until > now.0 || !(beat || said != Some(boot)) {
            return;
        }
        if beat && self.below(4) == 0 {
            // Restarted at once by whoever watches it, or gone for long.
            let longest = if self.below(2) == 0 { 4_000 } else { 60_000 };
            let down_until = now.0 + 500 + i64::from(self.below(longest));
            self.agents.insert(kind, Agent { down_until, boot: boot + 1, said });
            return;
        }
        self.agents.insert(kind, Agent { down_until, boot, said: Some(boot) });
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
