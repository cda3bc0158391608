//! One step of an arbitrary history: [`Step`] says it in small numbers, which still mean something when the history around
//! them is shortened; a [`Cast`] puts names for the numbers, and the [`Call`] can then be made on any store.

use std::time::Duration;

use uuid::Uuid;

use super::super::contract::{T0, claims, hash, key, lifetimes, named};
use super::super::{ImportedUser, NewUser, Store, UserChange, Which};
use crate::auth::audit::{Event, Wanted, Word};
use crate::auth::clock::Timestamp;
use crate::auth::code::{CodeDigest, Invite, Reset};
use crate::auth::keys::{Algorithm, KeyChange, Purpose, State, StoredKey};
use crate::auth::service::{KeyDigest, Scope, Service, ServiceId, ServiceName};
use crate::auth::session::{Session, SessionId};
use crate::auth::token::TokenId;
use crate::auth::user::{Role, UserId, Username};
use crate::trace::Trace;

const MINUTE: Duration = Duration::from_secs(60);

/// What is done, and how many seconds after the step before. Users are named by their ids, passwords, codes and keys by
/// any number, sessions and services by how many were made since.
#[derive(Debug, Clone)]
pub struct Step {
    pub(super) pause: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    User(OfUser),
    Session(OfSession),
    Code(OfCode),
    Key(OfKey),
    Service(OfService),
    Sweep { limit: usize },
    Mark,
    Note { word: Word, user: u64 },
    Look { user: u64, name: u8, session: usize, code: u8, limit: usize },
}

#[derive(Debug, Clone)]
pub(super) enum OfUser {
    Insert { name: u8, admin: bool },
    FirstAdmin { name: u8 },
    Change { user: u64, admin: Option<bool>, team: Option<u8>, disabled: Option<bool> },
    Delete { user: u64 },
    Import { user: u64, name: u8, keep: bool },
    Password { user: u64, verified: u8, new: u8, kept: Option<usize> },
}

#[derive(Debug, Clone)]
pub(super) enum OfSession {
    Open { user: u64, verified: u8, rehashed: Option<u8>, cookie: bool, replaced: Option<usize> },
    Touch { session: usize },
    Rotate { session: usize, counter: u64, foreign: bool },
    End { session: usize, ends: Ends, token_minutes: Option<u32> },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Ends {
    One,
    Others,
    All,
    Nothing,
}

#[derive(Debug, Clone)]
pub(super) enum OfCode {
    PutReset { user: u64, code: u8, minutes: u32 },
    Redeem { user: u64, code: u8, new: u8 },
    Invite { code: u8, minutes: u32, limit: usize },
    Uninvite { code: u8 },
    Register { name: u8, code: u8 },
}

#[derive(Debug, Clone)]
pub(super) enum OfKey {
    Insert { kid: u8 },
    Add { kid: u8, next_minutes: Option<u32> },
    Retire { kid: u8, at_once: bool },
    Settle,
}

#[derive(Debug, Clone)]
pub(super) enum OfService {
    Insert,
    Remove { service: usize },
    Used { service: usize },
}

/// Who and what a history has met so far.
pub struct Cast {
    now: Timestamp,
    sessions: Vec<(SessionId, UserId)>,
    services: Vec<ServiceId>,
    /// Every id that may be revoked.
    pub ids: Vec<Uuid>,
}

impl Default for Cast {
    fn default() -> Self {
        Self { now: T0, sessions: vec![(SessionId::random(), UserId::new(1))], services: vec![ServiceId::random()], ids: Vec::new() }
    }
}

/// The one that was made `ago` ones before the last.
fn since<T: Copy>(made: &[T], ago: usize) -> T {
    made[made.len() - 1 - ago % made.len()]
}

impl Cast {
    /// The step with names put for its numbers. It does not depend on what a store said to those before.
    pub fn call(&mut self, step: Step) -> Call {
        self.now = self.now + Duration::from_secs(step.pause);
        let of = |ago: &usize| since(&self.sessions, *ago);
        let session = match &step.what {
            What::Session(
                OfSession::Touch { session }
                | OfSession::Rotate { session, .. }
                | OfSession::End { session, .. }
                | OfSession::Open { replaced: Some(session), .. },
            )
            | What::User(OfUser::Password { kept: Some(session), .. })
            | What::Look { session, .. } => of(session),
            _ => of(&0),
        };
        let service = match &step.what {
            What::Service(OfService::Remove { service } | OfService::Used { service }) => since(&self.services, *service),
            _ => ServiceId::random(),
        };
        let call = Call { now: self.now, what: step.what, session, service, new: Uuid::new_v4() };
        match &call.what {
            What::Session(OfSession::Open { user, .. }) => self.sessions.push((SessionId(call.new), UserId::new(*user))),
            What::Service(OfService::Insert) => self.services.push(service),
            _ => {}
        }
        self.ids.extend([call.new, session.0.0]);
        call
    }
}

/// A step that can be taken in any store, with the same answer from each.
#[derive(Debug)]
pub struct Call {
    now: Timestamp,
    what: What,
    session: (SessionId, UserId),
    service: ServiceId,
    /// For a session or a token that the step makes.
    new: Uuid,
}

fn person(name: u8, admin: bool, now: Timestamp) -> NewUser {
    NewUser { roles: roles(admin), created: now, ..named(&format!("user{name}")) }
}

fn roles(admin: bool) -> Vec<Role> {
    if admin { vec![Role::admin()] } else { Vec::new() }
}

fn digest(code: u8) -> CodeDigest {
    CodeDigest::of(&code.to_string())
}

macro_rules! said {
    ($answer:expr) => {
        format!("{:?}", $answer.await)
    };
}

impl Call {
    /// Takes the step; answers what the store said.
    pub async fn run(&self, store: &dyn Store) -> String {
        match &self.what {
            What::User(step) => self.user(store, step).await,
            What::Session(step) => self.session(store, step).await,
            What::Code(step) => self.code(store, step).await,
            What::Key(step) => self.key(store, step).await,
            What::Service(step) => self.service(store, step).await,
            What::Sweep { limit } => super::sweep(store, self.now, *limit).await,
            What::Mark => said!(store.set_clock_mark(self.now)),
            What::Note { word, user } => {
                let record = Event::own(*word, UserId::new(*user)).at(self.now, Trace::default());
                format!("{:?}", store.note(word.class(), record))
            }
            What::Look { user, name, code, limit, .. } => self.look(store, UserId::new(*user), *name, *code, *limit).await,
        }
    }

    async fn user(&self, store: &dyn Store, step: &OfUser) -> String {
        match *step {
            OfUser::Insert { name, admin } => said!(store.insert_user(person(name, admin, self.now))),
            OfUser::FirstAdmin { name } => said!(store.insert_first_admin(person(name, true, self.now))),
            OfUser::Change { user, admin, team, disabled } => {
                let claims = team.map(|team| claims(serde_json::json!({ "team": team })));
                said!(store.change_user(UserId::new(user), UserChange { roles: admin.map(roles), claims, disabled }, self.now))
            }
            OfUser::Delete { user } => said!(store.delete_user(UserId::new(user), self.now)),
            OfUser::Import { user, name, keep } => {
                let NewUser { username, password, created, .. } = person(name, false, self.now);
                said!(store.import_users(vec![ImportedUser { id: UserId::new(user), username, password, created }], keep))
            }
            OfUser::Password { user, verified, new, kept } => {
                let kept = kept.map(|_| self.session.0);
                said!(store.change_password(UserId::new(user), password_hash(verified), password_hash(new), kept, self.now))
            }
        }
    }

    async fn session(&self, store: &dyn Store, step: &OfSession) -> String {
        let (id, owner) = self.session;
        match *step {
            OfSession::Open { user, verified, rehashed, cookie, replaced } => {
                let cookie = cookie.then(|| CodeDigest::of(&self.new.to_string()));
                let session = Session { id: SessionId(self.new), cookie, ..Session::open(UserId::new(user), self.now, &lifetimes()) };
                said!(store.open_session(replaced.map(|_| id), session, password_hash(verified), rehashed.map(password_hash)))
            }
            OfSession::Touch { .. } => said!(store.touch_session(id, self.now, lifetimes())),
            OfSession::Rotate { counter, foreign, .. } => {
                let user = if foreign { UserId::new(owner.get() + 1) } else { owner };
                said!(store.rotate_refresh(id, user, counter, self.now, lifetimes()))
            }
            OfSession::End { ends, token_minutes, .. } => {
                let which = match ends {
                    Ends::One => Which::One(id),
                    Ends::Others => Which::Others(id),
                    Ends::All => Which::All,
                    Ends::Nothing => Which::None,
                };
                let token = token_minutes.map(|minutes| (TokenId(self.new), self.now + minutes * MINUTE));
                said!(store.end_sessions(owner, which, token, self.now))
            }
        }
    }

    async fn code(&self, store: &dyn Store, step: &OfCode) -> String {
        match *step {
            OfCode::PutReset { user, code, minutes } => {
                let reset = Reset { digest: digest(code), expires: self.now + minutes * MINUTE };
                said!(store.put_reset(UserId::new(user), reset))
            }
            OfCode::Redeem { user, code, new } => {
                said!(store.redeem_reset(UserId::new(user), digest(code), password_hash(new), self.now))
            }
            OfCode::Invite { code, minutes, limit } => {
                let invite = Invite { digest: digest(code), created: self.now, expires: self.now + minutes * MINUTE };
                said!(store.insert_invite(invite, limit))
            }
            OfCode::Uninvite { code } => said!(store.delete_invite(digest(code).into())),
            OfCode::Register { name, code } => said!(store.insert_invited(person(name, false, self.now), digest(code))),
        }
    }

    async fn key(&self, store: &dyn Store, step: &OfKey) -> String {
        let kid = |kid: u8| format!("kid{kid}");
        let change = match *step {
            OfKey::Insert { kid: number } => return said!(store.insert_key(key(&kid(number)))),
            OfKey::Add { kid: number, next_minutes } => {
                let state = next_minutes.map_or(State::Active, |minutes| State::Next { from: self.now + minutes * MINUTE });
                let key = key(&kid(number));
                KeyChange::Add(StoredKey { algorithm: Algorithm::ES256, purpose: Purpose::Access, state, ..key })
            }
            OfKey::Retire { kid: number, at_once } => KeyChange::Retire { kid: kid(number), at_once },
            OfKey::Settle => KeyChange::Settle { token_secs: 900, latest: self.now },
        };
        said!(store.change_keys(change, self.now))
    }

    async fn service(&self, store: &dyn Store, step: &OfService) -> String {
        match step {
            OfService::Insert => {
                let (name, scopes) = (ServiceName::parse("shop").unwrap(), vec![Scope::Introspect]);
                let digest = KeyDigest::of(&self.service.to_string());
                said!(store.insert_service(Service { id: self.service, name, scopes, digest, created: self.now, last_used: None }))
            }
            OfService::Remove { .. } => said!(store.remove_service(self.service)),
            OfService::Used { .. } => said!(store.keep_service_uses(vec![(self.service, self.now)])),
        }
    }

    /// Everything that only reads.
    async fn look(&self, store: &dyn Store, id: UserId, name: u8, code: u8, limit: usize) -> String {
        let name = Username::parse(&format!("user{name}")).unwrap();
        let wanted = Wanted { user: Some(id), limit, ..Wanted::default() };
        let users = (store.user(id).await, store.user_named(&name).await, store.users(Some(id), limit).await);
        let sessions = (store.session(self.session.0).await, store.sessions(id).await);
        let codes = (store.reset(id).await, store.invite(digest(code).into()).await, store.invites().await);
        let rest = (store.keys().await, store.events(wanted).await, store.clock_mark().await, store.is_full());
        format!("{users:?} {sessions:?} {codes:?} {rest:?} {:?}", store.failed().borrow())
    }
}

fn password_hash(number: u8) -> crate::auth::password::PasswordHash {
    hash(if number == 0 { "first" } else { "other" })
}
