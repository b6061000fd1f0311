//! Is the bus well, by those who use it?

use super::reading::Probed;
use crate::api::Gate;
use crate::shell::metrics::Metrics;
use crate::shell::term::Term;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Writing,
    Reading,
    Publishing,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Writing => "writing telemetry",
            Part::Reading => "reading telemetry",
            Part::Publishing => "publishing the journal",
        }
    }
}

/// What each part last said, and how far reading is behind. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    parts: BTreeMap<Part, Result<(), String>>,
    lag: Option<u64>,
}

/// The bus in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub ok: bool,
    pub detail: String,
    /// Messages of `heat.telemetry` that the history does not have yet; `None` while that cannot be asked.
    pub lag: Option<u64>,
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        // One assignment at a time: what a panicking thread left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a part met. Trouble goes to the log once, when it begins and when it ends.
    pub fn report(&self, part: Part, outcome: Result<(), String>) {
        let before = self.state().parts.insert(part, outcome.clone());
        match (before, outcome) {
            (None | Some(Ok(())), Err(why)) => tracing::warn!(%why, "the bus fails at {}", part.name()),
            (Some(Err(_)), Ok(())) => tracing::info!("the bus is well again at {}", part.name()),
            _ => {}
        }
    }

    /// Reading cannot begin: nothing is known of how far it is behind.
    pub fn unread(&self, why: String) {
        self.state().lag = None;
        self.report(Part::Reading, Err(why));
    }

    /// What the cluster's answer meant for whoever reads. A reading that is over says nothing: the next one does.
    pub fn probed(&self, probed: &Probed) {
        match probed {
            Probed::Away(why) => self.unread(why.clone()),
            Probed::Behind(lag) => {
                self.state().lag = Some(*lag);
                self.report(Part::Reading, Ok(()));
            }
            Probed::Over => {}
        }
    }

    /// The verdict of a replica that leads, or does not: then nobody uses the bus there.
    pub fn judged(&self, leads: bool) -> Verdict {
        if leads { self.verdict() } else { self.rest() }
    }

    fn verdict(&self) -> Verdict {
        let state = self.state();
        let troubles: Vec<String> = state
            .parts
            .iter()
            .filter_map(|(part, outcome)| Some(format!("{}: {}", part.name(), outcome.as_ref().err()?)))
            .collect();
        let detail = match (troubles.is_empty(), state.lag) {
            (false, _) => troubles.join("; "),
            // Whoever reads has asked the cluster; before that nothing is known.
            (true, None) => "Kafka has not answered yet".to_owned(),
            (true, Some(lag)) => format!("{lag} messages to be stored"),
        };
        Verdict { ok: troubles.is_empty() && state.lag.is_some(), detail, lag: state.lag }
    }

    fn rest(&self) -> Verdict {
        *self.state() = State::default();
        Verdict { ok: true, detail: "used by the replica that leads".into(), lag: None }
    }

    /// Tells the gate and the metrics every second.
    pub(super) async fn watch(self, gate: Gate, metrics: Metrics, term: Term) {
        loop {
            let verdict = self.judged(term.epoch().is_some());
            metrics.bus(verdict.ok, verdict.lag);
            gate.report("bus", verdict.ok, verdict.detail);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_well_when_every_part_is_and_the_cluster_has_answered() {
        let health = Health::default();
        assert!(!health.verdict().ok, "nothing is known yet");
        health.probed(&Probed::Behind(3));
        assert_eq!(health.verdict(), Verdict { ok: true, detail: "3 messages to be stored".into(), lag: Some(3) });
        health.report(Part::Writing, Err("away".into()));
        health.report(Part::Publishing, Err("late".into()));
        let verdict = health.verdict();
        assert!(!verdict.ok);
        assert_eq!(verdict.detail, "writing telemetry: away; publishing the journal: late");
        health.report(Part::Writing, Ok(()));
        health.report(Part::Publishing, Ok(()));
        assert!(health.verdict().ok);
        health.probed(&Probed::Away("silent".into()));
        assert_eq!(health.verdict().detail, "reading telemetry: silent");
        health.probed(&Probed::Over);
        assert!(!health.verdict().ok, "nothing is heard of the next one yet");
        health.probed(&Probed::Behind(0));
        assert!(health.judged(true).ok);
        assert_eq!(health.judged(false).lag, None);
        assert!(!health.judged(true).ok, "a new leader has not asked yet");
    }
}
