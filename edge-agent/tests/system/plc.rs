//! A Modbus TCP server of a few lines: one register file for all tables, everything writable. It is the test's own, so that
//! the program is not judged by the library that it uses.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// (table, offset) -> word. Tables: 1 coil, 2 discrete, 3 holding, 4 input, as their read functions are numbered.
type Words = BTreeMap<(u8, u16), u16>;

#[derive(Clone, Default)]
pub struct Plc {
    words: Arc<Mutex<Words>>,
    writes: Arc<Mutex<Vec<u16>>>,
    /// Answers nobody, and closes each connection that asks.
    pub silent: Arc<AtomicBool>,
}

impl Plc {
    /// Serves on a free port for as long as the process lives.
    pub fn serve(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plc = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let plc = plc.clone();
                std::thread::spawn(move || plc.talk(stream));
            }
        });
        port
    }

    fn talk(&self, mut stream: TcpStream) {
        loop {
            let mut head = [0u8; 7];
            if stream.read_exact(&mut head).is_err() {
                return;
            }
            let mut body = vec![0u8; usize::from(u16::from_be_bytes([head[4], head[5]])) - 1];
            if stream.read_exact(&mut body).is_err() {
                return;
            }
            if self.silent.load(Ordering::Relaxed) {
                return;
            }
            let answer = self.answer(&body);
            let mut frame = head.to_vec();
            frame[4..6].copy_from_slice(&(answer.len() as u16 + 1).to_be_bytes());
            frame.extend(answer);
            if stream.write_all(&frame).is_err() {
                return;
            }
        }
    }

    fn answer(&self, body: &[u8]) -> Vec<u8> {
        let word = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
        let (function, offset, count) = (body[0], word(1), word(3));
        let mut words = self.words.lock().unwrap();
        let get = |words: &Words, table, at| words.get(&(table, at)).copied().unwrap_or(0);
        match function {
            1 | 2 => {
                let mut bytes = vec![0u8; usize::from(count.div_ceil(8))];
                for i in 0..count {
                    if get(&words, function, offset + i) != 0 {
                        bytes[usize::from(i / 8)] |= 1 << (i % 8);
                    }
                }
                [vec![function, bytes.len() as u8], bytes].concat()
            }
            3 | 4 => {
                let bytes: Vec<u8> = (0..count).flat_map(|i| get(&words, function, offset + i).to_be_bytes()).collect();
                [vec![function, bytes.len() as u8], bytes].concat()
            }
            5 => {
                words.insert((1, offset), u16::from(count == 0xff00));
                body.to_vec()
            }
            16 => {
                for i in 0..count {
                    words.insert((3, offset + i), word(6 + 2 * usize::from(i)));
                }
                self.writes.lock().unwrap().push(offset);
                body[..5].to_vec()
            }
            _ => vec![function | 0x80, 1],
        }
    }

    pub fn set_f32(&self, table: u8, offset: u16, value: f32) {
        let bits = value.to_bits();
        let mut words = self.words.lock().unwrap();
        words.insert((table, offset), (bits >> 16) as u16);
        words.insert((table, offset + 1), bits as u16);
    }
    pub fn set(&self, table: u8, offset: u16, word: u16) {
        self.words.lock().unwrap().insert((table, offset), word);
    }
    /// A holding register pair in order `abcd`.
    pub fn f32(&self, offset: u16) -> f32 {
        let bits = u32::from(self.u16(offset)) << 16 | u32::from(self.u16(offset + 1));
        f32::from_bits(bits)
    }
    pub fn u16(&self, offset: u16) -> u16 {
        self.words.lock().unwrap().get(&(3, offset)).copied().unwrap_or(0)
    }
    pub fn writes_at(&self, offset: u16) -> usize {
        self.writes.lock().unwrap().iter().filter(|o| **o == offset).count()
    }

    /// Moves a few values in the background, so that there is something to report for some seconds.
    pub fn wiggle(&self, base: f32) {
        let plc = self.clone();
        std::thread::spawn(move || {
            for i in 0..10u8 {
                // north.steam.pressure stays near its nominal value, water.temperature follows `base`.
                plc.set_f32(4, 100, 10.0 + 0.1 * f32::from(i));
                plc.set_f32(4, 110, 1.0 + base / 100.0 + 0.02 * f32::from(i));
                std::thread::sleep(std::time::Duration::from_millis(400));
            }
            plc.set_f32(4, 100, 10.0);
        });
    }
}
