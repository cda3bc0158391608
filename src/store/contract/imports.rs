//! What every [`Store`] must do about users of another program.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;

use super::{T0, hash, named};
use crate::auth::user::{CustomClaims, User, UserId, Username};
use crate::store::{Imported, ImportedUser, Standing, Store};

contract! {
    an_imported_user_keeps_its_id_and_later_ones_count_on_above
    an_import_that_is_repeated_changes_nothing
    an_id_or_a_name_of_somebody_else_is_not_taken_over
    an_id_of_a_deleted_user_is_never_imported_again
    a_trial_says_what_would_be_and_keeps_nothing
}

fn theirs(id: u64, name: &str) -> ImportedUser {
    ImportedUser { id: UserId::new(id), username: Username::parse(name).unwrap(), password: hash("theirs"), created: T0 }
}

async fn import(store: &dyn Store, users: &[(u64, &str)]) -> Vec<Imported> {
    store.import_users(users.iter().map(|(id, name)| theirs(*id, name)).collect(), true).await.unwrap()
}

async fn an_imported_user_keeps_its_id_and_later_ones_count_on_above(store: Arc<dyn Store>) {
    assert_eq!(import(store.as_ref(), &[(7, "arun"), (3, "mira")]).await, [Imported::Added; 2]);
    let ImportedUser { id, username, password, created } = theirs(7, "arun");
    let arun = User { id, username, password, roles: Vec::new(), claims: CustomClaims::default(), disabled: false, created };
    assert_eq!(store.user(id).await.unwrap(), Some(arun.clone()));
    assert_eq!(store.user_named(&arun.username).await.unwrap(), Some(arun));
    assert_eq!(*store.live().standing(id).unwrap(), Standing::default());
    assert_eq!(store.live().user_count(), 2);
    assert_eq!(store.insert_user(named("newcomer")).await.unwrap().id, UserId::new(8));
    // What was left out before may come later, below.
    assert_eq!(import(store.as_ref(), &[(5, "late")]).await, [Imported::Added]);
    assert_eq!(store.insert_user(named("another")).await.unwrap().id, UserId::new(9));
}

async fn an_import_that_is_repeated_changes_nothing(store: Arc<dyn Store>) {
    import(store.as_ref(), &[(1, "arun")]).await;
    store.change_password(UserId::new(1), hash("theirs"), hash("ours"), None, T0).await.unwrap();
    assert_eq!(import(store.as_ref(), &[(1, "arun"), (2, "mira")]).await, [Imported::Present, Imported::Added]);
    assert_eq!(store.user(UserId::new(1)).await.unwrap().unwrap().password, hash("ours"));
}

async fn an_id_or_a_name_of_somebody_else_is_not_taken_over(store: Arc<dyn Store>) {
    let boss = store.insert_user(named("boss")).await.unwrap();
    let outcome = import(store.as_ref(), &[(1, "arun"), (2, "boss"), (3, "mira"), (3, "other"), (4, "mira")]).await;
    let mira = Imported::NameTaken(UserId::new(3));
    assert_eq!(outcome, [Imported::IdTaken, Imported::NameTaken(boss.id), Imported::Added, Imported::IdTaken, mira]);
    assert_eq!(store.user(boss.id).await.unwrap(), Some(boss));
    assert_eq!(store.users(None, 10).await.unwrap().len(), 2);
}

async fn an_id_of_a_deleted_user_is_never_imported_again(store: Arc<dyn Store>) {
    import(store.as_ref(), &[(1, "arun"), (4, "mira")]).await;
    store.delete_user(UserId::new(1), T0).await.unwrap();
    assert_eq!(import(store.as_ref(), &[(1, "arun"), (4, "mira")]).await, [Imported::IdSpent, Imported::Present]);
    assert_eq!(store.user(UserId::new(1)).await.unwrap(), None);
    assert!(store.live().standing(UserId::new(1)).is_none());
}

async fn a_trial_says_what_would_be_and_keeps_nothing(store: Arc<dyn Store>) {
    import(store.as_ref(), &[(1, "arun")]).await;
    let outcome = store.import_users(vec![theirs(1, "arun"), theirs(9, "mira"), theirs(8, "arun")], false).await.unwrap();
    assert_eq!(outcome, [Imported::Present, Imported::Added, Imported::NameTaken(UserId::new(1))]);
    assert_eq!(store.users(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.insert_user(named("newcomer")).await.unwrap().id, UserId::new(2));
}
