//! Certificates of OPC UA: a program's own, and those of others that it trusts.
//!
//! ```text
//!   FOLDER/own/certificate.der   give this to whoever shall trust us
//!   FOLDER/own/key.pem           nobody's but ours (0600)
//!   FOLDER/trusted/*.der         certificates of servers (or clients) that somebody has looked at and accepted
//!   FOLDER/rejected/*.der        those that came and were not known; to be looked at, trusted or deleted
//! ```
//!
//! Trust is in one certificate, not in whoever signed it: chains, authorities and revocation lists are not looked at. A
//! certificate that is renewed must be trusted anew. Files are read at every connect, so trusting one needs no restart.

use crate::model::Millis;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use opcua::crypto::{CertificateStore, PrivateKey, X509, X509Data};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Relative to the folder, as the library wants them.
pub const OWN_CERTIFICATE: &str = "own/certificate.der";
pub const OWN_KEY: &str = "own/key.pem";
const TRUSTED: &str = "trusted";
const REJECTED: &str = "rejected";
/// What Basic256Sha256 asks for at least (Part 7), and what its users take.
const KEY: KeySize = KeySize::Rsa2048;
/// Nobody renews the certificate of a gateway in a plant every year.
const VALID_DAYS: u32 = 3650;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("a key pair cannot be made: {0}")]
    Make(String),
    #[error("{0} holds no certificate in DER or PEM form")]
    NoCertificate(PathBuf),
    #[error("there is no certificate {0} under rejected or trusted; the thumbprint is the first column of the list")]
    Unknown(String),
    #[error("{0} fits more than one certificate; give more digits of the thumbprint")]
    Ambiguous(String),
}

/// Why the certificate of a server is not accepted, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("what the server calls its certificate is none")]
    Unreadable,
    #[error(
        "the certificate {thumbprint} of {subject} is not trusted; compare it with the server's own, then `hypocaust-edge trust --data DATA {thumbprint}` (it lies under {rejected})"
    )]
    Untrusted { thumbprint: String, subject: String, rejected: PathBuf },
    #[error("the certificate {thumbprint} of the server has expired on {on}; renew it there and trust the new one")]
    Expired { thumbprint: String, on: String },
    #[error("the certificate {thumbprint} of the server is not valid before {from}; is the clock of one side wrong?")]
    NotYet { thumbprint: String, from: String },
    #[error(
        "the certificate {thumbprint} of the server is not for {host}; renew it there with this name, or write another endpoint in the fleet's file: {detail}"
    )]
    WrongHost { thumbprint: String, host: String, detail: String },
    #[error("the certificate {thumbprint} of the server is not for the application {uri} that it says to be: {detail}")]
    WrongApplication { thumbprint: String, uri: String, detail: String },
    #[error(
        "the key in the certificate {thumbprint} of the server has {bits} bits, and Basic256Sha256 wants 2048 to 4096; renew it there"
    )]
    WeakKey { thumbprint: String, bits: usize },
    #[error("the folder of certificates cannot be used: {0}")]
    Folder(String),
}

/// A certificate in the folder.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// SHA-1 over the certificate, in hex, as OPC UA tools show it.
    pub thumbprint: String,
    pub subject: String,
    pub trusted: bool,
    /// RFC 3339.
    pub valid_from: String,
    pub valid_to: String,
    pub path: PathBuf,
}

/// The folder of one program.
#[derive(Debug, Clone)]
pub struct Pki {
    folder: PathBuf,
}

fn io_at<T>(path: &Path, result: io::Result<T>) -> Result<T, Error> {
    result.map_err(|source| Error::Io { path: path.to_owned(), source })
}

impl Pki {
    /// Opens the folder; makes it, and with it a key pair for this application (`uri`, reached under `hosts`), at the
    /// first start. Takes a tenth of a second then.
    pub fn open(folder: &Path, name: &str, uri: &str, hosts: &[String]) -> Result<Self, Error> {
        let pki = Self { folder: folder.to_owned() };
        for part in ["own", TRUSTED, REJECTED] {
            let path = folder.join(part);
            io_at(&path, DirBuilder::new().recursive(true).mode(0o700).create(&path))?;
        }
        let (certificate, key) = (folder.join(OWN_CERTIFICATE), folder.join(OWN_KEY));
        if !certificate.is_file() || !key.is_file() {
            pki.make_own(name, uri, hosts)?;
        }
        Ok(pki)
    }

    fn make_own(&self, name: &str, uri: &str, hosts: &[String]) -> Result<(), Error> {
        // The URI must be the first alternative name: clients look for it there and nowhere else.
        let data = X509Data {
            key_size: u32::try_from(KEY.len() * 8).expect("a key has a few thousand bits"),
            common_name: name.to_owned(),
            organization: "Hypocaust".to_owned(),
            organizational_unit: String::new(),
            country: String::new(),
            state: String::new(),
            alt_host_names: X509Data::alt_host_names(uri, Some(hosts.to_vec()), false, false, false),
            certificate_duration_days: VALID_DAYS,
        };
        // The library's own way to a key takes many times as long, and a fleet's first start needs a dozen.
        let pair = KeyPair::generate(KEY).map_err(|e| Error::Make(e.to_string()))?;
        let der: Pkcs8V1Der<'static> = pair.as_der().map_err(|e| Error::Make(e.to_string()))?;
        let key = pem("PRIVATE KEY", der.as_ref());
        let own = PrivateKey::from_pem(key.as_bytes()).map_err(|e| Error::Make(e.to_string()))?;
        let certificate = X509::from_pkey(&own, &data).map_err(Error::Make)?;
        // Key first: a certificate without its key would look like a finished pair.
        self.write(OWN_KEY, key.as_bytes(), 0o600)?;
        let der = certificate.to_der().map_err(|e| Error::Make(e.to_string()))?;
        self.write(OWN_CERTIFICATE, &der, 0o644)
    }

    /// Whole, by rename, with these permissions from its first byte on.
    fn write(&self, at: &str, bytes: &[u8], mode: u32) -> Result<(), Error> {
        let path = self.folder.join(at);
        let draft = path.with_extension("new");
        let _ = fs::remove_file(&draft);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&draft)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&draft, &path));
        io_at(&path, written)
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The own certificate, to be trusted by others.
    #[must_use]
    pub fn own_certificate(&self) -> PathBuf {
        self.folder.join(OWN_CERTIFICATE)
    }

    /// Takes a certificate (DER or PEM file) in among the trusted; its thumbprint.
    pub fn import(&self, file: &Path) -> Result<String, Error> {
        let certificate = read(file)?;
        self.admit(&certificate)?;
        Ok(certificate.thumbprint().as_hex_string())
    }

    /// Every certificate that came, was trusted or was not.
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        let mut all = Vec::new();
        for (part, trusted) in [(TRUSTED, true), (REJECTED, false)] {
            for (path, certificate) in self.certificates(part)? {
                all.push(Listed {
                    thumbprint: certificate.thumbprint().as_hex_string(),
                    subject: certificate.subject_name(),
                    trusted,
                    valid_from: time(certificate.not_before().ok().map(|t| t.timestamp_millis())),
                    valid_to: time(certificate.not_after().ok().map(|t| t.timestamp_millis())),
                    path,
                });
            }
        }
        all.sort_by(|a, b| (&a.subject, &a.thumbprint).cmp(&(&b.subject, &b.thumbprint)));
        Ok(all)
    }

    /// Trusts the certificate whose thumbprint begins so; the whole thumbprint.
    pub fn trust(&self, thumbprint: &str) -> Result<String, Error> {
        let (_, certificate) = self.find(thumbprint)?;
        self.admit(&certificate)?;
        Ok(certificate.thumbprint().as_hex_string())
    }

    /// Trusts it no longer: from the next connect on it is refused. The whole thumbprint.
    pub fn distrust(&self, thumbprint: &str) -> Result<String, Error> {
        let (_, certificate) = self.find(thumbprint)?;
        self.reject(&certificate)?;
        self.remove_from(TRUSTED, &certificate)?;
        Ok(certificate.thumbprint().as_hex_string())
    }

    fn find(&self, thumbprint: &str) -> Result<(PathBuf, X509), Error> {
        let wanted = thumbprint.to_ascii_lowercase().replace([':', ' '], "");
        let all = [self.certificates(TRUSTED)?, self.certificates(REJECTED)?].concat();
        let mut fits = all.into_iter().filter(|(_, c)| c.thumbprint().as_hex_string().starts_with(&wanted));
        let found = fits.next().filter(|_| !wanted.is_empty()).ok_or_else(|| Error::Unknown(thumbprint.to_owned()))?;
        let one = found.1.thumbprint().as_hex_string();
        if fits.any(|(_, c)| c.thumbprint().as_hex_string() != one) {
            return Err(Error::Ambiguous(thumbprint.to_owned()));
        }
        Ok(found)
    }

    /// Files that are no certificates are nobody's business here.
    fn certificates(&self, part: &str) -> Result<Vec<(PathBuf, X509)>, Error> {
        let folder = self.folder.join(part);
        let mut all = Vec::new();
        for entry in io_at(&folder, fs::read_dir(&folder))? {
            let path = io_at(&folder, entry)?.path();
            if let Ok(certificate) = read(&path) {
                all.push((path, certificate));
            }
        }
        Ok(all)
    }

    /// Takes notice of files that were put among the trusted under any name.
    pub fn tidy(&self) -> Result<(), Error> {
        self.certificates(TRUSTED)?.iter().try_for_each(|(_, certificate)| self.admit(certificate))
    }

    /// The library looks for a trusted certificate under a name of its own making, and lets a rejected one overrule it.
    fn admit(&self, certificate: &X509) -> Result<(), Error> {
        self.put(TRUSTED, certificate)?;
        self.remove_from(REJECTED, certificate)
    }

    fn reject(&self, certificate: &X509) -> Result<(), Error> {
        self.put(REJECTED, certificate)
    }

    fn put(&self, part: &str, certificate: &X509) -> Result<(), Error> {
        let name = format!("{part}/{}", CertificateStore::cert_file_name(certificate));
        if self.folder.join(&name).is_file() {
            return Ok(());
        }
        let der = certificate.to_der().map_err(|_| Error::NoCertificate(self.folder.join(&name)))?;
        self.write(&name, &der, 0o644)
    }

    fn remove_from(&self, part: &str, certificate: &X509) -> Result<(), Error> {
        for (path, other) in self.certificates(part)? {
            if other.thumbprint().value() == certificate.thumbprint().value() {
                io_at(&path, fs::remove_file(&path))?;
            }
        }
        Ok(())
    }

    /// May this certificate of a server be used, for this host and application, now? One that is unknown is kept under
    /// `rejected`, so that it can be looked at and trusted.
    pub fn judge(&self, der: &[u8], host: &str, uri: &str, now: Millis) -> Result<(), Refused> {
        let folder = |e: Error| Refused::Folder(e.to_string());
        let certificate = X509::from_der(der).map_err(|_| Refused::Unreadable)?;
        let thumbprint = certificate.thumbprint().as_hex_string();
        let trusted = self.certificates(TRUSTED).map_err(folder)?;
        if !trusted.iter().any(|(_, c)| c.to_der().is_ok_and(|known| known == der)) {
            self.reject(&certificate).map_err(folder)?;
            let rejected = self.folder.join(REJECTED);
            return Err(Refused::Untrusted { thumbprint, subject: certificate.subject_name(), rejected });
        }
        self.admit(&certificate).map_err(folder)?;
        let (from, to) = (certificate.not_before(), certificate.not_after());
        let (Ok(from), Ok(to)) = (from, to) else { return Err(Refused::Unreadable) };
        if now.0 > to.timestamp_millis() {
            return Err(Refused::Expired { thumbprint, on: time(Some(to.timestamp_millis())) });
        }
        if now.0 < from.timestamp_millis() {
            return Err(Refused::NotYet { thumbprint, from: time(Some(from.timestamp_millis())) });
        }
        let bits = certificate.key_length().map_err(|_| Refused::Unreadable)?;
        if !(2048..=4096).contains(&bits) {
            return Err(Refused::WeakKey { thumbprint, bits });
        }
        if let Err(error) = certificate.is_hostname_valid(host) {
            return Err(Refused::WrongHost { thumbprint, host: host.to_owned(), detail: error.to_string() });
        }
        if let Err(error) = certificate.is_application_uri_valid(uri) {
            return Err(Refused::WrongApplication { thumbprint, uri: uri.to_owned(), detail: error.to_string() });
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<X509, Error> {
    let bytes = io_at(path, fs::read(path))?;
    X509::from_der(&bytes).or_else(|_| X509::from_pem(&bytes)).map_err(|_| Error::NoCertificate(path.to_owned()))
}

fn time(ms: Option<i64>) -> String {
    ms.map_or_else(|| "unknown".to_owned(), |ms| Millis(ms).rfc3339())
}

/// RFC 7468: base64 in lines of 64 between two labels.
fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const URI: &str = "urn:hypocaust:test:server";
    const DAY: i64 = 86_400_000;

    fn pki(hosts: &[&str]) -> (tempfile::TempDir, Pki) {
        let folder = tempfile::tempdir().unwrap();
        let hosts: Vec<String> = hosts.iter().map(|h| (*h).to_owned()).collect();
        let pki = Pki::open(&folder.path().join("pki"), "test server", URI, &hosts).unwrap();
        (folder, pki)
    }

    fn now(certificate: &[u8]) -> Millis {
        Millis(X509::from_der(certificate).unwrap().not_before().unwrap().timestamp_millis() + DAY)
    }

    #[test]
    fn the_own_key_is_nobody_elses_and_stays() {
        let (_folder, made) = pki(&["127.0.0.1"]);
        let key = made.folder().join(OWN_KEY);
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(made.folder().join("own")).unwrap().permissions().mode() & 0o777, 0o700);
        let before = (fs::read(&key).unwrap(), fs::read(made.own_certificate()).unwrap());
        Pki::open(made.folder(), "test server", URI, &[]).unwrap();
        assert_eq!((fs::read(&key).unwrap(), fs::read(made.own_certificate()).unwrap()), before);
        // The library reads what was written.
        CertificateStore::read_pkey(&key).unwrap();
        CertificateStore::read_cert(&made.own_certificate()).unwrap();
    }

    #[test]
    fn a_certificate_is_used_when_somebody_trusts_it_and_all_else_is_right() {
        let (_a, server) = pki(&["127.0.0.1", "plc2.plant"]);
        let (_b, edge) = pki(&[]);
        let der = fs::read(server.own_certificate()).unwrap();
        let at = now(&der);
        let judged = |host: &str, uri: &str, at: Millis| edge.judge(&der, host, uri, at);
        let Err(Refused::Untrusted { thumbprint, rejected, .. }) = judged("127.0.0.1", URI, at) else {
            panic!("nobody has trusted it")
        };
        assert_eq!(fs::read_dir(rejected).unwrap().count(), 1, "it can be looked at");
        assert!(judged("127.0.0.1", URI, at).is_err(), "knocking twice helps nobody");
        edge.trust(&thumbprint[..8].to_uppercase()).unwrap();
        assert_eq!(judged("127.0.0.1", URI, at), Ok(()));
        assert_eq!(judged("plc2.plant", URI, at), Ok(()));
        assert!(matches!(judged("127.0.0.2", URI, at), Err(Refused::WrongHost { .. })));
        assert!(matches!(judged("127.0.0.1", "urn:else", at), Err(Refused::WrongApplication { .. })));
        assert!(matches!(judged("127.0.0.1", URI, at.plus(-2 * DAY)), Err(Refused::NotYet { .. })));
        let late = at.plus(i64::from(VALID_DAYS) * DAY);
        assert!(matches!(judged("127.0.0.1", URI, late), Err(Refused::Expired { .. })));
        assert!(matches!(edge.judge(b"nothing", "127.0.0.1", URI, at), Err(Refused::Unreadable)));
        edge.distrust(&thumbprint).unwrap();
        assert!(matches!(judged("127.0.0.1", URI, at), Err(Refused::Untrusted { .. })));
    }

    #[test]
    fn a_file_that_an_engineer_has_put_there_under_any_name_is_trusted() {
        let (_a, server) = pki(&["127.0.0.1"]);
        let (_b, edge) = pki(&[]);
        let der = fs::read(server.own_certificate()).unwrap();
        assert!(edge.judge(&der, "127.0.0.1", URI, now(&der)).is_err());
        fs::copy(server.own_certificate(), edge.folder().join("trusted/plc2 of the north.der")).unwrap();
        assert_eq!(edge.judge(&der, "127.0.0.1", URI, now(&der)), Ok(()));
        assert!(edge.list().unwrap().iter().all(|listed| listed.trusted), "no longer rejected");
        let certificate = X509::from_der(&der).unwrap();
        let store = CertificateStore::new(edge.folder());
        let policy = opcua::crypto::SecurityPolicy::Basic256Sha256;
        store.validate_or_reject_application_instance_cert(&certificate, policy, Some("127.0.0.1"), Some(URI)).unwrap();
    }

    #[test]
    fn what_is_unknown_or_ambiguous_is_said() {
        let (_a, edge) = pki(&[]);
        assert!(matches!(edge.trust("abcd"), Err(Error::Unknown(_))));
        assert!(matches!(edge.trust(""), Err(Error::Unknown(_))));
        let text = edge.folder().join("own/notes.txt");
        fs::write(&text, "no certificate").unwrap();
        assert!(matches!(edge.import(&text), Err(Error::NoCertificate(_))));
    }
}
