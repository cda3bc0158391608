//! Black-box tests: the real executable, over real sockets, on a data directory and a port of its own.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails with the line it stands in")]

mod audit;
mod audit_kept;
mod authority;
mod backup;
mod canaries;
mod canary;
mod cli;
mod cli_live;
mod cli_url;
mod configure_page;
mod contract;
mod cookies;
mod corpus;
mod corpus_b;
mod corpus_b_bytes;
mod corpus_h;
mod corpus_h_headers;
mod corpus_j;
mod corpus_l;
mod corpus_p;
mod corpus_r;
mod corpus_t;
mod corpus_u;
mod doctor;
mod doctor_server;
mod doctor_settings;
mod durability;
mod forward_auth;
mod hangup;
mod healthcheck;
mod imports;
mod introspection;
mod invites;
mod keys;
mod logs;
mod meddler;
mod metrics;
mod openapi;
mod own_app;
mod packages;
mod passwords;
mod policy;
mod races;
mod races_users;
mod readme;
mod revocations;
mod security_page;
mod server;
mod services;
mod sessions;
mod setup;
mod socket;
mod signals;
mod throttling;
mod throttling_owners;
mod tls;
mod token_length;
mod tokens;
mod users;
mod users_cli;
mod verify;
#[path = "../front/wire.rs"]
#[expect(dead_code, reason = "the front's own tests use the rest of it")]
mod wire;
