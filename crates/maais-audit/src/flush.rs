//! The thread that writes: what waits when it is free goes to the disk together, one flush for all.
//!
//! Callers wait for it no longer than their deadline, so a disk that hangs hangs nobody else. While the disk
//! works, a second thread signs the checkpoint. The thread ends when the log is dropped; the slot is free
//! only then, for until then it may write.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use crate::entry::AppendError;
use crate::note::Skey;
use crate::queue::{Queue, State};

/// After a batch, its callers are waited for so long: those who come back at once share the next flush. A small
/// part of what a flush takes, and nothing when nobody is there.
const GATHER: Duration = Duration::from_micros(40);

/// When the log is dropped, how long a flush in progress is waited for. A disk that hangs must not hang the end
/// of the process; the slot is freed when the disk comes back.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// The writing thread, seen from the log.
#[derive(Debug)]
pub(crate) struct Flusher {
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts it. It owns the slot's lock.
    pub(crate) fn start(queue: Arc<Queue>, lock: File) -> io::Result<Self> {
        let run = move || {
            queue.run();
            drop(lock);
        };
        let thread = thread::Builder::new().name("maais-audit-write".to_owned()).spawn(run)?;
        Ok(Self { thread: Some(thread) })
    }

    /// Waits for its end, which must have been asked for.
    pub(crate) fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + LAST_FLUSH;
        while !thread.is_finished() && Instant::now() < until {
            thread::park_timeout(Duration::from_micros(200));
        }
        if thread.is_finished() {
            if thread.join().is_err() {
                tracing::error!("the thread that writes the audit log panicked");
            }
        } else {
            tracing::warn!(
                "the disk has not answered for {LAST_FLUSH:?}; the audit log stays locked until it does"
            );
        }
    }

    /// Leaves it alone: it lives in another process, which this one is a fork of.
    pub(crate) fn forget(&mut self) {
        std::mem::forget(self.thread.take());
    }
}

impl Queue {
    fn run(&self) {
        let mut last = 0;
        while let Some(state) = self.next_batch(last) {
            last = state.waiting.records;
            self.flush(state);
        }
        self.state.lock().writer = None;
    }

    /// Waits for records; `None` when the log is dropped and none are left.
    fn next_batch(&self, last: u64) -> Option<MutexGuard<'_, State>> {
        let gather = Instant::now() + GATHER;
        while self.queued() < last && Instant::now() < gather {
            thread::yield_now();
        }
        let mut state = self.state.lock();
        loop {
            if state.poisoned.is_some() || (state.closing && state.waiting.is_empty()) {
                return None;
            }
            let Some(due) = state.waiting.since.map(|since| since + self.durability.linger()) else {
                MutexGuard::unlocked(&mut state, || self.work.wait(None));
                continue;
            };
            if state.closing || state.hurry || due <= Instant::now() {
                return Some(state);
            }
            MutexGuard::unlocked(&mut state, || self.work.wait(Some(due)));
        }
    }

    /// Takes what waits and writes it.
    fn flush(&self, mut state: MutexGuard<'_, State>) {
        let batch = state.take_batch();
        self.set_queued(0);
        let (outcome, durable) = (batch.outcome.clone(), (batch.tree.size(), batch.tree.root()));
        let result = match state.writer.take() {
            None => Err(AppendError::Poisoned { why: "it was closed".into() }),
            Some(mut writer) if self.durability.is_buffered() && writer.is_full(&batch) => {
                let first = state.chain.size();
                let result = MutexGuard::unlocked(&mut state, || {
                    let (head, done) = writer.begin(batch)?.flush()?;
                    writer.move_head(head, done)?;
                    writer.rotate(first)
                });
                state.writer = Some(writer);
                result
            }
            Some(mut writer) if self.durability.is_buffered() => {
                let pending = writer.begin(batch);
                state.writer = Some(writer);
                let flushed =
                    pending.and_then(|pending| MutexGuard::unlocked(&mut state, || pending.flush()));
                flushed.and_then(|(head, done)| {
                    state.writer.as_mut().map_or(Ok(()), |writer| writer.move_head(head, done))
                })
            }
            Some(mut writer) => {
                let result = MutexGuard::unlocked(&mut state, || writer.commit(batch));
                state.writer = Some(writer);
                result
            }
        };
        state.in_flight = None;
        match result {
            Ok(()) => {
                state.durable = durable;
                drop(state);
                outcome.set(Ok(durable));
            }
            Err(error) => {
                let why: Arc<str> = error.to_string().into();
                state.poisoned = Some(why.clone());
                let waiting = state.waiting.outcome.clone();
                drop(state);
                outcome.set(Err(why.clone()));
                waiting.set(Err(why));
            }
        }
    }
}

/// What is done while the disk works.
#[derive(Debug)]
pub(crate) struct Aside {
    asked: SyncSender<(Arc<Skey>, String)>,
    done: Receiver<Done>,
}

/// What was done meanwhile.
#[derive(Debug)]
pub(crate) struct Done {
    /// The signed checkpoint.
    pub(crate) checkpoint: String,
    /// What the head's file holds.
    pub(crate) head: io::Result<Vec<u8>>,
}

/// Signs a checkpoint, and looks at the head.
pub(crate) fn prepare(key: &Skey, text: &str, head: &Path) -> Done {
    Done { checkpoint: key.sign(text), head: fs::read(head) }
}

impl Aside {
    /// Starts its thread, which ends with this value.
    pub(crate) fn start(head: PathBuf) -> io::Result<Self> {
        let (asked, questions) = sync_channel::<(Arc<Skey>, String)>(1);
        let (answers, done) = sync_channel(1);
        let run = move || {
            for (key, text) in questions {
                if answers.send(prepare(&key, &text, &head)).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("maais-audit-sign".to_owned()).spawn(run)?;
        Ok(Self { asked, done })
    }

    /// Begins.
    pub(crate) fn ask(&self, key: Arc<Skey>, text: String) -> io::Result<()> {
        self.asked.send((key, text)).map_err(|_| gone())
    }

    /// What was asked for.
    pub(crate) fn answer(&self) -> io::Result<Done> {
        self.done.recv().map_err(|_| gone())
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that signs checkpoints is gone")
}
