//! Topics: `spBv1.0/group/TYPE/node[/device]` and `spBv1.0/STATE/host`. Case is kept everywhere.

use super::Error;
use std::fmt;

const NAMESPACE: &str = "spBv1.0";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeMessage {
    Birth,
    Death,
    Data,
    Command,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    Node { group: String, message: NodeMessage, node: String },
    Device { group: String, message: NodeMessage, node: String, device: String },
    State { host: String },
}

impl Topic {
    #[must_use]
    pub fn node(group: &str, message: NodeMessage, node: &str) -> Self {
        Self::Node { group: group.into(), message, node: node.into() }
    }

    #[must_use]
    pub fn device(group: &str, message: NodeMessage, node: &str, device: &str) -> Self {
        Self::Device { group: group.into(), message, node: node.into(), device: device.into() }
    }

    #[must_use]
    pub fn state(host: &str) -> Self {
        Self::State { host: host.into() }
    }

    pub fn parse(topic: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::Topic { topic: topic.into(), reason };
        let parts: Vec<&str> = topic.split('/').collect();
        if parts[0] != NAMESPACE {
            return Err(refuse("it does not begin with spBv1.0"));
        }
        if parts.iter().any(|part| part.is_empty() || part.contains(['+', '#'])) {
            return Err(refuse("a part is empty or holds a wildcard"));
        }
        match parts[1..] {
            ["STATE", host] => Ok(Self::state(host)),
            [group, kind, node] => match node_message(kind, 'N') {
                Some(message) => Ok(Self::node(group, message, node)),
                None => Err(refuse("the type is none of NBIRTH, NDEATH, NDATA, NCMD")),
            },
            [group, kind, node, device] => match node_message(kind, 'D') {
                Some(message) => Ok(Self::device(group, message, node, device)),
                None => Err(refuse("the type is none of DBIRTH, DDEATH, DDATA, DCMD")),
            },
            _ => Err(refuse("it has too few or too many parts")),
        }
    }
}

fn node_message(kind: &str, level: char) -> Option<NodeMessage> {
    match kind.strip_prefix(level)? {
        "BIRTH" => Some(NodeMessage::Birth),
        "DEATH" => Some(NodeMessage::Death),
        "DATA" => Some(NodeMessage::Data),
        "CMD" => Some(NodeMessage::Command),
        _ => None,
    }
}

/// Refuses an id that would split or widen a topic.
pub fn check_id(what: &'static str, id: &str) -> Result<(), Error> {
    if id.is_empty() || id.contains(['/', '+', '#', '\0']) {
        return Err(Error::Id { what, id: id.into() });
    }
    Ok(())
}

impl fmt::Display for NodeMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Birth => "BIRTH",
            Self::Death => "DEATH",
            Self::Data => "DATA",
            Self::Command => "CMD",
        })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { group, message, node } => write!(f, "{NAMESPACE}/{group}/N{message}/{node}"),
            Self::Device { group, message, node, device } => {
                write!(f, "{NAMESPACE}/{group}/D{message}/{node}/{device}")
            }
            Self::State { host } => write!(f, "{NAMESPACE}/STATE/{host}"),
        }
    }
}
