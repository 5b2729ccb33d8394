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
use serde_json::{Map, Value, json};

use crate::chain::{Chain, LINE_BYTES_MAX, Mode, Place, TENANTS_MAX};
use crate::entry::{AppendError, Entry, Kind, Receipt, SYSTEM_TENANT, ending};
use crate::growing::failed;
use crate::keys;
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::seal::Vault;
use crate::slot::{self, OpenError, Slot, Torn};
use crate::storage::{Disk, Storage};
use crate::tree::RootHash;
use crate::writer::{Batch, End, Writer};

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
    /// How long a signing key is in force. Its secret is destroyed afterwards.
    pub epoch: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            origin: "maais".to_owned(),
            head_dir: None,
            deadline: Duration::from_millis(250),
            segment_bytes: 64 * 1024 * 1024,
            epoch: Duration::from_secs(24 * 60 * 60),
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
    storage: Arc<dyn Storage>,
    layout: Layout,
    vault: Vault,
    epoch: Duration,
    state: Mutex<State>,
    /// Callers of a batch wait at one, those of the next at the other: nobody is woken in vain.
    changed: [Condvar; 2],
    _lock: File,
}

#[derive(Debug)]
struct State {
    /// After all records that were let in.
    chain: Chain,
    /// Let in, not yet written; and the number of that batch.
    waiting: Batch,
    batch: u64,
    /// Records that are on the disk, and the root over them.
    durable: (u64, RootHash),
    /// The number of the key in force, and since when it is.
    epoch: u64,
    since: Timestamp,
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
        let key = slot::signing_key(&*storage, &layout, &scan)?;
        let end = End { segment: scan.end.unwrap_or((0, 0)), bytes: scan.bytes, chain: &scan.chain };
        let writer = Writer::open(storage.clone(), layout.clone(), &end, key, options.segment_bytes);
        let writer = writer.map_err(|error| opening(&layout.dir, error))?;
        let log = Self {
            origin: scan.chain.origin().clone(),
            dir: layout.dir.clone(),
            deadline: options.deadline,
            process: std::process::id(),
            vault: Vault::new(storage.clone(), layout.clone()),
            storage,
            layout,
            epoch: options.epoch,
            state: Mutex::new(State {
                durable: (scan.chain.size(), scan.chain.tree().root()),
                epoch: scan.keys.epoch().unwrap_or(0),
                since: scan.keys.since().unwrap_or(Timestamp::MAX),
                chain: scan.chain,
                waiting: Batch::new(),
                batch: 0,
                writer: Some(writer),
                poisoned: None,
            }),
            changed: [Condvar::new(), Condvar::new()],
            _lock: lock,
        };
        torn.map_or(Ok(()), |torn| log.record_gap(&torn)).map_err(|error| opening(&log.dir, error))?;
        Ok(log)
    }

    /// Appends a record; when this returns `Ok`, it is on the disk.
    pub fn append(&self, entry: Entry<'_>) -> Result<Receipt, AppendError> {
        if entry.kind == Kind::Key {
            return Err(AppendError::Malformed { what: "keys change with `rotate_key` only".to_owned() });
        }
        self.check_process()?;
        let until = Instant::now() + self.deadline;
        let ending = ending(&entry)?;
        too_large(ending.len(), LINE_BYTES_MAX)?;
        let sealed = self.vault.lock_away(entry.subject, entry.sealed);
        let sealed = sealed.map_err(failed("seal a value in", &self.layout.private_dir()))?;
        too_large(sealed.len(), SEALED_BYTES_MAX)?;
        let mut state = self.state.try_lock_until(until).ok_or_else(|| self.timeout())?;
        if state.chain.size() == 0 {
            state.begin(entry.time)?;
        } else if state.is_over(entry.time, self.epoch) {
            state = self.hand_over(state, entry.time, until)?.0;
        }
        while state.waiting.is_full(ending.len() + sealed.len()) {
            let batch = state.batch;
            state = self.wait_or_write(state, batch, until)?;
        }
        let seat = state.let_in(&entry, &ending, &sealed)?;
        self.until_durable(state, seat, until).map(|(_, receipt)| receipt)
    }

    /// Puts a new signing key in force, and destroys the secret of the old one. Happens by itself once an
    /// [`Options::epoch`].
    pub fn rotate_key(&self, now: Timestamp) -> Result<Receipt, AppendError> {
        self.check_process()?;
        let until = Instant::now() + self.deadline;
        let state = self.state.try_lock_until(until).ok_or_else(|| self.timeout())?;
        self.hand_over(state, now, until).map(|(_, receipt)| receipt)
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
        self.state.lock().durable.0
    }

    /// Writes what waits, or, if another caller does so, waits until something has changed.
    fn wait_or_write<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        batch: u64,
        until: Instant,
    ) -> Result<MutexGuard<'a, State>, AppendError> {
        state.check()?;
        let Some(mut writer) = state.writer.take() else {
            let waited = self.condvar(batch).wait_until(&mut state, until);
            return if waited.timed_out() { Err(self.timeout()) } else { Ok(state) };
        };
        let number = state.batch;
        state.batch += 1;
        let mut batch = std::mem::replace(&mut state.waiting, Batch::new());
        batch.tree = state.chain.tree().clone();
        let durable = (batch.tree.size(), batch.tree.root());
        let result = MutexGuard::unlocked(&mut state, || writer.commit(batch));
        match &result {
            Ok(()) => {
                state.durable = durable;
                state.writer = Some(writer);
                // One of the next batch writes it.
                self.condvar(number + 1).notify_one();
            }
            Err(error) => {
                state.poisoned = Some(error.to_string().into());
                self.condvar(number + 1).notify_all();
            }
        }
        self.condvar(number).notify_all();
        result.map(|()| state)
    }

    /// Waits until the record is on the disk.
    fn until_durable<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        Seat { index, leaf, time, batch }: Seat,
        until: Instant,
    ) -> Result<(MutexGuard<'a, State>, Receipt), AppendError> {
        while state.durable.0 <= index {
            state = self.wait_or_write(state, batch, until)?;
        }
        let (size, root) = state.durable;
        Ok((state, Receipt { origin: self.origin.clone(), index, leaf, time, size, root }))
    }

    /// Ends the epoch: the next record puts a new key in force, and is the first that it signs for.
    fn hand_over<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        now: Timestamp,
        until: Instant,
    ) -> Result<(MutexGuard<'a, State>, Receipt), AppendError> {
        let dir = self.layout.signing_dir();
        let old = loop {
            match &state.writer {
                Some(writer) if state.waiting.lines.is_empty() => break writer.key(),
                _ => {
                    let batch = state.batch;
                    state = self.wait_or_write(state, batch, until)?;
                }
            }
        };
        let epoch = state.epoch + 1;
        let new =
            keys::make(&*self.storage, &dir, epoch, &self.origin).map_err(failed("make a key in", &dir))?;
        let body = keys::record(epoch, state.chain.tree(), old, &new);
        let entry = system_entry(Kind::Key, now, &body);
        let seat = state.let_in(&entry, &ending(&entry)?, &[])?;
        state.waiting.key = Some(new);
        (state.epoch, state.since) = (epoch, seat.time);
        let (state, receipt) = self.until_durable(state, seat, until)?;
        keys::keep_only(&*self.storage, &dir, epoch).map_err(failed("destroy a key in", &dir))?;
        Ok((state, receipt))
    }

    /// What an opened log records before anything else: what was cut off.
    fn record_gap(&self, torn: &Torn) -> Result<(), AppendError> {
        let body = Map::from_iter([
            ("cut".to_owned(), json!({"bytes": torn.bytes, "sha256": torn.sha256})),
            ("reason".to_owned(), json!("the end of the log was not written whole")),
        ]);
        self.append(system_entry(Kind::Gap, Timestamp::now(), &body)).map(drop)
    }

    fn check_process(&self) -> Result<(), AppendError> {
        match std::process::id() == self.process {
            true => Ok(()),
            false => {
                Err(AppendError::Poisoned { why: "this process is a fork of the one that opened it".into() })
            }
        }
    }

    fn condvar(&self, batch: u64) -> &Condvar {
        let [even, odd] = &self.changed;
        if batch.is_multiple_of(2) { even } else { odd }
    }

    fn timeout(&self) -> AppendError {
        AppendError::Timeout { deadline: self.deadline }
    }
}

fn system_entry(kind: Kind, time: Timestamp, body: &Map<String, Value>) -> Entry<'_> {
    Entry { kind, time, tenant: SYSTEM_TENANT, session: None, subject: SYSTEM_TENANT, body, sealed: &[] }
}

fn too_large(bytes: usize, max: usize) -> Result<(), AppendError> {
    if bytes > max { Err(AppendError::TooLarge { bytes, max }) } else { Ok(()) }
}

/// A record's place in the log.
#[derive(Debug, Clone, Copy)]
struct Seat {
    index: u64,
    leaf: LeafHash,
    time: Timestamp,
    /// The batch that it is written with.
    batch: u64,
}

impl State {
    /// Gives the record its place in the chain and puts it in the queue.
    fn let_in(&mut self, entry: &Entry<'_>, ending: &[u8], sealed: &[u8]) -> Result<Seat, AppendError> {
        self.check()?;
        if !self.chain.has_room_for(entry.tenant) {
            let what = format!("the log holds {TENANTS_MAX} tenants already");
            return Err(AppendError::Malformed { what });
        }
        let time = self.chain.time(entry.time);
        let place = Place { mode: Mode::Durable, tenant: entry.tenant, session: entry.session, time };
        let beginning = self.chain.beginning(place);
        let bytes = beginning.len() + ending.len();
        too_large(bytes, LINE_BYTES_MAX)?;
        let leaf = LeafHash::of_parts(&[&beginning, ending]);
        let seat = Seat { index: self.chain.size(), leaf, time, batch: self.batch };
        self.chain.accept(place, leaf);
        self.waiting.push(&[&beginning, ending], sealed);
        self.waiting.leaf = leaf;
        Ok(seat)
    }

    /// A log begins with its key.
    fn begin(&mut self, now: Timestamp) -> Result<(), AppendError> {
        self.check()?;
        let Some(key) = self.writer.as_ref().map(Writer::key) else { return Ok(()) };
        let body = keys::record(0, self.chain.tree(), key, key);
        let entry = system_entry(Kind::Key, now, &body);
        self.since = self.let_in(&entry, &ending(&entry)?, &[])?.time;
        Ok(())
    }

    /// Whether the key has been in force for so long.
    fn is_over(&self, now: Timestamp, epoch: Duration) -> bool {
        Duration::try_from(now.duration_since(self.since)).is_ok_and(|age| age >= epoch)
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
