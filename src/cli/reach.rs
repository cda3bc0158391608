//! How a command reaches a server: at `--url`, or on the data directory: through the server that runs there, or, when none
//! does, with the directory opened in this process. Which it was is said on standard error.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::founding::Founding;
use super::{Common, Failure, open, runtime};
use crate::auth::Auth;
use crate::config::Settings;
use crate::http::client::{Client, ServerUrl};
use crate::http::front::SOCKET;
use crate::store::{self, StorageError};
use crate::task;

/// The variable that holds an access token for `--url`, if no file does.
pub(super) const TOKEN: &str = "DOORWARD_TOKEN";
/// Longest token file.
const MAX_TOKEN_BYTES: u64 = 16 << 10;

/// Where a command goes, and how it prints.
pub struct Reach<'a> {
    settings: &'a Settings,
    accept_clock: bool,
    quiet: bool,
    remote: Option<(ServerUrl, Zeroizing<String>)>,
    founding: Founding,
    /// Whether answers are printed as JSON.
    pub json: bool,
}

/// What a command talks to.
enum Reached {
    /// At `--url`.
    Elsewhere(Client),
    /// The server that runs on the directory.
    Running(Client),
    /// The directory, opened in this process.
    Opened(Client, Auth),
}

impl Reached {
    const fn client(&self) -> &Client {
        match self {
            Self::Elsewhere(client) | Self::Running(client) | Self::Opened(client, _) => client,
        }
    }

    /// Runs the command, and leaves.
    fn run(self, runtime: &Runtime, command: impl AsyncFnOnce(&Client) -> Result<(), Failure>) -> Result<(), Failure> {
        let done = task::wait(runtime, command(self.client()));
        task::wait(runtime, self.leave(done))
    }

    /// When the command has ended so.
    async fn leave(self, done: Result<(), Failure>) -> Result<(), Failure> {
        match self {
            Self::Elsewhere(_) => {}
            Self::Running(client) => {
                let ours = env!("CARGO_PKG_VERSION");
                if let Some(theirs) = client.server_version().filter(|theirs| *theirs != ours) {
                    tell(&format!("doorward: warning: the server is version {theirs}, this command is version {ours}; restart the server"));
                }
            }
            Self::Opened(client, auth) => {
                drop(client);
                auth.close().await.map_err(|error| Failure::StorageFailed(error.to_string()))?;
            }
        }
        done
    }
}

impl<'a> Reach<'a> {
    /// As the flags say.
    ///
    /// # Errors
    /// `--url` without a token, or the other way round; a token file that cannot be read.
    pub fn new(settings: &'a Settings, flags: &Common) -> Result<Self, Failure> {
        let remote = match (&flags.url, &flags.token_file) {
            (Some(url), file) => Some((url.clone(), token(file.as_deref())?)),
            (None, Some(_)) => return Err(Failure::Usage("--token-file goes with --url".to_owned())),
            (None, None) => None,
        };
        Ok(Self { settings, accept_clock: flags.accept_clock, quiet: flags.quiet, remote, founding: Founding::Never, json: flags.json })
    }

    /// The same for a command that may make a new database.
    #[must_use]
    pub fn founding(self, founding: Founding) -> Self {
        Self { founding, ..self }
    }

    /// Runs a command with a client of the server.
    pub fn run(&self, command: impl AsyncFnOnce(&Client) -> Result<(), Failure>) -> Result<(), Failure> {
        let runtime = runtime()?;
        let reached = task::wait(&runtime, self.reached())?;
        reached.run(&runtime, command)
    }

    /// Runs a command through the server that runs on the directory; where none does, nothing is done.
    pub fn run_if_served(&self, command: impl AsyncFnOnce(&Client) -> Result<(), Failure>) -> Result<(), Failure> {
        let runtime = runtime()?;
        match task::wait(&runtime, self.running())? {
            Some(client) => self.through(client).run(&runtime, command),
            None => Ok(()),
        }
    }

    async fn reached(&self) -> Result<Reached, Failure> {
        if let Some((url, token)) = &self.remote {
            if url.is_readable_on_the_way() {
                tell(&format!("doorward: warning: {url} is not encrypted; others on the way can read the token"));
            }
            self.say(&format!("at {url}"));
            return Ok(Reached::Elsewhere(Client::url(url.clone(), token)?));
        }
        if let Some(client) = self.running().await? {
            return Ok(self.through(client));
        }
        let Settings { data_dir, address, port, tls_cert, .. } = self.settings;
        // Over https the certificate is for a name, which is not known here.
        let listening = tls_cert.is_none().then_some((address.as_str(), *port));
        self.founding.check(data_dir, listening).await?;
        let is_new = !store::has_database(data_dir);
        let auth = match open(self.settings, self.accept_clock).await {
            // While we waited for the directory, whoever holds it may have opened its socket.
            Err(held @ Failure::Storage(StorageError::Held { .. })) => {
                return Ok(self.through(self.running().await?.ok_or(held)?));
            }
            opened => opened?,
        };
        // Whoever meant another directory sees it by that.
        let new = if is_new { ": a new, empty database" } else { "" };
        self.say(&format!("no server runs; opened {}{new}", self.directory().display()));
        let client = Client::in_process(auth.clone()).await.map_err(Failure::Routes)?;
        Ok(Reached::Opened(client, auth))
    }

    /// A client of the server that runs on the directory, if one does.
    async fn running(&self) -> Result<Option<Client>, Failure> {
        let directory = &self.settings.data_dir;
        let socket = directory.join(SOCKET);
        refuse_strangers(directory, &[directory, &socket])?;
        Ok(Client::socket(&socket).await?)
    }

    fn through(&self, client: Client) -> Reached {
        self.say(&format!("through the running server on {}", self.directory().display()));
        Reached::Running(client)
    }

    /// Whether it goes to a server elsewhere.
    pub const fn is_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// Whether nothing but the answer is to be printed.
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The data directory, from the root on.
    pub fn directory(&self) -> PathBuf {
        std::path::absolute(&self.settings.data_dir).unwrap_or_else(|_| self.settings.data_dir.clone())
    }

    /// Says where the page has the form for a code, `reset` or `invite`, filled in; nothing where the port is not known. As in a
    /// set-up link the code stands after `#`, which browsers do not send.
    pub fn tell_link(&self, form: &str, code: &str) {
        let page = match &self.remote {
            Some((url, _)) => Some(format!("{url}/")),
            None => self.settings.page().or_else(|| (self.settings.port != 0).then(|| format!("http://localhost:{}/", self.settings.port))),
        };
        if let Some(page) = page {
            tell(&format!("or by this link: {page}#{form}={code}"));
        }
    }

    fn say(&self, what: &str) {
        if !self.quiet {
            tell(what);
        }
    }
}

/// On standard error. Whoever closed it does not want to know, and the command goes on.
pub(super) fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// Whoever owns the directory or the socket reads what is sent there and can answer anything. Root may look everywhere; what
/// it cannot do is open another's directory in its own process ([`StorageError::Unsafe`]).
fn refuse_strangers(directory: &Path, paths: &[&Path]) -> Result<(), Failure> {
    let us = rustix::process::geteuid().as_raw();
    for path in paths {
        match std::fs::metadata(path) {
            Ok(found) if us != 0 && found.uid() != us => {
                let whose = if *path == directory { "belongs" } else { "has a socket that belongs" };
                let what = format!("{whose} to user {}, but this is run by user {us}; run it as that user", found.uid());
                return Err(StorageError::Unsafe { dir: directory.into(), what }.into());
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StorageError::Io { action: "look at", path: (*path).into(), source: error }.into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// From a file or the environment; never from the command line, where other users of the machine can read it.
fn token(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    if let Some(file) = file {
        return token_file(file);
    }
    let text = std::env::var(TOKEN).map(Zeroizing::new).map_err(|_| {
        Failure::Usage(format!("--url needs an administrator's access token: name its file with --token-file, or set {TOKEN}"))
    })?;
    one_token(&text, TOKEN)
}

/// The one token or code in a file.
pub(super) fn token_file(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = std::fs::File::open(file).and_then(|open| open.take(MAX_TOKEN_BYTES).read_to_string(&mut text));
    read.map_err(|source| Failure::File { action: "read the token or code in", path: file.into(), source })?;
    one_token(&text, &file.display().to_string())
}

/// The one token or code in a text.
pub(super) fn one_token(text: &str, from: &str) -> Result<Zeroizing<String>, Failure> {
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(Failure::Usage(format!("{from} does not hold one token or code")));
    }
    Ok(Zeroizing::new(token.to_owned()))
}
