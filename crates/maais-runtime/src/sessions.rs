//! What is remembered of a session: bounded in number, forgotten after a day of silence.
//!
//! Actions that name no session belong to one of their agent. Actions that are decided at the same moment do not
//! see each other.

use std::collections::HashMap;
use std::time::Duration;

use maais_core::decision::Effect;
use maais_core::policy::{PolicySet, Trail, Tri};
use maais_core::request::ActionRequest;
use maais_core::state::State;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// Sessions that are remembered. Beyond it, the one that was silent longest is forgotten.
const SESSIONS_MAX: usize = 100_000;
/// Silence after which a session is forgotten.
const SILENCE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Every session of the engine.
#[derive(Default)]
pub(crate) struct Sessions {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    sessions: HashMap<Box<str>, Session>,
    /// When the last session was active that had to be forgotten before its time.
    forgotten: Option<Duration>,
}

#[derive(Default)]
struct Session {
    counts: Counts,
    trail: Trail,
    last: Duration,
}

/// How much happened in a session so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) actions: u64,
    pub(crate) denied: u64,
    pub(crate) outcomes: u64,
}

impl Counts {
    /// The values that go into the record.
    pub(crate) fn to_json(self) -> Value {
        json!({ "actions": self.actions, "denied": self.denied, "outcomes": self.outcomes })
    }
}

/// The session that an action belongs to.
pub(crate) fn key(tenant: &str, request: &ActionRequest) -> String {
    match request.session_id() {
        Some(session) => session_key(tenant, session),
        None => format!("{tenant} agent {}", request.agent_id()),
    }
}

/// A tenant's id has no spaces, so no tenant has another one's sessions.
fn session_key(tenant: &str, session: &str) -> String {
    format!("{tenant} session {session}")
}

impl Sessions {
    /// The session as it was before this action: its counts, and what the policies ask of its past.
    pub(crate) fn before(&self, key: &str, policies: &PolicySet, now: Duration, state: &mut State) -> Counts {
        let table = self.table.lock();
        let Some(session) = table.sessions.get(key) else {
            let within = |forgotten: Duration| now.saturating_sub(forgotten) < SILENCE_MAX;
            state.forgotten = table.forgotten.is_some_and(within);
            return Counts::default();
        };
        state.history = session.trail.answers(policies, now);
        session.counts
    }

    /// Counts a decided action, and notes what the policies will ask of it.
    pub(crate) fn decided(
        &self,
        key: &str,
        policies: &PolicySet,
        met: &[(usize, Tri)],
        effect: Effect,
        now: Duration,
    ) {
        self.update(key, now, |session| {
            session.counts.actions += 1;
            session.counts.denied += u64::from(effect != Effect::Allow);
            session.trail.note_met(policies, met, effect, now);
        });
    }

    /// Counts an outcome.
    pub(crate) fn observed(&self, tenant: &str, session: &str, now: Duration) {
        self.update(&session_key(tenant, session), now, |session| session.counts.outcomes += 1);
    }

    /// Sessions that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.table.lock().sessions.len()
    }

    fn update(&self, key: &str, now: Duration, change: impl FnOnce(&mut Session)) {
        let mut table = self.table.lock();
        if !table.sessions.contains_key(key) && table.sessions.len() >= SESSIONS_MAX {
            table.forget(now);
        }
        let session = table.sessions.entry(key.into()).or_default();
        session.last = now;
        change(session);
    }
}

impl Table {
    /// Forgets the silent, or else the tenth that was silent longest: the cost is spread over many actions.
    fn forget(&mut self, now: Duration) {
        self.sessions.retain(|_, session| now.saturating_sub(session.last) < SILENCE_MAX);
        if self.sessions.len() < SESSIONS_MAX {
            return;
        }
        let mut times: Vec<Duration> = self.sessions.values().map(|session| session.last).collect();
        let (_, limit, _) = times.select_nth_unstable(SESSIONS_MAX / 10);
        let limit = *limit;
        self.sessions.retain(|_, session| session.last > limit);
        self.forgotten = self.forgotten.max(Some(limit));
        tracing::warn!("more than {SESSIONS_MAX} sessions: the past of the oldest is no longer known");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_beyond_the_limit_push_out_the_oldest_and_their_past_is_unknown() {
        let (sessions, policies) = (Sessions::default(), PolicySet::default());
        for i in 0..=SESSIONS_MAX {
            let now = Duration::from_millis(i as u64);
            sessions.decided(&format!("s{i}"), &policies, &[], Effect::Allow, now);
        }
        assert!(sessions.len() <= SESSIONS_MAX);
        let now = Duration::from_secs(3600);
        let mut state = State::default();
        assert_eq!(sessions.before("s0", &policies, now, &mut state).actions, 0);
        assert!(state.forgotten, "whoever floods the table does not get a clean past");
        let mut state = State::default();
        assert_eq!(sessions.before(&format!("s{SESSIONS_MAX}"), &policies, now, &mut state).actions, 1);
        assert!(!state.forgotten);
        let later = now + SILENCE_MAX;
        let mut state = State::default();
        sessions.before("s0", &policies, later, &mut state);
        assert!(!state.forgotten, "by then it would have been forgotten anyway");
    }
}
