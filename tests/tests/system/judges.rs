//! Two Modbus clients by others, mbpoll and pymodbus, read the plants' registers and see what the API shows.

use super::shared::{Shared, demo, say};
use hypocaust_protocols::model::{Device, Fleet, Tag};
use hypocaust_tests::harness::{program, python, root, run, small_fleet, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// All word orders, all types, all four tables, both bits of status words and writable registers.
const TAGS: [&str; 14] = [
    "north.steam.pressure",
    "north.b1.heat",
    "north.b1.state",
    "north.b1.load-sp",
    "north.b1.start",
    "north.b1.flame-lost-a",
    "north.b2.heat",
    "north.b2.tripped",
    "north.n-s.flow",
    "north.x1.flow-sp",
    "north.ward.asked",
    "north.mill.served",
    "north.tracing.served",
    "south.steam.pressure",
];

/// So many tags each judge reads: those above that it can, and others.
const JUDGED: usize = 20;

/// A row of `hypocaust-sim plants --map`, with the scale of the fleet's files, which the map leaves out.
struct Row {
    tag: Tag,
    unit: u8,
    address: String,
    table: String,
    offset: u16,
    kind: String,
    order: String,
    bit: Option<u8>,
}

fn rows(demo: &Shared) -> Vec<Row> {
    let output = run(program("hypocaust-sim").arg("plants").arg(small_fleet()).arg("--map"), Duration::from_secs(10));
    assert!(output.status.success(), "{}", text(&output));
    let csv = String::from_utf8(output.stdout).unwrap();
    let mut lines = csv.lines();
    let head = lines.next().unwrap();
    assert!(head.starts_with("plant,device,protocol,address,type,word_order,unit,tag,writable"), "{head}");
    let fleet: Fleet = hypocaust_protocols::files::load(&small_fleet()).unwrap();
    let devices = demo.devices();
    lines
        .map(|line| line.split(',').collect::<Vec<&str>>())
        .filter(|fields| fields[2] == "modbus-tcp")
        .map(|fields| {
            let (table, offset) = fields[3].split_once(':').unwrap();
            // A bit of a status word is written `input:300.0`.
            let offset = offset.split('.').next().unwrap();
            let (plant, tag) =
                fleet.tag(fields[7]).unwrap_or_else(|| panic!("the map names {}, the fleet does not", fields[7]));
            Row {
                tag: tag.clone(),
                unit: plant.device(tag.device.as_str()).and_then(Device::modbus).unwrap().unit_id,
                address: devices[tag.device.as_str()].clone(),
                table: table.into(),
                offset: offset.parse().unwrap(),
                kind: fields[4].into(),
                order: fields[5].into(),
                bit: tag.address.register().and_then(|r| r.bit),
            }
        })
        .collect()
}

/// Registers that a judge read are right when the API shows them, within the deadband, shortly before or after: the
/// physics goes on between the two looks.
fn agrees(demo: &Shared, row: &Row, judged: impl Fn() -> f64) -> Result<f64, String> {
    let id = row.tag.id.as_str();
    let shown = |value: &Value| value["value"].as_f64().ok_or_else(|| format!("{id} has no value: {value}"));
    let mut last = String::new();
    for _ in 0..20 {
        let before = shown(&demo.tag(id))?;
        let register = judged() * row.tag.scale + row.tag.shift;
        std::thread::sleep(Duration::from_millis(900));
        let tag = demo.tag(id);
        let after = shown(&tag)?;
        let (low, high) = (before.min(after) - row.tag.deadband - 1e-6, before.max(after) + row.tag.deadband + 1e-6);
        if tag["quality"] == "good" && (low..=high).contains(&register) {
            return Ok(register);
        }
        last = format!("{id}: register {register}, API {before} before and {tag} after");
    }
    Err(last)
}

/// The rows of [`TAGS`], then all others.
fn of_tags(demo: &Shared) -> Vec<Row> {
    let (mut rows, others): (Vec<Row>, _) = rows(demo).into_iter().partition(|r| TAGS.contains(&r.tag.id.as_str()));
    assert_eq!(rows.len(), TAGS.len(), "the map lacks some of {TAGS:?}");
    let kinds: BTreeSet<&str> = rows.iter().map(|r| r.kind.as_str()).collect();
    let orders: BTreeSet<&str> = rows.iter().map(|r| r.order.as_str()).collect();
    assert!(kinds.len() >= 7 && orders.len() >= 4, "too few types {kinds:?} or orders {orders:?} to judge by");
    // The edge's own counter is another with every look.
    rows.extend(others.into_iter().filter(|r| !r.tag.id.as_str().ends_with(".counter")));
    rows
}

#[test]
fn pymodbus_reads_what_the_api_shows() {
    let demo = demo();
    let python = python();
    for row in of_tags(&demo).into_iter().take(JUDGED) {
        let (host, port) = row.address.rsplit_once(':').unwrap();
        let asked = json!([{
            "id": row.tag.id, "host": host, "port": port.parse::<u16>().unwrap(), "unit": row.unit,
            "table": row.table, "offset": row.offset, "type": row.kind, "order": row.order, "bit": row.bit,
        }]);
        let judged = || {
            let mut child = Command::new(&python)
                .arg(root().join("tests/judges/read.py"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap_or_else(|e| panic!("cannot run {}: {e}", python.display()));
            child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", text(&output));
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
            answer[row.tag.id.as_str()].as_f64().unwrap()
        };
        let value = agrees(&demo, &row, judged).unwrap_or_else(|why| panic!("pymodbus and the API disagree: {why}"));
        say(&format!("pymodbus  {:<24} {} {} {} -> {value}", row.tag.id.as_str(), row.table, row.kind, row.order));
    }
}

/// mbpoll knows 16 and 32 bit numbers and floats, high word first with `-B`; the rest is pymodbus' part.
fn mbpoll_type(row: &Row) -> Option<&'static [&'static str]> {
    Some(match (row.table.as_str(), row.kind.as_str(), row.order.as_str()) {
        ("coil", ..) => &["-t", "0"],
        ("discrete", ..) => &["-t", "1"],
        ("input", "u16", "abcd") => &["-t", "3"],
        ("input", "f32", "abcd") => &["-t", "3:float", "-B"],
        ("input", "i32", "abcd") => &["-t", "3:int", "-B"],
        ("input", "u32" | "i32", "cdab") => &["-t", "3:int"],
        ("input", "f32", "cdab") => &["-t", "3:float"],
        ("holding", "f32", "abcd") => &["-t", "4:float", "-B"],
        ("holding", "f32", "cdab") => &["-t", "4:float"],
        _ => return None,
    })
}

fn mbpoll(row: &Row, kind: &[&str]) -> f64 {
    let (host, port) = row.address.rsplit_once(':').unwrap();
    let mut command = Command::new("mbpoll");
    command.args([
        "-m",
        "tcp",
        "-p",
        port,
        "-a",
        &row.unit.to_string(),
        "-0",
        "-1",
        "-q",
        "-r",
        &row.offset.to_string(),
    ]);
    let output = run(command.args(kind).arg(host), Duration::from_secs(10));
    let said = text(&output);
    assert!(output.status.success(), "mbpoll: {said}");
    // "[102]: \t7.5"; a 16-bit number above 32767 is followed by the signed one in brackets.
    let line = said.lines().find(|l| l.starts_with('[')).unwrap_or_else(|| panic!("mbpoll shows no value: {said}"));
    let value = line.split(':').nth(1).unwrap().split_whitespace().next().unwrap();
    value.parse().unwrap_or_else(|_| panic!("mbpoll's value {value:?} in {line:?} is no number"))
}

#[test]
fn mbpoll_reads_what_the_api_shows() {
    let demo = demo();
    let known = |row: &Row| mbpoll_type(row).filter(|_| !(row.kind == "bool" && row.table == "input"));
    let rows: Vec<Row> = of_tags(&demo).into_iter().filter(|row| known(row).is_some()).take(JUDGED).collect();
    assert_eq!(rows.len(), JUDGED, "too few tags that mbpoll can read");
    for row in rows {
        let kind = known(&row).expect("filtered by it");
        let value = agrees(&demo, &row, || mbpoll(&row, kind))
            .unwrap_or_else(|why| panic!("mbpoll and the API disagree: {why}"));
        say(&format!("mbpoll    {:<24} {} {} {} -> {value}", row.tag.id.as_str(), row.table, row.kind, row.order));
    }
}
