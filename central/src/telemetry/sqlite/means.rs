//! Means over quarters of an hour, kept as sums beside the samples.
//!
//! Weeks of a tag's samples lie scattered over the whole file, so that reading them anew for each forecast would cost more
//! with every tag that is stored beside. A tag whose means are asked for once is *summed* from then on:
//!
//! * A sample that comes is added to the sum of its slot by a trigger, in the transaction that stores it. So it is counted
//!   exactly once, however late it comes and whichever replica stores it.
//! * A sample that was there before (`below`: the last of them) is added by [`fill`], a day in a transaction, from the newest
//!   day backwards as far as is asked for. What comes of other tags meanwhile waits for one day's rows at most. `since` says
//!   how far that has come, so that whoever is stopped within it goes on behind.

use super::failed;
use crate::telemetry::{Error, MEAN_MS, Mean};
use hypocaust_protocols::model::{Millis, TagId};
use sqlx::{Row, SqliteConnection, SqlitePool};

const DAY_MS: i64 = 24 * 3_600_000;

pub(super) const SCHEMA: &str = "
create table if not exists summed (tag integer primary key, below integer not null, since integer not null) strict;
create table if not exists mean (
    tag integer not null, slot integer not null, sum real not null, many integer not null, primary key (tag, slot)
) strict, without rowid;
create trigger if not exists sample_summed after insert on sample
when new.quality = 'good' and new.value is not null and exists (select 1 from summed where tag = new.tag)
begin
    insert into mean values (new.tag, new.time / 900000, new.value, 1)
    on conflict do update set sum = sum + excluded.sum, many = many + 1;
end;";
const _: () = assert!(MEAN_MS == 900_000, "the trigger counts in slots of this length");

const KNOWN: &str = "select below, since from summed where tag = (select id from tag where name = ?1)";

/// Means of a tag over the slots that begin within `from <= slot < to`.
pub(super) async fn read(pool: &SqlitePool, tag: &TagId, from: Millis, to: Millis) -> Result<Vec<Mean>, Error> {
    while fill(pool, tag, from).await? {}
    let rows = sqlx::query(
        "select slot, sum / many as mean from mean
         where tag = (select id from tag where name = ?1) and slot >= ?2 and slot < ?3 order by slot",
    )
    .bind(tag.as_str())
    .bind(slot_from(from))
    .bind(slot_from(to))
    .fetch_all(pool)
    .await
    .map_err(failed("reading means"))?;
    rows.iter()
        .map(|row| Ok(Mean { from: Millis(row.try_get::<i64, _>("slot")? * MEAN_MS), value: row.try_get("mean")? }))
        .collect::<Result<_, sqlx::Error>>()
        .map_err(failed("reading means"))
}

/// The first slot that does not begin before.
fn slot_from(at: Millis) -> i64 {
    at.0.div_euclid(MEAN_MS) + i64::from(at.0.rem_euclid(MEAN_MS) != 0)
}

/// Adds one more day of what was there before the tag was summed. Is there more to do?
pub(super) async fn fill(pool: &SqlitePool, tag: &TagId, from: Millis) -> Result<bool, Error> {
    // Most often all is there, and no writer has to wait for that answer.
    let row = sqlx::query(KNOWN).bind(tag.as_str()).fetch_optional(pool).await.map_err(failed("reading means"))?;
    if row.is_some_and(|row| row.try_get::<i64, _>("since").is_ok_and(|since| since <= from.0)) {
        return Ok(false);
    }
    let mut transaction = pool.begin_with("begin immediate").await.map_err(failed("summing samples"))?;
    let more = day(&mut transaction, tag, from.0).await.map_err(failed("summing samples"))?;
    transaction.commit().await.map_err(failed("summing samples"))?;
    Ok(more)
}

async fn day(connection: &mut SqliteConnection, tag: &TagId, from: i64) -> Result<bool, sqlx::Error> {
    // Another replica may have been here since.
    sqlx::query("insert into tag (name) values (?1) on conflict do nothing")
        .bind(tag.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "insert into summed
         select id, (select coalesce(max(rowid), 0) from sample),
             coalesce((select max(time) + 1 from sample where tag = id), 0)
         from tag where name = ?1 on conflict do nothing",
    )
    .bind(tag.as_str())
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query(KNOWN).bind(tag.as_str()).fetch_one(&mut *connection).await?;
    let (below, since): (i64, i64) = (row.try_get("below")?, row.try_get("since")?);
    let newest: Option<i64> = sqlx::query_scalar(
        "select max(time) from sample where tag = (select id from tag where name = ?1) and time < ?2",
    )
    .bind(tag.as_str())
    .bind(since)
    .fetch_one(&mut *connection)
    .await?;
    // Slots are added whole: the one in which `from` lies, too.
    let from = from.div_euclid(MEAN_MS) * MEAN_MS;
    let (first, more) = match newest {
        Some(newest) if newest >= from => {
            let first = from.max(newest.div_euclid(MEAN_MS) * MEAN_MS - DAY_MS);
            (first, first > from)
        }
        _ => (from, false),
    };
    let first = first.min(since);
    sqlx::query(
        "insert into mean
         select tag, time / ?1, sum(value), count(*) from sample
         where tag = (select id from tag where name = ?2) and time >= ?3 and time < ?4 and rowid <= ?5
             and quality = 'good' and value is not null
         group by 1, 2
         on conflict do update set sum = sum + excluded.sum, many = many + excluded.many",
    )
    .bind(MEAN_MS)
    .bind(tag.as_str())
    .bind(first)
    .bind(since)
    .bind(below)
    .execute(&mut *connection)
    .await?;
    sqlx::query("update summed set since = ?1 where tag = (select id from tag where name = ?2)")
        .bind(first)
        .bind(tag.as_str())
        .execute(&mut *connection)
        .await?;
    Ok(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Arrived, History, Sqlite};
    use hypocaust_protocols::model::{DeviceId, PlantId, Quality, Sample};
    use hypocaust_protocols::wire::Entry;
    use std::collections::BTreeMap;

    async fn store(history: &Sqlite, tag: &TagId, seq: u64, times: impl IntoIterator<Item = i64>) {
        let good = |time: i64| (Quality::Good, Some((time / 1_000 % 97) as f64));
        let sample = |time| {
            let (quality, value) = good(time);
            Sample { tag: tag.clone(), time: Millis(time), value, quality }
        };
        let samples = times.into_iter().map(sample).collect();
        let device = DeviceId::new("north.plc").unwrap();
        let entry = Entry { boot: 1, seq, device, samples };
        history.store(&[Arrived { plant: PlantId::new("north").unwrap(), entry }], &[]).await.unwrap();
    }

    /// The same from the samples themselves.
    async fn anew(history: &Sqlite, tag: &TagId, from: Millis, to: Millis) -> Vec<Mean> {
        let mut slots: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for point in history.read(tag, from, to).await.unwrap() {
            slots.entry(point.time.0.div_euclid(MEAN_MS)).or_default().extend(point.value);
        }
        let mean = |(slot, values): (i64, Vec<f64>)| Mean {
            from: Millis(slot * MEAN_MS),
            value: values.iter().sum::<f64>() / values.len() as f64,
        };
        slots.into_iter().map(mean).collect()
    }

    #[tokio::test]
    async fn days_from_before_it_was_asked_for_are_summed_up_one_by_one_and_what_comes_meanwhile_once() {
        let folder = tempfile::tempdir().unwrap();
        let history = Sqlite::open(&folder.path().join("history.db")).await.unwrap();
        let (asked, beside) = (TagId::new("north.a").unwrap(), TagId::new("north.b").unwrap());
        let every = |from: i64, to: i64| (from..to).step_by(60_000);
        // Twelve days with three between them in which nothing was stored.
        for tag in [&asked, &beside] {
            let seq = if tag == &asked { 0 } else { 10 };
            store(&history, tag, seq + 1, every(DAY_MS + 7_000, 8 * DAY_MS)).await;
            store(&history, tag, seq + 2, every(11 * DAY_MS, 13 * DAY_MS)).await;
        }
        let (from, to) = (Millis(2 * DAY_MS), Millis(13 * DAY_MS + 3 * MEAN_MS));
        assert!(fill(&history.pool, &asked, from).await.unwrap(), "a day of them, and there is more");
        // Meanwhile backlog comes of days that are summed already and of such as are not, and what is of now.
        store(&history, &asked, 3, every(3 * DAY_MS + 1, 4 * DAY_MS).chain(every(12 * DAY_MS + 1, 13 * DAY_MS))).await;
        store(&history, &asked, 4, every(13 * DAY_MS, 13 * DAY_MS + 2 * MEAN_MS)).await;
        let mut days = 1;
        while fill(&history.pool, &asked, from).await.unwrap() {
            days += 1;
        }
        assert!((7..=10).contains(&days), "{days}");
        let means = history.means(&asked, from, to).await.unwrap();
        assert_eq!(means, anew(&history, &asked, from, to).await);
        assert_eq!(means.len(), (8 - 2 + 2) * 96 + 2);
        // Further back than it was asked for the first time.
        let from = Millis(0);
        assert_eq!(history.means(&asked, from, to).await.unwrap(), anew(&history, &asked, from, to).await);
        let sums: i64 =
            sqlx::query_scalar("select count(distinct tag) from mean").fetch_one(&history.pool).await.unwrap();
        assert_eq!(sums, 1, "of a tag that nobody asks for nothing is summed");
    }
}
