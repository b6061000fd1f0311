//! `hypocaust-central`: its verbs. All but `run` work on files, also beside a running centre.

mod verbs;

use clap::{Parser, Subcommand};
use hypocaust_central::capacity::capacity;
use hypocaust_central::mimic;
use hypocaust_central::shell;
use hypocaust_protocols::answer::{self, tell};
use hypocaust_protocols::files;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use verbs::{Failure, journal, say, untried, user};

#[derive(Parser)]
#[command(name = "hypocaust-central", version, about = "The centre of Hypocaust")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs one replica of the centre. Several share a folder of data; one of them leads.
    Run {
        /// The fleet's folder.
        #[arg(long, env = "HYPOCAUST_FLEET")]
        fleet: PathBuf,
        /// Folder for journal, history, users and keys; the replicas of one centre share it.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        /// The broker, mqtt://host:port.
        #[arg(long, env = "HYPOCAUST_MQTT")]
        mqtt: String,
        /// Kafka's bootstrap, host:port, several with commas between. For mutual TLS name PEM files in
        /// HYPOCAUST_KAFKA_CA, HYPOCAUST_KAFKA_CERTIFICATE and HYPOCAUST_KAFKA_KEY.
        #[arg(long, env = "HYPOCAUST_KAFKA")]
        kafka: String,
        /// Where console and API are served.
        #[arg(long, env = "HYPOCAUST_LISTEN", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// The id of this replica, unlike that of every other on the same data; host name and port unless said.
        #[arg(long, env = "HYPOCAUST_REPLICA")]
        replica: Option<String>,
        /// Where others reach this replica, a URL; the address of `--listen` unless said.
        #[arg(long, env = "HYPOCAUST_ADDRESS")]
        address: Option<String>,
    },
    /// Reports every mistake in a fleet folder.
    Check {
        /// The fleet's folder.
        #[arg(env = "HYPOCAUST_FLEET", required_unless_present = "schema")]
        fleet: Option<PathBuf>,
        /// Print the mistakes as JSON.
        #[arg(long)]
        json: bool,
        /// Look at no fleet: print the JSON Schema of fleet.toml, of plants/*.toml, or of both in one.
        #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "both", value_parser = ["fleet", "plant", "both"])]
        schema: Option<String>,
    },
    /// Prints where the equipment of a plant stands in its drawing, as the file `mimics/<plant>.toml` that keeps it there.
    Mimic {
        /// The fleet's folder.
        #[arg(env = "HYPOCAUST_FLEET")]
        fleet: PathBuf,
        /// The plant's id, as the fleet file has it.
        #[arg(long)]
        plant: String,
        /// The drawing itself, as the API serves it.
        #[arg(long)]
        json: bool,
    },
    /// Who may sign in. There is no default user.
    User {
        #[command(subcommand)]
        verb: user::Verb,
    },
    /// What the older system of the field would need for a fleet of this size.
    Capacity {
        /// Number of plants.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        plants: u32,
        /// Number of sub-agents.
        #[arg(long, default_value_t = 0)]
        agents: u32,
        /// Print the figures as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Reads the journal, also while the centre runs.
    Journal {
        #[command(subcommand)]
        verb: journal::Verb,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let verb = Cli::parse().verb;
    // The other verbs answer on standard output; what they log is what their user has to know. That a statement took long is
    // for whoever keeps a centre running.
    let level = if matches!(verb, Verb::Run { .. }) { "info" } else { "warn,sqlx=error" };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into()))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    let outcome = match verb {
        Verb::Run { fleet, data, mqtt, kafka, listen, replica, address } => {
            let options = shell::run::Options { fleet, data, mqtt, kafka, listen, replica, address };
            shell::run::run(options).await.map_err(untried)
        }
        Verb::Check { schema: Some(schema), .. } => {
            say(format_args!("{:#}", files::schema(files::Document::named(&schema))))
        }
        Verb::Check { fleet: Some(fleet), json, .. } => check(&fleet, json),
        Verb::Check { fleet: None, .. } => unreachable!("a folder is asked for where no schema is"),
        Verb::Mimic { fleet, plant, json } => drawing(&fleet, &plant, json),
        Verb::User { verb } => user::run(verb).await,
        Verb::Capacity { plants, agents, json } => size(plants, agents, json),
        Verb::Journal { verb } => journal::run(verb).await,
    };
    match outcome {
        Ok(()) | Err(Failure::Unread) => ExitCode::SUCCESS,
        Err(Failure::No(why)) => {
            tell(why);
            ExitCode::from(1)
        }
        Err(Failure::Untried(why)) => {
            tell(why);
            ExitCode::from(3)
        }
    }
}

fn drawing(folder: &Path, plant: &str, json: bool) -> Result<(), Failure> {
    let fleet = files::load(folder).map_err(|error| match error {
        files::Error::Mistakes { .. } => Failure::No(error.to_string()),
        error => untried(error),
    })?;
    let Some(plant) = fleet.plant(plant) else {
        let known: Vec<&str> = fleet.plants.iter().map(|p| p.id.as_str()).collect();
        return Err(Failure::No(format!("there is no plant '{plant}'; there are {}", known.join(", "))));
    };
    if json {
        return say(serde_json::to_string(&mimic::draw(&fleet, plant)).map_err(untried)?);
    }
    say(mimic::file(&fleet, plant).trim_end())
}

fn size(plants: u32, agents: u32, json: bool) -> Result<(), Failure> {
    let c = capacity(plants, agents);
    if json {
        return say(serde_json::to_string(&c).map_err(untried)?);
    }
    say("the older system's budget, CPU and memory per replica:")?;
    say(format_args!("replicas {}", c.replicas))?;
    say(format_args!("cpu {} millicores", c.cpu_millicores))?;
    say(format_args!("memory {} Mi", c.memory_mib))?;
    say(format_args!("database connections {}", c.database_connections))
}

fn check(folder: &Path, json: bool) -> Result<(), Failure> {
    let checked = files::check(folder).map_err(untried)?;
    answer::unless_unread(answer::say(checked.answer(json)))?;
    if checked.ok { Ok(()) } else { Err(Failure::No(checked.count())) }
}
