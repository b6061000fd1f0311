//! The right to act, as the tasks of one replica share it.
//!
//! The election's task says until when this replica leads; whoever sends something to a plant asks [`Term::epoch`] right
//! before. A process that was stopped asks after it woke, by a clock that went on meanwhile, and finds that its time is
//! over, whatever lay in its queues.

use crate::ambient::monotonic;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How late the end of a term that nobody tells may be noticed by who waits for it.
const LOOK: Duration = Duration::from_millis(200);

/// A leadership that this replica holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub epoch: u64,
    /// It ends then unless it is renewed.
    pub until: Instant,
}

/// What the tasks know of it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Term(watch::Receiver<Option<Held>>);

impl Term {
    /// And the end by which the election tells it.
    pub fn new() -> (watch::Sender<Option<Held>>, Term) {
        let (tell, told) = watch::channel(None);
        (tell, Term(told))
    }

    /// The epoch in which this replica may act at this moment.
    pub fn epoch(&self) -> Option<u64> {
        self.0.borrow().filter(|held| monotonic() < held.until).map(|held| held.epoch)
    }

    /// Waits until the election says something new. False: nobody will.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// Waits until this replica leads: the epoch.
    pub async fn begins(&self) -> u64 {
        loop {
            self.until(|epoch| epoch.is_some()).await;
            if let Some(epoch) = self.epoch() {
                return epoch;
            }
        }
    }

    /// Waits until it does not lead in this epoch any more. It may lead in a later one by then: another led in between.
    pub async fn ends(&self, epoch: u64) {
        self.until(|now| now != Some(epoch)).await;
    }

    async fn until(&self, so: impl Fn(Option<u64>) -> bool) {
        let mut told = self.0.clone();
        while !so(self.epoch()) {
            tokio::select! {
                // Nobody will say anything any more: the process ends.
                changed = told.changed() => if changed.is_err() { std::future::pending::<()>().await },
                // A term also runs out without anybody saying so.
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_epoch_is_another_term_even_if_nobody_looked_in_between() {
        let (tell, term) = Term::new();
        let held = |epoch| Some(Held { epoch, until: monotonic() + Duration::from_secs(60) });
        tell.send_replace(held(4));
        assert_eq!(term.begins().await, 4);
        let short = Duration::from_millis(1);
        assert!(tokio::time::timeout(short, term.ends(4)).await.is_err(), "it goes on");
        tell.send_replace(None);
        tell.send_replace(held(6));
        term.ends(4).await;
        assert_eq!(term.begins().await, 6);
    }

    #[test]
    fn it_ends_by_itself_and_when_it_is_told_to() {
        let (tell, term) = Term::new();
        assert_eq!(term.epoch(), None);
        tell.send_replace(Some(Held { epoch: 4, until: monotonic() + Duration::from_secs(60) }));
        assert_eq!(term.epoch(), Some(4));
        tell.send_replace(Some(Held { epoch: 4, until: monotonic() }));
        assert_eq!(term.epoch(), None, "nobody had to say so");
        tell.send_replace(None);
        assert_eq!(term.epoch(), None);
    }
}
