//! The threads that hash, and the queue before them, which is bounded by time.
//!
//! A job owns its place in the queue: a client that hangs up does not make room for another.
//!
//! A thread begins when there is work for one more, and is as important as any other: who logs in alone is served at once, also on a
//! busy machine. Where a crowd waits, it steps back behind everything else for the rest of its life, so that the crowd has to wait and not
//! those who have a token. It ends, and its memory with it, when nobody came for a while.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::warn;

use super::Load;
use super::argon2id::{Memory, hashing};
use super::work::{Done, Work, Worker};
use crate::error::{Error, Result};
use crate::metrics::{Counter, Times};
use crate::priority::give_way;

/// Who has waited longer is refused.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// Who would probably wait longer is refused at once. Less than [`MAX_WAIT`], for jobs take longer at times than they did before.
const MAX_EXPECTED_WAIT: Duration = Duration::from_millis(1500);
/// A thread without work ends after this.
const IDLE: Duration = Duration::from_secs(30);
/// One that gives way ends sooner, and makes room for one that does not.
const IDLE_AFTER_A_CROWD: Duration = Duration::from_secs(1);
/// Jobs that wait at most, whatever the time one takes.
const MAX_JOBS: usize = 1024;
/// What a job takes until one was timed.
const USUAL_TIME: Duration = Duration::from_millis(25);

pub(super) struct Job {
    work: Work,
    queued: Instant,
    reply: oneshot::Sender<Result<Done>>,
}

pub(super) struct Queue {
    jobs: VecDeque<Job>,
    /// How many there are.
    pub threads: usize,
    /// Those of them that wait for a job.
    idle: usize,
    /// A moving average of what one job takes.
    pub job_time: Duration,
    closed: bool,
}

impl Queue {
    fn running(&self) -> usize {
        self.threads - self.idle
    }

    /// How long a job will wait that comes now.
    fn expected_wait(&self, threads: usize) -> Duration {
        let ahead = u32::try_from(self.jobs.len() + self.running()).unwrap_or(u32::MAX);
        self.job_time.saturating_mul(ahead) / u32::try_from(threads).unwrap_or(1)
    }

    /// Counts one more thread if there is work for it.
    fn wants_thread(&mut self, most: usize) -> bool {
        let wanted = self.jobs.len() > self.idle && self.threads < most;
        self.threads += usize::from(wanted);
        wanted
    }
}

/// See the module's page.
pub(super) struct Pool {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Threads, at most.
    threads: usize,
    pub worker: Worker,
    shed: Counter,
    times: Times,
}

fn overloaded() -> Error {
    Error::Overloaded { retry_after: MAX_WAIT }
}

impl Pool {
    pub fn new(threads: usize, worker: Worker) -> Self {
        let queue = Queue { jobs: VecDeque::new(), threads: 0, idle: 0, job_time: USUAL_TIME, closed: false };
        let (changed, shed, times) = (Condvar::new(), Counter::default(), Times::default());
        Self { queue: Mutex::new(queue), changed, threads: threads.max(1), worker, shed, times }
    }

    pub fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn load(&self) -> Load {
        let (shed, times) = (self.shed.value(), self.times.taken());
        let queue = self.lock();
        Load { waiting: queue.jobs.len(), running: queue.running(), threads: self.threads, shed, times }
    }

    /// Ends the threads, once what waits is done.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for its turn, and for what comes of it.
    ///
    /// # Errors
    /// [`Error::Overloaded`], and those of the work.
    pub async fn run(self: &Arc<Self>, work: Work) -> Result<Done> {
        let (reply, done) = oneshot::channel();
        let begin = {
            let mut queue = self.lock();
            if queue.expected_wait(self.threads) > MAX_EXPECTED_WAIT || queue.jobs.len() >= MAX_JOBS {
                self.shed.count();
                return Err(overloaded());
            }
            queue.jobs.push_back(Job { work, queued: Instant::now(), reply });
            queue.wants_thread(self.threads)
        };
        if begin {
            self.begin_thread();
        } else {
            self.changed.notify_one();
        }
        done.await.unwrap_or_else(|_| Err(overloaded()))
    }

    fn begin_thread(self: &Arc<Self>) {
        let pool = Arc::clone(self);
        if let Err(error) = std::thread::Builder::new().name("hasher".to_owned()).spawn(move || pool.take_jobs()) {
            warn!(%error, "a thread that hashes passwords cannot be started");
            let mut queue = self.lock();
            queue.threads -= 1;
            if queue.threads == 0 {
                // Nobody would come for them. Whoever waits is told.
                queue.jobs.clear();
            }
        }
    }

    /// A thread's life.
    fn take_jobs(&self) {
        let (mut memory, mut gives_way) = (Memory::default(), false);
        while let Some((job, crowd)) = self.next(&mut memory, if gives_way { IDLE_AFTER_A_CROWD } else { IDLE }) {
            if crowd && !gives_way {
                give_way();
                gives_way = true;
            }
            // Who was cut off has kept its place until now; the work itself would be for nobody.
            if job.reply.is_closed() {
                continue;
            }
            let started = Instant::now();
            let done = catch_unwind(AssertUnwindSafe(|| self.worker.work(job.work, &mut memory)));
            let taken = started.elapsed();
            self.times.record(taken);
            {
                let mut queue = self.lock();
                queue.job_time = (queue.job_time * 7 + taken) / 8;
            }
            let _ = job.reply.send(done.unwrap_or_else(|_| Err(hashing("a panic"))));
        }
    }

    /// The next job, and whether a crowd waits behind it. While none is there, memory is wiped; `None` when none came for so long.
    pub fn next(&self, memory: &mut Memory, patience: Duration) -> Option<(Job, bool)> {
        let mut queue = self.lock();
        let (mut wiped, mut waited) = (false, false);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                // The estimate at the door was wrong: the machine has become busy with something else.
                if job.queued.elapsed() > MAX_WAIT {
                    self.shed.count();
                    let _ = job.reply.send(Err(overloaded()));
                    continue;
                }
                let crowd = queue.jobs.len() >= self.threads;
                return Some((job, crowd));
            }
            if queue.closed || waited {
                queue.threads -= 1;
                return None;
            }
            if !wiped {
                drop(queue);
                memory.wipe();
                wiped = true;
                queue = self.lock();
                continue;
            }
            queue.idle += 1;
            let (next, wait) = self.changed.wait_timeout(queue, patience).unwrap_or_else(PoisonError::into_inner);
            queue = next;
            queue.idle -= 1;
            waited = wait.timed_out();
        }
    }
}
