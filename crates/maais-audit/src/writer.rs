//! The files of a log that is being written, and the one order in which they are: sealed values, records,
//! head. Each is on the disk before the next begins.
//!
//! Takes no decision: after any error it must not be used again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::chain::Chain;
use crate::entry::AppendError;
use crate::flush::{Aside, Done, prepare};
use crate::growing::{Growing, failed};
use crate::head::{Head, HeadFile};
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::note::Skey;
use crate::publish::Publisher;
use crate::queue::BatchOutcome;
use crate::scan::BATCH_BYTES_MAX;
use crate::seal::{Locked, NewKey};
use crate::storage::{File, Storage};
use crate::tree::Tree;

/// Records that reach the disk together.
#[derive(Debug)]
pub(crate) struct Batch {
    /// How many, and their bytes.
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// The lines, each with its newline, that are not in the file yet.
    lines: Vec<u8>,
    /// The sidecar's lines, and the keys that they need.
    sealed: Vec<u8>,
    keys: Vec<NewKey>,
    /// When the first was let in.
    pub(crate) since: Option<Instant>,
    /// The times of the first and of the last one.
    pub(crate) times: Option<(Timestamp, Timestamp)>,
    /// The last one's leaf hash.
    pub(crate) leaf: LeafHash,
    /// The tree with these records.
    pub(crate) tree: Tree,
    /// The key that one of them puts in force.
    pub(crate) key: Option<Arc<Skey>>,
    /// Where their callers learn what became of them.
    pub(crate) outcome: Arc<BatchOutcome>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            records: 0,
            bytes: 0,
            lines: Vec::new(),
            sealed: Vec::new(),
            keys: Vec::new(),
            since: None,
            times: None,
            leaf: LeafHash::ZERO,
            tree: Tree::default(),
            key: None,
            outcome: Arc::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Whether so much more must wait for the next batch. Whatever its size, one record fits.
    pub(crate) fn is_full(&self, more: usize) -> bool {
        !self.lines.is_empty() && self.lines.len() + self.sealed.len() + more > BATCH_BYTES_MAX
    }

    /// Takes a line with its newline, and what is sealed in it.
    pub(crate) fn push(&mut self, line: &[u8], sealed: Locked) {
        self.lines.extend_from_slice(line);
        self.sealed.extend_from_slice(&sealed.lines);
        self.keys.extend(sealed.key);
    }

    /// Counts a record; whether it is the first.
    pub(crate) fn count(&mut self, leaf: LeafHash, time: Timestamp, bytes: u64) -> bool {
        self.leaf = leaf;
        self.times = Some((self.times.map_or(time, |(first, _)| first), time));
        self.records += 1;
        self.bytes += bytes;
        if self.since.is_none() {
            self.since = Some(Instant::now());
        }
        self.records == 1
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
    /// The time of its first record.
    begun: Option<Timestamp>,
    segments: Segments,
    sidecar: Option<Growing>,
    new_files: Vec<NewFile>,
    key: Arc<Skey>,
    aside: Aside,
    head: HeadFile,
    reserve: Reserve,
    publisher: Publisher,
    /// As far as the files are known to be in order; `None` after a failure.
    last: Option<Head>,
}

/// Where a log ends.
#[derive(Debug)]
pub(crate) struct End<'a> {
    /// The first index of the last segment, and where its records end.
    pub(crate) segment: (u64, u64),
    /// The time of the first record there.
    pub(crate) begun: Option<Timestamp>,
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
        key: Arc<Skey>,
        segments: Segments,
    ) -> Result<Self, AppendError> {
        let (first, at) = end.segment;
        let segment = Growing::open(storage.clone(), layout.segment(first), at, 0o640, segments.filled())?;
        let mut head = Head::empty(end.chain.origin());
        if end.chain.size() > 0 {
            let text = head.advance(end.bytes, end.chain.leaf(), end.chain.tree());
            head.checkpoint = Some(key.sign(&text));
        }
        let file = HeadFile::open(&*storage, &layout.head, &head).map_err(failed("write", &layout.head))?;
        let reserve = match segments.fill {
            true => Reserve(None),
            false => Reserve::take(&*storage, layout.reserve()),
        };
        let aside = Aside::start(layout.head.clone()).map_err(failed("start a thread for", &layout.dir))?;
        Ok(Self {
            publisher: Publisher::new(storage.clone(), layout.clone()),
            storage,
            layout,
            process: std::process::id(),
            first,
            segment,
            begun: end.begun,
            segments,
            sidecar: None,
            new_files: Vec::new(),
            key,
            aside,
            head: file,
            reserve,
            last: Some(head),
        })
    }

    /// Returns when the batch is on the disk, and the head says so.
    pub(crate) fn commit(&mut self, batch: Batch) -> Result<(), AppendError> {
        let Some(mut head) = self.last.take() else { return Err(not_again()) };
        if self.is_full(&batch) {
            self.rotate(head.size)?;
        }
        self.begun = self.begun.or(batch.times.map(|(first, _)| first));
        for key in &batch.keys {
            key.keep(&*self.storage).map_err(failed("make a key in", &self.layout.keys_dir()))?;
        }
        if !batch.sealed.is_empty() {
            self.sidecar()?.append(&batch.sealed)?;
            flush_new(&*self.storage, &std::mem::take(&mut self.new_files))?;
        }
        if let Some(key) = batch.key {
            self.key = key;
        }
        let text = head.advance(head.bytes + batch.bytes, batch.leaf, &batch.tree);
        self.aside.ask(self.key.clone(), text).map_err(failed("sign for", &self.layout.dir))?;
        self.segment.append(&batch.lines)?;
        let done = self.aside.answer().map_err(failed("sign for", &self.layout.dir))?;
        self.move_head(head, done)
    }

    /// Gives a record to the operating system, and waits for no flush.
    pub(crate) fn write(&mut self, line: &[u8], time: Timestamp, sealed: &Locked) -> Result<(), AppendError> {
        if self.last.is_none() {
            return Err(not_again());
        }
        self.begun = self.begun.or(Some(time));
        if let Some(key) = &sealed.key {
            let written =
                key.write(&*self.storage).map_err(failed("make a key in", &self.layout.keys_dir()))?;
            self.new_files.extend(written);
        }
        if !sealed.lines.is_empty() {
            self.sidecar()?.write(&sealed.lines)?;
        }
        match self.segment.write(line) {
            Err(error) if self.reserve.give_up(&*self.storage, &error) => self.segment.write(line),
            written => written,
        }
    }

    /// What has to be flushed for a batch that was written.
    pub(crate) fn begin(&mut self, batch: Batch) -> Result<Pending, AppendError> {
        let Some(head) = &self.last else { return Err(not_again()) };
        let mut head = head.clone();
        if let Some(key) = batch.key {
            self.key = key;
        }
        let text = head.advance(head.bytes + batch.bytes, batch.leaf, &batch.tree);
        let files = self.sidecar.iter().chain([&self.segment]).map(Growing::handle).collect();
        let new_files = std::mem::take(&mut self.new_files);
        Ok(Pending {
            storage: self.storage.clone(),
            new_files,
            files,
            head,
            text,
            key: self.key.clone(),
            path: self.layout.head.clone(),
        })
    }

    /// The head follows what was flushed.
    pub(crate) fn move_head(&mut self, mut head: Head, done: Done) -> Result<(), AppendError> {
        self.last = None;
        let checkpoint = head.checkpoint.insert(done.checkpoint).clone();
        let moved = done.head.and_then(|found| self.head.advance(&head, &found));
        moved.map_err(failed("move the head", self.head.path()))?;
        let offered = self.publisher.offer(&checkpoint);
        if offered.map_err(failed("publish a checkpoint in", &self.layout.dir))? {
            self.head.keep(&head).map_err(failed("keep the head", self.head.path()))?;
        }
        self.last = Some(head);
        Ok(())
    }

    /// Whether another segment should begin: before this batch, or, where records are buffered, behind it.
    pub(crate) fn is_full(&self, batch: &Batch) -> bool {
        let age = self.begun.zip(batch.times).map(|(begun, (first, _))| first.duration_since(begun));
        let is_old = age.is_some_and(|age| Duration::try_from(age).is_ok_and(|age| age >= self.segments.age));
        self.segment.end() >= self.segments.bytes || is_old
    }

    /// Closes the segment, all of which is flushed, and begins the next one with this record.
    pub(crate) fn rotate(&mut self, first: u64) -> Result<(), AppendError> {
        self.segment.trim()?;
        let path = self.layout.segment(first);
        self.segment = Growing::open(self.storage.clone(), path, 0, 0o640, self.segments.filled())?;
        self.sidecar = None;
        self.begun = None;
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
                let mut sidecar = Growing::unflushed(self.storage.clone(), path, end, 0o600)?;
                if end > 0 {
                    sidecar.write(b"\n")?;
                }
                self.new_files.push(sidecar.new_file()?);
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

/// A file that was made and is to be flushed, and then its folder.
type NewFile = (Box<dyn File>, PathBuf);

fn flush_new(storage: &dyn Storage, files: &[NewFile]) -> Result<(), AppendError> {
    for (file, dir) in files {
        file.sync().and_then(|()| storage.sync_dir(dir)).map_err(failed("flush", dir))?;
    }
    Ok(())
}

fn not_again() -> AppendError {
    AppendError::Poisoned { why: "an earlier write failed".into() }
}

/// Room on the disk that nobody else gets: given up when the disk is full, so that what is denied then can still be
/// recorded. A log that writes newlines ahead has its reserve in these.
#[derive(Debug)]
struct Reserve(Option<PathBuf>);

/// How much: some thousand records.
const RESERVE_BYTES: usize = 8 * 1024 * 1024;

impl Reserve {
    /// Takes the room, if there is any.
    fn take(storage: &dyn Storage, path: PathBuf) -> Self {
        let fill = || {
            let file = storage.open(&path, 0o640)?;
            file.write_at(&vec![0; RESERVE_BYTES], 0)?;
            file.sync()
        };
        match fill() {
            Ok(()) => Self(Some(path)),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "no room can be reserved for a full disk");
                Self(None)
            }
        }
    }

    /// Gives the room up; whether there was any, and the write may be tried again.
    fn give_up(&mut self, storage: &dyn Storage, error: &AppendError) -> bool {
        let is_full =
            matches!(error, AppendError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull);
        match self.0.take_if(|_| is_full) {
            Some(path) => {
                tracing::error!("the disk is full: the audit log uses its reserve");
                storage.remove(&path).is_ok()
            }
            None => false,
        }
    }
}

/// How files of records are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segments {
    /// How large one grows.
    pub(crate) bytes: u64,
    /// How old its first record grows.
    pub(crate) age: Duration,
    /// Newlines are written ahead.
    pub(crate) fill: bool,
}

impl Segments {
    fn filled(self) -> u64 {
        if self.fill { self.bytes } else { 0 }
    }
}

/// Records that the operating system has, and how the head will be when they are on the disk.
#[derive(Debug)]
pub(crate) struct Pending {
    storage: Arc<dyn Storage>,
    new_files: Vec<NewFile>,
    files: Vec<(Arc<dyn File>, PathBuf)>,
    head: Head,
    text: String,
    key: Arc<Skey>,
    path: PathBuf,
}

impl Pending {
    /// Returns when they are on the disk, with the head as it will be.
    pub(crate) fn flush(self) -> Result<(Head, Done), AppendError> {
        flush_new(&*self.storage, &self.new_files)?;
        for (file, path) in &self.files {
            file.sync().map_err(failed("flush", path))?;
        }
        Ok((self.head, prepare(&self.key, &self.text, &self.path)))
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
