//! How a program of ours is asked to end.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves when a person (Ctrl-C) or a supervisor (SIGTERM) wants the program to end.
pub async fn stop_signal() {
    let listen = |kind| signal(kind).expect("a program may listen to its own signals");
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt()), listen(SignalKind::terminate()));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
