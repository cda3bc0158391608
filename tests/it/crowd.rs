//! Who gives way when many log in: the crowd, not those who have a token, and nobody who logs in alone.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::getpriority_process;

use crate::server::{DEAR, PASSWORD, Server, skip};

/// Behind the others, sched(7).
const GIVES_WAY: i32 = 10;

/// How nice the threads that hash are.
fn niceness(server: &Server) -> Vec<i32> {
    let tasks = format!("/proc/{}/task", server.pid().as_raw_nonzero());
    let stats = fs::read_dir(&tasks).unwrap().filter_map(|task| fs::read_to_string(task.unwrap().path().join("stat")).ok());
    // proc_pid_stat(5): the name in brackets, then the third field and those after it; `nice` is the 19th.
    let hashing = stats.filter_map(|stat| stat.split_once("(hasher) ").map(|(_, rest)| rest.to_owned()));
    hashing.map(|rest| rest.split(' ').nth(16).unwrap().parse().unwrap()).collect()
}

fn eventually(server: &Server, what: &str, holds: impl Fn(&[i32]) -> bool) {
    let began = Instant::now();
    while !holds(&niceness(server)) {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}: {:?}", niceness(server));
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn threads_that_hash_for_a_crowd_give_way_and_go_with_it_and_one_who_comes_alone_is_served_as_any() {
    if getpriority_process(None).unwrap() >= GIVES_WAY {
        return skip("who steps back", "these tests have stepped back themselves");
    }
    let server = Server::with(&[], &[("DOORWARD_THROTTLE", "false"), ("DOORWARD_HASHING_THREADS", "2"), DEAR]);
    assert!(niceness(&server).is_empty(), "there are threads before there is work");
    server.client().newcomer("arun");
    assert!(!niceness(&server).is_empty() && !niceness(&server).contains(&GIVES_WAY), "{:?}", niceness(&server));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                let client = server.client().impatient();
                while !over.load(Ordering::Relaxed) {
                    drop(client.try_login("arun", PASSWORD));
                }
            });
        }
        eventually(&server, "a crowd, but no thread gives way", |values| values.contains(&GIVES_WAY));
        over.store(true, Ordering::Relaxed);
    });
    eventually(&server, "the crowd has gone, but not its threads", |values| !values.contains(&GIVES_WAY));
    server.client().login("arun");
    assert!(niceness(&server).iter().any(|value| *value != GIVES_WAY), "{:?}", niceness(&server));
}
