//! Doorward: a login server in one executable.
//!
//! It registers users, checks passwords, issues and refreshes JSON Web Tokens (RFC 7519), revokes them, and lets
//! other programs verify them. Everything it knows is in an embedded database beside it.
//!
//! ```text
//! socket ─ http::front (deadlines, caps) ─ Rocket router ─ guard (proof of who) ─ handler
//!                                                              │                    │
//!                                                              ▼                    ▼
//!                                                            auth   ─ one method per use case
//!                                                              │
//!                                                              ▼
//!                                                            store  ─ one atomic, durable step per method ─ writer thread ─ sled
//! ```
//!
//! Data moves one way. Only [`http`] knows Rocket and hyper, only [`cli`] knows clap, only [`store`] knows sled;
//! [`auth`] knows none of them.
//!
//! # In a program of your own
//! [`Doorward`] serves your routes beside these, behind the guards [`AccessToken`], [`FreshToken`] and [`Admin`].
//!
//! # The rooms
//! - [`auth`]: the domain: users, passwords, tokens, sessions, keys
//! - [`store`]: what is kept, and when it counts as kept
//! - [`http`]: the API, its guards and errors, and the connection front
//! - [`cli`]: the command line
//! - [`config`]: settings, in layers
//! - [`error`]: what can go wrong in the domain
//! - [`json`]: strict JSON objects, for bodies and tokens alike
//! - [`log_filter`]: which log lines are written
//! - [`metrics`]: what is counted, and how that is written
//! - `priority`: threads that step back behind the others
//! - `task`: work for the runtime, of one type
//! - [`trace`]: which request a piece of work belongs to

#![cfg_attr(
    not(test),
    warn(clippy::print_stdout, clippy::print_stderr, reason = "both panic when whoever read has gone; cli::table and cli::reach do not")
)]

mod app;
pub mod auth;
pub mod cli;
pub mod json;
mod priority;
mod task;

pub mod config;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod log_filter;
pub mod metrics;

pub mod store;
pub mod trace;

pub use app::{Doorward, ServeError};
pub use auth::Auth;
pub use config::Settings;
pub use error::{Error, Result};
pub use http::guard::{AccessToken, Admin, Bearer, ClientOrigin, FreshToken};
pub use http::problem::Problem;
