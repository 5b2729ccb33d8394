//! Records that were let in and wait for the disk.
//!
//! Everything that has an order is here, under one lock: the chain, the tree, the batch. Never more than one
//! batch waits while one is written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::chain::{BEGINNING_BYTES, Chain, LINE_BYTES_MAX, Link, Mode, Place, TENANTS_MAX};
use crate::entry::{AppendError, Entry, Kind, ending, system_entry};
use crate::keys;
use crate::leaf::LeafHash;
use crate::note::Skey;
use crate::seal::Locked;
use crate::signal::Signal;
use crate::tree::RootHash;
use crate::writer::{Batch, Writer};

/// A busy log says so often where the chains of its tenants end.
const ROLL_EVERY: Duration = Duration::from_secs(60 * 60);

/// When a caller gets its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When the record is on the disk: it survives a power cut.
    #[default]
    Durable,
    /// When the operating system has the record: it survives the death of the process, and a power cut after
    /// this time. A record says so in its `_mode`.
    Buffered {
        /// Within which it is on the disk. If the disk does not keep up, callers are refused.
        within: Duration,
    },
}

impl Durability {
    pub(crate) fn is_buffered(self) -> bool {
        matches!(self, Self::Buffered { .. })
    }

    pub(crate) fn mode(self) -> Mode {
        if self.is_buffered() { Mode::Buffered } else { Mode::Durable }
    }

    /// How long the writing thread lets records wait for others.
    pub(crate) fn linger(self) -> Duration {
        match self {
            Self::Durable => Duration::ZERO,
            Self::Buffered { within } => within / 2,
        }
    }
}

/// Size of the tree on the disk, and its root; or why the records are not there.
type Flushed = Result<(u64, RootHash), Arc<str>>;

/// What became of a batch.
///
/// The standard library's condition variable wakes all who wait at once; others wake each by the one before it,
/// which takes longer than the flush.
#[derive(Debug, Default)]
pub(crate) struct BatchOutcome {
    flushed: std::sync::Mutex<Option<Flushed>>,
    changed: std::sync::Condvar,
}

impl BatchOutcome {
    pub(crate) fn set(&self, flushed: Flushed) {
        *self.flushed.lock().unwrap_or_else(PoisonError::into_inner) = Some(flushed);
        self.changed.notify_all();
    }

    /// Waits for it; `None` when it is too late.
    pub(crate) fn wait(&self, until: Instant) -> Option<Flushed> {
        let mut flushed = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        while flushed.is_none() {
            let left = until.checked_duration_since(Instant::now())?;
            (flushed, _) = self.changed.wait_timeout(flushed, left).unwrap_or_else(PoisonError::into_inner);
        }
        flushed.clone()
    }
}

/// Where callers and the writing thread meet.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) durability: Durability,
    pub(crate) state: Mutex<State>,
    /// Something waits to be written.
    pub(crate) work: Signal,
    /// How many records wait, to be read without the lock.
    queued: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct State {
    /// After all records that were let in.
    pub(crate) chain: Chain,
    /// Let in, not yet written.
    pub(crate) waiting: Batch,
    /// Being written, and since when its first record waits.
    pub(crate) in_flight: Option<(Arc<BatchOutcome>, Option<Instant>)>,
    /// Records that are on the disk, and the root over them.
    pub(crate) durable: (u64, RootHash),
    /// The key in force for what is let in next, its number, and since when it is.
    pub(crate) key: Arc<Skey>,
    pub(crate) epoch: u64,
    pub(crate) since: Timestamp,
    /// With the writing thread while it writes.
    pub(crate) writer: Option<Writer>,
    /// Somebody cannot wait for the next flush in its time.
    pub(crate) hurry: bool,
    /// The time of the last roll, or of the first record.
    pub(crate) rolled: Timestamp,
    /// The log is being dropped.
    pub(crate) closing: bool,
    /// Why nothing may be written any more.
    pub(crate) poisoned: Option<Arc<str>>,
}

/// A record's place in the log.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) index: u64,
    pub(crate) leaf: LeafHash,
    pub(crate) time: Timestamp,
    /// The batch that it is written with.
    pub(crate) outcome: Arc<BatchOutcome>,
}

impl Queue {
    pub(crate) fn new(durability: Durability, state: State) -> Self {
        Self { durability, state: Mutex::new(state), work: Signal::default(), queued: AtomicU64::new(0) }
    }

    pub(crate) fn queued(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }

    pub(crate) fn set_queued(&self, records: u64) {
        self.queued.store(records, Ordering::Relaxed);
    }

    /// Gives the record its place in the chain and puts it in the queue; when records are buffered, also into the
    /// operating system's hands.
    pub(crate) fn let_in(
        &self,
        state: &mut State,
        entry: &Entry<'_>,
        ending: &[u8],
        sealed: Locked,
    ) -> Result<Seat, AppendError> {
        state.check()?;
        if !state.chain.has_room_for(entry.tenant) {
            let what = format!("the log holds {TENANTS_MAX} tenants already");
            return Err(AppendError::Malformed { what });
        }
        let time = state.chain.time(entry.time);
        let mode = self.durability.mode();
        let place = Place { mode, tenant: entry.tenant, session: entry.session, time };
        let link = Link::of(place);
        let mut line = Vec::with_capacity(BEGINNING_BYTES + ending.len() + 1);
        state.chain.beginning(&link, &mut line);
        line.extend_from_slice(ending);
        if line.len() > LINE_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes: line.len(), max: LINE_BYTES_MAX });
        }
        let leaf = LeafHash::of(&line);
        line.push(b'\n');
        if self.durability.is_buffered() {
            state.hand_to_system(&line, time, &sealed)?;
        } else {
            state.waiting.push(&line, sealed);
        }
        let index = state.chain.size();
        state.chain.accept(&link, leaf);
        let first = state.waiting.count(leaf, time, line.len() as u64);
        self.set_queued(state.waiting.records);
        if first {
            self.work.call();
        }
        Ok(Seat { index, leaf, time, outcome: state.waiting.outcome.clone() })
    }

    /// What waits is to be written now.
    pub(crate) fn hurry(&self, state: &mut State) {
        state.hurry = true;
        self.work.call();
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.state.lock().closing = true;
        self.work.call();
    }

    /// A log begins with its key.
    pub(crate) fn begin(&self, state: &mut State, now: Timestamp) -> Result<(), AppendError> {
        state.check()?;
        let body = keys::record(0, state.chain.tree(), &state.key, &state.key);
        let entry = system_entry(Kind::Key, now, &body);
        state.since = self.let_in(state, &entry, &ending(&entry)?, Locked::default())?.time;
        state.rolled = state.since;
        Ok(())
    }

    /// Writes down where the chains of all tenants end.
    pub(crate) fn call_roll(&self, state: &mut State, now: Timestamp) -> Result<Seat, AppendError> {
        let body = state.chain.roll().root().body();
        let entry = system_entry(Kind::Roll, now, &body);
        let seat = self.let_in(state, &entry, &ending(&entry)?, Locked::default())?;
        state.rolled = seat.time;
        Ok(seat)
    }
}

impl State {
    /// Whether the last roll is so long ago that another is due.
    pub(crate) fn is_roll_due(&self, now: Timestamp) -> bool {
        Duration::try_from(now.duration_since(self.rolled)).is_ok_and(|age| age >= ROLL_EVERY)
    }

    /// Whether the key has been in force for so long.
    pub(crate) fn is_over(&self, now: Timestamp, epoch: Duration) -> bool {
        Duration::try_from(now.duration_since(self.since)).is_ok_and(|age| age >= epoch)
    }

    pub(crate) fn check(&self) -> Result<(), AppendError> {
        self.poisoned.clone().map_or(Ok(()), |why| Err(AppendError::Poisoned { why }))
    }

    /// What waits, as a batch that is being written from now on.
    pub(crate) fn take_batch(&mut self) -> Batch {
        self.hurry = false;
        let mut batch = std::mem::replace(&mut self.waiting, Batch::new());
        batch.tree = self.chain.tree().clone();
        self.in_flight = Some((batch.outcome.clone(), batch.since));
        batch
    }

    /// Since when the oldest record waits that is not on the disk.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.in_flight.as_ref().and_then(|(_, since)| *since).or(self.waiting.since)
    }

    /// After a failure nobody knows what is in the file.
    fn hand_to_system(&mut self, line: &[u8], time: Timestamp, sealed: &Locked) -> Result<(), AppendError> {
        let Some(writer) = &mut self.writer else {
            return Err(AppendError::Poisoned { why: "it was closed".into() });
        };
        let written = writer.write(line, time, sealed);
        written.inspect_err(|error| self.poisoned = Some(error.to_string().into()))
    }
}
