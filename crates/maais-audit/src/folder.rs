//! The logs of a data directory as files, for those who keep places in them: lines as they stand there, from
//! any place on, and proofs for many records at once.
//!
//! Believes nothing and checks nothing: whoever keeps a place also keeps the leaf hash of what was there.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::chain::LINE_BYTES_MAX;
use crate::layout::Layout;
use crate::line::Fields;
use crate::note::Checkpoint;
use crate::proof::{Levels, Proof, ProveError, leaves, newest};
use crate::read::ReadError;
use crate::segment::{Bytes, Lines};

/// One log of a data directory.
#[derive(Debug, Clone)]
pub struct Folder {
    layout: Layout,
    origin: String,
}

/// A line, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLine {
    /// Its segment, by the index of the first record there.
    pub segment: u64,
    /// The segment's file.
    pub path: Arc<Path>,
    /// Where the line begins, in bytes.
    pub offset: u64,
    /// Without its newline. Whatever is on the disk: it need not be a record, nor text.
    pub bytes: Vec<u8>,
    /// Whether a newline ended it.
    pub complete: bool,
}

/// Lines from some place on.
#[derive(Debug)]
pub struct StoredLines {
    dir: PathBuf,
    lines: Lines,
}

/// The logs of a data directory that have records, or the one log whose folder is given.
///
/// # Errors
/// When a folder cannot be read.
pub fn folders(path: &Path) -> Result<Vec<Folder>, ReadError> {
    let mut folders = Vec::new();
    for layout in Layout::find(path, None).map_err(|source| failed(path, source))? {
        let origin = match fs::read_to_string(layout.origin()) {
            Ok(origin) => Some(origin.trim_end().to_owned()).filter(|origin| !origin.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failed(&layout.origin(), source)),
        };
        let mut folder = Folder { layout, origin: String::new() };
        let named = match origin {
            Some(origin) => Some(origin),
            None => folder.lines_from(0, 0)?.next().transpose()?.and_then(|line| origin_in(&line.bytes)),
        };
        if let Some(origin) = named {
            folder.origin = origin;
            folders.push(folder);
        }
    }
    Ok(folders)
}

fn origin_in(line: &[u8]) -> Option<String> {
    serde_json::from_slice::<Fields<'_>>(line).ok().map(|fields| fields.log.into_owned())
}

impl Folder {
    /// The log's name, as its folder says.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The log's folder.
    pub fn dir(&self) -> &Path {
        &self.layout.dir
    }

    /// Bytes from that place on, about: an open segment is longer than what is written in it.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn bytes_from(&self, segment: u64, offset: u64) -> Result<u64, ReadError> {
        let later = self.segments()?.into_iter().filter(|(first, _)| *first >= segment);
        let bytes: u64 =
            later.filter_map(|(_, path)| Bytes::open(&path).and_then(|bytes| bytes.len()).ok()).sum();
        Ok(bytes.saturating_sub(offset))
    }

    /// The index of the first record of the segment that holds record `index`, or would; `None` if there is
    /// no such segment.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn segment_of(&self, index: u64) -> Result<Option<u64>, ReadError> {
        let segments = self.segments()?;
        Ok(segments.into_iter().map(|(first, _)| first).take_while(|first| *first <= index).last())
    }

    /// The index of the first record that is there.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn first(&self) -> Result<u64, ReadError> {
        Ok(self.segments()?.first().map_or(0, |(first, _)| *first))
    }

    /// How many records, the oldest, were pruned on record.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn pruned(&self) -> Result<u64, ReadError> {
        let bases = self.layout.bases().map_err(|source| failed(&self.layout.dir, source))?;
        Ok(bases.last().map_or(0, |(size, _)| *size))
    }

    /// All lines from byte `offset` of a segment on, in order, also those of the segments after it.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn lines_from(&self, segment: u64, offset: u64) -> Result<StoredLines, ReadError> {
        let segments: Vec<_> = self.segments()?.into_iter().filter(|(first, _)| *first >= segment).collect();
        let offset = if segments.first().is_some_and(|(first, _)| *first == segment) { offset } else { 0 };
        Ok(StoredLines { dir: self.layout.dir.clone(), lines: Lines::from_offset(segments, offset) })
    }

    /// The line that begins at byte `offset` of a segment; `None` if there is none.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub fn line_at(&self, segment: u64, offset: u64) -> Result<Option<StoredLine>, ReadError> {
        let path = self.layout.segment(segment);
        let found = match Bytes::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => {
                bytes.and_then(|bytes| one_line(bytes, offset)).map_err(|source| failed(&path, source))?
            }
        };
        let stored = |bytes| StoredLine { segment, path: path.into(), offset, bytes, complete: true };
        Ok(found.map(stored))
    }

    /// The newest signed checkpoint, parsed and as it was signed.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn checkpoint(&self) -> Result<(Checkpoint, String), ProveError> {
        newest(&self.layout.dir).map(|newest| (newest.checkpoint, newest.note))
    }

    fn segments(&self) -> Result<Vec<(u64, PathBuf)>, ReadError> {
        self.layout.segments().map_err(|source| failed(&self.layout.dir, source))
    }
}

impl Iterator for StoredLines {
    type Item = Result<StoredLine, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?.map_err(|source| failed(&self.dir, source));
        Some(line.map(|line| StoredLine {
            segment: line.place.first,
            path: line.place.path,
            offset: line.place.offset,
            bytes: line.bytes,
            complete: line.complete,
        }))
    }
}

/// Proves any number of records of a log after reading it once. Takes 64 bytes of memory a record of the log.
pub struct Prover {
    dir: PathBuf,
    levels: Levels,
    checkpoint: Checkpoint,
    note: String,
}

impl Prover {
    /// Reads the log whose folder is given, up to its newest checkpoint.
    ///
    /// # Errors
    /// When the log cannot be read, or has no checkpoint.
    pub fn open(log_dir: &Path) -> Result<Self, ProveError> {
        let newest = newest(log_dir)?;
        let levels = Levels::new(leaves(&newest.layout, newest.checkpoint.size)?);
        Ok(Self { dir: newest.layout.dir, levels, checkpoint: newest.checkpoint, note: newest.note })
    }

    /// Proves that record `index` is in the log, as [`crate::prove`] does.
    ///
    /// # Errors
    /// When the record is beyond the checkpoint.
    pub fn prove(&self, index: u64) -> Result<Proof, ProveError> {
        let size = self.checkpoint.size;
        if index >= size {
            return Err(ProveError::Beyond { dir: self.dir.clone(), size, wanted: index });
        }
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        Ok(Proof { index, path: self.levels.inclusion(at), checkpoint: self.note.clone() })
    }

    /// The checkpoint that the proofs lead to.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prover").field("dir", &self.dir).field("size", &self.checkpoint.size).finish()
    }
}

/// The line that begins there, if it has an end and is not blank.
fn one_line(segment: Bytes, offset: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(2048);
    BufReader::with_capacity(4096, segment.reader(offset)?)
        .take(LINE_BYTES_MAX as u64 + 1)
        .read_until(b'\n', &mut bytes)?;
    let complete = bytes.pop_if(|last| *last == b'\n').is_some();
    Ok(Some(bytes).filter(|bytes| complete && !bytes.is_empty()))
}

fn failed(path: &Path, source: io::Error) -> ReadError {
    ReadError::Io { path: path.to_owned(), source }
}
