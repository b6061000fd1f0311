//! `hypocaust-central`: the verbs that work on files without a running centre.

use clap::{Parser, Subcommand};
use hypocaust_central::ambient;
use hypocaust_central::capacity::capacity;
use hypocaust_central::journal::sqlite::Sqlite;
use hypocaust_central::journal::{Entry, Hash, Head, Store, Verifier};
use hypocaust_central::shell;
use hypocaust_central::users::{self, Role, Users};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "hypocaust-central", version, about = "The centre of Hypocaust")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs the centre.
    Run {
        #[arg(long, env = "HYPOCAUST_FLEET")]
        fleet: PathBuf,
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        /// The broker, mqtt://host:port.
        #[arg(long, env = "HYPOCAUST_MQTT")]
        mqtt: String,
        /// Where console and API are served.
        #[arg(long, env = "HYPOCAUST_LISTEN", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
    /// Reports every mistake in a fleet folder.
    Check {
        #[arg(env = "HYPOCAUST_FLEET")]
        fleet: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Who may sign in. There is no default user.
    User {
        #[command(subcommand)]
        verb: UserVerb,
    },
    /// What the older system of the field would need for a fleet of this size.
    Capacity {
        #[arg(long)]
        plants: u32,
        #[arg(long, default_value_t = 0)]
        agents: u32,
        #[arg(long)]
        json: bool,
    },
    /// Reads the journal, also while the centre runs.
    Journal {
        #[command(subcommand)]
        verb: JournalVerb,
    },
}

#[derive(Subcommand)]
enum UserVerb {
    /// Adds a user whose password is the first line of a file.
    Add {
        name: String,
        #[arg(long)]
        role: Role,
        #[arg(long)]
        password_file: PathBuf,
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
    },
    /// Prints names and roles.
    List {
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Removes a user and ends the user's sessions.
    Remove {
        name: String,
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
    },
}

#[derive(Subcommand)]
enum JournalVerb {
    /// Verifies the chain, and its end against DATA/anchor (`SEQ:HASH`) if that file exists.
    Verify {
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Prints entries, one a line.
    Show {
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        #[arg(long, default_value_t = 1)]
        from: u64,
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[arg(long)]
        json: bool,
    },
    /// Prints the whole journal as JSON lines.
    Export {
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
    },
}

/// The answer is no (1) or could not be found out (3).
enum Failure {
    No(String),
    Untried(String),
}

fn untried(error: impl std::fmt::Display) -> Failure {
    Failure::Untried(error.to_string())
}

/// How many entries are held in memory at a time.
const PAGE: usize = 1000;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Run { fleet, data, mqtt, listen } => {
            tracing_subscriber::fmt()
                .with_env_filter(
                    tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
                )
                .with_writer(std::io::stderr)
                .init();
            shell::run::run(shell::run::Options { fleet, data, mqtt, listen }).await.map_err(untried)
        }
        Verb::Check { fleet, json } => check(&fleet, json),
        Verb::User { verb } => user(verb).await,
        Verb::Capacity { plants, agents, json } => size(plants, agents, json),
        Verb::Journal { verb } => match verb {
            JournalVerb::Verify { data, json } => verify(&data, json).await,
            JournalVerb::Show { data, from, limit, json } => show(&data, from, limit, json).await,
            JournalVerb::Export { data } => show(&data, 1, usize::MAX, true).await,
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::No(why)) => {
            eprintln!("{why}");
            ExitCode::from(1)
        }
        Err(Failure::Untried(why)) => {
            eprintln!("{why}");
            ExitCode::from(3)
        }
    }
}

async fn user(verb: UserVerb) -> Result<(), Failure> {
    let refused = |error: users::Error| match error {
        users::Error::Store { .. } | users::Error::Hash(_) => untried(error),
        error => Failure::No(error.to_string()),
    };
    let open = async |data: &Path| Users::open(&data.join("users.db")).await.map_err(untried);
    match verb {
        UserVerb::Add { name, role, password_file, data } => {
            let text = std::fs::read_to_string(&password_file)
                .map_err(|error| untried(format!("cannot read {}: {error}", password_file.display())))?;
            std::fs::create_dir_all(&data)
                .map_err(|error| untried(format!("cannot make {}: {error}", data.display())))?;
            let salt = ambient::random().map_err(untried)?;
            let password = text.lines().next().unwrap_or_default();
            open(&data).await?.add(&name, role, password, salt).await.map_err(refused)?;
            println!("user '{name}' may sign in as {role}");
        }
        UserVerb::List { data, json } => {
            let users = open(&data).await?.list().await.map_err(refused)?;
            if json {
                let all: Vec<_> =
                    users.iter().map(|(name, role)| serde_json::json!({ "name": name, "role": role })).collect();
                println!("{}", serde_json::Value::from(all));
            } else {
                users.iter().for_each(|(name, role)| println!("{name} {role}"));
            }
        }
        UserVerb::Remove { name, data } => {
            open(&data).await?.remove(&name).await.map_err(refused)?;
            println!("user '{name}' is removed");
        }
    }
    Ok(())
}

fn size(plants: u32, agents: u32, json: bool) -> Result<(), Failure> {
    let c = capacity(plants, agents);
    if json {
        println!("{}", serde_json::to_string(&c).map_err(untried)?);
        return Ok(());
    }
    println!("the older system's budget, CPU and memory per replica:");
    println!("replicas {}", c.replicas);
    println!("cpu {} millicores", c.cpu_millicores);
    println!("memory {} Mi", c.memory_mib);
    println!("database connections {}", c.database_connections);
    Ok(())
}

fn check(folder: &Path, json: bool) -> Result<(), Failure> {
    use hypocaust_protocols::files::{Error, load};
    match load(folder) {
        Ok(fleet) => {
            match json {
                true => println!("{}", serde_json::json!({ "ok": true, "fleet": fleet.id.as_str() })),
                false => println!("fleet '{}': no mistakes", fleet.id),
            }
            Ok(())
        }
        Err(error @ Error::Mistakes { .. }) => {
            if json {
                println!("{}", serde_json::json!({ "ok": false, "mistakes": error.to_string() }));
            }
            Err(Failure::No(error.to_string()))
        }
        Err(error) => Err(untried(error)),
    }
}

fn anchor(data: &Path) -> Result<Option<Head>, Failure> {
    let path = data.join("anchor");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(untried(format!("cannot read {}: {error}", path.display()))),
    };
    let head = text
        .trim()
        .split_once(':')
        .and_then(|(seq, hash)| Some(Head { seq: seq.parse().ok()?, hash: Hash::from_hex(hash)? }))
        .ok_or_else(|| untried(format!("{} is no anchor; write SEQ:HASH", path.display())))?;
    Ok(Some(head))
}

async fn verify(data: &Path, json: bool) -> Result<(), Failure> {
    let store = Sqlite::open_read_only(&data.join("journal.db")).await.map_err(untried)?;
    let anchor = anchor(data)?;
    let mut verifier = Verifier::new(store.fleet(), anchor);
    let mut from = 1;
    let outcome = loop {
        let page = store.read(from, PAGE).await.map_err(untried)?;
        if let Some(broken) = page.iter().find_map(|entry| verifier.step(entry).err()) {
            break Err(broken);
        }
        match page.last() {
            Some(last) => from = last.seq + 1,
            None => break verifier.finish(),
        }
    };
    match outcome {
        Ok(head) => {
            match json {
                true => println!("{}", serde_json::json!({ "ok": true, "head": head, "anchored": anchor.is_some() })),
                false => println!(
                    "the journal is whole up to {head}{}",
                    if anchor.is_some() { ", anchor included" } else { " (no anchor: a cut-off end would not show)" }
                ),
            }
            Ok(())
        }
        Err(broken) => {
            if json {
                println!("{}", serde_json::json!({ "ok": false, "seq": broken.seq, "what": broken.what }));
            }
            Err(Failure::No(broken.to_string()))
        }
    }
}

fn line(entry: &Entry, json: bool) -> Result<String, Failure> {
    Ok(match json {
        true => {
            let body: serde_json::Value = serde_json::from_str(&entry.body).map_err(|error| {
                Failure::No(format!("the body of entry {} is not JSON: {error}; run `journal verify`", entry.seq))
            })?;
            serde_json::json!({
                "seq": entry.seq, "prev_hash": entry.prev_hash, "hash": entry.hash, "epoch": entry.epoch,
                "time": entry.time.rfc3339(), "kind": entry.kind, "schema": entry.schema, "body": body,
            })
            .to_string()
        }
        false => format!("{} {} epoch {} {} {}", entry.seq, entry.time.rfc3339(), entry.epoch, entry.kind, entry.body),
    })
}

async fn show(data: &Path, mut from: u64, limit: usize, json: bool) -> Result<(), Failure> {
    let store = Sqlite::open_read_only(&data.join("journal.db")).await.map_err(untried)?;
    let mut left = limit;
    while left > 0 {
        let page = store.read(from, left.min(PAGE)).await.map_err(untried)?;
        let Some(last) = page.last() else { break };
        from = last.seq + 1;
        left -= page.len();
        for entry in &page {
            println!("{}", line(entry, json)?);
        }
    }
    Ok(())
}
