//! The schema of an action request: its fields, its types, its limits.

use maais_runtime::core::json::{BYTES_MAX, DEPTH_MAX, VALUES_MAX};
use maais_runtime::core::request::{ActionRequest, ActionType, Defaults};
use serde_json::{Map, Value, json};

use super::{Evidence, ensure};

const FIELDS: [&str; 8] =
    ["action_id", "action_type", "agent_id", "context", "declared_goal", "parameters", "target", "timestamp"];

/// Fields, round trip, refusals and limits.
pub(super) fn check() -> Evidence {
    let whole = json!({
        "agent_id": "a", "action_type": "tool_call", "target": "t", "parameters": {"x": [1, {"y": null}]},
        "declared_goal": "g", "action_id": "id-1", "timestamp": "2026-01-31T12:00:00Z", "context": {"session_id": "s"},
    });
    let request = read(whole.clone())?;
    let written = Value::Object(request.to_json());
    ensure(written == whole, "a request is not written as it was read")?;
    let fields: Vec<String> = request.to_json().keys().cloned().collect();
    ensure(fields == FIELDS, format!("the fields are {fields:?}"))?;
    for kind in ActionType::ALL {
        read(json!({"agent_id": "a", "action_type": kind.as_str(), "target": "t"}))?;
    }
    let refused = refusals();
    for (what, value) in &refused {
        ensure(read(value.clone()).is_err(), format!("{what} was accepted"))?;
    }
    Ok(format!(
        "8 fields, 8 action types, round trip exact; {} malformed requests refused, limits {} KiB, depth {DEPTH_MAX}, {VALUES_MAX} values",
        refused.len(),
        BYTES_MAX / 1024,
    ))
}

fn read(value: Value) -> Result<ActionRequest, maais_runtime::core::request::RequestError> {
    let defaults = Defaults { action_id: "id".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
    ActionRequest::from_json(value.to_string().as_bytes(), defaults)
}

fn refusals() -> Vec<(&'static str, Value)> {
    let with = |name: &str, value: Value| {
        let mut map = Map::new();
        map.insert("agent_id".into(), "a".into());
        map.insert("action_type".into(), "tool_call".into());
        map.insert("target".into(), "t".into());
        map.insert(name.to_owned(), value);
        Value::Object(map)
    };
    let mut deep = Value::Null;
    for _ in 0..DEPTH_MAX {
        deep = json!([deep]);
    }
    vec![
        ("an empty agent", with("agent_id", "".into())),
        ("an empty target", with("target", "".into())),
        ("an unknown action type", with("action_type", "tool".into())),
        ("an unknown field", with("extra", 1.into())),
        ("parameters that are a list", with("parameters", json!([]))),
        ("a time that is none", with("timestamp", "yesterday".into())),
        ("a session that is a number", with("context", json!({"session_id": 1}))),
        ("a request nested too deeply", with("parameters", json!({"x": deep}))),
        ("a request with too many values", with("parameters", json!({"x": vec![0; VALUES_MAX]}))),
        ("a request that is too long", with("parameters", json!({"x": "x".repeat(BYTES_MAX)}))),
    ]
}
