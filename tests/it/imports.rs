//! Leaving another program: `doorward import` and `/import`.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::{run_in, said};
use crate::server::{PASSWORD, Server, with_admin};

/// Of `password`, from passlib's manual.
const HASH: &str = "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE";

/// A database that `SQLite` wrote (tests/flask/make.py).
fn database(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flask").join(name).display().to_string()
}

fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    said(&run_in(directory, arguments, &[], ""))
}

/// A server whose database was empty when the users were imported, and what the import said.
fn moved(from: &str) -> (Server, String) {
    let mut server = Server::start();
    server.stop();
    let (_, out, err) = run(server.directory.path(), &["import", "flask", &database(from)]);
    assert!(err.contains("no server runs"), "{err}");
    server.start_again();
    (server, out)
}

fn file(server: &Server, name: &str, content: &str) -> String {
    let path: PathBuf = server.directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

fn foreign(server: &Server) -> Value {
    let (code, out, err) = run(server.directory.path(), &["import", "status", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn the_templates_users_come_with_their_ids_and_what_does_not_fit_is_told_row_by_row() {
    let mut server = Server::start();
    server.stop();
    let (code, out, err) = run(server.directory.path(), &["import", "flask", &database("users.db")]);
    let lines: Vec<_> = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "ROW ID USERNAME REFUSED BECAUSE",
            "3 3 mira The same name as in row 2: letters count the same in either case.",
            "5 5 two words Only letters, digits, and . _ - @ + are allowed.",
            "6 6 plain The hash is of no kind that is known here.",
            "",
            "6 rows: 3 added, 0 there before, 3 refused"
        ]
    );
    assert_eq!((code, err.lines().last()), (Some(1), Some("doorward: 3 rows were refused; the others count")));
    server.start_again();
    let client = server.client();
    for (name, id) in [("arun", 1), ("Mira", 2), ("admin", 7)] {
        let access = client.try_login(name, "password").expect(200).json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(client.with_token("GET", "/me", &access).expect(200).json()["id"], id, "{name}");
    }
    client.try_login("plain", "password").refused(401, "invalid_credentials");
    // New users count on above the highest id, also those of rows that were refused.
    assert_eq!(client.register("newcomer").expect(201).header("Location"), Some("/user/8"));
}

#[test]
fn the_old_password_is_checked_and_its_hash_replaced_at_the_first_right_login() {
    let (server, _) = moved("users.db");
    let client = server.client();
    assert_eq!(foreign(&server), json!({"users": 3, "foreign": {"passlib_pbkdf2": 3}}));
    client.try_login("arun", "Password").refused(401, "invalid_credentials");
    assert_eq!(foreign(&server)["foreign"]["passlib_pbkdf2"], 3);
    client.try_login("arun", "password").expect(200);
    assert_eq!(foreign(&server)["foreign"]["passlib_pbkdf2"], 2);
    client.try_login("arun", "password").expect(200);
    client.try_login("arun", "Password").refused(401, "invalid_credentials");
    let (_, out, _) = run(server.directory.path(), &["import", "status"]);
    assert!(out.contains("passlib pbkdf2  2") && out.ends_with("2 of 3 users have not logged in since they were imported\n"), "{out}");
}

#[test]
fn hashes_of_every_kind_let_their_users_in_with_the_bytes_that_were_typed() {
    let server = Server::start();
    let vectors = include_str!("../hashes/foreign.jsonl").lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let users: Vec<_> = vectors.enumerate().filter(|(number, _)| number % 3 == 0).collect();
    let lines = users.iter().fold(String::new(), |mut lines, (number, row)| {
        writeln!(lines, "{}", json!({"id": number + 1, "username": format!("user{number}"), "password": row["hash"]})).unwrap();
        lines
    });
    let path = file(&server, "users.jsonl", &lines);
    let (code, out, err) = run(server.directory.path(), &["import", "flask", &path, "--from", "jsonl"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(foreign(&server)["foreign"].as_object().unwrap().len(), 6);
    let client = server.client();
    for (number, row) in &users {
        let (name, password) = (format!("user{number}"), row["password"].as_str().unwrap());
        client.try_login(&name, password).expect(200);
        client.try_login(&name, password).expect(200);
    }
    assert_eq!(foreign(&server), json!({"users": users.len(), "foreign": {}}));
}

#[test]
fn an_import_that_is_run_again_adds_nobody_twice_and_goes_on_where_it_broke_off() {
    let server = Server::start();
    let line = |id: u64| json!({"id": id, "username": format!("user{id}"), "password": HASH}).to_string() + "\n";
    let half = file(&server, "half.jsonl", &(1..=250).map(line).collect::<String>());
    let whole = file(&server, "whole.jsonl", &(1..=500).map(line).collect::<String>());
    let import = |path: &str, more: &[&str]| {
        let (code, out, err) = run(server.directory.path(), &[&["import", "flask", path, "--from", "jsonl"], more].concat());
        assert!(code == Some(0) && err.contains("through the running server"), "{err}");
        out
    };
    assert_eq!(import(&half, &[]), "250 rows: 250 added, 0 there before, 0 refused\n");
    server.client().try_login("user7", "password").expect(200);
    assert_eq!(import(&whole, &["--dry-run"]), "500 rows: 250 would be added, 250 there before, 0 refused\n");
    server.client().try_login("user400", "password").refused(401, "invalid_credentials");
    let report: Value = serde_json::from_str(&import(&whole, &["--json"])).unwrap();
    assert_eq!(report, json!({"dry_run": false, "read": 500, "added": 250, "present": 250, "refused": [], "secret": null}));
    assert_eq!(import(&whole, &[]), "500 rows: 0 added, 500 there before, 0 refused\n");
    // Whoever has logged in since keeps its new hash.
    assert_eq!(foreign(&server)["foreign"]["passlib_pbkdf2"], 499);
}

#[test]
fn what_was_imported_is_there_after_a_kill() {
    let mut server = Server::start();
    run(server.directory.path(), &["import", "flask", &database("users.db")]);
    server.kill_and_start_again();
    server.client().try_login("mira", "password").expect(200);
    assert_eq!(foreign(&server)["users"], 3);
}

#[test]
fn nobody_is_given_the_id_of_another_user_or_of_one_who_was_deleted() {
    let (server, client, boss) = with_admin();
    let (code, out, _) = run(server.directory.path(), &["import", "flask", &database("users.db")]);
    assert!(code == Some(1) && out.contains("Another user has this id."), "{out}");
    client.with_token("DELETE", "/user/2", &boss.access).expect(200);
    let (_, out, _) = run(server.directory.path(), &["import", "flask", &database("users.db")]);
    assert!(out.contains("This id was that of a user who has been deleted."), "{out}");
    client.try_login("mira", "password").refused(401, "invalid_credentials");
    client.try_login("boss", PASSWORD).expect(200);
}

#[test]
fn a_file_of_comma_separated_lines_may_have_other_columns_and_quotes() {
    let server = Server::start();
    let lines = format!(
        "\u{feff}email,password,\"username\",id\na@x,{HASH},\"arun\",3\r\nb@x,\"{HASH}\",mira,12\n,,x,\n,{HASH},low,-1\n,{HASH},\"two\nlines\",4\n,{HASH},last,9\n"
    );
    let path = file(&server, "users.csv", &lines);
    let (code, out, err) = run(server.directory.path(), &["import", "flask", &path, "--from", "csv", "--json"]);
    assert_eq!(code, Some(1), "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["added"], &report["read"]), (&json!(3), &json!(6)));
    let refused = report["refused"].as_array().unwrap();
    let reasons: Vec<_> = refused.iter().map(|row| (row["row"].as_i64().unwrap(), row["reason"].as_str().unwrap())).collect();
    assert_eq!(reasons[..2], [(4, "The id is no whole number."), (5, "The id is not a number from 1 to 2^48.")]);
    assert_eq!(refused.len(), 3);
    server.client().try_login("last", "password").expect(200);
    let path = file(&server, "no.csv", "id,name\n");
    let (code, _, err) = run(server.directory.path(), &["import", "flask", &path, "--from", "csv"]);
    assert!(code == Some(1) && err.contains("its first line names no column username"), "{err}");
}

#[test]
fn the_command_says_whether_the_tokens_of_the_app_will_be_good_and_copies_no_secret() {
    let server = Server::start();
    let secret = "the secret of an app, thirty-two bytes or more";
    let path = file(&server, "secret", &format!("{secret}\n"));
    // Whatever the umask is: another test's store sets that of this process.
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let import = |environment: &[(&str, &str)], secret_file: &str| {
        let arguments = ["import", "flask", &database("logged.db"), "--secret-file", secret_file];
        said(&run_in(server.directory.path(), &arguments, environment, ""))
    };
    let (code, out, err) = import(&[], &path);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains(&format!("jwt_secret_key_file = \"{path}\"")) && out.contains("chmod 600"), "{out}");
    assert!(!format!("{out}{err}").contains(secret));
    let (_, out, _) = import(&[("JWT_SECRET_KEY", secret)], &path);
    assert!(out.contains("The app's secret is in the settings"), "{out}");
    let (code, _, err) = import(&[], &file(&server, "empty", "\n"));
    assert!(code == Some(1) && err.contains("is empty"), "{err}");
    assert_eq!(import(&[], "/nowhere").0, Some(78));
}

#[test]
fn what_cannot_be_read_is_refused_before_anything_is_imported() {
    let server = Server::start();
    let broken = file(&server, "broken.jsonl", "{\"id\":1,\"username\":\"arun\",\"password\":\"x\"}\nnot json\n");
    for (arguments, says) in [
        (&["import", "flask", "/nowhere.db"][..], "it cannot be read"),
        (&["import", "flask", &broken], "it is no SQLite database: too short; if it is of another kind, say so with --from csv"),
        (&["import", "flask", &broken, "--from", "jsonl"], "line 2 is no JSON object"),
        (&["import", "flask", &database("deep.db"), "--table", "people"], "it has no table people; it has: other, users"),
    ] {
        let (code, out, err) = run(server.directory.path(), arguments);
        assert!(code == Some(1) && out.is_empty() && err.contains(says), "{arguments:?}: {out}{err}");
    }
    assert_eq!(foreign(&server)["users"], 0);
}

#[test]
fn over_the_api_an_administrator_imports_and_each_fault_is_named() {
    let (server, client, boss) = with_admin();
    let import = |body: &Value| client.json("POST", "/import", Some(&boss.access), body);
    let user = |id: Value, name: &str, hash: &str| json!({"id": id, "username": name, "password_hash": hash});
    let dear = "$argon2id$v=19$m=4194304,t=3,p=4$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let users = [
        user(json!(5), "arun", HASH),
        user(json!(1), "other", HASH),
        user(json!(6), "admin", HASH),
        user(json!(7), "mira", dear),
        user(json!(0), "zero", HASH),
        user(json!(u64::MAX), "most", HASH),
        user(json!(5), "twice", HASH),
        user(json!(9), "BOSS", HASH),
    ];
    let expected = json!({"added": 1, "present": 0, "refused": [
        {"row": 1, "reason": "Another user has this id."},
        {"row": 2, "reason": "This name is reserved; import it on the server's machine."},
        {"row": 3, "reason": "To check the hash would cost more than is allowed."},
        {"row": 4, "reason": "The id is not a number from 1 to 2^48."},
        {"row": 5, "reason": "The id is not a number from 1 to 2^48."},
        {"row": 6, "reason": "The id or the name is that of a row before."},
        {"row": 7, "reason": "User 1 has this name."},
    ]});
    assert_eq!(import(&json!({"users": users, "dry_run": true})).expect(200).json(), expected);
    client.try_login("arun", "password").refused(401, "invalid_credentials");
    assert_eq!(import(&json!({"users": users})).expect(200).json(), expected);
    client.try_login("arun", "password").expect(200);
    for body in [
        json!({}),
        json!({"users": {}}),
        json!({"users": [7]}),
        json!({"users": [{"id": 1.5, "username": "x", "password_hash": HASH}]}),
        json!({"users": [{"id": 1, "username": "x"}]}),
        json!({"users": [{"id": 1, "username": "x", "password_hash": HASH, "roles": ["admin"]}]}),
        json!({"users": vec![json!({"id": 1, "username": "", "password_hash": ""}); 101]}),
        json!({"users": [], "dry_run": 1}),
        json!({"users": [], "roles": []}),
    ] {
        import(&body).refused(422, "validation_failed");
    }
    let events = client.with_token("GET", "/audit?event=users_imported", &boss.access).expect(200).json();
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    assert_eq!(events["events"][0]["details"], json!({"users": 1, "first": 5, "last": 5}));
    let (_, out, err) = run(server.directory.path(), &["import", "flask", &database("users.db"), "--url", &server.url]);
    assert!(out.is_empty() && err.contains("needs an administrator's access token"), "{err}");
}

#[test]
fn the_highest_id_that_is_taken_costs_no_memory_and_the_user_comes_with_backup_and_restart() {
    let (mut server, client, boss) = with_admin();
    let far = 1_u64 << 48;
    let row = json!({"users": [{"id": far, "username": "faraway", "password_hash": HASH}]});
    assert_eq!(client.json("POST", "/import", Some(&boss.access), &row).expect(200).json()["added"], 1);
    client.with_token("POST", "/backup", &boss.access).expect(201);
    server.stop();
    let (code, _, err) = run(server.directory.path(), &["restore", "latest", "--replace"]);
    assert_eq!(code, Some(0), "{err}");
    server.start_again();
    let client = server.client();
    let access = client.try_login("faraway", "password").expect(200).json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(client.with_token("GET", "/me", &access).expect(200).json()["id"], far);
    assert_eq!(client.try_login("boss", PASSWORD).status, 200);
}
