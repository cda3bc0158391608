//! What a client may ask for: how it is asked, what answer means that it was done, and what is true from then on.

use serde_json::{Value, json};

use crate::model::{Account, Holdings, Invite, Service, Session, claim};
use crate::server::Answer;

/// The password of everybody who has just been made.
pub const FIRST_PASSWORD: &str = "securepassword";

/// One write. Numbers are places in [`Holdings`].
#[derive(Clone, Debug)]
pub enum Op {
    Register {
        name: String,
        invite: usize,
    },
    Add {
        name: String,
    },
    Login {
        account: usize,
    },
    /// Logs in on a browser that is to stay signed in, and has the cookie of a session: an account and its session.
    Keep {
        account: usize,
        replaced: Option<(usize, usize)>,
    },
    /// Logs out by cookie.
    Leave {
        account: usize,
        session: usize,
        scope: &'static str,
    },
    Refresh {
        account: usize,
        session: usize,
    },
    /// Presents a refresh token that is two rotations old.
    Reuse {
        account: usize,
        session: usize,
    },
    Logout {
        account: usize,
        session: usize,
        scope: &'static str,
    },
    Password {
        account: usize,
        session: usize,
        new: String,
    },
    Delete {
        account: usize,
    },
    Roles {
        account: usize,
        roles: Vec<String>,
    },
    Disable {
        account: usize,
        disabled: bool,
    },
    Invite,
    Withdraw {
        invite: usize,
    },
    Code {
        account: usize,
    },
    Redeem {
        account: usize,
        new: String,
    },
    Service {
        name: String,
    },
    Dismiss {
        service: usize,
    },
    Rotate,
}

/// A request: method, path, token, body.
pub type Asked<'a> = (&'static str, String, Option<&'a str>, Option<Value>);

fn credentials(account: &Account, keep: bool) -> Value {
    json!({"username": account.name, "password": account.password, "keep_signed_in": keep})
}

impl Op {
    /// How it is asked for.
    pub fn asked<'a>(&self, held: &'a Holdings) -> Asked<'a> {
        let admin = Some(held.admin.as_str());
        let account = |place: &usize| &held.accounts[*place];
        let session = |account: &usize, session: &usize| &held.accounts[*account].sessions[*session];
        let user = |place: &usize| format!("/user/{}", account(place).id);
        match self {
            Self::Register { name, invite } => {
                let body = json!({"username": name, "password": FIRST_PASSWORD, "invite": held.invites[*invite].code});
                ("POST", "/register".to_owned(), None, Some(body))
            }
            Self::Add { name } => {
                ("POST", "/users".to_owned(), admin, Some(json!({"username": name, "password": FIRST_PASSWORD, "roles": []})))
            }
            Self::Login { account: of } => ("POST", "/login".to_owned(), None, Some(credentials(account(of), false))),
            Self::Keep { account: of, .. } => ("POST", "/login".to_owned(), None, Some(credentials(account(of), true))),
            Self::Leave { scope, .. } => ("POST", format!("/logout?scope={scope}"), None, None),
            Self::Refresh { account, session: of } => ("POST", "/refresh".to_owned(), Some(&session(account, of).refresh), None),
            Self::Reuse { account, session: of } => ("POST", "/refresh".to_owned(), session(account, of).old.as_deref(), None),
            Self::Logout { account, session: of, scope } => {
                ("POST", format!("/logout?scope={scope}"), Some(&session(account, of).access), None)
            }
            Self::Password { account: of, session: by, new } => {
                let body = json!({"current_password": account(of).password, "new_password": new});
                ("PUT", "/me/password".to_owned(), Some(&session(of, by).access), Some(body))
            }
            Self::Delete { account } => ("DELETE", user(account), admin, None),
            Self::Roles { account, roles } => ("PATCH", user(account), admin, Some(json!({"roles": roles}))),
            Self::Disable { account, disabled } => ("PATCH", user(account), admin, Some(json!({"disabled": disabled}))),
            Self::Invite => ("POST", "/invites".to_owned(), admin, None),
            Self::Withdraw { invite } => ("DELETE", format!("/invites/{}", held.invites[*invite].id()), admin, None),
            Self::Code { account } => ("POST", format!("{}/reset", user(account)), admin, None),
            Self::Redeem { account: of, new } => {
                ("POST", "/reset".to_owned(), None, Some(json!({"code": account(of).code, "new_password": new})))
            }
            Self::Service { name } => ("POST", "/services".to_owned(), admin, Some(json!({"name": name, "scopes": ["introspect"]}))),
            Self::Dismiss { service } => ("DELETE", format!("/services/{}", held.services[*service].id), admin, None),
            Self::Rotate => ("POST", "/keys".to_owned(), admin, Some(json!({"now": true}))),
        }
    }

    /// The cookie that goes with it.
    pub fn cookie<'a>(&self, held: &'a Holdings) -> Option<&'a str> {
        let (account, session) = match *self {
            Self::Keep { replaced, .. } => replaced?,
            Self::Leave { account, session, .. } => (account, session),
            _ => return None,
        };
        held.accounts[account].sessions[session].cookie.as_deref()
    }

    /// Whether this answer says that it was done.
    pub fn is_done(&self, answer: &Answer) -> bool {
        match self {
            Self::Register { .. } | Self::Add { .. } | Self::Invite | Self::Code { .. } | Self::Service { .. } | Self::Rotate => {
                answer.status == 201
            }
            Self::Reuse { .. } => answer.status == 401 && answer.error() == "token_reused",
            _ => answer.status == 200,
        }
    }

    /// The account it is about.
    pub fn account(&self) -> Option<usize> {
        match *self {
            Self::Login { account }
            | Self::Keep { account, .. }
            | Self::Leave { account, .. }
            | Self::Refresh { account, .. }
            | Self::Reuse { account, .. }
            | Self::Logout { account, .. }
            | Self::Password { account, .. }
            | Self::Delete { account }
            | Self::Roles { account, .. }
            | Self::Disable { account, .. }
            | Self::Code { account }
            | Self::Redeem { account, .. } => Some(account),
            _ => None,
        }
    }

    /// What is true once it was done. `answer`: unless it was never heard.
    pub fn take_effect(&self, held: &mut Holdings, answer: Option<&Answer>) {
        let body = answer.map(Answer::json).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("{self:?}: no {name} in {body}")).to_owned();
        match self {
            Self::Register { name, invite } => {
                held.invites[*invite].good = false;
                let location = answer.and_then(|answer| answer.header("location"));
                if let Some(id) = location.and_then(|location| location.strip_prefix("/user/")?.parse().ok()) {
                    held.accounts.push(Account::new(id, name.clone(), FIRST_PASSWORD.to_owned()));
                }
            }
            Self::Add { name } => {
                if let Some(id) = body["id"].as_u64() {
                    held.accounts.push(Account::new(id, name.clone(), FIRST_PASSWORD.to_owned()));
                }
            }
            Self::Invite => held.invites.push(Invite { code: text("code"), good: true }),
            Self::Withdraw { invite } => held.invites[*invite].good = false,
            Self::Service { .. } => held.services.push(Service { id: text("id"), key: Some(text("key")), there: true }),
            Self::Dismiss { service } => held.services[*service].there = false,
            Self::Rotate => held.keys.push(text("kid")),
            Self::Login { account } | Self::Keep { account, .. } => {
                let cookie = answer.and_then(|answer| answer.header("set-cookie")?.split(';').next().map(str::to_owned));
                assert_eq!(cookie.is_some(), matches!(self, Self::Keep { .. }), "{self:?}: {cookie:?}");
                let session = Session { cookie, ..Session::new(text("access_token"), text("refresh_token")) };
                held.accounts[*account].sessions.push(session);
                held.end_replaced(self);
            }
            Self::Refresh { account, session } => {
                held.accounts[*account].sessions[*session].renew(text("access_token"), text("refresh_token"));
            }
            Self::Code { account } => held.accounts[*account].code = Some(text("code")),
            _ => self.change(held),
        }
        if let Some(account) = self.account() {
            held.accounts[account].touched = held.round;
        }
    }

    /// Those that need no answer to tell what they did.
    fn change(&self, held: &mut Holdings) {
        let at = held.asked;
        let Some(account) = self.account().map(|place| &mut held.accounts[place]) else { return };
        match self {
            Self::Reuse { session, .. } => account.sessions[*session].ended = true,
            Self::Logout { session, scope, .. } => {
                if *scope != "others" {
                    account.revoked.push(claim(&account.sessions[*session].access, "jti"));
                }
                account.leave(*session, scope, at);
            }
            Self::Leave { session, scope, .. } => account.leave(*session, scope, at),
            Self::Password { session, new, .. } => {
                account.set_password(new);
                account.end_all_but(Some(*session), at);
            }
            Self::Redeem { new, .. } => {
                account.code_used = account.code.take();
                account.set_password(new);
                account.end_all_but(None, at);
            }
            Self::Delete { .. } => {
                account.gone = true;
                account.end_all_but(None, at);
            }
            Self::Roles { roles, .. } => account.roles.clone_from(roles),
            Self::Disable { disabled, .. } => {
                account.disabled = *disabled;
                if *disabled {
                    account.end_all_but(None, at);
                }
            }
            _ => {}
        }
    }
}
