//! Compares what a client holds with what the server says after a restart.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use serde_json::json;

use crate::feed::FOLLOWER;
use crate::model::{Account, Holdings, Session};
use crate::op::FIRST_PASSWORD;
use crate::server::{Answer, Client};
use crate::settle::{Lists, logged_in};

/// For how long after a refresh the token before it is presented: less than the grace.
const GRACE: Duration = Duration::from_secs(200);
/// How many ended sessions of an account are tried, where not all of them are.
const ENDED: usize = 4;

/// How much to look at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What was touched since the last check, and some of the rest.
    Recent,
    Everything,
}

/// See the module's page.
pub struct Check<'a> {
    pub client: &'a Client,
    pub lists: &'a Lists,
    pub depth: Depth,
    /// What does not hold.
    pub faults: Vec<String>,
    /// How many answers were compared.
    pub compared: u64,
}

impl<'a> Check<'a> {
    pub fn new(client: &'a Client, lists: &'a Lists, depth: Depth) -> Self {
        Self { client, lists, depth, faults: Vec::new(), compared: 0 }
    }

    fn demand(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.compared += 1;
        if !holds {
            self.faults.push(what());
        }
    }

    /// Everything a client holds, or a part of it.
    pub fn holdings(&mut self, held: &mut Holdings, rng: &mut Rng) {
        let (round, admin, everything) = (held.round, held.admin.clone(), self.depth == Depth::Everything);
        for account in &mut held.accounts {
            if everything || account.touched == round || rng.u8(0..16) == 0 {
                self.account(account, &admin, rng);
            }
        }
        for invite in &held.invites {
            let (id, there) = (invite.id(), self.lists.invites.contains(&invite.id()));
            self.demand(there == invite.good, || format!("invite {id}: listed {there}, good {}", invite.good));
        }
        if let Some(invite) = rng.choice(held.invites.iter().filter(|invite| !invite.good).collect::<Vec<_>>()) {
            let body = json!({"username": format!("spent-{}", rng.u32(..)), "password": FIRST_PASSWORD, "invite": invite.code});
            let answer = self.client.json("POST", "/register", None, &body);
            self.refused(&answer, 403, "registration_closed", || format!("invite {} once more", invite.id()));
        }
        for service in &held.services {
            let there = self.lists.services.contains_key(&service.id);
            self.demand(there == service.there, || format!("service {}: listed {there}, but {}", service.id, service.there));
        }
        let keys: Vec<_> = held.services.iter().filter_map(|service| Some((service, service.key.as_ref()?))).collect();
        if let Some((service, key)) = rng.choice(keys) {
            let headers = [("Authorization", &*format!("Bearer {key}")), ("Content-Type", "application/x-www-form-urlencoded")];
            let status = self.client.send("POST", "/introspect", &headers, Some(b"token=x")).status;
            self.demand((status == 200) == service.there, || format!("service {}: its key is answered {status}", service.id));
        }
        for kid in &held.keys {
            self.demand(self.lists.keys.contains(kid), || format!("key {kid} is gone"));
        }
    }

    fn refused(&mut self, answer: &Answer, status: u16, word: &str, what: impl FnOnce() -> String) {
        let holds = answer.status == status && answer.error() == word;
        self.demand(holds, || format!("{}: {} {} instead of {status} {word}", what(), answer.status, answer.text));
    }

    fn account(&mut self, account: &mut Account, admin: &str, rng: &mut Rng) {
        let id = account.id;
        let row = self.lists.users.get(&id);
        self.demand(row.is_some() != account.gone, || format!("user {id}: listed {}, deleted {}", row.is_some(), account.gone));
        if let Some(row) = row {
            let said = json!({"username": account.name, "roles": account.roles, "disabled": account.disabled});
            for (name, value) in said.as_object().into_iter().flatten() {
                self.demand(row[name] == *value, || format!("user {id}: {name} is {}, was {value}", row[name]));
            }
        }
        self.session_list(account, admin);
        let ended: Vec<_> = (0..account.sessions.len()).filter(|&place| account.sessions[place].ended).collect();
        let skipped = if self.depth == Depth::Everything { 0 } else { ended.len().saturating_sub(ENDED) };
        for place in account.open() {
            self.open(id, &mut account.sessions[place]);
        }
        for &place in &ended[skipped..] {
            self.ended(id, &account.sessions[place]);
        }
        // A password is slow to check.
        if rng.u8(0..10) == 0 {
            self.passwords(account);
        }
    }

    fn session_list(&mut self, account: &Account, admin: &str) {
        let answer = self.client.with_token("GET", &format!("/user/{}/sessions", account.id), admin);
        if account.gone {
            self.refused(&answer, 404, "not_found", || format!("the sessions of user {}, who is deleted", account.id));
            return;
        }
        let listed = answer.json()["sessions"].as_array().cloned().unwrap_or_default();
        let listed: BTreeSet<_> = listed.iter().filter_map(|session| session["id"].as_str()).map(str::to_owned).collect();
        let held: BTreeSet<_> = account.open().into_iter().map(|place| account.sessions[place].id.clone()).collect();
        self.demand(listed == held, || format!("user {}: sessions {listed:?}, were {held:?}", account.id));
    }

    fn open(&mut self, id: u64, session: &mut Session) {
        let answer = self.client.test(&session.access);
        self.demand(answer.status == 200, || format!("user {id}: an open session is answered {} {}", answer.status, answer.text));
        if let Some(cookie) = &session.cookie {
            let answer = self.client.send("GET", "/verify", &[("Cookie", cookie)], None);
            let is_in = answer.status == 200 && answer.header("Remote-Id") == Some(&id.to_string());
            self.demand(is_in, || format!("user {id}: the cookie of an open session is answered {} {}", answer.status, answer.text));
        }
        // The spent token is answered with the one in force: neither is the rotation lost, nor did it go on.
        if let Some((spent, at)) = &session.spent
            && at.elapsed() < GRACE
        {
            let answer = self.client.refresh(spent);
            let same = answer.status == 200 && answer.json()["refresh_token"] == session.refresh;
            self.demand(same, || format!("user {id}: a rotation is not as it was: {} {}", answer.status, answer.text));
        }
    }

    fn ended(&mut self, id: u64, session: &Session) {
        let answer = self.client.test(&session.access);
        self.refused(&answer, 401, "token_revoked", || format!("user {id}: an access token of an ended session"));
        let answer = self.client.refresh(&session.refresh);
        self.refused(&answer, 401, "token_revoked", || format!("user {id}: a refresh token of an ended session"));
        if let Some(cookie) = &session.cookie {
            let answer = self.client.send("GET", "/verify", &[("Cookie", cookie)], None);
            self.refused(&answer, 401, "token_revoked", || format!("user {id}: the cookie of an ended session"));
        }
    }

    fn passwords(&mut self, account: &mut Account) {
        let may = !account.gone && !account.disabled;
        match logged_in(self.client, &account.name, &account.password) {
            Ok(session) => {
                self.demand(session.is_some() == may, || format!("user {}: the password lets in: {}", account.id, !may));
                account.sessions.extend(session);
            }
            Err(fault) => self.faults.push(fault),
        }
        if let Some(before) = &account.password_before {
            let answer = self.client.try_login(&account.name, before);
            self.refused(&answer, 401, "invalid_credentials", || format!("user {}: the password before", account.id));
        }
        if let Some(code) = &account.code_used {
            let body = json!({"code": code, "new_password": "battery-again-staple"});
            let status = self.client.json("POST", "/reset", None, &body).status;
            self.demand(status == 401, || format!("user {}: a used reset code is answered {status}", account.id));
        }
    }
}

/// What no client knows of; `loose`: so many invites may be there whose making was not answered.
pub fn strangers(all: &[Holdings], lists: &Lists, loose: usize) -> Vec<String> {
    let ids: BTreeSet<u64> = all.iter().flat_map(|held| held.accounts.iter().map(|account| account.id)).collect();
    let accounts: usize = all.iter().map(|held| held.accounts.len()).sum();
    let mut faults = Vec::new();
    if ids.len() != accounts {
        faults.push(format!("{} ids were given to {accounts} users", ids.len()));
    }
    let is_ours = |user: &serde_json::Value| user["username"].as_str().is_some_and(|name| name.starts_with("boss"));
    faults.extend(
        lists
            .users
            .iter()
            .filter(|(id, user)| !ids.contains(id) && !is_ours(user))
            .map(|(id, user)| format!("user {id} is nobody's: {user}")),
    );
    let services: BTreeSet<_> = all.iter().flat_map(|held| held.services.iter().map(|service| &service.id)).collect();
    let unknown_services = lists.services.iter().filter(|(id, name)| !services.contains(id) && *name != FOLLOWER);
    faults.extend(unknown_services.map(|(id, _)| format!("service {id} is nobody's")));
    let unknown = unknown_invites(all, lists);
    if unknown.len() > loose {
        faults.push(format!("{} invites are nobody's, and {loose} were not answered", unknown.len()));
    }
    faults
}

/// Invites no client has the code of.
pub fn unknown_invites(all: &[Holdings], lists: &Lists) -> Vec<String> {
    let known: BTreeSet<_> = all.iter().flat_map(|held| held.invites.iter().map(crate::model::Invite::id)).collect();
    lists.invites.iter().filter(|id| !known.contains(*id)).cloned().collect()
}
