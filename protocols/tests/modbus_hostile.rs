//! A Modbus server that lies byte by byte, against the real client over loopback: whatever comes back, no read may
//! return a value that the device does not hold as the answer to that very request, and no write may report success
//! without its echo.
//!
//! The server holds `offset + 1000` in register `offset`, so that an answer to another question is told from the
//! right one by its value. Each script misbehaves on some requests, then the server is honest again, and the client
//! must come back to right values by itself.
#![cfg(feature = "modbus")]

use hypocaust_protocols::modbus::client::Error;
use hypocaust_protocols::modbus::{Client, RegisterWrite, Table};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TIMEOUT: Duration = Duration::from_millis(150);
const UNIT: u8 = 7;

/// What to do with one request, given the right answer to it as a whole frame.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Honest,
    /// The right answer, but after the client gave up.
    Late,
    /// The right answer now, and again just before the next answer.
    LateDuplicate,
    /// The right answer twice at once.
    Twice,
    WrongTransaction,
    WrongUnit,
    WrongProtocol,
    WrongFunction,
    /// One register or byte fewer than asked, well formed.
    ShortCount,
    /// One register or byte more than asked, well formed.
    LongCount,
    /// The byte count says less than what is there.
    CountTooSmall,
    /// The byte count says more than what is there.
    CountTooLarge,
    /// The frame length says less than what is there.
    LengthTooSmall,
    /// The frame length says more than what is there.
    LengthTooLarge,
    EmptyFrame,
    HugeFrame,
    /// All but the last byte, then nothing.
    Truncated,
    /// Half a frame, then the connection is cut.
    CutMidFrame,
    CutAtOnce,
    Garbage,
    /// The right answer and then noise.
    TrailingGarbage,
    Silence,
    /// The right answer in small pieces, the header cut too: slow, but honest.
    Dribble,
    /// A write's echo with another address; for reads the value of the neighbour cannot be told by any client, so
    /// reads are answered honestly.
    WrongEchoAddress,
    WrongEchoValue,
    Exception(u8),
}

/// Those after which the request itself may still succeed on this very try.
fn may_succeed_at_once(deed: Deed, write: bool) -> bool {
    matches!(deed, Deed::Honest | Deed::LateDuplicate | Deed::Twice | Deed::TrailingGarbage | Deed::Dribble)
        || (!write && matches!(deed, Deed::WrongEchoAddress | Deed::WrongEchoValue))
}

const READ_DEEDS: &[Deed] = &[
    Deed::Late,
    Deed::LateDuplicate,
    Deed::Twice,
    Deed::WrongTransaction,
    Deed::WrongUnit,
    Deed::WrongProtocol,
    Deed::WrongFunction,
    Deed::ShortCount,
    Deed::LongCount,
    Deed::CountTooSmall,
    Deed::CountTooLarge,
    Deed::LengthTooSmall,
    Deed::LengthTooLarge,
    Deed::EmptyFrame,
    Deed::HugeFrame,
    Deed::Truncated,
    Deed::CutMidFrame,
    Deed::CutAtOnce,
    Deed::Garbage,
    Deed::TrailingGarbage,
    Deed::Silence,
    Deed::Dribble,
    Deed::Exception(2),
    Deed::Exception(6),
];

const WRITE_DEEDS: &[Deed] = &[
    Deed::Late,
    Deed::LateDuplicate,
    Deed::Twice,
    Deed::WrongTransaction,
    Deed::WrongUnit,
    Deed::WrongProtocol,
    Deed::WrongFunction,
    Deed::LengthTooSmall,
    Deed::LengthTooLarge,
    Deed::EmptyFrame,
    Deed::HugeFrame,
    Deed::Truncated,
    Deed::CutMidFrame,
    Deed::CutAtOnce,
    Deed::Garbage,
    Deed::TrailingGarbage,
    Deed::Silence,
    Deed::Dribble,
    Deed::WrongEchoAddress,
    Deed::WrongEchoValue,
    Deed::Exception(3),
];

struct Server {
    addr: String,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    /// The deeds are used up one a request, over all connections; after the last the server is honest.
    async fn start(deeds: Vec<Deed>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (next, deeds, log) = (Arc::new(AtomicUsize::new(0)), Arc::new(deeds), requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, next.clone(), deeds.clone(), log.clone()));
            }
        });
        Self { addr, requests }
    }

    fn client(&self, tries: u32) -> Client {
        Client::new(self.addr.clone(), UNIT, TIMEOUT, tries)
    }
}

async fn serve(
    mut stream: TcpStream,
    next: Arc<AtomicUsize>,
    deeds: Arc<Vec<Deed>>,
    log: Arc<Mutex<Vec<Vec<u8>>>>,
) -> std::io::Result<()> {
    let mut held_back = Vec::new();
    loop {
        let mut head = [0; 6];
        stream.read_exact(&mut head).await?;
        let mut rest = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]]))];
        stream.read_exact(&mut rest).await?;
        log.lock().unwrap().push(rest[1..].to_vec());
        let right = frame(&head, rest[0], &answer(&rest[1..]));
        let deed = deeds.get(next.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or(Deed::Honest);
        if !held_back.is_empty() {
            stream.write_all(&held_back).await?;
            held_back.clear();
        }
        match deed {
            Deed::Late => {
                tokio::time::sleep(TIMEOUT * 2).await;
                stream.write_all(&right).await?;
            }
            Deed::LateDuplicate => {
                stream.write_all(&right).await?;
                held_back = right;
            }
            Deed::CutMidFrame => {
                stream.write_all(&right[..right.len() / 2]).await?;
                return Ok(());
            }
            Deed::CutAtOnce => return Ok(()),
            Deed::Dribble => {
                for piece in right.chunks(5) {
                    stream.write_all(piece).await?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            other => stream.write_all(&distort(other, right)).await?,
        }
    }
}

fn frame(head: &[u8], unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = head[..4].to_vec();
    frame.extend((pdu.len() as u16 + 1).to_be_bytes());
    frame.push(unit);
    frame.extend(pdu);
    frame
}

/// The right answer of the device: register `n` holds `n + 1000`, bit `n` is set where `n` divides by 3.
fn answer(request: &[u8]) -> Vec<u8> {
    let word = |at: usize| u16::from_be_bytes([request[at], request[at + 1]]);
    let (function, offset, count) = (request[0], word(1), word(3));
    let data: Vec<u8> = match function {
        1 | 2 => {
            let mut bytes = vec![0u8; usize::from(count).div_ceil(8)];
            (0..count).filter(|i| (offset + i) % 3 == 0).for_each(|i| bytes[usize::from(i / 8)] |= 1 << (i % 8));
            bytes
        }
        3 | 4 => (0..count).flat_map(|i| (offset + i + 1000).to_be_bytes()).collect(),
        _ => return request[..5].to_vec(),
    };
    let mut pdu = vec![function, data.len() as u8];
    pdu.extend(data);
    pdu
}

fn distort(deed: Deed, mut right: Vec<u8>) -> Vec<u8> {
    let head = right[..6].to_vec();
    let unit = right[6];
    let pdu = right[7..].to_vec();
    let function = pdu[0];
    let step = if function <= 2 { 1 } else { 2 };
    let counted = |data: &[u8]| {
        let mut pdu = vec![function, data.len() as u8];
        pdu.extend(data);
        frame(&head, unit, &pdu)
    };
    match deed {
        Deed::Twice => right.extend(right.clone()),
        Deed::WrongTransaction => right[1] = right[1].wrapping_add(1),
        Deed::WrongUnit => right[6] ^= 1,
        Deed::WrongProtocol => right[3] = 1,
        // 3 for 4, 1 for 2, 6 for 5, ...: same shape, other meaning.
        Deed::WrongFunction => right[7] = if function == 16 { 15 } else { ((function - 1) ^ 1) + 1 },
        Deed::ShortCount => return counted(&pdu[2..pdu.len() - step]),
        Deed::LongCount => return counted(&[&pdu[2..], &[9, 9][..step]].concat()),
        Deed::CountTooSmall => right[8] -= step as u8,
        Deed::CountTooLarge => right[8] += step as u8,
        Deed::LengthTooSmall => right[5] -= step as u8,
        Deed::LengthTooLarge => right[5] += 2,
        Deed::EmptyFrame => right[5] = 0,
        Deed::HugeFrame => right[4] = 0xFF,
        Deed::Truncated => {
            right.pop();
        }
        Deed::Garbage => return b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        Deed::TrailingGarbage => right.extend([0, 1, 0, 0, 0, 5, 7, 3, 2, 9, 9]),
        Deed::Silence => right.clear(),
        Deed::WrongEchoAddress if function > 4 => right[9] ^= 1,
        Deed::WrongEchoValue if function == 5 => right[10] ^= 0xFF,
        Deed::WrongEchoValue if function > 4 => right[11] ^= 1,
        Deed::Exception(code) => return frame(&head, unit, &[function | 0x80, code]),
        _ => {}
    }
    right
}

fn right(table: Table, offset: u16, count: u16) -> Vec<u16> {
    (offset..offset + count).map(|n| if table.is_bits() { u16::from(n % 3 == 0) } else { n + 1000 }).collect()
}

const TABLES: [Table; 4] = [Table::Coil, Table::Discrete, Table::Holding, Table::Input];

/// One try each: the misbehaved request fails or is right, and every later one is right or fails, within two requests
/// right again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_ever_returns_a_value_the_device_does_not_hold_there() {
    let mut cases = Vec::new();
    for &deed in READ_DEEDS {
        for table in TABLES {
            cases.push(tokio::spawn(async move {
                // Two deeds in a row with an honest one between, then honesty.
                let server = Server::start(vec![Deed::Honest, deed, Deed::Honest, deed, deed]).await;
                let mut client = server.client(1);
                let mut failures = 0;
                for i in 0..12u16 {
                    // Another place and length each time, so that any answer out of turn is seen.
                    let (offset, count) = (i * 37, 9 + i * 8);
                    match client.read(table, offset, count).await {
                        Ok(values) => {
                            assert_eq!(values, right(table, offset, count), "{deed:?} on {table}, read {i}");
                            if i == 1 {
                                assert!(may_succeed_at_once(deed, false), "{deed:?} on {table} passed for an answer");
                            }
                        }
                        Err(error) => {
                            failures += 1;
                            assert_ne!(i, 0, "{deed:?}: {error}");
                            assert!(i < 9, "{deed:?} on {table}: read {i} still fails: {error}");
                            if let Deed::Exception(code) = deed {
                                assert!(matches!(error, Error::Exception { code: c, .. } if c == code), "{error}");
                            }
                        }
                    }
                    // Time for what trails an answer to arrive before the next request looks for it.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let harmless = matches!(deed, Deed::Dribble);
                assert_eq!(failures == 0, harmless, "{deed:?} on {table}: {failures} failures");
                if matches!(deed, Deed::Exception(_)) {
                    assert_eq!(client.connects(), 1, "an exception is an answer, the connection stays");
                } else if !harmless {
                    assert!(client.connects() > 1, "{deed:?} on {table} left the connection in use");
                }
            }));
        }
    }
    for case in cases {
        case.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_reports_success_without_its_echo() {
    let mut cases = Vec::new();
    for &deed in WRITE_DEEDS {
        for coil in [false, true] {
            cases.push(tokio::spawn(async move {
                let server = Server::start(vec![deed]).await;
                let mut client = server.client(1);
                let first = match coil {
                    true => client.write_coil(40, true).await,
                    false => client.write_registers(40, &[1, 2]).await,
                };
                assert_eq!(first.is_ok(), may_succeed_at_once(deed, true), "{deed:?}, coil {coil}: {first:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
                // What is left over of the write is never taken for a read's answer.
                for _ in 0..3 {
                    if let Ok(values) = client.read(Table::Holding, 60, 3).await {
                        assert_eq!(values, [1060, 1061, 1062], "{deed:?}");
                    }
                }
                assert_eq!(client.read(Table::Holding, 5, 1).await.unwrap(), [1005], "{deed:?}");
            }));
        }
    }
    for case in cases {
        case.await.unwrap();
    }
}

#[tokio::test]
async fn three_tries_outlast_two_faults_and_the_counter_goes_between() {
    let server = Server::start(vec![Deed::Silence, Deed::Honest, Deed::Garbage, Deed::Honest]).await;
    let mut client = server.client(3);
    let mut counter = 0;
    client.between_tries(move || {
        counter += 1;
        Some(RegisterWrite { offset: 900, values: vec![counter] })
    });
    assert_eq!(client.read(Table::Input, 1, 2).await.unwrap(), [1001, 1002]);
    let requests = server.requests.lock().unwrap().clone();
    let functions: Vec<u8> = requests.iter().map(|pdu| pdu[0]).collect();
    assert_eq!(functions, [4, 16, 4, 16, 4]);
    assert_eq!((requests[1][7], requests[3][7]), (1, 2), "offset 900, one register, the counter");
    // The beat's connection is sound and used on; the two faults opened one each.
    assert_eq!(client.connects(), 3);
}

#[tokio::test]
async fn an_exception_is_not_tried_again() {
    let server = Server::start(vec![Deed::Exception(2)]).await;
    let error = server.client(3).read(Table::Holding, 1, 1).await.unwrap_err();
    assert!(error.is_exception(), "{error}");
    assert_eq!(server.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dropped_request_leaves_nothing_for_the_next() {
    let server = Server::start(vec![Deed::Honest, Deed::Late]).await;
    let mut client = server.client(1);
    assert_eq!(client.read(Table::Holding, 1, 1).await.unwrap(), [1001]);
    let dropped = tokio::time::timeout(Duration::from_millis(20), client.read(Table::Holding, 2, 1)).await;
    assert!(dropped.is_err());
    assert!(!client.is_connected());
    for offset in 3..20 {
        assert_eq!(client.read(Table::Holding, offset, 1).await.unwrap(), [offset + 1000]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn nobody_listening_is_an_error_that_says_where_and_impossible_requests_are_not_sent() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut client = Client::new(port.to_string(), UNIT, TIMEOUT, 2);
    let error = client.read(Table::Holding, 0, 1).await.unwrap_err();
    assert!(matches!(&error, Error::Connect { addr, .. } if *addr == port.to_string()), "{error}");
    for (offset, count) in [(0, 0), (0, 126), (65_535, 2)] {
        assert!(matches!(client.read(Table::Holding, offset, count).await, Err(Error::Request(_))));
    }
    assert!(matches!(client.write_registers(0, &[]).await, Err(Error::Request(_))));
    assert!(matches!(client.write_registers(0, &[0; 124]).await, Err(Error::Request(_))));
}

#[tokio::test]
async fn a_write_is_not_sent_where_unasked_bytes_wait() {
    for deed in [Deed::Twice, Deed::TrailingGarbage] {
        let server = Server::start(vec![deed]).await;
        let mut client = server.client(2);
        assert_eq!(client.read(Table::Holding, 1, 1).await.unwrap(), [1001]);
        tokio::time::sleep(Duration::from_millis(20)).await;
        client.write_registers(5, &[1]).await.unwrap();
        // Sent on the old connection it would have been carried out there, refused as out of step, and sent again.
        let writes = server.requests.lock().unwrap().iter().filter(|pdu| pdu[0] == 16).count();
        assert_eq!((writes, client.connects()), (1, 2), "{deed:?}");
    }
}
