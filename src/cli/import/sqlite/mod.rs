//! Reads a table of a `SQLite` database: what `import flask` needs of it, and no more.
//!
//! A library of all of `SQLite` would add a megabyte to the executable and a C library to the process, for a command that is run
//! once. This reads files (<https://sqlite.org/fileformat2.html>) and refuses what it does not know; CSV is the other way.

mod pages;
mod table;

use std::collections::HashSet;
use std::path::Path;

use pages::Pages;
use table::Columns;

/// Longest record that is read, in bytes: no name and hash are as long.
const MAX_RECORD: usize = 1 << 20;
/// Fewest bytes that a record takes of its page (§1.6).
const MIN_CELL: usize = 4;
/// Deepest tree; of the smallest pages and the most rows it has not 20 levels.
const MAX_DEPTH: usize = 40;

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The system refused.
    #[error("it cannot be read: {0}")]
    Io(std::io::Error),
    /// Its structure does not fit together.
    #[error("it is damaged")]
    Damaged,
    /// The rest.
    #[error("{0}")]
    Other(&'static str),
    /// There is no such table.
    #[error("it has no table {0}; it has: {1}")]
    NoTable(String, String),
    /// The table lacks a column.
    #[error("its table has no column {0}")]
    NoColumn(&'static str),
}

/// A value of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL, or a column that was added after the row.
    Null,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// A number with a point, bytes, or text that is not UTF-8.
    Other,
}

/// Every row of a table: of each the values of these columns, in their order, and before them the row's own number.
///
/// # Errors
/// [`Fault`]
pub fn rows<const N: usize>(path: &Path, table: &str, columns: [&'static str; N]) -> Result<Vec<(i64, [Value; N])>, Fault> {
    let before = state(path)?;
    let pages = Pages::open(path)?;
    let (root, statement) = find(&pages, table)?;
    let layout = Columns::of(&statement)?;
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(columns) {
        *place = layout.position(name).ok_or(Fault::NoColumn(name))?;
    }
    let mut rows = Vec::new();
    each_record(&pages, root, &mut |rowid, record| {
        let values = values(record)?;
        let value = |place: usize| match values.get(place) {
            None | Some(Value::Null) if layout.is_rowid(place) => Value::Integer(rowid),
            found => found.cloned().unwrap_or(Value::Null),
        };
        rows.push((rowid, places.map(value)));
        Ok(())
    })?;
    if state(path)? == before { Ok(rows) } else { Err(Fault::Other("it was changed while it was read; stop the app first")) }
}

/// What changes when somebody writes.
fn state(path: &Path) -> Result<Vec<(u64, std::time::SystemTime)>, Fault> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let of = |path: &Path| std::fs::metadata(path).and_then(|found| Ok((found.len(), found.modified()?)));
    let log = of(Path::new(&log)).ok();
    Ok(std::iter::once(of(path).map_err(Fault::Io)?).chain(log).collect())
}

/// The root page of a table and the statement that made it (§2.6).
fn find(pages: &Pages, table: &str) -> Result<(u32, String), Fault> {
    let (mut found, mut names) = (None, Vec::new());
    each_record(pages, 1, &mut |_, record| {
        if let [Value::Text(kind), Value::Text(name), _, Value::Integer(root), Value::Text(statement)] = values(record)?.as_slice()
            && kind == "table"
        {
            if name.eq_ignore_ascii_case(table) {
                found = Some((u32::try_from(*root).map_err(|_| Fault::Damaged)?, statement.clone()));
            }
            names.push(name.clone());
        }
        Ok(())
    })?;
    found.ok_or_else(|| Fault::NoTable(table.to_owned(), if names.is_empty() { "none".to_owned() } else { names.join(", ") }))
}

/// Calls `each` with the number and the record of each row of a table's tree, in order (§1.6).
fn each_record(pages: &Pages, root: u32, each: &mut impl FnMut(i64, &[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
    // Pages to come, the next one last, each with its depth. A sound tree has each page once; a file that has some of them again
    // and again would be a small one that fills the memory, however long it says that it is: most of it may be a hole.
    let (mut left, mut met) = (vec![(root, 0)], Met::default());
    while let Some((number, depth)) = left.pop() {
        if depth > MAX_DEPTH {
            return Err(Fault::Damaged);
        }
        let page = met.page(pages, number)?;
        let start = if number == 1 { 100 } else { 0 };
        let cells = u16_at(&page, start + 3)?.into();
        let cell = |index: usize, head: usize| u16_at(&page, start + head + 2 * index).map(usize::from);
        match page.get(start) {
            Some(0x0d) => {
                let mut unread = page.len();
                for index in 0..cells {
                    let start = cell(index, 8)?;
                    let (length, at) = varint(&page, start)?;
                    let (rowid, at) = varint(&page, at)?;
                    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_RECORD).ok_or(Fault::Damaged)?;
                    let local = local(pages.usable, length);
                    // Nor do cells lie over each other.
                    unread = unread.checked_sub((at - start + local).max(MIN_CELL)).ok_or(Fault::Damaged)?;
                    each(rowid, &record(pages, &mut met, &page, at, length, local)?)?;
                }
            }
            Some(0x05) => {
                left.push((u32_at(&page, start + 8)?, depth + 1));
                for index in (0..cells).rev() {
                    left.push((u32_at(&page, cell(index, 12)?)?, depth + 1));
                }
            }
            Some(0x02 | 0x0a) => return Err(Fault::Other("its table has no row numbers (WITHOUT ROWID), which is not read here")),
            _ => return Err(Fault::Damaged),
        }
    }
    Ok(())
}

/// Pages that were read.
#[derive(Default)]
struct Met(HashSet<u32>);

impl Met {
    /// Reads one that was not.
    fn page(&mut self, pages: &Pages, number: u32) -> Result<Vec<u8>, Fault> {
        if self.0.insert(number) { pages.page(number) } else { Err(Fault::Damaged) }
    }
}

/// How much of a record of this length is on its page (§1.6).
fn local(usable: usize, length: usize) -> usize {
    let least = (usable - 12) * 32 / 255 - 23;
    let most = usable - 35;
    match least + (length.saturating_sub(least)) % (usable - 4) {
        _ if length <= most => length,
        fits if fits <= most => fits,
        _ => least,
    }
}

/// A record, of which only the beginning may be on its page (§1.5).
fn record(pages: &Pages, met: &mut Met, page: &[u8], at: usize, length: usize, local: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = page.get(at..at + local).ok_or(Fault::Damaged)?.to_vec();
    let mut next = if local < length { u32_at(page, at + local)? } else { 0 };
    while bytes.len() < length {
        let page = met.page(pages, next)?;
        let more = (length - bytes.len()).min(pages.usable - 4);
        bytes.extend_from_slice(page.get(4..4 + more).ok_or(Fault::Damaged)?);
        next = u32_at(&page, 0)?;
    }
    Ok(bytes)
}

/// The values of a record (§2.1).
fn values(record: &[u8]) -> Result<Vec<Value>, Fault> {
    let (head, mut at) = varint(record, 0)?;
    let head = usize::try_from(head).ok().filter(|head| *head <= record.len()).ok_or(Fault::Damaged)?;
    let (mut body, mut values) = (head, Vec::new());
    while at < head {
        let (kind, after) = varint(record, at)?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).map_err(|_| Fault::Damaged)?,
            5 => 6,
            6 | 7 => 8,
            12.. => usize::try_from((kind - 12) / 2).map_err(|_| Fault::Damaged)?,
            _ => return Err(Fault::Damaged),
        };
        let end = body.checked_add(length).ok_or(Fault::Damaged)?;
        let bytes = record.get(body..end).ok_or(Fault::Damaged)?;
        values.push(value(kind, bytes));
        (at, body) = (after, end);
    }
    Ok(values)
}

fn value(kind: i64, bytes: &[u8]) -> Value {
    match kind {
        0 => Value::Null,
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        1..=6 => {
            let negative = bytes.first().is_some_and(|first| *first >= 0x80);
            Value::Integer(bytes.iter().fold(if negative { -1 } else { 0 }, |number, byte| (number << 8) | i64::from(*byte)))
        }
        _ if kind >= 13 && kind % 2 == 1 => std::str::from_utf8(bytes).map_or(Value::Other, |text| Value::Text(text.to_owned())),
        _ => Value::Other,
    }
}

/// A number of one to nine bytes, and what comes after it (§1.6).
fn varint(bytes: &[u8], at: usize) -> Result<(i64, usize), Fault> {
    let mut number = 0_i64;
    for index in 0..9 {
        let byte = *bytes.get(at + index).ok_or(Fault::Damaged)?;
        if index == 8 {
            return Ok(((number << 8) | i64::from(byte), at + 9));
        }
        number = (number << 7) | i64::from(byte & 0x7f);
        if byte < 0x80 {
            return Ok((number, at + index + 1));
        }
    }
    Err(Fault::Damaged)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Fault> {
    let bytes = bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u16::from_be_bytes).ok_or(Fault::Damaged)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_be_bytes).ok_or(Fault::Damaged)
}

#[cfg(test)]
mod tests;
