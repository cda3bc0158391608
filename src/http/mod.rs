//! HTTP: what the connection front needs until the rest of the room is furnished.

pub mod front;
pub mod headers;
pub mod problem;

use rocket::http::Method;
use rocket::{Orbit, Rocket};

/// The `Allow` value for a path, `None` if no route knows it. A route for GET also answers HEAD.
///
/// Segments are compared as Rocket does (`<name>` fits any one, `<name..>` any number); query and format are
/// not looked at, for another query is another resource only by accident.
#[must_use]
pub fn allowed_methods(rocket: &Rocket<Orbit>, path: &str) -> Option<String> {
    let mut names: Vec<&str> = rocket.routes().filter(|route| fits(route.uri.path(), path)).map(|route| route.method.as_str()).collect();
    if names.contains(&Method::Get.as_str()) {
        names.push(Method::Head.as_str());
    }
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Whether `path` fits the pattern of a route.
fn fits(pattern: &str, path: &str) -> bool {
    let segments = |of: &'_ str| of.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (pattern, path) = (segments(pattern), segments(path));
    let rest = pattern.iter().position(|segment| segment.starts_with('<') && segment.ends_with("..>"));
    let (fixed, length_fits) = match rest {
        Some(at) => (&pattern[..at], path.len() >= at),
        None => (&pattern[..], path.len() == pattern.len()),
    };
    length_fits && fixed.iter().zip(&path).all(|(want, have)| (want.starts_with('<') && want.ends_with('>')) || want == have)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_path_fits_its_pattern_segment_by_segment() {
        for (pattern, path, expected) in [
            ("/", "/", true),
            ("/login", "/login", true),
            ("/login", "/Login", false),
            ("/login", "/login/x", false),
            ("/user/<id>", "/user/7", true),
            ("/user/<id>", "/user", false),
            ("/user/<id>/sessions", "/user/7/sessions", true),
            ("/files/<rest..>", "/files", true),
            ("/files/<rest..>", "/files/a/b", true),
            ("/files/<rest..>", "/other", false),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }
}
