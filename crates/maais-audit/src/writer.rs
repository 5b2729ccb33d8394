//! The files of a log that is being written, and the one order in which they are: sealed values, records,
//! head. Each is on the disk before the next begins.
//!
//! Takes no decision: after any error it must not be used again.

use std::sync::Arc;

use crate::chain::{Chain, LINE_BYTES_MAX};
use crate::entry::AppendError;
use crate::growing::{Growing, failed};
use crate::head::{Head, HeadFile};
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::note::Skey;
use crate::publish::Publisher;
use crate::storage::Storage;
use crate::tree::Tree;

/// Bytes that wait for one flush. Beyond it callers wait to be let in.
pub(crate) const BATCH_BYTES_MAX: usize = 256 * 1024;

/// The most that a power cut can leave half-written: one batch, and the line that filled it.
pub(crate) const TORN_BYTES_MAX: u64 = (BATCH_BYTES_MAX + LINE_BYTES_MAX + 1) as u64;

/// Records that reach the disk together.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The lines, each with its newline.
    pub(crate) lines: Vec<u8>,
    /// The sidecar's lines.
    pub(crate) sealed: Vec<u8>,
    /// The last one's leaf hash.
    pub(crate) leaf: LeafHash,
    /// The tree with these records.
    pub(crate) tree: Tree,
    /// The key that one of them puts in force.
    pub(crate) key: Option<Skey>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { lines: Vec::new(), sealed: Vec::new(), leaf: LeafHash::ZERO, tree: Tree::default(), key: None }
    }

    /// Whether so much more must wait for the next batch. Whatever its size, one record fits.
    pub(crate) fn is_full(&self, more: usize) -> bool {
        !self.lines.is_empty() && self.lines.len() + self.sealed.len() + more > BATCH_BYTES_MAX
    }

    pub(crate) fn push(&mut self, line: &[&[u8]], sealed: &[u8]) {
        for part in line {
            self.lines.extend_from_slice(part);
        }
        self.lines.push(b'\n');
        self.sealed.extend_from_slice(sealed);
    }
}

/// The open files.
#[derive(Debug)]
pub(crate) struct Writer {
    storage: Arc<dyn Storage>,
    layout: Layout,
    /// A forked child has a copy of the files, but must not touch them.
    process: u32,
    /// The first index of the open segment.
    first: u64,
    segment: Growing,
    segment_bytes: u64,
    sidecar: Option<Growing>,
    key: Skey,
    head: HeadFile,
    publisher: Publisher,
    /// As far as the files are known to be in order; `None` after a failure.
    last: Option<Head>,
}

/// Where a log ends.
#[derive(Debug)]
pub(crate) struct End<'a> {
    /// The first index of the last segment, and where its records end.
    pub(crate) segment: (u64, u64),
    /// Bytes of all records.
    pub(crate) bytes: u64,
    pub(crate) chain: &'a Chain,
}

impl Writer {
    /// Takes over a log that ends here; what lies behind is cut off.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        layout: Layout,
        end: &End<'_>,
        key: Skey,
        segment_bytes: u64,
    ) -> Result<Self, AppendError> {
        let (first, at) = end.segment;
        let segment = Growing::open(storage.clone(), layout.segment(first), at, 0o640, segment_bytes)?;
        let mut head = Head::empty(end.chain.origin());
        if end.chain.size() > 0 {
            head.advance(end.bytes, end.chain.leaf(), end.chain.tree(), &key);
        }
        let file = HeadFile::open(&*storage, &layout.head, &head).map_err(failed("write", &layout.head))?;
        Ok(Self {
            publisher: Publisher::new(storage.clone(), layout.clone()),
            storage,
            layout,
            process: std::process::id(),
            first,
            segment,
            segment_bytes,
            sidecar: None,
            key,
            head: file,
            last: Some(head),
        })
    }

    /// The key in force.
    pub(crate) fn key(&self) -> &Skey {
        &self.key
    }

    /// Returns when the batch is on the disk, and the head says so.
    pub(crate) fn commit(&mut self, batch: Batch) -> Result<(), AppendError> {
        let Some(mut head) = self.last.take() else {
            return Err(AppendError::Poisoned { why: "an earlier write failed".into() });
        };
        if self.segment.end() >= self.segment_bytes {
            self.rotate(head.size)?;
        }
        if !batch.sealed.is_empty() {
            self.sidecar()?.append(&batch.sealed)?;
        }
        self.segment.append(&batch.lines)?;
        if let Some(key) = batch.key {
            self.key = key;
        }
        head.advance(head.bytes + batch.lines.len() as u64, batch.leaf, &batch.tree, &self.key);
        self.head.advance(&head).map_err(failed("move the head", self.head.path()))?;
        let checkpoint = head.checkpoint.as_deref().unwrap_or_default();
        self.publisher.offer(checkpoint).map_err(failed("publish a checkpoint in", &self.layout.dir))?;
        self.last = Some(head);
        Ok(())
    }

    /// Closes the segment and begins the next one.
    fn rotate(&mut self, first: u64) -> Result<(), AppendError> {
        self.segment.trim()?;
        let path = self.layout.segment(first);
        self.segment = Growing::open(self.storage.clone(), path, 0, 0o640, self.segment_bytes)?;
        self.sidecar = None;
        self.first = first;
        Ok(())
    }

    /// The sidecar of the open segment. A line that was torn earlier is ended, so that ours begins anew.
    fn sidecar(&mut self) -> Result<&mut Growing, AppendError> {
        let sidecar = match self.sidecar.take() {
            Some(sidecar) => sidecar,
            None => {
                let path = self.layout.sidecar(self.first);
                let end = std::fs::metadata(&path).map_or(0, |data| data.len());
                let mut sidecar = Growing::open(self.storage.clone(), path, end, 0o600, 0)?;
                if end > 0 {
                    sidecar.append(b"\n")?;
                }
                sidecar
            }
        };
        Ok(self.sidecar.insert(sidecar))
    }

    /// Leaves the files tidy. Nothing depends on it.
    fn close(&mut self) -> Result<(), AppendError> {
        let Some(head) = self.last.take() else { return Ok(()) };
        self.segment.trim()?;
        let Some(checkpoint) = head.checkpoint else { return Ok(()) };
        let kept = self.publisher.publish(&checkpoint).and_then(|()| self.publisher.keep(&checkpoint));
        kept.map_err(failed("publish a checkpoint in", &self.layout.dir))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.process == std::process::id()
            && let Err(error) = self.close()
        {
            tracing::debug!(%error, "the log is left untidy");
        }
    }
}
