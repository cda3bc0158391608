//! The connection front over real sockets: what `doorward::http::front` promises in its module docs.
//!
//! A small Rocket stands in for the real one, so that each test sees the front and nothing else. Deadlines are shortened; no
//! test waits for time to pass in order to be in step with the server, but for answers, ends of streams and signals.

mod bodies;
mod caps;
mod deadlines;
mod framing;
mod local;
mod mapping;
mod parity;
mod rocket;
mod server;
mod smuggling;
mod stop;
mod tls;
mod wire;
