//! A client that sends exactly what it is told and reads exactly what comes.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Nothing takes this long unless it hangs, also on a machine with much other work.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// A header's value; two of one name are a fault in every test.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(have, _)| have == name).map(|(_, value)| value.as_str());
        let first = values.next();
        assert_eq!(values.next(), None, "two {name} headers in {self:?}");
        first
    }

    /// The word of a `Problem`, with what every problem has checked on the way.
    pub fn error(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no problem: {self:?}"));
        assert_eq!(problem["code"], self.status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        for name in ["x-request-id", "cache-control", "x-content-type-options", "date", "content-length"] {
            assert!(self.header(name).is_some(), "{name} is missing in {self:?}");
        }
        problem["error"].as_str().expect("a word").to_owned()
    }

    pub fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub fn open(port: u16) -> Self {
        Self::open_at(Ipv4Addr::LOCALHOST.into(), port)
    }

    pub fn open_at(ip: IpAddr, port: u16) -> Self {
        Self::try_open(ip, port).expect("the server listens")
    }

    /// `Err` when nobody listens.
    pub fn try_open(ip: IpAddr, port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect((ip, port))?;
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends bytes. A peer that has closed already is not an error: its answer says why.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.try_send(bytes);
        self
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// A request without a body.
    pub fn request(&mut self, line: &str) -> &mut Self {
        self.send(format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// A request with a body of its length.
    pub fn post(&mut self, path: &str, headers: &str, body: &str) -> &mut Self {
        self.send(format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()))
    }

    /// No more requests.
    pub fn half_close(&mut self) -> &mut Self {
        // Fails if the server has closed already.
        let _ = self.stream.shutdown(Shutdown::Write);
        self
    }

    /// Reads once. False at the end, and a reset is an end.
    fn fill(&mut self) -> bool {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(read) => {
                self.buffer.extend_from_slice(&piece[..read]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe) => {
                false
            }
            Err(error) => panic!("{error}, after {:?}", String::from_utf8_lossy(&self.buffer)),
        }
    }

    /// Reads that much more, for an answer to come.
    pub fn read_at_least(&mut self, more: usize) {
        let enough = self.buffer.len() + more;
        while self.buffer.len() < enough {
            assert!(self.fill(), "the connection ends early");
        }
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        self.next_answer(true).expect("an answer")
    }

    /// The next answer, to a HEAD request.
    pub fn answer_to_head(&mut self) -> Answer {
        self.next_answer(false).expect("an answer")
    }

    /// The next answer, unless the connection ends before.
    pub fn next_answer(&mut self, has_body: bool) -> Option<Answer> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            if !self.fill() {
                assert!(self.buffer.is_empty(), "half an answer: {:?}", String::from_utf8_lossy(&self.buffer));
                return None;
            }
        };
        let head = String::from_utf8(self.buffer[..end].to_vec()).expect("a head in UTF-8");
        self.buffer.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).expect("a status line");
        let headers =
            lines.map(|line| line.split_once(": ").expect("a header")).map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect();
        let mut answer = Answer { status, headers, body: String::new() };
        if has_body && status >= 200 && !matches!(status, 204 | 304) {
            answer.body = self.body(&answer);
        }
        Some(answer)
    }

    fn body(&mut self, answer: &Answer) -> String {
        let bytes = match answer.header("content-length") {
            Some(length) => self.take(length.parse().expect("a length")),
            None if answer.header("transfer-encoding") == Some("chunked") => self.chunks(),
            None => self.rest(),
        };
        String::from_utf8(bytes).expect("a body in UTF-8")
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.fill(), "the body ends early");
        }
        self.buffer.drain(..length).collect()
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(at) = find(&self.buffer, b"\r\n") {
                    break self.take(at + 2);
                }
                assert!(self.fill(), "the chunks end early");
            };
            let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).expect("a chunk size");
            body.extend(self.take(size));
            self.take(2);
            if size == 0 {
                return body;
            }
        }
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// Waits for the end of the connection, before which nothing more may come, and says how long that took.
    pub fn end(&mut self) -> Duration {
        let start = Instant::now();
        let rest = self.rest();
        assert!(rest.is_empty(), "unexpected: {:?}", String::from_utf8_lossy(&rest));
        start.elapsed()
    }

    /// Whether the peer has given the connection up. Reads nothing; what is written is lost on it.
    pub fn has_been_reset(&mut self) -> bool {
        match self.stream.write_all(b"x") {
            Ok(()) => false,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
                true
            }
        }
    }

    /// Whether nothing at all comes for a while.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("a socket");
        let silent =
            matches!(self.stream.peek(&mut [0]), Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        silent && self.buffer.is_empty()
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Sends raw bytes on a connection of their own and returns every answer until it ends.
pub fn answers(port: u16, raw: impl AsRef<[u8]>) -> Vec<Answer> {
    let mut wire = Wire::open(port);
    wire.send(raw).half_close();
    std::iter::from_fn(|| wire.next_answer(true)).collect()
}
