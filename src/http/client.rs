//! The same requests from our own side: the command line's way in when no server runs.

use rocket::http::{ContentType, Method};
use rocket::local::asynchronous::Client;
use serde_json::Value;

use super::guard::Door;
use super::{RocketError, Surface, local};
use crate::auth::Auth;

/// Dispatches requests in this process, as the local administrator.
pub struct LocalClient(Client);

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body; null when there is none.
    pub body: Value,
}

impl LocalClient {
    /// A client of this server.
    ///
    /// # Errors
    /// When the routes do not fit together: a fault of the program.
    pub async fn new(auth: Auth) -> Result<Self, Box<RocketError>> {
        local(Surface::default(), auth).await.map(Self).map_err(Box::new)
    }

    /// Sends one request and reads its JSON answer.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let method = method.parse().unwrap_or(Method::Get);
        let mut request = self.0.req(method, path.to_owned());
        request.inner().local_cache(|| Door::Local);
        if let Some(body) = body {
            request.add_header(ContentType::JSON);
            request.set_body(body.to_string());
        }
        let response = request.dispatch().await;
        let status = response.status().code;
        let text = response.into_string().await.unwrap_or_default();
        Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
    }
}
