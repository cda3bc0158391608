//! The check of the check: what a client holds is forged, one thing at a time, as if the server had lost or revived
//! something. A forgery that is not noticed is a fault of the campaign.

use fastrand::Rng;

use crate::check::{Check, Depth, strangers};
use crate::feed::Follower;
use crate::model::{Account, Holdings, Session};
use crate::server::Client;
use crate::settle::Lists;
use crate::trail::Trail;

type Forgery = (&'static str, fn(&mut Holdings) -> bool);

/// Each does its harm if it finds something to harm.
const FORGERIES: &[Forgery] = &[
    ("a logout is lost", |held| in_sessions(held, |session| session.ended, |session| session.ended = false)),
    ("a login is lost", |held| in_sessions(held, |session| !session.ended, |session| session.ended = true)),
    ("a rotation is lost", |held| {
        let rotated = |session: &Session| !session.ended && session.spent.as_ref().is_some_and(|(_, at)| at.elapsed().as_secs() < 100);
        in_sessions(held, rotated, |session| session.refresh.truncate(20))
    }),
    ("a cookie is lost", |held| {
        in_sessions(held, |session| !session.ended && session.cookie.is_some(), |session| session.cookie = Some("doorward=x".to_owned()))
    }),
    ("the cookie of an ended session is good", |held| {
        let living = held.browsers().first().and_then(|(account, session)| held.accounts[*account].sessions[*session].cookie.clone());
        living.is_some() && in_sessions(held, |session| session.ended, |session| session.cookie.clone_from(&living))
    }),
    ("a deleted user is back", |held| in_accounts(held, |account| account.gone, |account| account.gone = false)),
    ("a user is lost", |held| in_accounts(held, |account| !account.gone, |account| account.gone = true)),
    ("a role is lost", |held| in_accounts(held, |account| !account.gone, |account| account.roles.push("ghost".to_owned()))),
    ("a disabled user is enabled", |held| in_accounts(held, |account| !account.gone, |account| account.disabled = !account.disabled)),
    ("a used invite is good again", |held| held.invites.iter_mut().find(|invite| !invite.good).map(|invite| invite.good = true).is_some()),
    ("an invite is lost", |held| held.invites.iter_mut().find(|invite| invite.good).map(|invite| invite.good = false).is_some()),
    ("a removed service is back", |held| {
        held.services.iter_mut().find(|service| !service.there).map(|service| service.there = true).is_some()
    }),
    ("a key is lost", |held| {
        held.keys.push("none".to_owned());
        true
    }),
];

/// What the comparison with the feed is to notice.
const OF_THE_FEED: &[Forgery] = &[
    ("the feed forgets a session", |held| in_sessions(held, |session| !session.ended, |session| session.ended = true)),
    ("the feed tells of a session that lives", |held| in_sessions(held, |session| session.ended, |session| session.ended = false)),
    ("the feed forgets a token", |held| in_accounts(held, |_| true, |account| account.revoked.push("none".to_owned()))),
    ("the feed tells of a token nobody revoked", |held| {
        in_accounts(held, |account| !account.revoked.is_empty(), |account| account.revoked.clear())
    }),
    ("the feed forgets a user", |held| in_accounts(held, |account| account.cut_off.is_none(), |account| account.cut_off = Some(0))),
    ("the feed tells of a user who is there", |held| {
        in_accounts(held, |account| account.cut_off.is_some() && !account.may_be_cut_off, |account| account.cut_off = None)
    }),
    ("the feed tells of an earlier cut-off", |held| {
        in_accounts(held, |account| account.cut_off.is_some(), |account| account.cut_off = Some(u64::MAX))
    }),
];

/// How many things [`Trail::unnoticed`] forges.
const OF_THE_TRAIL: usize = 3;

fn in_accounts(held: &mut Holdings, which: impl Fn(&Account) -> bool, harm: impl Fn(&mut Account)) -> bool {
    held.accounts.iter_mut().find(|account| which(account)).map(harm).is_some()
}

fn in_sessions(held: &mut Holdings, which: impl Fn(&Session) -> bool, harm: impl Fn(&mut Session)) -> bool {
    let mut sessions = held.accounts.iter_mut().filter(|account| !account.gone).flat_map(|account| &mut account.sessions);
    sessions.find(|session| which(session)).map(harm).is_some()
}

/// How many were tried and noticed, of what the clients hold; those that were not, as an error.
pub fn all_are_noticed(all: &[Holdings], client: &Client, follower: &Follower, trail: &mut Trail) -> Result<usize, Vec<String>> {
    let lists = Lists::read(client, &all[0].admin);
    let feed = follower.told(client).map_err(|fault| vec![fault])?;
    let (mut noticed, mut missed) = (0, Vec::new());
    let mut judge = |(name, forgery): &Forgery, is_noticed: &dyn Fn(usize, Holdings) -> bool| {
        let forged = all.iter().cloned().enumerate().find_map(|(place, mut held)| forgery(&mut held).then_some((place, held)));
        match forged.map(|(place, held)| is_noticed(place, held)) {
            Some(true) => noticed += 1,
            Some(false) => missed.push(format!("the comparison does not notice that {name}")),
            None => {}
        }
    };
    for forgery in FORGERIES {
        judge(forgery, &|_, mut forged| {
            let mut check = Check::new(client, &lists, Depth::Everything);
            check.holdings(&mut forged, &mut Rng::with_seed(7));
            !check.faults.is_empty()
        });
    }
    for forgery in OF_THE_FEED {
        judge(forgery, &|place, forged| {
            let mut all = all.to_vec();
            all[place] = forged;
            !feed.faults(&all).is_empty()
        });
    }
    missed.extend(trail.unnoticed(client, all).iter().map(|what| format!("the comparison does not notice that {what}")));
    let mut twice = all.to_vec();
    let again = twice[0].accounts.first().cloned();
    twice[0].accounts.extend(again);
    if strangers(&twice, &lists, 0).is_empty() {
        missed.push("the comparison does not notice that an id is given twice".to_owned());
    }
    if missed.is_empty() { Ok(noticed + 1 + OF_THE_TRAIL) } else { Err(missed) }
}
