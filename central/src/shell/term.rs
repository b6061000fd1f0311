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

    /// Waits until this replica leads.
    pub async fn begins(&self) {
        self.turns(true).await;
    }

    /// Waits until it does not.
    pub async fn ends(&self) {
        self.turns(false).await;
    }

    async fn turns(&self, leads: bool) {
        let mut told = self.0.clone();
        while self.epoch().is_some() != leads {
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
