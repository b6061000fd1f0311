//! A reader of Modbus TCP registers that shares nothing with the drivers under test: one connection a request, the
//! standard library alone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Which table, by its name in an address map (`holding:100`).
#[must_use]
pub fn function(table: &str) -> u8 {
    match table {
        "coil" => 1,
        "discrete" => 2,
        "holding" => 3,
        "input" => 4,
        other => panic!("no Modbus table is called {other:?}"),
    }
}

/// Registers, or bits as 0 and 1.
pub fn read(address: &str, unit: u8, table: &str, offset: u16, count: u16) -> Result<Vec<u16>, String> {
    let function = function(table);
    let io = |e: std::io::Error| format!("{address} {table}:{offset}: {e}");
    let mut stream = TcpStream::connect(address).map_err(io)?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).map_err(io)?;
    let mut request = vec![0, 1, 0, 0, 0, 6, unit, function];
    request.extend(offset.to_be_bytes());
    request.extend(count.to_be_bytes());
    stream.write_all(&request).map_err(io)?;
    let mut head = [0u8; 9];
    stream.read_exact(&mut head).map_err(io)?;
    if head[7] != function {
        return Err(format!("{address} {table}:{offset}: exception {}", head[8]));
    }
    let mut bytes = vec![0u8; usize::from(head[8])];
    stream.read_exact(&mut bytes).map_err(io)?;
    if function <= 2 {
        Ok((0..usize::from(count)).map(|i| u16::from(bytes[i / 8] >> (i % 8) & 1)).collect())
    } else {
        Ok(bytes.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect())
    }
}
