//! The control socket: one JSON order a line in, one JSON answer a line out, on loopback only, because whoever reaches
//! it can trip boilers. Both ends live here.

use super::Shared;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// An order is short; a longer line is not one.
const LONGEST_LINE: u64 = 4096;
const PATIENCE: Duration = Duration::from_secs(5);

/// One line to the simulator.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    plant: String,
    fault: Fault,
}

/// One line back: what was done, or why nothing was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    Done(String),
    Refused(String),
}

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            if let Err(error) = converse(stream, &shared).await {
                tracing::debug!(%error, "control connection ended");
            }
        });
    }
}

async fn converse(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = String::new();
        if (&mut read).take(LONGEST_LINE).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let reply = match serde_json::from_str::<Order>(&line) {
            Ok(Order { plant, fault }) => match shared.inject(&plant, &fault) {
                Ok(done) => Reply::Done(done),
                Err(error) => Reply::Refused(error.to_string()),
            },
            Err(error) => Reply::Refused(format!(
                r#"not an order ({error}); one looks like {{"plant":"north","fault":{{"do":"trip","name":"b1"}}}}"#
            )),
        };
        tracing::info!(?reply, "control");
        let mut text = serde_json::to_string(&reply).map_err(io::Error::other)?;
        text.push('\n');
        write.write_all(text.as_bytes()).await?;
        if !line.ends_with('\n') {
            // What follows is the rest of a line that was too long.
            return Ok(());
        }
    }
}

/// Sends one fault to the simulator whose control socket is at `addr`.
pub async fn ask(addr: SocketAddr, plant: &str, fault: &Fault) -> io::Result<Reply> {
    let talk = async {
        let mut stream = TcpStream::connect(addr).await?;
        let order = Order { plant: plant.to_owned(), fault: fault.clone() };
        let mut text = serde_json::to_string(&order).map_err(io::Error::other)?;
        text.push('\n');
        stream.write_all(text.as_bytes()).await?;
        let mut line = String::new();
        BufReader::new(stream).take(65_536).read_line(&mut line).await?;
        serde_json::from_str(&line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("what came is no simulator's reply ({error})"))
        })
    };
    tokio::time::timeout(PATIENCE, talk).await.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("no reply within {} s", PATIENCE.as_secs())))
    })
}
