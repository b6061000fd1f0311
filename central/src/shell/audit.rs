//! Is the journal on the disk still the one that was written? Asked again and again while the centre runs.
//!
//! Two walks go side by side. The *tail* follows what is appended, from the entry at which the centre started. The
//! *round* begins at the first entry, again and again, a page at a time so that a long journal costs little; it is
//! anchored at where the tail stood when it began, so that it also sees an end that was cut off and a history that was
//! written anew. An entry that is changed is found within one round: the number of entries by [`PAGE`], in seconds.
//!
//! A chain that was found broken stays so until the centre is started again (which it refuses on a broken journal). A
//! journal that cannot be read is not verified either, for as long as that lasts.

use super::metrics::Metrics;
use crate::api::Gate;
use crate::journal::sqlite::Sqlite;
use crate::journal::{self, Broken, Head, Store, Verifier};
use hypocaust_protocols::model::FleetId;
use std::path::PathBuf;
use std::time::Duration;

/// Entries that a walk takes at a time; at most so many a second of the round.
const PAGE: usize = 200;
/// Between two pages.
const PACE: Duration = Duration::from_secs(1);

/// Both walks.
pub struct Audit {
    fleet: FleetId,
    tail: Verifier,
    round: Verifier,
}

/// Why a page was not found right.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("the journal cannot be read: {0}")]
    Unread(#[from] journal::Error),
}

impl Audit {
    /// `tail` has taken every entry that there was when the centre started.
    pub fn new(fleet: FleetId, tail: Verifier) -> Audit {
        let round = Verifier::new(&fleet, [tail.head()]);
        Audit { fleet, tail, round }
    }

    /// All that was appended, and the next page of the round. True when the round was through and begins anew.
    pub async fn step<S: Store>(&mut self, store: &S) -> Result<bool, Fault> {
        while take(&mut self.tail, store).await? {}
        if take(&mut self.round, store).await? {
            return Ok(false);
        }
        self.round.finish()?;
        self.round = Verifier::new(&self.fleet, [self.tail.head()]);
        Ok(true)
    }

    /// Up to where the journal is known to be right.
    pub fn head(&self) -> Head {
        self.tail.head()
    }
}

/// The next page; true when there may be more.
async fn take<S: Store>(verifier: &mut Verifier, store: &S) -> Result<bool, Fault> {
    let page = store.read(verifier.head().seq + 1, PAGE).await?;
    page.iter().try_for_each(|entry| verifier.step(entry))?;
    Ok(page.len() == PAGE)
}

/// Audits until the chain is found broken. It reads by a connection of its own, a new one each round: what a connection
/// has in its cache is not what is on the disk.
pub async fn watch(path: PathBuf, mut audit: Audit, metrics: Metrics, gate: Gate) {
    let mut open: Option<Sqlite> = None;
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let store = match open.take() {
            Some(store) => store,
            None => match Sqlite::open_read_only(&path).await {
                Ok(store) => store,
                Err(error) => {
                    tell(&metrics, &gate, false, &error.to_string());
                    continue;
                }
            },
        };
        match audit.step(&store).await {
            Ok(through) => {
                tell(&metrics, &gate, true, &format!("verified up to {}", audit.head()));
                if !through {
                    open = Some(store);
                }
            }
            Err(fault @ Fault::Broken(_)) => {
                return tell(&metrics, &gate, false, &format!("{fault} (GL-E-AUDIT-CHAIN-BROKEN)"));
            }
            Err(fault @ Fault::Unread(_)) => tell(&metrics, &gate, false, &fault.to_string()),
        }
    }
}

fn tell(metrics: &Metrics, gate: &Gate, valid: bool, detail: &str) {
    if !valid {
        tracing::error!(detail, "the journal does not verify");
    }
    metrics.chain(valid);
    gate.report("journal", valid, detail);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Draft;
    use hypocaust_protocols::model::Millis;
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, Connection};

    fn fleet() -> FleetId {
        FleetId::new("small").unwrap()
    }

    fn drafts(n: usize) -> Vec<Draft> {
        (0..n).map(|_| Draft { time: Millis(1), kind: "k".into(), schema: 1, body: "{}".into() }).collect()
    }

    /// What an audit that began with these entries finds after more were appended and somebody ran this statement.
    async fn finds(statement: &'static str) -> Result<Head, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let writer = Sqlite::open(&path, &fleet()).await.unwrap();
        let head = writer.append(&Head::genesis(&fleet()), 1, drafts(3 * PAGE)).await.unwrap();
        let reader = Sqlite::open_read_only(&path).await.unwrap();
        let mut tail = Verifier::new(&fleet(), []);
        while take(&mut tail, &reader).await.unwrap() {}
        let mut audit = Audit::new(fleet(), tail);
        assert!(!audit.step(&reader).await.unwrap(), "the first page of the first round");
        let head = writer.append(&head, 1, drafts(5)).await.unwrap();
        // The tail has seen the new entries, and the round is far from its end.
        assert!(!audit.step(&reader).await.unwrap());
        assert_eq!(audit.head(), head);
        let mut other = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        sqlx::query(statement).execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        // What is left of this round, and one more.
        let mut rounds = 0;
        while rounds < 2 {
            rounds += u32::from(audit.step(&reader).await?);
        }
        Ok(audit.head())
    }

    #[tokio::test]
    async fn what_is_changed_while_it_runs_is_found_wherever_it_stands() {
        assert_eq!(finds("select 1").await.unwrap().seq, 3 * PAGE as u64 + 5);
        for (statement, at) in [
            ("update journal set body = cast('{\"n\":1}' as blob) where seq = 3", 3),
            ("update journal set epoch = 2 where seq = 605", 605),
            ("delete from journal where seq = 450", 450),
            ("delete from journal where seq > 600", 601),
        ] {
            let found = finds(statement).await;
            assert!(matches!(&found, Err(Fault::Broken(b)) if b.seq == at), "{statement}: {found:?}");
        }
        assert!(matches!(finds("drop table journal").await, Err(Fault::Unread(_))));
    }
}
