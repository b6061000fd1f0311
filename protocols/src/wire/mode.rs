//! Who decides at an edge: the word that `Hypocaust/Mode` carries.

use serde::{Deserialize, Serialize};

/// An edge's mode. How it passes from one to another is the edge's own affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The centre decides.
    Remote,
    /// Nobody; setpoints stay where they are.
    Holding,
    /// The edge, by its local priority rules.
    Autonomous,
    /// The edge cannot see its own headers: fail-safe values.
    Fallback,
}

impl Mode {
    pub const ALL: [Mode; 4] = [Mode::Remote, Mode::Holding, Mode::Autonomous, Mode::Fallback];

    pub fn name(self) -> &'static str {
        match self {
            Mode::Remote => "remote",
            Mode::Holding => "holding",
            Mode::Autonomous => "autonomous",
            Mode::Fallback => "fallback",
        }
    }
    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|m| m.name() == name)
    }
}
