//! What runs where: addresses, files and command lines of the demo's processes, from the fleet and the options alone.

use super::child::Spec;
use super::{Error, Options, PortsChoice};
use hypocaust_protocols::model::Fleet;
use hypocaust_protocols::ports;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

const MQTT_PORT: u16 = 1883;
const CONTROL_PORT: u16 = 5019;

/// Where everything listens; loopback only.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Of the centre's replicas, the first one's first.
    pub consoles: Vec<SocketAddr>,
    pub mqtt: SocketAddr,
    /// The simulator's control socket, for `inject`.
    pub control: SocketAddr,
    /// Device id -> where its server listens.
    pub devices: BTreeMap<String, SocketAddr>,
    /// Plant id -> metrics of its edge.
    pub metrics: BTreeMap<String, SocketAddr>,
}

/// Hands out free loopback ports; all stay bound until it is dropped, so that none is given twice.
#[derive(Default)]
struct FreePorts(Vec<TcpListener>);

impl FreePorts {
    fn next(&mut self) -> Result<SocketAddr, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(|e| Error::io("cannot find a free port on 127.0.0.1", e))?;
        let address = listener.local_addr().map_err(|e| Error::io("cannot read the address of a free port", e))?;
        self.0.push(listener);
        Ok(address)
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

impl Layout {
    pub fn new(fleet: &Fleet, options: &Options) -> Result<Self, Error> {
        let mut free = FreePorts::default();
        let auto = options.ports == PortsChoice::Auto;
        let mut devices = BTreeMap::new();
        for device in fleet.plants.iter().flat_map(|p| &p.devices) {
            let address = if auto {
                free.next()?
            } else {
                let written = device.address().parse::<SocketAddr>().ok().filter(|a| a.ip().is_loopback());
                written.ok_or_else(|| Error::Endpoint {
                    device: device.id.to_string(),
                    endpoint: device.endpoint().to_owned(),
                })?
            };
            devices.insert(device.id.to_string(), address);
        }
        let mut metrics = BTreeMap::new();
        for plant in &fleet.plants {
            metrics.insert(plant.id.to_string(), free.next()?);
        }
        let (mqtt, control) =
            if auto { (free.next()?, free.next()?) } else { (loopback(MQTT_PORT), loopback(CONTROL_PORT)) };
        let mut consoles = Vec::new();
        for n in 0..u16::from(options.centres) {
            let fixed = || options.port.checked_add(n).map(loopback).ok_or(Error::Ports(options.port));
            consoles.push(if auto { free.next()? } else { fixed()? });
        }
        let layout = Self { consoles, mqtt, control, devices, metrics };
        if !auto {
            layout.check_free()?;
        }
        Ok(layout)
    }

    /// Where the first replica's console is.
    #[must_use]
    pub fn console(&self) -> SocketAddr {
        self.consoles[0]
    }

    /// All taken ports at once, each with who holds it. A listener on every address of the machine holds that of loopback too.
    fn check_free(&self) -> Result<(), Error> {
        let mut wanted = vec![("MQTT", self.mqtt), ("the simulator's control socket", self.control)];
        wanted.extend(self.consoles.iter().map(|address| ("a console", *address)));
        wanted.extend(self.devices.iter().map(|(id, address)| (id.as_str(), *address)));
        let taken: Vec<String> = wanted
            .into_iter()
            .filter(|(_, address)| TcpListener::bind(address).is_err())
            .map(|(what, address)| format!("{address}, wanted for {what}, is held by {}", ports::holder(address)))
            .collect();
        if taken.is_empty() { Ok(()) } else { Err(Error::Taken(taken.join("\n  "))) }
    }
}

/// The files of one demo.
#[derive(Clone)]
pub struct Files {
    pub data: PathBuf,
    pub logs: PathBuf,
    pub central: PathBuf,
    pub endpoints: PathBuf,
    pub login: PathBuf,
    pub overrides: PathBuf,
    pub broker: PathBuf,
    pub writes: PathBuf,
    pub public_key: PathBuf,
    /// Of the simulated OPC UA devices, a folder each.
    pub certificates: PathBuf,
}

impl Files {
    #[must_use]
    pub fn new(data: &Path) -> Self {
        let central = data.join("central");
        Self {
            data: data.to_owned(),
            logs: data.join("log"),
            endpoints: data.join("endpoints.json"),
            login: data.join("login"),
            overrides: data.join("devices.json"),
            broker: data.join("mosquitto.conf"),
            writes: data.join("register-writes.jsonl"),
            public_key: central.join("centre.pub"),
            certificates: data.join("certificates"),
            central,
        }
    }

    #[must_use]
    pub fn edge(&self, plant: &str) -> PathBuf {
        self.data.join("edge").join(plant)
    }
}

/// The broker's configuration. Anonymous clients are for the demo alone, where only this machine can reach the listener;
/// what moves a valve is signed whoever carries it. `user root` means: stay who you are (an ordinary user cannot change
/// anyway), because a process that changes its user is forgotten by the kernel's parent-death signal.
#[must_use]
pub fn broker_configuration(layout: &Layout) -> String {
    format!(
        "listener {port} {host}\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nmax_queued_messages 100000\nuser root\nlog_dest stdout\nlog_timestamp_format %Y-%m-%dT%H:%M:%S\n",
        port = layout.mqtt.port(),
        host = layout.mqtt.ip(),
    )
}

fn args<const N: usize>(list: [&dyn AsRef<std::ffi::OsStr>; N]) -> Vec<OsString> {
    list.iter().map(|a| a.as_ref().to_owned()).collect()
}

/// The processes in the order in which they are started; those that need certificates wait for these. Edges stop first
/// (each says goodbye to the broker), then centre and plants, the broker last.
#[must_use]
pub fn processes(
    fleet: &Fleet,
    options: &Options,
    layout: &Layout,
    files: &Files,
    kafka: &str,
    programs: &Path,
) -> Vec<Spec> {
    let mqtt = format!("mqtt://{}", layout.mqtt);
    let log = |name: &str| files.logs.join(format!("{name}.log"));
    let mut list = vec![
        Spec {
            name: "mosquitto".into(),
            plant: None,
            replica: None,
            program: super::setup::mosquitto().unwrap_or_else(|| "mosquitto".into()),
            args: args([&"-c", &files.broker]),
            log: log("mosquitto"),
            stage: 3,
            certificates: false,
        },
        Spec {
            name: "hypocaust-sim".into(),
            plant: None,
            replica: None,
            program: programs.join("hypocaust-sim"),
            args: args([
                &"plants",
                &options.fleet,
                &"--speed",
                &options.speed.to_string(),
                &"--seed",
                &options.seed.to_string(),
                &"--endpoints",
                &files.overrides,
                &"--control",
                &layout.control.to_string(),
                &"--log",
                &files.writes,
                &"--certificates",
                &files.certificates,
            ]),
            log: log("sim"),
            stage: 2,
            certificates: true,
        },
    ];
    for (n, console) in (1..).zip(&layout.consoles) {
        let replica = n.to_string();
        list.push(Spec {
            name: "hypocaust-central".into(),
            plant: None,
            program: programs.join("hypocaust-central"),
            args: args([
                &"run",
                &"--fleet",
                &options.fleet,
                &"--data",
                &files.central,
                &"--mqtt",
                &mqtt,
                &"--kafka",
                &kafka,
                &"--listen",
                &console.to_string(),
                &"--replica",
                &replica,
            ]),
            log: log(&if n == 1 { "central".to_owned() } else { format!("central-{n}") }),
            replica: Some(replica),
            stage: 2,
            certificates: false,
        });
    }
    list.push(Spec {
        name: "hypocaust-sim subagents".into(),
        plant: None,
        replica: None,
        program: programs.join("hypocaust-sim"),
        args: args([&"subagents", &"--kafka", &kafka]),
        log: log("subagents"),
        stage: 1,
        certificates: false,
    });
    for plant in &fleet.plants {
        let id = plant.id.to_string();
        list.push(Spec {
            name: "hypocaust-edge".into(),
            program: programs.join("hypocaust-edge"),
            args: args([
                &"run",
                &"--fleet",
                &options.fleet,
                &"--plant",
                &id,
                &"--data",
                &files.edge(&id),
                &"--mqtt",
                &mqtt,
                &"--endpoints",
                &files.overrides,
                &"--key",
                &files.public_key,
                &"--metrics",
                &layout.metrics[&id].to_string(),
            ]),
            log: log(&format!("edge-{id}")),
            plant: Some(id),
            replica: None,
            stage: 1,
            certificates: true,
        });
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanting(device: SocketAddr) -> Layout {
        let mut free = FreePorts::default();
        let [mqtt, control, console] = std::array::from_fn(|_| free.next().expect("a free port"));
        let devices = [("north.plc1".to_owned(), device)].into();
        Layout { consoles: vec![console], mqtt, control, devices, metrics: BTreeMap::new() }
    }

    #[test]
    fn a_port_that_is_held_on_every_address_is_taken_on_loopback_and_its_holder_named() {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
        let layout = wanting(loopback(listener.local_addr().expect("its address").port()));
        let said = layout.check_free().expect_err("the port is held").to_string();
        let holder = format!("wanted for north.plc1, is held by process {}", std::process::id());
        assert!(said.contains(&holder), "{said}");
        drop(listener);
        layout.check_free().expect("nobody holds it any more");
    }
}
