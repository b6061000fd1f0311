//! `user`: who may sign in. Works on DATA/users.db, also while a centre runs, which follows at once.

use super::{Failure, password, say, untried};
use clap::Subcommand;
use hypocaust_central::ambient;
use hypocaust_central::users::{self, Issued, New, Role, Scope, TOKEN_DAYS, Token, User, Users};
use hypocaust_protocols::answer::tell;
use hypocaust_protocols::files::{load, nearest};
use hypocaust_protocols::model::{Millis, PlantId};
use serde_json::json;
use std::path::{Path, PathBuf};

const DAY_MS: i64 = 24 * 3_600_000;

#[derive(Subcommand)]
pub enum Verb {
    /// Adds a user. The password is asked for, or is the first line of a file or of standard input.
    Add {
        /// The user.
        name: String,
        /// viewer, operator, engineer, safety-officer or administrator.
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        plants: Limited,
        #[command(flatten)]
        password: password::From,
        /// A machine: without a password, with tokens only.
        #[arg(long, conflicts_with = "password_file")]
        machine: bool,
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
    },
    /// Prints names, roles and plants.
    List {
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Removes a user and ends the user's sessions and tokens.
    Remove {
        /// The user.
        name: String,
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
    },
    /// Gives a user another role; open sessions have it from their next request on.
    Role {
        /// The user.
        name: String,
        /// viewer, operator, engineer, safety-officer or administrator.
        role: Role,
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
    },
    /// Limits a user to some plants, or lifts the limit (--all); open sessions follow at once.
    Plants {
        /// The user.
        name: String,
        #[command(flatten)]
        plants: Limited,
        /// Every plant, those of tomorrow too.
        #[arg(long, required_unless_present = "plants", conflicts_with = "plants")]
        all: bool,
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
    },
    /// Gives a user a new password and ends the user's sessions.
    Password {
        /// The user.
        name: String,
        #[command(flatten)]
        password: password::From,
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
    },
    /// Makes a token for a machine and prints it, once.
    Token {
        /// The user.
        name: String,
        /// How long it is good for.
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=TOKEN_DAYS))]
        days: i64,
        /// What it is for.
        #[arg(long, default_value = "")]
        label: String,
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Names the tokens that were handed out, of one user or of all.
    Tokens {
        /// The user; all of them without.
        name: Option<String>,
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ends a token at once.
    Revoke {
        /// The user.
        name: String,
        /// As `user tokens` has it.
        id: String,
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
    },
}

/// The plants that a user is limited to; the fleet's files say which there are.
#[derive(clap::Args)]
pub struct Limited {
    /// Only these, with commas in between: north,south.
    #[arg(long, value_delimiter = ',', requires = "fleet")]
    plants: Vec<PlantId>,
    /// The fleet's folder, which says what plants there are.
    #[arg(long, env = "HYPOCAUST_FLEET")]
    fleet: Option<PathBuf>,
}

impl Limited {
    fn scope(self) -> Result<Scope, Failure> {
        let Limited { plants, fleet } = self;
        let (Some(folder), false) = (fleet, plants.is_empty()) else { return Ok(Scope::Every) };
        let fleet = load(&folder).map_err(untried)?;
        for plant in &plants {
            if fleet.plant(plant.as_str()).is_none() {
                let names: Vec<&str> = fleet.plants.iter().map(|p| p.id.as_str()).collect();
                let instead = nearest(plant.as_str(), names.iter().copied())
                    .map_or_else(|| format!("it has {}", names.join(", ")), |near| format!("did you mean '{near}'?"));
                return Err(Failure::No(format!("{} has no plant '{plant}'; {instead}", folder.display())));
            }
        }
        Ok(Scope::Only(plants.into_iter().collect()))
    }
}

fn refused(error: users::Error) -> Failure {
    use users::Error as E;
    match error {
        E::Store { .. } | E::Mode { .. } | E::Hash(_) | E::NoFile { .. } | E::Busy => untried(error),
        E::Name(_) | E::Password(_) | E::PasswordIsName | E::Exists(_) | E::Missing(_) | E::NoToken { .. } => {
            Failure::No(error.to_string())
        }
    }
}

async fn existing(data: &Path) -> Result<Users, Failure> {
    Users::open_existing(&data.join("users.db")).await.map_err(refused)
}

pub async fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Add { name, role, plants, password, machine, data } => {
            add(&name, role, plants.scope()?, (!machine).then_some(password), &data).await
        }
        Verb::List { data, json } => list(&existing(&data).await?.list().await.map_err(refused)?, json),
        Verb::Remove { name, data } => {
            existing(&data).await?.remove(&name).await.map_err(refused)?;
            say(format_args!("user '{name}' is removed"))
        }
        Verb::Role { name, role, data } => {
            existing(&data).await?.set_role(&name, role).await.map_err(refused)?;
            say(format_args!("user '{name}' is {role}"))
        }
        Verb::Plants { name, plants, all: _, data } => {
            let scope = plants.scope()?;
            existing(&data).await?.set_plants(&name, &scope).await.map_err(refused)?;
            say(format_args!("user '{name}' may see {scope}"))
        }
        Verb::Password { name, password, data } => {
            let users = existing(&data).await?;
            let password = password.read(&name)?;
            users.set_password(&name, &password, salt()?).await.map_err(refused)?;
            say(format_args!("user '{name}' has a new password; the open sessions have ended"))
        }
        Verb::Token { name, days, label, data, json } => token(name, days, label, &data, json).await,
        Verb::Tokens { name, data, json } => {
            tokens(&existing(&data).await?.tokens(name.as_deref()).await.map_err(refused)?, json)
        }
        Verb::Revoke { name, id, data } => {
            existing(&data).await?.revoke(&name, &id).await.map_err(refused)?;
            say(format_args!("token '{id}' of user '{name}' is revoked"))
        }
    }
}

fn salt() -> Result<[u8; 16], Failure> {
    ambient::random().map_err(untried)
}

async fn add(
    name: &str,
    role: Role,
    plants: Scope,
    password: Option<password::From>,
    data: &Path,
) -> Result<(), Failure> {
    let password = password.map(|from| from.read(name)).transpose()?;
    std::fs::create_dir_all(data).map_err(|error| untried(format!("cannot make {}: {error}", data.display())))?;
    let file = data.join("users.db");
    let is_new = !file.exists();
    let users = Users::open(&file).await.map_err(refused)?;
    if is_new {
        tell(format_args!("there was no users' file yet: {} is new; is this the centre's folder?", file.display()));
    }
    let shown = plants.to_string();
    let new = New { name, role, plants, password: password.as_deref() };
    users.add(new, salt()?).await.map_err(refused)?;
    match password {
        Some(_) => say(format_args!("user '{name}' may sign in as {role} for {shown}")),
        None => {
            say(format_args!("user '{name}' is a machine, {role} for {shown}; `user token {name}` gives it a token"))
        }
    }
}

fn list(users: &[User], json: bool) -> Result<(), Failure> {
    if json {
        let all = users.iter().map(|u| {
            json!({ "name": u.name, "role": u.role, "plants": u.plants.listed(), "password": u.password, "tokens": u.tokens })
        });
        return say(serde_json::Value::from(all.collect::<Vec<_>>()));
    }
    users.iter().try_for_each(|u| {
        let kind = if u.password { "" } else { ", a machine" };
        say(format_args!("{} {} for {}{kind}", u.name, u.role, u.plants))
    })
}

async fn token(name: String, days: i64, label: String, data: &Path, json: bool) -> Result<(), Failure> {
    let users = existing(data).await?;
    let (now, id) = (ambient::now(), hex::encode(ambient::random::<4>().map_err(untried)?));
    let token = Token::of_machine(ambient::random().map_err(untried)?);
    let issued = Issued { id, user: name, label, made: now, expires: Millis(now.0 + days * DAY_MS) };
    users.issue(&issued, &token).await.map_err(refused)?;
    let (id, expires) = (&issued.id, issued.expires.rfc3339());
    if json {
        return say(json!({ "token": token.as_str(), "id": id, "user": issued.user, "expires": expires }));
    }
    eprintln!("token '{id}' of user '{}', good until {expires}; it is not shown again:", issued.user);
    say(token.as_str())
}

fn tokens(tokens: &[Issued], json: bool) -> Result<(), Failure> {
    if json {
        let all = tokens.iter().map(|t| {
            json!({ "id": t.id, "user": t.user, "label": t.label, "made": t.made.rfc3339(), "expires": t.expires.rfc3339() })
        });
        return say(serde_json::Value::from(all.collect::<Vec<_>>()));
    }
    tokens.iter().try_for_each(|t| {
        say(format_args!("{} {} until {} {}", t.id, t.user, t.expires.rfc3339(), t.label).to_string().trim_end())
    })
}
