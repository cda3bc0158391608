//! The local socket: who owns the data directory, or root, administers the running server through it.
//!
//! Whoever holds the directory's lock binds it, so what lies at its path then is left over from a predecessor. It is for its
//! owner alone by its mode and its directory's; who connects is asked all the same, and their user id goes into the audit
//! trail. Only what comes in here gets the private mark of a local administrator.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Its name in the data directory.
pub const SOCKET: &str = "doorward.sock";

/// The listening socket; its file goes with it.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
}

/// Why there is no local socket. The server does without.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {}", path.display())]
pub struct LocalBindError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl LocalSocket {
    /// Listens in a data directory whose lock the caller holds.
    ///
    /// # Errors
    /// The path is too long for a socket (about 100 bytes), the filesystem knows none, or something that is no socket is there.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O.
    pub fn bind(directory: &Path) -> Result<Self, LocalBindError> {
        let path = directory.join(SOCKET);
        let bound = remove_stale(&path).and_then(|()| UnixListener::bind(&path));
        match bound {
            Ok(listener) => {
                let socket = Self { listener, path };
                // The directory is closed to others, so nobody came in between.
                fs::set_permissions(&socket.path, fs::Permissions::from_mode(0o600))
                    .map_err(|source| LocalBindError { path: socket.path.clone(), source })?;
                Ok(socket)
            }
            Err(source) => Err(LocalBindError { path, source }),
        }
    }

    /// The next connection of somebody who may administer this server, and their user id. Others are cut off.
    pub(super) async fn accept(&self) -> io::Result<(UnixStream, u32)> {
        let ours = rustix::process::geteuid().as_raw();
        loop {
            let (stream, _) = self.listener.accept().await?;
            match stream.peer_cred().map(|peer| peer.uid()) {
                Ok(uid) if uid == ours || uid == 0 => return Ok((stream, uid)),
                Ok(uid) => tracing::warn!(uid, "another user was turned away at the local socket"),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "cannot tell who is at the local socket"),
            }
        }
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        // What cannot be removed is stale, and the next start's to remove.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes room. What is no socket is not ours to remove.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "something is there that is not a socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
