//! What policies mean: an immutable matcher that finds the first rule that matches an action.
//!
//! Three-valued (Kleene 1938): a view that cannot be computed, or that holds for some of an action's
//! URLs but not for all, is unknown. An unknown condition matches for a rule that restricts and does not
//! match for one that allows, so what cannot be understood is never the reason for an ALLOW.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Pattern;
use super::model::{ActionTypes, LimitKey, UrlPart};
use crate::decision::{Dimension, Effect, Severity};
use crate::facts::Facts;
use crate::glob::Glob;
use crate::request::ActionType;
use crate::view::path::PathOutcome;
use crate::view::url::{UrlOutcome, UrlView};

/// True, false, or not to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tri {
    /// It does not hold.
    False,
    /// It cannot be said.
    Unknown,
    /// It holds.
    True,
}

impl From<bool> for Tri {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

impl std::ops::Not for Tri {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

impl Tri {
    /// Holds if all do; nothing at all holds.
    fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut least = Self::True;
        for part in parts {
            least = least.min(part);
            if least == Self::False {
                break;
            }
        }
        least
    }

    /// Holds if one does; of nothing at all, none does.
    fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut most = Self::False;
        for part in parts {
            most = most.max(part);
            if most == Self::True {
                break;
            }
        }
        most
    }

    /// Holds if all do, does not if none does, and is unknown between; of nothing at all, none does.
    fn agreed(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else {
            return Self::False;
        };
        if parts.all(|part| part == first) { first } else { Self::Unknown }
    }
}

/// A rate limit of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSpec {
    /// The policy.
    pub policy_id: Arc<str>,
    /// Actions within the window that are not over the limit.
    pub max: u32,
    /// Length of the sliding window.
    pub window_seconds: u32,
    /// What is counted apart.
    pub key: LimitKey,
}

/// What a rule leads to.
#[derive(Debug)]
pub struct Rule {
    /// Unique in the set.
    pub id: Arc<str>,
    /// `file:line:column` of the policy.
    pub place: String,
    /// What follows.
    pub effect: Effect,
    /// Why.
    pub reason: String,
    /// Lower goes first.
    pub priority: i64,
    /// How bad it is.
    pub severity: Severity,
    /// Ids of public catalogues.
    pub ids: Vec<String>,
    /// Whatever else its author keeps with it.
    pub metadata: Map<String, Value>,
    /// Checks that do not count for what it matches.
    pub waives: Vec<Dimension>,
    /// Which kinds of action it speaks of.
    pub applies_to: ActionTypes,
    pub(super) condition: Cond,
}

/// The first rule that matches.
#[derive(Debug, Clone, Copy)]
pub struct Matched<'p> {
    /// The rule.
    pub rule: &'p Rule,
    /// Whether it matches for certain, or because it restricts and its condition is unknown.
    pub certain: bool,
}

/// Policies, compiled.
#[derive(Debug, Default)]
pub struct PolicySet {
    pub(super) rules: Vec<Rule>,
    pub(super) by_type: [Index; ActionType::ALL.len()],
    pub(super) limits: Vec<LimitSpec>,
    pub(super) digest: String,
}

/// Which rules can match: those that name the target, and those that do not.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) by_target: HashMap<Box<str>, Vec<u32>>,
    pub(super) others: Vec<u32>,
}

#[derive(Debug)]
pub(super) enum Cond {
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
    Types(ActionTypes),
    Target(Check),
    Agent(Check),
    Parameter(Vec<String>, Check),
    AnyParameter(Check),
    Url(UrlPart, Check),
    Path(Check),
    Limit(usize),
}

#[derive(Debug)]
pub(super) enum Check {
    All(Vec<Check>),
    Equals(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    Pattern(Pattern),
    Glob(Vec<Glob>),
}

impl PolicySet {
    /// The rules in the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rate limits of all rules.
    pub fn limits(&self) -> &[LimitSpec] {
        &self.limits
    }

    /// `sha256:…` over the meaning of all rules in their order.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The first rule that matches, where `over` says of each rate limit whether it is exceeded.
    pub fn first_match(&self, facts: &Facts<'_>, over: &dyn Fn(usize) -> bool) -> Option<Matched<'_>> {
        let limits = |limit: usize| Tri::from(over(limit));
        self.candidates(facts).find_map(|rule| {
            let holds = rule.condition.holds(facts, &limits);
            let matches = holds == Tri::True || (holds == Tri::Unknown && rule.effect != Effect::Allow);
            matches.then_some(Matched { rule, certain: holds == Tri::True })
        })
    }

    /// The rate limits that this action counts towards: those on which a rule's match depends.
    pub fn limits_touched(&self, facts: &Facts<'_>) -> Vec<usize> {
        if self.limits.is_empty() {
            return Vec::new();
        }
        let mut touched = Vec::new();
        for rule in self.candidates(facts).filter(|rule| rule.condition.has_limit()) {
            // With the limits unknown, a rule is false only if something else makes it so.
            if rule.condition.holds(facts, &|_| Tri::Unknown) != Tri::False {
                rule.condition.collect_limits(&mut touched);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Rules that speak of this type and may speak of this target, in order.
    fn candidates<'p>(&'p self, facts: &Facts<'_>) -> impl Iterator<Item = &'p Rule> + use<'p> {
        let index = self.by_type.get(facts.request().action_type().index());
        let named = index.and_then(|index| index.by_target.get(facts.request().target().as_str()));
        let mut named = named.map(Vec::as_slice).unwrap_or_default().iter().peekable();
        let mut others = index.map(|index| index.others.as_slice()).unwrap_or_default().iter().peekable();
        std::iter::from_fn(move || match (named.peek(), others.peek()) {
            (Some(a), Some(b)) if a < b => named.next(),
            (_, Some(_)) => others.next(),
            _ => named.next(),
        })
        .filter_map(|rule| self.rules.get(usize::try_from(*rule).ok()?))
    }
}

impl Cond {
    fn holds(&self, facts: &Facts<'_>, over: &dyn Fn(usize) -> Tri) -> Tri {
        let request = facts.request();
        match self {
            Self::All(parts) => Tri::all(parts.iter().map(|part| part.holds(facts, over))),
            Self::Any(parts) => Tri::any(parts.iter().map(|part| part.holds(facts, over))),
            Self::Not(inner) => !inner.holds(facts, over),
            Self::Types(types) => types.contains(request.action_type()).into(),
            Self::Target(check) => check.text(request.target().as_str()),
            Self::Agent(check) => check.text(request.agent_id().as_str()),
            Self::Parameter(path, check) => {
                let mut found = Vec::new();
                lookup(request.parameters(), path, &mut found);
                check.values(&found)
            }
            Self::AnyParameter(check) => Tri::any(
                request.parameters().iter().map(|(key, value)| check.text(key).max(check.anywhere(value))),
            ),
            Self::Url(part, check) => {
                Tri::agreed(facts.urls().iter().map(|url| check.url(*part, &url.outcome)))
            }
            Self::Path(check) => Tri::agreed(facts.paths().iter().map(|path| match &path.outcome {
                PathOutcome::Path(view) => check.text(&view.text),
                PathOutcome::Unparseable(_) => Tri::Unknown,
            })),
            Self::Limit(limit) => over(*limit),
        }
    }

    fn has_limit(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::has_limit),
            Self::Not(inner) => inner.has_limit(),
            Self::Limit(_) => true,
            _ => false,
        }
    }

    fn collect_limits(&self, into: &mut Vec<usize>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.collect_limits(into)),
            Self::Not(inner) => inner.collect_limits(into),
            Self::Limit(limit) => into.push(*limit),
            _ => {}
        }
    }
}

impl Check {
    fn text(&self, text: &str) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(|check| check.text(text))),
            Self::Equals(value) => same_text(value, text).into(),
            Self::In(values) => values.iter().any(|value| same_text(value, text)).into(),
            Self::NotIn(values) => (!values.iter().any(|value| same_text(value, text))).into(),
            Self::Pattern(pattern) => pattern.search(text),
            Self::Glob(globs) => globs.iter().any(|glob| glob.matches(text)).into(),
        }
    }

    /// All values that a path leads to, together. A pattern holds if it matches in any of them.
    fn values(&self, values: &[&Value]) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(|check| check.values(values))),
            Self::Pattern(_) => Tri::any(values.iter().map(|value| self.anywhere(value))),
            // Whether what is not there is "none of these" cannot be said.
            Self::NotIn(_) if values.is_empty() => Tri::Unknown,
            _ => Tri::agreed(values.iter().map(|value| self.value(value))),
        }
    }

    fn value(&self, value: &Value) -> Tri {
        match (self, value) {
            (Self::Equals(expected), _) if expected == value => Tri::True,
            (Self::Pattern(_), _) => self.anywhere(value),
            (Self::All(checks), _) => Tri::all(checks.iter().map(|check| check.value(value))),
            (_, Value::String(text)) => self.text(text),
            (_, Value::Number(number)) => self.text(&number.to_string()),
            (_, Value::Bool(value)) => self.text(if *value { "true" } else { "false" }),
            (Self::NotIn(_), Value::Null | Value::Object(_)) => Tri::Unknown,
            (Self::NotIn(_), Value::Array(items)) if items.is_empty() => Tri::Unknown,
            (_, Value::Array(items)) => Tri::agreed(items.iter().map(|item| self.value(item))),
            (_, Value::Null | Value::Object(_)) => Tri::False,
        }
    }

    /// Any key or scalar inside.
    fn anywhere(&self, value: &Value) -> Tri {
        match value {
            Value::String(text) => self.text(text),
            Value::Number(number) => self.text(&number.to_string()),
            Value::Bool(value) => self.text(if *value { "true" } else { "false" }),
            Value::Null => Tri::False,
            Value::Array(items) => Tri::any(items.iter().map(|item| self.anywhere(item))),
            Value::Object(map) => {
                Tri::any(map.iter().map(|(key, item)| self.text(key).max(self.anywhere(item))))
            }
        }
    }

    fn url(&self, part: UrlPart, outcome: &UrlOutcome) -> Tri {
        match outcome {
            UrlOutcome::Parsed(view) => self.url_view(part, view),
            UrlOutcome::Unparseable(_) if part == UrlPart::Class => self.unparseable(),
            UrlOutcome::Unparseable(_) => Tri::Unknown,
        }
    }

    /// A rule may name `unparseable` as a class; of any other test of it nothing can be said, or a rule
    /// that allows whatever is not public would allow it.
    fn unparseable(&self) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(Self::unparseable)),
            Self::Equals(_) | Self::In(_) => self.text("unparseable").max(Tri::Unknown),
            Self::NotIn(_) => self.text("unparseable").min(Tri::Unknown),
            Self::Pattern(_) | Self::Glob(_) => Tri::Unknown,
        }
    }

    fn url_view(&self, part: UrlPart, view: &UrlView) -> Tri {
        match part {
            UrlPart::Scheme => self.text(&view.scheme),
            UrlPart::Host => self.text(&view.host),
            UrlPart::Path => self.text(&view.path),
            UrlPart::Class => self.text(view.class.as_str()),
            UrlPart::Port => view.port.map_or(Tri::Unknown, |port| self.text(&port.to_string())),
        }
    }
}

/// A text is the same as a value that is written like it: `"1"` in a request is `1` in a policy.
fn same_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(expected) => expected == text,
        Value::Number(expected) => expected.to_string() == text || same_number(expected, text),
        Value::Bool(expected) => text == if *expected { "true" } else { "false" },
        _ => false,
    }
}

/// `1` and `1.0` are the same number; account numbers beyond 2^53 must not become so by rounding.
fn same_number(expected: &serde_json::Number, text: &str) -> bool {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2^53
    let pair = (expected.as_f64(), text.parse::<f64>());
    matches!(pair, (Some(a), Ok(b)) if a == b && a.abs() < EXACT_MAX)
}

/// The values that a dotted path leads to: a name that holds dots itself, nested objects, and every
/// element of a list on the way.
fn lookup<'v>(map: &'v Map<String, Value>, path: &[String], found: &mut Vec<&'v Value>) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if !rest.is_empty()
        && let Some(value) = map.get(&path.join("."))
    {
        found.push(value);
    }
    let Some(value) = map.get(first) else { return };
    descend(value, rest, found);
}

fn descend<'v>(value: &'v Value, rest: &[String], found: &mut Vec<&'v Value>) {
    match value {
        _ if rest.is_empty() => found.push(value),
        Value::Object(inner) => lookup(inner, rest, found),
        Value::Array(items) => {
            let index = rest.first().and_then(|step| step.parse::<usize>().ok());
            match index {
                Some(index) => {
                    if let Some(item) = items.get(index) {
                        descend(item, rest.get(1..).unwrap_or_default(), found);
                    }
                }
                None => items.iter().for_each(|item| descend(item, rest, found)),
            }
        }
        _ => {}
    }
}
