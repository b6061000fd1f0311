//! A foreign MQTT client publishes commands. Each wrong one is refused, with its reason in journal and metrics, and the
//! plant's register stays as it is. The same client with everything right is obeyed: the test can tell the difference.

use super::shared::{LOCAL_TAG, SIS_OFFSET, SIS_TAG, Shared, demo, say};
use hypocaust_protocols::model::Tick;
use hypocaust_protocols::sparkplug::payload::{Metric, MetricValue, Payload, datatype};
use hypocaust_protocols::sparkplug::topic::{NodeMessage, Topic};
use hypocaust_protocols::wire::{Action, Command, Signed, SigningKey, Writer, key_from_hex, metric};
use hypocaust_tests::harness::{block_on, modbus, wait_until};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use serde_json::{Value, json};
use std::time::Duration;

/// A register that dispatch leaves alone while nobody is short: it stays open.
const SETPOINT: &str = "north.tracing.cap-sp";
const OFFSET: u16 = 110;

/// Its own subscriptions tell what the edge would be asked for: boot, tick and epoch of the running system.
struct Foreigner<'a> {
    demo: &'a Shared,
    key: SigningKey,
    sent: u32,
}

impl Foreigner<'_> {
    fn register(&self) -> f32 {
        let words =
            modbus::read(&self.demo.devices()["north.plc1"], 1, "holding", OFFSET, 2).expect("the plant answers");
        f32::from_bits(u32::from(words[0]) << 16 | u32::from(words[1]))
    }

    /// Boot and latest tick of the edge and epoch of the leader, from the beat that the centre signs.
    fn beat(&self) -> Value {
        let (host, port) = self.demo.mqtt();
        block_on(async {
            let (client, mut events) = AsyncClient::new(MqttOptions::new("foreign-listener", host, port), 10);
            client.subscribe("spBv1.0/small/NCMD/north", QoS::AtMostOnce).await.expect("the client lives");
            let listen = async {
                loop {
                    let Event::Incoming(Incoming::Publish(publish)) = events.poll().await.expect("the broker answers")
                    else {
                        continue;
                    };
                    let payload = Payload::read(&publish.payload).expect("a node command is Sparkplug");
                    let beat = payload.metrics.iter().find(|m| m.name.as_deref() == Some(metric::BEAT));
                    if let Some(MetricValue::String(text)) = beat.and_then(|m| m.value.as_ref()) {
                        let signed: Signed = serde_json::from_str(text).expect("a beat is signed");
                        return serde_json::from_str(&signed.body).expect("a beat is JSON");
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(10), listen).await.expect("the centre beats every second")
        })
    }

    /// A command in which everything is right.
    fn command(&mut self, value: f64) -> Command {
        let beat = self.beat();
        self.sent += 1;
        Command {
            id: format!("foreign-{}-{}", std::process::id(), self.sent),
            plant: serde_json::from_value(json!("north")).expect("an id"),
            writer: Writer::Operator,
            action: Action::Set { setpoint: serde_json::from_value(json!(SETPOINT)).expect("an id"), value },
            epoch: beat["epoch"].as_u64().expect("a beat has an epoch"),
            boot: beat["boot"].as_u64().expect("a beat has a boot"),
            tick: Tick(beat["tick"].as_u64().expect("a beat has a tick")),
            ttl_ms: 10_000,
            reason: 1,
        }
    }

    fn publish(&self, signed: &Signed) {
        let payload = Payload {
            metrics: vec![Metric {
                name: Some(metric::COMMAND.into()),
                datatype: Some(datatype::STRING),
                value: Some(MetricValue::String(serde_json::to_string(signed).expect("plain data"))),
                ..Metric::default()
            }],
            ..Payload::default()
        };
        let topic = Topic::node("small", NodeMessage::Command, "north").to_string();
        let (host, port) = self.demo.mqtt();
        block_on(async {
            let (client, mut events) = AsyncClient::new(MqttOptions::new("foreign-sender", host, port), 10);
            client.publish(topic, QoS::AtLeastOnce, false, payload.bytes()).await.expect("the client lives");
            let sent = async {
                while !matches!(events.poll().await.expect("the broker answers"), Event::Incoming(Incoming::PubAck(_)))
                {
                }
            };
            tokio::time::timeout(Duration::from_secs(5), sent).await.expect("the broker takes the message");
        });
    }

    fn send(&self, command: &Command) {
        self.publish(&Signed::seal(metric::COMMAND, command, &self.key));
    }

    fn refusals(&self, gate: &str) -> f64 {
        let labels = [("plant", "north"), ("gate", gate)];
        self.demo.edge_metric("north", "gl_001_write_refusals_total", &labels).unwrap_or(0.0)
    }

    /// The same as the centre has heard of them.
    fn heard(&self, gate: &str) -> f64 {
        let labels = [("plant", "north"), ("gate", gate)];
        self.demo.metric("gl_001_write_refusals_total", &labels).unwrap_or(f64::NAN)
    }

    fn head(&self) -> u64 {
        self.demo.get("/api/v1/journal/head")["seq"].as_u64().expect("a head has a seq")
    }

    /// The refusal by `gate` in the journal after `from`.
    fn journaled(&self, from: u64, gate: &str) -> Result<String, String> {
        let answer = self.demo.try_get(&format!("/api/v1/journal?from={}&limit=200", from + 1))?;
        let entries = answer.as_array().or_else(|| answer["entries"].as_array()).expect("entries is a list");
        let refused = |entry: &Value| {
            let refusal = &entry["body"]["outcome"]["verdict"]["refused"];
            (refusal["gate"] == gate).then(|| refusal["reason"].as_str().unwrap_or_default().to_owned())
        };
        let kinds: Vec<&str> = entries.iter().filter_map(|e| e["kind"].as_str()).collect();
        entries.iter().find_map(refused).filter(|r| !r.is_empty()).ok_or_else(|| format!("entries since: {kinds:?}"))
    }

    /// Does something wrong and sees that it is refused by `gate` and nothing moves.
    fn refused(&mut self, what: &str, gate: &str, act: impl FnOnce(&mut Self)) {
        let (register, count, heard, head) = (self.register(), self.refusals(gate), self.heard(gate), self.head());
        act(self);
        let (reason, took) =
            wait_until(&format!("{what} is in the journal"), Duration::from_secs(10), || self.journaled(head, gate));
        wait_until(&format!("{what} is counted"), Duration::from_secs(10), || {
            let now = self.refusals(gate);
            if now > count { Ok(()) } else { Err(format!("{now} refusals by {gate}, as before")) }
        });
        assert!(self.heard(gate) > heard, "{what} is in the journal and not among the centre's figures");
        assert_eq!(self.register().to_bits(), register.to_bits(), "{what} moved the register");
        say(&format!("{what}: {gate} after {:.1} s: {reason}", took.as_secs_f64()));
    }
}

#[test]
fn a_foreign_client_moves_nothing_unless_everything_is_right() {
    let demo = demo();
    let key = std::fs::read_to_string(demo.data.join("central/centre.key")).expect("the centre keeps its key");
    let mut foreigner = Foreigner { demo: &demo, key: key_from_hex(&key).expect("a key"), sent: 0 };

    // The control: everything right is obeyed (slowly, by the velocity limit).
    let before = foreigner.register();
    let accepted = foreigner.command(1.7);
    foreigner.send(&accepted);
    wait_until("a command in which everything is right is obeyed", Duration::from_secs(10), || {
        let now = foreigner.register();
        if (now - 1.7).abs() < 1e-3 { Ok(()) } else { Err(format!("register {now}, was {before}")) }
    });

    // Nobody is short, so dispatch releases the cap again. Until it has, a register that moves would say nothing.
    wait_until("dispatch has released the cap", Duration::from_secs(60), || {
        let now = foreigner.register();
        if now == 2.0 { Ok(()) } else { Err(format!("register {now}")) }
    });

    foreigner.refused("a wrong signature", "signature", |f| {
        let command = f.command(1.0);
        f.publish(&Signed::seal(metric::COMMAND, &command, &SigningKey::from_bytes(&[7; 32])));
    });
    foreigner.refused("another text under a right signature", "signature", |f| {
        let command = f.command(1.5);
        let mut signed = Signed::seal(metric::COMMAND, &command, &f.key);
        signed.body = signed.body.replace("1.5", "0.5");
        f.publish(&signed);
    });
    foreigner.refused("an old epoch", "epoch", |f| {
        let mut command = f.command(1.0);
        command.epoch -= 1;
        f.send(&command);
    });
    foreigner.refused("a replayed id with another value", "duplicate", |f| {
        let mut command = f.command(1.0);
        command.id.clone_from(&accepted.id);
        f.send(&command);
    });
    foreigner.refused("an old tick", "age", |f| {
        let mut command = f.command(1.0);
        command.tick = Tick(command.tick.0.saturating_sub(11_000));
        command.ttl_ms = 10_000;
        f.send(&command);
    });
    foreigner.refused("another boot's tick", "age", |f| {
        let mut command = f.command(1.0);
        command.boot -= 1;
        f.send(&command);
    });
    foreigner.refused("out of bounds", "bounds", |f| {
        let command = f.command(2.5);
        f.send(&command);
    });
    foreigner.refused("no setpoint at all", "allow-list", |f| {
        let mut command = f.command(1.0);
        command.action =
            Action::Set { setpoint: serde_json::from_value(json!("north.b1.heat")).expect("an id"), value: 1.0 };
        f.send(&command);
    });
    foreigner.refused("a register of the safety system", "deny-list", |f| {
        let mut command = f.command(1.0);
        command.action = Action::Set { setpoint: serde_json::from_value(json!(SIS_TAG)).expect("an id"), value: 1.0 };
        f.send(&command);
    });
    // At the plant somebody turns the switch that the setpoint's interlock names.
    let switch = |to: f64| {
        let (_, local) = LOCAL_TAG.split_once('.').expect("plant.tag");
        demo.inject("north", &["stick", local, &to.to_string()]);
        wait_until("the switch is seen", Duration::from_secs(10), || {
            let tag = demo.tag(LOCAL_TAG);
            if tag["value"] == to && tag["quality"] == "good" { Ok(()) } else { Err(tag.to_string()) }
        });
    };
    switch(1.0);
    foreigner.refused("a setpoint whose interlock is not met", "interlock", |f| {
        let command = f.command(1.0);
        f.send(&command);
    });
    switch(0.0);
    assert_eq!(
        modbus::read(&demo.devices()["north.plc1"], 1, "holding", SIS_OFFSET, 2).expect("the plant answers"),
        [0, 0],
        "a register of the safety system moved"
    );

    // The very same bytes once more, after something newer: answered again, not done again. (And with the switch turned
    // back the setpoint moves again.)
    let newer = foreigner.command(1.9);
    foreigner.send(&newer);
    wait_until("the newer value is there", Duration::from_secs(10), || {
        let now = foreigner.register();
        if (now - 1.9).abs() < 1e-3 { Ok(()) } else { Err(format!("register {now}")) }
    });
    foreigner.send(&accepted);
    std::thread::sleep(Duration::from_secs(3));
    let after = foreigner.register();
    assert!((after - 1.9).abs() < 1e-3, "a replayed command moved the register to {after}");
}
