//! A TCP stream that keeps question and answer together, below `tokio-modbus`.
//!
//! It lets exactly one frame up per request, so that nothing beyond it is read and silently thrown away, and it
//! refuses to send the next request while bytes wait that nobody asked for (a late duplicate, trailing garbage):
//! whoever sent them is out of step, and the connection has to go. This is a second net: the first is the transaction
//! number, which the library compares. Bytes that arrive between this look and the answer are left to that one.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes of the header up to and with the length field.
const PREFIX: usize = 6;
/// The longest that a frame's rest may be: unit and a PDU of 253.
const LONGEST: usize = 254;

#[derive(Debug)]
enum Phase {
    /// No request is under way.
    Idle,
    /// A request went out; so much of its answer's prefix is here.
    Prefix { bytes: [u8; PREFIX], have: usize },
    /// So much of the frame is still to come.
    Rest { left: usize },
}

#[derive(Debug)]
pub(super) struct Guarded {
    stream: TcpStream,
    phase: Phase,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, phase: Phase::Idle }
    }

    fn refuse_pending(&self, context: &mut Context<'_>) -> Result<()> {
        let mut byte = [0; 1];
        match self.stream.poll_peek(context, &mut ReadBuf::new(&mut byte)) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(0)) => Err(Error::new(ErrorKind::ConnectionAborted, "the device closed the connection")),
            Poll::Ready(Ok(_)) => Err(Error::new(ErrorKind::InvalidData, "bytes that nobody asked for were waiting")),
            Poll::Ready(Err(error)) => Err(error),
        }
    }

    fn allowed(&self) -> Result<usize> {
        match self.phase {
            Phase::Idle => Err(Error::new(ErrorKind::InvalidData, "the frame ended before its content")),
            Phase::Prefix { have, .. } => Ok(PREFIX - have),
            Phase::Rest { left } => Ok(left),
        }
    }

    fn took(&mut self, taken: &[u8]) -> Result<()> {
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Prefix { bytes, have } => {
                bytes[*have..*have + taken.len()].copy_from_slice(taken);
                *have += taken.len();
                if *have == PREFIX {
                    let left = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
                    if !(2..=LONGEST).contains(&left) {
                        return Err(Error::new(
                            ErrorKind::InvalidData,
                            format!("a frame of {left} bytes is not Modbus"),
                        ));
                    }
                    self.phase = Phase::Rest { left };
                }
            }
            Phase::Rest { left } => {
                *left -= taken.len();
                if *left == 0 {
                    self.phase = Phase::Idle;
                }
            }
        }
        Ok(())
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        let mut bytes = [0; LONGEST];
        let allowed = this.allowed()?.min(buffer.remaining());
        let mut limited = ReadBuf::new(&mut bytes[..allowed]);
        ready!(Pin::new(&mut this.stream).poll_read(context, &mut limited))?;
        this.took(limited.filled())?;
        buffer.put_slice(limited.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        if matches!(this.phase, Phase::Idle) {
            this.refuse_pending(context)?;
            this.phase = Phase::Prefix { bytes: [0; PREFIX], have: 0 };
        }
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
