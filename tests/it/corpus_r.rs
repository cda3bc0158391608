//! Corpus R, races, beside those of `races.rs` and `races_users.rs`.

use std::process::Stdio;

use crate::corpus::count;
use crate::races::{at_once, rounds};
use crate::server::{PASSWORD, Server, doorward};

#[test]
fn r9_of_eight_first_administrators_of_one_name_exactly_one_is_made() {
    use std::io::Write as _;
    for _ in 0..rounds(2) {
        let directory = tempfile::TempDir::new().unwrap();
        let mut commands: Vec<_> = (0..8)
            .map(|_| {
                let mut command = doorward(directory.path());
                command.args(["user", "add", "boss", "--admin", "--data-dir", "data"]);
                command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for command in &mut commands {
            command.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        }
        // They wait for one another, and the second to come finds the name taken.
        let made = commands.into_iter().map(|mut command| command.wait().unwrap()).filter(std::process::ExitStatus::success).count();
        assert_eq!(made, 1, "R9");
        let listed = doorward(directory.path()).args(["user", "list", "--json"]).output().unwrap().stdout;
        assert_eq!(String::from_utf8(listed).unwrap().matches("\"boss\"").count(), 1, "R9");
        count();
    }
}

#[test]
fn r16_a_token_that_was_logged_out_is_refused_up_to_its_end_and_past_it() {
    let server = Server::with(&[], &[("JWT_ACCESS_TOKEN_EXPIRES", "2")]);
    let client = server.client();
    client.register("arun").expect(201);
    // Each takes as long as the token lives.
    for _ in 0..rounds(1) {
        // One that was logged out while it was good: a machine that is busy may need longer for it than the token lives.
        let pair = std::iter::repeat_with(|| client.login("arun")).find(|pair| client.logout(&pair.access).status == 200).unwrap();
        let ends = at_once(&server.url, |_, client| {
            loop {
                let answer = client.test(&pair.access).expect(401);
                if answer.error() == "token_expired" {
                    return client.test(&pair.access).refused(401, "token_expired");
                }
                assert_eq!(answer.error(), "token_revoked", "R16");
            }
        });
        assert_eq!(ends.len(), 64);
        client.refresh(&pair.refresh).refused(401, "token_revoked");
        count();
    }
}
