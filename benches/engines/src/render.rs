//! Rules of a generated workload in each engine's language.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::workload::{Rule, Test};

/// Every YAML reader reads JSON.
pub(crate) fn yaml(rules: &[Rule]) -> String {
    let test = |test: &Test| match test {
        Test::Eq(text) => json!(text),
        Test::In(texts) => json!({ "in": texts }),
        Test::Re(pattern) => json!({ "pattern": pattern.py }),
    };
    let policy = |rule: &Rule| {
        let mut condition = Map::new();
        for any in &rule.any {
            if let Some(target) = &any.target {
                condition.insert("target".into(), test(target));
            }
            if !any.params.is_empty() {
                let params = any.params.iter().map(|(name, of)| (name.clone(), test(of)));
                condition.insert("parameters".into(), Value::Object(params.collect()));
            }
        }
        json!({
            "id": rule.id,
            "applies_to": rule.applies_to,
            "condition": condition,
            "decision": if rule.allow { "ALLOW" } else { "DENY" },
            "reason": format!("{} matched", rule.id),
            "priority": rule.priority,
        })
    };
    json!({ "policies": rules.iter().map(policy).collect::<Vec<_>>() }).to_string()
}

pub(crate) fn cedar(rules: &[Rule]) -> String {
    let mut text = String::new();
    for rule in rules {
        let action = match rule.applies_to.as_slice() {
            [all] if all == "*" => "action".to_owned(),
            [only] => format!("action == Action::{only:?}"),
            many => {
                let names: Vec<_> = many.iter().map(|name| format!("Action::{name:?}")).collect();
                format!("action in [{}]", names.join(", "))
            }
        };
        let mut resource = "resource".to_owned();
        let mut all = Vec::new();
        for any in &rule.any {
            match &any.target {
                Some(Test::Eq(target)) => resource = format!("resource == Target::{target:?}"),
                Some(test) => all.push(cedar_test("target", test)),
                None => {}
            }
            let param =
                |(name, test): &(String, Test)| format!("context has {name} && {}", cedar_test(name, test));
            all.extend(any.params.iter().map(param));
        }
        let effect = if rule.allow { "permit" } else { "forbid" };
        let when = if all.is_empty() { String::new() } else { format!(" when {{ {} }}", all.join(" && ")) };
        let _ = writeln!(text, "@id({:?})\n{effect} (principal, {action}, {resource}){when};", rule.id);
    }
    text
}

fn cedar_test(field: &str, test: &Test) -> String {
    match test {
        Test::Eq(text) => format!("context.{field} == {text:?}"),
        Test::In(texts) => format!("{texts:?}.contains(context.{field})"),
        Test::Re(pattern) => {
            let like = |like: &String| format!("context.{field}_lc like {like:?}");
            let likes: Vec<_> = pattern.likes.iter().map(like).collect();
            let nots = pattern.not_likes.iter().map(|not| format!(" && !({})", like(not)));
            format!("({}){}", likes.join(" || "), nots.collect::<String>())
        }
    }
}

pub(crate) fn rego(rules: &[Rule]) -> String {
    let mut text = "package maais\n\nimport rego.v1\n".to_owned();
    for rule in rules.iter().filter(|rule| !rule.any.is_empty()) {
        let _ = writeln!(text, "\nmatched contains [{}, {:?}] if {{", rule.priority, rule.id);
        match rule.applies_to.as_slice() {
            [all] if all == "*" => {}
            [only] => {
                let _ = writeln!(text, "\tinput.action_type == {only:?}");
            }
            many => {
                let _ = writeln!(text, "\tinput.action_type in {}", set(many));
            }
        }
        for any in &rule.any {
            let target = any.target.iter().map(|test| ("input.target".to_owned(), test));
            let params = any.params.iter().map(|(name, test)| (format!("input.parameters.{name}"), test));
            for (field, test) in target.chain(params) {
                text += &rego_test(&field, test);
            }
        }
        text += "}\n";
    }
    let rest = rules.iter().find(|rule| rule.any.is_empty()).map_or("", |rule| &rule.id);
    let _ =
        write!(text, "\ndefault decision := {rest:?}\n\ndecision := min(matched)[1] if count(matched) > 0\n");
    text
}

fn rego_test(field: &str, test: &Test) -> String {
    match test {
        Test::Eq(text) => format!("\t{field} == {text:?}\n"),
        Test::In(texts) => format!("\t{field} in {}\n", set(texts)),
        Test::Re(pattern) => {
            let not = pattern.not_re.as_ref().map(|not| format!("\tnot regex.match(`{not}`, {field})\n"));
            format!("\tregex.match(`{}`, {field})\n{}", pattern.re, not.unwrap_or_default())
        }
    }
}

fn set(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("{{{}}}", quoted.join(", "))
}
