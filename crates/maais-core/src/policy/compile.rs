//! From what was typed to what it means: order, index, questions about the past, digest.

use std::collections::HashMap;
use std::sync::Arc;

use super::canonical;
use super::history::HistorySpec;
use super::index::Index;
use super::matcher::{Cond, Label, LimitSpec, PolicySet, Rule};
use super::model::{ActionTypes, Condition, History, LabelRule, Mode, Policy};
use super::parse::Parsed;
use crate::decision::Effect;
use crate::diagnostic::Diagnostic;
use crate::document::{Reader, listed};

/// Questions about the past that one set may ask.
const HISTORIES_MAX: usize = 1_000;

/// Compiles what was read, and warns of policies that are never reached.
pub(super) fn compile(parsed: Parsed<'_>, problems: &mut Vec<Diagnostic>) -> PolicySet {
    let Parsed { mut policies, labels, tools, default_decision, .. } = parsed;
    policies.sort_by_key(|policy| policy.priority); // stable: then document, then position
    warn_unreachable(&policies, problems);
    let digest = canonical::digest(&policies, &labels, &tools, default_decision);
    let mut compiler = Compiler::default();
    compiler.labels(&labels);
    let last = policies.last().map(|policy| (policy.source.clone(), policy.id_span.clone()));
    let rules: Vec<Rule> = policies.into_iter().map(|policy| rule(&mut compiler, policy)).collect();
    if let Some((source, span)) = last.filter(|_| compiler.histories.len() > HISTORIES_MAX) {
        let mut reader = Reader::new(&source);
        let message = format!("more than {HISTORIES_MAX} different `after`, `count` and `labels`");
        reader.error(&span, message, "up to here", Some("ask the same question in fewer ways".to_owned()));
        problems.extend(reader.into_problems());
    }
    let limited = rules.iter().enumerate().filter(|(_, rule)| rule.condition.has_limit());
    PolicySet {
        index: Index::new(&rules),
        limited: limited.filter_map(|(at, _)| u32::try_from(at).ok()).collect(),
        limits: compiler.limits,
        histories: compiler.histories,
        tools,
        default_decision,
        digest,
        rules,
    }
}

fn rule(compiler: &mut Compiler, policy: Policy) -> Rule {
    let (line, column) = policy.source.position(policy.id_span.start);
    let id: Arc<str> = policy.id.as_str().into();
    compiler.id = id.clone();
    let condition = compiler.condition(&policy.condition);
    Rule {
        id,
        place: format!("{}:{line}:{column}", policy.source.name),
        effect: policy.decision,
        reason: policy.reason,
        priority: policy.priority,
        severity: policy.severity,
        ids: policy.ids,
        metadata: policy.metadata,
        waives: policy.waives,
        approvers: policy.approvers,
        shadow: policy.mode == Mode::Shadow,
        applies_to: policy.applies_to,
        condition,
    }
}

/// Where limits and questions about the past are collected while conditions are compiled.
#[derive(Default)]
struct Compiler {
    id: Arc<str>,
    limits: Vec<LimitSpec>,
    histories: Vec<HistorySpec>,
    by_name: HashMap<Box<str>, usize>,
    by_label: HashMap<String, Vec<usize>>,
}

impl Compiler {
    fn condition(&mut self, condition: &Condition) -> Cond {
        match condition {
            Condition::All(parts) => match parts.as_slice() {
                [one] => self.condition(one),
                _ => Cond::All(self.conditions(parts)),
            },
            Condition::Any(parts) => Cond::Any(self.conditions(parts)),
            Condition::Not(inner) => Cond::Not(Box::new(self.condition(inner))),
            Condition::ActionType(types) => Cond::Types(*types),
            Condition::Holds(subject, test) => Cond::Holds(subject.clone().into(), test.clone().into()),
            Condition::Time(hours) => Cond::Time(Box::new(hours.clone())),
            Condition::Limit(limit) => {
                self.limits.push(LimitSpec {
                    policy_id: self.id.clone(),
                    max: limit.max,
                    window_seconds: limit.window_seconds,
                    key: limit.key,
                    cost: limit.cost.clone(),
                });
                Cond::Limit(self.limits.len().saturating_sub(1))
            }
            Condition::History(history) => Cond::History(self.history(history)),
            Condition::Labels(labels) => {
                let label = |name: &String| Label {
                    name: name.as_str().into(),
                    left_by: self.by_label.get(name).cloned().unwrap_or_default().into(),
                };
                Cond::Labels(labels.iter().map(label).collect())
            }
        }
    }

    fn conditions(&mut self, parts: &[Condition]) -> Box<[Cond]> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    /// The number of a question; the same question has one number however often it is asked.
    fn history(&mut self, history: &History) -> usize {
        let name: Box<str> = canonical::history(history).to_string().into();
        if let Some(number) = self.by_name.get(&name) {
            return *number;
        }
        let condition = self.condition(&history.condition);
        let number = self.histories.len();
        self.histories.push(HistorySpec {
            name: name.clone(),
            condition,
            at_least: history.at_least,
            within_ms: history.within_ms,
            effect: history.effect,
        });
        self.by_name.insert(name, number);
        number
    }

    /// A label is the question whether something that leaves it was ever allowed.
    fn labels(&mut self, labels: &[LabelRule]) {
        for rule in labels {
            let asked = History {
                condition: Box::new(rule.when.clone()),
                at_least: 1,
                within_ms: None,
                effect: Effect::Allow,
            };
            let number = self.history(&asked);
            for label in &rule.add {
                self.by_label.entry(label.clone()).or_default().push(number);
            }
        }
    }
}

/// A rule behind others that always match can never be the first.
fn warn_unreachable(policies: &[Policy], problems: &mut Vec<Diagnostic>) {
    let mut caught = ActionTypes::default();
    let mut catching: Vec<&str> = Vec::new();
    for policy in policies.iter().filter(|policy| policy.mode == Mode::Enforce) {
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
