//! What `maais policy check` says beyond what loading says: rules that never matter, conditions that never hold,
//! patterns that do not mean what they say.
//!
//! Warnings only, and only what is certain: a rule is called unreachable if another matches wherever it does.
//! Nothing here runs when an engine starts.

mod advice;
mod automaton;
mod cover;

use std::collections::{BTreeSet, HashMap};

use super::canonical;
use super::model::{Condition, Mode, Policy, Subject, Test};
use super::tools::ToolTypes;
use crate::decision::Effect;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::document::{Reader, listed};
use crate::suggest::did_you_mean;
use cover::{Conjunction, Work, contradiction, covers};

/// Pairs of rules that are compared in one run.
const PAIRS_MAX: usize = 4_000_000;

/// Everything that is odd about policies which load.
///
/// # Errors
/// Why they do not load.
pub fn lint(sources: &[Source]) -> Result<Vec<Diagnostic>, Diagnostics> {
    let super::Read { parsed, .. } = super::read(sources)?;
    let mut policies = parsed.policies;
    policies.sort_by_key(|policy| policy.priority);
    let parts: Vec<Conjunction<'_>> =
        policies.iter().map(|policy| Conjunction::of(&policy.condition)).collect();
    let put: BTreeSet<&str> =
        parsed.labels.iter().flat_map(|rule| rule.add.iter().map(String::as_str)).collect();
    let mut work = Work::default();
    let mut found = Vec::new();
    for (policy, parts) in policies.iter().zip(&parts) {
        let mut note = Note { policy, found: &mut found };
        on_metadata(&mut note);
        on_condition(&mut note, parts, &mut work);
        on_patterns(&mut note);
        on_tools(&mut note, parts, &parsed.tools);
        on_labels(&mut note, &put);
    }
    let complete = on_order(&policies, &parts, &mut work, &mut found);
    if (!complete || work.exhausted)
        && let Some(last) = policies.last()
    {
        let message = "there are too many rules to compare each with all others; some were not compared";
        Note { policy: last, found: &mut found }.warn(message.to_owned(), "up to here", String::new(), None);
    }
    Ok(found)
}

/// Where warnings about one policy go.
struct Note<'a> {
    policy: &'a Policy,
    found: &'a mut Vec<Diagnostic>,
}

impl Note<'_> {
    fn warn(&mut self, message: String, label: &str, help: String, other: Option<&Policy>) {
        let mut reader = Reader::new(&self.policy.source);
        reader.warning(&self.policy.id_span, message, label, (!help.is_empty()).then_some(help));
        let related = other.map(|other| (other.source.clone(), other.id_span.clone(), "this one".to_owned()));
        let problems = reader.into_problems().into_iter();
        self.found.extend(problems.map(|problem| Diagnostic { related: related.clone(), ..problem }));
    }
}

/// Who answers for a rule, how bad it is and what it is about: without these an alert says nothing.
fn on_metadata(note: &mut Note<'_>) {
    let policy = note.policy;
    if policy.decision == Effect::Allow {
        return;
    }
    let mut missing = Vec::new();
    for key in ["owner", "severity"] {
        if !policy.metadata.contains_key(key) {
            missing.push(key);
        }
    }
    if policy.ids.is_empty() {
        missing.push("mitre_technique`, `atlas` or `owasp");
    }
    if !missing.is_empty() {
        let message = format!("the policy `{}` has no {}", policy.id, listed(&missing));
        note.warn(message, "in its `metadata`", "alerts and reports use these".to_owned(), None);
    }
}

fn on_condition(note: &mut Note<'_>, parts: &Conjunction<'_>, work: &mut Work) {
    let policy = note.policy;
    if let Some(subject) = contradiction(parts, work) {
        let message =
            format!("the policy `{}` never matches: its tests of `{subject}` exclude each other", policy.id);
        note.warn(message, "never matches", "use `or`, or remove one of them".to_owned(), None);
    }
    let mut seen = BTreeSet::new();
    for (subject, test) in &parts.leaves {
        if !seen.insert((subject.key(), canonical::test(test).to_string())) {
            let message =
                format!("the policy `{}` tests `{}` twice in the same way", policy.id, subject.key());
            note.warn(message, "in this one", "remove one of them".to_owned(), None);
        }
    }
}

fn on_patterns(note: &mut Note<'_>) {
    let policy = note.policy;
    for advice in advice::advice(policy) {
        note.warn(advice.message, "in this policy", advice.help, None);
    }
    let mut budgeted = 0;
    each_test(&policy.condition, &mut |_, test| {
        if let Test::Pattern(pattern) = test {
            budgeted += usize::from(pattern.is_budgeted());
        }
    });
    if budgeted > 0 {
        let message =
            format!("the policy `{}` has a pattern whose look-around cannot be rewritten", policy.id);
        let help =
            "it runs within a budget, and beyond it the answer is unknown; write it with `not`".to_owned();
        note.warn(message, "in this policy", help, None);
    }
}

fn each_test(condition: &Condition, see: &mut dyn FnMut(&Subject, &Test)) {
    fn inner(subject: &Subject, test: &Test, see: &mut dyn FnMut(&Subject, &Test)) {
        see(subject, test);
        match test {
            Test::All(tests) => tests.iter().for_each(|test| inner(subject, test, see)),
            Test::AnyOf(test) | Test::AllOf(test) | Test::View(_, test) => inner(subject, test, see),
            _ => {}
        }
    }
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| each_test(part, see)),
        Condition::Not(of) => each_test(of, see),
        Condition::History(history) => each_test(&history.condition, see),
        Condition::Holds(subject, test) => inner(subject, test, see),
        _ => {}
    }
}

/// A parameter that none of the tools has which the rule names.
fn on_tools(note: &mut Note<'_>, parts: &Conjunction<'_>, tools: &ToolTypes) {
    let policy = note.policy;
    let targets = parts.leaves.iter().find_map(|(subject, test)| match (subject, test) {
        (Subject::Target, Test::Equals(value)) => Some(vec![value.as_str()?]),
        (Subject::Target, Test::In(values)) => values.iter().map(|value| value.as_str()).collect(),
        _ => None,
    });
    let Some(declared) = targets.and_then(|targets| {
        targets.into_iter().map(|target| tools.parameters(target)).collect::<Option<Vec<_>>>()
    }) else {
        return;
    };
    let mut unknown = Vec::new();
    each_test(&policy.condition, &mut |subject, _| {
        if let Subject::Parameter(path) = subject
            && let Some(name) = path.first()
            && !declared.iter().any(|parameters| parameters.contains_key(name))
            && !unknown.contains(name)
        {
            unknown.push(name.clone());
        }
    });
    for name in unknown {
        let names: Vec<&str> = declared.iter().flat_map(|tool| tool.keys().map(String::as_str)).collect();
        let message =
            format!("the policy `{}` tests `parameters.{name}`, which its tools do not have", policy.id);
        let help =
            format!("`tools` declares {}{}", listed(&names), did_you_mean(&name, names.iter().copied()));
        note.warn(message, "in this policy", help, None);
    }
}

/// A label that no file puts on a session.
fn on_labels(note: &mut Note<'_>, put: &BTreeSet<&str>) {
    fn asked<'p>(condition: &'p Condition, into: &mut Vec<&'p str>) {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| asked(part, into)),
            Condition::Not(inner) => asked(inner, into),
            Condition::Labels(labels) => into.extend(labels.iter().map(String::as_str)),
            _ => {}
        }
    }
    let policy = note.policy;
    let mut names = Vec::new();
    asked(&policy.condition, &mut names);
    for name in names.into_iter().filter(|name| !put.contains(name)) {
        let message =
            format!("the policy `{}` asks for the label `{name}`, which nothing here puts", policy.id);
        let help = format!("add it to `labels`{}", did_you_mean(name, put.iter().copied()));
        note.warn(message, "in this policy", help, None);
    }
}

/// Rules behind others that match wherever they do. False if there were too many to compare.
fn on_order(
    policies: &[Policy],
    parts: &[Conjunction<'_>],
    work: &mut Work,
    found: &mut Vec<Diagnostic>,
) -> bool {
    let enforced: Vec<(&Policy, &Conjunction<'_>)> =
        policies.iter().zip(parts).filter(|(policy, _)| policy.mode == Mode::Enforce).collect();
    let mut same: HashMap<String, (&Policy, &Conjunction<'_>)> = HashMap::new();
    let mut pairs = 0_usize;
    for (at, second) in enforced.iter().enumerate() {
        let (policy, parts) = *second;
        let form = format!("{:?} {}", policy.applies_to, canonical::condition(&policy.condition));
        if let Some(first) = same.get(form.as_str())
            && covers(*first, *second, work)
        {
            shadowed(policy, first.0, "asks exactly what", found);
            continue;
        }
        same.entry(form).or_insert(*second);
        // What always matches is told by the loader.
        for first in enforced.iter().take(at).filter(|(_, a)| !a.leaves.is_empty() || !a.others.is_empty()) {
            pairs += 1;
            if pairs > PAIRS_MAX {
                return false;
            }
            if first.1.leaves.len() <= parts.leaves.len() && covers(*first, *second, work) {
                shadowed(policy, first.0, "matches wherever", found);
                break;
            }
        }
    }
    true
}

fn shadowed(policy: &Policy, first: &Policy, how: &str, found: &mut Vec<Diagnostic>) {
    let mut note = Note { policy, found };
    if policy.decision == first.decision {
        let message =
            format!("the policy `{}` is redundant: `{}` before it {how} it does", policy.id, first.id);
        note.warn(
            message,
            "never decides",
            "remove it, or give it a lower `priority`".to_owned(),
            Some(first),
        );
        return;
    }
    let (id, before) = (&policy.id, &first.id);
    let message = format!(
        "the policy `{id}` ({}) is never reached: `{before}` ({}) before it {how} it does",
        policy.decision, first.decision
    );
    note.warn(message, "never decides", "give it a lower `priority` number".to_owned(), Some(first));
}
