//! The Argon2 pool: a fixed number of low-priority threads, each with memory it reuses, and a queue bounded by time.
//!
//! A job owns its place in the queue: a client that hangs up does not make room for another. Working memory is written
//! over by the next job, wiped when none is waiting, and given back after `IDLE`. Unknown users are checked against a
//! dummy hash through the same queue, so that the answer and its time are the same (OWASP Authentication Cheat Sheet).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use tokio::sync::oneshot;
use zeroize::Zeroize;

use super::foreign::{Foreign, MALFORMED, TOO_DEAR};
use super::password::{Password, PasswordHash, Typed};
use crate::error::{Error, Result};
use crate::metrics::{Counter, Taken, Times};

/// Who would wait longer is refused.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// Unused working memory is given back after this.
const IDLE: Duration = Duration::from_secs(30);
/// Jobs that wait at most, whatever the time one takes.
const MAX_JOBS: usize = 1024;
/// A stored hash that costs more than this is refused, not computed (only imported ones could).
pub(super) const MAX_MEMORY_KIB: u32 = 256 * 1024;
pub(super) const MAX_ITERATIONS: u32 = 16;
pub(super) const MAX_LANES: u32 = 16;
/// What an imported one may write in all, in KiB: about a second.
const MAX_FOREIGN_WORK_KIB: u64 = 1 << 20;
/// What a hash takes until one was timed.
const USUAL_TIME: Duration = Duration::from_millis(25);
/// More than the 32 MiB up to which glibc learns to keep freed memory for itself: so this is given back to the system.
/// What is reserved and not used costs nothing.
const ALWAYS_MAPPED_BLOCKS: usize = 33 * 1024;
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

/// What one hash costs (RFC 9106 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// m, in KiB.
    pub memory_kib: u32,
    /// t
    pub iterations: u32,
    /// p
    pub lanes: u32,
}

impl Cost {
    /// OWASP Password Storage Cheat Sheet; the floor.
    pub const OWASP: Self = Self { memory_kib: 19_456, iterations: 2, lanes: 1 };

    fn argon2(self) -> Result<Argon2<'static>> {
        let params = Params::new(self.memory_kib, self.iterations, self.lanes, Some(TAG_BYTES)).map_err(hashing)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    /// In KiB written.
    fn work(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.iterations)
    }

    fn is_weaker_than(self, other: Self) -> bool {
        self.work() < other.work()
    }

    /// What a hash of this cost lacks to one of the other, as a cost of its own; `None`: nothing to speak of.
    fn lacks(self, other: Self) -> Option<Self> {
        let work = other.work().checked_sub(self.work())?;
        let memory_kib = u32::try_from(work / u64::from(other.iterations)).ok()?;
        // RFC 9106 §3.1: at least 8 KiB for each lane.
        (memory_kib >= 8).then_some(Self { memory_kib, lanes: 1, ..other })
    }

    /// What can still be done of a hash of this cost, which takes `whole`, when `spent` is gone; `None`: nothing to speak of.
    fn share(self, spent: Duration, whole: Duration) -> Option<Self> {
        let left = whole.checked_sub(spent)?.as_micros();
        let memory_kib = u32::try_from(u128::from(self.memory_kib) * left / whole.as_micros().max(1)).ok()?;
        (memory_kib >= 8).then_some(Self { memory_kib, lanes: 1, ..self })
    }
}

/// What checking a password gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not this password.
    Wrong,
    /// This password. The hash to keep instead, when the stored one costs less than today's or was made by another program.
    Right(Option<PasswordHash>),
}

enum Work {
    Hash(Password),
    Verify(Option<Typed>, PasswordHash),
}

enum Done {
    Hashed(PasswordHash),
    Verified(Verdict),
}

struct Job {
    work: Work,
    queued: Instant,
    reply: oneshot::Sender<Result<Done>>,
}

struct Queue {
    jobs: VecDeque<Job>,
    running: usize,
    /// A moving average of what one job takes.
    job_time: Duration,
    /// A moving average of what a hash of today's cost takes.
    hash_time: Duration,
    closed: bool,
}

/// How busy the pool is.
#[derive(Debug)]
pub struct Load {
    /// Jobs that wait.
    pub waiting: usize,
    /// Jobs that are worked on.
    pub running: usize,
    /// How many can be, at once.
    pub threads: usize,
    /// Jobs that were refused, because of the time they would have waited or had waited.
    pub shed: u64,
    /// How long jobs took, without the wait.
    pub times: Taken,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    threads: usize,
    cost: Cost,
    shed: Counter,
    times: Times,
}

/// A handle on the pool; the threads end when it is dropped.
pub struct Hasher {
    shared: Arc<Shared>,
    dummy: PasswordHash,
}

impl Hasher {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// [`Error::Crypto`] when the cost cannot be met or a thread cannot be started.
    pub fn start(threads: usize, cost: Cost) -> Result<Self> {
        cost.argon2()?;
        // Of no password that anybody could find; checking against it costs what any check costs.
        let dummy = phc(cost, &[0; SALT_BYTES], &[0; TAG_BYTES])?;
        let queue = Queue { jobs: VecDeque::new(), running: 0, job_time: USUAL_TIME, hash_time: USUAL_TIME, closed: false };
        let (shed, times) = (Counter::default(), Times::default());
        let shared = Arc::new(Shared { queue: Mutex::new(queue), changed: Condvar::new(), threads: threads.max(1), cost, shed, times });
        for number in 0..shared.threads {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("hasher-{number}"))
                .spawn(move || shared.run())
                .map_err(|source| Error::Crypto { action: "starting a hashing thread", source: source.into() })?;
        }
        Ok(Self { shared, dummy })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`Error::Overloaded`], [`Error::Crypto`]
    pub async fn hash(&self, password: Password) -> Result<PasswordHash> {
        match self.run(Work::Hash(password)).await? {
            Done::Hashed(hash) => Ok(hash),
            Done::Verified(_) => unreachable!("a hash job hashes"),
        }
    }

    /// Checks a password. Without a hash (no such user) or a password (nothing could read so), the same work is done for
    /// a verdict that is always [`Verdict::Wrong`].
    ///
    /// # Errors
    /// [`Error::Overloaded`], [`Error::Crypto`]
    pub async fn verify(&self, typed: Option<Typed>, hash: Option<&PasswordHash>) -> Result<Verdict> {
        let readable = |typed: &Typed, hash: &PasswordHash| typed.password().is_some() || hash.as_foreign().is_some();
        let work = match (typed, hash) {
            (Some(typed), Some(hash)) if readable(&typed, hash) => Work::Verify(Some(typed), hash.clone()),
            _ => Work::Verify(None, self.dummy.clone()),
        };
        match self.run(work).await? {
            Done::Verified(verdict) => Ok(verdict),
            Done::Hashed(_) => unreachable!("a verify job verifies"),
        }
    }

    /// How busy it is.
    #[must_use]
    pub fn load(&self) -> Load {
        let (shed, times) = (self.shared.shed.value(), self.shared.times.taken());
        let queue = self.shared.lock();
        Load { waiting: queue.jobs.len(), running: queue.running, threads: self.shared.threads, shed, times }
    }

    async fn run(&self, work: Work) -> Result<Done> {
        let (reply, done) = oneshot::channel();
        {
            let mut queue = self.shared.lock();
            let ahead = u32::try_from(queue.jobs.len() + queue.running).unwrap_or(u32::MAX);
            let wait = queue.job_time.saturating_mul(ahead) / u32::try_from(self.shared.threads).unwrap_or(1);
            if wait > MAX_WAIT || queue.jobs.len() >= MAX_JOBS {
                self.shared.shed.count();
                return Err(Error::Overloaded { retry_after: MAX_WAIT });
            }
            queue.jobs.push_back(Job { work, queued: Instant::now(), reply });
        }
        self.shared.changed.notify_one();
        done.await.unwrap_or(Err(Error::Overloaded { retry_after: MAX_WAIT }))
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

/// One thread's working memory.
#[derive(Default)]
struct Memory(Vec<Block>);

impl Memory {
    fn of(&mut self, blocks: usize) -> &mut [Block] {
        if self.0.len() < blocks {
            self.0 = Vec::with_capacity(blocks.max(ALWAYS_MAPPED_BLOCKS));
            self.0.resize(blocks, Block::new());
        }
        &mut self.0[..blocks]
    }

    fn wipe(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }

    fn free(&mut self) {
        self.0 = Vec::new();
    }

    /// Gives back what a dearer hash took, also where the next job comes at once.
    fn shrink_to(&mut self, blocks: usize) {
        if self.0.len() > blocks {
            self.wipe();
            self.free();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        lower_priority();
        let mut memory = Memory::default();
        while let Some(job) = self.next(&mut memory) {
            let started = Instant::now();
            // Who was cut off has kept its place until now; the work itself would be for nobody.
            let wanted = !job.reply.is_closed();
            let done = wanted
                .then(|| catch_unwind(AssertUnwindSafe(|| self.work(job.work, &mut memory))).unwrap_or_else(|_| Err(hashing("a panic"))));
            let mut queue = self.lock();
            queue.running -= 1;
            if let Some(done) = done {
                self.times.record(started.elapsed());
                queue.job_time = (queue.job_time * 7 + started.elapsed()) / 8;
                drop(queue);
                let _ = job.reply.send(done);
            }
        }
    }

    /// The next job. While none is there, memory is first wiped, then given back.
    fn next(&self, memory: &mut Memory) -> Option<Job> {
        let mut queue = self.lock();
        let mut wiped = false;
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                // The estimate at the door was wrong: the machine has become busy with something else.
                if job.queued.elapsed() > MAX_WAIT {
                    self.shed.count();
                    let _ = job.reply.send(Err(Error::Overloaded { retry_after: MAX_WAIT }));
                    continue;
                }
                queue.running += 1;
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            if !wiped {
                drop(queue);
                memory.wipe();
                wiped = true;
                queue = self.lock();
                continue;
            }
            let (next, waited) = self.changed.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            queue = next;
            if waited.timed_out() {
                memory.free();
            }
        }
    }

    fn work(&self, work: Work, memory: &mut Memory) -> Result<Done> {
        match work {
            Work::Hash(password) => self.hash(&password, memory).map(Done::Hashed),
            Work::Verify(Some(typed), hash) if hash.as_foreign().is_some() => {
                self.verify_foreign(&typed, &hash, memory).map(Done::Verified)
            }
            Work::Verify(typed, hash) => {
                let password = typed.as_ref().and_then(Typed::password);
                let typed = password.map_or("", Password::expose);
                let (matches, cost) = verify_with(&hash, typed, memory)?;
                let Some(password) = password.filter(|_| matches) else {
                    // Of a hash made when one cost less, too, the answer takes as long as of a user that is not there.
                    if let Some(rest) = cost.lacks(self.cost) {
                        hash_with(&rest.argon2()?, rest, typed, &[0; SALT_BYTES], memory)?;
                    }
                    return Ok(Done::Verified(Verdict::Wrong));
                };
                let better = if cost.is_weaker_than(self.cost) { Some(self.hash(password, memory)?) } else { None };
                Ok(Done::Verified(Verdict::Right(better)))
            }
        }
    }

    /// Checks the exact bytes. What another program hashed is hashed anew, as ours are, if it has that form.
    fn verify_foreign(&self, typed: &Typed, hash: &PasswordHash, memory: &mut Memory) -> Result<Verdict> {
        let started = Instant::now();
        let is_right = is_foreign_of(hash, typed.exact(), memory);
        memory.shrink_to(self.cost.argon2()?.params().block_count());
        if is_right? {
            return typed.password().map(|password| self.hash(password, memory)).transpose().map(Verdict::Right);
        }
        // Of a user that is not there, the answer takes the time of one hash of ours; of a dearer hash it takes longer.
        if let Some(rest) = self.cost.share(started.elapsed(), self.lock().hash_time) {
            hash_with(&rest.argon2()?, rest, typed.exact(), &[0; SALT_BYTES], memory)?;
        }
        Ok(Verdict::Wrong)
    }

    fn hash(&self, password: &Password, memory: &mut Memory) -> Result<PasswordHash> {
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new().fill(&mut salt).map_err(|source| Error::Crypto { action: "making a salt", source: source.into() })?;
        let started = Instant::now();
        let hash = hash_with(&self.cost.argon2()?, self.cost, password.expose(), &salt, memory)?;
        let mut queue = self.lock();
        queue.hash_time = (queue.hash_time * 7 + started.elapsed()) / 8;
        Ok(hash)
    }
}

fn hash_with(argon2: &Argon2<'_>, cost: Cost, password: &str, salt: &[u8], memory: &mut Memory) -> Result<PasswordHash> {
    let mut tag = [0; TAG_BYTES];
    let blocks = memory.of(argon2.params().block_count());
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut tag, blocks).map_err(hashing)?;
    phc(cost, salt, &tag)
}

fn phc(cost: Cost, salt: &[u8], tag: &[u8]) -> Result<PasswordHash> {
    let (salt, tag) = (phc::Salt::new(salt).map_err(hashing)?, phc::Output::new(tag).map_err(hashing)?);
    let Cost { memory_kib, iterations, lanes } = cost;
    Ok(PasswordHash::from_phc(format!("$argon2id$v=19$m={memory_kib},t={iterations},p={lanes}${salt}${tag}")))
}

/// Whether the password is the one of the hash, and what the hash cost.
fn verify_with(hash: &PasswordHash, password: &str, memory: &mut Memory) -> Result<(bool, Cost)> {
    let (parsed, params, cost) = parse(hash)?;
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else { return Err(hashing("the stored hash is incomplete")) };
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).map_err(hashing)?;
    let version = parsed.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(hashing)?;
    let argon2 = Argon2::new(algorithm, version, params);
    let mut tag = vec![0; expected.len()];
    let blocks = memory.of(argon2.params().block_count());
    argon2.hash_password_into_with_memory(password.as_bytes(), &salt, &mut tag, blocks).map_err(hashing)?;
    // `Output` compares in constant time.
    Ok((phc::Output::new(&tag).map_err(hashing)? == expected, cost))
}

/// A stored hash that does not cost more than is allowed.
fn parse(hash: &PasswordHash) -> Result<(phc::PasswordHash, Params, Cost)> {
    let parsed = phc::PasswordHash::new(hash.as_phc()).map_err(hashing)?;
    let params = Params::try_from(&parsed).map_err(hashing)?;
    let cost = Cost { memory_kib: params.m_cost(), iterations: params.t_cost(), lanes: params.p_cost() };
    if cost.memory_kib > MAX_MEMORY_KIB || cost.iterations > MAX_ITERATIONS || cost.lanes > MAX_LANES {
        return Err(hashing("the stored hash costs more than is allowed"));
    }
    Ok((parsed, params, cost))
}

/// Whether the password is the one of an imported hash.
fn is_foreign_of(hash: &PasswordHash, password: &str, memory: &mut Memory) -> Result<bool> {
    let text = hash.as_foreign().unwrap_or_default();
    match Foreign::read(text).map_err(hashing)?.is_of(password.as_bytes()) {
        Some(verdict) => Ok(verdict),
        None => Ok(verify_with(&PasswordHash::from_phc(text.to_owned()), password, memory)?.0),
    }
}

/// Whether an Argon2 hash of another program can be checked here.
///
/// # Errors
/// Why not, as a sentence.
pub(super) fn check_foreign_argon2(hash: &str) -> Result<(), &'static str> {
    let parsed = phc::PasswordHash::new(hash).map_err(|_| MALFORMED)?;
    let params = Params::try_from(&parsed).map_err(|_| MALFORMED)?;
    let cost = Cost { memory_kib: params.m_cost(), iterations: params.t_cost(), lanes: params.p_cost() };
    let known =
        Algorithm::try_from(parsed.algorithm.as_str()).is_ok() && parsed.version.is_none_or(|version| Version::try_from(version).is_ok());
    // RFC 9106 §4: of fewer than 128 bits more than one password would be right.
    if !known || parsed.hash.is_none_or(|sum| sum.len() < 16) || parsed.salt.is_none_or(|salt| salt.len() < argon2::MIN_SALT_LEN) {
        return Err(MALFORMED);
    }
    let dear = cost.memory_kib > MAX_MEMORY_KIB || cost.iterations > MAX_ITERATIONS || cost.lanes > MAX_LANES;
    if dear || cost.work() > MAX_FOREIGN_WORK_KIB { Err(TOO_DEAR) } else { Ok(()) }
}

/// For the fuzz target: how a stored hash reads when it is printed again, and what it costs.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn read(hash: &PasswordHash) -> Option<(String, Cost)> {
    parse(hash).ok().map(|(parsed, _, cost)| (parsed.to_string(), cost))
}

/// For the fuzz target: whether the password is the one of the hash.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn is_password(hash: &PasswordHash, password: &str) -> Result<bool> {
    if hash.as_foreign().is_some() {
        return is_foreign_of(hash, password, &mut Memory::default());
    }
    verify_with(hash, password, &mut Memory::default()).map(|(matches, _)| matches)
}

fn hashing(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Crypto { action: "hashing a password", source: source.into() }
}

/// Logins give way to everything else. Where the system cannot do this for one thread alone, nothing is changed.
pub(crate) fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "a thread that was to yield to others runs at normal priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Cost = Cost { memory_kib: 64, iterations: 1, lanes: 1 };

    fn password(typed: &str) -> Password {
        Password::presented(typed).unwrap()
    }

    fn typed(typed: &str) -> Option<Typed> {
        Typed::new(typed)
    }

    #[tokio::test]
    async fn the_right_password_is_right_and_others_are_wrong() {
        let hasher = Hasher::start(1, SMALL).unwrap();
        let hash = hasher.hash(password("securepassword")).await.unwrap();
        assert_eq!(hasher.verify(typed("securepassword"), Some(&hash)).await.unwrap(), Verdict::Right(None));
        assert_eq!(hasher.verify(typed("Securepassword"), Some(&hash)).await.unwrap(), Verdict::Wrong);
        assert_eq!(hasher.verify(None, Some(&hash)).await.unwrap(), Verdict::Wrong);
        assert_eq!(hasher.verify(typed("a password nobody has"), None).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_cheaper_hash_is_replaced_at_the_next_login() {
        let cheap = Hasher::start(1, SMALL).unwrap().hash(password("securepassword")).await.unwrap();
        let hasher = Hasher::start(1, Cost { iterations: 2, ..SMALL }).unwrap();
        let Verdict::Right(Some(better)) = hasher.verify(typed("securepassword"), Some(&cheap)).await.unwrap() else {
            panic!("no better hash")
        };
        assert!(better.as_phc().contains("t=2"));
        assert_eq!(hasher.verify(typed("securepassword"), Some(&better)).await.unwrap(), Verdict::Right(None));
    }

    #[tokio::test]
    async fn a_wrong_password_costs_the_same_whatever_the_stored_hash_did() {
        let cheap = Hasher::start(1, SMALL).unwrap().hash(password("securepassword")).await.unwrap();
        let today = Cost { memory_kib: 4096, iterations: 3, lanes: 1 };
        let hasher = Hasher::start(1, today).unwrap();
        let mut memory = Memory::default();
        let wrong = Work::Verify(typed("Securepassword"), cheap);
        assert!(matches!(hasher.shared.work(wrong, &mut memory), Ok(Done::Verified(Verdict::Wrong))));
        // What was written besides the stored hash's own 64 KiB, three times over.
        let written = memory.0.iter().filter(|block| block.as_ref().iter().any(|word| *word != 0)).count();
        assert!((4070..=4096).contains(&written), "{written} KiB");
    }

    #[test]
    fn what_a_cheaper_hash_lacks_is_the_difference_in_work() {
        let costs = [(19_456, 2), (19_456, 3), (65_536, 2), (65_536, 3), (262_144, 16)];
        let costs = costs.map(|(memory_kib, iterations)| Cost { memory_kib, iterations, lanes: 1 });
        for (cheap, today) in costs.iter().zip(&costs[1..]) {
            let rest = cheap.lacks(*today).unwrap();
            assert!((today.work() - 16..=today.work()).contains(&(cheap.work() + rest.work())), "{rest:?}");
            assert!(rest.argon2().is_ok() && rest.memory_kib <= today.memory_kib);
            assert_eq!((today.lacks(*today), today.lacks(*cheap)), (None, None));
        }
    }

    #[tokio::test]
    async fn our_hashes_are_those_of_the_argon2_crate() {
        use argon2::PasswordVerifier as _;
        let hash = Hasher::start(1, Cost::OWASP).unwrap().hash(password("securepassword")).await.unwrap();
        let parsed = phc::PasswordHash::new(hash.as_phc()).unwrap();
        assert!(Argon2::default().verify_password(b"securepassword", &parsed).is_ok());
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_refused_at_once_and_hanging_up_makes_no_room() {
        let hasher = Hasher::start(1, SMALL).unwrap();
        // No thread takes a job while the queue is locked, so the estimate alone decides.
        hasher.shared.lock().job_time = Duration::from_secs(3);
        let stuck = hasher.shared.lock().running;
        hasher.shared.lock().running = stuck + 1;
        let refused = hasher.hash(password("securepassword")).await.unwrap_err();
        assert!(matches!(refused, Error::Overloaded { .. }), "{refused:?}");
        hasher.shared.lock().running = stuck;
        assert!(hasher.hash(password("securepassword")).await.is_ok());
    }

    #[test]
    fn working_memory_holds_nothing_after_it_was_wiped() {
        let mut memory = Memory::default();
        hash_with(&SMALL.argon2().unwrap(), SMALL, "securepassword", &[7; SALT_BYTES], &mut memory).unwrap();
        let is_blank = |memory: &Memory| memory.0.iter().all(|block| block.as_ref().iter().all(|word| *word == 0));
        assert!(!memory.0.is_empty() && !is_blank(&memory));
        memory.wipe();
        assert!(is_blank(&memory));
    }

    #[tokio::test]
    async fn a_stored_hash_that_costs_too_much_is_not_computed() {
        let hasher = Hasher::start(1, SMALL).unwrap();
        let hash = PasswordHash::from_phc(
            "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        );
        assert!(matches!(hasher.verify(typed("securepassword"), Some(&hash)).await, Err(Error::Crypto { .. })));
    }

    #[tokio::test]
    async fn a_hash_of_another_program_is_replaced_at_the_next_login() {
        let hasher = Hasher::start(1, SMALL).unwrap();
        let hash = "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE";
        let hash = PasswordHash::foreign(hash).unwrap();
        assert_eq!(hasher.verify(typed("Password"), Some(&hash)).await.unwrap(), Verdict::Wrong);
        let Verdict::Right(Some(ours)) = hasher.verify(typed("password"), Some(&hash)).await.unwrap() else { panic!("not replaced") };
        assert_eq!(ours.scheme(), None);
        assert_eq!(hasher.verify(typed("password"), Some(&ours)).await.unwrap(), Verdict::Right(None));
    }

    #[tokio::test]
    async fn a_password_that_has_no_form_of_ours_goes_on_with_the_imported_hash() {
        // As argon2-cffi makes it: salt "somesaltsalt".
        let with_control = "tab\there99";
        let mut memory = Memory::default();
        let ours = hash_with(&SMALL.argon2().unwrap(), SMALL, with_control, b"somesaltsalt", &mut memory).unwrap();
        let hash = PasswordHash::foreign(ours.as_phc()).unwrap();
        let hasher = Hasher::start(1, SMALL).unwrap();
        assert_eq!(hasher.verify(typed(with_control), Some(&hash)).await.unwrap(), Verdict::Right(None));
        assert_eq!(hasher.verify(typed(with_control), Some(&ours)).await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn a_wrong_password_takes_the_rest_of_the_usual_time_beside_a_cheaper_foreign_hash() {
        let whole = Duration::from_millis(20);
        let left = |spent| Cost::OWASP.share(Duration::from_millis(spent), whole).map(|cost| cost.memory_kib);
        assert_eq!((left(0), left(5), left(20), left(90)), (Some(19_456), Some(14_592), None, None));
    }

    #[tokio::test]
    async fn what_a_dear_hash_of_another_program_took_is_given_back_at_once() {
        let hasher = Hasher::start(1, SMALL).unwrap();
        let (dear, mut memory) = (Cost { memory_kib: 64 * 1024, ..SMALL }, Memory::default());
        let ours = hash_with(&dear.argon2().unwrap(), dear, "securepassword", b"somesaltsalt", &mut memory).unwrap();
        let hash = PasswordHash::foreign(ours.as_phc()).unwrap();
        for password in ["securepassword", "not the one"] {
            hasher.shared.verify_foreign(&typed(password).unwrap(), &hash, &mut memory).unwrap();
            assert!(memory.0.len() <= 64 && memory.0.capacity() <= ALWAYS_MAPPED_BLOCKS, "{password}: {} KiB", memory.0.capacity());
        }
    }
}
