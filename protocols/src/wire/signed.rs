//! A text that nobody but the centre can have written.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A JSON text and the Ed25519 signature (hex, 64 bytes) over a domain label and exactly its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    pub body: String,
    pub signature: String,
}

/// Why a signed text was not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("the signature is not 64 bytes of hexadecimal")]
    Form,
    #[error("the signature does not fit the text and the centre's public key")]
    Wrong,
    #[error("the signed text is not of its schema: {0}")]
    Body(String),
    #[error("a key is 32 bytes of hexadecimal")]
    Key,
}

/// The label binds a signature to one kind of message, so that a beat can never be replayed as a command.
fn message(label: &str, body: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(label.len() + 1 + body.len());
    bytes.extend_from_slice(label.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

impl Signed {
    /// Signs `value` as JSON under `label` (the metric's name).
    pub fn seal<T: Serialize>(label: &str, value: &T, key: &SigningKey) -> Signed {
        let body = serde_json::to_string(value).expect("wire types are plain data and always have a JSON form");
        let signature = hex::encode(key.sign(&message(label, &body)).to_bytes());
        Signed { body, signature }
    }

    /// The value, after the signature has been verified.
    pub fn open<T: DeserializeOwned>(&self, label: &str, key: &VerifyingKey) -> Result<T, Error> {
        let bytes: [u8; 64] = hex::decode(&self.signature).ok().and_then(|b| b.try_into().ok()).ok_or(Error::Form)?;
        key.verify_strict(&message(label, &self.body), &Signature::from_bytes(&bytes)).map_err(|_| Error::Wrong)?;
        serde_json::from_str(&self.body).map_err(|e| Error::Body(e.to_string()))
    }
}

/// A secret key from 32 bytes of hexadecimal.
pub fn key_from_hex(text: &str) -> Result<SigningKey, Error> {
    let bytes: [u8; 32] = hex::decode(text.trim()).ok().and_then(|b| b.try_into().ok()).ok_or(Error::Key)?;
    Ok(SigningKey::from_bytes(&bytes))
}

/// A public key from 32 bytes of hexadecimal.
pub fn public_key_from_hex(text: &str) -> Result<VerifyingKey, Error> {
    let bytes: [u8; 32] = hex::decode(text.trim()).ok().and_then(|b| b.try_into().ok()).ok_or(Error::Key)?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| Error::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_text_under_its_label_opens() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let sealed = Signed::seal("a", &vec![1, 2, 3], &key);
        assert_eq!(sealed.open::<Vec<i32>>("a", &key.verifying_key()), Ok(vec![1, 2, 3]));
        assert_eq!(sealed.open::<Vec<i32>>("b", &key.verifying_key()), Err(Error::Wrong));
        let other = SigningKey::from_bytes(&[8; 32]);
        assert_eq!(sealed.open::<Vec<i32>>("a", &other.verifying_key()), Err(Error::Wrong));
        let changed = Signed { body: "[1,2,4]".into(), ..sealed.clone() };
        assert_eq!(changed.open::<Vec<i32>>("a", &key.verifying_key()), Err(Error::Wrong));
        let cut = Signed { signature: "00".into(), ..sealed };
        assert_eq!(cut.open::<Vec<i32>>("a", &key.verifying_key()), Err(Error::Form));
    }
}
