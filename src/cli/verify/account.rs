//! With whom the flow is walked: a user made for it, or one that is given. Whatever happens, the one is deleted and the other
//! logged out.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::Failure;
use super::run::Run;
use crate::http::client::{Ask, Heard};

/// How one comes to a user.
pub enum Entry {
    /// By registering, as anyone may.
    Register,
    /// By registering with an invite.
    Invite(Zeroizing<String>),
    /// An administrator adds one; the access token of an administrator.
    Admin(Zeroizing<String>),
    /// It is there: its name and password. Neither it nor its password is changed.
    Given(String, Zeroizing<String>),
}

/// A user to check with.
pub struct Account {
    /// See there.
    pub entry: Entry,
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Zeroizing<String>,
    /// The one it is changed to.
    pub next_password: Zeroizing<String>,
    /// Its id, once known.
    pub id: Option<u64>,
    /// A user of ours may be there.
    pub may_remain: bool,
    /// The newest access token of a session that may be open.
    pub open: Option<Zeroizing<String>>,
}

impl Account {
    /// One of this entry; one that is made has a name and passwords of its own.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn new(entry: Entry) -> Result<Self, Failure> {
        let (name, password) = match &entry {
            Entry::Given(name, password) => (name.clone(), password.clone()),
            _ => (format!("verify-{}", &*random(5)?), random(16)?),
        };
        Ok(Self { entry, name, password, next_password: random(16)?, id: None, may_remain: false, open: None })
    }

    /// Whether it is made for this run, so that it may be changed and deleted.
    pub const fn is_ours(&self) -> bool {
        !matches!(self.entry, Entry::Given(..))
    }

    /// The request that makes it.
    pub fn make(&self) -> Ask {
        let mut body = json!({"username": self.name, "password": *self.password});
        match &self.entry {
            Entry::Admin(token) => return Ask::post("/users").bearing(token).json(&body),
            Entry::Invite(code) => body["invite"] = json!(**code),
            Entry::Register | Entry::Given(..) => {}
        }
        Ask::post("/register").json(&body)
    }

    /// A login with this password.
    pub fn login(&self, password: &str) -> Ask {
        Ask::post("/login").json(&json!({"username": self.name, "password": password}))
    }

    /// Leaves nothing behind. The name of what had to be left.
    pub async fn clean_up(&mut self, run: &mut Run) -> Option<&str> {
        run.clean_up();
        if self.may_remain && self.delete(run).await.is_none() {
            return Some(&self.name);
        }
        if let (false, Some(token)) = (self.is_ours(), self.open.take()) {
            // A session that ended already refuses this, too: nothing is open either way.
            let _ = run.ask(&Ask::post("/logout").bearing(&token)).await;
        }
        None
    }

    /// `Some` when it is gone for sure.
    async fn delete(&self, run: &mut Run) -> Option<()> {
        if let (Entry::Admin(token), Some(id)) = (&self.entry, self.id) {
            let answer = run.ask(&Ask::new("DELETE", format!("/user/{id}")).bearing(token)).await.ok()?;
            return matches!(answer.status, 200 | 404).then_some(());
        }
        for password in [&self.next_password, &self.password] {
            let heard = run.ask(&self.login(password)).await.ok()?;
            if heard.status == 200 {
                let token = Zeroizing::new(text(&heard.json(), "access_token")?);
                let id = run.ask(&Ask::get("/me").bearing(&token)).await.ok()?.json()["id"].as_u64()?;
                let answer = run.ask(&Ask::new("DELETE", format!("/user/{id}")).bearing(&token)).await.ok()?;
                return (answer.status == 200).then_some(());
            }
            if heard.status != 401 {
                return None;
            }
        }
        // Nobody can log in by either password: it was never made, if no answer said that it was.
        self.id.is_none().then_some(())
    }
}

/// A text in an answer.
fn text(body: &Value, name: &str) -> Option<String> {
    body[name].as_str().map(str::to_owned)
}

/// A pair of tokens.
pub struct Pair {
    pub access: Zeroizing<String>,
    pub refresh: Zeroizing<String>,
    /// Of the access token, in seconds.
    pub expires_in: u64,
}

impl Pair {
    /// The one in an answer.
    pub fn of(heard: &Heard) -> Option<Self> {
        let body = heard.json();
        let token = |name| text(&body, name).filter(|token| token.split('.').count() == 3).map(Zeroizing::new);
        let is_bearer = body["token_type"] == "Bearer";
        let expires_in = body["expires_in"].as_u64().filter(|_| is_bearer)?;
        Some(Self { access: token("access_token")?, refresh: token("refresh_token")?, expires_in })
    }
}

/// So many random bytes, in hexadecimal.
fn random(length: usize) -> Result<Zeroizing<String>, Failure> {
    use std::fmt::Write as _;
    let mut bytes = Zeroizing::new(vec![0; length]);
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Failure::Refused("the system has no random bytes for a password".to_owned()))?;
    Ok(Zeroizing::new(bytes.iter().fold(String::with_capacity(2 * length), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })))
}
