//! The demo that tests share, one at a time; its bus is Apache Kafka.

use hypocaust_tests::harness::kafka::Kafka;
use hypocaust_tests::harness::{Demo, Options, small_fleet, wait_until};
use std::io::Write;
use std::sync::{LazyLock, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

/// Physics ten times as fast as life: a boiler's restart takes half a minute, while the programs' own reaction (under
/// 2 s) stays far below the time in which a header falls to its lower limit (some 8 s after the biggest boiler is lost).
pub const SPEED: f64 = 10.0;

/// A trip setting of the burner protection that can be read: a tag that the small fleet lacks and this demo has.
pub const SIS_TAG: &str = "north.b1.relief-limit";
pub const SIS_OFFSET: u16 = 900;

/// A switch at the plant that the small fleet lacks: while it reads 1, the cap of the pipe tracing is not ours to move.
pub const LOCAL_TAG: &str = "north.tracing.local";

/// The small fleet with texts of one file replaced, each the first that is found, in a folder of its own.
pub fn changed_fleet(file: &str, changes: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::create_dir(folder.path().join("plants")).expect("a folder can be made");
    for name in ["fleet.toml", "plants/north.toml", "plants/south.toml"] {
        let mut text = std::fs::read_to_string(small_fleet().join(name)).expect("the small fleet is there");
        for (from, to) in changes.iter().filter(|_| name == file) {
            assert!(text.contains(from), "{file} of the small fleet has no {from:?} any more");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    folder
}

/// The small fleet with [`SIS_TAG`] and [`LOCAL_TAG`], in a folder that lives as long as the tests.
static FLEET: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let tags = format!(
        "tags = [\n  {{ id = \"b1.relief-limit\", device = \"plc1\", at = \"holding:{SIS_OFFSET}\", type = \"f32\", \
         unit = \"bar\", min = 0, max = 20, deadband = 0.1, silence_s = 5, scan = \"slow\" }},\n\
         {{ id = \"tracing.local\", device = \"plc1\", at = \"discrete:{SIS_OFFSET}\", type = \"bool\", unit = \"1\", \
         min = 0, max = 1, deadband = 0.5, silence_s = 5, scan = \"fast\" }},"
    );
    let setpoint = "{ tag = \"tracing.cap-sp\", ";
    let held = format!("{setpoint}interlock = {{ tag = \"tracing.local\", equals = 0 }}, ");
    changed_fleet("plants/north.toml", &[("tags = [", &tags), (setpoint, &held)])
});

static SHARED: Mutex<Option<(Demo, Kafka)>> = Mutex::new(None);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub struct Shared {
    demo: MutexGuard<'static, Option<(Demo, Kafka)>>,
    _turn: MutexGuard<'static, ()>,
}

impl Shared {
    fn both(&self) -> &(Demo, Kafka) {
        self.demo.as_ref().expect("made by `demo`")
    }

    /// Its bus.
    pub fn apache(&self) -> &Kafka {
        &self.both().1
    }
}

impl std::ops::Deref for Shared {
    type Target = Demo;
    fn deref(&self) -> &Demo {
        &self.both().0
    }
}

/// Waits for its turn without the shared demo: for tests that start one of their own on the two cores of a small machine.
pub fn turn() -> MutexGuard<'static, ()> {
    tell_at_once();
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The shared demo, quiet: everything linked, nothing unserved, each part of the centre well. A test that failed before does not matter, as long as
/// the demo comes to rest.
pub fn demo() -> Shared {
    let turn = turn();
    let mut slot = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() {
        let kafka = Kafka::start();
        let environment = vec![("HYPOCAUST_KAFKA".to_owned(), kafka.bootstrap())];
        let demo =
            Demo::start(Options { speed: SPEED, fleet: FLEET.path().to_owned(), environment, ..Options::default() });
        say(&format!("demo on Apache Kafka ready after {:.1} s", demo.ready_after.as_secs_f64()));
        *slot = Some((demo, kafka));
    }
    let shared = Shared { demo: slot, _turn: turn };
    wait_until("the shared demo is at rest", Duration::from_secs(240), || {
        at_rest(&shared)?;
        shared.try_get("/health/ready").map(drop)
    });
    shared
}

/// What goes wrong is told when it does: the test runner shows it after a quarter of an hour, at the end of everything.
pub fn tell_at_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let what = panic.payload_as_str().unwrap_or("no text");
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            say(&format!("FAILS at {place}: {}", what.chars().take(400).collect::<String>()));
            usual(panic);
        }));
    });
}

/// Linked, remote, and nobody short of heat.
pub fn at_rest(demo: &Demo) -> Result<(), String> {
    let fleet = demo.try_get("/api/v1/fleet")?;
    let plants = fleet["plants"].as_array().ok_or_else(|| format!("no plants in {fleet}"))?;
    for plant in plants {
        // Absent is not zero: without figures nobody can say that the plant is at rest.
        let served = plant["unserved_mw"].as_object().is_some_and(|classes| {
            // 0.1 MW: noise of the draw and the caps' last digits, below 1 % of either plant.
            classes.values().map(serde_json::Value::as_f64).sum::<Option<f64>>().is_some_and(|mw| mw < 0.1)
        });
        if plant["mode"] != "remote" || plant["link"] != true || !served {
            return Err(plant.to_string());
        }
    }
    Ok(())
}

/// Figures for people; `--nocapture` is not needed to see them.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "    {line}");
}
