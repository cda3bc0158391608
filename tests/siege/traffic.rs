//! Good traffic: a few clients that ask for `/test` at an even pace and write down how long it took.

use std::fmt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use crate::server::{PASSWORD, Server};

/// Clients, each with its connection.
const CLIENTS: usize = 4;
/// Between two requests of one client.
const PACE: Duration = Duration::from_millis(4);

/// Somebody who is logged in and goes about it.
pub struct Good<'s> {
    server: &'s Server,
    token: String,
}

/// How it went.
#[derive(Debug, Default)]
pub struct Figures {
    took: Vec<Duration>,
    pub failed: usize,
}

impl<'s> Good<'s> {
    pub fn begin(server: &'s Server) -> Self {
        Self { server, token: server.client().newcomer("good").access }
    }

    /// Asks for as long as `duration` while `attack` goes on, which is told when it is over.
    pub fn run(&self, duration: Duration, attack: &(dyn Fn(&AtomicBool) + Sync)) -> Figures {
        let (over, figures) = (AtomicBool::new(false), Mutex::new(Figures::default()));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                Elsewhere::LaysSiege.begin();
                attack(&over);
            });
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| self.ask(duration, &figures))).collect();
            for client in clients {
                client.join().expect("no client panics");
            }
            over.store(true, Ordering::Relaxed);
        });
        let mut figures = figures.into_inner().expect("nobody panics");
        figures.took.sort_unstable();
        figures
    }

    fn ask(&self, duration: Duration, figures: &Mutex<Figures>) {
        Elsewhere::Measures.begin();
        let client = self.server.client();
        let authorization = format!("Bearer {}", self.token);
        let (start, mut mine) = (Instant::now(), Figures::default());
        while start.elapsed() < duration {
            let asked = Instant::now();
            let answer = client.try_send("GET", "/test", &[("Authorization", &authorization)], None);
            mine.took.push(asked.elapsed());
            mine.failed += usize::from(!answer.is_ok_and(|answer| answer.status == 200));
            std::thread::sleep(PACE.saturating_sub(asked.elapsed()));
        }
        let mut figures = figures.lock().expect("nobody panics");
        figures.took.append(&mut mine.took);
        figures.failed += mine.failed;
    }
}

impl Figures {
    fn quantile(&self, per_mille: usize) -> Duration {
        let last = self.took.len().saturating_sub(1);
        self.took.get(last * per_mille / 1000).copied().unwrap_or_default()
    }

    pub fn p99(&self) -> Duration {
        self.quantile(990)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, p99, worst) = (self.quantile(500), self.p99(), self.quantile(1000));
        write!(f, "{} requests, {} failed, median {median:.0?}, p99 {p99:.0?}, worst {worst:.0?}", self.took.len(), self.failed)
    }
}

/// What a thread that stands for another machine does there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    Measures,
    LaysSiege,
}

impl Elsewhere {
    /// The running thread and those it begins wait for none of the work of this machine, so what is measured is the server, and not
    /// whose turn it is at a core (sched(7)). Where that is not permitted, says so once: then who lays siege steps back at least.
    pub fn begin(self) {
        static SAID: Once = Once::new();
        let priority = if self == Self::Measures { "2" } else { "1" };
        let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
        let chrt = Command::new("chrt").args(["--fifo", "--pid", priority, &thread]).stderr(Stdio::null()).status();
        if !chrt.is_ok_and(|status| status.success()) {
            SAID.call_once(|| println!("  clients wait for cores as the server does (chrt --fifo is not permitted): times hold both"));
            if self == Self::LaysSiege {
                let _ = rustix::process::setpriority_process(None, 19);
            }
        }
    }
}

/// How many logins a second are hashed, by asking as many at once as there are cores.
pub fn logins_a_second(server: &Server) -> u32 {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (start, rounds) = (Instant::now(), 20);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let client = server.client();
                for _ in 0..rounds {
                    client.try_login("crowd", PASSWORD).expect(200);
                }
            });
        }
    });
    let each = start.elapsed() / u32::try_from(threads * rounds).expect("a few");
    u32::try_from(Duration::from_secs(1).as_nanos() / each.as_nanos()).expect("few").max(1)
}
