//! What programs that are made for OAuth find out by themselves (RFC 8414): where the keys are, and where to ask about tokens.

use rocket::http::{ContentType, Method};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Route};
use serde_json::json;

use super::page::Asset;
use crate::http::cors::for_all;

/// Where it is (RFC 8414 §3).
pub const PATH: &str = "/.well-known/oauth-authorization-server";

/// `GET /.well-known/oauth-authorization-server` → 200, or 304 with `If-None-Match`. No route, so 404, without a document.
pub fn routes(metadata: Metadata) -> Vec<Route> {
    let document = metadata.0.map(|text| Document(Asset::new(PATH, text.into_bytes().leak(), ContentType::JSON)));
    document.map(|document| Route::new(Method::Get, PATH, document)).into_iter().collect()
}

#[derive(Clone)]
struct Document(Asset);

/// The document of a server that knows at which https address it is; empty for any other, whose issuer nobody could look up.
#[derive(Debug, Clone, Default)]
pub struct Metadata(Option<String>);

impl Metadata {
    /// Of an issuer that is an https URL (RFC 8414 §2), and a server that is reached by https.
    ///
    /// There is no `token_endpoint`, for `/login` and `/refresh` are not OAuth's. Empty lists are to be left out (§3.2), but one
    /// of these must be there, and the other would be taken for a list of two (§2).
    #[must_use]
    pub fn of(issuer: &str, public_base: Option<&str>) -> Self {
        let is_https = |url: &str| url.starts_with("https://") && !url.contains(['?', '#']);
        let Some(base) = public_base.filter(|base| is_https(base) && is_https(issuer)) else { return Self(None) };
        let at = |path: &str| format!("{base}{path}");
        let document = json!({
            "issuer": issuer,
            "jwks_uri": at("/.well-known/jwks.json"),
            "introspection_endpoint": at("/introspect"),
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "Bearer"],
            "revocation_endpoint": at("/revoke"),
            "revocation_endpoint_auth_methods_supported": ["none"],
            "response_types_supported": [],
            "grant_types_supported": [],
            "service_documentation": at("/docs"),
        });
        Self(Some(document.to_string()))
    }

    /// Whether there is a document.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.0.is_some()
    }
}

#[rocket::async_trait]
impl Handler for Document {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        self.0.handle(request, data).await.map(for_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_knows_its_https_address_has_metadata() {
        let url = "https://login.example.com";
        assert!(Metadata::of(url, Some(url)).0.is_some());
        assert!(Metadata::of("https://example.com/auth", Some(url)).0.is_some());
        for (issuer, public) in
            [("doorward", None), ("doorward", Some(url)), (url, None), (url, Some("http://a.example")), ("https://a/?b", Some(url))]
        {
            assert!(Metadata::of(issuer, public).0.is_none(), "{issuer} {public:?}");
        }
    }
}
