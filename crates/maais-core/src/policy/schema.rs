//! The JSON Schema (draft 2020-12) of policy files, for editors: made of the same tables that the loader reads.
//!
//! It accepts everything that loads. What loads is decided by the loader alone: a pattern that is no regular
//! expression or a list that does not exist is beyond a schema.

use serde_json::{Map, Value, json};

use super::case::{AROUND_FIELDS, PAST_FIELDS, REQUEST_FIELDS};
use super::model::{Comparison, JsonType, LimitKey, Mode, Subject, View};
use super::parse::{self, DEFAULTS_FIELDS, FILE_FIELDS, POLICY_FIELDS};
use super::tools::ParameterType;
use crate::decision::{Effect, Severity};
use crate::request::ActionType;

/// The schema of a policy file.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "MAAIS policies",
        "description": "Which actions of agents are allowed, need approval or are denied.",
        "type": "object",
        "additionalProperties": false,
        "properties": file(),
        "$defs": {
            "action_types": one_or_more(action_type()),
            "condition": condition(),
            "conditions": {"anyOf": [
                {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}},
                {"$ref": "#/$defs/condition"},
            ]},
            "test": test(),
            "tests": {"anyOf": [{"$ref": "#/$defs/test"}, {"type": ["string", "number", "boolean", "array"]}]},
            "values": {
                "type": "object",
                "additionalProperties": {"anyOf": [
                    {"$ref": "#/$defs/tests"},
                    {"$ref": "#/$defs/values"},
                ]},
            },
            "policy": policy(),
            "case": case(false),
            "past": case(true),
            "limit_key": one_or_more(names(LimitKey::PARTS.iter().map(|(name, _)| *name))),
            "quantity": {"type": ["number", "string"]},
            "texts": one_or_more(json!({"type": "string", "minLength": 1})),
        },
    })
}

fn names<'n>(names: impl Iterator<Item = &'n str>) -> Value {
    json!({"enum": names.collect::<Vec<_>>()})
}

fn one_or_more(item: Value) -> Value {
    json!({"anyOf": [item.clone(), {"type": "array", "minItems": 1, "items": item}]})
}

fn action_type() -> Value {
    names(ActionType::ALL.into_iter().map(ActionType::as_str).chain(["*"]))
}

fn described(value: Value, text: &str) -> Value {
    match value {
        Value::Object(mut map) => {
            map.insert("description".into(), text.into());
            Value::Object(map)
        }
        other => other,
    }
}

/// Properties of those names; a name that the table has and this does not describe takes anything.
fn properties(fields: &[&str], of: impl Fn(&str) -> Option<(Value, &'static str)>) -> Map<String, Value> {
    let property = |name: &&str| {
        let schema = of(name).map_or_else(|| json!({}), |(schema, text)| described(schema, text));
        ((*name).to_owned(), schema)
    };
    fields.iter().map(property).collect()
}

fn object_of(item: &Value) -> Value {
    json!({"type": "object", "additionalProperties": item})
}

fn file() -> Map<String, Value> {
    properties(&FILE_FIELDS, |name| {
        Some(match name {
            "policies" => (json!({"type": "array", "items": {"$ref": "#/$defs/policy"}}), "the policies"),
            "default_decision" => {
                (effect(), "what follows when no policy matches; the strictest stated counts")
            }
            "mode" => (mode(), "`shadow`: the policies of this file are recorded, and decide nothing"),
            "defaults" => {
                let fields = properties(&DEFAULTS_FIELDS, policy_field);
                let schema = json!({"type": "object", "additionalProperties": false, "properties": fields});
                (schema, "what holds for every policy of this file that does not say it itself")
            }
            "lists" => {
                let item = json!({"type": ["string", "number", "boolean"]});
                let list = json!({"type": "array", "minItems": 1, "items": item});
                (object_of(&list), "names for lists of values, used as `$name`")
            }
            "define" => (
                object_of(&json!({"$ref": "#/$defs/condition"})),
                "names for conditions, used as `use: name`",
            ),
            "tools" => {
                let kind = names(ParameterType::NAMES.iter().map(|(name, _)| *name));
                (object_of(&object_of(&kind)), "what the parameters of tools are")
            }
            "labels" => {
                let rule = json!({
                    "type": "object", "additionalProperties": false, "required": ["when", "add"],
                    "properties": {"when": {"$ref": "#/$defs/condition"}, "add": {"$ref": "#/$defs/texts"}},
                });
                (json!({"type": "array", "items": rule}), "which actions leave which marks on a session")
            }
            "include" => (json!({"$ref": "#/$defs/texts"}), "other files of this folder"),
            "version" | "description" => (json!({}), "for people"),
            _ => return None,
        })
    })
}

fn effect() -> Value {
    names(Effect::ALL.into_iter().map(Effect::as_str))
}

fn mode() -> Value {
    names(Mode::NAMES.into_iter().map(|(name, _)| name))
}

fn policy() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["id", "condition"],
        "properties": properties(&POLICY_FIELDS, policy_field),
    })
}

fn policy_field(name: &str) -> Option<(Value, &'static str)> {
    let reference = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    Some(match name {
        "id" => {
            let pattern = "^[A-Za-z0-9_./:#-]{1,128}$";
            (json!({"type": "string", "pattern": pattern}), "unique over all files; it stands in the log")
        }
        "applies_to" => (reference("action_types"), "kinds of action"),
        "condition" => (reference("condition"), "when it matches; `{}` always"),
        "decision" => (effect(), "what follows"),
        "reason" => (
            json!({"type": "string", "minLength": 1}),
            "shown to whoever is stopped: say what would be allowed",
        ),
        "priority" => {
            let range = json!({"type": "integer", "minimum": -1_000_000, "maximum": 1_000_000});
            (range, "lower goes first; 100 if not given")
        }
        "mode" => (mode(), "`shadow`: tried and recorded, decides nothing"),
        "waives" => (
            one_or_more(json!({"enum": ["C", "I", "A"]})),
            "checks that do not count for what an ALLOW matches",
        ),
        "approvers" => (reference("texts"), "who may say yes"),
        "examples" => {
            let list = json!({"type": "array", "items": {"$ref": "#/$defs/case"}});
            let fields = json!({"match": list, "no_match": list});
            let schema = json!({"type": "object", "additionalProperties": false, "properties": fields});
            (schema, "actions on which the condition must hold, and must not; run at every load")
        }
        "metadata" => {
            let severity = names(Severity::ALL.into_iter().map(Severity::as_str));
            let schema = json!({"type": "object", "properties": {"severity": severity}});
            (schema, "whatever you want to keep: owner, severity, ids of MITRE and OWASP")
        }
        _ => return None,
    })
}

fn condition() -> Value {
    condition_with(properties(&parse::KEYS, condition_key))
}

/// A condition with the properties of its subjects, and further ones.
fn condition_with(further: Map<String, Value>) -> Value {
    let mut map = further;
    for (key, subject) in Subject::KEYS {
        let tests = if subject == Subject::Size { "test" } else { "tests" };
        map.insert(key.to_owned(), json!({"$ref": format!("#/$defs/{tests}")}));
    }
    json!({
        "type": "object", "additionalProperties": false, "properties": map,
        "patternProperties": {"^(parameters|context)\\..+": {"anyOf": [
            {"$ref": "#/$defs/tests"}, {"$ref": "#/$defs/values"},
        ]}},
    })
}

fn condition_key(name: &str) -> Option<(Value, &'static str)> {
    let reference = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    let object =
        |fields: Value| json!({"type": "object", "additionalProperties": false, "properties": fields});
    Some(match name {
        "parameters" => (reference("values"), "parameters by name; `*` is any text anywhere"),
        "context" => (reference("values"), "values of the context by name"),
        "action_type" => {
            let test = object(json!({"in": reference("action_types"), "equals": reference("action_types")}));
            (json!({"anyOf": [reference("action_types"), test]}), "kinds of action")
        }
        "time" => {
            let zone = json!({"type": "string"});
            let fields = json!({"hours": reference("texts"), "weekdays": reference("texts"), "zone": zone});
            (object(fields), "hours `09:00-17:00`, weekdays `mon-fri`, zone `Europe/Berlin`")
        }
        "after" => (past(&["within", "effect"]), "an earlier action of the session that met this"),
        "not_after" => (past(&["within", "effect"]), "no earlier action of the session met this"),
        "count" => (past(&["within", "effect", "ge"]), "so many earlier actions of the session met this"),
        "labels" => (object(json!({"has": reference("texts")})), "the session carries one of these"),
        "rate_limit" => {
            let fields = json!({
                "max_per_minute": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
                "window_seconds": {"type": "integer", "minimum": 1, "maximum": 86_400},
                "key": reference("limit_key"),
            });
            (object(fields), "holds when the action would be one more than allowed")
        }
        "limit" => {
            let quantity = reference("quantity");
            let fields = json!({
                "max": quantity, "within": {"type": "string"}, "key": reference("limit_key"), "cost": quantity,
            });
            (object(fields), "holds when the action would spend more than allowed")
        }
        "and" | "or" => (reference("conditions"), "a list of conditions, or one mapping"),
        "not" => (reference("condition"), "must not hold"),
        "use" => (reference("texts"), "conditions that `define` names"),
        _ => return None,
    })
}

/// A condition on an earlier action, with what belongs to the history itself.
fn past(own: &[&str]) -> Value {
    let field = |name: &str| match name {
        "ge" => json!({"type": "integer", "minimum": 1, "maximum": 1_000}),
        "effect" => effect(),
        _ => json!({"type": "string"}),
    };
    let looks_back = ["after", "not_after", "count", "labels", "rate_limit", "limit"];
    let keys: Vec<&str> = parse::KEYS.into_iter().filter(|key| !looks_back.contains(key)).collect();
    let mut further = properties(&keys, condition_key);
    further.extend(own.iter().map(|name| ((*name).to_owned(), field(name))));
    condition_with(further)
}

fn test() -> Value {
    let length = Comparison::NAMES.iter().map(|(name, _)| ((*name).to_owned(), json!({"type": "integer"})));
    let length: Map<String, Value> = length.collect();
    let operator = |name: &str| match name {
        "in" | "not_in" => json!({"anyOf": [
            {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}},
            {"type": "string", "pattern": "^\\$"},
        ]}),
        "pattern" => json!({"type": "string", "minLength": 1}),
        "glob" | "prefix" | "suffix" | "contains" | "cidr" => json!({"$ref": "#/$defs/texts"}),
        "gt" | "ge" | "lt" | "le" => json!({"$ref": "#/$defs/quantity"}),
        "exists" => json!({"type": "boolean"}),
        "length" => json!({"anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "object", "additionalProperties": false, "minProperties": 1, "properties": length},
        ]}),
        "type" => {
            let name = names(JsonType::NAMES.iter().map(|(name, _)| *name));
            json!({"anyOf": [one_or_more(name), {"type": "null"}]})
        }
        "any_of" | "all_of" => json!({"$ref": "#/$defs/tests"}),
        _ => json!({}),
    };
    let tests = parse::test::OPERATORS
        .iter()
        .map(|(name, text)| ((*name).to_owned(), described(operator(name), text)));
    let mut properties: Map<String, Value> = tests.collect();
    properties
        .insert("view".into(), described(names(View::NAMES.iter().map(|(name, _)| *name)), "seen as this"));
    json!({"type": "object", "additionalProperties": false, "minProperties": 1, "properties": properties})
}

fn case(past: bool) -> Value {
    let around: &[&str] = if past { &PAST_FIELDS } else { &AROUND_FIELDS };
    let fields: Vec<&str> = REQUEST_FIELDS.iter().chain(around).copied().collect();
    let properties = properties(&fields, |name| {
        let text = || json!({"type": "string"});
        Some(match name {
            "action_type" => (names(ActionType::ALL.into_iter().map(ActionType::as_str)), "kind of action"),
            "target" | "agent_id" | "declared_goal" | "timestamp" => (text(), "of the action"),
            "parameters" | "context" => (json!({"type": "object"}), "of the action"),
            "after" => (json!({"type": "integer", "minimum": 0}), "so many such actions came before"),
            "history" => (json!({"type": "array", "items": {"$ref": "#/$defs/past"}}), "earlier actions"),
            "labels" | "role" | "explanation" => {
                (json!({"$ref": "#/$defs/texts"}), "what is known, or expected")
            }
            "tenant" | "at" => (text(), "what is known"),
            "ago" => (json!({"$ref": "#/$defs/quantity"}), "how long before now"),
            "decision" | "effect" => (effect(), "what must come, or came, of it"),
            _ => return None,
        })
    });
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}
