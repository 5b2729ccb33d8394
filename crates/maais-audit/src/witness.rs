//! A witness (C2SP `tlog-witness`): cosigns the checkpoints of other people's logs, as long as each continues
//! all that it has cosigned before, and never forgets how far that was.
//!
//! Trusted: this process, its folder, its clock. Not trusted: the logs, and whoever sends requests. What was
//! seen of a log is on the disk before a cosignature exists; checking, writing and signing are done under
//! one lock a log, so that of two forks at most one is ever cosigned.
//!
//! **Logs that change their key.** The protocol knows a log by fixed keys; the logs of this crate have a new one
//! each day (see `keys`). Their old key signs a checkpoint of the size at which the new one takes over, with the
//! further line `key <vkey>`. A witness to which that checkpoint is submitted, like any other, and that finds
//! it to continue what it has seen, from then on takes the new key for all larger sizes. So the protocol stays
//! as it is: a client submits the handovers in between before the newest checkpoint. Logs with a fixed key
//! have no such line.
//!
//! No network here: what a request was and what the answer means in HTTP is all that is known of it.

mod memory;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::cosign::Cosigner;
use crate::note::{Checkpoint, NoteError, Vkey};
use crate::proof::check_continuity;
use crate::storage::Storage;
use crate::submission::{NoSubmission, Submission};
use crate::tree::Tree;
use memory::Memory;

/// The longest request that a witness looks at.
pub const SUBMISSION_BYTES_MAX: usize = 32 * 1024;

/// A witness of some logs.
#[derive(Debug)]
pub struct Witness {
    cosigner: Cosigner,
    storage: Arc<dyn Storage>,
    logs: BTreeMap<String, Mutex<Memory>>,
    /// Held for as long as the witness lives.
    _lock: fs::File,
}

/// What was cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The key that counts from now on, if the checkpoint handed over to one.
    pub new_key: Option<Vkey>,
    /// The signature line, with its newline: the answer.
    pub line: String,
}

/// Why a witness does not start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// A file could not be read or written.
    #[error("cannot use `{}`: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process is a witness with this folder.
    #[error("another witness uses `{}`; a second one needs a folder of its own", dir.display())]
    Busy {
        /// The folder.
        dir: PathBuf,
    },
    /// What was seen of a log cannot be read any more.
    #[error(
        "`{}` does not say what was seen of the log: {why}; restore it from the newest copy, or begin as \
         a new witness with another folder and key",
        path.display()
    )]
    Forgot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Two keys were given for one log.
    #[error("two keys are given for the log `{origin}`; a log is known by its first")]
    TwoKeys {
        /// Its name.
        origin: String,
    },
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is none.
    #[error("{0}")]
    Malformed(#[from] NoSubmission),
    /// What is submitted is no checkpoint.
    #[error("{0}")]
    NoCheckpoint(NoteError),
    /// Nobody told the witness of this log.
    #[error("the log `{origin}` is not among those that are witnessed here")]
    Unknown {
        /// Its name.
        origin: String,
    },
    /// No key that counts for this size signed it.
    #[error("no key that is trusted for {size} records of `{origin}` signed the checkpoint")]
    Unsigned {
        /// The log.
        origin: String,
        /// The checkpoint's size.
        size: u64,
    },
    /// The old size is beyond the checkpoint's.
    #[error("the old size {old} is beyond the checkpoint's {size}")]
    Backwards {
        /// The old size.
        old: u64,
        /// The checkpoint's.
        size: u64,
    },
    /// The old size is not the one that was cosigned last.
    #[error("`{origin}` was last cosigned at {seen} records, not {old}")]
    Elsewhere {
        /// The log.
        origin: String,
        /// What the request said.
        old: u64,
        /// What was cosigned last.
        seen: u64,
    },
    /// It is of the size that was cosigned last, but of other records, or hands over to another key.
    #[error("a fork of `{origin}`: at {seen} records something else was cosigned")]
    Fork {
        /// The log.
        origin: String,
        /// The size.
        seen: u64,
    },
    /// The proof does not show that the checkpoint continues what was cosigned.
    #[error("the proof does not show that {size} records of `{origin}` continue the {old} cosigned last")]
    Unproved {
        /// The log.
        origin: String,
        /// The size cosigned last.
        old: u64,
        /// The checkpoint's.
        size: u64,
    },
    /// What was seen could not be made durable.
    #[error("cannot remember it in `{}`: {source}", path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Refusal {
    /// The HTTP status that C2SP `tlog-witness` gives it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::NoCheckpoint(_) | Self::Backwards { .. } => 400,
            Self::Unsigned { .. } => 403,
            Self::Unknown { .. } => 404,
            Self::Elsewhere { .. } | Self::Fork { .. } => 409,
            Self::Unproved { .. } => 422,
            Self::Storage { .. } => 500,
        }
    }

    /// The size cosigned last, where the answer consists of it.
    pub fn seen(&self) -> Option<u64> {
        match self {
            Self::Elsewhere { seen, .. } | Self::Fork { seen, .. } => Some(*seen),
            _ => None,
        }
    }
}

impl Witness {
    /// A witness that remembers in `dir` what it saw of the logs whose first keys are given.
    ///
    /// # Errors
    ///
    /// If another one uses the folder, or what was seen cannot be read: it does not begin anew by itself.
    pub fn open(
        dir: &Path,
        cosigner: Cosigner,
        logs: &[Vkey],
        storage: Arc<dyn Storage>,
    ) -> Result<Self, WitnessError> {
        let lock = lock(dir, &*storage)?;
        let mut all = BTreeMap::new();
        for vkey in logs {
            let memory = Memory::load(dir, vkey)?;
            if all.insert(vkey.name().to_owned(), Mutex::new(memory)).is_some() {
                return Err(WitnessError::TwoKeys { origin: vkey.name().to_owned() });
            }
        }
        Ok(Self { cosigner, storage, logs: all, _lock: lock })
    }

    /// Its key.
    pub fn cosigner(&self) -> &Cosigner {
        &self.cosigner
    }

    /// The logs, and the size of each that was cosigned last.
    pub fn seen(&self) -> impl Iterator<Item = (&str, u64)> {
        self.logs.iter().map(|(origin, memory)| (origin.as_str(), memory.lock().size()))
    }

    /// The signed checkpoints that were cosigned last, one a log: what a log must still continue.
    pub fn newest(&self) -> Vec<String> {
        self.logs.values().filter_map(|memory| memory.lock().note().map(str::to_owned)).collect()
    }

    /// Answers an `add-checkpoint` request; `now` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// Refuses what C2SP `tlog-witness` says must be refused, in its order, and whatever could not be
    /// remembered first.
    pub fn add_checkpoint(&self, request: &str, now: u64) -> Result<Cosigned, Refusal> {
        let submission = Submission::parse(request)?;
        let new = Checkpoint::parse(&submission.note).map_err(Refusal::NoCheckpoint)?;
        let unknown = || Refusal::Unknown { origin: new.origin.clone() };
        let mut memory = self.logs.get(&new.origin).ok_or_else(unknown)?.lock();
        let next = check(&memory, &submission, &new)?;
        let new_key = next.key_since(&memory).cloned();
        // If this fails, the disk holds what was seen before, or this; neither this nor anything that
        // contradicts either has been cosigned.
        next.store(&*self.storage)
            .map_err(|source| Refusal::Storage { path: next.path().to_owned(), source })?;
        *memory = next;
        let line = self.cosigner.cosign(&submission.note, now).map_err(Refusal::NoCheckpoint)?;
        Ok(Cosigned { checkpoint: new, new_key, line })
    }
}

/// What is to be remembered if the checkpoint continues what was seen.
fn check(memory: &Memory, submission: &Submission, new: &Checkpoint) -> Result<Memory, Refusal> {
    let origin = || new.origin.clone();
    let (old, size, seen) = (submission.old, new.size, memory.size());
    if Checkpoint::open(&submission.note, memory.key_of_size(size)).is_err() {
        return Err(Refusal::Unsigned { origin: origin(), size });
    }
    if old > size {
        return Err(Refusal::Backwards { old, size });
    }
    if old != seen {
        return Err(Refusal::Elsewhere { origin: origin(), old, seen });
    }
    let empty =
        || Checkpoint { origin: origin(), size: 0, root: Tree::default().root(), extensions: Vec::new() };
    let last = memory.last().cloned().unwrap_or_else(empty);
    if size == seen && new.root != last.root {
        return Err(Refusal::Fork { origin: origin(), seen });
    }
    if check_continuity(&last, new, &submission.proof).is_err() {
        return Err(Refusal::Unproved { origin: origin(), old, size });
    }
    memory.after(new, &submission.note).ok_or_else(|| Refusal::Fork { origin: origin(), seen })
}

/// Makes the folder, and takes it for this process.
fn lock(dir: &Path, storage: &dyn Storage) -> Result<fs::File, WitnessError> {
    let path = dir.join("lock");
    let io = |source| WitnessError::Io { path: path.clone(), source };
    storage.create_dir(dir, 0o700).map_err(io)?;
    let file = fs::File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(WitnessError::Busy { dir: dir.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(io(source)),
    }
}

#[cfg(test)]
mod tests;
