//! A route of your own, behind a login.
use doorward::{AccessToken, Auth, Doorward, Problem, ServeError};
use rocket::{State, get, routes};
#[get("/hello")]
async fn hello(token: AccessToken, auth: &State<Auth>) -> Result<String, Problem> {
    Ok(format!("Hello, {}", auth.me(token.claims()).await?.username))
}
fn main() -> Result<(), ServeError> {
    Doorward::configured()?.mount("/", routes![hello]).serve()
}
