//! The audit trail of what administrators do. An event follows its change in a later batch, so a kill may lose the last ones, but
//! only those: what a client's trail lacks is its end, and nothing that came before its last acknowledged write. No event tells of
//! what was not done, and none changes or goes.

use std::collections::VecDeque;

use doorward::auth::audit::{Class, KEPT_OF_EACH, Word};
use serde_json::{Value, json};

use crate::model::{Holdings, Invite, claim};
use crate::op::Op;
use crate::server::{Answer, Client};
use crate::settle::Lists;

/// An event that an act must lead to. What is not known of it is `None`.
#[derive(Clone, Debug)]
pub struct Act {
    word: Word,
    user: Option<u64>,
    detail: Option<(&'static str, Value)>,
}

impl Act {
    pub fn on(word: Word, user: impl Into<Option<u64>>) -> Self {
        Self { word, user: user.into(), detail: None }
    }

    /// `value`: null, if it is not known.
    pub fn with(word: Word, name: &'static str, value: impl Into<Value>) -> Self {
        Self { word, user: None, detail: Some((name, value.into())).filter(|(_, value)| !value.is_null()) }
    }

    fn is(&self, event: &Value) -> bool {
        event["event"] == self.word.as_str()
            && self.user.is_none_or(|user| event["user"] == user)
            && self.detail.as_ref().is_none_or(|(name, value)| event["details"][name] == *value)
    }
}

impl Op {
    /// The events it leads to, in order. Before it takes effect; `answer`: unless it was never heard.
    pub fn acts(&self, held: &Holdings, answer: Option<&Answer>) -> Vec<Act> {
        let body = answer.map(Answer::json).unwrap_or_default();
        let user = self.account().map(|place| held.accounts[place].id);
        let act = match self {
            Self::Add { .. } => Act::on(Word::UserAdded, body["id"].as_u64()),
            Self::Delete { .. } => Act::on(Word::UserDeleted, user),
            Self::Roles { account, roles } if held.accounts[*account].roles == *roles => return Vec::new(),
            Self::Roles { roles, .. } => Act { user, ..Act::with(Word::RolesChanged, "to", json!(roles)) },
            Self::Disable { disabled, .. } => Act::on(if *disabled { Word::UserDisabled } else { Word::UserEnabled }, user),
            Self::Code { .. } => Act::on(Word::ResetIssued, user),
            Self::Invite => {
                let made = body["code"].as_str().map(|code| Invite { code: code.to_owned(), good: true }.id());
                Act::with(Word::InviteMade, "invite", made)
            }
            Self::Withdraw { invite } => Act::with(Word::InviteDeleted, "invite", held.invites[*invite].id()),
            Self::Service { .. } => Act::with(Word::ServiceAdded, "service", body["id"].clone()),
            Self::Dismiss { service } => Act::with(Word::ServiceRemoved, "service", held.services[*service].id.clone()),
            Self::Rotate => {
                return [Word::KeyAdded, Word::KeyActivated].map(|word| Act::with(word, "kid", body["kid"].clone())).into();
            }
            _ => return Vec::new(),
        };
        vec![act]
    }
}

/// Whether a change that an event tells of is there.
fn is_true(event: &Value, lists: &Lists) -> bool {
    let (row, details) = (event["user"].as_u64().and_then(|id| lists.users.get(&id)), &event["details"]);
    let names = |name: &str, has: &dyn Fn(&str) -> bool| details[name].as_str().is_some_and(has);
    match event["event"].as_str().and_then(Word::parse) {
        Some(Word::UserAdded) => row.is_some(),
        Some(Word::UserDeleted) => row.is_none(),
        Some(Word::RolesChanged) => row.is_some_and(|row| row["roles"] == details["to"]),
        Some(Word::UserDisabled) => row.is_some_and(|row| row["disabled"] == true),
        Some(Word::UserEnabled) => row.is_some_and(|row| row["disabled"] == false),
        Some(Word::InviteMade) => names("invite", &|id| lists.invites.contains(id)),
        Some(Word::InviteDeleted) => names("invite", &|id| !lists.invites.contains(id)),
        Some(Word::ServiceAdded) => names("service", &|id| lists.services.contains_key(id)),
        Some(Word::ServiceRemoved) => names("service", &|id| !lists.services.contains_key(id)),
        Some(Word::KeyAdded | Word::KeyActivated) => names("kid", &|kid| lists.keys.contains(kid)),
        // That a code was made shows nowhere else.
        Some(Word::ResetIssued) => true,
        _ => false,
    }
}

/// What is known of the trail.
#[derive(Default)]
pub struct Trail {
    /// Acts, the oldest first, as many as are kept.
    known: VecDeque<Value>,
    /// The id of the last event, and its time.
    last: (u64, String),
    /// How many acts were read.
    pub read: u64,
    /// Most that one kill has lost, of all clients and of one of them.
    pub most_lost: (usize, usize),
    pub lost: usize,
}

impl Trail {
    /// After a restart, before anything is done: what lacks is an end. `whole`: nothing lacks, for the server was not killed at work.
    pub fn after_a_restart(&mut self, client: &Client, all: &mut [Holdings], lists: &Lists, whole: bool) -> Vec<String> {
        let (acts, mut faults) = self.news(client, all);
        let mut lost = 0;
        for held in all.iter_mut() {
            let pending = held.pending.as_ref().map(|op| op.acts(held, None)).unwrap_or_default();
            let found = of(&acts, held);
            match lacking(&held.acts, &pending, &found) {
                Ok(lacking) => {
                    lost += lacking;
                    self.most_lost.1 = self.most_lost.1.max(lacking);
                }
                Err(fault) => faults.push(fault),
            }
            if found.len() < held.sure {
                faults.push(format!("client {}: an act before its last write has no event, {:?}", held.number, held.acts.get(found.len())));
            }
            let untrue = found.iter().skip(held.acts.len()).filter(|event| !is_true(event, lists));
            faults.extend(untrue.map(|event| format!("an event tells of what was not done: {event}")));
            held.acts.clear();
            held.sure = 0;
        }
        if whole && lost > 0 {
            faults.push(format!("{lost} events are lost, though nobody was at work when the server ended, or it was not killed"));
        }
        self.lost += lost;
        self.most_lost.0 = self.most_lost.0.max(lost);
        faults
    }

    /// When all was compared: what was done for that has all its events.
    pub fn after_the_check(&mut self, client: &Client, all: &mut [Holdings]) -> Vec<String> {
        let (acts, mut faults) = self.news(client, all);
        for held in all {
            match lacking(&held.acts, &[], &of(&acts, held)) {
                Ok(0) => {}
                Ok(lacking) => faults.push(format!("client {}: the last {lacking} of {:?} have no event", held.number, held.acts)),
                Err(fault) => faults.push(fault),
            }
            held.acts.clear();
        }
        faults
    }

    /// Reads the ring from its beginning: it has what was read of it before.
    pub fn faults_of_the_ring(&self, client: &Client, admin: &str) -> Vec<String> {
        let acts: Vec<_> = newer_than(0, client, admin).into_iter().filter(is_act).collect();
        let odd = acts.iter().zip(&self.known).find(|(there, known)| there != known);
        if acts.len() == self.known.len() && odd.is_none() {
            return Vec::new();
        }
        vec![format!("of {} acts that were read there are {}; the first that differs: {odd:?}", self.known.len(), acts.len())]
    }

    /// The check of the check (`forge.rs`): what is forged of the trail and not noticed.
    pub fn unnoticed(&mut self, client: &Client, all: &[Holdings]) -> Vec<&'static str> {
        let known: Vec<_> = self.known.iter().cloned().collect();
        let found = of(&known, &all[0]);
        let of_event = |event: &&Value| {
            let word = event["event"].as_str().and_then(Word::parse).expect("a word");
            Act { word, user: event["user"].as_u64(), detail: None }
        };
        let acts: Vec<_> = found.iter().map(of_event).collect();
        let mut unnoticed = Vec::new();
        if lacking(&acts, &[], &found[1..]).is_ok() {
            unnoticed.push("an event is lost that is not the last");
        }
        if lacking(&acts[1..], &[], &found).is_ok() {
            unnoticed.push("an event tells of what nobody did");
        }
        self.known[0]["time"] = "".into();
        if self.faults_of_the_ring(client, &all[0].admin).is_empty() {
            unnoticed.push("an event has changed");
        }
        unnoticed
    }

    /// The acts since the last time.
    fn news(&mut self, client: &Client, all: &[Holdings]) -> (Vec<Value>, Vec<String>) {
        let events = newer_than(self.last.0, client, &all[0].admin);
        let mut faults = Vec::new();
        if let Some(early) = events.iter().find(|event| event["time"].as_str() < Some(&self.last.1)) {
            faults.push(format!("an event after the one of {} is of an earlier time: {early}", self.last.1));
        }
        let times = events.iter().filter_map(|event| event["time"].as_str());
        self.last.1 = times.fold(self.last.1.clone(), |latest, time| latest.max(time.to_owned()));
        self.last.0 = events.last().and_then(|event| event["id"].as_u64()).unwrap_or(self.last.0);
        let acts: Vec<_> = events.into_iter().filter(is_act).collect();
        self.known.extend(acts.iter().cloned());
        let kept = usize::try_from(KEPT_OF_EACH).expect("they are kept in memory");
        self.known.drain(..self.known.len().saturating_sub(kept));
        self.read += acts.len() as u64;
        let ours: Vec<_> = all.iter().map(actor).chain(["local".to_owned(), "server".to_owned()]).collect();
        let strange = acts.iter().filter(|event| !ours.iter().any(|actor| event["actor"] == **actor));
        faults.extend(strange.map(|event| format!("an event of nobody who acts here: {event}")));
        (acts, faults)
    }
}

/// Events after the one with an id, the oldest first.
fn newer_than(id: u64, client: &Client, admin: &str) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    let mut path = "/audit?limit=100".to_owned();
    loop {
        let page = client.with_token("GET", &path, admin).expect(200).json();
        let older = page["events"].as_array().expect("a list");
        events.extend(older.iter().take_while(|event| event["id"].as_u64() > Some(id)).cloned());
        let is_last = older.last().is_none_or(|event| event["id"].as_u64() <= Some(id));
        match page["next"].as_u64().filter(|_| !is_last) {
            Some(next) => path = format!("/audit?limit=100&before={next}"),
            None => break,
        }
    }
    events.reverse();
    events
}

/// Whether it is kept with what administrators do.
fn is_act(event: &Value) -> bool {
    event["event"].as_str().and_then(Word::parse).is_some_and(|word| word.class() == Class::Act)
}

/// Those a client's administrator has caused.
fn of<'a>(acts: &'a [Value], held: &Holdings) -> Vec<&'a Value> {
    acts.iter().filter(|event| event["actor"] == actor(held)).collect()
}

fn actor(held: &Holdings) -> String {
    format!("user:{}", claim(&held.admin, "sub"))
}

/// How many of the `acts` have no event. Those that have one must be the first, and `pending` may have some only after all of them.
fn lacking(acts: &[Act], pending: &[Act], found: &[&Value]) -> Result<usize, String> {
    let mut expected = acts.iter().chain(pending);
    for event in found {
        match expected.next() {
            Some(act) if act.is(event) => {}
            Some(act) => return Err(format!("where {act:?} should have an event there is {event}")),
            None => return Err(format!("an event tells of what nobody asked for: {event}")),
        }
    }
    Ok(acts.len().saturating_sub(found.len()))
}
