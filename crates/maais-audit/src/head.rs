//! The head: how far the log is known to reach, remembered on a second path.
//!
//! It is written after the records are durable and before their callers get an answer, so it is never
//! ahead of the log; whoever shortens the log without reaching the head is found out. Whoever can rewrite
//! both is not: that takes a witness. After a power cut it may be older than the log.
//!
//! The file holds four heads. Two are written in turn with each batch and not flushed: a power cut may tear both. The
//! other two are written in turn now and then, each flushed before the other is touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::leaf::LeafHash;
use crate::note::Checkpoint;
use crate::storage::{File, Storage, replace};
use crate::tree::Tree;

/// One of the four: the file never changes its length, so that writing it touches one block and no metadata.
const HEAD_BYTES: usize = 1024;

/// How many are written in turn, and as many again are kept.
const TURNS: usize = 2;

/// What the head says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    /// Bytes of all records, with their newlines.
    pub(crate) bytes: u64,
    /// The signed checkpoint of this size; there is none of no records.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) checkpoint: Option<String>,
    /// Leaf hash of the last record; zeros if there is none.
    pub(crate) leaf: LeafHash,
    /// The log's name.
    pub(crate) origin: String,
    /// Number of records.
    pub(crate) size: u64,
}

impl Head {
    /// The head of a log without records.
    pub(crate) fn empty(origin: &str) -> Self {
        Self { bytes: 0, checkpoint: None, leaf: LeafHash::ZERO, origin: origin.to_owned(), size: 0 }
    }

    /// The head at a path; `None` if there is no file.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let heads = bytes.chunks(HEAD_BYTES).filter_map(|bytes| serde_json::from_slice(bytes).ok());
        match heads.filter(Self::is_of_one_piece).max_by_key(|head| head.size) {
            Some(head) => Ok(Some(head)),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "nothing in it is a head")),
        }
    }

    /// Whether its beginning and its end were written together: its size stands in both.
    fn is_of_one_piece(&self) -> bool {
        let signed = self.checkpoint.as_deref().and_then(|text| text.lines().nth(1)?.parse().ok());
        signed.unwrap_or(0) == self.size
    }

    /// Moves it to the end of this tree; gives the text of the checkpoint that is to be signed.
    pub(crate) fn advance(&mut self, bytes: u64, leaf: LeafHash, tree: &Tree) -> String {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: tree.size(),
            root: tree.root(),
            extensions: Vec::new(),
        };
        self.bytes = bytes;
        self.checkpoint = None;
        self.leaf = leaf;
        self.size = tree.size();
        checkpoint.text()
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
    /// What the file holds: the older head's place is the next to be written.
    written: Vec<u8>,
    next: usize,
    next_kept: usize,
}

impl HeadFile {
    /// Makes or takes over the head, and sets it.
    pub(crate) fn open(storage: &dyn Storage, path: &Path, head: &Head) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            storage.create_dir(dir, 0o750)?;
        }
        let written = head.to_bytes()?.repeat(2 * TURNS);
        replace(storage, path, &written, 0o640)?;
        Ok(Self {
            file: storage.open(path, 0o640)?,
            path: path.to_owned(),
            written,
            next: 0,
            next_kept: TURNS,
        })
    }

    /// Moves the head forward, if it is still where we left it, as `found` was read from its path a moment ago: a
    /// second writer or a restored backup shows here.
    pub(crate) fn advance(&mut self, head: &Head, found: &[u8]) -> io::Result<()> {
        if found != self.written {
            return Err(io::Error::other("somebody else has changed the head"));
        }
        self.put(head, self.next)?;
        self.next = (self.next + 1) % TURNS;
        Ok(())
    }

    /// Makes sure that a power cut leaves this head or a later one.
    pub(crate) fn keep(&mut self, head: &Head) -> io::Result<()> {
        self.put(head, self.next_kept)?;
        self.next_kept = TURNS + (self.next_kept + 1) % TURNS;
        self.file.sync()
    }

    fn put(&mut self, head: &Head, turn: usize) -> io::Result<()> {
        let (bytes, at) = (head.to_bytes()?, turn * HEAD_BYTES);
        self.file.write_at(&bytes, at as u64)?;
        for (place, byte) in self.written.iter_mut().skip(at).zip(bytes) {
            *place = byte;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
