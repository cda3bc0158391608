//! The life of a login, in order: made, logged in, refreshed, ended, deleted, with the refusals in between.

use std::time::Duration;

use serde_json::json;

use super::account::{Account, Entry, Pair};
use super::run::{Planned, Run, needs};
use super::want::Want;
use crate::auth::keys::published;
use crate::http::client::{Ask, Heard};

/// How many checks these are.
pub const CHECKS: usize = 27;
/// An access token that lives no longer is waited for to expire, in seconds.
const SHORT_LIFE: u64 = 10;

/// Makes them.
pub async fn walk(run: &mut Run, account: &mut Account, base: &str) {
    make(run, account, base).await;
    let pair = log_in(run, account).await;
    judged(run, pair.as_ref(), &account.name).await;
    expired(run, pair.as_ref()).await;
    rotate(run, account, pair).await;
    let pair = log_in_again(run, account).await;
    let pair = change_password(run, account, pair).await;
    log_out(run, account, pair).await;
    delete(run, account).await;
}

/// Why the user that is given is spared a check.
fn only_ours(account: &Account, ask: impl FnOnce() -> Ask) -> Planned {
    if !account.is_ours() {
        return Err(format!("{} is somebody's user, and stays as it is", account.name));
    }
    account.id.map(|_| ask()).ok_or_else(|| NEEDS_USER.to_owned())
}

const NEEDS_USER: &str = "needs: make a user";

/// A request that needs a user to be there.
fn with_user(account: &Account, ask: impl FnOnce() -> Ask) -> Planned {
    if account.is_ours() && account.id.is_none() { Err(NEEDS_USER.to_owned()) } else { Ok(ask()) }
}

async fn make(run: &mut Run, account: &mut Account, base: &str) {
    let planned = if account.is_ours() { Ok(account.make()) } else { Err(format!("{} is given", account.name)) };
    let under = format!("{base}/user/");
    let id = |heard: &Heard| heard.header("Location")?.strip_prefix(&under)?.parse::<u64>().ok();
    let want = Want::of(201).with(format!("Location: {under}<id>"), |heard| id(heard).is_some()).unless(no_entry);
    // Should the answer be lost, the user may be there all the same.
    account.may_remain = account.is_ours() && !run.is_stopped();
    let made = run.check("make a user", planned, want).await;
    account.id = made.as_ref().and_then(id);
    let again = match account.entry {
        Entry::Invite(_) => Err("an invite is good once".to_owned()),
        _ => only_ours(account, || account.make()),
    };
    run.check("the same name again", again, Want::refused(409, "username_taken")).await;
}

/// What a deployment says that lets nobody in this way.
fn no_entry(heard: &Heard) -> Option<&'static str> {
    let body = heard.json();
    match (heard.status, body["error"].as_str()) {
        (403, Some("registration_closed")) => Some("registration is closed; check with --user, or an administrator's --token-file"),
        (403, Some("forbidden")) => Some("the token is not an administrator's"),
        (422, _) if !body["errors"]["json"]["invite"].is_null() => {
            Some("registration takes an invite; check with --invite-file, --user, or an administrator's --token-file")
        }
        _ => None,
    }
}

fn a_pair<'a>() -> Want<'a> {
    Want::of(200).with("a pair of tokens", |heard| Pair::of(heard).is_some()).header("Cache-Control", "no-store")
}

/// A login that is to succeed; what it opens is kept in mind.
async fn enter(run: &mut Run, account: &mut Account, name: &'static str, planned: Planned) -> Option<Pair> {
    let pair = run.check(name, planned, a_pair()).await.as_ref().and_then(Pair::of)?;
    account.open = Some(pair.access.clone());
    Some(pair)
}

async fn log_in(run: &mut Run, account: &mut Account) -> Option<Pair> {
    let wrong = with_user(account, || account.login("not the password"));
    run.check("log in with a wrong password", wrong, Want::refused(401, "invalid_credentials")).await;
    let right = with_user(account, || account.login(&account.password));
    enter(run, account, "log in", right).await
}

/// `GET /test` with a token.
fn test(token: Result<&str, String>) -> Planned {
    token.map(|token| Ask::get("/test").bearing(token))
}

fn access<'a>(pair: Option<&'a Pair>, what: &str) -> Result<&'a str, String> {
    needs(pair, what).map(|pair| pair.access.as_str())
}

/// The token as the server, and as other programs judge it; and what looks like it.
async fn judged(run: &mut Run, pair: Option<&Pair>, name: &str) {
    let token = access(pair, "log in");
    run.check("protected route", test(token.clone()), Want::of(200).with("its message", |heard| heard.json()["message"] == "Auth Checked"))
        .await;
    let me = token.clone().map(|token| Ask::get("/me").bearing(token));
    run.check("who am I", me, Want::of(200).with("the name", |heard| is_name(heard, name))).await;
    let by_secret = pair.is_some_and(|pair| published::is_by_secret(&pair.access));
    let keys = match &token {
        Ok(_) if by_secret => Err("tokens are signed with a shared secret".to_owned()),
        Ok(_) => Ok(Ask::get("/.well-known/jwks.json")),
        Err(why) => Err(why.clone()),
    };
    let is_signed = |heard: &Heard| pair.is_some_and(|pair| published::is_signed_by_one_of(&heard.json(), &pair.access));
    run.check("the token, by the published keys", keys, Want::of(200).with("the key that signed it", is_signed)).await;
    for (name, make) in [("a changed signature", changed as fn(&str) -> String), ("no signature (alg none)", unsigned)] {
        let forged = token.clone().map(make);
        run.check(name, test(forged.as_deref().map_err(Clone::clone)), Want::refused(401, "invalid_token")).await;
    }
    let refresh = needs(pair, "log in").map(|pair| pair.refresh.as_str());
    run.check("a refresh token in place of an access token", test(refresh), Want::refused(401, "invalid_token")).await;
}

/// Names are compared as people write them; the server may fold them.
fn is_name(heard: &Heard, name: &str) -> bool {
    heard.json()["username"].as_str().is_some_and(|theirs| theirs.to_lowercase() == name.to_lowercase())
}

/// With another first character in its signature.
fn changed(token: &str) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{message}.{first}{}", signature.get(1..).unwrap_or_default())
}

/// With a header that says it needs none: `{"alg":"none","typ":"at+jwt"}`.
fn unsigned(token: &str) -> String {
    format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{}.", token.split('.').nth(1).unwrap_or_default())
}

async fn expired(run: &mut Run, pair: Option<&Pair>) {
    let planned = match pair {
        Some(pair) if pair.expires_in <= SHORT_LIFE && !run.is_stopped() => {
            run.pause(Duration::from_secs(pair.expires_in + 1)).await;
            test(Ok(&pair.access))
        }
        Some(pair) => Err(format!("access tokens live {} s", pair.expires_in)),
        None => test(access(None, "log in")),
    };
    run.check("an expired token", planned, Want::refused(401, "token_expired")).await;
}

/// Refreshes, and shows spent tokens again: at first as who lost an answer does, then as a thief.
async fn rotate(run: &mut Run, account: &mut Account, first: Option<Pair>) {
    let refresh = |token: Result<&Pair, String>| token.map(|pair| Ask::post("/refresh").bearing(&pair.refresh));
    let second = enter(run, account, "refresh", refresh(needs(first.as_ref(), "log in"))).await;
    let spent = needs(second.as_ref(), "refresh").and(needs(first.as_ref(), "log in"));
    let in_force = |heard: &Heard| Pair::of(heard).zip(second.as_ref()).is_some_and(|(got, second)| got.refresh == second.refresh);
    let in_force = Want::of(200).with("the token in force", in_force).unless(no_grace);
    let is_open = run.check("the spent refresh token, at once", refresh(spent.clone()), in_force).await.is_some();
    let again = if is_open { needs(second.as_ref(), "refresh") } else { Err("needs: a session that is still open".to_owned()) };
    let third = enter(run, account, "refresh again", refresh(again)).await;
    let stolen = needs(third.as_ref(), "refresh again").and(spent);
    run.check("an older refresh token", refresh(stolen), Want::refused(401, "token_reused")).await;
    let ended = test(access(third.as_ref(), "refresh again"));
    run.check("the session has ended by that", ended, Want::refused(401, "token_revoked")).await;
}

/// With `refresh_grace = 0`, or when we are slow.
fn no_grace(heard: &Heard) -> Option<&'static str> {
    let is_reuse = heard.status == 401 && heard.json()["error"] == "token_reused";
    is_reuse.then_some("401 token_reused: the grace is over, or none is given (refresh_grace)")
}

async fn log_in_again(run: &mut Run, account: &mut Account) -> Option<Pair> {
    let planned = with_user(account, || account.login(&account.password));
    let pair = enter(run, account, "log in again", planned).await;
    let sessions = access(pair.as_ref(), "log in again").map(|token| Ask::get("/me/sessions").bearing(token));
    let has_ours =
        |heard: &Heard| heard.json()["sessions"].as_array().is_some_and(|all| all.iter().filter(|one| one["current"] == true).count() == 1);
    run.check("sessions", sessions, Want::of(200).with("the current one", has_ours)).await;
    pair
}

async fn change_password(run: &mut Run, account: &mut Account, pair: Option<Pair>) -> Option<Pair> {
    let body = json!({"current_password": *account.password, "new_password": *account.next_password});
    let change = access(pair.as_ref(), "log in again")
        .and_then(|token| only_ours(account, || Ask::new("PUT", "/me/password").bearing(token).json(&body)));
    let changed = run.check("change the password", change, Want::of(200)).await;
    let old = only_ours(account, || account.login(&account.password));
    let old = if changed.is_some() || !account.is_ours() { old } else { Err("needs: change the password".to_owned()) };
    run.check("log in with the old password", old, Want::refused(401, "invalid_credentials")).await;
    if changed.is_some() {
        std::mem::swap(&mut account.password, &mut account.next_password);
    }
    pair
}

async fn log_out(run: &mut Run, account: &mut Account, pair: Option<Pair>) {
    let leave = access(pair.as_ref(), "log in again").map(|token| Ask::post("/logout").bearing(token));
    let left = run.check("log out", leave, Want::of(200)).await;
    if left.is_some() {
        account.open = None;
    }
    let pair = needs(left.as_ref(), "log out").and(needs(pair.as_ref(), "log in again"));
    let revoked = || Want::refused(401, "token_revoked").header("WWW-Authenticate", "Bearer");
    run.check("the token after the logout", test(pair.clone().map(|pair| pair.access.as_str())), revoked()).await;
    let refresh = pair.map(|pair| Ask::post("/refresh").bearing(&pair.refresh));
    run.check("refresh after the logout", refresh, revoked()).await;
}

async fn delete(run: &mut Run, account: &mut Account) {
    let last = only_ours(account, || account.login(&account.password));
    let pair = enter(run, account, "log in to leave", last).await;
    let token = access(pair.as_ref(), "log in to leave");
    let id = account.id.unwrap_or_default();
    let delete =
        only_ours(account, || Ask::get("")).and(token.clone()).map(|token| Ask::new("DELETE", format!("/user/{id}")).bearing(token));
    let deleted = run.check("delete the own account", delete, Want::of(200)).await;
    if deleted.is_some() {
        account.may_remain = false;
    }
    let gone = needs(deleted.as_ref(), "delete the own account").and(token);
    run.check("the token of a user that is gone", test(gone.clone()), Want::of(401)).await;
    let login = gone.map(|_| account.login(&account.password));
    run.check("log in as a user that is gone", login, Want::refused(401, "invalid_credentials")).await;
}
