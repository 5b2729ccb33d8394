//! Tells others what was decided: bounded, never blocking, counting what it drops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use maais_core::attempt::Attempt;
use maais_core::decision::Decision;
use parking_lot::Mutex;

/// Events that wait for one subscriber. Beyond it they are dropped and counted.
const WAITING_MAX: usize = 4_096;

/// One decided action.
#[derive(Debug, Clone)]
pub struct Event {
    /// What was asked.
    pub attempt: Arc<Attempt>,
    /// What was answered, its receipt included.
    pub decision: Decision,
}

/// Events from now on.
pub struct Subscription {
    events: Receiver<Arc<Event>>,
}

impl Subscription {
    /// The next event, if one waits.
    pub fn try_next(&self) -> Option<Arc<Event>> {
        self.events.try_recv().ok()
    }

    /// The next event, within that time.
    pub fn next_within(&self, time: std::time::Duration) -> Option<Arc<Event>> {
        self.events.recv_timeout(time).ok()
    }
}

#[derive(Default)]
pub(crate) struct Events {
    subscribers: Mutex<Vec<SyncSender<Arc<Event>>>>,
    dropped: AtomicU64,
}

impl Events {
    pub(crate) fn subscribe(&self) -> Subscription {
        let (sender, events) = sync_channel(WAITING_MAX);
        self.subscribers.lock().push(sender);
        Subscription { events }
    }

    /// Whether anybody listens: events are not made for nobody.
    pub(crate) fn wanted(&self) -> bool {
        !self.subscribers.lock().is_empty()
    }

    pub(crate) fn publish(&self, event: Event) {
        let event = Arc::new(event);
        self.subscribers.lock().retain(|subscriber| match subscriber.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        });
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
