//! Cases for policies: for each rule, actions on which it fires and actions on which it stays quiet.
//!
//! ```yaml
//! rules:
//!   deny_external_http:
//!     fires:
//!       - {action_type: tool_call, target: http_request, parameters: {url: 'https://evil.example/'}}
//!     quiet:
//!       - {action_type: tool_call, target: http_request, parameters: {url: 'http://localhost/'}, decision: ALLOW}
//! ```
//!
//! A rule fires when it is the first that matches. `after: N` says that N such actions came within the
//! window of every rate limit; `decision` says what the policies alone must lead to. CIAA checks take no
//! part: they have tests of their own.

use serde_json::{Map, Value};

use super::PolicySet;
use crate::decision::Effect;
use crate::diagnostic::{Diagnostic, Diagnostics, Level, Source};
use crate::document::{self, Node, Reader, Yaml};
use crate::facts::{Facts, NoMemo};
use crate::request::{ActionRequest, Defaults};
use crate::suggest::did_you_mean;

const CASE_FIELDS: [&str; 9] = [
    "action_type",
    "target",
    "parameters",
    "agent_id",
    "declared_goal",
    "context",
    "timestamp",
    "after",
    "decision",
];

/// Whether the rule must be the first to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expectation {
    /// It must.
    Fires,
    /// It must not.
    Quiet,
}

/// One action, held against the policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// The rule.
    pub rule: String,
    /// What was expected of it.
    pub expectation: Expectation,
    /// Where the case stands.
    pub place: String,
    /// What was wrong, shown at the case.
    pub failure: Option<Box<Diagnostic>>,
}

/// A rule that has no case that fires, or none that stays quiet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    /// The rule.
    pub rule: String,
    /// What is missing.
    pub missing: Expectation,
}

/// Holds every case of a document against the policies.
///
/// # Errors
/// When the document is no list of cases, or names rules that do not exist.
pub fn run(policies: &PolicySet, source: &Source) -> Result<Vec<CaseResult>, Diagnostics> {
    let document = document::parse(source)?;
    let mut reader = Reader::new(source);
    let mut results = Vec::new();
    file(&mut reader, policies, &document.root, &mut results);
    let mut problems = document.problems;
    problems.extend(reader.into_problems());
    if problems.iter().any(|problem| problem.level == Level::Error) {
        return Err(Diagnostics(problems));
    }
    Ok(results)
}

/// Rules without a case that fires or without one that stays quiet.
pub fn uncovered(policies: &PolicySet, results: &[CaseResult]) -> Vec<Uncovered> {
    let has =
        |rule: &str, expectation| results.iter().any(|r| r.rule == rule && r.expectation == expectation);
    let mut missing = Vec::new();
    for rule in policies.rules() {
        for expectation in [Expectation::Fires, Expectation::Quiet] {
            if !has(&rule.id, expectation) {
                missing.push(Uncovered { rule: rule.id.to_string(), missing: expectation });
            }
        }
    }
    missing
}

fn file(reader: &mut Reader<'_>, policies: &PolicySet, root: &Node, results: &mut Vec<CaseResult>) {
    let Some(fields) = reader.map(root, "the file", &["rules"]) else {
        return;
    };
    let Some(rules) = fields.field("rules").and_then(|node| reader.open_map(node, "rules")) else {
        reader.error(fields.span, "the file has no `rules`", "here", None);
        return;
    };
    for (key, node) in rules.iter() {
        if !policies.rules().iter().any(|rule| *rule.id == *key.text) {
            let meant = did_you_mean(&key.text, policies.rules().iter().map(|rule| &*rule.id));
            reader.error(&key.span, format!("there is no rule `{}`{meant}", key.text), "unknown", None);
            continue;
        }
        let Some(lists) = reader.map(node, "a rule's cases", &["fires", "quiet"]) else {
            continue;
        };
        for (name, expectation) in [("fires", Expectation::Fires), ("quiet", Expectation::Quiet)] {
            let Some(list) = lists.field(name).and_then(|node| reader.list(node, name)) else {
                continue;
            };
            for node in list {
                if let Some(case) = Case::read(reader, node) {
                    results.push(case.run(reader.source(), policies, &key.text, expectation));
                }
            }
        }
    }
}

struct Case<'n> {
    node: &'n Node,
    request: ActionRequest,
    after: i64,
    decision: Option<Effect>,
}

impl<'n> Case<'n> {
    fn read(reader: &mut Reader<'_>, node: &'n Node) -> Option<Self> {
        let fields = reader.map(node, "a case", &CASE_FIELDS)?;
        let after = fields.field("after").map_or(Some(0), |n| reader.int(n, "after", 0..=1_000_000))?;
        let decision = match fields.field("decision") {
            Some(n) => Some(effect(reader, n)?),
            None => None,
        };
        let Value::Object(mut map) = node.to_json() else {
            return None;
        };
        map.remove("after");
        map.remove("decision");
        map.entry("agent_id").or_insert_with(|| "agent".into());
        match request(map) {
            Ok(request) => Some(Self { node, request, after, decision }),
            Err(error) => {
                reader.error(&node.span, format!("this case is no action: {error}"), "here", None);
                None
            }
        }
    }

    fn run(&self, source: &Source, policies: &PolicySet, rule: &str, expectation: Expectation) -> CaseResult {
        let facts = Facts::new(&self.request, &NoMemo);
        let over =
            |limit: usize| policies.limits().get(limit).is_some_and(|spec| self.after >= i64::from(spec.max));
        let matched = policies.first_match(&facts, &over);
        let first = matched.map(|matched| &*matched.rule.id);
        let message = match (expectation, first == Some(rule)) {
            (Expectation::Fires, false) => Some(format!("`{rule}` does not fire; {}", winner(first))),
            (Expectation::Quiet, true) => Some(format!("`{rule}` fires, but should stay quiet")),
            _ => {
                let effect = matched.map_or(Effect::Deny, |matched| matched.rule.effect);
                let expected = self.decision.filter(|expected| *expected != effect);
                expected
                    .map(|expected| format!("the policies say {effect}, not {expected}; {}", winner(first)))
            }
        };
        let mut place = Reader::new(source);
        if let Some(message) = message {
            place.error(&self.node.span, message, "this case", None);
        }
        let (line, column) = source.position(self.node.span.start);
        CaseResult {
            rule: rule.to_owned(),
            expectation,
            place: format!("{}:{line}:{column}", source.name),
            failure: place.into_problems().pop().map(Box::new),
        }
    }
}

fn winner(first: Option<&str>) -> String {
    first.map_or_else(|| "no rule matches".to_owned(), |id| format!("`{id}` matches first"))
}

fn effect(reader: &mut Reader<'_>, node: &Node) -> Option<Effect> {
    let effect = match &node.value {
        Yaml::Text(text) => Effect::from_name(text),
        _ => None,
    };
    if effect.is_none() {
        let help = Some("one of `ALLOW`, `REQUIRE_APPROVAL`, `DENY`".to_owned());
        reader.error(&node.span, "this is no effect", "here", help);
    }
    effect
}

fn request(map: Map<String, Value>) -> Result<ActionRequest, crate::request::RequestError> {
    let defaults = Defaults { action_id: "case".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
    ActionRequest::from_value(Value::Object(map), defaults)
}
