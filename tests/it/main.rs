//! Black-box tests: the real executable, over real sockets, on a data directory and a port of its own.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails with the line it stands in")]

mod cli;
mod contract;
mod corpus_j;
mod durability;
mod hangup;
mod keys;
mod policy;
mod races;
mod readme;
mod server;
mod tokens;
mod users;
