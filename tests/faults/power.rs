//! Power loss: images of the data directory with any part of what was not synced, opened by the executable. Each must open,
//! and everything acknowledged before that moment must be there.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tempfile::TempDir;

use crate::cases;
use crate::images::{Image, after_power_loss};
use crate::opening::open;
use crate::server::skip;
use crate::trace::{Call, What, can_trace, record};
use crate::traffic::{Exchange, Promise, exchanges, load, promises};

/// So that a refresh token can be asked about until the last image was opened.
const SETTINGS: &str = "[default]\nrefresh_grace = \"5m\"\naccess_token_expires = \"2h\"\n";

/// How many users are asked to log in, for each image.
const LOGINS: usize = 5;

/// A run of the server, and what was in its directory before.
struct History {
    /// With the settings and, in `data`, the data.
    directory: TempDir,
    before: Image,
    began: Instant,
    calls: Vec<Call>,
    exchanges: Vec<Exchange>,
    /// How many promises were looked at.
    kept: Cell<usize>,
}

impl History {
    /// Goes on from `before`.
    fn new(before: Image, load: impl FnOnce(&str)) -> Self {
        let directory = TempDir::new().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::write(root.join("Rocket.toml"), SETTINGS).unwrap();
        if !before.is_empty() {
            write(&root, &before);
        }
        let began = Instant::now();
        let calls = record(&root, load);
        let exchanges = exchanges(&calls);
        Self { directory, before, began, calls, exchanges, kept: Cell::new(0) }
    }

    /// Itself, or another one where its refresh tokens will soon be of no grace any more: on a machine with much other work.
    fn or_newer(self, record: impl FnOnce() -> Self) -> Self {
        if self.began.elapsed() < Duration::from_secs(200) { self } else { record() }
    }

    /// Opens what a power loss at some moment left and compares.
    fn lose_power(&self, rng: &mut Rng, from_start: bool) {
        let root = self.directory.path().canonicalize().unwrap();
        let moments: Vec<_> = self.calls.iter().filter(|call| is_on_disk(&call.what)).map(|call| call.begin + 1).collect();
        // Where every byte counts, or anywhere.
        let last = if from_start { moments.len().min(60) } else { moments.len() };
        let place = moments[rng.usize(0..last)];
        let image = after_power_loss(&root.join("data"), &self.before, &self.calls, place, rng);
        let case = format!("power loss at {place} of {}", self.calls.last().unwrap().begin);
        let there = TempDir::new().unwrap();
        fs::write(there.path().join("Rocket.toml"), SETTINGS).unwrap();
        write(there.path(), &image);
        let server = open(there.path()).serves(&format!("{case}, files {:?}", lengths(&image)));
        let client = server.client();
        let mut promises = promises(&self.exchanges, place);
        rng.shuffle(&mut promises);
        let slow = |promise: &Promise| matches!(promise, Promise::User { .. } | Promise::NoUser { .. });
        // A password is slow to check, so only a few of those.
        let (users, mut promises): (Vec<_>, Vec<_>) = promises.into_iter().partition(slow);
        promises.extend(users.into_iter().take(LOGINS));
        self.kept.set(self.kept.get() + promises.len());
        let broken: Vec<_> = promises.iter().filter_map(|promise| promise.broken(&client)).collect();
        assert!(broken.is_empty(), "{case}: {broken:#?}");
    }
}

fn is_on_disk(what: &What) -> bool {
    !matches!(what, What::Receive { .. })
}

fn lengths(image: &Image) -> Vec<(&str, usize)> {
    image.iter().map(|(name, content)| (name.as_str(), content.len())).collect()
}

/// Puts an image into the directory `data`.
fn write(directory: &Path, image: &Image) {
    let data = directory.join("data");
    fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    for (name, content) in image {
        fs::write(data.join(name), content).unwrap();
        fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// The files of a directory `data`.
fn read(directory: &Path) -> Image {
    let files = fs::read_dir(directory.join("data")).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

#[test]
fn what_was_acknowledged_survives_a_power_loss_at_any_moment() {
    if !can_trace() {
        return skip("power loss", "strace is not installed, or may not trace");
    }
    let mut rng = Rng::with_seed(22);
    // A first life, so that there are a snapshot and full segments to begin with.
    let first = History::new(Image::new(), |url| load(url, "early", 4, 3));
    let record = || History::new(read(first.directory.path()), |url| load(url, "late", 6, cases(6, 20)));
    let mut history = record();
    let images = cases(20, 500);
    for image in 0..images {
        history = history.or_newer(record);
        history.lose_power(&mut rng, image % 4 == 0);
    }
    println!("{images} images opened, {} promises of {} acknowledged writes kept", history.kept.get(), history.exchanges.len());
}

#[test]
fn a_power_loss_during_the_very_first_start_is_no_damage() {
    if !can_trace() {
        return skip("power loss during the first start", "strace is not installed, or may not trace");
    }
    let mut rng = Rng::with_seed(4);
    let record = || History::new(Image::new(), |url| load(url, "first", 1, 1));
    let mut history = record();
    let images = cases(20, 500);
    for _ in 0..images {
        history = history.or_newer(record);
        history.lose_power(&mut rng, true);
    }
    println!("{images} images of a first start opened, {} promises kept", history.kept.get());
}
