//! Who must wait, with the time passed in.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::count::Admission;
use super::*;

const LIMITS: Limits = Limits { on: true, failures_per_address: 50, registrations_per_address: 20, loopback_too: false };

pub(super) fn throttle() -> Throttle {
    Throttle::new(LIMITS).unwrap()
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) fn ip(text: &str) -> ClientAddress {
    text.parse::<IpAddr>().unwrap().into()
}

/// The `number`th of many addresses, each in a network of its own.
pub(super) fn nth(number: u32) -> ClientAddress {
    IpAddr::from((0x0a00_0000 + number).to_be_bytes()).into()
}

/// A guess at `now`; whether it was judged.
pub(super) fn guess(throttle: &Throttle, name: &str, address: ClientAddress, outcome: Outcome, now: Duration) -> bool {
    let (at, around) = (throttle.place(name, Some(address)).unwrap(), Rule::address(throttle.limits.failures_per_address));
    let mut tables = throttle.tables();
    let is_home = tables.seen.find(&(at.name, at.network)).is_some();
    match tables.admission(at, around, now) {
        Ok(Admission::Now) => {
            tables.begin(at, around, now);
            tables.settle(at, around, outcome, None, now);
        }
        Err(Refusal::Around(_)) if is_home && tables.begin_at_home(at, now) => drop(tables.settle_at_home(at, outcome, None, now)),
        _ => return false,
    }
    true
}

/// How many of `times` wrong guesses are judged.
pub(super) fn wrong(throttle: &Throttle, name: &str, address: ClientAddress, times: usize, now: Duration) -> usize {
    (0..times).filter(|_| guess(throttle, name, address, Outcome::Wrong, now)).count()
}

#[test]
fn five_guesses_at_a_user_from_one_address_are_judged_and_another_user_or_address_is_not_affected() {
    let throttle = throttle();
    assert_eq!(wrong(&throttle, "arun", ip("192.0.2.1"), 9, secs(0)), 5);
    assert_eq!(wrong(&throttle, "arun", ip("192.0.2.2"), 9, secs(0)), 5);
    assert_eq!(wrong(&throttle, "berta", ip("192.0.2.1"), 9, secs(0)), 5);
    assert_eq!(wrong(&throttle, "arun", ip("192.0.2.1"), 9, secs(1)), 1);
}

#[test]
fn a_name_is_the_same_however_it_is_spelled_and_a_64_bit_network_is_one_address() {
    let throttle = throttle();
    assert_eq!(wrong(&throttle, "arun", ip("2001:db8::1"), 3, secs(0)), 3);
    assert_eq!(wrong(&throttle, "ＡRUN", ip("2001:db8::ffff:2"), 3, secs(0)), 2);
    assert_eq!(wrong(&throttle, "arun", ip("2001:db8:0:1::1"), 9, secs(0)), 5);
    assert_eq!(wrong(&throttle, "not a \0 name", ip("2001:db8::1"), 9, secs(0)), 5);
    assert_eq!(wrong(&throttle, "arun", ip("::ffff:192.0.2.1"), 3, secs(0)), 3);
    assert_eq!(wrong(&throttle, "arun", ip("192.0.2.1"), 3, secs(0)), 2);
}

#[test]
fn e6_one_address_that_tries_many_users_is_stopped_after_fifty_failures_for_ten_minutes() {
    let throttle = throttle();
    let spray = |now| (0..10_000).filter(|user| guess(&throttle, &format!("user{user}"), nth(1), Outcome::Wrong, now)).count();
    assert_eq!((spray(secs(0)), spray(secs(599)), spray(secs(600))), (50, 0, 50));
    assert_eq!(wrong(&throttle, "arun", nth(2), 1, secs(0)), 1, "another address");
}

#[test]
fn a_right_password_clears_the_pair_but_neither_the_address_nor_the_user() {
    let throttle = throttle();
    for _ in 0..10 {
        assert_eq!(wrong(&throttle, "mallory", nth(1), 4, secs(0)), 4);
        assert!(guess(&throttle, "mallory", nth(1), Outcome::Right, secs(0)));
    }
    assert_eq!(wrong(&throttle, "arun", nth(1), 50, secs(0)), 5, "45 by now");
    assert_eq!(wrong(&throttle, "berta", nth(1), 50, secs(0)), 5);
    assert_eq!(wrong(&throttle, "carla", nth(1), 50, secs(0)), 0, "the right ones in between have cleared the address");
}

#[test]
fn e5_a_user_that_is_tried_from_everywhere_waits_but_not_where_it_has_logged_in_before() {
    let throttle = throttle();
    let home = ip("192.0.2.1");
    assert!(guess(&throttle, "arun", home, Outcome::Right, secs(0)));
    let judged: usize = (0..100).map(|number| wrong(&throttle, "arun", nth(number), 5, secs(1))).sum();
    assert_eq!(judged, 100);
    assert_eq!(wrong(&throttle, "arun", nth(200), 1, secs(1)), 0);
    assert!(!guess(&throttle, "arun", nth(200), Outcome::Right, secs(1)));
    assert!(guess(&throttle, "arun", home, Outcome::Wrong, secs(1)), "the owner mistypes");
    assert!(guess(&throttle, "arun", home, Outcome::Right, secs(1)));
    assert!(!guess(&throttle, "arun", nth(200), Outcome::Right, secs(1)), "the owner has cleared the others' failures");
    assert!(guess(&throttle, "arun", nth(200), Outcome::Right, secs(3)), "one gets in after the wait");
    assert!(guess(&throttle, "berta", nth(200), Outcome::Wrong, secs(1)));
}

#[test]
fn the_owner_gets_in_from_an_address_where_somebody_else_sprays() {
    let throttle = throttle();
    let office = ip("192.0.2.1");
    assert!(guess(&throttle, "arun", office, Outcome::Right, secs(0)));
    (0..60).for_each(|user| _ = guess(&throttle, &format!("user{user}"), office, Outcome::Wrong, secs(0)));
    assert!(!guess(&throttle, "berta", office, Outcome::Right, secs(0)));
    assert!(guess(&throttle, "arun", office, Outcome::Right, secs(0)));
    assert_eq!(wrong(&throttle, "arun", office, 9, secs(0)), 5, "it is no way around for who guesses at the owner's");
}

#[test]
fn what_was_not_judged_counts_for_nothing() {
    let throttle = throttle();
    assert!((0..200).all(|_| guess(&throttle, "arun", nth(1), Outcome::Void, secs(0))));
    assert_eq!(wrong(&throttle, "arun", nth(1), 9, secs(0)), 5);
    assert!((0..500).all(|_| !guess(&throttle, "arun", nth(1), Outcome::Wrong, secs(0))));
    assert_eq!(wrong(&throttle, "arun", nth(1), 9, secs(1)), 1, "the refused ones have prolonged the wait");
}

#[test]
fn this_machine_is_exempt_from_the_limits_of_addresses_unless_a_proxy_runs_on_it() {
    let throttle = throttle();
    for here in [ip("127.0.0.1"), ip("::1"), ip("::ffff:127.0.0.5")] {
        assert_eq!((0..200).filter(|user| guess(&throttle, &format!("user{user}"), here, Outcome::Wrong, secs(0))).count(), 200);
        assert!((0..99).all(|_| throttle.register(Some(here), secs(0)).is_ok()));
        assert!((0..99).all(|_| throttle.fail(Kind::Code, Some(here), secs(0)).is_ok()));
    }
    assert_eq!(wrong(&throttle, "arun", ip("127.0.0.1"), 9, secs(0)), 5);
    let forwarded = |ip: ClientAddress| Some(ClientAddress { forwarded: true, ..ip });
    assert_eq!((0..99).filter(|_| throttle.register(forwarded(ip("127.0.0.1")), secs(0)).is_ok()).count(), 20);
    let behind_a_proxy = Throttle::new(Limits { loopback_too: true, ..LIMITS }).unwrap();
    assert_eq!((0..99).filter(|_| behind_a_proxy.register(Some(ip("::1")), secs(0)).is_ok()).count(), 20);
}

#[test]
fn twenty_users_register_from_an_address_in_an_hour_and_what_came_to_nothing_is_taken_back() {
    let throttle = throttle();
    let register = |address, now| throttle.register(Some(address), now).is_ok();
    assert_eq!((0..99).filter(|_| register(nth(1), secs(0))).count(), 20);
    assert!(register(nth(2), secs(0)) && !register(nth(1), secs(3599)));
    throttle.unregister(Some(nth(1)));
    assert!(register(nth(1), secs(3599)) && !register(nth(1), secs(3599)));
    assert!(register(nth(1), secs(3600)));
}

#[test]
fn who_registers_a_name_that_was_tried_before_need_not_wait_and_is_at_home_there() {
    let throttle = throttle();
    for number in 0..20 {
        assert_eq!(wrong(&throttle, "arun", nth(number), 5, secs(0)), 5);
    }
    throttle.welcome(&Username::parse("arun").unwrap(), Some(nth(1)));
    assert_eq!(wrong(&throttle, "arun", nth(0), 9, secs(0)), 0);
    for number in 20..40 {
        wrong(&throttle, "arun", nth(number), 5, secs(0));
    }
    assert_eq!(wrong(&throttle, "arun", nth(40), 9, secs(0)), 0);
    assert_eq!(wrong(&throttle, "arun", nth(1), 9, secs(0)), 5);
}

#[test]
fn each_kind_of_failure_has_a_limit_of_its_own() {
    let throttle = throttle();
    for kind in [Kind::Code, Kind::Token, Kind::ServiceKey] {
        let counted = (0..99).map(|_| throttle.fail(kind, Some(nth(1)), secs(0)));
        let counted: Vec<_> = counted.collect();
        assert_eq!(counted.iter().filter(|one| one.is_ok()).count(), 50, "{kind:?}");
        assert_eq!(counted.iter().flatten().flatten().count(), 1, "a block of {kind:?} begins once");
        assert!(matches!(counted[98], Err(Error::Throttled { retry_after }) if retry_after == secs(600)));
    }
    assert_eq!(wrong(&throttle, "arun", nth(1), 1, secs(0)), 1);
}

#[test]
fn blocks_are_listed_with_their_ends_and_gone_when_they_are_over_or_the_user_is_unlocked() {
    let throttle = throttle();
    for number in 0..20 {
        wrong(&throttle, "arun", nth(number), 5, secs(0));
    }
    wrong(&throttle, "berta", nth(1), 5, secs(0));
    let blocks = throttle.blocks(secs(0));
    assert_eq!(blocks.len(), 22);
    assert_eq!(blocks.iter().filter(|block| block.scope == Scope::User && block.network.is_none() && block.failures == 100).count(), 1);
    assert!(blocks.iter().all(|block| block.left == secs(1)));
    assert_eq!(throttle.blocks(secs(1)), []);
    throttle.forgive(&Username::parse("arun").unwrap());
    let left = throttle.blocks(secs(0));
    assert!(matches!(left[..], [Block { scope: Scope::UserAtAddress, failures: 5, .. }]), "{left:?}");
    assert_eq!(wrong(&throttle, "arun", nth(1), 9, secs(0)), 5);
}

/// How many of `times` wrong guesses at the current password are judged.
fn wrong_of(throttle: &Throttle, holder: Holder, times: usize, now: Duration) -> usize {
    let mut tables = throttle.tables();
    let guess = |_: &usize| {
        let judged = tables.admission_of(holder, now) == Ok(Admission::Now);
        if judged {
            tables.holders.entry(holder, now).begin();
            tables.settle_of(holder, Outcome::Wrong, None, now);
        }
        judged
    };
    (0..times).filter(guess).count()
}

#[test]
fn the_guesses_of_one_session_at_the_current_password_count_against_no_other_and_not_against_the_user() {
    let throttle = throttle();
    let arun = Username::parse("arun").unwrap();
    let [one, other] = [1, 2].map(|id| Holder::new(throttle.name("arun"), id));
    assert_eq!([0, 1, 3].map(|now| wrong_of(&throttle, one, 99, secs(now))), [5, 1, 1]);
    assert_eq!(wrong_of(&throttle, other, 99, secs(3)), 5);
    assert_eq!(wrong(&throttle, "arun", nth(1), 9, secs(3)), 5);
    assert_eq!(throttle.blocks(secs(3)).iter().filter(|block| block.scope == Scope::Session).count(), 2);
    throttle.forgive(&arun);
    assert_eq!(wrong_of(&throttle, one, 99, secs(3)), 5);
}

#[test]
fn switched_off_nobody_waits() {
    let throttle = Throttle::new(Limits { on: false, ..LIMITS }).unwrap();
    assert!(throttle.place("arun", Some(nth(1))).is_none());
    assert!((0..99).all(|_| throttle.register(Some(nth(1)), secs(0)).is_ok() && throttle.fail(Kind::Token, Some(nth(1)), secs(0)).is_ok()));
    let on = Throttle::new(LIMITS).unwrap();
    assert!(on.place("arun", None).is_none(), "the command line");
}

#[tokio::test]
async fn who_hangs_on_attempts_under_way_waits_for_them_and_is_let_in_when_they_are_right() {
    let throttle = std::sync::Arc::new(throttle());
    let at = throttle.place("arun", Some(nth(1))).unwrap();
    let mut under_way = Vec::new();
    for _ in 0..5 {
        under_way.push(throttle.guess(at).await.unwrap());
    }
    let sixth = tokio::spawn({
        let throttle = std::sync::Arc::clone(&throttle);
        async move { throttle.guess(at).await }
    });
    tokio::task::yield_now().await;
    assert!(!sixth.is_finished());
    throttle.settle(under_way.pop().unwrap(), Outcome::Right, None);
    let sixth = sixth.await.unwrap().unwrap();
    for guess in under_way.into_iter().chain([sixth]) {
        throttle.settle(guess, Outcome::Wrong, None);
    }
    assert!(matches!(throttle.guess(at).await, Err(Refusal::Pair(_))));
}

#[tokio::test]
async fn who_would_wait_too_long_for_attempts_under_way_is_sent_away() {
    let throttle = throttle();
    let at = throttle.place("arun", Some(nth(1))).unwrap();
    let mut under_way = Vec::new();
    for _ in 0..5 {
        under_way.push(throttle.guess(at).await.unwrap());
    }
    assert_eq!(throttle.guess(at).await.unwrap_err(), Refusal::Busy(secs(2)));
    let _all = throttle.waiting.acquire_many(256).await.unwrap();
    let began = Instant::now();
    assert_eq!(throttle.guess(at).await.unwrap_err(), Refusal::Busy(secs(2)));
    assert!(began.elapsed() < secs(2), "who finds no place waits all the same");
}

#[test]
fn e7_any_number_of_names_and_addresses_takes_a_fixed_room_and_do_not_push_out_who_has_failed_often() {
    let throttle = throttle();
    let victim = ip("192.0.2.1");
    assert_eq!(wrong(&throttle, "arun", victim, 5, secs(0)), 5);
    // Three times what there is room for; the table's own test takes a million.
    for number in 0..200_000_u32 {
        let address = IpAddr::from(Ipv6Addr::from(u128::from(number) << 64 | 0x2001 << 112));
        let mut name = Name::default();
        name[..4].copy_from_slice(&number.to_be_bytes());
        let at = Place { name, network: address.into(), limited: true };
        let mut tables = throttle.tables();
        tables.begin(at, Rule::address(50), secs(0));
        tables.settle(at, Rule::address(50), Outcome::Wrong, None, secs(0));
        drop(tables);
        let _ = (throttle.register(Some(address.into()), secs(0)), throttle.fail(Kind::Token, Some(address.into()), secs(0)));
    }
    assert_eq!(wrong(&throttle, "arun", victim, 1, secs(0)), 0);
    let tables = throttle.tables();
    assert_eq!([tables.pairs.iter().count(), tables.users.iter().count(), tables.addresses.iter().count()], [PLACES; 3]);
    let of_networks = [&tables.addresses, &tables.registrations, &tables.tokens, &tables.codes].map(Table::bytes);
    let bytes = tables.pairs.bytes() + tables.users.bytes() + of_networks.iter().sum::<usize>();
    assert!(bytes < 32 * 1024 * 1024, "{bytes} bytes");
}
