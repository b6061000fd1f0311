//! What the edge must remember: its boots, its `bdSeq`, and the core's [`Memory`]. One small SQLite file, written with
//! `synchronous=FULL`, because promises to the centre rest on it.

use crate::core::Memory;
use hypocaust_protocols::model::Millis;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;

/// The file in the data folder.
pub const FILE: &str = "state.db";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot open {path}: {source}")]
    Open { path: String, source: sqlx::Error },
    #[error("cannot {step} in the state file: {source}")]
    Step { step: &'static str, source: sqlx::Error },
    #[error(
        "the state file's '{key}' cannot be read: {reason}; move the file away to begin anew (the edge then forgets the highest epoch it has seen)"
    )]
    Damaged { key: &'static str, reason: String },
}

#[derive(Debug, Clone)]
pub struct State {
    pool: SqlitePool,
}

pub(super) async fn pool(path: &Path, read_only: bool) -> Result<SqlitePool, Error> {
    let options = SqliteConnectOptions::new().filename(path);
    let options = if read_only {
        options.read_only(true)
    } else {
        options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
    };
    let opened = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
    opened.map_err(|source| Error::Open { path: path.display().to_string(), source })
}

fn step(step: &'static str) -> impl Fn(sqlx::Error) -> Error {
    move |source| Error::Step { step, source }
}

impl State {
    pub async fn open(folder: &Path) -> Result<Self, Error> {
        let pool = pool(&folder.join(FILE), false).await?;
        sqlx::raw_sql("create table if not exists state (key text primary key, value text not null) strict")
            .execute(&pool)
            .await
            .map_err(step("make the table"))?;
        Ok(Self { pool })
    }

    pub async fn open_read_only(folder: &Path) -> Result<Self, Error> {
        Ok(Self { pool: pool(&folder.join(FILE), true).await? })
    }

    async fn get(&self, key: &'static str) -> Result<Option<String>, Error> {
        sqlx::query_scalar("select value from state where key = ?1")
            .bind(key)
            .fetch_optional(&self.pool)
            .await
            .map_err(step("read"))
    }

    async fn put(&self, key: &'static str, value: &str) -> Result<(), Error> {
        sqlx::query("insert into state values (?1, ?2) on conflict (key) do update set value = excluded.value")
            .bind(key)
            .bind(value)
            .execute(&self.pool)
            .await
            .map_err(step("write"))?;
        Ok(())
    }

    async fn number(&self, key: &'static str) -> Result<Option<u64>, Error> {
        let Some(text) = self.get(key).await? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Error::Damaged { key, reason: format!("'{text}' is no number") })
    }

    /// The last boot, if there was one.
    pub async fn last_boot(&self) -> Result<Option<u64>, Error> {
        self.number("boot").await
    }

    /// A boot higher than every one before, whatever the wall clock says.
    pub async fn next_boot(&self, wall: Millis) -> Result<u64, Error> {
        let by_clock = u64::try_from(wall.0).unwrap_or(0);
        let boot = by_clock.max(self.last_boot().await?.map_or(1, |last| last + 1));
        self.put("boot", &boot.to_string()).await?;
        Ok(boot)
    }

    /// The number of the next Sparkplug session, on disk before it is used.
    pub async fn next_bd_seq(&self) -> Result<u64, Error> {
        let next = self.number("bd_seq").await?.map_or(0, |last| last + 1);
        self.put("bd_seq", &next.to_string()).await?;
        Ok(next)
    }

    pub async fn memory(&self) -> Result<Memory, Error> {
        let Some(text) = self.get("memory").await? else { return Ok(Memory::default()) };
        serde_json::from_str(&text).map_err(|e| Error::Damaged { key: "memory", reason: e.to_string() })
    }

    pub async fn persist(&self, memory: &Memory) -> Result<(), Error> {
        let text = serde_json::to_string(memory).expect("a memory is plain data and always has a JSON form");
        self.put("memory", &text).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kill -9` leaves the kernel's cache alone, so no test of a crash can see this.
    #[tokio::test]
    async fn what_is_promised_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(&folder.path().join("a.db"), false).await.unwrap();
        let full: i64 = sqlx::query_scalar("pragma synchronous").fetch_one(&pool).await.unwrap();
        assert_eq!(full, 2, "FULL");
    }

    #[tokio::test]
    async fn boots_rise_over_a_clock_that_falls_and_the_memory_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).await.unwrap();
        assert_eq!(state.next_boot(Millis(5000)).await.unwrap(), 5000);
        assert_eq!(state.next_bd_seq().await.unwrap(), 0);
        let memory = Memory { epoch: 12, ..Memory::default() };
        state.persist(&memory).await.unwrap();
        drop(state);
        let state = State::open(folder.path()).await.unwrap();
        assert_eq!(state.next_boot(Millis(4000)).await.unwrap(), 5001);
        assert_eq!(state.next_bd_seq().await.unwrap(), 1);
        assert_eq!(state.memory().await.unwrap(), memory);
    }
}
