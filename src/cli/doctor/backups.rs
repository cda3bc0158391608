//! Backups: how old the newest is, and whether it could be restored.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::disk::size;
use super::finding::Finding;
use crate::auth::clock::Timestamp;
use crate::cli::progress::Progress;
use crate::config::Settings;
use crate::error::chain;
use crate::store::{self, StorageError, StoreOptions, checkpoint};

/// A server makes its first within a minute; one that was just set up is given some more.
const NEW: Duration = Duration::from_secs(3600);
const MAKE_ONE: &str = "make one: doorward backup; and copy it to another disk";

/// Both checks.
pub fn look(settings: &Settings, now: Timestamp, progress: &mut Progress) -> Vec<Finding> {
    let dir = settings.data_dir.as_path();
    match checkpoint::made_on(dir) {
        // Another user's: the finding on the directory says what to do.
        Err(StorageError::Io { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
            vec![Finding::skip("backup", format!("this user may not look at it ({source}); run this as the user that the server runs as"))]
        }
        Err(error) => vec![Finding::fix("backup", chain(&error), MAKE_ONE)],
        Ok(None) => vec![none(settings, age(dir).is_some_and(|age| age < NEW))],
        Ok(Some((path, made))) => {
            let tried = checkpoint::trial(&StoreOptions::new(dir), &path, now, &mut |done, of| progress.show(done, of));
            vec![aged(settings, &path, now.since(made)), trial(tried)]
        }
    }
}

/// How long ago the database was made; `None`: there is none.
fn age(dir: &Path) -> Option<Duration> {
    Some(SystemTime::now().duration_since(store::founded_at(dir)?).unwrap_or_default())
}

fn none(settings: &Settings, is_new: bool) -> Finding {
    const CHECK: &str = "backup";
    if settings.checkpoint_interval.0.is_zero() {
        return Finding::fix(CHECK, "there is none, and checkpoint_interval is 0", format!("{MAKE_ONE}; and set checkpoint_interval"));
    }
    if is_new {
        return Finding::ok(CHECK, "none yet: the database is new, and a server makes the first within a minute");
    }
    Finding::fix(CHECK, "there is none in the folder backups", MAKE_ONE)
}

fn aged(settings: &Settings, path: &Path, age: Duration) -> Finding {
    const CHECK: &str = "backup";
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (what, every) = (format!("{name}, {} old", span(age)), settings.checkpoint_interval.0);
    if every.is_zero() {
        let advice = format!("{MAKE_ONE}; set checkpoint_interval, and the server makes them by itself");
        return if age > Duration::from_secs(7 * 86_400) { Finding::look(CHECK, what, advice) } else { Finding::ok(CHECK, what) };
    }
    if age > 2 * every {
        let advice = "the schedule is not kept: a server that runs says why in its log (checkpoint); a full disk, for one. Until then: doorward backup";
        return Finding::look(CHECK, format!("{what}, though one is due every {}", settings.checkpoint_interval), advice);
    }
    Finding::ok(CHECK, what)
}

fn trial(tried: Result<checkpoint::Trial, StorageError>) -> Finding {
    const CHECK: &str = "trial restore";
    match tried {
        Ok(trial) => {
            let rate = format!("{} users, {}, in {} ms", trial.users, size(trial.bytes), trial.took.as_millis());
            Finding::ok(CHECK, format!("the newest backup can be restored: {rate}"))
        }
        // Root looks at the rest of it.
        Err(foreign @ StorageError::Unsafe { .. }) => Finding::skip(CHECK, chain(&foreign)),
        Err(full @ StorageError::NoRoom { .. }) => {
            Finding::look(CHECK, chain(&full), "a trial takes what a restore takes: three times the backup, beside what is kept clear")
        }
        Err(error) => Finding::fix(
            CHECK,
            chain(&error),
            "make a new one: doorward backup; see that the disk is sound, and delete this one, or restore latest would take it",
        ),
    }
}

/// As people say it.
fn span(age: Duration) -> String {
    match age.as_secs() {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7200 => format!("{} min", secs / 60),
        secs @ 7200..172_800 => format!("{} h", secs / 3600),
        secs => format!("{} days", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_backup_is_old_when_two_were_due_since() {
        let settings = Settings::default();
        let verdict = |hours: u64| aged(&settings, Path::new("b"), Duration::from_secs(hours * 3600)).verdict;
        assert_eq!([verdict(47), verdict(49)], [Verdict::Ok, Verdict::Look]);
        assert_eq!([none(&settings, true).verdict, none(&settings, false).verdict], [Verdict::Ok, Verdict::Fix]);
    }

    #[test]
    fn a_trial_without_room_says_nothing_against_the_backup() {
        let found = trial(Err(StorageError::NoRoom { dir: "data".into(), free_mib: 9216, wanted_mib: 10_240 }));
        assert_eq!((found.verdict, found.what.split(';').next()), (Verdict::Look, Some("data has 9216 MiB free, and this takes 10240")));
    }
}
