//! Reading records: of one log or of all, from the first or only the last ones, also while they are
//! written.
//!
//! Streams in bounded memory and believes what it reads: whether the log is intact is `verify`'s question.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use crate::entry::Kind;
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::line::Fields;
use crate::segment::{Bytes, Lines};

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its log's name.
    pub origin: String,
    /// Its place in the log, counted from 0.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: LeafHash,
    /// What it is about.
    pub kind: Kind,
    /// When.
    pub time: Timestamp,
    /// Whose.
    pub tenant: String,
    /// In which session.
    pub session: Option<String>,
    /// The line as it stands in the log, without its newline.
    pub line: String,
    /// The same, parsed; its escapes are still there (see [`crate::canonical::unescape`]).
    pub value: Value,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file could not be read.
    #[error("cannot read the log in `{}`: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is no record.
    #[error("{}:{line}: {why}; verify the log", segment.display())]
    Damaged {
        /// The file.
        segment: PathBuf,
        /// The line in it, counted from 1; 0 if it was read from the end.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

/// Records of one or more logs, merged by (time, origin, index).
#[derive(Debug)]
pub struct Records {
    logs: Vec<Ahead>,
}

/// One log, and its next record.
#[derive(Debug)]
struct Ahead {
    next: Option<Result<Record, ReadError>>,
    rest: OneLog,
}

#[derive(Debug)]
struct OneLog {
    dir: PathBuf,
    lines: Lines,
}

/// All records of a data directory, or of the one log whose folder is given, from the first.
pub fn read(path: &Path) -> Result<Records, ReadError> {
    let logs = layouts(path)?.into_iter().map(|layout| {
        let segments = layout.segments().map_err(failed(&layout.dir))?;
        let mut rest = OneLog { dir: layout.dir, lines: Lines::new(segments) };
        Ok(Ahead { next: rest.next(), rest })
    });
    Ok(Records { logs: logs.collect::<Result<_, _>>()? })
}

/// The last `count` records of the same, oldest first, without reading what comes before them.
pub fn tail(path: &Path, count: usize) -> Result<Vec<Record>, ReadError> {
    let mut records = Vec::new();
    for layout in layouts(path)? {
        records.extend(tail_of(&layout, count)?);
    }
    records.sort_by(|a, b| order(a).cmp(&order(b)));
    records.drain(..records.len().saturating_sub(count));
    Ok(records)
}

impl Iterator for Records {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        // An error comes at once: what follows it would be out of order.
        let earliest = self.logs.iter_mut().filter(|log| log.next.is_some()).min_by(|a, b| {
            let key = |log: &Ahead| log.next.as_ref().and_then(|next| next.as_ref().ok().map(owned_order));
            key(a).cmp(&key(b))
        })?;
        let next = earliest.next.take();
        earliest.next = match &next {
            Some(Ok(_)) => earliest.rest.next(),
            _ => None,
        };
        next
    }
}

impl Iterator for OneLog {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = match self.lines.next()? {
            Ok(line) => line,
            Err(source) => return Some(Err(failed(&self.dir)(source))),
        };
        match Record::parse(line.bytes).filter(|_| line.complete) {
            Some(record) => Some(Ok(record)),
            // The last line may be one that is being written.
            None => self.lines.next().is_some().then(|| {
                let segment = line.place.path.to_path_buf();
                Err(ReadError::Damaged { segment, line: line.place.number, why: "not a record".to_owned() })
            }),
        }
    }
}

impl Record {
    /// Parses a line.
    fn parse(line: Vec<u8>) -> Option<Self> {
        let line = String::from_utf8(line).ok()?;
        let fields: Fields<'_> = serde_json::from_str(&line).ok()?;
        Some(Self {
            origin: fields.log.into_owned(),
            index: fields.seq,
            leaf: LeafHash::of(line.as_bytes()),
            kind: fields.kind.parse().ok()?,
            time: fields.time.parse().ok()?,
            tenant: fields.tenant.into_owned(),
            session: fields.session.map(|session| session.into_owned()),
            value: serde_json::from_str(&line).ok()?,
            line,
        })
    }
}

fn layouts(path: &Path) -> Result<Vec<Layout>, ReadError> {
    Layout::find(path, None).map_err(failed(path))
}

fn order(record: &Record) -> (Timestamp, &str, u64) {
    (record.time, &record.origin, record.index)
}

fn owned_order(record: &Record) -> (Timestamp, String, u64) {
    (record.time, record.origin.clone(), record.index)
}

fn tail_of(layout: &Layout, count: usize) -> Result<Vec<Record>, ReadError> {
    let mut segments = layout.segments().map_err(failed(&layout.dir))?;
    let mut newest_first = Vec::new();
    while let Some((_, path)) = segments.pop().filter(|_| newest_first.len() < count) {
        let lines = last_lines(&path, count - newest_first.len()).map_err(failed(&path))?;
        for line in lines.into_iter().rev() {
            match Record::parse(line) {
                Some(record) => newest_first.push(record),
                // The last line of all may be one that is being written.
                None if newest_first.is_empty() => {}
                None => {
                    let why = "not a record".to_owned();
                    return Err(ReadError::Damaged { segment: path, line: 0, why });
                }
            }
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}

/// The last lines of a file, at least `count` if it has them, first one first. Blank ones do not count.
fn last_lines(path: &Path, count: usize) -> io::Result<Vec<Vec<u8>>> {
    const BLOCK: u64 = 64 * 1024;
    let file = Bytes::open(path)?;
    let mut begin = file.len()?;
    let mut blocks = Vec::new();
    let mut newlines = 0;
    // One more than asked for, since the last may be unfinished, and one for the newline before the first.
    while begin > 0 && newlines < count.saturating_add(2) {
        let length = begin.min(BLOCK);
        begin -= length;
        let mut block = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact_at(&mut block, begin)?;
        newlines += block.windows(2).filter(|pair| matches!(pair, [b'\n', after] if *after != b'\n')).count();
        blocks.push(block);
    }
    blocks.reverse();
    let text = blocks.concat();
    let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    let _unfinished = lines.pop();
    let partial = usize::from(begin > 0);
    Ok(lines.into_iter().skip(partial).filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ReadError {
    move |source| ReadError::Io { path: path.to_owned(), source }
}
