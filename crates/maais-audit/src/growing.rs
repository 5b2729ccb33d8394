//! A file that grows at its end, record by record, each batch flushed before the next.
//!
//! A long-lived log writes newlines ahead of its records: then a flush moves data only, and neither the
//! file's length nor its blocks, which takes the peaks off its duration. The newlines are also the reserve
//! from which denials are recorded when the disk is full. Records go where no newline is being written:
//! the one thread that fills and the one that appends never meet.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use crate::entry::AppendError;
use crate::storage::{File, Storage};

/// Appends after which a file is filled ahead: short-lived processes need not pay for it.
const FILL_AFTER: u32 = 8;

/// Filled at once when nothing is ahead, and flushed at a time later.
const PIECE: u64 = 256 * 1024;

/// Filled in one go, in the background, when less than half of it is left.
const AHEAD: u64 = 8 * 1024 * 1024;

/// A file and where it ends.
#[derive(Debug)]
pub(crate) struct Growing {
    storage: Arc<dyn Storage>,
    file: Arc<dyn File>,
    path: PathBuf,
    mode: u32,
    end: u64,
    fill: Fill,
}

/// How far newlines reach, and who writes more of them.
#[derive(Debug)]
struct Fill {
    /// Newlines are on the disk up to here; the background thread moves it.
    upto: Arc<AtomicU64>,
    running: Option<JoinHandle<io::Result<()>>>,
    appends: u32,
    /// No newlines beyond this place; 0 for none at all.
    limit: u64,
}

impl Growing {
    /// Takes over a file that ends here: what lies behind is cut off. Newlines are written ahead up to
    /// `limit`.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        path: PathBuf,
        end: u64,
        mode: u32,
        limit: u64,
    ) -> Result<Self, AppendError> {
        let mut growing = Self::unflushed(storage, path, end, mode)?;
        growing.fill.limit = limit;
        growing.flush()?;
        let dir = growing.path.parent().unwrap_or(&growing.path);
        growing.storage.sync_dir(dir).map_err(failed("flush", dir))?;
        Ok(growing)
    }

    /// The same without newlines ahead, and without waiting for the disk: that is left to whoever has
    /// [`Growing::new_file`].
    pub(crate) fn unflushed(
        storage: Arc<dyn Storage>,
        path: PathBuf,
        end: u64,
        mode: u32,
    ) -> Result<Self, AppendError> {
        let file: Arc<dyn File> = storage.open(&path, mode).map_err(failed("open", &path))?.into();
        file.set_len(end).map_err(failed("cut", &path))?;
        let fill = Fill { upto: Arc::new(AtomicU64::new(end)), running: None, appends: 0, limit: 0 };
        Ok(Self { storage, file, path, mode, end, fill })
    }

    /// The file once more, and its folder.
    pub(crate) fn new_file(&self) -> Result<(Box<dyn File>, PathBuf), AppendError> {
        let file = self.storage.open(&self.path, self.mode).map_err(failed("open", &self.path))?;
        Ok((file, self.path.parent().unwrap_or(&self.path).to_owned()))
    }

    /// Where the next byte goes.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Returns when the bytes are on the disk.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), AppendError> {
        self.write(bytes)?;
        self.flush()
    }

    /// Returns when the operating system has the bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), AppendError> {
        self.make_room(bytes.len() as u64).map_err(failed("fill", &self.path))?;
        self.file.write_at(bytes, self.end).map_err(failed("write", &self.path))?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Returns when everything that was written is on the disk.
    pub(crate) fn flush(&mut self) -> Result<(), AppendError> {
        self.file.sync().map_err(failed("flush", &self.path))
    }

    /// The file and its name, to be flushed elsewhere.
    pub(crate) fn handle(&self) -> (Arc<dyn File>, PathBuf) {
        (self.file.clone(), self.path.clone())
    }

    /// Takes the newlines behind the last record away again. Nothing depends on it.
    pub(crate) fn trim(&mut self) -> Result<(), AppendError> {
        self.wait().map_err(failed("fill", &self.path))?;
        if self.fill.upto.load(Ordering::Acquire) > self.end {
            self.file.set_len(self.end).map_err(failed("cut", &self.path))?;
        }
        Ok(())
    }

    /// Sees to it that the next `bytes` are out of the filling thread's way, and that newlines are ahead.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let next = self.end + bytes;
        let is_short = next > self.fill.upto.load(Ordering::Acquire);
        if self.fill.running.as_ref().is_some_and(|thread| is_short || thread.is_finished()) {
            self.wait()?;
        }
        self.fill.appends = self.fill.appends.saturating_add(1);
        let upto = self.fill.upto.load(Ordering::Acquire).max(self.end);
        let is_ahead = upto >= next + AHEAD / 2 || upto >= self.fill.limit;
        if self.fill.appends < FILL_AFTER || is_ahead || self.fill.running.is_some() {
            return Ok(());
        }
        self.fill_from(upto, next)
    }

    /// At first a little, at once; then more in the background.
    fn fill_from(&mut self, mut upto: u64, next: u64) -> io::Result<()> {
        let limit = self.fill.limit;
        if upto <= next {
            let to = (next + PIECE).min(limit.max(next));
            if !is_full(fill(&*self.file, upto, to))? {
                self.fill.limit = 0;
                return Ok(());
            }
            self.fill.upto.store(to, Ordering::Release);
            upto = to;
        }
        if upto >= limit {
            return Ok(());
        }
        let file = self.storage.open(&self.path, self.mode)?;
        let (shared, to) = (self.fill.upto.clone(), (upto + AHEAD).min(limit));
        let work = move || fill_in_pieces(&*file, &shared, upto, to);
        self.fill.running = Some(thread::Builder::new().name("maais-audit-fill".to_owned()).spawn(work)?);
        Ok(())
    }

    /// Waits for the filling thread. A full disk ends the filling, not the log.
    fn wait(&mut self) -> io::Result<()> {
        let Some(thread) = self.fill.running.take() else { return Ok(()) };
        let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("the filling thread panicked")));
        if !is_full(result)? {
            self.fill.limit = 0;
        }
        Ok(())
    }
}

fn fill_in_pieces(file: &dyn File, shared: &AtomicU64, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let next = (at + PIECE).min(to);
        fill(file, at, next)?;
        shared.store(next, Ordering::Release);
        at = next;
    }
    Ok(())
}

fn fill(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    let length = usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?;
    file.write_at(&vec![b'\n'; length], from)?;
    file.sync()
}

/// Whether all was filled; `false` if the disk has no room.
fn is_full(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AppendError {
    move |source| AppendError::Io { doing, path: path.to_owned(), source }
}
