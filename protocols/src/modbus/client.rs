//! A Modbus TCP client that never returns a value it is not sure of.
//!
//! `tokio-modbus` makes and reads the frames, and matches transaction, unit and function. It has no time-out, takes a
//! wrong count or a wrong echo for success, and stays out of step after an error. So this layer adds
//! - one time-out over each try, connecting included: the worst transaction is time-out x tries;
//! - exact counts on reads, the echo of address and value on writes;
//! - a new connection after anything but a Modbus exception: time-out, mismatch, cut, or a caller that drops the
//!   future half-way, all leave nothing behind;
//! - no request on a connection where unasked bytes wait: they belong to no question, and whoever sent them is out of
//!   step (`guarded`).
//!
//! Between tries the [`Client::between_tries`] callback may name a register write, which gets a try of its own: so a
//! slow answer cannot starve the counter that the PLC watches. A write that timed out may still be carried out by the
//! device, even later; read it back before relying on either.

use super::guarded::Guarded;
use super::plan::Table;
use std::borrow::Cow;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_modbus::client::{Client as _, Context as Connection, tcp};
use tokio_modbus::{Request, Response, Slave};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{addr}: cannot connect")]
    Connect { addr: String, source: io::Error },
    #[error("{addr}: no answer within {timeout_ms} ms")]
    Timeout { addr: String, timeout_ms: u128 },
    #[error("{addr}: the connection failed or what came is not Modbus")]
    Transport { addr: String, source: io::Error },
    #[error("{addr}: the answer is not to this request: {reason}")]
    Mismatch { addr: String, reason: String },
    /// The device refused; the connection is sound.
    #[error("{addr}: the device answered with exception {code} ({reason})")]
    Exception { addr: String, code: u8, reason: String },
    #[error("{0}")]
    Request(String),
}

impl Error {
    /// Did the device itself answer, so that trying again would only hear the same?
    #[must_use]
    pub fn is_exception(&self) -> bool {
        matches!(self, Self::Exception { .. })
    }
}

/// A write of holding registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterWrite {
    pub offset: u16,
    pub values: Vec<u16>,
}

type Between = Box<dyn FnMut() -> Option<RegisterWrite> + Send>;

/// A client of one unit behind one address; requests go one at a time.
pub struct Client {
    addr: String,
    unit: u8,
    timeout: Duration,
    tries: u32,
    /// Taken out for the length of a request: a dropped future drops the connection with it.
    connection: Option<Connection>,
    between: Option<Between>,
    connects: u64,
}

impl Client {
    /// `addr` is `host:port`; `tries` below 1 counts as 1. Connects when first needed.
    #[must_use]
    pub fn new(addr: String, unit: u8, timeout: Duration, tries: u32) -> Self {
        Self { addr, unit, timeout, tries: tries.max(1), connection: None, between: None, connects: 0 }
    }

    /// What to write before each further try, typically the watchdog counter. It gets one try of its own.
    pub fn between_tries(&mut self, between: impl FnMut() -> Option<RegisterWrite> + Send + 'static) {
        self.between = Some(Box::new(between));
    }

    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Connections opened so far.
    #[must_use]
    pub fn connects(&self) -> u64 {
        self.connects
    }

    /// Drops the connection; the next request opens a new one.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Registers as they are, or bits as 0 and 1; exactly `count` of them.
    pub async fn read(&mut self, table: Table, offset: u16, count: u16) -> Result<Vec<u16>, Error> {
        if count == 0 || count > table.max_read() || u32::from(offset) + u32::from(count) > 65_536 {
            let max = table.max_read();
            return Err(Error::Request(format!(
                "{table} {offset}: {count} cannot be read at once, ask for 1 to {max}"
            )));
        }
        let request = match table {
            Table::Coil => Request::ReadCoils(offset, count),
            Table::Discrete => Request::ReadDiscreteInputs(offset, count),
            Table::Holding => Request::ReadHoldingRegisters(offset, count),
            Table::Input => Request::ReadInputRegisters(offset, count),
        };
        self.tried(&request, |response| read_answer(table, count, response)).await
    }

    /// Function 16 (also for one register: some devices lack 6, none lacks 16 that takes 32-bit setpoints).
    pub async fn write_registers(&mut self, offset: u16, values: &[u16]) -> Result<(), Error> {
        let request = write_request(offset, values)?;
        let count = values.len();
        self.tried(&request, |response| write_answer(offset, count, response)).await
    }

    /// Function 5.
    pub async fn write_coil(&mut self, offset: u16, on: bool) -> Result<(), Error> {
        let request = Request::WriteSingleCoil(offset, on);
        self.tried(&request, |response| match response {
            Response::WriteSingleCoil(at, state) if at == offset && state == on => Ok(()),
            other => Err(format!("coil {offset} = {on} was written, the echo is {other:?}")),
        })
        .await
    }

    async fn tried<T>(
        &mut self,
        request: &Request<'_>,
        judge: impl Fn(Response) -> Result<T, String>,
    ) -> Result<T, Error> {
        let mut tries_left = self.tries;
        loop {
            tries_left -= 1;
            match self.once(request, &judge).await {
                Err(error) if tries_left > 0 && !error.is_exception() => {
                    tracing::debug!(%error, tries_left, "modbus: trying again on a new connection");
                    self.beat().await;
                }
                result => return result,
            }
        }
    }

    /// The write between tries. Its own failure is not the request's: the next try will say what is wrong.
    async fn beat(&mut self) {
        let Some(write) = self.between.as_mut().and_then(|between| between()) else {
            return;
        };
        let done = match write_request(write.offset, &write.values) {
            Ok(request) => {
                self.once(&request, |response| write_answer(write.offset, write.values.len(), response)).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::debug!(%error, "modbus: the write between tries failed");
        }
    }

    /// One try. The connection is put back only after an answer that fits in every respect, or an exception.
    async fn once<T>(
        &mut self,
        request: &Request<'_>,
        judge: impl Fn(Response) -> Result<T, String>,
    ) -> Result<T, Error> {
        let kept = self.connection.take();
        let addr = self.addr.clone();
        let unit = self.unit;
        let connects = &mut self.connects;
        let attempt = async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => {
                    let connection = connect(&addr, unit).await?;
                    *connects += 1;
                    connection
                }
            };
            let answer = connection.call(request.clone()).await;
            Ok::<_, Error>((connection, answer))
        };
        let (connection, answer) = match tokio::time::timeout(self.timeout, attempt).await {
            Ok(done) => done?,
            Err(_) => {
                return Err(Error::Timeout { addr: self.addr.clone(), timeout_ms: self.timeout.as_millis() });
            }
        };
        let addr = self.addr.clone();
        match answer {
            Ok(Ok(response)) => match judge(response) {
                Ok(value) => {
                    self.connection = Some(connection);
                    Ok(value)
                }
                Err(reason) => Err(Error::Mismatch { addr, reason }),
            },
            Ok(Err(exception)) => {
                self.connection = Some(connection);
                Err(Error::Exception { addr, code: exception.into(), reason: exception.to_string() })
            }
            Err(tokio_modbus::Error::Protocol(error)) => Err(Error::Mismatch { addr, reason: error.to_string() }),
            Err(tokio_modbus::Error::Transport(source)) => Err(Error::Transport { addr, source }),
        }
    }
}

async fn connect(addr: &str, unit: u8) -> Result<Connection, Error> {
    let failed = |source| Error::Connect { addr: addr.into(), source };
    let stream = TcpStream::connect(addr).await.map_err(failed)?;
    // Requests are small and waited for: Nagle would hold them back.
    stream.set_nodelay(true).map_err(failed)?;
    Ok(tcp::attach_slave(Guarded::new(stream), Slave(unit)))
}

/// Calls go through `Client::call`, not through the library's readers and writers, which cut or accept a wrong count.
fn read_answer(table: Table, count: u16, response: Response) -> Result<Vec<u16>, String> {
    let (bits, words) = match (table, response) {
        (Table::Coil, Response::ReadCoils(bits)) | (Table::Discrete, Response::ReadDiscreteInputs(bits)) => {
            (bits, vec![])
        }
        (Table::Holding, Response::ReadHoldingRegisters(words))
        | (Table::Input, Response::ReadInputRegisters(words)) => (vec![], words),
        (_, other) => return Err(format!("{table} were asked for, {other:?} came")),
    };
    let wanted = usize::from(count);
    if table.is_bits() {
        // Bits come in whole bytes.
        if bits.len() != wanted.div_ceil(8) * 8 {
            return Err(format!("{count} bits fill {} bytes, {} came", wanted.div_ceil(8), bits.len() / 8));
        }
        return Ok(bits[..wanted].iter().map(|&bit| u16::from(bit)).collect());
    }
    if words.len() != wanted {
        return Err(format!("{count} registers were asked for, {} came", words.len()));
    }
    Ok(words)
}

fn write_request(offset: u16, values: &[u16]) -> Result<Request<'_>, Error> {
    if values.is_empty() || values.len() > 123 || usize::from(offset) + values.len() > 65_536 {
        let count = values.len();
        return Err(Error::Request(format!(
            "holding {offset}: {count} registers cannot be written at once, give 1 to 123"
        )));
    }
    Ok(Request::WriteMultipleRegisters(offset, Cow::Borrowed(values)))
}

fn write_answer(offset: u16, count: usize, response: Response) -> Result<(), String> {
    match response {
        Response::WriteMultipleRegisters(at, written) if at == offset && usize::from(written) == count => Ok(()),
        other => Err(format!("{count} registers at {offset} were written, the echo is {other:?}")),
    }
}
