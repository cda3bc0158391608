//! `/openapi.json`: the API as a document. `/docs`, which shows it, is one of the files of [`super::page`].

use std::sync::{Arc, OnceLock};

use rocket::Route;
use rocket::http::{ContentType, Method};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request};

use super::page::Asset;
use crate::http::cors::for_all;
use crate::http::openapi::{File, Shape, document};

const PATH: &str = "/openapi.json";

/// `GET /openapi.json` → 200, or 304 with `If-None-Match`.
pub fn routes(shape: Shape) -> Vec<Route> {
    vec![Route::new(Method::Get, PATH, Reference { shape: Arc::new(shape), made: Arc::default() })]
}

/// Made when somebody first asks: most servers are never asked.
#[derive(Clone)]
struct Reference {
    shape: Arc<Shape>,
    made: Arc<OnceLock<Asset>>,
}

impl Reference {
    fn make(&self) -> Asset {
        let documents = std::iter::once(PATH).chain(self.shape.has_metadata.then_some(super::metadata::PATH));
        let documents = documents.map(|path| (path.to_owned(), "application/json".to_owned()));
        let files: Vec<File> = super::page::files().chain(documents).collect();
        let text = document(&self.shape, &files).to_string();
        Asset::new(PATH, text.into_bytes().leak(), ContentType::JSON)
    }
}

#[rocket::async_trait]
impl Handler for Reference {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        self.made.get_or_init(|| self.make()).handle(request, data).await.map(for_all)
    }
}
