//! Users and sessions in one SQLite file, DATA/users.db.

use super::{Error, LONGEST, Role, SESSION_MS, checked_name, checked_password};
use argon2::{Algorithm, Argon2, Params, Version};
use hypocaust_protocols::model::Millis;
use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{Row, SqlitePool};
use std::fs::{OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Nobody but the centre's own account reads hashes and open sessions.
const OWN: u32 = 0o600;

/// The costs stand beside each hash, so that raising them later keeps the older passwords valid.
const SCHEMA: &str = "
create table if not exists user (
    name text primary key, role text not null, salt blob not null, hash blob not null,
    memory_kib integer not null, passes integer not null, lanes integer not null
) strict;
create table if not exists session (
    token blob primary key, user text not null references user (name) on delete cascade, expires integer not null
) strict;";

/// What a signed-in client shows; 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub fn new(random: [u8; 32]) -> Token {
        Token(hex::encode(random))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub user: String,
    pub role: Role,
    pub expires: Millis,
}

#[derive(Debug, Clone)]
pub struct Users {
    pool: SqlitePool,
}

fn failed(step: &'static str) -> impl Fn(sqlx::Error) -> Error {
    move |source| Error::Store { step, source }
}

/// The argon2id hash; costs some 20 ms, so it runs off the async threads.
async fn hash(password: String, salt: Vec<u8>, costs: (u32, u32, u32)) -> Result<[u8; 32], Error> {
    tokio::task::spawn_blocking(move || {
        let params = Params::new(costs.0, costs.1, costs.2, Some(32)).map_err(|e| Error::Hash(e.to_string()))?;
        let mut out = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), &salt, &mut out)
            .map_err(|e| Error::Hash(e.to_string()))?;
        Ok(out)
    })
    .await
    .map_err(|e| Error::Hash(e.to_string()))?
}

fn costs() -> (u32, u32, u32) {
    (Params::DEFAULT_M_COST, Params::DEFAULT_T_COST, Params::DEFAULT_P_COST)
}

fn fingerprint(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// Makes the file with its mode before anything is written into it, and tightens one that others may read, its
/// write-ahead log and its index with it. SQLite gives those two the mode of the file that they belong to.
fn guard(path: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| Error::Mode { path, source }
    };
    match OpenOptions::new().write(true).create_new(true).mode(OWN).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(path)(error)),
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        let file = Path::new(&file);
        let mode = match std::fs::metadata(file) {
            Ok(found) => found.permissions().mode() & 0o777,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(file)(error)),
        };
        if mode & !OWN != 0 {
            std::fs::set_permissions(file, Permissions::from_mode(OWN)).map_err(failed(file))?;
            tracing::warn!(file = %file.display(), "was open to others (mode {mode:03o}) and is not any more (600)");
        }
    }
    Ok(())
}

impl Users {
    /// Opens the users' file, makes it if there is none, and keeps it to the account that runs this.
    pub async fn open(path: &Path) -> Result<Users, Error> {
        guard(path)?;
        let options =
            SqliteConnectOptions::new().filename(path).foreign_keys(true).journal_mode(SqliteJournalMode::Wal);
        let pool =
            SqlitePoolOptions::new().max_connections(2).connect_with(options).await.map_err(failed("opening"))?;
        sqlx::raw_sql(SCHEMA).execute(&pool).await.map_err(failed("making its tables"))?;
        Ok(Users { pool })
    }

    pub async fn add(&self, name: &str, role: Role, password: &str, salt: [u8; 16]) -> Result<(), Error> {
        checked_name(name)?;
        checked_password(password)?;
        let costs = costs();
        let hash = hash(password.to_owned(), salt.to_vec(), costs).await?;
        let done = sqlx::query("insert into user values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict do nothing")
            .bind(name)
            .bind(role.name())
            .bind(salt.as_slice())
            .bind(hash.as_slice())
            .bind(i64::from(costs.0))
            .bind(i64::from(costs.1))
            .bind(i64::from(costs.2))
            .execute(&self.pool)
            .await
            .map_err(failed("adding a user"))?;
        match done.rows_affected() {
            0 => Err(Error::Exists(name.to_owned())),
            _ => Ok(()),
        }
    }

    /// Names and roles, by name.
    pub async fn list(&self) -> Result<Vec<(String, Role)>, Error> {
        let rows = sqlx::query("select name, role from user order by name")
            .fetch_all(&self.pool)
            .await
            .map_err(failed("listing"))?;
        rows.iter()
            .map(|row| Ok((row.try_get("name")?, role(row)?)))
            .collect::<Result<_, _>>()
            .map_err(failed("listing"))
    }

    /// Removes a user, whose sessions end with it.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        let done = sqlx::query("delete from user where name = ?1")
            .bind(name)
            .execute(&self.pool)
            .await
            .map_err(failed("removing a user"))?;
        match done.rows_affected() {
            0 => Err(Error::Missing(name.to_owned())),
            _ => Ok(()),
        }
    }

    /// Opens a session, or `None`: no such user or not this password. An unknown name costs a hash as well, so that the
    /// time of the answer does not tell which.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        now: Millis,
        token: &Token,
    ) -> Result<Option<Session>, Error> {
        if password.len() > LONGEST {
            return Ok(None);
        }
        let row = sqlx::query("select * from user where name = ?1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("finding a user"))?;
        let Some(row) = row else {
            hash(password.to_owned(), vec![0; 16], costs()).await?;
            return Ok(None);
        };
        let read = || -> Result<_, sqlx::Error> {
            let cost = |column| row.try_get::<u32, _>(column);
            let costs = (cost("memory_kib")?, cost("passes")?, cost("lanes")?);
            Ok((row.try_get::<Vec<u8>, _>("salt")?, row.try_get::<Vec<u8>, _>("hash")?, costs, role(&row)?))
        };
        let (salt, wanted, costs, role) = read().map_err(failed("reading a user"))?;
        let found = hash(password.to_owned(), salt, costs).await?;
        // All bytes are compared whatever the first ones are.
        let differs = found.iter().zip(&wanted).fold(0, |acc, (a, b)| acc | (a ^ b));
        if wanted.len() != found.len() || differs != 0 {
            return Ok(None);
        }
        let expires = Millis(now.0 + SESSION_MS);
        sqlx::query("delete from session where expires <= ?1")
            .bind(now.0)
            .execute(&self.pool)
            .await
            .map_err(failed("ending old sessions"))?;
        sqlx::query("insert into session values (?1, ?2, ?3)")
            .bind(fingerprint(token.as_str()))
            .bind(name)
            .bind(expires.0)
            .execute(&self.pool)
            .await
            .map_err(failed("opening a session"))?;
        Ok(Some(Session { user: name.to_owned(), role, expires }))
    }

    /// The session of a token that is open at `now`.
    pub async fn session(&self, token: &str, now: Millis) -> Result<Option<Session>, Error> {
        let row = sqlx::query(
            "select user.name, user.role, expires from session join user on user.name = session.user
             where token = ?1 and expires > ?2",
        )
        .bind(fingerprint(token))
        .bind(now.0)
        .fetch_optional(&self.pool)
        .await
        .map_err(failed("finding a session"))?;
        row.map(|row| {
            Ok(Session { user: row.try_get("name")?, role: role(&row)?, expires: Millis(row.try_get("expires")?) })
        })
        .transpose()
        .map_err(failed("reading a session"))
    }

    pub async fn sign_out(&self, token: &str) -> Result<(), Error> {
        sqlx::query("delete from session where token = ?1")
            .bind(fingerprint(token))
            .execute(&self.pool)
            .await
            .map_err(failed("ending a session"))?;
        Ok(())
    }
}

fn role(row: &sqlx::sqlite::SqliteRow) -> Result<Role, sqlx::Error> {
    row.try_get::<String, _>("role")?.parse().map_err(|why: String| sqlx::Error::Decode(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "correct horse";

    async fn filled() -> (tempfile::TempDir, Users) {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::open(&folder.path().join("users.db")).await.unwrap();
        users.add("ada", Role::Operator, GOOD, [1; 16]).await.unwrap();
        (folder, users)
    }

    #[tokio::test]
    async fn only_the_right_name_and_password_open_a_session_and_it_expires() {
        let (_folder, users) = filled().await;
        let token = Token::new([7; 32]);
        assert_eq!(users.sign_in("ada", "wrong horse", Millis(0), &token).await.unwrap(), None);
        assert_eq!(users.sign_in("eve", GOOD, Millis(0), &token).await.unwrap(), None);
        assert_eq!(users.session(token.as_str(), Millis(0)).await.unwrap(), None);
        let session = users.sign_in("ada", GOOD, Millis(0), &token).await.unwrap().unwrap();
        assert_eq!((session.role, session.expires), (Role::Operator, Millis(SESSION_MS)));
        assert_eq!(users.session(token.as_str(), Millis(SESSION_MS - 1)).await.unwrap(), Some(session));
        assert_eq!(users.session(token.as_str(), Millis(SESSION_MS)).await.unwrap(), None);
        users.sign_out(token.as_str()).await.unwrap();
        assert_eq!(users.session(token.as_str(), Millis(1)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_removed_user_is_out_at_once_and_names_are_unique() {
        let (_folder, users) = filled().await;
        let token = Token::new([7; 32]);
        users.sign_in("ada", GOOD, Millis(0), &token).await.unwrap().unwrap();
        assert!(matches!(users.add("ada", Role::Viewer, GOOD, [2; 16]).await, Err(Error::Exists(_))));
        assert_eq!(users.list().await.unwrap(), [("ada".to_owned(), Role::Operator)]);
        users.remove("ada").await.unwrap();
        assert_eq!(users.session(token.as_str(), Millis(1)).await.unwrap(), None);
        assert!(matches!(users.remove("ada").await, Err(Error::Missing(_))));
    }

    #[tokio::test]
    async fn weak_passwords_and_odd_names_are_refused() {
        let (_folder, users) = filled().await;
        for name in ["", "Ada", "a b", "a/b"] {
            assert!(matches!(users.add(name, Role::Viewer, GOOD, [2; 16]).await, Err(Error::Name(_))), "{name}");
        }
        for password in ["", "123456789"] {
            assert!(matches!(users.add("bob", Role::Viewer, password, [2; 16]).await, Err(Error::Password(_))));
        }
    }

    #[tokio::test]
    async fn neither_password_nor_token_is_in_the_file() {
        let (folder, users) = filled().await;
        let token = Token::new([7; 32]);
        users.sign_in("ada", GOOD, Millis(0), &token).await.unwrap().unwrap();
        users.pool.close().await;
        let bytes = std::fs::read(folder.path().join("users.db")).unwrap();
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
        assert!(has(b"ada"));
        assert!(!has(GOOD.as_bytes()) && !has(token.as_str().as_bytes()) && !has(&[7; 32]));
    }

    #[tokio::test]
    async fn the_file_is_its_owners_alone_from_the_start_and_again_when_it_was_opened_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.db");
        let modes = || -> Vec<u32> {
            let files = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap());
            files.map(|f| f.metadata().unwrap().permissions().mode() & 0o777).collect()
        };
        let users = Users::open(&path).await.unwrap();
        users.add("ada", Role::Operator, GOOD, [1; 16]).await.unwrap();
        assert_eq!(modes(), [OWN; 3], "the file, its log and its index");
        for file in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::set_permissions(file.unwrap().path(), Permissions::from_mode(0o644)).unwrap();
        }
        let again = Users::open(&path).await.unwrap();
        assert_eq!(modes(), [OWN; 3]);
        assert_eq!(again.list().await.unwrap().len(), 1);
    }
}
