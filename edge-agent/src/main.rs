//! `hypocaust-edge`: the program of one plant's gateway.
//!
//! Answers go to standard output, everything else to standard error. Exit 0: it is so; 1: it is not, with the reasons;
//! 2: wrong usage; 3: could not be tried.

use clap::builder::RangedU64ValueParser;
use clap::{Parser, Subcommand, ValueEnum};
use hypocaust_edge::shell::inquire::{self, Found, Probed, Reach, Unbrowsed};
use hypocaust_edge::shell::{Endpoints, opcua, run};
use hypocaust_protocols::answer::{Unsaid, say, tell, unless_unread};
use hypocaust_protocols::files::{self, nearest};
use hypocaust_protocols::model::{Fleet, Plant};
use hypocaust_protocols::opcua::pki;
use hypocaust_protocols::wire::{VerifyingKey, Writer, public_key_from_hex};
use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// What is told unless `HYPOCAUST_LOG` says otherwise. The OPC UA library warns of every step of an attempt that fails;
/// the driver says once why there is no session.
const LOG: &str = "info,opcua_client=off,opcua_core=off,opcua_crypto=off,opcua_types=off";

const JSON: &str = "The answer as JSON, for scripts";

#[derive(Parser)]
#[command(name = "hypocaust-edge", version, about = "The edge agent of one plant: scan, guard, fail-safe, spool")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Args)]
struct Place {
    /// The fleet folder.
    #[arg(long, env = "HYPOCAUST_FLEET")]
    fleet: PathBuf,
    /// The plant of this edge.
    #[arg(long, env = "HYPOCAUST_PLANT")]
    plant: String,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs until SIGTERM.
    Run {
        #[command(flatten)]
        place: Place,
        /// Where spool and state are kept.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        /// `mqtt://host:port`
        #[arg(long, env = "HYPOCAUST_MQTT")]
        mqtt: String,
        /// JSON, device id to host:port, for devices that are not where the fleet says.
        #[arg(long, env = "HYPOCAUST_ENDPOINTS")]
        endpoints: Option<PathBuf>,
        /// The centre's public key (hex).
        #[arg(long, env = "HYPOCAUST_KEY")]
        key: PathBuf,
        /// Address for /metrics and /status.
        #[arg(long, env = "HYPOCAUST_METRICS")]
        metrics: Option<SocketAddr>,
        /// Beyond this the oldest entries are lost. The default holds days of a plant of hundreds of tags.
        #[arg(long, env = "HYPOCAUST_SPOOL_LIMIT_MB", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..))]
        spool_limit_mb: u64,
    },
    /// Reports every mistake in a fleet folder.
    Check {
        /// The fleet folder.
        #[arg(env = "HYPOCAUST_FLEET", required_unless_present = "schema")]
        fleet: Option<PathBuf>,
        #[arg(long, help = JSON)]
        json: bool,
        /// Look at no fleet: print the JSON Schema of fleet.toml, of plants/*.toml, or of both in one.
        #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "both", value_parser = ["fleet", "plant", "both"])]
        schema: Option<String>,
    },
    /// Reads one device once and prints what it shows.
    Probe {
        #[command(flatten)]
        place: Place,
        /// The device, with or without its plant's name.
        device: String,
        /// JSON, device id to host:port, for devices that are not where the fleet says.
        #[arg(long, env = "HYPOCAUST_ENDPOINTS")]
        endpoints: Option<PathBuf>,
        /// The edge's folder, whose certificates an OPC UA device is asked with.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: Option<PathBuf>,
        #[arg(long, help = JSON)]
        json: bool,
    },
    /// Lists the variables of an OPC UA device, and which tags they are.
    Browse {
        #[command(flatten)]
        place: Place,
        /// The device, with or without its plant's name.
        device: String,
        /// JSON, device id to host:port, for devices that are not where the fleet says.
        #[arg(long, env = "HYPOCAUST_ENDPOINTS")]
        endpoints: Option<PathBuf>,
        /// The edge's folder, with whose certificates the device is asked.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: Option<PathBuf>,
        /// No more than so many.
        #[arg(long, default_value_t = 10_000, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
        most: usize,
        #[arg(long, help = JSON)]
        json: bool,
    },
    /// Certificates of OPC UA servers: lists them, trusts one (by the beginning of its thumbprint), or trusts it no more.
    Trust {
        /// The edge's folder, where its certificates are.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        /// The plant of this edge, in whose name its own certificate is made.
        #[arg(long, env = "HYPOCAUST_PLANT")]
        plant: String,
        /// Trust this one, which has come from a server.
        thumbprint: Option<String>,
        /// Trust the certificate in this file (DER or PEM).
        #[arg(long, conflicts_with = "thumbprint")]
        file: Option<PathBuf>,
        /// Trust it no longer.
        #[arg(long, requires = "thumbprint")]
        revoke: bool,
        #[arg(long, help = JSON)]
        json: bool,
    },
    /// What the data folder, and the running edge if there is one, say.
    Status {
        /// The edge's folder.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        /// Where the running edge shows /status, ip:port.
        #[arg(long, env = "HYPOCAUST_METRICS")]
        metrics: Option<SocketAddr>,
        #[arg(long, help = JSON)]
        json: bool,
    },
    /// Asks the write gate about a write, without making it. What only the running edge could know is assumed, and said.
    SimulateWrite {
        #[command(flatten)]
        place: Place,
        /// The setpoint, with or without its plant's name.
        setpoint: String,
        /// What would be written, in the setpoint's unit.
        #[arg(allow_negative_numbers = true)]
        value: f64,
        /// Where the setpoint stands, to tell how long the movement takes, and whether it is the way of the fail-safe lane.
        #[arg(long, allow_negative_numbers = true)]
        from: Option<f64>,
        /// In whose name.
        #[arg(long, value_enum, default_value = "dispatch")]
        writer: Who,
        #[arg(long, help = JSON)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Who {
    FailSafe,
    Operator,
    Procedure,
    Dispatch,
    SubAgent,
}

impl From<Who> for Writer {
    fn from(who: Who) -> Self {
        match who {
            Who::FailSafe => Writer::FailSafe,
            Who::Operator => Writer::Operator,
            Who::Procedure => Writer::Procedure,
            Who::Dispatch => Writer::Dispatch,
            Who::SubAgent => Writer::SubAgent,
        }
    }
}

/// Why the answer is not "it is so".
enum Failure {
    No(String),
    Usage(String),
    Untried(String),
}

impl From<files::Error> for Failure {
    fn from(error: files::Error) -> Self {
        match error {
            files::Error::Unreadable { .. } | files::Error::NoFolder { .. } => Failure::Untried(error.to_string()),
            files::Error::Mistakes { .. } => Failure::No(error.to_string()),
        }
    }
}

impl From<Unsaid> for Failure {
    fn from(unsaid: Unsaid) -> Self {
        Failure::Untried(unsaid.to_string())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HYPOCAUST_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOG));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    match verb(Cli::parse().verb).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::No(why)) => fail(1, &why),
        Err(Failure::Usage(why)) => fail(2, &why),
        Err(Failure::Untried(why)) => fail(3, &why),
    }
}

fn fail(code: u8, why: &str) -> ExitCode {
    tell(why.trim_end());
    ExitCode::from(code)
}

async fn verb(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Run { place, data, mqtt, endpoints, key, metrics, spool_limit_mb } => {
            let (fleet, plant) = read(&place)?;
            let endpoints = overrides(endpoints.as_deref(), &plant)?;
            let broker = hypocaust_protocols::mqtt::broker(&mqtt).map_err(Failure::Usage)?;
            let key = wait_for_key(&key).await?;
            let spool_limit_bytes = spool_limit_mb.saturating_mul(1_000_000);
            let plant = plant.id;
            let fleet = Arc::new(fleet);
            let options = run::Options { fleet, plant, data, broker, endpoints, key, metrics, spool_limit_bytes };
            run::run(options).await.map_err(Failure::Untried)
        }
        Verb::Check { schema: Some(schema), .. } => {
            Ok(unless_unread(say(format_args!("{:#}", files::schema(files::Document::named(&schema)))))?)
        }
        Verb::Check { fleet: Some(fleet), json, .. } => check(&fleet, json),
        Verb::Check { fleet: None, .. } => unreachable!("a folder is asked for where no schema is"),
        Verb::Browse { place, device, endpoints, data, most, json } => {
            let (fleet, plant) = read(&place)?;
            let endpoints = overrides(endpoints.as_deref(), &plant)?;
            let data = data.as_deref();
            let reach = Reach { fleet: &fleet, plant: &plant, device: &device, endpoints: &endpoints, data };
            let all = inquire::browse(&reach, most).await.map_err(|why| match why {
                Unbrowsed::Usage(why) => Failure::Usage(why),
                Unbrowsed::Untried(why) => Failure::Untried(why),
            })?;
            show(&all, json, || {
                all.iter().try_for_each(|Found { tag, variable: v }| {
                    let tag = tag.as_ref().map_or("-", |t| t.as_str());
                    let writable = if v.writable { "rw" } else { "r" };
                    say(format_args!("{:32} {:8} {writable:2} {:14} {:40} {tag}", v.node, v.kind, v.value, v.namespace))
                })
            })
        }
        Verb::Trust { data, plant, thumbprint, file, revoke, json } => {
            trust(&data, &plant, thumbprint.as_deref(), file.as_deref(), revoke, json)
        }
        Verb::Probe { place, device, endpoints, data, json } => {
            let (fleet, plant) = read(&place)?;
            let endpoints = overrides(endpoints.as_deref(), &plant)?;
            let data = data.as_deref();
            let reach = Reach { fleet: &fleet, plant: &plant, device: &device, endpoints: &endpoints, data };
            let all = inquire::probe(&reach).await.map_err(Failure::Usage)?;
            // A device that does not answer is told once, not by each of its tags.
            let silent = silent(&all);
            show(&all, json, || {
                let shown: &[Probed] = if silent.is_some() { &[] } else { &all };
                shown.iter().try_for_each(|p| match (&p.value, &p.error) {
                    (Some(value), _) => say(format_args!("{:32} {value:>12.4} {}", p.tag.as_str(), p.unit)),
                    (None, error) => {
                        say(format_args!("{:32} {:>12} {}", p.tag.as_str(), "-", error.as_deref().unwrap_or("")))
                    }
                })
            })?;
            if let Some(why) = silent {
                return Err(Failure::Untried(format!("{device} shows none of its {} tags: {why}", all.len())));
            }
            match all.iter().find_map(|p| p.error.as_ref()) {
                Some(error) if all.iter().all(|p| p.value.is_none()) => Err(Failure::Untried(error.clone())),
                Some(error) => Err(Failure::No(format!("not every tag could be read: {error}"))),
                None => Ok(()),
            }
        }
        Verb::Status { data, metrics, json } => {
            let report = inquire::status(&data, metrics).await.map_err(Failure::Untried)?;
            show(&report, json, || {
                say(format_args!(
                    "running        {}",
                    if report.running { "yes" } else { "not known to be (give --metrics)" }
                ))?;
                say(format_args!("last boot      {}", report.last_boot.map_or("never".into(), |b| b.to_string())))?;
                say(format_args!("epoch          {}", report.epoch))?;
                let anchor = report.anchor.as_ref().map(|a| format!("{}:{}", a.seq, a.hash));
                say(format_args!("anchor         {}", anchor.as_deref().unwrap_or("-")))?;
                say(format_args!("trips latched  {}", report.trips_latched.join(", ")))?;
                let oldest = report.spool_oldest.as_deref().unwrap_or("-");
                say(format_args!(
                    "spool          {} entries, {} bytes, oldest {oldest}",
                    report.spool_entries, report.spool_bytes
                ))?;
                if report.spool_aside > 0 {
                    say(format_args!("set aside      {} entries that cannot be sent", report.spool_aside))?;
                }
                if let Some(live) = &report.live {
                    say(format_args!("mode           {}", live["mode"].as_str().unwrap_or("-")))?;
                    say(format_args!("link           {}", if live["link"] == true { "up" } else { "down" }))?;
                    say(format_args!("devices        {}", live["devices"]))?;
                }
                Ok(())
            })
        }
        Verb::SimulateWrite { place, setpoint, value, from, writer, json } => {
            let (fleet, plant) = read(&place)?;
            let verdict =
                inquire::simulate(&fleet, &plant, &setpoint, value, from, writer.into()).map_err(Failure::Usage)?;
            show(&verdict, json, || {
                match (&verdict.refusal, verdict.travel_s) {
                    (Some(_), _) => return Ok(()),
                    (None, Some(s)) => say(format_args!("allowed; the movement takes {s:.1} s"))?,
                    (None, None) if from.is_some() => say("allowed; the movement does not end within a day")?,
                    (None, None) => say("allowed")?,
                }
                verdict.assumptions.iter().try_for_each(|a| say(format_args!("  assumed: {}", a.that)))
            })?;
            match verdict.refusal {
                Some(refusal) => {
                    Err(Failure::No(format!("refused by {}: {} ({})", refusal.gate, refusal.reason, refusal.code)))
                }
                None => Ok(()),
            }
        }
    }
}

fn show(value: &impl Serialize, json: bool, text: impl FnOnce() -> Result<(), Unsaid>) -> Result<(), Failure> {
    let said = if json { say(serde_json::to_string_pretty(value).expect("reports are plain data")) } else { text() };
    Ok(unless_unread(said)?)
}

/// Why a device that shows none of its tags does not, where it is the same for all of them.
fn silent(all: &[Probed]) -> Option<&str> {
    let first = all.first()?.error.as_deref()?;
    all.iter().all(|p| p.value.is_none() && p.error.as_deref() == Some(first)).then_some(first)
}

fn trust(
    data: &Path,
    plant: &str,
    thumbprint: Option<&str>,
    file: Option<&Path>,
    revoke: bool,
    json: bool,
) -> Result<(), Failure> {
    let failed = |e: pki::Error| match e {
        pki::Error::Io { .. } | pki::Error::Make(_) => Failure::Untried(e.to_string()),
        _ => Failure::No(e.to_string()),
    };
    let pki = opcua::certificates(data, plant).map_err(failed)?;
    match (thumbprint, file) {
        (Some(thumbprint), _) if revoke => {
            let whole = pki.distrust(thumbprint).map_err(failed)?;
            tell(format_args!("{whole} is trusted no more, from the next connection on"));
        }
        (Some(thumbprint), _) => {
            let whole = pki.trust(thumbprint).map_err(failed)?;
            tell(format_args!("{whole} is trusted"));
        }
        (None, Some(file)) => {
            let whole = pki.import(file).map_err(failed)?;
            tell(format_args!("{whole} is trusted"));
        }
        (None, None) => {
            tell(format_args!(
                "this edge's own certificate, to be trusted by servers: {}",
                pki.own_certificate().display()
            ));
        }
    }
    let list = pki.list().map_err(failed)?;
    show(&list, json, || {
        list.iter().try_for_each(|c| {
            let state = if c.trusted { "trusted" } else { "rejected" };
            say(format_args!("{} {state:8} until {} {}", c.thumbprint, c.valid_to, c.subject))
        })
    })
}

fn check(folder: &Path, json: bool) -> Result<(), Failure> {
    let checked = files::check(folder)?;
    unless_unread(say(checked.answer(json)))?;
    if checked.ok { Ok(()) } else { Err(Failure::No(checked.count())) }
}

fn read(place: &Place) -> Result<(Fleet, Plant), Failure> {
    let fleet = files::load(&place.fleet)?;
    match fleet.plant(&place.plant).cloned() {
        Some(plant) => Ok((fleet, plant)),
        None => {
            let ids: Vec<&str> = fleet.plants.iter().map(|p| p.id.as_str()).collect();
            let instead = nearest(&place.plant, ids.iter().copied()).map_or_else(|| ids.join(", "), str::to_owned);
            Err(Failure::Usage(format!("the fleet has no plant '{}'; write --plant {instead}", place.plant)))
        }
    }
}

fn overrides(path: Option<&Path>, plant: &Plant) -> Result<Endpoints, Failure> {
    let Some(path) = path else { return Ok(Endpoints::default()) };
    let endpoints = Endpoints::read(path).map_err(Failure::Untried)?;
    endpoints.check(plant).map_err(Failure::No)?;
    Ok(endpoints)
}

/// The centre makes its key at its first start; an edge that is started together with it waits a little for the file.
async fn wait_for_key(path: &Path) -> Result<VerifyingKey, Failure> {
    let shown = path.display();
    for _ in 0..60 {
        match std::fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => {
                return public_key_from_hex(&text)
                    .map_err(|e| Failure::No(format!("{shown} holds no public key: {e}")));
            }
            _ => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
    Err(Failure::Untried(format!(
        "no public key in {shown} after 30 s: copy the centre's centre.pub there, or name it with --key"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hypocaust_protocols::model::TagId;

    fn probed(tag: &str, outcome: Result<f64, &str>) -> Probed {
        let tag = TagId::new(tag).unwrap();
        Probed { tag, value: outcome.ok(), unit: "MW", error: outcome.err().map(Into::into) }
    }

    #[test]
    fn a_device_is_silent_where_one_reason_holds_for_every_tag() {
        let refused = |tag| probed(tag, Err("refused"));
        assert_eq!(silent(&[refused("n.a"), refused("n.b")]), Some("refused"));
        assert_eq!(silent(&[refused("n.a"), probed("n.b", Ok(1.0))]), None);
        assert_eq!(silent(&[refused("n.a"), probed("n.b", Err("no such register"))]), None);
        assert_eq!(silent(&[]), None);
    }
}
