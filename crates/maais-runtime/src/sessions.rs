//! What is remembered of a session: bounded in number, forgotten after a day of silence.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

/// Sessions that are remembered. Beyond it, the one that was silent longest is forgotten.
const SESSIONS_MAX: usize = 100_000;
/// Silence after which a session is forgotten.
const SILENCE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Every session of the engine.
#[derive(Default)]
pub(crate) struct Sessions {
    table: Mutex<HashMap<Box<str>, Session>>,
}

/// What happened in a session so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) actions: u64,
    pub(crate) denied: u64,
    pub(crate) outcomes: u64,
    last: Duration,
}

impl Session {
    /// The values that go into the record.
    pub(crate) fn to_json(self) -> Value {
        json!({ "actions": self.actions, "denied": self.denied, "outcomes": self.outcomes })
    }
}

impl Sessions {
    /// The session as it was before this action.
    pub(crate) fn before(&self, id: &str) -> Session {
        self.table.lock().get(id).copied().unwrap_or_default()
    }

    /// Counts a decided action.
    pub(crate) fn decided(&self, id: &str, allowed: bool, now: Duration) {
        self.update(id, now, |session| {
            session.actions += 1;
            session.denied += u64::from(!allowed);
        });
    }

    /// Counts an outcome.
    pub(crate) fn observed(&self, id: &str, now: Duration) {
        self.update(id, now, |session| session.outcomes += 1);
    }

    /// Sessions that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.table.lock().len()
    }

    fn update(&self, id: &str, now: Duration, change: impl FnOnce(&mut Session)) {
        let mut table = self.table.lock();
        if !table.contains_key(id) && table.len() >= SESSIONS_MAX {
            forget(&mut table, now);
        }
        let session = table.entry(id.into()).or_default();
        session.last = now;
        change(session);
    }
}

/// Forgets the silent, or else the tenth that was silent longest: the cost is spread over many actions.
fn forget(table: &mut HashMap<Box<str>, Session>, now: Duration) {
    table.retain(|_, session| now.saturating_sub(session.last) < SILENCE_MAX);
    if table.len() < SESSIONS_MAX {
        return;
    }
    let mut times: Vec<Duration> = table.values().map(|session| session.last).collect();
    let (_, limit, _) = times.select_nth_unstable(SESSIONS_MAX / 10);
    let limit = *limit;
    table.retain(|_, session| session.last > limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_beyond_the_limit_push_out_the_oldest() {
        let sessions = Sessions::default();
        for i in 0..=SESSIONS_MAX {
            sessions.decided(&format!("s{i}"), true, Duration::from_millis(i as u64));
        }
        assert!(sessions.len() <= SESSIONS_MAX);
        assert_eq!(sessions.before("s0").actions, 0);
        assert_eq!(sessions.before(&format!("s{SESSIONS_MAX}")).actions, 1);
    }
}
