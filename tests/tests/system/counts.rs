//! Counting what the history holds, by readers that are no part of the programs: the history's tables read as SQL, and
//! the simulator's own log.

use super::shared::say;
use hypocaust_tests::harness::{Demo, block_on, wait_until};
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
/// A value that stands so long while edge and simulator run is read and spooled: a scan, the edge's commit, and room for a
/// machine on which all programs are being started.
const PIECE_MS: i64 = 2_000;

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

/// The ledger has one range a boot, from 1 on: an edge counts its entries without holes. The last entry of each boot. An entry
/// that nobody took while nobody led is sent again after half a minute, so that long it is waited for.
pub fn nothing_lost(demo: &Demo) -> BTreeMap<(String, i64), i64> {
    let (boots, waited) = wait_until("every entry of every boot is stored", Duration::from_secs(60), || boots(demo));
    let entries: i64 = boots.values().sum();
    say(&format!("{entries} entries of {} boots, none missing after {:.0} s", boots.len(), waited.as_secs_f64()));
    boots
}

/// By plant and boot the last entry, where none before it is missing.
fn boots(demo: &Demo) -> Result<BTreeMap<(String, i64), i64>, String> {
    let mut history = history(demo);
    let rows = block_on(
        sqlx::query("select plant, boot, first, last from ledger order by plant, boot, first").fetch_all(&mut history),
    )
    .map_err(|e| format!("the history's ledger: {e}"))?;
    let mut ranges: BTreeMap<(String, i64), Vec<(i64, i64)>> = BTreeMap::new();
    for row in rows {
        ranges.entry((row.get(0), row.get(1))).or_default().push((row.get(2), row.get(3)));
    }
    match ranges.iter().find(|(_, found)| found.len() != 1 || found[0].0 != 1) {
        Some((boot, found)) => Err(format!("entries of {boot:?} are missing: {found:?}")),
        None => Ok(ranges.into_iter().map(|(boot, found)| (boot, found[0].1)).collect()),
    }
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

/// Whose death leaves the sensor unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The edge of the plant: the register goes on, and whoever comes back reads it anew.
    Edge,
    /// The simulator: what was shown is gone with it.
    Plants,
}

/// From the moment at which it was killed until it certainly reads, or can be read, again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blind {
    pub whose: Reader,
    pub from: i64,
    pub until: i64,
}

/// How many values were judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged {
    /// Read from beginning to end.
    pub whole: usize,
    /// Pieces of values, read between two deaths or up to one.
    pub pieces: usize,
}

/// Of a time, what is left without the times of these.
fn seen(from: i64, until: i64, blind: &[Blind]) -> Vec<(i64, i64)> {
    let mut left = vec![(from, until)];
    for b in blind {
        let without = |(from, until): (i64, i64)| [(from, until.min(b.from)), (from.max(b.until), until)];
        left = left.into_iter().flat_map(without).filter(|(from, until)| from < until).collect();
    }
    left
}

/// Is every value that could be read in the history? By when each was shown, the history's rows of the sensor, and when
/// nobody could read it. A value that was read from beginning to end is reported once and never again; of one that a death
/// cut, each piece long enough to be read must have a report of its own, so that what a new life reports of it does not
/// stand for what the old one had spooled. The last value shown is not judged.
pub fn judged(shown: &[(i64, f64)], stored: &[(i64, f64)], blind: &[Blind]) -> Result<Judged, String> {
    let deaths = || blind.iter().filter(|b| b.whose == Reader::Plants);
    let next_shown = |at: i64| shown.iter().map(|s| s.0).find(|t| *t > at).unwrap_or(i64::MAX);
    // A simulator that has come back shows a flow of its own until the next value is set, as before the first and after the last.
    let ends = (shown.first().map_or(0, |s| s.0), shown.last().map_or(0, |s| s.0));
    let own: Vec<(i64, i64)> =
        deaths().map(|b| (b.from, next_shown(b.from))).chain([(0, ends.0), (ends.1, i64::MAX)]).collect();
    let mut judged = Judged::default();
    for pair in shown.windows(2) {
        let ((time, value), (next, _)) = (pair[0], pair[1]);
        // The register has steps of 0.001 MW.
        let mine = |(at, v): &&(i64, f64)| (v - value).abs() < 0.002 && !own.iter().any(|o| o.0 < *at && *at < o.1);
        let at: Vec<i64> = stored.iter().filter(mine).map(|(at, _)| *at).collect();
        let until = deaths().map(|b| b.from).filter(|at| *at > time).fold(next, i64::min);
        let told = || format!("{value} stood in {SENSOR} from {time} to {until}; the history has it at {at:?}");
        if let Some(astray) = at.iter().find(|at| !(time - 100..=next + 100).contains(at)) {
            return Err(format!("{}, of which {astray} is another time", told()));
        }
        let pieces = seen(time, until, blind);
        if pieces == [(time, next)] {
            judged.whole += 1;
            if !reported_once(&at) {
                return Err(told());
            }
            continue;
        }
        for (from, until) in pieces.into_iter().filter(|(from, until)| until - from >= PIECE_MS) {
            judged.pieces += 1;
            // A new life may have read before it certainly did.
            let since = blind.iter().filter(|b| b.until == from).map(|b| b.from + 100).min().unwrap_or(from - 100);
            if !at.iter().any(|at| since < *at && *at <= until + 100) {
                return Err(format!("{}, and could be read from {from} to {until}", told()));
            }
        }
    }
    Ok(judged)
}

/// The history's good rows of a tag since then, in their order.
pub fn rows(demo: &Demo, tag: &str, from: i64) -> Vec<(i64, f64)> {
    let mut history = history(demo);
    let query = "select time, value from sample join tag on tag.id = sample.tag where tag.name = ?1 and time >= ?2 and quality = 'good' order by time";
    let rows =
        block_on(sqlx::query(query).bind(tag).bind(from).fetch_all(&mut history)).expect("the history has samples");
    rows.iter().map(|r| (r.get(0), r.get(1))).collect()
}

/// Every value that the sensor showed is in the history, but for the times at which nobody could read it: `blind`. What
/// happens to broker, bus, centre or the other edge may lose nothing. With less than so many to judge it proves too little.
pub fn every_shown_value_is_stored(demo: &Demo, from: i64, blind: &[Blind], least: usize) {
    let shown = shown(demo, from);
    let judged = judged(&shown, &rows(demo, SENSOR, from), blind).unwrap_or_else(|wrong| panic!("{wrong}"));
    let Judged { whole, pieces } = judged;
    assert!(whole >= least, "only {whole} of {} values were read from beginning to end", shown.len());
    say(&format!(
        "{whole} values of {SENSOR} by the simulator's log, each once in the history, and {pieces} cut by a death"
    ));
}

#[test]
fn a_row_that_is_missing_astray_or_too_many_is_noticed() {
    let shown: Vec<(i64, f64)> = (0..8).map(|n| (10_000 * n, n as f64)).collect();
    let edge = Blind { whose: Reader::Edge, from: 24_000, until: 26_500 };
    let plants = Blind { whose: Reader::Plants, from: 55_000, until: 62_000 };
    // 2 is reported by both lives of the edge; 5 ends with its simulator, which then shows a flow that once was 4.
    let rows = [(400, 0.0), (10_400, 1.0), (20_400, 2.0), (26_000, 2.0), (30_400, 3.0), (40_400, 4.0), (50_400, 5.0)];
    let rows = [&rows[..], &[(58_000, 4.0), (62_100, 6.0)]].concat();
    let blind = [edge, plants];
    assert_eq!(judged(&shown, &rows, &blind), Ok(Judged { whole: 4, pieces: 4 }));
    const FLOW: usize = 7;
    judged(&shown, &without(&rows, FLOW), &blind).expect("the simulator's own flow is nobody's value");
    for needed in (0..rows.len()).filter(|n| *n != FLOW) {
        judged(&shown, &without(&rows, needed), &blind).expect_err(&format!("{:?} is missing", rows[needed]));
    }
    judged(&shown, &[&rows[..], &[(12_000, 1.0)]].concat(), &blind).expect_err("1 is there twice");
    judged(&shown, &[&rows[..], &[(41_000, 1.0)]].concat(), &blind).expect_err("1 is stored at a time of 4");
    judged(&shown, &rows, &[edge]).expect_err("without the simulator's death nothing says why 4 came again");
}

#[cfg(test)]
fn without(rows: &[(i64, f64)], n: usize) -> Vec<(i64, f64)> {
    rows.iter().enumerate().filter(|(i, _)| *i != n).map(|(_, row)| *row).collect()
}
