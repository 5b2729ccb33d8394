//! The log that a process writes: one line a record, on the disk before the caller gets its answer.
//!
//! Callers that come at the same time share one flush, and wait for it no longer than their deadline. Trusted: this process. Not trusted: the disk, and who else can write there. Any failed
//! write or flush closes the log until it is opened, and thereby checked, again: after a failed fsync
//! nobody knows what is on the disk, and asking again gets a wrong answer.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::MutexGuard;
use serde_json::{Map, Value, json};

use crate::chain::LINE_BYTES_MAX;
use crate::compress;
use crate::entry::{AppendError, Entry, Kind, Receipt, ending, system_entry};
use crate::flush::Flusher;
use crate::growing::failed;
use crate::keys;
use crate::layout::{Layout, SLOTS_MAX};
use crate::prune::{self, PruneError, Pruned};
use crate::queue::{BatchOutcome, Durability, Queue, Seat, State};
use crate::redact::{self, Found, Intent, RedactError, Redaction};
use crate::seal::{Locked, Vault};
use crate::slot::{self, OpenError, Slot, Torn};
use crate::storage::{Disk, Storage};
use crate::tree::RootHash;
use crate::writer::{Batch, End, Segments, Writer};

/// Sealed values of one record, encrypted.
const SEALED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How to open a log.
#[derive(Debug, Clone)]
pub struct Options {
    /// The deployment: the first part of a new log's name, the second is random.
    pub origin: String,
    /// Where the heads are; `HOME/head` if not given. Better on another disk or under another user.
    pub head_dir: Option<PathBuf>,
    /// How long a caller waits before it gets [`AppendError::Timeout`].
    pub deadline: Duration,
    /// When a caller gets its answer.
    pub durability: Durability,
    /// How large a file of records grows before the next one is begun.
    pub segment_bytes: u64,
    /// How old the first record in a file grows before the next file is begun: whole files are compressed and pruned.
    pub segment_age: Duration,
    /// How long a signing key is in force. Its secret is destroyed afterwards.
    pub epoch: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            origin: "maais".to_owned(),
            head_dir: None,
            deadline: Duration::from_millis(250),
            durability: Durability::Durable,
            segment_bytes: 64 * 1024 * 1024,
            segment_age: Duration::from_secs(24 * 60 * 60),
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
    queue: Arc<Queue>,
    flusher: Flusher,
}

impl Log {
    /// Opens the first log under `home` that no process writes, checks it whole, and continues it.
    pub fn open(home: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(Disk), home, options)
    }

    /// The same on another storage, for tests.
    pub fn open_on(storage: Arc<dyn Storage>, home: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_slots(storage, home, options, 0..SLOTS_MAX)
    }

    /// The first of these slots that no process writes.
    fn open_slots(
        storage: Arc<dyn Storage>,
        home: &Path,
        options: Options,
        slots: Range<u32>,
    ) -> Result<Self, OpenError> {
        let Slot { lock, layout, scan, torn, redactions } =
            slot::take(&*storage, home, options.head_dir.as_deref(), &options.origin, slots)?;
        let key = Arc::new(slot::signing_key(&*storage, &layout, &scan)?);
        let end = End {
            segment: scan.end.unwrap_or((0, 0)),
            begun: scan.begun,
            bytes: scan.bytes,
            chain: &scan.chain,
        };
        // What is buffered goes too fast for newlines to be ahead of it.
        let segments = Segments {
            bytes: options.segment_bytes,
            age: options.segment_age,
            fill: !options.durability.is_buffered(),
        };
        let writer = Writer::open(storage.clone(), layout.clone(), &end, key.clone(), segments);
        let writer = writer.map_err(|error| opening(&layout.dir, error))?;
        let state = State {
            durable: (scan.chain.size(), scan.chain.tree().root()),
            epoch: scan.keys.epoch().unwrap_or(0),
            since: scan.keys.since().unwrap_or(Timestamp::MAX),
            chain: scan.chain,
            waiting: Batch::new(),
            in_flight: None,
            key,
            writer: Some(writer),
            rolled: scan.rolled.unwrap_or(Timestamp::MAX),
            hurry: false,
            closing: false,
            poisoned: None,
        };
        let origin = state.chain.origin().clone();
        let queue = Arc::new(Queue::new(options.durability, state));
        let flusher =
            Flusher::start(queue.clone(), lock).map_err(slot::failed("start a thread for", &layout.dir))?;
        let log = Self {
            origin,
            dir: layout.dir.clone(),
            deadline: options.deadline,
            process: std::process::id(),
            vault: Vault::new(layout.clone()),
            storage,
            layout,
            epoch: options.epoch,
            queue,
            flusher,
        };
        log.finish_erasing(&redactions)?;
        torn.map_or(Ok(()), |torn| log.record_gap(&torn)).map_err(|error| opening(&log.dir, error))?;
        Ok(log)
    }

    /// Appends a record; when this returns `Ok`, it is on the disk, or, if records are buffered, with the operating
    /// system.
    pub fn append(&self, entry: Entry<'_>) -> Result<Receipt, AppendError> {
        if matches!(entry.kind, Kind::Key | Kind::Roll | Kind::Pruning | Kind::Redaction) {
            let what = format!("only the log itself writes `{}` records", entry.kind);
            return Err(AppendError::Malformed { what });
        }
        self.check_process()?;
        let ending = ending(&entry)?;
        too_large(ending.len(), LINE_BYTES_MAX)?;
        let use_of_keys = (!entry.sealed.is_empty()).then(|| self.vault.use_of_keys.read());
        let sealed = self.vault.lock_away(entry.subject, entry.sealed);
        let sealed = sealed.map_err(failed("seal a value in", &self.layout.private_dir()))?;
        too_large(sealed.lines.len(), SEALED_BYTES_MAX)?;
        let bytes = ending.len() + sealed.lines.len();
        // Spelling and sealing a large record takes its time; what may not take longer is the waiting.
        let until = Instant::now() + self.deadline;
        let mut state = self.turn(bytes, until)?;
        if state.chain.size() == 0 {
            self.queue.begin(&mut state, entry.time)?;
        } else if state.is_over(entry.time, self.epoch) {
            self.hand_over(state, entry.time, until)?;
            state = self.turn(bytes, until)?;
        }
        if state.is_roll_due(entry.time) {
            self.queue.call_roll(&mut state, entry.time)?;
        }
        let seat = self.queue.let_in(&mut state, &entry, &ending, sealed)?;
        drop(state);
        drop(use_of_keys);
        match self.queue.durability {
            Durability::Durable => self.until_durable(seat, until),
            Durability::Buffered { .. } => Ok(self.receipt(&seat, None)),
        }
    }

    /// Puts a new signing key in force, and destroys the secret of the old one. Happens by itself once an
    /// [`Options::epoch`].
    pub fn rotate_key(&self, now: Timestamp) -> Result<Receipt, AppendError> {
        self.check_process()?;
        let until = Instant::now() + self.deadline;
        let state = self.turn(0, until)?;
        self.hand_over(state, now, until)
    }

    /// Writes down where the chains of all tenants end, so that an extract is complete up to here. Happens by
    /// itself once an hour.
    pub fn call_roll(&self, now: Timestamp) -> Result<Receipt, AppendError> {
        self.check_process()?;
        let until = Instant::now() + self.deadline;
        let mut state = self.turn(0, until)?;
        if state.chain.size() == 0 {
            self.queue.begin(&mut state, now)?;
        }
        let seat = self.queue.call_roll(&mut state, now)?;
        self.queue.hurry(&mut state);
        drop(state);
        self.until_durable(seat, until)
    }

    /// Removes the records from before `before`, as far as whole segments allow, with a record of it, and keeps what
    /// proofs of the others need. `basis` says on what ground, `by` who ordered it.
    pub fn prune(
        &self,
        before: Timestamp,
        basis: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Pruned, PruneError> {
        self.check_process()?;
        let io = |source| PruneError::Io { path: self.dir.clone(), source };
        let _alone = compress::lock(&self.layout).map_err(PruneError::from)?;
        let Some(mut pruned) = prune::reach(&self.layout, before).map_err(io)? else {
            return Pruned::nothing(&self.origin, &self.layout).map_err(io);
        };
        let mut body = prune::prepare(&*self.storage, &self.layout, pruned.first)?;
        body.insert("basis".to_owned(), Value::from(basis));
        body.insert("by".to_owned(), Value::from(by));
        let entry = system_entry(Kind::Pruning, now, &body);
        let ending = ending(&entry)?;
        let until = Instant::now() + self.deadline;
        let mut state = self.turn(ending.len(), until)?;
        let seat = self.queue.let_in(&mut state, &entry, &ending, Locked::default())?;
        self.queue.hurry(&mut state);
        drop(state);
        pruned.index = Some(self.until_durable(seat, until)?.index);
        pruned.bytes = prune::carry_out(&*self.storage, &self.layout, pruned.first).map_err(io)?;
        Ok(pruned)
    }

    /// Does the same in every log of a data directory, none of which may be being written.
    pub fn prune_all(
        home: &Path,
        head_dir: Option<&Path>,
        before: Timestamp,
        basis: &str,
        by: &str,
    ) -> Result<Vec<Pruned>, PruneError> {
        let mut done = Vec::new();
        for slot in 0..SLOTS_MAX {
            let layout = Layout::new(home, head_dir, slot);
            let io = |source| PruneError::Io { path: layout.dir.clone(), source };
            if !layout.origin().is_file() || prune::reach(&layout, before).map_err(io)?.is_none() {
                continue;
            }
            let options = Options { head_dir: head_dir.map(Path::to_owned), ..Options::default() };
            let log = match Self::open_slots(Arc::new(Disk), home, options, slot..slot + 1) {
                Err(OpenError::NoFreeSlot { .. }) => return Err(PruneError::Locked { dir: layout.dir }),
                log => log?,
            };
            done.push(log.prune(before, basis, by, Timestamp::now())?);
        }
        Ok(done)
    }

    /// Erases what was sealed for a subject, such as an agent: destroys its key and overwrites its values, with a
    /// record of it. `basis` says on what ground, `by` who ordered it. Proofs and hashes stay as they are. What comes
    /// for the subject later gets a new key.
    pub fn redact(
        &self,
        subject: &str,
        basis: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Redaction, RedactError> {
        self.check_process()?;
        let subject = redact::subject_digest(subject);
        let until = Instant::now() + self.deadline;
        // Nobody has a record on its way with a value under the key that goes.
        let _alone = self.vault.use_of_keys.write();
        self.drain(until)?;
        let private = self.layout.private_dir();
        let io = |source| RedactError::Io { path: private.clone(), source };
        let found = Found::of(&self.layout, &subject).map_err(io)?;
        let body = found.record(&subject, basis, by);
        let entry = system_entry(Kind::Redaction, now, &body);
        let ending = ending(&entry)?;
        let mut state = self.turn(ending.len(), until)?;
        if state.chain.size() == 0 {
            self.queue.begin(&mut state, now)?;
        }
        let intent = Intent { subject: subject.clone(), index: state.chain.size() };
        intent.write(&*self.storage, &self.layout).map_err(io)?;
        let seat = self.queue.let_in(&mut state, &entry, &ending, Locked::default())?;
        self.queue.hurry(&mut state);
        drop(state);
        let index = self.until_durable(seat, until)?.index;
        redact::erase(&*self.storage, &self.layout, &subject)?;
        self.vault.forget(&subject);
        Intent::end(&*self.storage, &self.layout).map_err(io)?;
        Ok(Redaction { origin: self.origin.to_string(), index, records: found.records, values: found.values })
    }

    /// Does the same in every log of a data directory, none of which may be being written. Logs that hold nothing of
    /// the subject are left alone.
    pub fn redact_all(
        home: &Path,
        head_dir: Option<&Path>,
        subject: &str,
        basis: &str,
        by: &str,
    ) -> Result<Vec<Redaction>, RedactError> {
        let digest = redact::subject_digest(subject);
        let mut done = Vec::new();
        for slot in 0..SLOTS_MAX {
            let layout = Layout::new(home, head_dir, slot);
            let io = |source| RedactError::Io { path: layout.dir.clone(), source };
            let has_key = layout.keys_dir().join(&digest).exists();
            if !layout.origin().is_file()
                || (!has_key && Found::of(&layout, &digest).map_err(io)?.values == 0)
            {
                continue;
            }
            let options = Options { head_dir: head_dir.map(Path::to_owned), ..Options::default() };
            let log = match Self::open_slots(Arc::new(Disk), home, options, slot..slot + 1) {
                Err(OpenError::NoFreeSlot { .. }) => return Err(RedactError::Locked { dir: layout.dir }),
                log => log?,
            };
            done.push(log.redact(subject, basis, by, Timestamp::now())?);
        }
        Ok(done)
    }

    /// Waits until everything that was let in is on the disk.
    fn drain(&self, until: Instant) -> Result<(), AppendError> {
        loop {
            let mut state = self.queue.state.try_lock_until(until).ok_or_else(|| self.timeout())?;
            state.check()?;
            let outcome = match &state.in_flight {
                Some((outcome, _)) => outcome.clone(),
                None if state.waiting.is_empty() => return Ok(()),
                None => {
                    self.queue.hurry(&mut state);
                    state.waiting.outcome.clone()
                }
            };
            drop(state);
            self.wait(&outcome, until)?;
        }
    }

    /// An erasure that a crash interrupted: if its record is in the log, it is finished; else nothing has happened.
    fn finish_erasing(&self, redactions: &[u64]) -> Result<(), OpenError> {
        let private = self.layout.private_dir();
        let Some(intent) = Intent::read(&self.layout).map_err(slot::failed("read", &private))? else {
            return Ok(());
        };
        if redactions.contains(&intent.index) {
            let erased = redact::erase(&*self.storage, &self.layout, &intent.subject);
            erased.map_err(|error| slot::failed("erase in", &private)(std::io::Error::other(error)))?;
        }
        Intent::end(&*self.storage, &self.layout).map_err(slot::failed("erase in", &private))
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
        self.queue.state.lock().durable.0
    }

    /// Waits for the disk.
    fn wait(&self, outcome: &BatchOutcome, until: Instant) -> Result<(u64, RootHash), AppendError> {
        match outcome.wait(until) {
            None => Err(self.timeout()),
            Some(Err(why)) => Err(AppendError::Poisoned { why }),
            Some(Ok(durable)) => Ok(durable),
        }
    }

    /// Waits until the record is on the disk.
    fn until_durable(&self, seat: Seat, until: Instant) -> Result<Receipt, AppendError> {
        let signed = self.wait(&seat.outcome, until)?;
        Ok(self.receipt(&seat, Some(signed)))
    }

    fn receipt(&self, seat: &Seat, signed: Option<(u64, RootHash)>) -> Receipt {
        let Seat { index, leaf, time, .. } = *seat;
        Receipt { origin: self.origin.clone(), index, leaf, time, signed }
    }

    /// The order of everything, for a record of so many bytes: whoever has it may let one in.
    fn turn(&self, bytes: usize, until: Instant) -> Result<MutexGuard<'_, State>, AppendError> {
        loop {
            let state = self.queue.state.try_lock_until(until).ok_or_else(|| self.timeout())?;
            state.check()?;
            if let Durability::Buffered { within } = self.queue.durability
                && state.oldest().is_some_and(|since| since.elapsed() > within + self.deadline)
            {
                return Err(self.timeout());
            }
            // Buffered records go into the file at once: while it is changed, there is none.
            let changing = state.in_flight.as_ref().filter(|_| state.writer.is_none());
            let outcome = match changing.filter(|_| self.queue.durability.is_buffered()) {
                Some((outcome, _)) => outcome.clone(),
                None if !state.waiting.is_full(bytes) => return Ok(state),
                None => state.waiting.outcome.clone(),
            };
            drop(state);
            self.wait(&outcome, until)?;
        }
    }

    /// Ends the epoch: the next record puts a new key in force, and is the first that it signs for.
    fn hand_over(
        &self,
        mut state: MutexGuard<'_, State>,
        now: Timestamp,
        until: Instant,
    ) -> Result<Receipt, AppendError> {
        let dir = self.layout.signing_dir();
        let epoch = state.epoch + 1;
        let new =
            keys::make(&*self.storage, &dir, epoch, &self.origin).map_err(failed("make a key in", &dir))?;
        let body = keys::record(epoch, state.chain.tree(), &state.key, &new);
        let entry = system_entry(Kind::Key, now, &body);
        let seat = self.queue.let_in(&mut state, &entry, &ending(&entry)?, Locked::default())?;
        let new = Arc::new(new);
        state.waiting.key = Some(new.clone());
        (state.key, state.epoch, state.since) = (new, epoch, seat.time);
        self.queue.hurry(&mut state);
        drop(state);
        let receipt = self.until_durable(seat, until)?;
        keys::keep_only(&*self.storage, &dir, epoch).map_err(failed("destroy a key in", &dir))?;
        Ok(receipt)
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

    fn timeout(&self) -> AppendError {
        AppendError::Timeout { deadline: self.deadline }
    }
}

fn too_large(bytes: usize, max: usize) -> Result<(), AppendError> {
    if bytes > max { Err(AppendError::TooLarge { bytes, max }) } else { Ok(()) }
}

impl Drop for Log {
    fn drop(&mut self) {
        if std::process::id() != self.process {
            return self.flusher.forget();
        }
        self.queue.close();
        self.flusher.end();
    }
}

fn opening(dir: &Path, error: AppendError) -> OpenError {
    match error {
        AppendError::Io { doing, path, source } => OpenError::Io { doing, path, source },
        other => slot::failed("append to", dir)(std::io::Error::other(other)),
    }
}
