//! TLS towards `--url https://…`, judged by the certificates that this machine trusts.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls_native_certs::{load_certs_from_paths, load_native_certs};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::ClientError;

/// Of one that `openssl req -x509` makes unless told otherwise (RFC 5280 §4.2.1.9).
const AUTHORITY: &str = "its certificate is an authority's (CA:TRUE), and none for a server: make the server one that says \
     basicConstraints = CA:FALSE, signed by that authority or by itself, and name in --ca what signed it";

/// Makes connections private, and sure of whom they go to.
pub(super) struct Tls(TlsConnector);

impl Tls {
    /// With the system's certificates, or those of `SSL_CERT_FILE`; beside them those in the file `ca`.
    ///
    /// # Errors
    /// [`ClientError::NoRoots`]
    pub(super) fn new(ca: Option<&Path>) -> Result<Self, ClientError> {
        let found = load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if let Some(file) = ca {
            let (added, _) = roots.add_parsable_certificates(load_certs_from_paths(Some(file), None).certs);
            if added == 0 {
                return Err(ClientError::NoRoots(format!("{} has no certificate in PEM", file.display())));
            }
        }
        if roots.is_empty() {
            let why = found.errors.first().map_or_else(|| "this machine has no certificates".to_owned(), ToString::to_string);
            return Err(ClientError::NoRoots(why));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::NoRoots(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Takes over a connection to `host`.
    pub(super) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.0.connect(name, stream).await.map_err(for_people)
    }
}

/// What is wrong with a certificate, where the library's words say nothing to people.
fn for_people(error: io::Error) -> io::Error {
    let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).map(|fault| format!("{fault:?}"));
    let is_authority = fault.is_some_and(|fault| fault.contains("CaUsedAsEndEntity"));
    if is_authority { io::Error::new(error.kind(), AUTHORITY) } else { error }
}
