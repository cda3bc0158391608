//! What hashing a password costs on this machine, and whether it can be paid.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::disk::size;
use super::finding::Finding;
use crate::auth::hasher::Hasher;
use crate::auth::password::Password;
use crate::config::Settings;

/// Hashes that are measured; their median counts.
const ROUNDS: usize = 5;
/// Fewer logins a second make people wait on a Monday morning.
const FEW_PER_SECOND: f64 = 5.0;

/// How many logins a second this machine can do beside its other work.
pub async fn time(settings: &Settings) -> Finding {
    const CHECK: &str = "password time";
    match median(settings).await {
        Some(median) => judge_time(median, threads_at_once(settings)),
        None => Finding::fix(CHECK, "a password cannot be hashed", "see to the memory of this machine, and to argon2_memory_kib"),
    }
}

/// As many as there are cores, if there are threads for them.
fn threads_at_once(settings: &Settings) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    settings.policy(false).hashing_threads.min(cores)
}

async fn median(settings: &Settings) -> Option<Duration> {
    let hasher = Hasher::start(1, settings.policy(false).hashing).ok()?;
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let password = Password::presented("what anybody might choose")?;
        let began = Instant::now();
        hasher.hash(password).await.ok()?;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took.get(ROUNDS / 2).copied()
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 cores")]
fn judge_time(median: Duration, at_once: usize) -> Finding {
    const CHECK: &str = "password time";
    let per_second = at_once as f64 / median.as_secs_f64().max(f64::EPSILON);
    let what = format!("{} ms for one, about {per_second:.0} logins a second", median.as_millis());
    if per_second < FEW_PER_SECOND {
        let advice =
            "the machine is slow or busy: give it more cores, or lower argon2_iterations and argon2_memory_kib, which have a floor";
        return Finding::look(CHECK, what, advice);
    }
    Finding::ok(CHECK, what)
}

/// Whether all threads at once have the memory they need.
pub fn memory(settings: &Settings) -> Finding {
    let policy = settings.policy(false);
    let wanted = (policy.hashing_threads as u64).saturating_mul(u64::from(policy.hashing.memory_kib)) << 10;
    judge_memory(wanted, available())
}

fn judge_memory(wanted: u64, available: Option<u64>) -> Finding {
    const CHECK: &str = "password memory";
    let Some(available) = available else {
        return Finding::skip(CHECK, format!("up to {} are needed; what is available is not told on this system", size(wanted)));
    };
    let what = format!("up to {} of {} available", size(wanted), size(available));
    if wanted > available {
        return Finding::fix(
            CHECK,
            what,
            "many logins at once would have the server killed: set hashing_threads lower, or allow it more memory",
        );
    }
    Finding::ok(CHECK, what)
}

/// What this process could still take: of the machine, and of the control groups it is in.
fn available() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10;
    Some(groups().into_iter().filter_map(|group| left_in(&group)).fold(machine, u64::min))
}

/// Of control groups version 2, from this process's own to the root (cgroups(7)).
fn groups() -> Vec<PathBuf> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    let root = Path::new("/sys/fs/cgroup");
    let whole = root.join(path);
    whole.ancestors().take_while(|group| group.starts_with(root)).map(Path::to_owned).collect()
}

/// Its limit, less what is in use but for caches, which give way.
fn left_in(group: &Path) -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(group.join(name)).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current")?.trim().parse().ok()?;
    let stat = read("memory.stat").unwrap_or_default();
    let cache = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(cache)))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn few_logins_a_second_are_yellow_and_too_little_memory_is_red() {
        assert_eq!(judge_time(Duration::from_millis(30), 2).verdict, Verdict::Ok);
        assert_eq!(judge_time(Duration::from_millis(500), 2).verdict, Verdict::Look);
        assert_eq!(judge_memory(1 << 30, Some(1 << 29)).verdict, Verdict::Fix);
        assert_eq!(judge_memory(1 << 29, Some(1 << 30)).verdict, Verdict::Ok);
        assert_eq!(judge_memory(1 << 29, None).verdict, Verdict::Skip);
    }

    #[test]
    fn a_groups_limit_counts_less_what_cannot_give_way() {
        let group = std::env::temp_dir().join(format!("doorward-group-{}", std::process::id()));
        std::fs::create_dir_all(&group).expect("a directory");
        let put = |name: &str, text: &str| std::fs::write(group.join(name), text).expect("a file");
        put("memory.max", "max\n");
        put("memory.current", "700\n");
        assert_eq!(left_in(&group), None);
        put("memory.max", "1000\n");
        put("memory.stat", "anon 400\ninactive_file 300\n");
        assert_eq!(left_in(&group), Some(600));
        std::fs::remove_dir_all(&group).expect("it goes");
    }
}
