//! What one client holds: everything the server has told it, and the one thing it asked for without hearing back.

use std::time::Instant;

use doorward::auth::code::{CodeDigest, InviteId};

use crate::op::Op;
use crate::trail::Act;

/// A login, with the tokens it led to.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub access: String,
    pub refresh: String,
    /// The refresh token before the one in force, and when it was spent.
    pub spent: Option<(String, Instant)>,
    /// The one before that: presenting it ends the session.
    pub old: Option<String>,
    /// Whether `access` comes straight from the login.
    pub fresh: bool,
    /// The cookie of the browser that stays signed in, as it is sent.
    pub cookie: Option<String>,
    pub ended: bool,
}

impl Session {
    /// Out of a pair of tokens.
    pub fn new(access: String, refresh: String) -> Self {
        let id = claim(&access, "sid");
        Self { id, access, refresh, spent: None, old: None, fresh: true, cookie: None, ended: false }
    }

    /// Takes the pair that a refresh answered.
    pub fn renew(&mut self, access: String, refresh: String) {
        self.old = self.spent.take().map(|(token, _)| token);
        let spent = std::mem::replace(&mut self.refresh, refresh);
        self.spent = Some((spent, Instant::now()));
        (self.access, self.fresh) = (access, false);
    }
}

/// A user.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: u64,
    pub name: String,
    pub password: String,
    pub password_before: Option<String>,
    pub roles: Vec<String>,
    pub disabled: bool,
    pub gone: bool,
    pub sessions: Vec<Session>,
    /// Sessions of which nobody had the tokens, until they were ended.
    pub strays: Vec<String>,
    /// Tokens that were revoked: the claim `jti`.
    pub revoked: Vec<String>,
    /// Since when tokens without a session are good, or a little later.
    pub cut_off: Option<u64>,
    /// Something was asked for that cuts off, and it does not show whether it was done.
    pub may_be_cut_off: bool,
    /// A reset code that can be used.
    pub code: Option<String>,
    /// One that was used.
    pub code_used: Option<String>,
    /// In which round something was last asked about it.
    pub touched: u64,
}

impl Account {
    pub fn new(id: u64, name: String, password: String) -> Self {
        Self {
            id,
            name,
            password,
            password_before: None,
            roles: Vec::new(),
            disabled: false,
            gone: false,
            sessions: Vec::new(),
            strays: Vec::new(),
            revoked: Vec::new(),
            cut_off: None,
            may_be_cut_off: false,
            code: None,
            code_used: None,
            touched: 0,
        }
    }

    /// The sessions that are open, by their place.
    pub fn open(&self) -> Vec<usize> {
        (0..self.sessions.len()).filter(|&place| !self.sessions[place].ended).collect()
    }

    /// Ends what a logout of this scope does.
    pub fn leave(&mut self, session: usize, scope: &str, at: u64) {
        match scope {
            "local" => self.sessions[session].ended = true,
            "others" => self.end_all_but(Some(session), at),
            _ => self.end_all_but(None, at),
        }
    }

    /// Ends all sessions but one, and cuts off the tokens that have none.
    pub fn end_all_but(&mut self, kept: Option<usize>, at: u64) {
        self.cut_off = Some(at);
        for (_, session) in self.sessions.iter_mut().enumerate().filter(|(place, _)| Some(*place) != kept) {
            session.ended = true;
        }
    }

    pub fn set_password(&mut self, new: &str) {
        self.password_before = Some(std::mem::replace(&mut self.password, new.to_owned()));
        self.code = None;
    }
}

/// An invite.
#[derive(Clone, Debug)]
pub struct Invite {
    pub code: String,
    /// Neither used nor taken back.
    pub good: bool,
}

impl Invite {
    /// As the server lists it.
    pub fn id(&self) -> String {
        InviteId::from(CodeDigest::of(&self.code)).to_string()
    }
}

/// The key of another program.
#[derive(Clone, Debug)]
pub struct Service {
    pub id: String,
    /// Unknown, if the answer that would have told it never came.
    pub key: Option<String>,
    pub there: bool,
}

/// See the module's page.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Which client; part of every name it makes up.
    pub number: usize,
    /// An access token of an administrator of its own.
    pub admin: String,
    pub accounts: Vec<Account>,
    pub invites: Vec<Invite>,
    pub services: Vec<Service>,
    /// Signing keys it has made.
    pub keys: Vec<String>,
    /// Sent, not answered.
    pub pending: Option<Op>,
    /// When something was last asked for, in seconds since 1970.
    pub asked: u64,
    /// What the administrator did since the trail was last read.
    pub acts: Vec<Act>,
    /// So many of them came before the last write that was acknowledged: their events went to the disk with it, at the latest.
    pub sure: usize,
    /// How many names it has made up.
    pub names: u64,
    pub round: u64,
}

impl Holdings {
    /// A name nobody had.
    pub fn name(&mut self) -> String {
        self.names += 1;
        format!("u{}-{}", self.number, self.names)
    }

    /// Ends the session whose place a login has taken.
    pub fn end_replaced(&mut self, login: &Op) {
        if let Op::Keep { replaced: Some((account, session)), .. } = login {
            let account = &mut self.accounts[*account];
            account.sessions[*session].ended = true;
            account.touched = self.round;
        }
    }

    /// The open sessions that have a cookie: account and session.
    pub fn browsers(&self) -> Vec<(usize, usize)> {
        let of = |(place, account): (usize, &Account)| account.open().into_iter().map(move |session| (place, session)).collect::<Vec<_>>();
        let open = self.accounts.iter().enumerate().flat_map(of);
        open.filter(|(account, session)| self.accounts[*account].sessions[*session].cookie.is_some()).collect()
    }
}

/// A claim of a token, as text.
pub fn claim(token: &str, name: &str) -> String {
    use base64::Engine as _;
    let part = token.split('.').nth(1).expect("a token has three parts");
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let claims: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    claims[name].as_str().unwrap_or_else(|| panic!("no {name} in {claims}")).to_owned()
}
