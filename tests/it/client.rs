//! A client for a running server, and what it is answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{PASSWORD, credentials};

/// Longer than any answer takes, also on a machine with much other work.
const PATIENCE: Duration = Duration::from_secs(120);

/// Requests of this process so far; the corpus prints it.
pub static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// An HTTP client that keeps its connections and takes every status as an answer, but asks again while passwords are hashed for
/// others: a machine with much other work is no fault.
#[derive(Clone)]
pub struct Client {
    url: String,
    agent: ureq::Agent,
    patience: Duration,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    /// The word of an error, or nothing.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    /// Whether it was sent away because passwords are hashed for too many others.
    pub fn is_overloaded(&self) -> bool {
        self.status == 503 && self.text.contains("\"overloaded\"")
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn refused(self, status: u16, word: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.error(), word, "{}", answer.text);
        answer
    }
}

/// A pair of tokens.
#[derive(Debug, Clone)]
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

impl Pair {
    pub fn of(answer: &Answer) -> Self {
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

impl Client {
    pub fn of(url: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true).max_redirects(0);
        // No proxy that the environment names is between us and this machine, and no test waits for ever for an answer.
        let agent = config.proxy(None).timeout_global(Some(PATIENCE)).build().new_agent();
        Self { url: url.to_owned(), agent, patience: PATIENCE }
    }

    /// The same, for whom being sent away is an answer, too.
    pub fn impatient(mut self) -> Self {
        self.patience = Duration::ZERO;
        self
    }

    /// One request; `Err` when no answer came.
    pub fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<Answer, ureq::Error> {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body).expect("a request"))?,
            None => self.agent.run(request.body(()).expect("a request"))?,
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, text: response.body_mut().read_to_string()? })
    }

    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
            if !answer.is_overloaded() || began.elapsed() >= self.patience {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub fn json(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
        self.send(method, path, &headers, Some(body.to_string().as_bytes()))
    }

    #[track_caller]
    pub fn with_token(&self, method: &str, path: &str, token: &str) -> Answer {
        self.send(method, path, &[("Authorization", &format!("Bearer {token}"))], None)
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    #[track_caller]
    pub fn register(&self, username: &str) -> Answer {
        self.json("POST", "/register", None, &credentials(username))
    }

    #[track_caller]
    pub fn try_login(&self, username: &str, password: &str) -> Answer {
        self.json("POST", "/login", None, &json!({"username": username, "password": password}))
    }

    #[track_caller]
    pub fn login(&self, username: &str) -> Pair {
        Pair::of(&self.try_login(username, PASSWORD).expect(200))
    }

    /// A user that is registered and logged in.
    #[track_caller]
    pub fn newcomer(&self, username: &str) -> Pair {
        self.register(username).expect(201);
        self.login(username)
    }

    #[track_caller]
    pub fn test(&self, token: &str) -> Answer {
        self.with_token("GET", "/test", token)
    }

    #[track_caller]
    pub fn refresh(&self, token: &str) -> Answer {
        self.with_token("POST", "/refresh", token)
    }

    #[track_caller]
    pub fn logout(&self, token: &str) -> Answer {
        self.with_token("POST", "/logout", token)
    }
}
