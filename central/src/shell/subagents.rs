//! The sub-agents' side of the bus: what they say goes to the domain, what the domain asks goes to their topics.
//!
//! Thin and never in the leader's way: a task that Kafka does not take is not asked and ends by its deadline; while Kafka is
//! away nobody is heard, and the registry removes whom it does not hear.

use super::leader::{Gone, Handle};
use crate::domain::Input;
use hypocaust_protocols::kafka::{self, Consumer, Producer, Settings, Start, Topic};
use hypocaust_protocols::wire::subagent::{AgentId, COORDINATION, Coordination, Task};
use std::time::Duration;
use tokio::sync::mpsc;

/// Between two tries to listen.
const AGAIN: Duration = Duration::from_secs(2);
/// Records that are no messages and are told of, in a row; a flood of them must not flood the log.
const MOST_TOLD: u32 = 20;

/// The topics of sub-agents. One partition each: what one agent says stays in order, and there is little of it.
#[must_use]
pub fn topics() -> Vec<Topic> {
    let tasks = AgentId::all().map(|agent| Topic::new(agent.topic(), 1));
    std::iter::once(Topic::new(COORDINATION, 1)).chain(tasks).collect()
}

/// Publishes tasks and hears the agents, until the leader is gone.
pub async fn run(
    settings: Settings,
    producer: Producer,
    mut tasks: mpsc::Receiver<Task>,
    leader: Handle,
) -> Result<(), kafka::Error> {
    let consumer = Consumer::new(&settings, "hypocaust-subagents")?;
    let publishing = tokio::spawn(async move {
        while let Some(task) = tasks.recv().await {
            // The registry ends a task that did not arrive; waiting for Kafka here would only hold up the next one.
            if let Err(error) = producer.send(&task.agent.topic(), &task.agent.to_string(), &task.record()) {
                tracing::debug!(%error, task = task.id, "a task did not leave");
            }
        }
    });
    let Gone = hear(&settings, &consumer, &leader).await;
    publishing.abort();
    Ok(())
}

/// Hears the agents until the leader is gone.
async fn hear(settings: &Settings, consumer: &Consumer, leader: &Handle) -> Gone {
    let mut unread = 0;
    loop {
        listen(settings, consumer).await;
        loop {
            let record = match consumer.receive().await {
                Ok(record) => record,
                Err(error) => {
                    tracing::warn!(%error, "the sub-agents cannot be heard; listening anew");
                    break;
                }
            };
            match Coordination::read(&record.payload) {
                Ok(message) => {
                    unread = 0;
                    if let Err(gone) = leader.give(Input::Subagent { message }).await {
                        return gone;
                    }
                }
                Err(error) => {
                    unread += 1;
                    if unread <= MOST_TOLD {
                        let key = record.key.as_deref().map(String::from_utf8_lossy);
                        tracing::warn!(key = key.as_deref(), %error, "a record of a sub-agent is not read");
                    }
                }
            }
        }
    }
}

/// Follows the coordination topic from now on: leases are about now, and what was said to a former leader is its own.
async fn listen(settings: &Settings, consumer: &Consumer) {
    let mut told = false;
    loop {
        let made = kafka::ensure(settings, &topics()).await;
        let followed = consumer.follow_all(&[COORDINATION], Start::End).await;
        // A cluster that does not let itself be told of topics may have them all the same.
        let Err(error) = followed.map_err(|error| made.err().unwrap_or(error)) else { return };
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(%error, "the sub-agents cannot be heard yet; trying on");
        }
        tokio::time::sleep(AGAIN).await;
    }
}
