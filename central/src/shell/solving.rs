//! The threads that solve, and the wall clock over them.
//!
//! A cycle and the losses solve side by side, each with its own memory ([`crate::solver`]). A solve that passes the limit is
//! answered as late; its thread ends by itself, because the solver's own iteration limit bounds it. A cycle that finds the
//! memory in the hands of one that is late solves without one.

use crate::ambient::monotonic;
use crate::domain::Answer;
use crate::solver::{Bases, Rolling};
use hypocaust_optimizer::Case;
use hypocaust_protocols::model::Millis;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// Where answers go: the id of the solve, and what became of it. Called on a thread that may wait.
#[derive(Clone)]
pub struct Answers(Arc<dyn Fn(u64, Answer) + Send + Sync>);

impl Answers {
    pub fn new(take: impl Fn(u64, Answer) + Send + Sync + 'static) -> Answers {
        Answers(Arc::new(take))
    }
    fn give(&self, id: u64, answer: Answer) {
        (self.0)(id, answer);
    }
}

/// Solves for one replica.
pub struct Solving {
    limit: Duration,
    rolling: Arc<Mutex<Rolling>>,
    bases: Arc<Mutex<Bases>>,
}

impl Solving {
    pub fn new(limit: Duration) -> Solving {
        Solving { limit, rolling: Arc::default(), bases: Arc::default() }
    }

    /// Solves the case of a cycle.
    pub fn cycle(&self, id: u64, at: Millis, case: Box<Case>, answers: Answers) {
        let (limit, rolling) = (self.limit, Arc::clone(&self.rolling));
        tokio::spawn(async move {
            let work = tokio::task::spawn_blocking(move || timed(|| in_turn(&rolling, at, &case)));
            let answer = match tokio::time::timeout(limit, work).await {
                Err(_) => Answer::Late,
                Ok(Err(error)) => Answer::Failed(format!("the solver's thread ended: {error}")),
                Ok(Ok(answer)) => answer,
            };
            // Whoever takes the answers may wait, and this is no thread for that.
            let _ = tokio::task::spawn_blocking(move || answers.give(id, answer)).await;
        });
    }

    /// Solves losses from their base, on all cores but the one that dispatch needs. What is not begun within the limit is
    /// late.
    pub fn losses(&self, at: Millis, base: Box<Case>, losses: Vec<(u64, Box<Case>)>, answers: Answers) {
        let (limit, bases) = (self.limit, Arc::clone(&self.bases));
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
        tokio::task::spawn_blocking(move || {
            let began = monotonic();
            let base = held(&bases).stand(at, *base);
            if let Err(error) = &base {
                tracing::warn!(%error, "the base of the losses has no solution; each is solved by itself");
            }
            let base = base.ok();
            let next = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..threads.min(losses.len()) {
                    scope.spawn(|| {
                        while let Some((id, case)) = losses.get(next.fetch_add(1, Ordering::Relaxed)) {
                            answers.give(
                                *id,
                                if began.elapsed() >= limit {
                                    Answer::Late
                                } else {
                                    Bases::loss(base.as_deref(), case).into()
                                },
                            );
                        }
                    });
                }
            });
        });
    }
}

/// With the memory, unless a solve that is late still has it.
fn in_turn(rolling: &Mutex<Rolling>, at: Millis, case: &Case) -> Answer {
    match rolling.try_lock() {
        Ok(mut rolling) => rolling.solve(at, case),
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().solve(at, case),
        Err(TryLockError::WouldBlock) => Rolling::default().solve(at, case),
    }
    .into()
}

/// A base that a panicking thread was at is as it was before.
fn held(bases: &Mutex<Bases>) -> MutexGuard<'_, Bases> {
    bases.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says in a solution how long it took; a solver that reads no clock cannot.
fn timed(solve: impl FnOnce() -> Answer) -> Answer {
    let began = monotonic();
    let mut answer = solve();
    if let Answer::Solution(solution) = &mut answer {
        solution.solver.ms = Some(began.elapsed().as_secs_f64() * 1000.0);
    }
    answer
}
