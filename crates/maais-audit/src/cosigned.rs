//! A log and its witnesses, from the log's side: what to submit to one that has seen so much of the log, and
//! the file of checkpoints that were cosigned.
//!
//! Making submissions reads the log once and believes it: a wrong one is refused by the witness. The file
//! is a copy: whoever cuts it short makes less of the log count as witnessed, never more.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::entry::Kind;
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::line::Fields;
use crate::note::Checkpoint;
use crate::proof::{Levels, ProveError, for_each_line, newest_of, pruned_leaves, standing_on};
use crate::remembered::notes;
use crate::storage::{Disk, Storage, replace};
use crate::submission::Submission;

/// Beyond it, the file of cosigned checkpoints is thinned out: a newer one vouches for all before it.
const COSIGNED_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Of the older half, each so manieth stays: the last one that enough witnesses cosigned may be among them.
const OLD_KEPT: usize = 8;

/// The newest checkpoint of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestCheckpoint {
    /// The log's folder.
    pub dir: PathBuf,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed text.
    pub note: String,
}

/// The newest checkpoints of all logs of a data directory, or of the one log whose folder is given. A log
/// that has not begun has none and is left out.
///
/// # Errors
///
/// If a head cannot be read, or a log has none.
pub fn newest_checkpoints(path: &Path, head_dir: Option<&Path>) -> Result<Vec<NewestCheckpoint>, ProveError> {
    let io = |source| ProveError::Io { path: path.to_owned(), source };
    let mut all = Vec::new();
    for layout in Layout::find(path, head_dir).map_err(io)? {
        let has_begun = layout.segments().is_ok_and(|found| {
            found.iter().any(|(_, path)| path.metadata().is_ok_and(|data| data.len() > 0))
        });
        match newest_of(layout) {
            Ok(newest) => all.push(NewestCheckpoint {
                dir: newest.layout.dir,
                checkpoint: newest.checkpoint,
                note: newest.note,
            }),
            Err(ProveError::NoHead { .. }) if !has_begun => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// What can be submitted of a log: its newest checkpoint, its handovers, and proofs between them.
pub struct Submissions {
    newest: Checkpoint,
    note: String,
    levels: Levels,
    /// Size, and the signed checkpoint that hands over to the next key.
    handovers: Vec<(u64, String)>,
}

/// A witness has seen more of a log than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{seen} records were cosigned, only {size} are here: the log was cut or restored from an older copy")]
pub struct RolledBack {
    /// What was seen.
    pub seen: u64,
    /// What is here.
    pub size: u64,
}

/// Only what is looked at here.
#[derive(Deserialize)]
struct KeyRecord {
    checkpoint: String,
}

impl Submissions {
    /// Reads a log up to its newest checkpoint.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is shorter than its head.
    pub fn read(log_dir: &Path, head_dir: Option<&Path>) -> Result<Self, ProveError> {
        let io = |source| ProveError::Io { path: log_dir.to_owned(), source };
        let layout = Layout::find(log_dir, head_dir).map_err(io)?.into_iter().next();
        let newest = newest_of(layout.ok_or_else(|| ProveError::NoHead { dir: log_dir.to_owned() })?)?;
        let size = newest.checkpoint.size;
        let mut leaves = pruned_leaves(&newest.layout, size)?;
        let mut handovers = Vec::new();
        let mut see = |index, line: &[u8]| {
            handovers.extend(handover(line).filter(|_| index > 0).map(|note| (index, note)));
        };
        if let Some(base) = standing_on(&newest.layout)? {
            base.keys.iter().for_each(|key| see(key.index, key.line.as_bytes()));
        }
        for_each_line(&newest.layout, size, |index, line| {
            leaves.push(*LeafHash::of(line).as_bytes());
            see(index, line);
            Ok(())
        })?;
        let (newest, note) = (newest.checkpoint, newest.note);
        Ok(Self { newest, note, levels: Levels::new(leaves), handovers })
    }

    /// The newest checkpoint.
    pub fn newest(&self) -> &Checkpoint {
        &self.newest
    }

    /// The same, signed.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What to submit, one after the other, to a witness that cosigned `seen` records last. The last one is
    /// of the newest checkpoint.
    ///
    /// # Errors
    ///
    /// If the witness saw more than there is.
    pub fn after(&self, seen: u64) -> Result<VecDeque<Submission>, RolledBack> {
        let size = self.newest.size;
        if seen > size {
            return Err(RolledBack { seen, size });
        }
        // A handover at the size seen is submitted again: it may have been cosigned without its key.
        let handovers = self.handovers.iter().filter(|(at, _)| *at >= seen && *at < size);
        let mut old = seen;
        let all = handovers.map(|(at, note)| (*at, note)).chain([(size, &self.note)]).map(|(at, note)| {
            let proof = self.levels.consistency(to_usize(old), to_usize(at));
            Submission { old: std::mem::replace(&mut old, at), proof, note: note.clone() }
        });
        Ok(all.collect())
    }
}

/// The signed checkpoint in a line, if the line is a key record.
fn handover(line: &[u8]) -> Option<String> {
    // Nearly all lines are none, and parsing is slower than looking for one word.
    let needle = br#""type":"key""#;
    line.windows(needle.len()).rev().find(|window| *window == needle)?;
    let fields: Fields<'_> = serde_json::from_slice(line).ok()?;
    if fields.kind != Kind::Key.to_string() {
        return None;
    }
    serde_json::from_slice::<KeyRecord>(line).ok().map(|record| record.checkpoint)
}

/// Adds a cosigned checkpoint to those that are kept beside the log, and flushes it. Of very many, some of the
/// older ones are dropped.
///
/// # Errors
///
/// If the file cannot be written.
pub fn keep_cosigned(log_dir: &Path, note: &str) -> io::Result<()> {
    let layout = Layout { dir: log_dir.to_owned(), head: PathBuf::new() };
    let path = layout.cosigned();
    let mut end = fs::metadata(&path).map_or(0, |data| data.len());
    if end > COSIGNED_BYTES_MAX {
        thin_out(&layout)?;
        end = fs::metadata(&path)?.len();
    }
    let file = Disk.open(&path, 0o640)?;
    // A line that was torn when it was written is ended by the newline.
    file.write_at(format!("\n{}", serde_json::to_string(note)?).as_bytes(), end)?;
    file.sync()
}

fn thin_out(layout: &Layout) -> io::Result<()> {
    let notes = notes(&layout.cosigned())?;
    let half = notes.len() / 2;
    let mut kept = String::new();
    for (index, note) in notes.iter().enumerate() {
        if index >= half || index % OLD_KEPT == 0 {
            kept.push_str(&format!("\n{}", serde_json::to_string(note)?));
        }
    }
    replace(&Disk, &layout.cosigned(), kept.as_bytes(), 0o640)
}

/// The cosigned checkpoints that are kept beside a log, oldest first.
///
/// # Errors
///
/// If the file is there and cannot be read.
pub fn kept_cosigned(log_dir: &Path) -> io::Result<Vec<String>> {
    notes(&Layout { dir: log_dir.to_owned(), head: PathBuf::new() }.cosigned())
}

/// A size of what is in memory.
fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
