//! The events worth keeping: who did what, when, from where. They go to the log, target `audit`, at level INFO.
//!
//! An event never holds a secret or anything a client typed: users are named by id.

use std::net::IpAddr;

use super::session::SessionId;
use super::user::UserId;
use super::{Actor, Caller};

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Someone registered.
    Registered {
        /// The new user.
        user: UserId,
    },
    /// An administrator added a user.
    Added {
        /// Who did it.
        actor: Actor,
        /// The new user.
        user: UserId,
    },
    /// An administrator changed a user.
    Changed {
        /// Who did it.
        actor: Actor,
        /// The user.
        user: UserId,
    },
    /// A user was deleted.
    Deleted {
        /// Who did it.
        by: Caller,
        /// The user that was.
        user: UserId,
    },
    /// A login succeeded.
    LoggedIn {
        /// Who.
        user: UserId,
        /// What it opened.
        session: SessionId,
        /// From where.
        address: Option<IpAddr>,
    },
    /// A login failed.
    LoginFailed {
        /// Who it was for, if there is such a user.
        user: Option<UserId>,
        /// From where.
        address: Option<IpAddr>,
    },
    /// A session was ended by its holder.
    LoggedOut {
        /// Who.
        user: UserId,
        /// Which.
        session: Option<SessionId>,
    },
    /// A key for access tokens was made or imported.
    KeyAdded {
        /// Who did it.
        actor: Actor,
        /// Which.
        kid: String,
    },
    /// A key for access tokens was retired.
    KeyRetired {
        /// Who did it.
        actor: Actor,
        /// Which.
        kid: String,
        /// Its tokens are refused from now on.
        at_once: bool,
    },
    /// A spent refresh token was used again: somebody has a copy. Its session has ended.
    RefreshReused {
        /// Whose.
        user: UserId,
        /// Which.
        session: SessionId,
    },
}

/// Writes an event to the log.
pub fn note(event: &Event) {
    match event {
        Event::Registered { user } => tracing::info!(target: "audit", %user, "registered"),
        Event::Added { actor, user } => tracing::info!(target: "audit", ?actor, %user, "user added"),
        Event::Changed { actor, user } => tracing::info!(target: "audit", ?actor, %user, "user changed"),
        Event::Deleted { by, user } => {
            let by = match by {
                Caller::Anyone => "anyone (user_routes is open)".to_owned(),
                Caller::Holder(claims) => format!("user {}", claims.user),
                Caller::Operator(actor) => format!("{actor:?}"),
            };
            tracing::info!(target: "audit", by, %user, "user deleted");
        }
        Event::LoggedIn { user, session, address } => tracing::info!(target: "audit", %user, %session, ?address, "logged in"),
        Event::LoginFailed { user, address } => tracing::info!(target: "audit", ?user, ?address, "login failed"),
        Event::LoggedOut { user, session } => tracing::info!(target: "audit", %user, ?session, "logged out"),
        Event::KeyAdded { actor, kid } => tracing::info!(target: "audit", ?actor, kid, "key added"),
        Event::KeyRetired { actor, kid, at_once } => tracing::info!(target: "audit", ?actor, kid, at_once, "key retired"),
        Event::RefreshReused { user, session } => {
            tracing::warn!(target: "audit", %user, %session, "a spent refresh token was used again; its session has ended");
        }
    }
}
