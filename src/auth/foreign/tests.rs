//! The hashes of the libraries themselves, and what is none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use super::super::hasher::is_password;
use super::super::password::PasswordHash;
use super::*;

/// Made by the libraries themselves: tests/hashes/make.py.
const VECTORS: &str = include_str!("../../../tests/hashes/foreign.jsonl");

fn vectors() -> impl Iterator<Item = (String, String, String)> {
    VECTORS.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("by"), text("password"), text("hash"))
    })
}

#[test]
fn each_hash_of_the_libraries_is_of_its_password_and_of_no_other() {
    let mut seen = std::collections::BTreeMap::new();
    for (by, password, text) in vectors() {
        let hash = PasswordHash::foreign(&text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert!(is_password(&hash, &password).unwrap(), "{by}: {text}");
        // bcrypt sees no more than 72 bytes of either end.
        let other = format!("{} ", &password[..password.floor_char_boundary(60)]);
        assert!(!is_password(&hash, &other).unwrap(), "{by}: {text}");
        *seen.entry(hash.scheme().unwrap()).or_insert(0) += 1;
    }
    assert!(seen.len() == 6 && seen.values().all(|times| *times >= 7), "{seen:?}");
}

#[test]
fn a_password_is_checked_in_the_bytes_that_were_typed() {
    let (_, _, text) = vectors().find(|(by, password, _)| by.starts_with("passlib") && password == "caf\u{e9} noir").unwrap();
    let hash = PasswordHash::foreign(&text).unwrap();
    assert!(!is_password(&hash, "cafe\u{301} noir").unwrap());
}

#[test]
fn a_hash_that_costs_too_much_is_refused_when_it_is_read() {
    let salt_and_sum = "lXwncfkePcdVBaJl$".to_owned() + &"ab".repeat(64);
    let passlib = "FQKA0Lo3hhDC2JuTshbCmA$fRr0x7JRZ75yefRqBy9e22WBzak4quoBl0Ht64ntPRo";
    for dear in [
        format!("scrypt:131072:8:1${salt_and_sum}"),
        format!("scrypt:32768:8:9${salt_and_sum}"),
        format!("scrypt:2:1:4294967295${salt_and_sum}"),
        format!("scrypt:2147483648:4294967295:4294967295${salt_and_sum}"),
        format!("$pbkdf2-sha256$2000001${passlib}"),
        "$2b$15$NnkcwsuOI26QPeoRAMpz1OleLkMkmu6kh.p89y6mrbpp3w1sXi5v2".to_owned(),
        "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        "$argon2id$v=19$m=262144,t=5,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        "$argon2id$v=19$m=65536,t=2147483647,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
    ] {
        assert_eq!(Foreign::read(&dear).err(), Some(TOO_DEAR), "{dear}");
    }
    assert!(Foreign::read(&format!("scrypt:65536:8:1${salt_and_sum}")).is_ok());
    assert!(Foreign::read(&format!("$pbkdf2-sha256$2000000${passlib}")).is_ok());
}

#[test]
fn what_is_no_hash_is_refused_with_the_reason() {
    for text in ["", "securepassword", "!", "$5$rounds=5000$x$y", "pbkdf2_md5$1000$salt$c2FsdA==", "pbkdf2:sha224:1000$a$ab", "md5$a$b"] {
        assert_eq!(Foreign::read(text).err(), Some(UNKNOWN), "{text}");
    }
    // The sum of Argon2 has any length, so a cut cannot be seen.
    for (_, _, whole) in vectors().filter(|(_, _, hash)| !hash.starts_with("$argon2")) {
        for damaged in [&whole[..whole.len() - 1], &format!("{whole}$"), &format!("{whole}~"), &whole.replacen('$', "", 1)] {
            assert!(Foreign::read(damaged).is_err(), "{damaged}");
        }
    }
    for text in [
        "$pbkdf2-sha256$0$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE",
        "$pbkdf2-sha256$+8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE",
        "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRg",
        "$2b$03$NnkcwsuOI26QPeoRAMpz1OleLkMkmu6kh.p89y6mrbpp3w1sXi5v2",
        "scrypt:32768:8$a$ab",
        "$argon2id$v=19$m=64,t=1,p=1$c29t$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAA",
        "$argon2x$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(Foreign::read(text).err(), Some(MALFORMED), "{text}");
    }
}
