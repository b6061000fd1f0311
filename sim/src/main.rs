//! `hypocaust-sim`: simulated plants and what is done to them. Exit codes: 0 it is so; 1 it is not; 2 wrong usage;
//! 3 could not be tried.

use clap::{Parser, Subcommand};
use hypocaust_protocols::answer::tell;
use hypocaust_protocols::model::Fleet;
use hypocaust_protocols::process::stop_signal;
use hypocaust_protocols::wire::subagent::AgentId;
use hypocaust_protocols::{files, kafka};
use hypocaust_sim::fault::Fault;
use hypocaust_sim::plants::{self, Reply};
use hypocaust_sim::{answered, chain, demo, drill, generate, subagents};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Parser)]
#[command(
    name = "hypocaust-sim",
    version,
    about = "Simulated plants for Hypocaust, drills in the simulated world, and the demo"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve the plants of a fleet over Modbus TCP and OPC UA.
    Plants {
        /// The fleet's folder.
        fleet: PathBuf,
        /// Physics seconds per second, 1 to 1000.
        #[arg(long, default_value = "1", value_parser = hypocaust_sim::speed, allow_negative_numbers = true)]
        speed: f64,
        /// Seed of the consumers' noise: the same one gives the same day.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Hour of the day (UTC) at which the physics begins.
        #[arg(long, default_value_t = 10.0)]
        start_hour: f64,
        /// JSON object from device id to ip:port, over the fleet's endpoints.
        #[arg(long)]
        endpoints: Option<PathBuf>,
        /// Where `inject` is heard.
        #[arg(long, default_value = "127.0.0.1:5019")]
        control: SocketAddr,
        /// Append every accepted register write to this file, a JSON line each.
        #[arg(long)]
        log: Option<PathBuf>,
        /// Folder for the certificates of OPC UA devices; clients are trusted by files in DEVICE/trusted.
        #[arg(long)]
        certificates: Option<PathBuf>,
        /// Print the map of registers and nodes as CSV and end.
        #[arg(long)]
        map: bool,
    },
    /// Do something to the running plants: trip SOURCE, stick TAG VALUE, drift TAG PER_MINUTE, close MAIN, silence DEVICE,
    /// trim BOILER RATIO, foul BOILER SHARE, restore WHAT.
    // Said by hand: what has a default would be shown as if it were required.
    #[command(override_usage = "hypocaust-sim inject --plant <PLANT> [--control <HOST:PORT>] [--json] <FAULT>...")]
    Inject {
        /// The plant's id, as the fleet file has it.
        #[arg(long)]
        plant: String,
        /// Where the plants hear it: what `plants` was given as --control; for a demo see its endpoints.json.
        #[arg(long, default_value = "127.0.0.1:5019", env = "HYPOCAUST_CONTROL")]
        control: SocketAddr,
        /// What to do, a word, and its arguments.
        #[arg(required = true, allow_negative_numbers = true)]
        fault: Vec<String>,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run the reference sub-agents, which answer the centre over Kafka: GL-002, GL-018, GL-023.
    Subagents {
        /// Bootstrap of Kafka, host:port; TLS comes from the environment.
        #[arg(long, env = "HYPOCAUST_KAFKA", required_unless_present = "schema")]
        kafka: Option<String>,
        /// Only this one; may be given again for others.
        #[arg(long)]
        only: Vec<AgentId>,
        /// Print each answer, a JSON line.
        #[arg(long)]
        json: bool,
        /// Print the messages as an AsyncAPI document and end.
        #[arg(long)]
        schema: bool,
    },
    /// Run a whole fleet on this machine: broker, plants, edges and centre, watched and restarted.
    Demo(demo::Options),
    /// Run a runbook's drill in the simulated world, and say what was met: seconds of yours, an hour of the plants'.
    Drill(drill::cli::Options),
    /// Write a fleet of any size: plants of several kinds, joined by mains.
    Generate(generate::cli::Options),
    /// Check a fleet's files and tell every mistake.
    Check {
        /// The fleet's folder.
        #[arg(required_unless_present = "schema")]
        fleet: Option<PathBuf>,
        /// Print the mistakes as JSON.
        #[arg(long)]
        json: bool,
        /// Look at no fleet: print the JSON Schema of fleet.toml, of plants/*.toml, or of both in one.
        #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "both", value_parser = ["fleet", "plant", "both"])]
        schema: Option<String>,
    },
}

/// What is told unless `RUST_LOG` says otherwise: the OPC UA library tells of every connection, and the database of every
/// statement that takes long.
const LOG: &str = "info,sqlx=error,opcua_server=warn,opcua_core=warn,opcua_crypto=warn";

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| LOG.into()))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    match Cli::parse().verb {
        Verb::Plants { fleet, map: true, .. } => match load(&fleet) {
            Ok(fleet) => answered(plants::map(&fleet).trim_end(), ExitCode::SUCCESS),
            Err(code) => code,
        },
        Verb::Plants { fleet, speed, seed, start_hour, endpoints, control, log, certificates, map: false } => {
            serve(&fleet, start_hour, endpoints.as_deref(), |endpoints| plants::Options {
                speed,
                seed,
                start_hour,
                endpoints,
                control,
                log,
                certificates,
            })
        }
        Verb::Inject { plant, control, fault, json } => inject(&plant, control, &fault, json),
        Verb::Subagents { schema: true, .. } => {
            answered(format_args!("{:#}", hypocaust_protocols::wire::subagent::document()), ExitCode::SUCCESS)
        }
        Verb::Subagents { kafka, only, json, schema: false } => advise(&kafka.unwrap_or_default(), &only, json),
        Verb::Demo(options) => demo::run(&options),
        Verb::Drill(options) => drill::cli::run(&options),
        Verb::Generate(options) => generate::cli::run(&options),
        Verb::Check { schema: Some(schema), .. } => {
            answered(format_args!("{:#}", files::schema(files::Document::named(&schema))), ExitCode::SUCCESS)
        }
        Verb::Check { fleet: Some(fleet), json, .. } => check(&fleet, json),
        Verb::Check { fleet: None, .. } => unreachable!("a folder is asked for where no schema is"),
    }
}

fn usage(message: &str) -> ExitCode {
    tell(format_args!("error: {message}"));
    ExitCode::from(2)
}

fn untried(message: &str) -> ExitCode {
    tell(format_args!("error: {message}"));
    ExitCode::from(3)
}

fn load(folder: &Path) -> Result<Fleet, ExitCode> {
    files::load(folder).map_err(|error| {
        tell(format_args!("error: {error}"));
        ExitCode::from(if matches!(error, files::Error::Mistakes { .. }) { 1 } else { 3 })
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the system gives threads to a program that starts")
}

fn serve(
    folder: &Path,
    start_hour: f64,
    endpoints: Option<&Path>,
    options: impl FnOnce(BTreeMap<String, String>) -> plants::Options,
) -> ExitCode {
    if !(0.0..24.0).contains(&start_hour) {
        return usage(&format!("--start-hour is {start_hour}; write an hour from 0 up to 24"));
    }
    let fleet = match load(folder) {
        Ok(fleet) => Arc::new(fleet),
        Err(code) => return code,
    };
    let endpoints = match endpoints.map(read_endpoints).transpose() {
        Ok(endpoints) => endpoints.unwrap_or_default(),
        Err(message) => return untried(&message),
    };
    let devices: Vec<&str> = fleet.plants.iter().flat_map(|p| &p.devices).map(|d| d.id.as_str()).collect();
    if let Some(unknown) = endpoints.keys().find(|id| !devices.contains(&id.as_str())) {
        let all = devices.join(", ");
        return usage(&format!("the endpoints name a device `{unknown}`; the fleet has {all}"));
    }
    let options = options(endpoints);
    match runtime().block_on(plants::run(fleet, options, stop_signal())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => untried(&chain(&error)),
    }
}

fn read_endpoints(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        format!("cannot read {}: {e}; write the path of a JSON object from device id to \"ip:port\"", path.display())
    })?;
    serde_json::from_str(&text)
        .map_err(|e| format!("{}: {e}; write a JSON object from device id to \"ip:port\"", path.display()))
}

fn inject(plant: &str, control: SocketAddr, words: &[String], json: bool) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let fault = match Fault::parse(&words) {
        Ok(fault) => fault,
        Err(error) => return usage(&error.to_string()),
    };
    let reply = match runtime().block_on(plants::ask(control, plant, &fault)) {
        Ok(reply) => reply,
        Err(error) => return untried(&format!("no plants answer at {control}: {error}; are they running?")),
    };
    let as_json = || serde_json::to_string(&reply).expect("a reply has a JSON form");
    match &reply {
        Reply::Done(_) if json => answered(as_json(), ExitCode::SUCCESS),
        Reply::Done(done) => answered(done, ExitCode::SUCCESS),
        Reply::Refused(reason) => {
            tell(format_args!("error: {reason}"));
            if json { answered(as_json(), ExitCode::FAILURE) } else { ExitCode::FAILURE }
        }
    }
}

fn advise(bootstrap: &str, only: &[AgentId], json: bool) -> ExitCode {
    let all = subagents::reference();
    if let Some(other) = only.iter().find(|id| !all.contains(id)) {
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        return usage(&format!("{other} is no reference agent; there are {}", all.join(", ")));
    }
    let settings =
        kafka::Tls::from_environment().and_then(|tls| kafka::Settings::new(bootstrap, "hypocaust-subagents", tls));
    let settings = match settings {
        Ok(settings) => settings,
        Err(error @ kafka::Error::Bootstrap(_)) => return usage(&error.to_string()),
        Err(error) => return untried(&error.to_string()),
    };
    let agents = if only.is_empty() { all.as_slice() } else { only };
    match runtime().block_on(subagents::run(settings, agents, json, stop_signal())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => untried(&chain(&error)),
    }
}

fn check(folder: &Path, json: bool) -> ExitCode {
    match files::check(folder) {
        Ok(checked) => answered(checked.answer(json), if checked.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        Err(error) => untried(&error.to_string()),
    }
}
