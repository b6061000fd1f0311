//! Users and sessions in one SQLite file, DATA/users.db. The centre and the `user` verb work on it at the same time; what
//! the verb changes holds from the next request on.

use super::hash::{Costs, Hasher, costs, same};
use super::{Error, LONGEST, Role, SESSION_MS, Scope, checked_name, checked_password};
use hypocaust_protocols::model::Millis;
use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteQueryResult, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row, SqlitePool};
use std::fs::{OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Nobody but the centre's own account reads hashes and open sessions.
const OWN: u32 = 0o600;

/// The costs stand beside each hash, so that raising them later keeps the older passwords valid. An empty hash is that of
/// no password: such a user is a machine and has tokens only. No plants (null) are all plants.
const SCHEMA: &str = "
create table if not exists user (
    name text primary key, role text not null, salt blob not null, hash blob not null,
    memory_kib integer not null, passes integer not null, lanes integer not null, plants text
) strict;
create table if not exists session (
    token blob primary key, user text not null references user (name) on delete cascade, expires integer not null
) strict;
create table if not exists machine_token (
    token blob primary key, id text not null unique, user text not null references user (name) on delete cascade,
    label text not null, made integer not null, expires integer not null
) strict;";

/// What a signed-in client shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Of a session: 64 hexadecimal digits.
    pub fn new(random: [u8; 32]) -> Token {
        Token(hex::encode(random))
    }
    /// Of a machine: one sees what it is where it turns up in a file.
    pub fn of_machine(random: [u8; 32]) -> Token {
        Token(format!("gl001_{}", hex::encode(random)))
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
    pub plants: Scope,
    pub expires: Millis,
    /// By a token that was handed out, not by a password.
    pub machine: bool,
}

/// What became of a name and a password. Whoever tried is told only whether it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    Open(Session),
    WrongPassword,
    NoSuchUser,
}

/// A user to be added; without a password it is a machine.
#[derive(Clone)]
pub struct New<'a> {
    pub name: &'a str,
    pub role: Role,
    pub plants: Scope,
    pub password: Option<&'a str>,
}

/// A user in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub role: Role,
    pub plants: Scope,
    pub password: bool,
    /// Machine's tokens, those that have expired too.
    pub tokens: u32,
}

#[derive(Debug, Clone)]
pub struct Users {
    pub(super) pool: SqlitePool,
    hasher: Hasher,
}

pub(super) fn failed(step: &'static str) -> impl Fn(sqlx::Error) -> Error {
    move |source| Error::Store { step, source }
}

pub(super) fn fingerprint(token: &str) -> Vec<u8> {
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
        // Before the pool: a connection that knew the tables from before would misread them.
        let mut first = options.connect().await.map_err(failed("opening"))?;
        sqlx::raw_sql(SCHEMA).execute(&mut first).await.map_err(failed("making its tables"))?;
        let columns: i64 = sqlx::query_scalar("select count(*) from pragma_table_info('user') where name = 'plants'")
            .fetch_one(&mut first)
            .await
            .map_err(failed("looking at its tables"))?;
        if columns == 0 {
            // A file from before users had plants.
            sqlx::query("alter table user add column plants text")
                .execute(&mut first)
                .await
                .map_err(failed("giving users their plants"))?;
        }
        first.close().await.map_err(failed("opening"))?;
        let pool =
            SqlitePoolOptions::new().max_connections(2).connect_with(options).await.map_err(failed("opening"))?;
        Ok(Users { pool, hasher: Hasher::default() })
    }

    /// The same where there has to be a file already.
    pub async fn open_existing(path: &Path) -> Result<Users, Error> {
        match path.is_file() {
            true => Users::open(path).await,
            false => Err(Error::NoFile { path: path.display().to_string() }),
        }
    }

    /// The columns `salt`, `hash` and its costs of a password, or of none.
    async fn hashed(&self, password: Option<&str>, salt: [u8; 16]) -> Result<([u8; 16], Vec<u8>, Costs), Error> {
        let costs = costs();
        let hash = match password {
            Some(password) => self.hasher.hash(password.to_owned(), salt.to_vec(), costs).await?.to_vec(),
            None => Vec::new(),
        };
        Ok((salt, hash, costs))
    }

    pub async fn add(&self, new: New<'_>, salt: [u8; 16]) -> Result<(), Error> {
        checked_name(new.name)?;
        new.password.map_or(Ok(()), |password| checked_password(new.name, password))?;
        let (salt, hash, costs) = self.hashed(new.password, salt).await?;
        let done = sqlx::query(
            "insert into user (name, role, salt, hash, memory_kib, passes, lanes, plants)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict do nothing",
        )
        .bind(new.name)
        .bind(new.role.name())
        .bind(salt.as_slice())
        .bind(hash)
        .bind(i64::from(costs.0))
        .bind(i64::from(costs.1))
        .bind(i64::from(costs.2))
        .bind(new.plants.stored())
        .execute(&self.pool)
        .await
        .map_err(failed("adding a user"))?;
        match done.rows_affected() {
            0 => Err(Error::Exists(new.name.to_owned())),
            _ => Ok(()),
        }
    }

    /// All users, by name.
    pub async fn list(&self) -> Result<Vec<User>, Error> {
        let rows = sqlx::query(
            "select name, role, plants, length(hash) > 0 as password,
                (select count(*) from machine_token where user = name) as tokens from user order by name",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(failed("listing"))?;
        let user = |row: &SqliteRow| -> Result<User, sqlx::Error> {
            Ok(User {
                name: row.try_get("name")?,
                role: role(row)?,
                plants: scope(row)?,
                password: row.try_get("password")?,
                tokens: row.try_get("tokens")?,
            })
        };
        rows.iter().map(user).collect::<Result<_, _>>().map_err(failed("listing"))
    }

    /// Removes a user, whose sessions and tokens end with it.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        let done = sqlx::query("delete from user where name = ?1").bind(name).execute(&self.pool).await;
        found(name, done.map_err(failed("removing a user"))?)
    }

    /// Open sessions follow with their next request.
    pub async fn set_role(&self, name: &str, role: Role) -> Result<(), Error> {
        let change = sqlx::query("update user set role = ?2 where name = ?1").bind(name).bind(role.name());
        found(name, change.execute(&self.pool).await.map_err(failed("changing a role"))?)
    }

    /// Open sessions follow with their next request.
    pub async fn set_plants(&self, name: &str, plants: &Scope) -> Result<(), Error> {
        let change = sqlx::query("update user set plants = ?2 where name = ?1").bind(name).bind(plants.stored());
        found(name, change.execute(&self.pool).await.map_err(failed("changing plants"))?)
    }

    /// Gives a new password and ends every session of the user: who changes it may know of a thief. Tokens of machines
    /// stay; they are revoked by themselves.
    pub async fn set_password(&self, name: &str, password: &str, salt: [u8; 16]) -> Result<(), Error> {
        checked_name(name)?;
        checked_password(name, password)?;
        let (salt, hash, costs) = self.hashed(Some(password), salt).await?;
        let failed = failed("changing a password");
        let mut both = self.pool.begin().await.map_err(&failed)?;
        let done = sqlx::query(
            "update user set salt = ?2, hash = ?3, memory_kib = ?4, passes = ?5, lanes = ?6 where name = ?1",
        )
        .bind(name)
        .bind(salt.as_slice())
        .bind(hash)
        .bind(i64::from(costs.0))
        .bind(i64::from(costs.1))
        .bind(i64::from(costs.2))
        .execute(&mut *both)
        .await
        .map_err(&failed)?;
        found(name, done)?;
        sqlx::query("delete from session where user = ?1").bind(name).execute(&mut *both).await.map_err(&failed)?;
        both.commit().await.map_err(failed)
    }

    /// Opens a session where name and password are right. A name that there is not costs a hash as well, so that the time
    /// of the answer does not tell which.
    pub async fn sign_in(&self, name: &str, password: &str, now: Millis, token: &Token) -> Result<SignIn, Error> {
        if password.len() > LONGEST {
            return Ok(SignIn::WrongPassword);
        }
        let row = sqlx::query("select role, plants, salt, hash, memory_kib, passes, lanes from user where name = ?1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("finding a user"))?;
        let Some(row) = row else {
            self.hasher.hash(password.to_owned(), vec![0; 16], costs()).await?;
            return Ok(SignIn::NoSuchUser);
        };
        let read = || -> Result<_, sqlx::Error> {
            let cost = |column| row.try_get::<u32, _>(column);
            let costs = (cost("memory_kib")?, cost("passes")?, cost("lanes")?);
            Ok((
                row.try_get::<Vec<u8>, _>("salt")?,
                row.try_get::<Vec<u8>, _>("hash")?,
                costs,
                role(&row)?,
                scope(&row)?,
            ))
        };
        let (salt, wanted, costs, role, plants) = read().map_err(failed("reading a user"))?;
        let found = self.hasher.hash(password.to_owned(), salt, costs).await?;
        if !same(&found, &wanted) {
            return Ok(SignIn::WrongPassword);
        }
        let expires = Millis(now.0 + SESSION_MS);
        sqlx::query("delete from session where expires <= ?1")
            .bind(now.0)
            .execute(&self.pool)
            .await
            .map_err(failed("ending old sessions"))?;
        // Removed or given another password while this one was hashed: no session of the former one is opened.
        let done = sqlx::query("insert into session select ?1, name, ?3 from user where name = ?2 and hash = ?4")
            .bind(fingerprint(token.as_str()))
            .bind(name)
            .bind(expires.0)
            .bind(wanted)
            .execute(&self.pool)
            .await
            .map_err(failed("opening a session"))?;
        if done.rows_affected() == 0 {
            return Ok(SignIn::WrongPassword);
        }
        Ok(SignIn::Open(Session { user: name.to_owned(), role, plants, expires, machine: false }))
    }

    /// Who shows this token, if it is good at `now`: with the role and the plants that the user has now.
    pub async fn session(&self, token: &str, now: Millis) -> Result<Option<Session>, Error> {
        let row = sqlx::query(
            "select name, role, plants, expires, machine from (
                select user, expires, false as machine from session where token = ?1
                union all select user, expires, true from machine_token where token = ?1
             ) join user on name = user where expires > ?2",
        )
        .bind(fingerprint(token))
        .bind(now.0)
        .fetch_optional(&self.pool)
        .await
        .map_err(failed("finding a session"))?;
        let session = |row: SqliteRow| -> Result<Session, sqlx::Error> {
            Ok(Session {
                user: row.try_get("name")?,
                role: role(&row)?,
                plants: scope(&row)?,
                expires: Millis(row.try_get("expires")?),
                machine: row.try_get("machine")?,
            })
        };
        row.map(session).transpose().map_err(failed("reading a session"))
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

/// A change that met nobody was of a user that there is not.
pub(super) fn found(name: &str, done: SqliteQueryResult) -> Result<(), Error> {
    match done.rows_affected() {
        0 => Err(Error::Missing(name.to_owned())),
        _ => Ok(()),
    }
}

fn role(row: &SqliteRow) -> Result<Role, sqlx::Error> {
    row.try_get::<String, _>("role")?.parse().map_err(|why: String| sqlx::Error::Decode(why.into()))
}

fn scope(row: &SqliteRow) -> Result<Scope, sqlx::Error> {
    let stored: Option<String> = row.try_get("plants")?;
    Scope::read(stored.as_deref()).map_err(|why| sqlx::Error::Decode(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "correct horse";

    fn person<'a>(name: &'a str, role: Role, password: &'a str) -> New<'a> {
        New { name, role, plants: Scope::Every, password: Some(password) }
    }

    async fn filled() -> (tempfile::TempDir, Users) {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::open(&folder.path().join("users.db")).await.unwrap();
        users.add(person("ada", Role::Operator, GOOD), [1; 16]).await.unwrap();
        (folder, users)
    }

    async fn opened(users: &Users, password: &str, token: &Token) -> Session {
        match users.sign_in("ada", password, Millis(0), token).await.unwrap() {
            SignIn::Open(session) => session,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn only_the_right_name_and_password_open_a_session_and_it_expires() {
        let (_folder, users) = filled().await;
        let token = Token::new([7; 32]);
        let long = "x".repeat(LONGEST + 1);
        let sign_in =
            async |name: &'static str, password: &str| users.sign_in(name, password, Millis(0), &token).await.unwrap();
        assert_eq!(sign_in("ada", "wrong horse").await, SignIn::WrongPassword);
        assert_eq!(sign_in("ada", "").await, SignIn::WrongPassword);
        assert_eq!(sign_in("ada", long.as_str()).await, SignIn::WrongPassword);
        assert_eq!(sign_in("eve", GOOD).await, SignIn::NoSuchUser);
        assert_eq!(users.session(token.as_str(), Millis(0)).await.unwrap(), None);
        let session = opened(&users, GOOD, &token).await;
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
        opened(&users, GOOD, &token).await;
        assert!(matches!(users.add(person("ada", Role::Viewer, GOOD), [2; 16]).await, Err(Error::Exists(_))));
        let listed = users.list().await.unwrap();
        assert_eq!(listed.iter().map(|u| (u.name.as_str(), u.role)).collect::<Vec<_>>(), [("ada", Role::Operator)]);
        users.remove("ada").await.unwrap();
        assert_eq!(users.session(token.as_str(), Millis(1)).await.unwrap(), None);
        assert!(matches!(users.remove("ada").await, Err(Error::Missing(_))));
    }

    #[tokio::test]
    async fn weak_passwords_and_odd_names_are_refused() {
        let (_folder, users) = filled().await;
        for name in ["", "Ada", "a b", "a/b"] {
            assert!(
                matches!(users.add(person(name, Role::Viewer, GOOD), [2; 16]).await, Err(Error::Name(_))),
                "{name}"
            );
        }
        for password in ["", "123456789", &"x".repeat(LONGEST + 1)] {
            let added = users.add(person("bob", Role::Viewer, password), [2; 16]).await;
            assert!(matches!(added, Err(Error::Password(_))));
        }
        let named = |name, password| users.add(person(name, Role::Viewer, password), [2; 16]);
        for password in ["margaret-h", "Margaret-H1", "123margaret-h"] {
            assert!(matches!(named("margaret-h", password).await, Err(Error::PasswordIsName)), "{password}");
        }
        // A name that stands in a long one by chance.
        named("cor", GOOD).await.unwrap();
    }

    #[tokio::test]
    async fn neither_password_nor_token_is_in_the_file() {
        let (folder, users) = filled().await;
        let token = Token::new([7; 32]);
        opened(&users, GOOD, &token).await;
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
        users.add(person("ada", Role::Operator, GOOD), [1; 16]).await.unwrap();
        assert_eq!(modes(), [OWN; 3], "the file, its log and its index");
        for file in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::set_permissions(file.unwrap().path(), Permissions::from_mode(0o644)).unwrap();
        }
        let again = Users::open(&path).await.unwrap();
        assert_eq!(modes(), [OWN; 3]);
        assert_eq!(again.list().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_is_changed_holds_for_open_sessions_and_a_new_password_ends_them() {
        let (_folder, users) = filled().await;
        let token = Token::new([7; 32]);
        opened(&users, GOOD, &token).await;
        let seen = async || users.session(token.as_str(), Millis(1)).await.unwrap();
        users.set_role("ada", Role::Viewer).await.unwrap();
        assert_eq!(seen().await.map(|s| s.role), Some(Role::Viewer));
        let north = Scope::Only([hypocaust_protocols::model::PlantId::new("north").unwrap()].into());
        users.set_plants("ada", &north).await.unwrap();
        assert_eq!(seen().await.map(|s| s.plants), Some(north));
        users.set_password("ada", "another horse", [3; 16]).await.unwrap();
        assert_eq!(seen().await, None);
        assert_eq!(users.sign_in("ada", GOOD, Millis(2), &token).await.unwrap(), SignIn::WrongPassword);
        opened(&users, "another horse", &token).await;
        assert!(matches!(users.set_role("eve", Role::Viewer).await, Err(Error::Missing(_))));
        assert!(matches!(users.set_plants("eve", &Scope::Every).await, Err(Error::Missing(_))));
        assert!(matches!(users.set_password("eve", GOOD, [3; 16]).await, Err(Error::Missing(_))));
    }

    #[tokio::test]
    async fn a_machine_has_no_password_that_could_be_guessed() {
        let (_folder, users) = filled().await;
        let new = New { name: "scada", role: Role::Viewer, plants: Scope::Every, password: None };
        users.add(new, [4; 16]).await.unwrap();
        for password in ["", GOOD] {
            let tried = users.sign_in("scada", password, Millis(0), &Token::new([7; 32])).await.unwrap();
            assert_eq!(tried, SignIn::WrongPassword);
        }
        assert!(!users.list().await.unwrap().iter().find(|u| u.name == "scada").unwrap().password);
    }

    #[tokio::test]
    async fn a_file_from_before_users_had_plants_keeps_its_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.db");
        let users = Users::open(&path).await.unwrap();
        users.add(person("ada", Role::Operator, GOOD), [1; 16]).await.unwrap();
        sqlx::query("alter table user drop column plants").execute(&users.pool).await.unwrap();
        users.pool.close().await;
        let again = Users::open(&path).await.unwrap();
        assert_eq!(opened(&again, GOOD, &Token::new([7; 32])).await.plants, Scope::Every);
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_not_made_by_looking() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.db");
        assert!(matches!(Users::open_existing(&path).await, Err(Error::NoFile { .. })));
        assert!(!path.exists());
    }
}
