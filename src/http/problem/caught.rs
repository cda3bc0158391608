//! What a guard refuses with, and the only catcher: both give the same body as a handler.

use std::sync::{Mutex, PoisonError};

use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::Request;
use rocket::{Catcher, catch, catchers};

use super::{Kind, Problem};
use crate::http::allowed_methods;

/// What a guard refused with. Rocket hands the catcher a bare status; this keeps the rest for it.
#[derive(Default)]
struct Refusal(Mutex<Option<Problem>>);

/// Refuses from a guard: an error, not a forward, so that no later route gets the request.
pub(in crate::http) fn refuse<T, F>(request: &Request<'_>, problem: Problem) -> Outcome<T, (Status, Problem), F> {
    let status = Status::new(problem.status());
    let refusal = request.local_cache(Refusal::default);
    *refusal.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem.clone());
    Outcome::Error((status, problem))
}

/// The only catcher.
pub(in crate::http) fn catchers() -> Vec<Catcher> {
    catchers![caught]
}

#[catch(default)]
fn caught(status: Status, request: &Request<'_>) -> Problem {
    let refusal = request.local_cache(Refusal::default).0.lock().unwrap_or_else(PoisonError::into_inner).take();
    // An optional guard may have left one that was not final.
    if let Some(problem) = refusal.filter(|problem| problem.status() == status.code) {
        return problem;
    }
    match status.code {
        404 => absent(request.rocket(), request.uri().path().as_str()),
        code => Kind::ALL.into_iter().find(|kind| kind.status() == code).map_or_else(|| Problem::new(Kind::Internal), Problem::new),
    }
}

/// The answer where no route matched: Rocket does not tell a wrong method from a wrong path (RFC 9110 §15.5.6).
#[must_use]
pub fn absent(rocket: &rocket::Rocket<rocket::Orbit>, path: &str) -> Problem {
    match allowed_methods(rocket, path) {
        Some(allow) => Problem::new(Kind::MethodNotAllowed).header("Allow", allow),
        None => Problem::new(Kind::NotFound),
    }
}
