//! `doorward doctor` about what a server that runs is told by nobody else: another version, a clock that was set, keys and
//! services that nobody looks after, a path at which there can be no socket; and data of another version.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use doorward::auth::clock::Timestamp;
use doorward::auth::keys::{Algorithm, StoredKey};
use doorward::store::{SledStore, Store as _, StoreOptions};

use crate::cli::{run_in, said};
use crate::doctor::{Diagnosis, chmod, doctor, doctor_with};
use crate::server::{Server, doorward};

const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Does something to the records behind the server's back, while none runs.
fn with_store<T>(data: &Path, work: impl AsyncFnOnce(&SledStore) -> T) -> T {
    rocket::tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = SledStore::open(&StoreOptions { lock_wait: Duration::from_secs(30), ..StoreOptions::new(data) }).unwrap();
        let done = work(&store).await;
        store.close().await.unwrap();
        done
    })
}

/// So long ago.
fn ago(since: Duration) -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_secs(now.saturating_sub(since).as_secs())
}

/// Passes on what a server says, as if it were of another version.
fn disguise(mut server: UnixStream, mut client: UnixStream) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = server.read(&mut bytes) {
        let ours = format!("doorward-version: {}", env!("CARGO_PKG_VERSION"));
        let said = String::from_utf8_lossy(&bytes[..read]).replace(&ours, "doorward-version: 0.0.1");
        if client.write_all(said.as_bytes()).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

#[test]
fn a_server_of_another_version_is_told_by_every_command_and_the_doctor() {
    let server = Server::start();
    let (socket, aside) = (server.data_dir().join("doorward.sock"), server.data_dir().join("behind.sock"));
    std::fs::rename(&socket, &aside).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    chmod(&socket, 0o600);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = UnixStream::connect(&aside).unwrap();
            let (mut asks, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || disguise(server, client));
            std::thread::spawn(move || std::io::copy(&mut asks, &mut asked));
        }
    });
    let mismatch = format!("the server is version 0.0.1, this command is version {}", env!("CARGO_PKG_VERSION"));
    let found = doctor(server.directory.path());
    found.says("version", "look", &mismatch);
    assert!(found.code == Some(0) && found.text.contains("restart the server"), "{}", found.text);
    let (code, out, err) = said(&run_in(server.directory.path(), &["user", "list"], &[], ""));
    assert!(code == Some(0) && out == "none\n" && err.contains(&format!("warning: {mismatch}; restart the server")), "{err}");
}

/// A server whose records have seen this time, and what the doctor says of its clock.
fn with_mark(mark: Timestamp) -> (Server, impl FnOnce(&mut Server) -> Diagnosis) {
    let mut server = Server::start();
    assert!(server.stop().success());
    with_store(&server.data_dir(), async |store| store.set_clock_mark(mark).await.unwrap());
    (server, |server: &mut Server| {
        server.start_again();
        doctor(server.directory.path())
    })
}

#[test]
fn a_clock_that_was_set_back_or_ahead_is_told() {
    let (mut server, start) = with_mark(ago(Duration::ZERO) + 2 * HOUR);
    start(&mut server).says("clock", "look", "behind the time already seen, and waited for");
    let (mut server, start) = with_mark(ago(3 * HOUR));
    start(&mut server).says("clock", "look", "it has stepped 180 min ahead, and is not believed yet");
    let (server, _) = with_mark(ago(Duration::ZERO) + 48 * HOUR);
    let found = doctor(server.directory.path());
    found.says("clock", "fix", " h behind");
    assert_eq!(found.code, Some(1));
    found.says("directory", "ok", "for its owner alone");
}

#[test]
fn a_key_that_signs_for_years_and_a_service_that_never_asked_are_told() {
    let mut server = Server::start();
    let directory = server.directory.path().to_owned();
    let (code, ..) = said(&run_in(&directory, &["service", "add", "shop", "--scope", "introspect"], &[], ""));
    assert_eq!(code, Some(0));
    let found = doctor(&directory);
    found.says("services", "ok", "1");
    found.says("keys", "ok", "ES256 signs, 0 days old");
    assert!(server.stop().success());
    let service = with_store(&server.data_dir(), async |store| store.live().services().all()).remove(0);
    // Another database in its place, which is older than this test.
    std::fs::remove_dir_all(server.data_dir()).unwrap();
    with_store(&server.data_dir(), async |store| {
        let mut service = service;
        service.created = ago(8 * 24 * HOUR);
        store.insert_service(service).await.unwrap();
        store.insert_key(StoredKey::generate(Algorithm::ES256, ago(3 * YEAR)).unwrap()).await.unwrap();
        store.insert_key(StoredKey::generate_refresh(ago(3 * YEAR)).unwrap()).await.unwrap();
    });
    server.start_again();
    let found = doctor(&directory);
    found.says("services", "look", "1 of 1 never asked for anything: shop");
    found.says("keys", "look", "ES256 signs, 1095 days old");
    assert!(found.code == Some(0) && found.text.contains("doorward key rotate"), "{}", found.text);
}

#[test]
fn a_directory_with_too_long_a_path_for_a_socket_is_told_and_nothing_else_is_wrong_with_it() {
    let long = ["a-directory-of-a-very-long-name"; 4].join("/");
    let mut server = Server::with(&["--data-dir", &long], &[]);
    server.client().register("arun").expect(201);
    let look = |server: &Server| doctor_with(server.directory.path(), &["--data-dir", &long], &[]);
    let found = look(&server);
    found.says("local socket", "look", "its path has 141 bytes, and 107 are possible");
    assert!(found.text.contains("choose a shorter data_dir, or use --url"), "{}", found.text);
    found.says("lock", "ok", &format!("process {}, which cannot be asked: see the local socket", server.pid().as_raw_nonzero()));
    found.says("database", "skip", "local socket");
    found.has_nothing_to_fix();
    assert!(server.stop().success());
    let found = look(&server);
    found.says("local socket", "look", "107 are possible");
    found.says("database", "ok", "1 users");
}

#[test]
fn data_of_a_newer_or_unknown_version_is_refused_and_left_as_it_is() {
    let refused = [
        (2, "was written by a newer Doorward (data version 2; this one knows up to 1). Nothing was changed; run that version, or put back"),
        (0, "its data version is 0, which this Doorward does not know"),
    ];
    for (schema, says) in refused {
        let mut server = Server::start();
        assert!(server.stop().success());
        let open = || sled::Config::new().path(server.data_dir()).mode(sled::Mode::LowSpace).flush_every_ms(None).open();
        let patiently = || std::iter::repeat_with(open).find_map(Result::ok).unwrap();
        let db = patiently();
        let meta = String::from_utf8(db.get(b"m").unwrap().unwrap().to_vec()).unwrap();
        let other = meta.replace("\"schema\":1", &format!("\"schema\":{schema}"));
        assert_ne!(other, meta);
        db.insert(b"m", other.as_bytes()).unwrap();
        db.flush().unwrap();
        drop(db);
        let output = doorward(server.directory.path()).args(["--address", "127.0.0.1", "--port", "0"]).output().unwrap();
        let (code, _, err) = said(&output);
        assert!(code == Some(74) && err.contains(says), "{code:?} {err}");
        let found = doctor(server.directory.path());
        assert_eq!(found.code, Some(74));
        found.says("database", "fix", says);
        let what = if schema == 2 { "nothing is wrong with the data" } else { "do as it says" };
        assert!(found.text.contains(what) && !found.text.contains("see that the disk is sound"), "{}", found.text);
        assert_eq!(patiently().get(b"m").unwrap().unwrap(), other.as_bytes(), "it is as it was");
    }
}
