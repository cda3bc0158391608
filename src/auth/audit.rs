//! The events worth keeping: who did what, when, from where. They go to the log, target `audit`, at level INFO.
//!
//! An event never holds a secret or anything a client typed: users are named by id.

use std::net::IpAddr;

use super::code::InviteId;
use super::service::ServiceId;
use super::session::SessionId;
use super::throttle::{Network, Scope};
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
    /// Several sessions of a user were ended.
    SessionsEnded {
        /// Who did it; the user itself, if nobody is named.
        by: Option<Actor>,
        /// Whose.
        user: UserId,
        /// How many.
        ended: usize,
    },
    /// A user changed its password.
    PasswordChanged {
        /// Who.
        user: UserId,
    },
    /// A change was refused, for the current password was wrong.
    PasswordRefused {
        /// Who.
        user: UserId,
    },
    /// An administrator made a reset code.
    ResetIssued {
        /// Who did it.
        actor: Actor,
        /// For whom.
        user: UserId,
    },
    /// A password was set with a reset code.
    ResetRedeemed {
        /// Whose.
        user: UserId,
        /// From where.
        address: Option<IpAddr>,
    },
    /// A reset code was refused.
    ResetRefused {
        /// Whose it was, if it had been right before.
        user: Option<UserId>,
        /// From where.
        address: Option<IpAddr>,
    },
    /// Someone registered with an invite.
    Invited {
        /// The new user.
        user: UserId,
        /// Used up by that.
        invite: InviteId,
    },
    /// An administrator made an invite.
    InviteMade {
        /// Who did it.
        actor: Actor,
        /// Which.
        invite: InviteId,
    },
    /// An administrator deleted an invite.
    InviteDeleted {
        /// Who did it.
        actor: Actor,
        /// Which.
        invite: InviteId,
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
    /// An administrator let a program ask here.
    ServiceAdded {
        /// Who did it.
        actor: Actor,
        /// The program.
        service: ServiceId,
    },
    /// An administrator removed a program's key.
    ServiceRemoved {
        /// Who did it.
        actor: Actor,
        /// The program.
        service: ServiceId,
    },
    /// Somebody must wait from now on, after too many failures. Noted once, not for what is refused then.
    Throttled {
        /// What for.
        scope: Scope,
        /// As which user, if there is such a user.
        user: Option<UserId>,
        /// From where.
        network: Option<Network>,
    },
    /// An administrator let a user go on that had to wait.
    Unlocked {
        /// Who did it.
        actor: Actor,
        /// The user.
        user: UserId,
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
        Event::ServiceAdded { actor, service } => tracing::info!(target: "audit", ?actor, %service, "service added"),
        Event::ServiceRemoved { actor, service } => tracing::info!(target: "audit", ?actor, %service, "service removed"),
        Event::SessionsEnded { by, user, ended } => tracing::info!(target: "audit", ?by, %user, ended, "sessions ended"),
        Event::PasswordChanged { user } => tracing::info!(target: "audit", %user, "password changed"),
        Event::PasswordRefused { user } => tracing::info!(target: "audit", %user, "password not changed: the current one was wrong"),
        Event::ResetIssued { actor, user } => tracing::info!(target: "audit", ?actor, %user, "reset code made"),
        Event::ResetRedeemed { user, address } => tracing::info!(target: "audit", %user, ?address, "password reset"),
        Event::ResetRefused { user, address } => tracing::info!(target: "audit", ?user, ?address, "reset code refused"),
        Event::Invited { user, invite } => tracing::info!(target: "audit", %user, %invite, "registered with an invite"),
        Event::InviteMade { actor, invite } => tracing::info!(target: "audit", ?actor, %invite, "invite made"),
        Event::InviteDeleted { actor, invite } => tracing::info!(target: "audit", ?actor, %invite, "invite deleted"),
        Event::KeyAdded { actor, kid } => tracing::info!(target: "audit", ?actor, kid, "key added"),
        Event::KeyRetired { actor, kid, at_once } => tracing::info!(target: "audit", ?actor, kid, at_once, "key retired"),
        Event::RefreshReused { user, session } => {
            tracing::warn!(target: "audit", %user, %session, "a spent refresh token was used again; its session has ended");
        }
        Event::Throttled { scope, user, network } => {
            let address = network.map(|network| network.to_string());
            tracing::warn!(target: "audit", ?scope, ?user, ?address, "too many failures; must wait");
        }
        Event::Unlocked { actor, user } => tracing::info!(target: "audit", ?actor, %user, "unlocked"),
    }
}
