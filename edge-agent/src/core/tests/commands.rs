//! Commands from the wire to the register: what is refused, what is written how often, and how it is answered.

use super::*;

#[test]
fn a_command_ramps_is_answered_once_and_the_answer_is_on_disk_before_it_is_sent() {
    let mut bench = Bench::new();
    bench.remote();
    let effects = bench.command("c1", Writer::Dispatch, "b1.load-sp", 8.0);
    assert_eq!(writes(&effects), [("b1.load-sp".into(), 9.36)]); // 0.24 MW/s for one step of 6 s
    assert_eq!(outcomes(&effects), [("c1".into(), "done".into())]);
    let persisted = effects.iter().position(|e| matches!(e, Effect::Persist(m) if m.answered.len() == 1));
    let published = effects.iter().position(|e| matches!(e, Effect::Publish { name: metric::OUTCOME, .. }));
    assert!(persisted.is_some() && persisted < published);
    // The other 1.36 MW are due 5.7 s after that.
    for _ in 0..11 {
        assert!(writes(&bench.scan()).is_empty());
        bench.beat(&[]);
    }
    assert_eq!(writes(&bench.scan()), [("b1.load-sp".into(), 8.0)]);
    assert!(writes(&bench.scan()).is_empty());
    // The same again: the first answer, and no write.
    let again = bench.command("c1", Writer::Dispatch, "b1.load-sp", 8.0);
    assert!(writes(&again).is_empty());
}

#[test]
fn a_long_way_takes_few_writes_and_is_never_behind_its_ramp() {
    let mut bench = Bench::new();
    bench.remote();
    // 12 MW at 0.6 MW/s: three whole steps of 6 s, and 2 s for the rest.
    let mut made = writes(&bench.command("down", Writer::Dispatch, "mill.cap-sp", 0.0));
    for scans in 1..=40 {
        made.extend(writes(&bench.scan()));
        bench.beat(&[]);
        let (stands, ramp) = (bench.get("mill.cap-sp"), (12.0 - 0.3 * f64::from(scans)).max(0.0));
        assert!(stands <= ramp + 1e-9 && stands >= ramp - 3.6 - 1e-9, "{stands} after {scans} scans, the ramp {ramp}");
    }
    assert_eq!(made, [8.4, 4.8, 1.2, 0.0].map(|value| ("mill.cap-sp".to_owned(), value)));
}

#[test]
fn a_minute_has_ten_writes_however_often_the_way_is_turned_round() {
    let mut bench = Bench::new();
    bench.remote();
    let mut at = Vec::new();
    for turn in 0..17 {
        let target = if turn % 2 == 0 { 6.6 } else { 12.0 }; // a whole step and half a one
        let mut effects = bench.command(&format!("c{turn}"), Writer::Dispatch, "mill.cap-sp", target);
        for _ in 0..14 {
            at.extend(writes(&effects).iter().map(|_| bench.tick));
            effects = bench.scan();
            effects.extend(bench.beat(&[]));
        }
        at.extend(writes(&effects).iter().map(|_| bench.tick));
    }
    assert!(at.len() > 15, "{at:?}");
    // Known to a scan.
    let crowded = at.windows(11).find(|w| w[10] - w[0] < 59_500);
    assert_eq!(crowded, None);
}

#[test]
fn who_stands_above_whom() {
    let mut bench = Bench::new();
    bench.remote();
    assert_eq!(outcomes(&bench.command("o1", Writer::Operator, "mill.cap-sp", 8.0))[0].1, "done");
    bench.tick += 200;
    assert_eq!(outcomes(&bench.command("d1", Writer::Dispatch, "mill.cap-sp", 9.0))[0].1, "arbitration");
    assert_eq!(outcomes(&bench.command("o2", Writer::Operator, "mill.cap-sp", 8.5))[0].1, "done");
    // When the operator's command has lived out and arrived, dispatch may move it again.
    for _ in 0..20 {
        bench.scan();
        bench.beat(&[]);
    }
    assert_eq!(outcomes(&bench.command("d2", Writer::Dispatch, "mill.cap-sp", 9.0))[0].1, "done");
}

#[test]
fn eleven_moves_a_minute_are_one_too_many() {
    let mut bench = Bench::new();
    bench.remote();
    for i in 0..10 {
        assert_eq!(outcomes(&bench.command(&format!("c{i}"), Writer::Dispatch, "halls.cap-sp", 8.0))[0].1, "done");
        bench.scan();
        bench.beat(&[]);
    }
    assert_eq!(outcomes(&bench.command("c10", Writer::Dispatch, "halls.cap-sp", 8.0))[0].1, "rate");
}

#[test]
fn each_of_a_flood_of_foreign_messages_is_counted() {
    let mut bench = Bench::new();
    bench.remote();
    let foreign = SigningKey::from_bytes(&[9; 32]);
    for n in 0..100 {
        bench.give(Input::Command(Signed::seal(metric::COMMAND, &n, &foreign)));
        bench.give(Input::Beat(Signed::seal(metric::BEAT, &n, &foreign)));
        bench.give(Input::Table(Signed::seal(metric::TABLE, &n, &foreign)));
    }
    let status = bench.core.status(Now { wall: wall(bench.tick), tick: Tick(bench.tick) });
    assert_eq!(status.refusals, BTreeMap::from([("signature".to_owned(), 300)]));
}
