//! The history in one SQLite file, the embedded default.

mod means;

use super::{Arrived, Error, Fate, History, Mark, Mean, Point};
use hypocaust_protocols::model::{BadReason, Millis, PlantId, Quality, TagId};
use hypocaust_protocols::wire::{Range, add_to_ranges};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{Row, SqliteConnection, SqlitePool};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

const SCHEMA: &str = "
create table if not exists tag (id integer primary key, name text not null unique) strict;
create table if not exists sample (
    tag integer not null, time integer not null, value real, quality text not null, reason text
) strict;
create index if not exists sample_tag_time on sample (tag, time);
create table if not exists ledger (
    plant text not null, boot integer not null, first integer not null, last integer not null,
    primary key (plant, boot, first)
) strict, without rowid;
create table if not exists mark (
    incarnation text not null, stream text not null, part integer not null, next integer not null,
    primary key (incarnation, stream, part)
) strict, without rowid;";

/// Statements that store so many samples at a time, the biggest first. Each statement is a round trip to the thread of
/// its connection, which costs more than a row does.
static INSERTS: LazyLock<[(usize, String); 3]> = LazyLock::new(|| {
    [200, 20, 1].map(|many| (many, format!("insert into sample values {}", vec!["(?, ?, ?, ?, ?)"; many].join(", "))))
});

#[derive(Debug, Clone)]
pub struct Sqlite {
    pool: SqlitePool,
    /// Ids of the tags that committed rows name. Tags are never renamed or removed, so an id stays right.
    tags: Arc<Mutex<Ids>>,
}

type Ids = BTreeMap<TagId, i64>;

fn failed<E: std::error::Error + Send + Sync + 'static>(step: &'static str) -> impl Fn(E) -> Error {
    move |source| Error { step, source: Box::new(source) }
}

impl Sqlite {
    /// Opens the history and makes it if there is none. An edge forgets what is acknowledged, so this store is as
    /// durable as the journal's (`synchronous=FULL`).
    pub async fn open(path: &Path) -> Result<Sqlite, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool =
            SqlitePoolOptions::new().max_connections(4).connect_with(options).await.map_err(failed("opening"))?;
        for tables in [SCHEMA, means::SCHEMA] {
            sqlx::raw_sql(tables).execute(&pool).await.map_err(failed("making its tables"))?;
        }
        Ok(Sqlite { pool, tags: Arc::default() })
    }

    fn tags(&self) -> MutexGuard<'_, Ids> {
        // Ids are only added, one at a time, so what a panicking thread left behind is right too.
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of a tag. One that this transaction gives goes into `fresh` and is remembered only after the commit: a
    /// transaction that is rolled back gives its ids back, and the next tag gets them.
    async fn id(&self, connection: &mut SqliteConnection, fresh: &mut Ids, tag: &TagId) -> Result<i64, Error> {
        if let Some(id) = fresh.get(tag).copied().or_else(|| self.tags().get(tag).copied()) {
            return Ok(id);
        }
        let named = "insert into tag (name) values (?1) on conflict do update set name = name returning id";
        let id: i64 =
            sqlx::query_scalar(named).bind(tag.as_str()).fetch_one(connection).await.map_err(failed("naming a tag"))?;
        fresh.insert(tag.clone(), id);
        Ok(id)
    }

    /// Everything of `store` but the commit. `fresh`: ids of tags that are the first time in a batch of this process.
    async fn write(
        &self,
        connection: &mut SqliteConnection,
        batch: &[Arrived],
        marks: &[Mark],
        fresh: &mut Ids,
    ) -> Result<Vec<Fate>, Error> {
        let mut ledgers: BTreeMap<(&PlantId, u64), Vec<Range>> = BTreeMap::new();
        let mut fates = Vec::with_capacity(batch.len());
        let mut rows = Vec::new();
        for Arrived { plant, entry } in batch {
            let key = (plant, entry.boot);
            if let std::collections::btree_map::Entry::Vacant(slot) = ledgers.entry(key) {
                let rows = sqlx::query("select * from ledger where plant = ?1 and boot = ?2 order by first")
                    .bind(plant.as_str())
                    .bind(entry.boot as i64)
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(failed("reading the ledger"))?;
                slot.insert(ranges(&rows).map_err(failed("reading the ledger"))?);
            }
            if !add_to_ranges(ledgers.entry(key).or_default(), entry.boot, entry.seq) {
                fates.push(Fate::Duplicate);
                continue;
            }
            for sample in &entry.samples {
                rows.push((self.id(connection, fresh, &sample.tag).await?, sample));
            }
            fates.push(Fate::Stored);
        }
        let mut rows = &rows[..];
        for (many, statement) in &*INSERTS {
            while let Some((now, later)) = rows.split_at_checked(*many) {
                let mut query = sqlx::query(statement.as_str());
                for (id, sample) in now {
                    query = query
                        .bind(id)
                        .bind(sample.time.0)
                        .bind(sample.value)
                        .bind(sample.quality.name())
                        .bind(sample.quality.reason().map(BadReason::name));
                }
                query.execute(&mut *connection).await.map_err(failed("storing samples"))?;
                rows = later;
            }
        }
        for ((plant, boot), ranges) in ledgers {
            sqlx::query("delete from ledger where plant = ?1 and boot = ?2")
                .bind(plant.as_str())
                .bind(boot as i64)
                .execute(&mut *connection)
                .await
                .map_err(failed("writing the ledger"))?;
            for range in ranges {
                sqlx::query("insert into ledger values (?1, ?2, ?3, ?4)")
                    .bind(plant.as_str())
                    .bind(range.boot as i64)
                    .bind(range.first as i64)
                    .bind(range.last as i64)
                    .execute(&mut *connection)
                    .await
                    .map_err(failed("writing the ledger"))?;
            }
        }
        for mark in marks {
            sqlx::query(
                "insert into mark values (?1, ?2, ?3, ?4)
                 on conflict do update set next = max(next, excluded.next)",
            )
            .bind(&mark.incarnation)
            .bind(&mark.stream)
            .bind(mark.part)
            .bind(mark.next)
            .execute(&mut *connection)
            .await
            .map_err(failed("writing a mark"))?;
        }
        Ok(fates)
    }
}

fn ranges(rows: &[SqliteRow]) -> Result<Vec<Range>, sqlx::Error> {
    let number = |row: &SqliteRow, name| row.try_get::<i64, _>(name).map(|n| n as u64);
    rows.iter()
        .map(|row| Ok(Range { boot: number(row, "boot")?, first: number(row, "first")?, last: number(row, "last")? }))
        .collect()
}

fn point(row: &SqliteRow) -> Result<Point, sqlx::Error> {
    let reason: Option<String> = row.try_get("reason")?;
    let reason = reason.as_deref().and_then(BadReason::from_name);
    let quality = match (row.try_get::<String, _>("quality")?.as_str(), reason) {
        ("good", None) => Quality::Good,
        ("uncertain", Some(reason)) => Quality::Uncertain(reason),
        ("bad", Some(reason)) => Quality::Bad(reason),
        (other, _) => {
            return Err(sqlx::Error::Decode(format!("quality '{other}' does not fit its reason").into()));
        }
    };
    Ok(Point { time: Millis(row.try_get("time")?), value: row.try_get("value")?, quality })
}

impl History for Sqlite {
    async fn store(&self, batch: &[Arrived], marks: &[Mark]) -> Result<Vec<Fate>, Error> {
        let mut transaction = self.pool.begin_with("begin immediate").await.map_err(failed("begin"))?;
        let mut fresh = Ids::new();
        let fates = self.write(&mut transaction, batch, marks, &mut fresh).await?;
        transaction.commit().await.map_err(failed("commit"))?;
        self.tags().extend(fresh);
        Ok(fates)
    }

    async fn marks(&self, incarnation: &str) -> Result<Vec<Mark>, Error> {
        let rows = sqlx::query("select * from mark where incarnation = ?1 order by stream, part")
            .bind(incarnation)
            .fetch_all(&self.pool)
            .await
            .map_err(failed("reading the marks"))?;
        rows.iter()
            .map(|row| {
                Ok(Mark {
                    incarnation: row.try_get("incarnation")?,
                    stream: row.try_get("stream")?,
                    part: row.try_get("part")?,
                    next: row.try_get("next")?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(failed("reading the marks"))
    }

    async fn ranges(&self, plant: &PlantId) -> Result<Vec<Range>, Error> {
        let rows = sqlx::query("select * from ledger where plant = ?1 order by boot, first")
            .bind(plant.as_str())
            .fetch_all(&self.pool)
            .await
            .map_err(failed("reading the ledger"))?;
        ranges(&rows).map_err(failed("reading the ledger"))
    }

    async fn means(&self, tag: &TagId, from: Millis, to: Millis) -> Result<Vec<Mean>, Error> {
        means::read(&self.pool, tag, from, to).await
    }

    async fn read(&self, tag: &TagId, from: Millis, to: Millis) -> Result<Vec<Point>, Error> {
        let rows = sqlx::query(
            "select time, value, quality, reason from sample
             where tag = (select id from tag where name = ?1) and time >= ?2 and time < ?3 order by time",
        )
        .bind(tag.as_str())
        .bind(from.0)
        .bind(to.0)
        .fetch_all(&self.pool)
        .await
        .map_err(failed("reading samples"))?;
        rows.iter().map(point).collect::<Result<_, _>>().map_err(failed("reading samples"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::conformance;
    use hypocaust_protocols::model::{DeviceId, Sample};
    use hypocaust_protocols::wire::Entry;

    #[tokio::test]
    async fn it_keeps_what_a_history_promises() {
        let folder = tempfile::tempdir().unwrap();
        let history = Sqlite::open(&folder.path().join("history.db")).await.unwrap();
        assert_eq!(conformance::suite(&history).await, Ok(()));
    }

    #[tokio::test]
    async fn a_crash_before_the_commit_leaves_neither_rows_nor_ranges_nor_marks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.db");
        let history = Sqlite::open(&path).await.unwrap();
        let tag = TagId::new("north.b1.heat").unwrap();
        let plant = PlantId::new("north").unwrap();
        let sample = Sample { tag: tag.clone(), time: Millis(5), value: Some(1.0), quality: Quality::Good };
        let device = DeviceId::new("north.plc").unwrap();
        let batch = [Arrived { plant: plant.clone(), entry: Entry { boot: 1, seq: 1, device, samples: vec![sample] } }];

        let marks = [Mark { incarnation: "one".into(), stream: "s".into(), part: 0, next: 1 }];
        let mut transaction = history.pool.begin_with("begin immediate").await.unwrap();
        assert_eq!(history.write(&mut transaction, &batch, &marks, &mut Ids::new()).await.unwrap(), [Fate::Stored]);
        drop(transaction);
        drop(history);

        let history = Sqlite::open(&path).await.unwrap();
        assert_eq!(history.ranges(&plant).await.unwrap(), []);
        assert_eq!(history.read(&tag, Millis(0), Millis(10)).await.unwrap(), []);
        assert_eq!(history.marks("one").await.unwrap(), []);
        assert_eq!(history.store(&batch, &marks).await.unwrap(), [Fate::Stored]);
    }

    #[tokio::test]
    async fn an_id_that_was_rolled_back_is_not_remembered_for_its_tag() {
        let folder = tempfile::tempdir().unwrap();
        let history = Sqlite::open(&folder.path().join("history.db")).await.unwrap();
        let arrived = |tag: &str, seq, value| {
            let sample =
                Sample { tag: tag.parse().unwrap(), time: Millis(5), value: Some(value), quality: Quality::Good };
            let device = DeviceId::new("north.plc").unwrap();
            let entry = Entry { boot: 1, seq, device, samples: vec![sample] };
            [Arrived { plant: PlantId::new("north").unwrap(), entry }]
        };
        // The power goes after the tag was named and before the commit.
        let mut transaction = history.pool.begin_with("begin immediate").await.unwrap();
        history.write(&mut transaction, &arrived("north.a", 1, 1.0), &[], &mut Ids::new()).await.unwrap();
        drop(transaction);

        assert_eq!(history.store(&arrived("north.b", 2, 2.0), &[]).await.unwrap(), [Fate::Stored]);
        assert_eq!(history.store(&arrived("north.a", 1, 1.0), &[]).await.unwrap(), [Fate::Stored]);
        assert_eq!(history.store(&arrived("north.b", 3, 3.0), &[]).await.unwrap(), [Fate::Stored]);
        let values = async |tag: &str| -> Vec<Option<f64>> {
            let points = history.read(&tag.parse().unwrap(), Millis(0), Millis(10)).await.unwrap();
            points.iter().map(|p| p.value).collect()
        };
        assert_eq!(values("north.a").await, [Some(1.0)]);
        assert_eq!(values("north.b").await, [Some(2.0), Some(3.0)]);
    }
}
