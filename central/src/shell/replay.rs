//! One walk through the whole journal: every entry is verified and folded into the state.
//!
//! The centre starts from what it gives, and `journal verify` asks for the same, so that a journal that verifies is one
//! from which a centre starts.

use crate::domain::{Event, State, event};
use crate::journal::{self, Broken, Entry, Head, Store, Verifier};
use hypocaust_protocols::model::FleetId;

/// Entries that are held in memory at a time.
const PAGE: usize = 1000;

/// Where the journal led.
#[derive(Debug)]
pub struct Replayed {
    pub state: State,
    /// Has taken every entry; goes on with those that are appended later.
    pub verifier: Verifier,
}

/// Why a journal leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The chain is right; this version cannot read what an entry says.
    #[error(transparent)]
    Unread(#[from] event::Error),
    #[error(transparent)]
    Store(#[from] journal::Error),
}

/// Reads the journal from its first entry to its end. `anchors` are heads that somebody kept outside of the store.
pub async fn replay<S: Store>(
    store: &S,
    fleet: &FleetId,
    anchors: impl IntoIterator<Item = Head>,
) -> Result<Replayed, Error> {
    let mut replayed = Replayed { state: State::fold([]), verifier: Verifier::new(fleet, anchors) };
    loop {
        let page = store.read(replayed.verifier.head().seq + 1, PAGE).await?;
        for entry in &page {
            replayed.take(entry)?;
        }
        if page.len() < PAGE {
            replayed.verifier.finish()?;
            return Ok(replayed);
        }
    }
}

impl Replayed {
    fn take(&mut self, entry: &Entry) -> Result<(), Error> {
        self.verifier.step(entry)?;
        self.state.apply(&Event::read(entry)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Draft, Memory};
    use hypocaust_protocols::model::{Millis, PlantId};
    use hypocaust_protocols::wire::Mode;

    fn fleet() -> FleetId {
        FleetId::new("small").unwrap()
    }

    fn drafts(events: &[Event]) -> Vec<Draft> {
        events.iter().map(|e| e.draft(Millis(1))).collect()
    }

    #[test]
    fn it_folds_over_the_ends_of_pages_and_the_verifier_goes_on() {
        let journal = Memory::new(&fleet());
        let linked = |boot| Event::EdgeLinked { plant: PlantId::new("north").unwrap(), boot, mode: Mode::Remote };
        let events: Vec<Event> = (0..2 * PAGE as u64 + 1).map(linked).collect();
        let head = journal.append_now(&Head::genesis(&fleet()), 3, drafts(&events)).unwrap();
        let mut replayed = futures::executor::block_on(replay(&journal, &fleet(), [head])).unwrap();
        assert_eq!((replayed.verifier.head(), replayed.verifier.epoch()), (head, 3));
        assert_eq!(replayed.state.edges.values().next().map(|e| e.0), Some(2 * PAGE as u64));
        let next = journal.append_now(&head, 3, drafts(&[linked(1)])).unwrap();
        replayed.verifier.step(journal.entries().last().unwrap()).unwrap();
        assert_eq!(replayed.verifier.head(), next);
    }

    #[test]
    fn what_cannot_be_folded_is_told_apart_from_a_broken_chain() {
        let journal = Memory::new(&fleet());
        let strange = Draft { time: Millis(1), kind: "sung".into(), schema: 1, body: "{}".into() };
        journal.append_now(&Head::genesis(&fleet()), 1, vec![strange]).unwrap();
        let led = futures::executor::block_on(replay(&journal, &fleet(), []));
        assert!(matches!(led, Err(Error::Unread(event::Error::Unknown { seq: 1, .. }))), "{led:?}");
        let other = FleetId::new("other").unwrap();
        let led = futures::executor::block_on(replay(&journal, &other, []));
        assert!(matches!(led, Err(Error::Broken(Broken { seq: 1, .. }))), "{led:?}");
    }
}
