//! The one task that owns the domain, whether this replica leads or follows. It carries out effects in their order and
//! brings back what became of them.
//!
//! ```text
//!  MQTT, API, clock -> mpsc -> [ Domain::handle ] -> append  -> Appended, before anything else is handled
//!                                                 -> solve   -> threads of their own ([`super::solving`])
//!                                                 -> send    -> the session's task
//!                                                 -> reply   -> whoever asked
//!             clock -> [ Election::handle ] -> the lease; begins a leadership and ends it
//!             clock -> the journal's next entries, while another replica leads
//! ```
//! An append is awaited in place: nothing else is decided meanwhile, so that no effect can overtake its event. The election
//! is run by the same task, so that a leader whose domain is stuck does not keep its lease. Before each effect it is asked
//! whether this replica still leads: after a pause of the process the answer is no, and what was decided before it is left
//! undone, unless the lease can still be renewed because nobody else has led meanwhile. A journal that does not take an
//! entry ends the leadership: whoever cannot record may not command.

use super::metrics::{Metrics, Stopwatch};
use super::solving::{Answers, Solving};
use super::term::{Held, Term};
use crate::ambient::{monotonic, now};
use crate::domain::alarms::Acknowledgement;
use crate::domain::forecast::Wanted;
use crate::domain::{Domain, Effect, Input, Rejection, Request};
use crate::election::{self, Election, Leases, Replica, Timing};
use crate::journal::{Store, Verifier};
use hypocaust_protocols::model::{Millis, PlantId};
use hypocaust_protocols::wire::Signed;
use hypocaust_protocols::wire::subagent::Task;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// Questions and inputs that may wait for the domain; a caller beyond that waits.
const QUEUE: usize = 4096;
/// How often the domain is told that time has passed.
const CLOCK: Duration = Duration::from_millis(200);

/// Entries of the journal that are read at a time.
const PAGE: usize = 500;

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
    Acknowledge(Acknowledgement, Answered),
    Ask(Question),
    Reach(bool),
    Leave(oneshot::Sender<()>),
}

/// Why the task ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The journal is not the one that this replica has read so far, or says what it cannot read.
    #[error("this centre cannot go on with its journal: {0}")]
    Journal(String),
    #[error("nobody holds this domain any more")]
    Unheld,
}

/// The way to the domain, for the API and the MQTT host. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    messages: mpsc::Sender<Message>,
}

/// The domain's task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the domain of this centre has ended")]
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

    /// Whether this replica reaches the broker: one that does not neither stands for election nor keeps its lease for long.
    pub async fn reach(&self, reaches: bool) -> Result<(), Gone> {
        self.messages.send(Message::Reach(reaches)).await.map_err(|_| Gone)
    }

    /// Ends a leadership and gives its lease up, so that another replica leads at once; this one does not stand again.
    pub async fn leave(&self) -> Result<(), Gone> {
        let (tell, told) = oneshot::channel();
        self.messages.send(Message::Leave(tell)).await.map_err(|_| Gone)?;
        told.await.map_err(|_| Gone)
    }

    /// A person's command: its id when the decision is in the journal, or why it is refused.
    pub async fn operate(&self, request: Request) -> Result<Result<String, Rejection>, Gone> {
        let (tell, told) = oneshot::channel();
        self.messages.send(Message::Operator(request, tell)).await.map_err(|_| Gone)?;
        told.await.map_err(|_| Gone)
    }

    /// A person has taken note of an alarm: its id when that is in the journal, or why it is refused.
    pub async fn acknowledge(&self, what: Acknowledgement) -> Result<Result<String, Rejection>, Gone> {
        let (tell, told) = oneshot::channel();
        self.messages.send(Message::Acknowledge(what, tell)).await.map_err(|_| Gone)?;
        told.await.map_err(|_| Gone)
    }
}

/// The domain in its task.
pub struct Leader<S> {
    domain: Domain,
    journal: S,
    /// Has taken what the domain has followed or written.
    tail: Verifier,
    election: Election,
    /// Why the lease could not be asked for the last time, if it could not.
    unasked: Option<String>,
    began: Instant,
    term: watch::Sender<Option<Held>>,
    outgoing: mpsc::Sender<Outgoing>,
    tasks: Option<mpsc::Sender<Task>>,
    foresight: Option<mpsc::Sender<Wanted>>,
    own: mpsc::WeakSender<Message>,
    inbox: mpsc::Receiver<Message>,
    asked: BTreeMap<u64, Answered>,
    next_request: u64,
    solving: Solving,
    stopwatch: Stopwatch,
    metrics: Metrics,
}

/// A replica's domain, the way to it, and its right to act. `domain` follows; `tail` has taken what it is the fold of.
/// `outgoing` takes what is to be published; while it is full the domain waits, and while nobody listens it goes on
/// without: an edge that hears nothing holds.
pub fn leader<S: Store + Leases>(
    domain: Domain,
    tail: Verifier,
    journal: S,
    me: Replica,
    outgoing: mpsc::Sender<Outgoing>,
    metrics: Metrics,
) -> (Leader<S>, Handle, Term) {
    let (messages, inbox) = mpsc::channel(QUEUE);
    let limits = &domain.fleet().limits;
    let solve_limit = Duration::from_secs_f64(limits.solve_limit_s);
    let timing = Timing::of(limits);
    let own = messages.downgrade();
    let (tell, term) = Term::new();
    let leader = Leader {
        domain,
        journal,
        tail,
        election: Election::new(me, timing, 0),
        unasked: None,
        began: monotonic(),
        term: tell,
        outgoing,
        tasks: None,
        foresight: None,
        own,
        inbox,
        asked: BTreeMap::new(),
        next_request: 1,
        solving: Solving::new(solve_limit),
        stopwatch: Stopwatch::new(metrics.clone()),
        metrics,
    };
    (leader, Handle { messages }, term)
}

impl<S: Store + Leases> Leader<S> {
    /// Tasks of sub-agents go there; without it none leaves.
    #[must_use]
    pub fn asking(mut self, tasks: mpsc::Sender<Task>) -> Leader<S> {
        self.tasks = Some(tasks);
        self
    }

    /// What it wants to know of the hours to come is asked there; without it the profiles of the fleet's files serve.
    #[must_use]
    pub fn foreseeing(mut self, foresight: mpsc::Sender<Wanted>) -> Leader<S> {
        self.foresight = Some(foresight);
        self
    }

    /// Leads and follows until the journal cannot be gone on with or every [`Handle`] is gone.
    pub async fn run(mut self) -> Ended {
        let mut clock = tokio::time::interval(CLOCK);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                _ = clock.tick() => self.tick().await,
                message = self.inbox.recv() => match message {
                    None => return Ended::Unheld,
                    Some(Message::Input(input)) => self.handle(input).await,
                    Some(Message::Ask(question)) => {
                        question(&self.domain, now());
                        Ok(())
                    }
                    Some(Message::Operator(what, tell)) => {
                        let request = self.owes(tell);
                        self.handle(Input::Operator { request, what }).await
                    }
                    Some(Message::Acknowledge(what, tell)) => {
                        let request = self.owes(tell);
                        self.handle(Input::Acknowledge { request, what }).await
                    }
                    Some(Message::Reach(reaches)) => self.stand(election::Input::Reach(reaches)).await,
                    Some(Message::Leave(tell)) => {
                        let done = self.stand(election::Input::Leave).await;
                        let _ = tell.send(());
                        done
                    }
                },
            };
            if let Err(why) = done {
                return Ended::Journal(why);
            }
        }
    }

    /// The number under which an answer is owed to somebody.
    fn owes(&mut self, tell: Answered) -> u64 {
        let request = self.next_request;
        self.next_request += 1;
        self.asked.insert(request, tell);
        request
    }

    /// The election's clock, in milliseconds since this task was made.
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(monotonic().duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    /// How long the lease's store may take; beyond that it does not answer.
    fn patience(&self) -> Duration {
        Duration::from_millis(self.election.patience_ms(self.monotonic_ms()))
    }

    /// Does this replica lead at this moment, in the epoch of its domain?
    fn may_act(&self) -> bool {
        self.election.leads(self.monotonic_ms()) == Some(self.domain.epoch())
    }

    async fn tick(&mut self) -> Result<(), String> {
        self.stand(election::Input::Heard { epoch: self.domain.highest_epoch() }).await?;
        self.stand(election::Input::Tick).await?;
        if self.election.until().is_none() {
            // One that cannot read now reads later; the audit says that it cannot.
            let _ = self.catch_up().await?;
        }
        self.handle(Input::Clock).await
    }

    /// One input of the election, and all that follows from it.
    async fn stand(&mut self, input: election::Input) -> Result<(), String> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.election.handle(self.monotonic_ms(), input) {
                match effect {
                    election::Effect::Look => {
                        let read = tokio::time::timeout(self.patience(), self.journal.lease()).await;
                        inputs.push_back(answered(read, election::Input::Seen));
                    }
                    election::Effect::Swap { seen, next } => {
                        let swap = self.journal.swap(seen.as_ref(), &next);
                        let swapped = tokio::time::timeout(self.patience(), swap).await;
                        let swapped = answered(swapped, election::Input::Swapped);
                        self.tell_of(&swapped);
                        inputs.push_back(swapped);
                    }
                    election::Effect::Lead { epoch } => {
                        // Nobody else can append any more, so that there is an end.
                        match self.catch_up().await? {
                            Ok(()) => {
                                tracing::info!(epoch, head = %self.domain.head(), "this replica leads");
                                self.domain.lead(epoch);
                            }
                            Err(error) => {
                                let reason = format!("the journal cannot be read to its end: {error}");
                                inputs.push_back(election::Input::Deposed { reason });
                            }
                        }
                    }
                    election::Effect::Stop { reason } => {
                        tracing::warn!(%reason, epoch = self.domain.epoch(), "this replica leads no more");
                        self.domain.stand_back();
                        for (_, tell) in std::mem::take(&mut self.asked) {
                            let _ = tell.send(Err(Rejection::NotLeading(reason.clone())));
                        }
                    }
                }
            }
        }
        let now = self.monotonic_ms();
        let held = self.election.leads(now).zip(self.election.until());
        let held = held.map(|(epoch, until)| Held { epoch, until: self.began + Duration::from_millis(until) });
        self.term.send_if_modified(|was| std::mem::replace(was, held) != held);
        self.domain.led_by(self.election.leader(now).map(|(replica, _)| replica.clone()));
        Ok(())
    }

    /// Says why the lease could not be asked for, once until it can be or there is another reason.
    fn tell_of(&mut self, swapped: &election::Input) {
        let why = match swapped {
            election::Input::NoAnswer(why) => Some(why.clone()),
            _ => None,
        };
        if let Some(why) = why.as_ref().filter(|_| why != self.unasked) {
            tracing::warn!(%why, "the lease cannot be asked for");
        }
        self.unasked = why;
    }

    /// Reads what others have appended. The inner error: the store did not answer. The outer one: what it gave is not the
    /// journal that this replica knows.
    async fn catch_up(&mut self) -> Result<Result<(), crate::journal::Error>, String> {
        loop {
            let page = match self.journal.read(self.domain.head().seq + 1, PAGE).await {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            for entry in &page {
                if let Err(broken) = self.tail.step(entry) {
                    self.metrics.chain(false);
                    return Err(format!("{broken} (GL-E-AUDIT-CHAIN-BROKEN)"));
                }
                self.domain.follow(entry).map_err(|error| error.to_string())?;
            }
            if page.len() < PAGE {
                return Ok(Ok(()));
            }
        }
    }

    /// One input and all that follows from it.
    async fn handle(&mut self, input: Input) -> Result<(), String> {
        let mut inputs = VecDeque::from([input]);
        let mut scheduled = false;
        // What the last append has stored, until the domain has taken it.
        let mut written: Vec<crate::journal::Entry> = Vec::new();
        while let Some(input) = inputs.pop_front() {
            // The lease has run out, perhaps while the process was stopped; or it is to be renewed, which does not wait
            // behind a row of inputs that each wait for an append.
            if self.election.until().is_some() && !self.may_act() || self.election.renews(self.monotonic_ms()) {
                self.stand(election::Input::Tick).await?;
            }
            if let Input::Solved { id, .. } = &input {
                self.stopwatch.answered(*id);
            }
            let effects = self.domain.handle(now(), input);
            let epoch = self.domain.epoch();
            // What this replica wrote it need not read, once its domain has taken it; the audit does. A leadership that
            // ended during the append has forgotten it, and reads it as what anybody wrote.
            if self.tail.head() != self.domain.head() {
                let entries = std::mem::take(&mut written);
                entries.iter().try_for_each(|e| self.tail.step(e)).map_err(|broken| broken.to_string())?;
            }
            for effect in effects {
                if effect.needs_the_lease() && !self.may_act() {
                    // It goes on if the lease can be renewed still; otherwise the leadership is over.
                    self.stand(election::Input::Tick).await?;
                    if !self.may_act() || self.domain.epoch() != epoch {
                        continue;
                    }
                }
                match effect {
                    Effect::Append { expected, epoch, drafts } => {
                        scheduled |= drafts.iter().any(|d| d.kind == SCHEDULED);
                        written = crate::journal::Entry::chain(&expected, epoch, drafts.clone());
                        inputs.push_back(match self.journal.append(&expected, epoch, drafts).await {
                            Ok(head) => Input::Appended { head },
                            Err(error) => Input::AppendFailed { reason: error.to_string() },
                        });
                    }
                    Effect::Solve { id, at, case } => {
                        self.stopwatch.ordered(id);
                        self.solving.cycle(id, at, case, self.answers());
                    }
                    Effect::SolveLosses { at, base, losses } => {
                        self.solving.losses(at, base, losses, self.answers());
                    }
                    Effect::Send { plant, metric, signed } => {
                        let _ = self.outgoing.send(Outgoing { plant, metric, signed }).await;
                    }
                    Effect::Reply { request, result } => {
                        if let Some(tell) = self.asked.remove(&request) {
                            let _ = tell.send(result);
                        }
                    }
                    // Advice never holds up what it advises: a task that finds no room is not asked, and ends by its
                    // deadline.
                    Effect::Task { task } => {
                        if let Some(tasks) = &self.tasks {
                            let _ = tasks.try_send(*task);
                        }
                    }
                    // One that finds the one before it still under way is asked for again with the next quarter of an hour.
                    Effect::Foresee { wanted } => {
                        if let Some(foresight) = &self.foresight {
                            let _ = foresight.try_send(*wanted);
                        }
                    }
                    Effect::StepDown { reason } => self.stand(election::Input::Deposed { reason }).await?,
                }
            }
        }
        if scheduled {
            self.stopwatch.dispatched();
        }
        Ok(())
    }

    /// Where solves bring their answers.
    fn answers(&self) -> Answers {
        let own = self.own.clone();
        Answers::new(move |id, answer| {
            // A full queue holds up the solver's thread, never an answer; without a domain nobody wants one.
            if let Some(own) = own.upgrade() {
                let _ = own.blocking_send(Message::Input(Input::Solved { id, answer }));
            }
        })
    }
}

/// What the lease's store answered, as the election takes it.
fn answered<T>(
    answer: Result<Result<T, election::Error>, tokio::time::error::Elapsed>,
    make: fn(T) -> election::Input,
) -> election::Input {
    match answer {
        Ok(Ok(answer)) => make(answer),
        Ok(Err(election::Error::NotAbove { highest, .. })) => election::Input::TooLow { highest },
        Ok(Err(election::Error::Unavailable { step, source })) => {
            election::Input::NoAnswer(format!("the lease's store failed in {step}: {source}"))
        }
        Err(_) => election::Input::NoAnswer("the lease's store did not answer in time".into()),
    }
}

#[cfg(test)]
pub mod tests;
