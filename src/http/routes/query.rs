//! What a list takes in its query.

use std::collections::HashSet;
use std::convert::Infallible;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use crate::error::Faults;
use crate::http::problem::Problem;

/// Most items of one page.
pub const PAGE: usize = 100;

/// The names in a query, as often as they are there. Rocket takes the first of a name and passes over what it does not know.
pub struct Names<'r>(Vec<&'r str>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Names<'r> {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        let segments = request.uri().query().into_iter().flat_map(|query| query.segments());
        Outcome::Success(Self(segments.map(|(name, _)| name).collect()))
    }
}

impl Names<'_> {
    /// A fault for each name that is not one of these, or there twice.
    pub fn faults(&self, known: &[&str]) -> Faults {
        let (mut faults, mut seen, mut told) = (Faults::default(), HashSet::new(), HashSet::new());
        for name in &self.0 {
            let twice = !seen.insert(name);
            let fault = if known.contains(name) { "Field is there twice." } else { "Unknown field." };
            if (twice || !known.contains(name)) && told.insert(name) {
                faults.add(name, fault);
            }
        }
        faults
    }
}

/// `value`, if nothing is wrong.
///
/// # Errors
/// The [`Problem`] that names every fault.
pub fn or<T>(faults: &Faults, value: T) -> Result<T, Problem> {
    if faults.is_empty() { Ok(value) } else { Err(Problem::invalid_query(faults)) }
}

/// A value that is read, or the fault that it cannot be.
pub fn read<T>(faults: &mut Faults, name: &str, value: Option<&str>, parse: impl FnOnce(&str) -> Option<T>, fault: &str) -> Option<T> {
    let read = parse(value?);
    if read.is_none() {
        faults.add(name, fault);
    }
    read
}

/// How many items a page is to have.
pub fn limit(faults: &mut Faults, value: Option<&str>) -> usize {
    let parse = |limit: &str| limit.parse().ok().filter(|limit| (1..=PAGE).contains(limit));
    read(faults, "limit", value, parse, "Must be a number from 1 to 100.").unwrap_or(PAGE)
}
