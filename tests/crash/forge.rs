//! The check of the check: what a client holds is forged, one thing at a time, as if the server had lost or revived
//! something. A forgery that is not noticed is a fault of the campaign.

use fastrand::Rng;

use crate::check::{Check, Depth, strangers};
use crate::model::{Account, Holdings, Session};
use crate::server::Client;
use crate::settle::Lists;

type Forgery = (&'static str, fn(&mut Holdings) -> bool);

/// Each does its harm if it finds something to harm.
const FORGERIES: &[Forgery] = &[
    ("a logout is lost", |held| in_sessions(held, |session| session.ended, |session| session.ended = false)),
    ("a login is lost", |held| in_sessions(held, |session| !session.ended, |session| session.ended = true)),
    ("a rotation is lost", |held| {
        let rotated = |session: &Session| !session.ended && session.spent.as_ref().is_some_and(|(_, at)| at.elapsed().as_secs() < 100);
        in_sessions(held, rotated, |session| session.refresh.truncate(20))
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

fn in_accounts(held: &mut Holdings, which: impl Fn(&Account) -> bool, harm: impl Fn(&mut Account)) -> bool {
    held.accounts.iter_mut().find(|account| which(account)).map(harm).is_some()
}

fn in_sessions(held: &mut Holdings, which: impl Fn(&Session) -> bool, harm: impl Fn(&mut Session)) -> bool {
    let mut sessions = held.accounts.iter_mut().filter(|account| !account.gone).flat_map(|account| &mut account.sessions);
    sessions.find(|session| which(session)).map(harm).is_some()
}

/// How many were tried and noticed, of what the clients hold; those that were not, as an error.
pub fn all_are_noticed(all: &[Holdings], client: &Client) -> Result<usize, Vec<String>> {
    let lists = Lists::read(client, &all[0].admin);
    let mut noticed = 0;
    let mut missed = Vec::new();
    for (name, forgery) in FORGERIES {
        for held in all {
            let mut forged = held.clone();
            if !forgery(&mut forged) {
                continue;
            }
            let mut check = Check::new(client, &lists, Depth::Everything);
            check.holdings(&mut forged, &mut Rng::with_seed(7));
            if check.faults.is_empty() {
                missed.push(format!("the comparison does not notice that {name}"));
            } else {
                noticed += 1;
            }
            break;
        }
    }
    let mut twice = all.to_vec();
    let again = twice[0].accounts.first().cloned();
    twice[0].accounts.extend(again);
    if strangers(&twice, &lists, 0).is_empty() {
        missed.push("the comparison does not notice that an id is given twice".to_owned());
    }
    if missed.is_empty() { Ok(noticed + 1) } else { Err(missed) }
}
