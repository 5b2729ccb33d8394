//! What each session has read: bounded in number and bytes, forgotten after a day of silence.
//!
//! Who was forgotten before that has read what nobody knows, so flooding the table opens nothing.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use maais_core::facts::Facts;
use maais_core::flow::{self, Flow, Memory, Origin};
use parking_lot::Mutex;

/// Sessions whose reading is remembered. Beyond it, the one that was silent longest is forgotten.
const MEMORIES_MAX: usize = 10_000;
/// Bytes of all memories together. Beyond it, the same.
const BYTES_MAX: usize = 256 << 20;
/// Silence after which a memory is forgotten.
const SILENCE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Every session's memory.
#[derive(Default)]
pub(crate) struct Memories {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    sessions: HashMap<Box<str>, Held>,
    bytes: usize,
    /// When the last session was active that had to be forgotten before its time.
    forgotten: Option<Duration>,
}

struct Held {
    memory: Arc<Mutex<Memory>>,
    bytes: usize,
    last: Duration,
}

impl Memories {
    /// Where the values of an action come from, as far as its session's memory knows.
    pub(crate) fn trace(&self, key: &str, facts: &Facts<'_>, now: Duration) -> Flow {
        let memory = {
            let mut table = self.table.lock();
            let Some(held) = table.sessions.get_mut(key) else {
                let within = |forgotten: Duration| now.saturating_sub(forgotten) < SILENCE_MAX;
                return Flow { incomplete: table.forgotten.is_some_and(within), ..Flow::default() };
            };
            held.last = now;
            held.memory.clone()
        };
        let memory = memory.lock();
        flow::trace(facts, &memory)
    }

    /// Remembers a result. If that fails, the session has read what nobody knows.
    pub(crate) fn remember(&self, key: &str, origin: &Origin, text: &str, injected_from: u8, now: Duration) {
        let memory = {
            let mut table = self.table.lock();
            let held = table.sessions.entry(key.into()).or_insert_with(|| Held::new(now));
            held.last = now;
            held.memory.clone()
        };
        let bytes = {
            let mut memory = memory.lock();
            if catch_unwind(AssertUnwindSafe(|| memory.remember(origin, text, injected_from))).is_err() {
                memory.lose();
            }
            memory.bytes()
        };
        self.table.lock().weigh(key, bytes, now);
    }
}

impl Held {
    fn new(now: Duration) -> Self {
        Self { memory: Arc::default(), bytes: 0, last: now }
    }
}

impl Table {
    fn weigh(&mut self, key: &str, bytes: usize, now: Duration) {
        if let Some(held) = self.sessions.get_mut(key) {
            self.bytes = self.bytes - held.bytes + bytes;
            held.bytes = bytes;
        }
        if self.sessions.len() > MEMORIES_MAX || self.bytes > BYTES_MAX {
            self.forget(now);
        }
    }

    /// Forgets the silent, or else the tenth that was silent longest: the cost is spread over many results.
    fn forget(&mut self, now: Duration) {
        self.sessions.retain(|_, held| now.saturating_sub(held.last) < SILENCE_MAX);
        self.bytes = self.sessions.values().map(|held| held.bytes).sum();
        if self.sessions.len() <= MEMORIES_MAX && self.bytes <= BYTES_MAX {
            return;
        }
        let mut times: Vec<Duration> = self.sessions.values().map(|held| held.last).collect();
        let nth = times.len() / 10;
        let (_, limit, _) = times.select_nth_unstable(nth);
        let limit = *limit;
        self.sessions.retain(|_, held| held.last > limit);
        self.bytes = self.sessions.values().map(|held| held.bytes).sum();
        self.forgotten = self.forgotten.max(Some(limit));
        tracing::warn!(
            "more was read in all sessions than is remembered: the oldest have read what nobody knows"
        );
    }
}

#[cfg(test)]
mod tests {
    use maais_core::facts::NoMemo;
    use maais_core::request::{ActionRequest, Defaults};
    use serde_json::json;

    use super::*;

    fn request() -> ActionRequest {
        let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
        let value =
            json!({"agent_id": "a", "action_type": "tool_call", "target": "send", "parameters": {"to": "x"}});
        ActionRequest::from_value(value, defaults).unwrap()
    }

    #[test]
    fn memories_beyond_the_limit_push_out_the_oldest_of_which_nothing_is_known_then() {
        let (memories, request) = (Memories::default(), request());
        let facts = Facts::new(&request, &NoMemo);
        for i in 0..=MEMORIES_MAX {
            let now = Duration::from_millis(i as u64);
            memories.remember(&format!("s{i}"), &Origin::default(), "text", 3, now);
        }
        assert!(memories.table.lock().sessions.len() <= MEMORIES_MAX);
        let now = Duration::from_secs(3600);
        assert!(memories.trace("s0", &facts, now).incomplete, "whoever floods the table gets no clean past");
        assert!(!memories.trace(&format!("s{MEMORIES_MAX}"), &facts, now).incomplete);
        assert!(!memories.trace("s0", &facts, now + SILENCE_MAX).incomplete, "forgotten in any case by then");
    }

    #[test]
    fn bytes_are_counted_and_bounded() {
        let memories = Memories::default();
        memories.remember("s", &Origin::default(), "one two three", 3, Duration::ZERO);
        let before = memories.table.lock().bytes;
        memories.remember("s", &Origin::default(), "four five six seven", 3, Duration::ZERO);
        let mut table = memories.table.lock();
        assert!(table.bytes > before);
        table.weigh("s", BYTES_MAX + 1, Duration::from_secs(1));
        assert!(table.bytes <= BYTES_MAX && table.sessions.is_empty() && table.forgotten.is_some());
    }
}
