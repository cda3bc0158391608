//! After a restart: finds out whether what was asked for and not answered was done. Either is right; half of it is not, and
//! the check that follows would find that.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::feed::now;
use crate::load::ask;
use crate::model::{Account, Holdings, Service, Session, claim};
use crate::op::{FIRST_PASSWORD, Op};
use crate::server::{Client, Pair};

/// The lists an administrator sees.
#[derive(Default)]
pub struct Lists {
    pub users: HashMap<u64, Value>,
    pub invites: HashSet<String>,
    /// Id → name.
    pub services: HashMap<String, String>,
    pub keys: HashSet<String>,
}

impl Lists {
    /// As they are now.
    pub fn read(client: &Client, admin: &str) -> Self {
        let entries = |path: &str, name: &str| -> Vec<Value> {
            client.with_token("GET", path, admin).expect(200).json()[name].as_array().expect("a list").clone()
        };
        let text = |entry: &Value, name: &str| entry[name].as_str().expect("a text").to_owned();
        let mut users = HashMap::new();
        let mut path = "/users".to_owned();
        loop {
            let page = entries(&path, "users");
            let Some(last) = page.last() else { break };
            path = format!("/users?after={}", last["id"]);
            users.extend(page.into_iter().map(|user| (user["id"].as_u64().expect("an id"), user)));
        }
        Self {
            users,
            invites: entries("/invites", "invites").iter().map(|invite| text(invite, "id")).collect(),
            services: entries("/services", "services").iter().map(|service| (text(service, "id"), text(service, "name"))).collect(),
            keys: entries("/keys", "keys").iter().map(|key| text(key, "kid")).collect(),
        }
    }
}

/// See the module's page. `lists`: as they were after the restart.
pub fn settle(held: &mut Holdings, client: &Client, lists: &Lists) -> Result<(), String> {
    let Some(op) = held.pending.take() else { return Ok(()) };
    if let Some(account) = op.account() {
        held.accounts[account].touched = held.round;
    }
    match &op {
        Op::Register { name, .. } | Op::Add { name } => settle_account(held, client, &op, name)?,
        Op::Password { account, new, .. } | Op::Redeem { account, new } => {
            if let Some(session) = logged_in(client, &held.accounts[*account].name, new)? {
                op.take_effect(held, None);
                held.accounts[*account].sessions.push(session);
            }
        }
        Op::Login { account } => {
            end_unknown(held, client, *account);
        }
        Op::Keep { account, replaced } => {
            let is_gone = replaced.map(|(account, session)| is_refused(held, client, account, session));
            let is_new = end_unknown(held, client, *account);
            if is_gone.is_some_and(|is_gone| is_gone != is_new) {
                return Err(format!("{op:?} was done by half: it has opened a session: {is_new}, ended the other: {is_gone:?}"));
            }
            if is_new {
                held.end_replaced(&op);
            }
        }
        Op::Refresh { .. } | Op::Code { .. } => ask_again(held, client, &op)?,
        Op::Service { name } => {
            let id = lists.services.iter().find(|(_, there)| *there == name).map(|(id, _)| id.clone());
            held.services.extend(id.map(|id| Service { id, key: None, there: true }));
        }
        _ if is_done(held, client, lists, &op) => op.take_effect_unheard(held, lists),
        // With no other session there is nothing to see it by.
        Op::Logout { account, scope: "others", .. } | Op::Leave { account, scope: "others", .. } => {
            held.accounts[*account].may_be_cut_off = true;
        }
        _ => {}
    }
    Ok(())
}

/// Who can log in is there.
fn settle_account(held: &mut Holdings, client: &Client, op: &Op, name: &str) -> Result<(), String> {
    let Some(session) = logged_in(client, name, FIRST_PASSWORD)? else { return Ok(()) };
    op.take_effect(held, None);
    let id = claim(&session.access, "sub").parse().map_err(|_| "sub is no number")?;
    let account = Account::new(id, name.to_owned(), FIRST_PASSWORD.to_owned());
    held.accounts.push(Account { sessions: vec![session], touched: held.round, ..account });
    Ok(())
}

/// Asked once more. If the first was done, this one comes within the grace and gets the same answer.
fn ask_again(held: &mut Holdings, client: &Client, op: &Op) -> Result<(), String> {
    let answer = ask(held, client, op).map_err(|error| error.to_string())?;
    if !op.is_done(&answer) {
        return Err(format!("{op:?} asked again after a restart was answered {} {}", answer.status, answer.text));
    }
    held.acts.extend(op.acts(held, Some(&answer)));
    op.take_effect(held, Some(&answer));
    Ok(())
}

fn is_refused(held: &Holdings, client: &Client, account: usize, session: usize) -> bool {
    client.test(&held.accounts[account].sessions[session].access).status == 401
}

/// Whether one sign of it is there.
fn is_done(held: &Holdings, client: &Client, lists: &Lists, op: &Op) -> bool {
    let row = |account: &usize| lists.users.get(&held.accounts[*account].id);
    let is_refused = |account: usize, session: usize| is_refused(held, client, account, session);
    match op {
        Op::Logout { account, session, scope: "others" } | Op::Leave { account, session, scope: "others" } => {
            held.accounts[*account].open().into_iter().find(|other| other != session).is_some_and(|other| is_refused(*account, other))
        }
        Op::Logout { account, session, .. } | Op::Leave { account, session, .. } | Op::Reuse { account, session } => {
            is_refused(*account, *session)
        }
        Op::Delete { account } => row(account).is_none(),
        Op::Roles { account, roles } => row(account).is_some_and(|row| row["roles"] == serde_json::json!(roles)),
        Op::Disable { account, disabled } => row(account).is_some_and(|row| row["disabled"] == *disabled),
        Op::Withdraw { invite } => !lists.invites.contains(&held.invites[*invite].id()),
        Op::Dismiss { service } => !lists.services.contains_key(&held.services[*service].id),
        Op::Rotate => lists.keys.iter().any(|kid| !held.keys.contains(kid)),
        _ => false,
    }
}

impl Op {
    fn take_effect_unheard(&self, held: &mut Holdings, lists: &Lists) {
        if matches!(self, Self::Rotate) {
            let unknown: Vec<_> = lists.keys.iter().filter(|kid| !held.keys.contains(*kid)).cloned().collect();
            held.keys.extend(unknown);
        } else {
            self.take_effect(held, None);
        }
    }
}

/// The session that a login opens; `None` if the password is wrong or nobody has that name.
pub fn logged_in(client: &Client, name: &str, password: &str) -> Result<Option<Session>, String> {
    let answer = client.try_login(name, password);
    match answer.status {
        200 => {
            let Pair { access, refresh } = Pair::of(&answer);
            Ok(Some(Session::new(access, refresh)))
        }
        401 if answer.error() == "invalid_credentials" => Ok(None),
        status => Err(format!("a login of {name} was answered {status} {}", answer.text)),
    }
}

/// A login that was not answered may have opened a session nobody has the tokens of: then all of that user's are ended. Answers
/// whether it has.
fn end_unknown(held: &mut Holdings, client: &Client, account: usize) -> bool {
    let at = now();
    let path = format!("/user/{}/sessions", held.accounts[account].id);
    let listed = client.with_token("GET", &path, &held.admin).expect(200).json();
    let known = |id: &Value| held.accounts[account].sessions.iter().any(|session| *id == *session.id);
    let ids = listed["sessions"].as_array().into_iter().flatten().map(|session| &session["id"]);
    let strays: Vec<_> = ids.filter(|id| !known(id)).filter_map(|id| id.as_str().map(str::to_owned)).collect();
    let is_new = !strays.is_empty();
    if is_new {
        client.with_token("DELETE", &path, &held.admin).expect(200);
        held.accounts[account].end_all_but(None, at);
        held.accounts[account].strays.extend(strays);
    }
    is_new
}
