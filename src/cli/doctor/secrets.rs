//! Secrets that can be guessed, or read by who should not. None is printed, nor any part of one.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::finding::Finding;
use crate::config::Settings;

/// What HS256 wants (RFC 7518 §3.2).
const ENOUGH_BYTES: usize = 32;
/// Fewer are found in hours from any one token.
const FEW_BYTES: usize = 16;
/// Fewer different bytes are a word or a pattern, not chance.
const FEW_DIFFERENT: usize = 10;
/// What tutorials, templates and examples have, in small letters, letters and digits only.
const KNOWN: &[&str] = &[
    "secret",
    "supersecret",
    "supersecretkey",
    "changeme",
    "changethis",
    "changemeinproduction",
    "password",
    "jwtsecret",
    "jwtsecretkey",
    "jwtsecretstring",
    "secretkey",
    "mysecret",
    "mysecretkey",
    "yoursecretkey",
    "yoursecret",
    "yourjwtsecretkey",
    "yourjwtsecret",
    "yourverysecretkey",
    "dev",
    "devkey",
    "test",
    "testing",
    "flask",
    "flasksecret",
    "arun",
    "jose",
    "development",
    "default",
    "example",
    "thisisasecret",
    "thisissecret",
    "verysecret",
    "topsecret",
    "your256bitsecret",
    "yoursupersecretkey",
    "asecret",
    "key",
    "hello",
];
const MAKE_ONE: &str =
    "make one: openssl rand -base64 48, for your apps, too; keep the old one in JWT_PREVIOUS_SECRET_KEY while its tokens live";
const GIVE_UP: &str =
    "make one: openssl rand -base64 48, for your apps, too; give the old one up at once: its tokens are refused then, and should be";

/// Whether `JWT_SECRET_KEY` can be guessed.
pub fn strength(settings: &Settings) -> Finding {
    const CHECK: &str = "JWT_SECRET_KEY";
    let Some(secret) = &settings.shared_secrets.current else {
        return Finding::ok(CHECK, "not set: tokens are signed with a key that the server made");
    };
    judge(secret.expose_secret())
}

fn judge(secret: &str) -> Finding {
    const CHECK: &str = "JWT_SECRET_KEY";
    let plain: String = secret.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    let letters = plain.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if KNOWN.contains(&plain.as_str()) || KNOWN.contains(&letters) {
        return Finding::fix(CHECK, "it is one that everybody knows: anybody can sign a token for any user", GIVE_UP);
    }
    let (bytes, different) = (secret.len(), secret.bytes().collect::<BTreeSet<_>>().len());
    if bytes < FEW_BYTES {
        return Finding::fix(CHECK, format!("it has {bytes} bytes: it can be guessed from any token"), GIVE_UP);
    }
    if bytes < ENOUGH_BYTES || different < FEW_DIFFERENT {
        let what =
            format!("it has {bytes} bytes, {different} of them different; {ENOUGH_BYTES} random ones cannot be guessed (RFC 7518 §3.2)");
        return Finding::look(CHECK, what, MAKE_ONE);
    }
    Finding::ok(CHECK, format!("{bytes} bytes"))
}

/// Whether files with secrets are for their owner, and at most their group.
pub fn files(settings: &Settings) -> Finding {
    const CHECK: &str = "secret files";
    let named = [&settings.jwt_secret_key_file, &settings.jwt_previous_secrets_file, &settings.tls_key];
    let named: Vec<&Path> = named.into_iter().flatten().map(std::path::PathBuf::as_path).collect();
    let open: Vec<_> = named.iter().filter(|path| is_open(path)).map(|path| path.display().to_string()).collect();
    if !open.is_empty() {
        let what = format!("every user of this machine can read {}", open.join(", "));
        return Finding::fix(
            CHECK,
            what,
            format!("run: chmod 600 {}; who may have read a secret should be told a new one", open.join(" ")),
        );
    }
    Finding::ok(CHECK, if named.is_empty() { "none are named".to_owned() } else { format!("{}, closed to others", named.len()) })
}

fn is_open(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o007 != 0)
}

/// Whether an earlier secret still counts.
pub fn previous(settings: &Settings) -> Option<Finding> {
    let count = settings.shared_secrets.previous.len();
    (count > 0).then(|| {
        let what = format!("{count} from before still verify tokens");
        Finding::look("previous secrets", what, "take them out of JWT_PREVIOUS_SECRET_KEY or its file when their last token has expired")
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn secrets_of_tutorials_and_short_ones_are_red_and_patterns_are_yellow() {
        for (secret, verdict) in [
            ("secret", Verdict::Fix),
            ("Super-Secret-Key", Verdict::Fix),
            ("change_me123", Verdict::Fix),
            ("your-256-bit-secret", Verdict::Fix),
            ("kd83kf0Fk2", Verdict::Fix),
            ("kd83kf0Fk2kd83kf0Fk2", Verdict::Look),
            ("abababababababababababababababababababab", Verdict::Look),
            ("R7b0nq9ZJx2mVfT5cWk8LhP3dYs6uGa1", Verdict::Ok),
        ] {
            let finding = judge(secret);
            assert_eq!(finding.verdict, verdict, "{secret}");
            assert!(!format!("{finding:?}").contains(secret), "{secret} is not told");
        }
    }
}
