//! A decision as it stands in its record, with the values that were sealed.
//!
//! Not trusted: anything in it. What does not have the form that the engine writes is a difference, not an
//! excuse.

use jiff::Timestamp;
use maais_audit::canonical::unescape;
use maais_audit::{Opener, Record, Unsealed};
use maais_core::policy::PolicySet;
use maais_core::request::{ActionRequest, Defaults};
use maais_core::state::{NoState, Recalled, State};
use serde_json::{Map, Value};

use super::verdict::{Answer, CannotReplay, Difference, Differs, Verdict};
use crate::record::floats;

/// A decision that was recorded.
pub(super) struct Recorded {
    pub(super) decision: Map<String, Value>,
    pub(super) request: Option<ActionRequest>,
    pub(super) attempt: Option<Value>,
    pub(super) now: Timestamp,
    /// When it was written.
    pub(super) time: Timestamp,
    state: Value,
    tenant: String,
}

impl Recorded {
    /// Reads a record; `Err` is what there is to say if that cannot be done.
    pub(super) fn of(record: &Record, opener: &mut Opener) -> Result<Self, Verdict> {
        let part = |name: &str| record.value.get(name).cloned();
        let plain = |value: Option<Value>| unescape(value?, &mut |_| None).ok();
        let decision = match plain(part("decision")) {
            Some(Value::Object(map)) => map,
            _ => return Err(misshapen(&Map::new(), "decision")),
        };
        let text = |name: &str| decision.get(name).and_then(Value::as_str);
        let Some(now) = text("timestamp").and_then(|text| text.parse().ok()) else {
            return Err(misshapen(&decision, "decision.timestamp"));
        };
        let attempt = plain(part("attempt"));
        let request = match part("request") {
            Some(_) if attempt.is_some() => return Err(misshapen(&decision, "attempt")),
            None if attempt.is_none() => return Err(misshapen(&decision, "request")),
            None => None,
            Some(request) => {
                let floats = part("floats").map(|floats| opened(floats, record, opener)).transpose()?;
                let request = opened(request, record, opener)?;
                Some(request_of(request, floats, now).ok_or_else(|| misshapen(&decision, "request"))?)
            }
        };
        let state = plain(part("state")).unwrap_or_default();
        let (tenant, time) = (record.tenant.clone(), record.time);
        Ok(Self { request, attempt, now, time, state, tenant, decision })
    }

    /// The digest of what was in force.
    pub(super) fn snapshot(&self) -> Option<&str> {
        self.decision.get("metadata")?.get("snapshot")?.as_str()
    }

    pub(super) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Whether the engine itself failed when this was to be decided.
    pub(super) fn is_failure(&self) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.get("error").is_none())
    }

    /// What was known beside the action, as far as these policies ask.
    pub(super) fn state(&self, policies: &PolicySet) -> Result<Recalled, NoState> {
        State::from_json(&self.state, policies, self.now, &self.tenant)
    }

    pub(super) fn answer(&self) -> Answer {
        answer(&self.decision)
    }

    /// Something in it does not have the form that the engine writes.
    pub(super) fn misshapen(&self, field: &str) -> Verdict {
        misshapen(&self.decision, field)
    }
}

fn request_of(mut request: Value, floats: Option<Value>, now: Timestamp) -> Option<ActionRequest> {
    if let Some(floats) = floats {
        floats::restore(&mut request, &floats)?;
    }
    // The engine always writes an id; without one, nothing equals it.
    let defaults = Defaults { action_id: String::new(), timestamp: now };
    ActionRequest::from_value(request, defaults).ok()
}

/// A value with all that was sealed in it.
fn opened(value: Value, record: &Record, opener: &mut Opener) -> Result<Value, Verdict> {
    let mut failed = None;
    let plain = unescape(value, &mut |digest| {
        let why = match opener.open(&record.origin, record.index, digest) {
            Ok(Unsealed::Present(value)) => return Some(value),
            Ok(Unsealed::Erased) => CannotReplay::Erased(digest.to_owned()),
            Ok(Unsealed::Unknown) => CannotReplay::NotHere(digest.to_owned()),
            Err(error) => CannotReplay::SealedChanged(error.to_string()),
        };
        failed.get_or_insert(why);
        None
    });
    match (failed, plain) {
        (Some(why), _) => Err(Verdict::CannotReplay(why)),
        (None, Ok(value)) => Ok(value),
        (None, Err(_)) => Err(misshapen(&Map::new(), "request")),
    }
}

fn answer(decision: &Map<String, Value>) -> Answer {
    let text = |name: &str| decision.get(name).and_then(Value::as_str).map(str::to_owned);
    Answer { effect: text("effect").unwrap_or_default(), rule: text("policy_id") }
}

fn misshapen(decision: &Map<String, Value>, field: &str) -> Verdict {
    let recorded = answer(decision);
    Verdict::Different(Box::new(Differs {
        derived: recorded.clone(),
        recorded,
        differences: vec![Difference {
            field: field.to_owned(),
            recorded: Value::Null,
            derived: "no engine writes it so".into(),
        }],
        why: "the record was changed, or another program wrote it".to_owned(),
    }))
}
