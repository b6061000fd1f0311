//! Listening sockets, and who holds a port that is taken. Somebody who starts a program twice is told which process to end,
//! by number and name, instead of "address in use".

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Why nothing can be listened on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{addr} for {purpose} is taken by {holder}; end it, or choose another port")]
    Taken { addr: SocketAddr, purpose: String, holder: String },
    #[error("cannot listen on {addr} for {purpose}: {why}; choose an address of this machine, 127.0.0.1 for one")]
    Listen { addr: SocketAddr, purpose: String, why: io::Error },
}

/// The process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    /// Its short name; the whole command line may hold what is not for others.
    pub name: String,
}

/// A listener in non-blocking mode, as tokio wants it.
pub fn listen(addr: SocketAddr, purpose: &str) -> Result<TcpListener, Error> {
    let purpose = || purpose.to_owned();
    let listener = TcpListener::bind(addr).map_err(|why| match why.kind() {
        io::ErrorKind::AddrInUse => Error::Taken { addr, purpose: purpose(), holder: holder(addr) },
        _ => Error::Listen { addr, purpose: purpose(), why },
    })?;
    listener.set_nonblocking(true).map_err(|why| Error::Listen { addr, purpose: purpose(), why })?;
    Ok(listener)
}

/// Who listens on this address' port, in words.
pub fn holder(addr: SocketAddr) -> String {
    match find(addr.port()) {
        Some(h) => format!("process {} ({})", h.pid, h.name),
        None => "a process that this user may not see".to_owned(),
    }
}

/// Who listens on this TCP port, as far as `/proc` shows it.
pub fn find(port: u16) -> Option<Holder> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|text| listening_inodes(&text, port))
        .collect();
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let holds = fs::read_dir(process.path().join("fd")).ok()?.flatten().any(|fd| {
            fs::read_link(fd.path()).is_ok_and(|target| {
                let target = target.to_string_lossy();
                let inode = target.strip_prefix("socket:[").and_then(|t| t.strip_suffix(']'));
                inode.is_some_and(|inode| inodes.iter().any(|i| i == inode))
            })
        });
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        holds.then(|| Holder { pid, name: name.trim().to_owned() })
    })
}

/// Inodes of the sockets that listen (state 0A) on a port, from the text of `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let local = fields.get(1)?.rsplit(':').next()?;
            let listens = *fields.get(3)? == "0A" && u16::from_str_radix(local, 16).ok()? == port;
            listens.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_taken_port_is_named() {
        let first = listen("127.0.0.1:0".parse().expect("an address"), "a test").expect("a free port");
        let addr = first.local_addr().expect("its address");
        assert_eq!(find(addr.port()).map(|h| h.pid), Some(std::process::id()));
        let message = listen(addr, "plc1").expect_err("taken").to_string();
        assert!(message.contains(&format!("for plc1 is taken by process {}", std::process::id())), "{message}");
        drop(first);
        assert_eq!(find(addr.port()), None);
    }
}
