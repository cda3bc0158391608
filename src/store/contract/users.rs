//! What every [`Store`] must do about users, and once it is closed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;

use super::{T0, admin, claims, logged_in, named};
use crate::auth::user::{Role, User, UserId, Username};
use crate::error::Error;
use crate::store::{NewUser, StorageError, Store, UserChange};

contract! {
    a_user_reads_back_as_it_was_inserted
    of_64_who_want_one_name_exactly_one_gets_it
    a_name_is_free_again_after_its_user_is_deleted_but_the_id_never
    users_come_in_order_page_by_page
    a_change_changes_what_it_names_and_nothing_else
    the_last_admin_who_can_act_stays
    after_the_close_nothing_is_written
}

async fn a_user_reads_back_as_it_was_inserted(store: Arc<dyn Store>) {
    let new = NewUser { claims: claims(serde_json::json!({"team": "blue"})), ..admin("arun") };
    let user = store.insert_user(new).await.unwrap();
    assert_eq!(user.id, UserId::new(1));
    assert_eq!(store.user(user.id).await.unwrap().as_ref(), Some(&user));
    assert_eq!(store.user_named(&user.username).await.unwrap().as_ref(), Some(&user));
    assert_eq!((user.roles, user.disabled, user.created), (vec![Role::admin()], false, T0));
    assert_eq!(user.claims.as_map()["team"], "blue");
    assert!(store.live().standing(user.id).unwrap().is_active_admin());
    assert_eq!(store.user(UserId::new(2)).await.unwrap(), None);
    assert_eq!(store.user_named(&Username::parse("aru").unwrap()).await.unwrap(), None);
    assert_eq!(store.live().standing(UserId::new(2)), None);
}

async fn of_64_who_want_one_name_exactly_one_gets_it(store: Arc<dyn Store>) {
    let tries: Vec<_> = (0..64)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.insert_user(named("arun")).await })
        })
        .collect();
    let mut won = Vec::new();
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(user) => won.push(user),
            Err(refused) => assert!(matches!(refused, Error::UsernameTaken), "{refused}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(store.users(None, 100).await.unwrap(), won);
    assert_eq!(store.live().user_count(), 1);
}

async fn a_name_is_free_again_after_its_user_is_deleted_but_the_id_never(store: Arc<dyn Store>) {
    let mut last = UserId::new(0);
    for _ in 0..5 {
        let user = store.insert_user(named("arun")).await.unwrap();
        assert!(user.id > last);
        last = user.id;
        assert!(store.delete_user(user.id, T0).await.unwrap());
        assert!(!store.delete_user(user.id, T0).await.unwrap());
        assert_eq!(store.user(user.id).await.unwrap(), None);
        assert_eq!(store.live().standing(user.id), None);
    }
}

async fn users_come_in_order_page_by_page(store: Arc<dyn Store>) {
    for number in 0..7 {
        store.insert_user(named(&format!("user{number}"))).await.unwrap();
    }
    store.delete_user(UserId::new(3), T0).await.unwrap();
    let page = async |after: Option<u64>, limit| {
        let users = store.users(after.map(UserId::new), limit).await.unwrap();
        users.into_iter().map(|user| user.id.get()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 3).await, [1, 2, 4]);
    assert_eq!(page(Some(4), 3).await, [5, 6, 7]);
    assert_eq!(page(Some(2), 1).await, [4]);
    assert_eq!(page(Some(7), 3).await, [0; 0]);
    assert_eq!(page(Some(u64::MAX), 3).await, [0; 0]);
    assert_eq!(page(None, 0).await, [0; 0]);
}

async fn a_change_changes_what_it_names_and_nothing_else(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let editor = vec![Role::try_from("editor".to_owned()).unwrap()];
    let changed =
        store.change_user(user.id, UserChange { roles: Some(editor.clone()), ..UserChange::default() }, T0).await.unwrap().unwrap();
    assert_eq!(changed, User { roles: editor.clone(), ..user.clone() });
    let blue = claims(serde_json::json!({"team": "blue"}));
    let changed =
        store.change_user(user.id, UserChange { claims: Some(blue.clone()), ..UserChange::default() }, T0).await.unwrap().unwrap();
    assert_eq!(changed, User { roles: editor.clone(), claims: blue, ..user.clone() });
    assert_eq!(store.user(user.id).await.unwrap(), Some(changed.clone()));
    assert_eq!(store.change_user(user.id, UserChange::default(), T0).await.unwrap(), Some(changed));
    assert_eq!(store.live().standing(user.id).unwrap().roles, editor);
    assert_eq!(store.change_user(UserId::new(9), UserChange::default(), T0).await.unwrap(), None);
}

async fn the_last_admin_who_can_act_stays(store: Arc<dyn Store>) {
    let first = store.insert_user(admin("first")).await.unwrap().id;
    let second = store.insert_user(admin("second")).await.unwrap().id;
    let demoted = UserChange { roles: Some(Vec::new()), ..UserChange::default() };
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    let enabled = UserChange { disabled: Some(false), ..UserChange::default() };
    store.change_user(first, disabled.clone(), T0).await.unwrap();
    for change in [&demoted, &disabled] {
        let refused = store.change_user(second, change.clone(), T0).await.unwrap_err();
        assert!(matches!(refused, Error::LastAdmin), "{refused}");
    }
    assert!(matches!(store.delete_user(second, T0).await.unwrap_err(), Error::LastAdmin));
    assert!(store.live().standing(second).unwrap().is_active_admin());
    // One who cannot act does not count, and may go.
    store.change_user(first, demoted.clone(), T0).await.unwrap();
    store.change_user(first, UserChange { roles: Some(vec![Role::admin()]), ..enabled }, T0).await.unwrap();
    store.change_user(second, demoted, T0).await.unwrap();
    assert!(store.delete_user(second, T0).await.unwrap());
    assert!(matches!(store.delete_user(first, T0).await.unwrap_err(), Error::LastAdmin));
}

async fn after_the_close_nothing_is_written(store: Arc<dyn Store>) {
    logged_in(&*store, "arun").await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    let refused = store.insert_user(named("bina")).await.unwrap_err();
    assert!(matches!(refused, Error::Storage(StorageError::Stopped)), "{refused}");
    assert!(store.users(None, 1).await.is_err());
    assert!(store.failed().borrow().is_none());
}
