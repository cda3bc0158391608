//! The files of the certificate, where the server speaks TLS itself.

use super::finding::Finding;
use crate::auth::clock::Timestamp;
use crate::config::Settings;
use crate::error::chain;

const CHECK: &str = "certificate";

/// Whether they can be read, belong together and are good for a while.
pub fn look(settings: &Settings, now: Timestamp) -> Finding {
    let Some(files) = settings.certificate() else { return Finding::ok(CHECK, "none is set: TLS is a proxy's, or there is none") };
    let renew = "renew it, see that whatever should have renewed it runs, and that both files are the new ones";
    let close = format!(
        "run: chmod 600 {}; who may have read the key can pass for this server: have the certificate issued anew",
        files.key.display()
    );
    match files.inspect() {
        Err(error) => Finding::fix(CHECK, chain(&error), "a server with these settings does not start; mend the files"),
        Ok((Some(expires), mut warnings)) if expires < now && !warnings.is_empty() => Finding::fix(CHECK, warnings.swap_remove(0), renew),
        // Of the dates first; then the key's.
        Ok((_, mut warnings)) if !warnings.is_empty() => {
            let what = warnings.swap_remove(0);
            let advice = if what.contains("can read the key") { close } else { renew.to_owned() };
            Finding::look(CHECK, what, advice)
        }
        Ok((Some(expires), _)) => Finding::ok(CHECK, format!("good until {expires}")),
        Ok((None, _)) => Finding::look(CHECK, "until when it is good cannot be read", renew),
    }
}
