//! A wire between one client and the broker on which messages can be held back: a network that delivers late what was sent
//! in time.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a client sends without having anything to say (MQTT 5.0, 3.12).
const PING: [u8; 2] = [0xC0, 0];
/// Within one and a half times the keep-alive of every client of ours.
const PINGS: Duration = Duration::from_secs(2);

/// The way of one connection to the broker, and the packets that are held back on it.
struct Way {
    to: TcpStream,
    held: Option<Vec<Vec<u8>>>,
}

#[derive(Default)]
struct Ways {
    holds: bool,
    ways: Vec<Arc<Mutex<Way>>>,
}

/// What is sent on it passes, or is held and sent in its order later; what comes back always passes.
pub struct HeldWire {
    pub port: u16,
    ways: Arc<Mutex<Ways>>,
}

fn lock<T>(what: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HeldWire {
    /// To this port of this machine, for as long as the process lives.
    #[must_use]
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let wire = Self { port, ways: Arc::default() };
        let ways = wire.ways.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let (Ok(mut from_far), Ok(mut to_near), Ok(to)) = (far.try_clone(), near.try_clone(), far.try_clone())
                else {
                    continue;
                };
                std::thread::spawn(move || {
                    // Whichever end is gone, the other one is told below.
                    let _ = std::io::copy(&mut from_far, &mut to_near);
                    let _ = to_near.shutdown(Shutdown::Both);
                });
                let mut all = lock(&ways);
                let way = Arc::new(Mutex::new(Way { to, held: all.holds.then(Vec::new) }));
                all.ways.push(way.clone());
                std::thread::spawn(move || carry(near, &way));
            }
        });
        wire
    }

    /// From now on what is sent is held back; the broker hears that its clients are still there.
    pub fn hold(&self) {
        let mut all = lock(&self.ways);
        all.holds = true;
        for way in &all.ways {
            lock(way).held.get_or_insert_default();
            let way = way.clone();
            std::thread::spawn(move || {
                loop {
                    {
                        let mut way = lock(&way);
                        if way.held.is_none() || way.to.write_all(&PING).is_err() {
                            return;
                        }
                    }
                    std::thread::sleep(PINGS);
                }
            });
        }
    }

    /// All that was held back goes out, in its order; how many packets it was.
    pub fn release(&self) -> usize {
        let mut all = lock(&self.ways);
        all.holds = false;
        let mut packets = 0;
        for way in &all.ways {
            let mut way = lock(way);
            for packet in way.held.take().unwrap_or_default() {
                packets += usize::from(way.to.write_all(&packet).is_ok());
            }
        }
        packets
    }
}

/// Packet by packet, so that nothing is put into the middle of one.
fn carry(mut from: TcpStream, way: &Mutex<Way>) {
    while let Some(packet) = packet(&mut from) {
        let mut way = lock(way);
        let Way { to, held } = &mut *way;
        match held {
            Some(held) => held.push(packet),
            None if to.write_all(&packet).is_err() => break,
            None => {}
        }
    }
    let _ = lock(way).to.shutdown(Shutdown::Both);
}

/// A whole packet: its type, its length in seven bits a byte, and so many bytes (MQTT 5.0, 2.1).
fn packet(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut packet = vec![0; 2];
    from.read_exact(&mut packet).ok()?;
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let last = *packet.last()?;
        length |= usize::from(last & 0x7F) << shift;
        shift += 7;
        if last & 0x80 == 0 {
            break;
        }
        let mut more = [0];
        from.read_exact(&mut more).ok()?;
        packet.push(more[0]);
    }
    let begins = packet.len();
    packet.resize(begins + length, 0);
    from.read_exact(&mut packet[begins..]).ok()?;
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_its_packets() {
        let long: Vec<u8> = [0x30, 0xC8, 0x01].into_iter().chain([7; 200]).collect();
        let stream = [&PING[..], &long, &[0x40, 2, 1, 2]].concat();
        let mut from = &stream[..];
        assert_eq!(packet(&mut from), Some(PING.to_vec()));
        assert_eq!(packet(&mut from), Some(long));
        assert_eq!(packet(&mut from), Some(vec![0x40, 2, 1, 2]));
        assert_eq!(packet(&mut from), None);
    }
}
