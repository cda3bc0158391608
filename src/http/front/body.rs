//! Request bodies: read whole, within a length and a time, before Rocket sees the request.
//!
//! Rocket looks at a body before any code of ours runs, so a body that does not come would hold the request where
//! no guard could see it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use rocket::form::Form;
use tokio::time::{Instant, timeout, timeout_at};

use super::Limits;
use crate::http::problem::{Kind, Problem};
use crate::task;

/// A refused body is read on for this long, so that the peer sees the answer and not a reset connection …
const LINGER: Duration = Duration::from_secs(2);
/// … and at most this far. Then the peer's window fills up, and it waits.
const LINGER_BYTES: usize = 1 << 20;

/// The whole body.
///
/// # Errors
/// `too_large` at once if it is announced longer than the limit (nothing is read, so `Expect: 100-continue` gets no 100) and as
/// soon as it is longer; `timeout` if it does not come in time; `invalid_request` if its chunks are malformed or it ends early.
pub(super) async fn read(body: &mut Incoming, limits: &Limits) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > limits.body_bytes {
        return Err(too_large(limits));
    }
    let deadline = Instant::now() + limits.body;
    let mut whole = Whole::default();
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| Problem::new(Kind::Timeout))?;
        let data = match frame {
            None => return Ok(whole.finish()),
            Some(Err(_)) => return Err(Problem::new(Kind::InvalidRequest).message("The body is malformed or ends too early.")),
            // Trailers say nothing to us.
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        if (whole.len() + data.len()) as u64 > limits.body_bytes {
            return Err(too_large(limits));
        }
        whole.push(data);
    }
}

fn too_large(limits: &Limits) -> Problem {
    Problem::new(Kind::TooLarge).message(format!("The body is longer than {} bytes.", limits.body_bytes))
}

/// Pieces of a body. The usual single piece is not copied.
#[derive(Default)]
struct Whole {
    first: Bytes,
    joined: Vec<u8>,
}

impl Whole {
    fn len(&self) -> usize {
        self.first.len().max(self.joined.len())
    }

    fn push(&mut self, data: Bytes) {
        if self.first.is_empty() {
            self.first = data;
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&self.first);
        }
        self.joined.extend_from_slice(&data);
    }

    fn finish(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.into() }
    }
}

/// Reads on and forgets (RFC 9112 §9.6). Closing a socket with unread bytes resets the connection, and a reset may
/// overtake the answer. The connection stays open until the body ends, the peer goes, or the time is up.
pub(super) fn linger(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    let rest = timeout(LINGER, async move {
        let mut left = LINGER_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                std::future::pending::<()>().await;
            }
        }
    });
    task::spawn(async { drop(rest.await) });
}

/// Whether Rocket would take this body, sent as a form, for another method: it reads the first field's name as a
/// path of keys, so `_method=`, `&_method=` and `[_method]=` are all the same to it.
pub(super) fn overrides_method(body: &[u8]) -> bool {
    let start = body.iter().position(|byte| *byte != b'&').unwrap_or(body.len());
    let head = &body[start..body.len().min(start + 64)];
    let text = std::str::from_utf8(head).unwrap_or_else(|error| std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default());
    Form::<()>::values(text).next().is_some_and(|field| field.name == "_method")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_method_field_is_seen() {
        for body in
            ["_method=delete", "_method=", "&_method=put", "&&&&&&&&&&&&&&&&_method=put", "[_method]=put", "._method=put", "_method"]
        {
            assert!(overrides_method(body.as_bytes()), "{body}");
        }
        assert!(overrides_method(b"_method=put\xff"));
    }

    #[test]
    fn other_bodies_are_left_alone() {
        for body in ["", "{}", r#"{"_method":"delete"}"#, "token=_method", "token=a&_method=put", "_methods=delete"] {
            assert!(!overrides_method(body.as_bytes()), "{body}");
        }
        assert!(!overrides_method(b"\xff_method=put"));
    }

    #[test]
    fn pieces_are_joined_in_order() {
        let mut whole = Whole::default();
        for piece in ["", "ab", "", "c", "de"] {
            whole.push(Bytes::from_static(piece.as_bytes()));
        }
        assert_eq!(whole.len(), 5);
        assert_eq!(whole.finish(), "abcde");
    }
}
