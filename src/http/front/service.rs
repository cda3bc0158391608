//! One request, from a whole head to the answer: refuse or read, hand over, read back. Never fails: a panic anywhere in
//! here is an answer too.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use rocket::futures::FutureExt;
use rocket::local::asynchronous::{Client, LocalResponse};

use super::request::{self, Refusal, Vetted};
use super::response::Standard;
use super::tls::Tls;
use super::{Limits, body, response};
use crate::http::cors::CorsOrigins;
use crate::http::headers::Security;
use crate::http::pattern;
use crate::http::problem::{Kind, Problem};
use crate::http::traffic::Traffic;
use crate::trace::{RequestId, Trace};

/// Which version answers; told at the local socket only.
pub const VERSION_HEADER: &str = "doorward-version";

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer {
    /// Anybody, from this address.
    Remote(SocketAddr),
    /// Whoever may administer this server, under this user id.
    Local(u32),
}

/// What every connection needs. Its `Client` is untracked: requests share nothing.
#[derive(Debug)]
pub(super) struct Front {
    client: Arc<Client>,
    standard: Standard,
    cors: CorsOrigins,
    pub(super) limits: Limits,
    pub(super) tls: Option<Arc<Tls>>,
    traffic: Arc<Traffic>,
}

impl Front {
    /// Takes what the settings say of headers from Rocket's managed state, as the fairing does.
    pub(super) fn new(client: Arc<Client>, limits: Limits, tls: Option<Arc<Tls>>) -> Self {
        let security = client.rocket().state::<Security>().copied().unwrap_or_default();
        let cors = client.rocket().state::<CorsOrigins>().cloned().unwrap_or_default();
        let traffic = client.rocket().state::<Arc<Traffic>>().cloned().unwrap_or_default();
        Self { client, standard: Standard::new(security), cors, limits, tls, traffic }
    }

    /// Answers one request. `bare_line_feed`: its head had one.
    pub(super) async fn answer(&self, peer: Peer, request: Request<Incoming>, bare_line_feed: bool) -> Response<Full<Bytes>> {
        let id = RequestId::next();
        let (parts, body) = request.into_parts();
        let answered = AssertUnwindSafe(self.exchange(id, peer, &parts, body, bare_line_feed)).catch_unwind().await;
        let mut response = answered.unwrap_or_else(|_| {
            tracing::error!(request = %id, route = pattern(self.client.rocket(), parts.uri.path()), "a request failed: panic");
            response::closing(self.refuse(&Problem::new(Kind::Internal)))
        });
        self.complete(&parts, &mut response, id);
        if let Peer::Local(_) = peer {
            response.headers_mut().insert(VERSION_HEADER, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
        }
        response
    }

    async fn exchange(&self, id: RequestId, peer: Peer, parts: &Parts, mut body: Incoming, bare_line_feed: bool) -> Response<Full<Bytes>> {
        let vetted = match bare_line_feed {
            true => Err(Refusal::bare_line_feed()),
            // hyper looks at its limit between two reads only.
            false if request::head_bytes(parts) > self.limits.head_bytes => Err(Problem::new(Kind::HeadersTooLarge).into()),
            false => request::vet(parts, self.client.rocket()),
        };
        // A refused request's body is read like any other, so that the connection can stay; but not if the peer waits
        // to be asked for it, or if it is unclear where it ends.
        if let Err(refusal) = &vetted
            && (refusal.severs || request::waits_for_leave(parts))
        {
            return self.close(&refusal.problem, body);
        }
        let bytes = match body::read(&mut body, &self.limits).await {
            Ok(bytes) => bytes,
            Err(problem) => return self.close(&problem, body),
        };
        match vetted {
            Err(refusal) => self.refuse(&refusal.problem),
            Ok(_) if body::overrides_method(&bytes) => {
                self.refuse(&Problem::new(Kind::InvalidRequest).message("A body cannot change the method."))
            }
            Ok(vetted) => match self.cors.leave(parts, self.client.rocket()) {
                Some(leave) => self.own(leave),
                None => self.dispatch(id, peer, parts, vetted, &bytes).await,
            },
        }
    }

    async fn dispatch<'h>(&self, id: RequestId, peer: Peer, parts: &'h Parts, vetted: Vetted<'h>, body: &[u8]) -> Response<Full<Bytes>> {
        let response = self.handle(id, peer, parts, vetted, body).await;
        match response::collect(response, parts.method == Method::HEAD, self.limits.response_bytes).await {
            Ok(response) => response,
            Err(error) => {
                let route = pattern(self.client.rocket(), parts.uri.path());
                tracing::error!(request = %id, route, error = &error as &dyn std::error::Error, "a request failed: no answer to send");
                self.refuse(&Problem::new(Kind::Internal))
            }
        }
    }

    /// Rocket's part. No `async fn`: that would keep room for the request beside the future that consumes it.
    fn handle<'c, 'h: 'c>(
        &'c self,
        id: RequestId,
        peer: Peer,
        parts: &'h Parts,
        vetted: Vetted<'h>,
        body: &[u8],
    ) -> impl Future<Output = LocalResponse<'c>> + use<'c, 'h> {
        let request = vetted.hand_over(&self.client, parts, body, peer);
        let (address, uid) = match peer {
            Peer::Local(uid) => (None, Some(uid)),
            Peer::Remote(address) => (Some(request::sent(parts, &request).client(self.client.rocket(), address.ip()).ip), None),
        };
        Trace { request: Some(id), address, uid }.around(request.dispatch())
    }

    /// Answers a connection that will not be served.
    pub(super) fn turn_away(&self, problem: &Problem, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let mut response = self.close(problem, body);
        self.complete(&parts, &mut response, RequestId::next());
        response
    }

    /// Adds what every answer has.
    fn complete(&self, parts: &Parts, response: &mut Response<Full<Bytes>>, id: RequestId) {
        self.standard.complete(response, id);
        self.cors.complete(parts, response.headers_mut());
    }

    fn refuse(&self, problem: &Problem) -> Response<Full<Bytes>> {
        self.own(response::from_problem(problem))
    }

    /// An answer of the front's own. It is counted here, as Rocket's are by the fairing.
    fn own(&self, response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
        self.traffic.of_the_front(response.status().as_u16());
        response
    }

    /// The last answer of a connection whose peer may still be sending.
    fn close(&self, problem: &Problem, body: Incoming) -> Response<Full<Bytes>> {
        body::linger(body);
        response::closing(self.refuse(problem))
    }
}
