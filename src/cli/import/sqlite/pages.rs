//! Pages of a `SQLite` file, and over them what a write-ahead log beside it holds (<https://sqlite.org/fileformat2.html>).

use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::{Fault, u16_at, u32_at};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// What a journal begins with while its change is not finished (§3).
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
const LOG_HEAD: usize = 32;
const FRAME_HEAD: usize = 24;

/// A database, read only. Nothing is locked and nothing is written, not even beside it.
pub struct Pages {
    file: File,
    log: Option<Log>,
    /// In bytes.
    page: usize,
    /// Bytes of a page that hold content.
    pub usable: usize,
    /// How many there are.
    pub count: u32,
}

impl Pages {
    /// Opens it.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path).map_err(Fault::Io)?;
        let mut head = [0; 100];
        file.read_exact_at(&mut head, 0).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Fault::Other("it is no SQLite database: too short"),
            _ => Fault::Io(error),
        })?;
        if !head.starts_with(MAGIC) {
            return Err(Fault::Other("it is no SQLite database"));
        }
        refuse_unfinished(path)?;
        let page = match u16_at(&head, 16)? {
            1 => 65_536,
            size => usize::from(size),
        };
        let usable = page.checked_sub(head[20].into()).filter(|usable| page.is_power_of_two() && *usable >= 480).ok_or(Fault::Damaged)?;
        let size = file.metadata().map_err(Fault::Io)?.len() / page as u64;
        let log = Log::open(&beside(path, "-wal"), page)?;
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        // What a log says is believed as far as there are pages.
        let count = log.as_ref().map_or(size, |log| log.count.min(size.saturating_add(u32::try_from(log.pages.len()).unwrap_or(u32::MAX))));
        let pages = Self { file, log, page, usable, count };
        match u32_at(&pages.page(1)?, 56)? {
            // 0: a database without tables.
            0 | 1 => Ok(pages),
            _ => Err(Fault::Other("its texts are in UTF-16, which is not read here")),
        }
    }

    /// One page, from 1.
    pub fn page(&self, number: u32) -> Result<Vec<u8>, Fault> {
        if number == 0 || number > self.count {
            return Err(Fault::Damaged);
        }
        let mut bytes = vec![0; self.page];
        let logged = self.log.as_ref().and_then(|log| log.pages.get(&number).map(|at| (&log.file, *at)));
        let (file, at) = logged.unwrap_or((&self.file, u64::from(number - 1) * self.page as u64));
        file.read_exact_at(&mut bytes, at).map_err(Fault::Io)?;
        Ok(bytes)
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// With the journal of a change that broke off, the file is as it was in the middle of that.
fn refuse_unfinished(path: &Path) -> Result<(), Fault> {
    let mut head = [0; 8];
    match File::open(beside(path, "-journal")).and_then(|journal| journal.read_exact_at(&mut head, 0)) {
        Ok(()) if head == JOURNAL_MAGIC => {
            Err(Fault::Other("a change to it was not finished (there is a -journal beside it); open it once with the app or sqlite3"))
        }
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => Err(Fault::Io(error)),
        _ => Ok(()),
    }
}

/// Where the newest committed state of pages is in a write-ahead log (§4).
struct Log {
    file: File,
    pages: HashMap<u32, u64>,
    count: u32,
}

impl Log {
    /// `None`: there is none, or nothing in it counts.
    fn open(path: &Path, page: usize) -> Result<Option<Self>, Fault> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(Fault::Io)?,
        };
        let mut head = [0; LOG_HEAD];
        if let Err(error) = file.read_exact_at(&mut head, 0) {
            return if error.kind() == ErrorKind::UnexpectedEof { Ok(None) } else { Err(Fault::Io(error)) };
        }
        let sums = match u32_at(&head, 0)? {
            0x377f_0682 => Sums { big_endian: false, sums: (0, 0) },
            0x377f_0683 => Sums { big_endian: true, sums: (0, 0) },
            _ => return Ok(None),
        };
        let sums = sums.over(&head[..24]);
        if sums.sums != (u32_at(&head, 24)?, u32_at(&head, 28)?) || u32_at(&head, 8)? as usize != page {
            return Ok(None);
        }
        let (pages, count) = frames(&file, page, &head, sums)?;
        Ok((count > 0).then_some(Self { file, pages, count }))
    }
}

/// Frames count up to the last one that commits, as long as each has the salts of the log and the right sums.
fn frames(file: &File, page: usize, head: &[u8], mut sums: Sums) -> Result<(HashMap<u32, u64>, u32), Fault> {
    let (mut pages, mut waiting, mut count) = (HashMap::new(), Vec::new(), 0);
    let mut frame = vec![0; FRAME_HEAD + page];
    let mut at = LOG_HEAD as u64;
    loop {
        match file.read_exact_at(&mut frame, at) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok((pages, count)),
            read => read.map_err(Fault::Io)?,
        }
        sums = sums.over(&frame[..8]).over(&frame[FRAME_HEAD..]);
        if frame[8..16] != head[16..24] || sums.sums != (u32_at(&frame, 16)?, u32_at(&frame, 20)?) {
            return Ok((pages, count));
        }
        waiting.push((u32_at(&frame, 0)?, at + FRAME_HEAD as u64));
        let size = u32_at(&frame, 4)?;
        if size > 0 {
            pages.extend(waiting.drain(..));
            count = size;
        }
        at += frame.len() as u64;
    }
}

/// The running sums of a log (§4.2).
#[derive(Clone, Copy)]
struct Sums {
    big_endian: bool,
    sums: (u32, u32),
}

impl Sums {
    fn over(mut self, bytes: &[u8]) -> Self {
        let word = |word: &[u8]| {
            let word = word.try_into().unwrap_or_default();
            if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
        };
        for pair in bytes.chunks_exact(8) {
            let (first, second) = self.sums;
            let first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
            self.sums = (first, second.wrapping_add(word(&pair[4..])).wrapping_add(first));
        }
        self
    }
}
