//! One rule set in every engine's language, and the requests with the rule that each must find.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Failure;

/// The rule sets of a folder: the rules of a real deployment, and synthetic ones of growing number.
pub(crate) const SIZES: [&str; 4] = ["seed17", "100", "1000", "10000"];

pub(crate) struct Workload {
    /// In the order in which they are tried.
    pub(crate) rules: Vec<Rule>,
    pub(crate) yaml: String,
    pub(crate) cedar: String,
    pub(crate) rego: String,
    pub(crate) requests: Vec<Request>,
}

#[derive(Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) priority: u32,
    /// Action types; `*` is every one.
    pub(crate) applies_to: Vec<String>,
    /// Matches if one of these does, or if there are none.
    pub(crate) any: Vec<Alternative>,
    pub(crate) allow: bool,
}

#[derive(Deserialize)]
pub(crate) struct Alternative {
    pub(crate) target: Option<Test>,
    pub(crate) params: Vec<(String, Test)>,
}

#[derive(Deserialize)]
pub(crate) enum Test {
    Eq(String),
    In(Vec<String>),
    Re(Pattern),
}

/// One pattern in each engine's way of saying it.
#[derive(Deserialize)]
pub(crate) struct Pattern {
    pub(crate) re: String,
    /// And not this one: for engines without look-ahead.
    pub(crate) not_re: Option<String>,
    /// With look-ahead, and anchored by whoever tries it.
    pub(crate) py: String,
    /// For engines with `*` only, on text in lower case.
    pub(crate) likes: Vec<String>,
    pub(crate) not_likes: Vec<String>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Request {
    pub(crate) agent_id: String,
    pub(crate) action_type: String,
    pub(crate) target: String,
    pub(crate) parameters: Map<String, Value>,
    /// The first rule that matches.
    pub(crate) expect: Option<String>,
}

pub(crate) fn read(folder: &Path, size: &str) -> Result<Workload, Failure> {
    let file = |ending: &str| {
        let path = folder.join(format!("{size}.{ending}"));
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let rules: Vec<Rule> = serde_json::from_str(&file("rules.json")?)?;
    let requests = file("requests.jsonl")?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok(Workload {
        yaml: unanchored(&file("rules.yaml")?, &rules),
        cedar: file("cedar")?,
        rego: file("rego")?,
        rules,
        requests,
    })
}

/// The YAML was written for an engine that tries patterns at the beginning of the text only; ours tries
/// them anywhere, as the others here do, so it gets the expression that they get. Look-aheads stay.
fn unanchored(yaml: &str, rules: &[Rule]) -> String {
    let tests = rules
        .iter()
        .flat_map(|rule| &rule.any)
        .flat_map(|any| any.target.iter().chain(any.params.iter().map(|(_, test)| test)));
    let same: std::collections::HashMap<&str, &str> = tests
        .filter_map(|test| match test {
            Test::Re(pattern) if pattern.not_re.is_none() => Some((pattern.py.as_str(), pattern.re.as_str())),
            _ => None,
        })
        .collect();
    let line = |line: &str| {
        let found = line.split_once("pattern: ").and_then(|(indent, py)| Some((indent, same.get(py)?)));
        match found {
            Some((indent, re)) => format!("{indent}pattern: '{}'\n", re.replace('\'', "''")),
            None => format!("{line}\n"),
        }
    };
    yaml.lines().map(line).collect()
}
