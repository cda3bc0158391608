//! Slow peers and many of them, beside good traffic: the executable under 2,000 slow heads, 500 slow bodies, 10,000 idle
//! connections, a want of descriptors, and ten times the logins it can hash.
//!
//! What must hold is asserted: no good request fails, memory stays flat, and all is well afterwards. How much slower good
//! traffic gets is printed, for machines differ: `scripts/siege` runs this alone, in a release build and for a minute each,
//! `cargo test` in short.

mod churn;
#[path = "../it/server.rs"]
#[expect(dead_code, reason = "the black-box tests use more of it")]
mod server;

mod traffic;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use server::{DEAR, PASSWORD, Server, resident_kib, room_for_descriptors};
use traffic::Good;

/// One siege at a time: they would be each other's noise.
static ALONE: Mutex<()> = Mutex::new(());

const A_MINUTE: Duration = Duration::from_secs(60);
/// How long a connection is kept that asks for nothing more.
const IDLE: Duration = Duration::from_secs(75);

/// How long each lasts: `SIEGE_SECS`.
fn duration() -> Duration {
    let secs = std::env::var("SIEGE_SECS").ok().and_then(|secs| secs.parse().ok());
    Duration::from_secs(secs.unwrap_or(2))
}

/// Good traffic before, during and after an attack.
fn besieged(server: &Server, attack: &(dyn Fn(&AtomicBool) + Sync)) {
    let good = Good::begin(server);
    let quiet = good.run(duration(), &|_| {});
    let busy = good.run(duration(), attack);
    let after = good.run(Duration::from_millis(500), &|_| {});
    assert_eq!((quiet.failed, busy.failed, after.failed), (0, 0, 0), "good requests failed: {quiet:?} {busy:?} {after:?}");
    println!("  quiet {quiet}\n  busy  {busy}: p99 × {:.1}", busy.p99().as_secs_f64() / quiet.p99().as_secs_f64());
}

fn open(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_nonblocking(true).expect("a socket");
    stream
}

/// Feeds `many` connections a byte each, five times a second and not all at one moment, and opens a new one for each that was cut off.
fn trickle(address: SocketAddr, many: usize, begin: &[u8], over: &AtomicBool) -> (usize, usize) {
    let fresh = || {
        let mut stream = open(address);
        let _ = stream.write_all(begin);
        stream
    };
    let mut streams: Vec<_> = (0..many).map(|_| fresh()).collect();
    let (mut bytes, mut cut_off) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        for (at, stream) in streams.iter_mut().enumerate() {
            if at % (many / 100) == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
            let gone = stream.read(&mut [0; 512]).is_ok() || stream.write(b"a").is_err();
            bytes += 1;
            if gone {
                cut_off += 1;
                *stream = fresh();
            }
        }
    }
    (bytes, cut_off)
}

#[test]
fn two_thousand_slow_heads_do_not_keep_good_traffic_out() {
    let _alone = ALONE.lock();
    println!("2,000 slow heads");
    room_for_descriptors(6000);
    let server = Server::start();
    besieged(&server, &|over| {
        let (bytes, cut_off) = trickle(server.address(), 2000, b"GET /test HTTP/1.1\r\nHost: localhost\r\nX: ", over);
        println!("  {bytes} bytes sent one by one, {cut_off} connections cut off");
    });
}

#[test]
fn five_hundred_slow_bodies_do_not_keep_good_traffic_out() {
    let _alone = ALONE.lock();
    println!("500 slow bodies");
    room_for_descriptors(6000);
    let server = Server::start();
    let head = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{";
    besieged(&server, &|over| {
        let (bytes, cut_off) = trickle(server.address(), 500, head, over);
        println!("  {bytes} bytes sent one by one, {cut_off} connections cut off");
    });
}

#[test]
fn ten_thousand_idle_connections_do_not_keep_good_traffic_out() {
    let _alone = ALONE.lock();
    room_for_descriptors(11_000);
    let descriptors = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| most.try_into().expect("a few"));
    let many = descriptors.saturating_sub(1000).min(10_000);
    println!("{many} idle connections");
    let server = Server::with(&[], &[("DOORWARD_MAX_CONNECTIONS", "11000")]);
    let before = resident_kib(server.pid());
    let (during, closed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    besieged(&server, &|over| {
        let mut idle: Vec<_> = (0..many).map(|_| TcpStream::connect(server.address()).expect("the server accepts")).collect();
        // Each has been served, and is kept open for more.
        for stream in &mut idle {
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is open");
            let mut answer = [0; 4096];
            let length = stream.read(&mut answer).expect("an answer");
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&answer[..length]));
        }
        let idle_since = Instant::now();
        while !over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
        during.store(resident_kib(server.pid()), Ordering::Relaxed);
        if duration() >= A_MINUTE {
            let ends = idle_since + IDLE;
            std::thread::sleep(ends.saturating_duration_since(Instant::now()));
            for stream in &mut idle {
                stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
                closed.fetch_add(usize::from(stream.read(&mut [0; 512]).is_ok_and(|bytes| bytes == 0)), Ordering::Relaxed);
            }
            println!("  {closed:?} of them are closed {:?} after their last answer", idle_since.elapsed());
        }
    });
    let each = during.into_inner().saturating_sub(before) / many;
    println!("  {before} KiB before, {each} KiB for each connection");
    assert!(each < 24, "an idle connection holds {each} KiB");
    assert!(duration() < A_MINUTE || closed.into_inner() == many, "some stayed open");
}

#[test]
fn out_of_descriptors_the_server_waits_and_then_goes_on() {
    let _alone = ALONE.lock();
    println!("64 descriptors, 200 connections");
    let server = Server::start();
    let limit = Rlimit { current: Some(64), maximum: Some(64) };
    prlimit(Some(server.pid()), Resource::Nofile, limit).expect("it is ours");
    let client = server.client();
    let pair = client.newcomer("arun");
    let crowd: Vec<_> = (0..200).map(|_| open(server.address())).collect();
    // A connection that came before goes on being served.
    client.test(&pair.access).expect(200);
    drop(crowd);
    // Those of the crowd that nobody had taken up yet come first, and a newcomer may be turned away meanwhile.
    let began = Instant::now();
    let mut newcomers = std::iter::repeat_with(|| server.client()).take_while(|_| began.elapsed() < Duration::from_secs(120));
    let fresh = newcomers.find(|newcomer| newcomer.test(&pair.access).status == 200).expect("room again");
    assert!(fresh.logout(&pair.access).status == 200 && server.client().test(&pair.access).status == 401);
}

#[test]
fn ten_times_the_logins_it_can_hash_leave_memory_flat_and_good_traffic_served() {
    let _alone = ALONE.lock();
    println!("a flood of logins");
    // One user stands for a crowd; as itself it would have to wait for the end of its own attempts.
    let server = Server::with(&[], &[("DOORWARD_THROTTLE", "false"), DEAR]);
    let client = server.client();
    client.newcomer("crowd");
    let capacity = traffic::logins_a_second(&server);
    let (offered, sent) = (capacity * 10, AtomicU32::new(0));
    let (good, shed, odd) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let slowest_refusal = Mutex::new(Duration::ZERO);
    let peak = AtomicUsize::new(0);
    let flood = |over: &AtomicBool| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    peak.fetch_max(resident_kib(server.pid()), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
            // Who waits offers nothing: there must be more than the queue takes, which is two seconds of them.
            for _ in 0..(4 * capacity).max(128) {
                scope.spawn(|| {
                    let client = server.client().impatient();
                    let start = Instant::now();
                    // As long as there is good traffic, and on a machine with much other work until some got in and some did not.
                    let is_one = || shed.load(Ordering::Relaxed) > 0 && good.load(Ordering::Relaxed) > 0;
                    while !over.load(Ordering::Relaxed) || (!is_one() && start.elapsed() < Duration::from_secs(60)) {
                        // All of them together keep the pace.
                        let due = Duration::from_secs(1) / offered * sent.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(due.saturating_sub(start.elapsed()));
                        let asked = Instant::now();
                        match client.try_login("crowd", PASSWORD).status {
                            200 => _ = good.fetch_add(1, Ordering::Relaxed),
                            503 => {
                                shed.fetch_add(1, Ordering::Relaxed);
                                let mut slowest = slowest_refusal.lock().expect("nobody panics");
                                *slowest = asked.elapsed().max(*slowest);
                            }
                            _ => _ = odd.fetch_add(1, Ordering::Relaxed),
                        }
                    }
                });
            }
        });
    };
    let before = resident_kib(server.pid());
    besieged(&server, &flood);
    let (good, shed, odd, peak) = (good.into_inner(), shed.into_inner(), odd.into_inner(), peak.into_inner());
    let slowest = slowest_refusal.into_inner().expect("nobody panics");
    println!(
        "  {capacity} logins/s can be hashed; of {} offered {good} got in, {shed} were shed, the slowest after {slowest:?}",
        good + shed
    );
    println!("  {before} KiB before, at most {peak} KiB");
    assert_eq!(odd, 0, "answers other than 200 and 503");
    assert!(shed > 0 && good > 0, "the flood is one: {good} in, {shed} shed");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(peak < before + threads * 19_456 + 32_768, "memory grew from {before} to {peak} KiB");
    // It goes on as if nothing had been.
    client.try_login("crowd", PASSWORD).expect(200);
}
