//! Notices a line feed without its carriage return in a request's head.
//!
//! hyper takes a bare LF for the end of a line, as RFC 9112 §2.2 allows; a proxy may take it for data, and then the
//! two disagree about where a request ends (request smuggling). So a head that has one is refused.
//!
//! It looks at what arrives while a head is awaited, up to the end of that head. A head that follows in the same
//! packet as the one before it (pipelining) is not looked at: where it begins is known only to hyper.

/// Reads a head as it comes, in pieces of any size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LineEnds {
    /// Empty lines before the request line are skipped (RFC 9112 §2.2).
    #[default]
    Leading,
    /// Within a line.
    Text,
    /// After a CR that ends a line.
    TextCr,
    /// At the beginning of a line.
    LineStart,
    /// After a CR at the beginning of a line.
    LineStartCr,
    /// The head has ended, one way or the other.
    Over,
}

impl LineEnds {
    /// Reads on. True if a bare LF was found.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        loop {
            if *self == Self::Text {
                // Nothing but an end of line changes this state.
                rest = memchr::memchr2(b'\r', b'\n', rest).map_or(&[], |end| &rest[end..]);
            }
            let Some((&byte, after)) = rest.split_first() else { return false };
            rest = after;
            *self = match (*self, byte) {
                (Self::Over, _) => return false,
                (Self::Leading, b'\r' | b'\n') => Self::Leading,
                (Self::Text | Self::LineStart, b'\n') => {
                    *self = Self::Over;
                    return true;
                }
                (Self::Text | Self::TextCr, b'\r') => Self::TextCr,
                (Self::TextCr, b'\n') => Self::LineStart,
                (Self::LineStart, b'\r') => Self::LineStartCr,
                (Self::LineStartCr, b'\n') => Self::Over,
                _ => Self::Text,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LineEnds;

    /// In one piece and byte by byte.
    fn bare(head: &str) -> bool {
        let whole = LineEnds::default().read(head.as_bytes());
        let mut ends = LineEnds::default();
        let pieces = head.as_bytes().chunks(1).any(|piece| ends.read(piece));
        assert_eq!(whole, pieces, "{head:?}");
        whole
    }

    #[test]
    fn a_bare_line_feed_is_found_wherever_it_is() {
        for head in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nX: a\n\nGET /b HTTP/1.1\r\n",
        ] {
            assert!(bare(head), "{head:?}");
        }
    }

    #[test]
    fn a_proper_head_is_left_alone_and_so_is_what_follows_it() {
        for head in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\nGET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\n\r\n{\n}\n"] {
            assert!(!bare(head), "{head:?}");
        }
    }
}
