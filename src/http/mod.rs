//! HTTP: every mount, catcher and fairing on one screen. The only room that knows Rocket and hyper.

pub mod base_path;
pub mod body;
pub mod client;
pub mod cookie;
pub mod cors;
pub mod form;
pub mod front;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod guard;
pub mod headers;
pub mod metrics;
mod openapi;
pub mod problem;
pub mod proxies;
mod routes;
pub mod service;
mod traffic;

pub use rocket::Error as RocketError;
use rocket::figment::Figment;
use rocket::http::Method;
use rocket::local::asynchronous::Client;
pub use rocket::{Build, Rocket, Route};
use rocket::{Config, Orbit};
use serde::{Deserialize, Serialize};

use std::sync::Arc;

use crate::auth::Auth;
use crate::log_filter::LogControl;
use base_path::BasePath;
use cors::CorsOrigins;
use front::Connections;
use headers::{Security, StandardHeaders};
use proxies::TrustedProxies;
pub use routes::doctor::LOOK;
pub use routes::metadata::Metadata;
use traffic::Traffic;

/// Who may use `GET` and `DELETE /user/<id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserRoutes {
    /// The user itself, or an administrator.
    #[default]
    Guarded,
    /// Anyone, as in the template; only on this machine.
    Open,
}

/// Who may follow `GET /revocations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevocationReaders {
    /// Services with the scope.
    #[default]
    Services,
    /// Anyone: the ids say nothing about whose they were.
    Public,
}

/// What the settings say about the surface.
#[derive(Debug, Clone, Default)]
pub struct Surface {
    /// See there.
    pub user_routes: UserRoutes,
    /// See there.
    pub revocations: RevocationReaders,
    /// See there.
    pub security: Security,
    /// See there.
    pub trusted_proxies: TrustedProxies,
    /// Where browsers reach the server, if the settings say it, without a slash at the end.
    pub public_base: Option<String>,
    /// See there.
    pub base_path: BasePath,
    /// The address of the page, if the settings say it.
    pub page: Option<String>,
    /// See there.
    pub cors_origins: CorsOrigins,
    /// See there.
    pub metadata: Metadata,
    /// See there.
    pub log: LogControl,
}

/// The whole API, ready to be served by [`front`] or driven by a local client.
#[must_use]
pub fn rocket(surface: Surface, auth: Auth) -> Rocket<Build> {
    counted(mounted(surface, auth))
}

fn mounted(surface: Surface, auth: Auth) -> Rocket<Build> {
    let registration = auth.registration();
    let shape = openapi::Shape::of(&surface, registration);
    rocket::custom(engine_config())
        .manage(auth)
        .manage(surface.user_routes)
        .manage(surface.revocations)
        .manage(surface.security)
        .manage(surface.trusted_proxies)
        .manage(surface.base_path)
        .manage(surface.cors_origins)
        .manage(surface.log)
        .manage(routes::doctor::Look::default())
        .manage(routes::doctor::PublicUrl(surface.public_base))
        .mount("/", routes::account::routes(registration))
        .mount("/", routes::audit::routes())
        .mount("/", routes::backup::routes())
        .mount("/", routes::devices::routes())
        .mount("/", routes::doctor::routes())
        .mount("/", routes::forward_auth::routes())
        .mount("/", routes::imports::routes())
        .mount("/", routes::invites::routes())
        .mount("/", routes::password::routes())
        .mount("/", routes::session::routes())
        .mount("/", routes::setup::routes())
        .mount("/", routes::users::routes())
        .mount("/", routes::keys::routes())
        .mount("/", routes::metadata::routes(surface.metadata))
        .mount("/", routes::log::routes())
        .mount("/", routes::throttle::routes())
        .mount("/", routes::services::routes())
        .mount("/", routes::introspection::routes())
        .mount("/", routes::health::routes())
        .mount("/", routes::page::routes(registration, surface.page.as_deref()))
        .mount("/", routes::reference::routes(shape))
        .register("/", problem::catchers())
        // Rocket's own security headers would differ from those of the front.
        .attach(rocket::shield::Shield::new())
        .attach(StandardHeaders(surface.security))
}

/// When every route is there, also those of a program's own: each has counters from the start.
fn counted(rocket: Rocket<Build>) -> Rocket<Build> {
    let traffic = Arc::new(Traffic::of(rocket.routes()));
    rocket.manage(traffic).manage(Arc::new(Connections::default()))
}

/// What a program adds to our routes: routes, state, fairings of its own.
pub type Own = Box<dyn FnOnce(Rocket<Build>) -> Rocket<Build> + Send>;

/// [`rocket()`], ready for [`front::serve`].
///
/// # Errors
/// When the routes do not fit together: a fault of the program.
pub async fn local(surface: Surface, auth: Auth) -> Result<Client, RocketError> {
    Client::untracked(rocket(surface, auth)).await
}

/// The same with what a program adds.
///
/// # Errors
/// As [`local`], also when what is added does not fit.
pub async fn local_with(surface: Surface, auth: Auth, own: Own) -> Result<Client, RocketError> {
    Client::untracked(counted(own(mounted(surface, auth)))).await
}

/// Rocket routes and runs guards; sockets, deadlines, limits, logging and shutdown are ours, so nothing of its own
/// configuration is read from anywhere.
fn engine_config() -> Figment {
    Figment::from(Config {
        log_level: rocket::config::LogLevel::Off,
        cli_colors: false,
        ident: rocket::config::Ident::none(),
        ip_header: None,
        ..Config::release_default()
    })
}

/// The methods of a path, as in an `Allow` header (RFC 9110 §10.2.1); `None`: no route knows the path.
#[must_use]
pub fn allowed_methods(rocket: &Rocket<Orbit>, path: &str) -> Option<String> {
    let mut methods: Vec<_> = rocket.routes().filter(|route| fits(route.uri.path(), path)).map(|route| route.method).collect();
    if methods.contains(&Method::Get) {
        methods.push(Method::Head);
    }
    let mut names: Vec<_> = methods.into_iter().map(Method::as_str).collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The pattern of the route that knows the path, or `none`: what a log line may say of a path, which is a client's.
fn pattern<'r>(rocket: &'r Rocket<Orbit>, path: &str) -> &'r str {
    rocket.routes().map(|route| route.uri.path()).find(|pattern| fits(pattern, path)).unwrap_or("none")
}

/// Whether a path fits a route's pattern, segment by segment; `<name>` fits any one, `<name..>` all that are left.
fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(want), _) if want.ends_with("..>") => return true,
            (Some(want), Some(have)) if want == have || (want.starts_with('<') && !have.is_empty()) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_path_fits_a_pattern_segment_by_segment() {
        for (pattern, path) in [
            ("/", "/"),
            ("/login", "/login"),
            ("/user/<id>", "/user/7"),
            ("/user/<id>/sessions", "/user/7/sessions"),
            ("/own/<path..>", "/own"),
            ("/own/<path..>", "/own/a/b"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in
            [("/login", "/Login"), ("/login", "/login/x"), ("/user/<id>", "/user"), ("/user/<id>", "/user/"), ("/", "/x")]
        {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }
}
