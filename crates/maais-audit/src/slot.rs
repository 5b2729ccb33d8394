//! Taking a slot: its lock, its name, its head, and what is in it, or the reason why not.
//!
//! A log that is shorter than its head, or changed in the middle, is refused: going on would bury the
//! evidence. Only what a power cut tore is cut off: it lies beyond the head and is no longer than one batch;
//! the caller records the gap. So whoever damages the last batch after a power cut, before the next start,
//! passes for the power cut.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::base;
use crate::chain::Chain;
use crate::entry::Kind;
use crate::head::Head;
use crate::keys::{self, Keyring};
use crate::layout::{Layout, SLOTS_MAX};
use crate::leaf::{LeafHash, to_hex};
use crate::line::Good;
use crate::note::Skey;
use crate::prune;
use crate::scan::{Broken, Fault, NOT_NAMED, Scan, Shown, StandsOn, scan};
use crate::seal::random;
use crate::segment::PACKED;
use crate::storage::{Storage, replace};

/// The longest name of a log: it must fit the head and a checkpoint's first line.
const ORIGIN_BYTES_MAX: usize = 200;

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system said no.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// All slots are taken.
    #[error("all {SLOTS_MAX} logs under `{}` are being written by other processes; stop one, or use another data directory", home.display())]
    NoFreeSlot {
        /// The data directory.
        home: PathBuf,
    },
    /// The name cannot name a log.
    #[error("`{origin}` cannot name a log; use letters, digits and `. - _ /`, at most {ORIGIN_BYTES_MAX}")]
    Origin {
        /// The name.
        origin: String,
    },
    /// The head is gone, or is no head.
    #[error("the head `{}` of the log `{}` is {what}; restore it from a backup, or, if the log verifies and you trust it, move `{1}` aside to begin a new one", head.display(), dir.display())]
    HeadLost {
        /// Where it should be.
        head: PathBuf,
        /// Whose it is.
        dir: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The log has lost records: it was cut, emptied or replaced by an older copy.
    #[error("the log `{}` ends at {size} records, its head `{}` remembers {remembered}; restore the log, or keep both as evidence and move them aside to begin a new one", dir.display(), head.display())]
    Shorter {
        /// The log.
        dir: PathBuf,
        /// Its head.
        head: PathBuf,
        /// How long it is.
        size: u64,
        /// How long it was.
        remembered: u64,
    },
    /// The head remembers another last record.
    #[error("the log `{}` holds another record {index} than its head `{}` remembers; restore the log, or keep both as evidence and move them aside to begin a new one", dir.display(), head.display())]
    Rewritten {
        /// The log.
        dir: PathBuf,
        /// Its head.
        head: PathBuf,
        /// The record.
        index: u64,
    },
    /// The secret that signs is gone, or is another.
    #[error("the signing key of the log `{}` cannot be used: {source}; restore `{}` from a backup, or move the log and its head aside to begin a new one", dir.display(), keys.display())]
    KeyLost {
        /// The log.
        dir: PathBuf,
        /// Where the key should be.
        keys: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// A record is not what it must be.
    #[error("the log was changed: {fault}; restore it, or keep it as evidence and move `{}` and its head aside to begin a new one", dir.display())]
    Damaged {
        /// The log.
        dir: PathBuf,
        /// The first bad record.
        fault: Fault,
    },
}

/// A slot that is ours.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Locked until it is dropped.
    pub(crate) lock: File,
    pub(crate) layout: Layout,
    pub(crate) scan: Scan,
    /// What a power cut left behind the last good record.
    pub(crate) torn: Option<Torn>,
    /// The records of redactions.
    pub(crate) redactions: Vec<u64>,
}

/// The end of a log that was not written to its end.
#[derive(Debug)]
pub(crate) struct Torn {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// Takes the first of these slots that no other process has, and reads it.
pub(crate) fn take(
    storage: &dyn Storage,
    home: &Path,
    head_dir: Option<&Path>,
    deployment: &str,
    slots: Range<u32>,
) -> Result<Slot, OpenError> {
    check_name(deployment)?;
    for slot in slots {
        let layout = Layout::new(home, head_dir, slot);
        let private = layout.private_dir();
        storage.create_dir(&private, 0o700).map_err(failed("make the folder", &private))?;
        let segments = layout.segments_dir();
        storage.create_dir(&segments, 0o750).map_err(failed("make the folder", &segments))?;
        if let Some(lock) = lock(&layout.lock())? {
            return read(storage, layout, lock, deployment);
        }
    }
    Err(OpenError::NoFreeSlot { home: home.to_owned() })
}

fn lock(path: &Path) -> Result<Option<File>, OpenError> {
    let file = File::options().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed("lock", path)(source)),
    }
}

fn read(storage: &dyn Storage, layout: Layout, lock: File, deployment: &str) -> Result<Slot, OpenError> {
    let head = match Head::read(&layout.head) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(head_lost(&layout, &format!("no head ({error})")));
        }
        head => head.map_err(failed("read", &layout.head))?,
    };
    let origin = origin(storage, &layout, head.as_ref(), deployment)?;
    let mut remembered = None;
    let mut redactions = Vec::new();
    let mut bases = Vec::new();
    let mut visit = |good: Good, line: &Shown<'_>, chain: &Chain, _: &Keyring| {
        match good.kind {
            Kind::Redaction => redactions.push(chain.size() - 1),
            Kind::Pruning => bases.extend(base::named(line.bytes).map(|(digest, _)| digest)),
            _ => {}
        }
        if head.as_ref().is_some_and(|head| head.size == chain.size()) {
            remembered = Some(good.leaf);
        }
    };
    let walk = scan(&layout, origin.clone(), head.as_ref(), &mut visit);
    let walk = walk.map_err(failed("read", &layout.dir))?;
    let head = head.unwrap_or_else(|| Head::empty(&origin));
    check_base(&layout, &walk)?;
    if remembered.is_none() {
        remembered = pruned_leaf(&layout, &head, &walk)?;
    }
    check_last(&layout)?;
    check_head(&layout, &head, &walk, remembered)?;
    let torn = match &walk.broken {
        Some(broken) => Some(judge(&layout, &head, &walk, broken)?),
        None => None,
    };
    let finished = prune::finish(storage, &layout, |digest| bases.iter().any(|base| base == digest));
    finished.map_err(failed("finish a pruning in", &layout.dir))?;
    Ok(Slot { lock, layout, scan: walk, torn, redactions })
}

/// The log's name. A log without one is new: then there is neither a head nor a record.
fn origin(
    storage: &dyn Storage,
    layout: &Layout,
    head: Option<&Head>,
    deployment: &str,
) -> Result<Arc<str>, OpenError> {
    let path = layout.origin();
    match std::fs::read_to_string(&path) {
        Ok(origin) => {
            let origin = origin.trim_end_matches('\n');
            check_name(origin)?;
            match head {
                Some(head) if head.origin == origin => Ok(origin.into()),
                Some(head) => Err(head_lost(layout, &format!("that of the log `{}`", head.origin))),
                None => Err(head_lost(layout, "missing")),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => name_anew(storage, layout, head, deployment),
        Err(source) => Err(failed("read", &path)(source)),
    }
}

fn name_anew(
    storage: &dyn Storage,
    layout: &Layout,
    head: Option<&Head>,
    deployment: &str,
) -> Result<Arc<str>, OpenError> {
    if let Some(head) = head.filter(|head| head.size > 0) {
        let (dir, head_path) = (layout.dir.clone(), layout.head.clone());
        return Err(OpenError::Shorter { dir, head: head_path, size: 0, remembered: head.size });
    }
    let segments = layout.segments().map_err(failed("read", &layout.dir))?;
    if let Some((_, segment)) =
        segments.into_iter().find(|(_, path)| path.metadata().is_ok_and(|m| m.len() > 0))
    {
        let source = io::Error::other(
            "there are records, but the file `origin` with the log's name is missing; restore it",
        );
        return Err(failed("continue", &segment)(source));
    }
    let path = layout.origin();
    let replica: [u8; 8] = random().map_err(failed("name", &path))?;
    let origin = format!("{deployment}/{}", to_hex(&replica));
    let head = Head::empty(&origin);
    crate::head::HeadFile::open(storage, &layout.head, &head).map_err(failed("write", &layout.head))?;
    let line = format!("{origin}\n");
    replace(storage, &path, line.as_bytes(), 0o640).map_err(failed("write", &path))?;
    storage.sync_dir(layout.dir.parent().unwrap_or(&layout.dir)).map_err(failed("flush", &layout.dir))?;
    Ok(origin.into())
}

/// What the log stands on must be named in it, unless the log ends too early for that.
fn check_base(layout: &Layout, walk: &Scan) -> Result<(), OpenError> {
    match &walk.base {
        Some(base) if !base.named && walk.broken.is_none() => {
            let (segment, index) = (layout.base(base.base.size), base.base.size);
            let fault = Fault { segment, line: 1, index, offset: 0, why: NOT_NAMED.to_owned() };
            Err(OpenError::Damaged { dir: layout.dir.clone(), fault })
        }
        _ => Ok(()),
    }
}

/// The leaf hash of the record that the head names, if that was pruned: after a power cut the head may be so old.
fn pruned_leaf(layout: &Layout, head: &Head, walk: &Scan) -> Result<Option<LeafHash>, OpenError> {
    let mut found = None;
    if let Some(StandsOn { base, .. }) = walk.base.as_ref().filter(|on| on.base.size >= head.size) {
        let see = |index, leaf| {
            if index + 1 == head.size {
                found = Some(leaf);
            }
            Ok(())
        };
        base::each_hash(layout, base.size, see).map_err(failed("read", &layout.pruned_dir()))?;
    }
    Ok(found)
}

/// The last segment can be written on only as it was.
fn check_last(layout: &Layout) -> Result<(), OpenError> {
    let segments = layout.segments().map_err(failed("read", &layout.dir))?;
    match segments.last().filter(|(_, path)| path.extension() == Some(OsStr::new(PACKED))) {
        Some((_, path)) => {
            let why = "the last segment is compressed; decompress it with `zstd -d --rm`";
            Err(failed("continue", path)(io::Error::other(why)))
        }
        None => Ok(()),
    }
}

fn check_head(
    layout: &Layout,
    head: &Head,
    walk: &Scan,
    remembered: Option<LeafHash>,
) -> Result<(), OpenError> {
    let (dir, head_path) = (layout.dir.clone(), layout.head.clone());
    let size = walk.chain.size();
    match remembered {
        Some(leaf) if leaf != head.leaf => {
            Err(OpenError::Rewritten { dir, head: head_path, index: head.size.saturating_sub(1) })
        }
        None if walk.broken.is_none() && size < head.size => {
            Err(OpenError::Shorter { dir, head: head_path, size, remembered: head.size })
        }
        _ => Ok(()),
    }
}

/// Whether what follows the good records may be cut off.
fn judge(layout: &Layout, head: &Head, walk: &Scan, broken: &Broken) -> Result<Torn, OpenError> {
    let dir = layout.dir.clone();
    if !broken.torn {
        return Err(OpenError::Damaged { dir, fault: broken.fault.clone() });
    }
    let size = walk.chain.size();
    if size < head.size {
        return Err(OpenError::Shorter { dir, head: layout.head.clone(), size, remembered: head.size });
    }
    let path = &broken.fault.segment;
    let offset = usize::try_from(broken.fault.offset).unwrap_or(usize::MAX);
    let content = std::fs::read(path).map_err(failed("read", path))?;
    let mut cut = content.get(offset..).unwrap_or_default();
    while let Some((b'\n', before)) = cut.split_last() {
        cut = before;
    }
    Ok(Torn { bytes: cut.len() as u64, sha256: to_hex(&Sha256::digest(cut)) })
}

/// The secret of the epoch that the log is in; the first one is made. Older ones, and one that a crash kept
/// from coming into force, are destroyed.
pub(crate) fn signing_key(storage: &dyn Storage, layout: &Layout, scan: &Scan) -> Result<Skey, OpenError> {
    let dir = layout.signing_dir();
    let epoch = scan.keys.epoch().unwrap_or(0);
    let origin = scan.chain.origin();
    let lost = |source| OpenError::KeyLost { dir: layout.dir.clone(), keys: dir.clone(), source };
    let key = match keys::load(&dir, epoch, origin) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && scan.chain.size() == 0 => {
            keys::make(storage, &dir, epoch, origin).map_err(failed("make a key in", &dir))?
        }
        key => key.map_err(lost)?,
    };
    if scan.keys.current().is_some_and(|current| current != key.vkey()) {
        return Err(lost(io::Error::other("it is another than the one in the log")));
    }
    keys::keep_only(storage, &dir, epoch).map_err(failed("destroy old keys in", &dir))?;
    Ok(key)
}

fn head_lost(layout: &Layout, what: &str) -> OpenError {
    OpenError::HeadLost { head: layout.head.clone(), dir: layout.dir.clone(), what: what.to_owned() }
}

fn check_name(origin: &str) -> Result<(), OpenError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/".contains(&byte);
    match !origin.is_empty() && origin.len() <= ORIGIN_BYTES_MAX && origin.bytes().all(fits) {
        true => Ok(()),
        false => Err(OpenError::Origin { origin: origin.chars().take(ORIGIN_BYTES_MAX).collect() }),
    }
}

pub(crate) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io { doing, path: path.to_owned(), source }
}
