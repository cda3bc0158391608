//! Services: the keys of other programs, as an administrator keeps them.

use rocket::request::FromParam;
use rocket::response::status::Created;
use rocket::serde::json::Json;
use rocket::{Route, State, delete, get, post, routes};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

use super::{Message, message};
use crate::auth::Auth;
use crate::auth::clock::Timestamp;
use crate::auth::service::{Scope, Service, ServiceId, ServiceName};
use crate::http::base_path::BasePath;
use crate::http::body::{Body, Fields, Object};
use crate::http::guard::Admin;
use crate::http::problem::Problem;

pub fn routes() -> Vec<Route> {
    routes![list, add, remove]
}

/// A service without its key.
#[derive(Serialize)]
struct PublicService {
    id: ServiceId,
    name: ServiceName,
    scopes: Vec<Scope>,
    created: Timestamp,
    last_used: Option<Timestamp>,
}

impl From<Service> for PublicService {
    fn from(service: Service) -> Self {
        let Service { id, name, scopes, digest: _, created, last_used } = service;
        Self { id, name, scopes, created, last_used }
    }
}

#[derive(Serialize)]
struct List {
    services: Vec<PublicService>,
}

/// `GET /services`, for an administrator → 200 `{"services":[{"id","name","scopes","created","last_used"}]}`.
#[get("/services")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
fn list(auth: &State<Auth>, admin: Admin) -> Json<List> {
    Json(List { services: auth.services(admin.actor()).into_iter().map(PublicService::from).collect() })
}

struct NewService {
    name: ServiceName,
    scopes: Vec<Scope>,
}

impl Fields for NewService {
    fn take(object: &mut Object) -> Option<Self> {
        let name = object.parsed("name", ServiceName::parse);
        let scopes = object.required("scopes", scopes);
        Some(Self { name: name?, scopes: scopes? })
    }
}

/// A service with its key, which nobody can ask for again.
#[derive(Serialize)]
struct AddedService {
    #[serde(flatten)]
    service: PublicService,
    #[serde(serialize_with = "exposed")]
    key: SecretString,
}

fn exposed<S: serde::Serializer>(key: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.expose_secret())
}

/// `POST /services` `{"name","scopes":["introspect","revocations"]}`, for an administrator → 201 with the service and its `key`,
/// once; 422.
#[post("/services", data = "<body>")]
async fn add(
    auth: &State<Auth>,
    base: &State<BasePath>,
    admin: Admin,
    body: Body<NewService>,
) -> Result<Created<Json<AddedService>>, Problem> {
    let NewService { name, scopes } = body.0;
    let (service, key) = auth.add_service(admin.actor(), name, scopes).await?;
    let location = base.join(&format!("/services/{}", service.id));
    Ok(Created::new(location).body(Json(AddedService { service: service.into(), key })))
}

/// `<id>` of a path; `None` when it is not how an id is written.
struct ServiceParam(Option<ServiceId>);

impl<'a> FromParam<'a> for ServiceParam {
    type Error = std::convert::Infallible;

    fn from_param(param: &'a str) -> Result<Self, Self::Error> {
        Ok(Self(ServiceId::parse(param)))
    }
}

/// `DELETE /services/<id>`, for an administrator → 200; 404. The key is refused from now on.
#[delete("/services/<id>")]
async fn remove(auth: &State<Auth>, admin: Admin, id: ServiceParam) -> Result<Json<Message>, Problem> {
    auth.remove_service(admin.actor(), id.0).await?;
    Ok(message("Service has been removed"))
}

fn scopes(value: Value) -> Result<Vec<Scope>, &'static str> {
    let Value::Array(names) = value else { return Err("Not a valid list.") };
    let read = names.iter().map(|name| name.as_str().and_then(Scope::parse)).collect::<Option<Vec<_>>>();
    let mut scopes = read.filter(|scopes| !scopes.is_empty()).ok_or("A list of introspect, revocations, or both.")?;
    scopes.sort_unstable();
    scopes.dedup();
    Ok(scopes)
}
