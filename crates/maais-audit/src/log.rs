//! The log that a process writes: one line a record, on the disk before the caller gets its answer.
//!
//! Callers that come at the same time share one flush: the first writes for all who queued up meanwhile,
//! then hands over. Trusted: this process. Not trusted: the disk, and who else can write there. Any failed
//! write or flush closes the log until it is opened, and thereby checked, again: after a failed fsync
//! nobody knows what is on the disk, and asking again gets a wrong answer.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::{Condvar, Mutex, MutexGuard};
use serde_json::{Map, json};

use crate::chain::{Chain, LINE_BYTES_MAX, Mode, Place, TENANTS_MAX};
use crate::entry::{AppendError, Entry, Kind, Receipt, SYSTEM_TENANT, ending};
use crate::head::Head;
use crate::leaf::LeafHash;
use crate::seal::Vault;
use crate::slot::{self, OpenError, Slot, Torn};
use crate::storage::{Disk, Storage};
use crate::writer::{Batch, Writer};

/// Sealed values of one record, encrypted.
const SEALED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How to open a log.
#[derive(Debug, Clone)]
pub struct Options {
    /// The deployment: the first part of a new log's name, the second is random.
    pub origin: String,
    /// Where the heads are; `HOME/head` if not given. Better on another disk or under another user.
    pub head_dir: Option<PathBuf>,
    /// How long a caller waits for others before it gets [`AppendError::Timeout`]. The one that writes for
    /// all waits for the disk itself.
    pub deadline: Duration,
    /// How large a file of records grows before the next one is begun.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            origin: "maais".to_owned(),
            head_dir: None,
            deadline: Duration::from_millis(250),
            segment_bytes: 64 * 1024 * 1024,
        }
    }
}

/// An open log. Dropping it frees its slot.
#[derive(Debug)]
pub struct Log {
    origin: Arc<str>,
    dir: PathBuf,
    deadline: Duration,
    /// A forked child has a copy of all this, but not the right to write.
    process: u32,
    vault: Vault,
    state: Mutex<State>,
    changed: Condvar,
    _lock: File,
}

#[derive(Debug)]
struct State {
    /// After all records that were let in.
    chain: Chain,
    /// Let in, not yet written.
    waiting: Batch,
    /// Records that are on the disk.
    durable: u64,
    /// Whoever has taken it writes for all; the others wait.
    writer: Option<Writer>,
    /// Why nothing may be written any more.
    poisoned: Option<Arc<str>>,
}

impl Log {
    /// Opens the first log under `home` that no process writes, checks it whole, and continues it.
    pub fn open(home: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(Disk), home, options)
    }

    /// The same on another storage, for tests.
    pub fn open_on(storage: Arc<dyn Storage>, home: &Path, options: Options) -> Result<Self, OpenError> {
        let Slot { lock, layout, scan, torn } =
            slot::take(&*storage, home, options.head_dir.as_deref(), &options.origin)?;
        let (origin, size) = (scan.chain.origin().clone(), scan.chain.size());
        let head = Head { bytes: scan.bytes, leaf: scan.chain.leaf(), origin: origin.to_string(), size };
        let end = scan.end.unwrap_or((0, 0));
        let dir = layout.dir.clone();
        let writer = Writer::open(storage.clone(), layout.clone(), end, head, options.segment_bytes)
            .map_err(|error| opening(&dir, error))?;
        let log = Self {
            origin,
            dir: dir.clone(),
            deadline: options.deadline,
            process: std::process::id(),
            vault: Vault::new(storage, layout),
            state: Mutex::new(State {
                chain: scan.chain,
                waiting: Batch::new(),
                durable: size,
                writer: Some(writer),
                poisoned: None,
            }),
            changed: Condvar::new(),
            _lock: lock,
        };
        torn.map_or(Ok(()), |torn| log.record_gap(&torn)).map_err(|error| opening(&dir, error))?;
        Ok(log)
    }

    /// Appends a record; when this returns `Ok`, it is on the disk.
    pub fn append(&self, entry: Entry<'_>) -> Result<Receipt, AppendError> {
        if std::process::id() != self.process {
            return Err(AppendError::Poisoned {
                why: "this process is a fork of the one that opened it".into(),
            });
        }
        let until = Instant::now() + self.deadline;
        let ending = ending(&entry)?;
        if ending.len() > LINE_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes: ending.len(), max: LINE_BYTES_MAX });
        }
        let sealed = self.vault.lock_away(entry.subject, entry.sealed).map_err(|source| AppendError::Io {
            doing: "seal a value in",
            path: self.dir.join("priv"),
            source,
        })?;
        if sealed.len() > SEALED_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes: sealed.len(), max: SEALED_BYTES_MAX });
        }
        let mut state = self.state.try_lock_until(until).ok_or_else(|| self.timeout())?;
        while state.waiting.is_full(ending.len() + sealed.len()) {
            state = self.wait_or_write(state, until)?;
        }
        let receipt = state.let_in(&entry, &ending, &sealed)?;
        while state.durable <= receipt.index {
            state = self.wait_or_write(state, until)?;
        }
        Ok(receipt)
    }

    /// The log's name: `deployment/replica`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The log's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How many records are on the disk.
    pub fn size(&self) -> u64 {
        self.state.lock().durable
    }

    /// Writes what waits, or, if another caller does so, waits until something has changed.
    fn wait_or_write<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        until: Instant,
    ) -> Result<MutexGuard<'a, State>, AppendError> {
        state.check()?;
        let Some(mut writer) = state.writer.take() else {
            let waited = self.changed.wait_until(&mut state, until);
            return if waited.timed_out() { Err(self.timeout()) } else { Ok(state) };
        };
        let batch = std::mem::replace(&mut state.waiting, Batch::new());
        let result = MutexGuard::unlocked(&mut state, || writer.commit(&batch));
        match &result {
            Ok(()) => {
                state.durable = batch.size;
                state.writer = Some(writer);
            }
            Err(error) => state.poisoned = Some(error.to_string().into()),
        }
        self.changed.notify_all();
        result.map(|()| state)
    }

    fn timeout(&self) -> AppendError {
        AppendError::Timeout { deadline: self.deadline }
    }

    fn record_gap(&self, torn: &Torn) -> Result<(), AppendError> {
        let body = Map::from_iter([
            ("cut".to_owned(), json!({"bytes": torn.bytes, "sha256": torn.sha256})),
            ("reason".to_owned(), json!("the last line was not written to its end")),
        ]);
        let entry = Entry {
            kind: Kind::Gap,
            time: Timestamp::now(),
            tenant: SYSTEM_TENANT,
            session: None,
            subject: SYSTEM_TENANT,
            body: &body,
            sealed: &[],
        };
        self.append(entry).map(drop)
    }
}

impl State {
    /// Gives the record its place in the chain and puts it in the queue.
    fn let_in(&mut self, entry: &Entry<'_>, ending: &[u8], sealed: &[u8]) -> Result<Receipt, AppendError> {
        self.check()?;
        if !self.chain.has_room_for(entry.tenant) {
            let what = format!("the log holds {TENANTS_MAX} tenants already");
            return Err(AppendError::Malformed { what });
        }
        let time = self.chain.time(entry.time);
        let place = Place { mode: Mode::Durable, tenant: entry.tenant, session: entry.session, time };
        let beginning = self.chain.beginning(place);
        let bytes = beginning.len() + ending.len();
        if bytes > LINE_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes, max: LINE_BYTES_MAX });
        }
        let leaf = LeafHash::of_parts(&[&beginning, ending]);
        let receipt = Receipt { origin: self.chain.origin().clone(), index: self.chain.size(), leaf, time };
        self.chain.accept(place, leaf);
        self.waiting.push(&[&beginning, ending], sealed);
        self.waiting.size = self.chain.size();
        self.waiting.leaf = leaf;
        Ok(receipt)
    }

    fn check(&self) -> Result<(), AppendError> {
        self.poisoned.clone().map_or(Ok(()), |why| Err(AppendError::Poisoned { why }))
    }
}

fn opening(dir: &Path, error: AppendError) -> OpenError {
    match error {
        AppendError::Io { doing, path, source } => OpenError::Io { doing, path, source },
        other => slot::failed("append to", dir)(std::io::Error::other(other)),
    }
}
