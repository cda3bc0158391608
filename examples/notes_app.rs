//! An app with Doorward inside: everybody keeps notes of their own, and an administrator sees how many there are.
//!
//! `cargo run --example notes_app`, log in at <http://localhost:5000>, and call `/notes` with the access token. Each handler's
//! signature is its policy: without the guard it asks for, it is not entered. The notes are in memory and gone after a restart.

#![expect(clippy::needless_pass_by_value, reason = "a guard is taken whole: holding it is the permission")]

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use doorward::http::body::{Body, Fields, Object};
use doorward::{AccessToken, Admin, Auth, Doorward, FreshToken, Problem, ServeError};
use rocket::serde::json::{Json, Value, json};
use rocket::{State, delete, get, post, routes};

/// By the id of their owner, which no other user ever gets.
type Notes = Mutex<HashMap<String, Vec<String>>>;

/// `{"text": …}`: what is missing, unknown or of another type is refused in the shape of every error.
struct NewNote {
    text: String,
}

impl Fields for NewNote {
    fn take(object: &mut Object) -> Option<Self> {
        object.text("text").map(|text| Self { text: text.to_string() })
    }
}

/// For whoever has logged in.
#[get("/notes")]
async fn list(token: AccessToken, auth: &State<Auth>, notes: &State<Notes>) -> Result<Json<Value>, Problem> {
    // The user as the server knows it now: name, roles, custom claims.
    let user = auth.me(token.claims()).await?;
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Json(json!({"of": user.username.as_str(), "notes": notes.get(&user.id.to_string())})))
}

#[post("/notes", data = "<note>")]
fn add(token: AccessToken, notes: &State<Notes>, note: Body<NewNote>) -> Json<Value> {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let own = notes.entry(token.claims().user.to_string()).or_default();
    own.push(note.0.text);
    Json(json!({"notes": own.len()}))
}

/// What is hard to undo takes a token straight from a login.
#[delete("/notes")]
fn forget(token: FreshToken, notes: &State<Notes>) -> Json<Value> {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let forgotten = notes.remove(&token.claims().user.to_string()).unwrap_or_default();
    Json(json!({"forgotten": forgotten.len()}))
}

/// For administrators.
#[get("/notes/count")]
fn count(_admin: Admin, notes: &State<Notes>) -> Json<Value> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    Json(json!({"notes": notes.values().map(Vec::len).sum::<usize>()}))
}

fn main() -> Result<(), ServeError> {
    Doorward::configured()?.manage(Notes::default()).mount("/", routes![list, add, forget, count]).serve()
}
