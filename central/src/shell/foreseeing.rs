//! What the domain wants to know of what is to come: the past is read from the history, the forecast made on a thread of its
//! own and given back.
//!
//! Never in the leader's way: while one is made the next waits, and what cannot be read is told of and asked for again a
//! quarter of an hour later; until then the domain goes by what it has.

use super::leader::{Gone, Handle};
use crate::domain::Input;
use crate::domain::forecast::{Forecasts, Wanted, foresee};
use crate::telemetry::{self, History};
use hypocaust_protocols::model::TagId;
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// Answers the domain until it is gone.
pub async fn run<H: History>(history: H, mut wanted: mpsc::Receiver<Wanted>, leader: Handle) {
    while let Some(wanted) = wanted.recv().await {
        match answer(&history, wanted).await {
            Ok(forecasts) => {
                if let Err(Gone) = leader.give(Input::Foreseen { forecasts: Box::new(forecasts) }).await {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "no forecast; the one before it and the profiles serve on"),
        }
    }
}

/// Forecasts of what is wanted.
///
/// # Errors
/// The history's.
async fn answer<H: History>(history: &H, wanted: Wanted) -> Result<Forecasts, telemetry::Error> {
    let mut read = BTreeMap::new();
    for (_, tag) in &wanted.consumers {
        read.insert(tag.clone(), history.means(tag, wanted.from(), wanted.until).await?);
    }
    let past = move |tag: &TagId| read.get(tag).into_iter().flatten().map(|mean| (mean.from, mean.value)).collect();
    let failed = |source| telemetry::Error { step: "forecasting", source: Box::new(source) };
    tokio::task::spawn_blocking(move || foresee(&wanted, past)).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::forecast::SLOT_MS;
    use crate::telemetry::{Arrived, Sqlite};
    use hypocaust_protocols::model::{Fleet, Millis, PlantId, Quality, Sample};
    use hypocaust_protocols::wire::Entry;
    use std::path::Path;

    const HOUR_MS: i64 = 3_600_000;
    /// Thursday the 15th of January 2026, 10 o'clock.
    const NOW: Millis = Millis(1_768_471_200_000);
    const TAG: &str = "north.halls.asked";

    fn fleet() -> Fleet {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
        hypocaust_protocols::files::load(&folder).expect("the sample fleet")
    }

    /// Values of the halls, one entry; `seq` names it.
    async fn store(history: &Sqlite, seq: u64, values: impl IntoIterator<Item = (Millis, f64)>) {
        let sample = |(time, value)| Sample {
            tag: TAG.parse().expect("an id"),
            time,
            value: Some(value),
            quality: Quality::Good,
        };
        let samples = values.into_iter().map(sample).collect();
        let entry = Entry { boot: 1, seq, device: "north.plc2".parse().expect("an id"), samples };
        let plant = PlantId::new("north").expect("an id");
        history.store(&[Arrived { plant, entry }], &[]).await.expect("it is stored");
    }

    fn wanted(fleet: &Fleet, now: Millis) -> Wanted {
        crate::domain::forecast::due(fleet, None, now).expect("it is due")
    }

    /// What is drawn: 4 MW, at noon 14.
    fn drawn(at: Millis) -> f64 {
        if (12 * HOUR_MS..14 * HOUR_MS).contains(&at.0.rem_euclid(24 * HOUR_MS)) { 14.0 } else { 4.0 }
    }

    #[tokio::test]
    async fn weeks_in_a_real_history_become_the_hours_to_come() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = Sqlite::open(&folder.path().join("history.db")).await.expect("a history");
        let fleet = fleet();
        let begins = NOW.plus(-21 * 24 * HOUR_MS);
        let minutes = |from: Millis, to: Millis| (from.0..to.0).step_by(300_000).map(Millis).map(|at| (at, drawn(at)));
        store(&history, 1, minutes(begins, NOW)).await;
        let first = answer(&history, wanted(&fleet, NOW.plus(60_000))).await.expect("a forecast");
        assert_eq!((first.until, first.consumers.len()), (NOW, 1), "nobody else has a past");
        let halls = &first.consumers["north.halls"];
        // Slots of a quarter: the first two hours, then the peak of two.
        let hours: Vec<f64> = halls.mw.chunks(8).map(|slots| slots.iter().sum::<f64>() / slots.len() as f64).collect();
        assert!((hours[0] - 4.0).abs() < 1e-6 && (hours[1] - 14.0).abs() < 1e-6, "{hours:?}");

        // A quarter later the day is larger than others, and backlog of this morning has come. Both are seen.
        let later = NOW.plus(SLOT_MS);
        store(&history, 2, minutes(NOW, later).map(|(at, _)| (at, 8.0))).await;
        store(&history, 3, minutes(NOW.plus(-3 * HOUR_MS), NOW).map(|(at, _)| (at, 8.0))).await;
        let second = answer(&history, wanted(&fleet, later.plus(60_000))).await.expect("a forecast");
        assert_eq!(second.until, later);
        assert!(second.consumers["north.halls"].mw[0] > 5.0, "{:?}", second.consumers["north.halls"].mw);
    }
}
