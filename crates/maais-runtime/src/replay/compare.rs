//! A recorded decision against the one that follows.
//!
//! Whatever the record says of the decision is compared, but for what only the engine could know at the time.

use maais_core::decision::{Decision, Effect};
use maais_core::request::ActionRequest;
use maais_core::state::Recalled;
use serde_json::{Map, Value, json};

use super::recorded::Recorded;
use super::verdict::{CannotReplay, Difference, Differs, Verdict};
use super::{answer_of, reason};
use crate::snapshot::Snapshot;

/// Metadata that follow from the state. The rest is the engine's: its clock, its receipt, how long it took.
const METADATA: [&str; 4] = ["approvers", "findings", "snapshot", "tenant"];

/// Every part of a decision, and what of the state follows from the settings.
pub(super) fn whole(
    recorded: &Recorded,
    derived: &Decision,
    snapshot: &Snapshot,
    request: &ActionRequest,
    recalled: &Recalled,
) -> Verdict {
    let mut differences = of_decision(recorded, derived);
    let roles = snapshot.roles_of(request);
    if roles != recalled.state.roles {
        differences.push(Difference {
            field: "state.roles".to_owned(),
            recorded: json!(recalled.state.roles),
            derived: json!(roles),
        });
    }
    if !recalled.unknown.is_empty() {
        differences.push(Difference {
            field: "state".to_owned(),
            recorded: json!(recalled.unknown),
            derived: "the policies ask nothing of that name".into(),
        });
    }
    verdict(recorded, derived, differences, reason(snapshot), Verdict::Same)
}

/// What was denied without being decided: it must have been denied.
pub(super) fn refused(recorded: &Recorded, snapshot: Option<&Snapshot>, why: CannotReplay) -> Verdict {
    let error = recorded.attempt.as_ref().and_then(|attempt| attempt.get("error")?.as_str());
    let derived = match error {
        Some(error) => Decision::deny("request.malformed", error, recorded.now),
        None => Decision::deny("runtime.panic", "the engine failed while deciding", recorded.now),
    };
    let derived = match snapshot {
        Some(snapshot) => snapshot.sign(derived, recorded.tenant()),
        None => derived,
    };
    let differences = of_decision(recorded, &derived);
    let changed = "the record was changed: what cannot be decided is denied".to_owned();
    verdict(recorded, &derived, differences, changed, Verdict::CannotReplay(why))
}

/// Only what becomes of the action.
pub(super) fn effects(recorded: &Recorded, derived: &Decision) -> Verdict {
    let was = recorded.answer();
    if Effect::from_name(&was.effect) == Some(derived.effect) {
        return Verdict::Same;
    }
    let difference = Difference {
        field: "decision.effect".to_owned(),
        recorded: was.effect.clone().into(),
        derived: derived.effect.as_str().into(),
    };
    let why = derived.explanation.clone();
    let differs = Differs { recorded: was, derived: answer_of(derived), differences: vec![difference], why };
    Verdict::Different(Box::new(differs))
}

fn verdict(
    recorded: &Recorded,
    derived: &Decision,
    differences: Vec<Difference>,
    why: String,
    otherwise: Verdict,
) -> Verdict {
    if differences.is_empty() {
        return otherwise;
    }
    let (recorded, derived) = (recorded.answer(), answer_of(derived));
    Verdict::Different(Box::new(Differs { recorded, derived, differences, why }))
}

fn of_decision(recorded: &Recorded, derived: &Decision) -> Vec<Difference> {
    let mut derived = derived.to_json();
    let nothing = Map::new();
    let derived_metadata = match derived.remove("metadata") {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let metadata = recorded.decision.get("metadata").and_then(Value::as_object).unwrap_or(&nothing);
    let mut differences = Vec::new();
    let mut compare = |field: String, recorded: Option<&Value>, derived: Option<&Value>| {
        if recorded != derived {
            let shown = |value: Option<&Value>| value.cloned().unwrap_or_default();
            differences.push(Difference { field, recorded: shown(recorded), derived: shown(derived) });
        }
    };
    for (name, value) in &derived {
        compare(format!("decision.{name}"), recorded.decision.get(name), Some(value));
    }
    for name in METADATA {
        compare(format!("decision.metadata.{name}"), metadata.get(name), derived_metadata.get(name));
    }
    if recorded.now > recorded.time {
        let (now, time) = (recorded.now.to_string().into(), recorded.time.to_string().into());
        differences.push(Difference { field: "decision.timestamp".to_owned(), recorded: now, derived: time });
    }
    differences
}
