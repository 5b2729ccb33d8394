//! Whose signature counts for which size of the log.
//!
//! The first record of a log, and the first of each epoch, is a `key` record. It holds the new public key,
//! and a checkpoint of everything before it that names the new key and is signed with the old one (the
//! first key signs for itself). A checkpoint of size n counts if the key of the last key record below n
//! signed it. Since an old secret is destroyed once its successor is in the log, whoever steals today's key
//! cannot rewrite yesterday: the checkpoint in today's key record would not match.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::chain::Chain;
use crate::line::Fields;
use crate::note::{Checkpoint, NoteError, Skey, Vkey};
use crate::seal::random;
use crate::storage::{Storage, replace};
use crate::tree::Tree;

/// The keys that a log has had.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    keys: Vec<Epoch>,
}

/// One key, and the place and time of its record.
#[derive(Debug)]
struct Epoch {
    index: u64,
    time: Timestamp,
    key: Vkey,
}

/// The body of a `key` record.
#[derive(Deserialize)]
struct KeyRecord {
    checkpoint: String,
    epoch: u64,
    vkey: String,
}

impl Keyring {
    /// The current epoch, counted from 0; `None` before the first.
    pub(crate) fn epoch(&self) -> Option<u64> {
        (self.keys.len() as u64).checked_sub(1)
    }

    /// The first key: whoever knows it knows the log.
    pub(crate) fn first(&self) -> Option<&Vkey> {
        self.keys.first().map(|epoch| &epoch.key)
    }

    /// The key that is in force.
    pub(crate) fn current(&self) -> Option<&Vkey> {
        self.keys.last().map(|epoch| &epoch.key)
    }

    /// Since when.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.keys.last().map(|epoch| epoch.time)
    }

    /// The key whose signature counts under a checkpoint of this size.
    pub(crate) fn of_size(&self, size: u64) -> Option<&Vkey> {
        self.keys.iter().rev().find(|epoch| epoch.index < size).map(|epoch| &epoch.key)
    }

    /// Takes in a key record whose place is known to be right.
    pub(crate) fn restore(&mut self, line: &[u8], index: u64) -> Result<(), String> {
        let fields: Fields<'_> =
            serde_json::from_slice(line).map_err(|error| format!("no key record: {error}"))?;
        let time = fields.time.parse().map_err(|error| format!("its time is none: {error}"))?;
        let (key, handover) = open(line, self.keys.len() as u64, self.current())?;
        if handover.size != index || fields.seq != index {
            return Err("a key record is not in its place".to_owned());
        }
        self.keys.push(Epoch { index, time, key });
        Ok(())
    }

    /// Takes in the key record that follows the records of `chain`.
    pub(crate) fn accept(&mut self, line: &[u8], time: Timestamp, chain: &Chain) -> Result<(), String> {
        let (origin, tree) = (&**chain.origin(), chain.tree());
        let (new, opened) = open(line, self.keys.len() as u64, self.current())?;
        if new.name() != origin || opened != handover(origin, tree, &new) {
            return Err("its checkpoint is not that of the records before it".to_owned());
        }
        self.keys.push(Epoch { index: tree.size(), time, key: new });
        Ok(())
    }
}

/// The new key of a key record, and the checkpoint in it, which `before` signed (or the first key itself).
pub(crate) fn open(line: &[u8], epoch: u64, before: Option<&Vkey>) -> Result<(Vkey, Checkpoint), String> {
    let record: KeyRecord =
        serde_json::from_slice(line).map_err(|error| format!("no key record: {error}"))?;
    if record.epoch != epoch {
        return Err(format!("its epoch is {} where {epoch} must follow", record.epoch));
    }
    let new: Vkey = record.vkey.parse().map_err(|error: NoteError| error.to_string())?;
    let signer = before.unwrap_or(&new);
    let opened = Checkpoint::open(&record.checkpoint, signer).map_err(|error| error.to_string())?;
    match opened.extensions == [format!("key {new}")] {
        true => Ok((new, opened)),
        false => Err("its checkpoint hands over to another key".to_owned()),
    }
}

/// The checkpoint in a key record, whoever signed it.
pub(crate) fn handover_in(line: &[u8]) -> Option<Checkpoint> {
    let record: KeyRecord = serde_json::from_slice(line).ok()?;
    Checkpoint::parse(&record.checkpoint).ok()
}

/// The checkpoint that hands over to a new key.
fn handover(origin: &str, tree: &Tree, new: &Vkey) -> Checkpoint {
    let extensions = vec![format!("key {new}")];
    Checkpoint { origin: origin.to_owned(), size: tree.size(), root: tree.root(), extensions }
}

/// The body of the record with which `new` takes over from `old`.
pub(crate) fn record(epoch: u64, tree: &Tree, old: &Skey, new: &Skey) -> Map<String, Value> {
    let checkpoint = handover(new.vkey().name(), tree, new.vkey());
    Map::from_iter([
        ("checkpoint".to_owned(), Value::from(old.sign(&checkpoint.text()))),
        ("epoch".to_owned(), Value::from(epoch)),
        ("vkey".to_owned(), Value::from(new.vkey().to_string())),
    ])
}

/// Where the secret of an epoch lies.
fn path(dir: &Path, epoch: u64) -> PathBuf {
    dir.join(format!("epoch-{epoch}"))
}

/// Makes the secret of an epoch: mode 0600, on the disk before it is used.
pub(crate) fn make(storage: &dyn Storage, dir: &Path, epoch: u64, origin: &str) -> io::Result<Skey> {
    storage.create_dir(dir, 0o700)?;
    let seed: [u8; 32] = random()?;
    replace(storage, &path(dir, epoch), &seed, 0o600)?;
    Ok(Skey::new(origin, &seed))
}

/// The secret of an epoch.
pub(crate) fn load(dir: &Path, epoch: u64, origin: &str) -> io::Result<Skey> {
    let path = path(dir, epoch);
    let seed = fs::read(&path)?.try_into().map_err(|_| io::Error::other("it is no signing key"))?;
    Ok(Skey::new(origin, &seed))
}

/// Destroys the secrets of all epochs but one.
pub(crate) fn keep_only(storage: &dyn Storage, dir: &Path, epoch: u64) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let old = entry?.path();
        if old != path(dir, epoch) {
            let file = storage.open(&old, 0o600)?;
            file.write_at(&[0; 32], 0)?;
            file.sync()?;
            storage.remove(&old)?;
        }
    }
    storage.sync_dir(dir)
}
