//! Old parts of the log are compressed and pruned by the engine that writes it, in a thread of its own, if the
//! settings ask for it.
//!
//! Decides nothing about records: what may go is a matter of their age alone. What fails is told and tried again.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use maais_audit::Log;
use maais_core::settings::Audit;

use crate::clock::Clock;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Who orders a pruning that the settings ask for.
const BY: &str = "setting audit.retention";

/// The thread. Dropping it waits until what it is doing is done.
pub(crate) struct Retention {
    thread: Option<(Sender<()>, JoinHandle<()>)>,
    /// A forked child has a copy of this, and no thread.
    process: u32,
}

impl Retention {
    /// Starts it, if there is something to do.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(log: &Arc<Log>, clock: Arc<dyn Clock>, settings: Audit) -> std::io::Result<Self> {
        let process = std::process::id();
        if settings.retention.is_none() && settings.compress_after.is_none() {
            return Ok(Self { thread: None, process });
        }
        let (end, ended) = channel();
        let log = Arc::downgrade(log);
        let run = move || {
            while keep(&log, clock.now().wall, &settings) {
                if ended.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("maais-retention".to_owned()).spawn(run)?;
        Ok(Self { thread: Some((end, thread)), process })
    }
}

impl Drop for Retention {
    fn drop(&mut self) {
        let Some((end, thread)) = self.thread.take() else { return };
        if std::process::id() != self.process {
            return std::mem::forget(thread);
        }
        drop(end);
        if thread.join().is_err() {
            tracing::error!("the thread that prunes the audit log panicked");
        }
    }
}

/// Does what is due; whether the log is still there.
fn keep(log: &Weak<Log>, now: Timestamp, settings: &Audit) -> bool {
    let Some(log) = log.upgrade() else { return false };
    if let Some(before) = settings.retention.and_then(|age| ago(now, age)) {
        let basis = format!("records are kept for {}", shown(settings.retention.unwrap_or_default()));
        match log.prune(before, &basis, BY, now) {
            Ok(pruned) if pruned.records == 0 => {}
            Ok(pruned) => tracing::info!(records = pruned.records, first = pruned.first, "audit log pruned"),
            Err(error) => tracing::error!(%error, "the audit log could not be pruned"),
        }
    }
    if let Some(before) = settings.compress_after.and_then(|age| ago(now, age))
        && let Err(error) = maais_audit::compress(log.dir(), before)
    {
        tracing::error!(%error, "the audit log could not be compressed");
    }
    true
}

fn ago(now: Timestamp, age: Duration) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::try_from(age).ok()?).ok()
}

fn shown(age: Duration) -> String {
    let seconds = age.as_secs();
    if seconds.is_multiple_of(86_400) { format!("{} days", seconds / 86_400) } else { format!("{seconds} s") }
}
