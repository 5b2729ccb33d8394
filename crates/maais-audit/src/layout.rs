//! Which file is where. Names only: nothing is read or written here, except that folders are listed.
//!
//! ```text
//! HOME/log/<slot>/lock            held by the process that writes
//! HOME/log/<slot>/compressing     held by the process that compresses
//! HOME/log/<slot>/reserve         room that is given up when the disk is full, where records are buffered
//! HOME/log/<slot>/origin          the log's name for ever: `deployment/replica`
//! HOME/log/<slot>/seg/<first>.jsonl   the records; the name is the first one's index
//! HOME/log/<slot>/seg/<first>.jsonl.zst   the same, compressed
//! HOME/log/<slot>/pruned/<first>.hashes   leaf hashes of pruned records, 32 bytes each, from that index on
//! HOME/log/<slot>/pruned/<size>.base  the state after so many records, all pruned
//! HOME/log/<slot>/pruned/<size>.new   the same, while they are being pruned
//! HOME/log/<slot>/priv/<first>.jsonl  sealed values, encrypted
//! HOME/log/<slot>/priv/keys/<subject> one key a subject
//! HOME/log/<slot>/priv/erasing    which subject is being erased; only while it is
//! HOME/log/<slot>/priv/signing/epoch-<n> the secret that signs
//! HOME/log/<slot>/checkpoint      the newest one, for other tools (at most a second old)
//! HOME/log/<slot>/checkpoints.jsonl   some of the earlier ones
//! HOME/log/<slot>/cosigned        checkpoints that witnesses cosigned, each a JSON text on a line
//! HOME/head/<slot>.json           the head, meant to be on another disk or under another user
//! ```

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The most slots, which is the most processes that write under one HOME at the same time.
pub const SLOTS_MAX: u32 = 64;

/// The paths of one slot.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
    pub(crate) head: PathBuf,
}

impl Layout {
    pub(crate) fn new(home: &Path, head_dir: Option<&Path>, slot: u32) -> Self {
        let head_dir = head_dir.map_or_else(|| home.join("head"), Path::to_owned);
        Self { dir: home.join("log").join(slot.to_string()), head: head_dir.join(format!("{slot}.json")) }
    }

    /// All slots that exist, or whose head does.
    pub(crate) fn all(home: &Path, head_dir: Option<&Path>) -> io::Result<Vec<Self>> {
        let mut slots = numbers(&home.join("log"))?;
        slots.extend(numbers(&head_dir.map_or_else(|| home.join("head"), Path::to_owned))?);
        slots.sort_unstable();
        slots.dedup();
        Ok(slots.into_iter().map(|slot| Self::new(home, head_dir, slot)).collect())
    }

    /// What a path given by a person means: a HOME with all its logs, or the folder of one log.
    pub(crate) fn find(path: &Path, head_dir: Option<&Path>) -> io::Result<Vec<Self>> {
        if !path.join("seg").is_dir() && !path.join("origin").is_file() {
            return Self::all(path, head_dir);
        }
        let path = path.canonicalize()?;
        let slot = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let home = path.parent().and_then(Path::parent).unwrap_or(&path);
        let head_dir = head_dir.map_or_else(|| home.join("head"), Path::to_owned);
        let head = head_dir.join(format!("{slot}.json"));
        Ok(vec![Self { dir: path, head }])
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    pub(crate) fn compressing(&self) -> PathBuf {
        self.dir.join("compressing")
    }

    pub(crate) fn reserve(&self) -> PathBuf {
        self.dir.join("reserve")
    }

    pub(crate) fn origin(&self) -> PathBuf {
        self.dir.join("origin")
    }

    pub(crate) fn segments_dir(&self) -> PathBuf {
        self.dir.join("seg")
    }

    pub(crate) fn segment(&self, first: u64) -> PathBuf {
        self.segments_dir().join(format!("{first:020}.jsonl"))
    }

    pub(crate) fn pruned_dir(&self) -> PathBuf {
        self.dir.join("pruned")
    }

    pub(crate) fn hash_file(&self, first: u64) -> PathBuf {
        self.pruned_dir().join(format!("{first:020}.hashes"))
    }

    pub(crate) fn base(&self, size: u64) -> PathBuf {
        self.pruned_dir().join(format!("{size:020}.base"))
    }

    pub(crate) fn private_dir(&self) -> PathBuf {
        self.dir.join("priv")
    }

    pub(crate) fn sidecar(&self, first: u64) -> PathBuf {
        self.private_dir().join(format!("{first:020}.jsonl"))
    }

    pub(crate) fn keys_dir(&self) -> PathBuf {
        self.private_dir().join("keys")
    }

    pub(crate) fn erasing(&self) -> PathBuf {
        self.private_dir().join("erasing")
    }

    pub(crate) fn signing_dir(&self) -> PathBuf {
        self.private_dir().join("signing")
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.dir.join("checkpoint")
    }

    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.dir.join("checkpoints.jsonl")
    }

    pub(crate) fn cosigned(&self) -> PathBuf {
        self.dir.join("cosigned")
    }

    /// The segments in order: index of the first record, and path. Those that were pruned do not count, though a
    /// crash may have left them there.
    pub(crate) fn segments(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut segments = self.segments_with_pruned()?;
        let pruned = self.bases()?.last().map_or(0, |(size, _)| *size);
        segments.retain(|(first, _)| *first >= pruned);
        Ok(segments)
    }

    pub(crate) fn segments_with_pruned(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        numbered(&self.segments_dir(), &["jsonl", "jsonl.zst"])
    }

    /// What the log stands on, by the number of pruned records. The last one counts.
    pub(crate) fn bases(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        numbered(&self.pruned_dir(), &["base"])
    }

    /// Bases that are not in force yet.
    pub(crate) fn new_bases(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        numbered(&self.pruned_dir(), &["new"])
    }

    /// The leaf hashes of pruned records, by the index of the first in each file.
    pub(crate) fn hashes(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        numbered(&self.pruned_dir(), &["hashes"])
    }

    /// The files of sealed values in order.
    pub(crate) fn sidecars(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        numbered(&self.private_dir(), &["jsonl"])
    }
}

/// The files of a folder named with 20 digits and one of these endings; none if there is no folder. Where there
/// are several of one number, the one with the earlier ending counts.
fn numbered(dir: &Path, endings: &[&str]) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files: Vec<_> = paths(dir)?
        .into_iter()
        .filter_map(|path| {
            let (stem, ending) = path.file_name()?.to_str()?.split_once('.')?;
            let rank = endings.iter().position(|known| *known == ending)?;
            let number = Some(stem).filter(|stem| stem.len() == 20)?.parse().ok()?;
            Some((number, rank, path))
        })
        .collect();
    files.sort_unstable();
    files.dedup_by_key(|(number, ..)| *number);
    Ok(files.into_iter().map(|(number, _, path)| (number, path)).collect())
}

/// The slot numbers among a folder's names.
fn numbers(dir: &Path) -> io::Result<Vec<u32>> {
    let numbers = paths(dir)?.into_iter().filter_map(|path| {
        let slot: u32 = path.file_stem()?.to_str()?.parse().ok()?;
        (slot < SLOTS_MAX).then_some(slot)
    });
    Ok(numbers.collect())
}

fn paths(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.path())).collect(),
    }
}
