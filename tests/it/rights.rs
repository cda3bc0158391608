//! A right that was there when the request came and is gone when its turn comes: nothing is done by it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use doorward::auth::browsers::Keep;
use doorward::auth::password::Password;
use doorward::auth::token::Claims;
use doorward::auth::user::{Role, UserId, Username};
use doorward::auth::{Actor, Auth, Origin, Scope};
use doorward::config::{Flags, Settings};
use doorward::error::{Error, TokenError};
use doorward::store::{SledStore, StoreOptions, UserChange};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::races::{at_once, count, rounds};
use crate::server::{PASSWORD, with_admin};
use crate::services::payload;

const NEW: &str = "an entirely new one";

async fn start(directory: &tempfile::TempDir) -> Auth {
    let settings = Settings::load(None, &BTreeMap::new(), &Flags::default()).unwrap().settings;
    let store = SledStore::open(&StoreOptions::new(directory.path().join("data"))).unwrap();
    Auth::start(Arc::new(store), settings.policy(false)).await.unwrap()
}

/// Adds an administrator, and logs in.
async fn deputy(auth: &Auth, name: &str) -> Claims {
    let (username, password) = (Username::parse(name).unwrap(), Password::chosen(PASSWORD, None).unwrap());
    auth.add_user(Actor::Local, username, password, vec![Role::admin()]).await.unwrap();
    let pair = auth.login(name, PASSWORD, Origin::default(), Keep::Nothing).await.unwrap().pair;
    *auth.check_access(&pair.access).unwrap()
}

/// Two administrators, and the token of the second.
async fn start_with_a_deputy(directory: &tempfile::TempDir) -> (Auth, Claims) {
    let auth = start(directory).await;
    deputy(&auth, "boss").await;
    let deputy = deputy(&auth, "deputy").await;
    (auth, deputy)
}

async fn set_roles(auth: &Auth, user: UserId, roles: Vec<Role>) {
    auth.change_user(Actor::Local, user, UserChange { roles: Some(roles), ..UserChange::default() }).await.unwrap();
}

/// Polls a future once; the rest of it.
async fn begun<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    let is_pending = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await;
    assert!(is_pending, "done at once");
    future
}

#[tokio::test]
async fn who_was_demoted_while_a_hash_was_waited_for_adds_nobody() {
    let directory = tempfile::TempDir::new().unwrap();
    let (auth, deputy) = start_with_a_deputy(&directory).await;
    let (name, password) = (Username::parse("sneaked").unwrap(), Password::chosen(PASSWORD, None).unwrap());
    // The hash is asked for, and what follows it is not begun.
    let adding = begun(auth.add_user(Actor::Admin(deputy), name.clone(), password, vec![Role::admin()])).await;
    set_roles(&auth, deputy.user, Vec::new()).await;
    assert!(matches!(adding.await, Err(Error::Forbidden)));
    assert!(auth.user_named(Actor::Local, &name).await.unwrap().is_none());
    auth.close().await.unwrap();
}

#[tokio::test]
async fn who_was_logged_out_while_a_hash_was_waited_for_changes_no_password() {
    let directory = tempfile::TempDir::new().unwrap();
    let auth = start(&directory).await;
    let (thief, owner) = (deputy(&auth, "arun").await, auth.login("arun", PASSWORD, Origin::default(), Keep::Nothing).await.unwrap());
    let owner = auth.check_access(&owner.pair.access).unwrap();
    let changing = begun(auth.change_password(&thief, PASSWORD, Zeroizing::new(NEW.to_owned()), Origin::default())).await;
    auth.logout(&owner, Scope::Global).await.unwrap();
    assert!(matches!(changing.await, Err(Error::Token(TokenError::Revoked))));
    let login = async |password| auth.login("arun", password, Origin::default(), Keep::Nothing).await;
    assert!(login(PASSWORD).await.is_ok() && matches!(login(NEW).await, Err(Error::InvalidCredentials)));
    auth.close().await.unwrap();
}

#[tokio::test]
async fn no_token_says_a_role_that_was_taken_away_before_it_was_given() {
    let directory = tempfile::TempDir::new().unwrap();
    let (auth, deputy) = start_with_a_deputy(&directory).await;
    for round in 0..4 {
        set_roles(&auth, deputy.user, vec![Role::admin()]).await;
        let refresh = auth.login("deputy", PASSWORD, Origin::default(), Keep::Nothing).await.unwrap().pair.refresh;
        // Each reads its user, and goes no further until the role is gone.
        let logging_in = begun(auth.login("deputy", PASSWORD, Origin::default(), Keep::Nothing)).await;
        let refreshing = begun(auth.refresh(&refresh, None)).await;
        set_roles(&auth, deputy.user, Vec::new()).await;
        for pair in [logging_in.await.unwrap().pair, refreshing.await.unwrap()] {
            assert_ne!(payload(&pair.access)["roles"], json!(["admin"]), "round {round}");
        }
    }
    auth.close().await.unwrap();
}

#[test]
fn who_is_demoted_or_disabled_does_not_undo_it_with_what_it_asked_for_before() {
    let (server, client, boss) = with_admin();
    client.register("deputy").expect(201);
    let set = |by: &str, change: &Value| server.client().json("PATCH", "/user/2", Some(by), change);
    let as_before = json!({"roles": ["admin"], "disabled": false});
    for round in 0..rounds(5) {
        set(&boss.access, &as_before).expect(200);
        let deputy = client.login("deputy");
        let down = if round % 2 == 0 { json!({"roles": []}) } else { json!({"disabled": true}) };
        let answers = at_once(&server.url, |number, client| {
            if number == 7 {
                return set(&boss.access, &down).expect(200);
            }
            let undo = || client.json("PATCH", "/user/2", Some(&deputy.access), &as_before);
            (0..7).for_each(|_| drop(undo()));
            undo()
        });
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 401 | 403)));
        let user = client.with_token("GET", "/users", &boss.access).expect(200).json()["users"][1].clone();
        for (name, value) in down.as_object().unwrap() {
            assert_eq!(user[name], *value, "{user}");
        }
    }
}

#[test]
fn many_right_logins_at_once_all_get_in_also_when_the_first_replaces_an_imported_hash() {
    let hash = "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE";
    let (server, client, boss) = with_admin();
    for id in 7..7 + rounds(2) {
        let name = format!("arun{id}");
        let row = json!({"users": [{"id": id, "username": name, "password_hash": hash}]});
        client.json("POST", "/import", Some(&boss.access), &row).expect(200);
        let answers = at_once(&server.url, |_, client| client.try_login(&name, "password"));
        assert!(count(&answers, 200) > 0);
        assert_eq!(count(&answers, 200) + count(&answers, 503), answers.len(), "{:?}", answers.iter().find(|answer| answer.status == 401));
    }
    let failed = client.with_token("GET", "/audit?event=login_failed", &boss.access).expect(200).json();
    assert_eq!(failed["events"], json!([]));
}
