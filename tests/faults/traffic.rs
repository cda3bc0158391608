//! Requests and their answers, put together from a trace, and what they promise.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::Value;

use crate::server::{Client, PASSWORD, Pair};
use crate::trace::{Call, What};

/// A request and its answer.
#[derive(Debug)]
pub struct Exchange {
    /// Place of the first byte that came, and of the call that begins to answer.
    pub asked: usize,
    pub answered: usize,
    /// Method and path.
    pub line: String,
    pub bearer: Option<String>,
    pub body: Value,
    pub status: u16,
    pub answer: Value,
}

/// Every exchange of a trace, in order of the answers.
pub fn exchanges(calls: &[Call]) -> Vec<Exchange> {
    let mut heard: HashMap<u32, (usize, Vec<u8>)> = HashMap::new();
    let mut exchanges = Vec::new();
    for call in calls {
        match &call.what {
            What::Receive { from, data } if !data.is_empty() => {
                heard.entry(*from).or_insert((call.begin, Vec::new())).1.extend(data);
            }
            What::Send { to, data } => {
                if let Some((asked, request)) = heard.remove(to) {
                    exchanges.extend(exchange(asked, &request, call.begin, data));
                }
            }
            _ => {}
        }
    }
    exchanges
}

fn exchange(asked: usize, request: &[u8], answered: usize, answer: &[u8]) -> Option<Exchange> {
    let split = |message: &[u8]| {
        let text = String::from_utf8_lossy(message).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        Some((head.to_owned(), serde_json::from_str(body).unwrap_or_default()))
    };
    let ((head, body), (answer_head, answer)) = (split(request)?, split(answer)?);
    let bearer = head.lines().find_map(|line| line.split_once(": Bearer ")).map(|(_, token)| token.to_owned());
    let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Exchange { asked, answered, line, bearer, body, status: answer_head.get(9..12)?.parse().ok()?, answer })
}

/// The claims of a token.
pub fn claims(token: &str) -> Value {
    serde_json::from_slice(&BASE64URL.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// Uses a server from several clients at once: users, whose names begin with `name`, come and go, log in, refresh and log out.
pub fn load(url: &str, name: &str, clients: usize, rounds: usize) {
    std::thread::scope(|scope| {
        for number in 0..clients {
            scope.spawn(move || {
                let client = Client::of(url);
                for round in 0..rounds {
                    life(&client, &format!("{name}{number}-{round}"), round);
                }
            });
        }
    });
}

fn life(client: &Client, name: &str, round: usize) {
    let mut pair = client.newcomer(name);
    for _ in 0..12 {
        pair = Pair::of(&client.refresh(&pair.refresh).expect(200));
    }
    match round % 3 {
        0 => {
            client.logout(&pair.access).expect(200);
        }
        1 => {
            let login = client.login(name);
            client.with_token("DELETE", &format!("/user/{}", claims(&login.access)["sub"].as_str().unwrap()), &login.access).expect(200);
        }
        _ => {}
    }
}

/// What must hold of one user or session when the power went at some moment.
#[derive(Debug, PartialEq)]
pub enum Promise {
    User {
        name: String,
    },
    NoUser {
        name: String,
    },
    Open {
        access: String,
        refresh: String,
    },
    Ended {
        access: String,
        refresh: String,
    },
    /// Something was under way: only no server error.
    Either {
        access: String,
    },
}

/// What a thing went through: the place of the answer, unless that came later, and what is true since.
struct Past(Vec<(bool, Promise)>);

impl Past {
    /// What was promised last, or nothing if more was asked for. An end stays an end.
    fn promise(self) -> Option<Promise> {
        let ends = |promise: &Promise| matches!(promise, Promise::NoUser { .. } | Promise::Ended { .. });
        let mut last = None;
        for (is_answered, promise) in self.0 {
            if is_answered {
                if ends(&promise) {
                    return Some(promise);
                }
                last = Some(promise);
            } else {
                last = match promise {
                    Promise::Open { access, .. } | Promise::Ended { access, .. } => Some(Promise::Either { access }),
                    _ => None,
                };
                // Whatever comes now was asked for later by somebody who had not this answer.
            }
        }
        last
    }
}

/// Everything promised before a place of the trace.
pub fn promises(exchanges: &[Exchange], before: usize) -> Vec<Promise> {
    let mut pasts: BTreeMap<String, Past> = BTreeMap::new();
    let mut owners: HashMap<String, (String, Vec<String>)> = HashMap::new();
    let mut tokens: HashMap<String, Pair> = HashMap::new();
    // What was refused for the moment changed nothing.
    for exchange in exchanges.iter().filter(|exchange| exchange.asked < before && exchange.status != 503) {
        let is_answered = exchange.answered < before;
        let mut note = |of: &str, promise| pasts.entry(of.to_owned()).or_insert(Past(Vec::new())).0.push((is_answered, promise));
        let pair = |from: &Value| {
            let text = |name: &str| from[name].as_str().unwrap_or_default().to_owned();
            Pair { access: text("access_token"), refresh: text("refresh_token") }
        };
        let name = exchange.body["username"].as_str().unwrap_or_default().to_owned();
        let session = exchange.bearer.as_deref().map(|token| claims(token)["sid"].as_str().unwrap().to_owned());
        match (exchange.line.as_str(), exchange.status, session) {
            ("POST /register", 201, _) => note(&name.clone(), Promise::User { name }),
            ("POST /login", 200, _) => {
                let pair = pair(&exchange.answer);
                let said = claims(&pair.access);
                let id = said["sid"].as_str().unwrap().to_owned();
                let of = owners.entry(said["sub"].as_str().unwrap().to_owned()).or_insert_with(|| (name, Vec::new()));
                of.1.push(id.clone());
                note(&id, Promise::Open { access: pair.access.clone(), refresh: pair.refresh.clone() });
                tokens.insert(id, pair);
            }
            ("POST /refresh", 200, Some(id)) => {
                let pair = pair(&exchange.answer);
                note(&id, Promise::Open { access: pair.access.clone(), refresh: pair.refresh.clone() });
                tokens.insert(id, pair);
            }
            ("POST /logout", 200, Some(id)) => {
                let Pair { access, refresh } = tokens[&id].clone();
                note(&id, Promise::Ended { access, refresh });
            }
            (line, 200, Some(_)) if line.starts_with("DELETE /user/") => {
                let (name, sessions) = &owners[line.trim_start_matches("DELETE /user/")];
                note(name, Promise::NoUser { name: name.clone() });
                for id in sessions {
                    let Pair { access, refresh } = tokens[id].clone();
                    note(id, Promise::Ended { access, refresh });
                }
            }
            (line, status, _) => panic!("{line} was answered {status} {}", exchange.answer),
        }
    }
    pasts.into_values().filter_map(Past::promise).collect()
}

impl Promise {
    /// What is wrong, if it is not kept.
    pub fn broken(&self, client: &Client) -> Option<String> {
        let login = |name: &str| client.try_login(name, PASSWORD);
        let answers = match self {
            Self::User { name } => vec![(login(name), 200)],
            Self::NoUser { name } => vec![(login(name), 401)],
            Self::Open { access, refresh } => vec![(client.test(access), 200), (client.refresh(refresh), 200)],
            Self::Ended { access, refresh } => vec![(client.test(access), 401), (client.refresh(refresh), 401)],
            Self::Either { access } => {
                let answer = client.test(access);
                let expected = if answer.status == 200 { 200 } else { 401 };
                vec![(answer, expected)]
            }
        };
        let wrong = answers.into_iter().find(|(answer, expected)| answer.status != *expected);
        wrong.map(|(answer, expected)| format!("{self:?}: {} {} instead of {expected}", answer.status, answer.text))
    }
}
