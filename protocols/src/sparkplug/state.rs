//! `STATE` of a primary host: JSON, retained, at QoS 1. Its death certificate carries the timestamp of its birth, so
//! that an edge node can tell the death of an old session from that of the present one.

use super::Error;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostState {
    pub online: bool,
    /// Milliseconds since the Unix epoch at which the host's session began.
    pub timestamp: i64,
}

impl HostState {
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|error| Error::State(error.to_string()))
    }

    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        format!("{{\"online\":{},\"timestamp\":{}}}", self.online, self.timestamp).into_bytes()
    }
}
