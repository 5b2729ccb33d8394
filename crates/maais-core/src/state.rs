//! What the engine knows beside the action itself, as plain values.
//!
//! The engine counts; what follows from a count is decided elsewhere.

use serde_json::{Value, json};

use crate::policy::PolicySet;

/// What the engine knows beside the action itself: plain values, taken at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Limits that the action would exceed.
    pub exceeded: Vec<Exceeded>,
}

/// A limit that the action would exceed.
#[derive(Debug, Clone, PartialEq)]
pub struct Exceeded {
    /// Which.
    pub limit: Limit,
    /// Actions counted within the window.
    pub seen: u32,
    /// How many may be.
    pub max: u32,
    /// The window.
    pub window_seconds: u32,
    /// When the next one may pass, if nothing else happens.
    pub retry_after_ms: u64,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The one with that number in [`PolicySet::limits`].
    Policy(usize),
    /// The availability check's, for (agent, action type, target).
    Availability,
    /// No more agents can be counted: whoever is new is over the limit.
    Tracked,
}

impl State {
    /// Whether that limit of a policy is exceeded.
    pub fn is_over(&self, limit: usize) -> bool {
        self.exceeded.iter().any(|e| e.limit == Limit::Policy(limit) || e.limit == Limit::Tracked)
    }

    /// The values that mattered, for the record.
    pub fn to_json(&self, policies: &PolicySet) -> Value {
        let exceeded = self.exceeded.iter().map(|e| {
            let limit = match e.limit {
                Limit::Policy(number) => {
                    policies.limits().get(number).map_or("", |spec| &spec.policy_id).to_owned()
                }
                Limit::Availability => "A.rate_limit".to_owned(),
                Limit::Tracked => "A.tracked".to_owned(),
            };
            json!({
                "limit": limit, "max": e.max, "retry_after_ms": e.retry_after_ms,
                "seen": e.seen, "window_seconds": e.window_seconds,
            })
        });
        json!({ "exceeded": exceeded.collect::<Vec<_>>() })
    }
}
