//! The spool: entries on disk until the centre says that it has them.
//!
//! An entry is sent only after it has been committed (`synchronous=FULL`, a group of them at a time), so that whatever the
//! centre has seen of a boot, the rest of that boot before it is here or there. Nothing but the centre's ranges deletes an
//! entry, save the byte limit: beyond it the oldest go, counted and told.
//!
//! What cannot be sent ([`Unsent`]) is set aside: moved to the table `aside` of the same file, with the reason, where it is
//! in no page and no count of the spool. There it stays until somebody deletes it or the byte limit, which is for both
//! tables, needs the room; it goes before any entry that can be sent. The centre's ledger has a hole in its place, as where
//! the byte limit took something: ranges are a set, nothing waits for what is between them. To send such entries after all,
//! give the plant its device back, stop the edge and move the rows (`insert or ignore into spool select boot, seq, time,
//! body from aside where reason = 'unknown-device'`). The rest of an entry that was sent in part cannot come after it: its
//! name is in the ledger.

use super::state::{Error, pool};
use crate::uplink::Unsent;
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

/// An entry in its place, or why there is none in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    pub key: Key,
    pub entry: Result<Entry, String>,
}

/// What is to be set aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Aside {
    pub key: Key,
    pub reason: Unsent,
    /// `None`: all of the entry. Else what stays in the spool under its name, and what is set aside of it.
    pub split: Option<(Entry, Entry)>,
}

/// What was set aside and is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shelf {
    pub entries: u64,
    pub bytes: u64,
}

/// What the byte limit has cost, and what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enforced {
    /// Samples that could have been sent.
    pub lost: u64,
    /// Entries that had been set aside; their samples were counted then.
    pub aside: u64,
    pub fill: Fill,
}

/// SQL: how many samples a body holds; what cannot be read held at least one.
macro_rules! samples {
    () => {
        "case when json_valid(body) then coalesce(json_array_length(body, '$.samples'), 1) else 1 end"
    };
}

/// An entry as it lies on the disk.
fn json(entry: &Entry) -> String {
    serde_json::to_string(entry).expect("an entry is plain data and always has a JSON form")
}

/// The entry in a row's body.
fn decode(key: Key, body: &[u8]) -> Result<Entry, String> {
    let entry: Entry = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    if (entry.boot, entry.seq) != key {
        // Sent, it would be acknowledged under another name than it lies here.
        return Err(format!("it names itself {}:{}", entry.boot, entry.seq));
    }
    Ok(entry)
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
            ) strict, without rowid;
            create table if not exists aside (
                id integer primary key, boot integer not null, seq integer not null, time integer not null,
                reason text not null, bytes integer not null, body text not null
            ) strict;
            create index if not exists aside_bytes on aside (bytes);",
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
            sqlx::query("insert into spool values (?1, ?2, ?3, ?4) on conflict do nothing")
                .bind(int(entry.boot))
                .bind(int(entry.seq))
                .bind(wall.0)
                .bind(json(entry))
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

    /// The next entries after `after` up to and including `until`, in order. One that cannot be read hides no other.
    pub async fn page(&self, after: Key, until: Key, limit: u32) -> Result<Vec<Slot>, Error> {
        // As a blob: a damaged text need not be UTF-8.
        let rows = sqlx::query(
            "select boot, seq, cast(body as blob) as body from spool where (boot, seq) > (?1, ?2) and (boot, seq) <= (?3, ?4)
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
                let part = |name| row.try_get::<i64, _>(name).map(uint).map_err(step("read"));
                let key = (part("boot")?, part("seq")?);
                let body: Vec<u8> = row.try_get("body").map_err(step("read"))?;
                Ok(Slot { key, entry: decode(key, &body) })
            })
            .collect()
    }

    /// Sets aside, all or none, what is still in the spool. Returns how many samples that were, one number for each.
    pub async fn set_aside(&self, all: &[Aside]) -> Result<Vec<u64>, Error> {
        let mut samples = Vec::with_capacity(all.len());
        let mut transaction = self.pool.begin().await.map_err(step("begin"))?;
        for Aside { key, reason, split } in all {
            let rest = split.as_ref().map(|(_, rest)| json(rest));
            let gone: Option<i64> = sqlx::query_scalar(concat!(
                "insert into aside (boot, seq, time, reason, bytes, body)
                 select boot, seq, time, ?3, length(cast(coalesce(?4, body) as blob)), coalesce(?4, body)
                 from spool where boot = ?1 and seq = ?2
                 returning ",
                samples!()
            ))
            .bind(int(key.0))
            .bind(int(key.1))
            .bind(reason.name())
            .bind(rest)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(step("set an entry aside"))?;
            let stays = match split {
                Some((known, _)) => sqlx::query("update spool set body = ?3 where boot = ?1 and seq = ?2")
                    .bind(int(key.0))
                    .bind(int(key.1))
                    .bind(json(known)),
                None => sqlx::query("delete from spool where boot = ?1 and seq = ?2").bind(int(key.0)).bind(int(key.1)),
            };
            stays.execute(&mut *transaction).await.map_err(step("set an entry aside"))?;
            samples.push(gone.map_or(0, uint));
        }
        transaction.commit().await.map_err(step("commit"))?;
        Ok(samples)
    }

    /// What is set aside. A file that an edge of an older version wrote has nothing.
    pub async fn shelf(&self) -> Result<Shelf, Error> {
        let there: i64 =
            sqlx::query_scalar("select count(*) from sqlite_master where type = 'table' and name = 'aside'")
                .fetch_one(&self.pool)
                .await
                .map_err(step("count"))?;
        if there == 0 {
            return Ok(Shelf::default());
        }
        let row = sqlx::query("select count(*) as n, coalesce(sum(bytes), 0) as bytes from aside")
            .fetch_one(&self.pool)
            .await
            .map_err(step("count"))?;
        let part = |name| row.try_get::<i64, _>(name).map(uint).map_err(step("count"));
        Ok(Shelf { entries: part("n")?, bytes: part("bytes")? })
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

    /// While the file's content is beyond its limit, deletes what was set aside, and when none of that is left, the oldest
    /// entries.
    /// Counting reads the whole spool, so whoever wants to know the fill takes it from here.
    pub async fn enforce_limit(&self) -> Result<Enforced, Error> {
        let (mut lost, mut aside) = (0, 0);
        let mut fill = self.fill().await?;
        loop {
            let shelf = self.shelf().await?;
            if fill.bytes.saturating_add(shelf.bytes) <= self.limit_bytes || fill.entries + shelf.entries == 0 {
                return Ok(Enforced { lost, aside, fill });
            }
            // A share of what is there at a time, so that the limit is met in a few steps.
            let share = |entries: u64| (entries / 50).max(1);
            if shelf.entries > 0 {
                let done = sqlx::query("delete from aside where id in (select id from aside order by id limit ?1)")
                    .bind(int(share(shelf.entries)))
                    .execute(&self.pool)
                    .await
                    .map_err(step("drop what was set aside"))?;
                aside += done.rows_affected();
                continue;
            }
            let some = share(fill.entries);
            let gone: Vec<i64> = sqlx::query_scalar(concat!(
                "delete from spool where (boot, seq) in (select boot, seq from spool order by boot, seq limit ?1)
                 returning ",
                samples!()
            ))
            .bind(int(some))
            .fetch_all(&self.pool)
            .await
            .map_err(step("drop the oldest"))?;
            lost += gone.into_iter().map(uint).sum::<u64>();
            fill = self.fill().await?;
        }
    }
}

#[cfg(test)]
impl Spool {
    /// Puts this in place of an entry's body.
    pub(super) async fn spoil(&self, key: Key, body: &[u8]) {
        sqlx::query("update spool set body = cast(?3 as text) where boot = ?1 and seq = ?2")
            .bind(int(key.0))
            .bind(int(key.1))
            .bind(body)
            .execute(&self.pool)
            .await
            .unwrap();
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

    fn keys(slots: &[Slot]) -> Vec<Key> {
        slots.iter().map(|s| s.key).collect()
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
        let slot = |entry: Entry| Slot { key: (entry.boot, entry.seq), entry: Ok(entry) };
        assert_eq!(spool.page((1, 2), (2, 1), 100).await.unwrap(), [slot(entry(1, 3)), slot(entry(2, 1))]);
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
        let Enforced { lost, fill: told, .. } = spool.enforce_limit().await.unwrap();
        let fill = spool.fill().await.unwrap();
        assert_eq!(told, fill);
        assert!(fill.bytes <= 4000 && fill.entries > 5, "{fill:?}");
        assert_eq!(lost % 2, 0, "both samples of an entry");
        assert_eq!(lost / 2 + fill.entries, 100);
        assert_eq!(spool.page((0, 0), END, 1).await.unwrap()[0].key.1, lost / 2 + 1);
    }

    #[tokio::test]
    async fn a_damaged_row_hides_no_other_and_does_not_keep_the_limit_from_being_met() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 100).await.unwrap();
        spool.add(&[entry(1, 1), entry(1, 2), entry(1, 3), entry(1, 4)], Millis(10)).await.unwrap();
        spool.spoil((1, 1), b"{\"boot\":1").await;
        // No UTF-8; and the body of another entry.
        spool.spoil((1, 2), &[0xff, 0xfe]).await;
        spool.spoil((1, 3), json(&entry(1, 4)).as_bytes()).await;
        let page = spool.page((0, 0), END, 100).await.unwrap();
        assert_eq!(keys(&page), [(1, 1), (1, 2), (1, 3), (1, 4)]);
        assert_eq!(page.iter().map(|s| s.entry.is_ok()).collect::<Vec<_>>(), [false, false, false, true]);
        assert_eq!(spool.enforce_limit().await.unwrap().lost, 4, "one of each");
    }

    #[tokio::test]
    async fn what_is_set_aside_is_out_of_every_count_and_stays_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), u64::MAX).await.unwrap();
        let mut two = entry(1, 3);
        two.samples.extend_from_within(..);
        let rest = entry(1, 3);
        spool.add(&[entry(1, 1), entry(1, 2), two, entry(1, 4)], Millis(10)).await.unwrap();
        spool.spoil((1, 2), b"{").await;
        let aside = |seq, reason, split| Aside { key: (1, seq), reason, split };
        let all = [
            aside(1, Unsent::UnknownDevice, None),
            aside(2, Unsent::Unreadable, None),
            aside(3, Unsent::UnknownTag, Some((rest.clone(), rest))),
            // The centre's answer was faster.
            aside(9, Unsent::UnknownDevice, None),
        ];
        assert_eq!(spool.set_aside(&all).await.unwrap(), [1, 1, 1, 0]);
        // Another process sees the same.
        let other = Spool::open_read_only(folder.path()).await.unwrap();
        assert_eq!(keys(&other.page((0, 0), END, 100).await.unwrap()), [(1, 3), (1, 4)]);
        assert_eq!(other.count_until(END).await.unwrap(), 2);
        assert_eq!(other.fill().await.unwrap().entries, 2);
        assert_eq!(other.shelf().await.unwrap().entries, 3);
        let kept: Vec<(i64, i64, String, String)> =
            sqlx::query_as("select seq, time, reason, body from aside order by id")
                .fetch_all(&spool.pool)
                .await
                .unwrap();
        assert_eq!(kept[0], (1, 10, "unknown-device".into(), json(&entry(1, 1))));
        assert_eq!(kept[1], (2, 10, "unreadable".into(), "{".into()));
        assert_eq!(kept[2], (3, 10, "unknown-tag".into(), json(&entry(1, 3))));
        // Where there is no room it goes first.
        spool.limit_bytes = other.fill().await.unwrap().bytes;
        let enforced = spool.enforce_limit().await.unwrap();
        assert_eq!((enforced.lost, enforced.aside, enforced.fill.entries), (0, 3, 2));
    }
}
