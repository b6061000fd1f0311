//! The two machines against each other and against what a network may do to the messages between them.

use super::edge::{DeviceBirth, EdgeNode, Reaction};
use super::host::{Event, Host};
use super::metric::{Metric, Quality, Value};
use super::payload::{self, MetricValue, Payload, PropertyScalar, PropertySet, PropertyValue};
use super::state::HostState;
use super::topic::{NodeMessage, Topic};
use super::{Error, Publish};
use proptest::prelude::*;

const NOW: i64 = 1_700_000_000_000;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::UInt),
        any::<f32>().prop_filter("finite", |v| v.is_finite()).prop_map(Value::Float),
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(Value::Double),
        any::<bool>().prop_map(Value::Bool),
        ".*".prop_map(Value::Text),
        any::<Vec<u8>>().prop_map(Value::Bytes),
    ]
}

prop_compose! {
    fn metric()(
        name in "[A-Za-z][A-Za-z0-9/._-]{0,20}",
        timestamp in 0..i64::MAX,
        value in value(),
        quality in prop_oneof![Just(Quality::Good), Just(Quality::Stale), Just(Quality::Bad)],
        reason in proptest::option::of("[a-z]{1,9}"),
        unit in proptest::option::of(".{0,5}"),
        historical: bool,
        entry: Option<u64>,
    ) -> Metric {
        Metric { name, timestamp, value, quality, reason, unit, historical, entry }
    }
}

proptest! {
    #[test]
    fn a_metric_survives_the_wire(metric in metric(), alias: Option<u64>) {
        let sent = Payload { metrics: vec![metric.to_wire(alias, true)], seq: Some(7), ..Payload::default() };
        let read = Payload::read(&sent.bytes()).unwrap();
        prop_assert_eq!(&read, &sent);
        let back = Metric::from_wire(read.metrics[0].name.clone().unwrap(), &read.metrics[0], None, 0);
        prop_assert_eq!(back, metric);
    }

    #[test]
    fn garbage_never_panics_and_never_becomes_good_data(topic in "spBv1.0/g/(NBIRTH|NDATA|NDEATH|DBIRTH|DDATA|NCMD)/n(/d)?", bytes: Vec<u8>) {
        let (mut host, _) = session();
        let (events, _) = host.on_message(&topic, &bytes, NOW);
        for event in events {
            prop_assert!(!matches!(event, Event::Data { .. }), "{:?}", event);
        }
        let mut edge = EdgeNode::new("g", "n", "hypocaust").unwrap();
        edge.connected(1);
        edge.on_message(&topic, &bytes, NOW);
    }

    #[test]
    fn topics_round_trip_with_their_case(group in "[A-Za-z0-9 _.-]{1,8}", node in "[A-Za-z0-9_.-]{1,8}", device in "[A-Za-z0-9_.-]{1,8}") {
        prop_assume!(group != "STATE");
        for message in [NodeMessage::Birth, NodeMessage::Death, NodeMessage::Data, NodeMessage::Command] {
            for topic in [Topic::node(&group, message, &node), Topic::device(&group, message, &node, &device)] {
                prop_assert_eq!(Topic::parse(&topic.to_string()).unwrap(), topic);
            }
        }
    }

    /// Whatever is lost or doubled on the way, the host never reports a value under another metric's name, and births
    /// always mend it.
    #[test]
    fn loss_and_doubles_are_seen_and_mended(faults in proptest::collection::vec(0u8..6, 1..60)) {
        let (mut host, mut edge) = session();
        let mut taken = Vec::new();
        for (i, fault) in faults.iter().enumerate() {
            let (device, tag) = if i.is_multiple_of(2) { ("Boiler", "T/1") } else { ("chp", "t/1") };
            let value = Metric::new(tag, NOW, Value::Double(i as f64));
            let sent = edge.device_data(NOW, device, &[value], None).unwrap();
            let copies = match fault { 0 => 0, 1 => 2, _ => 1 };
            for _ in 0..copies {
                for event in host.on_message(&sent.topic, &sent.payload, NOW).0 {
                    if let Event::Data { device, metrics, .. } = event {
                        let number = metrics[0].value.number().unwrap() as usize;
                        let expected = if number.is_multiple_of(2) { ("Boiler", "T/1") } else { ("chp", "t/1") };
                        prop_assert_eq!((device.as_deref().unwrap(), metrics[0].name.as_str()), expected);
                        taken.push(number);
                    }
                }
            }
        }
        prop_assert!(taken.windows(2).all(|pair| pair[0] < pair[1]), "doubled or out of order: {:?}", taken);
        deliver(&mut host, &edge.birth(NOW, &[], &devices()).unwrap());
        let sent = edge.device_data(NOW, "chp", &[Metric::new("t/1", NOW, Value::Double(9.5))], None).unwrap();
        let (events, _) = host.on_message(&sent.topic, &sent.payload, NOW);
        prop_assert!(matches!(&events[..], [Event::Data { .. }]), "{:?}", events);
    }
}

fn devices() -> Vec<DeviceBirth> {
    ["Boiler", "chp"]
        .into_iter()
        .zip(["T/1", "t/1"])
        .map(|(device, tag)| DeviceBirth {
            device: device.into(),
            metrics: vec![Metric::new(tag, NOW, Value::Double(1.0)).unit("MW")],
        })
        .collect()
}

fn deliver(host: &mut Host, publishes: &[Publish]) -> Vec<Event> {
    publishes.iter().flat_map(|sent| host.on_message(&sent.topic, &sent.payload, NOW).0).collect()
}

fn online(timestamp: i64, online: bool) -> Vec<u8> {
    HostState { online, timestamp }.bytes()
}

/// A host and an edge that has just given birth to it.
fn session() -> (Host, EdgeNode) {
    let mut host = Host::new("g", "hypocaust").unwrap();
    let state = host.connected(NOW, NOW);
    let mut edge = EdgeNode::new("g", "n", "hypocaust").unwrap();
    edge.connected(3);
    assert_eq!(edge.on_message(&state.topic, &state.payload, NOW), [Reaction::BirthWanted]);
    let births = edge.birth(NOW, &[Metric::new("Hypocaust/Tick", NOW, Value::UInt(5))], &devices()).unwrap();
    let events = deliver(&mut host, &births);
    assert!(matches!(
        &events[..],
        [Event::NodeBirth { bd_seq: 3, .. }, Event::DeviceBirth { .. }, Event::DeviceBirth { .. }]
    ));
    (host, edge)
}

fn data(edge: &mut EdgeNode) -> Publish {
    edge.device_data(NOW, "Boiler", &[Metric::new("T/1", NOW, Value::Double(2.0))], None).unwrap()
}

#[test]
fn births_list_everything_and_data_goes_by_alias() {
    let mut edge = EdgeNode::new("g", "n", "hypocaust").unwrap();
    edge.connected(258);
    edge.on_message("spBv1.0/STATE/hypocaust", &online(1, true), NOW);
    let births = edge.birth(NOW, &[], &devices()).unwrap();
    let topics: Vec<_> = births.iter().map(|birth| birth.topic.as_str()).collect();
    assert_eq!(topics, ["spBv1.0/g/NBIRTH/n", "spBv1.0/g/DBIRTH/n/Boiler", "spBv1.0/g/DBIRTH/n/chp"]);
    assert!(births.iter().all(|birth| birth.qos == 0 && !birth.retain));
    let node = Payload::read(&births[0].payload).unwrap();
    assert_eq!(node.seq, Some(0));
    assert_eq!(node.metrics[0].name.as_deref(), Some("bdSeq"));
    assert_eq!(node.metrics[0].value, Some(MetricValue::Long(2)), "258 is 2 modulo 256");
    assert_eq!(node.metrics[1].name.as_deref(), Some("Node Control/Rebirth"));
    assert_eq!(node.metrics[1].value, Some(MetricValue::Boolean(false)));
    let sent = Payload::read(&data(&mut edge).payload).unwrap();
    assert_eq!((sent.seq, sent.metrics[0].name.clone()), (Some(3), None));
    assert_eq!(sent.metrics[0].alias, Payload::read(&births[1].payload).unwrap().metrics[0].alias);
}

#[test]
fn the_will_carries_only_bdseq_at_qos_1() {
    let edge = EdgeNode::new("g", "n", "hypocaust").unwrap();
    let will = edge.will(3, NOW);
    let payload = Payload::read(&will.payload).unwrap();
    assert_eq!((will.topic.as_str(), will.qos, will.retain), ("spBv1.0/g/NDEATH/n", 1, false));
    assert_eq!((payload.seq, payload.metrics.len()), (None, 1));
}

#[test]
fn nothing_is_born_before_the_primary_host_is_online() {
    let mut edge = EdgeNode::new("g", "n", "hypocaust").unwrap();
    edge.connected(1);
    assert_eq!(edge.birth(NOW, &[], &[]), Err(Error::NotBorn { node: "n".into() }));
    assert_eq!(edge.on_message("spBv1.0/STATE/other", &online(9, true), NOW), []);
    assert_eq!(edge.on_message("spBv1.0/STATE/hypocaust", &online(9, false), NOW), []);
    assert_eq!(edge.on_message("spBv1.0/STATE/hypocaust", &online(8, true), NOW), [], "older than what was seen");
    assert!(edge.birth(NOW, &[], &[]).is_err());
    assert!(edge.device_data(NOW, "Boiler", &[], None).is_err());
    assert_eq!(edge.on_message("spBv1.0/STATE/hypocaust", &online(10, true), NOW), [Reaction::BirthWanted]);
    assert!(edge.birth(NOW, &[], &[]).is_ok());
}

#[test]
fn a_host_that_goes_ends_the_session_and_a_stale_will_of_it_does_not() {
    let (_, mut edge) = session();
    assert_eq!(edge.on_message("spBv1.0/STATE/hypocaust", &online(NOW - 1, false), NOW), []);
    let reactions = edge.on_message("spBv1.0/STATE/hypocaust", &online(NOW, false), NOW);
    assert_eq!(reactions, [Reaction::Publish(edge.will(3, NOW)), Reaction::Disconnect]);
    assert!(edge.device_data(NOW, "Boiler", &[], None).is_err());
}

#[test]
fn what_no_birth_listed_is_refused_with_its_name() {
    let (_, mut edge) = session();
    let stranger = [Metric::new("t/1", NOW, Value::Null)];
    assert_eq!(
        edge.device_data(NOW, "Boiler", &stranger, None),
        Err(Error::UnknownMetric { device: "Boiler".into(), metric: "t/1".into() })
    );
    assert_eq!(edge.device_data(NOW, "boiler", &[], None), Err(Error::UnknownDevice { device: "boiler".into() }));
    let twice = [Metric::new("a", NOW, Value::Null), Metric::new("a", NOW, Value::Null)];
    assert!(matches!(edge.birth(NOW, &twice, &[]), Err(Error::TwiceInBirth { .. })));
    assert!(matches!(EdgeNode::new("g/x", "n", "h"), Err(Error::Id { what: "group id", .. })));
}

#[test]
fn seq_goes_from_255_to_0_and_the_host_follows() {
    let (mut host, mut edge) = session();
    let mut seqs = Vec::new();
    for _ in 0..600 {
        let sent = data(&mut edge);
        seqs.push(Payload::read(&sent.payload).unwrap().seq.unwrap());
        let (events, _) = host.on_message(&sent.topic, &sent.payload, NOW);
        assert!(matches!(&events[..], [Event::Data { .. }]), "{events:?}");
    }
    let turn = seqs.iter().position(|&seq| seq == 255).unwrap();
    assert_eq!(seqs[turn + 1], 0);
}

#[test]
fn a_gap_makes_the_node_doubtful_once_and_asks_for_births_at_a_limited_rate() {
    let (mut host, mut edge) = session();
    let _lost = data(&mut edge);
    let later = data(&mut edge);
    let long_after = NOW + Host::REBIRTH_INTERVAL_MS;
    let (events, asked) = host.on_message(&later.topic, &later.payload, long_after);
    assert!(matches!(&events[..], [Event::NodeDoubtful { .. }]), "{events:?}");
    assert_eq!(asked.len(), 1);
    let again = data(&mut edge);
    let (events, more) = host.on_message(&again.topic, &again.payload, long_after + 1);
    assert_eq!((events.len(), more.len()), (0, 0));
    assert_eq!(host.tick(long_after + Host::REBIRTH_INTERVAL_MS).len(), 1, "a lost request is asked again");

    assert_eq!(edge.on_message(&asked[0].topic, &asked[0].payload, NOW), [Reaction::BirthWanted]);
    assert!(edge.device_data(NOW, "Boiler", &[], None).is_err(), "no data between the request and the births");
    let births = edge.birth(NOW, &[], &devices()).unwrap();
    assert_eq!(deliver(&mut host, &births).len(), 3);
    let healed = data(&mut edge);
    assert!(matches!(&deliver(&mut host, &[healed])[..], [Event::Data { .. }]));
    assert!(host.tick(long_after + 10 * Host::REBIRTH_INTERVAL_MS).is_empty());
}

#[test]
fn only_the_death_of_the_present_session_counts() {
    let (mut host, edge) = session();
    assert_eq!(deliver(&mut host, &[edge.will(2, NOW)]), []);
    assert!(host.is_born("n"));
    assert_eq!(deliver(&mut host, &[edge.will(3, NOW)]), [Event::NodeDeath { node: "n".into(), bd_seq: 3 }]);
    assert_eq!(deliver(&mut host, &[edge.will(3, NOW)]), [], "a doubled will says nothing new");
}

#[test]
fn a_device_comes_and_goes_within_the_session() {
    let (mut host, mut edge) = session();
    let death = edge.device_death(NOW, "chp").unwrap();
    assert_eq!(deliver(&mut host, &[death]), [Event::DeviceDeath { node: "n".into(), device: "chp".into() }]);
    assert!(edge.device_data(NOW, "chp", &[], None).is_err());
    let birth = edge.device_birth(NOW, &devices()[1]).unwrap();
    assert!(matches!(&deliver(&mut host, &[birth])[..], [Event::DeviceBirth { .. }]));
    let sent = edge.device_data(NOW, "chp", &[Metric::new("t/1", NOW, Value::Bool(true))], Some(vec![7])).unwrap();
    let events = deliver(&mut host, &[sent]);
    assert!(matches!(&events[..], [Event::Data { body: Some(body), .. }] if body == &[7]), "{events:?}");
}

#[test]
fn commands_reach_the_edge_by_name() {
    let (host, mut edge) = session();
    let command = Metric::new("Hypocaust/Command", NOW, Value::Bytes(vec![1, 2]));
    let sent = host.node_command("n", NOW, std::slice::from_ref(&command));
    assert_eq!((sent.qos, sent.retain), (0, false));
    assert_eq!(edge.on_message(&sent.topic, &sent.payload, NOW), [Reaction::NodeCommand(vec![command])]);
    let other = host.node_command("m", NOW, &[Metric::new("x", NOW, Value::Null)]);
    assert_eq!(edge.on_message(&other.topic, &other.payload, NOW), []);
}

#[test]
fn a_silent_node_is_asked_for_births_only_after_a_while() {
    let mut host = Host::new("g", "hypocaust").unwrap();
    host.expect("N1").unwrap();
    host.connected(NOW, NOW);
    assert_eq!(host.tick(NOW + 1000), []);
    assert_eq!(host.tick(NOW + Host::REBIRTH_INTERVAL_MS)[0].topic, "spBv1.0/g/NCMD/N1");
    host.disconnected();
    assert_eq!(host.tick(NOW + 9 * Host::REBIRTH_INTERVAL_MS), []);
}

#[test]
fn a_node_that_goes_on_without_a_birth_is_asked_at_once() {
    let (_, mut edge) = session();
    // Another host of the same id: a replica that begins while one leads.
    let mut host = Host::new("g", "hypocaust").unwrap();
    host.expect("n").unwrap();
    host.listening(NOW);
    assert_eq!(host.tick(NOW + 1), [], "who waited for us gives birth by itself");
    let sent = data(&mut edge);
    let (events, asked) = host.on_message(&sent.topic, &sent.payload, NOW + 2);
    assert_eq!((events.len(), asked.len()), (0, 1));
    assert_eq!(edge.on_message(&asked[0].topic, &asked[0].payload, NOW), [Reaction::BirthWanted]);
    let births = edge.birth(NOW, &[], &devices()).unwrap();
    assert_eq!(deliver(&mut host, &births).len(), 3);
}

#[test]
fn the_host_answers_its_own_late_will_and_yields_to_a_later_session() {
    let (mut host, _) = session();
    let (events, publishes) = host.on_message("spBv1.0/STATE/hypocaust", &online(NOW - 5, false), NOW);
    assert_eq!(events, []);
    assert_eq!(publishes[0].payload, online(NOW, true));
    assert!(publishes[0].retain && publishes[0].qos == 1);
    let (events, _) = host.on_message("spBv1.0/STATE/hypocaust", &online(NOW + 5, true), NOW);
    assert_eq!(events, [Event::Overtaken { timestamp: NOW + 5 }]);
    assert_eq!(host.session_time(NOW), NOW + 6, "a slow clock does not make a session that edges ignore");
}

#[test]
fn a_value_that_is_not_surely_good_is_bad() {
    let wire = |value, quality: Option<PropertyScalar>| payload::Metric {
        datatype: Some(10),
        value,
        properties: quality.map(|value| PropertySet {
            keys: vec!["Quality".into()],
            values: vec![PropertyValue { datatype: Some(3), is_null: None, value: Some(value) }],
        }),
        ..payload::Metric::default()
    };
    let judge = |wire: &payload::Metric| Metric::from_wire("x".into(), wire, None, 0).quality;
    let one = || Some(MetricValue::Double(1.0));
    assert_eq!(judge(&wire(one(), None)), Quality::Good);
    assert_eq!(judge(&wire(one(), Some(PropertyScalar::Int(192)))), Quality::Good);
    assert_eq!(judge(&wire(one(), Some(PropertyScalar::Int(500)))), Quality::Stale);
    assert_eq!(judge(&wire(one(), Some(PropertyScalar::Int(64)))), Quality::Bad);
    assert_eq!(judge(&wire(one(), Some(PropertyScalar::String("192".into())))), Quality::Bad);
    assert_eq!(judge(&wire(None, Some(PropertyScalar::Int(192)))), Quality::Bad);
    assert_eq!(judge(&wire(Some(MetricValue::Double(f64::NAN)), None)), Quality::Bad);
    assert_eq!(judge(&wire(Some(MetricValue::Boolean(true)), None)), Quality::Bad, "declared a double");
    let null = payload::Metric { is_null: Some(true), ..wire(one(), None) };
    assert_eq!(Metric::from_wire("x".into(), &null, None, 0).value, Value::Null);
    let unequal = payload::Metric {
        properties: Some(PropertySet { keys: vec!["Quality".into()], values: vec![] }),
        ..wire(one(), None)
    };
    assert_eq!(judge(&unequal), Quality::Bad);
}
