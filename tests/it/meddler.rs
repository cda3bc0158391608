//! A proxy that can change what a server answers: one request per connection, with or without TLS, under a path of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request that came by.
pub struct Request {
    /// Method and target, without the prefix.
    pub line: String,
    pub body: String,
    /// Whether it has a body or a token.
    pub has_content: bool,
    raw: Vec<u8>,
    upstream: SocketAddr,
}

/// Asks the server and gives its answer, head and body.
pub type Ask = fn(&Request) -> String;

/// What a proxy does with a request: answers itself, or changes what the server answers.
pub fn as_it_is(request: &Request, ask: Ask) -> String {
    ask(request)
}

fn ask(request: &Request) -> String {
    let mut server = TcpStream::connect(request.upstream).expect("the server");
    server.write_all(&request.raw).expect("the server reads");
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).expect("the server answers");
    String::from_utf8(answer).expect("an answer in UTF-8")
}

/// See the module's page. Its thread ends with the tests.
pub struct Meddler(SocketAddr);

impl Meddler {
    pub fn new(upstream: SocketAddr, answer: impl Fn(&Request, Ask) -> String + Send + 'static) -> Self {
        Self::start(upstream, String::new(), answer, Some)
    }

    pub fn with_tls(
        upstream: SocketAddr,
        config: Arc<ServerConfig>,
        prefix: &str,
        answer: impl Fn(&Request, Ask) -> String + Send + 'static,
    ) -> Self {
        Self::start(upstream, prefix.to_owned(), answer, move |stream| {
            Some(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).ok()?, stream))
        })
    }

    fn start<S: Read + Write>(
        upstream: SocketAddr,
        prefix: String,
        answer: impl Fn(&Request, Ask) -> String + Send + 'static,
        open: impl Fn(TcpStream) -> Option<S> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(mut client) = open(stream) else { continue };
                // A client that does not trust us breaks off.
                let Ok(Some(request)) = read(&mut client, &prefix, upstream) else { continue };
                let _ = client.write_all(answer(&request, ask).as_bytes()).and_then(|()| client.flush());
            }
        });
        Self(address)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.0)
    }

    pub const fn port(&self) -> u16 {
        self.0.port()
    }
}

/// Reads one request; as it is handed on, it closes the connection and has lost the prefix.
fn read(client: &mut impl Read, prefix: &str, upstream: SocketAddr) -> std::io::Result<Option<Request>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head in UTF-8").replacen(&format!(" {prefix}/"), " /", 1);
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    let (line, fields) = head.split_once("\r\n").expect("a request line");
    let raw = [format!("{line}\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.7\r\n{fields}").as_bytes(), &body].concat();
    let has_content = length > 0 || lower.contains("\r\nauthorization:");
    Ok(Some(Request { line: line.to_owned(), body: String::from_utf8_lossy(&body).into_owned(), has_content, raw, upstream }))
}
