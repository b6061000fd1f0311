//! The demo: a whole fleet on one machine, as separate processes, watched and restarted by this one.
//!
//! Mosquitto, the simulated plants, the centre and one edge per plant run as children ([`child`]); what runs where is
//! [`layout`]; the folder, its lock and the first user are [`setup`]; [`centre`] reads the state that is shown. The bus is
//! the in-process Kafka cluster, which lives in this process and so outlives a centre that is killed, or one outside that
//! `--kafka` names.
//!
//! Promises
//! * Everything listens on loopback only.
//! * Ready means: the centre's own readiness check passes and every edge is linked. Only then is `endpoints.json`
//!   written (whole, by rename), again after each restart because process ids change, and removed at the end.
//! * Nothing is left running: not after Ctrl-C or SIGTERM, not after `kill -9` of this process.
//! * A replica of the centre that is stopped in the middle of a transaction does not keep the others from leading: it is
//!   ended ([`fence`]).
//! * A data folder serves one demo at a time, and only a folder that a demo has made is ever cleaned.

mod centre;
mod child;
mod fence;
mod layout;
mod setup;

use centre::Centre;
use child::{Event, Spec};
use fence::Fence;
use hypocaust_protocols::answer::{say, tell};
use hypocaust_protocols::kafka::{self, in_process::Cluster};
use hypocaust_protocols::model::{Device, Fleet, SourceKind};
use hypocaust_protocols::wire::subagent::COORDINATION;
use layout::{Files, Layout};
use serde_json::json;
use setup::Introduced;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// Not ready after so long: something is wrong that waiting does not mend.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A broker that takes no connection for so long is away.
const REACHED_WITHIN: Duration = Duration::from_secs(3);
/// How often it is looked whether a replica is in the way of the others.
const FENCING: Duration = Duration::from_millis(500);
const STATE_LINE: Duration = Duration::from_secs(60);
/// A child that ended so often before the demo was ready will not start.
const HOPELESS: u32 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PortsChoice {
    /// Those of the fleet's files, 1883 for MQTT, `--port` for the console.
    Fixed,
    /// Free ones for everything; `endpoints.json` says which.
    Auto,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Folder of the fleet.
    #[arg(long, env = "HYPOCAUST_FLEET", default_value = "deploy/fleets/four")]
    pub fleet: PathBuf,
    /// Folder for everything that is kept: journal, history, spools, logs, the first login.
    #[arg(long, env = "HYPOCAUST_DATA", default_value = ".demo")]
    pub data: PathBuf,
    /// Port of the console.
    #[arg(long, default_value = "8080", value_parser = port)]
    pub port: u16,
    /// Replicas of the centre; the consoles of further ones stand at the ports after the first one's.
    #[arg(long, default_value = "2", value_parser = clap::value_parser!(u8).range(1..=9))]
    pub centres: u8,
    /// How much faster than real time the physics runs, 1 to 1000.
    #[arg(long, default_value = "1", value_parser = crate::speed, allow_negative_numbers = true)]
    pub speed: f64,
    /// Seed of the consumers' noise.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Start anew: forget what the data folder holds.
    #[arg(long)]
    pub clean: bool,
    /// Which ports are taken.
    #[arg(long, value_enum, default_value = "fixed")]
    pub ports: PortsChoice,
    /// Bootstrap of a Kafka that runs already, host:port; without it the demo has a small one of its own.
    #[arg(long, env = "HYPOCAUST_KAFKA")]
    pub kafka: Option<String>,
    /// Folder of the programs, when they do not lie beside this one.
    #[arg(long)]
    pub bin_dir: Option<PathBuf>,
}

/// A port that can be told before anything listens there.
fn port(word: &str) -> Result<u16, String> {
    let fits = word.parse().ok().filter(|port| *port > 0);
    fits.ok_or_else(|| "write a port from 1 to 65535, or --ports auto for free ones (PORTS=auto with make)".to_owned())
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Fleet(#[from] hypocaust_protocols::files::Error),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error(
        "device {device} stands at {endpoint}, which is not a loopback address: the demo simulates it there or, with --ports auto, on a free port"
    )]
    Endpoint { device: String, endpoint: String },
    #[error("--port {0} leaves no ports for the further consoles; write a smaller one")]
    Ports(u16),
    #[error(
        "ports are taken:\n  {0}\nend what holds them, or choose others (PORT= for the console, PORTS=auto for all of them with make; --port, --ports auto without)"
    )]
    Taken(String),
    #[error("{0} holds files but no demo made it; choose another folder with --data (DATA= with make)")]
    Foreign(PathBuf),
    #[error(
        "{data} holds the data of fleet '{found}', and {fleet} is '{wanted}'; choose another folder with --data (DATA= with make), or forget what it holds with --clean (CLEAN=1)"
    )]
    OtherFleet { data: PathBuf, found: String, fleet: PathBuf, wanted: String },
    #[error(
        "another demo (process {holder}) runs on {data}; stop it, or choose another folder with --data (DATA= with make)"
    )]
    Locked { data: PathBuf, holder: String },
    #[error("{0}")]
    Programs(String),
    #[error(transparent)]
    Kafka(#[from] hypocaust_protocols::kafka::Error),
    #[error(
        "Kafka is not reachable at {bootstrap}: {why}; start it, or leave --kafka out (KAFKA= with make): the demo then has a small one of its own"
    )]
    Unreachable { bootstrap: String, why: String },
    #[error("the certificates of OPC UA")]
    Certificates(#[source] hypocaust_protocols::opcua::pki::Error),
    #[error("the first user could not be made: {0}")]
    FirstUser(String),
    #[error("{label} does not start: {why}; the end of {log}:\n{tail}")]
    Hopeless { label: String, why: String, log: PathBuf, tail: String },
    #[error("not ready after {} s: {why}; logs lie in {logs}", READY_WITHIN.as_secs())]
    NotReady { why: String, logs: PathBuf },
}

impl Error {
    fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// 1: the files are wrong or the demo failed; 3: it could not be tried.
    fn exit(&self) -> u8 {
        match self {
            Self::Fleet(hypocaust_protocols::files::Error::Mistakes { .. })
            | Self::Endpoint { .. }
            | Self::OtherFleet { .. }
            | Self::Hopeless { .. }
            | Self::NotReady { .. } => 1,
            _ => 3,
        }
    }
}

/// Runs until it is told to stop. Must not be called from within a tokio runtime: it makes its own, on this thread,
/// because the parent-death signal of the children follows the thread that forked them.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tell(format_args!("hypocaust-sim demo: cannot start: {error}"));
            return ExitCode::from(3);
        }
    };
    match runtime.block_on(demo(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("hypocaust-sim demo: {error}"));
            ExitCode::from(error.exit())
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a supervisor is a shell: it measures how long the start took")]
async fn demo(options: &Options) -> Result<(), Error> {
    let began = Instant::now();
    // Before anything is started, so that a signal during the start is not lost.
    let stop_asked = stop_signal()?;
    let fleet = hypocaust_protocols::files::load(&options.fleet)?;
    let programs = setup::programs(options)?;
    let _lock = setup::lock(&options.data)?;
    let layout = Layout::new(&fleet, options)?;
    if options.clean {
        setup::clean(&options.data)?;
    }
    let data =
        options.data.canonicalize().map_err(|e| Error::io(format!("cannot find {}", options.data.display()), e))?;
    let files = Files::new(&data);
    setup::same_fleet(&files, &fleet, options).await?;
    setup::write(&layout, &files)?;
    let introduced = setup::introduce(&fleet, &layout, &files);
    let (kafka, _cluster) = bus(options.kafka.as_deref()).await?;
    let password = setup::first_user(&files, &programs)?;

    let specs = layout::processes(&fleet, options, &layout, &files, &kafka, &programs);
    let mut demo = Demo {
        pids: vec![None; specs.len()],
        deaths: vec![0; specs.len()],
        centre: Centre::new(&layout.consoles, setup::USER, &password),
        fleet,
        layout,
        kafka,
        files,
        password,
        specs,
        ready: false,
        began,
    };
    demo.supervise(introduced, stop_asked).await
}

/// The bus: where it is and, if it is ours, what has to live as long as the demo.
async fn bus(outside: Option<&str>) -> Result<(String, Option<Cluster>), Error> {
    if let Some(bootstrap) = outside {
        kafka::Settings::new(bootstrap, "hypocaust-demo", None)?;
        // That Kafka answers there is for the centre to find out, which also makes the topics.
        reach(bootstrap).await?;
        return Ok((bootstrap.to_owned(), None));
    }
    let mut topics = hypocaust_central::bus::topics();
    // A third of a second each, so only those of the agents that the demo runs; others are made when they are asked for.
    let run: Vec<String> =
        crate::subagents::KINDS.iter().map(|kind| kind.agent().topic()).chain([COORDINATION.to_owned()]).collect();
    topics.extend(hypocaust_central::shell::subagents::topics().into_iter().filter(|topic| run.contains(&topic.name)));
    let cluster = Cluster::start(&topics)?;
    Ok((cluster.bootstrap(), Some(cluster)))
}

/// Does anybody listen where the bus is said to be? One broker of several is enough.
async fn reach(bootstrap: &str) -> Result<(), Error> {
    let mut why = Vec::new();
    for broker in bootstrap.split(',').map(str::trim) {
        match timeout(REACHED_WITHIN, TcpStream::connect(broker)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => why.push(format!("{broker}: {error}")),
            Err(_) => why.push(format!("{broker}: no answer within {} s", REACHED_WITHIN.as_secs())),
        }
    }
    Err(Error::Unreachable { bootstrap: bootstrap.to_owned(), why: why.join(", ") })
}

/// Resolves when somebody wants the demo to end.
fn stop_signal() -> Result<impl Future<Output = &'static str>, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|e| Error::io("cannot listen for signals", e));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "interrupt",
            _ = terminate.recv() => "SIGTERM",
            _ = hangup.recv() => "hang-up",
        }
    })
}

struct Demo {
    fleet: Fleet,
    layout: Layout,
    /// Bootstrap of the bus.
    kafka: String,
    files: Files,
    password: String,
    specs: Vec<Spec>,
    /// By index of `specs`; none while it does not run.
    pids: Vec<Option<u32>>,
    deaths: Vec<u32>,
    centre: Centre,
    ready: bool,
    began: Instant,
}

impl Demo {
    async fn supervise(
        &mut self,
        introduced: Introduced,
        stop_asked: impl Future<Output = &'static str>,
    ) -> Result<(), Error> {
        let (events, mut happened) = mpsc::unbounded_channel();
        let (stop, stopping) = watch::channel(0u8);
        let mut children: [JoinSet<()>; 3] = std::array::from_fn(|_| JoinSet::new());
        let spawn = |index: usize, spec: Spec| {
            let stage = usize::from(spec.stage.clamp(1, 3)) - 1;
            children[stage].spawn(child::supervise(index, spec, events.clone(), stopping.clone()));
        };
        tokio::pin!(stop_asked);
        let started = tokio::select! {
            why = &mut stop_asked => Ok(Some(why)),
            started = self.start(introduced, &mut happened, spawn) => started.map(|()| None),
        };
        let outcome = match started {
            Ok(None) => self.watch(stop_asked, &mut happened).await,
            Ok(Some(why)) => Ok(why),
            Err(error) => Err(error),
        };
        let _ = std::fs::remove_file(&self.files.endpoints);
        for (stage, group) in (1u8..).zip(&mut children) {
            let _ = stop.send(stage);
            while group.join_next().await.is_some() {}
        }
        if let Ok(why) = outcome {
            show(format_args!("stopped ({why}); nothing is left running; data stays in {}", self.files.data.display()));
        }
        outcome.map(|_| ())
    }

    /// Starts one after the other; what needs certificates, when they are there.
    async fn start(
        &mut self,
        introduced: Introduced,
        happened: &mut mpsc::UnboundedReceiver<Event>,
        mut spawn: impl FnMut(usize, Spec),
    ) -> Result<(), Error> {
        let all = self.specs.clone().into_iter().enumerate();
        let (later, now): (Vec<_>, Vec<_>) = all.partition(|(_, spec)| spec.certificates);
        for (index, spec) in now {
            let makes_key = spec.replica.as_deref() == Some("1");
            spawn(index, spec);
            if makes_key {
                self.wait_for_key(happened).await?;
            }
        }
        introduced.await.unwrap_or_else(|_| Err(Error::Certificates(setup::failed_thread())))?;
        later.into_iter().for_each(|(index, spec)| spawn(index, spec));
        Ok(())
    }

    /// Edges check every command against the centre's public key, which the centre makes at its first start.
    async fn wait_for_key(&mut self, happened: &mut mpsc::UnboundedReceiver<Event>) -> Result<(), Error> {
        while self.began.elapsed() <= READY_WITHIN {
            while let Ok(event) = happened.try_recv() {
                self.take(event)?;
            }
            if self.files.public_key.is_file() {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(Error::NotReady {
            why: format!("the centre has not written its public key {}", self.files.public_key.display()),
            logs: self.files.logs.clone(),
        })
    }

    async fn watch(
        &mut self,
        mut stop_asked: Pin<&mut impl Future<Output = &'static str>>,
        happened: &mut mpsc::UnboundedReceiver<Event>,
    ) -> Result<&'static str, Error> {
        let mut probe = interval(Duration::from_millis(200));
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut state = interval(STATE_LINE);
        state.reset();
        let mut fencing = interval(FENCING);
        fencing.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fence = Fence::new(&self.files.central, &self.fleet.limits);
        loop {
            tokio::select! {
                why = &mut stop_asked => return Ok(why),
                Some(event) = happened.recv() => self.take(event)?,
                _ = fencing.tick() => self.end_who_is_in_the_way(&mut fence),
                _ = probe.tick(), if !self.ready => match self.not_ready().await {
                    None => {
                        self.ready = true;
                        self.write_endpoints()?;
                        show(self.description(self.began.elapsed()));
                    }
                    Some(why) if self.began.elapsed() > READY_WITHIN => {
                        return Err(Error::NotReady { why, logs: self.files.logs.clone() });
                    }
                    Some(_) => {}
                },
                _ = state.tick(), if self.ready => {
                    let state = match self.centre.fleet().await {
                        Ok(fleet) => centre::line(&fleet),
                        Err(why) => why,
                    };
                    show(format_args!("{} {state}", clock()));
                }
            }
        }
    }

    /// The processes of the centre that run.
    fn replicas(&self) -> Vec<u32> {
        self.specs.iter().zip(&self.pids).filter_map(|(spec, pid)| spec.replica.as_ref().and(*pid)).collect()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a supervisor is a shell: it measures how long a replica is in the way"
    )]
    fn end_who_is_in_the_way(&self, fence: &mut Fence) {
        for (pid, database) in fence.look(Instant::now(), &self.replicas()) {
            show(format_args!(
                "{} process {pid} of the centre is stopped in the middle of a transaction of {} and keeps the others from \
                 it: it is ended",
                clock(),
                database.display()
            ));
            child::sweep(pid);
        }
    }

    async fn not_ready(&mut self) -> Option<String> {
        if let Some(index) = self.pids.iter().position(Option::is_none) {
            return Some(format!("{} does not run yet", self.specs[index].label()));
        }
        if let Err(why) = self.centre.ready().await {
            return Some(why);
        }
        match self.centre.fleet().await {
            Err(why) => Some(why),
            Ok(state) => {
                let unlinked: Vec<&str> = self
                    .fleet
                    .plants
                    .iter()
                    .map(|p| p.id.as_str())
                    .filter(|id| !state.plants.iter().any(|p| p.id == *id && p.link))
                    .collect();
                (!unlinked.is_empty()).then(|| format!("no link yet to {}", unlinked.join(", ")))
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Started { index, pid } => {
                self.pids[index] = Some(pid);
                if self.deaths[index] > 0 {
                    show(format_args!("{} {} runs again as process {pid}", clock(), self.specs[index].label()));
                }
                if self.ready { self.write_endpoints() } else { Ok(()) }
            }
            Event::Died { index, why, wait } => {
                self.pids[index] = None;
                self.deaths[index] += 1;
                let spec = &self.specs[index];
                if !self.ready && self.deaths[index] >= HOPELESS {
                    return Err(Error::Hopeless {
                        label: spec.label(),
                        why,
                        log: spec.log.clone(),
                        tail: tail(&std::fs::read_to_string(&spec.log).unwrap_or_default()),
                    });
                }
                show(format_args!(
                    "{} {} ended ({why}); started again in {:.1} s",
                    clock(),
                    spec.label(),
                    wait.as_secs_f64()
                ));
                if self.ready { self.write_endpoints() } else { Ok(()) }
            }
        }
    }

    fn write_endpoints(&self) -> Result<(), Error> {
        let plants: Vec<_> = self
            .fleet
            .plants
            .iter()
            .map(|plant| {
                let at = |d: &Device| self.layout.devices[d.id.as_str()].to_string();
                let modbus: Vec<String> = plant.devices.iter().filter(|d| d.modbus().is_some()).map(at).collect();
                let opcua: Vec<String> =
                    plant.devices.iter().filter_map(|d| Some(d.opc_ua()?.endpoint_at(&at(d)))).collect();
                json!({
                    "id": plant.id.as_str(),
                    "modbus": modbus,
                    "opcua": opcua,
                    "metrics": format!("http://{}/metrics", self.layout.metrics[plant.id.as_str()]),
                })
            })
            .collect();
        let processes: Vec<_> = self
            .specs
            .iter()
            .zip(&self.pids)
            .filter_map(|(spec, pid)| {
                pid.map(|pid| {
                    let mut process = json!({"name": spec.name, "plant": spec.plant, "pid": pid});
                    if let Some(replica) = &spec.replica {
                        process["replica"] = json!(replica);
                    }
                    process
                })
            })
            .collect();
        let text = serde_json::to_string_pretty(&json!({
            "console": format!("http://{}", self.layout.console()),
            "consoles": self.layout.consoles.iter().map(|c| format!("http://{c}")).collect::<Vec<_>>(),
            "login": {"user": setup::USER, "password": self.password},
            "mqtt": format!("mqtt://{}", self.layout.mqtt),
            "kafka": self.kafka,
            "control": self.layout.control.to_string(),
            "plants": plants,
            "processes": processes,
        }))
        .expect("texts and numbers have a JSON form");
        let draft = self.files.endpoints.with_extension("json.new");
        let failed = |e| Error::io(format!("cannot write {}", self.files.endpoints.display()), e);
        write_private(&draft, &text).map_err(failed)?;
        std::fs::rename(&draft, &self.files.endpoints).map_err(failed)
    }

    fn description(&self, took: Duration) -> String {
        let programs = self.specs.iter().find(|s| s.name == "hypocaust-sim").and_then(|s| s.program.parent());
        let mut lines = vec![
            format!("ready after {:.1} s: {} ({})", took.as_secs_f64(), self.fleet.name, self.fleet.id),
            String::new(),
            format!("  console   http://{}   user {}   password {}", self.layout.console(), setup::USER, self.password),
            format!("  mqtt      mqtt://{} (anonymous, this machine only)", self.layout.mqtt),
            format!("  kafka     {}", self.kafka),
        ];
        for other in &self.layout.consoles[1..] {
            lines.push(format!("  console   http://{other}   of another replica: the same fleet, the same sign-in"));
        }
        for device in self.fleet.plants.iter().flat_map(|p| &p.devices) {
            let address = self.layout.devices[device.id.as_str()];
            lines.push(match device.opc_ua() {
                None => format!("  modbus    {address}   {}", device.id),
                Some(link) => format!("  opc ua    {}   {}", link.endpoint_at(&address.to_string()), device.id),
            });
        }
        for (spec, pid) in self.specs.iter().zip(&self.pids) {
            let pid = pid.map_or_else(|| "not running".into(), |pid| format!("process {pid}"));
            lines.push(format!("  {pid:<16}{}, log {}", spec.label(), spec.log.display()));
        }
        lines.push(format!("  data      {}", self.files.data.display()));
        if let Some(folder) = programs {
            lines.push(format!("  programs  {}", folder.display()));
        }
        if let (Some(folder), Some((plant, boiler))) = (programs, biggest_boiler(&self.fleet)) {
            let control = self.layout.control;
            lines.push(String::new());
            lines.push(format!(
                "  try: {}/hypocaust-sim inject --control {control} --plant {plant} trip {boiler}",
                folder.display()
            ));
        }
        lines.push("  Ctrl-C stops all of it".into());
        lines.join("\n")
    }
}

/// The one whose loss shows most: its plant and its name there.
fn biggest_boiler(fleet: &Fleet) -> Option<(&str, &str)> {
    let runs = fleet.sources().filter(|(_, s)| s.kind == SourceKind::Boiler && s.initially_on);
    let (plant, boiler) = runs.max_by(|a, b| a.1.heat_max_mw.total_cmp(&b.1.heat_max_mw))?;
    let id = boiler.id.as_str();
    Some((plant.id.as_str(), id.split_once('.').map_or(id, |(_, local)| local)))
}

/// The password stands in it.
fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// A line for whoever looks on. Nothing ends because nobody does.
fn show(line: impl std::fmt::Display) {
    let _ = say(line);
}

#[expect(clippy::disallowed_methods, reason = "a supervisor is a shell: its lines say when")]
fn clock() -> String {
    jiff::Timestamp::now().strftime("%H:%M:%SZ").to_string()
}
