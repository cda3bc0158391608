//! `doorward key`: what an administrator does to the signing keys, from a terminal.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::local::{expect, text};
use super::reach::Reach;
use super::{Failure, table};
use crate::http::body::MAX_BODY_BYTES;
use crate::http::client::Client;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the keys that access tokens are signed and verified with
    List,
    /// Make a new key; it takes over when every verifier has had the time to fetch it
    Rotate {
        #[arg(long, value_name = "ALGORITHM", help = "ES256 or EdDSA [default: that of the key in use]")]
        algorithm: Option<String>,
        /// Let it take over at once
        #[arg(long)]
        now: bool,
    },
    /// Take in a private key: EC P-256, Ed25519, or RSA of 3072 to 4096 bit, as PKCS#8 in PEM
    Import {
        /// The file; - is standard input
        file: PathBuf,
        /// Let it take over at once
        #[arg(long)]
        now: bool,
    },
    /// End a key: it stops signing, and verifies until its last token is dead
    Retire {
        /// Its id, as `key list` shows it
        #[arg(allow_hyphen_values = true)] // one in 64 begins with -
        kid: String,
        /// Refuse its tokens from now on: its secret is out
        #[arg(long)]
        now: bool,
    },
}

/// Runs the command.
pub fn run(reach: &Reach<'_>, command: &Command) -> Result<(), Failure> {
    let pem = match command {
        Command::Import { file, .. } => read_key(file)?,
        _ => Zeroizing::default(),
    };
    reach.run(async |client| match command {
        Command::List => list(client, reach.json).await,
        Command::Rotate { algorithm: None, now } => add(client, &json!({"now": now}), reach.json).await,
        Command::Rotate { algorithm: Some(algorithm), now } => add(client, &json!({"algorithm": algorithm, "now": now}), reach.json).await,
        Command::Import { now, .. } => add(client, &json!({"pem": pem.as_str(), "now": now}), reach.json).await,
        Command::Retire { kid, now } => retire(client, kid, *now, reach.json).await,
    })
}

async fn list(client: &Client, as_json: bool) -> Result<(), Failure> {
    let answer = expect(client.send("GET", "/keys", None).await, 200)?;
    if as_json {
        return table::print_json(&answer["keys"]);
    }
    let row = |key: &Value| {
        let name = if key["kid"].is_null() { "(shared secret)".to_owned() } else { text(&key["kid"]) };
        [name, text(&key["algorithm"]), text(&key["state"]), note(key)]
    };
    let rows: Vec<_> = answer["keys"].as_array().into_iter().flatten().map(row).collect();
    table::print(["KEY", "ALGORITHM", "STATE", ""], &rows)
}

/// What a key does, or when it will.
fn note(key: &Value) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let left = |name: &str| key[name].as_u64().map(|at| at.saturating_sub(now));
    match (left("activates"), left("expires")) {
        (Some(secs), _) => format!("signs in {secs} s, when the server runs"),
        (_, Some(secs)) => format!("gone in {secs} s"),
        _ if key["signs"] == true => "signs".to_owned(),
        _ => String::new(),
    }
}

async fn add(client: &Client, body: &Value, as_json: bool) -> Result<(), Failure> {
    let key = expect(client.send("POST", "/keys", Some(body)).await, 201)?;
    table::done(as_json, &key, &format!("{} {} is {}: {}", text(&key["algorithm"]), text(&key["kid"]), text(&key["state"]), note(&key)))
}

async fn retire(client: &Client, kid: &str, now: bool, as_json: bool) -> Result<(), Failure> {
    // What is no letter of a key's id would be part of the address.
    if kid.is_empty() || !kid.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        return Err(Failure::Refused("There is no such key.".to_owned()));
    }
    let answer = expect(client.send("DELETE", &format!("/keys/{kid}?now={now}"), None).await, 200)?;
    table::done(as_json, &answer, &format!("retired {kid}"))
}

fn read_key(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut pem = Zeroizing::new(String::new());
    let read = if file == Path::new("-") {
        std::io::stdin().take(MAX_BODY_BYTES).read_to_string(&mut pem)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(MAX_BODY_BYTES).read_to_string(&mut pem))
    };
    match read {
        Ok(_) => Ok(pem),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(Failure::Refused(format!("{} is not PEM; for DER: openssl pkcs8 -inform DER -nocrypt -in FILE", file.display())))
        }
        Err(source) => Err(Failure::File { action: "read the key in", path: file.into(), source }),
    }
}
