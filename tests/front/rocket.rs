//! The Rocket behind the front under test.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};

use doorward::http::headers::{Security, StandardHeaders};
use rocket::data::{Data, ToByteUnit};
use rocket::fairing::AdHoc;
use rocket::http::uri::Host;
use rocket::http::{CookieJar, Header, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{Responder, Response};
use rocket::shield::Shield;
use rocket::tokio::io::{AsyncRead, ReadBuf};
use rocket::tokio::sync::Semaphore;
use rocket::{Build, Request, Rocket, State, catch, catchers, delete, get, post, routes};

/// What the routes have done, and when slow ones may go on. Shared with the test.
#[derive(Debug)]
pub struct Backstage {
    pub smuggled: AtomicUsize,
    pub deleted: AtomicUsize,
    pub slow_finished: AtomicUsize,
    slow_entered: Mutex<mpsc::Sender<()>>,
    pub slow: Mutex<mpsc::Receiver<()>>,
    pub release: Semaphore,
}

impl Backstage {
    fn new() -> Arc<Self> {
        let (slow_entered, slow) = mpsc::channel();
        Arc::new(Self {
            smuggled: AtomicUsize::new(0),
            deleted: AtomicUsize::new(0),
            slow_finished: AtomicUsize::new(0),
            slow_entered: Mutex::new(slow_entered),
            slow: Mutex::new(slow),
            release: Semaphore::new(0),
        })
    }
}

/// Everything that comes back when a request carries it: proof of the mapping.
struct Seen(String);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Seen {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let headers: Vec<_> = request.headers().get("x-seen").collect();
        let peer = request.remote().map(|peer| peer.ip().to_string()).unwrap_or_default();
        let content_type = request.content_type().map(ToString::to_string).unwrap_or_default();
        Outcome::Success(Self(format!("{} {} seen={headers:?} peer={peer} type={content_type}", request.method(), request.uri())))
    }
}

struct Broken(usize);

impl AsyncRead for Broken {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0 == 0 {
            return Poll::Ready(Err(io::Error::other("broken half-way")));
        }
        self.0 -= 1;
        buf.put_slice(b"half ");
        Poll::Ready(Ok(()))
    }
}

struct Streamed<R>(R);

impl<'r, R: AsyncRead + Send + 'r> Responder<'r, 'r> for Streamed<R> {
    fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'r> {
        Response::build().streamed_body(self.0).ok()
    }
}

struct Sized(&'static str, usize);

impl<'r> Responder<'r, 'static> for Sized {
    fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'static> {
        Response::build().sized_body(Some(self.1), Cursor::new(self.0)).ok()
    }
}

struct BadHeader;

impl<'r> Responder<'r, 'static> for BadHeader {
    fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'static> {
        Response::build().header(Header::new("X-Bad", "a\r\nX-Split: b")).ok()
    }
}

#[get("/bare")]
fn bare() -> &'static str {
    "bare"
}

#[get("/seen")]
fn seen(seen: Seen) -> String {
    seen.0
}

#[post("/echo", data = "<data>")]
async fn echo(data: Data<'_>) -> io::Result<String> {
    Ok(data.open(1.mebibytes()).into_string().await?.into_inner())
}

#[post("/introspect", data = "<data>")]
async fn introspect(data: Data<'_>) -> io::Result<String> {
    echo(data).await
}

#[get("/slow")]
async fn slow(backstage: &State<Arc<Backstage>>) -> &'static str {
    let entered = backstage.slow_entered.lock().expect("no panic while held").clone();
    entered.send(()).expect("the test is there");
    backstage.release.acquire().await.expect("never closed").forget();
    backstage.slow_finished.fetch_add(1, Ordering::SeqCst);
    "slow"
}

#[get("/panic")]
fn panic() -> &'static str {
    panic!("a handler's panic, as the test wants it")
}

#[get("/big?<size>")]
fn big(size: usize) -> String {
    "x".repeat(size)
}

#[get("/broken")]
fn broken() -> Streamed<Broken> {
    Streamed(Broken(3))
}

#[get("/stream")]
fn stream() -> Streamed<Cursor<&'static str>> {
    Streamed(Cursor::new("streamed"))
}

#[get("/short")]
fn short() -> Sized {
    Sized("short", 9)
}

#[get("/bad-header")]
fn bad_header() -> BadHeader {
    BadHeader
}

#[get("/user/<id>")]
fn user(id: &str) -> String {
    format!("user {id}")
}

#[delete("/user/<_>")]
fn delete_user(backstage: &State<Arc<Backstage>>) -> &'static str {
    backstage.deleted.fetch_add(1, Ordering::SeqCst);
    "deleted"
}

#[get("/smuggled")]
fn smuggled(backstage: &State<Arc<Backstage>>) -> &'static str {
    backstage.smuggled.fetch_add(1, Ordering::SeqCst);
    "smuggled"
}

#[get("/no-content")]
fn no_content() -> Status {
    Status::NoContent
}

#[get("/not-modified")]
fn not_modified() -> (Status, ()) {
    (Status::NotModified, ())
}

#[get("/teapot")]
fn teapot() -> (Status, &'static str) {
    (Status::ImATeapot, "short and stout")
}

#[get("/cookies")]
fn cookies(jar: &CookieJar<'_>) -> String {
    jar.add(("set", "by the route"));
    let mut cookies: Vec<_> = jar.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
    cookies.sort();
    cookies.join(",")
}

#[get("/host")]
fn host(host: Option<&Host<'_>>) -> String {
    host.map(ToString::to_string).unwrap_or_default()
}

#[catch(default)]
fn problem(status: Status, request: &Request<'_>) -> String {
    format!("{} for {}", status.code, request.method())
}

/// Quiet, on any port, with only its own figures in the way.
fn figment() -> rocket::figment::Figment {
    rocket::figment::Figment::from(rocket::Config::debug_default())
        .merge(("address", "127.0.0.1"))
        .merge(("port", 0))
        .merge(("workers", 1))
        .merge(("log_level", "off"))
        .merge(("cli_colors", false))
        .merge(("ident", false))
        .merge(("ip_header", false))
        .merge(("shutdown.ctrlc", false))
        .merge(("shutdown.signals", Vec::<String>::new()))
        .merge(("shutdown.grace", 0))
        .merge(("shutdown.mercy", 0))
}

/// The Rocket, and what its routes share with the test.
pub fn build() -> (Rocket<Build>, Arc<Backstage>) {
    let backstage = Backstage::new();
    let session = routes![bare, seen, echo, introspect, slow, panic, big, broken, stream, short, bad_header];
    let rest = routes![user, delete_user, smuggled, no_content, not_modified, teapot, cookies, host];
    let rocket = rocket::custom(figment())
        .manage(Arc::clone(&backstage))
        .mount("/", session)
        .mount("/", rest)
        .register("/", catchers![problem])
        .attach(Shield::new())
        .attach(StandardHeaders(Security::default()))
        .attach(AdHoc::on_request("panics when told to", |request, _| {
            Box::pin(
                async move { assert!(!request.headers().contains("x-panic-early"), "a request fairing's panic, as the test wants it") },
            )
        }))
        .attach(AdHoc::on_response("panics when told to, too", |request, _| {
            Box::pin(
                async move { assert!(!request.headers().contains("x-panic-late"), "a response fairing's panic, as the test wants it") },
            )
        }));
    (rocket, backstage)
}
