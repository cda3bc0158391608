//! A certificate authority of the tests' own, what it issues, and a client over TLS that trusts it alone.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::server::Server;
use crate::wire::PATIENCE;

/// An authority, and a directory with its certificate in `ca.pem`.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub directory: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // curl takes a certificate whose issuer has its own name for one that signed itself.
        params.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, directory }
    }

    /// The path of a file here.
    pub fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// A new key and a certificate for it, in `key.pem` and `cert.pem`.
    pub fn issue(&self) {
        self.issue_for(&KeyPair::generate().unwrap(), |_| {});
    }

    /// A certificate for this key, changed so, in the same files. Each is put in place whole, as a client of an authority does.
    pub fn issue_for(&self, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        self.put("key.pem", &key.serialize_pem());
        self.put("cert.pem", &(certificate.pem() + &self.issuer.pem()));
    }

    /// A certificate that signed itself and says that it is an authority's, as `openssl req -x509` makes them, in the same files.
    pub fn issue_self_signed_authority(&self) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        self.put("key.pem", &own.key().serialize_pem());
        self.put("cert.pem", &own.pem());
    }

    /// Puts a file in place, closed to others.
    pub fn put(&self, name: &str, text: &str) {
        let draft = self.directory.path().join("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(draft, self.path(name)).unwrap();
    }

    /// The settings that name the certificate and its key.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        [("DOORWARD_TLS_CERT", self.path("cert.pem")), ("DOORWARD_TLS_KEY", self.path("key.pem"))]
    }

    /// A server with the certificate.
    pub fn server(&self, more: &[(&str, &str)]) -> Server {
        let settings = self.settings();
        let named: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Server::with(&[], &[&named[..], more].concat())
    }

    /// A connection that has shaken hands.
    pub fn connect(&self, address: SocketAddr) -> Secure {
        self.try_connect(address, &[&TLS13, &TLS12], &[]).unwrap()
    }

    /// The same with these versions, and these protocols named (ALPN).
    pub fn try_connect(
        &self,
        address: SocketAddr,
        versions: &[&'static rustls::SupportedProtocolVersion],
        protocols: &[&str],
    ) -> std::io::Result<Secure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(Path::new(&self.path("ca.pem"))).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider())).with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut tls = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Secure(StreamOwned::new(tls, stream)))
    }
}

/// A connection over TLS.
pub struct Secure(pub StreamOwned<ClientConnection, TcpStream>);

impl Secure {
    /// The server's certificate.
    pub fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }

    /// Asks `/health` and answers the status.
    pub fn health(&mut self) -> std::io::Result<u16> {
        self.0.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"{\"status\":\"ok\"}") {
            let mut piece = [0; 4096];
            match self.0.read(&mut piece)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                read => answer.extend_from_slice(&piece[..read]),
            }
        }
        Ok(String::from_utf8_lossy(&answer[9..12]).parse().unwrap())
    }
}
