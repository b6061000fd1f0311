//! The machine that asks for the lease, keeps it and lets it go.
//!
//! ```text
//!              the lease is free, or has stood still       swapped
//!   Following ----------------------------------> Taking ---------> Leading
//!       ^  ^                                        | somebody else   |  | renewed, every renew_ms; one that has
//!       |  +----------------------------------------+ was first       |  +--+ run out may not act, and asks once more
//!       +-------------- taken, renewed too late, deposed, out of reach, leaving
//! ```
//!
//! Whoever runs it carries out each [`Effect`] at once and brings the answer back as the next [`Input`]. `now` is this
//! process's monotonic clock in milliseconds, from any beginning; it goes on while the process is stopped.

use super::{Lease, Pace, Replica, Timing};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Time passed.
    Tick,
    /// The answer to [`Effect::Look`].
    Seen(Option<Lease>),
    /// The answer to [`Effect::Swap`].
    Swapped(bool),
    /// The database did not answer, so that nobody knows what it did.
    NoAnswer(String),
    /// The epoch that was asked for is not above this one, which somebody has had.
    TooLow { highest: u64 },
    /// The leader's domain has stopped: it could not append, or somebody knows a higher epoch.
    Deposed { reason: String },
    /// Does this replica reach the broker, and through it the plants?
    Reach(bool),
    /// Somebody knows this epoch; the next one that is asked for is above it.
    Heard { epoch: u64 },
    /// The process is asked to end.
    Leave,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Read the lease.
    Look,
    /// Swap the lease.
    Swap { seen: Option<Lease>, next: Lease },
    /// From now on this replica leads in this epoch, for as long as [`Election::leads`] says so.
    Lead { epoch: u64 },
    /// It leads no more.
    Stop { reason: String },
}

/// The lease as this replica has seen it since a certain time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sight {
    lease: Option<Lease>,
    since: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    Following,
    /// Has asked for this lease at that time.
    Taking {
        next: Lease,
        asked: u64,
    },
    /// Acts until then; the last renewal was begun at that time.
    Leading {
        lease: Lease,
        begun: u64,
        until: u64,
    },
}

/// What was asked of the database and not answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Nothing,
    Look,
    /// A renewal to this lease, begun then.
    Renewal(Lease, u64),
    Taking,
    GivingUp,
}

/// One replica's part in the election.
#[derive(Debug)]
pub struct Election {
    me: Replica,
    timing: Timing,
    role: Role,
    sight: Option<Sight>,
    asked: Asked,
    /// When the database was last asked for anything, and when it last answered.
    last: Option<u64>,
    answered: Option<u64>,
    /// When the look that has no answer yet was to be made.
    due: u64,
    pace: Pace,
    /// A renewal had no answer: how the lease stands is to be read before it is renewed again.
    doubtful: bool,
    /// The highest epoch that anybody is known to have heard of.
    floor: u64,
    /// Since when the broker cannot be reached.
    unreached: Option<u64>,
    /// Does not stand before this time.
    rests_until: u64,
    leaves: bool,
}

impl Election {
    /// `me.id` is held by no other living process: a lease that names it is left over from an earlier life of this one.
    /// `now` is when the process began; it reaches nobody yet.
    pub fn new(me: Replica, timing: Timing, now: u64) -> Election {
        Election {
            me,
            timing,
            role: Role::Following,
            sight: None,
            asked: Asked::Nothing,
            last: None,
            answered: None,
            due: now,
            pace: Pace::new(now),
            doubtful: false,
            floor: 0,
            unreached: Some(now),
            rests_until: now,
            leaves: false,
        }
    }

    /// The epoch in which this replica may act at this moment.
    pub fn leads(&self, now: u64) -> Option<u64> {
        match &self.role {
            Role::Leading { lease, until, .. } if now < *until => Some(lease.epoch),
            _ => None,
        }
    }

    /// Until when that holds if nothing is renewed, by the same clock.
    pub fn until(&self) -> Option<u64> {
        match &self.role {
            Role::Leading { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// How long an answer of the database is worth waiting for: as long as the lease that is asked for at this moment.
    pub fn patience_ms(&self, now: u64) -> u64 {
        self.pace.length_ms(now, self.timing)
    }

    /// Is it time for a leader to renew its lease, before it does anything that may take long?
    pub fn renews(&self, now: u64) -> bool {
        self.leads(now).is_some() && self.asked == Asked::Nothing && (self.doubtful || self.is_due(now))
    }

    /// Who leads, as far as this replica can tell: the lease's holder, while the lease moves.
    pub fn leader(&self, now: u64) -> Option<(&Replica, u64)> {
        if let Role::Leading { lease, until, .. } = &self.role {
            return (now < *until).then_some((&self.me, lease.epoch));
        }
        let sight = self.sight.as_ref()?;
        let lease = sight.lease.as_ref().filter(|l| !l.given_up && l.holder.id != self.me.id)?;
        let waits_ms = self.timing.patience_ms(lease.length_ms);
        (now.saturating_sub(sight.since) < waits_ms).then_some((&lease.holder, lease.epoch))
    }

    /// One input, and what follows from it.
    pub fn handle(&mut self, now: u64, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        if matches!(input, Input::Seen(_) | Input::Swapped(_) | Input::NoAnswer(_) | Input::TooLow { .. }) {
            self.answered = Some(now);
        }
        match input {
            Input::Tick => self.tick(now, &mut out),
            Input::Seen(lease) => {
                self.asked = Asked::Nothing;
                self.seen(now, lease, &mut out);
            }
            Input::Swapped(done) => self.swapped(now, done, &mut out),
            Input::NoAnswer(_) | Input::TooLow { .. } => {
                if let Input::TooLow { highest } = input {
                    self.floor = self.floor.max(highest);
                }
                self.asked = Asked::Nothing;
                // A lease that may have been taken is read again before anything else; one that has run out was asked for
                // once more, and that is all.
                match self.role {
                    Role::Leading { until, .. } if now < until => self.doubtful = true,
                    Role::Leading { .. } => self.lose(now, NOT_IN_TIME, &mut out),
                    _ => self.role = Role::Following,
                }
            }
            Input::Deposed { reason } => {
                self.resign(now, &reason, &mut out);
                self.rests_until = now + self.timing.lease_ms;
            }
            Input::Reach(true) => self.unreached = None,
            Input::Reach(false) => {
                self.unreached.get_or_insert(now);
            }
            Input::Heard { epoch } => self.floor = self.floor.max(epoch),
            Input::Leave => {
                self.leaves = true;
                self.resign(now, "the process was asked to end", &mut out);
            }
        }
        out
    }

    fn stop(&mut self, reason: &str, out: &mut Vec<Effect>) {
        self.role = Role::Following;
        self.doubtful = false;
        out.push(Effect::Stop { reason: reason.to_owned() });
    }

    /// The lease went because its renewal came too late: so long it would have had to last.
    fn lose(&mut self, now: u64, reason: &str, out: &mut Vec<Effect>) {
        if let Role::Leading { begun, .. } = self.role {
            self.pace.took(now, now.saturating_sub(begun), self.timing);
        }
        // Who has it is to be seen at once.
        (self.last, self.answered) = (None, None);
        self.stop(reason, out);
    }

    /// A leader ends of its own accord, and lets another have the lease at once.
    fn resign(&mut self, now: u64, reason: &str, out: &mut Vec<Effect>) {
        let Role::Leading { lease, .. } = &self.role else { return };
        let lease = lease.clone();
        self.stop(reason, out);
        let next = Lease { given_up: true, renewals: lease.renewals + 1, ..lease.clone() };
        self.asked = Asked::GivingUp;
        self.last = Some(now);
        out.push(Effect::Swap { seen: Some(lease), next });
    }

    /// How often this replica asks the database.
    fn every_ms(&self) -> u64 {
        match self.role {
            Role::Leading { .. } => self.timing.renew_ms,
            _ => self.timing.look_ms,
        }
    }

    /// Whoever waits for a slow database in place is left time for something else between two requests.
    fn is_due(&self, now: u64) -> bool {
        let since = |then: Option<u64>, ms: u64| then.is_none_or(|then| now.saturating_sub(then) >= ms);
        since(self.last, self.every_ms()) && since(self.answered, self.timing.look_ms)
    }

    fn tick(&mut self, now: u64, out: &mut Vec<Effect>) {
        if self.asked != Asked::Nothing {
            return;
        }
        match &self.role {
            Role::Leading { until, .. } => {
                if self.unreached.is_some_and(|since| now.saturating_sub(since) >= self.timing.reach_ms) {
                    return self.resign(now, "the broker cannot be reached; another replica may reach it", out);
                }
                if self.doubtful {
                    self.look(now, out);
                } else if now >= *until || self.is_due(now) {
                    self.renew(now, out);
                }
            }
            _ if self.is_due(now) => self.look(now, out),
            _ => {}
        }
    }

    fn look(&mut self, now: u64, out: &mut Vec<Effect>) {
        self.due = self.last.map_or(now, |last| last + self.every_ms());
        self.asked = Asked::Look;
        self.last = Some(now);
        out.push(Effect::Look);
    }

    fn renew(&mut self, now: u64, out: &mut Vec<Effect>) {
        let length_ms = self.pace.length_ms(now, self.timing);
        let Role::Leading { lease, until, .. } = &mut self.role else { return };
        let next = Lease { renewals: lease.renewals + 1, length_ms, ..lease.clone() };
        // Whether it is answered or not, another may see a shorter one from now on.
        *until = (*until).min(now + length_ms);
        self.asked = Asked::Renewal(next.clone(), now);
        self.last = Some(now);
        out.push(Effect::Swap { seen: Some(lease.clone()), next });
    }

    fn seen(&mut self, now: u64, lease: Option<Lease>, out: &mut Vec<Effect>) {
        if let Role::Leading { lease: mine, .. } = &mut self.role {
            // Read after a renewal without an answer.
            match lease {
                Some(l) if l.holder.id == self.me.id && l.epoch == mine.epoch && !l.given_up => {
                    *mine = l;
                    self.doubtful = false;
                    self.renew(now, out);
                }
                _ => self.lose(now, TAKEN, out),
            }
            return;
        }
        // A renewal of this process would have been as late as this look.
        self.pace.took(now, self.timing.renew_ms + now.saturating_sub(self.due), self.timing);
        if self.sight.as_ref().is_none_or(|s| s.lease != lease) {
            self.sight = Some(Sight { lease: lease.clone(), since: now });
        }
        let since = self.sight.as_ref().map_or(now, |s| s.since);
        let free = lease.as_ref().is_none_or(|l| {
            let stands_ms = now.saturating_sub(since);
            l.given_up || l.holder.id == self.me.id || stands_ms >= self.timing.patience_ms(l.length_ms)
        });
        let stands = self.unreached.is_none() && now >= self.rests_until && !self.leaves;
        if free && stands {
            // What was slow for its last holder may be slow for this one too.
            self.pace.took(now, lease.as_ref().map_or(0, |l| l.length_ms) / 2, self.timing);
            let epoch = lease.as_ref().map_or(0, |l| l.epoch).max(self.floor) + 1;
            let length_ms = self.pace.length_ms(now, self.timing);
            let next = Lease { epoch, holder: self.me.clone(), renewals: 0, given_up: false, length_ms };
            self.role = Role::Taking { next: next.clone(), asked: now };
            self.asked = Asked::Taking;
            self.last = Some(now);
            out.push(Effect::Swap { seen: lease, next });
        }
    }

    fn swapped(&mut self, now: u64, done: bool, out: &mut Vec<Effect>) {
        match (std::mem::replace(&mut self.asked, Asked::Nothing), self.role.clone()) {
            (Asked::Renewal(next, asked), Role::Leading { begun, .. }) => {
                let until = asked + next.length_ms;
                if !done {
                    self.lose(now, TAKEN, out);
                } else if now >= until {
                    self.lose(now, NOT_IN_TIME, out);
                } else {
                    self.pace.took(now, now.saturating_sub(begun), self.timing);
                    self.role = Role::Leading { lease: next, begun: asked, until };
                }
            }
            (Asked::Taking, Role::Taking { next, asked }) => {
                let until = asked + next.length_ms;
                self.role = Role::Following;
                if done && now < until && !self.leaves {
                    let epoch = next.epoch;
                    self.role = Role::Leading { lease: next, begun: asked, until };
                    out.push(Effect::Lead { epoch });
                }
            }
            _ => {}
        }
    }
}

const TAKEN: &str = "another replica has taken the lease";
const NOT_IN_TIME: &str = "the lease was not renewed in time";

#[cfg(test)]
mod tests;
