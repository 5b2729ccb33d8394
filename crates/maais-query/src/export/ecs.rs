//! Elastic Common Schema, a document a line. Fields of our own are under `maais`.
//!
//! `event.id` is the same for the same record in every run: use it as the document's id.

use serde_json::{Value, json};

use super::Anchor;
use super::lines::json as line;
use crate::record::Event;

/// The schema's version that is kept to.
const VERSION: &str = "8.17.0";

/// One record.
pub(super) fn event(event: &Event<'_>, out: &mut String) {
    let (category, kind, outcome) = match event.effect.as_ref() {
        "ALLOW" => ("api", "allowed", "success"),
        "DENY" => ("api", "denied", "failure"),
        "REQUIRE_APPROVAL" => ("api", "info", "unknown"),
        _ => ("configuration", "info", "unknown"),
    };
    let mut document = json!({
        "@timestamp": event.time.to_string(),
        "ecs": {"version": VERSION},
        "message": event.reason,
        "event": {
            "id": event.id(),
            "kind": "event",
            "category": [category],
            "type": [kind],
            "outcome": outcome,
            "action": if event.action_type.is_empty() { event.kind.name() } else { &event.action_type },
            "reason": event.reason,
            "module": "maais",
            "dataset": "maais.audit",
            "provider": "maais",
            "sequence": event.index,
            "hash": event.leaf.to_string(),
        },
        "service": {"name": "maais", "type": "maais", "version": env!("CARGO_PKG_VERSION")},
        "maais": {
            "log": event.origin,
            "index": event.index,
            "leaf": event.leaf.to_string(),
            "prev": event.prev.to_string(),
            "type": event.kind.name(),
            "session": event.session,
            "action_id": event.action_id,
            "target": event.target,
            "goal": event.goal,
            "owner": event.owner,
            "decision": event.effect,
            "severity": event.severity,
            "findings": event.findings,
            "attacks": event.attacks,
        },
    });
    if let Value::Object(map) = &mut document {
        let mut put = |key: &str, is_there: bool, value: Value| {
            if is_there {
                map.insert(key.to_owned(), value);
            }
        };
        put("user", !event.agent.is_empty(), json!({"id": event.agent, "name": event.agent}));
        put("organization", !event.tenant.is_empty(), json!({"id": event.tenant}));
        put("rule", !event.policy.is_empty(), json!({"id": event.policy, "name": event.policy}));
        let techniques: Vec<_> = event.attacks.iter().filter(|id| is_technique(id)).collect();
        put("threat", !techniques.is_empty(), json!({"technique": {"id": techniques}}));
    }
    line(&document, out);
}

/// A log's newest checkpoint.
pub(super) fn checkpoint(anchor: &Anchor, out: &mut String) {
    let document = json!({
        "@timestamp": jiff::Timestamp::now().to_string(),
        "ecs": {"version": VERSION},
        "message": anchor.note,
        "event": {
            "id": format!("{}#checkpoint-{}", anchor.origin, anchor.size),
            "kind": "state",
            "action": "checkpoint",
            "module": "maais",
            "dataset": "maais.checkpoint",
            "provider": "maais",
        },
        "maais": {"log": anchor.origin, "size": anchor.size},
    });
    line(&document, out);
}

/// Of ATT&CK or ATLAS; OWASP's are in `maais.attacks` only.
fn is_technique(id: &str) -> bool {
    let digits = id.strip_prefix("AML.").unwrap_or(id).strip_prefix('T');
    digits.is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
}
