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
//! A rule fires when it is the first that matches; one in shadow mode, when it would have been. Beside the
//! action a case may say what surrounds it:
//!
//! - `after: N`: N such actions came within the window of every limit;
//! - `history: [{target: …, ago: 5m}, …]`: what the session did before, oldest first;
//! - `labels`, `role`, `tenant`: what the engine knows; `at`: the time of the decision;
//! - `decision`: what the policies alone must lead to; `explanation`: what the reason must contain.
//!
//! CIAA checks take no part: they have tests of their own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::model::{ActionTypes, Condition, Subject, Test};
use super::quantity::Quantity;
use super::{PolicySet, Trail, Tri};
use crate::decision::Effect;
use crate::diagnostic::{Diagnostic, Diagnostics, Level, Source};
use crate::document::{self, Fields, Node, Reader, Yaml};
use crate::facts::{Facts, NoMemo};
use crate::request::{ActionRequest, Defaults};
use crate::state::{Exceeded, Limit, State};
use crate::suggest::did_you_mean;

/// The fields of the action itself.
pub(super) const REQUEST_FIELDS: [&str; 7] =
    ["action_type", "target", "parameters", "agent_id", "declared_goal", "context", "timestamp"];
/// What surrounds it.
pub(super) const AROUND_FIELDS: [&str; 9] =
    ["after", "history", "labels", "role", "tenant", "at", "decision", "explanation", "note"];
/// What surrounds an earlier action.
pub(super) const PAST_FIELDS: [&str; 2] = ["ago", "effect"];
/// Earlier actions of one case.
const HISTORY_MAX: usize = 2_000;

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

/// Which parts of conditions were true and false in the cases so far.
#[derive(Debug, Default)]
pub struct PartsSeen {
    /// By rule and position: what it asks, whether it was ever true, ever not.
    parts: BTreeMap<(String, usize), (String, bool, bool)>,
}

/// A part of a condition that has the same answer in every case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// The rule.
    pub rule: String,
    /// What the part asks.
    pub asks: String,
    /// Its answer was always true; else it never was.
    pub ever_true: bool,
}

impl PartsSeen {
    fn note(&mut self, policies: &PolicySet, facts: &Facts<'_>, state: &State) {
        for tried in policies.explain(facts, state) {
            for (at, part) in tried.parts.into_iter().enumerate() {
                // What is not known is met where it restricts.
                let restricts = tried.rule.effect != Effect::Allow;
                let holds = part.holds == Tri::True || (restricts && part.holds == Tri::Unknown);
                let entry =
                    self.parts.entry((tried.rule.id.to_string(), at)).or_insert((part.asks, false, false));
                entry.1 |= holds;
                entry.2 |= !holds;
            }
        }
    }

    /// Parts that were looked at.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether nothing was looked at.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Parts that no case makes true, or none makes false.
    pub fn undecided(&self) -> Vec<Undecided> {
        let parts = self.parts.iter().filter(|(_, (_, ever, never))| !(*ever && *never));
        let undecided = |((rule, _), (asks, ever, _)): (&(String, usize), &(String, bool, bool))| Undecided {
            rule: rule.clone(),
            asks: asks.clone(),
            ever_true: *ever,
        };
        parts.map(undecided).collect()
    }
}

/// Holds every case of a document against the policies, and notes which parts of conditions they decide.
///
/// # Errors
/// When the document is no list of cases, or names rules that do not exist.
pub fn run(
    policies: &PolicySet,
    source: &Source,
    parts: &mut PartsSeen,
) -> Result<Vec<CaseResult>, Diagnostics> {
    let document = document::parse(source)?;
    let mut reader = Reader::new(source);
    let mut results = Vec::new();
    file(&mut reader, policies, &document.root, &mut results, parts);
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

fn file(
    reader: &mut Reader<'_>,
    policies: &PolicySet,
    root: &Node,
    results: &mut Vec<CaseResult>,
    parts: &mut PartsSeen,
) {
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
                if let Some(case) = Case::read(reader, node, &CaseDefaults::default()) {
                    results.push(case.run(reader.source(), policies, &key.text, expectation, parts));
                }
            }
        }
    }
}

/// An action and what surrounds it.
#[derive(Debug, Clone)]
pub struct Case {
    /// Where it stands.
    pub span: Range<usize>,
    /// The action.
    pub request: ActionRequest,
    after: u64,
    history: Vec<Past>,
    labels: Vec<String>,
    roles: Vec<String>,
    tenant: Option<String>,
    at: Option<Timestamp>,
    decision: Option<Effect>,
    explanation: Vec<String>,
}

/// An earlier action of the same session.
#[derive(Debug, Clone)]
struct Past {
    request: ActionRequest,
    ago: Duration,
    effect: Effect,
}

/// What a case need not say.
#[derive(Debug, Clone, Default)]
pub(super) struct CaseDefaults {
    action_type: Option<&'static str>,
    target: Option<String>,
}

impl CaseDefaults {
    /// The policy's first kind of action and its first exact target.
    pub(super) fn of(applies_to: ActionTypes, condition: Option<&Condition>) -> Self {
        Self {
            action_type: applies_to.names().first().copied(),
            target: condition.and_then(first_target).or_else(|| Some("example".to_owned())),
        }
    }
}

fn first_target(condition: &Condition) -> Option<String> {
    fn of_test(test: &Test) -> Option<String> {
        match test {
            Test::Equals(value) => value.as_str().map(str::to_owned),
            Test::In(values) => values.first()?.as_str().map(str::to_owned),
            Test::All(tests) => tests.iter().find_map(of_test),
            _ => None,
        }
    }
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().find_map(first_target),
        Condition::Holds(Subject::Target, test) => of_test(test),
        _ => None,
    }
}

impl Case {
    /// Reads a case; what is wrong with it is noted.
    pub(super) fn read(reader: &mut Reader<'_>, node: &Node, defaults: &CaseDefaults) -> Option<Self> {
        let known: Vec<&str> = REQUEST_FIELDS.into_iter().chain(AROUND_FIELDS).collect();
        let fields = reader.map(node, "a case", &known)?;
        let after = fields.field("after").map_or(Some(0), |n| reader.int(n, "after", 0..=1_000_000))?;
        let texts = |reader: &mut Reader<'_>, name: &str| -> Vec<String> {
            let node = fields.field(name);
            node.map(|node| reader.texts(node, name))
                .unwrap_or_default()
                .into_iter()
                .map(|(t, _)| t)
                .collect()
        };
        let history = match fields.field("history") {
            Some(node) => history(reader, node, defaults)?,
            None => Vec::new(),
        };
        Some(Self {
            span: node.span.clone(),
            after: u64::try_from(after).unwrap_or(0),
            history,
            labels: texts(reader, "labels"),
            roles: texts(reader, "role"),
            explanation: texts(reader, "explanation"),
            tenant: match fields.field("tenant") {
                Some(node) => Some(reader.text(node, "tenant")?),
                None => None,
            },
            at: match fields.field("at") {
                Some(node) => Some(time(reader, node)?),
                None => None,
            },
            decision: match fields.field("decision") {
                Some(node) => Some(effect(reader, node)?),
                None => None,
            },
            request: request(reader, node, defaults)?,
        })
    }

    /// What the engine would know beside the action.
    pub fn state(&self, policies: &PolicySet) -> State {
        let mut state = State {
            now: self.at.unwrap_or(Timestamp::UNIX_EPOCH),
            tenant: self.tenant.clone().unwrap_or_else(|| State::default().tenant),
            roles: self.roles.clone(),
            labels: self.labels.clone(),
            ..State::default()
        };
        let now = self.history.iter().map(|past| past.ago).max().unwrap_or_default();
        let mut trail = Trail::default();
        for past in &self.history {
            let facts = Facts::new(&past.request, &NoMemo).typed(policies.tools());
            trail.note(policies, &facts, &state, past.effect, now.saturating_sub(past.ago));
        }
        state.history = trail.answers(policies, now);
        state.exceeded = self.exceeded(policies);
        state
    }

    /// The limits beyond which the action is, after so many like it.
    fn exceeded(&self, policies: &PolicySet) -> Vec<Exceeded> {
        let over = |(number, spec): (usize, &super::LimitSpec)| {
            let spent =
                spec.cost_of(&self.request).and_then(|cost| cost.checked_mul(self.after.checked_add(1)?));
            let exceeded = spent.is_none_or(|spent| spent > spec.max);
            exceeded.then(|| Exceeded {
                limit: Limit::Policy(number),
                seen: spec.cost_of(&self.request).unwrap_or(0).saturating_mul(self.after),
                max: spec.max,
                window_seconds: spec.window_seconds,
                retry_after_ms: 0,
            })
        };
        policies.limits().iter().enumerate().filter_map(over).collect()
    }

    fn run(
        &self,
        source: &Source,
        policies: &PolicySet,
        rule: &str,
        expectation: Expectation,
        parts: &mut PartsSeen,
    ) -> CaseResult {
        let facts = Facts::new(&self.request, &NoMemo).typed(policies.tools());
        let state = self.state(policies);
        parts.note(policies, &facts, &state);
        let found = policies.evaluate(&facts, &state);
        let first = found.matched.map(|matched| &*matched.rule.id);
        let fires = first == Some(rule) || found.shadows.iter().any(|matched| *matched.rule.id == *rule);
        let reason = found.matched.map_or("", |matched| matched.rule.reason.as_str());
        let unsaid = self.explanation.iter().find(|part| !reason.contains(part.as_str()));
        let message = match (expectation, fires) {
            (Expectation::Fires, false) => Some(format!("`{rule}` does not fire; {}", winner(first))),
            (Expectation::Quiet, true) => Some(format!("`{rule}` fires, but should stay quiet")),
            _ if unsaid.is_some() => {
                let part = unsaid.map_or("", String::as_str);
                Some(format!("the explanation is `{reason}`, without `{part}`; {}", winner(first)))
            }
            _ => {
                let default = policies.default_decision().unwrap_or(Effect::Deny);
                let effect = found.matched.map_or(default, |matched| matched.rule.effect);
                let expected = self.decision.filter(|expected| *expected != effect);
                expected
                    .map(|expected| format!("the policies say {effect}, not {expected}; {}", winner(first)))
            }
        };
        let mut place = Reader::new(source);
        if let Some(message) = message {
            place.error(&self.span, message, "this case", None);
        }
        let (line, column) = source.position(self.span.start);
        CaseResult {
            rule: rule.to_owned(),
            expectation,
            place: format!("{}:{line}:{column}", source.name),
            failure: place.into_problems().pop().map(Box::new),
        }
    }
}

fn history(reader: &mut Reader<'_>, node: &Node, defaults: &CaseDefaults) -> Option<Vec<Past>> {
    let items = reader.list(node, "history")?;
    if items.len() > HISTORY_MAX {
        reader.error(&node.span, format!("more than {HISTORY_MAX} earlier actions"), "too many", None);
        return None;
    }
    let known: Vec<&str> = REQUEST_FIELDS.into_iter().chain(PAST_FIELDS).collect();
    let past = |reader: &mut Reader<'_>, node: &Node| {
        let fields = reader.map(node, "an earlier action", &known)?;
        let ago = ago(reader, fields)?;
        let effect = match fields.field("effect") {
            Some(node) => effect(reader, node)?,
            None => Effect::Allow,
        };
        Some(Past { request: request(reader, node, defaults)?, ago, effect })
    };
    items.iter().map(|item| past(reader, item)).collect()
}

fn ago(reader: &mut Reader<'_>, fields: Fields<'_>) -> Option<Duration> {
    let Some(node) = fields.field("ago") else { return Some(Duration::ZERO) };
    let millis = Quantity::of(&node.to_json()).and_then(|ago| ago.millis());
    if millis.is_none() {
        let help = "a duration such as `5m`".to_owned();
        reader.error(&node.span, "`ago` is no duration", "here", Some(help));
    }
    millis.map(Duration::from_millis)
}

fn time(reader: &mut Reader<'_>, node: &Node) -> Option<Timestamp> {
    let time = reader.text(node, "at")?.parse::<Timestamp>().ok();
    if time.is_none() {
        let help = "an RFC 3339 time such as `2026-01-31T12:00:00Z`".to_owned();
        reader.error(&node.span, "`at` is no time", "here", Some(help));
    }
    time
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

/// The action of a case: the fields of a request, and nothing of what surrounds it.
fn request(reader: &mut Reader<'_>, node: &Node, defaults: &CaseDefaults) -> Option<ActionRequest> {
    let Value::Object(map) = node.to_json() else { return None };
    let mut map: Map<String, Value> =
        map.into_iter().filter(|(key, _)| REQUEST_FIELDS.contains(&key.as_str())).collect();
    map.entry("agent_id").or_insert_with(|| "agent".into());
    if let Some(kind) = defaults.action_type {
        map.entry("action_type").or_insert_with(|| kind.into());
    }
    if let Some(target) = &defaults.target {
        map.entry("target").or_insert_with(|| target.clone().into());
    }
    let supplied = Defaults { action_id: "case".into(), timestamp: Timestamp::UNIX_EPOCH };
    match ActionRequest::from_value(Value::Object(map), supplied) {
        Ok(request) => Some(request),
        Err(error) => {
            reader.error(&node.span, format!("this case is no action: {error}"), "here", None);
            None
        }
    }
}
