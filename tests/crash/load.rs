//! A client at work: it asks for one thing after the other until nobody answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fastrand::Rng;

use crate::feed::now;
use crate::model::Holdings;
use crate::op::Op;
use crate::server::{Answer, Client};

/// Most users a client keeps, so that a check does not take for ever.
const ACCOUNTS: usize = 24;
/// So few it deletes none of.
const FEWEST: usize = 3;
/// Most open sessions it keeps of one user.
const SESSIONS: usize = 4;
/// Most keys it makes: the server keeps 32.
const KEYS: usize = 20;
/// Most invites and services it keeps.
const CODES: usize = 20;

/// What is ended by cookie, and how often.
const SCOPES: [&str; 4] = ["local", "local", "others", "global"];

/// Counts over all clients.
#[derive(Default)]
pub struct Counts {
    pub acknowledged: AtomicU64,
    /// Refused for the moment (503, 429): nothing may have happened.
    pub refused: AtomicU64,
    /// Whether nobody is to ask for more.
    pub rest: AtomicBool,
}

/// Works until the server is gone, or it is time to rest. Anything but a good answer or a refusal for the moment is an error.
pub fn work(held: &mut Holdings, client: &Client, rng: &mut Rng, counts: &Counts) -> Result<(), String> {
    loop {
        let rests = counts.rest.load(Ordering::SeqCst);
        // The last is an administrator's: its event has no later write to go with.
        let Some(op) = (if rests { Some(Op::Invite) } else { choose(held, rng) }) else { continue };
        held.asked = now();
        held.pending = Some(op.clone());
        let Ok(answer) = ask(held, client, &op) else { return Ok(()) };
        held.pending = None;
        if op.is_done(&answer) {
            held.sure = held.acts.len();
            held.acts.extend(op.acts(held, Some(&answer)));
            op.take_effect(held, Some(&answer));
            counts.acknowledged.fetch_add(1, Ordering::SeqCst);
        } else if matches!(answer.status, 503 | 429) {
            counts.refused.fetch_add(1, Ordering::SeqCst);
        } else {
            return Err(format!("{op:?} was answered {} {}", answer.status, answer.text));
        }
        if rests {
            return Ok(());
        }
    }
}

/// Sends what `op` asks for.
pub fn ask(held: &Holdings, client: &Client, op: &Op) -> Result<Answer, ureq::Error> {
    let (method, path, token, body) = op.asked(held);
    let authorization = token.map(|token| format!("Bearer {token}"));
    let mut headers = Vec::new();
    headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
    if let Some(cookie) = op.cookie(held) {
        // Only logging out by it asks for the second.
        headers.extend([("Cookie", cookie), ("X-CSRF-Token", "1")]);
    }
    headers.extend(body.is_some().then_some(("Content-Type", "application/json")));
    client.try_send(method, &path, &headers, body.map(|body| body.to_string()).as_deref().map(str::as_bytes))
}

/// What to ask for next; `None` if what came up is not possible now. Hashing is slow, so most of it is what needs none.
fn choose(held: &mut Holdings, rng: &mut Rng) -> Option<Op> {
    let there: Vec<usize> = (0..held.accounts.len()).filter(|&place| !held.accounts[place].gone).collect();
    let good: Vec<usize> = (0..held.invites.len()).filter(|&place| held.invites[place].good).collect();
    let services: Vec<usize> = (0..held.services.len()).filter(|&place| held.services[place].there).collect();
    let roll = rng.u32(0..1000);
    match roll {
        0..25 if there.len() < ACCOUNTS => {
            let name = held.name();
            let invite = rng.bool().then(|| rng.choice(&good).copied()).flatten();
            Some(invite.map_or(Op::Add { name: name.clone() }, |invite| Op::Register { name, invite }))
        }
        25..100 if good.len() < CODES => Some(Op::Invite),
        100..160 => rng.choice(good).map(|invite| Op::Withdraw { invite }),
        160..190 if services.len() < CODES => Some(Op::Service { name: held.name() }),
        190..220 => rng.choice(services).map(|service| Op::Dismiss { service }),
        220..222 if held.number == 0 && held.keys.len() < KEYS => Some(Op::Rotate),
        _ => {
            let account = rng.choice(there)?;
            Some(of_account(held, rng, account, roll))
        }
    }
}

fn of_account(held: &Holdings, rng: &mut Rng, place: usize, roll: u32) -> Op {
    let account = &held.accounts[place];
    let session = rng.choice(account.open());
    let password = |rng: &mut Rng| format!("battery-{:08x}-staple", rng.u32(..));
    match roll {
        222..230 if held.accounts.iter().filter(|account| !account.gone).count() > FEWEST => Op::Delete { account: place },
        230..280 => {
            let roles = ["admin", "auditor", "editor"].into_iter().filter(|_| rng.u8(0..3) == 0).map(str::to_owned).collect();
            Op::Roles { account: place, roles }
        }
        280..290 if !account.disabled => Op::Disable { account: place, disabled: true },
        _ if account.disabled => Op::Disable { account: place, disabled: false },
        290..330 => Op::Code { account: place },
        330..340 if account.code.is_some() => Op::Redeem { account: place, new: password(rng) },
        _ => match session {
            None if rng.bool() => Op::Login { account: place },
            None => Op::Keep { account: place, replaced: rng.choice(held.browsers()) },
            Some(_) if roll < 360 && account.open().len() < SESSIONS => Op::Login { account: place },
            Some(_) if (445..475).contains(&roll) && account.open().len() < 2 * SESSIONS => {
                Op::Keep { account: place, replaced: rng.choice(held.browsers()) }
            }
            Some(session) => of_session(held, rng, place, session, roll),
        },
    }
}

fn of_session(held: &Holdings, rng: &mut Rng, account: usize, session: usize, roll: u32) -> Op {
    let of = &held.accounts[account].sessions[session];
    match roll {
        360..370 if of.fresh => Op::Password { account, session, new: format!("battery-{:08x}-staple", rng.u32(..)) },
        370..405 => Op::Logout { account, session, scope: "local" },
        405..415 => Op::Logout { account, session, scope: "others" },
        415..425 => Op::Logout { account, session, scope: "global" },
        425..445 if of.old.is_some() => Op::Reuse { account, session },
        475..510 if of.cookie.is_some() => Op::Leave { account, session, scope: rng.choice(SCOPES).unwrap_or("local") },
        _ => Op::Refresh { account, session },
    }
}
