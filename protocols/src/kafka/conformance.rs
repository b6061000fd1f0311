//! What every bus must show. It runs on the in-process cluster and on Apache Kafka, on topics that nobody else uses.

use super::{Consumer, Error, Producer, Record, Settings, Start, Topic, ensure};
use std::time::Duration;

/// A message is there within this time, a first connection included.
const WITHIN: Duration = Duration::from_secs(20);

fn must(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

async fn receive(consumer: &Consumer, count: usize) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    while records.len() < count {
        let next = tokio::time::timeout(WITHIN, consumer.receive()).await;
        let next = next.map_err(|_| format!("only {} of {count} messages came within {WITHIN:?}", records.len()))?;
        records.push(next.map_err(|e| e.to_string())?);
    }
    Ok(records)
}

fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|r| String::from_utf8_lossy(&r.payload).into_owned()).collect()
}

/// Runs on a topic of this name, which must be empty; the promise that was broken, if one was. `made`: the cluster can be
/// asked to make topics; the in-process one cannot, there `topic` exists with two partitions.
pub async fn suite(settings: &Settings, topic: &str, made: bool) -> Result<(), String> {
    let failed = |e: Error| format!("an operation failed that must not: {e}");
    if made {
        let topics = [Topic::new(topic, 2)];
        ensure(settings, &topics).await.map_err(failed)?;
    }
    ensure(settings, &[Topic::new(topic, 9)]).await.map_err(failed)?;
    let consumer = Consumer::new(settings, "hypocaust-conformance").map_err(failed)?;
    let kept = consumer.kept(topic).await.map_err(failed)?;
    must(kept.len() == 2, "a topic has the partitions with which it was made, and one that is there is left alone")?;
    must(kept.values().all(|r| *r == (0..0)), "a fresh topic is empty")?;
    let incarnation = consumer.incarnation().await.map_err(failed)?;
    must(!incarnation.is_empty(), "a cluster has an id")?;

    let producer = Producer::new(settings).map_err(failed)?;
    must(producer.incarnation().await.map_err(failed)? == incarnation, "which is the same for all")?;
    let at = producer.deliver(topic, "north", b"1").await.map_err(failed)?;
    must(at.offset == 0, "a delivery says where the message lies")?;
    consumer.follow_all(&[topic], Start::Beginning).await.map_err(failed)?;
    let first = receive(&consumer, 1).await?;
    must((first[0].partition, first[0].offset) == (at.partition, at.offset), "and there it is read")?;
    must(first[0].key.as_deref() == Some(b"north") && first[0].payload == b"1", "key and payload come as they went")?;
    must(first[0].topic == topic && first[0].time.is_some(), "with topic and time")?;

    let mut deliveries = Vec::new();
    for n in 2..=500 {
        deliveries.push(producer.send(topic, "north", n.to_string().as_bytes()).map_err(failed)?);
    }
    let mut last = at;
    for delivery in deliveries {
        let at = delivery.done().await.map_err(failed)?;
        must(
            at.partition == last.partition && at.offset == last.offset + 1,
            "a key keeps its partition and its order",
        )?;
        last = at;
    }
    let all: Vec<String> = (2..=500).map(|n| n.to_string()).collect();
    must(texts(&receive(&consumer, 499).await?) == all, "reading keeps the order, without holes or repeats")?;

    let again = Consumer::new(settings, "hypocaust-conformance").map_err(failed)?;
    again.follow(&[(topic, at.partition, Start::At(498))]).await.map_err(failed)?;
    must(
        texts(&receive(&again, 2).await?) == ["499", "500"],
        "an offset that its owner kept is where reading goes on",
    )?;
    again.follow_all(&[topic], Start::End).await.map_err(failed)?;
    producer.deliver(topic, "north", b"new").await.map_err(failed)?;
    must(texts(&receive(&again, 1).await?) == ["new"], "from the end on comes only what is written afterwards")?;
    again.follow(&[(topic, at.partition, Start::At(9_000_000))]).await.map_err(failed)?;
    must(texts(&receive(&again, 1).await?) == ["1"], "an offset that there is not is the beginning")?;
    let kept = again.kept(topic).await.map_err(failed)?;
    must(kept[&at.partition] == (0..501), "what is kept is known without reading it")?;
    must(again.incarnation().await.map_err(failed)? == incarnation, "within one life the incarnation stays")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::in_process::Cluster;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_cluster_in_this_process_keeps_what_a_bus_promises() {
        let cluster = Cluster::start(&[Topic::new("conformance", 2)]).unwrap();
        let settings = Settings::new(&cluster.bootstrap(), "conformance", None).unwrap();
        assert_eq!(suite(&settings, "conformance", false).await, Ok(()));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_topic_that_it_was_not_started_with_is_made() {
        let cluster = Cluster::start(&[]).unwrap();
        let settings = Settings::new(&cluster.bootstrap(), "t", None).unwrap();
        ensure(&settings, &[Topic::new("agent.gl-002", 1)]).await.unwrap();
        let kept = Consumer::new(&settings, "t").unwrap().kept("agent.gl-002").await.unwrap();
        assert_eq!(kept.len(), 4);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_lives_of_it_are_two_incarnations() {
        let id = async || {
            let cluster = Cluster::start(&[]).unwrap();
            let settings = Settings::new(&cluster.bootstrap(), "t", None).unwrap();
            let id = Consumer::new(&settings, "t").unwrap().incarnation().await.unwrap();
            (cluster, id)
        };
        let ((_one, first), (_two, second)) = (id().await, id().await);
        assert_ne!(first, second);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_there_is_told_and_not_waited_for() {
        // The port of a service that no machine runs any more.
        let nobody = "127.0.0.1:1";
        let settings = Settings::new(nobody, "t", None).unwrap();
        let producer = Producer::new(&settings).unwrap();
        let _on_its_way = producer.send("t", "k", b"x").unwrap();
        let said = Consumer::new(&settings, "t").unwrap().incarnation().await.unwrap_err().to_string();
        assert!(said.contains(nobody), "{said}");
        let said = ensure(&settings, &[Topic::new("t", 1)]).await.unwrap_err().to_string();
        assert!(said.contains(nobody), "{said}");
    }
}
