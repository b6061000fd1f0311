//! A line on stderr for whatever takes longer than a second: what is done, how much of it, for how long. On a terminal the
//! line is written over itself every second, elsewhere a new one is written whenever the time has doubled.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Shows until it is dropped.
pub struct Progress {
    done: Arc<AtomicUsize>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins; `total` parts, or one thing where it is 1.
    pub fn new(what: &str, total: usize) -> Self {
        let done = Arc::new(AtomicUsize::new(0));
        let (stop, stopped) = channel::<()>();
        let (what, seen) = (what.to_owned(), Arc::clone(&done));
        let thread = std::thread::spawn(move || {
            let terminal = std::io::stderr().is_terminal();
            let mut seconds = 0_u64;
            while stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                seconds += 1;
                let parts =
                    if total > 1 { format!(", {} of {total}", seen.load(Ordering::Relaxed)) } else { String::new() };
                let mut stderr = std::io::stderr();
                let _ = if terminal {
                    write!(stderr, "\r{what}{parts}, {seconds} s")
                } else if seconds.is_power_of_two() {
                    writeln!(stderr, "{what}{parts}, {seconds} s")
                } else {
                    Ok(())
                };
                let _ = stderr.flush();
            }
            if terminal && seconds > 0 {
                eprintln!();
            }
        });
        Self { done, stop: Some(stop), thread: Some(thread) }
    }

    /// One part more is done.
    pub fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
