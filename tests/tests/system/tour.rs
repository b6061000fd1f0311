//! The tour of the README: the biggest boiler trips; heat goes to people first and comes back in order. On the small fleet to
//! its end, on the fleet of four that the demo starts until heat is on its way.

use super::shared::{at_rest, say, turn};
use hypocaust_protocols::model::{Class, Millis};
use hypocaust_tests::harness::{Demo, Options, modbus, root, small_fleet, wait_until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The shed takes some 4 s of real time (scan, on-delay, and 12 MW of travel at 3 MW/s), 40 s of plant time; a header falls to
/// its lower limit in two minutes of it. The boiler's restart (315 s, then its ramp) fits into the test.
const SPEED: f64 = 10.0;

fn milliseconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().unwrap_or_else(|e| panic!("{time:?} is no time: {e}")).as_millisecond()
}

#[expect(clippy::disallowed_methods, reason = "measures the running programs")]
fn now() -> Millis {
    Millis(jiff::Timestamp::now().as_millisecond())
}

fn consumer(plant: &Value, id: &str) -> Value {
    let list = plant["consumers"].as_array().expect("consumers is a list");
    let fits = |c: &&Value| c["id"].as_str().is_some_and(|full| full == id || full.ends_with(&format!(".{id}")));
    list.iter().find(fits).unwrap_or_else(|| panic!("no consumer {id} in {plant}")).clone()
}

/// A demo, and what its fleet's files say of its consumers.
struct Tour {
    demo: Demo,
    /// Setpoint of a consumer's cap -> rank of the class.
    caps: BTreeMap<String, u8>,
    /// Plant and consumer.
    life_safety: Vec<(String, String)>,
}

/// A way in which caps move.
#[derive(Clone, Copy)]
enum Moved {
    Down,
    Up,
}

/// How a trip went.
struct Tripped {
    at: Millis,
    /// Until the centre showed it.
    seen: Duration,
    /// Class -> milliseconds until its first cap was lowered, when the first of all was.
    lowered: BTreeMap<u8, i64>,
}

impl Tour {
    fn of(fleet: PathBuf) -> Self {
        let files = hypocaust_protocols::files::load(&fleet).expect("a sample fleet is right");
        let consumers = || files.plants.iter().flat_map(|p| p.consumers.iter().map(move |c| (p, c)));
        let cap =
            |c: &hypocaust_protocols::model::Consumer| Some((c.shed.as_ref()?.setpoint.to_string(), c.class.rank()));
        let caps = consumers().filter_map(|(_, c)| cap(c)).collect();
        let vital = consumers().filter(|(_, c)| c.class == Class::LifeSafety);
        let life_safety = vital.map(|(p, c)| (p.id.to_string(), c.id.to_string())).collect();
        Self { demo: Demo::start(Options { fleet, speed: SPEED, ..Options::default() }), caps, life_safety }
    }

    /// What life safety lacks of what it asks for, at worst, MW.
    fn life_safety_lacks(&self) -> f64 {
        self.life_safety
            .iter()
            .map(|(plant, id)| {
                let c = consumer(&self.demo.get(&format!("/api/v1/plants/{plant}")), id);
                let number =
                    |name: &str| c[name].as_f64().unwrap_or_else(|| panic!("{name} of {id} is no number: {c}"));
                number("asked_mw") - number("served_mw")
            })
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// How long after `from` the simulator's log has a cap of each class moved for the first time, ms.
    fn first_moved(&self, from: Millis, way: Moved) -> BTreeMap<u8, i64> {
        let mut last: BTreeMap<String, f64> = BTreeMap::new();
        let mut moved = BTreeMap::new();
        for write in self.demo.register_writes() {
            let Some(class) = self.caps.get(&write.tag) else { continue };
            let after = milliseconds(&write.time) - from.0;
            let Some(before) = last.insert(write.tag, write.value) else { continue };
            let by = match way {
                Moved::Down => before - write.value,
                Moved::Up => write.value - before,
            };
            if after >= 0 && by > 0.05 {
                moved.entry(*class).or_insert(after);
            }
        }
        moved
    }

    /// A source of a plant as the API shows it.
    fn source(&self, plant: &str, name: &str) -> Value {
        let view = self.demo.get(&format!("/api/v1/plants/{plant}"));
        let full = format!("{plant}.{name}");
        let list = view["sources"].as_array().expect("sources is a list");
        list.iter().find(|s| s["id"] == full.as_str()).unwrap_or_else(|| panic!("no source {full} in {view}")).clone()
    }

    /// Trips a boiler and waits until caps are lowered: the edge did not wait for the centre, and did what the centre had
    /// solved ahead.
    fn trip(&self, plant: &str, boiler: &str) -> Tripped {
        let lost = serde_json::json!({ "source": format!("{plant}.{boiler}") });
        let row = |entry: &Value| {
            let rows = entry["body"]["contingencies"].as_array();
            entry["kind"] == "table-issued" && rows.is_some_and(|rows| rows.iter().any(|row| row["lost"] == lost))
        };
        wait_until("a table has the loss", Duration::from_secs(60), || {
            let journal = self.demo.try_get("/api/v1/journal?limit=10000")?;
            let entries = journal.as_array().ok_or("the journal is no list")?;
            if entries.iter().any(row) { Ok(()) } else { Err(format!("no row among {} entries", entries.len())) }
        });
        let at = now();
        self.demo.inject(plant, &["trip", boiler]);
        let (_, seen) = wait_until("the centre shows the trip", Duration::from_secs(15), || {
            let shown = self.source(plant, boiler);
            if shown["tripped"] == true { Ok(()) } else { Err(shown.to_string()) }
        });
        let (lowered, _) = wait_until("a lower class is shed", Duration::from_secs(15), || {
            let standing = self.demo.metric("gl_001_alarms", &[("priority", "1"), ("state", "unacknowledged")]);
            assert!(standing >= Some(1.0), "the trip's alarm stands and is counted: {standing:?}");
            let lowered = self.first_moved(at, Moved::Down);
            if lowered.is_empty() { Err("no cap is lowered in the simulator's log") } else { Ok(lowered) }
        });
        let log = self.demo.log(&format!("edge-{plant}"));
        let acted = log.lines().rfind(|l| l.contains("\"event\":\"acted\""));
        let acted = acted.expect("the edge tells what it did about the trip");
        assert!(acted.contains("\"origin\":\"table\"") && acted.contains(&format!("{boiler}-lost")), "{acted}");
        Tripped { at, seen, lowered }
    }

    /// Keeps in mind the most that each class lacked at any plant, as the fleet's page has it, MW.
    fn note_unserved(&self, unserved: &mut BTreeMap<String, f64>) {
        for plant in self.demo.get("/api/v1/fleet")["plants"].as_array().expect("plants is a list") {
            for (class, mw) in plant["unserved_mw"].as_object().expect("unserved_mw is an object") {
                let most = unserved.entry(class.clone()).or_default();
                *most = most.max(mw.as_f64().unwrap_or(f64::INFINITY));
            }
        }
    }
}

/// One scan (0.5 s), the trip's on-delay (0.5 s), the devices' turn, and two busy cores.
fn shed_in_time_and_order(lowered: &BTreeMap<u8, i64>) {
    let first = lowered.values().min().expect("a class is shed");
    assert!(*first < 3000, "the first cap was lowered only {first} ms after the trip");
    let lower = [4, 5].iter().filter_map(|c| lowered.get(c)).min().expect("comfort or production is shed");
    for class in [2, 3] {
        if let Some(at) = lowered.get(&class) {
            assert!(lower <= at, "class {class} was lowered before comfort and production: {lowered:?}");
        }
    }
}

fn boiler_state(demo: &Demo) -> f64 {
    demo.tag("north.b1.state")["value"].as_f64().unwrap_or(f64::NAN)
}

#[test]
fn a_tripped_boiler_takes_heat_from_the_bottom_and_gives_it_back() {
    let _turn = turn();
    let tour = Tour::of(small_fleet());
    let demo = &tour.demo;
    wait_until("the demo is at rest", Duration::from_secs(60), || at_rest(demo));
    let pressure_register = || {
        let words = modbus::read(&demo.devices()["north.plc1"], 1, "input", 100, 2).expect("the plant answers");
        f32::from_bits(u32::from(words[0]) << 16 | u32::from(words[1]))
    };
    say(&format!("before: {:.2} bar in the steam header", pressure_register()));

    let Tripped { at: tripped, seen, lowered } = tour.trip("north", "b1");
    let shed_after = lowered.values().min().expect("not empty");

    // Half a minute, five minutes of plant time: the worst of it.
    let mut worst = f64::NEG_INFINITY;
    let mut lowest = f32::INFINITY;
    let mut unserved: BTreeMap<String, f64> = BTreeMap::new();
    for _ in 0..60 {
        worst = worst.max(tour.life_safety_lacks());
        lowest = lowest.min(pressure_register());
        tour.note_unserved(&mut unserved);
        std::thread::sleep(Duration::from_millis(500));
    }
    let lowered = tour.first_moved(tripped, Moved::Down);
    say(&format!("trip shown after {:.1} s; first cap lowered at the plant after {shed_after} ms", seen.as_secs_f64()));
    say(&format!("first lowering by class (ms after the trip): {lowered:?}"));
    say(&format!(
        "life safety lacked at worst {worst:.3} MW; lowest pressure {lowest:.2} bar; unserved at worst {unserved:?}"
    ));

    shed_in_time_and_order(&lowered);
    // Measured through sampled values: 0.1 MW is their deadbands and the noise of the draw.
    assert!(worst < 0.1, "life safety lacked {worst:.3} MW");
    assert!(unserved.values().any(|mw| *mw > 0.5), "nobody was short, so nothing was shown: {unserved:?}");

    let cleared = now();
    demo.inject("north", &["restore", "b1"]);
    let (_, on) = wait_until("the boiler is on again", Duration::from_secs(200), || {
        let state = boiler_state(demo);
        // Purge, light-off and warm-up come first; `on` is 4 in the fleet's table of states.
        if (state - 4.0).abs() < 0.5 { Ok(()) } else { Err(format!("state {state}")) }
    });
    let (_, whole) = wait_until("everybody has heat again", Duration::from_secs(300), || {
        let lacks = tour.life_safety_lacks();
        assert!(lacks < 0.1, "life safety lacks {lacks:.3} MW while others are restored");
        at_rest(demo)
    });
    say(&format!(
        "restored: boiler on {:.1} s, all heat back {:.1} s after the fault was cleared (physics {}x: {:.0} s and {:.0} s of plant time)",
        on.as_secs_f64(),
        on.as_secs_f64() + whole.as_secs_f64(),
        demo.options.speed,
        on.as_secs_f64() * demo.options.speed,
        (on + whole).as_secs_f64() * demo.options.speed,
    ));
    let raised = tour.first_moved(cleared, Moved::Up);
    say(&format!("first cap raised by class (ms after clearing): {raised:?}"));
    assert!(raised.keys().eq(lowered.keys()), "lowered {lowered:?}, raised {raised:?}");
    let order: Vec<(u8, i64)> = raised.into_iter().collect();
    assert!(order.is_sorted_by_key(|(_, at)| *at), "heat comes back from the top: {order:?}");
}

/// The biggest boiler of the fleet of four is the paper mill's; its standby takes some minutes of plant time to come up. The
/// header that loses it feeds no comfort, and what the mill's halls draw from the lower one cannot flow back: production is
/// the lowest class whose heat helps.
#[test]
fn the_fleet_of_four_starts_well_and_sheds_from_the_bottom_when_its_biggest_boiler_trips() {
    let _turn = turn();
    let tour = Tour::of(root().join("deploy/fleets/four"));
    let demo = &tour.demo;
    let (_, good) = wait_until("every tag is good", Duration::from_secs(60), || {
        let answer = demo.try_get("/api/v1/tags")?;
        let tags = answer["tags"].as_array().ok_or("tags is no list")?;
        let bad: Vec<String> = tags.iter().filter(|t| t["quality"] != "good").map(ToString::to_string).collect();
        if !tags.is_empty() && bad.is_empty() { Ok(()) } else { Err(format!("{}: {}", bad.len(), bad.concat())) }
    });
    let (_, rest) = wait_until("the demo is at rest", Duration::from_secs(60), || at_rest(demo));
    let alarms = demo.get("/api/v1/alarms");
    assert_eq!(alarms["alarms"].as_array().map(Vec::len), Some(0), "a healthy start raises none: {alarms}");
    say(&format!(
        "four plants ready after {:.1} s, every tag good {:.1} s later, at rest {:.1} s after that",
        demo.ready_after.as_secs_f64(),
        good.as_secs_f64(),
        rest.as_secs_f64(),
    ));

    let Tripped { at, seen, .. } = tour.trip("mill", "b1");
    let restoration = tour.source("mill", "b1")["waits"].clone();
    let mut unserved = BTreeMap::new();
    // 20 s, more than three minutes of plant time: the standby boiler is not up yet.
    for _ in 0..40 {
        tour.note_unserved(&mut unserved);
        std::thread::sleep(Duration::from_millis(500));
    }
    let lowered = tour.first_moved(at, Moved::Down);
    say(&format!("trip shown after {:.1} s; first lowering by class (ms): {lowered:?}", seen.as_secs_f64()));
    say(&format!("unserved at worst {unserved:?} MW; the boiler {restoration}"));
    shed_in_time_and_order(&lowered);
    // 0.1 MW: deadbands and the noise of the draw.
    for class in [Class::LifeSafety, Class::ProductSafety, Class::EquipmentProtection].map(Class::name) {
        let lacked = unserved.get(class).unwrap_or_else(|| panic!("{class} is not shown: {unserved:?}"));
        assert!(*lacked < 0.1, "{class} lacked {lacked:.3} MW");
    }
    assert!(unserved.values().any(|mw| *mw > 0.5), "nobody was short, so nothing was shown: {unserved:?}");

    assert!(restoration.as_str().is_some_and(|words| words.starts_with("tripped")), "{restoration}");
    let (up, after) = wait_until("heat is on its way", Duration::from_secs(60), || {
        let standby = tour.source("mill", "b2");
        let heat_at = standby["prediction"]["heat_at"].as_str().map(str::to_owned);
        let on_its_way = heat_at.map(|at| format!("mill.b2 {}, heat at {at}", standby["waits"]));
        on_its_way.or_else(|| (standby["state"] == "on").then(|| "mill.b2 is on".to_owned())).ok_or(standby)
    });
    say(&format!("{up}, {:.1} s later", after.as_secs_f64()));
}
