//! What every [`Store`] must show before it may keep a journal. Each adapter's tests run it on an empty store.

use super::{Draft, Error, Head, Store, verify};
use hypocaust_protocols::model::{FleetId, Millis};

fn drafts(texts: &[&str]) -> Vec<Draft> {
    texts.iter().map(|t| Draft { time: Millis(1), kind: "test".into(), schema: 1, body: format!("\"{t}\"") }).collect()
}

fn must(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

/// Runs on an empty store of this fleet's journal; the promise that was broken, if one was.
pub async fn suite<S: Store>(store: &S, fleet: &FleetId) -> Result<(), String> {
    let failed = |e: Error| format!("an operation failed that must not: {e}");
    let genesis = Head::genesis(fleet);
    must(store.head().await.map_err(failed)? == genesis, "an empty store's head is the fleet's genesis")?;
    must(store.epoch().await.map_err(failed)? == 0, "an empty store's epoch is 0")?;
    must(store.append(&genesis, 1, vec![]).await.map_err(failed)? == genesis, "appending nothing changes nothing")?;

    let two = store.append(&genesis, 1, drafts(&["a", "ü \\n"])).await.map_err(failed)?;
    must(two.seq == 2 && store.head().await.map_err(failed)? == two, "append returns the head that is then read")?;
    must(
        matches!(store.append(&genesis, 1, drafts(&["x"])).await, Err(Error::Moved { actual, .. }) if actual == two),
        "an append on an old head is refused as moved, naming the actual head",
    )?;
    let wrong = Head { seq: 2, hash: genesis.hash };
    must(
        matches!(store.append(&wrong, 1, drafts(&["x"])).await, Err(Error::Moved { .. })),
        "an append on the right seq with a wrong hash is refused",
    )?;
    let three = store.append(&two, 5, drafts(&["c"])).await.map_err(failed)?;
    must(store.epoch().await.map_err(failed)? == 5, "the highest epoch is remembered")?;
    must(
        matches!(store.append(&three, 4, drafts(&["x"])).await, Err(Error::Fenced { epoch: 4, highest: 5 })),
        "a lower epoch is fenced",
    )?;
    must(store.head().await.map_err(failed)? == three, "a refused append leaves nothing behind")?;

    let all = store.read(1, 100).await.map_err(failed)?;
    must(all.iter().map(|e| e.seq).eq(1..=3), "entries come back in order, without holes")?;
    must(all[1].body == "\"ü \\n\"", "a body comes back byte by byte")?;
    must(verify(fleet, &all, Some(three)) == Ok(three), "what is read back verifies")?;
    let some = store.read(2, 1).await.map_err(failed)?;
    must(some.len() == 1 && some[0].seq == 2, "from and limit are kept")?;
    must(store.read(4, 10).await.map_err(failed)?.is_empty(), "beyond the end there is nothing")?;

    let (one, other) =
        futures::join!(store.append(&three, 5, drafts(&["left"])), store.append(&three, 5, drafts(&["right"])));
    must(one.is_ok() != other.is_ok(), "of two appends on the same head exactly one wins")?;
    must(store.head().await.map_err(failed)?.seq == 4, "the loser of two appends leaves nothing behind")
}
