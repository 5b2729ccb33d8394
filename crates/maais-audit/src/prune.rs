//! Records that are old go; what they prove stays.
//!
//! Whole segments are removed, with what was sealed in them. Of each record its leaf hash is kept, of all of them
//! the state behind the last one (`base`), and a record of the pruning names that state by its digest. Order on
//! the disk: hashes, new base, record, the base comes into force, segments are removed. A crash leaves either
//! nothing pruned or a pruning that the next opening finishes.
//!
//! Damaged records are not pruned: that would bury the evidence.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::base::{self, Base, KeyLine};
use crate::chain::Chain;
use crate::compress::{CompressError, begins};
use crate::entry::{AppendError, Kind};
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::line::{Fields, Good};
use crate::scan::{Fault, Shown, scan_upto};
use crate::segment::Lines;
use crate::slot::OpenError;
use crate::storage::{File, Storage};

/// Hashes that are written at once.
const HASHES_AT_ONCE: usize = 32 * 1024;

/// What was pruned in one log, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Which log.
    pub origin: String,
    /// The record that says so; none if nothing was pruned.
    pub index: Option<u64>,
    /// Records that were removed now.
    pub records: u64,
    /// The first record that is left.
    pub first: u64,
    /// Bytes of the files that were removed.
    pub bytes: u64,
}

/// Why nothing, or not everything, was pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// Somebody writes the log.
    #[error("the log `{}` is being written by another process; stop it, or have it prune (setting `audit.retention`)", dir.display())]
    Locked {
        /// The log.
        dir: PathBuf,
    },
    /// Somebody is working on the same files.
    #[error("another process is compressing or pruning the log `{}`; wait for it", dir.display())]
    Busy {
        /// The log.
        dir: PathBuf,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What would be removed is not what it must be.
    #[error("nothing was pruned: {fault}; verify the log")]
    Damaged {
        /// The first bad record.
        fault: Fault,
    },
    /// The record of the pruning could not be written: nothing was removed.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A file could not be read, written or removed. What is not done will be when the log is opened next.
    #[error("cannot prune in `{}`: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<CompressError> for PruneError {
    fn from(error: CompressError) -> Self {
        match error {
            CompressError::Busy { dir } => Self::Busy { dir },
            CompressError::Io { path, source } => Self::Io { path, source },
        }
    }
}

impl Pruned {
    pub(crate) fn nothing(origin: &str, layout: &Layout) -> io::Result<Self> {
        let first = layout.segments()?.first().map_or(0, |(first, _)| *first);
        Ok(Self { origin: origin.to_owned(), index: None, records: 0, first, bytes: 0 })
    }
}

/// What would be pruned in each log of a data directory. Changes nothing.
///
/// # Errors
/// When a log cannot be read.
pub fn prunable(home: &Path, head_dir: Option<&Path>, before: Timestamp) -> Result<Vec<Pruned>, PruneError> {
    let mut all = Vec::new();
    let io = |source| PruneError::Io { path: home.to_owned(), source };
    for layout in Layout::all(home, head_dir).map_err(io)? {
        let found = reach(&layout, before);
        all.extend(found.map_err(|source| PruneError::Io { path: layout.dir.clone(), source })?);
    }
    Ok(all)
}

/// The first record that would be left if all from before `before` were to go as far as whole segments allow; and
/// how many records and bytes would go. `None`: nothing would.
pub(crate) fn reach(layout: &Layout, before: Timestamp) -> io::Result<Option<Pruned>> {
    let segments = layout.segments()?;
    let mut left = None;
    for next in segments.iter().skip(1) {
        match begins(next)? {
            Some(time) if time <= before => left = Some(next.0),
            _ => break,
        }
    }
    let (Some(left), Some((begin, _))) = (left, segments.first()) else { return Ok(None) };
    let mut bytes = 0;
    for (_, path) in segments.iter().filter(|(first, _)| *first < left) {
        bytes += path.metadata()?.len();
    }
    for (_, path) in layout.sidecars()?.iter().filter(|(first, _)| *first < left) {
        bytes += path.metadata()?.len();
    }
    Ok(Some(Pruned { origin: origin(layout)?, index: None, records: left - begin, first: left, bytes }))
}

/// Writes the hashes of the records before `size`, and the state behind them; gives what the record must say.
pub(crate) fn prepare(
    storage: &dyn Storage,
    layout: &Layout,
    size: u64,
) -> Result<Map<String, Value>, PruneError> {
    let dir = layout.pruned_dir();
    let at_dir = |source| PruneError::Io { path: dir.clone(), source };
    storage.create_dir(&dir, 0o750).map_err(at_dir)?;
    let old = base::read(layout).map_err(at_dir)?.and_then(|found| found.base.ok());
    let from = old.as_ref().map_or(0, |old| old.size);
    let mut hashes = Hashes::create(storage, layout.hash_file(from)).map_err(at_dir)?;
    let mut keys = old.as_ref().map(|old| old.keys.clone()).unwrap_or_default();
    let mut first = old.as_ref().map(|old| old.times.0);
    let mut written = Ok(());
    let origin = origin(layout).map_err(at_dir)?.into();
    let mut visit = |good: Good, line: &Shown<'_>, chain: &Chain, _: &crate::keys::Keyring| {
        first = first.or(Some(good.time));
        if good.kind == Kind::Key {
            let line = String::from_utf8_lossy(line.bytes).into_owned();
            keys.push(KeyLine { index: chain.size() - 1, line });
        }
        if written.is_ok() {
            written = hashes.push(good.leaf);
        }
    };
    let walk = scan_upto(layout, origin, size, &mut visit).map_err(at_dir)?;
    if let Some(broken) = walk.broken {
        return Err(PruneError::Damaged { fault: broken.fault });
    }
    written.and_then(|()| hashes.end()).map_err(at_dir)?;
    continues(layout, size, &walk.chain)?;
    let base = Base::new(&walk.chain, keys, walk.bytes, walk.rolled, first.unwrap_or_default());
    let (bytes, digest) = base.to_bytes().map_err(at_dir)?;
    put_new(storage, layout, size, &bytes).map_err(at_dir)?;
    let mut body = base.ends().roll().root().body();
    body.insert("base".to_owned(), Value::from(digest));
    body.insert("records".to_owned(), Value::from(size));
    Ok(body)
}

/// The base gets its name only when it is whole; another name than the one under which it comes into force.
fn put_new(storage: &dyn Storage, layout: &Layout, size: u64, bytes: &[u8]) -> io::Result<()> {
    let new = new_base(layout, size);
    let file = storage.open(&new, 0o640)?;
    file.set_len(0)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    storage.sync_dir(&layout.pruned_dir())
}

fn new_base(layout: &Layout, size: u64) -> PathBuf {
    layout.base(size).with_extension("new")
}

/// Whether the first record that is left cites the last one that goes.
fn continues(layout: &Layout, size: u64, chain: &Chain) -> Result<(), PruneError> {
    let path = layout.segment(size);
    let io = |source| PruneError::Io { path: path.clone(), source };
    let line = Lines::new(vec![(size, path.clone())]).next().transpose().map_err(io)?;
    let cites = line.as_ref().and_then(|line| serde_json::from_slice::<Fields<'_>>(&line.bytes).ok());
    if chain.size() == size && cites.is_some_and(|fields| fields.prev.parse() == Ok(chain.leaf())) {
        return Ok(());
    }
    let why = "the first record that would be left does not cite the last one that would go".to_owned();
    Err(PruneError::Damaged { fault: Fault { segment: path, line: 1, index: size, offset: 0, why } })
}

/// The record is in the log: what was prepared comes into force, and the records go.
pub(crate) fn carry_out(storage: &dyn Storage, layout: &Layout, size: u64) -> io::Result<u64> {
    storage.rename(&new_base(layout, size), &layout.base(size))?;
    storage.sync_dir(&layout.pruned_dir())?;
    sweep(storage, layout)
}

/// Removes what the base in force has made superfluous; how many bytes.
pub(crate) fn sweep(storage: &dyn Storage, layout: &Layout) -> io::Result<u64> {
    let mut bases = layout.bases()?;
    let Some((size, _)) = bases.pop() else { return Ok(0) };
    let segments = layout.segments_with_pruned()?;
    let sidecars = layout.sidecars()?;
    let gone: Vec<_> = segments.into_iter().chain(sidecars).filter(|(first, _)| *first < size).collect();
    let mut bytes = 0;
    for (_, path) in &gone {
        bytes += path.metadata().map_or(0, |data| data.len());
        storage.remove(path)?;
    }
    for (_, path) in &bases {
        storage.remove(path)?;
    }
    if !gone.is_empty() {
        storage.sync_dir(&layout.segments_dir())?;
        storage.sync_dir(&layout.private_dir())?;
    }
    if !bases.is_empty() {
        storage.sync_dir(&layout.pruned_dir())?;
    }
    Ok(bytes)
}

/// A pruning that a crash interrupted: if its record is in the log, as `recorded` says of a base's digest, it is
/// finished; else nothing has happened.
pub(crate) fn finish(
    storage: &dyn Storage,
    layout: &Layout,
    recorded: impl Fn(&str) -> bool,
) -> io::Result<()> {
    for (size, path) in layout.new_bases()? {
        let found = base::read_from(path.clone(), size)?;
        if recorded(&found.digest) {
            carry_out(storage, layout, size)?;
        } else {
            storage.remove(&path)?;
            storage.sync_dir(&layout.pruned_dir())?;
        }
    }
    sweep(storage, layout).map(drop)
}

fn origin(layout: &Layout) -> io::Result<String> {
    Ok(fs::read_to_string(layout.origin())?.trim_end_matches('\n').to_owned())
}

/// A file of hashes that is being written.
struct Hashes<'a> {
    storage: &'a dyn Storage,
    file: Box<dyn File>,
    path: PathBuf,
    end: u64,
    waiting: Vec<u8>,
}

impl<'a> Hashes<'a> {
    /// Begins anew what an earlier attempt may have left.
    fn create(storage: &'a dyn Storage, path: PathBuf) -> io::Result<Self> {
        let file = storage.open(&path, 0o640)?;
        file.set_len(0)?;
        Ok(Self { storage, file, path, end: 0, waiting: Vec::new() })
    }

    fn push(&mut self, leaf: LeafHash) -> io::Result<()> {
        self.waiting.extend_from_slice(leaf.as_bytes());
        if self.waiting.len() >= 32 * HASHES_AT_ONCE { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_at(&self.waiting, self.end)?;
        self.end += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.write()?;
        self.file.sync()?;
        self.path.parent().map_or(Ok(()), |dir: &Path| self.storage.sync_dir(dir))
    }
}
