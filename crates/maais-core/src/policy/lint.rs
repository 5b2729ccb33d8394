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
use crate::diagnostic::{Diagnostic, Diagnostics, Level, Source};
use crate::document::listed;
use crate::suggest::did_you_mean;
use cover::{Conjunction, Ways, Work, contradiction, covers, parting};

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
    let rules: Vec<Ways<'_>> = policies
        .iter()
        .map(|policy| Ways { policy, ways: Conjunction::alternatives(&policy.condition) })
        .collect();
    let put: BTreeSet<&str> =
        parsed.labels.iter().flat_map(|rule| rule.add.iter().map(String::as_str)).collect();
    let mut work = Work::default();
    let mut found = Vec::new();
    for rule in &rules {
        let mut note = Note { policy: rule.policy, found: &mut found };
        let parts = Conjunction::of(&rule.policy.condition);
        on_metadata(&mut note);
        on_condition(&mut note, &parts, &rule.ways, &mut work);
        on_patterns(&mut note);
        on_tools(&mut note, &parts, &parsed.tools);
        on_labels(&mut note, &put);
    }
    let complete = on_order(&rules, &mut work, &mut found);
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
        self.tell(Level::Warning, message, label, help, other);
    }

    fn tell(&mut self, level: Level, message: String, label: &str, help: String, other: Option<&Policy>) {
        let related = other.map(|other| (other.source.clone(), other.id_span.clone(), "this one".to_owned()));
        self.found.push(Diagnostic {
            level,
            message,
            source: self.policy.source.clone(),
            span: self.policy.id_span.clone(),
            label: label.to_owned(),
            related,
            help: (!help.is_empty()).then_some(help),
        });
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

fn on_condition(note: &mut Note<'_>, parts: &Conjunction<'_>, ways: &[Conjunction<'_>], work: &mut Work) {
    let policy = note.policy;
    let excluded: Vec<Option<String>> = ways.iter().map(|way| contradiction(way, work)).collect();
    if let Some(subject) = excluded.iter().flatten().next() {
        let (what, label) = match excluded.iter().all(Option::is_some) {
            true => ("never matches", "never matches"),
            false => ("has an alternative that never holds", "in this policy"),
        };
        let message =
            format!("the policy `{}` {what}: its tests of `{subject}` exclude each other", policy.id);
        note.warn(message, label, "use `or`, or remove one of them".to_owned(), None);
    }
    if let Some(twice) = same_alternative(&policy.condition) {
        let message = format!("the policy `{}` has the same alternative twice: {twice}", policy.id);
        note.warn(message, "in this one", "remove one of them".to_owned(), None);
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

/// A part of an `or` that stands there more than once.
fn same_alternative(condition: &Condition) -> Option<String> {
    match condition {
        Condition::Any(parts) => {
            let mut seen = BTreeSet::new();
            let mut forms = parts.iter().map(|part| canonical::condition(part).to_string());
            let twice = forms.find(|form| !seen.insert(form.clone()));
            twice.or_else(|| parts.iter().find_map(same_alternative))
        }
        Condition::All(parts) => parts.iter().find_map(same_alternative),
        Condition::Not(inner) => same_alternative(inner),
        _ => None,
    }
}

fn on_patterns(note: &mut Note<'_>) {
    let policy = note.policy;
    for advice in advice::advice(policy) {
        note.warn(advice.message, "in this policy", advice.help, None);
    }
    let mut budgeted = Vec::new();
    each_test(&policy.condition, &mut |_, test| {
        if let Test::Pattern(pattern) = test
            && pattern.is_budgeted()
        {
            budgeted.push(pattern.clone());
        }
    });
    for pattern in budgeted {
        let shown = pattern.as_str();
        let (message, help) = match advice::exhausting(&pattern) {
            Some(text) => (
                format!(
                    "the pattern `{shown}` of the policy `{}` is catastrophic: it backtracks on `{text}` until its \
                     budget is spent",
                    policy.id
                ),
                "whoever writes such a text makes the answer unknown; write it without look-around, with `not`",
            ),
            None => (
                format!(
                    "the policy `{}` has a pattern whose look-around cannot be rewritten: `{shown}`",
                    policy.id
                ),
                "it runs within a budget, and beyond it the answer is unknown; write it with `not`",
            ),
        };
        note.warn(message, "in this policy", help.to_owned(), None);
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
fn on_order(rules: &[Ways<'_>], work: &mut Work, found: &mut Vec<Diagnostic>) -> bool {
    let enforced: Vec<&Ways<'_>> = rules.iter().filter(|rule| rule.policy.mode == Mode::Enforce).collect();
    let mut same: HashMap<String, &Ways<'_>> = HashMap::new();
    let mut pairs = 0_usize;
    for (at, second) in enforced.iter().enumerate() {
        let policy = second.policy;
        let form = format!("{:?} {}", policy.applies_to, canonical::condition(&policy.condition));
        if let Some(first) = same.get(form.as_str())
            && covers(first, second, work)
        {
            shadowed(policy, first.policy, "asks exactly what", found);
            continue;
        }
        same.entry(form).or_insert(second);
        // What always matches is told by the loader.
        for first in enforced.iter().take(at).filter(|first| !first.ways.iter().any(Conjunction::is_empty)) {
            pairs += 1;
            if pairs > PAIRS_MAX {
                return false;
            }
            if covers(first, second, work) {
                shadowed(policy, first.policy, "matches wherever", found);
                break;
            }
            on_parting(first, second, work, found);
        }
    }
    true
}

/// A rule that allows some of what a later one is there to stop: perhaps an exception, perhaps a hole.
fn on_parting(first: &Ways<'_>, second: &Ways<'_>, work: &mut Work, found: &mut Vec<Diagnostic>) {
    let (policy, before) = (second.policy, first.policy);
    if before.decision != Effect::Allow || policy.decision == Effect::Allow {
        return;
    }
    let Some(texts) = parting(first, second, work) else { return };
    let message = format!(
        "`{}` (ALLOW) takes some of what the policy `{}` ({}) after it is about: with `{}` as `{}`, but not with `{}`",
        before.id, policy.id, policy.decision, texts.subject, texts.both, texts.second
    );
    let help = "if this is no exception that you mean, give the rule that allows a higher `priority` number"
        .to_owned();
    Note { policy, found }.tell(Level::Note, message, "is not asked about the first", help, Some(before));
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
