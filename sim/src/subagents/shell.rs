//! `hypocaust-sim subagents`: the agents on the bus. Each has a task of its own that registers, beats, and answers.
//!
//! Kafka that is away stops nothing: the client connects again by itself, what could not be said is said with the next beat,
//! and an agent that was removed meanwhile is taken back by the registration that goes with each beat.

use super::{KINDS, answer, report};
use hypocaust_protocols::answer::say;
use hypocaust_protocols::kafka::{self, Consumer, Producer, Settings, Start, Topic};
use hypocaust_protocols::model::Millis;
use hypocaust_protocols::wire::subagent::{
    AgentId, COORDINATION, Coordination, Heartbeat, Kind, Outcome, Register, Report, Task, Time,
};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tokio::task::JoinSet;

/// As the contract has it.
const BEAT: Duration = Duration::from_secs(10);
/// Tasks that the share of successes is taken of.
const REMEMBERED: usize = 20;
/// Between two tries to listen.
const AGAIN: Duration = Duration::from_secs(2);

/// The agents of this program.
pub fn reference() -> Vec<AgentId> {
    KINDS.into_iter().map(Kind::agent).collect()
}

/// Runs these agents until `stop`. `show`: each answer on standard output, a JSON line.
pub async fn run(
    settings: Settings,
    agents: &[AgentId],
    show: bool,
    stop: impl Future<Output = ()>,
) -> Result<(), kafka::Error> {
    let mut tasks = JoinSet::new();
    for kind in agents.iter().filter_map(|id| Kind::of(*id)) {
        let producer = Producer::new(&settings)?;
        let consumer = Consumer::new(&settings, &format!("hypocaust-{}", kind.agent().to_string().to_lowercase()))?;
        let agent = Agent {
            kind,
            boot: now().0.unsigned_abs(),
            settings: settings.clone(),
            producer,
            latest: VecDeque::new(),
            show,
        };
        tasks.spawn(agent.run(consumer));
    }
    tokio::select! {
        () = stop => Ok(()),
        // None of them ends by itself.
        Some(Err(panicked)) = tasks.join_next() => std::panic::resume_unwind(panicked.into_panic()),
    }
}

struct Agent {
    kind: Kind,
    boot: u64,
    settings: Settings,
    producer: Producer,
    /// Whether each of the latest tasks was answered without an error of its own.
    latest: VecDeque<bool>,
    show: bool,
}

#[expect(clippy::disallowed_methods, reason = "the shell's clock, for messages; no answer depends on it")]
fn now() -> Millis {
    Millis(jiff::Timestamp::now().as_millisecond())
}

impl Agent {
    async fn run(mut self, consumer: Consumer) {
        self.listen(&consumer).await;
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beat.tick() => {
                    // With each: a centre that did not listen a moment ago knows the agent by the next one.
                    self.say(&self.registration());
                    self.say(&self.heartbeat());
                }
                record = consumer.receive() => match record {
                    Ok(record) => match Task::read(&record.payload) {
                        Ok(task) => self.work(&task),
                        Err(error) => tracing::warn!(agent = %self.kind.agent(), %error, "a record is no task"),
                    },
                    Err(error) => {
                        tracing::warn!(agent = %self.kind.agent(), %error, "listening anew");
                        self.listen(&consumer).await;
                    }
                },
            }
        }
    }

    /// Follows its topic from now on; tries until it can.
    async fn listen(&self, consumer: &Consumer) {
        let (agent, topic) = (self.kind.agent(), self.kind.agent().topic());
        let mut told = false;
        loop {
            let wanted = [Topic::new(COORDINATION, 1), Topic::new(&topic, 1)];
            let made = kafka::ensure(&self.settings, &wanted).await;
            let Err(error) = (match made {
                Ok(()) => consumer.follow_all(&[&topic], Start::End).await,
                // A cluster that does not let itself be told of topics may have them all the same.
                Err(error) => consumer.follow_all(&[&topic], Start::End).await.map_err(|_| error),
            }) else {
                tracing::info!(%agent, topic, "listens");
                return;
            };
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(%agent, %error, "cannot listen yet; trying on");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Hands a message to the client. What it cannot take now is not kept: the next beat says the same.
    fn say(&self, message: &Coordination) {
        let key = self.kind.agent().to_string();
        if let Err(error) = self.producer.send(COORDINATION, &key, &message.record()) {
            tracing::warn!(agent = key, %error, "a message did not leave");
        }
    }

    fn registration(&self) -> Coordination {
        Coordination::Register(Register {
            schema: Register::SCHEMA.to_owned(),
            time: Time(now()),
            agent: self.kind.agent(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            capabilities: vec![self.kind.name().to_owned()],
        })
    }

    fn heartbeat(&self) -> Coordination {
        let well = self.latest.iter().filter(|well| **well).count();
        let success_ratio = if self.latest.is_empty() { 1.0 } else { well as f64 / self.latest.len() as f64 };
        let (schema, time, agent) = (Heartbeat::SCHEMA.to_owned(), Time(now()), self.kind.agent());
        Coordination::Heartbeat(Heartbeat { schema, time, agent, boot: self.boot, success_ratio })
    }

    fn work(&mut self, task: &Task) {
        let report = if task.kind == self.kind {
            // An error of the agent's own is told as one; the next task is none the worse.
            catch_unwind(AssertUnwindSafe(|| report(task, answer(task), Time(now()))))
                .unwrap_or_else(|_| self.failed(task, "the agent's own error; its log has more".to_owned()))
        } else {
            self.failed(task, format!("{} does not do '{}'", self.kind.agent(), task.kind.name()))
        };
        self.latest.push_back(report.outcome != Outcome::Failed);
        if self.latest.len() > REMEMBERED {
            self.latest.pop_front();
        }
        let message = Coordination::Report(report);
        if self.show {
            // An agent goes on working whether or not somebody looks.
            let _ = say(String::from_utf8_lossy(&message.record()));
        }
        self.say(&message);
    }

    fn failed(&self, task: &Task, why: String) -> Report {
        let (schema, time, agent) = (Report::SCHEMA.to_owned(), Time(now()), self.kind.agent());
        let task = task.id.clone();
        Report { schema, time, agent, task, outcome: Outcome::Failed, values: BTreeMap::new(), reason: Some(why) }
    }
}
