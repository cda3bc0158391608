//! Backups and what is restored of them, through the executable: made while the server runs and when none does, on a schedule,
//! and put in place of a database that is gone, damaged or just older.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{run_in, said};
use crate::doctor::doctor_with;
use crate::races::rounds;
use crate::server::{Client, PASSWORD, Pair, Server, add_admin, with_admin_and};

fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    said(&run_in(directory, arguments, &[], ""))
}

/// Runs a command that must succeed; its answer as JSON.
#[track_caller]
fn good(directory: &Path, arguments: &[&str]) -> Value {
    let (code, out, err) = run(directory, &[arguments, &["--json"]].concat());
    assert_eq!(code, Some(0), "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
}

/// The checkpoints of a data directory, and whatever else is among them.
fn kept(server: &Server) -> Vec<PathBuf> {
    let folder = server.data_dir().join("backups");
    let mut found: Vec<_> = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn wipe(server: &Server) {
    for entry in fs::read_dir(server.data_dir()).unwrap().flatten() {
        if entry.file_name() != "backups" {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
    }
}

#[test]
fn a_backup_is_made_with_a_server_and_without_and_for_administrators_alone() {
    let (mut server, client, boss) = with_admin_and(&[]);
    let made = client.with_token("POST", "/backup", &boss.access).expect(201).json();
    assert_eq!((&made["counts"]["user"], &made["keys"]), (&json!(1), &json!(true)));
    client.json("POST", "/backup", Some(&boss.access), &json!({"keys": "yes"})).refused(422, "validation_failed");
    assert_eq!(kept(&server), [server.data_dir().join("backups").join(made["name"].as_str().unwrap())]);
    let directory = server.directory.path().to_owned();
    let text = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    for (name, arguments) in [("live", &["backup", "live"][..]), ("less", &["backup", "less", "--without-keys"])] {
        let (code, out, err) = run(&directory, arguments);
        assert_eq!(code, Some(0), "{err}");
        assert!(out.starts_with("backed up 1 users, ") && out.trim_end().ends_with(name), "{out}");
        assert_eq!(fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(text("live").contains("\"kind\":\"key\"") && !text("less").contains("\"kind\":\"key\""));
    let (code, _, err) = run(&directory, &["backup", "live"]);
    assert!(code == Some(1) && err.contains("is there already"), "{err}");
    assert_eq!(kept(&server).len(), 1, "what was delivered does not stay, nor does what could not be");
    server.stop();
    let alone = good(&directory, &["backup", "alone"]);
    assert_eq!(alone["counts"]["user"], 1);
    assert!(text("alone").lines().last().unwrap().contains(alone["sha256"].as_str().unwrap()));
    let events = good(&directory, &["audit", "--event", "backed_up"]);
    assert_eq!(events.as_array().unwrap().len(), 4);
    assert_eq!((&events[0]["actor"], &events[3]["actor"]), (&json!("local"), &json!("user:1")));
}

/// Registers until it is told to stop; the highest id that was given, and one of the pairs.
fn register(url: &str, worker: usize, stop: &AtomicBool, highest: &AtomicU64) -> Pair {
    let client = Client::of(url);
    let mut pair = None;
    for number in 0.. {
        let pair = pair.get_or_insert_with(|| client.newcomer(&format!("w{worker}")));
        let answer = client.register(&format!("w{worker}-{number}"));
        if answer.status == 201 {
            let id = answer.header("location").unwrap().trim_start_matches("/user/").parse().unwrap();
            highest.fetch_max(id, Ordering::SeqCst);
        }
        if stop.load(Ordering::SeqCst) {
            return pair.clone();
        }
    }
    unreachable!("it counts for ever")
}

#[test]
fn after_a_backup_under_load_a_wipe_and_a_restore_old_tokens_are_refused_and_users_log_in() {
    (0..rounds(1)).for_each(|_| restore_after_a_backup_under_load());
}

fn restore_after_a_backup_under_load() {
    let secret = ("JWT_SECRET_KEY", "a secret that is shared with a Flask app");
    for environment in [&[("DOORWARD_THROTTLE", "false")][..], &[("DOORWARD_THROTTLE", "false"), secret]] {
        let (mut server, client, boss) = with_admin_and(environment);
        let arun = client.newcomer("arun");
        client.logout(&arun.access).expect(200);
        let code = client.with_token("POST", "/user/2/reset", &boss.access).expect(201).json()["code"].clone();
        let (stop, highest) = (AtomicBool::new(false), AtomicU64::new(0));
        let (made, acknowledged, pairs) = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8)
                .map(|worker| {
                    let (url, stop, highest) = (server.url.clone(), &stop, &highest);
                    scope.spawn(move || register(&url, worker, stop, highest))
                })
                .collect();
            while highest.load(Ordering::SeqCst) < 20 {
                std::thread::sleep(Duration::from_millis(2));
            }
            let acknowledged = highest.load(Ordering::SeqCst);
            let made = client.with_token("POST", "/backup", &boss.access).expect(201).json();
            let enough = highest.load(Ordering::SeqCst) + 10;
            while highest.load(Ordering::SeqCst) < enough {
                std::thread::sleep(Duration::from_millis(2));
            }
            stop.store(true, Ordering::SeqCst);
            let pairs: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
            (made, acknowledged, pairs)
        });
        let users = made["counts"]["user"].as_u64().unwrap();
        assert!(users >= acknowledged && made["counts"]["name"] == made["counts"]["user"], "{made}, {acknowledged} acknowledged");
        // After the backup: nothing of this is in it.
        let late = client.login("arun");
        let highest = highest.into_inner();
        server.kill();
        wipe(&server);
        let told = good(server.directory.path(), &["restore", "latest"]);
        assert_eq!((&told["users"], &told["replaced"]), (&made["counts"]["user"], &Value::Null));
        server.start_again();
        let client = server.client();
        for pair in pairs.iter().chain([&boss, &arun, &late]) {
            assert_eq!(client.test(&pair.access).status, 401);
            assert_eq!(client.refresh(&pair.refresh).status, 401);
            assert_eq!(client.logout(&pair.access).status, 401);
        }
        client.json("POST", "/reset", None, &json!({"code": code, "new_password": "another one entirely"})).expect(401);
        let again = client.login("arun");
        client.test(&again.access).expect(200);
        client.refresh(&again.refresh).expect(200);
        let boss = client.login("boss");
        client.with_token("GET", "/users", &boss.access).expect(200);
        let id: u64 = client.register("somebody-new").expect(201).header("location").unwrap().trim_start_matches("/user/").parse().unwrap();
        assert!(id > highest && told["next_user"] == id, "{id} after {highest}");
        doctor_with(server.directory.path(), &[], environment).has_nothing_to_fix();
        server.stop();
        let events = good(server.directory.path(), &["audit", "--event", "restored"]);
        assert_eq!((&events[0]["actor"], &events[0]["details"]["sequence"]), (&json!("local"), &made["sequence"]));
    }
}

#[test]
fn a_damaged_database_names_its_newest_checkpoint_and_is_whole_again_after_the_command_it_tells() {
    for flip in [false, true] {
        let (mut server, client, _) = with_admin_and(&[]);
        client.register("arun").expect(201);
        let made = good(server.directory.path(), &["backup"]);
        server.stop();
        let database = server.data_dir().join("db");
        let mut content = fs::read(&database).unwrap();
        if flip {
            // Each copy of the name that sled keeps; only one of them is in use.
            let places: Vec<_> = content.windows(4).enumerate().filter(|(_, found)| found == b"arun").map(|(at, _)| at).collect();
            for at in places {
                content[at] ^= 1;
            }
        } else {
            // Half of what is used: sled fills the segment it writes to with zeros.
            let used = content.iter().rposition(|byte| *byte != 0).unwrap();
            content.truncate(used / 2);
        }
        fs::write(&database, &content).unwrap();
        let (code, _, err) = run(server.directory.path(), &["--port", "0"]);
        assert!(code == Some(74) && err.contains("is damaged") && err.contains(made["name"].as_str().unwrap()), "{err}");
        let command = err.split("doorward ").last().unwrap().trim();
        assert!(command.ends_with("restore latest --replace"), "{err}");
        let told = good(server.directory.path(), &command.split(' ').collect::<Vec<_>>());
        // sled has cleared what it could not read after the last sound change.
        let aside = server.directory.path().join(told["replaced"].as_str().unwrap());
        assert!(aside.join("db").exists() && aside.join("MARKER").exists(), "what was there is kept");
        server.start_again();
        let client = server.client();
        client.login("arun");
        client.with_token("GET", "/users", &client.login("boss").access).expect(200);
    }
}

#[test]
fn what_is_no_whole_checkpoint_is_refused_with_74_and_nothing_is_changed() {
    let server = Server::start();
    server.client().register("arun").expect(201);
    let directory = server.directory.path();
    good(directory, &["backup", "good"]);
    let good_one = fs::read(directory.join("good")).unwrap();
    let newer = String::from_utf8(good_one.clone()).unwrap().replacen("\"schema\":1", "\"schema\":9", 1);
    let marked = String::from_utf8(good_one.clone()).unwrap().replacen("\"clock_mark\":", "\"clock_mark\":99999999", 1);
    let mut flipped = good_one.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 4;
    let cases: [(&str, &[u8], &str); 6] = [
        ("cut", &good_one[..good_one.len() - 10], "is damaged"),
        ("flipped", &flipped, "use another backup"),
        ("foreign", b"PRAGMA foreign_keys=OFF;\n", "is no backup of Doorward"),
        ("empty", b"", "is no backup of Doorward"),
        ("newer", newer.as_bytes(), "was written by a newer Doorward"),
        ("of no clock", marked.as_bytes(), "its clock_mark is 99999999"),
    ];
    for (name, content, says) in cases {
        fs::write(directory.join(name), content).unwrap();
        let (code, _, err) = run(directory, &["restore", name, "--data-dir", "new"]);
        assert!(code == Some(74) && err.contains(says) && err.contains("Nothing was changed"), "{name}: {err}");
        assert!(!directory.join("new").exists(), "{name}");
    }
    let (code, _, err) = run(directory, &["restore", "latest", "--data-dir", "new"]);
    assert!(code == Some(74) && err.contains("holds no backup"), "{err}");
    let (code, _, err) = run(directory, &["restore", "good", "--replace"]);
    assert!(code == Some(74) && err.contains("in use by process"), "{err}");
    server.client().login("arun");
    good(directory, &["restore", "good", "--data-dir", "new"]);
    let (code, _, err) = run(directory, &["restore", "good", "--data-dir", "new"]);
    assert!(code == Some(74) && err.contains("--replace"), "{err}");
    let (code, _, err) = run(directory, &["restore", "good", "--url", "http://localhost:1"]);
    assert_eq!(code, Some(2), "{err}");
}

#[test]
fn on_a_schedule_as_many_checkpoints_stay_as_are_to_and_the_server_stays_ready() {
    let server = Server::with(&[], &[("DOORWARD_CHECKPOINT_INTERVAL", "1s"), ("DOORWARD_CHECKPOINT_KEEP", "2")]);
    server.client().register("arun").expect(201);
    let newest = || kept(&server).into_iter().rfind(|path| path.to_string_lossy().ends_with(".scheduled.jsonl"));
    let mut seen = std::collections::BTreeSet::new();
    let client = server.client();
    let is_ready = || {
        client.get("/ready").expect(200);
        std::thread::sleep(Duration::from_millis(10));
    };
    while seen.len() < 4 {
        seen.extend(newest());
        is_ready();
    }
    let whole = kept(&server).iter().filter(|path| path.to_string_lossy().ends_with(".jsonl")).count();
    // Between the rename of the newest and the end of the oldest there is one more.
    assert!((2..=3).contains(&whole), "{:?}", kept(&server));
    let folder = server.data_dir().join("backups");
    fs::remove_dir_all(&folder).unwrap();
    // One that is under way may make it again; whoever gets there first, it ends as a file.
    while fs::write(&folder, "in the way").is_err() {
        let _ = fs::remove_dir_all(&folder);
    }
    while !fs::read_to_string(server.directory.path().join("stderr")).unwrap().contains("the backup on the schedule failed") {
        is_ready();
    }
    client.login("arun");
}

#[test]
fn a_server_killed_during_a_backup_leaves_no_half_file_under_its_name() {
    let mut server = Server::start();
    for number in 0..20 {
        server.client().register(&format!("user-{number}")).expect(201);
    }
    for round in 0..8_u64 {
        let directory = server.directory.path().to_owned();
        std::thread::scope(|scope| {
            let command = scope.spawn(|| run(&directory, &["backup"]));
            // Each round a little later; the moment of death is the test's input, not a wait.
            std::thread::sleep(Duration::from_millis(round * 4));
            server.kill();
            command.join().unwrap();
        });
        for path in kept(&server).iter().filter(|path| path.extension().is_some_and(|end| end == "jsonl")) {
            let target = format!("restored-{round}");
            good(server.directory.path(), &["restore", path.to_str().unwrap(), "--data-dir", &target]);
            fs::remove_dir_all(server.directory.path().join(target)).unwrap();
            fs::remove_file(path).unwrap();
        }
        server.start_again();
    }
    good(server.directory.path(), &["backup"]);
    assert_eq!(kept(&server).len(), 1, "drafts are gone: {:?}", kept(&server));
}

#[test]
fn services_and_disabled_users_are_as_they_were_and_invites_and_stolen_time_are_not() {
    let (mut server, client, boss) = with_admin_and(&[("DOORWARD_REGISTRATION", "invite"), ("DOORWARD_IAT_BACKDATE", "60s")]);
    let directory = server.directory.path().to_owned();
    let service = good(&directory, &["service", "add", "shop", "--scope", "introspect"]);
    let invite = client.with_token("POST", "/invites", &boss.access).expect(201).json()["code"].clone();
    let body = json!({"username": "arun", "password": PASSWORD, "roles": ["editor"]});
    client.json("POST", "/users", Some(&boss.access), &body).expect(201);
    client.json("PATCH", "/user/2", Some(&boss.access), &json!({"disabled": true})).expect(200);
    good(&directory, &["backup", "all"]);
    server.stop();
    add_admin(&directory, "boss-2");
    good(&directory, &["restore", "all", "--replace"]);
    server.start_again();
    let client = server.client();
    client.try_login("arun", PASSWORD).refused(401, "invalid_credentials");
    client.try_login("boss-2", PASSWORD).refused(401, "invalid_credentials");
    let boss = client.login("boss");
    client.with_token("GET", "/me", &boss.access).expect(200);
    let register = json!({"username": "mira", "password": PASSWORD, "invite": invite});
    client.json("POST", "/register", None, &register).refused(403, "registration_closed");
    let key = format!("Bearer {}", service["key"].as_str().unwrap());
    let form = [("Authorization", key.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let introspected = client.send("POST", "/introspect", &form, Some(format!("token={}", boss.access).as_bytes())).expect(200);
    assert_eq!(introspected.json()["active"], true);
    let users = client.with_token("GET", "/users", &boss.access).expect(200).json();
    assert_eq!((&users["users"][1]["roles"], &users["users"][1]["disabled"]), (&json!(["editor"]), &json!(true)));
    let moved = good(&directory, &["--data-dir", "data", "audit", "--limit", "1", "--event", "restored"]);
    assert_eq!(moved.as_array().unwrap().len(), 1);
}

/// Answers one request for a backup as a server would that made one of this name.
fn name_a_backup(socket: &UnixListener, name: &str) {
    let (mut peer, _) = socket.accept().unwrap();
    assert!(peer.read(&mut [0; 4096]).unwrap() > 0);
    let body = json!({"name": name, "bytes": 1, "counts": {"user": 1}}).to_string();
    write!(peer, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
}

#[test]
fn a_server_that_names_a_file_elsewhere_does_not_have_it_copied_or_removed() {
    let directory = tempfile::TempDir::new().unwrap();
    let (data, precious) = (directory.path().join("data"), directory.path().join("precious.jsonl"));
    fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    fs::DirBuilder::new().mode(0o700).create(data.join("backups")).unwrap();
    fs::write(&precious, "of somebody else").unwrap();
    let socket = UnixListener::bind(data.join("doorward.sock")).unwrap();
    for name in [precious.to_str().unwrap(), "../../precious.jsonl", "doorward-/../../../precious.jsonl", "..", ""] {
        std::thread::scope(|threads| {
            threads.spawn(|| name_a_backup(&socket, name));
            let (code, out, err) = run(directory.path(), &["backup", "copy"]);
            assert!(code == Some(1) && out.is_empty() && err.contains("no name of a backup"), "{name}: {out}{err}");
        });
        assert!(precious.exists() && !directory.path().join("copy").exists(), "{name}");
    }
}

#[test]
fn links_and_pipes_in_the_folder_of_backups_are_neither_followed_nor_waited_for() {
    let server = Server::start();
    let (directory, elsewhere) = (server.directory.path(), tempfile::TempDir::new().unwrap());
    assert_eq!(run(directory, &["backup"]).0, Some(0));
    let (folder, made) = (server.data_dir().join("backups"), kept(&server).remove(0));
    let name = made.file_name().unwrap().to_str().unwrap();
    let theirs = elsewhere.path().join(name);
    fs::rename(&made, &theirs).unwrap();
    fs::remove_file(server.data_dir().join("doorward.sock")).unwrap();
    let socket = UnixListener::bind(server.data_dir().join("doorward.sock")).unwrap();
    let tried = |why: &str| {
        std::thread::scope(|threads| {
            threads.spawn(|| name_a_backup(&socket, name));
            let (code, out, err) = run(directory, &["backup", "copy"]);
            assert!(code != Some(0) && out.is_empty() && !err.is_empty(), "{why}: {code:?} {out}{err}");
        });
        assert!(theirs.exists() && !directory.join("copy").exists(), "{why}");
    };
    symlink(&theirs, &made).unwrap();
    tried("a link to a file");
    fs::remove_file(&made).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &made, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    tried("a pipe");
    fs::remove_dir_all(&folder).unwrap();
    symlink(elsewhere.path(), &folder).unwrap();
    tried("a link to a folder");
}
