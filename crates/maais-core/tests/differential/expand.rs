//! From files to rules: includes, lists, definitions and defaults put in place by substitution.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::readings::ENFORCE_WINS_OVER_THE_FILE;

/// The rules of a set of files in the order in which they are tried.
#[derive(Debug, Clone)]
pub struct Expanded {
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub id: String,
    pub decision: String,
    pub applies_to: Vec<String>,
    pub condition: Value,
    pub shadow: bool,
    /// How many limits stand in the condition.
    pub limits: usize,
}

type Named = BTreeMap<String, Value>;

/// Files by name; JSON is YAML.
pub fn expand(files: &[(String, Value)]) -> Expanded {
    let mut rules = Vec::new();
    for (name, file) in files {
        let (mut lists, mut defined) = (Named::new(), Named::new());
        known_in(name, files, &mut lists, &mut defined);
        let none = Vec::new();
        let policies = file.get("policies").and_then(Value::as_array).unwrap_or(&none);
        for (position, policy) in policies.iter().enumerate() {
            let field = |key: &str| policy.get(key).or_else(|| file["defaults"].get(key)).cloned();
            let mut limits = 0;
            let condition = put_in(&policy["condition"], &lists, &defined, &mut limits);
            let rule = Rule {
                id: policy["id"].as_str().unwrap().to_owned(),
                decision: field("decision").unwrap().as_str().unwrap().to_owned(),
                applies_to: crate::values::listed(&field("applies_to").unwrap())
                    .iter()
                    .map(|kind| kind.as_str().unwrap().to_owned())
                    .collect(),
                condition,
                shadow: shadow(field("mode").as_ref(), file.get("mode")),
                limits,
            };
            let priority = field("priority").map_or(100, |priority| priority.as_i64().unwrap());
            rules.push(((priority, name.clone(), position), rule));
        }
    }
    rules.sort_by(|left, right| left.0.cmp(&right.0));
    Expanded { rules: rules.into_iter().map(|(_, rule)| rule).collect() }
}

fn shadow(own: Option<&Value>, of_file: Option<&Value>) -> bool {
    match (own, of_file) {
        (Some(own), _) if ENFORCE_WINS_OVER_THE_FILE => own == "shadow",
        (own, of_file) => [own, of_file].into_iter().flatten().any(|mode| mode == "shadow"),
    }
}

/// The lists and definitions that are known in a file: its own and those of what it includes.
fn known_in(name: &str, files: &[(String, Value)], lists: &mut Named, defined: &mut Named) {
    let Some((_, file)) = files.iter().find(|(other, _)| other == name) else { panic!("no file {name}") };
    for (key, into) in [("lists", &mut *lists), ("define", &mut *defined)] {
        into.extend(file.get(key).and_then(Value::as_object).cloned().into_iter().flatten());
    }
    for included in file.get("include").map(crate::values::listed).unwrap_or_default() {
        known_in(included.as_str().unwrap(), files, lists, defined);
    }
}

/// A condition with its definitions (`use` becomes the list of their conditions), lists and numbered limits.
fn put_in(condition: &Value, lists: &Named, defined: &Named, limits: &mut usize) -> Value {
    let mut out = Map::new();
    for (key, spec) in condition.as_object().unwrap() {
        let mut again = |condition: &Value| put_in(condition, lists, defined, limits);
        let value = match (key.as_str(), spec) {
            ("use", names) => {
                let of = |name: &Value| again(&defined[name.as_str().unwrap()]);
                crate::values::listed(names).iter().map(of).collect()
            }
            ("and" | "or", Value::Array(items)) => items.iter().map(again).collect(),
            ("and" | "or" | "not", _) | ("after" | "not_after" | "count", _) => again(spec),
            ("rate_limit" | "limit", _) => {
                *limits += 1;
                json!({"number": *limits - 1})
            }
            _ => with_lists(spec, lists),
        };
        out.insert(key.clone(), value);
    }
    Value::Object(out)
}

/// `$name` as the whole operand of a test stands for the list of that name.
fn with_lists(spec: &Value, lists: &Named) -> Value {
    let Some(map) = spec.as_object() else { return spec.clone() };
    let put = |(key, operand): (&String, &Value)| {
        let list = operand.as_str().and_then(|text| text.strip_prefix('$')).and_then(|name| lists.get(name));
        let takes = ["in", "not_in", "glob", "prefix", "suffix", "contains", "cidr"].contains(&key.as_str());
        let value = match list {
            Some(list) if takes => list.clone(),
            _ => with_lists(operand, lists),
        };
        (key.clone(), value)
    };
    Value::Object(map.iter().map(put).collect())
}
