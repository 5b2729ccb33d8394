//! Policies as JSON in one form, whatever way they were written: names replaced by what they stand for, sugar
//! by what it means, keys in order. The digest of a set is over this.
//!
//! The form is versioned: what an older version would have written stays as it is.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::model::{
    ActionTypes, Condition, Cost, History, LabelRule, Limit, LimitKey, Mode, Policy, Test, View,
};
use super::tools::ToolTypes;
use crate::decision::{Dimension, Effect};

/// The first line that is hashed.
const FORM: &str = "maais-policies-1";

/// `sha256:…` over labels, tools, the default and every policy, in the order in which they are tried.
pub(super) fn digest(
    policies: &[Policy],
    labels: &[LabelRule],
    tools: &ToolTypes,
    default: Option<Effect>,
) -> String {
    let mut hasher = Sha256::new();
    let mut line = |value: &Value| {
        hasher.update(value.to_string().as_bytes());
        hasher.update(b"\n");
    };
    line(&FORM.into());
    if let Some(default) = default {
        line(&json!({"default_decision": default.as_str()}));
    }
    for (name, parameters) in tools.iter() {
        let types: Map<String, Value> =
            parameters.iter().map(|(name, kind)| (name.clone(), kind.name().into())).collect();
        line(&json!({"tool": name, "parameters": types}));
    }
    for label in labels {
        line(&json!({"label": label.add, "when": condition(&label.when)}));
    }
    for policy in policies {
        line(&self::policy(policy));
    }
    let mut text = String::from("sha256:");
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A policy; its examples and its place are no part of what it means.
pub(super) fn policy(policy: &Policy) -> Value {
    let mut map = Map::new();
    map.insert("applies_to".into(), types(policy.applies_to));
    map.insert("condition".into(), condition(&policy.condition));
    map.insert("decision".into(), policy.decision.as_str().into());
    map.insert("id".into(), policy.id.clone().into());
    map.insert("priority".into(), policy.priority.into());
    map.insert("reason".into(), policy.reason.clone().into());
    if policy.mode == Mode::Shadow {
        map.insert("mode".into(), "shadow".into());
    }
    if !policy.approvers.is_empty() {
        map.insert("approvers".into(), policy.approvers.clone().into());
    }
    if !policy.metadata.is_empty() {
        map.insert("metadata".into(), Value::Object(policy.metadata.clone()));
    }
    if !policy.waives.is_empty() {
        let keys: Vec<&str> = policy.waives.iter().copied().map(Dimension::key).collect();
        map.insert("waives".into(), keys.into());
    }
    Value::Object(map)
}

fn types(types: ActionTypes) -> Value {
    if types == ActionTypes::ALL { "*".into() } else { types.names().into() }
}

/// A condition.
pub(super) fn condition(of: &Condition) -> Value {
    match of {
        Condition::All(parts) => match parts.as_slice() {
            [] => json!({}),
            [one] => condition(one),
            parts => json!({"and": all_of(parts.iter().map(condition))}),
        },
        Condition::Any(parts) => json!({"or": sorted(parts.iter().map(condition).collect())}),
        Condition::Not(inner) => json!({"not": condition(inner)}),
        Condition::ActionType(kinds) => json!({"action_type": kinds.names()}),
        Condition::Holds(subject, test) => json!({subject.key(): self::test(test)}),
        Condition::Time(hours) => {
            let ranges: Vec<String> = hours.ranges.iter().map(|(from, to)| format!("{from}-{to}")).collect();
            json!({"time": {"seconds": ranges, "weekdays": hours.weekdays, "zone": hours.zone_name}})
        }
        Condition::Limit(limit) => json!({"limit": self::limit(limit)}),
        Condition::History(asked) => history(asked),
        Condition::Labels(labels) => json!({"labels": {"has": texts(labels.iter().map(String::as_str))}}),
    }
}

/// A question about the past.
pub(super) fn history(of: &History) -> Value {
    json!({"count": {
        "condition": condition(&of.condition), "effect": of.effect.as_str(), "ge": of.at_least,
        "within_ms": of.within_ms,
    }})
}

fn limit(of: &Limit) -> Value {
    let parts =
        LimitKey::PARTS.into_iter().filter(|(_, part)| *part != LimitKey::GLOBAL && of.key.has(*part));
    let cost = match &of.cost {
        Cost::Fixed(thousandths) => json!(thousandths),
        Cost::Parameter(path) => json!(path),
    };
    json!({
        "cost": cost, "key": parts.map(|(name, _)| name).collect::<Vec<_>>(), "max": of.max,
        "window_seconds": of.window_seconds,
    })
}

/// A test.
pub(super) fn test(of: &Test) -> Value {
    match of {
        Test::All(tests) => match tests.as_slice() {
            [one] => test(one),
            tests => json!({"and": all_of(tests.iter().map(test))}),
        },
        Test::Equals(value) => json!({"equals": value}),
        Test::In(values) => json!({"in": sorted(values.clone())}),
        Test::NotIn(values) => json!({"not_in": sorted(values.clone())}),
        Test::Pattern(pattern) => json!({"pattern": pattern.as_str()}),
        Test::Glob(globs) => json!({"glob": texts(globs.iter().map(|glob| glob.as_str()))}),
        Test::Prefix(texts) => json!({"prefix": self::texts(texts.iter().map(String::as_str))}),
        Test::Suffix(texts) => json!({"suffix": self::texts(texts.iter().map(String::as_str))}),
        Test::Contains(texts) => json!({"contains": self::texts(texts.iter().map(String::as_str))}),
        Test::Compare(comparison, quantity) => json!({comparison.name(): quantity.to_string()}),
        Test::Exists(expected) => json!({"exists": expected}),
        Test::Length(tests) => {
            let tests: Map<String, Value> =
                tests.iter().map(|(comparison, bound)| (comparison.name().into(), json!(bound))).collect();
            json!({"length": tests})
        }
        Test::Type(types) => {
            let name = |kind| super::model::JsonType::NAMES.iter().find(|(_, k)| k == kind).map(|(n, _)| *n);
            json!({"type": texts(types.iter().filter_map(name))})
        }
        Test::Cidr(blocks) => {
            json!({"cidr": sorted(blocks.iter().map(|block| block.to_string().into()).collect())})
        }
        Test::AnyOf(inner) => json!({"any_of": test(inner)}),
        Test::AllOf(inner) => json!({"all_of": test(inner)}),
        Test::View(view, inner) => json!({"view": View::name(*view), "test": test(inner)}),
    }
}

/// Parts that must all hold: those of parts that are such themselves stand beside the others.
fn all_of(parts: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut all = Vec::new();
    for part in parts {
        match part {
            Value::Object(mut map) if map.len() == 1 && matches!(map.get("and"), Some(Value::Array(_))) => {
                if let Some(Value::Array(inner)) = map.remove("and") {
                    all.extend(inner);
                }
            }
            other => all.push(other),
        }
    }
    sorted(all)
}

fn texts<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<Value> {
    sorted(texts.map(Value::from).collect())
}

/// In one order, each once: neither changes what is meant.
fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    if values.len() > 1 {
        values.sort_by_cached_key(Value::to_string);
        values.dedup();
    }
    values
}
