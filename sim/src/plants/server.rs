//! One Modbus TCP endpoint: requests in, the PLCs' answers out.
//!
//! A device that was silenced takes requests and never answers, like a PLC whose CPU hangs behind a living network
//! card. A connection that says nothing for [`IDLE`] is closed; beyond [`MOST_CONNECTIONS`] new ones are closed at once.

use super::Shared;
use crate::plc::Exception;
use hypocaust_protocols::model::{DeviceId, Table};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::Server;
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};

/// Small PLCs serve few masters at a time; common ones allow 8 to 16.
const MOST_CONNECTIONS: usize = 16;
const IDLE: Duration = Duration::from_secs(60);

/// Serves until its task is dropped or the socket fails.
pub(super) async fn serve(listener: TcpListener, units: Vec<(u8, DeviceId)>, shared: Arc<Shared>) -> io::Result<()> {
    let units: Arc<[(u8, DeviceId)]> = units.into();
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let connected = |stream: TcpStream, peer: std::net::SocketAddr| {
        let place = Arc::clone(&places).try_acquire_owned().ok();
        let endpoint =
            place.map(|place| Endpoint { units: Arc::clone(&units), shared: Arc::clone(&shared), _place: place });
        async move {
            if endpoint.is_none() {
                tracing::warn!(%peer, "connection refused: {MOST_CONNECTIONS} are open");
            }
            // Answers are small; waiting to fill a packet would only delay them.
            let _ = stream.set_nodelay(true);
            Ok(endpoint.map(|e| (e, Idle { stream, rest: Box::pin(sleep(IDLE)) })))
        }
    };
    Server::new(listener).serve(&connected, |error| tracing::debug!(%error, "connection ended")).await
}

struct Endpoint {
    units: Arc<[(u8, DeviceId)]>,
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

impl Service for Endpoint {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Pin<Box<dyn Future<Output = Result<Response, ExceptionCode>> + Send>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let Some(device) = self.units.iter().find(|(unit, _)| *unit == request.slave).map(|(_, d)| d) else {
            return Box::pin(async { Err(ExceptionCode::GatewayTargetDevice) });
        };
        if self.shared.plants().is_silent(device) {
            return Box::pin(std::future::pending());
        }
        let answer = answer(&self.shared, device, request.request);
        Box::pin(async { answer })
    }
}

fn answer(shared: &Shared, device: &DeviceId, request: Request<'_>) -> Result<Response, ExceptionCode> {
    let read = |table, offset, count| {
        // More than one frame can carry is no address error (Modbus application protocol 1.1b3, figures 11 to 16).
        if count == 0 || count > Table::max_read(table) {
            return Err(ExceptionCode::IllegalDataValue);
        }
        shared.plants().read(device.as_str(), table, offset, count).map_err(code)
    };
    let bits = |words: Vec<u16>| words.into_iter().map(|w| w != 0).collect();
    let write = |table, offset, words: &[u16]| shared.write(device, table, offset, words).map_err(code);
    Ok(match request {
        Request::ReadCoils(at, n) => Response::ReadCoils(bits(read(Table::Coil, at, n)?)),
        Request::ReadDiscreteInputs(at, n) => Response::ReadDiscreteInputs(bits(read(Table::Discrete, at, n)?)),
        Request::ReadInputRegisters(at, n) => Response::ReadInputRegisters(read(Table::Input, at, n)?),
        Request::ReadHoldingRegisters(at, n) => Response::ReadHoldingRegisters(read(Table::Holding, at, n)?),
        Request::WriteSingleCoil(at, on) => {
            write(Table::Coil, at, &[u16::from(on)])?;
            Response::WriteSingleCoil(at, on)
        }
        Request::WriteMultipleCoils(at, coils) => {
            let words: Vec<u16> = coils.iter().map(|on| u16::from(*on)).collect();
            write(Table::Coil, at, &words)?;
            Response::WriteMultipleCoils(at, words.len() as u16)
        }
        Request::WriteSingleRegister(at, word) => {
            write(Table::Holding, at, &[word])?;
            Response::WriteSingleRegister(at, word)
        }
        Request::WriteMultipleRegisters(at, words) => {
            write(Table::Holding, at, &words)?;
            Response::WriteMultipleRegisters(at, words.len() as u16)
        }
        _ => return Err(ExceptionCode::IllegalFunction),
    })
}

fn code(exception: Exception) -> ExceptionCode {
    match exception {
        Exception::IllegalAddress => ExceptionCode::IllegalDataAddress,
        Exception::IllegalValue => ExceptionCode::IllegalDataValue,
    }
}

/// A stream whose reading fails after [`IDLE`] without a byte.
struct Idle {
    stream: TcpStream,
    rest: Pin<Box<Sleep>>,
}

impl AsyncRead for Idle {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(done) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            self.rest = Box::pin(sleep(IDLE));
            return Poll::Ready(done);
        }
        self.rest.as_mut().poll(cx).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "idle")))
    }
}

impl AsyncWrite for Idle {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
