//! Open Cybersecurity Schema Framework: API Activity, with the profile `security_control`.
//!
//! What the schema has no place for is in `unmapped`; there also the record's integrity, in the shape of the
//! profile `record_integrity`, which is not in a released schema yet.

use serde_json::{Map, Value, json};

use super::Anchor;
use super::lines::json as line;
use crate::record::Event;

/// The schema's version that is kept to.
const VERSION: &str = "1.5.0";
const CLASS_API_ACTIVITY: u32 = 6003;
const CLASS_BASE: u32 = 0;
/// "Other": what an action does is in `api.operation`.
const ACTIVITY_OTHER: u32 = 99;
const SHA_256: u32 = 3;

/// One record.
pub(super) fn event(event: &Event<'_>, out: &mut String) {
    let is_decision = !event.effect.is_empty();
    let mut map = head(if is_decision { CLASS_API_ACTIVITY } else { CLASS_BASE });
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("time", event.time.as_millisecond().into());
    put("activity_name", event.kind.name().into());
    let (severity_id, severity) = severity(event);
    put("severity_id", severity_id.into());
    put("severity", severity.into());
    put("message", json!(event.reason));
    put("metadata", metadata(&event.id(), &event.tenant, &event.origin, Some(event.index), is_decision));
    if is_decision {
        put("actor", actor(event));
        put("api", json!({"operation": event.action_type, "request": {"uid": event.action_id}}));
        put("resources", json!([{"name": event.target}]));
        put("src_endpoint", json!({"name": event.agent}));
        let (action_id, action, disposition_id, disposition) = match event.effect.as_ref() {
            "ALLOW" => (1, "Allowed", 1, "Allowed"),
            "DENY" => (2, "Denied", 2, "Blocked"),
            // Not done, and not refused for good.
            _ => (0, "Unknown", 99, event.effect.as_ref()),
        };
        put("action_id", action_id.into());
        put("action", action.into());
        put("disposition_id", disposition_id.into());
        put("disposition", disposition.into());
        put("status_id", action_id.min(2).into());
        if !event.policy.is_empty() {
            put("policy", json!({"name": event.policy, "uid": event.policy}));
        }
    }
    put("unmapped", unmapped(event));
    line(&Value::Object(map), out);
}

/// A log's newest checkpoint, as an event of the base class.
pub(super) fn checkpoint(anchor: &Anchor, out: &mut String) {
    let mut map = head(CLASS_BASE);
    let uid = format!("{}#checkpoint-{}", anchor.origin, anchor.size);
    map.insert("activity_name".into(), "checkpoint".into());
    map.insert("severity_id".into(), 1.into());
    map.insert("severity".into(), "Informational".into());
    map.insert("time".into(), jiff::Timestamp::now().as_millisecond().into());
    map.insert("metadata".into(), metadata(&uid, "", &anchor.origin, None, false));
    map.insert("message".into(), json!(anchor.note));
    map.insert("unmapped".into(), json!({"log": anchor.origin, "checkpoint_size": anchor.size}));
    line(&Value::Object(map), out);
}

fn head(class: u32) -> Map<String, Value> {
    let (category, category_name, class_name) = match class {
        CLASS_API_ACTIVITY => (6, "Application Activity", "API Activity"),
        _ => (0, "Uncategorized", "Base Event"),
    };
    Map::from_iter([
        ("activity_id".to_owned(), ACTIVITY_OTHER.into()),
        ("category_uid".to_owned(), category.into()),
        ("category_name".to_owned(), category_name.into()),
        ("class_uid".to_owned(), class.into()),
        ("class_name".to_owned(), class_name.into()),
        ("type_uid".to_owned(), (u64::from(class) * 100 + u64::from(ACTIVITY_OTHER)).into()),
    ])
}

fn metadata(uid: &str, tenant: &str, log: &str, sequence: Option<u64>, is_control: bool) -> Value {
    let mut map = json!({
        "version": VERSION,
        "uid": uid,
        "log_name": log,
        "product": {"name": "MAAIS-Runtime", "vendor_name": "MAAIS", "version": env!("CARGO_PKG_VERSION")},
    });
    if let Value::Object(map) = &mut map {
        map.extend(sequence.map(|sequence| ("sequence".to_owned(), sequence.into())));
        if !tenant.is_empty() {
            map.insert("tenant_uid".to_owned(), tenant.into());
        }
        if is_control {
            map.insert("profiles".to_owned(), json!(["security_control"]));
        }
    }
    map
}

fn actor(event: &Event<'_>) -> Value {
    let mut actor = json!({"app_name": event.agent, "app_uid": event.agent});
    if let (Value::Object(map), false) = (&mut actor, event.session.is_empty()) {
        map.insert("session".to_owned(), json!({"uid": event.session}));
    }
    actor
}

fn unmapped(event: &Event<'_>) -> Value {
    let fingerprint = |leaf: &maais_audit::LeafHash| json!({"algorithm": "SHA-256", "algorithm_id": SHA_256, "value": leaf.to_string()});
    json!({
        "log": event.origin,
        "index": event.index,
        "type": event.kind.name(),
        "decision": event.effect,
        "agent": event.agent,
        "action_id": event.action_id,
        "declared_goal": event.goal,
        "owner": event.owner,
        "findings": event.findings,
        "attacks": event.attacks,
        // A leaf hash: SHA-256 of a zero byte and the record's line.
        "record_integrity": {"attestation": {
            "uid": event.id(),
            "chain_uid": event.origin,
            "authority_uid": event.origin,
            "fingerprint": fingerprint(&event.leaf),
            "prev_event": {"fingerprint": fingerprint(&event.prev)},
        }},
    })
}

fn severity(event: &Event<'_>) -> (u32, &'static str) {
    match (event.effect.as_ref(), event.severity) {
        ("DENY" | "REQUIRE_APPROVAL", "critical") => (5, "Critical"),
        ("DENY" | "REQUIRE_APPROVAL", "high") => (4, "High"),
        ("DENY" | "REQUIRE_APPROVAL", "low") => (2, "Low"),
        ("DENY" | "REQUIRE_APPROVAL", _) => (3, "Medium"),
        _ => (1, "Informational"),
    }
}
