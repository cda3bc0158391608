//! What goes through a front: answers by route and status, and how long they took.
//!
//! Every route has its counters from the start, so counting one more is finding the route and adding to a number: no lock, no
//! allocation, and no more of them for any path that somebody thinks up. What no route knows, and what the front refuses
//! before the router sees it, counts together.

use std::time::Instant;

use rocket::{Request, Route};

use crate::metrics::{Counter, Text, Times};

/// The statuses that answers have; others are counted together.
const STATUSES: [(u16, &str); 21] = [
    (200, "200"),
    (201, "201"),
    (204, "204"),
    (302, "302"),
    (303, "303"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (431, "431"),
    (500, "500"),
    (501, "501"),
    (503, "503"),
];

/// Where a password is hashed, or may be.
const HASHING: [(&str, &str); 6] =
    [("POST", "/login"), ("POST", "/register"), ("POST", "/reset"), ("POST", "/setup"), ("POST", "/users"), ("PUT", "/me/password")];

/// What makes answers take their time. The label `kind`.
const KINDS: [&str; 4] = ["none", "read", "write", "password"];

/// See the module's page. By default it knows no route.
#[derive(Debug)]
pub struct Traffic {
    /// In order of their names, but the first, which is for what no route knows.
    routes: Vec<Counted>,
    times: [Times; KINDS.len()],
}

#[derive(Debug)]
struct Counted {
    /// Pattern and method.
    name: (String, &'static str),
    /// A place in [`KINDS`].
    kind: usize,
    /// By the places in [`STATUSES`]; the last is for others.
    statuses: [Counter; STATUSES.len() + 1],
}

impl Counted {
    fn new(name: (String, &'static str)) -> Self {
        let kind = match (name.1, name.0.as_str()) {
            (method, pattern) if HASHING.contains(&(method, pattern)) => 3,
            ("none", _) => 0,
            ("GET", _) => 1,
            _ => 2,
        };
        Self { name, kind, statuses: Default::default() }
    }

    fn answered(&self, status: u16) {
        let place = STATUSES.binary_search_by_key(&status, |(code, _)| *code).unwrap_or(STATUSES.len());
        self.statuses[place].count();
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self::of(std::iter::empty())
    }
}

impl Traffic {
    /// Of these routes.
    pub fn of<'r>(routes: impl Iterator<Item = &'r Route>) -> Self {
        let mut names: Vec<_> = routes.map(|route| (route.uri.path().to_owned(), route.method.as_str())).collect();
        names.sort_unstable();
        names.dedup();
        let unknown = Counted::new(("none".to_owned(), "none"));
        let routes = std::iter::once(unknown).chain(names.into_iter().map(Counted::new)).collect();
        Self { routes, times: Default::default() }
    }

    /// Counts Rocket's answer to a request that began then: when its last byte had come.
    pub fn answered(&self, request: &Request<'_>, status: u16, began: Instant) {
        let counted = request.route().and_then(|route| self.place(route)).map_or(&self.routes[0], |place| &self.routes[1 + place]);
        counted.answered(status);
        self.times[counted.kind].record(began.elapsed());
    }

    fn place(&self, route: &Route) -> Option<usize> {
        let wanted = (route.uri.path(), route.method.as_str());
        self.routes[1..].binary_search_by(|counted| (counted.name.0.as_str(), counted.name.1).cmp(&wanted)).ok()
    }

    /// Counts an answer that is not Rocket's.
    pub fn of_the_front(&self, status: u16) {
        self.routes[0].answered(status);
    }

    /// Writes what there was.
    pub fn write(&self, text: &mut Text) {
        let mut family = text.counter("doorward_http_requests_total", "Answers, by route and status; none: no route was found.");
        let names = || STATUSES.iter().map(|(_, name)| *name).chain(["other"]);
        for Counted { name: (pattern, method), statuses, .. } in &self.routes {
            for (status, count) in names().zip(statuses).filter(|(_, count)| count.value() > 0) {
                family.of(&[("method", *method), ("route", pattern.as_str()), ("status", status)], count.value());
            }
        }
        let about = "From a request's last byte to its answer; password: where one is hashed.";
        let mut family = text.times("doorward_http_request_duration_seconds", about);
        for (kind, times) in KINDS.iter().zip(&self.times) {
            family.took(&[("kind", *kind)], &times.taken());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_in_order_and_written_as_they_are() {
        assert!(STATUSES.is_sorted_by_key(|(code, _)| *code));
        assert!(STATUSES.iter().all(|(code, name)| code.to_string() == *name));
    }
}
