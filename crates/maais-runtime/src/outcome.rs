//! What came of an action: a second record that cites the first.
//!
//! Whose outcome is expected is remembered here, bounded; nothing is decided.

use std::collections::{HashMap, VecDeque};

use maais_core::flow::Origin;
use maais_core::request::ActionRequest;
use serde_json::{Map, Value, json};

use crate::placing::Place;
use crate::sessions;

/// Actions whose outcome may still come. Beyond it, the oldest are no longer expected.
const EXPECTED_MAX: usize = 100_000;

/// What came of an action.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Whether it ended without an error.
    pub ok: bool,
    /// What it gave back, as text: it is read for where later values come from, and not kept.
    pub output: Option<String>,
}

/// Why an outcome was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// No allowed action of that id is waited for.
    #[error("no allowed action `{action_id}` waits for an outcome")]
    Unknown {
        /// The id.
        action_id: String,
    },
    /// The log refused it.
    #[error(transparent)]
    Append(#[from] maais_audit::AppendError),
}

/// Allowed actions and where their records are.
#[derive(Default)]
pub(crate) struct Expected {
    actions: HashMap<Box<str>, Pending>,
    order: VecDeque<Box<str>>,
}

#[derive(Clone)]
pub(crate) struct Pending {
    pub(crate) index: u64,
    pub(crate) tenant: String,
    pub(crate) agent: String,
    pub(crate) session: Option<String>,
    /// The session whose memory the result goes into.
    pub(crate) key: String,
    pub(crate) origin: Origin,
    /// From how many signs on a text counts as an injected instruction, to its tenant.
    pub(crate) injected_from: u8,
}

impl Expected {
    /// Expects the outcome of an action that was allowed.
    pub(crate) fn add(&mut self, request: &ActionRequest, place: &Place, index: u64, origin: Origin) {
        while self.order.len() >= EXPECTED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.actions.remove(&oldest);
            }
        }
        let id: Box<str> = request.action_id().as_str().into();
        let agent = request.agent_id().to_string();
        let tenant = place.tenant.clone();
        let injected_from = place.snapshot.settings.flow.injected_from;
        let session = request.session_id().map(str::to_owned);
        let key = sessions::key(&tenant, request);
        let pending = Pending { index, tenant, agent, session, key, origin, injected_from };
        if self.actions.insert(id.clone(), pending).is_none() {
            self.order.push_back(id);
        }
    }

    /// The action, whose outcome is then no longer expected: it is told once.
    pub(crate) fn take(&mut self, action_id: &str) -> Option<Pending> {
        self.actions.remove(action_id)
    }
}

/// The output stands in the record only as a digest: it may hold anything.
pub(crate) fn record(action_id: &str, pending: &Pending, outcome: &Outcome) -> Map<String, Value> {
    use sha2::Digest as _;
    let mut body = Map::new();
    body.insert("action_id".into(), action_id.into());
    body.insert("agent_id".into(), pending.agent.clone().into());
    body.insert("decision_index".into(), pending.index.into());
    body.insert("ok".into(), outcome.ok.into());
    if let Some(output) = &outcome.output {
        let hex: String =
            sha2::Sha256::digest(output.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        body.insert("output".into(), json!({"bytes": output.len(), "sha256": hex}));
    }
    body
}
