//! What a power loss may leave of a directory, by what POSIX promises: what a sync covered is there; of the rest anything,
//! also halves of a write. Names keep their order, as on every journaling file system, but may be lost from the last sync
//! of the directory on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::trace::{Call, What};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// The content of files by their names in the data directory.
pub type Image = BTreeMap<String, Vec<u8>>;

/// A file: what is surely on disk, and what was written since.
#[derive(Default)]
struct Node {
    durable: Vec<u8>,
    /// As the process sees it: where something is appended.
    length: usize,
    pending: Vec<(usize, Change)>,
}

enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>, sectors: impl FnMut(usize) -> bool) {
        match self {
            Self::Cut(length) => content.resize(*length, 0),
            Self::Write(at, data) => {
                let mut sectors = sectors;
                let mut done = 0;
                while done < data.len() {
                    let position = at + done;
                    let end = data.len().min(done + SECTOR - position % SECTOR);
                    if sectors(position / SECTOR) {
                        content.resize(content.len().max(at + end), 0);
                        content[position..at + end].copy_from_slice(&data[done..end]);
                    }
                    done = end;
                }
            }
        }
    }
}

type Names = BTreeMap<PathBuf, usize>;

enum Naming {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Naming {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Create(path, node) => {
                names.insert(path.clone(), *node);
            }
            Self::Rename(from, to) => {
                let node = names.remove(from);
                names.extend(node.map(|node| (to.clone(), node)));
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

/// A directory as it goes through a trace.
struct Disk {
    directory: PathBuf,
    nodes: Vec<Node>,
    /// As the process sees them, and as they surely are on disk.
    names: Names,
    durable: Names,
    pending: Vec<(usize, Naming)>,
}

impl Disk {
    fn new(directory: &Path, before: &Image) -> Self {
        let node = |content: &Vec<u8>| Node { durable: content.clone(), length: content.len(), pending: Vec::new() };
        let names: Names = before.keys().enumerate().map(|(at, name)| (directory.join(name), at)).collect();
        Self {
            directory: directory.to_owned(),
            nodes: before.values().map(node).collect(),
            durable: names.clone(),
            names,
            pending: Vec::new(),
        }
    }

    fn node(&mut self, path: &Path) -> Option<&mut Node> {
        self.names.get(path).map(|&node| &mut self.nodes[node])
    }

    fn name(&mut self, end: usize, naming: Naming) {
        naming.apply(&mut self.names);
        self.pending.push((end, naming));
    }

    /// `before`: a sync that had not ended by then promises nothing.
    fn take(&mut self, call: &Call, before: usize) {
        match &call.what {
            What::Create { path } if path.parent() == Some(&self.directory) && !self.names.contains_key(path) => {
                self.nodes.push(Node::default());
                self.name(call.end, Naming::Create(path.clone(), self.nodes.len() - 1));
            }
            What::Rename { from, to } if self.names.contains_key(from) => self.name(call.end, Naming::Rename(from.clone(), to.clone())),
            What::Remove { path } if self.names.contains_key(path) => self.name(call.end, Naming::Remove(path.clone())),
            What::Write { path, at, data } => {
                if let Some(node) = self.node(path) {
                    let at = at.unwrap_or(node.length);
                    node.length = node.length.max(at + data.len());
                    node.pending.push((call.end, Change::Write(at, data.clone())));
                }
            }
            What::Cut { path, length } => {
                if let Some(node) = self.node(path) {
                    node.length = *length;
                    node.pending.push((call.end, Change::Cut(*length)));
                }
            }
            What::Sync { path } if call.end < before => self.sync(path, call.begin),
            _ => {}
        }
    }

    /// What had ended when the sync began is on disk when it has ended.
    fn sync(&mut self, path: &Path, begin: usize) {
        if path == self.directory {
            let (done, rest) = std::mem::take(&mut self.pending).into_iter().partition(|(end, _)| *end < begin);
            self.pending = rest;
            let done: Vec<(usize, Naming)> = done;
            for (_, naming) in &done {
                naming.apply(&mut self.durable);
            }
        } else if let Some(node) = self.node(path) {
            let (done, rest): (Vec<_>, _) = std::mem::take(&mut node.pending).into_iter().partition(|(end, _)| *end < begin);
            node.pending = rest;
            for (_, change) in &done {
                change.apply(&mut node.durable, |_| true);
            }
        }
    }

    /// One of the states the power may leave.
    fn fall(mut self, rng: &mut Rng) -> Image {
        let kept = rng.usize(0..=self.pending.len());
        for (_, naming) in &self.pending[..kept] {
            naming.apply(&mut self.durable);
        }
        let contents = self.nodes.iter().map(|node| node.fall(rng)).collect::<Vec<_>>();
        let named =
            self.durable.into_iter().map(|(path, node)| (path.file_name().unwrap().to_string_lossy().into_owned(), contents[node].clone()));
        named.collect()
    }
}

impl Node {
    fn fall(&self, rng: &mut Rng) -> Vec<u8> {
        let mut content = self.durable.clone();
        for (_, change) in &self.pending {
            match rng.u8(0..4) {
                0 => {}
                1 => change.apply(&mut content, |_| rng.bool()),
                _ if matches!(change, Change::Cut(_)) && rng.bool() => {}
                _ => change.apply(&mut content, |_| true),
            }
        }
        // The new length came to the disk, the data did not.
        if rng.u8(0..4) == 0 && content.len() < self.length {
            content.resize(self.length, 0);
        }
        content
    }
}

/// What may be left if the power goes at this place of the trace, of a directory that held `before` at its beginning.
pub fn after_power_loss(directory: &Path, before: &Image, calls: &[Call], place: usize, rng: &mut Rng) -> Image {
    let mut disk = Disk::new(directory, before);
    for call in calls.iter().filter(|call| call.begin < place) {
        disk.take(call, place);
    }
    disk.fall(rng)
}
