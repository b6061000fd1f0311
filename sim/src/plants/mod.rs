//! The simulated plants as servers: an endpoint a device, Modbus TCP or OPC UA, a control socket for faults, a log of every
//! write and every fault.
//!
//! This is the shell around [`crate::plc`]: it owns clock, sockets and files and decides nothing. All sockets are bound
//! before anything is served, so a port that is taken stops the start with the name of who holds it. Physics time runs
//! `speed` times as fast as the clock; watchdogs follow the clock, because the edge that feeds them does.

mod control;
mod map;
pub mod opcua;
mod server;
#[cfg(test)]
mod tests;

pub use control::{Reply, ask};
pub use map::map;

use crate::fault::{self, Fault};
use crate::physics::Enterprise;
use crate::plc::{Exception, Plants};
use hypocaust_protocols::answer::{say, unless_unread};
use hypocaust_protocols::model::{Device, DeviceId, Fleet, Table};
use hypocaust_protocols::opcua::pki;
use hypocaust_protocols::ports;
use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How often the physics is moved.
const TICK: Duration = Duration::from_millis(50);
/// A simulator that was paused pauses its plants: more than this is not caught up.
const LONGEST_TICK: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Port(#[from] ports::Error),
    #[error(
        "the endpoint '{endpoint}' of {device} is no address of this machine; write host:port, or give --endpoints FILE"
    )]
    Endpoint { device: DeviceId, endpoint: String },
    #[error("{device} speaks OPC UA: give a folder for the certificates of the simulated devices with --certificates")]
    NoFolder { device: DeviceId },
    #[error("the certificates of {device}")]
    Certificates { device: DeviceId, source: pki::Error },
    #[error(
        "{device} and {other} share {endpoint} and unit id {unit}; a master could not tell them apart: change one unit_id"
    )]
    SameUnit { device: DeviceId, other: DeviceId, endpoint: SocketAddr, unit: u8 },
    #[error("--control {0} can be reached from elsewhere; use an address on loopback, such as 127.0.0.1:5019")]
    OpenControl(SocketAddr),
    #[error("cannot open the log {path}")]
    Log { path: PathBuf, source: io::Error },
    #[error("a server stopped")]
    Served(#[source] io::Error),
}

#[derive(Debug, Clone)]
pub struct Options {
    pub speed: f64,
    pub seed: u64,
    /// Hour of the day (UTC) at which the plants begin.
    pub start_hour: f64,
    /// Endpoints that replace those of the fleet, by device id.
    pub endpoints: BTreeMap<String, String>,
    pub control: SocketAddr,
    pub log: Option<PathBuf>,
    /// Where the certificates of OPC UA devices are kept, a folder each.
    pub certificates: Option<PathBuf>,
}

/// What the connections share: the PLCs and the log behind them.
struct Shared {
    plants: Mutex<Plants>,
    log: Option<Mutex<File>>,
}

impl Shared {
    /// A panic elsewhere leaves numbers behind that are still a plant's; it is shown by the task that panicked.
    fn plants(&self) -> MutexGuard<'_, Plants> {
        self.plants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes and logs under one lock, so that the log has the order of the writes.
    fn write(&self, device: &DeviceId, table: Table, offset: u16, words: &[u16]) -> Result<(), Exception> {
        let mut plants = self.plants();
        let written = plants.write(device.as_str(), table, offset, words)?;
        let time = now();
        self.log(written.iter().map(|w| {
            serde_json::json!({
                "time": time, "elapsed_ms": w.elapsed_ms, "device": device, "table": table, "offset": offset,
                "tag": w.tag, "value": w.value,
            })
        }));
        Ok(())
    }

    /// The same for a node.
    fn write_node(&self, device: &DeviceId, node: &str, raw: f64) -> Result<(), Exception> {
        let mut plants = self.plants();
        let w = plants.write_node(device.as_str(), node, raw)?;
        self.log([serde_json::json!({
            "time": now(), "elapsed_ms": w.elapsed_ms, "device": device, "node": node, "tag": w.tag, "value": w.value,
        })]);
        Ok(())
    }

    /// Does a fault to the plants and logs it in the same order.
    fn inject(&self, plant: &str, fault: &Fault) -> Result<String, fault::Error> {
        let mut plants = self.plants();
        let fleet = Arc::clone(plants.fleet());
        let done = fault::inject(&mut plants, &fleet, plant, fault)?;
        self.log([serde_json::json!({ "time": now(), "plant": plant, "fault": fault })]);
        Ok(done)
    }

    fn log(&self, lines: impl IntoIterator<Item = serde_json::Value>) {
        let Some(log) = &self.log else { return };
        let text: String = lines.into_iter().map(|line| format!("{line}\n")).collect();
        let mut file = log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(text.as_bytes()) {
            tracing::error!(%error, "a line is missing from the log");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell's clock, for the log")]
fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// One listening socket and the Modbus units behind it.
struct Bound {
    listener: std::net::TcpListener,
    addr: SocketAddr,
    units: Vec<(u8, DeviceId)>,
}

fn address(device: &Device, endpoints: &BTreeMap<String, String>) -> Result<SocketAddr, Error> {
    let endpoint = endpoints.get(device.id.as_str()).map_or(device.address(), String::as_str);
    let found = endpoint.to_socket_addrs().ok().and_then(|mut a| a.next());
    found.ok_or_else(|| Error::Endpoint { device: device.id.clone(), endpoint: endpoint.to_owned() })
}

fn bind_modbus(fleet: &Fleet, endpoints: &BTreeMap<String, String>) -> Result<Vec<Bound>, Error> {
    let mut bound: Vec<Bound> = Vec::new();
    let mut asked: Vec<SocketAddr> = Vec::new();
    for device in fleet.plants.iter().flat_map(|p| &p.devices) {
        let Some(link) = device.modbus() else { continue };
        let addr = address(device, endpoints)?;
        let unit = (link.unit_id, device.id.clone());
        // Port 0 asks for any free port, never for the one that another device got.
        match asked.iter().position(|a| *a == addr && a.port() != 0) {
            Some(i) => {
                if let Some((_, other)) = bound[i].units.iter().find(|(id, _)| *id == link.unit_id) {
                    let (device, other) = (device.id.clone(), other.clone());
                    return Err(Error::SameUnit { device, other, endpoint: addr, unit: unit.0 });
                }
                bound[i].units.push(unit);
            }
            None => {
                let listener = ports::listen(addr, device.id.as_str())?;
                let addr_got = listener.local_addr().map_err(Error::Served)?;
                asked.push(addr);
                bound.push(Bound { listener, addr: addr_got, units: vec![unit] });
            }
        }
    }
    Ok(bound)
}

fn bind_opc_ua(fleet: &Fleet, options: &Options) -> Result<Vec<opcua::Bound>, Error> {
    let mut bound = Vec::new();
    for device in fleet.plants.iter().flat_map(|p| &p.devices).filter(|d| d.opc_ua().is_some()) {
        let id = device.id.clone();
        let folder = options.certificates.as_ref().ok_or_else(|| Error::NoFolder { device: id.clone() })?;
        let listener = ports::listen(address(device, &options.endpoints)?, id.as_str())?;
        let address = listener.local_addr().map_err(Error::Served)?;
        let pki =
            opcua::certificates(folder, &id, address).map_err(|source| Error::Certificates { device: id, source })?;
        bound.push(opcua::Bound { device: device.clone(), listener, address, pki });
    }
    Ok(bound)
}

/// Where everything listens, once it does.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
struct Ready {
    control: SocketAddr,
    devices: BTreeMap<DeviceId, SocketAddr>,
}

/// Serves until `stop` or until a server fails. Once everything listens, one JSON line on standard output says where.
pub async fn run(fleet: Arc<Fleet>, options: Options, stop: impl Future<Output = ()>) -> Result<(), Error> {
    let (ready, mut tasks) = start(fleet, options)?;
    let ready = serde_json::to_string(&ready).map_err(|e| Error::Served(e.into()))?;
    unless_unread(say(ready)).map_err(|unsaid| Error::Served(io::Error::other(unsaid)))?;
    tokio::select! {
        () = stop => Ok(()),
        ended = tasks.join_next() => match ended {
            Some(Ok(ended)) => ended.map_err(Error::Served),
            Some(Err(panicked)) => Err(Error::Served(io::Error::other(panicked))),
            None => Ok(()),
        },
    }
}

/// Binds everything, then serves it; dropping the tasks ends all of it.
fn start(fleet: Arc<Fleet>, options: Options) -> Result<(Ready, JoinSet<io::Result<()>>), Error> {
    if !options.control.ip().is_loopback() {
        return Err(Error::OpenControl(options.control));
    }
    let bound = bind_modbus(&fleet, &options.endpoints)?;
    let nodes = bind_opc_ua(&fleet, &options)?;
    let control = ports::listen(options.control, "the control socket")?;
    let log = options.log.as_ref().map(|path| {
        let file = File::options().create(true).append(true).open(path);
        file.map(Mutex::new).map_err(|source| Error::Log { path: path.clone(), source })
    });
    let physics = Enterprise::new(&fleet, options.seed, options.start_hour);
    let shared = Arc::new(Shared { plants: Mutex::new(Plants::new(fleet, physics)), log: log.transpose()? });

    let is = Ready {
        control: control.local_addr().map_err(Error::Served)?,
        devices: bound
            .iter()
            .flat_map(|b| b.units.iter().map(|(_, id)| (id.clone(), b.addr)))
            .chain(nodes.iter().map(|n| (n.device.id.clone(), n.address)))
            .collect(),
    };
    let mut tasks = JoinSet::new();
    for one in bound {
        let listener = TcpListener::from_std(one.listener).map_err(Error::Served)?;
        tasks.spawn(server::serve(listener, one.units, Arc::clone(&shared)));
    }
    for one in nodes {
        tasks.spawn(opcua::serve(one, Arc::clone(&shared)));
    }
    let control = TcpListener::from_std(control).map_err(Error::Served)?;
    tasks.spawn(control::serve(control, Arc::clone(&shared)));
    tasks.spawn(tick(shared, options.speed));
    Ok((is, tasks))
}

#[expect(clippy::disallowed_methods, reason = "the shell's clock moves the plants")]
async fn tick(shared: Arc<Shared>, speed: f64) -> io::Result<()> {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Instant::now();
    // What is left of a millisecond goes into the next tick, so that no speed loses time.
    let (mut real_left, mut physics_left) = (0.0, 0.0);
    loop {
        interval.tick().await;
        let now = Instant::now();
        let passed_ms = (now - last).min(LONGEST_TICK).as_secs_f64() * 1e3;
        last = now;
        let (real, physics) = (passed_ms + real_left, passed_ms * speed + physics_left);
        (real_left, physics_left) = (real.fract(), physics.fract());
        shared.plants().step(real as i64, physics as i64);
    }
}
