//! What every store must show before leadership may rest on it. Each adapter's tests run it on an empty store.

use super::{Error, Lease, Leases, Replica};
use crate::journal::{self, Draft, Head, Store};
use hypocaust_protocols::model::{FleetId, Millis};

fn must(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn lease(epoch: u64, holder: &str, renewals: u64) -> Lease {
    let holder = Replica { id: holder.into(), address: format!("http://{holder}.example:8080") };
    Lease { epoch, holder, renewals, given_up: false, length_ms: 3_000 }
}

/// Runs on an empty store of this fleet's journal; the promise that was broken, if one was.
pub async fn suite<S: Leases + Store>(store: &S, fleet: &FleetId) -> Result<(), String> {
    let failed = |e: Error| format!("an operation failed that must not: {e}");
    let draft = || vec![Draft { time: Millis(1), kind: "test".into(), schema: 1, body: "{}".into() }];
    let head = Head::genesis(fleet);
    must(store.lease().await.map_err(failed)?.is_none(), "at first nobody leads")?;

    let first = lease(3, "a", 0);
    must(store.swap(None, &first).await.map_err(failed)?, "the first lease may be taken")?;
    must(store.lease().await.map_err(failed)? == Some(first.clone()), "a lease is read as it was put")?;
    must(!store.swap(None, &lease(4, "b", 0)).await.map_err(failed)?, "who saw no lease gets none where one stands")?;
    let renewed = Lease { renewals: 1, length_ms: 4_321, ..first.clone() };
    must(store.swap(Some(&first), &renewed).await.map_err(failed)?, "the holder may renew it, for another length")?;
    must(!store.swap(Some(&first), &lease(4, "b", 0)).await.map_err(failed)?, "an old sight of it wins nothing")?;
    must(store.lease().await.map_err(failed)? == Some(renewed.clone()), "a swap that lost changes nothing")?;
    let longer = Lease { length_ms: 4_322, ..renewed.clone() };
    must(!store.swap(Some(&longer), &first).await.map_err(failed)?, "one of another length is another lease")?;

    for (epoch, holder) in [(3, "b"), (2, "b"), (2, "a")] {
        must(
            matches!(store.swap(Some(&renewed), &lease(epoch, holder, 9)).await, Err(Error::NotAbove { .. })),
            "neither an epoch that was given out nor a lower one is given to anybody else or again",
        )?;
    }
    let head = store.append(&head, 3, draft()).await.map_err(|e| format!("the leader may append: {e}"))?;
    let second = lease(7, "b", 0);
    must(store.swap(Some(&renewed), &second).await.map_err(failed)?, "another may take it with a higher epoch")?;
    must(
        matches!(store.append(&head, 3, draft()).await, Err(journal::Error::Fenced { epoch: 3, highest: 7 })),
        "an epoch that was given out fences the one before it, before it has appended anything",
    )?;
    let head = store.append(&head, 7, draft()).await.map_err(|e| format!("the new leader may append: {e}"))?;
    must(store.epoch().await.map_err(|e| e.to_string())? == 7, "and its entry has its epoch")?;

    let gone = Lease { given_up: true, renewals: 1, ..second.clone() };
    must(store.swap(Some(&second), &gone).await.map_err(failed)?, "the holder may give it up")?;
    must(store.lease().await.map_err(failed)? == Some(gone.clone()), "and is seen to have")?;
    // Somebody without a lease has appended, as a centre of an older version would.
    store.append(&head, 20, draft()).await.map_err(|e| format!("an epoch above the lease's may append: {e}"))?;
    must(
        matches!(store.swap(Some(&gone), &lease(20, "a", 0)).await, Err(Error::NotAbove { epoch: 20, highest: 20 })),
        "an epoch that has appended is not given out",
    )?;

    let (left, right) = (lease(21, "a", 0), lease(22, "b", 0));
    let (one, other) = futures::join!(store.swap(Some(&gone), &left), store.swap(Some(&gone), &right));
    must(
        matches!((one, other), (Ok(true), Ok(false) | Err(_)) | (Ok(false) | Err(_), Ok(true))),
        "of two swaps that saw the same lease exactly one wins",
    )
}
