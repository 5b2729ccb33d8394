//! From what was typed to what it means: order, index, compiled patterns, digest.

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Pattern;
use super::matcher::{Check, Cond, LimitSpec, PolicySet, Rule};
use super::model::{ActionTypes, Condition, Policy, Spanned, Test};
use crate::diagnostic::{Diagnostic, Source};
use crate::document::Reader;
use crate::glob::Glob;
use crate::request::ActionType;

/// Compiles policies in the order in which they were read. Problems are noted; a policy with one is
/// left out, and the caller refuses the set.
pub(super) fn compile(mut policies: Vec<Policy>, problems: &mut Vec<Diagnostic>) -> PolicySet {
    policies.sort_by_key(|policy| policy.priority); // stable: then document, then position
    warn_unreachable(&policies, problems);
    let digest = digest(&policies);
    let mut set = PolicySet {
        digest,
        ..PolicySet::default()
    };
    for policy in policies {
        let mut compiler = Compiler {
            source: &policy.source,
            id: policy.id.as_str().into(),
            set: &mut set,
            problems,
        };
        let Some(condition) = compiler.condition(&policy.condition) else {
            continue;
        };
        add(&mut set, policy, condition);
    }
    set
}

fn add(set: &mut PolicySet, policy: Policy, condition: Cond) {
    let number = u32::try_from(set.rules.len()).unwrap_or(u32::MAX);
    let targets = exact_targets(&policy.condition);
    for kind in ActionType::ALL
        .into_iter()
        .filter(|kind| policy.applies_to.contains(*kind))
    {
        let Some(index) = set.by_type.get_mut(kind.index()) else {
            continue;
        };
        match &targets {
            Some(targets) => targets.iter().for_each(|target| {
                index
                    .by_target
                    .entry(target.as_str().into())
                    .or_default()
                    .push(number);
            }),
            None => index.others.push(number),
        }
    }
    let (line, column) = policy.source.position(policy.id_span.start);
    set.rules.push(Rule {
        id: policy.id.as_str().into(),
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
        let texts: Option<Vec<String>> = values
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect();
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

struct Compiler<'a> {
    source: &'a Source,
    id: Arc<str>,
    set: &'a mut PolicySet,
    problems: &'a mut Vec<Diagnostic>,
}

impl Compiler<'_> {
    fn condition(&mut self, condition: &Condition) -> Option<Cond> {
        Some(match condition {
            Condition::All(parts) => Cond::All(self.conditions(parts)?),
            Condition::Any(parts) => Cond::Any(self.conditions(parts)?),
            Condition::Not(inner) => Cond::Not(Box::new(self.condition(inner)?)),
            Condition::ActionType(types) => Cond::Types(*types),
            Condition::Target(test) => Cond::Target(self.test(test)?),
            Condition::Agent(test) => Cond::Agent(self.test(test)?),
            Condition::Parameter(path, test) => Cond::Parameter(path.clone(), self.test(test)?),
            Condition::AnyParameter(test) => Cond::AnyParameter(self.test(test)?),
            Condition::Url(part, test) => Cond::Url(*part, self.test(test)?),
            Condition::Path(test) => Cond::Path(self.path_test(test)?),
            Condition::RateLimit(limit) => {
                self.set.limits.push(LimitSpec {
                    policy_id: self.id.clone(),
                    max: limit.max,
                    window_seconds: limit.window_seconds,
                    key: limit.key,
                });
                Cond::Limit(self.set.limits.len().saturating_sub(1))
            }
        })
    }

    fn conditions(&mut self, parts: &[Condition]) -> Option<Vec<Cond>> {
        let compiled: Vec<Option<Cond>> = parts.iter().map(|part| self.condition(part)).collect();
        compiled.into_iter().collect()
    }

    fn test(&mut self, test: &Test) -> Option<Check> {
        self.test_with(test, Glob::new)
    }

    /// In a path, `*` stays within a folder and `**` does not.
    fn path_test(&mut self, test: &Test) -> Option<Check> {
        self.test_with(test, Glob::path)
    }

    fn test_with(
        &mut self,
        test: &Test,
        glob: fn(&str) -> Result<Glob, crate::glob::GlobError>,
    ) -> Option<Check> {
        Some(match test {
            Test::All(tests) => {
                let checks: Vec<Option<Check>> =
                    tests.iter().map(|test| self.test_with(test, glob)).collect();
                Check::All(checks.into_iter().collect::<Option<_>>()?)
            }
            Test::Equals(value) => Check::Equals(value.clone()),
            Test::In(values) => Check::In(values.clone()),
            Test::NotIn(values) => Check::NotIn(values.clone()),
            Test::Pattern(text) => Check::Pattern(self.pattern(text)?),
            Test::Glob(globs) => {
                let globs: Vec<Option<Glob>> = globs.iter().map(|text| self.glob(text, glob)).collect();
                Check::Glob(globs.into_iter().collect::<Option<_>>()?)
            }
        })
    }

    fn pattern(&mut self, text: &Spanned) -> Option<Pattern> {
        match Pattern::new(&text.text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let help = "patterns are those of the Rust `regex` crate, with look-around".to_owned();
                self.error(
                    text,
                    format!("this pattern is not understood: {error}"),
                    Some(help),
                );
                None
            }
        }
    }

    fn glob(
        &mut self,
        text: &Spanned,
        make: fn(&str) -> Result<Glob, crate::glob::GlobError>,
    ) -> Option<Glob> {
        match make(&text.text) {
            Ok(glob) => Some(glob),
            Err(error) => {
                self.error(text, format!("this glob is not understood: {error}"), None);
                None
            }
        }
    }

    fn error(&mut self, text: &Spanned, message: String, help: Option<String>) {
        let mut reader = Reader::new(self.source);
        reader.error(&text.span, message, "here", help);
        self.problems.extend(reader.into_problems());
    }
}

/// A rule behind one that always matches can never be the first.
fn warn_unreachable(policies: &[Policy], problems: &mut Vec<Diagnostic>) {
    let mut caught: Option<&Policy> = None;
    for policy in policies {
        if let Some(first) = caught
            && first.applies_to.covers(policy.applies_to)
        {
            let mut reader = Reader::new(&policy.source);
            let message = format!("the policy `{}` is never reached", policy.id);
            let help = format!(
                "`{}` matches everything before it; give it a lower `priority` number",
                first.id
            );
            reader.warning(&policy.id_span, message, "never matches", Some(help));
            problems.extend(reader.into_problems());
        }
        let always = matches!(&policy.condition, Condition::All(parts) if parts.is_empty());
        if always && caught.is_none_or(|first| first.applies_to != ActionTypes::ALL) {
            caught = Some(policy);
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
