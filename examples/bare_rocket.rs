//! The yardstick: one bare route under Rocket's own `launch()`, for `scripts/bench` to measure Doorward against.
//!
//! `GET /bare` answers what Doorward's `GET /test` answers, with no guard in front of it and Rocket's defaults around it.
//! The port is chosen by the system and printed as Doorward prints it. `bare_rocket 1` runs one worker; without a number
//! there is one per core, as in Doorward.

use std::error::Error;
use std::io::Write as _;

use rocket::config::LogLevel;
use rocket::fairing::AdHoc;
use rocket::serde::json::Json;
use rocket::{Config, get, routes};
use serde::Serialize;

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

#[get("/bare")]
fn bare() -> Json<Message> {
    Json(Message { message: "Auth Checked" })
}

fn main() -> Result<(), Box<dyn Error>> {
    // The same runtime as Doorward's; Rocket's own would take its size from `Rocket.toml` or ROCKET_WORKERS.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = std::env::args().nth(1) {
        runtime.worker_threads(workers.parse()?);
    }
    let config = Config { port: 0, log_level: LogLevel::Off, ..Config::release_default() };
    let rocket = rocket::custom(config).mount("/", routes![bare]).attach(AdHoc::on_liftoff("announce", |rocket| {
        let (address, port) = (rocket.config().address, rocket.config().port);
        Box::pin(async move {
            let mut stdout = std::io::stdout().lock();
            let _ = writeln!(stdout, "listening on http://{address}:{port}").and_then(|()| stdout.flush());
        })
    }));
    runtime.enable_all().build()?.block_on(rocket.launch())?;
    Ok(())
}
