//! What every [`History`] must show. Each adapter's tests run it on an empty history.

use super::{Arrived, Error, Fate, History, MEAN_MS, Mark, Mean};
use hypocaust_protocols::model::{BadReason, DeviceId, Millis, PlantId, Quality, Sample, TagId};
use hypocaust_protocols::wire::{Entry, Range};

fn must(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

/// Runs on an empty history; the promise that was broken, if one was.
pub async fn suite<H: History>(history: &H) -> Result<(), String> {
    let failed = |e: Error| format!("an operation failed that must not: {e}");
    let invalid = |e: hypocaust_protocols::model::InvalidId| e.to_string();
    let (north, south) = (PlantId::new("north").map_err(invalid)?, PlantId::new("south").map_err(invalid)?);
    let device = DeviceId::new("north.plc").map_err(invalid)?;
    let tag = TagId::new("north.b1.heat").map_err(invalid)?;
    let arrived = |plant: &PlantId, boot, seq, value: Option<f64>| Arrived {
        plant: plant.clone(),
        entry: Entry {
            boot,
            seq,
            device: device.clone(),
            samples: vec![Sample {
                tag: tag.clone(),
                time: Millis(seq as i64 * 10),
                value,
                quality: if value.is_some() { Quality::Good } else { Quality::Bad(BadReason::NoConnection) },
            }],
        },
    };
    let range = |boot, first, last| Range { boot, first, last };
    let all = (Millis(0), Millis(10_000));

    must(history.ranges(&north).await.map_err(failed)?.is_empty(), "an empty history has no ranges")?;
    let first = [arrived(&north, 7, 1, Some(1.5)), arrived(&north, 7, 2, None)];
    must(history.store(&first, &[]).await.map_err(failed)? == [Fate::Stored; 2], "new entries are stored")?;
    must(history.ranges(&north).await.map_err(failed)? == [range(7, 1, 2)], "neighbours join to one range")?;

    let again = [arrived(&north, 7, 2, None), arrived(&north, 7, 4, Some(4.0)), arrived(&north, 7, 4, Some(4.0))];
    must(
        history.store(&again, &[]).await.map_err(failed)? == [Fate::Duplicate, Fate::Stored, Fate::Duplicate],
        "doubles are dropped, also within one batch",
    )?;
    must(
        history.ranges(&north).await.map_err(failed)? == [range(7, 1, 2), range(7, 4, 4)],
        "an entry that has not come is in no range",
    )?;
    let points = history.read(&tag, all.0, all.1).await.map_err(failed)?;
    must(points.iter().map(|p| p.value).eq([Some(1.5), None, Some(4.0)]), "each value is there once, by time")?;
    must(points[1].quality == Quality::Bad(BadReason::NoConnection), "quality and reason are kept")?;
    let some = history.read(&tag, Millis(20), Millis(40)).await.map_err(failed)?;
    must(some.len() == 1 && some[0].time == Millis(20), "the window includes its start and excludes its end")?;

    let backlog =
        [arrived(&north, 7, 3, Some(3.0)), arrived(&north, 8, 1, Some(8.0)), arrived(&south, 7, 1, Some(9.0))];
    must(
        history.store(&backlog, &[]).await.map_err(failed)? == [Fate::Stored; 3],
        "another boot and another plant are other entries",
    )?;
    must(
        history.ranges(&north).await.map_err(failed)? == [range(7, 1, 4), range(8, 1, 1)],
        "a late entry closes its gap",
    )?;
    must(history.ranges(&south).await.map_err(failed)? == [range(7, 1, 1)], "ledgers are apart by plant")?;
    must(history.store(&[], &[]).await.map_err(failed)?.is_empty(), "an empty batch is no error")?;

    // Now there are 1.5 at 10 ms (and 8 and 9, of others with that seq), nothing good at 20, 3 at 30 and 4 at 40.
    let mean = |slot: i64, value| Mean { from: Millis(slot * MEAN_MS), value };
    let slots = |first: i64, end: i64| (Millis(first * MEAN_MS), Millis(end * MEAN_MS));
    let (from, to) = slots(0, 9);
    let of_all = history.means(&tag, from, to).await.map_err(failed)?;
    must(of_all == [mean(0, 25.5 / 5.0)], "what was there before is in the mean, and what is not good in none")?;
    let at = |seq, slot: i64, value| {
        let mut late = arrived(&north, 9, seq, value);
        late.entry.samples[0].time = Millis(slot * MEAN_MS + 5);
        late
    };
    let more = [at(1, 2, Some(6.0)), at(2, 2, Some(7.0)), at(3, 3, None), at(4, 0, Some(4.5)), at(5, 5, Some(1.0))];
    history.store(&more, &[]).await.map_err(failed)?;
    must(history.store(&more, &[]).await.map_err(failed)? == [Fate::Duplicate; 5], "they are stored once")?;
    must(
        history.means(&tag, from, to).await.map_err(failed)? == [mean(0, 5.0), mean(2, 6.5), mean(5, 1.0)],
        "what comes is in the mean of its slot once, however late; a slot without a good value has none",
    )?;
    let (from, to) = slots(2, 5);
    must(history.means(&tag, from, to).await.map_err(failed)? == [mean(2, 6.5)], "slots begin within the window")?;
    let silent = TagId::new("north.b9.heat").map_err(invalid)?;
    must(history.means(&silent, from, to).await.map_err(failed)?.is_empty(), "an unknown tag has no means")?;

    let mark = |incarnation: &str, stream: &str, part, next| Mark {
        incarnation: incarnation.into(),
        stream: stream.into(),
        part,
        next,
    };
    must(history.marks("one").await.map_err(failed)?.is_empty(), "an incarnation that was never read has no marks")?;
    let read = [mark("one", "s", 0, 5), mark("one", "s", 1, 7), mark("two", "s", 0, 90)];
    let entry = [arrived(&south, 7, 2, Some(1.0))];
    must(history.store(&entry, &read).await.map_err(failed)? == [Fate::Stored], "an entry is stored with its marks")?;
    must(history.marks("one").await.map_err(failed)? == read[..2], "each incarnation has its own marks")?;
    let old = [mark("one", "s", 0, 3), mark("one", "s", 1, 8), mark("one", "t", 0, 1)];
    must(history.store(&[], &old).await.map_err(failed)?.is_empty(), "marks may come without entries")?;
    let wanted = [mark("one", "s", 0, 5), mark("one", "s", 1, 8), mark("one", "t", 0, 1)];
    must(history.marks("one").await.map_err(failed)? == wanted, "a mark never goes back, and streams are apart")?;
    must(
        history.store(&entry, &read).await.map_err(failed)? == [Fate::Duplicate],
        "what is read again from an old mark is a double",
    )
}
