//! The machine that asks for the lease, keeps it and lets it go.
//!
//! ```text
//!              the lease is free, or has stood still       swapped
//!   Following ----------------------------------> Taking ---------> Leading
//!       ^  ^                                        | somebody else   |  | renewed, every renew_ms
//!       |  +----------------------------------------+ was first       |  +--+
//!       +-------------- not renewed in time, taken, deposed, out of reach, leaving
//! ```
//!
//! Whoever runs it carries out each [`Effect`] at once and brings the answer back as the next [`Input`]. `now` is this
//! process's monotonic clock in milliseconds, from any beginning; it goes on while the process is stopped.

use super::{Lease, Replica};

/// The times of an election, from the fleet's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a lease is good after the beginning of its renewal.
    pub lease_ms: u64,
    /// It is renewed this often.
    pub renew_ms: u64,
    /// A replica that does not lead looks at it this often.
    pub look_ms: u64,
    /// A leader that has not reached the broker for so long lets another try.
    pub reach_ms: u64,
}

impl Timing {
    /// The lease is two beats shorter than the edges' patience: another replica leads, and beats, before they hold.
    pub fn of(limits: &hypocaust_protocols::model::Limits) -> Timing {
        let ms = |seconds: f64| (seconds * 1000.0) as u64;
        let (hold_ms, beat_ms) = (ms(limits.hold_after_s), ms(limits.beat_s));
        let lease_ms = hold_ms.saturating_sub(2 * beat_ms).max(2 * beat_ms);
        Timing { lease_ms, renew_ms: beat_ms, look_ms: beat_ms / 2, reach_ms: lease_ms }
    }

    /// What another replica waits: the lease, and what two clocks may differ by in that time.
    fn patience_ms(self) -> u64 {
        self.lease_ms + self.lease_ms / 20
    }
}

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
    /// Acts until then.
    Leading {
        lease: Lease,
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
    /// When the database was last asked for anything.
    last: Option<u64>,
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
            Role::Leading { lease, until } if now < *until => Some(lease.epoch),
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

    /// Who leads, as far as this replica can tell: the lease's holder, while the lease moves.
    pub fn leader(&self, now: u64) -> Option<(&Replica, u64)> {
        if let Role::Leading { lease, until } = &self.role {
            return (now < *until).then_some((&self.me, lease.epoch));
        }
        let sight = self.sight.as_ref()?;
        let lease = sight.lease.as_ref().filter(|l| !l.given_up && l.holder.id != self.me.id)?;
        (now.saturating_sub(sight.since) < self.timing.patience_ms()).then_some((&lease.holder, lease.epoch))
    }

    /// One input, and what follows from it.
    pub fn handle(&mut self, now: u64, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        if let Role::Leading { until, .. } = self.role
            && now >= until
        {
            self.stop("the lease was not renewed in time", &mut out);
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
                // A lease that may have been taken is read again before anything else.
                match self.role {
                    Role::Leading { .. } => self.doubtful = true,
                    _ => self.role = Role::Following,
                }
                self.asked = Asked::Nothing;
            }
            Input::Deposed { reason } => {
                if let Role::Leading { lease, .. } = &self.role {
                    let lease = lease.clone();
                    self.stop(&reason, &mut out);
                    self.give_up(now, lease, &mut out);
                }
                self.rests_until = now + self.timing.lease_ms;
            }
            Input::Reach(true) => self.unreached = None,
            Input::Reach(false) => {
                self.unreached.get_or_insert(now);
            }
            Input::Heard { epoch } => self.floor = self.floor.max(epoch),
            Input::Leave => {
                self.leaves = true;
                if let Role::Leading { lease, .. } = &self.role {
                    let lease = lease.clone();
                    self.stop("the process was asked to end", &mut out);
                    self.give_up(now, lease, &mut out);
                }
            }
        }
        out
    }

    fn stop(&mut self, reason: &str, out: &mut Vec<Effect>) {
        self.role = Role::Following;
        self.doubtful = false;
        out.push(Effect::Stop { reason: reason.to_owned() });
    }

    fn give_up(&mut self, now: u64, lease: Lease, out: &mut Vec<Effect>) {
        let next = Lease { given_up: true, renewals: lease.renewals + 1, ..lease.clone() };
        self.asked = Asked::GivingUp;
        self.last = Some(now);
        out.push(Effect::Swap { seen: Some(lease), next });
    }

    fn tick(&mut self, now: u64, out: &mut Vec<Effect>) {
        if self.asked != Asked::Nothing {
            return;
        }
        let due = |every: u64| self.last.is_none_or(|last| now.saturating_sub(last) >= every);
        match &self.role {
            Role::Leading { lease, .. } => {
                if self.unreached.is_some_and(|since| now.saturating_sub(since) >= self.timing.reach_ms) {
                    let lease = lease.clone();
                    self.stop("the broker cannot be reached; another replica may reach it", out);
                    return self.give_up(now, lease, out);
                }
                if self.doubtful {
                    self.asked = Asked::Look;
                    self.last = Some(now);
                    return out.push(Effect::Look);
                }
                if due(self.timing.renew_ms) {
                    let lease = lease.clone();
                    let next = Lease { renewals: lease.renewals + 1, ..lease.clone() };
                    self.asked = Asked::Renewal(next.clone(), now);
                    self.last = Some(now);
                    out.push(Effect::Swap { seen: Some(lease), next });
                }
            }
            _ if due(self.timing.look_ms) => {
                self.asked = Asked::Look;
                self.last = Some(now);
                out.push(Effect::Look);
            }
            _ => {}
        }
    }

    fn seen(&mut self, now: u64, lease: Option<Lease>, out: &mut Vec<Effect>) {
        if let Role::Leading { lease: mine, .. } = &mut self.role {
            // Read after a renewal without an answer.
            match lease {
                Some(l) if l.holder.id == self.me.id && l.epoch == mine.epoch && !l.given_up => {
                    *mine = l;
                    self.doubtful = false;
                    self.last = None;
                }
                _ => self.stop("another replica has taken the lease", out),
            }
            return;
        }
        if self.sight.as_ref().is_none_or(|s| s.lease != lease) {
            self.sight = Some(Sight { lease: lease.clone(), since: now });
        }
        let since = self.sight.as_ref().map_or(now, |s| s.since);
        let free = lease.as_ref().is_none_or(|l| {
            l.given_up || l.holder.id == self.me.id || now.saturating_sub(since) >= self.timing.patience_ms()
        });
        let stands = self.unreached.is_none() && now >= self.rests_until && !self.leaves;
        if free && stands {
            let epoch = lease.as_ref().map_or(0, |l| l.epoch).max(self.floor) + 1;
            let next = Lease { epoch, holder: self.me.clone(), renewals: 0, given_up: false };
            self.role = Role::Taking { next: next.clone(), asked: now };
            self.asked = Asked::Taking;
            self.last = Some(now);
            out.push(Effect::Swap { seen: lease, next });
        }
    }

    fn swapped(&mut self, now: u64, done: bool, out: &mut Vec<Effect>) {
        match (std::mem::replace(&mut self.asked, Asked::Nothing), self.role.clone()) {
            (Asked::Renewal(next, begun), Role::Leading { .. }) => {
                if done {
                    self.role = Role::Leading { lease: next, until: begun + self.timing.lease_ms };
                } else {
                    self.stop("another replica has taken the lease", out);
                }
            }
            (Asked::Taking, Role::Taking { next, asked }) => {
                let until = asked + self.timing.lease_ms;
                self.role = Role::Following;
                if done && now < until && !self.leaves {
                    let epoch = next.epoch;
                    self.role = Role::Leading { lease: next, until };
                    out.push(Effect::Lead { epoch });
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::*;
    use proptest::prelude::*;

    const TIMING: Timing = Timing { lease_ms: 3000, renew_ms: 1000, look_ms: 500, reach_ms: 5000 };

    fn replica(id: &str) -> Replica {
        Replica { id: id.into(), address: format!("http://{id}") }
    }

    /// A database in memory, and what the machines do with it when each effect is answered at once.
    #[derive(Default)]
    struct Database(Option<Lease>);

    impl Database {
        /// Runs one input to its end; what was said about leading.
        fn run(&mut self, machine: &mut Election, now: u64, input: Input) -> Vec<Effect> {
            let (mut said, mut inputs) = (Vec::new(), vec![input]);
            while let Some(input) = inputs.pop() {
                for effect in machine.handle(now, input) {
                    match effect {
                        Effect::Look => inputs.push(Input::Seen(self.0.clone())),
                        Effect::Swap { seen, next } => {
                            let done = judge(self.0.as_ref(), seen.as_ref(), &next, 0).expect("epochs rise");
                            if done {
                                self.0 = Some(next);
                            }
                            inputs.push(Input::Swapped(done));
                        }
                        said_of_it => said.push(said_of_it),
                    }
                }
            }
            said
        }
    }

    fn standing(id: &str, now: u64) -> Election {
        let mut machine = Election::new(replica(id), TIMING, now);
        machine.handle(now, Input::Reach(true));
        machine
    }

    #[test]
    fn the_first_leads_at_once_and_the_second_when_it_has_seen_it_stand_still() {
        let mut database = Database::default();
        // The clocks have nothing to do with each other.
        let (mut a, mut b) = (standing("a", 0), standing("b", 90_000));
        assert_eq!(database.run(&mut a, 0, Input::Tick), [Effect::Lead { epoch: 1 }]);
        for t in (0..20_000).step_by(100) {
            database.run(&mut a, t, Input::Tick);
            assert_eq!(database.run(&mut b, 90_000 + t, Input::Tick), []);
            assert_eq!(a.leads(t), Some(1));
            assert_eq!(b.leader(90_000 + t).map(|(r, e)| (r.id.as_str(), e)), Some(("a", 1)));
        }
        // From here on `a` is stopped.
        let mut led = None;
        for t in (20_000..30_000).step_by(100) {
            if database.run(&mut b, 90_000 + t, Input::Tick) == [Effect::Lead { epoch: 2 }] {
                led.get_or_insert(t - 20_000);
                assert_eq!(a.leads(t), None, "its lease ran out before another could have it");
            }
        }
        let led = led.expect("another leads");
        // Its last renewal was up to a second before.
        assert!((2_000..4_000).contains(&led), "{led} ms");
        let said = database.run(&mut a, 30_000, Input::Tick);
        assert!(matches!(&said[..], [Effect::Stop { reason }] if reason.contains("in time")), "{said:?}");
        assert_eq!(a.leader(30_000).map(|(r, e)| (r.id.as_str(), e)), Some(("b", 2)));
    }

    #[test]
    fn a_lease_that_was_given_up_or_is_ones_own_from_before_is_taken_at_once() {
        let mut database = Database::default();
        let (mut a, mut b) = (standing("a", 0), standing("b", 0));
        database.run(&mut a, 0, Input::Tick);
        database.run(&mut b, 100, Input::Tick);
        assert!(matches!(&database.run(&mut a, 200, Input::Leave)[..], [Effect::Stop { .. }]));
        assert_eq!(database.run(&mut a, 1_000, Input::Tick), [], "who leaves does not stand again");
        assert_eq!(database.run(&mut b, 600, Input::Tick), [Effect::Lead { epoch: 2 }]);
        let mut again = standing("b", 0);
        assert_eq!(database.run(&mut again, 10, Input::Tick), [Effect::Lead { epoch: 3 }]);
        assert!(matches!(&database.run(&mut b, 1_600, Input::Tick)[..], [Effect::Stop { .. }]));
    }

    #[test]
    fn who_was_deposed_rests_and_asks_above_what_was_heard() {
        let mut database = Database::default();
        let mut a = standing("a", 0);
        database.run(&mut a, 0, Input::Tick);
        database.run(&mut a, 100, Input::Heard { epoch: 41 });
        let said = database.run(&mut a, 100, Input::Deposed { reason: "an edge knows 41".into() });
        assert!(matches!(&said[..], [Effect::Stop { reason }] if reason == "an edge knows 41"));
        assert!(database.0.as_ref().is_some_and(|l| l.given_up), "others need not wait for it");
        assert_eq!(database.run(&mut a, 3_000, Input::Tick), []);
        assert_eq!(database.run(&mut a, 3_600, Input::Tick), [Effect::Lead { epoch: 42 }]);
    }

    #[test]
    fn without_the_broker_nobody_stands_and_a_leader_lets_another_try() {
        let mut database = Database::default();
        let mut a = Election::new(replica("a"), TIMING, 0);
        assert_eq!(database.run(&mut a, 1_000, Input::Tick), []);
        database.run(&mut a, 2_000, Input::Reach(true));
        assert_eq!(database.run(&mut a, 2_000, Input::Tick), [Effect::Lead { epoch: 1 }]);
        database.run(&mut a, 3_000, Input::Reach(false));
        for t in (3_000..8_000).step_by(500) {
            assert_eq!(database.run(&mut a, t, Input::Tick), [], "a short loss is none at {t}");
        }
        assert!(matches!(&database.run(&mut a, 8_000, Input::Tick)[..], [Effect::Stop { .. }]));
        assert!(database.0.as_ref().is_some_and(|l| l.given_up));
    }

    #[test]
    fn a_renewal_without_an_answer_is_looked_after_and_does_not_prolong_the_lease() {
        let mut database = Database::default();
        let mut a = standing("a", 0);
        database.run(&mut a, 0, Input::Tick);
        let effects = a.handle(1_000, Input::Tick);
        let [Effect::Swap { next, .. }] = &effects[..] else { panic!("{effects:?}") };
        // It was stored, and the answer was lost.
        database.0 = Some(next.clone());
        a.handle(1_500, Input::NoAnswer("time-out".into()));
        assert_eq!(a.until(), Some(3_000));
        // A renewal on the old sight of it would be refused; so it is read first.
        assert_eq!(database.run(&mut a, 2_000, Input::Tick), []);
        assert_eq!(a.until(), Some(3_000));
        assert_eq!(database.run(&mut a, 2_100, Input::Tick), []);
        assert_eq!(a.until(), Some(5_100));
    }

    proptest! {
        /// Three replicas of three clocks, stopped, cut off and restarted at random: at no moment do two lead, no epoch
        /// is led twice, and when all is well again somebody leads.
        #[test]
        fn never_two(steps in prop::collection::vec((0usize..3, 0u8..12, 100u64..900), 20..120)) {
            let mut database = Database::default();
            let starts = [0u64, 1_000_000, 77];
            let clock = |i: usize, t: u64| starts[i] + t;
            let mut machines: Vec<Election> = (0..3).map(|i| standing(["a", "b", "c"][i], clock(i, 0))).collect();
            let mut stopped = [0u64; 3];
            let mut lost = [0u64; 3];
            let mut epochs = std::collections::BTreeSet::new();
            let mut t = 0;
            let quiet = steps.len();
            let calm = std::iter::repeat_n((0usize, 11u8, 100u64), 150);
            for (n, (who, what, ms)) in steps.into_iter().chain(calm).enumerate() {
                match what {
                    0 => stopped[who] = t + 8 * ms,
                    1 => lost[who] = t + 8 * ms,
                    2 => machines[who] = standing(["a", "b", "c"][who], clock(who, t)),
                    3 => { database.run(&mut machines[who], clock(who, t), Input::Deposed { reason: "x".into() }); }
                    _ => {}
                }
                if n == quiet {
                    (stopped, lost) = ([0; 3], [0; 3]);
                }
                let end = t + ms;
                while t < end {
                    t += 100;
                    for i in 0..3 {
                        if t < stopped[i] {
                            continue;
                        }
                        let now = clock(i, t);
                        let said = if t < lost[i] {
                            let effects = machines[i].handle(now, Input::Tick);
                            if effects.iter().any(|e| matches!(e, Effect::Look | Effect::Swap { .. })) {
                                machines[i].handle(now, Input::NoAnswer("cut off".into()));
                            }
                            Vec::new()
                        } else {
                            database.run(&mut machines[i], now, Input::Tick)
                        };
                        for effect in said {
                            if let Effect::Lead { epoch } = effect {
                                prop_assert!(epochs.insert(epoch), "epoch {} twice", epoch);
                            }
                        }
                    }
                    let leading = (0..3).filter(|i| machines[*i].leads(clock(*i, t)).is_some()).count();
                    prop_assert!(leading <= 1, "{leading} lead at {t}");
                }
            }
            prop_assert!((0..3).any(|i| machines[i].leads(clock(i, t)).is_some()), "nobody leads in the end");
        }
    }
}
