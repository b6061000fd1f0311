//! How often signing in may be tried: pure, `now` is an argument.
//!
//! Three counters, each bounded in memory:
//! * **by source address**, whatever the name: against guessing many names from one place;
//! * **by name**, from wherever: against guessing one name from many places;
//! * **by name and source**, failures in a row: after [`Figures::failures`] that pair is locked, for twice as long with
//!   each further failure.
//!
//! The lock holds for the pair and not for the name: nobody keeps an operator from signing in during an incident by
//! failing under that operator's name elsewhere. For the same reason a source from which a name has signed in is *known*
//! and does not wait for the counter by name. A try counts as a failure before the password is looked at, so that tries
//! in parallel count too; [`Limit::succeeded`] takes it back. Names that do not exist are counted like those that do.
//!
//! An IPv6 host has a whole network for itself, so a source there is its /64. Behind a proxy all clients come from one
//! address: the proxy has to limit them itself.

use super::is_name;
use hypocaust_protocols::model::Millis;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};

/// The figures of signing in; docs/access.md explains them to those who run the centre.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Tries from one source within the window.
    pub by_source: usize,
    /// Tries under one name within the window, from sources that are not known for it.
    pub by_name: usize,
    pub window_ms: i64,
    /// Failures in a row of one name from one source, after which that pair is locked.
    pub failures: u32,
    /// The first lock; each further failure doubles it.
    pub lock_ms: i64,
    pub longest_lock_ms: i64,
    /// Failures this long ago do not count any more.
    pub forget_ms: i64,
    /// A source stays known for a name for this long after a sign-in.
    pub known_ms: i64,
    /// Sources, names and pairs that are remembered, each: invented ones must not fill the memory.
    pub remembered: usize,
}

pub const FIGURES: Figures = Figures {
    by_source: 60,
    by_name: 10,
    window_ms: 60_000,
    failures: 5,
    lock_ms: 30_000,
    longest_lock_ms: 15 * 60_000,
    forget_ms: 24 * 3_600_000,
    known_ms: 30 * 24 * 3_600_000,
    remembered: 10_000,
};

/// Where a try comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(Option<IpAddr>);

impl Source {
    /// `None`: the peer's address is not known; all such tries count as from one source.
    pub fn of(peer: Option<IpAddr>) -> Source {
        Source(peer.map(|ip| match ip.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 => v4,
        }))
    }
}
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(IpAddr::V6(v6)) => write!(f, "{v6}/64"),
            Some(v4) => write!(f, "{v4}"),
            None => f.write_str("an unknown address"),
        }
    }
}

/// Which counter refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Source,
    Name,
    Locked,
}

/// A try that is not let through, and after how many ms the next one may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub why: Why,
    pub wait_ms: i64,
}

/// At most so many entries.
#[derive(Debug)]
struct Memory<K, V> {
    most: usize,
    entries: BTreeMap<K, V>,
}

impl<K: Ord + Clone, V: Default> Memory<K, V> {
    /// The entry, made when it is missing; when there is no room, the one that `age` ranks lowest makes it.
    fn entry<R: Ord>(&mut self, key: &K, age: impl Fn(&V) -> R) -> &mut V {
        if self.entries.len() >= self.most && !self.entries.contains_key(key) {
            let oldest = self.entries.iter().min_by_key(|(_, v)| age(v)).map(|(k, _)| k.clone());
            oldest.map(|k| self.entries.remove(&k));
        }
        self.entries.entry(key.clone()).or_default()
    }
}

type Times = VecDeque<Millis>;

/// How far `then` lies back; a clock that was set back makes nothing older or younger than now.
fn ago(now: Millis, then: Millis) -> i64 {
    (now.0 - then.0).max(0)
}

#[derive(Debug, Default, Clone, Copy)]
struct Pair {
    failures: u32,
    /// Of the latest try.
    last: Option<Millis>,
    locked_until: Option<Millis>,
    known: Option<Millis>,
}

#[derive(Debug)]
pub struct Limit {
    figures: Figures,
    sources: Memory<Source, Times>,
    names: Memory<String, Times>,
    pairs: Memory<(String, Source), Pair>,
}

impl Default for Limit {
    fn default() -> Self {
        Limit::new(FIGURES)
    }
}

impl Limit {
    pub fn new(figures: Figures) -> Limit {
        let most = figures.remembered.max(1);
        Limit {
            figures,
            sources: Memory { most, entries: BTreeMap::new() },
            names: Memory { most, entries: BTreeMap::new() },
            pairs: Memory { most, entries: BTreeMap::new() },
        }
    }

    /// What cannot be a name is counted as one, whatever it is: it may be megabytes long.
    fn key(name: &str, source: Source) -> (String, Source) {
        (if is_name(name) { name.to_owned() } else { String::new() }, source)
    }

    /// Counts a try. `Ok`: it may be made; the lock that begins with it unless it succeeds, in ms.
    pub fn attempt(&mut self, name: &str, source: Source, now: Millis) -> Result<Option<i64>, Refused> {
        let figures = self.figures;
        let key = Limit::key(name, source);
        let pair = self.pairs.entries.get(&key).copied().unwrap_or_default();
        let refused = |why, wait_ms| Err(Refused { why, wait_ms });
        let left = pair.locked_until.map_or(0, |until| until.0 - now.0);
        // Longer than the longest lock: the clock was set back.
        if left > 0 && left <= figures.longest_lock_ms {
            return refused(Why::Locked, left);
        }
        let last = |times: &Times| times.back().copied();
        let by_source = self.sources.entry(&source, last);
        if let Some(wait) = full(by_source, figures.by_source, figures.window_ms, now) {
            return refused(Why::Source, wait);
        }
        let known = pair.known.is_some_and(|at| ago(now, at) < figures.known_ms);
        if !known {
            let by_name = self.names.entry(&key.0, last);
            if let Some(wait) = full(by_name, figures.by_name, figures.window_ms, now) {
                return refused(Why::Name, wait);
            }
            by_name.push_back(now);
        }
        self.sources.entry(&source, last).push_back(now);
        let pair = self.pairs.entry(&key, |pair| (pair.known.is_some(), pair.last));
        if pair.last.is_none_or(|at| ago(now, at) >= figures.forget_ms) {
            pair.failures = 0;
        }
        pair.last = Some(now);
        pair.failures = pair.failures.saturating_add(1);
        let lock = pair.failures.checked_sub(figures.failures).map(|beyond| {
            let doubled = figures.lock_ms.saturating_mul(1 << beyond.min(30));
            doubled.min(figures.longest_lock_ms)
        });
        pair.locked_until = lock.map(|ms| Millis(now.0 + ms));
        Ok(lock)
    }

    /// The password was right: nothing counts against this pair any more.
    pub fn succeeded(&mut self, name: &str, source: Source, now: Millis) {
        if let Some(pair) = self.pairs.entries.get_mut(&Limit::key(name, source)) {
            *pair = Pair { failures: 0, last: Some(now), locked_until: None, known: Some(now) };
        }
    }

    /// Nobody looked at the password, by no fault of who tried: it is no failure.
    pub fn not_tried(&mut self, name: &str, source: Source) {
        if let Some(pair) = self.pairs.entries.get_mut(&Limit::key(name, source)) {
            pair.failures = pair.failures.saturating_sub(1);
            pair.locked_until = None;
        }
    }
}

/// Lets go of what lies before the window; `Some`: it is full, for so many ms.
fn full(times: &mut Times, most: usize, window_ms: i64, now: Millis) -> Option<i64> {
    while times.front().is_some_and(|t| ago(now, *t) >= window_ms) {
        times.pop_front();
    }
    let first = times.front().filter(|_| times.len() >= most)?;
    Some(window_ms - ago(now, *first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(last: u8) -> Source {
        Source::of(Some(IpAddr::from([10, 0, 0, last])))
    }

    /// At how many ms, who, from where, is the password right, and what is said.
    type Line<'a> = (i64, &'a str, u8, bool, Result<Option<i64>, Refused>);

    fn play(limit: &mut Limit, table: &[Line<'_>]) {
        for (line, (at, name, from, right, said)) in table.iter().enumerate() {
            let found = limit.attempt(name, source(*from), Millis(*at));
            assert_eq!(found, *said, "line {line}");
            if found.is_ok() && *right {
                limit.succeeded(name, source(*from), Millis(*at));
            }
        }
    }

    const fn no(why: Why, wait_ms: i64) -> Result<Option<i64>, Refused> {
        Err(Refused { why, wait_ms })
    }

    #[test]
    fn the_fifth_failure_locks_the_pair_and_each_further_one_doubles_the_lock() {
        let s = 1000;
        play(
            &mut Limit::default(),
            &[
                (0, "ada", 1, false, Ok(None)),
                (s, "ada", 1, false, Ok(None)),
                (2 * s, "ada", 1, false, Ok(None)),
                (3 * s, "ada", 1, false, Ok(None)),
                (4 * s, "ada", 1, false, Ok(Some(30 * s))),
                (5 * s, "ada", 1, true, no(Why::Locked, 29 * s)),
                // Elsewhere, and under another name, nothing is locked.
                (5 * s, "ada", 2, true, Ok(None)),
                (5 * s, "bob", 1, true, Ok(None)),
                (34 * s, "ada", 1, false, Ok(Some(60 * s))),
                (93 * s, "ada", 1, true, no(Why::Locked, s)),
                (94 * s, "ada", 1, false, Ok(Some(120 * s))),
                (214 * s, "ada", 1, true, Ok(Some(240 * s))),
                // It has succeeded: nothing counts any more.
                (215 * s, "ada", 1, false, Ok(None)),
            ],
        );
    }

    #[test]
    fn a_lock_grows_to_its_longest_and_failures_are_forgotten_after_a_day() {
        let mut limit = Limit::default();
        let mut now = Millis(0);
        let mut locks = Vec::new();
        for _ in 0..15 {
            match limit.attempt("ada", source(1), now) {
                Ok(lock) => {
                    locks.extend(lock);
                    now = Millis(now.0 + lock.unwrap_or(1000));
                }
                Err(refused) => panic!("{refused:?} at {now:?}"),
            }
        }
        assert_eq!(locks[..6], [30_000, 60_000, 120_000, 240_000, 480_000, 900_000]);
        assert!(locks[6..].iter().all(|ms| *ms == FIGURES.longest_lock_ms), "{locks:?}");
        let later = Millis(now.0 + FIGURES.forget_ms);
        assert_eq!(limit.attempt("ada", source(1), later), Ok(None));
    }

    #[test]
    fn many_names_from_one_source_and_one_name_from_many_sources_wait_for_the_window() {
        let mut limit = Limit::default();
        for n in 0..FIGURES.by_source {
            assert!(limit.attempt(&format!("n{n}"), source(1), Millis(n as i64)).is_ok(), "{n}");
        }
        assert_eq!(limit.attempt("new", source(1), Millis(100)), no(Why::Source, 59_900));
        assert_eq!(limit.attempt("new", source(2), Millis(100)), Ok(None));
        assert_eq!(limit.attempt("new", source(1), Millis(60_000)), Ok(None));

        let mut limit = Limit::default();
        for n in 0..FIGURES.by_name {
            assert!(limit.attempt("ada", source(n as u8), Millis(n as i64)).is_ok(), "{n}");
        }
        assert_eq!(limit.attempt("ada", source(99), Millis(100)), no(Why::Name, 59_900));
        assert_eq!(limit.attempt("ada", source(99), Millis(60_000)), Ok(None));
    }

    #[test]
    fn whoever_signed_in_from_here_is_not_kept_out_by_failures_elsewhere() {
        let mut limit = Limit::default();
        play(&mut limit, &[(0, "ada", 1, true, Ok(None))]);
        for n in 0..100u8 {
            let _ = limit.attempt("ada", source(10 + n), Millis(1000));
        }
        play(&mut limit, &[(1001, "ada", 2, true, no(Why::Name, 58_999)), (1001, "ada", 1, true, Ok(None))]);
        let month = FIGURES.known_ms;
        for n in 0..FIGURES.by_name {
            let _ = limit.attempt("ada", source(10 + n as u8), Millis(month + 2000));
        }
        play(&mut limit, &[(month + 2001, "ada", 1, true, no(Why::Name, 59_999))]);
    }

    #[test]
    fn a_try_that_nobody_looked_at_is_no_failure() {
        let mut limit = Limit::default();
        for n in 0..9 {
            assert_eq!(limit.attempt("ada", source(1), Millis(n * 10_000)), Ok(None));
            limit.not_tried("ada", source(1));
        }
    }

    #[test]
    fn invented_names_and_sources_neither_fill_the_memory_nor_push_out_whom_it_knows() {
        let mut limit = Limit::new(Figures { remembered: 50, ..FIGURES });
        play(&mut limit, &[(0, "ada", 1, true, Ok(None))]);
        for n in 0..1000u32 {
            let from = Source::of(Some(IpAddr::from((0x0b00_0000 + n).to_be_bytes())));
            let _ = limit.attempt(&format!("n{n}"), from, Millis(1 + i64::from(n)));
        }
        let sizes = (limit.sources.entries.len(), limit.names.entries.len(), limit.pairs.entries.len());
        assert_eq!(sizes, (50, 50, 50));
        assert!(limit.pairs.entries[&("ada".into(), source(1))].known.is_some());
        // What is no name shares one counter, however long it is.
        let mut limit = Limit::default();
        for n in 0..100 {
            let _ = limit.attempt(&"X".repeat(1000 + n), source(n as u8), Millis(0));
        }
        assert_eq!(limit.names.entries.keys().collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn a_network_of_ipv6_is_one_source_and_a_mapped_address_is_its_ipv4() {
        let of = |text: &str| Source::of(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), source(1));
        assert_eq!((of("2001:db8::5").to_string(), source(1).to_string()), ("2001:db8::/64".into(), "10.0.0.1".into()));
    }

    proptest! {
        /// Whatever happens in whatever order: a refusal ends within the longest wait, and no pair gets more tries in
        /// any window than its source may make.
        #[test]
        fn no_wait_is_endless_and_no_source_exceeds_its_tries(
            steps in proptest::collection::vec((0i64..20_000, 0u8..3, 0u8..3, any::<bool>()), 1..400),
        ) {
            let mut limit = Limit::default();
            let mut now = Millis(0);
            let mut made: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
            for (pause, name, from, right) in steps {
                now = Millis(now.0 + pause / 10);
                let name = format!("n{name}");
                match limit.attempt(&name, source(from), now) {
                    Ok(_) => {
                        let times = made.entry(from).or_default();
                        times.push(now.0);
                        times.retain(|t| now.0 - t < FIGURES.window_ms);
                        prop_assert!(times.len() <= FIGURES.by_source);
                        if right { limit.succeeded(&name, source(from), now) }
                    }
                    Err(refused) => {
                        prop_assert!(refused.wait_ms > 0 && refused.wait_ms <= FIGURES.longest_lock_ms);
                    }
                }
            }
        }
    }
}
