//! The spool: entries on disk until the centre says that it has them.
//!
//! An entry is sent only after it has been committed (`synchronous=FULL`, a group of them at a time), so that whatever the
//! centre has seen of a boot, the rest of that boot before it is here or there. Nothing but the centre's ranges deletes an
//! entry, save the byte limit: beyond it the oldest go, counted and told.

use super::state::{Error, pool};
use hypocaust_protocols::model::Millis;
use hypocaust_protocols::wire::{Entry, Range};
use sqlx::{Row, SqlitePool};
use std::path::Path;

/// The file in the data folder.
pub const FILE: &str = "spool.db";

/// The name of an entry: boot and sequence number, in the order in which they were written.
pub type Key = (u64, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fill {
    pub entries: u64,
    pub bytes: u64,
    /// When the oldest was written.
    pub oldest: Option<Millis>,
}

#[derive(Debug, Clone)]
pub struct Spool {
    pool: SqlitePool,
    limit_bytes: u64,
}

fn step(step: &'static str) -> impl Fn(sqlx::Error) -> Error {
    move |source| Error::Step { step, source }
}

/// SQLite's integers are signed; boots (ms since 1970) and sequence numbers are far below the difference.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

impl Spool {
    pub async fn open(folder: &Path, limit_bytes: u64) -> Result<Self, Error> {
        let pool = pool(&folder.join(FILE), false).await?;
        sqlx::raw_sql(
            "create table if not exists spool (
                boot integer not null, seq integer not null, time integer not null, body text not null,
                primary key (boot, seq)
            ) strict, without rowid;",
        )
        .execute(&pool)
        .await
        .map_err(step("make the spool"))?;
        Ok(Self { pool, limit_bytes })
    }

    pub async fn open_read_only(folder: &Path) -> Result<Self, Error> {
        Ok(Self { pool: pool(&folder.join(FILE), true).await?, limit_bytes: u64::MAX })
    }

    /// Puts entries on disk, all or none.
    pub async fn add(&self, entries: &[Entry], wall: Millis) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await.map_err(step("begin"))?;
        for entry in entries {
            let body = serde_json::to_string(entry).expect("an entry is plain data and always has a JSON form");
            sqlx::query("insert into spool values (?1, ?2, ?3, ?4) on conflict do nothing")
                .bind(int(entry.boot))
                .bind(int(entry.seq))
                .bind(wall.0)
                .bind(body)
                .execute(&mut *transaction)
                .await
                .map_err(step("spool an entry"))?;
        }
        transaction.commit().await.map_err(step("commit"))
    }

    /// Deletes what the centre has. Returns how many entries that were.
    pub async fn forget(&self, ranges: &[Range]) -> Result<u64, Error> {
        let mut gone = 0;
        let mut transaction = self.pool.begin().await.map_err(step("begin"))?;
        for range in ranges {
            let done = sqlx::query("delete from spool where boot = ?1 and seq between ?2 and ?3")
                .bind(int(range.boot))
                .bind(int(range.first))
                .bind(int(range.last))
                .execute(&mut *transaction)
                .await
                .map_err(step("forget"))?;
            gone += done.rows_affected();
        }
        transaction.commit().await.map_err(step("commit"))?;
        Ok(gone)
    }

    /// The next entries after `after` up to and including `until`, in order.
    pub async fn page(&self, after: Key, until: Key, limit: u32) -> Result<Vec<Entry>, Error> {
        let rows = sqlx::query(
            "select body from spool where (boot, seq) > (?1, ?2) and (boot, seq) <= (?3, ?4)
             order by boot, seq limit ?5",
        )
        .bind(int(after.0))
        .bind(int(after.1))
        .bind(int(until.0))
        .bind(int(until.1))
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(step("read"))?;
        rows.iter()
            .map(|row| {
                let body: String = row.try_get("body").map_err(step("read"))?;
                serde_json::from_str(&body).map_err(|e| Error::Damaged { key: "spool", reason: e.to_string() })
            })
            .collect()
    }

    /// How many entries up to and including `until` are not acknowledged.
    pub async fn count_until(&self, until: Key) -> Result<u64, Error> {
        sqlx::query_scalar("select count(*) from spool where (boot, seq) <= (?1, ?2)")
            .bind(int(until.0))
            .bind(int(until.1))
            .fetch_one(&self.pool)
            .await
            .map(uint)
            .map_err(step("count"))
    }

    /// The last entry that is in it.
    pub async fn last(&self) -> Result<Option<Key>, Error> {
        let row = sqlx::query("select boot, seq from spool order by boot desc, seq desc limit 1")
            .fetch_optional(&self.pool)
            .await
            .map_err(step("read"))?;
        let Some(row) = row else { return Ok(None) };
        let part = |name| row.try_get::<i64, _>(name).map(uint).map_err(step("read"));
        Ok(Some((part("boot")?, part("seq")?)))
    }

    pub async fn fill(&self) -> Result<Fill, Error> {
        let row = sqlx::query(
            "select count(*) as n, coalesce(sum(length(body)), 0) as bytes, min(time) as oldest from spool",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(step("count"))?;
        let part = |name| row.try_get::<i64, _>(name).map(uint).map_err(step("count"));
        let oldest: Option<i64> = row.try_get("oldest").map_err(step("count"))?;
        Ok(Fill { entries: part("n")?, bytes: part("bytes")?, oldest: oldest.map(Millis) })
    }

    /// Deletes the oldest entries while the spool is beyond its limit; returns how many samples were lost and what is left.
    /// Counting reads the whole spool, so whoever wants to know the fill takes it from here.
    pub async fn enforce_limit(&self) -> Result<(u64, Fill), Error> {
        let mut lost = 0;
        loop {
            let fill = self.fill().await?;
            if fill.bytes <= self.limit_bytes || fill.entries == 0 {
                return Ok((lost, fill));
            }
            // A share of what is there at a time, so that the limit is met in a few steps.
            let some = (fill.entries / 50).max(1);
            let gone: Vec<i64> = sqlx::query_scalar(
                "delete from spool where (boot, seq) in (select boot, seq from spool order by boot, seq limit ?1)
                 returning coalesce(json_array_length(body, '$.samples'), 0)",
            )
            .bind(int(some))
            .fetch_all(&self.pool)
            .await
            .map_err(step("drop the oldest"))?;
            lost += gone.into_iter().map(uint).sum::<u64>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::{device, tag};
    use hypocaust_protocols::model::{Quality, Sample};

    fn entry(boot: u64, seq: u64) -> Entry {
        let sample = Sample { tag: tag("north.b1.heat"), time: Millis(1), value: Some(0.1), quality: Quality::Good };
        Entry { boot, seq, device: device("north.plc1"), samples: vec![sample] }
    }

    fn keys(entries: &[Entry]) -> Vec<Key> {
        entries.iter().map(|e| (e.boot, e.seq)).collect()
    }

    const END: Key = (u64::MAX, u64::MAX);

    #[tokio::test]
    async fn what_was_committed_is_there_after_a_crash_and_only_ranges_delete_it() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), u64::MAX).await.unwrap();
        spool.add(&[entry(1, 1), entry(1, 2), entry(1, 3)], Millis(10)).await.unwrap();
        // A crash: nothing is closed, the file is opened by another.
        std::mem::forget(spool);
        let spool = Spool::open(folder.path(), u64::MAX).await.unwrap();
        spool.add(&[entry(2, 1), entry(2, 2)], Millis(20)).await.unwrap();
        // The same entry again is no second entry.
        spool.add(&[entry(2, 2)], Millis(30)).await.unwrap();
        assert_eq!(keys(&spool.page((0, 0), END, 100).await.unwrap()), [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]);
        assert_eq!(spool.page((1, 2), (2, 1), 100).await.unwrap(), [entry(1, 3), entry(2, 1)]);
        assert_eq!(spool.count_until((2, 1)).await.unwrap(), 4);
        assert_eq!(spool.last().await.unwrap(), Some((2, 2)));
        let ranges = [Range { boot: 1, first: 2, last: 3 }, Range { boot: 2, first: 2, last: 9 }];
        assert_eq!(spool.forget(&ranges).await.unwrap(), 3);
        assert_eq!(spool.forget(&ranges).await.unwrap(), 0);
        assert_eq!(keys(&spool.page((0, 0), END, 100).await.unwrap()), [(1, 1), (2, 1)]);
        assert_eq!(spool.fill().await.unwrap().oldest, Some(Millis(10)));
    }

    #[tokio::test]
    async fn beyond_its_limit_the_oldest_are_lost_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 4000).await.unwrap();
        let two = |seq| {
            let mut entry = entry(1, seq);
            entry.samples.extend_from_within(..);
            entry
        };
        let all: Vec<Entry> = (1..=100).map(two).collect();
        spool.add(&all, Millis(1)).await.unwrap();
        let (lost, told) = spool.enforce_limit().await.unwrap();
        let fill = spool.fill().await.unwrap();
        assert_eq!(told, fill);
        assert!(fill.bytes <= 4000 && fill.entries > 5, "{fill:?}");
        assert_eq!(lost % 2, 0, "both samples of an entry");
        assert_eq!(lost / 2 + fill.entries, 100);
        assert_eq!(spool.page((0, 0), END, 1).await.unwrap()[0].seq, lost / 2 + 1);
    }
}
