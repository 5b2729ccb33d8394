//! What a witness remembers of one log: the checkpoint that it cosigned last, and the keys that count.
//!
//! One small JSON file a log, replaced as a whole and flushed with its folder. It is not signed: whoever can
//! write the witness's folder can take its key, too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::WitnessError;
use crate::leaf::to_hex;
use crate::note::{Checkpoint, Vkey};
use crate::storage::{Storage, replace};

/// Keys that are remembered of a log: its newest. With one a day, a log restored from an older copy is refused
/// for its signature rather than for its size.
const KEYS_MAX: usize = 100;

/// The file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    origin: String,
    /// The key with which the log was made known.
    first: String,
    /// The later ones, each with the size above which it counts.
    keys: Vec<(u64, String)>,
    /// The signed checkpoint that was cosigned last.
    note: Option<String>,
}

/// What was seen of one log.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    path: PathBuf,
    first: Vkey,
    keys: Vec<(u64, Vkey)>,
    note: Option<String>,
    last: Option<Checkpoint>,
}

impl Memory {
    /// What was seen of the log with this first key; nothing yet, if there is no file.
    pub(super) fn load(dir: &Path, first: &Vkey) -> Result<Self, WitnessError> {
        let name = to_hex(&<[u8; 32]>::from(Sha256::digest(first.name())));
        let path = dir.join(format!("{name}.json"));
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, first: first.clone(), keys: Vec::new(), note: None, last: None });
            }
            bytes => bytes.map_err(|source| WitnessError::Io { path: path.clone(), source })?,
        };
        Self::read(&path, first, &bytes).map_err(|why| WitnessError::Forgot { path, why })
    }

    fn read(path: &Path, first: &Vkey, bytes: &[u8]) -> Result<Self, String> {
        let written: Written = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if written.origin != first.name() {
            return Err(format!("it is about the log `{}`", written.origin));
        }
        if written.first != first.to_string() {
            return Err(format!("the log was made known with the key `{}`", written.first));
        }
        let key = |(size, key): &(u64, String)| Ok((*size, key.parse()?));
        let keys: Result<_, crate::note::NoteError> = written.keys.iter().map(key).collect();
        let last = written.note.as_deref().map(Checkpoint::parse).transpose();
        Ok(Self {
            path: path.to_owned(),
            first: first.clone(),
            keys: keys.map_err(|error| error.to_string())?,
            last: last.map_err(|error| error.to_string())?,
            note: written.note,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoint that was cosigned last.
    pub(super) fn last(&self) -> Option<&Checkpoint> {
        self.last.as_ref()
    }

    /// The same, signed.
    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Its size.
    pub(super) fn size(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.size)
    }

    /// The key whose signature counts under a checkpoint of this size.
    pub(super) fn key_of_size(&self, size: u64) -> &Vkey {
        let key = self.keys.iter().rev().find(|(above, _)| *above < size);
        key.map_or(&self.first, |(_, key)| key)
    }

    /// The key that counts now.
    fn newest_key(&self) -> &Vkey {
        self.keys.last().map_or(&self.first, |(_, key)| key)
    }

    /// The key that counts now, if it did not before.
    pub(super) fn key_since(&self, before: &Self) -> Option<&Vkey> {
        Some(self.newest_key()).filter(|key| *key != before.newest_key())
    }

    /// With this checkpoint cosigned, which continues the last; `None` if it hands over to another key than
    /// one that was cosigned at the same size.
    pub(super) fn after(&self, new: &Checkpoint, note: &str) -> Option<Self> {
        let mut next = self.clone();
        next.last = Some(new.clone());
        next.note = Some(note.to_owned());
        let Some(key) = handover(new) else { return Some(next) };
        match self.keys.last() {
            Some((above, known)) if *above == new.size => return (*known == key).then_some(next),
            // The first record of a log names its first key.
            None if new.size == 0 => return (self.first == key).then_some(next),
            _ => next.keys.push((new.size, key)),
        }
        let too_many = next.keys.len().saturating_sub(KEYS_MAX);
        next.keys.drain(..too_many);
        Some(next)
    }

    /// Returns when it is on the disk.
    pub(super) fn store(&self, storage: &dyn Storage) -> io::Result<()> {
        let written = Written {
            origin: self.first.name().to_owned(),
            first: self.first.to_string(),
            keys: self.keys.iter().map(|(above, key)| (*above, key.to_string())).collect(),
            note: self.note.clone(),
        };
        let mut bytes = serde_json::to_vec(&written)?;
        bytes.push(b'\n');
        replace(storage, &self.path, &bytes, 0o600)
    }
}

/// The key that takes over behind a checkpoint, if it says so.
fn handover(checkpoint: &Checkpoint) -> Option<Vkey> {
    let [line] = checkpoint.extensions.as_slice() else { return None };
    let key: Vkey = line.strip_prefix("key ")?.parse().ok()?;
    (key.name() == checkpoint.origin).then_some(key)
}
