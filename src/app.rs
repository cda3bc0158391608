//! Doorward as a library: its routes, its page and its guards in a program of your own. See [`Doorward`].

use std::fmt;

use crate::cli::{self, Failure};
use crate::config::Settings;
use crate::error::chain;
use crate::http::{Build, Own, Rocket, Route};

/// A login server with routes of your own beside its own: settings, then what is yours, then [`serve`](Self::serve).
///
/// ```no_run
/// use doorward::{AccessToken, Auth, Doorward, Problem, ServeError};
/// use rocket::{State, get, routes};
///
/// #[get("/hello")]
/// async fn hello(token: AccessToken, auth: &State<Auth>) -> Result<String, Problem> {
///     Ok(format!("Hello, {}", auth.me(token.claims()).await?.username))
/// }
///
/// fn main() -> Result<(), ServeError> {
///     Doorward::configured()?.mount("/", routes![hello]).serve()
/// }
/// ```
///
/// Your routes are entered through the same front, so its deadlines and limits hold for them: bodies up to 16 KiB, no forms,
/// answers up to 1 MiB, read whole before they are sent ([`crate::http::front`]). What a guard refuses, and any error status
/// without a body, is answered in the shape of every error here. Your crate needs the same `rocket`:
/// `rocket = { version = "=0.5.2", default-features = false }`.
///
/// The commands of `doorward` reach the program over the socket in its data directory, as they reach `doorward serve`.
#[must_use = "nothing is served before `serve`"]
pub struct Doorward {
    settings: Settings,
    own: Own,
}

impl Doorward {
    /// With the settings that `doorward serve` would have here: defaults, then `./Rocket.toml`, then the environment.
    ///
    /// # Errors
    /// A setting that is not known, or cannot be.
    pub fn configured() -> Result<Self, ServeError> {
        Ok(Self::new(cli::configured()?))
    }

    /// With these settings; [`Settings::load`] makes them.
    pub fn new(settings: Settings) -> Self {
        Self { settings, own: Box::new(|rocket| rocket) }
    }

    /// Mounts routes under a path. One that is the same as one of ours lets [`serve`](Self::serve) fail. `/openapi.json` tells of ours
    /// alone: it is made by hand, with what each route takes and answers, which its code does not say.
    pub fn mount(self, base: &'static str, routes: Vec<Route>) -> Self {
        self.with(move |rocket| rocket.mount(base, routes))
    }

    /// Keeps a value that handlers ask for as `&State<T>`.
    pub fn manage<T: Send + Sync + 'static>(self, state: T) -> Self {
        self.with(move |rocket| rocket.manage(state))
    }

    /// Whatever else Rocket can be told before it is ignited: fairings, catchers for paths of your own.
    pub fn with(self, add: impl FnOnce(Rocket<Build>) -> Rocket<Build> + Send + 'static) -> Self {
        let Self { settings, own } = self;
        Self { settings, own: Box::new(move |rocket| add(own(rocket))) }
    }

    /// Serves until SIGTERM or Ctrl-C, and closes the store. Prints `listening on http://…` on standard output, and logs to
    /// standard error. Makes a runtime of its own: call it outside of any other.
    ///
    /// # Errors
    /// The port, the data directory or the routes; [`ServeError`] says what to do.
    pub fn serve(self) -> Result<(), ServeError> {
        Ok(cli::serve::run_with(&self.settings, false, false, self.own)?)
    }
}

/// Why nothing is served, or no longer. As text it is for the person at the terminal, also as `main` prints it.
pub struct ServeError(Failure);

impl From<Failure> for ServeError {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(&self.0))
    }
}

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ServeError {}
