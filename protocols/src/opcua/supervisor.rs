//! When an OPC UA session is begun, trusted and thrown away. Pure: the socket's side tells what it hears, and is told
//! what to do.
//!
//! ```text
//!            due                    opened
//!   Waiting ------> Opening -----------------------> Up
//!      ^               | failed, or not open in time  | doubt: nothing heard for `silence_ms`, a request that failed,
//!      |---------------'                              |        the subscription over, the connection lost
//!      '----------------------------------------------'
//!   Opening --not let in--> Stopped --new credentials--> Waiting
//! ```
//!
//! Promises
//! * Nothing is repaired: whatever raises a doubt ends the session, and a wholly new one with a new subscription is
//!   opened. A session that is only believed to live shows old values as new ones.
//! * Of sessions that were thrown away the server knows nothing until their time-out. So no more than `most_sessions`
//!   are begun within one time-out, however the connection flaps: a server that is full of ours lets nobody in.
//! * A server that does not let the edge in (wrong name or password) is not asked again by itself: repeating it locks
//!   the account and hides the mistake. A certificate that is not trusted is different, somebody may trust it any time:
//!   it is looked at again, without a session, as often as the back-off allows.

use crate::model::Tick;
use std::collections::VecDeque;

/// The figures of a supervisor. The measured ones are `default()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Everything from the first packet to the first values.
    pub open_within_ms: u64,
    /// A subscription that says nothing for so long, not even that it lives, is no subscription any more.
    pub silence_ms: u64,
    /// How often all values are read, whatever the subscription says.
    pub read_every_ms: u64,
    /// First and longest wait after a failure; it doubles in between.
    pub backoff_first_ms: u64,
    pub backoff_longest_ms: u64,
    /// How long a server keeps a session that it hears nothing of.
    pub session_timeout_ms: u64,
    pub most_sessions: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            open_within_ms: 10_000,
            silence_ms: 3_000,
            read_every_ms: 2_000,
            backoff_first_ms: 250,
            backoff_longest_ms: 2_000,
            session_timeout_ms: 30_000,
            most_sessions: 5,
        }
    }
}

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No answer, or none that makes sense.
    Unreachable(String),
    /// There is a server, and it is not the one to trust or lacks what the file names. Looked at again.
    Refused(String),
    /// The server does not know this user or password.
    NotLetIn(String),
}

impl Failure {
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Unreachable(text) | Self::Refused(text) | Self::NotLetIn(text) => text,
        }
    }
}

/// What the socket's side has heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A session was begun at the server; until it times out it takes a place there.
    SessionBegun,
    /// Session and subscription stand, every value was read. A quiet subscription says so often that it lives.
    Opened {
        keep_alive_ms: u64,
    },
    Failed(Failure),
    /// An answer to a publish request: values, or that there are none.
    Published,
    /// All values were read again.
    ReadAll,
    /// Something that does not belong to a session in order.
    Doubt(String),
    /// Another name or password is there.
    NewCredentials,
}

/// What the socket's side is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Wait,
    Open,
    /// Throw the session away (or the attempt); all values of the device are bad from now on.
    Discard(String),
    ReadAll,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting { until: u64 },
    Opening { since: u64 },
    Up { heard: u64, read: u64, reading: bool },
    Stopped,
}

#[derive(Debug, Clone)]
pub struct Supervisor {
    settings: Settings,
    state: State,
    /// Failures since a session last stood for longer than the longest wait.
    failures: u32,
    /// The silence that is too long for the present session.
    silence_ms: u64,
    up_since: Option<u64>,
    /// When sessions were begun that may still take a place at the server.
    begun: VecDeque<u64>,
}

impl Supervisor {
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            silence_ms: settings.silence_ms,
            settings,
            state: State::Waiting { until: 0 },
            failures: 0,
            up_since: None,
            begun: VecDeque::new(),
        }
    }

    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// What time alone asks for.
    pub fn tick(&mut self, now: Tick) -> Order {
        let now = now.0;
        match self.state {
            State::Waiting { until } if now >= until => {
                self.state = State::Opening { since: now };
                Order::Open
            }
            State::Opening { since } if now.saturating_sub(since) > self.settings.open_within_ms => {
                self.doubt(now, format!("not open after {} ms", self.settings.open_within_ms))
            }
            State::Up { heard, .. } if now.saturating_sub(heard) > self.silence_ms => {
                self.doubt(now, format!("the subscription has said nothing for {} ms", self.silence_ms))
            }
            State::Up { heard, read, reading: false } if now.saturating_sub(read) >= self.settings.read_every_ms => {
                self.state = State::Up { heard, read, reading: true };
                Order::ReadAll
            }
            _ => Order::Wait,
        }
    }

    /// What follows from something that was heard.
    pub fn heard(&mut self, now: Tick, what: Heard) -> Order {
        let now = now.0;
        match (what, &self.state) {
            (Heard::SessionBegun, _) => self.begun.push_back(now),
            (Heard::Opened { keep_alive_ms }, State::Opening { .. }) => {
                self.up_since = Some(now);
                self.silence_ms = self.settings.silence_ms.max(3 * keep_alive_ms);
                self.state = State::Up { heard: now, read: now, reading: false };
            }
            (Heard::Failed(Failure::NotLetIn(reason)), State::Opening { .. }) => {
                self.state = State::Stopped;
                return Order::Discard(reason);
            }
            (Heard::Failed(failure), State::Opening { .. }) => return self.doubt(now, failure.detail().to_owned()),
            (Heard::Published, &State::Up { read, reading, .. }) => {
                self.state = State::Up { heard: now, read, reading };
            }
            (Heard::ReadAll, &State::Up { heard, .. }) => {
                self.state = State::Up { heard, read: now, reading: false };
            }
            (Heard::Doubt(reason), State::Up { .. } | State::Opening { .. }) => return self.doubt(now, reason),
            (Heard::NewCredentials, State::Stopped) => {
                self.failures = 0;
                self.state = State::Waiting { until: now };
            }
            // What comes late from a session that is already gone.
            _ => {}
        }
        Order::Wait
    }

    fn doubt(&mut self, now: u64, reason: String) -> Order {
        let stood =
            self.up_since.take().is_some_and(|since| now.saturating_sub(since) > self.settings.backoff_longest_ms);
        self.failures = if stood { 1 } else { self.failures.saturating_add(1) };
        let doubled = self.settings.backoff_first_ms.saturating_mul(1 << (self.failures - 1).min(16));
        let until = now + doubled.min(self.settings.backoff_longest_ms);
        self.state = State::Waiting { until: until.max(self.place_free(now)) };
        Order::Discard(reason)
    }

    /// When one more session would not be one too many.
    fn place_free(&mut self, now: u64) -> u64 {
        let timeout = self.settings.session_timeout_ms;
        while self.begun.front().is_some_and(|at| now.saturating_sub(*at) > timeout) {
            self.begun.pop_front();
        }
        let over = (self.begun.len() + 1).checked_sub(self.settings.most_sessions.max(1)).filter(|over| *over > 0);
        over.and_then(|over| self.begun.get(over - 1)).map_or(now, |at| at + timeout + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OPENED: Heard = Heard::Opened { keep_alive_ms: 1_000 };

    fn supervisor() -> Supervisor {
        Supervisor::new(Settings::default())
    }

    fn open(s: &mut Supervisor, at: u64) {
        assert_eq!(s.tick(Tick(at)), Order::Open);
        s.heard(Tick(at), Heard::SessionBegun);
        assert_eq!(s.heard(Tick(at), OPENED), Order::Wait);
        assert!(s.is_up());
    }

    #[test]
    fn cycle_table_of_a_session_in_order() {
        let mut s = supervisor();
        open(&mut s, 0);
        for at in (100..=1_900).step_by(100) {
            assert_eq!(s.heard(Tick(at), Heard::Published), Order::Wait);
            assert_eq!(s.tick(Tick(at)), Order::Wait, "{at}");
        }
        assert_eq!(s.tick(Tick(2_000)), Order::ReadAll);
        assert_eq!(s.tick(Tick(2_100)), Order::Wait, "one read at a time");
        s.heard(Tick(2_200), Heard::ReadAll);
        assert_eq!(s.tick(Tick(4_100)), Order::Wait);
        assert_eq!(s.tick(Tick(4_200)), Order::ReadAll);
    }

    #[test]
    fn a_quiet_subscription_is_thrown_away_though_reads_are_answered() {
        let mut s = supervisor();
        open(&mut s, 0);
        s.heard(Tick(1_000), Heard::Published);
        for at in [2_000, 4_000] {
            assert_eq!(s.tick(Tick(at)), Order::ReadAll);
            s.heard(Tick(at), Heard::ReadAll);
        }
        assert!(matches!(s.tick(Tick(4_001)), Order::Discard(why) if why.contains("nothing for 3000 ms")));
        assert!(!s.is_up());
        assert_eq!(s.tick(Tick(4_250)), Order::Wait);
        assert_eq!(s.tick(Tick(4_251)), Order::Open);
    }

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew_after_a_session_that_stood() {
        let mut s = supervisor();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..7 {
            assert_eq!(s.tick(Tick(now)), Order::Open);
            let failed = Heard::Failed(Failure::Unreachable("no".into()));
            assert!(matches!(s.heard(Tick(now), failed), Order::Discard(_)));
            let from = now;
            while s.tick(Tick(now + 1)) != Order::Open {
                now += 1;
            }
            now += 1;
            waits.push(now - from);
            s.state = State::Waiting { until: now };
        }
        assert_eq!(waits, [250, 500, 1_000, 2_000, 2_000, 2_000, 2_000]);
        open(&mut s, now);
        for at in 1..=60 {
            s.heard(Tick(now + at * 100), Heard::Published);
        }
        now += 6_000;
        s.heard(Tick(now), Heard::Doubt("reset".into()));
        assert_eq!(s.tick(Tick(now + 249)), Order::Wait);
        assert_eq!(s.tick(Tick(now + 250)), Order::Open);
    }

    #[test]
    fn an_attempt_that_hangs_ends() {
        let mut s = supervisor();
        assert_eq!(s.tick(Tick(0)), Order::Open);
        assert_eq!(s.tick(Tick(10_000)), Order::Wait);
        assert!(matches!(s.tick(Tick(10_001)), Order::Discard(_)));
        assert_eq!(s.heard(Tick(10_002), OPENED), Order::Wait, "too late");
        assert!(!s.is_up());
    }

    #[test]
    fn who_is_not_let_in_does_not_knock_again() {
        let mut s = supervisor();
        assert_eq!(s.tick(Tick(0)), Order::Open);
        let failed = Heard::Failed(Failure::NotLetIn("wrong password".into()));
        assert_eq!(s.heard(Tick(10), failed), Order::Discard("wrong password".into()));
        for at in [1_000, 100_000, 10_000_000] {
            assert_eq!(s.tick(Tick(at)), Order::Wait);
        }
        s.heard(Tick(10_000_001), Heard::NewCredentials);
        assert_eq!(s.tick(Tick(10_000_001)), Order::Open);
    }

    proptest! {
        /// However it flaps: within one time-out never more sessions than the server has places for.
        #[test]
        fn stranded_sessions_never_pile_up(stands in prop::collection::vec(0u64..8_000, 1..80)) {
            let mut s = supervisor();
            let (mut now, mut begun) = (0u64, Vec::new());
            for stand in stands {
                while s.tick(Tick(now)) != Order::Open {
                    now += 50;
                }
                begun.push(now);
                s.heard(Tick(now), Heard::SessionBegun);
                s.heard(Tick(now), OPENED);
                let end = now + stand;
                while now < end {
                    now += 50;
                    s.heard(Tick(now), Heard::Published);
                    s.tick(Tick(now));
                }
                s.heard(Tick(now), Heard::Doubt("reset".into()));
                let alive = begun.iter().filter(|at| now - **at <= 30_000).count();
                prop_assert!(alive <= 5, "{alive} sessions at {now}");
            }
        }
    }
}
