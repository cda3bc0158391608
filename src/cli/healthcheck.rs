//! `doorward healthcheck`: whether a server is ready, for whoever watches it: a container's runtime, a monitor, a script.
//!
//! It asks what anybody may ask, `GET /ready`, and opens no data directory. The server of the data directory is asked over its
//! socket; where that cannot be reached, the address and port of the settings are, unless they speak TLS; with `--url`, that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::{Common, Failure, local, runtime, table};
use crate::config::Settings;
use crate::http::client::{Client, ServerUrl};
use crate::http::front::SOCKET;
use crate::task;

/// For all of it. Docker takes 30 s unless told otherwise, monitors often 5.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks, and says in one line who is ready, or what is wrong.
///
/// # Errors
/// Nobody answers, or not in time, or the server cannot do its work.
pub fn run(settings: &Settings, flags: &Common) -> Result<(), Failure> {
    if flags.token_file.is_some() {
        return Err(Failure::Usage("healthcheck asks what anybody may ask; it takes no --token-file".to_owned()));
    }
    let runtime = runtime()?;
    let asked = task::wait(&runtime, async { timeout(PATIENCE, ask(settings, flags.url.as_ref())).await });
    // A name may still be looked up, in a thread that cannot be stopped.
    runtime.shutdown_background();
    let late = |_| Failure::Refused(format!("not ready: no answer within {} s", PATIENCE.as_secs()));
    let place = asked.map_err(late)??;
    table::done(flags.json, &json!({"ready": true, "server": place}), &format!("ready: {place}"))
}

/// Who has said that it is ready.
async fn ask(settings: &Settings, url: Option<&ServerUrl>) -> Result<String, Failure> {
    let (client, place) = reach(settings, url).await?;
    let answer = client.send("GET", "/ready", None).await;
    local::expect(answer, 200).map_err(|failure| match failure {
        Failure::Refused(why) => Failure::Refused(format!("not ready: {place}: {why}")),
        other => other,
    })?;
    Ok(place)
}

async fn reach(settings: &Settings, url: Option<&ServerUrl>) -> Result<(Client, String), Failure> {
    if let Some(url) = url {
        return Ok((Client::stranger(url.clone())?, url.to_string()));
    }
    let socket = settings.data_dir.join(SOCKET);
    // Whose socket it is does not matter: nothing is said there that others may not hear, and the port would prove no more.
    if let Ok(Some(client)) = Client::socket(&socket).await {
        return Ok((client, socket.display().to_string()));
    }
    if settings.tls_cert.is_some() {
        let why = "not ready: no server answers on the data directory, and over https the certificate is for a name: ask with --url";
        return Err(Failure::Refused(why.to_owned()));
    }
    let url = listening(&settings.address, settings.port)?;
    Ok((Client::stranger(url.clone())?, url.to_string()))
}

/// Where a server with these settings listens, as seen from this machine. `localhost` is asked by its number, for a container
/// made of one file knows no names.
pub(super) fn listening(address: &str, port: u16) -> Result<ServerUrl, Failure> {
    if port == 0 {
        return Err(Failure::Refused(
            "not ready: no server runs on the data directory, and port 0 does not say where else to ask".to_owned(),
        ));
    }
    let bare = address.trim_start_matches('[').trim_end_matches(']');
    let host = match bare.parse() {
        Ok(IpAddr::V4(ip)) if !ip.is_unspecified() => ip.to_string(),
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ => Ipv4Addr::LOCALHOST.to_string(),
    };
    format!("http://{host}:{port}").parse().map_err(|fault: &str| Failure::Refused(fault.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_this_machine() {
        for (address, url) in [
            ("localhost", "http://127.0.0.1:5000"),
            ("0.0.0.0", "http://127.0.0.1:5000"),
            ("192.0.2.7", "http://192.0.2.7:5000"),
            ("::", "http://[::1]:5000"),
            ("[2001:db8::7]", "http://[2001:db8::7]:5000"),
        ] {
            assert_eq!(listening(address, 5000).expect(address).to_string(), url);
        }
        assert!(listening("localhost", 0).is_err());
    }
}
