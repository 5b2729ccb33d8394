//! The head: how far the log is known to reach, remembered on a second path.
//!
//! It is written after the records are durable and before their callers get an answer, so it is never
//! ahead of the log; whoever shortens the log without reaching the head is found out. Whoever can rewrite
//! both is not: that takes a witness. It is not flushed: after a power cut it may be older than the log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::leaf::LeafHash;
use crate::storage::{File, Storage};

/// The file never changes its length, so that writing it touches one sector and no metadata.
const HEAD_BYTES: usize = 512;

/// What the head says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    /// Bytes of all records, with their newlines.
    pub(crate) bytes: u64,
    /// Leaf hash of the last record; zeros if there is none.
    pub(crate) leaf: LeafHash,
    /// The log's name.
    pub(crate) origin: String,
    /// Number of records.
    pub(crate) size: u64,
}

impl Head {
    /// The head at a path; `None` if there is no file.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => Ok(Some(serde_json::from_slice(&bytes?)?)),
        }
    }

    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)?;
        if bytes.len() >= HEAD_BYTES {
            return Err(io::Error::other("the log's name is too long for its head"));
        }
        bytes.resize(HEAD_BYTES - 1, b' ');
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// The head of a log that is being written.
#[derive(Debug)]
pub(crate) struct HeadFile {
    file: Box<dyn File>,
    path: PathBuf,
    written: Vec<u8>,
}

impl HeadFile {
    /// Makes or takes over the head, and sets it.
    pub(crate) fn open(storage: &dyn Storage, path: &Path, head: &Head) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            storage.create_dir(dir, 0o750)?;
        }
        let file = storage.open(path, 0o640)?;
        let written = head.to_bytes()?;
        file.write_at(&written, 0)?;
        file.set_len(written.len() as u64)?;
        file.sync()?;
        if let Some(dir) = path.parent() {
            storage.sync_dir(dir)?;
        }
        Ok(Self { file, path: path.to_owned(), written })
    }

    /// Moves the head forward, if it is still where we left it: a second writer or a restored backup
    /// shows here.
    pub(crate) fn advance(&mut self, head: &Head) -> io::Result<()> {
        if fs::read(&self.path)? != self.written {
            return Err(io::Error::other("somebody else has changed the head"));
        }
        let bytes = head.to_bytes()?;
        self.file.write_at(&bytes, 0)?;
        self.written = bytes;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
