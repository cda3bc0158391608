//! The steps themselves: what [`Store`](super::super::Store) promises, decided on one thread, in one order.

use std::time::Duration;

use super::super::{NewUser, Revoked, Standing, StorageError, UserChange, Which};
use super::reading::Records;
use super::records::{SessionRecord, UserRecord, key, kind};
use super::tree::Step;
use crate::auth::clock::Timestamp;
use crate::auth::code::InviteId;
use crate::auth::keys::{self, KeyChange, StoredKey};
use crate::auth::mandate::Mandate;
use crate::auth::password::PasswordHash;
use crate::auth::session::{Lifetimes, Presented, SESSIONS_PER_USER, Session, SessionId};
use crate::auth::token::{MAX_ACCESS_SECS, TokenId};
use crate::auth::user::{User, UserId};
use crate::error::{Error, Result};

/// Whether somebody may still do what it asked for.
pub(super) fn judge(step: &Step<'_>, mandate: &Mandate) -> Result<()> {
    let standing = step.user_record(mandate.user())?.map(|_| step.standing(mandate.user())).transpose()?;
    let mut revoked = false;
    for id in mandate.ids() {
        revoked |= step.revoked_until(id)?.is_some();
    }
    mandate.judge(standing.as_ref(), revoked)
}

pub(super) fn insert_user(step: &mut Step<'_>, new: NewUser) -> Result<User> {
    let NewUser { username, password, roles, claims, created } = new;
    if step.id_named(&username)?.is_some() {
        return Err(Error::UsernameTaken);
    }
    let id = step.new_user_id();
    step.put_name(&username, id)?;
    let record = UserRecord { username, password, claims, created, reset: None };
    step.put_user(id, &record)?;
    step.put_standing(id, Standing { roles: roles.clone(), ..Standing::default() })?;
    let UserRecord { username, password, claims, created, reset: _ } = record;
    Ok(User { id, username, password, roles, claims, disabled: false, created })
}

pub(super) fn insert_first_admin(step: &mut Step<'_>, new: NewUser) -> Result<Option<User>> {
    if step.has_admin() { Ok(None) } else { insert_user(step, new).map(Some) }
}

pub(super) fn change_user(step: &mut Step<'_>, id: UserId, change: UserChange, now: Timestamp) -> Result<Option<User>> {
    let Some(mut record) = step.user_record(id)? else { return Ok(None) };
    let before = step.standing(id)?;
    let mut standing = before.clone();
    standing.roles = change.roles.unwrap_or(standing.roles);
    standing.disabled = change.disabled.unwrap_or(standing.disabled);
    if !standing.is_active_admin() && step.is_last_admin(&before) {
        return Err(Error::LastAdmin);
    }
    if let Some(claims) = change.claims.filter(|claims| *claims != record.claims) {
        record.claims = claims;
        step.put_user(id, &record)?;
    }
    if standing != before {
        step.put_standing(id, standing)?;
    }
    if change.disabled == Some(true) {
        end_all_but(step, id, None, now)?;
    }
    Ok(step.user(id)?)
}

pub(super) fn delete_user(step: &mut Step<'_>, id: UserId, now: Timestamp) -> Result<bool> {
    let Some(record) = step.user_record(id)? else { return Ok(false) };
    let standing = step.standing(id)?;
    if step.is_last_admin(&standing) {
        return Err(Error::LastAdmin);
    }
    for session in step.session_records(id)? {
        end(step, &session, now)?;
    }
    // The next second: a token may have been issued in this one, and nobody has the id after.
    step.remove_user(id, &record.username, standing.not_before.max(now + Duration::from_secs(1)))?;
    Ok(true)
}

pub(super) fn open_session(
    step: &mut Step<'_>,
    replaced: Option<SessionId>,
    session: Session,
    verified: &PasswordHash,
    rehashed: Option<PasswordHash>,
) -> Result<bool> {
    let Some(mut record) = step.user_record(session.user)? else { return Ok(false) };
    if record.password != *verified || step.standing(session.user)?.disabled {
        return Ok(false);
    }
    if let Some(password) = rehashed {
        record.password = password;
        step.put_user(session.user, &record)?;
    }
    // Ids are random: should one come twice, the indexes lose the older.
    if let Some(same) = step.session_record(session.id)? {
        step.remove_session(&same);
    }
    // First: it does not count among those of which one may be too many.
    if let Some(before) = replaced.map(|id| step.session_record(id)).transpose()?.flatten() {
        end(step, &before, session.created)?;
    }
    let others = step.session_records(session.user)?;
    for beyond in others.iter().skip(SESSIONS_PER_USER - 1) {
        end(step, beyond, session.created)?;
    }
    step.insert_session(session)?;
    Ok(true)
}

pub(super) fn rotate_refresh(
    step: &mut Step<'_>,
    id: SessionId,
    user: UserId,
    counter: u64,
    now: Timestamp,
    lifetimes: &Lifetimes,
) -> Result<Presented> {
    let Some(mut record) = step.session_record(id)? else { return Ok(Presented::Unknown) };
    let presented = record.session.present(user, counter, now, lifetimes);
    match &presented {
        Presented::Rotated(next) | Presented::Repeated(next) => {
            record.session = next.clone();
            step.put_session(&record)?;
        }
        Presented::Reused => end(step, &record, now)?,
        Presented::Unknown => {}
    }
    Ok(presented)
}

pub(super) fn touch_session(step: &mut Step<'_>, id: SessionId, now: Timestamp, lifetimes: &Lifetimes) -> Result<()> {
    let Some(mut record) = step.session_record(id)? else { return Ok(()) };
    if let Some(touched) = record.session.touched(now, lifetimes) {
        record.session = touched;
        step.put_session(&record)?;
    }
    Ok(())
}

pub(super) fn end_sessions(
    step: &mut Step<'_>,
    user: UserId,
    which: Which,
    token: Option<(TokenId, Timestamp)>,
    now: Timestamp,
) -> Result<usize> {
    let is_known = match which {
        Which::One(id) => step.revoked_until(id.0)?.is_some(),
        _ => true,
    };
    if let Some((TokenId(id), until)) = token {
        step.revoke(id, Revoked::Token, until, now)?;
    }
    match which {
        Which::None => Ok(0),
        Which::All => Ok(end_all_but(step, user, None, now)?),
        Which::Others(kept) => Ok(end_all_but(step, user, Some(kept), now)?),
        Which::One(id) => match (step.session_record(id)?, token) {
            (Some(record), _) if record.session.user == user => {
                end(step, &record, now)?;
                Ok(1)
            }
            // Never kept here: other tokens of it may still be out, and may end later than this one. Or ended just before.
            (None, Some((_, until))) => {
                let until = if is_known { until } else { until.max(now + Duration::from_secs(MAX_ACCESS_SECS)) };
                step.revoke(id.0, Revoked::Session, until, now)?;
                Ok(0)
            }
            // Somebody else's stays.
            _ => Ok(0),
        },
    }
}

/// Ends all of a user's sessions but `kept`, and refuses its tokens without one.
pub(super) fn end_all_but(step: &mut Step<'_>, user: UserId, kept: Option<SessionId>, now: Timestamp) -> Result<usize, StorageError> {
    let mut ending = step.session_records(user)?;
    ending.retain(|record| Some(record.session.id) != kept);
    for record in &ending {
        end(step, record, now)?;
    }
    if step.user_record(user)?.is_some() {
        let standing = step.standing(user)?;
        let not_before = standing.not_before.or_later(now);
        if standing.not_before != not_before {
            step.put_standing(user, Standing { not_before, ..standing })?;
        }
    }
    Ok(ending.len())
}

fn end(step: &mut Step<'_>, record: &SessionRecord, now: Timestamp) -> Result<(), StorageError> {
    step.remove_session(record);
    step.revoke(record.session.id.0, Revoked::Session, record.session.access_expires, now)
}

pub(super) fn change_keys(step: &mut Step<'_>, change: KeyChange, now: Timestamp) -> Result<Option<Vec<StoredKey>>> {
    let before = step.keys()?;
    let mut after = before.clone();
    keys::change(&mut after, change, now)?;
    for gone in before.iter().filter(|key| after.iter().all(|there| there.kid != key.kid)) {
        step.remove_key(&gone.kid);
    }
    for changed in after.iter().filter(|key| !before.contains(key)) {
        step.put_key(changed)?;
    }
    Ok((after != before).then_some(after))
}

/// What one bounded round of the sweep did.
pub(super) struct Swept {
    /// Entries of the expiry index, and deleted users, it looked at.
    pub seen: usize,
    /// What it deleted or forgot.
    pub deleted: usize,
}

pub(super) fn sweep(step: &mut Step<'_>, before: Timestamp, limit: usize) -> Result<Swept> {
    let (from, _) = key::all(kind::EXPIRY);
    let to = key::expiry(before, 0, uuid::Uuid::nil());
    let entries = step.scan(&from, &to, limit)?;
    let mut swept = Swept { seen: entries.len(), deleted: 0 };
    for (at, of, id) in entries.iter().filter_map(|(key, _)| key::as_expiry(key)) {
        if of == kind::REVOCATION {
            step.forget(id, at);
            swept.deleted += 1;
        } else if of == kind::INVITE {
            step.remove_expiry(at, of, id);
            if let Some(invite) = step.invite(InviteId(id))? {
                step.remove_invite(&invite);
                swept.deleted += 1;
            }
        } else if let Some(record) = step.session_record(SessionId(id))? {
            if record.session.expires < before {
                step.remove_session(&record);
                swept.deleted += 1;
            } else {
                step.reindex_session(record)?;
            }
        } else {
            step.remove_expiry(at, of, id);
        }
    }
    for user in step.told_enough(before, limit - entries.len()) {
        step.forget_user(user)?;
        swept = Swept { seen: swept.seen + 1, deleted: swept.deleted + 1 };
    }
    Ok(swept)
}
