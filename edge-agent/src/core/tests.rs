//! Whole cycles of the core with the small fleet, and what the tests of its parts share.

mod commands;
mod properties;

use super::*;
use hypocaust_protocols::model::{DeviceId, Plant, Quality};
use hypocaust_protocols::wire::SigningKey;
use std::path::Path;
use std::sync::OnceLock;

pub fn fleet() -> Arc<Fleet> {
    static FLEET: OnceLock<Arc<Fleet>> = OnceLock::new();
    FLEET
        .get_or_init(|| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
            Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet is right"))
        })
        .clone()
}

pub fn north() -> (Arc<Fleet>, Plant) {
    let fleet = fleet();
    let plant = fleet.plant("north").expect("the small fleet has north").clone();
    (fleet, plant)
}

pub fn tag(id: &str) -> TagId {
    TagId::new(id).expect("a test writes ids rightly")
}

pub fn device(id: &str) -> DeviceId {
    DeviceId::new(id).expect("a test writes ids rightly")
}

pub fn wall(tick: u64) -> Millis {
    Millis(1_700_000_000_000).plus(tick as i64)
}

pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// A core with the registers that it believes to be there: whatever it writes is read back and read again.
struct Bench {
    core: Core,
    plant: Plant,
    registers: BTreeMap<TagId, f64>,
    tick: u64,
    fail_safe_writes: usize,
    answers_writes: bool,
}

impl Bench {
    fn new() -> Self {
        let (fleet, plant) = north();
        let id = plant.id.clone();
        let now = Now { wall: wall(0), tick: Tick(0) };
        let core = Core::new(fleet, &id, key().verifying_key(), 9, Memory::default(), now).unwrap();
        let mut registers: BTreeMap<TagId, f64> = plant.tags.iter().map(|t| (t.id.clone(), t.min.max(0.0))).collect();
        for (id, value) in [
            ("steam.pressure", 10.0),
            ("water.temperature", 85.0),
            ("b1.heat", 8.0),
            ("b1.state", 4.0),
            ("b1.load-sp", 10.8),
            ("b2.heat", 3.0),
            ("b2.state", 4.0),
            ("b2.load-sp", 3.0),
            ("chp1.heat", 3.0),
            ("chp1.state", 4.0),
            ("x1.open", 1.0),
            ("n-s.open", 1.0),
            ("ward.asked", 1.5),
            ("ward.served", 1.5),
            ("dairy.asked", 2.5),
            ("dairy.served", 2.5),
            ("dairy.cap-sp", 5.0),
            ("tracing.asked", 1.0),
            ("tracing.served", 1.0),
            ("tracing.cap-sp", 2.0),
            ("mill.asked", 6.0),
            ("mill.served", 6.0),
            ("mill.cap-sp", 12.0),
            ("halls.asked", 4.0),
            ("halls.served", 4.0),
            ("halls.cap-sp", 8.0),
        ] {
            registers.insert(tag(&format!("north.{id}")), value);
        }
        Self { core, plant, registers, tick: 0, fail_safe_writes: 0, answers_writes: true }
    }

    fn set(&mut self, id: &str, value: f64) {
        self.registers.insert(tag(&format!("north.{id}")), value);
    }
    fn get(&self, id: &str) -> f64 {
        self.registers[&tag(&format!("north.{id}"))]
    }

    fn give(&mut self, input: Input) -> Vec<Effect> {
        let mut all = self.call(input);
        let mut at = 0;
        while at < all.len() {
            if let Effect::Write { write, setpoint, value, .. } = all[at].clone()
                && self.answers_writes
            {
                self.registers.insert(setpoint, value);
                all.extend(self.call(Input::WriteDone { write, result: Ok(value) }));
            }
            at += 1;
        }
        all
    }

    /// One call, and the rules that every write has to keep whatever came before: within bounds, never the counter, and
    /// in the safe direction from what was last read while the fail-safe lane holds the setpoint.
    fn call(&mut self, input: Input) -> Vec<Effect> {
        let now = Now { wall: wall(self.tick), tick: Tick(self.tick) };
        let effects = self.core.handle(now, input);
        for effect in &effects {
            let Effect::Write { setpoint, value, .. } = effect else { continue };
            let rules = self.plant.setpoint(setpoint.as_str()).expect("only setpoints are written");
            assert!(*value >= rules.min && *value <= rules.max, "{setpoint} {value} is out of bounds");
            assert!(!setpoint.as_str().ends_with("counter"), "{setpoint} is the edge's own");
            if self.core.arbiter.holds().any(|(id, ..)| id == setpoint) {
                self.fail_safe_writes += 1;
                let from = self.core.image().last_good(setpoint).expect("nobody knows which way is safe");
                let safe = match rules.safe_direction {
                    hypocaust_protocols::model::Direction::Down => *value < from,
                    hypocaust_protocols::model::Direction::Up => *value > from,
                };
                assert!(safe, "{setpoint} from {from} to {value} is not the safe way");
            }
        }
        effects
    }

    /// 500 ms: ticks and one read of each device.
    fn scan(&mut self) -> Vec<Effect> {
        let mut all = Vec::new();
        for _ in 0..5 {
            self.tick += 100;
            all.extend(self.give(Input::Tick));
        }
        for device in self.plant.devices.clone() {
            let values = self
                .plant
                .tags
                .iter()
                .filter(|t| t.device == device.id)
                .map(|t| (t.id.clone(), Ok(self.registers[&t.id]).into()))
                .collect();
            all.extend(self.give(Input::Reads { device: device.id, values }));
        }
        all
    }

    fn command(&mut self, id: &str, writer: Writer, setpoint: &str, value: f64) -> Vec<Effect> {
        let command = Command {
            id: id.into(),
            plant: self.plant.id.clone(),
            writer,
            action: Action::Set { setpoint: tag(&format!("north.{setpoint}")), value },
            epoch: 1,
            boot: 9,
            tick: Tick(self.tick),
            ttl_ms: 8000,
            reason: 1,
        };
        self.give(Input::Command(Signed::seal(metric::COMMAND, &command, &key())))
    }

    fn beat(&mut self, trips_seen: &[&str]) -> Vec<Effect> {
        let beat = hypocaust_protocols::wire::Beat {
            plant: self.plant.id.clone(),
            epoch: 1,
            boot: 9,
            tick: Tick(self.tick),
            head_seq: 3,
            head_hash: "ab".into(),
            trips_seen: trips_seen.iter().map(|t| TripId::new(t).unwrap()).collect(),
        };
        self.give(Input::Beat(Signed::seal(metric::BEAT, &beat, &key())))
    }

    fn remote(&mut self) {
        self.give(Input::Link(true));
        for _ in 0..5 {
            self.scan();
            self.scan();
            self.beat(&[]);
        }
        assert_eq!(self.core.mode(), Mode::Remote);
    }

    fn table(&mut self, lost: hypocaust_protocols::wire::Loss, moves: &[(&str, f64)]) {
        let moves = moves
            .iter()
            .map(|(id, value)| hypocaust_protocols::wire::Move { setpoint: tag(&format!("north.{id}")), value: *value })
            .collect();
        let table = hypocaust_protocols::wire::Table {
            plant: self.plant.id.clone(),
            epoch: 1,
            boot: 9,
            tick: Tick(self.tick),
            ttl_ms: 900_000,
            reason: 2,
            contingencies: vec![hypocaust_protocols::wire::Contingency { lost, moves }],
        };
        self.give(Input::Table(Signed::seal(metric::TABLE, &table, &key())));
    }

    /// Led, with a table that takes the mill to 1 MW when b1 is lost.
    fn with_row() -> Self {
        let mut bench = Self::new();
        bench.remote();
        bench.table(hypocaust_protocols::wire::Loss::Source("north.b1".parse().unwrap()), &[("mill.cap-sp", 1.0)]);
        bench
    }

    fn trip_b1(&mut self) {
        for flag in ["a", "b", "c"] {
            self.set(&format!("b1.flame-lost-{flag}"), 1.0);
        }
        self.set("b1.state", 5.0);
    }
}

fn outcomes(effects: &[Effect]) -> Vec<(String, String)> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Publish { name: metric::OUTCOME, value: NodeValue::Text(text) } => {
                let outcome: Outcome = serde_json::from_str(text).unwrap();
                let word = match outcome.verdict {
                    Verdict::Done { .. } => "done".to_owned(),
                    Verdict::Refused(r) => r.gate,
                };
                Some((outcome.id, word))
            }
            _ => None,
        })
        .collect()
}

fn writes(effects: &[Effect]) -> Vec<(String, f64)> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Write { setpoint, value, .. } => {
                Some((setpoint.as_str().trim_start_matches("north.").to_owned(), (value * 1000.0).round() / 1000.0))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_trip_is_acted_on_from_the_table_in_the_scan_that_latches_it() {
    let mut bench = Bench::new();
    bench.remote();
    let lost = hypocaust_protocols::wire::Loss::Source("north.b1".parse().unwrap());
    bench.table(lost, &[("mill.cap-sp", 1.0), ("halls.cap-sp", 0.0), ("b2.load-sp", 8.0), ("b2.start", 1.0)]);
    bench.trip_b1();
    assert!(writes(&bench.scan()).is_empty()); // the delay of 500 ms begins
    let effects = bench.scan();
    let written = writes(&effects);
    // Caps fall at the fail-safe velocity of 3.0 and 2.0 MW/s, b2 rises at 0.8 MW/s, its start is asked for.
    let expected = [("b2.load-sp", 3.4), ("b2.start", 1.0), ("halls.cap-sp", 7.0), ("mill.cap-sp", 10.5)];
    assert_eq!(written, expected.map(|(id, v)| (id.to_owned(), v)));
    let persisted = effects.iter().position(|e| matches!(e, Effect::Persist(m) if m.latched.len() == 1)).unwrap();
    let first_write = effects.iter().position(|e| matches!(e, Effect::Write { .. })).unwrap();
    assert!(persisted < first_write);
    assert_eq!(outcomes(&bench.command("d1", Writer::Dispatch, "mill.cap-sp", 12.0))[0].1, "arbitration");
    for _ in 0..10 {
        bench.scan();
        bench.beat(&[]);
    }
    assert_eq!((bench.get("mill.cap-sp"), bench.get("halls.cap-sp")), (1.0, 0.0));
    assert!(bench.fail_safe_writes > 8, "the rules of the fail-safe lane were looked at");
    // The centre's schedule knows of it: dispatch leads again.
    bench.beat(&["north.b1-lost"]);
    assert_eq!(outcomes(&bench.command("d2", Writer::Dispatch, "mill.cap-sp", 3.0))[0].1, "done");
}

#[test]
fn a_shed_that_the_centre_takes_over_half_way_is_finished_at_its_own_pace() {
    let mut bench = Bench::with_row();
    bench.command("early", Writer::Dispatch, "mill.cap-sp", 1.0);
    bench.scan();
    bench.trip_b1();
    bench.scan();
    bench.scan();
    let before = bench.get("mill.cap-sp");
    assert!(before > 6.0, "it is on its way: {before}");
    bench.beat(&["north.b1-lost"]);
    // 12 MW at 3 MW/s: from anywhere on the way it is there within 4 s, though nobody asks for it again.
    for _ in 0..9 {
        bench.scan();
        bench.beat(&["north.b1-lost"]);
    }
    assert_eq!(bench.get("mill.cap-sp"), 1.0);
    // It holds nobody out: the centre may give heat back at once.
    bench.command("back", Writer::Dispatch, "mill.cap-sp", 5.0);
    for _ in 0..20 {
        bench.scan();
        bench.beat(&["north.b1-lost"]);
    }
    assert_eq!(bench.get("mill.cap-sp"), 5.0);
}

#[test]
fn a_shed_that_the_centre_does_not_want_stops_where_it_is_taken_over() {
    let mut bench = Bench::with_row();
    bench.trip_b1();
    bench.scan();
    bench.scan();
    let handed = bench.get("mill.cap-sp");
    assert!(1.0 < handed && handed < 12.0, "it is on its way: {handed}");
    for _ in 0..9 {
        bench.beat(&["north.b1-lost"]);
        bench.scan();
    }
    assert_eq!(bench.get("mill.cap-sp"), handed);
}

#[test]
fn who_takes_over_a_shed_says_where_it_ends() {
    let mut bench = Bench::with_row();
    bench.trip_b1();
    bench.scan();
    bench.scan();
    bench.beat(&["north.b1-lost"]);
    bench.command("less", Writer::Dispatch, "mill.cap-sp", 4.0);
    for _ in 0..40 {
        bench.scan();
        bench.beat(&["north.b1-lost"]);
        assert!(bench.get("mill.cap-sp") >= 4.0, "no further than the centre wants");
    }
    assert_eq!(bench.get("mill.cap-sp"), 4.0);
}

#[test]
fn a_row_that_is_dropped_between_the_loss_and_its_trip_is_kept() {
    let mut bench = Bench::with_row();
    bench.trip_b1();
    bench.scan();
    // The centre has seen that b1 no longer runs; its next table has no row for it.
    bench.table(hypocaust_protocols::wire::Loss::Source("north.b2".parse().unwrap()), &[("halls.cap-sp", 0.0)]);
    assert_eq!(writes(&bench.scan()), [("mill.cap-sp".to_owned(), 10.5)]);
}

#[test]
fn without_a_table_heat_is_taken_from_the_lowest_class_first() {
    let mut bench = Bench::new();
    bench.set("x1.flow", 2.0);
    for _ in 0..4 {
        bench.scan();
    }
    bench.trip_b1();
    for _ in 0..30 {
        bench.scan();
    }
    // b1 made 8 MW. b2 adds 0.8 within a minute. Halls take 2 MW of steam through x1: gone, with the flow. The mill
    // gives the other 5.2. Nobody above is touched.
    assert_eq!(bench.get("x1.flow-sp"), 0.0);
    assert_eq!(bench.get("halls.cap-sp"), 2.0);
    assert!((bench.get("mill.cap-sp") - 0.8).abs() < 1e-6, "{}", bench.get("mill.cap-sp"));
    assert_eq!((bench.get("tracing.cap-sp"), bench.get("dairy.cap-sp")), (2.0, 5.0));
    assert!(bench.get("b2.load-sp") > 7.0);
}

#[test]
fn a_closed_main_is_a_loss_that_ends_when_it_opens() {
    let mut bench = Bench::new();
    bench.set("n-s.flow", -3.0);
    bench.remote();
    let lost = hypocaust_protocols::wire::Loss::Island(bench.plant.id.clone());
    bench.table(lost, &[("mill.cap-sp", 3.0)]);
    bench.set("n-s.open", 0.0);
    bench.scan();
    assert_eq!(bench.get("mill.cap-sp"), 10.5);
    let trips = |bench: &Bench| bench.core.status(Now { wall: wall(0), tick: Tick(bench.tick) }).trips;
    assert_eq!(trips(&bench), ["n-s"]);
    bench.set("n-s.open", 1.0);
    bench.scan();
    assert!(trips(&bench).is_empty());
    assert_eq!(outcomes(&bench.command("d1", Writer::Dispatch, "mill.cap-sp", 12.0))[0].1, "done");
}

#[test]
fn alone_it_sheds_by_priority_while_the_header_is_low_and_gives_back_when_it_is_not() {
    let mut bench = Bench::new();
    for _ in 0..62 {
        bench.scan();
    }
    assert_eq!(bench.core.mode(), Mode::Autonomous);
    assert_eq!(outcomes(&bench.command("d1", Writer::Dispatch, "mill.cap-sp", 1.0))[0].1, "arbitration");
    bench.set("steam.pressure", 8.0);
    bench.set("b1.heat", 5.0); // served 11, made 8
    for _ in 0..12 {
        bench.scan();
    }
    assert!(bench.get("mill.cap-sp") < 6.0, "{}", bench.get("mill.cap-sp"));
    assert_eq!((bench.get("tracing.cap-sp"), bench.get("dairy.cap-sp")), (2.0, 5.0));
    let low = bench.get("mill.cap-sp");
    bench.set("steam.pressure", 10.1);
    for _ in 0..24 {
        bench.scan();
    }
    assert!(bench.get("mill.cap-sp") > low);
}

/// The swing source is lost and what is left makes more than is drawn: 8 MW where 6 go out, at 12 bar.
fn without_swing() -> Bench {
    let mut bench = Bench::new();
    for (id, value) in [("b1.heat", 0.0), ("b1.state", 5.0), ("b2.heat", 8.0), ("b2.load-sp", 8.0)] {
        bench.set(id, value);
    }
    for (id, value) in [("mill.served", 1.0), ("mill.cap-sp", 1.0), ("steam.pressure", 12.0)] {
        bench.set(id, value);
    }
    bench
}

#[test]
fn alone_it_gives_back_what_is_made_and_not_what_a_header_holds_above_nominal() {
    let mut bench = without_swing();
    for _ in 0..90 {
        bench.scan();
        bench.set("mill.served", bench.get("mill.cap-sp").min(6.0));
    }
    assert_eq!(bench.core.mode(), Mode::Autonomous);
    // What the header holds would last for minutes: 2 MW more than 1 are made, and no more are given.
    let cap = bench.get("mill.cap-sp");
    assert!(cap > 2.9 && cap < 3.1, "{cap}");
}

#[test]
fn alone_and_without_its_swing_source_it_brings_a_header_back_to_nominal() {
    let mut bench = without_swing();
    bench.set("mill.asked", 1.0);
    for _ in 0..120 {
        bench.scan();
    }
    let load = bench.get("b2.load-sp");
    assert!((1.6..6.0).contains(&load), "less than goes out, and no less than is stable: {load}");
    // Nor is the way down walked past nominal.
    bench.set("b2.heat", load);
    bench.set("steam.pressure", 9.5);
    for _ in 0..120 {
        bench.scan();
    }
    assert!(bench.get("b2.load-sp") > 6.0, "{}", bench.get("b2.load-sp"));
    assert_eq!((bench.get("tracing.cap-sp"), bench.get("dairy.cap-sp")), (2.0, 5.0), "nobody is shed for it");
}

#[test]
fn blind_and_alone_it_goes_to_fail_safe_values_but_only_the_safe_way() {
    let mut bench = Bench::new();
    for _ in 0..62 {
        bench.scan();
    }
    bench.set("steam.pressure", 99.0); // out of range
    for _ in 0..30 {
        bench.scan();
    }
    assert_eq!(bench.core.mode(), Mode::Fallback);
    assert_eq!(bench.get("mill.cap-sp"), 2.4);
    // Fail-safe 0 lies below: for a source safe is up, so it stays.
    assert_eq!(bench.get("b1.load-sp"), 10.8);
    assert_eq!(bench.get("halls.cap-sp"), 8.0); // the water header is seen
    bench.set("steam.pressure", 10.0);
    for _ in 0..12 {
        bench.scan();
    }
    assert_eq!(bench.core.mode(), Mode::Autonomous);
}

#[test]
fn a_lost_device_is_told_and_a_failed_write_is_answered() {
    let mut bench = Bench::new();
    bench.remote();
    bench.answers_writes = false;
    let effects = bench.command("c1", Writer::Dispatch, "mill.cap-sp", 11.9);
    let Some(Effect::Write { write, .. }) = effects.iter().find(|e| matches!(e, Effect::Write { .. })) else {
        panic!("a write is due: {effects:?}");
    };
    let write = *write;
    let done = bench.give(Input::WriteDone { write, result: Err("no answer".into()) });
    assert_eq!(outcomes(&done), [("c1".into(), "device".into())]);
    let lost = Input::DeviceLost {
        device: device("north.plc1"),
        reason: BadReason::NoConnection,
        detail: "no answer in 3 tries".into(),
    };
    let effects = bench.give(lost);
    assert!(effects.iter().any(|e| matches!(e, Effect::Publish { name: metric::DEVICES, .. })));
    assert!(effects.iter().any(|e| matches!(e, Effect::Spool(entry) if entry.samples.len() > 20)));
}

/// One read a row, as the driver of a device that tells times brings them: (tick, value, the device's time) and the time of
/// the sample that is told, if one is. Where a row says so, a birth comes after it.
#[test]
fn a_change_keeps_its_own_time_whatever_scan_has_confirmed_the_old_value() {
    const BIRTH: bool = true;
    let (plc2, heat) = (device("north.plc2"), tag("north.chp1.heat"));
    let mut bench = Bench::new();
    let table: [(u64, f64, u64, Option<u64>, bool); 9] = [
        (1_000, 1.0, 950, Some(950), !BIRTH),
        (1_500, 1.0, 950, None, !BIRTH), // still so, and nobody was told
        (1_600, 2.0, 1_450, Some(1_450), !BIRTH),
        (2_000, 2.0, 1_450, None, !BIRTH),
        (2_100, 2.01, 1_950, None, !BIRTH),        // within the deadband
        (6_600, 2.01, 1_950, Some(6_600), !BIRTH), // silent for 5 s: still so
        (6_700, 3.0, 6_550, Some(6_700), !BIRTH),  // from before what was told: order goes first
        (7_000, 3.0, 6_550, None, BIRTH),          // the birth tells it, as of this scan
        (7_100, 4.0, 6_950, Some(7_100), !BIRTH),
    ];
    let mut last = wall(0);
    for (at, value, source, expected, birth) in table {
        bench.tick = at;
        let reading = Reading { value: Some(value), quality: Quality::Good, source: Some(wall(source)) };
        let effects = bench.give(Input::Reads { device: plc2.clone(), values: vec![(heat.clone(), reading)] });
        let entries = effects.iter().filter_map(|e| match e {
            Effect::Spool(entry) => Some(entry),
            _ => None,
        });
        let told = entries.flat_map(|e| &e.samples).find(|s| s.tag == heat).map(|s| s.time);
        assert_eq!(told, expected.map(wall), "at {at}");
        let born = birth.then(|| bench.core.birth(Now { wall: wall(at), tick: Tick(at) }));
        let born = born.iter().flat_map(|b| &b.devices).flat_map(|d| &d.2).find(|s| s.tag == heat).map(|s| s.time);
        for time in told.into_iter().chain(born) {
            assert!(time > last, "at {at}: {time:?} was told after {last:?}");
            last = time;
        }
    }
}

#[test]
fn what_changed_between_the_birth_and_the_link_is_told() {
    let mut bench = Bench::new();
    let born = bench.core.birth(Now { wall: wall(bench.tick), tick: Tick(bench.tick) });
    bench.scan();
    let published = |effects: &[Effect]| {
        let devices = |e: &Effect| match e {
            Effect::Publish { name: metric::DEVICES, value } => Some(value.clone()),
            _ => None,
        };
        effects.iter().find_map(devices)
    };
    let effects = bench.give(Input::Link(true));
    let told = published(&effects).expect("the devices are told");
    assert!(!born.node.contains(&(metric::DEVICES, told)), "they were not read yet when the birth was made");
    let again = bench.give(Input::Tick);
    assert_eq!(published(&again), None, "once is enough");
}
