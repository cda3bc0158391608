//! What every [`Store`] must do about the first administrator.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;

use super::{T0, named};
use crate::auth::user::Role;
use crate::error::Error;
use crate::store::{NewUser, Store, UserChange};

contract! {
    the_first_administrator_is_made_only_while_there_is_none
    of_64_who_would_be_the_first_administrator_exactly_one_is
}

fn admin(name: &str) -> NewUser {
    NewUser { roles: vec![Role::admin()], ..named(name) }
}

async fn the_first_administrator_is_made_only_while_there_is_none(store: Arc<dyn Store>) {
    let arun = store.insert_user(named("arun")).await.unwrap();
    assert!(matches!(store.insert_first_admin(admin("arun")).await, Err(Error::UsernameTaken)));
    let boss = store.insert_first_admin(admin("boss")).await.unwrap().unwrap();
    assert_eq!(store.user(boss.id).await.unwrap(), Some(boss.clone()));
    assert!(store.live().standing(boss.id).unwrap().is_active_admin());
    assert_eq!(store.insert_first_admin(admin("mira")).await.unwrap(), None);
    assert_eq!(store.insert_first_admin(admin("boss")).await.unwrap(), None);
    let change = UserChange { roles: Some(vec![Role::admin()]), ..UserChange::default() };
    store.change_user(arun.id, change, T0).await.unwrap();
    assert!(store.delete_user(boss.id, T0).await.unwrap());
    assert_eq!(store.insert_first_admin(admin("mira")).await.unwrap(), None);
    assert_eq!(store.live().user_count(), 1);
}

async fn of_64_who_would_be_the_first_administrator_exactly_one_is(store: Arc<dyn Store>) {
    let tries: Vec<_> = (0..64)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.insert_first_admin(admin(&format!("user{number}"))).await.unwrap() })
        })
        .collect();
    let mut made = Vec::new();
    for attempt in tries {
        made.extend(attempt.await.unwrap());
    }
    assert_eq!(made.len(), 1);
    assert_eq!(store.users(None, 100).await.unwrap(), made);
}
