//! The centre's mind: a synchronous state machine that is handed `now` and an [`Input`] and answers with [`Effect`]s.
//!
//! There are two kinds of memory. The [`State`] is the fold of the journal; it survives. The [`Image`] is what the plants
//! are like now; a new leader hears it anew. Decisions are made from both and are events. **Persist, then act**: events
//! go out as one [`Effect::Append`], and only when [`Input::Appended`] has come back are they applied and what follows
//! from them is sent. Until then inputs wait; the image alone goes on. There is never a second append outstanding, so
//! the place of each event in the journal is known when it is decided, and ids of orders are made of it.
//!
//! What must happen again after a crash (an order without an answer, a table that an edge may not have) is not
//! remembered as a to-do: it is derived from the state by [`Domain::handle`] whenever time passes.
//!
//! An append that fails ends this leadership: it stops to beat and to send, and the edges hold and then act on their own
//! unless another replica leads before. A replica that *follows* decides nothing: it hears the plants into its image and
//! reads the journal into its state ([`Domain::follow`]), so that it can show both, and lead at once ([`Domain::lead`]).

pub mod alarms;
pub mod balance;
pub mod case;
pub mod commands;
pub mod contingency;
mod cycle;
pub mod dispatch;
pub mod event;
pub mod explain;
pub mod forecast;
pub mod grid;
pub mod image;
pub mod input;
pub mod plan;
pub mod restoration;
pub mod schedule;
pub mod state;
pub mod subagents;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod view;
mod words;

pub use dispatch::Judges;
pub use event::{Event, Recorded};
pub use image::{Image, Mode};
pub use input::{Answer, Effect, Input, Rejection, Request, Spool, Status};
pub use plan::Plan;
pub use schedule::{Origin, Schedule};
pub use state::State;
pub use tally::Tally;

use crate::election::Replica;
use crate::journal::{Entry, Head};
use alarms::Acknowledgement;
use case::Built;
use hypocaust_protocols::model::{Fleet, Millis, PlantId};
use hypocaust_protocols::wire::subagent::Coordination;
use hypocaust_protocols::wire::{Beat, Command, Loss, Outcome, Signed, SigningKey, Table, metric};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A trip, or a change that needs a schedule at once, waits at least this long after the last one.
const URGENT_SPACING_MS: i64 = 1_000;
/// Tables are sent again after this time: a node command has no acknowledgement.
const TABLE_AGAIN_MS: i64 = 30_000;
/// Answers to unknown ids that are journaled per plant and minute; a flood of them must not become a flood of entries. The
/// rest is counted.
const STRANGERS_PER_MINUTE: u32 = 30;

/// A dispatch solve that is under way.
#[derive(Debug)]
struct Cycle {
    id: u64,
    built: Built,
    asked: Millis,
}

/// Events on their way into the journal, and the replies that wait for them.
#[derive(Debug)]
struct InFlight {
    events: Vec<Recorded>,
    since: Millis,
    replies: Vec<(u64, Result<String, Rejection>)>,
}

/// What waits for a decision.
#[derive(Debug)]
enum Waiting {
    Outcome(PlantId, Outcome),
    Solved(Answer, Box<Built>),
    Operator(u64, Request),
    Acknowledge(u64, Acknowledgement),
    Forked(PlantId, Head),
}

/// The centre's mind in one replica. What belongs to one leadership lives as long as that: [`Domain::lead`] and
/// [`Domain::stand_back`] keep state, image and journal's head, and nothing else.
#[derive(Debug)]
pub struct Domain {
    fleet: Arc<Fleet>,
    key: SigningKey,
    judges: Judges,
    epoch: u64,
    state: State,
    image: Image,
    head: Head,
    /// Decides nothing.
    follows: bool,
    started: bool,
    stopped: Option<String>,
    /// This replica's id, for the journal.
    me: Option<String>,
    leader: Option<Replica>,
    in_flight: Option<InFlight>,
    waiting: VecDeque<Waiting>,
    cycle: Option<Cycle>,
    last_cycle: Option<Millis>,
    /// Since when a plant can be planned for.
    plants_known: Option<Millis>,
    urgent: bool,
    plans: plan::Plans,
    /// What the past says of the hours to come, and up to when it was asked.
    foreseen: Option<Arc<forecast::Forecasts>>,
    foresee_asked: Option<Millis>,
    ahead: contingency::Ahead,
    /// Losses that are being solved, and since when.
    losses: BTreeMap<u64, (Loss, Built, Millis)>,
    /// Losses that wait for the dispatch solve to be through, and whether units may go to their proven rating in them.
    losses_due: Vec<(Loss, bool)>,
    next_solve: u64,
    sent: BTreeMap<String, Millis>,
    last_beat: Option<Millis>,
    tables_sent: BTreeMap<PlantId, (u64, u64, Millis)>,
    strangers: BTreeMap<PlantId, (i64, u32)>,
    forks_seen: BTreeMap<PlantId, u64>,
    subagents: subagents::Registry,
    tally: Tally,
}

impl Domain {
    /// A leader of this epoch, which must be above every epoch in the journal and at the edges. `state` is the fold of
    /// the journal that ends in `head`.
    pub fn new(fleet: Arc<Fleet>, key: SigningKey, judges: Judges, epoch: u64, state: State, head: Head) -> Domain {
        Domain {
            fleet,
            key,
            judges,
            epoch,
            state,
            image: Image::default(),
            head,
            follows: false,
            started: false,
            stopped: None,
            me: None,
            leader: None,
            in_flight: None,
            waiting: VecDeque::new(),
            cycle: None,
            last_cycle: None,
            plants_known: None,
            urgent: false,
            plans: plan::Plans::default(),
            foreseen: None,
            foresee_asked: None,
            ahead: contingency::Ahead::default(),
            losses: BTreeMap::new(),
            losses_due: Vec::new(),
            next_solve: 1,
            sent: BTreeMap::new(),
            last_beat: None,
            tables_sent: BTreeMap::new(),
            strangers: BTreeMap::new(),
            forks_seen: BTreeMap::new(),
            subagents: subagents::Registry::new(judges.admit),
            tally: Tally::default(),
        }
    }

    /// A replica that follows. `me` is its id.
    pub fn following(
        fleet: Arc<Fleet>,
        key: SigningKey,
        judges: Judges,
        me: String,
        state: State,
        head: Head,
    ) -> Domain {
        let epoch = state.epoch;
        Domain { follows: true, me: Some(me), ..Domain::new(fleet, key, judges, epoch, state, head) }
    }

    /// Leads from now on, with what it has heard and read. `epoch` is above every epoch in the journal and at the edges,
    /// and the journal has been read to its end.
    pub fn lead(&mut self, epoch: u64) {
        self.anew(epoch, false);
    }

    /// Follows from now on. What was on its way into the journal is read from there, if it got there.
    pub fn stand_back(&mut self) {
        self.anew(self.state.epoch, true);
    }

    fn anew(&mut self, epoch: u64, follows: bool) {
        let (state, image) = (std::mem::take(&mut self.state), std::mem::take(&mut self.image));
        let (fleet, key) = (Arc::clone(&self.fleet), self.key.clone());
        *self = Domain {
            image,
            follows,
            tally: std::mem::take(&mut self.tally),
            me: self.me.take(),
            leader: self.leader.take(),
            ..Domain::new(fleet, key, self.judges, epoch, state, self.head)
        };
    }

    /// What another part of this replica has heard of the plants so far.
    pub fn inherit(&mut self, image: Image) {
        self.image = image;
    }

    /// The next entry of a journal that another replica writes; its place in the chain is the caller's to verify.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), event::Error> {
        let recorded = Event::read(entry)?;
        self.state.apply(&recorded);
        self.tally.count(&self.state, &recorded);
        self.head = entry.head();
        if self.follows {
            self.epoch = self.state.epoch;
        }
        Ok(())
    }

    /// Who leads, as far as this replica can tell.
    pub fn leader(&self) -> Option<&Replica> {
        self.leader.as_ref()
    }
    /// The election says who leads.
    pub fn led_by(&mut self, leader: Option<Replica>) {
        self.leader = leader;
    }
    /// The highest epoch that the journal or an edge knows.
    pub fn highest_epoch(&self) -> u64 {
        let edges = self.image.edges.values().filter_map(|e| Some(e.anchor?.0));
        edges.fold(self.state.epoch, u64::max)
    }

    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }
    pub fn state(&self) -> &State {
        &self.state
    }
    pub fn image(&self) -> &Image {
        &self.image
    }
    pub fn subagents(&self) -> &subagents::Registry {
        &self.subagents
    }
    /// The horizon behind the schedule in force, and the one before it, as long as this replica leads.
    pub fn plan(&self) -> Option<(Arc<Plan>, Option<Arc<Plan>>)> {
        self.plans.latest()
    }
    /// What the past says of the hours to come, as long as this replica leads.
    pub fn foreseen(&self) -> Option<&forecast::Forecasts> {
        self.foreseen.as_deref()
    }
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
    pub fn head(&self) -> Head {
        self.head
    }
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
    /// Does it lead: has its beginning been journaled, and no append failed?
    pub fn leads(&self) -> bool {
        self.decides() && self.started && self.state.epoch == self.epoch
    }

    /// Has it a leadership that did not end? Its beginning may still be on its way into the journal.
    fn decides(&self) -> bool {
        !self.follows && self.stopped.is_none()
    }

    /// Takes one input. Order of the effects is the order in which they are to be carried out.
    pub fn handle(&mut self, now: Millis, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        self.absorb(now, input, &mut out);
        if !self.decides() {
            let rejection = self.not_leading();
            for waiting in self.waiting.drain(..) {
                if let Waiting::Operator(request, _) | Waiting::Acknowledge(request, ..) = waiting {
                    out.push(Effect::Reply { request, result: Err(rejection.clone()) });
                }
            }
            return out;
        }
        if self.in_flight.is_none() {
            self.decide(now, &mut out);
        }
        if self.leads() {
            self.perform(now, &mut out);
        }
        out
    }

    fn not_leading(&self) -> Rejection {
        match (&self.stopped, &self.leader) {
            (Some(reason), _) => Rejection::NotLeading(reason.clone()),
            (None, Some(leader)) => Rejection::Elsewhere(leader.clone()),
            (None, None) => Rejection::NotLeading("nobody leads at this moment; try again in some seconds".into()),
        }
    }

    /// Takes the input into the image, or lays it by for a decision.
    fn absorb(&mut self, now: Millis, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Clock => {}
            Input::EdgeBirth { plant, status } | Input::EdgeStatus { plant, status } => {
                self.edge_status(&plant, &status, now, out);
            }
            Input::EdgeDeath { plant } => self.image.lost(&plant),
            Input::Samples { entry, .. } => {
                let fleet = Arc::clone(&self.fleet);
                self.image.samples(&fleet, &entry.samples, now);
            }
            Input::Outcome { plant, outcome } => self.waiting.push_back(Waiting::Outcome(plant, outcome)),
            Input::Solved { id, answer } => self.solved(id, answer, now),
            // One of before, that was long on its way, is behind the one that is there.
            Input::Foreseen { forecasts } => {
                let newer = self.foreseen.as_ref().is_none_or(|f| f.until < forecasts.until);
                if newer && self.decides() {
                    self.foreseen = Some(Arc::new(forecasts.checked()));
                }
            }
            Input::Appended { head } => self.appended(now, head, out),
            Input::AppendFailed { reason } => self.stop(reason, out),
            Input::Operator { request, what } => self.waiting.push_back(Waiting::Operator(request, what)),
            Input::Acknowledge { request, what } => self.waiting.push_back(Waiting::Acknowledge(request, what)),
            // A follower knows who lives; what was answered is the leader's.
            Input::Subagent { message: Coordination::Report(_) } if !self.leads() => {}
            Input::Subagent { message } => {
                self.subagents.hear(&self.state, &self.fleet.limits.subagents, message, self.epoch, now);
            }
        }
        self.image.look(&self.fleet, now);
    }

    fn stop(&mut self, reason: String, out: &mut Vec<Effect>) {
        if let Some(in_flight) = self.in_flight.take() {
            for (request, _) in in_flight.replies {
                let result = Err(Rejection::NotLeading(reason.clone()));
                out.push(Effect::Reply { request, result });
            }
        }
        out.push(Effect::StepDown { reason: reason.clone() });
        self.stopped = Some(reason);
    }

    fn edge_status(&mut self, plant: &PlantId, status: &Status, now: Millis, out: &mut Vec<Effect>) {
        if self.fleet.plant(plant.as_str()).is_none() {
            return;
        }
        let trips_before = self.image.trips();
        self.image.status(plant, status, now);
        self.urgent |= self.image.trips() != trips_before;
        let Some((epoch, head)) = status.anchor else { return };
        if !self.decides() {
            return;
        }
        if epoch > self.epoch {
            let reason = format!("the edge of {plant} knows epoch {epoch}; this leader has {}", self.epoch);
            return self.stop(reason, out);
        }
        if let Some(theirs) = head
            && theirs.seq > self.head.seq
            && self.forks_seen.insert(plant.clone(), theirs.seq) != Some(theirs.seq)
        {
            self.waiting.push_back(Waiting::Forked(plant.clone(), theirs));
        }
    }

    // ---- decide -> append -> apply ----

    fn decide(&mut self, now: Millis, out: &mut Vec<Effect>) {
        let mut events = Vec::new();
        let mut replies = Vec::new();
        if !self.started {
            events.push(Event::Started { epoch: self.epoch, replica: self.me.clone() });
            self.started = true;
        } else {
            let fleet = Arc::clone(&self.fleet);
            self.links(&mut events);
            events.extend(self.subagents.decide(&fleet, &self.state, now));
            // What waits is taken one by one until it leads to something: a decision sees the state that the one
            // before it made.
            while events.is_empty()
                && let Some(waiting) = self.waiting.pop_front()
            {
                self.take(waiting, now, &mut events, &mut replies, out);
            }
            if events.is_empty() {
                events.extend(commands::given_up(&fleet, &self.state, &self.sent, now));
            }
            if events.is_empty() {
                events.extend(restoration::decide(&fleet, &self.image, &self.state, now));
                events.extend(restoration::escalate(&fleet, &self.state, now));
            }
            if events.is_empty() {
                events.extend(self.ahead.refusals());
            }
            if events.is_empty() && self.losses.is_empty() && self.losses_due.is_empty() {
                events.extend(self.ahead.tables(&fleet, &self.image, &self.state, now));
            }
        }
        if !events.is_empty() {
            self.commit(now, events, replies, out);
        }
    }

    /// Edges and sources that are not as the journal has them.
    fn links(&mut self, events: &mut Vec<Event>) {
        for (plant, edge) in &self.image.edges {
            let plant = plant.clone();
            match (edge.link, self.state.edges.get(&plant)) {
                (true, Some((boot, mode))) if *boot == edge.boot && *mode == edge.mode => {}
                (true, Some((boot, _))) if *boot == edge.boot => {
                    events.push(Event::EdgeMode { plant, mode: edge.mode });
                }
                (true, _) => events.push(Event::EdgeLinked { plant, boot: edge.boot, mode: edge.mode }),
                (false, Some(_)) => events.push(Event::EdgeLost { plant }),
                (false, None) => {}
            }
        }
        for (source, (to, _)) in &self.image.states {
            let from = self.state.sources.get(source).copied();
            if from != Some(*to) {
                self.urgent = true;
                events.push(Event::SourceChanged { source: source.clone(), from, to: *to });
            }
        }
    }

    fn take(
        &mut self,
        waiting: Waiting,
        now: Millis,
        events: &mut Vec<Event>,
        replies: &mut Vec<(u64, Result<String, Rejection>)>,
        out: &mut Vec<Effect>,
    ) {
        match waiting {
            Waiting::Outcome(plant, outcome) => {
                let Some(event) = commands::outcome(&self.state, &plant, &outcome) else { return };
                if matches!(event, Event::Stranger { .. }) && !self.stranger_is_kept(&plant, now) {
                    self.tally.stranger(&plant, &outcome);
                } else {
                    events.push(event);
                }
            }
            Waiting::Solved(answer, built) => self.take_answer(answer, &built, now, events, out),
            Waiting::Operator(request, what) => {
                match commands::operator(&self.fleet, &self.image, &self.state, &what) {
                    Ok(commands::Accepted::New(event)) => {
                        events.push(event);
                        // The id is known when the event has its place; `commit` fills it in.
                        replies.push((request, Ok(String::new())));
                    }
                    Ok(commands::Accepted::Before(id)) => out.push(Effect::Reply { request, result: Ok(id) }),
                    Err(rejection) => out.push(Effect::Reply { request, result: Err(rejection) }),
                }
            }
            Waiting::Acknowledge(request, what) => match alarms::acknowledge(&self.state, &what) {
                Ok(noted) if noted.is_empty() => out.push(Effect::Reply { request, result: Ok(what.alarm) }),
                Ok(noted) => {
                    events.extend(noted);
                    replies.push((request, Ok(what.alarm)));
                }
                Err(rejection) => out.push(Effect::Reply { request, result: Err(rejection) }),
            },
            Waiting::Forked(plant, theirs) => {
                events.push(Event::Forked { plant: plant.clone(), ours: self.head, theirs });
                let text = format!(
                    "the edge of {plant} knows entry {} of the journal, which ends at {}: decisions were lost",
                    theirs.seq, self.head.seq
                );
                events.extend(alarms::raise(&self.state, alarms::JOURNAL_FORK, 1, None, text));
            }
        }
    }

    fn stranger_is_kept(&mut self, plant: &PlantId, now: Millis) -> bool {
        let minute = now.0.div_euclid(60_000);
        let count = self.strangers.entry(plant.clone()).or_insert((minute, 0));
        if count.0 != minute {
            *count = (minute, 0);
        }
        count.1 += 1;
        count.1 <= STRANGERS_PER_MINUTE
    }

    /// Gives the events their places and sends them to the journal.
    fn commit(
        &mut self,
        now: Millis,
        events: Vec<Event>,
        mut replies: Vec<(u64, Result<String, Rejection>)>,
        out: &mut Vec<Effect>,
    ) {
        let mut recorded: Vec<Recorded> = Vec::with_capacity(events.len());
        for (seq, mut event) in (self.head.seq + 1..).zip(events) {
            if let Event::Ordered { orders } = &mut event {
                // The decision behind an order is the event before it, or the order is a decision of its own.
                let reason = if recorded.is_empty() { seq } else { seq - 1 };
                for (n, order) in orders.iter_mut().enumerate() {
                    order.id = format!("{}-{seq}-{n}", self.epoch);
                    order.reason = reason;
                    for (_, result) in replies.iter_mut().filter(|(_, r)| matches!(r, Ok(id) if id.is_empty())) {
                        *result = Ok(order.id.clone());
                    }
                }
            }
            recorded.push(Recorded { seq, epoch: self.epoch, time: now, event });
        }
        let drafts = recorded.iter().map(|r| r.event.draft(now)).collect();
        out.push(Effect::Append { expected: self.head, epoch: self.epoch, drafts });
        self.in_flight = Some(InFlight { events: recorded, since: now, replies });
    }

    fn appended(&mut self, now: Millis, head: Head, out: &mut Vec<Effect>) {
        let Some(in_flight) = self.in_flight.take() else { return };
        let drafts = in_flight.events.iter().map(|r| r.event.draft(r.time)).collect();
        let chained = Entry::chain(&self.head, self.epoch, drafts).last().map(Entry::head);
        if chained != Some(head) {
            // What is stored is not what was decided; to go on would be to act on something unrecorded.
            return self.stop(format!("the journal's head is {head}, which these decisions do not lead to"), out);
        }
        self.head = head;
        for recorded in &in_flight.events {
            if let Event::Scheduled { .. } = recorded.event {
                self.plans.journaled(recorded.seq);
            }
            self.state.apply(recorded);
            self.tally.count(&self.state, recorded);
        }
        for (request, result) in in_flight.replies {
            out.push(Effect::Reply { request, result });
        }
        if in_flight.events.iter().any(|r| matches!(r.event, Event::Scheduled { .. })) {
            // The beat says which trips the schedule knows of, so it goes before the orders that the edge would
            // otherwise still hold off.
            self.beat(now, out);
        }
    }

    // ---- effects that follow from the state ----

    fn perform(&mut self, now: Millis, out: &mut Vec<Effect>) {
        let stuck = self.in_flight.as_ref().map_or(0, |i| now.since(i.since));
        if stuck as f64 > self.fleet.limits.hold_after_s * 1000.0 {
            // A leader that cannot append commands nothing, and its silence tells the edges.
            return;
        }
        let beat_ms = (self.fleet.limits.beat_s * 1000.0) as i64;
        if self.last_beat.is_none_or(|last| now.since(last) >= beat_ms) {
            self.beat(now, out);
        }
        self.send_orders(now, out);
        self.send_tables(now, out);
        if let Some(wanted) = forecast::due(&self.fleet, self.foresee_asked, now) {
            self.foresee_asked = Some(wanted.until);
            out.push(Effect::Foresee { wanted: Box::new(wanted) });
        }
        self.dispatch_cycle(now, out);
        self.subagents.sweep(&self.fleet.limits.subagents, now);
        let tasks = self.subagents.due(&self.fleet, &self.image, &self.state, self.epoch, self.head.seq, now);
        out.extend(tasks.into_iter().map(|task| Effect::Task { task: Box::new(task) }));
    }

    fn seal<T: Serialize>(&self, plant: &PlantId, metric: &'static str, body: &T) -> Effect {
        Effect::Send { plant: plant.clone(), metric, signed: Signed::seal(metric, body, &self.key) }
    }

    fn beat(&mut self, now: Millis, out: &mut Vec<Effect>) {
        self.last_beat = Some(now);
        let known = self.state.schedule.as_ref().map(|(_, s)| s.trips.as_slice()).unwrap_or_default();
        let ours = |seq: u64| self.state.epoch == self.epoch && seq > 0;
        for (plant, edge) in self.image.edges.iter().filter(|(_, e)| e.link) {
            let beat = Beat {
                plant: plant.clone(),
                epoch: self.epoch,
                boot: edge.boot,
                tick: edge.tick,
                head_seq: self.head.seq,
                head_hash: self.head.hash.to_string(),
                trips_seen: known
                    .iter()
                    .filter(|t| edge.trips.contains(*t) && self.state.schedule.as_ref().is_some_and(|s| ours(s.0)))
                    .cloned()
                    .collect(),
            };
            out.push(self.seal(plant, metric::BEAT, &beat));
        }
    }

    fn send_orders(&mut self, now: Millis, out: &mut Vec<Effect>) {
        let mut sent = Vec::new();
        for tracked in self.state.pending() {
            let order = &tracked.order;
            let Some(edge) = self.image.edges.get(&order.plant).filter(|e| e.link) else { continue };
            if self.sent.get(&order.id).is_some_and(|at| now.since(*at) < commands::ASK_AGAIN_MS) {
                continue;
            }
            let command = Command {
                id: order.id.clone(),
                plant: order.plant.clone(),
                writer: order.writer,
                action: order.action.clone(),
                epoch: self.epoch,
                boot: edge.boot,
                tick: edge.tick,
                ttl_ms: (self.fleet.limits.command_ttl_s * 1000.0) as u64,
                reason: order.reason,
            };
            out.push(self.seal(&order.plant, metric::COMMAND, &command));
            sent.push(order.id.clone());
        }
        self.sent.extend(sent.into_iter().map(|id| (id, now)));
        if self.sent.len() > 1000 {
            let state = &self.state;
            self.sent.retain(|id, _| state.orders.get(id).is_some_and(|t| t.state == state::OrderState::Issued));
        }
    }

    fn send_tables(&mut self, now: Millis, out: &mut Vec<Effect>) {
        for (plant, issued) in contingency::issued(&self.state) {
            let Some(edge) = self.image.edges.get(plant).filter(|e| e.link) else { continue };
            let fresh = |(seq, boot, at): &(u64, u64, Millis)| {
                *seq == issued.seq && *boot == edge.boot && now.since(*at) < TABLE_AGAIN_MS
            };
            if self.tables_sent.get(plant).is_some_and(fresh) {
                continue;
            }
            let Some(ttl_ms) = contingency::ttl_left(&self.fleet, issued.at, now) else { continue };
            let table = Table {
                plant: plant.clone(),
                epoch: self.epoch,
                boot: edge.boot,
                tick: edge.tick,
                ttl_ms,
                reason: issued.seq,
                contingencies: issued.contingencies.clone(),
            };
            out.push(self.seal(plant, metric::TABLE, &table));
            self.tables_sent.insert(plant.clone(), (issued.seq, edge.boot, now));
        }
    }
}
