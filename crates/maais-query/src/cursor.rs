//! How far an export has come, remembered in a small file between runs.
//!
//! Written after the output is on the disk: a run that is killed in between repeats records, it never leaves
//! any out. Who receives them twice knows them by [`crate::Event::id`].

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use maais_audit::{Folder, LeafHash, ReadError};
use serde::{Deserialize, Serialize};

use crate::walk::{Damage, Ended, Flow, Position, walk};

const VERSION: u32 = 1;

/// Bytes of the file: more is no cursor.
const BYTES_MAX: u64 = 1 << 20;

/// Where the next export begins, for each log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    version: u32,
    logs: Vec<Mark>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    origin: String,
    next: u64,
    /// Of the record before `next`.
    leaf: LeafHash,
}

/// Why an export cannot go on where the last one ended.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// The file cannot be read or written.
    #[error("cannot use the cursor `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else.
    #[error("`{}` is no cursor: {why}; take it away to export everything again", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The log is another one than the one that was exported.
    #[error("record {index} of the log in `{}` is not the one that was exported: the log was replaced or \
        rolled back; verify it, and export with a new cursor", dir.display())]
    Replaced {
        /// The log's folder.
        dir: PathBuf,
        /// The last record that was exported.
        index: u64,
    },
    /// The log is damaged before the place where the export would go on.
    #[error("cannot go on with the log: {0}")]
    Damaged(Damage),
    /// Records are gone that were not exported yet.
    #[error("the log in `{}` begins with record {first}, and only those before {next} were exported: the ones \
        between are gone; export with a new cursor", dir.display())]
    Pruned {
        /// The log's folder.
        dir: PathBuf,
        /// The first record that is there.
        first: u64,
        /// The next one to be exported.
        next: u64,
    },
    /// A log that was exported is not here.
    #[error("the log `{}` was exported before and is not here", origin.escape_debug())]
    Gone {
        /// Its name.
        origin: String,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Default for Cursor {
    fn default() -> Self {
        Self { version: VERSION, logs: Vec::new() }
    }
}

impl Cursor {
    /// Reads a cursor; one that says "from the first" if there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, or is no cursor.
    pub fn read(path: &Path) -> Result<Self, CursorError> {
        let io = |source| CursorError::Io { path: path.to_owned(), source };
        let form = |why: String| CursorError::Form { path: path.to_owned(), why };
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(io(source)),
            Ok(data) if data.len() > BYTES_MAX => return Err(form("it is too large".to_owned())),
            Ok(_) => {}
        }
        let bytes = fs::read(path).map_err(io)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|error| form(error.to_string()))?;
        match cursor.version {
            VERSION => Ok(cursor),
            other => Err(form(format!("it is of version {other}, this program writes {VERSION}"))),
        }
    }

    /// Puts the cursor in the place of the old one, on the disk.
    ///
    /// # Errors
    /// When it cannot be written; then the old one is still there.
    pub fn write(&self, path: &Path) -> Result<(), CursorError> {
        let write = || {
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            File::open(dir)?.sync_all()
        };
        write().map_err(|source| CursorError::Io { path: path.to_owned(), source })
    }

    /// Every log that was exported is among these.
    ///
    /// # Errors
    /// When one is not.
    pub fn check(&self, logs: &[Folder]) -> Result<(), CursorError> {
        let is_here = |mark: &&Mark| logs.iter().any(|log| log.origin() == mark.origin);
        match self.logs.iter().find(|mark| !is_here(mark)) {
            Some(mark) => Err(CursorError::Gone { origin: mark.origin.clone() }),
            None => Ok(()),
        }
    }

    /// Where the next record to be exported is.
    ///
    /// # Errors
    /// When the log is not the one that was exported, or cannot be read.
    pub fn place(&self, log: &Folder) -> Result<Position, CursorError> {
        let first = Position::first(log)?;
        let Some(mark) = self.logs.iter().find(|mark| mark.origin == log.origin() && mark.next > 0) else {
            return Ok(first);
        };
        let dir = || log.dir().to_owned();
        if first.next > mark.next {
            return Err(CursorError::Pruned { dir: dir(), first: first.next, next: mark.next });
        }
        if first.next == mark.next {
            // The record itself is gone; the one after it cites it.
            return Ok(Position { leaf: Some(mark.leaf), ..first });
        }
        let index = mark.next - 1;
        let segment = log.segment_of(index)?.unwrap_or(first.segment);
        let leaf = if segment == 0 { Some(LeafHash::ZERO) } else { None };
        let begin = Position { segment, offset: 0, next: segment, leaf };
        let Ended { position, damage } = walk(log, begin, |stored| {
            Ok::<_, ReadError>(if stored.event.index < index { Flow::On } else { Flow::Stop })
        })?;
        if let Some(damage) = damage {
            return Err(CursorError::Damaged(damage));
        }
        match (position.next, position.leaf) {
            (next, Some(leaf)) if next == mark.next && leaf == mark.leaf => Ok(position),
            _ => Err(CursorError::Replaced { dir: dir(), index }),
        }
    }

    /// Remembers how far a log was exported.
    pub fn set(&mut self, origin: &str, position: &Position) {
        let Some(leaf) = position.leaf else {
            return;
        };
        let mark = Mark { origin: origin.to_owned(), next: position.next, leaf };
        match self.logs.iter_mut().find(|mark| mark.origin == origin) {
            Some(old) => *old = mark,
            None => self.logs.push(mark),
        }
    }
}
