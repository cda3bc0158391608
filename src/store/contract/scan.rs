//! What every [`Store`] must find when it looks at all of its records.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{T0, logged_in, named};
use crate::store::{Counts, Store, Which};

contract! {
    a_scan_counts_what_is_there_and_finds_no_fault
    a_scan_finds_no_fault_in_records_that_change_meanwhile
}

async fn a_scan_counts_what_is_there_and_finds_no_fault(store: Arc<dyn Store>) {
    let empty = store.scan().await.unwrap();
    assert_eq!((empty.fault, empty.counts), (None, Counts::default()));
    let (arun, session) = logged_in(&*store, "arun").await;
    logged_in(&*store, "bina").await;
    store.end_sessions(arun.id, Which::One(session.id), None, T0).await.unwrap();
    let scanned = store.scan().await.unwrap();
    assert_eq!((scanned.fault, scanned.counts), (None, Counts { users: 2, sessions: 1, revocations: 1 }));
}

async fn a_scan_finds_no_fault_in_records_that_change_meanwhile(store: Arc<dyn Store>) {
    let (over, writing) = (Arc::new(AtomicBool::new(false)), Arc::clone(&store));
    let stop = Arc::clone(&over);
    let writer = tokio::spawn(async move {
        for number in 0.. {
            let (user, _) = logged_in(&*writing, &format!("user-{number}")).await;
            if number % 2 == 0 {
                writing.delete_user(user.id, T0).await.unwrap();
            }
            if stop.load(Ordering::SeqCst) {
                return number;
            }
        }
        0
    });
    for _ in 0..20 {
        assert_eq!(store.scan().await.unwrap().fault, None);
    }
    over.store(true, Ordering::SeqCst);
    writer.await.unwrap();
    store.insert_user(named("last")).await.unwrap();
    assert_eq!(store.scan().await.unwrap().fault, None);
}
