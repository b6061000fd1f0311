//! One entry and the bytes that its hash covers.

use hypocaust_protocols::model::{FleetId, Millis};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// A SHA-256 value; hexadecimal in every text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

impl Hash {
    fn of(parts: &[&[u8]]) -> Hash {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Hash(hasher.finalize().into())
    }
    /// The hash that 64 hexadecimal digits spell.
    pub fn from_hex(text: &str) -> Option<Hash> {
        hex::decode(text).ok()?.try_into().ok().map(Hash)
    }
}
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hash.to_string()
    }
}
impl TryFrom<String> for Hash {
    type Error = String;
    fn try_from(text: String) -> Result<Hash, String> {
        Hash::from_hex(&text).ok_or_else(|| format!("'{text}' is not a hash: write 64 hexadecimal digits"))
    }
}

/// Where a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// 0: nothing has been appended yet.
    pub seq: u64,
    pub hash: Hash,
}

impl Head {
    /// The head of a fleet's empty journal.
    pub fn genesis(fleet: &FleetId) -> Head {
        Head { seq: 0, hash: Hash::of(&[b"hypocaust-journal/1\0", fleet.as_str().as_bytes()]) }
    }
}
impl FromStr for Head {
    type Err = String;
    fn from_str(text: &str) -> Result<Head, String> {
        text.trim()
            .split_once(':')
            .and_then(|(seq, hash)| Some(Head { seq: seq.parse().ok()?, hash: Hash::from_hex(hash)? }))
            .ok_or_else(|| {
                format!("'{text}' is no head of a journal: write SEQ:HASH, the hash as 64 hexadecimal digits")
            })
    }
}
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// What is to be appended; the store makes an [`Entry`] of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub time: Millis,
    pub kind: String,
    pub schema: u32,
    /// A JSON text.
    pub body: String,
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub seq: u64,
    pub prev_hash: Hash,
    pub hash: Hash,
    pub epoch: u64,
    pub time: Millis,
    pub kind: String,
    pub schema: u32,
    pub body: String,
}

impl Entry {
    /// The entry that continues `head` with this draft.
    pub fn after(head: &Head, epoch: u64, draft: Draft) -> Entry {
        let Draft { time, kind, schema, body } = draft;
        let mut entry =
            Entry { seq: head.seq + 1, prev_hash: head.hash, hash: head.hash, epoch, time, kind, schema, body };
        entry.hash = entry.computed();
        entry
    }

    /// All of these in a row.
    pub fn chain(head: &Head, epoch: u64, drafts: Vec<Draft>) -> Vec<Entry> {
        let mut head = *head;
        drafts
            .into_iter()
            .map(|draft| {
                let entry = Entry::after(&head, epoch, draft);
                head = entry.head();
                entry
            })
            .collect()
    }

    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// The hash that this entry must have: SHA-256 over the label `hypocaust-entry/1` and a zero byte, then seq (u64),
    /// prev_hash (32 bytes), epoch (u64), time (i64, ms), length of the kind (u32), the kind, schema (u32), and the
    /// SHA-256 of the body's bytes. All numbers are big-endian.
    pub fn computed(&self) -> Hash {
        let body = Hash::of(&[self.body.as_bytes()]);
        Hash::of(&[
            b"hypocaust-entry/1\0",
            &self.seq.to_be_bytes(),
            &self.prev_hash.0,
            &self.epoch.to_be_bytes(),
            &self.time.0.to_be_bytes(),
            &(self.kind.len() as u32).to_be_bytes(),
            self.kind.as_bytes(),
            &self.schema.to_be_bytes(),
            &body.0,
        ])
    }
}
