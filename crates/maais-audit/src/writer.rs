//! The files of a log that is being written, and the one order in which they are: sealed values, records,
//! head. Each is on the disk before the next begins.
//!
//! Knows no thread and takes no decision: after any error it must not be used again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::entry::AppendError;
use crate::head::{Head, HeadFile};
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::storage::{File, Storage};

/// Records that reach the disk together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The lines, each with its newline.
    pub(crate) lines: Vec<u8>,
    /// The sidecar's lines.
    pub(crate) sealed: Vec<u8>,
    /// The log's size with these records, and the last one's leaf hash.
    pub(crate) size: u64,
    pub(crate) leaf: LeafHash,
}

/// A file that grows.
#[derive(Debug)]
struct Growing {
    file: Box<dyn File>,
    path: PathBuf,
    end: u64,
}

impl Growing {
    fn open(storage: &dyn Storage, path: PathBuf, end: u64, mode: u32) -> io::Result<Self> {
        let file = storage.open(&path, mode)?;
        file.set_len(end)?;
        file.sync()?;
        if let Some(dir) = path.parent() {
            storage.sync_dir(dir)?;
        }
        Ok(Self { file, path, end })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), AppendError> {
        self.file.write_at(bytes, self.end).map_err(failed("write", &self.path))?;
        self.file.sync().map_err(failed("flush", &self.path))?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

/// The open files.
#[derive(Debug)]
pub(crate) struct Writer {
    storage: Arc<dyn Storage>,
    layout: Layout,
    origin: Arc<str>,
    /// The first index of the open segment.
    first: u64,
    segment: Growing,
    sidecar: Option<Growing>,
    head: HeadFile,
    /// Bytes of all records.
    bytes: u64,
}

impl Writer {
    /// Takes over a log that ends here; what lies behind is cut off.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        layout: Layout,
        (first, end): (u64, u64),
        head: &Head,
    ) -> Result<Self, AppendError> {
        let path = layout.segment(first);
        let segment = Growing::open(&*storage, path.clone(), end, 0o640).map_err(failed("open", &path))?;
        let head_file =
            HeadFile::open(&*storage, &layout.head, head).map_err(failed("write", &layout.head))?;
        let origin = head.origin.as_str().into();
        Ok(Self {
            storage,
            layout,
            origin,
            first,
            segment,
            sidecar: None,
            head: head_file,
            bytes: head.bytes,
        })
    }

    /// Returns when the batch is on the disk.
    pub(crate) fn commit(&mut self, batch: &Batch) -> Result<(), AppendError> {
        if !batch.sealed.is_empty() {
            self.sidecar()?.append(&batch.sealed)?;
        }
        self.segment.append(&batch.lines)?;
        self.bytes += batch.lines.len() as u64;
        let head =
            Head { bytes: self.bytes, leaf: batch.leaf, origin: self.origin.to_string(), size: batch.size };
        self.head.advance(&head).map_err(failed("move the head", self.head.path()))
    }

    /// The sidecar of the open segment. A line that was torn earlier is ended, so that ours begins anew.
    fn sidecar(&mut self) -> Result<&mut Growing, AppendError> {
        let sidecar = match self.sidecar.take() {
            Some(sidecar) => sidecar,
            None => {
                let path = self.layout.sidecar(self.first);
                let end = std::fs::metadata(&path).map_or(0, |data| data.len());
                let opened = Growing::open(&*self.storage, path.clone(), end, 0o600);
                let mut sidecar = opened.map_err(failed("open", &path))?;
                if end > 0 {
                    sidecar.append(b"\n")?;
                }
                sidecar
            }
        };
        Ok(self.sidecar.insert(sidecar))
    }
}

pub(crate) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AppendError {
    move |source| AppendError::Io { doing, path: path.to_owned(), source }
}

impl Default for LeafHash {
    fn default() -> Self {
        Self::ZERO
    }
}
