//! How often a sign-in may be tried.

use hypocaust_protocols::model::Millis;
use std::collections::{BTreeMap, VecDeque};

/// Tries of one name within [`WINDOW_MS`].
pub const TRIES: usize = 5;
pub const WINDOW_MS: i64 = 60_000;
/// Names remembered at once: invented names must not fill the memory.
const NAMES: usize = 10_000;

/// The recent tries by name. A try is counted before the password is looked at, so that parallel tries count too.
#[derive(Debug, Default)]
pub struct Limit {
    tries: BTreeMap<String, VecDeque<Millis>>,
}

impl Limit {
    /// Counts a try. Refused: after how many ms the next one is accepted.
    pub fn attempt(&mut self, name: &str, now: Millis) -> Result<(), i64> {
        if self.tries.len() >= NAMES && !self.tries.contains_key(name) {
            self.tries.retain(|_, times| times.back().is_some_and(|t| now.0 - t.0 < WINDOW_MS));
            if self.tries.len() >= NAMES {
                return Err(WINDOW_MS);
            }
        }
        let times = self.tries.entry(name.to_owned()).or_default();
        while times.front().is_some_and(|t| now.0 - t.0 >= WINDOW_MS) {
            times.pop_front();
        }
        match times.front() {
            Some(first) if times.len() >= TRIES => Err(first.0 + WINDOW_MS - now.0),
            _ => {
                times.push_back(now);
                Ok(())
            }
        }
    }

    /// Forgets the tries of a name that has signed in.
    pub fn succeeded(&mut self, name: &str) {
        self.tries.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_try_waits_for_the_window_and_other_names_do_not() {
        let mut limit = Limit::default();
        for n in 0..TRIES as i64 {
            assert_eq!(limit.attempt("a", Millis(n)), Ok(()));
        }
        assert_eq!(limit.attempt("a", Millis(10)), Err(WINDOW_MS - 10));
        assert_eq!(limit.attempt("b", Millis(10)), Ok(()));
        assert_eq!(limit.attempt("a", Millis(WINDOW_MS)), Ok(()));
        assert!(limit.attempt("a", Millis(WINDOW_MS)).is_err());
        limit.succeeded("a");
        assert_eq!(limit.attempt("a", Millis(WINDOW_MS)), Ok(()));
    }

    #[test]
    fn invented_names_do_not_fill_the_memory() {
        let mut limit = Limit::default();
        for n in 0..2 * NAMES {
            let _ = limit.attempt(&n.to_string(), Millis(0));
        }
        assert_eq!(limit.tries.len(), NAMES);
        assert_eq!(limit.attempt("late", Millis(WINDOW_MS)), Ok(()));
    }
}
