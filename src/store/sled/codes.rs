//! The steps that change passwords and use up codes. As those in [`steps`], each is decided on the writer's thread.

use super::super::NewUser;
use super::reading::Records;
use super::records::UserRecord;
use super::steps::{end_all_but, insert_user};
use super::tree::Step;
use crate::auth::clock::Timestamp;
use crate::auth::code::{CodeDigest, Invite, InviteId, Reset};
use crate::auth::password::PasswordHash;
use crate::auth::session::SessionId;
use crate::auth::user::{User, UserId};
use crate::error::{Error, Result};

pub(super) fn change_password(
    step: &mut Step<'_>,
    user: UserId,
    verified: &PasswordHash,
    new: PasswordHash,
    kept: Option<SessionId>,
    now: Timestamp,
) -> Result<bool> {
    let Some(record) = step.user_record(user)? else { return Ok(false) };
    if record.password != *verified || step.standing(user)?.disabled {
        return Ok(false);
    }
    set_password(step, user, UserRecord { password: new, ..record }, kept, now)
}

pub(super) fn put_reset(step: &mut Step<'_>, user: UserId, reset: Reset) -> Result<bool> {
    let Some(mut record) = step.user_record(user)? else { return Ok(false) };
    record.reset = Some(reset);
    step.put_user(user, &record)?;
    Ok(true)
}

pub(super) fn redeem_reset(step: &mut Step<'_>, user: UserId, digest: CodeDigest, new: PasswordHash, now: Timestamp) -> Result<bool> {
    let Some(record) = step.user_record(user)? else { return Ok(false) };
    if !record.reset.is_some_and(|reset| reset.fits(digest, now)) || step.standing(user)?.disabled {
        return Ok(false);
    }
    set_password(step, user, UserRecord { password: new, ..record }, None, now)
}

/// Whatever the way to it, a new password leaves neither another session nor a reset code behind.
fn set_password(step: &mut Step<'_>, user: UserId, record: UserRecord, kept: Option<SessionId>, now: Timestamp) -> Result<bool> {
    step.put_user(user, &UserRecord { reset: None, ..record })?;
    end_all_but(step, user, kept, now)?;
    Ok(true)
}

pub(super) fn insert_invite(step: &mut Step<'_>, invite: Invite, limit: usize) -> Result<bool> {
    let there = step.invites(limit)?.len();
    if there >= limit {
        return Ok(false);
    }
    // An id is part of a digest: should one come twice, the expiry index loses the older.
    if let Some(same) = step.invite(invite.id())? {
        step.remove_invite(&same);
    }
    step.insert_invite(&invite)?;
    Ok(true)
}

pub(super) fn delete_invite(step: &mut Step<'_>, id: InviteId) -> Result<bool> {
    let Some(invite) = step.invite(id)? else { return Ok(false) };
    step.remove_invite(&invite);
    Ok(true)
}

pub(super) fn insert_invited(step: &mut Step<'_>, user: NewUser, digest: CodeDigest) -> Result<User> {
    let invite = step.invite(digest.into())?.filter(|invite| invite.fits(digest, user.created)).ok_or(Error::InviteRefused)?;
    step.remove_invite(&invite);
    insert_user(step, user)
}
