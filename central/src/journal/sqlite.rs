//! The journal in one SQLite file, the embedded default.
//!
//! `synchronous=FULL`: with anything less, acknowledged rows were lost in simulated power cuts. One connection writes
//! and every append takes the write lock before it looks at the head, so of two writers one sees the other's entry.
//! Whoever reads does so by another connection (write-ahead log), so that appends and the lease wait for no page of a
//! reader. Appends and the lease share the one that writes: it is one task that asks for them, one after the other.
//!
//! The lease lies in the same file, so that an append and a swap see each other. A process that the kernel stops in the
//! middle of a transaction keeps SQLite's lock for as long as it is stopped: until then nobody else can take the lease.
//! Who waits for it says by whom the file is held ([`writer`]); whoever has started the process may end it, as the demo
//! does.

mod writer;

pub use writer::{Writer, is_stopped, writer};

use super::{Draft, Entry, Error, Hash, Head, Store};
use crate::election::{self, Lease, Leases, Replica};
use hypocaust_protocols::model::{FleetId, Millis};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection, SqlitePool, Transaction};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The bodies are blobs, so that a damaged byte is read as it is and found by its hash, not by a decoder.
const SCHEMA: &str = "
create table if not exists journal_fleet (id text not null) strict;
create table if not exists journal (
    seq integer primary key, prev_hash blob not null, hash blob not null, epoch integer not null,
    time integer not null, kind blob not null, schema integer not null, body blob not null
) strict;
create table if not exists lease (
    id integer primary key check (id = 1), epoch integer not null, holder text not null, address text not null,
    renewals integer not null, given_up integer not null, length_ms integer not null default 0
) strict;";

/// A lease of a file from before leases said how long they are.
const LENGTH: &str = "alter table lease add column length_ms integer not null default 0";

/// How long a write waits for another process's: less than a lease, so that whoever waits for the one does not lose the
/// other without having tried.
const BUSY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub struct Sqlite {
    /// For whoever reads the journal.
    pool: SqlitePool,
    /// For appends and the lease.
    writer: SqlitePool,
    file: PathBuf,
    fleet: FleetId,
}

/// Why a journal file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open the journal {path}: {source}")]
    Unreadable { path: String, source: sqlx::Error },
    #[error("{path} is the journal of fleet '{found}', not of '{wanted}'; name another data folder with --data")]
    OtherFleet { path: String, found: String, wanted: FleetId },
    #[error("{path} names no valid fleet: it is no journal, or its first page was changed")]
    NoFleet { path: String },
}

/// Somebody writes, for longer than a write waits.
#[derive(Debug, thiserror::Error)]
#[error("the file is busy: {by}")]
struct Busy {
    by: Writer,
    source: sqlx::Error,
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

fn failed<E: Into<Cause>>(step: &'static str) -> impl Fn(E) -> Error {
    move |source| Error::Unavailable { step, source: source.into() }
}

impl Sqlite {
    /// Opens this fleet's journal for writing and makes it if there is none.
    pub async fn open(path: &Path, fleet: &FleetId) -> Result<Sqlite, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY);
        let unreadable = |source| OpenError::Unreadable { path: path.display().to_string(), source };
        // Before the pools: a connection that knew the tables from before would misread them.
        let mut first = options.connect().await.map_err(unreadable)?;
        sqlx::raw_sql(SCHEMA).execute(&mut first).await.map_err(unreadable)?;
        let lengths: i64 =
            sqlx::query_scalar("select count(*) from pragma_table_info('lease') where name = 'length_ms'")
                .fetch_one(&mut first)
                .await
                .map_err(unreadable)?;
        if lengths == 0 {
            sqlx::query(LENGTH).execute(&mut first).await.map_err(unreadable)?;
        }
        sqlx::query("insert into journal_fleet select ?1 where not exists (select 1 from journal_fleet)")
            .bind(fleet.as_str())
            .execute(&mut first)
            .await
            .map_err(unreadable)?;
        first.close().await.map_err(unreadable)?;
        let one = || SqlitePoolOptions::new().max_connections(1);
        let writer = one().connect_with(options.clone()).await.map_err(unreadable)?;
        let pool = one().connect_with(options).await.map_err(unreadable)?;
        let store = Sqlite::named(pool, writer, path).await?;
        if store.fleet != *fleet {
            return Err(OpenError::OtherFleet {
                path: path.display().to_string(),
                found: store.fleet.to_string(),
                wanted: fleet.clone(),
            });
        }
        Ok(store)
    }

    /// Opens a journal for reading, also while a centre writes it.
    pub async fn open_read_only(path: &Path) -> Result<Sqlite, OpenError> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let unreadable = |source| OpenError::Unreadable { path: path.display().to_string(), source };
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(unreadable)?;
        Sqlite::named(pool.clone(), pool, path).await
    }

    async fn named(pool: SqlitePool, writer: SqlitePool, path: &Path) -> Result<Sqlite, OpenError> {
        let found: Option<String> = sqlx::query_scalar("select id from journal_fleet limit 1")
            .fetch_optional(&pool)
            .await
            .map_err(|source| OpenError::Unreadable { path: path.display().to_string(), source })?;
        let fleet = found
            .and_then(|id| FleetId::new(&id).ok())
            .ok_or_else(|| OpenError::NoFleet { path: path.display().to_string() })?;
        Ok(Sqlite { pool, writer, file: path.to_owned(), fleet })
    }

    /// The fleet whose journal this is.
    pub fn fleet(&self) -> &FleetId {
        &self.fleet
    }

    /// Begins a transaction that writes. Where another process is in the way, the error says which.
    async fn begin(&self) -> Result<Transaction<'static, sqlx::Sqlite>, Cause> {
        self.writer.begin_with("begin immediate").await.map_err(|error| match writer(&self.file) {
            Some(by) if is_busy(&error) => Busy { by, source: error }.into(),
            _ => error.into(),
        })
    }

    async fn last(&self, connection: &mut SqliteConnection) -> Result<(Head, u64), sqlx::Error> {
        let row = sqlx::query("select * from journal order by seq desc limit 1").fetch_optional(connection).await?;
        match row {
            None => Ok((Head::genesis(&self.fleet), 0)),
            Some(row) => entry(&row).map(|e| (e.head(), e.epoch)),
        }
    }

    async fn leased(&self, connection: &mut SqliteConnection) -> Result<Option<Lease>, sqlx::Error> {
        let row = sqlx::query("select * from lease").fetch_optional(connection).await?;
        row.map(|row| {
            Ok(Lease {
                epoch: row.try_get::<i64, _>("epoch")? as u64,
                holder: Replica { id: row.try_get("holder")?, address: row.try_get("address")? },
                renewals: row.try_get::<i64, _>("renewals")? as u64,
                given_up: row.try_get::<i64, _>("given_up")? != 0,
                length_ms: row.try_get::<i64, _>("length_ms")? as u64,
            })
        })
        .transpose()
    }
}

/// SQLITE_BUSY, whatever its extension says of the reason.
fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: u32 = 5;
    let code = error.as_database_error().and_then(|e| e.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == BUSY)
}

fn entry(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    let text = |name| row.try_get::<Vec<u8>, _>(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    // A hash of another length than 32 bytes was damaged. Zeros stand for it: no entry has that hash, so that
    // verification names this entry.
    let hash = |name| row.try_get::<Vec<u8>, _>(name).map(|bytes| Hash(bytes.try_into().unwrap_or([0; 32])));
    Ok(Entry {
        seq: row.try_get::<i64, _>("seq")? as u64,
        prev_hash: hash("prev_hash")?,
        hash: hash("hash")?,
        epoch: row.try_get::<i64, _>("epoch")? as u64,
        time: Millis(row.try_get("time")?),
        kind: text("kind")?,
        schema: row.try_get::<i64, _>("schema")? as u32,
        body: text("body")?,
    })
}

impl Store for Sqlite {
    async fn append(&self, expected: &Head, epoch: u64, drafts: Vec<Draft>) -> Result<Head, Error> {
        let mut transaction = self.begin().await.map_err(failed("begin"))?;
        let (actual, appended) = self.last(&mut transaction).await.map_err(failed("reading the head"))?;
        let lease = self.leased(&mut transaction).await.map_err(failed("reading the lease"))?;
        let highest = lease.map_or(appended, |l| l.epoch.max(appended));
        if epoch < highest {
            return Err(Error::Fenced { epoch, highest });
        }
        if actual != *expected {
            return Err(Error::Moved { expected: *expected, actual });
        }
        let entries = Entry::chain(expected, epoch, drafts);
        for e in &entries {
            sqlx::query("insert into journal values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
                .bind(e.seq as i64)
                .bind(e.prev_hash.0.as_slice())
                .bind(e.hash.0.as_slice())
                .bind(e.epoch as i64)
                .bind(e.time.0)
                .bind(e.kind.as_bytes())
                .bind(i64::from(e.schema))
                .bind(e.body.as_bytes())
                .execute(&mut *transaction)
                .await
                .map_err(failed("inserting"))?;
        }
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(entries.last().map_or(actual, Entry::head))
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        let rows = sqlx::query("select * from journal where seq >= ?1 order by seq limit ?2")
            .bind(i64::try_from(from).unwrap_or(i64::MAX))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(failed("reading"))?;
        rows.iter().map(entry).collect::<Result<_, _>>().map_err(failed("reading"))
    }

    async fn head(&self) -> Result<Head, Error> {
        let mut connection = self.pool.acquire().await.map_err(failed("reading the head"))?;
        Ok(self.last(&mut connection).await.map_err(failed("reading the head"))?.0)
    }

    async fn epoch(&self) -> Result<u64, Error> {
        let mut connection = self.pool.acquire().await.map_err(failed("reading the epoch"))?;
        Ok(self.last(&mut connection).await.map_err(failed("reading the epoch"))?.1)
    }
}

fn unled<E: Into<Cause>>(step: &'static str) -> impl Fn(E) -> election::Error {
    move |source| election::Error::Unavailable { step, source: source.into() }
}

impl Leases for Sqlite {
    async fn lease(&self) -> Result<Option<Lease>, election::Error> {
        let mut connection = self.writer.acquire().await.map_err(unled("reading"))?;
        self.leased(&mut connection).await.map_err(unled("reading"))
    }

    async fn swap(&self, seen: Option<&Lease>, next: &Lease) -> Result<bool, election::Error> {
        let mut transaction = self.begin().await.map_err(unled("begin"))?;
        let now = self.leased(&mut transaction).await.map_err(unled("reading"))?;
        let (_, appended) = self.last(&mut transaction).await.map_err(unled("reading the epoch"))?;
        if !election::judge(now.as_ref(), seen, next, appended)? {
            return Ok(false);
        }
        sqlx::query("insert or replace into lease values (1, ?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(next.epoch as i64)
            .bind(&next.holder.id)
            .bind(&next.holder.address)
            .bind(next.renewals as i64)
            .bind(i64::from(next.given_up))
            .bind(next.length_ms as i64)
            .execute(&mut *transaction)
            .await
            .map_err(unled("writing"))?;
        transaction.commit().await.map_err(unled("commit"))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{conformance, verify};

    fn fleet() -> FleetId {
        FleetId::new("small").unwrap()
    }

    async fn filled(folder: &Path) -> (Sqlite, Head) {
        let store = Sqlite::open(&folder.join("journal.db"), &fleet()).await.unwrap();
        let drafts = (0..5)
            .map(|n| Draft { time: Millis(n), kind: "k".into(), schema: 1, body: format!("{{\"n\":{n}}}") })
            .collect();
        let head = store.append(&Head::genesis(&fleet()), 1, drafts).await.unwrap();
        (store, head)
    }

    /// What a reader of the file finds after somebody ran this statement on it.
    async fn after(statement: &'static str) -> Result<Head, u64> {
        let folder = tempfile::tempdir().unwrap();
        let (store, head) = filled(folder.path()).await;
        sqlx::query(statement).execute(&store.pool).await.unwrap();
        let reader = Sqlite::open_read_only(&folder.path().join("journal.db")).await.unwrap();
        let entries = reader.read(1, 100).await.unwrap();
        verify(reader.fleet(), &entries, Some(head)).map_err(|broken| broken.seq)
    }

    #[tokio::test]
    async fn it_keeps_what_a_store_promises() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("journal.db"), &fleet()).await.unwrap();
        assert_eq!(conformance::suite(&store, &fleet()).await, Ok(()));
    }

    #[tokio::test]
    async fn leadership_may_rest_on_it_and_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let store = Sqlite::open(&path, &fleet()).await.unwrap();
        assert_eq!(election::conformance::suite(&store, &fleet()).await, Ok(()));
        let lease = store.lease().await.unwrap();
        drop(store);
        assert_eq!(Sqlite::open(&path, &fleet()).await.unwrap().lease().await.unwrap(), lease);
        assert!(lease.is_some());
    }

    #[tokio::test]
    async fn a_file_from_before_leases_had_a_length_keeps_its_lease() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let store = Sqlite::open(&path, &fleet()).await.unwrap();
        for statement in
            ["alter table lease drop column length_ms", "insert into lease values (1, 7, 'c1', 'http://c1', 40, 0)"]
        {
            sqlx::query(statement).execute(&store.pool).await.unwrap();
        }
        drop(store);
        let store = Sqlite::open(&path, &fleet()).await.unwrap();
        let old = store.lease().await.unwrap().expect("it is kept");
        assert_eq!((old.epoch, old.holder.id.as_str(), old.renewals, old.length_ms), (7, "c1", 40, 0));
        let renewed = Lease { renewals: 41, length_ms: 3_500, ..old.clone() };
        assert!(store.swap(Some(&old), &renewed).await.unwrap());
        assert_eq!(Sqlite::open(&path, &fleet()).await.unwrap().lease().await.unwrap(), Some(renewed));
    }

    #[tokio::test]
    async fn an_append_and_the_lease_wait_for_nobody_who_reads() {
        let folder = tempfile::tempdir().unwrap();
        let (store, head) = filled(folder.path()).await;
        // A reader in the middle of its page.
        let reading = store.pool.begin().await.unwrap();
        let holder = Replica { id: "c1".into(), address: "http://c1".into() };
        let next = Lease { epoch: 2, holder, renewals: 0, given_up: false, length_ms: 3_000 };
        let work = async {
            store.lease().await.unwrap();
            store.swap(None, &next).await.unwrap();
            store.append(&head, 2, Vec::new()).await.unwrap()
        };
        // As long as somebody would wait for a connection; with one for all it would be all of that.
        tokio::time::timeout(Duration::from_secs(30), work).await.expect("they do not wait");
        drop(reading);
    }

    #[tokio::test]
    async fn tampering_is_found_at_its_entry() {
        assert!(after("select 1").await.is_ok());
        assert_eq!(after("update journal set body = cast('{\"n\":9}' as blob) where seq = 3").await, Err(3));
        assert_eq!(after("update journal set body = x'ff' where seq = 4").await, Err(4));
        assert_eq!(after("update journal set hash = x'00' where seq = 2").await, Err(2));
        assert_eq!(after("delete from journal where seq = 2").await, Err(2));
        assert_eq!(after("delete from journal where seq = 5").await, Err(5));
        assert_eq!(after("update journal_fleet set id = 'other'").await, Err(1));
    }

    #[tokio::test]
    async fn it_survives_its_process_and_refuses_another_fleet() {
        let folder = tempfile::tempdir().unwrap();
        let (store, head) = filled(folder.path()).await;
        drop(store);
        let path = folder.path().join("journal.db");
        assert_eq!(Sqlite::open(&path, &fleet()).await.unwrap().head().await.unwrap(), head);
        let other = Sqlite::open(&path, &FleetId::new("other").unwrap()).await;
        assert!(matches!(other, Err(OpenError::OtherFleet { .. })));
    }
}
