//! Requests on their way to the database and back: a slow one takes its time to do what it is asked, and to say so.
//!
//! Whoever asks waits for the answer in place, as the shell does: meanwhile it decides nothing. It waits for an append
//! however long that takes; for the lease as long as its election has patience, and then there is no answer. A request that
//! is on its way gets there, whatever becomes of who sent it; what becomes of the request is the database's to say.

use super::replica::Actor;
use super::*;
use hypocaust_central::election::{self, Input as Heard, Lease};
use hypocaust_central::journal::{Draft, Entry as Record};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// How long the database takes for a request, ms: at least, at most.
pub type Took = (i64, i64);

/// What the database is asked for.
pub(super) enum Request {
    Append { expected: Head, epoch: u64, drafts: Vec<Draft> },
    Look,
    Swap { seen: Option<Lease>, next: Lease },
}

/// What it answers.
pub(super) enum Answer {
    /// The new head and what is stored under it, or why it is refused.
    Append { entries: Vec<Record>, result: Result<Head, String> },
    /// As the election is told it.
    Lease(Heard),
}

/// A request on its way to the database.
struct Sent {
    id: u64,
    sent_at: i64,
    there_at: i64,
    answered_at: i64,
    by: Actor,
    request: Request,
}

pub(super) struct Requests {
    rng: ChaCha8Rng,
    pub take: Took,
    count: u64,
    sent: Vec<Sent>,
    /// By the request's number: the answer, and when it is back.
    done: BTreeMap<u64, (i64, Answer)>,
}

impl Requests {
    pub fn new(seed: u64) -> Self {
        // Apart from the streams of the physics, the network, the faults, the bus and the agents.
        let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0000_da7a_ba5e);
        Self { rng, take: (0, 0), count: 0, sent: Vec::new(), done: BTreeMap::new() }
    }

    /// On its way; it is there at some moment of the time that it takes. Its number.
    fn send(&mut self, now: i64, by: Actor, request: Request) -> u64 {
        let (least, most) = self.take;
        let took = least + i64::from(self.rng.next_u32()) % (most - least).max(1);
        let there_at = now + i64::from(self.rng.next_u32()) % took.max(1);
        self.count += 1;
        let id = self.count;
        self.sent.push(Sent { id, sent_at: now, there_at, answered_at: now + took, by, request });
        id
    }

    /// The answer to a request, once it is back.
    pub fn answer(&mut self, now: i64, id: u64) -> Option<Answer> {
        if self.done.get(&id)?.0 > now {
            return None;
        }
        self.done.remove(&id).map(|(_, answer)| answer)
    }
}

impl World {
    /// Asks the database: its answer where it takes no time at all, otherwise the number of the request.
    pub(super) fn ask_database(&mut self, by: Actor, request: Request) -> Result<Answer, u64> {
        if self.requests.take.1 == 0 {
            return Ok(self.database_does(self.now, by, request));
        }
        Err(self.requests.send(self.now, by, request))
    }

    /// What gets to the database by now is done or refused, in the order of its arrival.
    pub(super) fn database_step(&mut self) {
        let now = self.now;
        let mut here: Vec<Sent> = self.requests.sent.extract_if(.., |s| s.there_at <= now).collect();
        here.sort_by_key(|s| s.there_at);
        for Sent { id, sent_at, answered_at, by, request, .. } in here {
            let answer = self.database_does(sent_at, by, request);
            self.requests.done.insert(id, (answered_at, answer));
        }
    }

    /// One request at the database.
    fn database_does(&mut self, sent_at: i64, by: Actor, request: Request) -> Answer {
        match request {
            Request::Append { expected, epoch, drafts } => {
                let entries = Record::chain(&expected, epoch, drafts.clone());
                match self.journal.append(&expected, epoch, drafts) {
                    Ok(head) => {
                        self.record.actors.entry(epoch).or_default().insert(by);
                        Answer::Append { entries, result: Ok(head) }
                    }
                    Err(error) => Answer::Append { entries: Vec::new(), result: Err(error.to_string()) },
                }
            }
            Request::Look => Answer::Lease(Heard::Seen(self.journal.lease())),
            Request::Swap { seen, next } => Answer::Lease(match self.journal.swap(seen.as_ref(), &next) {
                Ok(done) => {
                    if done {
                        // A lease counts from the beginning of its renewal.
                        self.record.leases.insert(next.epoch, sent_at + next.length_ms as i64);
                    }
                    Heard::Swapped(done)
                }
                Err(election::Error::NotAbove { highest, .. }) => Heard::TooLow { highest },
                Err(error) => Heard::NoAnswer(error.to_string()),
            }),
        }
    }
}
