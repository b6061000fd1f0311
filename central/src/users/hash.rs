//! Argon2id, off the async threads and one at a time.
//!
//! A hash costs some 20 ms of a core and 19 MiB. One is worked on at any time, so that a flood of sign-ins takes at most
//! one core from whoever decides about heat; a few may wait, and beyond them the answer is [`Error::Busy`]. A caller who
//! goes away does not free the turn: the work that was begun keeps it until it is done.

use super::Error;
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many may wait for their turn: a third of a second at most.
pub const WAITING: usize = 16;

/// Memory in KiB, passes, lanes.
pub type Costs = (u32, u32, u32);

/// What a new password costs: OWASP's first choice for argon2id, which is the library's default.
pub fn costs() -> Costs {
    (Params::DEFAULT_M_COST, Params::DEFAULT_T_COST, Params::DEFAULT_P_COST)
}

/// Whose turn it is. Clones share it.
#[derive(Debug, Clone)]
pub struct Hasher {
    turn: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        Hasher { turn: Arc::new(Semaphore::new(1)), places: Arc::new(Semaphore::new(WAITING)) }
    }
}

impl Hasher {
    pub async fn hash(&self, password: String, salt: Vec<u8>, costs: Costs) -> Result<[u8; 32], Error> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Error::Busy)?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|e| Error::Hash(e.to_string()))?;
        tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            let params = Params::new(costs.0, costs.1, costs.2, Some(32)).map_err(|e| Error::Hash(e.to_string()))?;
            let mut out = [0; 32];
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into(password.as_bytes(), &salt, &mut out)
                .map_err(|e| Error::Hash(e.to_string()))?;
            Ok(out)
        })
        .await
        .map_err(|e| Error::Hash(e.to_string()))?
    }
}

/// All bytes are compared whatever the first ones are.
pub fn same(found: &[u8], wanted: &[u8]) -> bool {
    found.len() == wanted.len() && found.iter().zip(wanted).fold(0, |acc, (a, b)| acc | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn beyond_those_that_wait_the_answer_is_busy_and_then_there_is_room_again() {
        let hasher = Hasher::default();
        let one = || {
            let hasher = hasher.clone();
            async move { hasher.hash("correct horse".into(), vec![1; 16], costs()).await }
        };
        let all = futures::future::join_all((0..WAITING + 5).map(|_| one())).await;
        let busy = all.iter().filter(|r| matches!(r, Err(Error::Busy))).count();
        assert_eq!((busy, all.iter().filter(|r| r.is_ok()).count()), (5, WAITING));
        assert!(one().await.is_ok());
    }

    #[tokio::test]
    async fn who_goes_away_does_not_free_the_turn_before_the_work_is_done() {
        let hasher = Hasher::default();
        let work = {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.hash("correct horse".into(), vec![1; 16], (64 * 1024, 20, 1)).await })
        };
        while hasher.turn.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        // The thread may not have begun; the turn is with the work from the moment that it was handed over.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        work.abort();
        assert!(work.await.is_err_and(|e| e.is_cancelled()));
        assert_eq!(hasher.turn.available_permits(), 0, "the turn was freed while a core still hashes");
    }
}
