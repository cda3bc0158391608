//! The first byte of every key: which kind of record it is.

pub const STANDING: u8 = b'a';
pub const DELETED: u8 = b'd';
pub const EVENT: u8 = b'e';
pub const INVITE: u8 = b'i';
pub const KEY: u8 = b'k';
pub const META: u8 = b'm';
pub const NAME: u8 = b'n';
pub const OWNED: u8 = b'o';
pub const REVOCATION: u8 = b'r';
pub const SESSION: u8 = b's';
pub const USER: u8 = b'u';
pub const SERVICE: u8 = b'v';
pub const EXPIRY: u8 = b'x';

/// For messages.
pub fn noun(kind: Option<u8>) -> &'static str {
    match kind {
        Some(STANDING) => "a user's restrictions",
        Some(DELETED) => "the id of a deleted user",
        Some(EVENT) => "an audit event",
        Some(INVITE) => "an invite",
        Some(KEY) => "a key",
        Some(NAME) => "a username",
        Some(OWNED) => "an entry of the session index",
        Some(REVOCATION) => "a revocation",
        Some(SESSION) => "a session",
        Some(USER) => "a user",
        Some(SERVICE) => "a service",
        Some(EXPIRY) => "an entry of the expiry index",
        _ => "a record of unknown kind",
    }
}
