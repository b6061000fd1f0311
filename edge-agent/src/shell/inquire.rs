//! The verbs that look and do not run: `probe`, `status`, `simulate-write`.

use super::device::{self, Driver};
use super::endpoints::Endpoints;
use super::spool::{Fill, Spool};
use super::state::{self, State};
use crate::core::alarms::Alarms;
use crate::core::gate::Guarded;
use crate::core::image::Image;
use hypocaust_protocols::files::nearest;
use hypocaust_protocols::model::{Direction, Fleet, Plant, Setpoint, SetpointId, TagId, Tick};
use hypocaust_protocols::opcua::session::Browsed;
use hypocaust_protocols::wire::{Refusal, Writer};
use serde::Serialize;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One tag as a device shows it.
#[derive(Debug, Serialize)]
pub struct Probed {
    pub tag: TagId,
    pub value: Option<f64>,
    pub unit: &'static str,
    pub error: Option<String>,
}

/// A device and how it is reached.
pub struct Reach<'a> {
    pub fleet: &'a Fleet,
    pub plant: &'a Plant,
    pub device: &'a str,
    pub endpoints: &'a Endpoints,
    /// The edge's folder, where its certificates are.
    pub data: Option<&'a Path>,
}

impl Reach<'_> {
    fn driver(&self) -> Result<Driver, String> {
        let Reach { fleet, plant, device, endpoints, data } = self;
        let qualified = format!("{}.{device}", plant.id);
        let Some(device) = plant.device(device).or_else(|| plant.device(&qualified)) else {
            return Err(unknown("device", &qualified, plant.devices.iter().map(|d| d.id.as_str())));
        };
        Driver::new(plant, device, endpoints.of(device), &fleet.limits.scan, device::unset(), *data)
    }
}

/// Reads a device once.
pub async fn probe(reach: &Reach<'_>) -> Result<Vec<Probed>, String> {
    let plant = reach.plant;
    let mut driver = reach.driver()?;
    let mut all: Vec<Probed> = driver
        .probe()
        .await
        .into_iter()
        .map(|(tag, result)| Probed {
            unit: plant.tag(tag.as_str()).map_or("", |t| t.unit.symbol()),
            tag,
            error: result.as_ref().err().cloned(),
            value: result.ok(),
        })
        .collect();
    all.sort_by(|a, b| a.tag.cmp(&b.tag));
    Ok(all)
}

/// A variable that a server shows, and the tag that is it.
#[derive(Debug, Serialize)]
pub struct Found {
    pub tag: Option<TagId>,
    #[serde(flatten)]
    pub variable: Browsed,
}

/// Why there is no list of variables.
pub enum Unbrowsed {
    Usage(String),
    Untried(String),
}

/// The variables of an OPC UA device, at most so many. A Modbus device cannot tell what it has.
pub async fn browse(reach: &Reach<'_>, most: usize) -> Result<Vec<Found>, Unbrowsed> {
    let Driver::OpcUa(driver) = reach.driver().map_err(Unbrowsed::Usage)? else {
        return Err(Unbrowsed::Usage(format!("{} speaks Modbus, whose registers have no names", reach.device)));
    };
    let found = driver.browse(most).await.map_err(Unbrowsed::Untried)?;
    Ok(found.into_iter().map(|variable| Found { tag: driver.tag_at(&variable), variable }).collect())
}

fn unknown<'a>(what: &str, id: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(id, candidates.clone()) {
        Some(near) => format!("there is no {what} '{id}'; did you mean '{near}'?"),
        None => format!("there is no {what} '{id}'; there are {}", candidates.collect::<Vec<_>>().join(", ")),
    }
}

/// What an edge's data folder and, if it runs, its own report say.
#[derive(Debug, Serialize)]
pub struct Report {
    pub running: bool,
    pub last_boot: Option<u64>,
    pub epoch: u64,
    pub anchor: Option<crate::core::Anchor>,
    pub trips_latched: Vec<String>,
    pub spool_entries: u64,
    pub spool_bytes: u64,
    /// RFC 3339; when the oldest entry was spooled.
    pub spool_oldest: Option<String>,
    /// Entries that cannot be sent and are kept beside the spool.
    pub spool_aside: u64,
    /// The running edge's own words.
    pub live: Option<serde_json::Value>,
}

/// What is known of the edge that keeps its state in this folder.
///
/// # Errors
/// The folder is none of an edge, or a file in it cannot be read; in words.
pub async fn status(data: &Path, metrics: Option<SocketAddr>) -> Result<Report, String> {
    if !data.join(state::FILE).exists() {
        let data = data.display();
        return Err(format!(
            "there is no {} in {data}: --data takes the folder that an edge runs on; a demo on {data} has one a plant, \
             {data}/edge/PLANT",
            state::FILE
        ));
    }
    let state = State::open_read_only(data).await.map_err(|e| e.to_string())?;
    let memory = state.memory().await.map_err(|e| e.to_string())?;
    let last_boot = state.last_boot().await.map_err(|e| e.to_string())?;
    let spool = Spool::open_read_only(data).await.map_err(|e| e.to_string())?;
    let Fill { entries, bytes, oldest } = spool.fill().await.map_err(|e| e.to_string())?;
    let aside = spool.shelf().await.map_err(|e| e.to_string())?;
    let live = match metrics {
        Some(address) => get(address, "/status").await.ok().and_then(|body| serde_json::from_str(&body).ok()),
        None => None,
    };
    Ok(Report {
        running: live.is_some(),
        last_boot,
        epoch: memory.epoch,
        anchor: memory.anchor,
        trips_latched: memory.latched.iter().map(ToString::to_string).collect(),
        spool_entries: entries,
        spool_bytes: bytes,
        spool_oldest: oldest.map(|t| t.rfc3339()),
        spool_aside: aside.entries,
        live,
    })
}

/// One plain HTTP/1.0 request: the answer ends with the connection, so that no client library is needed.
async fn get(address: SocketAddr, path: &str) -> Result<String, String> {
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    let text = tokio::time::timeout(Duration::from_secs(3), ask)
        .await
        .map_err(|_| format!("{address} did not answer within 3 s"))?
        .map_err(|e| format!("{address}: {e}"))?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("the answer is not HTTP")?;
    if head.split(' ').nth(1) != Some("200") {
        return Err(body.to_owned());
    }
    Ok(body.to_owned())
}

/// Something that only the running edge knows, and how it was taken.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Assumed {
    /// `present-value`, `interlock`, `alarm`, `rate` or `arbitration`.
    pub what: &'static str,
    /// A sentence: under this the verdict holds.
    pub that: String,
}

/// The gate's verdict on a write that is not made.
#[derive(Debug, Serialize)]
pub struct Simulated {
    pub setpoint: SetpointId,
    pub value: f64,
    pub writer: Writer,
    pub refusal: Option<Refusal>,
    /// What "allowed" rests on and a file cannot tell; a refusal stands whatever the plant shows, and rests on nothing.
    pub assumptions: Vec<Assumed>,
    /// Seconds from `from` to `value` at the lane's velocity; `None`: refused, `from` not told, or more than a day.
    pub travel_s: Option<f64>,
}

/// Judges by the file alone: an interlock reads as the plant would have to show it, alarms as gone. Each such thing is
/// named in the assumptions.
pub fn simulate(
    fleet: &Fleet,
    plant: &Plant,
    id: &str,
    value: f64,
    from: Option<f64>,
    writer: Writer,
) -> Result<Simulated, String> {
    let qualified = format!("{}.{id}", plant.id);
    let found = plant.setpoint(id).or_else(|| plant.setpoint(&qualified)).map(|s| s.tag.clone());
    let Some(setpoint) = found else {
        return Err(unknown("setpoint", &qualified, plant.setpoints.iter().map(|s| s.tag.as_str())));
    };
    let guarded = Guarded::new(fleet, plant, &setpoint).ok_or_else(|| format!("{setpoint} has no tag"))?;
    let wall = super::clock::wall();
    let mut image = Image::new(plant, &fleet.limits.scan, wall);
    if let Some(interlock) = &guarded.setpoint.interlock {
        image.read(wall, Tick(0), &interlock.tag, Ok(interlock.equals));
    }
    let mut verdict = guarded.judge(writer, value, &image, &Alarms::new(&plant.alarms));
    if writer == Writer::FailSafe {
        verdict = verdict.and_then(|()| guarded.direction(from, value));
    }
    let refusal = verdict.err();
    let assumptions = match refusal {
        None => assumptions(&guarded, plant, from, value, writer),
        Some(_) => Vec::new(),
    };
    let travel_s = match (&refusal, from) {
        (None, Some(from)) => travel(&guarded, writer, from, value),
        _ => None,
    };
    Ok(Simulated { setpoint, value, writer, refusal, assumptions, travel_s })
}

fn assumptions(guarded: &Guarded, plant: &Plant, from: Option<f64>, value: f64, writer: Writer) -> Vec<Assumed> {
    let Setpoint { tag, interlock, safe_direction, .. } = &guarded.setpoint;
    let unit = guarded.tag.unit.symbol();
    let fail_safe = writer == Writer::FailSafe;
    let mut all = Vec::new();
    if from.is_none() && fail_safe {
        let side = match safe_direction {
            Direction::Down => "above",
            Direction::Up => "below",
        };
        let that =
            format!("{tag} stands {side} {value} {unit}; the lane moves it only so (--from tells where it stands)");
        all.push(Assumed { what: "present-value", that });
    }
    if let Some(interlock) = interlock {
        let that = format!("its interlock {} reads {}, with good quality", interlock.tag, interlock.equals);
        all.push(Assumed { what: "interlock", that });
    }
    // Neither alarms nor rates hold the fail-safe lane up, and nobody stands above it.
    if fail_safe {
        return all;
    }
    let blocking = plant.alarms.iter().filter(|alarm| alarm.blocks.as_ref() == Some(tag));
    all.extend(blocking.map(|alarm| Assumed { what: "alarm", that: format!("the alarm {} does not stand", alarm.id) }));
    all.push(Assumed { what: "rate", that: format!("{tag} was not moved too often or too recently") });
    all.push(Assumed { what: "arbitration", that: format!("nobody who stands above this writer holds {tag}") });
    all
}

fn travel(guarded: &Guarded, writer: Writer, from: f64, value: f64) -> Option<f64> {
    const STEP_MS: u64 = 100;
    let mut at = from;
    // A day of steps: slower than that counts as never.
    for step in 0..864_000u64 {
        let next = guarded.step(writer, at, value, STEP_MS)?;
        if (next - value).abs() < guarded.resolution() {
            return Some((step + 1) as f64 * STEP_MS as f64 / 1000.0);
        }
        if next == at {
            return None;
        }
        at = next;
    }
    None
}
