//! Imported documents of the Agent Governance Toolkit against what its evaluator answers.
//!
//! `python` is what `_match_condition` of `agent_os/policies/evaluator.py` does: an absent or null field meets
//! nothing, `True` is 1, and what cannot be compared raises an error, upon which the evaluator denies.

use serde_json::{Value, json};

use super::{effects, import};

/// What Python answers; `None` is an error.
fn python(operator: &str, found: Option<&Value>, value: &Value) -> Option<bool> {
    let found = match found {
        None | Some(Value::Null) => return Some(false),
        Some(found) => found,
    };
    Some(match operator {
        "eq" => same(found, value),
        "ne" => !same(found, value),
        "in" => value.as_array().unwrap().iter().any(|value| same(found, value)),
        "not_in" => !value.as_array().unwrap().iter().any(|value| same(found, value)),
        operator => {
            let (a, b) = (number(found)?, number(value)?);
            match operator {
                "gt" => a > b,
                "gte" => a >= b,
                "lt" => a < b,
                _ => a <= b,
            }
        }
    })
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_bool().map(|value| if value { 1.0 } else { 0.0 }))
}

fn same(a: &Value, b: &Value) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn request(target: &str, parameters: Value) -> Value {
    json!({"agent_id": "bot", "action_type": "tool_call", "target": target, "parameters": parameters})
}

#[test]
fn every_comparison_holds_exactly_where_it_does_in_python() {
    let folder = tempfile::tempdir().unwrap();
    let values =
        [json!("a"), json!("1"), json!(1), json!(0), json!(1.5), json!(100), json!(true), json!(false)];
    let mut conditions: Vec<(&str, Value)> = Vec::new();
    for value in values {
        conditions.extend(["eq", "ne"].map(|operator| (operator, value.clone())));
        if value.is_number() {
            conditions.extend(["gt", "gte", "lt", "lte"].map(|operator| (operator, value.clone())));
        }
    }
    for list in [json!(["a", "b"]), json!([1, "a"]), json!([true, 2]), json!([0, 100]), json!(["1", false])] {
        conditions.extend(["in", "not_in"].map(|operator| (operator, list.clone())));
    }
    let found = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "1.0",
        "-1",
        "1.5",
        "2",
        "100",
        "101.5",
        "1e300",
        "\"\"",
        "\"a\"",
        "\"b\"",
        "\"1\"",
        "\"200\"",
        "\"true\"",
        "[]",
        "[\"a\"]",
        "[1]",
        "{}",
        "{\"a\": 1}",
    ];
    let found: Vec<Option<Value>> = [None]
        .into_iter()
        .chain(found.iter().map(|text| Some(serde_json::from_str(text).unwrap())))
        .collect();
    for (operator, value) in conditions {
        for (action, otherwise) in [("allow", "deny"), ("deny", "allow")] {
            // A rule that comes before and one that comes after: an error stops what follows, not what came before.
            let document = json!({
                "version": "1.0", "name": "t", "defaults": {"action": otherwise},
                "rules": [
                    {"name": "last", "condition": {"field": "tool_name", "operator": "eq", "value": "late"},
                     "action": "audit", "priority": -5},
                    {"name": "tested", "condition": {"field": "v", "operator": operator, "value": value},
                     "action": action},
                    {"name": "first", "condition": {"field": "tool_name", "operator": "eq", "value": "early"},
                     "action": "audit", "priority": 7},
                ],
            });
            let policies =
                import(folder.path(), "d.json", &document.to_string(), &["--field", "v=parameters.v"])
                    .unwrap();
            let mut requests = Vec::new();
            let mut expected = Vec::new();
            for found in &found {
                let parameters = found.as_ref().map_or(json!({}), |found| json!({"v": found}));
                let answer = python(operator, found.as_ref(), &value);
                for target in ["early", "other", "late"] {
                    requests.push(request(target, parameters.clone()));
                    let decided = match (target, answer) {
                        ("early", _) => "allow",
                        (_, None) => "deny",
                        (_, Some(true)) => action,
                        ("late", Some(false)) => "allow",
                        (_, Some(false)) => otherwise,
                    };
                    expected.push(decided.to_uppercase());
                }
            }
            let answers = effects(folder.path(), &policies, &requests);
            for at in 0..requests.len() {
                assert_eq!(answers[at], expected[at], "{operator} {value}: {}\n{policies}", requests[at]);
            }
        }
    }
}

const DOCUMENT: &str = r#"
version: "1.0"
name: starter
description: >
  Several lines.
rules:
  - name: ask before refunds
    condition: {field: action, operator: eq, value: refund}
    action: require_approval
    priority: 90
  - name: block-shell
    condition: {field: action, operator: matches, value: "^(run_shell|exec)$"}
    action: deny
    priority: 100
    message: "Shells are prohibited"
  - name: block-shell
    condition: {field: action, operator: contains, value: drop_}
    action: block
    priority: 95
  - name: reads
    condition: {field: action, operator: matches, value: '^(read_|run_|list_)'}
    action: audit
    priority: 50
  - name: budget
    condition: {field: token_count, operator: gt, value: 100}
    action: deny
    priority: 60
defaults:
  action: deny
  max_tokens: 4096
"#;

#[test]
fn rules_go_by_falling_priority_and_what_is_beside_the_decision_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--field", "action=target", "--field", "token_count=parameters.tokens"];
    let policies = import(folder.path(), "d.yaml", DOCUMENT, &flags).unwrap();
    for line in [
        "# Made by `maais policy import` from d.yaml (a policy of the Agent Governance Toolkit).",
        "defaults.max_tokens",
        "id: 'block-shell'",
        "id: 'block-shell-2'",
        "id: 'ask-before-refunds'",
        "id: 'budget.fails'",
        "reason: 'Shells are prohibited'",
        "priority: -100",
    ] {
        assert!(policies.contains(line), "{line} is not in\n{policies}");
    }
    let requests = [
        request("run_shell", json!({})),
        request("run_shell_x", json!({})),
        request("list_drop_x", json!({})),
        request("refund", json!({})),
        request("read_x", json!({"tokens": 101})),
        request("read_x", json!({"tokens": 100})),
        request("read_x", json!({"tokens": "5"})),
        request("write", json!({})),
    ];
    let expected = ["DENY", "ALLOW", "DENY", "REQUIRE_APPROVAL", "DENY", "ALLOW", "DENY", "DENY"];
    assert_eq!(effects(folder.path(), &policies, &requests), expected, "{policies}");
}

/// A condition of a rule, and the words with which it is refused.
const REFUSED: [(&str, &str); 24] = [
    ("{field: output, operator: eq, value: x}", "the field `output`"),
    ("{field: tool_name, operator: is, value: x}", "unknown operator"),
    ("{field: tool_name, operator: eq, value: 1}", "always the same"),
    ("{field: tool_name, operator: ne, value: true}", "always the same"),
    ("{field: tool_name, operator: gt, value: a}", "not put in order"),
    ("{field: v, operator: gt, value: a}", "only numbers"),
    ("{field: tool_name, operator: in, value: abc}", "looks for a part"),
    ("{field: tool_name, operator: in, value: []}", "an empty list"),
    ("{field: tool_name, operator: in, value: [a, 1]}", "always the same"),
    ("{field: v, operator: in, value: [a, null]}", "null meets no condition"),
    ("{field: v, operator: eq, value: null}", "null meets no condition"),
    ("{field: v, operator: eq, value: [a]}", "`value` must be"),
    ("{field: v, operator: contains, value: a}", "looks at the keys"),
    ("{field: v, operator: matches, value: a}", "in its own way"),
    ("{field: tool_name, operator: contains, value: ' '}", "nothing but spaces"),
    ("{field: tool_name, operator: matches, value: '\\w+'}", "a table of Unicode"),
    ("{field: tool_name, operator: matches, value: '(?i)drop'}", "`(?i)`"),
    ("{field: tool_name, operator: matches, value: '(?!x)y'}", "look-around"),
    ("{field: tool_name, operator: matches, value: '(x'}", "not closed"),
    ("{field: tool_name, operator: eq, value: yes}", "versions of YAML"),
    ("{field: tool_name, operator: eq, value: 2026-01-31}", "versions of YAML"),
    ("{field: v, operator: eq, value: 010}", "versions of YAML"),
    ("{field: v, operator: eq, value: 1e3}", "versions of YAML"),
    ("{field: tool_name, operator: eq, value: x, extra: 1}", "unknown field `extra`"),
];

#[test]
fn everything_else_is_refused_where_it_stands_and_all_of_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut rules = String::new();
    for (condition, words) in REFUSED {
        let rule = format!("  - name: r\n    condition: {condition}\n    action: deny\n");
        let document = format!("rules:\n{rule}defaults: {{action: deny}}\n");
        let refused =
            import(folder.path(), "d.yaml", &document, &["--field", "v=parameters.v"]).expect_err(condition);
        assert!(refused.contains("d.yaml:3:") && refused.contains(words), "{condition}\n{refused}");
        rules.push_str(&rule);
    }
    let document = format!("rules:\n{rules}defaults: {{action: deny}}\n");
    let refused = import(folder.path(), "d.yaml", &document, &["--field", "v=parameters.v"]).unwrap_err();
    for (at, (condition, _)) in REFUSED.iter().enumerate() {
        assert!(refused.contains(&format!("d.yaml:{}:", 3 + 3 * at)), "{condition}\n{refused}");
    }
}

#[test]
fn what_is_around_the_rules_is_refused_where_it_changes_the_decision() {
    let folder = tempfile::tempdir().unwrap();
    let rule = "rules: [{name: r, condition: {field: tool_name, operator: eq, value: x}, action: deny}]\n";
    for (rest, words) in [
        ("", "`defaults.action` is not stated"),
        ("defaults: {max_tokens: 1}\n", "`defaults.action` is not stated"),
        ("defaults: {action: maybe}\n", "unknown action"),
        ("defaults: {action: require_approval}\n", "a default that asks"),
        ("defaults: {action: deny, other: 1}\n", "unknown field `other`"),
        ("defaults: {action: deny}\nscope: 'src/**'\n", "`scope`"),
        ("defaults: {action: deny}\ninherit: false\n", "`inherit`"),
        ("defaults: {action: deny}\ntool_allowlist: [a]\n", "`tool_allowlist`"),
        ("defaults: {action: deny}\nkind: x\n", "unknown field `kind`"),
    ] {
        let refused = import(folder.path(), "d.yaml", &format!("{rule}{rest}"), &[]).expect_err(rest);
        assert!(refused.contains(words), "{rest}\n{refused}");
    }
    let extra = rule.replace("action: deny", "action: deny, override: true, priority: 1.5");
    let document = format!("{extra}defaults: {{action: deny}}\n");
    let refused = import(folder.path(), "d.yaml", &document, &["--field", "v=nowhere"]).unwrap_err();
    for words in ["`override`", "`priority` must be a whole number", "`--field v=nowhere`"] {
        assert!(refused.contains(words), "{words}\n{refused}");
    }
}
