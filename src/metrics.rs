//! What is counted: numbers that anybody may raise at any time, without a lock and without an allocation, and how they are
//! written for Prometheus (text format 0.0.4).
//!
//! Each room owns what it counts; `http/metrics.rs` puts the numbers together when they are asked for. No label holds anything
//! that a client sent: their values are of closed lists.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn count(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// For a number that is known otherwise: replaces it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Up to which time a bucket counts, in microseconds, as people write it in seconds. What takes longer is in none of them.
const BUCKETS: [(u64, &str); 14] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
];

/// How long something takes.
#[derive(Debug, Default)]
pub struct Times {
    /// Of each bucket alone; the last is for what takes longer.
    counts: [Counter; BUCKETS.len() + 1],
    nanos: Counter,
}

impl Times {
    /// It took so long once more.
    pub fn record(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|(most, _)| micros <= *most).unwrap_or(BUCKETS.len());
        self.counts[bucket].count();
        self.nanos.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// What was recorded so far.
    #[must_use]
    pub fn taken(&self) -> Taken {
        Taken { counts: self.counts.iter().map(Counter::value).collect(), nanos: self.nanos.value() }
    }
}

/// What [`Times`] had recorded at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    counts: Vec<u64>,
    nanos: u64,
}

impl Taken {
    /// How often.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Metrics as text. Each family is begun once and its samples follow.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// Begins a family of numbers that only grow; `name` ends in `_total`.
    pub fn counter(&mut self, name: &'static str, about: &str) -> Family<'_> {
        self.family(name, "counter", about)
    }

    /// Begins a family of numbers that grow and shrink.
    pub fn gauge(&mut self, name: &'static str, about: &str) -> Family<'_> {
        self.family(name, "gauge", about)
    }

    /// Begins a family of times.
    pub fn times(&mut self, name: &'static str, about: &str) -> Family<'_> {
        self.family(name, "histogram", about)
    }

    fn family(&mut self, name: &'static str, kind: &str, about: &str) -> Family<'_> {
        // Writing to a String does not fail, here and below.
        let _ = writeln!(self.0, "# HELP {name} {about}\n# TYPE {name} {kind}");
        Family { text: &mut self.0, name }
    }

    /// All of it.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// A name and its samples.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    /// A sample without labels.
    pub fn is(&mut self, value: impl std::fmt::Display) {
        self.sample("", &[], &value);
    }

    /// A sample with these labels.
    pub fn of(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.sample("", labels, &value);
    }

    /// The samples of what was recorded, with these labels.
    pub fn took(&mut self, labels: &[(&str, &str)], taken: &Taken) {
        let bounds = BUCKETS.iter().map(|(_, seconds)| *seconds).chain(["+Inf"]);
        let mut so_far = 0;
        for (bound, count) in bounds.zip(&taken.counts) {
            so_far += count;
            self.sample("_bucket", &[labels, &[("le", bound)]].concat(), &so_far);
        }
        self.sample("_sum", labels, &seconds(Duration::from_nanos(taken.nanos)));
        self.sample("_count", labels, &so_far);
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: &dyn std::fmt::Display) {
        let _ = write!(self.text, "{}{suffix}", self.name);
        for (place, (name, value)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{name}=\"{}\"", if place == 0 { '{' } else { ',' }, escaped(value));
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// A time as Prometheus counts it.
#[must_use]
pub fn seconds(time: Duration) -> String {
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_up_to_their_bound_and_all_before_them() {
        let times = Times::default();
        for micros in [100, 101, 5_000, 2_500_001] {
            times.record(Duration::from_micros(micros));
        }
        let mut text = Text::default();
        text.times("x_seconds", "How long.").took(&[("kind", "a")], &times.taken());
        let text = text.into_string();
        for line in [
            "# HELP x_seconds How long.",
            "# TYPE x_seconds histogram",
            "x_seconds_bucket{kind=\"a\",le=\"0.0001\"} 1",
            "x_seconds_bucket{kind=\"a\",le=\"0.00025\"} 2",
            "x_seconds_bucket{kind=\"a\",le=\"0.005\"} 3",
            "x_seconds_bucket{kind=\"a\",le=\"2.5\"} 3",
            "x_seconds_bucket{kind=\"a\",le=\"+Inf\"} 4",
            "x_seconds_sum{kind=\"a\"} 2.505202000",
            "x_seconds_count{kind=\"a\"} 4",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_would_end_a_label_is_escaped() {
        let mut text = Text::default();
        text.gauge("x", "It.").of(&[("a", "\"\\\n"), ("b", "<id>")], 1);
        assert!(text.into_string().ends_with("\nx{a=\"\\\"\\\\\\n\",b=\"<id>\"} 1\n"));
    }

    #[test]
    fn the_bounds_are_what_they_are_written_as() {
        for (micros, written) in BUCKETS {
            let written: f64 = written.parse().expect("a number");
            assert!((written - Duration::from_micros(micros).as_secs_f64()).abs() < 1e-12);
        }
    }
}
