//! Segments that are closed and old are compressed. Records, hashes and proofs stay as they are.
//!
//! No record says so: nothing changes but the bytes on the disk, and whoever reads gets what was there. Also while
//! the log is being written: only the last segment still changes.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::layout::Layout;
use crate::line::Fields;
use crate::packed::pack;
use crate::segment::{Lines, PACKED, packed_path};
use crate::storage::Disk;

/// What was compressed in one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compressed {
    /// Its folder.
    pub dir: PathBuf,
    /// Segments that were compressed now.
    pub segments: u64,
    /// Their bytes before.
    pub before: u64,
    /// Their bytes after.
    pub after: u64,
}

/// Why not everything was compressed. What was stays so, and nothing is lost.
#[derive(Debug, thiserror::Error)]
pub enum CompressError {
    /// Another process is at it.
    #[error("another process is compressing the log `{}`; wait for it", dir.display())]
    Busy {
        /// The log.
        dir: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot compress `{}`: {source}; the segment is still there as it was", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Compresses the closed segments of all logs of a data directory, or of the one log whose folder is given, whose
/// records are all from before `before`.
///
/// # Errors
/// When a file cannot be read or written; or when another process is at it.
pub fn compress(path: &Path, before: Timestamp) -> Result<Vec<Compressed>, CompressError> {
    let layouts = Layout::find(path, None).map_err(failed(path))?;
    let there = layouts.iter().filter(|layout| layout.segments_dir().is_dir());
    there.map(|layout| compress_log(layout, before)).collect()
}

fn compress_log(layout: &Layout, before: Timestamp) -> Result<Compressed, CompressError> {
    let _alone = lock(layout)?;
    let mut done = Compressed { dir: layout.dir.clone(), segments: 0, before: 0, after: 0 };
    let segments = layout.segments().map_err(failed(&layout.dir))?;
    for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
        let path = &segment.1;
        let begun = begins(next).map_err(failed(&next.1))?;
        if path.extension().is_some_and(|ending| ending == PACKED) || begun.is_none_or(|time| time > before) {
            continue;
        }
        let (bytes, packed) = pack(&Disk, path, &packed_path(path)).map_err(failed(path))?;
        done.segments += 1;
        done.before += bytes;
        done.after += packed;
    }
    Ok(done)
}

/// One process at a time: two would write the same file.
pub(crate) fn lock(layout: &Layout) -> Result<File, CompressError> {
    let path = layout.compressing();
    let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CompressError::Busy { dir: layout.dir.clone() }),
        Err(TryLockError::Error(source)) => Err(failed(&path)(source)),
    }
}

/// The time of a segment's first record: no record before it is later.
pub(crate) fn begins(segment: &(u64, PathBuf)) -> io::Result<Option<Timestamp>> {
    let Some(line) = Lines::new(vec![segment.clone()]).next().transpose()? else { return Ok(None) };
    let fields = serde_json::from_slice::<Fields<'_>>(&line.bytes).ok();
    Ok(fields.and_then(|fields| fields.time.parse().ok()))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> CompressError {
    let path = path.to_owned();
    move |source| CompressError::Io { path, source }
}
