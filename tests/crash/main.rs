//! The crash campaign: clients write, the server is killed with SIGKILL at any moment (also while it starts), started again on
//! the same directory, and everything it had acknowledged is compared with what it says now. What was asked for and not
//! answered may have been done or not, but not by half.
//!
//! `scripts/crash` runs it. It ends with the first fault, and keeps the directory then; when all went well, it forges what
//! the clients hold and makes sure that the comparison notices.
//!
//! What others are told of it is compared, too: the feed of revocations with all that has ended (`feed.rs`), and the audit trail
//! with what administrators did (`trail.rs`), of which a kill may take the end and nothing else.

#![expect(clippy::unwrap_used, reason = "a campaign that cannot go on stops here")]

mod check;
mod feed;
mod forge;
mod load;
mod model;
mod op;
mod process;
mod report;
#[path = "../it/server.rs"]
#[allow(dead_code, reason = "the client of the other tests is used, not their server")]
mod server;
mod settle;
mod trail;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Parser as _;
use doorward::auth::audit::Word;
use fastrand::Rng;
use serde_json::json;

use check::{Check, Depth, strangers, unknown_invites};
use feed::{FOLLOWER, Follower};
use load::Counts;
use model::Holdings;
use process::{End, Server, Site};
use server::{Client, Pair};
use settle::Lists;
use trail::{Act, Trail};

const ADMIN_PASSWORD: &str = "securepassword";
/// Every so many rounds everything is compared, not only what is recent.
const EVERYTHING: u64 = 50;
/// An event is on disk a moment after its change: so long, when nobody writes.
const MOMENT: Duration = Duration::from_secs(2);

/// Kills the server at any moment and compares what it acknowledged with what it says after the next start.
#[derive(clap::Parser)]
struct Options {
    /// How many kills there are, at least
    #[arg(long, default_value_t = 40)]
    kills: u64,
    /// How many acknowledged writes there are, at least
    #[arg(long, default_value_t = 3000)]
    writes: u64,
    /// For the clients' choices and the moments of death; the order of things between processes is not repeatable
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many write at once
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Another build of the executable
    #[arg(long, default_value = env!("CARGO_BIN_EXE_doorward"))]
    binary: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let directory = tempfile::Builder::new().prefix("crash-").disable_cleanup(true).tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut campaign = Campaign::new(&options, Site::new(directory.path(), &options.binary));
    match campaign.run(&options) {
        Ok(()) => {
            campaign.report();
            std::fs::remove_dir_all(directory.path()).unwrap();
            ExitCode::SUCCESS
        }
        Err(faults) => {
            campaign.report();
            for fault in &faults {
                println!("fault: {fault}");
            }
            println!("{} faults with --seed {}; the data is kept in {}", faults.len(), options.seed, directory.path().display());
            ExitCode::FAILURE
        }
    }
}

/// What went on so far.
struct Campaign {
    site: Site,
    rng: Rng,
    held: Vec<Holdings>,
    counts: Counts,
    since: Instant,
    start_time: Duration,
    kills: u64,
    kills_at_start: u64,
    kills_at_rest: u64,
    clean_stops: u64,
    compared: u64,
    follower: Follower,
    /// How many entries of the feed were compared.
    told: usize,
    trail: Trail,
    forgeries: usize,
}

type Faults = Vec<String>;

impl Campaign {
    fn new(options: &Options, site: Site) -> Self {
        let held: Vec<_> = (0..options.clients.max(1)).map(|number| Holdings { number, ..Holdings::default() }).collect();
        for client in &held {
            site.add_admin(&format!("boss{}", client.number), ADMIN_PASSWORD);
        }
        Self {
            site,
            rng: Rng::with_seed(options.seed),
            held,
            counts: Counts::default(),
            since: Instant::now(),
            start_time: Duration::from_millis(200),
            kills: 0,
            kills_at_start: 0,
            kills_at_rest: 0,
            clean_stops: 0,
            compared: 0,
            follower: Follower::default(),
            told: 0,
            trail: Trail::default(),
            forgeries: 0,
        }
    }

    fn run(&mut self, options: &Options) -> Result<(), Faults> {
        let (mut server, mut url) = self.site.start().map_err(|fault| vec![fault])?;
        for held in &mut self.held {
            let answer = Client::of(&url).try_login(&format!("boss{}", held.number), ADMIN_PASSWORD);
            held.admin = Pair::of(&answer.expect(200)).access;
        }
        self.begin_to_follow(&Client::of(&url))?;
        for round in 1.. {
            let is_last = self.kills >= options.kills && self.acknowledged() >= options.writes;
            for held in &mut self.held {
                held.round = round;
            }
            let end = self.load_until_the_end(server, &url)?;
            self.die_while_starting();
            let started = Instant::now();
            (server, url) = self.site.start().map_err(|fault| vec![fault])?;
            self.start_time = started.elapsed();
            let depth = if is_last || round % EVERYTHING == 0 { Depth::Everything } else { Depth::Recent };
            self.compare(&url, depth, end)?;
            self.progress(options);
            if is_last {
                self.forgeries = forge::all_are_noticed(&self.held, &Client::of(&url), &self.follower, &mut self.trail)?;
                drop(server);
                break;
            }
        }
        Ok(())
    }

    fn acknowledged(&self) -> u64 {
        self.counts.acknowledged.load(Ordering::SeqCst)
    }

    /// Adds the service that follows the feed.
    fn begin_to_follow(&mut self, client: &Client) -> Result<(), Faults> {
        let boss = &mut self.held[0];
        let body = json!({"name": FOLLOWER, "scopes": ["revocations"]});
        let added = client.json("POST", "/services", Some(&boss.admin), &body).expect(201).json();
        boss.acts.push(Act::with(Word::ServiceAdded, "service", added["id"].clone()));
        self.follower = Follower::new(added["key"].as_str().unwrap());
        self.follower.read(client).map(drop).map_err(|fault| vec![fault])
    }

    /// All clients write until the server is killed, or now and then stopped as one should, or killed when they rest.
    fn load_until_the_end(&mut self, server: Server, url: &str) -> Result<End, Faults> {
        let (until, at_most) = (self.acknowledged() + self.rng.u64(0..400), Duration::from_millis(self.rng.u64(1..1500)));
        let (counts, began) = (&self.counts, Instant::now());
        let (end, follower) = (End::draw(&mut self.rng), &mut self.follower);
        let faults: Faults = std::thread::scope(|scope| {
            let clients = self.held.iter_mut().map(|held| {
                let mut rng = self.rng.fork();
                scope.spawn(move || load::work(held, &Client::of(url), &mut rng, counts))
            });
            let mut clients: Vec<_> = clients.collect();
            clients.push(scope.spawn(move || follower.follow(&Client::of(url), counts)));
            while counts.acknowledged.load(Ordering::SeqCst) < until && began.elapsed() < at_most {
                std::thread::sleep(Duration::from_micros(self.rng.u64(0..2000)));
            }
            let (mut worked, mut stopped) = (Faults::new(), Ok(()));
            let mut wait = || worked.extend(clients.drain(..).filter_map(|client| client.join().unwrap().err()));
            match end {
                End::Killed => drop(server),
                End::AtRest => {
                    counts.rest.store(true, Ordering::SeqCst);
                    wait();
                    std::thread::sleep(MOMENT);
                    drop(server);
                }
                End::Cleanly => stopped = server.stop(),
            }
            wait();
            worked.into_iter().chain(stopped.err()).collect()
        });
        self.counts.rest.store(false, Ordering::SeqCst);
        match end {
            End::Cleanly => self.clean_stops += 1,
            End::AtRest | End::Killed => self.kills += 1,
        }
        self.kills_at_rest += u64::from(end == End::AtRest);
        if faults.is_empty() { Ok(end) } else { Err(faults) }
    }

    /// Starts and kills at any moment of the start, no time, once, or more often.
    fn die_while_starting(&mut self) {
        for _ in 0..self.rng.u32(0..3) {
            let starting = self.site.launch();
            let micros = u64::try_from(self.start_time.as_micros()).unwrap();
            std::thread::sleep(Duration::from_micros(self.rng.u64(0..=micros * 5 / 4)));
            drop(starting);
            self.kills += 1;
            self.kills_at_start += 1;
        }
    }

    fn compare(&mut self, url: &str, depth: Depth, end: End) -> Result<(), Faults> {
        let client = Client::of(url);
        let lists = Lists::read(&client, &self.held[0].admin);
        let untold = self.trail.after_a_restart(&client, &mut self.held, &lists, end != End::Killed);
        if !untold.is_empty() {
            return Err(untold);
        }
        let loose = self.held.iter().filter(|held| matches!(held.pending, Some(op::Op::Invite))).count();
        let settled = in_parallel(&mut self.held, |held| settle::settle(held, &Client::of(url), &lists).err().into_iter().collect());
        if !settled.is_empty() {
            return Err(settled);
        }
        let lists = Lists::read(&client, &self.held[0].admin);
        let mut faults = strangers(&self.held, &lists, loose);
        let feed = self.follower.read(&client).map_err(|fault| vec![fault])?;
        self.told += feed.len();
        faults.extend(feed.faults(&self.held));
        let compared = std::sync::atomic::AtomicU64::new(0);
        let seed = self.rng.u64(..);
        faults.extend(in_parallel(&mut self.held, |held| {
            let (client, mut rng) = (Client::of(url), Rng::with_seed(seed ^ held.number as u64));
            let mut check = Check::new(&client, &lists, depth);
            check.holdings(held, &mut rng);
            compared.fetch_add(check.compared, Ordering::SeqCst);
            check.faults
        }));
        self.compared += compared.into_inner();
        for id in unknown_invites(&self.held, &lists) {
            client.with_token("DELETE", &format!("/invites/{id}"), &self.held[0].admin).expect(200);
            self.held[0].acts.push(Act::with(Word::InviteDeleted, "invite", id));
        }
        faults.extend(self.trail.after_the_check(&client, &mut self.held));
        if depth == Depth::Everything {
            faults.extend(self.trail.faults_of_the_ring(&client, &self.held[0].admin));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// Does something for every client at once; all that went wrong.
fn in_parallel(all: &mut [Holdings], each: impl Fn(&mut Holdings) -> Faults + Sync) -> Faults {
    std::thread::scope(|scope| {
        let threads: Vec<_> = all.iter_mut().map(|held| scope.spawn(|| each(held))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}
