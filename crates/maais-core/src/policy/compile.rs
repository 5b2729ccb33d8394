//! From what was typed to what it means: order, index, compiled patterns, digest.

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::matcher::{Check, Cond, LimitSpec, PolicySet, Rule};
use super::model::{ActionTypes, Condition, Policy, Test};
use crate::diagnostic::Diagnostic;
use crate::document::{Reader, listed};
use crate::request::ActionType;

/// Compiles policies in the order in which they were read, and warns of those that are never reached.
pub(super) fn compile(mut policies: Vec<Policy>, problems: &mut Vec<Diagnostic>) -> PolicySet {
    policies.sort_by_key(|policy| policy.priority); // stable: then document, then position
    warn_unreachable(&policies, problems);
    let mut set = PolicySet { digest: digest(&policies), ..PolicySet::default() };
    for policy in policies {
        add(&mut set, policy);
    }
    set
}

fn add(set: &mut PolicySet, policy: Policy) {
    let number = u32::try_from(set.rules.len()).unwrap_or(u32::MAX);
    let targets = exact_targets(&policy.condition);
    for kind in ActionType::ALL.into_iter().filter(|kind| policy.applies_to.contains(*kind)) {
        let Some(index) = set.by_type.get_mut(kind.index()) else {
            continue;
        };
        match &targets {
            Some(targets) => targets.iter().for_each(|target| {
                index.by_target.entry(target.as_str().into()).or_default().push(number);
            }),
            None => index.others.push(number),
        }
    }
    let (line, column) = policy.source.position(policy.id_span.start);
    let id: Arc<str> = policy.id.as_str().into();
    let mut compiler = Compiler { id: id.clone(), limits: &mut set.limits };
    let condition = compiler.condition(policy.condition);
    set.rules.push(Rule {
        id,
        place: format!("{}:{line}:{column}", policy.source.name),
        effect: policy.decision,
        reason: policy.reason,
        priority: policy.priority,
        severity: policy.severity,
        ids: policy.ids,
        metadata: policy.metadata,
        waives: policy.waives,
        applies_to: policy.applies_to,
        condition,
    });
}

/// The targets outside which the condition certainly does not hold, if it names them.
fn exact_targets(condition: &Condition) -> Option<Vec<String>> {
    let texts = |values: &[serde_json::Value]| {
        let texts: Option<Vec<String>> =
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
        texts.map(|mut texts| {
            texts.sort();
            texts.dedup();
            texts
        })
    };
    let of_test = |test: &Test| match test {
        Test::Equals(value) => texts(std::slice::from_ref(value)),
        Test::In(values) => texts(values),
        Test::All(tests) => tests.iter().find_map(|test| match test {
            Test::Equals(value) => texts(std::slice::from_ref(value)),
            Test::In(values) => texts(values),
            _ => None,
        }),
        _ => None,
    };
    match condition {
        Condition::All(parts) => parts.iter().find_map(exact_targets),
        Condition::Target(test) => of_test(test),
        _ => None,
    }
}

/// Where a policy's rate limits are collected while its condition is compiled.
struct Compiler<'a> {
    id: Arc<str>,
    limits: &'a mut Vec<LimitSpec>,
}

impl Compiler<'_> {
    fn condition(&mut self, condition: Condition) -> Cond {
        match condition {
            Condition::All(parts) => Cond::All(self.conditions(parts)),
            Condition::Any(parts) => Cond::Any(self.conditions(parts)),
            Condition::Not(inner) => Cond::Not(Box::new(self.condition(*inner))),
            Condition::ActionType(types) => Cond::Types(types),
            Condition::Target(test) => Cond::Target(check(test)),
            Condition::Agent(test) => Cond::Agent(check(test)),
            Condition::Parameter(path, test) => Cond::Parameter(path, check(test)),
            Condition::AnyParameter(test) => Cond::AnyParameter(check(test)),
            Condition::Url(part, test) => Cond::Url(part, check(test)),
            Condition::Path(test) => Cond::Path(check(test)),
            Condition::RateLimit(limit) => {
                self.limits.push(LimitSpec {
                    policy_id: self.id.clone(),
                    max: limit.max,
                    window_seconds: limit.window_seconds,
                    key: limit.key,
                });
                Cond::Limit(self.limits.len().saturating_sub(1))
            }
        }
    }

    fn conditions(&mut self, parts: Vec<Condition>) -> Vec<Cond> {
        parts.into_iter().map(|part| self.condition(part)).collect()
    }
}

fn check(test: Test) -> Check {
    match test {
        Test::All(tests) => Check::All(tests.into_iter().map(check).collect()),
        Test::Equals(value) => Check::Equals(value),
        Test::In(values) => Check::In(values),
        Test::NotIn(values) => Check::NotIn(values),
        Test::Pattern(pattern) => Check::Pattern(pattern),
        Test::Glob(globs) => Check::Glob(globs),
    }
}

/// A rule behind others that always match can never be the first.
fn warn_unreachable(policies: &[Policy], problems: &mut Vec<Diagnostic>) {
    let mut caught = ActionTypes::default();
    let mut catching: Vec<&str> = Vec::new();
    for policy in policies {
        if caught.covers(policy.applies_to) {
            let mut reader = Reader::new(&policy.source);
            let message = format!("the policy `{}` is never reached", policy.id);
            let help = format!(
                "{} before it already takes every action; give this one a lower `priority` number",
                listed(&catching)
            );
            reader.warning(&policy.id_span, message, "never matches", Some(help));
            problems.extend(reader.into_problems());
            continue;
        }
        if matches!(&policy.condition, Condition::All(parts) if parts.is_empty()) {
            caught = caught.union(policy.applies_to);
            catching.push(&policy.id);
        }
    }
}

/// SHA-256 over every policy as JSON with sorted keys, in the order in which they are tried.
fn digest(policies: &[Policy]) -> String {
    let mut hasher = Sha256::new();
    for policy in policies {
        hasher.update(policy.canonical.to_string().as_bytes());
        hasher.update(b"\n");
    }
    let mut text = String::from("sha256:");
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
