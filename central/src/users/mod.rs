//! Who may sign in, as what, and until when.
//!
//! There is no default user: somebody with access to the data folder adds the first one. Passwords are kept as argon2id
//! hashes and session tokens as SHA-256 hashes (they are random, so a slow hash adds nothing); a copy of the file opens
//! no session. The clock and randomness are arguments.

mod limit;
mod store;

pub use limit::{Limit, TRIES, WINDOW_MS};
pub use store::{Session, Token, Users};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How long a session lasts: one long shift.
pub const SESSION_MS: i64 = 12 * 3600 * 1000;
/// The shortest password that is accepted, in characters.
pub const SHORTEST: usize = 10;
/// The longest password, in bytes: hashing megabytes would be a way to keep the centre busy.
pub const LONGEST: usize = 1024;

/// What a user may do; a later role may do what an earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Viewer,
    Operator,
    Engineer,
    SafetyOfficer,
    Administrator,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Viewer, Role::Operator, Role::Engineer, Role::SafetyOfficer, Role::Administrator];

    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Engineer => "engineer",
            Role::SafetyOfficer => "safety-officer",
            Role::Administrator => "administrator",
        }
    }

    /// Commands to plants need an operator.
    pub fn may_command(self) -> bool {
        self >= Role::Operator
    }
}
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Role, String> {
        Role::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("'{text}' is no role: write one of {}", Role::ALL.map(Role::name).join(", ")))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("'{0}' is no user name: write 1 to 64 of a-z, 0-9, '-', '_' and '.'")]
    Name(String),
    #[error("the password has {0} characters: it needs at least {SHORTEST}, and at most {LONGEST} bytes")]
    Password(usize),
    #[error("there is a user '{0}' already; remove that user first")]
    Exists(String),
    #[error("there is no user '{0}'")]
    Missing(String),
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    #[error("{path} cannot be kept to this account (mode 600): {source}")]
    Mode { path: String, source: std::io::Error },
    #[error("the users' file failed in {step}: {source}")]
    Store { step: &'static str, source: sqlx::Error },
}

fn checked_name(name: &str) -> Result<(), Error> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    match (1..=64).contains(&name.len()) && name.bytes().all(fits) {
        true => Ok(()),
        false => Err(Error::Name(name.to_owned())),
    }
}

fn checked_password(password: &str) -> Result<(), Error> {
    let characters = password.chars().count();
    match characters >= SHORTEST && password.len() <= LONGEST {
        true => Ok(()),
        false => Err(Error::Password(characters)),
    }
}
