//! The page and what comes with it, from inside the executable. One route per file: there is no path to climb out of.

use std::io::Cursor;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use rocket::http::{ContentType, Header, Method, Status};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Response, Route};
use rust_embed::RustEmbed;

use crate::auth::Registration;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Static;

/// What the page is told, before it is.
const UNTOLD: &str = r#"data-registration="open" data-address="""#;

/// Only our own script and style, nothing inline, no other host, no frame around it.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub fn routes(registration: Registration, address: Option<&str>) -> Vec<Route> {
    assets()
        .map(|asset| asset.told(registration, address))
        .map(|asset| Route::new(Method::Get, asset.path.clone().as_str(), asset))
        .collect()
}

fn assets() -> impl Iterator<Item = Asset> {
    Static::iter().filter_map(|name| Asset::load(&name))
}

/// Path and media type of each file, for the document of the API.
pub fn files() -> impl Iterator<Item = (String, String)> {
    assets().map(|asset| (asset.path, asset.content_type.media_type().to_string()))
}

/// One embedded file.
#[derive(Clone)]
pub struct Asset {
    path: String,
    content: &'static [u8],
    content_type: ContentType,
    etag: String,
}

impl Asset {
    fn load(name: &str) -> Option<Self> {
        let content: &'static [u8] = match Static::get(name)?.data {
            std::borrow::Cow::Borrowed(content) => content,
            std::borrow::Cow::Owned(content) => content.leak(),
        };
        let extension = name.rsplit('.').next().unwrap_or_default();
        let path = match name {
            "index.html" => "/".to_owned(),
            "docs.html" => "/docs".to_owned(),
            other => format!("/{other}"),
        };
        Some(Self::new(&path, content, ContentType::from_extension(extension).unwrap_or(ContentType::Binary)))
    }

    /// The page, told by attributes who may register, so that it shows no form that is refused, and at which address it is meant
    /// to be opened, for the links that it makes.
    fn told(self, registration: Registration, address: Option<&str>) -> Self {
        let word = match registration {
            Registration::Open => "open",
            Registration::Invite => "invite",
            Registration::Closed => "closed",
        };
        // What would need an escape is no address.
        let address = address.filter(|address| !address.contains(['"', '&', '<'])).unwrap_or_default();
        match std::str::from_utf8(self.content) {
            Ok(text) if self.path == "/" => {
                let told = text.replacen(UNTOLD, &format!(r#"data-registration="{word}" data-address="{address}""#), 1);
                Self::new(&self.path, told.into_bytes().leak(), self.content_type)
            }
            _ => self,
        }
    }

    /// What is answered at a path.
    pub fn new(path: &str, content: &'static [u8], content_type: ContentType) -> Self {
        let etag = format!("\"{}\"", BASE64URL.encode(&digest(&SHA256, content).as_ref()[..12]));
        Self { path: path.to_owned(), content, content_type, etag }
    }

    /// RFC 9110 §13.1.2.
    fn is_unchanged(&self, request: &Request<'_>) -> bool {
        let known = request.headers().get("If-None-Match").flat_map(|value| value.split(','));
        known.map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == self.etag || tag == "*")
    }
}

#[rocket::async_trait]
impl Handler for Asset {
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r> {
        let mut response = Response::new();
        // Kept, but asked about each time: a new executable has a new page.
        response.set_header(Header::new("Cache-Control", "no-cache"));
        response.set_header(Header::new("ETag", self.etag.clone()));
        response.set_header(Header::new("Content-Security-Policy", PAGE_POLICY));
        if self.is_unchanged(request) {
            response.set_status(Status::NotModified);
        } else {
            response.set_header(self.content_type.clone());
            response.set_sized_body(self.content.len(), Cursor::new(self.content));
        }
        Outcome::Success(response)
    }
}
