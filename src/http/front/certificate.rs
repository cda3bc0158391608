//! The server's certificate and its key: read from PEM files, and judged before they are used.
//!
//! The certificate's file holds the chain, the server's own first; the key's one private key in any of the usual forms, not
//! encrypted. Its bytes are wiped when they have been parsed; what the crypto library keeps, it keeps for as long as it signs.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, CertificateError as Judgement, InconsistentKeys, RootCertStore};
use zeroize::Zeroizing;

use crate::auth::clock::Timestamp;

/// Longest file; a chain is a few KiB.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// A certificate that ends sooner is warned of: whatever renews it should have.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// Where the certificate and its key are: the settings `tls_cert` and `tls_key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Why a certificate or its key cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file is missing, closed to us, or too long.
    #[error("setting {setting}: cannot read {}; name a file that this user may read", path.display())]
    Unreadable {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no certificate in the file, or one that is none.
    #[error("setting tls_cert: {} holds no certificate in PEM; it needs the server's own, then those up to the authority", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key in the file, or one of no known form.
    #[error("setting tls_key: {} holds no private key in PEM (PKCS#8, SEC1 or PKCS#1, not encrypted)", .0.display())]
    NoKey(PathBuf),
    /// They are not a pair.
    #[error("settings tls_cert and tls_key: the key in {} is not that of the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The library cannot work with them.
    #[error("settings tls_cert and tls_key: {} and {} cannot be used", certificate.display(), key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What it said.
        #[source]
        source: rustls::Error,
    },
}

/// A certificate with its key, ready for use.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) certified: CertifiedKey,
    /// `notAfter` (RFC 5280 §4.1.2.5); `None`: it could not be read.
    pub(super) expires: Option<Timestamp>,
    /// What an operator should know.
    pub(super) warnings: Vec<String>,
}

/// What of the files changes when they do: of each, its time of change in nanoseconds, its length and its inode.
pub(super) type Stamp = [Option<(i64, i64, u64, u64)>; 2];

impl CertificateFiles {
    /// What they look like now, without reading them.
    pub(super) fn stamp(&self) -> Stamp {
        [&self.certificate, &self.key].map(|path| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.mtime(), found.mtime_nsec(), found.len(), found.ino()))
        })
    }

    /// Reads and judges both, and answers what an operator should know about them. Blocks.
    ///
    /// # Errors
    /// [`CertificateError`]
    pub fn check(&self) -> Result<Vec<String>, CertificateError> {
        self.load().map(|certificate| certificate.warnings)
    }

    /// The same, with when the certificate ends, if that can be read.
    ///
    /// # Errors
    /// [`CertificateError`]
    pub fn inspect(&self) -> Result<(Option<Timestamp>, Vec<String>), CertificateError> {
        self.load().map(|certificate| (certificate.expires, certificate.warnings))
    }

    /// Reads and judges both. That one has expired is no reason not to serve: its clients decide.
    ///
    /// # Errors
    /// [`CertificateError`]
    pub(super) fn load(&self) -> Result<Certificate, CertificateError> {
        let pem = read("tls_cert", &self.certificate)?;
        let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().unwrap_or_default();
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate(self.certificate.clone()));
        }
        let key = read("tls_key", &self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| CertificateError::NoKey(self.key.clone()))?;
        let (certificate, key_path) = (self.certificate.clone(), self.key.clone());
        let certified = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|source| match source {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch { certificate, key: key_path },
            source => CertificateError::Unusable { certificate, key: key_path, source },
        })?;
        let (expires, mut warnings) = judge(&certified, &self.certificate);
        warnings.extend(open_to_all(&self.key));
        Ok(Certificate { certified, expires, warnings })
    }
}

/// A whole file, wiped when dropped.
fn read(setting: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let unreadable = |source| CertificateError::Unreadable { setting, path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > MAX_FILE_BYTES {
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 1 MiB")));
    }
    // All of the room at once: a buffer that grows would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1));
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// Whether anybody on this machine can read the key.
fn open_to_all(key: &Path) -> Option<String> {
    let mode = std::fs::metadata(key).ok()?.permissions().mode();
    (mode & 0o007 != 0).then(|| format!("every user of this machine can read the key in {}; use chmod 0600 or 0640", key.display()))
}

/// Until when a certificate is good, and what to say about that.
fn judge(certified: &CertifiedKey, path: &Path) -> (Option<Timestamp>, Vec<String>) {
    let (now, path) = (UnixTime::now(), path.display());
    let Some(expires) = expiry(certified) else { return (None, Vec::new()) };
    let left = expires.secs().checked_sub(now.as_secs());
    let warning = match left {
        None => Some(format!("the certificate in {path} expired at {expires}; clients will refuse it: renew it")),
        Some(left) if left < SOON.as_secs() => Some(format!("the certificate in {path} expires at {expires}: renew it")),
        Some(_) if is_for_later(certified, now) => {
            Some(format!("the certificate in {path} is not valid yet; clients will refuse it: see to the clock"))
        }
        Some(_) => None,
    };
    (Some(expires), warning.into_iter().collect())
}

/// When a certificate ends. rustls reads the date only to judge a certificate by it, so it is asked about the end of time.
fn expiry(certified: &CertifiedKey) -> Option<Timestamp> {
    match judgement(certified, UnixTime::since_unix_epoch(Duration::from_secs(u64::from(u32::MAX) * 64)))? {
        Judgement::ExpiredContext { not_after, .. } => Some(Timestamp::from_secs(not_after.as_secs())),
        _ => None,
    }
}

fn is_for_later(certified: &CertifiedKey, now: UnixTime) -> bool {
    matches!(judgement(certified, now), Some(Judgement::NotValidYet | Judgement::NotValidYetContext { .. }))
}

/// What a verifier that trusts nobody finds fault with first: the dates, if they are wrong.
fn judgement(certified: &CertifiedKey, at: UnixTime) -> Option<Judgement> {
    let own = ParsedCertificate::try_from(certified.cert.first()?).ok()?;
    let algorithms = default_provider().signature_verification_algorithms.all;
    match verify_server_cert_signed_by_trust_anchor(&own, &RootCertStore::empty(), &[], at, algorithms) {
        Err(rustls::Error::InvalidCertificate(judgement)) => Some(judgement),
        _ => None,
    }
}
