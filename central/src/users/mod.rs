//! Who may sign in, as what, for which plants, and until when.
//!
//! There is no default user: somebody with access to the data folder adds the first one. Passwords are kept as argon2id
//! hashes, tokens as SHA-256 hashes (they are random, so a slow hash adds nothing); a copy of the file opens no session.
//! The clock and randomness are arguments.
//!
//! A *session* is opened by a password and ends after [`SESSION_MS`], on sign-out, and with a new password. A *machine's
//! token* is handed out by the `user` verb, lasts as many days as were asked for, and can be revoked. Both carry nothing
//! but a name: role and plants are read with every use, so a change of either holds from the next request on, and the
//! removal of a user ends all of them. What a role may do stands in `api::matrix`.
//!
//! [`Limit`] says how often signing in may be tried.

mod hash;
mod limit;
mod machine;
mod scope;
mod store;

pub use limit::{FIGURES, Figures, Limit, Refused, Source, Why};
pub use machine::Issued;
pub use scope::Scope;
pub use store::{New, Session, SignIn, Token, User, Users};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How long a session lasts: one long shift.
pub const SESSION_MS: i64 = 12 * 3600 * 1000;
/// The shortest password that is accepted, in characters.
pub const SHORTEST: usize = 10;
/// The longest password, in bytes: hashing megabytes would be a way to keep the centre busy.
pub const LONGEST: usize = 1024;
/// The most days that a machine's token may be good for: one that nobody renews is one that nobody looks after.
pub const TOKEN_DAYS: i64 = 366;

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
    #[error("the password holds the user's name: whoever guesses tries that first; take another")]
    PasswordIsName,
    #[error("there is a user '{0}' already; remove that user first, or change its role, plants or password")]
    Exists(String),
    #[error("there is no user '{0}'; `user list` names those there are")]
    Missing(String),
    #[error("user '{user}' has no token '{id}'; `user tokens {user}` names those there are")]
    NoToken { user: String, id: String },
    #[error("too many sign-ins wait already")]
    Busy,
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    #[error("there is no users' file {path}; `user add` makes it, or name another folder with --data")]
    NoFile { path: String },
    #[error("{path} cannot be kept to this account (mode 600): {source}")]
    Mode { path: String, source: std::io::Error },
    #[error("the users' file failed in {step}: {source}")]
    Store { step: &'static str, source: sqlx::Error },
}

fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

fn checked_name(name: &str) -> Result<(), Error> {
    if is_name(name) { Ok(()) } else { Err(Error::Name(name.to_owned())) }
}

/// Long enough, and not the name with something around it. A short name may stand in a password by chance.
fn checked_password(name: &str, password: &str) -> Result<(), Error> {
    let characters = password.chars().count();
    if characters < SHORTEST || password.len() > LONGEST {
        return Err(Error::Password(characters));
    }
    let rest = password.to_lowercase().replace(name, "");
    match rest.chars().count() < SHORTEST && rest.len() < password.len() {
        true => Err(Error::PasswordIsName),
        false => Ok(()),
    }
}
