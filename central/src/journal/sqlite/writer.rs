//! Who is in the middle of a transaction on a SQLite file, and whether that process is stopped.
//!
//! A process that the kernel stops (SIGSTOP) while it writes keeps the file's write lock: nobody else can write until it is
//! woken or ended. SQLite says only that the file is busy; the kernel knows by whom. It is asked by its list of locks and
//! not through the file: a process that closes any descriptor of a file loses every lock that it holds there, those of its
//! own SQLite among them.

use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the write lock lies in the index of a write-ahead log, first and last byte ("WAL-mode file format", section 2.2).
const WRITE_LOCK: (&str, &str) = ("120", "120");

/// The process that holds a file's write lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    pub pid: u32,
    /// It does nothing until somebody wakes it. One that a debugger holds is not meant: somebody has that in hand.
    pub stopped: bool,
}

impl std::fmt::Display for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pid = self.pid;
        match self.stopped {
            true => write!(f, "process {pid} is stopped in the middle of a transaction: wake it or end it"),
            false => write!(f, "process {pid} is in the middle of a transaction"),
        }
    }
}

/// Who writes this database, a file with a write-ahead log, at this moment. `None`: nobody, or it cannot be told.
#[must_use]
pub fn writer(database: &Path) -> Option<Writer> {
    let mut index = database.as_os_str().to_owned();
    index.push("-shm");
    let inode = std::fs::metadata(PathBuf::from(index)).ok()?.st_ino();
    let pid = holder(&std::fs::read_to_string("/proc/locks").ok()?, inode)?;
    Some(Writer { pid, stopped: is_stopped(pid) })
}

/// Has the kernel stopped this process?
#[must_use]
pub fn is_stopped(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| state(&stat) == Some('T'))
}

/// Who holds the write lock of the file with this number, by the kernel's list:
/// `1: POSIX ADVISORY WRITE PID MAJOR:MINOR:INODE FIRST LAST`; `->` before the kind marks one that waits.
fn holder(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "POSIX", _, "WRITE", pid, file, first, last] = fields[..] else { return None };
        let here = file.rsplit(':').next()?.parse() == Ok(inode) && (first, last) == WRITE_LOCK;
        if here { pid.parse().ok() } else { None }
    })
}

/// The state in `/proc/PID/stat`, after the program's name, which may have brackets of its own.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_the_write_lock_is_told_from_readers_waiters_and_other_files() {
        let locks = "1: POSIX  ADVISORY  READ 70 fe:00:815 124 124\n\
                     2: FLOCK  ADVISORY  WRITE 71 fe:00:815 0 EOF\n\
                     3: POSIX  ADVISORY  WRITE 72 fe:00:816 120 120\n\
                     4: POSIX  ADVISORY  WRITE 73 fe:00:815 121 121\n\
                     5: POSIX  ADVISORY  WRITE 74 fe:00:815 120 120\n\
                     5: -> POSIX  ADVISORY  WRITE 75 fe:00:815 120 120\n";
        assert_eq!(holder(locks, 815), Some(74));
        assert_eq!(holder(locks, 816), Some(72));
        assert_eq!(holder(locks, 817), None);
        assert_eq!(holder("no list of locks", 815), None);
    }

    #[test]
    fn a_stopped_process_is_told_from_one_that_runs_or_is_debugged_whatever_its_name() {
        assert_eq!(state("74 (hypocaust-centra) T 1 74 74 0"), Some('T'));
        assert_eq!(state("74 (a) T (b) S 1 74 74 0"), Some('S'));
        assert_eq!(state("74 (hypocaust-centra) t 1 74 74 0"), Some('t'));
        assert_eq!(state(""), None);
        assert!(!is_stopped(std::process::id()));
    }
}
