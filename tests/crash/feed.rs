//! What the feed of revocations tells: after each restart all that has ended, and nothing else, also to somebody who follows
//! it with a cursor from before.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::load::Counts;
use crate::model::{Account, Holdings};
use crate::server::Client;

/// The name of the service that follows it.
pub const FOLLOWER: &str = "follower";
/// How often it asks while others write.
const EVERY: Duration = Duration::from_millis(10);

/// The list from its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// Id → what it names.
    revoked: HashMap<String, String>,
    /// Id of a user → since when its tokens without a session are good.
    users: BTreeMap<u64, u64>,
}

/// Somebody who follows the feed.
#[derive(Default)]
pub struct Follower {
    key: String,
    cursor: Option<String>,
}

impl Follower {
    pub fn new(key: &str) -> Self {
        Self { key: key.to_owned(), cursor: None }
    }

    /// What is new, page by page; an error if the list did not begin anew where it should have, or did where it should not.
    /// Answers whether somebody answered.
    fn next(&mut self, client: &Client, anew: bool, feed: &mut Feed) -> Result<bool, String> {
        let mut begins = anew;
        loop {
            let path = self.cursor.as_ref().map_or("/revocations".to_owned(), |cursor| format!("/revocations?since={cursor}"));
            let answer = client.try_send("GET", &path, &[("Authorization", &format!("Bearer {}", self.key))], None);
            let Ok(answer) = answer else { return Ok(false) };
            if answer.status != 200 {
                return Err(format!("the feed answers {} {}", answer.status, answer.text));
            }
            let page = answer.json();
            if page["reset"] != begins {
                return Err(format!(
                    "the feed says reset: {}, after {:?} of {}",
                    page["reset"],
                    self.cursor,
                    if anew { "before" } else { "now" }
                ));
            }
            begins = false;
            feed.take(&page)?;
            self.cursor = Some(text(&page["cursor"])?);
            if page["more"] != true {
                return Ok(true);
            }
        }
    }

    /// Follows until the server is gone, or it is time to rest.
    pub fn follow(&mut self, client: &Client, counts: &Counts) -> Result<(), String> {
        while !counts.rest.load(Ordering::SeqCst) && self.next(client, false, &mut Feed::default())? {
            std::thread::sleep(EVERY);
        }
        Ok(())
    }

    /// The whole list, as it is now.
    pub fn told(&self, client: &Client) -> Result<Feed, String> {
        let mut feed = Feed::default();
        Self::new(&self.key).next(client, true, &mut feed)?;
        Ok(feed)
    }

    /// After a restart: the whole list, with the cursor from before, which must be as good as none.
    pub fn read(&mut self, client: &Client) -> Result<Feed, String> {
        let mut followed = Feed::default();
        self.next(client, true, &mut followed)?;
        let whole = self.told(client)?;
        if followed == whole { Ok(whole) } else { Err("the feed tells less to who has a cursor from before the restart".to_owned()) }
    }
}

fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{value} is no text"))
}

impl Feed {
    fn take(&mut self, page: &Value) -> Result<(), String> {
        for entry in page["revoked"].as_array().into_iter().flatten() {
            self.revoked.insert(text(&entry["id"])?, text(&entry["kind"])?);
        }
        for entry in page["users"].as_array().into_iter().flatten() {
            let id = text(&entry["sub"])?.parse().map_err(|_| format!("{entry} names no user"))?;
            self.users.insert(id, entry["not_before"].as_u64().ok_or_else(|| format!("{entry} has no time"))?);
        }
        Ok(())
    }

    /// How much it tells.
    pub fn len(&self) -> usize {
        self.revoked.len() + self.users.len()
    }

    /// What it does not tell of what the clients hold, and what it tells beyond that. The access tokens of all sessions live.
    pub fn faults(&self, all: &[Holdings]) -> Vec<String> {
        let accounts = || all.iter().flat_map(|held| &held.accounts);
        let ended: HashMap<&str, &str> = accounts().flat_map(ended).collect();
        let mut faults: Vec<_> = ended
            .iter()
            .filter(|(id, kind)| self.revoked.get(**id).map(String::as_str) != Some(kind))
            .map(|(id, kind)| format!("the feed does not tell that the {kind} {id} has ended, but {:?}", self.revoked.get(*id)))
            .collect();
        let unknown = self.revoked.iter().filter(|(id, _)| !ended.contains_key(id.as_str()));
        faults.extend(unknown.map(|(id, kind)| format!("the feed tells of the {kind} {id}, which nobody has ended")));
        faults.extend(accounts().filter_map(|account| self.cut_off(account)));
        let known: HashSet<u64> = accounts().map(|account| account.id).collect();
        faults.extend(self.users.keys().filter(|id| !known.contains(id)).map(|id| format!("the feed tells of user {id}, who is nobody's")));
        faults
    }

    fn cut_off(&self, account: &Account) -> Option<String> {
        let told = self.users.get(&account.id).copied();
        let holds = match (account.cut_off, told) {
            (Some(since), Some(told)) => since <= told && told <= now() + 1,
            (None, Some(_)) => account.may_be_cut_off,
            (Some(_), None) => false,
            (None, None) => true,
        };
        (!holds).then(|| format!("user {}: cut off at {:?} or after, the feed tells {told:?}", account.id, account.cut_off))
    }
}

/// Ids of an account's that the feed must tell of, with what they name.
fn ended(account: &Account) -> impl Iterator<Item = (&str, &str)> {
    let sessions = account.sessions.iter().filter(|session| session.ended).map(|session| session.id.as_str());
    let sessions = sessions.chain(account.strays.iter().map(String::as_str)).map(|id| (id, "session"));
    sessions.chain(account.revoked.iter().map(|id| (id.as_str(), "token")))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
