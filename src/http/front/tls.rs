//! TLS at the server's port: handshakes, and certificates that are renewed while it serves.
//!
//! TLS 1.2 and 1.3, and HTTP/1.1 in it (ALPN); no client certificates, no early data. A certificate is chosen anew for each
//! handshake, so a renewed one counts from the next connection on, and those that are open go on. What is not TLS but looks
//! like HTTP is told so, in plain text. The local socket stays plain.
//!
//! The stream's type decides: a connection without TLS runs the same code as if there were none in the program.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rocket::tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::caps::Slot;
use super::certificate::{Certificate, CertificateError, CertificateFiles, Stamp};
use super::connection::{self, Purpose, Stage, TURNED_AWAY};
use super::service::{Front, Peer};
use crate::auth::clock::Timestamp;
use crate::error::chain;

/// What one connection may have waiting to be sent, encrypted. A peer that does not take as much within the time for a
/// stalled write is one.
const SEND_BUFFER: usize = 16 << 10;
/// How much of a plain request is read on, so that its sender sees the answer and not a reset.
const PLAIN_BYTES: u64 = 64 << 10;

const PLAIN_ANSWER: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 56\r\n\
    Connection: close\r\n\r\nThis port speaks TLS; use https:// in place of http://.\n";

/// Makes connections private. Cheap to share; its certificate can be renewed.
#[derive(Debug)]
pub struct Tls {
    acceptor: Acceptor,
    files: CertificateFiles,
    current: Arc<Current>,
    /// What the files looked like when they were last read, whatever came of it.
    seen: Mutex<Stamp>,
    failed: AtomicU64,
}

/// [`TlsAcceptor`], which does not print.
struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

/// The certificate of the next handshake.
#[derive(Debug)]
struct Current {
    certified: RwLock<Arc<CertifiedKey>>,
    /// In seconds since 1970; 0: not known.
    expires: AtomicU64,
}

impl Current {
    fn put(&self, certificate: Certificate) {
        self.expires.store(certificate.expires.unwrap_or_default().secs(), Ordering::Relaxed);
        *self.certified.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certificate.certified);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.certified.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// With the certificate and key in these files; warns of what an operator should know about them. Blocks.
    ///
    /// # Errors
    /// [`CertificateError`]
    pub fn load(files: CertificateFiles) -> Result<Self, CertificateError> {
        // Before the reading: what changes meanwhile is a change.
        let seen = files.stamp();
        let certificate = files.load()?;
        warn_of(&certificate);
        let expires = AtomicU64::new(certificate.expires.unwrap_or_default().secs());
        let current = Arc::new(Current { certified: RwLock::new(Arc::new(certificate.certified)), expires });
        let unusable = |source| CertificateError::Unusable { certificate: files.certificate.clone(), key: files.key.clone(), source };
        let config = config(Arc::clone(&current) as Arc<dyn ResolvesServerCert>).map_err(unusable)?;
        let acceptor = Acceptor(TlsAcceptor::from(Arc::new(config)));
        Ok(Self { acceptor, files, current, seen: Mutex::new(seen), failed: AtomicU64::new(0) })
    }

    /// Takes what is in the files now, if they have changed since they were last read, or if that is asked for. What cannot be
    /// used is warned of, and the certificate before stays. Answers whether there is a new one. Blocks.
    pub fn renew(&self, asked: bool) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.files.stamp();
        if !asked && *seen == now {
            return false;
        }
        *seen = now;
        match self.files.load() {
            Ok(certificate) => {
                warn_of(&certificate);
                self.current.put(certificate);
                tracing::info!("the TLS certificate was renewed");
                true
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the new TLS certificate cannot be used; the one before stays");
                false
            }
        }
    }

    /// When the certificate ends, if that is known.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        let secs = self.current.expires.load(Ordering::Relaxed);
        (secs > 0).then(|| Timestamp::from_secs(secs))
    }

    /// How many connections ended before their handshake did.
    #[must_use]
    pub fn failed_handshakes(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// `None`: there will be no TLS on this connection; whoever wanted something else was told.
    async fn shake_hands(&self, mut stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        // A TLS record begins with its type, which is no letter (RFC 8446 §5.1).
        if first[0].is_ascii_alphabetic() {
            let _ = stream.write_all(PLAIN_ANSWER.as_bytes()).await;
            let _ = stream.shutdown().await;
            let _ = copy(&mut stream.take(PLAIN_BYTES), &mut sink()).await;
            return None;
        }
        self.acceptor.0.accept_with(stream, |tls| tls.set_buffer_limit(Some(SEND_BUFFER))).await.ok()
    }
}

fn config(certificates: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn warn_of(certificate: &Certificate) {
    for warning in &certificate.warnings {
        tracing::warn!("{warning}");
    }
}

/// [`connection::run`] after a handshake, which has `limits.handshake`. How one fails is the peer's affair.
pub(super) async fn run(
    slot: Slot,
    front: Arc<Front>,
    tls: Arc<Tls>,
    stream: TcpStream,
    peer: Peer,
    purpose: Purpose,
    mut stage: watch::Receiver<Stage>,
) {
    let limit = match purpose {
        Purpose::Serve => front.limits.handshake,
        Purpose::TurnAway(_) => front.limits.handshake.min(TURNED_AWAY),
    };
    let shaken = tokio::select! {
        // Nothing was asked yet.
        _ = stage.wait_for(|stage| *stage != Stage::Serving) => return,
        shaken = in_time(limit, tls.shake_hands(stream)) => shaken,
    };
    match shaken {
        Some(stream) => connection::run(slot, front, stream, peer, purpose, stage).await,
        None => _ = tls.failed.fetch_add(1, Ordering::Relaxed),
    }
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = Option<T>>) -> Option<T> {
    timeout(limit, work).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use rcgen::generate_simple_self_signed;

    use super::*;

    fn put(files: &CertificateFiles) -> Vec<u8> {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().to_vec()
    }

    #[test]
    fn files_are_read_again_when_they_have_changed_and_at_no_other_time_unless_asked() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = |name| directory.path().join(name);
        let files = CertificateFiles { certificate: path("cert.pem"), key: path("key.pem") };
        put(&files);
        let tls = Tls::load(files.clone()).unwrap();
        assert!(!tls.renew(false) && tls.renew(true) && !tls.renew(false));
        let second = put(&files);
        assert!(tls.renew(false) && !tls.renew(false));
        let current = || tls.current.certified.read().unwrap().cert[0].to_vec();
        assert_eq!(current(), second);
        std::fs::remove_file(&files.key).unwrap();
        assert!(!tls.renew(false) && current() == second, "what is gone is no new certificate");
        let third = put(&files);
        assert!(tls.renew(false) && current() == third);
    }

    #[test]
    fn a_plain_answer_is_as_long_as_it_says() {
        let (head, body) = PLAIN_ANSWER.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
    }
}
