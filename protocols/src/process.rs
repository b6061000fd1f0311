//! A program of ours among others: how it is asked to end, and how it has a folder to itself.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
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

/// Held as long as it lives; the kernel lets it go however the program ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a folder is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum Unlocked {
    #[error("process {0} works on it")]
    Held(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Takes the lock of this file for this process, whose number is written into it. Two programs on one folder of data
/// would each undo what the other did.
pub fn lock(path: &Path) -> Result<Lock, Unlocked> {
    let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(error.into()),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(Unlocked::Held(holder.trim().to_owned()));
        }
    }
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Lock { _file: file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let held = lock(&path).expect("nobody holds it");
        let Err(Unlocked::Held(holder)) = lock(&path) else { panic!("it was given twice") };
        assert_eq!(holder, std::process::id().to_string());
        drop(held);
        lock(&path).expect("it was let go");
    }
}
