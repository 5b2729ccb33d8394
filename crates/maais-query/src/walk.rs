//! One walk over the records of a log, from a place on, in constant memory.
//!
//! Each record must continue the one before it: same log, next index, citing its leaf hash. The walk ends at
//! the first line that does not. Signatures, tenants' chains and the head are `verify`'s business.

use std::path::{Path, PathBuf};

use maais_audit::{Folder, LeafHash, ReadError, StoredLine, StoredLines, folders};

use crate::record::Event;

/// A place between two records of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The segment that the next record is in, or comes after.
    pub segment: u64,
    /// The byte in it where the next record, or something blank before it, begins.
    pub offset: u64,
    /// The next record's index.
    pub next: u64,
    /// The leaf hash of the record before it; `None` where that record is not there (any more).
    pub leaf: Option<LeafHash>,
}

/// A record where it stands.
#[derive(Debug)]
pub struct Stored<'a> {
    /// What it says.
    pub event: Event<'a>,
    /// Its segment.
    pub segment: u64,
    /// Where its line begins, in bytes.
    pub offset: u64,
}

/// Whether a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// To the next record.
    On,
    /// Not any more.
    Stop,
}

/// A line that does not continue the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The byte where the line begins.
    pub offset: u64,
    /// The index that should be there.
    pub index: u64,
    /// What is wrong.
    pub why: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, offset, index, why } = self;
        write!(f, "{} (byte {offset}), where record {index} should be: {why}; verify the log", path.display())
    }
}

/// How a walk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Behind the last record that was shown.
    pub position: Position,
    /// What it ended at, if not at the log's end.
    pub damage: Option<Damage>,
}

/// Why a log cannot be walked.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no log.
    #[error("there is no log in `{}`; name a data directory, or a folder `log/<slot>` in it", path.display())]
    NoLog {
        /// Where.
        path: PathBuf,
    },
    /// Two logs have one name: one may be a copy of the other.
    #[error("both `{}` and `{}` hold the log `{origin}`; take the copy away", one.display(), other.display())]
    Twice {
        /// The name.
        origin: String,
        /// A folder.
        one: PathBuf,
        /// The other one.
        other: PathBuf,
    },
}

impl Position {
    /// Before the first record that is there.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn first(folder: &Folder) -> Result<Self, ReadError> {
        let first = folder.first()?;
        let leaf = (first == 0).then_some(LeafHash::ZERO);
        Ok(Self { segment: first, offset: 0, next: first, leaf })
    }
}

/// The logs of a data directory, or the one whose folder is given.
///
/// # Errors
/// When there is none, when two have one name, or a folder cannot be read.
pub fn logs(path: &Path) -> Result<Vec<Folder>, WalkError> {
    let logs = folders(path)?;
    if logs.is_empty() {
        return Err(WalkError::NoLog { path: path.to_owned() });
    }
    for (n, log) in logs.iter().enumerate() {
        if let Some(other) = logs.iter().skip(n + 1).find(|other| other.origin() == log.origin()) {
            let (one, other) = (log.dir().to_owned(), other.dir().to_owned());
            return Err(WalkError::Twice { origin: log.origin().to_owned(), one, other });
        }
    }
    Ok(logs)
}

/// Shows the records of a log from a place on.
///
/// # Errors
/// When the log cannot be read, or whatever `show` fails with.
pub fn walk<E: From<ReadError>>(
    folder: &Folder,
    from: Position,
    mut show: impl FnMut(&Stored<'_>) -> Result<Flow, E>,
) -> Result<Ended, E> {
    let mut lines = folder.lines_from(from.segment, from.offset)?;
    let mut position = from;
    while let Some(line) = lines.next().transpose()? {
        let event = match continuing(&line, folder.origin(), &position) {
            Ok(event) => event,
            Err(why) => {
                return Ok(Ended { position, damage: damage(&line, &mut lines, position.next, why)? });
            }
        };
        let next = Position {
            segment: line.segment,
            offset: line.offset + line.bytes.len() as u64 + 1,
            next: position.next.saturating_add(1),
            leaf: Some(event.leaf),
        };
        let flow = show(&Stored { event, segment: line.segment, offset: line.offset })?;
        position = next;
        if flow == Flow::Stop {
            break;
        }
    }
    Ok(Ended { position, damage: None })
}

/// The record in a line, if it is the one that must come next.
fn continuing<'a>(line: &'a StoredLine, origin: &str, at: &Position) -> Result<Event<'a>, String> {
    if !line.complete {
        return Err("the line has no end".to_owned());
    }
    let event = Event::parse(&line.bytes).map_err(|error| error.to_string())?;
    if event.origin != origin {
        return Err("the record is of another log".to_owned());
    }
    if event.index != at.next {
        return Err(format!("the record there is number {}", event.index));
    }
    match at.leaf {
        Some(leaf) if leaf != event.prev => Err("the record does not cite the one before it".to_owned()),
        _ => Ok(event),
    }
}

/// The last line of all may be one that is being written.
fn damage(
    line: &StoredLine,
    rest: &mut StoredLines,
    index: u64,
    why: String,
) -> Result<Option<Damage>, ReadError> {
    let is_whole = line.complete && Event::parse(&line.bytes).is_ok();
    if !is_whole && rest.next().transpose()?.is_none() {
        return Ok(None);
    }
    Ok(Some(Damage { path: line.path.to_path_buf(), offset: line.offset, index, why }))
}
