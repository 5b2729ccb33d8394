//! What the engine knows beside the action itself, as plain values.
//!
//! The engine counts; what follows from a count is decided elsewhere.

mod recorded;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::flow::Flow;
use crate::policy::{PolicySet, Tri};
use crate::standing::Standing;

pub use recorded::{NoState, Recalled};

/// Bytes of the questions that a record spells out; with more, they stand there by their numbers.
const HISTORY_BYTES_MAX: usize = 4 * 1024;

/// What the engine knows beside the action itself: plain values, taken at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The wall clock.
    pub now: Timestamp,
    /// The agent's tenant.
    pub tenant: String,
    /// The agent's roles.
    pub roles: Vec<String>,
    /// Labels that the engine itself put on the session.
    pub labels: Vec<String>,
    /// What is known of the session's past: answers by their number in [`PolicySet::histories`]. What is not
    /// here did not happen.
    pub history: Vec<(usize, Tri)>,
    /// The session's past is not complete: the engine had to forget a part of it.
    pub forgotten: bool,
    /// Limits that the action would exceed.
    pub exceeded: Vec<Exceeded>,
    /// What the registry says of the agent, its tenant and this action.
    pub standing: Standing,
    /// Where the action's values come from, as far as they were read before.
    pub flow: Flow,
}

impl Default for State {
    fn default() -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            tenant: "default".to_owned(),
            roles: Vec::new(),
            labels: Vec::new(),
            history: Vec::new(),
            forgotten: false,
            exceeded: Vec::new(),
            standing: Standing::default(),
            flow: Flow::default(),
        }
    }
}

/// A limit that the action would exceed.
#[derive(Debug, Clone, PartialEq)]
pub struct Exceeded {
    /// Which.
    pub limit: Limit,
    /// Spent within the window, in thousandths: an action counts 1,000 where nothing else is said.
    pub seen: u64,
    /// How much may be, in thousandths.
    pub max: u64,
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

    /// What is known of a part of the session's past.
    pub fn past(&self, number: usize) -> Tri {
        let known =
            self.history.iter().find(|(at, _)| *at == number).map_or(Tri::False, |(_, answer)| *answer);
        if self.forgotten { known.max(Tri::Unknown) } else { known }
    }

    /// The values that mattered, for the record.
    pub fn to_json(&self, policies: &PolicySet) -> Value {
        let exceeded = self.exceeded.iter().map(|e| {
            let (limit, nth) = match e.limit {
                Limit::Policy(number) => recorded::name_of(policies, number),
                Limit::Availability => (AVAILABILITY, None),
                Limit::Tracked => (TRACKED, None),
            };
            let mut told = json!({
                "limit": limit, "max": thousandths(e.max), "retry_after_ms": e.retry_after_ms,
                "seen": thousandths(e.seen), "window_seconds": e.window_seconds,
            });
            if let (Some(nth), Value::Object(map)) = (nth, &mut told) {
                map.insert("nth".into(), nth.into());
            }
            told
        });
        let mut map = Map::new();
        map.insert("exceeded".into(), exceeded.collect());
        if !self.flow.is_empty() {
            map.insert("flow".into(), self.flow.to_json());
        }
        if self.forgotten {
            map.insert("forgotten".into(), true.into());
        }
        if !self.history.is_empty() {
            map.insert("history".into(), Value::Object(self.history_to_json(policies)));
        }
        if !self.labels.is_empty() {
            map.insert("labels".into(), self.labels.clone().into());
        }
        if !self.roles.is_empty() {
            map.insert("roles".into(), self.roles.clone().into());
        }
        if !self.standing.is_default() {
            map.insert("standing".into(), self.standing.to_json());
        }
        Value::Object(map)
    }

    /// Answers by question; where the questions are too long for a record, by their numbers: `#3`.
    fn history_to_json(&self, policies: &PolicySet) -> Map<String, Value> {
        let mut left = HISTORY_BYTES_MAX;
        let named = self.history.iter().map(|(number, answer)| {
            let name = policies.histories().get(*number)?.name();
            left = left.checked_sub(name.len())?;
            Some((name, answer.as_str().into()))
        });
        named.collect::<Option<Map<_, _>>>().unwrap_or_else(|| {
            let numbered =
                self.history.iter().map(|(number, answer)| (format!("#{number}"), answer.as_str().into()));
            numbered.collect()
        })
    }
}

/// The availability check's limit in a record.
const AVAILABILITY: &str = "A.rate_limit";
/// The limit on how much is counted, in a record.
const TRACKED: &str = "A.tracked";

/// A number of thousandths as people wrote it: whole where it is.
fn thousandths(value: u64) -> Value {
    if value.is_multiple_of(1_000) {
        return (value / 1_000).into();
    }
    #[expect(clippy::cast_precision_loss, reason = "for people; the limit itself is counted exactly")]
    let real = value as f64 / 1_000.0;
    real.into()
}
