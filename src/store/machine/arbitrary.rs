//! Which steps are drawn, and how often: so that users, sessions, codes and keys often meet those of the steps before.

use proptest::bool::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::steps::{Ends, OfCode, OfKey, OfService, OfSession, OfUser, Step, What};
use crate::auth::audit::Word;

fn user() -> impl Strategy<Value = u64> {
    1..7_u64
}

fn session() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0..2_usize, 1 => 0..9_usize]
}

/// The first one more often than not, so that it is often the right one.
fn password() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0), 1 => 0..3_u8]
}

fn of_user() -> impl Strategy<Value = OfUser> {
    let option = |chance| proptest::option::weighted(0.5, weighted(chance));
    prop_oneof![
        4 => (0..6_u8, weighted(0.4)).prop_map(|(name, admin)| OfUser::Insert { name, admin }),
        1 => (0..6_u8).prop_map(|name| OfUser::FirstAdmin { name }),
        4 => (user(), option(0.5), proptest::option::of(0..3_u8), option(0.3))
            .prop_map(|(user, admin, team, disabled)| OfUser::Change { user, admin, team, disabled }),
        1 => user().prop_map(|user| OfUser::Delete { user }),
        1 => (user(), 0..6_u8, weighted(0.8)).prop_map(|(user, name, keep)| OfUser::Import { user, name, keep }),
        1 => (user(), password(), password(), proptest::option::of(session()))
            .prop_map(|(user, verified, new, kept)| OfUser::Password { user, verified, new, kept }),
    ]
}

fn of_session() -> impl Strategy<Value = OfSession> {
    let ends = select(vec![Ends::One, Ends::Others, Ends::All, Ends::Nothing]);
    prop_oneof![
        4 => (user(), password(), proptest::option::weighted(0.1, password()), any::<bool>(), proptest::option::weighted(0.3, session()))
            .prop_map(|(user, verified, rehashed, cookie, replaced)| OfSession::Open { user, verified, rehashed, cookie, replaced }),
        1 => session().prop_map(|session| OfSession::Touch { session }),
        4 => (session(), 0..4_u64, weighted(0.1)).prop_map(|(session, counter, foreign)| OfSession::Rotate { session, counter, foreign }),
        2 => (session(), ends, proptest::option::of(0..20_u32))
            .prop_map(|(session, ends, token_minutes)| OfSession::End { session, ends, token_minutes }),
    ]
}

fn of_code() -> impl Strategy<Value = OfCode> {
    prop_oneof![
        (user(), 0..3_u8, 0..9_u32).prop_map(|(user, code, minutes)| OfCode::PutReset { user, code, minutes }),
        (user(), 0..3_u8, password()).prop_map(|(user, code, new)| OfCode::Redeem { user, code, new }),
        (0..4_u8, 0..9_u32, 0..4_usize).prop_map(|(code, minutes, limit)| OfCode::Invite { code, minutes, limit }),
        (0..4_u8).prop_map(|code| OfCode::Uninvite { code }),
        (0..6_u8, 0..4_u8).prop_map(|(name, code)| OfCode::Register { name, code }),
    ]
}

fn of_key() -> impl Strategy<Value = OfKey> {
    prop_oneof![
        (0..5_u8).prop_map(|kid| OfKey::Insert { kid }),
        (0..5_u8, proptest::option::of(0..9_u32)).prop_map(|(kid, next_minutes)| OfKey::Add { kid, next_minutes }),
        (0..5_u8, any::<bool>()).prop_map(|(kid, at_once)| OfKey::Retire { kid, at_once }),
        Just(OfKey::Settle),
    ]
}

fn of_service() -> impl Strategy<Value = OfService> {
    let service = || 0..4_usize;
    prop_oneof![
        Just(OfService::Insert),
        service().prop_map(|service| OfService::Remove { service }),
        service().prop_map(|service| OfService::Used { service }),
    ]
}

/// Any step that goes through the writer's queue.
pub fn write() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        6 => of_user().prop_map(What::User),
        12 => of_session().prop_map(What::Session),
        5 => of_code().prop_map(What::Code),
        2 => of_key().prop_map(What::Key),
        2 => of_service().prop_map(What::Service),
        // A sweep with a limit may be several steps.
        1 => Just(What::Sweep { limit: usize::MAX }),
        1 => Just(What::Mark),
    ];
    (pause(), what).prop_map(|(pause, what)| Step { pause, what })
}

/// Any step.
pub fn step() -> impl Strategy<Value = Step> {
    let note = (select(Word::ALL), user()).prop_map(|(word, user)| What::Note { word, user });
    let look = (user(), 0..6_u8, session(), 0..4_u8, 0..4_usize).prop_map(|(user, name, session, code, limit)| What::Look {
        user,
        name,
        session,
        code,
        limit,
    });
    let sweep = (0..9_usize).prop_map(|limit| What::Sweep { limit });
    let other = (pause(), prop_oneof![2 => note, 2 => look, 1 => sweep]).prop_map(|(pause, what)| Step { pause, what });
    prop_oneof![8 => write(), 1 => other]
}

/// Mostly within a token's life, sometimes beyond a session's.
fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![30 => 0..200_u64, 2 => 0..5_000_u64, 1 => 0..3_000_000_u64]
}
