//! Why a command failed, in words for the person at the terminal, and the exit code that says it to scripts.

use crate::auth::StartError;
use crate::config::ConfigError;
use crate::error::Error;
use crate::http::client::ClientError;
use crate::store::StorageError;

/// Why a command failed. Its text is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot listen")]
    Bind(#[from] crate::http::front::BindError),
    #[error("port {port} is already in use by this Doorward: process {pid} serves {}; stop it first, or name another directory with --data-dir and another port with --port", dir.display())]
    Running {
        /// The port that was wanted.
        port: u16,
        /// Who has it.
        pid: u32,
        /// Which directory it holds.
        dir: std::path::PathBuf,
    },
    #[error("cannot listen at metrics_address {address}; choose another with that setting")]
    Metrics {
        address: std::net::SocketAddr,
        #[source]
        source: crate::http::front::BindError,
    },
    #[error(transparent)]
    Certificate(#[from] crate::http::front::CertificateError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Start(StartError),
    #[error(
        "the storage failed: {0}. The server has stopped so as not to promise what it cannot keep; see that the disk is sound and has room, and start it again"
    )]
    StorageFailed(String),
    #[error("there is no database in {}; name the right directory with --data-dir, or its settings with --config{}", dir.display(), elsewhere(server.as_deref()))]
    NoDatabase {
        /// From the root on.
        dir: std::path::PathBuf,
        /// The address of a server that answers where one would with these settings.
        server: Option<String>,
    },
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("cannot {action}")]
    System {
        action: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was to be done: "read the key in", "write the manual pages into".
        action: &'static str,
        /// Which file or directory, as it was named.
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{fix} to fix")]
    Unwell {
        /// How many findings.
        fix: usize,
        /// The exit code.
        code: u8,
    },
    #[error("the routes do not fit together: {0}")]
    Routes(Box<crate::http::RocketError>),
}

/// That a server keeps its data in another directory.
fn elsewhere(server: Option<&str>) -> String {
    server.map_or_else(String::new, |url| format!(". A server answers at {url}; it keeps its data elsewhere"))
}

impl Failure {
    /// See `sysexits.h`.
    pub(super) const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Unwell { code, .. } => *code,
            Self::Config(_) | Self::Certificate(_) | Self::NoDatabase { .. } | Self::Start(StartError::TokensTooLong { .. }) => 78,
            Self::Storage(_) | Self::StorageFailed(_) | Self::Start(StartError::Other(Error::Storage(_))) => 74,
            _ => 1,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}
