//! Counting what the history holds, by readers that are no part of the programs: the history's tables read as SQL, and
//! the simulator's own log.

use super::shared::say;
use hypocaust_tests::harness::{Demo, block_on};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A sensor that shows one new value after the other all the while, whatever is being killed: the flow of a main within a
/// plant, by which nothing is decided while the main is open. Each value differs from all others by more than the deadband.
pub const SENSOR: &str = "north.x1.flow";
const SENSOR_STEP: f64 = 0.05;
const SENSOR_EVERY: Duration = Duration::from_millis(2_500);
/// By the fleet file.
const SENSOR_SILENCE_MS: i64 = 5_000;
const SCAN_MS: i64 = 500;

pub fn milliseconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().unwrap_or_else(|e| panic!("{time:?} is no time: {e}")).as_millisecond()
}

#[expect(clippy::disallowed_methods, reason = "measures the running programs")]
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

pub fn history(demo: &Demo) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(demo.data.join("central/history.db")).read_only(true);
    block_on(options.connect()).expect("the history can be read while the centre runs")
}

pub fn spooled(demo: &Demo) -> Result<(), String> {
    for plant in ["north", "south"] {
        let entries =
            demo.edge_metric(plant, "gl_001_spool_entries", &[]).ok_or("an edge serves no gl_001_spool_entries")?;
        // What the last second wrote is on its way; a backlog is not.
        if entries > 20.0 {
            return Err(format!("{entries} entries in the spool of {plant}"));
        }
    }
    Ok(())
}

/// The ledger has one range a boot, from 1 on: an edge counts its entries without holes. The last entry of each boot.
pub fn nothing_lost(demo: &Demo) -> BTreeMap<(String, i64), i64> {
    let mut history = history(demo);
    let rows = block_on(
        sqlx::query("select plant, boot, first, last from ledger order by plant, boot, first").fetch_all(&mut history),
    )
    .expect("the history has a ledger");
    let mut ranges: BTreeMap<(String, i64), Vec<(i64, i64)>> = BTreeMap::new();
    for row in rows {
        ranges.entry((row.get(0), row.get(1))).or_default().push((row.get(2), row.get(3)));
    }
    let mut entries = 0;
    for (boot, found) in &ranges {
        assert!(found.len() == 1 && found[0].0 == 1, "entries of {boot:?} are missing: {found:?}");
        entries += found[0].1;
    }
    say(&format!("{entries} entries of {} boots, none missing", ranges.len()));
    ranges.into_iter().map(|(boot, found)| (boot, found[0].1)).collect()
}

/// No value stands there twice. (Two different values within one millisecond are two samples: a read, and the read-back of
/// a write.)
pub fn nothing_doubled(demo: &Demo) {
    let mut history = history(demo);
    let query = "select tag.name, time, count(*) from sample join tag on tag.id = sample.tag group by tag.id, time, value having count(*) > 1";
    let doubled = block_on(sqlx::query(query).fetch_all(&mut history)).expect("the history has samples");
    let first: Vec<(String, i64, i64)> = doubled.iter().take(5).map(|r| (r.get(0), r.get(1), r.get(2))).collect();
    assert!(doubled.is_empty(), "{} values are stored more than once, such as {first:?}", doubled.len());
    let row =
        block_on(sqlx::query("select count(*) from sample").fetch_one(&mut history)).expect("the history has samples");
    say(&format!("{} samples stored, none twice", row.get::<i64, _>(0)));
}

/// Sets its flag when it goes.
pub struct OnDrop<'a>(pub &'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Moves the sensor until told to stop.
pub fn move_sensor(demo: &Demo, stop: &AtomicBool) {
    let mut value = 0.2;
    while !stop.load(Ordering::Relaxed) {
        // While the simulator is dead there is nobody to do it; the log says which were done.
        let _ = demo.try_inject("north", &["stick", "x1.flow", &format!("{value:.3}")]);
        value += SENSOR_STEP;
        std::thread::sleep(SENSOR_EVERY);
    }
}

/// What the sensor showed since then, by the simulator's own log: when (milliseconds since 1970), and the value.
pub fn shown(demo: &Demo, from: i64) -> Vec<(i64, f64)> {
    demo.stuck_sensors()
        .into_iter()
        .filter(|s| s.fault.name == "x1.flow")
        .map(|s| (milliseconds(&s.time), s.fault.value))
        .filter(|(time, _)| *time >= from)
        .collect()
}

/// Whether a value of the sensor was reported when it came and not again, by the times of its reports in their order. One
/// that stands longer than its silence is rightly reported anew.
pub fn reported_once(at: &[i64]) -> bool {
    !at.is_empty() && at.windows(2).all(|pair| pair[1] - pair[0] > SENSOR_SILENCE_MS - SCAN_MS)
}

#[test]
fn a_report_too_many_is_noticed() {
    assert!(reported_once(&[7_000]) && reported_once(&[7_000, 12_000]));
    assert!(!reported_once(&[]) && !reported_once(&[7_000, 7_000]) && !reported_once(&[7_000, 9_500]));
}

/// Every value that the sensor showed is in the history, but for those of which its edge or its plant was dead.
/// `outages`: of these two alone; what happens to broker, centre or the other edge may lose nothing.
pub fn every_shown_value_is_stored(demo: &Demo, from: i64, outages: &[(i64, i64)]) {
    let shown = shown(demo, from);
    let mut history = history(demo);
    let query = "select time, value from sample join tag on tag.id = sample.tag where tag.name = ?1 and time >= ?2 and quality = 'good' order by time";
    let rows =
        block_on(sqlx::query(query).bind(SENSOR).bind(from).fetch_all(&mut history)).expect("the history has samples");
    let stored: Vec<(i64, f64)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    let mut counted = 0;
    for pair in shown.windows(2) {
        let ((time, value), (until, _)) = (pair[0], pair[1]);
        // The register has steps of 0.001 MW.
        let at: Vec<i64> = stored.iter().filter(|(_, v)| (v - value).abs() < 0.002).map(|(t, _)| *t).collect();
        if outages.iter().any(|(killed, well)| *killed < until && time < *well) {
            continue;
        }
        counted += 1;
        assert!(reported_once(&at), "{value} stood in {SENSOR} from {time} to {until}; the history has it at {at:?}");
        assert!(
            at.iter().all(|at| time - 100 <= *at && *at <= until + 100),
            "{value} stood from {time} to {until}, stored at {at:?}"
        );
    }
    assert!(counted >= 20, "only {counted} of {} values were to be counted: this proves too little", shown.len());
    say(&format!("{counted} values of {SENSOR} by the simulator's log, each once in the history"));
}
