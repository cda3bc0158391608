//! How far what a checkpoint says of its database may have got: whoever restores it goes on from there.

use super::Head;
use crate::auth::clock::Timestamp;

/// Highest user id, and highest count, that is believed: well above those that are imported or reached, exact where JSON numbers
/// are floats, and with room to count on.
const MAX_COUNT: u64 = 1 << 52;
/// Latest time that is believed: the last second of the year 9999, the last that RFC 3339 can write. No clock says a later one.
const MAX_TIME: Timestamp = Timestamp::from_secs(253_402_300_799);

/// Whether it can be gone on from there.
///
/// # Errors
/// What is beyond the limits, with the name of its field.
pub(super) fn check(head: &Head) -> Result<(), String> {
    if head.next_user > MAX_COUNT {
        return Err(format!("its next user would have the id {} (next_user)", head.next_user));
    }
    let counts = [("sequence", head.sequence), ("last_event", head.last_event)];
    if let Some((field, count)) = counts.into_iter().find(|(_, count)| *count > MAX_COUNT) {
        return Err(format!("its {field} is {count}, which no database reaches"));
    }
    let times = [("created", head.created), ("clock_mark", head.clock_mark), ("cut_off", head.cut_off)];
    match times.into_iter().find(|(_, time)| *time > MAX_TIME) {
        Some((field, time)) => Err(format!("its {field} is {} s since 1970, after the year 9999", time.secs())),
        None => Ok(()),
    }
}
