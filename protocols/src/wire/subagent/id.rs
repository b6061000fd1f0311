//! Ids of sub-agents.

use serde::{Deserialize, Serialize};
use std::fmt;

/// `GL-002` to `GL-100`. (`GL-001` is Hypocaust itself.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(value_type = String, pattern = "^GL-(00[2-9]|0[1-9][0-9]|100)$"))]
#[serde(try_from = "String", into = "String")]
pub struct AgentId(u8);

/// Why a text is no sub-agent's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no sub-agent: write GL-002 to GL-100, three digits")]
pub struct InvalidAgent(pub String);

impl AgentId {
    /// The agent of this number, 2 to 100.
    pub fn new(number: u8) -> Option<Self> {
        (2..=100).contains(&number).then_some(Self(number))
    }
    /// Every id there is, rising.
    pub fn all() -> impl Iterator<Item = AgentId> {
        (2..=100).map(Self)
    }
    /// The topic of its tasks.
    pub fn topic(self) -> String {
        format!("agent.gl-{:03}", self.0)
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GL-{:03}", self.0)
    }
}

impl fmt::Debug for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for AgentId {
    type Err = InvalidAgent;
    fn from_str(text: &str) -> Result<Self, InvalidAgent> {
        let digits = text.strip_prefix("GL-").filter(|d| d.len() == 3 && d.bytes().all(|b| b.is_ascii_digit()));
        let number = digits.and_then(|d| d.parse().ok()).and_then(Self::new);
        number.ok_or_else(|| InvalidAgent(text.to_owned()))
    }
}

impl TryFrom<String> for AgentId {
    type Error = InvalidAgent;
    fn try_from(text: String) -> Result<Self, InvalidAgent> {
        text.parse()
    }
}

impl From<AgentId> for String {
    fn from(id: AgentId) -> String {
        id.to_string()
    }
}
