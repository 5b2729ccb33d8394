//! Erasing what was sealed for one subject: its key is destroyed, its values are overwritten, and the log says who
//! ordered it and why. The records stay as they are, so that every hash and proof does, too.
//!
//! Order on the disk: an intent, the record, the erasure, the intent's end. A crash leaves either nothing done or an
//! erasure that the next opening finishes. Copies of the sidecar elsewhere are unreadable without the key; copies of
//! the key are beyond our reach.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::entry::AppendError;
use crate::layout::Layout;
use crate::leaf::to_hex;
use crate::seal::markers;
use crate::sealed::each_stored;
use crate::segment::Lines;
use crate::slot::OpenError;
use crate::storage::{Storage, replace};

/// Ranges of record numbers in one redaction record; beyond it they are drawn together.
const RANGES_MAX: usize = 1_000;

/// What was erased in one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redaction {
    /// Which log.
    pub origin: String,
    /// The record that says so.
    pub index: u64,
    /// How many records hold values that are gone.
    pub records: u64,
    /// How many values.
    pub values: u64,
}

/// Why nothing, or not everything, was erased.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// Somebody writes the log.
    #[error("the log `{}` is being written by another process; stop it, or have it redact", dir.display())]
    Locked {
        /// The log.
        dir: PathBuf,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The record of the redaction could not be written: nothing was erased.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A file could not be read or overwritten. What is not done will be when the log is opened next.
    #[error("cannot erase in `{}`: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What of a subject is sealed, and not erased yet, in each log of a data directory that has any; the records of
/// redactions would be next. Changes nothing.
///
/// # Errors
/// When a log cannot be read.
pub fn sealed_for(
    home: &Path,
    head_dir: Option<&Path>,
    subject: &str,
) -> Result<Vec<Redaction>, RedactError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| RedactError::Io { path, source }
    };
    let subject = subject_digest(subject);
    let mut all = Vec::new();
    for layout in Layout::all(home, head_dir).map_err(at(home))? {
        let found = Found::of(&layout, &subject).map_err(at(&layout.dir))?;
        if found.values > 0 || layout.keys_dir().join(&subject).exists() {
            let origin = fs::read_to_string(layout.origin()).map_err(at(&layout.dir))?;
            let index = crate::head::Head::read(&layout.head).ok().flatten().map_or(0, |head| head.size);
            let origin = origin.trim_end().to_owned();
            all.push(Redaction { origin, index, records: found.records, values: found.values });
        }
    }
    Ok(all)
}

/// The name under which a subject's key and values lie: SHA-256 of its name, in hexadecimal. Who can guess the name
/// can compute it.
pub(crate) fn subject_digest(subject: &str) -> String {
    to_hex(&Sha256::digest(subject))
}

/// What is about to be erased, and which record will say so.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) subject: String,
    pub(crate) index: u64,
}

impl Intent {
    pub(crate) fn read(layout: &Layout) -> io::Result<Option<Self>> {
        match fs::read(layout.erasing()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => Ok(serde_json::from_slice(&bytes?).ok()),
        }
    }

    pub(crate) fn write(&self, storage: &dyn Storage, layout: &Layout) -> io::Result<()> {
        replace(storage, &layout.erasing(), &serde_json::to_vec(self)?, 0o600)
    }

    /// It is done, or was never begun.
    pub(crate) fn end(storage: &dyn Storage, layout: &Layout) -> io::Result<()> {
        storage.remove(&layout.erasing())?;
        storage.sync_dir(&layout.private_dir())
    }
}

/// The records that hold values of a subject.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) ranges: Vec<(u64, u64)>,
    pub(crate) records: u64,
    pub(crate) values: u64,
}

impl Found {
    /// Looks through the sidecars, and through the segments beside them.
    pub(crate) fn of(layout: &Layout, subject: &str) -> io::Result<Self> {
        let mut found = Self::default();
        let segments = layout.segments()?;
        for (first, path) in layout.sidecars()? {
            let mut digests = HashSet::new();
            each_stored(&path, |_, stored| {
                if stored.subject == subject && !stored.is_blank() {
                    digests.insert(stored.digest);
                }
            })?;
            let segment = segments.iter().find(|(number, _)| *number == first).cloned();
            if digests.is_empty() {
                continue;
            }
            for (index, line) in (first..).zip(Lines::new(segment.into_iter().collect())) {
                let line = line?;
                let values = markers(&line.bytes).filter(|digest| digests.contains(*digest)).count() as u64;
                if values > 0 {
                    found.add(index);
                    found.values += values;
                }
            }
        }
        Ok(found)
    }

    fn add(&mut self, index: u64) {
        self.records += 1;
        let is_full = self.ranges.len() >= RANGES_MAX;
        match self.ranges.last_mut() {
            Some((_, last)) if *last + 1 == index || is_full => *last = index,
            _ => self.ranges.push((index, index)),
        }
    }

    /// The body of the record.
    pub(crate) fn record(&self, subject: &str, basis: &str, by: &str) -> Map<String, Value> {
        Map::from_iter([
            ("basis".to_owned(), Value::from(basis)),
            ("by".to_owned(), Value::from(by)),
            ("ranges".to_owned(), json!(self.ranges)),
            ("subject".to_owned(), Value::from(subject)),
            ("values".to_owned(), Value::from(self.values)),
        ])
    }
}

/// Destroys the subject's key and overwrites its values.
pub(crate) fn erase(storage: &dyn Storage, layout: &Layout, subject: &str) -> Result<(), RedactError> {
    let key = layout.keys_dir().join(subject);
    destroy(storage, &key).map_err(|source| RedactError::Io { path: key, source })?;
    let private = layout.private_dir();
    let sidecars = layout.sidecars().map_err(|source| RedactError::Io { path: private, source })?;
    for (_, path) in sidecars {
        blank(storage, &path, subject).map_err(|source| RedactError::Io { path, source })?;
    }
    Ok(())
}

fn destroy(storage: &dyn Storage, key: &Path) -> io::Result<()> {
    if !key.exists() {
        return Ok(());
    }
    let file = storage.open(key, 0o600)?;
    file.write_at(&[0; 32], 0)?;
    file.sync()?;
    storage.remove(key)?;
    key.parent().map_or(Ok(()), |dir| storage.sync_dir(dir))
}

/// Spaces where the encrypted values stand; nothing moves.
fn blank(storage: &dyn Storage, path: &Path, subject: &str) -> io::Result<()> {
    let mut places = Vec::new();
    each_stored(path, |at, stored| {
        if stored.subject == subject && !stored.is_blank() {
            places.push((at, stored.boxed.len()));
        }
    })?;
    if places.is_empty() {
        return Ok(());
    }
    let file = storage.open(path, 0o600)?;
    for (at, length) in places {
        file.write_at(&vec![b' '; length], at)?;
    }
    file.sync()
}
