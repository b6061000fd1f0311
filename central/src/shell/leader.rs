//! The one task that owns the domain. It carries out effects in their order and brings back what became of them.
//!
//! ```text
//!  MQTT, API, clock -> mpsc -> [ Domain::handle ] -> append  -> Appended, before anything else is handled
//!                                                 -> solve   -> a thread of its own, Solved or Late by the wall clock
//!                                                 -> send    -> the session's task
//!                                                 -> reply   -> whoever asked
//! ```
//! An append is awaited in place: nothing else is decided meanwhile, so that no effect can overtake its event. A journal
//! that does not take it ends this leader ([`Ended`]): whoever cannot record may not command.

use super::metrics::{Metrics, Stopwatch};
use crate::ambient::now;
use crate::domain::{Answer, Domain, Effect, Input, Purpose, Rejection, Request};
use crate::journal::Store;
use hypocaust_optimizer::{Case, Options, Solution};
use hypocaust_protocols::model::{Millis, PlantId};
use hypocaust_protocols::wire::Signed;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Questions and inputs that may wait for the domain; a caller beyond that waits.
const QUEUE: usize = 4096;
/// How often the domain is told that time has passed.
const CLOCK: Duration = Duration::from_millis(200);

/// The kind of the entry that ends a dispatch cycle.
const SCHEDULED: &str = "scheduled";

/// A node command on its way to an edge.
#[derive(Debug)]
pub struct Outgoing {
    pub plant: PlantId,
    pub metric: &'static str,
    pub signed: Signed,
}

type Question = Box<dyn FnOnce(&Domain, Millis) + Send>;
type Answered = oneshot::Sender<Result<String, Rejection>>;

enum Message {
    Input(Input),
    Operator(Request, Answered),
    Ask(Question),
}

/// Why a leader ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    #[error("this centre no longer leads: {0}")]
    SteppedDown(String),
    #[error("nobody holds this leader any more")]
    Unheld,
}

/// The way to the domain, for the API and the MQTT host. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    messages: mpsc::Sender<Message>,
}

/// The leader has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the leader of this centre has ended")]
pub struct Gone;

impl Handle {
    /// Gives the domain an input.
    pub async fn give(&self, input: Input) -> Result<(), Gone> {
        self.messages.send(Message::Input(input)).await.map_err(|_| Gone)
    }

    /// Asks the domain something; it answers between two inputs, so that the answer is of one moment.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Domain, Millis) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (tell, told) = oneshot::channel();
        let question = Box::new(move |domain: &Domain, now: Millis| {
            // A caller who has gone away meanwhile is not owed an answer.
            let _ = tell.send(question(domain, now));
        });
        self.messages.send(Message::Ask(question)).await.map_err(|_| Gone)?;
        told.await.map_err(|_| Gone)
    }

    /// A person's command: its id when the decision is in the journal, or why it is refused.
    pub async fn operate(&self, request: Request) -> Result<Result<String, Rejection>, Gone> {
        let (tell, told) = oneshot::channel();
        self.messages.send(Message::Operator(request, tell)).await.map_err(|_| Gone)?;
        told.await.map_err(|_| Gone)
    }
}

/// The domain in its task.
pub struct Leader<S> {
    domain: Domain,
    journal: S,
    outgoing: mpsc::Sender<Outgoing>,
    own: mpsc::WeakSender<Message>,
    inbox: mpsc::Receiver<Message>,
    asked: BTreeMap<u64, Answered>,
    next_request: u64,
    solve_limit: Duration,
    stopwatch: Stopwatch,
}

/// A leader and the way to it. `outgoing` takes what is to be published; while it is full the leader waits, and while
/// nobody listens it goes on without: an edge that hears nothing holds.
pub fn leader<S: Store>(
    domain: Domain,
    journal: S,
    outgoing: mpsc::Sender<Outgoing>,
    metrics: Metrics,
) -> (Leader<S>, Handle) {
    let (messages, inbox) = mpsc::channel(QUEUE);
    let solve_limit = Duration::from_secs_f64(domain.fleet().limits.solve_limit_s);
    let own = messages.downgrade();
    let leader = Leader {
        domain,
        journal,
        outgoing,
        own,
        inbox,
        asked: BTreeMap::new(),
        next_request: 1,
        solve_limit,
        stopwatch: Stopwatch::new(metrics),
    };
    (leader, Handle { messages })
}

impl<S: Store> Leader<S> {
    /// Leads until the journal refuses or every [`Handle`] is gone.
    pub async fn run(mut self) -> Ended {
        let mut clock = tokio::time::interval(CLOCK);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let input = tokio::select! {
                _ = clock.tick() => Input::Clock,
                message = self.inbox.recv() => match message {
                    None => return Ended::Unheld,
                    Some(Message::Input(input)) => input,
                    Some(Message::Ask(question)) => {
                        question(&self.domain, now());
                        continue;
                    }
                    Some(Message::Operator(what, tell)) => {
                        let request = self.next_request;
                        self.next_request += 1;
                        self.asked.insert(request, tell);
                        Input::Operator { request, what }
                    }
                },
            };
            if let Some(reason) = self.handle(input).await {
                return Ended::SteppedDown(reason);
            }
        }
    }

    /// One input and all that follows from it; the reason when the domain steps down.
    async fn handle(&mut self, input: Input) -> Option<String> {
        let mut inputs = VecDeque::from([input]);
        let mut scheduled = false;
        while let Some(input) = inputs.pop_front() {
            if let Input::Solved { id, .. } = &input {
                self.stopwatch.answered(*id);
            }
            for effect in self.domain.handle(now(), input) {
                match effect {
                    Effect::Append { expected, epoch, drafts } => {
                        scheduled |= drafts.iter().any(|d| d.kind == SCHEDULED);
                        inputs.push_back(match self.journal.append(&expected, epoch, drafts).await {
                            Ok(head) => Input::Appended { head },
                            Err(error) => Input::AppendFailed { reason: error.to_string() },
                        });
                    }
                    Effect::Solve { id, purpose, case } => {
                        self.stopwatch.ordered(id, purpose == Purpose::Dispatch);
                        self.solve(id, case);
                    }
                    Effect::Send { plant, metric, signed } => {
                        let _ = self.outgoing.send(Outgoing { plant, metric, signed }).await;
                    }
                    Effect::Reply { request, result } => {
                        if let Some(tell) = self.asked.remove(&request) {
                            let _ = tell.send(result);
                        }
                    }
                    Effect::StepDown { reason } => return Some(reason),
                }
            }
        }
        if scheduled {
            self.stopwatch.dispatched();
        }
        None
    }

    /// Solves on a thread of its own. A solve that passes its limit is reported late; its thread ends by itself, because
    /// the solver's own iteration limit bounds it.
    fn solve(&self, id: u64, case: Box<Case>) {
        let (own, limit) = (self.own.clone(), self.solve_limit);
        tokio::spawn(async move {
            let work = tokio::task::spawn_blocking(move || timed_solve(&case));
            let answer = match tokio::time::timeout(limit, work).await {
                Err(_) => Answer::Late,
                Ok(Err(error)) => Answer::Failed(format!("the solver's thread ended: {error}")),
                Ok(Ok(Err(error))) => Answer::Failed(error.to_string()),
                Ok(Ok(Ok(solution))) => Answer::Solution(Box::new(solution)),
            };
            if let Some(own) = own.upgrade() {
                let _ = own.send(Message::Input(Input::Solved { id, answer })).await;
            }
        });
    }
}

/// Solves, and says in the solution how long that took; a solver that reads no clock cannot.
fn timed_solve(case: &Case) -> Result<Solution, hypocaust_optimizer::Error> {
    #[expect(clippy::disallowed_methods, reason = "the shell measures what it has done; nothing is decided by it")]
    let begun = std::time::Instant::now();
    let mut solution = hypocaust_optimizer::solve(case, &Options::default())?;
    solution.solver.ms = Some(begun.elapsed().as_secs_f64() * 1000.0);
    Ok(solution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Judges, Mode, State, Status};
    use crate::journal::{Head, Memory};
    use hypocaust_protocols::model::{Quality, Sample, Tag, Tick};
    use hypocaust_protocols::wire::{Entry, SigningKey};
    use std::path::Path;
    use std::sync::Arc;

    fn domain(head: impl FnOnce(&Head) -> Head) -> (Domain, Memory) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
        let fleet = Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"));
        let genesis = Head::genesis(&fleet.id);
        let journal = Memory::new(&fleet.id);
        let key = SigningKey::from_bytes(&[3; 32]);
        (Domain::new(fleet, key, Judges::ours(), 1, State::fold([]), head(&genesis)), journal)
    }

    #[tokio::test]
    async fn its_beginning_is_in_the_journal_and_a_command_to_a_silent_plant_is_refused() {
        let (domain, journal) = domain(|genesis| *genesis);
        let (outgoing, _kept) = mpsc::channel(16);
        let metrics = Metrics::new(domain.fleet());
        let (leader, handle) = leader(domain, journal, outgoing, metrics);
        let running = tokio::spawn(leader.run());
        while !handle.ask(|domain, _| domain.leads()).await.expect("it leads") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let head = handle.ask(|domain, _| domain.head()).await.expect("an answer");
        assert!(head.seq >= 1, "its beginning is journaled");
        let request = Request {
            user: "ann".into(),
            idempotency_key: "k".into(),
            plant: PlantId::new("north").expect("an id"),
            setpoint: "north.b2.load-sp".parse().expect("an id"),
            value: 4.0,
            reason: "a try".into(),
        };
        let refused = handle.operate(request).await.expect("an answer").expect_err("no edge is linked");
        assert_eq!(refused.code(), "GL-E-NOT-LINKED");
        drop(handle);
        assert!(matches!(running.await, Ok(Ended::Unheld)));
    }

    #[tokio::test]
    async fn a_dispatch_says_how_long_its_solve_took() {
        let (domain, journal) = domain(|genesis| *genesis);
        let fleet = Arc::new(domain.fleet().clone());
        let (outgoing, _kept) = mpsc::channel(1024);
        let metrics = Metrics::new(&fleet);
        let (leader, handle) = leader(domain, journal, outgoing, metrics);
        tokio::spawn(leader.run());
        for plant in &fleet.plants {
            let status = Status {
                boot: 1,
                tick: Tick(1),
                mode: Some(Mode::Remote),
                trips: None,
                devices: None,
                spool: None,
                anchor: None,
            };
            handle.give(Input::EdgeBirth { plant: plant.id.clone(), status }).await.expect("it leads");
            for device in &plant.devices {
                let sample =
                    |t: &Tag| Sample { tag: t.id.clone(), time: now(), value: Some(1.0), quality: Quality::Good };
                let samples = plant.tags.iter().filter(|t| t.device == device.id).map(sample).collect();
                let entry = Entry { boot: 1, seq: 0, device: device.id.clone(), samples };
                handle.give(Input::Samples { plant: plant.id.clone(), entry }).await.expect("it leads");
            }
        }
        let view = loop {
            if let Some(view) = handle.ask(|domain, _| domain.dispatch_view()).await.expect("it leads") {
                break view;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(view.source, "optimal");
        assert!(view.solve_ms.is_some_and(|ms| ms > 0.0), "{:?}", view.solve_ms);
    }

    #[tokio::test]
    async fn a_journal_that_somebody_else_wrote_ends_the_leader() {
        let (domain, journal) = domain(|genesis| Head { seq: 5, ..*genesis });
        let (outgoing, _kept) = mpsc::channel(16);
        let metrics = Metrics::new(domain.fleet());
        let (leader, _handle) = leader(domain, journal, outgoing, metrics);
        assert!(matches!(leader.run().await, Ended::SteppedDown(_)));
    }
}
