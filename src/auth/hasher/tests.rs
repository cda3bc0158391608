use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc;

use super::argon2id::{ALWAYS_MAPPED_BLOCKS, Memory, hash_with};
use super::*;
use crate::error::Error;

const SMALL: Cost = Cost { memory_kib: 64, iterations: 1, lanes: 1 };

fn password(typed: &str) -> Password {
    Password::presented(typed).unwrap()
}

fn typed(typed: &str) -> Option<Typed> {
    Typed::new(typed)
}

#[tokio::test]
async fn the_right_password_is_right_and_others_are_wrong() {
    let hasher = Hasher::start(1, SMALL).unwrap();
    let hash = hasher.hash(password("securepassword")).await.unwrap();
    assert_eq!(hasher.verify(typed("securepassword"), Some(&hash)).await.unwrap(), Verdict::Right(None));
    assert_eq!(hasher.verify(typed("Securepassword"), Some(&hash)).await.unwrap(), Verdict::Wrong);
    assert_eq!(hasher.verify(None, Some(&hash)).await.unwrap(), Verdict::Wrong);
    assert_eq!(hasher.verify(typed("a password nobody has"), None).await.unwrap(), Verdict::Wrong);
}

#[tokio::test]
async fn a_cheaper_hash_is_replaced_at_the_next_login() {
    let cheap = Hasher::start(1, SMALL).unwrap().hash(password("securepassword")).await.unwrap();
    let hasher = Hasher::start(1, Cost { iterations: 2, ..SMALL }).unwrap();
    let Verdict::Right(Some(better)) = hasher.verify(typed("securepassword"), Some(&cheap)).await.unwrap() else {
        panic!("no better hash")
    };
    assert!(better.as_phc().contains("t=2"));
    assert_eq!(hasher.verify(typed("securepassword"), Some(&better)).await.unwrap(), Verdict::Right(None));
}

#[tokio::test]
async fn a_wrong_password_costs_the_same_whatever_the_stored_hash_did() {
    let cheap = Hasher::start(1, SMALL).unwrap().hash(password("securepassword")).await.unwrap();
    let today = Cost { memory_kib: 4096, iterations: 3, lanes: 1 };
    let hasher = Hasher::start(1, today).unwrap();
    let mut memory = Memory::default();
    let wrong = Work::Verify(typed("Securepassword"), cheap);
    assert!(matches!(hasher.pool.worker.work(wrong, &mut memory), Ok(Done::Verified(Verdict::Wrong))));
    // What was written besides the stored hash's own 64 KiB, three times over.
    let written = memory.0.iter().filter(|block| block.as_ref().iter().any(|word| *word != 0)).count();
    assert!((4070..=4096).contains(&written), "{written} KiB");
}

#[test]
fn what_a_cheaper_hash_lacks_is_the_difference_in_work() {
    let costs = [(19_456, 2), (19_456, 3), (65_536, 2), (65_536, 3), (262_144, 16)];
    let costs = costs.map(|(memory_kib, iterations)| Cost { memory_kib, iterations, lanes: 1 });
    for (cheap, today) in costs.iter().zip(&costs[1..]) {
        let rest = cheap.lacks(*today).unwrap();
        assert!((today.work() - 16..=today.work()).contains(&(cheap.work() + rest.work())), "{rest:?}");
        assert!(rest.argon2().is_ok() && rest.memory_kib <= today.memory_kib);
        assert_eq!((today.lacks(*today), today.lacks(*cheap)), (None, None));
    }
}

#[tokio::test]
async fn our_hashes_are_those_of_the_argon2_crate() {
    use argon2::PasswordVerifier as _;
    let hash = Hasher::start(1, Cost::OWASP).unwrap().hash(password("securepassword")).await.unwrap();
    let parsed = phc::PasswordHash::new(hash.as_phc()).unwrap();
    assert!(Argon2::default().verify_password(b"securepassword", &parsed).is_ok());
}

#[tokio::test]
async fn who_would_wait_too_long_is_refused_at_once_and_hanging_up_makes_no_room() {
    let hasher = Hasher::start(1, SMALL).unwrap();
    let set = |threads, job_time| {
        let mut queue = hasher.pool.lock();
        (queue.threads, queue.job_time) = (threads, job_time);
    };
    // As if one were at work: the estimate alone decides.
    set(1, Duration::from_secs(3));
    let refused = hasher.hash(password("securepassword")).await.unwrap_err();
    assert!(matches!(refused, Error::Overloaded { .. }), "{refused:?}");
    set(0, Duration::from_millis(1));
    assert!(hasher.hash(password("securepassword")).await.is_ok());
}

#[tokio::test]
async fn a_thread_begins_when_it_is_needed_and_ends_when_nobody_came() {
    let hasher = Hasher::start(4, SMALL).unwrap();
    assert_eq!(hasher.pool.lock().threads, 0);
    hasher.hash(password("securepassword")).await.unwrap();
    hasher.hash(password("securepassword")).await.unwrap();
    let begun = hasher.pool.lock().threads;
    assert!((1..=2).contains(&begun), "{begun} threads for one job at a time");
    // What a thread does that has no job.
    assert!(hasher.pool.next(&mut Memory::default(), Duration::ZERO).is_none());
    assert_eq!(hasher.pool.lock().threads, begun - 1);
}

#[test]
fn working_memory_holds_nothing_after_it_was_wiped() {
    let mut memory = Memory::default();
    hash_with(&SMALL.argon2().unwrap(), SMALL, "securepassword", &[7; SALT_BYTES], &mut memory).unwrap();
    let is_blank = |memory: &Memory| memory.0.iter().all(|block| block.as_ref().iter().all(|word| *word == 0));
    assert!(!memory.0.is_empty() && !is_blank(&memory));
    memory.wipe();
    assert!(is_blank(&memory));
}

#[tokio::test]
async fn a_stored_hash_that_costs_too_much_is_not_computed() {
    let hasher = Hasher::start(1, SMALL).unwrap();
    let hash =
        PasswordHash::from_phc("$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into());
    assert!(matches!(hasher.verify(typed("securepassword"), Some(&hash)).await, Err(Error::Crypto { .. })));
}

#[tokio::test]
async fn a_hash_of_another_program_is_replaced_at_the_next_login() {
    let hasher = Hasher::start(1, SMALL).unwrap();
    let hash = "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE";
    let hash = PasswordHash::foreign(hash).unwrap();
    assert_eq!(hasher.verify(typed("Password"), Some(&hash)).await.unwrap(), Verdict::Wrong);
    let Verdict::Right(Some(ours)) = hasher.verify(typed("password"), Some(&hash)).await.unwrap() else { panic!("not replaced") };
    assert_eq!(ours.scheme(), None);
    assert_eq!(hasher.verify(typed("password"), Some(&ours)).await.unwrap(), Verdict::Right(None));
}

#[tokio::test]
async fn a_password_that_has_no_form_of_ours_goes_on_with_the_imported_hash() {
    // As argon2-cffi makes it: salt "somesaltsalt".
    let with_control = "tab\there99";
    let mut memory = Memory::default();
    let ours = hash_with(&SMALL.argon2().unwrap(), SMALL, with_control, b"somesaltsalt", &mut memory).unwrap();
    let hash = PasswordHash::foreign(ours.as_phc()).unwrap();
    let hasher = Hasher::start(1, SMALL).unwrap();
    assert_eq!(hasher.verify(typed(with_control), Some(&hash)).await.unwrap(), Verdict::Right(None));
    assert_eq!(hasher.verify(typed(with_control), Some(&ours)).await.unwrap(), Verdict::Wrong);
}

#[test]
fn a_wrong_password_takes_the_rest_of_the_usual_time_beside_a_cheaper_foreign_hash() {
    let whole = Duration::from_millis(20);
    let left = |spent| Cost::OWASP.share(Duration::from_millis(spent), whole).map(|cost| cost.memory_kib);
    assert_eq!((left(0), left(5), left(20), left(90)), (Some(19_456), Some(14_592), None, None));
}

#[tokio::test]
async fn the_usual_time_is_known_from_checks_as_from_hashes() {
    let hasher = Hasher::start(1, SMALL).unwrap();
    let known = || hasher.pool.worker.hash_time.lock().unwrap().is_some();
    let imported = PasswordHash::foreign("$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE").unwrap();
    // Nothing is known yet, and the whole of a hash is made.
    assert_eq!(hasher.verify(typed("Password"), Some(&imported)).await.unwrap(), Verdict::Wrong);
    assert!(!known());
    // Of a user that is not there.
    assert_eq!(hasher.verify(typed("Password"), None).await.unwrap(), Verdict::Wrong);
    assert!(known());
    let other = Hasher::start(1, SMALL).unwrap();
    other.hash(password("securepassword")).await.unwrap();
    assert!(other.pool.worker.hash_time.lock().unwrap().is_some());
}

#[tokio::test]
async fn what_a_dear_hash_of_another_program_took_is_given_back_at_once() {
    let hasher = Hasher::start(1, SMALL).unwrap();
    let (dear, mut memory) = (Cost { memory_kib: 64 * 1024, ..SMALL }, Memory::default());
    let ours = hash_with(&dear.argon2().unwrap(), dear, "securepassword", b"somesaltsalt", &mut memory).unwrap();
    let hash = PasswordHash::foreign(ours.as_phc()).unwrap();
    for password in ["securepassword", "not the one"] {
        hasher.pool.worker.verify_foreign(&typed(password).unwrap(), &hash, &mut memory).unwrap();
        assert!(memory.0.len() <= 64 && memory.0.capacity() <= ALWAYS_MAPPED_BLOCKS, "{password}: {} KiB", memory.0.capacity());
    }
}
