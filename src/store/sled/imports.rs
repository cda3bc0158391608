//! The step of an import. See [`super::steps`].

use super::super::{Imported, ImportedUser, Standing};
use super::reading::Records;
use super::records::UserRecord;
use super::tree::Step;
use crate::auth::user::CustomClaims;
use crate::error::Result;

pub(super) fn import(step: &mut Step<'_>, users: Vec<ImportedUser>, keep: bool) -> Result<Vec<Imported>> {
    users.into_iter().map(|user| import_one(step, user, keep)).collect()
}

fn import_one(step: &mut Step<'_>, user: ImportedUser, keep: bool) -> Result<Imported> {
    let ImportedUser { id, username, password, created } = user;
    if let Some(there) = step.user_record(id)? {
        return Ok(if there.username == username { Imported::Present } else { Imported::IdTaken });
    }
    if let Some(other) = step.id_named(&username)? {
        return Ok(Imported::NameTaken(other));
    }
    if step.is_spent(id)? {
        return Ok(Imported::IdSpent);
    }
    if keep {
        step.take_user_id(id);
        step.put_name(&username, id)?;
        step.put_user(id, &UserRecord { username, password, claims: CustomClaims::default(), created, reset: None })?;
        step.put_standing(id, Standing::default())?;
    }
    Ok(Imported::Added)
}
